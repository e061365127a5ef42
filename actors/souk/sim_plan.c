/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_plan.c -- plans of simulated runs: drawn from a seed, and as a table of numbers; see sim_scenario.h. */
#include "sim_scenario.h"

#include "base/hash.h"
#include "world/sim.h"

#include <stddef.h>
#include <string.h>

#define N(name, field, what, least, most) { name, what, offsetof(struct sim_plan, field), least, most }

const struct sim_number souk_sim_numbers[] = {
    N("buyers", buyers, "buyers, or messages of glasses", 1, 400),
    N("sales", sales, "sales", 1, 8),
    N("units", units, "units on sale in each", 1, 1000),
    N("limit", limit, "units for a customer at most; 0: any", 0, 100),
    N("credit", credit_percent, "per cent of buyers who pay by store credit", 0, 100),
    N("hold-ms", hold_ms, "how long units are held; 0: two minutes", 0, 3600000),
    N("decline", decline, "per cent of cards that the provider declines", 0, 100),
    N("unknown-before", unknown_before, "per cent of calls that don't reach it in time", 0, 100),
    N("unknown-after", unknown_after, "per cent of its answers that get lost", 0, 100),
    N("webhooks", webhook_percent, "per cent of its answers that come as a webhook, too", 0, 100),
    N("crash", crash_one_in, "a node dies in one of so many steps", 0, UINT32_MAX),
    N("checkpoint", checkpoint_one_in, "a checkpoint begins in one of so many steps", 0, UINT32_MAX),
    N("clock", clock_one_in, "the wall clock jumps in one of so many crashes", 0, UINT32_MAX),
    N("rare", rare, "1: what is rare in the runtime becomes frequent", 0, 1),
    N("io", disk.io_one_in, "one of so many puts fails", 0, UINT32_MAX),
    N("full", disk.full_one_in, "... for want of room", 0, UINT32_MAX),
    N("torn", disk.torn_one_in, "... half way", 0, UINT32_MAX),
    N("lie", disk.lie_one_in, "one of so many puts is lost though it was acknowledged", 0, UINT32_MAX),
    N("flip", disk.flip_one_in, "a bit of the journal turns in one of so many crashes", 0, UINT32_MAX),
    N("crowd", disk.crowd_one_in, "the disk runs low in one of so many steps", 0, UINT32_MAX),
    N("lose", net.lose_one_in, "one of so many parcels is lost", 0, UINT32_MAX),
    N("double", net.double_one_in, "... comes twice", 0, UINT32_MAX),
    N("late", net.late_one_in, "... comes late", 0, UINT32_MAX),
    N("late-ms", net.late_ms, "... by so much at most", 0, 600000),
    N("reorder", net.reorder_one_in, "... may overtake others", 0, UINT32_MAX),
    N("delay-ms", net.delay_ms, "all take so long at most", 0, 60000),
    N("workers", workers, "workers of a node; 0: drawn for each start", 0, 4),
    { 0 },
};

/* One of so many, between the two, evenly on a logarithmic scale; never in half of the plans. */
static uint32_t
maybe_one_in(uint64_t *chance, uint32_t least, unsigned doublings)
{
    uint64_t drawn = souk_sim_next(chance);
    return drawn % 2 ? 0 : least << drawn / 2 % (doublings + 1);
}

static uint32_t
between(uint64_t *chance, uint32_t least, uint32_t most)
{
    return least + (uint32_t)(souk_sim_next(chance) % (most - least + 1));
}

static void
draw_misfortune(struct sim_plan *p, uint64_t *chance)
{
    p->crash_one_in = 40u << souk_sim_next(chance) % 6;
    p->checkpoint_one_in = maybe_one_in(chance, 16, 5);
    p->clock_one_in = maybe_one_in(chance, 2, 3);
    p->rare = souk_sim_next(chance) % 3 > 0;
    p->disk = (struct souk_sim_disk){
        .io_one_in = maybe_one_in(chance, 32, 5), .full_one_in = maybe_one_in(chance, 32, 5),
        .torn_one_in = maybe_one_in(chance, 32, 5), .lie_one_in = maybe_one_in(chance, 32, 5),
        .flip_one_in = maybe_one_in(chance, 2, 4), .crowd_one_in = maybe_one_in(chance, 256, 4),
    };
    if (souk_sim_next(chance) % 2) return; /* No links. */
    p->net = (struct souk_sim_net){
        .lose_one_in = maybe_one_in(chance, 4, 4), .double_one_in = maybe_one_in(chance, 2, 4),
        .late_one_in = maybe_one_in(chance, 4, 4), .late_ms = between(chance, 1, 20000),
        .reorder_one_in = maybe_one_in(chance, 1, 3), .delay_ms = between(chance, 1, 40),
    };
}

void
souk_sim_plan_draw(struct sim_plan *p, uint64_t seed)
{
    uint64_t chance = souk_hash_mix(seed + 5);
    *p = (struct sim_plan){
        .seed = seed, .sales = between(&chance, 1, 2), .units = between(&chance, 1, 20),
        .buyers = between(&chance, 5, 40), .credit_percent = 25 * between(&chance, 0, 4),
        .limit = between(&chance, 0, 3),
        .decline = between(&chance, 0, 20), .unknown_before = between(&chance, 0, 20),
        .unknown_after = between(&chance, 0, 20), .webhook_percent = between(&chance, 0, 60),
    };
    p->hold_ms = souk_sim_next(&chance) % 2 ? 120000 : between(&chance, 2000, 30000);
    draw_misfortune(p, &chance);
}

struct souk_sim_options
souk_sim_plan_options(const struct sim_plan *p)
{
    return (struct souk_sim_options){
        .seed = p->seed, .workers = p->workers, .crash_one_in = p->crash_one_in,
        .checkpoint_one_in = p->checkpoint_one_in, .clock_one_in = p->clock_one_in, .check_every = p->check_every,
        .actors_max = p->seed % 3 ? 0 : 256, .buggify = p->rare, .disk = p->disk, .net = p->net,
        .crash_at = p->crash_at, .crashed_at = p->crashed_at,
    };
}

static void
run_shop(const struct sim_plan *plan, struct sim_outcome *outcome)
{
    souk_sim_shop(plan, outcome, NULL, NULL);
}

const struct sim_scenario souk_sim_scenarios[] = {
    { "shop", "flash sales, a provider that misbehaves, buyers who ask again", run_shop },
    { "glass", "actors whose turns fail, each costing only itself", souk_sim_glass },
    { 0 },
};

const struct sim_scenario *
souk_sim_scenario(const char *name)
{
    for (const struct sim_scenario *s = souk_sim_scenarios; s->name; s++)
        if (!strcmp(s->name, name)) return s;
    return NULL;
}
