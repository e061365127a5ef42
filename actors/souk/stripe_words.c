/* SPDX-License-Identifier: Apache-2.0 */
/* souk/stripe_words.c -- between the payment port's records and Stripe's forms and JSON; called by stripe.c.
 *
 * What isn't Stripe's own answer, in full, proves nothing: it is unknown, never a no. */
#include "stripe_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LIST_PAGES_MAX = 5 };

/* ---- requests ---- */

/* A form or a path being written. */
struct form { char *at; size_t length, capacity; bool failed; };

static void SOUK_PRINTF(2, 3)
add(struct form *form, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(form->at + form->length, form->capacity - form->length, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= form->capacity - form->length)
        form->failed = true;
    else
        form->length += (size_t)length;
}

/* Percent-encodes what isn't unreserved (RFC 3986). */
static void
add_text(struct form *form, struct souk_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_'
                     || c == '.' || c == '~';
        add(form, plain ? "%c" : "%%%02X", c);
    }
}

/* An id that may stand in a path or between quotation marks. */
static bool
is_id(struct souk_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-'))
            return false;
    }
    return text.length > 0 && text.length <= STRIPE_TEXT_MAX;
}

static bool
is_currency(struct souk_text text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((text.at[i] | 0x20) < 'a' || (text.at[i] | 0x20) > 'z')
            return false;
    return text.length == 3;
}

static bool
ask_authorise(const struct provider_authorise *m, struct form *path, struct form *body)
{
    if (!is_id(m->order) || m->amount <= 0 || !is_currency(m->currency) || m->token.length == 0
        || m->token.length > STRIPE_TEXT_MAX)
        return false;
    add(path, "/v1/payment_intents");
    add(body, "amount=%" PRId64 "&currency=", m->amount);
    for (int i = 0; i < 3; i++)
        add(body, "%c", m->currency.at[i] | 0x20);
    add(body, "&payment_method=");
    add_text(body, m->token);
    add(body, "&payment_method_types[0]=card&confirm=true&capture_method=manual&metadata[order]=");
    add_text(body, m->order);
    add(body, "&expand[0]=latest_charge");
    return true;
}

static bool
ask_of_intent(struct souk_text intent, const char *what, struct form *path)
{
    add(path, "/v1/payment_intents/");
    add_text(path, intent);
    add(path, "%s", what);
    return is_id(intent);
}

static bool
ask_retrieve(const struct provider_retrieve *m, struct stripe_ask *ask, struct form *path)
{
    ask->retrieve = true;
    ask->post = false;
    if (m->has_intent && m->intent.length > 0)
        return ask_of_intent(m->intent, "?expand[0]=latest_charge", path);
    if (!is_id(m->order))
        return false;
    ask->step = STRIPE_SEARCH;
    memcpy(ask->order, m->order.at, m->order.length);
    ask->order[m->order.length] = '\0';
    add(path, "/v1/payment_intents/search?query=metadata%%5B%%27order%%27%%5D%%3A%%27");
    add_text(path, m->order);
    add(path, "%%27");
    return true;
}

bool
souk_stripe_ask(struct souk_text operation, struct souk_bytes record, struct stripe_ask *ask)
{
    struct souk_scratch none = { NULL, NULL };
    struct souk_reader in = { .at = record.at, .end = (const uint8_t *)record.at + record.length, .scratch = &none };
    struct form path = { ask->path, 0, sizeof ask->path, false }, body = { ask->body, 0, sizeof ask->body, false };
    bool ok = false;
    *ask = (struct stripe_ask){ .post = true };
    if (souk_text_equal(operation, SOUK_TEXT("provider_authorise"))) {
        struct provider_authorise m;
        ok = souk_get_provider_authorise(&in, &m) && ask_authorise(&m, &path, &body);
    } else if (souk_text_equal(operation, SOUK_TEXT("provider_capture"))) {
        struct provider_capture m;
        ok = souk_get_provider_capture(&in, &m) && m.amount > 0 && ask_of_intent(m.intent, "/capture", &path);
        if (ok)
            add(&body, "amount_to_capture=%" PRId64 "&expand[0]=latest_charge", m.amount);
    } else if (souk_text_equal(operation, SOUK_TEXT("provider_cancel"))) {
        struct provider_cancel m;
        ok = souk_get_provider_cancel(&in, &m) && ask_of_intent(m.intent, "/cancel", &path);
        add(&body, "expand[0]=latest_charge");
    } else if (souk_text_equal(operation, SOUK_TEXT("provider_refund"))) {
        struct provider_refund m;
        ok = souk_get_provider_refund(&in, &m) && m.amount > 0 && is_id(m.intent);
        ask->refund = true;
        add(&path, "/v1/refunds");
        if (ok) {
            add(&body, "payment_intent=");
            add_text(&body, m.intent);
            add(&body, "&amount=%" PRId64 "&expand[0]=payment_intent.latest_charge", m.amount);
        }
    } else if (souk_text_equal(operation, SOUK_TEXT("provider_retrieve"))) {
        struct provider_retrieve m;
        ok = souk_get_provider_retrieve(&in, &m) && ask_retrieve(&m, ask, &path);
    }
    return ok && !path.failed && !body.failed;
}

void
souk_stripe_key(souk_key key, char out[STRIPE_KEY_HEX])
{
    snprintf(out, STRIPE_KEY_HEX, "%016" PRIx64 "%016" PRIx64, key.high, key.low);
}

/* ---- answers ---- */

enum { ID, STATUS, AMOUNT, RECEIVED, DECLINE_CODE, ERROR_CODE, ORDER, REFUNDED, INTENT_FIELDS };

#define TEXT_FIELD(path, required) SOUK_JSON_FIELD(path, SOUK_JSON_TEXT, required, 0, STRIPE_TEXT_MAX, NULL)
#define MONEY_FIELD(path, required) SOUK_JSON_FIELD(path, SOUK_JSON_INTEGER, required, 0, INT64_MAX, NULL)

/* An intent that stands at `prefix`; its charge is read only where it was asked for in full. */
#define SHORT_INTENT(prefix)                                                                                     \
    [ID] = TEXT_FIELD(prefix "id", true), [STATUS] = TEXT_FIELD(prefix "status", true),                          \
    [AMOUNT] = MONEY_FIELD(prefix "amount", true), [RECEIVED] = MONEY_FIELD(prefix "amount_received", false),    \
    [DECLINE_CODE] = TEXT_FIELD(prefix "last_payment_error.decline_code", false),                                \
    [ERROR_CODE] = TEXT_FIELD(prefix "last_payment_error.code", false),                                          \
    [ORDER] = TEXT_FIELD(prefix "metadata.order", false)

static const struct souk_json_field intent_short[] = { SHORT_INTENT("") };
static const struct souk_json_field intent_whole[] = {
    SHORT_INTENT(""), [REFUNDED] = MONEY_FIELD("latest_charge.amount_refunded", false)
};
static const struct souk_json_field intent_of_refund[] = {
    SHORT_INTENT("payment_intent."), [REFUNDED] = MONEY_FIELD("payment_intent.latest_charge.amount_refunded", false)
};

enum { WHY_TYPE, WHY_CODE, WHY_DECLINE_CODE, WHY_INTENT, WHY_AMOUNT, WHY_FIELDS };
static const struct souk_json_field error_fields[] = {
    [WHY_TYPE] = TEXT_FIELD("error.type", true), [WHY_CODE] = TEXT_FIELD("error.code", false),
    [WHY_DECLINE_CODE] = TEXT_FIELD("error.decline_code", false),
    [WHY_INTENT] = TEXT_FIELD("error.payment_intent.id", false),
    [WHY_AMOUNT] = MONEY_FIELD("error.payment_intent.amount", false)
};
static const struct souk_json_field list_fields[] = {
    SOUK_JSON_FIELD("data", SOUK_JSON_ARRAY, true, 0, 0, NULL),
    SOUK_JSON_FIELD("has_more", SOUK_JSON_BOOLEAN, false, 0, 0, NULL)
};

static uint32_t
status_of(struct souk_text word)
{
    static const struct { const char *word; uint32_t status; } known[] = {
        { "requires_capture", PROVIDER_REQUIRES_CAPTURE }, { "succeeded", PROVIDER_SUCCEEDED },
        { "canceled", PROVIDER_CANCELED }, { "requires_action", PROVIDER_REQUIRES_ACTION },
        { "requires_payment_method", PROVIDER_DECLINED }, { "processing", PROVIDER_PROCESSING }
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (souk_text_equal(word, souk_text_of(known[i].word)))
            return known[i].status;
    return PROVIDER_UNKNOWN;
}

/* Copies a value, for it borrows from the answer. */
static struct souk_text
keep(char out[STRIPE_TEXT_MAX + 1], const struct souk_json_value *value)
{
    size_t length = value->present ? value->text.length : 0;
    if (length > 0)
        memcpy(out, value->text.at, length);
    out[length] = '\0';
    return (struct souk_text){ out, length };
}

static void
decline_code_set(struct stripe_word *word, const struct souk_json_value *code, const struct souk_json_value *other)
{
    word->result.decline_code = keep(word->decline_code, code->present ? code : other);
    word->result.has_decline_code = word->result.decline_code.length > 0;
}

static void
hear_intent(souk_json_reader *reader, const struct stripe_ask *ask, struct souk_text body, struct stripe_word *word)
{
    struct souk_json_value values[INTENT_FIELDS];
    struct souk_json_fault fault;
    const struct souk_json_field *fields = ask->refund ? intent_of_refund : intent_whole;
    if (souk_json_read(reader, body, SOUK_JSON_OPEN, fields, INTENT_FIELDS, values, &fault) != SOUK_OK)
        return;
    word->ending = SOUK_DONE;
    word->result.intent = keep(word->intent, &values[ID]);
    word->result.status = status_of(values[STATUS].text);
    word->result.amount = values[AMOUNT].integer;
    word->result.amount_received = values[RECEIVED].integer;
    word->result.amount_refunded = values[REFUNDED].integer;
    if (word->result.status == PROVIDER_DECLINED)
        decline_code_set(word, &values[DECLINE_CODE], &values[ERROR_CODE]);
}

static void
missing(struct stripe_word *word, uint32_t status)
{
    word->ending = SOUK_DONE;
    word->result = (struct provider_result){ .intent = SOUK_TEXT(""), .status = status };
}

/* Of several intents of an order the one that matters most: where money moved, then where it may. */
static int
weight(uint32_t status)
{
    switch (status) {
    case PROVIDER_SUCCEEDED: return 6;
    case PROVIDER_REQUIRES_CAPTURE: return 5;
    case PROVIDER_PROCESSING: return 4;
    case PROVIDER_UNKNOWN: return 3;
    case PROVIDER_REQUIRES_ACTION: return 2;
    default: return 1;
    }
}

/* Looks for the order's intent in a search's or a list's answer; what is found is then asked for in full. */
static void
hear_list(souk_json_reader *reader, struct stripe_ask *ask, const struct stripe_answer *answer,
          struct stripe_word *word)
{
    struct souk_json_value values[INTENT_FIELDS];
    struct souk_json_fault fault;
    if (souk_json_read(reader, answer->body, SOUK_JSON_OPEN, list_fields, 2, values, &fault) != SOUK_OK)
        return;
    struct souk_text array = values[0].text, element;
    bool more = values[1].boolean;
    char best[STRIPE_TEXT_MAX + 1] = "", last[STRIPE_TEXT_MAX + 1] = "";
    int best_weight = 0;
    while (souk_json_next(&array, &element)) {
        if (souk_json_read(reader, element, SOUK_JSON_OPEN, intent_short, REFUNDED, values, &fault) != SOUK_OK
            || !is_id(values[ID].text))
            return;
        (void)keep(last, &values[ID]);
        if (!values[ORDER].present || !souk_text_equal(values[ORDER].text, souk_text_of(ask->order)))
            continue;
        int heavy = weight(status_of(values[STATUS].text));
        if (heavy > best_weight) {
            best_weight = heavy;
            (void)keep(best, &values[ID]);
        }
    }
    struct form path = { ask->path, 0, sizeof ask->path, false };
    word->again = true;
    if (best_weight > 0) {
        ask->step = STRIPE_ONE;
        add(&path, "/v1/payment_intents/%s?expand[0]=latest_charge", best);
    } else if (ask->step == STRIPE_SEARCH && !answer->search_is_immediate) {
        ask->step = STRIPE_LIST;
        add(&path, "/v1/payment_intents?limit=100");
    } else if (ask->step == STRIPE_LIST && more && last[0] != '\0' && ++ask->pages < LIST_PAGES_MAX) {
        add(&path, "/v1/payment_intents?limit=100&starting_after=%s", last);
    } else {
        word->again = false; /* A list that wasn't read to its end proves nothing. */
        missing(word, ask->step == STRIPE_LIST && more ? PROVIDER_UNKNOWN : PROVIDER_MISSING);
    }
}

/* A refusal in Stripe's own words. */
static void
hear_error(souk_json_reader *reader, struct stripe_ask *ask, const struct stripe_answer *answer,
           struct stripe_word *word)
{
    struct souk_json_value values[WHY_FIELDS];
    struct souk_json_fault fault;
    unsigned status = answer->status;
    if (status != 400 && status != 402 && status != 404 && status != 405 && status != 413 && status != 422)
        return;
    if (souk_json_read(reader, answer->body, SOUK_JSON_OPEN, error_fields, WHY_FIELDS, values, &fault) != SOUK_OK)
        return;
    struct souk_text type = values[WHY_TYPE].text, code = values[WHY_CODE].text;
    if (souk_text_equal(type, SOUK_TEXT("idempotency_error")))
        return; /* The key's first request may have had an effect. */
    if (status == 402) {
        word->ending = SOUK_DONE;
        word->result.status = PROVIDER_DECLINED;
        word->result.intent = keep(word->intent, &values[WHY_INTENT]);
        word->result.amount = values[WHY_AMOUNT].integer;
        decline_code_set(word, &values[WHY_DECLINE_CODE], &values[WHY_CODE]);
    } else if (ask->retrieve && ask->step == STRIPE_SEARCH) { /* Not every account has the search. */
        struct form path = { ask->path, 0, sizeof ask->path, false };
        ask->step = STRIPE_LIST;
        word->again = true;
        add(&path, "/v1/payment_intents?limit=100");
    } else if (ask->retrieve) {
        if (status == 404 && values[WHY_CODE].present && souk_text_equal(code, SOUK_TEXT("resource_missing")))
            missing(word, PROVIDER_MISSING);
    } else {
        word->ending = SOUK_REFUSED;
        word->refusal = payment_invalid;
    }
}

void
souk_stripe_hear(souk_json_reader *reader, struct stripe_ask *ask, const struct stripe_answer *answer,
                 struct stripe_word *word)
{
    *word = (struct stripe_word){ .ending = SOUK_DEAD };
    word->result.intent = SOUK_TEXT("");
    if (answer->fault != SOUK_OK)
        return;
    if (answer->status < 200 || answer->status > 299)
        hear_error(reader, ask, answer, word);
    else if (ask->step != STRIPE_ONE)
        hear_list(reader, ask, answer, word);
    else
        hear_intent(reader, ask, answer->body, word);
}

/* ---- events ---- */

enum { EVENT_ID, EVENT_TYPE, EVENT_FIELDS };
static const struct souk_json_field event_fields[] = { [EVENT_ID] = TEXT_FIELD("id", true),
                                                       [EVENT_TYPE] = TEXT_FIELD("type", true) };
enum { CHARGE_ID, CHARGE_TYPE, CHARGE_INTENT, CHARGE_AMOUNT, CHARGE_CAPTURED, CHARGE_REFUNDED, CHARGE_ORDER,
       CHARGE_FIELDS };
static const struct souk_json_field charge_fields[] = {
    [CHARGE_ID] = TEXT_FIELD("id", true), [CHARGE_TYPE] = TEXT_FIELD("type", true),
    [CHARGE_INTENT] = TEXT_FIELD("data.object.payment_intent", false),
    [CHARGE_AMOUNT] = MONEY_FIELD("data.object.amount", true),
    [CHARGE_CAPTURED] = MONEY_FIELD("data.object.amount_captured", false),
    [CHARGE_REFUNDED] = MONEY_FIELD("data.object.amount_refunded", false),
    [CHARGE_ORDER] = TEXT_FIELD("data.object.metadata.order", false)
};
enum { MOVED_ID = REFUNDED, MOVED_TYPE, MOVED_FIELDS };
static const struct souk_json_field moved_fields[] = {
    SHORT_INTENT("data.object."), [MOVED_ID] = TEXT_FIELD("id", true), [MOVED_TYPE] = TEXT_FIELD("type", true)
};

static struct souk_text
text_or_none(const struct souk_json_value *value)
{
    return value->present ? value->text : SOUK_TEXT("");
}

static souk_err
charge_read(const struct souk_json_value *values, struct souk_stripe_event *event)
{
    *event = (struct souk_stripe_event){
        .id = values[CHARGE_ID].text, .type = values[CHARGE_TYPE].text, .intent = values[CHARGE_INTENT].text,
        .order = text_or_none(&values[CHARGE_ORDER]), .status = PROVIDER_SUCCEEDED,
        .amount = values[CHARGE_AMOUNT].integer, .amount_received = values[CHARGE_CAPTURED].integer,
        .amount_refunded = values[CHARGE_REFUNDED].integer, .decline_code = SOUK_TEXT("")
    };
    return values[CHARGE_INTENT].present ? SOUK_OK : SOUK_ERR_MISSING;
}

static void
moved_read(const struct souk_json_value *values, struct souk_stripe_event *event)
{
    *event = (struct souk_stripe_event){
        .id = values[MOVED_ID].text, .type = values[MOVED_TYPE].text, .intent = values[ID].text,
        .order = text_or_none(&values[ORDER]), .status = status_of(values[STATUS].text),
        .amount = values[AMOUNT].integer, .amount_received = values[RECEIVED].integer,
        .decline_code = text_or_none(&values[values[DECLINE_CODE].present ? DECLINE_CODE : ERROR_CODE])
    };
}

souk_err
souk_stripe_event_read(souk_json_reader *reader, struct souk_text body, struct souk_stripe_event *event)
{
    struct souk_json_value values[SOUK_JSON_FIELDS_MAX];
    struct souk_json_fault fault;
    if (souk_json_read(reader, body, SOUK_JSON_OPEN, event_fields, EVENT_FIELDS, values, &fault) != SOUK_OK)
        return SOUK_ERR_MALFORMED;
    struct souk_text type = values[EVENT_TYPE].text;
    const struct souk_text moved = SOUK_TEXT("payment_intent.");
    if (souk_text_equal(type, SOUK_TEXT("charge.refunded"))) {
        if (souk_json_read(reader, body, SOUK_JSON_OPEN, charge_fields, CHARGE_FIELDS, values, &fault) != SOUK_OK)
            return SOUK_ERR_MALFORMED;
        return charge_read(values, event);
    }
    if (type.length <= moved.length || memcmp(type.at, moved.at, moved.length) != 0)
        return SOUK_ERR_MISSING;
    if (souk_json_read(reader, body, SOUK_JSON_OPEN, moved_fields, MOVED_FIELDS, values, &fault) != SOUK_OK)
        return SOUK_ERR_MALFORMED;
    moved_read(values, event);
    return SOUK_OK;
}
