/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/mayfly.c -- spawn and spawn-idle: gets one message, tells the collector, and ends; or stays. */
#include "actors/souk/kinds.h"

#define MAYFLY_STATE(F, L, M) F(1, u32, messages)
SOUK_STATE(mayfly, MAYFLY_STATE);

static souk_verdict
on_mayfly_fly(struct mayfly *self, const struct mayfly_fly *c, souk_turn *turn)
{
    self->messages++;
    souk_tell(turn, souk_ref(collector, c->collector), collector_add, .amount = 1);
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static souk_verdict
on_mayfly_sit(struct mayfly *self, const struct mayfly_sit *c, souk_turn *turn)
{
    self->messages++;
    souk_tell(turn, souk_ref(collector, c->collector), collector_add, .amount = 1);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(mayfly, MAYFLY_TABLE, .on_fault = SOUK_STOP);
