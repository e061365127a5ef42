/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_heap.c -- blocks do not overlap, are found again, cross threads without growth, and die together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/heap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct held {
    unsigned char *at;
    size_t size;
    unsigned char mark;
};

static uint64_t
chance(uint64_t *seed)
{
    return souk_hash_mix(*seed += UINT64_C(0x9e3779b97f4a7c15));
}

static size_t
any_size(uint64_t *seed)
{
    uint64_t roll = chance(seed);
    unsigned bits = (unsigned)(roll % 18); /* up to 256 KiB: also the system's own blocks */
    return (size_t)((roll >> 8) & ((UINT64_C(1) << bits) - 1));
}

static void
check(const struct held *held)
{
    for (size_t i = 0; i < held->size; i++)
        if (held->at[i] != held->mark)
            fail_msg("byte %zu of %zu was overwritten", i, held->size);
}

static void
blocks_keep_their_bytes(void **state)
{
    (void)state;
    souk_memory *memory = souk_memory_open();
    assert_non_null(memory);
    souk_heap *heaps[2] = { souk_heap_open(memory), souk_heap_open(memory) };
    enum { SLOTS = 200 };
    struct held held[SLOTS] = { { NULL, 0, 0 } };
    uint64_t seed = 7;
    for (unsigned step = 0; step < 20000; step++) {
        struct held *slot = &held[chance(&seed) % SLOTS];
        souk_heap *heap = heaps[chance(&seed) % 2];
        if (!slot->at) {
            slot->size = any_size(&seed);
            slot->at = souk_heap_alloc(heap, slot->size);
            assert_int_equal((uintptr_t)slot->at % 16, 0);
        } else if (chance(&seed) % 4 == 0) {
            check(slot);
            size_t size = any_size(&seed);
            slot->at = souk_heap_grow(heap, slot->at, slot->size, size);
            slot->size = slot->size < size ? slot->size : size;
            check(slot);
            slot->size = size;
        } else {
            check(slot);
            souk_heap_free(heap, slot->at, slot->size);
            *slot = (struct held){ NULL, 0, 0 };
            continue;
        }
        slot->mark = (unsigned char)step;
        memset(slot->at, slot->mark, slot->size);
    }
    souk_memory_close(&memory); /* with blocks in use: they go with it */
    assert_null(memory);
}

static void
zeroed_blocks_are_zero(void **state)
{
    (void)state;
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *block = souk_heap_zalloc(heap, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xff, size);
        souk_heap_free(heap, block, size);
    }
    souk_heap_free(heap, NULL, 0);
    souk_memory_close(&memory);
}

static void
freed_blocks_are_used_again(void **state)
{
    (void)state;
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    size_t before = 0;
    for (unsigned round = 0; round < 1000; round++) {
        void *blocks[300];
        for (unsigned i = 0; i < 300; i++)
            blocks[i] = souk_heap_alloc(heap, 24 + i * 8);
        for (unsigned i = 0; i < 300; i++)
            souk_heap_free(heap, blocks[i], 24 + i * 8);
        if (round == 0)
            before = souk_memory_bytes(memory);
    }
    assert_true(souk_memory_bytes(memory) <= before + before / 2);
    souk_memory_close(&memory);
}

/* One thread only allocates, the other only frees. */
enum { PASSED = 200000, RING = 256, BLOCK = 200 };

struct passage {
    souk_memory *memory;
    void *_Atomic ring[RING];
};

static void *
consume(void *arg)
{
    struct passage *passage = arg;
    souk_heap *heap = souk_heap_open(passage->memory);
    for (unsigned i = 0; i < PASSED; i++) {
        void *block;
        while (!(block = atomic_exchange_explicit(&passage->ring[i % RING], NULL, memory_order_acquire)))
            sched_yield();
        souk_heap_free(heap, block, BLOCK);
    }
    return NULL;
}

static void
one_way_traffic_does_not_grow(void **state)
{
    (void)state;
    struct passage passage = { .memory = souk_memory_open() };
    souk_heap *heap = souk_heap_open(passage.memory);
    pthread_t consumer;
    assert_int_equal(pthread_create(&consumer, NULL, consume, &passage), 0);
    for (unsigned i = 0; i < PASSED; i++) {
        while (atomic_load_explicit(&passage.ring[i % RING], memory_order_relaxed))
            sched_yield();
        void *block = souk_heap_alloc(heap, BLOCK);
        memset(block, (int)i, BLOCK);
        atomic_store_explicit(&passage.ring[i % RING], block, memory_order_release);
    }
    assert_int_equal(pthread_join(consumer, NULL), 0);
    assert_true(souk_memory_bytes(passage.memory) < 1024 * 1024); /* 40 MB passed through */
    souk_memory_close(&passage.memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_their_bytes),
        cmocka_unit_test(zeroed_blocks_are_zero),
        cmocka_unit_test(freed_blocks_are_used_again),
        cmocka_unit_test(one_way_traffic_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
