/* SPDX-License-Identifier: Apache-2.0 */
/* work/topics.c -- the reader of topics: takes durable groups as they come, or from the journal, and hands each feed
 * what it wants, in order, as far as its credit goes; see topics.h. On the reader's thread, all but the offering.
 *
 * Invariant: `kept` holds consecutive groups, the last of which ends at `end`; each event beyond a feed's `live` has
 * been counted in its `behind` once, when its group was kept. */
#include "cell/lift.h"
#include "work/walk.h"

#include <stdlib.h>

enum { KEPT_ROOM = 64, READ_BYTES = 1 << 20, GROUPS = 64 };

/* One event of a group. */
struct happening {
    uint64_t position, time_ms;
    souk_key actor;
    uint32_t ordinal, kind, tag;
    struct souk_bytes body;
};

/* The body of an event of the past, as what it has become. */
struct lifted { struct lifted *next; size_t length; uint8_t body[]; };

struct souk_kept {
    uint64_t first, last;
    struct lifted *lifted;
    struct souk_message *group;
    struct happening *events;
    uint32_t count, room;
};

/* ---- The committer's side. ---- */

void
souk_topics_offer(struct souk_partition *p, uint64_t first, const struct souk_bytes *parts, size_t count)
{
    struct souk_topics *t = &p->topics;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += parts[i].length;
    if (atomic_load_explicit(&t->coming, memory_order_relaxed) + bytes > SOUK_TAIL_BYTES) return; /* It will be read. */
    struct souk_message *m = souk_message_new(t->group_heap, SOUK_GROUP, bytes);
    uint8_t *at = m->body;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].at, parts[i].length);
        at += parts[i].length;
    }
    m->dep = first;
    atomic_fetch_add_explicit(&t->coming, bytes, memory_order_relaxed);
    souk_mailbox_push(&t->box, m, m);
}

/* ---- Groups. ---- */

/* Subscribers never hear of a kind's past: an event of it is told as what it has become. What cannot be lifted keeps a
 * tag that nobody can subscribe to. */
static void
lift(struct souk_topics *t, struct souk_kept *k, struct happening *event)
{
    const struct souk_kind *kind = event->kind < SOUK_KINDS_MAX ? t->kinds[event->kind] : NULL;
    if (!kind || !kind->past) return;
    uint32_t tag = event->tag;
    struct souk_bytes body = event->body;
    if (!t->scratch) t->scratch = souk_heap_alloc(t->heap, SOUK_SCRATCH_BYTES);
    struct souk_scratch scratch = { t->scratch, t->scratch + SOUK_SCRATCH_BYTES };
    if (!souk_lift(kind, &tag, &body, &scratch) || tag == event->tag) return;
    struct lifted *lifted = souk_heap_alloc(t->heap, sizeof *lifted + body.length);
    *lifted = (struct lifted){ k->lifted, body.length };
    memcpy(lifted->body, body.at, body.length);
    k->lifted = lifted;
    event->tag = tag;
    event->body.at = lifted->body;
    event->body.length = body.length;
}

static void
note_event(struct souk_topics *t, struct souk_kept *k, struct happening event)
{
    lift(t, k, &event);
    if (k->count == k->room) {
        uint32_t room = k->room ? 2 * k->room : 16;
        k->events = souk_heap_grow(t->heap, k->events, k->room * sizeof *k->events, room * sizeof *k->events);
        k->room = room;
    }
    k->events[k->count++] = event;
}

/* What is being listed, and whose memory it takes. */
struct listing { struct souk_topics *t; struct souk_kept *k; };

/* Lists the events of a batch. */
static souk_err
index_batch(void *arg, struct souk_batch_reader *batch, size_t length SOUK_UNUSED)
{
    struct souk_topics *t = ((struct listing *)arg)->t;
    struct souk_kept *k = ((struct listing *)arg)->k;
    enum { FEW = 64 };
    souk_ref few[FEW], *actors = few, whose = { 0, { 0, 0 } };
    uint32_t known = 0, room = FEW, ordinal = 0;
    uint64_t time_ms = batch->time_ms;
    struct souk_step step = { .class = SOUK_STEP_ACTOR };
    souk_err err = SOUK_OK;
    while (!err && !(err = souk_batch_next(batch, &step)) && step.class != SOUK_STEP_END) {
        if (step.class == SOUK_STEP_ACTOR) {
            if (known == room) {
                souk_ref *more = souk_heap_alloc(t->heap, 2 * room * sizeof *more);
                memcpy(more, actors, known * sizeof *more);
                if (actors != few) souk_heap_free(t->heap, actors, room * sizeof *actors);
                actors = more;
                room *= 2;
            }
            actors[known++] = (souk_ref){ step.kind, step.key };
        } else if (step.class == SOUK_STEP_TURN) {
            if (step.actor >= known) err = SOUK_ERR_CORRUPT;
            else whose = actors[step.actor];
            time_ms = step.time_ms;
        } else if (step.class == SOUK_STEP_EVENT) {
            note_event(t, k, (struct happening){ batch->position, time_ms, whose.key, ordinal++, whose.kind, step.tag,
                                                 step.body });
        }
    }
    if (actors != few) souk_heap_free(t->heap, actors, room * sizeof *actors);
    return err;
}

static void
kept_free(struct souk_topics *t, struct souk_kept *k)
{
    if (!k) return;
    for (struct lifted *l; (l = k->lifted); souk_heap_free(t->heap, l, sizeof *l + l->length)) k->lifted = l->next;
    souk_heap_free(t->heap, k->events, k->room * sizeof *k->events);
    souk_message_free(t->heap, k->group);
    souk_heap_free(t->heap, k, sizeof *k);
}

/* Decodes a group. Takes the message; NULL when it cannot be read. */
static struct souk_kept *
kept_open(struct souk_topics *t, struct souk_message *group)
{
    struct souk_kept *k = souk_heap_zalloc(t->heap, sizeof *k);
    struct souk_walk walk = { .unchained = true, .batch = index_batch, .arg = &(struct listing){ t, k } };
    k->group = group;
    k->first = group->dep;
    souk_err err = souk_walk_group(&walk, k->first, (struct souk_bytes){ group->body, group->length });
    k->last = walk.next - 1;
    if (!err) return k;
    kept_free(t, k);
    return NULL;
}

static struct souk_kept **
kept_place(const struct souk_topics *t, uint32_t i)
{
    return &t->kept[(t->kept_at + i) & (t->kept_room - 1)];
}

static uint64_t
kept_cost(const struct souk_kept *k)
{
    return sizeof *k + k->group->length + k->room * sizeof *k->events;
}

static void
kept_forget(struct souk_topics *t)
{
    struct souk_kept *k = *kept_place(t, 0);
    t->kept_at++;
    t->kept_count--;
    t->kept_bytes -= kept_cost(k);
    kept_free(t, k);
}

/* Whether a feed wants it. */
static bool
wants(const struct souk_feed *f, const struct happening *e)
{
    if (!souk_key_none(f->actor) && !souk_key_equal(f->actor, e->actor)) return false;
    for (uint32_t i = 0; i < f->topics_count; i++)
        if (f->topics[i].tag == e->tag && f->topics[i].kind == e->kind) return true;
    return false;
}

/* The next group of the stream. Takes it. */
static void
keep(struct souk_topics *t, struct souk_kept *k)
{
    if (t->kept_count == t->kept_room) {
        uint32_t room = t->kept_room ? 2 * t->kept_room : KEPT_ROOM;
        struct souk_kept **more = souk_heap_alloc(t->heap, room * sizeof(struct souk_kept *));
        for (uint32_t i = 0; i < t->kept_count; i++) more[i] = *kept_place(t, i);
        souk_heap_free(t->heap, t->kept, t->kept_room * sizeof(struct souk_kept *));
        t->kept = more;
        t->kept_at = 0;
        t->kept_room = room;
    }
    t->kept_count++;
    *kept_place(t, t->kept_count - 1) = k;
    t->kept_bytes += kept_cost(k);
    t->end = k->last;
    for (struct souk_feed *f = t->feeds; f; f = f->next) {
        uint64_t wanted = 0;
        for (uint32_t i = 0; i < k->count; i++) wanted += k->events[i].position > f->live && wants(f, &k->events[i]);
        if (wanted) atomic_store(&f->behind, atomic_load_explicit(&f->behind, memory_order_relaxed) + wanted);
    }
    while (t->kept_count > 1 && t->kept_bytes > SOUK_TAIL_BYTES) kept_forget(t);
}

/* The kept group with that position, or NULL: it is older, or newer. */
static struct souk_kept *
kept_find(const struct souk_topics *t, uint64_t position)
{
    uint32_t low = 0, high = t->kept_count; /* The first that begins after it. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((*kept_place(t, middle))->first <= position) low = middle + 1;
        else high = middle;
    }
    struct souk_kept *k = low ? *kept_place(t, low - 1) : NULL;
    return k && k->last >= position ? k : NULL;
}

/* ---- The journal. ---- */

struct reading {
    struct souk_partition *p;
    struct souk_feed *feed; /* NULL: for the stream. */
    uint64_t until;         /* No group that begins after it. */
    size_t bytes;
    bool any;
};

static bool hand_over(struct souk_partition *p, struct souk_feed *f, const struct souk_kept *k);

/* The position where a cursor goes on. */
static uint64_t
next_of(struct souk_cursor cursor)
{
    return cursor.ordinal == UINT32_MAX || !cursor.position ? cursor.position + 1 : cursor.position;
}

/* Ends with SOUK_ERR_BUSY when that was enough for once. */
static souk_err
take_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct reading *r = arg;
    struct souk_topics *t = &r->p->topics;
    if (first > r->until) return SOUK_ERR_BUSY;
    struct souk_message *m = souk_message_new(t->heap, SOUK_GROUP, bytes.length);
    memcpy(m->body, bytes.at, bytes.length);
    m->dep = first;
    struct souk_kept *k = kept_open(t, m);
    if (!k) return SOUK_ERR_CORRUPT;
    r->any = true;
    r->bytes += bytes.length;
    atomic_fetch_add_explicit(&t->journal_reads, 1, memory_order_relaxed);
    if (!r->feed) {
        keep(t, k);
        return r->bytes < READ_BYTES ? SOUK_OK : SOUK_ERR_BUSY;
    }
    kept_free(t, t->old);
    t->old = k;
    struct souk_feed *f = r->feed;
    if (next_of(f->cursor) < k->first) { /* What it was to go on with has been trimmed. */
        f->skips = true;
        f->cursor = (struct souk_cursor){ k->first - 1, UINT32_MAX };
    }
    return hand_over(r->p, f, k) && r->bytes < READ_BYTES ? SOUK_OK : SOUK_ERR_BUSY;
}

static bool
read_journal(struct souk_partition *p, struct souk_feed *f, uint64_t from, uint64_t until)
{
    struct reading r = { .p = p, .feed = f, .until = until };
    souk_err err = p->journal->ops->read(p->journal, from, take_group, &r);
    if (err && err != SOUK_ERR_BUSY) souk_partition_fail(p, err);
    return r.any;
}

/* ---- Handing over. ---- */

static uint64_t
credit(const struct souk_feed *f)
{
    return SOUK_NEWS_MAX - (atomic_load_explicit(&f->given, memory_order_relaxed) - atomic_load(&f->handled));
}

/* A body as a `bytes`, or nothing when it is too long for one. */
static struct souk_bytes
carried(struct souk_bytes body)
{
    return body.length <= SOUK_TEXT_MAX ? body : (struct souk_bytes){ "", 0 };
}

static struct souk_message *
message_of(struct souk_topics *t, const struct souk_feed *f, const struct souk_happened *h)
{
    struct souk_message *m;
    if (f->subscriber.kind) {
        const struct souk_bytes body = carried(h->body);
        size_t length = 1 + 4 * souk_size_u32(NULL) + 3 * souk_size_u64(NULL) + souk_size_key(NULL) +
                        souk_size_bytes(&body);
        m = souk_message_new(t->heap, SOUK_NEWS, length);
        uint8_t *at = souk_put_array_(m->body, 9);
        at = souk_put_u32(at, &h->subscription);
        at = souk_put_u64(at, &h->position);
        at = souk_put_u32(at, &h->ordinal);
        at = souk_put_u32(at, &h->kind);
        at = souk_put_key(at, &h->actor);
        at = souk_put_u64(at, &h->time_ms);
        at = souk_put_u32(at, &h->tag);
        at = souk_put_u64(at, &h->skipped);
        at = souk_put_bytes(at, &body);
        souk_assert(at == m->body + length);
    } else {
        m = souk_message_new(t->heap, SOUK_NEWS, sizeof *h + h->body.length);
        memcpy(m->body, h, sizeof *h);
        if (h->body.length) memcpy(m->body + sizeof *h, h->body.at, h->body.length);
    }
    m->to = f->subscriber;
    m->tag = f->command;
    m->asker = (souk_asker){ { f->id, (uint64_t)(uintptr_t)f }, 0, f->number };
    m->dep = h->position;
    m->time_ms = h->time_ms;
    return m;
}

static void
push_all(struct souk_partition *p, const struct souk_feed *f, const struct souk_fifo *chain)
{
    struct souk_worker *w = f->worker;
    if (f->subscriber.kind) w = p->workers[souk_shard_of(p, f->subscriber.key)->number % p->workers_count];
    souk_mailbox_push(&w->inbox, chain->head, chain->tail);
    souk_worker_wake(w);
}

/* The first event of a group beyond a cursor. */
static uint32_t
first_beyond(const struct souk_kept *k, struct souk_cursor cursor)
{
    uint32_t low = 0, high = k->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct happening *e = &k->events[middle];
        bool beyond = e->position > cursor.position || (e->position == cursor.position && e->ordinal > cursor.ordinal);
        if (beyond) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* Gives what the feed wants of a group; true when all of it is done, false when its credit is used up. */
static bool
hand_over(struct souk_partition *p, struct souk_feed *f, const struct souk_kept *k)
{
    struct souk_topics *t = &p->topics;
    struct souk_fifo chain = { NULL, NULL };
    uint64_t left = credit(f), given = 0, live = 0;
    uint32_t i = first_beyond(k, f->cursor);
    if (f->skips && left) {
        struct souk_happened h = { .subscription = f->number, .position = f->cursor.position,
                                   .ordinal = f->cursor.ordinal, .skipped = f->skipped };
        souk_fifo_push(&chain, message_of(t, f, &h));
        f->skips = false;
        f->skipped = 0;
        given++;
    }
    for (; i < k->count; i++) {
        const struct happening *e = &k->events[i];
        if (!wants(f, e)) continue;
        if (given == left) break;
        struct souk_happened h = { f->number, e->position, e->ordinal, e->kind, e->actor, e->time_ms, e->tag, 0,
                                   e->body };
        souk_fifo_push(&chain, message_of(t, f, &h));
        f->cursor = (struct souk_cursor){ e->position, e->ordinal };
        live += e->position > f->live;
        given++;
    }
    bool all = i == k->count;
    if (all) f->cursor = (struct souk_cursor){ k->last, UINT32_MAX };
    if (given) {
        atomic_fetch_add_explicit(&t->events, given, memory_order_relaxed);
        atomic_store(&f->given, atomic_load_explicit(&f->given, memory_order_relaxed) + given);
        atomic_store(&f->behind, atomic_load_explicit(&f->behind, memory_order_relaxed) - live);
        push_all(p, f, &chain);
    }
    if (all) atomic_store(&f->scanned, k->last); /* After `given`: see souk_feed_cursor() in feed.c. */
    else atomic_store(&f->starved, true);        /* Dekker with souk_feed_handled(). */
    return all;
}

/* Leaves out what is too old for who would rather be up to date. */
static void
skip(struct souk_topics *t, struct souk_feed *f)
{
    uint64_t behind = atomic_load_explicit(&f->behind, memory_order_relaxed);
    if (!f->max_lag || behind <= f->max_lag || f->cursor.position < f->live) return; /* The past is no lag. */
    f->skips = true;
    f->skipped += behind;
    f->cursor = (struct souk_cursor){ t->end, UINT32_MAX };
    atomic_store(&f->behind, 0);
    atomic_fetch_add_explicit(&t->skipped, behind, memory_order_relaxed);
}

/* Tells that events were left out, when there is nothing else to be told. */
static void
tell_skip(struct souk_partition *p, struct souk_feed *f)
{
    const struct souk_kept nothing = { .last = f->cursor.position };
    if (!f->skips) return;
    if (credit(f)) (void)hand_over(p, f, &nothing);
    else atomic_store(&f->starved, true);
}

/* One round for a feed; true when something came of it. When the credit is used up that is true once more: only after
 * `starved` was set does what the subscriber has handled count (Dekker). */
static bool
serve(struct souk_partition *p, struct souk_feed *f)
{
    struct souk_topics *t = &p->topics;
    uint64_t before = atomic_load_explicit(&f->given, memory_order_relaxed);
    struct souk_cursor began = f->cursor;
    skip(t, f);
    if (atomic_load_explicit(&f->starved, memory_order_relaxed)) {
        if (credit(f) < SOUK_NEWS_MAX / 2) return false;
        atomic_store(&f->starved, false);
    }
    for (unsigned n = 0; n < GROUPS; n++) {
        uint64_t next = next_of(f->cursor);
        if (next > t->end) {
            tell_skip(p, f);
            break;
        }
        const struct souk_kept *k = kept_find(t, next);
        if (!k && t->old && t->old->first <= next && t->old->last >= next) k = t->old;
        if (!k) {
            read_journal(p, f, next, t->end);
            break;
        }
        if (!hand_over(p, f, k)) break;
    }
    return before != atomic_load_explicit(&f->given, memory_order_relaxed) || began.position != f->cursor.position ||
           began.ordinal != f->cursor.ordinal || atomic_load_explicit(&f->starved, memory_order_relaxed);
}

/* ---- Coming and going. ---- */

static void
add_feed(struct souk_partition *p, struct souk_feed *f)
{
    struct souk_topics *t = &p->topics;
    if (!t->feeds) {
        atomic_store(&t->active, true); /* Before `durable` is read: see topics.h. */
        t->end = f->began;
    }
    f->live = f->began > t->end ? f->began : t->end;
    f->next = t->feeds;
    if (f->next) f->next->previous = f;
    t->feeds = f;
    atomic_fetch_add_explicit(&t->feeds_count, 1, memory_order_relaxed);
}

static void
remove_feed(struct souk_partition *p, struct souk_feed *f)
{
    struct souk_topics *t = &p->topics;
    if (f->next) f->next->previous = f->previous;
    if (f->previous) f->previous->next = f->next;
    else t->feeds = f->next;
    atomic_fetch_sub_explicit(&t->feeds_count, 1, memory_order_relaxed);
    if (t->feeds) return;
    atomic_store(&t->active, false);
    while (t->kept_count) kept_forget(t);
    kept_free(t, t->old);
    t->old = NULL;
}

static void
take_word(struct souk_partition *p, struct souk_message *m)
{
    struct souk_topics *t = &p->topics;
    struct souk_feed *f = (struct souk_feed *)(uintptr_t)m->ticket;
    if (m->tag == SOUK_FEED_OPEN) {
        add_feed(p, f);
    } else {
        remove_feed(p, f);
        if (!f->subscriber.kind) { /* What it was given is before this in the worker's inbox: then it may be freed. */
            souk_worker_post(f->worker, m);
            return;
        }
        souk_heap_free(t->heap, f, sizeof *f);
    }
    souk_message_free(t->heap, m);
}

static void
take_offered(struct souk_partition *p, struct souk_message *m)
{
    struct souk_topics *t = &p->topics;
    atomic_fetch_sub_explicit(&t->coming, m->length, memory_order_relaxed);
    if (!t->feeds || m->dep != t->end + 1) { /* Nobody's, or read before; or the one before it was not offered. */
        souk_message_free(t->heap, m);
        return;
    }
    struct souk_kept *k = kept_open(t, m);
    if (k) keep(t, k);
    else souk_partition_fail(p, SOUK_ERR_CORRUPT);
}

bool
souk_topics_step(struct souk_partition *p)
{
    struct souk_topics *t = &p->topics;
    bool any = false;
    if (atomic_load(&p->fault)) return false;
    for (;;) {
        /* In this order: what is durable now has been offered before, or never will be. */
        uint64_t durable = atomic_load(&p->durable);
        for (struct souk_message *m; (m = souk_mailbox_pop(&t->box)); any = true) {
            if (m->class == SOUK_GROUP) take_offered(p, m);
            else take_word(p, m);
        }
        if (!souk_mailbox_empty(&t->box)) return true; /* A push is half done. */
        if (!t->feeds || t->end >= durable) break;
        if (!read_journal(p, NULL, t->end + 1, durable)) break;
        any = true;
    }
    for (struct souk_feed *f = t->feeds; f; f = f->next) any |= serve(p, f);
    return any;
}
