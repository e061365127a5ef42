/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_provider.c -- see sim_provider.h. */
#include "sim_provider.h"

#include "address.h"
#include "payment.h"
#include "provider_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTENTS_MAX = 4096, PENDING_MAX = 4096 };

struct intent {
    souk_key key;      /* The idempotency key that made it. */
    char order[33];
    uint32_t status;
    int64_t amount, received, refunded;
};

/* An effect that a key had: a repeat under it gets the same answer. */
struct effect { souk_key key; unsigned intent; };

struct pending { uint64_t ticket, due_ms; bool dead; unsigned intent; };

/* A request that was given up but is still on its way to the provider. */
struct late { uint64_t due_ms; souk_key key; char operation[32]; uint8_t body[512]; size_t operation_length, length; };

struct sim_provider {
    const struct sim_plan *plan;
    souk_sim *sim;
    struct intent intents[INTENTS_MAX];
    struct effect effects[INTENTS_MAX];
    struct pending pending[PENDING_MAX];
    struct late late[PENDING_MAX];
    struct souk_check_effect ledger[INTENTS_MAX];
    unsigned intents_count, effects_count, pending_count, late_count, ledger_count;
    uint64_t life; /* Of the node: who called in an earlier one hears nothing. */
};

struct sim_provider *
souk_sim_provider_open(const struct sim_plan *plan)
{
    struct sim_provider *provider = calloc(1, sizeof *provider);
    souk_assert(provider);
    provider->plan = plan;
    return provider;
}

void
souk_sim_provider_close(struct sim_provider **provider_p)
{
    free(*provider_p);
    *provider_p = NULL;
}

void
souk_sim_provider_serve(struct sim_provider *provider, souk_sim *sim)
{
    provider->sim = sim;
    provider->life = souk_sim_counts(sim).lives;
}

static bool
percent(const struct sim_provider *v, unsigned chance)
{
    return souk_sim_draw(v->sim, 100) < chance;
}

static struct souk_text
intent_name(unsigned intent, char out[16])
{
    return (struct souk_text){ out, (size_t)snprintf(out, 16, "pi_%u", intent) };
}

static struct intent *
intent_of(struct sim_provider *v, struct souk_text name, unsigned *number)
{
    char text[16] = "";
    if (name.length < 4 || name.length > 15) return NULL;
    memcpy(text, name.at, name.length);
    *number = (unsigned)strtoul(text + 3, NULL, 10);
    return *number < v->intents_count ? &v->intents[*number] : NULL;
}

static bool
decode(struct souk_bytes body, const struct souk_layout *layout, void *out)
{
    const uint8_t *at = body.at;
    struct souk_reader in = { .at = at, .end = at + body.length };
    return layout->get(&in, out);
}

static void
answer_later(struct sim_provider *v, uint64_t ticket, unsigned intent, bool dead)
{
    struct pending *p = &v->pending[v->pending_count++];
    souk_assert(v->pending_count <= PENDING_MAX);
    *p = (struct pending){ .ticket = ticket, .dead = dead, .intent = intent };
    p->due_ms = souk_sim_now_ms(v->sim) + (dead ? 4000 : 1) + souk_sim_draw(v->sim, percent(v, 3) ? 20000 : 40);
}

/* What the provider's own books say happened. */
static void
book(struct sim_provider *v, const struct souk_port_call *call, unsigned intent, enum souk_check_op op, int64_t amount)
{
    char name[16];
    struct souk_check_effect *e = &v->ledger[v->ledger_count++];
    souk_assert(v->ledger_count <= INTENTS_MAX);
    *e = (struct souk_check_effect){ .intent = souk_sim_key_of(v->sim, intent_name(intent, name)), .key = call->key,
                                     .amount = amount, .op = op, .currency = "EUR" };
    bool ok = address_read_name((struct souk_text){ v->intents[intent].order, 32 }, &e->order);
    souk_assert(ok);
}

static unsigned
make_intent(struct sim_provider *v, const struct souk_port_call *call)
{
    struct provider_authorise a;
    bool ok = decode(call->body, souk_layout_of_provider_authorise, &a);
    souk_assert(ok && a.order.length == 32 && v->intents_count < INTENTS_MAX);
    struct intent *i = &v->intents[v->intents_count];
    *i = (struct intent){ .key = call->key, .amount = a.amount };
    memcpy(i->order, a.order.at, 32);
    i->status = percent(v, v->plan->decline) ? PROVIDER_DECLINED : PROVIDER_REQUIRES_CAPTURE;
    book(v, call, v->intents_count, i->status == PROVIDER_DECLINED ? SOUK_CHECK_DECLINE : SOUK_CHECK_AUTHORISE,
         a.amount);
    return v->intents_count++;
}

/* Does what is asked, once for each key; the number of the intent, or -1u. */
static unsigned
take_effect(struct sim_provider *v, const struct souk_port_call *call)
{
    struct provider_capture capture;
    struct provider_cancel cancel;
    struct provider_refund refund;
    struct intent *intent = NULL;
    unsigned number = -1u;
    for (unsigned i = 0; i < v->effects_count; i++)
        if (souk_key_equal(v->effects[i].key, call->key)) return v->effects[i].intent;
    if (souk_text_equal(call->operation, SOUK_TEXT("provider_authorise"))) {
        number = make_intent(v, call);
    } else if (souk_text_equal(call->operation, SOUK_TEXT("provider_capture"))) {
        bool ok = decode(call->body, souk_layout_of_provider_capture, &capture);
        intent = ok ? intent_of(v, capture.intent, &number) : NULL;
        if (!intent || intent->status != PROVIDER_REQUIRES_CAPTURE || capture.amount > intent->amount) return -1u;
        intent->status = PROVIDER_SUCCEEDED;
        intent->received = capture.amount;
        book(v, call, number, SOUK_CHECK_CAPTURE, capture.amount);
    } else if (souk_text_equal(call->operation, SOUK_TEXT("provider_cancel"))) {
        bool ok = decode(call->body, souk_layout_of_provider_cancel, &cancel);
        intent = ok ? intent_of(v, cancel.intent, &number) : NULL;
        if (!intent || intent->status != PROVIDER_REQUIRES_CAPTURE) return -1u;
        intent->status = PROVIDER_CANCELED;
        book(v, call, number, SOUK_CHECK_CANCEL, intent->amount);
    } else {
        bool ok = decode(call->body, souk_layout_of_provider_refund, &refund);
        intent = ok ? intent_of(v, refund.intent, &number) : NULL;
        if (!intent || intent->refunded + refund.amount > intent->received) return -1u;
        intent->refunded += refund.amount;
        book(v, call, number, SOUK_CHECK_REFUND, refund.amount);
    }
    souk_assert(v->effects_count < INTENTS_MAX);
    v->effects[v->effects_count++] = (struct effect){ call->key, number };
    return number;
}

static unsigned
look_up(struct sim_provider *v, const struct souk_port_call *call)
{
    struct provider_retrieve r;
    unsigned number = -1u;
    bool ok = decode(call->body, souk_layout_of_provider_retrieve, &r);
    souk_assert(ok);
    if (r.has_intent && intent_of(v, r.intent, &number)) return number;
    for (unsigned i = 0; i < v->intents_count; i++) /* The last that was not declined, else the last. */
        if (!memcmp(v->intents[i].order, r.order.at, 32) &&
            (number == -1u || v->intents[i].status != PROVIDER_DECLINED)) number = i;
    return number;
}

static void
keep_for_later(struct sim_provider *v, const struct souk_port_call *call)
{
    struct late *l = &v->late[v->late_count++];
    souk_assert(v->late_count <= PENDING_MAX);
    souk_assert(call->operation.length < sizeof l->operation && call->body.length <= sizeof l->body);
    l->due_ms = souk_sim_now_ms(v->sim) + souk_sim_draw(v->sim, 40000);
    l->key = call->key;
    l->operation_length = call->operation.length;
    l->length = call->body.length;
    memcpy(l->operation, call->operation.at, call->operation.length);
    memcpy(l->body, call->body.at, call->body.length);
}

static void
take_late_effects(struct sim_provider *v, uint64_t now)
{
    for (unsigned i = 0; i < v->late_count;) {
        struct late l = v->late[i];
        if (l.due_ms > now) {
            i++;
            continue;
        }
        v->late[i] = v->late[--v->late_count];
        struct souk_port_call call = { .key = l.key, .operation = { l.operation, l.operation_length },
                                       .body = { l.body, l.length } };
        take_effect(v, &call);
    }
}

void
souk_sim_provider_call(void *self, souk_worker *worker SOUK_UNUSED, const struct souk_port_call *call)
{
    struct sim_provider *v = self;
    bool looks = souk_text_equal(call->operation, SOUK_TEXT("provider_retrieve"));
    if (percent(v, v->plan->unknown_before)) { /* Lost on the way there, or very slow. */
        if (!looks && percent(v, 50)) keep_for_later(v, call);
        answer_later(v, call->ticket, -1u, true);
        return;
    }
    unsigned intent = looks ? look_up(v, call) : take_effect(v, call);
    bool dead = percent(v, v->plan->unknown_after); /* Lost on the way back. */
    answer_later(v, call->ticket, looks && intent == -1u ? -2u : intent, dead);
}

static struct provider_result
result_of(const struct sim_provider *v, unsigned intent, char name[16])
{
    const struct intent *i = &v->intents[intent];
    return (struct provider_result){ .intent = intent_name(intent, name), .status = i->status, .amount = i->amount,
                                     .amount_received = i->received, .amount_refunded = i->refunded };
}

static void
free_request(struct souk_request *request, const struct souk_reply *reply SOUK_UNUSED)
{
    free(request);
}

static void
free_lost(struct souk_sim_request *request)
{
    free(request);
}

static void
send_webhook(struct sim_provider *v, unsigned intent)
{
    char name[16];
    souk_key order;
    struct provider_result r = result_of(v, intent, name);
    if (!address_read_name((struct souk_text){ v->intents[intent].order, 32 }, &order)) return;
    struct payment_notify notify = { .intent = r.intent, .status = r.status, .amount = r.amount,
                                     .amount_received = r.amount_received, .amount_refunded = r.amount_refunded };
    struct souk_sim_request *request = calloc(1, sizeof *request); /* Nobody waits for its answer: freed by it. */
    souk_assert(request);
    request->request = (struct souk_request){ .to = souk_ref(payment, order), .row = &payment_notify_command,
                                              .within_ms = 10000, .done = free_request };
    request->lost = free_lost;
    if (souk_sim_ask(v->sim, request, &notify)) free(request);
}

uint64_t
souk_sim_provider_step(struct sim_provider *v)
{
    uint64_t life = souk_sim_counts(v->sim).lives, now = souk_sim_now_ms(v->sim), next = 0;
    if (life != v->life) {
        v->pending_count = 0; /* Nobody is there to hear them. */
        v->life = life;
    }
    take_late_effects(v, now);
    for (unsigned i = 0; i < v->pending_count;) {
        struct pending p = v->pending[i];
        if (p.due_ms > now) {
            i++;
            continue;
        }
        v->pending[i] = v->pending[--v->pending_count];
        souk_worker *door = souk_sim_door(v->sim);
        char name[16];
        if (p.dead) {
            souk_port_done(door, p.ticket, SOUK_DEAD, 0, NULL, NULL);
        } else if (p.intent == -1u) {
            souk_port_done(door, p.ticket, SOUK_REFUSED, 400, NULL, NULL);
        } else if (p.intent == -2u) {
            struct provider_result none = { .intent = SOUK_TEXT("-"), .status = PROVIDER_MISSING };
            souk_port_done(door, p.ticket, SOUK_DONE, 0, souk_layout_of_provider_result, &none);
        } else {
            struct provider_result r = result_of(v, p.intent, name);
            souk_port_done(door, p.ticket, SOUK_DONE, 0, souk_layout_of_provider_result, &r);
        }
        if (p.intent < v->intents_count && percent(v, v->plan->webhook_percent)) send_webhook(v, p.intent);
    }
    for (unsigned i = 0; i < v->pending_count; i++)
        if (!next || v->pending[i].due_ms < next) next = v->pending[i].due_ms;
    for (unsigned i = 0; i < v->late_count; i++)
        if (!next || v->late[i].due_ms < next) next = v->late[i].due_ms;
    return next;
}

bool
souk_sim_provider_busy(const struct sim_provider *v)
{
    return v->pending_count || v->late_count;
}

struct sim_provider_view
souk_sim_provider_show(const struct sim_provider *v, const char *order)
{
    struct sim_provider_view view = { 0, 0 };
    for (unsigned n = 0; n < v->intents_count; n++) {
        if (memcmp(v->intents[n].order, order, 32)) continue;
        view.taken += v->intents[n].received - v->intents[n].refunded;
        view.open += v->intents[n].status == PROVIDER_REQUIRES_CAPTURE;
    }
    return view;
}

const struct souk_check_effect *
souk_sim_provider_ledger(const struct sim_provider *v, size_t *count)
{
    *count = v->ledger_count;
    return v->ledger;
}
