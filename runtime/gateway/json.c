/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/json.c -- JSON read on yajl, the only file that knows it, and written by hand.
 *
 * yajl tokenizes. What it is lax about is checked here before it sees a byte: UTF-8 as such, escapes (it writes '?'
 * for a lone surrogate), and blanks (it takes vertical tabs). Its memory comes from a small arena in the reader, so
 * that a common body costs no malloc. */
#include "gateway/json.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum { ARENA_BYTES = 4096, PATH_MAX_BYTES = 96 };

struct souk_json_reader {
    /* yajl's memory. */
    size_t arena_used;
    char *last; /* The newest block of the arena: the one that can grow in place. */
    /* The body under way. */
    struct souk_text body;
    enum souk_json_mode mode;
    const struct souk_json_field *fields;
    size_t count;
    struct souk_json_value *values;
    struct souk_json_fault *fault;
    souk_err err;
    uint32_t seen;                                  /* Bit i: field i came. */
    uint32_t seen_objects[SOUK_JSON_DEPTH_MAX + 1]; /* By depth; bit i: the object that field i is the first of. */
    unsigned depth;
    unsigned skip;                            /* Above this depth all is read over; 0: nothing is. */
    uint32_t prefix[SOUK_JSON_DEPTH_MAX + 1]; /* The length of the path of the object at that depth. */
    char path[PATH_MAX_BYTES];
    uint32_t path_length; /* Of the value that comes next. */
    bool path_cut;        /* It was longer than any field's. */
    yajl_handle yajl;
    struct souk_json_value *array; /* The array that is read over, to be kept as bytes; or NULL. */
    size_t array_at;               /* Where it begins in the body. */
    size_t end;                    /* Where the object at the top ended. */
    /* Unescaped texts. */
    char *texts;
    size_t texts_used, texts_capacity;
    _Alignas(16) char arena[ARENA_BYTES];
};

/* Before each block of yajl's: its size, in as many bytes as keep the block aligned. */
struct block {
    size_t size, unused;
};

static bool
in_arena(const struct souk_json_reader *reader, const void *at)
{
    const char *byte = at;
    return byte >= reader->arena && byte < reader->arena + ARENA_BYTES;
}

static void *
arena_alloc(void *arg, size_t size)
{
    struct souk_json_reader *reader = arg;
    size_t need = sizeof(struct block) + ((size + 15) & ~(size_t)15);
    struct block *block;
    if (need <= ARENA_BYTES - reader->arena_used) {
        block = (struct block *)(void *)(reader->arena + reader->arena_used);
        reader->arena_used += need;
        reader->last = (char *)block;
    } else {
        block = malloc(need);
        souk_assert(block != NULL); /* yajl would go on with it. */
    }
    block->size = size;
    return block + 1;
}

static void
arena_free(void *arg, void *at)
{
    struct souk_json_reader *reader = arg;
    if (at != NULL && !in_arena(reader, at))
        free((struct block *)at - 1);
}

static void *
arena_realloc(void *arg, void *at, size_t size)
{
    struct souk_json_reader *reader = arg;
    if (at == NULL)
        return arena_alloc(reader, size);
    struct block *block = (struct block *)at - 1;
    if ((char *)block == reader->last) {
        size_t from = (size_t)(reader->last - reader->arena);
        size_t need = sizeof(struct block) + ((size + 15) & ~(size_t)15);
        if (need <= ARENA_BYTES - from) {
            reader->arena_used = from + need;
            block->size = size;
            return at;
        }
    }
    void *moved = arena_alloc(reader, size);
    memcpy(moved, at, block->size < size ? block->size : size);
    arena_free(reader, at);
    return moved;
}

souk_json_reader *
souk_json_reader_open(void)
{
    return calloc(1, sizeof(struct souk_json_reader));
}

void
souk_json_reader_close(souk_json_reader **reader_p)
{
    if (*reader_p != NULL)
        free((*reader_p)->texts);
    free(*reader_p);
    *reader_p = NULL;
}

/* The length of the UTF-8 sequence that begins at a byte above 0x7f; 0 if it is none (Unicode, table 3-7). */
static size_t
utf8_sequence(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    size_t length = first >= 0xf5 || first < 0xc2 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (length == 0 || left < length)
        return 0;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool
souk_json_utf8(struct souk_text text)
{
    const unsigned char *at = (const unsigned char *)text.at, *end = at + text.length;
    while (at < end) {
        uint64_t eight;
        if (end - at >= 8 && (memcpy(&eight, at, 8), (eight & UINT64_C(0x8080808080808080)) == 0)) {
            at += 8;
        } else if (*at < 0x80) {
            at++;
        } else {
            size_t length = utf8_sequence(at, (size_t)(end - at));
            if (length == 0)
                return false;
            at += length;
        }
    }
    return true;
}

/* Four hexadecimal digits as a number; -1 if they aren't. */
static int
hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int number = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        char letter = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        number = number * 16 + digit;
    }
    return number;
}

/* Whether all \u escapes are whole and surrogates come in pairs. A backslash outside a text yajl refuses anyway. */
static bool
escapes_valid(struct souk_text body)
{
    const char *at = body.at, *end = body.at + body.length;
    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        if (end - at < 2)
            return false;
        if (at[1] != 'u') {
            at += 2;
            continue;
        }
        int unit = hex4(at + 2, end);
        if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
            return false;
        at += 6;
        if (unit >= 0xd800 && unit <= 0xdbff) {
            if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
                return false;
            int second = hex4(at + 2, end);
            if (second < 0xdc00 || second > 0xdfff)
                return false;
            at += 6;
        }
    }
    return true;
}

/* Whether it is free of the two controls that yajl takes for blanks. They may stand nowhere, also in no text. */
static bool
blanks_valid(struct souk_text body)
{
    return memchr(body.at, '\v', body.length) == NULL && memchr(body.at, '\f', body.length) == NULL;
}

/* Stops reading: the body isn't JSON as we take it. */
static int
refuse(struct souk_json_reader *reader, const char *why)
{
    reader->err = SOUK_ERR_MALFORMED;
    reader->fault->field_length = 0;
    reader->fault->why = why;
    return 0;
}

/* Remembers the first field that is wrong and reads on: the body may still turn out to be malformed. */
static int
complain(struct souk_json_reader *reader, const char *path, uint32_t length, const char *why)
{
    if (reader->err == SOUK_OK) {
        reader->err = SOUK_ERR_USAGE;
        memcpy(reader->fault->field, path, length);
        reader->fault->field_length = length;
        reader->fault->why = why;
    }
    return 1;
}

static int
complain_here(struct souk_json_reader *reader, const char *why)
{
    return complain(reader, reader->path, reader->path_length, why);
}

static const struct souk_json_field *
field_here(const struct souk_json_reader *reader)
{
    if (reader->path_cut)
        return NULL;
    for (size_t i = 0; i < reader->count; i++)
        if (reader->fields[i].path_length == reader->path_length &&
            memcmp(reader->fields[i].path, reader->path, reader->path_length) == 0)
            return &reader->fields[i];
    return NULL;
}

/* The first field that lies in the object of the current path; NULL if none does. */
static const struct souk_json_field *
object_here(const struct souk_json_reader *reader)
{
    if (reader->path_cut)
        return NULL;
    for (size_t i = 0; i < reader->count; i++)
        if (reader->fields[i].path_length > reader->path_length && reader->fields[i].path[reader->path_length] == '.' &&
            memcmp(reader->fields[i].path, reader->path, reader->path_length) == 0)
            return &reader->fields[i];
    return NULL;
}

/* A scalar has come: finds its field and its place. False: nothing is to be stored, and *go_on says what to return. */
static bool
scalar(struct souk_json_reader *reader, enum souk_json_type type, const char *expected, int *go_on,
       const struct souk_json_field **field, struct souk_json_value **value)
{
    *go_on = 1;
    if (reader->skip > 0)
        return false;
    if (reader->depth == 0) {
        *go_on = refuse(reader, "the body must be an object");
        return false;
    }
    *field = field_here(reader);
    if (*field == NULL) {
        if (object_here(reader) != NULL)
            complain_here(reader, "must be an object");
        else if (reader->mode == SOUK_JSON_STRICT)
            complain_here(reader, "is unknown");
        return false;
    }
    size_t index = (size_t)(*field - reader->fields);
    if (reader->seen & UINT32_C(1) << index) {
        *go_on = refuse(reader, "a key appears twice");
        return false;
    }
    reader->seen |= UINT32_C(1) << index;
    if ((*field)->type != type) {
        complain_here(reader, expected != NULL                      ? expected
                              : (*field)->type == SOUK_JSON_TEXT    ? "must be a text"
                              : (*field)->type == SOUK_JSON_INTEGER ? "must be an integer"
                                                                    : "must be true or false");
        return false;
    }
    *value = &reader->values[index];
    return true;
}

static int
on_null(void *arg)
{
    struct souk_json_reader *reader = arg;
    if (reader->skip > 0)
        return 1;
    if (reader->depth == 0)
        return refuse(reader, "the body must be an object");
    const struct souk_json_field *field = field_here(reader);
    if (field != NULL) {
        size_t index = (size_t)(field - reader->fields);
        if (reader->seen & UINT32_C(1) << index)
            return refuse(reader, "a key appears twice");
        reader->seen |= UINT32_C(1) << index;
    }
    return reader->mode == SOUK_JSON_OPEN ? 1 : complain_here(reader, "must not be null");
}

static int
on_boolean(void *arg, int truth)
{
    const struct souk_json_field *field;
    struct souk_json_value *value;
    int go_on;
    if (scalar(arg, SOUK_JSON_BOOLEAN, NULL, &go_on, &field, &value)) {
        value->present = true;
        value->boolean = truth != 0;
    }
    return go_on;
}

/* An integer without fraction or exponent that fits. yajl has checked the grammar. */
static bool
integer_exact(const char *at, size_t length, int64_t *out)
{
    bool negative = length > 0 && at[0] == '-';
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, number = 0;
    size_t i = negative ? 1 : 0;
    if (i == length)
        return false;
    for (; i < length; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (number > (most - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static int
on_number(void *arg, const char *at, size_t length)
{
    struct souk_json_reader *reader = arg;
    const struct souk_json_field *field;
    struct souk_json_value *value;
    int go_on;
    if (!scalar(reader, SOUK_JSON_INTEGER, NULL, &go_on, &field, &value))
        return go_on;
    if (!integer_exact(at, length, &value->integer))
        return complain_here(reader, "must be an integer of at most 64 bits, with no fraction and no exponent");
    if (value->integer < field->min || value->integer > field->max)
        return complain_here(reader, "is out of range");
    value->present = true;
    return 1;
}

/* yajl's own buffer is used again for the next text, so an unescaped text moves to ours. */
static bool
text_keep(struct souk_json_reader *reader, struct souk_text *text)
{
    if (text->at >= reader->body.at && text->at < reader->body.at + reader->body.length)
        return true;
    if (reader->texts_used == 0 && reader->texts_capacity < reader->body.length) {
        free(reader->texts); /* All texts of a body together are shorter than the body: it never moves. */
        reader->texts = malloc(reader->body.length);
        reader->texts_capacity = reader->texts == NULL ? 0 : reader->body.length;
    }
    if (text->length > reader->texts_capacity - reader->texts_used)
        return false;
    char *to = reader->texts + reader->texts_used;
    memcpy(to, text->at, text->length);
    reader->texts_used += text->length;
    text->at = to;
    return true;
}

static int
on_string(void *arg, const unsigned char *at, size_t length)
{
    struct souk_json_reader *reader = arg;
    const struct souk_json_field *field;
    struct souk_json_value *value;
    int go_on;
    if (!scalar(reader, SOUK_JSON_TEXT, NULL, &go_on, &field, &value))
        return go_on;
    struct souk_text text = { (const char *)at, length };
    if (length > 0 && memchr(at, 0, length) != NULL)
        return complain_here(reader, "must not hold a zero character");
    if (length > INT64_MAX || (int64_t)length < field->min || (int64_t)length > field->max)
        return complain_here(reader, (int64_t)length < field->min ? "is too short" : "is too long");
    if (length == 0) {
        text.at = "";
    } else if (!text_keep(reader, &text)) {
        reader->err = SOUK_ERR_MEMORY;
        return 0;
    }
    if (field->valid != NULL && !field->valid(text))
        return complain_here(reader, "has characters or a form that are not allowed");
    value->text = text;
    value->present = true;
    return 1;
}

static int
on_key(void *arg, const unsigned char *at, size_t length)
{
    struct souk_json_reader *reader = arg;
    if (reader->skip > 0)
        return 1;
    uint32_t from = reader->prefix[reader->depth];
    if (from > 0)
        reader->path[from++] = '.';
    size_t room = PATH_MAX_BYTES - 1 - from; /* One byte is kept for the dot of a deeper path. */
    reader->path_cut = length > room || memchr(at, '.', length) != NULL;
    if (length > room) {
        length = room; /* For the message only; it ends between two characters. */
        while (length > 0 && (at[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(reader->path + from, at, length);
    reader->path_length = from + (uint32_t)length;
    return 1;
}

/* An array that a field asks for begins: it is read over, and what it was is kept as bytes. */
static int
array_begin(struct souk_json_reader *reader, const struct souk_json_field *field)
{
    size_t index = (size_t)(field - reader->fields);
    if (reader->seen & UINT32_C(1) << index)
        return refuse(reader, "a key appears twice");
    reader->seen |= UINT32_C(1) << index;
    reader->array = &reader->values[index];
    reader->array_at = yajl_get_bytes_consumed(reader->yajl) - 1;
    reader->skip = ++reader->depth;
    return 1;
}

static int
container_begin(struct souk_json_reader *reader, bool object)
{
    if (reader->depth == SOUK_JSON_DEPTH_MAX)
        return refuse(reader, "it is nested too deeply");
    if (reader->depth == 0 && !object)
        return refuse(reader, "the body must be an object");
    const struct souk_json_field *first = NULL;
    bool known = reader->depth == 0;
    if (reader->skip == 0 && reader->depth > 0) {
        const struct souk_json_field *field = field_here(reader);
        if (!object && field != NULL && field->type == SOUK_JSON_ARRAY)
            return array_begin(reader, field);
        first = object_here(reader);
        known = first != NULL && object;
        if (first != NULL && !object)
            complain_here(reader, "must be an object");
        else if (field_here(reader) != NULL)
            complain_here(reader, "must not be an object or an array");
        else if (first == NULL && reader->mode == SOUK_JSON_STRICT)
            complain_here(reader, "is unknown");
    }
    reader->depth++;
    if (first != NULL && object) {
        uint32_t bit = UINT32_C(1) << (first - reader->fields);
        if (reader->seen_objects[reader->depth] & bit)
            return refuse(reader, "a key appears twice");
        reader->seen_objects[reader->depth] |= bit;
    }
    if (reader->skip == 0 && !known)
        reader->skip = reader->depth;
    reader->prefix[reader->depth] = reader->depth == 1 ? 0 : reader->path_length;
    return 1;
}

static int
container_end(struct souk_json_reader *reader)
{
    if (reader->skip == reader->depth)
        reader->skip = 0;
    if (reader->skip == 0 && reader->array != NULL) {
        size_t end = yajl_get_bytes_consumed(reader->yajl);
        reader->array->text = (struct souk_text){ reader->body.at + reader->array_at, end - reader->array_at };
        reader->array->present = true;
        reader->array = NULL;
    }
    if (--reader->depth == 0)
        reader->end = yajl_get_bytes_consumed(reader->yajl);
    return 1;
}

static int
on_object(void *arg)
{
    return container_begin(arg, true);
}

static int
on_array(void *arg)
{
    return container_begin(arg, false);
}

static int
on_end(void *arg)
{
    return container_end(arg);
}

static const yajl_callbacks callbacks = { .yajl_null = on_null,
                                          .yajl_boolean = on_boolean,
                                          .yajl_number = on_number,
                                          .yajl_string = on_string,
                                          .yajl_start_map = on_object,
                                          .yajl_map_key = on_key,
                                          .yajl_end_map = on_end,
                                          .yajl_start_array = on_array,
                                          .yajl_end_array = on_end };

/* Whether nothing but blanks follows. To yajl a text that is opened there and never closed is the end, not garbage. */
static bool
only_blanks(struct souk_text body, size_t from)
{
    while (from < body.length && strchr(" \t\r\n", body.at[from]) != NULL && body.at[from] != '\0')
        from++;
    return from == body.length;
}

static void
reader_begin(struct souk_json_reader *reader)
{
    reader->arena_used = 0;
    reader->last = NULL;
    reader->err = SOUK_OK;
    reader->seen = 0;
    memset(reader->seen_objects, 0, sizeof reader->seen_objects);
    reader->depth = reader->skip = 0;
    reader->path_length = 0;
    reader->path_cut = false;
    reader->texts_used = 0;
    reader->array = NULL;
    memset(reader->values, 0, reader->count * sizeof *reader->values);
    reader->fault->field_length = 0;
    reader->fault->why = "";
}

souk_err
souk_json_read(souk_json_reader *reader, struct souk_text body, enum souk_json_mode mode,
               const struct souk_json_field *fields, size_t count, struct souk_json_value *values,
               struct souk_json_fault *fault)
{
    souk_assert(count <= SOUK_JSON_FIELDS_MAX);
    reader->body = body;
    reader->mode = mode;
    reader->fields = fields;
    reader->count = count;
    reader->values = values;
    reader->fault = fault;
    reader_begin(reader);
    if (body.length > SOUK_JSON_INPUT_MAX)
        return SOUK_ERR_TOO_LARGE;
    if (!souk_json_utf8(body)) {
        refuse(reader, "it is not UTF-8");
        return SOUK_ERR_MALFORMED;
    }
    if (body.length == 0 || !escapes_valid(body)) {
        refuse(reader, body.length == 0 ? "the body is empty" : "an escape in a text is wrong");
        return SOUK_ERR_MALFORMED;
    }
    if (!blanks_valid(body)) {
        refuse(reader, "it is not JSON");
        return SOUK_ERR_MALFORMED;
    }
    yajl_alloc_funcs memory = { arena_alloc, arena_realloc, arena_free, reader };
    yajl_handle yajl = reader->yajl = yajl_alloc(&callbacks, &memory, reader);
    yajl_config(yajl, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(yajl, (const unsigned char *)body.at, body.length);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(yajl);
    yajl_free(yajl);
    if (status == yajl_status_error || (status == yajl_status_ok && !only_blanks(body, reader->end)))
        refuse(reader, "it is not JSON");
    for (size_t i = 0; reader->err == SOUK_OK && i < count; i++)
        if (fields[i].required && !values[i].present)
            complain(reader, fields[i].path, fields[i].path_length, "is missing");
    return reader->err;
}
