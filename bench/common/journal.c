/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/journal.c -- journal bytes per checkout, with the program's own load generator inside this process. */
#include "journal.h"
#include "load.h"
#include "node.h"

#include "souk/load.h"

#include <inttypes.h>
#include <stdio.h>

enum { ORDERS = 20000 };

/* Bytes of the journal while `load` places its orders. */
static souk_err
weigh(souk_load *load, const struct souk_bench_node *node, double *bytes)
{
    double before = 0, after = 0;
    souk_err err = souk_load_open_sales(load);
    if (!err)
        err = souk_load_prepay(load, ORDERS);
    if (!err)
        err = souk_bench_node_metric(node, SOUK_BENCH_JOURNAL_BYTES, &before);
    if (!err)
        err = souk_load_run(load);
    if (!err)
        err = souk_bench_node_metric(node, SOUK_BENCH_JOURNAL_BYTES, &after);
    if (err)
        return err;
    const struct load_tally *tally = souk_load_tally(load);
    if (tally->orders != ORDERS) {
        fprintf(stderr, "bench: of %d orders %" PRIu64 " were accepted\n", ORDERS, tally->orders);
        return SOUK_ERR_CORRUPT;
    }
    *bytes = (after - before) / ORDERS;
    return SOUK_OK;
}

souk_err
souk_bench_journal_measure(const struct souk_bench_journal *plan, double *bytes)
{
    struct souk_bench_dir dir;
    struct souk_bench_node node = { .child.out = -1 };
    souk_load *load = NULL;
    souk_err err = souk_bench_dir_open(&dir, plan->base, NULL);
    if (err)
        return err;
    err = souk_bench_node_start(&node, plan->program, &dir, false);
    const struct load_plan orders = {
        .port = node.port,
        .connections = plan->connections,
        .buyers = ORDERS,
        .skus = plan->skus,
        .units = SOUK_BENCH_STOCK,
        .units_per_order = 1,
        .limit = SOUK_BENCH_LIMIT,
        .price = SOUK_BENCH_PRICE,
        .credit = true,
        .credit_amount = SOUK_BENCH_CREDIT,
        .seed = plan->skus,
    };
    if (!err)
        err = souk_load_open(&load, &orders);
    if (!err)
        err = weigh(load, &node, bytes);
    if (load)
        souk_load_close(&load);
    souk_bench_node_kill(&node);
    souk_bench_dir_close(&dir);
    return err;
}
