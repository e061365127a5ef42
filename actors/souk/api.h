/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api.h -- the HTTP gateway of a node: the shop's and the buyers' routes, a guest on each worker's loop.
 *
 * Each worker has a server of its own on the same port, so that a request wakes no other thread: it is read, checked,
 * asked of the actors and answered on the worker that owns its connection. Nothing is allocated in an actor before all
 * of the request was checked. serve.c opens it. */
#ifndef SOUK_API_H
#define SOUK_API_H

#include <souk/node.h>

#include "stripe.h"
#include "wire/wire.h"

typedef struct souk_api souk_api;

/* All of it is borrowed for the gateway's life. */
struct souk_api_options {
    const char *host;
    uint16_t port;                 /* 0: a free one. */
    bool cards;                    /* A payment provider serves the port, so orders may be paid by card. */
    struct souk_text webhook_secret; /* Empty: there are no webhooks. */
    const struct souk_stripe_counters *provider; /* For /metrics; NULL: none. Worker 0 writes it. */
    const souk_wire *wire;         /* For /metrics; NULL: none. */
    unsigned connections_max;      /* Of each worker; 0: the gateway's own. */
    bool admin;                    /* Whether /admin is there: only where nobody else can reach it. */
};

/* SOUK_ERR_MEMORY. */
souk_err souk_api_open(souk_api **out, const struct souk_api_options *options) SOUK_MUST_CHECK;
/* The guest for souk_options. Its enter() fails as souk_http_open() does. */
struct souk_guest souk_api_guest(souk_api *api);
/* The port that it listens on; 0 before the first worker has entered. Any thread. */
uint16_t souk_api_port(const souk_api *api);
/* From now on nobody new is let in, and connections end with their answers. Before souk_node_drain(). Any thread. */
void souk_api_drain(souk_api *api);
/* Why enter() failed: SOUK_OK when it didn't. Any thread, when the node was refused. */
souk_err souk_api_fault(const souk_api *api);
/* Frees it, when the node is closed. */
void souk_api_close(souk_api **api_p);

#endif
