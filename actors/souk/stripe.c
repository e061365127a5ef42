/* SPDX-License-Identifier: Apache-2.0 */
/* souk/stripe.c -- the payment port's driver, a guest of worker 0, and the verification of webhooks.
 *
 * The node calls on_call() with each durable call; it becomes a request of port/fetch.h, whose answer becomes the
 * call's outcome. A call that can't be sent now waits for the tick. One whose time is over is never sent: its payment
 * has been told SOUK_LATE and finds out by retrieving, so that no old key goes out again. All on worker 0's thread. */
#include "stripe.h"
#include "stripe_words.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { URL_MAX = 256, AUTHORISATION_MAX = 600, TOLERANCE_S = 300, MAC = 32, ANSWER_MAX = 1 << 20 };

/* One call, until its outcome. */
struct call {
    struct call *next;            /* Among those that wait. */
    struct call *newer, *older;   /* Among all. */
    souk_stripe *stripe;
    uint64_t ticket, due_ms;
    char key[STRIPE_KEY_HEX];
    bool refused;      /* It can't be asked. */
    struct stripe_ask ask;
};

struct souk_stripe {
    char url[URL_MAX], authorisation[AUTHORISATION_MAX];
    char *ca_file;
    struct souk_stripe_options options;
    souk_worker *worker; /* Worker 0, while it serves. */
    souk_fetch *fetch;
    souk_json_reader *reader;
    struct call *waiting, **waiting_end, *newest;
    unsigned calls;
    struct souk_stripe_counters counters;
};

/* ---- calls ---- */

static void
call_free(struct call *call)
{
    souk_stripe *stripe = call->stripe;
    *(call->newer != NULL ? &call->newer->older : &stripe->newest) = call->older;
    if (call->older != NULL)
        call->older->newer = call->newer;
    stripe->calls--;
    free(call);
}

static void
outcome(struct call *call, enum souk_ending ending, souk_verdict refusal, const struct provider_result *result)
{
    souk_stripe *stripe = call->stripe;
    stripe->counters.done += ending == SOUK_DONE;
    stripe->counters.refused += ending == SOUK_REFUSED;
    stripe->counters.unknown += ending == SOUK_DEAD;
    souk_port_done(stripe->worker, call->ticket, ending, refusal,
                   ending == SOUK_DONE ? souk_layout_of_provider_result : NULL, ending == SOUK_DONE ? result : NULL);
    call_free(call);
}

static void
wait_for_tick(struct call *call)
{
    call->next = NULL;
    *call->stripe->waiting_end = call;
    call->stripe->waiting_end = &call->next;
}

static void try(struct call *call);

static void
on_answer(void *arg, const struct souk_fetch_answer *answer)
{
    struct call *call = arg;
    souk_stripe *stripe = call->stripe;
    struct souk_text search = SOUK_TEXT("");
    struct stripe_word word;
    bool immediate = souk_fetch_header(answer, "Souk-Search", &search)
                     && souk_text_equal(search, SOUK_TEXT("immediate"));
    struct stripe_answer heard = { answer->fault, answer->status, answer->body, immediate };
    souk_stripe_hear(stripe->reader, &call->ask, &heard, &word);
    if (word.again)
        try(call);
    else
        outcome(call, word.ending, word.refusal, &word.result);
}

static souk_err
send_ask(struct call *call, uint32_t timeout_ms)
{
    souk_stripe *stripe = call->stripe;
    char url[URL_MAX + STRIPE_PATH_MAX];
    size_t base = strlen(stripe->url);
    memcpy(url, stripe->url, base);
    memcpy(url + base, call->ask.path, strlen(call->ask.path) + 1);
    const struct souk_fetch_header headers[] = {
        { SOUK_TEXT("Authorization"), souk_text_of(stripe->authorisation) },
        { SOUK_TEXT("Stripe-Version"), SOUK_TEXT("2024-06-20") },
        { SOUK_TEXT("Idempotency-Key"), souk_text_of(call->key) },
        { SOUK_TEXT("Content-Type"), SOUK_TEXT("application/x-www-form-urlencoded") }
    };
    struct souk_fetch_request request = {
        .method = call->ask.post ? SOUK_TEXT("POST") : SOUK_TEXT("GET"), .url = souk_text_of(url),
        .headers = headers, .header_count = call->ask.post ? 4 : 2, .body = souk_text_of(call->ask.body),
        .timeout_ms = timeout_ms, .done = on_answer, .arg = call
    };
    stripe->counters.requests++;
    return souk_fetch_send(stripe->fetch, &request);
}

/* Sends the call's request, or lets it wait. What may end at once on_call() leaves to the tick: the node expects no
 * outcome inside its call. */
static void
try(struct call *call)
{
    souk_stripe *stripe = call->stripe;
    uint64_t now_ms = souk_node_now_ms(souk_worker_node(stripe->worker));
    if (now_ms >= call->due_ms) {
        stripe->counters.expired++;
        outcome(call, SOUK_DEAD, SOUK_ACCEPT, NULL);
        return;
    }
    if (call->refused) {
        outcome(call, SOUK_REFUSED, payment_invalid, NULL);
        return;
    }
    uint64_t left = call->due_ms - now_ms;
    souk_err err = send_ask(call, left < stripe->options.timeout_ms ? (uint32_t)left : stripe->options.timeout_ms);
    call->refused = err == SOUK_ERR_USAGE; /* It isn't a request, so it never went. */
    if (err != SOUK_OK)
        wait_for_tick(call);
}

static void
on_call(void *self, souk_worker *worker, const struct souk_port_call *asked)
{
    souk_stripe *stripe = self;
    struct call *call = calloc(1, sizeof *call);
    souk_assert(call != NULL);
    (void)worker;
    stripe->counters.calls++;
    stripe->calls++;
    call->stripe = stripe;
    call->older = stripe->newest;
    if (call->older != NULL)
        call->older->newer = call;
    stripe->newest = call;
    call->ticket = asked->ticket;
    call->due_ms = asked->due_ms;
    souk_stripe_key(asked->key, call->key);
    call->refused = !souk_stripe_ask(asked->operation, asked->body, &call->ask);
    if (stripe->fetch == NULL || call->refused || souk_node_now_ms(souk_worker_node(stripe->worker)) >= call->due_ms)
        wait_for_tick(call);
    else
        try(call);
}

/* ---- the guest ---- */

static souk_err
on_enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    souk_stripe *stripe = self;
    if (number != 0)
        return SOUK_OK;
    struct souk_fetch_options options = { .connections = stripe->options.connections, .ca_file = stripe->ca_file,
                                          .body_max = ANSWER_MAX };
    stripe->worker = worker;
    return souk_fetch_open(&stripe->fetch, loop, &options);
}

static void
on_leave(void *self, souk_worker *worker, unsigned number)
{
    souk_stripe *stripe = self;
    (void)worker;
    if (number == 0)
        souk_fetch_close(&stripe->fetch);
}

static void
on_tick(void *self, souk_worker *worker, unsigned number, uint64_t now_ns)
{
    souk_stripe *stripe = self;
    (void)worker;
    if (number != 0 || stripe->fetch == NULL)
        return;
    souk_fetch_tick(stripe->fetch, now_ns);
    struct call *call = stripe->waiting;
    stripe->waiting = NULL;
    stripe->waiting_end = &stripe->waiting;
    while (call != NULL) {
        struct call *next = call->next;
        try(call);
        call = next;
    }
}

static bool
on_idle(void *self, souk_worker *worker, unsigned number)
{
    const souk_stripe *stripe = self;
    (void)worker;
    return number != 0 || stripe->calls == 0;
}

struct souk_port_driver
souk_stripe_driver(souk_stripe *stripe)
{
    return (struct souk_port_driver){ .port = &souk_payment_port, .self = stripe, .call = on_call };
}

struct souk_guest
souk_stripe_guest(souk_stripe *stripe)
{
    return (struct souk_guest){ .self = stripe, .enter = on_enter, .leave = on_leave, .tick = on_tick,
                                .idle = on_idle };
}

const struct souk_stripe_counters *
souk_stripe_counted(const souk_stripe *stripe)
{
    return &stripe->counters;
}

/* ---- opening ---- */

/* Whether the URL's authority is this machine. */
static bool
is_loopback(const char *authority)
{
    const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        char after = strncmp(authority, names[i], length) == 0 ? authority[length] : 'x';
        if (after == '\0' || after == ':' || after == '/')
            return true;
    }
    return false;
}

static bool
url_set(souk_stripe *stripe, const char *url)
{
    const char plain[] = "http://", secure[] = "https://";
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    if (length >= URL_MAX || strpbrk(url, "?#@ ") != NULL)
        return false;
    memcpy(stripe->url, url, length);
    stripe->url[length] = '\0';
    if (strncmp(stripe->url, secure, sizeof secure - 1) == 0)
        return length > sizeof secure - 1;
    return strncmp(stripe->url, plain, sizeof plain - 1) == 0 && is_loopback(stripe->url + sizeof plain - 1);
}

static bool
key_set(souk_stripe *stripe, struct souk_text key)
{
    const struct souk_text bearer = SOUK_TEXT("Bearer ");
    if (key.length == 0 || key.length >= AUTHORISATION_MAX - bearer.length)
        return false;
    for (size_t i = 0; i < key.length; i++)
        if (key.at[i] <= ' ' || key.at[i] > '~')
            return false;
    memcpy(stripe->authorisation, bearer.at, bearer.length);
    memcpy(stripe->authorisation + bearer.length, key.at, key.length);
    stripe->authorisation[bearer.length + key.length] = '\0';
    return true;
}

souk_err
souk_stripe_open(souk_stripe **out, const struct souk_stripe_options *options)
{
    *out = NULL;
    souk_stripe *stripe = calloc(1, sizeof *stripe);
    if (stripe == NULL)
        return SOUK_ERR_MEMORY;
    stripe->options = *options;
    stripe->waiting_end = &stripe->waiting;
    if (stripe->options.connections == 0)
        stripe->options.connections = 256;
    if (stripe->options.timeout_ms == 0)
        stripe->options.timeout_ms = 30000;
    stripe->reader = souk_json_reader_open();
    stripe->ca_file = options->ca_file != NULL ? strdup(options->ca_file) : NULL;
    souk_err err = SOUK_OK;
    if (stripe->reader == NULL || (options->ca_file != NULL && stripe->ca_file == NULL))
        err = SOUK_ERR_MEMORY;
    else if (!url_set(stripe, options->url != NULL ? options->url : "https://api.stripe.com")
             || !key_set(stripe, options->key))
        err = SOUK_ERR_USAGE;
    if (err != SOUK_OK)
        souk_stripe_close(&stripe);
    *out = stripe;
    return err;
}

void
souk_stripe_close(souk_stripe **stripe_p)
{
    souk_stripe *stripe = *stripe_p;
    *stripe_p = NULL;
    if (stripe == NULL)
        return;
    souk_assert(stripe->fetch == NULL);
    while (stripe->newest != NULL)
        call_free(stripe->newest);
    souk_json_reader_close(&stripe->reader);
    free(stripe->ca_file);
    explicit_bzero(stripe->authorisation, sizeof stripe->authorisation);
    free(stripe);
}

/* ---- webhooks ---- */

/* The next `name=value` of the header, which shrinks. False: none is left. */
static bool
next_part(struct souk_text *header, struct souk_text *name, struct souk_text *value)
{
    while (header->length > 0 && (header->at[0] == ' ' || header->at[0] == ',')) {
        header->at++;
        header->length--;
    }
    const char *comma = header->length > 0 ? memchr(header->at, ',', header->length) : NULL;
    size_t length = comma != NULL ? (size_t)(comma - header->at) : header->length;
    const char *equals = length > 0 ? memchr(header->at, '=', length) : NULL;
    if (equals == NULL)
        return false;
    *name = (struct souk_text){ header->at, (size_t)(equals - header->at) };
    *value = (struct souk_text){ equals + 1, length - name->length - 1 };
    header->at += length;
    header->length -= length;
    return true;
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
mac_read(struct souk_text hex, uint8_t out[MAC])
{
    if (hex.length != 2 * MAC)
        return false;
    for (size_t i = 0; i < MAC; i++) {
        int high = hex_digit(hex.at[2 * i]), low = hex_digit(hex.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool
stamp_read(struct souk_text digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(digits.at[i] - '0');
    }
    return digits.length > 0 && digits.length <= 12;
}

static bool
signature_good(struct souk_text header, struct souk_text body, struct souk_text secret, uint64_t now_s)
{
    struct souk_text rest = header, name, value, stamp = SOUK_TEXT("");
    uint8_t wanted[MAC], given[MAC];
    uint64_t at_s;
    unsigned stamps = 0;
    while (next_part(&rest, &name, &value)) {
        if (!souk_text_equal(name, SOUK_TEXT("t")))
            continue;
        stamp = value;
        stamps++;
    }
    if (secret.length == 0 || stamps != 1 || !stamp_read(stamp, &at_s))
        return false;
    if ((at_s > now_s ? at_s - now_s : now_s - at_s) > TOLERANCE_S)
        return false;
    struct souk_bytes parts[3] = { { stamp.at, stamp.length }, { ".", 1 }, { body.at, body.length } };
    souk_hmac_sha256(secret.at, secret.length, parts, 3, wanted);
    bool good = false;
    while (next_part(&header, &name, &value)) /* While a secret is being changed there are several. */
        if (souk_text_equal(name, SOUK_TEXT("v1")) && mac_read(value, given))
            good |= souk_hash_same(wanted, given, MAC);
    return good;
}

souk_err
souk_stripe_webhook(souk_json_reader *reader, struct souk_text header, struct souk_text body, struct souk_text secret,
                    uint64_t now_s, struct souk_stripe_event *event)
{
    *event = (struct souk_stripe_event){ 0 };
    if (!signature_good(header, body, secret, now_s))
        return SOUK_ERR_DENIED;
    return souk_stripe_event_read(reader, body, event);
}
