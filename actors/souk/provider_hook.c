/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_hook.c -- delivering webhooks; called by provider_api.c when something happened.
 *
 * An event that isn't answered with 2xx is tried again, later each time. All that wait for the same try wait equally
 * long, so one queue for each try is in the order of its times. */
#include "provider_hook.h"

#include "gateway/httpclient.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 10, CONNECTIONS = 16, FIRST_RETRY_MS = 250, EVENTS_MAX = 1 << 20 };

struct event {
    struct event *next;
    souk_provider_hook *hook;
    struct provider_answer answer;
    const char *type;
    uint64_t number, made_s, due_ns;
    unsigned try;
};

struct queue { struct event *head, *tail; };

struct souk_provider_hook {
    souk_httpclient *client;
    struct provider_hook_options options;
    struct queue queues[TRIES];
    struct event *on_wire;
    uint64_t number, now_ns, wall_ms;
    unsigned events;
};

static void
queue_add(struct queue *queue, struct event *event)
{
    event->next = NULL;
    *(queue->tail != NULL ? &queue->tail->next : &queue->head) = event;
    queue->tail = event;
}

static struct event *
queue_take(struct queue *queue)
{
    struct event *event = queue->head;
    queue->head = event->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    return event;
}

static void
retry(struct event *event)
{
    souk_provider_hook *hook = event->hook;
    if (++event->try == TRIES) {
        hook->events--;
        free(event);
        return;
    }
    event->due_ns = hook->now_ns + ((uint64_t)FIRST_RETRY_MS * 1000000 << (event->try - 1));
    queue_add(&hook->queues[event->try], event);
}

static void pump(souk_provider_hook *hook);

static void
on_answer(void *arg, const struct souk_httpclient_answer *answer)
{
    struct event *event = arg;
    souk_provider_hook *hook = event->hook;
    struct event **link = &hook->on_wire;
    while (*link != event)
        link = &(*link)->next;
    *link = event->next;
    if (answer->fault == SOUK_OK && answer->status >= 200 && answer->status < 300) {
        hook->events--;
        free(event);
    } else {
        retry(event);
    }
    pump(hook);
}

/* Renders, signs and sends an event. */
static souk_err
send_event(souk_provider_hook *hook, struct event *event)
{
    char buffer[4096], stamp[24], signature[128];
    uint8_t mac[32];
    souk_json_writer out;
    struct souk_text body;
    souk_json_init(&out, buffer, sizeof buffer);
    souk_provider_event_write(&out, &event->answer, event->type, event->number, event->made_s);
    souk_err err = souk_json_done(&out, &body);
    if (err != SOUK_OK)
        return err;
    int stamp_length = snprintf(stamp, sizeof stamp, "%" PRIu64 ".", hook->wall_ms / 1000);
    struct souk_bytes parts[2] = { { stamp, (size_t)stamp_length }, { body.at, body.length } };
    souk_hmac_sha256(hook->options.secret.at, hook->options.secret.length, parts, 2, mac);
    int length = snprintf(signature, sizeof signature, "t=%.*s,v1=", stamp_length - 1, stamp);
    for (int i = 0; i < 32; i++)
        length += snprintf(signature + length, sizeof signature - (size_t)length, "%02x", mac[i]);
    struct souk_http_header header = { SOUK_TEXT("Stripe-Signature"), { signature, (size_t)length } };
    struct souk_httpclient_request request = {
        .method = SOUK_TEXT("POST"), .target = souk_text_of(hook->options.path), .headers = &header, .header_count = 1,
        .content_type = SOUK_TEXT("application/json"), .body = body, .done = on_answer, .arg = event
    };
    return souk_httpclient_send(hook->client, &request);
}

static void
pump(souk_provider_hook *hook)
{
    for (int try = 0; try < TRIES; try++) {
        struct queue *queue = &hook->queues[try];
        while (queue->head != NULL && queue->head->due_ns <= hook->now_ns && souk_httpclient_free(hook->client) > 0) {
            struct event *event = queue_take(queue);
            if (send_event(hook, event) == SOUK_OK) {
                event->next = hook->on_wire;
                hook->on_wire = event;
            } else {
                retry(event);
            }
        }
    }
}

souk_provider_hook *
souk_provider_hook_open(souk_loop *loop, const struct provider_hook_options *options)
{
    souk_provider_hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL)
        return NULL;
    hook->options = *options;
    struct souk_httpclient_options client = {
        .host = options->host, .port = options->port, .connections = CONNECTIONS,
        .timeout_ns = UINT64_C(10000000000)
    };
    if (souk_httpclient_open(&hook->client, loop, &client) != SOUK_OK) {
        free(hook);
        return NULL;
    }
    return hook;
}

void
souk_provider_hook_close(souk_provider_hook **hook_p)
{
    souk_provider_hook *hook = *hook_p;
    *hook_p = NULL;
    if (hook == NULL)
        return;
    souk_httpclient_close(&hook->client);
    for (int try = 0; try < TRIES; try++)
        while (hook->queues[try].head != NULL)
            free(queue_take(&hook->queues[try]));
    while (hook->on_wire != NULL) {
        struct event *event = hook->on_wire;
        hook->on_wire = event->next;
        free(event);
    }
    free(hook);
}

void
souk_provider_hook_send(souk_provider_hook *hook, const struct provider_answer *answer, const char *type,
                        unsigned times)
{
    if (hook == NULL || hook->events >= EVENTS_MAX)
        return;
    hook->number++;
    for (unsigned i = 0; i < times; i++) {
        struct event *event = calloc(1, sizeof *event);
        if (event == NULL)
            return;
        hook->events++;
        *event = (struct event){ .hook = hook, .answer = *answer, .type = type, .number = hook->number,
                                 .made_s = hook->wall_ms / 1000, .due_ns = hook->now_ns };
        queue_add(&hook->queues[0], event);
    }
    pump(hook);
}

void
souk_provider_hook_tick(souk_provider_hook *hook, uint64_t now_ns, uint64_t wall_ms)
{
    if (hook == NULL)
        return;
    hook->now_ns = now_ns;
    hook->wall_ms = wall_ms;
    souk_httpclient_tick(hook->client, now_ns);
    pump(hook);
}
