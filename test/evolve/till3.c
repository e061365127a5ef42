/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/till3.c -- see till3.h. It takes no commands: only what it reads is of interest. */
#include "till3.h"

#define TILL3_STATE(F, L, M) F(1, text, last) F(2, i64, sum) F(3, u32, counted) L(4, key, skus) F(5, u32, sales)
SOUK_STATE(till3, TILL3_STATE);

static souk_verdict
decide_till3_sell(const struct till3 *t SOUK_UNUSED, const struct till3_sell *c SOUK_UNUSED,
                  souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till3_remind(const struct till3 *t SOUK_UNUSED, const struct till3_remind *c SOUK_UNUSED,
                    souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till3_count(const struct till3 *t SOUK_UNUSED, const struct till3_count *c SOUK_UNUSED,
                   souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
answer_till3_show(const struct till3 *t, const struct till3_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct till3_view *view)
{
    *view = (struct till3_view){ t->sum, t->counted, souk_count(t, skus), souk_text_in(&t->last) };
    return SOUK_ACCEPT;
}

static void
apply_till3_sold(struct till3 *t, const struct till3_sold *e)
{
    bool known = false;
    for (uint32_t i = 0; i < souk_count(t, skus); i++) known |= souk_key_equal(*souk_at(t, skus, i), e->sku);
    if (!known) *souk_add(t, skus) = e->sku;
    t->sum += e->units * e->price;
    t->sales++;
    souk_set_text(t, last, SOUK_TEXT("sold"));
}

static void
apply_till3_counted(struct till3 *t, const struct till3_counted *e)
{
    t->counted += e->by;
}

static void
check_till3(const struct till3 *t)
{
    souk_assert(t->sales >= souk_count(t, skus));
}

SOUK_ACTOR(till3, TILL3_TABLE);
