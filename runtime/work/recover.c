/* SPDX-License-Identifier: Apache-2.0 */
/* work/recover.c -- from what is on disk to a partition as it was: snapshots, then the journal from the checkpoint on.
 *
 * Events are applied to whoever's snapshot is older than they are. What batches sent and no batch consumed is delivered
 * again, in the order of the ids, before any timer runs and before anything comes in from outside (R3, R9). Everything
 * is checked as it is read: positions without a gap, the chain of links, the marker's own link, and that no snapshot is
 * from beyond the journal's end (R6). An actor whose events cannot be applied is set apart; the rest goes on (R5). */
#include "base/mutant.h"
#include "work/dead.h"
#include "work/fault.h"

#include <stdio.h>
#include <stdlib.h>

/* An actor of a batch; not woken when its snapshot is newer than the batch. */
struct entry { souk_ref ref; struct souk_cell *cell; };

struct recovery {
    struct souk_partition *p;
    char *why;
    size_t why_size;
    struct souk_marker marker;
    uint64_t next;              /* The position that must come. 0: whatever comes first. */
    struct souk_link link;
    bool linked;
    uint64_t last_ms;
    uint64_t newest_snapshot;
    uint64_t bytes;             /* Of journal that was read again: they count towards the next checkpoint. */
    struct souk_message **sent; /* Outstanding, in the order of their ids; NULL where consumed. */
    size_t sent_count, sent_room;
    struct souk_message **calls; /* Port calls without outcome. */
    size_t calls_count, calls_room;
    struct entry *entries;       /* The dictionary of the batch being read. */
    size_t entries_count, entries_room;
    struct souk_scratch scratch;
    struct souk_catch catch;
    souk_ref *asking;            /* Sleeping actors with open asks: their deadlines must run. */
    size_t asking_count, asking_room;
};

#define PUSH(r, list, value)                                                                                   \
    do {                                                                                                       \
        if ((r)->list##_count == (r)->list##_room) {                                                           \
            size_t room = (r)->list##_room ? 2 * (r)->list##_room : 256;                                       \
            (r)->list = souk_heap_grow((r)->p->heap, (r)->list, (r)->list##_room * sizeof *(r)->list,          \
                                       room * sizeof *(r)->list);                                              \
            (r)->list##_room = room;                                                                           \
        }                                                                                                      \
        (r)->list[(r)->list##_count++] = (value);                                                              \
    } while (0)

static souk_err
damaged(struct recovery *r, const char *what, uint64_t position)
{
    if (r->why) snprintf(r->why, r->why_size, "the journal is damaged: %s at position %llu", what,
                         (unsigned long long)position);
    return SOUK_ERR_CORRUPT;
}

/* Whether the program has that kind, and as an event-sourced one. */
static bool
is_hosted(const struct souk_partition *p, uint32_t kind)
{
    return souk_kind_of(p, kind) && !souk_is_volatile(p, kind);
}

/* ---- Snapshots. ---- */

static souk_err
note_snapshot(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    struct recovery *r = arg;
    uint32_t kind;
    souk_key key;
    struct souk_snapshot_head head;
    if (!souk_snapshot_parse_name(name, &kind, &key) || !souk_snapshot_peek(value, &head)) {
        if (r->why) snprintf(r->why, r->why_size, "the vault holds a snapshot that cannot be read");
        return SOUK_ERR_CORRUPT;
    }
    if (!is_hosted(r->p, kind)) {
        if (r->why) snprintf(r->why, r->why_size, "the vault has actors of kind %u, which this program lacks", kind);
        return SOUK_ERR_VERSION;
    }
    if (head.position > r->newest_snapshot) r->newest_snapshot = head.position;
    souk_shard_sleep(souk_shard_of(r->p, key), kind, key, head.position);
    if (head.has_asks) PUSH(r, asking, ((souk_ref){ kind, key }));
    return SOUK_OK;
}

/* The actor, woken or made. */
static souk_err
wake_actor(struct recovery *r, uint32_t kind, souk_key key, struct souk_cell **out)
{
    struct souk_partition *p = r->p;
    struct souk_shard *shard = souk_shard_of(p, key);
    struct souk_cell *cell = souk_cell_find(&shard->directory, kind, key);
    *out = cell;
    if (cell) return SOUK_OK;
    if (!is_hosted(p, kind)) {
        if (r->why) snprintf(r->why, r->why_size, "the journal has actors of kind %u, which this program lacks", kind);
        return SOUK_ERR_VERSION;
    }
    *out = cell = souk_cell_new(&shard->directory, &shard->arena, p->kinds[kind], key);
    atomic_fetch_add(&p->actors, 1);
    souk_kind_count(&p->workers[0]->slice.tally[kind].lives, 1);
    if (!souk_shard_asleep(shard, kind, key)) return SOUK_OK;
    uint8_t name[SOUK_SNAPSHOT_NAME];
    void *value = NULL;
    size_t length = 0;
    souk_snapshot_name(name, kind, key);
    souk_err err = p->vault->ops->get(p->vault, (struct souk_bytes){ name, sizeof name }, &value, &length);
    if (err == SOUK_ERR_MISSING) return SOUK_OK;
    if (!err) cell->broken = !souk_snapshot_read(cell, (struct souk_bytes){ value, length }, p->heap);
    if (cell->broken) souk_fault_quarantine(&cell->identity, NULL, "for its snapshot cannot be read");
    free(value);
    return err;
}

/* ---- Batches. ---- */

/* The outstanding message of that id, or NULL. */
static struct souk_message *
find_sent(struct recovery *r, struct souk_id id)
{
    size_t low = 0, high = r->sent_count; /* First entry not before the id; consumed entries keep their place by id. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct souk_message *m = r->sent[middle];
        bool before = m->id.position < id.position || (m->id.position == id.position && m->id.ordinal < id.ordinal);
        if (before) low = middle + 1;
        else high = middle;
    }
    if (low == r->sent_count) return NULL;
    struct souk_message *m = r->sent[low];
    return m->id.position == id.position && m->id.ordinal == id.ordinal ? m : NULL;
}

static void
consume(struct recovery *r, struct souk_id id)
{
    struct souk_message *m = find_sent(r, id);
    if (m && !souk_mutant(SKIP_DEDUP)) m->class = 0; /* Consumed. */
}

/* A turn that took the message has failed. Never more often than it may be tried: then it would have been given up. */
static void
count_attempt(struct recovery *r, const struct souk_step *step)
{
    struct souk_message *m = find_sent(r, step->cause);
    if (m) m->attempts = step->number < SOUK_ATTEMPTS ? step->number & 3 : SOUK_ATTEMPTS - 1;
}

static void
close_ask(struct recovery *r, const struct entry *e, uint32_t number, bool replays)
{
    struct souk_open_ask *ask = replays ? souk_cell_ask(e->cell, number) : NULL;
    if (ask) souk_cell_ask_remove(e->cell, ask);
    for (size_t i = r->calls_count; i-- > 0;) {
        const souk_asker *asker = &r->calls[i]->asker;
        if (asker->number != number || asker->kind != e->ref.kind || !souk_key_equal(asker->key, e->ref.key)) continue;
        r->calls[i] = r->calls[--r->calls_count];
        return;
    }
}

static souk_err
keep_send(struct recovery *r, const struct souk_step *step)
{
    uint32_t kind = step->send.to.kind;
    if (step->send.class != SOUK_CALL && !is_hosted(r->p, kind)) {
        if (r->why) snprintf(r->why, r->why_size, "the journal has actors of kind %u, which this program lacks", kind);
        return SOUK_ERR_VERSION;
    }
    struct souk_message *m = souk_message_new(r->p->heap, SOUK_TELL, step->body.length);
    uint32_t length = m->length;
    *m = step->send;
    m->length = length;
    if (length) memcpy(m->body, step->body.at, length);
    if (m->class == SOUK_CALL) PUSH(r, calls, m);
    else PUSH(r, sent, m);
    return SOUK_OK;
}

/* The next actor of the batch's dictionary. */
static souk_err
name_actor(struct recovery *r, const struct souk_step *step, uint64_t position)
{
    struct entry e = { .ref = { step->kind, step->key } };
    struct souk_shard *shard = souk_shard_of(r->p, step->key);
    e.cell = souk_cell_find(&shard->directory, step->kind, step->key);
    souk_err err = SOUK_OK;
    if (!e.cell && souk_shard_asleep(shard, step->kind, step->key) < position)
        err = wake_actor(r, step->kind, step->key, &e.cell);
    if (!err) PUSH(r, entries, e);
    return err;
}

/* What a step means for its actor. */
static void
replay_step(struct recovery *r, struct entry *e, const struct souk_step *step, uint64_t position)
{
    struct souk_cell *cell = e->cell;
    bool replays = cell && position > cell->snapshot && !cell->broken;
    if (step->class == SOUK_STEP_TURN) {
        if (step->time_ms > r->last_ms) r->last_ms = step->time_ms;
        if (step->cause.position) consume(r, step->cause);
    } else if (step->class == SOUK_STEP_CLOSED) {
        close_ask(r, e, step->number, replays);
    }
    if (!replays) return;
    if (step->class == SOUK_STEP_EVENT) {
        cell->broken = !souk_turn_replay_caught(cell, &r->scratch, step->tag, step->body, &r->catch);
        if (cell->broken) souk_fault_quarantine(&cell->identity, &r->catch, "for its events cannot be applied");
        r->catch.what = NULL;
    } else if (step->class == SOUK_STEP_OPENED) {
        souk_cell_ask_add(cell, r->p->heap, (struct souk_open_ask){ step->number, step->tag, step->due_ms, true });
        if (step->number > cell->asked) cell->asked = step->number;
    }
    cell->position = position;
    cell->dirty = true;
}

static souk_err
replay_batch(struct recovery *r, struct souk_batch_reader *batch)
{
    size_t actor = SIZE_MAX; /* Whose events follow. */
    struct souk_step step;
    r->entries_count = 0;
    for (;;) {
        souk_err err = souk_batch_next(batch, &step);
        if (err) return damaged(r, "a batch that cannot be read", batch->position);
        switch (step.class) {
        case SOUK_STEP_END:
            return SOUK_OK;
        case SOUK_STEP_ACTOR:
        case SOUK_STEP_SEND:
            err = step.class == SOUK_STEP_SEND ? keep_send(r, &step) : name_actor(r, &step, batch->position);
            if (err) return err;
            continue;
        case SOUK_STEP_ATTEMPT:
            count_attempt(r, &step);
            continue;
        case SOUK_STEP_DEAD: /* Its TURN has consumed it. */
            continue;
        case SOUK_STEP_TURN:
        case SOUK_STEP_OPENED:
        case SOUK_STEP_CLOSED:
            actor = step.actor;
            break;
        case SOUK_STEP_EVENT:
            break;
        }
        if (actor >= r->entries_count) return damaged(r, "a step of nobody", batch->position);
        replay_step(r, &r->entries[actor], &step, batch->position);
    }
}

static souk_err
replay_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct recovery *r = arg;
    struct souk_link previous;
    uint32_t count;
    if (!souk_group_open(bytes, &count, &previous)) return damaged(r, "a group without its header", first);
    if (r->next && r->next != first) return damaged(r, "a gap", r->next);
    if (r->linked && (previous.high != r->link.high || previous.low != r->link.low))
        return damaged(r, "a broken chain", first);
    r->link = previous;
    r->linked = true;
    r->next = first;
    r->bytes += bytes.length;
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER;
    size_t left = bytes.length - SOUK_GROUP_HEADER;
    for (; count; count--) {
        struct souk_batch_reader batch;
        size_t length;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ at, left }, &r->link, &length);
        if (err == SOUK_ERR_VERSION) {
            if (r->why) snprintf(r->why, r->why_size, "the journal was written by another version of souk");
            return err;
        }
        if (err || batch.position != r->next) return damaged(r, "a batch that doesn't follow", r->next);
        r->link = batch.link;
        const struct souk_marker *marker = &r->marker;
        if (batch.position == marker->position &&
            (batch.link.high != marker->link.high || batch.link.low != marker->link.low))
            return damaged(r, "another history than the checkpoint's", batch.position);
        if (batch.time_ms > r->last_ms) r->last_ms = batch.time_ms;
        if (batch.position >= marker->low) err = replay_batch(r, &batch);
        if (err) return err;
        r->next++;
        at += length;
        left -= length;
    }
    return left ? damaged(r, "bytes after a group's end", first) : SOUK_OK;
}

/* ---- Putting back. ---- */

/* Whether what an entry of the page names is still to be handled; its message, if it has one. */
static bool
still_there(struct recovery *r, const struct souk_page_entry *e, struct souk_message **message)
{
    *message = NULL;
    if (e->position == SOUK_PAGE_ASK) {
        struct souk_shard *shard = souk_shard_of(r->p, e->key);
        struct souk_cell *cell = souk_cell_find(&shard->directory, e->kind, e->key);
        return cell && souk_cell_ask(cell, e->ordinal);
    }
    struct souk_message *m = *message = find_sent(r, (struct souk_id){ e->position, e->ordinal });
    return m && m->class && m->to.kind == e->kind && souk_key_equal(m->to.key, e->key);
}

/* A message of which the process has died too often is given up when its turn comes (R5). */
static void
condemn(struct recovery *r)
{
    souk_page *page = r->p->page;
    const struct souk_page_entry *e;
    for (unsigned i = 0; page && (e = souk_page_entry(page, i));) {
        struct souk_message *m;
        if (!still_there(r, e, &m)) {
            souk_page_forget(page, i);
            continue;
        }
        i++;
        if (e->aborts < SOUK_PAGE_ABORTS) continue;
        if (m) m->attempts = SOUK_ATTEMPTS;
        else r->p->outcomes_condemned = true;
        char what[64];
        if (m) snprintf(what, sizeof what, "message %llu.%u", (unsigned long long)e->position, e->ordinal);
        else snprintf(what, sizeof what, "what came of ask %u", e->ordinal);
        fprintf(stderr, "souk: %s to %s %016llx%016llx has ended %u processes, and is given up\n", what,
                r->p->kinds[e->kind]->name, (unsigned long long)e->key.high, (unsigned long long)e->key.low, e->aborts);
    }
}

static void
deliver_again(struct recovery *r)
{
    struct souk_partition *p = r->p;
    for (size_t i = 0; i < r->sent_count; i++) {
        struct souk_message *m = r->sent[i];
        struct souk_shard *shard = souk_shard_of(p, m->to.key);
        if (m->class == SOUK_WAKE) {
            souk_shard_wake(shard, p->heap, m);
        } else if (m->class) {
            souk_fifo_push(&shard->backlog, m);
            shard->backlog_count++;
        } else {
            souk_message_free(p->heap, m);
        }
    }
    for (size_t i = 0; i < r->calls_count; i++) {
        struct souk_message *m = r->calls[i];
        struct souk_shard *shard = souk_shard_of(p, m->asker.key);
        shard->calls = souk_heap_grow(p->heap, shard->calls, shard->calls_room * sizeof *shard->calls,
                                      (shard->calls_room + 1) * sizeof *shard->calls);
        shard->calls_room++;
        shard->calls[shard->calls_count++] = (struct souk_outstanding_call){ m->asker, m->id.position };
        souk_mailbox_push(&p->workers[0]->inbox, m, m);
    }
}

/* Deadlines run again; shards with work stand in their workers' rings. */
static void
rewind_clocks(struct souk_partition *p)
{
    for (unsigned n = 0; n < SOUK_SHARDS; n++) {
        struct souk_shard *shard = &p->shards[n];
        struct souk_worker *w = p->workers[n % p->workers_count];
        for (uint32_t i = 0; i < shard->directory.slots; i++) {
            struct souk_cell *cell = souk_cell_at(&shard->directory, i);
            for (uint32_t a = 0; cell && a < cell->asks_count; a++) {
                const struct souk_open_ask *ask = &cell->asks[a];
                souk_shard_deadline(shard, p->heap, (souk_ref){ cell->kind->number, cell->key }, ask->number,
                                    ask->due_ms);
            }
        }
        w->due[n] = souk_wheel_next(&shard->wheel);
        if (w->due[n] < w->due_min) w->due_min = w->due[n];
        shard->dep = atomic_load(&p->durable);
        if (!shard->backlog.head) continue;
        atomic_store(&shard->state, SOUK_SHARD_QUEUED);
        souk_ready_put(w->ready, shard);
    }
}

static souk_err
read_all(struct recovery *r)
{
    struct souk_partition *p = r->p;
    uint64_t first_group, last_group;
    void *marker = NULL;
    size_t length = 0;
    souk_err err = p->vault->ops->get(p->vault, (struct souk_bytes){ "m", 1 }, &marker, &length);
    if (err && err != SOUK_ERR_MISSING) return err;
    if (!err && !souk_marker_read((struct souk_bytes){ marker, length }, &r->marker)) {
        if (r->why) snprintf(r->why, r->why_size, "the checkpoint's marker cannot be read");
        err = SOUK_ERR_CORRUPT;
    } else {
        err = SOUK_OK;
    }
    free(marker);
    if (!err) err = p->vault->ops->each(p->vault, (struct souk_bytes){ "s", 1 }, note_snapshot, r);
    for (size_t i = 0; i < r->asking_count && !err; i++) {
        struct souk_cell *cell;
        err = wake_actor(r, r->asking[i].kind, r->asking[i].key, &cell);
    }
    if (!err) err = p->journal->ops->bounds(p->journal, &first_group, &last_group);
    if (err) return err;
    uint64_t from = r->marker.low ? r->marker.low : 1;
    if (first_group) err = p->journal->ops->read(p->journal, from, replay_group, r);
    if (err) return err;
    uint64_t end = r->next ? r->next - 1 : 0;
    if (r->marker.position > end) return damaged(r, "it ends before the checkpoint", end);
    if (r->newest_snapshot > end) return damaged(r, "it ends before a snapshot", end);
    p->journal->ops->begin(p->journal, end);
    atomic_store(&p->position, end);
    atomic_store(&p->durable, end);
    p->link = r->link;
    atomic_store(&p->checkpoint.began_bytes, 0 - r->bytes);
    return SOUK_OK;
}

/* Whatever was outstanding is handled before timers run, so that a slow restart compensates nothing by itself (R9). */
souk_err
souk_partition_settle(struct souk_partition *p)
{
    for (bool any = true; any && !atomic_load(&p->fault);) {
        any = false;
        for (unsigned i = 0; i < p->workers_count; i++) any |= souk_worker_step(p->workers[i]);
        any |= souk_keeper_step(p);
        any |= souk_commit_step(p);
    }
    souk_partition_settled(p);
    return (souk_err)atomic_load(&p->fault);
}

void
souk_partition_settled(struct souk_partition *p)
{
    atomic_store(&p->timers_run, true);
}

/* Zeroed, and on cache lines of its own. Lives as long as the memory. */
void *
souk_partition_lines(souk_heap *heap, size_t size)
{
    uintptr_t at = (uintptr_t)souk_heap_zalloc(heap, size + 63);
    return (void *)((at + 63) & ~(uintptr_t)63);
}

static void
fill(struct souk_partition *p, const struct souk_partition_options *o)
{
    for (const struct souk_kind *const *kind = o->kinds; *kind; kind++) {
        souk_assert((*kind)->number && (*kind)->number < SOUK_KINDS_MAX && !p->kinds[(*kind)->number]);
        souk_state_check(*kind);
        p->kinds[(*kind)->number] = *kind;
    }
    souk_assert(!p->kinds[SOUK_DEAD_KIND]); /* That number is the runtime's. */
    p->kinds[SOUK_DEAD_KIND] = &dead_letters_kind;
    p->node = o->node;
    p->world = o->world;
    p->secret = o->secret;
    p->journal = o->journal;
    p->vault = o->vault;
    p->page = o->page;
    p->ports = o->ports;
    p->backlog_max = o->backlog_max ? o->backlog_max : 16 << 20;
    p->checkpoint_bytes = o->checkpoint_bytes ? o->checkpoint_bytes : UINT64_C(256) << 20;
    p->actors_max = o->actors_max ? o->actors_max : 4 << 20;
    p->volatile_max = o->volatile_max ? o->volatile_max : 16 << 20;
    p->memory_max = o->memory_max ? o->memory_max : UINT64_MAX;
    p->ring = souk_partition_lines(p->heap, SOUK_RING * sizeof *p->ring);
    int failed = pthread_mutex_init(&p->trace.lock, NULL);
    souk_assert(!failed);
    p->commit_ns = souk_heap_zalloc(p->heap, sizeof *p->commit_ns);
    p->shards = souk_partition_lines(p->heap, SOUK_SHARDS * sizeof *p->shards);
    for (unsigned i = 0; i < SOUK_SHARDS; i++) {
        p->shards[i].number = i;
        p->shards[i].arena.heap = p->heap;
        p->shards[i].population.shard = i;
        p->world->random(p->world->self, &p->shards[i].population.generation, sizeof(uint32_t));
        p->shards[i].population.asked = p->shards[i].population.generation; /* Nor are numbers of asks used again. */
        souk_mailbox_init(&p->shards[i].mailbox);
    }
    souk_mailbox_init(&p->keeper_box);
    p->keeper_heap = souk_heap_open(p->memory);
    souk_mailbox_init(&p->topics.box);
    p->topics.heap = souk_heap_open(p->memory);
    p->topics.group_heap = souk_heap_open(p->memory);
    p->workers_count = o->workers;
    p->workers = souk_heap_zalloc(p->heap, o->workers * sizeof(struct souk_worker *));
    for (unsigned i = 0; i < o->workers; i++) p->workers[i] = souk_worker_open(p, i);
}

/* An empty partition; false when there is not enough memory for one. */
static bool
make(struct souk_partition **out, souk_memory *memory, const struct souk_partition_options *o)
{
    jmp_buf none_left;
    if (_setjmp(none_left)) return false;
    souk_memory_catch(memory, &none_left);
    souk_heap *heap = souk_heap_open(memory);
    struct souk_partition *p = souk_partition_lines(heap, sizeof *p);
    p->memory = memory;
    p->heap = heap;
    fill(p, o);
    souk_memory_catch(memory, NULL);
    *out = p;
    return true;
}

souk_err
souk_partition_open(struct souk_partition **out, const struct souk_partition_options *options, char *why,
                    size_t why_size)
{
    souk_assert(options->workers && options->workers <= SOUK_WORKERS_MAX);
    souk_memory *memory = souk_memory_open();
    if (!memory) return SOUK_ERR_MEMORY;
    struct souk_partition *p;
    if (why && why_size) *why = 0;
    if (!make(&p, memory, options)) {
        souk_memory_close(&memory);
        return SOUK_ERR_MEMORY;
    }
    souk_heap *heap = p->heap;
    struct recovery r = { .p = p, .why = why, .why_size = why_size };
    uint8_t *scratch = souk_heap_alloc(heap, SOUK_SCRATCH_BYTES);
    r.scratch = (struct souk_scratch){ scratch, scratch + SOUK_SCRATCH_BYTES };
    souk_err err = read_all(&r);
    if (err) {
        souk_partition_close(&p);
        return err;
    }
    uint64_t wall = p->world->wall_ms(p->world->self);
    p->base_ms = wall > r.last_ms ? wall : r.last_ms;
    p->base_ns = p->world->monotonic_ns(p->world->self);
    condemn(&r);
    deliver_again(&r);
    rewind_clocks(p);
    souk_heap_free(heap, scratch, SOUK_SCRATCH_BYTES);
    souk_heap_free(heap, r.sent, r.sent_room * sizeof *r.sent);
    souk_heap_free(heap, r.calls, r.calls_room * sizeof *r.calls);
    souk_heap_free(heap, r.entries, r.entries_room * sizeof *r.entries);
    souk_heap_free(heap, r.asking, r.asking_room * sizeof *r.asking);
    /* It has died of this before: now whatever it dies of next will be on record, and can be counted. node.c ends that
     * when the process has lived for a while. */
    bool careful = p->page && souk_page_deaths(p->page) > 1;
    for (unsigned i = 0; i < p->workers_count; i++) p->workers[i]->careful = careful;
    if (souk_mutant(TIMERS_FIRST)) souk_partition_settled(p);
    *out = p;
    return SOUK_OK;
}

void
souk_partition_close(struct souk_partition **partition_p)
{
    struct souk_partition *p = *partition_p;
    *partition_p = NULL;
    if (!p) return;
    souk_memory *memory = p->memory;
    pthread_mutex_destroy(&p->trace.lock);
    free(p->trace.line);
    souk_memory_close(&memory);
}
