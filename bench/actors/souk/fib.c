/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/fib.c -- fib: plants the tree, and hears its value. */
#include "actors/souk/kinds.h"

#define FIB_STATE(F, L, M) F(1, u64, n) F(2, u64, began_ns)
SOUK_STATE(fib, FIB_STATE);

/* So many levels of the tree are spread: some dozens of subtrees that are each worth a core's while. */
enum { SPREAD_LEVELS = 6 };

static souk_verdict
on_fib_start(struct fib *self, const struct fib_start *c, souk_turn *turn)
{
    uint32_t n = (uint32_t)c->work.n;
    uint32_t spread_above = bench_place == SOUK_NEAR ? n : n > SPREAD_LEVELS ? n - SPREAD_LEVELS : 0;
    self->n = c->work.n;
    self->began_ns = bench_now_ns();
    souk_spawn(turn, branch, SOUK_NEAR, branch_grow, .parent = souk_self(turn).key, .n = n,
               .spread_above = spread_above);
    return SOUK_ACCEPT;
}

static souk_verdict
on_fib_value(struct fib *self, const struct fib_value *c, souk_turn *turn)
{
    uint64_t took_ns = bench_now_ns() - self->began_ns, value = 0, next = 1;
    for (uint64_t i = 0; i < self->n; i++) {
        uint64_t sum = value + next;
        value = next;
        next = sum;
    }
    bench_expect(turn, "fib", value, c->value);
    /* As many leaves as the next number, and a node less. */
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = { .ops = 2 * next - 1, .ns = took_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(fib, FIB_TABLE, .on_fault = SOUK_STOP);
