/* SPDX-License-Identifier: Apache-2.0 */
/* wire/place.h -- where a node's local socket is, and how clients find it. For wire/ alone. */
#ifndef SOUK_WIRE_PLACE_H
#define SOUK_WIRE_PLACE_H

#include "wire/socket.h"

enum { SOUK_PLACE_PATH = 4096 };

/* Zeroed: none. */
struct souk_place {
    char socket[128];            /* The socket's path; shorter than what a socket allows. */
    char endpoint[SOUK_WIRE_ENDPOINT];
    char file[SOUK_PLACE_PATH];  /* DIR/souk.endpoint. */
    char private_directory[128]; /* Made for the socket; empty when it is in the data directory. */
};

/* Chooses the socket's path: DIR/souk.sock, or in a private directory of mode 0700 that this makes. SOUK_ERR_MISSING:
 * no such DIR; SOUK_ERR_TOO_LARGE; SOUK_ERR_IO. */
souk_err souk_place_find(struct souk_place *place, const char *directory) SOUK_MUST_CHECK;
/* Once the socket is there: lets only its owner in and writes the endpoint into DIR/souk.endpoint, in one step.
 * SOUK_ERR_IO. */
souk_err souk_place_tell(const struct souk_place *place) SOUK_MUST_CHECK;
/* Removes what was made. */
void souk_place_leave(struct souk_place *place);

#endif
