/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_api.c -- the simulated provider's API; the server calls it for each request.
 *
 * An effect happens once, in effect() or finish_late(), with its line in the ledger; the answer is kept for its
 * idempotency key and then given, late or never, as the faults want it. The answers that wait for the same fault wait
 * equally long, so that one queue for each is in the order of its times. */
#include "provider_api.h"
#include "provider_form.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 10, LIST_MAX = 100, SEARCH_MAX = 100 };
static const int64_t amount_max = INT64_C(999999999999);
static const uint64_t millisecond = 1000000;

struct provider_wait {
    struct provider_wait *next;
    souk_http_exchange *exchange;
    struct provider_answer answer;
    struct provider_key *key;
    struct provider_intent *finish; /* An authorisation that is still to happen. */
    char *key_text;                 /* With it. */
    uint64_t due_ns;
};

/* A request on its way through. */
struct request {
    struct provider_api *api;
    souk_http_exchange *exchange;
    struct souk_text key;      /* The idempotency key, or a stand-in. */
    struct provider_key *kept; /* NULL: there is no key. */
    struct provider_form form;
    struct provider_answer answer;
    struct provider_intent *late;
};

enum operation { AUTHORISE, CAPTURE, CANCEL, REFUND, RETRIEVE, SEARCH, LIST, NO_ROUTE };

/* ---- answering ---- */

static void
send_answer(souk_http_exchange *exchange, const struct provider_answer *answer, bool replayed)
{
    char buffer[4096];
    souk_json_writer out;
    struct souk_text body;
    souk_json_init(&out, buffer, sizeof buffer);
    souk_provider_answer_write(&out, answer);
    souk_err err = souk_json_done(&out, &body);
    souk_assert(err == SOUK_OK); /* All texts of an intent have bounds. */
    struct souk_http_header extra = { SOUK_TEXT("Idempotent-Replayed"), SOUK_TEXT("true") };
    souk_http_answer(exchange, souk_provider_answer_status(answer), &extra, replayed, SOUK_TEXT("application/json"),
                     body);
}

static void
refuse(souk_http_exchange *exchange, enum provider_refusal refusal, const char *detail)
{
    send_answer(exchange, &(struct provider_answer){ .refusal = refusal, .detail = detail }, false);
}

static void
queue_add(struct provider_queue *queue, struct provider_wait *wait)
{
    *(queue->tail != NULL ? &queue->tail->next : &queue->head) = wait;
    queue->tail = wait;
}

static struct provider_wait *
wait_for(struct provider_api *api, struct provider_queue *queue, souk_http_exchange *exchange, uint64_t ms)
{
    struct provider_wait *wait = calloc(1, sizeof *wait);
    souk_assert(wait != NULL);
    wait->exchange = exchange;
    wait->due_ns = api->now_ns + ms * millisecond;
    queue_add(queue, wait);
    return wait;
}

static const char *
event_of(const struct provider_answer *answer)
{
    if (answer->refund)
        return "charge.refunded";
    switch (answer->status) {
    case PROVIDER_REQUIRES_CAPTURE: return "payment_intent.amount_capturable_updated";
    case PROVIDER_REQUIRES_ACTION: return "payment_intent.requires_action";
    case PROVIDER_DECLINED: return "payment_intent.payment_failed";
    case PROVIDER_SUCCEEDED: return "payment_intent.succeeded";
    case PROVIDER_CANCELED: return "payment_intent.canceled";
    case PROVIDER_PROCESSING: break;
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
refusal(enum provider_refusal why, const char *detail)
{
    return (struct provider_answer){ .refusal = why, .detail = detail };
}

static struct provider_answer
wrong_state(const struct provider_intent *intent)
{
    struct provider_answer answer = souk_provider_answer_of(intent);
    answer.refusal = PROVIDER_STATE;
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
decline_of(const struct request *request, struct souk_text token)
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
authorise(struct request *request)
{
    struct provider_api *api = request->api;
    const struct provider_form *form = &request->form;
    const struct souk_text *token = souk_provider_form_get(form, "payment_method");
    const struct souk_text *order = souk_provider_form_get(form, "metadata[order]");
    struct souk_text no_order = SOUK_TEXT("");
    char currency[3];
    int64_t amount;
    if (!souk_provider_form_integer(souk_provider_form_get(form, "amount"), amount_max, &amount) || amount == 0)
        return refusal(PROVIDER_PARAMETER, "amount must be a positive integer.");
    if (!currency_read(souk_provider_form_get(form, "currency"), currency))
        return refusal(PROVIDER_PARAMETER, "currency must be an ISO 4217 code.");
    if (token == NULL || token->length == 0 || token->length > PROVIDER_TOKEN_MAX)
        return refusal(PROVIDER_PARAMETER, "payment_method is missing or too long.");
    if (order != NULL && order->length > PROVIDER_ORDER_MAX)
        return refusal(PROVIDER_PARAMETER, "metadata[order] is too long.");
    if (!is_word(souk_provider_form_get(form, "confirm"), "true")
        || !is_word(souk_provider_form_get(form, "capture_method"), "manual"))
        return refusal(PROVIDER_PARAMETER, "Only confirm=true with capture_method=manual is simulated.");
    struct provider_intent *intent = souk_provider_intent_make(
        api->book, request->key, amount, (struct souk_text){ currency, 3 }, order != NULL ? *order : no_order, *token,
        api->wall_ms);
    if (souk_text_equal(*token, SOUK_TEXT("tok_requires_action"))) {
        intent->status = PROVIDER_REQUIRES_ACTION;
        return souk_provider_answer_of(intent);
    }
    intent->decline_code = decline_of(request, *token);
    if (intent->decline_code != NULL) {
        intent->status = PROVIDER_DECLINED;
        souk_provider_ledger(api->book, intent, request->key, "decline", amount, api->wall_ms);
        struct provider_answer answer = souk_provider_answer_of(intent);
        answer.refusal = PROVIDER_CARD_DECLINED;
        return answer;
    }
    if (souk_provider_faults_hit(api->faults, "late", api->faults->late_ms > 0 ? api->faults->late : 0, request->key)) {
        request->late = intent;
        return souk_provider_answer_of(intent);
    }
    intent->status = PROVIDER_REQUIRES_CAPTURE;
    souk_provider_ledger(api->book, intent, request->key, "authorise", amount, api->wall_ms);
    return souk_provider_answer_of(intent);
}

static struct provider_answer
capture(struct request *request, struct provider_intent *intent)
{
    const struct souk_text *wanted = souk_provider_form_get(&request->form, "amount_to_capture");
    int64_t amount = intent->amount;
    if (wanted != NULL && (!souk_provider_form_integer(wanted, amount_max, &amount) || amount == 0))
        return refusal(PROVIDER_PARAMETER, "amount_to_capture must be a positive integer.");
    if (intent->status != PROVIDER_REQUIRES_CAPTURE)
        return wrong_state(intent);
    if (amount > intent->amount)
        return refusal(PROVIDER_AMOUNT, "More than was authorised cannot be captured.");
    intent->status = PROVIDER_SUCCEEDED;
    intent->received = amount;
    souk_provider_ledger(request->api->book, intent, request->key, "capture", amount, request->api->wall_ms);
    return souk_provider_answer_of(intent);
}

static struct provider_answer
cancel(struct request *request, struct provider_intent *intent)
{
    if (intent->status == PROVIDER_SUCCEEDED || intent->status == PROVIDER_CANCELED
        || intent->status == PROVIDER_PROCESSING)
        return wrong_state(intent);
    bool authorised = intent->status == PROVIDER_REQUIRES_CAPTURE;
    intent->status = PROVIDER_CANCELED;
    if (authorised)
        souk_provider_ledger(request->api->book, intent, request->key, "cancel", intent->amount,
                             request->api->wall_ms);
    return souk_provider_answer_of(intent);
}

static struct provider_answer
refund(struct request *request)
{
    const struct provider_form *form = &request->form;
    const struct souk_text *id = souk_provider_form_get(form, "payment_intent");
    const struct souk_text *wanted = souk_provider_form_get(form, "amount");
    if (id == NULL)
        return refusal(PROVIDER_PARAMETER, "payment_intent is missing.");
    struct provider_intent *intent = souk_provider_intent_find(request->api->book, *id);
    if (intent == NULL)
        return refusal(PROVIDER_MISSING, NULL);
    int64_t left = intent->received - intent->refunded, amount = left;
    if (wanted != NULL && (!souk_provider_form_integer(wanted, amount_max, &amount) || amount == 0))
        return refusal(PROVIDER_PARAMETER, "amount must be a positive integer.");
    if (intent->status != PROVIDER_SUCCEEDED)
        return wrong_state(intent);
    if (amount > left || left == 0)
        return refusal(PROVIDER_AMOUNT, "More than was captured cannot be refunded.");
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
static void
effect(struct request *request, enum operation operation, struct souk_text id)
{
    struct provider_api *api = request->api;
    const struct provider_faults *faults = api->faults;
    struct provider_intent *intent = NULL;
    if ((operation == CAPTURE || operation == CANCEL)
        && (intent = souk_provider_intent_find(api->book, id)) == NULL) {
        request->answer = refusal(PROVIDER_MISSING, NULL);
        return;
    }
    if (souk_provider_faults_hit(faults, "error", faults->error, request->key)) {
        request->answer = refusal(PROVIDER_BROKEN, NULL);
        return;
    }
    request->answer = operation == AUTHORISE ? authorise(request)
                      : operation == CAPTURE ? capture(request, intent)
                      : operation == CANCEL  ? cancel(request, intent) : refund(request);
    request->answer.expand_charge = souk_provider_form_expands(&request->form, "latest_charge");
    bool happened = request->answer.refusal == PROVIDER_FINE || request->answer.refusal == PROVIDER_CARD_DECLINED;
    if (!happened || request->late != NULL)
        return;
    announce(api, &request->answer, request->key);
    if (souk_provider_faults_hit(faults, "error_after_charge", faults->error_after_charge, request->key))
        request->answer = refusal(PROVIDER_BROKEN, NULL);
}

/* A late authorisation happens now. */
static void
finish_late(struct provider_api *api, struct provider_wait *wait)
{
    struct provider_intent *intent = wait->finish;
    struct souk_text key = souk_text_of(wait->key_text);
    bool expand_charge = wait->answer.expand_charge;
    intent->status = PROVIDER_REQUIRES_CAPTURE;
    souk_provider_ledger(api->book, intent, key, "authorise", intent->amount, api->wall_ms);
    wait->answer = souk_provider_answer_of(intent);
    wait->answer.expand_charge = expand_charge;
    announce(api, &wait->answer, key);
    if (wait->key != NULL)
        wait->key->answer = wait->answer;
    free(wait->key_text);
}

/* ---- idempotency ---- */

/* What a request asks for, whatever the order of its fields. */
static souk_key
fingerprint(const struct provider_api *api, const struct request *request)
{
    souk_key sum = souk_provider_hash(api->book, "path", request->exchange->path);
    for (size_t i = 0; i < request->form.count; i++) {
        souk_key pair = souk_hash_pair(&api->faults->seed,
                                       souk_provider_hash(api->book, "name", request->form.pairs[i].name),
                                       souk_provider_hash(api->book, "value", request->form.pairs[i].value));
        sum.high += pair.high;
        sum.low += pair.low;
    }
    return sum;
}

/* Finds the key or makes it. False: the request has been answered. */
static bool
key_admit(struct request *request)
{
    struct provider_api *api = request->api;
    souk_key name = souk_provider_hash(api->book, "key", request->key), asked = fingerprint(api, request);
    struct provider_key *key = souk_provider_find(&api->book->keys, name);
    if (key == NULL) {
        key = calloc(1, sizeof *key);
        souk_assert(key != NULL);
        key->name = name;
        key->request = asked;
        souk_provider_add(&api->book->keys, key);
        request->kept = key;
        return true;
    }
    request->kept = key;
    if (souk_key_none(key->request)) { /* It was refused before it began, so it counts for nothing. */
        key->request = asked;
        return true;
    }
    if (!souk_key_equal(key->request, asked)) {
        refuse(request->exchange, PROVIDER_KEY_REUSED, NULL);
    } else if (key->under_way) {
        refuse(request->exchange, PROVIDER_KEY_IN_USE, NULL);
    } else if (api->faults->slow_ms > 0) {
        wait_for(api, &api->slow, request->exchange, api->faults->slow_ms)->answer = key->answer;
    } else {
        send_answer(request->exchange, &key->answer, true);
    }
    return false;
}

/* Keeps the answer and gives it, as the faults want it. */
static void
settle(struct request *request)
{
    struct provider_api *api = request->api;
    const struct provider_faults *faults = api->faults;
    struct provider_key *key = request->kept;
    enum provider_refusal why = request->answer.refusal;
    if (key != NULL) {
        key->answer = request->answer;
        if (why == PROVIDER_PARAMETER || why == PROVIDER_MISSING)
            key->request = (souk_key){ 0, 0 };
    }
    struct provider_wait *wait;
    bool happened = why == PROVIDER_FINE || why == PROVIDER_CARD_DECLINED;
    if (request->late != NULL) {
        wait = wait_for(api, &api->late, request->exchange, faults->late_ms);
        wait->finish = request->late;
        wait->key_text = strndup(request->key.at, request->key.length);
        souk_assert(wait->key_text != NULL);
    } else if (happened && souk_provider_faults_hit(faults, "timeout_after_charge", faults->timeout_after_charge,
                                                    request->key)) {
        (void)wait_for(api, &api->hold, request->exchange, faults->hold_ms > 0 ? faults->hold_ms : 30000);
        return;
    } else if (faults->slow_ms > 0) {
        wait = wait_for(api, &api->slow, request->exchange, faults->slow_ms);
    } else {
        send_answer(request->exchange, &request->answer, false);
        return;
    }
    wait->answer = request->answer;
    wait->key = key;
    if (key != NULL)
        key->under_way = true;
}

/* ---- reading ---- */

/* The order that metadata['order']:'...' asks for. */
static bool
query_order(const struct souk_text *query, struct souk_text *order)
{
    const struct souk_text head = SOUK_TEXT("metadata['order']:'"), other = SOUK_TEXT("metadata[\"order\"]:\"");
    if (query == NULL || query->length <= head.length)
        return false;
    if (memcmp(query->at, head.at, head.length) != 0 && memcmp(query->at, other.at, other.length) != 0)
        return false;
    *order = (struct souk_text){ query->at + head.length, query->length - head.length - 1 };
    return query->at[query->length - 1] == query->at[head.length - 1];
}

static void
answer_list(struct request *request, bool search)
{
    struct provider_api *api = request->api;
    const struct provider_form *form = &request->form;
    const struct souk_text *limit_text = souk_provider_form_get(form, "limit");
    const struct souk_text *after = souk_provider_form_get(form, "starting_after");
    int64_t limit = search ? SEARCH_MAX : LIST_DEFAULT;
    struct souk_text order, body;
    const struct provider_intent *intent = api->book->newest;
    if (limit_text != NULL && (!souk_provider_form_integer(limit_text, LIST_MAX, &limit) || limit == 0)) {
        refuse(request->exchange, PROVIDER_PARAMETER, "limit must be from 1 to 100.");
        return;
    }
    if (search && !query_order(souk_provider_form_get(form, "query"), &order)) {
        refuse(request->exchange, PROVIDER_PARAMETER, "Only queries for metadata['order'] are simulated.");
        return;
    }
    if (search)
        intent = souk_provider_order_find(api->book, order);
    else if (after != NULL && (intent = souk_provider_intent_find(api->book, *after)) != NULL)
        intent = intent->older;
    souk_json_writer out;
    souk_json_init_growing(&out, 1 << 20);
    souk_json_object_open(&out);
    souk_json_put_text(&out, "object", search ? SOUK_TEXT("search_result") : SOUK_TEXT("list"));
    souk_json_key(&out, "data");
    souk_json_array_open(&out);
    for (; intent != NULL && limit > 0; intent = search ? intent->next : intent->older, limit--) {
        struct provider_answer shown = souk_provider_answer_of(intent);
        shown.expand_charge = souk_provider_form_expands(form, "latest_charge");
        souk_provider_intent_write(&out, &shown);
    }
    souk_json_array_close(&out);
    souk_json_put_bool(&out, "has_more", intent != NULL);
    souk_json_object_close(&out);
    souk_err err = souk_json_done(&out, &body);
    souk_assert(err == SOUK_OK);
    /* Stripe's search lags by up to a minute; this one doesn't, and says so. */
    struct souk_http_header extra = { SOUK_TEXT("Souk-Search"), SOUK_TEXT("immediate") };
    souk_http_answer(request->exchange, 200, &extra, search, SOUK_TEXT("application/json"), body);
    souk_json_fini(&out);
}

static void
answer_retrieve(struct request *request, struct souk_text id)
{
    const struct provider_intent *intent = souk_provider_intent_find(request->api->book, id);
    if (intent == NULL) {
        refuse(request->exchange, PROVIDER_MISSING, NULL);
        return;
    }
    struct provider_answer answer = souk_provider_answer_of(intent);
    answer.expand_charge = souk_provider_form_expands(&request->form, "latest_charge");
    if (request->api->faults->slow_ms > 0)
        wait_for(request->api, &request->api->slow, request->exchange, request->api->faults->slow_ms)->answer = answer;
    else
        send_answer(request->exchange, &answer, false);
}

/* ---- requests ---- */

static bool
ends_with(struct souk_text text, struct souk_text tail)
{
    return text.length > tail.length && memcmp(text.at + text.length - tail.length, tail.at, tail.length) == 0;
}

static enum operation
route(const souk_http_exchange *exchange, struct souk_text *id)
{
    const struct souk_text intents = SOUK_TEXT("/v1/payment_intents");
    struct souk_text path = exchange->path;
    bool get = exchange->method == SOUK_HTTP_GET;
    *id = (struct souk_text){ "", 0 };
    if (!get && exchange->method != SOUK_HTTP_POST)
        return NO_ROUTE;
    if (souk_text_equal(path, SOUK_TEXT("/v1/refunds")))
        return get ? NO_ROUTE : REFUND;
    if (souk_text_equal(path, intents))
        return get ? LIST : AUTHORISE;
    if (path.length <= intents.length + 1 || memcmp(path.at, intents.at, intents.length) != 0
        || path.at[intents.length] != '/')
        return NO_ROUTE;
    *id = (struct souk_text){ path.at + intents.length + 1, path.length - intents.length - 1 };
    if (get)
        return souk_text_equal(*id, SOUK_TEXT("search")) ? SEARCH : RETRIEVE;
    const struct souk_text tails[] = { SOUK_TEXT("/capture"), SOUK_TEXT("/cancel") };
    for (int i = 0; i < 2; i++)
        if (ends_with(*id, tails[i])) {
            id->length -= tails[i].length;
            return i == 0 ? CAPTURE : CANCEL;
        }
    return NO_ROUTE;
}

static bool
authorised(const souk_http_exchange *exchange)
{
    struct souk_text value;
    return souk_http_header(exchange, SOUK_TEXT("authorization"), &value) == 1 && value.length > 7
        && memcmp(value.at, "Bearer ", 7) == 0;
}

/* While it is down every second request is told so, the others see their connection break. */
static bool
is_down(struct provider_api *api, souk_http_exchange *exchange)
{
    uint64_t at_ms = (api->now_ns - api->began_ns) / millisecond;
    const struct provider_faults *faults = api->faults;
    if (faults->down_ms == 0 || at_ms < faults->down_at_ms || at_ms - faults->down_at_ms >= faults->down_ms)
        return false;
    if (api->requests % 2 == 0)
        refuse(exchange, PROVIDER_DOWN, NULL);
    else
        (void)wait_for(api, &api->break_off, exchange, 0);
    return true;
}

void
souk_provider_api_handle(void *arg, souk_http_exchange *exchange)
{
    struct provider_api *api = arg;
    struct request request; /* Its form is large and set by its reader. */
    struct souk_text id;
    char number[24];
    api->requests++;
    if (is_down(api, exchange))
        return;
    enum operation operation = route(exchange, &id);
    if (!authorised(exchange) || operation == NO_ROUTE) {
        refuse(exchange, authorised(exchange) ? PROVIDER_NO_ROUTE : PROVIDER_UNAUTHORISED, NULL);
        return;
    }
    bool post = exchange->method == SOUK_HTTP_POST;
    request.api = api;
    request.exchange = exchange;
    request.kept = NULL;
    request.late = NULL;
    unsigned keys = souk_http_header(exchange, SOUK_TEXT("idempotency-key"), &request.key);
    if (!souk_provider_form_read(&request.form, post ? exchange->body : exchange->query)
        || keys > 1 || (keys == 1 && (request.key.length == 0 || request.key.length > PROVIDER_KEY_MAX))) {
        refuse(exchange, PROVIDER_PARAMETER, "The form or the idempotency key is malformed.");
        return;
    }
    if (operation == RETRIEVE) {
        answer_retrieve(&request, id);
        return;
    }
    if (!post) {
        answer_list(&request, operation == SEARCH);
        return;
    }
    if (keys == 0) { /* Chance needs something to hang on. */
        size_t at = sizeof number;
        for (uint64_t left = api->requests; left > 0; left /= 10)
            number[--at] = (char)('0' + left % 10);
        number[--at] = '#';
        request.key = (struct souk_text){ number + at, sizeof number - at };
    } else if (!key_admit(&request)) {
        return;
    }
    effect(&request, operation, id);
    settle(&request);
}

/* ---- time ---- */

static struct provider_wait *
take_due(struct provider_queue *queue, uint64_t now_ns)
{
    struct provider_wait *wait = queue->head;
    if (wait == NULL || wait->due_ns > now_ns)
        return NULL;
    queue->head = wait->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    return wait;
}

/* Lets go of held connections whose client has given up. */
static void
hold_sweep(struct provider_queue *queue)
{
    struct provider_wait **link = &queue->head;
    queue->tail = NULL;
    while (*link != NULL) {
        struct provider_wait *wait = *link;
        if (wait->exchange->gone || wait->exchange->closing) {
            *link = wait->next;
            souk_http_hang_up(wait->exchange);
            free(wait);
        } else {
            queue->tail = wait;
            link = &wait->next;
        }
    }
}

uint64_t
souk_provider_api_step(struct provider_api *api, uint64_t now_ns, uint64_t wall_ms)
{
    struct provider_wait *wait;
    api->now_ns = now_ns;
    api->wall_ms = wall_ms;
    while ((wait = take_due(&api->break_off, now_ns)) != NULL || (wait = take_due(&api->hold, now_ns)) != NULL) {
        souk_http_hang_up(wait->exchange);
        free(wait);
    }
    while ((wait = take_due(&api->late, now_ns)) != NULL || (wait = take_due(&api->slow, now_ns)) != NULL) {
        if (wait->finish != NULL)
            finish_late(api, wait);
        if (wait->key != NULL)
            wait->key->under_way = false;
        send_answer(wait->exchange, &wait->answer, false);
        free(wait);
    }
    hold_sweep(&api->hold);
    const struct provider_queue *queues[] = { &api->slow, &api->hold, &api->late, &api->break_off };
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
        if (queues[i]->head != NULL && queues[i]->head->due_ns < next)
            next = queues[i]->head->due_ns;
    return next;
}

void
souk_provider_api_close(struct provider_api *api)
{
    struct provider_queue *queues[] = { &api->slow, &api->hold, &api->late, &api->break_off };
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
        for (struct provider_wait *wait; (wait = take_due(queues[i], UINT64_MAX)) != NULL;) {
            free(wait->finish != NULL ? wait->key_text : NULL);
            free(wait);
        }
}
