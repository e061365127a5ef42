/* SPDX-License-Identifier: Apache-2.0 */
/* tally.c -- see tally.h. */
#include "tally.h"

#define TALLY_STATE(F, L, M) F(1, u64, sum) F(2, u32, times)
SOUK_STATE(tally, TALLY_STATE);

static souk_verdict
decide_tally_add(const struct tally *t, const struct tally_add *c, souk_turn *turn)
{
    uint32_t units = c->units;
    if (units > 1000) return tally_too_much;
    for (uint32_t i = 0; i < c->pairs.count; i++) units += c->pairs.at[i].units;
    souk_emit(turn, tally_added, .units = units);
    souk_answer(turn, tally_view, .sum = t->sum + units, .times = t->times + 1);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_tally_reset(const struct tally *t SOUK_UNUSED, const struct tally_reset *c SOUK_UNUSED,
                   souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
decide_tally_never(const struct tally *t SOUK_UNUSED, const struct tally_never *c SOUK_UNUSED,
                   souk_turn *turn SOUK_UNUSED)
{
    return SOUK_LATER; /* And then nothing. */
}

static souk_verdict
answer_tally_show(const struct tally *t, const struct tally_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct tally_view *view)
{
    *view = (struct tally_view){ t->sum, t->times };
    return SOUK_ACCEPT;
}

static souk_verdict
answer_tally_await(const struct tally *t, const struct tally_await *q, const souk_turn *turn SOUK_UNUSED,
                   struct tally_view *view)
{
    *view = (struct tally_view){ t->sum, t->times };
    return t->sum >= q->sum ? SOUK_ACCEPT : SOUK_WAIT;
}

static void
apply_tally_added(struct tally *t, const struct tally_added *e)
{
    t->sum += e->units;
    t->times++;
}

static void
check_tally(const struct tally *t)
{
    souk_assert(t->times <= t->sum || t->sum == 0);
}

SOUK_ACTOR(tally, TALLY_TABLE);
