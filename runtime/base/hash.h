/* SPDX-License-Identifier: Apache-2.0 */
/* base/hash.h -- the hashes of souk: one that nobody can steer, one that is fast, one that proves who wrote. */
#ifndef SOUK_BASE_HASH_H
#define SOUK_BASE_HASH_H

#include <souk/base.h>

/* The data directory's secret: whoever lacks it cannot make two ids collide. */
struct souk_secret { uint8_t bytes[16]; };

/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012). Never the none key. Any thread. */
souk_key souk_hash_key(const struct souk_secret *secret, const void *at, size_t length);
/* The key of a pair of keys, in that order. */
souk_key souk_hash_pair(const struct souk_secret *secret, souk_key first, souk_key second);

/* A link of the journal's chain: XXH3-128 of the previous link and the bytes. Finds damage, not forgery. */
struct souk_link { uint64_t high, low; };
struct souk_link souk_hash_link(struct souk_link previous, const void *at, size_t length);
static inline bool
souk_link_equal(struct souk_link a, struct souk_link b)
{
    return a.high == b.high && a.low == b.low;
}

/* HMAC-SHA-256 (RFC 2104) of the parts in their order, as if they were one text. `out` gets 32 bytes. Any thread. */
void souk_hmac_sha256(const void *secret, size_t secret_length, const struct souk_bytes *parts, size_t count,
                      uint8_t out[32]);
/* Whether two signatures are equal, in a time that does not tell where they differ. Any thread. */
bool souk_hash_same(const void *a, const void *b, size_t length);

/* SplitMix64's finisher: spreads the bits of a number. */
static inline uint64_t
souk_hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif
