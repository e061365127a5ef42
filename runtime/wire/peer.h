/* SPDX-License-Identifier: Apache-2.0 */
/* wire/peer.h -- the clients of a node, while it owes them anything: what is under way for each and the answers that
 * wait to be sent, in one frame as far as they become ready together. For wire/ alone; one thread.
 *
 * A peer exists from its first request until nothing is owed to it, so a client that comes and goes leaves nothing
 * behind. What waits is bounded for each peer and for all: beyond, answers are dropped and counted. */
#ifndef SOUK_WIRE_PEER_H
#define SOUK_WIRE_PEER_H

#include "base/heap.h"
#include "wire/frame.h"
#include "wire/socket.h"

enum { SOUK_PEER_PENDING_MAX = SOUK_WIRE_FRAME_MAX, SOUK_PEERS_PENDING_MAX = 64 << 20 };

/* A socket that peers come to: local ipc, or tcp with keys. */
struct souk_peer_door { souk_socket *socket; };

struct souk_peer {
    struct souk_peer *next_hash, *next_owing, *previous_owing;
    struct souk_peer_door *door;
    uint64_t hash;
    uint32_t in_flight, answers; /* Under way; waiting in `pending`. */
    uint8_t *pending;            /* A frame being filled. */
    uint32_t used, room;
    bool owing;                  /* In the list of those with answers to be sent. */
    uint8_t id_length;
    uint8_t id[SOUK_WIRE_PEER_MAX];
};

enum { SOUK_PEER_BUCKETS = 1024 };

struct souk_peers {
    souk_heap *heap;
    struct souk_peer *bucket[SOUK_PEER_BUCKETS];
    struct souk_peer *owing, *spare;
    uint32_t count, owing_count;
    size_t pending_bytes;             /* Rooms of all live peers. */
    uint64_t frames, dropped;         /* Frames sent; answers that could not be. */
};

/* The peer of that id, made when it is new. */
struct souk_peer *souk_peer_of(struct souk_peers *peers, struct souk_peer_door *door, const uint8_t *id, size_t length);
/* Adds an answer to what waits for a peer. False when there is no room: it was dropped and counted. */
bool souk_peer_answer(struct souk_peers *peers, struct souk_peer *peer, const struct souk_wire_answer *answer);
/* Sends what waits, to whom it can be sent now. */
void souk_peers_flush(struct souk_peers *peers);
/* Lets go of a peer to whom nothing is owed; leaves others. */
void souk_peer_release(struct souk_peers *peers, struct souk_peer *peer);

#endif
