/* SPDX-License-Identifier: Apache-2.0 */
/* mail/message.h -- one message on its way: an envelope and its body, in one block of a worker's heap. */
#ifndef SOUK_MAIL_MESSAGE_H
#define SOUK_MAIL_MESSAGE_H

#include "base/heap.h"
#include <souk/actor.h>

enum souk_message_class {
    SOUK_TELL = 1,
    SOUK_ASK,      /* Its outcome goes to `asker`. */
    SOUK_REQUEST,  /* From outside, by worker `origin`; its answer is an exit. A command or a query. */
    SOUK_OUTCOME,  /* What came of the ask `asker.number` of the actor it is for. */
    SOUK_WAKE,     /* From an actor to itself, at `due_ms`. */
    SOUK_CALL,     /* To a port: `to.kind` is the port's number, `asker` the caller. Always an exit. */
    SOUK_ANSWER,   /* An exit: the answer to a request. */
    SOUK_LOADED,   /* To the keeper: an actor's snapshot is needed, that of the number `due_ms`; from him: here it is.
                    * With a `dep`: its state as of that position is, made of that snapshot and the journal. */
    SOUK_CHUNK,    /* To the keeper: a snapshot of `to`, in place of the one with the number `time_ms`; or a table of
                    * the shard `tag` (`to` is nobody). Its number is `due_ms`; it is written when `dep` is durable. */
    SOUK_SIGNAL,   /* To a volatile actor, from the runtime or a verb: `tag` is an enum souk_signal. */
    SOUK_RETRY,    /* To an event-sourced actor whose turn has failed: its pause is over. */
    SOUK_NEWS,     /* To a subscriber: an event; `asker` says of which subscription. See work/topics.h. */
    SOUK_FEED,     /* Between a worker and the reader of topics: one begins or ends; `ticket` is the feed. */
    SOUK_GROUP,    /* To the reader of topics: a durable group, which begins at `dep`. */
    SOUK_PROBE,    /* To a shard: whoever holds it tells what is in it. */
};

/* So often is a message tried whose turns fail. */
enum { SOUK_ATTEMPTS = 3 };

struct souk_cell;

/* A message's id: where the journal recorded that it was sent. Position 0: not recorded (yet). */
struct souk_id { uint64_t position; uint32_t ordinal; };

struct souk_message {
    struct souk_message *next;
    uint64_t dep;          /* Rule R4: the highest position that its content may depend on. */
    uint64_t time_ms;      /* The turn time of its sender; the turn that handles it is not earlier (R9). */
    uint64_t due_ms;       /* Of a wake; of an ask or a request, when its asker gives up, or 0. */
    souk_ref to;
    union {
        souk_asker asker;
        struct { uint64_t ticket; uint16_t origin; }; /* Of a request and an answer: whom it is for, on which worker. */
    };
    union {
        struct souk_id id;
        struct {                    /* While `in_batch`: */
            struct souk_cell *asks; /* Who asked, or for an outcome, whom it is for; saves looking it up. */
            uint32_t slot;          /* Its place among the sends of the batch under way. */
        };
    };
    uint32_t tag;          /* The row; for an outcome, the reply's row. */
    uint32_t length;       /* Of the body, in bytes. */
    souk_verdict refusal;
    uint8_t class;         /* enum souk_message_class */
    uint8_t ending;        /* Of an outcome or answer: enum souk_ending. */
    uint8_t lane;          /* Which share of a volatile actor's queue it takes. */
    bool is_query : 1;
    bool in_batch : 1;     /* Sent in the batch under way, by an event-sourced actor. */
    bool spawns : 1;       /* The first one of a spawned actor. */
    uint8_t attempts : 2;  /* How many turns that took it have failed; SOUK_ATTEMPTS: it is not to be tried again. */
    uint8_t body[];
};

static inline struct souk_message *
souk_message_new(souk_heap *heap, enum souk_message_class class, size_t length)
{
    struct souk_message *m = souk_heap_alloc(heap, sizeof *m + length);
    *m = (struct souk_message){ .class = (uint8_t)class, .length = (uint32_t)length };
    return m;
}

static inline void
souk_message_free(souk_heap *heap, struct souk_message *m)
{
    souk_heap_free(heap, m, sizeof *m + m->length);
}

/* A plain first-in first-out queue of messages, for one thread. */
struct souk_fifo { struct souk_message *head, *tail; };

static inline void
souk_fifo_push(struct souk_fifo *fifo, struct souk_message *m)
{
    m->next = NULL;
    if (fifo->tail) fifo->tail->next = m;
    else fifo->head = m;
    fifo->tail = m;
}

static inline struct souk_message *
souk_fifo_pop(struct souk_fifo *fifo)
{
    struct souk_message *m = fifo->head;
    if (!m) return NULL;
    fifo->head = m->next;
    if (!fifo->head) fifo->tail = NULL;
    return m;
}

#endif
