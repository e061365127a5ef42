/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitdraw.c -- messages by chance and made simpler; see kitdraw.h. */
#include "node/kitdraw.h"

#include <souk/testkit.h>

/* All lists of messages look alike (SOUK_LIST_TYPE_). */
struct list { void *at; uint32_t count; };

static size_t
size_of(const struct souk_field *field)
{
    switch (field->type) {
    case SOUK_BOOL: return sizeof(bool);
    case SOUK_U32: return sizeof(uint32_t);
    case SOUK_U64: return sizeof(uint64_t);
    case SOUK_I64: return sizeof(int64_t);
    case SOUK_KEY: return sizeof(souk_key);
    case SOUK_STR: return sizeof(struct souk_text);
    case SOUK_BIN: return sizeof(struct souk_bytes);
    case SOUK_ASKER: return sizeof(souk_asker);
    case SOUK_REC: return field->record->size;
    }
    return 0;
}

/* ---- By chance. ---- */

uint64_t
souk_kit_below(struct souk_kit_pool *pool, uint64_t below)
{
    return souk_sim_below(&pool->world, below);
}

/* Mostly small ones, which meet; those that were drawn before; the ends of the range; the time of day. */
static uint64_t
number(struct souk_kit_pool *pool, uint64_t max)
{
    static const uint64_t round[] = { 10, 100, 1000, 60000, 100000, 1000000 };
    uint64_t v;
    uint32_t kept = pool->numbers_count < SOUK_POOL_NUMBERS ? pool->numbers_count : SOUK_POOL_NUMBERS;
    switch (souk_kit_below(pool, 16)) {
    case 0: v = max; break;
    case 1: v = max - souk_kit_below(pool, 3); break;
    case 2: v = max / 2 + souk_kit_below(pool, 2); break;
    case 3: v = round[souk_kit_below(pool, sizeof round / sizeof *round)]; break;
    case 4: v = pool->now_ms + souk_kit_below(pool, 2000) - 1000; break;
    case 5: v = souk_kit_below(pool, 100); break;
    case 6:
    case 7:
    case 8: v = kept ? pool->numbers[souk_kit_below(pool, kept)] : 1; break;
    default: v = souk_kit_below(pool, 4); break;
    }
    if (v > max) v %= max;
    pool->numbers[pool->numbers_count++ % SOUK_POOL_NUMBERS] = v;
    return v;
}

static int64_t
signed_number(struct souk_kit_pool *pool)
{
    int64_t v = (int64_t)number(pool, INT64_MAX);
    return souk_kit_below(pool, 8) ? v : -v - (souk_kit_below(pool, 4) == 0);
}

static struct souk_text
text(struct souk_kit_pool *pool)
{
    static const char many[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const size_t lengths[] = { 1, 2, 64, 65, 255, 256, 300 };
    static const char *const odd[] = { "", " ", "a b", "\xc3\xa9\xe2\x82\xac", "\"\\", "\x01\x7f", "a/b", "," };
    uint64_t way = pool->anybody ? souk_kit_below(pool, 24) : 2;
    if (way == 0) return souk_text_of(odd[souk_kit_below(pool, sizeof odd / sizeof *odd)]);
    if (way == 1)
        return (struct souk_text){ many, lengths[souk_kit_below(pool, sizeof lengths / sizeof *lengths)] };
    return pool->texts_count ? pool->texts[souk_kit_below(pool, pool->texts_count)] : SOUK_TEXT("a");
}

static souk_key
key(struct souk_kit_pool *pool)
{
    if (pool->anybody && !souk_kit_below(pool, 24)) return (souk_key){ 0, 0 };
    return pool->keys[souk_kit_below(pool, pool->keys_count)];
}

static void
value(struct souk_kit_pool *pool, const struct souk_field *field, void *at, struct souk_scratch *scratch)
{
    static const char bytes[] = "\x00\x01\xff\x80 bytes of no meaning";
    switch (field->type) {
    case SOUK_BOOL: *(bool *)at = souk_kit_below(pool, 2); return;
    case SOUK_U32: *(uint32_t *)at = (uint32_t)number(pool, UINT32_MAX); return;
    case SOUK_U64: *(uint64_t *)at = number(pool, UINT64_MAX); return;
    case SOUK_I64: *(int64_t *)at = signed_number(pool); return;
    case SOUK_KEY: *(souk_key *)at = key(pool); return;
    case SOUK_STR: *(struct souk_text *)at = text(pool); return;
    case SOUK_BIN: *(struct souk_bytes *)at = (struct souk_bytes){ bytes, souk_kit_below(pool, sizeof bytes) }; return;
    case SOUK_ASKER: *(souk_asker *)at = (souk_asker){ { 0, 0 }, 0, 0 }; return;
    case SOUK_REC: souk_kit_draw(pool, field->record, at, scratch); return;
    }
}

void
souk_kit_draw(struct souk_kit_pool *pool, const struct souk_layout *layout, void *message, struct souk_scratch *scratch)
{
    const struct souk_field *fields = layout->fields();
    memset(message, 0, layout->size);
    for (uint32_t f = 0; f < layout->count; f++) {
        const struct souk_field *field = &fields[f];
        char *at = (char *)message + field->offset;
        if (field->shape == SOUK_LIST) {
            struct souk_reader in = { .scratch = scratch };
            struct list *list = (struct list *)(void *)at;
            uint64_t count = souk_kit_below(pool, 32) ? souk_kit_below(pool, 4) : field->cap;
            size_t size = size_of(field);
            if (count > field->cap) count = field->cap;
            list->at = count ? souk_scratch_take_(&in, count, size) : NULL;
            list->count = list->at ? (uint32_t)count : 0;
            for (uint32_t i = 0; i < list->count; i++) value(pool, field, (char *)list->at + i * size, scratch);
        } else if (field->shape != SOUK_OPTIONAL) {
            value(pool, field, at, scratch);
        } else if (souk_kit_below(pool, 2)) {
            *((bool *)message + field->has_offset) = true;
            value(pool, field, at, scratch);
        }
    }
}

/* ---- Simpler. ---- */

/* Counts the ways down; true for the one that is wanted. */
static bool
this_one(uint32_t *n)
{
    return (*n)-- == 0;
}

bool
souk_kit_simpler(uint64_t v, uint32_t *n, uint64_t *out)
{
    const uint64_t near = v <= 40 ? v - 1 : v - v / 64; /* One by one would take for ever. */
    const uint64_t ways[] = { 0, 1, 2, v / 1024, v / 2, v - v / 8, near };
    for (unsigned i = 0; v && i < sizeof ways / sizeof *ways; i++)
        if (ways[i] < v && this_one(n)) {
            *out = ways[i];
            return true;
        }
    return false;
}

static bool
simpler_signed(int64_t *v, uint32_t *n)
{
    uint64_t size = *v < 0 ? (uint64_t)0 - (uint64_t)*v : (uint64_t)*v, smaller;
    bool negative = *v < 0;
    if (negative && *v != INT64_MIN && this_one(n)) {
        *v = -*v;
        return true;
    }
    if (!souk_kit_simpler(size, n, &smaller)) return false;
    *v = negative ? (int64_t)((uint64_t)0 - smaller) : (int64_t)smaller;
    return true;
}

static bool
simpler_key(souk_key *v, uint32_t *n)
{
    uint64_t last = souk_key_none(*v) ? 0 : v->high == v->low && v->high <= 3 ? v->high - 1 : 3;
    for (uint64_t id = 1; id <= last; id++)
        if (this_one(n)) {
            *v = souk_kit_id(id);
            return true;
        }
    return false;
}

static bool
simpler_length(size_t *length, uint32_t *n)
{
    uint64_t smaller;
    if (!souk_kit_simpler(*length, n, &smaller)) return false;
    *length = (size_t)smaller;
    return true;
}

static bool simpler_record(const struct souk_layout *layout, void *message, uint32_t *n);

static bool
simpler(const struct souk_field *field, void *at, uint32_t *n)
{
    uint64_t smaller;
    switch (field->type) {
    case SOUK_BOOL:
        if (!*(bool *)at || !this_one(n)) return false;
        *(bool *)at = false;
        return true;
    case SOUK_U32:
        if (!souk_kit_simpler(*(uint32_t *)at, n, &smaller)) return false;
        *(uint32_t *)at = (uint32_t)smaller;
        return true;
    case SOUK_U64:
        if (!souk_kit_simpler(*(uint64_t *)at, n, &smaller)) return false;
        *(uint64_t *)at = smaller;
        return true;
    case SOUK_I64: return simpler_signed(at, n);
    case SOUK_KEY: return simpler_key(at, n);
    case SOUK_STR: return simpler_length(&((struct souk_text *)at)->length, n);
    case SOUK_BIN: return simpler_length(&((struct souk_bytes *)at)->length, n);
    case SOUK_ASKER: return false;
    case SOUK_REC: return simpler_record(field->record, at, n);
    }
    return false;
}

static bool
simpler_list(const struct souk_field *field, struct list *list, uint32_t *n)
{
    size_t size = size_of(field);
    if (list->count > 1 && this_one(n)) {
        list->count /= 2;
        return true;
    }
    for (uint32_t i = 0; i < list->count; i++)
        if (this_one(n)) {
            char *gone = (char *)list->at + i * size;
            memmove(gone, gone + size, (--list->count - i) * size);
            return true;
        }
    for (uint32_t i = 0; i < list->count; i++)
        if (simpler(field, (char *)list->at + i * size, n)) return true;
    return false;
}

static bool
simpler_record(const struct souk_layout *layout, void *message, uint32_t *n)
{
    const struct souk_field *fields = layout->fields();
    for (uint32_t f = 0; f < layout->count; f++) {
        const struct souk_field *field = &fields[f];
        void *at = (char *)message + field->offset;
        bool *has = field->shape == SOUK_OPTIONAL ? (bool *)message + field->has_offset : NULL;
        if (has && !*has) continue;
        if (has && this_one(n)) {
            *has = false;
            memset(at, 0, size_of(field));
            return true;
        }
        if (field->shape == SOUK_LIST ? simpler_list(field, at, n) : simpler(field, at, n)) return true;
    }
    return false;
}

static double
weight(const struct souk_field *field, const void *at)
{
    const souk_key *key = at;
    int64_t v;
    switch (field->type) {
    case SOUK_BOOL: return *(const bool *)at;
    case SOUK_U32: return *(const uint32_t *)at;
    case SOUK_U64: return (double)*(const uint64_t *)at;
    case SOUK_I64:
        memcpy(&v, at, sizeof v);
        return v < 0 ? 0.5 - (double)v : (double)v;
    case SOUK_KEY: return key->high == key->low && key->high < 1000 ? (double)key->high : 1000;
    case SOUK_STR: return (double)((const struct souk_text *)at)->length;
    case SOUK_BIN: return (double)((const struct souk_bytes *)at)->length;
    case SOUK_ASKER: return 0;
    case SOUK_REC: return souk_kit_weight(field->record, at);
    }
    return 0;
}

double
souk_kit_weight(const struct souk_layout *layout, const void *message)
{
    const struct souk_field *fields = layout->fields();
    double sum = 0;
    for (uint32_t f = 0; f < layout->count; f++) {
        const struct souk_field *field = &fields[f];
        const void *at = (const char *)message + field->offset;
        const struct list *list = at;
        bool has = field->shape != SOUK_OPTIONAL || *((const bool *)message + field->has_offset);
        if (field->shape != SOUK_LIST) {
            if (has) sum += 1 + weight(field, at);
            continue;
        }
        for (uint32_t i = 0; i < list->count; i++) sum += 1 + weight(field, (char *)list->at + i * size_of(field));
    }
    return sum;
}

bool
souk_kit_simplify(const struct souk_layout *layout, void *message, uint32_t n)
{
    return simpler_record(layout, message, &n);
}

static bool
rename_in(const struct souk_field *field, void *at, souk_key from, souk_key to)
{
    souk_key *key = at;
    if (field->type == SOUK_REC) return souk_kit_rename(field->record, at, from, to);
    if (field->type != SOUK_KEY || !souk_key_equal(*key, from)) return false;
    *key = to;
    return true;
}

bool
souk_kit_rename(const struct souk_layout *layout, void *message, souk_key from, souk_key to)
{
    const struct souk_field *fields = layout->fields();
    bool any = false;
    for (uint32_t f = 0; f < layout->count; f++) {
        const struct souk_field *field = &fields[f];
        void *at = (char *)message + field->offset;
        const struct list *list = at;
        if (field->shape != SOUK_LIST) any |= rename_in(field, at, from, to);
        else
            for (uint32_t i = 0; i < list->count; i++)
                any |= rename_in(field, (char *)list->at + i * size_of(field), from, to);
    }
    return any;
}
