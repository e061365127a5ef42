/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/till1.c -- see till1.h. */
#include "till1.h"

#define TILL1_STATE(F, L, M) \
    F(1, i64, sum) F(2, u32, counted) M(3, till1_line, lines) L(4, i64, sums) F(5, text, owner)
SOUK_STATE(till1, TILL1_STATE);

static souk_verdict
decide_till1_sell(const struct till1 *t SOUK_UNUSED, const struct till1_sell *c, souk_turn *turn)
{
    if (!c->units) return till1_nothing;
    souk_emit(turn, till1_sold, .sku = c->sku, .units = c->units, .price = c->price);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till1_remind(const struct till1 *t SOUK_UNUSED, const struct till1_remind *c, souk_turn *turn)
{
    souk_wake(turn, c->delay_ms, till1_count);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till1_count(const struct till1 *t SOUK_UNUSED, const struct till1_count *c SOUK_UNUSED, souk_turn *turn)
{
    struct till1_line found[] = { { 3, 1 }, { 4, 1 } };
    souk_emit(turn, till1_counted, .by = 1, .found = { found, 2 });
    return SOUK_ACCEPT;
}

static souk_verdict
answer_till1_show(const struct till1 *t, const struct till1_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct till1_view *view)
{
    *view = (struct till1_view){ t->sum, t->counted, souk_size(t, lines), souk_text_in(&t->owner) };
    return SOUK_ACCEPT;
}

static void
apply_till1_sold(struct till1 *t, const struct till1_sold *e)
{
    struct till1_line *line = souk_put(t, lines, e->sku);
    line->units += e->units;
    line->price = e->price;
    t->sum += e->units * e->price;
    *souk_add(t, sums) = t->sum;
    souk_set_text(t, owner, SOUK_TEXT("the first"));
}

static void
apply_till1_counted(struct till1 *t, const struct till1_counted *e)
{
    t->counted += e->by;
}

static void
check_till1(const struct till1 *t)
{
    souk_assert(souk_count(t, sums) >= souk_size(t, lines));
}

SOUK_ACTOR(till1, TILL1_TABLE);
