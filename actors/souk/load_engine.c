/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_engine.c -- the loop of the load generator: who comes when, who waits for what, who gets a connection.
 *
 * Buyers who wait for a time are in a heap, ordered by it; those who wait for a connection in a queue, which goes
 * before new arrivals. An open loop's arrivals have their times by the rate alone: when no connection is free they
 * are late, and their latency says so.
 *
 * Invariant: tally.under_way buyers are each in the heap, in the queue, or a request of the client. */
#include "load_inside.h"
#include "process.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* ---- those who wait ---- */

static void
heap_put(souk_load *load, uint32_t at, struct load_buyer *buyer)
{
    load->heap[at] = buyer;
    buyer->heap_at = at;
}

/* Moves a buyer towards the top as long as he is due before those above. */
static void
heap_rise(souk_load *load, uint32_t at)
{
    struct load_buyer *buyer = load->heap[at];
    while (at > 0 && load->heap[(at - 1) / 2]->due_ns > buyer->due_ns) {
        heap_put(load, at, load->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(load, at, buyer);
}

static void
heap_sink(souk_load *load, uint32_t at)
{
    struct load_buyer *buyer = load->heap[at];
    for (uint32_t child = 2 * at + 1; child < load->heap_count; child = 2 * at + 1) {
        if (child + 1 < load->heap_count && load->heap[child + 1]->due_ns < load->heap[child]->due_ns)
            child++;
        if (load->heap[child]->due_ns >= buyer->due_ns)
            break;
        heap_put(load, at, load->heap[child]);
        at = child;
    }
    heap_put(load, at, buyer);
}

static struct load_buyer *
heap_take(souk_load *load)
{
    struct load_buyer *first = load->heap[0], *last = load->heap[--load->heap_count];
    if (load->heap_count > 0) {
        heap_put(load, 0, last);
        heap_sink(load, 0);
    }
    return first;
}

void
souk_load_later(struct load_buyer *buyer, uint64_t now_ns, uint64_t delay_ns)
{
    souk_load *load = buyer->load;
    souk_assert(load->heap_count < load->heap_capacity); /* It has room for every buyer that there is. */
    buyer->due_ns = now_ns + delay_ns;
    heap_put(load, load->heap_count++, buyer);
    heap_rise(load, buyer->heap_at);
}

void
souk_load_soon(struct load_buyer *buyer)
{
    souk_load *load = buyer->load;
    buyer->next = NULL;
    if (load->ready)
        load->ready_last->next = buyer;
    else
        load->ready = buyer;
    load->ready_last = buyer;
}

void
souk_load_call_back(struct load_watch *watch, bool none, uint64_t now_ns)
{
    souk_load *load = watch->load;
    uint64_t units = load->plan.units_per_order, room = watch->seen.free / units;
    for (uint32_t i = 0; i < load->heap_count && (none || room > 0); i++) {
        struct load_buyer *buyer = load->heap[i];
        if (buyer->refused_ns == 0 || &load->watches[buyer->sale] != watch || buyer->due_ns <= now_ns)
            continue;
        if (none && buyer->refused_ns > watch->none_ns)
            continue; /* He asked later than we looked. */
        buyer->due_ns = now_ns;
        heap_rise(load, i); /* What sinks into place i was above it, so it was seen. */
        room -= none ? 0 : 1;
    }
}

uint64_t
souk_load_jitter(souk_load *load, uint64_t delay_ns)
{
    uint64_t draw = souk_hash_mix(load->chance += UINT64_C(0x9e3779b97f4a7c15));
    return delay_ns / 2 + draw % (delay_ns + 1);
}

/* ---- those who come and go ---- */

/* Memory for more buyers, and room for them in the heap. */
static bool
more_buyers(souk_load *load)
{
    uint32_t capacity = load->heap_capacity + BLOCK;
    struct load_buyer **heap = realloc(load->heap, capacity * sizeof *heap);
    if (heap)
        load->heap = heap;
    struct load_buyer **blocks = realloc(load->blocks, (load->block_count + 1) * sizeof *blocks);
    if (blocks)
        load->blocks = blocks;
    struct load_buyer *block = heap && blocks ? calloc(BLOCK, sizeof *block) : NULL;
    if (!block)
        return false;
    load->blocks[load->block_count++] = block;
    load->heap_capacity = capacity;
    for (unsigned i = 0; i < BLOCK; i++) {
        block[i].next = load->idle;
        load->idle = &block[i];
    }
    return true;
}

/* When the next buyer means to come; UINT64_MAX: nobody does any more. */
static uint64_t
next_arrival(const souk_load *load, uint64_t now_ns)
{
    const struct load_plan *plan = &load->plan;
    if (load->enough || load->fault || (plan->buyers > 0 && load->came >= plan->buyers))
        return UINT64_MAX;
    uint64_t at = now_ns;
    if (plan->rate > 0 && load->crowd == 0)
        at = load->tally.began_ns + (uint64_t)((double)(load->came - load->crowded) * 1e9 / plan->rate);
    return load->end_ns > 0 && at >= load->end_ns ? UINT64_MAX : at;
}

/* The next one who comes, if it is time. */
static struct load_buyer *
arrive(souk_load *load, uint64_t now_ns)
{
    uint64_t at = next_arrival(load, now_ns);
    if (at > now_ns)
        return NULL;
    if (!load->idle && !more_buyers(load)) {
        load->fault = true;
        return NULL;
    }
    struct load_buyer *buyer = load->idle;
    load->idle = buyer->next;
    *buyer = (struct load_buyer){ .load = load, .number = load->next_number++, .came_ns = at, .intended_ns = at };
    buyer->sale = souk_load_choose(load, buyer->number);
    buyer->step = load->plan.credit && buyer->number >= load->prepaid ? LOAD_CREDIT : LOAD_ORDER;
    load->came++;
    load->crowded += load->crowd > 0;
    load->crowd -= load->crowd > 0;
    load->tally.buyers++;
    load->tally.under_way++;
    return buyer;
}

void
souk_load_through(struct load_buyer *buyer)
{
    souk_load *load = buyer->load;
    load->tally.under_way--;
    buyer->next = load->idle;
    load->idle = buyer;
}

/* In a closed loop a buyer who repeats himself keeps his place, or a node that is down would make buyers without end.
 * */
static bool
may_come(const souk_load *load)
{
    return load->plan.rate > 0 || load->crowd > 0 ||
           souk_httpclient_free(load->client) > load->troubled + load->plan.spare;
}

void
souk_load_pump(souk_load *load, uint64_t now_ns)
{
    while (load->heap_count > 0 && load->heap[0]->due_ns <= now_ns) {
        struct load_buyer *buyer = heap_take(load);
        if (souk_load_buyer_due(buyer, now_ns))
            souk_load_soon(buyer);
        else
            souk_load_through(buyer);
    }
    while (souk_httpclient_free(load->client) > 0) {
        struct load_buyer *buyer = load->ready;
        if (buyer)
            load->ready = buyer->next;
        else if (!may_come(load) || !(buyer = arrive(load, now_ns)))
            return;
        souk_load_buyer_ask(buyer, now_ns);
    }
}

/* ---- the loop ---- */

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* One turn of the loop. */
static void
turn(souk_load *load)
{
    uint64_t now = souk_process_now_ns(), until = earlier(now + 20 * MS, load->step_ns);
    if (load->heap_count > 0)
        until = earlier(until, load->heap[0]->due_ns);
    if (souk_httpclient_free(load->client) > 0 && may_come(load))
        until = earlier(until, next_arrival(load, now));
    (void)souk_loop_poll(load->loop, until > now ? until - now : 0);
    now = souk_process_now_ns();
    souk_httpclient_tick(load->client, now);
    souk_httpclient_tick(load->side, now);
    if (load->plan.step)
        load->step_ns = load->plan.step(load->plan.step_arg, load, now);
    if (load->waiting > 0 && now >= load->watched_ns)
        load->watched_ns = souk_load_watch_sales(load, now);
    souk_load_pump(load, now);
    if (load->plan.show)
        souk_load_show(load, now);
}

souk_err
souk_load_run(souk_load *load)
{
    uint64_t now = souk_process_now_ns();
    load->tally.began_ns = now;
    load->step_ns = load->plan.step ? now : UINT64_MAX;
    load->end_ns = load->plan.seconds > 0 ? now + (uint64_t)(load->plan.seconds * 1e9) : 0;
    souk_httpclient_tick(load->client, now);
    souk_httpclient_tick(load->side, now);
    souk_load_pump(load, now);
    while (!souk_process_interrupted() &&
           (load->tally.under_way > 0 || next_arrival(load, souk_process_now_ns()) != UINT64_MAX))
        turn(load);
    load->tally.ended_ns = souk_process_now_ns();
    if (load->plan.show)
        souk_load_show_end(load);
    if (load->fault)
        return SOUK_ERR_MEMORY;
    return souk_process_interrupted() ? SOUK_ERR_CLOSED : SOUK_OK;
}

void
souk_load_enough(souk_load *load)
{
    load->enough = true;
}

void
souk_load_give_up(souk_load *load)
{
    load->enough = true;
    load->plan.patience_s = 0;
}

void
souk_load_crowd(souk_load *load, uint64_t count)
{
    load->crowd += count;
}

void
souk_load_again(souk_load *load, uint64_t buyers, double seconds)
{
    souk_assert(load->tally.under_way == 0);
    uint64_t acks = load->tally.acks;
    load->plan.buyers = buyers;
    load->plan.seconds = seconds;
    load->came = load->crowd = load->crowded = 0;
    load->enough = false;
    memset(&load->tally, 0, sizeof load->tally);
    load->tally.acks = acks;
}

void
souk_load_prepaid(souk_load *load, uint64_t count)
{
    load->prepaid = load->next_number + count;
}

uint64_t
souk_load_next_buyer(const souk_load *load)
{
    return load->next_number;
}

const struct load_tally *
souk_load_tally(const souk_load *load)
{
    return &load->tally;
}

double
souk_load_rate(const struct load_tally *tally)
{
    uint64_t span = tally->last_sold_ns > tally->began_ns ? tally->last_sold_ns - tally->began_ns : 0;
    return span > 0 ? (double)tally->orders * 1e9 / (double)span : 0;
}

double
souk_load_ms(const struct souk_histogram *histogram, double quantile)
{
    return (double)souk_histogram_quantile(histogram, quantile) / 1e6;
}

/* ---- from beginning to end ---- */

void
souk_load_fill_in(struct load_plan *plan)
{
    plan->connections = plan->connections ? plan->connections : 64;
    plan->skus = plan->skus && !plan->sale ? plan->skus : 1;
    plan->units = plan->units ? plan->units : 1000;
    plan->units_per_order = plan->units_per_order ? plan->units_per_order : 1;
    plan->hold_ms = plan->hold_ms ? plan->hold_ms : 120000;
    plan->price = plan->price ? plan->price : 1999;
    plan->currency = plan->currency ? plan->currency : "EUR";
    plan->patience_s = plan->patience_s ? plan->patience_s : 60;
    uint64_t orders = 2; /* of one customer */
    if (plan->customers > 0 && plan->buyers > plan->customers)
        orders = (plan->buyers + plan->customers - 1) / plan->customers;
    else if (plan->customers > 0 && plan->buyers == 0)
        orders = 1000000;
    if (!plan->credit_amount)
        plan->credit_amount = plan->price * (int64_t)plan->units_per_order * (int64_t)orders;
}

souk_err
souk_load_open(souk_load **out, const struct load_plan *plan)
{
    souk_load *load = calloc(1, sizeof *load);
    *out = load;
    if (!load)
        return SOUK_ERR_MEMORY;
    load->plan = *plan;
    souk_load_fill_in(&load->plan);
    load->acks.fd = -1;
    const struct souk_httpclient_options many = { .host = load->plan.host,
                                                  .port = load->plan.port,
                                                  .connections = load->plan.connections + load->plan.spare,
                                                  .timeout_ns = 15 * SECOND };
    struct souk_httpclient_options few = many;
    few.connections = 4;
    souk_err err = souk_load_words_open(load);
    load->reader = souk_json_reader_open();
    if (!err && !load->reader)
        err = SOUK_ERR_MEMORY;
    if (!err)
        err = souk_loop_open(&load->loop);
    if (!err)
        err = souk_httpclient_open(&load->client, load->loop, &many);
    if (!err)
        err = souk_httpclient_open(&load->side, load->loop, &few);
    if (!err)
        err = souk_load_acks_open(load);
    if (err)
        souk_load_close(out);
    return err;
}

void
souk_load_close(souk_load **load_p)
{
    souk_load *load = *load_p;
    *load_p = NULL;
    if (!load)
        return;
    souk_load_acks_close(load);
    souk_httpclient_close(&load->client);
    souk_httpclient_close(&load->side);
    if (load->loop)
        souk_loop_close(&load->loop);
    souk_json_reader_close(&load->reader);
    for (uint32_t i = 0; i < load->block_count; i++)
        free(load->blocks[i]);
    free(load->blocks);
    free(load->heap);
    free(load->popularity);
    free(load->watches);
    free(load);
}
