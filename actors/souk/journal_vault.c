/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_vault.c -- `souk journal verify`'s look at the vault: what recovery looks at (work/restore.c), and each
 * snapshot as well. A running node may end a checkpoint meanwhile, which deletes the tables of the one before: then
 * they are read again. See journal_verify.h. */
#include "journal_verify.h"

#include "work/past.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { TRIES = 8 };

SOUK_PRINTF(3, 4)
static souk_err
vault_wrong(struct verify *v, souk_err err, const char *format, ...)
{
    va_list arguments;
    int length = snprintf(v->why, JOURNAL_WHY, "%s", err == SOUK_ERR_VERSION ? "the vault " : "the vault is damaged: ");
    va_start(arguments, format);
    (void)vsnprintf(v->why + length, (size_t)(JOURNAL_WHY - length), format, arguments);
    va_end(arguments);
    return err;
}

static int
status_of(struct verify *v, souk_err err)
{
    const char *told = v->source->vault->why;
    if (!err) return EX_OK;
    if (err == SOUK_ERR_CLOSED) {
        snprintf(v->why, JOURNAL_WHY, "this was ended before its end");
        return EX_UNAVAILABLE;
    }
    if (!*v->why) snprintf(v->why, JOURNAL_WHY, "the vault cannot be read: %s", *told ? told : souk_err_text(err));
    return err == SOUK_ERR_IO ? EX_IOERR : err == SOUK_ERR_MEMORY ? EX_OSERR : EX_DATAERR;
}

static souk_err
each(struct verify *v, const char *prefix,
     souk_err (*entry)(void *arg, struct souk_bytes name, struct souk_bytes value))
{
    return v->source->vault->ops->each(v->source->vault, (struct souk_bytes){ prefix, 1 }, entry, v);
}

/* ---- Who has a snapshot. ---- */

static uint64_t
hash_of(souk_ref actor)
{
    uint64_t hash = souk_hash_mix(souk_hash_mix(actor.key.high ^ actor.kind) ^ actor.key.low);
    return hash ? hash : 1;
}

/* The actor's place in the table, or a free one; NULL while there is no table. */
static struct verify_latest *
latest_of(struct verify *v, uint64_t actor)
{
    if (!v->latest_slots) return NULL;
    uint64_t slot = actor & (v->latest_slots - 1);
    while (v->latest[slot].actor && v->latest[slot].actor != actor) slot = (slot + 1) & (v->latest_slots - 1);
    return &v->latest[slot];
}

static void
file_row(struct verify *v, const struct souk_index_row *row)
{
    if (2 * (v->latest_count + 1) > v->latest_slots) {
        struct verify_latest *old = v->latest;
        uint64_t slots = v->latest_slots;
        v->latest_slots = slots ? 2 * slots : 1024;
        v->latest = souk_heap_zalloc(v->heap, v->latest_slots * sizeof *v->latest);
        for (uint64_t i = 0; i < slots; i++)
            if (old[i].actor) *latest_of(v, old[i].actor) = old[i];
        souk_heap_free(v->heap, old, slots * sizeof *old);
    }
    struct verify_latest *l = latest_of(v, hash_of(row->actor));
    v->latest_count += !l->actor;
    *l = (struct verify_latest){ hash_of(row->actor), row->name > l->name ? row->name : l->name };
}

/* ---- The marker, the heads, the tables. ---- */

static void
note_seen(struct verify *v, uint64_t position, struct souk_link link)
{
    if (v->seen_count == v->seen_room) {
        size_t room = v->seen_room ? 2 * v->seen_room : 64;
        v->seen = souk_heap_grow(v->heap, v->seen, v->seen_room * sizeof *v->seen, room * sizeof *v->seen);
        v->seen_room = room;
    }
    v->seen[v->seen_count++] = (struct verify_seen){ position, link };
}

/* A value of the vault, for the caller to free. One that is missing has been lost. */
static souk_err
read_value(struct verify *v, struct souk_bytes name, void **value, size_t *length, const char *what, uint64_t number)
{
    souk_err err = v->source->vault->ops->get(v->source->vault, name, value, length);
    if (err != SOUK_ERR_MISSING) return err;
    return vault_wrong(v, SOUK_ERR_CORRUPT, "%s %" PRIu64 " is missing", what, number);
}

static souk_err
read_marker(struct verify *v)
{
    souk_vault *vault = v->source->vault;
    void *value = NULL;
    size_t length = 0;
    v->marker = (struct souk_marker){ .number = 0 };
    v->has_marker = v->outdated = false;
    souk_err err = vault->ops->get(vault, (struct souk_bytes){ "m", 1 }, &value, &length);
    if (err == SOUK_ERR_MISSING) return SOUK_OK;
    if (err) return err;
    err = souk_marker_read((struct souk_bytes){ value, length }, &v->marker, &v->outdated);
    free(value);
    if (err == SOUK_ERR_VERSION) return vault_wrong(v, err, "has a checkpoint of a later version of souk");
    if (err) return vault_wrong(v, err, "the checkpoint's marker cannot be read");
    v->has_marker = !v->outdated;
    if (v->has_marker) note_seen(v, v->marker.position, v->marker.link);
    return SOUK_OK;
}

static souk_err
check_table(struct verify *v, struct souk_bytes table, uint32_t shard)
{
    struct souk_batch_reader batch;
    size_t length;
    souk_err err = souk_batch_open(&batch, table, &(struct souk_link){ 0, 0 }, &length);
    if (err || length != table.length || batch.position != v->marker.position)
        return vault_wrong(v, SOUK_ERR_CORRUPT, "the table of shard %u cannot be read", shard);
    for (struct souk_step step;;) {
        err = souk_batch_next(&batch, &step);
        if (!err && step.class == SOUK_STEP_END) return SOUK_OK;
        if (err || step.class != SOUK_STEP_OUTSTANDING || step.send.id.position > v->marker.position)
            return vault_wrong(v, SOUK_ERR_CORRUPT, "the table of shard %u makes no sense", shard);
        if (!verify_send(v, &step, step.send.id.position)) continue;
        return vault_wrong(v, SOUK_ERR_CORRUPT, "the table of shard %u has a message %" PRIu64 ".%u that doesn't fit",
                           shard, step.send.id.position, step.send.id.ordinal);
    }
}

static souk_err
read_table(struct verify *v, uint64_t number, uint32_t shard)
{
    uint8_t name[SOUK_TABLE_NAME];
    void *value;
    size_t length;
    souk_table_name(name, number, shard);
    souk_err err = read_value(v, (struct souk_bytes){ name, sizeof name }, &value, &length, "a table of put", number);
    if (err) return err;
    err = check_table(v, (struct souk_bytes){ value, length }, shard);
    free(value);
    v->tables++;
    return err;
}

static souk_err
take_head(struct verify *v, uint64_t number, const struct souk_head *head)
{
    souk_err err = SOUK_OK;
    for (uint32_t i = 0; i < head->rows; i++) {
        struct souk_index_row row = souk_head_row(head, i);
        if (!journal_kind(row.actor.kind))
            return vault_wrong(v, SOUK_ERR_VERSION, "has actors of kind %u, which this program lacks", row.actor.kind);
        if (row.position > head->position)
            return vault_wrong(v, SOUK_ERR_CORRUPT, "put %" PRIu64 " has a snapshot from beyond what was durable",
                               number);
        if (!v->source->durable) file_row(v, &row);
        if (number > v->marker.head) continue;
        v->rows++;
        v->sum += souk_index_sum(&row);
    }
    for (uint32_t i = 0; i < head->tables && !err && head->checkpoint == v->marker.number; i++)
        err = read_table(v, number, souk_head_table(head, i));
    note_seen(v, head->position, head->link);
    return err;
}

/* From the last head to the first. */
static souk_err
read_heads(struct verify *v)
{
    souk_vault *vault = v->source->vault;
    uint8_t name[SOUK_SNAPSHOT_NAME];
    struct souk_head head;
    void *value = NULL;
    size_t length = 0;
    uint64_t number = 0;
    souk_err err = vault->ops->last(vault, (struct souk_bytes){ "c", 1 }, name, sizeof name, &length);
    if (err && err != SOUK_ERR_MISSING) return err;
    bool sound = err || souk_head_parse_name((struct souk_bytes){ name, length }, &number);
    if (!sound || number < v->marker.head)
        return vault_wrong(v, SOUK_ERR_CORRUPT, "its last put is not whole, or not there");
    for (err = SOUK_OK; number && !err; number = head.before) {
        if (!journal_goes_on(v->source)) return SOUK_ERR_CLOSED;
        souk_head_name(name, number);
        err = read_value(v, (struct souk_bytes){ name, SOUK_HEAD_NAME }, &value, &length, "the head of put", number);
        if (err) return err;
        if (!souk_head_read((struct souk_bytes){ value, length }, &head) || head.before >= number)
            err = vault_wrong(v, SOUK_ERR_CORRUPT, "the head of put %" PRIu64 " cannot be read", number);
        else err = take_head(v, number, &head);
        free(value);
    }
    return err;
}

/* Once. *again: another checkpoint was ended meanwhile. */
static souk_err
read_once(struct verify *v, bool *again)
{
    *again = false;
    v->rows = v->sum = v->tables = 0;
    v->seen_count = 0;
    *v->why = 0;
    souk_err err = read_marker(v);
    if (err || v->outdated) return err;
    uint64_t number = v->marker.number;
    err = read_heads(v);
    if (!err && (v->rows != v->marker.rows || v->sum != v->marker.sum))
        err = vault_wrong(v, SOUK_ERR_CORRUPT, "it lists %" PRIu64 " of %" PRIu64 " snapshots, or others", v->rows,
                          v->marker.rows);
    if (!err && v->tables != v->marker.tables)
        err = vault_wrong(v, SOUK_ERR_CORRUPT, "it has %u of %u tables", v->tables, v->marker.tables);
    if (!err || err == SOUK_ERR_CLOSED || !v->source->durable) return err;
    struct verify later = { .source = v->source, .why = (char[JOURNAL_WHY]){ 0 }, .heap = v->heap };
    *again = !read_marker(&later) && later.marker.number != number;
    return err;
}

static int
by_position(const void *a, const void *b)
{
    uint64_t x = ((const struct verify_seen *)a)->position, y = ((const struct verify_seen *)b)->position;
    return x < y ? -1 : x > y;
}

int
verify_checkpoint(struct verify *v)
{
    bool again = true;
    souk_err err = SOUK_OK;
    for (unsigned i = 0; i < TRIES && again; i++) err = read_once(v, &again);
    if (v->seen_count) qsort(v->seen, v->seen_count, sizeof *v->seen, by_position);
    return status_of(v, err);
}

souk_err
verify_link(struct verify *v, const struct souk_batch_reader *batch)
{
    for (; v->seen_at < v->seen_count && v->seen[v->seen_at].position <= batch->position; v->seen_at++) {
        const struct verify_seen *s = &v->seen[v->seen_at];
        if (s->position && (s->link.high != batch->link.high || s->link.low != batch->link.low))
            return verify_wrong(v, "another history than the checkpoint's", batch->position);
    }
    return SOUK_OK;
}

/* ---- Snapshots. ---- */

static souk_err
bad_snapshot(struct verify *v, souk_ref actor, const char *what)
{
    return vault_wrong(v, SOUK_ERR_CORRUPT, "the snapshot of %s %016" PRIx64 "%016" PRIx64 " %s",
                       journal_kind(actor.kind)->name, actor.key.high, actor.key.low, what);
}

static souk_err
take_snapshot(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    struct verify *v = arg;
    struct souk_snapshot_head head;
    uint64_t number;
    souk_ref actor;
    if (!journal_goes_on(v->source)) return SOUK_ERR_CLOSED;
    if (name.length == SOUK_HEAD_NAME || name.length == SOUK_TABLE_NAME) return SOUK_OK;
    if (!souk_snapshot_parse_name(name, &number, &actor.kind, &actor.key))
        return vault_wrong(v, SOUK_ERR_CORRUPT, "it has a snapshot of nobody");
    if (!journal_kind(actor.kind))
        return vault_wrong(v, SOUK_ERR_VERSION, "has actors of kind %u, which this program lacks", actor.kind);
    if (!souk_snapshot_peek(value, &head)) return bad_snapshot(v, actor, "cannot be read");
    /* A running node writes one only when the journal has reached it, so this is asked afterwards. */
    uint64_t end = v->source->durable ? journal_durable(v->source) : v->walk.next ? v->walk.next - 1 : 0;
    if (head.position > end) return bad_snapshot(v, actor, "is from beyond the journal's end");
    struct souk_past past;
    souk_past_open(&past, v->heap, journal_kind(actor.kind), actor.key);
    bool sound = souk_snapshot_read(past.cell, value, v->heap);
    souk_past_close(&past);
    if (!sound) return bad_snapshot(v, actor, "cannot be read");
    v->snapshots++;
    if (v->source->durable) return SOUK_OK;
    const struct verify_latest *l = latest_of(v, hash_of(actor));
    if (!l || l->name < number) return bad_snapshot(v, actor, "is listed nowhere");
    v->found += l->name == number; /* An older one may stay. */
    return SOUK_OK;
}

int
verify_snapshots(struct verify *v)
{
    uint64_t end = v->walk.next ? v->walk.next - 1 : 0;
    if (v->seen_at < v->seen_count && v->seen[v->seen_at].position > end) {
        verify_wrong(v, "it ends before the checkpoint", end);
        return EX_DATAERR;
    }
    if (v->outdated) return EX_OK;
    souk_err err = each(v, "c", take_snapshot);
    if (!err && !v->source->durable && v->found != v->latest_count)
        err = vault_wrong(v, SOUK_ERR_CORRUPT, "%" PRIu64 " of %" PRIu64 " actors have lost their snapshots",
                          v->latest_count - v->found, v->latest_count);
    return status_of(v, err);
}
