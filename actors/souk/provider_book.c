/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_book.c -- the simulated provider's memory and its ledger; called by provider_api.c.
 *
 * The ledger's line of an effect is with the system before the effect can be seen in an answer. */
#include "provider_book.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- tables ---- */

static bool
table_grow(struct provider_table *table)
{
    size_t mask = table->mask == 0 ? 4095 : table->mask * 2 + 1;
    souk_key **slots = calloc(mask + 1, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; table->slots != NULL && i <= table->mask; i++) {
        if (table->slots[i] == NULL)
            continue;
        size_t at = (size_t)table->slots[i]->low & mask;
        while (slots[at] != NULL)
            at = (at + 1) & mask;
        slots[at] = table->slots[i];
    }
    free(table->slots);
    table->slots = slots;
    table->mask = mask;
    return true;
}

void *
souk_provider_find(const struct provider_table *table, souk_key name)
{
    for (size_t at = (size_t)name.low & table->mask; table->slots[at] != NULL; at = (at + 1) & table->mask)
        if (souk_key_equal(*table->slots[at], name))
            return table->slots[at];
    return NULL;
}

void
souk_provider_add(struct provider_table *table, void *record)
{
    if (++table->count * 3 > table->mask * 2) {
        bool grown = table_grow(table);
        souk_assert(grown);
    }
    souk_key *name = record;
    size_t at = (size_t)name->low & table->mask;
    while (table->slots[at] != NULL)
        at = (at + 1) & table->mask;
    table->slots[at] = name;
}

static void
table_free(struct provider_table *table)
{
    for (size_t i = 0; table->slots != NULL && i <= table->mask; i++)
        free(table->slots[i]);
    free(table->slots);
    *table = (struct provider_table){ 0 };
}

/* ---- the book ---- */

bool
souk_provider_book_open(struct provider_book *book, const struct provider_faults *faults, const char *ledger)
{
    *book = (struct provider_book){ .faults = faults, .ledger = -1 };
    errno = ENOMEM;
    if (table_grow(&book->intents) && table_grow(&book->keys) && table_grow(&book->orders)) {
        if (ledger == NULL)
            return true;
        book->ledger = open(ledger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }
    if (book->ledger >= 0)
        return true;
    int kept = errno;
    souk_provider_book_close(book);
    errno = kept;
    return false;
}

void
souk_provider_book_close(struct provider_book *book)
{
    table_free(&book->keys);
    table_free(&book->orders);
    table_free(&book->intents);
    if (book->ledger >= 0)
        close(book->ledger);
    book->ledger = -1;
    book->newest = NULL;
}

souk_key
souk_provider_hash(const struct provider_book *book, const char *purpose, struct souk_text text)
{
    const struct souk_secret *seed = &book->faults->seed;
    return souk_hash_pair(seed, souk_hash_key(seed, purpose, strlen(purpose)),
                          souk_hash_key(seed, text.at, text.length));
}

struct provider_intent *
souk_provider_intent_find(const struct provider_book *book, struct souk_text id)
{
    return souk_provider_find(&book->intents, souk_provider_hash(book, "id", id));
}

struct provider_intent *
souk_provider_order_find(const struct provider_book *book, struct souk_text order)
{
    const struct provider_order *found = souk_provider_find(&book->orders, souk_provider_hash(book, "order", order));
    return found != NULL ? found->newest : NULL;
}

struct provider_intent *
souk_provider_intent_make(struct provider_book *book, struct souk_text key, int64_t amount, struct souk_text currency,
                          struct souk_text order, struct souk_text token, uint64_t now_ms)
{
    struct provider_intent *intent = calloc(1, sizeof *intent + order.length + token.length + 2);
    souk_assert(intent != NULL && currency.length == 3);
    souk_key minted = souk_provider_hash(book, "intent", key);
    snprintf(intent->id, sizeof intent->id, "pi_%016" PRIx64 "%08" PRIx32, minted.high, (uint32_t)minted.low);
    intent->name = souk_provider_hash(book, "id", souk_text_of(intent->id));
    intent->amount = amount;
    intent->made_s = now_ms / 1000;
    intent->status = INTENT_PROCESSING;
    memcpy(intent->currency, currency.at, 3);
    intent->order = (char *)(intent + 1);
    intent->token = intent->order + order.length + 1;
    if (order.length > 0)
        memcpy(intent->order, order.at, order.length);
    memcpy(intent->token, token.at, token.length);
    intent->older = book->newest;
    book->newest = intent;
    souk_provider_add(&book->intents, intent);
    if (order.length == 0)
        return intent;
    souk_key name = souk_provider_hash(book, "order", order);
    struct provider_order *of_order = souk_provider_find(&book->orders, name);
    if (of_order == NULL) {
        of_order = calloc(1, sizeof *of_order);
        souk_assert(of_order != NULL);
        of_order->name = name;
        souk_provider_add(&book->orders, of_order);
    }
    intent->next = of_order->newest;
    of_order->newest = intent;
    return intent;
}

void
souk_provider_ledger(struct provider_book *book, const struct provider_intent *intent, struct souk_text key,
                     const char *op, int64_t amount, uint64_t now_ms)
{
    if (book->ledger < 0)
        return;
    char buffer[2048], currency[3];
    for (int i = 0; i < 3; i++)
        currency[i] = (char)(intent->currency[i] - ('a' - 'A'));
    souk_json_writer out;
    struct souk_text line;
    souk_json_init(&out, buffer, sizeof buffer);
    souk_json_object_open(&out);
    souk_json_put_text(&out, "intent", souk_text_of(intent->id));
    souk_json_put_text(&out, "key", key);
    souk_json_put_text(&out, "op", souk_text_of(op));
    souk_json_put_i64(&out, "amount", amount);
    souk_json_put_text(&out, "currency", (struct souk_text){ currency, 3 });
    souk_json_put_text(&out, "order", souk_text_of(intent->order));
    souk_json_put_u64(&out, "at", now_ms);
    souk_json_object_close(&out);
    souk_json_newline(&out);
    souk_err err = souk_json_done(&out, &line);
    souk_assert(err == SOUK_OK); /* Key and order have bounds. */
    ssize_t written;
    do
        written = write(book->ledger, line.at, line.length);
    while (written < 0 && errno == EINTR);
    if (written != (ssize_t)line.length) { /* Nothing that isn't in the ledger may be answered. */
        fprintf(stderr, "souk provider: the ledger could not be written: %s\n",
                written < 0 ? strerror(errno) : "the disk is full");
        _exit(EX_IOERR);
    }
}

/* ---- answers ---- */

const char *
souk_provider_status_word(enum intent_status status)
{
    switch (status) {
    case INTENT_PROCESSING: return "processing";
    case INTENT_REQUIRES_CAPTURE: return "requires_capture";
    case INTENT_REQUIRES_ACTION: return "requires_action";
    case INTENT_DECLINED: return "requires_payment_method";
    case INTENT_SUCCEEDED: return "succeeded";
    case INTENT_CANCELED: return "canceled";
    }
    return "";
}

struct provider_answer
souk_provider_answer_of(const struct provider_intent *intent)
{
    return (struct provider_answer){
        .intent = intent, .status = intent->status, .received = intent->received, .refunded = intent->refunded
    };
}

static const struct { unsigned status; const char *type, *code, *message; } refusals[] = {
    [ANSWER_FINE] = { 200, "", "", "" },
    [ANSWER_CARD_DECLINED] = { 402, "card_error", "card_declined", "Your card was declined." },
    [ANSWER_MISSING] = { 404, "invalid_request_error", "resource_missing", "There is no such payment intent." },
    [ANSWER_STATE] = { 400, "invalid_request_error", "payment_intent_unexpected_state",
                         "The payment intent's status does not allow this." },
    [ANSWER_PARAMETER] = { 400, "invalid_request_error", "parameter_invalid", "A parameter is missing or invalid." },
    [ANSWER_AMOUNT] = { 400, "invalid_request_error", "amount_too_large", "The amount is too large." },
    [ANSWER_KEY_REUSED] = { 400, "idempotency_error", "idempotency_key_reused",
                              "This idempotency key was used with other parameters." },
    [ANSWER_KEY_IN_USE] = { 409, "idempotency_error", "idempotency_key_in_use",
                              "A request with this idempotency key is under way." },
    [ANSWER_BROKEN] = { 500, "api_error", "", "Something broke on our side." },
    [ANSWER_DOWN] = { 503, "api_error", "", "The provider is down." },
    [ANSWER_UNAUTHORISED] = { 401, "invalid_request_error", "", "There is no API key." },
    [ANSWER_NO_ROUTE] = { 404, "invalid_request_error", "", "There is no such path or method." },
};

unsigned
souk_provider_answer_status(const struct provider_answer *answer)
{
    return refusals[answer->refusal].status;
}

static void
put_word(souk_json_writer *out, const char *name, const char *word)
{
    souk_json_put_text(out, name, souk_text_of(word));
}

static void
put_null(souk_json_writer *out, const char *name)
{
    souk_json_key(out, name);
    souk_json_null(out);
}

static void
put_metadata(souk_json_writer *out, const struct provider_intent *intent)
{
    souk_json_key(out, "metadata");
    souk_json_object_open(out);
    if (intent->order[0] != '\0')
        put_word(out, "order", intent->order);
    souk_json_object_close(out);
}

static void
write_charge(souk_json_writer *out, const struct provider_answer *answer)
{
    const struct provider_intent *intent = answer->intent;
    char id[PROVIDER_ID + 1];
    snprintf(id, sizeof id, "ch_%s", intent->id + 3);
    if (!answer->expand_charge) {
        souk_json_text(out, souk_text_of(id));
        return;
    }
    souk_json_object_open(out);
    put_word(out, "id", id);
    put_word(out, "object", "charge");
    souk_json_put_i64(out, "amount", intent->amount);
    souk_json_put_i64(out, "amount_captured", answer->received);
    souk_json_put_i64(out, "amount_refunded", answer->refunded);
    souk_json_put_bool(out, "captured", answer->status == INTENT_SUCCEEDED);
    put_word(out, "currency", intent->currency);
    put_metadata(out, intent);
    put_word(out, "payment_intent", intent->id);
    souk_json_object_close(out);
}

static void
write_error_members(souk_json_writer *out, const char *decline_code, const char *message)
{
    put_word(out, "type", "card_error");
    put_word(out, "code", "card_declined");
    put_word(out, "decline_code", decline_code);
    put_word(out, "message", message);
}

void
souk_provider_intent_write(souk_json_writer *out, const struct provider_answer *answer)
{
    const struct provider_intent *intent = answer->intent;
    bool authorised = answer->status == INTENT_REQUIRES_CAPTURE;
    bool charged = answer->status == INTENT_SUCCEEDED || authorised || answer->status == INTENT_CANCELED;
    souk_json_object_open(out);
    put_word(out, "id", intent->id);
    put_word(out, "object", "payment_intent");
    souk_json_put_i64(out, "amount", intent->amount);
    souk_json_put_i64(out, "amount_capturable", authorised ? intent->amount : 0);
    souk_json_put_i64(out, "amount_received", answer->received);
    put_word(out, "capture_method", "manual");
    souk_json_put_u64(out, "created", intent->made_s);
    put_word(out, "currency", intent->currency);
    if (answer->status == INTENT_DECLINED) {
        souk_json_key(out, "last_payment_error");
        souk_json_object_open(out);
        write_error_members(out, intent->decline_code, "Your card was declined.");
        souk_json_object_close(out);
    } else {
        put_null(out, "last_payment_error");
    }
    if (charged) {
        souk_json_key(out, "latest_charge");
        write_charge(out, answer);
    } else {
        put_null(out, "latest_charge");
    }
    souk_json_put_bool(out, "livemode", false);
    put_metadata(out, intent);
    put_word(out, "payment_method", intent->token);
    put_word(out, "status", souk_provider_status_word(answer->status));
    souk_json_object_close(out);
}

static void
write_refund(souk_json_writer *out, const struct provider_answer *answer)
{
    char id[PROVIDER_ID + 16];
    snprintf(id, sizeof id, "re_%s%03" PRIu32, answer->intent->id + 3, answer->serial);
    souk_json_object_open(out);
    put_word(out, "id", id);
    put_word(out, "object", "refund");
    souk_json_put_i64(out, "amount", answer->amount);
    put_word(out, "currency", answer->intent->currency);
    souk_json_key(out, "payment_intent");
    if (answer->expand_intent)
        souk_provider_intent_write(out, answer);
    else
        souk_json_text(out, souk_text_of(answer->intent->id));
    put_word(out, "status", "succeeded");
    souk_json_object_close(out);
}

void
souk_provider_answer_write(souk_json_writer *out, const struct provider_answer *answer)
{
    if (answer->refusal == ANSWER_FINE && answer->refund) {
        write_refund(out, answer);
        return;
    }
    if (answer->refusal == ANSWER_FINE) {
        souk_provider_intent_write(out, answer);
        return;
    }
    const char *message = answer->detail != NULL ? answer->detail : refusals[answer->refusal].message;
    souk_json_object_open(out);
    souk_json_key(out, "error");
    souk_json_object_open(out);
    if (answer->refusal == ANSWER_CARD_DECLINED) {
        write_error_members(out, answer->intent->decline_code, message);
    } else {
        put_word(out, "type", refusals[answer->refusal].type);
        if (refusals[answer->refusal].code[0] != '\0')
            put_word(out, "code", refusals[answer->refusal].code);
        put_word(out, "message", message);
    }
    if (answer->intent != NULL) {
        souk_json_key(out, "payment_intent");
        souk_provider_intent_write(out, answer);
    }
    souk_json_object_close(out);
    souk_json_object_close(out);
}

void
souk_provider_event_write(souk_json_writer *out, const struct provider_answer *answer, const char *type,
                          uint64_t number, uint64_t made_s)
{
    char id[PROVIDER_ID + 24];
    snprintf(id, sizeof id, "evt_%s%" PRIu64, answer->intent->id + 3, number);
    struct provider_answer shown = *answer;
    shown.expand_charge = answer->refund; /* charge.refunded tells of the charge, all others of the intent. */
    souk_json_object_open(out);
    put_word(out, "id", id);
    put_word(out, "object", "event");
    put_word(out, "type", type);
    souk_json_put_u64(out, "created", made_s);
    souk_json_put_bool(out, "livemode", false);
    souk_json_key(out, "data");
    souk_json_object_open(out);
    souk_json_key(out, "object");
    if (answer->refund)
        write_charge(out, &shown);
    else
        souk_provider_intent_write(out, &shown);
    souk_json_object_close(out);
    souk_json_object_close(out);
}
