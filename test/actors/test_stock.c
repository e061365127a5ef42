/* SPDX-License-Identifier: Apache-2.0 */
/* test_stock.c -- holds, their ends, undo before do; quotas likewise; an account's memory. */
#include "stage.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static souk_key
id(uint64_t number)
{
    return (souk_key){ number, number };
}

static souk_verdict
reserve(struct stage *s, uint64_t number, uint32_t units)
{
    return STAGE_SAY(s, stage_stock(s, "sale", "sku"), stock_reserve, .reservation = id(number), .units = units,
                     .number = (uint32_t)number, .price = 500, .currency = SOUK_TEXT("EUR"));
}

static souk_verdict
confirm(struct stage *s, uint64_t number)
{
    return STAGE_SAY(s, stage_stock(s, "sale", "sku"), stock_confirm, .reservation = id(number));
}

static souk_verdict
release(struct stage *s, uint64_t number)
{
    return STAGE_SAY(s, stage_stock(s, "sale", "sku"), stock_release, .reservation = id(number));
}

static void
holds_end_by_one_alarm(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    stage_shop(s, 100, 0);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_int_equal(reserve(s, i, 1), SOUK_ACCEPT);
        assert_int_equal(s->wakes_count, 1);
        stage_pass(s, 1000);
    }
    assert_int_equal(reserve(s, 7, 1), SOUK_ACCEPT); /* A repeat has the first one's number and end. */
    struct stock_reservation r;
    assert_true(stage_answer(s, souk_layout_of_stock_reservation, &r) && r.number == 7);
    assert_int_equal(confirm(s, 1), SOUK_ACCEPT);
    assert_int_equal(confirm(s, 1), SOUK_ACCEPT);
    assert_int_equal(release(s, 3), SOUK_ACCEPT);
    struct stock_view v = stage_stock_view(s);
    assert_true(v.sold == 1 && v.held == 48 && v.free == 51);
    stage_pass(s, 120000 - 50000 + 10000);
    v = stage_stock_view(s);
    assert_true(v.sold == 1 && v.held == 39 && v.free == 60);
    assert_int_equal(s->wakes_count, 1);
    assert_int_equal(confirm(s, 2), stock_expired);
    assert_int_equal(reserve(s, 2, 1), stock_expired);
    assert_int_equal(release(s, 2), SOUK_ACCEPT);
    stage_pass(s, 120000);
    v = stage_stock_view(s);
    assert_true(v.held == 0 && v.free == 99 && v.holds == 0);
    assert_int_equal(s->wakes_count, 0);
    stage_close(s);
}

static void
undo_may_come_before_do(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    stage_shop(s, 5, 0);
    assert_int_equal(release(s, 1), SOUK_ACCEPT);
    assert_int_equal(reserve(s, 1, 1), stock_released);
    assert_int_equal(stage_stock_view(s).free, 5);
    souk_ref quota = { quota_kind_number, id(9) };
    assert_int_equal(STAGE_SAY(s, quota, quota_release, .reservation = id(1)), SOUK_ACCEPT);
    assert_int_equal(STAGE_SAY(s, quota, quota_hold, .reservation = id(1), .units = 1, .limit = 2), quota_released);
    assert_int_equal(STAGE_SAY(s, quota, quota_hold, .reservation = id(2), .units = 2, .limit = 2), SOUK_ACCEPT);
    assert_int_equal(STAGE_SAY(s, quota, quota_hold, .reservation = id(2), .units = 2, .limit = 2), SOUK_ACCEPT);
    assert_int_equal(STAGE_SAY(s, quota, quota_hold, .reservation = id(3), .units = 1, .limit = 2), quota_limit);
    assert_int_equal(STAGE_SAY(s, quota, quota_confirm, .reservation = id(2)), SOUK_ACCEPT);
    assert_int_equal(STAGE_SAY(s, quota, quota_confirm, .reservation = id(2)), SOUK_ACCEPT);
    assert_int_equal(STAGE_SAY(s, quota, quota_hold, .reservation = id(4), .units = UINT32_MAX, .limit = 2),
                     quota_limit);
    stage_close(s);
}

/* The payment took longer than the hold: one more hold is had, and the order is paid; or not, and all is undone. */
static void
a_late_confirm_takes_another_hold(void **state SOUK_UNUSED)
{
    static const struct provider_result authorised = { .intent = { "pi", 2 }, .status = PROVIDER_REQUIRES_CAPTURE,
                                                       .amount = 500 };
    for (int sold_out = 0; sold_out < 2; sold_out++) {
        struct stage *s = stage_open();
        assert_int_equal(STAGE_SAY(s, stage_sale(s, "sale"), sale_open, .sale = SOUK_TEXT("sale"),
                                   .sku = SOUK_TEXT("sku"), .units = 1, .price = 500, .currency = SOUK_TEXT("EUR"),
                                   .limit_per_customer = 1, .hold_ms = 2000), SOUK_ACCEPT);
        assert_int_equal(stage_place(s, "ann", "k", 1, "tok"), ORDER_RESERVED);
        stage_pass(s, 3000);
        stage_credit(s, "bob", 500);
        if (sold_out) assert_int_equal(stage_place(s, "bob", "k", 1, NULL), ORDER_PAID);
        stage_provider(s, "provider_authorise", SOUK_DONE, &authorised);
        if (sold_out) {
            assert_int_equal(stage_order_view(s, "ann", "k").reason, ORDER_EXPIRED);
            assert_string_equal(s->calls[0].operation, "provider_cancel");
        } else {
            assert_int_equal(stage_order_view(s, "ann", "k").state, ORDER_CONFIRMED);
            assert_string_equal(s->calls[0].operation, "provider_capture");
        }
        assert_int_equal(stage_stock_view(s).sold, 1);
        stage_close(s);
    }
}

static souk_verdict
top_up(struct stage *s, const char *key, int64_t amount)
{
    return STAGE_SAY(s, stage_account(s, "ann"), account_top_up, .customer = SOUK_TEXT("ann"), .key = stage_text(key),
                     .amount = amount, .currency = SOUK_TEXT("EUR"));
}

static void
top_ups_are_remembered(void **state SOUK_UNUSED)
{
    struct stage *s = stage_open();
    struct account_receipt first, again;
    assert_int_equal(top_up(s, "a", 100), SOUK_ACCEPT);
    assert_true(stage_answer(s, souk_layout_of_account_receipt, &first) && first.balance == 100);
    for (int i = 0; i < 150; i++) {
        char key[8] = { 'k', (char)('a' + i / 10), (char)('0' + i % 10) };
        assert_int_equal(top_up(s, key, 1), SOUK_ACCEPT);
    }
    assert_int_equal(top_up(s, "a", 100), SOUK_ACCEPT);
    assert_true(stage_answer(s, souk_layout_of_account_receipt, &again) && again.balance == 100);
    assert_true(souk_key_equal(first.posting, again.posting));
    assert_int_equal(top_up(s, "a", 101), account_key_reused);
    assert_int_equal(top_up(s, "b", 0), account_invalid);
    assert_int_equal(top_up(s, "b", INT64_MAX), account_invalid);
    struct account_view v;
    assert_int_equal(stage_request(s, stage_account(s, "ann"), &account_show_query, &(struct account_show){}), 0);
    assert_true(stage_answer(s, souk_layout_of_account_view, &v));
    assert_true(v.balances.count == 1 && v.balances.at[0].amount == 250 && v.postings.count == 100 && v.count == 151);
    assert_int_equal(stage_balance(s, stage_book(s, BOOK_ISSUED_CREDIT)), -250);
    assert_int_equal(STAGE_SAY(s, stage_account(s, "bob"), account_debit, .posting = id(1), .amount = 1,
                               .currency = SOUK_TEXT("EUR")), account_insufficient);
    assert_int_equal(stage_request(s, stage_account(s, "bob"), &account_show_query, &(struct account_show){}),
                     account_unknown);
    stage_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_end_by_one_alarm),
        cmocka_unit_test(undo_may_come_before_do),
        cmocka_unit_test(a_late_confirm_takes_another_hold),
        cmocka_unit_test(top_ups_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
