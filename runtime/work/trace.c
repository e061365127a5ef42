/* SPDX-License-Identifier: Apache-2.0 */
/* work/trace.c -- turns of actors that are traced, as lines of JSON in a ring: see watch.h. Names of kinds and messages
 * are C identifiers, so nothing needs escaping. */
#include "work/partition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct text { char at[SOUK_TRACE_LINE]; size_t length; };

SOUK_PRINTF(2, 3)
static bool
add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at + text->length, sizeof text->at - text->length, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text->at - text->length) {
        text->at[text->length] = 0;
        return false;
    }
    text->length += (size_t)length;
    return true;
}

enum { TAIL = 40 }; /* What the end of a line takes at most. */

/* False when it has no room. */
static bool
add_send(struct text *text, const struct souk_partition *p, const struct souk_message *m, bool first)
{
    bool calls = m->class == SOUK_CALL;
    const struct souk_kind *kind = calls || m->to.kind >= SOUK_KINDS_MAX ? NULL : p->kinds[m->to.kind];
    size_t before = text->length;
    const char *name = calls ? "(call)" : souk_message_name(kind, souk_message_tag(m));
    bool fits = add(text, "%s{\"kind\":\"%s\",\"key\":\"%016" PRIx64 "%016" PRIx64 "\",\"message\":\"%s\"}",
                    first ? "" : ",", calls ? "(port)" : kind ? kind->name : "(nobody)", m->to.key.high, m->to.key.low,
                    name);
    if (fits && text->length + TAIL < sizeof text->at) return true;
    text->length = before;
    return false;
}

void
souk_watch_trace(void *self, souk_verdict verdict)
{
    struct souk_worker *w = self;
    const struct souk_partition *p = w->partition;
    const struct souk_slice *s = &w->slice;
    const struct souk_kind *kind = atomic_load_explicit(&s->at.tally, memory_order_relaxed)->kind;
    struct text text = { .length = 0 };
    bool fits = add(&text, "{\"ms\":%" PRIu64 ",\"kind\":\"%s\",\"key\":\"%016" PRIx64 "%016" PRIx64 "\"", s->now_ms,
                    kind->name, atomic_load_explicit(&s->at.high, memory_order_relaxed),
                    atomic_load_explicit(&s->at.low, memory_order_relaxed));
    const char *message = souk_message_name(kind, atomic_load_explicit(&s->at.tag, memory_order_relaxed));
    fits = fits && add(&text, ",\"message\":\"%s\",\"verdict\":\"%s\",\"sends\":[", message,
                       souk_verdict_name(kind, verdict));
    unsigned told = 0, all = 0;
    if (s->turn.cell) {
        for (uint32_t i = s->turn.sends_mark; i < s->sends_count; i++) {
            if (!s->sends[i]) continue;
            if (told == all && fits) told += add_send(&text, p, s->sends[i], !told);
            all++;
        }
    } else {
        for (const struct souk_message *m = s->turn.out.head; m; m = m->next, all++)
            if (told == all && fits) told += add_send(&text, p, m, !told);
    }
    if (text.length > sizeof text.at - TAIL) text.length = sizeof text.at - TAIL; /* Long names: the end must fit. */
    add(&text, "]");
    if (told < all) add(&text, ",\"more\":%u", all - told);
    add(&text, "}\n");
    souk_trace_line(&w->partition->trace, text.at, text.length);
}

static void
hold(struct souk_trace *trace)
{
    int failed = pthread_mutex_lock(&trace->lock);
    souk_assert(!failed);
}

static void
let_go(struct souk_trace *trace)
{
    int failed = pthread_mutex_unlock(&trace->lock);
    souk_assert(!failed);
}

void
souk_trace_line(struct souk_trace *trace, const char *line, size_t length)
{
    souk_assert(length && length < SOUK_TRACE_LINE && line[length - 1] == '\n');
    hold(trace);
    if (!trace->line) trace->line = calloc(SOUK_TRACE_LINES, SOUK_TRACE_LINE);
    if (trace->line) {
        char *place = trace->line[trace->count++ % SOUK_TRACE_LINES];
        memcpy(place, line, length);
        place[length] = 0;
    }
    let_go(trace);
    if (atomic_load_explicit(&trace->aloud, memory_order_relaxed)) fwrite(line, 1, length, stderr);
}

void
souk_worker_trace_aloud(struct souk_worker *w, bool aloud)
{
    atomic_store_explicit(&w->partition->trace.aloud, aloud, memory_order_relaxed);
}

size_t
souk_worker_trace(struct souk_worker *w, uint64_t after, uint64_t *first, char *out, size_t size)
{
    struct souk_trace *trace = &w->partition->trace;
    size_t length = 0, from;
    hold(trace);
    uint64_t least = trace->count > SOUK_TRACE_LINES ? trace->count - SOUK_TRACE_LINES : 0, at = trace->count;
    if (least < after) least = after;
    for (; at > least; at--, length += from) { /* Backwards: the newest are told for sure. */
        from = strlen(trace->line[(at - 1) % SOUK_TRACE_LINES]);
        if (length + from > size) break;
    }
    *first = at + 1;
    size_t end = 0;
    for (; at < trace->count; at++) {
        const char *line = trace->line[at % SOUK_TRACE_LINES];
        from = strlen(line);
        memcpy(out + end, line, from);
        end += from;
    }
    let_go(trace);
    return end;
}
