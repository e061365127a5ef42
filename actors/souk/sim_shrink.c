/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_shrink.c -- makes a run that finds something as small as it gets; see sim_run.h.
 *
 * First the crashes of the run become a list of moments. Then each number of the plan is lowered to where it does no
 * harm, or half way there, and each crash is left out, as long as anything is still found; until nothing helps any more
 * or enough has been tried. What is found must stay the same but for its numbers. */
#include "sim_run.h"

#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TRIES_MAX = 400, SECONDS_MAX = 60 };

struct shrinking {
    struct sim_given *given;
    struct sim_finding *finding;
    struct souk_sim_moments *moments;
    unsigned tries;
    uint64_t end_ns;
};

static bool
is_spent(const struct shrinking *s)
{
    return s->tries >= TRIES_MAX || souk_process_now_ns() >= s->end_ns || souk_process_interrupted();
}

/* Whether two texts differ in numbers alone. */
static bool
same_but_numbers(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    for (;; a++, b++) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b) return false;
        if (!*a) return true;
    }
}

/* Whether what is given now finds the same; then that is the finding. */
static bool
still_finds(struct shrinking *s)
{
    static struct sim_totals totals;
    if (is_spent(s)) return false;
    s->tries++;
    souk_sim_run_seeds(&(struct sim_job){ .first = s->finding->seed, .count = 1, .jobs = 1 }, s->given, &totals, NULL);
    if (!totals.violations || !same_but_numbers(totals.findings[0].text, s->finding->text)) return false;
    *s->finding = totals.findings[0];
    return true;
}

/* Tries a number at its least, else ever closer to what it is. */
static bool
lower(struct shrinking *s, unsigned i)
{
    const struct sim_number *number = &souk_sim_numbers[i];
    struct sim_plan plan;
    (void)souk_sim_given_plan(s->given, s->finding->seed, &plan);
    uint64_t given = s->given->numbers[i], now = *souk_sim_number(&plan, number);
    bool size = number->least || !strcmp(number->name, "buyers"); /* The others are on or off. */
    for (uint64_t to = number->least; to < now; to = to + (now - to + 1) / 2) {
        s->given->numbers[i] = to;
        if (still_finds(s)) return true;
        s->given->numbers[i] = given;
        if (!size || is_spent(s)) break;
    }
    return false;
}

/* Leaves out `count` crashes from the one at `from` on. */
static bool
leave_out(struct shrinking *s, uint32_t from, uint32_t count)
{
    struct souk_sim_moments before = *s->moments;
    memmove(s->moments->at + from, s->moments->at + from + count,
            (before.count - from - count) * sizeof *before.at);
    s->moments->count = before.count - count;
    if (still_finds(s)) return true;
    *s->moments = before;
    return false;
}

static bool
fewer_crashes(struct shrinking *s)
{
    bool any = false;
    for (uint32_t count = s->moments->count; count && !is_spent(s); count /= 2)
        for (uint32_t from = 0; from + count <= s->moments->count && !is_spent(s);) {
            if (leave_out(s, from, count)) any = true;
            else from += count;
        }
    return any;
}

void
souk_sim_shrink(struct sim_given *given, struct sim_finding *finding, struct souk_sim_moments *moments)
{
    struct shrinking s = { given, finding, moments, 0, souk_process_now_ns() + SECONDS_MAX * UINT64_C(1000000000) };
    struct sim_plan plan;
    given->scenario = souk_sim_given_plan(given, finding->seed, &plan)->name;
    if (!given->crash_at && finding->moments.count < SOUK_SIM_MOMENTS) {
        *moments = finding->moments;
        given->crash_at = moments;
        if (!still_finds(&s)) given->crash_at = NULL; /* It is found by chance only: a bug of the simulator. */
    } else if (given->crash_at) {
        *moments = *given->crash_at;
        given->crash_at = moments;
    }
    for (bool any = true; any && !is_spent(&s);) {
        any = given->crash_at && fewer_crashes(&s);
        for (unsigned i = 0; souk_sim_numbers[i].name; i++) any |= lower(&s, i);
    }
}

const char *
souk_sim_command(const struct sim_given *given, uint64_t seed, char *out, size_t size)
{
    struct sim_plan plan;
    const char *scenario = souk_sim_given_plan(given, seed, &plan)->name;
    int at = snprintf(out, size, "./run sim --scenario %s --seed %" PRIu64, scenario, seed);
    for (unsigned i = 0; souk_sim_numbers[i].name && at > 0 && (size_t)at < size; i++)
        if (given->numbers[i] != UINT64_MAX)
            at += snprintf(out + at, size - (size_t)at, " --%s %" PRIu64, souk_sim_numbers[i].name, given->numbers[i]);
    if (given->mutant && at > 0 && (size_t)at < size)
        at += snprintf(out + at, size - (size_t)at, " --mutant %s", given->mutant);
    if (!given->crash_at || at < 0 || (size_t)at >= size) return out;
    at += snprintf(out + at, size - (size_t)at, " --crash-at %s", given->crash_at->count ? "" : "none");
    for (uint32_t i = 0; i < given->crash_at->count && (size_t)at < size; i++)
        at += snprintf(out + at, size - (size_t)at, "%s%" PRIu64, i ? "," : "", given->crash_at->at[i]);
    return out;
}
