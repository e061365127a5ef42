/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/ear.c -- see ear.h. */
#include "ear.h"

#include "work/partition.h"

struct ear_log ear_logs[EARS];
uint64_t (*ear_durable)(void);
const struct souk_row *const ear_events[] = { &purse_paying_event, &purse_received_event, &purse_settled_event, NULL };

#define EAR_STATE(F, L, M) F(1, u32, id) F(2, u32, number)
SOUK_STATE(ear, EAR_STATE);

static souk_verdict
on_ear_start(struct ear *self, const struct ear_start *c, souk_turn *turn)
{
    struct ear_log *log = &ear_logs[c->id];
    self->id = c->id;
    log->starts++;
    if (log->rewinds) {
        log->count = 0;
        log->cursor = SOUK_FROM_BEGINNING;
    }
    souk_unsubscribe(turn, self->number);
    self->number = souk_subscribe(turn, ear_happened, SOUK_EVENTS(purse_paying, purse_received, purse_settled),
                                  .after = log->cursor, .max_lag = log->max_lag);
    return SOUK_ACCEPT;
}

bool
ear_note(struct ear_log *log, uint64_t position, uint32_t ordinal)
{
    struct souk_cursor last = log->cursor;
    bool beyond = position > last.position || (position == last.position && ordinal > last.ordinal) || !log->count;
    if (!beyond || log->count == EAR_EVENTS) return false;
    if (ear_durable && position > ear_durable()) return false;
    log->cursor = log->seen[log->count++] = (struct souk_cursor){ position, ordinal };
    return true;
}

static souk_verdict
on_ear_happened(struct ear *self, const struct ear_happened *c, souk_turn *turn)
{
    struct ear_log *log = &ear_logs[self->id];
    souk_assert(souk_depth(turn) + log->stashed <= SOUK_NEWS_MAX + 8 && c->subscription == self->number);
    if (log->stashes) {
        log->stashed++;
        souk_stash(turn);
        return SOUK_ACCEPT;
    }
    if (!c->kind) {
        log->notices++;
        log->skipped += c->skipped;
        log->cursor = (struct souk_cursor){ c->position, c->ordinal };
        return SOUK_ACCEPT;
    }
    if (log->fails_at && log->count == log->fails_at) {
        log->fails_at = 0;
        return SOUK_FAILED;
    }
    struct purse_paying paying;
    struct purse_received received;
    struct purse_settled settled;
    int fits = souk_event_read(turn, c, purse_paying, &paying) + souk_event_read(turn, c, purse_received, &received) +
                    souk_event_read(turn, c, purse_settled, &settled);
    souk_assert(fits == 1 && !souk_key_none(c->actor) && c->time_ms);
    souk_assert(!log->stopped && ear_note(log, c->position, c->ordinal));
    if (log->count != log->stops_at) return SOUK_ACCEPT;
    souk_unsubscribe(turn, self->number);
    souk_unsubscribe(turn, self->number);
    log->stopped = true;
    return SOUK_ACCEPT;
}

static souk_verdict
on_ear_go(struct ear *self, const struct ear_go *c SOUK_UNUSED, souk_turn *turn)
{
    ear_logs[self->id].stashes = false;
    ear_logs[self->id].stashed = 0;
    souk_unstash(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_ear_hatch(struct ear *self SOUK_UNUSED, const struct ear_hatch *c, souk_turn *turn)
{
    souk_spawn(turn, ear, SOUK_SPREAD, ear_start, .id = c->id);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_ear_look(const struct ear *self, const struct ear_look *q SOUK_UNUSED, const souk_turn *turn,
                struct ear_view *view)
{
    struct souk_lag lag = souk_lag(turn, self->number);
    *view = (struct ear_view){ lag.positions, lag.events, souk_depth(turn) };
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(ear, EAR_TABLE, .on_fault = SOUK_RESTART);

/* ---- What the journal holds. ---- */

struct listing { struct souk_cursor after, *out; souk_key actor; unsigned count; };

static souk_err
list_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct listing *l = arg;
    struct souk_link link;
    uint32_t count;
    souk_assert(first && souk_group_open(bytes, &count, &link));
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER, *end = (const uint8_t *)bytes.at + bytes.length;
    for (; count; count--) {
        static souk_ref actors[1 << 16];
        struct souk_batch_reader batch;
        struct souk_step step;
        size_t length;
        uint32_t known = 0, whose = 0, ordinal = 0;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ at, (size_t)(end - at) }, NULL, &length);
        while (!err && !(err = souk_batch_next(&batch, &step)) && step.class != SOUK_STEP_END) {
            if (step.class == SOUK_STEP_ACTOR) actors[known++] = (souk_ref){ step.kind, step.key };
            if (step.class == SOUK_STEP_TURN) whose = step.actor;
            if (step.class != SOUK_STEP_EVENT) continue;
            struct souk_cursor at_event = { batch.position, ordinal++ };
            bool wanted = actors[whose].kind == purse_kind_number && step.tag >= 2 && step.tag <= 4;
            if (!souk_key_none(l->actor) && !souk_key_equal(l->actor, actors[whose].key)) wanted = false;
            if (at_event.position < l->after.position ||
                (at_event.position == l->after.position && at_event.ordinal <= l->after.ordinal))
                wanted = false;
            if (wanted && l->count < EAR_EVENTS) l->out[l->count++] = at_event;
        }
        souk_assert(!err);
        at += length;
    }
    return SOUK_OK;
}

unsigned
ear_journal(souk_journal *journal, struct souk_cursor after, souk_key actor, struct souk_cursor *out)
{
    struct listing l = { .after = after, .out = out, .actor = actor };
    souk_err err = journal->ops->read(journal, 1, list_group, &l);
    souk_assert(!err);
    return l.count;
}
