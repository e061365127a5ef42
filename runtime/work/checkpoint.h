/* SPDX-License-Identifier: Apache-2.0 */
/* work/checkpoint.h -- what a checkpoint leaves in the vault, as bytes (DURABILITY R6, R7). docs/journal.md has the
 * same for whoever writes another reader.
 *
 *     c NUMBER s KIND KEY   a snapshot: see cell/cell.h
 *     c NUMBER x            the head of a put, its last name: who was snapshotted in it, and where the journal ended
 *                           then. Each head names the one before
 *     c NUMBER t SHARD      a table: what was outstanding in a shard, as a batch of OUTSTANDING steps; its put's number
 *     m                     the marker: written last, it makes the checkpoint the one that counts
 *
 * Numbers are one ascending sequence, so each put lies behind all before it. (With a sequence of their own for heads, or
 * one fixed name in each put, LevelDB found each new table to overlap with all older ones, and wrote them anew.) For the
 * same reason snapshots that have been replaced are deleted together, with the marker, and only those that are young;
 * others stay.
 *
 * A start reads the heads and the tables, not the snapshots: those wait until their actors are spoken to. */
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
    uint64_t head;         /* The last head when it was written; */
    uint64_t rows, sum;    /* all rows of heads up to there, and the sum of their souk_index_sum(). */
    uint32_t tables;       /* How many tables it has. */
};
enum { SOUK_MARKER_BYTES = 1 + 3 * 8 + 16 + 3 * 8 + 4 + 8 };
void souk_marker_write(uint8_t out[SOUK_MARKER_BYTES], const struct souk_marker *marker);
/* SOUK_ERR_CORRUPT; SOUK_ERR_VERSION: by another version of souk. *old: an earlier one, whose checkpoints this program
 * does not read. */
souk_err souk_marker_read(struct souk_bytes bytes, struct souk_marker *marker, bool *old) SOUK_MUST_CHECK;

/* ---- Heads. ---- */

/* One snapshot. */
struct souk_index_row { uint64_t name, position; souk_ref actor; bool has_asks; };

/* What a put has, and what it saw. No row is from beyond `position`. */
struct souk_head {
    uint64_t before;       /* The head of the put before; 0: this is the first. */
    uint64_t checkpoint;   /* Of which it is. */
    uint64_t position;     /* The last durable one, */
    struct souk_link link; /* ... and the journal's link there. */
    uint32_t tables, rows; /* How many tables and rows follow. */
    const uint8_t *at;     /* When read: where they are. */
};

enum { SOUK_ROW_BYTES = 8 + 8 + 4 + 16 + 1, SOUK_HEAD_BYTES = 1 + 3 * 8 + 16 + 4, SOUK_HEAD_NAME = 10,
       SOUK_TABLE_NAME = 12 };

/* The name under which the vault has a head. The other is false when it is none. */
void souk_head_name(uint8_t name[SOUK_HEAD_NAME], uint64_t number);
bool souk_head_parse_name(struct souk_bytes name, uint64_t *number) SOUK_MUST_CHECK;
/* Writes a head, all but its tables and rows; then the shard of each table, then each row. They return where the next
 * goes. */
uint8_t *souk_head_put(uint8_t *at, const struct souk_head *head);
uint8_t *souk_head_put_table(uint8_t *at, uint32_t shard);
uint8_t *souk_head_put_row(uint8_t *at, const struct souk_index_row *row);
/* False when it is damaged or of another version. */
bool souk_head_read(struct souk_bytes value, struct souk_head *head) SOUK_MUST_CHECK;
uint32_t souk_head_table(const struct souk_head *head, uint32_t index);
struct souk_index_row souk_head_row(const struct souk_head *head, uint32_t index);
uint64_t souk_index_sum(const struct souk_index_row *row);

/* The name of the table of a shard in the put of that number. */
void souk_table_name(uint8_t name[SOUK_TABLE_NAME], uint64_t number, uint32_t shard);

#endif
