/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/node.h -- a node of souk as a child of a bench: started on a data directory, asked, killed.
 *
 * All of it is for one thread. The node is `souk serve` with a free port; where it serves is known from its ready file,
 * which is watched closely enough to time a start by it. */
#ifndef SOUK_BENCH_NODE_H
#define SOUK_BENCH_NODE_H

#include "process.h"

/* A node that runs, or ran. All zeros and child.out -1: none. */
struct souk_bench_node {
    struct souk_bench_child child;
    char http[256], zmq[256]; /* Where it serves. */
    uint16_t port;            /* Of `http`. */
    double ready_ms;          /* From just before the fork until the ready file was there. */
};

/* The program to measure: `given`, else $SOUK_BIN, else the one built beside the benches. Borrows or uses `room`. */
const char *souk_bench_program(const char *given, char *room, size_t size);
/* Starts `program` on DIR/data, with its log in DIR/log and its ready file in DIR/ready, and waits until it serves.
 * SOUK_ERR_LATE after a message: it did not come up in a minute, and is ended. */
souk_err souk_bench_node_start(struct souk_bench_node *node, const char *program, const struct souk_bench_dir *dir,
                               bool pin) SOUK_MUST_CHECK;
/* The same, with more words for `souk serve`; NULL at the end, at most 8. */
souk_err souk_bench_node_start_with(struct souk_bench_node *node, const char *program,
                                    const struct souk_bench_dir *dir, bool pin,
                                    const char *const *more) SOUK_MUST_CHECK;
/* Ends it in an orderly manner. SOUK_ERR_CLOSED after a message: it did not end with success. */
souk_err souk_bench_node_stop(struct souk_bench_node *node) SOUK_MUST_CHECK;
/* Ends it by SIGKILL, in mid-sentence. */
void souk_bench_node_kill(struct souk_bench_node *node);
/* One of its metrics, without labels, from /metrics. SOUK_ERR_MISSING after a message: there is none of that name. */
souk_err souk_bench_node_metric(const struct souk_bench_node *node, const char *name, double *value) SOUK_MUST_CHECK;
/* Its resident memory, in bytes; 0 when that cannot be read. */
uint64_t souk_bench_node_resident(const struct souk_bench_node *node);

/* Bytes that the node has put into its journal since it began. */
#define SOUK_BENCH_JOURNAL_BYTES "souk_batch_bytes_total"

#endif
