/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_server.c -- the HTTP server with a connection of its own, on loopback. Its handler sees the same
 * requests whether the bytes come at once or in pieces, and whether it answers at once or later; for each it sees
 * there is an answer, in order; and whatever the client does, the server is left without a connection.
 *
 * An input is a byte of flags, a number of two bytes from which the pieces follow, and what the client sends. */
#include "fuzz.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/http.h"

enum { LATER = 1, HALF_CLOSE = 2, HANG_UP = 4, REQUESTS_MAX = 64, PIECES_MAX = 40, QUIET = 4, PATIENCE_MS = 50 };

/* What the handler saw, told in a text. */
struct seen {
    char *text;
    size_t length;
    FILE *out;
    unsigned count;
    souk_http_exchange *waiting;
    bool later;
};

static souk_loop *loop;
static souk_http *http;
static struct souk_http_counters counters;
static struct seen *seen;

static void
answer(souk_http_exchange *exchange)
{
    souk_http_answer(exchange, 200, NULL, 0, SOUK_TEXT("text/plain"), SOUK_TEXT("seen"));
}

static void
handler(void *arg, souk_http_exchange *exchange)
{
    (void)arg;
    struct souk_text host = { "", 0 };
    unsigned hosts = souk_http_header(exchange, SOUK_TEXT("host"), &host);
    fprintf(seen->out, "%d %u ", (int)exchange->method, hosts);
    const struct souk_text parts[] = { host, exchange->path, exchange->query, exchange->body };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        fprintf(seen->out, "[%zu:", parts[i].length);
        if (parts[i].length) fwrite(parts[i].at, 1, parts[i].length, seen->out);
        fputc(']', seen->out);
    }
    seen->count++;
    if (seen->later) {
        souk_assert(!seen->waiting); /* One of a connection at a time. */
        seen->waiting = exchange;
    } else {
        answer(exchange);
    }
}

static void
open_once(void)
{
    const struct souk_http_options options = { .handler = handler, .head_max = 2048, .body_max = 1024,
                                               .drain_max = 4096, .counters = &counters };
    if (http) return;
    souk_assert(!souk_loop_open(&loop) && !souk_http_open(&http, loop, &options));
    souk_http_tick(http, 1000000000, 0);
}

static int
dial(void)
{
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(souk_http_port(http)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct linger gone = { 1, 0 }; /* Closed by a reset: no port is kept for it. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    souk_assert(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof gone));
    souk_assert(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one)); /* A piece waits for no other. */
    souk_assert(!connect(fd, (struct sockaddr *)&where, sizeof where));
    return fd;
}

/* Lets the server do all it can, until it has `bytes` or ends the connection; what waits is answered meanwhile. */
static void
settle(uint64_t bytes)
{
    for (int quiet = 0, patience = PATIENCE_MS; quiet < QUIET;) {
        bool missing = counters.bytes_in < bytes && souk_http_connections(http) && patience-- > 0;
        bool did = souk_loop_poll(loop, missing ? 1000000 : 0) > 0 || missing;
        if (seen->waiting) {
            souk_http_exchange *exchange = seen->waiting;
            seen->waiting = NULL;
            answer(exchange);
            did = true;
        }
        quiet = did ? 0 : quiet + 1;
    }
}

/* How many of the answers so far are the handler's; reads them off the socket. */
static unsigned
hear(int fd)
{
    static char heard[1 << 16];
    unsigned answers = 0;
    for (ssize_t got; (got = recv(fd, heard, sizeof heard - 1, MSG_DONTWAIT)) > 0;) {
        heard[got] = 0;
        for (const char *at = heard; (at = strstr(at, "HTTP/1.1 200 OK\r\n")); at++) answers++;
    }
    return answers;
}

/* A client's life. */
static void
live(struct souk_bytes stream, unsigned flags, uint64_t seed, bool at_once)
{
    seen->out = open_memstream(&seen->text, &seen->length);
    souk_assert(seen->out);
    int fd = dial();
    size_t sent = 0;
    counters.bytes_in = 0;
    bool broken = false;
    for (unsigned pieces = 0; sent < stream.length && !broken; pieces++) {
        size_t piece = 1 + fuzz_chance(&seed) % (fuzz_chance(&seed) % 2 ? 8 : 300);
        if (at_once || piece > stream.length - sent || pieces == PIECES_MAX) piece = stream.length - sent;
        broken = send(fd, (const char *)stream.at + sent, piece, MSG_NOSIGNAL) != (ssize_t)piece;
        sent += piece;
        settle(sent);
    }
    if (flags & HALF_CLOSE) shutdown(fd, SHUT_WR);
    settle(sent);
    if (!(flags & HANG_UP)) souk_assert(hear(fd) == seen->count || broken || seen->count > REQUESTS_MAX);
    close(fd);
    for (int patience = 1000; souk_http_connections(http) && patience--;) souk_loop_poll(loop, 1000000);
    souk_assert(!souk_http_connections(http) && !souk_http_in_flight(http));
    fclose(seen->out);
}

void
fuzz_server(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    unsigned flags = fuzz_byte(&in);
    uint64_t seed = fuzz_number(&in, 2);
    struct souk_bytes stream = { in.at, in.left };
    struct seen whole = { 0 }, pieces = { .later = flags & LATER };
    open_once();
    seen = &whole;
    live(stream, flags, 0, true);
    seen = &pieces;
    live(stream, flags, seed, false);
    souk_assert(whole.count == pieces.count && whole.length == pieces.length);
    souk_assert(!memcmp(whole.text, pieces.text, whole.length));
    free(whole.text);
    free(pieces.text);
}

FUZZ_ENTRY(server)
