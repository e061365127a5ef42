/* SPDX-License-Identifier: Apache-2.0 */
/* work/restore.c -- recovery's look at the vault: the marker, the heads and the tables of the last checkpoint; see
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

static souk_err
note_row(struct souk_recovery *r, const struct souk_index_row *row)
{
    struct souk_partition *p = r->p;
    if (!souk_recovery_hosts(r, "the vault", row->actor.kind)) return SOUK_ERR_VERSION;
    if (row->position > r->newest) r->newest = row->position;
    if (row->name > atomic_load_explicit(&p->checkpoint.names, memory_order_relaxed))
        atomic_store_explicit(&p->checkpoint.names, row->name, memory_order_relaxed);
    struct souk_shard *shard = souk_shard_of(p, row->actor.key);
    bool latest = souk_shard_file_later(shard, row->actor.kind, row->actor.key, row->position, row->name);
    if (latest && row->has_asks) SOUK_RECOVERY_PUSH(r, asking, row->actor);
    return SOUK_OK;
}

static souk_err
read_value(struct souk_recovery *r, struct souk_bytes name, void **value, size_t *length, const char *what)
{
    souk_err err = r->p->vault->ops->get(r->p->vault, name, value, length);
    if (!err) return SOUK_OK;
    if (err == SOUK_ERR_MISSING) err = SOUK_ERR_CORRUPT;
    return souk_recovery_fault(r, err, "the vault has lost %s: %s", what, souk_err_text(err));
}

/* ---- The tables. ---- */

static souk_err
take_table(struct souk_recovery *r, struct souk_bytes table, uint32_t shard)
{
    struct souk_batch_reader batch;
    struct souk_step step;
    size_t length;
    souk_err err = souk_batch_open(&batch, table, &(struct souk_link){ 0, 0 }, &length);
    if (!err && (length != table.length || batch.position != r->marker.position)) err = SOUK_ERR_CORRUPT;
    if (!err && batch.time_ms > r->last_ms) r->last_ms = batch.time_ms; /* Time never goes back (R9). */
    while (!err) {
        err = souk_batch_next(&batch, &step);
        if (!err && step.class == SOUK_STEP_END) return SOUK_OK;
        if (!err && step.class != SOUK_STEP_OUTSTANDING) err = SOUK_ERR_CORRUPT;
        if (err) break;
        err = souk_recovery_keep(r, &step);
        if (err) return err;
    }
    return souk_recovery_fault(r, err, "the checkpoint's table of shard %u cannot be read: %s", shard,
                               souk_err_text(err));
}

/* Those of the marker's checkpoint are taken; later ones are of one that came to nothing, and the next marker removes
 * them. Earlier ones are gone. */
static souk_err
note_table(struct souk_recovery *r, uint64_t number, const struct souk_head *head, uint32_t shard)
{
    uint8_t name[SOUK_TABLE_NAME];
    void *value;
    size_t length;
    if (head->checkpoint < r->marker.number) return SOUK_OK;
    souk_keeper_note_table(r->p, (struct souk_table_place){ number, head->checkpoint, shard });
    if (head->checkpoint > r->marker.number) return SOUK_OK;
    souk_table_name(name, number, shard);
    souk_err err = read_value(r, (struct souk_bytes){ name, sizeof name }, &value, &length, "a checkpoint's table");
    if (err) return err;
    err = take_table(r, (struct souk_bytes){ value, length }, shard);
    free(value);
    r->tables++;
    return err;
}

/* By their ids. */
static int
earlier(const void *a, const void *b)
{
    const struct souk_id *x = &(*(struct souk_message *const *)a)->id, *y = &(*(struct souk_message *const *)b)->id;
    if (x->position != y->position) return x->position < y->position ? -1 : 1;
    return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* ---- The heads, from the last to the first. ---- */

static souk_err
take_head(struct souk_recovery *r, uint64_t number, const struct souk_head *head)
{
    enum { AHEAD = 12 };
    struct souk_checkpoint *c = &r->p->checkpoint;
    souk_err err = SOUK_OK;
    for (uint32_t i = 0; i < head->rows && !err; i++) {
        struct souk_index_row row = souk_head_row(head, i);
        if (i + AHEAD < head->rows) {
            souk_ref soon = souk_head_row(head, i + AHEAD).actor;
            souk_shard_file_soon(souk_shard_of(r->p, soon.key), soon.kind, soon.key);
        }
        if (row.position > head->position)
            return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault has a snapshot from beyond what was durable");
        err = note_row(r, &row);
        c->rows++;
        c->sum += souk_index_sum(&row);
        r->marker.rows -= number <= r->marker.head;
        r->marker.sum -= number <= r->marker.head ? souk_index_sum(&row) : 0;
    }
    for (uint32_t i = 0; i < head->tables && !err; i++) err = note_table(r, number, head, souk_head_table(head, i));
    if (head->checkpoint > c->number) c->number = head->checkpoint;
    SOUK_RECOVERY_PUSH(r, seen, ((struct souk_seen){ head->position, head->link }));
    return err;
}

static souk_err
read_head(struct souk_recovery *r, uint64_t number, uint64_t *before)
{
    uint8_t name[SOUK_HEAD_NAME];
    struct souk_head head;
    void *value;
    size_t length;
    souk_head_name(name, number);
    souk_err err = read_value(r, (struct souk_bytes){ name, sizeof name }, &value, &length, "a part of its index");
    if (err) return err;
    if (!souk_head_read((struct souk_bytes){ value, length }, &head) || head.before >= number)
        err = souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault's index cannot be read at %llu",
                                  (unsigned long long)number);
    if (!err) err = take_head(r, number, &head);
    *before = err ? 0 : head.before;
    free(value);
    return err;
}

/* The rows up to the marker are taken off its count and its sum, so that nothing must be left of either. */
static souk_err
read_heads(struct souk_recovery *r)
{
    struct souk_checkpoint *c = &r->p->checkpoint;
    uint8_t name[SOUK_SNAPSHOT_NAME];
    size_t length = 0;
    souk_err err = r->p->vault->ops->last(r->p->vault, (struct souk_bytes){ "c", 1 }, name, sizeof name, &length);
    if (!err) err = souk_head_parse_name((struct souk_bytes){ name, length }, &c->head) ? SOUK_OK : SOUK_ERR_CORRUPT;
    if (err && err != SOUK_ERR_MISSING)
        return souk_recovery_fault(r, err, "the vault's last head cannot be read: %s", souk_err_text(err));
    c->number = r->marker.number;
    atomic_store(&c->names, c->head); /* Or a row's, where two workers' have changed places. */
    err = c->head < r->marker.head ? SOUK_ERR_CORRUPT : SOUK_OK;
    for (uint64_t number = c->head; number && !err;) err = read_head(r, number, &number);
    if (!err && (r->marker.rows || r->marker.sum || r->tables != r->marker.tables)) err = SOUK_ERR_CORRUPT;
    if (err == SOUK_ERR_CORRUPT && r->why && !*r->why)
        return souk_recovery_fault(r, err, "the vault is not whole: its marker speaks of more than is there");
    c->young[0] = c->young[1] = atomic_load(&c->names);
    return err;
}

souk_err
souk_restore(struct souk_recovery *r)
{
    souk_err err = read_marker(r);
    if (err || r->outdated) return err;
    err = read_heads(r);
    if (r->sent_count) qsort(r->sent, r->sent_count, sizeof *r->sent, earlier);
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
