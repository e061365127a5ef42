/* SPDX-License-Identifier: Apache-2.0 */
/* cell/arena.c -- the containers of souk/state.h, and states as msgpack.
 *
 * A map keeps its entries dense and in the order of insertion, which makes iteration the same after a snapshot, and
 * finds them through an index with linear probing and backward-shift deletion (Knuth, TAOCP 6.4 R). Removed entries
 * stay as holes until the next growth, but for those at the front, which iteration then skips in one step: a queue of
 * holds that end in order stays cheap. */
#include "cell/arena.h"

/* ---- Text and lists. ---- */

void
souk_set_text_(struct souk_arena *arena, struct souk_string *string, struct souk_text text)
{
    souk_assert(text.length <= SOUK_TEXT_MAX);
    char *copy = text.length ? souk_heap_alloc(arena->heap, text.length) : NULL;
    if (text.length) memcpy(copy, text.at, text.length);
    souk_heap_free(arena->heap, string->at, string->length);
    string->at = copy;
    string->length = (uint32_t)text.length;
}

void *
souk_array_add_(struct souk_arena *arena, struct souk_array *array, size_t size)
{
    if (array->count == array->room) {
        uint32_t room = array->room ? 2 * array->room : 2;
        array->at = souk_heap_grow(arena->heap, array->at, array->room * size, room * size);
        array->room = room;
    }
    uint8_t *added = (uint8_t *)array->at + array->count++ * size;
    memset(added, 0, size);
    return added;
}

/* ---- Maps. ---- */

static size_t
entry_size(size_t size)
{
    return (sizeof(souk_key) + size + 7) & ~(size_t)7;
}

static souk_key *
entry_at(const struct souk_map *map, uint32_t number, size_t size)
{
    return (souk_key *)(void *)(map->entry + number * entry_size(size));
}

static uint32_t
home(const struct souk_map *map, souk_key key)
{
    return (uint32_t)key.low & (map->slots - 1);
}

/* The slot that holds the key, or the free one where it would go. */
static uint32_t
slot_of(const struct souk_map *map, souk_key key, size_t size)
{
    uint32_t slot = home(map, key);
    while (map->index[slot] && !souk_key_equal(*entry_at(map, map->index[slot] - 1, size), key))
        slot = (slot + 1) & (map->slots - 1);
    return slot;
}

void *
souk_map_find_(const struct souk_map *map, souk_key key, size_t size)
{
    if (!map->slots || souk_key_none(key)) return NULL;
    uint32_t slot = slot_of(map, key, size);
    return map->index[slot] ? entry_at(map, map->index[slot] - 1, size) + 1 : NULL;
}

/* Makes room for another entry: closes the holes when they are many, else doubles. */
static void
make_room(struct souk_arena *arena, struct souk_map *map, size_t size)
{
    uint32_t room = map->count < map->room / 2 || !map->room ? map->room : 2 * map->room;
    if (!room) room = 1; /* Most maps of most actors have one entry. */
    struct souk_map wider = { .room = room, .slots = 2 * room < 4 ? 4 : 2 * room, .used = 0, .count = map->count };
    wider.entry = souk_heap_alloc(arena->heap, room * entry_size(size));
    wider.index = souk_heap_zalloc(arena->heap, wider.slots * sizeof *wider.index);
    for (uint32_t i = map->head; i < map->used; i++) {
        const souk_key *entry = entry_at(map, i, size);
        if (souk_key_none(*entry)) continue;
        memcpy(entry_at(&wider, wider.used, size), entry, entry_size(size));
        uint32_t slot = home(&wider, *entry);
        while (wider.index[slot]) slot = (slot + 1) & (wider.slots - 1);
        wider.index[slot] = ++wider.used;
    }
    souk_heap_free(arena->heap, map->entry, map->room * entry_size(size));
    souk_heap_free(arena->heap, map->index, map->slots * sizeof *map->index);
    *map = wider;
}

void *
souk_map_put_(struct souk_arena *arena, struct souk_map *map, souk_key key, size_t size)
{
    souk_assert(!souk_key_none(key));
    void *found = souk_map_find_(map, key, size);
    if (found) return found;
    if (map->used == map->room) make_room(arena, map, size);
    souk_key *entry = entry_at(map, map->used, size);
    memset(entry, 0, entry_size(size));
    *entry = key;
    map->index[slot_of(map, key, size)] = ++map->used;
    map->count++;
    return entry + 1;
}

bool
souk_map_remove_(struct souk_map *map, souk_key key, size_t size)
{
    if (!souk_map_find_(map, key, size)) return false;
    uint32_t hole = slot_of(map, key, size), mask = map->slots - 1;
    *entry_at(map, map->index[hole] - 1, size) = (souk_key){ 0, 0 };
    map->index[hole] = 0;
    for (uint32_t next = (hole + 1) & mask; map->index[next]; next = (next + 1) & mask) {
        uint32_t wanted = home(map, *entry_at(map, map->index[next] - 1, size));
        if (((next - wanted) & mask) < ((next - hole) & mask)) continue; /* It would pass its home. */
        map->index[hole] = map->index[next];
        map->index[next] = 0;
        hole = next;
    }
    map->count--;
    while (map->head < map->used && souk_key_none(*entry_at(map, map->head, size))) map->head++;
    if (map->head == map->used) map->head = map->used = 0;
    return true;
}

void *
souk_map_next_(const struct souk_map *map, uint32_t *at, souk_key *key, size_t size)
{
    if (*at < map->head) *at = map->head;
    while (*at < map->used) {
        souk_key *entry = entry_at(map, (*at)++, size);
        if (souk_key_none(*entry)) continue;
        *key = *entry;
        return entry + 1;
    }
    return NULL;
}

/* ---- States as msgpack. ---- */

static size_t
element_size(const struct souk_field *field)
{
    switch (field->type) {
    case SOUK_BOOL: return sizeof(bool);
    case SOUK_U32: return sizeof(uint32_t);
    case SOUK_U64: case SOUK_I64: return sizeof(uint64_t);
    case SOUK_KEY: return sizeof(souk_key);
    case SOUK_ASKER: return sizeof(souk_asker);
    case SOUK_REC: return field->record->size;
    case SOUK_STR: case SOUK_BIN: break;
    }
    souk_panic(__FILE__, __LINE__, "a container in a state holds text");
}

static size_t
value_size(const struct souk_field *field, const void *at)
{
    switch (field->type) {
    case SOUK_BOOL: return souk_size_bool(at);
    case SOUK_U32: return souk_size_u32(at);
    case SOUK_U64: return souk_size_u64(at);
    case SOUK_I64: return souk_size_i64(at);
    case SOUK_KEY: return souk_size_key(at);
    case SOUK_ASKER: return souk_size_asker(at);
    case SOUK_REC: return field->record->encoded(at);
    case SOUK_STR: case SOUK_BIN: break;
    }
    struct souk_text text = souk_text_in(at);
    return souk_size_text(&text);
}

static uint8_t *
value_put(const struct souk_field *field, uint8_t *p, const void *at)
{
    switch (field->type) {
    case SOUK_BOOL: return souk_put_bool(p, at);
    case SOUK_U32: return souk_put_u32(p, at);
    case SOUK_U64: return souk_put_u64(p, at);
    case SOUK_I64: return souk_put_i64(p, at);
    case SOUK_KEY: return souk_put_key(p, at);
    case SOUK_ASKER: return souk_put_asker(p, at);
    case SOUK_REC: return field->record->put(p, at);
    case SOUK_STR: case SOUK_BIN: break;
    }
    struct souk_text text = souk_text_in(at);
    return souk_put_text(p, &text);
}

static void
value_get(const struct souk_field *field, struct souk_reader *in, struct souk_arena *arena, void *at)
{
    switch (field->type) {
    case SOUK_BOOL: souk_get_bool(in, at); return;
    case SOUK_U32: souk_get_u32(in, at); return;
    case SOUK_U64: souk_get_u64(in, at); return;
    case SOUK_I64: souk_get_i64(in, at); return;
    case SOUK_KEY: souk_get_key(in, at); return;
    case SOUK_ASKER: souk_get_asker(in, at); return;
    case SOUK_REC: (void)field->record->get(in, at); return; /* A failure is kept in `in`. */
    case SOUK_STR: case SOUK_BIN: break;
    }
    struct souk_text text;
    souk_get_text(in, &text);
    if (!in->bad) souk_set_text_(arena, at, text);
}

/* Array headers in snapshots are always 32 bits wide: states outgrow 65535 entries. */
static uint8_t *
put_count(uint8_t *p, uint32_t count)
{
    *p = 0xdd;
    return souk_store_be32_(p + 1, count);
}

static uint32_t
get_count(struct souk_reader *in)
{
    uint32_t count = souk_get_array_(in);
    return in->bad ? 0 : count;
}

size_t
souk_state_size(const struct souk_kind *kind, const void *state)
{
    uint32_t count;
    const struct souk_field *fields = kind->state(&count);
    size_t size = 5;
    for (const struct souk_field *f = fields; f < fields + count; f++) {
        const void *at = (const char *)state + f->offset;
        if (f->shape == SOUK_LIST) {
            const struct souk_array *array = at;
            size += 5;
            for (uint32_t i = 0; i < array->count; i++) size += value_size(f, (char *)array->at + i * element_size(f));
        } else if (f->shape == SOUK_MAP) {
            souk_key key;
            size += 5;
            for (uint32_t i = 0;;) {
                const void *record = souk_map_next_(at, &i, &key, f->record->size);
                if (!record) break;
                size += souk_size_key(&key) + f->record->encoded(record);
            }
        } else {
            size += value_size(f, at);
        }
    }
    return size;
}

uint8_t *
souk_state_put(const struct souk_kind *kind, uint8_t *p, const void *state)
{
    uint32_t count;
    const struct souk_field *fields = kind->state(&count);
    p = put_count(p, count);
    for (const struct souk_field *f = fields; f < fields + count; f++) {
        const void *at = (const char *)state + f->offset;
        if (f->shape == SOUK_LIST) {
            const struct souk_array *array = at;
            p = put_count(p, array->count);
            for (uint32_t i = 0; i < array->count; i++) p = value_put(f, p, (char *)array->at + i * element_size(f));
        } else if (f->shape == SOUK_MAP) {
            const struct souk_map *map = at;
            souk_key key;
            p = put_count(p, 2 * map->count); /* Key, record, key, record, ... */
            for (uint32_t i = 0;;) {
                const void *record = souk_map_next_(map, &i, &key, f->record->size);
                if (!record) break;
                p = f->record->put(souk_put_key(p, &key), record);
            }
        } else {
            p = value_put(f, p, at);
        }
    }
    return p;
}

bool
souk_state_get(const struct souk_kind *kind, struct souk_reader *in, void *state)
{
    struct souk_arena *arena = *(struct souk_arena **)state;
    uint32_t count, there = get_count(in);
    const struct souk_field *fields = kind->state(&count);
    if (there > count) in->bad = true;
    for (const struct souk_field *f = fields; f < fields + count && there && !in->bad; f++, there--) {
        void *at = (char *)state + f->offset;
        if (f->shape == SOUK_LIST) {
            for (uint32_t n = get_count(in); n && !in->bad; n--)
                value_get(f, in, arena, souk_array_add_(arena, at, element_size(f)));
        } else if (f->shape == SOUK_MAP) {
            for (uint32_t n = get_count(in) / 2; n && !in->bad; n--) {
                souk_key key;
                souk_get_key(in, &key);
                if (souk_key_none(key)) in->bad = true;
                if (!in->bad) value_get(f, in, arena, souk_map_put_(arena, at, key, f->record->size));
            }
        } else {
            value_get(f, in, arena, at);
        }
    }
    return !in->bad;
}

void
souk_state_clear(const struct souk_kind *kind, void *state)
{
    struct souk_arena *arena = *(struct souk_arena **)state;
    uint32_t count;
    const struct souk_field *fields = kind->state(&count);
    for (const struct souk_field *f = fields; f < fields + count; f++) {
        void *at = (char *)state + f->offset;
        if (f->shape == SOUK_LIST) {
            struct souk_array *array = at;
            souk_heap_free(arena->heap, array->at, array->room * element_size(f));
        } else if (f->shape == SOUK_MAP) {
            struct souk_map *map = at;
            souk_heap_free(arena->heap, map->entry, map->room * entry_size(f->record->size));
            souk_heap_free(arena->heap, map->index, map->slots * sizeof *map->index);
        } else if (f->type == SOUK_STR) {
            struct souk_string *string = at;
            souk_heap_free(arena->heap, string->at, string->length);
        }
    }
    memset(state, 0, kind->state_size);
    *(struct souk_arena **)state = arena;
}

void
souk_state_check(const struct souk_kind *kind)
{
    uint32_t count;
    const struct souk_field *fields = kind->state(&count);
    for (const struct souk_field *f = fields; f < fields + count; f++) {
        if (f->type != SOUK_REC) continue;
        for (const struct souk_field *inner = f->record->fields(); inner->name; inner++)
            if (inner->shape == SOUK_LIST || inner->type == SOUK_STR || inner->type == SOUK_BIN ||
                inner->type == SOUK_REC)
                souk_panic(kind->name, (int)inner->type, "a record in a state is not flat: its text would dangle");
    }
}
