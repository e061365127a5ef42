/* SPDX-License-Identifier: Apache-2.0 */
/* bench/restart.c -- `./run bench restart`: from exec to the ready file after kill -9, and after an orderly end.
 *
 * A node on fresh data takes N checkouts (by store credit, over HTTP) and is killed. What is on disk then is put aside
 * as a copy, and each timed start gets that copy anew: a start may leave a checkpoint that would make the next one
 * easier. The last start is of a node that was told to end by SIGTERM on the same data.
 *
 * Invariant: every timed node has been killed or has ended before its data is replaced. */
#include "common/load.h"
#include "common/node.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES_MAX = 99 };

struct restart {
    const char *program, *base;
    uint64_t orders;
    unsigned times;
    bool json;
    struct souk_bench_dir dir;
    struct souk_bench_node node;
    double journal_bytes, ready_ms[TIMES_MAX], after_sigterm_ms;
};

static const char help[] =
    "usage: bench/run restart [--orders N] [--times T] [--quick] [--json] [--base DIR] [--program SOUK]\n"
    "Time from exec to the ready file, after kill -9 with N orders in the journal (100000), T times (5).\n"
    "  --quick    three times\n"
    "  --json     the last line is {\"orders\",\"ready_ms_median\",\"ready_ms_max\",\"after_sigterm_ms\",\n"
    "             \"journal_bytes\"}\n"
    "  --base     where the data lies (TMPDIR, else /var/tmp)\n";

/* Runs a command to its end, which must be a success. */
static souk_err
complete(const char *const *argv, char *line, size_t size)
{
    const struct souk_bench_start start = { .argv = argv, .capture = true, .stop_signal = SIGTERM };
    souk_err err = souk_bench_child_run(&start, 600000, line, size);
    if (err && !souk_bench_interrupted())
        fprintf(stderr, "bench: %s %s failed\n", argv[0], argv[1]);
    return err;
}

/* N checkouts on fresh data, then kill -9. */
static souk_err
fill(struct restart *restart)
{
    char count[32], line[4096] = "";
    double orders = 0;
    souk_err err = souk_bench_node_start(&restart->node, restart->program, &restart->dir, false);
    if (err)
        return err;
    snprintf(count, sizeof count, "%" PRIu64, restart->orders);
    const char *const load[] = { restart->program, "load",   "--http",  restart->node.http, "--buyers", count,
                                 "--payment",      "credit", "--limit", "2",                "--units",  "100000000",
                                 "--connections",  "64",     "--json",  NULL };
    err = complete(load, line, sizeof line);
    if (!err && (!souk_bench_field_number(line, "orders", &orders) || orders < (double)restart->orders)) {
        fprintf(stderr, "bench: not every order was accepted: %s\n", line);
        err = SOUK_ERR_CORRUPT;
    }
    if (!err)
        err = souk_bench_node_metric(&restart->node, SOUK_BENCH_JOURNAL_BYTES, &restart->journal_bytes);
    souk_bench_node_kill(&restart->node);
    return err;
}

/* Copies a tree; `to` must not be there. */
static souk_err
copy(const char *from, const char *to)
{
    char line[256];
    const char *const argv[] = { "cp", "-a", from, to, NULL };
    return complete(argv, line, sizeof line);
}

/* The killed node's data again, as it was, and the disk at rest. */
static souk_err
restore(const struct restart *restart)
{
    char line[256], data[SOUK_BENCH_PATH_MAX + 16], kept[SOUK_BENCH_PATH_MAX + 16];
    snprintf(data, sizeof data, "%s/data", restart->dir.path);
    snprintf(kept, sizeof kept, "%s/kept", restart->dir.path);
    const char *const argv[] = { "rm", "-rf", data, NULL };
    souk_err err = complete(argv, line, sizeof line);
    if (!err)
        err = copy(kept, data);
    souk_bench_dir_settle(&restart->dir);
    return err;
}

static souk_err
time_starts(struct restart *restart)
{
    souk_err err = SOUK_OK;
    for (unsigned i = 0; !err && i < restart->times; i++) {
        err = restore(restart);
        if (!err)
            err = souk_bench_node_start(&restart->node, restart->program, &restart->dir, false);
        if (err)
            break;
        restart->ready_ms[i] = restart->node.ready_ms;
        fprintf(stderr, "start %u of %u after kill -9: ready in %.1f ms\n", i + 1, restart->times,
                restart->ready_ms[i]);
        if (i + 1 < restart->times) {
            souk_bench_node_kill(&restart->node);
            continue;
        }
        err = souk_bench_node_stop(&restart->node); /* The last one ends in an orderly manner. */
        souk_bench_dir_settle(&restart->dir);
        if (!err)
            err = souk_bench_node_start(&restart->node, restart->program, &restart->dir, false);
        restart->after_sigterm_ms = restart->node.ready_ms;
    }
    if (!err)
        fprintf(stderr, "start after SIGTERM: ready in %.1f ms\n", restart->after_sigterm_ms);
    souk_bench_node_kill(&restart->node);
    return err;
}

static souk_err
run(struct restart *restart)
{
    char data[SOUK_BENCH_PATH_MAX + 16], kept[SOUK_BENCH_PATH_MAX + 16];
    souk_err err = souk_bench_dir_open(&restart->dir, restart->base, NULL);
    if (!err)
        err = fill(restart);
    snprintf(data, sizeof data, "%s/data", restart->dir.path);
    snprintf(kept, sizeof kept, "%s/kept", restart->dir.path);
    if (!err)
        err = copy(data, kept);
    if (!err)
        err = time_starts(restart);
    souk_bench_dir_close(&restart->dir);
    return err;
}

static bool
whole_number(const char *text, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && *number >= 1 && *number <= most;
}

static souk_err
parse(struct restart *restart, int argc, char **argv)
{
    static const struct option known[] = {
        { "orders", required_argument, NULL, 'o' }, { "times", required_argument, NULL, 't' },
        { "json", no_argument, NULL, 'j' },         { "quick", no_argument, NULL, 'q' },
        { "base", required_argument, NULL, 'b' },   { "program", required_argument, NULL, 'P' },
        { "help", no_argument, NULL, 'h' },         { 0 },
    };
    int option;
    double number = 0;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        bool good = true;
        switch (option) {
        case 'o':
            good = whole_number(optarg, 1e9, &number), restart->orders = (uint64_t)number;
            break;
        case 't':
            good = whole_number(optarg, TIMES_MAX, &number), restart->times = (unsigned)number;
            break;
        case 'q':
            restart->times = 3;
            break;
        case 'j':
            restart->json = true;
            break;
        case 'b':
            restart->base = optarg;
            break;
        case 'P':
            restart->program = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            exit(0);
        default:
            good = false;
        }
        if (!good)
            return SOUK_ERR_USAGE;
    }
    return optind == argc ? SOUK_OK : SOUK_ERR_USAGE;
}

int
main(int argc, char **argv)
{
    static struct restart restart = { .orders = 100000, .times = 5 };
    char room[SOUK_BENCH_PATH_MAX + 16];
    if (parse(&restart, argc, argv)) {
        fputs(help, stderr);
        return 64;
    }
    restart.program = souk_bench_program(restart.program, room, sizeof room);
    souk_bench_signals();
    souk_err err = run(&restart);
    if (souk_bench_interrupted())
        return 130;
    if (err) {
        fprintf(stderr, "bench: %s\n", souk_err_text(err));
        return 1;
    }
    double middle = souk_bench_median(restart.ready_ms, restart.times); /* Sorts them. */
    double most = restart.ready_ms[restart.times - 1];
    printf("%" PRIu64 " orders, %.1f MB of journal: ready after kill -9 in %.0f ms (median of %u; at most %.0f), after "
           "SIGTERM in %.0f ms\n",
           restart.orders, restart.journal_bytes / 1e6, middle, restart.times, most, restart.after_sigterm_ms);
    if (restart.json)
        printf("{\"orders\":%" PRIu64 ",\"ready_ms_median\":%.1f,\"ready_ms_max\":%.1f,\"after_sigterm_ms\":%.1f,"
               "\"journal_bytes\":%.0f}\n",
               restart.orders, middle, most, restart.after_sigterm_ms, restart.journal_bytes);
    return 0;
}
