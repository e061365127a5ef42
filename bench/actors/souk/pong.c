/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/pong.c -- ping-pong: answers each ping. */
#include "actors/souk/kinds.h"

#define PONG_STATE(F, L, M) F(1, u64, pings)
SOUK_STATE(pong, PONG_STATE);

static souk_verdict
on_pong_ping(struct pong *self, const struct pong_ping *c, souk_turn *turn)
{
    self->pings++;
    souk_tell(turn, souk_ref(ping, c->from), ping_ponged);
    return SOUK_ACCEPT;
}

static souk_verdict
on_pong_count(struct pong *self, const struct pong_count *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, bench_count, .count = self->pings);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(pong, PONG_TABLE, .on_fault = SOUK_STOP);
