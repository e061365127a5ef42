/* SPDX-License-Identifier: Apache-2.0 */
/* cell/liveturn.c -- a volatile actor takes one message; and the verbs that only it has (souk/volatile.h).
 *
 * Called by whoever runs the shard. A turn changes the state directly, and hangs what it sends on itself: that is
 * routed when the handler has accepted, dropped otherwise. Alarms stand in the wheel of the actor's shard. */
#include "cell/live.h"
#include "cell/turn.h"

/* ---- Signals, bonds and ends. ---- */

void
souk_live_signal(souk_turn *turn, souk_ref to, enum souk_signal signal, souk_asker from, uint32_t reason)
{
    struct souk_message *m = souk_turn_send(turn, SOUK_SIGNAL, to, signal, 0);
    m->asker = from;
    m->refusal = reason;
}

static souk_asker
from(const struct souk_live *live, uint32_t number)
{
    return (souk_asker){ live->key, live->kind->number, number };
}

static souk_ref
ref_of(souk_asker asker)
{
    return (souk_ref){ asker.kind, asker.key };
}

/* The end of an actor, told to who monitors it. */
static void
tell_down(souk_turn *turn, souk_ref to, uint32_t number, souk_ref who, uint32_t reason)
{
    struct souk_message *m = souk_turn_send(turn, SOUK_OUTCOME, to, 0, sizeof who);
    m->asker = (souk_asker){ to.key, to.kind, number };
    m->ending = SOUK_DOWN;
    m->refusal = reason;
    memcpy(m->body, &who, sizeof who);
}

static void
call_off(struct souk_slice *slice, struct souk_open *open)
{
    if (open->class == SOUK_OPEN_TOPIC && open->feed) slice->unsubscribe(slice->self, open->feed);
    else if (open->class != SOUK_OPEN_AMONG && open->alarm) slice->disarm(slice->self, open->alarm);
    else return;
    open->alarm = NULL; /* Or its feed, which lies in the same place. */
}

void
souk_live_call_off(struct souk_slice *slice, struct souk_live *live)
{
    struct souk_extra *x = live->extra;
    if (!x) return;
    for (uint32_t i = 0; i < x->open_room; i++) {
        if (!x->open[i].number) continue;
        if (x->open[i].class == SOUK_OPEN_MONITOR)
            souk_live_signal(&slice->turn, x->open[i].to, SOUK_SIGNAL_UNMONITOR, from(live, x->open[i].number), 0);
        call_off(slice, &x->open[i]);
    }
    if (x->pause) slice->disarm(slice->self, x->pause);
    x->pause = NULL;
}

/* Children that shall not outlive this life of their parent. */
static void
stop_children(souk_turn *turn, struct souk_live *live)
{
    struct souk_extra *x = live->extra;
    for (uint32_t i = 0; x && i < x->bonds_count; i++)
        if (x->bonds[i].class == SOUK_BOND_CHILD)
            souk_live_signal(turn, x->bonds[i].to, SOUK_SIGNAL_STOP, from(live, 0), SOUK_END_PARENT);
}

void
souk_live_end(struct souk_slice *slice, struct souk_live *live, uint32_t reason)
{
    souk_turn *turn = &slice->turn;
    struct souk_extra *x = live->extra;
    souk_ref self = souk_live_ref(live);
    stop_children(turn, live);
    for (uint32_t i = 0; x && i < x->bonds_count; i++) {
        const struct souk_bond *b = &x->bonds[i];
        if (b->class == SOUK_BOND_WATCHER) tell_down(turn, b->to, b->number, self, reason);
        if (b->class == SOUK_BOND_LINK)
            souk_live_signal(turn, b->to, SOUK_SIGNAL_LINK_DOWN, from(live, 0), reason);
    }
    if (x && x->parent.kind && live->kind->policy->with_parent)
        souk_live_signal(turn, x->parent, SOUK_SIGNAL_CHILD_DOWN, from(live, 0), reason);
    souk_live_call_off(slice, live);
}

void
souk_live_restart(struct souk_slice *slice, struct souk_live *live)
{
    struct souk_extra *x = souk_live_extra(live, slice->heap);
    stop_children(&slice->turn, live);
    for (uint32_t i = 0; i < x->bonds_count; i++) /* Links last: they are the actor's, not its state's. */
        if (x->bonds[i].class == SOUK_BOND_CHILD) x->bonds[i--] = x->bonds[--x->bonds_count];
    souk_live_call_off(slice, live);
    souk_live_reset(live, slice->heap);
    souk_live_push_front(live, &x->stash);
    x->stashed = 0;
    live->started = false;
}

/* ---- The turn. ---- */

/* Forgets a gathering with the asks that are still open in it. */
static void
end_gathering(struct souk_live *live, souk_heap *heap, uint32_t number)
{
    struct souk_extra *x = live->extra;
    for (uint32_t i = 0; i < x->open_room;) {
        const struct souk_open *open = &x->open[i];
        if (open->number && open->class == SOUK_OPEN_AMONG && open->group == number) {
            souk_open_remove(live, open->number); /* May move another one to this place. */
            i = 0;
        } else {
            i++;
        }
    }
    souk_gathering_free(live, heap, number);
}

void
souk_live_undo(souk_turn *turn)
{
    struct souk_live *live = turn->live;
    struct souk_slice *slice = turn->slice;
    for (struct souk_message *m; (m = souk_fifo_pop(&turn->out));) {
        if (m->spawns) {
            souk_bond_remove(live, SOUK_BOND_CHILD, m->to, 0);
            slice->unspawn(slice->self, m->to);
        }
        souk_message_free(slice->heap, m);
    }
    while (live->asked != turn->asked_mark) {
        struct souk_open *open = souk_open_find(live, live->asked);
        if (open) {
            call_off(slice, open);
            if (open->class == SOUK_OPEN_GATHER) souk_gathering_free(live, slice->heap, open->number);
            souk_open_remove(live, live->asked);
        }
        live->asked--;
    }
    if (turn->gathering) end_gathering(live, slice->heap, turn->gathering->number);
    turn->gathering = NULL;
    turn->answer = (struct souk_bytes){ NULL, 0 };
    turn->passed_on = turn->ends = false;
}

/* One of many: keeps the outcome. True when it was the last one that the gathering waited for. */
static bool
gather(struct souk_live *live, const struct souk_open *open, struct souk_message *m)
{
    struct souk_gathering *g = souk_gathering_find(live, open->group);
    souk_assert(g && !g->outcome[open->index]);
    g->outcome[open->index] = m;
    souk_open_remove(live, open->number);
    return ++g->answered == g->asked;
}

/* An outcome: its ask is over, then its handler speaks. */
static souk_verdict
take_outcome(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    souk_turn *turn = &slice->turn;
    struct souk_open *open = souk_open_find(live, m->asker.number);
    if (!open) return SOUK_ACCEPT; /* It had its outcome before, or was called off. */
    struct souk_outcome outcome = { .ask = m->asker.number, .ending = (enum souk_ending)m->ending,
                                    .refusal = m->refusal, .body = { m->body, m->length } };
    struct souk_reader in = { .scratch = &slice->scratch };
    if (open->class == SOUK_OPEN_AMONG) {
        outcome.ask = open->group;
        turn->kept = true;
        if (!gather(live, open, m)) return SOUK_ACCEPT;
        open = souk_open_find(live, outcome.ask);
        outcome.ending = SOUK_DONE;
    }
    if (open->class == SOUK_OPEN_GATHER) {
        turn->gathering = souk_gathering_find(live, outcome.ask);
        outcome.body.length = 0;
    }
    if (outcome.ending == SOUK_DOWN) {
        memcpy(&outcome.who, m->body, sizeof outcome.who);
        outcome.body.length = 0;
    }
    uint32_t reply = open->reply;
    call_off(slice, open);
    souk_open_remove(live, outcome.ask);
    turn->asked_mark = live->asked;
    if (outcome.ending == SOUK_LATE) slice->counts.late++;
    souk_verdict verdict = souk_live_speak(slice, live, reply, &in, &outcome);
    if (turn->gathering) end_gathering(live, slice->heap, outcome.ask);
    turn->gathering = NULL;
    return verdict;
}

/* The end of a linked actor. */
static souk_verdict
take_down(struct souk_slice *slice, struct souk_live *live, const struct souk_message *m)
{
    souk_turn *turn = &slice->turn;
    souk_ref who = ref_of(m->asker);
    if (!souk_bond_find(live, SOUK_BOND_LINK, who, 0)) return SOUK_ACCEPT; /* Unlinked meanwhile. */
    souk_bond_remove(live, SOUK_BOND_LINK, who, 0);
    if (live->extra->trap) {
        struct souk_outcome outcome = { .ending = SOUK_DOWN, .refusal = m->refusal, .who = who };
        struct souk_reader in = { .scratch = &slice->scratch };
        return souk_live_speak(slice, live, live->extra->trap, &in, &outcome);
    }
    turn->ends = m->refusal != SOUK_END_NORMAL;
    turn->reason = m->refusal;
    return SOUK_ACCEPT;
}

static souk_verdict
take_signal(struct souk_slice *slice, struct souk_live *live, const struct souk_message *m)
{
    souk_turn *turn = &slice->turn;
    souk_ref who = ref_of(m->asker);
    switch ((enum souk_signal)m->tag) {
    case SOUK_SIGNAL_STOP:
        turn->ends = true;
        turn->reason = m->refusal;
        break;
    case SOUK_SIGNAL_ESCALATE:
        return SOUK_FAILED;
    case SOUK_SIGNAL_LINK:
        souk_bond_add(live, slice->heap, (struct souk_bond){ who, 0, SOUK_BOND_LINK });
        break;
    case SOUK_SIGNAL_UNLINK:
        souk_bond_remove(live, SOUK_BOND_LINK, who, 0);
        break;
    case SOUK_SIGNAL_MONITOR:
        souk_bond_add(live, slice->heap, (struct souk_bond){ who, m->asker.number, SOUK_BOND_WATCHER });
        break;
    case SOUK_SIGNAL_UNMONITOR:
        souk_bond_remove(live, SOUK_BOND_WATCHER, who, m->asker.number);
        break;
    case SOUK_SIGNAL_CHILD_DOWN:
        souk_bond_remove(live, SOUK_BOND_CHILD, who, 0);
        break;
    case SOUK_SIGNAL_LINK_DOWN:
        return take_down(slice, live, m);
    case SOUK_SIGNAL_TRACE:
        live->traced = m->refusal;
        break;
    case SOUK_SIGNAL_CANCEL: /* These three are handled when they arrive, before they get here. */
    case SOUK_SIGNAL_RESTART:
    case SOUK_SIGNAL_IDLE:
    default:
        break;
    }
    return SOUK_ACCEPT;
}

/* A wake or a tick that has come: its entry is over, or waits for the next one. */
static bool
note_wake(struct souk_live *live, const struct souk_message *m)
{
    struct souk_open *open = souk_open_find(live, m->asker.number);
    if (!open) return false; /* Cancelled meanwhile. */
    if (open->class == SOUK_OPEN_WAKE) souk_open_remove(live, open->number);
    else open->pending = false;
    return true;
}

static souk_verdict
take_message(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    if (m->class == SOUK_OUTCOME) return take_outcome(slice, live, m);
    if (m->class == SOUK_SIGNAL) return take_signal(slice, live, m);
    if (m->class == SOUK_WAKE && !note_wake(live, m)) return SOUK_ACCEPT;
    if (m->class == SOUK_NEWS && !souk_live_topic(live, m)) return SOUK_ACCEPT; /* Unsubscribed meanwhile. */
    struct souk_reader in = { .at = m->body, .end = m->body + m->length, .scratch = &slice->scratch };
    if (!m->is_query) return souk_live_speak(slice, live, m->tag, &in, NULL);
    slice->catch.armed = true;
    souk_verdict verdict = live->kind->answer(live->state, m->tag, &in, &slice->turn);
    slice->catch.armed = false;
    return verdict;
}

/* Keeps the command that begins a life, for the next one. */
static bool
keep_start(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    if (live->started) return false;
    live->started = true;
    if (!m->spawns || live->kind->policy->on_fault != SOUK_RESTART) return false;
    struct souk_extra *x = souk_live_extra(live, slice->heap);
    if (x->start) return false;
    x->start = m;
    return true;
}

enum souk_live_next
souk_live_settle(struct souk_slice *slice, struct souk_live *live, struct souk_message *m, souk_verdict verdict)
{
    souk_turn *turn = &slice->turn;
    enum souk_live_next next = turn->ends ? SOUK_LIVE_ENDS : SOUK_LIVE_GOES_ON;
    if (verdict == SOUK_FAILED) return SOUK_LIVE_FAILS;
    /* What it has changed may be what a query waits for. A message that was kept is none, and may be freed by now. */
    if ((turn->kept || !m->is_query) && live->extra && live->extra->waiting.head)
        souk_live_push_front(live, &live->extra->waiting);
    if (turn->kept) return next;
    if (verdict == SOUK_WAIT && m->is_query && m->due_ms > slice->now_ms) {
        souk_fifo_push(&souk_live_extra(live, slice->heap)->waiting, m);
        return next;
    }
    if (verdict == SOUK_ACCEPT) {
        if (!turn->passed_on) souk_turn_answer(turn, m, SOUK_DONE, SOUK_ACCEPT);
    } else if (verdict != SOUK_LATER && verdict != SOUK_WAIT) {
        souk_live_undo(turn);
        next = SOUK_LIVE_GOES_ON;
        slice->counts.refusals++;
        if (verdict == SOUK_MALFORMED || verdict == SOUK_UNKNOWN) slice->counts.malformed++;
        souk_turn_answer(turn, m, SOUK_REFUSED, verdict);
    }
    if (m->class == SOUK_NEWS) souk_live_handled(slice, live, m);
    if (!keep_start(slice, live, m)) souk_message_free(slice->heap, m);
    return next;
}

enum souk_live_next
souk_live_turn(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    souk_live_begin(slice, live, m);
    if (m->due_ms && m->due_ms < slice->now_ms && (m->class == SOUK_ASK || m->class == SOUK_REQUEST)) {
        slice->counts.expired++; /* Its asker has given up; no work is done for him any more. */
        souk_turn_answer(&slice->turn, m, SOUK_LATE, 0);
        souk_message_free(slice->heap, m);
        return SOUK_LIVE_GOES_ON;
    }
    return souk_live_settle(slice, live, m, take_message(slice, live, m));
}

/* ---- The verbs. ---- */

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
    souk_bond_add(turn->live, turn->slice->heap, (struct souk_bond){ actor, 0, SOUK_BOND_LINK });
    souk_live_signal(turn, actor, SOUK_SIGNAL_LINK, from(turn->live, 0), 0);
}

void
souk_unlink(souk_turn *turn, souk_ref actor)
{
    souk_assert(turn->live);
    souk_bond_remove(turn->live, SOUK_BOND_LINK, actor, 0);
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
    souk_assert(turn->live && !turn->kept && turn->message->class != SOUK_OUTCOME && !turn->message->is_query);
    struct souk_extra *x = souk_live_extra(turn->live, turn->slice->heap);
    souk_fifo_push(&x->stash, turn->message);
    x->stashed++;
    turn->kept = true;
}

void
souk_unstash(souk_turn *turn)
{
    struct souk_live *live = turn->live;
    souk_assert(live && !turn->kept);
    if (!live->extra) return;
    live->extra->stashed = 0;
    souk_live_push_front(live, &live->extra->stash);
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
    call_off(turn->slice, open);
    bool gathers = open->class == SOUK_OPEN_GATHER;
    souk_open_remove(live, number);
    if (gathers) end_gathering(live, turn->slice->heap, number);
}

uint32_t
souk_gather_(souk_turn *turn, uint32_t reply, uint32_t within_ms)
{
    struct souk_live *live = turn->live;
    souk_assert(live);
    uint64_t due_ms = turn->slice->now_ms + within_ms;
    if (turn->message->due_ms && turn->message->due_ms < due_ms) due_ms = turn->message->due_ms;
    struct souk_gathering *g = souk_heap_zalloc(turn->slice->heap, sizeof *g);
    g->due_ms = due_ms;
    g->number = souk_live_ask(turn, SOUK_OPEN_GATHER, souk_self(turn), reply, due_ms);
    g->next = live->extra->gatherings;
    live->extra->gatherings = g;
    return g->number;
}

uint8_t *
souk_ask_among_(souk_turn *turn, uint32_t number, souk_ref to, const struct souk_row *row, size_t length)
{
    struct souk_live *live = turn->live;
    souk_heap *heap = turn->slice->heap;
    struct souk_gathering *g = souk_gathering_find(live, number);
    souk_assert(g && !g->answered && row->class == SOUK_COMMAND);
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
