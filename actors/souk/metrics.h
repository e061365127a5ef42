/* SPDX-License-Identifier: Apache-2.0 */
/* souk/metrics.h -- the families that /metrics shows and that aren't the gateway's own: the node's, the door's for
 * programs, the process's. Called by api_watch.c on a worker's thread. */
#ifndef SOUK_METRICS_H
#define SOUK_METRICS_H

#include <souk/node.h>

#include "watch/prometheus.h"
#include "wire/wire.h"

/* What the node counts: turns, batches, commits, mailboxes, actors, memory. */
void souk_metrics_node(struct souk_prometheus *page, const souk_node *node);
/* What the ZeroMQ door counts. */
void souk_metrics_wire(struct souk_prometheus *page, const souk_wire *wire);
/* What the system knows of this process, under the names that all Prometheus clients use. */
void souk_metrics_process(struct souk_prometheus *page);

#endif
