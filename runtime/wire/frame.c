/* SPDX-License-Identifier: Apache-2.0 */
/* wire/frame.c -- see frame.h. */
#include "wire/frame.h"

#define NAME_(code, name, sentence) name,
#define SENTENCE_(code, name, sentence) sentence,

const char *
souk_door_name(enum souk_door door)
{
    static const char *const names[] = { NULL, SOUK_DOOR_WORDS(NAME_) };
    souk_assert(door < SOUK_DOOR_COUNT);
    return names[door];
}

const char *
souk_door_sentence(enum souk_door door)
{
    static const char *const sentences[] = { NULL, SOUK_DOOR_WORDS(SENTENCE_) };
    souk_assert(door < SOUK_DOOR_COUNT);
    return sentences[door];
}

/* ---- Requests. ---- */

enum souk_door
souk_frame_open(struct souk_bytes frame, struct souk_reader *requests, uint32_t *count)
{
    size_t length;
    uint64_t version;
    *count = 0;
    souk_err err = souk_scan(frame, SOUK_WIRE_OBJECTS_MAX, &length);
    if (err == SOUK_ERR_TOO_LARGE) return SOUK_DOOR_TOO_LARGE;
    if (err || length != frame.length) return SOUK_DOOR_MALFORMED;
    *requests = (struct souk_reader){ .at = frame.at, .end = (const uint8_t *)frame.at + frame.length };
    if (souk_get_array_(requests) < 2) return SOUK_DOOR_MALFORMED;
    souk_get_u64(requests, &version);
    if (requests->bad) return SOUK_DOOR_MALFORMED;
    if (version != SOUK_WIRE_VERSION) return SOUK_DOOR_VERSION;
    *count = souk_get_array_(requests);
    if (requests->bad || !*count) return SOUK_DOOR_MALFORMED;
    return *count > SOUK_WIRE_REQUESTS_MAX ? SOUK_DOOR_TOO_LARGE : SOUK_DOOR_OK;
}

static uint8_t
peek(const struct souk_reader *in)
{
    return in->bad || in->at == in->end ? 0xc1 : *in->at;
}

static bool
is_text(uint8_t form)
{
    return (form & 0xe0) == 0xa0 || (form >= 0xd9 && form <= 0xdb);
}

static bool
name_is(const char *name, struct souk_text text)
{
    return strlen(name) == text.length && !memcmp(name, text.at, text.length);
}

static const struct souk_kind *
read_kind(struct souk_reader *in, const struct souk_kind *const *kinds)
{
    if (is_text(peek(in))) {
        struct souk_text name;
        souk_get_text(in, &name);
        for (; !in->bad && *kinds; kinds++)
            if (name_is((*kinds)->name, name)) return *kinds;
    } else {
        uint64_t number;
        souk_get_u64(in, &number);
        for (; !in->bad && *kinds; kinds++)
            if ((*kinds)->number == number) return *kinds;
    }
    return NULL;
}

static enum souk_door
read_key(struct souk_reader *in, struct souk_wire_request *r)
{
    uint8_t form = peek(in);
    if (form >= 0xc4 && form <= 0xc6) {
        struct souk_bytes bytes;
        souk_get_bytes(in, &bytes);
        if (in->bad || bytes.length != 16) return SOUK_DOOR_BAD_KEY;
        r->key = (souk_key){ souk_load_be64_(bytes.at), souk_load_be64_((const uint8_t *)bytes.at + 8) };
        return souk_key_none(r->key) ? SOUK_DOOR_BAD_KEY : SOUK_DOOR_OK;
    }
    uint32_t count = is_text(form) ? 1 : souk_get_array_(in);
    if (in->bad) return SOUK_DOOR_MALFORMED;
    if (!count || count > SOUK_WIRE_PARTS_MAX) return SOUK_DOOR_BAD_KEY;
    for (; r->parts_count < count; r->parts_count++) {
        struct souk_text *part = &r->parts[r->parts_count];
        souk_get_text(in, part);
        if (in->bad) return SOUK_DOOR_MALFORMED;
        if (!part->length || part->length > SOUK_WIRE_PART_BYTES) return SOUK_DOOR_BAD_KEY;
    }
    return SOUK_DOOR_OK;
}

static enum souk_door
read_row(struct souk_reader *in, struct souk_wire_request *r)
{
    struct souk_text name;
    souk_get_text(in, &name);
    if (in->bad) return SOUK_DOOR_MALFORMED;
    for (const struct souk_row *const *row = r->kind->rows; *row; row++) {
        if (((*row)->class != SOUK_COMMAND && (*row)->class != SOUK_QUERY) || !name_is((*row)->name, name)) continue;
        r->row = *row;
        return (*row)->is_public ? SOUK_DOOR_OK : SOUK_DOOR_DENIED;
    }
    return SOUK_DOOR_UNKNOWN;
}

static enum souk_door
read_body(struct souk_reader *in, struct souk_wire_request *r)
{
    uint8_t form = peek(in);
    r->body = souk_take_value(in);
    if (in->bad) return SOUK_DOOR_MALFORMED;
    if (r->body.length > SOUK_WIRE_BODY_MAX) return SOUK_DOOR_TOO_LARGE;
    bool fits = form == 0xc0 || (form >= 0x80 && form <= 0x9f) || (form >= 0xdc && form <= 0xdf);
    return fits ? SOUK_DOOR_OK : SOUK_DOOR_MALFORMED;
}

/* A number that may be missing or nil; then what it is by default. */
static uint64_t
read_optional(struct souk_reader *in, uint64_t otherwise)
{
    uint64_t number;
    if (!souk_get_optional_(in, 0)) return otherwise;
    souk_get_u64(in, &number);
    return number;
}

static enum souk_door
read_request(struct souk_reader *in, const struct souk_kind *const *kinds, struct souk_wire_request *r)
{
    uint32_t count = souk_get_array_(in);
    if (in->bad || !count) return SOUK_DOOR_MALFORMED;
    souk_get_u64(in, &r->id);
    if (in->bad) return SOUK_DOOR_MALFORMED;
    r->has_id = true;
    if (count < 5) return SOUK_DOOR_MALFORMED;
    r->kind = read_kind(in, kinds);
    if (in->bad) return SOUK_DOOR_MALFORMED;
    if (!r->kind) return SOUK_DOOR_UNKNOWN_KIND;
    enum souk_door door = read_key(in, r);
    if (!door) door = read_row(in, r);
    if (!door) door = read_body(in, r);
    if (door) return door;
    in->left = count - 5;
    uint64_t within = read_optional(in, SOUK_WIRE_WITHIN_MS);
    r->born_ms = read_optional(in, 0);
    if (in->bad || !within) return SOUK_DOOR_MALFORMED;
    r->within_ms = within > SOUK_WIRE_WITHIN_MAX_MS ? SOUK_WIRE_WITHIN_MAX_MS : (uint32_t)within;
    return SOUK_DOOR_OK; /* What follows comes from a newer client, and is skipped. */
}

enum souk_door
souk_frame_next(struct souk_reader *requests, const struct souk_kind *const *kinds, struct souk_wire_request *r)
{
    struct souk_bytes value = souk_take_value(requests);
    memset(r, 0, sizeof *r);
    if (requests->bad) return SOUK_DOOR_MALFORMED;
    struct souk_reader in = { .at = value.at, .end = (const uint8_t *)value.at + value.length };
    return read_request(&in, kinds, r);
}

bool
souk_frame_fresh(uint64_t born_ms, uint64_t now_ms)
{
    return born_ms <= now_ms + SOUK_WIRE_FUTURE_MS && now_ms <= born_ms + SOUK_WIRE_WINDOW_MS;
}

/* ---- Answers. ---- */

void
souk_frame_head(uint8_t at[SOUK_WIRE_HEAD], uint32_t count)
{
    at[0] = 0x92;
    at[1] = SOUK_WIRE_VERSION;
    at[2] = 0xdd;
    souk_store_be32_(at + 3, count);
}

size_t
souk_answer_size(const struct souk_wire_answer *a)
{
    size_t body = a->body.length ? a->body.length : 1;
    return 1 + 9 + 1 + souk_size_text(&a->refusal) + souk_size_text(&a->sentence) + body;
}

uint8_t *
souk_answer_write(uint8_t *at, const struct souk_wire_answer *a)
{
    *at++ = 0x95;
    at = a->has_id ? souk_put_u64(at, &a->id) : souk_put_nil_(at);
    *at++ = (uint8_t)a->ending; /* 0 to 3: a number below 128 is its own byte. */
    at = a->refusal.at ? souk_put_text(at, &a->refusal) : souk_put_nil_(at);
    at = a->sentence.at ? souk_put_text(at, &a->sentence) : souk_put_nil_(at);
    if (!a->body.length) return souk_put_nil_(at);
    memcpy(at, a->body.at, a->body.length);
    return at + a->body.length;
}
