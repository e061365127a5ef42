/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/mall.c -- chameneos: who enters waits for the next one, and then they meet. */
#include "actors/souk/kinds.h"

#define MALL_STATE(F, L, M)                                                                                           \
    F(1, u64, n) F(2, u64, left) F(3, key, waiting) F(4, u32, creatures) F(5, u64, meetings) F(6, u64, began_ns)
SOUK_STATE(mall, MALL_STATE);

/* Who plays is spawned: a message finds such an actor by its address alone, where a named one must be looked up. */
static souk_verdict
on_mall_start(struct mall *self SOUK_UNUSED, const struct mall_start *c, souk_turn *turn)
{
    souk_spawn(turn, mall, SOUK_NEAR, mall_play, .work = c->work);
    return SOUK_ACCEPT;
}

static souk_verdict
on_mall_play(struct mall *self, const struct mall_play *c, souk_turn *turn)
{
    self->n = self->left = c->work.n;
    self->creatures = c->work.actors;
    self->began_ns = bench_now_ns();
    for (uint32_t i = 0; i < c->work.actors; i++)
        souk_spawn(turn, creature, bench_place, creature_live, .colour = i % 3, .mall = souk_self(turn).key);
    return SOUK_ACCEPT;
}

static souk_verdict
on_mall_enter(struct mall *self, const struct mall_enter *c, souk_turn *turn)
{
    if (self->left == 0) {
        souk_tell(turn, souk_ref(creature, c->who), creature_leave);
    } else if (souk_key_none(self->waiting)) {
        self->waiting = c->who;
    } else {
        souk_forward(turn, souk_ref(creature, self->waiting), creature_meet, .other = c->who, .colour = c->colour);
        self->waiting = (souk_key){ 0, 0 };
        self->left--;
    }
    return SOUK_ACCEPT;
}

static souk_verdict
on_mall_met(struct mall *self, const struct mall_met *c, souk_turn *turn)
{
    self->meetings += c->meetings;
    if (--self->creatures > 0) return SOUK_ACCEPT;
    bench_expect(turn, "meetings that creatures counted", 2 * self->n, self->meetings);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end,
              .result = { .ops = self->n, .ns = bench_now_ns() - self->began_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(mall, MALL_TABLE, .on_fault = SOUK_STOP);
