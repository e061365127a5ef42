/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h -- a kind for the wire's tests: it adds numbers, tells its sum, and refuses. */
#ifndef TEST_WIRE_TALLY_H
#define TEST_WIRE_TALLY_H

#include <souk/actor.h>

#define TALLY_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                           \
    RECORD(tally_pair, F(1, u32, units) F(2, text, name))                                                             \
    RECORD(tally_view, F(1, u64, sum) F(2, u32, times))                                                               \
    REFUSAL(11, tally_too_much, "that is more than a tally takes at once")                                            \
    COMMAND(1, tally_add, public, F(1, u32, units) O(2, text, note) L(3, tally_pair, pairs, 4))                       \
    COMMAND(2, tally_reset, internal, F(1, bool, really))                                                             \
    COMMAND(3, tally_never, public, )                                                                                 \
    QUERY(1, tally_show, tally_view, )                                                                                \
    QUERY(2, tally_await, tally_view, F(1, u64, sum))                                                                 \
    EVENT(1, tally_added, F(1, u32, units))
SOUK_PROTOCOL(tally, 9, TALLY_TABLE);

#endif
