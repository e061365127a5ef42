/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/crowd.c -- touch-POPULATION: so many actors live, and messages go to them at random. Only the
 * messages are measured; under callgrind only they are counted, if its header is there. */
#include "actors/souk/kinds.h"

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif
#ifndef CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_START_INSTRUMENTATION (void)0
#define CALLGRIND_STOP_INSTRUMENTATION (void)0
#endif

#define CROWD_STATE(F, L, M)                                                                                          \
    F(1, u64, n) F(2, u64, left) F(3, u64, random) F(4, u64, began_ns) F(5, u32, population) L(6, key, actors)
SOUK_STATE(crowd, CROWD_STATE);

enum { BURST = 64 };

static souk_verdict
on_crowd_start(struct crowd *self, const struct crowd_start *c, souk_turn *turn)
{
    self->n = self->left = c->work.n;
    self->population = c->work.actors;
    self->random = 1;
    souk_tell(turn, souk_self(turn), crowd_grow);
    return SOUK_ACCEPT;
}

static souk_verdict
on_crowd_grow(struct crowd *self, const struct crowd_grow *c SOUK_UNUSED, souk_turn *turn)
{
    for (unsigned i = 0; i < BURST && souk_count(self, actors) < self->population; i++)
        *souk_add(self, actors) = souk_spawn(turn, counter, bench_place, counter_add, .amount = 0).key;
    if (souk_count(self, actors) < self->population) souk_tell(turn, souk_self(turn), crowd_grow);
    else souk_tell(turn, souk_self(turn), crowd_touch);
    return SOUK_ACCEPT;
}

static souk_verdict
on_crowd_touch(struct crowd *self, const struct crowd_touch *c SOUK_UNUSED, souk_turn *turn)
{
    if (!self->began_ns) {
        self->began_ns = bench_now_ns();
        CALLGRIND_START_INSTRUMENTATION;
    }
    souk_key key = { 0, 0 };
    for (unsigned i = 0; i < BURST && self->left; i++, self->left--) {
        self->random = self->random * 6364136223846793005u + 1442695040888963407u; /* Knuth's, of MMIX. */
        key = *souk_at(self, actors, ((self->random >> 32) * self->population) >> 32);
        souk_tell(turn, souk_ref(counter, key), counter_add, .amount = 1);
    }
    if (self->left) souk_tell(turn, souk_self(turn), crowd_touch);
    else souk_ask(turn, souk_ref(counter, key), crowd_touched, SOUK_WITHIN_MS(BENCH_PATIENCE_MS), counter_total);
    return SOUK_ACCEPT;
}

static souk_verdict
on_crowd_touched(struct crowd *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    CALLGRIND_STOP_INSTRUMENTATION;
    struct bench_result result = { .ops = self->n, .ns = bench_now_ns() - self->began_ns };
    struct bench_count count = { 0 };
    bool told = souk_outcome_read(turn, outcome, bench_count, &count);
    bench_expect(turn, "that the last one was touched", 1, told && count.count > 0);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = result);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(crowd, CROWD_TABLE, .on_fault = SOUK_STOP);
