/* SPDX-License-Identifier: Apache-2.0 */
/* work/worker.c -- one round of a worker: what others sent it, a slice, and what may leave. Steppable: the loop that
 * calls it, sleeps and wakes is in node/ for threads and in the simulation for virtual ones. */
#include "base/mutant.h"
#include "work/partition.h"
#include "world/rare.h"

enum { LOOK_NS = 5000000 }; /* How often a look is looked after while its answers are awaited. */

struct souk_worker *
souk_worker_open(struct souk_partition *p, unsigned number)
{
    souk_heap *heap = souk_heap_open(p->memory);
    struct souk_worker *w = souk_partition_lines(heap, sizeof *w);
    w->partition = p;
    w->number = number;
    w->heap = heap;
    w->turn_page = p->page ? souk_page_slot(p->page, number) : &w->turn_page_none;
    souk_slice_init(w);
    w->read_memory = souk_heap_alloc(heap, SOUK_SCRATCH_BYTES);
    w->ready = souk_ready_open(heap, SOUK_SHARDS);
    souk_mailbox_init(&w->inbox);
    w->requests_free = w->calls_free = UINT32_MAX;
    w->wheel_at = p->world->monotonic_ns(p->world->self) / (SOUK_REQUEST_WHEEL_MS * 1000000ull);
    w->due_min = UINT64_MAX;
    for (unsigned i = 0; i < SOUK_SHARDS; i++) w->due[i] = UINT64_MAX;
    return w;
}

void
souk_worker_wake(struct souk_worker *w)
{
    /* Who takes the flag down rings the bell, so a sleeper is woken once. */
    if (atomic_load(&w->parked) && atomic_exchange(&w->parked, false) && w->loop) souk_loop_wake(w->loop);
}

void
souk_worker_post(struct souk_worker *w, struct souk_message *m)
{
    souk_mailbox_push(&w->inbox, m, m);
    souk_worker_wake(w);
}

static void
dispatch(struct souk_worker *w, struct souk_message *m)
{
    if (m->class == SOUK_ANSWER) souk_request_answer(w, m);
    else if (m->class == SOUK_CALL) souk_port_call(w, m);
    else if (m->class == SOUK_NEWS && !m->to.kind) souk_feed_told(w, m);
    else if (m->class == SOUK_FEED) souk_feed_over(w, m);
    else if (m->class == SOUK_PROBE) souk_probe_arrived(w, m);
    else souk_worker_deliver(w, m);
}

/* What is durable leaves: here, or through the worker who knows the way (R4). */
static bool
release_exits(struct souk_worker *w)
{
    struct souk_partition *p = w->partition;
    bool any = false;
    uint64_t durable = atomic_load(&p->durable); /* acquire: the journal has what these depend on */
    while (w->exits.head && (w->exits.head->dep <= durable || souk_mutant(REPLY_EARLY))) {
        if (souk_buggify(p->world, EXIT_LATER)) break;
        struct souk_message *m = souk_fifo_pop(&w->exits);
        struct souk_worker *door = p->workers[m->class == SOUK_CALL ? 0 : m->origin];
        if (door == w) dispatch(w, m);
        else souk_worker_post(door, m);
        any = true;
    }
    if (!w->exits.head) atomic_store_explicit(&w->has_exits, false, memory_order_relaxed);
    return any;
}

/* With more waiting than it can do at once, a sleeping colleague is worth his waking: he may take whole shards. */
static void
call_thieves(struct souk_worker *w)
{
    struct souk_partition *p = w->partition;
    if (p->workers_count < 2 || souk_ready_count(w->ready) < 2) return;
    if (atomic_load_explicit(&w->chatty, memory_order_relaxed)) return; /* relaxed: our own. */
    for (unsigned i = 0; i < p->workers_count; i++) {
        if (p->workers[i] == w || !atomic_load_explicit(&p->workers[i]->parked, memory_order_relaxed)) continue;
        souk_worker_wake(p->workers[i]);
        return;
    }
}

bool
souk_worker_step(struct souk_worker *w)
{
    struct souk_partition *p = w->partition;
    bool any = false;
    /* Between slices: nothing of this worker is taken and not yet published. See keeper.c. */
    atomic_store(&w->checkpoint_seen, atomic_load(&p->checkpoint.epoch));
    for (struct souk_message *m; (m = souk_mailbox_pop(&w->inbox)); any = true) dispatch(w, m);
    if (w->looks && souk_look_step(w)) any = true;
    if (souk_slice_step(w)) any = true;
    if (release_exits(w)) any = true;
    souk_requests_expire(w, p->world->monotonic_ns(p->world->self));
    call_thieves(w);
    return any;
}

uint64_t
souk_worker_idle_ns(struct souk_worker *w)
{
    struct souk_partition *p = w->partition;
    uint64_t idle = UINT64_MAX, now_ms = souk_partition_now_ms(p);
    if (w->due_min != UINT64_MAX) idle = w->due_min > now_ms ? (w->due_min - now_ms) * 1000000 : 0;
    if (atomic_load(&p->checkpoint.cutting) && atomic_load(&p->checkpoint.left) && idle > 1000000) idle = 1000000;
    if (w->incoming.head && idle > 1000000) idle = 1000000; /* The ring was full: nobody calls when it is no more. */
    if (w->looks && idle > LOOK_NS) idle = LOOK_NS;
    if (w->requests_count && idle > SOUK_REQUEST_WHEEL_MS * 1000000ull) idle = SOUK_REQUEST_WHEEL_MS * 1000000ull;
    return idle;
}
