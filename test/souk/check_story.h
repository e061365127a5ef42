/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/check_story.h -- the steps of a small flash sale as journal entries, each right by itself: a test tells a
 * story of them, and leaves one out, doubles one or puts in a wrong one. */
#ifndef TEST_SOUK_CHECK_STORY_H
#define TEST_SOUK_CHECK_STORY_H

#include "check_writer.h"
#include "souk/check.h"
#include "store/memory.h"

#include "account.h"
#include "address.h"
#include "order.h"
#include "payment.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"

SOUK_ADDRESSES(writer, struct writer, writer_key_of, writer_key_pair)

enum { STORY_PRICE = 500, STORY_HOLD_MS = 120000, STORY_MAX = 16 };

struct story {
    struct writer w;
    souk_ref sale, stock;
    uint32_t numbers;
    bool alarm; /* The stock has one. */
    struct souk_id alarm_id;
    struct souk_check_effect effects[STORY_MAX];
    size_t effects_count;
    struct souk_check_ack acks[STORY_MAX];
    size_t acks_count;
};

/* Opens sale "sale" of that many units, with a limit per customer (0: none). One batch. */
void story_open(struct story *s, souk_journal *journal, struct souk_secret secret, uint32_t units, uint32_t limit);
void story_close(struct story *s);
/* Ends the batch. */
void story_batch(struct story *s);

/* Who buyer n is: customer "c<n>", key "k". */
souk_ref story_order(const struct story *s, unsigned n);
souk_ref story_payment(const struct story *s, unsigned n);
souk_ref story_quota(const struct story *s, unsigned n);
souk_ref story_account(const struct story *s, unsigned n);
souk_ref story_book(const struct story *s, struct souk_text book);
/* The key of an operation at the provider. */
souk_key story_call_key(const struct story *s, unsigned n, uint32_t operation, uint32_t number);

void story_top_up(struct story *s, unsigned n, int64_t amount);
void story_place(struct story *s, unsigned n, uint32_t units, enum order_method method);
void story_quota_hold(struct story *s, unsigned n, uint32_t units, uint32_t limit);
void story_number(struct story *s);
/* The stock holds units for him, under the sale's last number. */
void story_stock_hold(struct story *s, unsigned n, uint32_t units);
void story_turn_away(struct story *s, uint32_t units);
void story_stock_confirm(struct story *s, unsigned n);
void story_stock_release(struct story *s, unsigned n);
/* The order hears of its reservation and its payment is requested. */
void story_reserve(struct story *s, unsigned n, uint32_t units, enum order_method method);
void story_authorise(struct story *s, unsigned n, uint32_t units, enum order_method method);
void story_confirm(struct story *s, unsigned n);
void story_capture(struct story *s, unsigned n, uint32_t units, enum order_method method);
void story_pay(struct story *s, unsigned n);
void story_cancel(struct story *s, unsigned n, enum order_reason reason);
void story_book_amount(struct story *s, struct souk_text book, int64_t amount);
void story_debit(struct story *s, unsigned n, int64_t amount);

/* All of the above, in their order, one batch; with acks, and the ledger for a card. */
void story_buy(struct story *s, unsigned n, uint32_t units, enum order_method method);
/* As far as the reservation; the alarm is set. */
void story_buy_until_held(struct story *s, unsigned n, uint32_t units, enum order_method method);
/* Entries of the ledger and of the acks. */
void story_effect(struct story *s, unsigned n, enum souk_check_op op, uint32_t number, int64_t amount);
void story_ack(struct story *s, unsigned n, uint32_t status);

/* Checks it all; the report. */
const struct souk_check_report *story_check(struct story *s);

/* A story on an empty disk in memory. */
struct stage { souk_memory_store *store; struct story story; };
struct story *stage_begin(struct stage *stage, uint32_t units, uint32_t limit);
void stage_end(struct stage *stage);
/* Ends the last batch, checks, and ends the stage. Whether this invariant is violated in these words; invariant 0:
 * whether none is at all. */
bool stage_finds(struct stage *stage, unsigned invariant, const char *words);
/* Some message that is under way after the batch that this ends. */
struct souk_id stage_message(struct story *s);

#endif
