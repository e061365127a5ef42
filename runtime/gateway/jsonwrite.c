/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/jsonwrite.c -- the writing half of json.h, by hand.
 *
 * A writer that has run out of room stays failed and whatever it holds is not to be used; so callers check once. */
#include "gateway/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
souk_json_init(souk_json_writer *writer, char *buffer, size_t capacity)
{
    *writer = (souk_json_writer){ .at = buffer, .capacity = capacity, .limit = capacity };
}

void
souk_json_init_growing(souk_json_writer *writer, size_t limit)
{
    *writer = (souk_json_writer){ .limit = limit, .owned = true };
}

void
souk_json_fini(souk_json_writer *writer)
{
    if (writer->owned)
        free(writer->at);
    *writer = (souk_json_writer){ 0 };
}

void
souk_json_reset(souk_json_writer *writer)
{
    writer->length = 0;
    writer->comma = writer->failed = false;
    writer->depth = 0;
}

souk_err
souk_json_done(const souk_json_writer *writer, struct souk_text *out)
{
    if (writer->failed)
        return SOUK_ERR_TOO_LARGE;
    souk_assert(writer->depth == 0);
    *out = (struct souk_text){ writer->at, writer->length };
    return SOUK_OK;
}

/* Room for `more` bytes; NULL when there is none. The caller advances `length`. */
static char *
room(souk_json_writer *writer, size_t more)
{
    if (writer->failed)
        return NULL;
    if (more <= writer->capacity - writer->length)
        return writer->at + writer->length;
    if (!writer->owned || more > writer->limit - writer->length) {
        writer->failed = true;
        return NULL;
    }
    size_t capacity = writer->capacity < 256 ? 256 : writer->capacity * 2;
    if (capacity < writer->length + more)
        capacity = writer->length + more;
    if (capacity > writer->limit)
        capacity = writer->limit;
    char *moved = realloc(writer->at, capacity);
    if (moved == NULL) {
        writer->failed = true;
        return NULL;
    }
    writer->at = moved;
    writer->capacity = capacity;
    return moved + writer->length;
}

static void
put(souk_json_writer *writer, const char *at, size_t length)
{
    char *to = room(writer, length);
    if (to == NULL || length == 0)
        return;
    memcpy(to, at, length);
    writer->length += length;
}

/* A value begins: the comma that is due, and after it another will be. */
static void
value_begin(souk_json_writer *writer)
{
    if (writer->comma)
        put(writer, ",", 1);
    writer->comma = true;
}

static void
open_with(souk_json_writer *writer, const char *bracket)
{
    value_begin(writer);
    put(writer, bracket, 1);
    writer->comma = false;
    souk_assert(writer->depth < UINT8_MAX);
    writer->depth++;
}

static void
close_with(souk_json_writer *writer, const char *bracket)
{
    souk_assert(writer->depth > 0);
    writer->depth--;
    put(writer, bracket, 1);
    writer->comma = true;
}

void
souk_json_object_open(souk_json_writer *writer)
{
    open_with(writer, "{");
}

void
souk_json_object_close(souk_json_writer *writer)
{
    close_with(writer, "}");
}

void
souk_json_array_open(souk_json_writer *writer)
{
    open_with(writer, "[");
}

void
souk_json_array_close(souk_json_writer *writer)
{
    close_with(writer, "]");
}

/* The length of the character at `at`, or 0 if the bytes aren't UTF-8. */
static size_t
character(const char *at, size_t left)
{
    if ((unsigned char)*at < 0x80)
        return 1;
    for (size_t length = 2; length <= 4 && length <= left; length++)
        if (souk_json_utf8((struct souk_text){ at, length }))
            return length;
    return 0;
}

static void
escape(souk_json_writer *writer, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    char six[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
    switch (c) {
    case '"':
        put(writer, "\\\"", 2);
        break;
    case '\\':
        put(writer, "\\\\", 2);
        break;
    case '\n':
        put(writer, "\\n", 2);
        break;
    case '\r':
        put(writer, "\\r", 2);
        break;
    case '\t':
        put(writer, "\\t", 2);
        break;
    default:
        put(writer, six, 6);
        break;
    }
}

static void
quoted(souk_json_writer *writer, struct souk_text text)
{
    put(writer, "\"", 1);
    size_t from = 0, i = 0;
    while (i < text.length) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t length = c < 0x80 ? 0 : character(text.at + i, text.length - i);
        if (length > 0) {
            i += length;
            continue;
        }
        put(writer, text.at + from, i - from);
        if (c < 0x80)
            escape(writer, c);
        else
            put(writer, "\xef\xbf\xbd", 3);
        from = ++i;
    }
    put(writer, text.at + from, i - from);
    put(writer, "\"", 1);
}

void
souk_json_key(souk_json_writer *writer, const char *name)
{
    value_begin(writer);
    quoted(writer, (struct souk_text){ name, strlen(name) });
    put(writer, ":", 1);
    writer->comma = false;
}

void
souk_json_text(souk_json_writer *writer, struct souk_text text)
{
    value_begin(writer);
    quoted(writer, text);
}

void
souk_json_u64(souk_json_writer *writer, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    value_begin(writer);
    put(writer, digits + at, sizeof digits - at);
}

void
souk_json_i64(souk_json_writer *writer, int64_t number)
{
    if (number >= 0) {
        souk_json_u64(writer, (uint64_t)number);
        return;
    }
    value_begin(writer);
    put(writer, "-", 1);
    writer->comma = false;
    souk_json_u64(writer, 0 - (uint64_t)number);
}

void
souk_json_decimal(souk_json_writer *writer, double number, unsigned decimals)
{
    char text[352]; /* The longest double has 309 digits before the point. */
    souk_assert(decimals <= 9);
    if (!isfinite(number)) {
        souk_json_null(writer);
        return;
    }
    int length = snprintf(text, sizeof text, "%.*f", (int)decimals, number);
    souk_assert(length > 0 && (size_t)length < sizeof text);
    souk_json_raw(writer, (struct souk_text){ text, (size_t)length });
}

void
souk_json_bool(souk_json_writer *writer, bool truth)
{
    souk_json_raw(writer, truth ? SOUK_TEXT("true") : SOUK_TEXT("false"));
}

void
souk_json_null(souk_json_writer *writer)
{
    souk_json_raw(writer, SOUK_TEXT("null"));
}

void
souk_json_raw(souk_json_writer *writer, struct souk_text json)
{
    value_begin(writer);
    put(writer, json.at, json.length);
}

void
souk_json_newline(souk_json_writer *writer)
{
    souk_assert(writer->depth == 0);
    put(writer, "\n", 1);
    writer->comma = false;
}

void
souk_json_put_text(souk_json_writer *writer, const char *name, struct souk_text text)
{
    souk_json_key(writer, name);
    souk_json_text(writer, text);
}

void
souk_json_put_i64(souk_json_writer *writer, const char *name, int64_t number)
{
    souk_json_key(writer, name);
    souk_json_i64(writer, number);
}

void
souk_json_put_u64(souk_json_writer *writer, const char *name, uint64_t number)
{
    souk_json_key(writer, name);
    souk_json_u64(writer, number);
}

void
souk_json_put_bool(souk_json_writer *writer, const char *name, bool truth)
{
    souk_json_key(writer, name);
    souk_json_bool(writer, truth);
}
