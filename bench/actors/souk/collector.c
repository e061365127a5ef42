/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/collector.c -- spawn and spawn-idle: hears from each actor, and tells the spawner of the last. */
#include "actors/souk/kinds.h"

#define COLLECTOR_STATE(F, L, M) F(1, u64, awaited) F(2, u64, sum)
SOUK_STATE(collector, COLLECTOR_STATE);

static souk_verdict
on_collector_wait(struct collector *self, const struct collector_wait *c, souk_turn *turn SOUK_UNUSED)
{
    self->awaited = c->n;
    return SOUK_ACCEPT;
}

static souk_verdict
on_collector_add(struct collector *self, const struct collector_add *c, souk_turn *turn)
{
    self->sum += c->amount;
    if (--self->awaited == 0) souk_tell(turn, souk_ref(spawner, BENCH_KEY), spawner_collected, .sum = self->sum);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(collector, COLLECTOR_TABLE, .queue_max = UINT32_MAX);
