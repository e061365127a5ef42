/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/toiler.h -- a volatile kind for the tests of those who look into a node: it is slow, fails, refuses,
 * stashes and tells others when it is told to.
 * After it broke it waits for half a minute at least, and its messages with it. */
#ifndef TEST_NODE_TOILER_H
#define TEST_NODE_TOILER_H

#include <souk/volatile.h>

#define TOILER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)  \
  RECORD(toiler_view, F(1, u64, units))                                       \
  REFUSAL(1, toiler_tired, "not any more today")                              \
  COMMAND(1, toiler_add, public, F(1, u64, units))                            \
  COMMAND(2, toiler_hold_up, public, F(1, u64, ms))                           \
  COMMAND(3, toiler_break, public, F(1, u64, times))                          \
  COMMAND(4, toiler_refuse, public, F(1, u64, units))                         \
  COMMAND(5, toiler_pass_on, public, F(1, key, to) F(2, u64, times))          \
  COMMAND(6, toiler_put_aside, public, F(1, u64, units))                      \
  QUERY(1, toiler_show, toiler_view, F(1, u64, unused))

SOUK_PROTOCOL(toiler, 9, TOILER_TABLE);
extern const struct souk_kind toiler_kind;

extern const struct souk_kind *const toiler_kinds[];

#endif
