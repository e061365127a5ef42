/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/chatter.c -- big: pings all others, answers their pings, and begins anew when it has all pongs. */
#include "actors/souk/kinds.h"

#define CHATTER_STATE(F, L, M) F(1, u64, rounds) F(2, u32, missing) F(3, u64, pings) L(4, key, others)
SOUK_STATE(chatter, CHATTER_STATE);

static souk_verdict
on_chatter_sit(struct chatter *self, const struct chatter_sit *c, souk_turn *turn SOUK_UNUSED)
{
    self->rounds = c->rounds;
    return SOUK_ACCEPT;
}

static void
ping_all(struct chatter *self, souk_turn *turn)
{
    souk_key me = souk_self(turn).key;
    self->missing = souk_count(self, others);
    for (uint32_t i = 0; i < souk_count(self, others); i++)
        souk_tell(turn, souk_ref(chatter, *souk_at(self, others, i)), chatter_ping, .from = me);
}

static souk_verdict
on_chatter_meet(struct chatter *self, const struct chatter_meet *c, souk_turn *turn)
{
    for (uint32_t i = 0; i < c->all.count; i++)
        if (!souk_key_equal(c->all.at[i], souk_self(turn).key)) *souk_add(self, others) = c->all.at[i];
    ping_all(self, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_chatter_ping(struct chatter *self, const struct chatter_ping *c, souk_turn *turn)
{
    self->pings++;
    souk_tell(turn, souk_ref(chatter, c->from), chatter_pong);
    return SOUK_ACCEPT;
}

static souk_verdict
on_chatter_pong(struct chatter *self, const struct chatter_pong *c SOUK_UNUSED, souk_turn *turn)
{
    if (--self->missing > 0) return SOUK_ACCEPT;
    if (--self->rounds > 0) ping_all(self, turn);
    else souk_tell(turn, souk_ref(big, BENCH_KEY), big_finished);
    return SOUK_ACCEPT;
}

static souk_verdict
on_chatter_count(struct chatter *self, const struct chatter_count *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, bench_count, .count = self->pings);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(chatter, CHATTER_TABLE, .on_fault = SOUK_STOP);
