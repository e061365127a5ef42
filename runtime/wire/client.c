/* SPDX-License-Identifier: Apache-2.0 */
/* wire/client.c -- see souk/client.h. For tools and load generators; a node has none. */
#include <souk/client.h>

#include "wire/frame.h"
#include "wire/keys.h"
#include "wire/socket.h"

#include <stdlib.h>

enum { FRAME_BYTES = 64 << 10, QUEUE_MAX = 1024, OVERHEAD_MAX = 64, FRAMES_A_POLL = 64 };

struct souk_client {
    souk_sockets *sockets;
    souk_socket *socket;
    struct souk_frame frame;
    uint32_t frame_bytes, used, count; /* Of the frame being filled. */
    uint64_t malformed;
    uint8_t out[SOUK_WIRE_FRAME_MAX];
};

static souk_err
read_keys(const struct souk_client_options *o, char secret[SOUK_WIRE_KEY], char server[SOUK_WIRE_KEY])
{
    if (!o->server_key_file) return SOUK_ERR_USAGE;
    souk_err err = souk_keys_read(o->key_file, "secret-key", secret);
    if (!err) err = souk_keys_read(o->server_key_file, "public-key", server);
    return err == SOUK_ERR_MALFORMED ? SOUK_ERR_USAGE : err;
}

souk_err
souk_client_open(souk_client **out, const struct souk_client_options *o)
{
    char secret[SOUK_WIRE_KEY], server[SOUK_WIRE_KEY];
    souk_err err = o->key_file ? read_keys(o, secret, server) : SOUK_OK;
    if (err) return err;
    souk_client *c = calloc(1, sizeof *c);
    if (!c) return SOUK_ERR_MEMORY;
    c->used = SOUK_WIRE_HEAD;
    c->frame_bytes = o->frame_bytes ? o->frame_bytes : FRAME_BYTES;
    if (c->frame_bytes > SOUK_WIRE_FRAME_MAX) c->frame_bytes = SOUK_WIRE_FRAME_MAX;
    struct souk_socket_options options = { SOUK_DEALER, QUEUE_MAX, o->linger_ms, o->key_file ? secret : NULL,
                                           o->key_file ? server : NULL };
    err = souk_sockets_open(&c->sockets);
    if (!err) err = souk_socket_open(&c->socket, c->sockets, &options);
    if (!err) err = souk_socket_connect(c->socket, o->endpoint);
    if (err) souk_client_close(&c);
    else *out = c;
    return err;
}

void
souk_client_close(souk_client **client_p)
{
    souk_client *c = *client_p;
    *client_p = NULL;
    if (!c) return;
    souk_frame_drop(&c->frame);
    souk_socket_close(&c->socket);
    souk_sockets_close(&c->sockets);
    free(c);
}

/* ---- Sending. ---- */

static souk_err
send_frame(souk_client *c)
{
    if (!c->count) return SOUK_OK;
    souk_frame_head(c->out, c->count);
    souk_err err = souk_socket_send(c->socket, NULL, 0, c->out, c->used);
    if (err) return err;
    c->count = 0;
    c->used = SOUK_WIRE_HEAD;
    return SOUK_OK;
}

static size_t
size_of(const struct souk_client_request *r, struct souk_text message, size_t body)
{
    size_t size = OVERHEAD_MAX + r->kind.length + message.length + body;
    for (size_t i = 0; r->key && i < r->key_count; i++) size += souk_size_text(&r->key[i]);
    return size;
}

/* Room for a request of at most `size` bytes in the frame, which is sent when it is full. */
static souk_err
make_room(souk_client *c, const struct souk_client_request *r, struct souk_text message, size_t size)
{
    if (r->kind.length > 255 || message.length > 255 || (r->key && r->key_count > SOUK_WIRE_PARTS_MAX))
        return SOUK_ERR_TOO_LARGE;
    for (size_t i = 0; r->key && i < r->key_count; i++)
        if (r->key[i].length > SOUK_WIRE_PART_BYTES) return SOUK_ERR_TOO_LARGE;
    if (size + SOUK_WIRE_HEAD > sizeof c->out) return SOUK_ERR_TOO_LARGE;
    bool full = c->used + size > c->frame_bytes || c->count == SOUK_WIRE_REQUESTS_MAX;
    return full && c->count ? send_frame(c) : SOUK_OK;
}

/* All of a request up to its body. */
static uint8_t *
put_head(uint8_t *at, const struct souk_client_request *r, uint32_t kind, struct souk_text message)
{
    *at++ = 0x97;
    at = souk_put_u64(at, &r->id);
    at = r->kind.at && !kind ? souk_put_text(at, &r->kind) : souk_put_u32(at, kind ? &kind : &r->kind_number);
    if (r->key) {
        at = souk_put_array_(at, r->key_count);
        for (size_t i = 0; i < r->key_count; i++) at = souk_put_text(at, &r->key[i]);
    } else {
        at = souk_put_key(at, &r->address);
    }
    return souk_put_text(at, &message);
}

static void
finish(souk_client *c, uint8_t *at, const struct souk_client_request *r)
{
    at = r->within_ms ? souk_put_u32(at, &r->within_ms) : souk_put_nil_(at);
    at = r->born_ms ? souk_put_u64(at, &r->born_ms) : souk_put_nil_(at);
    c->used = (uint32_t)(at - c->out);
    souk_assert(c->used <= sizeof c->out);
    c->count++;
}

souk_err
souk_client_add(souk_client *c, const struct souk_client_request *r)
{
    souk_err err = make_room(c, r, r->message, size_of(r, r->message, r->body.length));
    if (err) return err;
    uint8_t *at = put_head(c->out + c->used, r, 0, r->message);
    if (r->body.length) memcpy(at, r->body.at, r->body.length);
    else *at = 0xc0;
    finish(c, at + (r->body.length ? r->body.length : 1), r);
    return SOUK_OK;
}

souk_err
souk_client_add_with(souk_client *c, const struct souk_client_request *r, const struct souk_row *row,
                     const void *message)
{
    struct souk_text name = souk_text_of(row->name);
    size_t length = row->layout->encoded(message);
    souk_err err = make_room(c, r, name, size_of(r, name, length));
    if (err) return err;
    uint8_t *at = put_head(c->out + c->used, r, row->kind, name);
    finish(c, row->layout->put(at, message), r);
    return SOUK_OK;
}

souk_err
souk_client_flush(souk_client *c, int timeout_ms)
{
    souk_err err = send_frame(c);
    if (err != SOUK_ERR_BUSY || !timeout_ms) return err;
    souk_socket_wait(c->socket, SOUK_SOCKET_WRITABLE, timeout_ms);
    return send_frame(c);
}

/* ---- Receiving. ---- */

/* A text or nil. */
static void
get_text(struct souk_reader *in, struct souk_text *text)
{
    *text = (struct souk_text){ NULL, 0 };
    if (in->at < in->end && *in->at == 0xc0) in->at++;
    else souk_get_text(in, text);
}

static bool
get_answer(struct souk_reader *in, struct souk_client_answer *a)
{
    uint32_t ending, count = souk_get_array_(in);
    memset(a, 0, sizeof *a);
    if (in->bad || count < 5) return false;
    a->has_id = in->at < in->end && *in->at != 0xc0;
    if (a->has_id) souk_get_u64(in, &a->id);
    else in->at++;
    souk_get_u32(in, &ending);
    a->ending = (enum souk_ending)ending;
    get_text(in, &a->refusal);
    get_text(in, &a->sentence);
    a->body = souk_take_value(in);
    if (a->body.length && *(const uint8_t *)a->body.at == 0xc0) a->body.length = 0;
    for (; count > 5 && !in->bad; count--) souk_skip_(in);
    return !in->bad && ending <= SOUK_DEAD;
}

static unsigned
take_frame(souk_client *c, souk_client_take take, void *arg)
{
    struct souk_reader in = { .at = c->frame.at, .end = c->frame.at + c->frame.length };
    uint64_t version = 0;
    unsigned taken = 0;
    if (souk_get_array_(&in) >= 2) souk_get_u64(&in, &version);
    uint32_t count = version == SOUK_WIRE_VERSION ? souk_get_array_(&in) : 0;
    bool good = !in.bad && count;
    for (; good && taken < count; taken++) {
        struct souk_client_answer answer;
        good = get_answer(&in, &answer);
        if (!good) break;
        take(arg, &answer);
    }
    c->malformed += !good;
    return taken;
}

unsigned
souk_client_poll(souk_client *c, int timeout_ms, souk_client_take take, void *arg)
{
    unsigned taken = 0;
    souk_err sent = send_frame(c);
    if (sent && timeout_ms) { /* No connection yet: what was added leaves as soon as there is one. */
        souk_socket_wait(c->socket, SOUK_SOCKET_READABLE | SOUK_SOCKET_WRITABLE, timeout_ms);
        sent = send_frame(c);
    }
    if (timeout_ms && !sent) souk_socket_wait(c->socket, SOUK_SOCKET_READABLE, timeout_ms);
    for (int i = 0; i < FRAMES_A_POLL; i++) {
        souk_err err = souk_socket_receive(c->socket, NULL, NULL, &c->frame);
        if (err == SOUK_ERR_MISSING) break;
        if (err) c->malformed++;
        else taken += take_frame(c, take, arg);
    }
    return taken;
}

uint64_t
souk_client_malformed(const souk_client *c)
{
    return c->malformed;
}
