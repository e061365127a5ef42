/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_journal.c -- a whole journal and its vault: what a node starts from. The links and positions are put
 * right first, or nothing would come past them; so what is read looks like something that souk has written.
 *
 * It is refused with a sentence, or the node runs: then it settles, lets time pass, makes a checkpoint, and what is on
 * the disk afterwards can be started from again, at the same position. The checker reads both to a verdict.
 *
 * An input is a byte of flags; the number of snapshots, and for each its kind (1), key (16), length (2) and bytes;
 * then batches, end to end, of which the lowest bit of the link's first byte says whether a group ends with it. */
#include "fuzz.h"

#include <stdlib.h>

#include "kinds.h"
#include "provider_port.h"
#include "souk/check.h"
#include "store/memory.h"
#include "work/partition.h"
#include "world/sim.h"

enum { MARKER = 1, RAW = 2, BATCHES_MAX = 64, STEPS = 1000 };

/* ---- Filling the disk. ---- */

static void
put_snapshots(struct fuzz_input *in, souk_vault *vault)
{
    for (unsigned count = fuzz_byte(in); count && in->left; count--) {
        uint8_t name[SOUK_SNAPSHOT_NAME];
        uint32_t kind = fuzz_byte(in);
        souk_key key = { fuzz_number(in, 8), 0 };
        key.low = fuzz_number(in, 8);
        souk_snapshot_name(name, kind, key);
        size_t length = fuzz_number(in, 2);
        struct souk_vault_entry entry = { { name, sizeof name }, fuzz_bytes(in, length) };
        souk_assert(!vault->ops->put(vault, &entry, 1));
    }
}

static void
put_marker(souk_vault *vault, uint64_t position, struct souk_link link)
{
    uint8_t marker[SOUK_MARKER_BYTES];
    souk_marker_write(marker, &(struct souk_marker){ position, position / 2, link });
    struct souk_vault_entry entry = { { "m", 1 }, { marker, sizeof marker } };
    souk_assert(!vault->ops->put(vault, &entry, 1));
}

/* The next batch, with its length within bounds; empty: there is none. */
static struct souk_bytes
next_batch(struct fuzz_input *in)
{
    if (in->left < SOUK_BATCH_HEADER) return (struct souk_bytes){ NULL, 0 };
    const uint8_t *at = in->at;
    size_t length = (size_t)at[16] | (size_t)at[17] << 8;
    if (length < SOUK_BATCH_HEADER) length = SOUK_BATCH_HEADER;
    return fuzz_bytes(in, length);
}

static void
put_group(souk_journal *journal, uint64_t first, struct souk_link previous, struct souk_bytes *parts, size_t count)
{
    uint8_t header[SOUK_GROUP_HEADER];
    souk_group_header(header, (uint32_t)count, previous);
    parts[0] = (struct souk_bytes){ header, sizeof header };
    souk_assert(!journal->ops->append(journal, first, first + count - 1, parts, count + 1));
}

static void
put_batches(struct fuzz_input *in, uint8_t flags, souk_journal *journal, souk_vault *vault)
{
    struct souk_bytes parts[BATCHES_MAX + 1], bytes;
    struct souk_link link = { 0, 0 }, previous = link;
    uint64_t position = 0, first = 1;
    size_t count = 0;
    while (position < BATCHES_MAX && (bytes = next_batch(in)).length) {
        uint8_t *batch = fuzz_copy(bytes.at, bytes.length);
        bool ends = batch[0] & 1;
        position++;
        for (unsigned i = 0; i < 4; i++) batch[16 + i] = (uint8_t)(bytes.length >> 8 * i);
        for (unsigned i = 0; i < 8; i++) batch[24 + i] = (uint8_t)(position >> 8 * i);
        link = souk_batch_chain(batch, link);
        parts[++count] = (struct souk_bytes){ batch, bytes.length };
        if ((flags & MARKER) && position == flags >> 2) put_marker(vault, position, link);
        if (!ends && position < BATCHES_MAX && in->left >= SOUK_BATCH_HEADER) continue;
        put_group(journal, first, previous, parts, count);
        for (; count; count--) free((void *)(uintptr_t)parts[count].at);
        first = position + 1;
        previous = link;
    }
}

static void
fill(souk_memory_store *store, struct fuzz_input in)
{
    souk_journal *journal;
    souk_vault *vault;
    souk_assert(!souk_memory_store_journal(store, &journal) && !souk_memory_store_vault(store, &vault));
    journal->ops->begin(journal, 0);
    uint8_t flags = fuzz_byte(&in);
    put_snapshots(&in, vault);
    if (flags & RAW) { /* Damage, as it comes. */
        struct souk_bytes group = fuzz_bytes(&in, in.left);
        if (group.length) souk_assert(!journal->ops->append(journal, 1, 1, &group, 1));
    } else {
        put_batches(&in, flags, journal, vault);
    }
    journal->ops->close(&journal);
    vault->ops->close(&vault);
}

/* ---- Starting from it. ---- */

/* The provider: of some calls nobody hears again, the others fail. */
static struct { uint64_t ticket; bool waits; } last_call;

static void
call(void *self, souk_worker *worker, const struct souk_port_call *what)
{
    (void)self;
    (void)worker;
    last_call.ticket = what->ticket;
    last_call.waits = true;
}

static bool
step(struct souk_partition *p)
{
    if (last_call.waits) souk_port_done(p->workers[0], last_call.ticket, SOUK_DEAD, 0, NULL, NULL);
    bool any = last_call.waits;
    last_call.waits = false;
    any |= souk_worker_step(p->workers[0]);
    any |= souk_worker_step(p->workers[1]);
    any |= souk_commit_step(p);
    any |= souk_keeper_step(p);
    return any;
}

/* Runs until there is nothing to do, then until alarms are due, a few times. */
static void
run(struct souk_partition *p, struct souk_sim_world *world)
{
    last_call.waits = false;
    souk_ports_open(p->workers[0]);
    for (unsigned steps = 0, waits = 0; steps < STEPS && waits < 8; steps++) {
        world->now_ns += 1000;
        if (step(p)) continue;
        uint64_t first = souk_worker_idle_ns(p->workers[0]), second = souk_worker_idle_ns(p->workers[1]);
        uint64_t idle = first < second ? first : second;
        if (waits++ == 4) atomic_store(&p->checkpoint_wanted, true);
        else if (idle != UINT64_MAX) world->now_ns += (idle < UINT64_C(100000000000) ? idle : 0) + 1000000;
    }
    souk_assert(!atomic_load(&p->fault));
    while (souk_commit_step(p)) continue;
}

static void
check(souk_journal *journal, souk_vault *vault)
{
    static struct souk_check_report report;
    static const struct souk_secret secret;
    struct souk_check_inputs inputs = { .vault = vault };
    souk_err err = souk_check_run(journal, &secret, &inputs, &report);
    souk_assert(!err || ((err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION) && *report.why));
}

/* True: it ran, and `end` is the last position. */
static bool
start(souk_memory_store *store, struct souk_sim_world *world, bool runs, uint64_t *begin, uint64_t *end)
{
    static const struct souk_port_driver ports[] = { { &souk_payment_port, NULL, call }, { NULL, NULL, NULL } };
    souk_journal *journal;
    souk_vault *vault;
    struct souk_partition *p;
    char why[200];
    souk_assert(!souk_memory_store_journal(store, &journal) && !souk_memory_store_vault(store, &vault));
    struct souk_partition_options options = {
        .world = &world->world, .kinds = souk_commerce_kinds, .ports = ports, .journal = journal, .vault = vault,
        .workers = 2, .checkpoint_bytes = UINT64_MAX,
    };
    check(journal, vault);
    souk_err err = souk_partition_open(&p, &options, why, sizeof why);
    souk_assert(!err || ((err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION) && *why));
    if (!err) {
        *begin = atomic_load(&p->durable);
        if (runs) run(p, world);
        *end = atomic_load(&p->durable);
        souk_partition_close(&p);
    }
    souk_memory_store_crash(store);
    return !err;
}

void
fuzz_journal(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    struct souk_sim_world world;
    uint64_t begin, end, again, last;
    fuzz_quiet();
    souk_memory_store *store = souk_memory_store_open();
    fill(store, in);
    souk_sim_world_init(&world, 1);
    if (start(store, &world, true, &begin, &end)) {
        souk_assert(start(store, &world, false, &again, &last));
        souk_assert(begin <= end && again >= end && last >= again);
    }
    souk_memory_store_close(&store);
}

FUZZ_ENTRY(journal)

/* ---- Changing an input by whole batches: libFuzzer alone would seldom hit a boundary. ---- */

#ifdef SOUK_FUZZER
size_t LLVMFuzzerMutate(uint8_t *at, size_t length, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *at, size_t length, size_t room, unsigned seed);

/* Where the batches are; how many. */
static unsigned
find_batches(uint8_t *at, size_t length, struct souk_bytes *batches)
{
    struct fuzz_input in = { at, length };
    unsigned count = 0;
    (void)fuzz_byte(&in);
    for (unsigned snapshots = fuzz_byte(&in); snapshots && in.left; snapshots--) {
        (void)fuzz_bytes(&in, 17);
        (void)fuzz_bytes(&in, fuzz_number(&in, 2));
    }
    while (count < BATCHES_MAX && (batches[count] = next_batch(&in)).length) count++;
    return count;
}

/* Puts bytes in the place of others, moving what follows; the new length. */
static size_t
replace(uint8_t *at, size_t length, size_t room, struct souk_bytes old, const void *with, size_t size)
{
    size_t from = (size_t)((const uint8_t *)old.at - at), end = from + old.length;
    if (length - old.length + size > room) return length;
    memmove(at + from + size, at + end, length - end);
    if (size) memcpy(at + from, with, size);
    return length - old.length + size;
}

/* Changes the steps of one batch; its length follows. */
static size_t
change_steps(uint8_t *at, size_t length, size_t room, struct souk_bytes batch)
{
    enum { MORE = 64 };
    uint8_t *copy = malloc(batch.length + MORE);
    souk_assert(copy);
    memcpy(copy, batch.at, batch.length);
    size_t steps = batch.length - SOUK_BATCH_HEADER;
    size_t size = SOUK_BATCH_HEADER + LLVMFuzzerMutate(copy + SOUK_BATCH_HEADER, steps, steps + MORE);
    copy[16] = (uint8_t)size;
    copy[17] = (uint8_t)(size >> 8);
    length = replace(at, length, room, batch, copy, size);
    free(copy);
    return length;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *at, size_t length, size_t room, unsigned seed)
{
    enum { ACTOR = SOUK_BATCH_HEADER + 1, ACTOR_BYTES = 17 }; /* A batch begins with naming an actor. */
    struct souk_bytes batches[BATCHES_MAX + 1];
    uint64_t chance = seed;
    unsigned count = find_batches(at, length, batches);
    if (!count) return LLVMFuzzerMutate(at, length, room);
    struct souk_bytes one = batches[fuzz_chance(&chance) % count], other = batches[fuzz_chance(&chance) % count];
    uint8_t *copy = fuzz_copy(one.at, one.length);
    switch (fuzz_chance(&chance) % 8) {
    case 0: length = replace(at, length, room, one, NULL, 0); break;
    case 1: length = replace(at, length, room, other, copy, one.length); break;
    case 2: length = replace(at, length, room, (struct souk_bytes){ other.at, 0 }, copy, one.length); break;
    case 3:
        if (one.length >= ACTOR + ACTOR_BYTES && other.length >= ACTOR + ACTOR_BYTES)
            memcpy((uint8_t *)(uintptr_t)other.at + ACTOR, copy + ACTOR, ACTOR_BYTES);
        break;
    case 4:
    case 5: length = change_steps(at, length, room, one); break;
    default: length = LLVMFuzzerMutate(at, length, room);
    }
    free(copy);
    return length;
}
#endif
