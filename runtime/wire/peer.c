/* SPDX-License-Identifier: Apache-2.0 */
/* wire/peer.c -- see peer.h. */
#include "wire/peer.h"

#include "base/hash.h"

enum { ROOM_FIRST = 1024, ROOM_KEPT = 64 << 10 };

static uint64_t
hash_of(const struct souk_peer_door *door, const uint8_t *id, size_t length)
{
    uint64_t hash = (uint64_t)(uintptr_t)door ^ length;
    for (size_t i = 0; i < length; i++) hash = (hash ^ id[i]) * UINT64_C(0x100000001b3);
    return souk_hash_mix(hash);
}

struct souk_peer *
souk_peer_of(struct souk_peers *peers, struct souk_peer_door *door, const uint8_t *id, size_t length)
{
    uint64_t hash = hash_of(door, id, length);
    struct souk_peer **bucket = &peers->bucket[hash % SOUK_PEER_BUCKETS];
    for (struct souk_peer *p = *bucket; p; p = p->next_hash)
        if (p->hash == hash && p->door == door && p->id_length == length && !memcmp(p->id, id, length)) return p;
    struct souk_peer *p = peers->spare;
    if (p) peers->spare = p->next_hash;
    else p = souk_heap_zalloc(peers->heap, sizeof *p);
    p->door = door;
    p->hash = hash;
    p->id_length = (uint8_t)length;
    memcpy(p->id, id, length);
    p->next_hash = *bucket;
    *bucket = p;
    peers->count++;
    return p;
}

static void
owe(struct souk_peers *peers, struct souk_peer *p)
{
    if (p->owing) return;
    p->owing = true;
    p->previous_owing = NULL;
    p->next_owing = peers->owing;
    if (peers->owing) peers->owing->previous_owing = p;
    peers->owing = p;
    peers->owing_count++;
}

static void
owe_nothing(struct souk_peers *peers, struct souk_peer *p)
{
    if (!p->owing) return;
    p->owing = false;
    if (p->next_owing) p->next_owing->previous_owing = p->previous_owing;
    if (p->previous_owing) p->previous_owing->next_owing = p->next_owing;
    else peers->owing = p->next_owing;
    peers->owing_count--;
}

static void
room_free(struct souk_peers *peers, struct souk_peer *p)
{
    souk_heap_free(peers->heap, p->pending, p->room);
    peers->pending_bytes -= p->room;
    p->pending = NULL;
    p->room = 0;
}

bool
souk_peer_answer(struct souk_peers *peers, struct souk_peer *p, const struct souk_wire_answer *answer)
{
    size_t used = p->answers ? p->used : SOUK_WIRE_HEAD, wanted = used + souk_answer_size(answer);
    if (wanted > SOUK_PEER_PENDING_MAX) {
        peers->dropped++;
        return false;
    }
    if (wanted > p->room) {
        uint32_t room = p->room ? p->room : ROOM_FIRST;
        while (room < wanted) room *= 2;
        if (peers->pending_bytes - p->room + room > SOUK_PEERS_PENDING_MAX) {
            peers->dropped++;
            return false;
        }
        p->pending = souk_heap_grow(peers->heap, p->pending, p->room, room);
        peers->pending_bytes += room - p->room;
        p->room = room;
    }
    p->used = (uint32_t)(souk_answer_write(p->pending + used, answer) - p->pending);
    p->answers++;
    owe(peers, p);
    return true;
}

void
souk_peers_flush(struct souk_peers *peers)
{
    for (struct souk_peer *p = peers->owing, *next; p; p = next) {
        next = p->next_owing;
        souk_frame_head(p->pending, p->answers);
        souk_err err = souk_socket_send(p->door->socket, p->id, p->id_length, p->pending, p->used);
        if (err == SOUK_ERR_BUSY) continue; /* A slow client: what waits for it grows up to its bound. */
        if (err) peers->dropped += p->answers;
        else peers->frames++;
        p->answers = 0;
        owe_nothing(peers, p);
        souk_peer_release(peers, p);
    }
}

void
souk_peer_release(struct souk_peers *peers, struct souk_peer *p)
{
    if (p->in_flight || p->answers) return;
    struct souk_peer **at = &peers->bucket[p->hash % SOUK_PEER_BUCKETS];
    while (*at != p) at = &(*at)->next_hash;
    *at = p->next_hash;
    if (p->room > ROOM_KEPT || peers->pending_bytes > SOUK_PEERS_PENDING_MAX / 2) room_free(peers, p);
    p->next_hash = peers->spare;
    peers->spare = p;
    peers->count--;
}
