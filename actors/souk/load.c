/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load.c -- `souk load`: options, what to run, and the summary; main.c calls it. */
#define _GNU_SOURCE
#include "load.h"
#include "load_bench.h"
#include "load_options.h"
#include "process.h"

#include "gateway/json.h"
#include "world/world.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct souk_options_words words = {
    .command = "load",
    .summary = "A rush of buyers against a running node. It opens sales of its own, and gives credit to buyers who\n"
               "pay by it. Exits with 0, or 1 when a buyer had no definite answer.\n",
};

struct asked {
    struct souk_options_memory memory;
    struct load_plan plan;
    const char *http, *zmq, *setup_zmq;
    double warmup_s;
    uint32_t pipeline;
    bool bench, json, pin;
    char host[256];
};

static int
options_read(struct asked *asked, int argc, char **argv)
{
    struct load_plan *plan = &asked->plan;
    const double most = 1e12;
    const struct load_option options[] = {
        { "http", LOAD_OPTION_TEXT, &asked->http, 0, 0, "HOST:PORT", "The node (127.0.0.1:8080)" },
        { "connections", LOAD_OPTION_U32, &plan->connections, 1, 60000, "N",
          "Keep-alive connections (64); each that is free takes the next buyer, unless there is a rate" },
        { "rate", LOAD_OPTION_REAL, &plan->rate, 0, 1e7, "R",
          "R buyers come per second whatever happens; latencies count from when they should have" },
        { "buyers", LOAD_OPTION_U64, &plan->buyers, 1, most, "N", "How many come (5000, unless --seconds is given)" },
        { "seconds", LOAD_OPTION_REAL, &plan->seconds, 0.01, 1e7, "S", "For how long they come" },
        { "customers", LOAD_OPTION_U64, &plan->customers, 1, most, "N",
          "They share N customers (each is one of his own)" },
        { "skus", LOAD_OPTION_U32, &plan->skus, 1, 100000, "K", "How many sales (1)" },
        { "skew", LOAD_OPTION_REAL, &plan->skew, 0, 10, "E", "Zipf's exponent of the sales' popularity (0: even)" },
        { "units", LOAD_OPTION_U32, &plan->units, 1, INT32_MAX, "N", "On sale in each (1000)" },
        { "units-per-order", LOAD_OPTION_U32, &plan->units_per_order, 1, 1000000, "N", "What each buyer wants (1)" },
        { "limit", LOAD_OPTION_U32, &plan->limit, 0, INT32_MAX, "N", "Units per customer and sale (0: no limit)" },
        { "hold-ms", LOAD_OPTION_U64, &plan->hold_ms, 1, 1e9, "MS", "How long units are held for an order (120000)" },
        { "price", LOAD_OPTION_U64, &plan->price, 1, 1e9, "N", "In minor units (1999)" },
        { "currency", LOAD_OPTION_TEXT, &plan->currency, 0, 0, "CODE", "Of the price (EUR)" },
        { "sale", LOAD_OPTION_TEXT, &plan->sale, 0, 0, "NAME", "An existing sale instead" },
        { "payment", LOAD_OPTION_PAYMENT, &plan->credit, 0, 0, "card|credit", "How they pay (card)" },
        { "patience", LOAD_OPTION_U32, &plan->patience_s, 1, 86400, "S",
          "How long a buyer repeats himself without a sensible answer (60)" },
        { "seed", LOAD_OPTION_U64, &plan->seed, 0, 0, "N",
          "Names, choices and jitter follow from it (a new one each time)" },
        { "acks", LOAD_OPTION_TEXT, &plan->acks, 0, 0, "FILE",
          "Gets a JSON line for each definite answer, for souk check --acks" },
        { "bench", LOAD_OPTION_FLAG, &asked->bench, 0, 0, NULL,
          "The checkouts of bench checkout: new customers with credit, stock without end" },
        { "warmup", LOAD_OPTION_REAL, &asked->warmup_s, 0, 3600, "S", "With --bench: before measuring (2)" },
        { "zmq", LOAD_OPTION_TEXT, &asked->zmq, 0, 0, "ENDPOINT", "With --bench: all over ZeroMQ" },
        { "pipeline", LOAD_OPTION_U32, &asked->pipeline, 1, 10000, "P",
          "With --zmq: P orders under way for each of --connections (16)" },
        { "setup-zmq", LOAD_OPTION_TEXT, &asked->setup_zmq, 0, 0, "ENDPOINT",
          "With --bench: the credit, which is not timed, over ZeroMQ" },
        { "pin", LOAD_OPTION_FLAG, &asked->pin, 0, 0, NULL, "Stay on the first CPU" },
        { "json", LOAD_OPTION_FLAG, &asked->json, 0, 0, NULL, "The last line of output is a JSON object" },
        { 0 },
    };
    int status = souk_load_options(&asked->memory, &words, options, argc, argv);
    if (status != SOUK_OPTIONS_GO_ON)
        return status;
    if (!souk_ready_address(asked->http, asked->host, sizeof asked->host, &plan->port)) {
        fprintf(stderr, "souk load: --http is not HOST:PORT: %s\n", asked->http);
        return EX_USAGE;
    }
    if (plan->sale && (plan->skus > 1 || asked->bench || strlen(plan->sale) > 64)) {
        fprintf(stderr, "souk load: --sale names one sale, and goes neither with --skus nor with --bench\n");
        return EX_USAGE;
    }
    if ((asked->zmq || asked->setup_zmq) && !asked->bench) {
        fprintf(stderr, "souk load: --zmq and --setup-zmq go with --bench\n");
        return EX_USAGE;
    }
    plan->host = asked->host;
    return SOUK_OPTIONS_GO_ON;
}

/* ---- the summary ---- */

static void
print_json(const struct load_tally *tally, const struct load_plan *plan)
{
    char room[1024];
    souk_json_writer out;
    struct souk_text text;
    const struct { const char *name; uint64_t value; } counts[] = {
        { "buyers", tally->buyers },        { "orders", tally->orders },
        { "sold", tally->units },           { "refused", tally->refused },
        { "sold_out", tally->sold_out },    { "declined", tally->declined },
        { "no_credit", tally->no_credit },  { "over_limit", tally->over_limit },
        { "other", tally->other },          { "errors", tally->errors },
        { "answers", tally->answers },      { "pending", tally->pending },
        { "overloaded", tally->busy },      { "broken", tally->broken },
        { "came_back", tally->came_back },  { "acks", tally->acks },
        { "seed", plan->seed },
    };
    const struct { const char *name; double value; } figures[] = {
        { "seconds", (double)(tally->ended_ns - tally->began_ns) / 1e9 },
        { "orders_per_s", souk_load_rate(tally) },
        { "p50_ms", souk_load_ms(&tally->answered, 0.5) },
        { "p99_ms", souk_load_ms(&tally->answered, 0.99) },
        { "p999_ms", souk_load_ms(&tally->answered, 0.999) },
        { "max_ms", (double)souk_histogram_max(&tally->answered) / 1e6 },
        { "bought_p50_ms", souk_load_ms(&tally->bought, 0.5) },
        { "bought_p99_ms", souk_load_ms(&tally->bought, 0.99) },
    };
    souk_json_init(&out, room, sizeof room);
    souk_json_object_open(&out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        souk_json_put_u64(&out, counts[i].name, counts[i].value);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        souk_json_key(&out, figures[i].name);
        souk_json_decimal(&out, figures[i].value, 3);
    }
    souk_json_object_close(&out);
    if (souk_json_done(&out, &text) == SOUK_OK)
        printf("%.*s\n", (int)text.length, text.at);
}

static void
print_summary(const struct load_tally *tally)
{
    printf("buyers %" PRIu64 ": %" PRIu64 " bought (%" PRIu64 " units), %" PRIu64 " turned away (%" PRIu64
           " sold out, %" PRIu64 " declined, %" PRIu64 " without credit, %" PRIu64 " over the limit, %" PRIu64
           " for other reasons), %" PRIu64 " errors\n",
           tally->buyers, tally->orders, tally->units, tally->refused, tally->sold_out, tally->declined,
           tally->no_credit, tally->over_limit, tally->other, tally->errors);
    printf("%.0f orders/s; a buyer's first definite answer: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms\n",
           souk_load_rate(tally), souk_load_ms(&tally->answered, 0.5), souk_load_ms(&tally->answered, 0.99),
           souk_load_ms(&tally->answered, 0.999));
    printf("%" PRIu64 " answers, of them %" PRIu64 " not yet settled and %" PRIu64 " overloaded; %" PRIu64
           " broken; %" PRIu64 " times somebody came back\n",
           tally->answers, tally->pending, tally->busy, tally->broken, tally->came_back);
}

/* ---- running ---- */

static souk_err
rush(souk_load *load, const struct load_plan *plan)
{
    souk_err err = souk_load_open_sales(load);
    uint64_t known = plan->buyers > 0 ? plan->buyers : (uint64_t)(plan->rate * plan->seconds) + 1;
    if (!err && plan->credit && (plan->buyers > 0 || plan->rate > 0))
        err = souk_load_prepay(load, known);
    return err ? err : souk_load_run(load);
}

static souk_err
run(const struct asked *asked, struct load_tally *tally)
{
    souk_load *load = NULL;
    const struct load_plan *plan = &asked->plan;
    if (asked->zmq)
        return souk_load_bench_zmq(plan, asked->zmq, plan->connections * asked->pipeline, asked->warmup_s,
                                   plan->seconds, tally);
    souk_err err = souk_load_open(&load, plan);
    if (err) {
        fprintf(stderr, "souk load: cannot begin: %s%s%s\n", souk_err_text(err), err == SOUK_ERR_IO ? ": " : "",
                err == SOUK_ERR_IO ? strerror(errno) : "");
        return err;
    }
    if (asked->bench) {
        err = souk_load_bench_http(load, plan, asked->setup_zmq, asked->warmup_s, plan->seconds, tally);
    } else {
        err = rush(load, plan);
        memcpy(tally, souk_load_tally(load), sizeof *tally);
    }
    souk_err lost = souk_load_flush(load);
    if (lost)
        fprintf(stderr, "souk load: acks are lost: %s\n", strerror(errno));
    souk_load_close(&load);
    return err ? err : lost;
}

static int
load_main(struct asked *asked, struct load_tally *tally)
{
    if (asked->bench)
        souk_load_bench_plan(&asked->plan);
    if (asked->plan.seconds == 0 && asked->bench)
        asked->plan.seconds = 8;
    if (asked->plan.seconds == 0 && asked->plan.buyers == 0)
        asked->plan.buyers = 5000;
    if (asked->pin) {
        cpu_set_t first;
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        (void)sched_setaffinity(0, sizeof first, &first); /* Only a measurement is the worse for it. */
    }
    asked->plan.show = isatty(STDERR_FILENO) && !asked->zmq;
    souk_process_signals();
    souk_err err = run(asked, tally);
    if (tally->errors > 0)
        fprintf(stderr, "souk load: %" PRIu64 " errors, the first: %s\n", tally->errors, tally->error);
    if (!err || souk_process_interrupted()) {
        print_summary(tally);
        if (asked->json)
            print_json(tally, &asked->plan);
    }
    if (souk_process_interrupted())
        return 130;
    return err == SOUK_ERR_USAGE ? EX_USAGE : err ? EX_UNAVAILABLE : tally->errors > 0 ? 1 : EX_OK;
}

int
souk_load_main(int argc, char **argv)
{
    static struct load_tally tally; /* Two histograms are much for a stack. */
    struct asked asked = { .http = "127.0.0.1:8080", .warmup_s = 2, .pipeline = 16, .plan.connections = 64 };
    const struct souk_world *world = souk_world_os();
    uint32_t seed;
    world->random(world->self, &seed, sizeof seed);
    asked.plan.seed = seed;
    int status = options_read(&asked, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON)
        status = load_main(&asked, &tally);
    souk_options_free(&asked.memory);
    return status;
}
