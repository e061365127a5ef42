/* SPDX-License-Identifier: Apache-2.0 */
/* base/hash.c -- keyed hashes: the only file of base that knows libsodium.
 *
 * Called for each text id that enters (an order's key, a customer's), and for signatures of webhooks. None of these
 * functions of libsodium needs sodium_init(): they take no randomness and choose no implementation. */
#include "base/hash.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_siphashx24_KEYBYTES == sizeof(struct souk_secret), "the secret is SipHash's key");
_Static_assert(crypto_shorthash_siphashx24_BYTES == sizeof(souk_key), "a key is SipHash's output");

static uint64_t
load_little(const uint8_t bytes[8])
{
    uint64_t x = 0;
    for (unsigned i = 8; i-- > 0;)
        x = x << 8 | bytes[i];
    return x;
}

static void
store_little(uint8_t bytes[8], uint64_t x)
{
    for (unsigned i = 0; i < 8; i++, x >>= 8)
        bytes[i] = (uint8_t)x;
}

souk_key
souk_hash_key(const struct souk_secret *secret, const void *at, size_t length)
{
    static const uint8_t nothing[1];
    uint8_t out[crypto_shorthash_siphashx24_BYTES];
    crypto_shorthash_siphashx24(out, length ? at : nothing, length, secret->bytes);
    souk_key key = { .low = load_little(out), .high = load_little(out + 8) };
    if (souk_key_none(key))
        key.low = 1; /* All zeros means no actor; one id in 2^128 moves by one. */
    return key;
}

souk_key
souk_hash_pair(const struct souk_secret *secret, souk_key first, souk_key second)
{
    uint8_t bytes[32];
    store_little(bytes, first.high);
    store_little(bytes + 8, first.low);
    store_little(bytes + 16, second.high);
    store_little(bytes + 24, second.low);
    return souk_hash_key(secret, bytes, sizeof bytes);
}

void
souk_hmac_sha256(const void *secret, size_t secret_length, const struct souk_bytes *parts, size_t count,
                 uint8_t out[32])
{
    static const uint8_t nothing[1];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, secret_length ? secret : nothing, secret_length);
    for (size_t i = 0; i < count; i++)
        if (parts[i].length)
            crypto_auth_hmacsha256_update(&state, parts[i].at, parts[i].length);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

bool
souk_hash_same(const void *a, const void *b, size_t length)
{
    return length == 0 || sodium_memcmp(a, b, length) == 0;
}
