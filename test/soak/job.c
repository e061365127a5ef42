/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/job.c -- one job: it puts hands to work, and checks what comes of it. Whoever gave it asks job_show, which
 * waits until the job is done. What it finds broken it says there, and goes on to its end. */
#include "soak/job.h"

#include <stdio.h>

const char *const job_phases[JOB_PHASES] = { "tree", "asks", "gather", "flood", "crowd", "bonds", "ticks", "naps",
                                             "purses" };

uint32_t
job_random(struct job *j, uint32_t below)
{
    j->seed = j->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(j->seed >> 33) % below;
}

void
job_broken(struct job *j, const char *what, uint64_t a, uint64_t b)
{
    char text[160];
    if (j->broken.length) return; /* The first one tells most. */
    snprintf(text, sizeof text, "%s: %s (%llu, %llu)", job_phases[j->phase], what, (unsigned long long)a,
             (unsigned long long)b);
    souk_set_text(j, broken, souk_text_of(text));
}

void
job_finish(struct job *j, souk_turn *turn)
{
    for (uint32_t i = 0; i < souk_count(j, hands); i++)
        souk_stop(turn, souk_ref(hand, *souk_at(j, hands, i)), SOUK_END_NORMAL);
    if (j->sink.low && j->phase == JOB_FLOOD) souk_stop(turn, souk_ref(sink, j->sink), SOUK_END_NORMAL);
    if (j->sink.low && j->phase == JOB_CROWD) souk_stop(turn, souk_ref(pile, j->sink), SOUK_END_NORMAL);
    j->finished = true;
}

souk_key
job_hand(struct job *j, souk_turn *turn)
{
    souk_ref hand = souk_spawn(turn, hand, job_random(j, 2) ? SOUK_NEAR : SOUK_SPREAD, hand_serve,
                               .job = souk_self(turn).key);
    if (!hand.kind) job_broken(j, "nobody was spawned", 0, 0);
    return hand.key;
}

/* ---- Trees and floods. ---- */

static void
begin_tree(struct job *j, souk_turn *turn)
{
    enum { DEPTH = 6 };
    uint32_t width = 2 + job_random(j, 3), nodes = 1, depth = 0;
    for (uint32_t row = width; nodes + row <= j->size * 8 && depth < DEPTH; row *= width, depth++) nodes += row;
    j->expected = nodes;
    souk_spawn(turn, hand, SOUK_SPREAD, hand_grow, .job = souk_self(turn).key, .depth = depth, .width = width,
               .seed = j->seed);
}

static void
begin_flood(struct job *j, souk_turn *turn)
{
    enum { SENDERS = 5 };
    bool asks = j->phase == JOB_CROWD;
    j->expected = SENDERS;
    j->sink = asks ? souk_spawn(turn, pile, SOUK_SPREAD, pile_open, .job = souk_self(turn).key).key
                   : souk_spawn(turn, sink, SOUK_SPREAD, sink_open, .job = souk_self(turn).key).key;
    for (uint32_t i = 0; i < SENDERS; i++) {
        souk_ref sender = { hand_kind_number, job_hand(j, turn) };
        souk_tell(turn, sender, hand_flood, .job = souk_self(turn).key, .sink = j->sink, .number = i,
                  .left = j->size * (i ? 1 : 8), .burst = 1 + job_random(j, 100), .asks = asks);
    }
}

static souk_verdict
on_job_report(struct job *j, const struct job_report *c, souk_turn *turn)
{
    if (c->broken.length) souk_set_text(j, broken, c->broken);
    j->outcomes++;
    j->sent += c->count;
    j->taken += c->done;
    if (j->finished || j->outcomes > j->expected) job_broken(j, "a report too many", j->outcomes, j->expected);
    if (j->outcomes != j->expected) return SOUK_ACCEPT;
    if (j->phase == JOB_TREE) job_finish(j, turn);
    else if (j->phase == JOB_FLOOD) souk_ask(turn, souk_ref(sink, j->sink), job_told, 60000, sink_tell, .unused = 0);
    else souk_ask(turn, souk_ref(pile, j->sink), job_counted, 60000, pile_tell, .unused = 0);
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_told(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct sink_told told;
    if (!souk_outcome_read(turn, outcome, sink_told, &told)) job_broken(j, "the sink said nothing", outcome->ending, 0);
    else if (told.disorder) job_broken(j, "out of order", told.disorder, told.taken);
    else if (told.taken > j->sent || !told.taken) job_broken(j, "taken and sent", told.taken, j->sent);
    job_finish(j, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_counted(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct pile_told told;
    if (!souk_outcome_read(turn, outcome, pile_told, &told)) job_broken(j, "the pile said nothing", outcome->ending, 0);
    else if (told.disorder) job_broken(j, "out of order", told.disorder, told.taken);
    else if (told.taken != j->taken) job_broken(j, "taken and acknowledged", told.taken, j->taken);
    job_finish(j, turn);
    return SOUK_ACCEPT;
}

/* ---- Periods. ---- */

enum { TICKS = 6 };

static void
begin_ticks(struct job *j, souk_turn *turn)
{
    uint32_t periods = 1 + job_random(j, 4);
    for (uint32_t i = 0; i < periods; i++) {
        *souk_add(j, periods) = souk_every(turn, 1 + job_random(j, 5), job_tick, .period = i);
        *souk_add(j, ticks) = 0;
    }
    j->expected = periods;
}

static souk_verdict
on_job_tick(struct job *j, const struct job_tick *c, souk_turn *turn)
{
    uint32_t *ticks = (uint32_t *)(uintptr_t)souk_at(j, ticks, c->period);
    j->outcomes++;
    if (++*ticks > TICKS) job_broken(j, "a tick after its period was cancelled", c->period, *ticks);
    if (*ticks != TICKS) return SOUK_ACCEPT;
    souk_cancel(turn, *souk_at(j, periods, c->period));
    if (!--j->expected) souk_wake(turn, 12, job_look, .what = 0);
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_look(struct job *j, const struct job_look *c SOUK_UNUSED, souk_turn *turn)
{
    job_finish(j, turn);
    return SOUK_ACCEPT;
}

/* ---- Naps and purses: asks that must be answered. ---- */

static void
ask_more(struct job *j, souk_turn *turn)
{
    enum { AT_ONCE = 8, NAPS = 40 };
    while (j->issued < j->size && j->awaited < AT_ONCE) {
        char name[24];
        j->issued++;
        j->awaited++;
        if (j->phase == JOB_NAPS) {
            int n = snprintf(name, sizeof name, "nap-%u", job_random(j, NAPS));
            souk_key key = souk_key_of(turn, (struct souk_text){ name, (size_t)n });
            souk_ask(turn, souk_ref(nap, key), job_rested, 60000, nap_take, .value = 1);
            continue;
        }
        uint32_t purses = souk_count(j, purses);
        souk_key from = *souk_at(j, purses, job_random(j, purses)), to = *souk_at(j, purses, job_random(j, purses));
        souk_ask(turn, souk_ref(purse, from), job_paid, 60000, purse_pay,
                 .id = souk_key_pair(turn, souk_self(turn).key, (souk_key){ 1, j->issued }), .to = to,
                 .amount = 1 + job_random(j, 50));
    }
    if (!j->awaited && j->issued == j->size) job_finish(j, turn);
}

static souk_verdict
on_job_rested(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    j->awaited--;
    j->outcomes++;
    if (outcome->ending != SOUK_DONE) job_broken(j, "no nap", outcome->ending, outcome->refusal);
    ask_more(j, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_paid(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    bool refused = outcome->ending == SOUK_REFUSED && outcome->refusal == purse_poor;
    j->awaited--;
    j->outcomes++;
    if (outcome->ending != SOUK_DONE && !refused) job_broken(j, "not paid", outcome->ending, outcome->refusal);
    ask_more(j, turn);
    return SOUK_ACCEPT;
}

/* ---- Beginning and end. ---- */

static souk_verdict
on_job_run(struct job *j, const struct job_run *c, souk_turn *turn)
{
    j->phase = c->phase;
    j->size = c->phase == JOB_PURSES ? c->size / 8 + 1 : c->size; /* They remember all for ever. */
    j->seed = c->seed;
    for (uint32_t i = 0; i < c->purses.count; i++) *souk_add(j, purses) = c->purses.at[i];
    switch ((enum job_phase)c->phase) {
    case JOB_TREE: begin_tree(j, turn); break;
    case JOB_ASKS: job_begin_asks(j, turn); break;
    case JOB_GATHER: job_begin_gather(j, turn); break;
    case JOB_FLOOD:
    case JOB_CROWD: begin_flood(j, turn); break;
    case JOB_BONDS: job_begin_bonds(j, turn); break;
    case JOB_TICKS: begin_ticks(j, turn); break;
    case JOB_NAPS:
    case JOB_PURSES: ask_more(j, turn); break;
    case JOB_PHASES: return SOUK_MALFORMED;
    }
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_end(struct job *j, const struct job_end *c, souk_turn *turn)
{
    if (!j->finished) job_broken(j, "it ends before it is done", j->outcomes, j->expected);
    souk_stop(turn, souk_self(turn), c->reason);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_job_show(const struct job *j, const struct job_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                struct job_view *view)
{
    if (!j->finished) return SOUK_WAIT;
    *view = (struct job_view){ j->phase, j->outcomes, souk_text_in(&j->broken) };
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_asked(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    job_take_outcome(j, outcome, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_gathered(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    job_take_gathered(j, outcome, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_job_down(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    job_take_down(j, outcome, turn);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(job, JOB_TABLE);
const struct souk_kind *const soak_kinds[] = { &job_kind, &hand_kind, &sink_kind, &pile_kind, &nap_kind, &kid_kind,
                                               &purse_kind, NULL };
