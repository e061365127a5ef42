/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_effect.c -- authorise, capture, cancel and refund at the simulated provider; called by provider_api.c.
 *
 * An effect happens here, once, with its line in the ledger; whether anybody hears of it is not decided here. */
#include "provider_effect.h"

#include <string.h>

static const char *
event_of(const struct provider_answer *answer)
{
    if (answer->refund)
        return "charge.refunded";
    switch (answer->status) {
    case INTENT_REQUIRES_CAPTURE: return "payment_intent.amount_capturable_updated";
    case INTENT_REQUIRES_ACTION: return "payment_intent.requires_action";
    case INTENT_DECLINED: return "payment_intent.payment_failed";
    case INTENT_SUCCEEDED: return "payment_intent.succeeded";
    case INTENT_CANCELED: return "payment_intent.canceled";
    case INTENT_PROCESSING: break;
    }
    return "payment_intent.processing";
}

static void
announce(struct provider_api *api, const struct provider_answer *answer, struct souk_text key)
{
    unsigned times = souk_provider_faults_hit(api->faults, "twice", api->faults->twice, key) ? 2 : 1;
    souk_provider_hook_send(api->hook, answer, event_of(answer), times);
}

/* ---- the operations ---- */

static struct provider_answer
refusal(enum answer_refusal why, const char *detail)
{
    return (struct provider_answer){ .refusal = why, .detail = detail };
}

static struct provider_answer
wrong_state(const struct provider_intent *intent)
{
    struct provider_answer answer = souk_provider_answer_of(intent);
    answer.refusal = ANSWER_STATE;
    return answer;
}

static bool
is_word(const struct souk_text *value, const char *word)
{
    return value != NULL && souk_text_equal(*value, souk_text_of(word));
}

/* Three letters, in lower case. */
static bool
currency_read(const struct souk_text *value, char out[3])
{
    if (value == NULL || value->length != 3)
        return false;
    for (int i = 0; i < 3; i++) {
        out[i] = (char)(value->at[i] | 0x20);
        if (out[i] < 'a' || out[i] > 'z')
            return false;
    }
    return true;
}

/* Why this authorisation is declined; NULL: it isn't. */
static const char *
decline_of(const struct provider_request *request, struct souk_text token)
{
    const struct provider_faults *faults = request->api->faults;
    if (souk_text_equal(token, SOUK_TEXT("tok_insufficient_funds")))
        return "insufficient_funds";
    if (souk_text_equal(token, SOUK_TEXT("tok_declined"))
        || souk_provider_faults_hit(faults, "decline", faults->decline, request->key))
        return "generic_decline";
    return NULL;
}

static struct provider_answer
authorise(struct provider_request *request)
{
    struct provider_api *api = request->api;
    const struct provider_form *form = &request->form;
    const struct souk_text *token = souk_provider_form_get(form, "payment_method");
    const struct souk_text *order = souk_provider_form_get(form, "metadata[order]");
    struct souk_text no_order = SOUK_TEXT("");
    char currency[3];
    int64_t amount;
    const struct souk_text *amount_text = souk_provider_form_get(form, "amount");
    if (!souk_provider_form_integer(amount_text, PROVIDER_AMOUNT_MAX, &amount) || amount == 0)
        return refusal(ANSWER_PARAMETER, "amount must be a positive integer.");
    if (!currency_read(souk_provider_form_get(form, "currency"), currency))
        return refusal(ANSWER_PARAMETER, "currency must be an ISO 4217 code.");
    if (token == NULL || token->length == 0 || token->length > PROVIDER_TOKEN_MAX)
        return refusal(ANSWER_PARAMETER, "payment_method is missing or too long.");
    if (order != NULL && order->length > PROVIDER_ORDER_MAX)
        return refusal(ANSWER_PARAMETER, "metadata[order] is too long.");
    if (!is_word(souk_provider_form_get(form, "confirm"), "true")
        || !is_word(souk_provider_form_get(form, "capture_method"), "manual"))
        return refusal(ANSWER_PARAMETER, "Only confirm=true with capture_method=manual is simulated.");
    struct provider_intent *intent = souk_provider_intent_make(
        api->book, request->key, amount, (struct souk_text){ currency, 3 }, order != NULL ? *order : no_order, *token,
        api->wall_ms);
    if (souk_text_equal(*token, SOUK_TEXT("tok_requires_action"))) {
        intent->status = INTENT_REQUIRES_ACTION;
        return souk_provider_answer_of(intent);
    }
    intent->decline_code = decline_of(request, *token);
    if (intent->decline_code != NULL) {
        intent->status = INTENT_DECLINED;
        souk_provider_ledger(api->book, intent, request->key, "decline", amount, api->wall_ms);
        struct provider_answer answer = souk_provider_answer_of(intent);
        answer.refusal = ANSWER_CARD_DECLINED;
        return answer;
    }
    double late = api->faults->late_ms > 0 ? api->faults->late : 0;
    if (souk_provider_faults_hit(api->faults, "late", late, request->key)) {
        request->late = intent;
        return souk_provider_answer_of(intent);
    }
    intent->status = INTENT_REQUIRES_CAPTURE;
    souk_provider_ledger(api->book, intent, request->key, "authorise", amount, api->wall_ms);
    return souk_provider_answer_of(intent);
}

static struct provider_answer
capture(struct provider_request *request, struct provider_intent *intent)
{
    const struct souk_text *wanted = souk_provider_form_get(&request->form, "amount_to_capture");
    int64_t amount = intent->amount;
    if (wanted != NULL && (!souk_provider_form_integer(wanted, PROVIDER_AMOUNT_MAX, &amount) || amount == 0))
        return refusal(ANSWER_PARAMETER, "amount_to_capture must be a positive integer.");
    if (intent->status != INTENT_REQUIRES_CAPTURE)
        return wrong_state(intent);
    if (amount > intent->amount)
        return refusal(ANSWER_AMOUNT, "More than was authorised cannot be captured.");
    intent->status = INTENT_SUCCEEDED;
    intent->received = amount;
    souk_provider_ledger(request->api->book, intent, request->key, "capture", amount, request->api->wall_ms);
    return souk_provider_answer_of(intent);
}

static struct provider_answer
cancel(struct provider_request *request, struct provider_intent *intent)
{
    if (intent->status == INTENT_SUCCEEDED || intent->status == INTENT_CANCELED
        || intent->status == INTENT_PROCESSING)
        return wrong_state(intent);
    bool authorised = intent->status == INTENT_REQUIRES_CAPTURE;
    intent->status = INTENT_CANCELED;
    if (authorised)
        souk_provider_ledger(request->api->book, intent, request->key, "cancel", intent->amount,
                             request->api->wall_ms);
    return souk_provider_answer_of(intent);
}

static struct provider_answer
refund(struct provider_request *request)
{
    const struct provider_form *form = &request->form;
    const struct souk_text *id = souk_provider_form_get(form, "payment_intent");
    const struct souk_text *wanted = souk_provider_form_get(form, "amount");
    if (id == NULL)
        return refusal(ANSWER_PARAMETER, "payment_intent is missing.");
    struct provider_intent *intent = souk_provider_intent_find(request->api->book, *id);
    if (intent == NULL)
        return refusal(ANSWER_MISSING, NULL);
    int64_t left = intent->received - intent->refunded, amount = left;
    if (wanted != NULL && (!souk_provider_form_integer(wanted, PROVIDER_AMOUNT_MAX, &amount) || amount == 0))
        return refusal(ANSWER_PARAMETER, "amount must be a positive integer.");
    if (intent->status != INTENT_SUCCEEDED)
        return wrong_state(intent);
    if (amount > left || left == 0)
        return refusal(ANSWER_AMOUNT, "More than was captured cannot be refunded.");
    intent->refunded += amount;
    souk_provider_ledger(request->api->book, intent, request->key, "refund", amount, request->api->wall_ms);
    struct provider_answer answer = souk_provider_answer_of(intent);
    answer.refund = true;
    answer.amount = amount;
    answer.serial = (uint32_t)++request->api->book->serial;
    answer.expand_intent = souk_provider_form_expands(form, "payment_intent")
                           || souk_provider_form_expands(form, "payment_intent.latest_charge");
    return answer;
}

/* Does it: what is answered, whether it is kept for the key, and what the webhook is told. */
void
souk_provider_effect(struct provider_request *request, enum provider_operation operation, struct souk_text id)
{
    struct provider_api *api = request->api;
    const struct provider_faults *faults = api->faults;
    struct provider_intent *intent = NULL;
    if ((operation == OP_CAPTURE || operation == OP_CANCEL)
        && (intent = souk_provider_intent_find(api->book, id)) == NULL) {
        request->answer = refusal(ANSWER_MISSING, NULL);
        return;
    }
    if (souk_provider_faults_hit(faults, "error", faults->error, request->key)) {
        request->answer = refusal(ANSWER_BROKEN, NULL);
        return;
    }
    request->answer = operation == OP_AUTHORISE ? authorise(request)
                      : operation == OP_CAPTURE ? capture(request, intent)
                      : operation == OP_CANCEL  ? cancel(request, intent)
                                                : refund(request);
    request->answer.expand_charge = souk_provider_form_expands(&request->form, "latest_charge");
    bool happened = request->answer.refusal == ANSWER_FINE || request->answer.refusal == ANSWER_CARD_DECLINED;
    if (!happened || request->late != NULL)
        return;
    announce(api, &request->answer, request->key);
    if (souk_provider_faults_hit(faults, "error_after_charge", faults->error_after_charge, request->key))
        request->answer = refusal(ANSWER_BROKEN, NULL);
}

struct provider_answer
souk_provider_effect_late(struct provider_api *api, struct provider_intent *intent, struct souk_text key,
                          bool expand_charge)
{
    intent->status = INTENT_REQUIRES_CAPTURE;
    souk_provider_ledger(api->book, intent, key, "authorise", intent->amount, api->wall_ms);
    struct provider_answer answer = souk_provider_answer_of(intent);
    answer.expand_charge = expand_charge;
    announce(api, &answer, key);
    return answer;
}
