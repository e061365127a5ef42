/* SPDX-License-Identifier: Apache-2.0 */
/* node/sim.c -- a node in one thread from one seed; see souk/sim.h. */
#include "base/panic.h"
#include "store/memory.h"
#include "work/partition.h"
#include "world/sim.h"
#include <souk/sim.h>

#include <stdlib.h>

enum { BODY_MAX = 64 << 10 };

struct souk_sim {
    struct souk_sim_options options;
    struct souk_sim_world world;
    souk_memory_store *store;
    souk_journal *journal;
    souk_vault *vault;
    struct souk_partition *partition;
    struct souk_secret secret;
    unsigned workers;
    uint64_t expected_ms; /* When something outside happens; 0: nothing does. */
    struct souk_sim_request *under_way;
    struct souk_sim_counts counts;
    uint8_t *scratch;
    uint8_t *body;
};

static void
start(souk_sim *sim)
{
    char why[200] = "";
    souk_err err = souk_memory_store_journal(sim->store, &sim->journal);
    if (!err) err = souk_memory_store_vault(sim->store, &sim->vault);
    struct souk_partition_options options = {
        .world = &sim->world.world, .kinds = sim->options.kinds, .ports = sim->options.ports, .journal = sim->journal,
        .vault = sim->vault, .secret = sim->secret, .workers = sim->workers, .actors_max = sim->options.actors_max,
        .volatile_max = sim->options.volatile_max, .checkpoint_bytes = UINT64_MAX,
    };
    if (!err) err = souk_partition_open(&sim->partition, &options, why, sizeof why);
    if (!err) err = souk_partition_settle(sim->partition);
    if (err) souk_panic(__FILE__, __LINE__, *why ? why : souk_err_text(err));
    souk_ports_open(sim->partition->workers[0]);
}

souk_sim *
souk_sim_open(const struct souk_sim_options *options)
{
    souk_sim *sim = calloc(1, sizeof *sim);
    if (!sim) return NULL;
    sim->options = *options;
    souk_panic_note("in a simulation, seed %llu", (unsigned long long)options->seed);
    souk_sim_world_init(&sim->world, options->seed);
    sim->world.world.random(&sim->world, sim->secret.bytes, sizeof sim->secret.bytes);
    sim->workers = options->workers ? options->workers : 1 + (unsigned)souk_sim_below(&sim->world, 3);
    sim->store = souk_memory_store_open();
    sim->scratch = malloc(SOUK_SCRATCH_BYTES);
    sim->body = malloc(BODY_MAX);
    souk_assert(sim->scratch && sim->body);
    start(sim);
    return sim;
}

void
souk_sim_close(souk_sim **sim_p)
{
    souk_sim *sim = *sim_p;
    *sim_p = NULL;
    if (!sim) return;
    souk_partition_close(&sim->partition);
    souk_memory_store_close(&sim->store);
    free(sim->scratch);
    free(sim->body);
    free(sim);
    souk_panic_note_clear();
}

/* ---- Requests. ---- */

static void
unlink_request(souk_sim *sim, struct souk_sim_request *r)
{
    struct souk_sim_request **at = &sim->under_way;
    while (*at != r) at = &(*at)->next_;
    *at = r->next_;
}

static void
answered(struct souk_request *request, const struct souk_reply *reply)
{
    struct souk_sim_request *r = (struct souk_sim_request *)(void *)request;
    souk_sim *sim = r->sim_;
    unlink_request(sim, r);
    r->request.done = r->done_;
    r->done_(request, reply);
}

souk_err
souk_sim_ask(souk_sim *sim, struct souk_sim_request *r, const void *message)
{
    souk_worker *w = sim->partition->workers[souk_sim_below(&sim->world, sim->workers)];
    r->done_ = r->request.done;
    r->request.done = answered;
    r->sim_ = sim;
    souk_err err = souk_worker_ask_with(w, &r->request, message);
    if (err) {
        r->request.done = r->done_;
        return err;
    }
    r->next_ = sim->under_way;
    sim->under_way = r;
    return SOUK_OK;
}

/* Of the node's present life. */
static uint64_t
count_faults(const souk_sim *sim)
{
    uint64_t faults = 0;
    for (unsigned i = 0; i < sim->workers; i++)
        for (unsigned k = 0; k < SOUK_KINDS_MAX; k++)
            faults += atomic_load_explicit(&sim->partition->workers[i]->slice.tally[k].faults, memory_order_relaxed);
    return faults;
}

void
souk_sim_crash(souk_sim *sim)
{
    sim->counts.crashes++;
    sim->counts.faults += count_faults(sim);
    souk_partition_close(&sim->partition);
    souk_memory_store_crash(sim->store);
    struct souk_sim_request *lost = sim->under_way, *next;
    sim->under_way = NULL;
    sim->world.now_ns += souk_sim_below(&sim->world, UINT64_C(20000000000)); /* It takes a while to come back. */
    start(sim);
    for (; lost; lost = next) {
        next = lost->next_;
        lost->request.done = lost->done_;
        if (lost->lost) lost->lost(lost);
    }
}

struct call { struct souk_sim_request r; souk_sim *sim; struct souk_reply reply; bool done, lost; };

static void
call_done(struct souk_request *request, const struct souk_reply *reply)
{
    struct call *call = (struct call *)(void *)request;
    call->reply = *reply;
    souk_assert(reply->body.length <= BODY_MAX);
    if (reply->body.length) memcpy(call->sim->body, reply->body.at, reply->body.length);
    call->reply.body.at = call->sim->body;
    call->done = true;
}

static void
call_lost(struct souk_sim_request *r)
{
    ((struct call *)(void *)r)->lost = true;
}

struct souk_reply
souk_sim_tell(souk_sim *sim, souk_ref to, const struct souk_row *row, const void *message,
              const struct souk_layout *layout, void *view)
{
    struct call call = { .sim = sim, .lost = true };
    while (!call.done) {
        if (call.lost) {
            call.lost = false;
            call.r = (struct souk_sim_request){
                .request = { .to = to, .row = row, .within_ms = 60000, .done = call_done }, .lost = call_lost };
            souk_err err = souk_sim_ask(sim, &call.r, message);
            souk_assert(!err);
        }
        bool ran = souk_sim_step(sim);
        souk_assert(ran || call.done || call.lost);
    }
    if (view && call.reply.ending == SOUK_DONE) {
        const uint8_t *at = call.reply.body.at;
        struct souk_scratch scratch = { sim->scratch, sim->scratch + SOUK_SCRATCH_BYTES };
        struct souk_reader in = { .at = at, .end = at + call.reply.body.length, .scratch = &scratch };
        bool fits = layout->get(&in, view);
        souk_assert(fits);
    }
    return call.reply;
}

/* ---- Steps. ---- */

static bool
one_of(souk_sim *sim, uint32_t one_in)
{
    return one_in && souk_sim_below(&sim->world, one_in) == 0;
}

/* Runs something that has work, beginning anywhere; the journal is lazy, so that much is undone by a crash. */
static bool
run_any(souk_sim *sim)
{
    struct souk_partition *p = sim->partition;
    unsigned doers = sim->workers + 2, first = (unsigned)souk_sim_below(&sim->world, doers);
    for (unsigned i = 0; i < doers; i++) {
        unsigned doer = (first + i) % doers;
        if (doer < sim->workers) p->workers[doer]->slice_turns_end = 1 + (uint32_t)souk_sim_below(&sim->world, 24);
        bool did = doer < sim->workers      ? souk_worker_step(p->workers[doer])
                   : doer == sim->workers   ? souk_commit_step(p)
                   : souk_keeper_step(p)    ? true
                                            : souk_topics_step(p);
        if (did) return true;
    }
    return false;
}

bool
souk_sim_step(souk_sim *sim)
{
    struct souk_partition *p = sim->partition;
    sim->counts.steps++;
    sim->world.now_ns += souk_sim_below(&sim->world, 20000);
    if (one_of(sim, sim->options.crash_one_in)) {
        souk_sim_crash(sim);
        return true;
    }
    if (one_of(sim, sim->options.checkpoint_one_in)) atomic_store(&p->checkpoint_wanted, true);
    if (run_any(sim)) return true;
    souk_assert(!atomic_load(&p->fault));
    uint64_t idle = UINT64_MAX;
    for (unsigned i = 0; i < sim->workers; i++) {
        uint64_t ns = souk_worker_idle_ns(p->workers[i]);
        if (ns < idle) idle = ns;
    }
    uint64_t now = souk_sim_now_ms(sim);
    if (sim->expected_ms) {
        uint64_t ns = sim->expected_ms > now ? (sim->expected_ms - now) * 1000000 : 0;
        if (ns < idle) idle = ns;
    }
    if (idle == UINT64_MAX) return false;
    sim->world.now_ns += idle + 1000000;
    return true;
}

void
souk_sim_expect(souk_sim *sim, uint64_t at_ms)
{
    sim->expected_ms = at_ms;
}

bool
souk_sim_run(souk_sim *sim, uint64_t steps)
{
    while (steps-- > 0)
        if (!souk_sim_step(sim)) return true;
    return false;
}

void
souk_sim_pass(souk_sim *sim, uint64_t ms)
{
    uint64_t end = sim->world.now_ns + ms * 1000000;
    while (sim->world.now_ns < end)
        if (!souk_sim_step(sim)) sim->world.now_ns = end;
}

/* ---- What can be asked of it. ---- */

souk_key
souk_sim_key_of(const souk_sim *sim, struct souk_text id)
{
    return souk_hash_key(&sim->secret, id.at, id.length);
}

souk_key
souk_sim_key_pair(const souk_sim *sim, souk_key first, souk_key second)
{
    return souk_hash_pair(&sim->secret, first, second);
}

uint64_t
souk_sim_now_ms(const souk_sim *sim)
{
    return souk_partition_now_ms(sim->partition);
}

uint64_t
souk_sim_draw(souk_sim *sim, uint64_t below)
{
    return souk_sim_below(&sim->world, below);
}

souk_worker *
souk_sim_door(souk_sim *sim)
{
    return sim->partition->workers[0];
}

struct souk_sim_counts
souk_sim_counts(const souk_sim *sim)
{
    struct souk_sim_counts counts = sim->counts;
    counts.faults += count_faults(sim);
    counts.position = atomic_load(&sim->partition->durable);
    counts.trace = sim->partition->link.low;
    counts.checkpoints = atomic_load(&sim->partition->checkpoints);
    return counts;
}

struct souk_journal *
souk_sim_journal(souk_sim *sim)
{
    return sim->journal;
}

struct souk_vault *
souk_sim_vault(souk_sim *sim)
{
    return sim->vault;
}

const struct souk_secret *
souk_sim_secret(const souk_sim *sim)
{
    return &sim->secret;
}

struct souk_memory_store *
souk_sim_store(souk_sim *sim)
{
    return sim->store;
}
