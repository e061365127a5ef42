/* SPDX-License-Identifier: Apache-2.0 */
/* bench/peer_postgres.c -- the flash-sale checkout with PostgreSQL 15: a peer of souk in `./run bench checkout`.
 *
 * It makes a cluster of its own, settles it as one would for a busy shop on this machine, loads checkout.sql, and lets
 * a closed loop of connections call its function as a prepared statement. fsync and synchronous_commit stay on. The
 * load generator is one thread that waits on epoll for libpq's asynchronous connections.
 *
 * Invariant: a connection has at most one statement under way. */
#include "common/load.h"
#include "common/process.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, WAL_SEGMENTS = 12 };

struct client {
    PGconn *conn;
    uint64_t sent_ns;
    bool under_way, waits_to_write;
};

struct peer {
    struct souk_bench_plan plan;
    struct souk_bench_user user;
    struct souk_bench_dir dir;
    struct souk_bench_child server;
    PGconn *control;
    struct client *clients;
    uint64_t customers;
    uint16_t port;
};

/* What differs from the defaults, and nothing that makes a commit less durable. The log segments of a busy server are
 * recycled rather than made; make_log_segments sees to it. commit_delay was tried and gains nothing here. */
static const char settings[] = "listen_addresses = '127.0.0.1'\n"
                               "unix_socket_directories = ''\n"
                               "fsync = on\n"
                               "synchronous_commit = on\n"
                               "full_page_writes = on\n"
                               "wal_compression = off\n"
                               "wal_level = minimal\n"
                               "max_wal_senders = 0\n"
                               "wal_buffers = 64MB\n"
                               "min_wal_size = 1GB\n"
                               "max_wal_size = 8GB\n"
                               "checkpoint_timeout = 30min\n"
                               "shared_buffers = 512MB\n"
                               "jit = off\n"
                               "max_parallel_workers_per_gather = 0\n"
                               "logging_collector = off\n"
                               "log_checkpoints = off\n";

/* The folder of initdb and postgres: Debian keeps them off the path. */
static void
find_program(const char *name, char *path, size_t size)
{
    snprintf(path, size, "/usr/lib/postgresql/15/bin/%s", name);
    if (access(path, X_OK) != 0)
        snprintf(path, size, "%s", name);
}

static souk_err
make_cluster(struct peer *peer, const char *data)
{
    char program[SOUK_BENCH_PATH_MAX], log[SOUK_BENCH_PATH_MAX + 16], config[SOUK_BENCH_PATH_MAX + 64];
    find_program("initdb", program, sizeof program);
    snprintf(log, sizeof log, "%s/initdb.log", peer->dir.path);
    /* initdb need not sync: we sync the file system before we measure. */
    const char *const argv[] = { program, "-D", data,   "-U",         "souk",      "-A",
                                 "trust", "-E", "UTF8", "--locale=C", "--no-sync", NULL };
    const struct souk_bench_start start = {
        .argv = argv, .user = &peer->user, .folder = peer->dir.path, .log = log, .stop_signal = SIGTERM
    };
    souk_err err = souk_bench_child_run(&start, 60000, NULL, 0);
    if (err) {
        fprintf(stderr, "bench: initdb failed\n");
        souk_bench_log_show(log);
        return err;
    }
    snprintf(config, sizeof config, "%s/postgresql.conf", data);
    FILE *file = fopen(config, "ae");
    if (!file)
        return SOUK_ERR_IO;
    peer->port = souk_bench_port_free();
    fprintf(file, "%sport = %u\nmax_connections = %u\n", settings, peer->port, peer->plan.connections + 10);
    return fclose(file) == 0 ? SOUK_OK : SOUK_ERR_IO;
}

static PGconn *
connect_to(const struct peer *peer)
{
    char port[8];
    snprintf(port, sizeof port, "%u", peer->port);
    static const char *const names[] = { "host", "port", "user", "dbname", "sslmode", "gssencmode", NULL };
    const char *const values[] = { "127.0.0.1", port, "souk", "postgres", "disable", "disable", NULL };
    return PQconnectdbParams(names, values, 0);
}

static souk_err
server_start(struct peer *peer)
{
    char program[SOUK_BENCH_PATH_MAX], data[SOUK_BENCH_PATH_MAX + 16], log[SOUK_BENCH_PATH_MAX + 16];
    find_program("postgres", program, sizeof program);
    snprintf(data, sizeof data, "%s/data", peer->dir.path);
    snprintf(log, sizeof log, "%s/log", peer->dir.path);
    souk_err err = make_cluster(peer, data);
    if (err)
        return err;
    /* SIGQUIT ends it at once, without a checkpoint: its data is thrown away. */
    const char *const argv[] = { program, "-D", data, NULL };
    const struct souk_bench_start start = { .argv = argv,
                                            .user = &peer->user,
                                            .folder = peer->dir.path,
                                            .log = log,
                                            .pin = peer->plan.pin,
                                            .stop_signal = SIGQUIT };
    err = souk_bench_child_start(&peer->server, &start);
    uint64_t end = souk_bench_now_ns() + UINT64_C(30000000000);
    int status = 0;
    while (!err) {
        peer->control = connect_to(peer);
        if (PQstatus(peer->control) == CONNECTION_OK)
            break;
        PQfinish(peer->control);
        peer->control = NULL;
        if (!souk_bench_child_runs(&peer->server, &status) || souk_bench_interrupted() || souk_bench_now_ns() > end) {
            fprintf(stderr, "bench: postgres did not start\n");
            souk_bench_log_show(log);
            err = SOUK_ERR_CLOSED;
        } else {
            souk_bench_sleep_ms(20);
        }
    }
    return err;
}

/* Runs statements; the first value of the last result goes to `value` where one is wanted. */
static souk_err
execute(struct peer *peer, const char *statements, char *value, size_t size)
{
    if (souk_bench_interrupted())
        return SOUK_ERR_CLOSED;
    PGresult *result = PQexec(peer->control, statements);
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || (status == PGRES_TUPLES_OK && PQntuples(result) > 0);
    if (!good)
        fprintf(stderr, "bench: postgres says %s\n", PQerrorMessage(peer->control));
    if (good && value)
        snprintf(value, size, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return good ? SOUK_OK : SOUK_ERR_USAGE;
}

/* The answer of checkout(): its text, or the refusal that it raised. */
static void
answer_of(const PGresult *result, char *answer, size_t size)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        snprintf(answer, size, "%s", PQgetvalue(result, 0, 0));
    else
        snprintf(answer, size, "%s",
                 PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                     ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                     : "no answer");
}

static const Oid types[4] = { 20, 25, 23, 23 }; /* int8, text, int4, int4 */

static souk_err
prepare(PGconn *conn)
{
    PGresult *result = PQprepare(conn, "checkout", "SELECT checkout($1, $2, $3, $4)", 4, types);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        fprintf(stderr, "bench: postgres says %s\n", PQerrorMessage(conn));
    PQclear(result);
    return good ? SOUK_OK : SOUK_ERR_USAGE;
}

/* Sends the order in binary. */
static bool
send_order(PGconn *conn, const struct souk_bench_order *order)
{
    uint32_t customer[2] = { htonl((uint32_t)(order->customer >> 32)), htonl((uint32_t)order->customer) };
    uint32_t sale = htonl(order->sale), units = htonl(order->units);
    const char *const values[4] = { (const char *)customer, order->key, (const char *)&sale, (const char *)&units };
    static const int lengths[4] = { 8, 16, 4, 4 }, formats[4] = { 1, 1, 1, 1 };
    return PQsendQueryPrepared(conn, "checkout", 4, values, lengths, formats, 1) == 1;
}

static souk_err
ask_one(void *self, const struct souk_bench_order *order, char *answer, size_t size)
{
    struct peer *peer = self;
    PGresult *result;
    if (!send_order(peer->control, order))
        return SOUK_ERR_IO;
    snprintf(answer, size, "no answer");
    while ((result = PQgetResult(peer->control)) != NULL) {
        answer_of(result, answer, size);
        PQclear(result);
    }
    return SOUK_OK;
}

/* Fills some log segments and lets a checkpoint recycle them, as they are on a server that has run for a while:
 * making and zeroing them would fall into the measured time. */
static souk_err
make_log_segments(struct peer *peer)
{
    souk_err err = SOUK_OK;
    for (int i = 0; !err && i < WAL_SEGMENTS; i++)
        err = execute(peer,
                      "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 15000000)); "
                      "SELECT pg_switch_wal()",
                      NULL, 0);
    return err;
}

static souk_err
set_up(struct peer *peer)
{
    char statements[1024], durable[64] = "";
    char *code = souk_bench_file_read("checkout.sql");
    if (!code)
        return SOUK_ERR_MISSING;
    souk_err err = execute(peer, code, NULL, 0);
    free(code);
    snprintf(statements, sizeof statements,
             "INSERT INTO sale SELECT i, %d, 'EUR', %d FROM generate_series(0, %u) i;"
             "INSERT INTO stock SELECT i, CASE WHEN i = %u THEN %d ELSE %d END, 0 FROM generate_series(0, %u) i;"
             "INSERT INTO account SELECT i, %d FROM generate_series(0, %" PRIu64 "::bigint) i;"
             "UPDATE account SET balance = 0 WHERE customer = %" PRIu64 ";",
             SOUK_BENCH_PRICE, SOUK_BENCH_LIMIT, peer->plan.skus, peer->plan.skus, SOUK_BENCH_PROBE_STOCK,
             SOUK_BENCH_STOCK, peer->plan.skus, SOUK_BENCH_CREDIT, peer->customers + SOUK_BENCH_PROBE_CUSTOMERS - 1,
             peer->customers + 1);
    if (!err)
        err = execute(peer, statements, NULL, 0);
    if (!err)
        err = prepare(peer->control);
    if (!err)
        err = souk_bench_probe(ask_one, peer, peer->plan.skus, peer->customers);
    if (!err)
        err = make_log_segments(peer);
    if (!err)
        err = execute(peer, "VACUUM ANALYZE", NULL, 0);
    if (!err)
        err = execute(peer, "CHECKPOINT", NULL, 0);
    if (!err)
        err = execute(peer,
                      "SELECT current_setting('fsync') || current_setting('synchronous_commit')"
                      " || current_setting('full_page_writes')",
                      durable, sizeof durable);
    if (!err && strcmp(durable, "ononon") != 0)
        err = SOUK_ERR_USAGE;
    peer->clients = calloc(peer->plan.connections, sizeof *peer->clients);
    if (!peer->clients)
        return SOUK_ERR_MEMORY;
    for (unsigned i = 0; !err && i < peer->plan.connections; i++) {
        PGconn *conn = peer->clients[i].conn = connect_to(peer);
        err = PQstatus(conn) == CONNECTION_OK ? prepare(conn) : SOUK_ERR_IO;
        if (!err && PQsetnonblocking(conn, 1) != 0)
            err = SOUK_ERR_IO;
    }
    return err;
}

/* Asks epoll for writability only while libpq has bytes left. */
static souk_err
flush(int epoll, struct client *client)
{
    int left = PQflush(client->conn);
    if (left < 0)
        return SOUK_ERR_IO;
    if ((left > 0) != client->waits_to_write) {
        struct epoll_event event = { .events = left ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = client };
        epoll_ctl(epoll, EPOLL_CTL_MOD, PQsocket(client->conn), &event);
        client->waits_to_write = left > 0;
    }
    return SOUK_OK;
}

static souk_err
feed(int epoll, struct client *client, souk_bench_load *load)
{
    struct souk_bench_order order;
    souk_assert(!client->under_way);
    if (!souk_bench_load_next(load, &order))
        return SOUK_OK;
    client->sent_ns = souk_bench_now_ns();
    client->under_way = true;
    if (!send_order(client->conn, &order))
        return SOUK_ERR_IO;
    return flush(epoll, client);
}

/* Takes what came; when that ends the statement, counts it and sends the next. */
static souk_err
take(int epoll, struct client *client, souk_bench_load *load)
{
    char answer[128] = "no answer";
    PGresult *result = NULL;
    if (!PQconsumeInput(client->conn)) {
        fprintf(stderr, "bench: postgres says %s\n", PQerrorMessage(client->conn));
        return SOUK_ERR_CLOSED;
    }
    if (!client->under_way)
        return SOUK_OK;
    while (!PQisBusy(client->conn)) {
        result = PQgetResult(client->conn);
        if (!result)
            break;
        answer_of(result, answer, sizeof answer);
        PQclear(result);
        bool accepted = strncmp(answer, "201 ", 4) == 0;
        if (!accepted && souk_bench_load_refused(load) == 0)
            fprintf(stderr, "bench: an order was refused: %s\n", answer);
        souk_bench_load_answered(load, client->sent_ns, accepted);
        client->under_way = false;
    }
    if (client->under_way || PQisBusy(client->conn))
        return SOUK_OK;
    return feed(epoll, client, load);
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
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, PQsocket(peer->clients[i].conn), &event) != 0)
            err = SOUK_ERR_IO;
        if (!err)
            err = feed(epoll, &peer->clients[i], load);
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
            if (events[i].events & EPOLLOUT)
                err = flush(epoll, client);
            if (!err && (events[i].events & ~(uint32_t)EPOLLOUT))
                err = take(epoll, client, load);
        }
    }
    close(epoll);
    return err;
}

static souk_err
verify(struct peer *peer, souk_bench_load *load)
{
    char statement[64], found[256];
    struct souk_bench_audit audit = { 0 };
    snprintf(statement, sizeof statement, "SELECT audit(%d)", SOUK_BENCH_CREDIT);
    souk_err err = execute(peer, statement, found, sizeof found);
    if (err)
        return err;
    if (sscanf(found, "{%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 "}",
               &audit.orders, &audit.sold, &audit.taken, &audit.payments, &audit.debited, &audit.credited,
               &audit.missing_credit) != 7)
        return SOUK_ERR_MALFORMED;
    audit.missing_credit -= SOUK_BENCH_CREDIT; /* of the probe's customer who never had any */
    return souk_bench_audit_check(&audit, souk_bench_load_sent(load) - souk_bench_load_refused(load) + 2);
}

static souk_err
run(struct peer *peer, struct souk_bench_row *row)
{
    /* More than PostgreSQL reaches on two cores, so that time ends the run, not the customers. */
    const struct souk_bench_plan *plan = &peer->plan;
    peer->customers = plan->customers ? plan->customers : (uint64_t)((plan->warmup_s + plan->seconds + 0.5) * 20000);
    if (plan->pipeline != 1) {
        fprintf(stderr, "bench: orders aren't pipelined with PostgreSQL\n");
        return SOUK_ERR_USAGE;
    }
    souk_err err = souk_bench_user_find("postgres", &peer->user);
    if (!err)
        err = souk_bench_dir_open(&peer->dir, plan->base, &peer->user);
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
        err = souk_bench_row_make(load, "postgresql", row);
    souk_bench_load_close(&load);
    return err;
}

int
main(int argc, char **argv)
{
    struct peer peer = { 0 };
    struct souk_bench_row row;
    if (souk_bench_plan_parse(&peer.plan, argc, argv, "peer_postgres: durable checkouts with a PostgreSQL of its own"))
        return 64;
    souk_bench_signals();
    if (peer.plan.pin)
        souk_bench_pin_self();
    souk_err err = run(&peer, &row);
    for (unsigned i = 0; peer.clients && i < peer.plan.connections; i++)
        PQfinish(peer.clients[i].conn);
    free(peer.clients);
    PQfinish(peer.control);
    souk_bench_child_stop(&peer.server, 20000);
    souk_bench_dir_close(&peer.dir);
    if (err || souk_bench_interrupted()) {
        fprintf(stderr, "bench: postgresql: %s\n", souk_bench_interrupted() ? "interrupted" : souk_err_text(err));
        return 1;
    }
    souk_bench_row_print(stdout, &row);
    printf("\n");
    return 0;
}
