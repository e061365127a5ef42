/* SPDX-License-Identifier: Apache-2.0 */
/* mail/mailbox.h -- a queue of messages from any thread to the one that owns it, and a ring of shards to be stolen.
 *
 * The mailbox is the intrusive queue of D. Vyukov (1024cores, "Intrusive MPSC node-based queue"). A push takes a whole
 * chain with one exchange: it swaps the tail and then links the old tail to the chain's head. Between the two steps the
 * chain cannot be seen by the owner, who then finds the queue neither empty nor poppable and comes back later; nothing
 * waits. Correct because the exchange orders all pushes in one sequence, each push links exactly its predecessor, and
 * only the owner follows and changes links that are set. The stub keeps the queue non-empty, so a push never touches
 * the head.
 *
 * The ring is single-producer, multi-consumer: its worker puts in the shards that have a backlog, its worker and
 * thieves take them out. Each shard is in at most one ring once, and a ring has room for all of them, so it cannot be
 * full and a slot is not written again while a slow reader still looks at it without its compare-and-swap failing.
 *
 * libck (ck_pr, ck_ring) in all builds but ThreadSanitizer's, which doesn't see its ordering: there the same algorithms
 * stand on C11 atomics, so that the tool checks the protocol and not a list of suppressions. */
#ifndef SOUK_MAIL_MAILBOX_H
#define SOUK_MAIL_MAILBOX_H

#include "mail/message.h"
#include <stdatomic.h>

struct souk_mailbox {
    _Alignas(64) _Atomic(struct souk_message *) tail; /* Pushers' side. */
    _Alignas(64) struct souk_message *head;           /* The owner's side. */
    _Alignas(16) unsigned char stub[sizeof(struct souk_message)]; /* A message without a body. */
};

/* The stub, which is never handed out. Any thread may compare with it. */
static inline struct souk_message *
souk_mailbox_stub(struct souk_mailbox *box)
{
    return (struct souk_message *)(void *)box->stub;
}

/* Makes it empty. Before any other thread knows of it. */
void souk_mailbox_init(struct souk_mailbox *box);
/* Appends the chain first..last (linked by next). Any thread. */
void souk_mailbox_push(struct souk_mailbox *box, struct souk_message *first, struct souk_message *last);
/* The oldest message, or NULL when none can be had now. The owner only. */
struct souk_message *souk_mailbox_pop(struct souk_mailbox *box);
/* True when nothing is in it, not even half pushed. The owner only. */
bool souk_mailbox_empty(struct souk_mailbox *box);

typedef struct souk_ready souk_ready;

/* A ring with room for `most` pointers. */
souk_ready *souk_ready_open(souk_heap *heap, unsigned most);
/* Its worker only. */
void souk_ready_put(souk_ready *ready, void *shard);
/* Any thread. NULL when empty. */
void *souk_ready_take(souk_ready *ready);
/* About how many are in it. Any thread. */
unsigned souk_ready_count(const souk_ready *ready);

#endif
