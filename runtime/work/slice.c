/* SPDX-License-Identifier: Apache-2.0 */
/* work/slice.c -- a worker's uninterrupted run of turns. How it becomes a batch is in close.c.
 *
 * Messages for shards that the worker holds wait in one queue, `local`, so that a checkout's messages run one after the
 * other whatever shards they visit. A shard that is idle is taken on the way; messages to one that another worker holds
 * leave as one chain when the slice closes. Order between each pair of actors holds because everything for a shard goes
 * through one of three queues that are emptied in this order: what it had when it was taken (backlog, then mailbox),
 * then `local`; once a slice has put something for a shard into `outgoing`, it goes on doing so until it closes; and
 * when it takes another shard it first empties the mailboxes of those that it holds (drain_held). */
#include "base/mutant.h"
#include "base/panic.h"
#include "work/fault.h"
#include "world/rare.h"

static bool
take_shard(struct souk_shard *shard, uint32_t from)
{
    /* acquire: pairs with the release in let_go(); what the last holder did is seen. */
    return atomic_compare_exchange_strong_explicit(&shard->state, &from, SOUK_SHARD_HELD, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

/* Opens the batch before the first turn. */
static void
begin(struct souk_worker *w)
{
    struct souk_slice *s = &w->slice;
    souk_batch_begin(&s->batch, w->heap);
    s->stamp += SOUK_WORKERS_MAX; /* Never the same for two workers: a cell remembers it. */
    s->began_ms = s->now_ms = souk_partition_now_ms(w->partition);
    s->dep = 0;
    s->cells_count = s->sends_count = s->opened_count = 0;
    w->slice_turns = 0;
}

static void
backlog_push(struct souk_shard *shard, struct souk_message *m)
{
    souk_fifo_push(&shard->backlog, m);
    shard->backlog_count++;
}

/* An alarm of an event-sourced actor. The deadline of an ask is an outcome that nobody sent. */
static void
ring(struct souk_worker *w, struct souk_shard *shard, struct souk_alarm *alarm)
{
    struct souk_message *m = alarm->wake;
    struct souk_cell *cell = m ? NULL : souk_cell_find(&shard->directory, alarm->actor.kind, alarm->actor.key);
    if (cell && souk_cell_ask(cell, alarm->number)) {
        m = souk_message_new(w->heap, SOUK_OUTCOME, 0);
        m->to = alarm->actor;
        m->asker = (souk_asker){ alarm->actor.key, alarm->actor.kind, alarm->number };
        m->ending = SOUK_LATE;
    }
    if (m) backlog_push(shard, m);
    souk_heap_free(w->heap, alarm, sizeof *alarm);
}

/* Alarms that are due become messages. */
static void
ring_alarms(struct souk_worker *w, struct souk_shard *shard)
{
    if (!atomic_load_explicit(&w->partition->timers_run, memory_order_relaxed)) return;
    for (struct souk_timer *timer; (timer = souk_wheel_take(&shard->wheel, w->slice.now_ms));) {
        struct souk_alarm *alarm = (struct souk_alarm *)(void *)timer;
        if (souk_is_volatile(w->partition, alarm->actor.kind)) souk_lives_ring(w, shard, alarm);
        else ring(w, shard, alarm);
    }
}

bool
souk_slice_drain(struct souk_worker *w, struct souk_shard *shard)
{
    uint32_t count = 0;
    for (struct souk_message *m; (m = souk_mailbox_pop(&shard->mailbox)); count++) {
        if (souk_is_for_lives(w->partition, m)) souk_lives_deliver(w, shard, m);
        else backlog_push(shard, m);
    }
    if (count) atomic_fetch_sub_explicit(&shard->inflow, count, memory_order_relaxed); /* relaxed: a measure. */
    return souk_mailbox_empty(&shard->mailbox);
}

/* A shard that is taken in mid-slice may have sent to shards that we hold, under the worker who had it: that lies in
 * their mailboxes, and what it sends under us must not overtake it. He published before he let go: the count tells. */
static bool
drain_held(struct souk_worker *w, uint64_t published)
{
    bool all = true;
    if (published == w->published_seen) return true;
    for (unsigned i = 0; i < w->held_count; i++) all &= souk_slice_drain(w, w->held[i]);
    if (all) w->published_seen = published;
    return all;
}

/* Makes a shard that the worker has just taken his until the slice closes. Not if a push is half done: what it hides
 * must not be overtaken by what this slice sends, so the shard goes back to the end of the ring. */
static bool
hold(struct souk_worker *w, struct souk_shard *shard)
{
    shard->arena.heap = w->heap;
    /* Counted before the shard is drained: what is published to it after that has not been seen yet. */
    uint64_t published = atomic_load(&w->partition->published);
    if (!souk_slice_drain(w, shard) || !drain_held(w, published)) {
        atomic_store(&shard->state, SOUK_SHARD_QUEUED);
        souk_ready_put(w->ready, shard);
        return false;
    }
    w->held[w->held_count++] = shard;
    w->holds[shard->number] = true;
    if (shard->dep > w->slice.dep && !souk_mutant(FORGET_DEP)) w->slice.dep = shard->dep;
    if (shard->now_ms > w->slice.now_ms) w->slice.now_ms = shard->now_ms;
    souk_lives_join(w, shard);
    ring_alarms(w, shard);
    return true;
}

bool
souk_slice_hold(struct souk_worker *w, struct souk_shard *shard)
{
    unsigned n = shard->number;
    if (w->holds[n]) return true;
    return !w->outgoing[n].head && take_shard(shard, SOUK_SHARD_IDLE) && hold(w, shard);
}

/* To a shard that the worker holds. */
static void
accept(struct souk_worker *w, struct souk_shard *shard, struct souk_message *m)
{
    if (souk_is_for_lives(w->partition, m)) souk_lives_deliver(w, shard, m);
    else if (shard->backlog.head) backlog_push(shard, m);
    else souk_fifo_push(&w->local, m);
}

void
souk_slice_route(struct souk_worker *w, struct souk_message *m)
{
    struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
    unsigned n = shard->number;
    if (w->holds[n] || (!souk_buggify(w->partition->world, SHARD_HELD) && souk_slice_hold(w, shard))) {
        if (m->class != SOUK_WAKE) accept(w, shard, m);
        else if (souk_is_volatile(w->partition, m->to.kind)) souk_lives_wake(w, m);
        else souk_shard_wake(shard, w->heap, m);
        return;
    }
    if (!w->outgoing[n].head) w->outgoing_list[w->outgoing_count++] = (uint8_t)n;
    souk_fifo_push(&w->outgoing[n], m);
    w->outgoing_messages++;
}

/* slice->route: where a message of an event-sourced actor's turn goes. */
static void
route(void *self, struct souk_message *m)
{
    struct souk_worker *w = self;
    if (m->class == SOUK_CALL) return; /* Stays among the sends until the slice closes. */
    if (souk_is_for_lives(w->partition, m)) { /* Not for the journal: who it is for doesn't outlive a crash. */
        w->slice.sends[m->slot] = NULL;
        m->in_batch = false;
        m->id = (struct souk_id){ 0, 0 };
    }
    souk_slice_route(w, m);
}

static void
leave(void *self, struct souk_message *m)
{
    struct souk_worker *w = self;
    souk_fifo_push(&w->exits_now, m);
}

void
souk_slice_init(struct souk_worker *w)
{
    w->slice.heap = w->heap;
    w->slice_turns_max = SOUK_SLICE_TURNS;
    w->slice_turns_end = SOUK_SLICE_ENDLESS;
    w->slice.stamp = w->number + 1;
    w->slice.secret = &w->partition->secret;
    w->slice.scratch_memory = souk_heap_alloc(w->heap, SOUK_SCRATCH_BYTES);
    w->slice.scratch = (struct souk_scratch){ w->slice.scratch_memory, w->slice.scratch_memory + SOUK_SCRATCH_BYTES };
    w->slice.self = w;
    w->slice.route = route;
    w->slice.exit = leave;
    w->slice.spawn = souk_lives_spawn;
    w->slice.unspawn = souk_lives_unspawn;
    w->slice.disarm = souk_lives_disarm;
    w->slice.subscribe = souk_feed_open;
    w->slice.unsubscribe = souk_feed_close;
    w->slice.handled = souk_feed_handled;
    w->slice.lag = souk_feed_lag;
    souk_watch_init(w);
}

/* The actor that a message is for: live, new, or asleep and then being loaded. */
static struct souk_cell *
find_actor(struct souk_worker *w, struct souk_shard *shard, const struct souk_message *m)
{
    struct souk_cell *cell = souk_cell_find(&shard->directory, m->to.kind, m->to.key);
    if (cell) return cell;
    cell = souk_cell_new(&shard->directory, &shard->arena, w->partition->kinds[m->to.kind], m->to.key);
    souk_kind_count(&w->slice.tally[m->to.kind].lives, 1);
    atomic_fetch_add_explicit(&w->partition->actors, 1, memory_order_relaxed);
    uint64_t name = souk_shard_filed(shard, m->to.kind, m->to.key, NULL);
    if (name) {
        cell->loading = true;
        souk_keeper_load(w, cell, name);
    }
    return cell;
}

static void
run(struct souk_worker *w, struct souk_message *m)
{
    struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
    if (m->class == SOUK_LOADED) {
        souk_slice_wake(w, shard, m);
        return;
    }
    if (m->class == SOUK_RETRY) {
        souk_fault_retry(w, shard, m);
        return;
    }
    souk_assert(m->to.kind < SOUK_KINDS_MAX && w->partition->kinds[m->to.kind]);
    /* Who has an open ask stays in memory at least until the batch ends, and his shard is held. */
    bool known = m->class == SOUK_OUTCOME && m->in_batch && m->asks;
    struct souk_cell *cell = known ? m->asks : find_actor(w, shard, m);
    cell->used_ms = w->slice.now_ms;
    if (cell->loading || (cell->parked && !souk_mutant(OVERTAKE))) {
        souk_fifo_push(&cell->waiting, m);
        souk_shard_note(shard, cell);
        return;
    }
    w->slice_turns++;
    souk_fault_note(w, m);
    if (w->partition->outcomes_condemned && souk_fault_condemned(w->partition, m)) m->attempts = SOUK_ATTEMPTS;
    if (cell->broken || m->attempts == SOUK_ATTEMPTS) {
        souk_fault_bury(w, cell, m);
    } else if (!(--w->watch_in ? souk_turn_run(&w->slice, cell, m) : souk_watch_cell(w, cell, m))) {
        souk_fault_turn(w);
        return;
    }
    if (!cell->position) souk_slice_forget(w, shard, cell);
}

/* A slice that is full takes nothing new, but brings to its end what it has begun: a checkout that is cut in two leaves
 * its messages on record twice. */
static bool
full(const struct souk_worker *w)
{
    return w->slice_turns >= w->slice_turns_max || w->slice.batch.length >= SOUK_SLICE_BYTES;
}

/* Only actors that never stop talking to each other get here; and who sends very much to another worker. */
static bool
endless(const struct souk_worker *w)
{
    return w->slice_turns >= (w->careful ? 1 : w->slice_turns_end) || w->slice.batch.length >= 4 * SOUK_SLICE_BYTES ||
           w->outgoing_messages >= SOUK_AHEAD_MAX || souk_buggify(w->partition->world, SLICE_ENDS);
}

/* Moves some of the backlog of held shards to the local queue, a little of each in turn. */
static bool
refill(struct souk_worker *w)
{
    enum { EACH = 8 };
    bool any = false;
    for (unsigned i = 0; i < w->held_count; i++) {
        struct souk_shard *shard = w->held[i];
        for (unsigned n = 0; n < EACH && shard->backlog.head; n++) {
            souk_fifo_push(&w->local, souk_fifo_pop(&shard->backlog));
            shard->backlog_count--;
            any = true;
        }
    }
    return any;
}

/* Queries that wait for a change of an actor that has changed are asked again. */
static void
ask_again(struct souk_worker *w)
{
    for (uint32_t i = 0; i < w->slice.cells_count; i++) {
        struct souk_cell *cell = w->slice.cells[i];
        if (!cell->changed) continue;
        cell->changed = false;
        if (cell->loading || cell->parked) continue; /* They are asked when it can take them again. */
        for (struct souk_message *m; (m = souk_fifo_pop(&cell->waiting));) souk_fifo_push(&w->again, m);
    }
    for (struct souk_message *m; (m = souk_fifo_pop(&w->again));) {
        struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
        struct souk_cell *cell = souk_cell_find(&shard->directory, m->to.kind, m->to.key);
        if (cell->loading || cell->parked || cell->broken) { /* A turn of it has failed since. */
            souk_fifo_push(&cell->waiting, m);
            continue;
        }
        souk_fault_note(w, m);
        if (!souk_turn_run(&w->slice, cell, m)) souk_fault_turn(w);
    }
}

/* ---- The step. ---- */

void
souk_worker_deliver(struct souk_worker *w, struct souk_message *m)
{
    souk_fifo_push(&w->incoming, m);
}

/* From outside: straight into a shard that can be had, else into its mailbox, where its holder finds it. A few at a
 * time, so that each is brought to its end while all that it touches is in the cache. */
static bool
take_incoming(struct souk_worker *w)
{
    enum { EACH = 8 };
    bool any = w->incoming.head;
    for (unsigned n = 0; n < EACH && w->incoming.head; n++) {
        struct souk_message *m = souk_fifo_pop(&w->incoming);
        struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
        if (m->class == SOUK_OUTCOME || m->class == SOUK_SIGNAL) { /* Of what this worker did: as any that it sends. */
            if (m->dep < w->exits_dep) m->dep = w->exits_dep;
            souk_slice_route(w, m);
            continue;
        }
        bool ours = w->holds[shard->number] || !souk_buggify(w->partition->world, SHARD_HELD);
        if (ours && souk_slice_hold(w, shard)) {
            accept(w, shard, m);
            continue;
        }
        atomic_fetch_add_explicit(&shard->inflow, 1, memory_order_relaxed); /* relaxed: as in publish(). */
        souk_mailbox_push(&shard->mailbox, m, m);
        uint32_t idle = SOUK_SHARD_IDLE;
        if (atomic_compare_exchange_strong(&shard->state, &idle, SOUK_SHARD_QUEUED)) souk_ready_put(w->ready, shard);
    }
    return any;
}

/* Shards whose next timer is due. One that another worker has will see to its timers itself. */
static void
take_due(struct souk_worker *w)
{
    if (w->slice.now_ms < w->due_min || !atomic_load_explicit(&w->partition->timers_run, memory_order_relaxed)) return;
    w->due_min = UINT64_MAX;
    for (unsigned n = 0; n < SOUK_SHARDS; n++) {
        if (w->due[n] <= w->slice.now_ms) {
            w->due[n] = UINT64_MAX;
            struct souk_shard *shard = &w->partition->shards[n];
            (void)souk_slice_hold(w, shard); /* If not: whoever has it sees to its timers. */
        }
        if (w->due[n] < w->due_min) w->due_min = w->due[n];
    }
}

static bool
take_ready(struct souk_worker *w, souk_ready *ready)
{
    struct souk_shard *shard = souk_ready_take(ready);
    if (!shard) return false;
    bool taken = take_shard(shard, SOUK_SHARD_QUEUED);
    souk_assert(taken); /* Only who took it from a ring may do that. */
    return hold(w, shard);
}

/* With nothing of its own to do a worker takes a shard that another has waiting. */
static void
steal(struct souk_worker *w)
{
    enum { PATIENCE_NS = 1000000 }; /* Then also from a chatty one, who may be stuck in a turn. */
    struct souk_partition *p = w->partition;
    bool patient = p->workers_count > 1 && p->world->monotonic_ns(p->world->self) - w->hungry_ns < PATIENCE_NS;
    for (unsigned i = 1; i < p->workers_count; i++) {
        struct souk_worker *victim = p->workers[(w->number + i) % p->workers_count];
        if (patient && atomic_load_explicit(&victim->chatty, memory_order_relaxed)) continue;
        if (take_ready(w, victim->ready)) {
            souk_tally_up(w, SOUK_N_STEALS, 1);
            return;
        }
    }
}

/* relaxed: advice. */
static void
advise(_Atomic bool *flag, bool value)
{
    if (atomic_load_explicit(flag, memory_order_relaxed) != value)
        atomic_store_explicit(flag, value, memory_order_relaxed);
}

/* Whether it pays to run the shards of this slice on two workers: a message from one core to another costs about as
 * much as ACROSS_NS, which must be little beside the work. Only of slices of volatile actors: checkouts are as they
 * are. */
static void
judge(struct souk_worker *w, uint64_t ns)
{
    enum { ACROSS_NS = 100, LITTLE = 4, TURNS_MIN = 64 };
    bool only_volatile = w->slice.batch.length <= SOUK_BATCH_HEADER;
    if (only_volatile && w->slice_turns < TURNS_MIN) return; /* Too little to tell. */
    bool chatty = only_volatile && w->across_shards * ACROSS_NS * LITTLE > ns;
    advise(&w->chatty, chatty);
    w->splits = only_volatile && !chatty;
}

/* How many of its own shards a worker takes for a slice: when a colleague looks for work, half of them. With all of
 * them taken as soon as the last slice ends, nobody would ever get one. */
static unsigned
own_share(const struct souk_worker *w)
{
    enum { MOST = 16 };
    const struct souk_partition *p = w->partition;
    unsigned count = w->splits ? souk_ready_count(w->ready) : 0;
    for (unsigned i = 0; count > 1 && i < p->workers_count; i++)
        if (p->workers[i] != w && atomic_load_explicit(&p->workers[i]->hungry, memory_order_relaxed))
            return count / 2 < MOST ? count / 2 : MOST;
    return MOST;
}

/* Between slices a worker helps with the checkpoint: one idle shard a step. */
static void
take_uncut(struct souk_worker *w)
{
    struct souk_checkpoint *c = &w->partition->checkpoint;
    if (!atomic_load_explicit(&c->cutting, memory_order_acquire) || !atomic_load(&c->left)) return;
    if (atomic_load_explicit(&c->bytes, memory_order_relaxed) > SOUK_UNWRITTEN_MAX) return; /* See cut.c. */
    uint32_t epoch = atomic_load(&c->epoch);
    for (unsigned n = 0; n < SOUK_SHARDS; n++) {
        struct souk_shard *shard = &w->partition->shards[w->shard_cursor++ % SOUK_SHARDS];
        if (w->holds[shard->number] || atomic_load_explicit(&shard->cut, memory_order_relaxed) == epoch) continue;
        if (atomic_load_explicit(&shard->rebuilding, memory_order_relaxed)) continue; /* relaxed: looked at again. */
        if (souk_slice_hold(w, shard)) return;
    }
}

/* Messages of event-sourced actors one after the other, so that a checkout runs to its end while it is in the cache;
 * between them each volatile actor that has something to do, some turns at a time. */
static void
run_all(struct souk_worker *w)
{
    uint32_t refilled = 0;
    (void)refill(w); /* Volatile actors that always have something to do must not keep it waiting. */
    do {
        for (struct souk_message *m; !endless(w) && (m = souk_fifo_pop(&w->local));) run(w, m);
        w->turn_page->busy = 0;
        while (!endless(w) && !w->local.head && souk_lives_run(w)) {
            if (w->slice_turns - refilled < SOUK_SLICE_TURNS) continue;
            refilled = w->slice_turns;
            (void)refill(w);
            (void)take_incoming(w);
        }
    } while (!endless(w) && (w->local.head || (!full(w) && (refill(w) || take_incoming(w)))));
}

bool
souk_slice_step(struct souk_worker *w)
{
    struct souk_partition *p = w->partition;
    if (souk_partition_behind(p) || souk_buggify(p->world, RING_FULL)) return false;
    if (w->careful && atomic_load(&p->position) != atomic_load(&p->durable)) return false;
    begin(w);
    unsigned most = own_share(w);
    for (unsigned n = 0; n < most && take_ready(w, w->ready); n++) {}
    take_due(w);
    bool came = take_incoming(w);
    take_uncut(w);
    if ((!w->held_count && !came) || souk_buggify(p->world, STEALS)) steal(w);
    bool hungry = !w->held_count && !came;
    advise(&w->hungry, hungry);
    if (!w->held_count && !w->exits_now.head && !w->outgoing_count) return came;
    souk_panic_teller(souk_turn_tell, &w->slice);
    souk_panic_catch(&w->slice.catch);
    if (_setjmp(w->slice.catch.jump)) souk_fault_caught(w); /* A turn has failed. */
    uint64_t began_ns = p->world->monotonic_ns(p->world->self);
    w->across_shards = 0;
    run_all(w);
    w->hungry_ns = p->world->monotonic_ns(p->world->self); /* If it finds nothing from now on. */
    if (p->workers_count > 1) judge(w, w->hungry_ns - began_ns);
    ask_again(w);
    w->turn_page->busy = 0;
    souk_panic_catch(NULL);
    souk_slice_close(w);
    souk_panic_teller(NULL, NULL);
    return true;
}
