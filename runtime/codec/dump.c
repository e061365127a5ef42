/* SPDX-License-Identifier: Apache-2.0 */
/* codec/dump.c -- see dump.h. The text is counted on after the room has ended, so that a caller learns what it
 * takes. */
#include "codec/dump.h"
#include "codec/scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct sink {
    char *at;
    size_t room, length;
};

static void
put(struct sink *s, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++, s->length++)
        if (s->length < s->room) s->at[s->length] = text[i];
}

SOUK_PRINTF(2, 3)
static void
print(struct sink *s, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    souk_assert(length >= 0 && (size_t)length < sizeof text);
    put(s, text, (size_t)length);
}

static void
put_text(struct sink *s, struct souk_text text)
{
    const uint8_t *at = (const uint8_t *)text.at, *end = at + text.length;
    put(s, "\"", 1);
    while (at < end) {
        unsigned length = souk_utf8_length(at, end);
        if (!length) print(s, "\\ufffd");
        else if (*at == '"' || *at == '\\') print(s, "\\%c", *at);
        else if (*at == '\n') print(s, "\\n");
        else if (*at < 0x20 || *at == 0x7f) print(s, "\\u%04x", *at);
        else put(s, (const char *)at, length);
        at += length ? length : 1;
    }
    put(s, "\"", 1);
}

static void
put_hex(struct sink *s, struct souk_bytes bytes)
{
    const uint8_t *at = bytes.at;
    put(s, "\"", 1);
    for (size_t i = 0; i < bytes.length; i++) print(s, "%02x", at[i]);
    put(s, "\"", 1);
}

static void record(struct sink *s, const struct souk_layout *layout, struct souk_reader *in);

static void
scalar(struct sink *s, const struct souk_field *field, struct souk_reader *in)
{
    switch (field->type) {
    case SOUK_BOOL: {
        bool v;
        souk_get_bool(in, &v);
        print(s, "%s", v ? "true" : "false");
        return;
    }
    case SOUK_U32:
    case SOUK_U64: {
        uint64_t v;
        souk_get_u64(in, &v);
        if (field->type == SOUK_U32 && v > UINT32_MAX) in->bad = true;
        print(s, "%" PRIu64, v);
        return;
    }
    case SOUK_I64: {
        int64_t v;
        souk_get_i64(in, &v);
        print(s, "%" PRId64, v);
        return;
    }
    case SOUK_KEY: {
        souk_key v;
        souk_get_key(in, &v);
        print(s, "\"%016" PRIx64 "%016" PRIx64 "\"", v.high, v.low);
        return;
    }
    case SOUK_STR: {
        struct souk_text v;
        souk_get_text(in, &v);
        if (!in->bad) put_text(s, v);
        return;
    }
    case SOUK_BIN: {
        struct souk_bytes v;
        souk_get_bytes(in, &v);
        put_hex(s, v);
        return;
    }
    case SOUK_ASKER: {
        souk_asker v;
        souk_get_asker(in, &v);
        print(s, "{\"kind\":%" PRIu32 ",\"number\":%" PRIu32, v.kind, v.number);
        print(s, ",\"key\":\"%016" PRIx64 "%016" PRIx64 "\"}", v.key.high, v.key.low);
        return;
    }
    case SOUK_REC: record(s, field->record, in); return;
    }
}

static void
list(struct sink *s, const struct souk_field *field, struct souk_reader *in)
{
    uint32_t count = souk_get_count_(in, field->cap ? field->cap : UINT32_MAX);
    put(s, "[", 1);
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        if (i) put(s, ",", 1);
        scalar(s, field, in);
    }
    put(s, "]", 1);
}

static void
record(struct sink *s, const struct souk_layout *layout, struct souk_reader *in)
{
    const struct souk_field *fields = layout->fields();
    uint32_t outer = in->left;
    in->left = souk_get_array_(in);
    put(s, "{", 1);
    for (uint32_t f = 0; f < layout->count && !in->bad; f++) {
        if (f) put(s, ",", 1);
        put_text(s, souk_text_of(fields[f].name));
        put(s, ":", 1);
        if (fields[f].shape == SOUK_OPTIONAL) {
            if (souk_get_optional_(in, f + 1)) scalar(s, &fields[f], in);
            else put(s, "null", 4);
        } else if (souk_get_required_(in, f + 1)) {
            if (fields[f].shape == SOUK_LIST) list(s, &fields[f], in);
            else scalar(s, &fields[f], in);
        }
    }
    while (in->left && !in->bad) souk_skip_(in), in->left--;
    in->left = outer;
    put(s, "}", 1);
}

/* Key, record, key, record, ... */
static void
map(struct sink *s, const struct souk_field *field, struct souk_reader *in)
{
    uint32_t count = souk_get_count_(in, UINT32_MAX) / 2;
    put(s, "{", 1);
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        souk_key key;
        souk_get_key(in, &key);
        print(s, "%s\"%016" PRIx64 "%016" PRIx64 "\":", i ? "," : "", key.high, key.low);
        scalar(s, field, in);
    }
    put(s, "}", 1);
}

static void
state_fields(struct sink *s, const struct souk_field *fields, uint32_t count, struct souk_reader *in)
{
    uint32_t there = souk_get_count_(in, UINT32_MAX);
    put(s, "{", 1);
    for (uint32_t f = 0; f < count && f < there && !in->bad; f++) {
        if (f) put(s, ",", 1);
        put_text(s, souk_text_of(fields[f].name));
        put(s, ":", 1);
        if (fields[f].shape == SOUK_LIST) list(s, &fields[f], in);
        else if (fields[f].shape == SOUK_MAP) map(s, &fields[f], in);
        else scalar(s, &fields[f], in);
    }
    put(s, "}", 1);
}

/* ---- Any msgpack. ---- */

static uint64_t
big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | at[i];
    return v;
}

static void
put_float(struct sink *s, const uint8_t *at)
{
    double v;
    if (*at == 0xca) {
        uint32_t narrow = (uint32_t)big_endian(at + 1, 4);
        float single;
        memcpy(&single, &narrow, sizeof single);
        v = (double)single;
    } else {
        uint64_t wide = big_endian(at + 1, 8);
        memcpy(&v, &wide, sizeof v);
    }
    if (isfinite(v)) print(s, "%.17g", v);
    else put(s, "null", 4); /* JSON has no other numbers. */
}

/* A value that holds no other: `value` is all of it. */
static void
any_scalar(struct sink *s, struct souk_bytes value)
{
    const uint8_t *at = value.at, form = *at;
    struct souk_reader in = { .at = at, .end = at + value.length };
    if (form == 0xc0) {
        put(s, "null", 4);
    } else if (form == 0xc2 || form == 0xc3) {
        print(s, "%s", form == 0xc3 ? "true" : "false");
    } else if (form == 0xca || form == 0xcb) {
        put_float(s, at);
    } else if (form >= 0xc4 && form <= 0xc6) {
        size_t skip = 1 + ((size_t)1 << (form - 0xc4));
        put_hex(s, (struct souk_bytes){ at + skip, value.length - skip });
    } else if ((form & 0xe0) == 0xa0 || (form >= 0xd9 && form <= 0xdb)) {
        size_t skip = form < 0xd9 ? 1 : 1 + ((size_t)1 << (form - 0xd9));
        put_text(s, (struct souk_text){ (const char *)at + skip, value.length - skip });
    } else if (form < 0x80 || form >= 0xe0 || (form >= 0xcc && form <= 0xd3)) {
        uint64_t magnitude;
        bool negative;
        souk_get_int_slow_(&in, &magnitude, &negative);
        print(s, "%s%" PRIu64, negative ? "-" : "", magnitude);
    } else {
        put_hex(s, value); /* An extension: nothing that souk writes. */
    }
}

/* Only scanned bytes come here, so the recursion ends at the scan's depth. */
static void
any(struct sink *s, struct souk_reader *in)
{
    const uint8_t *at = in->at, form = *at;
    bool map = (form & 0xf0) == 0x80 || form == 0xde || form == 0xdf;
    bool array = (form & 0xf0) == 0x90 || form == 0xdc || form == 0xdd;
    if (!map && !array) {
        any_scalar(s, souk_take_value(in));
        return;
    }
    uint64_t count = form < 0xa0 ? form & 0x0f : big_endian(at + 1, form & 1 ? 4 : 2);
    in->at += form < 0xa0 ? 1 : form & 1 ? 5 : 3;
    put(s, map ? "{" : "[", 1);
    for (uint64_t i = 0; i < count; i++) {
        if (i) put(s, ",", 1);
        any(s, in);
        if (!map) continue;
        put(s, ":", 1);
        any(s, in);
    }
    put(s, map ? "}" : "]", 1);
}

souk_err
souk_dump(const struct souk_layout *layout, struct souk_bytes body, char *out, size_t room, size_t *length)
{
    struct sink s = { out, room, 0 };
    struct souk_reader in = { .at = body.at, .end = (const uint8_t *)body.at + body.length };
    *length = 0;
    if (layout) {
        record(&s, layout, &in);
    } else {
        size_t used;
        souk_err err = souk_scan(body, UINT32_MAX, &used);
        if (err) return err;
        any(&s, &in);
    }
    if (in.bad) return SOUK_ERR_MALFORMED;
    *length = s.length;
    put(&s, "", 1);
    return s.length > room ? SOUK_ERR_TOO_LARGE : SOUK_OK;
}

souk_err
souk_dump_state(const struct souk_field *fields, uint32_t count, struct souk_bytes state, char *out, size_t room,
                size_t *length)
{
    struct sink s = { out, room, 0 };
    struct souk_reader in = { .at = state.at, .end = (const uint8_t *)state.at + state.length };
    *length = 0;
    state_fields(&s, fields, count, &in);
    if (in.bad) return SOUK_ERR_MALFORMED;
    *length = s.length;
    put(&s, "", 1);
    return s.length > room ? SOUK_ERR_TOO_LARGE : SOUK_OK;
}
