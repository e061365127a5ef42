/* SPDX-License-Identifier: Apache-2.0 */
/* work/close.c -- how a slice ends: it becomes a batch, takes its position, is published, and lets go of its shards.
 *
 * In that order (R1): whoever sees anything of it, in a message or in a shard, takes a later position for what he does.
 * Called by slice.c, on the worker's thread. */
#include "base/mutant.h"
#include "work/fault.h"
#include "world/rare.h"

/* Sends that the batch did not consume itself go on record, and get their ids. */
static void
record_sends(struct souk_worker *w)
{
    struct souk_slice *s = &w->slice;
    uint32_t ordinal = 0;
    for (uint32_t i = 0; i < s->sends_count; i++) {
        struct souk_message *m = s->sends[i];
        if (!m) continue;
        if (m->class == SOUK_REQUEST) { /* Passed on: a request is not the journal's to keep. */
            s->sends[i] = NULL;
            m->in_batch = false;
            m->id = (struct souk_id){ 0, 0 };
            continue;
        }
        m->id.ordinal = ordinal++;
        if (souk_mutant(FORGET_SENDS) && m->class == SOUK_OUTCOME) continue;
        souk_batch_send(&s->batch, w->heap, m);
    }
}

static void
record_opened(struct souk_worker *w)
{
    struct souk_slice *s = &w->slice;
    for (uint32_t i = 0; i < s->opened_count; i++) {
        struct souk_cell *cell = s->opened[i].cell;
        struct souk_open_ask *ask = souk_cell_ask(cell, s->opened[i].number);
        if (!ask) continue;
        ask->durable = true;
        uint32_t actor = souk_slice_actor(s, cell);
        souk_batch_opened(&s->batch, w->heap, actor, ask->number, ask->reply, ask->due_ms);
        souk_shard_deadline(souk_shard_of(w->partition, cell->key), w->heap,
                            (souk_ref){ cell->kind->number, cell->key }, ask->number, ask->due_ms);
    }
}

/* Takes the batch's position and fills its place in the ring (R1). */
static uint64_t
enqueue(struct souk_worker *w)
{
    struct souk_partition *p = w->partition;
    struct souk_slice *s = &w->slice;
    size_t length = s->batch.length;
    uint64_t position = atomic_fetch_add(&p->position, 1) + 1;
    souk_meanwhile(p->world);
    souk_batch_seal(&s->batch, (uint16_t)w->number, position, s->began_ms);
    struct souk_ring_place *place = &p->ring[position % SOUK_RING];
    struct souk_batch empty = place->batch;
    place->batch = s->batch;
    s->batch = empty;
    atomic_fetch_add_explicit(&p->backlog_bytes, length, memory_order_relaxed);
    atomic_store(&place->position, position); /* release: pairs with the acquire in commit.c collect() */
    souk_tally_up(w, SOUK_N_BATCHES, 1);
    souk_tally_up(w, SOUK_N_BATCH_BYTES, length);
    return position;
}

/* What the batch's position means for messages, actors and exits. */
static void
settle(struct souk_worker *w, uint64_t position)
{
    struct souk_slice *s = &w->slice;
    if (position) s->dep = position;
    for (uint32_t i = 0; i < s->sends_count; i++) {
        struct souk_message *m = s->sends[i];
        if (!m) continue;
        m->id.position = m->dep = position;
        m->in_batch = false;
        if (m->class != SOUK_CALL) continue;
        souk_shard_call(souk_shard_of(w->partition, m->asker.key), w->heap, m);
        souk_fifo_push(&w->exits_now, m);
    }
    for (uint32_t i = 0; i < s->cells_count; i++) {
        s->cells[i]->position = position;
        s->cells[i]->dirty = true;
        souk_shard_note(souk_shard_of(w->partition, s->cells[i]->key), s->cells[i]);
        souk_cell_asks_trim(s->cells[i], w->heap);
    }
    if (s->dep > w->exits_dep) w->exits_dep = s->dep;
    for (struct souk_message *m; (m = souk_fifo_pop(&w->exits_now));) {
        if (m->dep > w->exits_dep) w->exits_dep = m->dep; /* Of one that had no turn. */
        m->dep = w->exits_dep;
        souk_fifo_push(&w->exits, m);
    }
}

static void
publish(struct souk_worker *w)
{
    for (unsigned i = 0; i < w->outgoing_count; i++) {
        struct souk_shard *shard = &w->partition->shards[w->outgoing_list[i]];
        struct souk_fifo *chain = &w->outgoing[shard->number];
        uint32_t count = 0;
        for (struct souk_message *m = chain->head; m; m = m->next, count++)
            if (m->dep < w->slice.dep) m->dep = w->slice.dep;
        souk_tally_up(w, SOUK_N_ACROSS, count);
        /* relaxed: a measure; who takes them out may even come before. */
        if ((int32_t)(atomic_fetch_add_explicit(&shard->inflow, count, memory_order_relaxed) + count) > SOUK_AHEAD_MAX)
            souk_lives_pause(w, shard);
        souk_mailbox_push(&shard->mailbox, chain->head, chain->tail);
        *chain = (struct souk_fifo){ NULL, NULL };
        uint32_t idle = SOUK_SHARD_IDLE; /* Sequentially consistent: the pusher's half of Dekker, see partition.h. */
        if (atomic_compare_exchange_strong(&shard->state, &idle, SOUK_SHARD_QUEUED)) souk_ready_put(w->ready, shard);
    }
    if (w->outgoing_count) atomic_fetch_add(&w->partition->published, 1); /* Before let_go(): see drain_held(). */
    w->outgoing_count = w->outgoing_messages = 0;
}

/* What the slice did not get to goes back in front of its shards' backlog. */
static void
give_back(struct souk_worker *w)
{
    struct souk_message *reversed = NULL;
    for (struct souk_message *m; (m = souk_fifo_pop(&w->local));) {
        m->next = reversed;
        reversed = m;
    }
    while (reversed) {
        struct souk_message *m = reversed;
        reversed = m->next;
        struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
        m->next = shard->backlog.head;
        shard->backlog.head = m;
        if (!shard->backlog.tail) shard->backlog.tail = m;
        shard->backlog_count++;
    }
    souk_lives_leave(w);
}

static void
let_go(struct souk_worker *w, struct souk_shard *shard)
{
    struct souk_partition *p = w->partition;
    unsigned n = shard->number;
    if (w->slice.dep > shard->dep) shard->dep = w->slice.dep;
    shard->now_ms = w->slice.now_ms;
    w->holds[n] = false;
    if (atomic_load_explicit(&p->checkpoint.cutting, memory_order_acquire)) souk_shard_cut(w, shard);
    if (!souk_mutant(RELEASE_EARLY)) souk_shard_trim(w, shard); /* Which would free what that one still uses. */
    w->due[n] = souk_wheel_next(&shard->wheel);
    if (w->due[n] < w->due_min) w->due_min = w->due[n];
    souk_tally_up(w, SOUK_N_DEPTH, (uint64_t)shard->backlog_count - shard->backlog_told); /* The sum is a gauge. */
    shard->backlog_told = shard->backlog_count;
    if (shard->probes.head) souk_probe_shard(w, shard);
    if (shard->backlog.head || souk_lives_wait(shard) || !souk_mailbox_empty(&shard->mailbox)) {
        atomic_store(&shard->state, SOUK_SHARD_QUEUED); /* release: pairs with the acquire in take_shard() */
        souk_ready_put(w->ready, shard);
        return;
    }
    struct souk_mailbox *box = &shard->mailbox;
    atomic_store(&shard->state, SOUK_SHARD_IDLE); /* Sequentially consistent: the holder's half of Dekker. */
    souk_meanwhile(p->world);
    uint32_t idle = SOUK_SHARD_IDLE;
    if (atomic_load(&box->tail) != souk_mailbox_stub(box) && /* Whoever has taken the shard since sees to it himself. */
        atomic_compare_exchange_strong(&shard->state, &idle, SOUK_SHARD_QUEUED))
        souk_ready_put(w->ready, shard);
}

/* Whether messages wait in its shards. */
static bool
is_behind(const struct souk_worker *w)
{
    bool behind = w->local.head;
    for (unsigned i = 0; i < w->held_count; i++) behind |= w->held[i]->backlog.head != NULL;
    return behind;
}

static void
let_go_all(struct souk_worker *w)
{
    for (unsigned i = 0; i < w->held_count; i++) let_go(w, w->held[i]);
    w->held_count = 0;
}

static void
count(struct souk_worker *w)
{
    struct souk_turn_counts *c = &w->slice.counts;
    souk_tally_up(w, SOUK_N_EVENTS, c->events);
    souk_tally_up(w, SOUK_N_REFUSALS, c->refusals);
    souk_tally_up(w, SOUK_N_MALFORMED, c->malformed);
    souk_tally_up(w, SOUK_N_MESSAGES, c->messages);
    souk_tally_up(w, SOUK_N_ASKS, c->asks);
    souk_tally_up(w, SOUK_N_LATE, c->late);
    souk_tally_up(w, SOUK_N_EXPIRED, c->expired);
    *c = (struct souk_turn_counts){ 0 };
}

void
souk_slice_close(struct souk_worker *w)
{
    souk_at_nobody(&w->slice);
    record_sends(w);
    if (w->attempts_count) souk_fault_record(w);
    record_opened(w);
    souk_lives_set_deadlines(w);
    if (souk_mutant(RELEASE_EARLY) && !is_behind(w)) let_go_all(w);
    settle(w, w->slice.batch.length > SOUK_BATCH_HEADER ? enqueue(w) : 0);
    souk_meanwhile(w->partition->world);
    if (w->rebuilds.head) souk_fault_rebuild(w);
    give_back(w);
    publish(w);
    souk_meanwhile(w->partition->world);
    let_go_all(w);
    count(w);
    if (w->exits.head) atomic_store(&w->has_exits, true); /* seq_cst: pairs with tell_workers() in commit.c */
}
