/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_run.h -- simulated runs in child processes: an assertion that fails, a crash of the program or a run that
 * never ends is a finding with a seed, and the next seed goes on. One thread; not beside other children. */
#ifndef SOUK_SIM_RUN_H
#define SOUK_SIM_RUN_H

#include "sim_scenario.h"

enum { SIM_NUMBERS_MAX = 40, SIM_FINDINGS_MAX = 8, SIM_TEXT = 400 };

/* What the command line says of each run, whatever its seed. */
struct sim_given {
    const char *scenario;                      /* NULL: by the seed. */
    uint64_t numbers[SIM_NUMBERS_MAX];         /* In the order of souk_sim_numbers; UINT64_MAX: as drawn. */
    const struct souk_sim_moments *crash_at;   /* NULL: as drawn. */
    const char *mutant;                        /* The planted bug that is on, for the command; NULL: none. */
};
/* Nothing is given. */
void souk_sim_given_none(struct sim_given *given);
/* The run of a seed. */
const struct sim_scenario *souk_sim_given_plan(const struct sim_given *given, uint64_t seed, struct sim_plan *plan);

/* A seed in which something does not hold, what, and when nodes had died by then. */
struct sim_finding {
    uint64_t seed;
    char text[SIM_TEXT];
    struct souk_sim_moments moments;
};

/* What came of many. */
struct sim_totals {
    uint64_t seeds, crashes, steps, lives, stops, refusals, violations;
    struct sim_finding findings[SIM_FINDINGS_MAX]; /* The first. */
    unsigned findings_count;
};

/* Runs seeds from `first` on, `count` of them, `jobs` at a time; ends early after `enough` violations (0: never), or
 * when interrupted. `tell` sees the totals now and then; it may be NULL. */
struct sim_job { uint64_t first, count; unsigned jobs; uint64_t enough; };
void souk_sim_run_seeds(const struct sim_job *job, const struct sim_given *given, struct sim_totals *totals,
                        void (*tell)(const struct sim_totals *totals));

/* Makes what was given as small as it gets while the finding's seed still finds something; the finding becomes that of
 * the smallest. `moments` is the memory behind given->crash_at then. */
void souk_sim_shrink(struct sim_given *given, struct sim_finding *finding, struct souk_sim_moments *moments);
/* The command that runs that seed with what is given. Returns `out`. */
const char *souk_sim_command(const struct sim_given *given, uint64_t seed, char *out, size_t size);

/* `souk sim --mutants`: looks for each planted bug in turn; see base/mutant.h. The exit status. */
int souk_sim_mutants(unsigned jobs, bool json);
/* Switches one on. SOUK_OPTIONS_GO_ON, or the exit status when there is none of that name in this build. */
int souk_sim_plant(const char *name);

#endif
