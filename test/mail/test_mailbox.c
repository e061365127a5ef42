/* SPDX-License-Identifier: Apache-2.0 */
/* test/mail/test_mailbox.c -- chains from several threads come out once each and in each sender's order; a shard is
 * taken out of a ring by one thread only. Under ThreadSanitizer the same must be silent, and a race planted on
 * purpose must not be: test_race.py runs this program with SOUK_PLANT_RACE set. */
#include "mail/mailbox.h"
#include "world/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { SENDERS = 3, EACH = 20000, SHARDS = 64, ROUNDS = 300 };

struct sender {
    struct souk_mailbox *box;
    souk_heap *heap;
    unsigned number;
    uint64_t *shared; /* Written by all without care, when the race is planted. */
};

static void
send_all(void *arg)
{
    struct sender *s = arg;
    uint64_t next = 0;
    while (next < EACH) {
        struct souk_message *first = NULL, *last = NULL;
        for (uint64_t n = 1 + next % 7; n > 0 && next < EACH; n--) {
            struct souk_message *m = souk_message_new(s->heap, SOUK_TELL, 0);
            m->tag = s->number;
            m->ticket = next++;
            if (last) last->next = m;
            else first = m;
            last = m;
        }
        if (s->shared) (*s->shared)++;
        souk_mailbox_push(s->box, first, last);
    }
}

static void
each_message_once_and_in_order(void **state)
{
    (void)state;
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    static struct souk_mailbox box;
    static uint64_t shared;
    struct sender senders[SENDERS];
    souk_thread *threads[SENDERS];
    souk_mailbox_init(&box);
    assert_true(souk_mailbox_empty(&box));
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ &box, souk_heap_open(memory), i, getenv("SOUK_PLANT_RACE") ? &shared : NULL };
        assert_int_equal(souk_thread_start(&threads[i], "sender", send_all, &senders[i]), SOUK_OK);
    }
    uint64_t next[SENDERS] = { 0 };
    for (unsigned got = 0; got < SENDERS * EACH;) {
        struct souk_message *m = souk_mailbox_pop(&box);
        if (!m) continue;
        assert_int_equal(m->ticket, next[m->tag]);
        next[m->tag]++;
        got++;
        souk_message_free(heap, m);
    }
    for (unsigned i = 0; i < SENDERS; i++) souk_thread_join(&threads[i]);
    assert_null(souk_mailbox_pop(&box));
    assert_true(souk_mailbox_empty(&box));
    souk_memory_close(&memory);
}

struct thief { souk_ready *ready; _Atomic bool *stop; unsigned *shards; uint64_t taken; };

/* Whoever takes a shard owns it: the plain increment is a race if two do. */
static void
steal(void *arg)
{
    struct thief *t = arg;
    while (!atomic_load(t->stop)) {
        unsigned *shard = souk_ready_take(t->ready);
        if (!shard) continue;
        (*shard)++;
        t->taken++;
    }
}

static void
a_shard_is_taken_once(void **state)
{
    (void)state;
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    static unsigned shards[SHARDS * ROUNDS];
    static _Atomic bool stop;
    souk_ready *ready = souk_ready_open(heap, SHARDS);
    struct thief thieves[2] = { { ready, &stop, shards, 0 }, { ready, &stop, shards, 0 } };
    souk_thread *threads[2];
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(souk_thread_start(&threads[i], "thief", steal, &thieves[i]), SOUK_OK);
    uint64_t own = 0;
    for (unsigned n = 0; n < SHARDS * ROUNDS; n++) {
        while (souk_ready_count(ready) >= SHARDS) {}
        souk_ready_put(ready, &shards[n]);
        unsigned *shard = n % 3 ? NULL : souk_ready_take(ready);
        if (!shard) continue;
        (*shard)++;
        own++;
    }
    while (souk_ready_count(ready)) {}
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++) souk_thread_join(&threads[i]);
    assert_int_equal(own + thieves[0].taken + thieves[1].taken, SHARDS * ROUNDS);
    for (unsigned n = 0; n < SHARDS * ROUNDS; n++) assert_int_equal(shards[n], 1);
    souk_memory_close(&memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_once_and_in_order),
        cmocka_unit_test(a_shard_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
