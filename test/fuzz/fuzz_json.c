/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_json.c -- JSON, read by a table and written. Without a table, just what RFC 8259 calls an object is
 * taken; what a table finds and is written again is found again; and whatever is written is JSON, and says what was
 * meant.
 *
 * An input is a byte that says what is to be done, and the bytes. */
#include "fuzz.h"

#include <stdlib.h>

#include "gateway/json.h"

enum { TEXT, INTEGER, BOOLEAN, LIST, DEEP_TEXT, DEEP_VALUE, DEEP_FLAG, FIELDS };

static bool
no_stars(struct souk_text text)
{
    return !memchr(text.at, '*', text.length);
}

static const struct souk_json_field fields[FIELDS] = {
    [TEXT] = SOUK_JSON_FIELD("text", SOUK_JSON_TEXT, false, 0, 40, NULL),
    [INTEGER] = SOUK_JSON_FIELD("integer", SOUK_JSON_INTEGER, false, INT64_MIN, INT64_MAX, NULL),
    [BOOLEAN] = SOUK_JSON_FIELD("flag", SOUK_JSON_BOOLEAN, false, 0, 0, NULL),
    [LIST] = SOUK_JSON_FIELD("list", SOUK_JSON_ARRAY, false, 0, 0, NULL),
    [DEEP_TEXT] = SOUK_JSON_FIELD("deep.text", SOUK_JSON_TEXT, false, 1, 8, no_stars),
    [DEEP_VALUE] = SOUK_JSON_FIELD("deep.er.value", SOUK_JSON_INTEGER, false, -5, 5, NULL),
    [DEEP_FLAG] = SOUK_JSON_FIELD("deep.er.flag", SOUK_JSON_BOOLEAN, false, 0, 0, NULL),
};

static souk_json_reader *
reader_once(void)
{
    static souk_json_reader *reader;
    if (!reader) reader = souk_json_reader_open();
    souk_assert(reader);
    return reader;
}

/* An object by the judge of the tests, no deeper than souk takes it. */
static bool
is_object(struct souk_text text)
{
    size_t i = 0;
    while (i < text.length && text.at[i] && strchr(" \t\r\n", text.at[i])) i++;
    return i < text.length && text.at[i] == '{' && fuzz_is_json(text, SOUK_JSON_DEPTH_MAX);
}

static souk_err
read_checked(struct souk_text body, enum souk_json_mode mode, size_t count, struct souk_json_value *values)
{
    struct souk_json_fault fault;
    souk_err err = souk_json_read(reader_once(), body, mode, fields, count, values, &fault);
    souk_assert(!err || err == SOUK_ERR_MALFORMED || err == SOUK_ERR_USAGE);
    if (err) souk_assert(fault.why && *fault.why && fault.field_length <= sizeof fault.field);
    if (err == SOUK_ERR_MALFORMED) souk_assert(!fault.field_length);
    if (err == SOUK_ERR_USAGE) souk_assert(souk_json_utf8((struct souk_text){ fault.field, fault.field_length }));
    if (!err) souk_assert(is_object(body));
    return err;
}

static void
check_values(const struct souk_json_value *v)
{
    if (v[TEXT].present) souk_assert(v[TEXT].text.length <= 40 && souk_json_utf8(v[TEXT].text));
    if (v[DEEP_TEXT].present) souk_assert(v[DEEP_TEXT].text.length - 1 < 8 && no_stars(v[DEEP_TEXT].text));
    if (v[DEEP_VALUE].present) souk_assert(v[DEEP_VALUE].integer >= -5 && v[DEEP_VALUE].integer <= 5);
    if (!v[LIST].present) return;
    souk_assert(fuzz_is_json(v[LIST].text, SOUK_JSON_DEPTH_MAX) && v[LIST].text.at[0] == '[');
    struct souk_text rest = v[LIST].text, element;
    while (souk_json_next(&rest, &element)) souk_assert(fuzz_is_json(element, SOUK_JSON_DEPTH_MAX));
}

/* The elements of a list, joined again: what souk_json_next() leaves out is blanks and commas. */
static void
put_list(souk_json_writer *w, struct souk_text list)
{
    struct souk_text element;
    souk_json_key(w, "list");
    souk_json_array_open(w);
    while (souk_json_next(&list, &element)) souk_json_raw(w, element);
    souk_json_array_close(w);
}

static void
put_values(souk_json_writer *w, const struct souk_json_value *v)
{
    souk_json_object_open(w);
    if (v[TEXT].present) souk_json_put_text(w, "text", v[TEXT].text);
    if (v[INTEGER].present) souk_json_put_i64(w, "integer", v[INTEGER].integer);
    if (v[BOOLEAN].present) souk_json_put_bool(w, "flag", v[BOOLEAN].boolean);
    if (v[LIST].present) put_list(w, v[LIST].text);
    souk_json_key(w, "deep");
    souk_json_object_open(w);
    if (v[DEEP_TEXT].present) souk_json_put_text(w, "text", v[DEEP_TEXT].text);
    souk_json_key(w, "er");
    souk_json_object_open(w);
    if (v[DEEP_VALUE].present) souk_json_put_i64(w, "value", v[DEEP_VALUE].integer);
    if (v[DEEP_FLAG].present) souk_json_put_bool(w, "flag", v[DEEP_FLAG].boolean);
    souk_json_object_close(w);
    souk_json_object_close(w);
    souk_json_object_close(w);
}

/* Elements of a list as they are told one after the other, without the blanks between them. */
static bool
same_lists(struct souk_text a, struct souk_text b)
{
    struct souk_text x, y;
    bool more;
    while ((more = souk_json_next(&a, &x)) == souk_json_next(&b, &y) && more)
        if (!souk_text_equal(x, y)) return false;
    return !x.length && !y.length;
}

/* What was found is written; what is found then is the same. */
static void
write_again(const struct souk_json_value *values)
{
    struct souk_json_value again[FIELDS];
    souk_json_writer first, second;
    struct souk_text text, same;
    souk_json_init_growing(&first, 1 << 20);
    put_values(&first, values);
    souk_assert(!souk_json_done(&first, &text) && fuzz_is_json(text, SOUK_JSON_DEPTH_MAX));
    if (values[LIST].present) { /* Reading overwrites the texts that `values` borrows from the reader, not the list. */
        souk_assert(!read_checked(text, SOUK_JSON_STRICT, FIELDS, again) && again[LIST].present);
        souk_assert(same_lists(values[LIST].text, again[LIST].text));
    }
    souk_assert(!read_checked(text, SOUK_JSON_STRICT, FIELDS, again));
    souk_json_init_growing(&second, 1 << 20);
    put_values(&second, again);
    souk_assert(!souk_json_done(&second, &same) && souk_text_equal(text, same));
    souk_json_fini(&first);
    souk_json_fini(&second);
}

/* Whatever bytes a text has, what is written is JSON; and it is the text, if that was one. */
static void
write_text(struct fuzz_input *in)
{
    struct souk_json_value values[FIELDS];
    unsigned decimals = fuzz_byte(in) % 10;
    int64_t integer = (int64_t)fuzz_number(in, 8);
    double number;
    memcpy(&number, &integer, sizeof number);
    size_t room = fuzz_number(in, 2) % 4096;
    struct souk_bytes bytes = fuzz_bytes(in, 40);
    struct souk_text meant = { bytes.at, bytes.length }, text;
    char *buffer = malloc(room + 1);
    souk_json_writer w;
    souk_assert(buffer);
    souk_json_init(&w, buffer, room);
    souk_json_object_open(&w);
    souk_json_put_text(&w, "text", meant);
    souk_json_put_i64(&w, "integer", integer);
    souk_json_put_u64(&w, "other", (uint64_t)integer);
    souk_json_key(&w, "number");
    souk_json_decimal(&w, number, decimals);
    souk_json_object_close(&w);
    souk_err err = souk_json_done(&w, &text);
    souk_assert(!err || (err == SOUK_ERR_TOO_LARGE && room < 1000));
    if (!err) {
        souk_assert(text.length <= room && is_object(text));
        err = read_checked(text, SOUK_JSON_OPEN, FIELDS, values);
        if (!err) souk_assert(values[INTEGER].integer == integer);
        bool one = souk_json_utf8(meant) && (!meant.length || !memchr(meant.at, 0, meant.length));
        if (one) souk_assert(!err && souk_text_equal(values[TEXT].text, meant));
    }
    free(buffer);
}

void
fuzz_json(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    struct souk_json_value values[FIELDS];
    uint8_t what = fuzz_byte(&in) % 3;
    if (what == 2) {
        write_text(&in);
        return;
    }
    char *copy = fuzz_copy(in.at, in.left);
    struct souk_text body = { copy, in.left };
    souk_assert((read_checked(body, SOUK_JSON_OPEN, 0, values) == SOUK_OK) == is_object(body));
    enum souk_json_mode mode = what ? SOUK_JSON_STRICT : SOUK_JSON_OPEN;
    if (!read_checked(body, mode, FIELDS, values)) {
        check_values(values);
        write_again(values);
    }
    free(copy);
}

FUZZ_ENTRY(json)
