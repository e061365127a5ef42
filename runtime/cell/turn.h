/* SPDX-License-Identifier: Apache-2.0 */
/* cell/turn.h -- one actor takes one message: decide, record, apply, send. And the slice that turns belong to.
 *
 * A slice is what one worker does between two batches. Turns write their events straight into its batch (the bytes that
 * are journalled are the bytes that apply sees), put what they send into `sends`, and hand it to route() at once, so
 * that the next turn may already handle it. Closing a slice decides which sends survive; see work/slice.c. */
#ifndef SOUK_CELL_TURN_H
#define SOUK_CELL_TURN_H

#include "cell/batch.h"
#include "cell/cell.h"

/* What turns did, in plain counts. */
struct souk_turn_counts {
    uint64_t turns, events, refusals, malformed, messages, asks, late;
};

struct souk_slice {
    souk_heap *heap;
    const struct souk_secret *secret;
    struct souk_batch batch;
    uint64_t stamp;     /* Grows with each batch: tells this batch's entries in cells from older ones. */
    uint64_t began_ms;  /* The batch's time. */
    uint64_t now_ms;    /* Of the turn under way; never goes back within a batch. */
    uint64_t dep;       /* The highest dep of what the slice has handled. */
    struct souk_scratch scratch;
    uint8_t *scratch_memory;
    struct souk_cell **cells; /* The batch's dictionary. */
    uint32_t cells_count, cells_room;
    struct souk_message **sends; /* What the batch sent; NULL where it has consumed it itself. */
    uint32_t sends_count, sends_room;
    struct souk_opened { struct souk_cell *cell; uint32_t number; } *opened; /* Asks made in this batch. */
    uint32_t opened_count, opened_room;
    struct souk_turn_counts counts;
    /* Where messages go: to an actor of the partition (takes the message), and out of it. */
    void *self;
    void (*route)(void *self, struct souk_message *message);
    void (*exit)(void *self, struct souk_message *message);
};

enum { SOUK_SCRATCH_BYTES = 256 << 10 };

/* Runs the turn in which `cell` takes `message`, which is freed, or kept in cell->waiting when it is a query that has
 * to wait. */
void souk_turn_run(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *message);
/* Ends a message that the actor cannot take: its asker gets the ending. Frees it. */
void souk_turn_refuse(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *message,
                      enum souk_ending ending, souk_verdict refusal);
/* The cell's number in the batch's dictionary, which gets it if need be. */
uint32_t souk_slice_actor(struct souk_slice *slice, struct souk_cell *cell);
/* Applies one recorded event, in replay. False when the kind doesn't know it or it is malformed. */
bool souk_turn_replay(struct souk_cell *cell, struct souk_scratch *scratch, uint32_t tag, struct souk_bytes body);

#endif
