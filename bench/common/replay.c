/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/replay.c -- see replay.h.
 *
 * Timed is what a node does between opening LevelDB and starting its threads: souk_partition_open(), which reads,
 * verifies and applies every batch. The events are counted by a reading of our own before, which also fills the page
 * cache.
 *
 * Invariant: the data directory is closed between two replays, for a journal is begun once. */
#define _GNU_SOURCE
#include "replay.h"
#include "process.h"

#include "kinds.h"
#include "store/data.h"
#include "work/partition.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

static uint64_t
cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static souk_err
count_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct souk_bench_replay *replay = arg;
    struct souk_link link;
    uint32_t count;
    (void)first;
    if (!souk_group_open(bytes, &count, &link))
        return SOUK_ERR_CORRUPT;
    replay->bytes += bytes.length;
    size_t at = SOUK_GROUP_HEADER, length;
    for (; count > 0; count--, at += length) {
        struct souk_batch_reader batch;
        struct souk_step step;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ (const char *)bytes.at + at, bytes.length - at },
                                       NULL, &length);
        if (err)
            return err;
        do {
            err = souk_batch_next(&batch, &step);
            if (err)
                return err;
            replay->events += step.class == SOUK_STEP_EVENT;
        } while (step.class != SOUK_STEP_END);
    }
    return SOUK_OK;
}

/* Opens LevelDB and counts what is there; that the marker is missing is a part of what is measured. */
static souk_err
open_data(struct souk_bench_replay *replay, struct souk_data *data, const char *path)
{
    char why[SOUK_STORE_WHY + SOUK_BENCH_PATH_MAX] = "";
    void *marker;
    size_t length;
    uint64_t began = souk_bench_now_ns();
    souk_err err = souk_data_open(data, souk_world_os(), path, false, why, sizeof why);
    replay->open_ms = (double)(souk_bench_now_ns() - began) / 1e6;
    if (err) {
        fprintf(stderr, "bench: %s\n", why);
        return err;
    }
    if (data->vault->ops->get(data->vault, (struct souk_bytes){ "m", 1 }, &marker, &length) != SOUK_ERR_MISSING) {
        fprintf(stderr, "bench: %s holds a checkpoint, or is damaged\n", path);
        return SOUK_ERR_USAGE;
    }
    replay->events = replay->bytes = 0;
    err = data->journal->ops->read(data->journal, 1, count_group, replay);
    if (err)
        fprintf(stderr, "bench: the journal in %s cannot be read: %s\n", path, souk_err_text(err));
    return err;
}

static souk_err
replay_once(struct souk_bench_replay *replay, const struct souk_data *data, unsigned time)
{
    char why[1024] = "";
    struct souk_partition *partition = NULL;
    const struct souk_partition_options options = {
        .world = souk_world_os(), .kinds = souk_commerce_kinds, .journal = data->journal, .vault = data->vault,
        .secret = data->secret, .workers = 1, .checkpoint_bytes = UINT64_MAX,
    };
    uint64_t began = souk_bench_now_ns(), cpu = cpu_ns();
    souk_err err = souk_partition_open(&partition, &options, why, sizeof why);
    uint64_t ended = souk_bench_now_ns();
    cpu = cpu_ns() - cpu;
    if (err) {
        fprintf(stderr, "bench: the journal cannot be replayed: %s\n", *why ? why : souk_err_text(err));
        return err;
    }
    replay->actors = atomic_load(&partition->actors);
    souk_partition_close(&partition);
    replay->events_per_s[time] = (double)replay->events * 1e9 / (double)(ended - began);
    replay->events_per_cpu_s[time] = (double)replay->events * 1e9 / (double)cpu;
    fprintf(stderr, "replay %u of %u: %.0f events/s\n", time + 1, replay->times, replay->events_per_s[time]);
    return SOUK_OK;
}

souk_err
souk_bench_replay_measure(struct souk_bench_replay *replay, const char *path)
{
    cpu_set_t mine;
    souk_err err = SOUK_OK;
    souk_assert(replay->times <= SOUK_BENCH_REPLAY_TIMES);
    bool known = sched_getaffinity(0, sizeof mine, &mine) == 0;
    souk_bench_pin_self();
    for (unsigned time = 0; !err && time < replay->times; time++) {
        struct souk_data data = { 0 };
        err = souk_bench_interrupted() ? SOUK_ERR_CLOSED : open_data(replay, &data, path);
        if (time == 0)
            replay->first_open_ms = replay->open_ms;
        if (!err)
            err = replay_once(replay, &data, time);
        souk_data_close(&data);
    }
    if (known)
        (void)sched_setaffinity(0, sizeof mine, &mine);
    return err;
}
