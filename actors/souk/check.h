/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check.h -- `souk check`: proves the invariants I1 to I10 of a flash sale from its journal, without the actors.
 *
 * The checker reads the journal from its first position and follows the events with a small model of its own: it shares
 * the tables of events with the actors and nothing else, so that a bug in what an actor does with its events is not
 * believed twice. docs/journal.md says what each invariant means here. The command opens a data directory; the
 * simulator calls souk_check_run() on its journal in memory. One thread. */
#ifndef SOUK_CHECK_H
#define SOUK_CHECK_H

#include "base/hash.h"
#include "store/journal.h"
#include "store/vault.h"

enum { SOUK_CHECK_INVARIANTS = 10, SOUK_CHECK_SHOWN = 3 };

/* What happened at the payment provider, by its own books. */
enum souk_check_op {
    SOUK_CHECK_AUTHORISE = 1, SOUK_CHECK_CAPTURE, SOUK_CHECK_CANCEL, SOUK_CHECK_REFUND, SOUK_CHECK_DECLINE
};
struct souk_check_effect {
    souk_key intent, key, order; /* The intent's is a hash, the others' their names', or a hash of what is no name. */
    int64_t amount;              /* Minor units. */
    uint32_t op;                 /* An enum souk_check_op. */
    char currency[4];
};

/* What a buyer was told last about an order: an HTTP status. */
struct souk_check_ack {
    souk_key order, sale; /* The sale's key; none when it isn't known. */
    uint32_t status, units;     /* 0 units: not known. */
};

/* What to hold the journal against. All zeros: the journal alone. Borrowed for the call. */
struct souk_check_inputs {
    const struct souk_check_effect *effects;
    size_t effects_count;
    bool has_ledger; /* The effects are the provider's complete books; without it they are not looked at. */
    const struct souk_check_ack *acks;
    size_t acks_count;
    souk_vault *vault; /* Its marker and snapshots are held against the journal; NULL: not. */
    bool at_rest;      /* The node had nothing left to do when it stopped: whatever is under way is a violation. */
    uint64_t bound_ms; /* How late holds, alarms and messages may be; 0: 15 s. */
};

/* One violation, explained. */
struct souk_check_finding { uint64_t position; char text[256]; }; /* Position 0: seen at the end. */

/* What came of it. */
struct souk_check_report {
    uint64_t invariants[SOUK_CHECK_INVARIANTS + 1]; /* Violations of I1 .. I10, by number; 0 is unused. */
    struct souk_check_finding findings[SOUK_CHECK_INVARIANTS + 1][SOUK_CHECK_SHOWN]; /* The first of each. */
    uint64_t violations;
    uint64_t sales, orders, paid, cancelled, reviews, under_way; /* Orders by how they stand at the end. */
    uint64_t units_sold;                                         /* Less those that were given back. */
    uint64_t groups, batches, turns, events, sends, bytes;
    uint64_t attempts, dead; /* Messages that were tried in vain, and those that were given up. */
    uint64_t outstanding;                                        /* Messages sent and not yet consumed at the end. */
    uint64_t effects, acks;
    uint64_t last_ms;                                            /* The journal's last time. */
    char why[SOUK_STORE_WHY]; /* With an error: what is wrong, in a sentence. */
};

/* Reads the whole journal and fills the report. The journal is left as it is, and may belong to a node that stands
 * still meanwhile. SOUK_OK, also when invariants are violated; SOUK_ERR_CORRUPT, SOUK_ERR_VERSION and the journal's
 * own: it cannot be read, and report->why names the place. */
souk_err souk_check_run(souk_journal *journal, const struct souk_secret *secret,
                        const struct souk_check_inputs *inputs, struct souk_check_report *report) SOUK_MUST_CHECK;

/* Reads a provider's ledger, or acks, from a file of JSON lines; `out` is malloc'ed for the caller to free. A last line
 * that was cut short is left out. SOUK_ERR_MALFORMED: `why` names the line; SOUK_ERR_MISSING, SOUK_ERR_IO,
 * SOUK_ERR_MEMORY. */
souk_err souk_check_read_ledger(const char *path, const struct souk_secret *secret, struct souk_check_effect **out,
                                size_t *count, char *why, size_t why_size) SOUK_MUST_CHECK;
souk_err souk_check_read_acks(const char *path, const struct souk_secret *secret, struct souk_check_ack **out,
                              size_t *count, char *why, size_t why_size) SOUK_MUST_CHECK;

/* `souk check`; argv[0] is the subcommand's name. 0: all invariants hold; 1: some are violated; 64: usage; 65:
 * something cannot be read; 75: a node runs on the directory. */
int souk_check_main(int argc, char **argv);

#endif
