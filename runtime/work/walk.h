/* SPDX-License-Identifier: Apache-2.0 */
/* work/walk.h -- the journal's batches one after the other, each held against the one before it: positions without a
 * gap, the chain of links, groups that end where they say. For whoever reads the journal; pure, any thread. */
#ifndef SOUK_WORK_WALK_H
#define SOUK_WORK_WALK_H

#include "work/partition.h"

struct souk_walk {
    uint64_t next;         /* The position that must come; 0: whatever comes first. After a batch: the one after it. */
    struct souk_link link; /* Of the batch before, */
    bool linked;           /* when it is known. */
    uint64_t until;        /* What lies beyond it is not looked at; 0: there is no such place. */
    bool unchained;        /* Links are not looked at: their reader was here before, and wants to be quick. */
    const char *why;       /* What is wrong with the journal, and at which position; NULL: nothing. */
    uint64_t at;
    /* Called for each batch; `length` is how many bytes it takes. An error ends the walk. */
    souk_err (*batch)(void *arg, struct souk_batch_reader *batch, size_t length);
    void *arg;
};

/* Walks through one group: what souk_journal_ops.read calls, `walk` being a struct souk_walk. SOUK_ERR_CLOSED when
 * it comes beyond `until`; SOUK_ERR_CORRUPT and SOUK_ERR_VERSION with `why`; else what batch() returned. */
souk_err souk_walk_group(void *walk, uint64_t first, struct souk_bytes bytes) SOUK_MUST_CHECK;

#endif
