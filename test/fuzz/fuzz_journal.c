/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_journal.c -- a whole journal and its vault: what a node starts from. The links, positions and names
 * are put right first, or nothing would come past them; so what is read looks like something that souk has written.
 *
 * It is refused with a sentence, or the node runs: then it settles, lets time pass, makes a checkpoint; and if all was
 * sound, what is on the disk afterwards is, and can be started from again, at the same position. The checker and
 * `souk journal` come to a verdict too, and what the latter calls sound, a node starts from. Lines of JSON are JSON.
 *
 * An input is a byte of flags and how many entries the vault has, each a kind (1), a key (16), a length (2) and bytes:
 * a snapshot; kind 0: the table of a shard, a batch of what is outstanding; kind 255: a head as it is. Then batches,
 * end to end, of which the lowest bit of the link's first byte says whether a group ends with it. */
#include "fuzz.h"

#include <stdlib.h>

#include "kinds.h"
#include "provider_port.h"
#include "souk/check.h"
#include "souk/journal_inside.h"
#include "store/memory.h"
#include "work/checkpoint.h"
#include "work/partition.h"
#include "world/sim.h"

enum { MARKER = 1, RAW = 2, BATCHES_MAX = 63, ENTRIES_MAX = 256, STEPS = 1000, TABLE = 0, HEAD = 255 };

/* What an input says that the vault has. */
struct entry { uint32_t kind; souk_key key; struct souk_bytes value; };

/* What is to be put there, and what is known of the journal meanwhile. */
struct disk {
    souk_journal *journal;
    souk_vault *vault;
    uint8_t flags;
    struct entry entries[ENTRIES_MAX];
    unsigned entries_count;
    struct souk_link links[BATCHES_MAX + 1]; /* By position. */
    uint64_t end;
};

/* ---- Filling the disk. ---- */

static void
take_entries(struct fuzz_input *in, struct disk *d)
{
    for (unsigned count = fuzz_byte(in); count && in->left; count--) {
        struct entry *e = &d->entries[d->entries_count++];
        e->kind = fuzz_byte(in);
        e->key.high = fuzz_number(in, 8);
        e->key.low = fuzz_number(in, 8);
        size_t length = fuzz_number(in, 2);
        e->value = fuzz_bytes(in, length);
    }
}

static void
put(struct disk *d, const void *name, size_t name_length, const void *value, size_t length)
{
    struct souk_vault_entry entry = { { name, name_length }, { value, length } };
    souk_assert(!d->vault->ops->put(d->vault, &entry, 1));
}

/* The bytes of a batch, its length and position put right, for free(). Who calls it chains it. */
static uint8_t *
right_batch(struct souk_bytes bytes, uint64_t position)
{
    uint8_t *batch = fuzz_copy(bytes.at, bytes.length);
    for (unsigned i = 0; i < 4; i++) batch[16 + i] = (uint8_t)(bytes.length >> 8 * i);
    for (unsigned i = 0; i < 8; i++) batch[24 + i] = (uint8_t)(position >> 8 * i);
    return batch;
}

static void
put_table(struct disk *d, struct souk_bytes bytes, uint64_t position, uint64_t number, uint32_t shard)
{
    uint8_t name[SOUK_TABLE_NAME], *table = right_batch(bytes, position);
    souk_batch_chain(table, (struct souk_link){ 0, 0 });
    souk_table_name(name, number, shard);
    put(d, name, sizeof name, table, bytes.length);
    free(table);
}

/* One checkpoint's put: its entries, their head, and if there is one the marker. */
static void
put_vault(struct disk *d)
{
    uint8_t value[SOUK_HEAD_BYTES + ENTRIES_MAX * (SOUK_ROW_BYTES + 2)], marker[SOUK_MARKER_BYTES];
    uint8_t name[SOUK_SNAPSHOT_NAME], head_name[SOUK_HEAD_NAME];
    struct souk_index_row rows[ENTRIES_MAX];
    struct souk_snapshot_head snapshot;
    const struct entry *raw = NULL;
    struct souk_head head = { .checkpoint = 1, .position = d->end, .link = d->links[d->end] };
    uint64_t head_number = d->entries_count + 1, at = d->end ? 1 + (d->flags >> 2) % d->end : 0;
    struct souk_marker m = { .number = 1, .position = at, .low = at, .link = d->links[at], .head = head_number };
    uint8_t shards[ENTRIES_MAX];
    for (unsigned i = 0; i < d->entries_count; i++) {
        const struct entry *e = &d->entries[i];
        if (e->kind == HEAD) {
            raw = e;
        } else if (e->kind == TABLE) {
            if (e->value.length < SOUK_BATCH_HEADER) continue;
            shards[head.tables++] = (uint8_t)e->key.low;
            put_table(d, e->value, at, head_number, (uint8_t)e->key.low);
        } else {
            bool peeks = souk_snapshot_peek(e->value, &snapshot);
            if (!peeks) snapshot = (struct souk_snapshot_head){ 0 };
            rows[head.rows++] = (struct souk_index_row){ i + 1, snapshot.position, { e->kind, e->key },
                                                         snapshot.has_asks };
            souk_snapshot_name(name, i + 1, e->kind, e->key);
            put(d, name, sizeof name, e->value.length ? e->value.at : "", e->value.length);
        }
    }
    uint8_t *p = souk_head_put(value, &head);
    for (uint32_t i = 0; i < head.tables; i++) p = souk_head_put_table(p, shards[i]);
    for (uint32_t i = 0; i < head.rows; i++) p = souk_head_put_row(p, &rows[i]);
    souk_head_name(head_name, head_number);
    if (raw) put(d, head_name, sizeof head_name, raw->value.length ? raw->value.at : "", raw->value.length);
    else put(d, head_name, sizeof head_name, value, (size_t)(p - value));
    if (!(d->flags & MARKER)) return;
    m.rows = head.rows;
    m.tables = head.tables;
    for (uint32_t i = 0; i < head.rows; i++) m.sum += souk_index_sum(&rows[i]);
    souk_marker_write(marker, &m);
    put(d, "m", 1, marker, sizeof marker);
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
put_batches(struct fuzz_input *in, struct disk *d)
{
    struct souk_bytes parts[BATCHES_MAX + 1], bytes;
    uint64_t position = 0, first = 1;
    size_t count = 0;
    while (position < BATCHES_MAX && (bytes = next_batch(in)).length) {
        uint8_t *batch = right_batch(bytes, ++position);
        bool ends = batch[0] & 1;
        d->links[position] = souk_batch_chain(batch, d->links[position - 1]);
        parts[++count] = (struct souk_bytes){ batch, bytes.length };
        if (!ends && position < BATCHES_MAX && in->left >= SOUK_BATCH_HEADER) continue;
        put_group(d->journal, first, d->links[first - 1], parts, count);
        for (; count; count--) free((void *)(uintptr_t)parts[count].at);
        first = position + 1;
    }
    d->end = position;
}

static void
fill(souk_memory_store *store, struct fuzz_input in)
{
    static struct disk d;
    d = (struct disk){ .flags = fuzz_byte(&in) };
    souk_assert(!souk_memory_store_journal(store, &d.journal) && !souk_memory_store_vault(store, &d.vault));
    d.journal->ops->begin(d.journal, 0);
    take_entries(&in, &d);
    if (d.flags & RAW) { /* Damage, as it comes. */
        struct souk_bytes group = fuzz_bytes(&in, in.left);
        if (group.length) souk_assert(!d.journal->ops->append(d.journal, 1, 1, &group, 1));
    } else {
        put_batches(&in, &d);
    }
    if (d.entries_count && d.end) put_vault(&d); /* Of nothing there is no checkpoint. */
    d.journal->ops->close(&d.journal);
    d.vault->ops->close(&d.vault);
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

/* What `souk journal` writes is thrown away, but for a look at its lines. */
static bool
look(void *arg, struct souk_text text)
{
    bool json = *(const bool *)arg;
    for (const char *end; json && text.length && (end = memchr(text.at, '\n', text.length));) {
        size_t length = (size_t)(end - text.at);
        souk_assert(fuzz_is_json((struct souk_text){ text.at, length }, 24));
        text = (struct souk_text){ end + 1, text.length - length - 1 };
    }
    return true;
}

/* The status that a word of `souk journal` ends with. */
static int
tool(souk_journal *journal, souk_vault *vault, enum journal_word word, bool json)
{
    struct journal_wanted wanted = { .word = word, .until_ms = UINT64_MAX, .from = 1, .to = UINT64_MAX,
                                     .at = UINT64_MAX, .limit = UINT64_MAX, .json = json };
    const struct journal_source source = { .journal = journal, .vault = vault };
    struct journal_out *out;
    char why[JOURNAL_WHY] = "";
    souk_assert(journal_out_open(&out, look, &json));
    int status = journal_run(&wanted, &source, out, why);
    souk_assert(!status == !*why);
    journal_out_close(&out);
    return status;
}

/* True: `souk journal verify` calls it sound. */
static bool
check(souk_journal *journal, souk_vault *vault)
{
    static struct souk_check_report report;
    static const struct souk_secret secret;
    struct souk_check_inputs inputs = { .vault = vault };
    souk_err err = souk_check_run(journal, &secret, &inputs, &report);
    souk_assert(!err || ((err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION) && *report.why));
    (void)tool(journal, vault, JOURNAL_CAT, true);
    (void)tool(journal, vault, JOURNAL_STATS, true);
    return !tool(journal, vault, JOURNAL_VERIFY, false); /* What the checker minds beyond it is what bodies mean. */
}

/* How a start went: `end` is the last position after it. */
struct started { bool ran, sound; uint64_t begin, end; };

static struct started
start(souk_memory_store *store, struct souk_sim_world *world, bool runs)
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
    struct started s = { .sound = check(journal, vault) };
    souk_err err = souk_partition_open(&p, &options, why, sizeof why);
    souk_assert(!s.sound || !err);
    souk_assert(!err || ((err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION) && *why));
    if (!err) {
        s.ran = true;
        s.begin = atomic_load(&p->durable);
        souk_assert(!souk_partition_settle(p));
        if (runs) run(p, world);
        s.end = atomic_load(&p->durable);
        souk_partition_close(&p);
    }
    souk_memory_store_crash(store);
    return s;
}

void
fuzz_journal(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    struct souk_sim_world world;
    fuzz_quiet();
    souk_memory_store *store = souk_memory_store_open();
    fill(store, in);
    souk_sim_world_init(&world, 1);
    struct started first = start(store, &world, true);
    if (first.ran) {
        struct started second = start(store, &world, false);
        /* Where it isn't sound, damage that a checkpoint covers may have to be read again, for an actor set apart. */
        souk_assert((second.ran && second.sound) || !first.sound);
        souk_assert(first.begin <= first.end);
        if (second.ran) souk_assert(second.begin >= first.end && second.end >= second.begin);
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
