/* SPDX-License-Identifier: Apache-2.0 */
/* test_provider_stripe.c -- the payment driver's words: calls into requests, answers into outcomes, signed webhooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "souk/stripe.h"

static souk_json_reader *reader;
static struct stripe_ask ask;
static struct stripe_word word;
static uint8_t record[1024];

static int
set_up(void **state)
{
    (void)state;
    reader = souk_json_reader_open();
    return reader == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    souk_json_reader_close(&reader);
    return 0;
}

/* The request for a record. */
#define ASK(operation, ...)                                                                     \
    (end = souk_put_##operation(record, &(struct operation){ __VA_ARGS__ }),                    \
     souk_stripe_ask(SOUK_TEXT(#operation), (struct souk_bytes){ record, (size_t)(end - record) }, &ask))

static void
hear(unsigned status, const char *body)
{
    struct stripe_answer answer = { .status = status, .body = souk_text_of(body) };
    souk_stripe_hear(reader, &ask, &answer, &word);
}

static void
assert_text(struct souk_text text, const char *wanted)
{
    assert_int_equal(text.length, strlen(wanted));
    assert_memory_equal(text.at, wanted, text.length);
}

static void
calls_become_requests(void **state)
{
    uint8_t *end;
    (void)state;
    assert_true(ASK(provider_authorise, .order = SOUK_TEXT("a1b2"), .amount = 1999, .currency = SOUK_TEXT("EUR"),
                    .token = SOUK_TEXT("tok&x=1")));
    assert_true(ask.post);
    assert_string_equal(ask.path, "/v1/payment_intents");
    assert_string_equal(ask.body, "amount=1999&currency=eur&payment_method=tok%26x%3D1&payment_method_types[0]=card"
                                  "&confirm=true&capture_method=manual&metadata[order]=a1b2&expand[0]=latest_charge");
    assert_true(ASK(provider_capture, .intent = SOUK_TEXT("pi_1"), .amount = 7));
    assert_string_equal(ask.path, "/v1/payment_intents/pi_1/capture");
    assert_string_equal(ask.body, "amount_to_capture=7&expand[0]=latest_charge");
    assert_true(ASK(provider_cancel, .intent = SOUK_TEXT("pi_1")));
    assert_string_equal(ask.path, "/v1/payment_intents/pi_1/cancel");
    assert_true(ASK(provider_refund, .intent = SOUK_TEXT("pi_1"), .amount = 7));
    assert_string_equal(ask.path, "/v1/refunds");
    assert_string_equal(ask.body, "payment_intent=pi_1&amount=7&expand[0]=payment_intent.latest_charge");
    assert_true(ASK(provider_retrieve, .has_intent = true, .intent = SOUK_TEXT("pi_1"), .order = SOUK_TEXT("a1")));
    assert_false(ask.post);
    assert_string_equal(ask.path, "/v1/payment_intents/pi_1?expand[0]=latest_charge");
    assert_true(ASK(provider_retrieve, .order = SOUK_TEXT("a1")));
    assert_string_equal(ask.path, "/v1/payment_intents/search?query=metadata%5B%27order%27%5D%3A%27a1%27");
    char key[STRIPE_KEY_HEX];
    souk_stripe_key((souk_key){ 0x0123456789abcdef, 0xf }, key);
    assert_string_equal(key, "0123456789abcdef000000000000000f");
}

static void
what_cant_be_asked_is_refused(void **state)
{
    uint8_t *end;
    (void)state;
    assert_false(ASK(provider_capture, .intent = SOUK_TEXT("pi_1/../x"), .amount = 7));
    assert_false(ASK(provider_capture, .intent = SOUK_TEXT(""), .amount = 7));
    assert_false(ASK(provider_capture, .intent = SOUK_TEXT("pi_1"), .amount = 0));
    assert_false(ASK(provider_retrieve, .order = SOUK_TEXT("a'b")));
    assert_false(ASK(provider_authorise, .order = SOUK_TEXT("a"), .amount = -1, .currency = SOUK_TEXT("EUR"),
                     .token = SOUK_TEXT("t")));
    assert_false(ASK(provider_authorise, .order = SOUK_TEXT("a"), .amount = 1, .currency = SOUK_TEXT("EURO"),
                     .token = SOUK_TEXT("t")));
    assert_false(ASK(provider_authorise, .order = SOUK_TEXT("a"), .amount = 1, .currency = SOUK_TEXT("E_R"),
                     .token = SOUK_TEXT("t")));
    assert_false(souk_stripe_ask(SOUK_TEXT("provider_nothing"), (struct souk_bytes){ record, 1 }, &ask));
    record[0] = 0xc1;
    assert_false(souk_stripe_ask(SOUK_TEXT("provider_cancel"), (struct souk_bytes){ record, 1 }, &ask));
}

/* What Stripe answers, abridged only where it repeats itself. */
#define STRIPE_INTENT(status, charge, error)                                                                       \
    "{\"id\":\"pi_3MrPBM2eZvKYlo2C1TEMacFD\",\"object\":\"payment_intent\",\"amount\":1099,"                      \
    "\"amount_capturable\":1099,\"amount_details\":{\"tip\":{}},\"amount_received\":0,\"application\":null,"        \
    "\"automatic_payment_methods\":null,\"canceled_at\":null,\"capture_method\":\"manual\","                        \
    "\"client_secret\":\"pi_3_secret\",\"created\":1680802258,\"currency\":\"eur\",\"last_payment_error\":" error   \
    ",\"latest_charge\":" charge ",\"livemode\":false,\"metadata\":{\"order\":\"a1\",\"note\":\"x.y\"},"            \
    "\"next_action\":null,\"payment_method_options\":{\"card\":{\"installments\":null,\"network\":null}},"          \
    "\"payment_method_types\":[\"card\",\"link\"],\"status\":\"" status "\",\"transfer_data\":null}"
#define STRIPE_CHARGE(refunded)                                                                                    \
    "{\"id\":\"ch_1\",\"object\":\"charge\",\"amount\":1099,\"amount_refunded\":" refunded ",\"outcome\":"          \
    "{\"risk_score\":36.5,\"rule\":null},\"payment_method_details\":{\"card\":{\"checks\":{\"cvc_check\":null}}},"  \
    "\"refunds\":{\"data\":[{\"id\":\"re_1\"}],\"has_more\":false}}"

static void
asked_to_authorise(void)
{
    uint8_t *end;
    assert_true(ASK(provider_authorise, .order = SOUK_TEXT("a1"), .amount = 1099, .currency = SOUK_TEXT("EUR"),
                    .token = SOUK_TEXT("t")));
}

static void
definite_answers_are_done(void **state)
{
    static const struct { const char *body; uint32_t status; int64_t refunded; } cases[] = {
        { STRIPE_INTENT("requires_capture", STRIPE_CHARGE("0"), "null"), PROVIDER_REQUIRES_CAPTURE, 0 },
        { STRIPE_INTENT("succeeded", STRIPE_CHARGE("99"), "null"), PROVIDER_SUCCEEDED, 99 },
        { STRIPE_INTENT("canceled", "null", "null"), PROVIDER_CANCELED, 0 },
        { STRIPE_INTENT("requires_action", "null", "null"), PROVIDER_REQUIRES_ACTION, 0 },
        { STRIPE_INTENT("processing", "null", "null"), PROVIDER_PROCESSING, 0 },
        { STRIPE_INTENT("requires_confirmation", "null", "null"), PROVIDER_UNKNOWN, 0 }
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        asked_to_authorise();
        hear(200, cases[i].body);
        assert_int_equal(word.ending, SOUK_DONE);
        assert_false(word.again);
        assert_int_equal(word.result.status, cases[i].status);
        assert_int_equal(word.result.amount, 1099);
        assert_int_equal(word.result.amount_refunded, cases[i].refunded);
        assert_text(word.result.intent, "pi_3MrPBM2eZvKYlo2C1TEMacFD");
        assert_false(word.result.has_decline_code);
    }
    hear(200, STRIPE_INTENT("requires_payment_method", "null",
                            "{\"code\":\"card_declined\",\"decline_code\":\"lost_card\",\"type\":\"card_error\"}"));
    assert_int_equal(word.result.status, PROVIDER_DECLINED);
    assert_text(word.result.decline_code, "lost_card");
}

static void
a_decline_is_done(void **state)
{
    (void)state;
    asked_to_authorise();
    hear(402, "{\"error\":{\"code\":\"card_declined\",\"decline_code\":\"insufficient_funds\",\"message\":\"No.\","
              "\"payment_intent\":" STRIPE_INTENT("requires_payment_method", "\"ch_1\"", "null") ","
              "\"type\":\"card_error\"}}");
    assert_int_equal(word.ending, SOUK_DONE);
    assert_int_equal(word.result.status, PROVIDER_DECLINED);
    assert_int_equal(word.result.amount, 1099);
    assert_text(word.result.decline_code, "insufficient_funds");
    assert_text(word.result.intent, "pi_3MrPBM2eZvKYlo2C1TEMacFD");
    hear(402, "{\"error\":{\"code\":\"expired_card\",\"type\":\"card_error\"}}");
    assert_int_equal(word.ending, SOUK_DONE);
    assert_text(word.result.decline_code, "expired_card");
    assert_text(word.result.intent, "");
}

static void
a_refund_tells_of_its_intent(void **state)
{
    uint8_t *end;
    (void)state;
    assert_true(ASK(provider_refund, .intent = SOUK_TEXT("pi_3"), .amount = 100));
    hear(200, "{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":100,\"status\":\"succeeded\",\"payment_intent\":"
              STRIPE_INTENT("succeeded", STRIPE_CHARGE("100"), "null") "}");
    assert_int_equal(word.ending, SOUK_DONE);
    assert_int_equal(word.result.status, PROVIDER_SUCCEEDED);
    assert_int_equal(word.result.amount_refunded, 100);
    hear(200, "{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":100,\"payment_intent\":\"pi_3\"}");
    assert_int_equal(word.ending, SOUK_DEAD);
}

static void
what_is_wrong_is_refused(void **state)
{
    (void)state;
    asked_to_authorise();
    hear(400, "{\"error\":{\"code\":\"parameter_invalid_integer\",\"type\":\"invalid_request_error\"}}");
    assert_int_equal(word.ending, SOUK_REFUSED);
    assert_int_equal(word.refusal, payment_invalid);
    hear(404, "{\"error\":{\"code\":\"resource_missing\",\"type\":\"invalid_request_error\"}}");
    assert_int_equal(word.ending, SOUK_REFUSED);
}

static void
all_else_is_unknown(void **state)
{
    const unsigned statuses[] = { 301, 401, 403, 408, 409, 425, 429, 500, 502, 503, 504 };
    (void)state;
    asked_to_authorise();
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        hear(statuses[i], "{\"error\":{\"code\":\"x\",\"type\":\"api_error\"}}");
        assert_int_equal(word.ending, SOUK_DEAD);
    }
    hear(400, "{\"error\":{\"type\":\"idempotency_error\"}}");
    assert_int_equal(word.ending, SOUK_DEAD);
    hear(400, "<html>a proxy speaks</html>");
    assert_int_equal(word.ending, SOUK_DEAD);
    hear(402, "");
    assert_int_equal(word.ending, SOUK_DEAD);
    hear(200, "{\"id\":\"pi_1\",\"status\":\"requires_cap");
    assert_int_equal(word.ending, SOUK_DEAD);
    hear(200, "{\"id\":\"pi_1\",\"amount\":12}");
    assert_int_equal(word.ending, SOUK_DEAD);
    hear(200, "[]");
    assert_int_equal(word.ending, SOUK_DEAD);
    struct stripe_answer late = { .fault = SOUK_ERR_LATE };
    souk_stripe_hear(reader, &ask, &late, &word);
    assert_int_equal(word.ending, SOUK_DEAD);
}

static void
asked_for_order(void)
{
    uint8_t *end;
    assert_true(ASK(provider_retrieve, .order = SOUK_TEXT("a1")));
}

static void
a_search_finds_what_matters_most(void **state)
{
    (void)state;
    asked_for_order();
    hear(200, "{\"object\":\"search_result\",\"data\":["
              "{\"id\":\"pi_1\",\"status\":\"requires_payment_method\",\"amount\":1,\"metadata\":{\"order\":\"a1\"}},"
              " {\"id\":\"pi_2\",\"status\":\"requires_capture\",\"amount\":1,\"metadata\":{\"order\":\"a1\"}} ,"
              "{\"id\":\"pi_3\",\"status\":\"succeeded\",\"amount\":1,\"metadata\":{\"order\":\"other\"}},"
              "{\"id\":\"pi_4\",\"status\":\"canceled\",\"amount\":1,\"metadata\":{\"order\":\"a1\"}}],"
              "\"has_more\":false}");
    assert_true(word.again);
    assert_string_equal(ask.path, "/v1/payment_intents/pi_2?expand[0]=latest_charge");
    hear(200, STRIPE_INTENT("requires_capture", STRIPE_CHARGE("0"), "null"));
    assert_false(word.again);
    assert_int_equal(word.result.status, PROVIDER_REQUIRES_CAPTURE);
}

static void
an_empty_search_proves_nothing_at_stripe(void **state)
{
    (void)state;
    asked_for_order();
    hear(200, "{\"data\":[],\"has_more\":false}");
    assert_true(word.again);
    assert_string_equal(ask.path, "/v1/payment_intents?limit=100");
    const char *page = "{\"data\":[{\"id\":\"pi_9\",\"status\":\"succeeded\",\"amount\":1,\"metadata\":{}}],"
                       "\"has_more\":true}";
    for (int i = 0; i < 4; i++) {
        hear(200, page);
        assert_true(word.again);
        assert_string_equal(ask.path, "/v1/payment_intents?limit=100&starting_after=pi_9");
    }
    hear(200, page);
    assert_false(word.again);
    assert_int_equal(word.ending, SOUK_DONE);
    assert_int_equal(word.result.status, PROVIDER_UNKNOWN);

    asked_for_order();
    hear(404, "{\"error\":{\"type\":\"invalid_request_error\"}}"); /* An account without search. */
    assert_true(word.again);
    hear(200, "{\"data\":[{\"id\":\"pi_9\",\"status\":\"succeeded\",\"amount\":1,\"metadata\":{}}],"
              "\"has_more\":false}");
    assert_int_equal(word.ending, SOUK_DONE);
    assert_int_equal(word.result.status, PROVIDER_MISSING);
}

static void
an_immediate_search_proves_absence(void **state)
{
    (void)state;
    asked_for_order();
    struct stripe_answer answer = { .status = 200, .body = SOUK_TEXT("{\"data\":[],\"has_more\":false}"),
                                    .search_is_immediate = true };
    souk_stripe_hear(reader, &ask, &answer, &word);
    assert_false(word.again);
    assert_int_equal(word.result.status, PROVIDER_MISSING);
    uint8_t *end;
    assert_true(ASK(provider_retrieve, .has_intent = true, .intent = SOUK_TEXT("pi_1"), .order = SOUK_TEXT("a1")));
    hear(404, "{\"error\":{\"code\":\"resource_missing\",\"type\":\"invalid_request_error\"}}");
    assert_int_equal(word.result.status, PROVIDER_MISSING);
    hear(404, "{\"error\":{\"type\":\"invalid_request_error\"}}");
    assert_int_equal(word.ending, SOUK_DEAD);
}

/* ---- webhooks ---- */

static const char secret[] = "whsec_test_secret";

static souk_err
deliver(const char *header, const char *body, uint64_t now_s, struct souk_stripe_event *event)
{
    return souk_stripe_webhook(reader, souk_text_of(header), souk_text_of(body), souk_text_of(secret), now_s, event);
}

/* The vector was made with `printf '1492774577.{"id":"evt_1"...}' | openssl dgst -sha256 -hmac whsec_test_secret`. */
static const char vector_body[] = "{\"id\":\"evt_1\",\"type\":\"payment_intent.succeeded\",\"data\":{\"object\":"
                                  "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount\":5}}}";
#define VECTOR_MAC "8c173bb7f20676bb267a57094b73cd02159ed06fb6316f8f886a38e70cf04aec"

static void
a_signature_is_verified(void **state)
{
    struct souk_stripe_event event;
    const uint64_t at = 1492774577;
    const char good[] = "t=1492774577,v1=" VECTOR_MAC;
    (void)state;
    assert_int_equal(deliver(good, vector_body, at, &event), SOUK_OK);
    assert_text(event.intent, "pi_1");
    assert_int_equal(event.status, PROVIDER_SUCCEEDED);
    assert_int_equal(deliver(good, vector_body, at + 300, &event), SOUK_OK);
    assert_int_equal(deliver(good, vector_body, at - 300, &event), SOUK_OK);
    assert_int_equal(deliver(good, vector_body, at + 301, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver(good, vector_body, at - 301, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("t=1492774577,v1=00" VECTOR_MAC, vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("t=1492774578,v1=" VECTOR_MAC, vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("t=1492774577,v0=" VECTOR_MAC, vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("v1=" VECTOR_MAC, vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("t=1492774577,t=1,v1=" VECTOR_MAC, vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("t=1492774577", vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("", vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver(",,=,t", vector_body, at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver(good, "{}", at, &event), SOUK_ERR_DENIED);
    assert_int_equal(deliver("t=1492774577,v1=" /* A secret that is being changed signs twice. */
                             "0000000000000000000000000000000000000000000000000000000000000000, v1=" VECTOR_MAC,
                             vector_body, at, &event), SOUK_OK);
    assert_int_equal(souk_stripe_webhook(reader, souk_text_of(good), souk_text_of(vector_body), SOUK_TEXT(""), at,
                                         &event), SOUK_ERR_DENIED);
}

/* Signs and delivers. */
static souk_err
signed_event(const char *body, struct souk_stripe_event *event)
{
    char header[128] = "t=1000,v1=";
    uint8_t mac[32];
    struct souk_bytes parts[] = { { "1000.", 5 }, { body, strlen(body) } };
    souk_hmac_sha256(secret, strlen(secret), parts, 2, mac);
    for (size_t i = 0; i < 32; i++)
        snprintf(header + 10 + 2 * i, 3, "%02x", mac[i]);
    return deliver(header, body, 1000, event);
}

static void
events_are_read(void **state)
{
    struct souk_stripe_event event;
    (void)state;
    assert_int_equal(signed_event("{\"id\":\"evt_2\",\"object\":\"event\",\"api_version\":\"2024-06-20\",\"type\":"
                                  "\"payment_intent.payment_failed\",\"data\":{\"object\":"
                                  STRIPE_INTENT("requires_payment_method", "\"ch_1\"",
                                                "{\"code\":\"card_declined\",\"decline_code\":\"lost_card\"}")
                                  "},\"request\":{\"id\":null}}", &event), SOUK_OK);
    assert_text(event.id, "evt_2");
    assert_text(event.type, "payment_intent.payment_failed");
    assert_text(event.order, "a1");
    assert_int_equal(event.status, PROVIDER_DECLINED);
    assert_int_equal(event.amount, 1099);
    assert_text(event.decline_code, "lost_card");
    assert_int_equal(signed_event("{\"id\":\"evt_3\",\"type\":\"charge.refunded\",\"data\":{\"object\":"
                                  "{\"id\":\"ch_1\",\"amount\":10,\"amount_captured\":10,\"amount_refunded\":4,"
                                  "\"payment_intent\":"
                                  "\"pi_7\",\"metadata\":{}}}}", &event), SOUK_OK);
    assert_text(event.intent, "pi_7");
    assert_text(event.order, "");
    assert_int_equal(event.amount_refunded, 4);
    assert_int_equal(event.amount_received, 10);
    assert_int_equal(signed_event("{\"id\":\"evt_4\",\"type\":\"invoice.paid\",\"data\":{\"object\":"
                                  "{\"amount\":\"x\"}}}", &event), SOUK_ERR_MISSING);
    assert_int_equal(signed_event("{\"id\":\"evt_5\",\"type\":\"payment_intent.succeeded\"}", &event),
                     SOUK_ERR_MALFORMED);
    assert_int_equal(signed_event("nonsense", &event), SOUK_ERR_MALFORMED);
}

static souk_err
opened(const char *url, const char *key)
{
    souk_stripe *stripe;
    souk_err err = souk_stripe_open(&stripe, &(struct souk_stripe_options){ .url = url, .key = souk_text_of(key) });
    souk_stripe_close(&stripe);
    return err;
}

static void
the_key_goes_nowhere_in_plain_text(void **state)
{
    (void)state;
    assert_int_equal(opened(NULL, "sk_test"), SOUK_OK);
    assert_int_equal(opened("https://pay.example/", "sk_test"), SOUK_OK);
    assert_int_equal(opened("http://127.0.0.1:80", "sk_test"), SOUK_OK);
    assert_int_equal(opened("http://localhost", "sk_test"), SOUK_OK);
    assert_int_equal(opened("http://localhost.example", "sk_test"), SOUK_ERR_USAGE);
    assert_int_equal(opened("http://pay.example", "sk_test"), SOUK_ERR_USAGE);
    assert_int_equal(opened("https://u@pay.example", "sk_test"), SOUK_ERR_USAGE);
    assert_int_equal(opened("ftp://localhost", "sk_test"), SOUK_ERR_USAGE);
    assert_int_equal(opened("https://pay.example", ""), SOUK_ERR_USAGE);
    assert_int_equal(opened("https://pay.example", "a\nb"), SOUK_ERR_USAGE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(calls_become_requests), TEST(what_cant_be_asked_is_refused), TEST(definite_answers_are_done),
        TEST(a_decline_is_done), TEST(a_refund_tells_of_its_intent), TEST(what_is_wrong_is_refused),
        TEST(all_else_is_unknown), TEST(a_search_finds_what_matters_most),
        TEST(an_empty_search_proves_nothing_at_stripe), TEST(an_immediate_search_proves_absence),
        TEST(a_signature_is_verified), TEST(events_are_read), TEST(the_key_goes_nowhere_in_plain_text)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
