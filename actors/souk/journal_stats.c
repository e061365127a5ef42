/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_stats.c -- `souk journal stats`: what a journal's bytes are spent on. Every byte is counted once: as the
 * header of a group or batch, or as a step; the steps again by kind and by event. */
#include "journal_inside.h"

#include "base/clocktext.h"
#include "base/histogram.h"
#include "cell/turn.h"
#include "work/walk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <sysexits.h>

enum { STEPS = SOUK_STEP_DEAD + 1, TAGS = 64, GROUP_HEAD = 16 + 8 /* The value's own head, and the key. */ };

struct tally { uint64_t count, bytes; };

/* Of kind 0: of kinds and events beyond what there is room for. */
struct stats {
    const struct journal_source *source;
    struct souk_walk walk;
    struct tally groups, batches, steps[STEPS], kinds[SOUK_KINDS_MAX], events[SOUK_KINDS_MAX][TAGS];
    struct souk_histogram group_bytes, batch_bytes, group_batches;
    uint64_t first_ms, last_ms;
    uint32_t *actors; /* The kinds of the batch's dictionary. */
    uint32_t count, room;
};

static void
add(struct tally *t, uint64_t bytes)
{
    t->count++;
    t->bytes += bytes;
}

/* ---- Counting. ---- */

static bool
add_actor(struct stats *s, uint32_t kind)
{
    if (s->count == s->room) {
        uint32_t room = s->room ? 2 * s->room : 64;
        uint32_t *more = realloc(s->actors, room * sizeof *more);
        if (!more) return false;
        s->actors = more;
        s->room = room;
    }
    s->actors[s->count++] = kind < SOUK_KINDS_MAX ? kind : 0;
    return true;
}

/* Which kind's a step is: as `souk journal cat` shows it. */
static uint32_t
kind_of(const struct stats *s, const struct souk_step *step, uint32_t turn)
{
    uint32_t kind = 0, actor = turn;
    switch (step->class) {
    case SOUK_STEP_ACTOR: kind = step->kind; break;
    case SOUK_STEP_SEND: kind = step->send.class == SOUK_CALL ? step->send.asker.kind : step->send.to.kind; break;
    case SOUK_STEP_TURN:
    case SOUK_STEP_OPENED:
    case SOUK_STEP_CLOSED:
        actor = step->actor; /* Fall through. */
    case SOUK_STEP_EVENT:
    case SOUK_STEP_DEAD: return actor < s->count ? s->actors[actor] : 0;
    case SOUK_STEP_ATTEMPT:
    case SOUK_STEP_OUTSTANDING:
    case SOUK_STEP_END: break;
    }
    return kind < SOUK_KINDS_MAX ? kind : 0;
}

static void
note_time(struct stats *s, uint64_t ms)
{
    if (!s->first_ms || ms < s->first_ms) s->first_ms = ms;
    if (ms > s->last_ms) s->last_ms = ms;
}

static souk_err
take_batch(void *arg, struct souk_batch_reader *batch, size_t length)
{
    struct stats *s = arg;
    uint32_t turn = UINT32_MAX;
    if (!journal_goes_on(s->source)) return SOUK_ERR_CLOSED;
    add(&s->batches, SOUK_BATCH_HEADER);
    souk_histogram_record(&s->batch_bytes, length);
    note_time(s, batch->time_ms);
    s->count = 0;
    for (;;) {
        struct souk_step step;
        const uint8_t *began = batch->at;
        souk_err err = souk_batch_next(batch, &step);
        if (err || step.class == SOUK_STEP_END) return err;
        if (step.class == SOUK_STEP_OUTSTANDING) return SOUK_ERR_CORRUPT; /* A checkpoint's. */
        uint64_t bytes = (uint64_t)(batch->at - began);
        if (step.class == SOUK_STEP_ACTOR && !add_actor(s, step.kind)) return SOUK_ERR_MEMORY;
        if (step.class == SOUK_STEP_TURN) {
            turn = step.actor;
            note_time(s, step.time_ms);
        }
        uint32_t kind = kind_of(s, &step, turn);
        add(&s->steps[step.class], bytes);
        add(&s->kinds[kind], bytes);
        if (step.class == SOUK_STEP_EVENT) add(&s->events[kind][step.tag < TAGS ? step.tag : 0], bytes);
    }
}

static souk_err
take_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct stats *s = arg;
    uint64_t batches = s->batches.count;
    if (first > s->walk.until) return SOUK_ERR_CLOSED;
    souk_err err = souk_walk_group(&s->walk, first, bytes);
    add(&s->groups, SOUK_GROUP_HEADER + GROUP_HEAD);
    souk_histogram_record(&s->group_bytes, bytes.length);
    souk_histogram_record(&s->group_batches, s->batches.count - batches);
    return err;
}

/* ---- Telling. ---- */

static const char *const step_names[STEPS] = {
    [SOUK_STEP_ACTOR] = "actor", [SOUK_STEP_TURN] = "turn", [SOUK_STEP_EVENT] = "event", [SOUK_STEP_SEND] = "send",
    [SOUK_STEP_OPENED] = "opened", [SOUK_STEP_CLOSED] = "closed", [SOUK_STEP_ATTEMPT] = "attempt",
    [SOUK_STEP_DEAD] = "dead",
};
static const struct { const char *name; double quantile; } quantiles[] = {
    { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 },
};
enum { QUANTILES = sizeof quantiles / sizeof quantiles[0] };

static uint64_t
bytes_of(const struct stats *s)
{
    uint64_t bytes = s->groups.bytes + s->batches.bytes;
    for (unsigned i = 0; i < STEPS; i++) bytes += s->steps[i].bytes;
    return bytes;
}

static double
each_second(const struct stats *s, uint64_t count)
{
    return s->last_ms > s->first_ms ? 1000.0 * (double)count / (double)(s->last_ms - s->first_ms) : 0;
}

/* A name in `room`, or a number; both are for people. */
static const char *
kind_name(uint32_t number, char room[24])
{
    const struct souk_kind *kind = journal_kind(number);
    if (kind) return kind->name;
    snprintf(room, 24, number ? "kind %u" : "(none)", number);
    return room;
}

static const char *
event_name(uint32_t kind, uint32_t tag, char room[24])
{
    const struct souk_row *row = journal_event(journal_kind(kind), tag);
    if (row) return row->name;
    snprintf(room, 24, "event %u", tag);
    return room;
}

static void
put_tally(souk_json_writer *w, const char *name, struct tally t)
{
    souk_json_key(w, name);
    souk_json_object_open(w);
    souk_json_put_u64(w, "count", t.count);
    souk_json_put_u64(w, "bytes", t.bytes);
    souk_json_object_close(w);
}

static void
put_histogram(souk_json_writer *w, const char *name, const struct souk_histogram *h)
{
    souk_json_key(w, name);
    souk_json_object_open(w);
    for (unsigned i = 0; i < QUANTILES; i++)
        souk_json_put_u64(w, quantiles[i].name, souk_histogram_quantile(h, quantiles[i].quantile));
    souk_json_put_u64(w, "max", souk_histogram_max(h));
    souk_json_object_close(w);
}

static void
tell_json(const struct stats *s, struct journal_out *out)
{
    char room[24];
    souk_json_writer *w = journal_line(out);
    souk_json_put_u64(w, "end", s->walk.next ? s->walk.next - 1 : 0);
    souk_json_put_u64(w, "bytes", bytes_of(s));
    journal_put_time(w, "first", s->first_ms);
    journal_put_time(w, "last", s->last_ms);
    put_tally(w, "group_headers", s->groups);
    put_tally(w, "batch_headers", s->batches);
    souk_json_key(w, "steps");
    souk_json_object_open(w);
    for (unsigned i = SOUK_STEP_ACTOR; i < STEPS; i++) put_tally(w, step_names[i], s->steps[i]);
    souk_json_object_close(w);
    souk_json_key(w, "kinds");
    souk_json_object_open(w);
    for (uint32_t k = 0; k < SOUK_KINDS_MAX; k++)
        if (s->kinds[k].count) put_tally(w, kind_name(k, room), s->kinds[k]);
    souk_json_object_close(w);
    souk_json_key(w, "events");
    souk_json_object_open(w);
    for (uint32_t k = 0; k < SOUK_KINDS_MAX; k++)
        for (uint32_t t = 0; t < TAGS; t++)
            if (s->events[k][t].count) put_tally(w, event_name(k, t, room), s->events[k][t]);
    souk_json_object_close(w);
    put_histogram(w, "group_bytes", &s->group_bytes);
    put_histogram(w, "batch_bytes", &s->batch_bytes);
    put_histogram(w, "group_batches", &s->group_batches);
    souk_json_key(w, "batches_per_s");
    souk_json_decimal(w, each_second(s, s->batches.count), 1);
    souk_json_key(w, "events_per_s");
    souk_json_decimal(w, each_second(s, s->steps[SOUK_STEP_EVENT].count), 1);
    journal_line_end(out);
}

static void
tell_row(struct journal_out *out, const char *name, struct tally t, uint64_t all)
{
    journal_out_print(out, "  %-28s %12" PRIu64 " %14" PRIu64 " %5.1f %%\n", name, t.count, t.bytes,
                      all ? 100.0 * (double)t.bytes / (double)all : 0);
}

static void
tell_histogram(struct journal_out *out, const char *name, const struct souk_histogram *h)
{
    journal_out_print(out, "  %-28s", name);
    for (unsigned i = 0; i < QUANTILES; i++)
        journal_out_print(out, " %10" PRIu64, souk_histogram_quantile(h, quantiles[i].quantile));
    journal_out_print(out, " %10" PRIu64 "\n", souk_histogram_max(h));
}

static void
tell_text(const struct stats *s, struct journal_out *out)
{
    char from[SOUK_CLOCK_TEXT_BYTES], to[SOUK_CLOCK_TEXT_BYTES], room[24];
    uint64_t all = bytes_of(s), events = s->steps[SOUK_STEP_EVENT].count;
    journal_out_print(out, "%" PRIu64 " bytes in %" PRIu64 " batches and %" PRIu64 " groups, up to position %" PRIu64,
                      all, s->batches.count, s->groups.count, s->walk.next ? s->walk.next - 1 : 0);
    journal_out_text(out, SOUK_TEXT("\n"));
    if (!s->batches.count) return;
    (void)souk_clock_format(s->first_ms, from);
    (void)souk_clock_format(s->last_ms, to);
    journal_out_print(out, "from %s to %s: %.1f batches, %.1f events a second\n", from, to,
                      each_second(s, s->batches.count), each_second(s, events));
    journal_out_print(out, "\n  %-28s %12s %14s\n", "STEP", "COUNT", "BYTES");
    for (unsigned i = SOUK_STEP_ACTOR; i < STEPS; i++)
        if (s->steps[i].count) tell_row(out, step_names[i], s->steps[i], all);
    tell_row(out, "(headers of batches)", s->batches, all);
    tell_row(out, "(headers of groups)", s->groups, all);
    journal_out_print(out, "\n  %-28s %12s %14s\n", "STEPS OF KIND", "COUNT", "BYTES");
    for (uint32_t k = 0; k < SOUK_KINDS_MAX; k++)
        if (s->kinds[k].count) tell_row(out, kind_name(k, room), s->kinds[k], all);
    journal_out_print(out, "\n  %-28s %12s %14s\n", "EVENT", "COUNT", "BYTES");
    for (uint32_t k = 0; k < SOUK_KINDS_MAX; k++)
        for (uint32_t t = 0; t < TAGS; t++)
            if (s->events[k][t].count) tell_row(out, event_name(k, t, room), s->events[k][t], all);
    journal_out_print(out, "\n  %-28s %10s %10s %10s %10s %10s\n", "", "P50", "P90", "P99", "P99.9", "MAX");
    tell_histogram(out, "bytes of a batch", &s->batch_bytes);
    tell_histogram(out, "bytes of a group", &s->group_bytes);
    tell_histogram(out, "batches in a group", &s->group_batches);
}

int
journal_stats(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
              char why[JOURNAL_WHY])
{
    struct stats *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, JOURNAL_WHY, "%s", souk_err_text(SOUK_ERR_MEMORY));
        return EX_OSERR;
    }
    s->source = source;
    s->walk = (struct souk_walk){ .until = journal_durable(source), .batch = take_batch, .arg = s };
    souk_err err = source->journal->ops->read(source->journal, 1, take_group, s);
    int status = journal_failed(source, err, &s->walk, why);
    if (!status && wanted->json) tell_json(s, out);
    else if (!status) tell_text(s, out);
    free(s->actors);
    free(s);
    return status;
}
