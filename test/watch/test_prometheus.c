/* SPDX-License-Identifier: Apache-2.0 */
/* The text format, byte for byte. (Whether promtool likes a whole node's page: test/souk/test_metrics.py.) */
#include "watch/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
is(struct souk_prometheus *page, const char *expected)
{
    struct souk_text text;
    assert_int_equal(souk_prometheus_done(page, &text), SOUK_OK);
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.at, expected, text.length);
    souk_prometheus_reset(page);
}

static void
families(void **state)
{
    (void)state;
    struct souk_prometheus page = { 0 };
    is(&page, "");
    souk_prometheus_one(&page, "a_total", SOUK_PROMETHEUS_COUNTER, "How many a.", UINT64_MAX);
    is(&page, "# HELP a_total How many a.\n# TYPE a_total counter\na_total 18446744073709551615\n");
    souk_prometheus_family(&page, "b_seconds", SOUK_PROMETHEUS_GAUGE, "How long b.");
    souk_prometheus_real(&page, "of=\"x\"", 0.25);
    souk_prometheus_real(&page, "of=\"y\"", 1795236440.125);
    is(&page, "# HELP b_seconds How long b.\n# TYPE b_seconds gauge\nb_seconds{of=\"x\"} 0.25\n"
              "b_seconds{of=\"y\"} 1795236440.125\n");
    souk_prometheus_fini(&page);
}

static void
histogram(void **state)
{
    (void)state;
    struct souk_prometheus page = { 0 };
    struct souk_histogram *ns = calloc(1, sizeof *ns);
    assert_non_null(ns);
    souk_histogram_record_times(ns, 1000, 3);
    souk_histogram_record(ns, 2000000000);
    souk_histogram_record(ns, UINT64_C(60000000000));
    souk_prometheus_family(&page, "c_seconds", SOUK_PROMETHEUS_HISTOGRAM, "How long c.");
    souk_prometheus_seconds(&page, "of=\"x\"", ns);
    struct souk_text text;
    assert_int_equal(souk_prometheus_done(&page, &text), SOUK_OK);
    char *copy = strndup(text.at, text.length);
    assert_non_null(strstr(copy, "c_seconds_bucket{of=\"x\",le=\"5e-05\"} 3\n"));
    assert_non_null(strstr(copy, "c_seconds_bucket{of=\"x\",le=\"1\"} 3\n"));
    assert_non_null(strstr(copy, "c_seconds_bucket{of=\"x\",le=\"2.5\"} 4\n"));
    assert_non_null(strstr(copy, "c_seconds_bucket{of=\"x\",le=\"30\"} 4\n"));
    assert_non_null(strstr(copy, "c_seconds_bucket{of=\"x\",le=\"+Inf\"} 5\n"));
    assert_non_null(strstr(copy, "c_seconds_sum{of=\"x\"} 62.000003\n"));
    assert_non_null(strstr(copy, "c_seconds_count{of=\"x\"} 5\n"));
    free(copy);
    free(ns);
    souk_prometheus_fini(&page);
}

/* More than the first buffer holds. */
static void
grows(void **state)
{
    (void)state;
    struct souk_prometheus page = { 0 };
    struct souk_text text;
    for (unsigned i = 0; i < 2000; i++) souk_prometheus_one(&page, "d", SOUK_PROMETHEUS_GAUGE, "D.", i);
    assert_int_equal(souk_prometheus_done(&page, &text), SOUK_OK);
    assert_true(text.length > 2000 * strlen("# HELP d D.\n# TYPE d gauge\nd 0\n"));
    assert_memory_equal(text.at + text.length - 7, "d 1999\n", 7);
    souk_prometheus_fini(&page);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families), cmocka_unit_test(histogram), cmocka_unit_test(grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
