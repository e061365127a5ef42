/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/crooked.h -- a kind with a planted bug: a shelf of ten units that are held, then sold or given back. What is
 * given back after it was sold is both. */
#ifndef TEST_KIT_CROOKED_H
#define TEST_KIT_CROOKED_H

#include <souk/actor.h>

enum { CROOKED_UNITS = 10 };

#define CROOKED_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                             \
    RECORD(crooked_hold, F(1, u32, units) F(2, bool, sold))                                               \
    RECORD(crooked_view, F(1, u32, free) F(2, u32, sold))                                                 \
    REFUSAL(1, crooked_short, "not so many are free")                                                     \
    REFUSAL(2, crooked_unknown, "there is no such hold")                                                  \
    COMMAND(1, crooked_take, public, F(1, key, who) F(2, u32, units) O(3, text, note)                     \
                                     L(4, text, words, 3))                                                \
    COMMAND(2, crooked_sell, public, F(1, key, who))                                                      \
    COMMAND(3, crooked_give_back, public, F(1, key, who))                                                 \
    QUERY(1, crooked_show, crooked_view, )                                                                \
    EVENT(1, crooked_taken, F(1, key, who) F(2, u32, units))                                              \
    EVENT(2, crooked_sold, F(1, key, who))                                                                \
    EVENT(3, crooked_given_back, F(1, key, who))
SOUK_PROTOCOL(crooked, 22, CROOKED_TABLE);

#endif
