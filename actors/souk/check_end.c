/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_end.c -- when the journal has been read: what is left, what the provider did (I2, I3, I5, I10), what
 * buyers were told (I9).
 *
 * A journal may end anywhere, because the node may have been killed anywhere. So what is under way, as unconsumed
 * messages and open asks show, is no violation: it will go on. It is one when nothing is left that could bring an order
 * on, or when the node ran on for longer than the bound after something was due. */
#include "check_model.h"

#include "money.h"
#include "order.h"
#include "payment.h"
#include "stock.h"

#include <inttypes.h>

#define LL(number) ((long long)(number))

enum { BOUND_MS = 15000, GAP_MS = 1000 };

/* ---- Liveness. ---- */

/* Of the time before `time_ms`, what does not count as run. */
static uint64_t
lost_before(const struct check *c, uint64_t time_ms)
{
    size_t low = 0, high = c->gaps_count; /* The first gap that ends after that time. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->gaps[middle].to_ms <= time_ms) low = middle + 1;
        else high = middle;
    }
    uint64_t lost = low ? c->gaps[low - 1].lost_ms : 0;
    if (low < c->gaps_count && time_ms > c->gaps[low].from_ms + GAP_MS) lost += time_ms - c->gaps[low].from_ms - GAP_MS;
    return lost;
}

uint64_t
souk_check_run_since(const struct check *c, uint64_t time_ms)
{
    if (time_ms >= c->now_ms) return 0;
    return c->now_ms - time_ms - (c->lost_ms - lost_before(c, time_ms));
}

static bool
overdue(const struct check *c, uint64_t due_ms)
{
    uint64_t bound = c->inputs->bound_ms ? c->inputs->bound_ms : BOUND_MS;
    return c->inputs->at_rest || souk_check_run_since(c, due_ms) > bound;
}

static void
end_of_messages(struct check *c)
{
    static const char *const classes[] = { [SOUK_TELL] = "a command", [SOUK_ASK] = "a question",
                                           [SOUK_OUTCOME] = "an answer", [SOUK_WAKE] = "an alarm" };
    c->report->outstanding = c->sent.count;
    for (uint32_t i = 0; i < c->sent.count; i++) {
        const struct check_sent *sent = souk_check_table_at(&c->sent, i);
        const char *class = sent->class < sizeof classes / sizeof *classes ? classes[sent->class] : NULL;
        if (overdue(c, sent->due_ms))
            souk_check_fail(c, 8, (souk_ref){ sent->kind, sent->to }, "%s of %" PRIu64 ".%" PRIu64
                            " (message %u) was due at %" PRIu64 " and never handled", class ? class : "a message",
                            sent->id.high, sent->id.low, sent->tag, sent->due_ms);
    }
    for (uint32_t i = 0; i < c->asks.count; i++) {
        const struct check_ask *ask = souk_check_table_at(&c->asks, i);
        if (overdue(c, ask->due_ms))
            souk_check_fail(c, 8, (souk_ref){ ask->kind, ask->key }, "ask %u had its deadline at %" PRIu64
                            " and no outcome", ask->number, ask->due_ms);
    }
}

static void
end_of_stocks(struct check *c)
{
    for (uint32_t i = 0; i < c->stocks.count; i++) {
        struct check_stock *stock = souk_check_table_at(&c->stocks, i);
        souk_ref actor = { stock_kind_number, stock->key };
        c->report->units_sold += (uint64_t)(stock->sold - stock->returned);
        if (stock->held && !stock->alarms)
            souk_check_fail(c, 8, actor, "%lld units are held and no alarm will end that", LL(stock->held));
        for (uint32_t at = stock->first; at;) {
            const struct check_hold *hold = souk_check_table_at(&c->holds, at - 1);
            at = hold->next;
            if (overdue(c, hold->until_ms))
                souk_check_fail(c, 8, actor, "a hold of %u units until %" PRIu64 " did not end", hold->units,
                                hold->until_ms);
        }
    }
}

/* ---- Orders. ---- */

/* Something of the order is on its way, so that what is not yet so may become so. */
static bool
under_way(const struct check_order *order)
{
    return order->pending > order->alarms;
}

static bool
payment_open(const struct check_order *order)
{
    return order->payment == PAYMENT_AUTH_PENDING || order->payment == PAYMENT_AUTH_ABANDONED
           || order->payment == PAYMENT_CAPTURE_PENDING || order->payment == PAYMENT_VOID_PENDING
           || order->payment == PAYMENT_REFUND_PENDING;
}

/* Somebody has been called to look at it. */
static bool
in_review(const struct check_order *order)
{
    return order->state == ORDER_NEEDS_REVIEW || order->payment == PAYMENT_NEEDS_REVIEW;
}

static void
end_of_paid(struct check *c, const struct check_order *order, souk_ref actor)
{
    const struct check_sale *sale = souk_check_table_find(&c->sales, order->sale);
    if (order->sold != order->units || order->held)
        souk_check_fail(c, 1, actor, "paid for %u units; the stock has %u sold and %u held for it", order->units,
                        order->sold, order->held);
    if (sale && sale->limit && (order->quota_confirmed != order->units || order->quota_held))
        souk_check_fail(c, 4, actor, "paid for %u units; the quota has %u", order->units, order->quota_confirmed);
    if (order->captured - order->refunded != order->total || order->credited)
        souk_check_fail(c, 2, actor, "due are %lld; %lld were captured, %lld refunded", LL(order->total),
                        LL(order->captured), LL(order->refunded + order->credited));
}

static void
end_of_cancelled(struct check *c, const struct check_order *order, souk_ref actor)
{
    if (order->sold || order->held)
        souk_check_fail(c, 8, actor, "cancelled, and still %u units sold and %u held for it", order->sold, order->held);
    if (order->quota_held || order->quota_confirmed)
        souk_check_fail(c, 4, actor, "cancelled, and its quota still counts %u units",
                        order->quota_held + order->quota_confirmed);
    if (payment_open(order) || in_review(order)) return;
    if (order->captured != order->refunded || order->debited != order->credited)
        souk_check_fail(c, 2, actor, "cancelled with %lld captured, %lld refunded; %lld debited, %lld given back",
                        LL(order->captured), LL(order->refunded), LL(order->debited), LL(order->credited));
}

static void
end_of_orders(struct check *c)
{
    struct souk_check_report *r = c->report;
    for (uint32_t i = 0; i < c->orders.count; i++) {
        const struct check_order *order = souk_check_table_at(&c->orders, i);
        souk_ref actor = { order_kind_number, order->key };
        bool settled =
            order->state == ORDER_PAID || order->state == ORDER_CANCELLED || order->state == ORDER_NEEDS_REVIEW;
        if (!order->placed) continue;
        r->orders++;
        r->paid += order->state == ORDER_PAID;
        r->cancelled += order->state == ORDER_CANCELLED;
        r->reviews += order->state == ORDER_NEEDS_REVIEW;
        r->under_way += !settled;
        if (!settled && !order->pending)
            souk_check_fail(c, 8, actor, "it is %s, and nothing is under way that could bring it on",
                            order_state_name(order->state));
        else if (payment_open(order) && !order->pending)
            souk_check_fail(c, 8, actor, "its payment is %s, and nothing is under way that could bring it on",
                            payment_state_name(order->payment));
        if (under_way(order)) continue;
        if (order->state == ORDER_PAID) end_of_paid(c, order, actor);
        if (order->state == ORDER_CANCELLED) end_of_cancelled(c, order, actor);
    }
}

/* ---- The provider's books. ---- */

struct check_intent { souk_key id; int64_t authorised, captured, refunded; bool cancelled; };
struct check_charge {
    souk_key key;
    int64_t authorised, captured, refunded;
    uint32_t live; /* Authorisations that are neither cancelled nor refunded. */
    uint32_t currency;
};

/* The effect's key must be one that the journal named before the call was made. */
static bool
was_named(const struct check *c, const struct check_order *order, const struct souk_check_effect *effect)
{
    bool named = false;
    for (uint32_t n = 1; n <= order->called[effect->op - 1] && !named; n++)
        named = souk_key_equal(effect->key, souk_hash_pair(c->secret, order->key, (souk_key){ effect->op, n }));
    return named;
}

static void
take_effect(struct check *c, struct check_table *intents, struct check_table *charges,
            const struct souk_check_effect *effect)
{
    struct check_intent *intent = souk_check_table_put(intents, c->heap, effect->intent);
    struct check_charge *charge = souk_check_table_put(charges, c->heap, effect->order);
    souk_ref actor = { payment_kind_number, effect->order };
    bool was_live = intent->authorised && !intent->cancelled && intent->refunded < intent->authorised;
    charge->currency = money_pack((struct souk_text){ effect->currency, 3 });
    switch ((enum souk_check_op)effect->op) {
    case SOUK_CHECK_AUTHORISE:
        if (intent->authorised) souk_check_fail(c, 2, actor, "the provider authorised one intent twice");
        intent->authorised += effect->amount;
        charge->authorised += effect->amount;
        break;
    case SOUK_CHECK_CAPTURE:
        intent->captured += effect->amount;
        charge->captured += effect->amount;
        if (intent->captured > intent->authorised || intent->cancelled)
            souk_check_fail(c, 2, actor, "the provider captured %lld of %lld authorised", LL(intent->captured),
                            LL(intent->cancelled ? 0 : intent->authorised));
        break;
    case SOUK_CHECK_CANCEL: intent->cancelled = true; break;
    case SOUK_CHECK_REFUND:
        intent->refunded += effect->amount;
        charge->refunded += effect->amount;
        if (intent->refunded > intent->captured)
            souk_check_fail(c, 2, actor, "the provider refunded %lld of %lld captured", LL(intent->refunded),
                            LL(intent->captured));
        break;
    case SOUK_CHECK_DECLINE: break;
    }
    bool is_live = intent->authorised && !intent->cancelled && intent->refunded < intent->authorised;
    charge->live += (uint32_t)is_live - (uint32_t)was_live;
}

static void
compare_charge(struct check *c, const struct check_charge *charge)
{
    const struct check_order *order = souk_check_table_find(&c->orders, charge->key);
    souk_ref actor = { payment_kind_number, charge->key };
    if (charge->live > 1) souk_check_fail(c, 2, actor, "the provider holds %u authorisations for it", charge->live);
    if (!order || !order->placed) {
        if (charge->captured)
            souk_check_fail(c, 3, actor, "the provider captured %lld for no order", LL(charge->captured));
        return;
    }
    bool open = under_way(order) || (payment_open(order) && order->pending) || in_review(order);
    if (charge->captured > charge->refunded && order->state != ORDER_PAID && !open)
        souk_check_fail(c, 3, actor, "the provider captured %lld for an order that is %s", LL(charge->captured),
                        order_state_name(order->state));
    if (charge->captured && (charge->captured != order->requested || charge->currency != order->currency))
        souk_check_fail(c, 10, actor, "the provider charged %lld, quoted were %lld", LL(charge->captured),
                        LL(order->requested));
    bool behind = charge->captured >= order->captured && charge->refunded >= order->refunded;
    if ((charge->captured != order->captured || charge->refunded != order->refunded) && !(open && behind))
        souk_check_fail(c, 5, actor, "by our books %lld captured and %lld refunded, by the provider's %lld and %lld",
                        LL(order->captured), LL(order->refunded), LL(charge->captured), LL(charge->refunded));
}

static void
end_of_ledger(struct check *c)
{
    const struct souk_check_inputs *in = c->inputs;
    struct check_table intents, charges, keys;
    souk_check_table_init(&intents, c->heap, sizeof(struct check_intent));
    souk_check_table_init(&charges, c->heap, sizeof(struct check_charge));
    souk_check_table_init(&keys, c->heap, sizeof(struct check_mark));
    c->report->effects = in->effects_count;
    for (size_t i = 0; i < in->effects_count; i++) {
        const struct souk_check_effect *effect = &in->effects[i];
        souk_ref actor = { payment_kind_number, effect->order };
        if (effect->op != SOUK_CHECK_DECLINE) {
            const struct check_order *order = souk_check_table_find(&c->orders, effect->order);
            uint32_t before = keys.count;
            souk_check_table_put(&keys, c->heap, effect->key);
            if (keys.count == before) souk_check_fail(c, 2, actor, "a provider's key had two effects");
            if (order && !was_named(c, order, effect))
                souk_check_fail(c, 2, actor, "the provider did operation %u under a key that the journal never named",
                                effect->op);
        }
        take_effect(c, &intents, &charges, effect);
    }
    for (uint32_t i = 0; i < charges.count; i++) compare_charge(c, souk_check_table_at(&charges, i));
    for (uint32_t i = 0; i < c->orders.count; i++) {
        const struct check_order *order = souk_check_table_at(&c->orders, i);
        if (order->method != ORDER_CARD || !order->captured || souk_check_table_find(&charges, order->key)) continue;
        souk_check_fail(c, 5, (souk_ref){ payment_kind_number, order->key },
                        "by our books %lld captured, the provider's have nothing", LL(order->captured));
    }
}

/* ---- What buyers were told. ---- */

struct check_told { souk_key key, sale; uint32_t status, units; bool paid; };

/* Told "sold out" for good, and at the end there is enough for him that nobody gave back: then he came back in vain. */
static void
sold_out_in_vain(struct check *c, const struct check_told *told, const struct check_order *order)
{
    const struct check_sale *sale = souk_check_table_find(&c->sales, order ? order->sale : told->sale);
    const struct check_stock *stock = sale ? souk_check_table_find(&c->stocks, sale->stock) : NULL;
    if (!told->units || !stock || sale->closed || (order && order->reason != ORDER_SOLD_OUT)) return;
    if (stock->held || stock->free - stock->returned < told->units || (!order && stock->freest >= told->units)) return;
    souk_check_fail(c, 8, (souk_ref){ order_kind_number, told->key },
                    "told sold-out until nothing was held, and %lld units were never sold", LL(stock->free));
}

static void
compare_told(struct check *c, const struct check_told *told)
{
    const struct check_order *order = souk_check_table_find(&c->orders, told->key);
    souk_ref actor = { order_kind_number, told->key };
    if (order && !order->placed) order = NULL;
    const char *state = order ? order_state_name(order->state) : "not in the journal";
    if (told->paid) {
        if (!order || order->state != ORDER_PAID) souk_check_fail(c, 9, actor, "told 201, and it is %s", state);
    } else if (told->status == 202) {
        if (!order) souk_check_fail(c, 9, actor, "told 202, and it is %s", state);
    } else if (told->status == 402) {
        if (!order || order->state != ORDER_CANCELLED) souk_check_fail(c, 9, actor, "told 402, and it is %s", state);
    } else if (told->status == 409) {
        if (order && order->state == ORDER_PAID) souk_check_fail(c, 9, actor, "told 409, and it is %s", state);
        sold_out_in_vain(c, told, order);
    }
}

static void
end_of_acks(struct check *c)
{
    const struct souk_check_inputs *in = c->inputs;
    struct check_table all;
    souk_check_table_init(&all, c->heap, sizeof(struct check_told));
    c->report->acks = in->acks_count;
    for (size_t i = 0; i < in->acks_count; i++) {
        const struct souk_check_ack *ack = &in->acks[i];
        struct check_told *told = souk_check_table_put(&all, c->heap, ack->order);
        told->status = ack->status;
        told->units = ack->units;
        told->sale = ack->sale;
        told->paid |= ack->status == 201;
    }
    for (uint32_t i = 0; i < all.count; i++) compare_told(c, souk_check_table_at(&all, i));
}

void
souk_check_end(struct check *c)
{
    c->report->last_ms = c->now_ms;
    for (uint32_t i = 0; i < c->sales.count; i++)
        c->report->sales += ((const struct check_sale *)souk_check_table_at(&c->sales, i))->opened;
    end_of_messages(c);
    end_of_stocks(c);
    end_of_orders(c);
    if (c->inputs->has_ledger) end_of_ledger(c);
    end_of_acks(c);
}
