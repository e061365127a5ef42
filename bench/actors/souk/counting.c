/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/counting.c -- counting-1 and counting-8: starts the producers, and asks the counter in the end. */
#include "actors/souk/kinds.h"

#define COUNTING_STATE(F, L, M) F(1, u64, wanted) F(2, u32, producing) F(3, key, counter) F(4, u64, began_ns)
SOUK_STATE(counting, COUNTING_STATE);

static souk_verdict
on_counting_start(struct counting *self, const struct counting_start *c, souk_turn *turn)
{
    uint64_t each = c->work.n / c->work.actors;
    self->wanted = each * c->work.actors;
    self->producing = c->work.actors;
    self->counter = souk_spawn(turn, counter, bench_place, counter_add, .amount = 0).key;
    self->began_ns = bench_now_ns();
    for (uint32_t i = 0; i < c->work.actors; i++)
        souk_spawn(turn, producer, bench_place, producer_go, .counter = self->counter, .n = each);
    return SOUK_ACCEPT;
}

static souk_verdict
on_counting_produced(struct counting *self, const struct counting_produced *c SOUK_UNUSED, souk_turn *turn)
{
    if (--self->producing == 0)
        souk_ask(turn, souk_ref(counter, self->counter), counting_total, SOUK_WITHIN_MS(BENCH_PATIENCE_MS),
                 counter_total);
    return SOUK_ACCEPT;
}

static souk_verdict
on_counting_total(struct counting *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    uint64_t took_ns = bench_now_ns() - self->began_ns;
    struct bench_count total = { .count = 0 };
    (void)souk_outcome_read(turn, outcome, bench_count, &total);
    bench_expect(turn, "total", self->wanted, total.count);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = { .ops = self->wanted, .ns = took_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(counting, COUNTING_TABLE, .on_fault = SOUK_STOP);
