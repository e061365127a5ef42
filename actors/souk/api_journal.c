/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_journal.c -- GET /admin/journal/cat|verify|stats|state: a running node reads its own journal for whoever
 * asks, as `souk journal` reads that of a directory at rest; docs/journal.md has the answers.
 *
 * A worker must not read LevelDB, nor wait for a slow client. So an answer gets a thread of its own, and the client's
 * socket with it: it reads as fast as the client takes what was read, and holds 64 KiB and the line in hand. Only a few
 * are answered at a time, and they give way to workers. They end with the worker that they came to, before the journal
 * is closed. */
#define _GNU_SOURCE
#include "api_inside.h"
#include "journal_inside.h"

#include "work/partition.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { READERS_MAX = 4, QUERY_MAX = 2048, LOOK_MS = 50, STALL_MS = 30000, LOOKS = 1024, NICE = 10 };

struct api_reader {
    struct api_reader *next; /* Among the worker's. */
    souk_api *api;
    const struct souk_partition *partition;
    souk_thread *thread;
    _Atomic bool stop, done;
    int fd;
    unsigned looks;
    struct journal_wanted wanted;
    char query[QUERY_MAX];
};

/* ---- The reader's thread. ---- */

static bool
left(const struct api_reader *r, int within_ms)
{
    struct pollfd p = { .fd = r->fd, .events = POLLRDHUP };
    return poll(&p, 1, within_ms) > 0;
}

static bool
stopped(struct api_reader *r)
{
    return atomic_load_explicit(&r->stop, memory_order_relaxed); /* relaxed: it is only told to end. */
}

static bool
goes_on(void *arg)
{
    struct api_reader *r = arg;
    if (r->looks++ % LOOKS == 0 && left(r, 0)) atomic_store(&r->stop, true);
    return !stopped(r);
}

static uint64_t
durable(void *arg)
{
    return atomic_load(&((struct api_reader *)arg)->partition->durable);
}

static bool
more(void *arg, uint64_t than)
{
    struct api_reader *r = arg;
    while (!stopped(r) && durable(r) <= than)
        if (left(r, LOOK_MS)) atomic_store(&r->stop, true);
    return !stopped(r);
}

/* Sends all of it, however slow the client is, unless he takes nothing at all. */
static bool
send_text(void *arg, struct souk_text text)
{
    struct api_reader *r = arg;
    unsigned waited = 0;
    while (text.length && !stopped(r)) {
        ssize_t sent = send(r->fd, text.at, text.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            text.at += sent;
            text.length -= (size_t)sent;
            waited = 0;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd p = { .fd = r->fd, .events = POLLOUT };
            if (poll(&p, 1, LOOK_MS) == 0 && (waited += LOOK_MS) >= STALL_MS) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return !text.length;
}

static void
tell_end(struct journal_out *out, int status, const char *why)
{
    souk_json_writer *w = journal_line(out);
    souk_json_key(w, "end");
    souk_json_object_open(w);
    souk_json_put_i64(w, "status", status);
    souk_json_put_text(w, "why", souk_text_of(why));
    souk_json_object_close(w);
    journal_line_end(out);
    journal_out_flush(out);
}

static void
read_body(void *arg)
{
    struct api_reader *r = arg;
    char why[JOURNAL_WHY] = "";
    struct journal_out *out;
    const struct journal_source source = { .journal = r->partition->journal, .vault = r->partition->vault,
                                           .durable = durable, .wait = more, .goes_on = goes_on, .arg = r };
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* On Linux, of this thread alone; without it, it only takes more. */
    if (journal_out_open(&out, send_text, r)) {
        bool lines = r->wanted.word == JOURNAL_CAT || r->wanted.json;
        journal_out_print(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-store\r\nConnection: close\r\n"
                               "\r\n", lines ? "application/x-ndjson" : "text/plain; charset=utf-8");
        journal_out_flush(out);
        int status = journal_run(&r->wanted, &source, out, why);
        if (!stopped(r)) tell_end(out, status, why);
        journal_out_close(&out);
    }
    atomic_fetch_sub(&r->api->readers, 1); /* Before the client sees the end, and may come again. */
    (void)shutdown(r->fd, SHUT_WR);
    close(r->fd);
    atomic_store(&r->done, true);
}

/* ---- What is asked. ---- */

static int
hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX in place; what is written badly stays as it is. */
static void
decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        int high = *in == '%' ? hex(in[1]) : -1, low = high >= 0 ? hex(in[2]) : -1;
        if (low < 0) {
            *out++ = *in;
        } else {
            *out++ = (char)(high << 4 | low);
            in += 2;
        }
    }
    *out = 0;
}

/* NAME=VALUE&...: the names are those of the options. */
static bool
read_query(struct api_reader *r, struct souk_text query, struct journal_said *said, char *why, size_t why_size)
{
    snprintf(why, why_size, "the query is too long");
    if (query.length >= sizeof r->query) return false;
    if (query.length) memcpy(r->query, query.at, query.length);
    for (char *pair = r->query, *rest; pair && *pair; pair = rest) {
        rest = strchr(pair, '&');
        if (rest) *rest++ = 0;
        char *value = strchr(pair, '=');
        if (value) *value++ = 0;
        const struct journal_option *option = journal_option_find(said->word, pair);
        if (!option || !value) {
            snprintf(why, why_size, "%s has no %.40s", journal_words[said->word], pair);
            return false;
        }
        decode(value);
        bool off = option->is_flag && (!*value || !strcmp(value, "0"));
        if (!off) *journal_option_out(said, option) = value;
    }
    return true;
}

static bool
read_word(struct souk_text path, enum journal_word *word)
{
    static const char prefix[] = "/admin/journal/";
    struct souk_text name = { path.at + sizeof prefix - 1, path.length - (sizeof prefix - 1) };
    for (unsigned i = 0; i < JOURNAL_WORDS; i++) {
        if (!souk_text_equal(souk_text_of(journal_words[i]), name)) continue;
        *word = (enum journal_word)i;
        return true;
    }
    return false;
}

/* Takes the call's socket and begins to answer there. */
static void
begin(struct api_call *call, struct api_reader *r)
{
    struct api_worker *at = call->at;
    souk_err err = SOUK_ERR_BUSY;
    souk_http_exchange *exchange = api_call_end(call);
    r->fd = souk_http_take(exchange);
    if (r->fd < 0) {
        at->counts.problems[SOUK_PROBLEM_OVERLOADED]++;
        souk_http_problem(exchange, SOUK_PROBLEM_OVERLOADED, SOUK_TEXT(""), NULL, 0);
    } else {
        err = souk_thread_start(&r->thread, "journal-reader", read_body, r);
        if (err) close(r->fd); /* Which tells the client enough. */
    }
    if (err) {
        atomic_fetch_sub(&at->api->readers, 1);
        free(r);
        return;
    }
    r->next = at->readers;
    at->readers = r;
}

void
api_admin_journal(struct api_call *call)
{
    struct journal_said said = { .word = JOURNAL_CAT };
    char why[200];
    if (!api_admin_allowed(call)) return;
    if (!read_word(call->exchange->path, &said.word) || call->exchange->method == SOUK_HTTP_HEAD) {
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "there is nothing at this path", NULL, 0);
        return;
    }
    struct souk_api *api = call->at->api;
    struct api_reader *r = NULL;
    bool room = atomic_fetch_add(&api->readers, 1) < READERS_MAX && (r = calloc(1, sizeof *r));
    if (!room) {
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "too many read the journal already", NULL, 0);
    } else {
        r->api = api;
        r->partition = call->at->worker->partition;
        if (read_query(r, call->exchange->query, &said, why, sizeof why) &&
            journal_want(&said, &r->partition->secret, &r->wanted, why, sizeof why)) {
            begin(call, r);
            return;
        }
        api_problem(call, SOUK_PROBLEM_BAD_REQUEST, why, NULL, 0);
    }
    free(r);
    atomic_fetch_sub(&api->readers, 1);
}

/* ---- Their end. ---- */

static void
reader_free(struct api_reader *r)
{
    souk_thread_join(&r->thread);
    free(r);
}

void
api_readers_tick(struct api_worker *at, bool end)
{
    for (struct api_reader **p = &at->readers; *p;) {
        struct api_reader *r = *p;
        if (end) atomic_store(&r->stop, true);
        if (!atomic_load(&r->done)) {
            p = &r->next;
            continue;
        }
        *p = r->next;
        reader_free(r);
    }
}

void
api_readers_end(struct api_worker *at)
{
    api_readers_tick(at, true); /* All are told before one is waited for. */
    while (at->readers) {
        struct api_reader *r = at->readers;
        at->readers = r->next;
        reader_free(r);
    }
}
