/* SPDX-License-Identifier: Apache-2.0 */
/* world/rare.h -- points at which the simulated world makes the rare frequent.
 *
 * souk_buggify(world, POINT) is true when, by the simulation's seed, what is allowed but seldom shall happen here: a
 * slice that ends at once, a full ring, a checkpoint of one snapshot a put. It never asks for what could not happen in
 * a real node. souk_meanwhile(world) is where another thread may run between two of the caller's steps: the simulator
 * runs some of them, or lets the machine stop there.
 *
 * In a real node both are the load of a pointer that lies beside the clock's, which a slice has in the cache anyway,
 * and a branch that is never taken: below what bench/ can measure, since no point is passed more often than once a
 * message. So the build that is tested is the build that serves. */
#ifndef SOUK_WORLD_RARE_H
#define SOUK_WORLD_RARE_H

#include "world/world.h"

/* Each point, and what happens there. */
#define SOUK_RARE_LIST(R)                                                                  \
    R(SLICE_ENDS, "a slice ends before its next turn")                                     \
    R(RING_FULL, "no slice begins, as if the ring or the backlog were full")               \
    R(SHARD_HELD, "a shard on the way counts as held by another worker")                   \
    R(STEALS, "a worker steals though it has work of its own")                             \
    R(SMALL_GROUP, "a group takes no further batch")                                       \
    R(TINY_CHUNK, "a put of a checkpoint takes no further snapshot")                       \
    R(CUT_LATER, "a shard is not cut for the checkpoint yet")                              \
    R(REBUILD_LATER, "states that a turn has spoilt wait before they are rebuilt")         \
    R(KEEPER_LATER, "what is asked of the keeper waits for its next round")                \
    R(SLEEPS, "an actor is put to sleep that would stay awake")                            \
    R(EXIT_LATER, "what may leave stays for another round")                                \
    R(NOT_OFFERED, "a durable group is not offered to the reader of topics")               \
    R(REFUSED, "a command from outside is refused as if the node were busy")

#define SOUK_RARE_NAME_(name, what) SOUK_RARE_##name,
enum souk_rare { SOUK_RARE_LIST(SOUK_RARE_NAME_) SOUK_RARE_COUNT };

/* Whether it happens here and now. */
#define souk_buggify(world_, point) \
    (__builtin_expect((world_)->rare != NULL, 0) && (world_)->rare((world_)->self, SOUK_RARE_##point))
/* Others may run here. */
#define souk_meanwhile(world_)                                                          \
    do {                                                                                \
        if (__builtin_expect((world_)->meanwhile != NULL, 0)) (world_)->meanwhile((world_)->self); \
    } while (0)

#endif
