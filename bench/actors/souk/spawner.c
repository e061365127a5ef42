/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/spawner.c -- spawn and spawn-idle: makes very many actors, some in each turn. */
#include "actors/souk/kinds.h"

#define SPAWNER_STATE(F, L, M)                                                                                        \
    F(1, u64, n) F(2, u64, left) F(3, bool, settle) F(4, key, collector) F(5, u64, began_ns) F(6, u64, resident)
SOUK_STATE(spawner, SPAWNER_STATE);

enum { BURST = 256 };

static void
spawn(struct spawner *self, souk_turn *turn)
{
    for (unsigned i = 0; i < BURST && self->left > 0; i++, self->left--) {
        if (self->settle) souk_spawn(turn, mayfly, bench_place, mayfly_sit, .collector = self->collector);
        else souk_spawn(turn, mayfly, bench_place, mayfly_fly, .collector = self->collector);
    }
    if (self->left > 0) souk_tell(turn, souk_self(turn), spawner_more);
}

static void
begin(struct spawner *self, uint64_t n, souk_turn *turn)
{
    self->n = self->left = n;
    self->resident = bench_resident();
    self->began_ns = bench_now_ns();
    self->collector = souk_spawn(turn, collector, bench_place, collector_wait, .n = n).key;
    spawn(self, turn);
}

static souk_verdict
on_spawner_start(struct spawner *self, const struct spawner_start *c, souk_turn *turn)
{
    begin(self, c->work.n, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_spawner_settle(struct spawner *self, const struct spawner_settle *c, souk_turn *turn)
{
    self->settle = true;
    begin(self, c->work.n, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_spawner_more(struct spawner *self, const struct spawner_more *c SOUK_UNUSED, souk_turn *turn)
{
    spawn(self, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_spawner_collected(struct spawner *self, const struct spawner_collected *c, souk_turn *turn)
{
    struct bench_result result = { .ops = self->n, .ns = bench_now_ns() - self->began_ns };
    uint64_t resident = bench_resident();
    if (self->settle && resident > self->resident) result.bytes = resident - self->resident;
    bench_expect(turn, "actors that were done", self->n, c->sum);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = result);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(spawner, SPAWNER_TABLE, .on_fault = SOUK_STOP);
