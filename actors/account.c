/* SPDX-License-Identifier: Apache-2.0 */
/* account.c -- what an account does; see account.h.
 *
 * A top-up comes from outside and may be repeated for ever, so each is remembered under its posting's key. Debits and
 * credits come from payments, which send each once; they are listed among the recent postings and not remembered
 * beyond. A book (account_post) remembers sums and counts alone. */
#include "account.h"

#include "address.h"
#include "money.h"
#include "mutant.h"

#include <souk/actor.h>

#define ACCOUNT_STATE(F, L, M)                                                                                  \
    F(1, text, customer) M(2, account_balance, balances) M(3, account_top_up_entry, top_ups)                    \
    M(4, account_entry, recent) F(5, u64, count) F(6, bool, overdrawn)
SOUK_STATE(account, ACCOUNT_STATE);

/* A currency's place among the balances. */
static souk_key
currency_key(struct souk_text currency)
{
    return (souk_key){ 1, money_pack(currency) };
}

static int64_t
balance_of(const struct account *a, struct souk_text currency)
{
    const struct account_balance *balance = souk_find(a, balances, currency_key(currency));
    return balance ? balance->balance : 0;
}

static souk_verdict
decide_account_top_up(const struct account *a, const struct account_top_up *c, souk_turn *turn)
{
    if (!souk_key_equal(turn_account_key(turn, c->customer), souk_self(turn).key)) return account_wrong_address;
    souk_key posting = turn_posting_key(turn, c->key);
    const struct account_top_up_entry *before = souk_find(a, top_ups, posting);
    if (before && !shop_mutant(TOP_UP_AGAIN)) {
        if (before->amount != c->amount || before->currency != money_pack(c->currency)) return account_key_reused;
        souk_answer(turn, account_receipt, .posting = posting, .amount = c->amount, .balance = before->balance,
                    .currency = c->currency);
        return SOUK_ACCEPT;
    }
    if (!address_id_valid(c->customer) || !address_visible(c->key, ADDRESS_ID_MAX) || c->amount <= 0
        || c->amount > MONEY_MAX || !money_currency_known(c->currency)) return account_invalid;
    int64_t balance;
    if (!money_add(balance_of(a, c->currency), c->amount, &balance)) return account_overflow;
    souk_emit(turn, account_topped_up, .customer = c->customer, .has_customer = !a->customer.length, .posting = posting,
              .amount = c->amount, .currency = c->currency);
    souk_tell(turn, souk_ref(account, turn_book_key(turn, BOOK_ISSUED_CREDIT)), account_post, .amount = -c->amount,
              .currency = c->currency);
    souk_answer(turn, account_receipt, .posting = posting, .amount = c->amount, .balance = balance,
                .currency = c->currency);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_account_debit(const struct account *a, const struct account_debit *c, souk_turn *turn)
{
    if (c->amount <= 0) return account_invalid;
    if (balance_of(a, c->currency) < c->amount) return account_insufficient;
    souk_emit(turn, account_posted, .posting = c->posting, .amount = -c->amount, .currency = c->currency);
    return SOUK_ACCEPT;
}

/* Gives back what was debited, so it fits: the balance was that high before. */
static souk_verdict
decide_account_credit(const struct account *a, const struct account_credit *c, souk_turn *turn)
{
    int64_t balance;
    if (c->amount <= 0) return account_invalid;
    if (!money_add(balance_of(a, c->currency), c->amount, &balance)) return account_overflow;
    souk_emit(turn, account_posted, .posting = c->posting, .amount = c->amount, .currency = c->currency);
    return SOUK_ACCEPT;
}

/* A book. Its other half is booked elsewhere, so it can't refuse; only a sum beyond int64 would make it (MONEY_MAX
 * keeps that millions of the largest postings away), and then the checker finds the books uneven. */
static souk_verdict
decide_account_post(const struct account *a, const struct account_post *c, souk_turn *turn)
{
    int64_t balance;
    if (!money_add(balance_of(a, c->currency), c->amount, &balance)) return account_overflow;
    souk_emit(turn, account_booked, .amount = c->amount, .currency = c->currency);
    return SOUK_ACCEPT;
}

/* Balances in the order of their first posting; postings from the oldest that is kept to the newest. */
static souk_verdict
answer_account_show(const struct account *a, const struct account_show *q SOUK_UNUSED, const souk_turn *turn,
                    struct account_view *v)
{
    if (!a->count) return account_unknown;
    uint32_t currencies = souk_size(a, balances), recent = souk_size(a, recent), at = 0;
    souk_key key;
    souk_assert(currencies <= ACCOUNT_CURRENCIES_MAX && recent <= ACCOUNT_RECENT_MAX);
    char *letters = souk_turn_scratch(turn, 3 * ((size_t)currencies + recent) + 1);
    struct account_money *balances = souk_turn_scratch(turn, (currencies + 1) * sizeof *balances);
    struct account_posting *postings = souk_turn_scratch(turn, (recent + 1) * sizeof *postings);
    for (uint32_t i = 0; i < currencies; i++, letters += 3) {
        const struct account_balance *balance = souk_next(a, balances, &at, &key);
        balances[i] = (struct account_money){ balance->balance, money_unpack((uint32_t)key.low, letters) };
    }
    for (uint32_t i = 0; i < recent; i++, letters += 3) {
        souk_key place = { 1, (a->count - recent + i) % ACCOUNT_RECENT_MAX };
        const struct account_entry *entry = souk_find(a, recent, place);
        postings[i] = (struct account_posting){ entry->posting, entry->amount, money_unpack(entry->currency, letters) };
    }
    *v = (struct account_view){
        .customer = souk_text_in(&a->customer), .balances = { balances, currencies }, .postings = { postings, recent },
        .count = a->count,
    };
    return SOUK_ACCEPT;
}

/* ---- What happened. ---- */

static int64_t
post(struct account *a, int64_t amount, struct souk_text currency)
{
    struct account_balance *balance = souk_put(a, balances, currency_key(currency));
    bool fits = money_add(balance->balance, amount, &balance->balance);
    souk_assert(fits);
    balance->postings++;
    a->count++;
    return balance->balance;
}

/* A customer's posting also takes the place of the oldest recent one. The place is found by counting. */
static int64_t
post_listed(struct account *a, souk_key posting, int64_t amount, struct souk_text currency)
{
    souk_key place = { 1, a->count % ACCOUNT_RECENT_MAX };
    *souk_put(a, recent, place) = (struct account_entry){ posting, amount, money_pack(currency) };
    int64_t balance = post(a, amount, currency);
    if (balance < 0) a->overdrawn = true;
    return balance;
}

static void
apply_account_topped_up(struct account *a, const struct account_topped_up *e)
{
    if (e->has_customer) souk_set_text(a, customer, e->customer);
    int64_t balance = post_listed(a, e->posting, e->amount, e->currency);
    *souk_put(a, top_ups, e->posting) = (struct account_top_up_entry){ e->amount, balance, money_pack(e->currency) };
}

static void
apply_account_posted(struct account *a, const struct account_posted *e)
{
    post_listed(a, e->posting, e->amount, e->currency);
}

static void
apply_account_booked(struct account *a, const struct account_booked *e)
{
    post(a, e->amount, e->currency);
}

/* A customer's balance is never below zero; an account is a customer's or a book, never both. */
static void
check_account(const struct account *a)
{
    souk_assert(!a->overdrawn);
    souk_assert(!souk_size(a, recent) || a->customer.length);
}

SOUK_ACTOR(account, ACCOUNT_TABLE);
