/* SPDX-License-Identifier: Apache-2.0 */
/* souk/state.h -- what an actor's state is made of: plain values, and containers that grow in the actor's arena.
 *
 * A state is listed like a message, in the kind's .c file:
 *
 *     #define STOCK_STATE(F, L, M) F(1, u32, free) F(2, text, sku) L(3, key, waiting) M(4, stock_hold, holds)
 *     SOUK_STATE(stock, STOCK_STATE);
 *
 * and becomes a struct with members of these names. A new actor's state is all zeros. Text is copied into the arena by
 * souk_set_text(). A list grows at its end. A map finds a record by a key and iterates in the order of insertion. The
 * records in lists and maps must be flat: no text, bytes or lists inside; they may grow by optional fields. Pointers
 * into a container are good until it is next changed. Only apply functions change a state; the containers' changing
 * calls take the state for its arena.
 *
 * A snapshot is written from this table, so the numbers are on disk: add at the end, never renumber, never take away. A
 * field that a snapshot lacks, because it is older, is zero; names are free. */
#ifndef SOUK_STATE_H
#define SOUK_STATE_H

#include <souk/protocol.h>

struct souk_arena;

/* Text owned by a state. Reads as struct souk_text through souk_text_in(). */
struct souk_string { char *at; uint32_t length; };

/* A growing array. Its elements are at souk_at(). */
struct souk_array { void *at; uint32_t count, room; };

/* A map from keys to records (dense entries in the order of insertion, and an index of linear probing over them). */
struct souk_map {
    uint8_t *entry;       /* room x (key, record); removed entries have the none key until the next growth. */
    uint32_t *index;      /* Slots of entry numbers + 1; 0 is free. A power of two, at least 2 x room and 4. */
    uint32_t count;       /* Live entries. */
    uint32_t head, used;  /* Entries before head are removed ones; entries from used on are free. */
    uint32_t room, slots;
};

typedef bool souk_s_bool;
typedef uint32_t souk_s_u32;
typedef uint64_t souk_s_u64;
typedef int64_t souk_s_i64;
typedef souk_key souk_s_key;
typedef struct souk_string souk_s_text;
typedef souk_asker souk_s_asker;

#define SOUK_STATE_F_(number, type, name) souk_s_##type name;
#define SOUK_STATE_L_(number, type, name) union { struct souk_array array; souk_c_##type *type_; } name;
#define SOUK_STATE_M_(number, record, name) union { struct souk_map map; souk_c_##record *type_; } name;

#define SOUK_STATE_LAYOUT_F_(number, type, name)                                                    \
    { #name, SOUK_TYPE_OF_(souk_c_##type), SOUK_ONE, 0, offsetof(self, name), 0, souk_layout_of_##type },
#define SOUK_STATE_LAYOUT_L_(number, type, name)                                                    \
    { #name, SOUK_TYPE_OF_(souk_c_##type), SOUK_LIST, 0, offsetof(self, name), 0, souk_layout_of_##type },
#define SOUK_STATE_LAYOUT_M_(number, record, name)                                                  \
    { #name, SOUK_REC, SOUK_MAP, 0, offsetof(self, name), 0, souk_layout_of_##record },

/* Makes the state's struct and its layout. In the kind's .c file, before its functions. */
#define SOUK_STATE(actor, STATE)                                                                    \
    struct actor {                                                                                  \
        struct souk_arena *souk_arena_; /* First, always: the containers' calls find it here. */    \
        STATE(SOUK_STATE_F_, SOUK_STATE_L_, SOUK_STATE_M_)                                          \
    };                                                                                              \
    static inline void SOUK_UNUSED souk_numbers_of_##actor##_state(void)                                        \
    { enum { souk_none_ = 0 STATE(SOUK_ORDER_F_, SOUK_ORDER_F_, SOUK_ORDER_F_) }; }                 \
    static const struct souk_field *actor##_state_(uint32_t *count)                                 \
    {                                                                                               \
        typedef struct actor self;                                                                  \
        static const struct souk_field fields[] = {                                                 \
            STATE(SOUK_STATE_LAYOUT_F_, SOUK_STATE_LAYOUT_L_, SOUK_STATE_LAYOUT_M_) };              \
        *count = sizeof fields / sizeof fields[0];                                                  \
        return fields;                                                                              \
    }                                                                                               \
    struct actor

/* ---- Text. ---- */

static inline struct souk_text
souk_text_in(const struct souk_string *string)
{
    return (struct souk_text){ string->at, string->length };
}

/* souk_set_text(state, member, text): copies the text into the state. */
#define souk_set_text(state, member, text) souk_set_text_((state)->souk_arena_, &(state)->member, (text))
void souk_set_text_(struct souk_arena *arena, struct souk_string *string, struct souk_text text);

/* ---- Lists. ---- */

/* souk_add(state, list): a new zeroed element at the end, to be filled in. */
#define souk_add(state, list) \
    ((typeof((state)->list.type_))souk_array_add_((state)->souk_arena_, &(state)->list.array,       \
                                                  sizeof *(state)->list.type_))
/* souk_at(state, list, i): the element i, and souk_count(state, list): how many there are. */
#define souk_at(state, list, i) (&((const typeof(*(state)->list.type_) *)(state)->list.array.at)[i])
#define souk_count(state, list) ((state)->list.array.count)
void *souk_array_add_(struct souk_arena *arena, struct souk_array *array, size_t size);

/* ---- Maps. ---- */

/* souk_find(state, map, key): the record, const, or NULL. In decide, answer and check. */
#define souk_find(state, map_, key) \
    ((const typeof(*(state)->map_.type_) *)souk_map_find_(&(state)->map_.map, (key), sizeof *(state)->map_.type_))
/* souk_put(state, map, key): the record of that key, to be changed; a new one is zeroed. In apply. */
#define souk_put(state, map_, key) \
    ((typeof((state)->map_.type_))souk_map_put_((state)->souk_arena_, &(state)->map_.map, (key),    \
                                                sizeof *(state)->map_.type_))
/* souk_remove(state, map, key): whether it was there. */
#define souk_remove(state, map_, key) souk_map_remove_(&(state)->map_.map, (key), sizeof *(state)->map_.type_)
/* souk_next(state, map, &at, &key): the records in order of insertion; NULL at the end. `at` begins as 0. */
#define souk_next(state, map_, at, key) \
    ((const typeof(*(state)->map_.type_) *)souk_map_next_(&(state)->map_.map, (at), (key), sizeof *(state)->map_.type_))
#define souk_size(state, map_) ((state)->map_.map.count)
void *souk_map_find_(const struct souk_map *map, souk_key key, size_t size);
void *souk_map_put_(struct souk_arena *arena, struct souk_map *map, souk_key key, size_t size);
bool souk_map_remove_(struct souk_map *map, souk_key key, size_t size);
void *souk_map_next_(const struct souk_map *map, uint32_t *at, souk_key *key, size_t size);

#endif
