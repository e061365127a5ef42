/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/shop.h -- a flash sale in the simulator: a shop, its buyers, and a payment provider that misbehaves. */
#ifndef TEST_SIM_SHOP_H
#define TEST_SIM_SHOP_H

#include "order.h"
#include <souk/sim.h>

/* What a run is made of. Chances are per cent. */
struct shop_options {
    uint64_t seed;
    unsigned sales, units, buyers, credit_percent;
    uint32_t limit;
    uint32_t crash_one_in, checkpoint_one_in;
    unsigned decline, unknown_before, unknown_after, webhook_percent; /* Of the provider. */
};

/* What came of it. Each complaint is one sentence; the first is kept. */
struct shop_result {
    unsigned complaints;
    char first[300];
    unsigned paid, cancelled, review, crashes;
    uint64_t steps, trace;
};

/* Runs a sale to its end, and then until nothing is held or under way. */
void shop_run(const struct shop_options *options, struct shop_result *result,
              void (*at_end)(souk_sim *sim, void *arg), void *arg);

#endif
