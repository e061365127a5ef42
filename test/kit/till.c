/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/till.c -- see till.h. */
#include "till.h"

#define TILL_STATE(F, L, M)                                                                               \
    F(1, text, owner) F(2, key, above) F(3, bool, open) F(4, u32, opening) F(5, i64, total)               \
    M(6, till_sale, sales) L(7, i64, totals) F(8, u32, printed) F(9, asker, who)
SOUK_STATE(till, TILL_STATE);

const struct souk_port till_printer = { "printer", 9 };

static souk_verdict
decide_till_open(const struct till *t, const struct till_open *c, souk_turn *turn)
{
    if (t->open) return SOUK_ACCEPT;
    souk_emit(turn, till_opened, .owner = c->owner, .above = c->above, .has_above = c->has_above);
    souk_wake(turn, TILL_OPEN_MS, till_close, .opening = t->opening + 1);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till_sell(const struct till *t, const struct till_sell *c, souk_turn *turn)
{
    int64_t total = 0;
    uint32_t number = souk_count(t, totals) + 1;
    if (souk_key_none(c->sale)) return till_empty;
    const struct till_sale *before = souk_find(t, sales, c->sale);
    if (before) {
        souk_answer(turn, till_receipt, .number = number, .total = before->total);
        return SOUK_ACCEPT;
    }
    if (!t->open) return till_closed;
    for (uint32_t i = 0; i < c->lines.count; i++) total += c->lines.at[i].units * (c->lines.at[i].price & 0xffff);
    if (!total) return till_empty;
    souk_emit(turn, till_sold, .sale = c->sale, .total = total, .note = c->note, .has_note = c->has_note);
    souk_call(turn, &till_printer, c->sale, till_printed, TILL_PRINT_MS, till_print, .number = number,
              .what = c->has_note ? c->note : SOUK_TEXT("thank you"));
    if (!souk_key_none(t->above))
        souk_tell(turn, souk_ref(till, t->above), till_open, .owner = souk_text_in(&t->owner));
    souk_answer(turn, till_receipt, .number = number, .total = total);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till_close(const struct till *t, const struct till_close *c, souk_turn *turn)
{
    if (t->open && c->opening == t->opening) souk_emit(turn, till_shut);
    return SOUK_ACCEPT;
}

/* The answer comes when the till above has counted. */
static souk_verdict
decide_till_count(const struct till *t, const struct till_count *c SOUK_UNUSED, souk_turn *turn)
{
    if (!t->open || t->who.kind) return till_closed;
    if (souk_key_none(t->above)) {
        souk_answer(turn, till_receipt, .number = souk_count(t, totals), .total = t->total);
        return SOUK_ACCEPT;
    }
    souk_emit(turn, till_counting, .who = souk_turn_asker(turn));
    souk_ask(turn, souk_ref(till, t->above), till_counted, SOUK_WITHIN_MS(TILL_COUNT_MS), till_count);
    return SOUK_LATER;
}

static souk_verdict
decide_till_pass(const struct till *t SOUK_UNUSED, const struct till_pass *c, souk_turn *turn)
{
    souk_assert(!souk_key_equal(c->other, souk_self(turn).key)); /* What a test of assertions wants. */
    souk_forward(turn, souk_ref(till, c->other), till_count);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till_printed(const struct till *t SOUK_UNUSED, const struct souk_outcome *outcome, souk_turn *turn)
{
    souk_emit(turn, till_receipted, .printed = outcome->ending == SOUK_DONE);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_till_counted(const struct till *t, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct till_receipt above;
    bool known = souk_outcome_read(turn, outcome, till_receipt, &above);
    souk_emit(turn, till_reckoned);
    souk_answer_later(turn, t->who, known ? SOUK_ACCEPT : till_unsure, till_receipt, .number = souk_count(t, totals),
                      .total = t->total + (known ? above.total & 0xffff : 0));
    return SOUK_ACCEPT;
}

static souk_verdict
answer_till_show(const struct till *t, const struct till_show *q, const souk_turn *turn SOUK_UNUSED,
                 struct till_view *v)
{
    if (t->printed < q->printed_min) return SOUK_WAIT;
    *v = (struct till_view){ t->total, souk_count(t, totals), t->printed, souk_text_in(&t->owner) };
    return SOUK_ACCEPT;
}

static void
apply_till_opened(struct till *t, const struct till_opened *e)
{
    souk_set_text(t, owner, e->owner);
    t->above = e->has_above ? e->above : (souk_key){ 0, 0 };
    t->open = true;
    t->opening++;
}

static void
apply_till_sold(struct till *t, const struct till_sold *e)
{
    souk_put(t, sales, e->sale)->total = e->total;
    *souk_add(t, totals) = e->total;
    t->total += e->total;
}

static void
apply_till_shut(struct till *t, const struct till_shut *e SOUK_UNUSED)
{
    t->open = false;
}

static void
apply_till_receipted(struct till *t, const struct till_receipted *e)
{
    if (e->printed) t->printed++;
}

static void
apply_till_counting(struct till *t, const struct till_counting *e)
{
    t->who = e->who;
}

static void
apply_till_reckoned(struct till *t, const struct till_reckoned *e SOUK_UNUSED)
{
    t->who = (souk_asker){ { 0, 0 }, 0, 0 };
}

static void
check_till(const struct till *t)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < souk_count(t, totals); i++) total += *souk_at(t, totals, i);
    souk_assert(total == t->total && souk_size(t, sales) == souk_count(t, totals));
    souk_assert(t->printed <= souk_count(t, totals));
}

SOUK_ACTOR(till, TILL_TABLE);
