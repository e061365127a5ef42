/* SPDX-License-Identifier: Apache-2.0 */
/* bench/checkout.c -- `./run bench checkout`: durable checkouts with souk and with what people use instead.
 *
 * Every system gets the same orders (see common/load.h) for the same time, from fresh data each time. The systems take
 * turns, round after round (A B C A B C), so that a noisy quarter of an hour is noisy for all, and medians are shown.
 * A system is a row of the table below: commands as a shell would split them at spaces, without quotes, with
 *   {bench} {program}          folder of the benches, the souk program
 *   {skus} {connections} {warmup} {seconds} {base} {pin}   what to run
 *   {dir}                      a fresh directory of this run
 *   {ready}                    where `serve` writes {"http":"HOST:PORT","zmq":"ENDPOINT"} once it serves
 *   {http} {zmq}               what it wrote there
 * `serve` (may be NULL) runs meanwhile and is ended by SIGTERM; the last line that `load` prints is a JSON object with
 * orders_per_s, p50_ms and p99_ms; `check` (may be NULL) must then exit 0 (with --quick it runs in one round only).
 *
 * Invariant: one system runs at a time, and it has ended before the next begins. */
#include "common/journal.h"
#include "common/load.h"
#include "common/node.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYSTEMS_MAX = 16, ROUNDS_MAX = 99, WORDS_MAX = 64, SKUS_COUNT = 2, COMMAND_ROOM = 4096 };
enum { QUICK_S = 225 }; /* No round begins that would probably end later. */
enum { JOURNAL_BUDGET = 600 };

struct system {
    const char *name, *serve, *load, *check;
};

#define PEER_OPTIONS                                                                                                   \
    " --skus {skus} --connections {connections} --warmup {warmup} --seconds {seconds} --base {base} {pin}"
#define SOUK_SERVE "{program} serve --http 127.0.0.1:0 --data {dir}/data --ready-file {ready}"
#define SOUK_LOAD                                                                                                      \
    "{program} load --bench --json --skus {skus} --connections {connections} --warmup {warmup}"                        \
    " --seconds {seconds} {pin}"
#define SOUK_CHECK "{program} check {dir}/data --json"

static const struct system known_systems[] = {
    { "souk-http", SOUK_SERVE, SOUK_LOAD " --http {http} --setup-zmq {zmq}", SOUK_CHECK },
    { "souk-zmq", SOUK_SERVE, SOUK_LOAD " --zmq {zmq} --pipeline 16", SOUK_CHECK },
    { "redis-always", NULL, "{bench}/peer_redis --pipeline 1" PEER_OPTIONS, NULL },
    { "redis-always-pipelined", NULL, "{bench}/peer_redis --pipeline 16" PEER_OPTIONS, NULL },
    { "postgresql", NULL, "{bench}/peer_postgres" PEER_OPTIONS, NULL },
};

static const unsigned skus_of[SKUS_COUNT] = { 1, 100 };

struct results {
    unsigned count;
    struct souk_bench_row row[ROUNDS_MAX];
};

struct bench {
    struct system systems[SYSTEMS_MAX];
    unsigned system_count, rounds, connections;
    double warmup_s, seconds;
    const char *base, *only, *program;
    bool json, pin, quick, failed;
    bool checked[SYSTEMS_MAX][SKUS_COUNT]; /* its data have been checked once */
    double journal_bytes[SKUS_COUNT];      /* of one souk checkout; 0: not measured */
    struct results results[SYSTEMS_MAX][SKUS_COUNT];
    uint64_t began_ns;
    double stolen_max;         /* share of the machine's time that the hypervisor gave to others, at worst */
    struct souk_bench_dir dir; /* of the run under way */
    char http[256], zmq[256], folder[SOUK_BENCH_PATH_MAX];
    unsigned skus;
};

/* A command split into words, its placeholders filled in. */
struct command {
    char text[COMMAND_ROOM];
    const char *argv[WORDS_MAX + 1];
};

/* The value of a placeholder, or NULL. `room` is for numbers. */
static const char *
value_of(const struct bench *bench, const char *name, size_t length, char *room, size_t size)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        { "bench", bench->folder },           { "program", bench->program }, { "base", bench->base },
        { "dir", bench->dir.path },           { "http", bench->http },       { "zmq", bench->zmq },
        { "pin", bench->pin ? "--pin" : "" },
    };
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        { "skus", bench->skus },
        { "connections", bench->connections },
        { "warmup", bench->warmup_s },
        { "seconds", bench->seconds },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strlen(texts[i].name) == length && memcmp(texts[i].name, name, length) == 0)
            return texts[i].value;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strlen(numbers[i].name) != length || memcmp(numbers[i].name, name, length) != 0)
            continue;
        snprintf(room, size, "%.10g", numbers[i].value);
        return room;
    }
    if (length == 5 && memcmp(name, "ready", 5) == 0) {
        snprintf(room, size, "%s/ready", bench->dir.path);
        return room;
    }
    return NULL;
}

static souk_err
expand(const struct bench *bench, const char *shape, struct command *command)
{
    size_t at = 0, words = 0;
    char room[SOUK_BENCH_PATH_MAX + 16];
    while (*shape) {
        while (*shape == ' ')
            shape++;
        char *word = command->text + at;
        while (*shape && *shape != ' ') {
            const char *piece = shape, *end = *shape == '{' ? strchr(shape, '}') : NULL;
            size_t length = 1;
            if (end) {
                piece = value_of(bench, shape + 1, (size_t)(end - shape) - 1, room, sizeof room);
                if (!piece) {
                    fprintf(stderr, "bench: unknown placeholder: %s\n", shape);
                    return SOUK_ERR_USAGE;
                }
                length = strlen(piece);
            }
            if (at + length + 2 > sizeof command->text)
                return SOUK_ERR_TOO_LARGE;
            memcpy(command->text + at, piece, length);
            at += length;
            shape = end ? end + 1 : shape + 1;
        }
        if (command->text + at == word)
            continue; /* nothing, such as {pin} when not pinned */
        command->text[at++] = '\0';
        if (words == WORDS_MAX)
            return SOUK_ERR_TOO_LARGE;
        command->argv[words++] = word;
    }
    command->argv[words] = NULL;
    return words > 0 ? SOUK_OK : SOUK_ERR_USAGE;
}

/* Waits for the ready file and takes the addresses from it. */
static souk_err
await_ready(struct bench *bench, struct souk_bench_child *server)
{
    char path[SOUK_BENCH_PATH_MAX + 16], line[1024];
    int status = 0;
    uint64_t end = souk_bench_now_ns() + UINT64_C(30000000000);
    snprintf(path, sizeof path, "%s/ready", bench->dir.path);
    while (!souk_bench_interrupted() && souk_bench_now_ns() < end) {
        FILE *file = fopen(path, "re");
        if (file) {
            line[fread(line, 1, sizeof line - 1, file)] = '\0';
            fclose(file);
            if (!souk_bench_field_text(line, "http", bench->http, sizeof bench->http))
                bench->http[0] = '\0';
            if (!souk_bench_field_text(line, "zmq", bench->zmq, sizeof bench->zmq))
                bench->zmq[0] = '\0';
            return SOUK_OK;
        }
        if (!souk_bench_child_runs(server, &status))
            break;
        souk_bench_sleep_ms(5);
    }
    fprintf(stderr, "bench: the server did not become ready\n");
    return SOUK_ERR_LATE;
}

static souk_err
serve(struct bench *bench, const struct system *system, struct souk_bench_child *server)
{
    struct command command;
    char log[SOUK_BENCH_PATH_MAX + 16];
    if (!system->serve)
        return SOUK_OK;
    souk_err err = expand(bench, system->serve, &command);
    if (err)
        return err;
    snprintf(log, sizeof log, "%s/log", bench->dir.path);
    const struct souk_bench_start start = {
        .argv = command.argv, .log = log, .pin = bench->pin, .stop_signal = SIGTERM
    };
    err = souk_bench_child_start(server, &start);
    if (!err)
        err = await_ready(bench, server);
    if (err)
        souk_bench_log_show(log);
    return err;
}

/* One command to its end. */
static souk_err
complete(struct bench *bench, const char *shape, char *line, size_t size)
{
    struct command command;
    souk_err err = expand(bench, shape, &command);
    if (err)
        return err;
    const struct souk_bench_start start = { .argv = command.argv, .capture = true, .stop_signal = SIGTERM };
    return souk_bench_child_run(&start, (unsigned)((bench->warmup_s + bench->seconds + 60) * 1000), line, size);
}

/* One system for one number of SKUs, from fresh data to none. */
static souk_err
measure(struct bench *bench, const struct system *system, bool check, struct souk_bench_row *row)
{
    struct souk_bench_child server = { .out = -1 };
    char line[4096] = "";
    int status = 0;
    souk_err err = souk_bench_dir_open(&bench->dir, bench->base, NULL);
    if (!err)
        err = serve(bench, system, &server);
    if (!err)
        err = complete(bench, system->load, line, sizeof line);
    if (!err && (!souk_bench_field_number(line, "orders_per_s", &row->orders_per_s) ||
                 !souk_bench_field_number(line, "p50_ms", &row->p50_ms) ||
                 !souk_bench_field_number(line, "p99_ms", &row->p99_ms))) {
        fprintf(stderr, "bench: %s printed no result but: %s\n", system->name, line);
        err = SOUK_ERR_MALFORMED;
    }
    if (server.pid)
        status = souk_bench_child_stop(&server, 30000);
    if (!err && system->serve && status != 0) {
        fprintf(stderr, "bench: the server of %s did not end well (status %d)\n", system->name, status);
        err = SOUK_ERR_CLOSED;
    }
    if (!err && check) {
        err = complete(bench, system->check, line, sizeof line);
        if (err)
            fprintf(stderr, "bench: the data of %s did not pass its check: %s\n", system->name, line);
    }
    souk_bench_dir_close(&bench->dir);
    snprintf(row->system, sizeof row->system, "%s", system->name);
    row->skus = bench->skus;
    row->connections = bench->connections;
    return err;
}

static void
run_one(struct bench *bench, unsigned index, unsigned which, unsigned round)
{
    const struct system *system = &bench->systems[index];
    struct results *results = &bench->results[index][which];
    struct souk_bench_row row = { 0 };
    struct souk_bench_cpu before, after;
    bench->skus = skus_of[which];
    souk_bench_cpu_read(&before);
    bool check = system->check && !(bench->quick && bench->checked[index][which]);
    souk_err err = measure(bench, system, check, &row);
    bench->checked[index][which] |= check;
    souk_bench_cpu_read(&after);
    if (souk_bench_interrupted())
        return;
    if (err) {
        fprintf(stderr, "bench: %s with %u SKUs failed: %s\n", system->name, bench->skus, souk_err_text(err));
        bench->failed = true;
        return;
    }
    double stolen =
        after.all > before.all ? (double)(after.stolen - before.stolen) / (double)(after.all - before.all) : 0;
    if (stolen > bench->stolen_max)
        bench->stolen_max = stolen;
    results->row[results->count++] = row;
    fprintf(stderr, "round %u of %u  %-24s %3u SKU%s  %7.0f orders/s  p50 %7.3f ms  p99 %7.3f ms  steal %.1f%%\n",
            round + 1, bench->rounds, system->name, bench->skus, bench->skus == 1 ? " " : "s", row.orders_per_s,
            row.p50_ms, row.p99_ms, stolen * 100);
}

/* All systems in turn, round after round. */
static void
run_all(struct bench *bench)
{
    uint64_t began = bench->began_ns, last = souk_bench_now_ns();
    for (unsigned round = 0; round < bench->rounds && !souk_bench_interrupted(); round++) {
        for (unsigned which = 0; which < SKUS_COUNT; which++)
            for (unsigned i = 0; i < bench->system_count && !souk_bench_interrupted(); i++)
                run_one(bench, i, which, round);
        uint64_t now = souk_bench_now_ns();
        if (bench->quick && now + (now - last) > began + QUICK_S * UINT64_C(1000000000))
            bench->rounds = round + 1; /* As many as fit. */
        last = now;
    }
}

/* What souk's checkouts add to its journal, if souk is among those measured. */
static void
weigh(struct bench *bench)
{
    bool wanted = false;
    for (unsigned i = 0; i < bench->system_count; i++)
        wanted |= strncmp(bench->systems[i].name, "souk-", 5) == 0;
    for (unsigned which = 0; wanted && which < SKUS_COUNT && !souk_bench_interrupted(); which++) {
        const struct souk_bench_journal plan = {
            .program = bench->program, .base = bench->base, .skus = skus_of[which], .connections = bench->connections
        };
        if (souk_bench_journal_measure(&plan, &bench->journal_bytes[which]))
            bench->failed = true;
    }
}

/* The median of each figure, and the least and most of orders_per_s. False: no run of it succeeded. */
static bool
summarise(const struct results *results, struct souk_bench_row *row, double *least, double *most)
{
    double rate[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX];
    if (results->count == 0)
        return false;
    *row = results->row[0];
    for (unsigned i = 0; i < results->count; i++) {
        rate[i] = results->row[i].orders_per_s;
        p50[i] = results->row[i].p50_ms;
        p99[i] = results->row[i].p99_ms;
    }
    row->orders_per_s = souk_bench_median(rate, results->count);
    row->p50_ms = souk_bench_median(p50, results->count);
    row->p99_ms = souk_bench_median(p99, results->count);
    *least = rate[0];
    *most = rate[results->count - 1];
    return true;
}

/* The median of system `name` for that number of SKUs; 0 when it wasn't measured. */
static double
rate_of(const struct bench *bench, const char *name, unsigned which)
{
    struct souk_bench_row row;
    double least, most;
    for (unsigned i = 0; i < bench->system_count; i++)
        if (strcmp(bench->systems[i].name, name) == 0 && summarise(&bench->results[i][which], &row, &least, &most))
            return row.orders_per_s;
    return 0;
}

static void
print_ratio(FILE *out, double rate, double other)
{
    if (other > 0)
        fprintf(out, " %7.2fx", rate / other);
    else
        fprintf(out, " %8s", "-");
}

static void
print_table(const struct bench *bench, FILE *out)
{
    struct souk_bench_row row;
    double least, most;
    fprintf(out,
            "\nDurable checkouts: medians of %u interleaved round%s of %g s, %u connections; at worst %.1f%% of the "
            "CPUs' time was stolen\n\n",
            bench->rounds, bench->rounds == 1 ? "" : "s", bench->seconds, bench->connections, bench->stolen_max * 100);
    fprintf(out, "%-24s %4s %9s %19s %9s %9s %8s %8s %8s\n", "system", "SKUs", "orders/s", "least .. most", "p50 ms",
            "p99 ms", "/redis", "/piped", "/pg");
    for (unsigned which = 0; which < SKUS_COUNT; which++) {
        for (unsigned i = 0; i < bench->system_count; i++) {
            if (!summarise(&bench->results[i][which], &row, &least, &most))
                continue;
            fprintf(out, "%-24s %4u %9.0f %8.0f .. %7.0f %9.3f %9.3f", row.system, row.skus, row.orders_per_s, least,
                    most, row.p50_ms, row.p99_ms);
            print_ratio(out, row.orders_per_s, rate_of(bench, "redis-always", which));
            print_ratio(out, row.orders_per_s, rate_of(bench, "redis-always-pipelined", which));
            print_ratio(out, row.orders_per_s, rate_of(bench, "postgresql", which));
            fprintf(out, "\n");
        }
    }
}

/* The claims, in words. */
static void
print_claims(const struct bench *bench, FILE *out)
{
    static const struct {
        const char *one, *other;
    } claims[] = {
        { "souk-http", "redis-always" },
        { "souk-zmq", "redis-always-pipelined" },
        { "souk-http", "postgresql" },
    };
    fprintf(out, "\n");
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        for (unsigned which = 0; which < SKUS_COUNT; which++) {
            double one = rate_of(bench, claims[i].one, which), other = rate_of(bench, claims[i].other, which);
            if (one > 0 && other > 0)
                fprintf(out, "%s / %s, %u SKU%s: %.2f\n", claims[i].one, claims[i].other, skus_of[which],
                        skus_of[which] == 1 ? "" : "s", one / other);
        }
    }
    for (unsigned which = 0; which < SKUS_COUNT; which++)
        if (bench->journal_bytes[which] > 0)
            fprintf(out, "souk's journal, %u SKU%s: %.0f bytes per checkout (budget %d)\n", skus_of[which],
                    skus_of[which] == 1 ? "" : "s", bench->journal_bytes[which], JOURNAL_BUDGET);
}

static void
print_json(const struct bench *bench)
{
    struct souk_bench_row row;
    double least, most;
    const char *before = "";
    printf("[");
    for (unsigned i = 0; i < bench->system_count; i++) {
        for (unsigned which = 0; which < SKUS_COUNT; which++) {
            if (!summarise(&bench->results[i][which], &row, &least, &most))
                continue;
            printf("%s", before);
            souk_bench_row_print(stdout, &row);
            before = ",";
        }
    }
    printf("]\n");
}

static const char help[] =
    "usage: bench/run checkout [--quick] [--json] [--rounds N] [--warmup S] [--seconds S] [--connections C]\n"
    "           [--only NAME,NAME] [--base DIR] [--pin] [--program SOUK] [--with NAME SERVE LOAD]...\n"
    "Durable checkouts per second, one SKU and 100, of souk, Redis and PostgreSQL.\n"
    "  --quick    within four minutes\n"
    "  --json     the last line is an array of results\n"
    "  --base     the servers' data lie in a fresh directory there (default: $TMPDIR, else /var/tmp)\n"
    "  --pin      load generators on the first CPU, servers on the others\n"
    "  --with     another system; SERVE may be empty; bench/checkout.c names the placeholders\n";

/* Whether `name` is one of a list with commas. */
static bool
listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

static void
add_system(struct bench *bench, const struct system *system)
{
    souk_assert(bench->system_count < SYSTEMS_MAX);
    if (!bench->only || listed(bench->only, system->name))
        bench->systems[bench->system_count++] = *system;
}

static bool
number_within(const char *text, double least, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && *number >= least && *number <= most;
}

/* The systems of --with, which take three words each. */
struct extras {
    struct system at[8];
    unsigned count;
};

static souk_err
parse(struct bench *bench, struct extras *extras, int argc, char **argv)
{
    static const struct option known[] = {
        { "quick", no_argument, NULL, 'q' },
        { "json", no_argument, NULL, 'j' },
        { "rounds", required_argument, NULL, 'r' },
        { "warmup", required_argument, NULL, 'w' },
        { "seconds", required_argument, NULL, 's' },
        { "connections", required_argument, NULL, 'c' },
        { "only", required_argument, NULL, 'o' },
        { "base", required_argument, NULL, 'b' },
        { "pin", no_argument, NULL, 'p' },
        { "program", required_argument, NULL, 'P' },
        { "with", required_argument, NULL, 'W' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int option;
    double number = 0;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        bool good = true;
        switch (option) {
        case 'q':
            bench->quick = true, bench->rounds = 3, bench->warmup_s = 0.5, bench->seconds = 2;
            break;
        case 'j':
            bench->json = true;
            break;
        case 'r':
            good = number_within(optarg, 1, ROUNDS_MAX, &number), bench->rounds = (unsigned)number;
            break;
        case 'w':
            good = number_within(optarg, 0, 3600, &bench->warmup_s);
            break;
        case 's':
            good = number_within(optarg, 0.1, 3600, &bench->seconds);
            break;
        case 'c':
            good = number_within(optarg, 1, 10000, &number), bench->connections = (unsigned)number;
            break;
        case 'o':
            bench->only = optarg;
            break;
        case 'b':
            bench->base = optarg;
            break;
        case 'p':
            bench->pin = true;
            break;
        case 'P':
            bench->program = optarg;
            break;
        case 'W':
            good = optind + 2 <= argc && extras->count < 8;
            if (good)
                extras->at[extras->count++] = (struct system){ .name = optarg,
                                                               .serve = *argv[optind] ? argv[optind] : NULL,
                                                               .load = argv[optind + 1] };
            optind += 2;
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
    static struct bench bench = { .rounds = 5, .connections = 64, .warmup_s = 2, .seconds = 8 };
    char room[SOUK_BENCH_PATH_MAX + 16];
    struct extras extras = { .count = 0 };
    if (parse(&bench, &extras, argc, argv)) {
        fputs(help, stderr);
        return 64;
    }
    if (!bench.base)
        bench.base = getenv("TMPDIR");
    if (!bench.base || !*bench.base)
        bench.base = "/var/tmp";
    souk_bench_own_folder(bench.folder, sizeof bench.folder);
    bench.program = souk_bench_program(bench.program, room, sizeof room);
    for (size_t i = 0; i < sizeof known_systems / sizeof known_systems[0]; i++)
        add_system(&bench, &known_systems[i]);
    for (unsigned i = 0; i < extras.count; i++)
        add_system(&bench, &extras.at[i]);
    if (bench.system_count == 0) {
        fprintf(stderr, "bench: there is no system %s\n", bench.only);
        return 64;
    }
    souk_bench_signals();
    bench.began_ns = souk_bench_now_ns();
    weigh(&bench);
    run_all(&bench);
    if (souk_bench_interrupted()) {
        fprintf(stderr, "bench: interrupted\n");
        return 130;
    }
    print_table(&bench, stdout);
    print_claims(&bench, stdout);
    if (bench.json)
        print_json(&bench);
    return bench.failed ? 1 : 0;
}
