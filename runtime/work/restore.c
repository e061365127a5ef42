/* SPDX-License-Identifier: Apache-2.0 */
/* work/restore.c -- recovery's look at the vault: the marker, the index and the tables of the last checkpoint; see
 * checkpoint.h. Snapshots stay where they are until their actors are spoken to, or have something to do.
 *
 * What a put left behind that no marker speaks of yet is used as well: the snapshots are newer than the marker, and
 * each says its position. Only the tables must be the marker's own. */
#include "work/recovery.h"

#include <stdlib.h>

static souk_err
read_marker(struct souk_recovery *r)
{
    const struct souk_vault_ops *ops = r->p->vault->ops;
    void *value = NULL;
    size_t length = 0;
    souk_err err = ops->get(r->p->vault, (struct souk_bytes){ "m", 1 }, &value, &length);
    if (err == SOUK_ERR_MISSING) return SOUK_OK;
    if (!err) err = souk_marker_read((struct souk_bytes){ value, length }, &r->marker, &r->outdated);
    free(value);
    if (err == SOUK_ERR_VERSION)
        return souk_recovery_fault(r, err, "the last checkpoint was written by a later version of souk");
    if (err) return souk_recovery_fault(r, err, "the checkpoint's marker cannot be read: %s", souk_err_text(err));
    return SOUK_OK;
}

/* ---- The index. ---- */

static souk_err
note_row(struct souk_recovery *r, const struct souk_index_row *row)
{
    struct souk_partition *p = r->p;
    uint64_t name;
    if (!souk_recovery_hosts(r, "the vault", row->actor.kind)) return SOUK_ERR_VERSION;
    if (row->position > r->newest) r->newest = row->position;
    if (row->name > atomic_load_explicit(&p->checkpoint.names, memory_order_relaxed))
        atomic_store_explicit(&p->checkpoint.names, row->name, memory_order_relaxed);
    struct souk_shard *shard = souk_shard_of(p, row->actor.key);
    (void)souk_shard_filed(shard, row->actor.kind, row->actor.key, &name);
    if (name >= row->name) return SOUK_OK; /* The actor has a later one. */
    (void)souk_shard_file(shard, row->actor.kind, row->actor.key, row->position, row->name);
    if (row->has_asks) SOUK_RECOVERY_PUSH(r, asking, row->actor);
    return SOUK_OK;
}

static souk_err
read_chunk(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    struct souk_recovery *r = arg;
    struct souk_checkpoint *c = &r->p->checkpoint;
    struct souk_chunk chunk;
    if (!souk_chunk_open(name, value, &chunk) || chunk.number <= c->chunk)
        return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault's index cannot be read");
    if (chunk.number > r->marker.chunk && c->chunk <= r->marker.chunk &&
        (c->rows != r->marker.rows || c->sum != r->marker.sum))
        return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault's index is not whole: it has %llu of %llu snapshots",
                                   (unsigned long long)c->rows, (unsigned long long)r->marker.rows);
    for (uint32_t i = 0; i < chunk.count; i++) {
        struct souk_index_row row = souk_index_get(&chunk, i);
        souk_err err = row.position > chunk.position ? SOUK_ERR_CORRUPT : note_row(r, &row);
        if (err == SOUK_ERR_CORRUPT)
            return souk_recovery_fault(r, err, "the vault has a snapshot from beyond what was durable");
        if (err) return err;
        c->sum += souk_index_sum(&row);
    }
    c->chunk = chunk.number;
    c->rows += chunk.count;
    SOUK_RECOVERY_PUSH(r, seen, ((struct souk_seen){ chunk.position, chunk.link }));
    return SOUK_OK;
}

static souk_err
read_index(struct souk_recovery *r)
{
    struct souk_checkpoint *c = &r->p->checkpoint;
    souk_err err = r->p->vault->ops->each(r->p->vault, (struct souk_bytes){ "x", 1 }, read_chunk, r);
    if (err || c->chunk > r->marker.chunk) return err;
    if (c->chunk == r->marker.chunk && c->rows == r->marker.rows && c->sum == r->marker.sum) return SOUK_OK;
    return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault's index is not whole: it has %llu of %llu snapshots",
                               (unsigned long long)c->rows, (unsigned long long)r->marker.rows);
}

/* ---- The tables. ---- */

static souk_err
read_table(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    struct souk_recovery *r = arg;
    struct souk_checkpoint *c = &r->p->checkpoint;
    struct souk_batch_reader batch;
    struct souk_step step;
    uint64_t number;
    uint32_t shard;
    size_t length;
    if (!souk_table_parse_name(name, &number, &shard))
        return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault has a table without a name");
    if (number > c->number) c->number = number;
    if (number != r->marker.number) return SOUK_OK; /* Of a checkpoint that came to nothing, or was replaced. */
    souk_err err = souk_batch_open(&batch, value, &(struct souk_link){ 0, 0 }, &length);
    if (err || length != value.length || batch.position != r->marker.position) {
        if (!err) err = SOUK_ERR_CORRUPT;
        return souk_recovery_fault(r, err, "the checkpoint's table of shard %u cannot be read", shard);
    }
    for (;;) {
        err = souk_batch_next(&batch, &step);
        if (!err && step.class == SOUK_STEP_END) break;
        if (err || step.class != SOUK_STEP_OUTSTANDING)
            return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the checkpoint's table of shard %u is damaged", shard);
        err = souk_recovery_keep(r, &step);
        if (err) return err;
    }
    c->tables++;
    return SOUK_OK;
}

/* By their ids. */
static int
earlier(const void *a, const void *b)
{
    const struct souk_id *x = &(*(struct souk_message *const *)a)->id, *y = &(*(struct souk_message *const *)b)->id;
    if (x->position != y->position) return x->position < y->position ? -1 : 1;
    return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static souk_err
read_tables(struct souk_recovery *r)
{
    struct souk_checkpoint *c = &r->p->checkpoint;
    c->number = r->marker.number;
    souk_err err = r->p->vault->ops->each(r->p->vault, (struct souk_bytes){ "t", 1 }, read_table, r);
    if (!err && c->tables != r->marker.tables)
        err = souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the checkpoint has %u of %u tables", c->tables,
                                  r->marker.tables);
    if (r->sent_count) qsort(r->sent, r->sent_count, sizeof *r->sent, earlier);
    return err;
}

souk_err
souk_restore(struct souk_recovery *r)
{
    souk_err err = read_marker(r);
    if (err || r->outdated) return err;
    err = read_index(r);
    if (!err) err = read_tables(r);
    for (size_t i = 0; i < r->asking_count && !err; i++) {
        struct souk_cell *cell;
        err = souk_recovery_wake(r, r->asking[i].kind, r->asking[i].key, &cell);
    }
    return err;
}

/* ---- What an earlier version left. ---- */

enum { OLD_NAME = 21, AT_ONCE = 4096 };

/* Names of an earlier version's snapshots. */
struct old_name { uint8_t bytes[OLD_NAME]; };
struct emptying { struct souk_partition *p; struct old_name *names; size_t names_count, names_room; };

static souk_err
gather(void *arg, struct souk_bytes name, struct souk_bytes value SOUK_UNUSED)
{
    struct emptying *e = arg;
    struct old_name old;
    if (name.length != OLD_NAME) return SOUK_ERR_CORRUPT;
    memcpy(old.bytes, name.at, OLD_NAME);
    SOUK_RECOVERY_PUSH(e, names, old);
    return SOUK_OK;
}

static souk_err
remove_names(struct emptying *e)
{
    struct souk_vault *vault = e->p->vault;
    struct souk_vault_entry *entries = souk_heap_alloc(e->p->heap, AT_ONCE * sizeof *entries);
    souk_err err = SOUK_OK;
    for (size_t i = 0; i < e->names_count && !err;) {
        size_t count = 0;
        for (; count < AT_ONCE && i < e->names_count; i++)
            entries[count++] = (struct souk_vault_entry){ { e->names[i].bytes, OLD_NAME }, { NULL, 0 } };
        err = vault->ops->put(vault, entries, count);
    }
    souk_heap_free(e->p->heap, entries, AT_ONCE * sizeof *entries);
    /* The marker last: until then the next start begins anew. */
    if (!err) err = vault->ops->put(vault, &(struct souk_vault_entry){ { "m", 1 }, { NULL, 0 } }, 1);
    return err;
}

souk_err
souk_restore_empty(struct souk_recovery *r)
{
    if (!r->outdated) return SOUK_OK;
    struct emptying e = { .p = r->p };
    souk_err err = r->p->vault->ops->each(r->p->vault, (struct souk_bytes){ "s", 1 }, gather, &e);
    if (!err) err = remove_names(&e);
    souk_heap_free(r->p->heap, e.names, e.names_room * sizeof *e.names);
    return err ? souk_recovery_fault(r, err, "the vault cannot be emptied: %s", souk_err_text(err)) : SOUK_OK;
}
