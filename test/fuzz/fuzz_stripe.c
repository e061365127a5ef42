/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_stripe.c -- what is said between the payment port and its provider: requests from records, answers
 * and events in JSON, signatures, and the forms that the simulated provider reads. What goes into a request is
 * printable and bounded, an answer is understood or proves nothing, and only who knows the secret signs.
 *
 * An input is a byte that says what it is, one for what goes with it, and the bytes. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "souk/provider_form.h"
#include "souk/stripe.h"

static souk_json_reader *reader;

static bool
is_printable(const char *text, size_t room)
{
    size_t length = strnlen(text, room);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~') return false;
    return length < room;
}

static void
check_ask(const struct stripe_ask *ask)
{
    souk_assert(is_printable(ask->path, sizeof ask->path) && is_printable(ask->body, sizeof ask->body));
    souk_assert(!strncmp(ask->path, "/v1/", 4) && is_printable(ask->order, sizeof ask->order));
}

static bool
is_text(struct souk_text text)
{
    return text.at && text.length <= STRIPE_TEXT_MAX && souk_json_utf8(text) &&
           (!text.length || !memchr(text.at, 0, text.length));
}

static void
read_event(struct souk_text body)
{
    static const struct souk_text secret = { "whsec_test", 10 };
    enum { NOW_S = 1800000000 };
    struct souk_stripe_event event;
    uint8_t mac[32];
    char header[128];
    struct souk_bytes parts[2] = { { "1800000000.", 11 }, { body.at, body.length } };
    souk_hmac_sha256(secret.at, secret.length, parts, 2, mac);
    int length = snprintf(header, sizeof header, "t=%d,v1=", NOW_S);
    for (size_t i = 0; i < sizeof mac; i++)
        length += snprintf(header + length, sizeof header - (size_t)length, "%02x", mac[i]);
    struct souk_text signature = { header, (size_t)length };
    souk_err err = souk_stripe_webhook(reader, signature, body, secret, NOW_S, &event);
    souk_assert(!err || err == SOUK_ERR_MALFORMED || err == SOUK_ERR_MISSING);
    if (!err) {
        souk_assert(is_text(event.id) && is_text(event.type) && is_text(event.intent) && is_text(event.order));
        souk_assert(is_text(event.decline_code) && event.status >= 1 && event.status <= PROVIDER_UNKNOWN);
        souk_assert(event.amount >= 0 && event.amount_received >= 0 && event.amount_refunded >= 0);
    }
    header[length - 1] = header[length - 1] == '0' ? '1' : '0';
    souk_assert(souk_stripe_webhook(reader, signature, body, secret, NOW_S, &event) == SOUK_ERR_DENIED);
    souk_assert(souk_stripe_webhook(reader, signature, body, secret, NOW_S + 301, &event) == SOUK_ERR_DENIED);
}

/* One conversation: the answers are the bytes, cut at zeros. */
static void
hear(uint8_t how, struct souk_text bodies)
{
    static const unsigned statuses[] = { 200, 402, 400, 404, 409, 429, 500, 302 };
    struct stripe_ask ask = { .step = how % 3, .retrieve = how % 3, .refund = how % 3 == 0 && (how & 8),
                              .order = "a1" };
    struct stripe_word *word = malloc(sizeof *word); /* Its texts lie in it. */
    souk_assert(word);
    snprintf(ask.path, sizeof ask.path, "/v1/payment_intents");
    for (int round = 0; round < 12; round++) {
        const char *end = bodies.length ? memchr(bodies.at, 0, bodies.length) : NULL;
        size_t length = end ? (size_t)(end - bodies.at) : bodies.length;
        char *copy = fuzz_copy(bodies.at, length);
        struct stripe_answer answer = { .status = statuses[how >> 4 & 7], .body = { copy, length },
                                        .search_is_immediate = how & 4 };
        souk_stripe_hear(reader, &ask, &answer, word);
        free(copy); /* Nothing may borrow from it. */
        check_ask(&ask);
        souk_assert(word->ending == SOUK_DONE || word->ending == SOUK_REFUSED || word->ending == SOUK_DEAD);
        souk_assert(is_text(word->result.intent) && word->result.status <= PROVIDER_UNKNOWN);
        souk_assert(!word->result.has_decline_code || is_text(word->result.decline_code));
        if (!word->again) break;
        souk_assert(round < 8); /* A conversation ends. */
        bodies.at += end ? length + 1 : 0;
        bodies.length -= end ? length + 1 : 0;
    }
    free(word);
}

static void
make_request(uint8_t which, struct souk_bytes record)
{
    static const char *const operations[] = { "provider_authorise", "provider_capture", "provider_cancel",
                                              "provider_refund", "provider_retrieve" };
    struct stripe_ask ask;
    if (souk_stripe_ask(souk_text_of(operations[which % 5]), record, &ask)) check_ask(&ask);
}

static void
read_form(struct souk_text text)
{
    struct provider_form *form = malloc(sizeof *form);
    int64_t number;
    souk_assert(form);
    bool good = souk_provider_form_read(form, text);
    souk_assert(form->count <= PROVIDER_FORM_PAIRS);
    for (size_t i = 0; good && i < form->count; i++) {
        struct souk_text name = form->pairs[i].name, value = form->pairs[i].value;
        souk_assert(name.length && name.length <= text.length && value.length <= text.length);
        souk_assert(!memchr(name.at, 0, name.length) && (!value.length || !memchr(value.at, 0, value.length)));
        if (souk_provider_form_integer(&value, 1000, &number)) souk_assert(number >= 0 && number <= 1000);
    }
    if (good) souk_provider_form_expands(form, "latest_charge");
    free(form);
}

void
fuzz_stripe(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    struct souk_stripe_event event;
    if (!reader) reader = souk_json_reader_open();
    souk_assert(reader);
    uint8_t what = fuzz_byte(&in), how = fuzz_byte(&in);
    char *copy = fuzz_copy(in.at, in.left);
    struct souk_text text = { copy, in.left };
    switch (what % 5) {
    case 0: read_event(text); break;
    case 1: hear(how, text); break;
    case 2: make_request(how, (struct souk_bytes){ copy, in.left }); break;
    case 3: read_form(text); break;
    default: /* A header that nobody has signed. */
        souk_assert(souk_stripe_webhook(reader, text, SOUK_TEXT("{}"), SOUK_TEXT("secret"), 1492774577, &event) ==
                    SOUK_ERR_DENIED);
    }
    free(copy);
}

FUZZ_ENTRY(stripe)
