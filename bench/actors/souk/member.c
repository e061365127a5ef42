/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/member.c -- ring: passes the token on until it has made its hops. */
#include "actors/souk/kinds.h"

#define MEMBER_STATE(F, L, M) F(1, key, next) F(2, u64, hops)
SOUK_STATE(member, MEMBER_STATE);

static souk_verdict
on_member_meet(struct member *self, const struct member_meet *c, souk_turn *turn SOUK_UNUSED)
{
    self->next = c->next;
    return SOUK_ACCEPT;
}

static souk_verdict
on_member_token(struct member *self, const struct member_token *c, souk_turn *turn)
{
    self->hops++;
    if (c->left > 1) souk_tell(turn, souk_ref(member, self->next), member_token, .left = c->left - 1);
    else souk_tell(turn, souk_ref(ring, BENCH_KEY), ring_last);
    return SOUK_ACCEPT;
}

static souk_verdict
on_member_count(struct member *self, const struct member_count *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, bench_count, .count = self->hops);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(member, MEMBER_TABLE, .on_fault = SOUK_STOP);
