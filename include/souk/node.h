/* SPDX-License-Identifier: Apache-2.0 */
/* souk/node.h -- a node: it hosts kinds of actors on a data directory, and answers whoever asks from outside.
 *
 * A node has workers, each an OS thread with an event loop. Everything that is said to actors from outside enters on a
 * worker's own thread (souk_worker_ask) and is answered there. Whoever has sockets puts them on a worker's loop: see
 * `struct souk_guest`. */
#ifndef SOUK_NODE_H
#define SOUK_NODE_H

#include <souk/actor.h>

typedef struct souk_node souk_node;
typedef struct souk_worker souk_worker;
struct souk_loop;

/* ---- Asking from outside. ---- */

/* What came of a request. Borrowed for the call of done(). */
struct souk_reply {
    enum souk_ending ending; /* SOUK_LATE: not within the time; it may still happen. */
    souk_verdict refusal;    /* With SOUK_REFUSED; may be one of the runtime's own. */
    struct souk_bytes body;  /* A query's view, or the record that a command answered. */
};

/* One question or command. The caller's memory, untouched and in place until done() is called, exactly once; `body` is
 * copied at once. An answer is given only when all that it depends on is durable. */
struct souk_request {
    souk_ref to;
    const struct souk_row *row; /* A command or query of that kind. */
    struct souk_bytes body;     /* msgpack; checked against the row by the actor's turn. */
    uint32_t within_ms;
    void (*done)(struct souk_request *request, const struct souk_reply *reply);
    /* The runtime's, while it is under way. */
    uint64_t due_ns_;
    struct souk_request *later_, *sooner_;
    uint64_t ticket_;
};

/* Sends a request. On the worker's thread only; done() is called on it later, never inside this call. Requests of one
 * worker to one actor arrive in the order of the calls. SOUK_ERR_BUSY (too much is under way, or memory_max is
 * reached), SOUK_ERR_FULL (the disk is nearly full; commands only), SOUK_ERR_TOO_LARGE (a body above SOUK_BODY_MAX),
 * SOUK_ERR_UNKNOWN (the node hosts no such kind, or the key is none), SOUK_ERR_CLOSED (the journal has failed): then
 * done() is not called. A row that the kind lacks is refused SOUK_UNKNOWN, a body that doesn't fit SOUK_MALFORMED. */
souk_err souk_worker_ask(souk_worker *worker, struct souk_request *request) SOUK_MUST_CHECK;
/* Encodes `message` for `row` and asks: the row's own struct, as in souk_tell(). */
souk_err souk_worker_ask_with(souk_worker *worker, struct souk_request *request, const void *message) SOUK_MUST_CHECK;
/* done() will not be called any more, and the request's memory is the caller's again. On the worker's thread. */
void souk_worker_forget(souk_worker *worker, struct souk_request *request);
/* Decodes a reply's body into the struct of its layout; text in it is borrowed from the reply, lists from the worker
 * until the next call. False when it doesn't fit. */
bool souk_worker_read(souk_worker *worker, struct souk_bytes body, const struct souk_layout *layout, void *out);

/* The key of a text id and of a pair of keys under the node's secret, as in a turn. Any thread. */
souk_key souk_node_key_of(const souk_node *node, struct souk_text id);
souk_key souk_node_key_pair(const souk_node *node, souk_key first, souk_key second);
/* Partition time, milliseconds since 1970. Any thread. */
uint64_t souk_node_now_ms(const souk_node *node);

/* ---- Ports. ---- */

/* A call that must be made: borrowed until the driver's call() returns, so it copies what it keeps. */
struct souk_port_call {
    uint64_t ticket;           /* Names the call in souk_port_done(). */
    souk_key key;              /* The idempotency key. The same call may come again, under the same key. */
    struct souk_text operation; /* The record's name. */
    struct souk_bytes body;    /* The record, as msgpack. */
    uint64_t due_ms;           /* After this the caller is told SOUK_LATE; the outcome then counts for nothing. */
};
/* Serves a port: call() is called on the thread of worker 0, when the call is durable. */
struct souk_port_driver {
    const struct souk_port *port;
    void *self;
    void (*call)(void *self, souk_worker *worker, const struct souk_port_call *call);
};
/* The outcome of a call: SOUK_DONE with a record, SOUK_REFUSED with a code, or SOUK_DEAD. On worker 0's thread. A
 * second outcome of one call, or one of a call that is not known, is ignored. */
void souk_port_done(souk_worker *worker, uint64_t ticket, enum souk_ending ending, souk_verdict refusal,
                    const struct souk_layout *layout, const void *record);

/* ---- The node. ---- */

/* Something with sockets or timers of its own that lives on a worker's loop, such as the HTTP gateway. */
struct souk_guest {
    void *self;
    /* Called on each worker's thread once it serves, and once before it ends. An error stops the node. */
    souk_err (*enter)(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop);
    void (*leave)(void *self, souk_worker *worker, unsigned number);
    /* Called about every 100 ms on each worker's thread; may be NULL. */
    void (*tick)(void *self, souk_worker *worker, unsigned number, uint64_t now_ns);
    /* Asked while draining: true when nothing of the guest's is under way on that worker. May be NULL. */
    bool (*idle)(void *self, souk_worker *worker, unsigned number);
};

struct souk_options {
    const char *directory;              /* The data directory; made when missing. NULL: all kinds are volatile. */
    const struct souk_kind *const *kinds; /* NULL at the end. */
    const struct souk_port_driver *ports; /* port NULL at the end; NULL: none. */
    const struct souk_guest *guests;      /* enter NULL at the end; NULL: none. */
    unsigned workers;                   /* 0: cores, or cores - 1 on small machines. */
    uint32_t backlog_max;               /* Un-synced bytes before new requests are refused; 0: 16 MiB. */
    uint32_t checkpoint_mib;            /* Journal growth between checkpoints; 0: 32. */
    uint32_t actors_max;                /* Live in memory before idle ones are put to sleep; 0: 4 Mi. */
    uint32_t volatile_max;              /* Volatile ones in one shard before spawning is refused; 0: 16 Mi. */
    uint32_t stall_ms;                  /* The watchdog says which turn takes longer; 0: 1000, or SOUK_STALL_NEVER. */
    uint32_t stall_fatal_ms;            /* A turn that takes so long ends the process, with abort(); 0: never. */
    uint64_t memory_max;                /* Bytes; 0: no limit. While actors and messages use more (stats' memory_used;
                                         * LevelDB's and guests' own don't count), requests are refused SOUK_ERR_BUSY
                                         * and no volatile actor is made: souk_spawn() gives souk_nobody. */
};
#define SOUK_STALL_NEVER UINT32_MAX

/* Opens the data directory, recovers, and starts the workers; returns when guests have entered. `why` gets a sentence
 * on failure. Errors as souk_data_open()'s, and the guests'. SOUK_ERR_MEMORY: there was not enough to begin with. Once
 * it reads its journal, and from then on, a node that gets no more memory ends its process: it says "out of memory" and
 * aborts (SIGABRT). What was acknowledged is there when it is opened again. See memory_max for a limit before that. */
souk_err souk_node_open(souk_node **out, const struct souk_options *options, char *why,
                        size_t why_size) SOUK_MUST_CHECK;
/* Asks guests to finish: waits up to within_ms until all are idle and all is durable. Not on a worker's thread, as it
 * waits for the workers: there it is a bug, and in a volatile actor's turn a fault of that turn. */
void souk_node_drain(souk_node *node, uint64_t within_ms);
/* Stops the workers, checkpoints, closes the data directory, frees everything. Not on a worker's thread, as above. */
void souk_node_close(souk_node **node_p);
/* Waits for the node to fail on its own (a journal error), or for souk_node_stop_waiting(); the fault, or SOUK_OK. */
souk_err souk_node_wait(souk_node *node);
/* A sentence on the fault of a node that has failed, with what the store said: "the journal failed: ..."; else "". */
void souk_node_why(const souk_node *node, char *why, size_t size);
/* Ends souk_node_wait(). Async-signal-safe. */
void souk_node_stop_waiting(souk_node *node);

/* Whose worker it is. Any thread. */
const souk_node *souk_worker_node(const souk_worker *worker);

/* ---- What it counts, for metrics. ---- */

/* Counts since the node was opened, but for those that say how much there is now. */
struct souk_stats {
    uint64_t turns, events, refusals, malformed, messages, messages_across, asks, late;
    uint64_t batches, batch_bytes, groups, group_bytes, commits_inline, checkpoints;
    uint64_t requests, requests_refused, replies, steals, parks;
    /* Turns that failed, restarts of volatile actors, messages that nobody took; how often a worker was held. */
    uint64_t faults, restarts, dead_letters, stalls;
    /* Now: the journal's last position and the last durable one, actors in memory, messages waiting, bytes. */
    uint64_t position, durable, actors, volatile_actors, mailbox_depth, memory_bytes, memory_used, backlog_bytes;
    /* Subscriptions (souk/topic.h) now; for them: events handed over and left out, groups read from the journal. */
    uint64_t feeds, feed_events, feed_skipped, feed_reads;
};
/* A consistent enough sum over the workers. Any thread. */
void souk_node_stats(const souk_node *node, struct souk_stats *out);
/* The histogram of group-commit latencies in nanoseconds, merged into `out` (a struct souk_histogram). Any thread. */
struct souk_histogram;
void souk_node_commit_latency(const souk_node *node, struct souk_histogram *out);

#endif
