/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check.c -- the command line of `souk check`: opens a data directory that no node uses, and reports. */
#include "check_model.h"

#include "kinds.h"
#include "options.h"

#include "node/terms.h"
#include "store/data.h"
#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { VIOLATED = 1 };

static int
complain(int status, const char *why)
{
    fprintf(stderr, "souk check: %s\n", why);
    return status;
}

static int
report_all(const struct souk_check_report *report, const char *directory, bool json)
{
    if (json) {
        if (!souk_check_print_json(report)) return complain(EX_IOERR, "the report could not be written");
    } else {
        souk_check_print(report, directory);
        if (fflush(stdout)) return complain(EX_IOERR, "the report could not be written");
    }
    return report->violations ? VIOLATED : EX_OK;
}

static int
check(struct souk_data *data, const char *ledger, const char *acks, bool json)
{
    static struct souk_check_report report;
    char why[SOUK_STORE_WHY] = "";
    struct souk_check_inputs inputs = { .has_ledger = ledger != NULL, .vault = data->vault };
    struct souk_check_effect *effects = NULL;
    struct souk_check_ack *told = NULL;
    souk_err err = SOUK_OK;
    if (ledger) err = souk_check_read_ledger(ledger, &data->secret, &effects, &inputs.effects_count, why, sizeof why);
    if (!err && acks) err = souk_check_read_acks(acks, &data->secret, &told, &inputs.acks_count, why, sizeof why);
    inputs.effects = effects;
    inputs.acks = told;
    if (!err) {
        err = souk_check_run(data->journal, &data->secret, &inputs, &report);
        snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, report.why[0] ? report.why : souk_err_text(err));
    }
    free(effects);
    free(told);
    return err ? complain(EX_DATAERR, why) : report_all(&report, data->directory, json);
}

int
souk_check_main(int argc, char **argv)
{
    static const struct souk_options_words words = {
        .command = "check DATA",
        .summary =
            "Proves the invariants of a flash sale from the journal in the data directory DATA, which no node may\n"
            "use meanwhile. Ends with 0 if all hold, 1 if any is violated, 65 if something cannot be read.\n",
    };
    const char *ledger = NULL, *acks = NULL;
    bool json = false;
    const struct souk_option table[] = {
        { .name = "provider-ledger", .type = SOUK_OPTION_TEXT, .out = &ledger, .shown = "FILE",
          .help = "hold the journal against the payment provider's books" },
        { .name = "acks", .type = SOUK_OPTION_TEXT, .out = &acks, .shown = "FILE",
          .help = "hold it against what buyers were told" },
        { .name = "json", .type = SOUK_OPTION_BOOL, .out = &json, .help = "report in one line of JSON" },
        { .name = NULL },
    };
    struct souk_options_memory memory = { 0 };
    struct souk_data data;
    char why[SOUK_STORE_WHY];
    /* The directory may stand before the options or after them. */
    bool first = argc > 1 && argv[1][0] != '-', last = !first && argc > 1 && argv[argc - 1][0] != '-';
    const char *directory = first ? argv[1] : last ? argv[argc - 1] : NULL;
    if (first) argv[1] = argv[0];
    int status = souk_options_read(&memory, &words, table, argc - (first || last), argv + first);
    if (status == SOUK_OPTIONS_GO_ON && !directory) status = complain(EX_USAGE, "which data directory? See --help");
    if (status == SOUK_OPTIONS_GO_ON) {
        souk_err err = souk_terms_check(directory, souk_commerce_kinds, why, sizeof why);
        if (!err) err = souk_data_open(&data, souk_world_os(), directory, false, why, sizeof why);
        if (err == SOUK_ERR_LOCKED)
            status = complain(EX_TEMPFAIL, why);
        else if (err)
            status = complain(EX_DATAERR, why);
        else
            status = check(&data, ledger, acks, json);
        if (!err) souk_data_close(&data);
    }
    souk_options_free(&memory);
    return status;
}
