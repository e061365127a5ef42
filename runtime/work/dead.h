/* SPDX-License-Identifier: Apache-2.0 */
/* work/dead.h -- the runtime's own kind: it keeps the messages of event-sourced actors that were given up (DURABILITY
 * R5), durably, until somebody has them tried again or dropped.
 *
 * One actor of it, souk_dead_letters(), has the list; each letter is an actor of its own, whose body may be large.
 * Every partition hosts it beside the kinds that it is given; its number is no author's. */
#ifndef SOUK_WORK_DEAD_H
#define SOUK_WORK_DEAD_H

#include "mail/message.h"
#include <souk/actor.h>

enum {
    SOUK_DEAD_KIND = 63,          /* The last that there is room for. */
    SOUK_DEAD_WINDOW = 1024,      /* The list keeps the newest so many numbers. */
    SOUK_DEAD_BODY_MAX = 1 << 19, /* A larger body is not kept: its letter tells of it, and cannot be replayed. */
};

#define DEAD_LETTERS_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                    \
  RECORD(dead_letter, F(1, u64, number) F(2, u64, time_ms) F(3, u32, kind) F(4, key, to) F(5, u32, class)             \
                      F(6, u32, tag) F(7, u32, attempts) F(8, bool, has_body) F(9, u32, length))                      \
  RECORD(dead_letters_view, F(1, u64, kept) F(2, u64, gone) L(3, dead_letter, letters, 256))                          \
  REFUSAL(1, dead_letters_none, "there is no such dead letter")                                                       \
  REFUSAL(2, dead_letters_bare, "it was too large to be kept")                                                        \
  COMMAND(1, dead_letters_keep, internal, F(1, dead_letter, letter) F(2, asker, asker) F(3, u32, ending)              \
                                          F(4, u32, refusal) F(5, bytes, body))                                       \
  COMMAND(2, dead_letters_store, internal, F(1, dead_letter, letter) F(2, asker, asker) F(3, u32, ending)             \
                                           F(4, u32, refusal) F(5, bytes, body))                                      \
  COMMAND(3, dead_letters_send, internal, )                                                                           \
  COMMAND(4, dead_letters_forget, internal, )                                                                         \
  COMMAND(5, dead_letters_replay, public, F(1, u64, number))                                                          \
  COMMAND(6, dead_letters_drop, public, F(1, u64, number))                                                            \
  QUERY(1, dead_letters_list, dead_letters_view, F(1, u64, from))                                                     \
  EVENT(1, dead_letters_came, F(1, dead_letter, letter))                                                              \
  EVENT(2, dead_letters_left, F(1, u64, number))                                                                      \
  EVENT(3, dead_letters_stored, F(1, dead_letter, letter) F(2, asker, asker) F(3, u32, ending) F(4, u32, refusal)     \
                                F(5, bytes, body))                                                                    \
  EVENT(4, dead_letters_gone, F(1, bool, sent))
SOUK_PROTOCOL(dead_letters, SOUK_DEAD_KIND, DEAD_LETTERS_TABLE);

/* Fills a struct dead_letters_keep from a message; its body is borrowed from it. */
void souk_dead_fill(const struct souk_message *message, void *keep);

#endif
