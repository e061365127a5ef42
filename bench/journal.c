/* SPDX-License-Identifier: Apache-2.0 */
/* bench/journal.c -- `./run bench journal`: what durability costs, beside a bare loop of append and fdatasync.
 *
 * Five figures, each beside its peer in the same directory and the same minutes, round after round in turns:
 *   bandwidth     the journal by itself, groups of 64 KiB, beside a bare file that gets the same bytes (common/seam.c)
 *   latency       ... groups of 600 bytes, one at a time
 *   checkout      `souk serve` and one buyer at a time over HTTP, beside one sync of as many bytes as a checkout's
 *   replay        a killed node's journal, read and applied (common/replay.c)
 *   checkpoints   `souk serve` at full load, with and without checkpoints
 *
 * Invariant: one of the two that are compared is at work at a time; what it leaves to the background is waited for. */
#include "common/bare.h"
#include "common/load.h"
#include "common/node.h"
#include "common/replay.h"
#include "common/seam.h"

#include "souk/load.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 99, WARM = 200, BUYERS = 200, TURNS = 4, CONNECTIONS = 64 };
enum { QUICK_SEAM_S = 60, QUICK_LOW_S = 80, QUICK_S = 220 }; /* By when a quick run wants to be through with each. */

/* One value a round, and what they come to. */
struct series {
    double value[ROUNDS_MAX];
    unsigned count;
};
struct spread { double least, median, most; };

/* A buyer at a time, and as many syncs. */
struct low_load {
    double bytes, syncs; /* Of a checkout. */
    struct souk_histogram checkout_ns, sync_ns;
};

/* A node at full load, with checkpoints or without. */
struct full_load {
    struct series orders_per_s, p999_ms, written; /* Bytes on disk for each byte of the journal. */
    double checkpoints;
};

struct bench {
    const char *program, *base;
    unsigned rounds, mib, times, checkpoint_mib;
    uint64_t orders;
    double seconds;
    bool json, quick;
    uint64_t began_ns;
    struct souk_bench_seam seam;
    struct low_load low;
    struct souk_bench_replay replay;
    struct full_load with, without;
    double stolen_max;
};

static struct spread
spread_of(const double *values, unsigned count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof *values);
    double median = souk_bench_median(sorted, count); /* Sorts them. */
    return (struct spread){ sorted[0], median, sorted[count - 1] };
}

/* Of the quotients, or the differences, of each round's two. */
static struct spread
paired(const double *one, const double *other, unsigned count, bool quotients)
{
    double values[ROUNDS_MAX];
    for (unsigned i = 0; i < count; i++)
        values[i] = quotients ? one[i] / other[i] : one[i] - other[i];
    return spread_of(values, count);
}

static void
add(struct series *series, double value)
{
    souk_assert(series->count < ROUNDS_MAX);
    series->value[series->count++] = value;
}

/* The moment that a quick run wants to be through with something; another one has all the time it takes. */
static uint64_t
deadline(const struct bench *bench, uint64_t seconds)
{
    return bench->quick ? bench->began_ns + seconds * UINT64_C(1000000000) : UINT64_MAX;
}

/* ---- One buyer at a time. ---- */

/* Lets `count` buyers come, one after the other; all must get what they want. */
static souk_err
buy(souk_load *load, unsigned count, struct souk_histogram *out)
{
    souk_load_again(load, count, 0);
    souk_err err = souk_load_run(load);
    if (err)
        return err;
    const struct load_tally *tally = souk_load_tally(load);
    if (tally->orders != count) {
        fprintf(stderr, "bench: of %u orders %" PRIu64 " were accepted: %s\n", count, tally->orders, tally->error);
        return SOUK_ERR_CORRUPT;
    }
    if (out)
        souk_histogram_merge(out, &tally->answered);
    return SOUK_OK;
}

static souk_err
sync_bytes(const struct souk_bench_bare *bare, unsigned count, size_t length, struct souk_histogram *out)
{
    static const uint8_t bytes[1 << 16];
    for (; count > 0; count--) {
        uint64_t began = souk_bench_now_ns();
        souk_err err = souk_bench_bare_append(bare, bytes, length < sizeof bytes ? length : sizeof bytes);
        if (err)
            return err;
        souk_histogram_record(out, souk_bench_now_ns() - began);
    }
    return SOUK_OK;
}

/* What a checkout adds to the journal, and in how many syncs. */
static souk_err
weigh(const struct souk_bench_node *node, souk_load *load, struct low_load *low)
{
    double bytes[2] = { 0 }, groups[2] = { 0 };
    souk_err err = SOUK_OK;
    for (unsigned i = 0; !err && i < 2; i++) {
        err = souk_bench_node_metric(node, SOUK_BENCH_JOURNAL_BYTES, &bytes[i]);
        if (!err)
            err = souk_bench_node_metric(node, "souk_group_commits_total", &groups[i]);
        if (!err && i == 0)
            err = buy(load, WARM, NULL);
    }
    low->bytes = (bytes[1] - bytes[0]) / WARM;
    low->syncs = (groups[1] - groups[0]) / WARM;
    return err;
}

static souk_err
take_turns(struct bench *bench, const struct souk_bench_node *node, const struct souk_bench_bare *bare, souk_load *load)
{
    struct low_load *low = &bench->low;
    souk_err err = souk_load_open_sales(load);
    if (!err)
        err = souk_load_prepay(load, WARM + (uint64_t)bench->rounds * TURNS * BUYERS);
    if (!err)
        err = weigh(node, load, low);
    for (unsigned turn = 0; !err && turn < bench->rounds * TURNS; turn++) {
        if (souk_bench_interrupted())
            return SOUK_ERR_CLOSED;
        if (turn > 0 && souk_bench_now_ns() > deadline(bench, QUICK_LOW_S))
            break;
        err = buy(load, BUYERS, &low->checkout_ns);
        if (!err)
            err = sync_bytes(bare, BUYERS, (size_t)low->bytes, &low->sync_ns);
    }
    return err;
}

static souk_err
measure_low_load(struct bench *bench)
{
    struct souk_bench_dir dir;
    struct souk_bench_node node = { .child.out = -1 };
    struct souk_bench_bare bare = { .fd = -1 };
    souk_load *load = NULL;
    souk_err err = souk_bench_dir_open(&dir, bench->base, NULL);
    if (!err)
        err = souk_bench_node_start(&node, bench->program, &dir, false);
    if (!err)
        err = souk_bench_bare_open(&bare, &dir);
    const struct load_plan plan = {
        .port = node.port,
        .connections = 1,
        .buyers = WARM,
        .units = SOUK_BENCH_STOCK,
        .limit = SOUK_BENCH_LIMIT,
        .price = SOUK_BENCH_PRICE,
        .credit = true,
        .credit_amount = SOUK_BENCH_CREDIT,
    };
    if (!err)
        err = souk_load_open(&load, &plan);
    if (!err)
        err = take_turns(bench, &node, &bare, load);
    if (load)
        souk_load_close(&load);
    souk_bench_bare_close(&bare);
    souk_bench_node_kill(&node);
    souk_bench_dir_close(&dir);
    return err;
}

/* ---- A killed node's journal. ---- */

/* Runs `souk load` on a node, to its end; `line` gets its result. */
static souk_err
load_node(const struct bench *bench, const char *const *argv, char *line, size_t size)
{
    const struct souk_bench_start start = { .argv = argv, .capture = true, .stop_signal = SIGTERM };
    souk_err err = souk_bench_child_run(&start, (unsigned)(bench->seconds * 1000) + 300000, line, size);
    if (err && !souk_bench_interrupted())
        fprintf(stderr, "bench: %s load failed: %s\n", bench->program, line);
    return err;
}

static souk_err
measure_replay(struct bench *bench)
{
    static const char *const never[] = { "--checkpoint-mib", "65536", NULL };
    struct souk_bench_dir dir;
    struct souk_bench_node node = { .child.out = -1 };
    char count[32], line[4096] = "", data[SOUK_BENCH_PATH_MAX + 16];
    double orders = 0;
    souk_err err = souk_bench_dir_open(&dir, bench->base, NULL);
    if (!err)
        err = souk_bench_node_start_with(&node, bench->program, &dir, false, never);
    snprintf(count, sizeof count, "%" PRIu64, bench->orders);
    const char *const load[] = { bench->program, "load",   "--http",  node.http, "--buyers", count,
                                 "--payment",    "credit", "--limit", "2",       "--units",  "100000000",
                                 "--json",       NULL };
    if (!err)
        err = load_node(bench, load, line, sizeof line);
    if (!err && (!souk_bench_field_number(line, "orders", &orders) || orders < (double)bench->orders)) {
        fprintf(stderr, "bench: not every order was accepted: %s\n", line);
        err = SOUK_ERR_CORRUPT;
    }
    souk_bench_node_kill(&node);
    souk_bench_dir_settle(&dir);
    snprintf(data, sizeof data, "%s/data", dir.path);
    if (!err)
        err = souk_bench_replay_measure(&bench->replay, data);
    souk_bench_dir_close(&dir);
    return err;
}

/* ---- Full load. ---- */

/* How many checkpoints came to their end. One that had to begin may take a while yet, on a slow disk. */
static souk_err
count_checkpoints(const struct souk_bench_node *node, unsigned mib, double *checkpoints, double *bytes)
{
    enum { LOOKS = 100, PAUSE_MS = 100 };
    souk_err err = SOUK_OK;
    for (unsigned i = 0; !err && i < LOOKS && !souk_bench_interrupted(); i++) {
        err = souk_bench_node_metric(node, "souk_checkpoints_total", checkpoints);
        if (!err)
            err = souk_bench_node_metric(node, SOUK_BENCH_JOURNAL_BYTES, bytes);
        if (*checkpoints > 0 || *bytes / (1 << 20) < mib)
            break;
        souk_bench_sleep_ms(PAUSE_MS);
    }
    return err;
}

/* A node on fresh data gets checkouts for so long. */
static souk_err
full_load(const struct bench *bench, unsigned checkpoint_mib, struct full_load *out)
{
    struct souk_bench_dir dir;
    struct souk_bench_node node = { .child.out = -1 };
    char mib[16], seconds[32], connections[16], line[4096] = "";
    double orders_per_s = 0, p999_ms = 0, checkpoints = 0, bytes = 0;
    snprintf(mib, sizeof mib, "%u", checkpoint_mib);
    snprintf(seconds, sizeof seconds, "%g", bench->seconds);
    snprintf(connections, sizeof connections, "%d", CONNECTIONS);
    const char *const more[] = { "--checkpoint-mib", mib, NULL };
    souk_err err = souk_bench_dir_open(&dir, bench->base, NULL);
    if (!err)
        err = souk_bench_node_start_with(&node, bench->program, &dir, false, more);
    const char *const load[] = { bench->program, "load",        "--bench",  "--json",      "--http",  node.http,
                                 "--setup-zmq",  node.zmq,      "--warmup", "1",           "--seconds", seconds,
                                 "--connections", connections, NULL };
    if (!err)
        err = load_node(bench, load, line, sizeof line);
    if (!err && (!souk_bench_field_number(line, "orders_per_s", &orders_per_s) ||
                 !souk_bench_field_number(line, "p999_ms", &p999_ms)))
        err = SOUK_ERR_MALFORMED;
    if (!err)
        err = count_checkpoints(&node, checkpoint_mib, &checkpoints, &bytes);
    if (!err) {
        add(&out->orders_per_s, orders_per_s);
        add(&out->p999_ms, p999_ms);
        add(&out->written, (double)souk_bench_written(node.child.pid) / bytes);
        out->checkpoints += checkpoints;
        fprintf(stderr, "%2.0f checkpoints  %7.0f orders/s  p99.9 %6.2f ms\n", checkpoints, orders_per_s, p999_ms);
    }
    souk_bench_node_kill(&node);
    souk_bench_dir_settle(&dir);
    souk_bench_dir_close(&dir);
    return err;
}

/* How much the journal grows between two checkpoints: so that some fall into a round, but not more than is usual. */
static unsigned
pace(const struct bench *bench)
{
    enum { IN_A_ROUND = 3, USUAL_MIB = 64 };
    double mib = bench->without.orders_per_s.value[0] * bench->seconds * bench->low.bytes / IN_A_ROUND / (1 << 20);
    return mib < 1 ? 1 : mib > USUAL_MIB ? USUAL_MIB : (unsigned)mib;
}

static souk_err
measure_checkpoints(struct bench *bench)
{
    enum { NEVER_MIB = 65536 };
    souk_err err = SOUK_OK;
    uint64_t last = 0, end = deadline(bench, QUICK_S);
    for (unsigned round = 0; !err && round < bench->rounds; round++) {
        uint64_t began = souk_bench_now_ns();
        if (round > 0 && began + (began - last) > end)
            break; /* As many as fit. */
        last = began;
        /* Who goes second has a disk on which the other's data is being removed, so they take turns at that, too. */
        for (unsigned i = 0; !err && i < 2; i++) {
            bool with = (round + i) % 2;
            if (with && !bench->checkpoint_mib)
                bench->checkpoint_mib = pace(bench);
            err = full_load(bench, with ? bench->checkpoint_mib : NEVER_MIB, with ? &bench->with : &bench->without);
        }
    }
    if (!err && bench->with.checkpoints < 1) {
        fprintf(stderr, "bench: no checkpoint came to its end: more --seconds, or fewer --checkpoint-mib\n");
        err = SOUK_ERR_LATE;
    }
    return err;
}

/* ---- What came of it. ---- */

static double
us(const struct souk_histogram *histogram, double quantile)
{
    return (double)souk_histogram_quantile(histogram, quantile) / 1e3;
}

/* The five figures. */
struct figures {
    struct spread bandwidth, replay, cost;
    double latency, checkout;
};

static struct figures
figures_of(const struct bench *bench)
{
    const struct souk_bench_seam *seam = &bench->seam;
    struct spread kept = paired(bench->with.orders_per_s.value, bench->without.orders_per_s.value,
                                bench->with.orders_per_s.count, true);
    return (struct figures){
        .bandwidth = paired(seam->souk_mb_s, seam->bare_mb_s, seam->rounds, true),
        .latency = us(&seam->souk_ns, 0.5) / us(&seam->bare_ns, 0.5),
        .checkout = us(&bench->low.checkout_ns, 0.5) / us(&bench->low.sync_ns, 0.5),
        .replay = spread_of(bench->replay.events_per_cpu_s, bench->replay.times),
        .cost = { 1 - kept.most, 1 - kept.median, 1 - kept.least },
    };
}

static void
print_pair(const char *what, const struct souk_histogram *souk, const struct souk_histogram *bare, double ratio,
           double aim)
{
    printf("%-28s souk %7.1f us, p99 %8.1f   bare %7.1f us, p99 %8.1f   ratio %.2f (aim: at most %g)\n", what,
           us(souk, 0.5), us(souk, 0.99), us(bare, 0.5), us(bare, 0.99), ratio, aim);
}

static void
print_full_load(const char *what, const struct full_load *load)
{
    struct spread rate = spread_of(load->orders_per_s.value, load->orders_per_s.count);
    struct spread tail = spread_of(load->p999_ms.value, load->p999_ms.count);
    struct spread written = spread_of(load->written.value, load->written.count);
    printf("  %-26s %7.0f orders/s (%.0f .. %.0f), p99.9 %.2f ms (%.2f .. %.2f), %.1f bytes on disk for each of the "
           "journal\n",
           what, rate.median, rate.least, rate.most, tail.median, tail.least, tail.most, written.median);
}

static void
print_report(const struct bench *bench, const struct figures *figures)
{
    const struct souk_bench_seam *seam = &bench->seam;
    const struct souk_bench_replay *replay = &bench->replay;
    struct spread souk = spread_of(seam->souk_mb_s, seam->rounds), bare = spread_of(seam->bare_mb_s, seam->rounds);
    struct spread wall = spread_of(replay->events_per_s, replay->times);
    struct spread tail = paired(bench->with.p999_ms.value, bench->without.p999_ms.value, bench->with.p999_ms.count,
                                false);
    double orders = spread_of(bench->without.orders_per_s.value, bench->without.orders_per_s.count).median;
    printf("\nThe journal beside a bare loop of append and fdatasync: medians (least .. most) of interleaved rounds, "
           "%u for bandwidth, %u for checkpoints; at worst %.1f%% of the CPUs' time was stolen\n\n",
           seam->rounds, bench->with.orders_per_s.count, bench->stolen_max * 100);
    printf("%-28s souk %.1f MB/s (%.1f .. %.1f)   bare %.1f MB/s (%.1f .. %.1f)   ratio %.2f (%.2f .. %.2f; aim: at "
           "least 0.8)\n",
           "bandwidth, 64 KiB", souk.median, souk.least, souk.most, bare.median, bare.least, bare.most,
           figures->bandwidth.median, figures->bandwidth.least, figures->bandwidth.most);
    print_pair("latency, 600 bytes", &seam->souk_ns, &seam->bare_ns, figures->latency, 1.3);
    print_pair("a checkout over HTTP, a sync", &bench->low.checkout_ns, &bench->low.sync_ns, figures->checkout, 1.5);
    printf("  %-26s %.0f bytes, %.2f syncs\n", "a checkout's journal", bench->low.bytes, bench->low.syncs);
    printf("%-28s %.2f M events in a second of one CPU (%.2f .. %.2f; aim: at least 2), %.2f M by the wall clock\n",
           "replay", figures->replay.median / 1e6, figures->replay.least / 1e6, figures->replay.most / 1e6,
           wall.median / 1e6);
    printf("  %-26s %.1f M events, %.1f MB, %" PRIu64 " actors; LevelDB opened in %.0f ms after the kill, then in "
           "%.0f ms\n",
           "journal", (double)replay->events / 1e6, (double)replay->bytes / 1e6, replay->actors, replay->first_open_ms,
           replay->open_ms);
    printf("%-28s cost %.1f%% (%.1f .. %.1f; aim: under 10), p99.9 %+.2f ms (%+.2f .. %+.2f; aim: at most 2)\n",
           "checkpoints", figures->cost.median * 100, figures->cost.least * 100, figures->cost.most * 100, tail.median,
           tail.least, tail.most);
    print_full_load("with, full load", &bench->with);
    print_full_load("without", &bench->without);
    printf("  %-26s %.0f in all, one for each %u MiB of journal; without them the journal took %.1f MB/s\n", "",
           bench->with.checkpoints, bench->checkpoint_mib, orders * bench->low.bytes / 1e6);
}

static const char help[] =
    "usage: bench/run journal [--quick] [--json] [--rounds N] [--mib N] [--times N] [--orders N] [--seconds S]\n"
    "           [--checkpoint-mib N] [--base DIR] [--program SOUK]\n"
    "What durability costs, beside a bare loop of append and fdatasync of the same bytes.\n"
    "  --quick           within four minutes\n"
    "  --json            the last line is {\"bandwidth_ratio\",\"latency_ratio\",\"checkout_over_sync_p50\",\n"
    "                    \"replay_events_per_s\",\"checkpoint_cost\"}, the last a fraction of the throughput\n"
    "  --mib             in groups of 64 KiB, of each of the two, in a round\n"
    "  --times           how often the journal of --orders checkouts is replayed\n"
    "  --seconds         of full load, with and without checkpoints, in a round\n"
    "  --checkpoint-mib  growth of the journal between two checkpoints (so that three fall into a round; at most 64)\n"
    "  --base            where the data lies (TMPDIR, else /var/tmp)\n";

static bool
within(const char *text, double least, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && *number >= least && *number <= most;
}

static souk_err
parse(struct bench *bench, int argc, char **argv)
{
    static const struct option known[] = {
        { "quick", no_argument, NULL, 'q' },         { "json", no_argument, NULL, 'j' },
        { "rounds", required_argument, NULL, 'r' },  { "mib", required_argument, NULL, 'm' },
        { "times", required_argument, NULL, 't' },   { "orders", required_argument, NULL, 'o' },
        { "seconds", required_argument, NULL, 's' }, { "checkpoint-mib", required_argument, NULL, 'c' },
        { "base", required_argument, NULL, 'b' },    { "program", required_argument, NULL, 'P' },
        { "help", no_argument, NULL, 'h' },          { 0 },
    };
    int option;
    double number = 0;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        bool good = true;
        switch (option) {
        case 'q':
            bench->quick = true, bench->rounds = 3, bench->mib = 128, bench->orders = 150000;
            bench->seconds = 12;
            break;
        case 'j':
            bench->json = true;
            break;
        case 'r':
            good = within(optarg, 1, ROUNDS_MAX, &number), bench->rounds = (unsigned)number;
            break;
        case 'm':
            good = within(optarg, 1, 65536, &number), bench->mib = (unsigned)number;
            break;
        case 't':
            good = within(optarg, 1, ROUNDS_MAX, &number), bench->times = (unsigned)number;
            break;
        case 'o':
            good = within(optarg, 1, 1e8, &number), bench->orders = (uint64_t)number;
            break;
        case 's':
            good = within(optarg, 0.1, 3600, &bench->seconds);
            break;
        case 'c':
            good = within(optarg, 1, 65536, &number), bench->checkpoint_mib = (unsigned)number;
            break;
        case 'b':
            bench->base = optarg;
            break;
        case 'P':
            bench->program = optarg;
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

static souk_err
measure_seam(struct bench *bench)
{
    bench->seam.rounds = bench->rounds;
    bench->seam.end_ns = deadline(bench, QUICK_SEAM_S);
    bench->seam.mib = bench->mib;
    bench->seam.small = TURNS * BUYERS;
    return souk_bench_seam_measure(&bench->seam, bench->base);
}

/* All, one after the other, with an eye on what the hypervisor takes. */
static souk_err
measure(struct bench *bench)
{
    static souk_err (*const parts[])(struct bench *bench) = { measure_seam, measure_low_load, measure_replay,
                                                              measure_checkpoints };
    souk_err err = SOUK_OK;
    bench->replay.times = bench->times;
    for (size_t i = 0; !err && i < sizeof parts / sizeof parts[0]; i++) {
        struct souk_bench_cpu before, after;
        souk_bench_cpu_read(&before);
        err = parts[i](bench);
        souk_bench_cpu_read(&after);
        double stolen =
            after.all > before.all ? (double)(after.stolen - before.stolen) / (double)(after.all - before.all) : 0;
        if (stolen > bench->stolen_max)
            bench->stolen_max = stolen;
    }
    return err;
}

int
main(int argc, char **argv)
{
    static struct bench bench = {
        .rounds = 5, .mib = 256, .times = 5, .orders = 400000, .seconds = 30
    };
    char room[SOUK_BENCH_PATH_MAX + 16];
    if (parse(&bench, argc, argv)) {
        fputs(help, stderr);
        return 64;
    }
    bench.program = souk_bench_program(bench.program, room, sizeof room);
    souk_bench_signals();
    bench.began_ns = souk_bench_now_ns();
    souk_err err = measure(&bench);
    if (souk_bench_interrupted())
        return 130;
    if (err) {
        fprintf(stderr, "bench: %s\n", souk_err_text(err));
        return 1;
    }
    const struct figures figures = figures_of(&bench);
    print_report(&bench, &figures);
    if (bench.json)
        printf("{\"bandwidth_ratio\":%.3f,\"latency_ratio\":%.3f,\"checkout_over_sync_p50\":%.3f,"
               "\"replay_events_per_s\":%.0f,\"checkpoint_cost\":%.4f}\n",
               figures.bandwidth.median, figures.latency, figures.checkout, figures.replay.median,
               figures.cost.median);
    return 0;
}
