/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/big.c -- big: seats the chatters, introduces them to each other, and waits until all are done. */
#include "actors/souk/kinds.h"

#define BIG_STATE(F, L, M)                                                                                            \
    F(1, u64, pairs) F(2, u32, chatting) F(3, u64, began_ns) F(4, u64, took_ns) L(5, key, chatters)
SOUK_STATE(big, BIG_STATE);

static souk_verdict
on_big_start(struct big *self, const struct big_start *c, souk_turn *turn)
{
    uint64_t in_round = (uint64_t)c->work.actors * (c->work.actors - 1);
    uint64_t rounds = (c->work.n + in_round - 1) / in_round;
    self->pairs = rounds * in_round;
    self->chatting = c->work.actors;
    for (uint32_t i = 0; i < c->work.actors; i++)
        *souk_add(self, chatters) = souk_spawn(turn, chatter, bench_place, chatter_sit, .rounds = rounds).key;
    self->began_ns = bench_now_ns();
    souk_list_key all = { souk_at(self, chatters, 0), souk_count(self, chatters) };
    for (uint32_t i = 0; i < all.count; i++)
        souk_tell(turn, souk_ref(chatter, all.at[i]), chatter_meet, .all = all);
    return SOUK_ACCEPT;
}

static souk_verdict
on_big_finished(struct big *self, const struct big_finished *c SOUK_UNUSED, souk_turn *turn)
{
    if (--self->chatting > 0) return SOUK_ACCEPT;
    self->took_ns = bench_now_ns() - self->began_ns;
    uint32_t all = souk_gather(turn, big_counted, SOUK_WITHIN_MS(BENCH_PATIENCE_MS));
    for (uint32_t i = 0; i < souk_count(self, chatters); i++)
        souk_ask_among(turn, all, souk_ref(chatter, *souk_at(self, chatters, i)), chatter_count);
    return SOUK_ACCEPT;
}

static souk_verdict
on_big_counted(struct big *self, const struct souk_outcome *outcome SOUK_UNUSED, souk_turn *turn)
{
    struct souk_outcome one;
    struct bench_count count;
    uint64_t pings = 0;
    for (uint32_t i = 0; souk_gathered(turn, i, &one); i++)
        if (souk_outcome_read(turn, &one, bench_count, &count)) pings += count.count;
    bench_expect(turn, "pings answered", self->pairs, pings);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = { .ops = self->pairs, .ns = self->took_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(big, BIG_TABLE, .on_fault = SOUK_STOP);
