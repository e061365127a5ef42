/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/jobask.c -- the phases of a job that ask, gather and watch: each ask and each monitor has exactly one
 * outcome, and it is one that it may have. */
#pragma GCC diagnostic ignored "-Wunused-function" /* The state's layout is for job.c. */
#include "soak/job.h"

enum { SERVERS = 4, STASHER = 0, FAULTY = 1, SHORT_MS = 20, LONG_MS = 60000, EACH = 16, AMONG = 12 };

static souk_key
entry(uint32_t number)
{
    return (souk_key){ 1, number };
}

/* ---- Asks. ---- */

/* Whether an ask of that sort may end so. */
static bool
may_end(enum hand_how how, const struct souk_outcome *o)
{
    bool late = o->ending == SOUK_LATE;
    switch (how) {
    case HAND_ANSWER:
    case HAND_SOON:
    case HAND_PASS_ON:
    case HAND_STASH: return o->ending == SOUK_DONE;
    case HAND_REFUSE: return o->ending == SOUK_REFUSED && o->refusal == hand_no;
    case HAND_NEVER:
    case HAND_TOO_LATE: return late;
    case HAND_FAIL: return o->ending == SOUK_DEAD;
    case HAND_CANCELLED: return o->ending == SOUK_DONE; /* Before it was called off. */
    case HAND_NOBODY: return o->ending == SOUK_DEAD;
    case HAND_HOWS: break;
    }
    return false;
}

/* Calls off the ask that it keeps for that; its outcome may have come. */
static void
call_off(struct job *j, souk_turn *turn)
{
    if (!j->called_off) return;
    souk_cancel(turn, j->called_off);
    souk_remove(j, asks, entry(j->called_off));
    j->called_off = 0;
}

static void
ask_one(struct job *j, souk_turn *turn)
{
    enum hand_how how = (enum hand_how)job_random(j, HAND_HOWS);
    if (how == HAND_STASH && j->opened) how = HAND_ANSWER;
    if (how == HAND_TOO_LATE && j->issued % 4) how = HAND_SOON;
    unsigned server = how == HAND_STASH ? STASHER : how == HAND_FAIL ? FAULTY : 2 + job_random(j, SERVERS - 2);
    souk_ref to = souk_ref(hand, *souk_at(j, hands, server));
    if (how == HAND_NOBODY && j->issued % 2) to = souk_nobody;
    else if (how == HAND_NOBODY) to.key.low += 1000000; /* Another generation: it isn't there yet. */
    uint32_t within = how == HAND_NEVER || how == HAND_TOO_LATE ? SHORT_MS : LONG_MS;
    uint64_t value = job_random(j, 1000);
    uint32_t number = souk_ask(turn, to, job_asked, within, hand_do, .how = how, .value = value);
    j->issued++;
    if (how == HAND_CANCELLED && value % 2) {
        souk_cancel(turn, number); /* Before it was sent. */
        return;
    }
    struct job_ask *ask = souk_put(j, asks, entry(number));
    *ask = (struct job_ask){ how, value };
    if (how != HAND_CANCELLED) return;
    call_off(j, turn);
    j->called_off = number;
}

static void
ask_more(struct job *j, souk_turn *turn)
{
    for (unsigned i = 0; i < EACH && j->issued < j->size; i++) ask_one(j, turn);
    if (j->issued < j->size) return;
    if (!j->opened) souk_tell(turn, souk_ref(hand, *souk_at(j, hands, STASHER)), hand_open, .unused = 0);
    j->opened = true;
    call_off(j, turn);
    if (!souk_size(j, asks)) job_finish(j, turn);
}

void
job_begin_asks(struct job *j, souk_turn *turn)
{
    for (unsigned i = 0; i < SERVERS; i++) *souk_add(j, hands) = job_hand(j, turn);
    ask_more(j, turn);
}

void
job_take_outcome(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    const struct job_ask *ask = souk_find(j, asks, entry(outcome->ask));
    struct hand_done done;
    j->outcomes++;
    if (!ask) {
        job_broken(j, "an outcome that was not to come", outcome->ask, outcome->ending);
        return;
    }
    bool read = souk_outcome_read(turn, outcome, hand_done, &done);
    if (!may_end((enum hand_how)ask->how, outcome)) job_broken(j, "an ending", ask->how, outcome->ending);
    else if (read && done.value != ask->value + 1) job_broken(j, "another's answer", done.value, ask->value);
    else if (outcome->ending == SOUK_DONE && !read) job_broken(j, "no answer", outcome->ask, ask->how);
    if (j->called_off == outcome->ask) j->called_off = 0;
    souk_remove(j, asks, entry(outcome->ask));
    if (j->finished) return;
    /* Those that wait for the stash to open shall not be all that is under way. */
    if (souk_size(j, asks) < EACH / 2 || j->issued == j->size) ask_more(j, turn);
    else if (j->issued < j->size && outcome->ask % 4 == 0) ask_more(j, turn);
}

/* ---- Gatherings. ---- */

static enum hand_how
among(uint64_t pattern, uint32_t i)
{
    static const enum hand_how hows[] = { HAND_ANSWER, HAND_SOON, HAND_REFUSE, HAND_ANSWER, HAND_PASS_ON, HAND_NOBODY,
                                          HAND_ANSWER, HAND_NEVER };
    enum hand_how how = hows[pattern >> (3 * i) & 7];
    return how == HAND_NEVER && pattern >> 60 & 1 ? HAND_ANSWER : how;
}

static void
gather_one(struct job *j, souk_turn *turn)
{
    uint64_t pattern = (uint64_t)job_random(j, 1 << 30) << 31 ^ job_random(j, 1 << 30);
    bool never = false;
    for (uint32_t i = 0; i < AMONG; i++) never |= among(pattern, i) == HAND_NEVER;
    uint32_t all = souk_gather(turn, job_gathered, never ? SHORT_MS : LONG_MS);
    for (uint32_t i = 0; i < AMONG; i++) {
        enum hand_how how = among(pattern, i);
        souk_ref to = souk_ref(hand, *souk_at(j, hands, 2 + job_random(j, SERVERS - 2)));
        souk_ask_among(turn, all, how == HAND_NOBODY ? souk_nobody : to, hand_do, .how = how, .value = i);
    }
    struct job_ask *ask = souk_put(j, asks, entry(all));
    *ask = (struct job_ask){ never, pattern };
    j->issued++;
    if (j->issued % 8 == 0) { /* One that is called off. */
        souk_cancel(turn, all);
        souk_remove(j, asks, entry(all));
        if (j->issued < j->size) gather_one(j, turn);
        else if (!souk_size(j, asks)) job_finish(j, turn);
    }
}

void
job_begin_gather(struct job *j, souk_turn *turn)
{
    j->size = j->size / AMONG + 1;
    for (unsigned i = 0; i < SERVERS; i++) *souk_add(j, hands) = job_hand(j, turn);
    gather_one(j, turn);
}

void
job_take_gathered(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    const struct job_ask *ask = souk_find(j, asks, entry(outcome->ask));
    if (!ask) {
        job_broken(j, "a gathering that was not to come", outcome->ask, outcome->ending);
        return;
    }
    enum souk_ending expected = ask->how ? SOUK_LATE : SOUK_DONE;
    if (outcome->ending != expected) job_broken(j, "a gathering's ending", outcome->ending, ask->how);
    struct souk_outcome one;
    uint32_t count = 0;
    for (; souk_gathered(turn, count, &one); count++) {
        enum hand_how how = among(ask->value, count);
        struct hand_done done;
        j->outcomes++;
        /* When the time is short, any of them may be late. */
        if (!may_end(how, &one) && !(ask->how && one.ending == SOUK_LATE))
            job_broken(j, "an ending among many", how, one.ending);
        if (souk_outcome_read(turn, &one, hand_done, &done) && done.value != count + 1)
            job_broken(j, "another's answer among many", done.value, count);
    }
    if (count != AMONG) job_broken(j, "how many were gathered", count, AMONG);
    souk_remove(j, asks, entry(outcome->ask));
    if (j->issued < j->size) gather_one(j, turn);
    else if (!souk_size(j, asks)) job_finish(j, turn);
}

/* ---- Bonds. ---- */

static void
watch(struct job *j, souk_turn *turn, souk_ref who, uint32_t reason)
{
    uint32_t number = souk_monitor(turn, who, job_down);
    struct job_watched *w = souk_put(j, watched, entry(number));
    *w = (struct job_watched){ who.key, who.kind, reason };
}

static void
bond_one(struct job *j, souk_turn *turn)
{
    souk_ref a = souk_ref(hand, job_hand(j, turn)), b = souk_ref(hand, job_hand(j, turn));
    uint32_t own = SOUK_END_OWN + 1 + job_random(j, 5);
    switch (j->issued++ % 4) {
    case 0: /* Linked: both end. */
        watch(j, turn, a, own);
        watch(j, turn, b, own);
        souk_tell(turn, a, hand_bind, .other = b.key, .unbind = false);
        souk_stop(turn, a, own);
        break;
    case 1: /* No longer linked. */
        watch(j, turn, a, own);
        watch(j, turn, b, own + 1);
        souk_tell(turn, a, hand_bind, .other = b.key, .unbind = false);
        souk_tell(turn, a, hand_bind, .other = b.key, .unbind = true);
        souk_stop(turn, a, own);
        souk_stop(turn, b, own + 1);
        break;
    case 2: /* With children, of whom one fails; and nobody. */
        watch(j, turn, a, SOUK_END_NORMAL);
        watch(j, turn, souk_nobody, SOUK_END_NOBODY);
        souk_tell(turn, a, hand_bear, .children = 1 + job_random(j, 6), .fail = job_random(j, 2));
        souk_stop(turn, a, SOUK_END_NORMAL);
        souk_stop(turn, b, SOUK_END_NORMAL);
        break;
    default: /* Failing too often; stopped twice. */
        watch(j, turn, a, SOUK_END_RESTARTS);
        watch(j, turn, b, SOUK_END_NORMAL);
        for (unsigned i = 0; i < 5; i++) souk_tell(turn, a, hand_do, .how = HAND_FAIL, .value = i);
        souk_stop(turn, b, SOUK_END_NORMAL);
        souk_stop(turn, b, SOUK_END_NORMAL);
        break;
    }
}

void
job_begin_bonds(struct job *j, souk_turn *turn)
{
    bond_one(j, turn);
}

void
job_take_down(struct job *j, const struct souk_outcome *outcome, souk_turn *turn)
{
    const struct job_watched *w = souk_find(j, watched, entry(outcome->ask));
    j->outcomes++;
    if (!w) {
        job_broken(j, "an end that was told before", outcome->ask, outcome->refusal);
        return;
    }
    if (outcome->ending != SOUK_DOWN || outcome->refusal != w->reason)
        job_broken(j, "a reason", outcome->refusal, w->reason);
    if (outcome->who.kind != w->kind || !souk_key_equal(outcome->who.key, w->key))
        job_broken(j, "another's end", outcome->who.kind, w->kind);
    souk_remove(j, watched, entry(outcome->ask));
    if (souk_size(j, watched)) return;
    if (j->issued < j->size / 8 + 4) bond_one(j, turn);
    else job_finish(j, turn);
}
