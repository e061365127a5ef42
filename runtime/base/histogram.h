/* SPDX-License-Identifier: Apache-2.0 */
/* base/histogram.h -- how often each size of a value came: any 64-bit value, to within 1 %, in 30 KiB.
 *
 * Log-linear, as Gil Tene's HdrHistogram: values below 128 have a bucket each, every further power of two has 64.
 * One thread records, with plain loads and stores; any thread may read meanwhile and sees some recent past. */
#ifndef SOUK_BASE_HISTOGRAM_H
#define SOUK_BASE_HISTOGRAM_H

#include <souk/base.h>

enum { SOUK_HISTOGRAM_BUCKETS = 57 * 64 + 128 };

/* All zeros is an empty one. The caller's memory. */
struct souk_histogram {
    _Atomic uint64_t sum, max; /* exact; the sum wraps */
    _Atomic uint64_t buckets[SOUK_HISTOGRAM_BUCKETS];
};

/* The bucket of a value. */
static inline unsigned
souk_histogram_bucket(uint64_t value)
{
    if (value < 128)
        return (unsigned)value;
    unsigned shift = 57u - (unsigned)__builtin_clzll(value); /* leaves seven bits, the first of them set */
    return shift * 64 + (unsigned)(value >> shift);
}

/* Adds `times` values. The recording thread. */
void souk_histogram_record_times(struct souk_histogram *histogram, uint64_t value, uint64_t times);
/* Adds one value. The recording thread. */
void souk_histogram_record(struct souk_histogram *histogram, uint64_t value);
/* Adds all of `from` to `into`. The thread that records in `into`. */
void souk_histogram_merge(struct souk_histogram *into, const struct souk_histogram *from);
/* How many values were recorded. Any thread. */
uint64_t souk_histogram_count(const struct souk_histogram *histogram);
/* How many values were at most `limit`, whose whole bucket counts. Any thread. */
uint64_t souk_histogram_count_to(const struct souk_histogram *histogram, uint64_t limit);
/* The sum of all values, modulo 2^64. Any thread. */
uint64_t souk_histogram_sum(const struct souk_histogram *histogram);
/* The largest value, exactly; 0 when empty. Any thread. */
uint64_t souk_histogram_max(const struct souk_histogram *histogram);
/* A value that the fraction `quantile` (0 to 1) of all does not exceed, to within 1 %; 0 when empty. Any thread. */
uint64_t souk_histogram_quantile(const struct souk_histogram *histogram, double quantile);
/* Empties it. The recording thread. */
void souk_histogram_clear(struct souk_histogram *histogram);

#endif
