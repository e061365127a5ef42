/* SPDX-License-Identifier: Apache-2.0 */
/* store/memory_inside.h -- what memory.c and memory_vault.c share; see memory.h. */
#ifndef SOUK_STORE_MEMORY_INSIDE_H
#define SOUK_STORE_MEMORY_INSIDE_H

#include "store/memory.h"

struct group {
    uint64_t first, last;
    uint8_t *bytes;
    size_t length;
    bool live, durable;
    bool lost, torn; /* By a disk that said OK; by one that said that it had failed. */
};

struct entry {
    uint8_t *name, *value;
    size_t name_length, value_length;
};

/* Entries, in the order of their names. */
struct shelf {
    struct entry *at;
    size_t count, room;
};

struct plan {
    enum souk_memory_fault fault;
    uint64_t skip, puts;
};

struct memory_journal {
    souk_journal face;
    souk_memory_store *store;
    souk_err poison;
    bool begun;
    uint64_t end;
};

struct memory_vault {
    souk_vault face;
    souk_memory_store *store;
    souk_err poison;
};

struct souk_memory_store {
    struct group *groups;           /* In the order of their positions, the dead ones too. */
    size_t count, room;
    bool sinking;                   /* The journal's puts are not durable any more, until a crash. */
    struct shelf seen, kept;        /* `kept` is what survives, when `split`; else `seen` does. */
    bool split, vault_sinking;
    bool lied;                      /* The vault's two differ by a lie, not by an error only. */
    struct shelf before;            /* What was seen before a crash that found out, until the next put. */
    bool has_before;
    struct plan plans[2];
    uint64_t tail;                  /* The last position that was acknowledged: what the tail file is to LevelDB. */
    enum souk_memory_fault (*choose)(void *self, enum souk_memory_place place);
    void *choose_self;
    uint64_t left;                  /* Operations until the machine stops, when it is to. */
    bool ends, ended;
    struct memory_journal *journal;
    struct memory_vault *vault;
};

/* Out of memory is a panic. */
void *souk_memory_must(void *block);
uint8_t *souk_memory_copy(const void *at, size_t length);
/* The fault of the put that begins now, and what it answers. */
enum souk_memory_fault souk_memory_next_fault(souk_memory_store *store, enum souk_memory_place place);
souk_err souk_memory_fault_err(enum souk_memory_fault fault);
/* Counts an operation; true when the machine has stopped: it fails and changes nothing. */
bool souk_memory_has_ended(souk_memory_store *store);

/* ---- memory_vault.c. ---- */

extern const struct souk_vault_ops souk_memory_vault_ops;
/* What survives is all that there is. */
void souk_memory_vault_join(souk_memory_store *store);
/* What was seen before the last crash is there again. */
void souk_memory_vault_mend(souk_memory_store *store);
void souk_memory_shelf_clear(struct shelf *shelf);

#endif
