/* SPDX-License-Identifier: Apache-2.0 */
/* port/fetch.c -- fetch.h on libcurl's multi interface, the only file that knows libcurl.
 *
 * curl says which sockets it waits for and the loop says when they are ready. Nothing of curl's is entered from
 * souk_fetch_send(): a request joins our own queue and rings a bell (a pipe), and pump(), which runs only from the loop
 * and from the tick, starts what has room, drives curl and delivers what ended. So a callback may send, and a burst of
 * requests costs one wake. The queue is ours since curl doesn't time out what waits for a connection. Of curl's timers
 * those that are due at once are run at once, all others by the tick. */
#define _GNU_SOURCE 1 /* pipe2() */
#include "port/fetchvalid.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_MAX = 64 * 1024, SPARE_MAX = 256, BODY_KEEP = 64 * 1024, ROUNDS_MAX = 64 };

/* A socket of curl's that the loop watches. */
struct sock {
    struct souk_watch watch;
    souk_fetch *fetch;
    struct sock *next, *previous;
};

/* A request, from its sending to its end; kept with its curl handle for the next. */
struct transfer {
    struct transfer *next, *previous;
    souk_fetch *fetch;
    CURL *easy; /* NULL until it is first on the wire. */
    struct curl_slist *headers;
    char *url, *sent_body;
    size_t sent_length;
    char method[SOUK_FETCH_METHOD_MAX];
    uint64_t due_ns;
    souk_fetch_done *done;
    void *arg;
    char *body;
    size_t length, capacity, head_bytes;
    bool too_large, no_memory;
};

struct list { struct transfer *head, *tail; };
struct souk_fetch {
    souk_loop *loop;
    CURLM *multi;
    struct souk_fetch_options options;
    struct souk_watch bell;
    int bell_write;
    bool rung, pumping, run_now;
    struct list queued, active;
    struct transfer *spare;
    unsigned active_count, under_way, spare_count;
    struct sock *socks;
    uint64_t now_ns;
    char *ca_file;
};

static void
list_add(struct list *list, struct transfer *transfer)
{
    transfer->next = NULL;
    transfer->previous = list->tail;
    *(list->tail != NULL ? &list->tail->next : &list->head) = transfer;
    list->tail = transfer;
}

static void
list_remove(struct list *list, struct transfer *transfer)
{
    *(transfer->previous != NULL ? &transfer->previous->next : &list->head) = transfer->next;
    *(transfer->next != NULL ? &transfer->next->previous : &list->tail) = transfer->previous;
}

/* ---- what curl calls ---- */

static size_t
on_body(char *at, size_t one, size_t length, void *arg)
{
    struct transfer *transfer = arg;
    (void)one;
    if (length > transfer->fetch->options.body_max - transfer->length) {
        transfer->too_large = true;
        return 0;
    }
    if (transfer->length + length > transfer->capacity) {
        size_t capacity = transfer->capacity == 0 ? 4096 : transfer->capacity;
        while (capacity < transfer->length + length)
            capacity *= 2;
        char *grown = realloc(transfer->body, capacity);
        if (grown == NULL) {
            transfer->no_memory = true;
            return 0;
        }
        transfer->body = grown;
        transfer->capacity = capacity;
    }
    memcpy(transfer->body + transfer->length, at, length);
    transfer->length += length;
    return length;
}

static size_t
on_head(char *at, size_t one, size_t length, void *arg)
{
    struct transfer *transfer = arg;
    (void)at;
    (void)one;
    transfer->head_bytes += length;
    transfer->too_large |= transfer->head_bytes > HEAD_MAX;
    return transfer->too_large ? 0 : length;
}

static void pump(souk_fetch *fetch);

static void
sock_ready(void *arg, unsigned events)
{
    struct sock *sock = arg;
    souk_fetch *fetch = sock->fetch;
    int running, what = events & SOUK_READABLE ? CURL_CSELECT_IN : 0;
    what |= events & SOUK_WRITABLE ? CURL_CSELECT_OUT : 0;
    if (what == 0)
        what = CURL_CSELECT_IN | CURL_CSELECT_ERR; /* Hung up: reading tells. */
    fetch->pumping = true;
    (void)curl_multi_socket_action(fetch->multi, sock->watch.fd, what, &running); /* Its faults come as messages. */
    pump(fetch);
}

static void
sock_free(struct sock *sock)
{
    souk_fetch *fetch = sock->fetch;
    souk_loop_forget(fetch->loop, &sock->watch); /* curl closes what never connected before it tells us. */
    if (sock->previous != NULL)
        sock->previous->next = sock->next;
    else
        fetch->socks = sock->next;
    if (sock->next != NULL)
        sock->next->previous = sock->previous;
    free(sock);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock_arg)
{
    souk_fetch *fetch = arg;
    struct sock *sock = sock_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (sock != NULL)
            sock_free(sock);
        return 0;
    }
    unsigned interest = (what & CURL_POLL_IN ? SOUK_READABLE : 0u) | (what & CURL_POLL_OUT ? SOUK_WRITABLE : 0u);
    if (sock != NULL) {
        souk_loop_forget(fetch->loop, &sock->watch); /* It may be a new socket under the old one's number. */
        sock->watch.interest = interest;
        return souk_loop_add(fetch->loop, &sock->watch) == SOUK_OK ? 0 : -1;
    }
    sock = calloc(1, sizeof *sock);
    if (sock == NULL)
        return -1; /* Its transfers end with a fault. */
    *sock = (struct sock){ .watch = { .fd = fd, .interest = interest, .ready = sock_ready, .arg = sock },
                           .fetch = fetch, .next = fetch->socks };
    if (souk_loop_add(fetch->loop, &sock->watch) != SOUK_OK) {
        free(sock);
        return -1;
    }
    if (sock->next != NULL)
        sock->next->previous = sock;
    fetch->socks = sock;
    (void)curl_multi_assign(fetch->multi, fd, sock); /* Fails only for a socket that curl doesn't know. */
    return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    souk_fetch *fetch = arg;
    (void)multi;
    fetch->run_now = timeout_ms == 0;
    return 0;
}

/* ---- transfers ---- */

static void
transfer_free(struct transfer *transfer)
{
    if (transfer->easy != NULL)
        curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    free(transfer->url);
    free(transfer->sent_body);
    free(transfer->body);
    free(transfer);
}

/* Kept with its handle, since making one costs more than a request. */
static void
transfer_give(souk_fetch *fetch, struct transfer *transfer)
{
    if (fetch->spare_count >= SPARE_MAX) {
        transfer_free(transfer);
        return;
    }
    curl_slist_free_all(transfer->headers);
    free(transfer->url);
    free(transfer->sent_body);
    struct transfer kept = { .fetch = fetch, .easy = transfer->easy, .next = fetch->spare };
    if (transfer->capacity <= BODY_KEEP) {
        kept.body = transfer->body;
        kept.capacity = transfer->capacity;
    } else {
        free(transfer->body);
    }
    *transfer = kept;
    fetch->spare = transfer;
    fetch->spare_count++;
}

static struct transfer *
transfer_take(souk_fetch *fetch)
{
    struct transfer *transfer = fetch->spare;
    if (transfer != NULL) {
        fetch->spare = transfer->next;
        fetch->spare_count--;
        return transfer;
    }
    transfer = calloc(1, sizeof *transfer);
    if (transfer != NULL)
        transfer->fetch = fetch;
    return transfer;
}

/* The request is over: tells its owner, who may send the next. */
static void
transfer_end(souk_fetch *fetch, struct transfer *transfer, souk_err fault, unsigned status)
{
    struct souk_fetch_answer answer = { .fault = fault };
    if (fault == SOUK_OK) {
        answer.status = status;
        answer.body = (struct souk_text){ transfer->length > 0 ? transfer->body : "", transfer->length };
        answer.head = transfer->easy;
    }
    fetch->under_way--;
    transfer->done(transfer->arg, &answer);
    transfer_give(fetch, transfer);
}

static uint32_t
left_ms(const souk_fetch *fetch, const struct transfer *transfer)
{
    uint64_t left = transfer->due_ns > fetch->now_ns ? (transfer->due_ns - fetch->now_ns) / 1000000 : 0;
    return left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

/* Sets up the handle. False: there is no memory. */
static bool
transfer_prepare(souk_fetch *fetch, struct transfer *transfer, uint32_t timeout_ms)
{
    if (transfer->easy == NULL)
        transfer->easy = curl_easy_init();
    else
        curl_easy_reset(transfer->easy); /* Keeps its live connections. */
    CURL *easy = transfer->easy;
    if (easy == NULL)
        return false;
    bool ok = true;
#define SET(option, value) ok = curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK && ok
    SET(URL, transfer->url);
    SET(PROTOCOLS_STR, "http,https");
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(FOLLOWLOCATION, 0L);
    SET(NOSIGNAL, 1L);
    SET(PROXY, "");
    SET(TIMEOUT_MS, (long)timeout_ms);
    SET(CONNECTTIMEOUT_MS, (long)(timeout_ms < fetch->options.connect_ms ? timeout_ms : fetch->options.connect_ms));
    SET(HTTPHEADER, transfer->headers);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, transfer);
    SET(HEADERFUNCTION, on_head);
    SET(HEADERDATA, transfer);
    SET(PRIVATE, transfer);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (fetch->ca_file != NULL)
        SET(CAINFO, fetch->ca_file);
    if (strcmp(transfer->method, "GET") != 0) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)transfer->sent_length);
        SET(POSTFIELDS, transfer->sent_body);
        SET(CUSTOMREQUEST, transfer->method);
    }
#undef SET
    return ok;
}

static void
start_queued(souk_fetch *fetch)
{
    while (fetch->queued.head != NULL && fetch->active_count < fetch->options.connections) {
        struct transfer *transfer = fetch->queued.head;
        list_remove(&fetch->queued, transfer);
        uint32_t timeout_ms = left_ms(fetch, transfer);
        if (timeout_ms == 0) {
            transfer_end(fetch, transfer, SOUK_ERR_LATE, 0);
        } else if (!transfer_prepare(fetch, transfer, timeout_ms)
                   || curl_multi_add_handle(fetch->multi, transfer->easy) != CURLM_OK) {
            transfer_end(fetch, transfer, SOUK_ERR_IO, 0);
        } else {
            list_add(&fetch->active, transfer);
            fetch->active_count++;
        }
    }
}

static souk_err
fault_of(const struct transfer *transfer, CURLcode code)
{
    if (transfer->too_large)
        return SOUK_ERR_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return transfer->no_memory ? SOUK_ERR_CLOSED : SOUK_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return SOUK_ERR_LATE;
    case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_CONNECT: case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR: case CURLE_SSL_CACERT_BADFILE: case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
        return SOUK_ERR_IO;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* What came wasn't HTTP/1; the URL's own was checked. */
        return SOUK_ERR_MALFORMED;
    default:
        return SOUK_ERR_CLOSED;
    }
}

/* Delivers what curl has finished. */
static void
deliver(souk_fetch *fetch)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* The message goes with the handle's removal. */
        struct transfer *transfer = NULL;
        long status = 0;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_multi_remove_handle(fetch->multi, easy);
        list_remove(&fetch->active, transfer);
        fetch->active_count--;
        souk_err fault = fault_of(transfer, code);
        if (fault == SOUK_OK && (status < 200 || status > 999))
            fault = SOUK_ERR_MALFORMED;
        transfer_end(fetch, transfer, fault, (unsigned)status);
    }
}

/* Starts, drives and delivers until nothing is left to do now. Bounded, so that the loop's other work has its turn. */
static void
pump(souk_fetch *fetch)
{
    fetch->pumping = true;
    bool more = true;
    for (int round = 0; more && round < ROUNDS_MAX; round++) {
        start_queued(fetch);
        if (fetch->run_now) {
            int running;
            fetch->run_now = false;
            (void)curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        deliver(fetch);
        more = fetch->run_now || (fetch->queued.head != NULL && fetch->active_count < fetch->options.connections);
    }
    fetch->pumping = false;
    if (more && !fetch->rung)
        fetch->rung = write(fetch->bell_write, "", 1) == 1; /* Should it fail, the tick goes on. */
}

static void
bell_ready(void *arg, unsigned events)
{
    souk_fetch *fetch = arg;
    char rings[16];
    (void)events;
    fetch->rung = false;
    ssize_t got = read(fetch->bell.fd, rings, sizeof rings);
    (void)got; /* What is left rings again. */
    pump(fetch);
}

/* ---- for others ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready = CURLE_FAILED_INIT;

static void
curl_set_up(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static souk_err
bell_open(souk_fetch *fetch)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return SOUK_ERR_BUSY;
    fetch->bell = (struct souk_watch){ .fd = ends[0], .interest = SOUK_READABLE, .ready = bell_ready, .arg = fetch };
    fetch->bell_write = ends[1];
    souk_err err = souk_loop_add(fetch->loop, &fetch->bell);
    if (err != SOUK_OK) {
        close(ends[0]);
        close(ends[1]);
    }
    return err;
}

static bool
multi_open(souk_fetch *fetch)
{
    CURLM *multi = fetch->multi = curl_multi_init();
    return multi != NULL
        && curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK
        && curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetch) == CURLM_OK
        && curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK
        && curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetch) == CURLM_OK
        && curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)fetch->options.connections) == CURLM_OK;
}

souk_err
souk_fetch_open(souk_fetch **out, souk_loop *loop, const struct souk_fetch_options *options)
{
    *out = NULL;
    if (pthread_once(&curl_once, curl_set_up) != 0 || curl_ready != CURLE_OK)
        return SOUK_ERR_IO;
    souk_fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL)
        return SOUK_ERR_MEMORY;
    fetch->loop = loop;
    fetch->options = *options;
#define DEFAULT(member, value) fetch->options.member = options->member == 0 ? (value) : options->member
    DEFAULT(connections, 128);
    DEFAULT(under_way, 65536);
    DEFAULT(body_max, 256 * 1024);
    DEFAULT(connect_ms, 5000);
#undef DEFAULT
    souk_err err = SOUK_OK;
    if (options->ca_file != NULL && (fetch->ca_file = strdup(options->ca_file)) == NULL)
        err = SOUK_ERR_MEMORY;
    if (err == SOUK_OK && !multi_open(fetch))
        err = SOUK_ERR_MEMORY;
    if (err == SOUK_OK)
        err = bell_open(fetch);
    if (err != SOUK_OK) {
        if (fetch->multi != NULL)
            (void)curl_multi_cleanup(fetch->multi);
        free(fetch->ca_file);
        free(fetch);
        return err;
    }
    *out = fetch;
    return SOUK_OK;
}

void
souk_fetch_close(souk_fetch **fetch_p)
{
    souk_fetch *fetch = *fetch_p;
    *fetch_p = NULL;
    if (fetch == NULL)
        return;
    souk_assert(!fetch->pumping);
    struct transfer *transfer;
    while ((transfer = fetch->active.head) != NULL) {
        (void)curl_multi_remove_handle(fetch->multi, transfer->easy);
        list_remove(&fetch->active, transfer);
        transfer_free(transfer);
    }
    while ((transfer = fetch->queued.head) != NULL) {
        list_remove(&fetch->queued, transfer);
        transfer_free(transfer);
    }
    while ((transfer = fetch->spare) != NULL) {
        fetch->spare = transfer->next;
        transfer_free(transfer);
    }
    (void)curl_multi_cleanup(fetch->multi); /* Closes the connections that were kept, telling on_socket(). */
    while (fetch->socks != NULL)
        sock_free(fetch->socks);
    souk_loop_remove(fetch->loop, &fetch->bell);
    close(fetch->bell.fd);
    close(fetch->bell_write);
    free(fetch->ca_file);
    free(fetch);
}

/* Copies the header as curl wants it. False: no memory. */
static bool
header_add(struct transfer *transfer, const struct souk_fetch_header *header)
{
    size_t name = header->name.length, value = header->value.length;
    char *line = malloc(name + value + 3);
    if (line == NULL)
        return false;
    memcpy(line, header->name.at, name);
    memcpy(line + name, ": ", 2);
    if (value > 0)
        memcpy(line + name + 2, header->value.at, value);
    line[name + 2 + value] = '\0';
    if (value == 0)
        memcpy(line + name, ";", 2); /* So curl wants an empty one. */
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    free(line);
    if (longer == NULL)
        return false;
    transfer->headers = longer;
    return true;
}

souk_err
souk_fetch_send(souk_fetch *fetch, const struct souk_fetch_request *request)
{
    if (fetch->under_way >= fetch->options.under_way)
        return SOUK_ERR_BUSY;
    if (!souk_fetch_valid(request))
        return SOUK_ERR_USAGE;
    struct transfer *transfer = transfer_take(fetch);
    if (transfer == NULL)
        return SOUK_ERR_MEMORY;
    transfer->done = request->done;
    transfer->arg = request->arg;
    transfer->due_ns = fetch->now_ns + (uint64_t)request->timeout_ms * 1000000;
    memcpy(transfer->method, request->method.at, request->method.length);
    transfer->url = strndup(request->url.at, request->url.length);
    transfer->sent_body = malloc(request->body.length + 1);
    bool ok = transfer->url != NULL && transfer->sent_body != NULL;
    if (ok && request->body.length > 0)
        memcpy(transfer->sent_body, request->body.at, request->body.length);
    transfer->sent_length = request->body.length;
    for (size_t i = 0; ok && i < request->header_count; i++)
        ok = header_add(transfer, &request->headers[i]);
    if (!ok) {
        transfer_free(transfer);
        return SOUK_ERR_MEMORY;
    }
    list_add(&fetch->queued, transfer);
    fetch->under_way++;
    if (!fetch->pumping && !fetch->rung)
        fetch->rung = write(fetch->bell_write, "", 1) == 1; /* Should it fail, the tick starts it. */
    return SOUK_OK;
}

void
souk_fetch_tick(souk_fetch *fetch, uint64_t now_ns)
{
    fetch->now_ns = now_ns;
    fetch->run_now |= fetch->active.head != NULL;
    struct transfer *next;
    fetch->pumping = true;
    for (struct transfer *transfer = fetch->queued.head; transfer != NULL; transfer = next) {
        next = transfer->next;
        if (transfer->due_ns > now_ns)
            continue;
        list_remove(&fetch->queued, transfer);
        transfer_end(fetch, transfer, SOUK_ERR_LATE, 0);
    }
    pump(fetch);
}

unsigned
souk_fetch_under_way(const souk_fetch *fetch)
{
    return fetch->under_way;
}

bool
souk_fetch_header(const struct souk_fetch_answer *answer, const char *name, struct souk_text *value)
{
    struct curl_header *header;
    if (answer->head == NULL
        || curl_easy_header((CURL *)(uintptr_t)answer->head, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return false;
    *value = souk_text_of(header->value);
    return true;
}

