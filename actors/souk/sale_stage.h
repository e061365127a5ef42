/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale_stage.h -- where a rehearsal plays: a fresh data directory, a node on it, a simulated provider beside it,
 * and the checker afterwards. For `souk sale` and `souk crash`; one thread.
 *
 * The node's data lie in one directory, everything else that is kept (ledger, acks, logs, keys) in another beside it:
 * FOLDER/data and FOLDER by default, else DIR and DIR.rush. */
#ifndef SOUK_SALE_STAGE_H
#define SOUK_SALE_STAGE_H

#include "process.h"

enum { STAGE_PATH = 1024, STAGE_INVARIANTS = 10 };

struct stage_plan {
    const char *word;           /* "sale" or "crash": for messages and names. */
    const char *data;           /* NULL: a new directory under $TMPDIR, else /var/tmp. */
    uint32_t workers;           /* 0: the node's choice. */
    bool card;                  /* With a provider. */
    const char *provider_faults; /* NULL: none. */
    uint64_t seed;
    const char *const *node_words;       /* More of the node's command line; NULL at the end. NULL: no more. */
    const char *const *node_environment; /* Names and values, of the node alone; NULL at the end. NULL: none. */
};

/* A stage. All zeros: none. */
struct stage {
    struct stage_plan plan;
    char folder[STAGE_PATH]; /* Of all but the data. */
    char data[STAGE_PATH], ledger[STAGE_PATH + 32], acks[STAGE_PATH + 32];
    struct souk_child node, provider;
    struct souk_ready provider_at, node_at;
    char http[32]; /* The node's address, the same after each start. */
    uint16_t port;
    uint64_t started_ns; /* When the node was started last. */
};

/* What the checker said. */
struct stage_verdict {
    int status; /* Its exit status: 0 clean, 1 violated; -1: it did not end well. */
    uint64_t violations, broken[STAGE_INVARIANTS]; /* I1 is broken[0]. */
    char line[2048];
};

/* Makes the directories and what the children need in them. Returns -1 to go on, or the exit status after a message. A
 * directory that isn't empty is refused unless a stage made it, which is then taken down first. */
int souk_stage_open(struct stage *stage, const struct stage_plan *plan);
/* Starts provider and node and waits until both serve. SOUK_ERR_LATE, CLOSED, IO after a message. */
souk_err souk_stage_start(struct stage *stage) SOUK_MUST_CHECK;
/* Where the node's log ends now; and whether a text stands in it from there on. */
long souk_stage_log_end(const struct stage *stage);
bool souk_stage_log_says(const struct stage *stage, long from, const char *text);
/* Starts the node alone, and doesn't wait. */
souk_err souk_stage_node_start(struct stage *stage) SOUK_MUST_CHECK;
/* Whether the node serves. SOUK_ERR_BUSY: not yet. SOUK_ERR_CLOSED: it has ended, after a message. */
souk_err souk_stage_node_ready(struct stage *stage) SOUK_MUST_CHECK;
/* Whether the node has said, since it was started, that it serves. */
bool souk_stage_node_serves(struct stage *stage);
/* Ends the node, then the provider, in an orderly manner. SOUK_ERR_CLOSED after a message: one did not end well. */
souk_err souk_stage_stop(struct stage *stage) SOUK_MUST_CHECK;
/* Runs the checker on the data, which no node may use; with the acks, and the ledger when everything is settled. */
void souk_stage_check(const struct stage *stage, bool settled, struct stage_verdict *verdict);
/* Bytes that the node's journal takes. */
uint64_t souk_stage_journal_bytes(const struct stage *stage);
/* Ends what still runs. What was written stays. */
void souk_stage_close(struct stage *stage);
/* Removes what was written, when the stage made it. */
void souk_stage_remove(struct stage *stage);

#endif
