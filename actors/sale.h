/* SPDX-License-Identifier: Apache-2.0 */
/* sale.h -- a flash sale: what is sold, from when, at which price, and each order's number in line.
 *
 * Key: turn_sale_key(sale). A shop opens and closes it. Orders reach the sale's quota and stock through it: it knows
 * the limit, the price and the sku, and one way in keeps the messages of one order in order: an undo never overtakes
 * what it undoes. What it passes on, it passes on without remembering it, so only a number costs an event.
 *
 * Codes of refusals are unlike those of all other kinds: an order hears them through a forwarded message. */
#ifndef ACTORS_SALE_H
#define ACTORS_SALE_H

#include <souk/protocol.h>

/* By the turn's time: announced until opens_at_ms, then open, until it is closed. */
enum sale_phase { SALE_ANNOUNCED = 1, SALE_OPEN, SALE_CLOSED };

/* opens_at_ms 0 in sale_open: at once. limit_per_customer 0: none. */
#define SALE_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    RECORD(sale_receipt, F(1, bool, created))                                                                       \
    RECORD(sale_view, F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, i64, price) F(5, text, currency)       \
                      F(6, u32, limit_per_customer) F(7, u64, hold_ms) F(8, u64, opens_at_ms) F(9, u32, state)      \
                      F(10, u32, numbers))                                                                          \
    REFUSAL(101, sale_conflict, "the sale has been opened with other content")                                      \
    REFUSAL(102, sale_unknown, "there is no such sale")                                                             \
    REFUSAL(103, sale_not_open, "the sale has not opened yet")                                                      \
    REFUSAL(104, sale_closed, "the sale is closed")                                                                 \
    REFUSAL(105, sale_wrong_address, "the sale's id doesn't lead to this actor")                                    \
    REFUSAL(106, sale_invalid, "a field of the sale is out of range")                                               \
    COMMAND(1, sale_open, public, F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, i64, price)                \
                                  F(5, text, currency) F(6, u32, limit_per_customer) F(7, u64, hold_ms)             \
                                  F(8, u64, opens_at_ms))                                                           \
    COMMAND(2, sale_close, public, F(1, text, sale))                                                                \
    COMMAND(3, sale_enter, internal, F(1, key, customer) F(2, key, reservation) F(3, u32, units))                   \
    COMMAND(4, sale_number, internal, F(1, key, reservation) F(2, u32, units))                                      \
    COMMAND(5, sale_confirm, internal, F(1, key, reservation))                                                      \
    COMMAND(6, sale_release, internal, F(1, key, reservation))                                                      \
    COMMAND(7, sale_return, internal, F(1, key, reservation) F(2, u32, units))                                      \
    COMMAND(8, sale_leave, internal, F(1, key, customer) F(2, key, reservation))                                    \
    COMMAND(9, sale_settle, internal, F(1, key, customer) F(2, key, reservation))                                   \
    QUERY(1, sale_show, sale_view, )                                                                                \
    EVENT(1, sale_opened, F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, i64, price) F(5, text, currency)   \
                          F(6, u32, limit_per_customer) F(7, u64, hold_ms) F(8, u64, opens_at_ms)                   \
                          F(9, bool, at_once) F(10, key, stock))                                                    \
    EVENT(2, sale_numbered, F(1, u32, number))                                                                      \
    EVENT(3, sale_closed, )
SOUK_PROTOCOL(sale, 1, SALE_TABLE);

#endif
