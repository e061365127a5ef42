/* SPDX-License-Identifier: Apache-2.0 */
/* node/terms.h -- the contract of the kinds that last wrote a data directory, kept in it: a program that lacks any of
 * what they could write there refuses, instead of losing it.
 *
 *     DIR/contract      as `souk contract dump` writes it, of event-sourced kinds and the runtime's own */
#ifndef SOUK_NODE_TERMS_H
#define SOUK_NODE_TERMS_H

#include <souk/actor.h>

/* Whether kinds, NULL at the end, can take over what the directory's contract says was written; a directory without one
 * is of the past, and they can. Changes nothing. SOUK_ERR_VERSION: they cannot, and `why` names kind, row and field of
 * the first thing that they lack or read otherwise; SOUK_ERR_CORRUPT: the contract cannot be read; SOUK_ERR_IO;
 * SOUK_ERR_MEMORY. */
souk_err souk_terms_check(const char *directory, const struct souk_kind *const *kinds, char *why,
                          size_t why_size) SOUK_MUST_CHECK;
/* Makes the directory's contract that of the kinds, durably, unless it is that already. To be called after
 * souk_terms_check(), under the directory's lock, before anything is written that another contract might not know.
 * SOUK_ERR_FULL; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
souk_err souk_terms_keep(const char *directory, const struct souk_kind *const *kinds, char *why,
                         size_t why_size) SOUK_MUST_CHECK;

#endif
