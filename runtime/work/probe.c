/* SPDX-License-Identifier: Apache-2.0 */
/* work/probe.c -- answers to probes: what waits in a shard, one actor, a worker's dead letters. See probe.h. */
#include "work/probe.h"

#include "work/partition.h"

#include "base/hash.h"

#include <stdlib.h>

enum {
    LOOKED_AT = 4096, /* Actors, and messages, of one shard at once: some tens of microseconds. */
    TABLE = 2 * LOOKED_AT,
};

/* Sends the answer, as the probe itself when nothing is to be told. */
static void
answer(struct souk_worker *w, struct souk_message *m, struct souk_message *told)
{
    unsigned origin = souk_probe_of(m)->origin;
    if (told != m) souk_message_free(w->heap, m);
    souk_probe_of(told)->answered = true;
    souk_worker_post(w->partition->workers[origin], told);
}

/* A probe with room for what is told. */
static struct souk_message *
with_room(struct souk_worker *w, struct souk_message *m, size_t room)
{
    struct souk_message *told = souk_message_new(w->heap, SOUK_PROBE, sizeof(struct souk_probe) + room);
    memcpy(told->body, m->body, sizeof(struct souk_probe));
    return told;
}

/* ---- What waits. ---- */

void
souk_probe_deepest(struct souk_look_queue *list, uint32_t *count, uint32_t most, struct souk_look_queue queue)
{
    if (!most || (*count == most && list[most - 1].depth >= queue.depth)) return;
    uint32_t i = *count < most ? (*count)++ : most - 1;
    for (; i && list[i - 1].depth < queue.depth; i--) list[i] = list[i - 1];
    list[i] = queue;
}

static void
note(struct souk_probe_queues *q, const struct souk_kind *kind, souk_key key, uint64_t depth)
{
    if (!depth) return;
    q->kind[kind->number].waiting += depth;
    if (depth > q->kind[kind->number].depth) {
        q->kind[kind->number].depth = depth;
        q->kind[kind->number].deepest = key;
    }
    souk_probe_deepest(q->queues, &q->count, q->most, (struct souk_look_queue){ kind, key, depth });
}

/* Messages of event-sourced actors stand in one queue for the whole shard: they are counted by their actor. */
static void
count_backlog(struct souk_worker *w, const struct souk_shard *shard, struct souk_probe_queues *q)
{
    struct entry { souk_ref to; uint64_t depth; } *table = souk_heap_zalloc(w->heap, TABLE * sizeof *table);
    uint32_t seen = 0;
    for (const struct souk_message *m = shard->backlog.head; m && seen < LOOKED_AT; m = m->next, seen++) {
        uint32_t i = (uint32_t)souk_hash_mix(m->to.key.low ^ m->to.key.high ^ m->to.kind) % TABLE;
        while (table[i].depth && (table[i].to.kind != m->to.kind || !souk_key_equal(table[i].to.key, m->to.key)))
            i = (i + 1) % TABLE;
        table[i].to = m->to;
        table[i].depth++;
    }
    bool all = seen >= shard->backlog_count;
    if (!all) q->estimated = true;
    for (uint32_t i = 0; i < TABLE; i++) {
        if (!table[i].depth) continue;
        uint64_t depth = all ? table[i].depth : table[i].depth * shard->backlog_count / seen;
        note(q, w->partition->kinds[table[i].to.kind], table[i].to.key, depth);
    }
    souk_heap_free(w->heap, table, TABLE * sizeof *table);
}

static uint64_t
depth_of(const struct souk_live *live)
{
    return live->depth + (live->extra ? live->extra->stashed : 0);
}

static void
note_all(struct souk_probe_queues *q, const struct souk_lives *lives)
{
    unsigned looked = 0;
    for (const struct souk_live *live = lives->head; live; live = live->after) {
        note(q, live->kind, live->key, depth_of(live));
        if (++looked < LOOKED_AT) continue;
        q->estimated = live->after;
        return;
    }
}

static void
tell_queues(struct souk_worker *w, const struct souk_shard *shard, struct souk_message *m)
{
    struct souk_message *told = with_room(w, m, sizeof(struct souk_probe_queues));
    struct souk_probe_queues *q = (void *)souk_probe_of(told)->told;
    memset(q, 0, sizeof *q);
    q->most = souk_probe_of(m)->most;
    for (unsigned i = 0; i < SOUK_READY_LISTS; i++) note_all(q, &shard->ready[i]);
    note_all(q, &shard->paused);
    if (shard->backlog.head) count_backlog(w, shard, q);
    answer(w, m, told);
}

/* ---- One actor. ---- */

static void
tell_actor(struct souk_worker *w, struct souk_shard *shard, struct souk_message *m)
{
    const struct souk_probe *probe = souk_probe_of(m);
    const struct souk_kind *kind = w->partition->kinds[probe->actor.kind];
    souk_ref to = probe->actor;
    struct souk_live *live = kind->policy ? souk_live_find(&shard->population, to) : NULL;
    struct souk_cell *cell = kind->policy ? NULL : souk_cell_find(&shard->directory, to.kind, to.key);
    struct souk_look_actor a = { .kind = kind, .live = live || cell };
    bool switches = probe->class == SOUK_PROBE_TRACE;
    const void *state = NULL;
    if (live) {
        if (switches) live->traced = probe->on;
        a.traced = live->traced;
        a.paused = live->paused;
        a.depth = depth_of(live);
        state = live->state;
    }
    if (cell) {
        if (switches) cell->traced = probe->on;
        a.traced = cell->traced;
        a.position = cell->position;
        unsigned looked = 0;
        for (const struct souk_message *b = shard->backlog.head; b && looked++ < LOOKED_AT; b = b->next)
            a.depth += b->to.kind == to.kind && souk_key_equal(b->to.key, to.key);
        for (const struct souk_message *b = cell->waiting.head; b; b = b->next) a.depth++;
        if (!cell->loading && !cell->broken) state = cell->state;
    }
    if (!kind->policy && (!cell || cell->loading)) {
        a.asleep = souk_shard_filed(shard, to.kind, to.key, &a.position) != 0;
    }
    if (state) a.state_size = souk_state_size(kind, state);
    a.state.length = a.state_size <= SOUK_LOOK_STATE_MAX ? a.state_size : 0;
    struct souk_message *told = with_room(w, m, sizeof a + a.state.length);
    struct souk_probe *out = souk_probe_of(told);
    if (switches && !a.live) out->err = SOUK_ERR_MISSING;
    memcpy(out->told, &a, sizeof a);
    if (a.state.length) souk_state_put(kind, out->told + sizeof a, state);
    answer(w, m, told);
}

void
souk_probe_shard(struct souk_worker *w, struct souk_shard *shard)
{
    for (struct souk_message *m; (m = souk_fifo_pop(&shard->probes));) {
        if (souk_probe_of(m)->class == SOUK_PROBE_QUEUES) tell_queues(w, shard, m);
        else tell_actor(w, shard, m);
    }
}

/* ---- Dead letters. ---- */

static const struct souk_row *
row_of(const struct souk_kind *kind, const struct souk_message *m)
{
    enum souk_class class = m->is_query ? SOUK_QUERY : SOUK_COMMAND;
    for (const struct souk_row *const *row = kind ? kind->rows : NULL; row && *row; row++)
        if ((*row)->tag == m->tag && (*row)->class == class) return *row;
    return NULL;
}

static uint64_t
letter_id(const struct souk_worker *w, uint64_t number)
{
    return (number + 1) * SOUK_WORKERS_MAX + w->number;
}

static void
tell_letters(struct souk_worker *w, struct souk_message *m)
{
    const struct souk_partition *p = w->partition;
    size_t room = sizeof(struct souk_look_letters), at = room;
    uint64_t end = w->letters_count, n;
    unsigned count = 0;
    for (n = end; n && end - n < SOUK_LETTERS && count < SOUK_LOOK_LETTERS; n--) {
        const struct souk_message *letter = w->letters[(n - 1) % SOUK_LETTERS].message;
        if (!letter) continue; /* It was sent again. */
        count++;
        if (letter->length <= SOUK_LOOK_BODY_MAX) room += letter->length;
    }
    struct souk_message *told = with_room(w, m, room);
    struct souk_look_letters *out = (void *)souk_probe_of(told)->told;
    out->count = count;
    out->ever = end;
    struct souk_look_letter *to = out->at;
    for (n = end; to < out->at + count; n--) {
        const struct souk_letter *from = &w->letters[(n - 1) % SOUK_LETTERS];
        const struct souk_message *letter = from->message;
        if (!letter) continue;
        const struct souk_kind *kind = letter->to.kind < SOUK_KINDS_MAX ? p->kinds[letter->to.kind] : NULL;
        size_t length = letter->length <= SOUK_LOOK_BODY_MAX ? letter->length : 0;
        *to++ = (struct souk_look_letter){
            .id = letter_id(w, n - 1), .time_ms = from->time_ms, .kind = kind, .key = letter->to.key,
            .message = souk_message_name(kind, souk_message_tag(letter)),
            .row = row_of(kind, letter), .ending = from->ending, .refusal = from->refusal,
            .asked = letter->class != SOUK_TELL, .size = letter->length,
            .body = { (const void *)(uintptr_t)at, length },
        };
        if (length) memcpy((uint8_t *)out + at, letter->body, length);
        at += length;
    }
    answer(w, m, told);
}

static souk_err
replay(struct souk_worker *w, uint64_t id)
{
    uint64_t number = id / SOUK_WORKERS_MAX - 1;
    if (id < SOUK_WORKERS_MAX || number >= w->letters_count || w->letters_count - number > SOUK_LETTERS)
        return SOUK_ERR_MISSING;
    struct souk_letter *place = &w->letters[number % SOUK_LETTERS];
    struct souk_message *m = place->message;
    if (!m) return SOUK_ERR_MISSING;
    if (m->is_query || !m->to.kind) return SOUK_ERR_USAGE;
    place->message = NULL;
    m->class = SOUK_TELL;
    m->asker = (souk_asker){ { 0, 0 }, 0, 0 };
    m->due_ms = 0;
    m->spawns = false;
    souk_worker_deliver(w, m);
    return SOUK_OK;
}

void
souk_probe_arrived(struct souk_worker *w, struct souk_message *m)
{
    struct souk_probe *probe = souk_probe_of(m);
    if (probe->answered) {
        souk_look_hear(w, m);
    } else if (probe->class == SOUK_PROBE_LETTERS) {
        tell_letters(w, m);
    } else {
        souk_assert(probe->class == SOUK_PROBE_REPLAY);
        probe->err = replay(w, probe->letter);
        answer(w, m, m);
    }
}
