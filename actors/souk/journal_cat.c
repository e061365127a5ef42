/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_cat.c -- `souk journal cat`: a line of JSON for each batch and each step, in the journal's order; see
 * docs/journal.md for what is in which. Each names one actor at most, and it is that which --kind and --key choose by:
 * whose turn, event or ask it is, whom a message is for, who calls a port. */
#include "journal_inside.h"

#include "provider_port.h"

#include "cell/turn.h"
#include "work/walk.h"

#include <stdlib.h>
#include <sysexits.h>

struct cat {
    const struct journal_wanted *wanted;
    const struct journal_source *source;
    struct journal_out *out;
    uint64_t lines;
    struct souk_batch_reader *batch;
    souk_ref *actors;       /* The batch's dictionary. */
    uint32_t count, room;
    uint32_t turn;          /* Whose turn it is, in the dictionary. */
    uint64_t turn_ms;
    uint32_t events;        /* Of the batch so far. */
};

/* ---- Lines. ---- */

static bool
wants(const struct cat *c, souk_ref actor, uint64_t ms)
{
    const struct journal_wanted *w = c->wanted;
    if (w->kind_number && w->kind_number != actor.kind) return false;
    if (!souk_key_none(w->key) && !souk_key_equal(w->key, actor.key)) return false;
    return ms >= w->since_ms && ms < w->until_ms;
}

/* How each line begins. `ordinal` is below zero where there is none; an actor of kind 0 is nobody. */
static souk_json_writer *
begin(struct cat *c, const char *what, int64_t ordinal, uint64_t ms, souk_ref actor)
{
    souk_json_writer *w = journal_line(c->out);
    souk_json_put_u64(w, "position", c->batch->position);
    souk_json_put_text(w, "what", souk_text_of(what));
    if (ordinal >= 0) souk_json_put_i64(w, "ordinal", ordinal);
    journal_put_time(w, NULL, ms);
    if (!actor.kind) return w;
    journal_put_kind(w, "kind", actor.kind);
    journal_put_key(w, "key", actor.key);
    return w;
}

static void
end(struct cat *c)
{
    journal_line_end(c->out);
    c->lines++;
}

static void
put_id(souk_json_writer *w, const char *name, struct souk_id id)
{
    souk_json_key(w, name);
    if (!id.position) {
        souk_json_null(w);
        return;
    }
    souk_json_object_open(w);
    souk_json_put_u64(w, "position", id.position);
    souk_json_put_u64(w, "ordinal", id.ordinal);
    souk_json_object_close(w);
}

static const char *
note_of(const struct souk_kind *kind, const struct souk_row *row)
{
    return !kind ? "this program lacks the kind" : !row ? "this program lacks the message" : NULL;
}

static void
show_batch(struct cat *c, const struct souk_batch_reader *batch, size_t length)
{
    const souk_ref nobody = { 0 };
    if (c->wanted->events_only || !wants(c, nobody, batch->time_ms)) return;
    souk_json_writer *w = begin(c, "batch", -1, batch->time_ms, nobody);
    souk_json_put_u64(w, "worker", batch->worker);
    souk_json_put_u64(w, "bytes", length);
    journal_put_key(w, "link", (souk_key){ batch->link.high, batch->link.low });
    end(c);
}

static void
show_event(struct cat *c, const struct souk_step *step, souk_ref actor)
{
    int64_t ordinal = c->events++;
    if (!wants(c, actor, c->turn_ms)) return;
    const struct souk_kind *kind = journal_kind(actor.kind);
    const struct souk_row *row = journal_event(kind, step->tag);
    souk_json_writer *w = begin(c, "event", ordinal, c->turn_ms, actor);
    journal_put_row(w, "event", row, step->tag);
    journal_put_body(c->out, row ? row->layout : NULL, step->body, note_of(kind, row));
    end(c);
}

/* ---- Messages. ---- */

static void
put_asker(souk_json_writer *w, souk_asker asker)
{
    souk_json_key(w, "asker");
    souk_json_object_open(w);
    journal_put_kind(w, "kind", asker.kind);
    journal_put_key(w, "key", asker.key);
    souk_json_put_u64(w, "number", asker.number);
    souk_json_object_close(w);
}

/* A command, an ask or an alarm. */
static void
put_command(struct cat *c, const struct souk_message *m, struct souk_bytes body)
{
    souk_json_writer *w = &c->out->line;
    const struct souk_kind *kind = journal_kind(m->to.kind);
    const struct souk_row *row = journal_row(kind, SOUK_COMMAND, m->tag);
    journal_put_row(w, "message", row, m->tag);
    if (m->class == SOUK_ASK) put_asker(w, m->asker);
    if (m->class == SOUK_WAKE) journal_put_time(w, "due", m->due_ms);
    journal_put_body(c->out, row ? row->layout : NULL, body, note_of(kind, row));
}

static void
put_outcome(struct cat *c, const struct souk_message *m, struct souk_bytes body)
{
    static const char *const endings[] = { "done", "refused", "late", "dead" };
    souk_json_writer *w = &c->out->line;
    souk_json_put_u64(w, "number", m->asker.number);
    souk_json_put_text(w, "ending", souk_text_of(endings[m->ending]));
    const char *refusal = journal_refusal(m->refusal);
    if (refusal) souk_json_put_text(w, "refusal", souk_text_of(refusal));
    else if (m->refusal) souk_json_put_u64(w, "refusal", m->refusal);
    journal_put_body(c->out, NULL, body, NULL); /* Of which record, only its asker knows. */
}

static void
put_call(struct cat *c, const struct souk_message *m, struct souk_bytes body)
{
    souk_json_writer *w = &c->out->line;
    struct souk_text operation;
    struct souk_bytes record = body;
    const struct souk_layout *layout = NULL;
    const char *note = "the body names no operation";
    souk_json_put_u64(w, "number", m->asker.number);
    if (m->to.kind == souk_payment_port.number) souk_json_put_text(w, "port", souk_text_of(souk_payment_port.name));
    else souk_json_put_u64(w, "port", m->to.kind);
    journal_put_key(w, "call", m->to.key);
    journal_put_row(w, "reply", journal_row(journal_kind(m->asker.kind), SOUK_REPLY, m->tag), m->tag);
    journal_put_time(w, "due", m->due_ms);
    if (journal_call_open(body, &operation, &record)) {
        souk_json_put_text(w, "operation", operation);
        layout = journal_operation(operation);
        note = layout ? NULL : "this program lacks the operation";
    }
    journal_put_body(c->out, layout, record, note);
}

static void
show_send(struct cat *c, const struct souk_step *step)
{
    static const char *const classes[] = { [SOUK_TELL] = "command", [SOUK_ASK] = "ask", [SOUK_OUTCOME] = "outcome",
                                           [SOUK_WAKE] = "alarm", [SOUK_CALL] = "call" };
    const struct souk_message *m = &step->send;
    souk_ref actor = m->class == SOUK_CALL ? (souk_ref){ m->asker.kind, m->asker.key } : m->to;
    if (c->wanted->events_only || !wants(c, actor, m->time_ms)) return;
    souk_json_writer *w = begin(c, "send", m->id.ordinal, m->time_ms, actor);
    souk_json_put_text(w, "class", souk_text_of(classes[m->class]));
    if (m->class == SOUK_CALL) put_call(c, m, step->body);
    else if (m->class == SOUK_OUTCOME) put_outcome(c, m, step->body);
    else put_command(c, m, step->body);
    end(c);
}

/* ---- The other steps. ---- */

static void
show_other(struct cat *c, const struct souk_step *step, souk_ref actor)
{
    static const char *const names[] = { [SOUK_STEP_TURN] = "turn", [SOUK_STEP_OPENED] = "opened",
                                         [SOUK_STEP_CLOSED] = "closed", [SOUK_STEP_ATTEMPT] = "attempt",
                                         [SOUK_STEP_DEAD] = "dead" };
    uint64_t ms = step->class == SOUK_STEP_TURN || step->class == SOUK_STEP_DEAD ? c->turn_ms : c->batch->time_ms;
    if (c->wanted->events_only || !wants(c, actor, ms)) return;
    souk_json_writer *w = begin(c, names[step->class], -1, ms, actor);
    if (step->class == SOUK_STEP_TURN) put_id(w, "cause", step->cause);
    if (step->class == SOUK_STEP_ATTEMPT) put_id(w, "message", step->cause);
    if (step->class == SOUK_STEP_ATTEMPT) souk_json_put_u64(w, "attempt", step->number);
    if (step->class == SOUK_STEP_DEAD) souk_json_put_u64(w, "attempts", step->number);
    if (step->class == SOUK_STEP_OPENED || step->class == SOUK_STEP_CLOSED)
        souk_json_put_u64(w, "number", step->number);
    if (step->class == SOUK_STEP_OPENED) {
        journal_put_row(w, "reply", journal_row(journal_kind(actor.kind), SOUK_REPLY, step->tag), step->tag);
        journal_put_time(w, "due", step->due_ms);
    }
    end(c);
}

static bool
add_actor(struct cat *c, souk_ref actor)
{
    if (c->count == c->room) {
        uint32_t room = c->room ? 2 * c->room : 64;
        souk_ref *more = realloc(c->actors, room * sizeof *more);
        if (!more) return false;
        c->actors = more;
        c->room = room;
    }
    c->actors[c->count++] = actor;
    return true;
}

static souk_err
show_step(struct cat *c, const struct souk_step *step)
{
    bool names_actor = step->class == SOUK_STEP_TURN || step->class == SOUK_STEP_OPENED ||
                       step->class == SOUK_STEP_CLOSED;
    bool of_turn = step->class == SOUK_STEP_EVENT || step->class == SOUK_STEP_DEAD;
    if (step->class == SOUK_STEP_OUTSTANDING) return SOUK_ERR_CORRUPT; /* A checkpoint's. */
    if (step->class == SOUK_STEP_ACTOR)
        return add_actor(c, (souk_ref){ step->kind, step->key }) ? SOUK_OK : SOUK_ERR_MEMORY;
    if (step->class == SOUK_STEP_TURN) {
        c->turn = step->actor;
        c->turn_ms = step->time_ms;
    }
    uint32_t whose = names_actor ? step->actor : c->turn;
    if ((names_actor || of_turn) && whose >= c->count) return SOUK_ERR_CORRUPT;
    souk_ref actor = names_actor || of_turn ? c->actors[whose] : (souk_ref){ 0 };
    if (step->class == SOUK_STEP_EVENT) show_event(c, step, actor);
    else if (step->class == SOUK_STEP_SEND) show_send(c, step);
    else show_other(c, step, actor);
    return SOUK_OK;
}

static souk_err
take_batch(void *arg, struct souk_batch_reader *batch, size_t length)
{
    struct cat *c = arg;
    if (batch->position < c->wanted->from) return SOUK_OK;
    if (!journal_goes_on(c->source)) return SOUK_ERR_CLOSED;
    c->batch = batch;
    c->count = c->events = 0;
    c->turn = UINT32_MAX;
    c->turn_ms = batch->time_ms;
    if (c->lines < c->wanted->limit) show_batch(c, batch, length);
    for (struct souk_step step;;) {
        if (c->lines >= c->wanted->limit || c->out->gone) return SOUK_ERR_CLOSED;
        souk_err err = souk_batch_next(batch, &step);
        if (err || step.class == SOUK_STEP_END) return err;
        err = show_step(c, &step);
        if (err) return err;
    }
}

int
journal_cat(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
            char why[JOURNAL_WHY])
{
    struct cat c = { .wanted = wanted, .source = source, .out = out };
    struct souk_walk walk = { .batch = take_batch, .arg = &c };
    uint64_t next = wanted->from;
    int status = EX_OK;
    for (;;) {
        uint64_t durable = journal_durable(source);
        walk.until = durable < wanted->to ? durable : wanted->to;
        if (next <= walk.until) status = journal_read(source, next, &walk, why);
        if (walk.next > next) next = walk.next;
        journal_out_flush(out);
        bool more = wanted->follow && source->wait && c.lines < wanted->limit && !out->gone && durable < wanted->to;
        if (status || !more || !source->wait(source->arg, durable)) break;
    }
    free(c.actors);
    return status;
}
