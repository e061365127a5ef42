/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api.c -- the gateway's workers, calls and routes; see api.h and api_inside.h. */
#include "api_inside.h"

#include "world/world.h"

#include <stdlib.h>
#include <string.h>

/* The busiest first. */
const struct api_route souk_api_routes[] = {
    { SOUK_HTTP_POST, "/v1/sales/{sale}/orders", api_order_post },
    { SOUK_HTTP_GET, "/v1/orders/{order}", api_order_get },
    { SOUK_HTTP_GET, "/v1/sales/{sale}", api_sale_get },
    { SOUK_HTTP_GET, "/v1/sales/{sale}/feed", api_sale_feed },
    { SOUK_HTTP_PUT, "/v1/sales/{sale}", api_sale_put },
    { SOUK_HTTP_POST, "/v1/sales/{sale}/close", api_sale_close },
    { SOUK_HTTP_POST, "/v1/accounts/{customer}/credit", api_credit_post },
    { SOUK_HTTP_GET, "/v1/accounts/{customer}", api_account_get },
    { SOUK_HTTP_POST, "/v1/webhooks/payment", api_webhook_post },
    { SOUK_HTTP_GET, "/livez", api_livez },
    { SOUK_HTTP_GET, "/readyz", api_readyz },
    { SOUK_HTTP_GET, "/metrics", api_metrics },
    { SOUK_HTTP_GET, "/admin/kinds", api_admin_kinds },
    { SOUK_HTTP_GET, "/admin/workers", api_admin_workers },
    { SOUK_HTTP_GET, "/admin/actors", api_admin_actors },
    { SOUK_HTTP_GET, "/admin/turns", api_admin_turns },
    { SOUK_HTTP_GET, "/admin/actor/*", api_admin_actor },
    { SOUK_HTTP_GET, "/admin/trace", api_admin_trace },
    { SOUK_HTTP_POST, "/admin/trace/*", api_admin_trace_switch },
    { SOUK_HTTP_GET, "/admin/dead", api_admin_dead },
    { SOUK_HTTP_POST, "/admin/dead/{letter}/replay", api_admin_replay },
    { SOUK_HTTP_GET, "/admin/journal/*", api_admin_journal },
    { SOUK_HTTP_OTHER, NULL, NULL },
};

uint64_t
api_now_ns(void)
{
    const struct souk_world *world = souk_world_os();
    return world->monotonic_ns(world->self);
}

uint64_t
api_wall_ms(void)
{
    const struct souk_world *world = souk_world_os();
    return world->wall_ms(world->self);
}

/* ---- Calls. ---- */

static struct api_call *
call_begin(struct api_worker *at, souk_http_exchange *exchange)
{
    if (!at->free) {
        struct api_slab *slab = calloc(1, sizeof *slab);
        if (!slab) return NULL;
        slab->next = at->slabs;
        at->slabs = slab;
        for (unsigned i = 0; i < API_SLAB; i++) {
            slab->calls[i].next = at->free;
            at->free = &slab->calls[i];
        }
    }
    struct api_call *call = at->free;
    at->free = call->next;
    call->next = NULL;
    call->at = at;
    call->exchange = exchange;
    call->id_name = NULL;
    call->is_order = call->by_hint = call->looking = false;
    call->room_used = 0;
    at->counts.calls++;
    return call;
}

static void
forget(struct api_call *call)
{
    for (unsigned i = 0; i < API_ASKS; i++) {
        if (call->asks[i].under_way) souk_worker_forget(call->at->worker, &call->asks[i].request);
        call->asks[i].under_way = false;
    }
    souk_hint_forget(&call->waiter);
    api_feed_end(call);
    if (call->looking) souk_worker_look_forget(call->at->worker, &call->look);
    call->looking = false;
}

souk_http_exchange *
api_call_end(struct api_call *call)
{
    struct api_worker *at = call->at;
    souk_http_exchange *exchange = call->exchange;
    forget(call);
    exchange->user = NULL;
    exchange->on_gone = NULL;
    call->exchange = NULL;
    call->next = at->free;
    at->free = call;
    at->counts.calls--;
    return exchange;
}

/* The client has left. Its exchange must still be answered, but not here and now. */
static void
on_gone(souk_http_exchange *exchange)
{
    struct api_call *call = exchange->user;
    struct api_worker *at = call->at;
    at->counts.gone++;
    if (at->leaving) { /* Nothing may be answered any more. */
        api_call_end(call);
        return;
    }
    forget(call);
    exchange->on_gone = NULL;
    call->next = at->gone;
    at->gone = call;
}

static void
answer_gone(struct api_worker *at)
{
    while (at->gone) {
        struct api_call *call = at->gone;
        at->gone = call->next;
        souk_http_answer(api_call_end(call), 503, NULL, 0, SOUK_TEXT(""), SOUK_TEXT(""));
    }
}

/* ---- Routing. ---- */

static int
hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A segment without its %XX. What is too long to be an id, or badly written, becomes a text that is none. */
static struct souk_text
decode(struct api_call *call, const char *at, const char *end)
{
    size_t length = 0;
    char *out = call->room;
    for (; at < end && length <= ADDRESS_ID_MAX; at++) {
        if (*at != '%') {
            out[length++] = *at;
            continue;
        }
        int high = end - at > 2 ? hex(at[1]) : -1, low = end - at > 2 ? hex(at[2]) : -1;
        if (high < 0 || low < 0) return (struct souk_text){ out, 0 };
        out[length++] = (char)(high << 4 | low);
        at += 2;
    }
    call->room_used = length;
    return (struct souk_text){ out, length };
}

/* Whether a path is of a pattern; if so its parameter is left in the call. */
static bool
fits(struct api_call *call, const char *pattern, struct souk_text path)
{
    const char *at = path.at, *end = path.at + path.length;
    for (; *pattern; pattern++) {
        if (*pattern == '*') return at < end;
        if (*pattern == '{') {
            const char *slash = memchr(at, '/', (size_t)(end - at));
            const char *stop = slash ? slash : end;
            if (stop == at) return false;
            const char *name = pattern + 1;
            pattern = strchr(pattern, '}');
            const char *rest = pattern + 1; /* Decoded only when the rest fits too. */
            if ((size_t)(end - stop) != strlen(rest) || memcmp(stop, rest, (size_t)(end - stop)) != 0) return false;
            call->id = decode(call, at, stop);
            call->id_name = name;
            return true;
        }
        if (at == end || *at++ != *pattern) return false;
    }
    return at == end;
}

/* The path is known, but not with this method. */
static void
wrong_method(struct api_call *call, const char *allowed)
{
    struct api_worker *at = call->at;
    struct souk_text body;
    souk_json_writer *writer = api_writer(call);
    souk_problem_write(writer, SOUK_PROBLEM_METHOD, SOUK_TEXT(""), NULL, 0);
    souk_err err = souk_json_done(writer, &body);
    souk_assert(err == SOUK_OK);
    at->counts.problems[SOUK_PROBLEM_METHOD]++;
    const struct souk_http_header allow = { SOUK_TEXT("Allow"), souk_text_of(allowed) };
    souk_http_answer(api_call_end(call), 405, &allow, 1, SOUK_TEXT(SOUK_PROBLEM_CONTENT_TYPE), body);
}

static void
route(struct api_call *call)
{
    static const char *const names[] = { "", "GET, HEAD", "HEAD", "POST", "PUT", "DELETE" };
    souk_http_exchange *exchange = call->exchange;
    enum souk_http_method method = exchange->method == SOUK_HTTP_HEAD ? SOUK_HTTP_GET : exchange->method;
    char allowed[64] = "";
    for (const struct api_route *r = souk_api_routes; r->handle; r++) {
        if (!fits(call, r->pattern, exchange->path)) continue;
        if (r->method == method) {
            call->route = r;
            call->at->counts.requests[r - souk_api_routes]++;
            r->handle(call);
            return;
        }
        if (*allowed) strcat(allowed, ", ");
        strcat(allowed, names[r->method]);
    }
    if (*allowed) wrong_method(call, allowed);
    else api_problem(call, SOUK_PROBLEM_NOT_FOUND, "there is nothing at this path", NULL, 0);
}

static void
handle(void *arg, souk_http_exchange *exchange)
{
    struct api_worker *at = arg;
    struct api_call *call = call_begin(at, exchange);
    if (!call) {
        at->counts.problems[SOUK_PROBLEM_OVERLOADED]++;
        souk_http_problem(exchange, SOUK_PROBLEM_OVERLOADED, SOUK_TEXT(""), NULL, 0);
        return;
    }
    exchange->user = call;
    exchange->on_gone = on_gone;
    route(call);
}

/* ---- The guest. ---- */

static void
show(_Atomic uint64_t *shown, const void *counts, size_t count)
{
    const uint64_t *from = counts;
    /* relaxed: numbers for people, which no other memory depends on */
    for (size_t i = 0; i < count; i++) atomic_store_explicit(&shown[i], from[i], memory_order_relaxed);
}

void
api_publish(struct api_worker *at)
{
    show(at->shown_api, &at->counts, API_SHOWN_API);
    show(at->shown_http, &at->http_counts, API_SHOWN_HTTP);
    if (at->number == 0 && at->api->options.provider)
        show(at->shown_provider, at->api->options.provider, API_SHOWN_PROVIDER);
}

static void
worker_free(struct api_worker *at)
{
    souk_json_fini(&at->writer);
    souk_json_reader_close(&at->reader);
    souk_prometheus_fini(&at->page);
    while (at->slabs) {
        struct api_slab *slab = at->slabs;
        at->slabs = slab->next;
        free(slab);
    }
    free(at);
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    souk_api *api = self;
    struct api_worker *at = calloc(1, sizeof *at);
    if (!at) return SOUK_ERR_MEMORY;
    souk_assert(number < API_WORKERS_MAX);
    at->api = api;
    at->worker = worker;
    at->node = souk_worker_node(worker);
    at->number = number;
    souk_json_init_growing(&at->writer, API_ANSWER_MAX);
    at->reader = souk_json_reader_open();
    uint16_t port = atomic_load(&api->port);
    const struct souk_http_options options = {
        .host = api->options.host, .port = port ? port : api->options.port, .join = number > 0, .handler = handle,
        .arg = at, .counters = &at->http_counts, .connections_max = api->options.connections_max,
    };
    souk_err err = at->reader ? souk_hints_open(&at->hints, worker) : SOUK_ERR_MEMORY;
    if (!err) err = souk_http_open(&at->http, loop, &options);
    if (err) {
        atomic_store(&api->fault, (int)err);
        souk_hints_close(&at->hints);
        worker_free(at);
        return err;
    }
    souk_http_tick(at->http, api_now_ns(), api_wall_ms());
    atomic_store(&api->port, souk_http_port(at->http));
    atomic_store(&api->workers[number], at);
    return SOUK_OK;
}

static void
leave(void *self, souk_worker *worker SOUK_UNUSED, unsigned number)
{
    souk_api *api = self;
    struct api_worker *at = atomic_load(&api->workers[number]);
    answer_gone(at);
    at->leaving = true;
    api_readers_end(at);
    souk_http_close(&at->http);
    souk_hints_close(&at->hints);
}

static void
tick(void *self, souk_worker *worker SOUK_UNUSED, unsigned number, uint64_t now_ns)
{
    souk_api *api = self;
    struct api_worker *at = atomic_load_explicit(&api->workers[number], memory_order_relaxed); /* Our own. */
    answer_gone(at);
    souk_http_tick(at->http, now_ns, api_wall_ms());
    if (!at->draining && atomic_load_explicit(&api->draining, memory_order_relaxed)) {
        at->draining = true;
        souk_http_drain(at->http);
    }
    api_feeds_tick(at, now_ns, at->draining);
    api_readers_tick(at, at->draining);
    api_publish(at);
}

/* Never while it isn't draining: the node asks all the time and may look at an old answer. */
static bool
idle(void *self, souk_worker *worker SOUK_UNUSED, unsigned number)
{
    souk_api *api = self;
    struct api_worker *at = atomic_load_explicit(&api->workers[number], memory_order_relaxed); /* Our own. */
    return at->draining && !at->readers && souk_http_in_flight(at->http) == 0 && souk_http_connections(at->http) == 0;
}

souk_err
souk_api_open(souk_api **out, const struct souk_api_options *options)
{
    souk_api *api = calloc(1, sizeof *api);
    if (!api) return SOUK_ERR_MEMORY;
    api->options = *options;
    *out = api;
    return SOUK_OK;
}

struct souk_guest
souk_api_guest(souk_api *api)
{
    return (struct souk_guest){ .self = api, .enter = enter, .leave = leave, .tick = tick, .idle = idle };
}

uint16_t
souk_api_port(const souk_api *api)
{
    return atomic_load(&api->port);
}

void
souk_api_drain(souk_api *api)
{
    atomic_store(&api->draining, true);
}

souk_err
souk_api_fault(const souk_api *api)
{
    return (souk_err)atomic_load(&api->fault);
}

void
souk_api_close(souk_api **api_p)
{
    souk_api *api = *api_p;
    *api_p = NULL;
    if (!api) return;
    for (unsigned i = 0; i < API_WORKERS_MAX; i++) {
        struct api_worker *at = atomic_load(&api->workers[i]);
        if (at) worker_free(at);
    }
    free(api);
}
