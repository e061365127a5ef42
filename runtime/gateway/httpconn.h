/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httpconn.h -- what the three files of the HTTP server share, and nobody else includes: http.c opens, accepts
 * and ticks; httpconn.c moves one connection; httproom.c keeps the lists and lends the rooms.
 *
 * A connection is in exactly one list, by what it waits for. All of a list wait equally long and each joins at the
 * tail, so that the head is always the first to be late. A room holds all that a request needs (buffers, parser,
 * exchange) and is lent to a connection from the first byte of a request to the last byte of its answer. A room with
 * an exchange that is not answered outlives its connection. All on the thread of the server's loop. */
#ifndef SOUK_GATEWAY_HTTPCONN_H
#define SOUK_GATEWAY_HTTPCONN_H

#include "gateway/http.h"
#include "gateway/httphead.h"

enum {
    ROOM_IN = 8 * 1024,
    ROOM_OUT = 4 * 1024,   /* What a room begins with, */
    READ_LEAST = 1024,     /* Less room than this isn't worth a call. */
    ROOM_KEEP = 32 * 1024, /* and the most that it keeps when it is given back. */
    ROOMS_SPARE = 1024,
    SPARE_CONNECTIONS = 1024,
    OUT_SOFT = 64 * 1024, /* With more unsent, no further pipelined request is looked at. */
    REFUSED_MAX = 256,    /* Connections beyond the limit that are being told so. */
    ACCEPTS_PER_TURN = 64,
    BACKLOG = 4096
};

enum state { IDLE, HEAD, BODY, BUSY, WRITE, LINGER, STATES };

struct connection {
    struct souk_watch watch;
    struct connection *next, *previous;
    souk_http *http;
    struct room *room; /* NULL while idle, and while lingering with nothing to send. */
    uint64_t since_ns;
    uint32_t drained;
    uint8_t state;
    bool fresh;   /* A request was handed out since it joined its list: what comes now is another. */
    bool pumping; /* Answers are only queued: whoever pumps sends them. */
    bool ended;   /* The client has finished sending. */
    bool closing; /* Nothing more is read as a request; closed when all is sent. */
    bool linger;  /* ...and what still comes is read over first. */
    bool over_limit;
};

struct room {
    souk_http_exchange exchange;
    struct connection *connection; /* NULL: it has left, the exchange is still to be answered. */
    souk_http *http;
    struct room *next, *previous; /* Among the orphans, or the spare. */
    struct souk_parse parse;
    bool begun, waiting; /* A request is being read; it is with the handler. */
    bool continued;
    char *in, *out;
    uint32_t in_at, in_length, in_capacity; /* The request under way begins at in_at. */
    uint32_t out_at, out_length, out_capacity;
};

struct list {
    struct connection *head, *tail;
};

struct souk_http {
    souk_loop *loop;
    struct souk_watch listener;
    struct souk_http_options options;
    struct souk_http_counters own, *counters;
    struct list lists[STATES];
    struct connection *spare_connections;
    struct room *spare_rooms, *orphans;
    unsigned spare_connection_count, spare_room_count;
    unsigned connections, refused, in_flight;
    size_t memory;
    uint64_t now_ns;
    uint16_t port;
    bool listening, paused, draining;
    char date[SOUK_HTTPHEAD_DATE];
};

/* httproom.c: joins the tail of a list, from now on; leaves its list. */
void souk_httpconn_enlist(struct connection *connection, enum state state);
void souk_httpconn_unlist(struct connection *connection);
/* Changes lists. A request that is still being read keeps its place: the time runs for all of it. */
void souk_httpconn_move(struct connection *connection, enum state state);
/* Tells the loop what the connection waits for, if that is new. */
void souk_httpconn_want(struct connection *connection, unsigned interest);
/* Ends a connection and frees it; an unanswered exchange of its is told and becomes an orphan. */
void souk_httpconn_close(struct connection *connection);
/* Accepts again, if that had stopped for lack of descriptors. */
void souk_httpconn_room_for_more(souk_http *http);
/* A room with its first buffers; NULL when memory is at its bound. Given back it may be kept for the next. */
struct room *souk_httproom_take(souk_http *http);
void souk_httproom_give(struct room *room);
void souk_httproom_free(souk_http *http, struct room *room);
/* Takes a room from among the orphans. */
void souk_httproom_adopt(souk_http *http, struct room *room);
/* Makes a buffer at least `want` bytes large. False: no memory within the bound; nothing has changed. */
bool souk_httproom_grow(souk_http *http, char **buffer, uint32_t *capacity, size_t want);

/* httpconn.c: the loop's call for a connection. */
void souk_httpconn_ready(void *arg, unsigned events);
/* Reads once and goes on from there. May end the connection, like all that follow. */
void souk_httpconn_receive(struct connection *connection);
/* Queues a refusal after which the connection ends; it has a room. Pump next. */
void souk_httpconn_refuse(struct connection *connection, enum souk_problem problem, const char *detail);
/* Takes one request after the other from what has arrived, then sends all answers that are ready with one call. */
void souk_httpconn_pump(struct connection *connection);

#endif
