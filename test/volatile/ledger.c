/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/ledger.c -- see ledger.h. */
#include "ledger.h"

#define LEDGER_STATE(F, L, M)                                                                             \
    F(1, u64, sum) F(2, u32, adds) F(3, u32, tells) F(4, u32, asks) F(5, u32, done) F(6, u32, refused)    \
    F(7, u32, late) F(8, u32, dead) F(9, asker, held)
SOUK_STATE(ledger, LEDGER_STATE);

static souk_verdict
decide_ledger_add(const struct ledger *l, const struct ledger_add *c, souk_turn *turn)
{
    if (c->value == 13) return ledger_closed;
    souk_emit(turn, ledger_added, .value = c->value);
    souk_answer(turn, puppet_said, .value = l->sum + c->value);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_ledger_send(const struct ledger *l SOUK_UNUSED, const struct ledger_send *c, souk_turn *turn)
{
    souk_tell(turn, souk_ref(puppet, c->to), puppet_run, .code = c->code, .value = c->value);
    souk_emit(turn, ledger_sent);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_ledger_inquire(const struct ledger *l SOUK_UNUSED, const struct ledger_inquire *c, souk_turn *turn)
{
    souk_ask(turn, souk_ref(puppet, c->to), ledger_heard, c->within_ms, puppet_run, .code = c->code,
             .value = c->value);
    souk_emit(turn, ledger_inquired);
    return SOUK_ACCEPT;
}

/* Answers later, when it is released; also after a crash. */
static souk_verdict
decide_ledger_hold(const struct ledger *l SOUK_UNUSED, const struct ledger_hold *c SOUK_UNUSED, souk_turn *turn)
{
    souk_emit(turn, ledger_held, .who = souk_turn_asker(turn));
    return SOUK_LATER;
}

static souk_verdict
decide_ledger_release(const struct ledger *l, const struct ledger_release *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer_later(turn, l->held, SOUK_ACCEPT, puppet_said, .value = 77);
    return SOUK_ACCEPT;
}

/* Speaks to nobody, and to a kind that there isn't. */
static souk_verdict
decide_ledger_stray(const struct ledger *l SOUK_UNUSED, const struct ledger_stray *c SOUK_UNUSED, souk_turn *turn)
{
    souk_tell(turn, souk_nobody, puppet_run, .code = 0, .value = 0);
    souk_ask(turn, souk_nobody, ledger_heard, SOUK_WITHIN_MS(1000), puppet_run, .code = 0, .value = 0);
    souk_emit(turn, ledger_inquired);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_ledger_heard(const struct ledger *l SOUK_UNUSED, const struct souk_outcome *outcome, souk_turn *turn)
{
    souk_emit(turn, ledger_told, .ending = (uint32_t)outcome->ending);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_ledger_show(const struct ledger *l, const struct ledger_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                   struct ledger_view *view)
{
    *view = (struct ledger_view){ l->sum, l->adds, l->tells, l->asks, l->done, l->refused, l->late, l->dead };
    return SOUK_ACCEPT;
}

static void
apply_ledger_added(struct ledger *l, const struct ledger_added *e)
{
    l->sum += e->value;
    l->adds++;
}

static void
apply_ledger_sent(struct ledger *l, const struct ledger_sent *e SOUK_UNUSED)
{
    l->tells++;
}

static void
apply_ledger_inquired(struct ledger *l, const struct ledger_inquired *e SOUK_UNUSED)
{
    l->asks++;
}

static void
apply_ledger_told(struct ledger *l, const struct ledger_told *e)
{
    if (e->ending == SOUK_DONE) l->done++;
    else if (e->ending == SOUK_REFUSED) l->refused++;
    else if (e->ending == SOUK_LATE) l->late++;
    else l->dead++;
}

static void
apply_ledger_held(struct ledger *l, const struct ledger_held *e)
{
    l->held = e->who;
}

/* Each ask has one outcome. */
static void
check_ledger(const struct ledger *l)
{
    souk_assert(l->done + l->refused + l->late + l->dead <= l->asks);
}

SOUK_ACTOR(ledger, LEDGER_TABLE);
