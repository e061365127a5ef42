/* SPDX-License-Identifier: Apache-2.0 */
/* codec/scan.c -- see scan.h. A walk with a stack of its own: `owed` is how many objects must still come; as each takes
 * at least a byte, a count that claims more than there are bytes is refused where it stands. */
#include "codec/scan.h"

struct level {
    uint32_t left; /* Objects still to come here; in a map, two for each pair. */
    bool map;
    uint32_t keys;
    uint64_t seen; /* A bit for each kind of key, so that most need no comparison. */
    struct souk_text key[SOUK_SCAN_MAP_KEYS];
};

struct scan {
    const uint8_t *at, *end;
    uint64_t owed;
    uint32_t depth, objects_max;
    struct level levels[SOUK_SCAN_DEPTH];
};

unsigned
souk_utf8_length(const uint8_t *at, const uint8_t *end)
{
    if (at[0] < 0x80) return 1;
    unsigned length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || (size_t)(end - at) < length) return 0;
    for (unsigned i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f)) return 0;
    return length;
}

static bool
is_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint64_t eight;
        if (end - at >= 8 && (memcpy(&eight, at, 8), !(eight & UINT64_C(0x8080808080808080)))) {
            at += 8;
            continue;
        }
        unsigned length = souk_utf8_length(at, end);
        if (!length) return false;
        at += length;
    }
    return true;
}

/* The big-endian number of so many bytes that follows; false when the bytes end. */
static bool
number(struct scan *s, size_t bytes, uint64_t *out)
{
    if ((size_t)(s->end - s->at) < bytes) return false;
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | *s->at++;
    *out = v;
    return true;
}

struct object {
    enum { PLAIN, TEXT, CONTAINER } what;
    bool map;
    uint64_t size; /* Bytes that follow; of a container, objects inside. */
};

/* Reads the head of an object. */
static bool
head(struct scan *s, struct object *o)
{
    uint8_t form = *s->at++;
    *o = (struct object){ PLAIN, false, 0 };
    if (form < 0x80 || form >= 0xe0 || form == 0xc0 || form == 0xc2 || form == 0xc3) return true;
    if (form < 0xa0) {
        *o = (struct object){ CONTAINER, form < 0x90, form & 0x0f };
    } else if (form < 0xc0) {
        *o = (struct object){ TEXT, false, form & 0x1f };
    } else if (form >= 0xc4 && form <= 0xc6) {
        return number(s, (size_t)1 << (form - 0xc4), &o->size);
    } else if (form >= 0xc7 && form <= 0xc9) {
        if (!number(s, (size_t)1 << (form - 0xc7), &o->size)) return false;
        o->size++;
    } else if (form == 0xca || form == 0xcb) {
        o->size = form == 0xca ? 4 : 8;
    } else if (form >= 0xcc && form <= 0xd3) {
        o->size = (uint64_t)1 << (form & 3);
    } else if (form >= 0xd4 && form <= 0xd8) {
        o->size = ((uint64_t)1 << (form - 0xd4)) + 1;
    } else if (form >= 0xd9 && form <= 0xdb) {
        o->what = TEXT;
        return number(s, (size_t)1 << (form - 0xd9), &o->size);
    } else if (form >= 0xdc) {
        o->what = CONTAINER;
        o->map = form >= 0xde;
        return number(s, form & 1 ? 4 : 2, &o->size);
    } else {
        return false; /* 0xc1 is never used. */
    }
    return true;
}

/* Notes a map's key; false when the map has it already. */
static bool
note_key(struct level *level, struct souk_text key)
{
    unsigned last = key.length ? (uint8_t)key.at[key.length - 1] : 0, first = key.length ? (uint8_t)key.at[0] : 0;
    uint64_t bit = UINT64_C(1) << ((key.length + 7 * first + 31 * last) & 63);
    for (uint32_t i = 0; level->seen & bit && i < level->keys; i++)
        if (souk_text_equal(level->key[i], key)) return false;
    level->seen |= bit;
    level->key[level->keys++] = key;
    return true;
}

static souk_err
enter(struct scan *s, const struct object *o)
{
    uint64_t inside = o->map ? 2 * o->size : o->size;
    if (inside + s->owed > (uint64_t)(s->end - s->at)) return SOUK_ERR_MALFORMED;
    if (o->map && o->size > SOUK_SCAN_MAP_KEYS) return SOUK_ERR_TOO_LARGE;
    if (!inside) return SOUK_OK;
    if (s->depth == SOUK_SCAN_DEPTH) return SOUK_ERR_TOO_LARGE;
    struct level *level = &s->levels[s->depth++];
    level->left = (uint32_t)inside; /* No more than the bytes of a frame. */
    level->map = o->map;
    level->keys = 0;
    level->seen = 0;
    s->owed += inside;
    return SOUK_OK;
}

/* One object: its head, and all of it unless it is a container. */
static souk_err
one(struct scan *s)
{
    struct object o;
    struct level *level = s->depth ? &s->levels[s->depth - 1] : NULL;
    bool is_key = level && level->map && !(level->left & 1);
    if (level) level->left--;
    s->owed--;
    if (s->at == s->end || !head(s, &o)) return SOUK_ERR_MALFORMED;
    if (is_key && o.what != TEXT) return SOUK_ERR_MALFORMED;
    if (o.what == CONTAINER) return enter(s, &o);
    if (o.size > (uint64_t)(s->end - s->at)) return SOUK_ERR_MALFORMED;
    const uint8_t *body = s->at;
    s->at += o.size;
    if (o.what == TEXT && !is_utf8(body, s->at)) return SOUK_ERR_MALFORMED;
    if (is_key && !note_key(level, (struct souk_text){ (const char *)body, (size_t)o.size })) return SOUK_ERR_MALFORMED;
    return SOUK_OK;
}

souk_err
souk_scan(struct souk_bytes bytes, uint32_t objects_max, size_t *length)
{
    struct scan s;
    *length = 0;
    if (!bytes.length) return SOUK_ERR_MALFORMED;
    if (bytes.length > UINT32_MAX) return SOUK_ERR_TOO_LARGE;
    s.at = bytes.at;
    s.end = s.at + bytes.length;
    s.owed = 1;
    s.depth = 0;
    for (uint32_t objects = 0; s.owed; objects++) {
        if (objects == objects_max) return SOUK_ERR_TOO_LARGE;
        souk_err err = one(&s);
        if (err) return err;
        while (s.depth && !s.levels[s.depth - 1].left) s.depth--;
    }
    *length = (size_t)(s.at - (const uint8_t *)bytes.at);
    return SOUK_OK;
}

struct souk_bytes
souk_take_value(struct souk_reader *in)
{
    const uint8_t *from = in->at;
    souk_skip_(in);
    if (in->bad) return (struct souk_bytes){ NULL, 0 };
    return (struct souk_bytes){ from, (size_t)(in->at - from) };
}
