/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_client.c -- the HTTP client, and a server that answers with anything. A request ends, once; it ends
 * alike whether the answer comes at once or in pieces; and what an answer says of its length is what is handed over.
 *
 * An input is a byte of flags, a number of two bytes from which the pieces follow, and what the server sends. */
#define _GNU_SOURCE /* accept4() */
#include "fuzz.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/httpclient.h"

enum { HEAD = 1, QUIET = 4, PIECES_MAX = 40, PATIENCE_MS = 1000 };

/* How a request ended. */
struct ended { unsigned times, status, types; souk_err fault; char *body; size_t length; };

static souk_loop *loop;
static souk_httpclient *client;
static int listener = -1;

static void
done(void *arg, const struct souk_httpclient_answer *answer)
{
    struct ended *e = arg;
    struct souk_text value;
    e->times++;
    e->fault = answer->fault;
    e->status = answer->status;
    e->types = souk_httpclient_header(answer, SOUK_TEXT("content-type"), &value);
    e->length = answer->body.length;
    e->body = fuzz_copy(answer->body.at, e->length);
    if (answer->fault) souk_assert(!e->status && !e->length && !e->types);
}

static void
open_once(void)
{
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof where;
    if (client) return;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    souk_assert(listener >= 0 && !bind(listener, (struct sockaddr *)&where, sizeof where) && !listen(listener, 8));
    souk_assert(!getsockname(listener, (struct sockaddr *)&where, &size));
    struct souk_httpclient_options options = { .port = ntohs(where.sin_port), .answer_max = 1024 };
    souk_assert(!souk_loop_open(&loop) && !souk_httpclient_open(&client, loop, &options));
}

static void
settle(void)
{
    for (int quiet = 0; quiet < QUIET;) quiet = souk_loop_poll(loop, 0) > 0 ? 0 : quiet + 1;
}

/* One request and what comes for it; at last the server closes. */
static void
ask(struct ended *ended, struct souk_bytes stream, unsigned flags, uint64_t seed, bool at_once)
{
    const struct linger gone = { 1, 0 };
    const struct souk_httpclient_request request = {
        .method = flags & HEAD ? SOUK_TEXT("HEAD") : SOUK_TEXT("GET"), .target = SOUK_TEXT("/"),
        .done = done, .arg = ended,
    };
    char heard[256];
    int one = 1, patience = PATIENCE_MS;
    souk_httpclient_tick(client, 1000000000);
    souk_assert(!souk_httpclient_send(client, &request) && !ended->times);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    souk_assert(fd >= 0 && !setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    settle();
    souk_assert(recv(fd, heard, sizeof heard, 0) > 0);
    for (size_t sent = 0, pieces = 0; sent < stream.length; pieces++) {
        size_t piece = 1 + fuzz_chance(&seed) % (fuzz_chance(&seed) % 2 ? 8 : 300);
        if (at_once || piece > stream.length - sent || pieces == PIECES_MAX) piece = stream.length - sent;
        if (send(fd, (const char *)stream.at + sent, piece, MSG_NOSIGNAL) < 0) break;
        sent += piece;
        settle();
    }
    shutdown(fd, SHUT_WR);
    while (!ended->times && patience--) souk_loop_poll(loop, 1000000);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof gone); /* Closed by a reset: no port is kept for it. */
    close(fd);
    while (souk_httpclient_connected(client) && patience--) souk_loop_poll(loop, 1000000);
    souk_assert(ended->times == 1 && !souk_httpclient_connected(client) && souk_httpclient_free(client) == 1);
}

void
fuzz_client(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    unsigned flags = fuzz_byte(&in);
    uint64_t seed = fuzz_number(&in, 2);
    struct souk_bytes stream = { in.at, in.left };
    struct ended whole = { 0 }, pieces = { 0 };
    open_once();
    ask(&whole, stream, flags, 0, true);
    ask(&pieces, stream, flags, seed, false);
    souk_assert(!whole.fault == !pieces.fault && whole.status == pieces.status && whole.types == pieces.types);
    souk_assert(whole.length == pieces.length && !memcmp(whole.body, pieces.body, whole.length));
    if (!whole.fault) souk_assert(whole.status >= 200 && whole.length <= 1024 && whole.length <= stream.length);
    free(whole.body);
    free(pieces.body);
}

FUZZ_ENTRY(client)
