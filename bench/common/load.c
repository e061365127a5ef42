/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/load.c -- orders, clock, latencies and results of the checkout bench: see load.h.
 *
 * Invariant: an order is counted in the measured time when its answer arrives in it, whenever it was sent. */
#include "load.h"

#include "process.h"

#include "base/hash.h"
#include "base/histogram.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct souk_bench_load {
    struct souk_bench_plan plan;
    struct souk_histogram *latency;
    uint64_t customers, sent, answered, refused;
    uint64_t measured;                  /* answers within the measured time */
    uint64_t begin_ns, end_ns, last_ns; /* the measured time; its last answer */
};

static bool
to_count(const char *text, uint64_t least, uint64_t most, uint64_t *count)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value < least || value > most)
        return false;
    *count = value;
    return true;
}

static bool
to_seconds(const char *text, double *seconds)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 3600))
        return false;
    *seconds = value;
    return true;
}

souk_err
souk_bench_plan_parse(struct souk_bench_plan *plan, int argc, char **argv, const char *usage)
{
    static const struct option known[] = {
        { "skus", required_argument, NULL, 'k' },     { "connections", required_argument, NULL, 'c' },
        { "pipeline", required_argument, NULL, 'p' }, { "warmup", required_argument, NULL, 'w' },
        { "seconds", required_argument, NULL, 's' },  { "customers", required_argument, NULL, 'n' },
        { "base", required_argument, NULL, 'b' },     { "pin", no_argument, NULL, 'i' },
        { "help", no_argument, NULL, 'h' },           { 0 },
    };
    *plan = (struct souk_bench_plan){ .skus = 1, .connections = 64, .pipeline = 1, .warmup_s = 1, .seconds = 5 };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t count = 0;
        bool good = true;
        switch (option) {
        case 'k':
            good = to_count(optarg, 1, 100000, &count), plan->skus = (unsigned)count;
            break;
        case 'c':
            good = to_count(optarg, 1, 10000, &count), plan->connections = (unsigned)count;
            break;
        case 'p':
            good = to_count(optarg, 1, 1024, &count), plan->pipeline = (unsigned)count;
            break;
        case 'n':
            good = to_count(optarg, 1, 100000000, &plan->customers);
            break;
        case 'w':
            good = to_seconds(optarg, &plan->warmup_s);
            break;
        case 's':
            good = to_seconds(optarg, &plan->seconds) && plan->seconds > 0;
            break;
        case 'b':
            plan->base = optarg;
            break;
        case 'i':
            plan->pin = true;
            break;
        default:
            fprintf(stderr,
                    "%s\n  --skus K --connections C --pipeline P --warmup S --seconds S --customers N --base DIR "
                    "--pin\n",
                    usage);
            return SOUK_ERR_USAGE;
        }
        if (!good) {
            fprintf(stderr, "bench: that makes no sense: %s\n", optarg);
            return SOUK_ERR_USAGE;
        }
    }
    return optind == argc ? SOUK_OK : SOUK_ERR_USAGE;
}

souk_bench_load *
souk_bench_load_open(const struct souk_bench_plan *plan, uint64_t customers)
{
    souk_bench_load *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    load->latency = calloc(1, sizeof *load->latency);
    if (!load->latency) {
        free(load);
        return NULL;
    }
    load->plan = *plan;
    load->customers = customers;
    load->begin_ns = souk_bench_now_ns() + (uint64_t)(plan->warmup_s * 1e9);
    load->end_ns = load->begin_ns + (uint64_t)(plan->seconds * 1e9);
    load->last_ns = load->begin_ns;
    return load;
}

void
souk_bench_load_close(souk_bench_load **load_p)
{
    if (!*load_p)
        return;
    free((*load_p)->latency);
    free(*load_p);
    *load_p = NULL;
}

static void
name_key(uint64_t seed, char key[17])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = souk_hash_mix(seed + 1);
    for (int i = 0; i < 16; i++)
        key[i] = digits[bits >> 4 * i & 15];
    key[16] = '\0';
}

bool
souk_bench_load_next(souk_bench_load *load, struct souk_bench_order *order)
{
    if (load->sent == load->customers || souk_bench_interrupted() || souk_bench_now_ns() >= load->end_ns)
        return false;
    order->customer = load->sent++;
    order->sale = (unsigned)(souk_hash_mix(order->customer ^ UINT64_C(0x5eed) << 32) % load->plan.skus);
    order->units = 1;
    name_key(order->customer, order->key);
    return true;
}

void
souk_bench_load_answered(souk_bench_load *load, uint64_t sent_ns, bool accepted)
{
    uint64_t now_ns = souk_bench_now_ns();
    load->answered++;
    if (!accepted)
        load->refused++;
    if (now_ns < load->begin_ns || now_ns >= load->end_ns)
        return;
    load->measured++;
    load->last_ns = now_ns;
    souk_histogram_record(load->latency, now_ns - sent_ns);
}

uint64_t
souk_bench_load_sent(const souk_bench_load *load)
{
    return load->sent;
}

uint64_t
souk_bench_load_answers(const souk_bench_load *load)
{
    return load->answered;
}

uint64_t
souk_bench_load_refused(const souk_bench_load *load)
{
    return load->refused;
}

souk_err
souk_bench_probe(souk_bench_ask ask, void *self, unsigned sale, uint64_t first)
{
    static const struct {
        uint64_t customer;
        const char *key;
        unsigned units;
        const char *expected;
        bool repeats;
    } steps[] = {
        { 0, "probe-key-000000", 1, "201", false }, /* the first of two units */
        { 0, "probe-key-000000", 1, "201", true },  /* the same again: the same answer, to the byte */
        { 0, "probe-key-000000", 2, "422", false }, /* the same key for something else */
        { 0, "probe-key-000001", 2, "409 limit", false },
        { 0, "probe-key-000001", 2, "409 limit", true },
        { 1, "probe-key-000000", 1, "402", false }, /* no credit */
        { 2, "probe-key-000000", 1, "201", false }, /* the last unit */
        { 3, "probe-key-000000", 1, "409 sold-out", false },
        { 0, "probe-key-000000", 1, "201", false }, /* and still what the first was told */
    };
    char answer[256], previous[256] = "";
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct souk_bench_order order = { .customer = first + steps[i].customer,
                                          .sale = sale,
                                          .units = steps[i].units };
        snprintf(order.key, sizeof order.key, "%s", steps[i].key);
        souk_err err = ask(self, &order, answer, sizeof answer);
        if (err)
            return err;
        if (strncmp(answer, steps[i].expected, strlen(steps[i].expected)) != 0 ||
            (steps[i].repeats && strcmp(answer, previous) != 0)) {
            fprintf(stderr, "bench: probe %zu expected %s and was told: %s\n", i + 1, steps[i].expected, answer);
            return SOUK_ERR_CORRUPT;
        }
        memcpy(previous, answer, sizeof previous);
    }
    return SOUK_OK;
}

souk_err
souk_bench_audit_check(const struct souk_bench_audit *audit, uint64_t orders)
{
    uint64_t money = orders * SOUK_BENCH_PRICE;
    if (audit->orders == orders && audit->sold == orders && audit->taken == orders && audit->payments == orders &&
        audit->debited == money && audit->credited == money && audit->missing_credit == money)
        return SOUK_OK;
    fprintf(stderr,
            "bench: %" PRIu64 " orders were accepted, but there are %" PRIu64 " orders, %" PRIu64
            " units sold, %" PRIu64 " taken by customers, %" PRIu64 " payments; of %" PRIu64 " minor units %" PRIu64
            " were debited, %" PRIu64 " credited, and %" PRIu64 " are missing in the accounts\n",
            orders, audit->orders, audit->sold, audit->taken, audit->payments, money, audit->debited, audit->credited,
            audit->missing_credit);
    return SOUK_ERR_CORRUPT;
}

souk_err
souk_bench_row_make(const souk_bench_load *load, const char *system, struct souk_bench_row *row)
{
    uint64_t until_ns = load->sent == load->customers ? load->last_ns : load->end_ns;
    double seconds = (double)(until_ns - load->begin_ns) / 1e9;
    if (seconds < load->plan.seconds / 2 || load->measured == 0) {
        fprintf(stderr, "bench: %" PRIu64 " customers were too few for that time (--customers)\n", load->customers);
        return SOUK_ERR_USAGE;
    }
    *row = (struct souk_bench_row){ .skus = load->plan.skus,
                                    .connections = load->plan.connections,
                                    .orders_per_s = (double)load->measured / seconds,
                                    .p50_ms = (double)souk_histogram_quantile(load->latency, 0.50) / 1e6,
                                    .p99_ms = (double)souk_histogram_quantile(load->latency, 0.99) / 1e6 };
    snprintf(row->system, sizeof row->system, "%s", system);
    return SOUK_OK;
}

void
souk_bench_row_print(FILE *file, const struct souk_bench_row *row)
{
    fprintf(file,
            "{\"system\":\"%s\",\"skus\":%u,\"connections\":%u,\"orders_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}",
            row->system, row->skus, row->connections, row->orders_per_s, row->p50_ms, row->p99_ms);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double
souk_bench_median(double *values, size_t count)
{
    souk_assert(count > 0);
    qsort(values, count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Just after `"name":` and white space. */
static const char *
field_value(const char *json, const char *name)
{
    char quoted[64];
    int length = snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = length > 0 && (size_t)length < sizeof quoted ? strstr(json, quoted) : NULL;
    if (!at)
        return NULL;
    at += length;
    at += strspn(at, " \t\r\n");
    if (*at++ != ':')
        return NULL;
    return at + strspn(at, " \t\r\n");
}

bool
souk_bench_field_number(const char *json, const char *name, double *number)
{
    const char *at = field_value(json, name);
    char *end;
    if (!at)
        return false;
    *number = strtod(at, &end);
    return end != at;
}

bool
souk_bench_field_text(const char *json, const char *name, char *text, size_t size)
{
    const char *at = field_value(json, name);
    if (!at || *at++ != '"')
        return false;
    size_t length = strcspn(at, "\"");
    if (at[length] != '"' || length >= size)
        return false;
    memcpy(text, at, length);
    text[length] = '\0';
    return true;
}
