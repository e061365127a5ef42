/* SPDX-License-Identifier: Apache-2.0 */
/* souk/address_parts.h -- keys of the commerce actors from the parts of their text ids, for clients of the wire. */
#ifndef SOUK_ADDRESS_PARTS_H
#define SOUK_ADDRESS_PARTS_H

#include <souk/node.h>

/* The kinds that clients of the wire may speak to: the shop's, and the runtime's dead letters. NULL at the end. */
extern const struct souk_kind *const souk_wire_kinds[];

/* sale: SALE; stock: SALE, SKU; quota: SALE, CUSTOMER; order and payment: CUSTOMER, KEY, or the order's public name;
 * account: CUSTOMER, or "book", BOOK; dead_letters: "dead_letters". `ok` is false for anything else. Any thread. */
souk_key souk_address_parts(const souk_node *node, const struct souk_kind *kind, const struct souk_text *parts,
                            size_t count, bool *ok);

#endif
