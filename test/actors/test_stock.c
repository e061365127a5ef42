/* SPDX-License-Identifier: Apache-2.0 */
/* test_stock.c -- holds, their ends, undo before do; quotas likewise; an account's memory. */
#include "stage.h"

#include <souk/sim.h>

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* ---- Given, when, then: one actor. ---- */

enum { HOLD_MS = 120000 };

static souk_kit *
open_stock(uint32_t units)
{
    souk_kit *kit = souk_kit_open(&stock_kind, "spring,console");
    SOUK_GIVEN(kit, stock_opened, .sale = SOUK_TEXT("spring"), .sku = SOUK_TEXT("console"), .units = units,
               .hold_ms = HOLD_MS);
    return kit;
}

static void
reserve(souk_kit *kit, uint64_t number)
{
    SOUK_WHEN(kit, stock_reserve, .reservation = souk_kit_id(number), .units = 1, .number = (uint32_t)number,
              .price = 500, .currency = SOUK_TEXT("EUR"));
}

static struct stock_view
show(souk_kit *kit)
{
    struct stock_view v = { .units = 0 };
    souk_verdict verdict = SOUK_KIT_SHOW(kit, stock_show, stock_view, &v);
    assert_int_equal(verdict, SOUK_ACCEPT);
    assert_int_equal(v.free + v.held + v.sold, v.units);
    return v;
}

static void
a_hold_is_had_or_not(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_stock(1);
    uint64_t until_ms = souk_kit_now_ms(kit) + HOLD_MS;
    SOUK_WHEN(kit, stock_reserve, .reservation = souk_kit_id(1), .units = 1, .number = 7, .price = 500,
              .currency = SOUK_TEXT("EUR"));
    SOUK_THEN(kit, stock_reserved, .reservation = souk_kit_id(1), .number = 7, .units = 1, .until_ms = until_ms);
    SOUK_THEN_WAKES(kit, HOLD_MS, stock_expire);
    SOUK_THEN_ANSWERED(kit, stock_reservation, .number = 7, .until_ms = until_ms, .price = 500,
                       .currency = SOUK_TEXT("EUR"));
    SOUK_THEN_NOTHING(kit);
    reserve(kit, 8); /* Refused, and on record. */
    SOUK_THEN(kit, stock_turned_away, .number = 8, .units = 1);
    SOUK_THEN_REFUSED(kit, stock_sold_out);
    SOUK_THEN_NOTHING(kit);
    souk_kit_close(&kit);

    kit = souk_kit_open(&stock_kind, "spring,console");
    reserve(kit, 1);
    SOUK_THEN_REFUSED(kit, stock_unknown);
    SOUK_WHEN(kit, stock_open, .sale = SOUK_TEXT("summer"), .sku = SOUK_TEXT("console"), .units = 1, .hold_ms = 1);
    SOUK_THEN_REFUSED(kit, stock_wrong_address);
    souk_kit_close(&kit);
}

static void
holds_end_by_one_alarm(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_stock(100);
    uint64_t began = souk_kit_now_ms(kit);
    for (uint64_t i = 1; i <= 50; i++) {
        reserve(kit, i);
        SOUK_THEN(kit, stock_reserved, .reservation = souk_kit_id(i), .number = (uint32_t)i, .units = 1,
                  .until_ms = souk_kit_now_ms(kit) + HOLD_MS);
        if (i == 1) SOUK_THEN_WAKES(kit, HOLD_MS, stock_expire);
        SOUK_THEN_ANSWERED(kit, stock_reservation, .number = (uint32_t)i, .until_ms = souk_kit_now_ms(kit) + HOLD_MS,
                           .price = 500, .currency = SOUK_TEXT("EUR"));
        SOUK_THEN_NOTHING(kit);
        SOUK_WHEN_PASSED(kit, 1000);
    }
    SOUK_WHEN(kit, stock_reserve, .reservation = souk_kit_id(7), .units = 1, .number = 51, .price = 500,
              .currency = SOUK_TEXT("EUR"));
    SOUK_THEN_ANSWERED(kit, stock_reservation, .number = 7, .until_ms = began + 6000 + HOLD_MS, .price = 500,
                       .currency = SOUK_TEXT("EUR")); /* A repeat has the first one's number and end. */
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, stock_confirm, .reservation = souk_kit_id(1));
    SOUK_THEN(kit, stock_confirmed, .reservation = souk_kit_id(1));
    SOUK_WHEN(kit, stock_confirm, .reservation = souk_kit_id(1));
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, stock_release, .reservation = souk_kit_id(3));
    SOUK_THEN(kit, stock_released, .reservation = souk_kit_id(3));
    struct stock_view v = show(kit);
    assert_true(v.sold == 1 && v.held == 48 && v.free == 51);
    SOUK_WHEN_PASSED(kit, HOLD_MS - 50000 + 10000);
    v = show(kit);
    assert_true(v.sold == 1 && v.held == 39 && v.free == 60);
    SOUK_WHEN(kit, stock_confirm, .reservation = souk_kit_id(2));
    SOUK_THEN_REFUSED(kit, stock_expired);
    reserve(kit, 2);
    SOUK_THEN_REFUSED(kit, stock_expired);
    SOUK_WHEN(kit, stock_release, .reservation = souk_kit_id(2));
    SOUK_THEN(kit, stock_released, .reservation = souk_kit_id(2));
    SOUK_WHEN_PASSED(kit, HOLD_MS);
    v = show(kit);
    assert_true(v.held == 0 && v.free == 99 && v.holds == 0);
    SOUK_WHEN_PASSED(kit, 10 * HOLD_MS); /* No alarm is left. */
    SOUK_THEN_NOTHING(kit);
    souk_kit_close(&kit);
}

static void
undo_may_come_before_do(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_stock(5);
    SOUK_WHEN(kit, stock_release, .reservation = souk_kit_id(1));
    SOUK_THEN(kit, stock_released, .reservation = souk_kit_id(1));
    reserve(kit, 1);
    SOUK_THEN_REFUSED(kit, stock_released);
    assert_int_equal(show(kit).free, 5);
    souk_kit_close(&kit);

    kit = souk_kit_open(&quota_kind, "spring,ann");
    SOUK_WHEN(kit, quota_release, .reservation = souk_kit_id(1));
    SOUK_THEN(kit, quota_released, .reservation = souk_kit_id(1));
    SOUK_WHEN(kit, quota_hold, .reservation = souk_kit_id(1), .units = 1, .limit = 2);
    SOUK_THEN_REFUSED(kit, quota_released);
    SOUK_WHEN(kit, quota_hold, .reservation = souk_kit_id(2), .units = 2, .limit = 2);
    SOUK_THEN(kit, quota_held, .reservation = souk_kit_id(2), .units = 2, .limit = 2, .has_limit = true);
    SOUK_WHEN(kit, quota_hold, .reservation = souk_kit_id(2), .units = 2, .limit = 2);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, quota_hold, .reservation = souk_kit_id(3), .units = 1, .limit = 2);
    SOUK_THEN_REFUSED(kit, quota_limit);
    SOUK_WHEN(kit, quota_confirm, .reservation = souk_kit_id(2));
    SOUK_THEN(kit, quota_confirmed, .reservation = souk_kit_id(2));
    SOUK_WHEN(kit, quota_confirm, .reservation = souk_kit_id(2));
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, quota_hold, .reservation = souk_kit_id(4), .units = UINT32_MAX, .limit = 2);
    SOUK_THEN_REFUSED(kit, quota_limit);
    souk_kit_close(&kit);
}

static void
top_up(souk_kit *kit, const char *key, int64_t amount)
{
    SOUK_WHEN(kit, account_top_up, .customer = SOUK_TEXT("ann"), .key = souk_text_of(key), .amount = amount,
              .currency = SOUK_TEXT("EUR"));
}

static void
top_ups_are_remembered(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&account_kind, "customer,ann");
    souk_key posting = souk_kit_key(kit, "credit,a");
    SOUK_WHEN_QUERIED(kit, account_show);
    SOUK_THEN_REFUSED(kit, account_unknown);
    SOUK_WHEN(kit, account_debit, .posting = souk_kit_id(1), .amount = 1, .currency = SOUK_TEXT("EUR"));
    SOUK_THEN_REFUSED(kit, account_insufficient);
    top_up(kit, "a", 100);
    SOUK_THEN(kit, account_topped_up, .customer = SOUK_TEXT("ann"), .has_customer = true, .posting = posting,
              .amount = 100, .currency = SOUK_TEXT("EUR"));
    SOUK_THEN_TELLS(kit, souk_ref(account, souk_kit_key(kit, "book,issued-credit")), account_post, .amount = -100,
                    .currency = SOUK_TEXT("EUR"));
    SOUK_THEN_ANSWERED(kit, account_receipt, .posting = posting, .amount = 100, .balance = 100,
                       .currency = SOUK_TEXT("EUR"));
    for (int i = 0; i < 150; i++) {
        char key[8] = { 'k', (char)('a' + i / 10), (char)('0' + i % 10) };
        top_up(kit, key, 1);
    }
    top_up(kit, "a", 100);
    SOUK_THEN_ANSWERED(kit, account_receipt, .posting = posting, .amount = 100, .balance = 100,
                       .currency = SOUK_TEXT("EUR"));
    SOUK_THEN_NOTHING(kit);
    top_up(kit, "a", 101);
    SOUK_THEN_REFUSED(kit, account_key_reused);
    top_up(kit, "b", 0);
    SOUK_THEN_REFUSED(kit, account_invalid);
    top_up(kit, "b", INT64_MAX);
    SOUK_THEN_REFUSED(kit, account_invalid);
    struct account_view v;
    assert_int_equal(SOUK_KIT_SHOW(kit, account_show, account_view, &v), SOUK_ACCEPT);
    assert_true(v.balances.count == 1 && v.balances.at[0].amount == 250 && v.postings.count == 100 && v.count == 151);
    souk_kit_close(&kit);
}

/* ---- On the stage: several. ---- */

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_is_had_or_not),
        cmocka_unit_test(holds_end_by_one_alarm),
        cmocka_unit_test(undo_may_come_before_do),
        cmocka_unit_test(a_late_confirm_takes_another_hold),
        cmocka_unit_test(top_ups_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
