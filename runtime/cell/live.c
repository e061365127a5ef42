/* SPDX-License-Identifier: Apache-2.0 */
/* cell/live.c -- volatile actors: where they are, their queues, what is under way for them; see live.h. */
#include "cell/live.h"

#include "base/hash.h"

/* ---- The population. ---- */

static uint32_t
take_place(struct souk_population *p, souk_heap *heap)
{
    if (p->free) {
        uint32_t place = p->free - 1;
        p->free = p->berth[place].next_free;
        return place;
    }
    if (p->berths == p->berths_room) {
        uint32_t room = p->berths_room ? 2 * p->berths_room : 16;
        p->berth = souk_heap_grow(heap, p->berth, p->berths_room * sizeof *p->berth, room * sizeof *p->berth);
        p->berths_room = room;
    }
    p->berth[p->berths] = (struct souk_berth){ NULL, p->generation, 0 };
    return p->berths++;
}

struct souk_live *
souk_live_new(struct souk_population *p, struct souk_arena *arena, const struct souk_kind *kind, souk_key key)
{
    struct souk_live *live = souk_heap_zalloc(arena->heap, sizeof *live + kind->state_size);
    live->kind = kind;
    live->calm = (kind->policy->queue_max ? kind->policy->queue_max : SOUK_QUEUE_MAX) / 2;
    *(struct souk_arena **)(void *)live->state = arena;
    p->count++;
    if (!souk_key_none(key)) {
        live->key = key;
        live->asked = p->asked;
        souk_directory_add(&p->named, arena->heap, &live->identity);
        return live;
    }
    uint32_t place = take_place(p, arena->heap);
    live->key = (souk_key){ SOUK_ANONYMOUS << 16 | p->shard, (uint64_t)place << 32 | p->berth[place].generation };
    p->berth[place].live = live;
    return live;
}

static void
free_fifo(souk_heap *heap, struct souk_fifo *fifo)
{
    for (struct souk_message *m; (m = souk_fifo_pop(fifo));) souk_message_free(heap, m);
}

/* All of the second block that belongs to one life: not bonds, the start, the parent and the record of restarts. */
static void
clear_extra(struct souk_live *live, souk_heap *heap)
{
    struct souk_extra *x = live->extra;
    souk_heap_free(heap, x->open, x->open_room * sizeof *x->open);
    x->open = NULL;
    x->open_count = x->open_room = 0;
    while (x->gatherings) souk_gathering_free(live, heap, x->gatherings->number);
    x->trap = 0;
}

void
souk_live_free(struct souk_population *p, struct souk_arena *arena, struct souk_live *live)
{
    souk_assert(!live->head && !live->queued);
    p->count--;
    if (souk_key_anonymous(live->key)) {
        uint32_t place = (uint32_t)(live->key.low >> 32);
        p->berth[place] = (struct souk_berth){ NULL, (uint32_t)live->key.low + 1, p->free };
        if (p->berth[place].generation != p->generation) p->free = place + 1; /* Else all keys of it were used. */
    } else {
        souk_directory_remove(&p->named, &live->identity);
        if ((int32_t)(live->asked - p->asked) > 0) p->asked = live->asked;
    }
    souk_state_clear(live->kind, live->state);
    if (live->extra) {
        clear_extra(live, arena->heap);
        free_fifo(arena->heap, &live->extra->stash);
        free_fifo(arena->heap, &live->extra->waiting);
        if (live->extra->start) souk_message_free(arena->heap, live->extra->start);
        souk_heap_free(arena->heap, live->extra->bonds, live->extra->bonds_room * sizeof *live->extra->bonds);
        souk_heap_free(arena->heap, live->extra->restarted_ms,
                       live->extra->restarts_room * sizeof *live->extra->restarted_ms);
        souk_heap_free(arena->heap, live->extra, sizeof *live->extra);
    }
    souk_heap_free(arena->heap, live, sizeof *live + live->kind->state_size);
}

struct souk_extra *
souk_live_extra(struct souk_live *live, souk_heap *heap)
{
    if (!live->extra) live->extra = souk_heap_zalloc(heap, sizeof *live->extra);
    return live->extra;
}

void
souk_live_reset(struct souk_live *live, souk_heap *heap)
{
    struct souk_arena *arena = *(struct souk_arena **)(void *)live->state;
    souk_state_clear(live->kind, live->state);
    memset(live->state, 0, live->kind->state_size);
    *(struct souk_arena **)(void *)live->state = arena;
    if (live->extra) clear_extra(live, heap);
}

/* ---- The queue. ---- */

/* Answers, and what the runtime or the actor itself sends, always fit. So do events: there are few at a time. */
static bool
always_fits(const struct souk_message *m)
{
    return m->class == SOUK_OUTCOME || m->class == SOUK_SIGNAL || m->class == SOUK_WAKE || m->class == SOUK_NEWS;
}

/* What may go to make room. Not the command that begins a life, either. */
static bool
may_go(const struct souk_message *m)
{
    return !always_fits(m) && !m->spawns;
}

/* Unlinks those that may go: expired ones, or just the oldest. */
static void
drop(struct souk_live *live, uint64_t now_ms, bool oldest, struct souk_fifo *dropped)
{
    struct souk_message *kept_tail = NULL, **link = &live->head;
    bool any = false;
    for (struct souk_message *m; (m = *link);) {
        bool expires = may_go(m) && m->due_ms, goes = oldest ? may_go(m) && !any : expires && m->due_ms <= now_ms;
        if (!goes && expires && m->due_ms < live->extra->shed_ms) live->extra->shed_ms = m->due_ms;
        if (goes) {
            any = true;
            *link = m->next;
            live->depth--;
            if (live->crowded) live->extra->lane[m->lane % SOUK_LANES]--;
            souk_fifo_push(dropped, m);
            if (!oldest) continue;
            if (!*link) break;
            return; /* The rest, and so the tail, is as it was. */
        }
        kept_tail = m;
        link = &m->next;
    }
    live->tail = kept_tail;
}

/* Begins to count whose messages they are. */
static void
crowd(struct souk_live *live, souk_heap *heap)
{
    struct souk_extra *x = souk_live_extra(live, heap);
    memset(x->lane, 0, sizeof x->lane);
    x->shed_ms = 0;
    for (const struct souk_message *m = live->head; m; m = m->next) x->lane[m->lane % SOUK_LANES]++;
    live->crowded = true;
}

/* Whether this sender has its share already, of a queue of that size: an equal one for each sender there is, and one to
 * spare for who comes next. (Senders are hashed to lanes, as in stochastic fairness queueing, McKenney 1990.) */
static bool
has_share(const struct souk_live *live, const struct souk_message *m, uint32_t most)
{
    uint32_t senders = 1;
    for (unsigned i = 0; i < SOUK_LANES; i++) senders += live->extra->lane[i] > 0;
    return live->extra->lane[m->lane % SOUK_LANES] >= most / senders;
}

bool
souk_live_room(struct souk_live *live, souk_heap *heap, struct souk_message *m, uint64_t now_ms,
               struct souk_fifo *dropped)
{
    const struct souk_volatile *policy = live->kind->policy;
    uint32_t most = policy->queue_max ? policy->queue_max : SOUK_QUEUE_MAX;
    uint32_t depth = live->depth + (live->extra ? live->extra->stashed : 0);
    if (live->crowded && depth < most / 4) live->crowded = false;
    if (depth < most / 2 && !live->crowded) return true;
    if (!live->crowded) crowd(live, heap);
    bool room = depth < most;
    if (!always_fits(m)) {
        if (policy->on_full == SOUK_DROP_OLDEST && !room) {
            drop(live, now_ms, true, dropped);
            room = dropped->head;
        } else if (policy->on_full == SOUK_SHED_EXPIRED && !room && live->extra->shed_ms <= now_ms) {
            live->extra->shed_ms = UINT64_MAX; /* So that a full queue isn't searched for each message. */
            drop(live, now_ms, false, dropped);
            room = dropped->head;
        } else if (policy->on_full == SOUK_REFUSE) {
            room = room && !has_share(live, m, most);
        }
        if (!room) return false;
    }
    if (m->due_ms && m->due_ms < live->extra->shed_ms) live->extra->shed_ms = m->due_ms;
    live->extra->lane[m->lane % SOUK_LANES]++;
    return true;
}

struct souk_message *
souk_live_take_ask(struct souk_live *live, souk_asker asker)
{
    struct souk_message *before = NULL;
    for (struct souk_message *m = live->head; m; before = m, m = m->next) {
        if (m->class != SOUK_ASK || m->asker.number != asker.number || m->asker.kind != asker.kind ||
            !souk_key_equal(m->asker.key, asker.key))
            continue;
        if (before) before->next = m->next;
        else live->head = m->next;
        if (live->tail == m) live->tail = before;
        live->depth--;
        if (live->crowded) live->extra->lane[m->lane % SOUK_LANES]--;
        return m;
    }
    return NULL;
}

void
souk_live_forget(struct souk_live *live, souk_heap *heap, enum souk_signal signal)
{
    struct souk_message *kept = NULL, **link = &live->head;
    for (struct souk_message *m; (m = *link);) {
        if (m->class != SOUK_SIGNAL || m->tag != signal) {
            kept = m;
            link = &m->next;
            continue;
        }
        *link = m->next;
        live->depth--;
        if (live->crowded) live->extra->lane[m->lane % SOUK_LANES]--;
        souk_message_free(heap, m);
    }
    live->tail = kept;
}

void
souk_live_push_front(struct souk_live *live, struct souk_fifo *chain)
{
    if (!chain->head) return;
    for (const struct souk_message *m = chain->head; m; m = m->next) {
        live->depth++;
        if (live->crowded) live->extra->lane[m->lane % SOUK_LANES]++;
    }
    chain->tail->next = live->head;
    if (!live->head) live->tail = chain->tail;
    live->head = chain->head;
    *chain = (struct souk_fifo){ NULL, NULL };
}

/* How deep the queue is when its policy begins to speak: a stash counts. */
static void
calm_down(struct souk_live *live)
{
    uint32_t most = live->kind->policy->queue_max ? live->kind->policy->queue_max : SOUK_QUEUE_MAX;
    live->calm = most / 2 > live->extra->stashed ? most / 2 - live->extra->stashed : 0;
}

void
souk_live_stash(struct souk_live *live, souk_heap *heap, struct souk_message *m)
{
    struct souk_extra *x = souk_live_extra(live, heap);
    if (m->class == SOUK_WAKE) m->asker.number = 0; /* It has come; see note_wake(). */
    souk_fifo_push(&x->stash, m);
    x->stashed++;
    calm_down(live);
}

void
souk_live_unstash(struct souk_live *live)
{
    if (!live->extra || !live->extra->stashed) return;
    live->extra->stashed = 0;
    calm_down(live);
    souk_live_push_front(live, &live->extra->stash);
}

/* ---- What is under way: Robin Hood hashing (Celis, 1986) by number, with backward shifts. Numbers count up, so nearly
 * all stand in their own place, and finding, adding and removing one looks at one or two. ---- */

/* How far from its own place an entry stands. */
static uint32_t
distance(const struct souk_extra *x, uint32_t i)
{
    return (i - x->open[i].number) & (x->open_room - 1);
}

struct souk_open *
souk_open_search_(const struct souk_live *live, uint32_t number)
{
    const struct souk_extra *x = live->extra;
    uint32_t mask = x->open_room - 1;
    for (uint32_t i = number & mask, far = 0; x->open[i].number; i = (i + 1) & mask, far++) {
        if (x->open[i].number == number) return &x->open[i];
        if (distance(x, i) < far) return NULL;
    }
    return NULL;
}

/* Puts an entry in its place, or as near as it can be: who stands nearer to his own makes room. Returns where it is. */
static struct souk_open *
open_place(struct souk_extra *x, struct souk_open entry)
{
    struct souk_open *placed = NULL;
    uint32_t mask = x->open_room - 1;
    for (uint32_t i = entry.number & mask, far = 0;; i = (i + 1) & mask, far++) {
        if (!x->open[i].number) {
            x->open[i] = entry;
            return placed ? placed : &x->open[i];
        }
        uint32_t other = distance(x, i);
        if (other >= far) continue;
        struct souk_open moved = x->open[i];
        x->open[i] = entry;
        if (!placed) placed = &x->open[i];
        entry = moved;
        far = other;
    }
}

struct souk_open *
souk_open_add(struct souk_live *live, souk_heap *heap, enum souk_open_class class)
{
    struct souk_extra *x = souk_live_extra(live, heap);
    if (4 * x->open_count >= x->open_room) { /* So sparse that numbers far apart seldom meet. */
        struct souk_open *old = x->open;
        uint32_t old_room = x->open_room;
        x->open_room = old_room ? 2 * old_room : 8;
        x->open = souk_heap_zalloc(heap, x->open_room * sizeof *x->open);
        for (uint32_t i = 0; i < old_room; i++)
            if (old[i].number) (void)open_place(x, old[i]);
        souk_heap_free(heap, old, old_room * sizeof *old);
    }
    do live->asked++;
    while (!live->asked || souk_open_find(live, live->asked)); /* After 2^32 numbers it begins again. */
    x->open_count++;
    struct souk_open *own = &x->open[live->asked & (x->open_room - 1)];
    if (!own->number) {
        *own = (struct souk_open){ .number = live->asked, .class = (uint8_t)class };
        return own;
    }
    return open_place(x, (struct souk_open){ .number = live->asked, .class = (uint8_t)class });
}

void
souk_open_remove(struct souk_live *live, uint32_t number)
{
    struct souk_open *open = souk_open_find(live, number);
    if (!open) return;
    struct souk_extra *x = live->extra;
    uint32_t mask = x->open_room - 1, hole = (uint32_t)(open - x->open), next = (hole + 1) & mask;
    for (; x->open[next].number && distance(x, next); hole = next, next = (next + 1) & mask)
        x->open[hole] = x->open[next];
    x->open[hole].number = 0;
    x->open_count--;
}

struct souk_gathering *
souk_gathering_find(const struct souk_live *live, uint32_t number)
{
    struct souk_gathering *g = live->extra ? live->extra->gatherings : NULL;
    while (g && g->number != number) g = g->next;
    return g;
}

void
souk_gathering_free(struct souk_live *live, souk_heap *heap, uint32_t number)
{
    struct souk_gathering **link = &live->extra->gatherings;
    while (*link && (*link)->number != number) link = &(*link)->next;
    struct souk_gathering *g = *link;
    if (!g) return;
    *link = g->next;
    for (uint32_t i = 0; i < g->asked; i++)
        if (g->outcome[i]) souk_message_free(heap, g->outcome[i]);
    souk_heap_free(heap, g->outcome, g->room * sizeof *g->outcome);
    souk_heap_free(heap, g, sizeof *g);
}

/* ---- Restarts. ---- */

/* Half of it is chance: full jitter would allow none. The chance is a hash, so that a simulation repeats itself. */
uint64_t
souk_live_pause_ms(const struct souk_live *live, uint64_t now_ms)
{
    const struct souk_volatile *policy = live->kind->policy;
    uint64_t most = policy->backoff_max_ms ? policy->backoff_max_ms : 5000;
    uint64_t base = policy->backoff_ms ? policy->backoff_ms : 10;
    unsigned doubled = live->extra->restarts - 1 < 32 ? live->extra->restarts - 1 : 32;
    uint64_t pause = base << doubled < most ? base << doubled : most;
    return pause - souk_hash_mix(live->key.low ^ live->key.high ^ now_ms) % (pause / 2 + 1);
}

uint32_t
souk_live_count_restart(struct souk_live *live, souk_heap *heap, uint64_t now_ms)
{
    struct souk_extra *x = souk_live_extra(live, heap);
    uint64_t within_ms = live->kind->policy->within_ms ? live->kind->policy->within_ms : 10000;
    uint32_t over = 0;
    while (over < x->restarts && now_ms - x->restarted_ms[over] > within_ms) over++;
    x->restarts -= over;
    if (over) memmove(x->restarted_ms, x->restarted_ms + over, x->restarts * sizeof *x->restarted_ms);
    if (x->restarts == x->restarts_room) {
        uint32_t room = x->restarts_room ? 2 * x->restarts_room : 4;
        x->restarted_ms = souk_heap_grow(heap, x->restarted_ms, x->restarts_room * sizeof *x->restarted_ms,
                                         room * sizeof *x->restarted_ms);
        x->restarts_room = room;
    }
    x->restarted_ms[x->restarts++] = now_ms;
    return x->restarts;
}

/* ---- Bonds: open addressing with linear probing, too; one parent may have a million children. ---- */

static uint32_t
bond_home(const struct souk_extra *x, enum souk_bond_class class, souk_ref to, uint32_t number)
{
    return (uint32_t)souk_hash_mix(to.key.high ^ souk_hash_mix(to.key.low + to.kind + class + ((uint64_t)number << 32)))
           & (x->bonds_room - 1);
}

static uint32_t
bond_place(const struct souk_extra *x, enum souk_bond_class class, souk_ref to, uint32_t number)
{
    uint32_t i = bond_home(x, class, to, number);
    for (const struct souk_bond *b; (b = &x->bonds[i])->class; i = (i + 1) & (x->bonds_room - 1))
        if (b->class == class && b->number == number && b->to.kind == to.kind && souk_key_equal(b->to.key, to.key))
            break;
    return i;
}

struct souk_bond *
souk_bond_find(const struct souk_live *live, enum souk_bond_class class, souk_ref to, uint32_t number)
{
    const struct souk_extra *x = live->extra;
    if (!x || !x->bonds_room) return NULL;
    struct souk_bond *b = &x->bonds[bond_place(x, class, to, number)];
    return b->class ? b : NULL;
}

bool
souk_bond_add(struct souk_live *live, souk_heap *heap, struct souk_bond bond)
{
    struct souk_extra *x = souk_live_extra(live, heap);
    if (2 * x->bonds_count >= x->bonds_room) {
        struct souk_bond *old = x->bonds;
        uint32_t old_room = x->bonds_room;
        x->bonds_room = old_room ? 2 * old_room : 4;
        x->bonds = souk_heap_zalloc(heap, x->bonds_room * sizeof bond);
        for (uint32_t i = 0; i < old_room; i++)
            if (old[i].class) x->bonds[bond_place(x, old[i].class, old[i].to, old[i].number)] = old[i];
        souk_heap_free(heap, old, old_room * sizeof bond);
    }
    struct souk_bond *b = &x->bonds[bond_place(x, bond.class, bond.to, bond.number)];
    if (b->class) return false;
    *b = bond;
    x->bonds_count++;
    return true;
}

bool
souk_bond_remove(struct souk_live *live, enum souk_bond_class class, souk_ref to, uint32_t number)
{
    struct souk_bond *b = souk_bond_find(live, class, to, number);
    if (!b) return false;
    struct souk_extra *x = live->extra;
    uint32_t mask = x->bonds_room - 1, hole = (uint32_t)(b - x->bonds);
    b->class = 0;
    x->bonds_count--;
    for (uint32_t next = (hole + 1) & mask; x->bonds[next].class; next = (next + 1) & mask) {
        const struct souk_bond *n = &x->bonds[next];
        uint32_t wanted = bond_home(x, n->class, n->to, n->number);
        if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
        x->bonds[hole] = *n;
        x->bonds[next].class = 0;
        hole = next;
    }
    return true;
}
