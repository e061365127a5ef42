/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_histogram.c -- quantiles to within 1 % of the exact ones, over all sizes; merging is adding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/histogram.h"

#include <stdlib.h>
#include <string.h>

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void
assert_close(uint64_t found, uint64_t exact)
{
    uint64_t off = found > exact ? found - exact : exact - found;
    if (off > exact / 100)
        fail_msg("%llu is not within 1 %% of %llu", (unsigned long long)found, (unsigned long long)exact);
}

static void
quantiles_are_close(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct souk_histogram *histogram = calloc(1, sizeof *histogram);
    uint64_t *values = calloc(COUNT, sizeof *values), sum = 0;
    assert_true(histogram && values);
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t random = souk_hash_mix(i + 1);
        values[i] = random >> (souk_hash_mix(random) % 64); /* every power of two alike */
        sum += values[i];
        souk_histogram_record(histogram, values[i]);
    }
    qsort(values, COUNT, sizeof *values, by_value);
    assert_true(souk_histogram_count(histogram) == COUNT);
    assert_true(souk_histogram_sum(histogram) == sum);
    assert_true(souk_histogram_max(histogram) == values[COUNT - 1]);
    const unsigned per_mille[] = { 0, 1, 10, 250, 500, 900, 990, 999 };
    for (unsigned i = 0; i < sizeof per_mille / sizeof *per_mille; i++) {
        unsigned rank = per_mille[i] * COUNT / 1000;
        assert_close(souk_histogram_quantile(histogram, per_mille[i] / 1000.0), values[rank ? rank - 1 : 0]);
    }
    assert_true(souk_histogram_quantile(histogram, 1) == values[COUNT - 1]);
    free(values);
    free(histogram);
}

static void
edges_have_buckets(void **state)
{
    (void)state;
    struct souk_histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    assert_true(souk_histogram_quantile(histogram, 0.5) == 0);
    assert_int_equal(souk_histogram_bucket(0), 0);
    assert_int_equal(souk_histogram_bucket(UINT64_MAX), SOUK_HISTOGRAM_BUCKETS - 1);
    unsigned last = 0;
    for (unsigned bit = 0; bit < 64; bit++)
        for (int off = -1; off <= 1; off++) {
            unsigned bucket = souk_histogram_bucket((UINT64_C(1) << bit) + (uint64_t)(int64_t)off);
            assert_true(bucket >= last || bit < 2);
            assert_true(bucket < SOUK_HISTOGRAM_BUCKETS);
            last = bucket;
        }
    for (uint64_t value = 0; value < 128; value++) {
        souk_histogram_clear(histogram);
        souk_histogram_record(histogram, value);
        assert_true(souk_histogram_quantile(histogram, 0.5) == value);
    }
    souk_histogram_clear(histogram);
    souk_histogram_record(histogram, UINT64_MAX);
    assert_close(souk_histogram_quantile(histogram, 0.5), UINT64_MAX);
    free(histogram);
}

static void
merging_is_adding(void **state)
{
    (void)state;
    struct souk_histogram *all = calloc(3, sizeof *all);
    assert_non_null(all);
    for (uint64_t i = 0; i < 1000; i++)
        souk_histogram_record(&all[i % 2], i * 1000);
    souk_histogram_record_times(&all[1], 5, 10);
    souk_histogram_merge(&all[2], &all[0]);
    souk_histogram_merge(&all[2], &all[1]);
    assert_true(souk_histogram_count(&all[2]) == 1010);
    assert_true(souk_histogram_sum(&all[2]) == UINT64_C(499500000) + 50);
    assert_true(souk_histogram_max(&all[2]) == 999000);
    assert_true(souk_histogram_count_to(&all[2], 100) == 11);
    free(all);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_close),
        cmocka_unit_test(edges_have_buckets),
        cmocka_unit_test(merging_is_adding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
