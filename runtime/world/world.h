/* SPDX-License-Identifier: Apache-2.0 */
/* world/world.h -- what a node takes from outside itself: time and chance.
 *
 * The real world is in os.c. The simulated one is in sim.c: its clock moves only when the simulation says so and its
 * randomness comes from a seed. Nothing else in souk reads a clock or takes randomness. Sockets and threads are in
 * loop.h and thread.h, which only the real world has; the disk is behind store/journal.h. */
#ifndef SOUK_WORLD_H
#define SOUK_WORLD_H

#include <souk/base.h>

struct souk_world {
    void *self;
    uint64_t (*monotonic_ns)(void *self);                    /* Never goes backwards. Any thread. */
    uint64_t (*wall_ms)(void *self);                         /* Milliseconds since 1970, UTC; may jump. Any thread. */
    void (*random)(void *self, void *out, size_t length);    /* Unpredictable bytes. Any thread. */
    /* Of the simulated world alone, NULL in the real one: whether the rare thing of that point happens now; and the
     * chance to run others meanwhile, whom threads would run beside the caller. See rare.h. */
    bool (*rare)(void *self, unsigned point);
    void (*meanwhile)(void *self);
};

/* The real world: one for the process, never freed. */
const struct souk_world *souk_world_os(void);

#endif
