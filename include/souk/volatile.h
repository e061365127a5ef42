/* SPDX-License-Identifier: Apache-2.0 */
/* souk/volatile.h -- actors that live in memory only: for sessions, aggregators, pure computation.
 *
 * They have the same tables, messages and verbs as event-sourced actors (souk/actor.h), but no events: a handler
 * changes its state directly, and a restart of the process forgets it. A kind's .c file lists its state (SOUK_STATE),
 * writes
 *
 *     static souk_verdict on_<command>(struct <kind> *self, const struct <command> *c, souk_turn *turn);
 *     static souk_verdict on_<reply>(struct <kind> *self, const struct souk_outcome *outcome, souk_turn *turn);
 *     static souk_verdict answer_<query>(const struct <kind> *self, const struct <query> *q, const souk_turn *turn,
 *                                        struct <view> *view);
 *
 * and ends with SOUK_VOLATILE(kind, TABLE, options...).
 *
 * A volatile actor is *named* when its key is that of a text (souk_key_of): it exists when first spoken to, like any
 * actor. Or it is *anonymous*: souk_spawn() makes it and its key; it ends when it is stopped, and its key is never used
 * again. A turn is all or nothing in what it sends and spawns: a refusal or a fault drops that. Not in what it did to
 * its state: that is what restarting is for.
 *
 * Delivery is at most once, and in order for each pair of actors. What an event-sourced actor tells a volatile one is
 * lost in a crash; what a volatile one tells an event-sourced one happens once or, in a crash, not at all. A message to
 * an actor that has ended, or has no room, is a dead letter: counted and listed, and its asker is told at once.
 *
 * Misuse and its answer:
 *   to a stopped actor, or nobody     a dead letter; an ask ends DEAD; a monitor tells SOUK_END_NOBODY
 *   to a kind that isn't hosted       the same
 *   stopping, linking, monitoring an  the same: such an actor doesn't end
 *     event-sourced actor
 *   stopping twice                    the second does nothing
 *   a command that the kind lacks     can't be sent from C; from outside it is refused SOUK_UNKNOWN
 *   a body above SOUK_BODY_MAX        a fault of the sender's turn; from outside it is refused SOUK_ERR_TOO_LARGE
 *   a handler that never returns      the watchdog names it, see struct souk_options; only the process can end it
 *   closing the node inside a turn    a fault of the turn; the node goes on
 *   a failed souk_assert in a turn    a fault of the turn; what follows is the kind's policy
 *
 * All functions here: inside a turn of a volatile actor, but where they say otherwise. */
#ifndef SOUK_VOLATILE_H
#define SOUK_VOLATILE_H

#include <souk/actor.h>

/* ---- A kind's policy: the options of SOUK_VOLATILE(). ---- */

/* What follows when a turn fails (souk_assert, SOUK_FAILED, or a child that escalates). The message that failed is a
 * dead letter in each case, and its asker is told DEAD. */
enum souk_on_fault {
    SOUK_STOP,     /* It ends with SOUK_END_FAULT. */
    SOUK_RESTART,  /* Its state is zeroed, the command it was spawned with comes again, then what waits for it. */
    SOUK_RESUME,   /* It goes on with the state as it is. */
    SOUK_ESCALATE, /* It ends, and the turn of whoever spawned it has failed, too. */
};

/* What happens to a message for an actor that has queue_max waiting. Answers and what the runtime sends always fit. */
enum souk_on_full {
    /* Refused: an asker is told SOUK_OVERLOADED. From half of queue_max on a sender who has more than his share is
     * refused, so that one who floods doesn't shut out the others. */
    SOUK_REFUSE,
    SOUK_SHED_EXPIRED, /* Those whose deadline is over make room, else refused. */
    SOUK_DROP_OLDEST,  /* The oldest one that is not an answer makes room. */
};

enum { SOUK_QUEUE_MAX = 1 << 20 };

struct souk_volatile {
    enum souk_on_fault on_fault;
    uint32_t restarts_max, within_ms;   /* More restarts than that within that time: it ends. 0: 5 within 10 s. */
    /* How long it is down before the first restart, doubled for each further one within within_ms; half of it is
     * chance. Messages wait meanwhile. 0: 10 ms, 5 s. */
    uint32_t backoff_ms, backoff_max_ms;
    enum souk_on_full on_full;
    uint32_t queue_max;                 /* 0: SOUK_QUEUE_MAX. */
    uint32_t idle_ms;                   /* A named one that had no message for so long ends. 0: never. */
    bool with_parent;                   /* Ends when whoever spawned it ends or restarts. */
};

/* ---- Beginning and ending. ---- */

enum souk_where {
    SOUK_NEAR,   /* In the spawner's shard: a message between them costs some nanoseconds. */
    SOUK_SPREAD, /* In another shard, each time the next one: it may run on another core. */
};

/* Makes an anonymous actor and sends it its first command; returns its address, at once good for sending. With more
 * than options.volatile_max of them in the shard's share, or above options.memory_max: souk_nobody, and the command is
 * a dead letter. */
#define souk_spawn(turn, actor, place, command, ...) \
    souk_spawn_with_((turn), &actor##_kind, (place), &command##_command, SOUK_CODED_(command, __VA_ARGS__))

/* Why an actor ended. An author's own reasons begin at SOUK_END_OWN. */
enum souk_end {
    SOUK_END_NORMAL,   /* It was stopped, or idle. */
    SOUK_END_FAULT,    /* A turn of it failed. */
    SOUK_END_RESTARTS, /* It failed more often than its policy allows. */
    SOUK_END_PARENT,   /* Its parent ended or restarted. */
    SOUK_END_NOBODY,   /* There was no such actor. */
    SOUK_END_OWN = 0x10000,
};

/* Ends an actor, also oneself, once it has handled what was sent to it before. What is then left for it is dead. */
void souk_stop(souk_turn *turn, souk_ref actor, uint32_t reason);

/* ---- Watching. ---- */

/* REPLY(n, worker_gone, souk_down) in a table: the handler of an end that is monitored or trapped. The outcome has
 * ending SOUK_DOWN, `refusal` the reason, `who` the actor, `ask` the monitor's number, 0 for a link. */
#define souk_monitor(turn, actor, reply) souk_monitor_((turn), (actor), reply##_answers_souk_down)
/* From now on, when one of us ends for another reason than SOUK_END_NORMAL, the other ends for the same; unless it
 * traps. Linking twice is linking once. A restart ends nothing: links and who monitors the restarted one stay. */
void souk_link(souk_turn *turn, souk_ref actor);
void souk_unlink(souk_turn *turn, souk_ref actor);
/* From now on the end of a linked actor doesn't end me: it is told to that reply. */
#define souk_trap(turn, reply) souk_trap_((turn), reply##_answers_souk_down)

/* ---- Waiting. ---- */

/* Puts the command in hand aside; souk_unstash() puts all of these, in order, in front of what waits. The turn's
 * verdict then counts for nothing, but for a failure, which keeps nothing. Outcomes and queries can't be put aside: a
 * fault. A stash is part of the queue: queue_max holds for both. A restart unstashes. */
void souk_stash(souk_turn *turn);
void souk_unstash(souk_turn *turn);
/* Sends to myself each period_ms from then on, until cancelled; returns the number for souk_cancel(). A tick that would
 * find the former one unhandled is left out. */
#define souk_every(turn, period_ms, command, ...) \
    souk_every_with_((turn), (period_ms), &command##_command, SOUK_CODED_(command, __VA_ARGS__))
/* Calls off an ask, a gathering, a wake, a period or a monitor by its number: its turn will not come. An ask that waits
 * in a queue is dropped there. What is over or unknown: nothing happens. */
void souk_cancel(souk_turn *turn, uint32_t number);

/* Many asks of this turn whose outcomes come together, in one turn of `reply`, when all are there (of none: at once) or
 * the time is over:
 *     uint32_t all = souk_gather(turn, cart_priced, SOUK_WITHIN_MS(50));
 *     for (...) souk_ask_among(turn, all, souk_ref(price, sku), price_quote, .units = 1);
 * `reply` is declared as REPLY(n, cart_priced, price_quote). Its outcome has ending SOUK_DONE when each was answered,
 * else SOUK_LATE; souk_gathered(turn, i, &one) gives the i-th in the order of asking, while it returns true. */
#define souk_gather(turn, reply, within_ms) souk_gather_((turn), reply##_tag, (within_ms))
#define souk_ask_among(turn, number, to, command, ...) \
    souk_ask_among_with_((turn), (number), (to), &command##_command, SOUK_CODED_(command, __VA_ARGS__))
bool souk_gathered(const souk_turn *turn, uint32_t i, struct souk_outcome *out);

/* ---- Knowing. ---- */

/* How many messages wait for me. Costs the same at any depth. */
uint32_t souk_depth(const souk_turn *turn);
/* When the message in hand must be answered, in milliseconds since 1970; 0: whenever. Asks made in this turn inherit
 * it: none waits longer than whoever asked me. */
uint64_t souk_due_ms(const souk_turn *turn);
/* Nobody's address: what it is sent is dead. */
static const souk_ref souk_nobody SOUK_UNUSED = { 0, { 0, 0 } };

/* ---- Behind the verbs. ---- */

struct souk_spawned_ { souk_ref ref; uint8_t *body; };
struct souk_spawned_ souk_spawn_(souk_turn *, const struct souk_kind *, enum souk_where, const struct souk_row *,
                                 size_t length);
uint32_t souk_monitor_(souk_turn *, souk_ref, uint32_t reply);
void souk_trap_(souk_turn *, uint32_t reply);
uint8_t *souk_every_(souk_turn *, uint64_t period_ms, const struct souk_row *, size_t length, uint32_t *number);
uint32_t souk_gather_(souk_turn *, uint32_t reply, uint32_t within_ms);
uint8_t *souk_ask_among_(souk_turn *, uint32_t number, souk_ref, const struct souk_row *, size_t length);

SOUK_VERB_ souk_ref
souk_spawn_with_(souk_turn *turn, const struct souk_kind *kind, enum souk_where where, const struct souk_row *row,
                 const void *body, souk_size_of_ *size, souk_put_at_ *put)
{
    struct souk_spawned_ spawned = souk_spawn_(turn, kind, where, row, size(body));
    put(spawned.body, body);
    return spawned.ref;
}
SOUK_VERB_ uint32_t
souk_every_with_(souk_turn *turn, uint64_t period_ms, const struct souk_row *row, const void *body,
                 souk_size_of_ *size, souk_put_at_ *put)
{
    uint32_t number;
    put(souk_every_(turn, period_ms, row, size(body), &number), body);
    return number;
}
SOUK_VERB_ void
souk_ask_among_with_(souk_turn *turn, uint32_t number, souk_ref to, const struct souk_row *row, const void *body,
                     souk_size_of_ *size, souk_put_at_ *put)
{
    put(souk_ask_among_(turn, number, to, row, size(body)), body);
}

#define SOUK_HANDLE_COMMAND_(number, message, access, ...)                                            \
    case message##_tag: {                                                                             \
        struct message body;                                                                          \
        if (!souk_get_##message(in, &body)) return SOUK_MALFORMED;                                    \
        return on_##message(self, &body, turn);                                                       \
    }
#define SOUK_HANDLE_REPLY_(number, reply, command)                                                    \
    case reply##_tag: return outcome ? on_##reply(self, outcome, turn) : SOUK_UNKNOWN;
#define SOUK_NO_EVENTS_(number, message, ...)                                                         \
    _Static_assert(0, #message ": a volatile kind has no events");

/* At the end of the kind's .c file; what follows the table are members of struct souk_volatile. */
#define SOUK_VOLATILE(actor, TABLE, ...)                                                              \
    SOUK_ROWS_(actor, TABLE, SOUK_NO_PAST_)                                                           \
    SOUK_ANSWERS_(actor, TABLE)                                                                       \
    TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_,                  \
          SOUK_NO_EVENTS_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                               \
    static souk_verdict actor##_handle_(void *state, uint32_t tag,                                    \
        struct souk_reader *in SOUK_UNUSED, const struct souk_outcome *outcome SOUK_UNUSED,           \
        souk_turn *turn SOUK_UNUSED)                                                                  \
    {                                                                                                 \
        struct actor *self SOUK_UNUSED = state;                                                       \
        switch (tag) {                                                                                \
        TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_HANDLE_COMMAND_, SOUK_HANDLE_REPLY_, SOUK_NOTHING_,  \
              SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                             \
        default: return SOUK_UNKNOWN;                                                                 \
        }                                                                                             \
    }                                                                                                 \
    static const struct souk_volatile actor##_policy_ = { __VA_ARGS__ };                              \
    const struct souk_kind actor##_kind = {                                                           \
        #actor, actor##_kind_number, sizeof(struct actor), actor##_state_, actor##_rows_, 0,          \
        actor##_refusals_, actor##_records_, NULL, actor##_answer_, NULL, NULL, actor##_handle_,      \
        &actor##_policy_ }

#endif
