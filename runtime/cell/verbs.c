/* SPDX-License-Identifier: Apache-2.0 */
/* cell/verbs.c -- the verbs of souk/actor.h, for turns of event-sourced and of volatile actors alike.
 *
 * What a turn of an event-sourced actor sends stands among the sends of its batch until that closes (R2); what one of a
 * volatile actor sends hangs on the turn alone. Either is dropped when the turn is refused. */
#include "cell/live.h"
#include "cell/turn.h"

#include "base/mutant.h"

/* Whose turn it is. */
static const struct souk_identity *
me(const souk_turn *turn)
{
    return turn->live ? &turn->live->identity : &turn->cell->identity;
}

uint8_t *
souk_emit_(souk_turn *turn, const struct souk_row *row, size_t length)
{
    souk_assert(turn->cell && row->class == SOUK_EVENT && row->kind == turn->cell->kind->number);
    souk_turn_record(turn);
    turn->events++;
    return souk_batch_event(&turn->slice->batch, turn->slice->heap, row->tag, length);
}

/* A message of a volatile actor's turn. */
static inline struct souk_message *
send_live(souk_turn *turn, enum souk_message_class class, souk_ref to, uint32_t tag, size_t length)
{
    struct souk_message *m = souk_message_new(turn->slice->heap, class, length);
    m->to = to;
    m->tag = tag;
    m->time_ms = turn->slice->now_ms;
    m->lane = turn->lane;
    souk_fifo_push(&turn->out, m);
    return m;
}

struct souk_message *
souk_turn_send(souk_turn *turn, enum souk_message_class class, souk_ref to, uint32_t tag, size_t length)
{
    struct souk_slice *slice = turn->slice;
    souk_assert(length <= SOUK_BODY_MAX);
    if (turn->live) return send_live(turn, class, to, tag, length);
    struct souk_message *m = souk_message_new(slice->heap, class, length);
    m->to = to;
    m->tag = tag;
    m->time_ms = slice->now_ms;
    m->in_batch = true;
    m->slot = slice->sends_count;
    m->lane = (uint8_t)turn->cell->key.low;
    SOUK_ROOM_FOR_ONE(slice, sends);
    slice->sends[slice->sends_count++] = m;
    return m;
}

static struct souk_message *
send_row(souk_turn *turn, enum souk_message_class class, souk_ref to, const struct souk_row *row, size_t length)
{
    souk_assert(row->class == SOUK_COMMAND && (row->kind == to.kind || !to.kind));
    return souk_turn_send(turn, class, to, row->tag, length);
}

uint8_t *
souk_tell_(souk_turn *turn, uint32_t kind, souk_key key, const struct souk_row *row, size_t length)
{
    if (turn->live && length <= SOUK_BODY_MAX && row->kind == kind)
        return send_live(turn, SOUK_TELL, (souk_ref){ kind, key }, row->tag, length)->body;
    return send_row(turn, SOUK_TELL, (souk_ref){ kind, key }, row, length)->body;
}

/* A new ask of an event-sourced actor. */
static souk_asker
open_ask(souk_turn *turn, uint32_t reply, uint32_t within_ms)
{
    struct souk_cell *cell = turn->cell;
    struct souk_slice *slice = turn->slice;
    struct souk_open_ask ask = { ++cell->asked, reply, slice->now_ms + within_ms, false };
    souk_cell_ask_add(cell, slice->heap, ask);
    SOUK_ROOM_FOR_ONE(slice, opened);
    slice->opened[slice->opened_count++] = (struct souk_opened){ cell, ask.number };
    slice->counts.asks++;
    return (souk_asker){ cell->key, cell->kind->number, ask.number };
}

uint8_t *
souk_ask_(souk_turn *turn, uint32_t kind, souk_key key, uint32_t reply, uint32_t within_ms,
          const struct souk_row *row, size_t length, uint32_t *number)
{
    struct souk_message *m = send_row(turn, SOUK_ASK, (souk_ref){ kind, key }, row, length);
    m->due_ms = turn->slice->now_ms + within_ms;
    if (turn->live) {
        uint64_t asked_ms = souk_due_ms(turn);
        if (asked_ms && asked_ms < m->due_ms) m->due_ms = asked_ms;
        m->asker.number = souk_live_ask(turn, SOUK_OPEN_ASK, (souk_ref){ kind, key }, reply, m->due_ms);
        m->asker.key = turn->live->key;
        m->asker.kind = turn->live->kind->number;
    } else {
        m->asker = open_ask(turn, reply, within_ms);
        m->asks = turn->cell;
    }
    *number = m->asker.number;
    return m->body;
}

uint8_t *
souk_forward_(souk_turn *turn, souk_ref to, const struct souk_row *row, size_t length)
{
    const struct souk_message *m = turn->message;
    souk_assert(!turn->passed_on);
    bool asked = m->class == SOUK_ASK || m->class == SOUK_REQUEST;
    struct souk_message *passed = send_row(turn, asked ? m->class : SOUK_TELL, to, row, length);
    passed->asker = m->asker; /* Or the ticket and origin of a request, which lie in the same place. */
    if (passed->in_batch) passed->asks = m->in_batch ? m->asks : NULL;
    passed->due_ms = m->due_ms;
    turn->passed_on = true;
    return passed->body;
}

uint8_t *
souk_wake_(souk_turn *turn, uint64_t delay_ms, const struct souk_row *row, size_t length, uint32_t *number)
{
    struct souk_message *m = send_row(turn, SOUK_WAKE, souk_self(turn), row, length);
    m->due_ms = turn->slice->now_ms + delay_ms;
    *number = 0;
    if (turn->live) {
        m->asker.number = *number = souk_live_ask(turn, SOUK_OPEN_WAKE, m->to, 0, m->due_ms);
    }
    return m->body;
}

uint32_t
souk_call_(souk_turn *turn, const struct souk_port *port, souk_key key, uint32_t reply, uint32_t within_ms,
           const struct souk_layout *layout, const void *body)
{
    struct souk_text name = souk_text_of(layout->name);
    size_t name_size = souk_size_text(&name), length = layout->encoded(body);
    souk_assert(turn->cell && !souk_key_none(key));
    if (souk_mutant(KEY_ANEW)) key.low += souk_hash_mix(turn->slice->now_ms);
    struct souk_message *m = souk_turn_send(turn, SOUK_CALL, (souk_ref){ port->number, key }, reply,
                                            name_size + length);
    souk_assert(layout->put(souk_put_text(m->body, &name), body) == m->body + m->length);
    m->due_ms = turn->slice->now_ms + within_ms;
    m->asker = open_ask(turn, reply, within_ms);
    return m->asker.number;
}

/* ---- Answers. ---- */

uint8_t *
souk_answer_(souk_turn *turn, size_t length)
{
    souk_assert(!turn->answer.at && length <= SOUK_BODY_MAX);
    struct souk_reader in = { .scratch = &turn->slice->scratch };
    uint8_t *at = souk_scratch_take_(&in, 1, length);
    souk_assert(at);
    turn->answer = (struct souk_bytes){ at, length };
    return at;
}

void
souk_view_(const souk_turn *turn, const struct souk_layout *layout, const void *view)
{
    souk_turn *own = (souk_turn *)(uintptr_t)turn; /* Const for the author of the query, not for us. */
    uint8_t *at = souk_answer_(own, layout->encoded(view));
    souk_assert(layout->put(at, view) == at + turn->answer.length);
}

void
souk_answer_later_(souk_turn *turn, souk_asker asker, souk_verdict verdict, const struct souk_layout *layout,
                   const void *record)
{
    if (!asker.kind) return;
    bool done = verdict == SOUK_ACCEPT;
    struct souk_message *m = souk_turn_send(turn, SOUK_OUTCOME, (souk_ref){ asker.kind, asker.key }, 0,
                                            done ? layout->encoded(record) : 0);
    m->asker = asker;
    m->ending = done ? SOUK_DONE : SOUK_REFUSED;
    m->refusal = verdict;
    if (done) souk_assert(layout->put(m->body, record) == m->body + m->length);
}

/* ---- What a turn can be asked. ---- */

uint64_t
souk_now_ms(const souk_turn *turn)
{
    return turn->slice->now_ms;
}

souk_ref
souk_self(const souk_turn *turn)
{
    return (souk_ref){ me(turn)->kind->number, me(turn)->key };
}

souk_asker
souk_turn_asker(const souk_turn *turn)
{
    return turn->message->class == SOUK_ASK ? turn->message->asker : (souk_asker){ { 0, 0 }, 0, 0 };
}

uint64_t
souk_due_ms(const souk_turn *turn)
{
    return turn->message->class == SOUK_WAKE ? 0 : turn->message->due_ms;
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
