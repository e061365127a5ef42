/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/kinds.h -- the kinds that the soak runs: jobs, each of which puts some part of the runtime to work and
 * checks what comes of it, and the hands that they do it with. Beside them the purses of test/node. */
#ifndef TEST_SOAK_KINDS_H
#define TEST_SOAK_KINDS_H

#include "node/purse.h"

#include <souk/volatile.h>

/* What a job is about. */
enum job_phase {
    JOB_TREE,   /* A storm of spawning: a tree whose nodes report and end. */
    JOB_ASKS,   /* Asks that end in each way there is, each exactly once. */
    JOB_GATHER, /* Many at once. */
    JOB_FLOOD,  /* Senders who flood a bounded queue; order for each pair. */
    JOB_CROWD,  /* The same with asks, which are refused when it is full. */
    JOB_BONDS,  /* Links, monitors, restarts, children. */
    JOB_TICKS,  /* Periods, and their end. */
    JOB_NAPS,   /* Named actors that end when idle. */
    JOB_PURSES, /* Asks of event-sourced actors. */
    JOB_PHASES,
};
extern const char *const job_phases[JOB_PHASES];

/* What a hand is to do with an ask. */
enum hand_how {
    HAND_ANSWER, HAND_REFUSE, HAND_NEVER, HAND_SOON, HAND_TOO_LATE, HAND_PASS_ON, HAND_STASH, HAND_FAIL, HAND_CANCELLED,
    HAND_NOBODY, HAND_HOWS,
};

/* `broken` says what was wrong; empty: nothing. */
#define JOB_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                 \
  RECORD(job_view, F(1, u32, phase) F(2, u64, outcomes) F(3, text, broken))                               \
  RECORD(job_ask, F(1, u32, how) F(2, u64, value))                                                        \
  RECORD(job_watched, F(1, key, key) F(2, u32, kind) F(3, u32, reason))                                   \
  COMMAND(1, job_run, public, F(1, u32, phase) F(2, u32, size) F(3, u64, seed) L(4, key, purses, 64))     \
  COMMAND(2, job_end, public, F(1, u32, reason))                                                          \
  COMMAND(3, job_report, internal, F(1, u64, count) F(2, u64, done) F(3, text, broken))                   \
  COMMAND(4, job_tick, internal, F(1, u32, period))                                                       \
  COMMAND(5, job_look, internal, F(1, u32, what))                                                         \
  REPLY(6, job_asked, hand_do)                                                                            \
  REPLY(7, job_gathered, hand_do)                                                                         \
  REPLY(8, job_down, souk_down)                                                                           \
  REPLY(9, job_told, sink_tell)                                                                           \
  REPLY(10, job_counted, pile_tell)                                                                       \
  REPLY(11, job_rested, nap_take)                                                                         \
  REPLY(12, job_paid, purse_pay)                                                                          \
  QUERY(1, job_show, job_view, F(1, u32, unused))

#define HAND_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                \
  RECORD(hand_done, F(1, u64, value))                                                                     \
  REFUSAL(1, hand_no, "it was told to refuse")                                                            \
  COMMAND(1, hand_grow, internal, F(1, key, job) F(2, u32, depth) F(3, u32, width) F(4, u64, seed))       \
  COMMAND(2, hand_serve, internal, F(1, key, job))                                                        \
  COMMAND(3, hand_do, internal, F(1, u32, how) F(2, u64, value))                                          \
  COMMAND(4, hand_later, internal, F(1, asker, who) F(2, u64, value))                                     \
  COMMAND(5, hand_open, internal, F(1, u32, unused))                                                      \
  COMMAND(6, hand_flood, internal, F(1, key, job) F(2, key, sink) F(3, u32, number) F(4, u32, left)       \
                                   F(5, u32, burst) F(6, bool, asks))                                     \
  COMMAND(7, hand_bind, internal, F(1, key, other) F(2, bool, unbind))                                    \
  COMMAND(8, hand_bear, internal, F(1, u32, children) F(2, u32, fail))                                    \
  REPLY(9, hand_told, pile_note)

#define SINK_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                \
  RECORD(sink_told, F(1, u64, taken) F(2, u64, disorder))                                                 \
  RECORD(sink_last, F(1, u32, sequence))                                                                  \
  COMMAND(1, sink_open, internal, F(1, key, job))                                                         \
  COMMAND(2, sink_note, internal, F(1, u32, sender) F(2, u32, sequence))                                  \
  COMMAND(3, sink_tell, internal, F(1, u32, unused))

#define PILE_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                \
  RECORD(pile_told, F(1, u64, taken) F(2, u64, disorder))                                                 \
  RECORD(pile_last, F(1, u32, sequence))                                                                  \
  COMMAND(1, pile_open, internal, F(1, key, job))                                                         \
  COMMAND(2, pile_note, internal, F(1, u32, sender) F(2, u32, sequence))                                  \
  COMMAND(3, pile_tell, internal, F(1, u32, unused))

#define NAP_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                 \
  RECORD(nap_taken, F(1, u64, sum))                                                                       \
  COMMAND(1, nap_take, public, F(1, u64, value))

#define KID_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                 \
  COMMAND(1, kid_live, internal, F(1, u32, fail))

SOUK_PROTOCOL(hand, 31, HAND_TABLE);
SOUK_PROTOCOL(sink, 32, SINK_TABLE);
SOUK_PROTOCOL(pile, 33, PILE_TABLE);
SOUK_PROTOCOL(nap, 34, NAP_TABLE);
SOUK_PROTOCOL(kid, 35, KID_TABLE);
SOUK_PROTOCOL(job, 30, JOB_TABLE);

extern const struct souk_kind *const soak_kinds[];

#endif
