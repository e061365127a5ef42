/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httpconn.c -- one connection: what arrives is read, handed out request by request, and answered in order.
 *
 * Whoever enters here from the loop or by an answer ends in settle(), which alone decides what is waited for next. */
#include "gateway/httpconn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void settle(struct connection *connection);

/* ---- sending ---- */

/* Sends what is queued. False: the connection was closed. */
static bool
flush(struct connection *connection)
{
    struct room *room = connection->room;
    while (room->out_at < room->out_length) {
        ssize_t sent = send(connection->watch.fd, room->out + room->out_at, room->out_length - room->out_at,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return true;
            souk_httpconn_close(connection);
            return false;
        }
        connection->http->counters->bytes_out += (uint64_t)sent;
        room->out_at += (uint32_t)sent;
        if (connection->state == WRITE) { /* It moves, so its time begins anew. */
            souk_httpconn_unlist(connection);
            souk_httpconn_enlist(connection, WRITE);
        }
    }
    room->out_at = room->out_length = 0;
    return true;
}

/* Queues an answer. False: it would be more than a connection may hold. */
static bool
queue(struct room *room, const struct souk_httphead *head, struct souk_text body, bool with_body)
{
    souk_http *http = room->http;
    size_t need = souk_httphead_size(head) + (with_body ? body.length : 0);
    if (room->out_at > 0) {
        memmove(room->out, room->out + room->out_at, room->out_length - room->out_at);
        room->out_length -= room->out_at;
        room->out_at = 0;
    }
    if (need > http->options.answer_max || room->out_length + need > http->options.answer_max ||
        !souk_httproom_grow(http, &room->out, &room->out_capacity, room->out_length + need))
        return false;
    room->out_length += (uint32_t)souk_httphead_write(head, room->out + room->out_length);
    if (with_body && body.length > 0) {
        memcpy(room->out + room->out_length, body.at, body.length);
        room->out_length += (uint32_t)body.length;
    }
    return true;
}

static void
close_after(struct connection *connection, bool linger)
{
    connection->closing = true;
    connection->linger |= linger;
}

static void
answer(struct connection *connection, unsigned status, const struct souk_http_header *extra, size_t count,
       struct souk_text content_type, struct souk_text body)
{
    struct room *room = connection->room;
    souk_http *http = connection->http;
    if (!room->parse.keep_alive || http->draining)
        close_after(connection, false);
    struct souk_httphead head = { .status = status,
                                  .extra = extra,
                                  .count = count,
                                  .content_type = content_type,
                                  .body_length = body.length,
                                  .date = http->date,
                                  .close = connection->closing,
                                  .keep_alive = room->parse.http_1_0 };
    if (!queue(room, &head, body, room->parse.method != SOUK_HTTP_HEAD)) {
        http->counters->answers_too_large++;
        close_after(connection, false);
    }
}

/* Answers with a problem and the headers that belong to it. */
static void
answer_problem(struct connection *connection, enum souk_problem problem, struct souk_text detail,
               const struct souk_problem_member *members, size_t count)
{
    char buffer[2048], digits[12];
    struct souk_text body;
    souk_json_writer writer;
    souk_json_init(&writer, buffer, sizeof buffer);
    souk_problem_write(&writer, problem, detail, members, count);
    if (souk_json_done(&writer, &body) != SOUK_OK) { /* Too much to say: say the essential. */
        souk_json_reset(&writer);
        souk_problem_write(&writer, problem, SOUK_TEXT(""), NULL, 0);
        souk_err err = souk_json_done(&writer, &body);
        souk_assert(err == SOUK_OK);
    }
    struct souk_http_header extra[1];
    size_t extras = 0;
    if (souk_problem_retry_s(problem) > 0) {
        int length = snprintf(digits, sizeof digits, "%u", souk_problem_retry_s(problem));
        extra[extras++] = (struct souk_http_header){ SOUK_TEXT("Retry-After"), { digits, (size_t)length } };
    } else if (problem == SOUK_PROBLEM_METHOD) {
        extra[extras++] = (struct souk_http_header){ SOUK_TEXT("Allow"), SOUK_TEXT("GET, HEAD, POST, PUT, DELETE") };
    }
    answer(connection, souk_problem_status(problem), extra, extras, SOUK_TEXT(SOUK_PROBLEM_CONTENT_TYPE), body);
}

void
souk_httpconn_refuse(struct connection *connection, enum souk_problem problem, const char *detail)
{
    close_after(connection, true);
    connection->room->begun = false;
    answer_problem(connection, problem, souk_text_of(detail), NULL, 0);
}

static void
exchange_end(struct room *room)
{
    souk_assert(room->waiting); /* An exchange is answered once. */
    room->waiting = false;
    room->begun = false;
    room->http->in_flight--;
    room->in_at += room->parse.end;
}

static struct room *
room_of(const souk_http_exchange *exchange)
{
    return (struct room *)(uintptr_t)exchange; /* It is the room's first member. */
}

void
souk_http_answer(souk_http_exchange *exchange, unsigned status, const struct souk_http_header *extra, size_t count,
                 struct souk_text content_type, struct souk_text body)
{
    struct room *room = room_of(exchange);
    struct connection *connection = room->connection;
    exchange_end(room);
    if (connection == NULL) {
        souk_httproom_adopt(room->http, room);
        souk_httproom_give(room);
        return;
    }
    answer(connection, status, extra, count, content_type, body);
    if (!connection->pumping)
        souk_httpconn_pump(connection);
}

void
souk_http_problem(souk_http_exchange *exchange, enum souk_problem problem, struct souk_text detail,
                  const struct souk_problem_member *members, size_t count)
{
    struct room *room = room_of(exchange);
    struct connection *connection = room->connection;
    exchange_end(room);
    if (connection == NULL) {
        souk_httproom_adopt(room->http, room);
        souk_httproom_give(room);
        return;
    }
    answer_problem(connection, problem, detail, members, count);
    if (!connection->pumping)
        souk_httpconn_pump(connection);
}

void
souk_http_hang_up(souk_http_exchange *exchange)
{
    struct room *room = room_of(exchange);
    struct connection *connection = room->connection;
    exchange_end(room);
    if (connection == NULL) {
        souk_httproom_adopt(room->http, room);
        souk_httproom_give(room);
        return;
    }
    souk_assert(!connection->pumping);
    souk_httpconn_close(connection);
}

int
souk_http_take(souk_http_exchange *exchange)
{
    struct room *room = room_of(exchange);
    struct connection *connection = room->connection;
    if (connection == NULL || room->out_at < room->out_length)
        return -1;
    /* Ours is closed when nothing is left to be sent, which leaves the other's open. */
    int fd = fcntl(connection->watch.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    exchange_end(room);
    close_after(connection, false);
    if (!connection->pumping)
        souk_httpconn_pump(connection);
    return fd;
}

/* ---- streams ---- */

/* Queues bytes of a stream. False: no memory. */
static bool
append(struct room *room, struct souk_text text)
{
    if (room->out_at > 0) {
        memmove(room->out, room->out + room->out_at, room->out_length - room->out_at);
        room->out_length -= room->out_at;
        room->out_at = 0;
    }
    if (!souk_httproom_grow(room->http, &room->out, &room->out_capacity, room->out_length + text.length)) return false;
    memcpy(room->out + room->out_length, text.at, text.length);
    room->out_length += (uint32_t)text.length;
    return true;
}

size_t
souk_http_stream_unsent(const souk_http_exchange *exchange)
{
    const struct room *room = room_of(exchange);
    return room->out_length - room->out_at;
}

bool
souk_http_stream_write(souk_http_exchange *exchange, struct souk_text text)
{
    struct room *room = room_of(exchange);
    struct connection *connection = room->connection;
    souk_assert(room->waiting);
    if (connection == NULL)
        return true;
    size_t unsent = souk_http_stream_unsent(exchange);
    if ((unsent > 0 && unsent + text.length > SOUK_HTTP_STREAM_MAX) || !append(room, text))
        return false;
    if (!connection->pumping && flush(connection))
        settle(connection);
    return true;
}

bool
souk_http_stream_begin(souk_http_exchange *exchange, struct souk_text content_type)
{
    struct room *room = room_of(exchange);
    char head[512];
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sContent-Type: %.*s\r\nCache-Control: no-store\r\n"
                          "Connection: close\r\n\r\n", room->http->date, (int)content_type.length, content_type.at);
    souk_assert(room->waiting && room->parse.method != SOUK_HTTP_HEAD && length > 0 && length < (int)sizeof head);
    if (room->connection == NULL)
        return true;
    if (!append(room, (struct souk_text){ head, (size_t)length }))
        return false;
    close_after(room->connection, false);
    return true; /* Sent with what is written first. */
}

unsigned
souk_http_header(const souk_http_exchange *exchange, struct souk_text name, struct souk_text *value)
{
    const struct room *room = room_of(exchange);
    return souk_parse_find(&room->parse, room->in + room->in_at, name, value);
}

/* ---- requests ---- */

static void
hand_out(struct connection *connection)
{
    struct room *room = connection->room;
    souk_http *http = connection->http;
    const struct souk_parse *parse = &room->parse;
    const char *base = room->in + room->in_at;
    room->exchange = (souk_http_exchange){ .method = parse->method,
                                           .path = { base + parse->path.at, parse->path.length },
                                           .query = { base + parse->query.at, parse->query.length },
                                           .body = { base + parse->head_end, parse->body_length },
                                           .closing = connection->ended };
    room->waiting = true;
    connection->fresh = true;
    http->in_flight++;
    http->counters->requests++;
    http->options.handler(http->options.arg, &room->exchange);
}

static void
request_bad(struct connection *connection, enum souk_parse_result result)
{
    struct souk_http_counters *counters = connection->http->counters;
    switch (result) {
    case SOUK_PARSE_METHOD:
        counters->unknown_method++;
        souk_httpconn_refuse(connection, SOUK_PROBLEM_METHOD, "This method is unknown.");
        break;
    case SOUK_PARSE_HEAD_TOO_LARGE:
        counters->head_too_large++;
        souk_httpconn_refuse(connection, SOUK_PROBLEM_HEADERS_TOO_LARGE, "");
        break;
    case SOUK_PARSE_BODY_TOO_LARGE:
        counters->body_too_large++;
        souk_httpconn_refuse(connection, SOUK_PROBLEM_TOO_LARGE, "");
        break;
    default:
        counters->malformed++;
        souk_httpconn_refuse(connection, SOUK_PROBLEM_BAD_REQUEST, "This is not a well-formed HTTP/1.1 request.");
        break;
    }
}

/* A client that asked for leave to send its body gets it, once, as long as nothing of the body has come. */
static void
continue_due(struct room *room)
{
    static const char leave[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct souk_parse *parse = &room->parse;
    if (!parse->head_done || !parse->expect_continue || parse->http_1_0 || room->continued ||
        room->in_length - room->in_at > parse->head_end)
        return;
    room->continued = true;
    if (souk_httproom_grow(room->http, &room->out, &room->out_capacity, room->out_length + sizeof leave - 1)) {
        memcpy(room->out + room->out_length, leave, sizeof leave - 1);
        room->out_length += sizeof leave - 1;
    }
}

/* Reads on in what has arrived. True: look again, there may be another request. */
static bool
request_step(struct connection *connection)
{
    struct room *room = connection->room;
    const struct souk_http_options *options = &connection->http->options;
    if (!room->begun) {
        if (room->in_at == room->in_length)
            return false;
        souk_parse_start(&room->parse, false, false, options->head_max, options->body_max);
        room->begun = true;
        room->continued = false;
    }
    uint32_t length = room->in_length - room->in_at, before = length;
    enum souk_parse_result result = souk_parse_feed(&room->parse, room->in + room->in_at, &length);
    room->in_length -= before - length;
    if (result == SOUK_PARSE_DONE) {
        hand_out(connection);
        return !room->waiting;
    }
    if (result != SOUK_PARSE_MORE) {
        request_bad(connection, result);
    } else if (connection->ended) {
        connection->http->counters->malformed++;
        souk_httpconn_refuse(connection, SOUK_PROBLEM_BAD_REQUEST, "The request ended before its end.");
    } else {
        continue_due(room);
    }
    return false;
}

/* Everything that is due is sent: lets the client see it, then closes. */
static void
closing_step(struct connection *connection)
{
    if (!connection->linger || connection->ended) {
        souk_httpconn_close(connection);
        return;
    }
    if (connection->state != LINGER) {
        shutdown(connection->watch.fd, SHUT_WR);
        souk_httproom_give(connection->room);
        connection->room = NULL;
        souk_httpconn_move(connection, LINGER);
        souk_httpconn_want(connection, SOUK_READABLE);
    }
}

/* Chooses what the connection waits for now. */
static void
settle(struct connection *connection)
{
    struct room *room = connection->room;
    bool unsent = room->out_at < room->out_length;
    if (room->waiting) {
        bool full = room->in_length == room->in_capacity;
        bool deaf = full || connection->ended;
        souk_httpconn_want(connection, (unsent ? SOUK_WRITABLE : 0u) | (deaf ? 0u : SOUK_READABLE));
        souk_httpconn_move(connection, BUSY);
    } else if (unsent) {
        /* The WRITE list restarts its time at each move, so a connection that is in it stays where it is. */
        if (connection->state != WRITE)
            souk_httpconn_move(connection, WRITE);
        souk_httpconn_want(connection, SOUK_WRITABLE);
    } else if (connection->closing || connection->ended || (connection->http->draining && !room->begun)) {
        closing_step(connection);
    } else if (room->begun) {
        souk_httpconn_want(connection, SOUK_READABLE);
        souk_httpconn_move(connection, room->parse.head_done ? BODY : HEAD);
    } else {
        souk_httpconn_want(connection, SOUK_READABLE);
        souk_httproom_give(room);
        connection->room = NULL;
        souk_httpconn_move(connection, IDLE);
    }
}

void
souk_httpconn_pump(struct connection *connection)
{
    struct room *room = connection->room;
    connection->pumping = true;
    for (;;) {
        while (!room->waiting && !connection->closing && room->out_length - room->out_at <= OUT_SOFT)
            if (!request_step(connection))
                break;
        bool stopped = room->out_length - room->out_at > OUT_SOFT;
        if (!flush(connection))
            return;
        if (!stopped || room->out_at < room->out_length || room->waiting || connection->closing)
            break;
    }
    connection->pumping = false;
    settle(connection);
}

/* ---- receiving ---- */

/* Room for more bytes. While a request is with the handler its bytes stay where they are. */
static bool
in_make_room(struct connection *connection)
{
    struct room *room = connection->room;
    if (room->waiting)
        return room->in_length < room->in_capacity;
    if (room->in_at > 0) {
        memmove(room->in, room->in + room->in_at, room->in_length - room->in_at);
        room->in_length -= room->in_at;
        room->in_at = 0;
    }
    size_t want = (size_t)room->in_length + READ_LEAST;
    const struct souk_parse *parse = &room->parse;
    if (room->begun && parse->head_done && !parse->chunked)
        want = (size_t)parse->head_end + parse->wanted; /* Its length is known, and not all of it is here. */
    return souk_httproom_grow(connection->http, &room->in, &room->in_capacity, want);
}

static void
drain_step(struct connection *connection)
{
    char waste[16 * 1024];
    ssize_t got = recv(connection->watch.fd, waste, sizeof waste, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got > 0) {
        connection->http->counters->bytes_in += (uint64_t)got;
        connection->drained += (uint32_t)got;
        if (connection->drained < connection->http->options.drain_max)
            return;
    }
    souk_httpconn_close(connection);
}

static void
overloaded(struct connection *connection)
{
    connection->http->counters->overloaded++;
    if (connection->room == NULL) { /* Not even a room: there is nothing to say it with. */
        souk_httpconn_close(connection);
        return;
    }
    souk_httpconn_refuse(connection, SOUK_PROBLEM_OVERLOADED, "");
    souk_httpconn_pump(connection);
}

void
souk_httpconn_receive(struct connection *connection)
{
    souk_http *http = connection->http;
    struct room *room = connection->room;
    if (room == NULL) {
        room = connection->room = souk_httproom_take(http);
        if (room != NULL) {
            room->connection = connection;
            room->parse.keep_alive = room->parse.http_1_0 = false;
            room->parse.method = SOUK_HTTP_OTHER;
        }
    }
    if (room == NULL || !in_make_room(connection)) {
        if (room != NULL && room->waiting)
            settle(connection); /* Full: reads on after the answer. */
        else
            overloaded(connection);
        return;
    }
    ssize_t got =
        recv(connection->watch.fd, room->in + room->in_length, room->in_capacity - room->in_length, MSG_DONTWAIT);
    if (got > 0) {
        http->counters->bytes_in += (uint64_t)got;
        room->in_length += (uint32_t)got;
    } else if (got == 0) {
        connection->ended = true;
        room->exchange.closing = true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        souk_httpconn_close(connection);
        return;
    }
    if (room->waiting)
        settle(connection);
    else
        souk_httpconn_pump(connection);
}

void
souk_httpconn_ready(void *arg, unsigned events)
{
    struct connection *connection = arg;
    if (connection->state == LINGER) {
        drain_step(connection);
        return;
    }
    if ((events & SOUK_HUNG_UP) && !(events & SOUK_READABLE)) {
        souk_httpconn_close(connection);
        return;
    }
    if ((events & SOUK_HUNG_UP) && connection->ended) { /* Both ways are shut: nobody is there. */
        souk_httpconn_close(connection);
        return;
    }
    if ((events & SOUK_WRITABLE) && connection->room != NULL) {
        if (connection->room->waiting) {
            if (flush(connection))
                settle(connection);
        } else {
            souk_httpconn_pump(connection);
        }
        return; /* What is readable is reported again. */
    }
    if (events & SOUK_READABLE) {
        if (connection->watch.interest & SOUK_READABLE)
            souk_httpconn_receive(connection);
        else if (events & SOUK_HUNG_UP)
            souk_httpconn_close(connection);
    }
}
