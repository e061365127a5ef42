/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/test_check.c -- the checker finds each kind of violation in a journal made for it, and none in a right
 * one. */
#include "check_story.h"

#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static const struct souk_id nothing;
static const struct souk_secret secret = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

/* A sale on an empty disk. */
struct stage { souk_memory_store *store; struct story story; };

static struct story *
begin(struct stage *stage, uint32_t units, uint32_t limit)
{
    souk_journal *journal;
    stage->store = souk_memory_store_open();
    assert_int_equal(souk_memory_store_journal(stage->store, &journal), SOUK_OK);
    story_open(&stage->story, journal, secret, units, limit);
    return &stage->story;
}

static void
end(struct stage *stage)
{
    story_close(&stage->story);
    souk_memory_store_close(&stage->store);
}

/* Ends the last batch, checks, and wants this invariant violated; 0: none at all. */
static void
expect(struct stage *stage, unsigned invariant, const char *words)
{
    story_batch(&stage->story);
    const struct souk_check_report *r = story_check(&stage->story);
    bool told = false;
    for (unsigned i = 1; i <= SOUK_CHECK_INVARIANTS; i++)
        for (unsigned n = 0; n < SOUK_CHECK_SHOWN && n < r->invariants[i]; n++) {
            if (!invariant) print_message("I%u: %s\n", i, r->findings[i][n].text);
            told |= i == invariant && strstr(r->findings[i][n].text, words);
        }
    if (!invariant) assert_int_equal(r->violations, 0);
    else assert_true(told);
    end(stage);
}

/* ---- Nothing is wrong. ---- */

static void
a_right_sale_has_no_violation(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 0);
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
    expect(&stage, 0, "");
}

static void
an_empty_journal_has_none_either(void **state)
{
    (void)state;
    static struct souk_check_report report;
    souk_memory_store *store = souk_memory_store_open();
    souk_journal *journal;
    assert_int_equal(souk_memory_store_journal(store, &journal), SOUK_OK);
    assert_int_equal(souk_check_run(journal, &secret, &(struct souk_check_inputs){ 0 }, &report), SOUK_OK);
    assert_int_equal(report.violations, 0);
    souk_memory_store_close(&store);
}

/* An order that stands still while its ask is open may go on: the node was killed. */
static void
what_is_under_way_is_no_violation(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 8000);
    expect(&stage, 0, "");
}

/* ---- I1. ---- */

static void
overselling_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 2, ORDER_CARD);
    story_buy_until_held(s, 2, 2, ORDER_CARD);
    expect(&stage, 1, "oversold: 2 units were reserved where 1 were free");
}

static void
a_paid_order_without_units_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 2, ORDER_CARD);
    story_authorise(s, 1, 2, ORDER_CARD);
    story_confirm(s, 1);
    story_capture(s, 1, 2, ORDER_CARD);
    story_pay(s, 1);
    expect(&stage, 1, "of which the stock sold 0");
}

static void
a_return_of_what_was_not_sold_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 2, ORDER_CARD);
    writer_turn(&s->w, s->stock, nothing);
    EVENT(&s->w, stock_returned, .reservation = story_order(s, 1).key, .units = 2);
    expect(&stage, 1, "were returned that were not sold");
}

/* ---- I2. ---- */

static void
a_second_capture_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_capture(s, 1, 1, ORDER_CARD);
    expect(&stage, 2, "captured twice");
}

static void
a_capture_without_authorisation_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_capture(s, 1, 1, ORDER_CARD);
    expect(&stage, 2, "captured without an authorisation");
}

static void
a_second_debit_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_top_up(s, 1, 5000);
    story_book_amount(s, BOOK_ISSUED_CREDIT, -5000);
    story_buy(s, 1, 1, ORDER_CREDIT);
    story_debit(s, 1, STORY_PRICE);
    story_book_amount(s, BOOK_CLEARING, STORY_PRICE);
    expect(&stage, 2, "debited 500 after 500");
}

static void
two_effects_of_one_key_are_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_effect(s, 1, SOUK_CHECK_CAPTURE, 1, STORY_PRICE);
    expect(&stage, 2, "a provider's key had two effects");
}

static void
a_key_that_was_minted_anew_is_found_in_the_ledger(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 2, STORY_PRICE);
    s->effects[2].intent.high = 99;
    expect(&stage, 2, "under a key that the journal never named");
}

static void
a_key_that_was_minted_anew_is_found_in_the_journal(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
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
    expect(&stage, 2, "minted anew");
}

static void
two_live_authorisations_are_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 7, STORY_PRICE);
    s->effects[2].intent.high = 99;
    expect(&stage, 2, "holds 2 authorisations");
}

/* ---- I3. ---- */

static void
a_charge_for_a_cancelled_order_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_authorise(s, 1, 1, ORDER_CARD);
    story_cancel(s, 1, ORDER_EXPIRED);
    story_stock_release(s, 1);
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 1, STORY_PRICE);
    story_effect(s, 1, SOUK_CHECK_CAPTURE, 1, STORY_PRICE);
    expect(&stage, 3, "for an order that is cancelled");
}

static void
a_charge_for_no_order_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_effect(s, 1, SOUK_CHECK_AUTHORISE, 1, STORY_PRICE);
    story_effect(s, 1, SOUK_CHECK_CAPTURE, 1, STORY_PRICE);
    expect(&stage, 3, "for no order");
}

static void
a_paid_order_that_is_cancelled_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 3, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    story_cancel(s, 1, ORDER_EXPIRED);
    expect(&stage, 3, "a paid order became cancelled");
}

/* ---- I4. ---- */

static void
more_than_the_limit_is_found_at_the_quota(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 2);
    (void)state;
    story_place(s, 1, 3, ORDER_CARD);
    story_quota_hold(s, 1, 3, 2);
    expect(&stage, 4, "3 held + 0 confirmed are more than the limit of 2");
}

static void
another_limit_than_the_sales_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 2);
    (void)state;
    story_place(s, 1, 3, ORDER_CARD);
    story_quota_hold(s, 1, 3, 5);
    expect(&stage, 4, "held against a limit of 5, its sale has 2");
}

static void
more_than_the_limit_is_found_at_the_stock(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 2);
    (void)state;
    story_buy_until_held(s, 1, 3, ORDER_CARD);
    story_batch(s);
    const struct souk_check_report *r = story_check(s);
    assert_int_equal(r->invariants[4], 2); /* Without a quota, and too many. */
    expect(&stage, 4, "one customer has 3 units, the limit is 2");
}

/* ---- I5. ---- */

static void
uneven_books_are_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 0);
    (void)state;
    story_top_up(s, 1, 5000);
    story_book_amount(s, BOOK_ISSUED_CREDIT, -4999);
    expect(&stage, 5, "debits and credits in EUR differ by 1");
}

static void
a_wrong_clearing_book_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 0);
    (void)state;
    story_book_amount(s, BOOK_CLEARING, 700);
    story_book_amount(s, BOOK_SALES, -700);
    expect(&stage, 5, "the clearing book in EUR has 700 more");
}

static void
a_capture_that_the_provider_does_not_know_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    s->effects_count = 0;
    expect(&stage, 5, "the provider's have nothing");
}

static void
an_overdrawn_account_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 10, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CREDIT);
    expect(&stage, 5, "overdraws the account");
}

/* ---- I6. ---- */

static void
overtaking_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 1, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_number(s);
    story_turn_away(s, 1);
    story_stock_release(s, 1); /* Units come back: the next is served by right. */
    story_buy_until_held(s, 2, 1, ORDER_CARD);
    story_number(s);
    story_turn_away(s, 1);
    story_buy_until_held(s, 3, 1, ORDER_CARD); /* Nothing has come back. */
    story_batch(s);
    assert_int_equal(story_check(s)->invariants[6], 1);
    expect(&stage, 6, "number 4 was refused 1 units, number 5 then got 1");
}

static void
a_refusal_while_units_are_free_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_number(s);
    story_turn_away(s, 5);
    expect(&stage, 6, "while 5 were free");
}

static void
numbers_out_of_order_are_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_number(s);
    story_number(s);
    story_turn_away(s, 6);
    s->numbers = 1;
    story_turn_away(s, 6);
    expect(&stage, 6, "number 1 came after number 2");
}

/* ---- I7. ---- */

static struct souk_id
some_message(struct story *s)
{
    story_top_up(s, 1, 5000);
    struct souk_id id = SEND(&s->w, story_book(s, BOOK_ISSUED_CREDIT), account_post, .amount = -5000,
                             .currency = SOUK_TEXT("EUR"));
    story_batch(s);
    return id;
}

static void
a_message_handled_twice_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    struct souk_id id = some_message(s);
    for (unsigned i = 0; i < 2; i++) {
        writer_turn(&s->w, story_book(s, BOOK_ISSUED_CREDIT), id);
        EVENT(&s->w, account_booked, .amount = -5000, .currency = SOUK_TEXT("EUR"));
    }
    expect(&stage, 7, "message 2.0 was consumed a second time");
}

static void
a_message_that_was_never_sent_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    some_message(s);
    writer_turn(&s->w, story_book(s, BOOK_ISSUED_CREDIT), (struct souk_id){ 2, 1 });
    expect(&stage, 7, "message 2.1 was consumed though it was never sent");
}

static void
a_message_from_the_future_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    writer_turn(&s->w, s->stock, (struct souk_id){ 77, 0 });
    expect(&stage, 7, "before it was sent");
}

static void
a_message_taken_by_another_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    struct souk_id id = some_message(s);
    writer_turn(&s->w, story_book(s, BOOK_SALES), id);
    expect(&stage, 7, "by another than it was for");
}

static void
asks_that_are_opened_or_closed_twice_are_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_order(s, 1), 4, order_entered_tag, s->w.now_ms + 100);
    story_batch(s);
    writer_closed(&s->w, story_order(s, 1), 4);
    writer_opened(&s->w, story_order(s, 1), 4, order_entered_tag, s->w.now_ms + 100);
    story_batch(s);
    writer_closed(&s->w, story_order(s, 1), 4);
    writer_closed(&s->w, story_order(s, 1), 4);
    story_batch(s);
    assert_int_equal(story_check(s)->invariants[7], 2);
    expect(&stage, 7, "ask 4 was closed, which was not open");
}

static void
a_gap_in_the_numbers_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_number(s);
    s->numbers = 2;
    story_number(s);
    expect(&stage, 7, "number 3 was given after number 1");
}

static void
a_step_that_is_done_twice_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_stock_release(s, 1);
    story_number(s);
    story_stock_hold(s, 1, 1);
    expect(&stage, 7, "that had been released before");
}

/* ---- I8. ---- */

/* Time passes while the node runs. */
static void
run_on(struct story *s, uint64_t ms)
{
    for (uint64_t end_ms = s->w.now_ms + ms; s->w.now_ms < end_ms;) {
        story_batch(s);
        s->w.now_ms += 500;
        writer_turn(&s->w, s->sale, nothing);
    }
    story_batch(s);
}

static void
a_hold_that_does_not_end_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 800000);
    run_on(s, STORY_HOLD_MS + 14000);
    assert_int_equal(story_check(s)->violations, 0);
    run_on(s, 2000);
    expect(&stage, 8, "did not end");
}

/* While the node is down nothing can end. */
static void
time_without_a_node_does_not_count(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 800000);
    story_batch(s);
    s->w.now_ms += 1000000000;
    run_on(s, 2000);
    expect(&stage, 0, "");
}

static void
a_sweep_ends_a_hold_in_time(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 800000);
    run_on(s, STORY_HOLD_MS);
    writer_turn(&s->w, s->stock, s->alarm_id);
    EVENT(&s->w, stock_swept, .through_ms = s->w.now_ms);
    run_on(s, 60000);
    expect(&stage, 0, "");
}

static void
a_hold_without_an_alarm_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    s->alarm = true;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    expect(&stage, 8, "no alarm will end that");
}

static void
a_sale_after_the_holds_end_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_batch(s);
    s->w.now_ms += STORY_HOLD_MS;
    story_stock_confirm(s, 1);
    expect(&stage, 8, "was confirmed at");
}

static void
an_order_that_nothing_brings_on_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 1, ORDER_CARD);
    expect(&stage, 8, "it is placed, and nothing is under way");
}

static void
a_message_that_is_forgotten_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    some_message(s);
    run_on(s, 16000);
    expect(&stage, 8, "a command of 2.0 (message 4) was due");
}

static void
units_that_were_refused_and_never_sold_are_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 1, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_place(s, 2, 1, ORDER_CARD);
    story_number(s);
    story_turn_away(s, 1);
    story_cancel(s, 2, ORDER_SOLD_OUT);
    story_cancel(s, 1, ORDER_DECLINED);
    writer_turn(&s->w, story_payment(s, 1), nothing);
    EVENT(&s->w, payment_auth_failed, .has_decline_code = false);
    story_stock_release(s, 1);
    story_ack(s, 2, 409);
    expect(&stage, 8, "1 units were never sold");
}

/* ---- I9. ---- */

static void
a_lost_order_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_ack(s, 1, 201);
    expect(&stage, 9, "told 201, and it is not in the journal");
}

static void
an_order_that_was_taken_in_and_lost_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_ack(s, 1, 202);
    expect(&stage, 9, "told 202, and it is not in the journal");
}

static void
a_refused_order_that_is_paid_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    s->acks[0].status = 402;
    expect(&stage, 9, "told 402, and it is paid");
}

/* ---- I10. ---- */

static void
another_price_than_the_sales_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 1, ORDER_CARD);
    story_number(s);
    story_stock_hold(s, 1, 1);
    writer_turn(&s->w, story_order(s, 1), nothing);
    EVENT(&s->w, order_reserved, .number = 1, .price = STORY_PRICE + 1, .currency = SOUK_TEXT("EUR"), .after_ms = 0);
    expect(&stage, 10, "the price is 501, the sale's is 500");
}

static void
another_total_than_units_times_price_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 2, ORDER_CARD);
    story_number(s);
    story_stock_hold(s, 1, 2);
    story_reserve(s, 1, 1, ORDER_CARD);
    expect(&stage, 10, "500 is to be charged, the order's total is 1000");
}

static void
another_charge_than_quoted_is_found(void **state)
{
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    s->effects[1].amount = STORY_PRICE - 1;
    expect(&stage, 10, "the provider charged 499, quoted were 500");
}

/* ---- Damage. ---- */

static void
an_edited_journal_is_refused_wherever_it_was_edited(void **state)
{
    static struct souk_check_report report;
    (void)state;
    for (uint64_t bit = 0; bit < 4000; bit += 37) {
        struct stage stage;
        struct story *s = begin(&stage, 5, 0);
        story_buy(s, 1, 1, ORDER_CARD);
        story_buy(s, 2, 1, ORDER_CARD);
        assert_true(souk_memory_store_flip(stage.store, 2, bit));
        souk_err err = souk_check_run(s->w.journal, &secret, &(struct souk_check_inputs){ 0 }, &report);
        assert_true(err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION);
        assert_true(report.why[0]);
        end(&stage);
    }
}

static void
a_journal_without_its_beginning_is_refused(void **state)
{
    static struct souk_check_report report;
    struct stage stage;
    struct story *s = begin(&stage, 5, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    assert_int_equal(s->w.journal->ops->trim(s->w.journal, 2), SOUK_OK);
    souk_err err = souk_check_run(s->w.journal, &secret, &(struct souk_check_inputs){ 0 }, &report);
    assert_int_equal(err, SOUK_ERR_CORRUPT);
    assert_non_null(strstr(report.why, "its beginning is not there"));
    end(&stage);
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
        cmocka_unit_test(overtaking_is_found),
        cmocka_unit_test(a_refusal_while_units_are_free_is_found),
        cmocka_unit_test(numbers_out_of_order_are_found),
        cmocka_unit_test(a_message_handled_twice_is_found),
        cmocka_unit_test(a_message_that_was_never_sent_is_found),
        cmocka_unit_test(a_message_from_the_future_is_found),
        cmocka_unit_test(a_message_taken_by_another_is_found),
        cmocka_unit_test(asks_that_are_opened_or_closed_twice_are_found),
        cmocka_unit_test(a_gap_in_the_numbers_is_found),
        cmocka_unit_test(a_step_that_is_done_twice_is_found),
        cmocka_unit_test(a_hold_that_does_not_end_is_found),
        cmocka_unit_test(time_without_a_node_does_not_count),
        cmocka_unit_test(a_sweep_ends_a_hold_in_time),
        cmocka_unit_test(a_hold_without_an_alarm_is_found),
        cmocka_unit_test(a_sale_after_the_holds_end_is_found),
        cmocka_unit_test(an_order_that_nothing_brings_on_is_found),
        cmocka_unit_test(a_message_that_is_forgotten_is_found),
        cmocka_unit_test(units_that_were_refused_and_never_sold_are_found),
        cmocka_unit_test(a_lost_order_is_found),
        cmocka_unit_test(an_order_that_was_taken_in_and_lost_is_found),
        cmocka_unit_test(a_refused_order_that_is_paid_is_found),
        cmocka_unit_test(another_price_than_the_sales_is_found),
        cmocka_unit_test(another_total_than_units_times_price_is_found),
        cmocka_unit_test(another_charge_than_quoted_is_found),
        cmocka_unit_test(an_edited_journal_is_refused_wherever_it_was_edited),
        cmocka_unit_test(a_journal_without_its_beginning_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
