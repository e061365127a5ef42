/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_buyer.c -- one buyer of the load generator: what he asks, and what he makes of the answer.
 *
 * What a buyer does with an answer:
 *     201                  it is his: done
 *     202                  looks at the order until it is settled, then asks again under the same key for the last word
 *     409 sold-out         waits and comes back, until the sale has neither free nor held units
 *     409 not-open         comes back when the sale opens, under a new key, since the old one has its answer for ever;
 *                          likewise when his hold ended before he had paid
 *     402, other 409       turned away: done
 *     503, 500, no answer  asks the same again after a while; gives up when that lasts too long
 *     anything else        an error of the node, or of this generator: done, and the run has failed */
#include "load_inside.h"
#include "process.h"

#include "world/world.h"

#include <inttypes.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* ---- ends ---- */

static void
end_trouble(struct load_buyer *buyer)
{
    if (buyer->trouble_ns == 0)
        return;
    buyer->trouble_ns = 0;
    buyer->tries = 0;
    buyer->load->troubled--;
}

static void
fail(struct load_buyer *buyer, const char *why, unsigned status)
{
    struct load_tally *tally = &buyer->load->tally;
    end_trouble(buyer);
    if (tally->errors++ == 0)
        snprintf(tally->error, sizeof tally->error, "%s (buyer %" PRIu64 ", status %u)", why, buyer->number, status);
    souk_load_through(buyer);
}

/* His first definite answer has come. */
static void
count_answered(struct load_buyer *buyer, uint64_t now_ns)
{
    if (!buyer->answered)
        souk_histogram_record(&buyer->load->tally.answered, now_ns - buyer->came_ns);
    buyer->answered = true;
}

static void
turned_away(struct load_buyer *buyer, uint64_t *counter, struct souk_text order, unsigned status)
{
    souk_load_ack(buyer->load, buyer, order, status);
    buyer->load->tally.refused++;
    ++*counter;
}

/* ---- answers ---- */

/* No sensible answer: the same again after `delay_ns`, unless that has lasted too long. */
static void
trouble(struct load_buyer *buyer, uint64_t now_ns, uint64_t delay_ns, unsigned status)
{
    souk_load *load = buyer->load;
    if (buyer->trouble_ns == 0) {
        buyer->trouble_ns = now_ns;
        buyer->tries = 0;
        load->troubled++;
    }
    if (now_ns - buyer->trouble_ns > load->plan.patience_s * SECOND) {
        fail(buyer, "no definite answer for too long", status);
        return;
    }
    if (delay_ns == 0) {
        delay_ns = (20 * MS) << (buyer->tries < 5 ? buyer->tries : 5);
        buyer->tries++;
    }
    souk_load_later(buyer, now_ns, souk_load_jitter(load, delay_ns));
}

static void
bought(struct load_buyer *buyer, const struct souk_httpclient_answer *answer, uint64_t now_ns)
{
    souk_load *load = buyer->load;
    struct load_tally *tally = &load->tally;
    struct souk_text order;
    if (!souk_load_read_paid(answer->body, &order)) {
        fail(buyer, "a 201 without a paid order", answer->status);
        return;
    }
    count_answered(buyer, now_ns);
    souk_histogram_record(&tally->bought, now_ns - buyer->intended_ns);
    souk_load_ack(load, buyer, order, answer->status);
    tally->orders++;
    tally->units += load->plan.units_per_order;
    tally->last_sold_ns = now_ns;
    souk_load_through(buyer);
}

/* 202: the order is taken in. */
static void
taken_in(struct load_buyer *buyer, const struct souk_httpclient_answer *answer, uint64_t now_ns)
{
    struct souk_text where;
    buyer->load->tally.pending++;
    if (souk_httpclient_header(answer, SOUK_TEXT("location"), &where) != 1 || where.length == 0 ||
        where.at[0] != '/' || where.length >= LOAD_TARGET_MAX) {
        fail(buyer, "a 202 without a Location of ours", answer->status);
        return;
    }
    memcpy(buyer->target, where.at, where.length);
    buyer->target[where.length] = '\0';
    buyer->step = LOAD_LOOK;
    souk_load_later(buyer, now_ns, souk_load_jitter(buyer->load, 50 * MS));
}

/* Told "sold out": he comes back, unless he learns before that there is nothing to hope for. */
static void
come_back_later(struct load_buyer *buyer, uint64_t now_ns)
{
    souk_load *load = buyer->load;
    uint64_t delay = (100 * MS) << (buyer->tries < 4 ? buyer->tries : 4);
    buyer->refused_ns = now_ns;
    buyer->tries++;
    load->watches[buyer->sale].waiting++;
    load->waiting++;
    load->tally.waiting++;
    souk_load_later(buyer, now_ns, souk_load_jitter(load, delay));
}

/* Whether `type` is urn:souk:problem:NAME. */
static bool
is(struct souk_text type, const char *name)
{
    static const char before[] = "urn:souk:problem:";
    size_t length = strlen(name);
    return type.length == sizeof before - 1 + length && memcmp(type.at, before, sizeof before - 1) == 0 &&
           memcmp(type.at + sizeof before - 1, name, length) == 0;
}

/* This key has its answer for ever; the next attempt has another. */
static void
use_up_key(struct load_buyer *buyer, struct souk_text order, unsigned status)
{
    souk_load_ack(buyer->load, buyer, order, status);
    buyer->attempts++;
}

/* False: it has opened already, so it must be closed. */
static bool
wait_for_opening(struct load_buyer *buyer, const struct load_words *words, unsigned status, uint64_t now_ns)
{
    const struct souk_world *world = souk_world_os();
    uint64_t now_ms = world->wall_ms(world->self);
    if (words->opens_at_ms + 1000 <= now_ms)
        return false;
    use_up_key(buyer, words->order, status);
    uint64_t left_ms = words->opens_at_ms > now_ms ? words->opens_at_ms - now_ms : 0;
    buyer->came_ns = buyer->intended_ns = now_ns + left_ms * MS; /* That is when he means to ask. */
    souk_load_later(buyer, now_ns, left_ms * MS + souk_load_jitter(buyer->load, 20 * MS));
    return true;
}

static void
refused(struct load_buyer *buyer, const struct souk_httpclient_answer *answer, uint64_t now_ns)
{
    souk_load *load = buyer->load;
    struct load_tally *tally = &load->tally;
    struct load_words words;
    if (!souk_load_read(load, answer->body, &words) || words.type.length == 0) {
        fail(buyer, "a refusal that is no problem document", answer->status);
        return;
    }
    if (is(words.type, "not-open") && wait_for_opening(buyer, &words, answer->status, now_ns))
        return;
    count_answered(buyer, now_ns);
    if (is(words.type, "sold-out")) {
        if (souk_text_equal(words.reason, SOUK_TEXT("hold-expired")))
            use_up_key(buyer, words.order, answer->status);
        come_back_later(buyer, now_ns);
        return;
    }
    uint64_t *counter = is(words.type, "payment-declined")      ? &tally->declined
                        : is(words.type, "insufficient-credit") ? &tally->no_credit
                        : is(words.type, "limit")               ? &tally->over_limit
                                                                : &tally->other;
    turned_away(buyer, counter, words.order, answer->status);
    souk_load_through(buyer);
}

/* What an order looks like that was taken in. */
static void
looked(struct load_buyer *buyer, const struct souk_httpclient_answer *answer, uint64_t now_ns)
{
    struct load_words words;
    if (answer->status != 200 || !souk_load_read(buyer->load, answer->body, &words) || words.state.length == 0) {
        fail(buyer, "an order that was taken in cannot be seen", answer->status);
        return;
    }
    if (souk_text_equal(words.state, SOUK_TEXT("needs_review"))) {
        fail(buyer, "an order needs review", answer->status);
        return;
    }
    if (souk_text_equal(words.state, SOUK_TEXT("paid")) || souk_text_equal(words.state, SOUK_TEXT("cancelled"))) {
        buyer->step = LOAD_ORDER; /* A repeat after settling gets the last word. */
        buyer->tries = 0;
        souk_load_soon(buyer);
        return;
    }
    uint64_t delay = (50 * MS) << (buyer->tries < 3 ? buyer->tries : 3);
    buyer->tries++;
    souk_load_later(buyer, now_ns, souk_load_jitter(buyer->load, delay));
}

/* How long a 503 asks us to wait. */
static uint64_t
retry_after(const struct souk_httpclient_answer *answer)
{
    struct souk_text text;
    uint64_t seconds = 0;
    if (souk_httpclient_header(answer, SOUK_TEXT("retry-after"), &text) == 0)
        return 0;
    for (size_t i = 0; i < text.length && text.at[i] >= '0' && text.at[i] <= '9' && seconds < 60; i++)
        seconds = seconds * 10 + (uint64_t)(text.at[i] - '0');
    return seconds * SECOND;
}

static void
ordered(struct load_buyer *buyer, const struct souk_httpclient_answer *answer, uint64_t now_ns)
{
    if (answer->status == 201)
        bought(buyer, answer, now_ns);
    else if (answer->status == 202)
        taken_in(buyer, answer, now_ns);
    else if (answer->status == 402 || answer->status == 409)
        refused(buyer, answer, now_ns);
    else
        fail(buyer, "an order was answered with a status that makes no sense", answer->status);
}

static void
answered(void *arg, const struct souk_httpclient_answer *answer)
{
    struct load_buyer *buyer = arg;
    souk_load *load = buyer->load;
    uint64_t now = souk_process_now_ns();
    if (answer->fault) {
        load->tally.broken++;
        trouble(buyer, now, 0, 0);
    } else if (answer->status >= 500) {
        load->tally.answers++;
        load->tally.busy += answer->status == 503;
        load->tally.told_when += answer->status == 503 && retry_after(answer) > 0;
        trouble(buyer, now, retry_after(answer), answer->status);
    } else {
        load->tally.answers++;
        end_trouble(buyer);
        if (buyer->step == LOAD_ORDER) {
            ordered(buyer, answer, now);
        } else if (buyer->step == LOAD_LOOK) {
            looked(buyer, answer, now);
        } else if (answer->status == 201 || answer->status == 200) {
            buyer->step = LOAD_ORDER;
            if (load->plan.rate == 0) /* In a closed loop giving credit is no part of the order. */
                buyer->came_ns = buyer->intended_ns = now;
            souk_load_soon(buyer);
        } else {
            fail(buyer, "credit was refused", answer->status);
        }
    }
    souk_load_pump(load, now);
}

/* ---- questions ---- */

bool
souk_load_buyer_due(struct load_buyer *buyer, uint64_t now_ns)
{
    souk_load *load = buyer->load;
    struct load_watch *watch = &load->watches[buyer->sale];
    if (buyer->refused_ns == 0)
        return true;
    bool none = watch->none_ns >= buyer->refused_ns;
    watch->waiting--;
    load->waiting--;
    load->tally.waiting--;
    if (none) {
        watch->turned_away++;
        turned_away(buyer, &load->tally.sold_out, (struct souk_text){ "", 0 }, 409);
        return false;
    }
    buyer->refused_ns = 0;
    buyer->intended_ns = now_ns;
    load->tally.came_back++;
    return true;
}

void
souk_load_buyer_ask(struct load_buyer *buyer, uint64_t now_ns)
{
    souk_load *load = buyer->load;
    char target[LOAD_TARGET_MAX], body[LOAD_BODY_MAX], key[LOAD_NAME_MAX], customer[LOAD_NAME_MAX];
    struct souk_httpclient_request request = { .done = answered, .arg = buyer };
    struct souk_http_header header = { .name = SOUK_TEXT("Idempotency-Key") };
    if (buyer->step == LOAD_LOOK) {
        request.method = SOUK_TEXT("GET");
        request.target = souk_text_of(buyer->target);
    } else {
        request.method = SOUK_TEXT("POST");
        request.content_type = SOUK_TEXT("application/json");
        request.headers = &header;
        request.header_count = 1;
        souk_load_customer(load, buyer->number, customer);
    }
    if (buyer->step == LOAD_ORDER) {
        header.value = souk_load_key(load, buyer->number, buyer->attempts, key);
        request.target = souk_load_path("/v1/sales/", load->watches[buyer->sale].name, "/orders", target);
        request.body = souk_load_order_body(load, buyer->number, body);
    } else if (buyer->step == LOAD_CREDIT) {
        header.value = souk_text_of(customer); /* Once for each customer. */
        request.target = souk_load_path("/v1/accounts/", customer, "/credit", target);
        request.body = souk_load_credit_body(load, body);
    }
    souk_err err = souk_httpclient_send(load->client, &request);
    souk_assert(err != SOUK_ERR_BUSY); /* A connection was free. */
    if (err) {
        load->tally.broken++;
        trouble(buyer, now_ns, 0, 0);
    }
}
