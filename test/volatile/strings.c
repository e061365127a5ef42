/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/strings.c -- what moves the puppets; see puppet.h. */
#include "ledger.h"
#include "work/partition.h"

#include <stdio.h>

#define ROWS(K) [K##_kind_number] = &K##_run_command
static const struct souk_row *const rows[] = { ROWS(puppet), ROWS(reborn), ROWS(phoenix), ROWS(stubborn),
    ROWS(climber), ROWS(ward), ROWS(narrow), ROWS(shedder), ROWS(dropper), ROWS(idler) };
#define KINDS &puppet_kind, &reborn_kind, &phoenix_kind, &stubborn_kind, &climber_kind, &ward_kind, \
    &narrow_kind, &shedder_kind, &dropper_kind, &idler_kind
const struct souk_kind *const puppet_kinds[] = { KINDS, NULL };
const struct souk_kind *const puppet_kinds_and_ledger[] = { KINDS, &ledger_kind, NULL };

struct puppet_note notes[NOTES];
uint32_t notes_count;
souk_ref who[16];

static const struct souk_row *
row_of(souk_ref to)
{
    return to.kind ? rows[to.kind] : &puppet_run_command;
}

/* ---- Verbs. ---- */

#define BODY_ &(struct puppet_run){ .code = CODE(code), .value = value }, souk_size_puppet_run, souk_put_puppet_run

void
puppet_tell(souk_turn *turn, souk_ref to, puppet_code *code, uint64_t value)
{
    souk_tell_with_(turn, to, row_of(to), BODY_);
}

uint32_t
puppet_ask(souk_turn *turn, souk_ref to, uint32_t within_ms, puppet_code *code, uint64_t value)
{
    return souk_ask_with_(turn, to, puppet_heard_tag, within_ms, row_of(to), BODY_);
}

void
puppet_among(souk_turn *turn, uint32_t all, souk_ref to, puppet_code *code, uint64_t value)
{
    souk_ask_among_with_(turn, all, to, row_of(to), BODY_);
}

void
puppet_forward(souk_turn *turn, souk_ref to, puppet_code *code, uint64_t value)
{
    souk_forward_with_(turn, to, row_of(to), BODY_);
}

souk_ref
puppet_spawn(souk_turn *turn, const struct souk_kind *kind, enum souk_where where, puppet_code *code, uint64_t value)
{
    return souk_spawn_with_(turn, kind, where, rows[kind->number], BODY_);
}

uint32_t
puppet_wake(souk_turn *turn, uint64_t delay_ms, puppet_code *code, uint64_t value)
{
    return souk_wake_with_(turn, delay_ms, row_of(souk_self(turn)), BODY_);
}

uint32_t
puppet_every(souk_turn *turn, uint64_t period_ms, puppet_code *code, uint64_t value)
{
    return souk_every_with_(turn, period_ms, row_of(souk_self(turn)), BODY_);
}

uint64_t
puppet_read(souk_turn *turn, const struct souk_outcome *outcome)
{
    struct puppet_said said;
    return souk_outcome_read(turn, outcome, puppet_said, &said) ? said.value : UINT64_MAX;
}

/* ---- Notes and codes. ---- */

void
note(souk_turn *turn, uint64_t value)
{
    souk_assert(notes_count < NOTES);
    notes[notes_count++] = (struct puppet_note){ souk_self(turn), value, souk_now_ms(turn) };
}

uint32_t
noted(uint64_t value)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < notes_count; i++) count += notes[i].value == value;
    return count;
}

souk_verdict
run_note(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    return SOUK_ACCEPT;
}

souk_verdict
run_say(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    puppet_say(turn, value);
    return SOUK_ACCEPT;
}

souk_verdict
run_fail(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    return SOUK_FAILED;
}

souk_verdict
run_assert(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    souk_assert(notes_count == UINT32_MAX); /* A bug on purpose. */
    return SOUK_ACCEPT;
}

souk_verdict
run_refuse(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    return puppet_unwilling;
}

souk_verdict
run_nothing(struct puppet_self *self SOUK_UNUSED, souk_turn *turn SOUK_UNUSED, uint64_t value SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

souk_verdict
hear_note(struct puppet_self *self SOUK_UNUSED, const struct souk_outcome *outcome, souk_turn *turn)
{
    uint64_t said = puppet_read(turn, outcome);
    note(turn, HEARD(outcome->ending, outcome->refusal, said == UINT64_MAX ? 0 : said));
    return SOUK_ACCEPT;
}

/* ---- From outside. ---- */

souk_ref
named(const souk_sim *sim, const struct souk_kind *kind, uint64_t number)
{
    char name[32];
    int n = snprintf(name, sizeof name, "%s-%llu", kind->name, (unsigned long long)number);
    return (souk_ref){ kind->number, souk_sim_key_of(sim, (struct souk_text){ name, (size_t)n }) };
}

struct souk_reply
puppet_order(souk_sim *sim, souk_ref to, puppet_code *code, uint64_t value)
{
    struct puppet_run run = { .code = CODE(code), .value = value };
    return souk_sim_tell(sim, to, row_of(to), &run, NULL, NULL);
}

static void
sent_done(struct souk_request *request, const struct souk_reply *reply)
{
    struct puppet_request *p = (struct puppet_request *)(void *)request;
    uint8_t memory[64];
    struct souk_scratch scratch = { memory, memory + sizeof memory };
    struct souk_reader in = { .at = reply->body.at, .end = (const uint8_t *)reply->body.at + reply->body.length,
                              .scratch = &scratch };
    struct puppet_said said;
    p->said = reply->body.length && souk_get_puppet_said(&in, &said) ? said.value : UINT64_MAX;
    p->reply = *reply;
    souk_assert(!p->done);
    p->done = true;
}

void
puppet_send(souk_sim *sim, struct puppet_request *p, souk_ref to, puppet_code *code, uint64_t value,
            uint32_t within_ms)
{
    struct puppet_run run = { .code = CODE(code), .value = value };
    *p = (struct puppet_request){ .r.request = { .to = to, .row = row_of(to), .within_ms = within_ms,
                                                 .done = sent_done } };
    souk_err err = souk_sim_ask(sim, &p->r, &run);
    souk_assert(!err);
}

void
puppet_look(souk_sim *sim, struct puppet_request *p, souk_ref to, puppet_looks *look, uint64_t value,
            uint32_t within_ms)
{
    struct puppet_look query = { .code = CODE(look), .value = value };
    *p = (struct puppet_request){ .r.request = { .to = to, .row = &puppet_look_query, .within_ms = within_ms,
                                                 .done = sent_done } };
    souk_err err = souk_sim_ask(sim, &p->r, &query);
    souk_assert(!err);
}

void
pass(souk_sim *sim, uint64_t ms)
{
    uint64_t end = souk_sim_now_ms(sim) + ms;
    souk_sim_expect(sim, end);
    while (souk_sim_now_ms(sim) < end) souk_sim_step(sim);
    souk_sim_expect(sim, 0);
}

void
in_worlds_with(const struct souk_sim_options *options, void (*test)(souk_sim *sim))
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct souk_sim_options o = *options;
            o.seed = 10 * workers + seed;
            o.workers = workers;
            if (!o.kinds) o.kinds = puppet_kinds_and_ledger;
            notes_count = 0;
            memset(who, 0, sizeof who);
            souk_sim *sim = souk_sim_open(&o);
            souk_assert(sim);
            test(sim);
            souk_sim_close(&sim);
        }
    }
}

void
in_worlds(void (*test)(souk_sim *sim))
{
    in_worlds_with(&(struct souk_sim_options){ .kinds = puppet_kinds_and_ledger }, test);
}

static uint64_t
of_kind(const struct souk_kind_tally *tally, int which)
{
    switch (which) {
    case COUNT_LIVES: return atomic_load(&tally->lives);
    case COUNT_LETTERS: return atomic_load(&tally->letters);
    case COUNT_FAULTS: return atomic_load(&tally->faults);
    case COUNT_RESTARTS: return atomic_load(&tally->restarts);
    default: return atomic_load(&tally->turns);
    }
}

uint64_t
counted(souk_sim *sim, int which)
{
    const struct souk_partition *p = souk_sim_door(sim)->partition;
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->workers_count; i++) {
        const struct souk_worker *w = p->workers[i];
        if (which < COUNT_LIVES) sum += atomic_load(&w->counted[which]);
        for (unsigned k = 0; k < SOUK_KINDS_MAX && which >= COUNT_LIVES; k++) sum += of_kind(&w->slice.tally[k], which);
    }
    return sum;
}
