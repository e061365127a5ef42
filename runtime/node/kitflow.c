/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitflow.c -- a flow under faults: many seeds of the simulator, requests that are repeated until they are
 * answered; see souk/testkit.h. */
#include "node/kit.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    SEEDS = 20,
    WITHIN_MS = 60000,
    STEPS_MAX = 20000000, /* Of one seed: far beyond what any flow takes that comes to an end. */
    STEPS_BETWEEN = 8,    /* Fewer than so many after each request. */
    PORTS_MAX = 8,
    CALL_MS = 40,         /* An answer of a port takes less; */
    LOST_MS = 4000,       /* that one was lost is noticed after more. */
};

/* A request, until it has its answer and then with it. */
struct request {
    struct souk_sim_request r; /* First: done and lost get it. */
    souk_flow *flow;
    souk_ref to;
    const struct souk_row *row;
    struct souk_bytes body;
    struct souk_reply reply;
    bool answered, again;      /* It has its answer; it must be sent once more. */
};

/* A port, and an outcome of a call of it on its way. */
struct side { souk_flow *flow; const struct souk_flow_port *port; };
struct outcome {
    uint64_t ticket, due_ms;
    enum souk_ending ending;
    souk_verdict refusal;
    const struct souk_layout *layout;
    struct souk_bytes record;
};

struct souk_flow {
    const struct souk_flow_options *options;
    souk_sim *sim;
    souk_memory *memory;
    souk_heap *heap;
    uint8_t *scratch;
    struct request **request;
    uint32_t count, room;
    uint32_t open, again;  /* Requests without an answer; those of them that must be sent. */
    const char *wrong;     /* What is wrong with the run so far. */
    struct side sides[PORTS_MAX];
    struct souk_port_driver drivers[PORTS_MAX + 1];
    struct outcome *outcomes;
    uint32_t outcomes_count, outcomes_room;
    uint64_t crashes;      /* Seen: whoever called before is gone. */
};

/* ---- Requests. ---- */

static void
send_again(struct request *q)
{
    if (q->again) return;
    q->again = true;
    q->flow->again++;
}

static void
answered(struct souk_request *request, const struct souk_reply *reply)
{
    struct request *q = (struct request *)(void *)request;
    souk_flow *flow = q->flow;
    if (reply->ending == SOUK_LATE || (reply->ending == SOUK_REFUSED && reply->refusal == SOUK_OVERLOADED)) {
        send_again(q);
        return;
    }
    q->reply = *reply;
    q->answered = true;
    flow->open--;
    if (!reply->body.length) return;
    uint8_t *copy = souk_heap_alloc(flow->heap, reply->body.length);
    memcpy(copy, reply->body.at, reply->body.length);
    q->reply.body.at = copy;
}

static void
lost(struct souk_sim_request *r)
{
    send_again((struct request *)(void *)r);
}

static void
send(struct request *q)
{
    souk_flow *flow = q->flow;
    const uint8_t *at = q->body.at;
    struct souk_scratch scratch = { flow->scratch, flow->scratch + SOUK_SCRATCH_BYTES };
    struct souk_reader in = { .at = at, .end = at + q->body.length, .scratch = &scratch };
    void *message = souk_heap_alloc(flow->heap, q->row->layout->size);
    bool whole = q->row->layout->get(&in, message);
    souk_assert(whole);
    q->again = false;
    flow->again--;
    q->r = (struct souk_sim_request){
        .request = { .to = q->to, .row = q->row, .within_ms = WITHIN_MS, .done = answered }, .lost = lost };
    souk_err err = souk_sim_ask(flow->sim, &q->r, message);
    souk_heap_free(flow->heap, message, q->row->layout->size);
    if (err == SOUK_ERR_BUSY || err == SOUK_ERR_FULL) send_again(q);
    else if (err) flow->wrong = souk_err_text(err);
}

/* ---- Ports. ---- */

void
souk_flow_answer_(souk_flow *flow, const struct souk_port_call *call, enum souk_ending ending, souk_verdict refusal,
                  const struct souk_layout *layout, const void *record)
{
    struct outcome *o = NULL;
    for (uint32_t i = 0; i < flow->outcomes_count; i++)
        if (flow->outcomes[i].ticket == call->ticket) o = &flow->outcomes[i];
    souk_assert(o); /* Only inside the call. */
    o->ending = ending;
    o->refusal = refusal;
    o->layout = layout;
    if (layout) o->record = souk_kit_encode(flow->heap, layout, record);
}

/* A call: lost on its way, served, or served and its answer lost. */
static void
call(void *self, souk_worker *worker SOUK_UNUSED, const struct souk_port_call *c)
{
    struct side *side = self;
    souk_flow *flow = side->flow;
    uint64_t way = souk_sim_draw(flow->sim, 200), lost = flow->options->lost_percent;
    SOUK_ROOM_FOR_ONE(flow, outcomes);
    struct outcome *o = &flow->outcomes[flow->outcomes_count++];
    *o = (struct outcome){ .ticket = c->ticket, .ending = SOUK_DEAD };
    o->due_ms = souk_sim_now_ms(flow->sim) + 1 + souk_sim_draw(flow->sim, CALL_MS) + (way < 2 * lost ? LOST_MS : 0);
    if (way < lost) return;
    side->port->call(flow, c);
    if (way < 2 * lost)
        souk_flow_answer_(flow, c, SOUK_DEAD, 0, NULL, NULL);
}

static void
deliver(souk_flow *flow, const struct outcome *o)
{
    void *record = NULL;
    if (o->layout) {
        const uint8_t *at = o->record.at;
        struct souk_scratch scratch = { flow->scratch, flow->scratch + SOUK_SCRATCH_BYTES };
        struct souk_reader in = { .at = at, .end = at + o->record.length, .scratch = &scratch };
        record = souk_heap_alloc(flow->heap, o->layout->size);
        bool whole = o->layout->get(&in, record);
        souk_assert(whole);
    }
    souk_port_done(souk_sim_door(flow->sim), o->ticket, o->ending, o->refusal, o->layout, record);
}

/* Delivers what is due; the clock must not jump past the next. */
static void
serve(souk_flow *flow)
{
    uint64_t crashes = souk_sim_counts(flow->sim).crashes, now = souk_sim_now_ms(flow->sim), next = 0;
    if (crashes != flow->crashes) flow->outcomes_count = 0; /* Nobody is there to hear them. */
    flow->crashes = crashes;
    for (uint32_t i = 0; i < flow->outcomes_count;) {
        struct outcome o = flow->outcomes[i];
        if (o.due_ms <= now) {
            flow->outcomes[i] = flow->outcomes[--flow->outcomes_count];
            deliver(flow, &o);
        } else {
            if (!next || o.due_ms < next) next = o.due_ms;
            i++;
        }
    }
    souk_sim_expect(flow->sim, next);
}

/* ---- Steps. ---- */

/* Sends what must be, and lets one thing happen. False when nothing is left to do. */
static bool
step(souk_flow *flow)
{
    for (uint32_t i = 0; flow->again && i < flow->count && !flow->wrong; i++)
        if (flow->request[i]->again) send(flow->request[i]);
    bool ran = souk_sim_step(flow->sim);
    if (flow->options->ports) serve(flow);
    if (!ran && flow->open && !flow->again) flow->wrong = "a request has no answer, and nothing is under way";
    if (souk_sim_counts(flow->sim).steps > STEPS_MAX) flow->wrong = "it doesn't come to rest";
    return !flow->wrong && (ran || flow->again || flow->outcomes_count);
}

uint32_t
souk_flow_ask_(souk_flow *flow, souk_ref to, const struct souk_row *row, const void *body)
{
    if (flow->count == flow->room) {
        uint32_t room = flow->room ? 2 * flow->room : 64;
        flow->request = souk_heap_grow(flow->heap, flow->request, flow->room * sizeof *flow->request,
                                       room * sizeof *flow->request);
        flow->room = room;
    }
    struct request *q = flow->request[flow->count] = souk_heap_zalloc(flow->heap, sizeof *q);
    *q = (struct request){ .flow = flow, .to = to, .row = row, .reply.ending = SOUK_LATE,
                           .body = souk_kit_encode(flow->heap, row->layout, body) };
    flow->open++;
    send_again(q);
    for (uint64_t steps = 1 + souk_sim_draw(flow->sim, STEPS_BETWEEN); steps > 0 && !flow->wrong; steps--) step(flow);
    return flow->count++;
}

void
souk_flow_wait(souk_flow *flow)
{
    while (flow->open && !flow->wrong) step(flow);
}

struct souk_reply
souk_flow_reply(const souk_flow *flow, uint32_t number)
{
    souk_assert(number < flow->count);
    return flow->request[number]->reply;
}

enum souk_ending
souk_flow_show_(souk_flow *flow, souk_ref to, const struct souk_row *row, const void *query,
                const struct souk_layout *layout, void *view)
{
    return souk_sim_tell(flow->sim, to, row, query, layout, view).ending;
}

souk_sim *
souk_flow_sim(const souk_flow *flow)
{
    return flow->sim;
}

void *
souk_flow_self(const souk_flow *flow)
{
    return flow->options->self;
}

/* ---- Seeds. ---- */

static void
open_sim(souk_flow *flow, uint64_t seed)
{
    const struct souk_flow_options *options = flow->options;
    struct souk_sim_options sim = options->sim;
    unsigned count = 0;
    sim.seed = seed;
    for (const struct souk_flow_port *port = options->ports; port && port->port; port++, count++) {
        souk_assert(count < PORTS_MAX);
        flow->sides[count] = (struct side){ flow, port };
        flow->drivers[count] = (struct souk_port_driver){ port->port, &flow->sides[count], call };
    }
    if (count) sim.ports = flow->drivers;
    flow->sim = souk_sim_open(&sim);
    souk_assert(flow->sim);
}

/* Runs one seed: what is wrong with it, or NULL. What is at rest must be the same after one more crash. */
static const char *
run_seed(const struct souk_flow_options *options, uint64_t seed, struct souk_flow_done *done, uint64_t *trace)
{
    souk_flow flow = { .options = options, .memory = souk_memory_open() };
    souk_assert(flow.memory);
    flow.heap = souk_heap_open(flow.memory);
    flow.scratch = souk_heap_alloc(flow.heap, SOUK_SCRATCH_BYTES);
    open_sim(&flow, seed);
    options->flow(&flow);
    while (step(&flow)) continue;
    if (options->sim.crash_one_in && !flow.wrong) souk_sim_crash(flow.sim);
    while (step(&flow)) continue;
    if (!flow.wrong && souk_sim_counts(flow.sim).faults) flow.wrong = "a turn has failed";
    if (!flow.wrong && options->check) flow.wrong = options->check(&flow);
    struct souk_sim_counts counts = souk_sim_counts(flow.sim);
    done->seeds++;
    done->crashes += counts.crashes;
    done->steps += counts.steps;
    done->answers += flow.count - flow.open;
    *trace = counts.trace;
    souk_sim_close(&flow.sim);
    souk_memory_close(&flow.memory);
    return flow.wrong;
}

static void
tell(struct souk_kit_here_ here, uint64_t seed, const char *wrong)
{
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    fprintf(out, "the flow fails, seed %" PRIu64 ": %s\n  again by .sim.seed = %" PRIu64 ", .seeds = 1", seed, wrong,
            seed);
    fclose(out);
    souk_kit_fail(here, text.at);
}

struct souk_flow_done
souk_flow_run_(struct souk_kit_here_ here, const struct souk_flow_options *options)
{
    struct souk_flow_done done = { 0, 0, 0, 0, false };
    uint64_t first = 0, trace;
    uint32_t seeds = options->seeds ? options->seeds : SEEDS;
    for (uint32_t i = 0; i <= seeds && !done.failed; i++) {
        uint64_t seed = options->sim.seed + (i ? i - 1 : 0); /* The first one twice. */
        const char *wrong = run_seed(options, seed, &done, i ? &trace : &first);
        if (i == 1 && !wrong && trace != first)
            wrong = "the same seed gives another journal: a kind or the flow depends on more than it";
        done.failed = wrong;
        if (wrong) tell(here, seed, wrong);
    }
    return done;
}
