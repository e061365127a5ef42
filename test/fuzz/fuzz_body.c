/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_body.c -- bodies of messages, by the tables of all commerce kinds and of one that has every type and
 * shape. msgpack-c is the judge: a body is taken if and only if what it finds there fits the table. What is taken and
 * written again is read alike, and its JSON is JSON. Bodies that are built from a map or from words are bodies.
 *
 * An input is a byte that says which table, one that says what is to be done, and the bytes. */
#include "fuzz.h"

#include <msgpack.h>
#include <stdlib.h>

#include "codec/build.h"
#include "codec/dump.h"
#include "codec/sample.h"
#include "codec/scan.h"
#include "kinds.h"

enum { LAYOUTS_MAX = 256, ROOM = 64 << 10, OBJECTS_MAX = 1 << 17 };

static const struct souk_layout *layouts[LAYOUTS_MAX];
static unsigned layouts_count;
static uint8_t scratch[4 * ROOM];

static void
list_kind(const struct souk_kind *kind)
{
    for (const struct souk_row *const *row = kind->rows; *row; row++) {
        const struct souk_layout *both[] = { (*row)->layout, (*row)->view };
        for (int i = 0; i < 2; i++) {
            if (!both[i]) continue;
            souk_assert(layouts_count < LAYOUTS_MAX);
            layouts[layouts_count++] = both[i];
        }
    }
}

/* ---- What msgpack-c says. ---- */

static bool fits_record(const struct souk_layout *layout, const msgpack_object *o);

static bool
fits_scalar(const struct souk_field *field, const msgpack_object *o)
{
    bool positive = o->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    switch (field->type) {
    case SOUK_BOOL: return o->type == MSGPACK_OBJECT_BOOLEAN;
    case SOUK_U32: return positive && o->via.u64 <= UINT32_MAX;
    case SOUK_U64: return positive;
    case SOUK_I64: return positive ? o->via.u64 <= INT64_MAX : o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    case SOUK_KEY: return o->type == MSGPACK_OBJECT_BIN && o->via.bin.size == 16;
    case SOUK_ASKER: return o->type == MSGPACK_OBJECT_BIN && o->via.bin.size == 24;
    case SOUK_STR: return o->type == MSGPACK_OBJECT_STR && o->via.str.size <= SOUK_TEXT_MAX;
    case SOUK_BIN: return o->type == MSGPACK_OBJECT_BIN && o->via.bin.size <= SOUK_TEXT_MAX;
    case SOUK_REC: return fits_record(field->record, o);
    }
    return false;
}

static bool
fits_record(const struct souk_layout *layout, const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_ARRAY) return false;
    const struct souk_field *field = layout->fields();
    for (uint32_t i = 0; i < layout->count; i++, field++) {
        const msgpack_object *v = i < o->via.array.size ? &o->via.array.ptr[i] : NULL;
        if (field->shape == SOUK_OPTIONAL && (!v || v->type == MSGPACK_OBJECT_NIL)) continue;
        if (!v) return false;
        if (field->shape != SOUK_LIST) {
            if (!fits_scalar(field, v)) return false;
            continue;
        }
        if (v->type != MSGPACK_OBJECT_ARRAY || v->via.array.size > field->cap) return false;
        for (uint32_t j = 0; j < v->via.array.size; j++)
            if (!fits_scalar(field, &v->via.array.ptr[j])) return false;
    }
    return true;
}

/* Whether two say the same to whoever reads them by the table: absent is nil, what is beyond the table counts for
 * nothing. */
static bool
same_record(const struct souk_layout *layout, const msgpack_object *a, const msgpack_object *b)
{
    static const msgpack_object nil = { .type = MSGPACK_OBJECT_NIL };
    const struct souk_field *field = layout->fields();
    for (uint32_t i = 0; i < layout->count; i++, field++) {
        const msgpack_object *x = i < a->via.array.size ? &a->via.array.ptr[i] : &nil;
        const msgpack_object *y = i < b->via.array.size ? &b->via.array.ptr[i] : &nil;
        if (field->type != SOUK_REC || x->type == MSGPACK_OBJECT_NIL || y->type == MSGPACK_OBJECT_NIL) {
            if (!msgpack_object_equal(*x, *y)) return false;
            continue;
        }
        if (field->shape != SOUK_LIST) {
            if (!same_record(field->record, x, y)) return false;
            continue;
        }
        if (x->via.array.size != y->via.array.size) return false;
        for (uint32_t j = 0; j < x->via.array.size; j++)
            if (!same_record(field->record, &x->via.array.ptr[j], &y->via.array.ptr[j])) return false;
    }
    return true;
}

/* ---- What souk says. ---- */

static bool
decode(const struct souk_layout *layout, struct souk_bytes body, void *out)
{
    struct souk_scratch room = { scratch, scratch + sizeof scratch };
    struct souk_reader in = { .at = body.at, .end = (const uint8_t *)body.at + body.length, .scratch = &room };
    bool good = layout->get(&in, out);
    souk_assert(in.at <= in.end && good == !in.bad);
    return good;
}

/* As souk writes it. For free(). */
static struct souk_bytes
encode(const struct souk_layout *layout, const void *message)
{
    size_t length = layout->encoded(message);
    uint8_t *at = malloc(length);
    souk_assert(at);
    souk_assert(layout->put(at, message) == at + length);
    return (struct souk_bytes){ at, length };
}

static void
release(struct souk_bytes bytes)
{
    free((void *)(uintptr_t)bytes.at);
}

/* How long it says to be is how long it is, and what it writes is JSON. */
static void
dump(const struct souk_layout *layout, struct souk_bytes body, bool good)
{
    size_t length, again;
    souk_err err = souk_dump(layout, body, NULL, 0, &length);
    souk_assert(err == (good ? SOUK_ERR_TOO_LARGE : SOUK_ERR_MALFORMED));
    if (!good) return;
    char *text = malloc(length + 1);
    souk_assert(text);
    souk_assert(souk_dump(layout, body, text, length, &again) == SOUK_ERR_TOO_LARGE && again == length);
    souk_assert(!souk_dump(layout, body, text, length + 1, &again) && again == length && !text[length]);
    souk_assert(fuzz_is_json((struct souk_text){ text, length }, 20));
    free(text);
}

static void
read_body(const struct souk_layout *layout, struct souk_bytes body)
{
    void *message = malloc(layout->size), *second = malloc(layout->size);
    size_t length, used = 0, canonical_used = 0;
    souk_assert(message && second);
    bool scans = !souk_scan(body, OBJECTS_MAX, &length), good = decode(layout, body, message);
    if (scans) {
        body.length = length; /* What follows is another's. */
        msgpack_unpacked mine;
        msgpack_unpacked_init(&mine);
        souk_assert(msgpack_unpack_next(&mine, body.at, length, &used) == MSGPACK_UNPACK_SUCCESS && used == length);
        souk_assert(good == fits_record(layout, &mine.data));
        if (good) {
            struct souk_bytes canonical = encode(layout, message);
            msgpack_unpacked theirs;
            msgpack_unpacked_init(&theirs);
            souk_assert(msgpack_unpack_next(&theirs, canonical.at, canonical.length, &canonical_used) ==
                        MSGPACK_UNPACK_SUCCESS);
            souk_assert(canonical_used == canonical.length && same_record(layout, &mine.data, &theirs.data));
            msgpack_unpacked_destroy(&theirs);
            release(canonical);
        }
        msgpack_unpacked_destroy(&mine);
        dump(layout, body, good);
        dump(NULL, body, true);
    }
    if (good) {
        struct souk_bytes canonical = encode(layout, message);
        souk_assert(decode(layout, canonical, second));
        struct souk_bytes twice = encode(layout, second);
        souk_assert(twice.length == canonical.length && !memcmp(twice.at, canonical.at, twice.length));
        release(canonical);
        release(twice);
    }
    free(message);
    free(second);
}

static void
build(const struct souk_layout *layout, struct souk_bytes map)
{
    size_t length, built, scanned;
    char why[100];
    if (souk_scan(map, OBJECTS_MAX, &length) || length != map.length) return;
    size_t room = 2 * map.length + 3 * LAYOUTS_MAX;
    uint8_t *out = malloc(room);
    souk_assert(out);
    souk_err err = souk_build_from_map(layout, map, out, room, &built, why, sizeof why);
    souk_assert(!err || *why);
    if (!err) {
        souk_assert(built <= room && !souk_scan((struct souk_bytes){ out, built }, OBJECTS_MAX, &scanned));
        souk_assert(scanned == built);
        struct souk_bytes body = { fuzz_copy(out, built), built };
        read_body(layout, body);
        release(body);
    }
    free(out);
}

/* Lines are words. */
static void
build_words(const struct souk_layout *layout, struct souk_bytes lines)
{
    enum { WORDS = 40 };
    const char *words[WORDS];
    size_t count = 0, built;
    char why[100], *text = malloc(lines.length + 1), *at = text;
    uint8_t *out = malloc(ROOM);
    void *message = malloc(layout->size);
    souk_assert(text && out && message);
    if (lines.length) memcpy(text, lines.at, lines.length);
    text[lines.length] = 0;
    for (char *end; at && count < WORDS; at = end ? end + 1 : NULL) {
        end = strchr(at, '\n');
        if (end) *end = 0;
        words[count++] = at;
    }
    souk_err err = souk_build_from_words(layout, words, count, out, ROOM, &built, why, sizeof why);
    souk_assert(!err || *why);
    if (!err) souk_assert(built <= ROOM && decode(layout, (struct souk_bytes){ out, built }, message));
    free(message);
    free(out);
    free(text);
}

void
fuzz_body(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    if (!layouts_count) {
        list_kind(&sample_kind);
        for (const struct souk_kind *const *kind = souk_commerce_kinds; *kind; kind++) list_kind(*kind);
    }
    const struct souk_layout *layout = layouts[fuzz_byte(&in) % layouts_count];
    uint8_t what = fuzz_byte(&in);
    struct souk_bytes bytes = { fuzz_copy(in.at, in.left), in.left };
    if (what % 4 < 2) read_body(layout, bytes);
    else if (what % 4 == 2) build(layout, bytes);
    else build_words(layout, bytes);
    release(bytes);
}

FUZZ_ENTRY(body)
