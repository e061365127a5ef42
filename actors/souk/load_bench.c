/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_bench.c -- the phases of `souk load --bench`. */
#include "load_bench.h"
#include "load_zmq.h"
#include "process.h"

#include <string.h>

enum { FIRST_PIECE = 20000, ROOM = 4096 };

void
souk_load_bench_plan(struct load_plan *plan)
{
    plan->price = 1999;
    plan->credit = true;
    plan->credit_amount = 5000;
    plan->limit = 2;
    plan->units = 100000000;
    plan->units_per_order = 1;
    plan->customers = 0;
    plan->rate = 0;
}

/* Runs until the warm-up's time is over; returns the rate of its last piece. */
static souk_err
warm_up(const struct load_bench_rig *rig, double seconds, double *rate, struct load_tally *tally)
{
    souk_err err = SOUK_OK;
    double left = seconds > 0.2 ? seconds : 0.2;
    uint64_t piece = FIRST_PIECE;
    while (!err && left > 0) {
        err = rig->prepay(rig->self, piece);
        if (!err)
            err = rig->run(rig->self, piece, left, tally);
        if (err)
            break;
        *rate = souk_load_rate(tally);
        left -= (double)(tally->ended_ns - tally->began_ns) / 1e9;
        piece = (uint64_t)(*rate * (left > 0 ? left : 0) * 1.2) + ROOM;
        if (tally->orders == 0)
            err = SOUK_ERR_USAGE; /* Every order was refused: nothing to measure. */
    }
    return err;
}

souk_err
souk_load_bench(const struct load_bench_rig *rig, double warmup_s, double seconds, struct load_tally *out)
{
    double rate = 0;
    souk_err err = warm_up(rig, warmup_s, &rate, out);
    uint64_t count = (uint64_t)(rate * seconds * 4 / 3) + ROOM;
    if (!err)
        err = rig->prepay(rig->self, count);
    if (!err)
        err = rig->run(rig->self, count, seconds, out);
    if (!err && (double)(out->ended_ns - out->began_ns) / 1e9 < seconds / 2) {
        fprintf(stderr, "souk load: the customers ran out before half of the time\n");
        err = SOUK_ERR_USAGE;
    }
    return err;
}

/* ---- over HTTP ---- */

struct http_rig { souk_load *load; struct load_zmq *zmq; };

static souk_err
http_prepay(void *self, uint64_t count)
{
    struct http_rig *rig = self;
    if (!rig->zmq)
        return souk_load_prepay(rig->load, count);
    souk_err err = souk_load_zmq_prepay(rig->zmq, count);
    if (!err)
        souk_load_prepaid(rig->load, count);
    return err;
}

static souk_err
http_run(void *self, uint64_t count, double seconds, struct load_tally *out)
{
    struct http_rig *rig = self;
    souk_load_again(rig->load, count, seconds);
    souk_err err = souk_load_run(rig->load);
    memcpy(out, souk_load_tally(rig->load), sizeof *out);
    if (rig->zmq) /* Not all of those who have credit came. */
        souk_load_zmq_skip(rig->zmq, souk_load_next_buyer(rig->load));
    return err;
}

souk_err
souk_load_bench_http(souk_load *load, const struct load_plan *plan, const char *zmq, double warmup_s, double seconds,
                     struct load_tally *out)
{
    struct http_rig http = { .load = load };
    const struct load_bench_rig rig = { .self = &http, .prepay = http_prepay, .run = http_run };
    souk_err err = souk_load_open_sales(load);
    if (!err && zmq)
        err = souk_load_zmq_open(&http.zmq, plan, zmq, 1);
    if (!err)
        err = souk_load_bench(&rig, warmup_s, seconds, out);
    souk_load_zmq_close(&http.zmq);
    return err;
}

/* ---- over ZeroMQ ---- */

static souk_err
zmq_prepay(void *self, uint64_t count)
{
    return souk_load_zmq_prepay(self, count);
}

static souk_err
zmq_run(void *self, uint64_t count, double seconds, struct load_tally *out)
{
    return souk_load_zmq_run(self, count, seconds, out);
}

souk_err
souk_load_bench_zmq(const struct load_plan *plan, const char *zmq, unsigned in_flight, double warmup_s, double seconds,
                    struct load_tally *out)
{
    struct load_bench_rig rig = { .prepay = zmq_prepay, .run = zmq_run };
    struct load_zmq *client = NULL;
    souk_err err = souk_load_zmq_open(&client, plan, zmq, in_flight);
    rig.self = client;
    if (!err)
        err = souk_load_zmq_open_sales(client);
    if (!err)
        err = souk_load_bench(&rig, warmup_s, seconds, out);
    souk_load_zmq_close(&client);
    return err;
}
