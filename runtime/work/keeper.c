/* SPDX-License-Identifier: Apache-2.0 */
/* work/keeper.c -- the only one who reads and writes the vault while workers run: wakes sleeping actors and writes
 * checkpoints (DURABILITY R6, R7). checkpoint.h says what is written.
 *
 * A checkpoint is fuzzy: shards are cut one by one, between slices, while the others go on.
 *   1. The keeper notes position P and link, both durable.
 *   2. It waits until every worker has been between two slices since: then all that a batch up to P sent has reached
 *      its shard. (A sleeping worker is between slices.)
 *   3. Workers cut the shards that they let go of, and idle ones (cut.c): each changed actor's snapshot goes to the
 *      keeper, with the actor's position; and a table of what was sent up to P and is outstanding in the shard:
 *      messages, wakes, port calls. So snapshots and tables hold at least all that happened up to P.
 *   4. A snapshot is written only once its position is durable, and a table once all is that the shard had seen, since
 *      what was consumed is not in it. In puts of about 1 MiB, each synced; each has its part of the index.
 *   5. When all are written the marker follows: P, its link, how much there is of index and tables, and a sum.
 * Recovery takes what the tables of that checkpoint say, and reads the journal from P on: an actor ignores events up to
 * the position of its own snapshot. A crash between puts leaves newer snapshots beside an old marker: harmless, since
 * each carries its own position. It also leaves tables that no marker speaks of: the next marker removes them. */
#include "base/mutant.h"
#include "work/checkpoint.h"
#include "work/fault.h"

#include <stdlib.h>

/* ---- Sleeping actors. ---- */

void
souk_keeper_load(struct souk_worker *w, struct souk_cell *cell, uint64_t name)
{
    struct souk_message *m = souk_message_new(w->heap, SOUK_LOADED, 0);
    m->to = (souk_ref){ cell->kind->number, cell->key };
    m->due_ms = name;
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

/* Rebuilds actors, in the order in which they were asked for, as far as what they did is durable, and their snapshots
 * are no longer on their way. */
static bool
rebuild(struct souk_partition *p)
{
    bool any = false;
    while (p->rebuilds.head && !p->chunks.head && p->rebuilds.head->dep <= atomic_load(&p->durable)) {
        struct souk_message *wanted = souk_fifo_pop(&p->rebuilds);
        answer(p, souk_rebuild(p, wanted));
        souk_message_free(p->keeper_heap, wanted);
        any = true;
    }
    return any;
}

static void
load(struct souk_partition *p, const struct souk_message *wanted)
{
    uint8_t name[SOUK_SNAPSHOT_NAME];
    void *value = NULL;
    size_t length = 0;
    souk_snapshot_name(name, wanted->due_ms, wanted->to.kind, wanted->to.key);
    souk_err err = p->vault->ops->get(p->vault, (struct souk_bytes){ name, sizeof name }, &value, &length);
    souk_assert(err != SOUK_ERR_MEMORY && "out of memory"); /* Not the actor's fault: it shall not be set apart. */
    struct souk_message *m = souk_message_new(p->keeper_heap, SOUK_LOADED, length);
    m->to = wanted->to;
    m->ending = err ? SOUK_DEAD : SOUK_DONE;
    if (length) memcpy(m->body, value, length);
    free(value);
    answer(p, m);
}

/* ---- Writing: the keeper. ---- */

void
souk_partition_fail(struct souk_partition *p, souk_err err)
{
    uint32_t none = SOUK_OK;
    atomic_compare_exchange_strong(&p->fault, &none, (uint32_t)err);
    for (unsigned i = 0; i < p->workers_count; i++) souk_worker_wake(p->workers[i]);
}

/* One put of a checkpoint, being put together. */
struct put {
    struct souk_vault_entry entries[2 * SOUK_CHUNK_ENTRIES + 1]; /* Each snapshot may take an older one's place. */
    uint8_t names[2 * SOUK_CHUNK_ENTRIES + 1][SOUK_SNAPSHOT_NAME];
    uint8_t index[SOUK_CHUNK_HEAD + SOUK_CHUNK_ENTRIES * SOUK_ROW_BYTES];
    size_t count, rows;
    uint64_t sum;
};

static uint8_t *
put_entry(struct put *put, size_t name_length, struct souk_bytes value)
{
    uint8_t *name = put->names[put->count];
    put->entries[put->count++] = (struct souk_vault_entry){ { name, name_length }, value };
    return name;
}

static void
put_snapshot(struct put *put, const struct souk_message *m)
{
    struct souk_index_row row = { m->due_ms, m->dep, m->to, m->ending };
    souk_snapshot_name(put_entry(put, SOUK_SNAPSHOT_NAME, (struct souk_bytes){ m->body, m->length }), m->due_ms,
                       m->to.kind, m->to.key);
    souk_index_put(put->index + SOUK_CHUNK_HEAD + put->rows++ * SOUK_ROW_BYTES, &row);
    put->sum += souk_index_sum(&row);
    if (m->time_ms)
        souk_snapshot_name(put_entry(put, SOUK_SNAPSHOT_NAME, (struct souk_bytes){ NULL, 0 }), m->time_ms, m->to.kind,
                           m->to.key);
}

static void
put_index(struct souk_partition *p, struct put *put)
{
    struct souk_checkpoint *c = &p->checkpoint;
    struct souk_link link;
    if (!put->rows) return;
    souk_chunk_begin(put->index, souk_commit_end(p, &link), link);
    struct souk_bytes value = { put->index, SOUK_CHUNK_HEAD + put->rows * SOUK_ROW_BYTES };
    souk_chunk_name(put_entry(put, SOUK_CHUNK_NAME, value), ++c->chunk);
    c->rows += put->rows;
    c->sum += put->sum;
}

/* One put of snapshots and tables, as far as they may be written; true when there was one. */
static bool
write_chunk(struct souk_partition *p)
{
    struct souk_checkpoint *c = &p->checkpoint;
    uint64_t durable = souk_mutant(SNAPSHOT_EARLY) ? UINT64_MAX : atomic_load(&p->durable);
    if (!p->chunks.head || p->chunks.head->dep > durable) return false;
    struct put *put = souk_heap_alloc(p->keeper_heap, sizeof *put);
    put->count = put->rows = put->sum = 0;
    size_t bytes = 0;
    struct souk_fifo written = { NULL, NULL };
    for (unsigned n = 0; n < SOUK_CHUNK_ENTRIES && bytes < SOUK_CHUNK_BYTES; n++) {
        if (!p->chunks.head || p->chunks.head->dep > durable) break;
        struct souk_message *m = souk_fifo_pop(&p->chunks);
        souk_fifo_push(&written, m);
        bytes += m->length;
        if (m->to.kind) {
            put_snapshot(put, m);
        } else {
            souk_table_name(put_entry(put, SOUK_TABLE_NAME, (struct souk_bytes){ m->body, m->length }), c->number,
                            m->tag);
            c->tables++;
        }
    }
    put_index(p, put);
    souk_err err = p->vault->ops->put(p->vault, put->entries, put->count);
    for (struct souk_message *m; (m = souk_fifo_pop(&written));) souk_message_free(p->keeper_heap, m);
    souk_heap_free(p->keeper_heap, put, sizeof *put);
    atomic_fetch_sub_explicit(&c->bytes, bytes, memory_order_relaxed);
    if (err) souk_partition_fail(p, err);
    return true;
}

/* Tables of other checkpoints are to go when this one's marker comes. */
struct old_tables { struct souk_partition *p; struct put *put; };

static souk_err
note_old_table(void *arg, struct souk_bytes name, struct souk_bytes value SOUK_UNUSED)
{
    struct old_tables *old = arg;
    uint64_t number;
    uint32_t shard;
    if (!souk_table_parse_name(name, &number, &shard)) return SOUK_ERR_CORRUPT;
    if (number == old->p->checkpoint.number) return SOUK_OK;
    if (old->put->count == SOUK_CHUNK_ENTRIES) return SOUK_ERR_FULL; /* The rest goes with the next. */
    memcpy(put_entry(old->put, name.length, (struct souk_bytes){ NULL, 0 }), name.at, name.length);
    return SOUK_OK;
}

static bool
write_marker(struct souk_partition *p)
{
    struct souk_checkpoint *c = &p->checkpoint;
    struct put *put = souk_heap_alloc(p->keeper_heap, sizeof *put);
    uint64_t low = atomic_load(&c->low), position = atomic_load(&c->position);
    uint8_t marker[SOUK_MARKER_BYTES];
    put->count = 0;
    souk_err err = p->vault->ops->each(p->vault, (struct souk_bytes){ "t", 1 }, note_old_table,
                                       &(struct old_tables){ p, put });
    if (err == SOUK_ERR_FULL) err = SOUK_OK;
    souk_marker_write(marker, &(struct souk_marker){
        .number = c->number, .position = position, .low = low < position ? low : position, .link = c->link,
        .chunk = c->chunk, .rows = c->rows, .sum = c->sum, .tables = c->tables });
    *put_entry(put, 1, (struct souk_bytes){ marker, sizeof marker }) = 'm';
    if (!err) err = p->vault->ops->put(p->vault, put->entries, put->count);
    souk_heap_free(p->keeper_heap, put, sizeof *put);
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
    if (!atomic_load(&p->timers_run)) return false; /* Not while it recovers. */
    atomic_store(&c->position, souk_commit_end(p, &c->link));
    c->number++;
    c->tables = 0;
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
