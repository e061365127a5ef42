/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_model.h -- the checker's model of a flash sale: what it knows of each sale, stock, quota, order and
 * message while it reads the journal. For check_*.c alone.
 *
 * check_read.c reads batches and keeps messages and asks (I7); check_sale.c follows sales, stocks and quotas,
 * check_pay.c orders, payments and accounts; check_end.c looks at what is left when the journal ends, and at the
 * provider's books and the acks. Records are found by key and refer to each other by index + 1, so that 0 is none. */
#ifndef SOUK_CHECK_MODEL_H
#define SOUK_CHECK_MODEL_H

#include "check.h"
#include "check_table.h"

#include "cell/batch.h"

struct check_sale {
    souk_key key, stock;
    int64_t price;
    uint64_t hold_ms;
    uint32_t currency, units, limit, numbers;
    bool opened, closed;
};

struct check_stock {
    souk_key key, sale;
    int64_t opened, free, held, sold, returned; /* Units; sold counts those that were given back later, too. */
    int64_t freest;        /* The fewest that were ever free. */
    uint64_t hold_ms;
    uint32_t first, last;  /* Its live holds in the order of their making. */
    uint32_t number;       /* The last one that arrived. */
    uint32_t turned_units; /* The fewest units that were refused since units were last freed; 0: none were. */
    uint32_t turned_number;
    uint32_t alarms;       /* Under way. */
    bool shuffled;         /* Its holds don't end in the order of their making. */
};

struct check_quota {
    souk_key key, sale;
    uint32_t limit, held, confirmed;
    uint32_t taken; /* Units that the stock holds for this customer or has sold to him. */
};

enum check_hold_state { CHECK_NO_HOLD, CHECK_HELD, CHECK_SOLD, CHECK_RELEASED, CHECK_EXPIRED, CHECK_RETURNED };

/* A reservation: one attempt of an order, or the second hold of one. */
struct check_hold {
    souk_key key;
    uint64_t until_ms;
    uint32_t order, stock; /* index + 1 */
    uint32_t units, quota_units;
    uint32_t next, previous;
    uint8_t state;       /* enum check_hold_state, at the stock */
    uint8_t quota_state; /* the same, at the quota: sold means confirmed */
};

struct check_order {
    souk_key key, sale;
    int64_t price, total, requested, captured, refunded; /* Of the order, and of its payment. */
    int64_t debited, credited;                           /* On the customer's account. */
    uint32_t currency, units, attempt, quota;
    uint32_t held, sold;                 /* Units of it at the stock. */
    uint32_t quota_held, quota_confirmed;
    uint32_t asked[2];                   /* The last ask of the order and of its payment. */
    int32_t pending;                     /* Messages about it and asks of it that are under way, ... */
    int32_t alarms;                      /* ... of them, alarms. */
    uint32_t called[4];                  /* The number of each operation's last call. */
    uint8_t state, reason, method, payment;
    bool placed, authorised, gave_up, was_cancelled;
};

/* A message that a batch sent and none has consumed. */
struct check_sent {
    souk_key id, to;
    uint64_t due_ms; /* When it should be handled. */
    int64_t amount;  /* What it will post. */
    uint32_t kind, tag, order, ask, currency;
    uint8_t class, ending, attempts;
    bool clearing;   /* It posts to the clearing book. */
};

struct check_ask {
    souk_key id, key;
    uint64_t due_ms;
    uint32_t kind, number, reply, order;
};

/* One currency's books. All sums are 0 while the books are even; they may pass through any int64. */
struct check_money {
    uint32_t currency;
    __int128 sum, told;                     /* Of all postings, also of those under way. */
    __int128 clearing, expected, clearing_told;
};

enum { CHECK_CURRENCIES = 200 };

struct check_balance { souk_key id; int64_t balance; };
struct check_mark { souk_key id; };

/* Time that the journal does not cover: the node was down or idle. */
struct check_gap { uint64_t from_ms, to_ms, lost_ms; };

struct check {
    souk_heap *heap;
    const struct souk_secret *secret;
    const struct souk_check_inputs *inputs;
    struct souk_check_report *report;
    struct check_table sales, stocks, quotas, orders, holds, sent, asks, balances, top_ups;
    struct check_money money[CHECK_CURRENCIES];
    unsigned money_count;
    souk_key clearing_book;
    /* The batch being read. */
    uint64_t position, turn_ms;
    souk_ref *actors;
    uint32_t actors_count, actors_room;
    souk_ref actor;       /* Whose turn it is. */
    souk_key *outcomes;   /* Ids of outcomes for payments that this batch sent. */
    uint32_t outcomes_count, outcomes_room;
    /* The chain. */
    uint64_t next, marker_position;
    struct souk_link link, marker_link;
    bool marker_seen;
    /* Sends of each batch, by position. */
    uint32_t *sends;
    size_t sends_room;
    /* The clock. */
    uint64_t now_ms, lost_ms;
    struct check_gap *gaps;
    size_t gaps_count, gaps_room;
};

/* ---- check_report.c ---- */

/* Counts a violation of an invariant, at the position being read, and keeps the first few. */
void souk_check_fail(struct check *c, unsigned invariant, souk_ref actor, const char *format, ...) SOUK_PRINTF(4, 5);
/* Prints a report for people. */
void souk_check_print(const struct souk_check_report *report, const char *directory);
/* Prints it as one line of JSON. False: it could not be written. */
bool souk_check_print_json(const struct souk_check_report *report);

/* ---- check_sale.c, check_pay.c: what happened, to the actor c->actor. False: its body does not fit the table. ---- */

bool souk_check_sale_event(struct check *c, uint32_t tag, struct souk_bytes body);
bool souk_check_stock_event(struct check *c, uint32_t tag, struct souk_bytes body);
bool souk_check_quota_event(struct check *c, uint32_t tag, struct souk_bytes body);
bool souk_check_order_event(struct check *c, uint32_t tag, struct souk_bytes body);
bool souk_check_payment_event(struct check *c, uint32_t tag, struct souk_bytes body);
bool souk_check_account_event(struct check *c, uint32_t tag, struct souk_bytes body);
/* The order that a message to a sale, stock, quota or account is about; 0: of none. */
bool souk_check_about(struct check *c, const struct souk_message *message, struct souk_bytes body, uint32_t *order);
/* What a message to an account will post. */
bool souk_check_posts(struct check *c, struct check_sent *sent, struct souk_bytes body);
/* A call to the payment provider goes on record: its key must be the one that the journal names. */
bool souk_check_call(struct check *c, const struct souk_message *message, struct souk_bytes body);
/* A batch is complete: the books must be even. */
void souk_check_books(struct check *c);
/* The books of a currency. Made when new. */
struct check_money *souk_check_money(struct check *c, uint32_t currency);
/* A message to an account comes under way (+1) or is handled (-1). */
void souk_check_post_outstanding(struct check *c, const struct check_sent *sent, int sign);

/* ---- check_end.c: the journal has been read. ---- */

void souk_check_end(struct check *c);
/* How long the node has run, as far as the journal tells, since a time that has passed. */
uint64_t souk_check_run_since(const struct check *c, uint64_t time_ms);

/* ---- Small things for all of them. ---- */

/* Decodes a message or event of that name. */
#define CHECK_READ(name, body, out) \
    souk_get_##name(&(struct souk_reader){ .at = (body).at, .end = (const uint8_t *)(body).at + (body).length }, (out))

static inline souk_key
check_ask_id(uint32_t kind, souk_key key, uint32_t number)
{
    return (souk_key){ key.high ^ souk_hash_mix((uint64_t)kind << 32 | number), key.low };
}

static inline struct check_order *
check_order_at(const struct check *c, uint32_t reference)
{
    return reference ? souk_check_table_at(&c->orders, reference - 1) : NULL;
}

#endif
