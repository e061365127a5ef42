/* SPDX-License-Identifier: Apache-2.0 */
/* bench/peer_redis.c -- the flash-sale checkout with Redis 7: a peer of souk in `./run bench checkout`.
 *
 * It starts a redis-server of its own that syncs its log before each answer (appendfsync always), loads checkout.lua,
 * and lets a closed loop of connections place orders, one at a time or pipelined. Redis syncs once for all commands
 * that it read in one round of its event loop, so it too commits in groups; its log is never rewritten meanwhile, and
 * it stores nothing else. The load generator is one thread on epoll that speaks RESP by itself, because making a reply
 * object for each answer would cost it more than the order.
 *
 * Invariant: the answers on a connection come in the order of its commands, so that the send times form a ring. */
#include "common/load.h"
#include "common/process.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ORDER_ROOM = 512, IN_ROOM = 64 * 1024, PIECE = 10000, EVENTS_MAX = 256 };

/* Growing bytes to send. */
struct buffer {
    char *at;
    size_t length, room;
};

struct client {
    int fd;
    bool waits_to_write;
    struct buffer out;
    size_t sent; /* of out */
    char *in;
    size_t in_length;
    uint64_t *sent_ns; /* ring of `pipeline` send times */
    unsigned ring_head, under_way;
};

struct peer {
    struct souk_bench_plan plan;
    struct souk_bench_dir dir;
    struct souk_bench_child server;
    struct client control; /* used with waiting: setting up and audit */
    struct client *clients;
    uint64_t customers;
    char at_ms[24]; /* the time that orders carry; coarse */
    uint16_t port;
};

static void
put(struct buffer *buffer, const void *bytes, size_t length)
{
    if (buffer->length + length > buffer->room) {
        size_t room = (buffer->length + length) * 2;
        char *at = realloc(buffer->at, room);
        souk_assert(at != NULL);
        buffer->at = at;
        buffer->room = room;
    }
    memcpy(buffer->at + buffer->length, bytes, length);
    buffer->length += length;
}

static size_t
digits(uint64_t number, char text[24])
{
    char back[24];
    size_t count = 0;
    do
        back[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    for (size_t i = 0; i < count; i++)
        text[i] = back[count - 1 - i];
    return count;
}

/* One bulk string of a command. */
static void
put_bulk(struct buffer *buffer, const char *text, size_t length)
{
    char head[32] = "$";
    size_t size = 1 + digits(length, head + 1);
    head[size++] = '\r', head[size++] = '\n';
    put(buffer, head, size);
    put(buffer, text, length);
    put(buffer, "\r\n", 2);
}

static void
put_command(struct buffer *buffer, unsigned count, const char *const *words)
{
    char head[32];
    put(buffer, head, (size_t)snprintf(head, sizeof head, "*%u\r\n", count));
    for (unsigned i = 0; i < count; i++)
        put_bulk(buffer, words[i], strlen(words[i]));
}

/* `prefix` and a number as one bulk string, and what follows it. */
static void
put_name(struct buffer *buffer, const char *prefix, size_t prefix_length, uint64_t number, const char *rest,
         size_t rest_length)
{
    char name[64];
    memcpy(name, prefix, prefix_length);
    size_t length = prefix_length + digits(number, name + prefix_length);
    memcpy(name + length, rest, rest_length);
    put_bulk(buffer, name, length + rest_length);
}

static void
put_order(struct peer *peer, struct buffer *buffer, const struct souk_bench_order *order)
{
    static const char head[] = "*11\r\n$5\r\nFCALL\r\n$8\r\ncheckout\r\n$1\r\n5\r\n";
    char rest[18] = ":", units[24];
    memcpy(rest + 1, order->key, 16);
    put(buffer, head, sizeof head - 1);
    put_name(buffer, "customer:", 9, order->customer, "", 0);
    put_name(buffer, "sale:", 5, order->sale, "", 0);
    put_name(buffer, "order:", 6, order->customer, rest, 17);
    put_name(buffer, "payment:", 8, order->customer, rest, 17);
    put_bulk(buffer, "ledger", 6);
    put_bulk(buffer, order->key, 16);
    put_bulk(buffer, units, digits(order->units, units));
    put_bulk(buffer, peer->at_ms, strlen(peer->at_ms));
}

/* The length of the first full reply in `bytes`; 0: not all of it is there. */
static size_t
reply_length(const char *bytes, size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    if (!end)
        return 0;
    size_t line = (size_t)(end - bytes) + 1;
    if (bytes[0] == '$') {
        long body = strtol(bytes + 1, NULL, 10);
        size_t all = body < 0 ? line : line + (size_t)body + 2;
        return all <= length ? all : 0;
    }
    if (bytes[0] != '*')
        return line;
    size_t at = line;
    for (long count = strtol(bytes + 1, NULL, 10); count > 0; count--) {
        size_t one = at < length ? reply_length(bytes + at, length - at) : 0;
        if (one == 0)
            return 0;
        at += one;
    }
    return at;
}

static souk_err
client_open(struct client *client, uint16_t port, unsigned pipeline)
{
    *client = (struct client){ .fd = souk_bench_connect(port) };
    if (client->fd < 0)
        return SOUK_ERR_IO;
    client->in = malloc(IN_ROOM + 1);
    client->sent_ns = calloc(pipeline, sizeof *client->sent_ns);
    return client->in && client->sent_ns ? SOUK_OK : SOUK_ERR_MEMORY;
}

static void
client_close(struct client *client)
{
    if (client->fd > 0)
        close(client->fd);
    free(client->out.at);
    free(client->in);
    free(client->sent_ns);
    *client = (struct client){ .fd = -1 };
}

/* Sends what is in `out`, as far as the socket takes it. */
static souk_err
client_flush(struct client *client)
{
    while (client->sent < client->out.length) {
        ssize_t done = send(client->fd, client->out.at + client->sent, client->out.length - client->sent, MSG_NOSIGNAL);
        if (done < 0 && (errno == EAGAIN || errno == EINTR))
            return SOUK_OK;
        if (done < 0)
            return SOUK_ERR_IO;
        client->sent += (size_t)done;
    }
    client->sent = client->out.length = 0;
    return SOUK_OK;
}

static souk_err
client_read(struct client *client)
{
    ssize_t got = recv(client->fd, client->in + client->in_length, IN_ROOM - client->in_length, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return SOUK_OK;
    if (got <= 0)
        return SOUK_ERR_CLOSED;
    client->in_length += (size_t)got;
    client->in[client->in_length] = '\0';
    return SOUK_OK;
}

/* Sends what is in the control connection's `out` and gives the one reply to it, which lives until the next call.
 * An error reply is SOUK_ERR_USAGE, after a message unless the server is still loading. */
static souk_err
converse(struct peer *peer, const char **reply)
{
    struct client *client = &peer->control;
    uint64_t end = souk_bench_now_ns() + UINT64_C(60000000000);
    client->in_length = 0;
    while (client->in_length == 0 || reply_length(client->in, client->in_length) == 0) {
        if (souk_bench_interrupted())
            return SOUK_ERR_CLOSED;
        if (souk_bench_now_ns() > end)
            return SOUK_ERR_LATE;
        souk_err err = client_flush(client);
        if (err)
            return err;
        struct pollfd wait = { .fd = client->fd, .events = client->out.length ? POLLIN | POLLOUT : POLLIN };
        if (poll(&wait, 1, 100) > 0 && (wait.revents & ~POLLOUT))
            err = client_read(client);
        if (err)
            return err;
    }
    *reply = client->in;
    if (client->in[0] != '-')
        return SOUK_OK;
    fprintf(stderr, "bench: redis-server says %s", client->in);
    return SOUK_ERR_USAGE;
}

static souk_err
command(struct peer *peer, const char **reply, unsigned count, const char *const *words)
{
    put_command(&peer->control.out, count, words);
    return converse(peer, reply);
}

/* The numbers of a reply that is an array of integers. */
static unsigned
numbers(const char *reply, uint64_t *into, unsigned most)
{
    unsigned count = 0;
    const char *at = strchr(reply, '\n');
    while (at && at[1] == ':' && count < most) {
        into[count++] = strtoull(at + 2, NULL, 10);
        at = strchr(at + 1, '\n');
    }
    return count;
}

static souk_err
server_start(struct peer *peer)
{
    char port[8], log[SOUK_BENCH_PATH_MAX + 16];
    peer->port = souk_bench_port_free();
    snprintf(port, sizeof port, "%u", peer->port);
    snprintf(log, sizeof log, "%s/log", peer->dir.path);
    const char *const argv[] = { "redis-server",
                                 "--port",
                                 port,
                                 "--bind",
                                 "127.0.0.1",
                                 "--dir",
                                 peer->dir.path,
                                 "--appendonly",
                                 "yes",
                                 "--appendfsync",
                                 "always",
                                 "--save",
                                 "",
                                 "--auto-aof-rewrite-percentage",
                                 "0",
                                 "--daemonize",
                                 "no",
                                 "--maxclients",
                                 "11000",
                                 NULL };
    const struct souk_bench_start start = { .argv = argv, .log = log, .pin = peer->plan.pin, .stop_signal = SIGTERM };
    souk_err err = souk_bench_child_start(&peer->server, &start);
    uint64_t end = souk_bench_now_ns() + UINT64_C(15000000000);
    int status = 0;
    while (!err && client_open(&peer->control, peer->port, 1) != SOUK_OK) {
        client_close(&peer->control);
        if (!souk_bench_child_runs(&peer->server, &status) || souk_bench_interrupted() || souk_bench_now_ns() > end) {
            fprintf(stderr, "bench: redis-server did not start\n");
            souk_bench_log_show(log);
            err = SOUK_ERR_CLOSED;
        } else {
            souk_bench_sleep_ms(10);
        }
    }
    return err;
}

static souk_err
give_credit(struct peer *peer, uint64_t first, uint64_t count)
{
    char from[24], many[24], amount[24];
    const char *reply;
    snprintf(from, sizeof from, "%" PRIu64, first);
    snprintf(many, sizeof many, "%" PRIu64, count);
    snprintf(amount, sizeof amount, "%d", SOUK_BENCH_CREDIT);
    return command(peer, &reply, 6, (const char *const[]){ "FCALL", "credit", "0", from, many, amount });
}

static souk_err
open_sale(struct peer *peer, unsigned sale, unsigned units)
{
    char name[24], stock[24], price[24], limit[24];
    const char *reply;
    snprintf(name, sizeof name, "sale:%u", sale);
    snprintf(stock, sizeof stock, "%u", units);
    snprintf(price, sizeof price, "%d", SOUK_BENCH_PRICE);
    snprintf(limit, sizeof limit, "%d", SOUK_BENCH_LIMIT);
    return command(peer, &reply, 8, (const char *const[]){ "FCALL", "open", "1", name, stock, price, "EUR", limit });
}

static souk_err
ask_one(void *self, const struct souk_bench_order *order, char *answer, size_t size)
{
    struct peer *peer = self;
    const char *reply;
    put_order(peer, &peer->control.out, order);
    souk_err err = converse(peer, &reply);
    if (err)
        return err;
    const char *text = reply[0] == '$' ? strchr(reply, '\n') + 1 : reply;
    snprintf(answer, size, "%.*s", (int)strcspn(text, "\r"), text);
    return SOUK_OK;
}

/* That the server does what this bench claims: it would be easy to measure something less durable. */
static souk_err
check_durable(struct peer *peer)
{
    const char *reply;
    souk_err err = command(peer, &reply, 3, (const char *const[]){ "CONFIG", "GET", "appendfsync" });
    if (!err && !strstr(reply, "always"))
        err = SOUK_ERR_USAGE;
    if (!err)
        err = command(peer, &reply, 3, (const char *const[]){ "CONFIG", "GET", "appendonly" });
    if (!err && !strstr(reply, "yes"))
        err = SOUK_ERR_USAGE;
    return err;
}

static souk_err
set_up(struct peer *peer)
{
    const char *reply;
    char *code = souk_bench_file_read("checkout.lua");
    if (!code)
        return SOUK_ERR_MISSING;
    souk_err err = command(peer, &reply, 3, (const char *const[]){ "FUNCTION", "LOAD", code });
    free(code);
    if (!err)
        err = check_durable(peer);
    for (unsigned sale = 0; !err && sale < peer->plan.skus; sale++)
        err = open_sale(peer, sale, SOUK_BENCH_STOCK);
    if (!err)
        err = open_sale(peer, peer->plan.skus, SOUK_BENCH_PROBE_STOCK);
    for (uint64_t i = 0; !err && i < peer->customers; i += PIECE)
        err = give_credit(peer, i, peer->customers - i < PIECE ? peer->customers - i : PIECE);
    if (!err)
        err = give_credit(peer, peer->customers, 1);
    if (!err)
        err = give_credit(peer, peer->customers + 2, SOUK_BENCH_PROBE_CUSTOMERS - 2);
    snprintf(peer->at_ms, sizeof peer->at_ms, "%" PRIu64, (uint64_t)time(NULL) * 1000);
    if (!err)
        err = souk_bench_probe(ask_one, peer, peer->plan.skus, peer->customers);
    peer->clients = calloc(peer->plan.connections, sizeof *peer->clients);
    if (!peer->clients)
        return SOUK_ERR_MEMORY;
    for (unsigned i = 0; !err && i < peer->plan.connections; i++)
        err = client_open(&peer->clients[i], peer->port, peer->plan.pipeline);
    return err;
}

/* Fills the connection up to the pipeline's depth and sends. */
static souk_err
feed(struct peer *peer, struct client *client, souk_bench_load *load)
{
    struct souk_bench_order order;
    unsigned depth = peer->plan.pipeline;
    while (client->under_way < depth && souk_bench_load_next(load, &order)) {
        put_order(peer, &client->out, &order);
        client->sent_ns[(client->ring_head + client->under_way++) % depth] = souk_bench_now_ns();
    }
    return client_flush(client);
}

/* Takes all full replies. */
static souk_err
take(struct peer *peer, struct client *client, souk_bench_load *load)
{
    souk_err err = client_read(client);
    size_t at = 0, one;
    while (!err && at < client->in_length && (one = reply_length(client->in + at, client->in_length - at)) != 0) {
        const char *reply = client->in + at;
        const char *text = memchr(reply, '\n', one);
        bool accepted = reply[0] == '$' && strncmp(text + 1, "201 ", 4) == 0;
        souk_assert(client->under_way > 0);
        if (!accepted && souk_bench_load_refused(load) == 0)
            fprintf(stderr, "bench: an order was refused: %.*s\n", (int)one, reply);
        souk_bench_load_answered(load, client->sent_ns[client->ring_head], accepted);
        client->ring_head = (client->ring_head + 1) % peer->plan.pipeline;
        client->under_way--;
        at += one;
    }
    memmove(client->in, client->in + at, client->in_length - at);
    client->in_length -= at;
    return err;
}

/* Asks epoll for writability only while the socket is full. */
static void
watch(int epoll, struct client *client)
{
    bool full = client->out.length > 0;
    if (full == client->waits_to_write)
        return;
    struct epoll_event event = { .events = full ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = client };
    epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
    client->waits_to_write = full;
}

static souk_err
drive(struct peer *peer, souk_bench_load *load)
{
    struct epoll_event events[EVENTS_MAX];
    souk_err err = SOUK_OK;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return SOUK_ERR_IO;
    for (unsigned i = 0; !err && i < peer->plan.connections; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &peer->clients[i] };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer->clients[i].fd, &event) != 0)
            err = SOUK_ERR_IO;
        if (!err)
            err = feed(peer, &peer->clients[i], load);
        watch(epoll, &peer->clients[i]);
    }
    uint64_t heard_ns = souk_bench_now_ns();
    while (!err && souk_bench_load_answers(load) < souk_bench_load_sent(load)) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, 100);
        if (count > 0)
            heard_ns = souk_bench_now_ns();
        else if (souk_bench_now_ns() - heard_ns > UINT64_C(20000000000))
            err = SOUK_ERR_LATE;
        for (int i = 0; !err && i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                err = take(peer, client, load);
            if (!err)
                err = feed(peer, client, load);
            watch(epoll, client);
        }
    }
    close(epoll);
    return err;
}

static souk_err
audit_range(struct peer *peer, struct souk_bench_audit *audit, uint64_t first, uint64_t count)
{
    char from[24], many[24], credit[24];
    const char *reply;
    uint64_t n[5] = { 0 };
    snprintf(from, sizeof from, "%" PRIu64, first);
    snprintf(many, sizeof many, "%" PRIu64, count);
    snprintf(credit, sizeof credit, "%d", SOUK_BENCH_CREDIT);
    souk_err err =
        command(peer, &reply, 6, (const char *const[]){ "FCALL", "audit_customers", "0", from, many, credit });
    if (err)
        return err;
    if (numbers(reply, n, 5) != 5)
        return SOUK_ERR_MALFORMED;
    audit->orders += n[0];
    audit->taken += n[1];
    audit->payments += n[2];
    audit->missing_credit += n[4];
    return SOUK_OK;
}

/* Reads back everything: all customers with their orders and payments, all sales, the whole ledger. */
static souk_err
verify(struct peer *peer, souk_bench_load *load)
{
    struct souk_bench_audit audit = { 0 };
    uint64_t used = souk_bench_load_sent(load), orders = used - souk_bench_load_refused(load) + 2;
    uint64_t n[3] = { PIECE };
    char from[24], many[24], name[24];
    const char *reply;
    souk_err err = audit_range(peer, &audit, peer->customers, 1);
    if (!err)
        err = audit_range(peer, &audit, peer->customers + 2, SOUK_BENCH_PROBE_CUSTOMERS - 2);
    for (uint64_t i = 0; !err && i < used; i += PIECE)
        err = audit_range(peer, &audit, i, used - i < PIECE ? used - i : PIECE);
    for (unsigned sale = 0; !err && sale <= peer->plan.skus; sale++) {
        snprintf(name, sizeof name, "sale:%u", sale);
        err = command(peer, &reply, 3, (const char *const[]){ "HGET", name, "sold" });
        if (!err && reply[0] == '$' && reply[1] != '-')
            audit.sold += strtoull(strchr(reply, '\n') + 1, NULL, 10);
    }
    snprintf(many, sizeof many, "%d", PIECE);
    for (uint64_t i = 0; !err && n[0] == PIECE; i += PIECE) {
        snprintf(from, sizeof from, "%" PRIu64, i);
        err = command(peer, &reply, 6, (const char *const[]){ "FCALL", "audit_ledger", "1", "ledger", from, many });
        if (!err && numbers(reply, n, 3) != 3)
            err = SOUK_ERR_MALFORMED;
        audit.debited += n[1];
        audit.credited += n[2];
    }
    return err ? err : souk_bench_audit_check(&audit, orders);
}

static souk_err
run(struct peer *peer, struct souk_bench_row *row)
{
    /* More than Redis reaches on one core of today, so that time ends the run, not the customers. */
    const struct souk_bench_plan *plan = &peer->plan;
    peer->customers = plan->customers ? plan->customers : (uint64_t)((plan->warmup_s + plan->seconds + 0.5) * 120000);
    souk_err err = souk_bench_dir_open(&peer->dir, plan->base, NULL);
    if (!err)
        err = server_start(peer);
    if (!err)
        err = set_up(peer);
    if (err)
        return err;
    souk_bench_dir_settle(&peer->dir);
    souk_bench_load *load = souk_bench_load_open(plan, peer->customers);
    if (!load)
        return SOUK_ERR_MEMORY;
    err = drive(peer, load);
    if (!err)
        err = verify(peer, load);
    if (!err && souk_bench_load_refused(load))
        err = SOUK_ERR_DENIED;
    if (!err)
        err = souk_bench_row_make(load, plan->pipeline > 1 ? "redis-always-pipelined" : "redis-always", row);
    souk_bench_load_close(&load);
    return err;
}

int
main(int argc, char **argv)
{
    struct peer peer = { .control.fd = -1 };
    struct souk_bench_row row;
    if (souk_bench_plan_parse(&peer.plan, argc, argv, "peer_redis: durable checkouts with a Redis of its own"))
        return 64;
    souk_bench_signals();
    if (peer.plan.pin)
        souk_bench_pin_self();
    souk_err err = run(&peer, &row);
    for (unsigned i = 0; peer.clients && i < peer.plan.connections; i++)
        client_close(&peer.clients[i]);
    free(peer.clients);
    client_close(&peer.control);
    souk_bench_child_stop(&peer.server, 10000);
    souk_bench_dir_close(&peer.dir);
    if (err || souk_bench_interrupted()) {
        fprintf(stderr, "bench: redis: %s\n", souk_bench_interrupted() ? "interrupted" : souk_err_text(err));
        return 1;
    }
    souk_bench_row_print(stdout, &row);
    printf("\n");
    return 0;
}
