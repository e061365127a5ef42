/* SPDX-License-Identifier: Apache-2.0 */
/* cell/batch.h -- the journal's unit: what one slice of a worker did (DURABILITY R2), as it is written and read.
 *
 * A header of 40 bytes (little-endian), then steps in the order in which they happened:
 *
 *     0  link      16  chain hash of the previous batch's link and all bytes of this one from `length` on
 *     16 length     4  of the whole batch
 *     20 version    2  1; 2 when it has an ATTEMPT or a DEAD; 3 when it has an OUTSTANDING
 *     22 worker     2
 *     24 position   8
 *     32 time_ms    8  turn time at the start
 *
 * A step is an opcode byte and varints (LEB128), keys as 16 bytes, bodies as length and msgpack. ACTOR names the next
 * actor of the batch's dictionary (they count from 0). TURN says which actor handled something, whose cause it was (the
 * id of a message from an earlier batch, or none) and when; the EVENTs up to the next step of another kind are its own.
 * SEND is a message that the batch did not consume itself; its id is (position, number of SENDs before it in the
 * batch). OPENED is an ask that was still without outcome at the end; CLOSED is the end of one that an earlier batch
 * OPENED. ATTEMPT says that a turn which took a message has failed, and for which time, and that the message is still
 * outstanding; DEAD, that the message of the TURN before it has failed once too often, or had nobody who could take it.
 * OUTSTANDING stands in a checkpoint's tables only: a SEND of an earlier batch, with its id and how often it was tried.
 * docs/journal.md has the same for whoever writes another reader. */
#ifndef SOUK_CELL_BATCH_H
#define SOUK_CELL_BATCH_H

#include "base/hash.h"
#include "mail/message.h"

enum { SOUK_BATCH_VERSION = 3, SOUK_BATCH_HEADER = 40, SOUK_BATCH_MAX = 64 << 20 };

enum souk_step_class { SOUK_STEP_END, SOUK_STEP_ACTOR, SOUK_STEP_TURN, SOUK_STEP_EVENT, SOUK_STEP_SEND,
                       SOUK_STEP_OPENED, SOUK_STEP_CLOSED, SOUK_STEP_ATTEMPT, SOUK_STEP_DEAD,
                       SOUK_STEP_OUTSTANDING };

/* ---- Writing. ---- */

/* A batch being written: bytes that grow. Belongs to one worker until it is handed to the journal. */
struct souk_batch { uint8_t *at; size_t length, room; uint16_t version; };

/* Makes the batch empty, with room for its header. */
void souk_batch_begin(struct souk_batch *batch, souk_heap *heap);
void souk_batch_actor(struct souk_batch *batch, souk_heap *heap, uint32_t kind, souk_key key);
void souk_batch_turn(struct souk_batch *batch, souk_heap *heap, uint32_t actor, struct souk_id cause,
                     uint64_t delay_ms);
/* Room for an event's body of that length, to be written by the caller at once. */
uint8_t *souk_batch_event(struct souk_batch *batch, souk_heap *heap, uint32_t tag, size_t length);
void souk_batch_send(struct souk_batch *batch, souk_heap *heap, const struct souk_message *message);
void souk_batch_opened(struct souk_batch *batch, souk_heap *heap, uint32_t actor, uint32_t number, uint32_t reply,
                       uint64_t due_ms);
void souk_batch_closed(struct souk_batch *batch, souk_heap *heap, uint32_t actor, uint32_t number);
/* The turn that took a message has failed; a message of the batch under way has position 0. */
void souk_batch_attempt(struct souk_batch *batch, souk_heap *heap, struct souk_id message, uint32_t number);
/* The message of the turn before has been given up after so many attempts. */
void souk_batch_dead(struct souk_batch *batch, souk_heap *heap, uint32_t attempts);
/* A message that an earlier batch sent, whose id it has. */
void souk_batch_outstanding(struct souk_batch *batch, souk_heap *heap, const struct souk_message *message);
/* Fills the header but for its link. */
void souk_batch_seal(struct souk_batch *batch, uint16_t worker, uint64_t position, uint64_t time_ms);
/* Fills the link, and returns it. */
struct souk_link souk_batch_chain(uint8_t *batch, struct souk_link previous);

/* ---- Reading. ---- */

/* One step, decoded. Bytes are borrowed from the batch. */
struct souk_step {
    enum souk_step_class class;
    uint32_t kind;            /* ACTOR */
    souk_key key;
    uint32_t actor;           /* TURN, OPENED, CLOSED */
    struct souk_id cause;     /* TURN: position 0 when it is none of an earlier batch. ATTEMPT: the message. */
    uint64_t time_ms;         /* TURN */
    uint32_t tag;             /* EVENT; OPENED: the reply's row. */
    struct souk_bytes body;   /* EVENT, SEND, OUTSTANDING */
    uint32_t number;          /* OPENED, CLOSED: of the ask. ATTEMPT, DEAD: how many attempts there were. */
    uint64_t due_ms;          /* OPENED */
    struct souk_message send; /* SEND, OUTSTANDING: all of the envelope but `next`; its id is set. */
};

struct souk_batch_reader {
    const uint8_t *at, *end;
    uint64_t position, time_ms;
    struct souk_link link;
    uint32_t sends;
    uint16_t worker;
};

/* Opens the batch at the beginning of `bytes`, checking its length, version, and that its link follows `previous`
 * (NULL: not checked). *length is how many bytes it takes. SOUK_ERR_CORRUPT, SOUK_ERR_VERSION. */
souk_err souk_batch_open(struct souk_batch_reader *reader, struct souk_bytes bytes, const struct souk_link *previous,
                         size_t *length) SOUK_MUST_CHECK;
/* The next step; class SOUK_STEP_END after the last. SOUK_ERR_CORRUPT. */
souk_err souk_batch_next(struct souk_batch_reader *reader, struct souk_step *step) SOUK_MUST_CHECK;

#endif
