/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/http.h -- an HTTP/1.1 server inside a worker's loop. It wakes no other thread, never blocks and never logs.
 *
 * One server belongs to one loop and all its calls to that loop's thread; several may listen on one port, and the
 * kernel spreads connections over them. Requests of a connection are answered in order: the next is not looked at
 * before the one before is answered. An idle connection holds no buffer. Memory comes from malloc, within a bound. */
#ifndef SOUK_GATEWAY_HTTP_H
#define SOUK_GATEWAY_HTTP_H

#include "gateway/parse.h"
#include "gateway/problem.h"
#include "world/loop.h"

typedef struct souk_http souk_http;

/* One request, from the handler's call until its answer. Look, don't touch, except for the last two members. */
typedef struct souk_http_exchange {
    enum souk_http_method method;
    struct souk_text path, query; /* As they came, not decoded. These and the body live until the answer. */
    struct souk_text body;
    bool closing; /* The client has finished sending; it may have left, or wait for this answer only. */
    bool gone;    /* The client has left. Answer all the same: that is what ends the exchange. */
    void *user;   /* The handler's. */
    /* Called once when `gone` becomes true, if set. Must not answer then and there. */
    void (*on_gone)(struct souk_http_exchange *exchange);
} souk_http_exchange;

/* What a server counted; plain numbers that its thread writes. Several servers must not share one. */
struct souk_http_counters {
    uint64_t accepted, refused, open; /* Connections; `open` is how many there are now. */
    uint64_t requests, bytes_in, bytes_out;
    uint64_t malformed, unknown_method, head_too_large, body_too_large, overloaded;
    uint64_t timeouts_head, timeouts_body, timeouts_idle, timeouts_write;
    uint64_t gone;              /* Clients that left before their answer. */
    uint64_t answers_too_large; /* Connections closed because their answers piled up. */
};

/* Zero means the default that is given here. */
struct souk_http_options {
    const char *host; /* A name or a numeric address; "127.0.0.1". */
    uint16_t port;    /* 0: a free one. */
    bool join;        /* Another server of this process listens there: share its port. Else a port that
                                 * anybody listens on is refused. */
    void (*handler)(void *arg, souk_http_exchange *exchange); /* Compulsory. Answers at once or later. */
    void *arg;
    struct souk_http_counters *counters; /* May be NULL. Borrowed for the server's life. */
    unsigned connections_max; /* 16384. Above it a client is told 503 and let go: it learns at once to come back,
                                 * where a full backlog would leave it to guess. */
    uint32_t head_max;        /* 16 KiB */
    uint32_t body_max;        /* 64 KiB */
    uint32_t drain_max;       /* 1 MiB: read over after a refusal, so that the client gets to see it. */
    uint32_t answer_max;      /* 4 MiB: unsent bytes of one connection. */
    size_t memory_max;        /* 256 MiB of buffers; above it requests get 503. */
    uint64_t head_ns, body_ns, idle_ns, write_ns, linger_ns; /* 10, 30, 75, 30, 5 s */
};

struct souk_http_header {
    struct souk_text name, value;
};

/* Opens a server on the loop. SOUK_ERR_USAGE: no such host. SOUK_ERR_BUSY: the port is taken. SOUK_ERR_IO: errno says
 * why. SOUK_ERR_MEMORY. */
souk_err souk_http_open(souk_http **out, souk_loop *loop, const struct souk_http_options *options) SOUK_MUST_CHECK;
/* Closes all connections at once. Exchanges under way are told that they are gone, and none may be answered any more.
 * Not from inside the handler. */
void souk_http_close(souk_http **http_p);
/* The port that it listens on. */
uint16_t souk_http_port(const souk_http *http);
/* Stops listening and closes idle connections; requests under way are answered with Connection: close. */
void souk_http_drain(souk_http *http);
/* Requests that were handed out and not yet answered. */
unsigned souk_http_in_flight(const souk_http *http);
/* Connections that are open; 0 after a drain means that all answers have left. */
unsigned souk_http_connections(const souk_http *http);
/* Tells the time: monotonic nanoseconds, and Unix milliseconds for the Date header (0: send none). Closes what is too
 * slow. Call it once before the first poll and then about once a second or oftener; it costs nothing when nothing is
 * due. */
void souk_http_tick(souk_http *http, uint64_t now_ns, uint64_t wall_ms);

/* How often the request has a header, and the value of its first; `name` in lower case. Borrows until the answer. */
unsigned souk_http_header(const souk_http_exchange *exchange, struct souk_text name, struct souk_text *value);

/* Answers and ends the exchange; copies all. May call the handler for the next request of the same connection.
 * Values of `extra` must not come from the client unchecked: control characters in them become blanks. */
void souk_http_answer(souk_http_exchange *exchange, unsigned status, const struct souk_http_header *extra, size_t count,
                      struct souk_text content_type, struct souk_text body);
/* Answers with a problem, with Retry-After where it is due. */
void souk_http_problem(souk_http_exchange *exchange, enum souk_problem problem, struct souk_text detail,
                       const struct souk_problem_member *members, size_t count);
/* An answer without an end: its head goes out, and what is written follows, until the exchange ends by
 * souk_http_hang_up(). The connection is then closed: that is how the client sees the end. Not for HEAD. False: there
 * is no memory, and the exchange is still to be answered. */
bool souk_http_stream_begin(souk_http_exchange *exchange, struct souk_text content_type);
/* Sends more. False: so much waits for the client that this must be said again later. What is written for one who has
 * left is gone; on_gone() may be called in here. */
bool souk_http_stream_write(souk_http_exchange *exchange, struct souk_text text);
/* Bytes that the client has not taken yet. */
size_t souk_http_stream_unsent(const souk_http_exchange *exchange);
enum { SOUK_HTTP_STREAM_MAX = 64 * 1024 };
/* Ends the exchange without an answer and gives its socket away: what is sent there from now on, head and all, is the
 * caller's affair, on whatever thread, and so is closing it. For answers that somebody must wait for, as loops may not.
 * What the client asked behind this request is dropped. -1: it has left, has not taken its earlier answers, or there
 * are no descriptors left; then the exchange is still to be answered. */
int souk_http_take(souk_http_exchange *exchange) SOUK_MUST_CHECK;
/* Ends the exchange without an answer and closes its connection: for simulated servers that break. Not from inside the
 * handler. */
void souk_http_hang_up(souk_http_exchange *exchange);

#endif
