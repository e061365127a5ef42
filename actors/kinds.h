/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.h -- the kinds of the flash sale, as souk_options wants them. */
#ifndef ACTORS_KINDS_H
#define ACTORS_KINDS_H

#include <souk/actor.h>

/* sale, stock, quota, order, payment, account; NULL at the end. */
extern const struct souk_kind *const souk_commerce_kinds[];

#endif
