/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h -- the commerce actors on a stage: the runtime's real turns, a queue, a clock and a provider that the test
 * moves by hand. One thread, no journal, no files. What is not found fails the test that asked for it. */
#ifndef TEST_ACTORS_STAGE_H
#define TEST_ACTORS_STAGE_H

#include "cell/turn.h"

#include "account.h"
#include "address.h"
#include "kinds.h"
#include "order.h"
#include "payment.h"
#include "provider_port.h"
#include "quota.h"
#include "sale.h"
#include "stock.h"

enum { STAGE_MAX = 4096 };

/* A call that was made to the provider and has no outcome yet. */
struct stage_call { char operation[32]; souk_asker asker; };

struct stage {
    souk_memory *memory;
    struct souk_secret secret;
    struct souk_arena arena;
    struct souk_directory directory;
    struct souk_slice slice;
    struct souk_fifo queue;
    struct souk_cell *cells[STAGE_MAX];
    unsigned cells_count;
    struct souk_message *wakes[STAGE_MAX];
    unsigned wakes_count;
    struct stage_call calls[STAGE_MAX]; /* Open ones. */
    unsigned calls_count, calls_ever;
    uint64_t now_ms;
    size_t batch_bytes;   /* Of the last run. */
    unsigned lose;        /* So many of the next messages of `lose_row` are lost, as if their actor were stuck. */
    const struct souk_row *lose_row;
    bool answered;        /* The last request has its answer. */
    enum souk_ending ending;
    souk_verdict refusal;
    uint8_t answer[65536];
    size_t answer_length;
};

struct stage *stage_open(void);
void stage_close(struct stage *stage);

/* Sends a request and runs all that follows from it. Its verdict; SOUK_LATER when it has no answer yet. */
souk_verdict stage_request(struct stage *stage, souk_ref to, const struct souk_row *row, const void *body);
#define STAGE_SAY(stage, to, command, ...) \
    stage_request((stage), (to), &command##_command, &(struct command){ __VA_ARGS__ })
/* Reads the last answer. Lists and texts are good until the next request. */
bool stage_answer(struct stage *stage, const struct souk_layout *layout, void *out);
/* Asks a query and reads its view. */
#define STAGE_SHOW(stage, to, query, view, out, ...)                                                       \
    (stage_request((stage), (to), &query##_query, &(struct query){ __VA_ARGS__ }) == SOUK_ACCEPT           \
     && stage_answer((stage), souk_layout_of_##view, (out)))
/* Lets time pass: wakes and deadlines come when they are due. */
void stage_pass(struct stage *stage, uint64_t ms);
/* The outcome of the oldest open call, which must be of this operation. */
void stage_provider(struct stage *stage, const char *operation, enum souk_ending ending,
                    const struct provider_result *result);

/* ---- A small shop. ---- */

struct souk_text stage_text(const char *text);
souk_ref stage_sale(struct stage *stage, const char *sale);
souk_ref stage_stock(struct stage *stage, const char *sale, const char *sku);
souk_ref stage_order(struct stage *stage, const char *customer, const char *key);
souk_ref stage_payment(struct stage *stage, const char *customer, const char *key);
souk_ref stage_account(struct stage *stage, const char *customer);
souk_ref stage_book(struct stage *stage, struct souk_text book);
/* Opens sale "sale" of `units` of "sku" at 500 EUR cents, limit per customer, holds of 120 s, at once. */
void stage_shop(struct stage *stage, uint32_t units, uint32_t limit);
/* Gives a customer credit. */
void stage_credit(struct stage *stage, const char *customer, int64_t amount);
/* Places an order of sale "sale"; token NULL: by credit. Its state after all that could happen has. */
uint32_t stage_place(struct stage *stage, const char *customer, const char *key, uint32_t units, const char *token);
struct order_view stage_order_view(struct stage *stage, const char *customer, const char *key);
struct payment_view stage_payment_view(struct stage *stage, const char *customer, const char *key);
struct stock_view stage_stock_view(struct stage *stage);
/* The balance in EUR of a customer or a book; 0 when there is no such account. */
int64_t stage_balance(struct stage *stage, souk_ref account);

#endif
