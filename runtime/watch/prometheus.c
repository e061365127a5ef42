/* SPDX-License-Identifier: Apache-2.0 */
/* watch/prometheus.c -- see prometheus.h. It asserts what promtool would complain of, so that a test isn't needed for
 * each metric: counters end in _total and nothing else does, and a sample has the type of its family. */
#include "watch/prometheus.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 16 * 1024, LINE_MAX_BYTES = 512 };

/* Bounds in nanoseconds, and as they are written. Prometheus wants them the same for ever. */
static const struct { uint64_t ns; const char *le; } bounds[] = {
    { 50000, "5e-05" }, { 100000, "0.0001" }, { 250000, "0.00025" }, { 500000, "0.0005" }, { 1000000, "0.001" },
    { 2500000, "0.0025" }, { 5000000, "0.005" }, { 10000000, "0.01" }, { 25000000, "0.025" }, { 50000000, "0.05" },
    { 100000000, "0.1" }, { 250000000, "0.25" }, { 500000000, "0.5" }, { 1000000000, "1" }, { 2500000000, "2.5" },
    { 5000000000, "5" }, { 10000000000, "10" }, { 30000000000, "30" },
};

SOUK_PRINTF(2, 3) static void
line(struct souk_prometheus *page, const char *format, ...)
{
    if (page->failed) return;
    if (page->capacity - page->length < LINE_MAX_BYTES) {
        size_t capacity = page->capacity ? 2 * page->capacity : FIRST_BYTES;
        char *at = realloc(page->at, capacity);
        page->failed = !at;
        if (!at) return;
        page->at = at;
        page->capacity = capacity;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(page->at + page->length, LINE_MAX_BYTES, format, arguments);
    va_end(arguments);
    souk_assert(length > 0 && length < LINE_MAX_BYTES);
    page->length += (size_t)length;
}

void
souk_prometheus_family(struct souk_prometheus *page, const char *name, enum souk_prometheus_type type, const char *help)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    size_t length = strlen(name);
    bool total = length > 6 && strcmp(name + length - 6, "_total") == 0;
    souk_assert(total == (type == SOUK_PROMETHEUS_COUNTER));
    page->family = name;
    page->type = type;
    line(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void
sample(struct souk_prometheus *page, const char *labels, const char *value)
{
    souk_assert(page->family && page->type != SOUK_PROMETHEUS_HISTOGRAM);
    line(page, "%s%s%s%s %s\n", page->family, labels ? "{" : "", labels ? labels : "", labels ? "}" : "", value);
}

void
souk_prometheus_u64(struct souk_prometheus *page, const char *labels, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    sample(page, labels, digits);
}

void
souk_prometheus_real(struct souk_prometheus *page, const char *labels, double value)
{
    char digits[40];
    snprintf(digits, sizeof digits, "%.15g", value);
    sample(page, labels, digits);
}

void
souk_prometheus_seconds(struct souk_prometheus *page, const char *labels, const struct souk_histogram *ns)
{
    const char *own = labels ? labels : "", *comma = labels ? "," : "";
    const char *open = labels ? "{" : "", *shut = labels ? "}" : "";
    souk_assert(page->family && page->type == SOUK_PROMETHEUS_HISTOGRAM);
    /* Read once, from the top: a value that is recorded meanwhile must not make a bucket larger than the whole. */
    uint64_t sum = souk_histogram_sum(ns), count = souk_histogram_count(ns);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        uint64_t below = souk_histogram_count_to(ns, bounds[i].ns);
        line(page, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", page->family, own, comma, bounds[i].le,
             below < count ? below : count);
    }
    line(page, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", page->family, own, comma, count);
    line(page, "%s_sum%s%s%s %.9g\n", page->family, open, own, shut, (double)sum * 1e-9);
    line(page, "%s_count%s%s%s %" PRIu64 "\n", page->family, open, own, shut, count);
}

void
souk_prometheus_one(struct souk_prometheus *page, const char *name, enum souk_prometheus_type type, const char *help,
                    uint64_t value)
{
    souk_prometheus_family(page, name, type, help);
    souk_prometheus_u64(page, NULL, value);
}

souk_err
souk_prometheus_done(const struct souk_prometheus *page, struct souk_text *out)
{
    *out = (struct souk_text){ page->at ? page->at : "", page->length };
    return page->failed ? SOUK_ERR_MEMORY : SOUK_OK;
}

void
souk_prometheus_reset(struct souk_prometheus *page)
{
    page->length = 0;
    page->family = NULL;
    page->failed = false;
}

void
souk_prometheus_fini(struct souk_prometheus *page)
{
    free(page->at);
    *page = (struct souk_prometheus){ 0 };
}
