/* SPDX-License-Identifier: Apache-2.0 */
/* node/node.c -- wires it all together in the real world: the data directory, the partition, threads, guests.
 *
 * Threads: one for each worker, which sleeps in its event loop; one for the journal, which syncs while workers are
 * busy; one for the keeper, which reads and writes snapshots; one for the reader of topics; one for the watchdog, which
 * looks at turns. A worker that finds nothing more to do commits its own batches, so that a single request at rest
 * costs no wake; one that is busy leaves that to the journal thread. */
#include "node/terms.h"
#include "store/data.h"
#include "store/memory.h"
#include "work/partition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 100,
    IDLE_LOOKS = 64, /* About 30 us: a futex wake takes as long until it is there. */
    DRAIN_TICK_MS = 5,
    DRAIN_STEP_NS = 2000000,
    KEEPER_PAUSE_NS = 2000000, /* After each put of a checkpoint. */
    STEADY_MS = 10000,         /* Who dies in a turn before has died soon after the start. */
    KEEPER_LOOK_NS = 1000000,  /* While it waits for workers or the journal. */
    BEHIND_LOOK_NS = 1000000,  /* While workers wait for the disk. */
    STALL_MS = 1000,
    STALL_LOOKS = 4,           /* The watchdog looks so often in the time after which a turn is a stalled one. */
};

struct worker_thread {
    struct souk_node *node;
    struct souk_worker *worker;
    souk_thread *thread;
    struct souk_bed entered;
    _Atomic bool idle; /* Nothing was under way at its last tick, which came after draining had begun. */
    souk_err err;
};

struct souk_node {
    struct souk_data data;
    souk_page *page;
    souk_memory_store *store; /* Of a node without a data directory. */
    struct souk_partition *partition;
    const struct souk_guest *guests;
    unsigned guests_count;
    struct worker_thread *workers;
    souk_thread *journal_thread, *keeper_thread, *topics_thread, *watchdog_thread;
    uint64_t steady_ns; /* From then on the process has lived for a while. */
    struct souk_bed watchdog_bed;
    uint32_t stall_ms, stall_fatal_ms;
    _Atomic bool stop, stop_journal, draining;
    struct souk_bed waiting;
    struct souk_bed drained;
};

static _Thread_local bool is_worker; /* The thread is one that a node ends by waiting for it. */

static uint64_t
now_ns(const struct souk_node *node)
{
    return node->partition->world->monotonic_ns(node->partition->world->self);
}

/* ---- The worker's thread. ---- */

static void
tick(struct worker_thread *t)
{
    struct souk_node *node = t->node;
    struct souk_worker *w = t->worker;
    uint64_t now = now_ns(node);
    if (now < w->tick_ns) return;
    bool draining = atomic_load(&node->draining), idle = draining && !w->requests_count && !w->exits.head;
    w->tick_ns = now + (draining ? DRAIN_TICK_MS : TICK_MS) * 1000000ull;
    for (unsigned g = 0; g < node->guests_count; g++) {
        const struct souk_guest *guest = &node->guests[g];
        if (guest->tick) guest->tick(guest->self, w, w->number, now);
        if (guest->idle && !guest->idle(guest->self, w, w->number)) idle = false;
    }
    atomic_store(&t->idle, idle);
    if (idle) souk_bed_call(&node->drained);
    bool steady = now >= node->steady_ns;
    if (steady) w->careful = false;
    if (w->number) return;
    if (steady && node->page) souk_page_recovered(node->page);
    /* Worker 0 watches the disk (R8) and whether the journal has failed. */
    struct souk_partition *p = node->partition;
    if (!node->store) atomic_store(&p->disk_full, souk_data_room(&node->data) == 0);
    if (atomic_load(&p->fault)) souk_bed_call(&node->waiting);
}

/* Sleeps until something happens. Says that it is parked first and then looks once more, so that whoever posts, commits
 * or begins a checkpoint either is seen here or sees the flag and rings (Dekker; all sequentially consistent). */
static void
park(struct worker_thread *t)
{
    struct souk_worker *w = t->worker;
    struct souk_partition *p = w->partition;
    uint64_t idle = souk_worker_idle_ns(w), now = now_ns(t->node);
    uint64_t to_tick = w->tick_ns > now ? w->tick_ns - now : 0;
    if (idle > to_tick) idle = to_tick;
    bool behind = souk_partition_behind(p); /* It may run nothing, whatever waits, and nobody calls when it may. */
    if (behind && idle > BEHIND_LOOK_NS) idle = BEHIND_LOOK_NS;
    atomic_store(&w->parked, true);
    bool work = !souk_mailbox_empty(&w->inbox) || (souk_ready_count(w->ready) && !behind) ||
                (w->exits.head && w->exits.head->dep <= atomic_load(&p->durable)) ||
                atomic_load(&w->checkpoint_seen) != atomic_load(&p->checkpoint.epoch);
    souk_loop_poll(w->loop, work ? 0 : idle);
    atomic_store(&w->parked, false);
    souk_tally_up(w, SOUK_N_IDLE_NS, now_ns(t->node) - now);
    souk_tally_up(w, SOUK_N_PARKS, 1);
}

static void
serve(struct worker_thread *t)
{
    struct souk_worker *w = t->worker;
    struct souk_partition *p = w->partition;
    unsigned looks = 0;
    while (!atomic_load_explicit(&t->node->stop, memory_order_relaxed)) {
        bool waits = souk_commit_wanted(p); /* Since before this round. */
        bool did = souk_worker_step(w);
        souk_tally_up(w, SOUK_N_ROUNDS, 1);
        if (souk_memory_wants(p->memory)) souk_bed_call(&p->keeper_bed);
        tick(t);
        bool more = souk_loop_poll(w->loop, 0) > 0;
        if (more || did) {
            /* Busy: the journal's thread syncs meanwhile. The call costs nothing while it is awake. What a lone request
             * has made in this round waits for the next: if that finds nothing to do, it is committed here. */
            bool lone = !waits && !more && w->requests_count <= 1;
            if (!lone && souk_commit_wanted(p)) souk_bed_call(&p->journal_bed);
            looks = 0;
            continue;
        }
        if (souk_commit_wanted(p) && souk_commit_step(p)) {
            atomic_fetch_add_explicit(&p->commits_inline, 1, memory_order_relaxed);
            continue;
        }
        /* A worker that has colleagues looks for a while whether they have something for it: to be woken costs both
         * more than that. */
        if (p->workers_count > 1 && looks++ < IDLE_LOOKS) continue;
        looks = 0;
        park(t);
    }
}

static void
worker_body(void *arg)
{
    struct worker_thread *t = arg;
    struct souk_node *node = t->node;
    struct souk_worker *w = t->worker;
    unsigned entered = 0;
    is_worker = true;
    while (entered < node->guests_count && !t->err) {
        const struct souk_guest *guest = &node->guests[entered];
        t->err = guest->enter(guest->self, w, w->number, w->loop);
        if (!t->err) entered++;
    }
    if (!t->err && w->number == 0) souk_ports_open(w);
    souk_err err = t->err;
    souk_bed_call(&t->entered);
    if (!err) serve(t);
    while (entered-- > 0)
        if (node->guests[entered].leave) node->guests[entered].leave(node->guests[entered].self, w, w->number);
}

/* ---- The other threads. ---- */

static void
journal_body(void *arg)
{
    struct souk_node *node = arg;
    while (!atomic_load(&node->stop_journal))
        if (!souk_commit_step(node->partition)) souk_bed_sleep(&node->partition->journal_bed, UINT64_MAX);
}

static void
keeper_body(void *arg)
{
    struct souk_node *node = arg;
    struct souk_partition *p = node->partition;
    while (!atomic_load(&node->stop_journal)) {
        bool did = souk_keeper_step(p);
        souk_memory_prepare(p->memory);
        uint64_t pause = UINT64_MAX;
        if (did && p->chunks.head) pause = KEEPER_PAUSE_NS; /* So that a checkpoint doesn't crowd out the syncs (R7). */
        else if (did) pause = 0;
        else if (p->checkpoint.phase || p->chunks.head || p->rebuilds.head) pause = KEEPER_LOOK_NS;
        souk_bed_sleep(&p->keeper_bed, pause);
    }
}

/* Reads durable events for whoever subscribes to them; sleeps when nobody does. */
static void
topics_body(void *arg)
{
    struct souk_node *node = arg;
    while (!atomic_load(&node->stop_journal))
        if (!souk_topics_step(node->partition)) souk_bed_sleep(&node->partition->topics.bed, UINT64_MAX);
}

/* A node that is closed doesn't wait for a turn that never ends to be told: who closes it waits for the worker first,
 * and the watchdog goes on meanwhile. */
static void
watchdog_body(void *arg)
{
    struct souk_node *node = arg;
    uint32_t least = node->stall_fatal_ms && node->stall_fatal_ms < node->stall_ms ? node->stall_fatal_ms
                                                                                     : node->stall_ms;
    uint64_t pause = (uint64_t)least * 1000000 / STALL_LOOKS + 1000000;
    while (!atomic_load(&node->stop_journal)) {
        souk_bed_sleep(&node->watchdog_bed, pause);
        souk_watchdog_step(node->partition, now_ns(node), node->stall_ms, node->stall_fatal_ms);
    }
}

/* ---- Opening. ---- */

static souk_err
start_worker(struct souk_node *node, unsigned number)
{
    struct worker_thread *t = &node->workers[number];
    char name[24];
    t->node = node;
    t->worker = node->partition->workers[number];
    souk_err err = souk_loop_open(&t->worker->loop);
    if (err) return err;
    snprintf(name, sizeof name, "worker-%u", number);
    err = souk_thread_start(&t->thread, name, worker_body, t);
    if (err) return err;
    souk_bed_sleep(&t->entered, UINT64_MAX); /* One after the other: the first guest may choose a port for all. */
    return t->err;
}

static souk_err
start(struct souk_node *node, char *why, size_t why_size)
{
    souk_err err = souk_thread_start(&node->journal_thread, "journal", journal_body, node);
    if (!err) err = souk_thread_start(&node->keeper_thread, "keeper", keeper_body, node);
    if (!err) err = souk_thread_start(&node->topics_thread, "topics", topics_body, node);
    if (!err && node->stall_ms != SOUK_STALL_NEVER)
        err = souk_thread_start(&node->watchdog_thread, "watchdog", watchdog_body, node);
    for (unsigned i = 0; i < node->partition->workers_count && !err; i++) err = start_worker(node, i);
    if (err && why && why_size && !*why) snprintf(why, why_size, "%s", souk_err_text(err));
    return err;
}

static unsigned
default_workers(void)
{
    unsigned cores = souk_thread_cores();
    if (cores > SOUK_WORKERS_MAX) cores = SOUK_WORKERS_MAX;
    return cores > 1 && cores <= 4 ? cores - 1 : cores; /* On small machines the journal and the clients need one. */
}

/* What the data was written under is looked at before anything in the directory is touched; and again under the lock,
 * for whoever had it until then may have been a newer program. */
static souk_err
open_data(struct souk_node *node, const struct souk_world *world, const struct souk_options *o, char *why,
          size_t why_size)
{
    souk_err err = souk_terms_check(o->directory, o->kinds, why, why_size);
    if (!err) err = souk_data_open(&node->data, world, o->directory, true, why, why_size);
    if (err) return err;
    err = souk_terms_check(o->directory, o->kinds, why, why_size);
    if (err) souk_data_close(&node->data);
    return err;
}

/* Without a directory there is nothing to keep, so no event-sourced actor can be hosted. */
static souk_err
open_memory(struct souk_node *node, const struct souk_world *world, const struct souk_options *o, char *why,
            size_t why_size)
{
    for (const struct souk_kind *const *kind = o->kinds; *kind; kind++) {
        if ((*kind)->policy) continue;
        if (why && why_size)
            snprintf(why, why_size, "kind %s is event-sourced, which needs a data directory", (*kind)->name);
        return SOUK_ERR_USAGE;
    }
    world->random(world->self, node->data.secret.bytes, sizeof node->data.secret.bytes);
    node->store = souk_memory_store_open();
    souk_err err = souk_memory_store_journal(node->store, &node->data.journal);
    if (!err) err = souk_memory_store_vault(node->store, &node->data.vault);
    return err;
}

static void
close_data(struct souk_node *node)
{
    if (node->page) souk_page_recovered(node->page);
    souk_page_close(&node->page);
    if (!node->store) souk_data_close(&node->data);
    else souk_memory_store_close(&node->store);
}

/* A sentence that names the directory, on why the partition could not be opened. */
static void
say_why(const struct souk_node *node, const char *directory, souk_err err, char *why, size_t why_size)
{
    if (!why || !why_size) return;
    const souk_journal *journal = node->data.journal;
    const souk_vault *vault = node->data.vault;
    char *said = strdup(*journal->why ? journal->why : *vault->why ? vault->why : *why ? why : souk_err_text(err));
    bool names = said && directory && strstr(said, directory);
    snprintf(why, why_size, "%s%s%s", names ? "" : directory ? directory : "no directory", names ? "" : ": ",
             said ? said : souk_err_text(err));
    free(said);
}

souk_err
souk_node_open(struct souk_node **out, const struct souk_options *o, char *why, size_t why_size)
{
    struct souk_node *node = souk_system_alloc(sizeof *node);
    if (!node) return SOUK_ERR_MEMORY;
    if (why && why_size) *why = 0;
    const struct souk_world *world = souk_world_os();
    souk_err err = o->directory ? open_data(node, world, o, why, why_size) : open_memory(node, world, o, why, why_size);
    if (err) {
        if (node->store) souk_memory_store_close(&node->store);
        free(node);
        return err;
    }
    if (o->directory) node->page = souk_page_open(o->directory);
    struct souk_partition_options options = {
        .page = node->page, .node = node, .world = world, .kinds = o->kinds, .ports = o->ports,
        .journal = node->data.journal, .vault = node->data.vault, .secret = node->data.secret,
        .workers = o->workers ? o->workers : default_workers(),
        .backlog_max = o->backlog_max, .checkpoint_bytes = (uint64_t)o->checkpoint_mib << 20,
        .actors_max = o->actors_max, .volatile_max = o->volatile_max, .memory_max = o->memory_max,
    };
    err = souk_partition_open(&node->partition, &options, why, why_size);
    if (!err) {
        if (o->directory) err = souk_terms_keep(o->directory, o->kinds, why, why_size);
        if (!err) err = souk_partition_settle(node->partition);
        if (err) souk_partition_close(&node->partition);
    }
    if (err) {
        say_why(node, o->directory, err, why, why_size);
        close_data(node);
        free(node);
        return err;
    }
    node->steady_ns = now_ns(node) + STEADY_MS * 1000000ull;
    node->stall_ms = o->stall_ms ? o->stall_ms : STALL_MS;
    node->stall_fatal_ms = o->stall_fatal_ms;
    node->guests = o->guests;
    while (o->guests && o->guests[node->guests_count].enter) node->guests_count++;
    node->workers = souk_system_alloc(options.workers * sizeof *node->workers);
    err = node->workers ? start(node, why, why_size) : SOUK_ERR_MEMORY;
    if (err) {
        souk_node_close(&node);
        return err;
    }
    *out = node;
    return SOUK_OK;
}

/* ---- Ending. ---- */

void
souk_node_drain(struct souk_node *node, uint64_t within_ms)
{
    souk_assert(!is_worker);
    struct souk_partition *p = node->partition;
    uint64_t end = now_ns(node) + within_ms * 1000000ull;
    atomic_store(&node->draining, true);
    for (;;) {
        bool idle = atomic_load(&p->position) == atomic_load(&p->durable);
        for (unsigned i = 0; i < p->workers_count; i++) idle &= atomic_load(&node->workers[i].idle);
        if (idle || now_ns(node) >= end || atomic_load(&p->fault)) return;
        souk_bed_sleep(&node->drained, DRAIN_STEP_NS);
    }
}

/* With all threads gone: what is still in the ring goes to disk, and a last checkpoint makes the next start quick. */
static void
finish(struct souk_partition *p)
{
    uint64_t before = atomic_load(&p->checkpoints);
    while (souk_commit_step(p)) {}
    if (atomic_load(&p->fault) || !atomic_load(&p->durable)) return;
    atomic_store(&p->checkpoint_wanted, p->checkpoint.phase == 0);
    for (bool any = true; any && atomic_load(&p->checkpoints) == before;) {
        any = souk_keeper_step(p);
        for (unsigned i = 0; i < p->workers_count; i++) any |= souk_worker_step(p->workers[i]);
        any |= souk_commit_step(p);
        if (atomic_load(&p->fault)) return;
    }
}

void
souk_node_close(struct souk_node **node_p)
{
    souk_assert(!is_worker);
    struct souk_node *node = *node_p;
    *node_p = NULL;
    if (!node) return;
    struct souk_partition *p = node->partition;
    atomic_store(&node->stop, true);
    for (unsigned i = 0; node->workers && i < p->workers_count; i++) {
        if (!node->workers[i].thread) continue;
        souk_loop_wake(p->workers[i]->loop);
        souk_thread_join(&node->workers[i].thread);
    }
    atomic_store(&node->stop_journal, true);
    souk_bed_call(&p->journal_bed);
    souk_bed_call(&p->keeper_bed);
    souk_bed_call(&p->topics.bed);
    souk_bed_call(&node->watchdog_bed);
    if (node->watchdog_thread) souk_thread_join(&node->watchdog_thread);
    if (node->journal_thread) souk_thread_join(&node->journal_thread);
    if (node->keeper_thread) souk_thread_join(&node->keeper_thread);
    if (node->topics_thread) souk_thread_join(&node->topics_thread);
    for (unsigned i = 0; i < p->workers_count; i++)
        if (p->workers[i]->loop) souk_loop_close(&p->workers[i]->loop);
    finish(p);
    souk_partition_close(&node->partition);
    close_data(node);
    free(node->workers);
    free(node);
}

souk_err
souk_node_wait(struct souk_node *node)
{
    souk_bed_sleep(&node->waiting, UINT64_MAX);
    return (souk_err)atomic_load(&node->partition->fault);
}

void
souk_node_why(const struct souk_node *node, char *why, size_t size)
{
    const struct souk_partition *p = node->partition;
    souk_err err = (souk_err)atomic_load(&p->fault); /* Before what the stores say: see journal.h. */
    if (!err) snprintf(why, size, "%s", "");
    else if (*p->journal->why) snprintf(why, size, "the journal failed: %s", p->journal->why);
    else if (*p->vault->why) snprintf(why, size, "the vault failed: %s", p->vault->why);
    else snprintf(why, size, "the data directory failed: %s", souk_err_text(err));
}

void
souk_node_stop_waiting(struct souk_node *node)
{
    souk_bed_call(&node->waiting);
}

/* ---- What can be asked of it. ---- */

const struct souk_node *
souk_worker_node(const struct souk_worker *worker)
{
    return worker->partition->node;
}

souk_key
souk_node_key_of(const struct souk_node *node, struct souk_text id)
{
    return souk_hash_key(&node->data.secret, id.at, id.length);
}

souk_key
souk_node_key_pair(const struct souk_node *node, souk_key first, souk_key second)
{
    return souk_hash_pair(&node->data.secret, first, second);
}

uint64_t
souk_node_now_ms(const struct souk_node *node)
{
    return souk_partition_now_ms(node->partition);
}

void
souk_node_stats(const struct souk_node *node, struct souk_stats *out)
{
    struct souk_partition *p = node->partition;
    uint64_t sum[SOUK_COUNTS] = { 0 }, turns = 0, lives = 0, faults = 0, restarts = 0, letters = 0;
    for (unsigned i = 0; i < p->workers_count; i++) {
        const struct souk_slice *slice = &p->workers[i]->slice;
        for (unsigned n = 0; n < SOUK_COUNTS; n++)
            sum[n] += atomic_load_explicit(&p->workers[i]->counted[n], memory_order_relaxed);
        turns += souk_worker_turns(p->workers[i]);
        for (unsigned k = 0; k < SOUK_KINDS_MAX; k++) {
            const struct souk_kind_tally *tally = &slice->tally[k];
            if (p->kinds[k] && p->kinds[k]->policy)
                lives += atomic_load_explicit(&tally->lives, memory_order_relaxed);
            faults += atomic_load_explicit(&tally->faults, memory_order_relaxed);
            restarts += atomic_load_explicit(&tally->restarts, memory_order_relaxed);
            letters += atomic_load_explicit(&tally->letters, memory_order_relaxed);
        }
    }
    *out = (struct souk_stats){
        .turns = turns, .events = sum[SOUK_N_EVENTS], .refusals = sum[SOUK_N_REFUSALS],
        .malformed = sum[SOUK_N_MALFORMED], .batches = sum[SOUK_N_BATCHES], .batch_bytes = sum[SOUK_N_BATCH_BYTES],
        .groups = atomic_load(&p->groups), .group_bytes = atomic_load(&p->group_bytes),
        .commits_inline = atomic_load(&p->commits_inline), .messages = sum[SOUK_N_MESSAGES],
        .messages_across = sum[SOUK_N_ACROSS], .requests = sum[SOUK_N_REQUESTS],
        .requests_refused = sum[SOUK_N_REFUSED], .replies = sum[SOUK_N_REPLIES], .asks = sum[SOUK_N_ASKS],
        .late = sum[SOUK_N_LATE], .steals = sum[SOUK_N_STEALS], .parks = sum[SOUK_N_PARKS],
        .position = atomic_load(&p->position), .durable = atomic_load(&p->durable), .actors = atomic_load(&p->actors),
        .mailbox_depth = sum[SOUK_N_DEPTH], .checkpoints = atomic_load(&p->checkpoints),
        .feeds = atomic_load(&p->topics.feeds_count), .feed_events = atomic_load(&p->topics.events),
        .feed_skipped = atomic_load(&p->topics.skipped), .feed_reads = atomic_load(&p->topics.journal_reads),
        .memory_bytes = souk_memory_bytes(p->memory), .memory_used = souk_memory_used(p->memory),
        .backlog_bytes = atomic_load(&p->backlog_bytes),
        .volatile_actors = lives, .faults = faults, .restarts = restarts, .dead_letters = letters,
        .stalls = atomic_load(&p->watchdog.count) + atomic_load(&p->watchdog.held_count),
    };
}

void
souk_node_commit_latency(const struct souk_node *node, struct souk_histogram *out)
{
    souk_histogram_merge(out, node->partition->commit_ns);
}
