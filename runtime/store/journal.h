/* SPDX-License-Identifier: Apache-2.0 */
/* store/journal.h -- the one ordered log of a partition: append in order, read from a position, trim.
 *
 * It stores groups: consecutive batches that became durable together, as one value under the position of the first.
 * It knows nothing of what is in a batch. Positions begin at 1 and have no gaps. leveldb.c keeps them on a disk,
 * memory.c in memory with the faults of a disk (the simulated world); an engine that replicates will wrap the first.
 *
 * append() is called by one thread at a time; after any error the journal is poisoned: every later append fails with
 * the same error, because a log that failed once may say "OK" later and lose what it took. An error means unknown,
 * not absent. read() and trim() may run beside append(), each in one thread at a time. */
#ifndef SOUK_STORE_JOURNAL_H
#define SOUK_STORE_JOURNAL_H

#include <souk/base.h>

/* Room for a sentence on what went wrong. */
enum { SOUK_STORE_WHY = 256 };

typedef struct souk_journal souk_journal;

struct souk_journal_ops {
    /* Appends one group: batches first..last, whose bytes are the parts joined. Durable when it returns SOUK_OK.
     * SOUK_ERR_FENCED when `first` is not end + 1; SOUK_ERR_FULL; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
    souk_err (*append)(souk_journal *journal, uint64_t first, uint64_t last, const struct souk_bytes *parts,
                       size_t count);
    /* Calls group() for each group that holds a position >= from, in order, until it returns other than SOUK_OK, which
     * is then returned. The bytes are borrowed for the call. SOUK_ERR_CORRUPT when the store itself finds damage, also
     * a missing group between two others or at the end, which poisons the journal too; SOUK_ERR_IO. */
    souk_err (*read)(souk_journal *journal, uint64_t from,
                     souk_err (*group)(void *arg, uint64_t first, struct souk_bytes bytes), void *arg);
    /* The first position of the last group and of the first one; both 0 when empty. (The last position inside the last
     * group is known to whoever reads it: see begin().) */
    souk_err (*bounds)(souk_journal *journal, uint64_t *first_group, uint64_t *last_group);
    /* Says where the journal ends, once the reader has found out; append() is refused before (SOUK_ERR_FENCED, not
     * poisoned). An end other than the store's own, when it holds any group, poisons the journal with
     * SOUK_ERR_FENCED. */
    void (*begin)(souk_journal *journal, uint64_t end);
    /* Forgets whole groups that hold only positions < below, but never the last group: the end stays known. Durable.
     * SOUK_ERR_FULL; SOUK_ERR_IO; SOUK_ERR_CORRUPT: all poison the journal. */
    souk_err (*trim)(souk_journal *journal, uint64_t below);
    void (*close)(souk_journal **journal_p);
};

/* Every implementation begins with this. `why` says in a sentence what the store said when it was poisoned; it is
 * written once, before the call that failed returns, and empty until then. */
struct souk_journal { const struct souk_journal_ops *ops; char why[SOUK_STORE_WHY]; };

#endif
