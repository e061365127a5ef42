/* SPDX-License-Identifier: Apache-2.0 */
/* stage.c -- see stage.h. Included by the tests of this folder. */
#include "stage.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- The machine. ---- */

static const struct souk_kind *
kind_of(uint32_t number)
{
    for (unsigned i = 0; souk_commerce_kinds[i]; i++)
        if (souk_commerce_kinds[i]->number == number) return souk_commerce_kinds[i];
    fail_msg("no kind %u", number);
    return NULL;
}

static struct souk_cell *
cell_of(struct stage *s, souk_ref ref)
{
    struct souk_cell *cell = souk_cell_find(&s->directory, ref.kind, ref.key);
    if (cell) return cell;
    assert_true(s->cells_count < STAGE_MAX);
    return s->cells[s->cells_count++] = souk_cell_new(&s->directory, &s->arena, kind_of(ref.kind), ref.key);
}

static void
route(void *self, struct souk_message *m)
{
    struct stage *s = self;
    if (m->class == SOUK_CALL) {
        struct souk_reader in = { .at = m->body, .end = m->body + m->length };
        struct souk_text name;
        souk_get_text(&in, &name);
        assert_true(!in.bad && m->to.kind == souk_payment_port.number && s->calls_count < STAGE_MAX);
        struct stage_call *call = &s->calls[s->calls_count++];
        *call = (struct stage_call){ .asker = m->asker };
        snprintf(call->operation, sizeof call->operation, "%.*s", (int)name.length, name.at);
        s->calls_ever++;
    } else if (m->class == SOUK_WAKE) {
        assert_true(s->wakes_count < STAGE_MAX);
        s->wakes[s->wakes_count++] = m;
    } else {
        souk_fifo_push(&s->queue, m);
    }
}

static void
leave(void *self, struct souk_message *m)
{
    struct stage *s = self;
    assert_true(m->class == SOUK_ANSWER && m->length <= sizeof s->answer);
    s->answered = true;
    s->ending = (enum souk_ending)m->ending;
    s->refusal = m->refusal;
    s->answer_length = m->length;
    memcpy(s->answer, m->body, m->length);
    souk_message_free(s->slice.heap, m);
}

static bool
lost(struct stage *s, const struct souk_message *m)
{
    if (!s->lose || m->class == SOUK_OUTCOME || m->is_query) return false;
    if (m->to.kind != s->lose_row->kind || m->tag != s->lose_row->tag) return false;
    s->lose--;
    return true;
}

/* Runs turns until nothing is left to do at this moment, as one batch. */
static void
run(struct stage *s)
{
    struct souk_slice *slice = &s->slice;
    souk_batch_begin(&slice->batch, slice->heap);
    slice->stamp++;
    slice->began_ms = slice->now_ms = s->now_ms;
    slice->cells_count = slice->sends_count = slice->opened_count = 0;
    for (bool again = true; again;) {
        for (struct souk_message *m; (m = souk_fifo_pop(&s->queue));)
            if (!lost(s, m)) souk_turn_run(slice, cell_of(s, m->to), m);
        again = false;
        for (unsigned i = 0; i < s->cells_count; i++) {
            struct souk_cell *cell = s->cells[i];
            if (!cell->changed) continue;
            cell->changed = false;
            struct souk_fifo waiting = cell->waiting;
            cell->waiting = (struct souk_fifo){ NULL, NULL };
            for (struct souk_message *m; (m = souk_fifo_pop(&waiting));) souk_turn_run(slice, cell, m);
            again = true;
        }
    }
    s->batch_bytes = slice->batch.length;
    for (uint32_t i = 0; i < slice->sends_count; i++)
        if (slice->sends[i]) slice->sends[i]->in_batch = false;
    for (uint32_t i = 0; i < slice->opened_count; i++) {
        struct souk_open_ask *ask = souk_cell_ask(slice->opened[i].cell, slice->opened[i].number);
        if (ask) ask->durable = true;
    }
}

struct stage *
stage_open(void)
{
    struct stage *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->memory = souk_memory_open();
    assert_non_null(s->memory);
    s->now_ms = 1700000000000;
    memset(s->secret.bytes, 7, sizeof s->secret.bytes);
    s->slice.heap = s->arena.heap = souk_heap_open(s->memory);
    s->slice.secret = &s->secret;
    s->slice.scratch_memory = souk_heap_alloc(s->slice.heap, SOUK_SCRATCH_BYTES);
    static struct souk_kind_tally tally[64]; /* Nobody looks at it. */
    s->slice.tally = tally;
    s->slice.self = s;
    s->slice.route = route;
    s->slice.exit = leave;
    return s;
}

void
stage_close(struct stage *s)
{
    souk_memory_close(&s->memory);
    free(s);
}

souk_verdict
stage_request(struct stage *s, souk_ref to, const struct souk_row *row, const void *body)
{
    size_t length = row->layout->encoded(body);
    struct souk_message *m = souk_message_new(s->slice.heap, SOUK_REQUEST, length);
    assert_ptr_equal(row->layout->put(m->body, body), m->body + length);
    m->to = to;
    m->tag = row->tag;
    m->is_query = row->class == SOUK_QUERY;
    m->due_ms = UINT64_MAX;
    s->answered = false;
    souk_fifo_push(&s->queue, m);
    run(s);
    if (!s->answered) return SOUK_LATER;
    return s->ending == SOUK_DONE ? SOUK_ACCEPT : s->refusal;
}

bool
stage_answer(struct stage *s, const struct souk_layout *layout, void *out)
{
    s->slice.scratch = (struct souk_scratch){ s->slice.scratch_memory, s->slice.scratch_memory + SOUK_SCRATCH_BYTES };
    struct souk_reader in = { .at = s->answer, .end = s->answer + s->answer_length, .scratch = &s->slice.scratch };
    return s->answered && s->ending == SOUK_DONE && layout->get(&in, out);
}

static void
push_late(struct stage *s, souk_asker asker)
{
    struct souk_message *m = souk_message_new(s->slice.heap, SOUK_OUTCOME, 0);
    m->to = (souk_ref){ asker.kind, asker.key };
    m->asker = asker;
    m->ending = SOUK_LATE;
    souk_fifo_push(&s->queue, m);
}

/* The earliest thing that is due by then happens; false when nothing is. */
static bool
ring(struct stage *s, uint64_t by_ms)
{
    uint64_t due = UINT64_MAX;
    unsigned wake = STAGE_MAX;
    souk_asker late = { { 0, 0 }, 0, 0 };
    for (unsigned i = 0; i < s->wakes_count; i++)
        if (s->wakes[i]->due_ms < due) due = s->wakes[i]->due_ms, wake = i;
    for (unsigned i = 0; i < s->cells_count; i++)
        for (uint32_t k = 0; k < s->cells[i]->asks_count; k++)
            if (s->cells[i]->asks[k].due_ms < due) {
                due = s->cells[i]->asks[k].due_ms;
                late = (souk_asker){ s->cells[i]->key, s->cells[i]->kind->number, s->cells[i]->asks[k].number };
            }
    if (due > by_ms) return false;
    if (due > s->now_ms) s->now_ms = due;
    if (late.kind) {
        for (unsigned i = 0; i < s->calls_count; i++)
            if (!memcmp(&s->calls[i].asker, &late, sizeof late)) s->calls[i--] = s->calls[--s->calls_count];
        push_late(s, late);
    } else {
        struct souk_message *m = s->wakes[wake];
        s->wakes[wake] = s->wakes[--s->wakes_count];
        souk_fifo_push(&s->queue, m);
    }
    run(s);
    return true;
}

void
stage_pass(struct stage *s, uint64_t ms)
{
    uint64_t until = s->now_ms + ms;
    while (ring(s, until)) continue;
    s->now_ms = until;
}

void
stage_provider(struct stage *s, const char *operation, enum souk_ending ending, const struct provider_result *result)
{
    assert_true(s->calls_count > 0);
    assert_string_equal(s->calls[0].operation, operation);
    struct stage_call call = s->calls[0];
    memmove(s->calls, s->calls + 1, --s->calls_count * sizeof call);
    size_t length = ending == SOUK_DONE ? souk_layout_of_provider_result->encoded(result) : 0;
    struct souk_message *m = souk_message_new(s->slice.heap, SOUK_OUTCOME, length);
    if (length) souk_layout_of_provider_result->put(m->body, result);
    m->to = (souk_ref){ call.asker.kind, call.asker.key };
    m->asker = call.asker;
    m->ending = (uint8_t)ending;
    souk_fifo_push(&s->queue, m);
    run(s);
}

/* ---- The shop. ---- */

static souk_key
hash_text(const struct stage *s, struct souk_text text)
{
    return souk_hash_key(&s->secret, text.at, text.length);
}

static souk_key
hash_pair(const struct stage *s, souk_key first, souk_key second)
{
    return souk_hash_pair(&s->secret, first, second);
}

SOUK_ADDRESSES(stage, struct stage, hash_text, hash_pair)

struct souk_text
stage_text(const char *text)
{
    return (struct souk_text){ text, strlen(text) };
}

souk_ref
stage_sale(struct stage *s, const char *sale)
{
    return souk_ref(sale, stage_sale_key(s, stage_text(sale)));
}

souk_ref
stage_stock(struct stage *s, const char *sale, const char *sku)
{
    return souk_ref(stock, stage_stock_key(s, stage_text(sale), stage_text(sku)));
}

souk_ref
stage_order(struct stage *s, const char *customer, const char *key)
{
    return souk_ref(order, stage_order_key(s, stage_text(customer), stage_text(key)));
}

souk_ref
stage_payment(struct stage *s, const char *customer, const char *key)
{
    return souk_ref(payment, stage_order_key(s, stage_text(customer), stage_text(key)));
}

souk_ref
stage_account(struct stage *s, const char *customer)
{
    return souk_ref(account, stage_account_key(s, stage_text(customer)));
}

souk_ref
stage_book(struct stage *s, struct souk_text book)
{
    return souk_ref(account, stage_book_key(s, book));
}

void
stage_shop(struct stage *s, uint32_t units, uint32_t limit)
{
    assert_int_equal(STAGE_SAY(s, stage_sale(s, "sale"), sale_open, .sale = SOUK_TEXT("sale"), .sku = SOUK_TEXT("sku"),
                               .units = units, .price = 500, .currency = SOUK_TEXT("EUR"), .limit_per_customer = limit,
                               .hold_ms = 120000), SOUK_ACCEPT);
}

void
stage_credit(struct stage *s, const char *customer, int64_t amount)
{
    assert_int_equal(STAGE_SAY(s, stage_account(s, customer), account_top_up, .customer = stage_text(customer),
                               .key = SOUK_TEXT("first"), .amount = amount, .currency = SOUK_TEXT("EUR")), SOUK_ACCEPT);
}

uint32_t
stage_place(struct stage *s, const char *customer, const char *key, uint32_t units, const char *token)
{
    struct order_place c = { .customer = stage_text(customer), .idempotency_key = stage_text(key),
        .sale = SOUK_TEXT("sale"), .units = units, .method = token ? ORDER_CARD : ORDER_CREDIT,
        .token = stage_text(token ? token : ""), .has_token = token };
    assert_int_equal(stage_request(s, stage_order(s, customer, key), &order_place_command, &c), SOUK_ACCEPT);
    size_t bytes = s->batch_bytes;
    uint32_t state = stage_order_view(s, customer, key).state;
    s->batch_bytes = bytes;
    return state;
}

struct order_view
stage_order_view(struct stage *s, const char *customer, const char *key)
{
    struct order_view v = { .state = ORDER_NEW };
    assert_true(STAGE_SHOW(s, stage_order(s, customer, key), order_show, order_view, &v, .settled_only = false));
    return v;
}

struct payment_view
stage_payment_view(struct stage *s, const char *customer, const char *key)
{
    struct payment_view v;
    souk_ref payment = stage_payment(s, customer, key);
    assert_int_equal(stage_request(s, payment, &payment_show_query, &(struct payment_show){}), 0);
    assert_true(stage_answer(s, souk_layout_of_payment_view, &v));
    return v;
}

struct stock_view
stage_stock_view(struct stage *s)
{
    struct stock_view v;
    assert_int_equal(stage_request(s, stage_stock(s, "sale", "sku"), &stock_show_query, &(struct stock_show){}), 0);
    assert_true(stage_answer(s, souk_layout_of_stock_view, &v));
    assert_int_equal(v.free + v.held + v.sold, v.units);
    return v;
}

int64_t
stage_balance(struct stage *s, souk_ref account)
{
    struct account_view v;
    if (stage_request(s, account, &account_show_query, &(struct account_show){})) return 0;
    assert_true(stage_answer(s, souk_layout_of_account_view, &v));
    return v.balances.count ? v.balances.at[0].amount : 0;
}
