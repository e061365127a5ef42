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

/* Where the secret is: with a node, or in hand. */
struct under { const souk_node *node; const struct souk_secret *secret; };

static souk_key
key_of(const struct under *u, struct souk_text id)
{
    return u->node ? souk_node_key_of(u->node, id) : souk_hash_key(u->secret, id.at, id.length);
}

static souk_key
key_pair(const struct under *u, souk_key first, souk_key second)
{
    return u->node ? souk_node_key_pair(u->node, first, second) : souk_hash_pair(u->secret, first, second);
}

SOUK_ADDRESSES(under, struct under, key_of, key_pair)

/* Ids that no actor could have lead nowhere, so that nobody makes an actor of them. */
static bool
valid(const struct souk_kind *kind, const struct souk_text *parts, size_t count)
{
    bool order = kind->number == order_kind_number || kind->number == payment_kind_number;
    if (!count || count > 2 || !address_id_valid(parts[0])) return false;
    if (count == 1) return true;
    return order ? address_visible(parts[1], ADDRESS_ID_MAX) : address_id_valid(parts[1]);
}

static souk_key
find(const struct under *u, const struct souk_kind *kind, const struct souk_text *parts, size_t count, bool *ok)
{
    souk_key key = { 0, 0 };
    *ok = valid(kind, parts, count);
    if (!*ok) return key;
    switch (kind->number) {
    case sale_kind_number:
        if (count == 1) return under_sale_key(u, parts[0]);
        break;
    case stock_kind_number:
        if (count == 2) return under_stock_key(u, parts[0], parts[1]);
        break;
    case quota_kind_number:
        if (count == 2) return under_quota_key(u, parts[0], parts[1]);
        break;
    case order_kind_number:
    case payment_kind_number:
        if (count == 2) return under_order_key(u, parts[0], parts[1]);
        if (address_read_name(parts[0], &key)) return key;
        break;
    case account_kind_number:
        if (count == 1) return under_account_key(u, parts[0]);
        if (souk_text_equal(parts[0], SOUK_TEXT("book"))) return under_book_key(u, parts[1]);
        break;
    case SOUK_DEAD_KIND: /* The list; a letter's own actor is nobody's to talk to. */
        if (count == 1 && souk_text_equal(parts[0], SOUK_TEXT("dead_letters"))) return key_of(u, parts[0]);
        break;
    default: break;
    }
    *ok = false;
    return key;
}

souk_key
souk_address_parts(const souk_node *node, const struct souk_kind *kind, const struct souk_text *parts, size_t count,
                   bool *ok)
{
    return find(&(struct under){ .node = node }, kind, parts, count, ok);
}

const struct souk_kind *
souk_address_kind(struct souk_text name)
{
    for (const struct souk_kind *const *kind = souk_wire_kinds; *kind; kind++)
        if (souk_text_equal(souk_text_of((*kind)->name), name)) return *kind;
    return NULL;
}

size_t
souk_address_split(struct souk_text text, char *room, struct souk_text parts[SOUK_ADDRESS_PARTS])
{
    const char *at = text.at, *end = text.at + text.length;
    for (size_t count = 1;; at++) {
        struct souk_text *part = &parts[count - 1];
        part->at = room;
        for (; at < end && *at != ','; at++) {
            if (*at == '\\' && end - at > 1 && (at[1] == ',' || at[1] == '\\')) at++;
            *room++ = *at;
        }
        part->length = (size_t)(room - part->at);
        if (at == end) return count;
        if (++count > SOUK_ADDRESS_PARTS) return 0;
    }
}

bool
souk_address_read(const struct souk_secret *secret, const struct souk_kind *kind, struct souk_text text, souk_key *key)
{
    struct souk_text parts[SOUK_ADDRESS_PARTS];
    char room[1024];
    bool ok = text.length <= sizeof room;
    if (ok && address_read_name(text, key)) return true;
    size_t count = ok ? souk_address_split(text, room, parts) : 0;
    if (count) *key = find(&(struct under){ .secret = secret }, kind, parts, count, &ok);
    return count && ok;
}
