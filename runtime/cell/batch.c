/* SPDX-License-Identifier: Apache-2.0 */
/* cell/batch.c -- writes and reads batches; see batch.h for the format. */
#include "cell/batch.h"

/* ---- Writing. ---- */

static uint8_t *
room_for(struct souk_batch *b, souk_heap *heap, size_t bytes)
{
    if (b->room - b->length < bytes) {
        size_t room = b->room ? b->room : 4096;
        while (room - b->length < bytes) room *= 2;
        souk_assert(room <= SOUK_BATCH_MAX);
        b->at = souk_heap_grow(heap, b->at, b->room, room);
        b->room = room;
    }
    return b->at + b->length;
}

static uint8_t *
put_number(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *
put_key(uint8_t *p, souk_key key)
{
    return souk_store_be64_(souk_store_be64_(p, key.high), key.low);
}

static void
advance(struct souk_batch *b, const uint8_t *end)
{
    b->length = (size_t)(end - b->at);
}

void
souk_batch_begin(struct souk_batch *b, souk_heap *heap)
{
    b->length = 0;
    b->version = 1;
    memset(room_for(b, heap, SOUK_BATCH_HEADER), 0, SOUK_BATCH_HEADER);
    b->length = SOUK_BATCH_HEADER;
}

void
souk_batch_actor(struct souk_batch *b, souk_heap *heap, uint32_t kind, souk_key key)
{
    uint8_t *p = room_for(b, heap, 32);
    *p++ = SOUK_STEP_ACTOR;
    advance(b, put_key(put_number(p, kind), key));
}

void
souk_batch_turn(struct souk_batch *b, souk_heap *heap, uint32_t actor, struct souk_id cause, uint64_t delay_ms)
{
    uint8_t *p = room_for(b, heap, 48);
    *p++ = SOUK_STEP_TURN;
    p = put_number(put_number(p, actor), cause.position);
    if (cause.position) p = put_number(p, cause.ordinal);
    advance(b, put_number(p, delay_ms));
}

uint8_t *
souk_batch_event(struct souk_batch *b, souk_heap *heap, uint32_t tag, size_t length)
{
    uint8_t *p = room_for(b, heap, 24 + length);
    *p++ = SOUK_STEP_EVENT;
    p = put_number(put_number(p, tag), length);
    advance(b, p + length);
    return p;
}

/* Which parts of the envelope each class of message has on disk. */
static bool
has_asker(unsigned class)
{
    return class == SOUK_ASK || class == SOUK_CALL;
}

static bool
has_due(unsigned class)
{
    return class == SOUK_WAKE || class == SOUK_CALL;
}

/* What a message is, without its id. */
static uint8_t *
put_message(uint8_t *p, const struct souk_message *m)
{
    souk_assert(m->class != SOUK_REQUEST && m->class != SOUK_ANSWER && m->class != SOUK_LOADED);
    *p++ = m->class;
    p = put_key(put_number(p, m->to.kind), m->to.key);
    p = put_number(put_number(p, m->tag), m->time_ms);
    if (has_asker(m->class)) p = put_number(put_key(put_number(p, m->asker.kind), m->asker.key), m->asker.number);
    if (has_due(m->class)) p = put_number(p, m->due_ms);
    if (m->class == SOUK_OUTCOME) p = put_number(put_number(put_number(p, m->asker.number), m->ending), m->refusal);
    p = put_number(p, m->length);
    if (m->length) memcpy(p, m->body, m->length);
    return p + m->length;
}

void
souk_batch_send(struct souk_batch *b, souk_heap *heap, const struct souk_message *m)
{
    uint8_t *p = room_for(b, heap, 128 + m->length);
    *p++ = SOUK_STEP_SEND;
    advance(b, put_message(p, m));
}

void
souk_batch_outstanding(struct souk_batch *b, souk_heap *heap, const struct souk_message *m)
{
    uint8_t *p = room_for(b, heap, 160 + m->length);
    b->version = 3;
    *p++ = SOUK_STEP_OUTSTANDING;
    p = put_number(put_number(put_number(p, m->id.position), m->id.ordinal), m->attempts);
    advance(b, put_message(p, m));
}

void
souk_batch_opened(struct souk_batch *b, souk_heap *heap, uint32_t actor, uint32_t number, uint32_t reply,
                  uint64_t due_ms)
{
    uint8_t *p = room_for(b, heap, 48);
    *p++ = SOUK_STEP_OPENED;
    advance(b, put_number(put_number(put_number(put_number(p, actor), number), reply), due_ms));
}

void
souk_batch_closed(struct souk_batch *b, souk_heap *heap, uint32_t actor, uint32_t number)
{
    uint8_t *p = room_for(b, heap, 24);
    *p++ = SOUK_STEP_CLOSED;
    advance(b, put_number(put_number(p, actor), number));
}

void
souk_batch_attempt(struct souk_batch *b, souk_heap *heap, struct souk_id message, uint32_t number)
{
    uint8_t *p = room_for(b, heap, 32);
    b->version = b->version > 2 ? b->version : 2;
    *p++ = SOUK_STEP_ATTEMPT;
    advance(b, put_number(put_number(put_number(p, message.position), message.ordinal), number));
}

void
souk_batch_dead(struct souk_batch *b, souk_heap *heap, uint32_t attempts)
{
    uint8_t *p = room_for(b, heap, 16);
    b->version = 2;
    *p++ = SOUK_STEP_DEAD;
    advance(b, put_number(p, attempts));
}

static void
store_little(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t
load_little(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

void
souk_batch_seal(struct souk_batch *b, uint16_t worker, uint64_t position, uint64_t time_ms)
{
    store_little(b->at + 16, b->length, 4);
    store_little(b->at + 20, b->version, 2);
    store_little(b->at + 22, worker, 2);
    store_little(b->at + 24, position, 8);
    store_little(b->at + 32, time_ms, 8);
}

struct souk_link
souk_batch_chain(uint8_t *batch, struct souk_link previous)
{
    struct souk_link link = souk_hash_link(previous, batch + 16, (size_t)load_little(batch + 16, 4) - 16);
    store_little(batch, link.high, 8);
    store_little(batch + 8, link.low, 8);
    return link;
}

/* ---- Reading. ---- */

souk_err
souk_batch_open(struct souk_batch_reader *r, struct souk_bytes bytes, const struct souk_link *previous, size_t *length)
{
    const uint8_t *at = bytes.at;
    if (bytes.length < SOUK_BATCH_HEADER) return SOUK_ERR_CORRUPT;
    uint64_t size = load_little(at + 16, 4);
    if (size < SOUK_BATCH_HEADER || size > bytes.length) return SOUK_ERR_CORRUPT;
    uint64_t version = load_little(at + 20, 2);
    if (version < 1 || version > SOUK_BATCH_VERSION) return SOUK_ERR_VERSION;
    *r = (struct souk_batch_reader){
        .at = at + SOUK_BATCH_HEADER,
        .end = at + size,
        .worker = (uint16_t)load_little(at + 22, 2),
        .position = load_little(at + 24, 8),
        .time_ms = load_little(at + 32, 8),
        .link = { load_little(at, 8), load_little(at + 8, 8) },
    };
    if (previous) {
        struct souk_link link = souk_hash_link(*previous, at + 16, (size_t)size - 16);
        if (!souk_link_equal(link, r->link)) return SOUK_ERR_CORRUPT;
    }
    *length = (size_t)size;
    return SOUK_OK;
}

static bool
get_number(struct souk_batch_reader *r, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        *v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

static bool
get_small(struct souk_batch_reader *r, uint32_t *v)
{
    uint64_t wide;
    if (!get_number(r, &wide) || wide > UINT32_MAX) return false;
    *v = (uint32_t)wide;
    return true;
}

static bool
get_key(struct souk_batch_reader *r, souk_key *key)
{
    if (r->end - r->at < 16) return false;
    key->high = souk_load_be64_(r->at);
    key->low = souk_load_be64_(r->at + 8);
    r->at += 16;
    return true;
}

static bool
get_body(struct souk_batch_reader *r, struct souk_bytes *body)
{
    uint64_t length;
    if (!get_number(r, &length) || length > (uint64_t)(r->end - r->at)) return false;
    *body = (struct souk_bytes){ r->at, (size_t)length };
    r->at += length;
    return true;
}

static bool
get_message(struct souk_batch_reader *r, struct souk_step *step)
{
    struct souk_message *m = &step->send;
    uint32_t ending = 0;
    if (r->at == r->end) return false;
    m->class = *r->at++;
    if (m->class < SOUK_TELL || m->class > SOUK_CALL || m->class == SOUK_REQUEST) return false;
    bool ok = get_small(r, &m->to.kind) && get_key(r, &m->to.key);
    ok = ok && get_small(r, &m->tag) && get_number(r, &m->time_ms);
    if (ok && has_asker(m->class))
        ok = get_small(r, &m->asker.kind) && get_key(r, &m->asker.key) && get_small(r, &m->asker.number);
    if (ok && has_due(m->class)) ok = get_number(r, &m->due_ms);
    if (ok && m->class == SOUK_OUTCOME)
        ok = get_small(r, &m->asker.number) && get_small(r, &ending) && get_small(r, &m->refusal);
    ok = ok && ending <= SOUK_DEAD;
    m->ending = (uint8_t)ending;
    m->dep = r->position;
    ok = ok && get_body(r, &step->body);
    m->length = ok ? (uint32_t)step->body.length : 0;
    return ok;
}

static bool
get_outstanding(struct souk_batch_reader *r, struct souk_step *step)
{
    struct souk_id id;
    uint32_t attempts;
    bool ok = get_number(r, &id.position) && get_small(r, &id.ordinal) && get_small(r, &attempts) &&
              attempts <= SOUK_ATTEMPTS && get_message(r, step);
    if (!ok) return false;
    step->send.id = id;
    step->send.attempts = attempts & SOUK_ATTEMPTS;
    return id.position > 0 && id.position <= r->position;
}

souk_err
souk_batch_next(struct souk_batch_reader *r, struct souk_step *step)
{
    memset(step, 0, sizeof *step);
    if (r->at == r->end) return SOUK_OK;
    step->class = *r->at++;
    bool ok = false;
    uint64_t delay = 0;
    switch (step->class) {
    case SOUK_STEP_ACTOR:
        ok = get_small(r, &step->kind) && get_key(r, &step->key);
        break;
    case SOUK_STEP_TURN:
        ok = get_small(r, &step->actor) && get_number(r, &step->cause.position) &&
             (!step->cause.position || get_small(r, &step->cause.ordinal)) && get_number(r, &delay);
        step->time_ms = r->time_ms + delay;
        break;
    case SOUK_STEP_EVENT:
        ok = get_small(r, &step->tag) && get_body(r, &step->body);
        break;
    case SOUK_STEP_SEND:
        ok = get_message(r, step);
        step->send.id = (struct souk_id){ r->position, r->sends++ };
        break;
    case SOUK_STEP_OPENED:
        ok = get_small(r, &step->actor) && get_small(r, &step->number) && get_small(r, &step->tag) &&
             get_number(r, &step->due_ms);
        break;
    case SOUK_STEP_CLOSED:
        ok = get_small(r, &step->actor) && get_small(r, &step->number);
        break;
    case SOUK_STEP_ATTEMPT: /* Position 0 is the batch's own. */
        ok = get_number(r, &step->cause.position) && get_small(r, &step->cause.ordinal) && get_small(r, &step->number);
        if (!step->cause.position) step->cause.position = r->position;
        break;
    case SOUK_STEP_DEAD:
        ok = get_small(r, &step->number);
        break;
    case SOUK_STEP_OUTSTANDING:
        ok = get_outstanding(r, step);
        break;
    case SOUK_STEP_END:
    default:
        break;
    }
    return ok ? SOUK_OK : SOUK_ERR_CORRUPT;
}
