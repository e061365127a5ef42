/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/json.h -- reading a JSON object that a table describes, and writing JSON.
 *
 * Reading is strict: an object at the top, no key twice, depth to 16, strings of valid UTF-8 without lone surrogates,
 * numbers only as integers that fit into 64 bits. Writing is by hand: well-formed as long as opens and closes pair. */
#ifndef SOUK_GATEWAY_JSON_H
#define SOUK_GATEWAY_JSON_H

#include <souk/base.h>

enum { SOUK_JSON_DEPTH_MAX = 16, SOUK_JSON_FIELDS_MAX = 32, SOUK_JSON_INPUT_MAX = 1 << 20 };

/* An array is given as the bytes of its JSON, for souk_json_next(). */
enum souk_json_type { SOUK_JSON_TEXT, SOUK_JSON_INTEGER, SOUK_JSON_BOOLEAN, SOUK_JSON_ARRAY };

/* One field that a body may have. Make it with SOUK_JSON_FIELD. */
struct souk_json_field {
    const char *path; /* The keys from the top, joined by dots: "price.amount". No key may hold a dot. */
    uint32_t path_length;
    enum souk_json_type type;
    bool required;
    int64_t min, max;                     /* An integer's bounds, or a text's length in bytes; both inclusive. */
    bool (*valid)(struct souk_text text); /* May be NULL. */
};

/* Rows of a table: SOUK_JSON_FIELD("units", SOUK_JSON_INTEGER, true, 1, INT32_MAX, NULL) */
#define SOUK_JSON_FIELD(field_path, field_type, is_required, minimum, maximum, check)                                  \
    {                                                                                                                  \
        .path = (field_path), .path_length = sizeof(field_path) - 1, .type = (field_type), .required = (is_required),  \
        .min = (minimum), .max = (maximum), .valid = (check)                                                           \
    }

/* What was found for the field of the same index. */
struct souk_json_value {
    bool present;
    bool boolean;
    int64_t integer;
    struct souk_text text; /* Borrows from the body or the reader, until the reader's next use. */
};

/* Why a body was refused: `field` is empty when it wasn't JSON as we take it. */
struct souk_json_fault {
    char field[96];
    uint32_t field_length;
    const char *why; /* A sentence; never freed. */
};

/* A reader keeps the memory that reading needs, about 5 KiB; one for each thread. */
typedef struct souk_json_reader souk_json_reader;

/* NULL when there is no memory. */
souk_json_reader *souk_json_reader_open(void);
void souk_json_reader_close(souk_json_reader **reader_p);

/* How to treat a body. */
enum souk_json_mode {
    SOUK_JSON_STRICT, /* A field that isn't in the table is a fault. */
    SOUK_JSON_OPEN    /* It is read over, and null counts as absent: for what others send us. */
};

/* Reads `body` into values[count]. SOUK_OK; SOUK_ERR_MALFORMED (bad-request: no JSON object, a key twice, too deep, bad
 * text); SOUK_ERR_USAGE (invalid-field: fault->field has the wrong type or bounds, is missing or unknown);
 * SOUK_ERR_TOO_LARGE above SOUK_JSON_INPUT_MAX; SOUK_ERR_MEMORY. */
souk_err souk_json_read(souk_json_reader *reader, struct souk_text body, enum souk_json_mode mode,
                        const struct souk_json_field *fields, size_t count, struct souk_json_value *values,
                        struct souk_json_fault *fault) SOUK_MUST_CHECK;

/* Takes the first element off an array that souk_json_read() found, as the bytes of its JSON. False: none is left. */
bool souk_json_next(struct souk_text *array, struct souk_text *element);

/* Whether it is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool souk_json_utf8(struct souk_text text);

/* Where JSON is written: a buffer of the caller's, or one that grows. The caller's memory; look, don't touch. */
typedef struct souk_json_writer {
    char *at;
    size_t length;
    size_t capacity, limit;
    bool owned;  /* The buffer is ours and may grow. */
    bool comma;  /* A value stands before, so a comma is due. */
    bool failed; /* It didn't fit: all later writing is ignored. */
    uint8_t depth;
} souk_json_writer;

/* Writes into `buffer`. */
void souk_json_init(souk_json_writer *writer, char *buffer, size_t capacity);
/* Writes into memory that grows up to `limit` bytes; end with souk_json_fini(). */
void souk_json_init_growing(souk_json_writer *writer, size_t limit);
/* Frees what grew. Always allowed. */
void souk_json_fini(souk_json_writer *writer);
/* Empties it, keeping the memory. */
void souk_json_reset(souk_json_writer *writer);
/* What was written. SOUK_ERR_TOO_LARGE if it didn't fit. Borrows until the next call. Everything must be closed. */
souk_err souk_json_done(const souk_json_writer *writer, struct souk_text *out) SOUK_MUST_CHECK;

/* Objects and arrays. */
void souk_json_object_open(souk_json_writer *writer);
void souk_json_object_close(souk_json_writer *writer);
void souk_json_array_open(souk_json_writer *writer);
void souk_json_array_close(souk_json_writer *writer);
/* A member's name, escaped like a text; a value must follow. */
void souk_json_key(souk_json_writer *writer, const char *name);
/* A text; bytes that aren't UTF-8 become U+FFFD. */
void souk_json_text(souk_json_writer *writer, struct souk_text text);
void souk_json_i64(souk_json_writer *writer, int64_t number);
void souk_json_u64(souk_json_writer *writer, uint64_t number);
/* With as many decimals as asked, up to 9; null if it isn't finite. For reports, never for money. */
void souk_json_decimal(souk_json_writer *writer, double number, unsigned decimals);
void souk_json_bool(souk_json_writer *writer, bool truth);
void souk_json_null(souk_json_writer *writer);
/* JSON that is known to be well-formed, as one value. */
void souk_json_raw(souk_json_writer *writer, struct souk_text json);
/* Ends a line: for files with a JSON value on each. At depth 0 only. */
void souk_json_newline(souk_json_writer *writer);

/* A name and its value at once. */
void souk_json_put_text(souk_json_writer *writer, const char *name, struct souk_text text);
void souk_json_put_i64(souk_json_writer *writer, const char *name, int64_t number);
void souk_json_put_u64(souk_json_writer *writer, const char *name, uint64_t number);
void souk_json_put_bool(souk_json_writer *writer, const char *name, bool truth);

#endif
