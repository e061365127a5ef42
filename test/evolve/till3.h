/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/till3.h -- the till of till1.h with the same messages, and a state that its snapshots cannot be read
 * into. */
#ifndef TEST_EVOLVE_TILL3_H
#define TEST_EVOLVE_TILL3_H

#include <souk/actor.h>

#define TILL3_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                  \
    RECORD(till3_line, F(1, u32, units) F(2, i64, price))                                    \
    RECORD(till3_view, F(1, i64, sum) F(2, u32, counted) F(3, u32, lines) F(4, text, owner)) \
    COMMAND(1, till3_sell, public, F(1, key, sku) F(2, u32, units) F(3, i64, price))         \
    COMMAND(2, till3_remind, public, F(1, u64, delay_ms))                                    \
    COMMAND(3, till3_count, public, )                                                        \
    QUERY(1, till3_show, till3_view, )                                                       \
    EVENT(1, till3_sold, F(1, key, sku) F(2, u32, units) F(3, i64, price))                   \
    EVENT(2, till3_counted, F(1, u32, by) L(2, till3_line, found, 4))
SOUK_PROTOCOL(till3, 7, TILL3_TABLE);

#endif
