/* SPDX-License-Identifier: Apache-2.0 */
/* work/shard.c -- partition time, a shard's alarms, and its port calls. */
#include "work/partition.h"

uint64_t
souk_partition_now_ms(const struct souk_partition *p)
{
    return p->base_ms + (p->world->monotonic_ns(p->world->self) - p->base_ns) / 1000000;
}

/* ---- Alarms. ---- */

struct souk_alarm *
souk_shard_arm(struct souk_shard *shard, souk_heap *heap, struct souk_alarm alarm, uint64_t due_ms)
{
    struct souk_alarm *a = souk_heap_alloc(heap, sizeof *a);
    *a = alarm;
    souk_wheel_add(&shard->wheel, &a->timer, due_ms);
    return a;
}

void
souk_shard_wake(struct souk_shard *shard, souk_heap *heap, struct souk_message *wake)
{
    (void)souk_shard_arm(shard, heap, (struct souk_alarm){ .wake = wake, .actor = wake->to }, wake->due_ms);
}

void
souk_shard_deadline(struct souk_shard *shard, souk_heap *heap, souk_ref actor, uint32_t number, uint64_t due_ms)
{
    (void)souk_shard_arm(shard, heap, (struct souk_alarm){ .actor = actor, .number = number }, due_ms);
}

/* ---- Port calls. ---- */

void
souk_shard_calls_trim(struct souk_shard *shard, souk_heap *heap)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shard->calls_count; i++) {
        struct souk_outstanding_call call = shard->calls[i];
        struct souk_cell *cell = souk_cell_find(&shard->directory, call.asker.kind, call.asker.key);
        bool open = cell && (cell->broken || souk_cell_ask(cell, call.asker.number)); /* It may be mended. */
        if (open) shard->calls[kept++] = call;
        else souk_message_free(heap, call.call);
    }
    shard->calls_count = kept;
}

void
souk_shard_call(struct souk_shard *shard, souk_heap *heap, const struct souk_message *m)
{
    if (shard->calls_count == shard->calls_room) {
        souk_shard_calls_trim(shard, heap); /* First: most calls are over soon. */
        uint32_t room = shard->calls_room ? 2 * shard->calls_room : 4;
        if (shard->calls_count > shard->calls_room / 2 || !shard->calls_room) {
            shard->calls = souk_heap_grow(heap, shard->calls, shard->calls_room * sizeof *shard->calls,
                                          room * sizeof *shard->calls);
            shard->calls_room = room;
        }
    }
    struct souk_message *copy = souk_message_new(heap, SOUK_CALL, m->length);
    memcpy(copy, m, sizeof *m + m->length);
    shard->calls[shard->calls_count++] = (struct souk_outstanding_call){ m->asker, copy };
}
