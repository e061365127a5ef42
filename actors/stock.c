/* SPDX-License-Identifier: Apache-2.0 */
/* stock.c -- what a stock does; see stock.h.
 *
 * Holds lie in a map in the order of their making; as all last equally long and turn time never goes back, that is
 * also the order of their ends. One alarm is pending at most: it is set by the first hold and, when it fires, ends all
 * that are due and is set to the next. Which alarm is pending follows from the events, so it costs no byte of its own.
 *
 * What is kept, and why that is enough (R10): a hold stays until its order's word, confirm or release, or until its
 * time. An expired one moves to `ended`, so that a late confirm is told, and leaves with the order's release, which
 * always follows. A confirmed one leaves at once: an order confirms only what it was given and never after a release,
 * and messages come once and in order, so a confirm of what is in neither map repeats one that was obeyed. A release
 * of what is in neither map is the release of a reservation that was refused without the order's hearing of it; it is
 * marked in `ended`, so that even a reservation that came after it would be refused. */
#include "stock.h"

#include "address.h"
#include "mutant.h"

#include <souk/actor.h>

#define STOCK_STATE(F, L, M)                                                                                    \
    F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, u32, free) F(5, u32, held) F(6, u32, sold)           \
    F(7, u64, hold_ms) F(8, u64, alarm_ms) M(9, stock_hold, holds) M(10, stock_ended, ended)
SOUK_STATE(stock, STOCK_STATE);

/* The end of the first hold that ends after this time; 0 when there is none. Passes over those that the caller ends. */
static uint64_t
next_end(const struct stock *s, uint64_t through_ms)
{
    uint32_t at = 0;
    souk_key key;
    for (const struct stock_hold *hold; (hold = souk_next(s, holds, &at, &key));)
        if (hold->until_ms > through_ms) return hold->until_ms;
    return 0;
}

static souk_verdict
decide_stock_open(const struct stock *s, const struct stock_open *c, souk_turn *turn)
{
    if (!souk_key_equal(turn_stock_key(turn, c->sale, c->sku), souk_self(turn).key)) return stock_wrong_address;
    if (s->units) return c->units == s->units && c->hold_ms == s->hold_ms ? SOUK_ACCEPT : stock_conflict;
    souk_assert(c->units && c->hold_ms);
    souk_emit(turn, stock_opened, .sale = c->sale, .sku = c->sku, .units = c->units, .hold_ms = c->hold_ms);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_stock_reserve(const struct stock *s, const struct stock_reserve *c, souk_turn *turn)
{
    if (!s->units) return stock_unknown;
    const struct stock_hold *hold = souk_find(s, holds, c->reservation);
    const struct stock_ended *ended = hold ? NULL : souk_find(s, ended, c->reservation);
    if (ended) return ended->why == STOCK_UNDONE ? stock_released : stock_expired;
    if (!hold && c->units > s->free) {
        /* On record though it is refused: that the line was kept is proved from these events (I6). */
        souk_emit(turn, stock_turned_away, .number = c->number, .units = c->units);
        souk_answer_later(turn, souk_turn_asker(turn), stock_sold_out, stock_reservation, 0, 0, 0, { NULL, 0 });
        return SOUK_LATER;
    }
    uint64_t until_ms = hold ? hold->until_ms : souk_now_ms(turn) + s->hold_ms;
    if (!hold) {
        souk_emit(turn, stock_reserved, .reservation = c->reservation, .number = c->number, .units = c->units,
                  .until_ms = until_ms);
        if (!s->alarm_ms) souk_wake(turn, s->hold_ms, stock_expire);
    }
    souk_answer(turn, stock_reservation, .number = hold ? hold->number : c->number, .until_ms = until_ms,
                .price = c->price, .currency = c->currency);
    return SOUK_ACCEPT;
}

/* A hold that is over by the turn's time is refused whether or not the alarm has come round to it; the order's release,
 * which follows, or the alarm frees its units. */
static souk_verdict
decide_stock_confirm(const struct stock *s, const struct stock_confirm *c, souk_turn *turn)
{
    if (souk_find(s, ended, c->reservation)) return stock_expired;
    const struct stock_hold *hold = souk_find(s, holds, c->reservation);
    if (!hold) return SOUK_ACCEPT;
    if (souk_now_ms(turn) >= hold->until_ms && !shop_mutant(CONFIRM_LATE)) return stock_expired;
    souk_emit(turn, stock_confirmed, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_stock_release(const struct stock *s SOUK_UNUSED, const struct stock_release *c, souk_turn *turn)
{
    souk_emit(turn, stock_released, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_stock_return(const struct stock *s, const struct stock_return *c, souk_turn *turn)
{
    souk_assert(c->units <= s->sold);
    souk_emit(turn, stock_returned, .reservation = c->reservation, .units = c->units);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_stock_expire(const struct stock *s, const struct stock_expire *c SOUK_UNUSED, souk_turn *turn)
{
    uint64_t now = souk_now_ms(turn), next = next_end(s, now);
    souk_emit(turn, stock_swept, .through_ms = now);
    if (next) souk_wake(turn, next - now, stock_expire);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_stock_show(const struct stock *s, const struct stock_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct stock_view *v)
{
    if (!s->units) return stock_unknown;
    *v = (struct stock_view){
        .sale = souk_text_in(&s->sale), .sku = souk_text_in(&s->sku), .units = s->units, .free = s->free,
        .held = s->held, .sold = s->sold, .state = s->free ? STOCK_OPEN : STOCK_SOLD_OUT, .holds = souk_size(s, holds),
    };
    return SOUK_ACCEPT;
}

static void
apply_stock_opened(struct stock *s, const struct stock_opened *e)
{
    souk_set_text(s, sale, e->sale);
    souk_set_text(s, sku, e->sku);
    s->units = s->free = e->units;
    s->hold_ms = e->hold_ms;
}

static void
apply_stock_reserved(struct stock *s, const struct stock_reserved *e)
{
    *souk_put(s, holds, e->reservation) = (struct stock_hold){ e->units, e->number, e->until_ms };
    s->free -= e->units;
    s->held += e->units;
    if (!s->alarm_ms) s->alarm_ms = e->until_ms;
}

static void
apply_stock_turned_away(struct stock *s SOUK_UNUSED, const struct stock_turned_away *e SOUK_UNUSED)
{
}

static void
apply_stock_confirmed(struct stock *s, const struct stock_confirmed *e)
{
    const struct stock_hold *hold = souk_find(s, holds, e->reservation);
    souk_assert(hold);
    s->held -= hold->units;
    s->sold += hold->units;
    souk_remove(s, holds, e->reservation);
}

static void
apply_stock_released(struct stock *s, const struct stock_released *e)
{
    const struct stock_hold *hold = souk_find(s, holds, e->reservation);
    if (hold) {
        s->held -= hold->units;
        s->free += hold->units;
        souk_remove(s, holds, e->reservation);
    } else if (!souk_remove(s, ended, e->reservation)) {
        souk_put(s, ended, e->reservation)->why = STOCK_UNDONE;
    }
}

static void
apply_stock_swept(struct stock *s, const struct stock_swept *e)
{
    for (;;) {
        uint32_t at = 0;
        souk_key key;
        const struct stock_hold *hold = souk_next(s, holds, &at, &key);
        if (!hold || hold->until_ms > e->through_ms) break;
        s->held -= hold->units;
        s->free += hold->units;
        souk_remove(s, holds, key);
        if (!shop_mutant(FORGET_EXPIRED)) souk_put(s, ended, key)->why = STOCK_HOLD_EXPIRED;
    }
    s->alarm_ms = next_end(s, e->through_ms);
}

static void
apply_stock_returned(struct stock *s, const struct stock_returned *e)
{
    s->sold -= e->units;
    s->free += e->units;
}

/* I1: what was opened is free, held or sold. (What was returned went from sold to free.) */
static void
check_stock(const struct stock *s)
{
    souk_assert((uint64_t)s->free + s->held + s->sold == s->units);
    souk_assert((s->held == 0) == (souk_size(s, holds) == 0));
    souk_assert(!souk_size(s, holds) || s->alarm_ms);
}

SOUK_ACTOR(stock, STOCK_TABLE);
