/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_feed.c -- a sale as it happens: Server-Sent Events from a subscription to the events of its stock.
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html)
 *
 * An event's id is its place in the journal. A client that comes back says the last one that it got, as browsers do,
 * and misses nothing; without it the stream begins now. What a client doesn't take stays in the journal: no more than
 * SOUK_HTTP_STREAM_MAX bytes wait for him, and one who is too far behind is told that events were left out, or is cut
 * off when nothing moves any more. Reservations have a name of their own here: an order's would open the order. */
#include "api_inside.h"

#include <stdio.h>
#include <string.h>

enum { LAG_MAX = 10000, BEAT_MS = 15000, STALL_MS = 30000, LINE_MAX = 400 };

static bool
send_text(struct api_call *call, const char *text, size_t length)
{
    bool sent = souk_http_stream_write(call->exchange, (struct souk_text){ text, length });
    if (sent) call->feed.sent_ns = api_now_ns();
    return sent;
}

/* The rest of an event's line that says which it is and what it tells. */
static int
describe(struct api_call *call, const struct souk_happened *h, char *out, size_t size)
{
    souk_worker *w = call->at->worker;
    char hold[ADDRESS_NAME_LENGTH + 1] = "";
    struct stock_reserved reserved;
    struct stock_turned_away away;
    struct stock_confirmed confirmed;
    struct stock_released released;
    struct stock_returned returned;
    const char *name = "expired";
    souk_key key = { 0, 0 };
    uint32_t number = 0, units = 0;
    if (!h->kind)
        return snprintf(out, size, "event: skipped\ndata: {\"events\":%llu}\n\n", (unsigned long long)h->skipped);
    if (souk_worker_event_read(w, h, stock_reserved, &reserved)) {
        name = "reserved";
        key = reserved.reservation;
        number = reserved.number;
        units = reserved.units;
    } else if (souk_worker_event_read(w, h, stock_turned_away, &away)) {
        name = "turned-away";
        number = away.number;
        units = away.units;
    } else if (souk_worker_event_read(w, h, stock_confirmed, &confirmed)) {
        name = "sold";
        key = confirmed.reservation;
    } else if (souk_worker_event_read(w, h, stock_released, &released)) {
        name = "released";
        key = released.reservation;
    } else if (souk_worker_event_read(w, h, stock_returned, &returned)) {
        name = "returned";
        key = returned.reservation;
        units = returned.units;
    }
    int length = snprintf(out, size, "event: %s\ndata: {\"at_ms\":%llu", name, (unsigned long long)h->time_ms);
    if (number) length += snprintf(out + length, size - (size_t)length, ",\"number\":%u", number);
    if (units) length += snprintf(out + length, size - (size_t)length, ",\"units\":%u", units);
    if (!souk_key_none(key)) {
        address_write_name(souk_node_key_pair(call->at->node, h->actor, key), hold);
        length += snprintf(out + length, size - (size_t)length, ",\"hold\":\"%s\"", hold);
    }
    return length + snprintf(out + length, size - (size_t)length, "}\n\n");
}

static bool
happened(struct souk_subscription *subscription, souk_worker *worker SOUK_UNUSED, const struct souk_happened *h)
{
    char *at = (char *)subscription - offsetof(struct api_call, feed.subscription);
    struct api_call *call = (struct api_call *)(void *)at;
    char line[LINE_MAX];
    int length = snprintf(line, sizeof line, "id: %llu.%u\n", (unsigned long long)h->position, h->ordinal);
    length += describe(call, h, line + length, sizeof line - (size_t)length);
    souk_assert(length > 0 && length < LINE_MAX);
    return send_text(call, line, (size_t)length); /* May end the call, when the client has left. */
}

static void
begin(struct api_call *call, const struct souk_reply *reply)
{
    static const char hello[] = "retry: 1000\n\n";
    struct api_worker *at = call->at;
    struct sale_view sale;
    if (!api_read(call, reply, souk_layout_of_sale_view, &sale)) return;
    souk_key stock = node_stock_key(at->node, sale.sale, sale.sku);
    if (call->exchange->method == SOUK_HTTP_HEAD) {
        souk_http_answer(api_call_end(call), 200, NULL, 0, SOUK_TEXT("text/event-stream"), SOUK_TEXT(""));
        return;
    }
    call->feed.open = true;
    call->feed.next = at->feeds;
    if (at->feeds) at->feeds->feed.previous = call;
    call->feed.previous = NULL;
    at->feeds = call;
    call->feed.subscription.happened = happened;
    souk_worker_subscribe(at->worker, &call->feed.subscription, &(struct souk_topic){
        .events = SOUK_EVENTS(stock_reserved, stock_turned_away, stock_confirmed, stock_released, stock_swept,
                              stock_returned),
        .after = call->feed.after, .actor = stock, .max_lag = LAG_MAX });
    if (souk_http_stream_begin(call->exchange, SOUK_TEXT("text/event-stream")))
        (void)send_text(call, hello, sizeof hello - 1);
    else api_problem(call, SOUK_PROBLEM_OVERLOADED, "there is no memory for another stream", NULL, 0);
}

/* "POSITION.ORDINAL", as we wrote it. */
static bool
cursor_of(struct souk_text text, struct souk_cursor *cursor)
{
    char copy[40];
    unsigned long long position;
    unsigned ordinal;
    int used = 0;
    if (text.length == 0 || text.length >= sizeof copy || strspn(text.at, "0123456789.") < text.length) return false;
    memcpy(copy, text.at, text.length);
    copy[text.length] = 0;
    if (text.length > 31 || sscanf(copy, "%20llu.%10u%n", &position, &ordinal, &used) != 2) return false;
    *cursor = (struct souk_cursor){ position, ordinal };
    return (size_t)used == text.length;
}

void
api_sale_feed(struct api_call *call)
{
    static const struct sale_show question;
    struct souk_text last;
    if (!api_id(call)) return;
    call->feed.after = SOUK_FROM_NOW;
    if (souk_http_header(call->exchange, SOUK_TEXT("last-event-id"), &last) && !cursor_of(last, &call->feed.after)) {
        api_problem(call, SOUK_PROBLEM_BAD_REQUEST, "Last-Event-ID is no id of an event of this feed", NULL, 0);
        return;
    }
    (void)api_ask(call, 0, souk_ref(sale, node_sale_key(call->at->node, call->id)), &sale_show_query, &question,
                  API_WITHIN_MS, begin);
}

void
api_feed_end(struct api_call *call)
{
    struct api_worker *at = call->at;
    if (!call->feed.open) return;
    call->feed.open = false;
    if (call->feed.next) call->feed.next->feed.previous = call->feed.previous;
    if (call->feed.previous) call->feed.previous->feed.next = call->feed.next;
    else at->feeds = call->feed.next;
    souk_worker_unsubscribe(at->worker, &call->feed.subscription);
}

void
api_feeds_tick(struct api_worker *at, uint64_t now_ns, bool end)
{
    for (struct api_call *call = at->feeds, *next; call; call = next) {
        next = call->feed.next;
        souk_worker_resume(at->worker, &call->feed.subscription);
        if (!call->feed.open) continue; /* The client had left. */
        uint64_t quiet_ms = (now_ns - call->feed.sent_ns) / 1000000;
        if (now_ns < call->feed.sent_ns) quiet_ms = 0;
        bool stalls = souk_http_stream_unsent(call->exchange) > 0 && quiet_ms >= STALL_MS;
        if (end || stalls) souk_http_hang_up(api_call_end(call));
        else if (quiet_ms >= BEAT_MS && !souk_http_stream_unsent(call->exchange)) (void)send_text(call, ":\n\n", 3);
    }
}
