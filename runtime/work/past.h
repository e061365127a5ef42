/* SPDX-License-Identifier: Apache-2.0 */
/* work/past.h -- one actor made of its events, batch by batch: rebuild.c makes one whose state was spoilt, tools make
 * one as it was. It stands alone, beside the living one. For one thread. */
#ifndef SOUK_WORK_PAST_H
#define SOUK_WORK_PAST_H

#include "work/partition.h"

/* All zeros: none. */
struct souk_past {
    struct souk_arena arena;
    struct souk_directory alone; /* It has only the one. */
    struct souk_cell *cell;      /* Its position and its open asks are kept, too. */
    struct souk_scratch scratch;
    uint8_t *memory;             /* Behind the scratch. */
    struct souk_catch catch;     /* Says what was wrong, when it failed in a function of its author. */
    bool failed;                 /* An event of it could not be applied. */
    uint64_t events, time_ms;    /* How many were applied; when its last turn on record was. */
};

/* A new actor, to which nothing has happened. Memory comes from the heap. */
void souk_past_open(struct souk_past *past, souk_heap *heap, const struct souk_kind *kind, souk_key key);
/* Gives it all back. */
void souk_past_close(struct souk_past *past);
/* What a batch has of the actor: its events are applied, its asks opened and closed. SOUK_ERR_CORRUPT; SOUK_ERR_CLOSED
 * when it failed: there is no need to read on. */
souk_err souk_past_batch(struct souk_past *past, struct souk_batch_reader *batch) SOUK_MUST_CHECK;

#endif
