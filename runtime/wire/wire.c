/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire.c -- see wire.h. All but souk_wire_drain() and souk_wire_count() runs on worker 0's thread.
 *
 * Frames are read in helpings, so that a rush of them doesn't keep the worker from its actors; answers are gathered for
 * each peer and sent in one frame when the worker next looks at its loop. For both the wire rings itself: the bell is
 * the writable end of a pipe, which is always ready, so that to be interested in it is to be called in the next
 * round. */
#define _GNU_SOURCE /* pipe2() */
#include "wire/wire.h"

#include "cell/turn.h"
#include "codec/build.h"
#include "wire/keys.h"
#include "wire/peer.h"
#include "wire/place.h"
#include "world/loop.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    IN_FLIGHT_MAX = 16384,
    QUEUE_MAX = 64,      /* Frames of up to 1 MiB, for each peer and way. */
    LINGER_MS = 250,     /* ZeroMQ doesn't tell when a frame has left; so closing gives the last ones this long. */
    HELPING_FRAMES = 64,
    HELPING_REQUESTS = 4096,
    EXCHANGES = 256,     /* Made at a time. */
    KEYS_TICKS = 50,     /* The directory of clients' keys is looked at every 5 s. */
    DOORS = 2,
};

/* One request under way. */
struct exchange {
    struct souk_request request;
    souk_wire *wire;
    struct souk_peer *peer;
    const struct souk_kind *kind;
    struct exchange *next;
    uint64_t id;
    bool live;
};
struct exchanges { struct exchanges *next; struct exchange at[EXCHANGES]; };

struct door {
    struct souk_peer_door of_peers; /* First: a peer's door. */
    struct souk_watch watch;
    char endpoint[SOUK_WIRE_ENDPOINT];
    bool watched;
};

enum count {
    FRAMES_IN, FRAMES_OUT, REQUESTS, ANSWERS, MALFORMED, UNKNOWN, DENIED, EXPIRED, TOO_LARGE, OVERLOADED, DROPPED,
    REJECTED, IN_FLIGHT, CLIENTS, COUNTS
};

struct souk_wire {
    char *directory, *tcp, *key_file, *clients;
    const struct souk_kind *const *kinds;
    souk_wire_address address;
    uint32_t in_flight_max;
    char *why;
    size_t why_size;
    char secret[SOUK_WIRE_KEY];
    struct souk_keys keys;
    struct souk_place place;
    souk_memory *memory;
    souk_heap *heap;
    souk_worker *worker;
    struct souk_loop *loop;
    souk_sockets *sockets;
    souk_guard *guard;
    struct souk_watch guard_watch, bell_watch;
    int bell[2];
    bool guard_watched, bell_watched, rung;
    struct door doors[DOORS];
    unsigned doors_count;
    struct souk_frame frame;
    struct souk_peers peers;
    struct exchanges *blocks;
    struct exchange *free;
    uint32_t in_flight, ticks;
    uint8_t *body, *scratch; /* A body built from a map; what decoding takes. */
    void *decoded;           /* Room for the largest message. */
    _Atomic bool draining;
    _Atomic uint64_t counts[COUNTS];
};

enum { BODY_ROOM = SOUK_WIRE_BODY_MAX + 1024 };

static void
count_up(souk_wire *w, enum count which, uint64_t amount)
{
    /* relaxed: one writer; a reader infers nothing else from it. */
    atomic_store_explicit(&w->counts[which], atomic_load_explicit(&w->counts[which], memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

static void
count_is(souk_wire *w, enum count which, uint64_t amount)
{
    atomic_store_explicit(&w->counts[which], amount, memory_order_relaxed); /* relaxed: as above. */
}

static void
ring(souk_wire *w)
{
    if (w->rung) return;
    w->rung = true;
    w->bell_watch.interest = SOUK_WRITABLE;
    souk_loop_change(w->loop, &w->bell_watch);
}

/* ---- Answers. ---- */

static void
refuse(souk_wire *w, struct souk_peer *peer, const struct souk_wire_request *r, enum souk_door door, const char *why)
{
    static const enum count counted[SOUK_DOOR_COUNT] = {
        [SOUK_DOOR_MALFORMED] = MALFORMED, [SOUK_DOOR_VERSION] = MALFORMED, [SOUK_DOOR_BAD_KEY] = MALFORMED,
        [SOUK_DOOR_TOO_LARGE] = TOO_LARGE, [SOUK_DOOR_UNKNOWN_KIND] = UNKNOWN, [SOUK_DOOR_UNKNOWN] = UNKNOWN,
        [SOUK_DOOR_DENIED] = DENIED, [SOUK_DOOR_EXPIRED] = EXPIRED, [SOUK_DOOR_OVERLOADED] = OVERLOADED,
        [SOUK_DOOR_DISK_FULL] = OVERLOADED, [SOUK_DOOR_CLOSED] = OVERLOADED,
    };
    souk_assert(counted[door] != FRAMES_IN);
    count_up(w, counted[door], 1);
    struct souk_wire_answer answer = {
        .has_id = r && r->has_id, .id = r ? r->id : 0, .ending = SOUK_REFUSED,
        .refusal = souk_text_of(souk_door_name(door)),
        .sentence = souk_text_of(why && *why ? why : souk_door_sentence(door)),
    };
    souk_peer_answer(&w->peers, peer, &answer);
}

static const struct souk_refusal *
find_refusal(const struct souk_kind *kind, souk_verdict code)
{
    for (const struct souk_refusal *r = kind->refusals; r->code; r++)
        if (r->code == code) return r;
    return NULL;
}

/* What a refusal is called: by its kind, by the runtime, or by another kind that the command was passed on to. */
static void
name_refusal(const souk_wire *w, const struct souk_kind *kind, souk_verdict code, struct souk_wire_answer *a)
{
    const struct souk_refusal *r = find_refusal(kind, code);
    enum souk_door door = code == SOUK_MALFORMED ? SOUK_DOOR_MALFORMED : code == SOUK_UNKNOWN ? SOUK_DOOR_UNKNOWN
                        : code == SOUK_EXPIRED ? SOUK_DOOR_EXPIRED : code == SOUK_OVERLOADED ? SOUK_DOOR_OVERLOADED
                        : SOUK_DOOR_REFUSED;
    if (!r && door == SOUK_DOOR_REFUSED)
        for (const struct souk_kind *const *other = w->kinds; *other && !r; other++) r = find_refusal(*other, code);
    a->refusal = souk_text_of(r ? r->name : souk_door_name(door));
    a->sentence = souk_text_of(r ? r->sentence : souk_door_sentence(door));
}

static void
exchange_end(struct exchange *x)
{
    souk_wire *w = x->wire;
    x->live = false;
    x->next = w->free;
    w->free = x;
    w->in_flight--;
    x->peer->in_flight--;
}

static void
done(struct souk_request *request, const struct souk_reply *reply)
{
    struct exchange *x = (struct exchange *)(void *)request; /* Its first member. */
    souk_wire *w = x->wire;
    struct souk_peer *peer = x->peer;
    struct souk_wire_answer a = { .has_id = true, .id = x->id, .ending = reply->ending, .body = reply->body };
    if (reply->ending == SOUK_REFUSED) {
        name_refusal(w, x->kind, reply->refusal, &a);
    } else if (reply->ending != SOUK_DONE) {
        enum souk_door door = reply->ending == SOUK_LATE ? SOUK_DOOR_LATE : SOUK_DOOR_DEAD;
        a.refusal = souk_text_of(souk_door_name(door));
        a.sentence = souk_text_of(souk_door_sentence(door));
    }
    if (souk_answer_size(&a) > SOUK_PEER_PENDING_MAX - SOUK_WIRE_HEAD) {
        a.ending = SOUK_REFUSED; /* It happened, if it was a command; only its answer cannot be carried. */
        a.refusal = souk_text_of(souk_door_name(SOUK_DOOR_TOO_LARGE));
        a.sentence = souk_text_of(souk_door_sentence(SOUK_DOOR_TOO_LARGE));
        a.body.length = 0;
    }
    count_up(w, ANSWERS, 1);
    exchange_end(x);
    if (!souk_peer_answer(&w->peers, peer, &a)) souk_peer_release(&w->peers, peer);
    ring(w);
}

/* ---- Requests. ---- */

static struct exchange *
exchange_begin(souk_wire *w, struct souk_peer *peer, const struct souk_wire_request *r)
{
    if (!w->free) {
        struct exchanges *block = souk_heap_zalloc(w->heap, sizeof *block);
        block->next = w->blocks;
        w->blocks = block;
        for (int i = EXCHANGES; i-- > 0;) {
            block->at[i].next = w->free;
            w->free = &block->at[i];
        }
    }
    struct exchange *x = w->free;
    w->free = x->next;
    *x = (struct exchange){ .wire = w, .peer = peer, .kind = r->kind, .id = r->id, .live = true };
    x->request.row = r->row;
    x->request.to = (souk_ref){ r->kind->number, r->key };
    x->request.within_ms = r->within_ms;
    x->request.done = done;
    w->in_flight++;
    peer->in_flight++;
    return x;
}

/* The actor's key, when the request names it by parts. */
static enum souk_door
find_key(souk_wire *w, struct souk_wire_request *r)
{
    const souk_node *node = souk_worker_node(w->worker);
    bool ok = true;
    if (!souk_key_none(r->key)) return SOUK_DOOR_OK;
    if (w->address) r->key = w->address(node, r->kind, r->parts, r->parts_count, &ok);
    else if (r->parts_count == 1) r->key = souk_node_key_of(node, r->parts[0]);
    return ok && !souk_key_none(r->key) ? SOUK_DOOR_OK : SOUK_DOOR_BAD_KEY;
}

/* Brings the body into the positional form and decodes it once on trial, so that a body that doesn't fit its table is
 * refused here, with a sentence, before there is an actor or a journal record of it. */
static enum souk_door
fit_body(souk_wire *w, struct souk_wire_request *r, char *why, size_t why_size)
{
    const struct souk_layout *layout = r->row->layout;
    uint8_t form = *(const uint8_t *)r->body.at;
    static const uint8_t empty = 0x90;
    if (form == 0xc0) {
        r->body = (struct souk_bytes){ &empty, 1 };
    } else if (form == 0xde || form == 0xdf || (form & 0xf0) == 0x80) {
        size_t length;
        souk_err err = souk_build_from_map(layout, r->body, w->body, BODY_ROOM, &length, why, why_size);
        if (err) return err == SOUK_ERR_TOO_LARGE ? SOUK_DOOR_TOO_LARGE : SOUK_DOOR_MALFORMED;
        r->body = (struct souk_bytes){ w->body, length };
    }
    struct souk_scratch scratch = { w->scratch, w->scratch + SOUK_SCRATCH_BYTES };
    struct souk_reader in = { .at = r->body.at, .end = (const uint8_t *)r->body.at + r->body.length,
                              .scratch = &scratch };
    if (layout->get(&in, w->decoded)) return SOUK_DOOR_OK;
    snprintf(why, why_size, "%s: field number %u is missing or not what it should be", layout->name, in.field);
    return SOUK_DOOR_MALFORMED;
}

static enum souk_door
ask(souk_wire *w, struct souk_peer *peer, struct souk_wire_request *r, char *why, size_t why_size)
{
    if (r->born_ms && !souk_frame_fresh(r->born_ms, souk_node_now_ms(souk_worker_node(w->worker))))
        return SOUK_DOOR_EXPIRED;
    if (atomic_load_explicit(&w->draining, memory_order_relaxed)) return SOUK_DOOR_CLOSED;
    if (peer->in_flight >= w->in_flight_max) return SOUK_DOOR_OVERLOADED;
    enum souk_door door = find_key(w, r);
    if (!door) door = fit_body(w, r, why, why_size);
    if (door) return door;
    struct exchange *x = exchange_begin(w, peer, r);
    x->request.body = r->body;
    souk_err err = souk_worker_ask(w->worker, &x->request);
    if (!err) return SOUK_DOOR_OK;
    exchange_end(x);
    return err == SOUK_ERR_BUSY ? SOUK_DOOR_OVERLOADED : err == SOUK_ERR_FULL ? SOUK_DOOR_DISK_FULL
         : err == SOUK_ERR_TOO_LARGE ? SOUK_DOOR_TOO_LARGE
         : err == SOUK_ERR_CLOSED ? SOUK_DOOR_CLOSED : SOUK_DOOR_UNKNOWN;
}

/* Returns how many requests it held. */
static uint32_t
take_frame(souk_wire *w, struct souk_peer *peer, struct souk_bytes frame)
{
    struct souk_reader requests;
    uint32_t count;
    enum souk_door door = souk_frame_open(frame, &requests, &count);
    if (door) {
        refuse(w, peer, NULL, door, NULL);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct souk_wire_request r;
        char why[192] = "";
        count_up(w, REQUESTS, 1);
        door = souk_frame_next(&requests, w->kinds, &r);
        if (!door) door = ask(w, peer, &r, why, sizeof why);
        if (door) refuse(w, peer, &r, door, why);
    }
    return count;
}

/* A helping from one door; rings when there is more. */
static void
serve_door(souk_wire *w, struct door *door)
{
    uint32_t requests = 0;
    for (int i = 0; i < HELPING_FRAMES && requests < HELPING_REQUESTS; i++) {
        uint8_t id[SOUK_WIRE_PEER_MAX];
        size_t id_length;
        souk_err err = souk_socket_receive(door->of_peers.socket, id, &id_length, &w->frame);
        if (err == SOUK_ERR_MISSING) break;
        count_up(w, FRAMES_IN, 1);
        struct souk_peer *peer = souk_peer_of(&w->peers, &door->of_peers, id, id_length);
        if (err) refuse(w, peer, NULL, SOUK_DOOR_MALFORMED, NULL);
        else requests += take_frame(w, peer, (struct souk_bytes){ w->frame.at, w->frame.length });
        souk_peer_release(&w->peers, peer); /* If its refusal was dropped. */
    }
}

static void
serve(souk_wire *w)
{
    for (unsigned i = 0; i < w->doors_count; i++) serve_door(w, &w->doors[i]);
    souk_peers_flush(&w->peers);
    for (unsigned i = 0; i < w->doors_count; i++)
        if (souk_socket_events(w->doors[i].of_peers.socket) & SOUK_SOCKET_READABLE) ring(w);
    count_is(w, FRAMES_OUT, w->peers.frames);
    count_is(w, DROPPED, w->peers.dropped);
    count_is(w, IN_FLIGHT, w->in_flight);
    count_is(w, CLIENTS, w->peers.count);
}

static void
door_ready(void *arg, unsigned events SOUK_UNUSED)
{
    serve(arg);
}

static void
bell_ready(void *arg, unsigned events SOUK_UNUSED)
{
    souk_wire *w = arg;
    w->rung = false;
    w->bell_watch.interest = 0;
    souk_loop_change(w->loop, &w->bell_watch);
    serve(w);
}

static bool
key_allowed(void *arg, const char *key)
{
    souk_wire *w = arg;
    bool yes = souk_keys_have(&w->keys, key);
    if (!yes) count_up(w, REJECTED, 1);
    return yes;
}

static void
guard_ready(void *arg, unsigned events SOUK_UNUSED)
{
    souk_wire *w = arg;
    souk_guard_step(w->guard, key_allowed, w);
}

/* ---- The guest. ---- */

static souk_err
fail(souk_wire *w, souk_err err, const char *what, const char *where)
{
    if (w->why && w->why_size) snprintf(w->why, w->why_size, "%s %s: %s", what, where, souk_err_text(err));
    return err;
}

static souk_err
open_door(souk_wire *w, const char *endpoint, const char *secret)
{
    struct door *door = &w->doors[w->doors_count];
    struct souk_socket_options options = { SOUK_ROUTER, QUEUE_MAX, LINGER_MS, secret, NULL };
    souk_err err = souk_socket_open(&door->of_peers.socket, w->sockets, &options);
    if (err) return fail(w, err, "cannot open a socket for", endpoint);
    w->doors_count++;
    err = souk_socket_bind(door->of_peers.socket, endpoint, door->endpoint, sizeof door->endpoint);
    if (err) return fail(w, err, "cannot listen on", endpoint);
    door->watch = (struct souk_watch){ souk_socket_fd(door->of_peers.socket), SOUK_READABLE, door_ready, w };
    err = souk_loop_add(w->loop, &door->watch);
    door->watched = !err;
    return err;
}

static souk_err
open_tcp(souk_wire *w)
{
    souk_err err = souk_guard_open(&w->guard, w->sockets);
    if (err) return err;
    w->guard_watch = (struct souk_watch){ souk_guard_fd(w->guard), SOUK_READABLE, guard_ready, w };
    err = souk_loop_add(w->loop, &w->guard_watch);
    w->guard_watched = !err;
    return err ? err : open_door(w, w->tcp, w->secret);
}

static souk_err
open_all(souk_wire *w)
{
    souk_err err = souk_sockets_open(&w->sockets);
    if (err) return err;
    if (pipe2(w->bell, O_CLOEXEC | O_NONBLOCK)) return SOUK_ERR_BUSY;
    w->bell_watch = (struct souk_watch){ w->bell[1], 0, bell_ready, w };
    err = souk_loop_add(w->loop, &w->bell_watch);
    if (err) return err;
    w->bell_watched = true;
    err = souk_place_find(&w->place, w->directory);
    if (err) return fail(w, err, "no place for a socket in", w->directory);
    err = open_door(w, w->place.endpoint, NULL);
    if (err) return err;
    if (w->tcp) err = open_tcp(w);
    if (err) return err;
    err = souk_place_tell(&w->place);
    if (err) return fail(w, err, "cannot write", w->place.file);
    ring(w); /* Whoever came before the watch was set. */
    return SOUK_OK;
}

static void
close_all(souk_wire *w)
{
    for (struct exchanges *block = w->blocks; block; block = block->next)
        for (int i = 0; i < EXCHANGES; i++) {
            if (!block->at[i].live) continue;
            souk_worker_forget(w->worker, &block->at[i].request);
            exchange_end(&block->at[i]);
        }
    if (w->doors_count) souk_peers_flush(&w->peers);
    for (unsigned i = 0; i < w->doors_count; i++) {
        if (w->doors[i].watched) souk_loop_remove(w->loop, &w->doors[i].watch);
        souk_socket_close(&w->doors[i].of_peers.socket);
    }
    if (w->guard_watched) souk_loop_remove(w->loop, &w->guard_watch);
    souk_guard_close(&w->guard);
    if (w->bell_watched) souk_loop_remove(w->loop, &w->bell_watch);
    for (int i = 0; i < 2; i++)
        if (w->bell[i] >= 0) close(w->bell[i]);
    w->bell[0] = w->bell[1] = -1;
    w->guard_watched = w->bell_watched = false;
    w->doors_count = 0;
    souk_frame_drop(&w->frame);
    souk_sockets_close(&w->sockets);
    souk_place_leave(&w->place);
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    souk_wire *w = self;
    if (number) return SOUK_OK;
    w->worker = worker;
    w->loop = loop;
    souk_err err = open_all(w);
    if (err) close_all(w);
    return err;
}

static void
leave(void *self, souk_worker *worker SOUK_UNUSED, unsigned number)
{
    if (!number) close_all(self);
}

static void
tick(void *self, souk_worker *worker SOUK_UNUSED, unsigned number, uint64_t now_ns SOUK_UNUSED)
{
    souk_wire *w = self;
    if (number) return;
    if (w->guard && ++w->ticks % KEYS_TICKS == 0 && souk_keys_load(&w->keys, w->clients))
        count_up(w, REJECTED, 1); /* No directory, or no memory: nobody new gets in; those who are connected stay. */
    serve(w);
}

static bool
idle(void *self, souk_worker *worker SOUK_UNUSED, unsigned number)
{
    const souk_wire *w = self;
    return number || (!w->in_flight && !w->peers.owing_count);
}

struct souk_guest
souk_wire_guest(souk_wire *w)
{
    return (struct souk_guest){ .self = w, .enter = enter, .leave = leave, .tick = tick, .idle = idle };
}

/* ---- Opening. ---- */

static bool
copy(char **out, const char *text)
{
    if (text) *out = strdup(text);
    return !text || *out;
}

static souk_err
check_tcp(souk_wire *w)
{
    if (!w->tcp) return SOUK_OK;
    if (!w->key_file || !w->clients || strncmp(w->tcp, "tcp://", 6)) {
        if (w->why && w->why_size)
            snprintf(w->why, w->why_size, "a tcp endpoint must be tcp://HOST:PORT, with the node's key file and the "
                     "directory of its clients' keys");
        return SOUK_ERR_USAGE;
    }
    char public_key[SOUK_WIRE_KEY];
    souk_err err = souk_keys_read(w->key_file, "secret-key", w->secret);
    if (!err) err = souk_key_public(public_key, w->secret);
    if (err) return fail(w, err, "no secret key in", w->key_file);
    err = souk_keys_load(&w->keys, w->clients);
    if (err) return fail(w, err, "no clients' keys in", w->clients);
    return SOUK_OK;
}

souk_err
souk_wire_open(souk_wire **out, const struct souk_wire_options *o)
{
    souk_assert(o->directory && o->kinds);
    souk_wire *w = calloc(1, sizeof *w);
    if (!w) return SOUK_ERR_MEMORY;
    w->bell[0] = w->bell[1] = -1;
    w->kinds = o->kinds;
    w->address = o->address;
    w->in_flight_max = o->in_flight_max ? o->in_flight_max : IN_FLIGHT_MAX;
    w->why = o->why;
    w->why_size = o->why_size;
    w->memory = souk_memory_open();
    souk_err err = w->memory && copy(&w->directory, o->directory) && copy(&w->tcp, o->tcp) &&
                   copy(&w->key_file, o->key_file) && copy(&w->clients, o->clients) ? SOUK_OK : SOUK_ERR_MEMORY;
    if (!err) err = check_tcp(w);
    if (err) {
        souk_wire_close(&w);
        return err;
    }
    size_t largest = 1;
    for (const struct souk_kind *const *kind = w->kinds; *kind; kind++)
        for (const struct souk_row *const *row = (*kind)->rows; *row; row++)
            if ((*row)->layout && (*row)->layout->size > largest) largest = (*row)->layout->size;
    w->heap = w->peers.heap = souk_heap_open(w->memory);
    w->body = souk_heap_alloc(w->heap, BODY_ROOM);
    w->scratch = souk_heap_alloc(w->heap, SOUK_SCRATCH_BYTES);
    w->decoded = souk_heap_alloc(w->heap, largest);
    *out = w;
    return SOUK_OK;
}

const char *
souk_wire_endpoint(const souk_wire *w)
{
    return w->doors[0].endpoint;
}

const char *
souk_wire_endpoint_tcp(const souk_wire *w)
{
    return w->doors[1].endpoint;
}

void
souk_wire_drain(souk_wire *w)
{
    atomic_store_explicit(&w->draining, true, memory_order_relaxed); /* relaxed: nothing else goes with it. */
}

void
souk_wire_close(souk_wire **wire_p)
{
    souk_wire *w = *wire_p;
    *wire_p = NULL;
    if (!w) return;
    souk_assert(!w->sockets); /* The node has been closed. */
    if (w->memory) souk_memory_close(&w->memory);
    souk_keys_drop(&w->keys);
    free(w->directory);
    free(w->tcp);
    free(w->key_file);
    free(w->clients);
    explicit_bzero(w->secret, sizeof w->secret);
    free(w);
}

void
souk_wire_count(const souk_wire *w, struct souk_wire_counts *out)
{
    uint64_t n[COUNTS];
    for (int i = 0; i < COUNTS; i++) n[i] = atomic_load_explicit(&w->counts[i], memory_order_relaxed);
    *out = (struct souk_wire_counts){
        .frames_in = n[FRAMES_IN], .frames_out = n[FRAMES_OUT], .requests = n[REQUESTS], .answers = n[ANSWERS],
        .malformed = n[MALFORMED], .unknown = n[UNKNOWN], .denied = n[DENIED], .expired = n[EXPIRED],
        .too_large = n[TOO_LARGE], .overloaded = n[OVERLOADED], .dropped = n[DROPPED], .rejected = n[REJECTED],
        .in_flight = n[IN_FLIGHT], .clients = n[CLIENTS],
    };
}
