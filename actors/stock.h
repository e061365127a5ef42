/* SPDX-License-Identifier: Apache-2.0 */
/* stock.h -- the units that a sale may sell of a sku: the single writer that makes overselling impossible.
 *
 * Key: turn_stock_key(sale, sku). Always free + held + sold = units. Only this actor says when a hold has ended. It is
 * spoken to through its sale (see sale.h), so the messages about one reservation arrive in the order of sending. */
#ifndef ACTORS_STOCK_H
#define ACTORS_STOCK_H

#include <souk/protocol.h>

enum stock_phase { STOCK_OPEN = 1, STOCK_SOLD_OUT };
/* Why a reservation can't be had any more; in the state's map of ended ones. */
enum stock_end { STOCK_HOLD_EXPIRED = 1, STOCK_UNDONE };

/* stock_reserve is answered with stock_reservation. A refusal as sold out is on record (stock_turned_away), so that the
 * fairness of the line can be proved. stock_swept: all holds that end at through_ms or before have expired. */
#define STOCK_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    RECORD(stock_reservation, F(1, u32, number) F(2, u64, until_ms) F(3, i64, price) F(4, text, currency))          \
    RECORD(stock_hold, F(1, u32, units) F(2, u32, number) F(3, u64, until_ms))                                      \
    RECORD(stock_ended, F(1, u32, why))                                                                             \
    RECORD(stock_view, F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, u32, free) F(5, u32, held)            \
                       F(6, u32, sold) F(7, u32, state) F(8, u32, holds))                                           \
    REFUSAL(201, stock_sold_out, "not enough units are free")                                                       \
    REFUSAL(202, stock_expired, "the hold has ended")                                                               \
    REFUSAL(203, stock_released, "the reservation was released before")                                             \
    REFUSAL(204, stock_unknown, "there is no such stock")                                                           \
    REFUSAL(205, stock_wrong_address, "the sale and the sku don't lead to this actor")                              \
    REFUSAL(206, stock_conflict, "the stock has been opened with other content")                                    \
    COMMAND(1, stock_open, internal, F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, u64, hold_ms))          \
    COMMAND(2, stock_reserve, internal, F(1, key, reservation) F(2, u32, units) F(3, u32, number) F(4, i64, price)  \
                                        F(5, text, currency))                                                       \
    COMMAND(3, stock_confirm, internal, F(1, key, reservation))                                                     \
    COMMAND(4, stock_release, internal, F(1, key, reservation))                                                     \
    COMMAND(5, stock_return, internal, F(1, key, reservation) F(2, u32, units))                                     \
    COMMAND(6, stock_expire, internal, )                                                                            \
    QUERY(1, stock_show, stock_view, )                                                                              \
    EVENT(1, stock_opened, F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, u64, hold_ms))                    \
    EVENT(2, stock_reserved, F(1, key, reservation) F(2, u32, number) F(3, u32, units) F(4, u64, until_ms))         \
    EVENT(3, stock_turned_away, F(1, u32, number) F(2, u32, units))                                                 \
    EVENT(4, stock_confirmed, F(1, key, reservation))                                                               \
    EVENT(5, stock_released, F(1, key, reservation))                                                                \
    EVENT(6, stock_swept, F(1, u64, through_ms))                                                                    \
    EVENT(7, stock_returned, F(1, key, reservation) F(2, u32, units))
SOUK_PROTOCOL(stock, 2, STOCK_TABLE);

#endif
