/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/test_soak.c -- a real node under a random load whose every outcome is checked, for as long as one likes.
 *
 *     ./run soak --minutes 60 [--seed S] [--workers N] [--only PHASE] [--variant release|asan|tsan]
 *
 * Without options it is a test: some seconds of the same. A round is a second or some of load, then quiet: then nobody
 * may be left of those that were spawned, the money must be what it was, and memory back to where it was. Every so
 * often the node is closed and opened again, with another number of workers. The last line of output is JSON. */
#include "soak/crowd.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
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
enum { SLOW = 3 };
#elif defined(__SANITIZE_THREAD__)
enum { SLOW = 8 };
#else
enum { SLOW = 1 };
#endif

enum { ROUNDS_A_NODE = 6, NODES_A_DIRECTORY = 10, QUIET_S = 60 };

/* What there is when all is quiet. */
struct level { uint64_t used, events; };

struct plan {
    double seconds, round_s;
    unsigned workers; /* 0: another number each time. */
    const char *directory;
    /* How it went. */
    unsigned rounds, nodes;
    struct souk_stats sum;
    uint64_t used_max;
    double began, told;
};

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
set_mode(enum soak_mode mode)
{
    soak.round++;
    atomic_store(&soak.mode, mode);
}

/* Waits until a count has a value; false: it never had. */
static bool
wait_for(const _Atomic uint32_t *count, uint32_t value)
{
    for (double end = now() + QUIET_S; now() < end; usleep(2000))
        if (atomic_load(count) == value) return true;
    return false;
}

/* Asks every purse until no payment is open. */
static void
check_money(void)
{
    double end = now() + QUIET_S;
    do {
        soak.looks = 0;
        soak.balance = soak.open = 0;
        set_mode(SOAK_LOOK);
        if (!wait_for(&soak.looks, SOAK_PURSES)) {
            soak_broken("only %u purses answered", (unsigned)soak.looks);
            return;
        }
        set_mode(SOAK_PAUSE);
        if (!wait_for(&soak.busy, 0)) soak_broken("a look has no end");
    } while (soak.open && now() < end);
    if (soak.open) soak_broken("%llu payments stay open", (unsigned long long)soak.open);
    else if (soak.balance != (uint64_t)SOAK_PURSES * SOAK_FUNDS)
        soak_broken("the purses have %llu, not %llu", (unsigned long long)soak.balance,
                    (unsigned long long)SOAK_PURSES * SOAK_FUNDS);
}

/* With nothing asked any more: who is there ends, what is under way arrives. */
static struct level
quiet(const souk_node *node)
{
    struct souk_stats stats;
    double end = now() + QUIET_S;
    do {
        usleep(20000);
        souk_node_stats(node, &stats);
    } while ((stats.volatile_actors || stats.mailbox_depth || stats.position != stats.durable) && now() < end);
    if (stats.volatile_actors) soak_broken("%lld volatile actors are left", (long long)stats.volatile_actors);
    if (stats.mailbox_depth) soak_broken("%lld messages are left", (long long)stats.mailbox_depth);
    if (stats.position != stats.durable) soak_broken("what is done isn't durable");
    if (soak.requests != soak.answers)
        soak_broken("%llu requests, %llu answers", (unsigned long long)soak.requests,
                    (unsigned long long)soak.answers);
    return (struct level){ stats.memory_used, stats.events };
}

static void
progress(struct plan *plan, const souk_node *node, const char *at)
{
    enum { EACH_S = 4 };
    if (now() - plan->told < EACH_S) return;
    plan->told = now();
    struct souk_stats stats;
    souk_node_stats(node, &stats);
    printf("%7.1f s  %s  node %u round %u  jobs %llu  outcomes %llu  payments %llu  turns %llu  lives %lld  "
           "steals %llu  used %.1f MiB of %.1f  broken %u\n",
           now() - plan->began, at, plan->nodes, plan->rounds, (unsigned long long)soak.jobs,
           (unsigned long long)soak.outcomes, (unsigned long long)soak.payments, (unsigned long long)stats.turns,
           (long long)stats.volatile_actors, (unsigned long long)stats.steals, (double)stats.memory_used / 1048576,
           (double)stats.memory_bytes / 1048576, (unsigned)soak.broken_count);
    fflush(stdout);
}

/* A round's load, its quiet, and what must hold then. */
static struct level
run_round(struct plan *plan, const souk_node *node)
{
    set_mode(SOAK_LOAD);
    for (double end = now() + plan->round_s; now() < end && !soak.broken_count; usleep(50000))
        progress(plan, node, "load ");
    set_mode(SOAK_PAUSE);
    if (!wait_for(&soak.busy, 0)) soak_broken("%u clients have no answer", (unsigned)soak.busy);
    check_money();
    struct level level = quiet(node);
    if (level.used > plan->used_max) plan->used_max = level.used;
    plan->rounds++;
    progress(plan, node, "quiet");
    return level;
}

/* Purses remember each payment; the journal's ring has a buffer in each place that was used; each worker keeps some
 * hundred dead letters, each thread some blocks. */
static void
check_memory(struct level first, struct level level)
{
    enum { SLACK = 32 << 20, AN_EVENT = 200 };
    uint64_t most = first.used + SLACK + (level.events - first.events) * AN_EVENT;
    if (level.used > most)
        soak_broken("memory in use grows from %llu to %llu bytes", (unsigned long long)first.used,
                    (unsigned long long)level.used);
}

static void
count_all(struct plan *plan, const souk_node *node)
{
    struct souk_stats s;
    souk_node_stats(node, &s);
    plan->sum.turns += s.turns;
    plan->sum.messages += s.messages;
    plan->sum.messages_across += s.messages_across;
    plan->sum.asks += s.asks;
    plan->sum.late += s.late;
    plan->sum.steals += s.steals;
    plan->sum.checkpoints += s.checkpoints;
    plan->sum.dead_letters += s.dead_letters;
    plan->sum.faults += s.faults;
    plan->sum.restarts += s.restarts;
}

/* One life of a node. */
static void
run_node(struct plan *plan)
{
    struct souk_guest guests[] = { soak_crowd, { .enter = NULL } };
    unsigned workers = plan->workers ? plan->workers : 2 + plan->nodes % 2;
    struct souk_options options = { .directory = plan->directory, .kinds = soak_kinds, .guests = guests,
                                    .workers = workers, .checkpoint_mib = 1, .actors_max = 1 };
    char why[300];
    souk_node *node;
    soak.entered = 0;
    soak.mode = SOAK_PAUSE;
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err) {
        soak_broken("the node doesn't open: %s", why);
        return;
    }
    if (plan->nodes % NODES_A_DIRECTORY) check_money(); /* What the last one left. */
    struct level first = { 0 };
    for (unsigned i = 0; i < ROUNDS_A_NODE && now() < plan->began + plan->seconds && !soak.broken_count; i++) {
        struct level level = run_round(plan, node);
        if (i == 1) first = level;
        if (i > 1) check_memory(first, level);
    }
    count_all(plan, node);
    souk_node_close(&node);
    plan->nodes++;
}

static void
empty(const char *directory)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command)) soak_broken("%s can't be emptied", directory);
}

static void
report(const struct plan *plan)
{
    printf("{\"seconds\": %.1f, \"seed\": %llu, \"nodes\": %u, \"rounds\": %u, \"jobs\": %llu, \"outcomes\": %llu, "
           "\"payments\": %llu, \"requests\": %llu, \"turns\": %llu, \"messages\": %llu, \"across\": %llu, "
           "\"asks\": %llu, \"late\": %llu, \"steals\": %llu, \"checkpoints\": %llu, \"letters\": %llu, "
           "\"faults\": %llu, \"restarts\": %llu, \"memory_used_max\": %llu, ",
           now() - plan->began, (unsigned long long)soak.seed, plan->nodes, plan->rounds,
           (unsigned long long)soak.jobs, (unsigned long long)soak.outcomes, (unsigned long long)soak.payments,
           (unsigned long long)soak.requests, (unsigned long long)plan->sum.turns,
           (unsigned long long)plan->sum.messages, (unsigned long long)plan->sum.messages_across,
           (unsigned long long)plan->sum.asks, (unsigned long long)plan->sum.late,
           (unsigned long long)plan->sum.steals, (unsigned long long)plan->sum.checkpoints,
           (unsigned long long)plan->sum.dead_letters, (unsigned long long)plan->sum.faults,
           (unsigned long long)plan->sum.restarts,
           (unsigned long long)plan->used_max);
    printf("\"phases\": {");
    for (unsigned i = 0; i < JOB_PHASES; i++)
        printf("%s\"%s\": %llu", i ? ", " : "", job_phases[i], (unsigned long long)soak.phases[i]);
    printf("}, \"broken\": [");
    for (unsigned i = 0; i < soak.broken_count && i < SOAK_BROKEN_MAX; i++)
        printf("%s\"%s\"", i ? ", " : "", soak.broken[i]);
    printf("]}\n");
}

static void
run_soak(struct plan *plan)
{
    const char *base = getenv("TMPDIR");
    char directory[96];
    snprintf(directory, sizeof directory, "%s/souk-soak-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(directory)) {
        soak_broken("no temporary directory %s", directory);
        return;
    }
    plan->directory = directory;
    plan->began = plan->told = now();
    soak.clients = 6;
    soak.plant_race = getenv("SOUK_PLANT_RACE") != NULL;
    while (now() < plan->began + plan->seconds && !soak.broken_count) {
        run_node(plan);
        if (plan->nodes % NODES_A_DIRECTORY == 0) empty(directory);
    }
    empty(directory);
    for (unsigned i = 0; i < JOB_PHASES; i++)
        if (!soak.phases[i] && (soak.only == i || soak.only == JOB_PHASES))
            soak_broken("no job of phase %s", job_phases[i]);
}

static void
seconds_of_it_break_nothing(void **state)
{
    (void)state;
    struct plan plan = { .seconds = 8, .round_s = 1 };
    soak.seed = 1;
    soak.only = JOB_PHASES;
    soak.size = 400 / SLOW;
    run_soak(&plan);
    if (soak.broken_count) fail_msg("%s", soak.broken[0]);
    assert_true(plan.sum.faults > 0 && plan.sum.restarts > 0 && plan.sum.dead_letters > 0 && plan.sum.late > 0);
    assert_true(plan.sum.steals > 0 && plan.sum.messages_across > 0 && plan.nodes > 1);
}

static uint32_t
phase_of(const char *name)
{
    uint32_t phase = 0;
    while (phase < JOB_PHASES && strcmp(job_phases[phase], name) != 0) phase++;
    return phase;
}

static int
usage(void)
{
    fprintf(stderr, "usage: soak --minutes N [--seed S] [--workers N] [--only PHASE]\n");
    return 64;
}

int
main(int argc, char **argv)
{
    if (argc == 1) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(seconds_of_it_break_nothing) };
        return cmocka_run_group_tests(tests, NULL, NULL);
    }
    static const struct option options[] = { { "minutes", required_argument, NULL, 'm' },
                                             { "seed", required_argument, NULL, 's' },
                                             { "workers", required_argument, NULL, 'w' },
                                             { "only", required_argument, NULL, 'o' }, { NULL, 0, NULL, 0 } };
    struct plan plan = { .round_s = 3 };
    soak.seed = (uint64_t)time(NULL);
    soak.only = JOB_PHASES;
    soak.size = 1000 / SLOW;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'm') plan.seconds = 60 * strtod(optarg, NULL);
        else if (c == 's') soak.seed = strtoull(optarg, NULL, 0);
        else if (c == 'w') plan.workers = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'o' && (soak.only = phase_of(optarg)) < JOB_PHASES) {}
        else return usage();
    }
    if (optind != argc || plan.seconds <= 0 || plan.workers > SOAK_WORKERS_MAX) return usage();
    printf("soak: seed %llu, %.1f minutes\n", (unsigned long long)soak.seed, plan.seconds / 60);
    run_soak(&plan);
    report(&plan);
    return soak.broken_count ? 1 : 0;
}
