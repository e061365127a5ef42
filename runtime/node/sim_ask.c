/* SPDX-License-Identifier: Apache-2.0 */
/* node/sim_ask.c -- the clients of simulated nodes; see souk/sim.h.
 *
 * Without links a request is given to a worker, as a gateway on that worker would; while the node settles it waits at
 * the door. Over links it becomes a parcel, and so does its answer: each may be lost, doubled, late or overtaken. The
 * client takes the first answer that comes in time and knows nothing of a second. When a node dies, connections to it
 * break, but what is on its way still arrives at its next life. */
#include "node/sim_inside.h"

#include <stdlib.h>

enum { CLIENT = SOUK_SIM_ENDPOINTS - 1, TRIES_MAX = 10000 };

/* What a parcel begins with; then the body. */
struct question { uint64_t id; uint32_t within_ms; souk_ref to; const struct souk_row *row; };
struct answer { uint64_t id; enum souk_ending ending; souk_verdict refusal; };

static void
unlink_request(souk_sim *sim, struct souk_sim_request *r)
{
    struct souk_sim_request **at = &sim->under_way;
    while (*at != r) at = &(*at)->next_;
    *at = r->next_;
    free(r->body_);
    r->body_ = NULL;
}

static void
end_request(struct souk_sim_request *r, const struct souk_reply *reply)
{
    souk_sim *sim = r->sim_;
    unlink_request(sim, r);
    r->request.done = r->done_;
    souk_sim_note(sim, reply->ending, reply->refusal);
    souk_sim_note_bytes(sim, 'a', reply->body.at, reply->body.length);
    r->done_(&r->request, reply);
}

static void
answered(struct souk_request *request, const struct souk_reply *reply)
{
    end_request((struct souk_sim_request *)(void *)request, reply);
}

static struct souk_worker *
any_worker(struct souk_sim_node *node)
{
    return node->partition->workers[souk_sim_below(&node->sim->world, node->workers)];
}

/* The body, as bytes for the caller to free. */
static void *
encode(const struct souk_row *row, const void *message, size_t before, size_t *length)
{
    size_t body = row->layout->encoded(message);
    uint8_t *at = malloc(before + body + 1);
    souk_assert(at && row->layout->put(at + before, message) == at + before + body);
    *length = before + body;
    return at;
}

static void
send_question(souk_sim *sim, struct souk_sim_request *r, const void *message)
{
    size_t length;
    uint8_t *bytes = encode(r->request.row, message, sizeof(struct question), &length);
    struct question q = { r->id_, r->request.within_ms, r->request.to, r->request.row };
    memcpy(bytes, &q, sizeof q);
    souk_links_send(sim->links, sim->world.now_ns, CLIENT, r->node, bytes, length);
    free(bytes);
    if (r->due_ns_ < sim->client_due_ns) sim->client_due_ns = r->due_ns_;
}

souk_err
souk_sim_ask(souk_sim *sim, struct souk_sim_request *r, const void *message)
{
    souk_assert(r->node < sim->nodes_count);
    struct souk_sim_node *node = &sim->nodes[r->node];
    souk_err err = SOUK_OK;
    r->done_ = r->request.done;
    r->request.done = answered;
    r->sim_ = sim;
    r->body_ = NULL;
    r->id_ = ++sim->asked;
    r->due_ns_ = sim->links && !sim->calm ? sim->world.now_ns + r->request.within_ms * 1000000 : UINT64_MAX;
    if (r->due_ns_ != UINT64_MAX) send_question(sim, r, message);
    else if (node->open) err = souk_worker_ask_with(any_worker(node), &r->request, message);
    else {
        r->body_ = encode(r->request.row, message, 0, &r->request.body.length);
        r->request.body.at = r->body_;
    }
    if (err) {
        r->request.done = r->done_;
        return err;
    }
    r->next_ = sim->under_way;
    sim->under_way = r;
    return SOUK_OK;
}

/* Who waited is not let in: he hears as much as of a node that died. */
static void
turn_away(struct souk_sim_request *r)
{
    unlink_request(r->sim_, r);
    r->request.done = r->done_;
    r->next_ = NULL;
    souk_sim_tell_lost(r);
}

void
souk_sim_let_in(struct souk_sim_node *node)
{
    souk_sim *sim = node->sim;
    for (;;) {
        struct souk_sim_request *r = sim->under_way, *oldest = NULL; /* The list has the newest first. */
        for (; r; r = r->next_)
            if (r->body_ && r->node == node->number) oldest = r;
        if (!oldest) return;
        void *body = oldest->body_;
        oldest->body_ = NULL;
        souk_err err = souk_worker_ask(any_worker(node), &oldest->request);
        free(body);
        if (err) turn_away(oldest);
    }
}

/* ---- Over links. ---- */

static void
send_answer(struct souk_sim_node *node, uint64_t id, const struct souk_reply *reply)
{
    struct answer a = { id, reply->ending, reply->refusal };
    size_t length = sizeof a + reply->body.length;
    uint8_t *bytes = malloc(length);
    souk_assert(bytes);
    memcpy(bytes, &a, sizeof a);
    if (reply->body.length) memcpy(bytes + sizeof a, reply->body.at, reply->body.length);
    souk_links_send(node->sim->links, node->sim->world.now_ns, node->number, CLIENT, bytes, length);
    free(bytes);
}

static void
served(struct souk_request *request, const struct souk_reply *reply)
{
    struct souk_sim_served *s = (struct souk_sim_served *)(void *)request;
    struct souk_sim_served **at = &s->node->served;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    send_answer(s->node, s->id, reply);
    free(s);
}

static void
take_question(struct souk_sim_node *node, const struct souk_parcel *parcel)
{
    struct question q;
    struct souk_sim_served *s = calloc(1, sizeof *s);
    souk_assert(s);
    memcpy(&q, parcel->bytes, sizeof q);
    *s = (struct souk_sim_served){
        .request = { .to = q.to, .row = q.row, .within_ms = q.within_ms, .done = served,
                     .body = { parcel->bytes + sizeof q, parcel->length - sizeof q } },
        .node = node, .id = q.id,
    };
    if (souk_worker_ask(any_worker(node), &s->request)) { /* Turned away; the client hears nothing, and asks again. */
        free(s);
        return;
    }
    s->next = node->served;
    node->served = s;
}

static void
take_answer(souk_sim *sim, const struct souk_parcel *parcel)
{
    struct answer a;
    memcpy(&a, parcel->bytes, sizeof a);
    for (struct souk_sim_request *r = sim->under_way; r; r = r->next_) {
        if (r->id_ != a.id) continue;
        struct souk_reply reply = { a.ending, a.refusal, { parcel->bytes + sizeof a, parcel->length - sizeof a } };
        end_request(r, &reply);
        return;
    }
}

static bool
passes(void *self, const struct souk_parcel *parcel)
{
    const souk_sim *sim = self;
    return parcel->to >= sim->nodes_count || sim->nodes[parcel->to].open;
}

/* Clients give up. */
static bool
give_up(souk_sim *sim)
{
    if (sim->world.now_ns < sim->client_due_ns) return false;
    for (;;) {
        struct souk_sim_request *r = sim->under_way;
        sim->client_due_ns = UINT64_MAX;
        for (; r && r->due_ns_ > sim->world.now_ns; r = r->next_)
            if (r->due_ns_ < sim->client_due_ns) sim->client_due_ns = r->due_ns_;
        if (!r) return true;
        end_request(r, &(struct souk_reply){ .ending = SOUK_LATE });
    }
}

bool
souk_sim_links_step(souk_sim *sim)
{
    if (!sim->links) return false;
    bool any = give_up(sim);
    struct souk_parcel *parcel = souk_links_take(sim->links, sim->world.now_ns, passes, sim);
    if (!parcel) return any;
    souk_sim_note(sim, parcel->from, parcel->to);
    if (parcel->to < sim->nodes_count) take_question(&sim->nodes[parcel->to], parcel);
    else if (parcel->to == CLIENT) take_answer(sim, parcel);
    else if (sim->options.arrived)
        sim->options.arrived(sim->options.arrived_self, sim, parcel->from, parcel->to,
                             (struct souk_bytes){ parcel->bytes, parcel->length });
    free(parcel);
    return true;
}

void
souk_sim_send(souk_sim *sim, uint32_t from, uint32_t to, struct souk_bytes bytes)
{
    souk_assert(sim->links && to >= SOUK_SIM_ENDPOINTS);
    souk_links_send(sim->links, sim->world.now_ns, from, to, bytes.at, bytes.length);
}

/* ---- A node has died. ---- */

struct souk_sim_request *
souk_sim_lose(struct souk_sim_node *node)
{
    souk_sim *sim = node->sim;
    struct souk_sim_request *lost = NULL, *next;
    for (struct souk_sim_request *r = sim->under_way; r; r = next) {
        next = r->next_;
        if (r->node != node->number) continue;
        unlink_request(sim, r);
        r->request.done = r->done_;
        r->next_ = lost;
        lost = r;
    }
    for (struct souk_sim_served *s; (s = node->served);) {
        node->served = s->next;
        free(s);
    }
    return lost;
}

void
souk_sim_tell_lost(struct souk_sim_request *lost)
{
    for (struct souk_sim_request *next; lost; lost = next) {
        next = lost->next_;
        if (lost->lost) lost->lost(lost);
    }
}

/* ---- Asking and waiting. ---- */

struct call { struct souk_sim_request r; souk_sim *sim; struct souk_reply reply; bool done, lost; };

static void
call_done(struct souk_request *request, const struct souk_reply *reply)
{
    struct call *call = (struct call *)(void *)request;
    if (call->sim->links && reply->ending == SOUK_LATE) { /* It may have got lost on the way. */
        call->lost = true;
        return;
    }
    call->reply = *reply;
    souk_assert(reply->body.length <= SOUK_SIM_BODY_MAX);
    if (reply->body.length) memcpy(call->sim->body, reply->body.at, reply->body.length);
    call->reply.body.at = call->sim->body;
    call->done = true;
}

static void
call_lost(struct souk_sim_request *r)
{
    ((struct call *)(void *)r)->lost = true;
}

struct souk_reply
souk_sim_tell(souk_sim *sim, souk_ref to, const struct souk_row *row, const void *message,
              const struct souk_layout *layout, void *view)
{
    enum { WITHIN_MS = 60000, WITHIN_OVER_LINKS_MS = 5000 };
    struct call call = { .sim = sim, .lost = true };
    for (unsigned tries = 0; !call.done;) {
        if (call.lost) {
            souk_assert(tries++ < TRIES_MAX);
            call.r = (struct souk_sim_request){
                .request = { .to = to, .row = row, .within_ms = sim->links ? WITHIN_OVER_LINKS_MS : WITHIN_MS,
                             .done = call_done }, .lost = call_lost };
            souk_err err = souk_sim_ask(sim, &call.r, message);
            call.lost = err != SOUK_OK; /* Turned away for a while. */
            souk_assert(!err || err == SOUK_ERR_BUSY || err == SOUK_ERR_FULL || err == SOUK_ERR_CLOSED);
        }
        bool ran = souk_sim_step(sim);
        souk_assert(ran || call.done || call.lost);
    }
    if (view && call.reply.ending == SOUK_DONE) {
        const uint8_t *at = call.reply.body.at;
        struct souk_scratch scratch = { sim->scratch, sim->scratch + SOUK_SCRATCH_BYTES };
        struct souk_reader in = { .at = at, .end = at + call.reply.body.length, .scratch = &scratch };
        bool fits = layout->get(&in, view);
        souk_assert(fits);
    }
    return call.reply;
}
