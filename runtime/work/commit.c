/* SPDX-License-Identifier: Apache-2.0 */
/* work/commit.c -- group commit: whoever has the baton writes all batches that are ready as one group and syncs.
 *
 * With one request and an idle journal the worker commits inline, since four wakes cost more than the sync; under load
 * the journal thread syncs while workers run on. Nobody waits for the baton: who cannot have it leaves the work to who
 * has it. No batch is forgotten: a worker fills its place and then calls the journal thread; who lets go of the baton
 * looks at the ring again afterwards. All four are sequentially consistent, so either the thread gets the baton or the
 * holder sees the batch (Dekker). */
#include "work/partition.h"
#include "world/rare.h"

#include <stdlib.h>

enum { GROUP_MAGIC = 0x31474b53 }; /* "SKG1", little-endian */

void
souk_group_header(uint8_t out[SOUK_GROUP_HEADER], uint32_t count, struct souk_link previous)
{
    souk_store_be32_(out, __builtin_bswap32(GROUP_MAGIC));
    souk_store_be32_(out + 4, count);
    souk_store_be64_(souk_store_be64_(out + 8, previous.high), previous.low);
}

bool
souk_group_open(struct souk_bytes group, uint32_t *count, struct souk_link *previous)
{
    const uint8_t *at = group.at;
    if (group.length < SOUK_GROUP_HEADER || souk_load_be32_(at) != __builtin_bswap32(GROUP_MAGIC)) return false;
    *count = souk_load_be32_(at + 4);
    *previous = (struct souk_link){ souk_load_be64_(at + 8), souk_load_be64_(at + 16) };
    return true;
}

bool
souk_group_newer(struct souk_bytes group)
{
    const uint8_t *at = group.at;
    return group.length >= 4 && !memcmp(at, "SKG", 3) && at[3] > '1' && at[3] <= '9';
}

static bool
filled(struct souk_partition *p, uint64_t position)
{
    return atomic_load(&p->ring[position % SOUK_RING].position) == position;
}

/* Chains the batches that are ready, in order and without a gap, and lists their bytes. The baton's holder. */
static size_t
collect(struct souk_partition *p, struct souk_bytes *parts, size_t most, uint64_t first, struct souk_link *link)
{
    size_t count = 0, bytes = 0;
    while (count < most && bytes < SOUK_GROUP_BYTES && filled(p, first + count)) {
        struct souk_batch *batch = &p->ring[(first + count) % SOUK_RING].batch;
        *link = souk_batch_chain(batch->at, *link);
        parts[count++] = (struct souk_bytes){ batch->at, batch->length };
        bytes += batch->length;
        if (souk_buggify(p->world, SMALL_GROUP)) break;
    }
    return count;
}

/* Workers that sleep while something of theirs waits to leave must hear of it. Pairs with souk_worker's parking: it
 * says that it has exits and that it parks, then looks at `durable`; this stores `durable`, then looks at both. */
static void
tell_workers(struct souk_partition *p)
{
    for (unsigned i = 0; i < p->workers_count; i++)
        if (atomic_load(&p->workers[i]->has_exits)) souk_worker_wake(p->workers[i]);
}

/* The journal's end as others see it: `turn` is odd while it is being written (a sequence lock, with one
 * writer: the baton's holder). All sequentially consistent. */
static void
tell_end(struct souk_partition *p, uint64_t position, struct souk_link link)
{
    struct souk_journal_end *e = &p->end;
    uint64_t turn = atomic_load(&e->turn);
    atomic_store(&e->turn, turn + 1);
    atomic_store(&e->position, position);
    atomic_store(&e->high, link.high);
    atomic_store(&e->low, link.low);
    atomic_store(&e->turn, turn + 2);
}

uint64_t
souk_commit_end(struct souk_partition *p, struct souk_link *link)
{
    struct souk_journal_end *e = &p->end;
    for (;;) {
        uint64_t turn = atomic_load(&e->turn), position = atomic_load(&e->position);
        *link = (struct souk_link){ atomic_load(&e->high), atomic_load(&e->low) };
        if (turn % 2 == 0 && atomic_load(&e->turn) == turn) return position;
    }
}

void
souk_commit_begin(struct souk_partition *p, uint64_t position, struct souk_link link)
{
    atomic_store(&p->position, position);
    atomic_store(&p->durable, position);
    tell_end(p, position, link);
}

bool
souk_commit_step(struct souk_partition *p)
{
    enum { PARTS = 1024 };
    struct souk_bytes parts[PARTS + 1];
    uint8_t header[SOUK_GROUP_HEADER];
    if (atomic_load(&p->fault) || atomic_exchange(&p->baton, true)) return false;
    uint64_t first = atomic_load_explicit(&p->durable, memory_order_relaxed) + 1;
    struct souk_link previous, link;
    (void)souk_commit_end(p, &previous); /* The baton's holder alone writes it. */
    link = previous;
    size_t count = collect(p, parts + 1, PARTS, first, &link);
    if (!count) {
        atomic_store(&p->baton, false);
        return souk_commit_wanted(p); /* What came meanwhile was refused the baton: look again. */
    }
    size_t bytes = 0;
    for (size_t i = 1; i <= count; i++) bytes += parts[i].length;
    souk_group_header(header, (uint32_t)count, previous);
    parts[0] = (struct souk_bytes){ header, sizeof header };
    uint64_t began = p->world->monotonic_ns(p->world->self);
    souk_err err = p->journal->ops->append(p->journal, first, first + count - 1, parts, count + 1);
    souk_histogram_record(p->commit_ns, p->world->monotonic_ns(p->world->self) - began);
    souk_meanwhile(p->world);
    if (err) { /* Unknown, not absent: nothing more may leave. The baton stays taken. */
        atomic_store(&p->fault, (uint32_t)err);
        tell_workers(p);
        return true;
    }
    atomic_fetch_sub_explicit(&p->backlog_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->groups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->group_bytes, bytes, memory_order_relaxed);
    if (atomic_load(&p->group_bytes) - atomic_load(&p->checkpoint.began_bytes) > p->checkpoint_bytes)
        souk_bed_call(&p->keeper_bed);
    if (atomic_load_explicit(&p->topics.active, memory_order_relaxed) /* Looked at again below. */
        && !souk_buggify(p->world, NOT_OFFERED))
        souk_topics_offer(p, first, parts, count + 1);
    tell_end(p, first + count - 1, link);
    atomic_store(&p->durable, first + count - 1); /* release: the ring's places may be filled again */
    atomic_store(&p->baton, false);
    tell_workers(p);
    if (atomic_load(&p->topics.active)) souk_bed_call(&p->topics.bed); /* seq_cst, after `durable`: see topics.h. */
    return true;
}

bool
souk_commit_wanted(const struct souk_partition *p)
{
    struct souk_partition *q = (struct souk_partition *)(uintptr_t)p;
    return !atomic_load(&p->fault) && !atomic_load(&p->baton) && filled(q, atomic_load(&p->durable) + 1);
}
