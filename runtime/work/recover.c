/* SPDX-License-Identifier: Apache-2.0 */
/* work/recover.c -- from what is on disk to a partition as it was: the last checkpoint (restore.c), then the journal
 * from there on (replay.c), then what was outstanding is put back.
 *
 * What batches sent and no batch consumed is delivered again, in the order of the ids, before any timer runs and before
 * anything comes in from outside (R3, R9). An actor whose events cannot be applied is set apart; the rest goes on (R5).
 * Nothing is written before the settling, so a recovery that is killed has changed nothing; and what the settling
 * writes is ordinary batches. */
#include "base/mutant.h"
#include "work/dead.h"
#include "work/recovery.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- What the parts share. ---- */

souk_err
souk_recovery_fault(struct souk_recovery *r, souk_err err, const char *format, ...)
{
    if (!r->why || !r->why_size) return err;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->why, r->why_size, format, args);
    va_end(args);
    return err;
}

bool
souk_recovery_hosts(struct souk_recovery *r, const char *whose, uint32_t kind)
{
    if (souk_kind_of(r->p, kind) && !souk_is_volatile(r->p, kind)) return true;
    (void)souk_recovery_fault(r, SOUK_ERR_VERSION, "%s has actors of kind %u, which this program lacks", whose, kind);
    return false;
}

souk_err
souk_recovery_wake(struct souk_recovery *r, uint32_t kind, souk_key key, struct souk_cell **out)
{
    struct souk_partition *p = r->p;
    struct souk_shard *shard = souk_shard_of(p, key);
    struct souk_cell *cell = souk_cell_find(&shard->directory, kind, key);
    *out = cell;
    if (cell) return SOUK_OK;
    if (!souk_recovery_hosts(r, "the journal", kind)) return SOUK_ERR_VERSION;
    *out = cell = souk_cell_new(&shard->directory, &shard->arena, p->kinds[kind], key);
    atomic_fetch_add(&p->actors, 1);
    souk_kind_count(&p->workers[0]->slice.tally[kind].lives, 1);
    uint64_t number = souk_shard_filed(shard, kind, key, NULL);
    if (!number) return SOUK_OK;
    uint8_t name[SOUK_SNAPSHOT_NAME];
    void *value = NULL;
    size_t length = 0;
    souk_snapshot_name(name, number, kind, key);
    souk_err err = p->vault->ops->get(p->vault, (struct souk_bytes){ name, sizeof name }, &value, &length);
    if (err == SOUK_ERR_MISSING)
        return souk_recovery_fault(r, SOUK_ERR_CORRUPT, "the vault's index speaks of a snapshot that is not there");
    if (!err) err = souk_recovery_knows_snapshot(r, &cell->identity, (struct souk_bytes){ value, length });
    if (!err && !souk_snapshot_read(cell, (struct souk_bytes){ value, length }, p->heap)) {
        souk_rebuild_now(p, cell, number);
        souk_shard_note(shard, cell);
    }
    free(value);
    return err;
}

souk_err
souk_recovery_keep(struct souk_recovery *r, const struct souk_step *step)
{
    if (step->send.class != SOUK_CALL && !souk_recovery_hosts(r, "the journal", step->send.to.kind))
        return SOUK_ERR_VERSION;
    struct souk_message *m = souk_message_new(r->p->heap, SOUK_TELL, step->body.length);
    uint32_t length = m->length;
    *m = step->send;
    m->length = length;
    if (length) memcpy(m->body, step->body.at, length);
    if (m->class == SOUK_CALL) SOUK_RECOVERY_PUSH(r, calls, m);
    else SOUK_RECOVERY_PUSH(r, sent, m);
    return SOUK_OK;
}

struct souk_message *
souk_recovery_sent(struct souk_recovery *r, struct souk_id id)
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

/* ---- Putting back. ---- */

/* Whether what an entry of the page names is still to be handled; its message, if it has one. */
static bool
still_there(struct souk_recovery *r, const struct souk_page_entry *e, struct souk_message **message)
{
    *message = NULL;
    if (e->position == SOUK_PAGE_ASK) {
        struct souk_shard *shard = souk_shard_of(r->p, e->key);
        struct souk_cell *cell = souk_cell_find(&shard->directory, e->kind, e->key);
        return cell && souk_cell_ask(cell, e->ordinal);
    }
    struct souk_message *m = *message = souk_recovery_sent(r, (struct souk_id){ e->position, e->ordinal });
    return m && m->class && m->to.kind == e->kind && souk_key_equal(m->to.key, e->key);
}

/* A message of which the process has died too often is given up when its turn comes (R5). */
static void
condemn(struct souk_recovery *r)
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
deliver_again(struct souk_recovery *r)
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
        souk_shard_call(souk_shard_of(p, m->asker.key), p->heap, m);
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
read_all(struct souk_recovery *r)
{
    struct souk_partition *p = r->p;
    uint64_t end = 0;
    souk_err err = souk_restore(r);
    if (!err && r->outdated)
        fprintf(stderr, "souk: the checkpoints are of an earlier version: the whole journal is read\n");
    if (!err) err = souk_replay(r, &end);
    if (!err) err = souk_recovery_knows_sent(r);
    if (!err) err = souk_restore_empty(r);
    if (err) return err;
    p->journal->ops->begin(p->journal, end);
    souk_commit_begin(p, end, r->walk.linked ? r->walk.link : (struct souk_link){ 0, 0 });
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
    p->checkpoint_bytes = o->checkpoint_bytes ? o->checkpoint_bytes : UINT64_C(32) << 20;
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
    p->topics.kinds = p->kinds;
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
    uint64_t now = p->world->monotonic_ns(p->world->self);
    struct souk_recovery r = { .p = p, .why = why, .why_size = why_size, .began_ns = now, .told_ns = now };
    uint8_t *scratch = souk_heap_alloc(heap, SOUK_SCRATCH_BYTES);
    r.scratch = (struct souk_scratch){ scratch, scratch + SOUK_SCRATCH_BYTES };
    souk_err err = read_all(&r);
    if (err) {
        souk_partition_close(&p);
        return err;
    }
    uint64_t wall = p->world->wall_ms(p->world->self);
    p->base_ms = wall > r.last_ms || souk_mutant(CLOCK_BACK) ? wall : r.last_ms;
    p->base_ns = p->world->monotonic_ns(p->world->self);
    condemn(&r);
    deliver_again(&r);
    rewind_clocks(p);
    souk_heap_free(heap, scratch, SOUK_SCRATCH_BYTES);
    souk_heap_free(heap, r.sent, r.sent_room * sizeof *r.sent);
    souk_heap_free(heap, r.calls, r.calls_room * sizeof *r.calls);
    souk_heap_free(heap, r.entries, r.entries_room * sizeof *r.entries);
    souk_heap_free(heap, r.asking, r.asking_room * sizeof *r.asking);
    souk_heap_free(heap, r.seen, r.seen_room * sizeof *r.seen);
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
