/* SPDX-License-Identifier: Apache-2.0 */
/* souk/stripe.h -- the payment port to a provider that speaks Stripe's PaymentIntents API, and its webhooks.
 *
 * The driver adds no retries of its own: a call is one request, except that provider_retrieve without an intent
 * searches. What is certain becomes SOUK_DONE or SOUK_REFUSED (payment_invalid), all else SOUK_DEAD, that is unknown:
 * no connection, a timeout, 5xx, 409, 429, also 401 and 403 (our key is wrong, which says nothing of the payment), and
 * whatever isn't Stripe's own answer. */
#ifndef SOUK_STRIPE_H
#define SOUK_STRIPE_H

#include <souk/node.h>

#include "payment.h"
#include "provider_port.h"

#include "gateway/json.h"
#include "port/fetch.h"

typedef struct souk_stripe souk_stripe;

/* Zero means the default that is given here. Copied. */
struct souk_stripe_options {
    const char *url;       /* "https://api.stripe.com". Plain http only to this machine: the key goes with it. */
    struct souk_text key;  /* The secret API key: visible ASCII, no white space. Compulsory. */
    const char *ca_file;   /* The system's. */
    unsigned connections;  /* 256: so many calls on the wire; one without an answer holds its own until its deadline. */
    uint32_t timeout_ms;   /* 30000: the most for one request; the call's own deadline if that is sooner. */
};

/* What became of calls; plain numbers that worker 0's thread writes. */
struct souk_stripe_counters { uint64_t calls, requests, done, refused, unknown, expired; };

/* SOUK_ERR_USAGE: not a URL, plain http to another machine, or a key that is none. SOUK_ERR_MEMORY. */
souk_err souk_stripe_open(souk_stripe **out, const struct souk_stripe_options *options) SOUK_MUST_CHECK;
/* After the node is closed. */
void souk_stripe_close(souk_stripe **stripe_p);
/* What goes into souk_options.ports, and into souk_options.guests: both are needed. */
struct souk_port_driver souk_stripe_driver(souk_stripe *stripe);
struct souk_guest souk_stripe_guest(souk_stripe *stripe);
/* Lives as long as the driver. */
const struct souk_stripe_counters *souk_stripe_counted(const souk_stripe *stripe);

/* ---- Translation, without a worker. ---- */

enum { STRIPE_TEXT_MAX = 255, STRIPE_PATH_MAX = 640, STRIPE_BODY_MAX = 2560, STRIPE_KEY_HEX = 33 };
enum stripe_step { STRIPE_ONE, STRIPE_SEARCH, STRIPE_LIST };

/* A request to be sent. */
struct stripe_ask {
    enum stripe_step step;
    bool post, refund, retrieve;
    char path[STRIPE_PATH_MAX]; /* With its query. */
    char body[STRIPE_BODY_MAX];
    char order[STRIPE_TEXT_MAX + 1]; /* Of a search. */
    unsigned pages;                  /* Of a list: how many were read. */
};
/* What an answer means. The texts of `result` lie in the struct: it must not be moved. */
struct stripe_word {
    bool again;         /* Not yet known: `ask` was changed, and is to be sent. */
    enum souk_ending ending;
    souk_verdict refusal;
    struct provider_result result;
    char intent[STRIPE_TEXT_MAX + 1], decline_code[STRIPE_TEXT_MAX + 1];
};
/* An answer as it came. */
struct stripe_answer {
    souk_err fault;     /* Not SOUK_OK: nothing came. */
    unsigned status;
    struct souk_text body;
    bool search_is_immediate; /* It had the header Souk-Search: immediate, so an empty search is proof. */
};

/* The request for a call of the port: the record's name and its msgpack. False: it can't be asked, and never was. */
bool souk_stripe_ask(struct souk_text operation, struct souk_bytes body, struct stripe_ask *ask);
/* Understands the answer to `ask`. */
void souk_stripe_hear(souk_json_reader *reader, struct stripe_ask *ask, const struct stripe_answer *answer,
                      struct stripe_word *word);
/* The idempotency key as its header has it: 32 hexadecimal digits and a final zero. */
void souk_stripe_key(souk_key key, char out[STRIPE_KEY_HEX]);

/* ---- Webhooks. ---- */

/* What an event tells of an intent. Texts borrow from the body or the reader. For a charge.* event amount_refunded is
 * known and amount_received is what was captured; for payment_intent.* amount_refunded is 0 whatever was refunded, so
 * keep the larger. Events come more than once and in any order. */
struct souk_stripe_event {
    struct souk_text id, type, intent, order; /* `order` is metadata[order]; empty if there is none. */
    uint32_t status;                          /* enum provider_status of provider_port.h */
    int64_t amount, amount_received, amount_refunded;
    struct souk_text decline_code;            /* Empty: none. */
};

/* Verifies the Stripe-Signature header against the raw body, then reads the event; now_s is Unix time. One reader for
 * each thread.
 * SOUK_ERR_DENIED: no signature fits, or it is more than 300 s off (answer 400). SOUK_ERR_MALFORMED: signed, but not an
 * event (400). SOUK_ERR_MISSING: signed, but of nothing that concerns an intent (answer 200 and forget it). */
souk_err souk_stripe_webhook(souk_json_reader *reader, struct souk_text header, struct souk_text body,
                             struct souk_text secret, uint64_t now_s, struct souk_stripe_event *event) SOUK_MUST_CHECK;

#endif
