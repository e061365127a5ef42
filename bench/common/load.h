/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/load.h -- the load that every peer of the checkout gets, and the row that it reports.
 *
 * Each order comes from a customer of its own who has credit enough, takes 1 unit of one of K sales (drawn evenly),
 * and is allowed 2; the stock never runs out. So every order must be accepted, and at the end
 * orders = units sold = what the ledger says. The loop is closed: a connection sends when an answer came. For one
 * thread. */
#ifndef SOUK_BENCH_LOAD_H
#define SOUK_BENCH_LOAD_H

#include <souk/base.h>
#include <stdio.h>

enum {
    SOUK_BENCH_PRICE = 1999,       /* minor units */
    SOUK_BENCH_CREDIT = 5000,      /* what each customer starts with */
    SOUK_BENCH_LIMIT = 2,          /* units per customer and sale */
    SOUK_BENCH_STOCK = 100000000,  /* units of each sale */
    SOUK_BENCH_PROBE_STOCK = 2,    /* units of the sale that souk_bench_probe uses: number `skus` */
    SOUK_BENCH_PROBE_CUSTOMERS = 4 /* its customers follow the load's; the second of them has no credit */
};

/* What to run: from the command line. */
struct souk_bench_plan {
    unsigned skus, connections, pipeline; /* pipeline: orders under way on one connection */
    double warmup_s, seconds;             /* not measured; measured */
    uint64_t customers;                   /* at most so many orders; 0: the peer's choice for that time */
    const char *base;                     /* where to make the directory; NULL: see souk_bench_dir_open */
    bool pin;                             /* load generator on the first CPU, server on the others */
};

/* Fills the plan from --skus --connections --pipeline --warmup --seconds --customers --base --pin. SOUK_ERR_USAGE after
 * a message (or the help, which `usage` opens). Borrows argv. */
souk_err souk_bench_plan_parse(struct souk_bench_plan *plan, int argc, char **argv, const char *usage) SOUK_MUST_CHECK;

/* One order. `key` is its idempotency key, 16 characters. */
struct souk_bench_order {
    uint64_t customer;
    unsigned sale, units;
    char key[17];
};

typedef struct souk_bench_load souk_bench_load;

/* Starts the clock of a load of at most `customers` orders. NULL when there is no memory. */
souk_bench_load *souk_bench_load_open(const struct souk_bench_plan *plan, uint64_t customers);
void souk_bench_load_close(souk_bench_load **load_p);
/* The next order to send; false once the time is over, the customers are used up, or somebody interrupted. */
bool souk_bench_load_next(souk_bench_load *load, struct souk_bench_order *order);
/* An order that was sent at `sent_ns` has its answer now. A refusal is a failure of the run. */
void souk_bench_load_answered(souk_bench_load *load, uint64_t sent_ns, bool accepted);
/* Orders handed out, answered, and refused so far. */
uint64_t souk_bench_load_sent(const souk_bench_load *load);
uint64_t souk_bench_load_answers(const souk_bench_load *load);
uint64_t souk_bench_load_refused(const souk_bench_load *load);

/* Places one order and waits for its answer, a text that begins with an HTTP status. */
typedef souk_err (*souk_bench_ask)(void *self, const struct souk_bench_order *order, char *answer, size_t size);
/* Checks that the function under test is one: repeats, reused keys, limits, credit and sold-out are told apart.
 * Leaves 2 orders of the customers `first` and `first` + 2 in sale `sale`. SOUK_ERR_CORRUPT after a message. */
souk_err souk_bench_probe(souk_bench_ask ask, void *self, unsigned sale, uint64_t first) SOUK_MUST_CHECK;

/* What a peer found in its store after the run, and what must be the same: orders, units sold, units taken by limits,
 * payments, and the money at both ends of the ledger. */
struct souk_bench_audit {
    uint64_t orders, sold, taken, payments, debited, credited, missing_credit;
};
/* SOUK_ERR_CORRUPT after a message when they don't agree with each other and the number of orders accepted. */
souk_err souk_bench_audit_check(const struct souk_bench_audit *audit, uint64_t orders) SOUK_MUST_CHECK;

/* One line of results. */
struct souk_bench_row {
    char system[32];
    unsigned skus, connections;
    double orders_per_s, p50_ms, p99_ms;
};
/* The row of a load that has ended. SOUK_ERR_USAGE after a message: its customers ran out before half of the time. */
souk_err souk_bench_row_make(const souk_bench_load *load, const char *system,
                             struct souk_bench_row *row) SOUK_MUST_CHECK;
/* Prints it as a JSON object, without a line end. */
void souk_bench_row_print(FILE *file, const struct souk_bench_row *row);
/* The median of `count` values, at least one; sorts them, so that the last is the largest. */
double souk_bench_median(double *values, size_t count);
/* The number or the text of field `name` in one line of JSON, of which we know that no text holds that name. */
bool souk_bench_field_number(const char *json, const char *name, double *number);
bool souk_bench_field_text(const char *json, const char *name, char *text, size_t size);

#endif
