/* SPDX-License-Identifier: Apache-2.0 */
/* codec/build.c -- see build.h. Both ways write through `struct out`, which goes on counting nothing once it is full:
 * the first fault wins and ends the work. */
#include "codec/build.h"
#include "codec/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_MAX_BYTES = 256, WORDS_MAX = 256 };

struct out {
    uint8_t *at, *end;
    souk_err err;
    char *why;
    size_t why_size;
};

SOUK_PRINTF(3, 4)
static void
fault(struct out *o, souk_err err, const char *format, ...)
{
    if (o->err) return;
    o->err = err;
    if (!o->why || !o->why_size) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(o->why, o->why_size, format, arguments);
    va_end(arguments);
}

/* Room for so many bytes, or NULL. */
static uint8_t *
take(struct out *o, size_t bytes)
{
    if ((size_t)(o->end - o->at) < bytes) fault(o, SOUK_ERR_TOO_LARGE, "the message is too large");
    if (o->err) return NULL;
    uint8_t *at = o->at;
    o->at += bytes;
    return at;
}

static void
put_copy(struct out *o, struct souk_bytes bytes)
{
    uint8_t *at = take(o, bytes.length);
    if (at && bytes.length) memcpy(at, bytes.at, bytes.length);
}

static void
put_array(struct out *o, size_t count)
{
    uint8_t *at = take(o, souk_size_array_(count));
    if (at) souk_put_array_(at, count);
}

static void
put_nil(struct out *o)
{
    uint8_t *at = take(o, 1);
    if (at) souk_put_nil_(at);
}

/* ---- From a map. ---- */

static bool
is_map(struct souk_bytes value)
{
    const uint8_t *at = value.at;
    return value.length && ((*at & 0xf0) == 0x80 || *at == 0xde || *at == 0xdf);
}

static uint32_t
map_count(struct souk_reader *in)
{
    uint8_t form = *in->at++;
    uint32_t count = form & 0x0f;
    if ((form & 0xf0) == 0x80) return count;
    count = 0;
    for (int i = form == 0xde ? 2 : 4; i > 0; i--) count = count << 8 | *in->at++; /* The scan has seen them. */
    return count;
}

static void map_record(struct out *o, const struct souk_layout *layout, struct souk_bytes map);

static void
map_value(struct out *o, const struct souk_field *field, struct souk_bytes value)
{
    if (field->type != SOUK_REC) {
        put_copy(o, value);
    } else if (field->shape != SOUK_LIST) {
        if (is_map(value)) map_record(o, field->record, value);
        else put_copy(o, value);
    } else {
        struct souk_reader in = { .at = value.at, .end = (const uint8_t *)value.at + value.length };
        uint32_t count = souk_get_array_(&in);
        if (in.bad || count > UINT16_MAX) {
            fault(o, SOUK_ERR_MALFORMED, "field %s must be an array", field->name);
            return;
        }
        put_array(o, count);
        for (uint32_t i = 0; i < count && !o->err; i++) {
            struct souk_bytes element = souk_take_value(&in);
            if (is_map(element)) map_record(o, field->record, element);
            else put_copy(o, element);
        }
    }
}

static void
map_record(struct out *o, const struct souk_layout *layout, struct souk_bytes map)
{
    struct { struct souk_text name; struct souk_bytes value; } pairs[SOUK_SCAN_MAP_KEYS];
    struct souk_reader in = { .at = map.at, .end = (const uint8_t *)map.at + map.length };
    uint32_t count = map_count(&in), used = 0;
    souk_assert(count <= SOUK_SCAN_MAP_KEYS); /* Only scanned bytes come here. */
    for (uint32_t i = 0; i < count; i++) {
        souk_get_text(&in, &pairs[i].name);
        pairs[i].value = souk_take_value(&in);
    }
    if (in.bad) fault(o, SOUK_ERR_MALFORMED, "the map of %s is malformed", layout->name);
    put_array(o, layout->count);
    const struct souk_field *fields = layout->fields();
    for (uint32_t f = 0; f < layout->count && !o->err; f++) {
        struct souk_text name = souk_text_of(fields[f].name);
        uint32_t i = 0;
        while (i < count && !souk_text_equal(pairs[i].name, name)) i++;
        if (i < count) {
            used++;
            map_value(o, &fields[f], pairs[i].value);
        } else if (fields[f].shape == SOUK_OPTIONAL) {
            put_nil(o);
        } else {
            fault(o, SOUK_ERR_MALFORMED, "%s: field %s is missing", layout->name, fields[f].name);
        }
    }
    for (uint32_t i = 0; used < count && i < count && !o->err; i++) {
        uint32_t f = 0;
        while (f < layout->count && !souk_text_equal(pairs[i].name, souk_text_of(fields[f].name))) f++;
        if (f == layout->count)
            fault(o, SOUK_ERR_MALFORMED, "%s has no field %.*s", layout->name,
                  (int)(pairs[i].name.length > 64 ? 64 : pairs[i].name.length), pairs[i].name.at);
    }
}

souk_err
souk_build_from_map(const struct souk_layout *layout, struct souk_bytes map, uint8_t *out, size_t room, size_t *length,
                    char *why, size_t why_size)
{
    struct out o = { out, out + room, SOUK_OK, why, why_size };
    *length = 0;
    if (!is_map(map)) fault(&o, SOUK_ERR_MALFORMED, "%s: not a map", layout->name);
    else map_record(&o, layout, map);
    if (!o.err) *length = (size_t)(o.at - out);
    return o.err;
}

/* ---- From words. ---- */

struct words {
    const char *const *at;
    size_t count;
    bool used[WORDS_MAX];
};

/* The value of the word "path=value", or NULL. */
static const char *
word_value(struct words *w, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < w->count; i++) {
        if (strncmp(w->at[i], path, length) || w->at[i][length] != '=') continue;
        w->used[i] = true;
        return w->at[i] + length + 1;
    }
    return NULL;
}

/* Whether a word begins with "path." or, itself, is "path=". */
static bool
word_below(const struct words *w, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < w->count; i++)
        if (!strncmp(w->at[i], path, length) && (w->at[i][length] == '.' || w->at[i][length] == '=')) return true;
    return false;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void
put_hex(struct out *o, const char *path, struct souk_text value, bool key)
{
    size_t bytes = value.length / 2;
    uint8_t *at = NULL;
    if (value.length % 2 || (key && bytes != 16) || bytes > SOUK_TEXT_MAX)
        fault(o, SOUK_ERR_MALFORMED, "%s: %s hexadecimal digits are wanted", path, key ? "32" : "an even number of");
    else at = take(o, (bytes < 256 ? 2 : 3) + bytes);
    if (!at) return;
    *at++ = bytes < 256 ? 0xc4 : 0xc5;
    if (bytes >= 256) *at++ = (uint8_t)(bytes >> 8);
    *at++ = (uint8_t)bytes;
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_digit(value.at[2 * i]), low = hex_digit(value.at[2 * i + 1]);
        if (high < 0 || low < 0) {
            fault(o, SOUK_ERR_MALFORMED, "%s: not hexadecimal", path);
            return;
        }
        at[i] = (uint8_t)(high << 4 | low);
    }
}

static void
put_number(struct out *o, const char *path, enum souk_type type, struct souk_text value)
{
    char digits[24], *end = digits;
    uint8_t *at;
    bool negative = value.length && value.at[0] == '-', good = value.length > negative && value.length < sizeof digits;
    for (size_t i = negative; i < value.length && good; i++) good = value.at[i] >= '0' && value.at[i] <= '9';
    if (!good || (negative && type != SOUK_I64)) {
        fault(o, SOUK_ERR_MALFORMED, "%s: %s whole number is wanted", path, type == SOUK_I64 ? "a" : "a non-negative");
        return;
    }
    memcpy(digits, value.at, value.length);
    digits[value.length] = 0;
    errno = 0;
    int64_t signed_number = type == SOUK_I64 ? strtoll(digits, &end, 10) : 0;
    uint64_t number = type == SOUK_I64 ? 0 : strtoull(digits, &end, 10);
    if (errno || (type == SOUK_U32 && number > UINT32_MAX)) {
        fault(o, SOUK_ERR_MALFORMED, "%s: the number is too large", path);
        return;
    }
    uint32_t narrow = (uint32_t)number;
    if (type == SOUK_U32 && (at = take(o, 5))) souk_put_u32(at, &narrow);
    else if (type == SOUK_U64 && (at = take(o, 9))) souk_put_u64(at, &number);
    else if (type == SOUK_I64 && (at = take(o, 9))) souk_put_i64(at, &signed_number);
}

static void
put_scalar(struct out *o, const char *path, enum souk_type type, struct souk_text value)
{
    uint8_t *at;
    switch (type) {
    case SOUK_BOOL: {
        bool yes = souk_text_equal(value, SOUK_TEXT("true"));
        if (!yes && !souk_text_equal(value, SOUK_TEXT("false")))
            fault(o, SOUK_ERR_MALFORMED, "%s: true or false is wanted", path);
        else if ((at = take(o, 1))) souk_put_bool(at, &yes);
        return;
    }
    case SOUK_U32:
    case SOUK_U64:
    case SOUK_I64: put_number(o, path, type, value); return;
    case SOUK_KEY: put_hex(o, path, value, true); return;
    case SOUK_BIN: put_hex(o, path, value, false); return;
    case SOUK_STR:
        for (size_t i = 0; i < value.length;) {
            const uint8_t *text = (const uint8_t *)value.at;
            unsigned step = souk_utf8_length(text + i, text + value.length);
            if (!step) fault(o, SOUK_ERR_MALFORMED, "%s: not UTF-8", path);
            i += step ? step : value.length;
        }
        if (value.length > SOUK_TEXT_MAX) fault(o, SOUK_ERR_TOO_LARGE, "%s: the text is too long", path);
        else if ((at = take(o, souk_size_text(&value)))) souk_put_text(at, &value);
        return;
    case SOUK_ASKER:
    case SOUK_REC: break;
    }
    fault(o, SOUK_ERR_MALFORMED, "%s cannot be given from outside", path);
}

static void words_record(struct out *o, const struct souk_layout *layout, struct words *w, const char *prefix);

/* path = prefix + name, or prefix + number when there is no name. */
static void
join(struct out *o, char path[PATH_MAX_BYTES], const char *prefix, const char *name, uint32_t number)
{
    int length = name ? snprintf(path, PATH_MAX_BYTES, "%s%s", prefix, name)
                      : snprintf(path, PATH_MAX_BYTES, "%s.%u", prefix, number);
    if (length < 0 || length >= PATH_MAX_BYTES) fault(o, SOUK_ERR_TOO_LARGE, "a field's name is too long");
}

static void
words_one(struct out *o, const struct souk_field *field, struct words *w, const char *path)
{
    char below[PATH_MAX_BYTES];
    if (field->type == SOUK_REC) {
        join(o, below, path, ".", 0);
        if (!o->err) words_record(o, field->record, w, below);
        return;
    }
    const char *value = word_value(w, path);
    if (value) put_scalar(o, path, field->type, souk_text_of(value));
    else fault(o, SOUK_ERR_MALFORMED, "field %s is missing", path);
}

static void
words_list(struct out *o, const struct souk_field *field, struct words *w, const char *path)
{
    char element[PATH_MAX_BYTES];
    const char *value = field->type == SOUK_REC ? NULL : word_value(w, path);
    uint32_t count = value && *value ? 1 : 0;
    for (const char *at = value; value && *at; at++) count += *at == ',';
    while (!value && !o->err) { /* As many as are there one after the other. */
        join(o, element, path, NULL, count);
        if (!word_below(w, element)) break;
        count++;
    }
    if (field->cap && count > field->cap) fault(o, SOUK_ERR_MALFORMED, "%s: at most %u elements", path, field->cap);
    put_array(o, count);
    for (uint32_t i = 0; i < count && !o->err; i++) {
        join(o, element, path, NULL, i);
        if (!value) {
            words_one(o, field, w, element);
            continue;
        }
        const char *comma = strchr(value, ',');
        size_t length = comma ? (size_t)(comma - value) : strlen(value);
        put_scalar(o, element, field->type, (struct souk_text){ value, length });
        value += length + 1;
    }
}

static void
words_record(struct out *o, const struct souk_layout *layout, struct words *w, const char *prefix)
{
    const struct souk_field *fields = layout->fields();
    put_array(o, layout->count);
    for (uint32_t f = 0; f < layout->count && !o->err; f++) {
        char path[PATH_MAX_BYTES];
        join(o, path, prefix, fields[f].name, 0);
        if (o->err) return;
        if (fields[f].shape == SOUK_LIST) words_list(o, &fields[f], w, path);
        else if (fields[f].shape == SOUK_OPTIONAL && !word_below(w, path)) put_nil(o);
        else words_one(o, &fields[f], w, path);
    }
}

souk_err
souk_build_from_words(const struct souk_layout *layout, const char *const *words, size_t count, uint8_t *out,
                      size_t room, size_t *length, char *why, size_t why_size)
{
    struct out o = { out, out + room, SOUK_OK, why, why_size };
    struct words w = { words, count, { false } };
    *length = 0;
    if (count > WORDS_MAX) fault(&o, SOUK_ERR_TOO_LARGE, "too many fields");
    else words_record(&o, layout, &w, "");
    for (size_t i = 0; i < count && !o.err; i++)
        if (!w.used[i]) fault(&o, SOUK_ERR_MALFORMED, "%s: no field of %s, or given twice", words[i], layout->name);
    if (!o.err) *length = (size_t)(o.at - out);
    return o.err;
}
