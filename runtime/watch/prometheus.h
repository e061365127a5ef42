/* SPDX-License-Identifier: Apache-2.0 */
/* watch/prometheus.h -- writes metrics in Prometheus' text format, version 0.0.4.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * Whoever exposes metrics opens a page, writes family after family, each followed by its samples, and sends what came
 * of it. Each family once; its samples follow at once. Metrics are exempt from the gates of durability. */
#ifndef SOUK_WATCH_PROMETHEUS_H
#define SOUK_WATCH_PROMETHEUS_H

#include <souk/base.h>

#include "base/histogram.h"

/* What is sent as the page's content type. */
#define SOUK_PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum souk_prometheus_type { SOUK_PROMETHEUS_COUNTER, SOUK_PROMETHEUS_GAUGE, SOUK_PROMETHEUS_HISTOGRAM };

/* A page being written. The caller's memory, all zeros to begin with; look, don't touch. */
struct souk_prometheus {
    char *at;
    size_t length, capacity;
    const char *family; /* Whose samples come next. */
    enum souk_prometheus_type type;
    bool failed; /* There was no memory: all later writing is ignored. */
};

/* Begins a family. `name` ends in _total exactly for counters, and in its base unit where it has one; `help` is one
 * sentence. Both are borrowed until the next family. */
void souk_prometheus_family(struct souk_prometheus *page, const char *name, enum souk_prometheus_type type,
                            const char *help);
/* A sample of a counter or gauge. `labels` as name="value",... with values that need no escaping; NULL: none. */
void souk_prometheus_u64(struct souk_prometheus *page, const char *labels, uint64_t value);
/* The same for a value that isn't whole. */
void souk_prometheus_real(struct souk_prometheus *page, const char *labels, double value);
/* A histogram of nanoseconds as seconds, in buckets from 50 us to 30 s. */
void souk_prometheus_seconds(struct souk_prometheus *page, const char *labels, const struct souk_histogram *ns);
/* A family of one sample without labels. */
void souk_prometheus_one(struct souk_prometheus *page, const char *name, enum souk_prometheus_type type,
                         const char *help, uint64_t value);
/* What was written; borrows from the page. SOUK_ERR_MEMORY. */
souk_err souk_prometheus_done(const struct souk_prometheus *page, struct souk_text *out) SOUK_MUST_CHECK;
/* Empties the page, keeping its memory for the next. */
void souk_prometheus_reset(struct souk_prometheus *page);
/* Frees its memory. */
void souk_prometheus_fini(struct souk_prometheus *page);

#endif
