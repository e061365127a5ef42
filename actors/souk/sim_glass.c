/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_glass.c -- see sim_glass.h. Each glass numbers what it says; whoever hears it notes it. So at the end it is
 * known of each message whether it was taken, once, and in which order. */
#include "sim_glass.h"

#include "cell/batch.h"
#include "store/journal.h"
#include "work/dead.h"
#include "work/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GLASSES = 5, MESSAGES_MAX = 120, MONTH_MS = 30 * 86400 * 1000u };

bool glass_fixed, glass_replay_fails;
static unsigned tried[MESSAGES_MAX + 1]; /* How often a message was tried: what no actor may know, but a test may. */

#define GLASS_STATE(F, L, M)                                                                     \
    F(1, bool, cracked) L(2, glass_note, notes) L(3, glass_end, ends) M(4, glass_end, asked)     \
    M(5, glass_note, said)
SOUK_STATE(glass, GLASS_STATE);

static souk_key
numbered(uint32_t number)
{
    return (souk_key){ 1, number };
}

static souk_verdict
decide_glass_say(const struct glass *g, const struct glass_say *c, souk_turn *turn)
{
    if (souk_find(g, said, numbered(c->number))) return SOUK_ACCEPT; /* A repeat. */
    uint32_t ask = 0;
    souk_ref to = souk_ref(glass, c->to);
    if (c->asks)
        ask = souk_ask(turn, to, glass_told, SOUK_WITHIN_MS(MONTH_MS), glass_take, .from = c->from, .number = c->number,
                       .how = c->how);
    else if (souk_key_equal(c->to, souk_self(turn).key))
        souk_wake(turn, 20, glass_later, .from = c->from, .number = c->number, .how = c->how);
    else
        souk_tell(turn, to, glass_take, .from = c->from, .number = c->number, .how = c->how);
    souk_emit(turn, glass_said, .number = c->number, .ask = ask, .how = c->how);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_glass_take(const struct glass *g SOUK_UNUSED, const struct glass_take *c, souk_turn *turn)
{
    unsigned before = tried[c->number]++;
    souk_emit(turn, glass_noted, .from = c->from, .number = c->number);
    if (c->how == GLASS_DECIDE) {
        souk_tell(turn, souk_self(turn), glass_take, .from = 99, .number = 0, .how = GLASS_WELL); /* Never heard. */
        souk_assert(glass_fixed);
    }
    if (c->how == GLASS_FAILED) return SOUK_FAILED;
    if (c->how == GLASS_ONCE) souk_assert(before >= 1);
    if (c->how == GLASS_APPLY || c->how == GLASS_CHECK || (c->how == GLASS_TWICE && before < 2))
        souk_emit(turn, glass_burst, .how = c->how, .number = c->number);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_glass_later(const struct glass *g, const struct glass_later *c, souk_turn *turn)
{
    return decide_glass_take(g, &(struct glass_take){ c->from, c->number, c->how }, turn);
}

/* From outside. */
static souk_verdict
decide_glass_break(const struct glass *g, const struct glass_break *c, souk_turn *turn)
{
    return decide_glass_take(g, &(struct glass_take){ 98, 0, c->how }, turn);
}

static souk_verdict
decide_glass_told(const struct glass *g, const struct souk_outcome *outcome, souk_turn *turn)
{
    const struct glass_end *asked = souk_find(g, asked, numbered(outcome->ask));
    souk_assert(asked); /* Exactly once. */
    souk_emit(turn, glass_ended, .ask = outcome->ask, .ending = outcome->ending);
    souk_assert(asked->ending != GLASS_REPLY || glass_fixed);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_glass_show(const struct glass *g, const struct glass_show *q, const souk_turn *turn, struct glass_view *view)
{
    if (q->how == GLASS_FAILED) return SOUK_FAILED;
    uint32_t notes = souk_count(g, notes), ends = souk_count(g, ends);
    if (notes < q->notes_min) return SOUK_WAIT;
    souk_assert(q->how == GLASS_WELL);
    struct glass_note *note = souk_turn_scratch(turn, notes * sizeof *note);
    struct glass_end *end = souk_turn_scratch(turn, ends * sizeof *end);
    for (uint32_t i = 0; i < notes; i++) note[i] = *souk_at(g, notes, i);
    for (uint32_t i = 0; i < ends; i++) end[i] = *souk_at(g, ends, i);
    *view = (struct glass_view){ { note, notes }, { end, ends }, souk_size(g, asked) };
    return SOUK_ACCEPT;
}

static void
apply_glass_said(struct glass *g, const struct glass_said *e)
{
    souk_put(g, said, numbered(e->number))->number = e->number;
    if (e->ask) *souk_put(g, asked, numbered(e->ask)) = (struct glass_end){ e->number, e->how };
}

static void
apply_glass_noted(struct glass *g, const struct glass_noted *e)
{
    souk_assert(!glass_replay_fails);
    *souk_add(g, notes) = (struct glass_note){ e->from, e->number };
}

static void
apply_glass_burst(struct glass *g, const struct glass_burst *e)
{
    *souk_add(g, notes) = (struct glass_note){ 97, e->number };
    souk_remove(g, said, numbered(e->number));
    souk_assert(e->how == GLASS_CHECK);
    g->cracked = true;
}

static void
apply_glass_ended(struct glass *g, const struct glass_ended *e)
{
    const struct glass_end *asked = souk_find(g, asked, numbered(e->ask));
    *souk_add(g, ends) = (struct glass_end){ asked->number, e->ending };
    souk_remove(g, asked, numbered(e->ask));
}

static void
check_glass(const struct glass *g)
{
    souk_assert(!g->cracked);
}

SOUK_ACTOR(glass, GLASS_TABLE);
const struct souk_kind *const glass_kinds[] = { &glass_kind, NULL };

/* ---- A run. ---- */

struct said { struct souk_sim_request r; struct glass_say say; souk_ref by; unsigned to; bool done, lost; };

struct run {
    souk_sim *sim;
    struct sim_outcome *outcome;
    struct said said[MESSAGES_MAX];
    unsigned count;
    struct dead { uint64_t position; uint32_t ordinal; unsigned attempts; } attempts[4 * MESSAGES_MAX];
    unsigned attempts_count;
};

static void
complain(struct run *run, const char *what, unsigned number)
{
    struct sim_outcome *r = run->outcome;
    if (!r->complaints++) snprintf(r->first, sizeof r->first, "%s (message %u)", what, number);
}

static souk_ref
glass(souk_sim *sim, unsigned i)
{
    char name[16];
    int n = snprintf(name, sizeof name, "glass-%u", i);
    return souk_ref(glass, souk_sim_key_of(sim, (struct souk_text){ name, (size_t)n }));
}

static void
done(struct souk_request *request, const struct souk_reply *reply)
{
    struct said *s = (struct said *)(void *)request;
    s->done = reply->ending == SOUK_DONE;
    s->lost = !s->done;
}

static void
lost(struct souk_sim_request *r)
{
    ((struct said *)(void *)r)->lost = true;
}

static void
say(struct run *run, struct said *s)
{
    s->lost = false;
    s->r = (struct souk_sim_request){
        .request = { .to = s->by, .row = &glass_say_command, .within_ms = 30000, .done = done }, .lost = lost };
    s->lost = souk_sim_ask(run->sim, &s->r, &s->say) != SOUK_OK; /* Turned away for a while. */
}

/* Whether a message is given up in the end. */
static bool
fails(unsigned how)
{
    return how == GLASS_DECIDE || how == GLASS_FAILED || how == GLASS_APPLY || how == GLASS_CHECK;
}

static void
check_glass_at(struct run *run, unsigned i)
{
    static struct glass_view view;
    struct glass_show query = { GLASS_WELL, 0 };
    struct souk_reply reply =
        souk_sim_tell(run->sim, glass(run->sim, i), &glass_show_query, &query, souk_layout_of_glass_view, &view);
    if (reply.ending != SOUK_DONE) {
        complain(run, "a glass cannot be asked", i);
        return;
    }
    uint32_t newest[GLASSES] = { 0 };
    for (unsigned n = 0; n < view.notes.count; n++) {
        struct glass_note note = view.notes.at[n];
        if (note.from >= GLASSES || !note.number) {
            complain(run, "something of a failed turn is left", note.number);
            continue;
        }
        const struct said *s = &run->said[note.number - 1];
        if (s->to != i || fails(s->say.how)) complain(run, "a message was taken that could not be", note.number);
        bool waked = !s->say.asks && s->say.from == i; /* Its time says when it comes, not its order. */
        if (!waked && note.number <= newest[note.from])
            complain(run, "a message was taken twice, or overtook another", note.number);
        if (!waked) newest[note.from] = note.number;
    }
    for (unsigned n = 0; n < run->count; n++) {
        const struct said *s = &run->said[n];
        unsigned heard = 0, ended = 0, ending = 0;
        for (unsigned k = 0; k < view.notes.count; k++) heard += view.notes.at[k].number == n + 1;
        if (s->to == i && heard != !fails(s->say.how)) complain(run, "a message was not taken once", n + 1);
        if (s->say.from != i) continue;
        for (unsigned k = 0; k < view.ends.count; k++)
            if (view.ends.at[k].number == n + 1) {
                ended++;
                ending = view.ends.at[k].ending;
            }
        if (ended != (s->say.asks && s->say.how != GLASS_REPLY)) complain(run, "an asker was not told once", n + 1);
        if (ended && ending != (fails(s->say.how) ? SOUK_DEAD : SOUK_DONE))
            complain(run, "an asker was told wrong", n + 1);
    }
}

/* Every message that was given up has two attempts on record before. */
static souk_err
read_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct run *run = arg;
    struct souk_link previous;
    uint32_t count;
    (void)first;
    if (!souk_group_open(bytes, &count, &previous)) return SOUK_ERR_CORRUPT;
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER;
    size_t left = bytes.length - SOUK_GROUP_HEADER, length;
    for (; count; count--, at += length, left -= length) {
        struct souk_batch_reader batch;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ at, left }, NULL, &length);
        struct souk_id cause = { 0, 0 };
        for (struct souk_step step; !err && !(err = souk_batch_next(&batch, &step)) && step.class;) {
            if (step.class == SOUK_STEP_TURN) cause = step.cause;
            if (step.class == SOUK_STEP_ATTEMPT) cause = step.cause;
            if (step.class != SOUK_STEP_ATTEMPT && step.class != SOUK_STEP_DEAD) continue;
            struct dead *d = run->attempts;
            while (d < run->attempts + run->attempts_count &&
                   (d->position != cause.position || d->ordinal != cause.ordinal)) d++;
            if (d == run->attempts + run->attempts_count) {
                if (run->attempts_count++ == sizeof run->attempts / sizeof *run->attempts) abort();
                *d = (struct dead){ cause.position, cause.ordinal, 0 };
            }
            if (step.class == SOUK_STEP_DEAD) run->outcome->dead++;
            else run->outcome->attempts++;
            if (cause.position && ++d->attempts != step.number)
                complain(run, "an attempt is not on record", step.number);
        }
        if (err) return err;
    }
    return SOUK_OK;
}

static void
check_journal(struct run *run)
{
    struct souk_journal *journal = souk_sim_journal(run->sim);
    if (journal->ops->read(journal, 1, read_group, run)) complain(run, "the journal cannot be read", 0);
}

/* What was given up is among the dead letters, and taken when it is tried again after a repair. */
static void
check_letters(struct run *run)
{
    static struct dead_letters_view view;
    souk_ref dead = souk_dead_letters(souk_sim_secret(run->sim));
    struct dead_letters_list query = { 0 };
    souk_sim_tell(run->sim, dead, &dead_letters_list_query, &query, souk_layout_of_dead_letters_view, &view);
    unsigned wanted = 0;
    for (unsigned n = 0; n < run->count; n++) {
        unsigned how = run->said[n].say.how;
        wanted += fails(how) || (how == GLASS_REPLY && run->said[n].say.asks);
    }
    if (view.letters.count != wanted || view.kept != wanted)
        complain(run, "the dead letters are not those that were given up", view.letters.count);
    static uint64_t numbers[MESSAGES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < view.letters.count; i++)
        if (count < MESSAGES_MAX) numbers[count++] = view.letters.at[i].number;
    glass_fixed = true;
    for (unsigned i = 0; i < count; i++) { /* Twice, for the answer of the first may be lost in a crash. */
        struct dead_letters_replay replay = { numbers[i] };
        struct souk_reply reply = souk_sim_tell(run->sim, dead, &dead_letters_replay_command, &replay, NULL, NULL);
        reply = souk_sim_tell(run->sim, dead, &dead_letters_replay_command, &replay, NULL, NULL);
        if (reply.ending != SOUK_REFUSED || reply.refusal != dead_letters_none)
            complain(run, "a dead letter is there after it was replayed", (unsigned)numbers[i]);
    }
    if (!souk_sim_run(run->sim, 1000000)) complain(run, "it does not come to rest again", 0);
    for (unsigned i = 0; i < GLASSES; i++) { /* How each ended now: as if nothing had ever been wrong with decide. */
        static struct glass_view after;
        struct glass_show show = { GLASS_WELL, 0 };
        souk_sim_tell(run->sim, glass(run->sim, i), &glass_show_query, &show, souk_layout_of_glass_view, &after);
        for (unsigned n = 0; n < run->count; n++) {
            const struct said *s = &run->said[n];
            unsigned heard = 0, ended = 0;
            for (unsigned k = 0; k < after.notes.count; k++) heard += after.notes.at[k].number == n + 1;
            for (unsigned k = 0; k < after.ends.count; k++) ended += after.ends.at[k].number == n + 1;
            if (s->to == i && s->say.how == GLASS_DECIDE && heard != 1)
                complain(run, "a replay was not taken once", n + 1);
            if (s->say.from == i && s->say.asks && ended != 1) complain(run, "an end was not replayed once", n + 1);
        }
        if (after.open) complain(run, "an ask is open", i);
    }
}

void
souk_sim_glass(const struct sim_plan *plan, struct sim_outcome *outcome)
{
    static struct run run;
    memset(&run, 0, sizeof run);
    memset(tried, 0, sizeof tried);
    memset(outcome, 0, sizeof *outcome);
    glass_fixed = glass_replay_fails = false;
    struct souk_sim_options sim = souk_sim_plan_options(plan);
    souk_assert(plan->buyers <= MESSAGES_MAX);
    sim.kinds = glass_kinds;
    run.sim = souk_sim_open(&sim);
    run.outcome = outcome;
    run.count = plan->buyers;
    for (unsigned n = 0; n < run.count; n++) {
        struct said *s = &run.said[n];
        unsigned from = (unsigned)souk_sim_draw(run.sim, GLASSES);
        s->to = (unsigned)souk_sim_draw(run.sim, GLASSES);
        s->by = glass(run.sim, from);
        unsigned how = souk_sim_draw(run.sim, 2) ? GLASS_WELL : (unsigned)souk_sim_draw(run.sim, GLASS_HOWS);
        s->say = (struct glass_say){ .from = from, .to = glass(run.sim, s->to).key, .number = n + 1, .how = how,
                                     .asks = souk_sim_draw(run.sim, 2) };
        while (!s->done) { /* One after the other, so that numbers say in which order they were sent. */
            say(&run, s);
            do souk_sim_step(run.sim);
            while (!s->done && !s->lost);
        }
        for (uint64_t steps = souk_sim_draw(run.sim, 8); steps > 0; steps--) souk_sim_step(run.sim);
    }
    if (!souk_sim_run(run.sim, 1000000)) complain(&run, "it does not come to rest", 0);
    souk_sim_calm(run.sim);
    for (unsigned i = 0; i < GLASSES; i++) check_glass_at(&run, i);
    check_journal(&run);
    check_letters(&run);
    outcome->counts = souk_sim_counts(run.sim);
    souk_sim_close(&run.sim);
}
