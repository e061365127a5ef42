/* SPDX-License-Identifier: Apache-2.0 */
/* codec/contractmemory.h -- what contract.c and contractread.c share: lists that grow, in memory that goes with the
 * contract, and the sum of its text. */
#ifndef SOUK_CODEC_CONTRACTMEMORY_H
#define SOUK_CODEC_CONTRACTMEMORY_H

#include "codec/contract.h"

/* Zeroed memory of the contract's, or NULL: then `contract->chunks` keeps what there was. */
void *souk_contract_take(souk_contract *contract, size_t size);

/* Makes room for one more in a list of `count` elements of that size; room doubles at powers of two. NULL when there is
 * no memory, else the list, which may have moved. */
void *souk_contract_grow(souk_contract *contract, const void *list, uint32_t count, size_t size);

/* The sum of a sealed contract's text, up to where the sum stands. */
uint64_t souk_contract_sum(const char *text, size_t length);

#endif
