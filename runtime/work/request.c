/* SPDX-License-Identifier: Apache-2.0 */
/* work/request.c -- the doors of a worker: requests that come in and their answers, port calls that go out and theirs.
 *
 * A request is named by a ticket (slot and generation), so that an answer to one that was forgotten or whose time is
 * over finds nobody. Deadlines stand in a wheel of lists by due time. All on the worker's thread. */
#include "work/partition.h"
#include "world/rare.h"

enum { SLOT_BITS = 20 };

/* ---- Requests. ---- */

static uint64_t
now_ns(const struct souk_worker *w)
{
    return w->partition->world->monotonic_ns(w->partition->world->self);
}

static struct souk_request **
wheel_of(struct souk_worker *w, uint64_t due_ns)
{
    return &w->wheel[due_ns / (SOUK_REQUEST_WHEEL_MS * 1000000ull) % SOUK_REQUEST_WHEEL];
}

static void
wheel_add(struct souk_worker *w, struct souk_request *r)
{
    struct souk_request **list = wheel_of(w, r->due_ns_);
    r->sooner_ = NULL;
    r->later_ = *list;
    if (*list) (*list)->sooner_ = r;
    *list = r;
}

static void
wheel_remove(struct souk_worker *w, struct souk_request *r)
{
    if (r->later_) r->later_->sooner_ = r->sooner_;
    if (r->sooner_) r->sooner_->later_ = r->later_;
    else *wheel_of(w, r->due_ns_) = r->later_;
}

static uint64_t
slot_take(struct souk_worker *w, struct souk_request *r)
{
    if (w->requests_free == UINT32_MAX) {
        uint32_t room = w->requests_room ? 2 * w->requests_room : 256;
        w->requests = souk_heap_grow(w->heap, w->requests, w->requests_room * sizeof *w->requests,
                                     room * sizeof *w->requests);
        for (uint32_t i = room; i-- > w->requests_room;) {
            w->requests[i] = (struct souk_request_slot){ NULL, 1, w->requests_free };
            w->requests_free = i;
        }
        w->requests_room = room;
    }
    uint32_t slot = w->requests_free;
    w->requests_free = w->requests[slot].next;
    w->requests[slot].request = r;
    w->requests_count++;
    return (uint64_t)w->requests[slot].generation << SLOT_BITS | slot;
}

static struct souk_request *
slot_give(struct souk_worker *w, uint64_t ticket)
{
    uint32_t slot = ticket & ((1u << SLOT_BITS) - 1);
    if (slot >= w->requests_room || w->requests[slot].generation != ticket >> SLOT_BITS) return NULL;
    struct souk_request *r = w->requests[slot].request;
    w->requests[slot] = (struct souk_request_slot){ NULL, w->requests[slot].generation + 1, w->requests_free };
    w->requests_free = slot;
    w->requests_count--;
    return r;
}

static souk_err
admit(struct souk_worker *w, struct souk_request *r, size_t length, struct souk_message **out)
{
    struct souk_partition *p = w->partition;
    souk_assert(r->row->class == SOUK_COMMAND || r->row->class == SOUK_QUERY);
    bool query = r->row->class == SOUK_QUERY;
    souk_err err = SOUK_OK;
    if (souk_key_none(r->to.key) || !souk_kind_of(p, r->to.kind)) err = SOUK_ERR_UNKNOWN;
    else if (length > SOUK_BODY_MAX) err = SOUK_ERR_TOO_LARGE;
    else if (atomic_load_explicit(&p->fault, memory_order_relaxed)) err = SOUK_ERR_CLOSED;
    else if (!query && atomic_load_explicit(&p->disk_full, memory_order_relaxed)) err = SOUK_ERR_FULL;
    else if (w->requests_count >= SOUK_REQUESTS_MAX || souk_partition_crammed(p)) err = SOUK_ERR_BUSY;
    else if (!query && atomic_load_explicit(&p->backlog_bytes, memory_order_relaxed) > p->backlog_max)
        err = SOUK_ERR_BUSY;
    else if (!query && souk_buggify(p->world, REFUSED)) err = SOUK_ERR_BUSY;
    if (err) {
        souk_tally_up(w, SOUK_N_REFUSED, 1);
        return err;
    }
    r->due_ns_ = now_ns(w) + r->within_ms * 1000000ull;
    r->ticket_ = slot_take(w, r);
    wheel_add(w, r);
    struct souk_message *m = souk_message_new(w->heap, SOUK_REQUEST, length);
    m->to = r->to;
    m->tag = r->row->kind == r->to.kind ? r->row->tag : 0; /* 0: the kind will say that it is unknown. */
    m->is_query = query;
    m->ticket = r->ticket_;
    m->origin = (uint16_t)w->number;
    m->due_ms = souk_partition_now_ms(p) + r->within_ms;
    souk_tally_up(w, SOUK_N_REQUESTS, 1);
    *out = m;
    return SOUK_OK;
}

souk_err
souk_worker_ask(struct souk_worker *w, struct souk_request *r)
{
    struct souk_message *m;
    souk_err err = admit(w, r, r->body.length, &m);
    if (err) return err;
    if (r->body.length) memcpy(m->body, r->body.at, r->body.length);
    souk_worker_deliver(w, m);
    return SOUK_OK;
}

souk_err
souk_worker_ask_with(struct souk_worker *w, struct souk_request *r, const void *message)
{
    struct souk_message *m;
    size_t length = r->row->layout->encoded(message);
    souk_err err = admit(w, r, length, &m);
    if (err) return err;
    souk_assert(r->row->layout->put(m->body, message) == m->body + length);
    souk_worker_deliver(w, m);
    return SOUK_OK;
}

void
souk_worker_forget(struct souk_worker *w, struct souk_request *r)
{
    struct souk_request *held = slot_give(w, r->ticket_);
    if (held) wheel_remove(w, held);
}

bool
souk_worker_read(struct souk_worker *w, struct souk_bytes body, const struct souk_layout *layout, void *out)
{
    w->read_scratch = (struct souk_scratch){ w->read_memory, w->read_memory + SOUK_SCRATCH_BYTES };
    const uint8_t *at = body.at;
    struct souk_reader in = { .at = at, .end = at + body.length, .scratch = &w->read_scratch };
    return body.length && layout->get(&in, out);
}

void
souk_request_answer(struct souk_worker *w, struct souk_message *m)
{
    struct souk_request *r = slot_give(w, m->ticket);
    if (r) {
        wheel_remove(w, r);
        struct souk_reply reply = { (enum souk_ending)m->ending, m->refusal, { m->body, m->length } };
        souk_tally_up(w, SOUK_N_REPLIES, 1);
        r->done(r, &reply);
    }
    souk_message_free(w->heap, m);
}

void
souk_requests_expire(struct souk_worker *w, uint64_t now)
{
    uint64_t step = SOUK_REQUEST_WHEEL_MS * 1000000ull, until = now / step;
    if (until - w->wheel_at > SOUK_REQUEST_WHEEL) w->wheel_at = until - SOUK_REQUEST_WHEEL;
    for (; w->wheel_at < until; w->wheel_at++) {
        struct souk_request *r = w->wheel[w->wheel_at % SOUK_REQUEST_WHEEL], *later;
        for (; r; r = later) {
            later = r->later_;
            if (r->due_ns_ > now) continue; /* Of a later turn of the wheel. */
            if (slot_give(w, r->ticket_) != r) continue;
            wheel_remove(w, r);
            struct souk_reply reply = { .ending = SOUK_LATE };
            r->done(r, &reply);
            later = w->wheel[w->wheel_at % SOUK_REQUEST_WHEEL]; /* done() may have changed the list. */
        }
    }
}

/* ---- Port calls. ---- */

static uint64_t
call_take(struct souk_worker *w, souk_asker asker)
{
    if (w->calls_free == UINT32_MAX) {
        uint32_t room = w->calls_room ? 2 * w->calls_room : 64;
        w->calls = souk_heap_grow(w->heap, w->calls, w->calls_room * sizeof *w->calls, room * sizeof *w->calls);
        for (uint32_t i = room; i-- > w->calls_room;) {
            w->calls[i] = (struct souk_call_slot){ .generation = 1, .next = w->calls_free };
            w->calls_free = i;
        }
        w->calls_room = room;
    }
    uint32_t slot = w->calls_free;
    w->calls_free = w->calls[slot].next;
    w->calls[slot].asker = asker;
    w->calls[slot].busy = true;
    return (uint64_t)w->calls[slot].generation << SLOT_BITS | slot;
}

void
souk_port_done(struct souk_worker *w, uint64_t ticket, enum souk_ending ending, souk_verdict refusal,
               const struct souk_layout *layout, const void *record)
{
    uint32_t slot = ticket & ((1u << SLOT_BITS) - 1);
    souk_assert(w->number == 0);
    if (slot >= w->calls_room || !w->calls[slot].busy || w->calls[slot].generation != ticket >> SLOT_BITS) return;
    struct souk_call_slot *call = &w->calls[slot];
    size_t length = ending == SOUK_DONE ? layout->encoded(record) : 0;
    struct souk_message *m = souk_message_new(w->heap, SOUK_OUTCOME, length);
    m->to = (souk_ref){ call->asker.kind, call->asker.key };
    m->asker = call->asker;
    m->ending = (uint8_t)ending;
    m->refusal = refusal;
    if (length) layout->put(m->body, record);
    call->busy = false;
    call->generation++;
    call->next = w->calls_free;
    w->calls_free = slot;
    souk_worker_deliver(w, m);
}

void
souk_port_call(struct souk_worker *w, struct souk_message *m)
{
    if (!w->doors_open) {
        souk_fifo_push(&w->calls_waiting, m);
        return;
    }
    /* Its caller is told LATE, or was: as after a long time down. To make it now would be an effect that whoever looks
     * after it may already have found missing, and given up. */
    if (m->due_ms <= souk_partition_now_ms(w->partition)) {
        souk_message_free(w->heap, m);
        return;
    }
    uint64_t ticket = call_take(w, m->asker);
    const struct souk_port_driver *driver = w->partition->ports;
    while (driver && driver->port && driver->port->number != m->to.kind) driver++;
    struct souk_reader in = { .at = m->body, .end = m->body + m->length };
    struct souk_port_call call = { .ticket = ticket, .key = m->to.key, .due_ms = m->due_ms };
    souk_get_text(&in, &call.operation);
    call.body = (struct souk_bytes){ in.at, (size_t)(in.end - in.at) };
    if (driver && driver->port && !in.bad) driver->call(driver->self, w, &call);
    else souk_port_done(w, ticket, SOUK_DEAD, 0, NULL, NULL); /* Nobody serves that port. */
    souk_message_free(w->heap, m);
}

void
souk_ports_open(struct souk_worker *w)
{
    w->doors_open = true;
    for (struct souk_message *m; (m = souk_fifo_pop(&w->calls_waiting));) souk_port_call(w, m);
}
