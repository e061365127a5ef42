/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/purse.c -- see purse.h. A payment is kept as a debt until the other side has taken or refused it, so the
 * sum of all balances and debts never changes. */
#include "purse.h"

enum { HOUR = 3600000 };

#define PURSE_STATE(F, L, M)                                                                              \
    F(1, text, owner) F(2, u64, balance) F(3, u32, paid) F(4, u32, reminders)                             \
    L(5, u64, history) M(6, purse_debt, debts) M(7, purse_receipt, payments)
SOUK_STATE(purse, PURSE_STATE);

static souk_verdict
decide_purse_fill(const struct purse *p, const struct purse_fill *c, souk_turn *turn)
{
    if (p->owner.length) return SOUK_ACCEPT; /* Filled once. */
    souk_emit(turn, purse_filled, .owner = c->owner, .amount = c->amount);
    return SOUK_ACCEPT;
}

static souk_key
key_of_ask(uint32_t ask)
{
    return (souk_key){ 1, ask };
}

static souk_verdict
decide_purse_pay(const struct purse *p, const struct purse_pay *c, souk_turn *turn)
{
    if (souk_find(p, payments, c->id)) return SOUK_ACCEPT; /* A repeat. */
    if (p->balance < c->amount) return purse_poor;
    uint32_t ask = c->amount % 3 == 0
        ? souk_ask(turn, souk_ref(purse, c->to), purse_thought, SOUK_WITHIN_MS(HOUR), purse_think, .amount = c->amount)
        : souk_ask(turn, souk_ref(purse, c->to), purse_taken, SOUK_WITHIN_MS(HOUR), purse_take, .amount = c->amount);
    souk_emit(turn, purse_paying, .id = c->id, .to = c->to, .amount = c->amount, .ask = ask);
    souk_answer(turn, purse_receipt, .balance = p->balance - c->amount);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_purse_take(const struct purse *p, const struct purse_take *c, souk_turn *turn)
{
    if (c->amount % 7 == 0) {
        souk_emit(turn, purse_received, .amount = 1000000); /* Undone by the refusal. */
        return purse_full;
    }
    souk_emit(turn, purse_received, .amount = c->amount);
    souk_answer(turn, purse_receipt, .balance = p->balance + c->amount);
    return SOUK_ACCEPT;
}

/* Passes the request on, which then is answered by the other. */
static souk_verdict
decide_purse_relay(const struct purse *p SOUK_UNUSED, const struct purse_relay *c, souk_turn *turn)
{
    souk_forward(turn, souk_ref(purse, c->to), purse_take, .amount = c->amount);
    return SOUK_ACCEPT;
}

/* Takes its time: the answer comes from a later turn. */
static souk_verdict
decide_purse_think(const struct purse *p SOUK_UNUSED, const struct purse_think *c, souk_turn *turn)
{
    souk_wake(turn, 5, purse_decide, .who = souk_turn_asker(turn), .amount = c->amount);
    return SOUK_LATER;
}

static souk_verdict
decide_purse_decide(const struct purse *p, const struct purse_decide *c, souk_turn *turn)
{
    bool no = c->amount % 5 == 0;
    if (!no) souk_emit(turn, purse_received, .amount = c->amount);
    souk_answer_later(turn, c->who, no ? purse_moody : SOUK_ACCEPT, purse_receipt, .balance = p->balance + c->amount);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_purse_ring(const struct purse *p SOUK_UNUSED, const struct purse_ring *c, souk_turn *turn)
{
    souk_wake(turn, 10, purse_remind, .left = c->times);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_purse_remind(const struct purse *p SOUK_UNUSED, const struct purse_remind *c, souk_turn *turn)
{
    souk_emit(turn, purse_reminded, .left = c->left);
    if (c->left > 1) souk_wake(turn, 10, purse_remind, .left = c->left - 1);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_purse_taken(const struct purse *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    souk_assert(souk_find(p, debts, key_of_ask(outcome->ask))); /* Exactly once. */
    souk_assert(outcome->ending == SOUK_DONE || outcome->ending == SOUK_REFUSED);
    struct purse_receipt receipt;
    souk_assert((outcome->ending == SOUK_DONE) == souk_outcome_read(turn, outcome, purse_receipt, &receipt));
    souk_emit(turn, purse_settled, .ask = outcome->ask, .taken = outcome->ending == SOUK_DONE);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_purse_thought(const struct purse *p, const struct souk_outcome *outcome, souk_turn *turn)
{
    return decide_purse_taken(p, outcome, turn);
}

static souk_verdict
answer_purse_show(const struct purse *p, const struct purse_show *q, const souk_turn *turn, struct purse_view *view)
{
    if (p->paid < q->paid_min) return SOUK_WAIT;
    uint32_t count = souk_count(p, history), shown = count < 64 ? count : 64;
    uint64_t *history = souk_turn_scratch(turn, shown * sizeof *history);
    for (uint32_t i = 0; i < shown; i++) history[i] = *souk_at(p, history, count - shown + i);
    *view = (struct purse_view){ p->balance, p->paid, souk_size(p, debts), p->reminders, souk_text_in(&p->owner),
                                 { history, shown } };
    return SOUK_ACCEPT;
}

static void
apply_purse_filled(struct purse *p, const struct purse_filled *e)
{
    souk_set_text(p, owner, e->owner);
    p->balance += e->amount;
}

static void
apply_purse_paying(struct purse *p, const struct purse_paying *e)
{
    struct purse_debt *debt = souk_put(p, debts, key_of_ask(e->ask));
    *debt = (struct purse_debt){ e->to, e->amount, e->ask };
    p->balance -= e->amount;
    souk_put(p, payments, e->id)->balance = p->balance;
}

static void
apply_purse_received(struct purse *p, const struct purse_received *e)
{
    p->balance += e->amount;
    *souk_add(p, history) = e->amount;
}

static void
apply_purse_settled(struct purse *p, const struct purse_settled *e)
{
    const struct purse_debt *debt = souk_find(p, debts, key_of_ask(e->ask));
    if (e->taken) p->paid++;
    else p->balance += debt->amount;
    souk_remove(p, debts, key_of_ask(e->ask));
}

static void
apply_purse_reminded(struct purse *p, const struct purse_reminded *e)
{
    souk_assert(e->left);
    p->reminders++;
}

static void
check_purse(const struct purse *p)
{
    souk_assert(p->balance < UINT64_C(1) << 62);
}

SOUK_ACTOR(purse, PURSE_TABLE);
const struct souk_kind *const purse_kinds[] = { &purse_kind, NULL };
