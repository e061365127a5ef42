/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_sale.c -- sales: opening, closing, looking. Each ends by showing the sale: its terms, then its stock. */
#include "api_inside.h"
#include "money.h"

#include "base/clocktext.h"

#include <string.h>

enum { SALE_UNITS_MOST = 1000000000, HOLD_MS_DEFAULT = 120000 };

/* ---- Showing. ---- */

static void
shown_stock(struct api_call *call, const struct souk_reply *reply)
{
    const struct sale_view *sale = &call->terms.view;
    struct stock_view stock;
    /* The stock is opened by the sale's word, which may still be on its way: then all is free. */
    bool fresh = reply->ending == SOUK_REFUSED && reply->refusal == stock_unknown;
    if (fresh) stock = (struct stock_view){ .units = sale->units, .free = sale->units };
    else if (!api_read(call, reply, souk_layout_of_stock_view, &stock)) return;
    if (!fresh) souk_hint_note(call->at->hints, node_sale_key(call->at->node, sale->sale), stock.free == 0, true,
                               api_now_ns());
    api_write_sale(api_writer(call), sale, &stock);
    api_answer(call, call->status, NULL, false);
}

/* Keeps the terms: what they borrow is gone when the stock answers. */
static void
shown_terms(struct api_call *call, const struct souk_reply *reply)
{
    static const struct stock_show question;
    struct sale_view *view = &call->terms.view;
    if (!api_read(call, reply, souk_layout_of_sale_view, view)) return;
    struct souk_text *texts[] = { &view->sale, &view->sku, &view->currency };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *at = call->terms.room + i * ADDRESS_ID_MAX;
        souk_assert(texts[i]->length <= ADDRESS_ID_MAX);
        memcpy(at, texts[i]->at, texts[i]->length);
        texts[i]->at = at;
    }
    (void)api_ask(call, 0, souk_ref(stock, node_stock_key(call->at->node, view->sale, view->sku)), &stock_show_query,
                  &question, API_WITHIN_MS, shown_stock);
}

static void
show(struct api_call *call, unsigned status)
{
    static const struct sale_show question;
    call->status = status;
    (void)api_ask(call, 0, souk_ref(sale, node_sale_key(call->at->node, call->id)), &sale_show_query, &question,
                  API_WITHIN_MS, shown_terms);
}

void
api_sale_get(struct api_call *call)
{
    if (api_id(call)) show(call, 200);
}

/* ---- Closing. ---- */

static void
closed(struct api_call *call, const struct souk_reply *reply)
{
    if (!api_read(call, reply, NULL, NULL)) return;
    call->at->counts.sales_closed++;
    show(call, 200);
}

void
api_sale_close(struct api_call *call)
{
    if (!api_id(call)) return;
    const struct sale_close command = { .sale = call->id };
    (void)api_ask(call, 0, souk_ref(sale, node_sale_key(call->at->node, call->id)), &sale_close_command, &command,
                  API_WITHIN_MS, closed);
}

/* ---- Opening. ---- */

static void
opened(struct api_call *call, const struct souk_reply *reply)
{
    struct sale_receipt receipt;
    if (!api_read(call, reply, souk_layout_of_sale_receipt, &receipt)) return;
    call->at->counts.sales_opened += receipt.created;
    show(call, receipt.created ? 201 : 200);
}

enum { SKU, UNITS, AMOUNT, CURRENCY, LIMIT, HOLD, OPENS, SALE_FIELDS };

/* Into the command; false when the call was answered. */
static bool
sale_of(struct api_call *call, const struct souk_json_value *v, struct sale_open *command)
{
    int64_t all;
    *command = (struct sale_open){
        .sale = call->id, .sku = v[SKU].text, .units = (uint32_t)v[UNITS].integer, .price = v[AMOUNT].integer,
        .currency = v[CURRENCY].text,
        .limit_per_customer = v[LIMIT].present ? (uint32_t)v[LIMIT].integer : 0,
        .hold_ms = v[HOLD].present ? (uint64_t)v[HOLD].integer : HOLD_MS_DEFAULT,
    };
    if (!money_multiply(command->price, command->units, &all)) {
        api_invalid(call, "price.amount", "the price of all units together is too large");
        return false;
    }
    if (v[OPENS].present && souk_clock_parse(v[OPENS].text, &command->opens_at_ms)) {
        api_invalid(call, "opens_at", "this is not a moment as in RFC 3339, such as 2026-11-27T09:00:00Z");
        return false;
    }
    if (v[OPENS].present && command->opens_at_ms == 0) command->opens_at_ms = 1; /* 0 would mean "at once". */
    return true;
}

void
api_sale_put(struct api_call *call)
{
    static const struct souk_json_field fields[SALE_FIELDS] = {
        [SKU] = SOUK_JSON_FIELD("sku", SOUK_JSON_TEXT, true, 1, ADDRESS_ID_MAX, address_id_valid),
        [UNITS] = SOUK_JSON_FIELD("units", SOUK_JSON_INTEGER, true, 1, SALE_UNITS_MOST, NULL),
        [AMOUNT] = SOUK_JSON_FIELD("price.amount", SOUK_JSON_INTEGER, true, 1, MONEY_MAX, NULL),
        [CURRENCY] = SOUK_JSON_FIELD("price.currency", SOUK_JSON_TEXT, true, 3, 3, money_currency_known),
        [LIMIT] = SOUK_JSON_FIELD("limit_per_customer", SOUK_JSON_INTEGER, false, 0, SALE_UNITS_MOST, NULL),
        [HOLD] = SOUK_JSON_FIELD("hold_ms", SOUK_JSON_INTEGER, false, 1, INT64_C(7) * 24 * 3600 * 1000, NULL),
        [OPENS] = SOUK_JSON_FIELD("opens_at", SOUK_JSON_TEXT, false, 1, 64, NULL),
    };
    struct souk_json_value values[SALE_FIELDS];
    struct sale_open command;
    if (!api_id(call) || !api_body_read(call, fields, SALE_FIELDS, values) || !sale_of(call, values, &command)) return;
    (void)api_ask(call, 0, souk_ref(sale, node_sale_key(call->at->node, call->id)), &sale_open_command, &command,
                  API_WITHIN_MS, opened);
}
