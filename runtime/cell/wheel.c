/* SPDX-License-Identifier: Apache-2.0 */
/* cell/wheel.c -- the hierarchical timing wheel of cell/wheel.h, for the shards' timers.
 *
 * A due time and the present, as numbers of 6-bit digits (the fourth has 5 bits), agree down from the top to some
 * digit: that is the level, and the due time's digit there is the slot. Above the levels a digit is one bit, and as the
 * later of two times has the 1 where they first differ, each such bit needs one list only. Lists thus stand in the
 * order of time, and the first busy one has the earliest timer. A present that moves, but not into a busy slot, leaves
 * every timer's list what it was; one that enters a busy slot cascades it, and all lists before it are empty then. */
#include "cell/wheel.h"

#include <string.h>

enum { DIGIT_BITS = 6, LEVEL_SLOTS = 1 << DIGIT_BITS, WORDS = sizeof((struct souk_wheel *)0)->busy / 8 };

#define NEAR_MASK ((UINT64_C(1) << SOUK_WHEEL_NEAR_BITS) - 1)

_Static_assert(offsetof(struct souk_timer, next) == 0, "a link to `next` is a link to the timer");
_Static_assert(sizeof(struct souk_wheel) <= 2200, "each shard has a wheel");

/* The number of the list for what is due then, at or after the present. */
static unsigned
list_of(const struct souk_wheel *wheel, uint64_t due_ms)
{
    /* The 1 stands for the lowest bit at least, which is what an equal time gets, too. */
    unsigned bit = 63u - (unsigned)__builtin_clzll((due_ms ^ wheel->now_ms) | 1);
    if (bit >= SOUK_WHEEL_NEAR_BITS) return SOUK_WHEEL_NEAR + bit - SOUK_WHEEL_NEAR_BITS;
    unsigned level = bit / DIGIT_BITS;
    return level * LEVEL_SLOTS + ((unsigned)((due_ms & NEAR_MASK) >> level * DIGIT_BITS) & (LEVEL_SLOTS - 1));
}

/* When the span of a busy list begins: at or after the present on the lowest level, later on all others. */
static uint64_t
start_of(const struct souk_wheel *wheel, unsigned list)
{
    if (list >= SOUK_WHEEL_NEAR) {
        unsigned bit = list - SOUK_WHEEL_NEAR + SOUK_WHEEL_NEAR_BITS;
        return (wheel->now_ms >> bit | 1) << bit;
    }
    unsigned level = list / LEVEL_SLOTS, above = (level + 1) * DIGIT_BITS;
    if (above > SOUK_WHEEL_NEAR_BITS) above = SOUK_WHEEL_NEAR_BITS;
    return wheel->now_ms >> above << above | (uint64_t)(list % LEVEL_SLOTS) << level * DIGIT_BITS;
}

/* The first busy list; SOUK_WHEEL_LISTS when all are empty. */
static unsigned
first_busy(const struct souk_wheel *wheel)
{
    for (unsigned word = 0; word < WORDS; word++)
        if (wheel->busy[word]) return word * 64 + (unsigned)__builtin_ctzll(wheel->busy[word]);
    return SOUK_WHEEL_LISTS;
}

static void
set_empty(struct souk_wheel *wheel, unsigned list)
{
    wheel->lists[list] = NULL;
    wheel->busy[list / 64] &= ~(UINT64_C(1) << list % 64);
}

/* Appends to the list of the timer's due time. Touches the last timer there and no other. */
static void
append(struct souk_wheel *wheel, struct souk_timer *timer)
{
    unsigned list = list_of(wheel, timer->due_ms);
    struct souk_timer *last = wheel->lists[list];
    if (last) {
        timer->next = last->next;
        timer->link = &last->next;
        last->next = timer;
    } else {
        timer->next = timer;
        timer->link = &wheel->lists[list];
        wheel->busy[list / 64] |= UINT64_C(1) << list % 64;
    }
    wheel->lists[list] = timer;
}

static void
unlink_from(struct souk_wheel *wheel, unsigned list, struct souk_timer *timer)
{
    struct souk_timer **place = &wheel->lists[list], *next = timer->next;
    if (next == timer) {
        set_empty(wheel, list);
    } else if (timer->link == place) {
        (*place)->next = next;
        next->link = place;
    } else {
        *timer->link = next;
        if (*place == timer) *place = (struct souk_timer *)(void *)timer->link; /* The previous one is the last now. */
        else next->link = timer->link;
    }
    timer->next = NULL;
    timer->link = NULL;
    wheel->count--;
}

/* Deals a list's timers, in their order, to the lists before it: the present has just entered its span. */
static void
cascade(struct souk_wheel *wheel, unsigned list)
{
    struct souk_timer *last = wheel->lists[list], *timer = last->next, *next;
    set_empty(wheel, list);
    for (bool more = true; more; timer = next) {
        more = timer != last;
        next = timer->next;
        append(wheel, timer);
    }
}

void
souk_wheel_init(struct souk_wheel *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->now_ms = now_ms;
}

void
souk_wheel_add(struct souk_wheel *wheel, struct souk_timer *timer, uint64_t due_ms)
{
    souk_assert(!timer->link);
    timer->due_ms = due_ms > wheel->now_ms ? due_ms : wheel->now_ms;
    append(wheel, timer);
    wheel->count++;
}

void
souk_wheel_cancel(struct souk_wheel *wheel, struct souk_timer *timer)
{
    souk_assert(timer->link && wheel->count);
    unsigned list = list_of(wheel, timer->due_ms);
    /* Catches most timers of another wheel, and those whose due time was meddled with. */
    souk_assert(timer->due_ms >= wheel->now_ms && wheel->lists[list]);
    unlink_from(wheel, list, timer);
}

struct souk_timer *
souk_wheel_take(struct souk_wheel *wheel, uint64_t now_ms)
{
    if (now_ms < wheel->now_ms) now_ms = wheel->now_ms;
    for (;;) {
        unsigned list = first_busy(wheel);
        uint64_t start = list < SOUK_WHEEL_LISTS ? start_of(wheel, list) : UINT64_MAX;
        if (list == SOUK_WHEEL_LISTS || start > now_ms) break;
        wheel->now_ms = start;
        if (list < LEVEL_SLOTS) {
            struct souk_timer *timer = wheel->lists[list]->next;
            unlink_from(wheel, list, timer);
            return timer;
        }
        cascade(wheel, list);
    }
    wheel->now_ms = now_ms;
    return NULL;
}

uint64_t
souk_wheel_next(const struct souk_wheel *wheel)
{
    unsigned list = first_busy(wheel);
    return list < SOUK_WHEEL_LISTS ? start_of(wheel, list) : UINT64_MAX;
}
