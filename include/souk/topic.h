/* SPDX-License-Identifier: Apache-2.0 */
/* souk/topic.h -- publish and subscribe: what event-sourced actors did, told to whoever wants to know.
 *
 * A topic is an event of an event-sourced kind's table; nothing has to be done to publish one. Subscribers get what the
 * journal holds: in its order, and only once it is durable. Each subscription has its own cursor, and gets each event
 * after it once. It may begin at the end, at the beginning, or wherever a former one had got to: who keeps the cursor
 * of what it has handled misses nothing over restarts, and handles again at most what it had not noted.
 *
 * A publisher never waits for a subscriber. At most SOUK_NEWS_MAX events stand in a subscriber's queue; what comes on
 * top stays in the journal and is read from there when there is room again. So nothing is lost, and a lag costs no
 * memory. Who would rather be up to date than complete sets max_lag: when more events than that have been published
 * since the subscription began and not been handed over, they are left out, and a message whose `kind` is 0 says so:
 * `skipped` of them were left out (0: unknown, for they are no longer in the journal), what follows comes after
 * `position`. What is older than the subscription is no lag and is never left out.
 *
 * A volatile actor declares a command of its own with the fields of an event, and subscribes in a turn:
 *
 *     COMMAND(2, board_happened, internal, SOUK_HAPPENED(F))
 *
 *     souk_subscribe(turn, board_happened, SOUK_EVENTS(stock_reserved, stock_released), .after = SOUK_FROM_NOW);
 *
 *     static souk_verdict
 *     on_board_happened(struct board *self, const struct board_happened *c, souk_turn *turn)
 *     {
 *         struct stock_reserved e;
 *         if (souk_event_read(turn, c, stock_reserved, &e)) self->reserved += e.units;
 *         return SOUK_ACCEPT;
 *     }
 *
 * The subscription ends with the actor, and when the actor restarts: the command it was spawned with comes again and
 * may subscribe again. Events that stand in its queue then are not handled. An event whose turn fails counts as
 * handled; one that is put aside (souk_stash) takes its room until it is handled. A named actor with idle_ms that hears
 * nothing for so long ends, and so does its subscription.
 *
 * Misuse: a topic that no event-sourced kind has never happens; more than SOUK_TOPICS_MAX, or a row that is no event,
 * is a fault of the turn; a command with other fields is a compile error. */
#ifndef SOUK_TOPIC_H
#define SOUK_TOPIC_H

#include <souk/node.h>
#include <souk/volatile.h>

/* An event's place in the journal; as a cursor: all up to and including it has been handled. `ordinal` counts the
 * events of the batch at that position, from 0. */
struct souk_cursor { uint64_t position; uint32_t ordinal; };
#define SOUK_FROM_BEGINNING ((struct souk_cursor){ 0, 0 })
/* Whatever becomes durable from now on. Any cursor beyond the journal's end means the same. */
#define SOUK_FROM_NOW ((struct souk_cursor){ UINT64_MAX, 0 })

enum {
    SOUK_NEWS_MAX = 256,    /* Events in a subscriber's queue. */
    SOUK_TOPICS_MAX = 16,   /* Topics of one subscription. */
};

/* What is wanted. */
struct souk_topic {
    const struct souk_row *const *events; /* NULL at the end. Copied. */
    struct souk_cursor after;             /* Left out: from the beginning. */
    souk_key actor;                       /* Only of the actor with this key; none: of all. */
    uint32_t max_lag;                     /* Events; 0: never skips. */
};
/* The rows of up to eight events, by name. */
#define SOUK_EVENTS(...) ((const struct souk_row *const[]){ SOUK_EVENT_ROWS_(__VA_ARGS__) NULL })

/* The fields of a command that events come as. `subscription` is its number, `kind` and `tag` say which event it is,
 * `body` is the event as msgpack (in an actor's turn empty when it is above SOUK_TEXT_MAX bytes). */
#define SOUK_HAPPENED(F)                                                                              \
    F(1, u32, subscription) F(2, u64, position) F(3, u32, ordinal) F(4, u32, kind) F(5, key, actor)  \
    F(6, u64, time_ms) F(7, u32, tag) F(8, u64, skipped) F(9, bytes, body)
struct souk_happened { SOUK_HAPPENED(SOUK_STRUCT_F_) };

/* How far a subscriber is behind: journal positions, and events that were published since it subscribed (or wait in its
 * queue). */
struct souk_lag { uint64_t positions, events; };

/* ---- In a turn of a volatile actor. ---- */

/* Subscribes; returns the number for souk_unsubscribe(). The options are those of struct souk_topic. */
#define souk_subscribe(turn, command, events_, ...)                                                   \
    souk_subscribe_((turn), &command##_command + 0 * SOUK_HAPPENED_FITS_(command),                    \
                    &(struct souk_topic){ .events = (events_), __VA_ARGS__ })
/* No event of it comes any more, also none that stands in the queue. Of an unknown number: nothing happens. */
void souk_unsubscribe(souk_turn *turn, uint32_t number);
/* How far behind one is with a subscription; zeros when there is no such. */
struct souk_lag souk_lag(const souk_turn *turn, uint32_t number);
/* Reads the event that `happened` (or the author's command with these fields) carries. False when it is another event,
 * or its body doesn't fit the table. Text in it is borrowed from the body, lists until the turn ends. */
#define souk_event_read(turn, happened, event, out)                                                   \
    souk_event_read_((turn), (happened)->kind, (happened)->tag, (happened)->body, &event##_event,     \
                     1 ? (out) : (struct event *)0)
/* Whether it is that event. */
#define souk_event_is(happened, event)                                                                \
    ((happened)->kind == event##_event.kind && (happened)->tag == event##_event.tag)

/* ---- On a worker's thread: for guests (souk/node.h), such as a gateway. ---- */

/* The caller's memory, in place until souk_worker_unsubscribe(). */
struct souk_subscription {
    /* Called for each event, on the worker's thread; what `happened` borrows is good for the call. False: not now. Then
     * this and what follows waits until souk_worker_resume(). It may unsubscribe. */
    bool (*happened)(struct souk_subscription *subscription, souk_worker *worker, const struct souk_happened *happened);
    struct souk_feed *feed_; /* The runtime's. */
};
/* Begins; happened() is not called inside this call. A guest's leave() must end all that it began. */
void souk_worker_subscribe(souk_worker *worker, struct souk_subscription *subscription, const struct souk_topic *topic);
/* Goes on after a "not now"; happened() may be called at once. */
void souk_worker_resume(souk_worker *worker, struct souk_subscription *subscription);
/* happened() will not be called any more, and the memory is the caller's again. */
void souk_worker_unsubscribe(souk_worker *worker, struct souk_subscription *subscription);
struct souk_lag souk_worker_lag(const souk_worker *worker, const struct souk_subscription *subscription);
/* Where a subscription that goes on after this one should begin: beyond the last event that happened() has taken, and
 * beyond all that were not wanted. */
struct souk_cursor souk_worker_cursor(const souk_worker *worker, const struct souk_subscription *subscription);
/* Reads an event as souk_event_read() does; lists in it are borrowed from the worker until the next call. */
#define souk_worker_event_read(worker, happened, event, out)                                          \
    (souk_event_is((happened), event) &&                                                              \
     souk_worker_read((worker), (happened)->body, souk_layout_of_##event, 1 ? (out) : (struct event *)0))

/* ---- Behind the verbs. ---- */

uint32_t souk_subscribe_(souk_turn *, const struct souk_row *command, const struct souk_topic *);
bool souk_event_read_(souk_turn *, uint32_t kind, uint32_t tag, struct souk_bytes body, const struct souk_row *event,
                      void *out);

#define SOUK_SAME_PLACE_(command, field) offsetof(struct command, field) == offsetof(struct souk_happened, field)
#define SOUK_HAPPENED_FITS_(command)                                                                  \
    sizeof(struct { char unused; _Static_assert(                                                      \
        sizeof(struct command) == sizeof(struct souk_happened) && command##_fields == 9 &&            \
        command##_required == 9 && SOUK_SAME_PLACE_(command, subscription) &&                         \
        SOUK_SAME_PLACE_(command, position) && SOUK_SAME_PLACE_(command, ordinal) &&                  \
        SOUK_SAME_PLACE_(command, kind) && SOUK_SAME_PLACE_(command, actor) &&                        \
        SOUK_SAME_PLACE_(command, time_ms) && SOUK_SAME_PLACE_(command, tag) &&                       \
        SOUK_SAME_PLACE_(command, skipped) && SOUK_SAME_PLACE_(command, body),                        \
        #command ": its fields must be SOUK_HAPPENED(F)"); })

#define SOUK_EVENT_ROWS_(...)                                                                         \
    SOUK_EVENT_ROWS_9_(__VA_ARGS__, SOUK_ROWS8_, SOUK_ROWS7_, SOUK_ROWS6_, SOUK_ROWS5_, SOUK_ROWS4_,  \
                       SOUK_ROWS3_, SOUK_ROWS2_, SOUK_ROWS1_, _)(__VA_ARGS__)
#define SOUK_EVENT_ROWS_9_(a, b, c, d, e, f, g, h, rows, ...) rows
#define SOUK_ROWS1_(a) &a##_event,
#define SOUK_ROWS2_(a, ...) &a##_event, SOUK_ROWS1_(__VA_ARGS__)
#define SOUK_ROWS3_(a, ...) &a##_event, SOUK_ROWS2_(__VA_ARGS__)
#define SOUK_ROWS4_(a, ...) &a##_event, SOUK_ROWS3_(__VA_ARGS__)
#define SOUK_ROWS5_(a, ...) &a##_event, SOUK_ROWS4_(__VA_ARGS__)
#define SOUK_ROWS6_(a, ...) &a##_event, SOUK_ROWS5_(__VA_ARGS__)
#define SOUK_ROWS7_(a, ...) &a##_event, SOUK_ROWS6_(__VA_ARGS__)
#define SOUK_ROWS8_(a, ...) &a##_event, SOUK_ROWS7_(__VA_ARGS__)

#endif
