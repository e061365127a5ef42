/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/http.c -- the server of http.h: opening, accepting, the passing of time, draining and closing. The invariants
 * of its connections are in httpconn.h. */
#define _GNU_SOURCE 1 /* accept4() */
#include "gateway/httpconn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Tells a client above the limit to come back. Best effort: its answer fits into an empty socket's buffer. */
static void
tell_overloaded(struct connection *connection)
{
    connection->http->counters->refused++;
    connection->room = souk_httproom_take(connection->http);
    if (connection->room == NULL) {
        souk_httpconn_close(connection);
        return;
    }
    connection->room->connection = connection;
    connection->room->parse.method = SOUK_HTTP_OTHER;
    souk_httpconn_refuse(connection, SOUK_PROBLEM_OVERLOADED, "There are too many connections.");
    souk_httpconn_pump(connection);
}

/* How many that are too many are told so at a time: each takes a descriptor, which may be few. */
static unsigned
refused_max(const souk_http *http)
{
    unsigned share = http->options.connections_max / 4 + 1;
    return share < REFUSED_MAX ? share : REFUSED_MAX;
}

static void
connection_open(souk_http *http, int fd)
{
    bool over = http->connections >= http->options.connections_max, none = over && http->refused >= refused_max(http);
    struct connection *connection = http->spare_connections;
    if (connection != NULL) {
        http->spare_connections = connection->next;
        http->spare_connection_count--;
    } else if (!none) {
        connection = malloc(sizeof *connection);
    }
    if (connection == NULL || none) {
        if (connection != NULL) {
            connection->next = http->spare_connections;
            http->spare_connections = connection;
            http->spare_connection_count++;
        }
        http->counters->refused++;
        close(fd);
        return;
    }
    *connection = (struct connection){
        .watch = { .fd = fd, .interest = SOUK_READABLE, .ready = souk_httpconn_ready, .arg = connection },
        .http = http,
        .over_limit = over
    };
    if (souk_loop_add(http->loop, &connection->watch) != SOUK_OK) {
        http->counters->refused++;
        close(fd);
        free(connection);
        return;
    }
    souk_httpconn_enlist(connection, IDLE);
    if (over) {
        http->refused++;
        tell_overloaded(connection);
        return;
    }
    http->connections++;
    http->counters->accepted++;
    http->counters->open = http->connections;
}

static void
listener_ready(void *arg, unsigned events)
{
    souk_http *http = arg;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(http->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_open(http, fd);
            continue;
        }
        if (errno == ECONNABORTED || errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            /* No descriptors or memory: look away until a connection closes or the next tick. */
            http->paused = true;
            http->listener.interest = 0;
            souk_loop_change(http->loop, &http->listener);
        }
        return;
    }
}

/* ---- opening, ticking, closing ---- */

static int
bound_socket(const struct addrinfo *address, bool shared, uint16_t port)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct sockaddr_storage where = { 0 };
    memcpy(&where, address->ai_addr, address->ai_addrlen);
    if (where.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&where)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)&where)->sin_port = htons(port);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 /* Connections inherit it. */
        || bind(fd, (struct sockaddr *)&where, address->ai_addrlen) != 0) {
        int kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

/* Two processes that share a port by SO_REUSEPORT would share out the buyers: a probe without it finds the other. */
static bool
port_is_taken(const struct addrinfo *address, uint16_t port)
{
    int probe = bound_socket(address, false, port);
    if (probe < 0)
        return errno == EADDRINUSE;
    bool taken = listen(probe, 1) != 0 && errno == EADDRINUSE;
    close(probe);
    return taken;
}

static souk_err
listen_at(souk_http *http)
{
    const struct souk_http_options *options = &http->options;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *address = NULL;
    if (getaddrinfo(options->host, NULL, &hints, &address) != 0)
        return SOUK_ERR_USAGE;
    bool taken = options->port != 0 && !options->join && port_is_taken(address, options->port);
    int fd = taken ? -1 : bound_socket(address, true, options->port);
    freeaddrinfo(address);
    if (fd < 0)
        return taken || errno == EADDRINUSE ? SOUK_ERR_BUSY : SOUK_ERR_IO;
    struct sockaddr_storage where;
    socklen_t size = sizeof where;
    http->listener = (struct souk_watch){ .fd = fd, .interest = SOUK_READABLE, .ready = listener_ready, .arg = http };
    if (listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&where, &size) != 0 ||
        souk_loop_add(http->loop, &http->listener) != SOUK_OK) {
        int kept = errno;
        close(fd);
        errno = kept;
        return kept == EADDRINUSE ? SOUK_ERR_BUSY : SOUK_ERR_IO;
    }
    http->port = ntohs(where.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&where)->sin6_port
                                                   : ((struct sockaddr_in *)(void *)&where)->sin_port);
    http->listening = true;
    return SOUK_OK;
}

static void
defaults(struct souk_http_options *options)
{
    const uint64_t second = 1000000000;
#define DEFAULT(member, value) options->member = options->member == 0 ? (value) : options->member
    options->host = options->host == NULL ? "127.0.0.1" : options->host;
    DEFAULT(connections_max, 16384);
    DEFAULT(head_max, 16 * 1024);
    DEFAULT(body_max, 64 * 1024);
    DEFAULT(drain_max, 1024 * 1024);
    DEFAULT(answer_max, 4 * 1024 * 1024);
    DEFAULT(memory_max, (size_t)256 * 1024 * 1024);
    DEFAULT(head_ns, 10 * second);
    DEFAULT(body_ns, 30 * second);
    DEFAULT(idle_ns, 75 * second);
    DEFAULT(write_ns, 30 * second);
    DEFAULT(linger_ns, 5 * second);
#undef DEFAULT
}

souk_err
souk_http_open(souk_http **out, souk_loop *loop, const struct souk_http_options *options)
{
    souk_assert(options->handler != NULL);
    *out = NULL;
    souk_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return SOUK_ERR_MEMORY;
    http->loop = loop;
    http->options = *options;
    defaults(&http->options);
    http->counters = options->counters == NULL ? &http->own : options->counters;
    souk_err err = listen_at(http);
    if (err != SOUK_OK) {
        int kept = errno;
        free(http);
        errno = kept;
        return err;
    }
    *out = http;
    return SOUK_OK;
}

static void
listener_close(souk_http *http)
{
    if (!http->listening)
        return;
    http->listening = false;
    souk_loop_remove(http->loop, &http->listener);
    close(http->listener.fd);
}

void
souk_http_close(souk_http **http_p)
{
    souk_http *http = *http_p;
    *http_p = NULL;
    if (http == NULL)
        return;
    listener_close(http);
    for (int state = 0; state < STATES; state++)
        while (http->lists[state].head != NULL)
            souk_httpconn_close(http->lists[state].head);
    while (http->orphans != NULL) {
        struct room *room = http->orphans;
        souk_httproom_adopt(http, room);
        souk_httproom_free(http, room);
    }
    while (http->spare_rooms != NULL) {
        struct room *room = http->spare_rooms;
        http->spare_rooms = room->next;
        souk_httproom_free(http, room);
    }
    while (http->spare_connections != NULL) {
        struct connection *connection = http->spare_connections;
        http->spare_connections = connection->next;
        free(connection);
    }
    souk_assert(http->memory == 0);
    free(http);
}

uint16_t
souk_http_port(const souk_http *http)
{
    return http->port;
}

unsigned
souk_http_in_flight(const souk_http *http)
{
    return http->in_flight;
}

unsigned
souk_http_connections(const souk_http *http)
{
    return http->connections + http->refused;
}

void
souk_http_drain(souk_http *http)
{
    if (http->draining)
        return;
    if (http->listening && !http->paused)
        listener_ready(http, SOUK_READABLE); /* Who already waits at the door is let in: closing it would reset them. */
    listener_close(http);
    http->draining = true;
    /* A request that is already here is still served; whoever has none is closed by settle(). */
    while (http->lists[IDLE].head != NULL)
        souk_httpconn_receive(http->lists[IDLE].head);
}

/* Too late: says so where a request has begun. */
static void
expire(struct connection *connection)
{
    struct souk_http_counters *counters = connection->http->counters;
    switch ((enum state)connection->state) {
    case HEAD:
        counters->timeouts_head++;
        break;
    case BODY:
        counters->timeouts_body++;
        break;
    case IDLE:
        counters->timeouts_idle++;
        break;
    case WRITE:
        counters->timeouts_write++;
        break;
    default:
        break;
    }
    if (connection->state == HEAD || connection->state == BODY) {
        souk_httpconn_refuse(connection, SOUK_PROBLEM_TIMEOUT, "");
        souk_httpconn_pump(connection);
    } else {
        souk_httpconn_close(connection);
    }
}

void
souk_http_tick(souk_http *http, uint64_t now_ns, uint64_t wall_ms)
{
    const struct souk_http_options *options = &http->options;
    const uint64_t patience[STATES] = {
        [IDLE] = options->idle_ns, [HEAD] = options->head_ns,   [BODY] = options->body_ns,
        [BUSY] = UINT64_MAX,       [WRITE] = options->write_ns, [LINGER] = options->linger_ns
    };
    http->now_ns = now_ns;
    souk_httphead_date(http->date, wall_ms);
    souk_httpconn_room_for_more(http);
    for (int state = 0; state < STATES; state++) {
        struct connection *head;
        while ((head = http->lists[state].head) != NULL && now_ns - head->since_ns >= patience[state])
            expire(head);
    }
}
