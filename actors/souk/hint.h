/* SPDX-License-Identifier: Apache-2.0 */
/* souk/hint.h -- what a worker's gateway knows of sales without asking: that a sale exists, and that it is sold out.
 *
 * While a sale has no free unit, orders for it are refused at the door, so that a million losing buyers make no actor
 * and no journal (R11). A word "sold out" counts for SOUK_HINT_FRESH_MS from when it was asked for; after that the
 * first order to come makes the gateway look at the stock again, and waits for what it says with all that come
 * meanwhile. So units that came back are for sale again at once. All of it belongs to the worker's thread. */
#ifndef SOUK_HINT_H
#define SOUK_HINT_H

#include <souk/node.h>

typedef struct souk_hints souk_hints;

enum { SOUK_HINT_FRESH_MS = 20 };

enum souk_hint_word {
    SOUK_HINT_LATER,    /* Not known yet: told() will be called. */
    SOUK_HINT_GO,       /* As far as is known it has units. */
    SOUK_HINT_SOLD_OUT,
    SOUK_HINT_NO_SALE,  /* Never opened. */
    SOUK_HINT_BUSY,     /* It could not be found out in time. */
};

/* Somebody who waits. The caller's memory, in place until told() was called or it was forgotten; next and previous NULL
 * before and after. */
struct souk_hint_waiter {
    void (*told)(struct souk_hint_waiter *waiter, enum souk_hint_word word);
    struct souk_hint_waiter *next, **previous;
    bool joined; /* It came when the question was under way. */
};

/* A worker's hints, all unknown. SOUK_ERR_MEMORY. */
souk_err souk_hints_open(souk_hints **out, souk_worker *worker) SOUK_MUST_CHECK;
/* Forgets them, and the questions under way. Nobody may wait. */
void souk_hints_close(souk_hints **hints_p);
/* What is known of a sale. With SOUK_HINT_LATER the waiter is told, never within this call. */
enum souk_hint_word souk_hint_ask(souk_hints *hints, souk_key sale, uint64_t now_ns, struct souk_hint_waiter *waiter);
/* The waiter doesn't want to be told any more; allowed for one that doesn't wait. */
void souk_hint_forget(struct souk_hint_waiter *waiter);
/* An order was refused as sold out, or a stock was seen. With `sure` false that is a guess, as when an order of several
 * units was refused: the next order makes sure of it. */
void souk_hint_note(souk_hints *hints, souk_key sale, bool sold_out, bool sure, uint64_t now_ns);

#endif
