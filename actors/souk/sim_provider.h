/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_provider.h -- a payment provider in the simulator. It keeps its own books, as a real one does, and outlives
 * the node's crashes; what it was about to answer does not. One thread. */
#ifndef SOUK_SIM_PROVIDER_H
#define SOUK_SIM_PROVIDER_H

#include "check.h"
#include "sim_scenario.h"

struct sim_provider;

/* One without books. It answers as the plan says. */
struct sim_provider *souk_sim_provider_open(const struct sim_plan *plan);
void souk_sim_provider_close(struct sim_provider **provider_p);
/* Its port driver's call; `self` is the provider. */
void souk_sim_provider_call(void *self, souk_worker *worker, const struct souk_port_call *call);
/* The simulation that it serves. */
void souk_sim_provider_serve(struct sim_provider *provider, souk_sim *sim);

/* Gives the answers that are due. When the next one is; 0: none is to come. */
uint64_t souk_sim_provider_step(struct sim_provider *provider);
/* Whether calls or answers are on their way. */
bool souk_sim_provider_busy(const struct sim_provider *provider);

/* What its books say of an order, by its name: what it took, and how many authorisations are still open. */
struct sim_provider_view { int64_t taken; unsigned open; };
struct sim_provider_view souk_sim_provider_show(const struct sim_provider *provider, const char *order);
/* All that happened in its books. */
const struct souk_check_effect *souk_sim_provider_ledger(const struct sim_provider *provider, size_t *count);

#endif
