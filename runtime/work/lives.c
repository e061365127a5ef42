/* SPDX-License-Identifier: Apache-2.0 */
/* work/lives.c -- volatile actors in their shards: how messages reach their queues, how they get their turns, what
 * follows when one ends or fails. Called by slice.c, on the thread that holds the shard.
 *
 * A message for a volatile actor stands in no queue but its own: whoever holds the shard puts it there at once, else it
 * lies in the shard's mailbox until somebody does. So the order between each pair of actors is that of the sends.
 * Actors with something to do stand in lists of their shard; the worker goes round the shards that have such. */
#include "work/fault.h"

#include "base/hash.h"

/* ---- Dead letters. ---- */

/* A volatile actor's message that nobody will take: its asker is told, and it is kept for a while to be looked at. */
static void
bury(struct souk_worker *w, struct souk_message *m, enum souk_ending ending, souk_verdict refusal)
{
    if (m->class == SOUK_ASK || m->class == SOUK_REQUEST) {
        bool asks = m->class == SOUK_ASK;
        struct souk_message *told = souk_message_new(w->heap, asks ? SOUK_OUTCOME : SOUK_ANSWER, 0);
        if (asks) told->to = (souk_ref){ m->asker.kind, m->asker.key };
        told->asker = m->asker; /* Or a request's ticket. */
        told->ending = (uint8_t)ending;
        told->refusal = refusal;
        told->dep = m->dep > w->slice.dep ? m->dep : w->slice.dep;
        told->time_ms = w->slice.now_ms;
        if (asks) souk_worker_deliver(w, told);
        else w->slice.exit(w, told);
    }
    if (m->class == SOUK_SIGNAL && (m->tag == SOUK_SIGNAL_MONITOR || m->tag == SOUK_SIGNAL_LINK)) {
        bool link = m->tag == SOUK_SIGNAL_LINK; /* To nobody: that is an end, too. */
        struct souk_message *told = souk_message_new(w->heap, link ? SOUK_SIGNAL : SOUK_OUTCOME, sizeof m->to);
        told->to = (souk_ref){ m->asker.kind, m->asker.key };
        told->tag = link ? SOUK_SIGNAL_LINK_DOWN : 0;
        told->asker = link ? (souk_asker){ m->to.key, m->to.kind, 0 } : m->asker;
        told->ending = SOUK_DOWN;
        told->refusal = SOUK_END_NOBODY;
        told->dep = m->dep > w->slice.dep ? m->dep : w->slice.dep;
        told->time_ms = w->slice.now_ms;
        memcpy(told->body, &m->to, sizeof m->to);
        souk_worker_deliver(w, told);
    }
    bool letter = m->class == SOUK_TELL || m->class == SOUK_ASK || m->class == SOUK_REQUEST;
    if (letter) souk_kind_count(&w->slice.tally[m->to.kind < SOUK_KINDS_MAX ? m->to.kind : 0].letters, 1);
    if (!letter || m->length > SOUK_LETTER_BYTES) {
        souk_message_free(w->heap, m);
        return;
    }
    struct souk_letter *place = &w->letters[w->letters_count++ % SOUK_LETTERS];
    if (place->message) souk_message_free(w->heap, place->message);
    *place = (struct souk_letter){ m, w->slice.now_ms, ending, refusal };
}

/* ---- Arriving. ---- */

static bool
has_room(const struct souk_worker *w, const struct souk_shard *shard)
{
    return shard->population.count < w->partition->volatile_max && !souk_partition_crammed(w->partition);
}

/* Whether somebody waits for what the message brings. */
static inline bool
is_awaited(const struct souk_message *m)
{
    return m->class == SOUK_ASK || m->class == SOUK_OUTCOME;
}

/* The shard's turn comes, too. */
static inline void
mark_busy(struct souk_worker *w, struct souk_shard *shard, enum souk_ready_list list)
{
    if (shard->busy[list]) return;
    shard->busy[list] = true;
    shard->busy_next[list] = NULL;
    if (w->busy[list].tail) w->busy[list].tail->busy_next[list] = shard;
    else w->busy[list].head = shard;
    w->busy[list].tail = shard;
}

static inline struct souk_shard *
pop_busy(struct souk_worker *w, enum souk_ready_list list)
{
    struct souk_shard *shard = w->busy[list].head;
    if (!shard) return NULL;
    w->busy[list].head = shard->busy_next[list];
    if (!w->busy[list].head) w->busy[list].tail = NULL;
    shard->busy[list] = false;
    return shard;
}

/* To the end of the list; but who is asked or answered goes before those that are only told: what has been begun is
 * finished first. And who was just spawned goes to the front, while it is in the cache: so a tree of actors is walked
 * depth first, and has few of them alive at a time. Now and then one doesn't, for the others' sake. */
static inline void
get_ready(struct souk_worker *w, struct souk_shard *shard, struct souk_live *live, bool awaited)
{
    enum { NEWBORN = 64 };
    enum souk_ready_list list = awaited ? SOUK_READY_AWAITED : SOUK_READY_TOLD;
    if (live->queued) {
        if (!awaited || live->awaited) return;
        souk_lives_remove(&shard->ready[SOUK_READY_TOLD], live);
    } else if (live->paused) {
        return;
    }
    live->queued = true;
    live->awaited = awaited;
    bool newborn = live->head->spawns && ++w->newborn_run % NEWBORN;
    if (newborn) souk_lives_push_front(&shard->ready[list], live);
    else souk_lives_push(&shard->ready[list], live);
    if (w->holds[shard->number]) mark_busy(w, shard, list);
}

void
souk_lives_join(struct souk_worker *w, struct souk_shard *shard)
{
    for (unsigned list = 0; list < SOUK_READY_LISTS; list++)
        if (shard->ready[list].head) mark_busy(w, shard, list);
}

void
souk_lives_leave(struct souk_worker *w)
{
    for (unsigned list = 0; list < SOUK_READY_LISTS; list++)
        while (pop_busy(w, list)) {}
}

/* A named actor is there when it is first spoken to. */
static struct souk_live *
first_spoken_to(struct souk_worker *w, struct souk_shard *shard, const struct souk_message *m)
{
    bool speaks = m->class == SOUK_TELL || m->class == SOUK_ASK || m->class == SOUK_REQUEST;
    if (!speaks || souk_key_anonymous(m->to.key) || souk_key_none(m->to.key)) return NULL;
    const struct souk_kind *kind = souk_kind_of(w->partition, m->to.kind);
    if (!kind || !kind->policy || !has_room(w, shard)) return NULL;
    struct souk_live *live = souk_live_new(&shard->population, &shard->arena, kind, m->to.key);
    souk_kind_count(&w->slice.tally[kind->number].lives, 1);
    if (kind->policy->idle_ms) souk_lives_watch_idle(w, shard, live);
    return live;
}

/* A signal that is followed when it arrives, not in its turn: one that is down, or busy, is watched all the same. */
static bool
take_early(struct souk_worker *w, struct souk_live *live, struct souk_message *m)
{
    souk_ref from = { m->asker.kind, m->asker.key };
    struct souk_message *ask;
    switch ((enum souk_signal)m->tag) {
    case SOUK_SIGNAL_CANCEL:
        ask = souk_live_take_ask(live, m->asker);
        if (ask) souk_message_free(w->heap, ask);
        break;
    case SOUK_SIGNAL_LINK:
        souk_bond_add(live, w->heap, (struct souk_bond){ from, 0, SOUK_BOND_LINK });
        break;
    case SOUK_SIGNAL_UNLINK:
        souk_bond_remove(live, SOUK_BOND_LINK, from, 0);
        break;
    case SOUK_SIGNAL_MONITOR:
        souk_bond_add(live, w->heap, (struct souk_bond){ from, m->asker.number, SOUK_BOND_WATCHER });
        break;
    case SOUK_SIGNAL_UNMONITOR:
        souk_bond_remove(live, SOUK_BOND_WATCHER, from, m->asker.number);
        break;
    case SOUK_SIGNAL_CHILD_DOWN:
        souk_bond_remove(live, SOUK_BOND_CHILD, from, 0);
        break;
    default:
        return false; /* The others have their turns. */
    }
    souk_message_free(w->heap, m);
    return true;
}

void
souk_lives_deliver(struct souk_worker *w, struct souk_shard *shard, struct souk_message *m)
{
    struct souk_live *live = souk_live_find(&shard->population, m->to);
    if (!live && !(live = first_spoken_to(w, shard, m))) {
        if (m->class == SOUK_PROBE) {
            souk_fifo_push(&shard->probes, m);
            return;
        }
        bool full = !souk_key_anonymous(m->to.key) && !souk_key_none(m->to.key) && !has_room(w, shard);
        bury(w, m, full ? SOUK_REFUSED : SOUK_DEAD, full ? SOUK_OVERLOADED : 0);
        return;
    }
    if (m->class == SOUK_SIGNAL && take_early(w, live, m)) return;
    if (live->depth >= live->calm || live->crowded) {
        struct souk_fifo dropped = { NULL, NULL };
        bool room = souk_live_room(live, w->heap, m, w->slice.now_ms, &dropped);
        for (struct souk_message *d; (d = souk_fifo_pop(&dropped));) {
            bool late = d->due_ms && d->due_ms <= w->slice.now_ms;
            bury(w, d, late ? SOUK_LATE : SOUK_REFUSED, late ? 0 : SOUK_OVERLOADED);
        }
        if (!room) {
            bury(w, m, SOUK_REFUSED, SOUK_OVERLOADED);
            return;
        }
    }
    bool awaited = is_awaited(m);
    souk_live_push(live, m);
    get_ready(w, shard, live, awaited);
}

/* One that waits for its next life stands in a list of these, for whoever looks. */
static void
set_paused(struct souk_shard *shard, struct souk_live *live, bool paused)
{
    if (live->paused == paused) return;
    live->paused = paused;
    if (paused) souk_lives_push(&shard->paused, live);
    else souk_lives_remove(&shard->paused, live);
    atomic_store_explicit(&shard->has_paused, shard->paused.head != NULL, memory_order_relaxed);
}

/* The next life begins: the command it was spawned with comes first. */
void
souk_lives_start_again(struct souk_worker *w, struct souk_shard *shard, struct souk_live *live)
{
    const struct souk_message *start = live->extra->start;
    set_paused(shard, live, false);
    if (live->kind->policy->idle_ms && !souk_key_anonymous(live->key)) souk_lives_watch_idle(w, shard, live);
    if (start && !(live->head && live->head->spawns)) { /* It may have been put aside before. */
        struct souk_message *m = souk_message_new(w->heap, SOUK_TELL, start->length);
        memcpy(m, start, sizeof *m + start->length);
        struct souk_fifo first = { NULL, NULL };
        souk_fifo_push(&first, m);
        souk_live_push_front(live, &first);
    }
    if (live->head) get_ready(w, shard, live, false);
}

/* ---- Spawning. ---- */

struct souk_live *
souk_lives_spawn(void *self, const struct souk_kind *kind, enum souk_where where)
{
    struct souk_worker *w = self;
    struct souk_shard *shard = souk_shard_of(w->partition, w->slice.turn.live->key);
    souk_assert(w->partition->kinds[kind->number] == kind); /* A kind that the node hosts. */
    if (where == SOUK_SPREAD) {
        enum { TRIES = 8 };
        for (unsigned n = 0; n < TRIES; n++) {
            struct souk_shard *other = &w->partition->shards[w->spread++ % SOUK_SHARDS];
            if (!souk_slice_hold(w, other)) continue; /* Another worker has it. */
            shard = other;
            break;
        }
    }
    if (!has_room(w, shard)) return NULL;
    souk_kind_count(&w->slice.tally[kind->number].lives, 1);
    return souk_live_new(&shard->population, &shard->arena, kind, (souk_key){ 0, 0 });
}

void
souk_lives_unspawn(void *self, souk_ref actor)
{
    struct souk_worker *w = self;
    struct souk_shard *shard = souk_shard_of(w->partition, actor.key);
    souk_kind_count(&w->slice.tally[actor.kind].lives, (uint64_t)-1);
    souk_live_free(&shard->population, &shard->arena, souk_live_find(&shard->population, actor));
}

/* ---- Turns. ---- */

/* The short way of most messages: to an anonymous actor in a shard that is held, with room. False: the long way. */
static inline bool
deliver_near(struct souk_worker *w, struct souk_message *m)
{
    if (!souk_key_anonymous(m->to.key) || m->class >= SOUK_WAKE) return false;
    struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
    if (!w->holds[shard->number]) return false;
    struct souk_live *live = souk_live_find(&shard->population, m->to);
    if (!live || live->depth >= live->calm || live->crowded) return false;
    bool awaited = is_awaited(m);
    souk_live_push(live, m);
    get_ready(w, shard, live, awaited);
    return true;
}

static inline void
route_all(struct souk_worker *w)
{
    struct souk_message *m = w->slice.turn.out.head, *rest;
    w->slice.turn.out = (struct souk_fifo){ NULL, NULL };
    uint64_t own = w->slice.turn.live->key.high;
    for (; m; m = rest) {
        rest = m->next;
        w->slice.counts.messages++;
        w->across_shards += (m->to.key.high ^ own) % SOUK_SHARDS != 0;
        if (!deliver_near(w, m)) souk_slice_route(w, m);
    }
}

static void
bury_all(struct souk_worker *w, struct souk_fifo *fifo)
{
    for (struct souk_message *m; (m = souk_fifo_pop(fifo));) bury(w, m, SOUK_DEAD, 0);
}

static void
end(struct souk_worker *w, struct souk_live *live, uint32_t reason)
{
    struct souk_shard *shard = souk_shard_of(w->partition, live->key);
    souk_live_end(&w->slice, live, reason);
    route_all(w);
    for (struct souk_message *m; (m = souk_live_pop(live));) bury(w, m, SOUK_DEAD, 0);
    if (live->extra) {
        bury_all(w, &live->extra->stash);
        bury_all(w, &live->extra->waiting);
    }
    live->queued = false;
    set_paused(shard, live, false);
    souk_kind_count(&w->slice.tally[live->kind->number].lives, (uint64_t)-1);
    souk_live_free(&shard->population, &shard->arena, live);
    w->slice.turn.live = NULL;
}

/* The next life after a failed one; false when there have been too many. */
static bool
restart(struct souk_worker *w, struct souk_live *live)
{
    const struct souk_volatile *policy = live->kind->policy;
    uint64_t now = w->slice.now_ms;
    if (souk_live_count_restart(live, w->heap, now) > (policy->restarts_max ? policy->restarts_max : 5)) return false;
    souk_kind_count(&w->slice.tally[live->kind->number].restarts, 1);
    souk_live_restart(&w->slice, live);
    route_all(w);
    struct souk_shard *shard = souk_shard_of(w->partition, live->key);
    set_paused(shard, live, true);
    souk_lives_signal_at(w, shard, live, SOUK_SIGNAL_RESTART, now + souk_live_pause_ms(live, now));
    return true;
}

/* What the kind's policy says of a turn that has failed. False when the actor is gone. */
static bool
fail(struct souk_worker *w, struct souk_live *live)
{
    struct souk_turn *turn = &w->slice.turn;
    struct souk_message *m = turn->gathered ? NULL : turn->message;
    const struct souk_volatile *policy = live->kind->policy;
    souk_fault_tell(w, &live->identity);
    w->slice.catch.what = w->slice.catch.file = NULL;
    souk_live_undo(turn);
    souk_live_end_gathered(turn);
    if (m && m->class == SOUK_NEWS) souk_live_handled(&w->slice, live, m);
    if (m && m->spawns && policy->on_fault == SOUK_RESTART && !souk_live_extra(live, w->heap)->start)
        live->extra->start = m;
    else if (m) bury(w, m, SOUK_DEAD, 0);
    if (policy->on_fault == SOUK_RESUME) return true;
    if (policy->on_fault == SOUK_RESTART) {
        if (restart(w, live)) return true;
        end(w, live, SOUK_END_RESTARTS);
        return false;
    }
    if (policy->on_fault == SOUK_ESCALATE && live->extra && live->extra->parent.kind)
        souk_live_signal(turn, live->extra->parent, SOUK_SIGNAL_ESCALATE,
                         (souk_asker){ live->key, live->kind->number, 0 }, 0);
    end(w, live, SOUK_END_FAULT);
    return false;
}

/* One that has had its turns: back to the end of the list, if there is more for it. */
static void
put_back(struct souk_worker *w, struct souk_live *live)
{
    live->queued = live->awaited = false;
    if (live->head) get_ready(w, souk_shard_of(w->partition, live->key), live, false);
}

/* Whether a named one that is told to look has been idle for so long; else it looks again later. */
static bool
is_idle(struct souk_worker *w, struct souk_live *live, struct souk_message *m)
{
    uint64_t used_ms = live->extra->used_ms;
    souk_message_free(w->heap, m);
    if (!live->head && w->slice.now_ms - used_ms >= live->kind->policy->idle_ms) return true;
    if (!live->extra->pause) /* Else it looks already, since a restart. */
        souk_lives_signal_at(w, souk_shard_of(w->partition, live->key), live, SOUK_SIGNAL_IDLE,
                  used_ms + live->kind->policy->idle_ms);
    return false;
}

/* Most messages are tells, and most of these need nothing but that the handler speaks. */
static inline enum souk_live_next
turn(struct souk_slice *s, struct souk_live *live, struct souk_message *m)
{
    if (m->class != SOUK_TELL) return souk_live_turn(s, live, m);
    souk_live_begin(s, live, m);
    struct souk_reader in = { .at = m->body, .end = m->body + m->length, .scratch = &s->scratch };
    souk_verdict verdict = souk_live_speak(s, live, m->tag, &in, NULL);
    bool plain = verdict == SOUK_ACCEPT && !m->spawns && !s->turn.kept && !live->extra;
    if (!plain) return souk_live_settle(s, live, m, verdict);
    souk_message_free(s->heap, m);
    return s->turn.ends ? SOUK_LIVE_ENDS : SOUK_LIVE_GOES_ON;
}

/* The next one that is awaited: of each shard in turn. */
static struct souk_live *
next_awaited(struct souk_worker *w)
{
    for (struct souk_shard *shard; (shard = pop_busy(w, SOUK_READY_AWAITED));) {
        struct souk_live *live = souk_lives_pop(&shard->ready[SOUK_READY_AWAITED]);
        if (shard->ready[SOUK_READY_AWAITED].head) mark_busy(w, shard, SOUK_READY_AWAITED);
        if (live) return live;
    }
    return NULL;
}

/* The next one that is only told: some of each shard in turn, but none twice in one visit: who tells himself to go on
 * would get ahead of those that he tells something else. */
static struct souk_live *
next_told(struct souk_worker *w)
{
    enum { OF_ONE_SHARD = 16 };
    for (struct souk_shard *shard; (shard = w->busy[SOUK_READY_TOLD].head);) {
        struct souk_live *live = shard->ready[SOUK_READY_TOLD].head;
        if (live && live->visit != w->visit && w->shard_run++ < OF_ONE_SHARD) {
            live->visit = w->visit;
            return souk_lives_pop(&shard->ready[SOUK_READY_TOLD]);
        }
        (void)pop_busy(w, SOUK_READY_TOLD);
        if (live) mark_busy(w, shard, SOUK_READY_TOLD);
        w->shard_run = 0;
        w->visit++;
    }
    return NULL;
}

void
souk_lives_pause(struct souk_worker *w, struct souk_shard *shard)
{
    if (w->ahead) return;
    w->ahead = shard;
    w->ahead_ms = w->slice.now_ms;
}

/* Whether it is still so: else its messages would pile up in the other's memory. Two workers that are ahead of each
 * other both drain, so neither waits for long; and one who is held up by a turn without end holds up nobody else. */
static bool
is_ahead(struct souk_worker *w)
{
    int32_t inflow = (int32_t)atomic_load_explicit(&w->ahead->inflow, memory_order_relaxed); /* relaxed: a measure. */
    if (inflow > SOUK_AHEAD_MAX / 2 && w->slice.now_ms - w->ahead_ms < SOUK_AHEAD_MS) return true;
    w->ahead = NULL;
    return false;
}

/* Those that are awaited first, but not for ever. */
static struct souk_live *
next(struct souk_worker *w)
{
    enum { IN_A_ROW = 64 };
    if (w->ahead && is_ahead(w)) return next_awaited(w);
    bool told = w->awaited_run++ >= IN_A_ROW;
    struct souk_live *live = told ? next_told(w) : next_awaited(w);
    if (told || !live) w->awaited_run = 0;
    return live ? live : told ? next_awaited(w) : next_told(w);
}

static void
run(struct souk_worker *w, struct souk_live *live)
{
    struct souk_slice *s = &w->slice;
    const struct souk_kind *kind = live->kind;
    live->awaited = true; /* In no list now, so in none that it could be moved from. */
    s->turn.live = live;
    s->turn.cell = NULL;
    s->turn.slice = s;
    s->turn.lane = (uint8_t)(souk_hash_mix(live->key.high ^ live->key.low) % SOUK_LANES);
    souk_at_actor(s, kind, live->key);
    if (live->traced) w->watch_in = 1;
    struct souk_message *m;
    /* What was there when it began (gated service): with less, who gets many messages a round would fall behind. */
    unsigned left = live->depth < SOUK_QUANTUM ? live->depth : SOUK_QUANTUM;
    bool idles = kind->policy->idle_ms;
    for (; left && !live->paused && (m = souk_live_pop(live)); left--) {
        if (idles) {
            if (m->class == SOUK_SIGNAL && m->tag == SOUK_SIGNAL_IDLE) {
                if (!is_idle(w, live, m)) continue;
                end(w, live, SOUK_END_NORMAL);
                return;
            }
            souk_live_extra(live, w->heap)->used_ms = s->now_ms;
        }
        __builtin_prefetch(live->head); /* The next one, sent long ago: its envelope's two lines. */
        __builtin_prefetch((const char *)live->head + 64);
        w->slice_turns++;
        enum souk_live_next then = --w->watch_in ? turn(s, live, m) : souk_watch_live(w, live, m);
        if (then == SOUK_LIVE_FAILS) {
            if (!fail(w, live)) return;
            continue;
        }
        route_all(w);
        if (then == SOUK_LIVE_ENDS) {
            end(w, live, s->turn.reason);
            return;
        }
    }
    put_back(w, live);
}

bool
souk_lives_run(struct souk_worker *w)
{
    struct souk_live *live = next(w);
    if (live) run(w, live);
    return live;
}

void
souk_lives_caught(struct souk_worker *w)
{
    struct souk_live *live = w->slice.turn.live;
    if (live->traced) souk_watch_trace(w, SOUK_FAILED);
    if (fail(w, live)) put_back(w, live);
}
