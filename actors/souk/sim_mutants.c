/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_mutants.c -- is each planted bug found? See sim_run.h. Only a build with planted bugs can tell. */
#include "sim_run.h"

#include "base/mutant.h"
#include "mutant.h"
#include "options.h"
#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#ifdef SOUK_MUTANTS

enum { SEEDS_MAX = 3000 };

enum souk_mutant souk_mutant_on;
enum shop_mutant shop_mutant_on;

/* The runtime's, then the shop's. */
static const struct { const char *name, *rule, *what; } mutants[] = {
#define ROW_(name, rule, what) { #name, rule, what },
    SOUK_MUTANT_LIST(ROW_) SHOP_MUTANT_LIST(ROW_)
};

enum { MUTANTS = sizeof mutants / sizeof *mutants, OF_RUNTIME = SOUK_MUTANT_COUNT - 1 };

static void
plant(unsigned m)
{
    souk_mutant_on = m < OF_RUNTIME ? (enum souk_mutant)(m + 1) : SOUK_MUTANT_NONE;
    shop_mutant_on = m >= OF_RUNTIME ? (enum shop_mutant)(m + 1 - OF_RUNTIME) : SHOP_MUTANT_NONE;
}

/* Looks for one of them; true when it is found. */
static bool
look_for(unsigned m, unsigned jobs)
{
    static struct sim_totals totals;
    struct sim_given given;
    uint64_t began_ns = souk_process_now_ns();
    souk_sim_given_none(&given);
    plant(m);
    souk_sim_run_seeds(&(struct sim_job){ .first = 1, .count = SEEDS_MAX, .jobs = jobs, .enough = 1 }, &given, &totals,
                       NULL);
    double seconds = (double)(souk_process_now_ns() - began_ns) / 1e9;
    printf("%-16s %-4s %s: ", mutants[m].name, mutants[m].rule, mutants[m].what);
    if (totals.violations)
        printf("found after %" PRIu64 " seeds, %.1f s: %s\n", totals.seeds, seconds, totals.findings[0].text);
    else printf("NOT FOUND in %" PRIu64 " seeds, %.1f s\n", totals.seeds, seconds);
    fflush(stdout);
    return totals.violations > 0;
}

int
souk_sim_mutants(unsigned jobs, bool json)
{
    unsigned missed[MUTANTS], missed_count = 0, looked = 0;
    for (; looked < MUTANTS && !souk_process_interrupted(); looked++)
        if (!look_for(looked, jobs)) missed[missed_count++] = looked;
    printf("%u of %u planted bugs were found\n", looked - missed_count, MUTANTS);
    if (json) printf("{\"found\":%u,\"missed\":[", looked - missed_count);
    for (unsigned i = 0; json && i < missed_count; i++) printf("%s\"%s\"", i ? "," : "", mutants[missed[i]].name);
    if (json) printf("]}\n");
    return missed_count || looked < MUTANTS ? 1 : EX_OK;
}

int
souk_sim_plant(const char *name)
{
    for (unsigned m = 0; m < MUTANTS; m++) {
        if (strcmp(name, mutants[m].name)) continue;
        plant(m);
        return SOUK_OPTIONS_GO_ON;
    }
    fprintf(stderr, "souk sim: there is no planted bug %s\n", name);
    return EX_USAGE;
}

#else

static int
say_none(void)
{
    fprintf(stderr, "souk sim: this build has no planted bugs; ./run sim --mutants makes one that has\n");
    return EX_UNAVAILABLE;
}

int
souk_sim_mutants(unsigned jobs SOUK_UNUSED, bool json SOUK_UNUSED)
{
    return say_none();
}

int
souk_sim_plant(const char *name SOUK_UNUSED)
{
    return say_none();
}

#endif
