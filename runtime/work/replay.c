/* SPDX-License-Identifier: Apache-2.0 */
/* work/replay.c -- recovery's walk through the journal: events are applied to whoever's snapshot is older than they
 * are, sends are kept until a turn names them as its cause, asks are opened and closed.
 *
 * Everything is checked on the way: the walk's own checks, and that this history is the one that the checkpoint saw, at
 * its marker and wherever a put of snapshots noted the journal's end (R6). */
#include "base/mutant.h"
#include "work/recovery.h"

#include <stdio.h>

static souk_err
damaged(struct souk_recovery *r, const char *what, uint64_t position)
{
    return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the journal is damaged: %s at position %llu", what,
                               (unsigned long long)position);
}

/* ---- The steps of a batch. ---- */

static void
consume(struct souk_recovery *r, struct souk_id id)
{
    struct souk_message *m = souk_recovery_sent(r, id);
    if (m && !souk_mutant(SKIP_DEDUP)) m->class = 0; /* Consumed. */
}

/* A turn that took the message has failed. Never more often than it may be tried: then it would have been given up. */
static void
count_attempt(struct souk_recovery *r, const struct souk_step *step)
{
    struct souk_message *m = souk_recovery_sent(r, step->cause);
    if (m) m->attempts = step->number < SOUK_ATTEMPTS ? step->number & 3 : SOUK_ATTEMPTS - 1;
}

static void
close_ask(struct souk_recovery *r, const struct souk_recovering *e, uint32_t number, bool replays)
{
    struct souk_open_ask *ask = replays ? souk_cell_ask(e->cell, number) : NULL;
    if (ask) souk_cell_ask_remove(e->cell, ask);
    for (size_t i = r->calls_count; i-- > 0;) {
        const souk_asker *asker = &r->calls[i]->asker;
        if (asker->number != number || asker->kind != e->ref.kind || !souk_key_equal(asker->key, e->ref.key)) continue;
        r->calls[i] = r->calls[--r->calls_count];
        return;
    }
}

/* The next actor of the batch's dictionary. */
static souk_err
name_actor(struct souk_recovery *r, const struct souk_step *step, uint64_t position)
{
    struct souk_recovering e = { .ref = { step->kind, step->key } };
    struct souk_shard *shard = souk_shard_of(r->p, step->key);
    e.cell = souk_cell_find(&shard->directory, step->kind, step->key);
    souk_err err = SOUK_OK;
    uint64_t snapshot = position;
    if (!e.cell) (void)souk_shard_filed(shard, step->kind, step->key, &snapshot);
    if (snapshot < position)
        err = souk_recovery_wake(r, step->kind, step->key, &e.cell);
    if (!err) SOUK_RECOVERY_PUSH(r, entries, e);
    return err;
}

static souk_err
apply(struct souk_recovery *r, struct souk_cell *cell, const struct souk_step *step, uint64_t position)
{
    cell->broken = !souk_turn_replay_caught(cell, &r->scratch, step->tag, step->body, &r->catch);
    souk_err err = cell->broken ? souk_recovery_knows_event(r, &cell->identity, step->tag, position) : SOUK_OK;
    if (err) return err;
    if (cell->broken) souk_fault_quarantine(&cell->identity, &r->catch, "for its events cannot be applied");
    r->catch.what = NULL;
    return SOUK_OK;
}

/* What a step means for its actor. */
static souk_err
take_step(struct souk_recovery *r, struct souk_recovering *e, const struct souk_step *step, uint64_t position)
{
    struct souk_cell *cell = e->cell;
    bool replays = cell && position > cell->snapshot && !cell->broken;
    if (step->class == SOUK_STEP_TURN) {
        if (step->time_ms > r->last_ms) r->last_ms = step->time_ms;
        if (step->cause.position) consume(r, step->cause);
    } else if (step->class == SOUK_STEP_CLOSED) {
        close_ask(r, e, step->number, replays);
    }
    souk_err err = SOUK_OK;
    if (!replays) return SOUK_OK;
    if (step->class == SOUK_STEP_EVENT) {
        err = apply(r, cell, step, position);
    } else if (step->class == SOUK_STEP_OPENED) {
        souk_cell_ask_add(cell, r->p->heap, (struct souk_open_ask){ step->number, step->tag, step->due_ms, true });
        if (step->number > cell->asked) cell->asked = step->number;
    }
    cell->position = position;
    cell->dirty = true;
    souk_shard_note(souk_shard_of(r->p, cell->key), cell);
    return err;
}

/* Up to the marker's position, what was sent and is outstanding is in the checkpoint's tables. */
static souk_err
keep_send(struct souk_recovery *r, const struct souk_step *step)
{
    return step->send.id.position > r->marker.position ? souk_recovery_keep(r, step) : SOUK_OK;
}

static souk_err
replay_batch(struct souk_recovery *r, struct souk_batch_reader *batch)
{
    size_t actor = SIZE_MAX; /* Whose events follow. */
    struct souk_step step;
    r->entries_count = 0;
    for (;;) {
        souk_err err = souk_batch_next(batch, &step);
        if (err) return damaged(r, "a batch that cannot be read", batch->position);
        switch (step.class) {
        case SOUK_STEP_END:
            return SOUK_OK;
        case SOUK_STEP_ACTOR:
        case SOUK_STEP_SEND:
            err = step.class == SOUK_STEP_SEND ? keep_send(r, &step) : name_actor(r, &step, batch->position);
            if (err) return err;
            continue;
        case SOUK_STEP_ATTEMPT:
            count_attempt(r, &step);
            continue;
        case SOUK_STEP_DEAD: /* Its TURN has consumed it. */
            continue;
        case SOUK_STEP_OUTSTANDING:
            return damaged(r, "a step of a checkpoint", batch->position);
        case SOUK_STEP_TURN:
        case SOUK_STEP_OPENED:
        case SOUK_STEP_CLOSED:
            actor = step.actor;
            break;
        case SOUK_STEP_EVENT:
            break;
        }
        if (actor >= r->entries_count) return damaged(r, "a step of nobody", batch->position);
        err = take_step(r, &r->entries[actor], &step, batch->position);
        if (err) return err;
    }
}

/* ---- The journal. ---- */

/* Whether the history up to here is the one that the checkpoint saw. */
static bool
is_another(struct souk_recovery *r, const struct souk_batch_reader *batch)
{
    if (batch->position == r->marker.position && !souk_link_equal(batch->link, r->marker.link)) return true;
    for (; r->seen_count && r->seen[r->seen_count - 1].position <= batch->position; r->seen_count--) {
        const struct souk_seen *seen = &r->seen[r->seen_count - 1];
        if (seen->position == batch->position && !souk_link_equal(seen->link, batch->link)) return true;
    }
    return false;
}

/* Says how far it is, once a second. */
static void
tell_progress(struct souk_recovery *r)
{
    enum { SECOND = 1000000000 };
    const struct souk_world *world = r->p->world;
    uint64_t now = world->monotonic_ns(world->self);
    if (now - r->told_ns < SECOND || r->last <= r->from) return;
    r->told_ns = now;
    uint64_t done = r->walk.next > r->from ? r->walk.next - r->from : 0, all = r->last - r->from;
    fprintf(stderr, "souk: recovering: %llu%% of the journal since the last checkpoint, %llu MiB, after %llu s\n",
            (unsigned long long)(done < all ? done * 100 / all : 100), (unsigned long long)r->bytes >> 20,
            (unsigned long long)(now - r->began_ns) / SECOND);
}

static souk_err
read_batch(void *arg, struct souk_batch_reader *batch, size_t length)
{
    struct souk_recovery *r = arg;
    if (is_another(r, batch)) return damaged(r, "another history than the checkpoint's", batch->position);
    if (batch->time_ms > r->last_ms) r->last_ms = batch->time_ms;
    r->bytes += length;
    return batch->position >= r->from ? replay_batch(r, batch) : SOUK_OK;
}

static souk_err
read_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct souk_recovery *r = arg;
    souk_err err = souk_walk_group(&r->walk, first, bytes);
    if (err && r->walk.why)
        return err == SOUK_ERR_VERSION
                   ? souk_recovery_fault(r, err, "the journal has %s, at position %llu", r->walk.why,
                                         (unsigned long long)r->walk.at)
                   : damaged(r, r->walk.why, r->walk.at);
    tell_progress(r);
    return err;
}

souk_err
souk_replay(struct souk_recovery *r, uint64_t *end)
{
    struct souk_journal *journal = r->p->journal;
    uint64_t first_group;
    r->walk = (struct souk_walk){ .batch = read_batch, .arg = r };
    souk_err err = journal->ops->bounds(journal, &first_group, &r->last);
    if (err) return err;
    r->from = r->marker.low ? r->marker.low : 1;
    if (first_group > r->from) return damaged(r, "its beginning is not there, it begins", first_group);
    if (first_group) err = journal->ops->read(journal, r->from, read_group, r);
    if (err) return err;
    *end = r->walk.next ? r->walk.next - 1 : 0;
    if (r->marker.position > *end) return damaged(r, "it ends before the checkpoint", *end);
    if (r->seen_count || r->newest > *end) return damaged(r, "it ends before a snapshot", *end);
    return SOUK_OK;
}
