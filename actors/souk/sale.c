/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale.c -- `souk sale`: sets the stage, lets the buyers in, waits until all is settled, checks, reports; main.c
 * calls it. */
#include "sale_main.h"
#include "load_options.h"
#include "sale_report.h"

#include "world/world.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { SETTLE_MS = 150000 };

static const struct souk_options_words words = {
    .command = "sale",
    .summary = "A whole flash sale on a fresh data directory: starts a simulated payment provider and a node, opens\n"
               "the sales, lets the buyers in over HTTP, stops everything, and has the checker prove what became\n"
               "of it. Exits with 0 when every invariant holds and nobody left without while a unit was left.\n",
};

struct asked {
    struct souk_options_memory memory;
    struct load_plan plan;
    struct stage_plan stage;
    const char *faults;
    bool json, discard;
};

static int
options_read(struct asked *asked, int argc, char **argv)
{
    struct load_plan *plan = &asked->plan;
    const struct load_option options[] = {
        { "units", LOAD_OPTION_U32, &plan->units, 1, 1e8, "N", "On sale of each item (1000)" },
        { "buyers", LOAD_OPTION_U64, &plan->buyers, 1, 1e9, "N", "How many come (5000)" },
        { "skus", LOAD_OPTION_U32, &plan->skus, 1, 10000, "K", "Items, each in a sale of its own (1)" },
        { "skew", LOAD_OPTION_REAL, &plan->skew, 0, 10, "E", "Zipf's exponent of their popularity (0: even)" },
        { "rate", LOAD_OPTION_REAL, &plan->rate, 0, 1e7, "R",
          "R buyers come per second whatever happens (as many as there are connections at any time)" },
        { "connections", LOAD_OPTION_U32, &plan->connections, 1, 60000, "N", "Of the buyers (64)" },
        { "units-per-order", LOAD_OPTION_U32, &plan->units_per_order, 1, 1000000, "N", "What each buyer wants (1)" },
        { "limit", LOAD_OPTION_U32, &plan->limit, 0, 1e8, "N", "Units per customer (2; 0: no limit)" },
        { "customers", LOAD_OPTION_U64, &plan->customers, 1, 1e9, "N", "The buyers are N customers (each is his own)" },
        { "price", LOAD_OPTION_U64, &plan->price, 1, 1e9, "N", "In minor units (1999)" },
        { "currency", LOAD_OPTION_TEXT, &plan->currency, 0, 0, "CODE", "Of the price (EUR)" },
        { "hold-ms", LOAD_OPTION_U64, &plan->hold_ms, 1, 1e9, "MS", "How long units are held for an order (120000)" },
        { "payment", LOAD_OPTION_PAYMENT, &plan->credit, 0, 0, "card|credit", "How they pay (card)" },
        { "provider-faults", LOAD_OPTION_TEXT, &asked->faults, 0, 0, "LIST",
          "How the payment provider breaks; see souk provider --help" },
        { "seed", LOAD_OPTION_U64, &plan->seed, 0, 0, "N", "Names, choices and faults follow from it (a new one)" },
        { "data", LOAD_OPTION_TEXT, &asked->stage.data, 0, 0, "DIR",
          "The node's data directory; ledger, acks and logs go to DIR.rush (a new one in $TMPDIR or /var/tmp)" },
        { "workers", LOAD_OPTION_U32, &asked->stage.workers, 0, 1024, "N", "Of the node (its own choice)" },
        { "discard", LOAD_OPTION_FLAG, &asked->discard, 0, 0, NULL, "Remove all that was written if all is well" },
        { "json", LOAD_OPTION_FLAG, &asked->json, 0, 0, NULL, "The last line of output is a JSON object" },
        { 0 },
    };
    int status = souk_load_options(&asked->memory, &words, options, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON && asked->faults && plan->credit) {
        fprintf(stderr, "souk sale: --provider-faults go with --payment card\n");
        return EX_USAGE;
    }
    return status;
}

/* From opening the sales until nothing is held. */
static souk_err
rush(const struct asked *asked, const struct stage *stage, struct load_tally *tally, struct sale_totals *totals)
{
    souk_load *load = NULL;
    struct load_plan plan = asked->plan;
    plan.port = stage->port;
    plan.acks = stage->acks;
    souk_err err = souk_load_open(&load, &plan);
    if (!err)
        err = souk_load_open_sales(load);
    if (!err && plan.credit) {
        fprintf(stderr, "souk sale: giving credit to %" PRIu64 " buyers\n", plan.buyers);
        err = souk_load_prepay(load, plan.buyers);
    }
    if (!err)
        err = souk_load_run(load);
    if (!err) {
        souk_err late = souk_sale_settle(load, plan.skus, SETTLE_MS, totals);
        err = late == SOUK_ERR_LATE ? SOUK_OK : late; /* The report says what is still held. */
    }
    if (load) {
        memcpy(tally, souk_load_tally(load), sizeof *tally);
        souk_err lost = souk_load_flush(load);
        if (lost)
            fprintf(stderr, "souk sale: acks are lost: %s\n", strerror(errno));
        err = err ? err : lost;
    }
    souk_load_close(&load);
    if (err && !souk_process_interrupted())
        fprintf(stderr, "souk sale: the rush failed: %s\n", souk_err_text(err));
    return err;
}

static int
sale_run(struct asked *asked, struct load_tally *tally)
{
    static struct stage stage; /* Its paths are much for a stack. */
    struct stage_verdict verdict = { .status = -1 };
    struct sale_report report = {
        .stage = &stage, .plan = &asked->plan, .tally = tally, .verdict = &verdict, .ended_well = true
    };
    souk_process_signals();
    int status = souk_stage_open(&stage, &asked->stage);
    if (status >= 0)
        return status;
    fprintf(stderr, "souk sale: %" PRIu64 " buyers, %u units of %u item%s, by %s; seed %" PRIu64 "; in %s\n",
            asked->plan.buyers, asked->plan.units, asked->plan.skus, asked->plan.skus == 1 ? "" : "s",
            asked->plan.credit ? "credit" : "card", asked->plan.seed, stage.data);
    souk_err err = souk_stage_start(&stage);
    if (!err)
        err = rush(asked, &stage, tally, &report.totals);
    if (err) {
        souk_stage_close(&stage);
        fprintf(stderr, "souk sale: what there is was kept in %s\n", stage.folder);
        return souk_process_interrupted() ? 130 : EX_SOFTWARE;
    }
    report.ended_well = souk_stage_stop(&stage) == SOUK_OK;
    souk_stage_check(&stage, true, &verdict);
    report.journal_bytes = souk_stage_journal_bytes(&stage);
    souk_sale_print(&report);
    if (asked->json)
        souk_sale_print_json(&report);
    bool good = souk_sale_good(&report);
    if (good && asked->discard)
        souk_stage_remove(&stage);
    return good ? EX_OK : 1;
}

int
souk_sale_main(int argc, char **argv)
{
    static struct load_tally tally; /* Two histograms are much for a stack. */
    const struct souk_world *world = souk_world_os();
    uint32_t seed;
    world->random(world->self, &seed, sizeof seed);
    struct asked asked = { .plan = { .connections = 64, .units = 1000, .buyers = 5000, .skus = 1, .limit = 2,
                                     .units_per_order = 1, .price = 1999, .currency = "EUR", .seed = seed,
                                     .patience_s = 150, .hold_ms = 120000 },
                           .stage.word = "sale" };
    int status = options_read(&asked, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON) {
        asked.plan.show = isatty(STDERR_FILENO);
        asked.stage.card = !asked.plan.credit;
        asked.stage.provider_faults = asked.faults;
        asked.stage.seed = asked.plan.seed;
        status = sale_run(&asked, &tally);
    }
    souk_options_free(&asked.memory);
    return status;
}
