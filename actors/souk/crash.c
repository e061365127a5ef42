/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash.c -- `souk crash`: kill -9 at random moments of a rush, restart on the same data, check; main.c calls it.
 *
 * The buyers ride through: whoever lost his connection asks the same again under the same key. Some kills fall into the
 * recovery from the kill before. The checker looks at the journal and at what buyers were told after some of the kills,
 * while much is under way, and at everything in the end, when nothing is. */
#include "crash.h"
#include "load_options.h"
#include "sale_report.h"

#include "base/hash.h"
#include "gateway/json.h"
#include "world/world.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { SETTLE_MS = 150000, RESTART_MAX_MS = 60000 };
#define MS UINT64_C(1000000)

static const struct souk_options_words words = {
    .command = "crash",
    .summary = "Kills the node with signal 9 at random moments of a rush, restarts it on the same data, and checks\n"
               "that nothing that anybody was told is lost, nobody is charged twice, and no unit is sold twice.\n",
};

struct asked {
    struct souk_options_memory memory;
    struct load_plan plan;
    struct stage_plan stage;
    const char *faults;
    uint64_t times, check_every, gap_ms;
    bool json, discard;
};

/* The rounds. The node serves, until kill_ns; or it recovers, until it is ready or until kill_ns. */
struct rounds {
    const struct asked *asked;
    struct stage *stage;
    uint64_t chance;
    uint64_t kill_ns;  /* When to kill next; UINT64_MAX: not before it serves. */
    uint64_t kills, in_recovery, checks, violations;
    bool recovering, failed;
    uint64_t *restart_ns; /* Of the restarts that came to their end. */
    uint64_t restarts;
};

/* ---- killing and restarting ---- */

/* A number below `end`. */
static uint64_t
draw(struct rounds *rounds, uint64_t end)
{
    return end == 0 ? 0 : souk_hash_mix(rounds->chance += UINT64_C(0x9e3779b97f4a7c15)) % end;
}

static void
check_now(struct rounds *rounds, souk_load *load)
{
    struct stage_verdict verdict;
    if (souk_load_flush(load))
        rounds->failed = true;
    souk_stage_check(rounds->stage, false, &verdict);
    rounds->checks++;
    rounds->violations += verdict.violations;
    if (verdict.status == 0)
        return;
    fprintf(stderr, "souk crash: after kill %" PRIu64 " the checker says: %s\n", rounds->kills, verdict.line);
    rounds->failed = true;
}

/* Kills the node and starts it again; sometimes it is to be killed before it serves. */
static void
kill_node(struct rounds *rounds, souk_load *load, uint64_t now_ns)
{
    const struct asked *asked = rounds->asked;
    (void)souk_child_stop(&rounds->stage->node, SIGKILL, 0);
    rounds->kills++;
    rounds->in_recovery += rounds->recovering;
    if (asked->check_every > 0 && rounds->kills % asked->check_every == 0)
        check_now(rounds, load);
    rounds->failed = rounds->failed || souk_stage_node_start(rounds->stage) != SOUK_OK;
    rounds->recovering = true;
    rounds->kill_ns = UINT64_MAX;
    uint64_t usual = rounds->restarts > 0 ? rounds->restart_ns[rounds->restarts - 1] : 50 * MS;
    if (rounds->kills < asked->times && draw(rounds, 4) == 0)
        rounds->kill_ns = souk_process_now_ns() + draw(rounds, usual);
    (void)now_ns;
}

/* Looks whether the node serves again. */
static void
await_node(struct rounds *rounds, souk_load *load)
{
    souk_err err = souk_stage_node_ready(rounds->stage);
    uint64_t now = souk_process_now_ns(), took = now - rounds->stage->started_ns;
    if (err == SOUK_ERR_BUSY) {
        rounds->failed = rounds->failed || took > RESTART_MAX_MS * MS;
        return;
    }
    rounds->recovering = false;
    if (err) {
        rounds->failed = true;
        return;
    }
    rounds->restart_ns[rounds->restarts++] = took;
    rounds->kill_ns = now + rounds->asked->gap_ms * MS / 10 + draw(rounds, rounds->asked->gap_ms * MS * 2);
    if (rounds->kills >= rounds->asked->times)
        souk_load_enough(load);
}

static uint64_t
step(void *arg, souk_load *load, uint64_t now_ns)
{
    struct rounds *rounds = arg;
    int status;
    char room[64];
    if (rounds->failed) {
        souk_load_enough(load);
        return UINT64_MAX;
    }
    if (rounds->kills < rounds->asked->times && now_ns >= rounds->kill_ns)
        kill_node(rounds, load, now_ns);
    else if (rounds->recovering)
        await_node(rounds, load);
    else if (souk_child_wait(&rounds->stage->node, 0, &status) == SOUK_OK) {
        fprintf(stderr, "souk crash: the node ended by itself: %s\n", souk_child_ending(status, room, sizeof room));
        rounds->failed = true;
    }
    return rounds->recovering ? now_ns + MS : rounds->kill_ns;
}

/* ---- the whole ---- */

static souk_err
rush(const struct asked *asked, struct rounds *rounds, struct load_tally *tally, struct sale_totals *totals)
{
    souk_load *load = NULL;
    struct load_plan plan = asked->plan;
    plan.port = rounds->stage->port;
    plan.acks = rounds->stage->acks;
    plan.step = step;
    plan.step_arg = rounds;
    souk_err err = souk_load_open(&load, &plan);
    if (!err)
        err = souk_load_open_sales(load);
    rounds->kill_ns = souk_process_now_ns() + asked->gap_ms * MS / 10 + draw(rounds, asked->gap_ms * MS * 2);
    if (!err)
        err = souk_load_run(load);
    if (!err && !rounds->failed)
        err = souk_sale_settle(load, plan.skus, SETTLE_MS, totals);
    if (load) {
        memcpy(tally, souk_load_tally(load), sizeof *tally);
        souk_err lost = souk_load_flush(load);
        err = err ? err : lost;
    }
    souk_load_close(&load);
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

static void
print_json(const struct rounds *rounds, const struct load_tally *tally, const struct sale_totals *totals, bool good)
{
    char room[8192];
    souk_json_writer out;
    struct souk_text text;
    uint64_t count = rounds->restarts;
    const struct { const char *name; uint64_t value; } counts[] = {
        { "times", rounds->kills },       { "violations", rounds->violations },
        { "in_recovery", rounds->in_recovery }, { "checks", rounds->checks },
        { "buyers", tally->buyers },      { "orders", tally->orders },
        { "sold", totals->sold },         { "refused", tally->refused },
        { "errors", tally->errors },      { "broken", tally->broken },
        { "acks", tally->acks },          { "seed", rounds->asked->plan.seed },
    };
    souk_json_init(&out, room, sizeof room);
    souk_json_object_open(&out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        souk_json_put_u64(&out, counts[i].name, counts[i].value);
    souk_json_key(&out, "restart_ms_max");
    souk_json_decimal(&out, count > 0 ? (double)rounds->restart_ns[count - 1] / 1e6 : 0, 1);
    souk_json_key(&out, "restart_ms_p50");
    souk_json_decimal(&out, count > 0 ? (double)rounds->restart_ns[count / 2] / 1e6 : 0, 1);
    souk_json_put_bool(&out, "good", good);
    souk_json_put_text(&out, "data", souk_text_of(rounds->stage->data));
    souk_json_put_text(&out, "acks_file", souk_text_of(rounds->stage->acks));
    souk_json_key(&out, "provider_ledger");
    if (rounds->stage->plan.card)
        souk_json_text(&out, souk_text_of(rounds->stage->ledger));
    else
        souk_json_null(&out);
    souk_json_object_close(&out);
    if (souk_json_done(&out, &text) == SOUK_OK)
        printf("%.*s\n", (int)text.length, text.at);
}

static void
print_report(const struct rounds *rounds, const struct load_tally *tally, bool good)
{
    uint64_t count = rounds->restarts;
    printf("killed %" PRIu64 " times, %" PRIu64 " of them while it recovered; restarts took %.0f ms (median), at most "
           "%.0f ms\n",
           rounds->kills, rounds->in_recovery, count > 0 ? (double)rounds->restart_ns[count / 2] / 1e6 : 0,
           count > 0 ? (double)rounds->restart_ns[count - 1] / 1e6 : 0);
    printf("%" PRIu64 " buyers: %" PRIu64 " served, %" PRIu64 " turned away, %" PRIu64 " without an answer%s%s\n",
           tally->buyers, tally->orders, tally->refused, tally->errors, tally->errors > 0 ? ": " : "", tally->error);
    printf("%" PRIu64 " requests lost their connection and were repeated under the same key\n", tally->broken);
    printf("%" PRIu64 " checks found %" PRIu64 " violations; kept in %s\n%s\n", rounds->checks, rounds->violations,
           rounds->stage->data, good ? "All is well." : "NOT ALL IS WELL.");
}

static bool
judge(struct rounds *rounds, const struct load_tally *tally, const struct sale_totals *totals, bool ended_well)
{
    struct stage_verdict verdict;
    souk_stage_check(rounds->stage, true, &verdict);
    rounds->checks++;
    rounds->violations += verdict.violations;
    if (verdict.status != 0)
        fprintf(stderr, "souk crash: in the end the checker says: %s\n", verdict.line);
    if (tally->units != totals->sold)
        fprintf(stderr, "souk crash: buyers were told of %" PRIu64 " units, the sales say %" PRIu64 "\n", tally->units,
                totals->sold);
    return ended_well && !rounds->failed && verdict.status == 0 && rounds->violations == 0 && tally->errors == 0 &&
           rounds->kills == rounds->asked->times && tally->units == totals->sold && totals->oversold == 0;
}

static int
crash_run(const struct asked *asked, struct load_tally *tally)
{
    static struct stage stage; /* Its paths are much for a stack. */
    struct rounds rounds = { .asked = asked, .stage = &stage, .chance = souk_hash_mix(asked->plan.seed + 3) };
    struct sale_totals totals = { 0 };
    souk_process_signals();
    int status = souk_stage_open(&stage, &asked->stage);
    if (status >= 0)
        return status;
    rounds.restart_ns = calloc(asked->times + 1, sizeof *rounds.restart_ns);
    fprintf(stderr, "souk crash: %" PRIu64 " kills; seed %" PRIu64 "; in %s\n", asked->times, asked->plan.seed,
            stage.data);
    souk_err err = rounds.restart_ns ? souk_stage_start(&stage) : SOUK_ERR_MEMORY;
    if (!err)
        err = rush(asked, &rounds, tally, &totals);
    bool ended_well = err == SOUK_OK;
    if (ended_well && !rounds.failed)
        ended_well = souk_stage_stop(&stage) == SOUK_OK;
    else
        souk_stage_close(&stage);
    bool good = false;
    if (!souk_process_interrupted()) {
        good = judge(&rounds, tally, &totals, ended_well);
        qsort(rounds.restart_ns, rounds.restarts, sizeof *rounds.restart_ns, ascending);
        print_report(&rounds, tally, good);
        if (asked->json)
            print_json(&rounds, tally, &totals, good);
    }
    free(rounds.restart_ns);
    if (good && asked->discard)
        souk_stage_remove(&stage);
    return souk_process_interrupted() ? 130 : good ? EX_OK : 1;
}

static int
options_read(struct asked *asked, int argc, char **argv)
{
    struct load_plan *plan = &asked->plan;
    const struct load_option options[] = {
        { "times", LOAD_OPTION_U64, &asked->times, 1, 1e6, "N", "How often the node is killed (20)" },
        { "gap-ms", LOAD_OPTION_U64, &asked->gap_ms, 1, 1e6, "MS", "How long it serves between kills, about (300)" },
        { "check-every", LOAD_OPTION_U64, &asked->check_every, 0, 1e6, "N",
          "Check after each Nth kill, and in the end (5; 0: only in the end)" },
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
        { "workers", LOAD_OPTION_U32, &asked->stage.workers, 0, 1024, "N", "Of the node (its own choice)" },
        { "discard", LOAD_OPTION_FLAG, &asked->discard, 0, 0, NULL, "Remove all that was written if all is well" },
        { "json", LOAD_OPTION_FLAG, &asked->json, 0, 0, NULL, "The last line of output is a JSON object" },
        { 0 },
    };
    return souk_load_options(&asked->memory, &words, options, argc, argv);
}

int
souk_crash_main(int argc, char **argv)
{
    static struct load_tally tally; /* Two histograms are much for a stack. */
    const struct souk_world *world = souk_world_os();
    uint32_t seed;
    world->random(world->self, &seed, sizeof seed);
    struct asked asked = { .plan = { .connections = 32, .units = 1000000, .skus = 4, .limit = 2, .units_per_order = 1,
                                     .price = 1999, .currency = "EUR", .seed = seed, .patience_s = 150 },
                           .stage.word = "crash",
                           .faults = "decline=0.03,twice=0.1,timeout_after_charge=0.002,hold=1000",
                           .times = 20,
                           .check_every = 5,
                           .gap_ms = 300 };
    int status = options_read(&asked, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON) {
        asked.plan.show = isatty(STDERR_FILENO);
        asked.stage.card = !asked.plan.credit;
        asked.stage.provider_faults = asked.stage.card ? asked.faults : NULL;
        asked.stage.seed = asked.plan.seed;
        status = crash_run(&asked, &tally);
    }
    souk_options_free(&asked.memory);
    return status;
}
