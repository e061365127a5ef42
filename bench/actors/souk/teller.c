/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/teller.c -- bank: keeps some transfers between random accounts under way. */
#include "actors/souk/kinds.h"

#define TELLER_STATE(F, L, M)                                                                                         \
    F(1, u64, n) F(2, u64, begun) F(3, u64, done) F(4, u64, random) F(5, u64, began_ns) F(6, u64, took_ns)            \
    L(7, key, accounts)
SOUK_STATE(teller, TELLER_STATE);

enum { WINDOW = 100, BALANCE = 1000 };

/* Below `limit`, by xorshift. */
static uint32_t
draw(struct teller *self, uint32_t limit)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (uint32_t)(((self->random >> 32) * limit) >> 32);
}

static void
transfer(struct teller *self, souk_turn *turn)
{
    uint32_t count = souk_count(self, accounts), from = draw(self, count);
    uint32_t to = (from + 1 + draw(self, count - 1)) % count;
    self->begun++;
    souk_ask(turn, souk_ref(account, *souk_at(self, accounts, from)), teller_transferred,
             SOUK_WITHIN_MS(BENCH_PATIENCE_MS), account_transfer, .to = *souk_at(self, accounts, to), .amount = 1);
}

/* Who plays is spawned: a message finds such an actor by its address alone, where a named one must be looked up. */
static souk_verdict
on_teller_start(struct teller *self SOUK_UNUSED, const struct teller_start *c, souk_turn *turn)
{
    souk_spawn(turn, teller, SOUK_NEAR, teller_play, .work = c->work);
    return SOUK_ACCEPT;
}

static souk_verdict
on_teller_play(struct teller *self, const struct teller_play *c, souk_turn *turn)
{
    self->n = c->work.n;
    self->random = 1;
    for (uint32_t i = 0; i < c->work.actors; i++)
        *souk_add(self, accounts) = souk_spawn(turn, account, bench_place, account_open, .balance = BALANCE).key;
    self->began_ns = bench_now_ns();
    while (self->begun < self->n && self->begun < WINDOW) transfer(self, turn);
    return SOUK_ACCEPT;
}

/* All is done: do the balances still add up? */
static void
audit(struct teller *self, souk_turn *turn)
{
    self->took_ns = bench_now_ns() - self->began_ns;
    uint32_t all = souk_gather(turn, teller_audited, SOUK_WITHIN_MS(BENCH_PATIENCE_MS));
    for (uint32_t i = 0; i < souk_count(self, accounts); i++)
        souk_ask_among(turn, all, souk_ref(account, *souk_at(self, accounts, i)), account_balance);
}

static souk_verdict
on_teller_transferred(struct teller *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    if (outcome->ending == SOUK_DONE) self->done++;
    else bench_expect(turn, "ending of a transfer", SOUK_DONE, outcome->ending);
    if (self->begun < self->n) transfer(self, turn);
    else if (self->done == self->n) audit(self, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_teller_audited(struct teller *self, const struct souk_outcome *outcome SOUK_UNUSED, souk_turn *turn)
{
    struct souk_outcome one;
    struct bench_count count;
    uint64_t sum = 0;
    for (uint32_t i = 0; souk_gathered(turn, i, &one); i++)
        if (souk_outcome_read(turn, &one, bench_count, &count)) sum += count.count;
    bench_expect(turn, "sum of balances", (uint64_t)BALANCE * souk_count(self, accounts), sum);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = { .ops = self->n, .ns = self->took_ns });
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(teller, TELLER_TABLE, .on_fault = SOUK_STOP);
