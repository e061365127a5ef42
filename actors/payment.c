/* SPDX-License-Identifier: Apache-2.0 */
/* payment.c -- what a payment does; see payment.h.
 *
 * By credit it moves money between accounts, at once. By card it calls the provider, and then DURABILITY's rules for
 * calls hold: each call is in the journal before it is made; its key is derived from the order, the operation and its
 * number, so a call that is made again is the same call; an end that isn't known is looked up at the provider after 1,
 * 2, 4, 8 ... s, until it is known. The number of an operation is advanced only after a retrieval has shown that the
 * last one had no effect: for capture, cancel and refund, which the provider can't do twice to one intent anyway. An
 * authorisation is never sent under a second number: what is missing at the provider may still be on its way there, so
 * it is sent again under its own key. A call is made again only while its hold lasts, which is far below the day for
 * which providers remember keys; what stays unclear for 23 hours goes to review and is not sent any more.
 *
 * All news from the provider comes to hear(), whichever way it came. A webhook may be old: it is believed where it
 * says that something has happened, never where it would show that something has not. */
#include "payment.h"

#include "account.h"
#include "address.h"
#include "order.h"
#include "provider_port.h"

#include <souk/actor.h>

/* since_ms: when this operation began. round: counts what makes an alarm that was set before it stale. looks:
 * retrievals of this operation. */
#define PAYMENT_STATE(F, L, M)                                                                                  \
    F(1, u32, state) F(2, u32, method) F(3, i64, amount) F(4, text, currency) F(5, text, token)                 \
    F(6, u64, until_ms) F(7, u32, operation) F(8, u32, number) F(9, u64, since_ms) F(10, text, intent)          \
    F(11, text, decline_code) F(12, i64, captured) F(13, i64, refunded) F(14, u32, round) F(15, u32, looks)     \
    F(16, i64, authorised)
SOUK_STATE(payment, PAYMENT_STATE);

enum {
    CALL_WITHIN_MS = 8000,
    LOOK_FIRST_MS = 1000,
    LOOK_DOUBLINGS = 6,          /* So the longest wait between looks is 64 s. */
    HOLD_MARGIN_MS = 15000,      /* Before the hold's end the order must have its word; a quarter of a short hold. */
    GONE_AFTER_MS = 600 * 1000,  /* A call that the provider doesn't know after this long will not arrive any more. */
    REVIEW_AFTER_MS = 23 * 3600 * 1000,
    DEBIT_WITHIN_MS = 600 * 1000,
};

static const char *const state_names[PAYMENT_STATES] = {
    "new", "auth_pending", "authorised", "auth_failed", "auth_abandoned", "capture_pending", "captured",
    "capture_failed", "void_pending", "voided", "refund_pending", "refunded", "needs_review",
};

const char *
payment_state_name(uint32_t state)
{
    return state < PAYMENT_STATES ? state_names[state] : "unknown";
}

/* ---- Words and postings. ---- */

static void
tell_order(souk_turn *turn, enum order_word word)
{
    souk_tell(turn, souk_ref(order, souk_self(turn).key), order_payment_told, .word = word);
}

static void
post(const struct payment *p, souk_turn *turn, struct souk_text book, int64_t amount)
{
    souk_tell(turn, souk_ref(account, turn_book_key(turn, book)), account_post, .amount = amount,
              .currency = souk_text_in(&p->currency));
}

static void
give_back(const struct payment *p, souk_turn *turn, souk_key account)
{
    souk_tell(turn, souk_ref(account, account), account_credit, .posting = souk_self(turn).key, .amount = p->amount,
              .currency = souk_text_in(&p->currency));
}

static void
captured(const struct payment *p, souk_turn *turn)
{
    souk_emit(turn, payment_captured);
    post(p, turn, BOOK_CLEARING, -p->amount);
    post(p, turn, BOOK_SALES, p->amount);
}

static void
to_review(souk_turn *turn)
{
    souk_emit(turn, payment_sent_to_review);
    tell_order(turn, PAYMENT_WORD_UNCLEAR);
}

/* ---- Calls to the provider. ---- */

/* The latest time at which the order may still be left without a word. */
static uint64_t
deadline_ms(const struct payment *p)
{
    uint64_t hold = p->until_ms > p->since_ms ? p->until_ms - p->since_ms : 0;
    uint64_t margin = hold / 4 < HOLD_MARGIN_MS ? hold / 4 : HOLD_MARGIN_MS;
    return p->until_ms > margin ? p->until_ms - margin : 0;
}

static souk_key
call_key(const souk_turn *turn, enum payment_operation operation, uint32_t number)
{
    return souk_key_pair(turn, souk_self(turn).key, (souk_key){ operation, number });
}

static struct souk_text
order_name(const souk_turn *turn)
{
    char *name = souk_turn_scratch(turn, ADDRESS_NAME_LENGTH);
    address_write_name(souk_self(turn).key, name);
    return (struct souk_text){ name, ADDRESS_NAME_LENGTH };
}

/* Sends the authorisation, the first time or once more under the same key. */
static void
call_authorise(souk_turn *turn, int64_t amount, struct souk_text currency, struct souk_text token)
{
    souk_call(turn, &souk_payment_port, call_key(turn, PAYMENT_AUTHORISE, 1), payment_authorise_answered,
              CALL_WITHIN_MS, provider_authorise, .order = order_name(turn), .amount = amount, .currency = currency,
              .token = token);
}

/* Begins an operation on an intent, or begins it anew under the next number. */
static void
call(const struct payment *p, souk_turn *turn, enum payment_operation operation, struct souk_text intent)
{
    uint32_t number = p->operation == operation ? p->number + 1 : 1;
    souk_key key = call_key(turn, operation, number);
    souk_emit(turn, payment_called, .operation = operation, .number = number, .first_ms = souk_now_ms(turn));
    if (operation == PAYMENT_CAPTURE)
        souk_call(turn, &souk_payment_port, key, payment_capture_answered, CALL_WITHIN_MS, provider_capture,
                  .intent = intent, .amount = p->amount);
    else if (operation == PAYMENT_CANCEL)
        souk_call(turn, &souk_payment_port, key, payment_cancel_answered, CALL_WITHIN_MS, provider_cancel,
                  .intent = intent);
    else
        souk_call(turn, &souk_payment_port, key, payment_refund_answered, CALL_WITHIN_MS, provider_refund,
                  .intent = intent, .amount = p->amount);
}

/* It isn't known how a call ended: look later. An authorisation that stays unclear until the hold is nearly over is
 * given up towards the order, and followed up here alone. */
static souk_verdict
unclear(const struct payment *p, souk_turn *turn)
{
    uint64_t now = souk_now_ms(turn);
    uint64_t delay = (uint64_t)LOOK_FIRST_MS << (p->looks < LOOK_DOUBLINGS ? p->looks : LOOK_DOUBLINGS);
    if (now - p->since_ms >= REVIEW_AFTER_MS) {
        to_review(turn);
        return SOUK_ACCEPT;
    }
    bool abandon = p->state == PAYMENT_AUTH_PENDING && now >= deadline_ms(p);
    if (p->state == PAYMENT_AUTH_PENDING && !abandon && now + delay > deadline_ms(p)) delay = deadline_ms(p) - now;
    souk_emit(turn, payment_unclear, .abandoned = abandon);
    souk_wake(turn, delay, payment_look, .round = p->round + 1);
    if (abandon) tell_order(turn, PAYMENT_WORD_UNAVAILABLE);
    return SOUK_ACCEPT;
}

/* ---- What is heard of the provider. ---- */

enum source { FROM_CALL, FROM_RETRIEVAL, FROM_WEBHOOK };

static void
auth_failed(const struct payment *p, souk_turn *turn, const struct provider_result *r)
{
    souk_emit(turn, payment_auth_failed, .decline_code = r->decline_code, .has_decline_code = r->has_decline_code);
    if (p->state == PAYMENT_AUTH_PENDING) tell_order(turn, PAYMENT_WORD_DECLINED);
}

static souk_verdict
hear_while_authorising(const struct payment *p, souk_turn *turn, const struct provider_result *r, enum source source)
{
    bool abandoned = p->state == PAYMENT_AUTH_ABANDONED;
    switch (r->status) {
    case PROVIDER_REQUIRES_CAPTURE:
    case PROVIDER_SUCCEEDED:
        if (r->amount != p->amount) {
            to_review(turn);
            return SOUK_ACCEPT;
        }
        souk_emit(turn, payment_authorised, .intent = r->intent, .has_intent = true);
        if (r->status == PROVIDER_SUCCEEDED) captured(p, turn);
        if (!abandoned) tell_order(turn, PAYMENT_WORD_AUTHORISED);
        else call(p, turn, r->status == PROVIDER_SUCCEEDED ? PAYMENT_REFUND : PAYMENT_CANCEL, r->intent);
        return SOUK_ACCEPT;
    case PROVIDER_REQUIRES_ACTION:
        /* There is no customer at hand to act: declined, and the intent is cancelled so that he can't later. */
        souk_emit(turn, payment_intent_known, .intent = r->intent);
        call(p, turn, PAYMENT_CANCEL, r->intent);
        if (!abandoned) tell_order(turn, PAYMENT_WORD_DECLINED);
        return SOUK_ACCEPT;
    case PROVIDER_DECLINED:
    case PROVIDER_CANCELED:
        auth_failed(p, turn, r);
        return SOUK_ACCEPT;
    case PROVIDER_MISSING:
        if (source != FROM_RETRIEVAL) break;
        if (abandoned && souk_now_ms(turn) - p->since_ms >= GONE_AFTER_MS) {
            auth_failed(p, turn, r);
            return SOUK_ACCEPT;
        }
        if (abandoned || souk_now_ms(turn) >= deadline_ms(p)) break;
        call_authorise(turn, p->amount, souk_text_in(&p->currency), souk_text_in(&p->token));
        return SOUK_ACCEPT;
    }
    return source == FROM_WEBHOOK ? SOUK_ACCEPT : unclear(p, turn);
}

static souk_verdict
hear_while_capturing(const struct payment *p, souk_turn *turn, const struct provider_result *r, enum source source)
{
    switch (r->status) {
    case PROVIDER_SUCCEEDED:
        if (r->amount_received != p->amount) {
            to_review(turn);
            return SOUK_ACCEPT;
        }
        captured(p, turn);
        tell_order(turn, PAYMENT_WORD_CAPTURED);
        return SOUK_ACCEPT;
    case PROVIDER_CANCELED:
    case PROVIDER_DECLINED:
        if (source == FROM_WEBHOOK && r->status == PROVIDER_DECLINED) break;
        souk_emit(turn, payment_capture_failed);
        tell_order(turn, PAYMENT_WORD_CAPTURE_FAILED);
        return SOUK_ACCEPT;
    case PROVIDER_REQUIRES_CAPTURE:
        if (source != FROM_RETRIEVAL) break;
        call(p, turn, PAYMENT_CAPTURE, souk_text_in(&p->intent));
        return SOUK_ACCEPT;
    }
    return source == FROM_WEBHOOK ? SOUK_ACCEPT : unclear(p, turn);
}

static souk_verdict
hear_while_voiding(const struct payment *p, souk_turn *turn, const struct provider_result *r, enum source source)
{
    switch (r->status) {
    case PROVIDER_CANCELED:
        souk_emit(turn, payment_voided);
        return SOUK_ACCEPT;
    case PROVIDER_SUCCEEDED:
        captured(p, turn);
        call(p, turn, PAYMENT_REFUND, souk_text_in(&p->intent));
        return SOUK_ACCEPT;
    case PROVIDER_DECLINED:
    case PROVIDER_MISSING:
        if (source != FROM_RETRIEVAL) break;
        souk_emit(turn, payment_voided);
        return SOUK_ACCEPT;
    case PROVIDER_REQUIRES_CAPTURE:
    case PROVIDER_REQUIRES_ACTION:
        if (source != FROM_RETRIEVAL) break;
        call(p, turn, PAYMENT_CANCEL, souk_text_in(&p->intent));
        return SOUK_ACCEPT;
    }
    return source == FROM_WEBHOOK ? SOUK_ACCEPT : unclear(p, turn);
}

static souk_verdict
hear_while_refunding(const struct payment *p, souk_turn *turn, const struct provider_result *r, enum source source)
{
    if (r->amount_refunded >= p->captured) {
        souk_emit(turn, payment_refunded);
        post(p, turn, BOOK_SALES, -p->amount);
        post(p, turn, BOOK_CLEARING, p->amount);
        return SOUK_ACCEPT;
    }
    if (source == FROM_WEBHOOK) return SOUK_ACCEPT;
    if (source == FROM_RETRIEVAL && r->status == PROVIDER_SUCCEEDED && !r->amount_refunded) {
        call(p, turn, PAYMENT_REFUND, souk_text_in(&p->intent));
        return SOUK_ACCEPT;
    }
    return unclear(p, turn);
}

static souk_verdict
hear(const struct payment *p, souk_turn *turn, const struct provider_result *r, enum source source)
{
    switch ((enum payment_state)p->state) {
    case PAYMENT_AUTH_PENDING:
    case PAYMENT_AUTH_ABANDONED: return hear_while_authorising(p, turn, r, source);
    case PAYMENT_CAPTURE_PENDING: return hear_while_capturing(p, turn, r, source);
    case PAYMENT_VOID_PENDING: return hear_while_voiding(p, turn, r, source);
    case PAYMENT_REFUND_PENDING: return hear_while_refunding(p, turn, r, source);
    default: return SOUK_ACCEPT; /* Nothing is open; it was known before. */
    }
}

/* ---- The order's commands. ---- */

static souk_verdict
decide_payment_authorise(const struct payment *p, const struct payment_authorise *c, souk_turn *turn)
{
    bool card = c->method == ORDER_CARD;
    if (p->state != PAYMENT_NEW || c->amount <= 0 || card != c->has_token) return payment_invalid;
    souk_emit(turn, payment_requested, .method = c->method, .amount = c->amount, .currency = c->currency,
              .token = c->token, .has_token = card, .until_ms = c->until_ms, .has_until_ms = card);
    if (card) {
        souk_emit(turn, payment_called, .operation = PAYMENT_AUTHORISE, .number = 1, .first_ms = souk_now_ms(turn));
        call_authorise(turn, c->amount, c->currency, c->token);
    } else {
        souk_ask(turn, souk_ref(account, c->account), payment_debited, SOUK_WITHIN_MS(DEBIT_WITHIN_MS), account_debit,
                 .posting = souk_self(turn).key, .amount = c->amount, .currency = c->currency);
    }
    return SOUK_ACCEPT;
}

/* The account's decision. Without one, in ten minutes, somebody has to look. If it debited after all, the clearing book
 * has the money, whatever became of the payment, so that the books are even. */
static souk_verdict
decide_payment_debited(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    bool pending = p->state == PAYMENT_AUTH_PENDING;
    switch (outcome->ending) {
    case SOUK_DONE:
        post(p, turn, BOOK_CLEARING, p->amount);
        if (!pending) return SOUK_ACCEPT;
        souk_emit(turn, payment_authorised);
        tell_order(turn, PAYMENT_WORD_AUTHORISED);
        return SOUK_ACCEPT;
    case SOUK_REFUSED:
        if (!pending) return SOUK_ACCEPT;
        souk_emit(turn, payment_auth_failed);
        tell_order(turn, outcome->refusal == account_insufficient ? PAYMENT_WORD_INSUFFICIENT : PAYMENT_WORD_DECLINED);
        return SOUK_ACCEPT;
    case SOUK_LATE:
    case SOUK_DEAD: break;
    }
    if (pending) to_review(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_payment_capture(const struct payment *p, const struct payment_capture *c SOUK_UNUSED, souk_turn *turn)
{
    if (p->state == PAYMENT_CAPTURE_PENDING) return SOUK_ACCEPT;
    if (p->state != PAYMENT_AUTHORISED && p->state != PAYMENT_CAPTURED) return payment_invalid;
    if (p->state == PAYMENT_AUTHORISED && p->method == ORDER_CARD) {
        call(p, turn, PAYMENT_CAPTURE, souk_text_in(&p->intent));
        return SOUK_ACCEPT;
    }
    if (p->state == PAYMENT_AUTHORISED) captured(p, turn);
    tell_order(turn, PAYMENT_WORD_CAPTURED);
    return SOUK_ACCEPT;
}

/* Undoes what has been done and what may yet turn out to have been done. Before anything was asked: it will not be. */
static souk_verdict
decide_payment_void(const struct payment *p, const struct payment_void *c, souk_turn *turn)
{
    bool card = p->method == ORDER_CARD;
    struct souk_text intent = souk_text_in(&p->intent);
    switch ((enum payment_state)p->state) {
    case PAYMENT_NEW: souk_emit(turn, payment_voided); return SOUK_ACCEPT;
    case PAYMENT_AUTH_PENDING:
        if (!card) {
            souk_emit(turn, payment_sent_to_review);
            return SOUK_ACCEPT;
        }
        souk_emit(turn, payment_unclear, .abandoned = true);
        souk_wake(turn, LOOK_FIRST_MS, payment_look, .round = p->round + 1);
        break;
    case PAYMENT_AUTHORISED:
        if (card) {
            call(p, turn, PAYMENT_CANCEL, intent);
            break;
        }
        souk_emit(turn, payment_voided);
        post(p, turn, BOOK_CLEARING, -p->amount);
        give_back(p, turn, c->account);
        break;
    case PAYMENT_CAPTURED:
        if (card) {
            call(p, turn, PAYMENT_REFUND, intent);
            break;
        }
        souk_emit(turn, payment_refunded);
        post(p, turn, BOOK_SALES, -p->amount);
        give_back(p, turn, c->account);
        break;
    default: break; /* Nothing is held, or it is being undone, or it is under review. */
    }
    return SOUK_ACCEPT;
}

/* ---- Answers, looks, webhooks. ---- */

static bool
open_at_provider(const struct payment *p)
{
    return p->method == ORDER_CARD
           && (p->state == PAYMENT_AUTH_PENDING || p->state == PAYMENT_AUTH_ABANDONED
               || p->state == PAYMENT_CAPTURE_PENDING || p->state == PAYMENT_VOID_PENDING
               || p->state == PAYMENT_REFUND_PENDING);
}

/* The outcome of a call of an operation: ignored when a webhook has let the payment go on to something else. */
static souk_verdict
answered(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn, enum payment_operation operation)
{
    struct provider_result r;
    bool authorising = p->state == PAYMENT_AUTH_PENDING || p->state == PAYMENT_AUTH_ABANDONED;
    if (p->operation != operation || !open_at_provider(p)) return SOUK_ACCEPT;
    if (souk_outcome_read(turn, outcome, provider_result, &r)) return hear(p, turn, &r, FROM_CALL);
    if (outcome->ending == SOUK_REFUSED && authorising) {
        auth_failed(p, turn, &(struct provider_result){ .has_decline_code = false });
        return SOUK_ACCEPT;
    }
    return unclear(p, turn);
}

static souk_verdict
decide_payment_authorise_answered(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    return answered(p, outcome, turn, PAYMENT_AUTHORISE);
}

static souk_verdict
decide_payment_capture_answered(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    return answered(p, outcome, turn, PAYMENT_CAPTURE);
}

static souk_verdict
decide_payment_cancel_answered(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    return answered(p, outcome, turn, PAYMENT_CANCEL);
}

static souk_verdict
decide_payment_refund_answered(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    return answered(p, outcome, turn, PAYMENT_REFUND);
}

static souk_verdict
decide_payment_look(const struct payment *p, const struct payment_look *c, souk_turn *turn)
{
    if (c->round != p->round || !open_at_provider(p)) return SOUK_ACCEPT;
    souk_emit(turn, payment_looked);
    souk_call(turn, &souk_payment_port, call_key(turn, PAYMENT_REFUND + 1, p->round), payment_retrieve_answered,
              CALL_WITHIN_MS, provider_retrieve, .order = order_name(turn), .intent = souk_text_in(&p->intent),
              .has_intent = p->intent.length > 0);
    return SOUK_ACCEPT;
}

/* A retrieval of an earlier operation says nothing about one that has not been looked up yet. Should it come later
 * still, the worst that it does is to repeat what the provider can't do twice. */
static souk_verdict
decide_payment_retrieve_answered(const struct payment *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct provider_result r;
    if (!open_at_provider(p) || !p->looks) return SOUK_ACCEPT;
    if (souk_outcome_read(turn, outcome, provider_result, &r)) return hear(p, turn, &r, FROM_RETRIEVAL);
    return unclear(p, turn);
}

static souk_verdict
decide_payment_notify(const struct payment *p, const struct payment_notify *c, souk_turn *turn)
{
    struct provider_result r = {
        .intent = c->intent, .status = c->status, .amount = c->amount, .amount_received = c->amount_received,
        .amount_refunded = c->amount_refunded, .decline_code = c->decline_code, .has_decline_code = c->has_decline_code,
    };
    if (p->state == PAYMENT_NEW || p->method != ORDER_CARD) return payment_unknown;
    if (p->intent.length && !souk_text_equal(c->intent, souk_text_in(&p->intent))) return payment_invalid;
    return hear(p, turn, &r, FROM_WEBHOOK);
}

static souk_verdict
answer_payment_show(const struct payment *p, const struct payment_show *q SOUK_UNUSED,
                    const souk_turn *turn SOUK_UNUSED, struct payment_view *v)
{
    if (p->state == PAYMENT_NEW) return payment_unknown;
    *v = (struct payment_view){
        .state = p->state, .method = p->method, .amount = p->amount, .currency = souk_text_in(&p->currency),
        .captured = p->captured, .refunded = p->refunded, .intent = souk_text_in(&p->intent),
        .decline_code = souk_text_in(&p->decline_code), .operation = p->operation, .number = p->number,
        .looks = p->looks,
    };
    return SOUK_ACCEPT;
}

/* ---- What happened. ---- */

static void
apply_payment_requested(struct payment *p, const struct payment_requested *e)
{
    p->method = e->method;
    p->amount = e->amount;
    souk_set_text(p, currency, e->currency);
    if (e->has_token) souk_set_text(p, token, e->token);
    p->until_ms = e->has_until_ms ? e->until_ms : 0;
    p->state = PAYMENT_AUTH_PENDING;
}

static void
apply_payment_called(struct payment *p, const struct payment_called *e)
{
    static const enum payment_state states[] = {
        [PAYMENT_AUTHORISE] = PAYMENT_AUTH_PENDING, [PAYMENT_CAPTURE] = PAYMENT_CAPTURE_PENDING,
        [PAYMENT_CANCEL] = PAYMENT_VOID_PENDING, [PAYMENT_REFUND] = PAYMENT_REFUND_PENDING,
    };
    souk_assert(e->operation >= PAYMENT_AUTHORISE && e->operation <= PAYMENT_REFUND);
    if (p->operation != e->operation) {
        p->since_ms = e->first_ms;
        p->looks = 0;
    }
    p->operation = e->operation;
    p->number = e->number;
    p->state = states[e->operation];
    p->round++;
}

static void
apply_payment_unclear(struct payment *p, const struct payment_unclear *e)
{
    if (e->abandoned) p->state = PAYMENT_AUTH_ABANDONED;
    p->round++;
}

static void
apply_payment_looked(struct payment *p, const struct payment_looked *e SOUK_UNUSED)
{
    p->looks++;
    p->round++;
}

static void
apply_payment_authorised(struct payment *p, const struct payment_authorised *e)
{
    if (e->has_intent) souk_set_text(p, intent, e->intent);
    souk_assert(!p->authorised); /* I2: at most one authorisation. */
    p->authorised = p->amount;
    p->state = PAYMENT_AUTHORISED;
}

static void
apply_payment_auth_failed(struct payment *p, const struct payment_auth_failed *e)
{
    if (e->has_decline_code) souk_set_text(p, decline_code, e->decline_code);
    p->state = PAYMENT_AUTH_FAILED;
}

static void
apply_payment_captured(struct payment *p, const struct payment_captured *e SOUK_UNUSED)
{
    souk_assert(!p->captured);
    p->captured = p->amount;
    p->state = PAYMENT_CAPTURED;
}

static void
apply_payment_capture_failed(struct payment *p, const struct payment_capture_failed *e SOUK_UNUSED)
{
    p->state = PAYMENT_CAPTURE_FAILED;
}

static void
apply_payment_voided(struct payment *p, const struct payment_voided *e SOUK_UNUSED)
{
    souk_assert(!p->captured);
    p->state = PAYMENT_VOIDED;
}

static void
apply_payment_refunded(struct payment *p, const struct payment_refunded *e SOUK_UNUSED)
{
    p->refunded = p->captured;
    p->state = PAYMENT_REFUNDED;
}

static void
apply_payment_sent_to_review(struct payment *p, const struct payment_sent_to_review *e SOUK_UNUSED)
{
    p->state = PAYMENT_NEEDS_REVIEW;
}

static void
apply_payment_intent_known(struct payment *p, const struct payment_intent_known *e)
{
    souk_set_text(p, intent, e->intent);
}

/* I2 of this payment, and that a captured one says so. */
static void
check_payment(const struct payment *p)
{
    souk_assert(p->captured >= 0 && (p->captured == 0 || p->captured == p->amount));
    souk_assert(p->refunded >= 0 && p->refunded <= p->captured);
    souk_assert(p->captured <= p->authorised || p->state == PAYMENT_REFUND_PENDING || p->state == PAYMENT_REFUNDED);
    souk_assert(p->state != PAYMENT_CAPTURED || p->captured);
    souk_assert(p->state != PAYMENT_REFUNDED || p->refunded == p->captured);
}

SOUK_ACTOR(payment, PAYMENT_TABLE);
