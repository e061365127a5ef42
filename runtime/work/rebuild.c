/* SPDX-License-Identifier: Apache-2.0 */
/* work/rebuild.c -- the state of one actor, made anew from its snapshot and the journal, after a turn has spoilt it
 * (DURABILITY R5). Called by keeper.c, on the keeper's thread, beside workers and journal.
 *
 * The actor is parked meanwhile, so its state at `dep`, the last batch that has something of it, is what it must get
 * back. The journal from the marker's `low` on has all that no snapshot vouches for; so it is read from there, or from
 * after the actor's snapshot, if that is later. A snapshot whose state the kind cannot read any more is as good as
 * none: then all that has happened to the actor is read, as long as the journal has its beginning. */
#include "work/checkpoint.h"
#include "work/fault.h"
#include "work/past.h"
#include "work/walk.h"

#include <stdlib.h>

struct rebuild {
    struct souk_partition *p;
    struct souk_past past;
    uint64_t name;        /* Its snapshot's; 0: it has none. */
    uint64_t from, until; /* The positions that are still to be read. */
};

static souk_err
read_vault(struct rebuild *r, struct souk_bytes name, void **value, size_t *length)
{
    *value = NULL;
    *length = 0;
    souk_err err = r->p->vault->ops->get(r->p->vault, name, value, length);
    return err == SOUK_ERR_MISSING ? SOUK_OK : err;
}

/* The snapshot is of a state that the kind of today cannot read: what it says of asks and positions counts for nothing,
 * and the journal must be read from its first batch on. */
static souk_err
begin_anew(struct rebuild *r)
{
    uint64_t first, last;
    souk_err err = r->p->journal->ops->bounds(r->p->journal, &first, &last);
    r->past.cell->asks_count = 0;
    r->past.cell->snapshot = r->past.cell->position = 0;
    r->from = 1;
    return err ? err : first == 1 ? SOUK_OK : SOUK_ERR_CORRUPT;
}

/* From where the journal must be read. */
static souk_err
read_snapshot(struct rebuild *r)
{
    struct souk_cell *cell = r->past.cell;
    uint8_t name[SOUK_SNAPSHOT_NAME];
    struct souk_marker marker = { 0 };
    bool old;
    void *value;
    size_t length;
    souk_err err = read_vault(r, (struct souk_bytes){ "m", 1 }, &value, &length);
    if (!err && value) err = souk_marker_read((struct souk_bytes){ value, length }, &marker, &old);
    free(value);
    if (err) return err;
    r->from = marker.low ? marker.low : 1; /* Not its position: an actor that was set apart then was not cut. */
    if (!r->name) return SOUK_OK;          /* It has none: then all of it is from there on. */
    souk_snapshot_name(name, r->name, cell->kind->number, cell->key);
    err = read_vault(r, (struct souk_bytes){ name, sizeof name }, &value, &length);
    if (!err && !value) err = SOUK_ERR_CORRUPT;
    bool unread = !err && !souk_snapshot_read(cell, (struct souk_bytes){ value, length }, r->past.arena.heap);
    free(value);
    if (unread) return begin_anew(r);
    if (cell->snapshot >= r->from) r->from = cell->snapshot + 1;
    return err;
}

static souk_err
read_batch(void *arg, struct souk_batch_reader *batch, size_t length SOUK_UNUSED)
{
    struct rebuild *r = arg;
    return batch->position >= r->from ? souk_past_batch(&r->past, batch) : SOUK_OK;
}

static souk_err
rebuild(struct rebuild *r)
{
    struct souk_walk walk = { .until = r->until, .unchained = true, .batch = read_batch, .arg = r };
    souk_err err = read_snapshot(r);
    if (err || r->from > r->until) return err;
    err = r->p->journal->ops->read(r->p->journal, r->from, souk_walk_group, &walk);
    return err == SOUK_ERR_CLOSED ? SOUK_OK : err;
}

struct souk_message *
souk_rebuild(struct souk_partition *p, const struct souk_message *wanted)
{
    struct rebuild r = { .p = p, .name = wanted->due_ms, .until = wanted->dep };
    struct souk_past *past = &r.past;
    souk_past_open(past, p->keeper_heap, p->kinds[wanted->to.kind], wanted->to.key);
    souk_err err = rebuild(&r);
    if (err == SOUK_ERR_IO) souk_partition_fail(p, err); /* Not the actor's fault: see keeper.c. */
    else if (err && !past->failed) souk_fault_quarantine(&past->cell->identity, NULL, souk_err_text(err));
    else if (past->failed)
        souk_fault_quarantine(&past->cell->identity, &past->catch, "for its events cannot be applied");
    size_t length = err || past->failed ? 0 : souk_snapshot_size(past->cell);
    struct souk_message *m = souk_message_new(p->keeper_heap, SOUK_LOADED, length);
    m->to = wanted->to;
    m->ending = length ? SOUK_DONE : SOUK_DEAD;
    if (length) souk_snapshot_write(past->cell, m->body, length);
    souk_past_close(past);
    return m;
}

void
souk_rebuild_now(struct souk_partition *p, struct souk_cell *cell, uint64_t name)
{
    struct souk_message wanted = { .to = { cell->kind->number, cell->key }, .dep = cell->position, .due_ms = name };
    cell->broken = !cell->position; /* Not even its head was sound. */
    if (cell->broken) {
        souk_fault_quarantine(&cell->identity, NULL, "for its snapshot cannot be read");
        return;
    }
    struct souk_message *m = souk_rebuild(p, &wanted);
    cell->broken = m->ending != SOUK_DONE || !souk_snapshot_restore(cell, (struct souk_bytes){ m->body, m->length });
    cell->dirty = true;
    souk_message_free(p->keeper_heap, m);
}
