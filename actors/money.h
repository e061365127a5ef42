/* SPDX-License-Identifier: Apache-2.0 */
/* money.h -- amounts of money: int64 in minor units (cents, yen, fils), a currency of ISO 4217, and sums that are
 * checked. Pure functions; any thread. */
#ifndef ACTORS_MONEY_H
#define ACTORS_MONEY_H

#include <souk/base.h>

/* One amount in one message or posting is at most this, so that a book has room for millions of the largest. */
#define MONEY_MAX INT64_C(1000000000000)

/* The number of decimal places of an active ISO 4217 currency, given by its three capital letters; -1 when there is no
 * such currency. */
int money_exponent(struct souk_text currency);
bool money_currency_known(struct souk_text currency);

/* A currency's letters in 24 bits, for states whose records are flat; 0 for no currency. And back: three letters into
 * `letters`, returned as text that borrows it; empty for 0. */
uint32_t money_pack(struct souk_text currency);
struct souk_text money_unpack(uint32_t packed, char letters[3]);

/* Sum, difference, product. False, and *out untouched, when it doesn't fit. */
bool money_add(int64_t a, int64_t b, int64_t *out) SOUK_MUST_CHECK;
bool money_subtract(int64_t a, int64_t b, int64_t *out) SOUK_MUST_CHECK;
bool money_multiply(int64_t price, uint32_t units, int64_t *out) SOUK_MUST_CHECK;

/* Splits a total >= 0 by weights, so that the shares sum to it exactly: each gets its share rounded down, and the units
 * left go one each to the largest remainders, the first among equals. False when count or all weights are 0. */
bool money_split(int64_t total, const uint32_t *weights, uint32_t count, int64_t *shares) SOUK_MUST_CHECK;

#endif
