/* SPDX-License-Identifier: Apache-2.0 */
/* work/filed.c -- which actors of a shard have a snapshot in the vault, of which position, and under which name. There
 * may be many millions of them in a node, and this is all that a sleeping one costs in memory: 32 bytes in a table that
 * is kept 56 to 70 percent full. (Who is not there takes 6 probes then; at 80 percent it would be 13.)
 *
 * Linear probing. An entry's home grows with its hash, so a table that grows is copied from one end to the other. An
 * entry is never removed: who has a snapshot once has one for ever. The shard's holder alone touches it. */
#include "work/partition.h"

#include "base/hash.h"

enum { FIRST = 16, POSITION_BITS = SOUK_POSITION_BITS };

_Static_assert(SOUK_KINDS_MAX <= 1 << (64 - POSITION_BITS), "a kind must fit beside a position");

static uint32_t
home(const struct souk_filed *f, souk_key key, uint64_t kind)
{
    return (uint32_t)((souk_hash_mix(key.low ^ kind << POSITION_BITS) >> 32) * f->slots >> 32);
}

/* The entry, or the free one where it would stand. */
static struct souk_filing *
find(const struct souk_filed *f, souk_key key, uint64_t kind)
{
    for (uint32_t i = home(f, key, kind);; i = i + 1 == f->slots ? 0 : i + 1) {
        struct souk_filing *s = &f->slot[i];
        if (!s->kind_position || (souk_key_equal(s->key, key) && s->kind_position >> POSITION_BITS == kind)) return s;
    }
}

static void
grow(struct souk_filed *f, souk_heap *heap)
{
    struct souk_filed wider = { .count = f->count, .slots = f->slots ? f->slots + f->slots / 4 : FIRST };
    wider.slot = souk_heap_zalloc(heap, wider.slots * sizeof *wider.slot);
    for (uint32_t i = 0; i < f->slots; i++) {
        const struct souk_filing *s = &f->slot[i];
        if (s->kind_position) *find(&wider, s->key, s->kind_position >> POSITION_BITS) = *s;
    }
    souk_heap_free(heap, f->slot, f->slots * sizeof *f->slot);
    *f = wider;
}

/* Where the actor's entry stands or is to be made. */
static struct souk_filing *
place_for(struct souk_shard *shard, uint32_t kind, souk_key key)
{
    struct souk_filed *f = &shard->filed;
    souk_assert(kind);
    if (f->count >= f->slots / 10 * 7) grow(f, shard->arena.heap);
    return find(f, key, kind);
}

static void
fill(struct souk_filed *f, struct souk_filing *s, uint32_t kind, souk_key key, uint64_t position, uint64_t name)
{
    souk_assert(name && position >> POSITION_BITS == 0);
    f->count += !s->kind_position;
    *s = (struct souk_filing){ key, (uint64_t)kind << POSITION_BITS | position, name };
}

uint64_t
souk_shard_file(struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t position, uint64_t name)
{
    struct souk_filing *s = place_for(shard, kind, key);
    uint64_t replaced = s->name;
    fill(&shard->filed, s, kind, key, position, name);
    return replaced;
}

bool
souk_shard_file_later(struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t position, uint64_t name)
{
    struct souk_filing *s = place_for(shard, kind, key);
    if (s->name >= name) return false;
    fill(&shard->filed, s, kind, key, position, name);
    return true;
}

void
souk_shard_file_soon(const struct souk_shard *shard, uint32_t kind, souk_key key)
{
    const struct souk_filed *f = &shard->filed;
    if (f->slots) __builtin_prefetch(&f->slot[home(f, key, kind)], 1);
}

uint64_t
souk_shard_filed(const struct souk_shard *shard, uint32_t kind, souk_key key, uint64_t *position)
{
    static const struct souk_filing nobody;
    const struct souk_filing *s = shard->filed.slots ? find(&shard->filed, key, kind) : &nobody;
    if (position) *position = s->kind_position & ((UINT64_C(1) << POSITION_BITS) - 1);
    return s->name;
}
