/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/kids.c -- one that ends with its parent, whom its own failures concern. */
#include "soak/kinds.h"

#define KID_STATE(F, L, M) F(1, bool, lives)
SOUK_STATE(kid, KID_STATE);

static souk_verdict
on_kid_live(struct kid *k, const struct kid_live *c, souk_turn *turn SOUK_UNUSED)
{
    k->lives = true;
    return c->fail ? SOUK_FAILED : SOUK_ACCEPT;
}

SOUK_VOLATILE(kid, KID_TABLE, .on_fault = SOUK_ESCALATE, .with_parent = true);
