/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_book.h -- what the simulated provider knows: intents, idempotency keys, and its ledger on disk.
 *
 * All in memory but the ledger, all on one thread. An answer is kept as what it says, not as its bytes: rendering it
 * again gives the same bytes, in a tenth of the memory. */
#ifndef SOUK_PROVIDER_BOOK_H
#define SOUK_PROVIDER_BOOK_H

#include "provider_faults.h"

#include "gateway/json.h"

enum { PROVIDER_ID = 28, PROVIDER_ORDER_MAX = 64, PROVIDER_TOKEN_MAX = 64, PROVIDER_KEY_MAX = 255 };

enum intent_status {
    INTENT_PROCESSING, INTENT_REQUIRES_CAPTURE, INTENT_REQUIRES_ACTION, INTENT_DECLINED, INTENT_SUCCEEDED,
    INTENT_CANCELED
};

/* Why a request is refused: Stripe's type and code, and the HTTP status. */
enum answer_refusal {
    ANSWER_FINE, ANSWER_CARD_DECLINED, ANSWER_MISSING, ANSWER_STATE, ANSWER_PARAMETER, ANSWER_AMOUNT,
    ANSWER_KEY_REUSED, ANSWER_KEY_IN_USE, ANSWER_BROKEN, ANSWER_DOWN, ANSWER_UNAUTHORISED, ANSWER_NO_ROUTE
};

/* One payment. Never freed before the end. */
struct provider_intent {
    souk_key name;                /* The hash of its id. */
    struct provider_intent *next; /* The next older one of the same order. */
    struct provider_intent *older; /* The one made before. */
    int64_t amount, received, refunded;
    uint64_t made_s;
    enum intent_status status;
    const char *decline_code;     /* NULL: not declined. */
    char id[PROVIDER_ID], currency[4];
    char *order, *token;          /* In the same block. */
};

/* An answer, or an event for the webhook, at the moment when it was given. */
struct provider_answer {
    const struct provider_intent *intent; /* NULL with most refusals. */
    enum answer_refusal refusal;
    enum intent_status status;
    bool refund, expand_charge, expand_intent; /* It is a refund's; what the client wants in full. */
    uint32_t serial;                           /* A refund's, for its id. */
    int64_t received, refunded, amount;        /* The last is a refund's own. */
    const char *detail;                        /* With a refusal: a literal. */
};

/* What is known of an idempotency key. */
struct provider_key {
    souk_key name;
    souk_key request; /* The fingerprint of what it was first used for. */
    bool under_way;   /* Not yet answered. */
    struct provider_answer answer;
};

/* An open-addressed table of records that begin with their souk_key; only grows. */
struct provider_table { souk_key **slots; size_t count, mask; };

struct provider_book {
    const struct provider_faults *faults;
    struct provider_table intents, keys, orders; /* The last: of struct provider_order. */
    struct provider_intent *newest;
    uint64_t serial;
    int ledger;
};

struct provider_order { souk_key name; struct provider_intent *newest; };

/* False: no memory, or the ledger cannot be opened (errno says why). Appends to it. */
bool souk_provider_book_open(struct provider_book *book, const struct provider_faults *faults, const char *ledger);
/* Frees everything. */
void souk_provider_book_close(struct provider_book *book);
/* A hash that only this run's seed knows. */
souk_key souk_provider_hash(const struct provider_book *book, const char *purpose, struct souk_text text);
/* The record of that name, or NULL. */
void *souk_provider_find(const struct provider_table *table, souk_key name);
/* Adds a record, whose name is not yet there. */
void souk_provider_add(struct provider_table *table, void *record);
/* The intent of that id; NULL: none. */
struct provider_intent *souk_provider_intent_find(const struct provider_book *book, struct souk_text id);
/* The newest intent of an order; NULL: none. Its `next` is the one before. */
struct provider_intent *souk_provider_order_find(const struct provider_book *book, struct souk_text order);
/* Makes an intent in the status PROCESSING; its id follows from the seed and `key`. */
struct provider_intent *souk_provider_intent_make(struct provider_book *book, struct souk_text key, int64_t amount,
                                             struct souk_text currency, struct souk_text order,
                                             struct souk_text token, uint64_t now_ms);
/* Writes a line and hands it to the system before it returns. When it can't, the process ends. */
void souk_provider_ledger(struct provider_book *book, const struct provider_intent *intent, struct souk_text key,
                     const char *op, int64_t amount, uint64_t now_ms);

/* The word for a status. */
const char *souk_provider_status_word(enum intent_status status);
/* What the answer says of an intent as it is now. */
struct provider_answer souk_provider_answer_of(const struct provider_intent *intent);
/* The HTTP status of an answer. */
unsigned souk_provider_answer_status(const struct provider_answer *answer);
/* Writes an answer's body. */
void souk_provider_answer_write(souk_json_writer *out, const struct provider_answer *answer);
/* Writes an intent as the answer shows it. */
void souk_provider_intent_write(souk_json_writer *out, const struct provider_answer *answer);
/* Writes the event of that type and number. */
void souk_provider_event_write(souk_json_writer *out, const struct provider_answer *answer, const char *type,
                          uint64_t number, uint64_t made_s);

#endif
