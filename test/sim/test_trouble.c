/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/test_trouble.c -- the simulator itself: a seed is the same each time with everything on; each thing that a
 * disk does wrong happens and is survived, or refused; links; several nodes. */
#include "souk/sim_glass.h"

#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the first four of them above it. */
#include <cmocka.h>

enum { SEEDS = 12 };

static struct sim_outcome
run(const struct sim_plan *plan, bool glass)
{
    struct sim_outcome outcome;
    if (glass) souk_sim_glass(plan, &outcome);
    else souk_sim_shop(plan, &outcome, NULL, NULL);
    if (outcome.complaints) fail_msg("seed %llu: %s", (unsigned long long)plan->seed, outcome.first);
    return outcome;
}

static void
a_seed_is_the_same_each_time(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
        struct sim_plan plan;
        souk_sim_plan_draw(&plan, seed);
        plan.rare = 1;
        struct souk_sim_counts one = run(&plan, seed % 2).counts, two = run(&plan, seed % 2).counts;
        assert_memory_equal(&one, &two, sizeof one);
        assert_int_not_equal(one.trace, before);
        before = one.trace;
    }
}

/* That the same crashes as drawn come when their moments are given. */
static void
moments_replay_a_run(void **state)
{
    (void)state;
    static struct souk_sim_moments moments;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_plan plan;
        souk_sim_plan_draw(&plan, seed);
        plan.crashed_at = &moments;
        struct souk_sim_counts drawn = run(&plan, false).counts;
        if (moments.count == SOUK_SIM_MOMENTS) continue; /* More than are recorded. */
        plan.crashed_at = NULL;
        plan.crash_at = &moments;
        struct souk_sim_counts given = run(&plan, false).counts;
        assert_memory_equal(&drawn, &given, sizeof drawn);
    }
}

static struct souk_sim_counts
run_disk(struct souk_sim_disk disk)
{
    struct souk_sim_counts sum = { 0 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_plan plan = { .seed = seed, .sales = 1, .units = 10, .buyers = 15, .credit_percent = 50, .limit = 2,
                                 .crash_one_in = 100, .checkpoint_one_in = 40, .disk = disk };
        struct souk_sim_counts counts = run(&plan, false).counts;
        sum.crashes += counts.crashes;
        sum.stops += counts.stops;
        sum.refusals += counts.refusals;
    }
    assert_true(sum.crashes > 0);
    return sum;
}

/* An error stops the node; it comes back, with all that was acknowledged. */
static void
disks_that_fail(void **state)
{
    (void)state;
    struct souk_sim_counts io = run_disk((struct souk_sim_disk){ .io_one_in = 40 });
    struct souk_sim_counts full = run_disk((struct souk_sim_disk){ .full_one_in = 40, .crowd_one_in = 300 });
    assert_true(io.stops > SEEDS && !io.refusals);
    assert_true(full.stops > SEEDS && !full.refusals);
}

/* What is torn, lost after it was acknowledged, or changed is refused, never passed over. */
static void
disks_that_lie(void **state)
{
    (void)state;
    struct souk_sim_counts torn = run_disk((struct souk_sim_disk){ .torn_one_in = 40 });
    struct souk_sim_counts lies = run_disk((struct souk_sim_disk){ .lie_one_in = 30 });
    struct souk_sim_counts flips = run_disk((struct souk_sim_disk){ .flip_one_in = 2 });
    assert_true(torn.stops > SEEDS && torn.refusals > SEEDS);
    assert_true(lies.refusals > SEEDS && !lies.stops);
    assert_true(flips.refusals > SEEDS && !flips.stops);
}

/* ---- Links. ---- */

static void
links_that_lose_and_double(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_plan plan = { .seed = seed, .sales = 1, .units = 10, .buyers = 15, .credit_percent = 50, .limit = 2,
                                 .crash_one_in = 200, .checkpoint_one_in = 100,
                                 .net = { .lose_one_in = 5, .double_one_in = 3, .late_one_in = 4, .late_ms = 3000,
                                          .reorder_one_in = 2, .delay_ms = 10 } };
        run(&plan, seed % 3 == 0);
    }
}

struct arrivals { uint32_t from, to; unsigned count, reordered; uint8_t last, seen[256]; };

static void
arrived(void *self, souk_sim *sim, uint32_t from, uint32_t to, struct souk_bytes bytes)
{
    struct arrivals *a = self;
    (void)sim;
    assert_int_equal(bytes.length, 1);
    uint8_t number = *(const uint8_t *)bytes.at;
    assert_true(from == a->from && to == a->to);
    a->reordered += number < a->last;
    a->last = number;
    a->seen[number]++;
    a->count++;
}

static struct arrivals
carry(struct souk_sim_net net)
{
    struct arrivals a = { .from = SOUK_SIM_ENDPOINTS, .to = SOUK_SIM_ENDPOINTS + 7 };
    struct souk_sim_options options = { .seed = 3, .kinds = glass_kinds, .net = net, .arrived = arrived,
                                        .arrived_self = &a };
    souk_sim *sim = souk_sim_open(&options);
    for (unsigned n = 0; n < 256; n++) {
        uint8_t number = (uint8_t)n;
        souk_sim_send(sim, a.from, a.to, (struct souk_bytes){ &number, 1 });
        souk_sim_step(sim);
    }
    assert_true(souk_sim_run(sim, 100000));
    souk_sim_close(&sim);
    return a;
}

static void
what_links_do(void **state)
{
    (void)state;
    struct arrivals sound = carry((struct souk_sim_net){ .delay_ms = 50 });
    assert_int_equal(sound.count, 256);
    assert_int_equal(sound.reordered, 0);
    struct arrivals lossy = carry((struct souk_sim_net){ .lose_one_in = 4 });
    assert_true(lossy.count > 150 && lossy.count < 230 && !lossy.reordered);
    struct arrivals doubled = carry((struct souk_sim_net){ .double_one_in = 4 });
    assert_true(doubled.count > 280 && doubled.count < 360);
    for (unsigned n = 0; n < 256; n++) assert_true(doubled.seen[n] == 1 || doubled.seen[n] == 2);
    struct arrivals passed = carry((struct souk_sim_net){ .delay_ms = 50, .reorder_one_in = 2 });
    assert_true(passed.count == 256 && passed.reordered > 10);
    struct arrivals late = carry((struct souk_sim_net){ .late_one_in = 8, .late_ms = 100 });
    assert_true(late.count == 256 && late.reordered > 5);
}

/* ---- Nodes. ---- */

static struct glass_view view;

static void
shown(struct souk_request *request, const struct souk_reply *reply)
{
    const uint8_t *at = reply->body.at;
    uint8_t memory[8192];
    struct souk_scratch scratch = { memory, memory + sizeof memory };
    struct souk_reader in = { .at = at, .end = at + reply->body.length, .scratch = &scratch };
    assert_int_equal(reply->ending, SOUK_DONE);
    if (request->row == &glass_show_query) assert_true(souk_layout_of_glass_view->get(&in, &view));
    request->within_ms = 0;
}

static void
ask(souk_sim *sim, unsigned node, const struct souk_row *row, const void *message)
{
    struct souk_sim_request r = { .request = { .to = souk_ref(glass, souk_sim_key_of(sim, SOUK_TEXT("one"))),
                                               .row = row, .within_ms = 60000, .done = shown }, .node = node };
    assert_int_equal(souk_sim_ask(sim, &r, message), SOUK_OK);
    while (r.request.within_ms) souk_sim_step(sim);
}

/* Each has a disk and actors of its own, and dies alone. */
static void
nodes_have_their_own(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct souk_sim_options options = { .seed = seed, .kinds = glass_kinds, .nodes = 3 };
        souk_sim *sim = souk_sim_open(&options);
        struct glass_break good = { GLASS_WELL };
        struct glass_show show = { GLASS_WELL, 0 };
        for (unsigned node = 0; node < 3; node++)
            for (unsigned n = 0; n <= node; n++) ask(sim, node, &glass_break_command, &good);
        uint64_t began = souk_sim_now_ms(sim);
        souk_sim_crash_node(sim, 2);
        for (unsigned node = 0; node < 3; node++) {
            ask(sim, node, &glass_show_query, &show);
            assert_int_equal(view.notes.count, node + 1);
        }
        assert_int_equal(souk_sim_counts(sim).lives, 4);
        assert_true(souk_sim_now_ms(sim) >= began);
        souk_sim_close(&sim);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_is_the_same_each_time), cmocka_unit_test(moments_replay_a_run),
        cmocka_unit_test(disks_that_fail),              cmocka_unit_test(disks_that_lie),
        cmocka_unit_test(links_that_lose_and_double),   cmocka_unit_test(what_links_do),
        cmocka_unit_test(nodes_have_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
