/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash.c -- `souk crash`: a fault in the middle of a rush, again and again; main.c calls it. By default kill -9.
 *
 * The buyers ride through: whoever lost his connection asks the same again under the same key. The checker looks at the
 * journal and at what buyers were told after some of the faults, while much is under way, and at everything in the end,
 * when nothing is. What must become of the node itself stands in the table of faults. */
#include "crash.h"
#include "crash_inside.h"
#include "load_options.h"

#include "base/hash.h"
#include "world/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

enum { SETTLE_MS = 150000, WORKERS = 2 };

static const struct souk_options_words words = {
    .command = "crash",
    .summary = "Kills the node with signal 9 at random moments of a rush, or does something else to it (--fault),\n"
               "restarts it on the same data, and checks that nothing that anybody was told is lost, nobody is\n"
               "charged twice, and no unit is sold twice; and that the node did what it must.\n",
};

/* Nodes that are struck have small limits, so that a small load reaches them; and two workers, so that one can be
 * held. */
static const char *const struck_words[] = { "--checkpoint-mib", "1", "--backlog-mib", "1", "--stall-ms", "300", NULL };
_Static_assert(CRASH_BACKLOG_MIB == 1, "as in struck_words");

static souk_err
rush(struct crash *crash, struct load_tally *tally, struct sale_totals *totals)
{
    struct load_plan plan = crash->asked->plan;
    uint64_t gap = crash->asked->gap_ms * CRASH_MS;
    plan.port = crash->stage->port;
    plan.acks = crash->stage->acks;
    plan.step = souk_crash_step;
    plan.step_arg = crash;
    souk_err err = souk_load_open(&crash->load, &plan);
    if (!err)
        err = souk_load_open_sales(crash->load);
    crash->due_ns = souk_process_now_ns() + gap / 10 + souk_crash_draw(crash, gap * 2);
    if (!err)
        err = souk_load_run(crash->load);
    if (!err && !crash->failed)
        err = souk_sale_settle(crash->load, plan.skus, SETTLE_MS, totals);
    if (crash->load) {
        memcpy(tally, souk_load_tally(crash->load), sizeof *tally);
        souk_err lost = souk_load_flush(crash->load);
        err = err ? err : lost;
    }
    souk_load_close(&crash->load);
    if (err && !souk_process_interrupted())
        fprintf(stderr, "souk crash: the rush did not end well: %s\n", souk_err_text(err));
    return err;
}

static int
ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool
judge(struct crash *crash, const struct load_tally *tally, const struct sale_totals *totals, bool ended_well)
{
    struct stage_verdict verdict;
    souk_stage_check(crash->stage, true, &verdict);
    crash->checks++;
    crash->violations += verdict.violations;
    crash->results[crash->end - 1].violations += verdict.violations;
    if (verdict.status != 0)
        fprintf(stderr, "souk crash: in the end the checker says: %s\n", verdict.line);
    if (tally->units != totals->sold)
        fprintf(stderr, "souk crash: buyers were told of %" PRIu64 " units, the sales say %" PRIu64 "\n", tally->units,
                totals->sold);
    if (tally->told_when != tally->busy)
        fprintf(stderr, "souk crash: of %" PRIu64 " answers 503 %" PRIu64 " didn't say when to come again\n",
                tally->busy, tally->busy - tally->told_when);
    return ended_well && !crash->failed && verdict.status == 0 && crash->violations == 0 && tally->errors == 0 &&
           crash->now == crash->end && tally->units == totals->sold && tally->told_when == tally->busy &&
           totals->oversold == 0;
}

static souk_err
stage_start(struct crash *crash)
{
    souk_crash_count_start(crash);
    souk_err err = souk_stage_start(crash->stage);
    if (!crash->shim.control || err)
        return err;
    if (!souk_crash_shim_is_in(&crash->shim, crash->stage->node.pid)) {
        fprintf(stderr, "souk crash: the node runs without the fault shim %s; see %s/node.log\n", crash->shim.library,
                crash->stage->folder);
        return SOUK_ERR_MISSING;
    }
    crash->start_calls = souk_crash_shim_seen(&crash->shim, CRASH_COUNT_PLACE);
    (void)souk_crash_shim_disarm(&crash->shim);
    return SOUK_OK;
}

static int
report(struct crash *crash, const struct load_tally *tally, const struct sale_totals *totals, bool ended_well)
{
    if (souk_process_interrupted())
        return 130;
    bool good = judge(crash, tally, totals, ended_well);
    qsort(crash->restart_ns, crash->restarts, sizeof *crash->restart_ns, ascending);
    souk_crash_print(crash, tally, good);
    if (crash->asked->json)
        souk_crash_print_json(crash, tally, totals, good);
    if (good && crash->asked->discard)
        souk_stage_remove(crash->stage);
    return good ? EX_OK : 1;
}

static int
crash_run(struct crash *crash, struct load_tally *tally)
{
    static struct stage stage; /* Its paths are much for a stack. */
    const struct crash_asked *asked = crash->asked;
    struct stage_plan plan = asked->stage;
    struct sale_totals totals = { 0 };
    crash->stage = &stage;
    crash->chance = souk_hash_mix(asked->plan.seed + 3);
    crash->restart_ns = calloc(1, sizeof *crash->restart_ns);
    souk_process_signals();
    int status = crash->restart_ns ? souk_stage_open(&stage, &plan) : EX_OSERR;
    if (status >= 0)
        return status;
    bool plain = crash->end == 1;
    souk_err err = plain ? SOUK_OK : souk_crash_shim_open(&crash->shim, stage.folder);
    if (err)
        return EX_UNAVAILABLE;
    stage.plan.node_environment = plain ? NULL : crash->shim.environment;
    fprintf(stderr, "souk crash: %s; seed %" PRIu64 "; in %s\n", asked->fault, asked->plan.seed, stage.data);
    err = stage_start(crash);
    if (!err)
        err = rush(crash, tally, &totals);
    souk_crash_abandon(crash);
    bool ended_well = err == SOUK_OK && !crash->failed;
    if (ended_well)
        ended_well = souk_stage_stop(&stage) == SOUK_OK;
    else
        souk_stage_close(&stage);
    status = report(crash, tally, &totals, ended_well);
    souk_crash_shim_close(&crash->shim);
    free(crash->restart_ns);
    return status;
}

static int
options_read(struct crash_asked *asked, int argc, char **argv)
{
    struct load_plan *plan = &asked->plan;
    const struct load_option options[] = {
        { "times", LOAD_OPTION_U64, &asked->times, 1, 1e6, "N",
          "How often each fault is brought about (kill: 20; the others: some)" },
        { "fault", LOAD_OPTION_TEXT, &asked->fault, 0, 0, "NAME|all|list",
          "What is done to the node (kill); all: one fault after the other; list: prints them" },
        { "gap-ms", LOAD_OPTION_U64, &asked->gap_ms, 1, 1e6, "MS", "How long it serves between faults, about (300)" },
        { "check-every", LOAD_OPTION_U64, &asked->check_every, 0, 1e6, "N",
          "Check after each Nth fault, and in the end (5; 0: only in the end)" },
        { "units", LOAD_OPTION_U32, &plan->units, 1, 1e8, "N", "On sale of each item (1000000)" },
        { "skus", LOAD_OPTION_U32, &plan->skus, 1, 10000, "K", "Items, each in a sale of its own (4)" },
        { "connections", LOAD_OPTION_U32, &plan->connections, 1, 60000, "N", "Of the buyers (32)" },
        { "rate", LOAD_OPTION_REAL, &plan->rate, 0, 1e7, "R", "R buyers come per second whatever happens" },
        { "payment", LOAD_OPTION_PAYMENT, &plan->credit, 0, 0, "card|credit", "How they pay (card)" },
        { "provider-faults", LOAD_OPTION_TEXT, &asked->faults, 0, 0, "LIST",
          "How the payment provider breaks (decline=0.03,twice=0.1,timeout_after_charge=0.002,hold=1000)" },
        { "seed", LOAD_OPTION_U64, &plan->seed, 0, 0, "N", "Moments, names and choices follow from it (a new one)" },
        { "data", LOAD_OPTION_TEXT, &asked->stage.data, 0, 0, "DIR",
          "The node's data directory; ledger, acks and logs go to DIR.rush (a new one in $TMPDIR or /var/tmp)" },
        { "workers", LOAD_OPTION_U32, &asked->stage.workers, 0, 1024, "N", "Of the node (its own choice, or two)" },
        { "discard", LOAD_OPTION_FLAG, &asked->discard, 0, 0, NULL, "Remove all that was written if all is well" },
        { "json", LOAD_OPTION_FLAG, &asked->json, 0, 0, NULL, "The last line of output is a JSON object" },
        { 0 },
    };
    return souk_load_options(asked->memory, &words, options, argc, argv);
}

/* Which of the table's faults are to come. */
static int
choose(struct crash *crash)
{
    const char *name = crash->asked->fault;
    for (unsigned i = 0; i < souk_crash_faults_count; i++) {
        if (strcmp(name, "all") != 0 && strcmp(name, souk_crash_faults[i].name) != 0)
            continue;
        crash->first = crash->end == 0 ? i : crash->first;
        crash->end = i + 1;
    }
    crash->now = crash->first;
    if (crash->end > 0)
        return SOUK_OPTIONS_GO_ON;
    fprintf(stderr, "souk crash: there is no fault \"%s\"; --fault list shows those that there are\n", name);
    return EX_USAGE;
}

/* What nobody asked for follows from the faults. */
static void
complete(struct crash_asked *asked, const struct crash *crash)
{
    struct rlimit files;
    asked->stage.card = !asked->plan.credit;
    asked->stage.provider_faults = asked->stage.card ? asked->faults : NULL;
    asked->stage.seed = asked->plan.seed;
    asked->plan.show = isatty(STDERR_FILENO);
    bool plain = crash->end == 1;
    asked->stage.node_words = plain ? NULL : struck_words;
    asked->stage.workers = plain || asked->stage.workers > 0 ? asked->stage.workers : WORKERS;
    asked->plan.spare = plain ? 0 : CRASH_CROWD;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* Too few of them shows soon enough. */
    }
}

int
souk_crash_main(int argc, char **argv)
{
    static struct load_tally tally; /* Histograms are much for a stack. */
    static struct crash crash;
    const struct souk_world *world = souk_world_os();
    struct souk_options_memory memory = { NULL };
    uint32_t seed;
    world->random(world->self, &seed, sizeof seed);
    struct crash_asked asked = { .memory = &memory,
                                 .plan = { .connections = 32, .units = 1000000, .skus = 4, .limit = 2,
                                           .units_per_order = 1, .price = 1999, .currency = "EUR",
                                           .seed = seed, .patience_s = 150 },
                                 .stage.word = "crash",
                                 .faults = "decline=0.03,twice=0.1,timeout_after_charge=0.002,hold=1000",
                                 .fault = "kill",
                                 .check_every = 5,
                                 .gap_ms = 300 };
    int status = options_read(&asked, argc, argv);
    crash.asked = &asked;
    if (status == SOUK_OPTIONS_GO_ON && strcmp(asked.fault, "list") == 0)
        status = souk_crash_list(asked.json);
    else if (status == SOUK_OPTIONS_GO_ON)
        status = choose(&crash);
    if (status == SOUK_OPTIONS_GO_ON) {
        complete(&asked, &crash);
        status = crash_run(&crash, &tally);
    }
    souk_options_free(&memory);
    return status;
}
