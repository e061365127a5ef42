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
 *      what was consumed is not in it. In puts of about 256 KiB, each synced, each with a head that lists them.
 *   5. When all are written the marker follows: P, its link, how many snapshots and tables there are, and a sum.
 * Recovery takes what the tables of that checkpoint say, and reads the journal from P on: an actor ignores events up to
 * the position of its own snapshot. A crash between puts leaves newer snapshots beside an old marker: harmless, since
 * each carries its own position. It also leaves tables that no marker speaks of: the next marker removes them. */
#include "base/mutant.h"
#include "work/checkpoint.h"
#include "work/fault.h"
#include "world/rare.h"

#include <stdio.h>
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
    const struct souk_shard *shard = souk_shard_of(w->partition, wanted->to.key);
    souk_assert(wanted->dep);
    wanted->due_ms = souk_shard_filed(shard, wanted->to.kind, wanted->to.key, NULL);
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
    if (souk_buggify(p->world, REBUILD_LATER)) return false;
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
    if (err == SOUK_ERR_IO) souk_partition_fail(p, err); /* Nor the disk's: the next start may well read it. */
    struct souk_message *m = souk_message_new(p->keeper_heap, SOUK_LOADED, length);
    m->to = wanted->to;
    m->ending = err ? SOUK_DEAD : SOUK_DONE;
    if (err) fprintf(stderr, "souk: %s\n", *p->vault->why ? p->vault->why : "the vault lacks a snapshot of its index");
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
    struct souk_vault_entry entries[SOUK_CHUNK_ENTRIES + 1];
    uint8_t names[SOUK_CHUNK_ENTRIES + 1][SOUK_SNAPSHOT_NAME];
    uint8_t head[SOUK_HEAD_BYTES + SOUK_SHARDS * 2 + SOUK_CHUNK_ENTRIES * SOUK_ROW_BYTES];
    size_t count, bytes;
    uint64_t number;
    struct souk_fifo snapshots, tables;
    uint32_t snapshots_count, tables_count;
};

static uint8_t *
add_entry(struct put *put, size_t name_length, struct souk_bytes value)
{
    uint8_t *name = put->names[put->count];
    put->entries[put->count++] = (struct souk_vault_entry){ { name, name_length }, value };
    return name;
}

/* Takes what may be written, as much as goes into one put. */
static void
gather(struct souk_partition *p, struct put *put, uint64_t durable)
{
    while (put->snapshots_count + put->tables_count < SOUK_CHUNK_ENTRIES && put->bytes < SOUK_CHUNK_BYTES &&
           p->chunks.head && p->chunks.head->dep <= durable) {
        struct souk_message *m = souk_fifo_pop(&p->chunks);
        put->bytes += m->length;
        if (m->due_ms > put->number) put->number = m->due_ms;
        souk_fifo_push(m->to.kind ? &put->snapshots : &put->tables, m);
        put->snapshots_count += m->to.kind != 0;
        put->tables_count += m->to.kind == 0;
        if (souk_buggify(p->world, TINY_CHUNK)) break;
    }
}

static uint8_t *
add_table(struct souk_partition *p, struct put *put, uint8_t *at, const struct souk_message *m)
{
    struct souk_checkpoint *c = &p->checkpoint;
    souk_table_name(add_entry(put, SOUK_TABLE_NAME, (struct souk_bytes){ m->body, m->length }), put->number, m->tag);
    souk_keeper_note_table(p, (struct souk_table_place){ put->number, c->number, m->tag });
    return souk_head_put_table(at, m->tag);
}

static void
note_replaced(struct souk_partition *p, struct souk_replaced replaced)
{
    struct souk_checkpoint *c = &p->checkpoint;
    if (c->replaced_count == c->replaced_room) {
        uint32_t room = c->replaced_room ? 2 * c->replaced_room : 256;
        c->replaced = souk_heap_grow(p->keeper_heap, c->replaced, c->replaced_room * sizeof *c->replaced,
                                     room * sizeof *c->replaced);
        c->replaced_room = room;
    }
    c->replaced[c->replaced_count++] = replaced;
}

static uint8_t *
add_snapshot(struct souk_partition *p, struct put *put, uint8_t *at, const struct souk_message *m)
{
    struct souk_checkpoint *c = &p->checkpoint;
    struct souk_index_row row = { m->due_ms, m->dep, m->to, m->ending };
    souk_snapshot_name(add_entry(put, SOUK_SNAPSHOT_NAME, (struct souk_bytes){ m->body, m->length }), m->due_ms,
                       m->to.kind, m->to.key);
    if (m->time_ms > c->young[0]) note_replaced(p, (struct souk_replaced){ m->time_ms, m->to });
    c->rows++;
    c->sum += souk_index_sum(&row);
    return souk_head_put_row(at, &row);
}

static void
add_head(struct souk_partition *p, struct put *put)
{
    struct souk_checkpoint *c = &p->checkpoint;
    struct souk_head head = { .before = c->head, .checkpoint = c->number, .tables = put->tables_count,
                              .rows = put->snapshots_count };
    head.position = souk_commit_end(p, &head.link);
    /* Of what is in it, so that it doesn't lie among what comes in later puts. Two workers' may have changed places. */
    if (put->number <= c->head) put->number = c->head + 1;
    uint8_t *at = souk_head_put(put->head, &head);
    for (const struct souk_message *m = put->tables.head; m; m = m->next) at = add_table(p, put, at, m);
    for (const struct souk_message *m = put->snapshots.head; m; m = m->next) at = add_snapshot(p, put, at, m);
    souk_head_name(add_entry(put, SOUK_HEAD_NAME, (struct souk_bytes){ put->head, (size_t)(at - put->head) }),
                   put->number);
    c->head = put->number;
}

static void
free_all(struct souk_partition *p, struct souk_fifo *messages)
{
    for (struct souk_message *m; (m = souk_fifo_pop(messages));) souk_message_free(p->keeper_heap, m);
}

/* One put of snapshots and tables, as far as they may be written; true when there was one. */
static bool
write_chunk(struct souk_partition *p)
{
    uint64_t durable = souk_mutant(SNAPSHOT_EARLY) ? UINT64_MAX : atomic_load(&p->durable);
    if (!p->chunks.head || p->chunks.head->dep > durable) return false;
    struct put *put = souk_heap_zalloc(p->keeper_heap, sizeof *put);
    gather(p, put, durable);
    add_head(p, put);
    souk_err err = p->vault->ops->put(p->vault, put->entries, put->count);
    free_all(p, &put->snapshots);
    free_all(p, &put->tables);
    atomic_fetch_sub_explicit(&p->checkpoint.bytes, put->bytes, memory_order_relaxed);
    souk_heap_free(p->keeper_heap, put, sizeof *put);
    if (err) souk_partition_fail(p, err);
    return true;
}

void
souk_keeper_note_table(struct souk_partition *p, struct souk_table_place place)
{
    struct souk_checkpoint *c = &p->checkpoint;
    if (c->tables_count == c->tables_room) {
        uint32_t room = c->tables_room ? 2 * c->tables_room : SOUK_SHARDS;
        c->tables = souk_heap_grow(p->keeper_heap, c->tables, c->tables_room * sizeof *c->tables,
                                   room * sizeof *c->tables);
        c->tables_room = room;
    }
    c->tables[c->tables_count++] = place;
}

static int
by_number(const void *a, const void *b)
{
    const struct souk_replaced *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Deletes the snapshots that this checkpoint has replaced: at its end and in their order, so that LevelDB finds few of
 * its tables touched. One that is left by a crash does no harm: the actor has a later one. */
static souk_err
drop_replaced(struct souk_partition *p, struct put *put)
{
    struct souk_checkpoint *c = &p->checkpoint;
    souk_err err = SOUK_OK;
    if (c->replaced_count) qsort(c->replaced, c->replaced_count, sizeof *c->replaced, by_number);
    for (uint32_t i = 0; i < c->replaced_count && !err;) {
        for (put->count = 0; put->count < SOUK_CHUNK_ENTRIES && i < c->replaced_count; i++) {
            const struct souk_replaced *r = &c->replaced[i];
            souk_snapshot_name(add_entry(put, SOUK_SNAPSHOT_NAME, (struct souk_bytes){ NULL, 0 }), r->number,
                               r->actor.kind, r->actor.key);
        }
        err = p->vault->ops->put(p->vault, put->entries, put->count);
    }
    c->replaced_count = 0;
    put->count = 0;
    return err;
}

/* Deletes the tables of other checkpoints, as many as go into one put. How many this one has. */
static uint32_t
drop_tables(struct souk_checkpoint *c, struct put *put)
{
    uint32_t kept = 0, own = 0;
    for (uint32_t i = 0; i < c->tables_count; i++) {
        struct souk_table_place t = c->tables[i];
        own += t.checkpoint == c->number;
        if (t.checkpoint == c->number || put->count == SOUK_CHUNK_ENTRIES) {
            c->tables[kept++] = t;
            continue;
        }
        souk_table_name(add_entry(put, SOUK_TABLE_NAME, (struct souk_bytes){ NULL, 0 }), t.number, t.shard);
    }
    c->tables_count = kept;
    return own;
}

static bool
write_marker(struct souk_partition *p)
{
    struct souk_checkpoint *c = &p->checkpoint;
    struct put *put = souk_heap_zalloc(p->keeper_heap, sizeof *put);
    uint64_t low = atomic_load(&c->low), position = atomic_load(&c->position);
    uint8_t marker[SOUK_MARKER_BYTES];
    souk_err err = drop_replaced(p, put);
    uint32_t tables = drop_tables(c, put);
    souk_marker_write(marker, &(struct souk_marker){
        .number = c->number, .position = position, .low = low < position ? low : position, .link = c->link,
        .head = c->head, .rows = c->rows, .sum = c->sum, .tables = tables });
    *add_entry(put, 1, (struct souk_bytes){ marker, sizeof marker }) = 'm';
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
    c->young[0] = c->young[1];
    c->young[1] = atomic_load(&c->names);
    souk_meanwhile(p->world);
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
        souk_meanwhile(p->world);
        c->phase = 3;
        return true;
    default:
        if ((p->chunks.head || !souk_mailbox_empty(&p->keeper_box)) && !souk_mutant(MARKER_EARLY)) return false;
        c->phase = 0;
        return write_marker(p);
    }
}

bool
souk_keeper_step(struct souk_partition *p)
{
    bool any = false;
    if (atomic_load(&p->fault)) return false;
    for (struct souk_message *m; !(any && souk_buggify(p->world, KEEPER_LATER)) &&
                                 (m = souk_mailbox_pop(&p->keeper_box)); any = true) {
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
    if (!souk_mutant(MARKER_EARLY) && write_chunk(p)) return true;
    return checkpoint_step(p) || (souk_mutant(MARKER_EARLY) && write_chunk(p)) || any;
}
