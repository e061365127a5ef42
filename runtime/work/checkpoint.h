/* SPDX-License-Identifier: Apache-2.0 */
/* work/checkpoint.h -- what a checkpoint leaves in the vault, as bytes (DURABILITY R6, R7). docs/journal.md has the
 * same for whoever writes another reader.
 *
 *     s NUMBER KIND KEY   a snapshot: see cell/cell.h. Numbers ascend; an actor's older one goes in the same put
 *     x NUMBER            a chunk of the index: who was snapshotted in one put, and where the journal ended then
 *     t CHECKPOINT SHARD  a table: what was outstanding in a shard, as a batch of OUTSTANDING steps
 *     m                   the marker: written last, it makes the checkpoint the one that counts
 *
 * A start reads the index and the tables, not the snapshots: those wait until their actors are spoken to. */
#ifndef SOUK_WORK_CHECKPOINT_H
#define SOUK_WORK_CHECKPOINT_H

#include "base/hash.h"
#include <souk/actor.h>

/* ---- The marker. ---- */

/* All that happened up to `position` is in the snapshots and the tables; the journal is to be read from `low` on, which
 * is lower only for the sake of actors that are set apart. */
struct souk_marker {
    uint64_t number;       /* Of the checkpoint: its tables carry it. */
    uint64_t position, low;
    struct souk_link link; /* The journal's at `position`. */
    uint64_t chunk;        /* The last chunk of the index when it was written; */
    uint64_t rows, sum;    /* all rows up to there, and the sum of their souk_index_sum(). */
    uint32_t tables;       /* How many tables it has. */
};
enum { SOUK_MARKER_BYTES = 1 + 3 * 8 + 16 + 3 * 8 + 4 + 8 };
void souk_marker_write(uint8_t out[SOUK_MARKER_BYTES], const struct souk_marker *marker);
/* SOUK_ERR_CORRUPT; SOUK_ERR_VERSION: by another version of souk. *old: an earlier one, whose checkpoints this program
 * does not read. */
souk_err souk_marker_read(struct souk_bytes bytes, struct souk_marker *marker, bool *old) SOUK_MUST_CHECK;

/* ---- The index. ---- */

/* One snapshot. */
struct souk_index_row { uint64_t name, position; souk_ref actor; bool has_asks; };
/* A chunk: its rows, and where the journal ended, durably, when it was written; no row is from beyond. */
struct souk_chunk { uint64_t number, position; struct souk_link link; uint32_t count; const uint8_t *rows; };

enum { SOUK_ROW_BYTES = 8 + 8 + 4 + 16 + 1, SOUK_CHUNK_HEAD = 1 + 8 + 16, SOUK_CHUNK_NAME = 9, SOUK_TABLE_NAME = 11 };

/* The name under which the vault has a chunk. */
void souk_chunk_name(uint8_t name[SOUK_CHUNK_NAME], uint64_t number);
/* Writes the head of a chunk; a row. Both return where the next one goes. */
uint8_t *souk_chunk_begin(uint8_t *at, uint64_t position, struct souk_link link);
uint8_t *souk_index_put(uint8_t *at, const struct souk_index_row *row);
/* False when it is damaged or of another version. */
bool souk_chunk_open(struct souk_bytes name, struct souk_bytes value, struct souk_chunk *chunk) SOUK_MUST_CHECK;
struct souk_index_row souk_index_get(const struct souk_chunk *chunk, uint32_t index);
uint64_t souk_index_sum(const struct souk_index_row *row);

/* ---- Tables. ---- */

/* The name of a checkpoint's table of a shard. */
void souk_table_name(uint8_t name[SOUK_TABLE_NAME], uint64_t checkpoint, uint32_t shard);
/* What is in such a name. False when it is none. */
bool souk_table_parse_name(struct souk_bytes name, uint64_t *checkpoint, uint32_t *shard) SOUK_MUST_CHECK;

#endif
