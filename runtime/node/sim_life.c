/* SPDX-License-Identifier: Apache-2.0 */
/* node/sim_life.c -- how simulated nodes begin and end, and what their disks do to them; see souk/sim.h.
 *
 * A start may be killed itself: the machine stops after some operations of the store, wherever in reading or writing
 * that is, and the next start begins on the same disk. What a disk may do, and what must come of it:
 *   - a put fails: the node stops, and what was acknowledged is there at the next start, whatever else is;
 *   - it was torn: refused;
 *   - it was acknowledged and is gone, or a bit has turned: refused, if recovery reads that far back in the journal;
 *     of the vault: refused, or harmless, since all that was in it follows from the journal.
 * After a refusal the disk is mended, as somebody with a copy of it would, and the node must start. */
#include "node/sim_inside.h"

#include "base/panic.h"
#include "work/checkpoint.h"

#include <stdlib.h>

enum { DOWN_NS_MAX = 2000000000, CLOCK_MS_MAX = 3600000 };
#define DOWN_SELDOM_NS UINT64_C(20000000000)

bool
souk_sim_dies(souk_sim *sim, uint64_t one_in)
{
    const struct souk_sim_moments *wanted = sim->options.crash_at;
    struct souk_sim_moments *record = sim->options.crashed_at;
    bool dies = false;
    sim->moment++;
    if (sim->calm) return false;
    if (wanted)
        for (unsigned i = 0; i < wanted->count; i++) dies |= wanted->at[i] == sim->moment;
    else
        dies = one_in && souk_sim_next(&sim->crash_chance) % one_in == 0;
    if (!dies) return false;
    souk_sim_note(sim, 'x', sim->moment);
    if (record && record->count < SOUK_SIM_MOMENTS) record->at[record->count++] = sim->moment;
    return true;
}

uint64_t
souk_sim_node_faults(const struct souk_sim_node *node)
{
    uint64_t faults = 0;
    for (unsigned i = 0; i < node->workers; i++)
        for (unsigned k = 0; k < SOUK_KINDS_MAX; k++)
            faults += atomic_load_explicit(&node->partition->workers[i]->slice.tally[k].faults, memory_order_relaxed);
    return faults;
}

/* ---- The disk. ---- */

enum souk_memory_fault
souk_sim_disk_fault(void *self, enum souk_memory_place place)
{
    struct souk_sim_node *node = self;
    souk_sim *sim = node->sim;
    const struct souk_sim_disk *disk = &sim->options.disk;
    uint64_t *chance = &sim->disk_chance;
    enum souk_memory_fault fault = SOUK_MEMORY_SOUND;
    if (souk_sim_one_of(sim, chance, disk->io_one_in))
        fault = souk_sim_next(chance) % 2 ? SOUK_MEMORY_IO_ABSENT : SOUK_MEMORY_IO_PRESENT;
    else if (souk_sim_one_of(sim, chance, disk->full_one_in))
        fault = souk_sim_next(chance) % 2 ? SOUK_MEMORY_FULL_ABSENT : SOUK_MEMORY_FULL_PRESENT;
    else if (place == SOUK_MEMORY_JOURNAL && souk_sim_one_of(sim, chance, disk->torn_one_in))
        fault = SOUK_MEMORY_TORN;
    node->failed |= fault != SOUK_MEMORY_SOUND;
    if (!fault && souk_sim_one_of(sim, chance, disk->lie_one_in))
        fault = souk_sim_next(chance) % 2 ? SOUK_MEMORY_HOLE : SOUK_MEMORY_GONE;
    if (fault) souk_sim_note(sim, 'd', fault);
    return fault;
}

/* From where recovery will read. */
static uint64_t
reads_from(souk_vault *vault)
{
    struct souk_marker marker = { 0 };
    void *value = NULL;
    size_t length = 0;
    souk_err err = vault->ops->get(vault, (struct souk_bytes){ "m", 1 }, &value, &length);
    bool old, sound = !err && !souk_marker_read((struct souk_bytes){ value, length }, &marker, &old);
    free(value);
    return sound && marker.low ? marker.low : 1; /* What is before it need not be there. */
}

static void
mend(struct souk_sim_node *node)
{
    if (node->flipped) souk_memory_store_flip(node->store, node->flip_position, node->flip_bit);
    node->flipped = false;
    souk_memory_store_mend(node->store, SOUK_MEMORY_JOURNAL);
}

/* While the node was down a bit may have turned. True when there is damage that the start must notice; what lies
 * further back than it reads is mended, for the checker that reads all in the end. */
static bool
is_damaged(struct souk_sim_node *node)
{
    souk_sim *sim = node->sim;
    uint64_t from = reads_from(node->vault), first, last;
    if (!node->flipped && node->noted && souk_sim_one_of(sim, &sim->disk_chance, sim->options.disk.flip_one_in)) {
        node->flip_position = 1 + souk_sim_next(&sim->disk_chance) % node->noted;
        node->flip_bit = souk_sim_next(&sim->disk_chance);
        node->flipped = souk_memory_store_flip(node->store, node->flip_position, node->flip_bit);
    }
    bool damaged = souk_memory_store_damage(node->store, from) > 0;
    if (node->flipped && souk_memory_store_group(node->store, node->flip_position, &first, &last))
        damaged |= last >= from;
    if (!damaged) mend(node);
    return damaged;
}

/* ---- Beginning and ending. ---- */

static souk_err
try_start(struct souk_sim_node *node, char *why, size_t why_size)
{
    enum { IN_STARTS_TOO = 8, OPERATIONS_MAX = 60 };
    souk_sim *sim = node->sim;
    const struct souk_sim_options *o = &sim->options;
    struct souk_partition_options options = {
        .world = &sim->world.world, .kinds = o->kinds, .ports = node->number ? NULL : o->ports,
        .journal = node->journal, .vault = node->vault, .secret = sim->secret, .workers = node->workers,
        .actors_max = o->actors_max, .volatile_max = o->volatile_max, .checkpoint_bytes = UINT64_MAX,
    };
    bool crashes = o->crash_one_in || o->crash_at;
    if (crashes && souk_sim_dies(sim, IN_STARTS_TOO))
        souk_memory_store_end(node->store, souk_hash_mix(sim->moment ^ o->seed) % OPERATIONS_MAX);
    sim->at = node;
    souk_err err = souk_partition_open(&node->partition, &options, why, why_size);
    sim->at = NULL;
    return err;
}

void
souk_sim_start(struct souk_sim_node *node)
{
    souk_sim *sim = node->sim;
    for (;;) {
        char why[300] = "";
        souk_err err = souk_memory_store_journal(node->store, &node->journal);
        if (!err) err = souk_memory_store_vault(node->store, &node->vault);
        souk_assert(!err);
        node->workers = 1 + (unsigned)souk_sim_below(&sim->world, SOUK_SIM_WORKERS_MAX);
        if (sim->options.workers) node->workers = sim->options.workers;
        bool damaged = is_damaged(node), lost = souk_memory_store_vault_lost(node->store);
        err = try_start(node, why, sizeof why);
        souk_sim_note(sim, 's', (uint64_t)err << 8 | node->workers);
        if (!err && damaged) souk_panic(__FILE__, __LINE__, "a node started on a damaged journal");
        if (!err) break;
        if (souk_memory_store_ended(node->store)) sim->counts.crashes++;
        else if (!damaged && !lost) souk_panic(__FILE__, __LINE__, *why ? why : souk_err_text(err));
        else {
            sim->counts.refusals++;
            mend(node);
            souk_memory_store_mend(node->store, SOUK_MEMORY_VAULT);
        }
        souk_memory_store_crash(node->store);
    }
    sim->counts.lives++;
    node->noted = atomic_load(&node->partition->durable);
}

void
souk_sim_restart(struct souk_sim_node *node)
{
    souk_sim *sim = node->sim;
    sim->counts.faults += souk_sim_node_faults(node);
    struct souk_sim_request *lost = souk_sim_lose(node);
    souk_partition_close(&node->partition);
    souk_memory_store_crash(node->store);
    node->dies = node->failed = node->open = false;
    node->crowded_ns = 0;
    /* It takes a while to come back; now and then as long as holds last. */
    sim->world.now_ns += souk_sim_below(&sim->world, souk_sim_below(&sim->world, 8) ? DOWN_NS_MAX : DOWN_SELDOM_NS);
    if (souk_sim_one_of(sim, &sim->clock_chance, sim->options.clock_one_in))
        sim->world.wall_offset_ms += souk_sim_next(&sim->clock_chance) % (2 * CLOCK_MS_MAX) - CLOCK_MS_MAX;
    souk_sim_start(node);
    souk_sim_tell_lost(lost);
}
