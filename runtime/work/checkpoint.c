/* SPDX-License-Identifier: Apache-2.0 */
/* work/checkpoint.c -- see checkpoint.h. Numbers are stored with the highest byte first. */
#include "work/checkpoint.h"

enum { MARKER_VERSION = 2, MARKER_OLD_BYTES = 41, HEAD_VERSION = 1 };

/* ---- The marker. ---- */

static uint64_t
marker_hash(const uint8_t *marker, size_t length)
{
    return souk_hash_link((struct souk_link){ 0, 0 }, marker, length - 8).low;
}

void
souk_marker_write(uint8_t out[SOUK_MARKER_BYTES], const struct souk_marker *m)
{
    uint8_t *p = out;
    *p++ = MARKER_VERSION;
    p = souk_store_be64_(souk_store_be64_(souk_store_be64_(p, m->number), m->position), m->low);
    p = souk_store_be64_(souk_store_be64_(p, m->link.high), m->link.low);
    p = souk_store_be64_(souk_store_be64_(souk_store_be64_(p, m->head), m->rows), m->sum);
    p = souk_store_be32_(p, m->tables);
    souk_store_be64_(p, marker_hash(out, SOUK_MARKER_BYTES));
}

souk_err
souk_marker_read(struct souk_bytes bytes, struct souk_marker *marker, bool *old)
{
    const uint8_t *at = bytes.at;
    *old = bytes.length == MARKER_OLD_BYTES && *at == 1 &&
           souk_load_be64_(at + MARKER_OLD_BYTES - 8) == marker_hash(at, MARKER_OLD_BYTES);
    if (*old) return SOUK_OK;
    if (bytes.length > 9 && *at > MARKER_VERSION &&
        souk_load_be64_(at + bytes.length - 8) == marker_hash(at, bytes.length)) return SOUK_ERR_VERSION;
    if (bytes.length != SOUK_MARKER_BYTES || *at != MARKER_VERSION ||
        souk_load_be64_(at + SOUK_MARKER_BYTES - 8) != marker_hash(at, SOUK_MARKER_BYTES)) return SOUK_ERR_CORRUPT;
    *marker = (struct souk_marker){
        .number = souk_load_be64_(at + 1), .position = souk_load_be64_(at + 9), .low = souk_load_be64_(at + 17),
        .link = { souk_load_be64_(at + 25), souk_load_be64_(at + 33) },
        .head = souk_load_be64_(at + 41), .rows = souk_load_be64_(at + 49), .sum = souk_load_be64_(at + 57),
        .tables = souk_load_be32_(at + 65),
    };
    return SOUK_OK;
}

/* ---- Heads. ---- */

static uint8_t *
put_small(uint8_t *p, uint32_t number)
{
    souk_assert(number <= UINT16_MAX);
    *p++ = (uint8_t)(number >> 8);
    *p++ = (uint8_t)number;
    return p;
}

static uint32_t
get_small(const uint8_t *p)
{
    return (uint32_t)(p[0] << 8 | p[1]);
}

void
souk_head_name(uint8_t name[SOUK_HEAD_NAME], uint64_t number)
{
    *name = 'c';
    *souk_store_be64_(name + 1, number) = 'x';
}

bool
souk_head_parse_name(struct souk_bytes name, uint64_t *number)
{
    const uint8_t *at = name.at;
    if (name.length != SOUK_HEAD_NAME || at[0] != 'c' || at[9] != 'x') return false;
    *number = souk_load_be64_(at + 1);
    return true;
}

uint8_t *
souk_head_put(uint8_t *p, const struct souk_head *head)
{
    *p++ = HEAD_VERSION;
    p = souk_store_be64_(souk_store_be64_(souk_store_be64_(p, head->before), head->checkpoint), head->position);
    p = souk_store_be64_(souk_store_be64_(p, head->link.high), head->link.low);
    return put_small(put_small(p, head->tables), head->rows);
}

uint8_t *
souk_head_put_table(uint8_t *p, uint32_t shard)
{
    return put_small(p, shard);
}

uint8_t *
souk_head_put_row(uint8_t *p, const struct souk_index_row *row)
{
    p = souk_store_be64_(souk_store_be64_(p, row->name), row->position);
    p = souk_store_be32_(p, row->actor.kind);
    p = souk_store_be64_(souk_store_be64_(p, row->actor.key.high), row->actor.key.low);
    *p++ = row->has_asks;
    return p;
}

bool
souk_head_read(struct souk_bytes value, struct souk_head *head)
{
    const uint8_t *at = value.at;
    if (value.length < SOUK_HEAD_BYTES || *at != HEAD_VERSION) return false;
    *head = (struct souk_head){
        .before = souk_load_be64_(at + 1), .checkpoint = souk_load_be64_(at + 9), .position = souk_load_be64_(at + 17),
        .link = { souk_load_be64_(at + 25), souk_load_be64_(at + 33) },
        .tables = get_small(at + 41), .rows = get_small(at + 43), .at = at + SOUK_HEAD_BYTES,
    };
    return value.length == SOUK_HEAD_BYTES + 2 * (size_t)head->tables + SOUK_ROW_BYTES * (size_t)head->rows;
}

uint32_t
souk_head_table(const struct souk_head *head, uint32_t index)
{
    return get_small(head->at + 2 * (size_t)index);
}

struct souk_index_row
souk_head_row(const struct souk_head *head, uint32_t index)
{
    const uint8_t *at = head->at + 2 * (size_t)head->tables + SOUK_ROW_BYTES * (size_t)index;
    return (struct souk_index_row){
        .name = souk_load_be64_(at), .position = souk_load_be64_(at + 8),
        .actor = { souk_load_be32_(at + 16), { souk_load_be64_(at + 20), souk_load_be64_(at + 28) } },
        .has_asks = at[36] != 0,
    };
}

uint64_t
souk_index_sum(const struct souk_index_row *row)
{
    uint64_t actor = souk_hash_mix(row->actor.key.low ^ row->actor.kind);
    return souk_hash_mix(row->name ^ souk_hash_mix(row->position ^ actor));
}

void
souk_table_name(uint8_t name[SOUK_TABLE_NAME], uint64_t number, uint32_t shard)
{
    *name = 'c';
    uint8_t *p = souk_store_be64_(name + 1, number);
    *p++ = 't';
    put_small(p, shard);
}
