/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c -- the list of the commerce kinds. A new kind is added here, and its number is its own for ever. */
#include "kinds.h"

#include "account.h"
#include "order.h"
#include "payment.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"

const struct souk_kind *const souk_commerce_kinds[] = {
    &sale_kind, &stock_kind, &quota_kind, &order_kind, &payment_kind, &account_kind, NULL,
};
