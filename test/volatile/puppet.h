/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/puppet.h -- kinds of volatile actors that do what a test says: a message carries the function that is
 * its handler. They differ only in their policies. What they do is noted in one list, in the order of the turns. All in
 * one thread, but for what test_threads.c says. */
#ifndef TEST_VOLATILE_PUPPET_H
#define TEST_VOLATILE_PUPPET_H

#include <souk/sim.h>
#include <souk/volatile.h>

/* The rows of each kind. `code` is a puppet_code or, of a query, a puppet_looks. */
#define PUPPET_ROWS(K, RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                            \
    REFUSAL(1, K##_unwilling, "it will not")                                                              \
    COMMAND(1, K##_run, public, F(1, u64, code) F(2, u64, value))                                         \
    COMMAND(2, K##_load, public, L(1, puppet_part, parts, 32))                                            \
    REPLY(3, K##_heard, K##_run)                                                                          \
    REPLY(4, K##_ended, souk_down)                                                                        \
    QUERY(1, K##_look, puppet_said, F(1, u64, code) F(2, u64, value))

#define PUPPET_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                              \
    RECORD(puppet_said, F(1, u64, value)) RECORD(puppet_part, F(1, bytes, part))                           \
    PUPPET_ROWS(puppet, RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)
SOUK_PROTOCOL(puppet, 40, PUPPET_TABLE);     /* Ends when a turn fails. */
#define REBORN_TABLE(...) PUPPET_ROWS(reborn, __VA_ARGS__)
SOUK_PROTOCOL(reborn, 41, REBORN_TABLE);     /* Is restarted, by the defaults. */
#define PHOENIX_TABLE(...) PUPPET_ROWS(phoenix, __VA_ARGS__)
SOUK_PROTOCOL(phoenix, 42, PHOENIX_TABLE);   /* Is restarted, 6 times within 10 s, after 100 ms doubled up to 800. */
#define STUBBORN_TABLE(...) PUPPET_ROWS(stubborn, __VA_ARGS__)
SOUK_PROTOCOL(stubborn, 43, STUBBORN_TABLE); /* Goes on. */
#define CLIMBER_TABLE(...) PUPPET_ROWS(climber, __VA_ARGS__)
SOUK_PROTOCOL(climber, 44, CLIMBER_TABLE);   /* Takes its failures to who spawned it. */
#define WARD_TABLE(...) PUPPET_ROWS(ward, __VA_ARGS__)
SOUK_PROTOCOL(ward, 45, WARD_TABLE);         /* Ends with its parent. */
#define NARROW_TABLE(...) PUPPET_ROWS(narrow, __VA_ARGS__)
SOUK_PROTOCOL(narrow, 46, NARROW_TABLE);     /* Refuses what is more than QUEUE. */
#define SHEDDER_TABLE(...) PUPPET_ROWS(shedder, __VA_ARGS__)
SOUK_PROTOCOL(shedder, 47, SHEDDER_TABLE);   /* ... or sheds the expired. */
#define DROPPER_TABLE(...) PUPPET_ROWS(dropper, __VA_ARGS__)
SOUK_PROTOCOL(dropper, 48, DROPPER_TABLE);   /* ... or drops the oldest. */
#define IDLER_TABLE(...) PUPPET_ROWS(idler, __VA_ARGS__)
SOUK_PROTOCOL(idler, 49, IDLER_TABLE);       /* Ends when it was idle for IDLE_MS; is restarted when it fails. */

enum { QUEUE = 16, IDLE_MS = 200, NOTES = 1 << 16, HOUR = 3600000 };

/* The state of each, and what it is to C. `heard` is the puppet_hears that gets its outcomes and ends. */
#define PUPPET_STATE(F, L, M) F(1, u64, heard) F(2, u64, count) F(3, u64, x) F(4, u64, y)
struct puppet_self { struct souk_arena *arena; uint64_t heard, count, x, y; };

typedef souk_verdict puppet_code(struct puppet_self *self, souk_turn *turn, uint64_t value);
typedef souk_verdict puppet_hears(struct puppet_self *self, const struct souk_outcome *outcome, souk_turn *turn);
typedef souk_verdict puppet_looks(const struct puppet_self *self, uint64_t value, uint64_t *told);
#define CODE(function) ((uint64_t)(uintptr_t)(function))

extern const struct souk_kind *const puppet_kinds[];  /* All of these. */
extern const struct souk_kind *const puppet_kinds_and_ledger[]; /* ... and ledger.h's. */

/* The verbs, by a kind that is known only when they run. */
void puppet_tell(souk_turn *turn, souk_ref to, puppet_code *code, uint64_t value);
uint32_t puppet_ask(souk_turn *turn, souk_ref to, uint32_t within_ms, puppet_code *code, uint64_t value);
void puppet_among(souk_turn *turn, uint32_t all, souk_ref to, puppet_code *code, uint64_t value);
void puppet_forward(souk_turn *turn, souk_ref to, puppet_code *code, uint64_t value);
souk_ref puppet_spawn(souk_turn *turn, const struct souk_kind *kind, enum souk_where where, puppet_code *code,
                      uint64_t value);
uint32_t puppet_wake(souk_turn *turn, uint64_t delay_ms, puppet_code *code, uint64_t value);
uint32_t puppet_every(souk_turn *turn, uint64_t period_ms, puppet_code *code, uint64_t value);
#define puppet_gather(turn, within_ms) souk_gather_((turn), puppet_heard_tag, (within_ms))
#define puppet_monitor(turn, who) souk_monitor_((turn), (who), puppet_ended_tag)
#define puppet_trap(turn) souk_trap_((turn), puppet_ended_tag)
#define puppet_say(turn, value_) souk_answer((turn), puppet_said, .value = (value_))
/* What an outcome says; UINT64_MAX when it says nothing. */
uint64_t puppet_read(souk_turn *turn, const struct souk_outcome *outcome);

/* Notes: (who, what) in the order of the turns. */
struct puppet_note { souk_ref who; uint64_t value, now_ms; };
extern struct puppet_note notes[NOTES];
extern uint32_t notes_count;
void note(souk_turn *turn, uint64_t value);
/* Codes that only note their value; that also answer it; that fail; refuse. */
puppet_code run_note, run_say, run_fail, run_assert, run_refuse, run_nothing;
/* Notes the ending, the refusal and what it says, as one number. */
puppet_hears hear_note;
#define HEARD(ending, refusal, value) (((uint64_t)(ending) + 1) * 1000000000 + (uint64_t)(refusal) * 1000 + (value))
/* How many notes have that value. */
uint32_t noted(uint64_t value);

/* Actors that a test wants to name; and whether two are the same. */
extern souk_ref who[16];
static inline bool
is_same(souk_ref a, souk_ref b)
{
    return a.kind == b.kind && souk_key_equal(a.key, b.key);
}

/* From outside: to the named actor of that kind and number, and what comes back. */
souk_ref named(const souk_sim *sim, const struct souk_kind *kind, uint64_t number);
struct souk_reply puppet_order(souk_sim *sim, souk_ref to, puppet_code *code, uint64_t value);
/* A request that is not waited for. */
struct puppet_request { struct souk_sim_request r; bool done; struct souk_reply reply; uint64_t said; };
void puppet_send(souk_sim *sim, struct puppet_request *request, souk_ref to, puppet_code *code, uint64_t value,
                 uint32_t within_ms);
void puppet_look(souk_sim *sim, struct puppet_request *request, souk_ref to, puppet_looks *look, uint64_t value,
                 uint32_t within_ms);
/* Lets so much virtual time pass, and no more: the clock doesn't jump past it. */
void pass(souk_sim *sim, uint64_t ms);
/* Runs a test in simulations of several seeds, with 1 to 3 workers, from empty notes. */
void in_worlds(void (*test)(souk_sim *sim));
void in_worlds_with(const struct souk_sim_options *options, void (*test)(souk_sim *sim));
/* Sums over the workers: of an enum souk_worker_count, or of what is counted for each kind. */
enum { COUNT_LIVES = 1000, COUNT_LETTERS, COUNT_FAULTS, COUNT_RESTARTS, COUNT_TURNS }; /* Over all kinds. */
uint64_t counted(souk_sim *sim, int which);

#endif
