/* SPDX-License-Identifier: Apache-2.0 */
/* wire/socket.h -- ZeroMQ sockets as souk uses them. The only file that knows libzmq is socket.c.
 *
 * Two shapes: a node's router, which knows each peer by an id, and a client's dealer. Nothing here ever blocks but
 * souk_socket_wait() and, for at most the linger, souk_sockets_close(). A socket belongs to one thread. */
#ifndef SOUK_WIRE_SOCKET_H
#define SOUK_WIRE_SOCKET_H

#include <souk/base.h>

enum {
    SOUK_WIRE_FRAME_MAX = 1 << 20, /* Bytes of a frame, both ways. */
    SOUK_WIRE_PEER_MAX = 255,      /* Bytes of a peer's id; ZeroMQ's own limit. */
    SOUK_WIRE_KEY = 41,            /* A CURVE key as Z85 text, with its final zero byte. */
    SOUK_WIRE_ENDPOINT = 256,      /* Room for an endpoint's text. */
};

typedef struct souk_sockets souk_sockets; /* A ZeroMQ context: its thread and its sockets. */
typedef struct souk_socket souk_socket;

/* A received frame, which keeps its memory until the next receive into it. */
struct souk_frame {
    const uint8_t *at;
    size_t length;
    bool live_;
    _Alignas(void *) unsigned char message_[64];
};

enum souk_socket_shape { SOUK_ROUTER, SOUK_DEALER };
enum { SOUK_SOCKET_READABLE = 1, SOUK_SOCKET_WRITABLE = 2 };

struct souk_socket_options {
    enum souk_socket_shape shape;
    int queue_max;         /* Frames waiting for or from one peer. */
    int linger_ms;         /* How long frames not yet sent may delay closing. */
    const char *secret;    /* Own CURVE secret key (Z85); NULL: no encryption. */
    const char *server;    /* Of a dealer with a secret: the node's public key. */
};

/* Opens a context. SOUK_ERR_MEMORY. */
souk_err souk_sockets_open(souk_sockets **out) SOUK_MUST_CHECK;
/* Closes it, when all its sockets are. Waits for their lingers. */
void souk_sockets_close(souk_sockets **sockets_p);

/* SOUK_ERR_BUSY: too many sockets; SOUK_ERR_USAGE: a key that is none, or no CURVE in this libzmq. */
souk_err souk_socket_open(souk_socket **out, souk_sockets *sockets,
                          const struct souk_socket_options *options) SOUK_MUST_CHECK;
void souk_socket_close(souk_socket **socket_p);
/* Listens. `bound` gets the endpoint with its real port. SOUK_ERR_BUSY: in use; SOUK_ERR_TOO_LARGE: the path of an ipc
 * endpoint is too long; SOUK_ERR_USAGE: no such endpoint; SOUK_ERR_IO. */
souk_err souk_socket_bind(souk_socket *socket, const char *endpoint, char *bound, size_t room) SOUK_MUST_CHECK;
/* Begins to connect, and goes on trying. SOUK_ERR_USAGE. */
souk_err souk_socket_connect(souk_socket *socket, const char *endpoint) SOUK_MUST_CHECK;
/* A descriptor that becomes readable when souk_socket_events() may have changed. It tells of changes only: what was
 * there before is not told again, so look at the events after each receive and send too. */
int souk_socket_fd(souk_socket *socket);
/* SOUK_SOCKET_READABLE, SOUK_SOCKET_WRITABLE. A router is always writable: only sending tells about a peer. */
unsigned souk_socket_events(souk_socket *socket);
/* Waits up to timeout_ms for one of the events; what is there then. */
unsigned souk_socket_wait(souk_socket *socket, unsigned events, int timeout_ms);
/* Takes the next frame, and in `peer` (a router's; NULL for a dealer) whom it is from. SOUK_ERR_MISSING: none waits.
 * SOUK_ERR_MALFORMED: a message of another number of parts than one was taken and dropped; `peer` is filled. */
souk_err souk_socket_receive(souk_socket *socket, uint8_t peer[SOUK_WIRE_PEER_MAX], size_t *peer_length,
                             struct souk_frame *frame) SOUK_MUST_CHECK;
/* Sends a copy. SOUK_ERR_BUSY: that peer's queue is full, or a dealer has no connection; SOUK_ERR_CLOSED: a router
 * knows no such peer. */
souk_err souk_socket_send(souk_socket *socket, const uint8_t *peer, size_t peer_length, const void *at,
                          size_t length) SOUK_MUST_CHECK;
/* Lets go of a frame's memory. A zeroed frame is fine. */
void souk_frame_drop(struct souk_frame *frame);

/* ---- Who may connect with CURVE. ---- */

typedef struct souk_guard souk_guard;

/* Opens the handler that libzmq asks about each CURVE client of the context (ZAP, rfc.zeromq.org/spec/27). To be opened
 * before a router is bound: without it CURVE encrypts but admits anyone. SOUK_ERR_BUSY. */
souk_err souk_guard_open(souk_guard **out, souk_sockets *sockets) SOUK_MUST_CHECK;
void souk_guard_close(souk_guard **guard_p);
/* As souk_socket_fd(). */
int souk_guard_fd(souk_guard *guard);
/* Answers all who ask: `allowed` is told the client's public key as Z85 text. */
void souk_guard_step(souk_guard *guard, bool (*allowed)(void *arg, const char *key), void *arg);

/* The public key that belongs to a secret key. SOUK_ERR_USAGE. */
souk_err souk_key_public(char public_key[SOUK_WIRE_KEY], const char *secret) SOUK_MUST_CHECK;
/* A new pair of keys. SOUK_ERR_USAGE: no CURVE in this libzmq. */
souk_err souk_key_pair_make(char public_key[SOUK_WIRE_KEY], char secret[SOUK_WIRE_KEY]) SOUK_MUST_CHECK;

#endif
