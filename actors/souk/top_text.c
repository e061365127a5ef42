/* SPDX-License-Identifier: Apache-2.0 */
/* souk/top_text.c -- what a node said, as lines of text for the screen and for `souk top --once`. */
#include "top_inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SOUK_PRINTF(3, 4)
static void
add(struct top_lines *lines, enum top_style style, const char *format, ...)
{
    if (lines->count == TOP_LINES) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(lines->at[lines->count].text, TOP_COLUMNS, format, arguments);
    va_end(arguments);
    lines->at[lines->count++].style = style;
}

/* 1234 as "1,234" would be wide: 12.3k, 4.5M. */
static const char *
brief(char room[32], double number)
{
    static const char *const units[] = { "", "k", "M", "G", "T" };
    unsigned unit = 0;
    while (number >= 10000 && unit < 4) {
        number /= 1000;
        unit++;
    }
    (void)snprintf(room, 32, unit && number < 100 ? "%.1f%s" : "%.0f%s", number, units[unit]);
    return room;
}

static const char *
duration(char room[32], uint64_t ns)
{
    if (ns < 10000) (void)snprintf(room, 32, "%" PRIu64 " ns", ns);
    else if (ns < 10000000) (void)snprintf(room, 32, "%" PRIu64 " us", ns / 1000);
    else (void)snprintf(room, 32, "%" PRIu64 " ms", ns / 1000000);
    return room;
}

/* ---- Sorting. ---- */

static double
weight(const struct top_kind *k, enum top_sort sort)
{
    switch (sort) {
    case TOP_BY_TURNS: return k->rate;
    case TOP_BY_LIVE: return (double)k->live;
    case TOP_BY_WAITING: return (double)k->waiting;
    case TOP_BY_FAULTS: return (double)(k->faults + k->letters);
    case TOP_BY_NAME:
    case TOP_SORTS:
    default: return 0;
    }
}

/* Few kinds, and those that are equal keep their order. */
static void
sort_kinds(const struct top_kind **order, unsigned count, enum top_sort sort)
{
    for (unsigned i = 1; i < count; i++) {
        const struct top_kind *k = order[i];
        unsigned at = i;
        for (; at; at--) {
            bool before = sort == TOP_BY_NAME ? strcmp(k->kind, order[at - 1]->kind) < 0
                                              : weight(k, sort) > weight(order[at - 1], sort);
            if (!before) break;
            order[at] = order[at - 1];
        }
        order[at] = k;
    }
}

/* ---- Sections. ---- */

static void
write_workers(struct top_lines *lines, const struct top_sample *s)
{
    char rate[32], steals[32], parks[32];
    add(lines, TOP_HEAD, "%-8s %7s %10s %10s %10s  %s", "WORKER", "BUSY", "TURNS/S", "STEALS", "PARKS", "IN A TURN OF");
    for (unsigned i = 0; i < s->workers_count; i++) {
        const struct top_worker *w = &s->workers[i];
        add(lines, TOP_PLAIN, "%-8" PRIu64 " %6.1f%% %10s %10s %10s  %s", w->worker, 100 * w->busy,
            brief(rate, w->rate), brief(steals, (double)w->steals), brief(parks, (double)w->parks), w->in);
    }
}

static void
write_kinds(struct top_lines *lines, const struct top_sample *s, enum top_sort sort)
{
    static const char *const names[TOP_SORTS] = { "turns/s", "live", "waiting", "faults and dead", "name" };
    const struct top_kind *order[TOP_KINDS];
    for (unsigned i = 0; i < s->kinds_count; i++) order[i] = &s->kinds[i];
    sort_kinds(order, s->kinds_count, sort);
    add(lines, TOP_HEAD, "%-20s %9s %9s %9s %9s %9s %9s %9s %9s   by %s", "KIND", "LIVE", "TURNS/S", "WAITING",
        "DEEPEST", "REFUSED", "FAULTS", "RESTARTS", "DEAD", names[sort]);
    for (unsigned i = 0; i < s->kinds_count; i++) {
        const struct top_kind *k = order[i];
        char a[8][32];
        add(lines, TOP_PLAIN, "%-20.20s %9s %9s %9s %9s %9s %9s %9s %9s", k->kind, brief(a[0], (double)k->live),
            brief(a[1], k->rate), brief(a[2], (double)k->waiting), brief(a[3], (double)k->deepest),
            brief(a[4], (double)k->refusals), brief(a[5], (double)k->faults), brief(a[6], (double)k->restarts),
            brief(a[7], (double)k->letters));
    }
}

static void
write_queues(struct top_lines *lines, const struct top_sample *s)
{
    add(lines, TOP_HEAD, "%-20s %-32s %9s%s", "DEEPEST QUEUES", "KEY", "DEPTH", s->estimated ? "  (about)" : "");
    for (unsigned i = 0; i < s->queues_count; i++)
        add(lines, TOP_PLAIN, "%-20.20s %-32s %9" PRIu64, s->queues[i].kind, s->queues[i].key, s->queues[i].depth);
    if (!s->queues_count) add(lines, TOP_PLAIN, "nothing waits");
}

static uint64_t
age_s(const struct top_sample *s, uint64_t ms)
{
    return s->now_ms > ms ? (s->now_ms - ms) / 1000 : 0;
}

static void
write_turns(struct top_lines *lines, const struct top_sample *s)
{
    char took[32];
    add(lines, TOP_HEAD, "%-20s %-32s %-24s %10s %7s", "SLOWEST TURNS", "KEY", "MESSAGE", "TOOK", "AGO");
    for (unsigned i = 0; i < s->turns_count; i++) {
        const struct top_turn *t = &s->turns[i];
        add(lines, TOP_PLAIN, "%-20.20s %-32s %-24.24s %10s %5" PRIu64 " s%s", t->kind, t->key, t->message,
            duration(took, t->ns), age_s(s, t->ms), t->under_way ? "  stalls" : t->stalled ? "  stalled" : "");
    }
    if (!s->turns_count) add(lines, TOP_PLAIN, "none that was timed");
    add(lines, TOP_PLAIN, "%s", "");
    add(lines, TOP_HEAD, "%-20s %-32s %-24s %18s", "LAST FAULTS", "KEY", "MESSAGE", "AGO");
    for (unsigned i = 0; i < s->faults_count; i++) {
        const struct top_turn *t = &s->faults[i];
        add(lines, TOP_PLAIN, "%-20.20s %-32s %-24.24s %16" PRIu64 " s  %s", t->kind, t->key, t->message,
            age_s(s, t->ms), t->what);
    }
    if (!s->faults_count) add(lines, TOP_PLAIN, "none");
}

void
top_write(struct top_lines *lines, const struct top_sample *s, enum top_sort sort)
{
    uint64_t up = s->up_ns / UINT64_C(1000000000);
    lines->count = 0;
    add(lines, TOP_TITLE, "souk top: up %" PRIu64 "d %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64
        "   q leaves, left and right sort, up and down scroll", up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
    if (s->silent)
        add(lines, TOP_PLAIN, "%" PRIu64 " shards said nothing: a worker is held up, see the slowest turns", s->silent);
    write_workers(lines, s);
    add(lines, TOP_PLAIN, "%s", "");
    write_kinds(lines, s, sort);
    add(lines, TOP_PLAIN, "%s", "");
    write_queues(lines, s);
    add(lines, TOP_PLAIN, "%s", "");
    write_turns(lines, s);
}
