/* SPDX-License-Identifier: Apache-2.0 */
/* test_json.c -- what the JSON reader takes and refuses, and that what the writer writes is well-formed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/json.h"
#include "gateway/problem.h"

static bool
visible(struct souk_text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f)
            return false;
    return true;
}

enum { SKU, UNITS, AMOUNT, CURRENCY, LIVE, FIELDS };
static const struct souk_json_field fields[FIELDS] = {
    [SKU] = SOUK_JSON_FIELD("sku", SOUK_JSON_TEXT, true, 1, 64, NULL),
    [UNITS] = SOUK_JSON_FIELD("units", SOUK_JSON_INTEGER, true, 1, INT32_MAX, NULL),
    [AMOUNT] = SOUK_JSON_FIELD("price.amount", SOUK_JSON_INTEGER, false, INT64_MIN, INT64_MAX, NULL),
    [CURRENCY] = SOUK_JSON_FIELD("price.currency", SOUK_JSON_TEXT, false, 3, 3, visible),
    [LIVE] = SOUK_JSON_FIELD("live", SOUK_JSON_BOOLEAN, false, 0, 0, NULL),
};

static souk_json_reader *reader;
static struct souk_json_value values[FIELDS];
static struct souk_json_fault fault;

static souk_err
read_bytes(const char *at, size_t length, enum souk_json_mode mode)
{
    char *exact = malloc(length + 1); /* So that the address sanitizer sees a read beyond its end. */
    static char kept[1 << 17];
    assert_non_null(exact);
    memcpy(exact, at, length);
    char *tight = realloc(exact, length == 0 ? 1 : length);
    assert_non_null(tight);
    souk_err err = souk_json_read(reader, (struct souk_text){ tight, length }, mode, fields, FIELDS, values, &fault);
    /* The values borrow from the body; keep them readable after it. */
    for (int i = 0; i < FIELDS; i++)
        if (values[i].present && fields[i].type == SOUK_JSON_TEXT) {
            char *to = kept + 4096 * i;
            memcpy(to, values[i].text.at, values[i].text.length);
            values[i].text.at = to;
        }
    free(tight);
    return err;
}

struct sample {
    const char *body, *field;
    souk_err err;
};

static void
check_samples(const struct sample *samples, size_t count, enum souk_json_mode mode)
{
    for (size_t i = 0; i < count; i++) {
        souk_err err = read_bytes(samples[i].body, strlen(samples[i].body), mode);
        if (err != samples[i].err)
            print_error("%s: %s (%s)\n", samples[i].body, souk_err_text(err), fault.why);
        assert_int_equal(err, samples[i].err);
        if (samples[i].field != NULL) {
            assert_int_equal(fault.field_length, strlen(samples[i].field));
            assert_memory_equal(fault.field, samples[i].field, fault.field_length);
        }
        assert_true(err == SOUK_OK || fault.why[0] != 0);
    }
}

#define OK       SOUK_OK
#define BAD      SOUK_ERR_MALFORMED
#define FIELD    SOUK_ERR_USAGE
#define U(units) "{\"sku\":\"a\",\"units\":" units "}"
#define S(sku)   "{\"sku\":" sku ",\"units\":1}"

static void
test_table(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        { U("1"), NULL, OK },
        { U("2147483647"), NULL, OK },
        { " {\"units\" : 1 ,\n\"sku\":\"a\"}\r\n", NULL, OK },
        { "{\"sku\":\"a\",\"units\":1,\"price\":{\"amount\":-5,\"currency\":\"EUR\"},\"live\":true}", NULL, OK },
        { U("-1"), "units", FIELD },
        { U("0"), "units", FIELD },
        { U("2147483648"), "units", FIELD },
        { U("9223372036854775807"), "units", FIELD },
        { U("9223372036854775808"), "units", FIELD },
        { U("-9223372036854775808"), "units", FIELD },
        { U("-9223372036854775809"), "units", FIELD },
        { U("18446744073709551616"), "units", FIELD },
        { U("99999999999999999999999999999999"), "units", FIELD },
        { U("1.5"), "units", FIELD },
        { U("1.0"), "units", FIELD },
        { U("1e2"), "units", FIELD },
        { U("1E0"), "units", FIELD },
        { U("\"1\""), "units", FIELD },
        { U("true"), "units", FIELD },
        { U("null"), "units", FIELD },
        { U("[1]"), "units", FIELD },
        { U("{}"), "units", FIELD },
        { U("-0"), "units", FIELD },
        { U("01"), NULL, BAD },
        { U("+1"), NULL, BAD },
        { U("0x1"), NULL, BAD },
        { U("1."), NULL, BAD },
        { U(".5"), NULL, BAD },
        { U("-"), NULL, BAD },
        { U("NaN"), NULL, BAD },
        { U("Infinity"), NULL, BAD },
        { S("1"), "sku", FIELD },
        { S("\"\""), "sku", FIELD },
        { S("null"), "sku", FIELD },
        { S("\"a\\u0000b\""), "sku", FIELD },
        { S("\"\\ud83d\\ude00\""), NULL, OK },
        { S("\"\xf0\x9f\x98\x80\""), NULL, OK },
        { S("\"\\ud83d\""), NULL, BAD },
        { S("\"\\ude00\""), NULL, BAD },
        { S("\"\\ud83d\\u0041\""), NULL, BAD },
        { S("\"\\ud83dx\""), NULL, BAD },
        { S("\"\\u12\""), NULL, BAD },
        { S("\"\\u12g4\""), NULL, BAD },
        { S("\"\\x41\""), NULL, BAD },
        { S("\"\x80\""), NULL, BAD },
        { S("\"\xc0\xaf\""), NULL, BAD },
        { S("\"\xed\xa0\x80\""), NULL, BAD },
        { S("\"\xf4\x90\x80\x80\""), NULL, BAD },
        { S("\"\xe2\x82\""), NULL, BAD },
        { S("\"\xff\""), NULL, BAD },
        { S("\"a\nb\""), NULL, BAD },
        { S("\"\x01\""), NULL, BAD },
        { S("'a'"), NULL, BAD },
        { "{\"sku\":\"a\",\"sku\":\"a\",\"units\":1}", NULL, BAD },
        { "{\"sku\":\"a\",\"s\\u006bu\":\"b\",\"units\":1}", NULL, BAD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":{\"amount\":1},\"price\":{\"currency\":\"EUR\"}}", NULL, BAD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":{\"amount\":1,\"amount\":1}}", NULL, BAD },
        { "{\"units\":1}", "sku", FIELD },
        { "{}", "sku", FIELD },
        { "{\"sku\":\"a\"}", "units", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"colour\":1}", "colour", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":{\"x\":{\"amount\":1}}}", "price.x", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":5}", "price", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":[]}", "price", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"price.amount\":5}", "price.amount", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":{\"currency\":\"EURO\"}}", "price.currency", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"price\":{\"currency\":\"E R\"}}", "price.currency", FIELD },
        { "{\"sku\":\"a\",\"units\":1,\"live\":0}", "live", FIELD },
        { "", NULL, BAD },
        { " ", NULL, BAD },
        { "null", NULL, BAD },
        { "1", NULL, BAD },
        { "\"a\"", NULL, BAD },
        { "[]", NULL, BAD },
        { "{", NULL, BAD },
        { "{\"sku\":\"a\",\"units\":1", NULL, BAD },
        { U("1") "x", NULL, BAD },
        { U("1") U("1"), NULL, BAD },
        { U("1") " \"never closed", NULL, BAD },
        { U("1") "\"", NULL, BAD },
        { "{\"sku\":\"a\",\v\"units\":1}", NULL, BAD },
        { "{\"sku\":\"a\",\"units\":1}\f", NULL, BAD },
        { "{\"sku\":\"a\",\"units\":1,}", NULL, BAD },
        { "{\"sku\":\"a\" \"units\":1}", NULL, BAD },
        { "{sku:\"a\"}", NULL, BAD },
        { "\xef\xbb\xbf" U("1"), NULL, BAD },
        { "/**/" U("1"), NULL, BAD },
        { "{\"colour\":1,\"sku\":", NULL, BAD },
        { "{\"sku\\", NULL, BAD },
    };
    check_samples(samples, sizeof samples / sizeof *samples, SOUK_JSON_STRICT);
}

static void
test_values(void **state)
{
    (void)state;
    static const char body[] = "{\"sku\":\"a\\u00e4\\n\",\"units\":7,\"price\":{\"amount\":-9223372036854775808,"
                               "\"currency\":\"\\u0045UR\"},\"live\":true}";
    assert_int_equal(read_bytes(body, sizeof body - 1, SOUK_JSON_STRICT), SOUK_OK);
    assert_int_equal(values[SKU].text.length, 4);
    assert_memory_equal(values[SKU].text.at, "a\xc3\xa4\n", 4);
    assert_memory_equal(values[CURRENCY].text.at, "EUR", 3);
    assert_int_equal(values[UNITS].integer, 7);
    assert_true(values[AMOUNT].integer == INT64_MIN);
    assert_true(values[LIVE].boolean);
    assert_int_equal(read_bytes(U("3"), strlen(U("3")), SOUK_JSON_STRICT), SOUK_OK);
    assert_false(values[AMOUNT].present);
    assert_int_equal(values[UNITS].integer, 3);
}

static void
test_open_mode(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        { "{\"x\":{\"sku\":1,\"y\":[1.5,{\"units\":\"q\"}]},\"sku\":\"a\",\"units\":1,\"live\":null,\"z\":1e9}", NULL,
          OK },
        { "{\"sku\":\"a\",\"units\":1,\"price\":null}", NULL, OK },
        { "{\"sku\":null,\"units\":1}", "sku", FIELD },
        { "{\"sku\":\"a\",\"sku\":\"b\",\"units\":1}", NULL, BAD },
        { "{\"sku\":\"a\",\"units\":1.5}", "units", FIELD },
    };
    check_samples(samples, sizeof samples / sizeof *samples, SOUK_JSON_OPEN);
}

static void
test_bombs(void **state)
{
    (void)state;
    enum { BYTES = 64 * 1024 };
    char *body = malloc(BYTES);
    assert_non_null(body);
    for (int kind = 0; kind < 2; kind++) {
        memset(body, kind == 0 ? '[' : '{', BYTES);
        assert_int_equal(read_bytes(body, BYTES, SOUK_JSON_OPEN), BAD);
    }
    size_t length = 0;
    while (length < BYTES - 8)
        length += (size_t)snprintf(body + length, 8, "{\"a\":");
    assert_int_equal(read_bytes(body, length, SOUK_JSON_OPEN), BAD);
    /* Depth 16 is allowed, 17 is not. */
    for (int depth = 16; depth <= 17; depth++) {
        strcpy(body, "{\"sku\":\"a\",\"units\":1,\"x\":");
        for (int i = 1; i < depth; i++)
            strcat(body, "[");
        for (int i = 1; i < depth; i++)
            strcat(body, "]");
        strcat(body, "}");
        assert_int_equal(read_bytes(body, strlen(body), SOUK_JSON_OPEN), depth == 16 ? OK : BAD);
    }
    /* A text of escapes only, as long as a body can be; and a zero byte anywhere. */
    length = (size_t)sprintf(body, "{\"sku\":\"");
    while (length < BYTES - 16)
        length += (size_t)sprintf(body + length, "\\u00e4");
    length += (size_t)sprintf(body + length, "\"}");
    assert_int_equal(read_bytes(body, length, SOUK_JSON_STRICT), FIELD);
    static const char zero[] = "{\"sku\":\"a\0b\",\"units\":1}", after[] = "{\"sku\":\"a\",\"units\":1}\0";
    assert_int_equal(read_bytes(zero, sizeof zero - 1, SOUK_JSON_STRICT), BAD);
    assert_int_equal(read_bytes(after, sizeof after - 1, SOUK_JSON_STRICT), BAD);
    /* A key longer than any field, cut between characters. */
    length = (size_t)sprintf(body, "{\"");
    for (int i = 0; i < 200; i++)
        length += (size_t)sprintf(body + length, "\xc3\xa4");
    length += (size_t)sprintf(body + length, "\":1}");
    assert_int_equal(read_bytes(body, length, SOUK_JSON_STRICT), FIELD);
    assert_true(souk_json_utf8((struct souk_text){ fault.field, fault.field_length }));
    free(body);
}

/* Every prefix, and every byte of a good body replaced by every other: no crash, and prefixes are all malformed. */
static void
test_mutations(void **state)
{
    (void)state;
    static const char good[] = "{\"sku\":\"a\\u00e4\\ud83d\\ude00\",\"units\":12,"
                               "\"price\":{\"amount\":-1,\"currency\":\"EUR\"}}";
    for (size_t length = 0; length + 1 < sizeof good; length++)
        assert_int_equal(read_bytes(good, length, SOUK_JSON_STRICT), BAD);
    char copy[sizeof good];
    for (size_t i = 0; i + 1 < sizeof good; i++)
        for (int c = 0; c < 256; c++) {
            memcpy(copy, good, sizeof good);
            copy[i] = (char)c;
            (void)!read_bytes(copy, sizeof good - 1, c & 1 ? SOUK_JSON_STRICT : SOUK_JSON_OPEN);
        }
}

static void
expect_written(souk_json_writer *writer, const char *expected)
{
    struct souk_text text;
    assert_int_equal(souk_json_done(writer, &text), SOUK_OK);
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.at, expected, text.length);
}

static void
write_all(souk_json_writer *writer)
{
    souk_json_object_open(writer);
    souk_json_put_text(writer, "t", SOUK_TEXT("a\"\\\n\x01\xc3\xa4\xff\xe2\x82"));
    souk_json_key(writer, "list");
    souk_json_array_open(writer);
    souk_json_i64(writer, INT64_MIN);
    souk_json_u64(writer, UINT64_MAX);
    souk_json_object_open(writer);
    souk_json_object_close(writer);
    souk_json_null(writer);
    souk_json_decimal(writer, 1.5, 2);
    souk_json_array_close(writer);
    souk_json_put_bool(writer, "b", false);
    souk_json_put_i64(writer, "n", -7);
    souk_json_object_close(writer);
}

static const char all_written[] =
    "{\"t\":\"a\\\"\\\\\\n\\u0001\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"list\":[-9223372036854775808,"
    "18446744073709551615,{},null,1.50],\"b\":false,\"n\":-7}";

static void
test_writer(void **state)
{
    (void)state;
    souk_json_writer writer;
    souk_json_init_growing(&writer, 1 << 20);
    write_all(&writer);
    expect_written(&writer, all_written);
    souk_json_fini(&writer);
    char buffer[sizeof all_written];
    for (size_t capacity = 0; capacity < sizeof all_written; capacity++) {
        struct souk_text text;
        souk_json_init(&writer, buffer, capacity);
        write_all(&writer);
        souk_err err = souk_json_done(&writer, &text);
        assert_int_equal(err, capacity < sizeof all_written - 1 ? SOUK_ERR_TOO_LARGE : SOUK_OK);
    }
    expect_written(&writer, all_written);
}

static void
test_problem(void **state)
{
    (void)state;
    char buffer[512];
    souk_json_writer writer;
    souk_json_init(&writer, buffer, sizeof buffer);
    struct souk_problem_member members[] = { { "field", SOUK_TEXT("units"), 0 }, { "most", { NULL, 0 }, 7 } };
    souk_problem_write(&writer, SOUK_PROBLEM_INVALID_FIELD, SOUK_TEXT("It \"is\" wrong."), members, 2);
    expect_written(&writer, "{\"type\":\"urn:souk:problem:invalid-field\",\"title\":\"A field is not valid\","
                            "\"status\":422,"
                            "\"detail\":\"It \\\"is\\\" wrong.\",\"field\":\"units\",\"most\":7}");
    assert_int_equal(souk_problem_status(SOUK_PROBLEM_SOLD_OUT), 409);
    assert_string_equal(souk_problem_name(SOUK_PROBLEM_DISK_FULL), "disk-full");
    assert_true(souk_problem_retry_s(SOUK_PROBLEM_OVERLOADED) > 0);
    assert_int_equal(souk_problem_retry_s(SOUK_PROBLEM_CONFLICT), 0);
}

static int
set_up(void **state)
{
    (void)state;
    return (reader = souk_json_reader_open()) == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    souk_json_reader_close(&reader);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),   cmocka_unit_test(test_values),    cmocka_unit_test(test_open_mode),
        cmocka_unit_test(test_bombs),   cmocka_unit_test(test_mutations), cmocka_unit_test(test_writer),
        cmocka_unit_test(test_problem),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
