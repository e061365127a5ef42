/* SPDX-License-Identifier: Apache-2.0 */
/* test_payment.c -- payments by card: the provider answers, declines, is silent, answers late, twice, by webhook. */
#include "stage.h"

#include <souk/sim.h>

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
static souk_key
call_key(const souk_kit *kit, uint64_t operation, uint64_t number)
{
    return souk_kit_key_pair(kit, souk_kit_self(kit).key, (souk_key){ operation, number });
}

/* The call that was made last has no known end: it is looked up after so long, under the payment's present round. */
static void
look_up(souk_kit *kit, uint64_t after_ms, uint32_t round, struct souk_text intent)
{
    char name[ADDRESS_NAME_LENGTH];
    address_write_name(souk_kit_self(kit).key, name);
    SOUK_THEN(kit, payment_unclear, .abandoned = false);
    SOUK_THEN_WAKES(kit, after_ms, payment_look, .round = round);
    SOUK_WHEN_PASSED(kit, after_ms);
    SOUK_THEN(kit, payment_looked);
    SOUK_THEN_CALLS(kit, &souk_payment_port, call_key(kit, PAYMENT_REFUND + 1, round), payment_retrieve_answered, 8000,
                    provider_retrieve, .order = { name, sizeof name }, .intent = intent, .has_intent = intent.length);
}

static void
keys_advance_only_after_proof(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&payment_kind, "order,ann,k");
    char name[ADDRESS_NAME_LENGTH];
    address_write_name(souk_kit_self(kit).key, name);
    SOUK_WHEN(kit, payment_authorise, .method = ORDER_CARD, .amount = 500, .currency = SOUK_TEXT("EUR"),
              .account = souk_kit_id(1), .until_ms = souk_kit_now_ms(kit) + 120000, .token = SOUK_TEXT("tok"),
              .has_token = true);
    SOUK_WHEN_DEAD(kit, payment_authorise_answered);
    look_up(kit, 1000, 2, (struct souk_text){ NULL, 0 });
    SOUK_WHEN_ANSWERED(kit, payment_retrieve_answered, provider_result, .intent = SOUK_TEXT(""),
                       .status = PROVIDER_MISSING, .amount = 0, .amount_received = 0, .amount_refunded = 0);
    SOUK_THEN_CALLS(kit, &souk_payment_port, call_key(kit, PAYMENT_AUTHORISE, 1), payment_authorise_answered, 8000,
                    provider_authorise, .order = { name, sizeof name }, .amount = 500, .currency = SOUK_TEXT("EUR"),
                    .token = SOUK_TEXT("tok"));
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_ANSWERED(kit, payment_authorise_answered, provider_result, .intent = SOUK_TEXT("pi_1"),
                       .status = PROVIDER_REQUIRES_CAPTURE, .amount = 500, .amount_received = 0, .amount_refunded = 0);
    SOUK_THEN_TELLS(kit, souk_ref(order, souk_kit_self(kit).key), order_payment_told, .word = PAYMENT_WORD_AUTHORISED);
    SOUK_WHEN(kit, payment_capture);
    SOUK_THEN_CALLS(kit, &souk_payment_port, call_key(kit, PAYMENT_CAPTURE, 1), payment_capture_answered, 8000,
                    provider_capture, .intent = SOUK_TEXT("pi_1"), .amount = 500);
    SOUK_WHEN_DEAD(kit, payment_capture_answered);
    look_up(kit, 1000, 5, SOUK_TEXT("pi_1"));
    SOUK_WHEN_DEAD(kit, payment_retrieve_answered);
    look_up(kit, 2000, 7, SOUK_TEXT("pi_1"));
    SOUK_WHEN_ANSWERED(kit, payment_retrieve_answered, provider_result, .intent = SOUK_TEXT("pi_1"),
                       .status = PROVIDER_REQUIRES_CAPTURE, .amount = 500, .amount_received = 0, .amount_refunded = 0);
    SOUK_THEN(kit, payment_called, .operation = PAYMENT_CAPTURE, .number = 2, .first_ms = souk_kit_now_ms(kit));
    SOUK_THEN_CALLS(kit, &souk_payment_port, call_key(kit, PAYMENT_CAPTURE, 2), payment_capture_answered, 8000,
                    provider_capture, .intent = SOUK_TEXT("pi_1"), .amount = 500);
    SOUK_THEN_NOTHING(kit);
    souk_kit_close(&kit);
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
