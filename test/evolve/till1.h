/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/till1.h -- a till as it was first: test_versions.c lets it write, and till2.h read. */
#ifndef TEST_EVOLVE_TILL1_H
#define TEST_EVOLVE_TILL1_H

#include <souk/actor.h>

enum { TILL = 7 };

#define TILL1_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                  \
    RECORD(till1_line, F(1, u32, units) F(2, i64, price))                                    \
    RECORD(till1_view, F(1, i64, sum) F(2, u32, counted) F(3, u32, lines) F(4, text, owner)) \
    REFUSAL(1, till1_nothing, "nothing was to be sold")                                      \
    COMMAND(1, till1_sell, public, F(1, key, sku) F(2, u32, units) F(3, i64, price))         \
    COMMAND(2, till1_remind, public, F(1, u64, delay_ms))                                    \
    COMMAND(3, till1_count, public, )                                                        \
    QUERY(1, till1_show, till1_view, )                                                       \
    EVENT(1, till1_sold, F(1, key, sku) F(2, u32, units) F(3, i64, price))                   \
    EVENT(2, till1_counted, F(1, u32, by) L(2, till1_line, found, 4))
SOUK_PROTOCOL(till1, TILL, TILL1_TABLE);

#endif
