/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_api.c -- the simulated provider's API; the server calls it for each request.
 *
 * The answer to an effect (provider_effect.c) is kept for its idempotency key and then given, late or never, as the
 * faults want it. The answers that wait for the same fault wait
 * equally long, so that one queue for each is in the order of its times. */
#include "provider_effect.h"

#include "world/world.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 10, LIST_MAX = 100, SEARCH_MAX = 100 };
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
refuse(souk_http_exchange *exchange, enum answer_refusal refusal, const char *detail)
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

/* A late authorisation happens now. */
static void
finish_late(struct provider_api *api, struct provider_wait *wait)
{
    wait->answer = souk_provider_effect_late(api, wait->finish, souk_text_of(wait->key_text),
                                             wait->answer.expand_charge);
    if (wait->key != NULL)
        wait->key->answer = wait->answer;
    free(wait->key_text);
}

/* ---- idempotency ---- */

/* What a request asks for, whatever the order of its fields. */
static souk_key
fingerprint(const struct provider_api *api, const struct provider_request *request)
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
key_admit(struct provider_request *request)
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
        refuse(request->exchange, ANSWER_KEY_REUSED, NULL);
    } else if (key->under_way) {
        refuse(request->exchange, ANSWER_KEY_IN_USE, NULL);
    } else if (api->faults->slow_ms > 0) {
        wait_for(api, &api->slow, request->exchange, api->faults->slow_ms)->answer = key->answer;
    } else {
        send_answer(request->exchange, &key->answer, true);
    }
    return false;
}

/* Keeps the answer and gives it, as the faults want it. */
static void
settle(struct provider_request *request)
{
    struct provider_api *api = request->api;
    const struct provider_faults *faults = api->faults;
    struct provider_key *key = request->kept;
    enum answer_refusal why = request->answer.refusal;
    if (key != NULL) {
        key->answer = request->answer;
        if (why == ANSWER_PARAMETER || why == ANSWER_MISSING)
            key->request = (souk_key){ 0, 0 };
    }
    struct provider_wait *wait;
    bool happened = why == ANSWER_FINE || why == ANSWER_CARD_DECLINED;
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
answer_list(struct provider_request *request, bool search)
{
    struct provider_api *api = request->api;
    const struct provider_form *form = &request->form;
    const struct souk_text *limit_text = souk_provider_form_get(form, "limit");
    const struct souk_text *after = souk_provider_form_get(form, "starting_after");
    int64_t limit = search ? SEARCH_MAX : LIST_DEFAULT;
    struct souk_text order, body;
    const struct provider_intent *intent = api->book->newest;
    if (limit_text != NULL && (!souk_provider_form_integer(limit_text, LIST_MAX, &limit) || limit == 0)) {
        refuse(request->exchange, ANSWER_PARAMETER, "limit must be from 1 to 100.");
        return;
    }
    if (search && !query_order(souk_provider_form_get(form, "query"), &order)) {
        refuse(request->exchange, ANSWER_PARAMETER, "Only queries for metadata['order'] are simulated.");
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
answer_retrieve(struct provider_request *request, struct souk_text id)
{
    const struct provider_intent *intent = souk_provider_intent_find(request->api->book, id);
    if (intent == NULL) {
        refuse(request->exchange, ANSWER_MISSING, NULL);
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

static enum provider_operation
route(const souk_http_exchange *exchange, struct souk_text *id)
{
    const struct souk_text intents = SOUK_TEXT("/v1/payment_intents");
    struct souk_text path = exchange->path;
    bool get = exchange->method == SOUK_HTTP_GET;
    *id = (struct souk_text){ "", 0 };
    if (!get && exchange->method != SOUK_HTTP_POST)
        return OP_NO_ROUTE;
    if (souk_text_equal(path, SOUK_TEXT("/v1/refunds")))
        return get ? OP_NO_ROUTE : OP_REFUND;
    if (souk_text_equal(path, intents))
        return get ? OP_LIST : OP_AUTHORISE;
    if (path.length <= intents.length + 1 || memcmp(path.at, intents.at, intents.length) != 0
        || path.at[intents.length] != '/')
        return OP_NO_ROUTE;
    *id = (struct souk_text){ path.at + intents.length + 1, path.length - intents.length - 1 };
    if (get)
        return souk_text_equal(*id, SOUK_TEXT("search")) ? OP_SEARCH : OP_RETRIEVE;
    const struct souk_text tails[] = { SOUK_TEXT("/capture"), SOUK_TEXT("/cancel") };
    for (int i = 0; i < 2; i++)
        if (ends_with(*id, tails[i])) {
            id->length -= tails[i].length;
            return i == 0 ? OP_CAPTURE : OP_CANCEL;
        }
    return OP_NO_ROUTE;
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
        refuse(exchange, ANSWER_DOWN, NULL);
    else
        (void)wait_for(api, &api->break_off, exchange, 0);
    return true;
}

void
souk_provider_api_handle(void *arg, souk_http_exchange *exchange)
{
    struct provider_api *api = arg;
    struct provider_request request; /* Its form is large and set by its reader. */
    struct souk_text id;
    char number[24];
    const struct souk_world *world = souk_world_os();
    api->now_ns = world->monotonic_ns(world->self);
    api->wall_ms = world->wall_ms(world->self);
    api->requests++;
    if (is_down(api, exchange))
        return;
    enum provider_operation operation = route(exchange, &id);
    if (!authorised(exchange) || operation == OP_NO_ROUTE) {
        refuse(exchange, authorised(exchange) ? ANSWER_NO_ROUTE : ANSWER_UNAUTHORISED, NULL);
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
        refuse(exchange, ANSWER_PARAMETER, "The form or the idempotency key is malformed.");
        return;
    }
    if (operation == OP_RETRIEVE) {
        answer_retrieve(&request, id);
        return;
    }
    if (!post) {
        answer_list(&request, operation == OP_SEARCH);
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
    souk_provider_effect(&request, operation, id);
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
    if (now_ns >= api->sweep_ns) {
        hold_sweep(&api->hold);
        api->sweep_ns = now_ns + 50 * millisecond;
    }
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
