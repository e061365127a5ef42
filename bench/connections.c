/* SPDX-License-Identifier: Apache-2.0 */
/* bench/connections.c -- `./run bench connections`: what 10,000 idle connections cost 1,000 busy ones, and in memory.
 *
 * The busy connections are keep-alive and closed-loop: each asks GET /v1/sales/{sale}, a question to an actor, as soon
 * as it has its answer. Rounds without idle connections and with them take turns, on one node, and medians are shown.
 * An idle connection has asked once, so that the node has seen it work, and then says nothing. Idle ones come from
 * several addresses of the loopback network, so that no address runs out of ports.
 *
 * Invariant: an answer other than 200, or a connection that breaks, fails the bench. */
#include "common/load.h"
#include "common/node.h"

#include "gateway/httpclient.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 99, PER_ADDRESS = 5000, SPARE_FILES = 200, EX_SKIPPED = 77 };

#define SECOND UINT64_C(1000000000)
#define SALE "/v1/sales/bench-connections"

struct connections {
    const char *program, *base;
    unsigned busy, idle, rounds;
    double warmup_s, seconds;
    bool json, pin;
    struct souk_bench_dir dir;
    struct souk_bench_node node;
    int *idle_fds;
    unsigned idle_count, addresses; /* connections that stand; addresses used so far */
    souk_loop *loop;
    souk_httpclient *client;
    uint64_t end_ns, answers, under_way, faults;
    double without[ROUNDS_MAX], with[ROUNDS_MAX];
    uint64_t resident_without, resident_with; /* around the first idle ones */
};

static const char help[] =
    "usage: bench/run connections [--quick] [--json] [--busy N] [--idle N] [--rounds N] [--seconds S] [--pin]\n"
    "           [--base DIR] [--program SOUK]\n"
    "Requests per second (GET of a sale) on 1,000 keep-alive connections, with 0 and with 10,000 idle ones.\n"
    "  --quick    within a minute\n"
    "  --json     the last line is {\"busy\",\"idle\",\"requests_per_s_without\",\"requests_per_s_with\",\"loss\",\n"
    "             \"bytes_per_idle\"}\n"
    "Exits with 77 when the limit of open files is too low.\n";

/* ---- the busy ---- */

static void answered(void *arg, const struct souk_httpclient_answer *answer);

static void
ask(struct connections *bench)
{
    static const struct souk_text get = { "GET", 3 }, target = { SALE, sizeof SALE - 1 };
    const struct souk_httpclient_request request = { .method = get, .target = target, .done = answered, .arg = bench };
    if (souk_httpclient_send(bench->client, &request))
        bench->faults++;
    else
        bench->under_way++;
}

static void
answered(void *arg, const struct souk_httpclient_answer *answer)
{
    struct connections *bench = arg;
    bench->under_way--;
    if (answer->fault || answer->status != 200) {
        if (bench->faults++ == 0)
            fprintf(stderr, "bench: a busy connection got %s, status %u\n", souk_err_text(answer->fault),
                    answer->status);
        return;
    }
    bench->answers++;
    if (souk_bench_now_ns() < bench->end_ns)
        ask(bench);
}

/* All busy connections for so long; the rate of answers. */
static souk_err
rush(struct connections *bench, double seconds, double *rate)
{
    uint64_t began = souk_bench_now_ns();
    bench->end_ns = began + (uint64_t)(seconds * 1e9);
    bench->answers = 0;
    souk_httpclient_tick(bench->client, began);
    while (bench->under_way < bench->busy && bench->faults == 0)
        ask(bench);
    while (bench->under_way > 0 && !souk_bench_interrupted() && bench->faults == 0) {
        souk_loop_poll(bench->loop, SECOND / 10);
        souk_httpclient_tick(bench->client, souk_bench_now_ns());
    }
    *rate = (double)bench->answers / ((double)(souk_bench_now_ns() - began) / 1e9);
    return bench->faults > 0 || souk_bench_interrupted() ? SOUK_ERR_CLOSED : SOUK_OK;
}

/* ---- the idle ---- */

/* A connection from the address, which has asked once. -1: refused; errno says why. */
static int
idle_connect(const struct connections *bench, unsigned address)
{
    static const char question[] = "GET /livez HTTP/1.1\r\nHost: node\r\n\r\n";
    static const struct timeval within = { .tv_sec = 10 };
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + address) };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(bench->node.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char answer[1024];
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* Without the first option bind() would choose the port before it is known whom we call, from far fewer. */
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof within) == 0 &&
        bind(fd, (struct sockaddr *)&from, sizeof from) == 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, question, sizeof question - 1, MSG_NOSIGNAL) == sizeof question - 1) {
        ssize_t got = recv(fd, answer, sizeof answer, 0);
        if (got > 12 && memcmp(answer + 9, "200", 3) == 0)
            return fd;
    }
    close(fd);
    return -1;
}

static void
idle_close(struct connections *bench)
{
    while (bench->idle_count > 0)
        close(bench->idle_fds[--bench->idle_count]);
}

static souk_err
idle_open(struct connections *bench)
{
    unsigned first = bench->addresses;
    /* New ones each time: the last round's ports are still in wait. */
    bench->addresses += (bench->idle + PER_ADDRESS - 1) / PER_ADDRESS;
    while (bench->idle_count < bench->idle && !souk_bench_interrupted()) {
        int fd = idle_connect(bench, first + bench->idle_count / PER_ADDRESS);
        if (fd < 0) {
            fprintf(stderr, "bench: idle connection %u failed: %s\n", bench->idle_count + 1, strerror(errno));
            return SOUK_ERR_IO;
        }
        bench->idle_fds[bench->idle_count++] = fd;
    }
    return souk_bench_interrupted() ? SOUK_ERR_CLOSED : SOUK_OK;
}

/* Whether all idle connections still stand: nothing has been said on them. */
static souk_err
idle_verify(const struct connections *bench)
{
    char byte;
    for (unsigned i = 0; i < bench->idle_count; i++) {
        if (recv(bench->idle_fds[i], &byte, 1, MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            fprintf(stderr, "bench: idle connection %u was closed by the node\n", i + 1);
            return SOUK_ERR_CLOSED;
        }
    }
    return SOUK_OK;
}

/* ---- the bench ---- */

static void
opened(void *arg, const struct souk_httpclient_answer *answer)
{
    *(unsigned *)arg = answer->fault ? 599 : answer->status;
}

/* The client, and a sale to ask for. */
static souk_err
set_up(struct connections *bench)
{
    static const char body[] = "{\"sku\":\"bench\",\"units\":1000,\"price\":{\"amount\":1999,\"currency\":\"EUR\"}}";
    unsigned status = 0;
    souk_err err = souk_loop_open(&bench->loop);
    const struct souk_httpclient_options options = { .port = bench->node.port, .connections = bench->busy };
    if (!err)
        err = souk_httpclient_open(&bench->client, bench->loop, &options);
    if (err)
        return err;
    const struct souk_httpclient_request request = { .method = SOUK_TEXT("PUT"),
                                                     .target = SOUK_TEXT(SALE),
                                                     .content_type = SOUK_TEXT("application/json"),
                                                     .body = { body, sizeof body - 1 },
                                                     .done = opened,
                                                     .arg = &status };
    souk_httpclient_tick(bench->client, souk_bench_now_ns());
    err = souk_httpclient_send(bench->client, &request);
    while (!err && status == 0 && !souk_bench_interrupted()) {
        souk_loop_poll(bench->loop, SECOND / 10);
        souk_httpclient_tick(bench->client, souk_bench_now_ns());
    }
    if (!err && status != 201) {
        fprintf(stderr, "bench: the sale was not opened: status %u\n", status);
        err = SOUK_ERR_CLOSED;
    }
    return err;
}

static souk_err
run_rounds(struct connections *bench)
{
    double rate;
    souk_err err = rush(bench, bench->warmup_s, &rate);
    for (unsigned round = 0; !err && round < bench->rounds; round++) {
        err = rush(bench, bench->seconds, &bench->without[round]);
        uint64_t resident = souk_bench_node_resident(&bench->node);
        if (!err)
            err = idle_open(bench);
        if (!err && round == 0) { /* Later ones find memory that earlier ones left. */
            bench->resident_without = resident;
            bench->resident_with = souk_bench_node_resident(&bench->node);
        }
        if (!err)
            err = rush(bench, bench->seconds, &bench->with[round]);
        if (!err)
            err = idle_verify(bench);
        idle_close(bench);
        souk_bench_sleep_ms(500); /* The node takes leave of them outside our time. */
        if (!err)
            fprintf(stderr, "round %u of %u: %.0f requests/s without idle connections, %.0f with %u\n", round + 1,
                    bench->rounds, bench->without[round], bench->with[round], bench->idle);
    }
    return err;
}

/* Enough open files for us and, as it inherits the limit, for the node. */
static bool
files_raised(const struct connections *bench)
{
    struct rlimit limit;
    rlim_t wanted = bench->busy + bench->idle + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    if (limit.rlim_cur >= wanted)
        return true;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* Root may. */
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    fprintf(stderr, "bench: skipped: %ju open files are needed, and the hard limit is lower (ulimit -Hn)\n",
            (uintmax_t)wanted);
    return false;
}

static souk_err
run(struct connections *bench)
{
    bench->idle_fds = calloc(bench->idle + 1, sizeof *bench->idle_fds);
    souk_err err = bench->idle_fds ? souk_bench_dir_open(&bench->dir, bench->base, NULL) : SOUK_ERR_MEMORY;
    if (!err)
        err = souk_bench_node_start(&bench->node, bench->program, &bench->dir, bench->pin);
    if (!err && bench->pin)
        souk_bench_pin_self();
    if (!err)
        err = set_up(bench);
    if (!err)
        err = run_rounds(bench);
    if (bench->client)
        souk_httpclient_close(&bench->client);
    if (bench->loop)
        souk_loop_close(&bench->loop);
    if (bench->node.child.pid) {
        souk_err stopped = souk_bench_node_stop(&bench->node);
        err = err ? err : stopped;
    }
    souk_bench_dir_close(&bench->dir);
    free(bench->idle_fds);
    return err;
}

static bool
number_within(const char *text, double least, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && *number >= least && *number <= most;
}

static souk_err
parse(struct connections *bench, int argc, char **argv)
{
    static const struct option known[] = {
        { "quick", no_argument, NULL, 'q' },          { "json", no_argument, NULL, 'j' },
        { "busy", required_argument, NULL, 'u' },     { "idle", required_argument, NULL, 'i' },
        { "rounds", required_argument, NULL, 'r' },   { "seconds", required_argument, NULL, 's' },
        { "base", required_argument, NULL, 'b' },     { "program", required_argument, NULL, 'P' },
        { "pin", no_argument, NULL, 'p' },            { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int option;
    double number = 0;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        bool good = true;
        switch (option) {
        case 'q':
            bench->rounds = 5, bench->warmup_s = 1, bench->seconds = 2;
            break;
        case 'j':
            bench->json = true;
            break;
        case 'u':
            good = number_within(optarg, 1, 16000, &number), bench->busy = (unsigned)number;
            break;
        case 'i':
            good = number_within(optarg, 1, 1000000, &number), bench->idle = (unsigned)number;
            break;
        case 'r':
            good = number_within(optarg, 1, ROUNDS_MAX, &number), bench->rounds = (unsigned)number;
            break;
        case 's':
            good = number_within(optarg, 0.1, 60, &bench->seconds);
            break;
        case 'b':
            bench->base = optarg;
            break;
        case 'P':
            bench->program = optarg;
            break;
        case 'p':
            bench->pin = true;
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

static void
report(struct connections *bench)
{
    double without = souk_bench_median(bench->without, bench->rounds);
    double with = souk_bench_median(bench->with, bench->rounds);
    double loss = 1 - with / without;
    double bytes = ((double)bench->resident_with - (double)bench->resident_without) / bench->idle;
    printf("%u busy connections (GET of a sale): %.0f requests/s alone, %.0f beside %u idle ones: %.1f%% %s\n",
           bench->busy, without, with, bench->idle, loss < 0 ? -loss * 100 : loss * 100, loss < 0 ? "gained" : "lost");
    printf("%.0f bytes of the node's memory for each idle connection (the kernel's own are beside that)\n", bytes);
    if (bench->json)
        printf("{\"busy\":%u,\"idle\":%u,\"requests_per_s_without\":%.0f,\"requests_per_s_with\":%.0f,\"loss\":%.4f,"
               "\"bytes_per_idle\":%.0f}\n",
               bench->busy, bench->idle, without, with, loss, bytes);
}

int
main(int argc, char **argv)
{
    static struct connections bench = {
        .busy = 1000, .idle = 10000, .rounds = 9, .warmup_s = 2, .seconds = 3, .node.child.out = -1
    };
    char room[SOUK_BENCH_PATH_MAX + 16];
    if (parse(&bench, argc, argv)) {
        fputs(help, stderr);
        return 64;
    }
    if (!files_raised(&bench))
        return EX_SKIPPED;
    bench.program = souk_bench_program(bench.program, room, sizeof room);
    souk_bench_signals();
    souk_err err = run(&bench);
    if (souk_bench_interrupted())
        return 130;
    if (err) {
        fprintf(stderr, "bench: %s\n", souk_err_text(err));
        return 1;
    }
    report(&bench);
    return 0;
}
