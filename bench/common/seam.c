/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/seam.c -- see seam.h.
 *
 * LevelDB writes each 64 MiB of journal once more, as a table, on a thread of its own while appending goes on. That is
 * a part of the journal's price. So its first memtable is half filled beforehand and a piece is a multiple of 64 MiB:
 * the tables of a piece then begin and, unless the disk is slow, end within it. What is left is waited for, so that the
 * bare file doesn't pay for it. */
#include "seam.h"
#include "bare.h"

#include "base/hash.h"
#include "store/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILL_MIB = 32, BLOCK = 50, GROUP_HEADER = 24, QUIET_MS = 100, QUIET_LOOKS = 100 };

/* One of the two, with what it appends. */
struct sides {
    struct souk_data data;
    struct souk_bench_bare bare;
    struct souk_bench_dir dir;
    uint64_t position; /* The journal's last. */
    uint8_t *bytes;
};

typedef souk_err (*append_fn)(struct sides *sides, size_t length);

/* As commit.c hands a group over: its header, then its batches. */
static souk_err
append_souk(struct sides *sides, size_t length)
{
    souk_journal *journal = sides->data.journal;
    uint64_t next = sides->position + 1;
    const struct souk_bytes parts[] = { { sides->bytes, GROUP_HEADER },
                                        { sides->bytes + GROUP_HEADER, length - GROUP_HEADER } };
    souk_err err = journal->ops->append(journal, next, next, parts, 2);
    sides->position = next;
    if (err)
        fprintf(stderr, "bench: the journal cannot be written: %s\n", journal->why);
    return err;
}

static souk_err
append_bare(struct sides *sides, size_t length)
{
    return souk_bench_bare_append(&sides->bare, sides->bytes, length);
}

/* Waits until what goes on in the background has ended. */
static void
settle(const struct sides *sides)
{
    uint64_t before = UINT64_MAX, now = souk_bench_written(0);
    for (unsigned i = 0; i < QUIET_LOOKS && now != before && !souk_bench_interrupted(); i++) {
        souk_bench_sleep_ms(QUIET_MS);
        before = now;
        now = souk_bench_written(0);
    }
    souk_bench_dir_settle(&sides->dir);
}

/* So many MiB of large groups; what that was a second. */
static souk_err
stream(struct sides *sides, append_fn append, unsigned mib, double *mb_s)
{
    uint64_t began = souk_bench_now_ns(), bytes = (uint64_t)mib << 20, done = 0;
    while (done < bytes) {
        if (souk_bench_interrupted())
            return SOUK_ERR_CLOSED;
        souk_err err = append(sides, SOUK_BENCH_GROUP_LARGE);
        if (err)
            return err;
        done += SOUK_BENCH_GROUP_LARGE;
    }
    *mb_s = (double)done / 1e6 / ((double)(souk_bench_now_ns() - began) / 1e9);
    return SOUK_OK;
}

/* Small groups, each timed. */
static souk_err
trickle(struct sides *sides, append_fn append, unsigned count, struct souk_histogram *out)
{
    for (; count > 0 && !souk_bench_interrupted(); count--) {
        uint64_t began = souk_bench_now_ns();
        souk_err err = append(sides, SOUK_BENCH_GROUP_SMALL);
        if (err)
            return err;
        souk_histogram_record(out, souk_bench_now_ns() - began);
    }
    return count > 0 ? SOUK_ERR_CLOSED : SOUK_OK;
}

static souk_err
round_of(struct souk_bench_seam *seam, struct sides *sides, unsigned round)
{
    settle(sides);
    souk_err err = stream(sides, append_souk, seam->mib, &seam->souk_mb_s[round]);
    settle(sides);
    if (!err)
        err = stream(sides, append_bare, seam->mib, &seam->bare_mb_s[round]);
    settle(sides);
    for (unsigned done = 0; !err && done < seam->small; done += BLOCK) {
        err = trickle(sides, append_souk, BLOCK, &seam->souk_ns);
        if (!err)
            err = trickle(sides, append_bare, BLOCK, &seam->bare_ns);
    }
    if (!err)
        fprintf(stderr, "round %u of %u  64 KiB groups: souk %6.1f MB/s, bare %6.1f MB/s\n", round + 1, seam->rounds,
                seam->souk_mb_s[round], seam->bare_mb_s[round]);
    return err;
}

static souk_err
open_sides(struct sides *sides, const char *base)
{
    char path[SOUK_BENCH_PATH_MAX + 16], why[SOUK_STORE_WHY + SOUK_BENCH_PATH_MAX] = "";
    souk_err err = souk_bench_dir_open(&sides->dir, base, NULL);
    sides->bytes = malloc(SOUK_BENCH_GROUP_LARGE);
    if (err || !sides->bytes)
        return err ? err : SOUK_ERR_MEMORY;
    for (size_t i = 0; i < SOUK_BENCH_GROUP_LARGE; i++) /* Nothing that a disk could make small. */
        sides->bytes[i] = (uint8_t)souk_hash_mix(i);
    snprintf(path, sizeof path, "%s/data", sides->dir.path);
    err = souk_data_open(&sides->data, souk_world_os(), path, true, why, sizeof why);
    if (err) {
        fprintf(stderr, "bench: %s\n", why);
        return err;
    }
    sides->data.journal->ops->begin(sides->data.journal, 0);
    return souk_bench_bare_open(&sides->bare, &sides->dir);
}

souk_err
souk_bench_seam_measure(struct souk_bench_seam *seam, const char *base)
{
    struct sides sides = { .bare.fd = -1 };
    double unused;
    souk_assert(seam->rounds <= SOUK_BENCH_SEAM_ROUNDS);
    souk_err err = open_sides(&sides, base);
    if (!err)
        err = stream(&sides, append_souk, seam->mib < FILL_MIB ? seam->mib : FILL_MIB, &unused);
    for (unsigned round = 0; !err && round < seam->rounds; round++) {
        uint64_t began = souk_bench_now_ns();
        err = round_of(seam, &sides, round);
        uint64_t now = souk_bench_now_ns();
        if (now + (now - began) > seam->end_ns)
            seam->rounds = round + 1; /* As many as fit. */
    }
    souk_data_close(&sides.data);
    souk_bench_bare_close(&sides.bare);
    souk_bench_dir_close(&sides.dir);
    free(sides.bytes);
    return err;
}
