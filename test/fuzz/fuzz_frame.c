/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_frame.c -- a frame from a client, as it comes off the wire. Whatever souk takes from it, msgpack-c
 * reads alike; and what is answered to it is again msgpack that the scan lets pass. */
#include "fuzz.h"

#include <msgpack.h>
#include <stdlib.h>

#include "kinds.h"
#include "wire/frame.h"

static bool
text_is(const msgpack_object *o, struct souk_text text)
{
    return o->type == MSGPACK_OBJECT_STR && o->via.str.size == text.length &&
           !memcmp(o->via.str.ptr, text.at, text.length);
}

/* What msgpack-c finds at this place; NULL: nothing, or nil. */
static const msgpack_object *
element(const msgpack_object *request, uint32_t at)
{
    const msgpack_object_array *array = &request->via.array;
    return at < array->size && array->ptr[at].type != MSGPACK_OBJECT_NIL ? &array->ptr[at] : NULL;
}

static void
compare_key(const struct souk_wire_request *r, const msgpack_object *key)
{
    if (!souk_key_none(r->key)) {
        souk_assert(key->type == MSGPACK_OBJECT_BIN && key->via.bin.size == 16 && !r->parts_count);
        souk_assert(souk_load_be64_((const uint8_t *)key->via.bin.ptr + 8) == r->key.low);
    } else if (key->type == MSGPACK_OBJECT_STR) {
        souk_assert(r->parts_count == 1 && text_is(key, r->parts[0]));
    } else {
        souk_assert(key->type == MSGPACK_OBJECT_ARRAY && key->via.array.size == r->parts_count);
        for (uint32_t i = 0; i < r->parts_count; i++) souk_assert(text_is(&key->via.array.ptr[i], r->parts[i]));
    }
}

static void
compare(const struct souk_wire_request *r, const msgpack_object *request)
{
    souk_assert(request->type == MSGPACK_OBJECT_ARRAY && request->via.array.size >= 5);
    const msgpack_object *id = element(request, 0), *kind = element(request, 1), *row = element(request, 3);
    souk_assert(id && id->type == MSGPACK_OBJECT_POSITIVE_INTEGER && id->via.u64 == r->id);
    souk_assert(kind && (text_is(kind, souk_text_of(r->kind->name)) ||
                         (kind->type == MSGPACK_OBJECT_POSITIVE_INTEGER && kind->via.u64 == r->kind->number)));
    souk_assert(element(request, 2));
    compare_key(r, element(request, 2));
    souk_assert(row && text_is(row, souk_text_of(r->row->name)) && r->row->is_public);
    const msgpack_object *within = element(request, 5), *born = element(request, 6);
    uint64_t asked = within ? within->via.u64 : SOUK_WIRE_WITHIN_MS;
    souk_assert(r->within_ms == (asked > SOUK_WIRE_WITHIN_MAX_MS ? SOUK_WIRE_WITHIN_MAX_MS : asked));
    souk_assert(r->born_ms == (born ? born->via.u64 : 0));
}

/* Byte for byte, as msgpack-c writes them: what is no number equals itself, too. */
static bool
same(msgpack_object a, msgpack_object b)
{
    msgpack_sbuffer x, y;
    msgpack_packer packer;
    msgpack_sbuffer_init(&x);
    msgpack_sbuffer_init(&y);
    msgpack_packer_init(&packer, &x, msgpack_sbuffer_write);
    msgpack_pack_object(&packer, a);
    msgpack_packer_init(&packer, &y, msgpack_sbuffer_write);
    msgpack_pack_object(&packer, b);
    bool equal = x.size == y.size && !memcmp(x.data, y.data, x.size);
    msgpack_sbuffer_destroy(&x);
    msgpack_sbuffer_destroy(&y);
    return equal;
}

/* The bytes that are handed on as the body are the body, whole. */
static void
compare_body(const struct souk_wire_request *r, const msgpack_object *request)
{
    msgpack_unpacked body;
    size_t used = 0;
    void *copy = fuzz_copy(r->body.at, r->body.length);
    msgpack_unpacked_init(&body);
    souk_assert(msgpack_unpack_next(&body, copy, r->body.length, &used) == MSGPACK_UNPACK_SUCCESS);
    souk_assert(used == r->body.length && same(body.data, request->via.array.ptr[4]));
    msgpack_unpacked_destroy(&body);
    free(copy);
}

static void
answer(const struct souk_wire_request *r, enum souk_door door)
{
    const struct souk_wire_answer a = {
        .has_id = r->has_id, .id = r->id, .ending = door ? SOUK_REFUSED : SOUK_DONE,
        .refusal = { door ? souk_door_name(door) : NULL, door ? strlen(souk_door_name(door)) : 0 },
        .sentence = { door ? souk_door_sentence(door) : NULL, door ? strlen(souk_door_sentence(door)) : 0 },
        .body = r->body,
    };
    size_t most = SOUK_WIRE_HEAD + souk_answer_size(&a), length;
    uint8_t *frame = malloc(most);
    souk_assert(frame);
    souk_frame_head(frame, 1);
    const uint8_t *end = souk_answer_write(frame + SOUK_WIRE_HEAD, &a);
    souk_assert(end <= frame + most);
    /* A body may be as deep as the scan allows in a request's place, which is an answer's, too. */
    souk_assert(!souk_scan((struct souk_bytes){ frame, (size_t)(end - frame) }, SOUK_WIRE_OBJECTS_MAX + 16, &length));
    souk_assert(length == (size_t)(end - frame));
    free(frame);
}

void
fuzz_frame(const uint8_t *at, size_t length)
{
    struct souk_reader requests;
    struct souk_wire_request r;
    uint32_t count;
    size_t used = 0;
    enum souk_door door = souk_frame_open((struct souk_bytes){ at, length }, &requests, &count);
    if (door) return;
    msgpack_unpacked whole;
    msgpack_unpacked_init(&whole);
    souk_assert(msgpack_unpack_next(&whole, (const char *)at, length, &used) == MSGPACK_UNPACK_SUCCESS);
    souk_assert(used == length && whole.data.type == MSGPACK_OBJECT_ARRAY && whole.data.via.array.size >= 2);
    const msgpack_object *list = &whole.data.via.array.ptr[1];
    souk_assert(list->type == MSGPACK_OBJECT_ARRAY && list->via.array.size == count);
    for (uint32_t i = 0; i < count; i++) {
        door = souk_frame_next(&requests, souk_commerce_kinds, &r);
        souk_assert(!requests.bad && requests.at <= requests.end);
        if (!door) {
            compare(&r, &list->via.array.ptr[i]);
            compare_body(&r, &list->via.array.ptr[i]);
        }
        answer(&r, door);
    }
    msgpack_unpacked_destroy(&whole);
}

FUZZ_ENTRY(frame)
