/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim.h -- a whole node in one thread, from one seed: for the tests of kinds and of souk itself.
 *
 * The same runtime runs as in production; only the clock, chance and the disk are simulated. What runs next, where
 * slices end and when the journal syncs is drawn from the seed, so a failing seed fails again. Crashes lose what was
 * not durable and recover, as a killed process does. Time passes only when nothing else can. */
#ifndef SOUK_SIM_H
#define SOUK_SIM_H

#include <souk/node.h>

typedef struct souk_sim souk_sim;

/* What goes wrong by itself, each as one chance in so many steps; 0: never. */
struct souk_sim_options {
    uint64_t seed;
    const struct souk_kind *const *kinds;
    unsigned workers;                     /* 0: drawn from the seed, 1 to 3. */
    const struct souk_port_driver *ports; /* Called in the simulation's thread; port NULL at the end. */
    uint32_t crash_one_in;
    uint32_t checkpoint_one_in;
    uint32_t actors_max, volatile_max;    /* 0: as in struct souk_options. */
};

/* A node on an empty disk. NULL is out of memory. */
souk_sim *souk_sim_open(const struct souk_sim_options *options);
void souk_sim_close(souk_sim **sim_p);

/* One step of whatever can run. False when nothing can: neither work nor a timer is left. */
bool souk_sim_step(souk_sim *sim);
/* Steps until nothing can run, or `steps` are done; true when nothing can. */
bool souk_sim_run(souk_sim *sim, uint64_t steps);
/* Steps until nothing can run before that much virtual time has passed. */
void souk_sim_pass(souk_sim *sim, uint64_t ms);
/* Something outside happens at that time (souk_sim_now_ms()): the clock will not jump past it. 0: nothing does. */
void souk_sim_expect(souk_sim *sim, uint64_t at_ms);
/* Kills the node and starts it again on what was durable. Requests under way get no answer: `lost` of each is called.
 * */
void souk_sim_crash(souk_sim *sim);

/* Asks as a client would, on a worker drawn from the seed. done() gets the reply; lost(), which may be NULL, is called
 * instead when the node crashes first. The request is the caller's memory until one of them. The same errors as
 * souk_worker_ask(). */
struct souk_sim_request {
    struct souk_request request;
    void (*lost)(struct souk_sim_request *request);
    struct souk_sim_request *next_;
    souk_sim *sim_;
    void (*done_)(struct souk_request *request, const struct souk_reply *reply);
};
souk_err souk_sim_ask(souk_sim *sim, struct souk_sim_request *request, const void *message) SOUK_MUST_CHECK;
/* Asks and steps until the answer is there; the node may crash on the way, then it is asked again. The body is copied
 * into `view` when it is not NULL (text in it is good until the next call). */
struct souk_reply souk_sim_tell(souk_sim *sim, souk_ref to, const struct souk_row *row, const void *message,
                                const struct souk_layout *layout, void *view);

/* The node's keys, its clock in milliseconds, and a number drawn from the seed, below `below`. */
souk_key souk_sim_key_of(const souk_sim *sim, struct souk_text id);
souk_key souk_sim_key_pair(const souk_sim *sim, souk_key first, souk_key second);
uint64_t souk_sim_now_ms(const souk_sim *sim);
uint64_t souk_sim_draw(souk_sim *sim, uint64_t below);
/* The worker whose thread port drivers run on, for souk_port_done(). Changes with each crash. */
souk_worker *souk_sim_door(souk_sim *sim);
/* What was counted: steps and crashes, turns that failed (an assertion of a kind costs a turn, also here), and a hash
 * of all that became durable, the same for the same seed. */
struct souk_sim_counts { uint64_t steps, crashes, checkpoints, position, trace, faults; };
struct souk_sim_counts souk_sim_counts(const souk_sim *sim);
/* For the checker: the journal, the vault and the secret that keys are hashed with; and the store under them, for
 * faults. The first two change with each crash. */
struct souk_journal *souk_sim_journal(souk_sim *sim);
struct souk_vault *souk_sim_vault(souk_sim *sim);
const struct souk_secret *souk_sim_secret(const souk_sim *sim);
struct souk_memory_store *souk_sim_store(souk_sim *sim);

/* ---- The author's testkit: one actor alone, random commands, flows under faults. ---- */

#include <souk/testkit.h>

#endif
