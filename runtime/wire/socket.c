/* SPDX-License-Identifier: Apache-2.0 */
/* wire/socket.c -- see socket.h. The settings are where ZeroMQ's defaults would hurt: queues without end, frames of any
 * size, silence to whom nobody knows, handshakes that take for ever, a close that waits for ever. */
#include "wire/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    HANDSHAKE_MS = 5000,
    HEARTBEAT_MS = 5000,
    HEARTBEAT_LOST_MS = 15000,
    RECONNECT_MS = 50,
    RECONNECT_MAX_MS = 2000,
    ZAP_PARTS = 7, /* version, request id, domain, address, identity, mechanism, key */
};

struct souk_sockets { void *context; };
struct souk_socket { void *socket; bool router; };
struct souk_guard { void *socket; };

static souk_err
fault_of(int number)
{
    switch (number) {
    case ENOMEM: return SOUK_ERR_MEMORY;
    case EMFILE: return SOUK_ERR_BUSY;
    case EADDRINUSE: return SOUK_ERR_BUSY;
    case ENAMETOOLONG: return SOUK_ERR_TOO_LARGE;
    case EINVAL: return SOUK_ERR_USAGE;
    case EPROTONOSUPPORT: return SOUK_ERR_USAGE;
    case ENOCOMPATPROTO: return SOUK_ERR_USAGE;
    case ENODEV: return SOUK_ERR_USAGE;
    default: return SOUK_ERR_IO;
    }
}

souk_err
souk_sockets_open(souk_sockets **out)
{
    souk_sockets *sockets = calloc(1, sizeof *sockets);
    if (sockets) sockets->context = zmq_ctx_new();
    if (!sockets || !sockets->context) {
        free(sockets);
        return SOUK_ERR_MEMORY;
    }
    *out = sockets;
    return SOUK_OK;
}

void
souk_sockets_close(souk_sockets **sockets_p)
{
    souk_sockets *sockets = *sockets_p;
    *sockets_p = NULL;
    if (!sockets) return;
    while (zmq_ctx_term(sockets->context) && zmq_errno() == EINTR) {}
    free(sockets);
}

static int
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int
set_curve(void *socket, const struct souk_socket_options *o)
{
    char public_key[SOUK_WIRE_KEY];
    if (zmq_curve_public(public_key, o->secret)) return -1;
    if (o->shape == SOUK_ROUTER)
        return set_int(socket, ZMQ_CURVE_SERVER, 1) || zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "souk", 4) ||
               zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, o->secret, SOUK_WIRE_KEY);
    if (!o->server) {
        errno = EINVAL;
        return -1;
    }
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, o->server, SOUK_WIRE_KEY) ||
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, SOUK_WIRE_KEY) ||
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, o->secret, SOUK_WIRE_KEY);
}

souk_err
souk_socket_open(souk_socket **out, souk_sockets *sockets, const struct souk_socket_options *o)
{
    souk_socket *s = calloc(1, sizeof *s);
    if (!s) return SOUK_ERR_MEMORY;
    bool router = s->router = o->shape == SOUK_ROUTER;
    int64_t frame_max = SOUK_WIRE_FRAME_MAX;
    s->socket = zmq_socket(sockets->context, router ? ZMQ_ROUTER : ZMQ_DEALER);
    if (!s->socket) {
        souk_err err = fault_of(zmq_errno());
        free(s);
        return err;
    }
    int failed = set_int(s->socket, ZMQ_SNDHWM, o->queue_max) || set_int(s->socket, ZMQ_RCVHWM, o->queue_max) ||
                 set_int(s->socket, ZMQ_LINGER, o->linger_ms) || set_int(s->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) ||
                 set_int(s->socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) ||
                 set_int(s->socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_LOST_MS) ||
                 set_int(s->socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_LOST_MS) || set_int(s->socket, ZMQ_IPV6, 1) ||
                 zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max);
    if (!failed && router) failed = set_int(s->socket, ZMQ_ROUTER_MANDATORY, 1);
    if (!failed && !router)
        failed = set_int(s->socket, ZMQ_IMMEDIATE, 1) || set_int(s->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
                 set_int(s->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    if (!failed && o->secret) failed = set_curve(s->socket, o);
    if (failed) {
        souk_err err = o->secret ? SOUK_ERR_USAGE : fault_of(zmq_errno());
        souk_socket_close(&s);
        return err;
    }
    *out = s;
    return SOUK_OK;
}

void
souk_socket_close(souk_socket **socket_p)
{
    souk_socket *s = *socket_p;
    *socket_p = NULL;
    if (!s) return;
    zmq_close(s->socket);
    free(s);
}

souk_err
souk_socket_bind(souk_socket *s, const char *endpoint, char *bound, size_t room)
{
    if (zmq_bind(s->socket, endpoint)) return fault_of(zmq_errno());
    if (zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, bound, &room)) return SOUK_ERR_TOO_LARGE;
    return SOUK_OK;
}

souk_err
souk_socket_connect(souk_socket *s, const char *endpoint)
{
    return zmq_connect(s->socket, endpoint) ? fault_of(zmq_errno()) : SOUK_OK;
}

static int
fd_of(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    int failed = zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    souk_assert(!failed);
    return fd;
}

static unsigned
events_of(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size)) souk_assert(zmq_errno() == EINTR);
    return (events & ZMQ_POLLIN ? SOUK_SOCKET_READABLE : 0u) | (events & ZMQ_POLLOUT ? SOUK_SOCKET_WRITABLE : 0u);
}

int
souk_socket_fd(souk_socket *s)
{
    return fd_of(s->socket);
}

unsigned
souk_socket_events(souk_socket *s)
{
    return events_of(s->socket);
}

unsigned
souk_socket_wait(souk_socket *s, unsigned events, int timeout_ms)
{
    unsigned there = events_of(s->socket) & events;
    if (there || !timeout_ms) return there;
    zmq_pollitem_t item = { .socket = s->socket,
                            .events = (short)((events & SOUK_SOCKET_READABLE ? ZMQ_POLLIN : 0) |
                                              (events & SOUK_SOCKET_WRITABLE ? ZMQ_POLLOUT : 0)) };
    zmq_poll(&item, 1, timeout_ms); /* A signal ends the wait early: the caller looks at what is there. */
    return events_of(s->socket) & events;
}

/* Takes one part; false when none waits. */
static bool
take_part(void *socket, zmq_msg_t *part)
{
    while (zmq_msg_recv(part, socket, ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() == EINTR) continue;
        souk_assert(zmq_errno() == EAGAIN);
        return false;
    }
    return true;
}

souk_err
souk_socket_receive(souk_socket *s, uint8_t peer[SOUK_WIRE_PEER_MAX], size_t *peer_length, struct souk_frame *frame)
{
    _Static_assert(sizeof(zmq_msg_t) == sizeof frame->message_, "souk_frame holds a zmq_msg_t");
    zmq_msg_t *body = (zmq_msg_t *)(void *)frame->message_;
    if (!frame->live_) zmq_msg_init(body);
    frame->live_ = true;
    frame->length = 0;
    if (s->router) {
        zmq_msg_t id;
        zmq_msg_init(&id);
        if (!take_part(s->socket, &id)) return SOUK_ERR_MISSING;
        *peer_length = zmq_msg_size(&id);
        souk_assert(*peer_length <= SOUK_WIRE_PEER_MAX);
        memcpy(peer, zmq_msg_data(&id), *peer_length);
        bool more = zmq_msg_more(&id);
        zmq_msg_close(&id);
        if (!more) return SOUK_ERR_MALFORMED;
    }
    if (!take_part(s->socket, body)) return SOUK_ERR_MISSING;
    frame->at = zmq_msg_data(body);
    frame->length = zmq_msg_size(body);
    if (!zmq_msg_more(body)) return SOUK_OK;
    while (zmq_msg_more(body) && take_part(s->socket, body)) {} /* A message comes whole or not at all. */
    return SOUK_ERR_MALFORMED;
}

souk_err
souk_socket_send(souk_socket *s, const uint8_t *peer, size_t peer_length, const void *at, size_t length)
{
    if (s->router && zmq_send(s->socket, peer, peer_length, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return zmq_errno() == EAGAIN || zmq_errno() == EINTR ? SOUK_ERR_BUSY : SOUK_ERR_CLOSED;
    while (zmq_send(s->socket, at, length, ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() == EINTR) continue;
        return zmq_errno() == EAGAIN ? SOUK_ERR_BUSY : SOUK_ERR_CLOSED;
    }
    return SOUK_OK;
}

void
souk_frame_drop(struct souk_frame *frame)
{
    if (frame->live_) zmq_msg_close((zmq_msg_t *)(void *)frame->message_);
    frame->live_ = false;
}

/* ---- Who may connect. ---- */

souk_err
souk_guard_open(souk_guard **out, souk_sockets *sockets)
{
    souk_guard *guard = calloc(1, sizeof *guard);
    if (!guard) return SOUK_ERR_MEMORY;
    guard->socket = zmq_socket(sockets->context, ZMQ_REP);
    if (!guard->socket || set_int(guard->socket, ZMQ_LINGER, 0) || zmq_bind(guard->socket, "inproc://zeromq.zap.01")) {
        souk_guard_close(&guard);
        return SOUK_ERR_BUSY;
    }
    *out = guard;
    return SOUK_OK;
}

void
souk_guard_close(souk_guard **guard_p)
{
    souk_guard *guard = *guard_p;
    *guard_p = NULL;
    if (!guard) return;
    if (guard->socket) zmq_close(guard->socket);
    free(guard);
}

int
souk_guard_fd(souk_guard *guard)
{
    return fd_of(guard->socket);
}

static bool
part_is(zmq_msg_t *part, const char *text)
{
    return zmq_msg_size(part) == strlen(text) && !memcmp(zmq_msg_data(part), text, strlen(text));
}

static void
answer_zap(souk_guard *guard, zmq_msg_t *id, bool yes)
{
    const char *parts[] = { "1.0", NULL, yes ? "200" : "400", yes ? "OK" : "this key is not allowed", "", "" };
    enum { COUNT = sizeof parts / sizeof parts[0] };
    for (int i = 0; i < COUNT; i++) {
        const void *at = parts[i] ? parts[i] : zmq_msg_data(id);
        size_t length = parts[i] ? strlen(parts[i]) : zmq_msg_size(id);
        if (zmq_send(guard->socket, at, length, i + 1 < COUNT ? ZMQ_SNDMORE : 0) < 0) return; /* The context ends. */
    }
}

void
souk_guard_step(souk_guard *guard, bool (*allowed)(void *arg, const char *key), void *arg)
{
    while (events_of(guard->socket) & SOUK_SOCKET_READABLE) {
        zmq_msg_t parts[ZAP_PARTS];
        int count = 0;
        for (int i = 0; i < ZAP_PARTS; i++) zmq_msg_init(&parts[i]);
        bool more = true;
        while (more && take_part(guard->socket, &parts[count < ZAP_PARTS ? count : ZAP_PARTS - 1])) {
            more = zmq_msg_more(&parts[count < ZAP_PARTS ? count : ZAP_PARTS - 1]);
            count++;
        }
        char key[SOUK_WIRE_KEY];
        bool yes = count == ZAP_PARTS && part_is(&parts[0], "1.0") && part_is(&parts[2], "souk") &&
                   part_is(&parts[5], "CURVE") && zmq_msg_size(&parts[6]) == 32 &&
                   zmq_z85_encode(key, zmq_msg_data(&parts[6]), 32) && allowed(arg, key);
        answer_zap(guard, &parts[1], yes);
        for (int i = 0; i < ZAP_PARTS; i++) zmq_msg_close(&parts[i]);
    }
}

souk_err
souk_key_public(char public_key[SOUK_WIRE_KEY], const char *secret)
{
    return zmq_curve_public(public_key, secret) ? SOUK_ERR_USAGE : SOUK_OK;
}

souk_err
souk_key_pair_make(char public_key[SOUK_WIRE_KEY], char secret[SOUK_WIRE_KEY])
{
    return zmq_curve_keypair(public_key, secret) ? SOUK_ERR_USAGE : SOUK_OK;
}
