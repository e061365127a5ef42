/* SPDX-License-Identifier: Apache-2.0 */
/* store/page.h -- which messages were being handled when the process died: against crash loops (DURABILITY R5).
 *
 * A file of the data directory, "turns", mapped into memory. Before a turn of an event-sourced actor its worker writes
 * down, in a slot of its own, whose turn it is and which message it takes: plain stores, which outlive the process (not
 * the machine: then nobody dies of them). Between turns the slot says so. At the next start a slot that still names a
 * turn means that the process died in it, and that is counted; a message that has ended so many processes is given up.
 *
 * It is an aid, not a truth: what is damaged or missing is made anew, and without it (NULL) a node runs as well. */
#ifndef SOUK_STORE_PAGE_H
#define SOUK_STORE_PAGE_H

#include <souk/base.h>

enum { SOUK_PAGE_SLOTS = 64, SOUK_PAGE_ENTRIES = 64, SOUK_PAGE_ABORTS = 3 };

#define SOUK_PAGE_ASK UINT64_MAX

/* A worker's. Its thread alone writes it, and nobody reads it before the next start. */
struct souk_page_slot {
    _Alignas(64) souk_key key;
    uint64_t position;          /* Of the message's id; 0: it is not on record; SOUK_PAGE_ASK: what came of an ask, */
    uint32_t kind, ordinal;     /* whose number is the ordinal. */
    uint32_t busy;              /* A turn is under way. */
};

/* What has ended processes. */
struct souk_page_entry {
    souk_key key;
    uint64_t position;
    uint32_t kind, ordinal;
    uint32_t aborts;            /* 0: a free place. */
};

typedef struct souk_page souk_page;

/* Opens the page of a data directory that the caller has locked, and counts. NULL when there is no room for it. */
souk_page *souk_page_open(const char *directory);
/* A worker's slot. */
struct souk_page_slot *souk_page_slot(souk_page *page, unsigned worker);
/* An entry, until NULL: those that are there stand before those that are free. */
const struct souk_page_entry *souk_page_entry(const souk_page *page, unsigned index);
/* Forgets an entry: its message is no longer there. The last one takes its place. */
void souk_page_forget(souk_page *page, unsigned index);
/* How often in a row the process died in a turn, soon after it had started. */
unsigned souk_page_deaths(const souk_page *page);
/* This process lives on. Any thread, one at a time. */
void souk_page_recovered(souk_page *page);
void souk_page_close(souk_page **page_p);

#endif
