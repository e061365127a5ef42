/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_inside.h -- what the files of the gateway share, and nobody else includes: api.c has the workers, the calls
 * and the routes; api_ask.c asks actors and answers clients; api_sale.c, api_feed.c, api_order.c, api_account.c and
 * api_webhook.c have a handler for each route; api_body.c renders; api_watch.c shows the metrics,
 * api_admin.c what is inside, api_journal.c what is in the journal.
 *
 * A call is one request from its handler until its answer. It lies in a slab of its worker and is used again, so that a
 * request allocates nothing. A client that leaves ends its call at the next tick: what was asked of actors happens all
 * the same, only nobody hears of it. */
#ifndef SOUK_API_INSIDE_H
#define SOUK_API_INSIDE_H

#include "account.h"
#include "address.h"
#include "api.h"
#include "hint.h"
#include "order.h"
#include "payment.h"
#include "sale.h"
#include "stock.h"

#include <souk/inspect.h>

#include "base/histogram.h"
#include "gateway/http.h"
#include "gateway/json.h"
#include "watch/prometheus.h"
#include <souk/topic.h>

#include <stdatomic.h>

enum {
    API_WORKERS_MAX = 64,
    API_ASKS = 2,            /* Under way for one call. */
    API_ROOM = 512,          /* Bytes of a call for texts that must outlive the reader. */
    API_ANSWER_MAX = 1 << 20,
    API_WITHIN_MS = 5000,    /* For what settles at once: a sale, an account, a look. */
    API_WAIT_MS = 2000,      /* Without Prefer. */
    API_WAIT_MAX_MS = 60000,
    API_SLAB = 64,
};

/* How a request for an order was answered, for the metrics. */
enum api_outcome { API_PAID, API_NEEDS_REVIEW, API_PENDING, API_REFUSED, API_REFUSED_BY_HINT, API_OUTCOMES };
enum { API_ROUTES_MAX = 24 };

/* What a worker counts. Its thread writes; others read the copy of the last tick. */
struct api_counts {
    uint64_t requests[API_ROUTES_MAX];
    uint64_t problems[SOUK_PROBLEM_COUNT];
    uint64_t order_problems[SOUK_PROBLEM_COUNT];
    uint64_t outcomes[API_OUTCOMES];
    uint64_t sales_opened, sales_closed, credits, webhooks, webhooks_bad, gone, calls;
};

struct api_call;
struct api_worker;
struct api_reader;

struct api_route {
    enum souk_http_method method;
    const char *pattern; /* At most one segment is a parameter, in braces. A * at the end: all that follows. */
    void (*handle)(struct api_call *call);
};

/* A question to an actor. */
struct api_ask {
    struct souk_request request;
    struct api_call *call;
    void (*then)(struct api_call *call, const struct souk_reply *reply);
    bool under_way;
};

/* An order as it was asked for. */
struct api_wanted {
    struct souk_text customer, key, token;
    uint32_t units;
    enum order_method method;
    souk_key order, sale;
    uint32_t wait_ms;
    bool preferred;           /* The client said how long to wait. */
    enum souk_hint_word word; /* What was known of the sale at the door. */
    uint32_t reason;          /* Why it was cancelled, while the sale's opening is asked for. */
};

struct api_call {
    struct api_call *next;   /* Among the free, or the gone. */
    struct api_worker *at;
    souk_http_exchange *exchange;
    const struct api_route *route;
    struct api_ask asks[API_ASKS];
    struct souk_hint_waiter waiter;
    struct souk_look look;   /* Of a request to /admin. */
    bool looking;
    struct souk_text id;     /* The path's parameter, decoded. */
    const char *id_name;     /* What it is, "sale"; NULL: the path has none. */
    uint64_t began_ns;
    struct api_wanted wanted;
    unsigned status;         /* With which the sale is shown in the end. */
    bool is_order;           /* Its answer counts as one to an order. */
    bool by_hint;
    /* A sale's terms, until its stock answers too. */
    struct { struct sale_view view; char room[3 * ADDRESS_ID_MAX]; } terms;
    /* While it is a stream of what happens to a sale. */
    struct api_feed {
        struct souk_subscription subscription;
        struct souk_cursor after;
        struct api_call *next, *previous; /* Among the worker's. */
        uint64_t sent_ns;                 /* When it was last given anything. */
        bool open;
    } feed;
    size_t room_used;
    char room[API_ROOM];
};

struct api_slab {
    struct api_slab *next;
    struct api_call calls[API_SLAB];
};

/* Counts as another thread may read them. */
enum {
    API_SHOWN_API = sizeof(struct api_counts) / sizeof(uint64_t),
    API_SHOWN_HTTP = sizeof(struct souk_http_counters) / sizeof(uint64_t),
    API_SHOWN_PROVIDER = sizeof(struct souk_stripe_counters) / sizeof(uint64_t),
};

struct api_worker {
    souk_api *api;
    souk_worker *worker;
    const souk_node *node;
    unsigned number;
    souk_http *http;
    souk_json_reader *reader;
    souk_json_writer writer;
    struct souk_prometheus page;
    souk_hints *hints;
    struct api_slab *slabs;
    struct api_call *free, *gone, *feeds;
    struct api_reader *readers;
    bool leaving, draining;
    struct api_counts counts;
    struct souk_http_counters http_counts;
    struct souk_histogram order_ns;
    _Atomic uint64_t shown_api[API_SHOWN_API], shown_http[API_SHOWN_HTTP], shown_provider[API_SHOWN_PROVIDER];
};

struct souk_api {
    struct souk_api_options options;
    _Atomic bool draining;
    _Atomic uint16_t port;
    _Atomic int fault;
    _Atomic unsigned readers; /* Of the journal, at work. */
    struct api_worker *_Atomic workers[API_WORKERS_MAX];
};

SOUK_ADDRESSES(node, souk_node, souk_node_key_of, souk_node_key_pair)

/* ---- api.c ---- */

/* All routes; handle NULL at the end. */
extern const struct api_route souk_api_routes[];
/* Monotonic nanoseconds, and milliseconds since 1970. */
uint64_t api_now_ns(void);
uint64_t api_wall_ms(void);
/* Copies the worker's counts to where other threads read them. */
void api_publish(struct api_worker *at);
/* Ends a call: its questions and its wait are forgotten, its exchange is the caller's to answer. */
souk_http_exchange *api_call_end(struct api_call *call);

/* ---- api_ask.c ---- */

/* Asks an actor; `then` hears the answer. False: it could not be asked, and the call was answered. */
bool api_ask(struct api_call *call, unsigned which, souk_ref to, const struct souk_row *row, const void *message,
             uint32_t within_ms, void (*then)(struct api_call *call, const struct souk_reply *reply));
/* True for an answer that was accepted and, if `out` is given, read into it. Else the call was answered. */
bool api_read(struct api_call *call, const struct souk_reply *reply, const struct souk_layout *layout, void *out);
/* Answers with JSON that was written with the worker's writer. `location`: an order's, or NULL. */
void api_answer(struct api_call *call, unsigned status, const souk_key *location, bool applied);
/* Answers with a problem. */
void api_problem(struct api_call *call, enum souk_problem problem, const char *detail,
                 const struct souk_problem_member *members, size_t count);
/* Answers invalid-field. */
void api_invalid(struct api_call *call, const char *field, const char *why);
/* Reads the body by a table. False: the call was answered. */
bool api_body_read(struct api_call *call, const struct souk_json_field *fields, size_t count,
                   struct souk_json_value *values);
/* The Idempotency-Key. False: it is missing or malformed, and the call was answered. */
bool api_key(struct api_call *call, struct souk_text *key);
/* Whether the path's parameter is an id. False: the call was answered. */
bool api_id(struct api_call *call);
/* Copies a text into the call's room. */
struct souk_text api_keep(struct api_call *call, struct souk_text text);
/* The writer, emptied. */
souk_json_writer *api_writer(struct api_call *call);

/* ---- Handlers. ---- */

void api_sale_put(struct api_call *call);
void api_sale_close(struct api_call *call);
void api_sale_get(struct api_call *call);
void api_order_post(struct api_call *call);
void api_order_get(struct api_call *call);
void api_credit_post(struct api_call *call);
void api_account_get(struct api_call *call);
void api_webhook_post(struct api_call *call);
void api_livez(struct api_call *call);
void api_readyz(struct api_call *call);
void api_metrics(struct api_call *call);
void api_admin_kinds(struct api_call *call);
void api_admin_workers(struct api_call *call);
void api_admin_actors(struct api_call *call);
void api_admin_turns(struct api_call *call);
void api_admin_actor(struct api_call *call);
void api_admin_trace(struct api_call *call);
void api_admin_trace_switch(struct api_call *call);
void api_admin_dead(struct api_call *call);
void api_admin_replay(struct api_call *call);

/* ---- api_admin.c ---- */

/* Whether the client may look inside. False: the call was answered. */
bool api_admin_allowed(struct api_call *call);

/* ---- api_journal.c ---- */

void api_admin_journal(struct api_call *call);
/* Lets go of the worker's readers that have come to their end; with `end` the others are told to. */
void api_readers_tick(struct api_worker *at, bool end);
/* Ends all of them, and waits. */
void api_readers_end(struct api_worker *at);

/* ---- api_feed.c ---- */

void api_sale_feed(struct api_call *call);
/* Ends a call's stream, if it is one. */
void api_feed_end(struct api_call *call);
/* Goes on with those whose clients were slow, shows the others that they live; or ends them all. */
void api_feeds_tick(struct api_worker *at, uint64_t now_ns, bool end);

/* ---- api_body.c ---- */

/* {"amount":1999,"currency":"EUR"}; null without a currency. */
void api_write_money(souk_json_writer *writer, const char *name, int64_t amount, struct souk_text currency);
/* A key's public name. */
void api_write_name(souk_json_writer *writer, const char *name, souk_key key);
/* A moment. */
void api_write_time(souk_json_writer *writer, const char *name, uint64_t at_ms);
/* An order as it stands, always the same bytes for the same view. */
void api_write_order(souk_json_writer *writer, const struct order_view *view, bool history);
/* A sale and its stock. */
void api_write_sale(souk_json_writer *writer, const struct sale_view *sale, const struct stock_view *stock);
/* An account. */
void api_write_account(souk_json_writer *writer, const struct account_view *view);
/* The problem that a cancelled order is told with, and its sentence. */
enum souk_problem api_reason_problem(uint32_t reason, const char **detail);

#endif
