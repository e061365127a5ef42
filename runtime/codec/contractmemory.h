/* SPDX-License-Identifier: Apache-2.0 */
/* codec/contractmemory.h -- where contract.c and contractread.c put what a contract consists of: lists that grow, in
 * memory that goes with the contract. */
#ifndef SOUK_CODEC_CONTRACTMEMORY_H
#define SOUK_CODEC_CONTRACTMEMORY_H

#include "codec/contract.h"

/* Zeroed memory of the contract's, or NULL: then `contract->chunks` keeps what there was. */
void *souk_contract_take(souk_contract *contract, size_t size);

/* Makes room for one more in a list of `count` elements of that size; room doubles at powers of two. NULL when there is
 * no memory, else the list, which may have moved. */
void *souk_contract_grow(souk_contract *contract, const void *list, uint32_t count, size_t size);

#endif
