/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httpclient.h -- a small HTTP/1.1 client on a loop: many keep-alive connections to one server, one request at
 * a time on each. For the load generator and for tests; it speaks what our server speaks, and no TLS.
 *
 * All calls belong to the loop's thread. In steady state a request allocates nothing. */
#ifndef SOUK_GATEWAY_HTTPCLIENT_H
#define SOUK_GATEWAY_HTTPCLIENT_H

#include "gateway/http.h"

typedef struct souk_httpclient souk_httpclient;

/* Zero means the default that is given here. */
struct souk_httpclient_options {
    const char *host; /* "127.0.0.1" */
    uint16_t port;
    unsigned connections; /* 1. Opened when first needed, and again when they were closed. */
    bool eager;           /* Opens all of them at once. */
    uint64_t timeout_ns;  /* 30 s, from souk_httpclient_send() to the whole answer. */
    uint32_t answer_max;  /* 16 MiB: the largest body of an answer. */
};

/* The end of a request. Borrows for the callback only. */
struct souk_httpclient_answer {
    souk_err fault; /* SOUK_OK: an answer came. CLOSED: the connection broke, nobody knows what the server did;
                            * IO: it could not be made; LATE; MALFORMED; TOO_LARGE. Then all else is empty. */
    unsigned status;
    struct souk_text body;
    const void *head; /* For souk_httpclient_header(). */
};

/* Called once for each request that was taken, never from within souk_httpclient_send(). May send the next. */
typedef void souk_httpclient_done(void *arg, const struct souk_httpclient_answer *answer);

struct souk_httpclient_request {
    struct souk_text method, target;        /* As they go on the wire: "POST", "/v1/..." */
    const struct souk_http_header *headers; /* Beside Host and Content-Length. No control characters. */
    size_t header_count;
    struct souk_text content_type; /* Empty: none. */
    struct souk_text body;
    souk_httpclient_done *done;
    void *arg;
};

/* SOUK_ERR_USAGE: no such host. SOUK_ERR_MEMORY. That nobody listens shows with the first request. */
souk_err souk_httpclient_open(souk_httpclient **out, souk_loop *loop,
                              const struct souk_httpclient_options *options) SOUK_MUST_CHECK;
/* Closes all connections; the callbacks of requests under way are not called. Not from inside a callback. */
void souk_httpclient_close(souk_httpclient **client_p);
/* Sends a request, copying it. SOUK_ERR_BUSY: no connection is free; SOUK_ERR_IO, SOUK_ERR_MEMORY: not sent. */
souk_err souk_httpclient_send(souk_httpclient *client, const struct souk_httpclient_request *request) SOUK_MUST_CHECK;
/* How many requests could be sent now. */
unsigned souk_httpclient_free(const souk_httpclient *client);
/* How many connections stand. */
unsigned souk_httpclient_connected(const souk_httpclient *client);
/* Tells the time and ends requests that are late. Call it before the first send and then oftener than the timeout. */
void souk_httpclient_tick(souk_httpclient *client, uint64_t now_ns);
/* How often the answer has a header, and the value of its first; `name` in lower case. */
unsigned souk_httpclient_header(const struct souk_httpclient_answer *answer, struct souk_text name,
                                struct souk_text *value);

#endif
