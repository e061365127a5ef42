/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_ask.c -- asks a running node what is in its journal, over HTTP, and prints it as it comes: one request
 * on one connection, whose end is the answer's. A line in hand is all that is kept of it. See journal_inside.h. */
#define _GNU_SOURCE
#include "journal_inside.h"

#include "process.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

enum { HEAD_WITHIN_S = 10, REQUEST_MAX = 8192, PROBLEM_MAX = 8192 };

struct answer { FILE *in; char *line; size_t room; };

static int
complain(const struct journal_said *said, int status, const char *why)
{
    fprintf(stderr, "souk journal %s: %s\n", journal_words[said->word], why);
    return status;
}

/* ---- The request. ---- */

/* Waits for the head of an answer only so long; for what follows, as long as it takes. */
static void
set_patience(int fd, unsigned seconds)
{
    struct timeval time = { .tv_sec = seconds };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time); /* Without it we would wait longer. */
}

/* A connection, or -1; errno says why, 0: no such host. */
static int
connect_to(const char *host, uint16_t port)
{
    char service[8];
    struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM };
    int fd = -1;
    snprintf(service, sizeof service, "%u", port);
    errno = 0;
    if (getaddrinfo(host, service, &hints, &found)) {
        errno = 0;
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0) continue;
        set_patience(fd, HEAD_WITHIN_S);
        if (!connect(fd, a->ai_addr, a->ai_addrlen)) break;
        int why = errno;
        close(fd);
        errno = why;
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* Appends a value with %XX for all that isn't plain. False: no room. */
static bool
put_encoded(char *out, size_t size, size_t *used, const char *value)
{
    for (; *value; value++) {
        bool plain = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *value) != NULL;
        if (*used + 4 > size) return false;
        *used += (size_t)snprintf(out + *used, size - *used, plain ? "%c" : "%%%02X", (unsigned char)*value);
    }
    return true;
}

static bool
write_request(const struct journal_said *said, char *out, size_t size, size_t *length)
{
    struct journal_said copy = *said;
    const char *sign = "?";
    *length = (size_t)snprintf(out, size, "GET /admin/journal/%s", journal_words[said->word]);
    for (unsigned i = 0; i < JOURNAL_OPTIONS; i++) {
        const char *value = *journal_option_out(&copy, &journal_options[i]);
        if (!value) continue;
        if (*length + 32 > size) return false;
        *length += (size_t)snprintf(out + *length, size - *length, "%s%s=", sign, journal_options[i].name);
        if (!put_encoded(out, size, length, value)) return false;
        sign = "&";
    }
    static const char rest[] = " HTTP/1.1\r\nHost: souk\r\nConnection: close\r\n\r\n";
    if (*length + sizeof rest > size) return false;
    memcpy(out + *length, rest, sizeof rest);
    *length += sizeof rest - 1;
    return true;
}

/* ---- The answer. ---- */

/* A field of an object of JSON, as text into `out` or as a number. */
static bool
read_field(struct souk_text json, const char *path, enum souk_json_type type, int64_t *number, char *out, size_t size)
{
    const struct souk_json_field field = { .path = path, .path_length = (uint32_t)strlen(path), .type = type,
                                           .required = true, .min = 0, .max = INT32_MAX };
    struct souk_json_value value;
    struct souk_json_fault fault;
    souk_json_reader *reader = souk_json_reader_open();
    bool good = reader && !souk_json_read(reader, json, SOUK_JSON_OPEN, &field, 1, &value, &fault);
    if (good && number) *number = value.integer;
    if (good && out) snprintf(out, size, "%.*s", (int)value.text.length, value.text.at);
    souk_json_reader_close(&reader);
    return good;
}

/* The head: its status; 0: none came. */
static unsigned
read_head(struct answer *a)
{
    unsigned status = 0;
    if (getline(&a->line, &a->room, a->in) <= 0 || sscanf(a->line, "HTTP/1.1 %3u ", &status) != 1) return 0;
    for (;;) {
        ssize_t length = getline(&a->line, &a->room, a->in);
        if (length <= 0) return 0;
        if (length <= 2) return status;
    }
}

static int
tell_problem(const struct journal_said *said, struct answer *a, unsigned status)
{
    char body[PROBLEM_MAX], detail[JOURNAL_WHY], why[JOURNAL_WHY + 64];
    size_t length = fread(body, 1, sizeof body, a->in);
    if (!read_field((struct souk_text){ body, length }, "detail", SOUK_JSON_TEXT, NULL, detail, sizeof detail))
        snprintf(detail, sizeof detail, "the node answered with status %u", status);
    snprintf(why, sizeof why, "%s%s", detail,
             status == 404 ? "; a node answers this on a loopback address only" : "");
    return complain(said, status == 400 ? EX_USAGE : status == 503 ? EX_TEMPFAIL : EX_UNAVAILABLE, why);
}

/* The last line: with what status it ended there. */
static int
tell_end(const struct journal_said *said, struct souk_text line)
{
    int64_t status = EX_PROTOCOL;
    char why[JOURNAL_WHY] = "the answer's end makes no sense";
    if (read_field(line, "end.status", SOUK_JSON_INTEGER, &status, NULL, 0))
        (void)read_field(line, "end.why", SOUK_JSON_TEXT, NULL, why, sizeof why);
    return status ? complain(said, (int)status, why) : EX_OK;
}

static int
print(const struct journal_said *said, struct answer *a)
{
    static const char end[] = "{\"end\":{";
    for (ssize_t length; (length = getline(&a->line, &a->room, a->in)) > 0;) {
        if (a->line[length - 1] != '\n') break;
        if ((size_t)length > sizeof end && !memcmp(a->line, end, sizeof end - 1)) {
            if (fflush(stdout)) return journal_unwritten(said);
            return tell_end(said, (struct souk_text){ a->line, (size_t)length - 1 });
        }
        if (fwrite(a->line, 1, (size_t)length, stdout) < (size_t)length || (said->follow && fflush(stdout)))
            return journal_unwritten(said);
    }
    (void)fflush(stdout); /* What came is good as far as it goes. */
    return complain(said, EX_UNAVAILABLE, "the node ended before its answer did");
}

int
journal_ask(const char *host, uint16_t port, const struct journal_said *said)
{
    char request[REQUEST_MAX];
    size_t length;
    if (!write_request(said, request, sizeof request, &length)) return complain(said, EX_USAGE, "that is too long");
    int fd = connect_to(host, port);
    if (fd < 0) {
        fprintf(stderr, "souk journal %s: no node answers on %s:%u: %s\n", journal_words[said->word], host, port,
                errno ? strerror(errno) : "there is no such host");
        return JOURNAL_NO_NODE;
    }
    struct answer a = { .in = fdopen(fd, "r") };
    int status = EX_OSERR;
    if (!a.in) {
        close(fd);
        return complain(said, status, strerror(errno));
    }
    bool sent = send(fd, request, length, MSG_NOSIGNAL) == (ssize_t)length;
    unsigned http = sent ? read_head(&a) : 0;
    set_patience(fd, 0);
    if (!http) status = complain(said, EX_UNAVAILABLE, "no answer came");
    else status = http == 200 ? print(said, &a) : tell_problem(said, &a, http);
    free(a.line);
    (void)fclose(a.in);
    return status;
}
