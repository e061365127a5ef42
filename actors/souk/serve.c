/* SPDX-License-Identifier: Apache-2.0 */
/* souk/serve.c -- `souk serve`: options, the parts of a node and their order, the ready file, the end. main.c calls it.
 *
 * Signals are blocked before any thread starts (LevelDB, libzmq and libcurl start their own), so that they reach the
 * main thread alone, and that only while it waits: a handler ends the waiting, and the rest is an ordinary way out. */
#include "serve.h"

#include "address_parts.h"
#include "api.h"
#include "kinds.h"
#include "options.h"
#include "stripe.h"

#include "gateway/json.h"
#include "wire/wire.h"
#include "world/thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

enum { SECRET_MAX = 512, WHY_MAX = 1024, DRAIN_MS = 10000, ADDRESS_MAX = 300 };

/* Files that may be open at once: what there must be at all, and what the databases and ZeroMQ keep for themselves
 * beside a fifth of all for LevelDB's tables; what each worker needs; and what clients and the provider get at
 * most. */
enum { FILES_MIN = 256, FILES_KEPT = 96, FILES_WORKER = 16, CLIENTS_MAX = 16384, PROVIDER_MAX = 256 };

struct settings {
    struct souk_option_address http;
    const char *data, *config, *ready_file, *zmq, *zmq_key_file, *zmq_clients, *provider, *provider_key_file,
        *provider_ca_file, *webhook_secret_file;
    uint64_t workers, backlog_mib, checkpoint_mib, actors_max, memory_max_mib, stall_ms, stall_fatal_ms;
    bool insecure;
};

/* What is open, in the order of opening. */
struct service {
    struct settings set;
    char provider_key[SECRET_MAX], webhook_secret[SECRET_MAX];
    size_t provider_key_length, webhook_secret_length;
    char why[WHY_MAX], wire_why[WHY_MAX], address[ADDRESS_MAX];
    char place[4096]; /* The file that says where it serves; empty: none yet. */
    souk_stripe *stripe;
    souk_wire *wire;
    souk_api *api;
    struct souk_port_driver ports[2];
    struct souk_guest guests[4];
    souk_node *node;
    unsigned clients_max, provider_max; /* Connections of each worker; to the provider. */
    bool ready;
};

static souk_node *volatile waiting_node; /* For the signal handler. */

/* ---- Options. ---- */

static const struct souk_options_words words = {
    "serve",
    "The node of a shop: takes orders over HTTP and from programs over ZeroMQ, until SIGTERM or SIGINT; then it lets\n"
    "what is under way end, and ends with 0. Other ends: 64 it was told nonsense, 65 the data directory is damaged or\n"
    "of another version, 69 an address is taken, 74 the disk failed, 75 another process uses the data directory,\n"
    "78 the configuration is wrong.\n",
};

static int
read_options(struct souk_options_memory *memory, struct settings *s, int argc, char **argv)
{
    const struct souk_option table[] = {
        { "http", SOUK_OPTION_ADDRESS, &s->http, "127.0.0.1:8080", 0, 0, "HOST:PORT",
          "where to listen; port 0 takes a free one" },
        { "data", SOUK_OPTION_TEXT, &s->data, "./souk-data", 0, 0, "DIR", "the data directory, made when missing" },
        { "workers", SOUK_OPTION_NUMBER, &s->workers, "0", 0, 64, "N",
          "threads that serve; 0: by the number of cores" },
        { "config", SOUK_OPTION_TEXT, &s->config, NULL, 0, 0, "FILE", "a YAML file with any of these options" },
        { "ready-file", SOUK_OPTION_TEXT, &s->ready_file, NULL, 0, 0, "FILE",
          "gets {\"http\":\"HOST:PORT\",\"zmq\":\"ENDPOINT\"} once it serves" },
        { "zmq", SOUK_OPTION_TEXT, &s->zmq, NULL, 0, 0, "tcp://HOST:PORT",
          "a ZeroMQ address beside the local one; needs the next two" },
        { "zmq-key-file", SOUK_OPTION_TEXT, &s->zmq_key_file, NULL, 0, 0, "FILE", "the node's secret CURVE key" },
        { "zmq-clients", SOUK_OPTION_TEXT, &s->zmq_clients, NULL, 0, 0, "DIR",
          "the public CURVE keys of clients that may connect" },
        { "provider", SOUK_OPTION_TEXT, &s->provider, NULL, 0, 0, "URL",
          "the payment provider; without one orders are paid by credit alone" },
        { "provider-key-file", SOUK_OPTION_TEXT, &s->provider_key_file, NULL, 0, 0, "FILE",
          "our secret key at the provider" },
        { "provider-ca-file", SOUK_OPTION_TEXT, &s->provider_ca_file, NULL, 0, 0, "FILE",
          "certificates to trust instead of the system's" },
        { "webhook-secret-file", SOUK_OPTION_TEXT, &s->webhook_secret_file, NULL, 0, 0, "FILE",
          "the secret that the provider signs webhooks with" },
        { "backlog-mib", SOUK_OPTION_NUMBER, &s->backlog_mib, "16", 1, 1024, "N",
          "batches not yet on disk before new requests get 503" },
        { "checkpoint-mib", SOUK_OPTION_NUMBER, &s->checkpoint_mib, "32", 1, 65536, "N",
          "growth of the journal between checkpoints" },
        { "actors-max", SOUK_OPTION_NUMBER, &s->actors_max, "4194304", 1024, UINT32_MAX, "N",
          "actors in memory before idle ones are put to sleep" },
        { "memory-max-mib", SOUK_OPTION_NUMBER, &s->memory_max_mib, "0", 0, UINT64_C(1) << 32, "N",
          "what actors and messages may take before new requests get 503; 0: no limit" },
        { "stall-ms", SOUK_OPTION_NUMBER, &s->stall_ms, "1000", 0, UINT32_MAX - 1, "MS",
          "how long a turn may hold a worker before it is told; 0: never" },
        { "stall-fatal-ms", SOUK_OPTION_NUMBER, &s->stall_fatal_ms, "0", 0, UINT32_MAX, "MS",
          "... and before the process aborts; 0: never" },
        { "insecure", SOUK_OPTION_BOOL, &s->insecure, "false", 0, 0, NULL,
          "listen where others can reach it, although nobody is authenticated" },
        { .name = NULL },
    };
    return souk_options_read(memory, &words, table, argc, argv);
}

/* Whether everything that a host's name stands for is this machine alone. */
static bool
is_loopback(const char *host)
{
    struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM };
    if (getaddrinfo(host, NULL, &hints, &found)) return false;
    bool loopback = true;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        if (a->ai_family == AF_INET)
            loopback &= ntohl(((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr.s_addr) >> 24 == 127;
        else if (a->ai_family == AF_INET6)
            loopback &= IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr);
        else
            loopback = false;
    }
    freeaddrinfo(found);
    return loopback;
}

static int
complain(int status, const char *what, const char *why)
{
    fprintf(stderr, "souk serve: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return status;
}

static int
check_options(const struct settings *s)
{
    if (!s->insecure && !is_loopback(s->http.host)) {
        fprintf(stderr, "souk serve: refusing to listen on %s: it isn't a loopback address, and nobody who asks is "
                        "authenticated yet; --insecure allows it\n", s->http.host);
        return EX_USAGE;
    }
    if (s->zmq && (!s->zmq_key_file || !s->zmq_clients))
        return complain(EX_USAGE, "--zmq needs --zmq-key-file and --zmq-clients: over tcp CURVE is compulsory", NULL);
    if ((s->provider != NULL) != (s->provider_key_file != NULL))
        return complain(EX_USAGE, "--provider and --provider-key-file belong together", NULL);
    return EX_OK;
}

/* A file's text without white space at its end. False: unreadable, empty or too long. */
static bool
read_secret(const char *path, char secret[SECRET_MAX], size_t *length)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    *length = fread(secret, 1, SECRET_MAX, file);
    bool whole = !ferror(file) && *length < SECRET_MAX;
    fclose(file);
    while (*length > 0 && strchr(" \t\r\n", secret[*length - 1])) --*length;
    return whole && *length > 0;
}

static int
read_secrets(struct service *v)
{
    const struct settings *s = &v->set;
    if (s->provider_key_file && !read_secret(s->provider_key_file, v->provider_key, &v->provider_key_length))
        return complain(EX_CONFIG, "no key can be read from the --provider-key-file", s->provider_key_file);
    if (s->webhook_secret_file && !read_secret(s->webhook_secret_file, v->webhook_secret, &v->webhook_secret_length))
        return complain(EX_CONFIG, "no secret can be read from the --webhook-secret-file", s->webhook_secret_file);
    return EX_OK;
}

/* ---- Opening. ---- */

static int
status_of(souk_err err)
{
    switch (err) {
    case SOUK_ERR_LOCKED: return EX_TEMPFAIL;
    case SOUK_ERR_CORRUPT:
    case SOUK_ERR_VERSION: return EX_DATAERR;
    case SOUK_ERR_IO:
    case SOUK_ERR_FULL: return EX_IOERR;
    case SOUK_ERR_USAGE:
    case SOUK_ERR_MISSING: return EX_USAGE;
    case SOUK_ERR_MEMORY: return EX_OSERR;
    default: return EX_SOFTWARE;
    }
}

static int
open_parts(struct service *v)
{
    const struct settings *s = &v->set;
    const struct souk_stripe_options provider = {
        .url = s->provider, .key = { v->provider_key, v->provider_key_length }, .ca_file = s->provider_ca_file,
        .connections = v->provider_max,
    };
    souk_err err = s->provider ? souk_stripe_open(&v->stripe, &provider) : SOUK_OK;
    if (err)
        return complain(err == SOUK_ERR_USAGE ? EX_USAGE : EX_OSERR,
                        "--provider must be an https URL (http only on this machine), its key visible ASCII", NULL);
    const struct souk_wire_options wire = {
        .directory = s->data, .kinds = souk_wire_kinds, .address = souk_address_parts, .tcp = s->zmq,
        .key_file = s->zmq_key_file, .clients = s->zmq_clients, .why = v->wire_why, .why_size = sizeof v->wire_why,
    };
    err = souk_wire_open(&v->wire, &wire);
    if (err) return complain(EX_CONFIG, "--zmq", *v->wire_why ? v->wire_why : souk_err_text(err));
    const struct souk_api_options api = {
        .host = s->http.host, .port = s->http.port, .cards = s->provider != NULL,
        .webhook_secret = { v->webhook_secret, v->webhook_secret_length },
        .provider = v->stripe ? souk_stripe_counted(v->stripe) : NULL, .wire = v->wire,
        .connections_max = v->clients_max, .admin = is_loopback(s->http.host),
    };
    err = souk_api_open(&v->api, &api);
    if (err) return complain(EX_OSERR, souk_err_text(err), NULL);
    size_t guests = 0;
    if (v->stripe) {
        v->ports[0] = souk_stripe_driver(v->stripe);
        v->guests[guests++] = souk_stripe_guest(v->stripe);
    }
    v->guests[guests++] = souk_wire_guest(v->wire);
    v->guests[guests] = souk_api_guest(v->api); /* Last: it lets clients in. */
    return EX_OK;
}

static int
open_node(struct service *v)
{
    const struct settings *s = &v->set;
    const struct souk_options options = {
        .directory = s->data, .kinds = souk_commerce_kinds, .ports = v->ports, .guests = v->guests,
        .workers = (unsigned)s->workers, .backlog_max = (uint32_t)(s->backlog_mib << 20),
        .checkpoint_mib = (uint32_t)s->checkpoint_mib, .actors_max = (uint32_t)s->actors_max,
        .memory_max = s->memory_max_mib << 20,
        .stall_ms = s->stall_ms ? (uint32_t)s->stall_ms : SOUK_STALL_NEVER,
        .stall_fatal_ms = (uint32_t)s->stall_fatal_ms,
    };
    souk_err err = souk_node_open(&v->node, &options, v->why, sizeof v->why);
    if (!err) return EX_OK;
    souk_err http = souk_api_fault(v->api);
    if (http) {
        fprintf(stderr, "souk serve: cannot listen on %s:%u: %s\n", s->http.host, s->http.port,
                http == SOUK_ERR_BUSY    ? "the port is taken"
                : http == SOUK_ERR_USAGE ? "there is no such host"
                                         : strerror(errno));
        return http == SOUK_ERR_USAGE ? EX_NOHOST : EX_UNAVAILABLE;
    }
    if (*v->wire_why) return complain(EX_UNAVAILABLE, v->wire_why, NULL);
    return complain(status_of(err), *v->why ? v->why : souk_err_text(err), NULL);
}

/* A ready file that a crash left behind would be believed. It isn't ours to remove while another process serves. */
static void
remove_stale(const struct settings *s)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/lock", s->data);
    if (!s->ready_file || length < 0 || length >= (int)sizeof path) return;
    int lock = open(path, O_RDONLY | O_CLOEXEC);
    bool served = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0;
    if (lock >= 0) close(lock);
    if (!served) unlink(s->ready_file);
}

/* Written aside and renamed, so that whoever waits for it never reads half. */
static int
write_file(const char *path, struct souk_text line)
{
    char aside[4096];
    int length = snprintf(aside, sizeof aside, "%s.new", path);
    if (length < 0 || length >= (int)sizeof aside) return complain(EX_CANTCREAT, "a file's name is too long", path);
    FILE *file = fopen(aside, "we");
    bool written = file && fprintf(file, "%.*s\n", (int)line.length, line.at) > 0;
    if (file && fclose(file)) written = false;
    if (written && !rename(aside, path)) return EX_OK;
    complain(EX_CANTCREAT, path, strerror(errno));
    unlink(aside);
    return EX_CANTCREAT;
}

/* In the data directory, for tools that find it in use. */
static int
write_place(struct service *v)
{
    int length = snprintf(v->place, sizeof v->place, "%s/souk.http", v->set.data);
    if (length < 0 || length >= (int)sizeof v->place) return complain(EX_CANTCREAT, "a name is too long", v->set.data);
    int status = write_file(v->place, souk_text_of(v->address));
    if (status) v->place[0] = 0;
    return status;
}

static int
write_ready(struct service *v)
{
    char room[2048];
    struct souk_text text;
    souk_json_writer writer;
    if (!v->set.ready_file) return EX_OK;
    souk_json_init(&writer, room, sizeof room);
    souk_json_object_open(&writer);
    souk_json_put_text(&writer, "http", souk_text_of(v->address));
    souk_json_put_text(&writer, "zmq", souk_text_of(souk_wire_endpoint(v->wire)));
    if (*souk_wire_endpoint_tcp(v->wire))
        souk_json_put_text(&writer, "zmq_tcp", souk_text_of(souk_wire_endpoint_tcp(v->wire)));
    souk_json_object_close(&writer);
    if (souk_json_done(&writer, &text)) return complain(EX_CANTCREAT, "there is too much to say", v->set.ready_file);
    int status = write_file(v->set.ready_file, text);
    v->ready = !status;
    return status;
}

/* Takes all descriptors that it may have, and lets clients have only so many that the journal is never short of one:
 * LevelDB needs some in the middle of a write, and without them the node would have to stop. */
static int
share_files(struct service *v)
{
    struct rlimit limit;
    char why[200];
    if (getrlimit(RLIMIT_NOFILE, &limit)) return complain(EX_OSERR, "getrlimit", strerror(errno));
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) && getrlimit(RLIMIT_NOFILE, &limit))
            return complain(EX_OSERR, "getrlimit", strerror(errno));
    }
    uint64_t files = limit.rlim_cur, workers = v->set.workers ? v->set.workers : souk_thread_cores();
    v->provider_max = files / 8 < PROVIDER_MAX ? (unsigned)(files / 8) : PROVIDER_MAX;
    uint64_t kept = FILES_KEPT + FILES_WORKER * workers + files / 5 + (v->set.provider ? v->provider_max : 0);
    if (files < FILES_MIN || files < kept + 2 * workers) {
        snprintf(why, sizeof why, "only %llu files may be open at once, and it takes at least %llu (ulimit -n)",
                 (unsigned long long)files, (unsigned long long)(files < FILES_MIN ? FILES_MIN : kept + 2 * workers));
        return complain(EX_OSERR, why, NULL);
    }
    uint64_t clients = (files - kept) * 4 / 5 / workers; /* The rest is told that there are too many. */
    v->clients_max = clients < CLIENTS_MAX ? (unsigned)clients : CLIENTS_MAX;
    return EX_OK;
}

/* ---- Serving. ---- */

static void
on_signal(int number SOUK_UNUSED)
{
    if (waiting_node) souk_node_stop_waiting(waiting_node);
}

static void
end_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

/* Waits for a signal or a fault, and drains after the first. */
static int
serve(struct service *v, const sigset_t *ends)
{
    const char *host = v->set.http.host;
    bool bracketed = strchr(host, ':') != NULL;
    snprintf(v->address, sizeof v->address, "%s%.255s%s:%u", bracketed ? "[" : "", host, bracketed ? "]" : "",
             souk_api_port(v->api));
    int status = write_place(v);
    if (!status) status = write_ready(v);
    if (status) return status;
    const char *tcp = souk_wire_endpoint_tcp(v->wire);
    fprintf(stderr, "souk: serving http on %s, zmq on %s%s%s, data in %s\n", v->address, souk_wire_endpoint(v->wire),
            *tcp ? " and " : "", tcp, v->set.data);
    if (v->set.insecure && !is_loopback(host))
        fprintf(stderr, "souk: anybody who can reach %s may sell, buy and give credit\n", v->address);
    waiting_node = v->node;
    pthread_sigmask(SIG_UNBLOCK, ends, NULL);
    souk_err fault = souk_node_wait(v->node);
    pthread_sigmask(SIG_BLOCK, ends, NULL);
    waiting_node = NULL;
    if (fault) {
        souk_node_why(v->node, v->why, sizeof v->why);
        fprintf(stderr, "souk: stopping: %s\n", v->why);
        return EX_IOERR;
    }
    fprintf(stderr, "souk: draining\n");
    souk_api_drain(v->api);
    souk_wire_drain(v->wire);
    souk_node_drain(v->node, DRAIN_MS);
    return EX_OK;
}

static void
close_all(struct service *v)
{
    if (v->ready) unlink(v->set.ready_file);
    if (*v->place) unlink(v->place);
    if (v->node) souk_node_close(&v->node);
    if (v->api) souk_api_close(&v->api);
    if (v->wire) souk_wire_close(&v->wire);
    if (v->stripe) souk_stripe_close(&v->stripe);
}

static int
run(struct service *v)
{
    sigset_t ends;
    end_signals(&ends);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) sigaction(SIGHUP, &action, NULL); /* Not under nohup. */
    signal(SIGPIPE, SIG_IGN);
    remove_stale(&v->set);
    int status = share_files(v);
    if (!status) status = open_parts(v);
    if (!status) status = open_node(v);
    if (!status) status = serve(v, &ends);
    bool served = status == EX_OK;
    close_all(v);
    if (served) fprintf(stderr, "souk: closed\n");
    return status;
}

int
souk_serve_main(int argc, char **argv)
{
    static struct service service; /* Its secrets stay off the stack, and it is too large for one. */
    struct souk_options_memory memory = { NULL };
    int status = read_options(&memory, &service.set, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON) {
        status = check_options(&service.set);
        if (!status) status = read_secrets(&service);
        if (!status) status = run(&service);
    }
    explicit_bzero(service.provider_key, sizeof service.provider_key);
    explicit_bzero(service.webhook_secret, sizeof service.webhook_secret);
    souk_options_free(&memory);
    return status;
}
