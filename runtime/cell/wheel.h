/* SPDX-License-Identifier: Apache-2.0 */
/* cell/wheel.h -- timers of one shard: a hierarchical timing wheel.
 *
 * After G. Varghese and A. Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987), schemes 6 and 7, with a
 * resolution of 1 ms. A level's slot holds what is due in its span; when time enters that span, the slot is cascaded:
 * its timers go to the levels below. Beyond the levels a timer waits in a list for each power of two, as in the radix
 * heap of Ahuja, Mehlhorn, Orlin and Tarjan (1990), so that any 64-bit time has its place.
 *
 * The wheel has a present, which only it moves: the due time of the timer that was last taken, or the time of the last
 * take that gave none, whichever is later. Invariant: a timer's list is a function of its due time and the present
 * alone. So timers of the same due time always stand in the same list, in the order in which they were added. This
 * makes the order exact, and with it a simulation repeatable; and nothing needs to note where a timer is.
 *
 * There is no clock in it, no memory but the structs themselves, and no thread: whoever holds the shard calls. */
#ifndef SOUK_CELL_WHEEL_H
#define SOUK_CELL_WHEEL_H

#include <souk/base.h>

enum {
    SOUK_WHEEL_NEAR_BITS = 23,           /* What the levels cover: 2^23 ms, about 2 h 20 min. */
    SOUK_WHEEL_NEAR = 64 + 64 + 64 + 32, /* Slots of 1 ms, 64 ms, 4.1 s and 4 min 22 s. */
    SOUK_WHEEL_LISTS = SOUK_WHEEL_NEAR + 64 - SOUK_WHEEL_NEAR_BITS,
};

/* One timer, the first member of whatever waits. All zeros is one that waits for nothing. While it is in a wheel it is
 * the wheel's: it may not move, and only `due_ms` may be read. */
struct souk_timer {
    struct souk_timer *next;  /* The list is a ring: after the last comes the first. */
    struct souk_timer **link; /* The previous one's `next`; the list's own place for the first; NULL: in no wheel. */
    uint64_t due_ms;          /* When it is due. Stays readable once it is taken or cancelled. */
};

/* The timers of a shard: 2.1 KiB that may not move while a timer is in. Only `count` is for others to read. */
struct souk_wheel {
    uint64_t now_ms; /* The present. */
    uint32_t count;  /* How many timers are in. */
    uint64_t busy[(SOUK_WHEEL_LISTS + 63) / 64]; /* A bit for each list that isn't empty. */
    struct souk_timer *lists[SOUK_WHEEL_LISTS];  /* Each one's last timer, or NULL; all are in the order of time. */
};

/* Makes the wheel empty, its present `now_ms`. */
void souk_wheel_init(struct souk_wheel *wheel, uint64_t now_ms);

/* Adds a timer, which is borrowed until it is taken or cancelled; one that is in a wheel already is a bug. A due time
 * before the present is raised to it (see `due_ms` then): such a timer is due at once, after those that were due at the
 * present already. O(1). */
void souk_wheel_add(struct souk_wheel *wheel, struct souk_timer *timer, uint64_t due_ms);

/* Takes a timer out before its time. It must be in this wheel: all else is a bug. O(1). */
void souk_wheel_cancel(struct souk_wheel *wheel, struct souk_timer *timer);

/* Takes the next timer that is due at or before `now_ms`: in the order of due times, those of the same due time in the
 * order of adding. NULL when there is none, and then the present is `now_ms`. Call it until it gives NULL; between the
 * calls timers may be added and cancelled, and what is added due by `now_ms` comes in this series. A `now_ms` before
 * the present counts as the present. A series costs a few steps for each timer and list, however far the jump. */
struct souk_timer *souk_wheel_take(struct souk_wheel *wheel, uint64_t now_ms);

/* When to call take again: never later than the earliest timer is due. It is that timer's time if that lies in the
 * present's 64 ms (aligned), else the start of the slot that must be cascaded then. So whoever sleeps until then wakes
 * in vain at most once for each slot on a timer's way down: 3 times within two hours, not counting the rare list
 * beyond. Later than the present unless a timer is due at it. UINT64_MAX when empty. O(levels). */
uint64_t souk_wheel_next(const struct souk_wheel *wheel);

#endif
