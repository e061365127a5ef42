/* SPDX-License-Identifier: Apache-2.0 */
/* souk/actor.h -- everything that the author of an actor needs, and nothing else.
 *
 * An actor is a struct, a table of messages and pure functions. decide_<command>() looks at the state and says what
 * should happen; apply_<event>() makes it so; answer_<query>() tells. None blocks, reads a clock or touches a global,
 * so each run can be replayed from its events and each failure from its seed.
 *
 * The runtime gives an actor one message at a time: a turn. What a turn emits is applied when decide accepts; the next
 * turn, also of another actor, sees it at once. Only what leaves the partition waits until it is on disk, so nobody
 * outside hears of a thing that a crash could undo. Inside the partition each message is handled once.
 *
 * An assertion that fails in these functions costs the turn, not the process: nothing of it happens. A client is told
 * SOUK_DEAD at once; what an actor has sent is tried three times before its asker is told so.
 *
 * To write a kind: its table (souk/protocol.h), its state (souk/state.h), a function for each row, SOUK_ACTOR() at the
 * end of the file. A function that is missing or has other parameters is a compile error that names it.
 *
 * For each event of its past a kind has one more, which sees nothing but the old event:
 *
 *     static struct stock_reserved
 *     lift_stock_reserved_1(const struct stock_reserved_1 *old, struct souk_scratch *scratch SOUK_UNUSED)
 *     {
 *         return (struct stock_reserved){ .reservation = old->reservation, .units = old->units, .price = 0 };
 *     }
 *
 * What it returns may borrow from `old` and from souk_lift_scratch(). Replay, snapshots' rebuilding and subscribers see
 * only what was lifted. docs/evolution.md says how to change a kind that has data. */
#ifndef SOUK_ACTOR_H
#define SOUK_ACTOR_H

#include <souk/state.h>

/* One message being decided. Only the runtime makes one: having it in hand is the permission to use the verbs below.
 * Borrowed: gone when decide returns. A const turn, as a query has, can only be asked. */
typedef struct souk_turn souk_turn;

/* SOUK_ACCEPT, or one of the kind's refusals. A refusal is an answer, not an error: what the turn emitted and asked
 * for is dropped, and the asker gets the code. */
typedef uint32_t souk_verdict;
#define SOUK_ACCEPT ((souk_verdict)0)
/* From decide: accepted, but the answer comes later, by souk_answer_later(). */
#define SOUK_LATER ((souk_verdict)0xffff0001)
/* From answer: nothing to tell yet; ask me again when I have changed. The asker's deadline still holds. */
#define SOUK_WAIT ((souk_verdict)0xffff0002)
/* What the runtime itself refuses, or a door to it. */
#define SOUK_MALFORMED ((souk_verdict)0xffff0003) /* The body doesn't fit the table. */
#define SOUK_UNKNOWN ((souk_verdict)0xffff0004)   /* The kind has no such message. */
#define SOUK_EXPIRED ((souk_verdict)0xffff0005)   /* The command is older than the window, or from the future. */
#define SOUK_OVERLOADED ((souk_verdict)0xffff0006) /* Too much is under way. */
/* From a handler: this turn has failed, as if a souk_assert had. */
#define SOUK_FAILED ((souk_verdict)0xffff0007)

/* Whom a message is for. */
typedef struct souk_ref { uint32_t kind; souk_key key; } souk_ref;
#define souk_ref(actor, key_) ((struct souk_ref){ actor##_kind_number, (key_) })

/* How an ask ended. */
enum souk_ending {
    SOUK_DONE,    /* Accepted; `body` is what souk_answer() gave. */
    SOUK_REFUSED, /* `refusal` says why. */
    SOUK_LATE,    /* No answer within the time; the command may have been, or may yet be, handled. */
    SOUK_DEAD,    /* The actor could not handle it: its turn failed, or it is gone. */
};
/* Of a monitor or link (souk/volatile.h), and of no ask: the actor has ended; `refusal` is the reason. */
#define SOUK_DOWN ((enum souk_ending)(SOUK_DEAD + 1))
struct souk_outcome {
    uint32_t ask; /* The number that souk_ask() or souk_call() returned. */
    enum souk_ending ending;
    souk_verdict refusal;
    struct souk_bytes body;
    souk_ref who; /* With SOUK_DOWN. */
};
/* The largest body of a message, encoded. */
enum { SOUK_BODY_MAX = 1 << 20 };

/* A door to the outside. Its operations are records; the calls are made at least once, under the same key. */
struct souk_port { const char *name; uint32_t number; };

/* ---- The verbs of a turn. A body is written in place, by name, and encoded at once:
 *          souk_emit(turn, stock_reserved, .reservation = c->reservation, .units = c->units);
 *      To leave out a required field is a compile error as far as the macros can count, and a bug beyond. ---- */

/* Remember that this happened. It is applied after decide has accepted. */
#define souk_emit(turn, event, ...) \
    souk_emit_with_((turn), &event##_event, SOUK_CODED_(event, __VA_ARGS__))
/* Send a command; no answer is wanted. */
#define souk_tell(turn, to, command, ...) \
    souk_tell_with_((turn), (to), &command##_command, SOUK_CODED_(command, __VA_ARGS__))
/* Send a command; its outcome comes to decide_<reply>() within the time, exactly once, also after a crash. Returns the
 * ask's number, by which an actor with several under way tells their outcomes apart. */
#define SOUK_WITHIN_MS(ms) (ms)
#define souk_ask(turn, to, reply, within_ms, command, ...) \
    souk_ask_with_((turn), (to), reply##_answers_##command, (within_ms), &command##_command, \
                   SOUK_CODED_(command, __VA_ARGS__))
/* Pass the message in hand on, as this command: the answer goes to whoever asked. */
#define souk_forward(turn, to, command, ...) \
    souk_forward_with_((turn), (to), &command##_command, SOUK_CODED_(command, __VA_ARGS__))
/* Send to myself later, also after a crash. Returns a number by which a volatile actor may cancel it. */
#define souk_wake(turn, delay_ms, command, ...) \
    souk_wake_with_((turn), (delay_ms), &command##_command, SOUK_CODED_(command, __VA_ARGS__))
/* Call a port: the operation's record goes out once the turn is durable, at least once; the outcome comes to
 * decide_<reply>(), declared as REPLY(n, reply, operation). `key` is the call's idempotency key. Not in a turn of a
 * volatile actor. */
#define souk_call(turn, port, key, reply, within_ms, operation, ...) \
    souk_call_((turn), (port), (key), reply##_answers_##operation, (within_ms), souk_layout_of_##operation, \
               SOUK_BODY_(operation, __VA_ARGS__))
/* What the asker gets with SOUK_DONE: a record. At most one a turn. */
#define souk_answer(turn, record, ...) \
    souk_answer_with_((turn), SOUK_CODED_(record, __VA_ARGS__))
/* The answer to an earlier turn that returned SOUK_LATER: its asker, the verdict, and a record. */
#define souk_answer_later(turn, asker, verdict, record, ...) \
    souk_answer_later_((turn), (asker), (verdict), souk_layout_of_##record, SOUK_BODY_(record, __VA_ARGS__))

/* The time of this turn in milliseconds since 1970, the same at each replay; never before that of its cause. */
uint64_t souk_now_ms(const souk_turn *turn);
/* Whose turn it is. */
souk_ref souk_self(const souk_turn *turn);
/* Who waits for this turn's answer; kind 0 when nobody inside the partition does. */
souk_asker souk_turn_asker(const souk_turn *turn);
/* The key of a text id, and of a pair of keys, under the data directory's secret. */
souk_key souk_key_of(const souk_turn *turn, struct souk_text id);
souk_key souk_key_pair(const souk_turn *turn, souk_key first, souk_key second);
/* Memory until the turn ends, for lists that a view or an event borrows. Never NULL. */
void *souk_turn_scratch(const souk_turn *turn, size_t bytes);
/* The same for lift functions: until the event has been applied. Never NULL. */
void *souk_lift_scratch(struct souk_scratch *scratch, size_t bytes);
/* Reads the record that an outcome carries; false when it carries none. Text in it is borrowed from the outcome. */
#define souk_outcome_read(turn, outcome, record, out) \
    souk_outcome_read_((turn), (outcome), souk_layout_of_##record, 1 ? (out) : (struct record *)0)

/* A kind of actor, as the runtime knows it. SOUK_ACTOR() fills it in. */
struct souk_kind {
    const char *name; /* In tools and on the wire. */
    uint32_t number;  /* In the journal: never changed. */
    size_t state_size;
    const struct souk_field *(*state)(uint32_t *count);
    const struct souk_row *const *rows; /* All rows, in the table's order, NULL at the end. */
    uint32_t past;                      /* How many of them are events of the past. */
    const struct souk_refusal *refusals; /* Code 0 at the end. */
    const struct souk_layout *const *records; /* NULL at the end. */
    souk_verdict (*decide)(const void *state, uint32_t tag, struct souk_reader *in, const struct souk_outcome *outcome,
                           souk_turn *turn);
    souk_verdict (*answer)(const void *state, uint32_t tag, struct souk_reader *in, const souk_turn *turn);
    bool (*apply)(void *state, uint32_t tag, struct souk_reader *in); /* False: no such event, or malformed. */
    void (*check)(const void *state); /* Asserts the invariant, after the events of each turn. */
    /* Of a volatile kind (souk/volatile.h), which has neither decide, apply nor check. */
    souk_verdict (*handle)(void *state, uint32_t tag, struct souk_reader *in, const struct souk_outcome *outcome,
                           souk_turn *turn);
    const struct souk_volatile *policy; /* NULL: an event-sourced kind. */
};

/* ---- Behind the verbs. ---- */

/* The body, when it has at least as many initialisers as the table has required fields. (Optional fields and commas
 * inside braces count too, so this catches what is forgotten, not all that could be.) */
#define SOUK_BODY_(message, ...)                                                                      \
    (&(struct message){ __VA_ARGS__ } + 0 * sizeof(struct { char unused;                              \
        _Static_assert(SOUK_ARGUMENTS_(__VA_ARGS__) >= message##_required,                            \
                       #message ": a required field is not given"); }))
#define SOUK_ARGUMENTS_(...) \
    SOUK_ARGUMENT_17_(_, ##__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define SOUK_ARGUMENT_17_(_, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) count

/* A body with its coders: what the functions below take. The encoders are inlined where the verb stands. */
typedef size_t souk_size_of_(const void *body);
typedef uint8_t *souk_put_at_(uint8_t *at, const void *body);
#define SOUK_CODED_(message, ...) SOUK_BODY_(message, __VA_ARGS__), souk_size_##message, souk_put_##message
#define SOUK_VERB_ static inline __attribute__((always_inline))

/* Each makes room for a body of that length, which is to be written at once. (An address in registers: one in memory
 * would be read wider than it was written, which stalls.) */
uint8_t *souk_emit_(souk_turn *, const struct souk_row *, size_t length);
uint8_t *souk_tell_(souk_turn *, uint32_t kind, souk_key, const struct souk_row *, size_t length);
uint8_t *souk_ask_(souk_turn *, uint32_t kind, souk_key, uint32_t reply, uint32_t within_ms, const struct souk_row *,
                   size_t length, uint32_t *number);
uint8_t *souk_forward_(souk_turn *, souk_ref, const struct souk_row *, size_t length);
uint8_t *souk_wake_(souk_turn *, uint64_t delay_ms, const struct souk_row *, size_t length, uint32_t *number);
uint8_t *souk_answer_(souk_turn *, size_t length);

SOUK_VERB_ void
souk_emit_with_(souk_turn *turn, const struct souk_row *row, const void *body, souk_size_of_ *size, souk_put_at_ *put)
{
    put(souk_emit_(turn, row, size(body)), body);
}
SOUK_VERB_ void
souk_tell_with_(souk_turn *turn, souk_ref to, const struct souk_row *row, const void *body, souk_size_of_ *size,
                souk_put_at_ *put)
{
    put(souk_tell_(turn, to.kind, to.key, row, size(body)), body);
}
SOUK_VERB_ uint32_t
souk_ask_with_(souk_turn *turn, souk_ref to, uint32_t reply, uint32_t within_ms, const struct souk_row *row,
               const void *body, souk_size_of_ *size, souk_put_at_ *put)
{
    uint32_t number;
    put(souk_ask_(turn, to.kind, to.key, reply, within_ms, row, size(body), &number), body);
    return number;
}
SOUK_VERB_ void
souk_forward_with_(souk_turn *turn, souk_ref to, const struct souk_row *row, const void *body, souk_size_of_ *size,
                   souk_put_at_ *put)
{
    put(souk_forward_(turn, to, row, size(body)), body);
}
SOUK_VERB_ uint32_t
souk_wake_with_(souk_turn *turn, uint64_t delay_ms, const struct souk_row *row, const void *body, souk_size_of_ *size,
                souk_put_at_ *put)
{
    uint32_t number;
    put(souk_wake_(turn, delay_ms, row, size(body), &number), body);
    return number;
}
SOUK_VERB_ void
souk_answer_with_(souk_turn *turn, const void *record, souk_size_of_ *size, souk_put_at_ *put)
{
    put(souk_answer_(turn, size(record)), record);
}

uint32_t souk_call_(souk_turn *, const struct souk_port *, souk_key key, uint32_t reply, uint32_t within_ms,
                    const struct souk_layout *, const void *body);
void souk_answer_later_(souk_turn *, souk_asker, souk_verdict, const struct souk_layout *, const void *body);
bool souk_outcome_read_(souk_turn *, const struct souk_outcome *, const struct souk_layout *, void *out);
/* Encodes the view that answer_<query>() filled. */
void souk_view_(const souk_turn *, const struct souk_layout *, const void *view);

/* ---- SOUK_ACTOR(): layouts, rows and dispatch, at the end of the kind's .c file. ---- */

#define SOUK_ACCESS_public true
#define SOUK_ACCESS_internal false

#define SOUK_LAYOUTS_RECORD_(record, ...)                                                             \
    static const struct souk_field *souk_fields_of_##record(void)                                     \
    {                                                                                                 \
        typedef struct record self SOUK_UNUSED;                                                       \
        static const struct souk_field fields[] = { __VA_ARGS__ { .name = NULL } };                   \
        return fields;                                                                                \
    }                                                                                                 \
    const struct souk_layout souk_layout_of_##record[1] = { {                                         \
        #record, sizeof(struct record), record##_fields, souk_fields_of_##record,                     \
        souk_size_##record, souk_put_##record, souk_get_##record } };
#define SOUK_LAYOUTS_COMMAND_(number, message, access, ...) SOUK_LAYOUTS_RECORD_(message, __VA_ARGS__)
#define SOUK_LAYOUTS_QUERY_(number, message, view, ...) SOUK_LAYOUTS_RECORD_(message, __VA_ARGS__)
#define SOUK_LAYOUTS_EVENT_(number, message, ...) SOUK_LAYOUTS_RECORD_(message, __VA_ARGS__)
#define SOUK_LAYOUTS_LIFTED_(number, message, to, ...) SOUK_LAYOUTS_RECORD_(message, __VA_ARGS__)

#define SOUK_ROWS_COMMAND_(number, message, access, ...)                                              \
    const struct souk_row message##_command = { SOUK_COMMAND, souk_this_kind_, number,                \
        SOUK_ACCESS_##access, souk_layout_of_##message, NULL, #message, 0, NULL };
#define SOUK_ROWS_REPLY_(number, reply, command)                                                      \
    static const struct souk_row reply##_reply = { SOUK_REPLY, souk_this_kind_, number,               \
        false, NULL, NULL, #reply, 0, NULL };
#define SOUK_ROWS_QUERY_(number, message, view, ...)                                                  \
    const struct souk_row message##_query = { SOUK_QUERY, souk_this_kind_, number,                    \
        true, souk_layout_of_##message, souk_layout_of_##view, #message, 0, NULL };
#define SOUK_ROWS_EVENT_(number, message, ...)                                                        \
    const struct souk_row message##_event = { SOUK_EVENT, souk_this_kind_, number,                    \
        false, souk_layout_of_##message, NULL, #message, 0, NULL };
/* The higher number keeps events from being lifted in a circle. */
#define SOUK_ROWS_LIFTED_(number, message, to, ...)                                                   \
    _Static_assert(souk_happens_##to > number, #message ": is lifted to no event of a higher number"); \
    static void souk_lift_##message(const void *old, void *lifted, struct souk_scratch *scratch)      \
    {                                                                                                 \
        const struct message *e = old;                                                                \
        *(struct to *)lifted = lift_##message(e, scratch);                                            \
    }                                                                                                 \
    const struct souk_row message##_lifted = { SOUK_LIFTED, souk_this_kind_, number,                  \
        false, souk_layout_of_##message, NULL, #message, to##_tag, souk_lift_##message };

#define SOUK_ONE_MORE_(...) + 1
#define SOUK_RECORD_ROW_(record, ...) souk_layout_of_##record,
#define SOUK_ROW_COMMAND_(number, message, access, ...) &message##_command,
#define SOUK_ROW_REPLY_(number, reply, command) &reply##_reply,
#define SOUK_ROW_QUERY_(number, message, view, ...) &message##_query,
#define SOUK_ROW_EVENT_(number, message, ...) &message##_event,
#define SOUK_ROW_LIFTED_(number, message, to, ...) &message##_lifted,
#define SOUK_REFUSAL_ROW_(number, name, sentence) { number, #name, sentence },

#define SOUK_DECIDE_COMMAND_(number, message, access, ...)                                            \
    case message##_tag: {                                                                             \
        struct message body;                                                                          \
        if (!souk_get_##message(in, &body)) return SOUK_MALFORMED;                                    \
        return decide_##message(self, &body, turn);                                                   \
    }
#define SOUK_DECIDE_REPLY_(number, reply, command)                                                    \
    case reply##_tag: return outcome ? decide_##reply(self, outcome, turn) : SOUK_UNKNOWN;
#define SOUK_ANSWER_QUERY_(number, message, view, ...)                                                \
    case message##_tag: {                                                                             \
        struct message body;                                                                          \
        struct view told;                                                                             \
        memset(&told, 0, sizeof told);                                                                \
        if (!souk_get_##message(in, &body)) return SOUK_MALFORMED;                                    \
        souk_verdict verdict = answer_##message(self, &body, turn, &told);                            \
        if (verdict == SOUK_ACCEPT) souk_view_(turn, souk_layout_of_##view, &told);                   \
        return verdict;                                                                               \
    }
#define SOUK_APPLY_EVENT_(number, message, ...)                                                       \
    case message##_tag: {                                                                             \
        struct message body;                                                                          \
        if (!souk_get_##message(in, &body)) return false;                                             \
        apply_##message(self, &body);                                                                 \
        return true;                                                                                  \
    }

/* Once more, what apply functions take: a lifted event is not encoded in between. */
#define SOUK_APPLIED_EVENT_(number, message, ...) case message##_tag: apply_##message(self, event); return true;
#define SOUK_APPLIED_LIFTED_(number, message, to, ...)                                                \
    case message##_tag: {                                                                             \
        struct to lifted;                                                                             \
        souk_lift_##message(event, &lifted, scratch);                                                 \
        return souk_applied_(self, to##_tag, &lifted, scratch);                                       \
    }
#define SOUK_APPLY_LIFTED_(number, message, to, ...)                                                  \
    case message##_tag: {                                                                             \
        struct message body;                                                                          \
        return souk_get_##message(in, &body) && souk_applied_(self, message##_tag, &body, in->scratch); \
    }

/* Layouts, rows, records and refusals; what any kind has. */
#define SOUK_ROWS_(actor, TABLE, PAST)                                                                \
    enum { souk_this_kind_ = actor##_kind_number };                                                   \
    SOUK_PASS_(TABLE, PAST, LAYOUTS, SOUK_LAYOUT_F_, SOUK_LAYOUT_L_, SOUK_LAYOUT_O_)                  \
    TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_ROWS_COMMAND_, SOUK_ROWS_REPLY_, SOUK_ROWS_QUERY_,       \
          SOUK_ROWS_EVENT_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                              \
    PAST(SOUK_ROWS_LIFTED_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                              \
    static const struct souk_row *const actor##_rows_[] = {                                           \
        TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_ROW_COMMAND_, SOUK_ROW_REPLY_, SOUK_ROW_QUERY_,      \
              SOUK_ROW_EVENT_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                           \
        PAST(SOUK_ROW_LIFTED_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_) NULL };                   \
    static const struct souk_layout *const actor##_records_[] = {                                     \
        TABLE(SOUK_RECORD_ROW_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_,           \
              SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_) NULL };                     \
    static const struct souk_refusal actor##_refusals_[] = {                                          \
        TABLE(SOUK_NOTHING_, SOUK_REFUSAL_ROW_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_,          \
              SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_) { 0, NULL, NULL } };

/* Queries; what any kind has. */
#define SOUK_ANSWERS_(actor, TABLE)                                                                   \
    static souk_verdict actor##_answer_(const void *state, uint32_t tag,                              \
        struct souk_reader *in SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED)                        \
    {                                                                                                 \
        const struct actor *self SOUK_UNUSED = state;                                                 \
        switch (tag) {                                                                                \
        TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_ANSWER_QUERY_,         \
              SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                             \
        default: return SOUK_UNKNOWN;                                                                 \
        }                                                                                             \
    }

/* What follows the table is the table of the kind's past. */
#define SOUK_ACTOR(actor, TABLE, ...)                                                                 \
    SOUK_ACTOR_(actor, TABLE, SOUK_PAST_OF_(_, ##__VA_ARGS__, SOUK_NO_PAST_))
#define SOUK_ACTOR_(actor, TABLE, PAST)                                                               \
    SOUK_ROWS_(actor, TABLE, PAST)                                                                    \
    SOUK_ANSWERS_(actor, TABLE)                                                                       \
    static souk_verdict actor##_decide_(const void *state, uint32_t tag,                              \
        struct souk_reader *in SOUK_UNUSED, const struct souk_outcome *outcome SOUK_UNUSED,           \
        souk_turn *turn SOUK_UNUSED)                                                                  \
    {                                                                                                 \
        const struct actor *self SOUK_UNUSED = state;                                                         \
        switch (tag) {                                                                                \
        TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_DECIDE_COMMAND_, SOUK_DECIDE_REPLY_, SOUK_NOTHING_,  \
              SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                             \
        default: return SOUK_UNKNOWN;                                                                 \
        }                                                                                             \
    }                                                                                                 \
    static SOUK_UNUSED bool souk_applied_(struct actor *self, uint32_t tag, const void *event,        \
        struct souk_scratch *scratch SOUK_UNUSED)                                                     \
    {                                                                                                 \
        switch (tag) {                                                                                \
        TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_,              \
              SOUK_APPLIED_EVENT_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                       \
        PAST(SOUK_APPLIED_LIFTED_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                       \
        default: return false;                                                                        \
        }                                                                                             \
    }                                                                                                 \
    static bool actor##_apply_(void *state, uint32_t tag, struct souk_reader *in)                     \
    {                                                                                                 \
        struct actor *self = state;                                                                   \
        switch (tag) {                                                                                \
        TABLE(SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_,              \
              SOUK_APPLY_EVENT_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                         \
        PAST(SOUK_APPLY_LIFTED_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                         \
        default: return false;                                                                        \
        }                                                                                             \
    }                                                                                                 \
    static void actor##_check_(const void *state) { check_##actor(state); }                           \
    const struct souk_kind actor##_kind = {                                                           \
        #actor, actor##_kind_number, sizeof(struct actor), actor##_state_, actor##_rows_,             \
        0 PAST(SOUK_ONE_MORE_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_), actor##_refusals_,       \
        actor##_records_, actor##_decide_, actor##_answer_, actor##_apply_, actor##_check_, NULL, NULL }

#endif
