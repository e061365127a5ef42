/* SPDX-License-Identifier: Apache-2.0 */
/* codec/body.c -- the slow paths of souk/body.h: any valid msgpack where souk itself would have written one form. */
#include <souk/body.h>

enum { DEPTH_MAX = 16 };

static bool
take(struct souk_reader *in, size_t bytes, const uint8_t **at)
{
    if (in->bad || (size_t)(in->end - in->at) < bytes) {
        in->bad = true;
        return false;
    }
    *at = in->at;
    in->at += bytes;
    return true;
}

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t
take_number(struct souk_reader *in, size_t bytes)
{
    const uint8_t *at;
    if (!take(in, bytes, &at)) return 0;
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | at[i];
    return v;
}

void
souk_get_int_slow_(struct souk_reader *in, uint64_t *magnitude, bool *negative)
{
    const uint8_t *at;
    *magnitude = 0;
    *negative = false;
    if (!take(in, 1, &at)) return;
    uint8_t form = *at;
    if (form < 0x80) {
        *magnitude = form;
    } else if (form >= 0xe0) {
        *magnitude = (uint64_t)0x100 - form;
        *negative = true;
    } else if (form >= 0xcc && form <= 0xcf) {
        *magnitude = take_number(in, (size_t)1 << (form - 0xcc));
    } else if (form >= 0xd0 && form <= 0xd3) {
        unsigned bits = 8u << (form - 0xd0);
        uint64_t raw = take_number(in, bits / 8);
        *negative = raw >> (bits - 1) & 1;
        if (*negative && bits < 64) raw |= ~UINT64_C(0) << bits;
        *magnitude = *negative ? 0 - raw : raw;
    } else {
        in->bad = true;
    }
}

uint32_t
souk_get_array_slow_(struct souk_reader *in)
{
    const uint8_t *at;
    if (!take(in, 1, &at)) return 0;
    uint64_t count = 0;
    if ((*at & 0xf0) == 0x90) count = *at & 0x0f;
    else if (*at == 0xdc) count = take_number(in, 2);
    else if (*at == 0xdd) count = take_number(in, 4);
    else in->bad = true;
    if (count > (uint64_t)(in->end - in->at)) in->bad = true; /* Each element takes at least a byte. */
    return in->bad ? 0 : (uint32_t)count;
}

void
souk_get_string_slow_(struct souk_reader *in, bool text, const void **out, size_t *length)
{
    const uint8_t *at;
    *out = NULL;
    *length = 0;
    if (!take(in, 1, &at)) return;
    uint64_t size = 0;
    uint8_t form = *at;
    if (text && (form & 0xe0) == 0xa0) size = form & 0x1f;
    else if (text && form >= 0xd9 && form <= 0xdb) size = take_number(in, (size_t)1 << (form - 0xd9));
    else if (!text && form >= 0xc4 && form <= 0xc6) size = take_number(in, (size_t)1 << (form - 0xc4));
    else in->bad = true;
    if (size > SOUK_TEXT_MAX) in->bad = true;
    if (!take(in, (size_t)size, &at)) return;
    *out = at;
    *length = (size_t)size;
}

void
souk_get_fixed_slow_(struct souk_reader *in, uint8_t *out, size_t size)
{
    const void *at;
    size_t length;
    souk_get_string_slow_(in, false, &at, &length);
    if (length != size) in->bad = true;
    if (in->bad) memset(out, 0, size);
    else memcpy(out, at, size);
}

/* How many bytes follow the first one of a value, and how many values are inside it. */
static void
skip_one(struct souk_reader *in, uint64_t *inside)
{
    const uint8_t *at;
    *inside = 0;
    if (!take(in, 1, &at)) return;
    uint8_t form = *at;
    uint64_t bytes = 0;
    if (form < 0x80 || form >= 0xe0 || form == 0xc0 || form == 0xc2 || form == 0xc3) bytes = 0;
    else if (form < 0x90) *inside = 2 * (uint64_t)(form & 0x0f);
    else if (form < 0xa0) *inside = form & 0x0f;
    else if (form < 0xc0) bytes = form & 0x1f;
    else if (form >= 0xc4 && form <= 0xc6) bytes = take_number(in, (size_t)1 << (form - 0xc4));
    else if (form >= 0xc7 && form <= 0xc9) bytes = take_number(in, (size_t)1 << (form - 0xc7)) + 1;
    else if (form == 0xca || form == 0xcb) bytes = form == 0xca ? 4 : 8;
    else if (form >= 0xcc && form <= 0xcf) bytes = (uint64_t)1 << (form - 0xcc);
    else if (form >= 0xd0 && form <= 0xd3) bytes = (uint64_t)1 << (form - 0xd0);
    else if (form >= 0xd4 && form <= 0xd8) bytes = ((uint64_t)1 << (form - 0xd4)) + 1;
    else if (form >= 0xd9 && form <= 0xdb) bytes = take_number(in, (size_t)1 << (form - 0xd9));
    else if (form == 0xdc || form == 0xdd) *inside = take_number(in, form == 0xdc ? 2 : 4);
    else if (form == 0xde || form == 0xdf) *inside = 2 * take_number(in, form == 0xde ? 2 : 4);
    else in->bad = true; /* 0xc1 is never used. */
    if (bytes > (uint64_t)(in->end - in->at) || *inside > (uint64_t)(in->end - in->at)) in->bad = true;
    else take(in, (size_t)bytes, &at);
}

void
souk_skip_(struct souk_reader *in)
{
    uint64_t left[DEPTH_MAX + 1] = { 1 }; /* Values still to be skipped, at each depth. */
    int depth = 0;
    while (depth >= 0 && !in->bad) {
        if (!left[depth]) {
            depth--;
            continue;
        }
        left[depth]--;
        uint64_t inside;
        skip_one(in, &inside);
        if (!inside) continue;
        if (depth == DEPTH_MAX) in->bad = true;
        else left[++depth] = inside;
    }
}

void *
souk_scratch_take_(struct souk_reader *in, size_t count, size_t size)
{
    struct souk_scratch *scratch = in->scratch;
    size_t room = scratch ? (size_t)(scratch->end - scratch->at) : 0;
    size_t bytes = (count * size + 15) & ~(size_t)15; /* Count is below 2^32 and size a struct's: no overflow. */
    if (in->bad || bytes > room) {
        in->bad = true;
        return NULL;
    }
    void *at = scratch->at;
    scratch->at += bytes;
    return at;
}
