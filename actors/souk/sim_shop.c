/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_shop.c -- a flash sale in the simulator: buyers who ask again under the same key whatever happens to them,
 * and come back when they were turned away while units were held; see sim_scenario.h. */
#include "sim_provider.h"

#include "account.h"
#include "address.h"
#include "kinds.h"
#include "order.h"
#include "payment.h"
#include "provider_port.h"
#include "sale.h"
#include "stock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SOUK_ADDRESSES(sim, souk_sim, souk_sim_key_of, souk_sim_key_pair)

enum { BUYERS_MAX = 400, PRICE = 1999, CREDIT = 10000, TURNED_AWAY_MAX = 30 };

struct buyer {
    struct souk_sim_request place, show, look, peek;
    struct order_place order;
    char customer[16], key[16], sale[16];
    souk_ref ref, stock;
    bool placing, showing, looking, peeking;
    uint32_t peeked;          /* So much of the order's history has been seen. */
    bool told, settled, over; /* That it was placed; how it stands; and there is no use in coming back. */
    uint64_t back_ms;         /* When to come back; 0: not. */
    unsigned turned_away;     /* So often, though there were enough units. */
    struct order_view view;
};

struct shop {
    const struct sim_plan *plan;
    struct sim_outcome *outcome;
    souk_sim *sim;
    struct sim_provider *provider;
    struct buyer buyers[BUYERS_MAX];
};

static struct shop *shop; /* One at a time: callbacks have no other way to it. */

static void SOUK_PRINTF(1, 2)
complain(const char *format, ...)
{
    if (shop->outcome->complaints++) return;
    va_list args;
    va_start(args, format);
    vsnprintf(shop->outcome->first, sizeof shop->outcome->first, format, args);
    va_end(args);
}

static bool
percent(unsigned chance)
{
    return souk_sim_draw(shop->sim, 100) < chance;
}

/* ---- Buyers. ---- */

static void
placed(struct souk_request *request, const struct souk_reply *reply)
{
    struct buyer *b = (struct buyer *)(void *)((char *)request - offsetof(struct buyer, place));
    b->placing = false;
    if (reply->ending == SOUK_REFUSED) complain("%s: place was refused with %u", b->key, reply->refusal);
    b->told |= reply->ending == SOUK_DONE;
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
    if (b->told && !view.settled) complain("%s: shown before it is settled", b->key);
    if (b->over && !order_reason_again(b->view.reason) && !same(&b->view, &view))
        complain("%s: settled as %s, then %s", b->key, order_state_name(b->view.state), order_state_name(view.state));
    b->view = view;
    b->settled = true;
    b->over = !order_reason_again(view.reason);
}

static void
show_lost(struct souk_sim_request *r)
{
    ((struct buyer *)(void *)((char *)r - offsetof(struct buyer, show)))->showing = false;
}

/* What has been seen once stays so, whatever crashes: it was durable before it was shown (I9, R4). */
static void
peeked(struct souk_request *request, const struct souk_reply *reply)
{
    struct buyer *b = (struct buyer *)(void *)((char *)request - offsetof(struct buyer, peek));
    struct order_view view;
    uint8_t memory[8192];
    struct souk_scratch scratch = { memory, memory + sizeof memory };
    const uint8_t *at = reply->body.at;
    struct souk_reader in = { .at = at, .end = at + reply->body.length, .scratch = &scratch };
    b->peeking = false;
    if (reply->ending == SOUK_REFUSED && b->peeked) complain("%s: was shown, and isn't there any more", b->key);
    if (reply->ending != SOUK_DONE || !souk_layout_of_order_view->get(&in, &view)) return;
    uint32_t length = view.history.count;
    bool again = length > 1 && view.history.at[1].happening == ORDER_WAS_PLACED_AGAIN;
    if (length < b->peeked && !again) complain("%s: what had happened to it has not happened any more", b->key);
    b->peeked = again ? 1 : length;
}

static void
peek_lost(struct souk_sim_request *r)
{
    ((struct buyer *)(void *)((char *)r - offsetof(struct buyer, peek)))->peeking = false;
}

static void
peek(struct buyer *b)
{
    b->peek = (struct souk_sim_request){ .request = { .to = b->ref, .row = &order_show_query, .within_ms = 2000,
                                                      .done = peeked }, .lost = peek_lost };
    b->peeking = !souk_sim_ask(shop->sim, &b->peek, &(struct order_show){ .settled_only = false });
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

/* Sold out: it is worth while to come back as long as units are held, or there are enough. */
static void
looked(struct souk_request *request, const struct souk_reply *reply)
{
    struct buyer *b = (struct buyer *)(void *)((char *)request - offsetof(struct buyer, look));
    struct stock_view view;
    const uint8_t *at = reply->body.at;
    struct souk_reader in = { .at = at, .end = at + reply->body.length };
    b->looking = false;
    if (reply->ending != SOUK_DONE) return;
    bool read = souk_layout_of_stock_view->get(&in, &view), enough = read && view.free >= b->order.units;
    if (!read) complain("%s: the stock's view cannot be read", b->key);
    if (enough && b->turned_away++ == TURNED_AWAY_MAX)
        complain("%s: always turned away, though there are units", b->key);
    b->over = (!view.held && !enough) || b->turned_away > TURNED_AWAY_MAX;
    if (!b->over) b->back_ms = souk_sim_now_ms(shop->sim) + 1 + souk_sim_draw(shop->sim, view.held ? 5000 : 1000);
}

static void
look_lost(struct souk_sim_request *r)
{
    ((struct buyer *)(void *)((char *)r - offsetof(struct buyer, look)))->looking = false;
}

static void
look(struct buyer *b)
{
    b->look = (struct souk_sim_request){ .request = { .to = b->stock, .row = &stock_show_query, .within_ms = 5000,
                                                      .done = looked }, .lost = look_lost };
    b->looking = !souk_sim_ask(shop->sim, &b->look, &(struct stock_show){});
}

/* What a buyer does next. */
static void
buyer_step(struct buyer *b)
{
    enum { HESITATES = 4, IMPATIENT = 200, CURIOUS = 20 };
    if (!b->peeking && souk_sim_draw(shop->sim, CURIOUS) == 0) peek(b);
    if (b->back_ms) {
        if (b->back_ms > souk_sim_now_ms(shop->sim) || b->placing) return;
        b->back_ms = 0;
        b->told = b->settled = false;
    }
    if (!b->placing && !b->told && souk_sim_draw(shop->sim, HESITATES) == 0) place(b);
    else if (!b->placing && b->told && souk_sim_draw(shop->sim, IMPATIENT) == 0) place(b); /* Once more the same. */
    if (b->told && !b->settled && !b->showing) show(b);
    if (b->settled && !b->looking && !b->back_ms) look(b);
}

static void
open_shop(void)
{
    souk_sim *sim = shop->sim;
    for (unsigned s = 0; s < shop->plan->sales; s++) {
        char name[16];
        int n = snprintf(name, sizeof name, "sale-%u", s);
        struct souk_text sale = { name, (size_t)n };
        struct sale_open open = { .sale = sale,
                                  .sku = SOUK_TEXT("console"),
                                  .units = shop->plan->units,
                                  .price = PRICE,
                                  .currency = SOUK_TEXT("EUR"),
                                  .limit_per_customer = shop->plan->limit,
                                  .hold_ms = shop->plan->hold_ms ? shop->plan->hold_ms : 120000 };
        struct souk_reply reply = souk_sim_tell(sim, souk_ref(sale, sim_sale_key(sim, sale)), &sale_open_command, &open,
                                                NULL, NULL);
        if (reply.ending != SOUK_DONE) complain("the sale doesn't open");
    }
    for (unsigned i = 0; i < shop->plan->buyers; i++) {
        struct buyer *b = &shop->buyers[i];
        bool credit = percent(shop->plan->credit_percent);
        snprintf(b->customer, sizeof b->customer, "c%u", i);
        snprintf(b->key, sizeof b->key, "k%u", i);
        snprintf(b->sale, sizeof b->sale, "sale-%u", (unsigned)souk_sim_draw(sim, shop->plan->sales));
        b->order = (struct order_place){
            .customer = souk_text_of(b->customer), .idempotency_key = souk_text_of(b->key),
            .sale = souk_text_of(b->sale), .units = 1 + (uint32_t)souk_sim_draw(sim, 2),
            .method = credit ? ORDER_CREDIT : ORDER_CARD, .token = SOUK_TEXT("tok_visa"), .has_token = !credit };
        b->ref = souk_ref(order, sim_order_key(sim, b->order.customer, b->order.idempotency_key));
        b->stock = souk_ref(stock, sim_stock_key(sim, b->order.sale, SOUK_TEXT("console")));
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
    for (unsigned s = 0; s < shop->plan->sales; s++) {
        char name[16];
        struct souk_text sale = { name, (size_t)snprintf(name, sizeof name, "sale-%u", s) };
        struct stock_view view;
        struct souk_reply reply = souk_sim_tell(sim, souk_ref(stock, sim_stock_key(sim, sale, SOUK_TEXT("console"))),
                                                &stock_show_query, &(struct stock_show){}, souk_layout_of_stock_view,
                                                &view);
        unsigned sold = 0;
        for (unsigned i = 0; i < shop->plan->buyers; i++)
            if (shop->buyers[i].view.state == ORDER_PAID && !strcmp(shop->buyers[i].sale, name))
                sold += shop->buyers[i].order.units;
        if (reply.ending != SOUK_DONE) complain("%s: no stock", name);
        else if (view.held || view.free + view.sold != shop->plan->units || view.sold != sold)
            complain("%s: %u free, %u held, %u sold, %u paid for", name, view.free, view.held, view.sold, sold);
        for (unsigned i = 0; i < shop->plan->buyers && reply.ending == SOUK_DONE; i++) /* I8. */
            if (shop->buyers[i].view.reason == ORDER_SOLD_OUT && !strcmp(shop->buyers[i].sale, name) &&
                shop->buyers[i].order.units <= view.free)
                complain("%s: turned away for good, and %u are free", shop->buyers[i].key, view.free);
    }
}

static void
check_money(void)
{
    for (unsigned i = 0; i < shop->plan->buyers; i++) {
        struct buyer *b = &shop->buyers[i];
        char order[33] = "";
        address_write_name(b->ref.key, order);
        bool paid = b->view.state == ORDER_PAID;
        shop->outcome->paid += paid;
        shop->outcome->cancelled += b->view.state == ORDER_CANCELLED;
        shop->outcome->review += b->view.state == ORDER_NEEDS_REVIEW;
        struct sim_provider_view books = souk_sim_provider_show(shop->provider, order);
        if (b->order.method == ORDER_CARD && books.taken != (paid ? b->view.total : 0))
            complain("%s: %s, but the provider took %lld", b->key, order_state_name(b->view.state),
                     (long long)books.taken);
        if (books.open && b->view.state != ORDER_NEEDS_REVIEW) complain("%s: an authorisation was left open", b->key);
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
    for (unsigned i = 0; i < shop->plan->buyers; i++) {
        const struct buyer *b = &shop->buyers[i];
        acks[count++] = (struct souk_check_ack){ .order = b->ref.key, .sale = sim_sale_key(shop->sim, b->order.sale),
                                           .status = b->view.state == ORDER_PAID ? 201 : 409,
                                           .units = b->order.units };
    }
    struct souk_check_inputs inputs = { .has_ledger = true, .acks = acks, .acks_count = count,
                                        .vault = souk_sim_vault(shop->sim), .at_rest = true };
    inputs.effects = souk_sim_provider_ledger(shop->provider, &inputs.effects_count);
    static struct souk_check_report report;
    souk_err err = souk_check_run(souk_sim_journal(shop->sim), souk_sim_secret(shop->sim), &inputs, &report);
    if (err) complain("the checker: %s", report.why);
    for (unsigned n = 1; n <= SOUK_CHECK_INVARIANTS && !err; n++)
        if (report.invariants[n])
            complain("I%u, position %llu: %s", n, (unsigned long long)report.findings[n][0].position,
                     report.findings[n][0].text);
}

/* Steps until all buyers are settled for good. What goes wrong does so for a while; then an hour must be enough. */
static void
sell(void)
{
    enum { HOUR_MS = 3600000, TROUBLED_STEPS = 8000 };
    uint64_t began = souk_sim_counts(shop->sim).steps, deadline = UINT64_MAX;
    for (bool open = true; open && souk_sim_now_ms(shop->sim) < deadline;) {
        uint64_t next = souk_sim_provider_step(shop->provider);
        open = false;
        if (deadline == UINT64_MAX && souk_sim_counts(shop->sim).steps - began > TROUBLED_STEPS) {
            souk_sim_calm(shop->sim);
            deadline = souk_sim_now_ms(shop->sim) + HOUR_MS;
        }
        for (unsigned i = 0; i < shop->plan->buyers; i++) {
            struct buyer *b = &shop->buyers[i];
            if (b->over && !b->placing) continue;
            open = true;
            if (!b->over) buyer_step(b);
            if (b->back_ms && (!next || b->back_ms < next)) next = b->back_ms;
        }
        souk_sim_expect(shop->sim, next);
        souk_sim_step(shop->sim);
    }
}

/* Steps until nothing is held or under way; then each order is asked again, and says the same. */
static void
come_to_rest(void)
{
    enum { REST_MS = 7200000, STEPS_MAX = 100000, TROUBLED_STEPS = 4000 };
    souk_sim *sim = shop->sim;
    uint64_t end = UINT64_MAX; /* Once its clock jumps no more. */
    for (unsigned steps = 0; souk_sim_now_ms(sim) < end; steps++) {
        if (steps == TROUBLED_STEPS) {
            souk_sim_calm(sim);
            end = souk_sim_now_ms(sim) + REST_MS;
        }
        souk_sim_expect(sim, souk_sim_provider_step(shop->provider));
        if (!souk_sim_step(sim) && !souk_sim_provider_busy(shop->provider)) break;
    }
    souk_sim_calm(sim);
    for (unsigned i = 0; i < shop->plan->buyers; i++) {
        struct buyer *b = &shop->buyers[i];
        if (!b->over) complain("%s: not settled after an hour", b->key);
        while (!b->showing && b->over) show(b);
        for (unsigned n = 0; b->showing && n < STEPS_MAX; n++) souk_sim_step(sim);
        if (b->showing) complain("%s: no answer", b->key);
    }
}

void
souk_sim_shop(const struct sim_plan *plan, struct sim_outcome *outcome, void (*at_end)(souk_sim *sim, void *arg),
              void *arg)
{
    struct souk_port_driver drivers[] = { { &souk_payment_port, NULL, souk_sim_provider_call }, { 0 } };
    struct souk_sim_options options = souk_sim_plan_options(plan);
    souk_assert(plan->buyers && plan->buyers <= BUYERS_MAX && plan->sales && plan->units);
    *outcome = (struct sim_outcome){ 0 };
    shop = calloc(1, sizeof *shop);
    souk_assert(shop);
    shop->plan = plan;
    shop->outcome = outcome;
    shop->provider = souk_sim_provider_open(plan);
    drivers[0].self = shop->provider;
    options.kinds = souk_commerce_kinds;
    options.ports = drivers;
    shop->sim = souk_sim_open(&options);
    souk_sim_provider_serve(shop->provider, shop->sim);
    open_shop();
    sell();
    come_to_rest();
    check_sales();
    check_money();
    check_journal();
    outcome->counts = souk_sim_counts(shop->sim);
    if (outcome->counts.faults) complain("%" PRIu64 " turns failed", outcome->counts.faults);
    if (at_end) at_end(shop->sim, arg);
    souk_sim_close(&shop->sim);
    souk_sim_provider_close(&shop->provider);
    free(shop);
}
