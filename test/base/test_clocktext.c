/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_clocktext.c -- RFC 3339 both ways, against the C library's calendar, and what it must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clocktext.h"

#include <string.h>
#include <time.h>

static void
moments_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1985-04-12T23:20:50.52Z", UINT64_C(482196050520) }, /* this and the next two: the RFC's examples */
        { "1996-12-19T16:39:57-08:00", UINT64_C(851042397000) },
        { "1990-12-31T15:59:60-08:00", UINT64_C(662688000000) },
        { "2024-02-29t12:00:00z", UINT64_C(1709208000000) },
        { "2026-11-27T10:00:00.2509999+01:00", UINT64_C(1795770000250) },
        { "1969-12-31T23:59:59-00:01", 59000 },
        { "9999-12-31T23:59:59.999Z", UINT64_C(253402300799999) },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ms = 1;
        assert_int_equal(souk_clock_parse(souk_text_of(rows[i].text), &ms), SOUK_OK);
        if (ms != rows[i].ms)
            fail_msg("%s was read as %llu", rows[i].text, (unsigned long long)ms);
    }
}

static void
all_else_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "2026", "2026-11-27", "2026-11-27T09:00:00", "2026-11-27 09:00:00Z", "2026-11-27T09:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-27T24:00:00Z", "2026-11-27T09:60:00Z",
        "2026-11-27T09:00:61Z", "2026-11-27T09:00:60Z", "2026-11-27T09:00:00.Z", "2026-11-27T09:00:00,5Z",
        "2026-11-27T09:00:00+1:00", "2026-11-27T09:00:00+0100", "2026-11-27T09:00:00+24:00",
        "2026-11-27T09:00:00+01:60",
        "2026-11-27T09:00:00Z ", " 2026-11-27T09:00:00Z", "2026-11-27T09:00:00ZZ", "+2026-11-27T09:00:00Z",
        "-026-11-27T09:00:00Z", "2026-1-27T09:00:00Z", "26-11-27T09:00:00Z", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-27T09:00:00\xe2\x80\x8bZ",
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ms;
        if (souk_clock_parse(souk_text_of(rows[i]), &ms) != SOUK_ERR_MALFORMED)
            fail_msg("%s was accepted", rows[i]);
    }
    const char zero[] = "2026-11-27T09:00:00Z";
    uint64_t ms;
    assert_int_equal(souk_clock_parse((struct souk_text){ zero, sizeof zero }, &ms), SOUK_ERR_MALFORMED);
    assert_int_equal(souk_clock_parse((struct souk_text){ NULL, 0 }, &ms), SOUK_ERR_MALFORMED);
}

static void
every_day_goes_both_ways(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 2932897; day += 11) {
        uint64_t ms = day * 86400000 + (day * 7919) % 86400000, read = 0;
        char text[SOUK_CLOCK_TEXT_BYTES], libc[32];
        struct souk_text written = souk_clock_format(ms, text);
        assert_int_equal(written.length, strlen(text));
        assert_int_equal(souk_clock_parse(written, &read), SOUK_OK);
        assert_true(read == ms);

        time_t seconds = (time_t)(ms / 1000);
        struct tm parts;
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_int_equal(strftime(libc, sizeof libc, "%Y-%m-%dT%H:%M:%S", &parts), 19);
        assert_memory_equal(libc, text, 19);
    }
    char text[SOUK_CLOCK_TEXT_BYTES];
    souk_clock_format(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_read),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(every_day_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
