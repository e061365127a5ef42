/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/account.c -- bank: an account that others can be paid from.
 *
 * A transfer is answered when the other account has said that it has the money: until then the turn's asker is kept, by
 * the number of the ask that we wait for. */
#include "actors/souk/kinds.h"

#define ACCOUNT_STATE(F, L, M) F(1, u64, balance) M(2, account_transit, transits)
SOUK_STATE(account, ACCOUNT_STATE);

static souk_key
transit_key(uint32_t ask)
{
    return (souk_key){ 0, ask };
}

static souk_verdict
on_account_open(struct account *self, const struct account_open *c, souk_turn *turn SOUK_UNUSED)
{
    self->balance = c->balance;
    return SOUK_ACCEPT;
}

static souk_verdict
on_account_transfer(struct account *self, const struct account_transfer *c, souk_turn *turn)
{
    self->balance -= c->amount;
    uint32_t ask = souk_ask(turn, souk_ref(account, c->to), account_credited, SOUK_WITHIN_MS(BENCH_PATIENCE_MS),
                            account_credit, .amount = c->amount);
    *souk_put(self, transits, transit_key(ask)) = (struct account_transit){ souk_turn_asker(turn) };
    return SOUK_LATER;
}

static souk_verdict
on_account_credit(struct account *self, const struct account_credit *c, souk_turn *turn SOUK_UNUSED)
{
    self->balance += c->amount;
    return SOUK_ACCEPT;
}

static souk_verdict
on_account_credited(struct account *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    const struct account_transit *transit = souk_find(self, transits, transit_key(outcome->ask));
    souk_assert(transit);
    souk_answer_later(turn, transit->teller, SOUK_ACCEPT, bench_count, .count = 1);
    (void)souk_remove(self, transits, transit_key(outcome->ask));
    return SOUK_ACCEPT;
}

static souk_verdict
on_account_balance(struct account *self, const struct account_balance *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, bench_count, .count = self->balance);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(account, ACCOUNT_TABLE, .on_fault = SOUK_STOP);
