/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_watch.c -- what those who watch over a node ask: whether it lives, whether it is ready, what it counts.
 *
 * Counts of other workers are those of their last tick, at most about 100 ms old. */
#include "api_inside.h"
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
say(struct api_call *call, unsigned status, struct souk_text text)
{
    souk_http_answer(api_call_end(call), status, NULL, 0, SOUK_TEXT("text/plain; charset=utf-8"), text);
}

void
api_livez(struct api_call *call)
{
    say(call, 200, SOUK_TEXT("ok\n"));
}

/* It listens only after recovery, so whoever gets an answer finds it ready, unless it is about to end. */
void
api_readyz(struct api_call *call)
{
    if (atomic_load_explicit(&call->at->api->draining, memory_order_relaxed))
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "the node is shutting down", NULL, 0);
    else
        say(call, 200, SOUK_TEXT("ok\n"));
}

/* ---- The sums over all workers. ---- */

struct sums {
    struct api_counts api;
    struct souk_http_counters http;
    struct souk_stripe_counters provider;
};

static void
add(void *sum, const _Atomic uint64_t *shown, size_t count)
{
    uint64_t *to = sum;
    for (size_t i = 0; i < count; i++) to[i] += atomic_load_explicit(&shown[i], memory_order_relaxed);
}

static void
add_up(const souk_api *api, struct sums *sums, struct souk_histogram *orders)
{
    memset(sums, 0, sizeof *sums);
    for (unsigned i = 0; i < API_WORKERS_MAX; i++) {
        const struct api_worker *at = atomic_load(&api->workers[i]);
        if (!at) continue;
        add(&sums->api, at->shown_api, API_SHOWN_API);
        add(&sums->http, at->shown_http, API_SHOWN_HTTP);
        add(&sums->provider, at->shown_provider, API_SHOWN_PROVIDER);
        souk_histogram_merge(orders, &at->order_ns);
    }
}

/* ---- The families. ---- */

static void
labelled(struct souk_prometheus *page, const char *label, const char *name, uint64_t value)
{
    char labels[96];
    int length = snprintf(labels, sizeof labels, "%s=\"%s\"", label, name);
    souk_assert(length > 0 && length < (int)sizeof labels);
    souk_prometheus_u64(page, labels, value);
}

static void
show_orders(struct souk_prometheus *page, const struct api_counts *counts, const struct souk_histogram *latency)
{
    static const char *const outcomes[API_OUTCOMES] = { "paid", "needs_review", "pending", "refused",
                                                        "refused_by_hint" };
    souk_prometheus_family(page, "souk_order_answers_total", SOUK_PROMETHEUS_COUNTER,
                           "Answers to orders, by the state that they told; pending is 202.");
    for (unsigned i = 0; i < API_OUTCOMES; i++) labelled(page, "state", outcomes[i], counts->outcomes[i]);
    souk_prometheus_family(page, "souk_order_refusals_total", SOUK_PROMETHEUS_COUNTER,
                           "Orders that were refused, by the problem that they were told.");
    for (unsigned i = 0; i < SOUK_PROBLEM_COUNT; i++)
        labelled(page, "problem", souk_problem_name((enum souk_problem)i), counts->order_problems[i]);
    souk_prometheus_family(page, "souk_order_answer_seconds", SOUK_PROMETHEUS_HISTOGRAM,
                           "How long orders waited for their answer.");
    souk_prometheus_seconds(page, NULL, latency);
    souk_prometheus_family(page, "souk_sales_total", SOUK_PROMETHEUS_COUNTER,
                           "Sales that were opened and that were closed through this gateway.");
    labelled(page, "state", "open", counts->sales_opened);
    labelled(page, "state", "closed", counts->sales_closed);
    souk_prometheus_one(page, "souk_credits_total", SOUK_PROMETHEUS_COUNTER, "Top-ups that were answered.",
                        counts->credits);
}

static void
show_gateway(struct souk_prometheus *page, const struct api_counts *counts)
{
    static const char *const methods[] = { "OTHER", "GET", "HEAD", "POST", "PUT", "DELETE" };
    souk_prometheus_family(page, "souk_api_requests_total", SOUK_PROMETHEUS_COUNTER, "Requests by route.");
    for (const struct api_route *r = souk_api_routes; r->handle; r++) {
        char labels[96];
        int length = snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\"", r->pattern, methods[r->method]);
        souk_assert(length > 0 && length < (int)sizeof labels);
        souk_prometheus_u64(page, labels, counts->requests[r - souk_api_routes]);
    }
    souk_prometheus_family(page, "souk_api_problems_total", SOUK_PROMETHEUS_COUNTER,
                           "Problems that clients were told.");
    for (unsigned i = 0; i < SOUK_PROBLEM_COUNT; i++)
        labelled(page, "problem", souk_problem_name((enum souk_problem)i), counts->problems[i]);
    souk_prometheus_one(page, "souk_api_clients_gone_total", SOUK_PROMETHEUS_COUNTER,
                        "Clients that left before their answer.", counts->gone);
    souk_prometheus_one(page, "souk_api_requests_in_flight", SOUK_PROMETHEUS_GAUGE, "Requests without an answer yet.",
                        counts->calls);
    souk_prometheus_family(page, "souk_webhooks_total", SOUK_PROMETHEUS_COUNTER, "Events of the payment provider.");
    labelled(page, "result", "taken", counts->webhooks);
    labelled(page, "result", "refused", counts->webhooks_bad);
}

static void
show_http(struct souk_prometheus *page, const struct souk_http_counters *http)
{
    const enum souk_prometheus_type total = SOUK_PROMETHEUS_COUNTER;
    souk_prometheus_one(page, "souk_http_connections_total", total, "Connections that were accepted.", http->accepted);
    souk_prometheus_one(page, "souk_http_connections_refused_total", total, "Connections beyond the limit.",
                        http->refused);
    souk_prometheus_one(page, "souk_http_connections", SOUK_PROMETHEUS_GAUGE, "Connections that are open.", http->open);
    souk_prometheus_one(page, "souk_http_requests_total", total, "Requests that were read.", http->requests);
    souk_prometheus_one(page, "souk_http_received_bytes_total", total, "Bytes that clients sent.", http->bytes_in);
    souk_prometheus_one(page, "souk_http_sent_bytes_total", total, "Bytes that clients were sent.", http->bytes_out);
    souk_prometheus_family(page, "souk_http_rejected_total", total, "Requests that were refused before their route.");
    labelled(page, "reason", "malformed", http->malformed);
    labelled(page, "reason", "method", http->unknown_method);
    labelled(page, "reason", "head_too_large", http->head_too_large);
    labelled(page, "reason", "body_too_large", http->body_too_large);
    labelled(page, "reason", "overloaded", http->overloaded);
    labelled(page, "reason", "answers_too_large", http->answers_too_large);
    souk_prometheus_family(page, "souk_http_timeouts_total", total, "Connections that were too slow.");
    labelled(page, "waiting_for", "head", http->timeouts_head);
    labelled(page, "waiting_for", "body", http->timeouts_body);
    labelled(page, "waiting_for", "request", http->timeouts_idle);
    labelled(page, "waiting_for", "write", http->timeouts_write);
}

static void
show_provider(struct souk_prometheus *page, const struct souk_stripe_counters *provider)
{
    souk_prometheus_one(page, "souk_provider_calls_total", SOUK_PROMETHEUS_COUNTER, "Calls of the payment port.",
                        provider->calls);
    souk_prometheus_one(page, "souk_provider_requests_total", SOUK_PROMETHEUS_COUNTER,
                        "HTTP requests to the payment provider.", provider->requests);
    souk_prometheus_family(page, "souk_provider_outcomes_total", SOUK_PROMETHEUS_COUNTER, "How those calls ended.");
    labelled(page, "outcome", "done", provider->done);
    labelled(page, "outcome", "refused", provider->refused);
    labelled(page, "outcome", "unknown", provider->unknown);
    labelled(page, "outcome", "expired", provider->expired);
}

void
api_metrics(struct api_call *call)
{
    struct api_worker *at = call->at;
    const souk_api *api = at->api;
    struct sums sums;
    struct souk_text text;
    struct souk_histogram *orders = calloc(1, sizeof *orders);
    if (!orders) {
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "there is no memory left", NULL, 0);
        return;
    }
    api_publish(at);
    add_up(api, &sums, orders);
    souk_prometheus_reset(&at->page);
    souk_metrics_node(&at->page, at->node);
    show_orders(&at->page, &sums.api, orders);
    show_gateway(&at->page, &sums.api);
    show_http(&at->page, &sums.http);
    if (api->options.provider) show_provider(&at->page, &sums.provider);
    if (api->options.wire) souk_metrics_wire(&at->page, api->options.wire);
    souk_metrics_process(&at->page);
    free(orders);
    if (souk_prometheus_done(&at->page, &text))
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "there is no memory left", NULL, 0);
    else
        souk_http_answer(api_call_end(call), 200, NULL, 0, SOUK_TEXT(SOUK_PROMETHEUS_CONTENT_TYPE), text);
}
