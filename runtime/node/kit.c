/* SPDX-License-Identifier: Apache-2.0 */
/* node/kit.c -- one actor on its own: its turns, their twins, its clock; see souk/testkit.h and kit.h.
 *
 * The turns are the runtime's own (cell/turn.h), each a batch by itself. What a turn sends is caught where a worker
 * would route it. Before each turn the actor's snapshot is read into a twin, which takes the same message; then all
 * events since the beginning are applied to a new state. The three must agree. */
#include "node/kit.h"

#include "base/limits.h"
#include "base/panic.h"

#include <stdlib.h>

enum {
    KIT_EPOCH = 1700000000, /* Seconds: when the clock begins. */
    PASS_TURNS = 100000,    /* So many wakes and deadlines at most while a test lets time pass. */
};

/* ---- What was said. ---- */

void
souk_kit_list_clear(souk_kit *kit, struct souk_kit_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        souk_heap_free(kit->heap, list->at[i].block, list->at[i].block_size);
    list->count = 0;
}

static struct souk_kit_said *
add(souk_kit *kit, struct souk_kit_list *list, enum souk_kit_verb_ verb, const void *body, size_t length)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 8;
        list->at = souk_heap_grow(kit->heap, list->at, list->room * sizeof *list->at, room * sizeof *list->at);
        list->room = room;
    }
    struct souk_kit_said *said = &list->at[list->count++];
    *said = (struct souk_kit_said){ .verb = verb, .block_size = length + 1 };
    said->block = souk_heap_alloc(kit->heap, said->block_size);
    if (length) memcpy(said->block, body, length);
    said->body = (struct souk_bytes){ said->block, length };
    return said;
}

souk_asker
souk_kit_asker_of(uint32_t number)
{
    return (souk_asker){ { UINT64_MAX, UINT64_MAX }, SOUK_KINDS_MAX, number };
}

static bool
is_kit(souk_asker asker)
{
    return asker.kind == SOUK_KINDS_MAX;
}

static enum souk_kit_verb_
verb_of(const struct souk_message *m)
{
    switch ((enum souk_message_class)m->class) {
    case SOUK_TELL: return SOUK_KIT_TELL;
    case SOUK_REQUEST: return SOUK_KIT_FORWARD;
    case SOUK_ASK: return is_kit(m->asker) ? SOUK_KIT_FORWARD : SOUK_KIT_ASK;
    case SOUK_WAKE: return SOUK_KIT_WAKE;
    case SOUK_CALL: return SOUK_KIT_CALL;
    default: return SOUK_KIT_ANSWER;
    }
}

/* Keeps what a message says. */
static void
keep(souk_kit *kit, struct souk_cell *cell, struct souk_kit_list *list, const struct souk_message *m)
{
    enum souk_kit_verb_ verb = verb_of(m);
    struct souk_kit_said *said = add(kit, list, verb, m->body, m->length);
    said->to = m->to;
    said->tag = m->tag;
    if (verb == SOUK_KIT_ANSWER) {
        said->asker = m->class == SOUK_ANSWER ? souk_kit_asker_of((uint32_t)m->ticket) : m->asker;
        said->ending = (enum souk_ending)m->ending;
        said->refusal = m->refusal;
    } else if (verb == SOUK_KIT_ASK || verb == SOUK_KIT_CALL) {
        const struct souk_open_ask *ask = souk_cell_ask(cell, m->asker.number);
        said->number = m->asker.number;
        said->reply = ask ? ask->reply : 0;
    }
    if (verb != SOUK_KIT_ANSWER && verb != SOUK_KIT_TELL && verb != SOUK_KIT_FORWARD)
        said->ms = m->due_ms - kit->slice.now_ms;
    if (verb == SOUK_KIT_CALL) {
        struct souk_reader in = { .at = said->block, .end = said->block + m->length };
        souk_get_text(&in, &said->operation);
        said->tag = 0;
        said->body = (struct souk_bytes){ in.at, (size_t)(in.end - in.at) };
    }
}

/* ---- Turns. ---- */

static void
route(void *self, struct souk_message *m)
{
    souk_fifo_push(&((souk_kit *)self)->out, m);
}

static void
trace(void *self, souk_verdict verdict)
{
    ((souk_kit *)self)->verdict = verdict;
}

/* The events of the batch, into a list. */
static void
keep_events(souk_kit *kit, struct souk_kit_list *list)
{
    const struct souk_batch *batch = &kit->slice.batch;
    struct souk_batch_reader r = { .at = batch->at + SOUK_BATCH_HEADER, .end = batch->at + batch->length };
    for (;;) {
        struct souk_step step;
        souk_err err = souk_batch_next(&r, &step);
        souk_assert(!err);
        if (step.class == SOUK_STEP_END) return;
        if (step.class != SOUK_STEP_EVENT) continue;
        struct souk_kit_said *said = add(kit, list, SOUK_KIT_EVENT, step.body.at, step.body.length);
        said->tag = step.tag;
        said->to.kind = kit->kind->number;
    }
}

static void
begin_batch(souk_kit *kit)
{
    struct souk_slice *slice = &kit->slice;
    souk_batch_begin(&slice->batch, slice->heap);
    slice->stamp++;
    slice->began_ms = slice->now_ms = kit->now_ms;
    slice->cells_count = slice->sends_count = slice->opened_count = 0;
    slice->catch.what = slice->catch.file = NULL;
}

/* Runs the turn in which the cell takes the message, and puts what it does into the list. False when it fails: then the
 * state may be spoilt, and `fault` says where. */
static bool
run(souk_kit *kit, struct souk_cell *cell, struct souk_message *m, struct souk_kit_list *list,
    struct souk_kit_fault *fault)
{
    struct souk_slice *slice = &kit->slice;
    begin_batch(kit);
    souk_panic_catch(&slice->catch);
    bool ran = !_setjmp(slice->catch.jump) && souk_turn_run(slice, cell, m);
    souk_panic_catch(kit->outer);
    if (!ran) {
        *fault = (struct souk_kit_fault){ slice->catch.file ? slice->catch.file : kit->kind->name,
                                          slice->catch.what ? slice->catch.what : "SOUK_FAILED", slice->catch.line };
        souk_turn_undo(&slice->turn);
        struct souk_message *taken = slice->turn.message;
        struct souk_open_ask *ask = taken->class == SOUK_OUTCOME ? souk_cell_ask(cell, taken->asker.number) : NULL;
        if (ask) souk_cell_ask_remove(cell, ask); /* As when its outcome has been given up. */
        souk_message_free(slice->heap, taken);
        kit->verdict = SOUK_FAILED;
        return false;
    }
    keep_events(kit, list);
    for (const struct souk_message *sent = kit->out.head; sent; sent = sent->next) keep(kit, cell, list, sent);
    return true;
}

/* Frees what was sent, but the wakes of the actor itself, which will come. */
static void
drop(souk_kit *kit, bool wakes)
{
    for (struct souk_message *m; (m = souk_fifo_pop(&kit->out));) {
        if (m->class != SOUK_WAKE || !wakes) {
            souk_message_free(kit->heap, m);
            continue;
        }
        m->in_batch = false;
        m->id = (struct souk_id){ 0, 0 };
        SOUK_ROOM_FOR_ONE(kit, wakes);
        kit->wakes[kit->wakes_count++] = m;
    }
}

/* ---- Taking a message. ---- */

static struct souk_message *
copy(souk_kit *kit, const struct souk_message *m)
{
    struct souk_message *twin = souk_message_new(kit->heap, m->class, m->length);
    memcpy(twin, m, sizeof *m + m->length);
    return twin;
}

static void
happen(souk_kit *kit, uint32_t first)
{
    for (uint32_t i = first; i < kit->said.count; i++) {
        const struct souk_kit_said *said = &kit->said.at[i];
        if (said->verb == SOUK_KIT_EVENT)
            add(kit, &kit->happened, SOUK_KIT_EVENT, said->body.at, said->body.length)->tag = said->tag;
    }
}

static void
take_once(souk_kit *kit, struct souk_message *m)
{
    struct souk_kit_list rehearsed = { NULL, 0, 0 };
    struct souk_kit_fault failed = { NULL, NULL, 0 };
    struct souk_kit_twin twin = souk_kit_twin(kit);
    uint32_t first = kit->said.count;
    bool twin_ran = run(kit, twin.cell, copy(kit, m), &rehearsed, &failed);
    souk_verdict verdict = kit->verdict;
    drop(kit, false);
    if (run(kit, kit->cell, m, &kit->said, &kit->fault)) {
        drop(kit, true);
        happen(kit, first);
    } else if (kit->slice.turn.changes) {
        souk_state_clear(kit->kind, kit->cell->state);
        souk_kit_replay(kit, kit->cell);
    }
    souk_kit_agree_said(kit, first, &rehearsed);
    if (verdict != kit->verdict)
        souk_kit_complain(kit, kit->when, "the same turn on the actor's twin is decided otherwise", NULL);
    if (twin_ran) souk_kit_agree(kit, twin.cell, "the same turn on the actor's snapshot makes another state");
    souk_kit_agree_replayed(kit);
    souk_kit_twin_free(kit, &twin);
    souk_kit_list_clear(kit, &rehearsed);
    souk_heap_free(kit->heap, rehearsed.at, rehearsed.room * sizeof *rehearsed.at);
}

void
souk_kit_take(souk_kit *kit, struct souk_message *m)
{
    take_once(kit, m);
    souk_verdict verdict = kit->verdict;
    if (kit->cell->changed) {
        struct souk_fifo waiting = kit->cell->waiting;
        kit->cell->changed = false;
        kit->cell->waiting = (struct souk_fifo){ NULL, NULL };
        for (struct souk_message *query; (query = souk_fifo_pop(&waiting));) take_once(kit, query);
    }
    kit->verdict = verdict;
}

void
souk_kit_happened(souk_kit *kit, uint32_t tag, struct souk_bytes body)
{
    add(kit, &kit->happened, SOUK_KIT_EVENT, body.at, body.length)->tag = tag;
    souk_state_clear(kit->kind, kit->cell->state);
    souk_kit_replay(kit, kit->cell);
    kit->cell->changed = true;
    souk_kit_agree_replayed(kit);
}

souk_verdict
souk_kit_look(souk_kit *kit, struct souk_message *query)
{
    struct souk_kit_fault fault;
    souk_verdict before = kit->verdict;
    souk_kit_list_clear(kit, &kit->shown);
    bool ran = run(kit, kit->cell, query, &kit->shown, &fault);
    souk_verdict verdict = kit->verdict;
    drop(kit, false);
    if (verdict == SOUK_WAIT) { /* The last of those that wait is this one. */
        struct souk_fifo others = { NULL, NULL };
        for (struct souk_message *m; (m = souk_fifo_pop(&kit->cell->waiting));)
            if (m != query) souk_fifo_push(&others, m);
        souk_message_free(kit->heap, query);
        kit->cell->waiting = others;
    }
    if (!ran) kit->fault = fault;
    kit->verdict = before;
    return verdict;
}

struct souk_message *
souk_kit_message(souk_kit *kit, enum souk_message_class class, uint32_t tag, size_t length)
{
    struct souk_message *m = souk_message_new(kit->heap, class, length);
    m->to = souk_kit_self(kit);
    m->tag = tag;
    m->time_ms = kit->now_ms;
    return m;
}

/* ---- Time. ---- */

struct souk_open_ask *
souk_kit_open_ask(const souk_kit *kit, uint32_t reply)
{
    struct souk_open_ask *oldest = NULL;
    for (uint32_t i = 0; i < kit->cell->asks_count; i++) {
        struct souk_open_ask *ask = &kit->cell->asks[i];
        if ((!reply || ask->reply == reply) && (!oldest || ask->number < oldest->number)) oldest = ask;
    }
    return oldest;
}

/* What is due first: its place among the wakes, or the ask. False: nothing is. */
static bool
first_due(const souk_kit *kit, uint64_t *due_ms, uint32_t *wake, const struct souk_open_ask **ask)
{
    *due_ms = UINT64_MAX;
    *ask = NULL;
    for (uint32_t i = 0; i < kit->wakes_count; i++)
        if (kit->wakes[i]->due_ms < *due_ms) *due_ms = kit->wakes[*wake = i]->due_ms;
    for (uint32_t i = 0; i < kit->cell->asks_count; i++) {
        const struct souk_open_ask *open = &kit->cell->asks[i];
        if (open->due_ms < *due_ms || (*ask && open->due_ms == *due_ms && open->number < (*ask)->number))
            *due_ms = open->due_ms, *ask = open;
    }
    return *due_ms != UINT64_MAX;
}

uint64_t
souk_kit_due_ms(const souk_kit *kit)
{
    uint64_t due_ms;
    uint32_t wake;
    const struct souk_open_ask *ask;
    first_due(kit, &due_ms, &wake, &ask);
    return due_ms;
}

void
souk_kit_pass(souk_kit *kit, uint64_t ms)
{
    uint64_t until = kit->now_ms + ms, due_ms;
    uint32_t wake = 0;
    const struct souk_open_ask *ask;
    for (uint32_t turns = 0; !kit->fault.what && first_due(kit, &due_ms, &wake, &ask) && due_ms <= until; turns++) {
        if (turns == PASS_TURNS) {
            souk_kit_complain(kit, kit->when, "time doesn't pass: the actor wakes itself again and again", NULL);
            return;
        }
        if (due_ms > kit->now_ms) kit->now_ms = due_ms;
        if (ask) {
            struct souk_message *m = souk_kit_message(kit, SOUK_OUTCOME, 0, 0);
            m->asker = (souk_asker){ kit->cell->key, kit->kind->number, ask->number };
            m->ending = SOUK_LATE;
            souk_kit_take(kit, m);
        } else {
            struct souk_message *m = kit->wakes[wake];
            memmove(kit->wakes + wake, kit->wakes + wake + 1, (--kit->wakes_count - wake) * sizeof m);
            uint64_t bit = m->tag < 64 ? UINT64_C(1) << m->tag : 0;
            m->time_ms = kit->now_ms;
            souk_kit_take(kit, m);
            if (kit->verdict == SOUK_ACCEPT) kit->woken |= bit;
        }
    }
    kit->now_ms = until;
}

/* ---- Opening and closing. ---- */

souk_key
souk_kit_key_of(const souk_kit *kit, struct souk_text id)
{
    return souk_hash_key(&kit->secret, id.at, id.length);
}

souk_key
souk_kit_key_pair(const souk_kit *kit, souk_key first, souk_key second)
{
    return souk_hash_pair(&kit->secret, first, second);
}

souk_key
souk_kit_key(const souk_kit *kit, const char *ids)
{
    souk_key key = { 0, 0 };
    for (const char *at = ids;; at++) {
        size_t length = strcspn(at, ",");
        souk_key part = souk_kit_key_of(kit, (struct souk_text){ at, length });
        key = at == ids ? part : souk_kit_key_pair(kit, key, part);
        at += length;
        if (!*at) return key;
    }
}

souk_kit *
souk_kit_open(const struct souk_kind *kind, const char *id)
{
    souk_kit *kit = calloc(1, sizeof *kit);
    souk_assert(kit && kind->decide); /* An event-sourced kind. */
    kit->memory = souk_memory_open();
    souk_assert(kit->memory);
    struct souk_slice *slice = &kit->slice;
    kit->heap = slice->heap = kit->arena.heap = souk_heap_open(kit->memory);
    slice->secret = &kit->secret;
    slice->scratch_memory = souk_heap_alloc(slice->heap, SOUK_SCRATCH_BYTES);
    kit->view_scratch = souk_heap_alloc(slice->heap, SOUK_SCRATCH_BYTES);
    kit->fit_scratch = souk_heap_alloc(slice->heap, SOUK_SCRATCH_BYTES);
    static struct souk_kind_tally tally[SOUK_KINDS_MAX]; /* Nobody looks at it. */
    slice->tally = tally;
    slice->self = kit;
    slice->route = slice->exit = route;
    slice->trace = trace;
    memset(kit->secret.bytes, 7, sizeof kit->secret.bytes);
    souk_state_check(kind);
    kit->kind = kind;
    kit->now_ms = KIT_EPOCH * UINT64_C(1000);
    kit->cell = souk_cell_new(&kit->directory, &kit->arena, kind, souk_kit_key(kit, id));
    kit->cell->traced = true;
    return kit;
}

void
souk_kit_close(souk_kit **kit_p)
{
    souk_kit *kit = *kit_p;
    *kit_p = NULL;
    if (!kit) return;
    struct souk_kit_here_ here = kit->when;
    char *untold = NULL;
    if (here.file && !kit->complaint.at) { /* Told when the memory is free: the hook may leave by a jump. */
        kit->quiet = true;
        souk_kit_begin(kit, here);
        untold = kit->complaint.at;
        kit->complaint.at = NULL;
    }
    souk_memory_close(&kit->memory);
    free(kit->when_text.at);
    free(kit->state_text.at);
    free(kit->complaint.at);
    free(kit);
    if (untold) souk_kit_fail(here, untold);
}

souk_ref
souk_kit_self(const souk_kit *kit)
{
    return (souk_ref){ kit->kind->number, kit->cell->key };
}

uint64_t
souk_kit_now_ms(const souk_kit *kit)
{
    return kit->now_ms;
}

souk_asker
souk_kit_asker(const souk_kit *kit)
{
    return souk_kit_asker_of(kit->asked);
}
