/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_report.c -- what `souk crash` tells: its table of faults, and how a run went, for people and programs. */
#include "crash_inside.h"

#include "gateway/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void
print_line(souk_json_writer *out)
{
    struct souk_text text;
    if (souk_json_done(out, &text) == SOUK_OK)
        printf("%.*s\n", (int)text.length, text.at);
}

int
souk_crash_list(bool json)
{
    char room[16384];
    souk_json_writer out;
    souk_json_init(&out, room, sizeof room);
    souk_json_object_open(&out);
    souk_json_key(&out, "faults");
    souk_json_object_open(&out);
    for (unsigned i = 0; i < souk_crash_faults_count; i++) {
        const struct crash_fault *fault = &souk_crash_faults[i];
        printf("%-20s %s:\n%-20s %s\n", fault->name, fault->does, "", fault->outcome);
        souk_json_put_text(&out, fault->name, souk_text_of(fault->does));
    }
    souk_json_object_close(&out);
    souk_json_object_close(&out);
    if (json)
        print_line(&out);
    return EX_OK;
}

static void
put_ms(souk_json_writer *out, const char *name, uint64_t ns)
{
    souk_json_key(out, name);
    souk_json_decimal(out, (double)ns / 1e6, 1);
}

static void
put_results(souk_json_writer *out, const struct crash *crash)
{
    souk_json_key(out, "faults");
    souk_json_object_open(out);
    for (unsigned i = crash->first; i < crash->end; i++) {
        const struct crash_result *result = &crash->results[i];
        souk_json_key(out, souk_crash_faults[i].name);
        souk_json_object_open(out);
        souk_json_put_u64(out, "times", result->times);
        souk_json_put_u64(out, "in_recovery", result->in_recovery);
        souk_json_put_u64(out, "fired", result->fired);
        souk_json_put_u64(out, "checks", result->checks);
        souk_json_put_u64(out, "violations", result->violations);
        souk_json_put_bool(out, "good", i < crash->now && result->violations == 0);
        souk_json_object_close(out);
    }
    souk_json_object_close(out);
}

/* The restarts are in ascending order by now. */
void
souk_crash_print_json(const struct crash *crash, const struct load_tally *tally, const struct sale_totals *totals,
                      bool good)
{
    char room[16384];
    souk_json_writer out;
    uint64_t count = crash->restarts;
    const struct { const char *name; uint64_t value; } counts[] = {
        { "times", crash->kills },        { "violations", crash->violations },
        { "in_recovery", crash->in_recovery }, { "checks", crash->checks },
        { "buyers", tally->buyers },      { "orders", tally->orders },
        { "sold", totals->sold },         { "refused", tally->refused },
        { "errors", tally->errors },      { "broken", tally->broken },
        { "overloaded", tally->busy },    { "acks", tally->acks },
        { "seed", crash->asked->plan.seed },
    };
    souk_json_init(&out, room, sizeof room);
    souk_json_object_open(&out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        souk_json_put_u64(&out, counts[i].name, counts[i].value);
    souk_json_put_text(&out, "fault", souk_text_of(crash->asked->fault));
    put_results(&out, crash);
    put_ms(&out, "restart_ms_max", count > 0 ? crash->restart_ns[count - 1] : 0);
    put_ms(&out, "restart_ms_p50", count > 0 ? crash->restart_ns[count / 2] : 0);
    souk_json_put_bool(&out, "good", good);
    souk_json_put_text(&out, "data", souk_text_of(crash->stage->data));
    souk_json_put_text(&out, "acks_file", souk_text_of(crash->stage->acks));
    souk_json_key(&out, "provider_ledger");
    if (crash->stage->plan.card)
        souk_json_text(&out, souk_text_of(crash->stage->ledger));
    else
        souk_json_null(&out);
    souk_json_object_close(&out);
    print_line(&out);
}

void
souk_crash_print(const struct crash *crash, const struct load_tally *tally, bool good)
{
    uint64_t count = crash->restarts;
    for (unsigned i = crash->first; i < crash->end; i++)
        printf("%-20s %" PRIu64 " times, %" PRIu64 " of them while it recovered: %s\n", souk_crash_faults[i].name,
               crash->results[i].times, crash->results[i].in_recovery,
               i < crash->now ? souk_crash_faults[i].outcome : "NOT ALL OF THEM");
    printf("restarts took %.0f ms (median), at most %.0f ms\n",
           count > 0 ? (double)crash->restart_ns[count / 2] / 1e6 : 0,
           count > 0 ? (double)crash->restart_ns[count - 1] / 1e6 : 0);
    printf("%" PRIu64 " buyers: %" PRIu64 " served, %" PRIu64 " turned away, %" PRIu64 " without an answer%s%s\n",
           tally->buyers, tally->orders, tally->refused, tally->errors, tally->errors > 0 ? ": " : "", tally->error);
    printf("%" PRIu64 " requests lost their connection, %" PRIu64 " were put off; all came again under the same key\n",
           tally->broken, tally->busy);
    printf("%" PRIu64 " checks found %" PRIu64 " violations; kept in %s\n%s\n", crash->checks, crash->violations,
           crash->stage->data, good ? "All is well." : "NOT ALL IS WELL.");
}
