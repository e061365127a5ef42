/* SPDX-License-Identifier: Apache-2.0 */
/* node/sim.c -- nodes in one thread from one seed: the steps; see souk/sim.h.
 *
 * All that threads do in a real node are doers here: each step lets one of them do one round of what it does there in a
 * loop. In a few places within a round (souk_meanwhile()) others of the same node do rounds of theirs, as they would
 * beside it. Which one, is drawn; who has nothing to do is passed over. When nobody has, and only then, a node that
 * was settling has settled, or time passes. */
#include "node/sim_inside.h"

#include "base/panic.h"

#include <stdlib.h>

void
souk_sim_note_bytes(souk_sim *sim, uint64_t what, const void *at, size_t length)
{
    struct souk_link link = souk_hash_link((struct souk_link){ what, sim->counts.trace }, at, length);
    souk_sim_note(sim, link.high, link.low);
}

/* ---- What the world asks. ---- */

static souk_sim *
sim_of(void *self)
{
    return (souk_sim *)(void *)((char *)self - offsetof(souk_sim, world));
}

static bool
rare(void *self, unsigned point)
{
    souk_sim *sim = sim_of(self);
    bool happens = !sim->still && souk_sim_one_of(sim, &sim->rare_chance, sim->rare_one_in[point]);
    if (happens) souk_sim_note(sim, 'r', point);
    return happens;
}

static unsigned
doers_of(const struct souk_sim_node *node)
{
    return node->workers + SOUK_SIM_DOERS;
}

/* What the node has put into its ring since, and how far its disk and its workers have come. */
static void
note_progress(struct souk_sim_node *node, unsigned doer)
{
    souk_sim *sim = node->sim;
    struct souk_partition *p = node->partition;
    souk_sim_note(sim, (uint64_t)node->number << 32 | doer, atomic_load(&p->durable));
    for (uint64_t position = atomic_load(&p->position); node->noted < position; node->noted++) {
        struct souk_ring_place *place = &p->ring[(node->noted + 1) % SOUK_RING];
        if (atomic_load(&place->position) != node->noted + 1) break; /* Its place is not filled yet. */
        souk_sim_note_bytes(sim, node->noted, place->batch.at + 16, place->batch.length - 16); /* Without its link. */
    }
    if (doer >= node->workers) return;
    struct souk_worker *w = p->workers[doer];
    souk_sim_note(sim, souk_worker_turns(w), atomic_load_explicit(&w->counted[SOUK_N_MESSAGES], memory_order_relaxed));
}

/* One round of a doer that is not in the middle of one. */
static bool
run(struct souk_sim_node *node, unsigned doer)
{
    souk_sim *sim = node->sim;
    struct souk_partition *p = node->partition;
    struct souk_sim_node *outer = sim->at;
    bool did;
    if (node->running & 1u << doer) return false;
    node->running |= 1u << doer;
    sim->at = node;
    if (doer < node->workers) {
        p->workers[doer]->slice_turns_end = 1 + (uint32_t)souk_sim_below(&sim->world, 24);
        p->workers[doer]->slice_turns_max = 1 + (uint32_t)souk_sim_below(&sim->world, 16);
        did = souk_worker_step(p->workers[doer]);
    } else {
        unsigned other = doer - node->workers;
        did = other == SOUK_SIM_COMMITTER ? souk_commit_step(p)
              : other == SOUK_SIM_KEEPER  ? souk_keeper_step(p)
                                          : souk_topics_step(p);
    }
    sim->at = outer;
    node->running &= ~(1u << doer);
    if (did) note_progress(node, doer);
    return did;
}

/* Within a round: others of the node run, or its machine stops. What the round still does then comes to nothing, since
 * nothing of it becomes durable. */
static void
meanwhile(void *self)
{
    enum { DEPTH = 3, OFTEN = 4, SELDOM = 8 };
    souk_sim *sim = sim_of(self);
    struct souk_sim_node *node = sim->at;
    if (node->dies || souk_memory_store_ended(node->store)) return;
    if (souk_sim_dies(sim, (uint64_t)sim->options.crash_one_in * SELDOM)) {
        node->dies = true;
        souk_memory_store_end(node->store, 0);
        return;
    }
    if (sim->depth == DEPTH || souk_sim_below(&sim->world, OFTEN)) return;
    sim->depth++;
    (void)run(node, (unsigned)souk_sim_below(&sim->world, doers_of(node)));
    sim->depth--;
}

/* ---- Opening and closing. ---- */

static void
draw_rare(souk_sim *sim)
{
    enum { HALF = 2, LEAST = 2, POWERS = 6 };
    for (unsigned i = 0; i < SOUK_RARE_COUNT; i++) {
        uint64_t drawn = souk_sim_next(&sim->rare_chance);
        sim->rare_one_in[i] = drawn % HALF ? 0 : (uint32_t)LEAST << drawn / HALF % POWERS;
        if (!sim->options.buggify) sim->rare_one_in[i] = 0;
    }
}

souk_sim *
souk_sim_open(const struct souk_sim_options *options)
{
    souk_sim *sim = calloc(1, sizeof *sim);
    if (!sim) return NULL;
    sim->options = *options;
    souk_panic_note("in a simulation, seed %llu", (unsigned long long)options->seed);
    souk_sim_world_init(&sim->world, options->seed);
    sim->world.world.rare = options->buggify ? rare : NULL;
    sim->world.world.meanwhile = meanwhile;
    sim->crash_chance = souk_hash_mix(options->seed + 1);
    sim->disk_chance = souk_hash_mix(options->seed + 2);
    sim->rare_chance = souk_hash_mix(options->seed + 3);
    sim->clock_chance = souk_hash_mix(options->seed + 6);
    sim->client_due_ns = UINT64_MAX;
    draw_rare(sim);
    static const struct souk_sim_net none;
    if (memcmp(&options->net, &none, sizeof none) || options->arrived)
        sim->links = souk_links_open(souk_hash_mix(options->seed + 4), &options->net);
    sim->world.world.random(&sim->world, sim->secret.bytes, sizeof sim->secret.bytes);
    sim->scratch = malloc(SOUK_SCRATCH_BYTES);
    sim->body = malloc(SOUK_SIM_BODY_MAX);
    sim->nodes_count = options->nodes ? options->nodes : 1;
    sim->nodes = calloc(sim->nodes_count, sizeof *sim->nodes);
    souk_assert(sim->scratch && sim->body && sim->nodes);
    if (options->crashed_at) options->crashed_at->count = 0;
    for (unsigned i = 0; i < sim->nodes_count; i++) {
        struct souk_sim_node *node = &sim->nodes[i];
        *node = (struct souk_sim_node){ .sim = sim, .number = i, .store = souk_memory_store_open() };
        souk_memory_store_choose(node->store, souk_sim_disk_fault, node);
        souk_sim_start(node);
    }
    return sim;
}

void
souk_sim_close(souk_sim **sim_p)
{
    souk_sim *sim = *sim_p;
    *sim_p = NULL;
    if (!sim) return;
    for (unsigned i = 0; i < sim->nodes_count; i++) {
        struct souk_sim_node *node = &sim->nodes[i];
        souk_sim_tell_lost(souk_sim_lose(node));
        souk_partition_close(&node->partition);
        souk_memory_store_close(&node->store);
    }
    souk_links_close(&sim->links);
    free(sim->nodes);
    free(sim->scratch);
    free(sim->body);
    free(sim);
    souk_panic_note_clear();
}

/* ---- Steps. ---- */

/* Somebody who has something to do does it, beginning with anyone. */
static bool
run_any(souk_sim *sim)
{
    unsigned all = 0, first;
    for (unsigned i = 0; i < sim->nodes_count; i++) all += doers_of(&sim->nodes[i]);
    first = (unsigned)souk_sim_below(&sim->world, all);
    for (unsigned n = 0; n < all; n++) {
        unsigned doer = (first + n) % all, node = 0;
        for (; doer >= doers_of(&sim->nodes[node]); node++) doer -= doers_of(&sim->nodes[node]);
        if (run(&sim->nodes[node], doer)) return true;
        if (sim->nodes[node].dies) return true;
    }
    return false;
}

/* Whether any event has ever changed the actor: what a kind promises holds after its first. */
static bool
is_begun(const struct souk_cell *cell)
{
    for (size_t i = 0; i < cell->kind->state_size; i++)
        if (cell->state[i]) return true;
    return false;
}

/* Each actor in memory keeps what its kind promises, after whatever step. */
static void
check_actors(const struct souk_partition *p)
{
    for (unsigned n = 0; n < SOUK_SHARDS; n++) {
        const struct souk_directory *d = &p->shards[n].directory;
        for (uint32_t i = 0; d->count && i < d->slots; i++) {
            const struct souk_cell *cell = souk_cell_at(d, i);
            if (!cell || cell->kind->policy || cell->loading || cell->broken || !cell->kind->check) continue;
            if (is_begun(cell)) cell->kind->check(cell->state);
        }
    }
}

/* What became of the nodes in this step. */
static void
look_after(souk_sim *sim)
{
    uint32_t every = sim->options.check_every ? sim->options.check_every : 1;
    for (unsigned i = 0; i < sim->nodes_count; i++) {
        struct souk_sim_node *node = &sim->nodes[i];
        struct souk_partition *p = node->partition;
        if (node->dies || souk_memory_store_ended(node->store)) {
            sim->counts.crashes++;
            souk_sim_restart(node);
            continue;
        }
        if (atomic_load(&p->fault)) {
            if (!node->failed) souk_panic(__FILE__, __LINE__, "the node stopped, and its disk had not failed");
            sim->counts.stops++;
            souk_sim_restart(node);
            continue;
        }
        if (node->crowded_ns && sim->world.now_ns >= node->crowded_ns) {
            node->crowded_ns = 0;
            atomic_store(&p->disk_full, false);
        }
        if (sim->counts.steps % every == 0) check_actors(p);
    }
}

static void
misfortune(souk_sim *sim)
{
    enum { CROWD_MS = 3000 };
    struct souk_sim_node *node = &sim->nodes[souk_sim_below(&sim->world, sim->nodes_count)];
    if (!node->partition->checkpoint.phase && /* One after the other, else it never comes to rest. */
        souk_sim_one_of(sim, &sim->world.chance, sim->options.checkpoint_one_in))
        atomic_store(&node->partition->checkpoint_wanted, true);
    if (souk_sim_one_of(sim, &sim->disk_chance, sim->options.disk.crowd_one_in)) {
        node->crowded_ns = sim->world.now_ns + souk_sim_next(&sim->disk_chance) % (CROWD_MS * UINT64_C(1000000));
        atomic_store(&node->partition->disk_full, true);
    }
}

/* Nobody has anything to do: nodes have settled, and their doors open. */
static bool
settled(souk_sim *sim)
{
    bool any = false;
    for (unsigned i = 0; i < sim->nodes_count; i++) {
        struct souk_sim_node *node = &sim->nodes[i];
        if (node->open) continue;
        any = node->open = true;
        souk_sim_note(sim, 'o', i);
        souk_partition_settled(node->partition);
        souk_ports_open(node->partition->workers[0]);
        souk_sim_let_in(node);
    }
    return any;
}

static uint64_t
until(uint64_t now, uint64_t due)
{
    return due == UINT64_MAX ? due : due > now ? due - now : 0;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Time passes until somebody has something to do. False: nobody ever will. */
static bool
sleep_all(souk_sim *sim)
{
    uint64_t idle = until(sim->world.now_ns, sim->client_due_ns), now = souk_sim_now_ms(sim);
    for (unsigned i = 0; i < sim->nodes_count; i++) {
        const struct souk_sim_node *node = &sim->nodes[i];
        for (unsigned w = 0; w < node->workers; w++)
            idle = least(idle, souk_worker_idle_ns(node->partition->workers[w]));
        if (node->crowded_ns) idle = least(idle, until(sim->world.now_ns, node->crowded_ns));
    }
    if (sim->links) idle = least(idle, until(sim->world.now_ns, souk_links_next_ns(sim->links)));
    if (sim->expected_ms)
        idle = least(idle, sim->expected_ms > now ? (sim->expected_ms - now) * 1000000 : 0);
    if (idle == UINT64_MAX) return false;
    sim->world.now_ns += idle + 1000000;
    return true;
}

bool
souk_sim_step(souk_sim *sim)
{
    enum { LINKS_ONE_IN = 3, STEP_NS = 20000 };
    souk_assert(!sim->at); /* Not from within a step. */
    sim->counts.steps++;
    sim->world.now_ns += souk_sim_below(&sim->world, STEP_NS);
    if (souk_sim_dies(sim, sim->options.crash_one_in)) {
        souk_sim_crash_node(sim, (unsigned)souk_sim_below(&sim->world, sim->nodes_count));
        return true;
    }
    misfortune(sim);
    bool did = souk_sim_below(&sim->world, LINKS_ONE_IN) == 0 && souk_sim_links_step(sim);
    did = did || run_any(sim) || souk_sim_links_step(sim);
    if (!did) { /* Perhaps only by a rare chance. */
        sim->still = true;
        did = run_any(sim) || settled(sim);
        sim->still = false;
    }
    look_after(sim);
    return did || sleep_all(sim);
}

void
souk_sim_expect(souk_sim *sim, uint64_t at_ms)
{
    sim->expected_ms = at_ms;
}

bool
souk_sim_run(souk_sim *sim, uint64_t steps)
{
    while (steps-- > 0)
        if (!souk_sim_step(sim)) return true;
    return false;
}

void
souk_sim_pass(souk_sim *sim, uint64_t ms)
{
    uint64_t end = sim->world.now_ns + ms * 1000000;
    while (sim->world.now_ns < end)
        if (!souk_sim_step(sim)) sim->world.now_ns = end;
}

void
souk_sim_crash(souk_sim *sim)
{
    souk_sim_crash_node(sim, 0);
}

void
souk_sim_crash_node(souk_sim *sim, unsigned node)
{
    souk_assert(!sim->at && node < sim->nodes_count);
    sim->counts.crashes++;
    souk_sim_restart(&sim->nodes[node]);
}

void
souk_sim_calm(souk_sim *sim)
{
    sim->calm = true;
    for (unsigned i = 0; i < sim->nodes_count; i++)
        if (!souk_memory_store_ended(sim->nodes[i].store)) souk_memory_store_end(sim->nodes[i].store, UINT64_MAX);
    if (sim->links) souk_links_calm(sim->links);
}

/* ---- What can be asked of it. ---- */

souk_key
souk_sim_key_of(const souk_sim *sim, struct souk_text id)
{
    return souk_hash_key(&sim->secret, id.at, id.length);
}

souk_key
souk_sim_key_pair(const souk_sim *sim, souk_key first, souk_key second)
{
    return souk_hash_pair(&sim->secret, first, second);
}

uint64_t
souk_sim_now_ms(const souk_sim *sim)
{
    return souk_partition_now_ms(sim->nodes[0].partition);
}

uint64_t
souk_sim_draw(souk_sim *sim, uint64_t below)
{
    return souk_sim_below(&sim->world, below);
}

souk_worker *
souk_sim_door(souk_sim *sim)
{
    return sim->nodes[0].partition->workers[0];
}

struct souk_sim_counts
souk_sim_counts(const souk_sim *sim)
{
    struct souk_sim_counts counts = sim->counts;
    for (unsigned i = 0; i < sim->nodes_count; i++) counts.faults += souk_sim_node_faults(&sim->nodes[i]);
    counts.position = atomic_load(&sim->nodes[0].partition->durable);
    counts.checkpoints = atomic_load(&sim->nodes[0].partition->checkpoints);
    counts.trace = souk_hash_mix(counts.trace ^ sim->world.chance);
    return counts;
}

struct souk_journal *
souk_sim_journal(souk_sim *sim)
{
    return sim->nodes[0].journal;
}

struct souk_vault *
souk_sim_vault(souk_sim *sim)
{
    return sim->nodes[0].vault;
}

const struct souk_secret *
souk_sim_secret(const souk_sim *sim)
{
    return &sim->secret;
}

struct souk_memory_store *
souk_sim_store(souk_sim *sim)
{
    return sim->nodes[0].store;
}
