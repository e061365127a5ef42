/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim.h -- nodes, their clients and their disks in one thread, from one seed: for tests of kinds and of souk.
 *
 * The same runtime runs as in production; only the clock, chance, the network and the disk are simulated. What runs
 * next, where slices and groups end, what the disk and the links do wrong and when a node dies is drawn from the
 * seed, so a failing seed fails again, step by step. A node may die between any two steps of any of its threads, in
 * the middle of closing a slice, while it reads its journal and while it settles what was under way; it comes back
 * with what was durable and with another number of workers. Time passes only when nothing else can.
 *
 * What must hold is looked at all the time. After each step every live actor's check() is called. A put that fails
 * stops the node, and the next start must find all that was acknowledged. A disk that lost or changed what it had
 * acknowledged must be noticed by the next start, which refuses; the simulation then mends the disk and goes on. What
 * does not hold is a panic that names the seed. */
#ifndef SOUK_SIM_H
#define SOUK_SIM_H

#include <souk/node.h>

typedef struct souk_sim souk_sim;

/* What a disk does wrong, each as one chance in so many puts (flips: crashes; crowds: steps); 0: never. */
struct souk_sim_disk {
    uint32_t io_one_in;    /* A put fails; what it put is there all the same, or isn't; */
    uint32_t full_one_in;  /* ... for want of room; */
    uint32_t torn_one_in;  /* ... and half of it is there. */
    uint32_t lie_one_in;   /* A put succeeds, and is gone after the next crash: alone, or with all after it. */
    uint32_t flip_one_in;  /* A bit of the journal turns while the node is down. */
    uint32_t crowd_one_in; /* There is little room for a while: new commands are refused, the rest goes on. */
};

/* What links do to each parcel; all zero: clients ask without any. */
struct souk_sim_net {
    uint32_t lose_one_in, double_one_in;
    uint32_t late_one_in, late_ms;  /* Comes later by up to so much, and others pass it. */
    uint32_t reorder_one_in;        /* May overtake what was sent before it. */
    uint32_t delay_ms;              /* All take up to so long. */
};

/* When nodes died, as moments: there is one between any two steps, and some within a step and a start. */
enum { SOUK_SIM_MOMENTS = 1024 };
struct souk_sim_moments { uint32_t count; uint64_t at[SOUK_SIM_MOMENTS]; };

/* What goes wrong by itself, each as one chance in so many steps; 0: never. */
struct souk_sim_options {
    uint64_t seed;
    const struct souk_kind *const *kinds;
    unsigned workers;                     /* 0: drawn anew for each start, 1 to 4. */
    const struct souk_port_driver *ports; /* Called in the simulation's thread; port NULL at the end. */
    uint32_t crash_one_in;
    uint32_t checkpoint_one_in;
    uint32_t actors_max, volatile_max;    /* 0: as in struct souk_options. */
    unsigned nodes;                       /* Each with a disk and a partition of its own; 0: one. */
    uint32_t check_every;                 /* After so many steps each live actor is checked; 0: after each. */
    uint32_t clock_one_in;                /* In so many crashes the wall clock is put an hour forth or back at most. */
    bool buggify;                         /* What is rare in the runtime becomes frequent: see world/rare.h. */
    struct souk_sim_disk disk;
    struct souk_sim_net net;
    /* Not by chance: crashes come at these moments, and only then; NULL: as drawn. Which they were is recorded as they
     * happen, also if the process then dies of one; NULL: it isn't. Both are borrowed. */
    const struct souk_sim_moments *crash_at;
    struct souk_sim_moments *crashed_at;
    /* Something has arrived at an endpoint of the user's; NULL: there are none. */
    void (*arrived)(void *self, souk_sim *sim, uint32_t from, uint32_t to, struct souk_bytes bytes);
    void *arrived_self;
};

/* Nodes on empty disks. NULL is out of memory. Whoever still waits for an answer when it is closed has lost it. */
souk_sim *souk_sim_open(const struct souk_sim_options *options);
void souk_sim_close(souk_sim **sim_p);

/* One step of whatever can run: a worker, a committer, a keeper, a reader of topics, a link. False when nothing can:
 * neither work nor a timer is left. */
bool souk_sim_step(souk_sim *sim);
/* Steps until nothing can run, or `steps` are done; true when nothing can. */
bool souk_sim_run(souk_sim *sim, uint64_t steps);
/* Steps until nothing can run before that much virtual time has passed. */
void souk_sim_pass(souk_sim *sim, uint64_t ms);
/* Something outside happens at that time (souk_sim_now_ms()): the clock will not jump past it. 0: nothing does. */
void souk_sim_expect(souk_sim *sim, uint64_t at_ms);
/* Kills a node, the first one, and starts it again on what was durable: it settles in the steps that follow. Requests
 * under way there get no answer: `lost` of each is called. */
void souk_sim_crash(souk_sim *sim);
void souk_sim_crash_node(souk_sim *sim, unsigned node);
/* From now on nothing goes wrong by itself: no crash, no fault of a disk or a link, nothing rare. */
void souk_sim_calm(souk_sim *sim);

/* Asks as a client would, on a worker drawn from the seed. done() gets the reply; lost(), which may be NULL, is called
 * instead when the node dies first. Over links a reply may never come: then done() is told SOUK_LATE in the end, which
 * says nothing of what became of it; so it is asked again, under the same key. The request is the caller's memory until
 * one of them. Without links the same errors as souk_worker_ask(). */
struct souk_sim_request {
    struct souk_request request;
    void (*lost)(struct souk_sim_request *request);
    unsigned node;              /* Whom to ask; 0 is the first. */
    struct souk_sim_request *next_;
    souk_sim *sim_;
    void (*done_)(struct souk_request *request, const struct souk_reply *reply);
    uint64_t id_, due_ns_;
    void *body_;
};
souk_err souk_sim_ask(souk_sim *sim, struct souk_sim_request *request, const void *message) SOUK_MUST_CHECK;
/* Asks and steps until the answer is there, again whenever it was lost. The body is copied into `view` when it is not
 * NULL (text in it is good until the next call). */
struct souk_reply souk_sim_tell(souk_sim *sim, souk_ref to, const struct souk_row *row, const void *message,
                                const struct souk_layout *layout, void *view);

/* Sends bytes over a link to an endpoint of the user's, which are numbered from here on; arrived() gets them. */
enum { SOUK_SIM_ENDPOINTS = 1 << 16 };
void souk_sim_send(souk_sim *sim, uint32_t from, uint32_t to, struct souk_bytes bytes);

/* The nodes' keys (all have one secret), their clock in milliseconds, and a number drawn from the seed, below
 * `below`. */
souk_key souk_sim_key_of(const souk_sim *sim, struct souk_text id);
souk_key souk_sim_key_pair(const souk_sim *sim, souk_key first, souk_key second);
uint64_t souk_sim_now_ms(const souk_sim *sim);
uint64_t souk_sim_draw(souk_sim *sim, uint64_t below);
/* The worker whose thread port drivers run on, for souk_port_done(): the first node's. Changes with each life. */
souk_worker *souk_sim_door(souk_sim *sim);
/* What was counted. A life begins with each start; in some of them a disk's error was the end of the last (stops), or a
 * start was refused because of what the disk had done (refusals). `faults` are turns that failed (an assertion of a
 * kind costs a turn, also here); `position` and `checkpoints` are the first node's. `trace` is a hash of all that
 * happened: each choice, turn, message and answer. It is the same for the same seed and options. */
struct souk_sim_counts {
    uint64_t steps, crashes, checkpoints, position, trace, faults;
    uint64_t lives, stops, refusals;
};
struct souk_sim_counts souk_sim_counts(const souk_sim *sim);
/* For the checker: the first node's journal and vault and the secret that keys are hashed with; and the store under
 * them, for faults. The first two change with each life. */
struct souk_journal *souk_sim_journal(souk_sim *sim);
struct souk_vault *souk_sim_vault(souk_sim *sim);
const struct souk_secret *souk_sim_secret(const souk_sim *sim);
struct souk_memory_store *souk_sim_store(souk_sim *sim);

/* ---- The author's testkit: one actor alone, random commands, flows under faults. ---- */

#include <souk/testkit.h>

#endif
