/* SPDX-License-Identifier: Apache-2.0 */
/* work/checkpoint.c -- see checkpoint.h. Numbers are stored with the highest byte first. */
#include "work/checkpoint.h"

enum { MARKER_VERSION = 2, MARKER_OLD_BYTES = 41, CHUNK_VERSION = 1 };

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
    p = souk_store_be64_(souk_store_be64_(souk_store_be64_(p, m->chunk), m->rows), m->sum);
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
        .chunk = souk_load_be64_(at + 41), .rows = souk_load_be64_(at + 49), .sum = souk_load_be64_(at + 57),
        .tables = souk_load_be32_(at + 65),
    };
    return SOUK_OK;
}

/* ---- The index. ---- */

void
souk_chunk_name(uint8_t name[SOUK_CHUNK_NAME], uint64_t number)
{
    *name = 'x';
    souk_store_be64_(name + 1, number);
}

uint8_t *
souk_chunk_begin(uint8_t *at, uint64_t position, struct souk_link link)
{
    *at++ = CHUNK_VERSION;
    return souk_store_be64_(souk_store_be64_(souk_store_be64_(at, position), link.high), link.low);
}

uint8_t *
souk_index_put(uint8_t *p, const struct souk_index_row *row)
{
    p = souk_store_be64_(souk_store_be64_(p, row->name), row->position);
    p = souk_store_be32_(p, row->actor.kind);
    p = souk_store_be64_(souk_store_be64_(p, row->actor.key.high), row->actor.key.low);
    *p++ = row->has_asks;
    return p;
}

bool
souk_chunk_open(struct souk_bytes name, struct souk_bytes value, struct souk_chunk *chunk)
{
    const uint8_t *called = name.at, *at = value.at;
    if (name.length != SOUK_CHUNK_NAME || *called != 'x') return false;
    if (value.length < SOUK_CHUNK_HEAD || *at != CHUNK_VERSION) return false;
    size_t rows = value.length - SOUK_CHUNK_HEAD;
    if (rows % SOUK_ROW_BYTES || rows / SOUK_ROW_BYTES > UINT32_MAX) return false;
    *chunk = (struct souk_chunk){
        .number = souk_load_be64_(called + 1), .position = souk_load_be64_(at + 1),
        .link = { souk_load_be64_(at + 9), souk_load_be64_(at + 17) },
        .count = (uint32_t)(rows / SOUK_ROW_BYTES), .rows = at + SOUK_CHUNK_HEAD,
    };
    return true;
}

struct souk_index_row
souk_index_get(const struct souk_chunk *chunk, uint32_t index)
{
    const uint8_t *at = chunk->rows + (size_t)index * SOUK_ROW_BYTES;
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

/* ---- Tables. ---- */

void
souk_table_name(uint8_t name[SOUK_TABLE_NAME], uint64_t checkpoint, uint32_t shard)
{
    *name = 't';
    uint8_t *p = souk_store_be64_(name + 1, checkpoint);
    p[0] = (uint8_t)(shard >> 8);
    p[1] = (uint8_t)shard;
}

bool
souk_table_parse_name(struct souk_bytes name, uint64_t *checkpoint, uint32_t *shard)
{
    const uint8_t *at = name.at;
    if (name.length != SOUK_TABLE_NAME || *at != 't') return false;
    *checkpoint = souk_load_be64_(at + 1);
    *shard = (uint32_t)(at[9] << 8 | at[10]);
    return true;
}
