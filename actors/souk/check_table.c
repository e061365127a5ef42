/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_table.c -- see check_table.h. Open addressing with linear probing; at most half of the slots are used. */
#include "check_table.h"

#include "base/hash.h"

#include <string.h>

enum { ROOM_FIRST = 64 };

static souk_key
key_of(const struct check_table *table, uint32_t index)
{
    souk_key key;
    memcpy(&key, souk_check_table_at(table, index), sizeof key);
    return key;
}

static uint32_t
home(const struct check_table *table, souk_key key)
{
    return (uint32_t)souk_hash_mix(key.high * 3 + key.low) & table->mask;
}

static uint32_t
slot_of(const struct check_table *table, souk_key key)
{
    uint32_t slot = home(table, key);
    while (table->slots[slot] && !souk_key_equal(key_of(table, table->slots[slot] - 1), key))
        slot = (slot + 1) & table->mask;
    return slot;
}

void
souk_check_table_init(struct check_table *table, souk_heap *heap, size_t size)
{
    *table = (struct check_table){ .size = size, .room = ROOM_FIRST, .mask = 2 * ROOM_FIRST - 1 };
    table->records = souk_heap_alloc(heap, ROOM_FIRST * size);
    table->slots = souk_heap_zalloc(heap, 2 * ROOM_FIRST * sizeof *table->slots);
}

void *
souk_check_table_find(const struct check_table *table, souk_key key)
{
    uint32_t slot = slot_of(table, key);
    return table->slots[slot] ? souk_check_table_at(table, table->slots[slot] - 1) : NULL;
}

static void
grow(struct check_table *table, souk_heap *heap)
{
    size_t room = table->room, slots = 2 * room;
    souk_assert(room < UINT32_MAX / 4);
    table->records = souk_heap_grow(heap, table->records, room * table->size, 2 * room * table->size);
    souk_heap_free(heap, table->slots, slots * sizeof *table->slots);
    table->slots = souk_heap_zalloc(heap, 2 * slots * sizeof *table->slots);
    table->room = (uint32_t)(2 * room);
    table->mask = (uint32_t)(2 * slots - 1);
    for (uint32_t i = 0; i < table->count; i++) table->slots[slot_of(table, key_of(table, i))] = i + 1;
}

void *
souk_check_table_put(struct check_table *table, souk_heap *heap, souk_key key)
{
    void *found = souk_check_table_find(table, key);
    if (found) return found;
    if (table->count == table->room) grow(table, heap);
    uint8_t *record = souk_check_table_at(table, table->count);
    memset(record, 0, table->size);
    memcpy(record, &key, sizeof key);
    table->slots[slot_of(table, key)] = ++table->count;
    return record;
}

/* Entries behind the hole move up when their search would otherwise end at it. */
void
souk_check_table_remove(struct check_table *table, void *record)
{
    uint32_t index = souk_check_table_index(table, record), last = table->count - 1;
    uint32_t hole = slot_of(table, key_of(table, index));
    souk_assert(table->slots[hole] == index + 1);
    if (index != last) table->slots[slot_of(table, key_of(table, last))] = index + 1;
    table->slots[hole] = 0;
    for (uint32_t next = (hole + 1) & table->mask; table->slots[next]; next = (next + 1) & table->mask) {
        uint32_t moved = table->slots[next] - 1;
        uint32_t wanted = home(table, key_of(table, moved == index ? last : moved));
        if (((next - wanted) & table->mask) < ((next - hole) & table->mask)) continue;
        table->slots[hole] = table->slots[next];
        table->slots[next] = 0;
        hole = next;
    }
    if (index != last) memcpy(record, souk_check_table_at(table, last), table->size);
    table->count--;
}
