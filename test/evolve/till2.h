/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/till2.h -- the till of till1.h, grown up: several lines are sold at once and in a currency, which made
 * the event another one; lines can be returned, so the records in the state's map have one more field; and the rest
 * grew at its end. */
#ifndef TEST_EVOLVE_TILL2_H
#define TEST_EVOLVE_TILL2_H

#include <souk/actor.h>

#define TILL2_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                  \
    RECORD(till2_line, F(1, u32, units) F(2, i64, price) O(3, u32, returned))                \
    RECORD(till2_part, F(1, key, sku) F(2, u32, units) F(3, i64, price))                     \
    RECORD(till2_view, F(1, i64, sum) F(2, u32, counted) F(3, u32, lines) F(4, text, owner)  \
                       O(5, u32, returned) O(6, u64, counted_ms) O(7, text, currency)        \
                       O(8, u32, found))                                                     \
    REFUSAL(1, till2_nothing, "nothing was to be sold")                                      \
    REFUSAL(2, till2_unsold, "that was not sold here")                                       \
    COMMAND(1, till2_sell, public, F(1, key, sku) F(2, u32, units) F(3, i64, price)          \
                                   O(4, text, currency))                                     \
    COMMAND(2, till2_remind, public, F(1, u64, delay_ms) O(2, bool, again))                  \
    COMMAND(3, till2_count, public, )                                                        \
    COMMAND(4, till2_return, public, F(1, key, sku))                                         \
    COMMAND(5, till2_recount, internal, )                                                    \
    QUERY(1, till2_show, till2_view, )                                                       \
    EVENT(2, till2_counted, F(1, u32, by) L(2, till2_line, found, 8) O(3, u64, at_ms))       \
    EVENT(3, till2_sold, L(1, till2_part, parts, 8) F(2, text, currency))                    \
    EVENT(4, till2_returned, F(1, key, sku))
#define TILL2_PAST(LIFTED, F, L, O)                                                          \
    LIFTED(1, till2_sold_1, till2_sold, F(1, key, sku) F(2, u32, units) F(3, i64, price))
SOUK_PROTOCOL(till2, 7, TILL2_TABLE, TILL2_PAST);

#endif
