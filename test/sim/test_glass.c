/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/test_glass.c -- turns that fail cost only themselves: by seed, with crashes between any two steps.
 * SOUK_SEEDS says how many. */
#include "souk/sim_glass.h"

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
    return wanted ? strtoull(wanted, NULL, 10) : 40;
}

static void
run_all(struct sim_plan plan)
{
    unsigned dead = 0, attempts = 0, crashes = 0;
    for (uint64_t n = 0; n < seeds(); n++, plan.seed++) {
        struct sim_outcome outcome;
        souk_sim_glass(&plan, &outcome);
        if (outcome.complaints) fail_msg("seed %llu: %s (and %u more)", (unsigned long long)plan.seed, outcome.first,
                                        outcome.complaints - 1);
        dead += outcome.dead;
        attempts += outcome.attempts;
        crashes += (unsigned)outcome.counts.crashes;
    }
    assert_true(dead > seeds() && attempts > dead);
    if (plan.crash_one_in) assert_true(crashes > seeds());
}

static void
faults(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 1, .buyers = 60 });
}

static void
faults_with_checkpoints(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 500, .buyers = 60, .checkpoint_one_in = 40 });
}

static void
faults_under_crashes(void **state)
{
    (void)state;
    run_all((struct sim_plan){ .seed = 1000, .buyers = 60, .crash_one_in = 40, .checkpoint_one_in = 60 });
    run_all((struct sim_plan){ .seed = 2000, .buyers = 40, .crash_one_in = 15, .checkpoint_one_in = 30 });
}

static souk_ref
glass(souk_sim *sim)
{
    return souk_ref(glass, souk_sim_key_of(sim, SOUK_TEXT("glass")));
}

/* Who asks from outside is told at once, and nothing is kept of it. */
static void
requests_are_dead_at_once(void **state)
{
    (void)state;
    struct souk_sim_options options = { .seed = 3, .kinds = glass_kinds };
    souk_sim *sim = souk_sim_open(&options);
    struct glass_break good = { GLASS_WELL };
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_break_command, &good, NULL, NULL).ending, SOUK_DONE);
    static const uint32_t hows[] = { GLASS_DECIDE, GLASS_FAILED, GLASS_APPLY, GLASS_CHECK };
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = souk_sim_now_ms(sim);
        struct glass_break bad = { hows[i] };
        assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_break_command, &bad, NULL, NULL).ending, SOUK_DEAD);
        struct glass_show show = { GLASS_FAILED, 0 };
        assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_show_query, &show, NULL, NULL).ending, SOUK_DEAD);
        show.how = GLASS_DECIDE;
        assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_show_query, &show, NULL, NULL).ending, SOUK_DEAD);
        assert_true(souk_sim_now_ms(sim) - before < 50);
    }
    struct glass_view view;
    struct glass_show show = { GLASS_WELL, 0 };
    souk_sim_tell(sim, glass(sim), &glass_show_query, &show, souk_layout_of_glass_view, &view);
    assert_int_equal(view.notes.count, 1);
    assert_int_equal(view.notes.at[0].from, 98);
    souk_sim_close(&sim);
}

static void
waited(struct souk_request *request, const struct souk_reply *reply)
{
    (void)request;
    assert_int_equal(reply->ending, SOUK_DEAD);
    request->within_ms = 0;
}

/* A query that fails only when it is asked again. */
static void
a_query_that_waited_may_fail(void **state)
{
    (void)state;
    struct souk_sim_options options = { .seed = 4, .kinds = glass_kinds };
    souk_sim *sim = souk_sim_open(&options);
    struct souk_sim_request r[2];
    struct glass_show show = { GLASS_DECIDE, 1 };
    for (unsigned i = 0; i < 2; i++) {
        r[i] = (struct souk_sim_request){ .request = { .to = glass(sim), .row = &glass_show_query, .within_ms = 60000,
                                                       .done = waited } };
        assert_int_equal(souk_sim_ask(sim, &r[i], &show), SOUK_OK);
    }
    for (unsigned i = 0; i < 30; i++) souk_sim_step(sim);
    struct glass_break good = { GLASS_WELL };
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_break_command, &good, NULL, NULL).ending, SOUK_DONE);
    for (unsigned i = 0; i < 30; i++) souk_sim_step(sim);
    assert_int_equal(r[0].request.within_ms + r[1].request.within_ms, 0);
    souk_sim_close(&sim);
}

/* One whose events cannot be applied is set apart, at a start and at a rebuilding; and is well when they can again. */
static void
replay_that_fails_quarantines(void **state)
{
    (void)state;
    struct souk_sim_options options = { .seed = 5, .kinds = glass_kinds };
    souk_sim *sim = souk_sim_open(&options);
    struct glass_break good = { GLASS_WELL }, bad = { GLASS_APPLY };
    souk_ref other = souk_ref(glass, souk_sim_key_of(sim, SOUK_TEXT("other")));
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_break_command, &good, NULL, NULL).ending, SOUK_DONE);
    glass_replay_fails = true;
    souk_sim_crash(sim);
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_break_command, &good, NULL, NULL).ending, SOUK_DEAD);
    struct glass_show show = { GLASS_WELL, 0 };
    assert_int_equal(souk_sim_tell(sim, other, &glass_show_query, &show, NULL, NULL).ending, SOUK_DONE);
    glass_replay_fails = false;
    souk_sim_crash(sim);
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_show_query, &show, NULL, NULL).ending, SOUK_DONE);
    glass_replay_fails = true;
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_break_command, &bad, NULL, NULL).ending, SOUK_DEAD);
    assert_int_equal(souk_sim_tell(sim, glass(sim), &glass_show_query, &show, NULL, NULL).ending, SOUK_DEAD);
    assert_int_equal(souk_sim_tell(sim, other, &glass_show_query, &show, NULL, NULL).ending, SOUK_DONE);
    glass_replay_fails = false;
    souk_sim_crash(sim);
    struct glass_view view;
    souk_sim_tell(sim, glass(sim), &glass_show_query, &show, souk_layout_of_glass_view, &view);
    assert_int_equal(view.notes.count, 1);
    souk_sim_close(&sim);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_dead_at_once),
        cmocka_unit_test(a_query_that_waited_may_fail),
        cmocka_unit_test(replay_that_fails_quarantines),
        cmocka_unit_test(faults),
        cmocka_unit_test(faults_with_checkpoints),
        cmocka_unit_test(faults_under_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
