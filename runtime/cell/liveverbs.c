/* SPDX-License-Identifier: Apache-2.0 */
/* cell/liveverbs.c -- the verbs that only volatile actors have (souk/volatile.h). Called by authors' handlers, inside
 * turns; what is sent hangs on the turn until it is over, see liveturn.c. */
#include "cell/live.h"
#include "cell/turn.h"

static souk_asker
from(const struct souk_live *live, uint32_t number)
{
    return (souk_asker){ live->key, live->kind->number, number };
}

uint32_t
souk_live_ask(souk_turn *turn, enum souk_open_class class, souk_ref to, uint32_t reply, uint64_t due_ms)
{
    struct souk_slice *slice = turn->slice;
    struct souk_open *open = souk_open_add(turn->live, slice->heap, class);
    open->to = to;
    open->reply = reply;
    open->due_ms = due_ms;
    if (class == SOUK_OPEN_ASK || class == SOUK_OPEN_GATHER) {
        SOUK_ROOM_FOR_ONE(slice, asking);
        slice->asking[slice->asking_count++] = (struct souk_asking){ souk_live_ref(turn->live), open->number };
    }
    slice->counts.asks += class == SOUK_OPEN_ASK || class == SOUK_OPEN_AMONG;
    return open->number;
}

struct souk_spawned_
souk_spawn_(souk_turn *turn, const struct souk_kind *kind, enum souk_where where, const struct souk_row *row,
            size_t length)
{
    struct souk_slice *slice = turn->slice;
    souk_assert(turn->live && kind->policy && row->class == SOUK_COMMAND && row->kind == kind->number);
    souk_assert(length <= SOUK_BODY_MAX); /* Before there is something that an undo could not find. */
    struct souk_live *live = slice->spawn(slice->self, kind, where);
    souk_ref ref = live ? souk_live_ref(live) : souk_nobody;
    struct souk_message *m = souk_turn_send(turn, SOUK_TELL, ref, row->tag, length);
    if (live) {
        m->spawns = true;
        if (kind->policy->with_parent || kind->policy->on_fault == SOUK_ESCALATE)
            souk_live_extra(live, slice->heap)->parent = souk_live_ref(turn->live);
        if (kind->policy->with_parent)
            souk_bond_add(turn->live, slice->heap, (struct souk_bond){ ref, 0, SOUK_BOND_CHILD });
    }
    return (struct souk_spawned_){ ref, m->body };
}

static bool
same(souk_ref a, souk_ref b)
{
    return a.kind == b.kind && souk_key_equal(a.key, b.key);
}

void
souk_stop(souk_turn *turn, souk_ref actor, uint32_t reason)
{
    souk_assert(turn->live);
    if (turn->ends && same(actor, souk_self(turn))) return; /* Twice. */
    bool now = same(actor, souk_self(turn)) && !turn->live->depth;
    for (const struct souk_message *m = turn->out.head; m && now; m = m->next) now = !same(m->to, actor);
    if (now) { /* Nothing is before it in the queue: no signal is needed. */
        turn->ends = true;
        turn->reason = reason;
    } else {
        souk_live_signal(turn, actor, SOUK_SIGNAL_STOP, from(turn->live, 0), reason);
    }
}

uint32_t
souk_monitor_(souk_turn *turn, souk_ref actor, uint32_t reply)
{
    souk_assert(turn->live);
    uint32_t number = souk_live_ask(turn, SOUK_OPEN_MONITOR, actor, reply, 0);
    souk_live_signal(turn, actor, SOUK_SIGNAL_MONITOR, from(turn->live, number), 0);
    return number;
}

void
souk_link(souk_turn *turn, souk_ref actor)
{
    souk_assert(turn->live && !same(actor, souk_self(turn)));
    if (!souk_bond_add(turn->live, turn->slice->heap, (struct souk_bond){ actor, 0, SOUK_BOND_LINK })) return;
    souk_live_signal(turn, actor, SOUK_SIGNAL_LINK, from(turn->live, 0), 0);
}

void
souk_unlink(souk_turn *turn, souk_ref actor)
{
    souk_assert(turn->live);
    if (!souk_bond_remove(turn->live, SOUK_BOND_LINK, actor, 0)) return;
    souk_live_signal(turn, actor, SOUK_SIGNAL_UNLINK, from(turn->live, 0), 0);
}

void
souk_trap_(souk_turn *turn, uint32_t reply)
{
    souk_assert(turn->live);
    souk_live_extra(turn->live, turn->slice->heap)->trap = reply;
}

void
souk_stash(souk_turn *turn)
{
    const struct souk_message *m = turn->message;
    souk_assert(turn->live && !m->is_query && m->class != SOUK_OUTCOME && m->class != SOUK_SIGNAL);
    turn->kept = true; /* It is put aside when the turn is over: one that fails keeps nothing. */
}

void
souk_unstash(souk_turn *turn)
{
    souk_assert(turn->live);
    souk_live_unstash(turn->live);
}

uint8_t *
souk_every_(souk_turn *turn, uint64_t period_ms, const struct souk_row *row, size_t length, uint32_t *number)
{
    souk_assert(turn->live && period_ms && period_ms <= UINT32_MAX && row->kind == turn->live->kind->number);
    struct souk_message *m = souk_turn_send(turn, SOUK_WAKE, souk_self(turn), row->tag, length);
    m->due_ms = turn->slice->now_ms + period_ms;
    m->refusal = (uint32_t)period_ms;
    m->asker.number = *number = souk_live_ask(turn, SOUK_OPEN_EVERY, m->to, 0, 0);
    return m->body;
}

/* Tells whoever was asked that nobody waits for it any more. */
static void
call_off_asks(souk_turn *turn, uint32_t group)
{
    const struct souk_extra *x = turn->live->extra;
    for (uint32_t i = 0; i < x->open_room; i++)
        if (x->open[i].number && x->open[i].class == SOUK_OPEN_AMONG && x->open[i].group == group)
            souk_live_signal(turn, x->open[i].to, SOUK_SIGNAL_CANCEL, from(turn->live, x->open[i].number), 0);
}

void
souk_cancel(souk_turn *turn, uint32_t number)
{
    struct souk_live *live = turn->live;
    souk_assert(live);
    struct souk_open *open = souk_open_find(live, number);
    if (!open || open->class == SOUK_OPEN_AMONG) return;
    if (open->class == SOUK_OPEN_ASK)
        souk_live_signal(turn, open->to, SOUK_SIGNAL_CANCEL, from(live, number), 0);
    if (open->class == SOUK_OPEN_MONITOR)
        souk_live_signal(turn, open->to, SOUK_SIGNAL_UNMONITOR, from(live, number), 0);
    if (open->class == SOUK_OPEN_GATHER) call_off_asks(turn, number);
    souk_open_call_off(turn->slice, open);
    bool gathers = open->class == SOUK_OPEN_GATHER;
    souk_open_remove(live, number);
    if (gathers) souk_gathering_end(live, turn->slice->heap, number);
}

uint32_t
souk_gather_(souk_turn *turn, uint32_t reply, uint32_t within_ms)
{
    struct souk_live *live = turn->live;
    souk_assert(live);
    uint64_t due_ms = turn->slice->now_ms + within_ms, asked_ms = souk_due_ms(turn);
    if (asked_ms && asked_ms < due_ms) due_ms = asked_ms;
    struct souk_gathering *g = souk_heap_zalloc(turn->slice->heap, sizeof *g);
    g->due_ms = due_ms;
    g->number = g->last = souk_live_ask(turn, SOUK_OPEN_GATHER, souk_self(turn), reply, due_ms);
    g->next = live->extra->gatherings;
    live->extra->gatherings = g;
    return g->number;
}

uint8_t *
souk_ask_among_(souk_turn *turn, uint32_t number, souk_ref to, const struct souk_row *row, size_t length)
{
    struct souk_live *live = turn->live;
    souk_heap *heap = turn->slice->heap;
    souk_assert(live && row->class == SOUK_COMMAND && (row->kind == to.kind || !to.kind));
    struct souk_gathering *g = souk_gathering_find(live, number);
    souk_assert(g && g->number - turn->asked_mark - 1 < live->asked - turn->asked_mark); /* Of this turn. */
    if (g->asked == g->room) {
        uint32_t room = g->room ? 2 * g->room : 8;
        g->outcome = souk_heap_grow(heap, g->outcome, g->room * sizeof *g->outcome, room * sizeof *g->outcome);
        g->room = room;
    }
    struct souk_message *m = souk_turn_send(turn, SOUK_ASK, to, row->tag, length);
    m->due_ms = g->due_ms;
    m->asker = from(live, souk_live_ask(turn, SOUK_OPEN_AMONG, to, 0, 0));
    struct souk_open *open = souk_open_find(live, m->asker.number);
    open->group = number;
    open->index = g->asked;
    g->last = open->number;
    g->outcome[g->asked++] = NULL;
    return m->body;
}

bool
souk_gathered(const souk_turn *turn, uint32_t i, struct souk_outcome *out)
{
    const struct souk_gathering *g = turn->gathering;
    souk_assert(g);
    if (i >= g->asked) return false;
    const struct souk_message *m = g->outcome[i];
    *out = (struct souk_outcome){ .ask = g->number, .ending = SOUK_LATE };
    if (!m) return true;
    out->ending = (enum souk_ending)m->ending;
    out->refusal = m->refusal;
    out->body = (struct souk_bytes){ m->body, m->length };
    return true;
}

/* ---- Subscriptions (souk/topic.h). ---- */

struct souk_open *
souk_live_topic(const struct souk_live *live, const struct souk_message *m)
{
    struct souk_open *open = souk_open_find(live, m->asker.number);
    return open && open->class == SOUK_OPEN_TOPIC && open->to.key.high == m->asker.key.high ? open : NULL;
}

void
souk_live_handled(struct souk_slice *slice, struct souk_live *live, const struct souk_message *m)
{
    const struct souk_open *open = souk_live_topic(live, m);
    if (open) slice->handled(slice->self, open->feed, m->dep);
}

uint32_t
souk_subscribe_(souk_turn *turn, const struct souk_row *command, const struct souk_topic *topic)
{
    struct souk_slice *slice = turn->slice;
    souk_assert(turn->live && command->class == SOUK_COMMAND && command->kind == turn->live->kind->number);
    uint32_t number = souk_live_ask(turn, SOUK_OPEN_TOPIC, (souk_ref){ 0, { 0, 0 } }, 0, 0);
    struct souk_open *open = souk_open_find(turn->live, number);
    open->feed = slice->subscribe(slice->self, topic, from(turn->live, number), command->tag, &open->to.key.high);
    return number;
}

void
souk_unsubscribe(souk_turn *turn, uint32_t number)
{
    const struct souk_open *open = souk_open_find(turn->live, number);
    if (open && open->class == SOUK_OPEN_TOPIC) souk_cancel(turn, number);
}

struct souk_lag
souk_lag(const souk_turn *turn, uint32_t number)
{
    souk_assert(turn->live);
    const struct souk_open *open = souk_open_find(turn->live, number);
    if (!open || open->class != SOUK_OPEN_TOPIC) return (struct souk_lag){ 0, 0 };
    return turn->slice->lag(turn->slice->self, open->feed);
}

bool
souk_event_read_(souk_turn *turn, uint32_t kind, uint32_t tag, struct souk_bytes body, const struct souk_row *event,
                 void *out)
{
    if (kind != event->kind || tag != event->tag) return false;
    const uint8_t *at = body.at;
    struct souk_reader in = { .at = at, .end = at + body.length, .scratch = &turn->slice->scratch };
    return event->layout->get(&in, out);
}

uint32_t
souk_depth(const souk_turn *turn)
{
    souk_assert(turn->live);
    return turn->live->depth;
}
