/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_effect.h -- what a request does to the simulated provider's book; between provider_api.c and
 * provider_effect.c. */
#ifndef SOUK_PROVIDER_EFFECT_H
#define SOUK_PROVIDER_EFFECT_H

#include "provider_api.h"
#include "provider_form.h"

/* Above it no amount is taken. */
#define PROVIDER_AMOUNT_MAX INT64_C(999999999999)

/* A request on its way through. */
struct provider_request {
    struct provider_api *api;
    souk_http_exchange *exchange;
    struct souk_text key;      /* The idempotency key, or a stand-in. */
    struct provider_key *kept; /* NULL: there is no key. */
    struct provider_form form;
    struct provider_answer answer;
    struct provider_intent *late; /* Its authorisation is still to happen. */
};

enum provider_operation { OP_AUTHORISE, OP_CAPTURE, OP_CANCEL, OP_REFUND, OP_RETRIEVE, OP_SEARCH, OP_LIST,
                          OP_NO_ROUTE };

/* Does one of the first four, with its line in the ledger and its webhook; sets request->answer, and perhaps `late`.
 * `id` is the intent's, from the path. */
void souk_provider_effect(struct provider_request *request, enum provider_operation operation, struct souk_text id);
/* A late authorisation happens now: what is answered. */
struct provider_answer souk_provider_effect_late(struct provider_api *api, struct provider_intent *intent,
                                                 struct souk_text key, bool expand_charge);

#endif
