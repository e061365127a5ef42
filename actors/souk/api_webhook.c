/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_webhook.c -- what the payment provider tells us on its own: checked, and passed to the order's payment,
 * which treats it like any other answer. The provider is told 200 when that is durable; else it comes again. */
#include "api_inside.h"

static void
thank(struct api_call *call)
{
    souk_json_writer *writer = api_writer(call);
    call->at->counts.webhooks++;
    souk_json_object_open(writer);
    souk_json_put_bool(writer, "received", true);
    souk_json_object_close(writer);
    api_answer(call, 200, NULL, false);
}

/* A payment that doesn't know the intent won't know it the next time either. */
static void
notified(struct api_call *call, const struct souk_reply *reply)
{
    bool ours_to_refuse = reply->ending == SOUK_REFUSED
                          && (reply->refusal == payment_unknown || reply->refusal == payment_invalid);
    if (ours_to_refuse || api_read(call, reply, NULL, NULL)) thank(call);
}

void
api_webhook_post(struct api_call *call)
{
    struct souk_text secret = call->at->api->options.webhook_secret, header;
    struct souk_stripe_event event;
    souk_key order;
    if (secret.length == 0) {
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "no webhook secret is configured", NULL, 0);
        return;
    }
    bool one = souk_http_header(call->exchange, SOUK_TEXT("stripe-signature"), &header) == 1;
    souk_err err = one ? souk_stripe_webhook(call->at->reader, header, call->exchange->body, secret,
                                             api_wall_ms() / 1000, &event)
                       : SOUK_ERR_DENIED;
    if (err == SOUK_ERR_MISSING || (!err && !address_read_name(event.order, &order))) {
        thank(call);
        return;
    }
    if (err) {
        call->at->counts.webhooks_bad++;
        api_problem(call, SOUK_PROBLEM_BAD_REQUEST, err == SOUK_ERR_DENIED ? "the signature is missing or doesn't fit"
                                                                            : "the event can't be understood", NULL, 0);
        return;
    }
    const struct payment_notify command = {
        .intent = event.intent, .status = event.status, .amount = event.amount,
        .amount_received = event.amount_received, .amount_refunded = event.amount_refunded,
        .decline_code = event.decline_code,
        .has_decline_code = event.decline_code.length > 0,
    };
    (void)api_ask(call, 0, souk_ref(payment, order), &payment_notify_command, &command, API_WITHIN_MS, notified);
}
