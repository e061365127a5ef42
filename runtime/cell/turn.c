/* SPDX-License-Identifier: Apache-2.0 */
/* cell/turn.c -- one actor takes one message; see turn.h. Called by whoever runs the shard. */
#include "cell/turn.h"

#include <stdio.h>

uint32_t
souk_slice_actor(struct souk_slice *slice, struct souk_cell *cell)
{
    if (cell->stamp != slice->stamp) {
        SOUK_ROOM_FOR_ONE(slice, cells);
        cell->stamp = slice->stamp;
        cell->index = slice->cells_count;
        slice->cells[slice->cells_count++] = cell;
        souk_batch_actor(&slice->batch, slice->heap, cell->kind->number, cell->key);
    }
    return cell->index;
}

void
souk_turn_record(souk_turn *turn)
{
    if (turn->recorded) return;
    struct souk_slice *slice = turn->slice;
    turn->new_entry = turn->cell->stamp != slice->stamp;
    uint32_t actor = souk_slice_actor(slice, turn->cell);
    struct souk_id cause = turn->message->in_batch ? (struct souk_id){ 0, 0 } : turn->message->id;
    souk_batch_turn(&slice->batch, slice->heap, actor, cause, slice->now_ms - slice->began_ms);
    turn->recorded = true;
    turn->events_mark = slice->batch.length;
}

/* ---- The turn. ---- */

/* Drops all that a refused turn had written, opened and sent. */
static void
undo(souk_turn *turn)
{
    struct souk_slice *slice = turn->slice;
    struct souk_cell *cell = turn->cell;
    slice->batch.length = turn->mark;
    if (turn->new_entry) {
        cell->stamp = 0;
        slice->cells_count--;
    }
    turn->recorded = turn->new_entry = turn->passed_on = false;
    turn->events = 0;
    turn->answer = (struct souk_bytes){ NULL, 0 };
    while (slice->sends_count > turn->sends_mark) souk_message_free(slice->heap, slice->sends[--slice->sends_count]);
    slice->opened_count = turn->opened_mark;
    cell->asks_count = turn->asks_mark;
    cell->asked = turn->asked_mark;
}

void
souk_turn_undo(souk_turn *turn)
{
    struct souk_slice *slice = turn->slice;
    undo(turn);
    slice->batch.length = turn->began;
    while (slice->cells_count > turn->cells_mark) slice->cells[--slice->cells_count]->stamp = 0;
    if (turn->closes) souk_cell_ask_add(turn->cell, slice->heap, slice->closed);
    turn->closes = false;
}

/* Applies what the turn emitted, from the bytes that will be journalled. */
static void
apply(souk_turn *turn)
{
    struct souk_slice *slice = turn->slice;
    struct souk_cell *cell = turn->cell;
    const uint8_t *batch = slice->batch.at;
    turn->changes = true;
    struct souk_batch_reader r = { .at = batch + turn->events_mark, .end = batch + slice->batch.length };
    for (uint32_t i = 0; i < turn->events; i++) {
        struct souk_step step;
        souk_err err = souk_batch_next(&r, &step);
        souk_assert(!err && step.class == SOUK_STEP_EVENT);
        slice->catch.armed = true;
        bool applied = souk_turn_replay(cell, &slice->scratch, step.tag, step.body);
        souk_assert(applied);
        slice->catch.armed = false;
    }
    slice->catch.armed = true;
    cell->kind->check(cell->state);
    slice->catch.armed = false;
    cell->changed = true;
    slice->counts.events += turn->events;
}

bool
souk_turn_replay(struct souk_cell *cell, struct souk_scratch *scratch, uint32_t tag, struct souk_bytes body)
{
    const uint8_t *at = body.at;
    struct souk_scratch before = *scratch;
    struct souk_reader in = { .at = at, .end = at + body.length, .scratch = scratch };
    bool applied = cell->kind->apply(cell->state, tag, &in);
    *scratch = before;
    return applied;
}

bool
souk_turn_replay_caught(struct souk_cell *cell, struct souk_scratch *scratch, uint32_t tag, struct souk_bytes body,
                        struct souk_catch *catch)
{
    souk_panic_catch(catch);
    bool applied = false;
    if (!_setjmp(catch->jump)) {
        catch->armed = true;
        applied = souk_turn_replay(cell, scratch, tag, body);
        catch->armed = false;
    } else {
        applied = false;
    }
    souk_panic_catch(NULL);
    return applied;
}

/* The answer of a request goes out of the partition, when it is durable. */
static void
answer_request(struct souk_slice *slice, const struct souk_message *m, enum souk_ending ending, souk_verdict refusal,
               struct souk_bytes body)
{
    struct souk_message *answer = souk_message_new(slice->heap, SOUK_ANSWER, body.length);
    answer->origin = m->origin;
    answer->ticket = m->ticket;
    answer->ending = (uint8_t)ending;
    answer->refusal = refusal;
    if (body.length) memcpy(answer->body, body.at, body.length);
    slice->exit(slice->self, answer);
}

void
souk_turn_answer(souk_turn *turn, const struct souk_message *m, enum souk_ending ending, souk_verdict refusal)
{
    if (m->class == SOUK_REQUEST) answer_request(turn->slice, m, ending, refusal, turn->answer);
    if (m->class != SOUK_ASK) return;
    struct souk_message *outcome = souk_turn_send(turn, SOUK_OUTCOME, (souk_ref){ m->asker.kind, m->asker.key }, 0,
                                                  turn->answer.length);
    outcome->asker = m->asker;
    outcome->ending = (uint8_t)ending;
    outcome->refusal = refusal;
    if (turn->answer.length) memcpy(outcome->body, turn->answer.at, turn->answer.length);
    if (outcome->in_batch) outcome->asks = m->in_batch ? m->asks : NULL;
}

/* The ask whose outcome is in hand is over. The row that handles it; 0 when it was over before. One that comes out of
 * the dead letters says itself who handles it. */
static uint32_t
close_ask(souk_turn *turn)
{
    const struct souk_message *m = turn->message;
    struct souk_slice *slice = turn->slice;
    struct souk_cell *cell = turn->cell;
    struct souk_open_ask *ask = souk_cell_ask(cell, m->asker.number);
    if (!ask) return m->tag;
    slice->closed = *ask;
    turn->closes = true;
    if (ask->durable) {
        uint32_t actor = souk_slice_actor(slice, cell);
        souk_batch_closed(&slice->batch, slice->heap, actor, ask->number);
    }
    souk_cell_ask_remove(cell, ask);
    turn->mark = slice->batch.length; /* That it is closed stands, whatever decide says. */
    turn->asks_mark = cell->asks_count;
    return slice->closed.reply;
}

/* Lets decide speak. For an outcome: only if it is the first of its ask. */
static souk_verdict
decide(souk_turn *turn)
{
    const struct souk_message *m = turn->message;
    struct souk_slice *slice = turn->slice;
    struct souk_cell *cell = turn->cell;
    struct souk_reader in = { .at = m->body, .end = m->body + m->length, .scratch = &slice->scratch };
    souk_verdict verdict;
    if (m->class != SOUK_OUTCOME) {
        slice->catch.armed = true;
        verdict = cell->kind->decide(cell->state, m->tag, &in, NULL, turn);
        slice->catch.armed = false;
        return verdict;
    }
    uint32_t tag = close_ask(turn);
    if (!tag) return SOUK_ACCEPT; /* It had its outcome before: too late. */
    if (m->ending == SOUK_LATE) slice->counts.late++;
    struct souk_outcome outcome = { .ask = m->asker.number, .ending = (enum souk_ending)m->ending,
                                    .refusal = m->refusal, .body = { m->body, m->length } };
    souk_at_tag(slice, tag | SOUK_AT_REPLY);
    slice->catch.armed = true;
    verdict = cell->kind->decide(cell->state, tag, &in, &outcome, turn);
    slice->catch.armed = false;
    return verdict;
}

static bool
run_query(souk_turn *turn, struct souk_message *m)
{
    struct souk_slice *slice = turn->slice;
    struct souk_reader in = { .at = m->body, .end = m->body + m->length, .scratch = &slice->scratch };
    slice->catch.armed = true;
    souk_at_tag(slice, m->tag | SOUK_AT_QUERY);
    souk_verdict verdict = turn->cell->kind->answer(turn->cell->state, m->tag, &in, turn);
    slice->catch.armed = false;
    if (verdict == SOUK_FAILED) return false;
    if (turn->cell->traced) slice->trace(slice->self, verdict);
    if (verdict == SOUK_WAIT) {
        if (m->due_ms > slice->now_ms) souk_fifo_push(&turn->cell->waiting, m);
        else souk_message_free(slice->heap, m); /* Its asker has been told LATE by his own clock. */
        return true;
    }
    souk_turn_answer(turn, m, verdict == SOUK_ACCEPT ? SOUK_DONE : SOUK_REFUSED, verdict);
    souk_message_free(slice->heap, m);
    return true;
}

/* The message is consumed: it survives no batch, and if an earlier batch sent it, this one says that it is done. */
static void
consume(souk_turn *turn, struct souk_message *m)
{
    if (m->in_batch) turn->slice->sends[m->slot] = NULL;
    else if (m->id.position) souk_turn_record(turn);
    souk_message_free(turn->slice->heap, m);
}

void
souk_turn_tell(const void *what, char *out, size_t size)
{
    const struct souk_slice *slice = what;
    const struct souk_cell *cell = slice->turn.cell;
    const struct souk_identity *actor = cell ? &cell->identity : slice->turn.live ? &slice->turn.live->identity : NULL;
    if (!actor) return;
    snprintf(out, size, "in a turn of %s %016llx%016llx, last changed at journal position %llu", actor->kind->name,
             (unsigned long long)actor->key.high, (unsigned long long)actor->key.low,
             (unsigned long long)(cell ? cell->position : 0));
}

/* Begins the slice's turn anew. */
static inline void
begin(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *m)
{
    slice->turn = (struct souk_turn){
        .slice = slice, .cell = cell, .message = m, .mark = slice->batch.length, .sends_mark = slice->sends_count,
        .opened_mark = slice->opened_count, .asks_mark = cell->asks_count, .asked_mark = cell->asked,
        .began = slice->batch.length, .cells_mark = slice->cells_count,
    };
    slice->scratch = (struct souk_scratch){ slice->scratch_memory, slice->scratch_memory + SOUK_SCRATCH_BYTES };
    if (m->time_ms > slice->now_ms) slice->now_ms = m->time_ms;
    if (m->dep > slice->dep) slice->dep = m->dep;
}

/* What the turn sent goes on its way. */
static void
route(souk_turn *turn, uint32_t last)
{
    struct souk_slice *slice = turn->slice;
    for (uint32_t i = turn->sends_mark; i < last; i++) {
        slice->counts.messages++;
        slice->route(slice->self, slice->sends[i]);
    }
}

bool
souk_turn_run(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *m)
{
    souk_turn *turn = &slice->turn;
    begin(slice, cell, m);
    souk_at_actor(slice, cell->kind, cell->key);
    souk_at_turn(slice, m);
    if (m->is_query) return run_query(turn, m);
    souk_verdict verdict = decide(turn);
    if (verdict == SOUK_FAILED) return false;
    if (verdict == SOUK_ACCEPT || verdict == SOUK_LATER) {
        if (turn->events) apply(turn);
        if (verdict == SOUK_ACCEPT && !turn->passed_on) souk_turn_answer(turn, m, SOUK_DONE, SOUK_ACCEPT);
    } else {
        undo(turn);
        slice->counts.refusals++;
        souk_kind_count(&slice->tally[cell->kind->number].refusals, 1);
        if (verdict == SOUK_MALFORMED || verdict == SOUK_UNKNOWN) slice->counts.malformed++;
        souk_turn_answer(turn, m, SOUK_REFUSED, verdict);
    }
    uint32_t last = slice->sends_count;
    if (cell->traced) slice->trace(slice->self, verdict);
    consume(turn, m);
    route(turn, last);
    return true;
}

void
souk_turn_refuse(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *m, enum souk_ending ending,
                 souk_verdict refusal)
{
    souk_turn *turn = &slice->turn;
    begin(slice, cell, m);
    souk_turn_answer(turn, m, ending, refusal);
    uint32_t last = slice->sends_count;
    consume(turn, m);
    route(turn, last);
}

void
souk_turn_bury(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *m, souk_ref letter,
               const struct souk_row *row, void (*fill)(const struct souk_message *message, void *body), void *body)
{
    souk_turn *turn = &slice->turn;
    begin(slice, cell, m);
    if (m->class == SOUK_OUTCOME) {
        m->tag = close_ask(turn); /* So that it can be taken out of the dead letters, after its ask is closed. */
        if (!m->tag) { /* It was over before. */
            consume(turn, m);
            return;
        }
    }
    souk_turn_answer(turn, m, SOUK_DEAD, 0);
    fill(m, body);
    struct souk_message *told = souk_turn_send(turn, SOUK_TELL, letter, row->tag, row->layout->encoded(body));
    souk_assert(row->layout->put(told->body, body) == told->body + told->length);
    souk_turn_record(turn);
    souk_batch_dead(&slice->batch, slice->heap, m->attempts);
    uint32_t last = slice->sends_count;
    consume(turn, m);
    route(turn, last);
}
