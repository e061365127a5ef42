/* SPDX-License-Identifier: Apache-2.0 */
/* cell/liveturn.c -- a volatile actor takes one message (souk/volatile.h). Its verbs are in liveverbs.c.
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

void
souk_open_call_off(struct souk_slice *slice, struct souk_open *open)
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
        souk_open_call_off(slice, &x->open[i]);
    }
    if (x->pause) slice->disarm(slice->self, x->pause);
    x->pause = NULL;
}

/* Children that shall not outlive this life of their parent. */
static void
stop_children(souk_turn *turn, struct souk_live *live)
{
    struct souk_extra *x = live->extra;
    for (uint32_t i = 0; x && i < x->bonds_room; i++)
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
    for (uint32_t i = 0; x && i < x->bonds_room; i++) {
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
    struct souk_bond *old = x->bonds; /* Links and monitors last: they are the actor's, not its state's. */
    uint32_t old_room = x->bonds_room;
    x->bonds = NULL;
    x->bonds_count = x->bonds_room = 0;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].class && old[i].class != SOUK_BOND_CHILD) souk_bond_add(live, slice->heap, old[i]);
    souk_heap_free(slice->heap, old, old_room * sizeof *old);
    souk_live_call_off(slice, live);
    souk_live_reset(live, slice->heap);
    souk_live_forget(live, slice->heap, SOUK_SIGNAL_ESCALATE); /* Of children of this life, which is over. */
    souk_live_unstash(live);
    souk_live_push_front(live, &x->waiting);
}

/* ---- The turn. ---- */

/* Forgets a gathering with the asks that are still open in it. */
void
souk_gathering_end(struct souk_live *live, souk_heap *heap, uint32_t number)
{
    const struct souk_gathering *g = souk_gathering_find(live, number);
    for (uint32_t n = number; g->answered < g->asked && n != g->last;) {
        const struct souk_open *open = souk_open_find(live, ++n);
        if (open && open->class == SOUK_OPEN_AMONG && open->group == number) souk_open_remove(live, n);
    }
    souk_gathering_free(live, heap, number);
}

/* One without any ask is complete at once. */
static void
end_empty(souk_turn *turn, const struct souk_live *live)
{
    for (const struct souk_gathering *g = live->extra->gatherings; g; g = g->next) {
        if (g->asked || g->number - turn->asked_mark - 1 >= live->asked - turn->asked_mark) continue;
        struct souk_message *m = souk_turn_send(turn, SOUK_OUTCOME, souk_live_ref(live), 0, 0);
        m->asker = from(live, g->number);
        m->ending = SOUK_DONE;
    }
}

/* What a dropped message was to bring about, in the actor that sent it. */
static void
undo_send(souk_turn *turn, const struct souk_message *m)
{
    struct souk_live *live = turn->live;
    struct souk_slice *slice = turn->slice;
    if (m->spawns) {
        souk_bond_remove(live, SOUK_BOND_CHILD, m->to, 0);
        slice->unspawn(slice->self, m->to);
    }
    if (m->class != SOUK_SIGNAL) return;
    if (m->tag == SOUK_SIGNAL_LINK) souk_bond_remove(live, SOUK_BOND_LINK, m->to, 0);
    if (m->tag == SOUK_SIGNAL_UNLINK)
        souk_bond_add(live, slice->heap, (struct souk_bond){ m->to, 0, SOUK_BOND_LINK });
}

void
souk_live_undo(souk_turn *turn)
{
    struct souk_live *live = turn->live;
    struct souk_slice *slice = turn->slice;
    struct souk_message *last = NULL;
    for (struct souk_message *m; (m = souk_fifo_pop(&turn->out)); last = m) m->next = last;
    for (struct souk_message *m; (m = last);) { /* The last one first. */
        last = m->next;
        undo_send(turn, m);
        souk_message_free(slice->heap, m);
    }
    while (live->asked != turn->asked_mark) {
        struct souk_open *open = souk_open_find(live, live->asked);
        if (open) {
            souk_open_call_off(slice, open);
            if (open->class == SOUK_OPEN_GATHER) souk_gathering_free(live, slice->heap, open->number);
            souk_open_remove(live, live->asked);
        }
        live->asked--;
    }
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
        turn->gathered = true;
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
    souk_at_tag(slice, reply | SOUK_AT_REPLY);
    souk_open_call_off(slice, open);
    souk_open_remove(live, outcome.ask);
    turn->asked_mark = live->asked;
    if (outcome.ending == SOUK_LATE) slice->counts.late++;
    return souk_live_speak(slice, live, reply, &in, &outcome);
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
    souk_at_tag(slice, m->tag | SOUK_AT_SIGNAL);
    switch ((enum souk_signal)m->tag) {
    case SOUK_SIGNAL_STOP:
        turn->ends = true;
        turn->reason = m->refusal;
        break;
    case SOUK_SIGNAL_ESCALATE:
        return SOUK_FAILED;
    case SOUK_SIGNAL_LINK_DOWN:
        return take_down(slice, live, m);
    case SOUK_SIGNAL_LINK: /* All others are followed when they arrive. */
    case SOUK_SIGNAL_UNLINK:
    case SOUK_SIGNAL_MONITOR:
    case SOUK_SIGNAL_UNMONITOR:
    case SOUK_SIGNAL_CHILD_DOWN:
    case SOUK_SIGNAL_CANCEL:
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
    if (!m->asker.number) return true; /* It had been put aside. */
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
    souk_at_tag(slice, m->tag | SOUK_AT_QUERY);
    slice->catch.armed = true;
    souk_verdict verdict = live->kind->answer(live->state, m->tag, &in, &slice->turn);
    slice->catch.armed = false;
    return verdict;
}

/* Keeps the command that begins a life, for the next one. */
static bool
keep_start(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    if (!m->spawns || live->kind->policy->on_fault != SOUK_RESTART) return false;
    struct souk_extra *x = souk_live_extra(live, slice->heap);
    if (x->start) return false;
    x->start = m;
    return true;
}

/* A query waits until the actor has changed. Those that waited in vain have been told by their own clocks. */
static void
wait_for_change(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    struct souk_fifo *waiting = &souk_live_extra(live, slice->heap)->waiting;
    while (waiting->head && waiting->head->due_ms <= slice->now_ms)
        souk_message_free(slice->heap, souk_fifo_pop(waiting));
    souk_fifo_push(waiting, m);
}

void
souk_live_end_gathered(souk_turn *turn)
{
    if (turn->gathering) souk_gathering_end(turn->live, turn->slice->heap, turn->gathering->number);
    turn->gathering = NULL;
    turn->gathered = false;
}

enum souk_live_next
souk_live_settle(struct souk_slice *slice, struct souk_live *live, struct souk_message *m, souk_verdict verdict)
{
    souk_turn *turn = &slice->turn;
    enum souk_live_next next = turn->ends ? SOUK_LIVE_ENDS : SOUK_LIVE_GOES_ON;
    if (verdict != SOUK_ACCEPT) turn->verdict = verdict;
    if (verdict == SOUK_FAILED) return SOUK_LIVE_FAILS;
    bool gathered = turn->gathered;
    if (gathered && !turn->gathering) return next; /* Others are still missing. */
    bool stands = turn->kept || verdict == SOUK_ACCEPT || verdict == SOUK_LATER || verdict == SOUK_WAIT;
    if (stands && live->extra && live->extra->gatherings) end_empty(turn, live);
    /* What it has changed may be what a query waits for. */
    if (!m->is_query && live->extra && live->extra->waiting.head) souk_live_push_front(live, &live->extra->waiting);
    if (turn->kept) {
        souk_live_stash(live, slice->heap, m);
        return next;
    }
    if (verdict == SOUK_WAIT && m->is_query && m->due_ms > slice->now_ms) {
        wait_for_change(slice, live, m);
        return next;
    }
    if (verdict == SOUK_ACCEPT) {
        if (!turn->passed_on) souk_turn_answer(turn, m, SOUK_DONE, SOUK_ACCEPT);
    } else if (!stands) {
        souk_live_undo(turn);
        next = SOUK_LIVE_GOES_ON;
        slice->counts.refusals++;
        souk_kind_count(&slice->tally[live->kind->number].refusals, 1);
        if (verdict == SOUK_MALFORMED || verdict == SOUK_UNKNOWN) slice->counts.malformed++;
        souk_turn_answer(turn, m, SOUK_REFUSED, verdict);
    }
    if (m->class == SOUK_NEWS) souk_live_handled(slice, live, m);
    souk_live_end_gathered(turn);
    if (!gathered && !keep_start(slice, live, m)) souk_message_free(slice->heap, m);
    return next;
}

enum souk_live_next
souk_live_turn(struct souk_slice *slice, struct souk_live *live, struct souk_message *m)
{
    souk_live_begin(slice, live, m);
    if (m->due_ms && m->due_ms < slice->now_ms && (m->class == SOUK_ASK || m->class == SOUK_REQUEST)) {
        slice->counts.expired++; /* Its asker has given up; no work is done for him any more. */
        slice->turn.verdict = SOUK_EXPIRED;
        souk_turn_answer(&slice->turn, m, SOUK_LATE, 0);
        souk_message_free(slice->heap, m);
        return SOUK_LIVE_GOES_ON;
    }
    return souk_live_settle(slice, live, m, take_message(slice, live, m));
}
