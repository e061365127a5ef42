/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_table.h -- the checker's tables: records that begin with their key, dense in an array, found by hash.
 *
 * A record's address holds until the next put; its index, while nothing is removed from its table. */
#ifndef SOUK_CHECK_TABLE_H
#define SOUK_CHECK_TABLE_H

#include "base/heap.h"

struct check_table {
    uint8_t *records;
    uint32_t *slots; /* Index + 1; 0: free. */
    size_t size;     /* Of a record. */
    uint32_t count, room, mask;
};

/* An empty table of records of that size. */
void souk_check_table_init(struct check_table *table, souk_heap *heap, size_t size);
/* The record of that key, or NULL. */
void *souk_check_table_find(const struct check_table *table, souk_key key);
/* The record of that key; a new one is zeroed but for its key. */
void *souk_check_table_put(struct check_table *table, souk_heap *heap, souk_key key);
/* Removes a record; the last one takes its place. */
void souk_check_table_remove(struct check_table *table, void *record);

static inline void *
souk_check_table_at(const struct check_table *table, uint32_t index)
{
    return table->records + (size_t)index * table->size;
}

static inline uint32_t
souk_check_table_index(const struct check_table *table, const void *record)
{
    return (uint32_t)((size_t)((const uint8_t *)record - table->records) / table->size);
}

#endif
