/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_api.h -- the simulated provider's HTTP API: requests in, effects in the book, answers out or not. */
#ifndef SOUK_PROVIDER_API_H
#define SOUK_PROVIDER_API_H

#include "provider_book.h"
#include "provider_hook.h"

#include "gateway/http.h"

/* An answer that isn't given at once. */
struct provider_wait;
struct provider_queue { struct provider_wait *head, *tail; };

/* The caller's memory. Set what stands above the line, zero the rest. */
struct provider_api {
    struct provider_book *book;
    const struct provider_faults *faults;
    souk_provider_hook *hook; /* May be NULL. */
    uint64_t began_ns;
    uint64_t now_ns, wall_ms;
    /* -- below this line: provider_api.c's own -- */
    struct provider_queue slow, hold, late, break_off;
    uint64_t requests, sweep_ns;
};

/* For souk_http_options: `arg` is the struct provider_api. */
void souk_provider_api_handle(void *arg, souk_http_exchange *exchange);
/* Gives the answers that are due, from outside the handler, and returns when the next is: nanoseconds of the same
 * clock, UINT64_MAX for never. */
uint64_t souk_provider_api_step(struct provider_api *api, uint64_t now_ns, uint64_t wall_ms);
/* Forgets what waits, before the server is closed. */
void souk_provider_api_close(struct provider_api *api);

#endif
