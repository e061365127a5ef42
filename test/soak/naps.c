/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/naps.c -- a named actor that ends when nobody speaks to it. */
#include "soak/kinds.h"

#define NAP_STATE(F, L, M) F(1, u64, sum)
SOUK_STATE(nap, NAP_STATE);

static souk_verdict
on_nap_take(struct nap *n, const struct nap_take *c, souk_turn *turn)
{
    n->sum += c->value;
    souk_answer(turn, nap_taken, .sum = n->sum);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(nap, NAP_TABLE, .idle_ms = 50);
