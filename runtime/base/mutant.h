/* SPDX-License-Identifier: Apache-2.0 */
/* base/mutant.h -- bugs planted on purpose, one for each rule that must not be broken.
 *
 * A normal build has none of them: souk_mutant() is false at compile time. The tests build the runtime once more with
 * SOUK_MUTANTS, switch one on, and demand that the simulator and the checker find it. So a check that could not fail
 * would be noticed. */
#ifndef SOUK_BASE_MUTANT_H
#define SOUK_BASE_MUTANT_H

/* Each mutant and the rule of the design that it breaks. */
#define SOUK_MUTANT_LIST(M)                                                                      \
    M(RELEASE_EARLY, "R1", "a slice lets go of its shards before its batch has a position")      \
    M(FORGET_SENDS, "R2", "what a batch did not consume itself is not recorded")                 \
    M(SKIP_DEDUP, "R3", "recovery delivers again what was consumed")                             \
    M(REPLY_EARLY, "R4", "answers leave before they are durable")                                \
    M(FORGET_DEP, "R4", "an answer waits for its own slice, not for what its shard had seen")    \
    M(KEEP_SPOILT, "R5", "a state is kept whose change failed half way")                         \
    M(FORGET_ATTEMPTS, "R5", "it is not on record how often a message has been tried")           \
    M(OVERTAKE, "R5", "an actor takes others while a message waits for its next attempt")        \
    M(SNAPSHOT_EARLY, "R6", "a snapshot is written before what it shows is durable")             \
    M(MARKER_EARLY, "R7", "a checkpoint's marker is written before its snapshots are")           \
    M(FORGET_TABLES, "R7", "a checkpoint forgets what is outstanding")                           \
    M(TIMERS_FIRST, "R9", "timers run before recovery has delivered what was outstanding")       \
    M(CLOCK_BACK, "R9", "partition time begins with the wall clock, though that went back")      \
    M(KEY_ANEW, "R12", "a payment's call gets a new key each time")

#define SOUK_MUTANT_NAME_(name, rule, what) SOUK_MUTANT_##name,
enum souk_mutant { SOUK_MUTANT_NONE, SOUK_MUTANT_LIST(SOUK_MUTANT_NAME_) SOUK_MUTANT_COUNT };

#ifdef SOUK_MUTANTS
/* Which one is on; set before a node is opened. */
extern enum souk_mutant souk_mutant_on;
#define souk_mutant(name) (souk_mutant_on == SOUK_MUTANT_##name)
#else
#define souk_mutant(name) false
#endif

#endif
