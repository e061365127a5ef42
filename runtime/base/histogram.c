/* SPDX-License-Identifier: Apache-2.0 */
/* base/histogram.c -- the histogram's sums.
 *
 * Called by each worker for its own latencies and sizes, and by whoever reads them out. The cells are atomic only so
 * that a reader beside the writer is defined; relaxed loads and stores cost what plain ones do. Nothing is inferred
 * from one cell about another, so a reader may find the sum a value ahead of the buckets. */
#include "base/histogram.h"

#include <stdatomic.h>

static uint64_t
get(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed); /* relaxed: cells are read one by one */
}

static void
put(_Atomic uint64_t *cell, uint64_t value)
{
    atomic_store_explicit(cell, value, memory_order_relaxed); /* relaxed: one writer */
}

/* The middle of a bucket's values. */
static uint64_t
middle_of(unsigned bucket)
{
    if (bucket < 128)
        return bucket;
    unsigned shift = bucket / 64 - 1;
    uint64_t first = (uint64_t)(64 + bucket % 64) << shift;
    return first + ((UINT64_C(1) << shift) >> 1);
}

void
souk_histogram_record_times(struct souk_histogram *histogram, uint64_t value, uint64_t times)
{
    _Atomic uint64_t *bucket = &histogram->buckets[souk_histogram_bucket(value)];
    put(bucket, get(bucket) + times);
    put(&histogram->sum, get(&histogram->sum) + value * times);
    if (times && value > get(&histogram->max))
        put(&histogram->max, value);
}

void
souk_histogram_record(struct souk_histogram *histogram, uint64_t value)
{
    souk_histogram_record_times(histogram, value, 1);
}

void
souk_histogram_merge(struct souk_histogram *into, const struct souk_histogram *from)
{
    for (unsigned i = 0; i < SOUK_HISTOGRAM_BUCKETS; i++) {
        uint64_t count = get(&from->buckets[i]);
        if (count)
            put(&into->buckets[i], get(&into->buckets[i]) + count);
    }
    put(&into->sum, get(&into->sum) + get(&from->sum));
    if (get(&from->max) > get(&into->max))
        put(&into->max, get(&from->max));
}

uint64_t
souk_histogram_count(const struct souk_histogram *histogram)
{
    return souk_histogram_count_to(histogram, UINT64_MAX);
}

uint64_t
souk_histogram_count_to(const struct souk_histogram *histogram, uint64_t limit)
{
    uint64_t count = 0;
    unsigned last = souk_histogram_bucket(limit);
    for (unsigned i = 0; i <= last; i++)
        count += get(&histogram->buckets[i]);
    return count;
}

uint64_t
souk_histogram_sum(const struct souk_histogram *histogram)
{
    return get(&histogram->sum);
}

uint64_t
souk_histogram_max(const struct souk_histogram *histogram)
{
    return get(&histogram->max);
}

uint64_t
souk_histogram_quantile(const struct souk_histogram *histogram, double quantile)
{
    uint64_t count = souk_histogram_count(histogram), max = souk_histogram_max(histogram);
    if (count == 0)
        return 0;
    if (quantile >= 1)
        return max;

    /* The rank of the value asked for, from 1: the smallest that is no less than quantile * count. */
    double exact = quantile > 0 ? quantile * (double)count : 0;
    uint64_t rank = (uint64_t)exact;
    if (rank == 0 || (double)rank < exact)
        rank++;

    uint64_t seen = 0;
    for (unsigned i = 0; i < SOUK_HISTOGRAM_BUCKETS; i++) {
        seen += get(&histogram->buckets[i]);
        if (seen >= rank)
            return middle_of(i) < max ? middle_of(i) : max;
    }
    return max;
}

void
souk_histogram_clear(struct souk_histogram *histogram)
{
    for (unsigned i = 0; i < SOUK_HISTOGRAM_BUCKETS; i++)
        put(&histogram->buckets[i], 0);
    put(&histogram->sum, 0);
    put(&histogram->max, 0);
}
