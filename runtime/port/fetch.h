/* SPDX-License-Identifier: Apache-2.0 */
/* port/fetch.h -- HTTP and HTTPS requests to the outside world, on a loop: what the drivers of ports speak through.
 *
 * All calls belong to the loop's thread. Certificates are verified, redirections are answers like any other, proxies of
 * the environment are ignored, and connections are kept for the next request. A request that was begun may have had its
 * effect whatever its fault says, except where the fault is SOUK_ERR_IO. */
#ifndef SOUK_PORT_FETCH_H
#define SOUK_PORT_FETCH_H

#include "world/loop.h"

typedef struct souk_fetch souk_fetch;

/* Zero means the default that is given here. */
struct souk_fetch_options {
    unsigned connections;  /* 128: requests on the wire at a time; what is more waits its turn. */
    unsigned under_way;    /* 65536: requests taken and not yet ended. */
    uint32_t body_max;     /* 256 KiB: the largest body of an answer. */
    uint32_t connect_ms;   /* 5000 */
    const char *ca_file;   /* The system's. PEM, for a provider with a certificate authority of its own. */
};

struct souk_fetch_header { struct souk_text name, value; };

/* The end of a request. Borrows for the callback only. */
struct souk_fetch_answer {
    souk_err fault;        /* SOUK_OK: an answer came. IO: it was not sent (no such host, refused, no TLS); LATE;
                            * CLOSED: the connection broke; TOO_LARGE; MALFORMED. Then all else is empty. */
    unsigned status;       /* 0 with a fault. */
    struct souk_text body;
    const void *head;      /* For souk_fetch_header(). */
};

/* Called once for each request that was taken, never from within souk_fetch_send(). May send the next. */
typedef void souk_fetch_done(void *arg, const struct souk_fetch_answer *answer);

struct souk_fetch_request {
    struct souk_text method;   /* "GET", "POST", "DELETE" */
    struct souk_text url;      /* http or https, visible ASCII, without user, password and fragment. */
    const struct souk_fetch_header *headers;
    size_t header_count;       /* At most 16. */
    struct souk_text body;     /* None with GET. */
    uint32_t timeout_ms;       /* From souk_fetch_send() to the whole answer; to about the interval of the ticks. */
    souk_fetch_done *done;
    void *arg;
};

/* SOUK_ERR_MEMORY; SOUK_ERR_BUSY: no descriptors are left; SOUK_ERR_IO: the library could not be set up. */
souk_err souk_fetch_open(souk_fetch **out, souk_loop *loop, const struct souk_fetch_options *options) SOUK_MUST_CHECK;
/* Closes all connections; the callbacks of requests under way are not called. Not from inside a callback. */
void souk_fetch_close(souk_fetch **fetch_p);
/* Takes a request, copying it. SOUK_ERR_BUSY: too many are under way. SOUK_ERR_USAGE: a URL or header that isn't one.
 * SOUK_ERR_MEMORY. */
souk_err souk_fetch_send(souk_fetch *fetch, const struct souk_fetch_request *request) SOUK_MUST_CHECK;
/* Tells the time and ends what is late. Once before the first request, then about every 100 ms. */
void souk_fetch_tick(souk_fetch *fetch, uint64_t now_ns);
/* Requests that were taken and not yet ended. */
unsigned souk_fetch_under_way(const souk_fetch *fetch);
/* Whether the answer has a header, and the value of its first. Any case; borrows for the callback. */
bool souk_fetch_header(const struct souk_fetch_answer *answer, const char *name, struct souk_text *value);

#endif
