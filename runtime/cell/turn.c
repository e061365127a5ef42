/* SPDX-License-Identifier: Apache-2.0 */
/* cell/turn.c -- one actor takes one message; see turn.h. Called by whoever runs the shard. */
#include "cell/turn.h"

#include "base/mutant.h"
#include "base/panic.h"

#include <stdio.h>

struct souk_turn {
    struct souk_slice *slice;
    struct souk_cell *cell;
    const struct souk_message *message;
    bool recorded;   /* The batch has its TURN. */
    bool new_entry;  /* This turn put the cell into the dictionary. */
    bool passed_on;  /* By souk_forward: somebody else answers. */
    uint32_t events; /* How many it emitted. */
    size_t mark, events_mark; /* The batch's length before the turn, and after its TURN. */
    uint32_t sends_mark, opened_mark, asks_mark, asked_mark;
    struct souk_bytes answer; /* In scratch. */
};

#define ROOM_FOR_ONE(slice, list)                                                                          \
    do {                                                                                                   \
        if ((slice)->list##_count == (slice)->list##_room) {                                               \
            uint32_t room = (slice)->list##_room ? 2 * (slice)->list##_room : 64;                          \
            (slice)->list = souk_heap_grow((slice)->heap, (slice)->list,                                   \
                (slice)->list##_room * sizeof *(slice)->list, room * sizeof *(slice)->list);               \
            (slice)->list##_room = room;                                                                   \
        }                                                                                                  \
    } while (0)

uint32_t
souk_slice_actor(struct souk_slice *slice, struct souk_cell *cell)
{
    if (cell->stamp != slice->stamp) {
        ROOM_FOR_ONE(slice, cells);
        cell->stamp = slice->stamp;
        cell->index = slice->cells_count;
        slice->cells[slice->cells_count++] = cell;
        souk_batch_actor(&slice->batch, slice->heap, cell->kind->number, cell->key);
    }
    return cell->index;
}

/* Writes the TURN once something of this turn must be on record. */
static void
record(souk_turn *turn)
{
    if (turn->recorded) return;
    struct souk_slice *slice = turn->slice;
    turn->new_entry = turn->cell->stamp != slice->stamp;
    uint32_t actor = souk_slice_actor(slice, turn->cell);
    souk_batch_turn(&slice->batch, slice->heap, actor, turn->message->id, slice->now_ms - slice->began_ms);
    turn->recorded = true;
    turn->events_mark = slice->batch.length;
}

/* ---- The verbs. ---- */

void
souk_emit_(souk_turn *turn, const struct souk_row *row, const void *body)
{
    souk_assert(row->class == SOUK_EVENT && row->kind == turn->cell->kind->number);
    record(turn);
    size_t length = row->layout->encoded(body);
    uint8_t *at = souk_batch_event(&turn->slice->batch, turn->slice->heap, row->tag, length);
    souk_assert(row->layout->put(at, body) == at + length);
    turn->events++;
}

/* A new message of this turn, not yet routed. */
static struct souk_message *
send(souk_turn *turn, enum souk_message_class class, souk_ref to, uint32_t tag, size_t length)
{
    struct souk_slice *slice = turn->slice;
    struct souk_message *m = souk_message_new(slice->heap, class, length);
    m->to = to;
    m->tag = tag;
    m->time_ms = slice->now_ms;
    m->in_batch = true;
    m->slot = slice->sends_count;
    ROOM_FOR_ONE(slice, sends);
    slice->sends[slice->sends_count++] = m;
    return m;
}

static struct souk_message *
send_row(souk_turn *turn, enum souk_message_class class, souk_ref to, const struct souk_row *row, const void *body)
{
    souk_assert(row->class == SOUK_COMMAND && row->kind == to.kind && !souk_key_none(to.key));
    size_t length = row->layout->encoded(body);
    struct souk_message *m = send(turn, class, to, row->tag, length);
    souk_assert(row->layout->put(m->body, body) == m->body + length);
    return m;
}

void
souk_tell_(souk_turn *turn, souk_ref to, const struct souk_row *row, const void *body)
{
    send_row(turn, SOUK_TELL, to, row, body);
}

static souk_asker
open_ask(souk_turn *turn, uint32_t reply, uint32_t within_ms)
{
    struct souk_cell *cell = turn->cell;
    struct souk_slice *slice = turn->slice;
    struct souk_open_ask ask = { ++cell->asked, reply, slice->now_ms + within_ms, false };
    souk_cell_ask_add(cell, slice->heap, ask);
    ROOM_FOR_ONE(slice, opened);
    slice->opened[slice->opened_count++] = (struct souk_opened){ cell, ask.number };
    slice->counts.asks++;
    return (souk_asker){ cell->key, cell->kind->number, ask.number };
}

uint32_t
souk_ask_(souk_turn *turn, souk_ref to, uint32_t reply, uint32_t within_ms, const struct souk_row *row,
          const void *body)
{
    struct souk_message *m = send_row(turn, SOUK_ASK, to, row, body);
    m->asker = open_ask(turn, reply, within_ms);
    m->asks = turn->cell;
    return m->asker.number;
}

void
souk_forward_(souk_turn *turn, souk_ref to, const struct souk_row *row, const void *body)
{
    const struct souk_message *m = turn->message;
    souk_assert(!turn->passed_on);
    bool asked = m->class == SOUK_ASK || m->class == SOUK_REQUEST;
    struct souk_message *passed = send_row(turn, asked ? m->class : SOUK_TELL, to, row, body);
    passed->asker = m->asker;
    passed->asks = m->in_batch ? m->asks : NULL;
    passed->ticket = m->ticket;
    passed->origin = m->origin;
    passed->due_ms = m->due_ms;
    turn->passed_on = true;
}

void
souk_wake_(souk_turn *turn, uint64_t delay_ms, const struct souk_row *row, const void *body)
{
    send_row(turn, SOUK_WAKE, souk_self(turn), row, body)->due_ms = turn->slice->now_ms + delay_ms;
}

uint32_t
souk_call_(souk_turn *turn, const struct souk_port *port, souk_key key, uint32_t reply, uint32_t within_ms,
           const struct souk_layout *layout, const void *body)
{
    struct souk_text name = souk_text_of(layout->name);
    size_t name_size = souk_size_text(&name), length = layout->encoded(body);
    souk_assert(!souk_key_none(key));
    if (souk_mutant(KEY_ANEW)) key.low += souk_hash_mix(turn->slice->now_ms);
    struct souk_message *m = send(turn, SOUK_CALL, (souk_ref){ port->number, key }, reply, name_size + length);
    souk_assert(layout->put(souk_put_text(m->body, &name), body) == m->body + m->length);
    m->due_ms = turn->slice->now_ms + within_ms;
    m->asker = open_ask(turn, reply, within_ms);
    return m->asker.number;
}

static struct souk_bytes
encode_to_scratch(struct souk_slice *slice, const struct souk_layout *layout, const void *record)
{
    size_t length = layout->encoded(record);
    struct souk_reader in = { .scratch = &slice->scratch };
    uint8_t *at = souk_scratch_take_(&in, 1, length);
    souk_assert(at);
    souk_assert(layout->put(at, record) == at + length);
    return (struct souk_bytes){ at, length };
}

void
souk_answer_(souk_turn *turn, const struct souk_layout *layout, const void *record)
{
    souk_assert(!turn->answer.at);
    turn->answer = encode_to_scratch(turn->slice, layout, record);
}

void
souk_view_(const souk_turn *turn, const struct souk_layout *layout, const void *view)
{
    ((souk_turn *)(uintptr_t)turn)->answer = encode_to_scratch(turn->slice, layout, view);
}

static struct souk_message *
send_outcome(souk_turn *turn, souk_asker asker, enum souk_ending ending, souk_verdict refusal, struct souk_bytes body)
{
    struct souk_message *m = send(turn, SOUK_OUTCOME, (souk_ref){ asker.kind, asker.key }, 0, body.length);
    m->asker = asker;
    m->ending = (uint8_t)ending;
    m->refusal = refusal;
    if (body.length) memcpy(m->body, body.at, body.length);
    return m;
}

void
souk_answer_later_(souk_turn *turn, souk_asker asker, souk_verdict verdict, const struct souk_layout *layout,
                   const void *record)
{
    if (!asker.kind) return;
    bool done = verdict == SOUK_ACCEPT;
    struct souk_bytes body = done ? encode_to_scratch(turn->slice, layout, record) : (struct souk_bytes){ NULL, 0 };
    send_outcome(turn, asker, done ? SOUK_DONE : SOUK_REFUSED, verdict, body);
}

uint64_t
souk_now_ms(const souk_turn *turn)
{
    return turn->slice->now_ms;
}

souk_ref
souk_self(const souk_turn *turn)
{
    return (souk_ref){ turn->cell->kind->number, turn->cell->key };
}

souk_asker
souk_turn_asker(const souk_turn *turn)
{
    return turn->message->class == SOUK_ASK ? turn->message->asker : (souk_asker){ { 0, 0 }, 0, 0 };
}

souk_key
souk_key_of(const souk_turn *turn, struct souk_text id)
{
    return souk_hash_key(turn->slice->secret, id.at, id.length);
}

souk_key
souk_key_pair(const souk_turn *turn, souk_key first, souk_key second)
{
    return souk_hash_pair(turn->slice->secret, first, second);
}

void *
souk_turn_scratch(const souk_turn *turn, size_t bytes)
{
    struct souk_reader in = { .scratch = &turn->slice->scratch };
    void *at = souk_scratch_take_(&in, 1, bytes);
    souk_assert(at);
    return at;
}

bool
souk_outcome_read_(souk_turn *turn, const struct souk_outcome *outcome, const struct souk_layout *layout, void *out)
{
    if (outcome->ending != SOUK_DONE || !outcome->body.length) return false;
    const uint8_t *at = outcome->body.at;
    struct souk_reader in = { .at = at, .end = at + outcome->body.length, .scratch = &turn->slice->scratch };
    return layout->get(&in, out);
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

/* Applies what the turn emitted, from the bytes that will be journalled. */
static void
apply(souk_turn *turn)
{
    struct souk_slice *slice = turn->slice;
    struct souk_cell *cell = turn->cell;
    const uint8_t *batch = slice->batch.at;
    struct souk_batch_reader r = { .at = batch + turn->events_mark, .end = batch + slice->batch.length };
    for (uint32_t i = 0; i < turn->events; i++) {
        struct souk_step step;
        souk_err err = souk_batch_next(&r, &step);
        souk_assert(!err && step.class == SOUK_STEP_EVENT);
        souk_assert(souk_turn_replay(cell, &slice->scratch, step.tag, step.body));
    }
    cell->kind->check(cell->state);
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

static void
answer_asker(souk_turn *turn, enum souk_ending ending, souk_verdict refusal)
{
    const struct souk_message *m = turn->message;
    if (m->class == SOUK_ASK)
        send_outcome(turn, m->asker, ending, refusal, turn->answer)->asks = m->in_batch ? m->asks : NULL;
    else if (m->class == SOUK_REQUEST) answer_request(turn->slice, m, ending, refusal, turn->answer);
}

/* Lets decide speak. For an outcome: only if it is the first of its ask. */
static souk_verdict
decide(souk_turn *turn)
{
    const struct souk_message *m = turn->message;
    struct souk_slice *slice = turn->slice;
    struct souk_cell *cell = turn->cell;
    struct souk_reader in = { .at = m->body, .end = m->body + m->length, .scratch = &slice->scratch };
    if (m->class != SOUK_OUTCOME) return cell->kind->decide(cell->state, m->tag, &in, NULL, turn);

    struct souk_open_ask *ask = souk_cell_ask(cell, m->asker.number);
    if (!ask) return SOUK_ACCEPT; /* It had its outcome before: too late. */
    uint32_t reply = ask->reply;
    if (ask->durable) {
        uint32_t actor = souk_slice_actor(slice, cell);
        souk_batch_closed(&slice->batch, slice->heap, actor, ask->number);
    }
    souk_cell_ask_remove(cell, ask);
    turn->mark = slice->batch.length; /* That it is closed stands, whatever decide says. */
    turn->asks_mark = cell->asks_count;
    if (m->ending == SOUK_LATE) slice->counts.late++;
    struct souk_outcome outcome = { m->asker.number, (enum souk_ending)m->ending, m->refusal, { m->body, m->length } };
    return cell->kind->decide(cell->state, reply, &in, &outcome, turn);
}

static void
run_query(souk_turn *turn, struct souk_message *m)
{
    struct souk_slice *slice = turn->slice;
    struct souk_reader in = { .at = m->body, .end = m->body + m->length, .scratch = &slice->scratch };
    souk_verdict verdict = turn->cell->kind->answer(turn->cell->state, m->tag, &in, turn);
    if (verdict == SOUK_WAIT) {
        if (m->due_ms > slice->now_ms) souk_fifo_push(&turn->cell->waiting, m);
        else souk_message_free(slice->heap, m); /* Its asker has been told LATE by his own clock. */
        return;
    }
    answer_asker(turn, verdict == SOUK_ACCEPT ? SOUK_DONE : SOUK_REFUSED, verdict);
    souk_message_free(slice->heap, m);
}

/* The message is consumed: it survives no batch, and if an earlier batch sent it, this one says that it is done. */
static void
consume(souk_turn *turn, struct souk_message *m)
{
    if (m->in_batch) turn->slice->sends[m->slot] = NULL;
    else if (m->id.position) record(turn);
    souk_message_free(turn->slice->heap, m);
}

/* For a panic inside a turn. */
static void
tell_cell(const void *what, char *out, size_t size)
{
    const struct souk_cell *cell = what;
    snprintf(out, size, "in a turn of %s %016llx%016llx, last changed at journal position %llu", cell->kind->name,
             (unsigned long long)cell->key.high, (unsigned long long)cell->key.low, (unsigned long long)cell->position);
}

void
souk_turn_run(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *m)
{
    struct souk_turn turn = {
        .slice = slice, .cell = cell, .message = m, .mark = slice->batch.length, .sends_mark = slice->sends_count,
        .opened_mark = slice->opened_count, .asks_mark = cell->asks_count, .asked_mark = cell->asked,
    };
    slice->scratch = (struct souk_scratch){ slice->scratch_memory, slice->scratch_memory + SOUK_SCRATCH_BYTES };
    if (m->time_ms > slice->now_ms) slice->now_ms = m->time_ms;
    if (m->dep > slice->dep) slice->dep = m->dep;
    slice->counts.turns++;
    souk_panic_teller(tell_cell, cell);
    if (m->is_query) {
        run_query(&turn, m);
        return;
    }
    souk_verdict verdict = decide(&turn);
    if (verdict == SOUK_ACCEPT || verdict == SOUK_LATER) {
        if (turn.events) apply(&turn);
        if (verdict == SOUK_ACCEPT && !turn.passed_on) answer_asker(&turn, SOUK_DONE, SOUK_ACCEPT);
    } else {
        undo(&turn);
        slice->counts.refusals++;
        if (verdict == SOUK_MALFORMED || verdict == SOUK_UNKNOWN) slice->counts.malformed++;
        answer_asker(&turn, SOUK_REFUSED, verdict);
    }
    uint32_t last = slice->sends_count;
    consume(&turn, m);
    for (uint32_t i = turn.sends_mark; i < last; i++) {
        slice->counts.messages++;
        slice->route(slice->self, slice->sends[i]);
    }
}

void
souk_turn_refuse(struct souk_slice *slice, struct souk_cell *cell, struct souk_message *m, enum souk_ending ending,
                 souk_verdict refusal)
{
    struct souk_turn turn = { .slice = slice, .cell = cell, .message = m };
    if (m->time_ms > slice->now_ms) slice->now_ms = m->time_ms;
    if (m->dep > slice->dep) slice->dep = m->dep;
    uint32_t mark = slice->sends_count;
    answer_asker(&turn, ending, refusal);
    uint32_t last = slice->sends_count;
    consume(&turn, m);
    if (last > mark) slice->route(slice->self, slice->sends[mark]);
}
