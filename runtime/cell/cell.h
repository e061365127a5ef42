/* SPDX-License-Identifier: Apache-2.0 */
/* cell/cell.h -- one live event-sourced actor, and the directory of the actors of a shard. One thread at a time:
 * whoever runs the shard. */
#ifndef SOUK_CELL_CELL_H
#define SOUK_CELL_CELL_H

#include "cell/arena.h"
#include "mail/message.h"

/* An ask that has no outcome yet. */
struct souk_open_ask {
    uint32_t number, reply;
    uint64_t due_ms;
    bool durable; /* An earlier batch OPENED it: its end must be recorded. */
};

/* Who an actor is: how both event-sourced ones and volatile ones (live.h) begin. */
struct souk_identity { const struct souk_kind *kind; souk_key key; };

struct souk_cell {
    union {
        struct souk_identity identity;
        struct { const struct souk_kind *kind; souk_key key; };
    };
    uint64_t position; /* Of the last batch that has something of this actor; 0: none. */
    uint64_t snapshot; /* The position of the snapshot it was woken from: replay ignores batches up to it. */
    uint64_t stamp;    /* Of the batch under way in which it is entry `index` of the dictionary. */
    uint32_t index;
    uint32_t asked;    /* The number of its last ask. */
    struct souk_open_ask *asks;
    uint32_t asks_count, asks_room;
    struct souk_fifo waiting; /* Messages until it is loaded; then queries until it has changed. */
    uint64_t used_ms;  /* Turn time of its last message: whoever is idle may be put to sleep. */
    struct souk_cell *noted_next, **noted_link; /* In the list of those that the next checkpoint looks at. */
    uint32_t cut;      /* The checkpoint that took its snapshot last. */
    bool dirty;        /* Differs from its snapshot. */
    bool loading;      /* Its snapshot is on the way; messages wait. */
    bool changed;      /* Since its waiting queries were last answered. */
    bool traced;       /* Each turn of it is told. */
    bool broken;       /* Its snapshot or events cannot be read: everything to it is dead. */
    bool parked;       /* A turn failed; messages wait until the next attempt. */
    bool rebuilding;   /* Loading, because a turn failed while it changed the state. */
    _Alignas(16) uint8_t state[];
};

/* Actors by kind and key: open addressing with linear probing. */
struct souk_directory { struct souk_identity **slot; uint32_t count, slots; };

/* The actor, or NULL when it isn't there. */
struct souk_identity *souk_directory_find(const struct souk_directory *directory, uint32_t kind, souk_key key);
/* Adds one that isn't there, and takes out one that is. */
void souk_directory_add(struct souk_directory *directory, souk_heap *heap, struct souk_identity *actor);
void souk_directory_remove(struct souk_directory *directory, const struct souk_identity *actor);

/* The event-sourced actor, or NULL when it isn't live. */
static inline struct souk_cell *
souk_cell_find(const struct souk_directory *directory, uint32_t kind, souk_key key)
{
    return (struct souk_cell *)(void *)souk_directory_find(directory, kind, key);
}
/* The event-sourced actor in a directory's slot, or NULL. */
static inline struct souk_cell *
souk_cell_at(const struct souk_directory *directory, uint32_t slot)
{
    return (struct souk_cell *)(void *)directory->slot[slot];
}
/* A new, zeroed actor in the directory. */
struct souk_cell *souk_cell_new(struct souk_directory *directory, struct souk_arena *arena,
                                const struct souk_kind *kind, souk_key key);
/* Forgets and frees an actor that has no waiting messages. */
void souk_cell_free(struct souk_directory *directory, struct souk_arena *arena, struct souk_cell *cell);

/* An ask's place among the open ones, or NULL. */
struct souk_open_ask *souk_cell_ask(struct souk_cell *cell, uint32_t number);
void souk_cell_ask_add(struct souk_cell *cell, souk_heap *heap, struct souk_open_ask ask);
/* Gives back the memory of asks when none is open. */
void souk_cell_asks_trim(struct souk_cell *cell, souk_heap *heap);
void souk_cell_ask_remove(struct souk_cell *cell, struct souk_open_ask *ask);

/* ---- Snapshots: what the vault keeps of an actor (R6). ---- */

enum { SOUK_SNAPSHOT_NAME = 30 };
/* The name under which the vault has it: 'c', a number, 's', the kind, the key. Numbers ascend, so that the vault is
 * written in the order of its keys, and a store such as LevelDB has nothing to merge. See work/checkpoint.h. */
void souk_snapshot_name(uint8_t name[SOUK_SNAPSHOT_NAME], uint64_t number, uint32_t kind, souk_key key);
bool souk_snapshot_parse_name(struct souk_bytes name, uint64_t *number, uint32_t *kind, souk_key *key);
/* How long a snapshot will be, and the snapshot, into exactly that many bytes. */
size_t souk_snapshot_size(const struct souk_cell *cell);
void souk_snapshot_write(const struct souk_cell *cell, uint8_t *snapshot, size_t length);
/* What can be told without decoding the state. */
struct souk_snapshot_head { uint64_t position; bool has_asks; };
bool souk_snapshot_peek(struct souk_bytes snapshot, struct souk_snapshot_head *head);
/* Whether a newer program wrote it: in a later format, or with more fields than the kind's state has. */
bool souk_snapshot_newer(const struct souk_kind *kind, struct souk_bytes snapshot);
/* Replaces the state of a live cell by that of a snapshot, and nothing else. False when it is damaged, or not of the
 * cell's own position. */
bool souk_snapshot_restore(struct souk_cell *cell, struct souk_bytes snapshot);
/* Fills a new cell. False when it is damaged, or its state cannot be read by the kind: then the cell has what the
 * snapshot says but for the state, which is cleared. */
bool souk_snapshot_read(struct souk_cell *cell, struct souk_bytes snapshot, souk_heap *heap);

#endif
