/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim.c -- `souk sim`; see sim.h. What it finds it shrinks, and prints with the command that replays it. */
#include "sim.h"

#include "options.h"
#include "process.h"
#include "sim_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { SHRUNK_MAX = 3, COMMAND = 16384, OTHER_OPTIONS = 10 };

static const struct souk_options_words words = {
    .command = "sim",
    .summary = "Runs flash sales and failing turns in the simulator, each from a seed: a node, its clients, its disk,\n"
               "its links and the payment provider in one thread and in virtual time. Crashes come between any two\n"
               "steps, also while a node recovers. Whatever does not hold is shrunk, and printed with the command\n"
               "that replays it. Numbers of the plan follow from the seed unless they are given.\n",
};

struct asked {
    struct souk_options_memory memory;
    uint64_t seeds, seed, jobs;
    const char *scenario, *crash_at;
    bool json, mutants, keep;
    struct sim_given given;
    struct souk_sim_moments moments;
};

static double
seconds_since(uint64_t began_ns)
{
    return (double)(souk_process_now_ns() - began_ns) / 1e9;
}

/* Moments, as the command that replays a run has them. */
static bool
read_moments(const char *text, struct souk_sim_moments *moments)
{
    char *end;
    moments->count = 0;
    if (!strcmp(text, "none")) return true;
    for (;; text = end + 1) {
        if (moments->count == SOUK_SIM_MOMENTS || *text < '0' || *text > '9') return false;
        moments->at[moments->count++] = strtoull(text, &end, 10);
        if (!*end) return true;
        if (*end != ',') return false;
    }
}

static int
options_read(struct asked *asked, int argc, char **argv)
{
    static struct souk_option table[OTHER_OPTIONS + SIM_NUMBERS_MAX];
    struct souk_option others[] = {
        { "seeds", SOUK_OPTION_NUMBER, &asked->seeds, NULL, 1, UINT64_C(1) << 40, "N", "How many (100, or 1)" },
        { "seed", SOUK_OPTION_NUMBER, &asked->seed, NULL, 0, 0, "S", "The first of them (1)" },
        { "jobs", SOUK_OPTION_NUMBER, &asked->jobs, "1", 1, 64, "N", "Processes at a time" },
        { "scenario", SOUK_OPTION_TEXT, &asked->scenario, NULL, 0, 0, "shop|glass", "Only that (by the seed)" },
        { "crash-at", SOUK_OPTION_TEXT, &asked->crash_at, NULL, 0, 0, "LIST|none", "Nodes die at these moments" },
        { "as-found", SOUK_OPTION_BOOL, &asked->keep, NULL, 0, 0, NULL, "What is found is not shrunk" },
        { "mutants", SOUK_OPTION_BOOL, &asked->mutants, NULL, 0, 0, NULL, "Is each planted bug found?" },
        { "mutant", SOUK_OPTION_TEXT, &asked->given.mutant, NULL, 0, 0, "NAME", "With that planted bug" },
        { "json", SOUK_OPTION_BOOL, &asked->json, NULL, 0, 0, NULL, "The last line of output is a JSON object" },
    };
    unsigned count = sizeof others / sizeof *others;
    memcpy(table, others, sizeof others);
    for (unsigned i = 0; souk_sim_numbers[i].name; i++) {
        const struct sim_number *number = &souk_sim_numbers[i];
        table[count++] = (struct souk_option){ number->name, SOUK_OPTION_NUMBER, &asked->given.numbers[i], NULL,
                                               number->least, number->most, "N", number->what };
    }
    int status = souk_options_read(&asked->memory, &words, table, argc, argv);
    if (status != SOUK_OPTIONS_GO_ON) return status;
    asked->given.scenario = asked->scenario;
    if (asked->crash_at) asked->given.crash_at = &asked->moments;
    bool known = !asked->scenario || souk_sim_scenario(asked->scenario);
    if (known && (!asked->crash_at || read_moments(asked->crash_at, &asked->moments))) return status;
    fprintf(stderr, "souk sim: %s\n", known ? "--crash-at is numbers with commas between them, or none"
                                            : "there is no such scenario");
    return EX_USAGE;
}

static uint64_t told_ns;

static void
tell(const struct sim_totals *totals)
{
    uint64_t now = souk_process_now_ns();
    if (now - told_ns < UINT64_C(1000000000)) return;
    told_ns = now;
    fprintf(stderr, "\r%" PRIu64 " seeds, %" PRIu64 " crashes, %" PRIu64 " violations ", totals->seeds, totals->crashes,
            totals->violations);
}

static void
show_finding(const struct asked *asked, struct sim_finding *finding, bool shrinks)
{
    static char command[COMMAND];
    static struct souk_sim_moments moments;
    struct sim_given given = asked->given;
    printf("seed %" PRIu64 ": %s\n", finding->seed, finding->text);
    printf("  %s\n", souk_sim_command(&given, finding->seed, command, sizeof command));
    if (!shrinks) return;
    fflush(stdout);
    souk_sim_shrink(&given, finding, &moments);
    printf("  shrunk: %s\n  %s\n", finding->text, souk_sim_command(&given, finding->seed, command, sizeof command));
}

static int
run(const struct asked *asked)
{
    static struct sim_totals totals;
    uint64_t began_ns = souk_process_now_ns();
    struct sim_job job = { .first = asked->seed == UINT64_MAX ? 1 : asked->seed, .count = asked->seeds,
                           .jobs = (unsigned)asked->jobs };
    if (!job.count) job.count = asked->seed == UINT64_MAX ? 100 : 1;
    bool live = isatty(STDERR_FILENO);
    souk_sim_run_seeds(&job, &asked->given, &totals, live ? tell : NULL);
    double seconds = seconds_since(began_ns);
    if (live) fprintf(stderr, "\r\033[K");
    for (unsigned i = 0; i < totals.findings_count; i++)
        show_finding(asked, &totals.findings[i], !asked->keep && i < SHRUNK_MAX);
    printf("%" PRIu64 " seeds in %.1f s: %" PRIu64 " steps, %" PRIu64 " crashes (%.0f a minute), %" PRIu64
           " failures of disks, %" PRIu64 " damaged journals refused; %" PRIu64 " violations\n",
           totals.seeds, seconds, totals.steps, totals.crashes, (double)totals.crashes * 60 / seconds, totals.stops,
           totals.refusals, totals.violations);
    if (asked->json)
        printf("{\"seeds\":%" PRIu64 ",\"crashes\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"seconds\":%.1f,\"violations\":%"
               PRIu64 "}\n", totals.seeds, totals.crashes, totals.steps, seconds, totals.violations);
    if (souk_process_interrupted()) return 130;
    return totals.violations ? 1 : EX_OK;
}

int
souk_sim_main(int argc, char **argv)
{
    static struct asked asked; /* Its moments are much for a stack. */
    asked = (struct asked){ .seed = UINT64_MAX };
    souk_sim_given_none(&asked.given);
    int status = options_read(&asked, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON) {
        souk_process_signals();
        if (asked.given.mutant) status = souk_sim_plant(asked.given.mutant);
    }
    if (status == SOUK_OPTIONS_GO_ON) {
        status = asked.mutants ? souk_sim_mutants((unsigned)asked.jobs, asked.json) : run(&asked);
    }
    souk_options_free(&asked.memory);
    return status;
}
