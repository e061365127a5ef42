/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_body.c -- how the gateway shows sales, orders and accounts as JSON. Nothing but the view goes into a body,
 * so that what never changes is shown with the same bytes for ever. */
#include "api_inside.h"

#include "base/clocktext.h"

void
api_write_money(souk_json_writer *writer, const char *name, int64_t amount, struct souk_text currency)
{
    souk_json_key(writer, name);
    if (currency.length == 0) {
        souk_json_null(writer);
        return;
    }
    souk_json_object_open(writer);
    souk_json_put_i64(writer, "amount", amount);
    souk_json_put_text(writer, "currency", currency);
    souk_json_object_close(writer);
}

void
api_write_name(souk_json_writer *writer, const char *name, souk_key key)
{
    char digits[ADDRESS_NAME_LENGTH];
    address_write_name(key, digits);
    souk_json_put_text(writer, name, (struct souk_text){ digits, sizeof digits });
}

void
api_write_time(souk_json_writer *writer, const char *name, uint64_t at_ms)
{
    char room[SOUK_CLOCK_TEXT_BYTES];
    souk_json_put_text(writer, name, souk_clock_format(at_ms, room));
}

void
api_write_order(souk_json_writer *writer, const struct order_view *view, bool history)
{
    souk_json_object_open(writer);
    api_write_name(writer, "order", view->order);
    souk_json_put_text(writer, "state", souk_text_of(order_state_name(view->state)));
    if (view->reason != ORDER_NO_REASON)
        souk_json_put_text(writer, "reason", souk_text_of(order_reason_name(view->reason)));
    souk_json_put_text(writer, "sale", view->sale);
    souk_json_put_text(writer, "customer", view->customer);
    souk_json_put_u64(writer, "units", view->units);
    api_write_money(writer, "price", view->price, view->currency);
    api_write_money(writer, "total", view->total, view->currency);
    if (view->number) souk_json_put_u64(writer, "number", view->number);
    souk_json_key(writer, "payment");
    souk_json_object_open(writer);
    souk_json_put_text(writer, "method", view->method == ORDER_CARD ? SOUK_TEXT("card") : SOUK_TEXT("credit"));
    souk_json_object_close(writer);
    api_write_time(writer, "placed_at", view->at_ms);
    if (history) {
        souk_json_key(writer, "history");
        souk_json_array_open(writer);
        for (uint32_t i = 0; i < view->history.count; i++) {
            souk_json_object_open(writer);
            souk_json_put_text(writer, "event", souk_text_of(order_happening_name(view->history.at[i].happening)));
            api_write_time(writer, "at", view->history.at[i].at_ms);
            souk_json_object_close(writer);
        }
        souk_json_array_close(writer);
    }
    souk_json_object_close(writer);
}

void
api_write_sale(souk_json_writer *writer, const struct sale_view *sale, const struct stock_view *stock)
{
    const char *state = sale->state == SALE_CLOSED      ? "closed"
                        : sale->state == SALE_ANNOUNCED ? "announced"
                        : stock->free == 0              ? "sold_out"
                                                        : "open";
    souk_json_object_open(writer);
    souk_json_put_text(writer, "sale", sale->sale);
    souk_json_put_text(writer, "sku", sale->sku);
    souk_json_put_text(writer, "state", souk_text_of(state));
    souk_json_put_u64(writer, "units", stock->units);
    souk_json_put_u64(writer, "free", stock->free);
    souk_json_put_u64(writer, "held", stock->held);
    souk_json_put_u64(writer, "sold", stock->sold);
    api_write_money(writer, "price", sale->price, sale->currency);
    souk_json_put_u64(writer, "limit_per_customer", sale->limit_per_customer);
    souk_json_put_u64(writer, "hold_ms", sale->hold_ms);
    api_write_time(writer, "opens_at", sale->opens_at_ms);
    souk_json_object_close(writer);
}

void
api_write_account(souk_json_writer *writer, const struct account_view *view)
{
    souk_json_object_open(writer);
    souk_json_put_text(writer, "customer", view->customer);
    souk_json_key(writer, "balances");
    souk_json_array_open(writer);
    for (uint32_t i = 0; i < view->balances.count; i++) {
        souk_json_object_open(writer);
        souk_json_put_i64(writer, "amount", view->balances.at[i].amount);
        souk_json_put_text(writer, "currency", view->balances.at[i].currency);
        souk_json_object_close(writer);
    }
    souk_json_array_close(writer);
    souk_json_key(writer, "postings");
    souk_json_array_open(writer);
    for (uint32_t i = 0; i < view->postings.count; i++) {
        souk_json_object_open(writer);
        api_write_name(writer, "posting", view->postings.at[i].posting);
        api_write_money(writer, "amount", view->postings.at[i].amount, view->postings.at[i].currency);
        souk_json_object_close(writer);
    }
    souk_json_array_close(writer);
    souk_json_object_close(writer);
}

enum souk_problem
api_reason_problem(uint32_t reason, const char **detail)
{
    static const struct { enum souk_problem problem; const char *detail; } words[ORDER_REASONS] = {
        [ORDER_NO_REASON] = { SOUK_PROBLEM_INTERNAL, "the order was cancelled without a reason" },
        [ORDER_SOLD_OUT] = { SOUK_PROBLEM_SOLD_OUT, "there are not enough units left" },
        [ORDER_LIMIT] = { SOUK_PROBLEM_LIMIT, "it would be more than the sale's limit for one customer" },
        [ORDER_NOT_OPEN] = { SOUK_PROBLEM_NOT_OPEN, "the sale had not opened when the order was placed" },
        [ORDER_SALE_CLOSED] = { SOUK_PROBLEM_NOT_OPEN, "the sale is closed" },
        [ORDER_SALE_UNKNOWN] = { SOUK_PROBLEM_NOT_FOUND, "there was no such sale when the order was placed" },
        [ORDER_DECLINED] = { SOUK_PROBLEM_PAYMENT_DECLINED, "the payment provider declined the payment" },
        [ORDER_INSUFFICIENT] = { SOUK_PROBLEM_INSUFFICIENT_CREDIT, "the customer's credit is less than the total" },
        [ORDER_UNAVAILABLE] = { SOUK_PROBLEM_PAYMENT_DECLINED, "the payment provider gave no definite answer in time" },
        [ORDER_EXPIRED] = { SOUK_PROBLEM_SOLD_OUT, "the units were held too long, and no others are left" },
        [ORDER_BUSY] = { SOUK_PROBLEM_OVERLOADED, "no answer came in time; nothing was paid" },
        [ORDER_CAPTURE_FAILED] = { SOUK_PROBLEM_PAYMENT_DECLINED, "the payment provider did not pay out the amount" },
        [ORDER_UNCLEAR] = { SOUK_PROBLEM_INTERNAL, "the order could not be carried out" },
    };
    if (reason >= ORDER_REASONS) reason = ORDER_NO_REASON;
    *detail = words[reason].detail;
    return words[reason].problem;
}
