/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/journal.h -- how much a checkout adds to souk's journal.
 *
 * Apart from the timed runs, because there the journal also gets the credit that the customers are given. */
#ifndef SOUK_BENCH_JOURNAL_H
#define SOUK_BENCH_JOURNAL_H

#include <souk/base.h>

/* What to measure with. */
struct souk_bench_journal {
    const char *program, *base;  /* See souk_bench_program(), souk_bench_dir_open(). */
    unsigned skus, connections;
};

/* Journal bytes per checkout, over HTTP, on fresh data: from the node's metrics before and after some thousand orders
 * of customers who had got their credit before. Errors after a message. */
souk_err souk_bench_journal_measure(const struct souk_bench_journal *plan, double *bytes) SOUK_MUST_CHECK;

#endif
