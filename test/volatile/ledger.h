/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/ledger.h -- an event-sourced kind that speaks with volatile ones. */
#ifndef TEST_VOLATILE_LEDGER_H
#define TEST_VOLATILE_LEDGER_H

#include "puppet.h"

#define LEDGER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                              \
  RECORD(ledger_view, F(1, u64, sum) F(2, u32, adds) F(3, u32, tells) F(4, u32, asks) F(5, u32, done)     \
                      F(6, u32, refused) F(7, u32, late) F(8, u32, dead))                                 \
  REFUSAL(1, ledger_closed, "it takes no more")                                                           \
  COMMAND(1, ledger_add, public, F(1, u64, value))                                                        \
  COMMAND(2, ledger_send, public, F(1, key, to) F(2, u64, code) F(3, u64, value))                         \
  COMMAND(3, ledger_inquire, public, F(1, key, to) F(2, u64, code) F(3, u64, value) F(4, u32, within_ms)) \
  COMMAND(4, ledger_hold, public, )                                                                       \
  COMMAND(5, ledger_release, public, )                                                                    \
  COMMAND(6, ledger_stray, public, )                                                                      \
  REPLY(7, ledger_heard, puppet_run)                                                                      \
  QUERY(1, ledger_show, ledger_view, )                                                                    \
  EVENT(1, ledger_added, F(1, u64, value))                                                                \
  EVENT(2, ledger_sent, )                                                                                 \
  EVENT(3, ledger_inquired, )                                                                             \
  EVENT(4, ledger_told, F(1, u32, ending))                                                                \
  EVENT(5, ledger_held, F(1, asker, who))
SOUK_PROTOCOL(ledger, 50, LEDGER_TABLE);

#endif
