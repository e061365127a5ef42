/* SPDX-License-Identifier: Apache-2.0 */
/* test/gateway/test_stream.c -- answers without an end: they go on until they are hung up, and for a client that
 * doesn't read only so much waits. */
#include "gateway/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants setjmp.h, stdarg.h and stddef.h above it. */
#include <cmocka.h>

static souk_loop *loop;
static souk_http *http;
static souk_http_exchange *asked;
static unsigned gone_count;
static bool takes;
static int took;
static char heard[8 << 20];
static size_t heard_length;

static void
on_gone(souk_http_exchange *exchange)
{
    assert_true(exchange->gone);
    gone_count++;
}

static void
handler(void *arg, souk_http_exchange *exchange)
{
    (void)arg;
    exchange->on_gone = on_gone;
    asked = exchange;
    if (takes) took = souk_http_take(exchange);
}

static int
set_up(void **state)
{
    (void)state;
    struct souk_http_options options = { .handler = handler };
    gone_count = 0;
    if (souk_loop_open(&loop) || souk_http_open(&http, loop, &options)) return 1;
    souk_http_tick(http, 1000000000, 0);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    souk_http_close(&http);
    souk_loop_close(&loop);
    return 0;
}

static void
turn(void)
{
    for (int i = 0; i < 4; i++) souk_loop_poll(loop, 0);
}

/* A client that has asked. */
static int
client(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(souk_http_port(http)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    asked = NULL;
    for (unsigned i = 0; i < 1000 && !asked; i++) turn();
    assert_non_null(asked);
    return fd;
}

/* Hears all that comes until nothing more does. True: the server has closed. */
static bool
hear(int fd)
{
    heard_length = 0;
    for (int quiet = 0; quiet < 20;) {
        turn();
        ssize_t got = recv(fd, heard + heard_length, sizeof heard - 1 - heard_length, MSG_DONTWAIT);
        if (got == 0) break;
        if (got > 0) heard_length += (size_t)got;
        quiet = got > 0 ? 0 : quiet + 1;
        if (quiet < 20) continue;
        heard[heard_length] = 0;
        return false;
    }
    heard[heard_length] = 0;
    return true;
}

static void
it_goes_on_until_it_is_hung_up(void **state)
{
    (void)state;
    static char piece[4096];
    memset(piece, 's', sizeof piece);
    int fd = client();
    souk_http_exchange *exchange = asked;
    assert_true(souk_http_stream_begin(exchange, SOUK_TEXT("text/x")));
    assert_true(souk_http_stream_write(exchange, SOUK_TEXT("one")));
    assert_false(hear(fd));
    assert_ptr_equal(strstr(heard, "HTTP/1.1 200 "), heard);
    assert_non_null(strstr(heard, "Content-Type: text/x\r\n"));
    assert_non_null(strstr(heard, "\r\n\r\none"));
    assert_null(strstr(heard, "Content-Length"));
    assert_true(souk_http_stream_write(exchange, SOUK_TEXT("two")));
    assert_false(hear(fd));
    assert_string_equal(heard, "two");
    size_t sent = 0, rest = 0;
    while (souk_http_stream_write(exchange, (struct souk_text){ piece, sizeof piece })) {
        sent += sizeof piece;
        assert_true(souk_http_stream_unsent(exchange) <= SOUK_HTTP_STREAM_MAX && sent < 64 << 20);
    }
    for (; rest < sent; rest += heard_length) assert_false(hear(fd)); /* All of it comes, and then more can. */
    assert_int_equal(rest, sent);
    assert_int_equal(souk_http_stream_unsent(exchange), 0);
    assert_true(souk_http_stream_write(exchange, SOUK_TEXT("three")));
    assert_int_equal(souk_http_in_flight(http), 1);
    souk_http_hang_up(exchange);
    assert_true(hear(fd));
    assert_string_equal(heard, "three");
    close(fd);
    turn();
    assert_int_equal(souk_http_connections(http), 0);
}

static void
who_leaves_is_noticed(void **state)
{
    (void)state;
    int fd = client();
    souk_http_exchange *exchange = asked;
    assert_true(souk_http_stream_begin(exchange, SOUK_TEXT("text/x")));
    close(fd);
    for (unsigned i = 0; i < 100 && !gone_count; i++) {
        assert_true(souk_http_stream_write(exchange, SOUK_TEXT("four")));
        turn();
    }
    assert_int_equal(gone_count, 1);
    assert_true(souk_http_stream_write(exchange, SOUK_TEXT("five")));
    souk_http_hang_up(exchange);
    assert_int_equal(souk_http_in_flight(http), 0);
    assert_int_equal(souk_http_connections(http), 0);
}

/* Taken inside the handler and outside of it. */
static void
its_socket_can_be_taken(void **state)
{
    (void)state;
    for (int inside = 0; inside < 2; inside++) {
        takes = inside;
        int fd = client();
        int taken = inside ? took : souk_http_take(asked);
        assert_true(taken >= 0);
        assert_int_equal(souk_http_in_flight(http), 0);
        turn();
        assert_int_equal(souk_http_connections(http), 0);
        assert_false(hear(fd));
        assert_int_equal(heard_length, 0);
        assert_int_equal(send(taken, "mine", 4, MSG_NOSIGNAL), 4);
        assert_false(hear(fd));
        assert_string_equal(heard, "mine");
        close(taken);
        assert_true(hear(fd));
        close(fd);
    }
    takes = false;
    int fd = client();
    close(fd);
    for (unsigned i = 0; i < 100 && !asked->gone; i++) {
        assert_true(souk_http_stream_begin(asked, SOUK_TEXT("text/x")));
        turn();
        assert_true(souk_http_stream_write(asked, SOUK_TEXT("six")));
    }
    assert_int_equal(souk_http_take(asked), -1);
    souk_http_hang_up(asked);
    assert_int_equal(souk_http_in_flight(http), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = { T(it_goes_on_until_it_is_hung_up), T(who_leaves_is_noticed),
                                       T(its_socket_can_be_taken) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
