/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale_report.h -- what `souk sale` found out, for people and for programs; and the end of a rush, which
 * `souk crash` has too. */
#ifndef SOUK_SALE_REPORT_H
#define SOUK_SALE_REPORT_H

#include "load.h"
#include "sale_stage.h"

/* How all sales together stand. */
struct sale_totals {
    uint64_t units, free, held, sold, oversold;
    uint64_t left_over; /* Free where a buyer was turned away as sold out. */
};

/* What is reported. Borrows. */
struct sale_report {
    const struct stage *stage;
    const struct load_plan *plan;
    const struct load_tally *tally;
    const struct stage_verdict *verdict;
    struct sale_totals totals;
    uint64_t journal_bytes;
    bool ended_well; /* Node and provider did, and no ack is lost. */
};

/* Waits until nothing is held, at most within_ms, and sums up. SOUK_ERR_LATE: something is still held, or a sale
 * can't be seen; SOUK_ERR_CLOSED: interrupted. */
souk_err souk_sale_settle(souk_load *load, unsigned skus, unsigned within_ms,
                          struct sale_totals *totals) SOUK_MUST_CHECK;
/* Units that more buyers were told are theirs than there were. */
uint64_t souk_sale_oversold(const struct sale_report *report);
/* Whether all is well: the exit status is 0. */
bool souk_sale_good(const struct sale_report *report);
/* For a shop owner. */
void souk_sale_print(const struct sale_report *report);
/* One line of JSON. */
void souk_sale_print_json(const struct sale_report *report);

#endif
