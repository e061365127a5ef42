/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_scenario.h -- what `souk sim` and the tests simulate: plans, which follow from a seed, and what came of
 * them. One thread; one run at a time. */
#ifndef SOUK_SIM_SCENARIO_H
#define SOUK_SIM_SCENARIO_H

#include <souk/sim.h>

/* What a run is made of. Chances of the provider are per cent; the others, and zeros, are as in souk_sim_options. */
struct sim_plan {
    uint64_t seed;
    uint32_t sales, units, limit;             /* Units on sale in each; at most so many for a customer, 0: any. */
    uint32_t buyers;                          /* Or messages, of glasses. */
    uint32_t credit_percent, hold_ms;         /* hold_ms 0: two minutes. */
    uint32_t decline, unknown_before, unknown_after, webhook_percent;
    uint32_t workers, crash_one_in, checkpoint_one_in, clock_one_in, check_every, rare;
    struct souk_sim_disk disk;
    struct souk_sim_net net;
    const struct souk_sim_moments *crash_at;
    struct souk_sim_moments *crashed_at;
};

/* What came of it. Each complaint is one sentence; the first is kept. */
struct sim_outcome {
    uint32_t complaints;
    char first[300];
    uint32_t paid, cancelled, review;         /* Orders. */
    uint32_t dead, attempts;                  /* Glasses: messages that were given up, and tried in vain. */
    struct souk_sim_counts counts;
};

/* Runs a sale, or glasses, to the end and until nothing is held or under way. at_end(), which may be NULL, may look at
 * the node before it is closed. */
void souk_sim_shop(const struct sim_plan *plan, struct sim_outcome *outcome, void (*at_end)(souk_sim *sim, void *arg),
                   void *arg);
void souk_sim_glass(const struct sim_plan *plan, struct sim_outcome *outcome);

/* The scenarios by name; name NULL at the end. */
struct sim_scenario {
    const char *name, *what;
    void (*run)(const struct sim_plan *plan, struct sim_outcome *outcome);
};
extern const struct sim_scenario souk_sim_scenarios[];
/* The scenario of that name, or NULL. */
const struct sim_scenario *souk_sim_scenario(const char *name);

/* ---- Plans. ---- */

/* A plan in which what goes wrong, and how often, follows from the seed. */
void souk_sim_plan_draw(struct sim_plan *plan, uint64_t seed);
/* The simulation's options of a plan; the scenario adds its kinds. */
struct souk_sim_options souk_sim_plan_options(const struct sim_plan *plan);
/* A plan's numbers by name, for the command line and for whoever shrinks it; name NULL at the end. `least` is where a
 * number does no harm. */
struct sim_number { const char *name, *what; size_t offset; uint32_t least, most; };
extern const struct sim_number souk_sim_numbers[];
static inline uint32_t *
souk_sim_number(struct sim_plan *plan, const struct sim_number *number)
{
    return (uint32_t *)(void *)((char *)plan + number->offset);
}

#endif
