/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/whim.c -- see whim.h. */
#include "whim.h"

#define WHIM_STATE(F, L, M) F(1, u64, sum)
SOUK_STATE(whim, WHIM_STATE);

static uint32_t calls;

static souk_verdict
decide_whim_add(const struct whim *w SOUK_UNUSED, const struct whim_add *c, souk_turn *turn)
{
    uint32_t salt = c->whim == WHIM_APPLY ? WHIM_APPLY : c->whim == WHIM_DECIDE ? 100 + ++calls : 0;
    for (uint32_t i = 0; i < c->times && i < 3; i++) souk_emit(turn, whim_added, .amount = c->amount, .salt = salt);
    return SOUK_ACCEPT;
}

static void
apply_whim_added(struct whim *w, const struct whim_added *e)
{
    w->sum += e->amount;
    if (e->salt == WHIM_APPLY) w->sum += ++calls;
}

static void
check_whim(const struct whim *w)
{
    souk_assert(w->sum < UINT64_MAX / 2);
}

SOUK_ACTOR(whim, WHIM_TABLE);
