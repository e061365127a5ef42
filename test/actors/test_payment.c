/* SPDX-License-Identifier: Apache-2.0 */
/* test_payment.c -- payments by card: the provider answers, declines, is silent, answers late, twice, by webhook. */
#include "stage.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static const struct provider_result
    authorised = { .intent = { "pi_1", 4 }, .status = PROVIDER_REQUIRES_CAPTURE, .amount = 500 },
    charged = { .intent = { "pi_1", 4 }, .status = PROVIDER_SUCCEEDED, .amount = 500, .amount_received = 500 },
    refunded = { .intent = { "pi_1", 4 }, .status = PROVIDER_SUCCEEDED, .amount = 500, .amount_received = 500,
                 .amount_refunded = 500 },
    cancelled = { .intent = { "pi_1", 4 }, .status = PROVIDER_CANCELED, .amount = 500 },
    acting = { .intent = { "pi_1", 4 }, .status = PROVIDER_REQUIRES_ACTION, .amount = 500 },
    missing = { .status = PROVIDER_MISSING };

/* A shop in which ann's order "k" of one unit waits for its authorisation. */
static struct stage *
begin(void)
{
    struct stage *s = stage_open();
    stage_shop(s, 3, 1);
    assert_int_equal(stage_place(s, "ann", "k", 1, "tok_visa"), ORDER_RESERVED);
    assert_int_equal(s->calls_count, 1);
    return s;
}

static uint32_t
order_state(struct stage *s)
{
    return stage_order_view(s, "ann", "k").state;
}

static uint32_t
payment_state(struct stage *s)
{
    return stage_payment_view(s, "ann", "k").state;
}

static souk_verdict
webhook(struct stage *s, const struct provider_result *r)
{
    return STAGE_SAY(s, stage_payment(s, "ann", "k"), payment_notify, .intent = r->intent, .status = r->status,
                     .amount = r->amount, .amount_received = r->amount_received, .amount_refunded = r->amount_refunded);
}

static void
card_buys(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    struct order_view v;
    stage_provider(s, "provider_authorise", SOUK_DONE, &authorised);
    assert_int_equal(order_state(s), ORDER_CONFIRMED);
    assert_false(STAGE_SHOW(s, stage_order(s, "ann", "k"), order_show, order_view, &v, .settled_only = true));
    assert_false(s->answered); /* It waits. */
    stage_provider(s, "provider_capture", SOUK_DONE, &charged);
    assert_true(stage_answer(s, souk_layout_of_order_view, &v) && v.settled && v.state == ORDER_PAID);
    assert_int_equal(order_state(s), ORDER_PAID);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_CLEARING)), -500);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_SALES)), 500);
    assert_int_equal(webhook(s, &charged), SOUK_ACCEPT);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_SALES)), 500);
    assert_true(!s->calls_count && s->calls_ever == 2);
    stage_close(s);
}

static void
a_decline_gives_all_back(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    struct provider_result declined = { .status = PROVIDER_DECLINED, .decline_code = SOUK_TEXT("card_declined"),
                                        .has_decline_code = true };
    stage_provider(s, "provider_authorise", SOUK_DONE, &declined);
    assert_int_equal(stage_order_view(s, "ann", "k").reason, ORDER_DECLINED);
    assert_true(souk_text_equal(stage_payment_view(s, "ann", "k").decline_code, SOUK_TEXT("card_declined")));
    assert_int_equal(stage_stock_view(s).free, 3);
    assert_int_equal(stage_place(s, "ann", "k2", 1, "tok"), ORDER_RESERVED); /* The quota came back. */
    stage_close(s);

    s = begin();
    stage_provider(s, "provider_authorise", SOUK_DONE, &acting);
    assert_int_equal(stage_order_view(s, "ann", "k").reason, ORDER_DECLINED);
    stage_provider(s, "provider_cancel", SOUK_DONE, &cancelled);
    assert_int_equal(payment_state(s), PAYMENT_VOIDED);
    stage_close(s);
}

/* Charged, but the answer was lost: it is found, and nothing is sent twice. */
static void
a_lost_answer_is_looked_up(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    stage_provider(s, "provider_authorise", SOUK_DEAD, NULL);
    assert_int_equal(s->calls_count, 0);
    stage_pass(s, 1000);
    stage_provider(s, "provider_retrieve", SOUK_DEAD, NULL);
    stage_pass(s, 1999);
    assert_int_equal(s->calls_count, 0);
    stage_pass(s, 1);
    stage_provider(s, "provider_retrieve", SOUK_DONE, &authorised);
    stage_provider(s, "provider_capture", SOUK_DEAD, NULL);
    stage_pass(s, 1000);
    stage_provider(s, "provider_retrieve", SOUK_DONE, &charged);
    assert_int_equal(order_state(s), ORDER_PAID);
    assert_int_equal(stage_payment_view(s, "ann", "k").number, 1);
    stage_close(s);
}

/* What never arrived is sent again under its own key; a capture without effect, under the next. */
static void
keys_advance_only_after_proof(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    souk_key first = stage_provider(s, "provider_authorise", SOUK_DEAD, NULL);
    stage_pass(s, 1000);
    stage_provider(s, "provider_retrieve", SOUK_DONE, &missing);
    souk_key second = stage_provider(s, "provider_authorise", SOUK_DONE, &authorised);
    assert_true(souk_key_equal(first, second));
    first = stage_provider(s, "provider_capture", SOUK_DEAD, NULL);
    stage_pass(s, 1000);
    stage_provider(s, "provider_retrieve", SOUK_DEAD, NULL);
    stage_pass(s, 2000);
    stage_provider(s, "provider_retrieve", SOUK_DONE, &authorised);
    second = stage_provider(s, "provider_capture", SOUK_DONE, &charged);
    assert_false(souk_key_equal(first, second));
    assert_int_equal(order_state(s), ORDER_PAID);
    stage_close(s);
}

/* Down for longer than the hold: the order is cancelled in time, and what turns up later is undone. */
static void
an_abandoned_authorisation_is_undone(void **state SOUK_UNUSED)
{
    static const struct { const struct provider_result *found; uint32_t end; } ends[] = {
        { &authorised, PAYMENT_VOIDED }, { &charged, PAYMENT_REFUNDED }, { &missing, PAYMENT_AUTH_FAILED },
    };
    for (unsigned i = 0; i < 3; i++) {
        struct stage *s = begin();
        stage_pass(s, 105000 + 8000);
        assert_int_equal(stage_order_view(s, "ann", "k").reason, ORDER_UNAVAILABLE);
        assert_int_equal(payment_state(s), PAYMENT_AUTH_ABANDONED);
        assert_int_equal(stage_stock_view(s).free, 3);
        while (payment_state(s) == PAYMENT_AUTH_ABANDONED) {
            while (!s->calls_count) stage_pass(s, 1000);
            stage_provider(s, "provider_retrieve", SOUK_DONE, ends[i].found);
        }
        if (ends[i].end == PAYMENT_VOIDED) stage_provider(s, "provider_cancel", SOUK_DONE, &cancelled);
        if (ends[i].end == PAYMENT_REFUNDED) stage_provider(s, "provider_refund", SOUK_DONE, &refunded);
        assert_int_equal(payment_state(s), ends[i].end);
        assert_int_equal(stage_balance(s, stage_book(s, BOOK_CLEARING)), 0);
        assert_int_equal(stage_balance(s, stage_book(s, BOOK_SALES)), 0);
        assert_int_equal(s->calls_count, 0);
        stage_close(s);
    }
}

static void
webhooks_and_answers_are_one_story(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    assert_int_equal(webhook(s, &authorised), SOUK_ACCEPT); /* Before the answer to the call. */
    assert_int_equal(order_state(s), ORDER_CONFIRMED);
    stage_provider(s, "provider_authorise", SOUK_DONE, &authorised);
    assert_int_equal(s->calls_count, 1);
    assert_int_equal(webhook(s, &authorised), SOUK_ACCEPT); /* An old one proves nothing. */
    assert_int_equal(s->calls_count, 1);
    assert_int_equal(webhook(s, &charged), SOUK_ACCEPT);
    assert_int_equal(webhook(s, &charged), SOUK_ACCEPT);
    assert_int_equal(order_state(s), ORDER_PAID);
    stage_provider(s, "provider_capture", SOUK_DEAD, NULL);
    stage_pass(s, 100000);
    assert_int_equal(s->calls_count, 0);
    struct provider_result foreign = charged;
    foreign.intent = SOUK_TEXT("pi_2");
    assert_int_equal(webhook(s, &foreign), payment_invalid);
    stage_close(s);
}

/* A capture that definitely fails gives the units back. */
static void
a_failed_capture_returns_the_units(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    stage_provider(s, "provider_authorise", SOUK_DONE, &authorised);
    assert_int_equal(stage_stock_view(s).sold, 1);
    stage_provider(s, "provider_capture", SOUK_REFUSED, NULL);
    stage_pass(s, 1000);
    stage_provider(s, "provider_retrieve", SOUK_DONE, &cancelled);
    assert_int_equal(stage_order_view(s, "ann", "k").reason, ORDER_CAPTURE_FAILED);
    assert_int_equal(stage_stock_view(s).free, 3);
    stage_close(s);
}

/* What nobody can know ends in review, where somebody sees it. */
static void
a_day_without_a_word_ends_in_review(void **state SOUK_UNUSED)
{
    struct stage *s = begin();
    stage_provider(s, "provider_authorise", SOUK_DONE, &authorised);
    stage_pass(s, 24ull * 3600 * 1000);
    assert_int_equal(order_state(s), ORDER_NEEDS_REVIEW);
    assert_int_equal(payment_state(s), PAYMENT_NEEDS_REVIEW);
    assert_int_equal(s->wakes_count, 0);
    stage_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_buys),
        cmocka_unit_test(a_decline_gives_all_back),
        cmocka_unit_test(a_lost_answer_is_looked_up),
        cmocka_unit_test(keys_advance_only_after_proof),
        cmocka_unit_test(an_abandoned_authorisation_is_undone),
        cmocka_unit_test(webhooks_and_answers_are_one_story),
        cmocka_unit_test(a_failed_capture_returns_the_units),
        cmocka_unit_test(a_day_without_a_word_ends_in_review),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
