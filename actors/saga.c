/* SPDX-License-Identifier: Apache-2.0 */
/* saga.c -- the table; see saga.h. */
#include "saga.h"

#include "order.h"

/* Until the pivot (stock.confirm) every failure leads back: what was done is undone and the order is cancelled. After
 * it the order leads forward, to paid; only a capture that definitely failed gives the units back. Where nobody can
 * know how it stands, the order goes to review, with the units still its own. */
static const struct saga_rule rules[SAGA_STEPS] = {
    { SAGA_HOLD_QUOTA, "quota.hold", 100, 3,
      .done = { SAGA_TAKE_NUMBER, UNDO_NOTHING, 0 },
      .refused = { SAGA_CANCELLED, UNDO_NOTHING, 0 },
      .lost = { SAGA_CANCELLED, UNDO_QUOTA, ORDER_BUSY } },
    { SAGA_TAKE_NUMBER, "sale.number, stock.reserve", 100, 3,
      .done = { SAGA_AUTHORISE, UNDO_NOTHING, 0 },
      .refused = { SAGA_CANCELLED, UNDO_QUOTA, 0 },
      .lost = { SAGA_CANCELLED, UNDO_RESERVATION | UNDO_QUOTA, ORDER_BUSY } },
    /* The payment takes note at once, and tells when it knows; how long it may take to know is its own rule. */
    { SAGA_AUTHORISE, "payment.authorise", 8000, 0,
      .done = { SAGA_CONFIRM, UNDO_NOTHING, 0 },
      .refused = { SAGA_CANCELLED, UNDO_RESERVATION | UNDO_QUOTA, 0 },
      .lost = { SAGA_NEEDS_REVIEW, UNDO_PAYMENT | UNDO_RESERVATION | UNDO_QUOTA, ORDER_UNCLEAR } },
    { SAGA_CONFIRM, "stock.confirm", 100, 5,
      .done = { SAGA_CAPTURE, UNDO_NOTHING, 0 },
      .refused = { SAGA_TAKE_ANOTHER, UNDO_RESERVATION, 0 },
      .lost = { SAGA_NEEDS_REVIEW, UNDO_NOTHING, ORDER_UNCLEAR } },
    { SAGA_TAKE_ANOTHER, "sale.number, stock.reserve", 100, 3,
      .done = { SAGA_CONFIRM_OTHER, UNDO_NOTHING, 0 },
      .refused = { SAGA_CANCELLED, UNDO_PAYMENT | UNDO_QUOTA, ORDER_EXPIRED },
      .lost = { SAGA_CANCELLED, UNDO_PAYMENT | UNDO_RESERVATION | UNDO_QUOTA, ORDER_EXPIRED } },
    { SAGA_CONFIRM_OTHER, "stock.confirm", 100, 5,
      .done = { SAGA_CAPTURE, UNDO_NOTHING, 0 },
      .refused = { SAGA_CANCELLED, UNDO_PAYMENT | UNDO_RESERVATION | UNDO_QUOTA, ORDER_EXPIRED },
      .lost = { SAGA_NEEDS_REVIEW, UNDO_NOTHING, ORDER_UNCLEAR } },
    /* The payment retries until it is definite. */
    { SAGA_CAPTURE, "payment.capture", 8000, 0,
      .done = { SAGA_SETTLE, UNDO_NOTHING, 0 },
      .refused = { SAGA_CANCELLED, UNDO_SALE | UNDO_QUOTA, ORDER_CAPTURE_FAILED },
      .lost = { SAGA_NEEDS_REVIEW, UNDO_NOTHING, ORDER_UNCLEAR } },
    /* The payment has told the books; the quota is told, and can't say no. */
    { SAGA_SETTLE, "quota.confirm", 0, 1,
      .done = { SAGA_PAID, UNDO_NOTHING, 0 },
      .refused = { SAGA_PAID, UNDO_NOTHING, 0 },
      .lost = { SAGA_PAID, UNDO_NOTHING, 0 } },
};

const struct saga_rule *
saga_rule(enum saga_step step)
{
    souk_assert((unsigned)step < SAGA_STEPS && rules[step].step == step);
    return &rules[step];
}
