/* SPDX-License-Identifier: Apache-2.0 */
/* souk/address_parts.c -- see address_parts.h; `souk serve` gives it to the wire, which knows no actors. */
#include "address_parts.h"

#include "account.h"
#include "address.h"
#include "order.h"
#include "payment.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"
#include "work/dead.h"

const struct souk_kind *const souk_wire_kinds[] = {
    &sale_kind, &stock_kind, &quota_kind, &order_kind, &payment_kind, &account_kind, &dead_letters_kind, NULL,
};

SOUK_ADDRESSES(node, souk_node, souk_node_key_of, souk_node_key_pair)

/* Ids that no actor could have lead nowhere, so that nobody makes an actor of them. */
static bool
valid(const struct souk_kind *kind, const struct souk_text *parts, size_t count)
{
    bool order = kind->number == order_kind_number || kind->number == payment_kind_number;
    if (!count || count > 2 || !address_id_valid(parts[0])) return false;
    if (count == 1) return true;
    return order ? address_visible(parts[1], ADDRESS_ID_MAX) : address_id_valid(parts[1]);
}

souk_key
souk_address_parts(const souk_node *node, const struct souk_kind *kind, const struct souk_text *parts, size_t count,
                   bool *ok)
{
    souk_key key = { 0, 0 };
    *ok = valid(kind, parts, count);
    if (!*ok) return key;
    switch (kind->number) {
    case sale_kind_number:
        if (count == 1) return node_sale_key(node, parts[0]);
        break;
    case stock_kind_number:
        if (count == 2) return node_stock_key(node, parts[0], parts[1]);
        break;
    case quota_kind_number:
        if (count == 2) return node_quota_key(node, parts[0], parts[1]);
        break;
    case order_kind_number:
    case payment_kind_number:
        if (count == 2) return node_order_key(node, parts[0], parts[1]);
        if (address_read_name(parts[0], &key)) return key;
        break;
    case account_kind_number:
        if (count == 1) return node_account_key(node, parts[0]);
        if (souk_text_equal(parts[0], SOUK_TEXT("book"))) return node_book_key(node, parts[1]);
        break;
    case SOUK_DEAD_KIND: /* The list; a letter's own actor is nobody's to talk to. */
        if (count == 1 && souk_text_equal(parts[0], SOUK_TEXT("dead_letters"))) return souk_node_key_of(node, parts[0]);
        break;
    default: break;
    }
    *ok = false;
    return key;
}
