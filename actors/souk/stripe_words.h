/* SPDX-License-Identifier: Apache-2.0 */
/* souk/stripe_words.h -- the part of stripe_words.c that only stripe.c calls. */
#ifndef SOUK_STRIPE_WORDS_H
#define SOUK_STRIPE_WORDS_H

#include "stripe.h"

/* Reads an event whose signature has been verified. Errors as souk_stripe_webhook()'s. */
souk_err souk_stripe_event_read(souk_json_reader *reader, struct souk_text body, struct souk_stripe_event *event)
    SOUK_MUST_CHECK;

#endif
