/* SPDX-License-Identifier: Apache-2.0 */
/* base/counters.c -- the registry of what a node counts.
 *
 * Invariant: metrics are fixed once a tally exists, and tallies are only ever pushed, so a reader needs no lock: it
 * walks the list from a head that it acquired. */
#include "base/counters.h"

struct souk_counters {
    souk_tally *_Atomic tallies;
    unsigned count;
    struct souk_metric metrics[SOUK_METRICS_MAX];
};

souk_counters *
souk_counters_open(souk_heap *heap)
{
    return souk_heap_zalloc(heap, sizeof(souk_counters));
}

unsigned
souk_counters_add(souk_counters *counters, const struct souk_metric *metric)
{
    souk_assert(counters->count < SOUK_METRICS_MAX);
    souk_assert(!atomic_load_explicit(&counters->tallies, memory_order_relaxed));
    souk_assert(metric->name && metric->help);
    struct souk_metric *own = &counters->metrics[counters->count];
    *own = *metric;
    if (!own->labels)
        own->labels = "";
    if (!(own->unit > 0))
        own->unit = 1;
    return counters->count++;
}

souk_tally *
souk_tally_open(souk_counters *counters, souk_heap *heap)
{
    souk_tally *tally = souk_heap_zalloc(heap, sizeof *tally);
    for (unsigned i = 0; i < counters->count; i++)
        if (counters->metrics[i].type == SOUK_HISTOGRAM)
            tally->histograms[i] = souk_heap_zalloc(heap, sizeof(struct souk_histogram));
    tally->next = atomic_load_explicit(&counters->tallies, memory_order_relaxed);
    /* release: pairs with the acquire in first_tally(), which then reads what was set up above */
    while (!atomic_compare_exchange_weak_explicit(&counters->tallies, &tally->next, tally, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return tally;
}

static const souk_tally *
first_tally(const souk_counters *counters)
{
    return atomic_load_explicit(&counters->tallies, memory_order_acquire); /* acquire: pairs with souk_tally_open() */
}

unsigned
souk_counters_count(const souk_counters *counters)
{
    return counters->count;
}

const struct souk_metric *
souk_counters_metric(const souk_counters *counters, unsigned number)
{
    souk_assert(number < counters->count);
    return &counters->metrics[number];
}

int64_t
souk_counters_sum(const souk_counters *counters, unsigned number)
{
    souk_assert(number < counters->count && counters->metrics[number].type != SOUK_HISTOGRAM);
    uint64_t sum = 0;
    for (const souk_tally *tally = first_tally(counters); tally; tally = tally->next)
        sum += atomic_load_explicit(&tally->cells[number], memory_order_relaxed);
    return (int64_t)sum;
}

void
souk_counters_merge(const souk_counters *counters, unsigned number, struct souk_histogram *into)
{
    souk_assert(number < counters->count && counters->metrics[number].type == SOUK_HISTOGRAM);
    for (const souk_tally *tally = first_tally(counters); tally; tally = tally->next)
        souk_histogram_merge(into, tally->histograms[number]);
}
