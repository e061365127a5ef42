/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_order.c -- orders: the route that a rush is made of, and looking at one.
 *
 * An order is placed and at once asked about: both messages go to one actor, so the question is answered when what was
 * placed is settled. Whether to place it at all is decided before: not while the sale is known to be sold out, not for
 * a sale that doesn't exist, not by card without a provider. But an order that was placed before has its answer
 * whatever the door thinks, so before one is turned away it is asked whether it is a repeat, which leaves no trace. */
#include "api_inside.h"

#include "base/clocktext.h"

#include <string.h>
#include <strings.h>

enum { PLACE, SHOW };

/* ---- Ends. ---- */

/* A problem that names the order and the sale. */
static void
turn_away(struct api_call *call, enum souk_problem problem, const char *detail, const struct order_view *view,
          const struct sale_view *sale)
{
    char name[ADDRESS_NAME_LENGTH], moment[SOUK_CLOCK_TEXT_BYTES];
    struct souk_problem_member members[4];
    size_t count = 0;
    if (view) {
        address_write_name(view->order, name);
        members[count++] = (struct souk_problem_member){ "order", { name, sizeof name }, 0 };
        members[count++] = (struct souk_problem_member){ "reason", souk_text_of(order_reason_name(view->reason)), 0 };
    }
    members[count++] = (struct souk_problem_member){ "sale", call->id, 0 };
    if (sale)
        members[count++] = (struct souk_problem_member){ "opens_at", souk_clock_format(sale->opens_at_ms, moment), 0 };
    api_problem(call, problem, detail, members, count);
}

/* The sale's terms never change, so this refusal is the same for ever too. */
static void
not_open(struct api_call *call, const struct souk_reply *reply)
{
    const struct order_view *view = &(struct order_view){ .order = call->wanted.order, .reason = call->wanted.reason };
    struct sale_view sale;
    const char *detail;
    if (!api_read(call, reply, souk_layout_of_sale_view, &sale)) return;
    enum souk_problem problem = api_reason_problem(view->reason, &detail);
    turn_away(call, problem, detail, view, &sale);
}

static void
cancelled(struct api_call *call, const struct order_view *view)
{
    static const struct sale_show question;
    const char *detail;
    enum souk_problem problem = api_reason_problem(view->reason, &detail);
    if (problem == SOUK_PROBLEM_SOLD_OUT && !call->by_hint)
        souk_hint_note(call->at->hints, call->wanted.sale, true, view->units == 1 && view->reason == ORDER_SOLD_OUT,
                       api_now_ns());
    if (problem != SOUK_PROBLEM_NOT_OPEN) {
        turn_away(call, problem, detail, view, NULL);
        return;
    }
    call->wanted.reason = view->reason;
    (void)api_ask(call, SHOW, souk_ref(sale, call->wanted.sale), &sale_show_query, &question, API_WITHIN_MS, not_open);
}

static void
conclude(struct api_call *call, const struct order_view *view)
{
    struct api_worker *at = call->at;
    if (view->state == ORDER_CANCELLED) {
        cancelled(call, view);
        return;
    }
    souk_key order = view->order; /* The call's own copy ends with it. */
    at->counts.outcomes[!view->settled ? API_PENDING : view->state == ORDER_PAID ? API_PAID : API_NEEDS_REVIEW]++;
    api_write_order(api_writer(call), view, false);
    api_answer(call, view->settled ? 201 : 202, &order, !view->settled && call->wanted.preferred);
}

/* ---- Placing, and waiting until it is settled. ---- */

static void
pending(struct api_call *call, const struct souk_reply *reply)
{
    struct order_view view;
    if (reply->ending == SOUK_REFUSED && reply->refusal == order_unknown) /* Not even its placing has come round. */
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "the order was not taken in within the time", NULL, 0);
    else if (api_read(call, reply, souk_layout_of_order_view, &view))
        conclude(call, &view);
}

static void
settled(struct api_call *call, const struct souk_reply *reply)
{
    static const struct order_show question = { .settled_only = false };
    struct order_view view;
    if (reply->ending == SOUK_LATE)
        (void)api_ask(call, SHOW, souk_ref(order, call->wanted.order), &order_show_query, &question, API_WITHIN_MS,
                      pending);
    else if (reply->ending == SOUK_REFUSED && call->asks[PLACE].under_way)
        return; /* It was not placed; the answer to that says why. */
    else if (api_read(call, reply, souk_layout_of_order_view, &view))
        conclude(call, &view);
}

static void
wait_for_end(struct api_call *call)
{
    uint32_t wait_ms = call->wanted.wait_ms;
    const struct order_show question = { .settled_only = wait_ms > 0 };
    (void)api_ask(call, SHOW, souk_ref(order, call->wanted.order), &order_show_query, &question,
                  wait_ms ? wait_ms : API_WITHIN_MS, settled);
}

static void
placed(struct api_call *call, const struct souk_reply *reply)
{
    bool waiting = call->asks[SHOW].under_way;
    if (waiting && (reply->ending == SOUK_DONE || reply->ending == SOUK_LATE)) return;
    if (api_read(call, reply, NULL, NULL))
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "the order can't be seen yet", NULL, 0);
}

static void
place(struct api_call *call)
{
    const struct api_wanted *w = &call->wanted;
    const struct order_place command = {
        .customer = w->customer, .idempotency_key = w->key, .sale = call->id, .units = w->units, .method = w->method,
        .token = w->token, .has_token = w->token.length > 0,
    };
    /* Its time is longer than the other's, so that the other always has the last word. */
    if (api_ask(call, PLACE, souk_ref(order, w->order), &order_place_command, &command, w->wait_ms + 2 * API_WITHIN_MS,
                placed))
        wait_for_end(call);
}

/* ---- At the door. ---- */

/* A new order that is not let in. */
static void
refuse(struct api_call *call)
{
    call->by_hint = call->wanted.word == SOUK_HINT_SOLD_OUT;
    if (call->by_hint)
        turn_away(call, SOUK_PROBLEM_SOLD_OUT, "there are no units left", NULL, NULL);
    else if (call->wanted.word == SOUK_HINT_NO_SALE)
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "there is no such sale", NULL, 0);
    else
        api_invalid(call, "payment.method", "no payment provider is configured: orders are paid by credit");
}

static void
looked(struct api_call *call, const struct souk_reply *reply)
{
    struct order_view view;
    if (reply->ending == SOUK_REFUSED && reply->refusal == order_unknown) {
        refuse(call);
        return;
    }
    if (!api_read(call, reply, souk_layout_of_order_view, &view)) return;
    bool again = view.state == ORDER_CANCELLED && order_reason_again(view.reason);
    if (!view.settled) {
        wait_for_end(call);
    } else if (!again) {
        conclude(call, &view);
    } else if (call->wanted.word == SOUK_HINT_SOLD_OUT && view.reason == ORDER_SOLD_OUT) {
        call->by_hint = true;
        conclude(call, &view); /* Refused again, in the same words. */
    } else {
        refuse(call);
    }
}

static void
at_the_door(struct api_call *call, enum souk_hint_word word)
{
    struct api_wanted *w = &call->wanted;
    bool paid_well = w->method == ORDER_CREDIT || call->at->api->options.cards;
    w->word = word;
    if (word == SOUK_HINT_BUSY) {
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "too much is under way", NULL, 0);
    } else if (word == SOUK_HINT_GO && paid_well) {
        place(call);
    } else {
        const struct order_repeat question = {
            .sale = call->id, .units = w->units, .method = w->method, .token = w->token,
            .has_token = w->token.length > 0,
        };
        (void)api_ask(call, SHOW, souk_ref(order, w->order), &order_repeat_query, &question, API_WITHIN_MS, looked);
    }
}

static void
told(struct souk_hint_waiter *waiter, enum souk_hint_word word)
{
    at_the_door((struct api_call *)(void *)((char *)waiter - offsetof(struct api_call, waiter)), word);
}

/* ---- Reading the request. ---- */

static bool
blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One preference of RFC 7240: wait=SECONDS, perhaps quoted. False: it is another. */
static bool
read_wait(struct souk_text part, uint32_t *wait_ms)
{
    const char *at = part.at, *end = part.at + part.length;
    while (at < end && blank(*at)) at++;
    if (end - at < 4 || strncasecmp(at, "wait", 4) != 0) return false;
    at += 4;
    while (at < end && blank(*at)) at++;
    if (at == end || *at++ != '=') return false;
    while (at < end && (blank(*at) || *at == '"')) at++;
    if (at == end || *at < '0' || *at > '9') return false;
    uint64_t seconds = 0;
    for (; at < end && *at >= '0' && *at <= '9' && seconds <= API_WAIT_MAX_MS; at++)
        seconds = seconds * 10 + (uint64_t)(*at - '0');
    *wait_ms = seconds * 1000 < API_WAIT_MAX_MS ? (uint32_t)seconds * 1000 : API_WAIT_MAX_MS;
    return true;
}

static void
read_preference(struct api_call *call)
{
    struct api_wanted *w = &call->wanted;
    struct souk_text prefer;
    w->wait_ms = API_WAIT_MS;
    w->preferred = false;
    if (!souk_http_header(call->exchange, SOUK_TEXT("prefer"), &prefer)) return;
    while (prefer.length && !w->preferred) {
        const char *comma = memchr(prefer.at, ',', prefer.length);
        size_t length = comma ? (size_t)(comma - prefer.at) : prefer.length;
        w->preferred = read_wait((struct souk_text){ prefer.at, length }, &w->wait_ms);
        length += comma != NULL;
        prefer = (struct souk_text){ prefer.at + length, prefer.length - length };
    }
}

static bool
method_known(struct souk_text text)
{
    return souk_text_equal(text, SOUK_TEXT("card")) || souk_text_equal(text, SOUK_TEXT("credit"));
}

static bool
token_valid(struct souk_text text)
{
    return address_visible(text, ORDER_TOKEN_MAX);
}

enum { CUSTOMER, UNITS, METHOD, TOKEN, ORDER_FIELDS };
static const struct souk_json_field order_fields[ORDER_FIELDS] = {
    [CUSTOMER] = SOUK_JSON_FIELD("customer", SOUK_JSON_TEXT, true, 1, ADDRESS_ID_MAX, address_id_valid),
    [UNITS] = SOUK_JSON_FIELD("units", SOUK_JSON_INTEGER, true, 1, ORDER_UNITS_MAX, NULL),
    [METHOD] = SOUK_JSON_FIELD("payment.method", SOUK_JSON_TEXT, true, 4, 6, method_known),
    [TOKEN] = SOUK_JSON_FIELD("payment.token", SOUK_JSON_TEXT, false, 1, ORDER_TOKEN_MAX, token_valid),
};

/* Into call->wanted; false when the call was answered. What JSON gave is copied: the reader is used again meanwhile. */
static bool
read_order(struct api_call *call)
{
    struct souk_json_value values[ORDER_FIELDS];
    struct api_wanted *w = &call->wanted;
    const souk_node *node = call->at->node;
    if (!api_id(call) || !api_key(call, &w->key)) return false;
    if (!api_body_read(call, order_fields, ORDER_FIELDS, values)) return false;
    bool card = values[METHOD].text.length == 4;
    if (card != values[TOKEN].present) {
        api_invalid(call, "payment.token", card ? "a payment by card needs a token" : "credit has no token");
        return false;
    }
    w->method = card ? ORDER_CARD : ORDER_CREDIT;
    w->units = (uint32_t)values[UNITS].integer;
    w->customer = api_keep(call, values[CUSTOMER].text);
    w->token = card ? api_keep(call, values[TOKEN].text) : (struct souk_text){ NULL, 0 };
    w->order = node_order_key(node, w->customer, w->key);
    w->sale = node_sale_key(node, call->id);
    read_preference(call);
    return true;
}

void
api_order_post(struct api_call *call)
{
    call->is_order = true;
    call->began_ns = api_now_ns();
    if (!read_order(call)) return;
    call->waiter = (struct souk_hint_waiter){ .told = told };
    enum souk_hint_word word = souk_hint_ask(call->at->hints, call->wanted.sale, call->began_ns, &call->waiter);
    if (word != SOUK_HINT_LATER) at_the_door(call, word);
}

/* ---- Looking. ---- */

static void
shown(struct api_call *call, const struct souk_reply *reply)
{
    struct order_view view;
    if (!api_read(call, reply, souk_layout_of_order_view, &view)) return;
    api_write_order(api_writer(call), &view, true);
    api_answer(call, 200, NULL, false);
}

void
api_order_get(struct api_call *call)
{
    static const struct order_show question = { .settled_only = false };
    souk_key order;
    if (!address_read_name(call->id, &order))
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "there is no such order", NULL, 0);
    else
        (void)api_ask(call, SHOW, souk_ref(order, order), &order_show_query, &question, API_WITHIN_MS, shown);
}
