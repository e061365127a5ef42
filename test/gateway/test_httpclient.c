/* SPDX-License-Identifier: Apache-2.0 */
/* test_httpclient.c -- the HTTP client against our server, and against a socket that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/httpclient.h"

static souk_loop *loop;
static souk_http *http;
static souk_httpclient *client;
static const uint64_t second = 1000000000;
static unsigned answers, status, handled;
static souk_err fault;
static char body[4 << 20], header[64];
static size_t body_length;
static unsigned to_send;

static void
handler(void *arg, souk_http_exchange *exchange)
{
    (void)arg;
    handled++;
    if (souk_text_equal(exchange->path, SOUK_TEXT("/never")))
        return;
    if (souk_text_equal(exchange->path, SOUK_TEXT("/big"))) {
        static char big[3 << 20];
        memset(big, 'b', sizeof big);
        souk_http_answer(exchange, 200, NULL, 0, SOUK_TEXT(""), (struct souk_text){ big, sizeof big });
        return;
    }
    struct souk_http_header extra = { SOUK_TEXT("X-Path"), exchange->path };
    souk_http_answer(exchange, 201, &extra, 1, SOUK_TEXT("text/plain"), exchange->body);
}

static int
set_up(void **state)
{
    (void)state;
    answers = status = handled = to_send = 0;
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    assert_int_equal(souk_http_open(&http, loop, &(struct souk_http_options){ .handler = handler }), SOUK_OK);
    souk_http_tick(http, second, 0);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    souk_httpclient_close(&client);
    souk_http_close(&http);
    souk_loop_close(&loop);
    return 0;
}

static void
open_client(uint16_t port, unsigned connections, bool eager)
{
    struct souk_httpclient_options options = { .port = port, .connections = connections, .eager = eager };
    assert_int_equal(souk_httpclient_open(&client, loop, &options), SOUK_OK);
    souk_httpclient_tick(client, second);
}

static void done(void *arg, const struct souk_httpclient_answer *answer);

static souk_err
request(struct souk_text method, struct souk_text target, struct souk_text content)
{
    struct souk_http_header key = { SOUK_TEXT("Idempotency-Key"), SOUK_TEXT("k") };
    struct souk_httpclient_request asked = { .method = method,
                                             .target = target,
                                             .headers = &key,
                                             .header_count = 1,
                                             .body = content,
                                             .done = done,
                                             .arg = &to_send };
    return souk_httpclient_send(client, &asked);
}

/* Remembers the answer, and sends the next while some are left to send. */
static void
done(void *arg, const struct souk_httpclient_answer *answer)
{
    assert_ptr_equal(arg, &to_send);
    answers++;
    fault = answer->fault;
    status = answer->status;
    body_length = answer->body.length;
    if (body_length > 0)
        memcpy(body, answer->body.at, body_length);
    struct souk_text value = SOUK_TEXT("");
    souk_httpclient_header(answer, SOUK_TEXT("x-path"), &value);
    memcpy(header, value.at, value.length);
    header[value.length] = 0;
    if (to_send > 0) {
        to_send--;
        assert_int_equal(request(SOUK_TEXT("POST"), SOUK_TEXT("/next"), SOUK_TEXT("more")), SOUK_OK);
    }
}

static void
wait_for(unsigned count)
{
    for (int i = 0; i < 100000 && answers < count; i++)
        souk_loop_poll(loop, 1000000);
    assert_int_equal(answers, count);
}

static void
test_requests(void **state)
{
    (void)state;
    open_client(souk_http_port(http), 2, false);
    assert_int_equal(request(SOUK_TEXT("POST"), SOUK_TEXT("/a"), SOUK_TEXT("hello")), SOUK_OK);
    wait_for(1);
    assert_int_equal(fault, SOUK_OK);
    assert_int_equal(status, 201);
    assert_string_equal(header, "/a");
    assert_int_equal(body_length, 5);
    assert_memory_equal(body, "hello", 5);
    assert_int_equal(request(SOUK_TEXT("HEAD"), SOUK_TEXT("/big"), SOUK_TEXT("")), SOUK_OK);
    wait_for(2);
    assert_int_equal(body_length, 0);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/big"), SOUK_TEXT("")), SOUK_OK);
    wait_for(3);
    assert_int_equal(body_length, 3 << 20);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/never"), SOUK_TEXT("")), SOUK_OK);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/never"), SOUK_TEXT("")), SOUK_OK);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/"), SOUK_TEXT("")), SOUK_ERR_BUSY);
    assert_int_equal(souk_httpclient_free(client), 0);
}

/* A closed loop on many connections, each callback sending the next. */
static void
test_closed_loop(void **state)
{
    (void)state;
    open_client(souk_http_port(http), 8, true);
    to_send = 992;
    for (int i = 0; i < 8; i++)
        assert_int_equal(request(SOUK_TEXT("PUT"), SOUK_TEXT("/first"), SOUK_TEXT("x")), SOUK_OK);
    wait_for(1000);
    assert_int_equal(handled, 1000);
    assert_int_equal(souk_httpclient_connected(client), 8);
    assert_int_equal(souk_http_connections(http), 8);
}

static void
test_late(void **state)
{
    (void)state;
    open_client(souk_http_port(http), 1, false);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/never"), SOUK_TEXT("")), SOUK_OK);
    souk_loop_poll(loop, 1000000);
    souk_httpclient_tick(client, 30 * second);
    assert_int_equal(answers, 0);
    souk_httpclient_tick(client, 31 * second);
    assert_int_equal(answers, 1);
    assert_int_equal(fault, SOUK_ERR_LATE);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/again"), SOUK_TEXT("")), SOUK_OK);
    wait_for(2);
    assert_int_equal(fault, SOUK_OK);
}

/* The server goes and comes back on the same port. */
static void
test_reconnect(void **state)
{
    (void)state;
    uint16_t port = souk_http_port(http);
    open_client(port, 2, false);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/a"), SOUK_TEXT("")), SOUK_OK);
    wait_for(1);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/never"), SOUK_TEXT("")), SOUK_OK);
    for (int i = 0; i < 1000 && handled < 2; i++)
        souk_loop_poll(loop, 1000000);
    souk_http_close(&http);
    wait_for(2);
    assert_int_equal(fault, SOUK_ERR_CLOSED);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/a"), SOUK_TEXT("")), SOUK_OK);
    wait_for(3);
    assert_int_equal(fault, SOUK_ERR_IO);
    struct souk_http_options again = { .handler = handler, .port = port };
    assert_int_equal(souk_http_open(&http, loop, &again), SOUK_OK);
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/a"), SOUK_TEXT("")), SOUK_OK);
    wait_for(4);
    assert_int_equal(fault, SOUK_OK);
}

/* Accepts one connection, reads the request and says `text` in pieces of `step` bytes, then perhaps closes. */
static void
serve_raw(int listener, const char *text, size_t step, bool ends)
{
    unsigned before = answers;
    assert_int_equal(request(SOUK_TEXT("GET"), SOUK_TEXT("/"), SOUK_TEXT("")), SOUK_OK);
    int fd = -1;
    char waste[4096];
    for (int i = 0; i < 1000 && fd < 0; i++) {
        souk_loop_poll(loop, 1000000);
        fd = accept(listener, NULL, NULL);
    }
    assert_true(fd >= 0);
    for (int i = 0; i < 4; i++)
        souk_loop_poll(loop, 1000000);
    assert_true(recv(fd, waste, sizeof waste, 0) > 0);
    for (size_t at = 0, length = strlen(text); at < length && answers == before; at += step) {
        send(fd, text + at, length - at < step ? length - at : step, MSG_NOSIGNAL);
        souk_loop_poll(loop, 1000000);
    }
    if (ends)
        shutdown(fd, SHUT_WR);
    wait_for(before + 1);
    close(fd);
    for (int i = 0; i < 4; i++)
        souk_loop_poll(loop, 0);
}

static void
test_odd_servers(void **state)
{
    (void)state;
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof where;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &size), 0);
    open_client(ntohs(where.sin_port), 1, false);
    static const struct {
        const char *text;
        bool ends;
        souk_err fault;
        const char *body;
    } samples[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, SOUK_OK, "abc" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", false, SOUK_OK,
          "abc" },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, SOUK_OK, "abc" },
        { "HTTP/1.0 200 OK\r\n\r\nabc", true, SOUK_OK, "abc" },
        { "HTTP/1.1 204 No Content\r\n\r\n", false, SOUK_OK, "" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true, SOUK_ERR_CLOSED, "" },
        { "HTTP/1.1 200", true, SOUK_ERR_CLOSED, "" },
        { "SSH-2.0-x\r\n", false, SOUK_ERR_MALFORMED, "" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", false, SOUK_ERR_MALFORMED, "" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", false, SOUK_ERR_TOO_LARGE, "" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (size_t step = 1; step < 1000; step *= 30) {
            serve_raw(listener, samples[i].text, step, samples[i].ends);
            assert_int_equal(fault, samples[i].fault);
            assert_int_equal(body_length, strlen(samples[i].body));
            assert_memory_equal(body, samples[i].body, body_length);
        }
    close(listener);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_requests), T(test_closed_loop), T(test_late), T(test_reconnect), T(test_odd_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
