/* SPDX-License-Identifier: Apache-2.0 */
/* work/rebuild.c -- the state of one actor, made anew from its snapshot and the journal, after a turn has spoilt it
 * (DURABILITY R5). Called by keeper.c, on the keeper's thread, beside workers and journal.
 *
 * The actor is parked meanwhile, so its state at `dep`, the last batch that has something of it, is what it must get
 * back. What a checkpoint's marker vouches for is in the actor's snapshot, if it has one; so the journal is read from
 * after the later of the two. */
#include "work/fault.h"

#include <stdlib.h>

struct rebuild {
    struct souk_partition *p;
    struct souk_arena arena;
    struct souk_directory alone; /* It has only the one. */
    struct souk_cell *cell;
    uint64_t from, until;        /* The positions that are still to be read. */
    struct souk_scratch scratch;
    struct souk_catch catch;
    bool failed;
};

static souk_err
read_vault(struct rebuild *r, struct souk_bytes name, void **value, size_t *length)
{
    *value = NULL;
    *length = 0;
    souk_err err = r->p->vault->ops->get(r->p->vault, name, value, length);
    return err == SOUK_ERR_MISSING ? SOUK_OK : err;
}

/* From where the journal must be read. */
static souk_err
read_snapshot(struct rebuild *r)
{
    uint8_t name[SOUK_SNAPSHOT_NAME];
    struct souk_marker marker = { 0 };
    void *value;
    size_t length;
    souk_err err = read_vault(r, (struct souk_bytes){ "m", 1 }, &value, &length);
    if (!err && value && !souk_marker_read((struct souk_bytes){ value, length }, &marker)) err = SOUK_ERR_CORRUPT;
    free(value);
    if (err) return err;
    souk_snapshot_name(name, r->cell->kind->number, r->cell->key);
    err = read_vault(r, (struct souk_bytes){ name, sizeof name }, &value, &length);
    if (!err && value && !souk_snapshot_read(r->cell, (struct souk_bytes){ value, length }, r->arena.heap))
        err = SOUK_ERR_CORRUPT;
    free(value);
    r->from = 1 + (marker.position > r->cell->snapshot ? marker.position : r->cell->snapshot);
    return err;
}

/* The steps of the actor in one batch. */
static souk_err
read_batch(struct rebuild *r, struct souk_batch_reader *batch)
{
    enum { NOBODY = UINT32_MAX };
    uint32_t actors = 0, own = NOBODY, actor = NOBODY;
    for (struct souk_step step;;) {
        souk_err err = souk_batch_next(batch, &step);
        if (err || step.class == SOUK_STEP_END) return err;
        if (step.class == SOUK_STEP_ACTOR) {
            if (step.kind == r->cell->kind->number && souk_key_equal(step.key, r->cell->key)) own = actors;
            actors++;
            continue;
        }
        if (step.class == SOUK_STEP_TURN || step.class == SOUK_STEP_OPENED || step.class == SOUK_STEP_CLOSED)
            actor = step.actor;
        else if (step.class != SOUK_STEP_EVENT) continue;
        if (actor == NOBODY || actor != own) continue;
        r->cell->position = batch->position;
        if (step.class != SOUK_STEP_EVENT) continue;
        if (!souk_turn_replay_caught(r->cell, &r->scratch, step.tag, step.body, &r->catch)) {
            r->failed = true;
            return SOUK_ERR_CLOSED; /* No need to read on. */
        }
    }
}

static souk_err
read_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct rebuild *r = arg;
    struct souk_link previous;
    uint32_t count;
    (void)first;
    if (!souk_group_open(bytes, &count, &previous)) return SOUK_ERR_CORRUPT;
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER;
    size_t left = bytes.length - SOUK_GROUP_HEADER;
    for (; count; count--) {
        struct souk_batch_reader batch;
        size_t length;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ at, left }, NULL, &length);
        if (!err && batch.position > r->until) return SOUK_ERR_CLOSED;
        if (!err && batch.position >= r->from) err = read_batch(r, &batch);
        if (err) return err;
        at += length;
        left -= length;
    }
    return SOUK_OK;
}

static souk_err
rebuild(struct rebuild *r)
{
    souk_err err = read_snapshot(r);
    if (err || r->from > r->until) return err;
    err = r->p->journal->ops->read(r->p->journal, r->from, read_group, r);
    return err == SOUK_ERR_CLOSED ? SOUK_OK : err;
}

struct souk_message *
souk_rebuild(struct souk_partition *p, const struct souk_message *wanted)
{
    souk_heap *heap = p->keeper_heap;
    struct rebuild r = { .p = p, .arena = { heap }, .until = wanted->dep };
    uint8_t *memory = souk_heap_alloc(heap, SOUK_SCRATCH_BYTES);
    r.scratch = (struct souk_scratch){ memory, memory + SOUK_SCRATCH_BYTES };
    r.cell = souk_cell_new(&r.alone, &r.arena, p->kinds[wanted->to.kind], wanted->to.key);
    souk_err err = rebuild(&r);
    if (err && !r.failed) souk_fault_quarantine(&r.cell->identity, NULL, souk_err_text(err));
    else if (r.failed) souk_fault_quarantine(&r.cell->identity, &r.catch, "for its events cannot be applied");
    size_t length = err || r.failed ? 0 : souk_snapshot_size(r.cell);
    struct souk_message *m = souk_message_new(heap, SOUK_LOADED, length);
    m->to = wanted->to;
    m->ending = length ? SOUK_DONE : SOUK_DEAD;
    if (length) souk_snapshot_write(r.cell, m->body, length);
    souk_cell_free(&r.alone, &r.arena, r.cell);
    souk_heap_free(heap, r.alone.slot, r.alone.slots * sizeof *r.alone.slot);
    souk_heap_free(heap, memory, SOUK_SCRATCH_BYTES);
    return m;
}
