/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_report.c -- violations as they are found, and the report as people and programs read it. */
#include "check_model.h"

#include "gateway/json.h"
#include "kinds.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const titles[SOUK_CHECK_INVARIANTS + 1] = {
    "", "no oversell", "no double charge", "no lost paid order", "limit", "money", "fairness", "once", "liveness",
    "durable", "price",
};

static const char *
kind_name(uint32_t number)
{
    for (const struct souk_kind *const *kind = souk_commerce_kinds; *kind; kind++)
        if ((*kind)->number == number) return (*kind)->name;
    return "";
}

void
souk_check_fail(struct check *c, unsigned invariant, souk_ref actor, const char *format, ...)
{
    struct souk_check_report *r = c->report;
    souk_assert(invariant && invariant <= SOUK_CHECK_INVARIANTS);
    r->violations++;
    if (r->invariants[invariant]++ >= SOUK_CHECK_SHOWN) return;
    struct souk_check_finding *finding = &r->findings[invariant][r->invariants[invariant] - 1];
    finding->position = c->position;
    size_t size = sizeof finding->text, length = 0;
    if (actor.kind)
        length = (size_t)snprintf(finding->text, size, "%s %016" PRIx64 "%016" PRIx64 ": ", kind_name(actor.kind),
                                  actor.key.high, actor.key.low);
    va_list args;
    va_start(args, format);
    vsnprintf(finding->text + length, size - length, format, args);
    va_end(args);
}

static double
per_checkout(const struct souk_check_report *r)
{
    return r->paid ? (double)r->bytes / (double)r->paid : 0;
}

void
souk_check_print(const struct souk_check_report *r, const char *directory)
{
    printf("%s\n", directory);
    printf("  %" PRIu64 " sales, %" PRIu64 " orders: %" PRIu64 " paid, %" PRIu64 " cancelled, %" PRIu64
           " under way, %" PRIu64 " need review; %" PRIu64 " units sold\n",
           r->sales, r->orders, r->paid, r->cancelled, r->under_way, r->reviews, r->units_sold);
    printf("  %" PRIu64 " events in %" PRIu64 " batches of %" PRIu64 " groups, %" PRIu64 " bytes", r->events,
           r->batches,
           r->groups, r->bytes);
    if (r->paid) printf(", %.0f for each paid order", per_checkout(r));
    if (r->attempts || r->dead)
        printf("\n  %" PRIu64 " turns failed that were tried again, %" PRIu64 " messages were given up", r->attempts,
               r->dead);
    printf("\n  held against %" PRIu64 " entries of the provider's ledger and %" PRIu64 " acks\n\n", r->effects,
           r->acks);
    for (unsigned i = 1; i <= SOUK_CHECK_INVARIANTS; i++) {
        printf("  I%-3u %-20s %s\n", i, titles[i], r->invariants[i] ? "VIOLATED" : "holds");
        for (uint64_t n = 0; n < r->invariants[i] && n < SOUK_CHECK_SHOWN; n++) {
            const struct souk_check_finding *finding = &r->findings[i][n];
            if (finding->position) printf("         at position %" PRIu64 ": %s\n", finding->position, finding->text);
            else printf("         at the end: %s\n", finding->text);
        }
        if (r->invariants[i] > SOUK_CHECK_SHOWN)
            printf("         and %" PRIu64 " more\n", r->invariants[i] - SOUK_CHECK_SHOWN);
    }
    printf("\n%" PRIu64 " violations\n", r->violations);
}

static void
write_findings(souk_json_writer *out, const struct souk_check_report *r)
{
    souk_json_key(out, "findings");
    souk_json_array_open(out);
    for (unsigned i = 1; i <= SOUK_CHECK_INVARIANTS; i++) {
        for (uint64_t n = 0; n < r->invariants[i] && n < SOUK_CHECK_SHOWN; n++) {
            char name[8];
            snprintf(name, sizeof name, "I%u", i);
            souk_json_object_open(out);
            souk_json_put_text(out, "invariant", souk_text_of(name));
            souk_json_put_u64(out, "position", r->findings[i][n].position);
            souk_json_put_text(out, "text", souk_text_of(r->findings[i][n].text));
            souk_json_object_close(out);
        }
    }
    souk_json_array_close(out);
}

bool
souk_check_print_json(const struct souk_check_report *r)
{
    const struct { const char *name; uint64_t value; } counts[] = {
        { "violations", r->violations }, { "sales", r->sales }, { "orders", r->orders }, { "paid", r->paid },
        { "cancelled", r->cancelled }, { "reviews", r->reviews }, { "under_way", r->under_way },
        { "units_sold", r->units_sold }, { "events", r->events }, { "batches", r->batches }, { "groups", r->groups },
        { "turns", r->turns }, { "sends", r->sends }, { "attempts_failed", r->attempts }, { "dead", r->dead },
        { "outstanding", r->outstanding }, { "bytes", r->bytes },
        { "ledger_entries", r->effects }, { "acks", r->acks }, { "last_ms", r->last_ms },
    };
    souk_json_writer out;
    struct souk_text text;
    souk_json_init_growing(&out, 1 << 20);
    souk_json_object_open(&out);
    souk_json_key(&out, "invariants");
    souk_json_object_open(&out);
    for (unsigned i = 1; i <= SOUK_CHECK_INVARIANTS; i++) {
        char name[8];
        snprintf(name, sizeof name, "I%u", i);
        souk_json_put_u64(&out, name, r->invariants[i]);
    }
    souk_json_object_close(&out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        souk_json_put_u64(&out, counts[i].name, counts[i].value);
    souk_json_key(&out, "bytes_per_checkout");
    souk_json_decimal(&out, per_checkout(r), 1);
    write_findings(&out, r);
    souk_json_object_close(&out);
    souk_json_newline(&out);
    bool written = !souk_json_done(&out, &text) && fwrite(text.at, 1, text.length, stdout) == text.length;
    souk_json_fini(&out);
    return written && !fflush(stdout);
}
