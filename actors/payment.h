/* SPDX-License-Identifier: Apache-2.0 */
/* payment.h -- the payment of one order: authorised, then captured, or undone; by card at the provider or by credit.
 *
 * Key: its order's. The order asks it to authorise, capture and void; it takes note at once and tells the order its
 * definite words by order_payment_told, whenever it has them (order.h). All that is heard of the provider (answers to
 * calls, to retrievals, webhooks) comes to this one actor. Always captured <= authorised, refunded <= captured. */
#ifndef ACTORS_PAYMENT_H
#define ACTORS_PAYMENT_H

#include <souk/protocol.h>

enum payment_state {
    PAYMENT_NEW,
    PAYMENT_AUTH_PENDING,
    PAYMENT_AUTHORISED,
    PAYMENT_AUTH_FAILED,
    PAYMENT_AUTH_ABANDONED, /* The order was told that it failed; what may yet turn up at the provider is undone. */
    PAYMENT_CAPTURE_PENDING,
    PAYMENT_CAPTURED,
    PAYMENT_CAPTURE_FAILED,
    PAYMENT_VOID_PENDING,
    PAYMENT_VOIDED,
    PAYMENT_REFUND_PENDING,
    PAYMENT_REFUNDED,
    PAYMENT_NEEDS_REVIEW,
    PAYMENT_STATES,
};

/* The operations at the provider, in payment_called and in the derivation of a call's key. */
enum payment_operation { PAYMENT_AUTHORISE = 1, PAYMENT_CAPTURE, PAYMENT_CANCEL, PAYMENT_REFUND };

/* method is an order_method. `account` is the key of the customer's account, for credit. until_ms is the hold's end:
 * by then, less a margin, the authorisation must be definite. `order` in provider_* is the order's public name.
 * amounts are minor units. payment_called: operation `number` goes to the provider; first_ms is when it went for the
 * first time. */
#define PAYMENT_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                       \
    RECORD(provider_authorise, F(1, text, order) F(2, i64, amount) F(3, text, currency) F(4, text, token))          \
    RECORD(provider_capture, F(1, text, intent) F(2, i64, amount))                                                  \
    RECORD(provider_cancel, F(1, text, intent))                                                                     \
    RECORD(provider_refund, F(1, text, intent) F(2, i64, amount))                                                   \
    RECORD(provider_retrieve, O(1, text, intent) F(2, text, order))                                                 \
    RECORD(provider_result, F(1, text, intent) F(2, u32, status) F(3, i64, amount) F(4, i64, amount_received)       \
                            F(5, i64, amount_refunded) O(6, text, decline_code))                                    \
    RECORD(payment_view, F(1, u32, state) F(2, u32, method) F(3, i64, amount) F(4, text, currency)                  \
                         F(5, i64, captured) F(6, i64, refunded) F(7, text, intent) F(8, text, decline_code)        \
                         F(9, u32, operation) F(10, u32, number) F(11, u32, looks))                                 \
    REFUSAL(501, payment_declined, "the payment was declined")                                                      \
    REFUSAL(502, payment_unknown, "there is no such payment")                                                       \
    REFUSAL(503, payment_invalid, "the payment can't do this in its state")                                         \
    COMMAND(1, payment_authorise, internal, F(1, u32, method) F(2, i64, amount) F(3, text, currency)                \
                                            F(4, key, account) F(5, u64, until_ms) O(6, text, token))               \
    COMMAND(2, payment_capture, internal, )                                                                         \
    COMMAND(3, payment_void, internal, F(1, key, account))                                                          \
    COMMAND(4, payment_notify, internal, F(1, text, intent) F(2, u32, status) F(3, i64, amount)                     \
                                         F(4, i64, amount_received) F(5, i64, amount_refunded)                      \
                                         O(6, text, decline_code))                                                  \
    COMMAND(5, payment_look, internal, F(1, u32, round))                                                            \
    REPLY(6, payment_debited, account_debit)                                                                        \
    REPLY(7, payment_authorise_answered, provider_authorise)                                                        \
    REPLY(8, payment_capture_answered, provider_capture)                                                            \
    REPLY(9, payment_cancel_answered, provider_cancel)                                                              \
    REPLY(10, payment_refund_answered, provider_refund)                                                             \
    REPLY(11, payment_retrieve_answered, provider_retrieve)                                                         \
    QUERY(1, payment_show, payment_view, )                                                                          \
    EVENT(1, payment_requested, F(1, u32, method) F(2, i64, amount) F(3, text, currency) O(4, text, token)          \
                                O(5, u64, until_ms))                                                                \
    EVENT(2, payment_called, F(1, u32, operation) F(2, u32, number) F(3, u64, first_ms))                            \
    EVENT(3, payment_unclear, F(1, bool, abandoned))                                                                \
    EVENT(4, payment_looked, )                                                                                      \
    EVENT(5, payment_authorised, O(1, text, intent))                                                                \
    EVENT(6, payment_auth_failed, O(1, text, decline_code))                                                         \
    EVENT(7, payment_captured, )                                                                                    \
    EVENT(8, payment_capture_failed, )                                                                              \
    EVENT(9, payment_voided, )                                                                                      \
    EVENT(10, payment_refunded, )                                                                                   \
    EVENT(11, payment_sent_to_review, )                                                                             \
    EVENT(12, payment_intent_known, F(1, text, intent))
SOUK_PROTOCOL(payment, 5, PAYMENT_TABLE);

/* The name of a payment_state, such as "captured"; "unknown" for what is none. Never NULL; static. */
const char *payment_state_name(uint32_t state);

#endif
