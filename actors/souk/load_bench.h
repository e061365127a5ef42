/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_bench.h -- the checkouts of `bench checkout`: every order by a new customer with credit, stock without end.
 *
 * Giving the credit is not timed. How many customers are needed is not known before it is known how fast the node is:
 * so the warm-up runs in pieces, each with the customers that the one before suggests, and the timed part gets a
 * third more than the last rate asks for. */
#ifndef SOUK_LOAD_BENCH_H
#define SOUK_LOAD_BENCH_H

#include "load.h"

/* What the bench drives: the same over HTTP and over ZeroMQ. */
struct load_bench_rig {
    void *self;
    souk_err (*prepay)(void *self, uint64_t count); /* Gives credit to the next `count` customers. */
    /* Orders of at most `count` customers for so long. */
    souk_err (*run)(void *self, uint64_t count, double seconds, struct load_tally *out);
};

/* Fills in what the mix says: price, credit, limit, stock. */
void souk_load_bench_plan(struct load_plan *plan);
/* Warms up and measures; the sales are open. `out` gets the timed part. SOUK_ERR_CLOSED: interrupted. SOUK_ERR_USAGE:
 * the customers ran out before half of the time. */
souk_err souk_load_bench(const struct load_bench_rig *rig, double warmup_s, double seconds,
                         struct load_tally *out) SOUK_MUST_CHECK;

/* Opens the sales over HTTP and measures over HTTP; credit is given over ZeroMQ when there is an endpoint, which is
 * faster. */
souk_err souk_load_bench_http(souk_load *load, const struct load_plan *plan, const char *zmq, double warmup_s,
                              double seconds, struct load_tally *out) SOUK_MUST_CHECK;
/* Does all over ZeroMQ, with `in_flight` orders under way. */
souk_err souk_load_bench_zmq(const struct load_plan *plan, const char *zmq, unsigned in_flight, double warmup_s,
                             double seconds, struct load_tally *out) SOUK_MUST_CHECK;

#endif
