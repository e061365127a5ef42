/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/producer.c -- counting: sends increments.
 *
 * An actor that has much to do does a piece of it in each turn and tells itself to go on, so that others in its shard
 * get their turns between. */
#include "actors/souk/kinds.h"

#define PRODUCER_STATE(F, L, M) F(1, key, counter) F(2, u64, left)
SOUK_STATE(producer, PRODUCER_STATE);

enum { BURST = 256 };

static void
produce(struct producer *self, souk_turn *turn)
{
    souk_ref counter = souk_ref(counter, self->counter);
    for (unsigned i = 0; i < BURST && self->left > 0; i++, self->left--)
        souk_tell(turn, counter, counter_add, .amount = 1);
    if (self->left > 0)
        souk_tell(turn, souk_self(turn), producer_more);
    else /* Its answer comes after all that was told before. */
        souk_ask(turn, counter, producer_counted, SOUK_WITHIN_MS(BENCH_PATIENCE_MS), counter_total);
}

static souk_verdict
on_producer_go(struct producer *self, const struct producer_go *c, souk_turn *turn)
{
    self->counter = c->counter;
    self->left = c->n;
    produce(self, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_producer_more(struct producer *self, const struct producer_more *c SOUK_UNUSED, souk_turn *turn)
{
    produce(self, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_producer_counted(struct producer *self SOUK_UNUSED, const struct souk_outcome *outcome SOUK_UNUSED, souk_turn *turn)
{
    souk_tell(turn, souk_ref(counting, BENCH_KEY), counting_produced);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(producer, PRODUCER_TABLE, .on_fault = SOUK_STOP);
