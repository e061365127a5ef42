/* SPDX-License-Identifier: Apache-2.0 */
/* work/fault.c -- what follows when a turn of an event-sourced actor fails; see fault.h.
 *
 * Only the turn is dropped: what it wrote into the batch goes, all before it stands. If it failed in decide, the state
 * is as it was. If it failed while the state was being changed, that is thrown away, and the keeper makes it anew from
 * the snapshot and the journal once this batch, the last that may hold something of the actor, is durable. Messages for
 * the actor wait meanwhile, in their order.
 *
 * A message that is the journal's is tried again after a pause, SOUK_ATTEMPTS times in all, and the actor takes nothing
 * else meanwhile: so the order between each pair of actors holds. How often it has been tried is written into the batch
 * that it failed in. What is from outside, or from a volatile actor, is not kept, so it is not tried again either. */
#include "work/fault.h"

#include "base/mutant.h"
#include "work/dead.h"

#include <stdio.h>

enum { RETRY_MS = 100 }; /* Before the second attempt; twice as long before each later one. */

void
souk_fault_tell(struct souk_worker *w, const struct souk_identity *actor)
{
    const struct souk_catch *c = &w->slice.catch;
    souk_kind_count(&w->slice.tally[actor->kind->number].faults, 1);
    souk_watch_fault(w);
    /* Not more often than ten times a second: whoever fails in a storm shall not also fill the disk. */
    if (w->fault_told_ms && w->slice.now_ms - w->fault_told_ms < 100) return;
    w->fault_told_ms = w->slice.now_ms;
    fprintf(stderr, "souk: a turn of %s %016llx%016llx failed: %s%s%s\n", actor->kind->name,
            (unsigned long long)actor->key.high, (unsigned long long)actor->key.low, c->what ? c->what : "SOUK_FAILED",
            c->file ? " at " : "", c->file ? c->file : "");
}

void
souk_fault_quarantine(const struct souk_identity *actor, const struct souk_catch *c, const char *what)
{
    bool bug = c && c->what;
    fprintf(stderr, "souk: %s %016llx%016llx is set apart, %s%s%s%s%s: all that is said to it is dead\n",
            actor->kind->name, (unsigned long long)actor->key.high, (unsigned long long)actor->key.low, what,
            bug ? ": " : "", bug ? c->what : "", bug ? " at " : "", bug ? c->file : "");
}

/* Whether the message is the journal's to keep. An outcome that has no id comes back as long as its ask is open. */
static bool
is_kept(const struct souk_message *m)
{
    if (m->class == SOUK_REQUEST) return false;
    return m->in_batch || m->id.position || m->class == SOUK_OUTCOME;
}

void
souk_fault_bury(struct souk_worker *w, struct souk_cell *cell, struct souk_message *m)
{
    if (!is_kept(m) || m->to.kind == SOUK_DEAD_KIND) { /* Whose own failures it tells nobody: no end. */
        souk_turn_refuse(&w->slice, cell, m, SOUK_DEAD, 0);
        return;
    }
    struct dead_letters_keep body;
    souk_kind_count(&w->slice.tally[cell->kind->number].letters, 1);
    souk_turn_bury(&w->slice, cell, m, souk_dead_letters(w->slice.secret), &dead_letters_keep_command, souk_dead_fill,
                   &body);
}

/* The actor takes nothing more until its pause is over; the message will be the first. */
static void
park(struct souk_worker *w, struct souk_shard *shard, struct souk_cell *cell, struct souk_message *m)
{
    cell->parked = true;
    souk_fifo_push(&cell->waiting, m); /* Before it stand only queries, which overtake nobody. */
    souk_shard_note(shard, cell);
    struct souk_message *retry = souk_message_new(w->heap, SOUK_RETRY, 0);
    retry->to = (souk_ref){ cell->kind->number, cell->key };
    retry->due_ms = w->slice.now_ms + ((uint64_t)RETRY_MS << (m->attempts - 1));
    souk_shard_wake(shard, w->heap, retry);
    if (!m->in_batch && !m->id.position) return;
    if (w->attempts_count == w->attempts_room) {
        uint32_t room = w->attempts_room ? 2 * w->attempts_room : 16;
        w->attempts = souk_heap_grow(w->heap, w->attempts, w->attempts_room * sizeof *w->attempts,
                                     room * sizeof *w->attempts);
        w->attempts_room = room;
    }
    w->attempts[w->attempts_count++] = m;
}

static void
spoil(struct souk_worker *w, struct souk_shard *shard, struct souk_cell *cell)
{
    struct souk_message *wanted = souk_message_new(w->heap, SOUK_LOADED, 0);
    wanted->to = (souk_ref){ cell->kind->number, cell->key };
    souk_fifo_push(&w->rebuilds, wanted);
    cell->loading = cell->rebuilding = true;
    shard->rebuilding++;
}

void
souk_fault_turn(struct souk_worker *w)
{
    struct souk_turn *turn = &w->slice.turn;
    struct souk_cell *cell = turn->cell;
    struct souk_message *m = turn->message;
    struct souk_shard *shard = souk_shard_of(w->partition, cell->key);
    bool spoilt = turn->changes;
    souk_fault_tell(w, &cell->identity);
    if (cell->traced) souk_watch_trace(w, SOUK_FAILED);
    w->slice.catch.what = w->slice.catch.file = NULL;
    souk_turn_undo(turn);
    if (spoilt && !souk_mutant(KEEP_SPOILT)) spoil(w, shard, cell);
    if (is_kept(m) && ++m->attempts < SOUK_ATTEMPTS) park(w, shard, cell, m);
    else souk_fault_bury(w, cell, m);
    souk_slice_forget(w, shard, cell);
}

bool
souk_fault_condemned(const struct souk_partition *p, const struct souk_message *m)
{
    const struct souk_page_entry *e;
    if (!souk_fault_unrecorded(m)) return false;
    for (unsigned i = 0; (e = souk_page_entry(p->page, i)); i++)
        if (e->position == SOUK_PAGE_ASK && e->aborts >= SOUK_PAGE_ABORTS && e->ordinal == m->asker.number &&
            e->kind == m->to.kind && souk_key_equal(e->key, m->to.key)) return true;
    return false;
}

void
souk_fault_caught(struct souk_worker *w)
{
    if (w->slice.turn.live) souk_lives_caught(w);
    else souk_fault_turn(w);
}

void
souk_fault_retry(struct souk_worker *w, struct souk_shard *shard, struct souk_message *m)
{
    struct souk_cell *cell = souk_cell_find(&shard->directory, m->to.kind, m->to.key);
    souk_assert(cell && (cell->parked || souk_mutant(OVERTAKE))); /* With what waits, he stays. */
    souk_message_free(w->heap, m);
    cell->parked = false;
    souk_slice_release(w, cell);
}

void
souk_fault_record(struct souk_worker *w)
{
    for (uint32_t i = 0; i < w->attempts_count; i++) {
        const struct souk_message *m = w->attempts[i];
        struct souk_id id = { m->in_batch ? 0 : m->id.position, m->id.ordinal };
        if (!souk_mutant(FORGET_ATTEMPTS)) souk_batch_attempt(&w->slice.batch, w->heap, id, m->attempts);
    }
    w->attempts_count = 0;
}

void
souk_fault_rebuild(struct souk_worker *w)
{
    for (struct souk_message *m; (m = souk_fifo_pop(&w->rebuilds));) {
        struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
        const struct souk_cell *cell = souk_cell_find(&shard->directory, m->to.kind, m->to.key);
        m->dep = cell->position;
        m->ending = SOUK_LATE; /* As of an actor that has no snapshot. */
        if (cell->position) souk_keeper_rebuild(w, m);
        else souk_worker_deliver(w, m);
    }
}
