/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/till2.c -- see till2.h. */
#include "till2.h"

#include <string.h>

#define TILL2_STATE(F, L, M)                                                                       \
    F(1, i64, total) F(2, u32, counted) M(3, till2_line, lines) L(4, i64, sums) F(5, text, owner)  \
    F(6, u32, returned) F(7, u64, counted_ms) F(8, text, currency) F(9, u32, found)
SOUK_STATE(till2, TILL2_STATE);

/* Both the list and the text are new: one is made in scratch memory, one lives for ever. */
static struct till2_sold
lift_till2_sold_1(const struct till2_sold_1 *old, struct souk_scratch *scratch)
{
    struct till2_part *part = souk_lift_scratch(scratch, sizeof *part);
    *part = (struct till2_part){ old->sku, old->units, old->price };
    return (struct till2_sold){ .parts = { part, 1 }, .currency = SOUK_TEXT("EUR") };
}

static souk_verdict
decide_till2_sell(const struct till2 *t SOUK_UNUSED, const struct till2_sell *c, souk_turn *turn)
{
    if (!c->units) return till2_nothing;
    struct till2_part part = { c->sku, c->units, c->price };
    souk_emit(turn, till2_sold, .parts = { &part, 1 }, .currency = c->has_currency ? c->currency : SOUK_TEXT("EUR"));
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till2_remind(const struct till2 *t SOUK_UNUSED, const struct till2_remind *c, souk_turn *turn)
{
    if (c->has_again && c->again) souk_wake(turn, c->delay_ms, till2_recount);
    else souk_wake(turn, c->delay_ms, till2_count);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till2_count(const struct till2 *t SOUK_UNUSED, const struct till2_count *c SOUK_UNUSED, souk_turn *turn)
{
    souk_emit(turn, till2_counted, .by = 1, .found = { NULL, 0 }, .at_ms = souk_now_ms(turn), .has_at_ms = true);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till2_recount(const struct till2 *t, const struct till2_recount *c SOUK_UNUSED, souk_turn *turn)
{
    return decide_till2_count(t, NULL, turn);
}

static souk_verdict
decide_till2_return(const struct till2 *t, const struct till2_return *c, souk_turn *turn)
{
    const struct till2_line *line = souk_find(t, lines, c->sku);
    if (!line || line->has_returned) return till2_unsold;
    souk_emit(turn, till2_returned, .sku = c->sku);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_till2_show(const struct till2 *t, const struct till2_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct till2_view *view)
{
    *view = (struct till2_view){
        .sum = t->total, .counted = t->counted, .lines = souk_size(t, lines), .owner = souk_text_in(&t->owner),
        .returned = t->returned, .has_returned = true, .counted_ms = t->counted_ms, .has_counted_ms = t->counted_ms > 0,
        .currency = souk_text_in(&t->currency), .has_currency = t->currency.length > 0, .found = t->found,
        .has_found = true,
    };
    return SOUK_ACCEPT;
}

static void
apply_till2_sold(struct till2 *t, const struct till2_sold *e)
{
    for (uint32_t i = 0; i < e->parts.count; i++) {
        const struct till2_part *part = &e->parts.at[i];
        struct till2_line *line = souk_put(t, lines, part->sku);
        line->units += part->units;
        line->price = part->price;
        t->total += part->units * part->price;
        *souk_add(t, sums) = t->total;
    }
    souk_set_text(t, owner, SOUK_TEXT("the first"));
    souk_set_text(t, currency, e->currency);
}

static void
apply_till2_counted(struct till2 *t, const struct till2_counted *e)
{
    t->counted += e->by;
    for (uint32_t i = 0; i < e->found.count; i++) t->found += e->found.at[i].units + e->found.at[i].has_returned;
    if (e->has_at_ms) t->counted_ms = e->at_ms;
}

static void
apply_till2_returned(struct till2 *t, const struct till2_returned *e)
{
    struct till2_line *line = souk_put(t, lines, e->sku);
    line->returned = line->units;
    line->has_returned = true;
    t->returned += line->units;
}

static void
check_till2(const struct till2 *t)
{
    souk_assert(souk_count(t, sums) >= souk_size(t, lines));
}

SOUK_ACTOR(till2, TILL2_TABLE, TILL2_PAST);
