/* SPDX-License-Identifier: Apache-2.0 */
/* address.h -- where the commerce actors live: the one place that derives their keys from text ids.
 *
 * Keys are hashes under the data directory's secret, so nobody who chooses ids can make two of them share an actor.
 * Public commands can come from any client, under any key: an actor that keeps texts checks that they lead to itself.
 * The same derivations serve a turn (souk_turn) and whoever stands at the door (souk_node): the macro below is written
 * once and made for both. Its users write SOUK_ADDRESSES(node, souk_node, souk_node_key_of, souk_node_key_pair) once
 * and have node_sale_key() and the rest. */
#ifndef ACTORS_ADDRESS_H
#define ACTORS_ADDRESS_H

#include <souk/actor.h>

/* Makes, over the two primitives:
 *   <from>_sale_key(sale)             a sale
 *   <from>_stock_key(sale, sku)       the stock of a sale
 *   <from>_quota_key(sale, customer)  how much of a sale a customer has
 *   <from>_order_key(customer, key)   an order, and its payment: scoped by the customer, named by the idempotency key
 *   <from>_account_key(customer)      a customer's account
 *   <from>_book_key(book)             one of the shop's books: "issued-credit", "clearing", "sales"
 *   <from>_posting_key(key)           a top-up's posting: a scope apart from orders
 *   <from>_text_key(id)               of a text alone, as sale_enter wants the customer */
#define SOUK_ADDRESSES(from, type, key_of, key_pair)                                                                \
    static inline SOUK_UNUSED souk_key from##_text_key(const type *at, struct souk_text id)                         \
    {                                                                                                               \
        return key_of(at, id);                                                                                      \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_sale_key(const type *at, struct souk_text sale)                       \
    {                                                                                                               \
        return key_of(at, sale);                                                                                    \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_stock_key(const type *at, struct souk_text sale, struct souk_text sku)\
    {                                                                                                               \
        return key_pair(at, key_of(at, sale), key_of(at, sku));                                                     \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_quota_key(const type *at, struct souk_text sale,                      \
                                                        struct souk_text customer)                                  \
    {                                                                                                               \
        return key_pair(at, key_of(at, sale), key_of(at, customer));                                                \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_order_key(const type *at, struct souk_text customer,                  \
                                                        struct souk_text key)                                       \
    {                                                                                                               \
        souk_key scope = key_pair(at, key_of(at, SOUK_TEXT("order")), key_of(at, customer));                        \
        return key_pair(at, scope, key_of(at, key));                                                                \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_account_key(const type *at, struct souk_text customer)                \
    {                                                                                                               \
        return key_pair(at, key_of(at, SOUK_TEXT("customer")), key_of(at, customer));                               \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_book_key(const type *at, struct souk_text book)                       \
    {                                                                                                               \
        return key_pair(at, key_of(at, SOUK_TEXT("book")), key_of(at, book));                                       \
    }                                                                                                               \
    static inline SOUK_UNUSED souk_key from##_posting_key(const type *at, struct souk_text key)                     \
    {                                                                                                               \
        return key_pair(at, key_of(at, SOUK_TEXT("credit")), key_of(at, key));                                      \
    }

SOUK_ADDRESSES(turn, souk_turn, souk_key_of, souk_key_pair)

/* The names of the shop's books. */
#define BOOK_ISSUED_CREDIT SOUK_TEXT("issued-credit")
#define BOOK_CLEARING SOUK_TEXT("clearing")
#define BOOK_SALES SOUK_TEXT("sales")

enum { ADDRESS_ID_MAX = 64, ADDRESS_NAME_LENGTH = 32 };

/* Whether it can be the id of a sale, a sku or a customer: 1 to 64 bytes of [A-Za-z0-9._:@-]. */
bool address_id_valid(struct souk_text id);
/* Whether it can be an idempotency key or a provider's token: 1 to `max` visible ASCII bytes. Keys have 64. */
bool address_visible(struct souk_text text, size_t max);
/* An order's (or posting's) public name: the 32 lower-case hex digits of its key, without a final zero. */
void address_write_name(souk_key key, char name[ADDRESS_NAME_LENGTH]);
/* The key of a public name. False when it is none; upper-case digits are none. */
bool address_read_name(struct souk_text name, souk_key *key);

#endif
