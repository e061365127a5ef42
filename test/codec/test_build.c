/* SPDX-License-Identifier: Apache-2.0 */
/* test_build.c -- bodies from maps and from words, and bodies as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>
#include <stdlib.h>

#include "codec/build.h"
#include "codec/dump.h"
#include "codec/scan.h"
#include "sample.h"

static uint8_t out[4096];
static char why[200], text[8192];
static size_t length;

static souk_err
words(const struct souk_layout *layout, size_t count, const char *const *at)
{
    *why = 0;
    return souk_build_from_words(layout, at, count, out, sizeof out, &length, why, sizeof why);
}

#define WORDS(...) \
    words(souk_layout_of_sample_plain, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
          (const char *[]){ __VA_ARGS__ })
#define SKU "000102030405060708090a0b0c0d0e0f"
#define PART "part.sku=" SKU, "part.units=7"

static void
words_become_a_body(void **state)
{
    (void)state;
    assert_int_equal(WORDS("yes=true", "small=4294967295", "money=-9223372036854775808", "name=a=b \"c\"",
                           "numbers=1,2,3",
                           PART, "blob=00ff", "parts.0.sku=" SKU, "parts.0.units=1", "parts.0.note=x"), SOUK_OK);
    size_t scanned, dumped;
    assert_int_equal(souk_scan((struct souk_bytes){ out, length }, 100, &scanned), SOUK_OK);
    assert_int_equal(scanned, length);
    assert_int_equal(souk_dump(souk_layout_of_sample_plain, (struct souk_bytes){ out, length }, text, sizeof text,
                               &dumped),
                     SOUK_OK);
    assert_int_equal(strlen(text), dumped);
    assert_string_equal(text,
                        "{\"yes\":true,\"small\":4294967295,\"money\":-9223372036854775808,\"name\":\"a=b \\\"c\\\"\","
                        "\"id\":null,\"blob\":\"00ff\",\"numbers\":[1,2,3],\"parts\":[{\"sku\":\"" SKU "\",\"units\":1,"
                        "\"note\":\"x\"}],\"part\":{\"sku\":\"" SKU "\",\"units\":7,\"note\":null}}");
    char small[16];
    size_t wanted;
    assert_int_equal(souk_dump(souk_layout_of_sample_plain, (struct souk_bytes){ out, length }, small, sizeof small,
                               &wanted),
                     SOUK_ERR_TOO_LARGE);
    assert_int_equal(wanted, dumped);
    assert_int_equal(souk_dump(NULL, (struct souk_bytes){ out, length }, text, sizeof text, &dumped), SOUK_OK);
    assert_string_equal(text, "[true,4294967295,-9223372036854775808,\"a=b \\\"c\\\"\",null,\"00ff\",[1,2,3],[[\"" SKU
                        "\",1,\"x\"]],[\"" SKU "\",7,null]]");
}

static void
wrong_words_are_named(void **state)
{
    (void)state;
#define GOOD "yes=true", "small=1", "money=1", "name=n", PART
    static const struct { const char *word, *says; } cases[] = {
        { "small2=1", "small2" }, { "id=12", "32 hex" }, { "id=0001020304050607080g0a0b0c0d0e0f", "hexadecimal" },
        { "blob=abc", "even" }, { "numbers=1,x", "numbers.1" }, { "numbers=1,2,3,4", "at most 3" },
        { "name=twice", "twice" },
        { "parts.1.sku=" SKU, "parts.1" }, { "parts.0.units=1", "parts.0.sku" }, { "numbers=", "" },
        { "numbers=-1", "numbers" },
        { "numbers=4294967296", "too large" }, { "yes", "yes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        souk_err err = WORDS(GOOD, cases[i].word);
        assert_int_equal(err, cases[i].says[0] ? SOUK_ERR_MALFORMED : SOUK_OK);
        if (!strstr(why, cases[i].says)) print_error("%s: %s\n", cases[i].word, why);
        assert_non_null(strstr(why, cases[i].says));
    }
    assert_int_equal(WORDS("yes=maybe", "small=1", "money=1", "name=n", PART), SOUK_ERR_MALFORMED);
    assert_int_equal(WORDS("yes=true", "small=1", "money=9223372036854775808", "name=n", PART), SOUK_ERR_MALFORMED);
    assert_int_equal(WORDS("yes=true", "small=1.5", "money=1", "name=n", PART), SOUK_ERR_MALFORMED);
    assert_int_equal(WORDS("yes=true", "small=", "money=1", "name=n", PART), SOUK_ERR_MALFORMED);
    assert_int_equal(WORDS("yes=true", "small=1", "money=1", "name=\xff", PART), SOUK_ERR_MALFORMED);
    assert_int_equal(WORDS("small=1"), SOUK_ERR_MALFORMED);
    assert_non_null(strstr(why, "yes"));
    assert_int_equal(words(souk_layout_of_sample_all, 1, (const char *[]){ "yes=true" }), SOUK_ERR_MALFORMED);
    assert_int_equal(souk_build_from_words(souk_layout_of_sample_plain, (const char *[]){ GOOD }, 6, out, 10, &length,
                                           NULL, 0),
                     SOUK_ERR_TOO_LARGE);
}

/* ---- Maps. ---- */

static void
pack_text(msgpack_packer *packer, const char *name)
{
    msgpack_pack_str(packer, strlen(name));
    msgpack_pack_str_body(packer, name, strlen(name));
}

/* The same object with maps for records, its keys in reverse order; absent fields are left out. */
static void
pack_as_map(msgpack_packer *packer, const struct souk_layout *layout, const msgpack_object *record)
{
    const struct souk_field *fields = layout->fields();
    const msgpack_object *values = record->via.array.ptr;
    size_t there = 0;
    for (uint32_t i = 0; i < layout->count; i++) there += values[i].type != MSGPACK_OBJECT_NIL;
    msgpack_pack_map(packer, there);
    for (uint32_t i = layout->count; i-- > 0;) {
        if (values[i].type == MSGPACK_OBJECT_NIL) continue;
        pack_text(packer, fields[i].name);
        if (fields[i].type != SOUK_REC) {
            msgpack_pack_object(packer, values[i]);
        } else if (fields[i].shape != SOUK_LIST) {
            pack_as_map(packer, fields[i].record, &values[i]);
        } else {
            msgpack_pack_array(packer, values[i].via.array.size);
            for (uint32_t j = 0; j < values[i].via.array.size; j++)
                pack_as_map(packer, fields[i].record, &values[i].via.array.ptr[j]);
        }
    }
}

static void
maps_become_bodies(void **state)
{
    (void)state;
    static uint8_t memory[64 << 10], scratch[64 << 10], encoded[64 << 10], built[64 << 10];
    const struct souk_layout *layout = souk_layout_of_sample_all;
    uint64_t seed = 5;
    for (int i = 0; i < 1000; i++) {
        struct sample_all in, got;
        sample_fill(&in, &seed, memory);
        size_t size = layout->encoded(&in), at = 0, scanned;
        layout->put(encoded, &in);
        msgpack_unpacked read;
        msgpack_unpacked_init(&read);
        assert_int_equal(msgpack_unpack_next(&read, (const char *)encoded, size, &at), MSGPACK_UNPACK_SUCCESS);
        msgpack_sbuffer map;
        msgpack_sbuffer_init(&map);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &map, msgpack_sbuffer_write);
        pack_as_map(&packer, layout, &read.data);
        struct souk_bytes bytes = { map.data, map.size };
        assert_int_equal(souk_scan(bytes, 10000, &scanned), SOUK_OK);
        assert_int_equal(souk_build_from_map(layout, bytes, built, sizeof built, &length, why, sizeof why), SOUK_OK);
        struct souk_scratch room = { scratch, scratch + sizeof scratch };
        struct souk_reader reader = { .at = built, .end = built + length, .scratch = &room };
        assert_true(layout->get(&reader, &got));
        assert_true(sample_equal(&in, &got));
        assert_int_equal(souk_build_from_map(layout, bytes, built, length - 1, &length, NULL, 0), SOUK_ERR_TOO_LARGE);
        msgpack_sbuffer_destroy(&map);
        msgpack_unpacked_destroy(&read);
    }
}

static void
wrong_maps_are_named(void **state)
{
    (void)state;
    static const struct { const char *at; size_t size; const char *says; } cases[] = {
        { "\x80", 1, "sku" }, { "\x81\xa3sku\x01", 6, "units" },
        { "\x83\xa3sku\x01\xa5units\x01\xa3odd\x01", 18, "odd" },
        { "\x90", 1, "map" }, { "\x82\xa3sku\x01\xa5units\x01", 13, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct souk_bytes map = { cases[i].at, cases[i].size };
        souk_err err = souk_build_from_map(souk_layout_of_sample_part, map, out, sizeof out, &length, why, sizeof why);
        assert_int_equal(err, cases[i].says ? SOUK_ERR_MALFORMED : SOUK_OK);
        if (cases[i].says) assert_non_null(strstr(why, cases[i].says));
    }
}

static void
any_msgpack_is_shown(void **state)
{
    (void)state;
    static const char all[] = "\x9b\xc0\xc2\x7f\xff\xcd\x01\x00\xd1\xff\x00\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"
                              "\xca\x7f\x80\x00\x00\xa4" "a\n\x01\"\xd4\x05\x01\x82\xa1" "a\x90\xa1" "b\x80";
    size_t dumped;
    assert_int_equal(souk_dump(NULL, (struct souk_bytes){ all, sizeof all - 1 }, text, sizeof text, &dumped), SOUK_OK);
    assert_string_equal(text,
                        "[null,false,127,-1,256,-256,1.5,null,\"a\\n\\u0001\\\"\",\"d40501\",{\"a\":[],\"b\":{}}]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_a_body),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(maps_become_bodies),
        cmocka_unit_test(wrong_maps_are_named),
        cmocka_unit_test(any_msgpack_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
