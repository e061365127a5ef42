/* SPDX-License-Identifier: Apache-2.0 */
/* world/sim.h -- the simulated world: a clock that moves when it is told to, and chance from a seed. One thread. */
#ifndef SOUK_WORLD_SIM_H
#define SOUK_WORLD_SIM_H

#include "world/world.h"

struct souk_sim_world {
    struct souk_world world; /* Hand this to whoever wants a world; its `self` is this struct. */
    uint64_t now_ns, wall_offset_ms;
    uint64_t chance; /* The generator's state. */
};

/* A world that begins at some wall time, with the seed's chance. The caller's memory, which must not move. */
void souk_sim_world_init(struct souk_sim_world *world, uint64_t seed);
/* The next number of a sequence that is its state (SplitMix64: Steele, Lea, Flood, 2014). */
uint64_t souk_sim_next(uint64_t *state);
/* The next number of the seed's sequence. */
uint64_t souk_sim_chance(struct souk_sim_world *world);
/* A number from 0 to below - 1. */
uint64_t souk_sim_below(struct souk_sim_world *world, uint64_t below);

#endif
