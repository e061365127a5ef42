/* SPDX-License-Identifier: Apache-2.0 */
/* work/keeper.c -- the only one who reads and writes the vault while workers run: wakes sleeping actors and writes
 * checkpoints (DURABILITY R6, R7).
 *
 * A checkpoint is fuzzy: shards are cut one by one, between slices, while the others go on.
 *   1. The keeper notes position P and link, both durable, under the baton.
 *   2. It waits until every worker has been between two slices since: then all that a batch up to P sent has reached
 *      its shard. (A sleeping worker is between slices.)
 *   3. Workers cut the shards that they let go of, and idle ones: each changed actor's snapshot goes to the keeper,
 *      with the actor's position; and the shard says the lowest position of what is outstanding in it: messages, timers
 *      and port calls. So the snapshots hold at least all that happened up to P.
 *   4. A snapshot is written only once its position is durable, in puts of about 1 MiB, each synced.
 *   5. When all are written the marker follows: P, its link, and `low`, the lowest outstanding position.
 * Recovery reads the journal from min(low, P): it rebuilds what is outstanding from there, and an actor ignores
 * events up to the position of its own snapshot. A crash between puts leaves newer snapshots beside an old marker:
 * harmless, since each carries its own position and an older `low` only means reading more. */
#include "base/mutant.h"
#include "work/fault.h"

#include <stdlib.h>

/* ---- Sleeping actors. ---- */

void
souk_keeper_load(struct souk_worker *w, struct souk_cell *cell)
{
    struct souk_message *m = souk_message_new(w->heap, SOUK_LOADED, 0);
    m->to = (souk_ref){ cell->kind->number, cell->key };
    souk_mailbox_push(&w->partition->keeper_box, m, m);
    souk_bed_call(&w->partition->keeper_bed);
}

void
souk_keeper_rebuild(struct souk_worker *w, struct souk_message *wanted)
{
    souk_assert(wanted->dep);
    souk_mailbox_push(&w->partition->keeper_box, wanted, wanted);
    souk_bed_call(&w->partition->keeper_bed);
}

static void
answer(struct souk_partition *p, struct souk_message *m)
{
    souk_worker_post(p->workers[souk_shard_of(p, m->to.key)->number % p->workers_count], m);
}

/* Rebuilds actors, in the order in which they were asked for, as far as what they did is durable. */
static bool
rebuild(struct souk_partition *p)
{
    bool any = false;
    for (; p->rebuilds.head && p->rebuilds.head->dep <= atomic_load(&p->durable); any = true) {
        struct souk_message *wanted = souk_fifo_pop(&p->rebuilds);
        answer(p, souk_rebuild(p, wanted));
        souk_message_free(p->keeper_heap, wanted);
    }
    return any;
}

static void
load(struct souk_partition *p, const struct souk_message *wanted)
{
    uint8_t name[SOUK_SNAPSHOT_NAME];
    void *value = NULL;
    size_t length = 0;
    souk_snapshot_name(name, wanted->to.kind, wanted->to.key);
    souk_err err = p->vault->ops->get(p->vault, (struct souk_bytes){ name, sizeof name }, &value, &length);
    souk_assert(err != SOUK_ERR_MEMORY && "out of memory"); /* Not the actor's fault: it shall not be set apart. */
    if (err) length = 0;
    struct souk_message *m = souk_message_new(p->keeper_heap, SOUK_LOADED, length);
    m->to = wanted->to;
    /* The filter's false alarm is a new actor: an empty snapshot that is not an error. */
    m->ending = err && err != SOUK_ERR_MISSING ? SOUK_DEAD : err ? SOUK_LATE : SOUK_DONE;
    if (length) memcpy(m->body, value, length);
    free(value);
    answer(p, m);
}

/* An idle actor whose snapshot is in the vault may sleep, when there are more live ones than there should be. */
void
souk_shard_trim(struct souk_worker *w, struct souk_shard *shard)
{
    enum { LOOKS = 32, IDLE_MS = 1000 };
    struct souk_partition *p = w->partition;
    struct souk_directory *d = &shard->directory;
    uint32_t done = atomic_load_explicit(&p->checkpoint.done, memory_order_acquire);
    for (unsigned n = 0; n < LOOKS && d->count > p->actors_max / SOUK_SHARDS; n++) {
        struct souk_cell *cell = souk_cell_at(d, shard->hand++ & (d->slots - 1));
        if (!cell || cell->dirty || cell->loading || cell->broken || cell->waiting.head || cell->asks_count) continue;
        if (cell->stamp == w->slice.stamp || cell->used_ms + IDLE_MS > shard->now_ms) continue;
        if (cell->traced || (cell->position && cell->cut > done)) continue;
        if (cell->position) souk_shard_sleep(shard, cell->kind->number, cell->key, cell->position);
        souk_kind_count(&w->slice.tally[cell->kind->number].lives, (uint64_t)-1);
        souk_cell_free(d, &shard->arena, cell);
        atomic_fetch_sub_explicit(&p->actors, 1, memory_order_relaxed);
    }
}

/* ---- Cutting: the shard's holder, between slices. ---- */

static void
lower(_Atomic uint64_t *low, uint64_t position)
{
    uint64_t seen = atomic_load(low);
    while (position < seen && !atomic_compare_exchange_weak(low, &seen, position)) {}
}

static void
lower_by_messages(_Atomic uint64_t *low, const struct souk_message *m)
{
    for (; m; m = m->next)
        if (m->id.position) lower(low, m->id.position);
}

/* Wakes of event-sourced actors that are still to come. */
static void
lower_by_wakes(const struct souk_wheel *wheel, _Atomic uint64_t *low)
{
    for (unsigned i = 0; i < SOUK_WHEEL_LISTS; i++) {
        const struct souk_timer *last = wheel->lists[i], *timer = last;
        if (!timer) continue;
        do {
            timer = timer->next;
            const struct souk_alarm *alarm = (const struct souk_alarm *)(const void *)timer;
            if (alarm->wake && alarm->wake->id.position) lower(low, alarm->wake->id.position);
        } while (timer != last);
    }
}

/* Port calls whose ask has no outcome yet; the others are forgotten. */
static void
lower_by_calls(struct souk_shard *shard, _Atomic uint64_t *low)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shard->calls_count; i++) {
        struct souk_outstanding_call call = shard->calls[i];
        struct souk_cell *cell = souk_cell_find(&shard->directory, call.asker.kind, call.asker.key);
        if (!cell || !souk_cell_ask(cell, call.asker.number)) continue;
        lower(low, call.position);
        shard->calls[kept++] = call;
    }
    shard->calls_count = kept;
}

/* Cuts one shard. */
static void
cut(struct souk_worker *w, struct souk_shard *shard, uint32_t epoch)
{
    struct souk_partition *p = w->partition;
    struct souk_checkpoint *c = &p->checkpoint;
    if (shard->rebuilding) return; /* Later, too: a state that a failed turn has spoilt is no snapshot. */
    if (!souk_slice_drain(w, shard)) return; /* A push is half done and may hide something: later. */
    atomic_store_explicit(&shard->cut, epoch, memory_order_relaxed);
    lower_by_messages(&c->low, shard->backlog.head);
    lower_by_wakes(&shard->wheel, &c->low);
    lower_by_calls(shard, &c->low);
    for (uint32_t i = 0; i < shard->directory.slots; i++) {
        struct souk_cell *cell = souk_cell_at(&shard->directory, i);
        if (!cell) continue;
        lower_by_messages(&c->low, cell->waiting.head);
        if (cell->broken) lower(&c->low, cell->snapshot + 1); /* What it could not take must stay to be read. */
        if (!cell->dirty || cell->loading || cell->broken) continue;
        size_t length = souk_snapshot_size(cell);
        struct souk_message *m = souk_message_new(w->heap, SOUK_CHUNK, SOUK_SNAPSHOT_NAME + length);
        souk_snapshot_name(m->body, cell->kind->number, cell->key);
        souk_snapshot_write(cell, m->body + SOUK_SNAPSHOT_NAME, length);
        m->dep = cell->position;
        souk_mailbox_push(&p->keeper_box, m, m);
        cell->dirty = false;
        cell->cut = epoch;
    }
    if (atomic_fetch_sub(&c->left, 1) == 1) souk_bed_call(&p->keeper_bed);
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
    uint64_t began = world->monotonic_ns(world->self);
    if (w->slice_turns && began < w->cut_after_ns) return;
    cut(w, shard, epoch);
    uint64_t ended = world->monotonic_ns(world->self);
    w->cut_after_ns = ended + (SHARE - 1) * (ended - began);
}

/* ---- Writing: the keeper. ---- */

void
souk_partition_fail(struct souk_partition *p, souk_err err)
{
    uint32_t none = SOUK_OK;
    atomic_compare_exchange_strong(&p->fault, &none, (uint32_t)err);
    for (unsigned i = 0; i < p->workers_count; i++) souk_worker_wake(p->workers[i]);
}

/* One put of snapshots that are durable; true when there was one. */
static bool
write_chunk(struct souk_partition *p)
{
    static const size_t most = SOUK_CHUNK_ENTRIES;
    uint64_t durable = souk_mutant(SNAPSHOT_EARLY) ? UINT64_MAX : atomic_load(&p->durable);
    if (!p->chunks.head || p->chunks.head->dep > durable) return false;
    struct souk_vault_entry *entries = souk_heap_alloc(p->keeper_heap, most * sizeof *entries);
    size_t count = 0, bytes = 0;
    struct souk_fifo written = { NULL, NULL };
    while (count < most && bytes < SOUK_CHUNK_BYTES && p->chunks.head && p->chunks.head->dep <= durable) {
        struct souk_message *m = souk_fifo_pop(&p->chunks);
        entries[count++] = (struct souk_vault_entry){
            .name = { m->body, SOUK_SNAPSHOT_NAME },
            .value = { m->body + SOUK_SNAPSHOT_NAME, m->length - SOUK_SNAPSHOT_NAME },
        };
        bytes += m->length;
        souk_fifo_push(&written, m);
    }
    souk_err err = p->vault->ops->put(p->vault, entries, count);
    for (struct souk_message *m; (m = souk_fifo_pop(&written));) souk_message_free(p->keeper_heap, m);
    souk_heap_free(p->keeper_heap, entries, most * sizeof *entries);
    if (err) souk_partition_fail(p, err);
    return true;
}

static bool
write_marker(struct souk_partition *p)
{
    struct souk_checkpoint *c = &p->checkpoint;
    uint64_t low = souk_mutant(MARKER_LOW) ? UINT64_MAX : atomic_load(&c->low);
    uint8_t marker[SOUK_MARKER_BYTES];
    souk_marker_write(marker, &(struct souk_marker){ c->position, low < c->position ? low : c->position, c->link });
    struct souk_vault_entry entry = { { "m", 1 }, { marker, sizeof marker } };
    souk_err err = p->vault->ops->put(p->vault, &entry, 1);
    if (err) {
        souk_partition_fail(p, err);
        return false;
    }
    atomic_store(&c->done, atomic_load(&c->epoch)); /* release: pairs with the acquire in souk_shard_trim() */
    atomic_fetch_add(&p->checkpoints, 1);
    return true;
}

static bool
begin_checkpoint(struct souk_partition *p)
{
    struct souk_checkpoint *c = &p->checkpoint;
    uint64_t bytes = atomic_load(&p->group_bytes);
    bool due = bytes - atomic_load(&c->began_bytes) > p->checkpoint_bytes;
    if (!due && !atomic_load(&p->checkpoint_wanted)) return false;
    if (atomic_exchange(&p->baton, true)) return false; /* Later. */
    c->position = atomic_load(&p->durable);
    c->link = p->link;
    atomic_store(&p->baton, false);
    if (souk_commit_wanted(p)) souk_bed_call(&p->journal_bed);
    atomic_store(&c->began_bytes, bytes);
    atomic_store(&p->checkpoint_wanted, false);
    atomic_store(&c->low, UINT64_MAX);
    atomic_fetch_add(&c->epoch, 1);
    for (unsigned i = 0; i < p->workers_count; i++) souk_worker_wake(p->workers[i]);
    return true;
}

static bool
all_have_seen(struct souk_partition *p)
{
    uint32_t epoch = atomic_load(&p->checkpoint.epoch);
    for (unsigned i = 0; i < p->workers_count; i++) {
        struct souk_worker *w = p->workers[i];
        if (atomic_load(&w->checkpoint_seen) != epoch && !atomic_load(&w->parked)) return false;
    }
    return true;
}

static bool
checkpoint_step(struct souk_partition *p)
{
    struct souk_checkpoint *c = &p->checkpoint;
    switch (c->phase) {
    case 0:
        if (!begin_checkpoint(p)) return false;
        c->phase = 1;
        return true;
    case 1:
        if (!all_have_seen(p)) return false;
        atomic_store(&c->left, SOUK_SHARDS);
        atomic_store(&c->cutting, true);
        for (unsigned i = 0; i < p->workers_count; i++) souk_worker_wake(p->workers[i]);
        c->phase = 2;
        return true;
    case 2:
        if (atomic_load(&c->left)) return false;
        atomic_store(&c->cutting, false);
        c->phase = 3;
        return true;
    default:
        if (p->chunks.head || !souk_mailbox_empty(&p->keeper_box)) return false;
        c->phase = 0;
        return write_marker(p);
    }
}

bool
souk_keeper_step(struct souk_partition *p)
{
    bool any = false;
    if (atomic_load(&p->fault)) return false;
    for (struct souk_message *m; (m = souk_mailbox_pop(&p->keeper_box)); any = true) {
        if (m->class == SOUK_CHUNK) {
            souk_fifo_push(&p->chunks, m);
            continue;
        }
        if (m->dep) {
            souk_fifo_push(&p->rebuilds, m);
            continue;
        }
        load(p, m);
        souk_message_free(p->keeper_heap, m);
    }
    if (rebuild(p)) any = true;
    if (write_chunk(p)) return true;
    return checkpoint_step(p) || any;
}
