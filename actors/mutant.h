/* SPDX-License-Identifier: Apache-2.0 */
/* mutant.h -- bugs planted in the shop's actors on purpose, as runtime/base/mutant.h has them for the runtime: a normal
 * build has none, and `souk sim --mutants` demands that each is found. */
#ifndef ACTORS_MUTANT_H
#define ACTORS_MUTANT_H

#include <souk/base.h>

/* Each mutant and the rule of the design that it breaks. */
#define SHOP_MUTANT_LIST(M)                                                                      \
    M(CONFIRM_LATE, "R10", "a hold is confirmed though it had ended by the turn's time")         \
    M(FORGET_EXPIRED, "R10", "it is not kept that a hold has expired, for its late confirm")     \
    M(TOP_UP_AGAIN, "R11", "a command's id is not remembered, and its repeat is executed")       \
    M(SOLD_OUT_KEPT, "R11", "a refusal as sold out is remembered, and its repeat refused")

#define SHOP_MUTANT_NAME_(name, rule, what) SHOP_MUTANT_##name,
enum shop_mutant { SHOP_MUTANT_NONE, SHOP_MUTANT_LIST(SHOP_MUTANT_NAME_) SHOP_MUTANT_COUNT };

#ifdef SOUK_MUTANTS
/* Which one is on. */
extern enum shop_mutant shop_mutant_on;
#define shop_mutant(name) (shop_mutant_on == SHOP_MUTANT_##name)
#else
#define shop_mutant(name) false
#endif

#endif
