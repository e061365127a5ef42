/* SPDX-License-Identifier: Apache-2.0 */
/* work/shard.c -- partition time, a shard's timers, and the checkpoint's marker. */
#include "work/partition.h"

uint64_t
souk_partition_now_ms(const struct souk_partition *p)
{
    return p->base_ms + (p->world->monotonic_ns(p->world->self) - p->base_ns) / 1000000;
}

/* ---- Timers: a binary heap by due time (Williams, 1964). ---- */

void
souk_timers_add(struct souk_timers *t, souk_heap *heap, struct souk_timer timer)
{
    if (t->count == t->room) {
        uint32_t room = t->room ? 2 * t->room : 16;
        t->at = souk_heap_grow(heap, t->at, t->room * sizeof *t->at, room * sizeof *t->at);
        t->room = room;
    }
    uint32_t i = t->count++;
    for (; i && t->at[(i - 1) / 2].due_ms > timer.due_ms; i = (i - 1) / 2) t->at[i] = t->at[(i - 1) / 2];
    t->at[i] = timer;
}

bool
souk_timers_take(struct souk_timers *t, uint64_t now_ms, struct souk_timer *out)
{
    if (!t->count || t->at[0].due_ms > now_ms) return false;
    *out = t->at[0];
    struct souk_timer last = t->at[--t->count];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < t->count; i = child) {
        if (child + 1 < t->count && t->at[child + 1].due_ms < t->at[child].due_ms) child++;
        if (t->at[child].due_ms >= last.due_ms) break;
        t->at[i] = t->at[child];
    }
    t->at[i] = last;
    return true;
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
