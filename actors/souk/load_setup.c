/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_setup.c -- what the load generator asks beside its buyers: opening sales, giving credit, looking at sales.
 *
 * Opening and giving are batches over connections of their own, as many requests at once as make full group commits,
 * and each is repeated as it was until it is answered: both are idempotent. */
#include "load_inside.h"
#include "process.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* ---- batches ---- */

struct batch;

/* One request of a batch that is under way, or waits to be repeated. */
struct slot {
    struct batch *batch;
    uint64_t index;
    bool waits;
};

struct batch {
    souk_load *load;
    souk_httpclient *client;
    void (*ask)(struct slot *slot); /* Sends the request of slot->index; a fault shows as its answer would. */
    uint64_t next, end;
    unsigned under_way, waiting, slots_count;
    uint64_t pause_until_ns, give_up_ns;
    bool failed;
    struct slot *slots, **free;
    unsigned free_count;
};

static void
slot_answered(void *arg, const struct souk_httpclient_answer *answer)
{
    struct slot *slot = arg;
    struct batch *batch = slot->batch;
    uint64_t now = souk_process_now_ns();
    if (answer->fault || answer->status >= 500) {
        slot->waits = true;
        batch->waiting++;
        batch->pause_until_ns = now + 50 * MS;
        if (now > batch->give_up_ns && !batch->failed) {
            fprintf(stderr, "souk: the node gave no sensible answer for %u s: %s\n", batch->load->plan.patience_s,
                    answer->fault ? souk_err_text(answer->fault) : "status 5xx");
            batch->failed = true;
        }
        return;
    }
    batch->give_up_ns = now + batch->load->plan.patience_s * SECOND;
    batch->under_way--;
    batch->free[batch->free_count++] = slot;
    if (answer->status == 200 || answer->status == 201 || batch->failed)
        return;
    batch->failed = true;
    fprintf(stderr, "souk: the node refused to set the load up: %u %.*s\n", answer->status, (int)answer->body.length,
            answer->body.at);
}

static void
slot_send(struct slot *slot, struct souk_httpclient_request *request)
{
    request->content_type = SOUK_TEXT("application/json");
    request->done = slot_answered;
    request->arg = slot;
    if (souk_httpclient_send(slot->batch->client, request)) {
        const struct souk_httpclient_answer none = { .fault = SOUK_ERR_IO };
        slot_answered(slot, &none);
    }
}

/* Sends what can be sent. */
static void
batch_fill(struct batch *batch)
{
    for (unsigned i = 0; i < batch->slots_count && batch->waiting > 0; i++) {
        if (!batch->slots[i].waits || souk_httpclient_free(batch->client) == 0)
            continue;
        batch->slots[i].waits = false;
        batch->waiting--;
        batch->ask(&batch->slots[i]);
        if (batch->slots[i].waits) /* The node isn't there. */
            return;
    }
    while (batch->free_count > 0 && batch->next < batch->end && souk_httpclient_free(batch->client) > 0) {
        struct slot *slot = batch->free[--batch->free_count];
        slot->index = batch->next++;
        batch->under_way++;
        batch->ask(slot);
        if (slot->waits)
            return;
    }
}

static void
batch_loop(struct batch *batch)
{
    while (!souk_process_interrupted() && !batch->failed && (batch->next < batch->end || batch->under_way > 0)) {
        uint64_t now = souk_process_now_ns();
        souk_httpclient_tick(batch->client, now);
        if (now >= batch->pause_until_ns)
            batch_fill(batch);
        (void)souk_loop_poll(batch->load->loop,
                             batch->pause_until_ns > now ? batch->pause_until_ns - now : 20 * MS);
    }
}

static souk_err
batch_run(souk_load *load, void (*ask)(struct slot *slot), uint64_t first, uint64_t end)
{
    uint64_t count = end - first;
    unsigned slots = count < LOAD_SETUP_CONNECTIONS ? (unsigned)count : LOAD_SETUP_CONNECTIONS;
    struct batch batch = { .load = load, .ask = ask, .next = first, .end = end, .slots_count = slots };
    const struct souk_httpclient_options options = {
        .host = load->plan.host, .port = load->plan.port, .connections = slots, .timeout_ns = 15 * SECOND
    };
    if (count == 0)
        return SOUK_OK;
    batch.give_up_ns = souk_process_now_ns() + load->plan.patience_s * SECOND;
    souk_err err = souk_httpclient_open(&batch.client, load->loop, &options);
    batch.slots = calloc(slots, sizeof *batch.slots);
    batch.free = calloc(slots, sizeof *batch.free);
    if (!err && (!batch.slots || !batch.free))
        err = SOUK_ERR_MEMORY;
    for (unsigned i = 0; !err && i < slots; i++) {
        batch.slots[i].batch = &batch;
        batch.free[batch.free_count++] = &batch.slots[i];
    }
    if (!err)
        batch_loop(&batch);
    souk_httpclient_close(&batch.client);
    free(batch.slots);
    free(batch.free);
    return err ? err : batch.failed || souk_process_interrupted() ? SOUK_ERR_CLOSED : SOUK_OK;
}

/* ---- opening sales, giving credit ---- */

static void
ask_open(struct slot *slot)
{
    souk_load *load = slot->batch->load;
    char target[LOAD_TARGET_MAX], body[LOAD_BODY_MAX];
    struct souk_httpclient_request request = {
        .method = SOUK_TEXT("PUT"),
        .target = souk_load_path("/v1/sales/", load->watches[slot->index].name, "", target),
        .body = souk_load_sale_body(load, (unsigned)slot->index, body),
    };
    slot_send(slot, &request);
}

souk_err
souk_load_open_sales(souk_load *load)
{
    return load->plan.sale ? SOUK_OK : batch_run(load, ask_open, 0, load->plan.skus);
}

static void
ask_credit(struct slot *slot)
{
    souk_load *load = slot->batch->load;
    char target[LOAD_TARGET_MAX], body[LOAD_BODY_MAX], customer[LOAD_NAME_MAX];
    const struct souk_http_header key = { .name = SOUK_TEXT("Idempotency-Key"),
                                          .value = souk_load_customer(load, slot->index, customer) };
    struct souk_httpclient_request request = {
        .method = SOUK_TEXT("POST"),
        .target = souk_load_path("/v1/accounts/", customer, "/credit", target),
        .headers = &key,
        .header_count = 1,
        .body = souk_load_credit_body(load, body),
    };
    slot_send(slot, &request);
}

souk_err
souk_load_prepay(souk_load *load, uint64_t count)
{
    uint64_t first = load->prepaid > load->next_number ? load->prepaid : load->next_number;
    uint64_t end = load->next_number + count;
    if (load->plan.customers > 0 && end > load->plan.customers) /* The others are the same again. */
        end = first > load->plan.customers ? first : load->plan.customers;
    souk_err err = end > first ? batch_run(load, ask_credit, first, end) : SOUK_OK;
    if (!err)
        souk_load_prepaid(load, count);
    return err;
}

/* ---- looking at sales ---- */

static void
watch_answered(void *arg, const struct souk_httpclient_answer *answer)
{
    struct load_watch *watch = arg;
    souk_load *load = watch->load;
    struct load_words words;
    uint64_t asked = watch->asked_ns, now = souk_process_now_ns();
    watch->asked_ns = 0;
    watch->failed = answer->fault || answer->status != 200 || !souk_load_read(load, answer->body, &words) ||
                    words.free < 0 || words.held < 0 || words.sold < 0 || words.units < 0;
    if (watch->failed)
        return;
    memcpy(watch->seen.name, watch->name, sizeof watch->seen.name);
    watch->seen.units = (uint64_t)words.units;
    watch->seen.free = (uint64_t)words.free;
    watch->seen.held = (uint64_t)words.held;
    watch->seen.sold = (uint64_t)words.sold;
    bool none = watch->seen.held == 0 && watch->seen.free < load->plan.units_per_order;
    if (none)
        watch->none_ns = asked;
    if (watch->waiting > 0)
        souk_load_call_back(watch, none, now);
}

/* Asks how the sale stands; false when it can't now. */
static bool
watch_ask(struct load_watch *watch, uint64_t now_ns)
{
    char target[LOAD_TARGET_MAX];
    const struct souk_httpclient_request request = { .method = SOUK_TEXT("GET"),
                                                     .target = souk_load_path("/v1/sales/", watch->name, "", target),
                                                     .done = watch_answered,
                                                     .arg = watch };
    if (souk_httpclient_send(watch->load->side, &request))
        return false;
    watch->asked_ns = now_ns;
    return true;
}

uint64_t
souk_load_watch_sales(souk_load *load, uint64_t now_ns)
{
    uint64_t pause = 50 * MS + load->plan.skus * 5 * MS; /* So that many sales don't make a load of their own. */
    for (unsigned i = 0; i < load->plan.skus; i++) {
        struct load_watch *watch = &load->watches[i];
        if (watch->waiting == 0 || watch->asked_ns > 0 || watch->next_ns > now_ns)
            continue;
        if (!watch_ask(watch, now_ns))
            break;
        watch->next_ns = now_ns + pause;
    }
    return now_ns + 5 * MS;
}

souk_err
souk_load_look(souk_load *load, unsigned sale, struct load_sale *out)
{
    souk_assert(sale < load->plan.skus);
    struct load_watch *watch = &load->watches[sale];
    uint64_t now = souk_process_now_ns(), end = now + 5 * SECOND;
    bool asked = false;
    while (!souk_process_interrupted() && now < end) {
        souk_httpclient_tick(load->side, now);
        if (asked && watch->asked_ns == 0 && !watch->failed) {
            *out = watch->seen;
            out->turned_away = watch->turned_away;
            return SOUK_OK;
        }
        if (watch->asked_ns == 0)
            asked = watch_ask(watch, now);
        (void)souk_loop_poll(load->loop, 20 * MS);
        now = souk_process_now_ns();
    }
    return souk_process_interrupted() ? SOUK_ERR_CLOSED : SOUK_ERR_LATE;
}
