/* SPDX-License-Identifier: Apache-2.0 */
/* sale.c -- what a sale does; see sale.h. Run by the runtime, one message at a time.
 *
 * It remembers its terms and how many numbers it has given, and no order: what orders say is passed on to the stock or
 * the quota, which answer the order themselves. */
#include "sale.h"

#include "address.h"
#include "money.h"
#include "quota.h"
#include "stock.h"

#include <souk/actor.h>

#define SALE_STATE(F, L, M)                                                                                     \
    F(1, text, sale) F(2, text, sku) F(3, u32, units) F(4, i64, price) F(5, text, currency)                     \
    F(6, u32, limit_per_customer) F(7, u64, hold_ms) F(8, u64, opens_at_ms) F(9, bool, at_once)                 \
    F(10, bool, closed) F(11, u32, numbers) F(12, bool, opened) F(13, key, stock)
SOUK_STATE(sale, SALE_STATE);

enum { SALE_UNITS_MAX = 1000000000 };
static const uint64_t hold_ms_max = 7ull * 24 * 3600 * 1000;
static const uint64_t opens_at_ms_max = 253402300799999; /* The last millisecond of the year 9999. */

/* ---- The shop's commands. ---- */

static bool
valid(const struct sale_open *c)
{
    int64_t all;
    return address_id_valid(c->sale) && address_id_valid(c->sku) && money_currency_known(c->currency)
           && c->units && c->units <= SALE_UNITS_MAX && c->price > 0 && c->price <= MONEY_MAX
           && money_multiply(c->price, c->units, &all) && c->hold_ms && c->hold_ms <= hold_ms_max
           && c->opens_at_ms <= opens_at_ms_max;
}

/* Whether the same is opened again: "at once" is the same as "at once", whenever that was. */
static bool
same(const struct sale *s, const struct sale_open *c)
{
    bool same_time = c->opens_at_ms ? c->opens_at_ms == s->opens_at_ms : s->at_once;
    return same_time && souk_text_equal(c->sale, souk_text_in(&s->sale))
           && souk_text_equal(c->sku, souk_text_in(&s->sku)) && c->units == s->units && c->price == s->price
           && souk_text_equal(c->currency, souk_text_in(&s->currency))
           && c->limit_per_customer == s->limit_per_customer && c->hold_ms == s->hold_ms;
}

static souk_verdict
decide_sale_open(const struct sale *s, const struct sale_open *c, souk_turn *turn)
{
    if (!souk_key_equal(turn_sale_key(turn, c->sale), souk_self(turn).key)) return sale_wrong_address;
    if (s->opened) {
        if (!same(s, c)) return sale_conflict;
        souk_answer(turn, sale_receipt, .created = false);
        return SOUK_ACCEPT;
    }
    if (!valid(c)) return sale_invalid;
    bool at_once = !c->opens_at_ms;
    souk_emit(turn, sale_opened, .sale = c->sale, .sku = c->sku, .units = c->units, .price = c->price,
              .currency = c->currency, .limit_per_customer = c->limit_per_customer, .hold_ms = c->hold_ms,
              .opens_at_ms = at_once ? souk_now_ms(turn) : c->opens_at_ms, .at_once = at_once,
              .stock = turn_stock_key(turn, c->sale, c->sku));
    souk_tell(turn, souk_ref(stock, turn_stock_key(turn, c->sale, c->sku)), stock_open, .sale = c->sale, .sku = c->sku,
              .units = c->units, .hold_ms = c->hold_ms);
    souk_answer(turn, sale_receipt, .created = true);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sale_close(const struct sale *s, const struct sale_close *c, souk_turn *turn)
{
    if (!souk_key_equal(turn_sale_key(turn, c->sale), souk_self(turn).key)) return sale_wrong_address;
    if (!s->opened) return sale_unknown;
    if (!s->closed) souk_emit(turn, sale_closed);
    return SOUK_ACCEPT;
}

/* ---- What orders say. ---- */

static souk_ref
quota_of(const souk_turn *turn, souk_key customer)
{
    return souk_ref(quota, souk_key_pair(turn, souk_self(turn).key, customer));
}

/* Whether an order may begin now. The opening is compared with the turn's time, so it needs no timer. */
static souk_verdict
selling(const struct sale *s, const souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    if (s->closed) return sale_closed;
    return souk_now_ms(turn) < s->opens_at_ms ? sale_not_open : SOUK_ACCEPT;
}

static souk_verdict
decide_sale_enter(const struct sale *s, const struct sale_enter *c, souk_turn *turn)
{
    souk_verdict verdict = selling(s, turn);
    if (verdict == SOUK_ACCEPT && s->limit_per_customer)
        souk_forward(turn, quota_of(turn, c->customer), quota_hold, .reservation = c->reservation, .units = c->units,
                     .limit = s->limit_per_customer);
    return verdict;
}

/* An order that has entered gets its number, also when the sale was closed in between: it was in line before. */
static souk_verdict
decide_sale_number(const struct sale *s, const struct sale_number *c, souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    uint32_t number = s->numbers + 1;
    souk_emit(turn, sale_numbered, .number = number);
    souk_forward(turn, souk_ref(stock, s->stock), stock_reserve, .reservation = c->reservation, .units = c->units,
                 .number = number, .price = s->price, .currency = souk_text_in(&s->currency));
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sale_confirm(const struct sale *s, const struct sale_confirm *c, souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    souk_forward(turn, souk_ref(stock, s->stock), stock_confirm, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sale_release(const struct sale *s, const struct sale_release *c, souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    souk_forward(turn, souk_ref(stock, s->stock), stock_release, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sale_return(const struct sale *s, const struct sale_return *c, souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    souk_forward(turn, souk_ref(stock, s->stock), stock_return, .reservation = c->reservation, .units = c->units);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sale_leave(const struct sale *s, const struct sale_leave *c, souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    if (s->limit_per_customer)
        souk_forward(turn, quota_of(turn, c->customer), quota_release, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sale_settle(const struct sale *s, const struct sale_settle *c, souk_turn *turn)
{
    if (!s->opened) return sale_unknown;
    if (s->limit_per_customer)
        souk_forward(turn, quota_of(turn, c->customer), quota_confirm, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_sale_show(const struct sale *s, const struct sale_show *q SOUK_UNUSED, const souk_turn *turn,
                 struct sale_view *v)
{
    if (!s->opened) return sale_unknown;
    *v = (struct sale_view){
        .sale = souk_text_in(&s->sale), .sku = souk_text_in(&s->sku), .units = s->units, .price = s->price,
        .currency = souk_text_in(&s->currency), .limit_per_customer = s->limit_per_customer, .hold_ms = s->hold_ms,
        .opens_at_ms = s->opens_at_ms, .numbers = s->numbers,
        .state = s->closed ? SALE_CLOSED : souk_now_ms(turn) < s->opens_at_ms ? SALE_ANNOUNCED : SALE_OPEN,
    };
    return SOUK_ACCEPT;
}

/* ---- What happened. ---- */

static void
apply_sale_opened(struct sale *s, const struct sale_opened *e)
{
    souk_set_text(s, sale, e->sale);
    souk_set_text(s, sku, e->sku);
    souk_set_text(s, currency, e->currency);
    s->units = e->units;
    s->price = e->price;
    s->limit_per_customer = e->limit_per_customer;
    s->hold_ms = e->hold_ms;
    s->opens_at_ms = e->opens_at_ms;
    s->at_once = e->at_once;
    s->stock = e->stock;
    s->opened = true;
}

static void
apply_sale_numbered(struct sale *s, const struct sale_numbered *e)
{
    s->numbers = e->number;
}

static void
apply_sale_closed(struct sale *s, const struct sale_closed *e SOUK_UNUSED)
{
    s->closed = true;
}

static void
check_sale(const struct sale *s)
{
    souk_assert(s->opened && s->units && s->price > 0 && !souk_key_none(s->stock));
}

SOUK_ACTOR(sale, SALE_TABLE);
