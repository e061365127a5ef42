/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/replay.h -- how fast a journal is read and applied, in this process, on one CPU, from a warm cache. */
#ifndef SOUK_BENCH_REPLAY_H
#define SOUK_BENCH_REPLAY_H

#include <souk/base.h>

enum { SOUK_BENCH_REPLAY_TIMES = 99 };

/* What to measure, and what came of it. */
struct souk_bench_replay {
    unsigned times;
    uint64_t events, bytes, actors; /* In the journal; those alive at its end. */
    double events_per_s[SOUK_BENCH_REPLAY_TIMES];     /* By the wall clock. */
    double events_per_cpu_s[SOUK_BENCH_REPLAY_TIMES]; /* By the CPU time it took, whoever else wanted some. */
    double first_open_ms, open_ms; /* LevelDB's: after the kill, when it makes a table of its log; the last one. */
};

/* Replays the data directory at `path`, of a shop's node that was killed. It may not hold a checkpoint; what it is left
 * with is for whoever removes it. Errors after a message; SOUK_ERR_CLOSED: interrupted. */
souk_err souk_bench_replay_measure(struct souk_bench_replay *replay, const char *path) SOUK_MUST_CHECK;

#endif
