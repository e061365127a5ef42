/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale_report.c -- the report of `souk sale`. */
#include "sale_report.h"

#include "gateway/json.h"
#include "money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the end of a rush ---- */

souk_err
souk_sale_settle(souk_load *load, unsigned skus, unsigned within_ms, struct sale_totals *totals)
{
    uint64_t end = souk_process_now_ns() + (uint64_t)within_ms * 1000000;
    for (;;) {
        *totals = (struct sale_totals){ 0 };
        souk_err err = SOUK_OK;
        for (unsigned i = 0; !err && i < skus; i++) {
            struct load_sale sale;
            err = souk_load_look(load, i, &sale);
            if (err)
                break;
            totals->units += sale.units;
            totals->free += sale.free;
            totals->held += sale.held;
            totals->sold += sale.sold;
            if (sale.turned_away > 0)
                totals->left_over += sale.free;
            totals->oversold += sale.sold > sale.units ? sale.sold - sale.units : 0;
        }
        if (err || totals->held == 0)
            return err;
        if (souk_process_now_ns() > end)
            return SOUK_ERR_LATE;
        souk_process_sleep_ms(100);
    }
}

uint64_t
souk_sale_oversold(const struct sale_report *report)
{
    uint64_t told = report->tally->units > report->totals.units ? report->tally->units - report->totals.units : 0;
    return report->totals.oversold > told ? report->totals.oversold : told;
}

bool
souk_sale_good(const struct sale_report *report)
{
    return report->ended_well && report->verdict->status == 0 && report->verdict->violations == 0 &&
           report->tally->errors == 0 && report->totals.held == 0 && souk_sale_oversold(report) == 0 &&
           report->totals.left_over == 0 && report->tally->units == report->totals.sold;
}

/* ---- for people ---- */

/* 1234567 as "1,234,567"; `room` of 32 bytes. */
static const char *
grouped(uint64_t number, char room[32])
{
    char plain[24];
    int length = snprintf(plain, sizeof plain, "%" PRIu64, number);
    char *to = room;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = plain[i];
    }
    *to = '\0';
    return room;
}

/* An amount in minor units as people write it; `room` of 64 bytes. */
static const char *
money(uint64_t amount, const char *currency, char room[64])
{
    int exponent = money_exponent(souk_text_of(currency));
    uint64_t minor = 1;
    char whole[32];
    for (int i = 0; i < exponent; i++)
        minor *= 10;
    grouped(amount / minor, whole);
    char part[24];
    snprintf(part, sizeof part, "%" PRIu64, minor + amount % minor); /* Its first digit is a 1 that is not shown. */
    snprintf(room, 64, "%s%s%s %s", whole, exponent > 0 ? "." : "", part + 1, currency);
    return room;
}

static void
print_buyers(const struct load_tally *tally)
{
    char a[32], b[32], c[32];
    printf("  buyers           %s came: %s served, %s turned away", grouped(tally->buyers, a),
           grouped(tally->orders, b), grouped(tally->refused, c));
    const struct { const char *why; uint64_t count; } reasons[] = {
        { "sold out", tally->sold_out },           { "payment declined", tally->declined },
        { "not enough credit", tally->no_credit }, { "over the limit", tally->over_limit },
        { "other reasons", tally->other },
    };
    const char *before = " (";
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].count == 0)
            continue;
        printf("%s%s %s", before, grouped(reasons[i].count, a), reasons[i].why);
        before = ", ";
    }
    printf("%s\n", before[0] == ',' ? ")" : "");
    if (tally->errors > 0)
        printf("  WITHOUT ANSWER   %s buyers, the first: %s\n", grouped(tally->errors, a), tally->error);
}

static void
print_checks(const struct sale_report *report)
{
    static const char *const what[STAGE_INVARIANTS] = {
        "no oversell",     "no double charge", "no lost paid order", "limits kept",   "money adds up",
        "nobody overtook", "each step once",   "no stuck units",     "durable answers", "charged as quoted",
    };
    const struct stage_verdict *verdict = report->verdict;
    char a[32];
    if (verdict->status < 0) {
        printf("  invariants       NOT CHECKED: the checker did not end well\n");
        return;
    }
    printf("  double charges   %" PRIu64 "\n  lost orders      %" PRIu64 "\n", verdict->broken[1],
           verdict->broken[2] + verdict->broken[8]);
    if (verdict->violations == 0 && verdict->status == 0) {
        printf("  invariants       all %d hold, by the journal%s and what buyers were told\n", STAGE_INVARIANTS,
               report->stage->plan.card ? ", the payment provider's own ledger" : "");
        return;
    }
    printf("  invariants       BROKEN, %s times:\n", grouped(verdict->violations, a));
    for (unsigned i = 0; i < STAGE_INVARIANTS; i++)
        if (verdict->broken[i] > 0)
            printf("                   I%u %s: %" PRIu64 "\n", i + 1, what[i], verdict->broken[i]);
}

void
souk_sale_print(const struct sale_report *report)
{
    const struct load_tally *tally = report->tally;
    const struct load_plan *plan = report->plan;
    char a[64], b[64];
    printf("\nThe sale is over.\n\n");
    printf("  on sale          %s units", grouped(report->totals.units, a));
    if (plan->skus > 1)
        printf(" of %u items", plan->skus);
    printf(", at %s\n", money((uint64_t)plan->price, plan->currency, a));
    printf("  sold             %s units\n", grouped(report->totals.sold, a));
    printf("  oversold         %s\n", grouped(souk_sale_oversold(report), a));
    if (report->totals.left_over > 0)
        printf("  LEFT OVER        %s units, though buyers left without\n", grouped(report->totals.left_over, a));
    if (report->totals.held > 0)
        printf("  STILL HELD       %s units\n", grouped(report->totals.held, a));
    if (report->totals.sold != tally->units)
        printf("  TOLD OTHERWISE   buyers were told that %s units are theirs\n", grouped(tally->units, a));
    printf("  money taken      %s\n", money(report->totals.sold * (uint64_t)plan->price, plan->currency, a));
    print_buyers(tally);
    printf("  speed            %s orders a second\n", grouped((uint64_t)(souk_load_rate(tally) + 0.5), a));
    printf("  answers          half within %.1f ms, 99%% within %.1f ms, 99.9%% within %.1f ms\n",
           souk_load_ms(&tally->answered, 0.5), souk_load_ms(&tally->answered, 0.99),
           souk_load_ms(&tally->answered, 0.999));
    print_checks(report);
    printf("  journal          %s bytes", grouped(report->journal_bytes, a));
    if (tally->orders > 0)
        printf(", %s for each order", grouped(report->journal_bytes / tally->orders, b));
    printf("\n  kept in          %s\n", report->stage->data);
    if (!report->ended_well)
        printf("  ENDED BADLY      see the logs in %s\n", report->stage->folder);
    printf("\n%s\n", souk_sale_good(report) ? "All is well." : "NOT ALL IS WELL.");
}

/* ---- for programs ---- */

void
souk_sale_print_json(const struct sale_report *report)
{
    const struct load_tally *tally = report->tally;
    const struct stage_verdict *verdict = report->verdict;
    char room[8192];
    souk_json_writer out;
    struct souk_text text;
    const struct { const char *name; uint64_t value; } counts[] = {
        { "units", report->totals.units },
        { "sold", report->totals.sold },
        { "oversold", souk_sale_oversold(report) },
        { "left_over", report->totals.left_over },
        { "held", report->totals.held },
        { "double_charges", verdict->broken[1] },
        { "lost_orders", verdict->broken[2] + verdict->broken[8] },
        { "violations", verdict->violations },
        { "buyers", tally->buyers },
        { "served", tally->orders },
        { "turned_away", tally->refused },
        { "declined", tally->declined },
        { "errors", tally->errors },
        { "came_back", tally->came_back },
        { "seed", report->plan->seed },
        { "money_taken", report->totals.sold * (uint64_t)report->plan->price },
        { "journal_bytes", report->journal_bytes },
    };
    const struct { const char *name; double value; } figures[] = {
        { "orders_per_s", souk_load_rate(tally) },
        { "p50_ms", souk_load_ms(&tally->answered, 0.5) },
        { "p99_ms", souk_load_ms(&tally->answered, 0.99) },
        { "p999_ms", souk_load_ms(&tally->answered, 0.999) },
        { "seconds", (double)(tally->ended_ns - tally->began_ns) / 1e9 },
    };
    souk_json_init(&out, room, sizeof room);
    souk_json_object_open(&out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        souk_json_put_u64(&out, counts[i].name, counts[i].value);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        souk_json_key(&out, figures[i].name);
        souk_json_decimal(&out, figures[i].value, 3);
    }
    souk_json_put_bool(&out, "checked", verdict->status >= 0);
    souk_json_put_bool(&out, "good", souk_sale_good(report));
    souk_json_put_text(&out, "data", souk_text_of(report->stage->data));
    souk_json_key(&out, "provider_ledger");
    if (report->stage->plan.card)
        souk_json_text(&out, souk_text_of(report->stage->ledger));
    else
        souk_json_null(&out);
    souk_json_put_text(&out, "acks", souk_text_of(report->stage->acks));
    souk_json_object_close(&out);
    if (souk_json_done(&out, &text) == SOUK_OK)
        printf("%.*s\n", (int)text.length, text.at);
}
