/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_read.c -- reads a journal from its first position to its end and tells the model what happened.
 *
 * It verifies what recovery verifies (the chain of links, positions without a gap, the marker of the last checkpoint),
 * and that messages are handled once (I7): each id that a batch consumed was sent by an earlier one, to that actor, and
 * is consumed by no other; each ask that is on record is opened once and closed once. */
#include "check_model.h"

#include "work/checkpoint.h"
#include "work/partition.h"

#include "account.h"
#include "address.h"
#include "order.h"
#include "payment.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"
#include "work/dead.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP_MS = 1000 }; /* Between two batches a node that has something to do is never silent for so long. */

/* Room for one more in a list of c. */
#define ROOM_FOR_ONE(c, list)                                                                                  \
    do {                                                                                                       \
        if ((c)->list##_count == (c)->list##_room) {                                                           \
            size_t room = (c)->list##_room ? 2 * (size_t)(c)->list##_room : 64;                                \
            (c)->list = souk_heap_grow((c)->heap, (c)->list, (c)->list##_room * sizeof *(c)->list,             \
                                       room * sizeof *(c)->list);                                              \
            (c)->list##_room = (__typeof__((c)->list##_room))room;                                             \
        }                                                                                                      \
    } while (0)

static souk_err
damaged(struct check *c, const char *what, uint64_t position)
{
    snprintf(c->report->why, sizeof c->report->why, "the journal is damaged: %s at position %" PRIu64, what, position);
    return SOUK_ERR_CORRUPT;
}

/* ---- Time. ---- */

/* The journal's clock goes on; where it is silent for long, most of that time does not count as run. */
static void
tick(struct check *c, uint64_t time_ms)
{
    if (time_ms <= c->now_ms) return;
    if (c->now_ms && time_ms - c->now_ms > GAP_MS) {
        c->lost_ms += time_ms - c->now_ms - GAP_MS;
        ROOM_FOR_ONE(c, gaps);
        c->gaps[c->gaps_count++] = (struct check_gap){ c->now_ms, time_ms, c->lost_ms };
    }
    c->now_ms = time_ms;
}

/* ---- Messages. ---- */

static souk_key
id_of(struct souk_id id)
{
    return (souk_key){ id.position, id.ordinal };
}

static void
count_pending(struct check *c, uint32_t order, int32_t by)
{
    struct check_order *about = check_order_at(c, order);
    if (about) about->pending += by;
}

static void
count_alarm(struct check *c, const struct check_sent *sent, int32_t by)
{
    if (sent->class != SOUK_WAKE) return;
    struct check_stock *stock = sent->kind == stock_kind_number ? souk_check_table_find(&c->stocks, sent->to) : NULL;
    struct check_order *order = check_order_at(c, sent->order);
    if (stock) stock->alarms += (uint32_t)by;
    if (order) order->alarms += by;
}

/* An order's or payment's own record. */
static uint32_t
order_of(const struct check *c, uint32_t kind, souk_key key)
{
    if (kind != order_kind_number && kind != payment_kind_number) return 0;
    const struct check_order *order = souk_check_table_find(&c->orders, key);
    return order ? souk_check_table_index(&c->orders, order) + 1 : 0;
}

static bool
keep_send(struct check *c, const struct souk_step *step)
{
    const struct souk_message *m = &step->send;
    c->report->sends++;
    if (m->class == SOUK_CALL) return souk_check_call(c, m, step->body);
    struct check_sent *sent = souk_check_table_put(&c->sent, c->heap, id_of(m->id));
    sent->to = m->to.key;
    sent->kind = m->to.kind;
    sent->tag = m->tag;
    sent->class = m->class;
    sent->ending = m->ending;
    sent->ask = m->asker.number;
    sent->due_ms = m->class == SOUK_WAKE ? m->due_ms : m->time_ms;
    uint32_t order = order_of(c, m->to.kind, m->to.key);
    if (m->class == SOUK_OUTCOME) {
        ROOM_FOR_ONE(c, outcomes);
        c->outcomes[c->outcomes_count++] = sent->id;
    } else if (!order && !souk_check_about(c, m, step->body, &order)) {
        return false;
    }
    if (m->class != SOUK_OUTCOME && !souk_check_posts(c, sent, step->body)) return false;
    sent->order = order;
    count_pending(c, order, 1);
    count_alarm(c, sent, 1);
    souk_check_post_outstanding(c, sent, 1);
    return true;
}

/* I7: the message is there, is this actor's, and is gone hereafter. */
static void
consume(struct check *c, struct souk_id id)
{
    struct check_sent *sent = souk_check_table_find(&c->sent, id_of(id));
    if (!sent) {
        const char *why = id.position >= c->position              ? "before it was sent"
                          : c->sends[id.position] > id.ordinal ? "a second time"
                                                               : "though it was never sent";
        souk_check_fail(c, 7, c->actor, "message %" PRIu64 ".%u was consumed %s", id.position, id.ordinal, why);
        return;
    }
    if (sent->kind != c->actor.kind || !souk_key_equal(sent->to, c->actor.key))
        souk_check_fail(c, 7, c->actor, "message %" PRIu64 ".%u was consumed by another than it was for", id.position,
                        id.ordinal);
    count_pending(c, sent->order, -1);
    count_alarm(c, sent, -1);
    souk_check_post_outstanding(c, sent, -1);
    souk_check_table_remove(&c->sent, sent);
}

/* I7: a message that was tried in vain is still there, and each time is on record. */
static void
try_again(struct check *c, const struct souk_step *step)
{
    struct check_sent *sent = souk_check_table_find(&c->sent, id_of(step->cause));
    c->report->attempts++;
    if (sent && ++sent->attempts == step->number) return;
    souk_check_fail(c, 7, sent ? (souk_ref){ sent->kind, sent->to } : (souk_ref){ 0 },
                    "attempt %u of message %" PRIu64 ".%u, which %s", step->number, step->cause.position,
                    step->cause.ordinal, sent ? "has been tried another number of times" : "is not there");
}

/* ---- Asks. ---- */

static void
open_ask(struct check *c, const struct souk_step *step)
{
    souk_ref actor = c->actors[step->actor];
    uint32_t count = c->asks.count, order = order_of(c, actor.kind, actor.key);
    struct check_ask *ask = souk_check_table_put(&c->asks, c->heap, check_ask_id(actor.kind, actor.key, step->number));
    struct check_order *asker = check_order_at(c, order);
    uint32_t *last = asker ? &asker->asked[actor.kind == payment_kind_number] : NULL;
    if (c->asks.count == count || (last && step->number <= *last))
        souk_check_fail(c, 7, actor, "ask %u was opened twice", step->number);
    if (last && step->number > *last) *last = step->number;
    if (c->asks.count == count) return;
    *ask = (struct check_ask){ .id = ask->id, .key = actor.key, .due_ms = step->due_ms, .kind = actor.kind,
                               .number = step->number, .reply = step->tag, .order = order };
    count_pending(c, order, 1);
}

static void
close_ask(struct check *c, const struct souk_step *step)
{
    souk_ref actor = c->actors[step->actor];
    struct check_ask *ask = souk_check_table_find(&c->asks, check_ask_id(actor.kind, actor.key, step->number));
    if (!ask) {
        souk_check_fail(c, 7, actor, "ask %u was closed, which was not open", step->number);
        return;
    }
    count_pending(c, ask->order, -1);
    souk_check_table_remove(&c->asks, ask);
}

/* The outcome of a debit that is under way is money that the clearing book is about to get. Which ask it answers is
 * known once the batch has told all asks that it left open. */
static void
value_outcomes(struct check *c)
{
    for (uint32_t i = 0; i < c->outcomes_count; i++) {
        struct check_sent *sent = souk_check_table_find(&c->sent, c->outcomes[i]);
        if (!sent || sent->kind != payment_kind_number || sent->ending != SOUK_DONE) continue;
        const struct check_ask *ask = souk_check_table_find(&c->asks, check_ask_id(sent->kind, sent->to, sent->ask));
        const struct check_order *order = check_order_at(c, sent->order);
        if (!ask || !order || ask->reply != payment_debited_tag) continue;
        sent->amount = order->requested;
        sent->currency = order->currency;
        sent->clearing = true;
        souk_check_post_outstanding(c, sent, 1);
    }
    c->outcomes_count = 0;
}

/* ---- Batches. ---- */

static bool
known_kind(uint32_t kind)
{
    return kind == sale_kind_number || kind == stock_kind_number || kind == quota_kind_number
           || kind == order_kind_number || kind == payment_kind_number || kind == account_kind_number
           || kind == SOUK_DEAD_KIND;
}

static bool
event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    c->report->events++;
    switch (c->actor.kind) {
    case sale_kind_number: return souk_check_sale_event(c, tag, body);
    case stock_kind_number: return souk_check_stock_event(c, tag, body);
    case quota_kind_number: return souk_check_quota_event(c, tag, body);
    case order_kind_number: return souk_check_order_event(c, tag, body);
    case payment_kind_number: return souk_check_payment_event(c, tag, body);
    case SOUK_DEAD_KIND: return true; /* The runtime's own: of no sale's concern. */
    default: return souk_check_account_event(c, tag, body);
    }
}

/* A step that is not the batch's end. */
static souk_err
take_step(struct check *c, const struct souk_step *step)
{
    bool names_actor =
        step->class == SOUK_STEP_TURN || step->class == SOUK_STEP_OPENED || step->class == SOUK_STEP_CLOSED;
    if (names_actor && step->actor >= c->actors_count) return damaged(c, "an unknown actor", c->position);
    switch (step->class) {
    case SOUK_STEP_ACTOR:
        if (!known_kind(step->kind)) {
            snprintf(c->report->why, sizeof c->report->why,
                     "the journal has actors of kind %u, which this program lacks",
                     step->kind);
            return SOUK_ERR_VERSION;
        }
        ROOM_FOR_ONE(c, actors);
        c->actors[c->actors_count++] = (souk_ref){ step->kind, step->key };
        return SOUK_OK;
    case SOUK_STEP_TURN:
        c->report->turns++;
        c->actor = c->actors[step->actor];
        c->turn_ms = step->time_ms;
        tick(c, step->time_ms);
        if (step->cause.position) consume(c, step->cause);
        return SOUK_OK;
    case SOUK_STEP_EVENT:
        if (!c->actor.kind) return damaged(c, "an event of nobody", c->position);
        return event(c, step->tag, step->body) ? SOUK_OK : damaged(c, "an event that cannot be read", c->position);
    case SOUK_STEP_SEND: return keep_send(c, step) ? SOUK_OK : damaged(c, "a message that cannot be read", c->position);
    case SOUK_STEP_OPENED: open_ask(c, step); return SOUK_OK;
    case SOUK_STEP_CLOSED: close_ask(c, step); return SOUK_OK;
    case SOUK_STEP_ATTEMPT: try_again(c, step); return SOUK_OK;
    case SOUK_STEP_DEAD: c->report->dead++; return SOUK_OK;
    case SOUK_STEP_END:
    default: return SOUK_OK;
    }
}

static souk_err
take_batch(struct check *c, struct souk_batch_reader *batch)
{
    struct souk_step step;
    c->position = batch->position;
    c->actors_count = 0;
    c->actor = (souk_ref){ 0 };
    c->turn_ms = batch->time_ms;
    tick(c, batch->time_ms);
    if (batch->position >= c->sends_room) {
        size_t room = c->sends_room ? 2 * c->sends_room : 1024;
        c->sends = souk_heap_grow(c->heap, c->sends, c->sends_room * sizeof *c->sends, room * sizeof *c->sends);
        c->sends_room = room;
    }
    for (;;) {
        if (souk_batch_next(batch, &step)) return damaged(c, "a batch that cannot be read", c->position);
        if (step.class == SOUK_STEP_END) break;
        souk_err err = take_step(c, &step);
        if (err) return err;
    }
    c->sends[batch->position] = batch->sends;
    value_outcomes(c);
    souk_check_books(c);
    return SOUK_OK;
}

static souk_err
take_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct check *c = arg;
    struct souk_link previous;
    uint32_t count;
    if (!souk_group_open(bytes, &count, &previous)) return damaged(c, "a group without its header", first);
    if (first != c->next) return damaged(c, c->next == 1 ? "its beginning is not there; it begins" : "a gap", first);
    if (previous.high != c->link.high || previous.low != c->link.low) return damaged(c, "a broken chain", first);
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER;
    size_t left = bytes.length - SOUK_GROUP_HEADER;
    c->report->groups++;
    c->report->bytes += bytes.length;
    for (; count; count--) {
        struct souk_batch_reader batch;
        size_t length;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ at, left }, &c->link, &length);
        if (err == SOUK_ERR_VERSION) {
            snprintf(c->report->why, sizeof c->report->why, "the journal was written by another version of souk");
            return err;
        }
        if (err || batch.position != c->next) return damaged(c, "a batch that doesn't follow", c->next);
        c->link = batch.link;
        if (c->next == c->marker_position) {
            c->marker_seen = true;
            if (c->link.high != c->marker_link.high || c->link.low != c->marker_link.low)
                return damaged(c, "another history than the checkpoint's", c->next);
        }
        err = take_batch(c, &batch);
        if (err) return err;
        c->report->batches++;
        c->next++;
        at += length;
        left -= length;
    }
    return left ? damaged(c, "bytes after a group's end", first) : SOUK_OK;
}

/* ---- The vault. ---- */

static souk_err
snapshot_in_reach(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    struct check *c = arg;
    struct souk_snapshot_head head;
    uint64_t number;
    uint32_t kind;
    souk_key key;
    if (name.length != SOUK_SNAPSHOT_NAME) return SOUK_OK; /* A head or a table. */
    if (!souk_snapshot_parse_name(name, &number, &kind, &key) || !souk_snapshot_peek(value, &head)) {
        snprintf(c->report->why, sizeof c->report->why, "the vault holds a snapshot that cannot be read");
        return SOUK_ERR_CORRUPT;
    }
    return head.position < c->next ? SOUK_OK : damaged(c, "it ends before a snapshot", c->next - 1);
}

static souk_err
read_marker(struct check *c, souk_vault *vault, bool *old)
{
    struct souk_marker marker = { 0 };
    void *value = NULL;
    size_t length = 0;
    souk_err err = vault->ops->get(vault, (struct souk_bytes){ "m", 1 }, &value, &length);
    if (err == SOUK_ERR_MISSING) return SOUK_OK;
    if (!err) err = souk_marker_read((struct souk_bytes){ value, length }, &marker, old);
    if (err) snprintf(c->report->why, sizeof c->report->why, "the checkpoint's marker cannot be read");
    c->marker_position = marker.position;
    c->marker_link = marker.link;
    free(value);
    return err;
}

/* ---- The whole. ---- */

static souk_err
read_all(struct check *c, souk_journal *journal)
{
    uint64_t first, last;
    souk_vault *vault = c->inputs->vault;
    bool old = false; /* An earlier version's checkpoints are not used. */
    souk_err err = vault ? read_marker(c, vault, &old) : SOUK_OK;
    if (!err) err = journal->ops->bounds(journal, &first, &last);
    if (!err && first) err = journal->ops->read(journal, 1, take_group, c);
    if (!err && c->marker_position && !c->marker_seen) err = damaged(c, "it ends before the checkpoint", c->next - 1);
    if (!err && vault && !old) err = vault->ops->each(vault, (struct souk_bytes){ "c", 1 }, snapshot_in_reach, c);
    if (err && !c->report->why[0])
        snprintf(c->report->why, sizeof c->report->why, "%s", journal->why[0]          ? journal->why
                                                              : vault && vault->why[0] ? vault->why
                                                                                       : souk_err_text(err));
    return err;
}

souk_err
souk_check_run(souk_journal *journal, const struct souk_secret *secret, const struct souk_check_inputs *inputs,
               struct souk_check_report *report)
{
    memset(report, 0, sizeof *report);
    souk_memory *memory = souk_memory_open();
    if (!memory) return SOUK_ERR_MEMORY;
    souk_heap *heap = souk_heap_open(memory);
    struct check *c = souk_heap_zalloc(heap, sizeof *c);
    c->heap = heap;
    c->secret = secret;
    c->inputs = inputs;
    c->report = report;
    c->next = 1;
    c->clearing_book = souk_hash_pair(secret, souk_hash_key(secret, "book", 4),
                                      souk_hash_key(secret, BOOK_CLEARING.at, BOOK_CLEARING.length));
    souk_check_table_init(&c->sales, heap, sizeof(struct check_sale));
    souk_check_table_init(&c->stocks, heap, sizeof(struct check_stock));
    souk_check_table_init(&c->quotas, heap, sizeof(struct check_quota));
    souk_check_table_init(&c->orders, heap, sizeof(struct check_order));
    souk_check_table_init(&c->holds, heap, sizeof(struct check_hold));
    souk_check_table_init(&c->sent, heap, sizeof(struct check_sent));
    souk_check_table_init(&c->asks, heap, sizeof(struct check_ask));
    souk_check_table_init(&c->balances, heap, sizeof(struct check_balance));
    souk_check_table_init(&c->top_ups, heap, sizeof(struct check_mark));
    souk_err err = read_all(c, journal);
    c->position = 0;
    if (!err) souk_check_end(c);
    souk_memory_close(&memory);
    return err;
}
