/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/counter.c -- counting: adds up. Its queue has no bound, as an Erlang process has none. */
#include "actors/souk/kinds.h"

#define COUNTER_STATE(F, L, M) F(1, u64, total)
SOUK_STATE(counter, COUNTER_STATE);

static souk_verdict
on_counter_add(struct counter *self, const struct counter_add *c, souk_turn *turn SOUK_UNUSED)
{
    self->total += c->amount;
    return SOUK_ACCEPT;
}

static souk_verdict
on_counter_total(struct counter *self, const struct counter_total *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, bench_count, .count = self->total);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(counter, COUNTER_TABLE, .queue_max = UINT32_MAX);
