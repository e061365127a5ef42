/* SPDX-License-Identifier: Apache-2.0 */
/* test_http.c -- the HTTP server against raw sockets: framing, limits, slow and vanishing clients, pipelining. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/http.h"

static souk_loop *loop;
static souk_http *http;
static struct souk_http_counters counters;
static souk_http_exchange *pending[8];
static unsigned pending_count, gone_count;
static size_t big_size;
static const uint64_t second = 1000000000;

static void
on_gone(souk_http_exchange *exchange)
{
    assert_true(exchange->gone);
    gone_count++;
}

/* /later waits; /big answers with many bytes; all else echoes the method, path, query, body and X-Name. */
static void
handler(void *arg, souk_http_exchange *exchange)
{
    (void)arg;
    if (souk_text_equal(exchange->path, SOUK_TEXT("/later"))) {
        exchange->on_gone = on_gone;
        assert_true(pending_count < 8);
        pending[pending_count++] = exchange;
        return;
    }
    if (souk_text_equal(exchange->path, SOUK_TEXT("/big"))) {
        char *bytes = malloc(big_size);
        assert_non_null(bytes);
        memset(bytes, 'b', big_size);
        souk_http_answer(exchange, 200, NULL, 0, SOUK_TEXT("text/plain"), (struct souk_text){ bytes, big_size });
        free(bytes);
        return;
    }
    static char echo[80 * 1024];
    struct souk_text name = SOUK_TEXT("-");
    souk_http_header(exchange, SOUK_TEXT("x-name"), &name);
    int length = snprintf(echo, sizeof echo, "%d %.*s ?%.*s [%.*s] %.*s", (int)exchange->method,
                          (int)exchange->path.length, exchange->path.at, (int)exchange->query.length,
                          exchange->query.at, (int)name.length, name.at, (int)exchange->body.length, exchange->body.at);
    struct souk_http_header extra = { SOUK_TEXT("X-Extra"), SOUK_TEXT("one\r\ntwo") };
    souk_http_answer(exchange, 200, &extra, 1, SOUK_TEXT("text/plain"), (struct souk_text){ echo, (size_t)length });
}

static void
open_with(struct souk_http_options options)
{
    options.handler = handler;
    options.counters = &counters;
    memset(&counters, 0, sizeof counters);
    pending_count = gone_count = 0;
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    assert_int_equal(souk_http_open(&http, loop, &options), SOUK_OK);
    souk_http_tick(http, second, 0);
}

static void
close_all(void)
{
    souk_http_close(&http);
    souk_loop_close(&loop);
}

static int
set_up(void **state)
{
    (void)state;
    open_with((struct souk_http_options){ 0 });
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    close_all();
    return 0;
}

static void
turn(void)
{
    for (int i = 0; i < 4; i++)
        souk_loop_poll(loop, 0);
}

static int
client(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in where = { .sin_family = AF_INET,
                                 .sin_port = htons(souk_http_port(http)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
    turn();
    return fd;
}

static void
say_bytes(int fd, const char *at, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            turn();
            continue;
        }
        if (sent < 0)
            return; /* The server has closed: the test looks at what it said. */
        at += sent;
        length -= (size_t)sent;
    }
    turn();
}

static void
say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static char heard[6 << 20];
static size_t heard_length;

/* Hears all that comes until nothing more does. True: the server has closed. */
static bool
hear(int fd)
{
    heard_length = 0;
    for (int quiet = 0; quiet < 20;) {
        turn();
        ssize_t got = recv(fd, heard + heard_length, sizeof heard - 1 - heard_length, MSG_DONTWAIT);
        if (got > 0) {
            heard_length += (size_t)got;
            quiet = 0;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            heard[heard_length] = 0;
            return true;
        } else {
            quiet++;
        }
    }
    heard[heard_length] = 0;
    return false;
}

static unsigned
occurrences(const char *needle)
{
    unsigned count = 0;
    for (const char *at = heard; (at = strstr(at, needle)) != NULL; at++)
        count++;
    return count;
}

#define HOST "Host: h\r\n"

/* Sends it on a fresh connection and expects one answer with that status, and whether the connection ends. */
static void
expect(const char *request, size_t length, const char *status, const char *contains, bool ends)
{
    int fd = client();
    say_bytes(fd, request, length);
    bool ended = hear(fd);
    if (strstr(heard, status) != heard || ended != ends || (contains != NULL && strstr(heard, contains) == NULL))
        print_error("request: %.300s\nanswer: %.600s\n", request, heard);
    assert_ptr_equal(strstr(heard, status), heard);
    assert_int_equal(ended, ends);
    if (contains != NULL)
        assert_non_null(strstr(heard, contains));
    close(fd);
    turn();
}

static void
expect_text(const char *request, const char *status, const char *contains, bool ends)
{
    expect(request, strlen(request), status, contains, ends);
}

static void
test_plain(void **state)
{
    (void)state;
    expect_text("GET /a/b%20c?q=1&r HTTP/1.1\r\n" HOST "X-Name:  v w \t\r\n\r\n", "HTTP/1.1 200 OK\r\n",
                "\r\n\r\n1 /a/b%20c ?q=1&r [v w] ", false);
    expect_text("POST / HTTP/1.1\r\n" HOST "content-LENGTH: 5\r\n\r\nhello", "HTTP/1.1 200 ", "3 / ? [-] hello", false);
    expect_text("PUT /x HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "HTTP/1.1 200 ", "4 /x ? [-] ", false);
    expect_text("DELETE /x HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", "5 /x", false);
    expect_text("PATCH /x HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", "0 /x", false);
    expect_text("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", "X-Extra: one  two\r\n", false);
    expect_text("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "HTTP/1.1 200 ", "Connection: close\r\n", true);
    expect_text("GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "Connection: close\r\n", true);
    expect_text("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "HTTP/1.1 200 ", "Connection: keep-alive\r\n",
                false);
    expect_text("GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", "HTTP/1.1 200 ", "1 /",
                false);
    assert_int_equal(counters.requests, 10);
    assert_int_equal(souk_http_in_flight(http), 0);
}

static void
test_head(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "HEAD /abc HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    assert_false(hear(fd));
    assert_int_equal(occurrences("HTTP/1.1 200"), 2);
    assert_non_null(strstr(heard, "Content-Length: 13\r\n\r\nHTTP/1.1 200"));
    close(fd);
}

static void
test_date(void **state)
{
    (void)state;
    souk_http_tick(http, 2 * second, 784111777000);
    expect_text("GET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", false);
}

static void
test_byte_by_byte(void **state)
{
    (void)state;
    static const char requests[] = "POST /a?b HTTP/1.1\r\n" HOST "X-Name: v\r\nX-Empty:\r\nContent-Length: 3\r\n\r\nabc"
                                   "POST /c HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n"
                                   "A\r\n0123456789\r\n0\r\nT: v\r\n\r\n"
                                   "GET /d HTTP/1.1\r\n" HOST "\r\n";
    int fd = client();
    for (size_t i = 0; i < sizeof requests - 1; i++)
        say_bytes(fd, requests + i, 1);
    assert_false(hear(fd));
    assert_int_equal(occurrences("HTTP/1.1 200"), 3);
    assert_non_null(strstr(heard, "3 /a ?b [v] abc"));
    assert_non_null(strstr(heard, "3 /c ? [-] abc0123456789"));
    assert_non_null(strstr(heard, "1 /d"));
    close(fd);
}

/* The same stream cut into two at every place gives the same answers. */
static void
test_two_pieces(void **state)
{
    (void)state;
    static const char requests[] =
        "POST /c HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
    for (size_t cut = 1; cut < sizeof requests - 1; cut++) {
        int fd = client();
        say_bytes(fd, requests, cut);
        say_bytes(fd, requests + cut, sizeof requests - 1 - cut);
        assert_false(hear(fd));
        assert_int_equal(occurrences("HTTP/1.1 200"), 2);
        assert_non_null(strstr(heard, "/c ? [-] abcdeHTTP/1.1"));
        assert_non_null(strstr(heard, "/a ? [-] abc"));
        close(fd);
        turn();
    }
    assert_int_equal(counters.open, 0);
}

static void
test_pipelining(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST
            "\r\nGET /4 HTTP/1.1\r\n" HOST "\r\n");
    assert_false(hear(fd));
    assert_int_equal(heard_length, 0);
    assert_int_equal(pending_count, 1);
    souk_http_answer(pending[0], 201, NULL, 0, SOUK_TEXT("text/plain"), SOUK_TEXT("first"));
    assert_int_equal(pending_count, 2); /* The second was answered on the way. */
    assert_false(hear(fd));
    assert_int_equal(occurrences("HTTP/1.1 "), 2);
    assert_true(strstr(heard, "first") < strstr(heard, "1 /2"));
    souk_http_problem(pending[1], SOUK_PROBLEM_SOLD_OUT, SOUK_TEXT(""), NULL, 0);
    assert_false(hear(fd));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\n"), heard);
    assert_non_null(strstr(heard, "1 /4"));
    close(fd);
}

/* Far more pipelined requests than a buffer holds, while the first waits: the kernel keeps the rest, none is lost. */
static void
test_pipelining_deep(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    int fd = client();
    say(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    static char many[COUNT * 64];
    size_t length = 0;
    for (int i = 0; i < COUNT; i++)
        length += (size_t)sprintf(many + length, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
    say_bytes(fd, many, length);
    assert_int_equal(counters.requests, 1);
    souk_http_answer(pending[0], 200, NULL, 0, SOUK_TEXT(""), SOUK_TEXT("x"));
    assert_false(hear(fd));
    assert_int_equal(occurrences("HTTP/1.1 200"), COUNT + 1);
    assert_true(strstr(heard, "/1998 ") < strstr(heard, "/1999 "));
    close(fd);
}

static void
test_malformed(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "nonsense\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.7\r\n" HOST "\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "A b: c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A : c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A:\r\n b\r\n\r\n",
        "GET /a\tb HTTP/1.1\r\n" HOST "\r\n",
        "GET /\x80 HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1\n" HOST "\r\n",
        "GET / HTTP/1.1\r\nHost: h\n\n",
        "GET / HTTP/1.1\r\nHost: h\rX\r\n\r\n",
        "CONNECT h:1 HTTP/1.1\r\n" HOST "\r\n",
        ": a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        expect_text(requests[i], "HTTP/1.1 400 Bad Request\r\n", "\"type\":\"urn:souk:problem:bad-request\"", true);
    assert_int_equal(counters.malformed, sizeof requests / sizeof *requests);
    assert_int_equal(counters.requests, 0);
    expect_text("BREW /pot HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 ", "urn:souk:problem:method", true);
}

/* Whatever can be read in two ways is refused, and nothing after it is taken for a request. */
static void
test_smuggling(void **state)
{
    (void)state;
#define P    "POST / HTTP/1.1\r\n" HOST
#define EVIL "GET /evil HTTP/1.1\r\n" HOST "\r\n"
    static const char *const requests[] = {
        P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" EVIL,
        P "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" EVIL,
        P "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde" EVIL,
        P "Content-Length: 5, 5\r\n\r\nabcde" EVIL,
        P "Content-Length: +5\r\n\r\nabcde" EVIL,
        P "Content-Length: -1\r\n\r\n" EVIL,
        P "Content-Length: 0x5\r\n\r\nabcde" EVIL,
        P "Content-Length: 5 5\r\n\r\nabcde" EVIL,
        P "Content-Length:\r\n\r\n" EVIL,
        P "Content-Length: 99999999999999999999\r\n\r\n" EVIL,
        P "Content-Length : 5\r\n\r\nabcde" EVIL,
        P "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: identity\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding:\x0b"
          "chunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" EVIL,
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n5\rXabcde\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeXX0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n000000005\r\nabcde\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n" EVIL,
        P "Transfer-Encoding: chunked\r\n\r\n5;\x01\r\nabcde\r\n0\r\n\r\n" EVIL,
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        expect_text(requests[i], "HTTP/1.1 400 ", "urn:souk:problem:bad-request", true);
        assert_null(strstr(heard, "evil"));
        assert_int_equal(occurrences("HTTP/1.1 400"), 1);
    }
    assert_int_equal(counters.requests, 0);
}

static void
test_head_limit(void **state)
{
    (void)state;
    static char request[40 * 1024];
    for (size_t value = 16 * 1024 - 200; value < 16 * 1024 + 200; value += 50) {
        int length = sprintf(request, "GET / HTTP/1.1\r\n" HOST "X: ");
        memset(request + length, 'x', value);
        strcpy(request + length + value, "\r\n\r\n");
        bool over = strlen(request) > 16 * 1024;
        expect_text(request, over ? "HTTP/1.1 431 " : "HTTP/1.1 200 ",
                    over ? "urn:souk:problem:headers-too-large" : NULL, over);
    }
    memset(request, 'x', sizeof request); /* No line end at all, and a target without one. */
    memcpy(request, "GET /", 5);
    expect(request, sizeof request, "HTTP/1.1 431 ", NULL, true);
    size_t length = (size_t)sprintf(request, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 100; i++)
        length += (size_t)sprintf(request + length, "X%d: y\r\n", i);
    strcpy(request + length, "\r\n");
    expect_text(request, "HTTP/1.1 431 ", NULL, true);
    assert_int_equal(counters.head_too_large, 6);
}

static void
test_body_limit(void **state)
{
    (void)state;
    enum { MAX = 64 * 1024 };
    static char request[2 << 20];
    for (int chunked = 0; chunked < 2; chunked++)
        for (int over = 0; over < 2; over++) {
            int length = chunked ? sprintf(request, P "Transfer-Encoding: chunked\r\n\r\n%x\r\n", MAX + over)
                                 : sprintf(request, P "Content-Length: %d\r\n\r\n", MAX + over);
            memset(request + length, 'x', MAX + 1);
            length += MAX + over;
            length += sprintf(request + length, "%s", chunked ? "\r\n0\r\n\r\n" : "");
            expect(request, (size_t)length, over ? "HTTP/1.1 413 " : "HTTP/1.1 200 ",
                   over ? "urn:souk:problem:too-large" : "xxxxxxx", over);
            assert_true(over || heard_length > MAX);
        }
    /* Chunks of one byte: much framing, but all within reason. */
    int length = sprintf(request, P "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20000; i++)
        length += sprintf(request + length, "1\r\ny\r\n");
    length += sprintf(request + length, "0\r\n\r\n");
    expect(request, (size_t)length, "HTTP/1.1 200 ", "yyyyyy", false);
    /* Endless framing without a body. */
    length = sprintf(request, P "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    while (length < (1 << 18))
        length += sprintf(request + length, "Trailer: 012345678901234567890123456789\r\n");
    expect(request, (size_t)length, "HTTP/1.1 413 ", NULL, true);
}

/* Up to 1 MiB is read over so that the client gets to see the 413; a client that never stops is cut off. */
static void
test_drain_after_413(void **state)
{
    (void)state;
    static char bytes[1 << 16];
    int fd = client();
    say(fd, P "Content-Length: 100000000\r\n\r\n");
    for (int i = 0; i < 15; i++)
        say_bytes(fd, bytes, sizeof bytes);
    assert_true(hear(fd)); /* Its end of the stream; ours is still open. */
    assert_ptr_equal(strstr(heard, "HTTP/1.1 413 "), heard);
    assert_int_equal(souk_http_connections(http), 1);
    for (int i = 0; i < 40; i++)
        say_bytes(fd, bytes, sizeof bytes);
    assert_int_equal(souk_http_connections(http), 0);
    assert_true(counters.bytes_in < 1200 * 1024);
    close(fd);
    fd = client();
    say(fd, P "Content-Length: 100000000\r\n\r\n");
    souk_http_tick(http, 4 * second, 0);
    assert_int_equal(souk_http_connections(http), 1);
    souk_http_tick(http, 7 * second, 0);
    assert_int_equal(souk_http_connections(http), 0);
    close(fd);
}

static void
test_continue(void **state)
{
    (void)state;
    int fd = client();
    say(fd, P "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_false(hear(fd));
    assert_string_equal(heard, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "a");
    assert_false(hear(fd));
    assert_int_equal(heard_length, 0);
    say(fd, "bc");
    assert_false(hear(fd));
    assert_non_null(strstr(heard, "] abc"));
    close(fd);
    expect_text(P "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 ", "abc", false);
    expect_text(P "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n", "HTTP/1.1 413 ", NULL, true);
}

static void
test_slow(void **state)
{
    (void)state;
    int idle = client(), head = client(), body = client(), later = client();
    say(head, "GET / HT");
    say(body, P "Content-Length: 3\r\n\r\na");
    say(later, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    souk_http_tick(http, 10 * second, 0);
    say(head, "TP/1.1\r\n"); /* A byte now and then doesn't prolong it. */
    assert_int_equal(counters.timeouts_head, 0);
    souk_http_tick(http, 11 * second, 0);
    assert_int_equal(counters.timeouts_head, 1);
    assert_true(hear(head));
    assert_non_null(strstr(heard, "urn:souk:problem:timeout"));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 408 "), heard);
    say(body, "b");
    souk_http_tick(http, 31 * second, 0);
    assert_true(hear(body));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 408 "), heard);
    assert_int_equal(counters.timeouts_body, 1);
    souk_http_tick(http, 75 * second, 0);
    assert_false(hear(idle));
    souk_http_tick(http, 76 * second, 0);
    assert_true(hear(idle));
    assert_int_equal(heard_length, 0);
    assert_int_equal(counters.timeouts_idle, 1);
    assert_int_equal(souk_http_connections(http), 1);
    souk_http_answer(pending[0], 200, NULL, 0, SOUK_TEXT(""), SOUK_TEXT("at last"));
    assert_false(hear(later));
    assert_non_null(strstr(heard, "at last"));
    close(idle), close(head), close(body), close(later);
}

/* A client that pipelines without pause is never late, however the pieces fall. */
static void
test_not_slow(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "GET / HT");
    for (unsigned i = 2; i < 60; i++) {
        souk_http_tick(http, i * second, 0);
        say(fd, "TP/1.1\r\n" HOST "\r\nGET / HT");
        assert_false(hear(fd));
    }
    assert_int_equal(counters.requests, 58);
    close(fd);
}

static void
test_gone(void **state)
{
    (void)state;
    struct linger reset = { .l_onoff = 1 };
    int fd = client();
    say(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    turn();
    assert_int_equal(gone_count, 1);
    assert_true(pending[0]->gone);
    assert_int_equal(souk_http_in_flight(http), 1);
    assert_int_equal(souk_http_connections(http), 0);
    souk_http_answer(pending[0], 200, NULL, 0, SOUK_TEXT(""), SOUK_TEXT("x"));
    assert_int_equal(souk_http_in_flight(http), 0);
    /* Left in mid-request, and while it is idle. */
    fd = client();
    say(fd, "GET / HT");
    close(fd);
    close(client());
    turn();
    assert_int_equal(souk_http_connections(http), 0);
    /* An exchange that is under way when the server closes. */
    fd = client();
    say(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    souk_http_close(&http);
    assert_int_equal(gone_count, 2);
    close(fd);
}

/* A client that only finished sending still gets its answers, also to what it had pipelined. */
static void
test_half_closed(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n");
    shutdown(fd, SHUT_WR);
    turn();
    assert_true(pending[0]->closing);
    assert_false(pending[0]->gone);
    souk_http_answer(pending[0], 200, NULL, 0, SOUK_TEXT(""), SOUK_TEXT("x"));
    assert_true(hear(fd));
    assert_int_equal(occurrences("HTTP/1.1 200"), 2);
    close(fd);
    fd = client();
    say(fd, P "Content-Length: 9\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    assert_true(hear(fd));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 400 "), heard);
    close(fd);
    assert_int_equal(souk_http_connections(http), 0);
}

static void
test_big_answer(void **state)
{
    (void)state;
    big_size = 4000000;
    int fd = client();
    say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /after HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(counters.requests, 1); /* The next waits until this one is nearly out. */
    assert_false(hear(fd));
    assert_true(heard_length > big_size);
    assert_non_null(strstr(heard + big_size, "1 /after"));
    close(fd);
    /* A reader that stops is cut off after a while; one that asks for too much at once. */
    fd = client();
    say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    souk_http_tick(http, 20 * second, 0);
    assert_int_equal(souk_http_connections(http), 1);
    souk_http_tick(http, 40 * second, 0);
    assert_int_equal(counters.timeouts_write, 1);
    assert_int_equal(souk_http_connections(http), 0);
    close(fd);
    big_size = 5000000;
    fd = client();
    say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hear(fd));
    assert_int_equal(heard_length, 0);
    assert_int_equal(counters.answers_too_large, 1);
    close(fd);
}

static void
test_too_many(void **state)
{
    (void)state;
    close_all();
    open_with((struct souk_http_options){ .connections_max = 2 });
    int first = client(), other = client(), third = client();
    say(third, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hear(third));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 503 "), heard);
    assert_non_null(strstr(heard, "Retry-After: 1\r\n"));
    assert_non_null(strstr(heard, "urn:souk:problem:overloaded"));
    assert_int_equal(counters.refused, 1);
    close(third);
    close(first);
    turn();
    first = client();
    say(first, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_false(hear(first));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 200 "), heard);
    close(first), close(other);
}

static void
test_memory_bound(void **state)
{
    (void)state;
    close_all();
    open_with((struct souk_http_options){ .memory_max = 64 * 1024 });
    int fds[8];
    unsigned served = 0;
    for (int i = 0; i < 8; i++) {
        fds[i] = client();
        say(fds[i], "GET /later HTTP/1.1\r\n" HOST "\r\n");
    }
    assert_true(pending_count > 2 && pending_count < 8);
    for (unsigned i = 0; i < pending_count; i++, served++)
        souk_http_answer(pending[i], 204, NULL, 0, SOUK_TEXT(""), SOUK_TEXT(""));
    assert_true(counters.overloaded > 0);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    turn();
    expect_text("GET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", NULL, false);
}

static void
test_drain(void **state)
{
    (void)state;
    int idle = client(), later = client(), partial = client();
    say(later, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    say(partial, "GET / HT");
    souk_http_drain(http);
    assert_true(hear(idle));
    assert_int_equal(souk_http_connections(http), 2);
    say(partial, "TP/1.1\r\n" HOST "\r\n");
    assert_true(hear(partial));
    assert_non_null(strstr(heard, "Connection: close\r\n"));
    souk_http_answer(pending[0], 200, NULL, 0, SOUK_TEXT(""), SOUK_TEXT("x"));
    assert_true(hear(later));
    assert_non_null(strstr(heard, "Connection: close\r\n"));
    assert_int_equal(souk_http_connections(http), 0);
    close(idle), close(later), close(partial);
}

static void
test_port(void **state)
{
    (void)state;
    souk_http *second_http = NULL;
    struct souk_http_options options = { .handler = handler, .port = souk_http_port(http) };
    assert_int_equal(souk_http_open(&second_http, loop, &options), SOUK_ERR_BUSY);
    options.join = true;
    assert_int_equal(souk_http_open(&second_http, loop, &options), SOUK_OK);
    assert_int_equal(souk_http_port(second_http), souk_http_port(http));
    souk_http_tick(second_http, second, 0);
    for (int i = 0; i < 20; i++)
        expect_text("GET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", NULL, false);
    assert_true(counters.requests > 0 && counters.requests < 20);
    souk_http_close(&second_http);
    options.host = "no-such-host.invalid";
    assert_int_equal(souk_http_open(&second_http, loop, &options), SOUK_ERR_USAGE);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_plain),
        T(test_head),
        T(test_date),
        T(test_byte_by_byte),
        T(test_two_pieces),
        T(test_pipelining),
        T(test_pipelining_deep),
        T(test_malformed),
        T(test_smuggling),
        T(test_head_limit),
        T(test_body_limit),
        T(test_drain_after_413),
        T(test_continue),
        T(test_slow),
        T(test_not_slow),
        T(test_gone),
        T(test_half_closed),
        T(test_big_answer),
        T(test_too_many),
        T(test_memory_bound),
        T(test_drain),
        T(test_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
