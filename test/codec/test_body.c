/* SPDX-License-Identifier: Apache-2.0 */
/* test_body.c -- the tables' coders and the scan, held against msgpack-c, and against every kind of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>
#include <stdlib.h>

#include "codec/dump.h"
#include "codec/scan.h"
#include "sample.h"

enum { MEMORY = 64 << 10, OBJECTS_MAX = 4096 };

static const struct souk_layout *const layout = souk_layout_of_sample_all;
static uint8_t memory[MEMORY], scratch[MEMORY], encoded[MEMORY];
static char text[4 * MEMORY];

static bool
decode(const void *at, size_t length, struct sample_all *out)
{
    struct souk_scratch room = { scratch, scratch + sizeof scratch };
    struct souk_reader in = { .at = at, .end = (const uint8_t *)at + length, .scratch = &room };
    return layout->get(&in, out);
}

static size_t
encode_random(struct sample_all *m, uint64_t *seed)
{
    sample_fill(m, seed, memory);
    size_t length = layout->encoded(m);
    assert_true(length <= sizeof encoded);
    assert_ptr_equal(layout->put(encoded, m), encoded + length);
    return length;
}

static void
what_is_written_is_read(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        struct sample_all in, out;
        size_t length = encode_random(&in, &seed), scanned;
        assert_int_equal(souk_scan((struct souk_bytes){ encoded, length }, OBJECTS_MAX, &scanned), SOUK_OK);
        assert_int_equal(scanned, length);
        assert_true(decode(encoded, length, &out));
        assert_true(sample_equal(&in, &out));
    }
}

/* msgpack-c reads what the tables write, writes it again in its own shortest forms, and the tables read that. */
static void
msgpack_c_agrees(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 2000; i++) {
        struct sample_all in, out;
        size_t length = encode_random(&in, &seed), at = 0, scanned;
        msgpack_unpacked read;
        msgpack_unpacked_init(&read);
        assert_int_equal(msgpack_unpack_next(&read, (const char *)encoded, length, &at), MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(at, length);
        assert_int_equal(read.data.type, MSGPACK_OBJECT_ARRAY);
        const msgpack_object_array *fields = &read.data.via.array;
        assert_int_equal(fields->size, layout->count);
        assert_int_equal(fields->ptr[2].via.u64, in.big);
        assert_int_equal(fields->ptr[3].via.i64, in.money);
        assert_int_equal(fields->ptr[5].via.str.size, in.name.length);
        assert_int_equal(fields->ptr[14].via.array.size, in.parts.count);
        assert_int_equal(fields->ptr[9].type, in.has_maybe ? MSGPACK_OBJECT_POSITIVE_INTEGER : MSGPACK_OBJECT_NIL);
        msgpack_sbuffer short_form;
        msgpack_sbuffer_init(&short_form);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &short_form, msgpack_sbuffer_write);
        msgpack_pack_object(&packer, read.data);
        assert_true(short_form.size <= length);
        assert_int_equal(souk_scan((struct souk_bytes){ short_form.data, short_form.size }, OBJECTS_MAX, &scanned),
                         SOUK_OK);
        assert_true(decode(short_form.data, short_form.size, &out));
        assert_true(sample_equal(&in, &out));
        msgpack_sbuffer_destroy(&short_form);
        msgpack_unpacked_destroy(&read);
    }
}

/* A copy that ends where its memory ends, so that AddressSanitizer sees a byte too many being read. */
static void
try_all(const uint8_t *at, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);
    struct sample_all out;
    size_t scanned, wanted;
    memcpy(copy, at, length);
    souk_err err = souk_scan((struct souk_bytes){ copy, length }, OBJECTS_MAX, &scanned);
    if (!err) assert_true(scanned <= length);
    bool good = length && decode(copy, length, &out);
    souk_err dumped = souk_dump(layout, (struct souk_bytes){ copy, length }, text, sizeof text, &wanted);
    if (good && dumped) assert_int_equal(dumped, SOUK_ERR_TOO_LARGE);
    if (!err) assert_int_not_equal(souk_dump(NULL, (struct souk_bytes){ copy, length }, text, sizeof text, &wanted),
                                   SOUK_ERR_MALFORMED);
    free(copy);
}

static void
damage_is_noticed_or_harmless(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 60; i++) {
        struct sample_all m;
        size_t length = encode_random(&m, &seed), scanned;
        for (size_t cut = 0; cut < length; cut++) {
            assert_int_equal(souk_scan((struct souk_bytes){ encoded, cut }, OBJECTS_MAX, &scanned), SOUK_ERR_MALFORMED);
            if (i < 10) try_all(encoded, cut);
        }
        for (int flips = 0; flips < 500; flips++) {
            size_t at = sample_random(&seed) % length;
            uint8_t was = encoded[at];
            encoded[at] ^= (uint8_t)(1 + sample_random(&seed) % 255);
            try_all(encoded, length);
            encoded[at] = was;
        }
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[64];
        size_t length = sample_random(&seed) % sizeof noise;
        for (size_t j = 0; j < length; j++) noise[j] = (uint8_t)sample_random(&seed);
        try_all(noise, length);
    }
}

/* Whatever msgpack-c takes the scan takes, but for its own rules; and what the scan takes msgpack-c takes. */
static void
the_scan_agrees_with_msgpack_c(void **state)
{
    (void)state;
    uint64_t seed = 4;
    unsigned both = 0;
    for (int i = 0; i < 30000; i++) {
        uint8_t noise[24];
        size_t length = 1 + sample_random(&seed) % sizeof noise, at = 0, scanned;
        for (size_t j = 0; j < length; j++) {
            static const uint8_t heads[] = { 0x91, 0x92, 0x81, 0xa1, 0xc4, 0xcc, 0xd9, 0xdc, 0xd4, 0xc7, 0xca, 0x93 };
            uint64_t r = sample_random(&seed);
            noise[j] = r & 1 ? heads[(r >> 8) % sizeof heads] : (uint8_t)(r >> 8 & 0x0f);
        }
        souk_err err = souk_scan((struct souk_bytes){ noise, length }, OBJECTS_MAX, &scanned);
        if (err == SOUK_ERR_TOO_LARGE) continue;
        msgpack_unpacked read;
        msgpack_unpacked_init(&read);
        msgpack_unpack_return got = msgpack_unpack_next(&read, (const char *)noise, length, &at);
        if (!err) {
            assert_int_equal(got, MSGPACK_UNPACK_SUCCESS);
            assert_int_equal(at, scanned);
            both++;
        }
        msgpack_unpacked_destroy(&read);
    }
    assert_true(both > 3000);
}

static void
bombs_cost_nothing(void **state)
{
    (void)state;
    static const struct { const char *at; size_t length; souk_err err; } cases[] = {
        { "", 0, SOUK_ERR_MALFORMED },
        { "\xdd\x10\x00\x00\x00", 5, SOUK_ERR_MALFORMED },
        { "\xdf\xff\xff\xff\xff", 5, SOUK_ERR_MALFORMED },
        { "\xc6\xff\xff\xff\xff", 5, SOUK_ERR_MALFORMED },
        { "\xdb\xff\xff\xff\xff", 5, SOUK_ERR_MALFORMED },
        { "\xc9\xff\xff\xff\xff\x01", 6, SOUK_ERR_MALFORMED },
        { "\x92\x92\x92\x92\x01", 5, SOUK_ERR_MALFORMED },
        { "\xc1", 1, SOUK_ERR_MALFORMED },
        { "\x82\xa1" "a\x01\xa1" "a\x02", 7, SOUK_ERR_MALFORMED },        /* one key twice */
        { "\x82\xa1" "a\x01\xd9\x01" "a\x02", 8, SOUK_ERR_MALFORMED },    /* in another form */
        { "\x81\x01\x02", 3, SOUK_ERR_MALFORMED },                        /* a key that is no text */
        { "\x81\x90\x02", 3, SOUK_ERR_MALFORMED },
        { "\xa2\xc0\x80", 3, SOUK_ERR_MALFORMED },                        /* overlong */
        { "\xa3\xed\xa0\x80", 4, SOUK_ERR_MALFORMED },                    /* a surrogate */
        { "\xa4\xf4\x90\x80\x80", 5, SOUK_ERR_MALFORMED },
        { "\xa4\xf0\x9f\x98\x80", 5, SOUK_OK },
        { "\x82\xa1" "a\x01\xa1" "b\x02", 7, SOUK_OK },
        { "\xde\x00\x00", 3, SOUK_OK },
    };
    size_t length;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(souk_scan((struct souk_bytes){ cases[i].at, cases[i].length }, OBJECTS_MAX, &length),
                         cases[i].err);
    uint8_t many[5000];
    memset(many, 0x91, 16);
    many[16] = 0xc0;
    assert_int_equal(souk_scan((struct souk_bytes){ many, 17 }, OBJECTS_MAX, &length), SOUK_OK);
    many[16] = 0x91;
    many[17] = 0xc0;
    assert_int_equal(souk_scan((struct souk_bytes){ many, 18 }, OBJECTS_MAX, &length), SOUK_ERR_TOO_LARGE);
    memset(many, 0xc0, sizeof many);
    memcpy(many, "\xdc\x10\x00", 3);
    assert_int_equal(souk_scan((struct souk_bytes){ many, sizeof many }, OBJECTS_MAX, &length), SOUK_ERR_TOO_LARGE);
    assert_int_equal(souk_scan((struct souk_bytes){ many, sizeof many }, OBJECTS_MAX + 1, &length), SOUK_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(msgpack_c_agrees),
        cmocka_unit_test(damage_is_noticed_or_harmless),
        cmocka_unit_test(the_scan_agrees_with_msgpack_c),
        cmocka_unit_test(bombs_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
