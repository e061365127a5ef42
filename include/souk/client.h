/* SPDX-License-Identifier: Apache-2.0 */
/* souk/client.h -- a client of a node: sends requests in batches over ZeroMQ and hands out the answers.
 *
 * Requests are gathered into a frame, which leaves when it is full, at souk_client_flush() or at the next poll. Answers
 * come in any order, each with the id of its request; the node gives one only when all that it depends on is durable.
 * An answer may be lost with the connection: then repeat the request, which for a command that is addressed by an
 * idempotency key is the same command. A client belongs to one thread, and allocates nothing for a request. */
#ifndef SOUK_CLIENT_H
#define SOUK_CLIENT_H

#include <souk/actor.h>

typedef struct souk_client souk_client;

struct souk_client_options {
    const char *endpoint;        /* As the ready file has it: "ipc://..." or "tcp://HOST:PORT". */
    const char *key_file;        /* For tcp: a file with the client's own CURVE secret key; else NULL. */
    const char *server_key_file; /* For tcp: a file with the node's public key. */
    uint32_t frame_bytes;        /* A frame leaves when it has that many; 0: 64 KiB. At most 1 MiB. */
    int linger_ms;               /* How long closing may wait for frames not yet sent. */
};

/* One command or query, borrowed for the call. */
struct souk_client_request {
    uint64_t id;                 /* Comes back with the answer. */
    struct souk_text kind;       /* By name; or at NULL and by number. */
    uint32_t kind_number;
    const struct souk_text *key; /* The parts of the actor's text id, such as sale and sku; or NULL and `address`. */
    size_t key_count;
    souk_key address;
    struct souk_text message;    /* The command's or query's name. */
    struct souk_bytes body;      /* msgpack: the fields as an array, or as a map by their names; empty: none. */
    uint32_t within_ms;          /* 0: the node's choice, 5 s. */
    uint64_t born_ms;            /* When it was first sent, milliseconds since 1970; the node refuses what is older than
                                  * an hour. 0: it doesn't say. */
};

/* One answer, borrowed for the call that hands it out. */
struct souk_client_answer {
    bool has_id;                 /* False: of a frame that the node could not read. */
    uint64_t id;
    enum souk_ending ending;
    struct souk_text refusal, sentence; /* Unless SOUK_DONE: its name and what it means. */
    struct souk_bytes body;      /* msgpack; empty when there is none. */
};
typedef void (*souk_client_take)(void *arg, const struct souk_client_answer *answer);

/* Opens a client, which connects in the background and again whenever the connection is lost. SOUK_ERR_USAGE: no such
 * endpoint, or a key that is none; SOUK_ERR_MISSING: no such key file; SOUK_ERR_MEMORY. */
souk_err souk_client_open(souk_client **out, const struct souk_client_options *options) SOUK_MUST_CHECK;
/* Closes it; what was not flushed is gone. */
void souk_client_close(souk_client **client_p);
/* Adds a request. SOUK_ERR_BUSY: the frame is full and cannot leave now; nothing was added: poll, then try again.
 * SOUK_ERR_TOO_LARGE: it fits no frame. */
souk_err souk_client_add(souk_client *client, const struct souk_client_request *request) SOUK_MUST_CHECK;
/* The same with the row's own struct, which is encoded in place; `body`, `kind` and `message` are not looked at. */
souk_err souk_client_add_with(souk_client *client, const struct souk_client_request *request,
                              const struct souk_row *row,
                              const void *message) SOUK_MUST_CHECK;
/* Sends what was added, waiting up to timeout_ms for a connection with room. SOUK_ERR_BUSY: there was none. */
souk_err souk_client_flush(souk_client *client, int timeout_ms) SOUK_MUST_CHECK;
/* Sends what was added if it can, waits up to timeout_ms for answers, and hands out all that are there, at most one
 * frame of the node after another; returns how many. take() may add requests. */
unsigned souk_client_poll(souk_client *client, int timeout_ms, souk_client_take take, void *arg);
/* Frames that made no sense, so far. */
uint64_t souk_client_malformed(const souk_client *client);

#endif
