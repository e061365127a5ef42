/* SPDX-License-Identifier: Apache-2.0 */
/* test_saga.c -- the saga's table is complete: every step is reached, every failure undoes what was done, none takes
 * back the pivot but by a definite failure of the capture. */
#include "order.h"
#include "saga.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

/* What each step leaves to be undone when it is done. */
static unsigned
done_by(enum saga_step step)
{
    switch (step) {
    case SAGA_HOLD_QUOTA: return UNDO_QUOTA;
    case SAGA_TAKE_NUMBER:
    case SAGA_TAKE_ANOTHER: return UNDO_RESERVATION;
    case SAGA_AUTHORISE: return UNDO_PAYMENT;
    default: return UNDO_NOTHING;
    }
}

static void
walk(enum saga_step step, unsigned done, bool reached[SAGA_NEEDS_REVIEW + 1], int depth)
{
    assert_true(depth < 12); /* No way leads in a circle. */
    reached[step] = true;
    if (step >= SAGA_STEPS) {
        if (step == SAGA_CANCELLED) assert_int_equal(done, UNDO_NOTHING);
        return;
    }
    const struct saga_rule *rule = saga_rule(step);
    assert_int_equal(rule->step, step);
    assert_non_null(rule->asks);
    unsigned after = done | done_by(step);
    if (step == SAGA_CONFIRM || step == SAGA_CONFIRM_OTHER) after = (done & ~(unsigned)UNDO_RESERVATION) | UNDO_SALE;
    if (step == SAGA_SETTLE) after = UNDO_NOTHING;
    walk(rule->done.next, after & ~rule->done.undo, reached, depth + 1);
    /* A refused authorisation or capture leaves no payment to undo. */
    unsigned kept = step == SAGA_CAPTURE ? done & ~(unsigned)UNDO_PAYMENT : done;
    if (step != SAGA_SETTLE) {
        assert_int_equal(rule->refused.undo & ~(kept | done_by(step)), 0);
        walk(rule->refused.next, kept & ~rule->refused.undo, reached, depth + 1);
        walk(rule->lost.next, done & ~rule->lost.undo, reached, depth + 1);
        /* Before it is known whether a step was done, its undo must come along with a cancellation. */
        if (rule->lost.next == SAGA_CANCELLED) assert_int_equal(rule->lost.undo & done_by(step), done_by(step));
    }
    assert_true(step == SAGA_SETTLE || rule->lost.reason != ORDER_NO_REASON);
}

static void
every_step_is_reached_and_every_failure_undone(void **state SOUK_UNUSED)
{
    bool reached[SAGA_NEEDS_REVIEW + 1] = { false };
    walk(SAGA_HOLD_QUOTA, UNDO_NOTHING, reached, 0);
    for (int i = 0; i <= SAGA_NEEDS_REVIEW; i++) assert_true(reached[i]);
}

/* An order that may be placed again must have left no payment behind. */
static void
only_unpaid_orders_may_be_placed_again(void **state SOUK_UNUSED)
{
    for (int i = SAGA_AUTHORISE; i < SAGA_STEPS; i++) {
        const struct saga_rule *rule = saga_rule((enum saga_step)i);
        assert_false(rule->refused.reason && order_reason_again(rule->refused.reason));
        assert_false(order_reason_again(rule->lost.reason));
    }
    assert_true(order_reason_again(ORDER_SOLD_OUT));
    assert_false(order_reason_again(ORDER_LIMIT));
    assert_false(order_reason_again(ORDER_REASONS));
}

static void
everything_has_a_name(void **state SOUK_UNUSED)
{
    for (uint32_t i = 0; i < ORDER_STATES; i++) assert_string_not_equal(order_state_name(i), "unknown");
    for (uint32_t i = 0; i < ORDER_REASONS; i++) assert_non_null(order_reason_name(i));
    for (uint32_t i = 1; i < ORDER_HAPPENINGS; i++) assert_string_not_equal(order_happening_name(i), "unknown");
    assert_string_equal(order_state_name(99), "unknown");
    assert_string_equal(order_reason_name(99), "unknown");
    assert_string_equal(order_happening_name(99), "unknown");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_reached_and_every_failure_undone),
        cmocka_unit_test(only_unpaid_orders_may_be_placed_again),
        cmocka_unit_test(everything_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
