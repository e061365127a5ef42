/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_zmq.h -- the bench's checkouts over ZeroMQ: batches of commands through souk/client.h, many under way.
 *
 * An order is a pair: order_place, and order_show that waits until the order is settled; its latency is that of the
 * second's answer. For one thread; no answer may be lost, since the node isn't restarted meanwhile. */
#ifndef SOUK_LOAD_ZMQ_H
#define SOUK_LOAD_ZMQ_H

#include "load.h"

struct load_zmq;

/* Opens it; names are those of souk_load_open() with the same plan. SOUK_ERR_USAGE: no such endpoint.
 * SOUK_ERR_MEMORY. */
souk_err souk_load_zmq_open(struct load_zmq **out, const struct load_plan *plan, const char *endpoint,
                            unsigned in_flight) SOUK_MUST_CHECK;
/* NULL is allowed. */
void souk_load_zmq_close(struct load_zmq **zmq_p);
/* Opens the plan's sales. SOUK_ERR_CLOSED: refused, after a message, or interrupted; SOUK_ERR_LATE: no answer. */
souk_err souk_load_zmq_open_sales(struct load_zmq *zmq) SOUK_MUST_CHECK;
/* Gives credit to the customers of the next `count` buyers. Errors as above. */
souk_err souk_load_zmq_prepay(struct load_zmq *zmq, uint64_t count) SOUK_MUST_CHECK;
/* Orders of the next buyers, at most `count`, for so long; then waits for what is under way. Errors as above. */
souk_err souk_load_zmq_run(struct load_zmq *zmq, uint64_t count, double seconds,
                           struct load_tally *out) SOUK_MUST_CHECK;
/* The next buyer is that one. */
void souk_load_zmq_skip(struct load_zmq *zmq, uint64_t number);

#endif
