/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_zmq.c -- the load generator's ZeroMQ half, for the bench.
 *
 * A request's id is twice the place of its order, plus one for the question; the place says when it began and whether
 * it was refused. A place is free again when the question is answered.
 *
 * Invariant: under_way places are taken; every one of them has a question in the client or at the node. */
#include "load_zmq.h"
#include "load_inside.h"
#include "process.h"

#include "account.h"
#include "order.h"
#include "sale.h"
#include <souk/client.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SETUP_PLACES = 4096, WITHIN_MS = 10000, SILENCE_S = 20 };
#define SECOND UINT64_C(1000000000)

struct place { uint64_t began_ns; };

struct load_zmq {
    souk_load *names; /* Only for its names and choices: it has no connection. */
    souk_client *client;
    struct place *places;
    uint32_t *free;
    uint32_t places_count, free_count, in_flight;
    uint64_t next_number, prepaid; /* Of buyers; below `prepaid` they have credit. */
    uint64_t heard_ns;
    struct load_tally *tally; /* Of the run under way; NULL while setting up. */
    bool failed;
};

/* ---- opening ---- */

souk_err
souk_load_zmq_open(struct load_zmq **out, const struct load_plan *plan, const char *endpoint, unsigned in_flight)
{
    struct load_zmq *zmq = calloc(1, sizeof *zmq);
    const struct souk_client_options options = { .endpoint = endpoint };
    *out = zmq;
    if (!zmq)
        return SOUK_ERR_MEMORY;
    zmq->in_flight = in_flight;
    zmq->places_count = in_flight > SETUP_PLACES ? in_flight : SETUP_PLACES;
    zmq->names = calloc(1, sizeof *zmq->names);
    zmq->places = calloc(zmq->places_count, sizeof *zmq->places);
    zmq->free = calloc(zmq->places_count, sizeof *zmq->free);
    souk_err err = zmq->names && zmq->places && zmq->free ? SOUK_OK : SOUK_ERR_MEMORY;
    if (!err) {
        zmq->names->plan = *plan;
        souk_load_fill_in(&zmq->names->plan);
        err = souk_load_words_open(zmq->names);
    }
    if (!err)
        err = souk_client_open(&zmq->client, &options);
    for (uint32_t i = 0; !err && i < zmq->places_count; i++)
        zmq->free[zmq->free_count++] = zmq->places_count - 1 - i;
    if (err)
        souk_load_zmq_close(out);
    return err;
}

void
souk_load_zmq_close(struct load_zmq **zmq_p)
{
    struct load_zmq *zmq = *zmq_p;
    *zmq_p = NULL;
    if (!zmq)
        return;
    if (zmq->client)
        souk_client_close(&zmq->client);
    if (zmq->names) {
        free(zmq->names->watches);
        free(zmq->names->popularity);
    }
    free(zmq->names);
    free(zmq->places);
    free(zmq->free);
    free(zmq);
}

/* ---- answers ---- */

static void
complain(struct load_zmq *zmq, const char *what, const struct souk_client_answer *answer)
{
    if (!zmq->failed)
        fprintf(stderr, "souk load: %s: %.*s\n", what, (int)answer->sentence.length, answer->sentence.at);
    zmq->failed = true;
}

/* Whether order_show's view is of a paid order. */
static bool
paid(const struct souk_client_answer *answer)
{
    uint8_t room[2048]; /* The history is a list. */
    struct souk_scratch scratch = { room, room + sizeof room };
    const uint8_t *at = answer->body.at;
    struct souk_reader in = { .at = at, .end = at + answer->body.length, .scratch = &scratch };
    struct order_view view;
    return souk_layout_of_order_view->get(&in, &view) && view.state == ORDER_PAID;
}

static void
take(void *arg, const struct souk_client_answer *answer)
{
    struct load_zmq *zmq = arg;
    uint64_t index = answer->id / 2;
    if (!answer->has_id || index >= zmq->places_count) {
        complain(zmq, "an answer to nothing", answer);
        return;
    }
    struct place *place = &zmq->places[index];
    zmq->heard_ns = souk_process_now_ns();
    if (zmq->tally)
        zmq->tally->answers++;
    if (answer->ending != SOUK_DONE)
        complain(zmq, answer->id % 2 ? "an order cannot be seen" : "refused", answer);
    if (zmq->tally && answer->id % 2 == 0)
        return; /* The question's answer is what counts. */
    if (zmq->tally && answer->ending == SOUK_DONE) {
        if (!paid(answer))
            complain(zmq, "an order was not paid", answer);
        zmq->tally->orders++;
        zmq->tally->units += zmq->names->plan.units_per_order;
        zmq->tally->last_sold_ns = zmq->heard_ns;
        souk_histogram_record(&zmq->tally->answered, zmq->heard_ns - place->began_ns);
        souk_histogram_record(&zmq->tally->bought, zmq->heard_ns - place->began_ns);
    }
    zmq->free[zmq->free_count++] = (uint32_t)index;
}

/* Sends what was added and hears what is there. */
static void
hear(struct load_zmq *zmq, int timeout_ms)
{
    (void)souk_client_poll(zmq->client, timeout_ms, take, zmq);
    if (souk_process_now_ns() - zmq->heard_ns > SILENCE_S * SECOND && !zmq->failed) {
        fprintf(stderr, "souk load: no answer for %d s\n", SILENCE_S);
        zmq->failed = true;
    }
}

/* Adds a request, hearing answers while there is no room. */
static void
add(struct load_zmq *zmq, const struct souk_client_request *request, const struct souk_row *row, const void *message)
{
    souk_err err;
    while ((err = souk_client_add_with(zmq->client, request, row, message)) == SOUK_ERR_BUSY && !zmq->failed &&
           !souk_process_interrupted())
        hear(zmq, 10);
    if (err && err != SOUK_ERR_BUSY) {
        fprintf(stderr, "souk load: %s: %s\n", row->name, souk_err_text(err));
        zmq->failed = true;
    }
}

static souk_err
outcome(const struct load_zmq *zmq)
{
    return zmq->failed || souk_process_interrupted() ? SOUK_ERR_CLOSED : SOUK_OK;
}

/* ---- setting up ---- */

static void
open_sale(struct load_zmq *zmq, uint32_t place, uint64_t number)
{
    const struct load_plan *plan = &zmq->names->plan;
    char sku[32];
    int length = snprintf(sku, sizeof sku, "sku-%" PRIu64, number + 1);
    struct souk_text name = souk_text_of(zmq->names->watches[number].name);
    const struct sale_open message = { .sale = name,
                                       .sku = { sku, (size_t)length },
                                       .units = plan->units,
                                       .price = plan->price,
                                       .currency = souk_text_of(plan->currency),
                                       .limit_per_customer = plan->limit,
                                       .hold_ms = plan->hold_ms };
    add(zmq, &(struct souk_client_request){ .id = place * 2, .key = &name, .key_count = 1, .within_ms = WITHIN_MS },
        &sale_open_command, &message);
}

static void
give_credit(struct load_zmq *zmq, uint32_t place, uint64_t number)
{
    const struct load_plan *plan = &zmq->names->plan;
    char room[LOAD_NAME_MAX];
    struct souk_text customer = souk_load_customer(zmq->names, number, room);
    const struct account_top_up message = {
        .customer = customer, .key = customer, .amount = plan->credit_amount, .currency = souk_text_of(plan->currency)
    };
    add(zmq, &(struct souk_client_request){ .id = place * 2, .key = &customer, .key_count = 1, .within_ms = WITHIN_MS },
        &account_top_up_command, &message);
}

static souk_err
set_up(struct load_zmq *zmq, void (*ask)(struct load_zmq *zmq, uint32_t place, uint64_t number), uint64_t first,
       uint64_t end)
{
    zmq->tally = NULL;
    zmq->heard_ns = souk_process_now_ns();
    while (!zmq->failed && !souk_process_interrupted() && (first < end || zmq->free_count < zmq->places_count)) {
        while (first < end && zmq->free_count > 0 && !zmq->failed)
            ask(zmq, zmq->free[--zmq->free_count], first++);
        hear(zmq, 100);
    }
    return outcome(zmq);
}

souk_err
souk_load_zmq_open_sales(struct load_zmq *zmq)
{
    return set_up(zmq, open_sale, 0, zmq->names->plan.skus);
}

souk_err
souk_load_zmq_prepay(struct load_zmq *zmq, uint64_t count)
{
    uint64_t first = zmq->prepaid > zmq->next_number ? zmq->prepaid : zmq->next_number;
    uint64_t end = zmq->next_number + count;
    souk_err err = end > first ? set_up(zmq, give_credit, first, end) : SOUK_OK;
    if (!err && end > first)
        zmq->prepaid = end;
    return err;
}

void
souk_load_zmq_skip(struct load_zmq *zmq, uint64_t number)
{
    zmq->next_number = number;
}

/* ---- orders ---- */

static void
order(struct load_zmq *zmq, uint32_t place, uint64_t number)
{
    const struct load_plan *plan = &zmq->names->plan;
    char customer[LOAD_NAME_MAX], key[LOAD_NAME_MAX];
    const struct souk_text parts[2] = { souk_load_customer(zmq->names, number, customer),
                                        souk_load_key(zmq->names, number, 0, key) };
    const struct order_place message = {
        .customer = parts[0],
        .idempotency_key = parts[1],
        .sale = souk_text_of(zmq->names->watches[souk_load_choose(zmq->names, number)].name),
        .units = plan->units_per_order,
        .method = ORDER_CREDIT,
    };
    const struct order_show question = { .settled_only = true };
    struct souk_client_request request = { .id = place * 2, .key = parts, .key_count = 2, .within_ms = WITHIN_MS };
    zmq->places[place].began_ns = souk_process_now_ns();
    add(zmq, &request, &order_place_command, &message);
    request.id++;
    add(zmq, &request, &order_show_query, &question);
}

souk_err
souk_load_zmq_run(struct load_zmq *zmq, uint64_t count, double seconds, struct load_tally *out)
{
    uint64_t now = souk_process_now_ns(), until = now + (uint64_t)(seconds * 1e9), end = zmq->next_number + count;
    uint32_t kept = zmq->places_count - zmq->in_flight; /* Places that only setting up uses. */
    memset(out, 0, sizeof *out);
    out->began_ns = zmq->heard_ns = now;
    zmq->tally = out;
    while (!zmq->failed && !souk_process_interrupted()) {
        bool more = now < until && zmq->next_number < end;
        if (!more && zmq->free_count == zmq->places_count)
            break;
        while (more && zmq->free_count > kept && !zmq->failed && zmq->next_number < end) {
            out->buyers++;
            order(zmq, zmq->free[--zmq->free_count], zmq->next_number++);
        }
        hear(zmq, 100);
        now = souk_process_now_ns();
    }
    out->ended_ns = now;
    zmq->tally = NULL;
    return outcome(zmq);
}
