/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_hook.h -- the simulated provider's webhooks: signed, delivered at least once, in no promised order. */
#ifndef SOUK_PROVIDER_HOOK_H
#define SOUK_PROVIDER_HOOK_H

#include "provider_book.h"

#include "world/loop.h"

typedef struct souk_provider_hook souk_provider_hook;

struct provider_hook_options {
    const char *host, *path;  /* Where to POST, over plain HTTP. Borrowed for the hook's life. */
    uint16_t port;
    struct souk_text secret;  /* Borrowed for the hook's life. */
};

/* NULL: the host is unknown, or no memory. */
souk_provider_hook *souk_provider_hook_open(souk_loop *loop, const struct provider_hook_options *options);
/* What was not delivered is forgotten. */
void souk_provider_hook_close(souk_provider_hook **hook_p);
/* Queues an event, `times` times. NULL hook: nothing happens. */
void souk_provider_hook_send(souk_provider_hook *hook, const struct provider_answer *answer, const char *type,
                             unsigned times);
/* Tells the time and sends what is due; about every 50 ms. NULL is allowed. */
void souk_provider_hook_tick(souk_provider_hook *hook, uint64_t now_ns, uint64_t wall_ms);

#endif
