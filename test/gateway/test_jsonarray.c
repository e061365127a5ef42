/* SPDX-License-Identifier: Apache-2.0 */
/* test_jsonarray.c -- arrays: found by the reader as bytes, then taken apart element by element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/json.h"

static const struct souk_json_field fields[] = {
    SOUK_JSON_FIELD("list.data", SOUK_JSON_ARRAY, true, 0, 0, NULL),
    SOUK_JSON_FIELD("after", SOUK_JSON_INTEGER, false, 0, 9, NULL)
};
static struct souk_json_value values[2];
static struct souk_json_fault fault;
static char body[512];

static souk_err
read_body(souk_json_reader *reader, const char *array)
{
    snprintf(body, sizeof body, "{\"list\": {\"data\": %s, \"x\": [1]}, \"after\": 7}", array);
    return souk_json_read(reader, souk_text_of(body), SOUK_JSON_OPEN, fields, 2, values, &fault);
}

/* The elements, joined by '|'. */
static const char *
elements(struct souk_text array)
{
    static char joined[512];
    struct souk_text element;
    size_t length = 0;
    joined[0] = '\0';
    while (souk_json_next(&array, &element))
        length += (size_t)snprintf(joined + length, sizeof joined - length, "%.*s|", (int)element.length, element.at);
    assert_false(souk_json_next(&array, &element));
    return joined;
}

static void
arrays_are_taken_apart(void **state)
{
    static const struct { const char *array, *joined; } cases[] = {
        { "[]", "" }, { "[ ]", "" }, { "[1]", "1|" }, { "[ 1 , -2.5,3e4 ]", "1|-2.5|3e4|" },
        { "[\"a,]\\\"\", \"\"]", "\"a,]\\\"\"|\"\"|" }, { "[[1,[2]],[] ,[3]]", "[1,[2]]|[]|[3]|" },
        { "[{\"a\":[1,2],\"b\":\"}\"} ,\n{}]", "{\"a\":[1,2],\"b\":\"}\"}|{}|" }, { "[true,false, null]",
          "true|false|null|" }, { "[{\"a\":1,\"a\":2}]", "{\"a\":1,\"a\":2}|" }
    };
    souk_json_reader *reader = souk_json_reader_open();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_body(reader, cases[i].array), SOUK_OK);
        assert_true(values[0].present);
        assert_int_equal(values[0].text.length, strlen(cases[i].array));
        assert_memory_equal(values[0].text.at, cases[i].array, strlen(cases[i].array));
        assert_string_equal(elements(values[0].text), cases[i].joined);
        assert_int_equal(values[1].integer, 7);
    }
    souk_json_reader_close(&reader);
}

static void
what_is_no_array_is_refused(void **state)
{
    const char *const wrong[] = { "1", "\"x\"", "true", "{}" };
    souk_json_reader *reader = souk_json_reader_open();
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_body(reader, wrong[i]), SOUK_ERR_USAGE);
    assert_int_equal(read_body(reader, "[1"), SOUK_ERR_MALFORMED);
    assert_int_equal(read_body(reader, "[1], \"data\": [2]"), SOUK_ERR_MALFORMED);
    assert_int_equal(read_body(reader, "null"), SOUK_ERR_USAGE); /* Absent, but required. */
    assert_int_equal(read_body(reader, "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]"), SOUK_ERR_MALFORMED);
    souk_json_reader_close(&reader);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(arrays_are_taken_apart),
                                        cmocka_unit_test(what_is_no_array_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
