/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_faults.h -- how the simulated provider breaks: what was asked for, and whom it hits.
 *
 * Chance is a hash of the seed, the fault and the idempotency key: the same key fares alike in each run, whatever the
 * order of arrival. */
#ifndef SOUK_PROVIDER_FAULTS_H
#define SOUK_PROVIDER_FAULTS_H

#include <souk/base.h>

#include "base/hash.h"

/* All zeros: none. Probabilities from 0 to 1. */
struct provider_faults {
    struct souk_secret seed;
    double decline;              /* decline=P: an authorisation is declined. */
    double timeout_after_charge; /* timeout_after_charge=P: the effect happens, the answer never comes. */
    double error;                /* error=P: 500 without effect. Repeated for the key, as Stripe does. */
    double error_after_charge;   /* error_after_charge=P: 500 after the effect. */
    double twice;                /* twice=P: a webhook is delivered twice. */
    uint64_t slow_ms;            /* slow=MS: every answer takes so long. */
    uint64_t late_ms;            /* late=MS or late=MS@P: an authorisation stays `processing` so long, and the answer */
    double late;                 /* comes then; P is 0.02 if not given. */
    uint64_t down_ms, down_at_ms; /* down=S or down=S@T: S seconds of 503 and broken connections, T seconds (2) after
                                  * the start. */
    uint64_t hold_ms;            /* hold=MS: how long a connection without answer is held; 30000. */
};

/* Reads NAME=VALUE,NAME=VALUE... False: `why` has a sentence. */
bool souk_provider_faults_parse(struct provider_faults *faults, const char *text, char *why, size_t why_size);
/* Sets the seed. */
void souk_provider_faults_seed(struct provider_faults *faults, uint64_t seed);
/* Whether a fault of that name and probability hits this key. */
bool souk_provider_faults_hit(const struct provider_faults *faults, const char *name, double probability,
                         struct souk_text key);

#endif
