/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/whim.h -- a kind whose functions are not pure when they are told so: they count in a global. */
#ifndef TEST_KIT_WHIM_H
#define TEST_KIT_WHIM_H

#include <souk/actor.h>

enum { WHIM_NONE, WHIM_DECIDE, WHIM_APPLY };

/* Adds an amount so many times, three at most. */
#define WHIM_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                \
    COMMAND(1, whim_add, public, F(1, u32, amount) F(2, u32, whim) F(3, u32, times))                      \
    EVENT(1, whim_added, F(1, u32, amount) F(2, u32, salt))
SOUK_PROTOCOL(whim, 21, WHIM_TABLE);

#endif
