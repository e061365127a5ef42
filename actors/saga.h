/* SPDX-License-Identifier: Apache-2.0 */
/* saga.h -- the saga of an order as a table: what each step asks for, how long it waits, and where each end of it
 * leads.
 *
 * order.c carries it out; whoever reads the table knows what an order can do. The reasons that are not in it come from
 * the refusals themselves (order.c's table of reasons). */
#ifndef ACTORS_SAGA_H
#define ACTORS_SAGA_H

#include <stdint.h>

/* Steps that ask something, then the three ends. */
enum saga_step {
    SAGA_HOLD_QUOTA,
    SAGA_TAKE_NUMBER,
    SAGA_AUTHORISE,
    SAGA_CONFIRM,
    SAGA_TAKE_ANOTHER,  /* The hold had ended before it was confirmed: one more. */
    SAGA_CONFIRM_OTHER,
    SAGA_CAPTURE,
    SAGA_SETTLE,
    SAGA_STEPS,
    SAGA_PAID = SAGA_STEPS,
    SAGA_CANCELLED,
    SAGA_NEEDS_REVIEW,
};

/* What must be undone, as a set; undone in this order, the latest thing first. */
enum saga_undo {
    UNDO_NOTHING = 0,
    UNDO_PAYMENT = 1,     /* payment.void */
    UNDO_SALE = 2,        /* stock.return: after the pivot. */
    UNDO_RESERVATION = 4, /* stock.release */
    UNDO_QUOTA = 8,       /* quota.release */
};

/* Where an end of a step leads. */
struct saga_way { enum saga_step next; unsigned undo; uint32_t reason; /* An order_reason; 0: the refusal says. */ };

struct saga_rule {
    enum saga_step step;
    const char *asks;   /* Of whom what, for readers and traces. */
    uint32_t within_ms; /* How long the first try waits; each next SAGA_WIDEN times as long, to SAGA_WITHIN_MAX_MS. */
    uint32_t tries;     /* All with the same ids, so a step done twice is done once. 0: waits as long as it takes. */
    struct saga_way done, refused, lost; /* lost: no answer after all tries, or the actor can't answer. */
};

enum { SAGA_WIDEN = 8, SAGA_WITHIN_MAX_MS = 10000 };

/* The rule of a step. */
const struct saga_rule *saga_rule(enum saga_step step);

#endif
