/* SPDX-License-Identifier: Apache-2.0 */
/* test_money.c -- currencies, checked sums, splits without a cent lost; ids and public names. */
#include "address.h"
#include "money.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void
currencies_have_exponents(void **state SOUK_UNUSED)
{
    assert_int_equal(money_exponent(SOUK_TEXT("EUR")), 2);
    assert_int_equal(money_exponent(SOUK_TEXT("JPY")), 0);
    assert_int_equal(money_exponent(SOUK_TEXT("KWD")), 3);
    assert_int_equal(money_exponent(SOUK_TEXT("CLF")), 4);
    assert_int_equal(money_exponent(SOUK_TEXT("ZWG")), 2);
    const char *none[] = { "", "EU", "EURO", "eur", "XTS", "UR ", "D A", " AF" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(money_currency_known((struct souk_text){ none[i], strlen(none[i]) }));
    char letters[3];
    assert_true(souk_text_equal(money_unpack(money_pack(SOUK_TEXT("USD")), letters), SOUK_TEXT("USD")));
    assert_int_equal(money_unpack(0, letters).length, 0);
}

static void
sums_are_checked(void **state SOUK_UNUSED)
{
    int64_t out = 7;
    assert_false(money_add(INT64_MAX, 1, &out));
    assert_false(money_subtract(INT64_MIN, 1, &out));
    assert_false(money_multiply(INT64_MAX / 2, 3, &out));
    assert_int_equal(out, 7);
    assert_true(money_add(INT64_MAX, -1, &out) && out == INT64_MAX - 1);
    assert_true(money_subtract(5, 7, &out) && out == -2);
    assert_true(money_multiply(MONEY_MAX, 1000000, &out) && out == MONEY_MAX * 1000000);
}

static void
shares_sum_to_the_total(void **state SOUK_UNUSED)
{
    int64_t shares[7];
    assert_true(money_split(100, (uint32_t[]){ 1, 1, 1 }, 3, shares));
    assert_true(shares[0] == 34 && shares[1] == 33 && shares[2] == 33);
    assert_true(money_split(10, (uint32_t[]){ 1, 2, 4 }, 3, shares)); /* 1.43 2.86 5.71 */
    assert_true(shares[0] == 1 && shares[1] == 3 && shares[2] == 6);
    assert_true(money_split(INT64_MAX, (uint32_t[]){ UINT32_MAX, 0, UINT32_MAX - 1 }, 3, shares));
    assert_true(shares[0] + shares[2] == INT64_MAX && shares[1] == 0);
    assert_false(money_split(1, (uint32_t[]){ 0, 0 }, 2, shares));
    assert_false(money_split(-1, (uint32_t[]){ 1 }, 1, shares));
    uint32_t seed = 1, weights[7];
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 7; i++) {
            seed = seed * 1664525 + 1013904223;
            weights[i] = seed >> (seed >> 28);
        }
        weights[0] |= 1;
        int64_t total = seed % 100000, sum = 0;
        assert_true(money_split(total, weights, 7, shares));
        for (int i = 0; i < 7; i++) {
            assert_true(shares[i] >= 0);
            sum += shares[i];
        }
        assert_int_equal(sum, total);
    }
}

static void
ids_and_names(void **state SOUK_UNUSED)
{
    assert_true(address_id_valid(SOUK_TEXT("a.B-9_@:x")));
    assert_false(address_id_valid(SOUK_TEXT("")));
    assert_false(address_id_valid(SOUK_TEXT("a b")));
    assert_false(address_id_valid(SOUK_TEXT("a/b")));
    char long_id[65];
    memset(long_id, 'x', sizeof long_id);
    assert_true(address_id_valid((struct souk_text){ long_id, 64 }));
    assert_false(address_id_valid((struct souk_text){ long_id, 65 }));
    assert_true(address_visible(SOUK_TEXT("!~"), 64));
    assert_false(address_visible(SOUK_TEXT("a b"), 64));
    assert_false(address_visible(SOUK_TEXT("a\x80"), 64));
    souk_key key = { 0x0123456789abcdef, 0xfedcba9876543210 }, back;
    char name[ADDRESS_NAME_LENGTH];
    address_write_name(key, name);
    assert_memory_equal(name, "0123456789abcdeffedcba9876543210", sizeof name);
    assert_true(address_read_name((struct souk_text){ name, sizeof name }, &back) && souk_key_equal(key, back));
    assert_false(address_read_name((struct souk_text){ name, 31 }, &back));
    name[3] = 'F';
    assert_false(address_read_name((struct souk_text){ name, sizeof name }, &back));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(currencies_have_exponents),
        cmocka_unit_test(sums_are_checked),
        cmocka_unit_test(shares_sum_to_the_total),
        cmocka_unit_test(ids_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
