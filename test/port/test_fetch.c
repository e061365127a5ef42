/* SPDX-License-Identifier: Apache-2.0 */
/* test_fetch.c -- requests to the outside, against our server on the same loop and sockets that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/http.h"
#include "port/fetch.h"
#include "world/world.h"

static souk_loop *loop;
static souk_http *http;
static souk_fetch *fetch;
static struct souk_http_counters counters;
static unsigned answers, status, to_send, handled;
static souk_err fault;
static char body[2 << 20], echo[256];
static size_t body_length;
static bool has_echo;

static uint64_t
now_ns(void)
{
    return souk_world_os()->monotonic_ns(NULL);
}

static void
handler(void *arg, souk_http_exchange *exchange)
{
    static char big[300 * 1024];
    struct souk_text value;
    (void)arg;
    handled++;
    if (souk_text_equal(exchange->path, SOUK_TEXT("/never")))
        return;
    if (souk_text_equal(exchange->path, SOUK_TEXT("/big"))) {
        memset(big, 'b', sizeof big);
        souk_http_answer(exchange, 200, NULL, 0, SOUK_TEXT(""), (struct souk_text){ big, sizeof big });
        return;
    }
    if (souk_http_header(exchange, SOUK_TEXT("x-mine"), &value) == 0)
        value = SOUK_TEXT("none");
    struct souk_http_header extra = { SOUK_TEXT("X-Echo"), value };
    souk_http_answer(exchange, exchange->method == SOUK_HTTP_POST ? 201 : 200, &extra, 1, SOUK_TEXT("text/plain"),
                     exchange->method == SOUK_HTTP_POST ? exchange->body : exchange->query);
}

static int
set_up(void **state)
{
    (void)state;
    answers = status = to_send = handled = 0;
    has_echo = false;
    memset(&counters, 0, sizeof counters);
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    struct souk_http_options options = { .handler = handler, .counters = &counters };
    assert_int_equal(souk_http_open(&http, loop, &options), SOUK_OK);
    souk_http_tick(http, now_ns(), 0);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    souk_fetch_close(&fetch);
    souk_http_close(&http);
    souk_loop_close(&loop);
    return 0;
}

static void
open_fetch(const struct souk_fetch_options *options)
{
    assert_int_equal(souk_fetch_open(&fetch, loop, options), SOUK_OK);
    souk_fetch_tick(fetch, now_ns());
}

static const char *
url_of(uint16_t port, const char *path)
{
    static char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)port, path);
    return url;
}

static void on_answer(void *arg, const struct souk_fetch_answer *answer);

static souk_err
send_to(const char *method, const char *url, const char *sent, uint32_t timeout_ms)
{
    struct souk_fetch_header mine = { SOUK_TEXT("X-Mine"), SOUK_TEXT("yes") };
    struct souk_fetch_request request = {
        .method = souk_text_of(method), .url = souk_text_of(url), .headers = &mine, .header_count = 1,
        .body = souk_text_of(sent), .timeout_ms = timeout_ms, .done = on_answer
    };
    return souk_fetch_send(fetch, &request);
}

static void
on_answer(void *arg, const struct souk_fetch_answer *answer)
{
    struct souk_text value;
    (void)arg;
    answers++;
    fault = answer->fault;
    status = answer->status;
    body_length = answer->body.length < sizeof body ? answer->body.length : sizeof body;
    if (body_length > 0)
        memcpy(body, answer->body.at, body_length);
    has_echo = souk_fetch_header(answer, "x-echo", &value);
    if (has_echo)
        snprintf(echo, sizeof echo, "%.*s", (int)value.length, value.at);
    if (to_send > 0) {
        to_send--;
        assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/again"), "", 2000), SOUK_OK);
    }
}

/* Runs the loop until so many answers have come, for at most some seconds. */
static void
await(unsigned count)
{
    uint64_t end = now_ns() + UINT64_C(8000000000), tick = 0;
    while (answers < count && now_ns() < end) {
        souk_loop_poll(loop, UINT64_C(10000000));
        if (now_ns() - tick > UINT64_C(20000000)) {
            tick = now_ns();
            souk_fetch_tick(fetch, tick);
            souk_http_tick(http, tick, 0);
        }
    }
    assert_int_equal(answers, count);
}

static void
a_request_is_answered(void **state)
{
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    assert_int_equal(send_to("POST", url_of(souk_http_port(http), "/x"), "a=1&b=2", 2000), SOUK_OK);
    assert_int_equal(answers, 0); /* Never from within. */
    assert_int_equal(souk_fetch_under_way(fetch), 1);
    await(1);
    assert_int_equal(fault, SOUK_OK);
    assert_int_equal(status, 201);
    assert_int_equal(body_length, 7);
    assert_memory_equal(body, "a=1&b=2", 7);
    assert_true(has_echo);
    assert_string_equal(echo, "yes");
    assert_int_equal(souk_fetch_under_way(fetch), 0);
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x?q=%20z"), "", 2000), SOUK_OK);
    await(2);
    assert_int_equal(status, 200);
    assert_memory_equal(body, "q=%20z", 6);
}

static void
connections_are_kept_and_bounded(void **state)
{
    (void)state;
    open_fetch(&(struct souk_fetch_options){ .connections = 3 });
    to_send = 100;
    for (int i = 0; i < 20; i++)
        assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x"), "", 5000), SOUK_OK);
    await(120);
    assert_int_equal(fault, SOUK_OK);
    assert_int_equal(counters.requests, 120);
    assert_in_range(counters.accepted, 1, 3);
}

static void
too_many_are_refused(void **state)
{
    (void)state;
    open_fetch(&(struct souk_fetch_options){ .connections = 1, .under_way = 2 });
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x"), "", 2000), SOUK_OK);
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x"), "", 2000), SOUK_OK);
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x"), "", 2000), SOUK_ERR_BUSY);
    await(2);
}

static void
what_takes_too_long_is_late(void **state)
{
    (void)state;
    open_fetch(&(struct souk_fetch_options){ .connections = 1 });
    uint64_t began = now_ns();
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/never"), "", 200), SOUK_OK);
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x"), "", 100), SOUK_OK); /* Only waits. */
    await(2);
    assert_int_equal(fault, SOUK_ERR_LATE);
    assert_int_equal(status, 0);
    assert_int_equal(handled, 1);
    assert_in_range((now_ns() - began) / 1000000, 150, 3000);
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/x"), "", 2000), SOUK_OK);
    await(3);
    assert_int_equal(fault, SOUK_OK);
}

static void
a_large_body_is_refused(void **state)
{
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/big"), "", 2000), SOUK_OK);
    await(1);
    assert_int_equal(fault, SOUK_ERR_TOO_LARGE);
    souk_fetch_close(&fetch);
    open_fetch(&(struct souk_fetch_options){ .body_max = 1 << 20 });
    assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/big"), "", 2000), SOUK_OK);
    await(2);
    assert_int_equal(fault, SOUK_OK);
    assert_int_equal(body_length, 300 * 1024);
}

/* A socket that is bound; it listens or not. */
static int
bound(uint16_t *port, bool listening)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    if (listening)
        assert_int_equal(listen(fd, 4), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void
nobody_there_is_an_input_output_fault(void **state)
{
    uint16_t port;
    int fd = bound(&port, false);
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    assert_int_equal(send_to("POST", url_of(port, "/"), "x", 3000), SOUK_OK);
    await(1);
    assert_int_equal(fault, SOUK_ERR_IO);
    close(fd);
}

/* Sends a request to a socket of ours, says that to it, and waits for the end. */
static void
answered_with(const char *said)
{
    uint16_t port;
    int fd = bound(&port, true);
    char request[1024];
    assert_int_equal(send_to("POST", url_of(port, "/"), "x", 3000), SOUK_OK);
    for (int turn = 0; turn < 20; turn++)
        souk_loop_poll(loop, UINT64_C(5000000));
    int peer = accept(fd, NULL, NULL);
    assert_true(peer >= 0);
    for (int turn = 0; turn < 5; turn++)
        souk_loop_poll(loop, UINT64_C(5000000));
    assert_true(recv(peer, request, sizeof request, 0) > 0);
    assert_int_equal(send(peer, said, strlen(said), MSG_NOSIGNAL), strlen(said));
    close(peer);
    await(answers + 1);
    close(fd);
}

static void
redirections_are_not_followed(void **state)
{
    char said[1024];
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    snprintf(said, sizeof said, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             url_of(souk_http_port(http), "/x"));
    answered_with(said);
    assert_int_equal(fault, SOUK_OK);
    assert_int_equal(status, 302);
    assert_int_equal(handled, 0);
}

static void
a_broken_answer_is_unknown(void **state)
{
    const char *const said[] = { "", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "nonsense\r\n\r\n" };
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    for (size_t i = 0; i < 3; i++) {
        answered_with(said[i]);
        assert_true(fault == SOUK_ERR_CLOSED || fault == SOUK_ERR_MALFORMED);
        assert_int_equal(status, 0);
    }
}

static void
an_endless_head_is_refused(void **state)
{
    uint16_t port;
    int fd = bound(&port, true);
    static char line[16 * 1024];
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    assert_int_equal(send_to("GET", url_of(port, "/"), "", 5000), SOUK_OK);
    for (int turn = 0; turn < 20; turn++)
        souk_loop_poll(loop, UINT64_C(5000000));
    int peer = accept(fd, NULL, NULL);
    assert_true(peer >= 0);
    assert_true(send(peer, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL) == 17);
    memset(line, 'a', sizeof line);
    memcpy(line, "X: ", 3);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    for (int i = 0; i < 6 && answers == 0; i++) {
        (void)!send(peer, line, sizeof line, MSG_NOSIGNAL | MSG_DONTWAIT);
        for (int turn = 0; turn < 4; turn++)
            souk_loop_poll(loop, UINT64_C(5000000));
    }
    await(1);
    assert_int_equal(fault, SOUK_ERR_TOO_LARGE);
    close(peer);
    close(fd);
}

static void
what_is_no_request_is_refused(void **state)
{
    const char *const bad[] = { "file:///etc/passwd", "ftp://x/", "http://", "http:///x", "http://u:p@localhost/",
                                "http://localhost/a b", "http://localhost/#x", "//localhost/", "" };
    (void)state;
    open_fetch(&(struct souk_fetch_options){ 0 });
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(send_to("GET", bad[i], "", 1000), SOUK_ERR_USAGE);
    assert_int_equal(send_to("", "http://localhost/", "", 1000), SOUK_ERR_USAGE);
    struct souk_fetch_header split = { SOUK_TEXT("X"), SOUK_TEXT("a\r\nY: b") };
    struct souk_fetch_request request = { .method = SOUK_TEXT("GET"), .url = SOUK_TEXT("http://localhost/"),
                                          .headers = &split, .header_count = 1, .done = on_answer };
    assert_int_equal(souk_fetch_send(fetch, &request), SOUK_ERR_USAGE);
    assert_int_equal(souk_fetch_under_way(fetch), 0);
}

static void
closing_forgets_what_is_under_way(void **state)
{
    (void)state;
    open_fetch(&(struct souk_fetch_options){ .connections = 1 });
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_to("GET", url_of(souk_http_port(http), "/never"), "", 5000), SOUK_OK);
    for (int turn = 0; turn < 10; turn++)
        souk_loop_poll(loop, UINT64_C(5000000));
    souk_fetch_close(&fetch);
    for (int turn = 0; turn < 3; turn++)
        souk_loop_poll(loop, UINT64_C(5000000));
    assert_int_equal(answers, 0);
}

/* A port whose queue of connections is full: the kernel leaves further ones unanswered. */
static uint16_t
full_port(int *listener, int waiting[], unsigned count)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    *listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(*listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(*listener, 0), 0);
    for (unsigned i = 0; i < count; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&address, size);
    }
    return ntohs(address.sin_port);
}

/* The library closes the socket of a connection that doesn't come about before it says that it needs no watching. */
static void
connections_that_never_come_about_can_be_given_up(void **state)
{
    enum { QUEUE = 4, REQUESTS = 3 };
    int listener, waiting[QUEUE];
    (void)state;
    uint16_t port = full_port(&listener, waiting, QUEUE);
    open_fetch(&(struct souk_fetch_options){ .connections = 8, .connect_ms = 300 });
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_int_equal(send_to("GET", url_of(port, "/"), "", 5000), SOUK_OK);
    uint64_t end = now_ns() + 5000000000ull;
    while (answers < REQUESTS && now_ns() < end) {
        (void)souk_loop_poll(loop, 10000000);
        souk_fetch_tick(fetch, now_ns());
    }
    assert_int_equal(answers, REQUESTS);
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_int_equal(send_to("GET", url_of(port, "/"), "", 5000), SOUK_OK);
    for (unsigned i = 0; i < 5; i++)
        (void)souk_loop_poll(loop, 10000000);
    assert_int_equal(answers, REQUESTS);
    souk_fetch_close(&fetch);
    for (unsigned i = 0; i < QUEUE; i++)
        close(waiting[i]);
    close(listener);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered), TEST(connections_are_kept_and_bounded), TEST(too_many_are_refused),
        TEST(what_takes_too_long_is_late), TEST(a_large_body_is_refused), TEST(redirections_are_not_followed),
        TEST(nobody_there_is_an_input_output_fault), TEST(a_broken_answer_is_unknown),
        TEST(an_endless_head_is_refused), TEST(what_is_no_request_is_refused),
        TEST(connections_that_never_come_about_can_be_given_up),
        TEST(closing_forgets_what_is_under_way)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
