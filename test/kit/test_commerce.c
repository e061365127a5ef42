/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/test_commerce.c -- random commands for the shop's actors. Each is sent what its peers and its clients would
 * send, in any order, any number of times: `fit` says, for each kind, what its peers would never send. */
#include "account.h"
#include "order.h"
#include "payment.h"
#include "provider_port.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"
#include <souk/sim.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { SEQUENCES = 1000 };

static uint32_t
sequences(void)
{
    const char *wanted = getenv("SOUK_SEEDS");
    return wanted ? (uint32_t)strtoul(wanted, NULL, 10) : SEQUENCES;
}

/* Ends well, and each row of the table but `but` came about. */
static void
reached(struct souk_kit_done done, const char *but)
{
    print_message("%llu steps, %llu accepted, %llu refused, %llu malformed, never %s\n", (unsigned long long)done.steps,
                  (unsigned long long)done.accepted, (unsigned long long)done.refused,
                  (unsigned long long)done.malformed, done.never ? done.never : "none");
    assert_false(done.failed);
    if (done.never) assert_string_equal(done.never, but ? but : "no row");
    else assert_null(but);
}

static void
between(uint64_t *v, uint64_t min, uint64_t max)
{
    if (*v < min || *v > max) *v = min + *v % (max - min + 1);
}

static void
between32(uint32_t *v, uint32_t min, uint32_t max)
{
    uint64_t wide = *v;
    between(&wide, min, max);
    *v = (uint32_t)wide;
}

/* ---- Stock: its sale has looked at what is opened, its orders at how many are wanted. ---- */

static bool
fit_stock(souk_kit *kit, const struct souk_layout *layout, void *message)
{
    struct stock_view v = { .units = 0 };
    souk_verdict shown = SOUK_KIT_SHOW(kit, stock_show, stock_view, &v);
    if (layout == souk_layout_of_stock_open) {
        struct stock_open *open = message;
        between32(&open->units, 1, 1000000000);
        between(&open->hold_ms, 1, 7ull * 24 * 3600 * 1000);
    } else if (layout == souk_layout_of_stock_reserve) {
        between32(&((struct stock_reserve *)message)->units, 1, ORDER_UNITS_MAX);
    } else if (layout == souk_layout_of_stock_return) {
        struct stock_return *back = message; /* Only what was sold comes back. */
        if (shown || !v.sold) return false;
        between32(&back->units, 1, v.sold);
    }
    return layout != souk_layout_of_stock_expire; /* That only it itself sends. */
}

static uint64_t last_end_ms; /* Of all holds. */

static void
begin_stock(souk_kit *kit SOUK_UNUSED)
{
    last_end_ms = 0;
}

static const char *
stock_adds_up(souk_kit *kit)
{
    struct stock_view v;
    struct stock_reserved e;
    for (uint32_t i = 0; SOUK_KIT_EMITTED(kit, stock_reserved, i, &e); i++) last_end_ms = e.until_ms;
    if (SOUK_KIT_SHOW(kit, stock_show, stock_view, &v)) return NULL;
    if ((uint64_t)v.free + v.held + v.sold != v.units) return "free, held and sold are not the units";
    if (v.held && souk_kit_now_ms(kit) >= last_end_ms) return "a hold has outlasted its time";
    return (v.state == STOCK_SOLD_OUT) == (v.free == 0) ? NULL : "sold out, or not";
}

static void
stock(void **state SOUK_UNUSED)
{
    static const char *const texts[] = { "EUR", NULL };
    reached(SOUK_KIT_RANDOM(.kind = &stock_kind, .id = "spring,console", .texts = texts,
                            .begin = begin_stock, .fit = fit_stock, .holds = stock_adds_up, .seed = 1,
                            .sequences = sequences(), .steps = 60), NULL);
}

/* ---- Quota: an order holds at least one unit; the limit is the sale's, which never changes. ---- */

static void
quota(void **state SOUK_UNUSED)
{
    reached(SOUK_KIT_RANDOM(.kind = &quota_kind, .id = "spring,ann", .seed = 1, .sequences = sequences(), .steps = 60),
            NULL);
}

/* ---- Sale: anybody opens and closes it. ---- */

/* Every other opening is one that can be had, so that there is a sale at all. */
static bool
fit_sale(souk_kit *kit, const struct souk_layout *layout, void *message)
{
    struct sale_open *open = message;
    if (layout != souk_layout_of_sale_open || open->units % 2) return true;
    open->sale = SOUK_TEXT("spring");
    open->sku = SOUK_TEXT("console");
    open->currency = SOUK_TEXT("EUR");
    open->price = 500 + (open->price & 1);
    open->units = 10;
    if (open->opens_at_ms) between(&open->opens_at_ms, souk_kit_now_ms(kit), souk_kit_now_ms(kit) + 10000);
    between(&open->hold_ms, 1, 2000);
    return true;
}

static const char *
sale_keeps_its_terms(souk_kit *kit)
{
    struct sale_view v;
    if (SOUK_KIT_SHOW(kit, sale_show, sale_view, &v)) return NULL;
    bool kept = v.units && v.price > 0 && v.hold_ms && souk_text_equal(v.sale, SOUK_TEXT("spring"));
    return kept ? NULL : "terms are lost";
}

static void
sale(void **state SOUK_UNUSED)
{
    static const char *const texts[] = { "console", "EUR", "JPY", NULL };
    reached(SOUK_KIT_RANDOM(.kind = &sale_kind, .id = "spring", .texts = texts, .fit = fit_sale,
                            .holds = sale_keeps_its_terms, .seed = 1, .sequences = sequences()), NULL);
}

/* ---- Account: of a customer, who is first heard of by a top-up; and a book, which is only posted to. ---- */

static bool
fit_customer(souk_kit *kit, const struct souk_layout *layout, void *message)
{
    struct account_view v;
    struct account_top_up *top_up = message;
    bool known = SOUK_KIT_SHOW(kit, account_show, account_view, &v) == SOUK_ACCEPT;
    if (layout == souk_layout_of_account_top_up && top_up->amount & 1) top_up->customer = SOUK_TEXT("ann");
    return layout == souk_layout_of_account_credit ? known : layout != souk_layout_of_account_post;
}

static const char *
balances_are_not_negative(souk_kit *kit)
{
    struct account_view v;
    if (SOUK_KIT_SHOW(kit, account_show, account_view, &v)) return NULL;
    for (uint32_t i = 0; i < v.balances.count; i++)
        if (v.balances.at[i].amount < 0) return "a customer's balance is negative";
    return NULL;
}

static void
account(void **state SOUK_UNUSED)
{
    static const char *const texts[] = { "EUR", "JPY", "k1", "k2", NULL };
    reached(SOUK_KIT_RANDOM(.kind = &account_kind, .id = "customer,ann", .texts = texts, .fit = fit_customer,
                            .holds = balances_are_not_negative, .seed = 1, .sequences = sequences()), "account_post");
}

static bool
fit_book(souk_kit *kit SOUK_UNUSED, const struct souk_layout *layout, void *message SOUK_UNUSED)
{
    return layout == souk_layout_of_account_post || layout == souk_layout_of_account_show;
}

static void
book(void **state SOUK_UNUSED)
{
    static const char *const texts[] = { "EUR", "JPY", NULL };
    reached(SOUK_KIT_RANDOM(.kind = &account_kind, .id = "book,sales", .texts = texts, .fit = fit_book, .seed = 1,
                            .sequences = sequences() / 4), "account_top_up");
}

/* ---- Payment: its order speaks to it in its order; the provider may say anything, at any time. ---- */

static bool
fit_payment(souk_kit *kit, const struct souk_layout *layout, void *message)
{
    struct payment_authorise *authorise = message;
    struct provider_result *result = message;
    struct payment_notify *notify = message;
    if (layout == souk_layout_of_payment_authorise) {
        between32(&authorise->method, ORDER_CARD, ORDER_CREDIT);
        authorise->has_token = authorise->method == ORDER_CARD;
        authorise->token = SOUK_TEXT("tok");
        authorise->currency = SOUK_TEXT("EUR");
        authorise->amount = authorise->amount & 1 ? 500 : authorise->amount;
        between(&authorise->until_ms, souk_kit_now_ms(kit), souk_kit_now_ms(kit) + 200000);
    } else if (layout == souk_layout_of_provider_result) {
        between32(&result->status, 1, PROVIDER_UNKNOWN + 1);
        if (result->amount & 1) result->amount = 500;
        if (result->amount_received & 1) result->amount_received = 500;
        if (result->amount_refunded & 1) result->amount_refunded = 500;
    } else if (layout == souk_layout_of_payment_notify) {
        between32(&notify->status, 1, PROVIDER_UNKNOWN + 1);
        if (notify->amount & 1) notify->amount = 500;
        if (notify->amount_received & 1) notify->amount_received = 500;
    }
    return true;
}

/* What this payment has posted to the shop's books and given back to its customer, and its last word to its order. */
static struct { int64_t clearing, sales, given_back; uint32_t state; unsigned words; } posted;

static void
begin_payment(souk_kit *kit SOUK_UNUSED)
{
    memset(&posted, 0, sizeof posted);
}

static void
add_postings(souk_kit *kit)
{
    struct account_post post;
    struct account_credit credit;
    struct order_payment_told word;
    souk_ref to;
    for (uint32_t i = 0; SOUK_KIT_SENT(kit, account_post, i, &to, &post); i++)
        *(souk_key_equal(to.key, souk_kit_key(kit, "book,clearing")) ? &posted.clearing : &posted.sales) += post.amount;
    for (uint32_t i = 0; SOUK_KIT_SENT(kit, account_credit, i, &to, &credit); i++) posted.given_back += credit.amount;
    for (uint32_t i = 0; SOUK_KIT_SENT(kit, order_payment_told, i, &to, &word); i++) posted.words++;
}

/* The books say what the payment says: sales is what was captured less what was refunded, and clearing what the
 * provider has of it; for credit, what was debited and isn't decided yet. */
static const char *
the_books_are_even(souk_kit *kit)
{
    struct payment_view v;
    add_postings(kit);
    if (SOUK_KIT_SHOW(kit, payment_show, payment_view, &v)) return NULL;
    if (v.captured < 0 || v.captured > v.amount || v.refunded > v.captured) return "more than was asked for";
    if (v.state >= PAYMENT_STATES) return "an unknown state";
    if (posted.sales != v.captured - v.refunded) return "the sales book differs";
    if (v.method == ORDER_CARD && posted.clearing != -posted.sales) return "the clearing book differs";
    if (v.method == ORDER_CREDIT && posted.clearing + posted.sales + posted.given_back > v.amount)
        return "more is booked than was debited";
    bool over = posted.state == PAYMENT_VOIDED || posted.state == PAYMENT_REFUNDED
                || posted.state == PAYMENT_AUTH_FAILED || posted.state == PAYMENT_CAPTURE_FAILED
                || posted.state == PAYMENT_NEEDS_REVIEW;
    if (over && v.state != posted.state) return "it was over, and went on";
    posted.state = v.state;
    return NULL;
}

static const struct souk_kit_answers payment_answers[] = {
    SOUK_KIT_ANSWERS(payment_debited, NULL, account_insufficient, account_invalid),
    SOUK_KIT_ANSWERS(payment_authorise_answered, souk_layout_of_provider_result),
    SOUK_KIT_ANSWERS(payment_capture_answered, souk_layout_of_provider_result),
    SOUK_KIT_ANSWERS(payment_cancel_answered, souk_layout_of_provider_result),
    SOUK_KIT_ANSWERS(payment_refund_answered, souk_layout_of_provider_result),
    SOUK_KIT_ANSWERS(payment_retrieve_answered, souk_layout_of_provider_result),
    { 0, NULL, NULL },
};

static void
payment(void **state SOUK_UNUSED)
{
    static const char *const texts[] = { "pi_1", NULL };
    reached(SOUK_KIT_RANDOM(.kind = &payment_kind, .id = "order,ann,k", .texts = texts, .answers = payment_answers,
                            .begin = begin_payment, .fit = fit_payment, .holds = the_books_are_even, .seed = 1,
                            .sequences = sequences(), .steps = 60), NULL);
}

/* ---- Order: anybody places it; the others answer what they answer. ---- */

static bool
fit_order(souk_kit *kit SOUK_UNUSED, const struct souk_layout *layout, void *message)
{
    struct order_place *place = message;
    struct stock_reservation *reservation = message;
    if (layout == souk_layout_of_order_place && place->units & 1) {
        place->customer = SOUK_TEXT("ann");
        place->idempotency_key = SOUK_TEXT("k");
        place->sale = SOUK_TEXT("spring");
        between32(&place->method, ORDER_CARD, ORDER_CREDIT);
        place->has_token = place->method == ORDER_CARD;
        place->token = SOUK_TEXT("tok");
    } else if (layout == souk_layout_of_stock_reservation) {
        reservation->currency = SOUK_TEXT("EUR");
        between32(&reservation->number, 1, UINT32_MAX);
        uint64_t price = (uint64_t)reservation->price;
        between(&price, 1, 65536);
        reservation->price = (int64_t)price;
    }
    return true;
}

/* The order as it was last seen. */
static struct { uint32_t state, reason; } seen;

static void
begin_order(souk_kit *kit SOUK_UNUSED)
{
    memset(&seen, 0, sizeof seen);
}

static const char *
what_is_settled_stays(souk_kit *kit)
{
    struct order_view v;
    if (SOUK_KIT_SHOW(kit, order_show, order_view, &v, .settled_only = false)) return NULL;
    if (v.total != v.price * (int64_t)v.units) return "the total is not the price of the units";
    if (v.settled != (v.state >= ORDER_PAID)) return "settled, or not";
    if (!v.history.count) return "nothing has happened to it";
    bool again = seen.state == ORDER_CANCELLED && order_reason_again(seen.reason);
    if (seen.state >= ORDER_PAID && !again && (v.state != seen.state || v.reason != seen.reason))
        return "it was settled, and went on";
    seen.state = v.state;
    seen.reason = v.reason;
    return NULL;
}

static const struct souk_kit_answers order_answers[] = {
    SOUK_KIT_ANSWERS(order_entered, NULL, quota_limit, quota_released, sale_not_open, sale_closed, sale_unknown),
    SOUK_KIT_ANSWERS(order_numbered, souk_layout_of_stock_reservation, stock_sold_out, stock_expired, stock_released,
                     sale_unknown),
    SOUK_KIT_ANSWERS(order_confirm_answered, NULL, stock_expired),
    SOUK_KIT_ANSWERS(order_authorise_taken, NULL, payment_invalid),
    SOUK_KIT_ANSWERS(order_capture_taken, NULL, payment_invalid),
    { 0, NULL, NULL },
};

static void
order(void **state SOUK_UNUSED)
{
    static const char *const texts[] = { "spring", "tok", NULL };
    reached(SOUK_KIT_RANDOM(.kind = &order_kind, .id = "order,ann,k", .texts = texts, .answers = order_answers,
                            .begin = begin_order, .fit = fit_order, .holds = what_is_settled_stays, .seed = 1,
                            .sequences = sequences(), .steps = 60), NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stock), cmocka_unit_test(quota), cmocka_unit_test(sale), cmocka_unit_test(account),
        cmocka_unit_test(book), cmocka_unit_test(payment), cmocka_unit_test(order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
