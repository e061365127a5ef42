/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/ring.c -- ring: builds a ring of members, gives one the token, and asks all for their hops. */
#include "actors/souk/kinds.h"

#define RING_STATE(F, L, M) F(1, u64, n) F(2, u64, began_ns) F(3, u64, took_ns) L(4, key, members)
SOUK_STATE(ring, RING_STATE);

static souk_verdict
on_ring_start(struct ring *self, const struct ring_start *c, souk_turn *turn)
{
    souk_key next = { 0, 0 };
    for (uint32_t i = 0; i < c->work.actors; i++) {
        next = souk_spawn(turn, member, bench_place, member_meet, .next = next).key;
        *souk_add(self, members) = next;
    }
    souk_ref first = souk_ref(member, *souk_at(self, members, 0)); /* It knew nobody; now it knows the last. */
    souk_tell(turn, first, member_meet, .next = next);
    self->n = c->work.n;
    self->began_ns = bench_now_ns();
    souk_tell(turn, first, member_token, .left = c->work.n);
    return SOUK_ACCEPT;
}

static souk_verdict
on_ring_last(struct ring *self, const struct ring_last *c SOUK_UNUSED, souk_turn *turn)
{
    self->took_ns = bench_now_ns() - self->began_ns;
    uint32_t all = souk_gather(turn, ring_counted, SOUK_WITHIN_MS(BENCH_PATIENCE_MS));
    for (uint32_t i = 0; i < souk_count(self, members); i++)
        souk_ask_among(turn, all, souk_ref(member, *souk_at(self, members, i)), member_count);
    return SOUK_ACCEPT;
}

static souk_verdict
on_ring_counted(struct ring *self, const struct souk_outcome *outcome SOUK_UNUSED, souk_turn *turn)
{
    struct souk_outcome one;
    struct bench_count count;
    uint64_t hops = 0;
    for (uint32_t i = 0; souk_gathered(turn, i, &one); i++)
        if (souk_outcome_read(turn, &one, bench_count, &count)) hops += count.count;
    bench_expect(turn, "hops", self->n, hops);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = { .ops = self->n, .ns = self->took_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(ring, RING_TABLE, .on_fault = SOUK_STOP);
