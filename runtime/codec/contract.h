/* SPDX-License-Identifier: Apache-2.0 */
/* codec/contract.h -- what kinds can be told and what they remember, as data: made of a program's kinds, written as
 * JSON, read back, and one held against another. The data directory has one (node/terms.h), `souk contract` shows and
 * compares them, docs/contracts/ keeps those of the shop. Pure; any thread.
 *
 * The text is always the same for the same kinds: a field, a refusal and a row stand on lines of their own. What reads
 * it wants the members in that order. docs/evolution.md shows one. */
#ifndef SOUK_CODEC_CONTRACT_H
#define SOUK_CODEC_CONTRACT_H

#include <souk/actor.h>

enum { SOUK_CONTRACT_VERSION = 1 };

/* What has fields. */
enum souk_term_class {
    SOUK_TERM_STATE, SOUK_TERM_RECORD, SOUK_TERM_COMMAND, SOUK_TERM_REPLY, SOUK_TERM_QUERY, SOUK_TERM_EVENT,
    SOUK_TERM_LIFTED,
};

/* A field; its number is its place, from 1. `type` is a word of the tables, or a record's name. */
struct souk_term_field { const char *name, *type; enum souk_shape shape; uint32_t cap; };

/* A state, a record, or a row. */
struct souk_term {
    enum souk_term_class class;
    uint32_t number;      /* 0 for a state and a record, which have none. */
    const char *name;
    bool is_public;       /* Of a command. */
    const char *other;    /* A query's view; what a lifted event becomes; else NULL. */
    const struct souk_term_field *fields;
    uint32_t count;
};

/* One kind: its state, records and rows, in this order, and its refusals. */
struct souk_contract_kind {
    const char *name;
    uint32_t number;
    bool is_volatile;
    const struct souk_term *terms;
    uint32_t terms_count;
    const struct souk_refusal *refusals;
    uint32_t refusals_count;
};

/* In the order of the kinds' numbers. */
typedef struct souk_contract {
    const struct souk_contract_kind *kinds;
    uint32_t count;
    struct souk_contract_chunk *chunks; /* The memory behind it all. */
} souk_contract;

/* The contract of kinds, NULL at the end; borrows their names. `durable_only` leaves out volatile ones.
 * SOUK_ERR_USAGE: two kinds have one number; SOUK_ERR_MEMORY. Then nothing is to be closed. */
souk_err souk_contract_of(souk_contract *out, const struct souk_kind *const *kinds, bool durable_only) SOUK_MUST_CHECK;
/* Adds all kinds of another one, which is empty afterwards, also on an error. SOUK_ERR_USAGE: a number is there twice;
 * SOUK_ERR_MEMORY. */
souk_err souk_contract_add(souk_contract *contract, souk_contract *more) SOUK_MUST_CHECK;
/* Reads a text, which may go afterwards. SOUK_ERR_VERSION when it is of a later version than this, else
 * SOUK_ERR_MALFORMED, SOUK_ERR_MEMORY; `line` says where. */
souk_err souk_contract_read(souk_contract *out, struct souk_text text, uint32_t *line) SOUK_MUST_CHECK;
/* Writes at most `room` bytes, and says how many there are in all; no final zero. One that is sealed ends in a sum of
 * all before it: whoever reads it then finds damage. */
size_t souk_contract_write(const souk_contract *contract, bool sealed, char *out, size_t room);
void souk_contract_close(souk_contract *contract);

/* ---- One held against another. ---- */

/* Whom a change keeps from reading: nobody; programs that speak to the node by the old contract; the new program
 * itself, when it reads what was written under the old one. */
enum souk_breaks { SOUK_BREAKS_NOTHING, SOUK_BREAKS_CLIENTS, SOUK_BREAKS_DATA };

struct souk_contract_change {
    enum souk_breaks breaks;
    char where[160]; /* "stock, event 2 stock_reserved, field 4 until_ms" */
    char why[200];   /* A sentence without capital and full stop. */
};

/* Calls change() for each change from the old to the new. */
void souk_contract_compare(const souk_contract *was, const souk_contract *is,
                           void (*change)(void *arg, const struct souk_contract_change *change), void *arg);

#endif
