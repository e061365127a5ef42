/* SPDX-License-Identifier: Apache-2.0 */
/* souk/body.h -- message bodies as msgpack: the straight-line pieces from which the message tables make coders.
 *
 * A record or message is an array of its fields in the order of their numbers; an absent optional field is nil. What
 * souk writes uses fixed widths (u32 is always 0xce and four bytes), so that a coder is a row of stores and its loads
 * have a fast path; what it reads may be any valid msgpack. Elements past the known ones are skipped: they come from a
 * newer writer. Reading checks bounds before each step, never recurses and never allocates by a claimed length: lists
 * have caps and go into a bounded scratch area. https://github.com/msgpack/msgpack/blob/master/spec.md */
#ifndef SOUK_BODY_H
#define SOUK_BODY_H

#include <souk/base.h>
#include <string.h>

/* Whom a deferred answer is for. A value that may be kept in a state; kind 0 is nobody. */
typedef struct souk_asker { souk_key key; uint32_t kind; uint32_t number; } souk_asker;

/* Memory for what a decoded body borrows beyond its own bytes. Emptied after each turn. */
struct souk_scratch { uint8_t *at, *end; };

/* A body being read. After a failure every further read does nothing; `field` is the number that failed. */
struct souk_reader {
    const uint8_t *at, *end;
    struct souk_scratch *scratch;
    uint32_t left;  /* Elements of the current array not yet read. */
    uint32_t field; /* The field being read, for the error's sentence. */
    bool bad;
};

enum { SOUK_TEXT_MAX = 65535 };

/* What the types of the tables are in C. */
typedef bool souk_c_bool;
typedef uint32_t souk_c_u32;
typedef uint64_t souk_c_u64;
typedef int64_t souk_c_i64;
typedef souk_key souk_c_key;
typedef struct souk_text souk_c_text;
typedef struct souk_bytes souk_c_bytes;
typedef souk_asker souk_c_asker;

#define SOUK_LIST_TYPE_(type)                                                                       \
    typedef struct souk_list_##type { const souk_c_##type *at; uint32_t count; } souk_list_##type;
SOUK_LIST_TYPE_(u32)
SOUK_LIST_TYPE_(u64)
SOUK_LIST_TYPE_(i64)
SOUK_LIST_TYPE_(key)
SOUK_LIST_TYPE_(text)

/* ---- Writing: size first, then stores into exactly that many bytes. ---- */

static inline uint8_t *
souk_store_be32_(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
    return p + 4;
}

static inline uint8_t *
souk_store_be64_(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
    return p + 8;
}

static inline uint32_t
souk_load_be32_(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline uint64_t
souk_load_be64_(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

/* How many bytes a value takes as souk writes it. */
static inline size_t souk_size_bool(const bool *v SOUK_UNUSED) { return 1; }
static inline size_t souk_size_u32(const uint32_t *v SOUK_UNUSED) { return 5; }
static inline size_t souk_size_u64(const uint64_t *v SOUK_UNUSED) { return 9; }
static inline size_t souk_size_i64(const int64_t *v SOUK_UNUSED) { return 9; }
static inline size_t souk_size_key(const souk_key *v SOUK_UNUSED) { return 18; }
static inline size_t souk_size_asker(const souk_asker *v SOUK_UNUSED) { return 26; }
static inline size_t souk_size_text(const struct souk_text *v) { return (v->length < 256 ? 2 : 3) + v->length; }
static inline size_t souk_size_bytes(const struct souk_bytes *v) { return (v->length < 256 ? 2 : 3) + v->length; }
static inline size_t souk_size_array_(size_t count) { return count < 16 ? 1 : 3; }

static inline uint8_t *
souk_put_bool(uint8_t *p, const bool *v)
{
    *p = *v ? 0xc3 : 0xc2;
    return p + 1;
}

static inline uint8_t *
souk_put_u32(uint8_t *p, const uint32_t *v)
{
    *p = 0xce;
    return souk_store_be32_(p + 1, *v);
}

static inline uint8_t *
souk_put_u64(uint8_t *p, const uint64_t *v)
{
    *p = 0xcf;
    return souk_store_be64_(p + 1, *v);
}

static inline uint8_t *
souk_put_i64(uint8_t *p, const int64_t *v)
{
    *p = 0xd3;
    return souk_store_be64_(p + 1, (uint64_t)*v);
}

static inline uint8_t *
souk_put_key(uint8_t *p, const souk_key *v)
{
    p[0] = 0xc4;
    p[1] = 16;
    return souk_store_be64_(souk_store_be64_(p + 2, v->high), v->low);
}

static inline uint8_t *
souk_put_asker(uint8_t *p, const souk_asker *v)
{
    p[0] = 0xc4;
    p[1] = 24;
    p = souk_store_be64_(souk_store_be64_(p + 2, v->key.high), v->key.low);
    return souk_store_be32_(souk_store_be32_(p, v->kind), v->number);
}

static inline uint8_t *
souk_put_string_(uint8_t *p, uint8_t short_form, const void *at, size_t length)
{
    souk_assert(length <= SOUK_TEXT_MAX);
    *p++ = length < 256 ? short_form : (uint8_t)(short_form + 1);
    if (length >= 256) *p++ = (uint8_t)(length >> 8);
    *p++ = (uint8_t)length;
    if (length) memcpy(p, at, length);
    return p + length;
}

static inline uint8_t *
souk_put_text(uint8_t *p, const struct souk_text *v)
{
    souk_assert(v->at || !v->length);
    return souk_put_string_(p, 0xd9, v->at, v->length);
}

static inline uint8_t *
souk_put_bytes(uint8_t *p, const struct souk_bytes *v)
{
    souk_assert(v->at || !v->length);
    return souk_put_string_(p, 0xc4, v->at, v->length);
}

static inline uint8_t *
souk_put_array_(uint8_t *p, size_t count)
{
    if (count < 16) {
        *p = (uint8_t)(0x90 | count);
        return p + 1;
    }
    p[0] = 0xdc;
    p[1] = (uint8_t)(count >> 8);
    p[2] = (uint8_t)count;
    return p + 3;
}

static inline uint8_t *
souk_put_nil_(uint8_t *p)
{
    *p = 0xc0;
    return p + 1;
}

/* ---- Reading. The slow paths, for widths that souk itself doesn't write, are functions of the runtime. ---- */

void souk_get_int_slow_(struct souk_reader *in, uint64_t *magnitude, bool *negative);
uint32_t souk_get_array_slow_(struct souk_reader *in);
void souk_get_string_slow_(struct souk_reader *in, bool text, const void **at, size_t *length);
/* So many bytes in any of the forms that bytes have; zeros when they are not there. */
void souk_get_fixed_slow_(struct souk_reader *in, uint8_t *out, size_t size);
/* Skips one value of any type and depth up to 16. */
void souk_skip_(struct souk_reader *in);
/* Room for `count` things of that size; NULL and bad when the scratch area has no more. */
void *souk_scratch_take_(struct souk_reader *in, size_t count, size_t size);

/* What is there in the very form that souk writes, or false. */
static inline bool
souk_fast_u64(const uint8_t **at, const uint8_t *end, uint64_t *v)
{
    const uint8_t *p = *at;
    if (end - p < 9 || *p != 0xcf) return false;
    *v = souk_load_be64_(p + 1);
    *at = p + 9;
    return true;
}

static inline bool
souk_fast_i64(const uint8_t **at, const uint8_t *end, int64_t *v)
{
    const uint8_t *p = *at;
    if (end - p < 9 || *p != 0xd3) return false;
    *v = (int64_t)souk_load_be64_(p + 1);
    *at = p + 9;
    return true;
}

static inline bool
souk_fast_u32(const uint8_t **at, const uint8_t *end, uint32_t *v)
{
    const uint8_t *p = *at;
    if (end - p < 5 || *p != 0xce) return false;
    *v = souk_load_be32_(p + 1);
    *at = p + 5;
    return true;
}

static inline bool
souk_fast_bool(const uint8_t **at, const uint8_t *end, bool *v)
{
    const uint8_t *p = *at;
    if (p == end || (*p & 0xfe) != 0xc2) return false;
    *v = *p & 1;
    *at = p + 1;
    return true;
}

static inline bool
souk_fast_key(const uint8_t **at, const uint8_t *end, souk_key *v)
{
    const uint8_t *p = *at;
    if (end - p < 18 || p[0] != 0xc4 || p[1] != 16) return false;
    v->high = souk_load_be64_(p + 2);
    v->low = souk_load_be64_(p + 10);
    *at = p + 18;
    return true;
}

static inline bool
souk_fast_asker(const uint8_t **at, const uint8_t *end, souk_asker *v)
{
    const uint8_t *p = *at;
    if (end - p < 26 || p[0] != 0xc4 || p[1] != 24) return false;
    v->key.high = souk_load_be64_(p + 2);
    v->key.low = souk_load_be64_(p + 10);
    v->kind = souk_load_be32_(p + 18);
    v->number = souk_load_be32_(p + 22);
    *at = p + 26;
    return true;
}

/* Short ones; the checks of longer ones are the slow path's. */
static inline bool
souk_fast_text(const uint8_t **at, const uint8_t *end, struct souk_text *v)
{
    const uint8_t *p = *at;
    if (end - p < 2 || p[0] != 0xd9 || end - p - 2 < p[1]) return false;
    *v = (struct souk_text){ (const char *)p + 2, p[1] };
    *at = p + 2 + p[1];
    return true;
}

static inline bool
souk_fast_bytes(const uint8_t **at, const uint8_t *end, struct souk_bytes *v)
{
    const uint8_t *p = *at;
    if (end - p < 2 || p[0] != 0xc4 || end - p - 2 < p[1]) return false;
    *v = (struct souk_bytes){ p + 2, p[1] };
    *at = p + 2 + p[1];
    return true;
}

static inline void
souk_get_u64(struct souk_reader *in, uint64_t *v)
{
    if (!in->bad && in->end - in->at >= 9 && *in->at == 0xcf) {
        *v = souk_load_be64_(in->at + 1);
        in->at += 9;
        return;
    }
    bool negative;
    souk_get_int_slow_(in, v, &negative);
    if (negative) in->bad = true;
}

static inline void
souk_get_u32(struct souk_reader *in, uint32_t *v)
{
    if (!in->bad && in->end - in->at >= 5 && *in->at == 0xce) {
        *v = souk_load_be32_(in->at + 1);
        in->at += 5;
        return;
    }
    uint64_t wide;
    souk_get_u64(in, &wide);
    if (wide > UINT32_MAX) in->bad = true;
    *v = (uint32_t)wide;
}

static inline void
souk_get_i64(struct souk_reader *in, int64_t *v)
{
    if (!in->bad && in->end - in->at >= 9 && *in->at == 0xd3) {
        *v = (int64_t)souk_load_be64_(in->at + 1);
        in->at += 9;
        return;
    }
    uint64_t magnitude;
    bool negative;
    souk_get_int_slow_(in, &magnitude, &negative);
    if (magnitude > (uint64_t)INT64_MAX + negative) in->bad = true;
    *v = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
}

static inline void
souk_get_bool(struct souk_reader *in, bool *v)
{
    *v = false;
    if (in->bad || in->at == in->end || (*in->at & 0xfe) != 0xc2) {
        in->bad = true;
        return;
    }
    *v = *in->at++ == 0xc3;
}

static inline void
souk_get_bytes(struct souk_reader *in, struct souk_bytes *v)
{
    souk_get_string_slow_(in, false, &v->at, &v->length);
}

static inline void
souk_get_text(struct souk_reader *in, struct souk_text *v)
{
    if (!in->bad && in->end - in->at >= 2 && *in->at == 0xd9 && in->end - in->at - 2 >= in->at[1]) {
        v->length = in->at[1];
        v->at = (const char *)in->at + 2;
        in->at += 2 + v->length;
        return;
    }
    const void *at;
    souk_get_string_slow_(in, true, &at, &v->length);
    v->at = at;
}

static inline void
souk_get_key(struct souk_reader *in, souk_key *v)
{
    if (!in->bad && in->end - in->at >= 18 && in->at[0] == 0xc4 && in->at[1] == 16) {
        v->high = souk_load_be64_(in->at + 2);
        v->low = souk_load_be64_(in->at + 10);
        in->at += 18;
        return;
    }
    uint8_t b[16];
    souk_get_fixed_slow_(in, b, sizeof b);
    *v = (souk_key){ souk_load_be64_(b), souk_load_be64_(b + 8) };
}

static inline void
souk_get_asker(struct souk_reader *in, souk_asker *v)
{
    uint8_t b[24];
    souk_get_fixed_slow_(in, b, sizeof b);
    v->key = (souk_key){ souk_load_be64_(b), souk_load_be64_(b + 8) };
    v->kind = souk_load_be32_(b + 16);
    v->number = souk_load_be32_(b + 20);
}

/* Enters an array and says how many elements it has. */
static inline uint32_t
souk_get_array_(struct souk_reader *in)
{
    if (!in->bad && in->at < in->end && (*in->at & 0xf0) == 0x90) return *in->at++ & 0x0f;
    return souk_get_array_slow_(in);
}

/* True when the next field is there to be read; a required one that is missing is an error. */
static inline bool
souk_get_required_(struct souk_reader *in, uint32_t number)
{
    in->field = number;
    if (!in->left) in->bad = true;
    if (in->bad) return false;
    in->left--;
    return true;
}

static inline bool
souk_get_optional_(struct souk_reader *in, uint32_t number)
{
    in->field = number;
    if (in->bad || !in->left) return false;
    in->left--;
    if (in->at < in->end && *in->at == 0xc0) {
        in->at++;
        return false;
    }
    return true;
}

static inline uint32_t
souk_get_count_(struct souk_reader *in, uint32_t cap)
{
    uint32_t count = souk_get_array_(in);
    if (count > cap) in->bad = true;
    return in->bad ? 0 : count;
}

#endif
