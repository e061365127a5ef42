/* SPDX-License-Identifier: Apache-2.0 */
/* work/look.c -- looks into the node (souk/inspect.h): what they ask, and what is made of the answers. All on the
 * thread of the worker that was asked, but for what workers count and note, which any thread may read. */
#include "work/partition.h"

#include <stdlib.h>

enum {
    LOOKS_MAX = 16,            /* Under way, for each worker. */
    AT_ONCE = 8,               /* Shards that are asked and have not answered. */
    PATIENCE_NS = 10 * 1000000, /* Then some more are asked: those may be held up in a turn. */
    WITHIN_MS = 1000,
    QUEUES = 20,
};

struct souk_looking {
    struct souk_looking *next;
    struct souk_look *look;   /* NULL: forgotten. */
    uint32_t ticket, shard;   /* `shard`: the next one to be asked. */
    unsigned unheard, allowed;
    bool begun, heard;
    souk_err err;
    uint64_t due_ns, allowed_ns;
    struct souk_look_node *node;
    struct souk_look_letters *letters;
    struct souk_fifo kept;    /* Answers whose bodies are told. */
};

static uint64_t
now_ns(const struct souk_worker *w)
{
    return w->partition->world->monotonic_ns(w->partition->world->self);
}

souk_err
souk_worker_look(struct souk_worker *w, struct souk_look *look)
{
    const struct souk_partition *p = w->partition;
    bool actor = look->at == SOUK_LOOK_AT_ACTOR || look->at == SOUK_LOOK_TRACE;
    if (actor && (look->actor.kind >= SOUK_KINDS_MAX || !p->kinds[look->actor.kind])) return SOUK_ERR_UNKNOWN;
    if (w->looks_count >= LOOKS_MAX) return SOUK_ERR_BUSY;
    struct souk_looking *g = souk_heap_zalloc(w->heap, sizeof *g);
    g->look = look;
    g->ticket = ++w->look_ticket;
    g->allowed = AT_ONCE;
    g->allowed_ns = now_ns(w);
    g->due_ns = g->allowed_ns + (look->within_ms ? look->within_ms : WITHIN_MS) * 1000000ull;
    if (look->at == SOUK_LOOK_AT_NODE) g->node = souk_heap_zalloc(w->heap, sizeof *g->node);
    if (look->at == SOUK_LOOK_AT_LETTERS) g->letters = souk_heap_zalloc(w->heap, sizeof *g->letters);
    g->next = w->looks;
    w->looks = g;
    w->looks_count++;
    look->under_way_ = g;
    return SOUK_OK;
}

void
souk_worker_look_forget(struct souk_worker *w, struct souk_look *look)
{
    for (struct souk_looking *g = w->looks; g; g = g->next)
        if (g->look == look) g->look = NULL;
}

/* ---- Asking. ---- */

static struct souk_message *
probe(struct souk_worker *w, struct souk_looking *g, enum souk_probe_class class)
{
    struct souk_message *m = souk_message_new(w->heap, SOUK_PROBE, sizeof(struct souk_probe));
    *souk_probe_of(m) = (struct souk_probe){
        .class = class, .origin = (uint16_t)w->number, .ticket = g->ticket, .actor = g->look->actor,
        .on = g->look->on, .letter = g->look->letter,
        .most = g->look->queues ? g->look->queues : QUEUES,
    };
    if (souk_probe_of(m)->most > SOUK_LOOK_QUEUES) souk_probe_of(m)->most = SOUK_LOOK_QUEUES;
    g->unheard++;
    return m;
}

static void
ask_shard(struct souk_worker *w, struct souk_looking *g, enum souk_probe_class class, uint32_t shard)
{
    struct souk_message *m = probe(w, g, class);
    m->to = (souk_ref){ 0, { shard, 0 } };
    souk_worker_deliver(w, m);
}

/* Shards that have something to do: in an idle one nothing waits, but for actors that pause. */
static bool
ask_shards(struct souk_worker *w, struct souk_looking *g)
{
    struct souk_partition *p = w->partition;
    bool any = false;
    uint64_t now = now_ns(w);
    if (now - g->allowed_ns >= PATIENCE_NS) {
        g->allowed_ns = now;
        g->allowed += AT_ONCE;
    }
    for (; g->shard < SOUK_SHARDS && g->unheard < g->allowed; g->shard++) {
        const struct souk_shard *shard = &p->shards[g->shard];
        if (atomic_load_explicit(&shard->state, memory_order_relaxed) == SOUK_SHARD_IDLE &&
            !atomic_load_explicit(&shard->has_paused, memory_order_relaxed))
            continue;
        ask_shard(w, g, SOUK_PROBE_QUEUES, g->shard);
        any = true;
    }
    return any;
}

static bool
ask(struct souk_worker *w, struct souk_looking *g)
{
    struct souk_partition *p = w->partition;
    if (g->look->at == SOUK_LOOK_AT_NODE) return ask_shards(w, g);
    if (g->begun) return false;
    g->begun = true;
    souk_ref actor = g->look->actor;
    switch (g->look->at) {
    case SOUK_LOOK_AT_ACTOR: ask_shard(w, g, SOUK_PROBE_ACTOR, souk_shard_of(p, actor.key)->number); break;
    case SOUK_LOOK_TRACE: ask_shard(w, g, SOUK_PROBE_TRACE, souk_shard_of(p, actor.key)->number); break;
    case SOUK_LOOK_AT_LETTERS:
        for (unsigned i = 0; i < p->workers_count; i++)
            souk_worker_post(p->workers[i], probe(w, g, SOUK_PROBE_LETTERS));
        break;
    case SOUK_LOOK_REPLAY: {
        uint64_t worker = g->look->letter % SOUK_WORKERS_MAX;
        if (worker < p->workers_count) souk_worker_post(p->workers[worker], probe(w, g, SOUK_PROBE_REPLAY));
        else g->err = SOUK_ERR_MISSING;
        break;
    }
    case SOUK_LOOK_AT_NODE:
    default: break;
    }
    return true;
}

/* ---- Hearing. ---- */

static void
hear_queues(struct souk_looking *g, const struct souk_probe *told)
{
    const struct souk_probe_queues *q = (const void *)told->told;
    struct souk_look_node *node = g->node;
    uint32_t count = node->queues_count;
    for (unsigned i = 0; i < q->count; i++) souk_probe_deepest(node->queues, &count, q->most, q->queues[i]);
    node->queues_count = count;
    node->estimated |= q->estimated;
    for (unsigned k = 0; k < SOUK_LOOK_KINDS; k++) { /* By number, until the end. */
        node->kinds[k].waiting += q->kind[k].waiting;
        if (q->kind[k].depth <= node->kinds[k].depth) continue;
        node->kinds[k].depth = q->kind[k].depth;
        node->kinds[k].deepest = q->kind[k].deepest;
    }
}

/* Both lists have the last ones first. */
static void
hear_letters(struct souk_looking *g, struct souk_message *m)
{
    struct souk_look_letters *from = (void *)souk_probe_of(m)->told, *to = g->letters;
    struct souk_look_letters old = *to;
    unsigned i = 0, k = 0;
    for (unsigned n = 0; n < from->count; n++) {
        struct souk_bytes *body = &from->at[n].body;
        body->at = body->length ? (const uint8_t *)from + (uintptr_t)body->at : NULL;
    }
    to->ever += from->ever;
    for (to->count = 0; to->count < SOUK_LOOK_LETTERS && (i < old.count || k < from->count);) {
        bool mine = k == from->count || (i < old.count && old.at[i].time_ms >= from->at[k].time_ms);
        to->at[to->count++] = mine ? old.at[i++] : from->at[k++];
    }
}

void
souk_look_hear(struct souk_worker *w, struct souk_message *m)
{
    const struct souk_probe *told = souk_probe_of(m);
    struct souk_looking *g = w->looks;
    while (g && g->ticket != told->ticket) g = g->next;
    if (!g) { /* Too late. */
        souk_message_free(w->heap, m);
        return;
    }
    g->unheard--;
    g->heard = true;
    g->err = told->err;
    if (told->class == SOUK_PROBE_QUEUES) hear_queues(g, told);
    if (told->class == SOUK_PROBE_LETTERS) hear_letters(g, m);
    souk_fifo_push(&g->kept, m);
}

/* ---- Telling. ---- */

static void
tell_kinds(const struct souk_partition *p, struct souk_look_node *node)
{
    for (unsigned k = 1; k < SOUK_KINDS_MAX; k++) {
        if (!p->kinds[k]) continue;
        struct souk_look_kind *to = &node->kinds[node->kinds_count++];
        struct souk_look_kind kind = node->kinds[k]; /* What waits. At or behind `to`. */
        kind.kind = p->kinds[k];
        for (unsigned i = 0; i < p->workers_count; i++) {
            const struct souk_kind_tally *t = &p->workers[i]->slice.tally[k];
            kind.lives += atomic_load_explicit(&t->lives, memory_order_relaxed);
            kind.turns += atomic_load_explicit(&t->turns, memory_order_relaxed);
            kind.refusals += atomic_load_explicit(&t->refusals, memory_order_relaxed);
            kind.faults += atomic_load_explicit(&t->faults, memory_order_relaxed);
            kind.restarts += atomic_load_explicit(&t->restarts, memory_order_relaxed);
            kind.letters += atomic_load_explicit(&t->letters, memory_order_relaxed);
        }
        *to = kind;
    }
}

static int
slower_first(const void *a, const void *b)
{
    uint64_t x = ((const struct souk_noted *)a)->ns, y = ((const struct souk_noted *)b)->ns;
    return (x < y) - (x > y);
}

static int
later_first(const void *a, const void *b)
{
    uint64_t x = ((const struct souk_noted *)a)->time_ms, y = ((const struct souk_noted *)b)->time_ms;
    return (x < y) - (x > y);
}

/* Notes of all workers and the watchdog, in order; as many as fit. */
static unsigned
tell_notes(struct souk_worker *w, bool faults, struct souk_noted *out, unsigned most)
{
    const struct souk_partition *p = w->partition;
    unsigned each = faults ? SOUK_FAULTS : SOUK_SLOW, room = p->workers_count * each + SOUK_STALLS, count = 0;
    uint64_t now_ms = souk_partition_now_ms(p);
    struct souk_noted *all = souk_heap_alloc(w->heap, room * sizeof *all);
    for (unsigned i = 0; i < p->workers_count; i++) {
        const struct souk_note *notes = faults ? p->workers[i]->faults : p->workers[i]->slow;
        for (unsigned n = 0; n < each; n++) {
            if (!souk_note_read(&notes[n], &all[count])) continue;
            if (faults || all[count].time_ms + SOUK_SLOW_MS > now_ms) count++;
        }
    }
    for (unsigned n = 0; n < SOUK_STALLS && !faults; n++)
        if (souk_note_read(&p->watchdog.stalls[n], &all[count])) count++;
    qsort(all, count, sizeof *all, faults ? later_first : slower_first);
    unsigned told = count < most ? count : most;
    memcpy(out, all, told * sizeof *all);
    souk_heap_free(w->heap, all, room * sizeof *all);
    return told;
}

static void
tell_workers(const struct souk_partition *p, struct souk_look_node *node)
{
    for (unsigned i = 0; i < p->workers_count && i < SOUK_LOOK_WORKERS; i++) {
        const struct souk_worker *w = p->workers[i];
        const struct souk_kind_tally *tally = atomic_load_explicit(&w->slice.at.tally, memory_order_relaxed);
        node->workers[node->workers_count++] = (struct souk_look_worker){
            .number = i,
            .turns = souk_worker_turns(w),
            .steals = atomic_load_explicit(&w->counted[SOUK_N_STEALS], memory_order_relaxed),
            .parks = atomic_load_explicit(&w->counted[SOUK_N_PARKS], memory_order_relaxed),
            .idle_ns = atomic_load_explicit(&w->counted[SOUK_N_IDLE_NS], memory_order_relaxed),
            .kind = tally ? tally->kind : NULL,
        };
    }
}

static void
end(struct souk_worker *w, struct souk_looking *g)
{
    struct souk_look_answer answer = { .err = g->err };
    struct souk_look_actor actor;
    bool one = g->look && g->look->at != SOUK_LOOK_AT_NODE && g->look->at != SOUK_LOOK_AT_LETTERS;
    if (one && g->unheard) answer.err = SOUK_ERR_LATE;
    if (!one) answer.silent = g->unheard + (g->node ? SOUK_SHARDS - g->shard : 0);
    if (g->node && g->look) {
        tell_kinds(w->partition, g->node);
        tell_workers(w->partition, g->node);
        g->node->up_ns = now_ns(w) - w->partition->base_ns;
        g->node->turns_count = tell_notes(w, false, g->node->turns, SOUK_LOOK_TURNS);
        g->node->faults_count = tell_notes(w, true, g->node->faults, SOUK_LOOK_FAULTS);
    }
    answer.node = g->node;
    answer.letters = g->letters;
    if (one && g->heard && g->look->at != SOUK_LOOK_REPLAY) {
        const uint8_t *told = souk_probe_of(g->kept.head)->told;
        memcpy(&actor, told, sizeof actor);
        actor.state.at = told + sizeof actor;
        answer.actor = &actor;
    }
    if (g->look) g->look->done(g->look, &answer);
    for (struct souk_message *m; (m = souk_fifo_pop(&g->kept));) souk_message_free(w->heap, m);
    if (g->node) souk_heap_free(w->heap, g->node, sizeof *g->node);
    if (g->letters) souk_heap_free(w->heap, g->letters, sizeof *g->letters);
    souk_heap_free(w->heap, g, sizeof *g);
}

/* Takes one out whose answers are there, whose time is over, or that was forgotten. */
static struct souk_looking *
take_ended(struct souk_worker *w, uint64_t now)
{
    for (struct souk_looking **link = &w->looks; *link; link = &(*link)->next) {
        struct souk_looking *g = *link;
        bool asked = !g->node ? g->begun : g->shard == SOUK_SHARDS;
        if (g->look && now < g->due_ns && (!asked || g->unheard)) continue;
        *link = g->next;
        w->looks_count--;
        return g;
    }
    return NULL;
}

bool
souk_look_step(struct souk_worker *w)
{
    bool any = false;
    for (struct souk_looking *g = w->looks; g; g = g->next)
        if (g->look) any |= ask(w, g);
    for (struct souk_looking *g; (g = take_ended(w, now_ns(w))); any = true) end(w, g);
    return any;
}

const struct souk_kind *
souk_worker_kind(const struct souk_worker *w, struct souk_text name)
{
    for (unsigned k = 1; k < SOUK_KINDS_MAX; k++) {
        const struct souk_kind *kind = w->partition->kinds[k];
        if (kind && souk_text_equal(souk_text_of(kind->name), name)) return kind;
    }
    return NULL;
}
