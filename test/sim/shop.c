/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/shop.c -- see shop.h. The provider keeps its own books, as a real one does, and outlives the node's crashes;
 * what it was about to answer does not. */
#include "shop.h"

#include "account.h"
#include "address.h"
#include "kinds.h"
#include "payment.h"
#include "provider_port.h"
#include "sale.h"
#include "souk/check.h"
#include "stock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SOUK_ADDRESSES(sim, souk_sim, souk_sim_key_of, souk_sim_key_pair)

enum { BUYERS_MAX = 400, INTENTS_MAX = 4096, PENDING_MAX = 4096, PRICE = 1999, CREDIT = 10000 };

struct intent {
    souk_key key;      /* The idempotency key that made it. */
    char order[33];
    uint32_t status;
    int64_t amount, received, refunded;
};

/* An effect that a key had: a repeat under it gets the same answer. */
struct effect { souk_key key; unsigned intent; };

struct pending { uint64_t ticket, due_ms; bool dead; struct provider_result result; unsigned intent; };

/* A request that was given up but is still on its way to the provider. */
struct late { uint64_t due_ms; souk_key key; char operation[32]; uint8_t body[512]; size_t operation_length, length; };

struct buyer {
    struct souk_sim_request place, show;
    struct order_place order;
    char customer[16], key[16], sale[16];
    souk_ref ref;
    bool placing, showing, settled, told;
    struct order_view view;
    unsigned parallel;
};

struct shop {
    const struct shop_options *options;
    struct shop_result *result;
    souk_sim *sim;
    struct buyer buyers[BUYERS_MAX];
    struct intent intents[INTENTS_MAX];
    struct effect effects[INTENTS_MAX];
    struct pending pending[PENDING_MAX];
    struct late late[PENDING_MAX];
    struct souk_check_effect ledger[INTENTS_MAX];
    unsigned intents_count, effects_count, pending_count, late_count, ledger_count;
    uint64_t crashes_seen;
};

static struct shop *shop; /* One at a time: callbacks have no other way to it. */

static void SOUK_PRINTF(1, 2)
complain(const char *format, ...)
{
    if (shop->result->complaints++) return;
    va_list args;
    va_start(args, format);
    vsnprintf(shop->result->first, sizeof shop->result->first, format, args);
    va_end(args);
}

static bool
percent(unsigned chance)
{
    return souk_sim_draw(shop->sim, 100) < chance;
}

/* ---- The provider. ---- */

static struct souk_text
intent_name(unsigned intent, char out[16])
{
    return (struct souk_text){ out, (size_t)snprintf(out, 16, "pi_%u", intent) };
}

static struct intent *
intent_of(struct souk_text name, unsigned *number)
{
    char text[16] = "";
    if (name.length < 4 || name.length > 15) return NULL;
    memcpy(text, name.at, name.length);
    *number = (unsigned)strtoul(text + 3, NULL, 10);
    return *number < shop->intents_count ? &shop->intents[*number] : NULL;
}

static bool
decode(struct souk_bytes body, const struct souk_layout *layout, void *out)
{
    const uint8_t *at = body.at;
    struct souk_reader in = { .at = at, .end = at + body.length };
    return layout->get(&in, out);
}

static void
answer_later(uint64_t ticket, unsigned intent, bool dead)
{
    struct pending *p = &shop->pending[shop->pending_count++];
    souk_assert(shop->pending_count <= PENDING_MAX);
    *p = (struct pending){ .ticket = ticket, .dead = dead, .intent = intent };
    p->due_ms = souk_sim_now_ms(shop->sim) + (dead ? 4000 : 1) + souk_sim_draw(shop->sim, percent(3) ? 20000 : 40);
}

/* What the provider's own books say happened. */
static void
book(const struct souk_port_call *call, unsigned intent, enum souk_check_op op, int64_t amount)
{
    char name[16];
    struct souk_check_effect *e = &shop->ledger[shop->ledger_count++];
    souk_assert(shop->ledger_count <= INTENTS_MAX);
    *e = (struct souk_check_effect){ .intent = souk_sim_key_of(shop->sim, intent_name(intent, name)), .key = call->key,
                                     .amount = amount, .op = op, .currency = "EUR" };
    bool ok = address_read_name((struct souk_text){ shop->intents[intent].order, 32 }, &e->order);
    souk_assert(ok);
}

static unsigned
make_intent(const struct souk_port_call *call)
{
    struct provider_authorise a;
    bool ok = decode(call->body, souk_layout_of_provider_authorise, &a);
    souk_assert(ok && a.order.length == 32 && shop->intents_count < INTENTS_MAX);
    struct intent *i = &shop->intents[shop->intents_count];
    *i = (struct intent){ .key = call->key, .amount = a.amount };
    memcpy(i->order, a.order.at, 32);
    i->status = percent(shop->options->decline) ? PROVIDER_DECLINED : PROVIDER_REQUIRES_CAPTURE;
    book(call, shop->intents_count, i->status == PROVIDER_DECLINED ? SOUK_CHECK_DECLINE : SOUK_CHECK_AUTHORISE,
         a.amount);
    return shop->intents_count++;
}

/* Does what is asked, once for each key; the number of the intent, or -1u. */
static unsigned
take_effect(const struct souk_port_call *call)
{
    struct provider_capture capture;
    struct provider_cancel cancel;
    struct provider_refund refund;
    struct intent *intent = NULL;
    unsigned number = -1u;
    for (unsigned i = 0; i < shop->effects_count; i++)
        if (souk_key_equal(shop->effects[i].key, call->key)) return shop->effects[i].intent;
    if (souk_text_equal(call->operation, SOUK_TEXT("provider_authorise"))) {
        number = make_intent(call);
    } else if (souk_text_equal(call->operation, SOUK_TEXT("provider_capture"))) {
        bool ok = decode(call->body, souk_layout_of_provider_capture, &capture);
        intent = ok ? intent_of(capture.intent, &number) : NULL;
        if (!intent || intent->status != PROVIDER_REQUIRES_CAPTURE || capture.amount > intent->amount) return -1u;
        intent->status = PROVIDER_SUCCEEDED;
        intent->received = capture.amount;
        book(call, number, SOUK_CHECK_CAPTURE, capture.amount);
    } else if (souk_text_equal(call->operation, SOUK_TEXT("provider_cancel"))) {
        bool ok = decode(call->body, souk_layout_of_provider_cancel, &cancel);
        intent = ok ? intent_of(cancel.intent, &number) : NULL;
        if (!intent || intent->status != PROVIDER_REQUIRES_CAPTURE) return -1u;
        intent->status = PROVIDER_CANCELED;
        book(call, number, SOUK_CHECK_CANCEL, intent->amount);
    } else {
        bool ok = decode(call->body, souk_layout_of_provider_refund, &refund);
        intent = ok ? intent_of(refund.intent, &number) : NULL;
        if (!intent || intent->refunded + refund.amount > intent->received) return -1u;
        intent->refunded += refund.amount;
        book(call, number, SOUK_CHECK_REFUND, refund.amount);
    }
    souk_assert(shop->effects_count < INTENTS_MAX);
    shop->effects[shop->effects_count++] = (struct effect){ call->key, number };
    return number;
}

static unsigned
look_up(const struct souk_port_call *call)
{
    struct provider_retrieve r;
    unsigned number = -1u;
    bool ok = decode(call->body, souk_layout_of_provider_retrieve, &r);
    souk_assert(ok);
    if (r.has_intent && intent_of(r.intent, &number)) return number;
    for (unsigned i = 0; i < shop->intents_count; i++) /* The last that was not declined, else the last. */
        if (!memcmp(shop->intents[i].order, r.order.at, 32) &&
            (number == -1u || shop->intents[i].status != PROVIDER_DECLINED)) number = i;
    return number;
}

static void
keep_for_later(const struct souk_port_call *call)
{
    struct late *l = &shop->late[shop->late_count++];
    souk_assert(shop->late_count <= PENDING_MAX);
    souk_assert(call->operation.length < sizeof l->operation && call->body.length <= sizeof l->body);
    l->due_ms = souk_sim_now_ms(shop->sim) + souk_sim_draw(shop->sim, 40000);
    l->key = call->key;
    l->operation_length = call->operation.length;
    l->length = call->body.length;
    memcpy(l->operation, call->operation.at, call->operation.length);
    memcpy(l->body, call->body.at, call->body.length);
}

static void
take_late_effects(uint64_t now)
{
    for (unsigned i = 0; i < shop->late_count;) {
        struct late l = shop->late[i];
        if (l.due_ms > now) {
            i++;
            continue;
        }
        shop->late[i] = shop->late[--shop->late_count];
        struct souk_port_call call = { .key = l.key, .operation = { l.operation, l.operation_length },
                                       .body = { l.body, l.length } };
        take_effect(&call);
    }
}

static void
provider_call(void *self, souk_worker *worker, const struct souk_port_call *call)
{
    (void)self;
    (void)worker;
    bool looks = souk_text_equal(call->operation, SOUK_TEXT("provider_retrieve"));
    if (percent(shop->options->unknown_before)) { /* Lost on the way there, or very slow. */
        if (!looks && percent(50)) keep_for_later(call);
        answer_later(call->ticket, -1u, true);
        return;
    }
    unsigned intent = looks ? look_up(call) : take_effect(call);
    bool dead = percent(shop->options->unknown_after); /* Lost on the way back. */
    answer_later(call->ticket, looks && intent == -1u ? -2u : intent, dead);
}

static struct provider_result
result_of(unsigned intent, char name[16])
{
    const struct intent *i = &shop->intents[intent];
    return (struct provider_result){ .intent = intent_name(intent, name), .status = i->status, .amount = i->amount,
                                     .amount_received = i->received, .amount_refunded = i->refunded };
}

static void
send_webhook(unsigned intent)
{
    char name[16];
    souk_key order;
    struct provider_result r = result_of(intent, name);
    if (!address_read_name((struct souk_text){ shop->intents[intent].order, 32 }, &order)) return;
    struct payment_notify notify = { .intent = r.intent, .status = r.status, .amount = r.amount,
                                     .amount_received = r.amount_received, .amount_refunded = r.amount_refunded };
    struct souk_sim_request *request = calloc(1, sizeof *request); /* Nobody waits for its answer: freed by it. */
    souk_assert(request);
    void free_request(struct souk_request *, const struct souk_reply *);
    void free_lost(struct souk_sim_request *);
    request->request = (struct souk_request){ .to = souk_ref(payment, order), .row = &payment_notify_command,
                                              .within_ms = 10000, .done = free_request };
    request->lost = free_lost;
    if (souk_sim_ask(shop->sim, request, &notify)) free(request);
}

void free_request(struct souk_request *request, const struct souk_reply *reply);
void free_lost(struct souk_sim_request *request);

void
free_request(struct souk_request *request, const struct souk_reply *reply)
{
    (void)reply;
    free(request);
}

void
free_lost(struct souk_sim_request *request)
{
    free(request);
}

/* The clock must not jump past the next answer. */
static void
expect_answers(void)
{
    uint64_t next = 0;
    for (unsigned i = 0; i < shop->pending_count; i++)
        if (!next || shop->pending[i].due_ms < next) next = shop->pending[i].due_ms;
    for (unsigned i = 0; i < shop->late_count; i++)
        if (!next || shop->late[i].due_ms < next) next = shop->late[i].due_ms;
    souk_sim_expect(shop->sim, next);
}

static void
provider_step(void)
{
    uint64_t crashes = souk_sim_counts(shop->sim).crashes, now = souk_sim_now_ms(shop->sim);
    if (crashes != shop->crashes_seen) {
        shop->pending_count = 0; /* Nobody is there to hear them. */
        shop->crashes_seen = crashes;
    }
    take_late_effects(now);
    for (unsigned i = 0; i < shop->pending_count;) {
        struct pending p = shop->pending[i];
        if (p.due_ms > now) {
            i++;
            continue;
        }
        shop->pending[i] = shop->pending[--shop->pending_count];
        souk_worker *door = souk_sim_door(shop->sim);
        char name[16];
        if (p.dead) {
            souk_port_done(door, p.ticket, SOUK_DEAD, 0, NULL, NULL);
        } else if (p.intent == -1u) {
            souk_port_done(door, p.ticket, SOUK_REFUSED, 400, NULL, NULL);
        } else if (p.intent == -2u) {
            struct provider_result none = { .intent = SOUK_TEXT("-"), .status = PROVIDER_MISSING };
            souk_port_done(door, p.ticket, SOUK_DONE, 0, souk_layout_of_provider_result, &none);
        } else {
            struct provider_result r = result_of(p.intent, name);
            souk_port_done(door, p.ticket, SOUK_DONE, 0, souk_layout_of_provider_result, &r);
        }
        if (p.intent < shop->intents_count && percent(shop->options->webhook_percent)) send_webhook(p.intent);
    }
    expect_answers();
}

/* ---- Buyers. ---- */

static void
placed(struct souk_request *request, const struct souk_reply *reply)
{
    struct buyer *b = (struct buyer *)(void *)((char *)request - offsetof(struct buyer, place));
    b->placing = false;
    if (reply->ending == SOUK_REFUSED) complain("%s: place was refused with %u", b->key, reply->refusal);
    b->told = reply->ending == SOUK_DONE;
}

static void
place_lost(struct souk_sim_request *r)
{
    ((struct buyer *)(void *)((char *)r - offsetof(struct buyer, place)))->placing = false;
}

/* The texts of a view are borrowed; only its values are compared. */
static bool
same(const struct order_view *a, const struct order_view *b)
{
    return a->state == b->state && a->reason == b->reason && a->units == b->units && a->total == b->total &&
           a->number == b->number && a->at_ms == b->at_ms && a->history.count == b->history.count;
}

static void
shown(struct souk_request *request, const struct souk_reply *reply)
{
    struct buyer *b = (struct buyer *)(void *)((char *)request - offsetof(struct buyer, show));
    b->showing = false;
    if (reply->ending != SOUK_DONE) return;
    uint8_t memory[8192];
    struct souk_scratch scratch = { memory, memory + sizeof memory };
    const uint8_t *at = reply->body.at;
    struct souk_reader in = { .at = at, .end = at + reply->body.length, .scratch = &scratch };
    struct order_view view;
    if (!souk_layout_of_order_view->get(&in, &view)) complain("%s: its view cannot be read", b->key);
    if (view.reason == ORDER_BUSY) complain("%s: cancelled for want of an answer, where nobody was busy", b->key);
    if (!view.settled) complain("%s: shown before it is settled", b->key);
    if (b->settled && !order_reason_again(b->view.reason) && !same(&b->view, &view))
        complain("%s: settled as %s, then %s", b->key, order_state_name(b->view.state), order_state_name(view.state));
    b->view = view;
    b->settled = true;
}

static void
show_lost(struct souk_sim_request *r)
{
    ((struct buyer *)(void *)((char *)r - offsetof(struct buyer, show)))->showing = false;
}

static void
place(struct buyer *b)
{
    b->place = (struct souk_sim_request){ .request = { .to = b->ref, .row = &order_place_command, .within_ms = 5000,
                                                       .done = placed }, .lost = place_lost };
    b->placing = !souk_sim_ask(shop->sim, &b->place, &b->order);
}

static void
show(struct buyer *b)
{
    struct order_show query = { .settled_only = true };
    b->show = (struct souk_sim_request){ .request = { .to = b->ref, .row = &order_show_query, .within_ms = 30000,
                                                      .done = shown }, .lost = show_lost };
    b->showing = !souk_sim_ask(shop->sim, &b->show, &query);
}

static void
open_shop(void)
{
    souk_sim *sim = shop->sim;
    for (unsigned s = 0; s < shop->options->sales; s++) {
        char name[16];
        int n = snprintf(name, sizeof name, "sale-%u", s);
        struct souk_text sale = { name, (size_t)n };
        struct sale_open open = { .sale = sale,
                                  .sku = SOUK_TEXT("console"),
                                  .units = shop->options->units,
                                  .price = PRICE,
                                  .currency = SOUK_TEXT("EUR"),
                                  .limit_per_customer = shop->options->limit,
                                  .hold_ms = 120000 };
        struct souk_reply reply = souk_sim_tell(sim, souk_ref(sale, sim_sale_key(sim, sale)), &sale_open_command, &open,
                                                NULL, NULL);
        if (reply.ending != SOUK_DONE) complain("the sale doesn't open");
    }
    for (unsigned i = 0; i < shop->options->buyers; i++) {
        struct buyer *b = &shop->buyers[i];
        bool credit = percent(shop->options->credit_percent);
        snprintf(b->customer, sizeof b->customer, "c%u", i);
        snprintf(b->key, sizeof b->key, "k%u", i);
        snprintf(b->sale, sizeof b->sale, "sale-%u", (unsigned)souk_sim_draw(sim, shop->options->sales));
        b->order = (struct order_place){
            .customer = souk_text_of(b->customer), .idempotency_key = souk_text_of(b->key),
            .sale = souk_text_of(b->sale), .units = 1 + (uint32_t)souk_sim_draw(sim, 2),
            .method = credit ? ORDER_CREDIT : ORDER_CARD, .token = SOUK_TEXT("tok_visa"), .has_token = !credit };
        b->ref = souk_ref(order, sim_order_key(sim, b->order.customer, b->order.idempotency_key));
        if (!credit || percent(10)) continue; /* Some have no money. */
        struct account_top_up top_up = { .customer = b->order.customer, .key = SOUK_TEXT("first"), .amount = CREDIT,
                                         .currency = SOUK_TEXT("EUR") };
        for (unsigned again = 0; again < 2; again++)
            souk_sim_tell(sim, souk_ref(account, sim_account_key(sim, b->order.customer)), &account_top_up_command,
                          &top_up, NULL, NULL);
    }
}

/* ---- At the end. ---- */

static void
check_sales(void)
{
    souk_sim *sim = shop->sim;
    for (unsigned s = 0; s < shop->options->sales; s++) {
        char name[16];
        struct souk_text sale = { name, (size_t)snprintf(name, sizeof name, "sale-%u", s) };
        struct stock_view view;
        struct souk_reply reply = souk_sim_tell(sim, souk_ref(stock, sim_stock_key(sim, sale, SOUK_TEXT("console"))),
                                                &stock_show_query, &(struct stock_show){}, souk_layout_of_stock_view,
                                                &view);
        unsigned sold = 0;
        for (unsigned i = 0; i < shop->options->buyers; i++)
            if (shop->buyers[i].view.state == ORDER_PAID && !strcmp(shop->buyers[i].sale, name))
                sold += shop->buyers[i].order.units;
        if (reply.ending != SOUK_DONE) complain("%s: no stock", name);
        else if (view.held || view.free + view.sold != shop->options->units || view.sold != sold)
            complain("%s: %u free, %u held, %u sold, %u paid for", name, view.free, view.held, view.sold, sold);
    }
}

static void
check_money(void)
{
    for (unsigned i = 0; i < shop->options->buyers; i++) {
        struct buyer *b = &shop->buyers[i];
        char order[33] = "";
        address_write_name(b->ref.key, order);
        bool paid = b->view.state == ORDER_PAID;
        shop->result->paid += paid;
        shop->result->cancelled += b->view.state == ORDER_CANCELLED;
        shop->result->review += b->view.state == ORDER_NEEDS_REVIEW;
        int64_t taken = 0;
        unsigned open = 0;
        for (unsigned n = 0; n < shop->intents_count; n++) {
            if (memcmp(shop->intents[n].order, order, 32)) continue;
            taken += shop->intents[n].received - shop->intents[n].refunded;
            open += shop->intents[n].status == PROVIDER_REQUIRES_CAPTURE;
        }
        if (b->order.method == ORDER_CARD && taken != (paid ? b->view.total : 0))
            complain("%s: %s, but the provider took %lld", b->key, order_state_name(b->view.state), (long long)taken);
        if (open && b->view.state != ORDER_NEEDS_REVIEW) complain("%s: an authorisation was left open", b->key);
        if (paid && b->view.total != (int64_t)b->order.units * PRICE) complain("%s: another price", b->key);
        if (b->order.method != ORDER_CREDIT) continue;
        struct account_view account;
        struct souk_reply reply =
            souk_sim_tell(shop->sim, souk_ref(account, sim_account_key(shop->sim, b->order.customer)),
                          &account_show_query, &(struct account_show){}, souk_layout_of_account_view, &account);
        int64_t left = reply.ending == SOUK_DONE && account.balances.count ? account.balances.at[0].amount : 0;
        if (reply.ending == SOUK_DONE && left != CREDIT - (paid ? b->view.total : 0))
            complain("%s: %s, and %lld left of the credit", b->key, order_state_name(b->view.state), (long long)left);
        if (paid && reply.ending != SOUK_DONE) complain("%s: paid by nobody", b->key);
    }
}

/* The same checker that reads a real shop's journal. */
static void
check_journal(void)
{
    static struct souk_check_ack acks[BUYERS_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < shop->options->buyers; i++) {
        const struct buyer *b = &shop->buyers[i];
        if (b->view.reason == ORDER_SOLD_OUT) continue; /* These buyers don't come back while units are held. */
        acks[count++] = (struct souk_check_ack){ .order = b->ref.key, .sale = sim_sale_key(shop->sim, b->order.sale),
                                           .status = b->view.state == ORDER_PAID ? 201 : 409,
                                           .units = b->order.units };
    }
    struct souk_check_inputs inputs = { .effects = shop->ledger, .effects_count = shop->ledger_count,
                                        .has_ledger = true,
                                        .acks = acks, .acks_count = count,
                                        .vault = souk_sim_vault(shop->sim), .at_rest = true };
    static struct souk_check_report report;
    souk_err err = souk_check_run(souk_sim_journal(shop->sim), souk_sim_secret(shop->sim), &inputs, &report);
    if (err) complain("the checker: %s", report.why);
    for (unsigned n = 1; n <= SOUK_CHECK_INVARIANTS && !err; n++)
        if (report.invariants[n])
            complain("I%u, position %llu: %s", n, (unsigned long long)report.findings[n][0].position,
                     report.findings[n][0].text);
}

void
shop_run(const struct shop_options *options, struct shop_result *result, void (*at_end)(souk_sim *sim, void *arg),
         void *arg)
{
    static const struct souk_port_driver drivers[] = { { &souk_payment_port, NULL, provider_call }, { 0 } };
    struct souk_sim_options sim = { .seed = options->seed, .kinds = souk_commerce_kinds, .ports = drivers,
                                    .crash_one_in = options->crash_one_in,
                                    .checkpoint_one_in = options->checkpoint_one_in,
                                    .actors_max = options->seed % 3 ? 0 : 256 };
    souk_assert(options->buyers <= BUYERS_MAX);
    *result = (struct shop_result){ 0 };
    shop = calloc(1, sizeof *shop);
    souk_assert(shop);
    shop->options = options;
    shop->result = result;
    shop->sim = souk_sim_open(&sim);
    open_shop();
    uint64_t deadline = souk_sim_now_ms(shop->sim) + 3600000;
    for (bool open = true; open && souk_sim_now_ms(shop->sim) < deadline;) {
        open = false;
        for (unsigned i = 0; i < options->buyers; i++) {
            struct buyer *b = &shop->buyers[i];
            if (b->settled && b->told) continue;
            open = true;
            if (!b->told && !b->placing && souk_sim_draw(shop->sim, 4) == 0) place(b);
            if (b->told && !b->settled && !b->showing) show(b);
        }
        souk_sim_step(shop->sim);
        provider_step();
    }
    for (uint64_t end = souk_sim_now_ms(shop->sim) + 7200000; souk_sim_now_ms(shop->sim) < end;) {
        provider_step();
        if (!souk_sim_step(shop->sim) && !shop->pending_count && !shop->late_count) break;
    }
    for (unsigned i = 0; i < options->buyers; i++) { /* Asked again, each order says the same. */
        if (!shop->buyers[i].settled) complain("%s: not settled after an hour", shop->buyers[i].key);
        while (!shop->buyers[i].showing && shop->buyers[i].settled) show(&shop->buyers[i]);
        for (unsigned n = 0; shop->buyers[i].showing && n < 100000; n++) souk_sim_step(shop->sim);
    }
    check_sales();
    check_money();
    check_journal();
    struct souk_sim_counts counts = souk_sim_counts(shop->sim);
    if (counts.faults) complain("%llu turns failed", (unsigned long long)counts.faults);
    result->steps = counts.steps;
    result->crashes = (unsigned)counts.crashes;
    result->trace = counts.trace;
    if (at_end) at_end(shop->sim, arg);
    souk_sim_close(&shop->sim);
    free(shop);
}
