/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/check_story.c -- see check_story.h. */
#include "check_story.h"

#include <stdio.h>

static const struct souk_id nothing;

static struct souk_text
customer(unsigned n, char room[16])
{
    return (struct souk_text){ room, (size_t)snprintf(room, 16, "c%u", n) };
}

souk_ref
story_order(const struct story *s, unsigned n)
{
    char room[16];
    return souk_ref(order, writer_order_key(&s->w, customer(n, room), SOUK_TEXT("k")));
}

souk_ref
story_payment(const struct story *s, unsigned n)
{
    return souk_ref(payment, story_order(s, n).key);
}

souk_ref
story_quota(const struct story *s, unsigned n)
{
    char room[16];
    return souk_ref(quota, writer_quota_key(&s->w, SOUK_TEXT("sale"), customer(n, room)));
}

souk_ref
story_account(const struct story *s, unsigned n)
{
    char room[16];
    return souk_ref(account, writer_account_key(&s->w, customer(n, room)));
}

souk_ref
story_book(const struct story *s, struct souk_text book)
{
    return souk_ref(account, writer_book_key(&s->w, book));
}

souk_key
story_call_key(const struct story *s, unsigned n, uint32_t operation, uint32_t number)
{
    return writer_key_pair(&s->w, story_order(s, n).key, (souk_key){ operation, number });
}

void
story_batch(struct story *s)
{
    writer_commit(&s->w);
}

void
story_open(struct story *s, souk_journal *journal, struct souk_secret secret, uint32_t units, uint32_t limit)
{
    memset(s, 0, sizeof *s);
    struct writer *w = &s->w;
    writer_open(w, journal, secret);
    s->sale = souk_ref(sale, writer_sale_key(w, SOUK_TEXT("sale")));
    s->stock = souk_ref(stock, writer_stock_key(w, SOUK_TEXT("sale"), SOUK_TEXT("sku")));
    writer_turn(w, s->sale, nothing);
    EVENT(w, sale_opened, .sale = SOUK_TEXT("sale"), .sku = SOUK_TEXT("sku"), .units = units, .price = STORY_PRICE,
          .currency = SOUK_TEXT("EUR"), .limit_per_customer = limit, .hold_ms = STORY_HOLD_MS, .opens_at_ms = w->now_ms,
          .at_once = true, .stock = s->stock.key);
    writer_turn(w, s->stock, nothing);
    EVENT(w, stock_opened, .sale = SOUK_TEXT("sale"), .sku = SOUK_TEXT("sku"), .units = units,
          .hold_ms = STORY_HOLD_MS);
    story_batch(s);
}

void
story_close(struct story *s)
{
    writer_close(&s->w);
}

/* ---- Steps. ---- */

void
story_book_amount(struct story *s, struct souk_text book, int64_t amount)
{
    writer_turn(&s->w, story_book(s, book), nothing);
    EVENT(&s->w, account_booked, .amount = amount, .currency = SOUK_TEXT("EUR"));
}

void
story_top_up(struct story *s, unsigned n, int64_t amount)
{
    char room[16];
    writer_turn(&s->w, story_account(s, n), nothing);
    EVENT(&s->w, account_topped_up, .customer = customer(n, room), .has_customer = true,
          .posting = writer_posting_key(&s->w, SOUK_TEXT("first")), .amount = amount, .currency = SOUK_TEXT("EUR"));
}

void
story_place(struct story *s, unsigned n, uint32_t units, enum order_method method)
{
    char room[16];
    writer_turn(&s->w, story_order(s, n), nothing);
    EVENT(&s->w, order_placed, .customer = customer(n, room), .idempotency_key = SOUK_TEXT("k"),
          .sale = SOUK_TEXT("sale"),
          .units = units, .method = method, .token = SOUK_TEXT("tok_visa"), .has_token = method == ORDER_CARD,
          .at_ms = s->w.now_ms);
}

void
story_quota_hold(struct story *s, unsigned n, uint32_t units, uint32_t limit)
{
    writer_turn(&s->w, story_quota(s, n), nothing);
    EVENT(&s->w, quota_held, .reservation = story_order(s, n).key, .units = units, .limit = limit, .has_limit = true);
}

void
story_number(struct story *s)
{
    writer_turn(&s->w, s->sale, nothing);
    EVENT(&s->w, sale_numbered, .number = ++s->numbers);
}

void
story_stock_hold(struct story *s, unsigned n, uint32_t units)
{
    struct writer *w = &s->w;
    writer_turn(w, s->stock, nothing);
    EVENT(w, stock_reserved, .reservation = story_order(s, n).key, .number = s->numbers, .units = units,
          .until_ms = w->now_ms + STORY_HOLD_MS);
    if (s->alarm) return;
    s->alarm = true;
    s->alarm_id = writer_send(w, (struct souk_message){ .class = SOUK_WAKE, .to = s->stock, .tag = stock_expire_tag,
                                                        .time_ms = w->now_ms, .due_ms = w->now_ms + STORY_HOLD_MS },
                              souk_layout_of_stock_expire, &(struct stock_expire){});
}

void
story_turn_away(struct story *s, uint32_t units)
{
    writer_turn(&s->w, s->stock, nothing);
    EVENT(&s->w, stock_turned_away, .number = s->numbers, .units = units);
}

void
story_stock_confirm(struct story *s, unsigned n)
{
    writer_turn(&s->w, s->stock, nothing);
    EVENT(&s->w, stock_confirmed, .reservation = story_order(s, n).key);
}

void
story_stock_release(struct story *s, unsigned n)
{
    writer_turn(&s->w, s->stock, nothing);
    EVENT(&s->w, stock_released, .reservation = story_order(s, n).key);
}

void
story_debit(struct story *s, unsigned n, int64_t amount)
{
    writer_turn(&s->w, story_account(s, n), nothing);
    EVENT(&s->w, account_posted, .posting = story_order(s, n).key, .amount = -amount, .currency = SOUK_TEXT("EUR"));
}

static void
called(struct story *s, unsigned n, enum payment_operation operation)
{
    EVENT(&s->w, payment_called, .operation = operation, .number = 1, .first_ms = s->w.now_ms);
    (void)n;
}

void
story_reserve(struct story *s, unsigned n, uint32_t units, enum order_method method)
{
    struct writer *w = &s->w;
    writer_turn(w, story_order(s, n), nothing);
    EVENT(w, order_reserved, .number = s->numbers, .price = STORY_PRICE, .currency = SOUK_TEXT("EUR"), .after_ms = 0);
    writer_turn(w, story_payment(s, n), nothing);
    EVENT(w, payment_requested, .method = method, .amount = (int64_t)STORY_PRICE * units, .currency = SOUK_TEXT("EUR"),
          .token = SOUK_TEXT("tok_visa"), .has_token = method == ORDER_CARD);
    if (method == ORDER_CARD) called(s, n, PAYMENT_AUTHORISE);
}

void
story_authorise(struct story *s, unsigned n, uint32_t units, enum order_method method)
{
    if (method == ORDER_CREDIT) story_debit(s, n, (int64_t)STORY_PRICE * units);
    if (method == ORDER_CREDIT) story_book_amount(s, BOOK_CLEARING, (int64_t)STORY_PRICE * units);
    writer_turn(&s->w, story_payment(s, n), nothing);
    EVENT(&s->w, payment_authorised, .has_intent = false);
    writer_turn(&s->w, story_order(s, n), nothing);
    EVENT(&s->w, order_authorised, .after_ms = 0);
}

void
story_confirm(struct story *s, unsigned n)
{
    writer_turn(&s->w, story_order(s, n), nothing);
    EVENT(&s->w, order_confirmed, .after_ms = 0);
}

void
story_capture(struct story *s, unsigned n, uint32_t units, enum order_method method)
{
    writer_turn(&s->w, story_payment(s, n), nothing);
    if (method == ORDER_CARD) called(s, n, PAYMENT_CAPTURE);
    writer_event(&s->w, &payment_captured_event, &(struct payment_captured){});
    story_book_amount(s, BOOK_CLEARING, -(int64_t)STORY_PRICE * units);
    story_book_amount(s, BOOK_SALES, (int64_t)STORY_PRICE * units);
}

void
story_pay(struct story *s, unsigned n)
{
    writer_turn(&s->w, story_order(s, n), nothing);
    EVENT(&s->w, order_paid, .after_ms = 0);
}

void
story_cancel(struct story *s, unsigned n, enum order_reason reason)
{
    writer_turn(&s->w, story_order(s, n), nothing);
    EVENT(&s->w, order_cancelled, .reason = reason, .after_ms = 0);
}

/* ---- Whole stories. ---- */

void
story_buy_until_held(struct story *s, unsigned n, uint32_t units, enum order_method method)
{
    story_place(s, n, units, method);
    story_number(s);
    story_stock_hold(s, n, units);
    story_reserve(s, n, units, method);
}

void
story_buy(struct story *s, unsigned n, uint32_t units, enum order_method method)
{
    story_buy_until_held(s, n, units, method);
    story_authorise(s, n, units, method);
    story_stock_confirm(s, n);
    story_confirm(s, n);
    story_capture(s, n, units, method);
    story_pay(s, n);
    story_batch(s);
    story_ack(s, n, 201);
    if (method != ORDER_CARD) return;
    story_effect(s, n, SOUK_CHECK_AUTHORISE, 1, (int64_t)STORY_PRICE * units);
    story_effect(s, n, SOUK_CHECK_CAPTURE, 1, (int64_t)STORY_PRICE * units);
}

void
story_effect(struct story *s, unsigned n, enum souk_check_op op, uint32_t number, int64_t amount)
{
    souk_assert(s->effects_count < STORY_MAX);
    s->effects[s->effects_count++] = (struct souk_check_effect){
        .intent = { 1, n + 1 }, .key = story_call_key(s, n, op, number), .order = story_order(s,
                                                                                              n).key, .amount = amount,
        .op = op, .currency = "EUR" };
}

void
story_ack(struct story *s, unsigned n, uint32_t status)
{
    souk_assert(s->acks_count < STORY_MAX);
    s->acks[s->acks_count++] = (struct souk_check_ack){ .order = story_order(s, n).key, .status = status,
                                                        .sale = s->sale.key, .units = 1 };
}

const struct souk_check_report *
story_check(struct story *s)
{
    static struct souk_check_report report;
    struct souk_check_inputs inputs = { .effects = s->effects, .effects_count = s->effects_count, .has_ledger = true,
                                        .acks = s->acks, .acks_count = s->acks_count };
    souk_err err = souk_check_run(s->w.journal, &s->w.secret, &inputs, &report);
    if (err) fprintf(stderr, "%s\n", report.why);
    souk_assert(!err);
    return &report;
}

/* ---- In memory. ---- */

struct story *
stage_begin(struct stage *stage, uint32_t units, uint32_t limit)
{
    static const struct souk_secret secret = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
    souk_journal *journal;
    stage->store = souk_memory_store_open();
    souk_err err = souk_memory_store_journal(stage->store, &journal);
    souk_assert(!err);
    story_open(&stage->story, journal, secret, units, limit);
    return &stage->story;
}

void
stage_end(struct stage *stage)
{
    story_close(&stage->story);
    souk_memory_store_close(&stage->store);
}

bool
stage_finds(struct stage *stage, unsigned invariant, const char *words)
{
    story_batch(&stage->story);
    const struct souk_check_report *r = story_check(&stage->story);
    bool told = false;
    for (unsigned i = 1; i <= SOUK_CHECK_INVARIANTS; i++)
        for (unsigned n = 0; n < SOUK_CHECK_SHOWN && n < r->invariants[i]; n++) {
            if (!invariant) fprintf(stderr, "I%u: %s\n", i, r->findings[i][n].text);
            told |= i == invariant && strstr(r->findings[i][n].text, words);
        }
    stage_end(stage);
    return invariant ? told : !r->violations;
}

struct souk_id
stage_message(struct story *s)
{
    story_top_up(s, 1, 5000);
    struct souk_id id = SEND(&s->w, story_book(s, BOOK_ISSUED_CREDIT), account_post, .amount = -5000,
                             .currency = SOUK_TEXT("EUR"));
    story_batch(s);
    return id;
}
