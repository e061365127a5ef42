/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/test_check_order.c -- the checker finds each kind of wrong order of things, of things left undone, told or
 * priced otherwise (I6 to I10) in a journal made for it. */
#include "check_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static const struct souk_id nothing;

/* ---- I6. ---- */

static void
overtaking_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 1, 0);
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
    assert_true(stage_finds(&stage, 6, "number 4 was refused 1 units, number 5 then got 1"));
}

static void
a_refusal_while_units_are_free_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_number(s);
    story_turn_away(s, 5);
    assert_true(stage_finds(&stage, 6, "while 5 were free"));
}

static void
numbers_out_of_order_are_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_number(s);
    story_number(s);
    story_turn_away(s, 6);
    s->numbers = 1;
    story_turn_away(s, 6);
    assert_true(stage_finds(&stage, 6, "number 1 came after number 2"));
}

/* ---- I7. ---- */

static void
a_message_handled_twice_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    struct souk_id id = stage_message(s);
    for (unsigned i = 0; i < 2; i++) {
        writer_turn(&s->w, story_book(s, BOOK_ISSUED_CREDIT), id);
        EVENT(&s->w, account_booked, .amount = -5000, .currency = SOUK_TEXT("EUR"));
    }
    assert_true(stage_finds(&stage, 7, "message 2.0 was consumed a second time"));
}

static void
a_message_that_was_never_sent_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    stage_message(s);
    writer_turn(&s->w, story_book(s, BOOK_ISSUED_CREDIT), (struct souk_id){ 2, 1 });
    assert_true(stage_finds(&stage, 7, "message 2.1 was consumed though it was never sent"));
}

static void
a_message_from_the_future_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    writer_turn(&s->w, s->stock, (struct souk_id){ 77, 0 });
    assert_true(stage_finds(&stage, 7, "before it was sent"));
}

static void
a_message_taken_by_another_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    struct souk_id id = stage_message(s);
    writer_turn(&s->w, story_book(s, BOOK_SALES), id);
    assert_true(stage_finds(&stage, 7, "by another than it was for"));
}

static void
asks_that_are_opened_or_closed_twice_are_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
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
    assert_true(stage_finds(&stage, 7, "ask 4 was closed, which was not open"));
}

static void
a_gap_in_the_numbers_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_number(s);
    s->numbers = 2;
    story_number(s);
    assert_true(stage_finds(&stage, 7, "number 3 was given after number 1"));
}

static void
a_step_that_is_done_twice_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_stock_release(s, 1);
    story_number(s);
    story_stock_hold(s, 1, 1);
    assert_true(stage_finds(&stage, 7, "that had been released before"));
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
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 800000);
    run_on(s, STORY_HOLD_MS + 14000);
    assert_int_equal(story_check(s)->violations, 0);
    run_on(s, 2000);
    assert_true(stage_finds(&stage, 8, "did not end"));
}

/* While the node is down nothing can end. */
static void
time_without_a_node_does_not_count(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 800000);
    story_batch(s);
    s->w.now_ms += 1000000000;
    run_on(s, 2000);
    assert_true(stage_finds(&stage, 0, ""));
}

static void
a_sweep_ends_a_hold_in_time(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    writer_opened(&s->w, story_payment(s, 1), 1, payment_authorise_answered_tag, s->w.now_ms + 800000);
    run_on(s, STORY_HOLD_MS);
    writer_turn(&s->w, s->stock, s->alarm_id);
    EVENT(&s->w, stock_swept, .through_ms = s->w.now_ms);
    run_on(s, 60000);
    assert_true(stage_finds(&stage, 0, ""));
}

static void
a_hold_without_an_alarm_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    s->alarm = true;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    assert_true(stage_finds(&stage, 8, "no alarm will end that"));
}

static void
a_sale_after_the_holds_end_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy_until_held(s, 1, 1, ORDER_CARD);
    story_batch(s);
    s->w.now_ms += STORY_HOLD_MS;
    story_stock_confirm(s, 1);
    assert_true(stage_finds(&stage, 8, "was confirmed at"));
}

static void
an_order_that_nothing_brings_on_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 1, ORDER_CARD);
    assert_true(stage_finds(&stage, 8, "it is placed, and nothing is under way"));
}

static void
a_message_that_is_forgotten_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    stage_message(s);
    run_on(s, 16000);
    assert_true(stage_finds(&stage, 8, "a command of 2.0 (message 4) was due"));
}

static void
units_that_were_refused_and_never_sold_are_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 1, 0);
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
    assert_true(stage_finds(&stage, 8, "1 units were never sold"));
}

/* ---- I9. ---- */

static void
a_lost_order_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_ack(s, 1, 201);
    assert_true(stage_finds(&stage, 9, "told 201, and it is not in the journal"));
}

static void
an_order_that_was_taken_in_and_lost_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_ack(s, 1, 202);
    assert_true(stage_finds(&stage, 9, "told 202, and it is not in the journal"));
}

static void
a_refused_order_that_is_paid_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    s->acks[0].status = 402;
    assert_true(stage_finds(&stage, 9, "told 402, and it is paid"));
}

/* ---- I10. ---- */

static void
another_price_than_the_sales_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 1, ORDER_CARD);
    story_number(s);
    story_stock_hold(s, 1, 1);
    writer_turn(&s->w, story_order(s, 1), nothing);
    EVENT(&s->w, order_reserved, .number = 1, .price = STORY_PRICE + 1, .currency = SOUK_TEXT("EUR"), .after_ms = 0);
    assert_true(stage_finds(&stage, 10, "the price is 501, the sale's is 500"));
}

static void
another_total_than_units_times_price_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_place(s, 1, 2, ORDER_CARD);
    story_number(s);
    story_stock_hold(s, 1, 2);
    story_reserve(s, 1, 1, ORDER_CARD);
    assert_true(stage_finds(&stage, 10, "500 is to be charged, the order's total is 1000"));
}

static void
another_charge_than_quoted_is_found(void **state)
{
    struct stage stage;
    struct story *s = stage_begin(&stage, 5, 0);
    (void)state;
    story_buy(s, 1, 1, ORDER_CARD);
    s->effects[1].amount = STORY_PRICE - 1;
    assert_true(stage_finds(&stage, 10, "the provider charged 499, quoted were 500"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
