/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/ping.c -- ping-pong: tells pong, waits for its answer, and again. */
#include "actors/souk/kinds.h"

#define PING_STATE(F, L, M) F(1, u64, n) F(2, u64, ponged) F(3, key, pong) F(4, u64, began_ns) F(5, u64, took_ns)
SOUK_STATE(ping, PING_STATE);

/* Who plays is spawned: a message finds such an actor by its address alone, where a named one must be looked up. */
static souk_verdict
on_ping_start(struct ping *self SOUK_UNUSED, const struct ping_start *c, souk_turn *turn)
{
    souk_spawn(turn, ping, SOUK_NEAR, ping_play, .work = c->work);
    return SOUK_ACCEPT;
}

static souk_verdict
on_ping_play(struct ping *self, const struct ping_play *c, souk_turn *turn)
{
    self->n = c->work.n;
    self->began_ns = bench_now_ns();
    self->pong = souk_spawn(turn, pong, bench_place, pong_ping, .from = souk_self(turn).key).key;
    return SOUK_ACCEPT;
}

static souk_verdict
on_ping_ponged(struct ping *self, const struct ping_ponged *c SOUK_UNUSED, souk_turn *turn)
{
    souk_ref pong = souk_ref(pong, self->pong);
    if (++self->ponged < self->n) {
        souk_tell(turn, pong, pong_ping, .from = souk_self(turn).key);
        return SOUK_ACCEPT;
    }
    self->took_ns = bench_now_ns() - self->began_ns;
    souk_ask(turn, pong, ping_counted, SOUK_WITHIN_MS(BENCH_PATIENCE_MS), pong_count);
    return SOUK_ACCEPT;
}

static souk_verdict
on_ping_counted(struct ping *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct bench_count pings = { .count = 0 };
    (void)souk_outcome_read(turn, outcome, bench_count, &pings);
    bench_expect(turn, "pings that pong had", self->n, pings.count);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = { .ops = self->n, .ns = self->took_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(ping, PING_TABLE, .on_fault = SOUK_STOP);
