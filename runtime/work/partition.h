/* SPDX-License-Identifier: Apache-2.0 */
/* work/partition.h -- a journal, its shards and the workers that run them: what they share, and who may touch what.
 *
 * Why run-ahead is sound (DURABILITY R1, R4). All that a slice did becomes one batch. A worker closes a slice in this
 * order: it encodes the batch, takes its position and fills its place in the ring, publishes its messages to other
 * shards, and only then lets go of its shards. So whoever sees anything of a batch, through a message or through the
 * state of a shard, takes a later position for what he does about it: the positions are a total order in which each
 * batch comes after all that it depends on. The journal takes batches from the ring strictly by position and never past
 * a gap, so what is on disk is always a prefix of that order, and each prefix is a consistent past. What leaves the
 * partition carries the highest position that it depends on (`dep`), and waits until the journal has reached it.
 *
 * A shard is idle, queued (in some worker's ready ring) or held (by the one worker that runs it). Idle -> held or
 * queued is a compare-and-swap by whoever has a message for it; queued -> held is done by whoever takes it out of a
 * ring; held -> idle or queued is its holder's. A message pushed while the holder lets go is not lost: the holder
 * publishes idle, then looks at the mailbox again; the pusher pushes, then looks at the state; both are sequentially
 * consistent, so at least one of them sees the other (Dekker). */
#ifndef SOUK_WORK_PARTITION_H
#define SOUK_WORK_PARTITION_H

#include "base/histogram.h"
#include "base/limits.h"
#include "cell/turn.h"
#include "mail/mailbox.h"
#include "store/data.h"
#include "store/page.h"
#include "work/topics.h"
#include "work/probe.h"
#include "work/watch.h"
#include "world/loop.h"
#include "world/thread.h"
#include "world/world.h"
#include <souk/node.h>
#include <stdatomic.h>

enum { SOUK_GROUP_HEADER = 24 };

/* A port call that is under way, until its ask is closed. */
struct souk_outstanding_call { souk_asker asker; struct souk_message *call; };

/* Volatile actors that have something to do: those that are asked or answered go before those that are only told. */
enum souk_ready_list { SOUK_READY_AWAITED, SOUK_READY_TOLD, SOUK_READY_LISTS };

/* Who has a snapshot: all that is left in memory of an actor that sleeps. See filed.c. */
struct souk_filing { souk_key key; uint64_t kind_position, name; };
struct souk_filed { struct souk_filing *slot; uint32_t count, slots; };

enum souk_shard_state { SOUK_SHARD_IDLE, SOUK_SHARD_QUEUED, SOUK_SHARD_HELD };

struct souk_shard {
    _Alignas(64) _Atomic uint32_t state;
    uint32_t number;
    struct souk_mailbox mailbox; /* Any thread pushes. */
    _Atomic uint32_t inflow;    /* About how many messages lie in it; any thread. */
    /* All below is its holder's. */
    struct souk_fifo backlog;
    uint32_t backlog_count, backlog_told; /* Now, and as metrics know it. */
    struct souk_directory directory;
    struct souk_arena arena;
    struct souk_wheel wheel;    /* Of struct souk_alarm. */
    struct souk_population population; /* Volatile actors. */
    struct souk_lives ready[SOUK_READY_LISTS]; /* Those with something to do. */
    struct souk_shard *busy_next[SOUK_READY_LISTS]; /* In its holder's list of shards that have such. */
    bool busy[SOUK_READY_LISTS];
    struct souk_lives paused;   /* Those that wait for their next life; */
    _Atomic bool has_paused;    /* whether there are any: any thread may look. */
    struct souk_fifo probes;    /* Until it is let go of. */
    struct souk_filed filed;    /* Actors with a snapshot. */
    struct souk_cell *noted;    /* Those that a checkpoint must look at: changed, or with messages that wait; */
    struct souk_cell *uncut;    /* ... and those that the one under way has still to cut. */
    struct souk_outstanding_call *calls;
    uint32_t calls_count, calls_room;
    uint64_t dep;               /* The highest position that its state depends on. */
    uint64_t now_ms;            /* The latest turn time in it. */
    _Atomic uint32_t cut;       /* The last checkpoint that has it; any thread may look. */
    uint32_t tabled;            /* The last one that has its table. */
    uint32_t hand;              /* Where the search for idle actors goes on. */
    _Atomic uint32_t rebuilding; /* Actors whose state is being rebuilt: until then it cannot be cut. */
};

/* A place in the ring. `position` says whose batch it holds; the buffers stay and are swapped with the workers'. */
struct souk_ring_place {
    _Alignas(64) _Atomic uint64_t position;
    struct souk_batch batch;
};

struct souk_request_slot { struct souk_request *request; uint32_t generation, next; };
struct souk_call_slot { souk_asker asker; uint32_t generation, next; bool busy; };

/* A message to a volatile actor that nobody took, and why. */
struct souk_letter { struct souk_message *message; uint64_t time_ms; enum souk_ending ending; souk_verdict refusal; };

enum { SOUK_REQUEST_WHEEL = 1024, SOUK_REQUEST_WHEEL_MS = 8, SOUK_COUNTS = 32 };

struct souk_worker {
    struct souk_partition *partition;
    unsigned number;
    souk_heap *heap;
    struct souk_slice slice;
    volatile struct souk_page_slot *turn_page; /* Whose turn is under way, for the next process. */
    bool careful;                           /* One turn a batch, and each durable before the next turn. */
    struct souk_page_slot turn_page_none;   /* Where that goes when nobody keeps it. */
    struct souk_fifo local;                 /* Messages for shards that it holds, in order. */
    struct { struct souk_shard *head, *tail; } busy[SOUK_READY_LISTS]; /* Those of them with volatile actors to run. */
    struct souk_shard *ahead;               /* The worker is ahead of whoever runs this one: see souk_lives_pause(). */
    uint64_t ahead_ms;                      /* Since then. */
    unsigned awaited_run;                   /* How many that are awaited went first, one after the other. */
    unsigned shard_run;                     /* How many of a shard's that are only told went, one after the other, */
    uint16_t visit;                         /* ... in this visit of the shard. */
    unsigned newborn_run;                   /* How many that were just spawned went to the front. */
    uint32_t spread;                        /* The next shard for who is to be spread. */
    struct souk_letter letters[SOUK_LETTERS]; /* Dead ones: a ring. */
    uint64_t letters_count;
    uint64_t fault_told_ms;
    /* For those who look. */
    uint32_t watch_in;                      /* After so many turns one is timed. */
    uint64_t slow_least_ns, slow_look_ms;   /* The least of the slow ones; until when that is believed. */
    struct souk_note slow[SOUK_SLOW], faults[SOUK_FAULTS];
    uint64_t faults_count;
    struct souk_looking *looks;
    uint32_t looks_count, look_ticket;
    struct souk_shard *held[SOUK_SHARDS];
    unsigned held_count;
    bool holds[SOUK_SHARDS];
    struct souk_fifo outgoing[SOUK_SHARDS]; /* Published when the slice closes (R1). */
    uint8_t outgoing_list[SOUK_SHARDS];
    unsigned outgoing_count;
    uint32_t outgoing_messages;             /* In all of them. */
    struct souk_fifo exits_now;             /* Of the slice under way. */
    struct souk_fifo exits;                 /* Wait for `dep`; first in, first out, and monotone. */
    uint64_t exits_dep;
    struct souk_fifo again;                 /* Queries that are asked again, for their actors have changed. */
    struct souk_message **attempts;         /* Messages of this slice whose turns have failed, to be tried again. */
    uint32_t attempts_count, attempts_room;
    struct souk_fifo rebuilds;              /* States that it spoilt: for the keeper when the slice closes. */
    struct souk_fifo incoming;              /* From outside, to be handled in the next slice. */
    uint64_t due[SOUK_SHARDS], due_min;     /* Next timer of the shards that it ran last. */
    uint32_t slice_turns, slice_turns_max, slice_turns_end; /* So far; until it takes nothing new; until it ends. */
    uint32_t shard_cursor;
    uint64_t published_seen;                /* Up to there what others published to held shards is in their backlog. */
    uint64_t cut_after_ns;                  /* A busy worker cuts no shard for a checkpoint before. */
    souk_ready *ready;
    uint64_t feeds_count;                   /* That it has opened. */
    struct souk_mailbox inbox;              /* Answers, port calls and snapshots from other threads. */
    /* Requests from outside. */
    struct souk_request_slot *requests;
    uint32_t requests_free, requests_room, requests_count;
    struct souk_request *wheel[SOUK_REQUEST_WHEEL];
    uint64_t wheel_at;
    struct souk_scratch read_scratch;
    uint8_t *read_memory;
    /* Port calls, on worker 0. */
    struct souk_call_slot *calls;
    uint32_t calls_free, calls_room;
    struct souk_fifo calls_waiting;         /* Until the doors are open. */
    bool doors_open;
    /* How it sleeps. */
    souk_loop *loop;                        /* NULL in a simulation. */
    _Atomic bool parked;
    _Atomic bool hungry;                    /* It found nothing to run, and nothing to steal. */
    _Atomic bool chatty;                    /* Its shards talk to each other too much to be run apart. */
    uint64_t hungry_ns;                     /* Since then. */
    bool splits;                            /* They hardly do: half of them may well be somebody else's. */
    uint64_t across_shards;                 /* Messages of this slice from a volatile actor to another shard. */
    _Atomic bool has_exits;
    _Atomic uint32_t checkpoint_seen;
    uint64_t tick_ns;
    /* Counted by its own thread, read by any. */
    _Atomic uint64_t counted[SOUK_COUNTS];
};

enum souk_worker_count {
    SOUK_N_EVENTS, SOUK_N_REFUSALS, SOUK_N_MALFORMED, SOUK_N_MESSAGES, SOUK_N_ASKS, SOUK_N_LATE,
    SOUK_N_BATCHES, SOUK_N_BATCH_BYTES, SOUK_N_ACROSS, SOUK_N_REQUESTS, SOUK_N_REFUSED, SOUK_N_REPLIES, SOUK_N_STEALS,
    SOUK_N_PARKS, SOUK_N_DEPTH, SOUK_N_EXPIRED, SOUK_N_IDLE_NS, SOUK_N_ROUNDS,
};

/* The checkpoint under way (R6, R7); see keeper.c. */
struct souk_checkpoint {
    _Atomic uint32_t epoch;     /* Grows with each; workers note that they have seen it between two slices. */
    _Atomic bool cutting;       /* Shards are to be cut. */
    _Atomic uint32_t left;      /* Shards not yet cut. */
    _Atomic uint64_t low;       /* The lowest position that recovery must read again for actors that are set apart. */
    _Atomic uint32_t done;      /* The last whose marker is durable. */
    _Atomic uint64_t position;  /* All that is at or below it is in the snapshots and the tables. */
    _Atomic uint64_t names;     /* The last number that was given away; see checkpoint.h. */
    _Atomic uint64_t bytes;     /* Of snapshots that are cut and not yet written. */
    _Atomic uint64_t began_bytes; /* How much journal there was when it began. */
    /* The keeper's. */
    struct souk_link link;      /* The journal's at that position. */
    uint64_t number, head, rows, sum; /* As in the next marker: see checkpoint.h. */
    uint64_t young[2];          /* The last number when the checkpoint before this one began, and when this one did. */
    struct souk_table_place { uint64_t number, checkpoint; uint32_t shard; } *tables; /* All that are in the vault. */
    uint32_t tables_count, tables_room;
    struct souk_replaced { uint64_t number; souk_ref actor; } *replaced; /* Snapshots that are to go with the marker. */
    uint32_t replaced_count, replaced_room;
    unsigned phase;
};

/* The last durable position and the journal's link there, for who has not the baton; see commit.c. */
struct souk_journal_end { _Atomic uint64_t turn, position, high, low; };

struct souk_partition {
    const struct souk_node *node; /* Whose it is; NULL in a simulation. */
    const struct souk_world *world;
    struct souk_memory *memory;
    souk_heap *heap; /* For what is made before the threads start. */
    const struct souk_kind *kinds[SOUK_KINDS_MAX];
    struct souk_secret secret;
    souk_journal *journal;
    souk_vault *vault;
    souk_page *page; /* May be NULL. */
    bool outcomes_condemned; /* It has outcomes that are given up. */
    struct souk_shard *shards;
    struct souk_worker **workers;
    unsigned workers_count;
    const struct souk_port_driver *ports;
    uint64_t backlog_max, checkpoint_bytes;
    uint32_t actors_max; /* Live in memory before idle ones are put to sleep. */
    uint32_t volatile_max; /* In each shard. */
    uint64_t memory_max;   /* Bytes in use; UINT64_MAX: no limit. */
    /* Time (R9): the last recorded one plus what has passed since. */
    uint64_t base_ms, base_ns;
    _Atomic bool timers_run; /* False until recovery has delivered all that was outstanding. */
    /* The ring, and the journal's end. */
    struct souk_ring_place *ring;
    _Alignas(64) _Atomic uint64_t position;  /* The last one taken. */
    _Alignas(64) _Atomic uint64_t durable;   /* The last one on disk. */
    _Atomic uint64_t backlog_bytes;          /* Taken and not yet durable. */
    _Alignas(64) _Atomic uint64_t published; /* How often a slice has sent to shards that others held. */
    _Alignas(64) _Atomic bool baton;         /* Whoever has it commits. */
    struct souk_journal_end end;             /* Written under the baton, read by any. */
    struct souk_histogram *commit_ns;        /* Under the baton. */
    _Atomic uint64_t groups, group_bytes, commits_inline;
    _Atomic uint32_t fault;                  /* A souk_err: the journal has failed, nothing more leaves. */
    _Atomic bool disk_full;                  /* Below the reserve: no new commands (R8). */
    struct souk_bed journal_bed;
    /* The keeper: loads sleeping actors, writes checkpoints. */
    souk_heap *keeper_heap;
    struct souk_mailbox keeper_box;
    struct souk_fifo rebuilds;               /* Actors to be rebuilt, once what they did is durable. */
    struct souk_fifo chunks;                 /* Snapshots to be written, in the order in which they were taken. */
    struct souk_bed keeper_bed;
    struct souk_checkpoint checkpoint;
    _Atomic bool checkpoint_wanted;
    _Atomic uint64_t checkpoints;
    _Atomic uint64_t actors;
    struct souk_topics topics;
    struct souk_trace trace;
    struct souk_watchdog watchdog;
};

/* ---- Partition time and shards. ---- */

/* Milliseconds since 1970; never goes back. Any thread. */
uint64_t souk_partition_now_ms(const struct souk_partition *partition);
static inline struct souk_shard *
souk_shard_of(const struct souk_partition *p, souk_key key)
{
    return &p->shards[key.high % SOUK_SHARDS];
}

/* The kind of that number, if the node hosts it. */
static inline const struct souk_kind *
souk_kind_of(const struct souk_partition *p, uint32_t number)
{
    return number < SOUK_KINDS_MAX ? p->kinds[number] : NULL;
}
/* Whether it is a volatile one. */
static inline bool
souk_is_volatile(const struct souk_partition *p, uint32_t number)
{
    const struct souk_kind *kind = souk_kind_of(p, number);
    return kind && kind->policy;
}
/* Whether lives.c takes a message: for volatile actors, and for nobody. Event-sourced ones know no signals. */
static inline bool
souk_is_for_lives(const struct souk_partition *p, const struct souk_message *m)
{
    return !souk_kind_of(p, m->to.kind) || souk_is_volatile(p, m->to.kind) || m->class == SOUK_SIGNAL;
}
/* Whether its actors and messages use more memory than they may: nothing new is begun. Any thread. */
static inline bool
souk_partition_crammed(const struct souk_partition *p)
{
    return p->memory_max != UINT64_MAX && souk_memory_used(p->memory) > p->memory_max;
}

/* Whether so much isn't on disk yet that no slice may begin (R8): the ring is full, or the backlog twice its limit. Any
 * thread. */
static inline bool
souk_partition_behind(const struct souk_partition *p)
{
    uint64_t ahead = atomic_load(&p->position) - atomic_load(&p->durable);
    return ahead + 2 * p->workers_count >= SOUK_RING || atomic_load(&p->backlog_bytes) > 2 * p->backlog_max;
}

/* Sets an alarm in the shard's wheel; whoever rings it or calls it off frees it. The shard's holder. */
struct souk_alarm *souk_shard_arm(struct souk_shard *shard, souk_heap *heap, struct souk_alarm alarm, uint64_t due_ms);
/* Adds a message to be delivered at its due time, or the deadline of an event-sourced actor's ask. The shard's
 * holder. */
void souk_shard_wake(struct souk_shard *shard, souk_heap *heap, struct souk_message *wake);
void souk_shard_deadline(struct souk_shard *shard, souk_heap *heap, souk_ref actor, uint32_t number, uint64_t due_ms);

/* Remembers a port call that is under way, in a copy. The caller's shard's holder. */
void souk_shard_call(struct souk_shard *shard, souk_heap *heap, const struct souk_message *call);
/* Forgets port calls whose asks have been closed. */
void souk_shard_calls_trim(struct souk_shard *shard, souk_heap *heap);

/* Remembers that an actor has a snapshot, of which position, and under which name; returns the name of the one that it
 * had before, or 0. The shard's holder. */
uint64_t souk_shard_file(struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t position, uint64_t name);
/* The same, unless it has a later one; and says that this will be done soon, so that the memory is at hand: whoever
 * does it millions of times would wait for it each time. Recovery. */
bool souk_shard_file_later(struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t position, uint64_t name);
void souk_shard_file_soon(const struct souk_shard *shard, uint32_t kind, souk_key key);
/* The name of an actor's snapshot and, unless NULL, its position; 0 when it has none. The shard's holder. */
uint64_t souk_shard_filed(const struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t *position);
/* A checkpoint must look at the actor: it has changed, or messages wait for it. The shard's holder. */
static inline void
souk_shard_note(struct souk_shard *shard, struct souk_cell *cell)
{
    if (cell->noted_link) return;
    cell->noted_link = &shard->noted;
    cell->noted_next = shard->noted;
    if (cell->noted_next) cell->noted_next->noted_link = &cell->noted_next;
    shard->noted = cell;
}
/* It need not. */
static inline void
souk_shard_pass_over(struct souk_cell *cell)
{
    if (!cell->noted_link) return;
    *cell->noted_link = cell->noted_next;
    if (cell->noted_next) cell->noted_next->noted_link = cell->noted_link;
    cell->noted_link = NULL;
}

/* How many turns a worker ever began. Any thread. */
uint64_t souk_worker_turns(const struct souk_worker *worker);

/* ---- slice.c: the worker's thread. ---- */

/* Readies a new worker's slice. */
void souk_slice_init(struct souk_worker *worker);
/* Runs one slice, if there is anything to run; true when it did. */
bool souk_slice_step(struct souk_worker *worker);
/* Something for an actor from outside the partition's shards: handled in the next slice. Takes the message. */
void souk_worker_deliver(struct souk_worker *worker, struct souk_message *message);

/* Moves what others have pushed to where it belongs. False when a push is half done, and hides what is behind it. The
 * shard's holder. */
bool souk_slice_drain(struct souk_worker *worker, struct souk_shard *shard);
/* Takes a shard, if nobody has it and nothing of this slice waits to be published to it; true when it is ours now. */
bool souk_slice_hold(struct souk_worker *worker, struct souk_shard *shard);
/* Sends a message on its way to its actor. Takes it. */
void souk_slice_route(struct souk_worker *worker, struct souk_message *message);

/* ---- wake.c: the shard's holder. ---- */

/* The snapshot of a sleeping actor has come: it wakes. Or that of one whose state was spoilt. Takes the message. */
void souk_slice_wake(struct souk_worker *worker, struct souk_shard *shard, struct souk_message *loaded);
/* What waited for an actor goes first, if it can take it now. */
void souk_slice_release(struct souk_worker *worker, struct souk_cell *cell);
/* Frees an actor that has never done anything. */
void souk_slice_forget(struct souk_worker *worker, struct souk_shard *shard, struct souk_cell *cell);

/* ---- close.c: the worker's thread. ---- */

/* Ends the slice under way. */
void souk_slice_close(struct souk_worker *worker);

/* ---- lives.c: volatile actors, in shards that the worker holds. ---- */

/* Puts a message into the queue of its actor. Takes it. */
void souk_lives_deliver(struct souk_worker *worker, struct souk_shard *shard, struct souk_message *message);
/* A shard that the worker has taken, and all that it lets go of: whose volatile actors are to run. */
void souk_lives_join(struct souk_worker *worker, struct souk_shard *shard);
void souk_lives_leave(struct souk_worker *worker);
static inline bool
souk_lives_wait(const struct souk_shard *shard)
{
    return shard->ready[SOUK_READY_AWAITED].head || shard->ready[SOUK_READY_TOLD].head;
}
/* The worker has sent to a shard that is held elsewhere, and faster than it is drained: he waits a little. */
void souk_lives_pause(struct souk_worker *worker, struct souk_shard *shard);
/* Gives the next actor some turns, and puts it back into the list if there is more for it. False when there is none. */
bool souk_lives_run(struct souk_worker *worker);
/* A turn was left by a jump: what its kind's policy says. */
void souk_lives_caught(struct souk_worker *worker);
/* A wake or period that an actor has set. Takes the message. */
void souk_lives_wake(struct souk_worker *worker, struct souk_message *message);
/* An alarm of a volatile actor has rung: it is delivered, and freed. */
void souk_lives_ring(struct souk_worker *worker, struct souk_shard *shard, struct souk_alarm *alarm);
/* A paused one begins its next life: the command that it was spawned with comes first. */
void souk_lives_start_again(struct souk_worker *worker, struct souk_shard *shard, struct souk_live *live);
/* A signal to the actor from the runtime, at a time. */
void souk_lives_signal_at(struct souk_worker *worker, struct souk_shard *shard, struct souk_live *live,
                          enum souk_signal signal, uint64_t due_ms);
/* Looks after idle_ms whether the actor is idle. */
void souk_lives_watch_idle(struct souk_worker *worker, struct souk_shard *shard, struct souk_live *live);
/* The deadlines of asks that this slice began and did not bring to their end. */
void souk_lives_set_deadlines(struct souk_worker *worker);
/* The slice's hooks; see cell/turn.h. */
struct souk_live *souk_lives_spawn(void *worker, const struct souk_kind *kind, enum souk_where where);
void souk_lives_unspawn(void *worker, souk_ref actor);
void souk_lives_disarm(void *worker, struct souk_alarm *alarm);

/* ---- commit.c: any thread. ---- */

/* Writes what is in the ring, once, if nobody else does; true when it should be called again. */
bool souk_commit_step(struct souk_partition *partition);
/* The last durable position and the journal's link there. */
uint64_t souk_commit_end(struct souk_partition *partition, struct souk_link *link);
/* Says where the journal ends. Recovery, before anything runs. */
void souk_commit_begin(struct souk_partition *partition, uint64_t position, struct souk_link link);
/* True when batches wait and nobody commits. */
bool souk_commit_wanted(const struct souk_partition *partition);
/* The header of a group of batches, as the journal stores it: magic, count, the link before it. */
void souk_group_header(uint8_t out[SOUK_GROUP_HEADER], uint32_t count, struct souk_link previous);
bool souk_group_open(struct souk_bytes group, uint32_t *count, struct souk_link *previous);
/* Whether it is of a later format. */
bool souk_group_newer(struct souk_bytes group);

/* ---- request.c: the worker's thread. ---- */

/* Gives a durable answer to whoever asked. Takes the message. */
void souk_request_answer(struct souk_worker *worker, struct souk_message *answer);
/* Makes a durable port call. Takes the message. Worker 0. */
void souk_port_call(struct souk_worker *worker, struct souk_message *call);
/* From now on port calls are made; those that waited first. Worker 0. */
void souk_ports_open(struct souk_worker *worker);
/* Tells LATE to requests whose time is over. */
void souk_requests_expire(struct souk_worker *worker, uint64_t now_ns);

/* ---- worker.c. ---- */

/* A worker, not yet with a loop or a thread. Freed with the partition's memory. */
struct souk_worker *souk_worker_open(struct souk_partition *partition, unsigned number);
/* One round: what other threads sent, timers, a slice, exits. True when it did anything. Never blocks. */
bool souk_worker_step(struct souk_worker *worker);
/* Nanoseconds until it has something to do on its own; UINT64_MAX: never. */
uint64_t souk_worker_idle_ns(struct souk_worker *worker);
/* Puts a message into a worker's inbox and wakes it if it sleeps. Any thread. */
void souk_worker_post(struct souk_worker *worker, struct souk_message *message);
/* Wakes a worker if it sleeps. Any thread. */
void souk_worker_wake(struct souk_worker *worker);
static inline void
souk_tally_up(struct souk_worker *w, enum souk_worker_count which, uint64_t amount)
{
    /* relaxed: one writer; a reader infers nothing else from it. */
    atomic_store_explicit(&w->counted[which], atomic_load_explicit(&w->counted[which], memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

/* ---- keeper.c. ---- */

/* One round of the keeper: snapshots that are asked for, the checkpoint. True when it did anything. */
bool souk_keeper_step(struct souk_partition *partition);
/* Asks for the snapshot of an actor, by its name. The shard's holder. */
void souk_keeper_load(struct souk_worker *worker, struct souk_cell *cell, uint64_t name);
/* Remembers that a table is in the vault. The keeper's thread, or recovery. */
void souk_keeper_note_table(struct souk_partition *partition, struct souk_table_place place);
/* Asks for the state of an actor as it was at wanted->dep, which becomes durable. Takes the message. The shard's
 * holder. */
void souk_keeper_rebuild(struct souk_worker *worker, struct souk_message *wanted);

/* ---- cut.c: the shard's holder. ---- */

/* Takes the snapshots of a held shard for the checkpoint under way; puts idle actors to sleep when there are too
 * many. */
void souk_shard_cut(struct souk_worker *worker, struct souk_shard *shard);
void souk_shard_trim(struct souk_worker *worker, struct souk_shard *shard);

/* A journal or vault has failed: nothing more leaves. Any thread. */
void souk_partition_fail(struct souk_partition *partition, souk_err err);

/* ---- topics.c: the reader, but for the first. ---- */

/* A group that has become durable, for whoever subscribes. The baton's holder, before it stores `durable`. */
void souk_topics_offer(struct souk_partition *partition, uint64_t first, const struct souk_bytes *parts, size_t count);
/* One round: what has come, then each feed. True when it did anything. */
bool souk_topics_step(struct souk_partition *partition);

/* ---- feed.c: the subscriber's side. ---- */

/* The slice's hooks; see cell/turn.h. */
struct souk_feed *souk_feed_open(void *worker, const struct souk_topic *topic, souk_asker subscriber, uint32_t command,
                                 uint64_t *id);
void souk_feed_close(void *worker, struct souk_feed *feed);
void souk_feed_handled(void *worker, struct souk_feed *feed, uint64_t position);
struct souk_lag souk_feed_lag(void *worker, const struct souk_feed *feed);
/* An event for a guest; and the last word on a guest's feed. Take the message. The guest's worker. */
void souk_feed_told(struct souk_worker *worker, struct souk_message *message);
void souk_feed_over(struct souk_worker *worker, struct souk_message *message);

/* ---- recover.c. ---- */

struct souk_partition_options {
    const struct souk_node *node;
    const struct souk_world *world;
    const struct souk_kind *const *kinds;
    const struct souk_port_driver *ports;
    souk_journal *journal;
    souk_vault *vault;
    souk_page *page; /* NULL: nobody counts of what the process dies. */
    struct souk_secret secret;
    unsigned workers;
    uint64_t backlog_max, checkpoint_bytes;
    uint32_t actors_max, volatile_max;
    uint64_t memory_max; /* 0: no limit. */
};
/* Makes a partition and brings it to where its journal ends. What was outstanding waits to be handled, and no timer
 * runs. Not yet any threads. Damage is told in `why`. */
souk_err souk_partition_open(struct souk_partition **out, const struct souk_partition_options *options, char *why,
                             size_t why_size) SOUK_MUST_CHECK;
/* Handles it: workers, keeper and committer are stepped until none finds anything more; then timers run. The journal's
 * or the vault's error, if one fails meanwhile. Still no threads. A simulation steps them itself, in an order of its
 * own, and then says that it has settled. */
souk_err souk_partition_settle(struct souk_partition *partition) SOUK_MUST_CHECK;
void souk_partition_settled(struct souk_partition *partition);
/* Zeroed memory on cache lines of its own, which lives as long as the heap's memory. */
void *souk_partition_lines(souk_heap *heap, size_t size);
/* Frees it all; the journal and the vault stay the caller's. No thread may be in it. */
void souk_partition_close(struct souk_partition **partition_p);

#endif
