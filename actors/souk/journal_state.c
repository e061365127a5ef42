/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_state.c -- `souk journal state`: an actor as it was at a position, made of its events from the beginning
 * on: independent of snapshots, and with what was outstanding for it then. */
#include "journal_inside.h"

#include "base/clocktext.h"
#include "codec/dump.h"
#include "work/past.h"
#include "work/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* A message to the actor that nobody has consumed. */
struct outstanding { struct souk_id id; uint64_t due_ms; uint32_t tag; uint8_t class; };

struct state {
    const struct journal_wanted *wanted;
    const struct journal_source *source;
    struct journal_out *out;
    uint64_t until;
    struct souk_past past;
    struct outstanding *waiting; /* In the order of their ids. */
    size_t count, room;
    souk_heap *heap;
};

/* ---- What is outstanding. ---- */

static void
note_send(struct state *s, const struct souk_message *m)
{
    if (m->class == SOUK_CALL || m->to.kind != s->past.cell->kind->number ||
        !souk_key_equal(m->to.key, s->past.cell->key))
        return;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        s->waiting = souk_heap_grow(s->heap, s->waiting, s->room * sizeof *s->waiting, room * sizeof *s->waiting);
        s->room = room;
    }
    s->waiting[s->count++] = (struct outstanding){ m->id, m->class == SOUK_WAKE ? m->due_ms : 0, m->tag, m->class };
}

static void
note_consumed(struct state *s, struct souk_id id)
{
    for (size_t i = 0; id.position && i < s->count; i++) { /* The oldest go first, so this is short. */
        if (s->waiting[i].id.position != id.position || s->waiting[i].id.ordinal != id.ordinal) continue;
        memmove(s->waiting + i, s->waiting + i + 1, (--s->count - i) * sizeof *s->waiting);
        return;
    }
}

static souk_err
note_messages(struct state *s, struct souk_batch_reader batch)
{
    for (struct souk_step step;;) {
        souk_err err = souk_batch_next(&batch, &step);
        if (err || step.class == SOUK_STEP_END) return err;
        if (step.class == SOUK_STEP_SEND) note_send(s, &step.send);
        if (step.class == SOUK_STEP_TURN && s->count) note_consumed(s, step.cause);
    }
}

static souk_err
take_batch(void *arg, struct souk_batch_reader *batch, size_t length SOUK_UNUSED)
{
    struct state *s = arg;
    if (!journal_goes_on(s->source)) return SOUK_ERR_CLOSED;
    souk_err err = note_messages(s, *batch);
    return err ? err : souk_past_batch(&s->past, batch);
}

/* ---- Telling. ---- */

/* The state as JSON into out->body. */
static souk_err
render(struct state *s, size_t *length)
{
    const struct souk_cell *cell = s->past.cell;
    uint32_t count;
    const struct souk_field *fields = cell->kind->state(&count);
    size_t size = souk_state_size(cell->kind, cell->state);
    uint8_t *state = souk_heap_alloc(s->heap, size);
    struct souk_bytes bytes = { state, (size_t)(souk_state_put(cell->kind, state, cell->state) - state) };
    souk_err err = souk_dump_state(fields, count, bytes, s->out->body, s->out->body_room, length);
    if (err == SOUK_ERR_TOO_LARGE) {
        char *more = realloc(s->out->body, *length + 1);
        if (!more) return SOUK_ERR_MEMORY;
        s->out->body = more;
        s->out->body_room = *length + 1;
        err = souk_dump_state(fields, count, bytes, more, *length + 1, length);
    }
    return err;
}

static const char *
class_name(uint8_t class)
{
    return class == SOUK_WAKE ? "alarm" : class == SOUK_OUTCOME ? "outcome" : class == SOUK_ASK ? "ask" : "command";
}

static void
tell_json(struct state *s, struct souk_text state)
{
    const struct souk_cell *cell = s->past.cell;
    souk_json_writer *w = journal_line(s->out);
    souk_json_put_text(w, "kind", souk_text_of(cell->kind->name));
    journal_put_key(w, "key", cell->key);
    souk_json_put_u64(w, "at", s->until);
    souk_json_put_u64(w, "position", cell->position);
    journal_put_time(w, NULL, s->past.time_ms);
    souk_json_put_u64(w, "events", s->past.events);
    souk_json_key(w, "state");
    souk_json_raw(w, state);
    souk_json_key(w, "asks");
    souk_json_array_open(w);
    for (uint32_t i = 0; i < cell->asks_count; i++) {
        souk_json_object_open(w);
        souk_json_put_u64(w, "number", cell->asks[i].number);
        journal_put_row(w, "reply", journal_row(cell->kind, SOUK_REPLY, cell->asks[i].reply), cell->asks[i].reply);
        journal_put_time(w, "due", cell->asks[i].due_ms);
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
    souk_json_key(w, "waiting");
    souk_json_array_open(w);
    for (size_t i = 0; i < s->count; i++) {
        const struct outstanding *o = &s->waiting[i];
        souk_json_object_open(w);
        souk_json_put_u64(w, "position", o->id.position);
        souk_json_put_u64(w, "ordinal", o->id.ordinal);
        souk_json_put_text(w, "class", souk_text_of(class_name(o->class)));
        if (o->class != SOUK_OUTCOME)
            journal_put_row(w, "message", journal_row(cell->kind, SOUK_COMMAND, o->tag), o->tag);
        if (o->class == SOUK_WAKE) journal_put_time(w, "due", o->due_ms);
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
    journal_line_end(s->out);
}

/* A field a line: what stands between the commas of the outermost object. */
static void
tell_fields(struct journal_out *out, struct souk_text state)
{
    const char *began = state.at + 1, *end = state.at + state.length - 1;
    unsigned depth = 0;
    bool quoted = false;
    for (const char *at = began; at < end; at++) {
        if (*at == '\\') at++;
        else if (*at == '"') quoted = !quoted;
        else if (!quoted && (*at == '{' || *at == '[')) depth++;
        else if (!quoted && (*at == '}' || *at == ']')) depth--;
        bool last = at + 1 >= end;
        if (!last && (quoted || depth || *at != ',')) continue;
        journal_out_text(out, SOUK_TEXT("  "));
        journal_out_text(out, (struct souk_text){ began, (size_t)(at - began) + last });
        journal_out_text(out, SOUK_TEXT("\n"));
        began = at + 1;
    }
}

static const char *
row_name(const struct souk_kind *kind, enum souk_class class, uint32_t tag)
{
    const struct souk_row *row = journal_row(kind, class, tag);
    return row ? row->name : "(unknown)";
}

static void
tell_text(struct state *s, struct souk_text state)
{
    const struct souk_cell *cell = s->past.cell;
    char text[SOUK_CLOCK_TEXT_BYTES];
    (void)souk_clock_format(s->past.time_ms, text);
    journal_out_print(s->out, "%s %016" PRIx64 "%016" PRIx64 " at position %" PRIu64 "\n", cell->kind->name,
                      cell->key.high, cell->key.low, s->until);
    journal_out_print(s->out, "after %" PRIu64 " events; what it did last is at position %" PRIu64 ", %s\n",
                      s->past.events, cell->position, text);
    tell_fields(s->out, state);
    for (uint32_t i = 0; i < cell->asks_count; i++) {
        (void)souk_clock_format(cell->asks[i].due_ms, text);
        journal_out_print(s->out, "open: ask %u, for %s, until %s\n", cell->asks[i].number,
                          row_name(cell->kind, SOUK_REPLY, cell->asks[i].reply), text);
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct outstanding *o = &s->waiting[i];
        (void)souk_clock_format(o->due_ms, text);
        journal_out_print(s->out, "waiting: %s %s, sent at %" PRIu64 ".%u%s%s\n", class_name(o->class),
                          o->class == SOUK_OUTCOME ? "of an ask" : row_name(cell->kind, SOUK_COMMAND, o->tag),
                          o->id.position, o->id.ordinal, o->due_ms ? ", due " : "", o->due_ms ? text : "");
    }
}

static int
tell(struct state *s, char why[JOURNAL_WHY])
{
    size_t length = 0;
    if (!s->past.cell->position && !s->count) {
        snprintf(why, JOURNAL_WHY, "this %s has done nothing up to position %" PRIu64, s->past.cell->kind->name,
                 s->until);
        return JOURNAL_NOBODY;
    }
    souk_err err = render(s, &length);
    if (err) {
        snprintf(why, JOURNAL_WHY, "the state cannot be shown: %s", souk_err_text(err));
        return err == SOUK_ERR_MEMORY ? EX_OSERR : EX_DATAERR;
    }
    if (s->wanted->json) tell_json(s, (struct souk_text){ s->out->body, length });
    else tell_text(s, (struct souk_text){ s->out->body, length });
    return EX_OK;
}

static int
replay(struct state *s, char why[JOURNAL_WHY])
{
    uint64_t end = journal_durable(s->source);
    s->until = s->wanted->at < end ? s->wanted->at : end;
    struct souk_walk walk = { .next = 1, .until = s->until, .batch = take_batch, .arg = s };
    int status = journal_read(s->source, 1, &walk, why);
    if (s->past.failed) {
        snprintf(why, JOURNAL_WHY, "its events cannot be applied any more at position %" PRIu64 "%s%.200s",
                 s->past.cell->position, s->past.catch.what ? ": " : "",
                 s->past.catch.what ? s->past.catch.what : "");
        return EX_DATAERR;
    }
    if (status) return status;
    end = walk.next - 1;
    if (end < s->wanted->at && s->wanted->at != UINT64_MAX) {
        snprintf(why, JOURNAL_WHY, "the journal ends at position %" PRIu64, end);
        return EX_USAGE;
    }
    if (end < s->until) s->until = end;
    return tell(s, why);
}

int
journal_state(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
              char why[JOURNAL_WHY])
{
    souk_memory *memory = souk_memory_open();
    if (!memory) {
        snprintf(why, JOURNAL_WHY, "%s", souk_err_text(SOUK_ERR_MEMORY));
        return EX_OSERR;
    }
    struct state s = { .wanted = wanted, .source = source, .out = out, .heap = souk_heap_open(memory) };
    souk_past_open(&s.past, s.heap, wanted->kind, wanted->key);
    int status = replay(&s, why);
    souk_past_close(&s.past);
    souk_memory_close(&memory);
    return status;
}
