/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/seam.h -- the journal alone, as a node appends to it (store/journal.h), beside a bare file.
 *
 * Both get the same bytes, as groups of one size, in turns: some MiB of large groups for bandwidth, some small ones for
 * latency. The journal is that of a data directory of its own, its background work belongs to it: see seam.c. */
#ifndef SOUK_BENCH_SEAM_H
#define SOUK_BENCH_SEAM_H

#include "process.h"

#include "base/histogram.h"

enum { SOUK_BENCH_SEAM_ROUNDS = 99, SOUK_BENCH_GROUP_LARGE = 64 << 10, SOUK_BENCH_GROUP_SMALL = 600 };

/* What to measure, and what came of it. */
struct souk_bench_seam {
    unsigned rounds, mib, small; /* Rounds; MiB of large groups and number of small ones in each, of each of the two. */
    uint64_t end_ns;             /* No further round begins that would probably end later; `rounds` then says so. */
    double souk_mb_s[SOUK_BENCH_SEAM_ROUNDS], bare_mb_s[SOUK_BENCH_SEAM_ROUNDS];
    struct souk_histogram souk_ns, bare_ns; /* Of the small groups. */
};

/* In a fresh directory below `base`. Errors after a message; SOUK_ERR_CLOSED: interrupted. */
souk_err souk_bench_seam_measure(struct souk_bench_seam *seam, const char *base) SOUK_MUST_CHECK;

#endif
