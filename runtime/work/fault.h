/* SPDX-License-Identifier: Apache-2.0 */
/* work/fault.h -- what follows when a turn of an event-sourced actor fails (DURABILITY R5). Called by slice.c and
 * lives.c, on the thread that holds the shard; those that recovery and the keeper call say so. */
#ifndef SOUK_WORK_FAULT_H
#define SOUK_WORK_FAULT_H

#include "work/partition.h"

/* A port's, or a deadline: it has no id, and comes back as long as its ask is open. */
static inline bool
souk_fault_unrecorded(const struct souk_message *m)
{
    return m->class == SOUK_OUTCOME && !m->in_batch && !m->id.position;
}

/* Says whose turn comes, and which message it takes, in case that the process dies of it: in plain stores. */
static inline void
souk_fault_note(struct souk_worker *w, const struct souk_message *m)
{
    volatile struct souk_page_slot *slot = w->turn_page;
    slot->key.high = m->to.key.high;
    slot->key.low = m->to.key.low;
    slot->kind = m->to.kind;
    slot->position = m->in_batch ? 0 : m->id.position;
    slot->ordinal = m->id.ordinal;
    if (souk_fault_unrecorded(m)) {
        slot->position = SOUK_PAGE_ASK;
        slot->ordinal = m->asker.number;
    }
    slot->busy = 1;
}

/* The slice was left by a jump out of an author's function. */
void souk_fault_caught(struct souk_worker *worker);
/* The event-sourced turn under way has failed: it is undone, its message parked, or given up. */
void souk_fault_turn(struct souk_worker *worker);
/* Gives a message up: recorded as consumed and dead, and its asker told so; kept among the dead letters if it was the
 * journal's. Takes the message. */
void souk_fault_bury(struct souk_worker *worker, struct souk_cell *cell, struct souk_message *message);
/* Whether it is an outcome, and processes have died too often of what came of its ask. */
bool souk_fault_condemned(const struct souk_partition *partition, const struct souk_message *outcome);
/* The pause of an actor is over. Takes the message. */
void souk_fault_retry(struct souk_worker *worker, struct souk_shard *shard, struct souk_message *message);
/* Writes down which messages of this slice's turns have failed. When what the slice sent has its numbers. */
void souk_fault_record(struct souk_worker *worker);
/* Asks for the states that this slice's failed turns have spoilt. When its actors have their positions. */
void souk_fault_rebuild(struct souk_worker *worker);
/* Counts and notes that the turn under way has failed, and says it on stderr, but not too often. */
void souk_fault_tell(struct souk_worker *worker, const struct souk_identity *actor);
/* Says on stderr that an actor is set apart, because of what its events or its snapshot did. Any thread. */
void souk_fault_quarantine(const struct souk_identity *actor, const struct souk_catch *catch, const char *what);

/* The state of the actor as it was at wanted->dep, as an answer for its shard. The keeper's thread. */
struct souk_message *souk_rebuild(struct souk_partition *partition, const struct souk_message *wanted);
/* The same at once, for an actor that its snapshot's state could not be read into: souk_snapshot_read() has told it the
 * rest. `name` is the snapshot's number. Sets it apart if that fails, too. While recovery reads. */
void souk_rebuild_now(struct souk_partition *partition, struct souk_cell *cell, uint64_t name);
/* Who keeps the dead letters. */
souk_ref souk_dead_letters(const struct souk_secret *secret);

#endif
