/* SPDX-License-Identifier: Apache-2.0 */
/* cell/arena.h -- where the containers of actors' states take their memory, and how states are made, freed and copied
 * to and from msgpack by their layout. */
#ifndef SOUK_CELL_ARENA_H
#define SOUK_CELL_ARENA_H

#include "base/heap.h"
#include <souk/actor.h>

/* One for each shard; whoever runs the shard lends it his heap. */
struct souk_arena { souk_heap *heap; };

/* Frees what the containers of a state hold, and leaves it zeroed but for its arena. */
void souk_state_clear(const struct souk_kind *kind, void *state);
/* Checks that the records in a kind's containers are flat; panics with its name when they aren't. Once a kind. */
void souk_state_check(const struct souk_kind *kind);
/* The size of a state as msgpack, and the state itself into exactly that many bytes; returns their end. */
size_t souk_state_size(const struct souk_kind *kind, const void *state);
uint8_t *souk_state_put(const struct souk_kind *kind, uint8_t *at, const void *state);
/* Fills a zeroed state. Fields that the snapshot lacks stay zero. False when it is damaged, or has more fields than the
 * layout: a newer kind wrote it, and to skip them would be to lose them. */
bool souk_state_get(const struct souk_kind *kind, struct souk_reader *in, void *state);

#endif
