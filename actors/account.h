/* SPDX-License-Identifier: Apache-2.0 */
/* account.h -- money that somebody has here: a customer's store credit, or one of the shop's books. Double entry.
 *
 * Key: turn_account_key(customer) or turn_book_key(book). A balance is credits less debits, one for each currency; a
 * customer's never goes below zero. Each thing that happens to money is postings that sum to zero:
 *
 *     what                    debit                credit
 *     top-up                  book issued-credit   customer
 *     credit authorised       customer             book clearing
 *     credit captured         book clearing        book sales
 *     credit voided           book clearing        customer
 *     credit refunded         book sales           customer
 *     card captured           book clearing        book sales
 *     card refunded           book sales           book clearing
 *
 * So with nothing under way the clearing book's balance is what the provider has captured less refunded, negated. A
 * book gets postings from every order: it keeps sums and counts alone, never the postings. */
#ifndef ACTORS_ACCOUNT_H
#define ACTORS_ACCOUNT_H

#include <souk/protocol.h>

enum { ACCOUNT_RECENT_MAX = 100, ACCOUNT_CURRENCIES_MAX = 200 };

/* amount is positive in commands but for account_post (a book's; negative is a debit); in postings a debit is negative.
 * account_top_up is answered with account_receipt, the same one for ever. currency in state records is money_pack(). */
#define ACCOUNT_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                       \
    RECORD(account_receipt, F(1, key, posting) F(2, i64, amount) F(3, i64, balance) F(4, text, currency))           \
    RECORD(account_balance, F(1, i64, balance) F(2, u64, postings))                                                 \
    RECORD(account_top_up_entry, F(1, i64, amount) F(2, i64, balance) F(3, u32, currency))                          \
    RECORD(account_entry, F(1, key, posting) F(2, i64, amount) F(3, u32, currency))                                 \
    RECORD(account_money, F(1, i64, amount) F(2, text, currency))                                                   \
    RECORD(account_posting, F(1, key, posting) F(2, i64, amount) F(3, text, currency))                              \
    RECORD(account_view, F(1, text, customer) L(2, account_money, balances, ACCOUNT_CURRENCIES_MAX)                 \
                         L(3, account_posting, postings, ACCOUNT_RECENT_MAX) F(4, u64, count))                      \
    REFUSAL(601, account_insufficient, "the account hasn't that much")                                              \
    REFUSAL(602, account_key_reused, "the idempotency key was used with another amount")                            \
    REFUSAL(603, account_unknown, "there is no such account")                                                       \
    REFUSAL(604, account_wrong_address, "the customer doesn't lead to this actor")                                  \
    REFUSAL(605, account_invalid, "a field is out of range")                                                        \
    REFUSAL(606, account_overflow, "the balance would be too large")                                                \
    COMMAND(1, account_top_up, public, F(1, text, customer) F(2, text, key) F(3, i64, amount) F(4, text, currency)) \
    COMMAND(2, account_debit, internal, F(1, key, posting) F(2, i64, amount) F(3, text, currency))                  \
    COMMAND(3, account_credit, internal, F(1, key, posting) F(2, i64, amount) F(3, text, currency))                 \
    COMMAND(4, account_post, internal, F(1, i64, amount) F(2, text, currency))                                      \
    QUERY(1, account_show, account_view, )                                                                          \
    EVENT(1, account_topped_up, O(1, text, customer) F(2, key, posting) F(3, i64, amount) F(4, text, currency))     \
    EVENT(2, account_posted, F(1, key, posting) F(2, i64, amount) F(3, text, currency))                             \
    EVENT(3, account_booked, F(1, i64, amount) F(2, text, currency))
SOUK_PROTOCOL(account, 6, ACCOUNT_TABLE);

#endif
