/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_account.c -- customers' accounts: giving store credit, and looking. */
#include "api_inside.h"
#include "money.h"

static void
credited(struct api_call *call, const struct souk_reply *reply)
{
    struct account_receipt receipt;
    if (!api_read(call, reply, souk_layout_of_account_receipt, &receipt)) return;
    call->at->counts.credits++;
    souk_json_writer *writer = api_writer(call);
    souk_json_object_open(writer);
    souk_json_put_text(writer, "customer", call->id);
    api_write_money(writer, "balance", receipt.balance, receipt.currency);
    api_write_name(writer, "posting", receipt.posting);
    souk_json_object_close(writer);
    api_answer(call, 201, NULL, false);
}

void
api_credit_post(struct api_call *call)
{
    enum { AMOUNT, CURRENCY, FIELDS };
    static const struct souk_json_field fields[FIELDS] = {
        [AMOUNT] = SOUK_JSON_FIELD("amount.amount", SOUK_JSON_INTEGER, true, 1, MONEY_MAX, NULL),
        [CURRENCY] = SOUK_JSON_FIELD("amount.currency", SOUK_JSON_TEXT, true, 3, 3, money_currency_known),
    };
    struct souk_json_value values[FIELDS];
    struct souk_text key;
    if (!api_id(call) || !api_key(call, &key) || !api_body_read(call, fields, FIELDS, values)) return;
    const struct account_top_up command = {
        .customer = call->id, .key = key, .amount = values[AMOUNT].integer, .currency = values[CURRENCY].text,
    };
    (void)api_ask(call, 0, souk_ref(account, node_account_key(call->at->node, call->id)), &account_top_up_command,
                  &command, API_WITHIN_MS, credited);
}

static void
shown(struct api_call *call, const struct souk_reply *reply)
{
    struct account_view view;
    if (!api_read(call, reply, souk_layout_of_account_view, &view)) return;
    api_write_account(api_writer(call), &view);
    api_answer(call, 200, NULL, false);
}

void
api_account_get(struct api_call *call)
{
    static const struct account_show question;
    if (!api_id(call)) return;
    (void)api_ask(call, 0, souk_ref(account, node_account_key(call->at->node, call->id)), &account_show_query,
                  &question, API_WITHIN_MS, shown);
}
