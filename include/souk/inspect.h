/* SPDX-License-Identifier: Apache-2.0 */
/* souk/inspect.h -- looking into a running node: kinds, workers, the deepest queues, the slowest turns, faults and
 * stalls, one actor, the trace of an actor, dead letters. For whoever serves people: `souk top`, HTTP routes, tests.
 *
 * Nobody touches a shard but its holder: what is in a shard is asked by messages, a few shards at a time, and only of
 * those that have something to do; a look costs a busy worker some microseconds a slice. Answers tell what is so in
 * memory, which may not be durable yet: they are for people who watch, not for decisions. A worker that is held up in a
 * turn doesn't answer; then the look ends at its deadline with what the others said, and says so (`silent`). */
#ifndef SOUK_INSPECT_H
#define SOUK_INSPECT_H

#include <souk/node.h>

enum {
    SOUK_LOOK_KINDS = 64,    /* At most so many of each are told. */
    SOUK_LOOK_WORKERS = 64,
    SOUK_LOOK_QUEUES = 64,
    SOUK_LOOK_TURNS = 64,
    SOUK_LOOK_FAULTS = 32,
    SOUK_LOOK_LETTERS = 64,
    SOUK_LOOK_STATE_MAX = 64 << 10, /* Bytes of a state; of a larger one only the size is told. */
    SOUK_LOOK_BODY_MAX = 1 << 10,   /* The same for a dead letter. */
};

/* A kind. Counts since the node was opened; `lives` and `waiting` are now. */
struct souk_look_kind {
    const struct souk_kind *kind;
    uint64_t lives, turns, refusals, faults, restarts, letters;
    uint64_t waiting;    /* Messages in queues of its actors. */
    souk_key deepest;    /* Whose queue is the deepest; none when all are empty. */
    uint64_t depth;
};

struct souk_look_worker {
    unsigned number;
    uint64_t turns, steals, parks;
    uint64_t idle_ns;    /* Slept, of the time since the node was opened (struct souk_look_node.up_ns). */
    const struct souk_kind *kind; /* Whose turn it is in just now; NULL: in none. */
};

struct souk_look_queue { const struct souk_kind *kind; souk_key key; uint64_t depth; };

/* A turn that was slow, or failed. Text is static. */
struct souk_noted {
    const struct souk_kind *kind;
    souk_key key;
    const char *message;
    uint64_t time_ms, ns;    /* When it ended, and how long it took; of a fault: 0. */
    const char *what, *file; /* Of a fault: the claim that didn't hold, NULL for SOUK_FAILED; and where. */
    uint32_t line;
    uint16_t worker;
    bool stalled;            /* The watchdog saw it. */
    bool under_way;          /* ... and it has not ended yet. */
};

/* The node at a glance. */
struct souk_look_node {
    uint64_t up_ns;
    struct souk_look_kind kinds[SOUK_LOOK_KINDS];
    struct souk_look_worker workers[SOUK_LOOK_WORKERS];
    struct souk_look_queue queues[SOUK_LOOK_QUEUES]; /* The deepest first. */
    struct souk_noted turns[SOUK_LOOK_TURNS];        /* The slowest of the last minutes: one turn in 64 is timed, */
    struct souk_noted faults[SOUK_LOOK_FAULTS];      /* and all that the watchdog saw. Of faults the last ones first. */
    unsigned kinds_count, workers_count, queues_count, turns_count, faults_count;
    bool estimated; /* Some shard had so much waiting that only the first thousands were looked at. */
};

/* One actor. */
struct souk_look_actor {
    const struct souk_kind *kind;
    bool live;      /* It is in memory. */
    bool asleep;    /* It has a snapshot, and is not in memory until it is spoken to. */
    bool traced;
    bool paused;    /* It failed and waits for its next life. */
    uint64_t depth; /* Messages waiting, the stash too. */
    uint64_t position; /* Of an event-sourced one: where the journal has its last change. */
    size_t state_size;
    struct souk_bytes state; /* msgpack, for souk_dump_state() of codec/dump.h. Empty when it is too large. */
};

/* A message to a volatile actor that nobody took. */
struct souk_look_letter {
    uint64_t id;            /* Names it until SOUK_LOOK_LETTERS or so newer ones of its worker have come. */
    uint64_t time_ms;
    const struct souk_kind *kind; /* NULL: it was sent to souk_nobody. */
    souk_key key;
    const char *message;
    const struct souk_row *row;   /* NULL: unknown. */
    enum souk_ending ending;      /* What its asker was told: DEAD, LATE or REFUSED. */
    souk_verdict refusal;
    bool asked;                   /* Somebody waited for its answer. */
    size_t size;
    struct souk_bytes body;       /* Empty when it is larger than SOUK_LOOK_BODY_MAX. */
};

struct souk_look_letters { struct souk_look_letter at[SOUK_LOOK_LETTERS]; unsigned count; uint64_t ever; };

/* What came of a look. All is borrowed for the call of done(). Only the member of the question is set. */
struct souk_look_answer {
    souk_err err;    /* SOUK_ERR_LATE: an actor's or a letter's worker said nothing; SOUK_ERR_MISSING: there is no such
                      * letter, or no such live actor to be traced; SOUK_ERR_USAGE: a query can't be sent again. */
    unsigned silent; /* Of a look at all: how many shards or workers said nothing until the deadline. */
    const struct souk_look_node *node;
    const struct souk_look_actor *actor;
    const struct souk_look_letters *letters;
};

enum souk_look_at {
    SOUK_LOOK_AT_NODE = 1, /* -> node */
    SOUK_LOOK_AT_ACTOR,    /* `actor` -> actor */
    SOUK_LOOK_TRACE,       /* Switches the trace of `actor` to `on` -> actor */
    SOUK_LOOK_AT_LETTERS,  /* -> letters, the last ones first */
    SOUK_LOOK_REPLAY,      /* Sends the letter `letter` again, as a tell: who asked has been told already. */
};

/* One question. The caller's memory, in place until done() is called, exactly once, later, on the same thread. */
struct souk_look {
    enum souk_look_at at;
    souk_ref actor;
    bool on;
    uint64_t letter;
    unsigned queues;    /* Of a node: how many of the deepest; 0: 20. */
    uint32_t within_ms; /* 0: 1000. */
    void (*done)(struct souk_look *look, const struct souk_look_answer *answer);
    void *under_way_;   /* The runtime's. */
};

/* Looks. On the worker's thread only. SOUK_ERR_BUSY: too many looks are under way; SOUK_ERR_UNKNOWN: no such kind. Then
 * done() is not called. */
souk_err souk_worker_look(souk_worker *worker, struct souk_look *look) SOUK_MUST_CHECK;
/* done() will not be called any more. On the worker's thread. */
void souk_worker_look_forget(souk_worker *worker, struct souk_look *look);

/* Says each line of the trace on standard error, too. Any thread. */
void souk_worker_trace_aloud(souk_worker *worker, bool aloud);
/* The last lines of the trace, each a JSON object, the oldest first: at most `size` bytes of whole lines with a newline
 * each; the rest counts as lost. `first` gets the number of the first line told, counted from 1 since the node was
 * opened, and only lines numbered `after` + 1 and later are told. Returns the length. Any thread. */
size_t souk_worker_trace(souk_worker *worker, uint64_t after, uint64_t *first, char *out, size_t size);
/* The kind of that name, or NULL. Any thread. */
const struct souk_kind *souk_worker_kind(const souk_worker *worker, struct souk_text name);

#endif
