/* SPDX-License-Identifier: Apache-2.0 */
/* work/wake.c -- actors that wait for their state, or for their pause to end, and actors that leave no trace. Called by
 * slice.c and fault.c, on the thread that holds the shard. */
#include "work/fault.h"

/* Its snapshot has told all but the state, which its kind of today cannot read: the keeper makes that of its events. */
static void
remake(struct souk_worker *w, struct souk_shard *shard, struct souk_cell *cell, struct souk_message *m)
{
    cell->broken = false;
    cell->loading = cell->rebuilding = cell->dirty = true;
    souk_shard_note(shard, cell);
    shard->rebuilding++;
    m->dep = cell->position;
    souk_keeper_rebuild(w, m);
}

/* The snapshot of a sleeping actor has come: it wakes, and what waited for it goes first. */
void
souk_slice_wake(struct souk_worker *w, struct souk_shard *shard, struct souk_message *m)
{
    struct souk_cell *cell = souk_cell_find(&shard->directory, m->to.kind, m->to.key);
    souk_assert(cell && cell->loading);
    cell->loading = false;
    struct souk_bytes snapshot = { m->body, m->length };
    if (m->ending == SOUK_DEAD) {
        cell->broken = true;
    } else if (cell->rebuilding) {
        if (m->ending == SOUK_DONE) cell->broken = !souk_snapshot_restore(cell, snapshot);
        else souk_state_clear(cell->kind, cell->state);
    } else {
        cell->broken = m->ending == SOUK_DONE && !souk_snapshot_read(cell, snapshot, w->heap);
        cell->dirty = false;
    }
    bool newer = cell->broken && m->ending == SOUK_DONE && souk_snapshot_newer(cell->kind, snapshot);
    if (cell->broken && m->ending == SOUK_DONE && !newer && !cell->rebuilding && cell->position) {
        remake(w, shard, cell, m);
        return;
    }
    bool told = cell->rebuilding && m->ending == SOUK_DEAD; /* By the keeper, who knows more. */
    if (cell->broken && !told)
        souk_fault_quarantine(&cell->identity, NULL, newer ? "for a newer program wrote its snapshot"
                                                           : "for its snapshot cannot be read");
    if (cell->broken) souk_shard_note(shard, cell); /* What it could not take must stay to be read. */
    if (cell->rebuilding) shard->rebuilding--;
    cell->rebuilding = false;
    souk_message_free(w->heap, m);
    souk_slice_release(w, cell);
}

void
souk_slice_release(struct souk_worker *w, struct souk_cell *cell)
{
    if (cell->loading || cell->parked) return;
    struct souk_fifo waiting = cell->waiting;
    cell->waiting = (struct souk_fifo){ NULL, NULL };
    if (!waiting.head) return;
    waiting.tail->next = w->local.head;
    if (!w->local.head) w->local.tail = waiting.tail;
    w->local.head = waiting.head;
}

/* An actor that was only asked, or refused, and never did anything leaves no trace. */
void
souk_slice_forget(struct souk_worker *w, struct souk_shard *shard, struct souk_cell *cell)
{
    if (cell->loading || cell->position || cell->stamp == w->slice.stamp) return;
    if (cell->asked || cell->waiting.head || cell->broken) return; /* One that has asked is in slice->opened. */
    w->slice.turn.cell = NULL;
    souk_shard_pass_over(cell);
    souk_kind_count(&w->slice.tally[cell->kind->number].lives, (uint64_t)-1);
    souk_cell_free(&shard->directory, &shard->arena, cell);
    atomic_fetch_sub_explicit(&w->partition->actors, 1, memory_order_relaxed);
}
