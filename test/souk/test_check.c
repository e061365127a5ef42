/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/test_check.c -- the checker finds each kind of wrong stock, charge, limit and booking (I1 to I5) in a
 * journal made for it, refuses a damaged one, and finds nothing in a right one. */
#include "check_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static const struct souk_id nothing;

/* ---- Nothing is wrong. ---- */

static void
a_right_sale_has_no_violation(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 0);
    (void)state;
    story_top_up(s, 2, 5000);
    struct souk_id post = SEND(&s->w, story_book(s, BOOK_ISSUED_CREDIT), account_post, .amount = -5000,
                               .currency = SOUK_TEXT("EUR"));
    story_batch(s);
    writer_turn(&s->w, story_book(s, BOOK_ISSUED_CREDIT), post);
    EVENT(&s->w, account_booked, .amount = -5000, .currency = SOUK_TEXT("EUR"));
    story_batch(s);
    story_buy(s, 1, 2, ORDER_CARD);
    story_buy(s, 2, 3, ORDER_CREDIT);
    story_place(s, 3, 20, ORDER_CARD);
    story_number(s);
    story_turn_away(s, 20);
    story_cancel(s, 3, ORDER_SOLD_OUT);
    story_batch(s);
    const struct souk_check_report *r = story_check(s);
    assert_int_equal(r->orders, 3);
    assert_int_equal(r->paid, 2);
    assert_int_equal(r->cancelled, 1);
    assert_int_equal(r->units_sold, 5);
    assert_int_equal(r->effects, 2);
    assert_true(stage_finds(&stage, 0, ""));
}

static void
an_empty_journal_has_none_either(void **state)
{
    (void)state;
    static struct souk_check_report report;
    souk_memory_store *store = souk_memory_store_open();
    souk_journal *journal;
    assert_int_equal(souk_memory_store_journal(store, &journal), SOUK_OK);
    assert_int_equal(souk_check_run(journal, &(struct souk_secret){ { 0 } }, &(struct souk_check_inputs){ 0 },
                                    &report), SOUK_OK);
    assert_int_equal(report.violations, 0);
    souk_memory_store_close(&store);
}

/* An order that stands still while its ask is open may go on: the node was killed. */
static void
what_is_under_way_is_no_violation(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 8000);
    assert_true(stage_finds(&stage, 0, ""));
}

/* ---- I1. ---- */

static void
overselling_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 2, ORDER_CARD);
    story_buy_until_held(s, 2, 2, ORDER_CARD);
    assert_true(stage_finds(&stage, 1, "oversold: 2 units were reserved where 1 were free"));
}

static void
a_paid_order_without_units_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 2, ORDER_CARD);
    story_authorise(s, 1, 2, ORDER_CARD);
    story_confirm(s, 1);
    story_capture(s, 1, 2, ORDER_CARD);
    story_pay(s, 1);
    assert_true(stage_finds(&stage, 1, "of which the stock sold 0"));
}

static void
a_return_of_what_was_not_sold_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 2, ORDER_CARD);
    writer_turn(&s->w, s->stock, nothing);
    EVENT(&s->w, stock_returned, .reservation = story_order(s, 1).key, .units = 2);
    assert_true(stage_finds(&stage, 1, "were returned that were not sold"));
}

/* It stays in the list of the stock that holds it. */
static void
a_release_by_another_stock_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_buy_until_held(s, 2, 1, ORDER_CARD);
    writer_turn(&s->w, (souk_ref){ stock_kind_number, { 5, 6 } }, (struct souk_id){ 0, 0 });
    EVENT(&s->w, stock_released, .reservation = story_order(s, 1).key);
    story_stock_release(s, 1);
    assert_true(stage_finds(&stage, 1, "a reservation was released that another stock holds"));
}

/* ---- I2. ---- */

static void
a_second_capture_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_capture(s, 1, 1, ORDER_CARD);
    assert_true(stage_finds(&stage, 2, "captured twice"));
}

static void
a_capture_without_authorisation_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_capture(s, 1, 1, ORDER_CARD);
    assert_true(stage_finds(&stage, 2, "captured without an authorisation"));
}

static void
a_second_debit_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_top_up(s, 1, 5000);
    story_book_amount(s, BOOK_ISSUED_CREDIT, -5000);
    story_buy(s, 1, 1, ORDER_CREDIT);
    story_debit(s, 1, STORY_PRICE);
    story_book_amount(s, BOOK_CLEARING, STORY_PRICE);
    assert_true(stage_finds(&stage, 2, "debited 500 after 500"));
}

static void
two_effects_of_one_key_are_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_effect(s, 1, SOUK_CHECK_CAPTURE, 1, STORY_PRICE);
    assert_true(stage_finds(&stage, 2, "a provider's key had two effects"));
}

static void
a_key_that_was_minted_anew_is_found_in_the_ledger(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 2, STORY_PRICE);
    s->effects[2].intent.high = 99;
    assert_true(stage_finds(&stage, 2, "under a key that the journal never named"));
}

static void
a_key_that_was_minted_anew_is_found_in_the_journal(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    for (uint32_t number = 1; number <= 2; number++) {
        struct souk_message m = { .class = SOUK_CALL, .to = { 1, story_call_key(s, 1, PAYMENT_AUTHORISE, number) },
                                  .tag = payment_authorise_answered_tag,
                                  .asker = { story_order(s, 1).key, payment_kind_number, number } };
        struct provider_authorise call = { .order = SOUK_TEXT("o"), .amount = STORY_PRICE, .currency = SOUK_TEXT("EUR"),
                                           .token = SOUK_TEXT("tok") };
        writer_send(&s->w, m, souk_layout_of_provider_authorise, &call);
    }
    writer_opened(&s->w, story_payment(s, 1), 2, payment_authorise_answered_tag, s->w.now_ms + 8000);
    story_batch(s);
    assert_int_equal(story_check(s)->invariants[2], 1); /* The second, not the first. */
    assert_true(stage_finds(&stage, 2, "minted anew"));
}

static void
two_live_authorisations_are_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 7, STORY_PRICE);
    s->effects[2].intent.high = 99;
    assert_true(stage_finds(&stage, 2, "holds 2 authorisations"));
}

/* ---- I3. ---- */

static void
a_charge_for_a_cancelled_order_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_authorise(s, 1, 1, ORDER_CARD);
    story_cancel(s, 1, ORDER_EXPIRED);
    story_stock_release(s, 1);
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 1, STORY_PRICE);
    story_effect(s, 1, SOUK_CHECK_CAPTURE, 1, STORY_PRICE);
    assert_true(stage_finds(&stage, 3, "for an order that is cancelled"));
}

static void
a_charge_for_no_order_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 1, STORY_PRICE);
    story_effect(s, 1, SOUK_CHECK_CAPTURE, 1, STORY_PRICE);
    assert_true(stage_finds(&stage, 3, "for no order"));
}

static void
a_paid_order_that_is_cancelled_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_cancel(s, 1, ORDER_EXPIRED);
    assert_true(stage_finds(&stage, 3, "a paid order became cancelled"));
}

/* ---- I4. ---- */

static void
more_than_the_limit_is_found_at_the_quota(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 2);
    (void)state;
    story_place(s, 1, 3, ORDER_CARD);
    story_quota_hold(s, 1, 3, 2);
    assert_true(stage_finds(&stage, 4, "3 held + 0 confirmed are more than the limit of 2"));
}

static void
another_limit_than_the_sales_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 2);
    (void)state;
    story_place(s, 1, 3, ORDER_CARD);
    story_quota_hold(s, 1, 3, 5);
    assert_true(stage_finds(&stage, 4, "held against a limit of 5, its sale has 2"));
}

static void
more_than_the_limit_is_found_at_the_stock(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 2);
    (void)state;
    story_buy_until_held(s, 1, 3, ORDER_CARD);
    story_batch(s);
    const struct souk_check_report *r = story_check(s);
    assert_int_equal(r->invariants[4], 2); /* Without a quota, and too many. */
    assert_true(stage_finds(&stage, 4, "one customer has 3 units, the limit is 2"));
}

/* ---- I5. ---- */

static void
uneven_books_are_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 0);
    (void)state;
    story_top_up(s, 1, 5000);
    story_book_amount(s, BOOK_ISSUED_CREDIT, -4999);
    assert_true(stage_finds(&stage, 5, "debits and credits in EUR differ by 1"));
}

static void
a_wrong_clearing_book_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 0);
    (void)state;
    story_book_amount(s, BOOK_CLEARING, 700);
    story_book_amount(s, BOOK_SALES, -700);
    assert_true(stage_finds(&stage, 5, "the clearing book in EUR has 700 more"));
}

static void
a_capture_that_the_provider_does_not_know_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    s->effects_count = 0;
    assert_true(stage_finds(&stage, 5, "the provider's have nothing"));
}

static void
an_overdrawn_account_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 10, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CREDIT);
    assert_true(stage_finds(&stage, 5, "overdraws the account"));
}

/* ---- Damage. ---- */

static void
an_edited_journal_is_refused_wherever_it_was_edited(void **state)
{
    static struct souk_check_report report;
    (void)state;
    for (uint64_t bit = 0; bit < 4000; bit += 37) {
        struct stage stage;
        struct story *s = stage_begin(&stage, 5, 0);
        story_buy(s, 1, 1, ORDER_CARD);
        story_buy(s, 2, 1, ORDER_CARD);
        assert_true(souk_memory_store_flip(stage.store, 2, bit));
        souk_err err = souk_check_run(s->w.journal, &s->w.secret, &(struct souk_check_inputs){ 0 }, &report);
        assert_true(err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION);
        assert_true(report.why[0]);
        stage_end(&stage);
    }
}

static void
a_journal_without_its_beginning_is_refused(void **state)
{
    static struct souk_check_report report;
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    assert_int_equal(s->w.journal->ops->trim(s->w.journal, 2), SOUK_OK);
    souk_err err = souk_check_run(s->w.journal, &s->w.secret, &(struct souk_check_inputs){ 0 }, &report);
    assert_int_equal(err, SOUK_ERR_CORRUPT);
    assert_non_null(strstr(report.why, "its beginning is not there"));
    stage_end(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_sale_has_no_violation),
        cmocka_unit_test(an_empty_journal_has_none_either),
        cmocka_unit_test(what_is_under_way_is_no_violation),
        cmocka_unit_test(overselling_is_found),
        cmocka_unit_test(a_paid_order_without_units_is_found),
        cmocka_unit_test(a_return_of_what_was_not_sold_is_found),
        cmocka_unit_test(a_release_by_another_stock_is_found),
        cmocka_unit_test(a_second_capture_is_found),
        cmocka_unit_test(a_capture_without_authorisation_is_found),
        cmocka_unit_test(a_second_debit_is_found),
        cmocka_unit_test(two_effects_of_one_key_are_found),
        cmocka_unit_test(a_key_that_was_minted_anew_is_found_in_the_ledger),
        cmocka_unit_test(a_key_that_was_minted_anew_is_found_in_the_journal),
        cmocka_unit_test(two_live_authorisations_are_found),
        cmocka_unit_test(a_charge_for_a_cancelled_order_is_found),
        cmocka_unit_test(a_charge_for_no_order_is_found),
        cmocka_unit_test(a_paid_order_that_is_cancelled_is_found),
        cmocka_unit_test(more_than_the_limit_is_found_at_the_quota),
        cmocka_unit_test(another_limit_than_the_sales_is_found),
        cmocka_unit_test(more_than_the_limit_is_found_at_the_stock),
        cmocka_unit_test(uneven_books_are_found),
        cmocka_unit_test(a_wrong_clearing_book_is_found),
        cmocka_unit_test(a_capture_that_the_provider_does_not_know_is_found),
        cmocka_unit_test(an_overdrawn_account_is_found),
        cmocka_unit_test(an_edited_journal_is_refused_wherever_it_was_edited),
        cmocka_unit_test(a_journal_without_its_beginning_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
