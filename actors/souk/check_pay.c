/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_pay.c -- the model of orders, payments and accounts: nothing is charged twice (I2), for another price
 * (I10), or out of nothing (I5). Called for each event and message by check_read.c.
 *
 * What an order says about others is checked when it says it: their events stand before its own in the journal, because
 * a batch comes after all that it depends on. */
#include "check_model.h"

#include "account.h"
#include "address.h"
#include "money.h"
#include "order.h"
#include "payment.h"

#define LL(number) ((long long)(number))

static souk_key
text_key(const struct check *c, struct souk_text text)
{
    return souk_hash_key(c->secret, text.at, text.length);
}

/* ---- Orders. ---- */

/* Says which order a reservation is of, before anybody reserves it. */
static void
register_hold(struct check *c, const struct check_order *order, uint64_t which)
{
    souk_key key = which ? souk_hash_pair(c->secret, order->key, (souk_key){ which, order->attempt }) : order->key;
    struct check_hold *hold = souk_check_table_put(&c->holds, c->heap, key);
    hold->order = souk_check_table_index(&c->orders, order) + 1;
}

static void
was_placed(struct check *c, struct check_order *order, const struct order_placed *e)
{
    if (order->placed) souk_check_fail(c, 7, c->actor, "the order was placed twice");
    souk_key customer = text_key(c, e->customer);
    souk_key scope = souk_hash_pair(c->secret, text_key(c, SOUK_TEXT("order")), customer);
    if (!souk_key_equal(souk_hash_pair(c->secret, scope, text_key(c, e->idempotency_key)), order->key))
        souk_check_fail(c, 7, c->actor, "its customer and idempotency key don't lead to it");
    order->placed = true;
    order->state = ORDER_PLACED;
    order->sale = text_key(c, e->sale);
    order->units = e->units;
    order->method = (uint8_t)e->method;
    order->attempt = 1;
    struct check_quota *quota =
        souk_check_table_put(&c->quotas, c->heap, souk_hash_pair(c->secret, order->sale, customer));
    quota->sale = order->sale;
    order->quota = souk_check_table_index(&c->quotas, quota) + 1;
    register_hold(c, order, 0);
}

static void
was_reserved(struct check *c, struct check_order *order, const struct order_reserved *e)
{
    souk_key key = order->attempt == 1 ? order->key
                   : souk_hash_pair(c->secret, order->key, (souk_key){ 1, order->attempt });
    const struct check_hold *hold = souk_check_table_find(&c->holds, key);
    const struct check_sale *sale = souk_check_table_find(&c->sales, order->sale);
    if (!hold || !hold->until_ms) souk_check_fail(c, 1, c->actor, "the stock has reserved nothing for it");
    order->price = e->price;
    order->currency = money_pack(e->currency);
    if (!money_multiply(e->price, order->units, &order->total)) order->total = 0;
    if (!sale || sale->price != e->price || sale->currency != order->currency)
        souk_check_fail(c, 10, c->actor, "the price is %lld, the sale's is %lld", LL(e->price),
                        LL(sale ? sale->price : 0));
}

static void
was_paid(struct check *c, const struct check_order *order)
{
    if (order->captured - order->refunded != order->total)
        souk_check_fail(c, 2, c->actor, "paid with %lld captured and %lld refunded of %lld", LL(order->captured),
                        LL(order->refunded), LL(order->total));
    if (order->sold != order->units)
        souk_check_fail(c, 1, c->actor, "paid for %u units of which the stock sold %u", order->units, order->sold);
}

/* The state that an event leads to, and those that it may come from, as bits. */
static const struct { uint8_t to; unsigned from; } order_ways[] = {
    [order_placed_again_tag] = { ORDER_PLACED, 1u << ORDER_CANCELLED },
    [order_reserved_tag] = { ORDER_RESERVED, 1u << ORDER_PLACED },
    [order_authorised_tag] = { ORDER_AUTHORISED, 1u << ORDER_RESERVED },
    [order_hold_ended_tag] = { ORDER_AUTHORISED, 1u << ORDER_AUTHORISED },
    [order_confirmed_tag] = { ORDER_CONFIRMED, 1u << ORDER_AUTHORISED },
    [order_paid_tag] = { ORDER_PAID, 1u << ORDER_CONFIRMED },
    [order_cancelled_tag] = { ORDER_CANCELLED, 1u << ORDER_PLACED | 1u << ORDER_RESERVED | 1u << ORDER_AUTHORISED
                                                   | 1u << ORDER_CONFIRMED },
    [order_sent_to_review_tag] = { ORDER_NEEDS_REVIEW, 1u << ORDER_PLACED | 1u << ORDER_RESERVED
                                                           | 1u << ORDER_AUTHORISED | 1u << ORDER_CONFIRMED },
};

static void
order_goes(struct check *c, struct check_order *order, uint32_t tag)
{
    bool from = order_ways[tag].from >> order->state & 1;
    if (order->state == ORDER_PAID)
        souk_check_fail(c, 3, c->actor, "a paid order became %s", order_state_name(order_ways[tag].to));
    else if (!from)
        souk_check_fail(c, 7, c->actor, "an order that was %s became %s", order_state_name(order->state),
                        order_state_name(order_ways[tag].to));
    order->state = order_ways[tag].to;
}

static bool
order_ended(struct check *c, struct check_order *order, uint32_t tag, struct souk_bytes body)
{
    struct order_cancelled cancelled;
    struct order_sent_to_review review;
    order_goes(c, order, tag);
    if (tag == order_cancelled_tag) {
        if (!CHECK_READ(order_cancelled, body, &cancelled)) return false;
        order->reason = (uint8_t)cancelled.reason;
        order->was_cancelled = true;
        return true;
    }
    if (!CHECK_READ(order_sent_to_review, body, &review)) return false;
    order->reason = (uint8_t)review.reason;
    return true;
}

bool
souk_check_order_event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    struct check_order *order = souk_check_table_put(&c->orders, c->heap, c->actor.key);
    struct order_placed placed;
    struct order_reserved reserved;
    if (tag == order_placed_tag) {
        if (!CHECK_READ(order_placed, body, &placed)) return false;
        was_placed(c, order, &placed);
        return true;
    }
    if (!order->placed) souk_check_fail(c, 7, c->actor, "an event of an order that was never placed");
    switch (tag) {
    case order_retried_tag: return true;
    case order_cancelled_tag:
    case order_sent_to_review_tag: return order_ended(c, order, tag, body);
    case order_placed_again_tag:
        if (order->reason != ORDER_SOLD_OUT && order->reason != ORDER_BUSY)
            souk_check_fail(c, 7, c->actor, "placed again after a refusal that is final");
        order_goes(c, order, tag);
        order->reason = ORDER_NO_REASON;
        order->attempt++;
        order->price = order->total = 0;
        register_hold(c, order, 1);
        return true;
    case order_reserved_tag:
        if (!CHECK_READ(order_reserved, body, &reserved)) return false;
        order_goes(c, order, tag);
        was_reserved(c, order, &reserved);
        return true;
    case order_authorised_tag:
        order_goes(c, order, tag);
        if (!order->authorised) souk_check_fail(c, 2, c->actor, "its payment is not authorised");
        return true;
    case order_hold_ended_tag:
        order_goes(c, order, tag);
        register_hold(c, order, 2);
        return true;
    case order_confirmed_tag:
        order_goes(c, order, tag);
        if (order->sold != order->units)
            souk_check_fail(c, 1, c->actor, "confirmed with %u units of which the stock sold %u", order->units,
                            order->sold);
        return true;
    case order_paid_tag:
        order_goes(c, order, tag);
        was_paid(c, order);
        return true;
    default: return false;
    }
}

/* ---- Payments. ---- */

static void
was_requested(struct check *c, struct check_order *order, const struct payment_requested *e)
{
    if (order->requested) souk_check_fail(c, 2, c->actor, "the payment was requested twice");
    if (e->amount != order->total || money_pack(e->currency) != order->currency || e->method != order->method)
        souk_check_fail(c, 10, c->actor, "%lld is to be charged, the order's total is %lld", LL(e->amount),
                        LL(order->total));
    order->requested = e->amount;
}

static bool
was_called(struct check *c, struct check_order *order, const struct payment_called *e)
{
    static const uint8_t leads_to[] = { 0, PAYMENT_AUTH_PENDING, PAYMENT_CAPTURE_PENDING, PAYMENT_VOID_PENDING,
                                        PAYMENT_REFUND_PENDING };
    if (e->operation < PAYMENT_AUTHORISE || e->operation > PAYMENT_REFUND) return false;
    uint32_t *number = &order->called[e->operation - 1];
    if (e->number != *number + 1 || (e->operation == PAYMENT_AUTHORISE && *number))
        souk_check_fail(c, 2, c->actor, "call %u of operation %u follows call %u", e->number, e->operation, *number);
    if (e->operation == PAYMENT_CAPTURE && (!order->authorised || order->state != ORDER_CONFIRMED))
        souk_check_fail(c, 2, c->actor, "a capture before the order is authorised and confirmed");
    (*number)++; /* Not what the event says: keys are looked for up to it. */
    order->payment = leads_to[e->operation];
    return true;
}

static void
was_authorised(struct check *c, struct check_order *order)
{
    if (order->authorised) souk_check_fail(c, 2, c->actor, "authorised twice");
    if (!order->requested) souk_check_fail(c, 2, c->actor, "authorised without having been requested");
    if (order->method == ORDER_CREDIT && order->debited != order->requested)
        souk_check_fail(c, 2, c->actor, "authorised for %lld, debited %lld", LL(order->requested), LL(order->debited));
    order->authorised = true;
    order->payment = PAYMENT_AUTHORISED;
}

/* A capture that nobody asked for may turn up while an authorisation is being cancelled; then it is refunded. */
static void
was_captured(struct check *c, struct check_order *order)
{
    if (order->captured) souk_check_fail(c, 2, c->actor, "captured twice");
    if (!order->authorised && !order->called[PAYMENT_CANCEL - 1])
        souk_check_fail(c, 2, c->actor, "captured without an authorisation");
    order->captured += order->requested;
    order->payment = PAYMENT_CAPTURED;
    souk_check_money(c, order->currency)->expected -= order->requested;
}

static void
was_voided(struct check *c, struct check_order *order)
{
    if (order->captured > order->refunded) souk_check_fail(c, 2, c->actor, "voided after it was captured");
    if (order->method == ORDER_CREDIT && order->authorised)
        souk_check_money(c, order->currency)->expected -= order->requested;
    order->authorised = false;
    order->payment = PAYMENT_VOIDED;
}

static void
was_refunded(struct check *c, struct check_order *order)
{
    if (!order->captured || order->refunded) souk_check_fail(c, 2, c->actor, "refunded what is not captured");
    order->refunded += order->captured;
    order->authorised = false;
    order->payment = PAYMENT_REFUNDED;
    if (order->method == ORDER_CARD) souk_check_money(c, order->currency)->expected += order->captured;
}

bool
souk_check_payment_event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    struct check_order *order = souk_check_table_put(&c->orders, c->heap, c->actor.key);
    struct payment_requested requested;
    struct payment_called called;
    struct payment_unclear unclear;
    if (!order->placed) souk_check_fail(c, 7, c->actor, "an event of a payment of no order");
    switch (tag) {
    case payment_requested_tag:
        if (!CHECK_READ(payment_requested, body, &requested)) return false;
        was_requested(c, order, &requested);
        order->payment = PAYMENT_AUTH_PENDING;
        return true;
    case payment_called_tag: return CHECK_READ(payment_called, body, &called) && was_called(c, order, &called);
    case payment_unclear_tag:
        if (!CHECK_READ(payment_unclear, body, &unclear)) return false;
        if (unclear.abandoned) order->payment = PAYMENT_AUTH_ABANDONED;
        return true;
    case payment_looked_tag:
    case payment_intent_known_tag: return true;
    case payment_authorised_tag: was_authorised(c, order); return true;
    case payment_auth_failed_tag: order->payment = PAYMENT_AUTH_FAILED; return true;
    case payment_captured_tag: was_captured(c, order); return true;
    case payment_capture_failed_tag:
        order->payment = PAYMENT_CAPTURE_FAILED;
        order->authorised = false;
        return true;
    case payment_voided_tag: was_voided(c, order); return true;
    case payment_refunded_tag: was_refunded(c, order); return true;
    case payment_sent_to_review_tag: order->payment = PAYMENT_NEEDS_REVIEW; return true;
    default: return false;
    }
}

/* ---- Accounts. ---- */

struct check_money *
souk_check_money(struct check *c, uint32_t currency)
{
    for (unsigned i = 0; i < c->money_count; i++)
        if (c->money[i].currency == currency) return &c->money[i];
    if (c->money_count == CHECK_CURRENCIES) return &c->money[CHECK_CURRENCIES - 1]; /* More than there are. */
    struct check_money *money = &c->money[c->money_count++];
    money->currency = currency;
    return money;
}

/* A customer's balance never goes below zero. */
static void
posted(struct check *c, int64_t amount, uint32_t currency)
{
    souk_key id = { c->actor.key.high ^ souk_hash_mix(currency), c->actor.key.low };
    struct check_balance *balance = souk_check_table_put(&c->balances, c->heap, id);
    if (!money_add(balance->balance, amount, &balance->balance) || balance->balance < 0)
        souk_check_fail(c, 5, c->actor, "a posting of %lld overdraws the account", LL(amount));
    souk_check_money(c, currency)->sum += amount;
}

static void
posted_for_order(struct check *c, souk_key posting, int64_t amount, uint32_t currency)
{
    struct check_order *order = souk_check_table_find(&c->orders, posting);
    if (!order || !order->requested || order->currency != currency) {
        souk_check_fail(c, 5, c->actor, "a posting of %lld for no order", LL(amount));
    } else if (amount < 0) {
        if (order->debited || -amount != order->requested)
            souk_check_fail(c, 2, c->actor, "debited %lld after %lld for a payment of %lld", LL(-amount),
                            LL(order->debited),
                            LL(order->requested));
        order->debited -= amount;
        souk_check_money(c, currency)->expected -= amount;
    } else {
        order->credited += amount;
        if (order->credited > order->debited)
            souk_check_fail(c, 2, c->actor, "%lld was given back of %lld", LL(order->credited), LL(order->debited));
    }
}

bool
souk_check_account_event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    struct account_topped_up topped_up;
    struct account_posted e;
    struct account_booked booked;
    switch (tag) {
    case account_topped_up_tag: {
        if (!CHECK_READ(account_topped_up, body, &topped_up)) return false;
        uint32_t before = c->top_ups.count;
        souk_check_table_put(&c->top_ups, c->heap, souk_hash_pair(c->secret, c->actor.key, topped_up.posting));
        if (c->top_ups.count == before) souk_check_fail(c, 7, c->actor, "a top-up was posted twice");
        if (topped_up.amount <= 0) souk_check_fail(c, 5, c->actor, "a top-up of %lld", LL(topped_up.amount));
        posted(c, topped_up.amount, money_pack(topped_up.currency));
        return true;
    }
    case account_posted_tag:
        if (!CHECK_READ(account_posted, body, &e)) return false;
        posted(c, e.amount, money_pack(e.currency));
        posted_for_order(c, e.posting, e.amount, money_pack(e.currency));
        return true;
    case account_booked_tag: {
        if (!CHECK_READ(account_booked, body, &booked)) return false;
        struct check_money *money = souk_check_money(c, money_pack(booked.currency));
        money->sum += booked.amount;
        if (souk_key_equal(c->actor.key, c->clearing_book)) money->clearing += booked.amount;
        return true;
    }
    default: return false;
    }
}

bool
souk_check_posts(struct check *c, struct check_sent *sent, struct souk_bytes body)
{
    struct account_post post;
    struct account_credit credit;
    if (sent->kind != account_kind_number) return true;
    if (sent->tag == account_post_tag) {
        if (!CHECK_READ(account_post, body, &post)) return false;
        sent->amount = post.amount;
        sent->currency = money_pack(post.currency);
        sent->clearing = souk_key_equal(sent->to, c->clearing_book);
    } else if (sent->tag == account_credit_tag) {
        if (!CHECK_READ(account_credit, body, &credit)) return false;
        sent->amount = credit.amount;
        sent->currency = money_pack(credit.currency);
    }
    return true;
}

void
souk_check_post_outstanding(struct check *c, const struct check_sent *sent, int sign)
{
    if (!sent->amount) return;
    struct check_money *money = souk_check_money(c, sent->currency);
    money->sum += sign * (__int128)sent->amount;
    if (sent->clearing) money->clearing += sign * (__int128)sent->amount;
}

/* A violation is told once, and again when the difference changes. */
void
souk_check_books(struct check *c)
{
    static const souk_ref nobody;
    for (unsigned i = 0; i < c->money_count; i++) {
        struct check_money *m = &c->money[i];
        char letters[3];
        struct souk_text name = money_unpack(m->currency, letters);
        __int128 difference = m->clearing - m->expected;
        if (m->sum && m->sum != m->told)
            souk_check_fail(c, 5, nobody, "debits and credits in %.*s differ by %lld", (int)name.length, name.at,
                            LL(m->sum));
        if (difference && difference != m->clearing_told)
            souk_check_fail(c, 5, nobody, "the clearing book in %.*s has %lld more than the payments say",
                            (int)name.length,
                            name.at, LL(difference));
        m->told = m->sum;
        m->clearing_told = difference;
    }
}

/* ---- Calls to the provider. ---- */

/* Which operation a call is, and its amount; 0: a retrieval, which has no effect. */
static bool
read_call(struct souk_bytes body, enum payment_operation *operation, int64_t *amount)
{
    struct souk_reader in = { .at = body.at, .end = (const uint8_t *)body.at + body.length };
    struct souk_text name;
    struct provider_authorise authorise;
    struct provider_capture capture;
    struct provider_cancel cancel;
    struct provider_refund refund;
    souk_get_text(&in, &name);
    if (in.bad) return false;
    if (souk_text_equal(name, SOUK_TEXT("provider_authorise"))) {
        *operation = PAYMENT_AUTHORISE;
        if (!souk_get_provider_authorise(&in, &authorise)) return false;
        *amount = authorise.amount;
    } else if (souk_text_equal(name, SOUK_TEXT("provider_capture"))) {
        *operation = PAYMENT_CAPTURE;
        if (!souk_get_provider_capture(&in, &capture)) return false;
        *amount = capture.amount;
    } else if (souk_text_equal(name, SOUK_TEXT("provider_cancel"))) {
        *operation = PAYMENT_CANCEL;
        if (!souk_get_provider_cancel(&in, &cancel)) return false;
    } else if (souk_text_equal(name, SOUK_TEXT("provider_refund"))) {
        *operation = PAYMENT_REFUND;
        if (!souk_get_provider_refund(&in, &refund)) return false;
        *amount = refund.amount;
    }
    return true;
}

bool
souk_check_call(struct check *c, const struct souk_message *m, struct souk_bytes body)
{
    enum payment_operation operation = 0;
    int64_t amount = 0;
    souk_ref actor = { m->asker.kind, m->asker.key };
    if (m->asker.kind != payment_kind_number) return true;
    if (!read_call(body, &operation, &amount)) return false;
    if (!operation) return true;
    const struct check_order *order = souk_check_table_find(&c->orders, m->asker.key);
    bool named = false;
    for (uint32_t n = 1; order && n <= order->called[operation - 1] && !named; n++)
        named = souk_key_equal(m->to.key, souk_hash_pair(c->secret, order->key, (souk_key){ operation, n }));
    if (!named) souk_check_fail(c, 2, actor, "operation %u is called under a key that was minted anew", operation);
    if (order && amount && amount != order->requested)
        souk_check_fail(c, 10, actor, "operation %u is called for %lld, requested were %lld", operation, LL(amount),
                        LL(order->requested));
    return true;
}
