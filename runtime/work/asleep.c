/* SPDX-License-Identifier: Apache-2.0 */
/* work/asleep.c -- which actors of a shard have a snapshot, and of which position. There may be many millions of them
 * in a node, and this is all that they cost in memory: 24 bytes in a table that is kept 64 to 80 percent full.
 *
 * Linear probing. An entry's home grows with its hash, so a table that grows is copied from one end to the other. An
 * entry is never removed: who has a snapshot once has one for ever. The shard's holder alone touches it. */
#include "work/partition.h"

#include "base/hash.h"

enum { FIRST = 16, POSITION_BITS = 56 };

_Static_assert(SOUK_KINDS_MAX <= 1 << (64 - POSITION_BITS), "a kind must fit beside a position");

static uint32_t
home(const struct souk_asleep *a, souk_key key, uint64_t kind)
{
    return (uint32_t)((souk_hash_mix(key.low ^ kind << POSITION_BITS) >> 32) * a->slots >> 32);
}

/* The entry, or the free one where it would stand. */
static struct souk_sleeper *
find(const struct souk_asleep *a, souk_key key, uint64_t kind)
{
    for (uint32_t i = home(a, key, kind);; i = i + 1 == a->slots ? 0 : i + 1) {
        struct souk_sleeper *s = &a->slot[i];
        if (!s->kind_position || (souk_key_equal(s->key, key) && s->kind_position >> POSITION_BITS == kind)) return s;
    }
}

static void
grow(struct souk_asleep *a, souk_heap *heap)
{
    struct souk_asleep wider = { .count = a->count, .slots = a->slots ? a->slots + a->slots / 4 : FIRST };
    wider.slot = souk_heap_zalloc(heap, wider.slots * sizeof *wider.slot);
    for (uint32_t i = 0; i < a->slots; i++) {
        const struct souk_sleeper *s = &a->slot[i];
        if (s->kind_position) *find(&wider, s->key, s->kind_position >> POSITION_BITS) = *s;
    }
    souk_heap_free(heap, a->slot, a->slots * sizeof *a->slot);
    *a = wider;
}

void
souk_shard_sleep(struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t position)
{
    struct souk_asleep *a = &shard->asleep;
    souk_assert(kind && position >> POSITION_BITS == 0);
    if (a->count >= a->slots / 5 * 4) grow(a, shard->arena.heap);
    struct souk_sleeper *s = find(a, key, kind);
    a->count += !s->kind_position;
    *s = (struct souk_sleeper){ key, (uint64_t)kind << POSITION_BITS | position };
}

uint64_t
souk_shard_asleep(const struct souk_shard *shard, uint32_t kind, souk_key key)
{
    const struct souk_asleep *a = &shard->asleep;
    if (!a->slots) return 0;
    return find(a, key, kind)->kind_position & ((UINT64_C(1) << POSITION_BITS) - 1);
}
