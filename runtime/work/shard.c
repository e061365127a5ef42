/* SPDX-License-Identifier: Apache-2.0 */
/* work/shard.c -- partition time, a shard's alarms, and the checkpoint's marker. */
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

void
souk_shard_call(struct souk_shard *shard, souk_heap *heap, const struct souk_message *m)
{
    if (shard->calls_count == shard->calls_room) {
        uint32_t room = shard->calls_room ? 2 * shard->calls_room : 4;
        shard->calls = souk_heap_grow(heap, shard->calls, shard->calls_room * sizeof *shard->calls,
                                      room * sizeof *shard->calls);
        shard->calls_room = room;
    }
    shard->calls[shard->calls_count++] = (struct souk_outstanding_call){ m->asker, m->id.position };
}

/* ---- The marker. ---- */

enum { MARKER_VERSION = 1 };

static uint64_t
marker_hash(const uint8_t *marker)
{
    return souk_hash_link((struct souk_link){ 0, 0 }, marker, SOUK_MARKER_BYTES - 8).low;
}

void
souk_marker_write(uint8_t out[SOUK_MARKER_BYTES], const struct souk_marker *marker)
{
    uint8_t *p = out;
    *p++ = MARKER_VERSION;
    p = souk_store_be64_(souk_store_be64_(p, marker->position), marker->low);
    p = souk_store_be64_(souk_store_be64_(p, marker->link.high), marker->link.low);
    souk_store_be64_(p, marker_hash(out));
}

bool
souk_marker_read(struct souk_bytes bytes, struct souk_marker *marker)
{
    const uint8_t *at = bytes.at;
    if (bytes.length != SOUK_MARKER_BYTES || *at != MARKER_VERSION) return false;
    if (souk_load_be64_(at + SOUK_MARKER_BYTES - 8) != marker_hash(at)) return false;
    *marker = (struct souk_marker){ souk_load_be64_(at + 1), souk_load_be64_(at + 9),
                                    { souk_load_be64_(at + 17), souk_load_be64_(at + 25) } };
    return true;
}
