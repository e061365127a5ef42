/* SPDX-License-Identifier: Apache-2.0 */
/* order.h -- one order: what a customer asked for under one idempotency key, and the saga that brings it to its end.
 *
 * Key: turn_order_key(customer, idempotency key); its public name is the key's 32 hex digits. Placed again with the
 * same fields it is the same order; with others, order_key_reused. Seen from outside: placed -> reserved -> authorised
 * -> confirmed (the pivot) -> paid; beside it cancelled and needs_review. Settled is paid, cancelled or needs_review,
 * and what order_show says of a settled order never changes, but for one that was cancelled for a reason that
 * order_reason_again() names, when its customer places it again. Its steps are the table in saga.h. */
#ifndef ACTORS_ORDER_H
#define ACTORS_ORDER_H

#include <souk/protocol.h>

enum order_state {
    ORDER_NEW, /* Never placed. */
    ORDER_PLACED,
    ORDER_RESERVED,
    ORDER_AUTHORISED,
    ORDER_CONFIRMED,
    ORDER_PAID,
    ORDER_CANCELLED,
    ORDER_NEEDS_REVIEW,
    ORDER_STATES,
};

enum order_reason {
    ORDER_NO_REASON,
    ORDER_SOLD_OUT,
    ORDER_LIMIT,
    ORDER_NOT_OPEN,
    ORDER_SALE_CLOSED,
    ORDER_SALE_UNKNOWN,
    ORDER_DECLINED,       /* By the payment provider. */
    ORDER_INSUFFICIENT,   /* The customer's credit. */
    ORDER_UNAVAILABLE,    /* The provider gave no definite word while the units were held. */
    ORDER_EXPIRED,        /* The hold ended before it was confirmed, and no second one could be had. */
    ORDER_BUSY,           /* No answer in time, before anything was paid. */
    ORDER_CAPTURE_FAILED, /* Authorised and confirmed, but the provider would not pay it out. */
    ORDER_UNCLEAR,        /* Of needs_review: an actor of the saga is out of order; somebody has to look. */
    ORDER_REASONS,
};

enum order_method { ORDER_CARD = 1, ORDER_CREDIT };

/* What happened, in order_view's history. */
enum order_happening {
    ORDER_WAS_PLACED = 1,
    ORDER_WAS_RESERVED,
    ORDER_WAS_AUTHORISED,
    ORDER_WAS_CONFIRMED,
    ORDER_WAS_PAID,
    ORDER_WAS_CANCELLED,
    ORDER_WAS_SENT_TO_REVIEW,
    ORDER_WAS_PLACED_AGAIN,
    ORDER_HOLD_HAD_ENDED, /* Before it was confirmed; another was asked for. */
    ORDER_HAPPENINGS,
};

/* What a payment tells its order, by order_payment_told. */
enum order_word {
    PAYMENT_WORD_AUTHORISED = 1,
    PAYMENT_WORD_DECLINED,
    PAYMENT_WORD_INSUFFICIENT,
    PAYMENT_WORD_UNAVAILABLE,
    PAYMENT_WORD_CAPTURED,
    PAYMENT_WORD_CAPTURE_FAILED,
    PAYMENT_WORD_UNCLEAR,
};

enum { ORDER_HISTORY_MAX = 24, ORDER_UNITS_MAX = 1000000, ORDER_TOKEN_MAX = 255 };

/* after_ms counts from the order's at_ms. total and currency are the price locked at the reservation: 0 and empty
 * before it. order_show with settled_only waits until the order is settled. order_repeat shows an order that was placed
 * with these fields and refuses others as order_place would: so the door knows a repeat without placing it. */
#define ORDER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    RECORD(order_moment, F(1, u32, happening) F(2, u64, at_ms))                                                     \
    RECORD(order_view, F(1, key, order) F(2, u32, state) F(3, bool, settled) F(4, u32, reason) F(5, text, sale)     \
                       F(6, text, customer) F(7, u32, units) F(8, i64, price) F(9, i64, total)                      \
                       F(10, text, currency) F(11, u32, number) F(12, u32, method) F(13, u64, at_ms)                \
                       L(14, order_moment, history, ORDER_HISTORY_MAX))                                             \
    REFUSAL(401, order_key_reused, "the idempotency key was used with other fields")                                \
    REFUSAL(402, order_unknown, "there is no such order")                                                           \
    REFUSAL(403, order_wrong_address, "the customer and the key don't lead to this actor")                          \
    REFUSAL(404, order_invalid, "a field of the order is out of range")                                             \
    COMMAND(1, order_place, public, F(1, text, customer) F(2, text, idempotency_key) F(3, text, sale)               \
                                    F(4, u32, units) F(5, u32, method) O(6, text, token))                           \
    COMMAND(2, order_payment_told, internal, F(1, u32, word))                                                       \
    REPLY(3, order_entered, sale_enter)                                                                             \
    REPLY(4, order_numbered, sale_number)                                                                           \
    REPLY(5, order_confirm_answered, sale_confirm)                                                                  \
    REPLY(6, order_authorise_taken, payment_authorise)                                                              \
    REPLY(7, order_capture_taken, payment_capture)                                                                  \
    QUERY(1, order_show, order_view, F(1, bool, settled_only))                                                      \
    QUERY(2, order_repeat, order_view, F(1, text, sale) F(2, u32, units) F(3, u32, method) O(4, text, token))       \
    EVENT(1, order_placed, F(1, text, customer) F(2, text, idempotency_key) F(3, text, sale) F(4, u32, units)       \
                           F(5, u32, method) O(6, text, token) F(7, u64, at_ms))                                    \
    EVENT(2, order_placed_again, F(1, u32, after_ms))                                                               \
    EVENT(3, order_reserved, F(1, u32, number) F(2, i64, price) F(3, text, currency) F(4, u32, after_ms))           \
    EVENT(4, order_authorised, F(1, u32, after_ms))                                                                 \
    EVENT(5, order_confirmed, F(1, u32, after_ms))                                                                  \
    EVENT(6, order_paid, F(1, u32, after_ms))                                                                       \
    EVENT(7, order_cancelled, F(1, u32, reason) F(2, u32, after_ms))                                                \
    EVENT(8, order_sent_to_review, F(1, u32, reason) F(2, u32, after_ms))                                           \
    EVENT(9, order_retried, F(1, u32, step))                                                                        \
    EVENT(10, order_hold_ended, F(1, u32, after_ms))
SOUK_PROTOCOL(order, 4, ORDER_TABLE);

/* Names as HTTP shows them, such as "paid", "sold-out"; "unknown" for what is none. Never NULL; static. */
const char *order_state_name(uint32_t state);
const char *order_reason_name(uint32_t reason);
const char *order_happening_name(uint32_t happening);
/* Whether an order that was cancelled for this reason may be placed again (R11: a refusal that isn't remembered). */
bool order_reason_again(uint32_t reason);

#endif
