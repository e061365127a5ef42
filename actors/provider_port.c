/* SPDX-License-Identifier: Apache-2.0 */
/* provider_port.c -- the port's name and number. The number is in the journal with each call: never changed. */
#include "provider_port.h"

const struct souk_port souk_payment_port = { "payment", 1 };
