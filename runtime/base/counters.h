/* SPDX-License-Identifier: Apache-2.0 */
/* base/counters.h -- what a node counts: named counters, gauges and histograms, for whoever exposes them.
 *
 * A node opens one registry, adds its metrics, then opens a tally for each thread. A thread counts in its own tally
 * with plain loads and stores; a reader sums all tallies. Metrics are exempt from the gates of durability: they show
 * what was done, not what is on disk. All memory is the node's: closing that closes these. */
#ifndef SOUK_BASE_COUNTERS_H
#define SOUK_BASE_COUNTERS_H

#include <souk/base.h>

#include "base/heap.h"
#include "base/histogram.h"

#include <stdatomic.h>

enum { SOUK_METRICS_MAX = 256 };

enum souk_metric_type {
    SOUK_COUNTER,   /* only rises */
    SOUK_GAUGE,     /* rises and falls; the node's value is the sum of the threads' */
    SOUK_HISTOGRAM, /* a distribution */
};

/* What a metric is called. Same name and type with other labels: the same family, best added one after the other. */
struct souk_metric {
    enum souk_metric_type type;
    const char *name;   /* as Prometheus wants it: souk_turns_total, souk_commit_seconds */
    const char *help;   /* one sentence */
    const char *labels; /* kind="stock",state="held"; empty for none */
    double unit;        /* what one counted step is worth when shown: 1e-9 for nanoseconds shown as seconds */
};

typedef struct souk_counters souk_counters;

/* One thread's cells. Only its thread writes; the layout is visible so that counting is inlined. */
typedef struct souk_tally {
    struct souk_tally *next;
    struct souk_histogram *histograms[SOUK_METRICS_MAX]; /* NULL for other types */
    _Atomic uint64_t cells[SOUK_METRICS_MAX];            /* gauges as two's complement */
} souk_tally;

/* An empty registry in the node's memory. One thread until the first tally is opened. */
souk_counters *souk_counters_open(souk_heap *heap);
/* Adds a metric, whose strings must outlive the node, and returns its number. Not after the first tally. */
unsigned souk_counters_add(souk_counters *counters, const struct souk_metric *metric);
/* A thread's tally, all zeros. `heap` is the calling thread's. Any thread. */
souk_tally *souk_tally_open(souk_counters *counters, souk_heap *heap);

/* How many metrics there are; their numbers are 0 to one less. Any thread. */
unsigned souk_counters_count(const souk_counters *counters);
/* What a metric is called. Lives as long as the node. Any thread. */
const struct souk_metric *souk_counters_metric(const souk_counters *counters, unsigned number);
/* The sum of a counter or gauge over all tallies. Any thread. */
int64_t souk_counters_sum(const souk_counters *counters, unsigned number);
/* Adds a histogram of all tallies to `into`. Any thread. */
void souk_counters_merge(const souk_counters *counters, unsigned number, struct souk_histogram *into);

/* Adds to a counter, or to this thread's part of a gauge. The tally's thread. */
static inline void
souk_tally_add(souk_tally *tally, unsigned number, int64_t amount)
{
    _Atomic uint64_t *cell = &tally->cells[number];
    /* relaxed: one writer, and readers infer nothing from it about other memory */
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + (uint64_t)amount,
                          memory_order_relaxed);
}

/* Sets this thread's part of a gauge. The tally's thread. */
static inline void
souk_tally_set(souk_tally *tally, unsigned number, int64_t value)
{
    atomic_store_explicit(&tally->cells[number], (uint64_t)value, memory_order_relaxed); /* relaxed: as above */
}

/* Records a value in a histogram. The tally's thread. */
static inline void
souk_tally_record(souk_tally *tally, unsigned number, uint64_t value)
{
    souk_histogram_record(tally->histograms[number], value);
}

#endif
