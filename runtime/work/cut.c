/* SPDX-License-Identifier: Apache-2.0 */
/* work/cut.c -- the workers' part of a checkpoint (keeper.c has the protocol): a shard is cut by whoever holds it,
 * between two slices. And putting to sleep who has a snapshot and is idle.
 *
 * Only actors that have changed since the last cut are looked at, and those for whom messages wait: they stand in the
 * shard's list `noted`. */
#include "base/mutant.h"
#include "work/partition.h"
#include "world/rare.h"

/* ---- Sleeping. ---- */

/* An idle actor whose snapshot is in the vault may sleep, when there are more live ones than there should be. */
void
souk_shard_trim(struct souk_worker *w, struct souk_shard *shard)
{
    enum { LOOKS = 32, IDLE_MS = 1000 };
    struct souk_partition *p = w->partition;
    struct souk_directory *d = &shard->directory;
    uint32_t done = atomic_load_explicit(&p->checkpoint.done, memory_order_acquire);
    bool now = souk_buggify(p->world, SLEEPS);
    for (unsigned n = 0; n < LOOKS && d->count && (now || d->count > p->actors_max / SOUK_SHARDS); n++) {
        struct souk_cell *cell = souk_cell_at(d, shard->hand++ & (d->slots - 1));
        if (!cell || cell->dirty || cell->loading || cell->broken || cell->waiting.head) continue;
        if (cell->asks_count || cell->stamp == w->slice.stamp) continue;
        if (!now && cell->used_ms + IDLE_MS > shard->now_ms) continue;
        if (cell->traced || (cell->position && cell->cut > done)) continue;
        souk_kind_count(&w->slice.tally[cell->kind->number].lives, (uint64_t)-1);
        souk_shard_pass_over(cell);
        souk_cell_free(d, &shard->arena, cell);
        atomic_fetch_sub_explicit(&p->actors, 1, memory_order_relaxed);
    }
}

/* ---- What is outstanding. ---- */

struct table { struct souk_batch batch; souk_heap *heap; uint64_t until; uint32_t count; };

/* Only what was sent up to the checkpoint's position: the rest is in the journal that will be read. */
static void
add(struct table *table, const struct souk_message *m)
{
    if (!m->id.position || m->id.position > table->until) return;
    souk_batch_outstanding(&table->batch, table->heap, m);
    table->count++;
}

static void
add_all(struct table *table, const struct souk_message *m)
{
    for (; m; m = m->next) add(table, m);
}

/* Wakes of event-sourced actors that are still to come. */
static void
add_wakes(struct table *table, const struct souk_wheel *wheel)
{
    for (unsigned i = 0; i < SOUK_WHEEL_LISTS; i++) {
        const struct souk_timer *last = wheel->lists[i], *timer = last;
        if (!timer) continue;
        do {
            timer = timer->next;
            const struct souk_alarm *alarm = (const struct souk_alarm *)(const void *)timer;
            if (alarm->wake) add(table, alarm->wake);
        } while (timer != last);
    }
}

static uint64_t
next_number(struct souk_worker *w)
{
    return atomic_fetch_add_explicit(&w->partition->checkpoint.names, 1, memory_order_relaxed) + 1;
}

static void
hand_over(struct souk_worker *w, struct souk_message *m)
{
    atomic_fetch_add_explicit(&w->partition->checkpoint.bytes, m->length, memory_order_relaxed);
    souk_mailbox_push(&w->partition->keeper_box, m, m);
}

static void
cut_table(struct souk_worker *w, struct souk_shard *shard)
{
    struct souk_checkpoint *c = &w->partition->checkpoint;
    struct table table = { .heap = w->heap, .until = atomic_load(&c->position) };
    souk_batch_begin(&table.batch, w->heap);
    souk_shard_calls_trim(shard, w->heap);
    add_all(&table, shard->backlog.head);
    add_wakes(&table, &shard->wheel);
    for (uint32_t i = 0; i < shard->calls_count; i++) add(&table, shard->calls[i].call);
    for (const struct souk_cell *cell = shard->noted; cell; cell = cell->noted_next)
        add_all(&table, cell->waiting.head);
    if (table.count && !souk_mutant(FORGET_TABLES)) {
        souk_batch_seal(&table.batch, (uint16_t)w->number, table.until, shard->now_ms);
        (void)souk_batch_chain(table.batch.at, (struct souk_link){ 0, 0 });
        struct souk_message *m = souk_message_new(w->heap, SOUK_CHUNK, table.batch.length);
        m->tag = shard->number;
        m->due_ms = next_number(w);
        m->dep = shard->dep; /* What has consumed the others must be durable, too. */
        memcpy(m->body, table.batch.at, table.batch.length);
        hand_over(w, m);
    }
    souk_heap_free(w->heap, table.batch.at, table.batch.room);
}

/* ---- Actors. ---- */

static void
cut_actor(struct souk_worker *w, struct souk_shard *shard, struct souk_cell *cell, uint32_t epoch)
{
    size_t length = souk_snapshot_size(cell);
    struct souk_message *m = souk_message_new(w->heap, SOUK_CHUNK, length);
    souk_snapshot_write(cell, m->body, length);
    m->to = (souk_ref){ cell->kind->number, cell->key };
    m->dep = cell->position;
    m->ending = cell->asks_count > 0;
    m->due_ms = next_number(w);
    m->time_ms = souk_shard_file(shard, m->to.kind, m->to.key, cell->position, m->due_ms);
    hand_over(w, m);
    cell->dirty = false;
    cell->cut = epoch;
}

static void
lower(_Atomic uint64_t *low, uint64_t position)
{
    uint64_t seen = atomic_load(low);
    while (position < seen && !atomic_compare_exchange_weak(low, &seen, position)) {}
}

/* Some of those that are still to be cut. True when none is left. */
static bool
cut_actors(struct souk_worker *w, struct souk_shard *shard, uint32_t epoch)
{
    for (unsigned n = 0; shard->uncut && n < SOUK_CUT_ACTORS; n++) {
        struct souk_cell *cell = shard->uncut;
        souk_shard_pass_over(cell);
        if (cell->broken) lower(&w->partition->checkpoint.low, cell->snapshot + 1); /* What it could not take. */
        else if (cell->dirty && !cell->loading) cut_actor(w, shard, cell, epoch);
        if (cell->broken || cell->dirty || cell->waiting.head) souk_shard_note(shard, cell);
    }
    return !shard->uncut;
}

/* The table first, then the actors in pieces: one that changes in between has a later position in its snapshot. */
static void
cut(struct souk_worker *w, struct souk_shard *shard, uint32_t epoch)
{
    if (shard->rebuilding) return; /* Later: a state that a failed turn has spoilt is no snapshot. */
    if (shard->tabled != epoch) {
        if (!souk_slice_drain(w, shard)) return; /* A push is half done and may hide something: later. */
        cut_table(w, shard);
        shard->tabled = epoch;
        shard->uncut = shard->noted;
        if (shard->uncut) shard->uncut->noted_link = &shard->uncut;
        shard->noted = NULL;
    }
    if (!cut_actors(w, shard, epoch)) return;
    atomic_store_explicit(&shard->cut, epoch, memory_order_relaxed);
    if (atomic_fetch_sub(&w->partition->checkpoint.left, 1) == 1) souk_bed_call(&w->partition->keeper_bed);
}

void
souk_shard_cut(struct souk_worker *w, struct souk_shard *shard)
{
    enum { SHARE = 10 }; /* A busy worker spends at most one part in so many on it: the rush goes on meanwhile (R7). */
    const struct souk_world *world = w->partition->world;
    struct souk_checkpoint *c = &w->partition->checkpoint;
    /* In this order: while this worker is in a slice no later checkpoint than `epoch` can be cutting. */
    uint32_t epoch = atomic_load(&c->epoch);
    if (!atomic_load(&c->cutting) || atomic_load_explicit(&shard->cut, memory_order_relaxed) == epoch) return;
    if (atomic_load_explicit(&c->bytes, memory_order_relaxed) > SOUK_UNWRITTEN_MAX) return; /* First it is written. */
    uint64_t began = world->monotonic_ns(world->self);
    if ((w->slice_turns && began < w->cut_after_ns) || souk_buggify(world, CUT_LATER)) return;
    cut(w, shard, epoch);
    uint64_t ended = world->monotonic_ns(world->self);
    w->cut_after_ns = ended + (SHARE - 1) * (ended - began);
}
