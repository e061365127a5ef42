/* SPDX-License-Identifier: Apache-2.0 */
/* souk/address_parts.h -- keys of the commerce actors from the parts of their text ids, for clients of the wire. */
#ifndef SOUK_ADDRESS_PARTS_H
#define SOUK_ADDRESS_PARTS_H

#include <souk/node.h>

#include "base/hash.h"

/* The kinds that clients of the wire may speak to: the shop's, and the runtime's dead letters. NULL at the end. */
extern const struct souk_kind *const souk_wire_kinds[];

enum { SOUK_ADDRESS_PARTS = 4 }; /* The most that a text is split into. */

/* sale: SALE; stock: SALE, SKU; quota: SALE, CUSTOMER; order and payment: CUSTOMER, KEY, or the order's public name;
 * account: CUSTOMER, or "book", BOOK; dead_letters: "dead_letters". `ok` is false for anything else. Any thread. */
souk_key souk_address_parts(const souk_node *node, const struct souk_kind *kind, const struct souk_text *parts,
                            size_t count, bool *ok);
/* The kind of that name among souk_wire_kinds; NULL: none. */
const struct souk_kind *souk_address_kind(struct souk_text name);
/* Splits a text as people write it, PART,PART with \, for a comma inside one, into parts that lie in `room`, which is
 * as long as the text. How many; 0: too many. */
size_t souk_address_split(struct souk_text text, char *room, struct souk_text parts[SOUK_ADDRESS_PARTS]);
/* An actor's key as people write it: the parts of its text id as above, or 32 hexadecimal digits. False: no actor can
 * have it. The secret is the data directory's. */
bool souk_address_read(const struct souk_secret *secret, const struct souk_kind *kind, struct souk_text text,
                       souk_key *key);

#endif
