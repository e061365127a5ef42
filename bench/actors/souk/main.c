/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/main.c -- souk's program of `bench actors`: one benchmark, one line of JSON.
 *
 * `actors_souk BENCH SCHEDULERS SHAPE N`: SHAPE `local` has all actors in one shard, `spread` over all shards. The node
 * has no data directory. This file starts the benchmark's first actor, and asks the referee for the result, which comes
 * when that is known. Exits 1 after a sentence when the result is wrong. */
#include "actors/souk/kinds.h"

#include <souk/node.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum souk_where bench_place;

static const struct benchmark {
    const char *name;
    const struct souk_kind *kind;     /* Of the first actor. */
    const struct souk_row *start;     /* Its body is one bench_work. */
    uint32_t actors;
} benchmarks[] = {
    { "ping-pong", &ping_kind, &ping_start_command, 2 },
    { "counting-1", &counting_kind, &counting_start_command, 1 },
    { "counting-8", &counting_kind, &counting_start_command, 8 },
    { "ring", &ring_kind, &ring_start_command, 100 },
    { "spawn", &spawner_kind, &spawner_start_command, 0 },
    { "spawn-idle", &spawner_kind, &spawner_settle_command, 0 },
    { "big", &big_kind, &big_start_command, 120 },
    { "bank", &teller_kind, &teller_start_command, 1000 },
    { "chameneos", &mall_kind, &mall_start_command, 100 },
    { "fib", &fib_kind, &fib_start_command, 0 },
    { "ask-latency", &patient_kind, &patient_start_command, 100 },
    { "touch-1000", &crowd_kind, &crowd_start_command, 1000 },
    { "touch-10000", &crowd_kind, &crowd_start_command, 10000 },
    { "touch-100000", &crowd_kind, &crowd_start_command, 100000 },
    { "touch-1000000", &crowd_kind, &crowd_start_command, 1000000 },
    { "touch-10000000", &crowd_kind, &crowd_start_command, 10000000 },
};

static const struct souk_kind *const kinds[] = {
    &referee_kind, &ping_kind, &pong_kind, &counting_kind, &producer_kind, &counter_kind, &ring_kind, &member_kind,
    &spawner_kind, &collector_kind, &mayfly_kind, &big_kind, &chatter_kind, &teller_kind, &account_kind, &mall_kind,
    &creature_kind, &fib_kind, &branch_kind, &patient_kind, &busy_kind, &crowd_kind, NULL,
};

uint64_t
bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
bench_resident(void)
{
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    (void)fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* One run. All but `over` is the last worker's while the node is open. */
struct run {
    const struct benchmark *benchmark;
    struct bench_work work;
    sem_t over;
    unsigned workers;
    souk_worker *worker;
    struct souk_request start, end;
    bool good;
    struct bench_result result;
};
static struct run run;

static void
started(struct souk_request *request SOUK_UNUSED, const struct souk_reply *reply)
{
    if (reply->ending == SOUK_DONE) return;
    fprintf(stderr, "actors_souk: the first actor did not start (%d)\n", (int)reply->ending);
    (void)sem_post(&run.over);
}

static void
ended(struct souk_request *request SOUK_UNUSED, const struct souk_reply *reply)
{
    run.good = reply->ending == SOUK_DONE &&
               souk_worker_read(run.worker, reply->body, souk_layout_of_bench_result, &run.result);
    if (reply->ending == SOUK_LATE) fputs("actors_souk: it took too long\n", stderr);
    (void)sem_post(&run.over);
}

/* Starts the benchmark from outside, as a client would, and asks what came of it. On the last worker: workers enter one
 * after the other. */
static souk_err
enter(void *self SOUK_UNUSED, souk_worker *worker, unsigned number, struct souk_loop *loop SOUK_UNUSED)
{
    enum { LIMIT_MS = 600000 };
    if (number + 1 != run.workers) return SOUK_OK;
    run.worker = worker;
    run.start = (struct souk_request){ .to = { run.benchmark->kind->number, BENCH_KEY }, .row = run.benchmark->start,
                                       .within_ms = LIMIT_MS, .done = started };
    run.end = (struct souk_request){ .to = souk_ref(referee, BENCH_KEY), .row = &referee_result_query,
                                     .within_ms = LIMIT_MS, .done = ended };
    souk_err err = souk_worker_ask_with(worker, &run.start, &run.work);
    return err ? err : souk_worker_ask_with(worker, &run.end, &(struct referee_result){ });
}

static void
leave(void *self SOUK_UNUSED, souk_worker *worker, unsigned number)
{
    if (number + 1 != run.workers) return;
    souk_worker_forget(worker, &run.start);
    souk_worker_forget(worker, &run.end);
}

static void
print(const struct bench_result *r)
{
    printf("{\"ops\":%llu,\"seconds\":%.9f", (unsigned long long)r->ops, (double)r->ns / 1e9);
    if (r->bytes) printf(",\"bytes_each\":%.3f", (double)r->bytes / (double)r->ops);
    if (r->p50_ns)
        printf(",\"p50_us\":%.3f,\"p99_us\":%.3f,\"p999_us\":%.3f", (double)r->p50_ns / 1e3, (double)r->p99_ns / 1e3,
               (double)r->p999_ns / 1e3);
    puts("}");
}

/* BENCH SCHEDULERS SHAPE N. */
static bool
parse(char **words)
{
    for (size_t i = 0; i < sizeof benchmarks / sizeof *benchmarks; i++)
        if (!strcmp(words[0], benchmarks[i].name)) run.benchmark = &benchmarks[i];
    if (!run.benchmark || (strcmp(words[2], "local") && strcmp(words[2], "spread"))) return false;
    bench_place = strcmp(words[2], "local") ? SOUK_SPREAD : SOUK_NEAR;
    char *end;
    unsigned long count = strtoul(words[1], &end, 10);
    if (*end || count < 1 || count > 64) return false;
    run.workers = (unsigned)count;
    run.work = (struct bench_work){ .n = strtoull(words[3], &end, 10), .actors = run.benchmark->actors };
    return !*end && run.work.n > 0 && words[3][0] != '-';
}

int
main(int argc, char **argv)
{
    if (argc != 5 || !parse(argv + 1)) {
        fputs("usage: actors_souk BENCH SCHEDULERS local|spread N\n", stderr);
        return 1;
    }
    struct souk_guest guests[] = { { .enter = enter, .leave = leave }, { .enter = NULL } };
    struct souk_options options = { .kinds = kinds, .guests = guests, .workers = run.workers,
                                    .volatile_max = UINT32_MAX };
    souk_node *node;
    char why[200];
    (void)sem_init(&run.over, 0, 0);
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err) {
        fprintf(stderr, "actors_souk: %s\n", why);
        return 1;
    }
    while (sem_wait(&run.over)) {} /* Interrupted by a signal. */
    souk_node_close(&node);
    if (run.good) print(&run.result);
    return run.good ? 0 : 1;
}
