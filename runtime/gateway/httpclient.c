/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httpclient.c -- the client of httpclient.h.
 *
 * A lane is a place for one connection. It is either in the stack of free lanes or in the queue of busy ones, which is
 * ordered by when the request was sent: the head is the first to be late. */
#include "gateway/httpclient.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_FIRST = 2048, OUT_FIRST = 1024, KEEP_MAX = 64 * 1024, HEAD_MAX = 64 * 1024 };

struct lane {
    struct souk_watch watch; /* fd -1: closed. */
    souk_httpclient *client;
    struct lane *next, *previous; /* Free: only next. */
    bool connected, busy;
    souk_httpclient_done *done;
    void *arg;
    uint64_t since_ns;
    struct souk_parse parse;
    bool no_body;
    char *in, *out;
    uint32_t in_length, in_capacity;
    uint32_t out_at, out_length, out_capacity;
};

struct souk_httpclient {
    souk_loop *loop;
    struct souk_httpclient_options options;
    struct sockaddr_storage address;
    socklen_t address_length;
    char host[300]; /* The Host header's line. */
    size_t host_length;
    struct lane *lanes, *free, *head, *tail;
    unsigned free_count, connected;
    uint64_t now_ns;
};

static void
lane_disconnect(struct lane *lane)
{
    if (lane->watch.fd < 0)
        return;
    souk_loop_remove(lane->client->loop, &lane->watch);
    close(lane->watch.fd);
    lane->watch.fd = -1;
    if (lane->connected)
        lane->client->connected--;
    lane->connected = false;
}

static void
lane_free(struct lane *lane)
{
    souk_httpclient *client = lane->client;
    *(lane->previous ? &lane->previous->next : &client->head) = lane->next;
    *(lane->next ? &lane->next->previous : &client->tail) = lane->previous;
    lane->busy = false;
    lane->previous = NULL;
    lane->next = client->free;
    client->free = lane;
    client->free_count++;
}

/* Ends the request of a lane. The lane is free when done() is called, so that it can be used at once. */
static void
lane_end(struct lane *lane, souk_err fault)
{
    struct souk_httpclient_answer answer = { .fault = fault };
    if (fault == SOUK_OK) {
        answer.status = lane->parse.status;
        answer.body = (struct souk_text){ lane->in + lane->parse.head_end, lane->parse.body_length };
        answer.head = lane;
        if (!lane->parse.keep_alive || lane->in_length != lane->parse.end)
            lane_disconnect(lane);
    } else {
        lane_disconnect(lane);
    }
    lane_free(lane);
    lane->done(lane->arg, &answer);
}

static void
interest_set(struct lane *lane, unsigned interest)
{
    if (lane->watch.interest != interest) {
        lane->watch.interest = interest;
        souk_loop_change(lane->client->loop, &lane->watch);
    }
}

/* Sends what is left of the request. False: the connection is broken. */
static bool
lane_flush(struct lane *lane)
{
    while (lane->out_at < lane->out_length) {
        ssize_t sent = send(lane->watch.fd, lane->out + lane->out_at, lane->out_length - lane->out_at,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return false;
        if (sent < 0) {
            interest_set(lane, SOUK_READABLE | SOUK_WRITABLE);
            return true;
        }
        lane->out_at += (uint32_t)sent;
    }
    interest_set(lane, SOUK_READABLE);
    return true;
}

static bool
grow(char **buffer, uint32_t *capacity, size_t first, size_t want)
{
    if (want <= *capacity)
        return true;
    size_t size = *capacity == 0 ? first : *capacity;
    while (size < want)
        size *= 2;
    char *moved = size > UINT32_MAX / 2 ? NULL : realloc(*buffer, size);
    if (moved == NULL)
        return false;
    *buffer = moved;
    *capacity = (uint32_t)size;
    return true;
}

/* Reads on in the answer. Interim answers (1xx) are passed over. */
static void
lane_parse(struct lane *lane, bool ended)
{
    for (;;) {
        enum souk_parse_result result = souk_parse_feed(&lane->parse, lane->in, &lane->in_length);
        if (result == SOUK_PARSE_MORE && ended)
            result = lane->in_length == 0 ? SOUK_PARSE_MORE : souk_parse_finish(&lane->parse);
        if (result == SOUK_PARSE_DONE && lane->parse.status < 200) {
            memmove(lane->in, lane->in + lane->parse.end, lane->in_length - lane->parse.end);
            lane->in_length -= lane->parse.end;
            souk_parse_start(&lane->parse, true, lane->no_body, HEAD_MAX, lane->client->options.answer_max);
            continue;
        }
        if (result == SOUK_PARSE_DONE)
            lane_end(lane, SOUK_OK);
        else if (result == SOUK_PARSE_HEAD_TOO_LARGE || result == SOUK_PARSE_BODY_TOO_LARGE)
            lane_end(lane, SOUK_ERR_TOO_LARGE);
        else if (result != SOUK_PARSE_MORE)
            lane_end(lane, ended ? SOUK_ERR_CLOSED : SOUK_ERR_MALFORMED);
        else if (ended)
            lane_end(lane, SOUK_ERR_CLOSED);
        return;
    }
}

static void
lane_receive(struct lane *lane)
{
    size_t want = (size_t)lane->in_length + 1;
    if (lane->parse.head_done && !lane->parse.chunked && lane->parse.wanted > 0)
        want = (size_t)lane->parse.head_end + lane->parse.wanted;
    if (want <= lane->in_length)
        want = (size_t)lane->in_length + 1;
    if (!grow(&lane->in, &lane->in_capacity, IN_FIRST, want)) {
        lane_end(lane, SOUK_ERR_MEMORY);
        return;
    }
    ssize_t got = recv(lane->watch.fd, lane->in + lane->in_length, lane->in_capacity - lane->in_length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got > 0)
        lane->in_length += (uint32_t)got;
    if (got < 0)
        lane_end(lane, SOUK_ERR_CLOSED);
    else
        lane_parse(lane, got == 0);
}

static void
lane_ready(void *arg, unsigned events)
{
    struct lane *lane = arg;
    if (!lane->connected) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(lane->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0 ||
            (events & SOUK_HUNG_UP)) {
            if (lane->busy)
                lane_end(lane, SOUK_ERR_IO);
            else
                lane_disconnect(lane);
            return;
        }
        lane->connected = true;
        lane->client->connected++;
        interest_set(lane, SOUK_READABLE);
    }
    if (!lane->busy) { /* Whatever comes now is no answer: the server has closed, or is confused. */
        if (events & (SOUK_READABLE | SOUK_HUNG_UP))
            lane_disconnect(lane);
        return;
    }
    if (lane->out_at < lane->out_length && !lane_flush(lane) && !(events & SOUK_READABLE)) {
        lane_end(lane, SOUK_ERR_CLOSED);
        return;
    }
    if (events & (SOUK_READABLE | SOUK_HUNG_UP))
        lane_receive(lane); /* Also after a failed send: a refusal may have come first. */
}

static souk_err
lane_connect(struct lane *lane)
{
    souk_httpclient *client = lane->client;
    int one = 1;
    int fd = socket(client->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SOUK_ERR_IO;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* Slower without it, not wrong. */
    if (connect(fd, (struct sockaddr *)&client->address, client->address_length) != 0 && errno != EINPROGRESS) {
        close(fd);
        return SOUK_ERR_IO;
    }
    lane->watch = (struct souk_watch){ .fd = fd, .interest = SOUK_WRITABLE, .ready = lane_ready, .arg = lane };
    if (souk_loop_add(client->loop, &lane->watch) != SOUK_OK) {
        close(fd);
        lane->watch.fd = -1;
        return SOUK_ERR_IO;
    }
    return SOUK_OK;
}

static char *
append(char *to, struct souk_text text)
{
    if (text.length > 0)
        memcpy(to, text.at, text.length);
    return to + text.length;
}

static souk_err
request_render(struct lane *lane, const struct souk_httpclient_request *request)
{
    size_t size = request->method.length + request->target.length + lane->client->host_length +
                  request->content_type.length + request->body.length + 128;
    for (size_t i = 0; i < request->header_count; i++)
        size += request->headers[i].name.length + request->headers[i].value.length + 4;
    if (!grow(&lane->out, &lane->out_capacity, OUT_FIRST, size))
        return SOUK_ERR_MEMORY;
    char *to = append(lane->out, request->method);
    to = append(to, SOUK_TEXT(" "));
    to = append(to, request->target);
    to = append(to, SOUK_TEXT(" HTTP/1.1\r\n"));
    to = append(to, (struct souk_text){ lane->client->host, lane->client->host_length });
    for (size_t i = 0; i < request->header_count; i++) {
        to = append(to, request->headers[i].name);
        to = append(to, SOUK_TEXT(": "));
        to = append(to, request->headers[i].value);
        to = append(to, SOUK_TEXT("\r\n"));
    }
    if (request->content_type.length > 0) {
        to = append(to, SOUK_TEXT("Content-Type: "));
        to = append(to, request->content_type);
        to = append(to, SOUK_TEXT("\r\n"));
    }
    bool bodiless =
        souk_text_equal(request->method, SOUK_TEXT("GET")) || souk_text_equal(request->method, SOUK_TEXT("HEAD"));
    if (request->body.length > 0 || !bodiless) {
        char line[48];
        int length = snprintf(line, sizeof line, "Content-Length: %zu\r\n", request->body.length);
        to = append(to, (struct souk_text){ line, (size_t)length });
    }
    to = append(to, SOUK_TEXT("\r\n"));
    to = append(to, request->body);
    lane->out_at = 0;
    lane->out_length = (uint32_t)(to - lane->out);
    souk_assert(lane->out_length <= lane->out_capacity);
    return SOUK_OK;
}

souk_err
souk_httpclient_send(souk_httpclient *client, const struct souk_httpclient_request *request)
{
    struct lane *lane = client->free;
    if (lane == NULL)
        return SOUK_ERR_BUSY;
    souk_err err = request_render(lane, request);
    if (err == SOUK_OK && lane->watch.fd < 0)
        err = lane_connect(lane);
    if (err != SOUK_OK)
        return err;
    client->free = lane->next;
    client->free_count--;
    lane->next = NULL;
    lane->previous = client->tail;
    *(client->tail ? &client->tail->next : &client->head) = lane;
    client->tail = lane;
    lane->busy = true;
    lane->done = request->done;
    lane->arg = request->arg;
    lane->since_ns = client->now_ns;
    lane->in_length = 0;
    if (lane->in_capacity > KEEP_MAX) { /* One large answer must not cost each lane its size for ever. */
        free(lane->in);
        lane->in = NULL;
        lane->in_capacity = 0;
    }
    lane->no_body = souk_text_equal(request->method, SOUK_TEXT("HEAD"));
    souk_parse_start(&lane->parse, true, lane->no_body, HEAD_MAX, client->options.answer_max);
    if (lane->connected && !lane_flush(lane))
        interest_set(lane, SOUK_READABLE | SOUK_WRITABLE); /* The loop will tell, and done() hears of it there. */
    return SOUK_OK;
}

unsigned
souk_httpclient_header(const struct souk_httpclient_answer *answer, struct souk_text name, struct souk_text *value)
{
    const struct lane *lane = answer->head;
    return lane == NULL ? 0 : souk_parse_find(&lane->parse, lane->in, name, value);
}

unsigned
souk_httpclient_free(const souk_httpclient *client)
{
    return client->free_count;
}

unsigned
souk_httpclient_connected(const souk_httpclient *client)
{
    return client->connected;
}

void
souk_httpclient_tick(souk_httpclient *client, uint64_t now_ns)
{
    client->now_ns = now_ns;
    while (client->head != NULL && now_ns - client->head->since_ns >= client->options.timeout_ns)
        lane_end(client->head, SOUK_ERR_LATE);
}

static souk_err
address_find(souk_httpclient *client)
{
    const char *host = client->options.host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", client->options.port);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return SOUK_ERR_USAGE;
    memcpy(&client->address, found->ai_addr, found->ai_addrlen);
    client->address_length = found->ai_addrlen;
    freeaddrinfo(found);
    bool bracket = strchr(host, ':') != NULL;
    int length = snprintf(client->host, sizeof client->host, "Host: %s%s%s:%s\r\n", bracket ? "[" : "", host,
                          bracket ? "]" : "", port);
    if (length < 0 || (size_t)length >= sizeof client->host)
        return SOUK_ERR_USAGE;
    client->host_length = (size_t)length;
    return SOUK_OK;
}

souk_err
souk_httpclient_open(souk_httpclient **out, souk_loop *loop, const struct souk_httpclient_options *options)
{
    *out = NULL;
    souk_httpclient *client = calloc(1, sizeof *client);
    if (client == NULL)
        return SOUK_ERR_MEMORY;
    client->loop = loop;
    client->options = *options;
    client->options.host = options->host == NULL ? "127.0.0.1" : options->host;
    client->options.connections = options->connections == 0 ? 1 : options->connections;
    client->options.timeout_ns = options->timeout_ns == 0 ? UINT64_C(30000000000) : options->timeout_ns;
    client->options.answer_max = options->answer_max == 0 ? 16 * 1024 * 1024 : options->answer_max;
    souk_err err = address_find(client);
    client->lanes = err == SOUK_OK ? calloc(client->options.connections, sizeof *client->lanes) : NULL;
    if (client->lanes == NULL) {
        free(client);
        return err == SOUK_OK ? SOUK_ERR_MEMORY : err;
    }
    for (unsigned i = client->options.connections; i-- > 0;) {
        struct lane *lane = &client->lanes[i];
        lane->client = client;
        lane->watch.fd = -1;
        lane->next = client->free;
        client->free = lane;
        client->free_count++;
        if (options->eager)
            (void)lane_connect(lane); /* Tried again by the first request that takes the lane. */
    }
    *out = client;
    return SOUK_OK;
}

void
souk_httpclient_close(souk_httpclient **client_p)
{
    souk_httpclient *client = *client_p;
    *client_p = NULL;
    if (client == NULL)
        return;
    for (unsigned i = 0; i < client->options.connections; i++) {
        lane_disconnect(&client->lanes[i]);
        free(client->lanes[i].in);
        free(client->lanes[i].out);
    }
    free(client->lanes);
    free(client);
}
