/* SPDX-License-Identifier: Apache-2.0 */
/* test_checkout.c -- whole checkouts by credit: what is sold, held and charged when all goes well and when not. */
#include "stage.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void
credit_buys(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    stage_shop(s, 10, 3);
    stage_credit(s, "ann", 2000);
    assert_int_equal(stage_place(s, "ann", "k1", 2, NULL), ORDER_PAID);
    print_message("journal bytes of one credit checkout, its batch alone: %zu\n", s->batch_bytes);
    assert_true(s->batch_bytes <= 660);
    struct order_view v = stage_order_view(s, "ann", "k1");
    assert_true(v.settled && v.total == 1000 && v.number == 1 && v.reason == ORDER_NO_REASON);
    assert_int_equal(v.history.count, 5);
    struct stock_view stock = stage_stock_view(s);
    assert_true(stock.sold == 2 && stock.held == 0 && stock.free == 8 && stock.holds == 0);
    assert_int_equal(stage_balance(s, stage_account(s, "ann")), 1000);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_CLEARING)), 0);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_SALES)), 1000);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_ISSUED_CREDIT)), -2000);

    /* The same again is the same order; other fields under its key are refused before all else. */
    assert_int_equal(stage_place(s, "ann", "k1", 2, NULL), ORDER_PAID);
    assert_int_equal(STAGE_SAY(s, stage_order(s, "ann", "k1"), order_place, .customer = SOUK_TEXT("ann"),
                               .idempotency_key = SOUK_TEXT("k1"), .sale = SOUK_TEXT("sale"), .units = 0,
                               .method = ORDER_CREDIT), order_key_reused);
    assert_int_equal(stage_stock_view(s).sold, 2);

    /* The limit, and then the money. */
    assert_int_equal(stage_place(s, "ann", "k2", 2, NULL), ORDER_CANCELLED);
    assert_int_equal(stage_order_view(s, "ann", "k2").reason, ORDER_LIMIT);
    assert_int_equal(stage_place(s, "bob", "k1", 1, NULL), ORDER_CANCELLED);
    assert_int_equal(stage_order_view(s, "bob", "k1").reason, ORDER_INSUFFICIENT);
    stock = stage_stock_view(s);
    assert_true(stock.sold == 2 && stock.held == 0);
    stage_close(s);
}

static void
sold_out_may_be_placed_again(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    stage_shop(s, 2, 0);
    stage_credit(s, "bob", 5000);
    assert_int_equal(stage_place(s, "ann", "card", 2, "tok"), ORDER_RESERVED);
    assert_int_equal(stage_stock_view(s).state, STOCK_SOLD_OUT);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(stage_place(s, "bob", "k", 1, NULL), ORDER_CANCELLED);
        assert_int_equal(stage_order_view(s, "bob", "k").reason, ORDER_SOLD_OUT);
    }
    stage_provider(s, "provider_authorise", SOUK_DONE, &(struct provider_result){ .status = PROVIDER_DECLINED });
    assert_int_equal(stage_order_view(s, "ann", "card").reason, ORDER_DECLINED);
    assert_int_equal(stage_place(s, "bob", "k", 1, NULL), ORDER_PAID);
    assert_int_equal(stage_order_view(s, "bob", "k").history.at[1].happening, ORDER_WAS_PLACED_AGAIN);
    assert_int_equal(stage_stock_view(s).sold, 1);
    stage_close(s);
}

static void
wrong_addresses_and_fields_are_refused(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    struct order_view v;
    stage_shop(s, 2, 0);
    assert_int_equal(STAGE_SAY(s, stage_order(s, "ann", "k"), order_place, .customer = SOUK_TEXT("bob"),
                               .idempotency_key = SOUK_TEXT("k"), .sale = SOUK_TEXT("sale"), .units = 1,
                               .method = ORDER_CREDIT), order_wrong_address);
    assert_int_equal(STAGE_SAY(s, stage_order(s, "ann", "k"), order_place, .customer = SOUK_TEXT("ann"),
                               .idempotency_key = SOUK_TEXT("k"), .sale = SOUK_TEXT("sale"), .units = 1,
                               .method = ORDER_CARD), order_invalid);
    assert_false(STAGE_SHOW(s, stage_order(s, "ann", "k"), order_show, order_view, &v, .settled_only = true));
    assert_int_equal(s->refusal, order_unknown);
    assert_int_equal(STAGE_SAY(s, stage_sale(s, "sale"), sale_open, .sale = SOUK_TEXT("other"), .sku = SOUK_TEXT("sku"),
                               .units = 1), sale_wrong_address);
    assert_int_equal(STAGE_SAY(s, stage_sale(s, "sale"), sale_open, .sale = SOUK_TEXT("sale"), .sku = SOUK_TEXT("sku"),
                               .units = 3, .price = 500, .currency = SOUK_TEXT("EUR"), .hold_ms = 120000),
                     sale_conflict);
    stage_shop(s, 2, 0);
    struct sale_receipt receipt;
    assert_true(stage_answer(s, souk_layout_of_sale_receipt, &receipt) && !receipt.created);
    assert_int_equal(STAGE_SAY(s, stage_sale(s, "big"), sale_open, .sale = SOUK_TEXT("big"), .sku = SOUK_TEXT("sku"),
                               .units = 1, .price = 500, .currency = SOUK_TEXT("EUX"), .hold_ms = 1), sale_invalid);
    assert_int_equal(STAGE_SAY(s, stage_sale(s, "sale"), sale_close, .sale = SOUK_TEXT("sale")), SOUK_ACCEPT);
    assert_int_equal(stage_place(s, "ann", "k", 1, NULL), ORDER_CANCELLED);
    assert_int_equal(stage_order_view(s, "ann", "k").reason, ORDER_SALE_CLOSED);
    stage_close(s);
}

static void
a_sale_opens_by_the_clock(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    stage_credit(s, "ann", 5000);
    assert_int_equal(STAGE_SAY(s, stage_sale(s, "sale"), sale_open, .sale = SOUK_TEXT("sale"), .sku = SOUK_TEXT("sku"),
                               .units = 3, .price = 500, .currency = SOUK_TEXT("EUR"), .hold_ms = 1000,
                               .opens_at_ms = s->now_ms + 5000), SOUK_ACCEPT);
    assert_int_equal(stage_place(s, "ann", "early", 1, NULL), ORDER_CANCELLED);
    assert_int_equal(stage_order_view(s, "ann", "early").reason, ORDER_NOT_OPEN);
    stage_pass(s, 5000);
    assert_int_equal(stage_place(s, "ann", "k", 1, NULL), ORDER_PAID);
    stage_close(s);
}

static void
lost_messages_are_sent_again_and_done_once(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    stage_shop(s, 5, 2);
    stage_credit(s, "ann", 5000);
    static const struct souk_row *const rows[] = { &sale_enter_command, &stock_reserve_command,
                                                   &stock_confirm_command };
    static const char *const keys[] = { "a", "b" };
    for (int i = 0; i < 2; i++) {
        s->lose_row = rows[i + 1];
        s->lose = 2;
        assert_true(stage_place(s, "ann", keys[i], 1, NULL) < ORDER_CONFIRMED);
        stage_pass(s, 10000);
        assert_int_equal(stage_order_view(s, "ann", keys[i]).state, ORDER_PAID);
    }
    assert_int_equal(stage_stock_view(s).sold, 2);
    s->lose_row = rows[0];
    s->lose = 3;
    assert_int_equal(stage_place(s, "bob", "k", 1, NULL), ORDER_PLACED);
    stage_pass(s, 20000);
    assert_int_equal(stage_order_view(s, "bob", "k").reason, ORDER_BUSY);
    s->lose_row = &stock_confirm_command;
    s->lose = 5;
    stage_credit(s, "eve", 5000);
    assert_int_equal(stage_place(s, "eve", "k", 1, NULL), ORDER_AUTHORISED);
    stage_pass(s, 60000);
    assert_int_equal(stage_order_view(s, "eve", "k").state, ORDER_NEEDS_REVIEW);
    stage_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_buys),
        cmocka_unit_test(sold_out_may_be_placed_again),
        cmocka_unit_test(wrong_addresses_and_fields_are_refused),
        cmocka_unit_test(a_sale_opens_by_the_clock),
        cmocka_unit_test(lost_messages_are_sent_again_and_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
