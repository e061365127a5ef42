/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_memory.c -- a node's memory: in steady state it takes nothing from the system, whoever sleeps costs an
 * entry in an index and no more, and above memory_max nothing new is begun. */
#include "hoard.h"
#include "purse.h"
#include "work/partition.h"

#include <setjmp.h>
#include <souk/node.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SLOW = 8, NOISE = 64 << 10 }; /* Each block is the system's own, so what is under way is seen in bytes. */
#elif defined(__SANITIZE_THREAD__)
enum { SLOW = 8, NOISE = 0 };
#else
enum { SLOW = 1, NOISE = 0 };
#endif

static char directory[64];

/* ---- A door: the test's thread asks, a worker's tick sends, and the test's thread waits for the answer. ---- */

enum { ASKS_MAX = 64 };

struct asking {
    struct souk_request r;
    const void *message;
    souk_err err;
    enum souk_ending ending;
    souk_verdict refusal;
    uint32_t made;
    uint64_t played;
};
static struct asking asking[ASKS_MAX];
static _Atomic int states[ASKS_MAX]; /* 0: free, 1: to be sent, 2: sent, 3: answered. */
static souk_worker *door;

static void
done(struct souk_request *r, const struct souk_reply *reply)
{
    struct asking *a = (struct asking *)(void *)r;
    struct hoard_made made;
    struct hoard_view view;
    a->ending = reply->ending;
    a->refusal = reply->refusal;
    if (r->row == &hoard_spawn_command && souk_worker_read(door, reply->body, souk_layout_of_hoard_made, &made))
        a->made = made.count;
    if (r->row == &hoard_show_query && souk_worker_read(door, reply->body, souk_layout_of_hoard_view, &view))
        a->played = view.played;
    atomic_store(&states[a - asking], 3);
}

static bool
door_idle(void *self, souk_worker *worker, unsigned number)
{
    (void)self;
    if (number) return true;
    for (unsigned i = 0; i < ASKS_MAX; i++) {
        struct asking *a = &asking[i];
        if (atomic_load(&states[i]) != 1) continue;
        atomic_store(&states[i], 2);
        a->r.done = done;
        a->r.within_ms = 60000;
        a->err = souk_worker_ask_with(worker, &a->r, a->message);
        if (a->err) atomic_store(&states[i], 3);
    }
    return false;
}

static void
door_tick(void *self, souk_worker *worker, unsigned number, uint64_t now_ns)
{
    (void)now_ns;
    door_idle(self, worker, number);
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)loop;
    if (!number) door = worker;
    return SOUK_OK;
}

static souk_node *
open_node(struct souk_options options)
{
    static const struct souk_guest guests[] = { { .enter = enter, .tick = door_tick }, { .enter = NULL } };
    char why[300];
    souk_node *node;
    options.guests = guests;
    for (unsigned i = 0; i < ASKS_MAX; i++) atomic_store(&states[i], 0);
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err) fail_msg("%s", why);
    return node;
}

/* Sends what stands in asking[0..count) and waits for all. A tick comes each 100 ms. */
static void
ask_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) atomic_store(&states[i], 1);
    for (unsigned i = 0; i < count; i++)
        while (atomic_load(&states[i]) != 3) usleep(1000);
}

static souk_ref
ref_of(const souk_node *node, uint32_t kind, const char *prefix, unsigned i)
{
    char name[32];
    int n = snprintf(name, sizeof name, "%s-%u", prefix, i);
    return (souk_ref){ kind, souk_node_key_of(node, (struct souk_text){ name, (size_t)n }) };
}

static struct asking *
ask_hoard(const souk_node *node, unsigned i, const struct souk_row *row, const void *message)
{
    asking[i] = (struct asking){ .r = { .to = ref_of(node, hoard_kind_number, "hoard", i), .row = row },
                                 .message = message };
    return &asking[i];
}

static struct souk_stats
stats_of(const souk_node *node)
{
    struct souk_stats stats;
    souk_node_stats(node, &stats);
    return stats;
}

/* ---- In steady state. ---- */

static void
play(const souk_node *node, unsigned players, const struct hoard_play *how)
{
    static const struct hoard_show show = { 0 };
    for (unsigned i = 0; i < players; i++) ask_hoard(node, i, &hoard_play_command, how);
    ask_all(players);
    for (unsigned i = 0; i < players; i++) ask_hoard(node, i, &hoard_show_query, &show);
    ask_all(players);
    for (unsigned i = 0; i < players; i++) assert_int_equal(asking[i].ending, SOUK_DONE);
}

/* Plays until three rounds in a row have taken nothing; how many rounds that took, or `most`. */
static unsigned
rounds_until_calm(const souk_node *node, const struct hoard_play *how, unsigned most)
{
    enum { PLAYERS = 8, CALM = 3 };
    uint64_t bytes = 0;
    unsigned rounds = 0, calm = 0;
    for (; rounds < most && calm < CALM; rounds++) {
        play(node, PLAYERS, how);
        uint64_t now = stats_of(node).memory_bytes;
        calm = now <= bytes + NOISE && now + NOISE >= bytes ? calm + 1 : 0;
        if (!calm) bytes = now;
    }
    return rounds;
}

static void
after_warming_up_nothing_more_is_taken(void **state)
{
    (void)state;
    enum { ROUNDS = 24 };
    unsigned rounds[4];
    for (unsigned shape = 0; shape < 4; shape++) {
        souk_node *node = open_node((struct souk_options){ .kinds = hoard_kinds, .workers = 2 });
        struct hoard_play how = { .rounds = 20000 / SLOW, .spread = shape & 1, .asks = shape & 2 };
        rounds[shape] = rounds_until_calm(node, &how, ROUNDS);
        struct souk_stats stats = stats_of(node);
        print_message("# %s %s: calm after %u rounds, %llu messages, %llu bytes\n", shape & 2 ? "asks" : "tells",
                      shape & 1 ? "spread" : "near", rounds[shape] - 3, (unsigned long long)stats.messages,
                      (unsigned long long)stats.memory_bytes);
        souk_node_close(&node);
    }
    for (unsigned shape = 0; shape < 4; shape++) assert_true(rounds[shape] < ROUNDS);
}

/* ---- The soft limit. ---- */

static char text[4000];

static void
above_memory_max_nothing_new_is_begun(void **state)
{
    (void)state;
    enum { BIG = 32 << 20, EACH = 400, BATCHES = 50 };
    memset(text, 't', sizeof text);
    souk_node *node = open_node((struct souk_options){ .kinds = hoard_kinds, .workers = 2, .memory_max = BIG });
    struct hoard_spawn spawn = { .count = EACH, .what = { text, sizeof text } };
    struct hoard_drop drop = { 0 };
    for (unsigned again = 0; again < 2; again++) {
        unsigned made = 0, busy = 0;
        for (unsigned i = 0; i < BATCHES && !busy; i++) {
            const struct asking *a = ask_hoard(node, 0, &hoard_spawn_command, &spawn);
            ask_all(1);
            busy += a->err == SOUK_ERR_BUSY;
            assert_true(a->err == SOUK_OK || a->err == SOUK_ERR_BUSY);
            made += a->made;
        }
        assert_int_equal(busy, 1);
        print_message("# %u children of %zu bytes, %llu bytes in use of %llu\n", made, sizeof text,
                      (unsigned long long)stats_of(node).memory_used, (unsigned long long)stats_of(node).memory_bytes);
        assert_true(made * sizeof text > BIG / 2 && made * sizeof text < BIG);
        assert_true(stats_of(node).memory_used > BIG);
        assert_true(stats_of(node).memory_used < BIG + 2 * EACH * sizeof text + (4u << 20));
        souk_node_close(&node);
        node = open_node((struct souk_options){ .kinds = hoard_kinds, .workers = 2, .memory_max = BIG });
    }
    /* Just below it a big batch gets some children and not the others; when these end there is room again. */
    spawn.count = 5 * BIG / 4 / sizeof text;
    const struct asking *a = ask_hoard(node, 0, &hoard_spawn_command, &spawn);
    ask_all(1);
    assert_int_equal(a->ending, SOUK_DONE);
    assert_true(a->made > spawn.count / 4 && a->made < spawn.count);
    souk_node_close(&node);
    node = open_node((struct souk_options){ .kinds = hoard_kinds, .workers = 2, .memory_max = BIG });
    spawn.count = BIG / 3 / sizeof text; /* Each is there twice for a moment: in the message and in the state. */
    for (unsigned i = 0; i < 3; i++) {
        a = ask_hoard(node, 0, &hoard_spawn_command, &spawn);
        ask_all(1);
        assert_int_equal(a->made, spawn.count);
        ask_hoard(node, 0, &hoard_drop_command, &drop);
        ask_all(1);
        for (unsigned n = 0; n < 1000 && stats_of(node).memory_used > BIG / 4; n++) usleep(10000);
        assert_true(stats_of(node).memory_used < BIG / 4);
    }
    souk_node_close(&node);
}

/* ---- Who sleeps. ---- */

static void
an_entry_is_small(void **state)
{
    (void)state;
    enum { ACTORS = 1000000, MOST_BYTES = 56 };
    souk_memory *memory = souk_memory_open();
    struct souk_shard *shard = calloc(1, sizeof *shard);
    assert_non_null(shard);
    shard->arena.heap = souk_heap_open(memory);
    size_t before = souk_memory_used(memory);
    for (uint32_t i = 1; i <= ACTORS; i++) (void)souk_shard_file(shard, 1 + i % 3, (souk_key){ i, i / 2 }, i, 2 * i);
    for (uint32_t i = 1; i <= ACTORS; i++) {
        uint64_t position;
        assert_int_equal(souk_shard_filed(shard, 1 + i % 3, (souk_key){ i, i / 2 }, &position), 2 * i);
        assert_int_equal(position, i);
        if (i % 100) continue;
        assert_int_equal(souk_shard_filed(shard, 1 + (i + 1) % 3, (souk_key){ i, i / 2 }, &position), 0);
        assert_int_equal(position, 0);
        assert_int_equal(souk_shard_file(shard, 1 + i % 3, (souk_key){ i, i / 2 }, i, 2 * i), 2 * i);
    }
    double each = (double)(souk_memory_used(memory) - before) / ACTORS;
    print_message("# %.1f bytes for each of %d\n", each, ACTORS);
    assert_true(each < MOST_BYTES);
    free(shard);
    souk_memory_close(&memory);
}

/* Many requests, some at a time, each sent from the answer to the one before. */
enum { AT_ONCE = 64 };
static struct mass {
    struct souk_request r[AT_ONCE];
    const struct souk_row *row;
    unsigned next, end;
    _Atomic unsigned begun, done;
} mass;

static void
mass_next(struct souk_request *r)
{
    if (mass.next == mass.end) return;
    const souk_node *node = souk_worker_node(door);
    unsigned n = mass.next++;
    struct purse_fill fill = { .owner = SOUK_TEXT("nobody in particular"), .amount = 1000000 };
    struct purse_show show = { .paid_min = 0 };
    bool fills = mass.row == &purse_fill_command;
    const struct souk_reply none = { .ending = SOUK_DEAD };
    *r = (struct souk_request){ .to = ref_of(node, purse_kind_number, "purse", n),
                                .row = mass.row, .within_ms = 60000, .done = r->done };
    if (souk_worker_ask_with(door, r, fills ? (void *)&fill : (void *)&show)) r->done(r, &none);
}

static void
mass_done(struct souk_request *r, const struct souk_reply *reply)
{
    (void)reply;
    mass_next(r);
    mass.done++; /* Last: then the test's thread may begin with other ones. */
}

static void
mass_tick(void *self, souk_worker *worker, unsigned number, uint64_t now_ns)
{
    (void)self;
    (void)worker;
    (void)now_ns;
    if (number || atomic_exchange(&mass.begun, 2) != 1) return;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        mass.r[i].done = mass_done;
        mass_next(&mass.r[i]);
    }
}

static void
ask_mass(const struct souk_row *row, unsigned first, unsigned count)
{
    mass.row = row;
    mass.next = first;
    mass.end = first + count;
    mass.done = 0;
    mass.begun = 1;
    while (mass.done != count) usleep(1000);
}

static void
whoever_sleeps_costs_an_entry(void **state)
{
    (void)state;
    enum { MOST_BYTES = 100, SLACK = 4 << 20, ROUNDS = 400, STRANGERS = 4096 };
    const unsigned actors = 100000 / SLOW;
    static const struct souk_guest guests[] = { { .enter = enter, .tick = mass_tick }, { .enter = NULL } };
    struct souk_options options = { .directory = directory, .kinds = purse_kinds, .workers = 2, .guests = guests,
                                    .checkpoint_mib = 64, .actors_max = 1 };
    souk_node *node;
    assert_int_equal(souk_node_open(&node, &options, NULL, 0), SOUK_OK);
    struct souk_stats none = stats_of(node);
    ask_mass(&purse_fill_command, 0, actors);
    souk_node_close(&node);

    assert_int_equal(souk_node_open(&node, &options, NULL, 0), SOUK_OK);
    struct souk_stats known = stats_of(node);
    assert_int_equal(known.actors, 0);
    ask_mass(&purse_show_query, 0, actors);
    struct souk_stats awake = stats_of(node);
    /* Shards put actors to sleep when they have something to do: strangers are asked, who leave no trace. */
    for (unsigned i = 0; i < ROUNDS && stats_of(node).actors > actors / 100; i++)
        ask_mass(&purse_show_query, actors + STRANGERS * i, STRANGERS);
    struct souk_stats asleep = stats_of(node);
    souk_node_close(&node);

    double each = (double)(known.memory_used - none.memory_used) / actors;
    print_message("# %u purses: %.1f bytes each asleep, %.1f awake; %llu bytes in use before they woke, %llu "
                  "after, with %llu awake\n",
                  actors, each, (double)(awake.memory_used - known.memory_used) / (double)awake.actors,
                  (unsigned long long)known.memory_used, (unsigned long long)asleep.memory_used,
                  (unsigned long long)asleep.actors);
    assert_true(asleep.actors <= actors / 100);
    assert_true(each < MOST_BYTES || SLOW > 1); /* Of few actors, what each thread has at hand is most. */
    assert_true(asleep.memory_used < known.memory_used + SLACK + actors * 8);
}

int
main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/souk-memory-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(directory)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_warming_up_nothing_more_is_taken),
        cmocka_unit_test(above_memory_max_nothing_new_is_begun),
        cmocka_unit_test(an_entry_is_small),
        cmocka_unit_test(whoever_sleeps_costs_an_entry),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) ? 1 : failed;
}
