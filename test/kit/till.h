/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/till.h -- a kind that does everything that an actor can: a shop's till. It sells, prints receipts through a
 * port, has the till above it count along, closes by itself after a while, and lends units of its drawer. */
#ifndef TEST_KIT_TILL_H
#define TEST_KIT_TILL_H

#include <souk/actor.h>

enum { TILL_OPEN_MS = 60000, TILL_PRINT_MS = 5000, TILL_COUNT_MS = 2000 };

/* till_sell is answered with a till_receipt, till_ask with how much there is once the till above has been counted. */
#define TILL_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    RECORD(till_line, F(1, key, item) F(2, u32, units) F(3, i64, price))                                            \
    RECORD(till_sale, F(1, i64, total) F(2, bool, printed))                                                         \
    RECORD(till_receipt, F(1, u32, number) F(2, i64, total))                                                        \
    RECORD(till_print, F(1, u32, number) F(2, text, what))                                                          \
    RECORD(till_slip, F(1, u32, number))                                                                            \
    RECORD(till_view, F(1, i64, total) F(2, u32, sales) F(3, u32, printed) F(4, text, owner))                       \
    REFUSAL(901, till_closed, "the till is closed")                                                                 \
    REFUSAL(902, till_empty, "nothing is bought")                                                                   \
    REFUSAL(903, till_unsure, "the till above doesn't answer")                                                      \
    COMMAND(1, till_open, public, F(1, text, owner) O(2, key, above))                                               \
    COMMAND(2, till_sell, public, F(1, key, sale) L(2, till_line, lines, 4) O(3, text, note))                       \
    COMMAND(3, till_close, internal, F(1, u32, opening))                                                            \
    COMMAND(4, till_count, public, )                                                                                \
    COMMAND(5, till_pass, public, F(1, key, other))                                                                 \
    REPLY(6, till_printed, till_print)                                                                              \
    REPLY(7, till_counted, till_count)                                                                              \
    QUERY(1, till_show, till_view, F(1, u32, printed_min))                                                          \
    EVENT(1, till_opened, F(1, text, owner) O(2, key, above))                                                       \
    EVENT(2, till_sold, F(1, key, sale) F(2, i64, total) O(3, text, note))                                          \
    EVENT(3, till_shut, )                                                                                           \
    EVENT(4, till_receipted, F(1, bool, printed))                                                                   \
    EVENT(5, till_counting, F(1, asker, who))                                                                       \
    EVENT(6, till_reckoned, )
SOUK_PROTOCOL(till, 20, TILL_TABLE);

extern const struct souk_port till_printer;

#endif
