/* SPDX-License-Identifier: Apache-2.0 */
/* work/feed.c -- the subscriber's side of a feed (topics.h): it begins, takes what it is given, and ends. On a worker's
 * thread: a guest's own worker, or whoever holds the actor's shard. */
#include "work/partition.h"

/* Tells the reader. */
static void
say(struct souk_worker *w, struct souk_feed *f, enum souk_feed_word word)
{
    struct souk_message *m = souk_message_new(w->heap, SOUK_FEED, 0);
    m->tag = word;
    m->ticket = (uint64_t)(uintptr_t)f;
    souk_mailbox_push(&w->partition->topics.box, m, m);
    souk_bed_call(&w->partition->topics.bed);
}

static struct souk_feed *
open_feed(struct souk_worker *w, const struct souk_topic *topic)
{
    uint32_t topics = 0;
    for (; topic->events[topics]; topics++) souk_assert(topic->events[topics]->class == SOUK_EVENT);
    souk_assert(topics <= SOUK_TOPICS_MAX); /* A turn that fails here has made nothing yet. */
    struct souk_feed *f = souk_heap_zalloc(w->heap, sizeof *f);
    f->id = ++w->feeds_count * SOUK_WORKERS_MAX + w->number;
    f->worker = w;
    f->max_lag = topic->max_lag;
    f->actor = topic->actor;
    for (; f->topics_count < topics; f->topics_count++) {
        f->topics[f->topics_count].kind = topic->events[f->topics_count]->kind;
        f->topics[f->topics_count].tag = topic->events[f->topics_count]->tag;
    }
    f->began = atomic_load(&w->partition->durable);
    f->cursor = topic->after;
    if (f->cursor.position > f->began) f->cursor = (struct souk_cursor){ f->began, UINT32_MAX };
    f->last = f->cursor;
    atomic_store_explicit(&f->at, f->cursor.position, memory_order_relaxed);
    atomic_store_explicit(&f->scanned, f->cursor.position, memory_order_relaxed);
    return f;
}

/* ---- An actor's. ---- */

struct souk_feed *
souk_feed_open(void *self, const struct souk_topic *topic, souk_asker subscriber, uint32_t command, uint64_t *id)
{
    struct souk_worker *w = self;
    struct souk_feed *f = open_feed(w, topic);
    f->subscriber = (souk_ref){ subscriber.kind, subscriber.key };
    f->number = subscriber.number;
    f->command = command;
    *id = f->id;
    say(w, f, SOUK_FEED_OPEN);
    return f;
}

void
souk_feed_close(void *self, struct souk_feed *f)
{
    say(self, f, SOUK_FEED_CLOSE);
}

void
souk_feed_handled(void *self, struct souk_feed *f, uint64_t position)
{
    struct souk_worker *w = self;
    uint64_t handled = atomic_load_explicit(&f->handled, memory_order_relaxed) + 1; /* Nobody else writes it. */
    atomic_store_explicit(&f->at, position, memory_order_relaxed);
    atomic_store(&f->handled, handled); /* Then looks: Dekker with hand_over() in topics.c. */
    if (!atomic_load(&f->starved) || atomic_load(&f->given) - handled > SOUK_NEWS_MAX / 2) return;
    souk_bed_call(&w->partition->topics.bed);
}

struct souk_lag
souk_feed_lag(void *self, const struct souk_feed *f)
{
    const struct souk_worker *w = self;
    uint64_t scanned = atomic_load(&f->scanned); /* Before `given`: what was scanned by then was given by then. */
    uint64_t waits = atomic_load(&f->given) - atomic_load(&f->handled);
    uint64_t at = waits ? atomic_load_explicit(&f->at, memory_order_relaxed) : scanned;
    uint64_t durable = atomic_load(&w->partition->durable);
    return (struct souk_lag){ durable > at ? durable - at : 0, atomic_load(&f->behind) + waits };
}

/* ---- A guest's. ---- */

void
souk_worker_subscribe(struct souk_worker *w, struct souk_subscription *s, const struct souk_topic *topic)
{
    s->feed_ = open_feed(w, topic);
    s->feed_->guest = s;
    say(w, s->feed_, SOUK_FEED_OPEN);
}

/* Tells the guest; false when it is not to be told more for now. */
static bool
tell(struct souk_worker *w, struct souk_feed *f, const struct souk_message *m)
{
    struct souk_happened h;
    memcpy(&h, m->body, sizeof h);
    h.body = (struct souk_bytes){ m->body + sizeof h, m->length - sizeof h };
    struct souk_cursor before = f->last;
    f->last = (struct souk_cursor){ h.position, h.ordinal }; /* As it will be, should it end the subscription now. */
    if (!f->guest->happened(f->guest, w, &h)) {
        f->last = before;
        return false;
    }
    souk_feed_handled(w, f, h.position);
    return true;
}

void
souk_feed_told(struct souk_worker *w, struct souk_message *m)
{
    struct souk_feed *f = (struct souk_feed *)(uintptr_t)m->asker.key.low;
    if (f->guest && (f->held.head || !tell(w, f, m)) && f->guest) souk_fifo_push(&f->held, m);
    else souk_message_free(w->heap, m);
}

void
souk_worker_resume(struct souk_worker *w, struct souk_subscription *s)
{
    struct souk_feed *f = s->feed_;
    while (f->guest && f->held.head) {
        struct souk_message *m = souk_fifo_pop(&f->held);
        if (tell(w, f, m) || !f->guest) {
            souk_message_free(w->heap, m);
            continue;
        }
        m->next = f->held.head; /* Again in front. */
        if (!f->held.head) f->held.tail = m;
        f->held.head = m;
        return;
    }
}

void
souk_worker_unsubscribe(struct souk_worker *w, struct souk_subscription *s)
{
    struct souk_feed *f = s->feed_;
    s->feed_ = NULL;
    f->guest = NULL;
    say(w, f, SOUK_FEED_CLOSE);
}

void
souk_feed_over(struct souk_worker *w, struct souk_message *m)
{
    struct souk_feed *f = (struct souk_feed *)(uintptr_t)m->ticket;
    for (struct souk_message *held; (held = souk_fifo_pop(&f->held));) souk_message_free(w->heap, held);
    souk_heap_free(w->heap, f, sizeof *f);
    souk_message_free(w->heap, m);
}

struct souk_lag
souk_worker_lag(const struct souk_worker *w, const struct souk_subscription *s)
{
    return souk_feed_lag((void *)(uintptr_t)w, s->feed_);
}

struct souk_cursor
souk_worker_cursor(const struct souk_worker *w SOUK_UNUSED, const struct souk_subscription *s)
{
    const struct souk_feed *f = s->feed_;
    uint64_t scanned = atomic_load(&f->scanned); /* Before `given`, as in souk_feed_lag(). */
    bool all = atomic_load(&f->given) == atomic_load(&f->handled);
    return all && scanned > f->last.position ? (struct souk_cursor){ scanned, UINT32_MAX } : f->last;
}
