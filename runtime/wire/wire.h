/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire.h -- the door for programs: a guest of a node that takes requests in ZeroMQ frames and answers them when
 * they are durable. docs/wire.md describes the frames; souk/client.h is a client.
 *
 * It lives on worker 0's thread and loop. Local clients come through an ipc socket in the data directory (or in a
 * private directory, where that path would be too long for a socket), which only the node's own user may open. Others
 * come by tcp, if asked for, and then with CURVE and an allowed key only. */
#ifndef SOUK_WIRE_WIRE_H
#define SOUK_WIRE_WIRE_H

#include <souk/node.h>

typedef struct souk_wire souk_wire;

/* The key of an actor from the parts of a text id; `ok` is false when the kind has no such ids. */
typedef souk_key (*souk_wire_address)(const souk_node *node, const struct souk_kind *kind,
                                      const struct souk_text *parts, size_t count, bool *ok);

/* All texts are copied. */
struct souk_wire_options {
    const char *directory;                /* The data directory, which exists: DIR/souk.sock, DIR/souk.endpoint. */
    const struct souk_kind *const *kinds; /* NULL at the end; outlives the wire. */
    souk_wire_address address;            /* NULL: a single part, by souk_node_key_of(). */
    const char *tcp;                      /* "tcp://HOST:PORT" to listen on as well (PORT *: a free one), or NULL. */
    const char *key_file;                 /* With tcp: the node's CURVE secret key. */
    const char *clients;                  /* With tcp: the directory of the public keys that may connect. */
    uint32_t in_flight_max;               /* Requests under way for one client; 0: 16384. */
    char *why;                            /* Gets a sentence on failure, also of enter(); NULL: nowhere. As long */
    size_t why_size;                      /* there as the wire. */
};

/* Checks the options and readies the guest; the sockets are opened when worker 0 enters. SOUK_ERR_USAGE: tcp without
 * both keys, a key that is none; SOUK_ERR_MISSING: no such file or directory; SOUK_ERR_TOO_LARGE; SOUK_ERR_MEMORY. */
souk_err souk_wire_open(souk_wire **out, const struct souk_wire_options *options) SOUK_MUST_CHECK;
/* The guest for souk_options. Its enter() fails as souk_socket_bind() does. */
struct souk_guest souk_wire_guest(souk_wire *wire);
/* Where local clients connect to; empty before the guest has entered. Any thread, once the node is open. */
const char *souk_wire_endpoint(const souk_wire *wire);
/* The same for tcp; empty when it wasn't asked for. */
const char *souk_wire_endpoint_tcp(const souk_wire *wire);
/* From now on new requests are refused as souk_closed; answers under way still leave. (The sockets
 * stay bound until the end: to unbind one would cut its connections.) Before
 * souk_node_drain(). Any thread. */
void souk_wire_drain(souk_wire *wire);
/* Frees it, when the node is closed. */
void souk_wire_close(souk_wire **wire_p);

/* Counts since it was opened; the last two say how much there is now. */
struct souk_wire_counts {
    uint64_t frames_in, frames_out, requests, answers;
    uint64_t malformed, unknown, denied, expired, too_large, overloaded; /* Refused at the door. */
    uint64_t dropped;  /* Answers that a client never took. */
    uint64_t rejected; /* CURVE clients whose key isn't allowed. */
    uint64_t in_flight, clients;
};
/* Any thread. */
void souk_wire_count(const souk_wire *wire, struct souk_wire_counts *out);

#endif
