/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_verify.c -- `souk journal verify`: reads all that is stored and says whether it is sound: groups and
 * their numbers, positions, the chain, each batch's grammar, each body by its table; and, in journal_vault.c, what
 * checkpoints have left. (Where the journal must end, the tail file says, which is held against it whenever a directory
 * is opened.) Whether what happened makes sense is the question of `souk check`. Changes nothing. */
#include "journal_verify.h"

#include "cell/turn.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

souk_err
verify_wrong(struct verify *v, const char *what, uint64_t position)
{
    snprintf(v->why, JOURNAL_WHY, "the journal is damaged: %s at position %" PRIu64, what, position);
    return SOUK_ERR_CORRUPT;
}

static souk_err
lacks(struct verify *v, const char *what, uint32_t number, uint64_t position)
{
    snprintf(v->why, JOURNAL_WHY, "the journal has %s %u, which this program lacks, at position %" PRIu64, what, number,
             position);
    return SOUK_ERR_VERSION;
}

/* ---- Steps. ---- */

static souk_err
check_body(struct verify *v, uint32_t number, enum souk_class class, uint32_t tag, struct souk_bytes body,
           uint64_t position)
{
    const struct souk_kind *kind = journal_kind(number);
    if (!kind) return lacks(v, "actors of kind", number, position);
    const struct souk_row *row = class == SOUK_EVENT ? journal_event(kind, tag) : journal_row(kind, class, tag);
    if (!row) return lacks(v, class == SOUK_EVENT ? "an event" : "a message", tag, position);
    if (journal_body_fits(row->layout, body, v->scratch)) return SOUK_OK;
    const char *what = class == SOUK_EVENT ? "an event that doesn't fit its table"
                                           : "a message that doesn't fit its table";
    return verify_wrong(v, what, position);
}

/* An outcome's record is its asker's to know: it is one value of msgpack, or nothing. */
souk_err
verify_send(struct verify *v, const struct souk_step *step, uint64_t position)
{
    const struct souk_message *m = &step->send;
    struct souk_text operation;
    struct souk_bytes record;
    size_t length = 0;
    if (m->class == SOUK_OUTCOME) {
        if (!journal_kind(m->to.kind)) return lacks(v, "actors of kind", m->to.kind, position);
        bool one = !step->body.length || (!souk_scan(step->body, UINT32_MAX, &length) && length == step->body.length);
        return one ? SOUK_OK : verify_wrong(v, "an outcome that is no record", position);
    }
    if (m->class != SOUK_CALL) return check_body(v, m->to.kind, SOUK_COMMAND, m->tag, step->body, position);
    if (!journal_call_open(step->body, &operation, &record))
        return verify_wrong(v, "a port call without its name", position);
    const struct souk_layout *layout = journal_operation(operation);
    if (!layout || !journal_body_fits(layout, record, v->scratch))
        return verify_wrong(v, "a port call that doesn't fit its table", position);
    return journal_row(journal_kind(m->asker.kind), SOUK_REPLY, m->tag) ? SOUK_OK
                                                                        : lacks(v, "a reply", m->tag, position);
}

static souk_err
add_actor(struct verify *v, uint32_t kind, uint64_t position)
{
    if (!journal_kind(kind)) return lacks(v, "actors of kind", kind, position);
    if (v->count == v->room) {
        uint32_t room = v->room ? 2 * v->room : 64;
        v->kinds = souk_heap_grow(v->heap, v->kinds, v->room * sizeof *v->kinds, room * sizeof *v->kinds);
        v->room = room;
    }
    v->kinds[v->count++] = kind;
    return SOUK_OK;
}

/* One step; `turn` is whose turn it is, in the dictionary, or UINT32_MAX. */
static souk_err
check_step(struct verify *v, const struct souk_batch_reader *batch, const struct souk_step *step, uint32_t *turn)
{
    uint64_t position = batch->position;
    switch (step->class) {
    case SOUK_STEP_ACTOR: return add_actor(v, step->kind, position);
    case SOUK_STEP_TURN:
        *turn = step->actor;
        if (step->actor >= v->count) return verify_wrong(v, "a turn of nobody", position);
        return step->cause.position < position ? SOUK_OK : verify_wrong(v, "a turn before its cause", position);
    case SOUK_STEP_EVENT:
        if (*turn >= v->count) return verify_wrong(v, "an event of nobody", position);
        return check_body(v, v->kinds[*turn], SOUK_EVENT, step->tag, step->body, position);
    case SOUK_STEP_SEND: return verify_send(v, step, position);
    case SOUK_STEP_OPENED:
        if (step->actor >= v->count) return verify_wrong(v, "an ask of nobody", position);
        if (journal_row(journal_kind(v->kinds[step->actor]), SOUK_REPLY, step->tag)) return SOUK_OK;
        return lacks(v, "a reply", step->tag, position);
    case SOUK_STEP_CLOSED:
        return step->actor < v->count ? SOUK_OK : verify_wrong(v, "the end of an ask of nobody", position);
    case SOUK_STEP_ATTEMPT:
        return step->cause.position <= position ? SOUK_OK : verify_wrong(v, "an attempt before its message", position);
    case SOUK_STEP_DEAD: return *turn < v->count ? SOUK_OK : verify_wrong(v, "a dead message of nobody", position);
    case SOUK_STEP_OUTSTANDING: return verify_wrong(v, "a step of a checkpoint", position);
    case SOUK_STEP_END: break;
    }
    return SOUK_OK;
}

/* ---- The journal. ---- */

static souk_err
take_batch(void *arg, struct souk_batch_reader *batch, size_t length)
{
    struct verify *v = arg;
    uint32_t turn = UINT32_MAX;
    if (!journal_goes_on(v->source)) return SOUK_ERR_CLOSED;
    v->batches++;
    v->bytes += length;
    v->count = 0;
    souk_err err = verify_link(v, batch);
    if (err) return err;
    for (struct souk_step step;;) {
        if (souk_batch_next(batch, &step)) return verify_wrong(v, "a batch that cannot be read", batch->position);
        if (step.class == SOUK_STEP_END) return SOUK_OK;
        v->steps++;
        err = check_step(v, batch, &step, &turn);
        if (err) return err;
    }
}

static souk_err
take_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct verify *v = arg;
    if (!v->groups && first != 1) return verify_wrong(v, "its beginning is not there; it begins", first);
    if (first > v->walk.until) return SOUK_ERR_CLOSED;
    v->groups++;
    return souk_walk_group(&v->walk, first, bytes);
}

static int
read_journal(struct verify *v)
{
    souk_journal *journal = v->source->journal;
    v->walk = (struct souk_walk){ .until = journal_durable(v->source), .batch = take_batch, .arg = v };
    souk_err err = journal->ops->read(journal, 1, take_group, v);
    return journal_failed(v->source, err, &v->walk, v->why);
}

static void
tell(const struct verify *v)
{
    struct journal_out *out = v->out;
    journal_out_print(out, "sound: %" PRIu64 " groups, %" PRIu64 " batches, %" PRIu64 " steps, %" PRIu64 " bytes",
                      v->groups, v->batches, v->steps, v->bytes);
    if (v->batches)
        journal_out_print(out, ", up to position %" PRIu64 ", where the chain's link is %016" PRIx64 "%016" PRIx64,
                          v->walk.next - 1, v->walk.link.high, v->walk.link.low);
    journal_out_print(out, "; %" PRIu64 " snapshots", v->snapshots);
    if (v->has_marker) journal_out_print(out, ", a checkpoint at position %" PRIu64, v->marker.position);
    if (v->outdated) journal_out_text(out, SOUK_TEXT(", not looked at: an earlier version's, and no longer used"));
    journal_out_text(out, SOUK_TEXT("\n"));
}

int
journal_verify(const struct journal_wanted *wanted SOUK_UNUSED, const struct journal_source *source,
               struct journal_out *out, char why[JOURNAL_WHY])
{
    souk_memory *memory = souk_memory_open();
    if (!memory) {
        snprintf(why, JOURNAL_WHY, "%s", souk_err_text(SOUK_ERR_MEMORY));
        return EX_OSERR;
    }
    souk_heap *heap = souk_heap_open(memory);
    struct verify v = { .source = source, .out = out, .why = why, .heap = heap,
                        .scratch = souk_heap_alloc(heap, SOUK_SCRATCH_BYTES) };
    int status = verify_checkpoint(&v); /* First: what it vouches for is durable by now. */
    if (!status) status = read_journal(&v);
    if (!status) status = verify_snapshots(&v);
    if (!status) tell(&v);
    souk_memory_close(&memory);
    return status;
}
