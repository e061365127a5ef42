/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_verify.h -- what journal_verify.c, which reads the journal, and journal_vault.c, which reads what
 * checkpoints have left, share; nobody else includes it. */
#ifndef SOUK_JOURNAL_VERIFY_H
#define SOUK_JOURNAL_VERIFY_H

#include "journal_inside.h"

#include "work/checkpoint.h"
#include "work/walk.h"

/* Where the vault saw the journal's link. */
struct verify_seen { uint64_t position; struct souk_link link; };
/* The last snapshot of an actor, by the heads: its number, under a hash of who it is. 0, 0: none. */
struct verify_latest { uint64_t actor, name; };

struct verify {
    const struct journal_source *source;
    struct journal_out *out;
    char *why;
    souk_heap *heap;
    uint8_t *scratch;         /* SOUK_SCRATCH_BYTES, for bodies. */
    /* The journal. */
    struct souk_walk walk;
    uint64_t groups, batches, steps, bytes;
    uint32_t *kinds;          /* Of the actors in the batch's dictionary. */
    uint32_t count, room;
    /* The vault. */
    bool has_marker, outdated; /* An earlier version's checkpoint: nobody uses it. */
    struct souk_marker marker;
    struct verify_seen *seen; /* By position; those before `seen_at` are done. */
    size_t seen_count, seen_room, seen_at;
    struct verify_latest *latest; /* An open table, of a directory at rest. */
    uint64_t latest_count, latest_slots;
    uint64_t rows, sum;       /* Of what is listed up to the marker's head. */
    uint32_t tables;
    uint64_t snapshots, found; /* Of the latter, those that count. */
};

/* A message as it stands in a batch or a table at that position. With errors there is a sentence. */
souk_err verify_send(struct verify *verify, const struct souk_step *step, uint64_t position) SOUK_MUST_CHECK;
/* "... at position N", for SOUK_ERR_CORRUPT. */
souk_err verify_wrong(struct verify *verify, const char *what, uint64_t position);

/* The marker, the heads and the tables, before the journal; the status. */
int verify_checkpoint(struct verify *verify);
/* Whether the journal's link at a batch is what the vault saw there. */
souk_err verify_link(struct verify *verify, const struct souk_batch_reader *batch) SOUK_MUST_CHECK;
/* After the journal: that it reached all that the vault saw, and the snapshots; the status. */
int verify_snapshots(struct verify *verify);

#endif
