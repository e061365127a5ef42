/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_sale.c -- the model of sales, stocks and quotas: no oversell (I1), the limit (I4), the line (I6), and that
 * holds end in time (I8). Called for each event by check_read.c. */
#include "check_model.h"

#include "account.h"
#include "money.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"

#define U64(number) ((unsigned long long)(number))

static souk_key
text_key(const struct check *c, struct souk_text text)
{
    return souk_hash_key(c->secret, text.at, text.length);
}

/* ---- Sales. ---- */

static void
sale_was_opened(struct check *c, const struct sale_opened *e)
{
    struct check_sale *sale = souk_check_table_put(&c->sales, c->heap, c->actor.key);
    if (sale->opened) souk_check_fail(c, 7, c->actor, "the sale was opened twice");
    if (!souk_key_equal(text_key(c, e->sale), c->actor.key))
        souk_check_fail(c, 7, c->actor, "its text id doesn't lead to it");
    sale->opened = true;
    sale->price = e->price;
    sale->units = e->units;
    sale->limit = e->limit_per_customer;
    sale->hold_ms = e->hold_ms;
    sale->stock = e->stock;
    sale->currency = money_pack(e->currency);
}

bool
souk_check_sale_event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    struct sale_opened opened;
    struct sale_numbered numbered;
    if (tag == sale_opened_tag) {
        if (!CHECK_READ(sale_opened, body, &opened)) return false;
        sale_was_opened(c, &opened);
        return true;
    }
    struct check_sale *sale = souk_check_table_put(&c->sales, c->heap, c->actor.key);
    if (!sale->opened) souk_check_fail(c, 7, c->actor, "an event of a sale that was never opened");
    if (tag == sale_closed_tag) {
        sale->closed = true;
        return true;
    }
    if (tag != sale_numbered_tag || !CHECK_READ(sale_numbered, body, &numbered)) return false;
    if (numbered.number != sale->numbers + 1)
        souk_check_fail(c, 7, c->actor, "number %u was given after number %u", numbered.number, sale->numbers);
    sale->numbers = numbered.number;
    return true;
}

/* ---- Stocks. ---- */

/* Takes a hold out of the list of live ones. */
static void
unlink_hold(struct check *c, struct check_stock *stock, struct check_hold *hold)
{
    struct check_hold *next = hold->next ? souk_check_table_at(&c->holds, hold->next - 1) : NULL;
    struct check_hold *previous = hold->previous ? souk_check_table_at(&c->holds, hold->previous - 1) : NULL;
    if (next) next->previous = hold->previous;
    else stock->last = hold->previous;
    if (previous) previous->next = hold->next;
    else stock->first = hold->next;
    hold->next = hold->previous = 0;
}

static void
link_hold(struct check *c, struct check_stock *stock, struct check_hold *hold)
{
    uint32_t self = souk_check_table_index(&c->holds, hold) + 1;
    struct check_hold *last = stock->last ? souk_check_table_at(&c->holds, stock->last - 1) : NULL;
    if (last && last->until_ms > hold->until_ms) stock->shuffled = true;
    hold->previous = stock->last;
    if (last) last->next = self;
    else stock->first = self;
    stock->last = self;
}

/* Units of an order come to the stock (+) or leave it (-), held or sold. */
static struct check_quota *
count_taken(struct check *c, const struct check_hold *hold, int64_t units)
{
    const struct check_order *order = check_order_at(c, hold->order);
    struct check_quota *quota = order && order->quota ? souk_check_table_at(&c->quotas, order->quota - 1) : NULL;
    if (quota) quota->taken += (uint32_t)units;
    return quota;
}

/* A live hold ends without a sale: its units are free again. */
static void
free_hold(struct check *c, struct check_stock *stock, struct check_hold *hold, enum check_hold_state state)
{
    struct check_order *order = check_order_at(c, hold->order);
    unlink_hold(c, stock, hold);
    hold->state = (uint8_t)state;
    stock->held -= hold->units;
    stock->free += hold->units;
    stock->turned_units = 0;
    if (order) order->held -= hold->units;
    count_taken(c, hold, -(int64_t)hold->units);
}

/* I1, after every event. */
static void
balanced(struct check *c, const struct check_stock *stock)
{
    bool even = stock->opened + stock->returned == stock->free + stock->held + stock->sold;
    if (even && stock->free >= 0 && stock->held >= 0 && stock->sold >= stock->returned) return;
    souk_check_fail(c, 1, c->actor, "%lld free + %lld held + %lld sold are not %lld opened + %lld returned",
                    (long long)stock->free, (long long)stock->held, (long long)stock->sold, (long long)stock->opened,
                    (long long)stock->returned);
}

static void
stock_was_opened(struct check *c, struct check_stock *stock, const struct stock_opened *e)
{
    souk_key sale_key = text_key(c, e->sale);
    const struct check_sale *sale = souk_check_table_find(&c->sales, sale_key);
    if (stock->opened) souk_check_fail(c, 1, c->actor, "the stock was opened twice");
    if (!souk_key_equal(souk_hash_pair(c->secret, sale_key, text_key(c, e->sku)), c->actor.key))
        souk_check_fail(c, 1, c->actor, "its sale and sku don't lead to it");
    if (!sale || sale->units != e->units || sale->hold_ms != e->hold_ms || !souk_key_equal(sale->stock, c->actor.key))
        souk_check_fail(c, 1, c->actor, "opened with %u units, unlike its sale", e->units);
    stock->sale = sale_key;
    stock->opened += e->units;
    stock->free += e->units;
    stock->freest = stock->free;
    stock->hold_ms = e->hold_ms;
}

/* I6: numbers arrive in their order. */
static void
arrived(struct check *c, struct check_stock *stock, uint32_t number)
{
    if (number <= stock->number)
        souk_check_fail(c, 6, c->actor, "number %u came after number %u", number, stock->number);
    stock->number = number;
}

/* What a reservation must be like that is made now. */
static void
reservable(struct check *c, const struct check_stock *stock, const struct check_hold *hold,
           const struct stock_reserved *e)
{
    static const char *const before[] = { "", "reserved before", "sold before", "released before", "expired before",
                                          "returned before" };
    const struct check_order *order = check_order_at(c, hold->order);
    if (hold->state) souk_check_fail(c, 7, c->actor, "a reservation was made that had been %s", before[hold->state]);
    if (e->units > stock->free)
        souk_check_fail(c, 1, c->actor, "oversold: %u units were reserved where %lld were free", e->units,
                        (long long)stock->free);
    if (stock->turned_units && stock->turned_number < e->number && stock->turned_units <= e->units)
        souk_check_fail(c, 6, c->actor, "number %u was refused %u units, number %u then got %u", stock->turned_number,
                        stock->turned_units, e->number, e->units);
    if (e->until_ms != c->turn_ms + stock->hold_ms)
        souk_check_fail(c, 8, c->actor, "a hold made at %llu lasts until %llu, not %llu ms", U64(c->turn_ms),
                        U64(e->until_ms), U64(stock->hold_ms));
    if (!order) {
        souk_check_fail(c, 7, c->actor, "a reservation of no order");
        return;
    }
    if (order->units != e->units || !souk_key_equal(order->sale, stock->sale))
        souk_check_fail(c, 1, c->actor, "%u units were reserved for an order of %u units", e->units, order->units);
    const struct check_sale *sale = souk_check_table_find(&c->sales, stock->sale);
    souk_key first = order->attempt == 1 ? order->key
                     : souk_hash_pair(c->secret, order->key, (souk_key){ 1, order->attempt });
    const struct check_hold *quota_hold = souk_check_table_find(&c->holds, first);
    if (sale && sale->limit && (!quota_hold || !quota_hold->quota_state))
        souk_check_fail(c, 4, c->actor, "%u units were reserved without the customer's quota", e->units);
}

static void
stock_was_reserved(struct check *c, struct check_stock *stock, const struct stock_reserved *e)
{
    struct check_hold *hold = souk_check_table_put(&c->holds, c->heap, e->reservation);
    arrived(c, stock, e->number);
    reservable(c, stock, hold, e);
    if (hold->state == CHECK_HELD) return;
    struct check_order *order = check_order_at(c, hold->order);
    hold->state = CHECK_HELD;
    hold->units = e->units;
    hold->until_ms = e->until_ms;
    hold->stock = souk_check_table_index(&c->stocks, stock) + 1;
    link_hold(c, stock, hold);
    stock->free -= e->units;
    stock->held += e->units;
    if (stock->free < stock->freest) stock->freest = stock->free;
    if (order) order->held += e->units;
    const struct check_quota *quota = count_taken(c, hold, e->units);
    const struct check_sale *sale = souk_check_table_find(&c->sales, stock->sale);
    if (quota && sale && sale->limit && quota->taken > sale->limit)
        souk_check_fail(c, 4, c->actor, "one customer has %u units, the limit is %u", quota->taken, sale->limit);
}

static void
stock_turned(struct check *c, struct check_stock *stock, const struct stock_turned_away *e)
{
    arrived(c, stock, e->number);
    if (e->units <= stock->free)
        souk_check_fail(c, 6, c->actor, "number %u was refused %u units while %lld were free", e->number, e->units,
                        (long long)stock->free);
    if (stock->turned_units && e->units >= stock->turned_units) return;
    stock->turned_units = e->units;
    stock->turned_number = e->number;
}

static void
stock_was_confirmed(struct check *c, struct check_stock *stock, souk_key reservation)
{
    struct check_hold *hold = souk_check_table_find(&c->holds, reservation);
    if (!hold || hold->state != CHECK_HELD || hold->stock != souk_check_table_index(&c->stocks, stock) + 1) {
        souk_check_fail(c, 1, c->actor, "a reservation was confirmed that was not held");
        return;
    }
    if (c->turn_ms >= hold->until_ms)
        souk_check_fail(c, 8, c->actor, "a hold until %llu was confirmed at %llu", U64(hold->until_ms),
                        U64(c->turn_ms));
    struct check_order *order = check_order_at(c, hold->order);
    unlink_hold(c, stock, hold);
    hold->state = CHECK_SOLD;
    stock->held -= hold->units;
    stock->sold += hold->units;
    if (!order) return;
    order->held -= hold->units;
    order->sold += hold->units;
}

/* A release of what is not held leaves a mark: it must not be reserved later (R10). */
static void
stock_was_released(struct check *c, struct check_stock *stock, souk_key reservation)
{
    struct check_hold *hold = souk_check_table_put(&c->holds, c->heap, reservation);
    bool elsewhere = hold->stock != souk_check_table_index(&c->stocks, stock) + 1;
    if (hold->state == CHECK_HELD && elsewhere)
        souk_check_fail(c, 1, c->actor, "a reservation was released that another stock holds");
    else if (hold->state == CHECK_HELD) free_hold(c, stock, hold, CHECK_RELEASED);
    else if (hold->state != CHECK_SOLD) hold->state = CHECK_RELEASED;
}

static void
stock_was_swept(struct check *c, struct check_stock *stock, uint64_t through_ms)
{
    if (through_ms > c->turn_ms)
        souk_check_fail(c, 8, c->actor, "holds until %llu were ended at %llu", U64(through_ms), U64(c->turn_ms));
    for (uint32_t at = stock->first; at;) {
        struct check_hold *hold = souk_check_table_at(&c->holds, at - 1);
        at = hold->next;
        if (hold->until_ms <= through_ms) free_hold(c, stock, hold, CHECK_EXPIRED);
        else if (!stock->shuffled) break;
    }
}

static void
stock_got_back(struct check *c, struct check_stock *stock, const struct stock_returned *e)
{
    struct check_hold *hold = souk_check_table_find(&c->holds, e->reservation);
    if (!hold || hold->state != CHECK_SOLD || hold->units != e->units) {
        souk_check_fail(c, 1, c->actor, "%u units were returned that were not sold", e->units);
        return;
    }
    struct check_order *order = check_order_at(c, hold->order);
    hold->state = CHECK_RETURNED;
    stock->returned += e->units;
    stock->free += e->units;
    stock->turned_units = 0;
    if (order) order->sold -= e->units;
    count_taken(c, hold, -(int64_t)e->units);
}

bool
souk_check_stock_event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    struct check_stock *stock = souk_check_table_put(&c->stocks, c->heap, c->actor.key);
    union {
        struct stock_opened opened;
        struct stock_reserved reserved;
        struct stock_turned_away turned;
        struct stock_confirmed confirmed;
        struct stock_released released;
        struct stock_swept swept;
        struct stock_returned returned;
    } e;
    switch (tag) {
    case stock_opened_tag:
        if (!CHECK_READ(stock_opened, body, &e.opened)) return false;
        stock_was_opened(c, stock, &e.opened);
        break;
    case stock_reserved_tag:
        if (!CHECK_READ(stock_reserved, body, &e.reserved)) return false;
        stock_was_reserved(c, stock, &e.reserved);
        break;
    case stock_turned_away_tag:
        if (!CHECK_READ(stock_turned_away, body, &e.turned)) return false;
        stock_turned(c, stock, &e.turned);
        break;
    case stock_confirmed_tag:
        if (!CHECK_READ(stock_confirmed, body, &e.confirmed)) return false;
        stock_was_confirmed(c, stock, e.confirmed.reservation);
        break;
    case stock_released_tag:
        if (!CHECK_READ(stock_released, body, &e.released)) return false;
        stock_was_released(c, stock, e.released.reservation);
        break;
    case stock_swept_tag:
        if (!CHECK_READ(stock_swept, body, &e.swept)) return false;
        stock_was_swept(c, stock, e.swept.through_ms);
        break;
    case stock_returned_tag:
        if (!CHECK_READ(stock_returned, body, &e.returned)) return false;
        stock_got_back(c, stock, &e.returned);
        break;
    default: return false;
    }
    balanced(c, stock);
    return true;
}

/* ---- Quotas. ---- */

static void
quota_was_held(struct check *c, struct check_quota *quota, const struct quota_held *e)
{
    struct check_hold *hold = souk_check_table_put(&c->holds, c->heap, e->reservation);
    struct check_order *order = check_order_at(c, hold->order);
    const struct check_sale *sale = souk_check_table_find(&c->sales, quota->sale);
    if (e->has_limit) quota->limit = e->limit;
    if (sale && quota->limit != sale->limit)
        souk_check_fail(c, 4, c->actor, "held against a limit of %u, its sale has %u", quota->limit, sale->limit);
    if (hold->quota_state) souk_check_fail(c, 7, c->actor, "a reservation was held twice, or after its release");
    if (!order || order->quota != souk_check_table_index(&c->quotas, quota) + 1 || order->units != e->units)
        souk_check_fail(c, 4, c->actor, "held for another order than one of its customer's");
    if (hold->quota_state == CHECK_HELD) return;
    hold->quota_state = CHECK_HELD;
    hold->quota_units = e->units;
    quota->held += e->units;
    if (order) order->quota_held += e->units;
    if ((uint64_t)quota->held + quota->confirmed > quota->limit)
        souk_check_fail(c, 4, c->actor, "%u held + %u confirmed are more than the limit of %u", quota->held,
                        quota->confirmed, quota->limit);
}

static void
quota_was_ended(struct check *c, struct check_quota *quota, souk_key reservation, bool confirmed)
{
    struct check_hold *hold = souk_check_table_put(&c->holds, c->heap, reservation);
    struct check_order *order = check_order_at(c, hold->order);
    bool held = hold->quota_state == CHECK_HELD;
    if (confirmed && !held) souk_check_fail(c, 4, c->actor, "a quota was confirmed that was not held");
    if (held) {
        quota->held -= hold->quota_units;
        if (confirmed) quota->confirmed += hold->quota_units;
    }
    if (held && order) {
        order->quota_held -= hold->quota_units;
        if (confirmed) order->quota_confirmed += hold->quota_units;
    }
    if (held || !hold->quota_state) hold->quota_state = confirmed ? CHECK_SOLD : CHECK_RELEASED;
}

bool
souk_check_quota_event(struct check *c, uint32_t tag, struct souk_bytes body)
{
    struct check_quota *quota = souk_check_table_put(&c->quotas, c->heap, c->actor.key);
    struct quota_held held;
    struct quota_released released;
    struct quota_confirmed confirmed;
    switch (tag) {
    case quota_held_tag:
        if (!CHECK_READ(quota_held, body, &held)) return false;
        quota_was_held(c, quota, &held);
        return true;
    case quota_released_tag:
        if (!CHECK_READ(quota_released, body, &released)) return false;
        quota_was_ended(c, quota, released.reservation, false);
        return true;
    case quota_confirmed_tag:
        if (!CHECK_READ(quota_confirmed, body, &confirmed)) return false;
        quota_was_ended(c, quota, confirmed.reservation, true);
        return true;
    default: return false;
    }
}

/* ---- Messages about orders. ---- */

/* Reads a message of that name and takes the reservation or posting from it. */
#define TAKE(name, field)                                                                                     \
    case name##_tag: {                                                                                        \
        struct name m;                                                                                        \
        if (!CHECK_READ(name, body, &m)) return false;                                                        \
        *key = m.field;                                                                                       \
        return true;                                                                                          \
    }

static bool
sale_message(uint32_t tag, struct souk_bytes body, souk_key *key)
{
    switch (tag) {
    TAKE(sale_enter, reservation)
    TAKE(sale_number, reservation)
    TAKE(sale_confirm, reservation)
    TAKE(sale_release, reservation)
    TAKE(sale_return, reservation)
    TAKE(sale_leave, reservation)
    TAKE(sale_settle, reservation)
    default: return true;
    }
}

static bool
stock_message(uint32_t tag, struct souk_bytes body, souk_key *key)
{
    switch (tag) {
    TAKE(stock_reserve, reservation)
    TAKE(stock_confirm, reservation)
    TAKE(stock_release, reservation)
    TAKE(stock_return, reservation)
    default: return true;
    }
}

static bool
quota_message(uint32_t tag, struct souk_bytes body, souk_key *key)
{
    switch (tag) {
    TAKE(quota_hold, reservation)
    TAKE(quota_release, reservation)
    TAKE(quota_confirm, reservation)
    default: return true;
    }
}

static bool
account_message(uint32_t tag, struct souk_bytes body, souk_key *key)
{
    switch (tag) {
    TAKE(account_debit, posting)
    TAKE(account_credit, posting)
    default: return true;
    }
}

bool
souk_check_about(struct check *c, const struct souk_message *message, struct souk_bytes body, uint32_t *order)
{
    souk_key key = { 0, 0 };
    bool fits = true;
    *order = 0;
    switch (message->to.kind) {
    case sale_kind_number: fits = sale_message(message->tag, body, &key); break;
    case stock_kind_number: fits = stock_message(message->tag, body, &key); break;
    case quota_kind_number: fits = quota_message(message->tag, body, &key); break;
    case account_kind_number: {
        fits = account_message(message->tag, body, &key);
        const struct check_order *of = fits && !souk_key_none(key) ? souk_check_table_find(&c->orders, key) : NULL;
        if (of) *order = souk_check_table_index(&c->orders, of) + 1;
        return fits;
    }
    default: return true;
    }
    const struct check_hold *hold = fits && !souk_key_none(key) ? souk_check_table_find(&c->holds, key) : NULL;
    if (hold) *order = hold->order;
    return fits;
}
