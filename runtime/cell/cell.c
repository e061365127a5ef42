/* SPDX-License-Identifier: Apache-2.0 */
/* cell/cell.c -- live actors of a shard, and their snapshots. */
#include "cell/cell.h"

#include "base/hash.h"

/* ---- The directory. ---- */

static uint32_t
home(const struct souk_directory *d, uint32_t kind, souk_key key)
{
    return (uint32_t)(souk_hash_mix(key.low + kind) & (d->slots - 1));
}

static bool
same(const struct souk_identity *actor, uint32_t kind, souk_key key)
{
    return actor->kind->number == kind && souk_key_equal(actor->key, key);
}

struct souk_identity *
souk_directory_find(const struct souk_directory *d, uint32_t kind, souk_key key)
{
    if (!d->slots) return NULL;
    uint32_t i = home(d, kind, key);
    while (d->slot[i] && !same(d->slot[i], kind, key)) i = (i + 1) & (d->slots - 1);
    return d->slot[i];
}

static void
place(struct souk_directory *d, struct souk_identity *actor)
{
    uint32_t i = home(d, actor->kind->number, actor->key);
    while (d->slot[i]) i = (i + 1) & (d->slots - 1);
    d->slot[i] = actor;
}

void
souk_directory_add(struct souk_directory *d, souk_heap *heap, struct souk_identity *actor)
{
    if (2 * d->count >= d->slots) {
        struct souk_directory wider = { .slots = d->slots ? 2 * d->slots : 16, .count = d->count };
        wider.slot = souk_heap_zalloc(heap, wider.slots * sizeof *wider.slot);
        for (uint32_t i = 0; i < d->slots; i++)
            if (d->slot[i]) place(&wider, d->slot[i]);
        souk_heap_free(heap, d->slot, d->slots * sizeof *d->slot);
        *d = wider;
    }
    place(d, actor);
    d->count++;
}

void
souk_directory_remove(struct souk_directory *d, const struct souk_identity *actor)
{
    uint32_t mask = d->slots - 1, hole = home(d, actor->kind->number, actor->key);
    while (d->slot[hole] != actor) hole = (hole + 1) & mask;
    d->slot[hole] = NULL;
    for (uint32_t next = (hole + 1) & mask; d->slot[next]; next = (next + 1) & mask) {
        uint32_t wanted = home(d, d->slot[next]->kind->number, d->slot[next]->key);
        if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
        d->slot[hole] = d->slot[next];
        d->slot[next] = NULL;
        hole = next;
    }
    d->count--;
}

struct souk_cell *
souk_cell_new(struct souk_directory *d, struct souk_arena *arena, const struct souk_kind *kind, souk_key key)
{
    struct souk_cell *cell = souk_heap_zalloc(arena->heap, sizeof *cell + kind->state_size);
    cell->kind = kind;
    cell->key = key;
    *(struct souk_arena **)(void *)cell->state = arena;
    souk_directory_add(d, arena->heap, &cell->identity);
    return cell;
}

void
souk_cell_free(struct souk_directory *d, struct souk_arena *arena, struct souk_cell *cell)
{
    souk_assert(!cell->waiting.head);
    souk_directory_remove(d, &cell->identity);
    souk_state_clear(cell->kind, cell->state);
    souk_heap_free(arena->heap, cell->asks, cell->asks_room * sizeof *cell->asks);
    souk_heap_free(arena->heap, cell, sizeof *cell + cell->kind->state_size);
}

/* ---- Open asks: few at a time, so a small array. ---- */

struct souk_open_ask *
souk_cell_ask(struct souk_cell *cell, uint32_t number)
{
    for (uint32_t i = 0; i < cell->asks_count; i++)
        if (cell->asks[i].number == number) return &cell->asks[i];
    return NULL;
}

void
souk_cell_ask_add(struct souk_cell *cell, souk_heap *heap, struct souk_open_ask ask)
{
    if (cell->asks_count == cell->asks_room) {
        uint32_t room = cell->asks_room ? 2 * cell->asks_room : 2;
        cell->asks = souk_heap_grow(heap, cell->asks, cell->asks_room * sizeof ask, room * sizeof ask);
        cell->asks_room = room;
    }
    cell->asks[cell->asks_count++] = ask;
}

void
souk_cell_ask_remove(struct souk_cell *cell, struct souk_open_ask *ask)
{
    *ask = cell->asks[--cell->asks_count];
}

void
souk_cell_asks_trim(struct souk_cell *cell, souk_heap *heap)
{
    if (cell->asks_count || !cell->asks_room) return;
    souk_heap_free(heap, cell->asks, cell->asks_room * sizeof *cell->asks);
    cell->asks = NULL;
    cell->asks_room = 0;
}

/* ---- Snapshots: version, flags, position, asked, asks as (number, reply, due), then the state as msgpack. ---- */

enum { SNAPSHOT_VERSION = 1, SNAPSHOT_HEAD = 1 + 1 + 8 + 4 + 4, SNAPSHOT_ASK = 4 + 4 + 8, HAS_ASKS = 1 };

void
souk_snapshot_name(uint8_t name[SOUK_SNAPSHOT_NAME], uint64_t number, uint32_t kind, souk_key key)
{
    *name = 'c';
    uint8_t *p = souk_store_be64_(name + 1, number);
    *p++ = 's';
    souk_store_be64_(souk_store_be64_(souk_store_be32_(p, kind), key.high), key.low);
}

bool
souk_snapshot_parse_name(struct souk_bytes name, uint64_t *number, uint32_t *kind, souk_key *key)
{
    const uint8_t *at = name.at;
    if (name.length != SOUK_SNAPSHOT_NAME || at[0] != 'c' || at[9] != 's') return false;
    *number = souk_load_be64_(at + 1);
    *kind = souk_load_be32_(at + 10);
    *key = (souk_key){ souk_load_be64_(at + 14), souk_load_be64_(at + 22) };
    return true;
}

size_t
souk_snapshot_size(const struct souk_cell *cell)
{
    return SNAPSHOT_HEAD + cell->asks_count * SNAPSHOT_ASK + souk_state_size(cell->kind, cell->state);
}

void
souk_snapshot_write(const struct souk_cell *cell, uint8_t *snapshot, size_t length)
{
    uint8_t *p = snapshot;
    *p++ = SNAPSHOT_VERSION;
    *p++ = cell->asks_count ? HAS_ASKS : 0;
    p = souk_store_be64_(p, cell->position);
    p = souk_store_be32_(souk_store_be32_(p, cell->asked), cell->asks_count);
    for (uint32_t i = 0; i < cell->asks_count; i++) {
        const struct souk_open_ask *ask = &cell->asks[i];
        p = souk_store_be64_(souk_store_be32_(souk_store_be32_(p, ask->number), ask->reply), ask->due_ms);
    }
    p = souk_state_put(cell->kind, p, cell->state);
    souk_assert(p == snapshot + length);
}

bool
souk_snapshot_peek(struct souk_bytes snapshot, struct souk_snapshot_head *head)
{
    const uint8_t *at = snapshot.at;
    if (snapshot.length < SNAPSHOT_HEAD || at[0] != SNAPSHOT_VERSION) return false;
    head->has_asks = at[1] & HAS_ASKS;
    head->position = souk_load_be64_(at + 2);
    return true;
}

bool
souk_snapshot_newer(const struct souk_kind *kind, struct souk_bytes snapshot)
{
    const uint8_t *at = snapshot.at;
    if (snapshot.length && *at > SNAPSHOT_VERSION) return true;
    if (snapshot.length < SNAPSHOT_HEAD || *at != SNAPSHOT_VERSION) return false;
    uint64_t asks = souk_load_be32_(at + 14);
    if (asks * SNAPSHOT_ASK > snapshot.length - SNAPSHOT_HEAD) return false;
    struct souk_reader in = { .at = at + SNAPSHOT_HEAD + asks * SNAPSHOT_ASK, .end = at + snapshot.length };
    uint32_t known, there = souk_get_array_(&in);
    (void)kind->state(&known);
    return !in.bad && there > known;
}

bool
souk_snapshot_read(struct souk_cell *cell, struct souk_bytes snapshot, souk_heap *heap)
{
    const uint8_t *at = snapshot.at;
    struct souk_snapshot_head head;
    if (!souk_snapshot_peek(snapshot, &head)) return false;
    uint64_t asks = souk_load_be32_(at + 14);
    if (asks * SNAPSHOT_ASK > snapshot.length - SNAPSHOT_HEAD) return false;
    cell->position = cell->snapshot = head.position;
    cell->asked = souk_load_be32_(at + 10);
    const uint8_t *p = at + SNAPSHOT_HEAD;
    for (uint64_t i = 0; i < asks; i++, p += SNAPSHOT_ASK) {
        struct souk_open_ask ask = { souk_load_be32_(p), souk_load_be32_(p + 4), souk_load_be64_(p + 8), true };
        souk_cell_ask_add(cell, heap, ask);
    }
    struct souk_reader in = { .at = p, .end = at + snapshot.length };
    if (souk_state_get(cell->kind, &in, cell->state) && in.at == in.end) return true;
    souk_state_clear(cell->kind, cell->state);
    return false;
}

bool
souk_snapshot_restore(struct souk_cell *cell, struct souk_bytes snapshot)
{
    const uint8_t *at = snapshot.at;
    struct souk_snapshot_head head;
    souk_state_clear(cell->kind, cell->state);
    if (!souk_snapshot_peek(snapshot, &head) || head.position != cell->position) return false;
    uint64_t asks = souk_load_be32_(at + 14);
    if (asks * SNAPSHOT_ASK > snapshot.length - SNAPSHOT_HEAD) return false;
    struct souk_reader in = { .at = at + SNAPSHOT_HEAD + asks * SNAPSHOT_ASK, .end = at + snapshot.length };
    return souk_state_get(cell->kind, &in, cell->state) && in.at == in.end;
}
