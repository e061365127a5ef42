/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_glass.h -- actors whose turns fail, in the simulator: what fails must cost only itself (DURABILITY R5). They
 * send messages to one another of which many fail; at the end it is known what each must have heard. */
#ifndef SOUK_SIM_GLASS_H
#define SOUK_SIM_GLASS_H

#include "sim_scenario.h"

#include <souk/actor.h>

/* How a message is taken. */
enum glass_how {
    GLASS_WELL,
    GLASS_DECIDE,  /* An assertion fails in decide, each time; */
    GLASS_FAILED,  /* or decide says so; */
    GLASS_APPLY,   /* or one fails in apply, half way; */
    GLASS_CHECK,   /* or in check. */
    GLASS_ONCE,    /* In decide, the first time only; */
    GLASS_TWICE,   /* in apply, the first two times. */
    GLASS_REPLY,   /* Well; but its asker fails when he is told so. */
    GLASS_HOWS,
};

#define GLASS_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                       \
  RECORD(glass_note, F(1, u32, from) F(2, u32, number))                                                           \
  RECORD(glass_end, F(1, u32, number) F(2, u32, ending))                                                          \
  RECORD(glass_view, L(1, glass_note, notes, 256) L(2, glass_end, ends, 256) F(3, u32, open))                     \
  COMMAND(1, glass_say, public, F(1, u32, from) F(2, key, to) F(3, u32, number) F(4, u32, how) F(5, bool, asks))  \
  COMMAND(2, glass_take, internal, F(1, u32, from) F(2, u32, number) F(3, u32, how))                              \
  COMMAND(3, glass_break, public, F(1, u32, how))                                                                 \
  REPLY(4, glass_told, glass_take)                                                                                \
  COMMAND(5, glass_later, internal, F(1, u32, from) F(2, u32, number) F(3, u32, how))                             \
  QUERY(1, glass_show, glass_view, F(1, u32, how) F(2, u32, notes_min))                                           \
  EVENT(1, glass_said, F(1, u32, number) F(2, u32, ask) F(3, u32, how))                                           \
  EVENT(2, glass_noted, F(1, u32, from) F(2, u32, number))                                                        \
  EVENT(3, glass_burst, F(1, u32, how) F(2, u32, number))                                                         \
  EVENT(4, glass_ended, F(1, u32, ask) F(2, u32, ending))
SOUK_PROTOCOL(glass, 7, GLASS_TABLE);

extern bool glass_fixed;        /* What fails in decide each time doesn't any more. */
extern bool glass_replay_fails; /* As if a newer program couldn't read its old events. */
extern const struct souk_kind *const glass_kinds[];

#endif
