/* SPDX-License-Identifier: Apache-2.0 */
/* provider_port.h -- the door to the payment provider: its operations are the provider_* records of payment.h.
 *
 * A driver answers SOUK_DONE with a provider_result for each definite answer, a decline included; SOUK_REFUSED for a
 * request that the provider says is wrong (a definite 4xx); SOUK_DEAD for an unknown end: a timeout, a broken
 * connection, a 5xx, a 409 or 429. It sends the call's key as the idempotency key, and adds nothing of its own: who
 * retries is the payment. */
#ifndef ACTORS_PROVIDER_PORT_H
#define ACTORS_PROVIDER_PORT_H

#include <souk/actor.h>

/* Port number 1, "payment". */
extern const struct souk_port souk_payment_port;

/* How an intent stands, in provider_result. */
enum provider_status {
    PROVIDER_REQUIRES_CAPTURE = 1, /* Authorised. */
    PROVIDER_SUCCEEDED,            /* Captured. */
    PROVIDER_CANCELED,
    PROVIDER_REQUIRES_ACTION,
    PROVIDER_DECLINED,
    PROVIDER_PROCESSING,
    PROVIDER_MISSING, /* The answer to provider_retrieve: there is no such intent. */
    PROVIDER_UNKNOWN, /* A status that the driver doesn't know. */
};

#endif
