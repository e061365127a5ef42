/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/job.h -- what the parts of a job share: its state, and the phases that jobask.c plays. */
#ifndef TEST_SOAK_JOB_H
#define TEST_SOAK_JOB_H

#include "soak/kinds.h"

#define JOB_STATE(F, L, M)                                                                                \
    F(1, u32, phase) F(2, u32, size) F(3, u64, seed) F(4, u64, outcomes) F(5, u64, expected)              \
    F(6, u32, issued) F(7, u32, awaited) F(8, bool, finished) F(9, text, broken) F(10, key, sink)         \
    F(11, u64, sent) F(12, u64, taken) F(13, u32, called_off) F(14, bool, opened)                         \
    L(15, key, hands) L(16, key, purses) L(17, u32, periods) L(18, u32, ticks)                            \
    M(19, job_ask, asks) M(20, job_watched, watched)
SOUK_STATE(job, JOB_STATE);

/* A random number of the job's own. */
uint32_t job_random(struct job *j, uint32_t below);
/* Notes what is broken; the first counts. */
void job_broken(struct job *j, const char *what, uint64_t a, uint64_t b);
/* Stops its hands; whoever waits for the job is told. */
void job_finish(struct job *j, souk_turn *turn);
/* Spawns a hand that serves. */
souk_key job_hand(struct job *j, souk_turn *turn);

void job_begin_asks(struct job *j, souk_turn *turn);
void job_take_outcome(struct job *j, const struct souk_outcome *outcome, souk_turn *turn);
void job_begin_gather(struct job *j, souk_turn *turn);
void job_take_gathered(struct job *j, const struct souk_outcome *outcome, souk_turn *turn);
void job_begin_bonds(struct job *j, souk_turn *turn);
void job_take_down(struct job *j, const struct souk_outcome *outcome, souk_turn *turn);

#endif
