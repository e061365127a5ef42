/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_hash.c -- the hashes against published vectors, and against what they promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* The first rows of vectors_sip128 in SipHash's reference implementation: key 00..0f, input 00, 01, ... */
static const uint8_t siphash_rows[3][16] = {
    { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 },
    { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 },
    { 0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4 },
};

static uint64_t
little(const uint8_t *bytes)
{
    uint64_t x = 0;
    for (unsigned i = 8; i-- > 0;)
        x = x << 8 | bytes[i];
    return x;
}

static void
keys_are_siphash(void **state)
{
    (void)state;
    struct souk_secret secret;
    uint8_t input[3] = { 0, 1, 2 };
    for (unsigned i = 0; i < sizeof secret.bytes; i++)
        secret.bytes[i] = (uint8_t)i;
    for (unsigned length = 0; length < 3; length++) {
        souk_key key = souk_hash_key(&secret, length ? input : NULL, length);
        assert_true(key.low == little(siphash_rows[length]));
        assert_true(key.high == little(siphash_rows[length] + 8));
    }
}

static void
pairs_have_an_order_and_a_secret(void **state)
{
    (void)state;
    struct souk_secret secret = { { 1 } }, other = { { 2 } };
    souk_key a = { 1, 2 }, b = { 3, 4 };
    assert_true(souk_key_equal(souk_hash_pair(&secret, a, b), souk_hash_pair(&secret, a, b)));
    assert_false(souk_key_equal(souk_hash_pair(&secret, a, b), souk_hash_pair(&secret, b, a)));
    assert_false(souk_key_equal(souk_hash_pair(&secret, a, b), souk_hash_pair(&other, a, b)));
    assert_false(souk_key_none(souk_hash_pair(&secret, a, b)));
}

static void
a_link_depends_on_all_before_it(void **state)
{
    (void)state;
    const char first[] = "the first batch", second[] = "the second batch";
    struct souk_link none = { 0, 0 };
    struct souk_link one = souk_hash_link(none, first, sizeof first);
    struct souk_link two = souk_hash_link(one, second, sizeof second);
    struct souk_link same = souk_hash_link(souk_hash_link(none, first, sizeof first), second, sizeof second);
    assert_true(two.high == same.high && two.low == same.low);

    char flipped[sizeof first];
    for (unsigned bit = 0; bit < sizeof first * 8; bit++) {
        memcpy(flipped, first, sizeof first);
        flipped[bit / 8] = (char)(flipped[bit / 8] ^ (1 << bit % 8));
        struct souk_link wrong = souk_hash_link(souk_hash_link(none, flipped, sizeof first), second, sizeof second);
        assert_false(wrong.high == two.high || wrong.low == two.low);
    }
    struct souk_link empty = souk_hash_link(one, NULL, 0);
    assert_false(empty.low == one.low);

    /* The stored form: a journal written by one build must be read by all later ones. */
    struct souk_link known = souk_hash_link((struct souk_link){ .high = 1, .low = 2 }, "souk", 4);
    assert_true(known.high == UINT64_C(0x117955f91645ae47));
    assert_true(known.low == UINT64_C(0xa1e027a529e85d1f));
}

static void
hmac_is_rfc_4231(void **state)
{
    (void)state;
    /* Test case 2, in parts: as a webhook's time, dot and body are. */
    static const uint8_t expected[32] = {
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
        0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
    };
    const struct souk_bytes parts[] = { { "what do ya want ", 16 }, { NULL, 0 }, { "for nothing?", 12 } };
    uint8_t out[32];
    souk_hmac_sha256("Jefe", 4, parts, 3, out);
    assert_true(souk_hash_same(out, expected, sizeof out));
    out[31] ^= 1;
    assert_false(souk_hash_same(out, expected, sizeof out));
}

static void
mixing_spreads(void **state)
{
    (void)state;
    /* Each bit of the input turns about half of the output's. */
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t changed = souk_hash_mix(UINT64_C(12345)) ^ souk_hash_mix(UINT64_C(12345) ^ UINT64_C(1) << bit);
        int turned = __builtin_popcountll(changed);
        assert_in_range(turned, 12, 52);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_siphash),
        cmocka_unit_test(pairs_have_an_order_and_a_secret),
        cmocka_unit_test(a_link_depends_on_all_before_it),
        cmocka_unit_test(hmac_is_rfc_4231),
        cmocka_unit_test(mixing_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
