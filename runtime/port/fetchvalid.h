/* SPDX-License-Identifier: Apache-2.0 */
/* port/fetchvalid.h -- what may be fetched; for fetch.c. */
#ifndef SOUK_PORT_FETCHVALID_H
#define SOUK_PORT_FETCHVALID_H

#include "port/fetch.h"

enum { SOUK_FETCH_HEADERS_MAX = 16, SOUK_FETCH_METHOD_MAX = 8 };

/* Whether the request is HTTP or HTTPS and none of its parts holds what would begin another. Any thread. */
bool souk_fetch_valid(const struct souk_fetch_request *request);

#endif
