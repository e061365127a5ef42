/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_verify.c -- `souk journal verify`: reads all that is stored and says whether it is sound: groups and
 * their numbers, positions, the chain, each batch's grammar, each body by its table, the checkpoint's marker, each
 * snapshot. (Where the journal must end, the tail file says, which is held against it whenever a directory is opened.)
 * Whether what happened makes sense is the question of `souk check`. Changes nothing. */
#include "journal_inside.h"

#include "work/dead.h"
#include "work/past.h"
#include "work/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct verify {
    const struct journal_source *source;
    struct journal_out *out;
    char *why;
    bool has_marker, marker_seen;
    struct souk_marker marker;
    uint64_t groups, batches, steps, bytes, snapshots;
    uint32_t *kinds;          /* Of the actors in the batch's dictionary. */
    uint32_t count, room;
    uint8_t *scratch;
    souk_heap *heap;
    struct souk_walk walk;
};

static souk_err
wrong(struct verify *v, const char *what, uint64_t position)
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
    const struct souk_row *row = journal_row(kind, class, tag);
    if (!row) return lacks(v, class == SOUK_EVENT ? "an event" : "a message", tag, position);
    if (journal_body_fits(row->layout, body, v->scratch)) return SOUK_OK;
    return wrong(v, class == SOUK_EVENT ? "an event that doesn't fit its table"
                                        : "a message that doesn't fit its table", position);
}

/* An outcome's record is its asker's to know: it is one value of msgpack, or nothing. */
static souk_err
check_send(struct verify *v, const struct souk_step *step, uint64_t position)
{
    const struct souk_message *m = &step->send;
    struct souk_text operation;
    struct souk_bytes record;
    size_t length = 0;
    if (m->class == SOUK_OUTCOME) {
        if (!journal_kind(m->to.kind)) return lacks(v, "actors of kind", m->to.kind, position);
        bool one = !step->body.length || (!souk_scan(step->body, UINT32_MAX, &length) && length == step->body.length);
        return one ? SOUK_OK : wrong(v, "an outcome that is no record", position);
    }
    if (m->class != SOUK_CALL) return check_body(v, m->to.kind, SOUK_COMMAND, m->tag, step->body, position);
    if (!journal_call_open(step->body, &operation, &record)) return wrong(v, "a port call without its name", position);
    const struct souk_layout *layout = journal_operation(operation);
    if (!layout || !journal_body_fits(layout, record, v->scratch))
        return wrong(v, "a port call that doesn't fit its table", position);
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
        if (step->actor >= v->count) return wrong(v, "a turn of nobody", position);
        return step->cause.position < position ? SOUK_OK : wrong(v, "a turn before its cause", position);
    case SOUK_STEP_EVENT:
        if (*turn >= v->count) return wrong(v, "an event of nobody", position);
        return check_body(v, v->kinds[*turn], SOUK_EVENT, step->tag, step->body, position);
    case SOUK_STEP_SEND: return check_send(v, step, position);
    case SOUK_STEP_OPENED:
        if (step->actor >= v->count) return wrong(v, "an ask of nobody", position);
        if (journal_row(journal_kind(v->kinds[step->actor]), SOUK_REPLY, step->tag)) return SOUK_OK;
        return lacks(v, "a reply", step->tag, position);
    case SOUK_STEP_CLOSED: return step->actor < v->count ? SOUK_OK : wrong(v, "the end of an ask of nobody", position);
    case SOUK_STEP_ATTEMPT:
        return step->cause.position <= position ? SOUK_OK : wrong(v, "an attempt before its message", position);
    case SOUK_STEP_DEAD: return *turn < v->count ? SOUK_OK : wrong(v, "a dead message of nobody", position);
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
    if (v->has_marker && batch->position == v->marker.position) {
        v->marker_seen = true;
        if (memcmp(&batch->link, &v->marker.link, sizeof batch->link))
            return wrong(v, "another history than the checkpoint's", batch->position);
    }
    for (struct souk_step step;;) {
        if (souk_batch_next(batch, &step)) return wrong(v, "a batch that cannot be read", batch->position);
        if (step.class == SOUK_STEP_END) return SOUK_OK;
        v->steps++;
        souk_err err = check_step(v, batch, &step, &turn);
        if (err) return err;
    }
}

static souk_err
take_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct verify *v = arg;
    if (!v->groups && first != 1) return wrong(v, "its beginning is not there; it begins", first);
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
    int status = journal_failed(v->source, err, &v->walk, v->why);
    if (status || !v->has_marker || !v->marker.position || v->marker_seen) return status;
    wrong(v, "it ends before the checkpoint", v->walk.next ? v->walk.next - 1 : 0);
    return EX_DATAERR;
}

/* ---- The vault. ---- */

static souk_err
bad_snapshot(struct verify *v, const struct souk_kind *kind, souk_key key, const char *what)
{
    snprintf(v->why, JOURNAL_WHY, "the vault is damaged: the snapshot of %s %016llx%016llx %s",
             kind ? kind->name : "an unknown kind", (unsigned long long)key.high, (unsigned long long)key.low, what);
    return SOUK_ERR_CORRUPT;
}

static souk_err
take_snapshot(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    struct verify *v = arg;
    struct souk_snapshot_head head;
    uint32_t number;
    souk_key key;
    if (!journal_goes_on(v->source)) return SOUK_ERR_CLOSED;
    if (!souk_snapshot_parse_name(name, &number, &key)) {
        snprintf(v->why, JOURNAL_WHY, "the vault is damaged: it holds a snapshot of nobody");
        return SOUK_ERR_CORRUPT;
    }
    const struct souk_kind *kind = journal_kind(number);
    if (!kind) {
        snprintf(v->why, JOURNAL_WHY, "the vault has actors of kind %u, which this program lacks", number);
        return SOUK_ERR_VERSION;
    }
    if (!souk_snapshot_peek(value, &head)) return bad_snapshot(v, kind, key, "cannot be read");
    /* A running node writes one only when the journal has reached it, so this is asked afterwards. */
    uint64_t end = v->source->durable ? journal_durable(v->source) : v->walk.next ? v->walk.next - 1 : 0;
    if (head.position > end) return bad_snapshot(v, kind, key, "is from beyond the journal's end");
    struct souk_past past;
    souk_past_open(&past, v->heap, kind, key);
    bool sound = souk_snapshot_read(past.cell, value, v->heap);
    souk_past_close(&past);
    v->snapshots++;
    return sound ? SOUK_OK : bad_snapshot(v, kind, key, "cannot be read");
}

static int
vault_failed(struct verify *v, souk_err err)
{
    if (!err || err == SOUK_ERR_CLOSED) return EX_OK;
    if (!*v->why)
        snprintf(v->why, JOURNAL_WHY, "the vault cannot be read: %s",
                 *v->source->vault->why ? v->source->vault->why : souk_err_text(err));
    return err == SOUK_ERR_IO ? EX_IOERR : err == SOUK_ERR_MEMORY ? EX_OSERR : EX_DATAERR;
}

static int
read_marker(struct verify *v)
{
    souk_vault *vault = v->source->vault;
    void *value = NULL;
    size_t length = 0;
    souk_err err = vault->ops->get(vault, (struct souk_bytes){ "m", 1 }, &value, &length);
    if (err == SOUK_ERR_MISSING) return EX_OK;
    v->has_marker = !err && souk_marker_read((struct souk_bytes){ value, length }, &v->marker);
    free(value);
    if (!err && !v->has_marker) {
        snprintf(v->why, JOURNAL_WHY, "the vault is damaged: the checkpoint's marker cannot be read");
        err = SOUK_ERR_CORRUPT;
    }
    return vault_failed(v, err);
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
    int status = read_marker(&v); /* First: what it vouches for is durable by now. */
    if (!status) status = read_journal(&v);
    if (!status)
        status = vault_failed(&v, source->vault->ops->each(source->vault, (struct souk_bytes){ "s", 1 }, take_snapshot,
                                                           &v));
    if (!status) tell(&v);
    souk_memory_close(&memory);
    return status;
}
