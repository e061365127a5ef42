/* SPDX-License-Identifier: Apache-2.0 */
/* test/cell/test_state.c -- the containers of a state against plain arrays, and states through snapshots. */
#include "cell/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

#define BAG_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                \
    RECORD(bag_item, F(1, u32, units) F(2, u64, at) F(3, bool, odd) F(4, i64, debt))     \
    EVENT(1, bag_noted, F(1, u32, units))
SOUK_PROTOCOL(bag, 9, BAG_TABLE);

#define BAG_STATE(F, L, M)                                                               \
    F(1, text, name) F(2, i64, sum) F(3, bool, open) F(4, key, owner) F(5, asker, who)   \
    L(6, u64, numbers) L(7, bag_item, list) M(8, bag_item, items) F(9, u32, last)
SOUK_STATE(bag, BAG_STATE);

static void apply_bag_noted(struct bag *b, const struct bag_noted *e) { b->last = e->units; }
static void check_bag(const struct bag *b) { (void)b; }
SOUK_ACTOR(bag, BAG_TABLE);

struct fixture { souk_memory *memory; souk_heap *heap; struct souk_arena arena; struct souk_directory directory; };

static struct fixture
open_fixture(void)
{
    struct fixture f = { .memory = souk_memory_open() };
    f.heap = souk_heap_open(f.memory);
    f.arena.heap = f.heap;
    return f;
}

static uint64_t chance = 42;

static uint64_t
draw(uint64_t below)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

enum { KEYS = 300, STEPS = 60000 };

/* A map beside arrays of what it must hold and of the order in which it must be told. */
static void
map_agrees_with_arrays(void **state)
{
    (void)state;
    struct fixture f = open_fixture();
    struct souk_cell *cell = souk_cell_new(&f.directory, &f.arena, &bag_kind, (souk_key){ 1, 1 });
    struct bag *bag = (struct bag *)(void *)cell->state;
    uint32_t units[KEYS] = { 0 }, count = 0;
    uint64_t born[KEYS] = { 0 };
    for (uint64_t step = 1; step <= STEPS; step++) {
        uint64_t n = draw(step % 5000 < 2500 ? KEYS : 10);
        souk_key key = { n % 3, n * 64 + 1 }; /* Low bits alike: long probes. */
        if (draw(100) < 55) {
            struct bag_item *item = souk_put(bag, items, key);
            if (!units[n]) {
                assert_int_equal(item->units, 0); /* New ones are zeroed. */
                born[n] = step;
                count++;
            }
            item->units = units[n] = 1 + (uint32_t)draw(1000);
        } else {
            assert_int_equal(souk_remove(bag, items, key), units[n] != 0);
            count -= units[n] != 0;
            units[n] = 0;
        }
        const struct bag_item *found = souk_find(bag, items, key);
        assert_int_equal(found ? found->units : 0, units[n]);
        assert_int_equal(souk_size(bag, items), count);
        if (step % 97) continue;
        uint32_t seen = 0, at = 0;
        uint64_t last = 0;
        souk_key k;
        for (const struct bag_item *i; (i = souk_next(bag, items, &at, &k)); seen++) {
            uint64_t number = k.low / 64;
            assert_int_equal(i->units, units[number]);
            assert_true(born[number] > last); /* In the order of insertion. */
            last = born[number];
        }
        assert_int_equal(seen, count);
    }
    souk_memory_close(&f.memory);
}

static void
fill(struct bag *bag, unsigned many)
{
    souk_set_text(bag, name, SOUK_TEXT("a name"));
    souk_set_text(bag, name, SOUK_TEXT("another name"));
    bag->sum = -5;
    bag->open = true;
    bag->owner = (souk_key){ 3, 4 };
    bag->who = (souk_asker){ { 5, 6 }, 7, 8 };
    bag->last = 77;
    for (unsigned i = 0; i < many; i++) {
        *souk_add(bag, numbers) = i * UINT64_C(1000000007);
        *souk_add(bag, list) = (struct bag_item){ i, i, i % 2, -(int64_t)i };
        *souk_put(bag, items, ((souk_key){ 9, i + 1 })) = (struct bag_item){ i, i + 1, true, INT64_MIN };
    }
}

static void
snapshot_brings_all_back(void **state)
{
    (void)state;
    for (unsigned many = 0; many < 100000; many = many ? many * 9 : 1) {
        struct fixture f = open_fixture();
        struct souk_cell *cell = souk_cell_new(&f.directory, &f.arena, &bag_kind, (souk_key){ 1, 1 });
        fill((struct bag *)(void *)cell->state, many);
        souk_cell_ask_add(cell, f.heap, (struct souk_open_ask){ 12, 3, 99, true });
        cell->position = 1234;
        cell->asked = 12;
        size_t length = souk_snapshot_size(cell);
        uint8_t *snapshot = souk_heap_alloc(f.heap, length);
        souk_snapshot_write(cell, snapshot, length);
        struct souk_snapshot_head head;
        assert_true(souk_snapshot_peek((struct souk_bytes){ snapshot, length }, &head));
        assert_true(head.has_asks && head.position == 1234);

        struct souk_cell *copy = souk_cell_new(&f.directory, &f.arena, &bag_kind, (souk_key){ 1, 2 });
        assert_true(souk_snapshot_read(copy, (struct souk_bytes){ snapshot, length }, f.heap));
        const struct bag *bag = (const struct bag *)(const void *)copy->state;
        assert_int_equal(copy->asked, 12);
        assert_int_equal(copy->asks_count, 1);
        assert_true(souk_text_equal(souk_text_in(&bag->name), SOUK_TEXT("another name")));
        assert_true(bag->sum == -5 && bag->open && bag->owner.low == 4 && bag->who.number == 8 && bag->last == 77);
        assert_int_equal(souk_count(bag, numbers), many);
        assert_int_equal(souk_count(bag, list), many);
        assert_int_equal(souk_size(bag, items), many);
        for (unsigned i = 0; i < many; i++) {
            assert_int_equal(*souk_at(bag, numbers, i), i * UINT64_C(1000000007));
            assert_int_equal(souk_at(bag, list, i)->debt, -(int64_t)i);
            assert_int_equal(souk_find(bag, items, ((souk_key){ 9, i + 1 }))->at, i + 1);
        }
        /* Written again it is the same, and cut short anywhere it is refused. */
        assert_int_equal(souk_snapshot_size(copy), length);
        for (size_t cut = 0; cut < length && many < 20; cut++) {
            struct souk_cell *half = souk_cell_new(&f.directory, &f.arena, &bag_kind, (souk_key){ 2, cut + 1 });
            assert_false(souk_snapshot_read(half, (struct souk_bytes){ snapshot, cut }, f.heap));
        }
        souk_memory_close(&f.memory);
    }
}

static void
directory_finds_what_it_has(void **state)
{
    (void)state;
    struct fixture f = open_fixture();
    static struct souk_cell *cells[KEYS];
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned n = (unsigned)draw(KEYS);
        souk_key key = { 7, n };
        assert_ptr_equal(souk_cell_find(&f.directory, 9, key), cells[n]);
        assert_null(souk_cell_find(&f.directory, 8, key));
        if (cells[n]) {
            souk_cell_free(&f.directory, &f.arena, cells[n]);
            cells[n] = NULL;
        } else {
            cells[n] = souk_cell_new(&f.directory, &f.arena, &bag_kind, key);
        }
    }
    souk_memory_close(&f.memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_agrees_with_arrays),
        cmocka_unit_test(snapshot_brings_all_back),
        cmocka_unit_test(directory_finds_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
