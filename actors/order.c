/* SPDX-License-Identifier: Apache-2.0 */
/* order.c -- carries out the saga of one order; see order.h, and saga.c for the steps.
 *
 * Each answer belongs to one step, and the step's rule says where it leads: go() enters the next step, which emits what
 * has been reached and asks for what comes. That a quota was held is no event: until a number is given the order is
 * placed, and the open ask itself, which survives a crash, is the memory of how far it got. */
#include "order.h"

#include "address.h"
#include "money.h"
#include "mutant.h"
#include "payment.h"
#include "quota.h"
#include "saga.h"
#include "sale.h"
#include "stock.h"

#include <souk/actor.h>

#define ORDER_STATE(F, L, M)                                                                                    \
    F(1, text, customer) F(2, text, idempotency_key) F(3, text, sale) F(4, u32, units) F(5, u32, method)        \
    F(6, text, token) F(7, u64, at_ms) F(8, u32, state) F(9, u32, reason) F(10, u32, number) F(11, i64, price)  \
    F(12, i64, total) F(13, text, currency) F(14, u32, attempt) F(15, bool, other) F(16, u32, retried)          \
    F(17, u32, tries) L(18, order_moment, history)
SOUK_STATE(order, ORDER_STATE);

/* ---- Names, and what refusals mean to an order. ---- */

static const char *const state_names[ORDER_STATES] = {
    "new", "placed", "reserved", "authorised", "confirmed", "paid", "cancelled", "needs_review",
};
static const char *const happening_names[ORDER_HAPPENINGS] = {
    "unknown", "placed", "reserved", "authorised", "confirmed", "paid", "cancelled", "needs_review", "placed_again",
    "hold_ended",
};
static const struct { const char *name; bool again; } reasons[ORDER_REASONS] = {
    [ORDER_NO_REASON] = { "none", false },
    [ORDER_SOLD_OUT] = { "sold-out", true },
    [ORDER_LIMIT] = { "limit", false },
    [ORDER_NOT_OPEN] = { "not-open", false },
    [ORDER_SALE_CLOSED] = { "closed", false },
    [ORDER_SALE_UNKNOWN] = { "sale-unknown", false },
    [ORDER_DECLINED] = { "payment-declined", false },
    [ORDER_INSUFFICIENT] = { "insufficient-credit", false },
    [ORDER_UNAVAILABLE] = { "payment-unavailable", false },
    [ORDER_EXPIRED] = { "hold-expired", false },
    [ORDER_BUSY] = { "overloaded", true },
    [ORDER_CAPTURE_FAILED] = { "capture-failed", false },
    [ORDER_UNCLEAR] = { "unclear", false },
};
static const struct { souk_verdict refusal; enum order_reason reason; } meanings[] = {
    { stock_sold_out, ORDER_SOLD_OUT },
    { quota_limit, ORDER_LIMIT },
    { sale_not_open, ORDER_NOT_OPEN },
    { sale_closed, ORDER_SALE_CLOSED },
    { sale_unknown, ORDER_SALE_UNKNOWN },
    { stock_expired, ORDER_EXPIRED },
    { SOUK_OVERLOADED, ORDER_BUSY },
};

const char *
order_state_name(uint32_t state)
{
    return state < ORDER_STATES ? state_names[state] : "unknown";
}

const char *
order_reason_name(uint32_t reason)
{
    return reason < ORDER_REASONS ? reasons[reason].name : "unknown";
}

const char *
order_happening_name(uint32_t happening)
{
    return happening < ORDER_HAPPENINGS ? happening_names[happening] : "unknown";
}

bool
order_reason_again(uint32_t reason)
{
    return reason < ORDER_REASONS && reasons[reason].again && !shop_mutant(SOLD_OUT_KEPT);
}

static uint32_t
reason_of(souk_verdict refusal)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].refusal == refusal) return meanings[i].reason;
    return ORDER_UNCLEAR;
}

/* ---- The steps. ---- */

/* What the steps speak of: from the state, or from the placing that will become it. */
struct errand {
    struct souk_text customer, sale;
    uint32_t units, attempt;
    bool other;      /* The reservation in hand is the second one of this attempt. */
    uint64_t at_ms;
    uint32_t reason; /* Of a cancellation or a review. */
    uint32_t tries;  /* Made of this step before. */
};

static struct errand
errand_of(const struct order *o)
{
    return (struct errand){
        .customer = souk_text_in(&o->customer), .sale = souk_text_in(&o->sale), .units = o->units,
        .attempt = o->attempt, .other = o->other, .at_ms = o->at_ms,
    };
}

/* The id of a reservation: each attempt and each second hold has its own, so that the end of one never touches another.
 * The quota knows an attempt by its first. */
static souk_key
reservation(const souk_turn *turn, const struct errand *e, bool other)
{
    souk_key self = souk_self(turn).key;
    if (e->attempt == 1 && !other) return self;
    return souk_key_pair(turn, self, (souk_key){ other ? 2 : 1, e->attempt });
}

static souk_ref
sale_of(const souk_turn *turn, const struct errand *e)
{
    return souk_ref(sale, turn_sale_key(turn, e->sale));
}

static uint32_t
after_ms(const souk_turn *turn, const struct errand *e)
{
    uint64_t after = souk_now_ms(turn) - e->at_ms;
    return after < UINT32_MAX ? (uint32_t)after : UINT32_MAX;
}

static uint32_t
within_ms(enum saga_step step, uint32_t tries)
{
    uint32_t within = saga_rule(step)->within_ms;
    while (tries-- && within < SAGA_WITHIN_MAX_MS) within *= SAGA_WIDEN;
    return within < SAGA_WITHIN_MAX_MS ? within : SAGA_WITHIN_MAX_MS;
}

static void
undo(souk_turn *turn, const struct errand *e, unsigned what)
{
    souk_ref sale = sale_of(turn, e), payment = souk_ref(payment, souk_self(turn).key);
    souk_key held = reservation(turn, e, e->other);
    if (what & UNDO_PAYMENT)
        souk_tell(turn, payment, payment_void, .account = turn_account_key(turn, e->customer));
    if (what & UNDO_SALE) souk_tell(turn, sale, sale_return, .reservation = held, .units = e->units);
    if (what & UNDO_RESERVATION) souk_tell(turn, sale, sale_release, .reservation = held);
    if (what & UNDO_QUOTA)
        souk_tell(turn, sale, sale_leave, .customer = turn_text_key(turn, e->customer),
                  .reservation = reservation(turn, e, false));
}

/* Enters a step: emits that it has been reached, and asks for what it wants. SAGA_AUTHORISE, which needs what the stock
 * answered, is entered by authorise() below. */
static void
go(souk_turn *turn, struct errand *e, enum saga_step step)
{
    souk_ref sale = sale_of(turn, e), payment = souk_ref(payment, souk_self(turn).key);
    souk_key customer = turn_text_key(turn, e->customer);
    switch (step) {
    case SAGA_HOLD_QUOTA:
        souk_ask(turn, sale, order_entered, within_ms(step, e->tries), sale_enter, .customer = customer,
                 .reservation = reservation(turn, e, false), .units = e->units);
        break;
    case SAGA_TAKE_ANOTHER:
        if (!e->tries) souk_emit(turn, order_hold_ended, .after_ms = after_ms(turn, e));
        e->other = true;
        __attribute__((fallthrough));
    case SAGA_TAKE_NUMBER:
        souk_ask(turn, sale, order_numbered, within_ms(step, e->tries), sale_number,
                 .reservation = reservation(turn, e, e->other), .units = e->units);
        break;
    case SAGA_CONFIRM:
        if (!e->tries) souk_emit(turn, order_authorised, .after_ms = after_ms(turn, e));
        __attribute__((fallthrough));
    case SAGA_CONFIRM_OTHER:
        souk_ask(turn, sale, order_confirm_answered, within_ms(step, e->tries), sale_confirm,
                 .reservation = reservation(turn, e, e->other));
        break;
    case SAGA_CAPTURE:
        souk_emit(turn, order_confirmed, .after_ms = after_ms(turn, e));
        souk_ask(turn, payment, order_capture_taken, within_ms(step, 0), payment_capture);
        break;
    case SAGA_SETTLE:
        souk_tell(turn, sale, sale_settle, .customer = customer, .reservation = reservation(turn, e, false));
        __attribute__((fallthrough));
    case SAGA_PAID:
        souk_emit(turn, order_paid, .after_ms = after_ms(turn, e));
        break;
    case SAGA_CANCELLED:
        souk_emit(turn, order_cancelled, .reason = e->reason, .after_ms = after_ms(turn, e));
        break;
    case SAGA_NEEDS_REVIEW:
        souk_emit(turn, order_sent_to_review, .reason = e->reason, .after_ms = after_ms(turn, e));
        break;
    case SAGA_AUTHORISE: souk_assert(step != SAGA_AUTHORISE);
    }
}

static souk_verdict
follow(const struct order *o, souk_turn *turn, const struct saga_way *way, uint32_t reason)
{
    struct errand e = errand_of(o);
    e.reason = way->reason ? way->reason : reason;
    undo(turn, &e, way->undo);
    go(turn, &e, way->next);
    return SOUK_ACCEPT;
}

/* An ask of this step has ended: on it goes, by the step's rule. */
static souk_verdict
step_ended(const struct order *o, souk_turn *turn, enum saga_step step, const struct souk_outcome *outcome)
{
    const struct saga_rule *rule = saga_rule(step);
    switch (outcome->ending) {
    case SOUK_DONE: return follow(o, turn, &rule->done, 0);
    case SOUK_REFUSED: return follow(o, turn, &rule->refused, reason_of(outcome->refusal));
    case SOUK_LATE: {
        uint32_t tries = o->retried == step ? o->tries + 1 : 1;
        if (tries >= rule->tries) break;
        struct errand e = errand_of(o);
        e.tries = tries;
        souk_emit(turn, order_retried, .step = step);
        go(turn, &e, step);
        return SOUK_ACCEPT;
    }
    case SOUK_DEAD: break;
    }
    return follow(o, turn, &rule->lost, 0);
}

/* The price is locked: it is the sale's at the reservation, and the total is charged, no other. */
static souk_verdict
authorise(const struct order *o, souk_turn *turn, const struct stock_reservation *r)
{
    struct errand e = errand_of(o);
    int64_t total;
    bool fits = money_multiply(r->price, o->units, &total);
    souk_assert(fits); /* The sale was opened only because even all its units' price fits. */
    souk_emit(turn, order_reserved, .number = r->number, .price = r->price, .currency = r->currency,
              .after_ms = after_ms(turn, &e));
    souk_ask(turn, souk_ref(payment, souk_self(turn).key), order_authorise_taken, within_ms(SAGA_AUTHORISE, 0),
             payment_authorise, .method = o->method, .amount = total, .currency = r->currency,
             .account = turn_account_key(turn, e.customer), .until_ms = r->until_ms, .token = souk_text_in(&o->token),
             .has_token = o->token.length > 0);
    return SOUK_ACCEPT;
}

/* ---- Placing. ---- */

static bool
same(const struct order *o, const struct order_place *c)
{
    struct souk_text token = c->has_token ? c->token : (struct souk_text){ NULL, 0 };
    return souk_text_equal(c->sale, souk_text_in(&o->sale)) && c->units == o->units && c->method == o->method
           && souk_text_equal(token, souk_text_in(&o->token));
}

static bool
valid(const struct order_place *c)
{
    bool paid_well = c->method == ORDER_CARD ? c->has_token && address_visible(c->token, ORDER_TOKEN_MAX)
                                             : c->method == ORDER_CREDIT && !c->has_token;
    return paid_well && address_id_valid(c->customer) && address_visible(c->idempotency_key, ADDRESS_ID_MAX)
           && address_id_valid(c->sale) && c->units && c->units <= ORDER_UNITS_MAX;
}

static souk_verdict
decide_order_place(const struct order *o, const struct order_place *c, souk_turn *turn)
{
    if (!souk_key_equal(turn_order_key(turn, c->customer, c->idempotency_key), souk_self(turn).key))
        return order_wrong_address;
    struct errand e = { .customer = c->customer, .sale = c->sale, .units = c->units, .attempt = o->attempt + 1,
                        .at_ms = souk_now_ms(turn) };
    if (o->state == ORDER_NEW) {
        if (!valid(c)) return order_invalid;
        souk_emit(turn, order_placed, .customer = c->customer, .idempotency_key = c->idempotency_key, .sale = c->sale,
                  .units = c->units, .method = c->method, .token = c->token, .has_token = c->has_token,
                  .at_ms = e.at_ms);
    } else {
        if (!same(o, c)) return order_key_reused;
        if (o->state != ORDER_CANCELLED || !order_reason_again(o->reason)) return SOUK_ACCEPT;
        e.at_ms = o->at_ms;
        souk_emit(turn, order_placed_again, .after_ms = after_ms(turn, &e));
    }
    go(turn, &e, SAGA_HOLD_QUOTA);
    return SOUK_ACCEPT;
}

/* ---- What the others answered. ---- */

static souk_verdict
decide_order_entered(const struct order *o, const struct souk_outcome *outcome, souk_turn *turn)
{
    souk_assert(o->state == ORDER_PLACED);
    return step_ended(o, turn, SAGA_HOLD_QUOTA, outcome);
}

static souk_verdict
decide_order_numbered(const struct order *o, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct stock_reservation r;
    souk_assert(o->state == (o->other ? ORDER_AUTHORISED : ORDER_PLACED));
    if (o->other) return step_ended(o, turn, SAGA_TAKE_ANOTHER, outcome);
    if (outcome->ending != SOUK_DONE) return step_ended(o, turn, SAGA_TAKE_NUMBER, outcome);
    bool whole = souk_outcome_read(turn, outcome, stock_reservation, &r);
    souk_assert(whole);
    return authorise(o, turn, &r);
}

static souk_verdict
decide_order_confirm_answered(const struct order *o, const struct souk_outcome *outcome, souk_turn *turn)
{
    souk_assert(o->state == ORDER_AUTHORISED);
    return step_ended(o, turn, o->other ? SAGA_CONFIRM_OTHER : SAGA_CONFIRM, outcome);
}

/* A payment takes note, and its word comes by order_payment_told; it may have come before this. Only that it cannot
 * take note at all is news here. To be late is none: nothing is lost inside the partition. */
static souk_verdict
taken(const struct order *o, souk_turn *turn, enum saga_step step, enum order_state waiting,
      const struct souk_outcome *outcome)
{
    bool bad = outcome->ending == SOUK_REFUSED || outcome->ending == SOUK_DEAD;
    return bad && o->state == waiting ? step_ended(o, turn, step, outcome) : SOUK_ACCEPT;
}

static souk_verdict
decide_order_authorise_taken(const struct order *o, const struct souk_outcome *outcome, souk_turn *turn)
{
    return taken(o, turn, SAGA_AUTHORISE, ORDER_RESERVED, outcome);
}

static souk_verdict
decide_order_capture_taken(const struct order *o, const struct souk_outcome *outcome, souk_turn *turn)
{
    return taken(o, turn, SAGA_CAPTURE, ORDER_CONFIRMED, outcome);
}

static souk_verdict
decide_order_payment_told(const struct order *o, const struct order_payment_told *c, souk_turn *turn)
{
    const struct saga_rule *authorise_rule = saga_rule(SAGA_AUTHORISE), *capture_rule = saga_rule(SAGA_CAPTURE);
    bool reserved = o->state == ORDER_RESERVED, confirmed = o->state == ORDER_CONFIRMED;
    switch (c->word) {
    case PAYMENT_WORD_AUTHORISED: return reserved ? follow(o, turn, &authorise_rule->done, 0) : SOUK_ACCEPT;
    case PAYMENT_WORD_DECLINED:
        return reserved ? follow(o, turn, &authorise_rule->refused, ORDER_DECLINED) : SOUK_ACCEPT;
    case PAYMENT_WORD_INSUFFICIENT:
        return reserved ? follow(o, turn, &authorise_rule->refused, ORDER_INSUFFICIENT) : SOUK_ACCEPT;
    case PAYMENT_WORD_UNAVAILABLE:
        return reserved ? follow(o, turn, &authorise_rule->refused, ORDER_UNAVAILABLE) : SOUK_ACCEPT;
    case PAYMENT_WORD_CAPTURED: return confirmed ? follow(o, turn, &capture_rule->done, 0) : SOUK_ACCEPT;
    case PAYMENT_WORD_CAPTURE_FAILED: return confirmed ? follow(o, turn, &capture_rule->refused, 0) : SOUK_ACCEPT;
    case PAYMENT_WORD_UNCLEAR:
        if (reserved) return follow(o, turn, &authorise_rule->lost, 0);
        return confirmed ? follow(o, turn, &capture_rule->lost, 0) : SOUK_ACCEPT;
    default: return order_invalid;
    }
}

static bool
settled(const struct order *o)
{
    return o->state == ORDER_PAID || o->state == ORDER_CANCELLED || o->state == ORDER_NEEDS_REVIEW;
}

static souk_verdict
answer_order_show(const struct order *o, const struct order_show *q, const souk_turn *turn, struct order_view *v)
{
    if (o->state == ORDER_NEW) return order_unknown;
    if (q->settled_only && !settled(o)) return SOUK_WAIT;
    *v = (struct order_view){
        .order = souk_self(turn).key, .state = o->state, .settled = settled(o), .reason = o->reason,
        .sale = souk_text_in(&o->sale), .customer = souk_text_in(&o->customer), .units = o->units, .price = o->price,
        .total = o->total, .currency = souk_text_in(&o->currency), .number = o->number, .method = o->method,
        .at_ms = o->at_ms, .history = { souk_at(o, history, 0), souk_count(o, history) },
    };
    return SOUK_ACCEPT;
}

static souk_verdict
answer_order_repeat(const struct order *o, const struct order_repeat *q, const souk_turn *turn, struct order_view *v)
{
    const struct order_place fields = {
        .sale = q->sale, .units = q->units, .method = q->method, .token = q->token, .has_token = q->has_token,
    };
    if (o->state != ORDER_NEW && !same(o, &fields)) return order_key_reused;
    return answer_order_show(o, &(struct order_show){ .settled_only = false }, turn, v);
}

/* ---- What happened. ---- */

/* An attempt has at most eight happenings, and a new attempt forgets those of the last one. */
static void
remember(struct order *o, enum order_happening happening, uint32_t after)
{
    souk_assert(souk_count(o, history) < ORDER_HISTORY_MAX);
    *souk_add(o, history) = (struct order_moment){ happening, o->at_ms + after };
}

static void
apply_order_placed(struct order *o, const struct order_placed *e)
{
    souk_set_text(o, customer, e->customer);
    souk_set_text(o, idempotency_key, e->idempotency_key);
    souk_set_text(o, sale, e->sale);
    if (e->has_token) souk_set_text(o, token, e->token);
    o->units = e->units;
    o->method = e->method;
    o->at_ms = e->at_ms;
    o->state = ORDER_PLACED;
    o->attempt = 1;
    remember(o, ORDER_WAS_PLACED, 0);
}

static void
apply_order_placed_again(struct order *o, const struct order_placed_again *e)
{
    souk_assert(o->state == ORDER_CANCELLED && order_reason_again(o->reason));
    o->state = ORDER_PLACED;
    o->reason = ORDER_NO_REASON;
    o->attempt++;
    o->retried = o->tries = 0;
    souk_count(o, history) = 1;
    remember(o, ORDER_WAS_PLACED_AGAIN, e->after_ms);
}

static void
apply_order_reserved(struct order *o, const struct order_reserved *e)
{
    souk_assert(o->state == ORDER_PLACED);
    souk_set_text(o, currency, e->currency);
    o->number = e->number;
    o->price = e->price;
    bool fits = money_multiply(e->price, o->units, &o->total);
    souk_assert(fits);
    o->state = ORDER_RESERVED;
    remember(o, ORDER_WAS_RESERVED, e->after_ms);
}

static void
apply_order_authorised(struct order *o, const struct order_authorised *e)
{
    souk_assert(o->state == ORDER_RESERVED);
    o->state = ORDER_AUTHORISED;
    remember(o, ORDER_WAS_AUTHORISED, e->after_ms);
}

static void
apply_order_hold_ended(struct order *o, const struct order_hold_ended *e)
{
    souk_assert(o->state == ORDER_AUTHORISED && !o->other);
    o->other = true;
    remember(o, ORDER_HOLD_HAD_ENDED, e->after_ms);
}

static void
apply_order_confirmed(struct order *o, const struct order_confirmed *e)
{
    souk_assert(o->state == ORDER_AUTHORISED);
    o->state = ORDER_CONFIRMED;
    remember(o, ORDER_WAS_CONFIRMED, e->after_ms);
}

static void
apply_order_paid(struct order *o, const struct order_paid *e)
{
    souk_assert(o->state == ORDER_CONFIRMED);
    o->state = ORDER_PAID;
    remember(o, ORDER_WAS_PAID, e->after_ms);
}

static void
apply_order_cancelled(struct order *o, const struct order_cancelled *e)
{
    souk_assert(!settled(o));
    o->state = ORDER_CANCELLED;
    o->reason = e->reason;
    remember(o, ORDER_WAS_CANCELLED, e->after_ms);
}

static void
apply_order_sent_to_review(struct order *o, const struct order_sent_to_review *e)
{
    souk_assert(!settled(o));
    o->state = ORDER_NEEDS_REVIEW;
    o->reason = e->reason;
    remember(o, ORDER_WAS_SENT_TO_REVIEW, e->after_ms);
}

/* Tries are counted for the step that was retried last. */
static void
apply_order_retried(struct order *o, const struct order_retried *e)
{
    o->tries = o->retried == e->step ? o->tries + 1 : 1;
    o->retried = e->step;
}

/* I10, and that a reason is given exactly for the ends that need one. */
static void
check_order(const struct order *o)
{
    int64_t total;
    souk_assert(money_multiply(o->price, o->units, &total) && total == o->total);
    souk_assert((o->reason != ORDER_NO_REASON) == (o->state == ORDER_CANCELLED || o->state == ORDER_NEEDS_REVIEW));
    bool reached = o->state >= ORDER_RESERVED && o->state <= ORDER_PAID;
    souk_assert(!reached || (o->number && o->currency.length == 3));
}

SOUK_ACTOR(order, ORDER_TABLE);
