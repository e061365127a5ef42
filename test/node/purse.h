/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/purse.h -- a kind for the runtime's own tests: purses that pay one another, using every verb. */
#ifndef TEST_NODE_PURSE_H
#define TEST_NODE_PURSE_H

#include <souk/actor.h>

#define PURSE_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                               \
  RECORD(purse_debt, F(1, key, to) F(2, u64, amount) F(3, u32, ask))                                      \
  RECORD(purse_receipt, F(1, u64, balance))                                                               \
  RECORD(purse_view, F(1, u64, balance) F(2, u32, paid) F(3, u32, open) F(4, u32, reminders)              \
                     F(5, text, owner) L(6, u64, history, 64))                                            \
  REFUSAL(1, purse_poor, "there is not enough in it")                                                     \
  REFUSAL(2, purse_full, "it takes no more")                                                              \
  REFUSAL(3, purse_moody, "not today")                                                                    \
  COMMAND(1, purse_fill, public, F(1, text, owner) F(2, u64, amount))                                     \
  COMMAND(2, purse_pay, public, F(1, key, id) F(2, key, to) F(3, u64, amount))                            \
  COMMAND(3, purse_take, internal, F(1, u64, amount))                                                     \
  COMMAND(4, purse_relay, public, F(1, key, to) F(2, u64, amount))                                        \
  COMMAND(5, purse_remind, internal, F(1, u32, left))                                                     \
  COMMAND(6, purse_think, internal, F(1, u64, amount))                                                    \
  COMMAND(7, purse_decide, internal, F(1, asker, who) F(2, u64, amount))                                  \
  COMMAND(8, purse_ring, public, F(1, u32, times))                                                        \
  REPLY(9, purse_taken, purse_take)                                                                       \
  REPLY(10, purse_thought, purse_think)                                                                   \
  QUERY(1, purse_show, purse_view, F(1, u32, paid_min))                                                   \
  EVENT(1, purse_filled, F(1, text, owner) F(2, u64, amount))                                             \
  EVENT(2, purse_paying, F(1, key, id) F(2, key, to) F(3, u64, amount) F(4, u32, ask))                    \
  EVENT(3, purse_received, F(1, u64, amount))                                                             \
  EVENT(4, purse_settled, F(1, u32, ask) F(2, bool, taken))                                               \
  EVENT(5, purse_reminded, F(1, u32, left))

SOUK_PROTOCOL(purse, 7, PURSE_TABLE);
extern const struct souk_kind *const purse_kinds[];

#endif
