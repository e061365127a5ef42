/* SPDX-License-Identifier: Apache-2.0 */
/* souk/testkit.h -- for the author's own tests: one actor alone, random commands, whole flows under faults.
 *
 * 1. One actor alone: no node, no journal, no thread, a clock that the test moves.
 *
 *     souk_kit *kit = souk_kit_open(&stock_kind, "spring,console");
 *     SOUK_GIVEN(kit, stock_opened, .sale = SOUK_TEXT("spring"), .sku = SOUK_TEXT("console"), .units = 2, ...);
 *     SOUK_WHEN(kit, stock_reserve, .reservation = souk_kit_id(1), .units = 1, ...);
 *     SOUK_THEN(kit, stock_reserved, .reservation = souk_kit_id(1), .units = 1, ...);
 *     SOUK_THEN_WAKES(kit, 1000, stock_expire);
 *     souk_kit_close(&kit);
 *
 * GIVEN applies an event, WHEN lets the actor take one message, THEN tells what came of it: each takes the parameters
 * of the verb that it is about. Of a WHEN all events must be told, in their order, once one is, or SOUK_THEN_NOTHING;
 * what it sent need not be, but the tells among themselves, the asks, the wakes, ... stand in their order. What was
 * sent goes nowhere: outcomes of asks and calls are given by further WHENs, wakes come when time is let pass.
 *
 * Each turn is run twice, the first time on a twin made from the actor's snapshot, and all events are applied to a new
 * state: all must say and become the same. So a decide or apply that depends on anything but its arguments is found,
 * and a state that its snapshot doesn't hold. The kind's check() is called after each turn, as ever.
 *
 * 2. Random commands (SOUK_KIT_RANDOM): sequences drawn from the kind's table, shrunk to the few that make it fail and
 * printed as WHENs.
 *
 * 3. A flow under faults (SOUK_FLOW_RUN), on the simulator, for many seeds:
 *
 *     static void buy(souk_flow *flow)
 *     {
 *         for (uint64_t i = 1; i <= 20; i++)
 *             SOUK_FLOW_ASK(flow, shelf, shelf_take, .who = souk_kit_id(i), .units = 1);
 *     }
 *     static const char *never_too_many(souk_flow *flow)
 *     {
 *         struct shelf_view v;
 *         SOUK_FLOW_SHOW(flow, shelf, shelf_show, shelf_view, &v);
 *         return v.taken == 10 ? NULL : "ten units, and not ten of twenty were served";
 *     }
 *     ... SOUK_FLOW_RUN(.sim = { .kinds = kinds, .crash_one_in = 50 }, .flow = buy, .check = never_too_many);
 *
 * Event-sourced kinds only; volatile ones can be part of a flow. One thread at a time. */
#ifndef SOUK_TESTKIT_H
#define SOUK_TESTKIT_H

#include <souk/sim.h>

/* ---- What a mistake does. ---- */

/* Called with an expectation that isn't met, in some lines of text; it may leave by a longjmp(), as test frameworks do.
 * If it returns, the test goes on, and that kit complains no more. NULL, as from the start: prints the text and
 * aborts. */
void souk_kit_on_failure(void (*fail)(const char *file, int line, const char *text));

/* ---- One actor alone. ---- */

typedef struct souk_kit souk_kit;

/* An actor of that kind that nothing has happened to. Its key is that of the id; of several ids with commas between
 * them, the pair of the first two, paired with the third, and so on, as souk_key_pair() does. */
souk_kit *souk_kit_open(const struct souk_kind *kind, const char *id);
/* Frees it, after a last look whether all was told. NULL is allowed inside. */
void souk_kit_close(souk_kit **kit_p);

/* Keys as the actor's turns make them (souk_key_of, souk_key_pair), and of ids with commas between them. */
souk_key souk_kit_key_of(const souk_kit *kit, struct souk_text id);
souk_key souk_kit_key_pair(const souk_kit *kit, souk_key first, souk_key second);
souk_key souk_kit_key(const souk_kit *kit, const char *ids);
/* A key that is easy to tell from others. */
static inline souk_key souk_kit_id(uint64_t number) { return (souk_key){ number, number }; }
/* The actor itself. */
souk_ref souk_kit_self(const souk_kit *kit);
/* The time of the next turn. It begins as that of November 2023 and passes only by SOUK_WHEN_PASSED(). */
uint64_t souk_kit_now_ms(const souk_kit *kit);
/* Who asked in the last WHEN, for an answer that comes later. After SOUK_WHEN() it is what souk_turn_asker() gave. */
souk_asker souk_kit_asker(const souk_kit *kit);
/* The state as JSON, until the next call on this kit. */
const char *souk_kit_state(souk_kit *kit);

/* This has happened before. */
#define SOUK_GIVEN(kit, event, ...) \
    souk_kit_given_((kit), SOUK_KIT_HERE_, &event##_event, SOUK_BODY_(event, __VA_ARGS__))

/* The actor is asked this by another; is told it, so that nobody waits; is asked it from outside, where somebody waits
 * but not for an answer of a later turn; is asked a query; gets bytes that may be no body of the command at all. */
#define SOUK_WHEN(kit, command, ...) \
    souk_kit_when_((kit), SOUK_KIT_HERE_, SOUK_KIT_ASKED, &command##_command, SOUK_BODY_(command, __VA_ARGS__))
#define SOUK_WHEN_TOLD(kit, command, ...) \
    souk_kit_when_((kit), SOUK_KIT_HERE_, SOUK_KIT_TOLD, &command##_command, SOUK_BODY_(command, __VA_ARGS__))
#define SOUK_WHEN_REQUESTED(kit, command, ...) \
    souk_kit_when_((kit), SOUK_KIT_HERE_, SOUK_KIT_REQUESTED, &command##_command, SOUK_BODY_(command, __VA_ARGS__))
#define SOUK_WHEN_QUERIED(kit, query, ...) \
    souk_kit_when_((kit), SOUK_KIT_HERE_, SOUK_KIT_REQUESTED, &query##_query, SOUK_BODY_(query, __VA_ARGS__))
#define SOUK_WHEN_BYTES(kit, command, at, length)                                                     \
    souk_kit_when_bytes_((kit), SOUK_KIT_HERE_, SOUK_KIT_ASKED, &command##_command,                   \
                         (struct souk_bytes){ (at), (length) })
/* Time passes: wakes and deadlines of asks come when they are due. */
#define SOUK_WHEN_PASSED(kit, ms) souk_kit_when_passed_((kit), SOUK_KIT_HERE_, (ms))
/* What came of an ask or call, the one that has been open longest of those whose outcome goes to this reply: done, with
 * a record or without one; refused; no answer in time (then it is late, however early it is); the other side failed. */
#define SOUK_WHEN_ANSWERED(kit, reply, record, ...)                                                   \
    souk_kit_when_ended_((kit), SOUK_KIT_HERE_, reply##_tag, #reply, SOUK_DONE, 0, souk_layout_of_##record, \
                         SOUK_BODY_(record, __VA_ARGS__))
#define SOUK_WHEN_DONE(kit, reply) \
    souk_kit_when_ended_((kit), SOUK_KIT_HERE_, reply##_tag, #reply, SOUK_DONE, 0, NULL, NULL)
#define SOUK_WHEN_REFUSED(kit, reply, refusal) \
    souk_kit_when_ended_((kit), SOUK_KIT_HERE_, reply##_tag, #reply, SOUK_REFUSED, (refusal), NULL, NULL)
#define SOUK_WHEN_LATE(kit, reply) \
    souk_kit_when_ended_((kit), SOUK_KIT_HERE_, reply##_tag, #reply, SOUK_LATE, 0, NULL, NULL)
#define SOUK_WHEN_DEAD(kit, reply) \
    souk_kit_when_ended_((kit), SOUK_KIT_HERE_, reply##_tag, #reply, SOUK_DEAD, 0, NULL, NULL)

/* It emitted this. */
#define SOUK_THEN(kit, event, ...) \
    souk_kit_then_((kit), SOUK_KIT_HERE_, &event##_event, SOUK_BODY_(event, __VA_ARGS__))
/* Nothing was emitted, sent or answered beyond what has been told; a bare acceptance is nothing. */
#define SOUK_THEN_NOTHING(kit) souk_kit_then_nothing_((kit), SOUK_KIT_HERE_)
/* It was accepted, without a record; answered with this record, or this view; refused. Or there is no answer yet: it
 * comes from a later turn. Or, what only a test of assertions wants: the turn failed. */
#define SOUK_THEN_ACCEPTED(kit) \
    souk_kit_then_ended_((kit), SOUK_KIT_HERE_, souk_kit_asker(kit), SOUK_ACCEPT, NULL, NULL)
#define SOUK_THEN_ANSWERED(kit, record, ...) SOUK_THEN_ANSWERED_TO(kit, souk_kit_asker(kit), record, __VA_ARGS__)
#define SOUK_THEN_REFUSED(kit, refusal) SOUK_THEN_REFUSED_TO(kit, souk_kit_asker(kit), refusal)
#define SOUK_THEN_WAITS(kit) souk_kit_then_waits_((kit), SOUK_KIT_HERE_)
#define SOUK_THEN_FAILED(kit) souk_kit_then_failed_((kit), SOUK_KIT_HERE_)
/* The same for whoever asked in an earlier WHEN. */
#define SOUK_THEN_ANSWERED_TO(kit, asker, record, ...)                                                \
    souk_kit_then_ended_((kit), SOUK_KIT_HERE_, (asker), SOUK_ACCEPT, souk_layout_of_##record,        \
                         SOUK_BODY_(record, __VA_ARGS__))
#define SOUK_THEN_REFUSED_TO(kit, asker, refusal) \
    souk_kit_then_ended_((kit), SOUK_KIT_HERE_, (asker), (refusal), NULL, NULL)
/* It sent this. Asks and calls give their number, as the verbs do. */
#define SOUK_THEN_TELLS(kit, to, command, ...) \
    SOUK_THEN_SENT_(kit, SOUK_KIT_TELL, (to), 0, 0, command, __VA_ARGS__)
#define SOUK_THEN_FORWARDS(kit, to, command, ...) \
    SOUK_THEN_SENT_(kit, SOUK_KIT_FORWARD, (to), 0, 0, command, __VA_ARGS__)
#define SOUK_THEN_ASKS(kit, to, reply, within_ms, command, ...) \
    SOUK_THEN_SENT_(kit, SOUK_KIT_ASK, (to), reply##_answers_##command, (within_ms), command, __VA_ARGS__)
#define SOUK_THEN_WAKES(kit, delay_ms, command, ...) \
    SOUK_THEN_SENT_(kit, SOUK_KIT_WAKE, souk_kit_self(kit), 0, (delay_ms), command, __VA_ARGS__)
#define SOUK_THEN_CALLS(kit, port, key, reply, within_ms, operation, ...)                             \
    souk_kit_then_sent_((kit), SOUK_KIT_HERE_, SOUK_KIT_CALL, (souk_ref){ (port)->number, (key) },    \
                        reply##_answers_##operation, (within_ms), 0, souk_layout_of_##operation,      \
                        SOUK_BODY_(operation, __VA_ARGS__))

/* Asks a query on the side, between WHEN and THEN too, and reads its view into `out`: its verdict. Text and lists in it
 * are good until the next call on this kit. */
#define SOUK_KIT_SHOW(kit, query, view, out, ...)                                                     \
    souk_kit_show_((kit), &query##_query, SOUK_BODY_(query, __VA_ARGS__), souk_layout_of_##view,      \
                   1 ? (out) : (struct view *)0)

/* The i-th event of that row that the last WHEN emitted, or command that it sent, by whichever verb: its body in `out`,
 * its address in `to`, which may be NULL. False when there are not so many. Text and lists as above. */
#define SOUK_KIT_EMITTED(kit, event, i, out) \
    souk_kit_said_((kit), &event##_event, (i), NULL, 1 ? (out) : (struct event *)0)
#define SOUK_KIT_SENT(kit, command, i, to, out) \
    souk_kit_said_((kit), &command##_command, (i), (to), 1 ? (out) : (struct command *)0)

/* ---- Random commands. ---- */

/* What the outcomes of a reply may be, beside LATE, DEAD and refused as SOUK_OVERLOADED: the record of SOUK_DONE, or
 * NULL for none, and refusals. At file scope: SOUK_KIT_ANSWERS(order_numbered, souk_layout_of_stock_reservation,
 * stock_sold_out, stock_expired). A reply that isn't listed has no record and no other refusal. */
struct souk_kit_answers {
    uint32_t reply;
    const struct souk_layout *record;
    const souk_verdict *refusals; /* 0 at the end. */
};
#define SOUK_KIT_ANSWERS(reply, record, ...) \
    { reply##_tag, (record), (const souk_verdict[]){ SOUK_OVERLOADED, ##__VA_ARGS__, 0 } }

/* What the rest of the world is like to this actor. Only kind and id are needed. */
struct souk_kit_random {
    const struct souk_kind *kind;
    const char *id;                          /* As of souk_kit_open(). */
    const char *const *texts;                /* To draw from, beside the parts of the id; NULL at the end. */
    const struct souk_kit_answers *answers;  /* reply 0 at the end. */
    /* Called for each new actor before its first step: may give it events, and forgets what `holds` remembers. */
    void (*begin)(souk_kit *kit);
    /* Makes a drawn body plausible, or says that nobody would send it now (false). `layout` says what it is
     * (souk_layout_of_stock_reserve); the message may be changed, and what is put into it must last; what it
     * has made once, it must leave alone. It may look at the kit (SOUK_KIT_SHOW), and at nothing else that changes but
     * by `begin` and `holds`. */
    bool (*fit)(souk_kit *kit, const struct souk_layout *layout, void *message);
    /* What must hold after each step: NULL, or what is wrong. Assertions in it count, too. It is called once for each
     * step, so it may remember what it has seen (SOUK_KIT_EMITTED, SOUK_KIT_SENT). */
    const char *(*holds)(souk_kit *kit);
    uint64_t seed;
    uint32_t sequences, steps;               /* How many, of up to how many steps. 0: 200, 30. */
};

/* What was done. `never` is a row of the kind that came about in no sequence: a command or query that was not once
 * accepted, an event not once emitted, a reply that had no outcome; NULL when there is none. */
struct souk_kit_done {
    uint64_t sequences, steps, accepted, refused, malformed;
    const char *never;
    bool failed; /* Where the hook of souk_kit_on_failure() has returned. */
};

/* Lets an actor take commands drawn from its table, public and internal, with values that come back so that commands
 * meet each other, values at the ends of their range, repeats, some broken bodies; outcomes of what it asks; queries;
 * and lets time pass. After each step its invariant (check), `holds` and what the kit itself looks at must hold, and no
 * turn may fail. When one does, the sequence is made as short and its values as simple as they can be and still fail in
 * the same way, and is told as lines of C, with the seed. */
#define SOUK_KIT_RANDOM(...) souk_kit_random_(SOUK_KIT_HERE_, &(struct souk_kit_random){ __VA_ARGS__ })

/* ---- A flow under faults. ---- */

typedef struct souk_flow souk_flow;

/* The other side of a port: what is called there, once for each time that a call gets through. Within it
 * SOUK_FLOW_ANSWER() or SOUK_FLOW_REFUSE() says what comes back after a while, else it is DEAD. */
struct souk_flow_port {
    const struct souk_port *port;
    void (*call)(souk_flow *flow, const struct souk_port_call *call);
};

/* Which actors, and what is done with them. */
struct souk_flow_options {
    struct souk_sim_options sim;       /* Its seed is the first one; its crashes and checkpoints are the faults. */
    uint32_t seeds;                    /* 0: 20. */
    const struct souk_flow_port *ports; /* port NULL at the end; NULL: those of `sim`. */
    uint32_t lost_percent;             /* Of calls of ports get lost, and as many answers. */
    void (*flow)(souk_flow *flow);     /* Asks; see below. Called anew for each seed. */
    /* When all is answered and at rest: NULL, or what is wrong. */
    const char *(*check)(souk_flow *flow);
    void *self;                        /* For flow and check: souk_flow_self(). */
};

/* What was done. */
struct souk_flow_done { uint64_t seeds, crashes, steps, answers; bool failed; };

/* For each seed: opens a simulation, runs the flow, asks again what a crash left without an answer or what came too
 * late, until all is answered and nothing is under way, and then checks. It fails when a check says so, when a turn has
 * failed, when it doesn't come to rest, or when the first seed doesn't give the same journal twice; it tells the seed
 * that does it again. */
#define SOUK_FLOW_RUN(...) souk_flow_run_(SOUK_KIT_HERE_, &(struct souk_flow_options){ __VA_ARGS__ })

/* In flow: asks, and goes on after a few steps of everything. Returns the request's number; they count from 0. */
#define SOUK_FLOW_ASK(flow, to, command, ...) \
    souk_flow_ask_((flow), (to), &command##_command, SOUK_BODY_(command, __VA_ARGS__))
/* In a port's call(): done, with a record; or refused. */
#define SOUK_FLOW_ANSWER(flow, call, record, ...) \
    souk_flow_answer_((flow), (call), SOUK_DONE, 0, souk_layout_of_##record, SOUK_BODY_(record, __VA_ARGS__))
#define SOUK_FLOW_REFUSE(flow, call, refusal) souk_flow_answer_((flow), (call), SOUK_REFUSED, (refusal), NULL, NULL)
/* In flow: until all that was asked has its answer. */
void souk_flow_wait(souk_flow *flow);
/* In flow and check: the answer of a request once it has one, else ending SOUK_LATE. The body is kept with the flow. */
struct souk_reply souk_flow_reply(const souk_flow *flow, uint32_t number);
/* In flow and check: asks a query, and reads its view into `out`; how it ended (SOUK_DONE, SOUK_REFUSED). Text and
 * lists in it are good until the next one. */
#define SOUK_FLOW_SHOW(flow, to, query, view, out, ...)                                               \
    souk_flow_show_((flow), (to), &query##_query, SOUK_BODY_(query, __VA_ARGS__), souk_layout_of_##view, \
                    1 ? (out) : (struct view *)0)
/* The simulation, for its clock, its chance and its keys; and the options' self. */
souk_sim *souk_flow_sim(const souk_flow *flow);
void *souk_flow_self(const souk_flow *flow);

/* ---- Behind the words. ---- */

struct souk_kit_here_ { const char *file; int line; };
#define SOUK_KIT_HERE_ ((struct souk_kit_here_){ __FILE__, __LINE__ })
#define SOUK_THEN_SENT_(kit, verb, to, reply, ms, command, ...)                                       \
    souk_kit_then_sent_((kit), SOUK_KIT_HERE_, (verb), (to), (reply), (ms), command##_command.tag,    \
                        souk_layout_of_##command, SOUK_BODY_(command, __VA_ARGS__))
enum souk_kit_how_ { SOUK_KIT_ASKED, SOUK_KIT_TOLD, SOUK_KIT_REQUESTED };
enum souk_kit_verb_ { SOUK_KIT_EVENT, SOUK_KIT_TELL, SOUK_KIT_ASK, SOUK_KIT_FORWARD, SOUK_KIT_WAKE, SOUK_KIT_CALL,
                      SOUK_KIT_ANSWER };

void souk_kit_given_(souk_kit *, struct souk_kit_here_, const struct souk_row *, const void *body);
void souk_kit_when_(souk_kit *, struct souk_kit_here_, enum souk_kit_how_, const struct souk_row *, const void *body);
void souk_kit_when_bytes_(souk_kit *, struct souk_kit_here_, enum souk_kit_how_, const struct souk_row *,
                          struct souk_bytes);
void souk_kit_when_passed_(souk_kit *, struct souk_kit_here_, uint64_t ms);
void souk_kit_when_ended_(souk_kit *, struct souk_kit_here_, uint32_t reply, const char *name, enum souk_ending,
                          souk_verdict, const struct souk_layout *, const void *record);
void souk_kit_then_(souk_kit *, struct souk_kit_here_, const struct souk_row *, const void *body);
void souk_kit_then_nothing_(souk_kit *, struct souk_kit_here_);
void souk_kit_then_ended_(souk_kit *, struct souk_kit_here_, souk_asker, souk_verdict, const struct souk_layout *,
                          const void *record);
void souk_kit_then_waits_(souk_kit *, struct souk_kit_here_);
void souk_kit_then_failed_(souk_kit *, struct souk_kit_here_);
uint32_t souk_kit_then_sent_(souk_kit *, struct souk_kit_here_, enum souk_kit_verb_, souk_ref to, uint32_t reply,
                             uint64_t ms, uint32_t tag, const struct souk_layout *, const void *body);
souk_verdict souk_kit_show_(souk_kit *, const struct souk_row *, const void *query, const struct souk_layout *,
                            void *view);
bool souk_kit_said_(souk_kit *, const struct souk_row *, uint32_t i, souk_ref *to, void *out);
struct souk_kit_done souk_kit_random_(struct souk_kit_here_, const struct souk_kit_random *);
struct souk_flow_done souk_flow_run_(struct souk_kit_here_, const struct souk_flow_options *);
void souk_flow_answer_(souk_flow *, const struct souk_port_call *, enum souk_ending, souk_verdict,
                       const struct souk_layout *, const void *record);
enum souk_ending souk_flow_show_(souk_flow *, souk_ref to, const struct souk_row *, const void *query,
                                 const struct souk_layout *, void *view);
uint32_t souk_flow_ask_(souk_flow *, souk_ref to, const struct souk_row *, const void *body);

#endif
