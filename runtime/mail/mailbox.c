/* SPDX-License-Identifier: Apache-2.0 */
/* mail/mailbox.c -- see mailbox.h for the argument. The only file with libck. */
#include "mail/mailbox.h"

#if defined(__SANITIZE_THREAD__)
#define SOUK_C11_ATOMICS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOUK_C11_ATOMICS 1
#endif
#endif

#ifndef SOUK_C11_ATOMICS
#include <ck_pr.h>
#include <ck_ring.h>
#endif

/* The link of a message in a mailbox is written by a pusher and read by the owner. */
static void
link_store(struct souk_message *m, struct souk_message *next)
{
    __atomic_store_n(&m->next, next, __ATOMIC_RELEASE); /* release: pairs with the acquire in link_load */
}

static struct souk_message *
link_load(struct souk_message *m)
{
    return __atomic_load_n(&m->next, __ATOMIC_ACQUIRE); /* acquire: pairs with the release in link_store */
}

static struct souk_message *
tail_swap(struct souk_mailbox *box, struct souk_message *last)
{
#ifdef SOUK_C11_ATOMICS
    return atomic_exchange(&box->tail, last);
#else
    ck_pr_fence_store();
    return ck_pr_fas_ptr((void *)&box->tail, last); /* On x86 a locked instruction: a full fence. */
#endif
}

void
souk_mailbox_init(struct souk_mailbox *box)
{
    memset(box->stub, 0, sizeof box->stub);
    box->head = souk_mailbox_stub(box);
    atomic_init(&box->tail, souk_mailbox_stub(box));
}

void
souk_mailbox_push(struct souk_mailbox *box, struct souk_message *first, struct souk_message *last)
{
    link_store(last, NULL);
    link_store(tail_swap(box, last), first);
}

struct souk_message *
souk_mailbox_pop(struct souk_mailbox *box)
{
    struct souk_message *head = box->head, *next = link_load(head);
    if (head == souk_mailbox_stub(box)) {
        if (!next) return NULL;
        box->head = head = next;
        next = link_load(head);
    }
    if (next) {
        box->head = next;
        return head;
    }
    /* The last message can be taken only with something behind it: put the stub back. */
    if (atomic_load_explicit(&box->tail, memory_order_acquire) != head) return NULL; /* A push is half done. */
    souk_mailbox_push(box, souk_mailbox_stub(box), souk_mailbox_stub(box));
    next = link_load(head);
    if (!next) return NULL;
    box->head = next;
    return head;
}

bool
souk_mailbox_empty(struct souk_mailbox *box)
{
    return box->head == souk_mailbox_stub(box) && atomic_load(&box->tail) == souk_mailbox_stub(box);
}

#ifdef SOUK_C11_ATOMICS

struct souk_ready {
    _Alignas(64) _Atomic unsigned taken;
    _Alignas(64) _Atomic unsigned put;
    unsigned mask;
    _Atomic(void *) slot[];
};

souk_ready *
souk_ready_open(souk_heap *heap, unsigned most)
{
    unsigned size = 1;
    while (size <= most) size *= 2;
    souk_ready *ready = souk_heap_zalloc(heap, sizeof *ready + size * sizeof ready->slot[0]);
    ready->mask = size - 1;
    return ready;
}

void
souk_ready_put(souk_ready *ready, void *shard)
{
    unsigned put = atomic_load_explicit(&ready->put, memory_order_relaxed);
    atomic_store_explicit(&ready->slot[put & ready->mask], shard, memory_order_relaxed);
    atomic_store_explicit(&ready->put, put + 1, memory_order_release); /* release: pairs with the acquire in take */
}

void *
souk_ready_take(souk_ready *ready)
{
    unsigned taken = atomic_load_explicit(&ready->taken, memory_order_acquire);
    for (;;) {
        if (taken == atomic_load_explicit(&ready->put, memory_order_acquire)) return NULL;
        void *shard = atomic_load_explicit(&ready->slot[taken & ready->mask], memory_order_relaxed);
        if (atomic_compare_exchange_weak(&ready->taken, &taken, taken + 1)) return shard;
    }
}

unsigned
souk_ready_count(const souk_ready *ready)
{
    return atomic_load_explicit(&ready->put, memory_order_relaxed) -
           atomic_load_explicit(&ready->taken, memory_order_relaxed);
}

#else

struct souk_ready {
    ck_ring_t ring;
    ck_ring_buffer_t slot[];
};

souk_ready *
souk_ready_open(souk_heap *heap, unsigned most)
{
    unsigned size = 4;
    while (size <= most) size *= 2; /* ck_ring holds one less than its size. */
    souk_ready *ready = souk_heap_zalloc(heap, sizeof *ready + size * sizeof ready->slot[0]);
    ck_ring_init(&ready->ring, size);
    return ready;
}

void
souk_ready_put(souk_ready *ready, void *shard)
{
    bool fits = ck_ring_enqueue_spmc(&ready->ring, ready->slot, shard);
    souk_assert(fits);
}

void *
souk_ready_take(souk_ready *ready)
{
    void *shard;
    return ck_ring_dequeue_spmc(&ready->ring, ready->slot, &shard) ? shard : NULL;
}

unsigned
souk_ready_count(const souk_ready *ready)
{
    return ck_ring_size(&ready->ring);
}

#endif
