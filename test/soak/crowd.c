/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/crowd.c -- see crowd.h. A client has one request under way at a time, so a second answer to it, or none, is
 * seen at once. */
#include "soak/crowd.h"

#include "work/partition.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS_MAX = 32, WITHIN_MS = 30000 };

enum step { IDLE, RUN, SHOW, END, PAY, FILL, LOOK };

struct client {
    struct souk_request r;
    souk_worker *worker;
    uint64_t seed;
    unsigned number; /* Among all. */
    enum step step;
    souk_key job;
    uint32_t phase, round, seen; /* In that round of looking or filling it has seen to so many purses. */
    bool under_way;
};

struct soak soak;
static struct client clients[SOAK_WORKERS_MAX][CLIENTS_MAX];
static _Atomic uint64_t jobs_named;

void
soak_broken(const char *format, ...)
{
    uint32_t n = atomic_fetch_add(&soak.broken_count, 1);
    if (n >= SOAK_BROKEN_MAX) return;
    va_list args;
    va_start(args, format);
    vsnprintf(soak.broken[n], sizeof soak.broken[n], format, args);
    va_end(args);
    fprintf(stderr, "soak: broken: %s\n", soak.broken[n]);
}

static uint32_t
below(struct client *c, uint32_t most)
{
    c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(c->seed >> 33) % most;
}

static souk_key
purse_key(const struct client *c, uint32_t n)
{
    char name[24];
    int length = snprintf(name, sizeof name, "purse-%u", n);
    return souk_node_key_of(souk_worker_node(c->worker), (struct souk_text){ name, (size_t)length });
}

static void next(struct client *c);
static void done(struct souk_request *r, const struct souk_reply *reply);

static void
ask(struct client *c, enum step step, souk_ref to, const struct souk_row *row, const void *message)
{
    c->step = step;
    c->r = (struct souk_request){ .to = to, .row = row, .within_ms = WITHIN_MS, .done = done };
    souk_err err = souk_worker_ask_with(c->worker, &c->r, message);
    if (err) {
        soak_broken("a request was refused: %s", souk_err_text(err));
        c->step = IDLE;
        soak.busy--;
        return;
    }
    c->under_way = true;
    soak.requests++;
}

static void
run_job(struct client *c)
{
    char name[32];
    souk_key purses[8];
    int length = snprintf(name, sizeof name, "job-%llu", (unsigned long long)jobs_named++);
    c->job = souk_node_key_of(souk_worker_node(c->worker), (struct souk_text){ name, (size_t)length });
    c->phase = soak.only < JOB_PHASES ? soak.only : below(c, JOB_PHASES);
    for (unsigned i = 0; i < 8; i++) purses[i] = purse_key(c, below(c, SOAK_PURSES));
    struct job_run run = { .phase = c->phase, .size = 8 + below(c, soak.size), .seed = c->seed,
                           .purses = { purses, 8 } };
    ask(c, RUN, souk_ref(job, c->job), &job_run_command, &run);
}

static void
look(struct client *c)
{
    ask(c, LOOK, souk_ref(purse, purse_key(c, c->seen)), &purse_show_query, &(struct purse_show){ .paid_min = 0 });
}

/* What a client does when it has nothing under way. */
static void
next(struct client *c)
{
    uint32_t mode = atomic_load(&soak.mode), all = soak.clients * atomic_load(&soak.entered);
    c->step = IDLE;
    if (c->round != atomic_load(&soak.round)) {
        c->round = atomic_load(&soak.round);
        c->seen = c->number;
    }
    if (mode == SOAK_LOAD && c->seen < SOAK_PURSES) { /* A second filling does nothing. */
        c->seen += all;
        ask(c, FILL, souk_ref(purse, purse_key(c, c->seen - all)), &purse_fill_command,
            &(struct purse_fill){ .owner = SOUK_TEXT("x"), .amount = SOAK_FUNDS });
    } else if (mode == SOAK_LOAD && below(c, 4) == 0) {
        struct purse_pay pay = { { c->seed | 1, ++soak.payments }, purse_key(c, below(c, SOAK_PURSES)),
                                 1 + below(c, 50) };
        ask(c, PAY, souk_ref(purse, purse_key(c, below(c, SOAK_PURSES))), &purse_pay_command, &pay);
    } else if (mode == SOAK_LOAD) {
        run_job(c);
    } else if (mode == SOAK_LOOK && c->seen < SOAK_PURSES) {
        look(c);
        c->seen += all;
    } else {
        soak.busy--;
    }
}

static void
take_show(struct client *c, const struct souk_reply *reply)
{
    struct job_view view;
    if (reply->ending != SOUK_DONE || !souk_worker_read(c->worker, reply->body, souk_layout_of_job_view, &view)) {
        soak_broken("job %s did not come to its end: ending %d, refusal %x", job_phases[c->phase], (int)reply->ending,
                    reply->refusal);
        return;
    }
    if (view.broken.length) soak_broken("%.*s", (int)view.broken.length, view.broken.at);
    soak.outcomes += view.outcomes;
    soak.phases[c->phase]++;
    soak.jobs++;
}

static void
done(struct souk_request *r, const struct souk_reply *reply)
{
    struct client *c = (struct client *)(void *)r;
    if (!c->under_way) soak_broken("a second answer to a request, in step %d", (int)c->step);
    c->under_way = false;
    soak.answers++;
    if (c->step == SHOW) {
        take_show(c, reply);
        ask(c, END, souk_ref(job, c->job), &job_end_command, &(struct job_end){ .reason = SOUK_END_NORMAL });
        return;
    }
    bool poor = c->step == PAY && reply->ending == SOUK_REFUSED && reply->refusal == purse_poor;
    if (reply->ending != SOUK_DONE && !poor)
        soak_broken("step %d of %s ended %d, refusal %x", (int)c->step, job_phases[c->phase], (int)reply->ending,
                    reply->refusal);
    if (c->step == RUN && reply->ending == SOUK_DONE) {
        ask(c, SHOW, souk_ref(job, c->job), &job_show_query, &(struct job_show){ .unused = 0 });
        return;
    }
    struct purse_view view;
    if (c->step == LOOK && souk_worker_read(c->worker, reply->body, souk_layout_of_purse_view, &view)) {
        soak.balance += view.balance;
        soak.open += view.open;
        soak.looks++;
    }
    next(c);
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)loop;
    for (unsigned i = 0; i < soak.clients; i++)
        clients[number][i] = (struct client){ .worker = worker, .number = number * soak.clients + i,
                                              .seed = soak.seed + jobs_named * 1000 + number * 100 + i };
    soak.entered++;
    return SOUK_OK;
}

/* The bug that ThreadSanitizer must find: another worker may run these shards. */
static void
plant(const souk_worker *worker)
{
    for (unsigned i = 0; i < SOUK_SHARDS; i++) {
        struct souk_shard *shard = &worker->partition->shards[i];
        *(volatile uint32_t *)&shard->population.count += 0;
    }
}

static void
tick(void *self, souk_worker *worker, unsigned number, uint64_t now_ns)
{
    (void)self;
    (void)now_ns;
    if (soak.plant_race) plant(worker);
    if (atomic_load(&soak.mode) == SOAK_PAUSE) return;
    for (unsigned i = 0; i < soak.clients; i++) {
        struct client *c = &clients[number][i];
        if (c->step != IDLE) continue;
        soak.busy++;
        next(c);
    }
}

const struct souk_guest soak_crowd = { .enter = enter, .tick = tick };
