/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/test_shop.c -- flash sales by seed, with crashes and a provider that misbehaves. SOUK_SEEDS says how many.
 * */
#include "souk/sim_scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static uint64_t
seeds(void)
{
    const char *wanted = getenv("SOUK_SEEDS");
    return wanted ? strtoull(wanted, NULL, 10) : 25;
}

static void
run_all(struct sim_plan plan)
{
    unsigned paid = 0, crashes = 0;
    for (uint64_t n = 0; n < seeds(); n++, plan.seed++) {
        struct sim_outcome outcome;
        souk_sim_shop(&plan, &outcome, NULL, NULL);
        if (outcome.complaints) fail_msg("seed %llu: %s (and %u more)", (unsigned long long)plan.seed, outcome.first,
                                        outcome.complaints - 1);
        paid += outcome.paid;
        crashes += (unsigned)outcome.counts.crashes;
    }
    assert_true(paid > 0);
    if (plan.crash_one_in) assert_true(crashes > 0);
}

static void
store_credit(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 1, .sales = 2, .units = 20, .buyers = 60, .credit_percent = 100,
                                   .limit = 2 });
}

static void
store_credit_under_crashes(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 1000, .sales = 2, .units = 20, .buyers = 60, .credit_percent = 100,
                                   .limit = 1, .crash_one_in = 60, .checkpoint_one_in = 200 });
}

static void
cards(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 2000, .sales = 1, .units = 20, .buyers = 40, .credit_percent = 20,
                                   .decline = 10, .webhook_percent = 30 });
}

static void
cards_when_answers_get_lost(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 3000, .sales = 1, .units = 20, .buyers = 40, .decline = 10,
                                   .unknown_before = 15, .unknown_after = 15, .webhook_percent = 50 });
}

static void
cards_under_crashes(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 4000,
                                   .sales = 2,
                                   .units = 15,
                                   .buyers = 40,
                                   .credit_percent = 30,
                                   .decline = 10,
                                   .unknown_before = 5,
                                   .unknown_after = 10,
                                   .webhook_percent = 30,
                                   .limit = 2,
                                   .crash_one_in = 150,
                                   .checkpoint_one_in = 300 });
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_credit),
        cmocka_unit_test(store_credit_under_crashes),
        cmocka_unit_test(cards),
        cmocka_unit_test(cards_when_answers_get_lost),
        cmocka_unit_test(cards_under_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
