/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httproom.c -- the lists that connections wait in, and the rooms that they borrow; for http.c and httpconn.c.
 *
 * What is given back is kept for the next up to a bound, so that in steady state nothing is allocated. */
#include "gateway/httpconn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- lists ---- */

void
souk_httpconn_unlist(struct connection *connection)
{
    struct list *list = &connection->http->lists[connection->state];
    *(connection->previous ? &connection->previous->next : &list->head) = connection->next;
    *(connection->next ? &connection->next->previous : &list->tail) = connection->previous;
}

void
souk_httpconn_enlist(struct connection *connection, enum state state)
{
    souk_http *http = connection->http;
    struct list *list = &http->lists[state];
    connection->state = (uint8_t)state;
    connection->since_ns = http->now_ns;
    connection->next = NULL;
    connection->previous = list->tail;
    *(list->tail ? &list->tail->next : &list->head) = connection;
    list->tail = connection;
}

void
souk_httpconn_move(struct connection *connection, enum state state)
{
    bool stays = state == HEAD || state == BODY || state == LINGER || state == BUSY;
    if (connection->state == state && stays && !connection->fresh)
        return;
    connection->fresh = false;
    souk_httpconn_unlist(connection);
    souk_httpconn_enlist(connection, state);
}

/* ---- rooms ---- */

bool
souk_httproom_grow(souk_http *http, char **buffer, uint32_t *capacity, size_t want)
{
    if (want <= *capacity)
        return true;
    size_t size = *capacity == 0 ? ROOM_OUT : *capacity;
    while (size < want)
        size *= 2;
    if (size > UINT32_MAX / 2 || http->memory + (size - *capacity) > http->options.memory_max)
        return false;
    char *moved = realloc(*buffer, size);
    if (moved == NULL)
        return false;
    http->memory += size - *capacity;
    *buffer = moved;
    *capacity = (uint32_t)size;
    return true;
}

static void
buffer_free(souk_http *http, char **buffer, uint32_t *capacity)
{
    free(*buffer);
    http->memory -= *capacity;
    *buffer = NULL;
    *capacity = 0;
}

void
souk_httproom_free(souk_http *http, struct room *room)
{
    buffer_free(http, &room->in, &room->in_capacity);
    buffer_free(http, &room->out, &room->out_capacity);
    http->memory -= sizeof *room;
    free(room);
}

struct room *
souk_httproom_take(souk_http *http)
{
    struct room *room = http->spare_rooms;
    if (room != NULL) {
        http->spare_rooms = room->next;
        http->spare_room_count--;
    } else {
        if (http->memory + sizeof *room > http->options.memory_max || (room = calloc(1, sizeof *room)) == NULL)
            return NULL;
        http->memory += sizeof *room;
        room->http = http;
    }
    /* Both at once: whoever gets a room can be told something. */
    if (!souk_httproom_grow(http, &room->in, &room->in_capacity, ROOM_IN) ||
        !souk_httproom_grow(http, &room->out, &room->out_capacity, ROOM_OUT)) {
        souk_httproom_free(http, room);
        return NULL;
    }
    room->begun = room->waiting = false;
    room->in_at = room->in_length = room->out_at = room->out_length = 0;
    return room;
}

void
souk_httproom_give(struct room *room)
{
    souk_http *http = room->http;
    room->connection = NULL;
    if (http->spare_room_count >= ROOMS_SPARE) {
        souk_httproom_free(http, room);
        return;
    }
    if (room->in_capacity > ROOM_KEEP)
        buffer_free(http, &room->in, &room->in_capacity);
    if (room->out_capacity > ROOM_KEEP)
        buffer_free(http, &room->out, &room->out_capacity);
    room->next = http->spare_rooms;
    http->spare_rooms = room;
    http->spare_room_count++;
}

/* ---- the end of a connection ---- */

void
souk_httproom_adopt(souk_http *http, struct room *room)
{
    *(room->previous ? &room->previous->next : &http->orphans) = room->next;
    if (room->next)
        room->next->previous = room->previous;
}

/* The client has left while its request is with the handler. */
static void
room_orphan(souk_http *http, struct room *room)
{
    room->connection = NULL;
    room->previous = NULL;
    room->next = http->orphans;
    if (http->orphans)
        http->orphans->previous = room;
    http->orphans = room;
    room->exchange.gone = true;
    http->counters->gone++;
    if (room->exchange.on_gone != NULL)
        room->exchange.on_gone(&room->exchange);
}

void
souk_httpconn_room_for_more(souk_http *http)
{
    if (http->paused && http->listening) {
        http->paused = false;
        http->listener.interest = SOUK_READABLE;
        souk_loop_change(http->loop, &http->listener);
    }
}

void
souk_httpconn_close(struct connection *connection)
{
    souk_http *http = connection->http;
    struct room *room = connection->room;
    souk_loop_remove(http->loop, &connection->watch);
    close(connection->watch.fd);
    souk_httpconn_unlist(connection);
    if (connection->over_limit)
        http->refused--;
    else
        http->connections--;
    http->counters->open = http->connections;
    if (http->spare_connection_count < SPARE_CONNECTIONS) {
        http->spare_connection_count++;
        connection->next = http->spare_connections;
        http->spare_connections = connection;
    } else {
        free(connection);
    }
    souk_httpconn_room_for_more(http);
    if (room != NULL && room->waiting)
        room_orphan(http, room);
    else if (room != NULL)
        souk_httproom_give(room);
}

void
souk_httpconn_want(struct connection *connection, unsigned interest)
{
    if (connection->watch.interest != interest) {
        connection->watch.interest = interest;
        souk_loop_change(connection->http->loop, &connection->watch);
    }
}
