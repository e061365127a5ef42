/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/branch.c -- fib: an actor of the tree; its value is the sum of its children's. */
#include "actors/souk/kinds.h"

#define BRANCH_STATE(F, L, M) F(1, key, parent) F(2, u64, sum) F(3, u32, growing)
SOUK_STATE(branch, BRANCH_STATE);

/* Tells the parent, and ends. The root's is the one who planted the tree. */
static void
ripen(const struct branch *self, uint64_t value, souk_turn *turn)
{
    if (souk_key_equal(self->parent, BENCH_KEY))
        souk_tell(turn, souk_ref(fib, self->parent), fib_value, .value = value);
    else
        souk_tell(turn, souk_ref(branch, self->parent), branch_value, .value = value);
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
}

static souk_verdict
on_branch_grow(struct branch *self, const struct branch_grow *c, souk_turn *turn)
{
    self->parent = c->parent;
    if (c->n < 2) {
        ripen(self, c->n, turn);
        return SOUK_ACCEPT;
    }
    souk_key me = souk_self(turn).key;
    enum souk_where where = c->n > c->spread_above ? SOUK_SPREAD : SOUK_NEAR;
    self->growing = 2;
    for (uint32_t less = 1; less <= 2; less++)
        souk_spawn(turn, branch, where, branch_grow, .parent = me, .n = c->n - less, .spread_above = c->spread_above);
    return SOUK_ACCEPT;
}

static souk_verdict
on_branch_value(struct branch *self, const struct branch_value *c, souk_turn *turn)
{
    self->sum += c->value;
    if (--self->growing == 0) ripen(self, self->sum, turn);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(branch, BRANCH_TABLE, .on_fault = SOUK_STOP);
