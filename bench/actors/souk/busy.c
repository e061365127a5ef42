/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/busy.c -- ask-latency: passes tokens on for ever, and tells its number to whoever asks. */
#include "actors/souk/kinds.h"

#define BUSY_STATE(F, L, M) F(1, key, next) F(2, u64, number)
SOUK_STATE(busy, BUSY_STATE);

static souk_verdict
on_busy_meet(struct busy *self, const struct busy_meet *c, souk_turn *turn SOUK_UNUSED)
{
    self->next = c->next;
    self->number = c->number;
    return SOUK_ACCEPT;
}

static souk_verdict
on_busy_token(struct busy *self, const struct busy_token *c SOUK_UNUSED, souk_turn *turn)
{
    souk_tell(turn, souk_ref(busy, self->next), busy_token);
    return SOUK_ACCEPT;
}

static souk_verdict
on_busy_number(struct busy *self, const struct busy_number *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, bench_count, .count = self->number);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(busy, BUSY_TABLE, .on_fault = SOUK_STOP);
