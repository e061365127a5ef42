/* SPDX-License-Identifier: Apache-2.0 */
/* cell/turn.h -- one actor takes one message: decide, record, apply, send. And the slice that turns belong to.
 *
 * A slice is what one worker does between two batches. Turns write their events straight into its batch (the bytes that
 * are journalled are the bytes that apply sees), put what they send into `sends`, and hand it to route() at once, so
 * that the next turn may already handle it. Closing a slice decides which sends survive; see work/close.c. */
#ifndef SOUK_CELL_TURN_H
#define SOUK_CELL_TURN_H

#include "base/panic.h"
#include "cell/batch.h"
#include "cell/live.h"
#include <souk/topic.h>
#include <souk/volatile.h>
#include <stdatomic.h>

/* The turn under way. It stands in the slice, not on the stack: a turn that fails is left by a jump. */
struct souk_turn {
    struct souk_slice *slice;
    struct souk_cell *cell;      /* Whose turn it is: event-sourced, */
    struct souk_live *live;      /* or volatile. */
    struct souk_message *message;
    struct souk_bytes answer;    /* In scratch. */
    uint32_t asked_mark;         /* The number of the actor's last ask before the turn. */
    souk_verdict verdict;        /* For whoever watches: set where the message was not accepted, never cleared here. */
    bool passed_on;              /* By souk_forward: somebody else answers. */
    /* Of an event-sourced actor: */
    bool changes;                /* It is being applied: if it fails, the state must be rebuilt. */
    bool closes;                 /* It has taken the outcome of the ask slice->closed. */
    size_t began;                /* The batch's length and dictionary before all of it. */
    uint32_t cells_mark;
    bool recorded;               /* The batch has its TURN. */
    bool new_entry;              /* This turn put the cell into the dictionary. */
    uint32_t events;             /* How many it emitted. */
    size_t mark, events_mark;    /* The batch's length before the turn, and after its TURN. */
    uint32_t sends_mark, opened_mark, asks_mark;
    /* Of a volatile one: */
    uint8_t lane;                /* Which share of others' queues its messages take. */
    struct souk_fifo out;        /* What it sent: routed when it is over. */
    bool kept;                   /* The message is to be put aside. */
    bool gathered;               /* It is kept with others in a gathering. */
    bool ends;                   /* The actor ends after it, for that reason. */
    uint32_t reason;
    struct souk_gathering *gathering; /* Whose outcomes are being told. */
};

/* What turns did, in plain counts. */
struct souk_turn_counts {
    uint64_t events, refusals, malformed, messages, asks, late, expired;
};

/* What a worker counted of one kind. Its thread writes, relaxed; any may read. `lives` is what came less what went, so
 * that the sum over the workers is how many there are. */
struct souk_kind_tally {
    _Alignas(64) const struct souk_kind *kind; /* Never changes. */
    _Atomic uint64_t turns, lives, refusals, faults, restarts, letters;
};

/* Which turn is under way: written by the thread that runs it, relaxed, looked at by the watchdog's (work/watch.h).
 * While the tally's turns stay the same, so does the turn. */
struct souk_at {
    _Atomic(struct souk_kind_tally *) tally; /* Of the actor's kind; NULL: no turn is under way. */
    _Atomic uint64_t high, low;              /* The actor's key. */
    _Atomic uint32_t tag;                    /* The message's, with one of these: */
};
enum { SOUK_AT_REPLY = 1u << 29, SOUK_AT_QUERY = 1u << 30, SOUK_AT_SIGNAL = SOUK_AT_REPLY | SOUK_AT_QUERY };

static inline void
souk_kind_count(_Atomic uint64_t *count, uint64_t amount)
{
    /* relaxed: one writer; a reader infers nothing else from it. */
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + amount, memory_order_relaxed);
}

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
    struct souk_asking { souk_ref actor; uint32_t number; } *asking; /* The same of volatile actors. */
    uint32_t asking_count, asking_room;
    struct souk_turn_counts counts;
    struct souk_kind_tally *tally; /* By a kind's number. */
    struct souk_turn turn;
    struct souk_open_ask closed; /* By the turn under way, if turn.closes. */
    struct souk_at at;
    struct souk_catch catch; /* Where a turn that fails is caught: armed while an author's function runs. */
    /* Where messages go: to an actor of the partition (takes the message), and out of it. */
    void *self;
    void (*route)(void *self, struct souk_message *message);
    void (*exit)(void *self, struct souk_message *message);
    /* Makes a volatile actor; NULL when there are too many. See live.h. */
    struct souk_live *(*spawn)(void *self, const struct souk_kind *kind, enum souk_where where);
    /* Takes one back whose spawner's turn came to nothing. */
    void (*unspawn)(void *self, souk_ref actor);
    /* Calls off an alarm of a volatile actor, and frees it. */
    void (*disarm)(void *self, struct souk_alarm *alarm);
    /* A subscription of a volatile actor: its `id` tells its events from a former one's. It ends; an event of it was
     * handled; how far it is behind. */
    struct souk_feed *(*subscribe)(void *self, const struct souk_topic *topic, souk_asker subscriber, uint32_t command,
                                   uint64_t *id);
    void (*unsubscribe)(void *self, struct souk_feed *feed);
    void (*handled)(void *self, struct souk_feed *feed, uint64_t position);
    struct souk_lag (*lag)(void *self, const struct souk_feed *feed);
    /* Tells the turn under way of an event-sourced actor that is traced. */
    void (*trace)(void *self, souk_verdict verdict);
};

/* Says whose turn comes, and which: before each. */
static inline void
souk_at_actor(struct souk_slice *slice, const struct souk_kind *kind, souk_key key)
{
    atomic_store_explicit(&slice->at.tally, &slice->tally[kind->number], memory_order_relaxed);
    atomic_store_explicit(&slice->at.high, key.high, memory_order_relaxed);
    atomic_store_explicit(&slice->at.low, key.low, memory_order_relaxed);
}
/* No turn is under way. */
static inline void
souk_at_nobody(struct souk_slice *slice)
{
    slice->turn.cell = NULL;
    slice->turn.live = NULL;
    atomic_store_explicit(&slice->at.tally, NULL, memory_order_relaxed);
}
static inline void
souk_at_tag(struct souk_slice *slice, uint32_t tag)
{
    atomic_store_explicit(&slice->at.tag, tag, memory_order_relaxed);
}
static inline void
souk_at_turn(struct souk_slice *slice, const struct souk_message *m)
{
    souk_at_tag(slice, m->tag);
    souk_kind_count(&atomic_load_explicit(&slice->at.tally, memory_order_relaxed)->turns, 1);
}

/* A message's tag as above. An outcome's is not known before its ask is. */
uint32_t souk_message_tag(const struct souk_message *message);
/* What a message is called, from the kind of its actor, which may be NULL, and such a tag. Never NULL. */
const char *souk_message_name(const struct souk_kind *kind, uint32_t tag);
/* And a verdict. */
const char *souk_verdict_name(const struct souk_kind *kind, souk_verdict verdict);

enum { SOUK_SCRATCH_BYTES = 256 << 10 };

#define SOUK_ROOM_FOR_ONE(slice, list)                                                                     \
    do {                                                                                                   \
        if ((slice)->list##_count == (slice)->list##_room) {                                               \
            uint32_t room = (slice)->list##_room ? 2 * (slice)->list##_room : 64;                          \
            (slice)->list = souk_heap_grow((slice)->heap, (slice)->list,                                   \
                (slice)->list##_room * sizeof *(slice)->list, room * sizeof *(slice)->list);               \
            (slice)->list##_room = room;                                                                   \
        }                                                                                                  \
    } while (0)

/* ---- For the verbs. ---- */

/* A message of the turn under way, to be filled in; routed when the turn has been accepted. */
struct souk_message *souk_turn_send(souk_turn *turn, enum souk_message_class class, souk_ref to, uint32_t tag,
                                    size_t length);
/* Writes the TURN of an event-sourced actor, once something of this turn must be on record. */
void souk_turn_record(souk_turn *turn);

/* ---- For whoever runs a slice. ---- */

/* Says whose turn is under way: for souk_panic_teller(), with the slice. */
void souk_turn_tell(const void *slice, char *out, size_t size);

/* Tells the asker of a message how it ended: a turn's own answer, or what became of a message without a turn. */
void souk_turn_answer(souk_turn *turn, const struct souk_message *message, enum souk_ending ending,
                      souk_verdict refusal);
/* Runs the turn in which `cell` takes `message`, which is freed, or kept in cell->waiting when it is a query that has
 * to wait. False when it has failed: then nothing is undone yet, and turn->message is the caller's. */
bool souk_turn_run(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *message);
/* Drops all that the turn under way has written, opened, closed and sent, but not what it did to the state. */
void souk_turn_undo(souk_turn *turn);
/* Ends a message that the actor cannot take, and that is nobody's to keep: its asker gets the ending. Frees it. */
void souk_turn_refuse(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *message,
                      enum souk_ending ending, souk_verdict refusal);
/* Ends a message that has an id, is of this batch, or is an outcome, and that the actor cannot take: it is recorded as
 * consumed and dead, its asker is told so, and `letter` gets it, encoded by the row's layout (R5). Frees it. */
void souk_turn_bury(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *message, souk_ref letter,
                    const struct souk_row *row, void (*fill)(const struct souk_message *message, void *body),
                    void *body);
/* The cell's number in the batch's dictionary, which gets it if need be. */
uint32_t souk_slice_actor(struct souk_slice *slice, struct souk_cell *cell);
/* Applies one recorded event, in replay. False when the kind doesn't know it or it is malformed. */
bool souk_turn_replay(struct souk_cell *cell, struct souk_scratch *scratch, uint32_t tag, struct souk_bytes body);

/* The same where nobody else catches: false also when an assertion of the kind fails, which `catch` then tells. */
bool souk_turn_replay_caught(struct souk_cell *cell, struct souk_scratch *scratch, uint32_t tag, struct souk_bytes body,
                             struct souk_catch *catch);

/* ---- Turns of volatile actors: liveturn.c, liveverbs.c. ---- */

enum souk_live_next { SOUK_LIVE_GOES_ON, SOUK_LIVE_ENDS, SOUK_LIVE_FAILS };
/* Lets the handler of a message speak: what it returned. */
static inline souk_verdict
souk_live_speak(struct souk_slice *slice, struct souk_live *live, uint32_t tag, struct souk_reader *in,
                const struct souk_outcome *outcome)
{
    slice->catch.armed = true;
    souk_verdict verdict = live->kind->handle(live->state, tag, in, outcome, &slice->turn);
    slice->catch.armed = false;
    return verdict;
}

/* Readies slice->turn for a message of its actor. */
static inline void
souk_live_begin(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    souk_turn *turn = &slice->turn;
    turn->message = m;
    turn->asked_mark = live->asked;
    turn->answer = (struct souk_bytes){ NULL, 0 };
    turn->passed_on = turn->kept = turn->gathered = turn->ends = false;
    slice->scratch.at = slice->scratch_memory;
    if (m->time_ms > slice->now_ms) slice->now_ms = m->time_ms;
    if (m->dep > slice->dep) slice->dep = m->dep;
    souk_at_turn(slice, m);
}

/* Runs the turn in which slice->turn.live takes a message from its queue, and says whether the actor is to end, for
 * turn.reason, or has failed: then turn.message is the caller's, unless turn.kept. What it sent hangs on turn.out. */
enum souk_live_next souk_live_turn(struct souk_slice *slice, struct souk_live *live, struct souk_message *message);
/* What follows once the handler has spoken, where that was not all: answers, undoing, who keeps the message. */
enum souk_live_next souk_live_settle(struct souk_slice *slice, struct souk_live *live, struct souk_message *message,
                                     souk_verdict verdict);
/* Drops what the turn under way has sent, spawned, linked and opened. */
void souk_live_undo(souk_turn *turn);
/* Forgets the outcomes that the turn was about. */
void souk_live_end_gathered(souk_turn *turn);
/* Forgets a gathering with the asks that are still open in it. */
void souk_gathering_end(struct souk_live *live, souk_heap *heap, uint32_t number);
/* Calls off the alarm of an entry, if it has one. */
void souk_open_call_off(struct souk_slice *slice, struct souk_open *open);
/* An actor's end: tells all that watch it, and calls off what it had under way. Not yet freed. */
void souk_live_end(struct souk_slice *slice, struct souk_live *live, uint32_t reason);
/* The end of one life of it: its state is zeroed, its children are stopped. */
void souk_live_restart(struct souk_slice *slice, struct souk_live *live);
/* Calls off all that is under way for an actor. */
void souk_live_call_off(struct souk_slice *slice, struct souk_live *live);
/* An event of a subscription of it is over: there is room for another. */
void souk_live_handled(struct souk_slice *slice, struct souk_live *live, const struct souk_message *message);
/* The subscription that a SOUK_NEWS is of; NULL when it has ended. */
struct souk_open *souk_live_topic(const struct souk_live *live, const struct souk_message *message);
/* An entry for what a verb of a volatile actor begins: its number. */
uint32_t souk_live_ask(souk_turn *turn, enum souk_open_class class, souk_ref to, uint32_t reply, uint64_t due_ms);
/* A signal from one actor to another. */
void souk_live_signal(souk_turn *turn, souk_ref to, enum souk_signal signal, souk_asker from, uint32_t reason);

#endif
