/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load.h -- a rush of buyers against a running node, over HTTP: what to do, how it goes, what came of it.
 *
 * `souk load` drives it alone, `souk sale` and `souk crash` around children of theirs. All of it is for one thread.
 *
 * A buyer is one order: a customer, an idempotency key, a sale. He asks until he has a definite answer: the same
 * request under the same key whenever the connection breaks, the time runs out or the node is overloaded; after a 202
 * he looks at the order until it is settled. Told "sold out" while units are still held, he comes back, until the
 * sale says that none is. Latencies count from the moment when he meant to ask, whatever kept him from it. */
#ifndef SOUK_LOAD_H
#define SOUK_LOAD_H

#include "base/histogram.h"

#include <stdio.h>

typedef struct souk_load souk_load;

/* What to do. Zero means what is said here. */
struct load_plan {
    const char *host; /* "127.0.0.1" */
    uint16_t port;
    unsigned connections;     /* 64 */
    unsigned spare;           /* So many more, for a crowd. */
    double rate;              /* Buyers per second, come what may (open loop). 0: a free connection takes the next. */
    uint64_t buyers;          /* 0: without end. */
    double seconds;           /* New buyers come so long; 0: without end. */
    uint64_t customers;       /* They share so many customers; 0: each is one of his own. */
    const char *sale;         /* An existing sale, which is not opened. NULL: sales of our own. */
    unsigned skus;            /* 1: how many sales, each of one SKU. */
    double skew;              /* Zipf's exponent of their popularity; 0: evenly. */
    uint32_t units;           /* 1000: on sale in each. */
    uint32_t units_per_order; /* 1 */
    uint32_t limit;           /* Per customer; 0: none. */
    uint64_t hold_ms;         /* 120000 */
    int64_t price;            /* 1999, in minor units */
    const char *currency;     /* "EUR" */
    bool credit;              /* They pay by store credit, which they are given before; else by card. */
    int64_t credit_amount;    /* Enough. */
    uint64_t seed;            /* Names, choices and jitter follow from it. */
    unsigned patience_s;      /* 60: then a buyer without a definite answer gives up, which is an error. */
    const char *acks;         /* A file that gets a line for each definite answer; NULL: none. */
    bool show;                /* Progress on standard error. */
    /* Called often from within souk_load_run(); says when at the latest to be called again. May be NULL. */
    uint64_t (*step)(void *arg, souk_load *load, uint64_t now_ns);
    void *step_arg;
};

/* How it goes, and what came of it. */
struct load_tally {
    uint64_t buyers;  /* came */
    uint64_t orders;  /* of those who were told that it is theirs */
    uint64_t units;   /* in those orders */
    uint64_t refused; /* buyers turned away by a definite answer, for one of the next reasons */
    uint64_t sold_out, declined, no_credit, over_limit, other;
    uint64_t errors;     /* buyers without a definite answer, or with one that makes no sense */
    uint64_t under_way;  /* buyers who came and aren't through */
    uint64_t waiting;    /* of them, those who wait to come back */
    uint64_t answers;    /* HTTP answers of any kind */
    uint64_t pending;    /* of them 202 */
    uint64_t busy;       /* of them 503 */
    uint64_t told_when;  /* of these, those that said when to come again */
    uint64_t came_back;  /* times that a buyer who was told "sold out" asked again */
    uint64_t broken;     /* requests whose connection broke or that had no answer in time */
    uint64_t acks;       /* lines written */
    uint64_t began_ns, last_sold_ns, ended_ns;
    char error[160];                 /* The first error, as a sentence. */
    struct souk_histogram answered;  /* ns until a buyer's first definite answer */
    struct souk_histogram bought;    /* ns until "yours", from when that attempt was meant to begin */
};

/* A sale as the node tells it. */
struct load_sale {
    char name[65];
    uint64_t units, free, held, sold;
    uint64_t turned_away; /* Buyers of ours who got none, though a seller with enough units would have served them. */
};

/* Opens a load; nothing is asked yet. The plan is copied, its texts are borrowed. SOUK_ERR_USAGE: no such host;
 * SOUK_ERR_IO: the acks' file cannot be written; SOUK_ERR_MEMORY. */
souk_err souk_load_open(souk_load **out, const struct load_plan *plan) SOUK_MUST_CHECK;
/* Forgets it; the acks' file is complete before. */
void souk_load_close(souk_load **load_p);
/* Opens the sales. SOUK_ERR_CLOSED: interrupted, or the node refused, after a message. */
souk_err souk_load_open_sales(souk_load *load) SOUK_MUST_CHECK;
/* Gives credit to the customers of the next `count` buyers who come, as fast as it goes. Errors as above. */
souk_err souk_load_prepay(souk_load *load, uint64_t count) SOUK_MUST_CHECK;
/* Lets buyers come, until none is left who has no answer. SOUK_ERR_CLOSED: interrupted. */
souk_err souk_load_run(souk_load *load) SOUK_MUST_CHECK;
/* No more buyers come; from within step() or before. */
void souk_load_enough(souk_load *load);
/* ... and those who have no sensible answer give up. */
void souk_load_give_up(souk_load *load);
/* So many buyers come at once beside those of the rate, as far as connections are free; from within step(). */
void souk_load_crowd(souk_load *load, uint64_t count);
/* Changes how long and how many come in the next souk_load_run(); the tally begins anew. */
void souk_load_again(souk_load *load, uint64_t buyers, double seconds);
/* The customers of the next `count` buyers have got their credit by other means. */
void souk_load_prepaid(souk_load *load, uint64_t count);
/* The number of the next buyer who will come. */
uint64_t souk_load_next_buyer(const souk_load *load);
/* How it goes. Borrows until the load is closed. */
const struct load_tally *souk_load_tally(const souk_load *load);
/* Asks the node how a sale of the plan stands, waiting for it. SOUK_ERR_LATE, SOUK_ERR_CLOSED. */
souk_err souk_load_look(souk_load *load, unsigned sale, struct load_sale *out) SOUK_MUST_CHECK;
/* Writes out what acks are buffered. SOUK_ERR_IO or FULL: some are lost; errno says why. */
souk_err souk_load_flush(souk_load *load) SOUK_MUST_CHECK;

/* Orders sold per second, from the first buyer to the last sale. */
double souk_load_rate(const struct load_tally *tally);
/* A quantile of a histogram of nanoseconds, in milliseconds. */
double souk_load_ms(const struct souk_histogram *histogram, double quantile);

/* `souk load`; argv[0] is the subcommand's name. Returns the exit status (sysexits.h). */
int souk_load_main(int argc, char **argv);

#endif
