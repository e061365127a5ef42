/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/hoard.h -- a volatile kind for tests of memory: it keeps children, and plays with them. */
#ifndef TEST_NODE_HOARD_H
#define TEST_NODE_HOARD_H

#include <souk/volatile.h>

#define HOARD_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                               \
  RECORD(hoard_made, F(1, u32, count))                                                                    \
  RECORD(hoard_view, F(1, u64, played))                                                                   \
  COMMAND(1, hoard_spawn, public, F(1, u32, count) F(2, text, what))                                      \
  COMMAND(2, hoard_keep, internal, F(1, text, what))                                                      \
  COMMAND(3, hoard_drop, public, F(1, u32, unused))                                                       \
  COMMAND(4, hoard_play, public, F(1, u32, rounds) F(2, bool, spread) F(3, bool, asks))                   \
  COMMAND(5, hoard_ball, internal, F(1, key, from) F(2, u32, left))                                       \
  COMMAND(6, hoard_take, internal, F(1, u64, amount))                                                     \
  REPLY(7, hoard_taken, hoard_take)                                                                       \
  QUERY(1, hoard_show, hoard_view, F(1, u32, unused))

SOUK_PROTOCOL(hoard, 8, HOARD_TABLE);
extern const struct souk_kind *const hoard_kinds[];

#endif
