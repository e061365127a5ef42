/* SPDX-License-Identifier: Apache-2.0 */
/* world/sim.c -- see sim.h. */
#include "world/sim.h"

#include "base/hash.h"

static uint64_t
monotonic_ns(void *self)
{
    return ((struct souk_sim_world *)self)->now_ns;
}

static uint64_t
wall_ms(void *self)
{
    struct souk_sim_world *w = self;
    return w->wall_offset_ms + w->now_ns / 1000000;
}

static void
fill(void *self, void *out, size_t length)
{
    uint8_t *at = out;
    for (size_t i = 0; i < length; i++) at[i] = (uint8_t)souk_sim_chance(self);
}

void
souk_sim_world_init(struct souk_sim_world *w, uint64_t seed)
{
    *w = (struct souk_sim_world){
        .world = { .self = w, .monotonic_ns = monotonic_ns, .wall_ms = wall_ms, .random = fill },
        .now_ns = 1000000000,
        .wall_offset_ms = UINT64_C(1800000000000),
        .chance = seed,
    };
}

uint64_t
souk_sim_next(uint64_t *state)
{
    return souk_hash_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t
souk_sim_chance(struct souk_sim_world *w)
{
    return souk_sim_next(&w->chance);
}

uint64_t
souk_sim_below(struct souk_sim_world *w, uint64_t below)
{
    return souk_sim_chance(w) % below;
}
