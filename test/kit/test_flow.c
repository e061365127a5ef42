/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/test_flow.c -- a flow in ten lines, under crashes and with a port that loses calls and answers; and what it
 * says when something is wrong. */
#include "crooked.h"
#include "till.h"
#include "whim.h"
#include <souk/sim.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { TILLS = 4, SALES = 30 };

static const struct souk_kind *const kinds[] = { &till_kind, &whim_kind, &crooked_kind, NULL };

static souk_ref
till(souk_flow *flow, unsigned i)
{
    return souk_ref(till, souk_sim_key_of(souk_flow_sim(flow), (struct souk_text){ &"abcd"[i % TILLS], 1 }));
}

/* ---- A flow. ---- */

static void
sell(souk_flow *flow)
{
    static const struct till_line line = { { 8, 8 }, 1, 150 };
    for (unsigned i = 0; i < TILLS; i++)
        SOUK_FLOW_ASK(flow, till(flow, i), till_open, .owner = SOUK_TEXT("ann"), .above = till(flow, 3).key,
                      .has_above = i < 3);
    souk_flow_wait(flow);
    for (unsigned i = 0; i < SALES; i++)
        SOUK_FLOW_ASK(flow, till(flow, i), till_sell, .sale = souk_kit_id(1 + i), .lines = { &line, 1 });
}

/* All that was accepted is there, once. */
static const char *
all_is_sold(souk_flow *flow)
{
    struct till_view v;
    int64_t sum = 0, accepted = 0;
    for (unsigned i = 0; i < TILLS; i++) {
        enum souk_ending ending = SOUK_FLOW_SHOW(flow, till(flow, i), till_show, till_view, &v, .printed_min = 0);
        if (ending == SOUK_DONE) sum += v.total;
    }
    for (unsigned i = 0; i < SALES; i++) accepted += souk_flow_reply(flow, TILLS + i).ending == SOUK_DONE;
    return sum == 150 * accepted ? NULL : "what was sold is not what was taken";
}

static unsigned printed;

static void
print(souk_flow *flow, const struct souk_port_call *call)
{
    assert_true(souk_text_equal(call->operation, SOUK_TEXT("till_print")));
    printed++;
    SOUK_FLOW_ANSWER(flow, call, till_slip, .number = printed);
}

static const struct souk_flow_port ports[] = { { &till_printer, print }, { NULL, NULL } };

static void
a_flow_holds_under_faults(void **state SOUK_UNUSED)
{
    struct souk_flow_done done =
        SOUK_FLOW_RUN(.sim = { .kinds = kinds, .crash_one_in = 60, .checkpoint_one_in = 100, .seed = 1 }, .seeds = 30,
                      .ports = ports, .lost_percent = 10, .flow = sell, .check = all_is_sold);
    assert_false(done.failed);
    assert_int_equal(done.seeds, 31); /* The first one twice. */
    assert_int_equal(done.answers, 31 * (TILLS + SALES));
    assert_true(done.crashes > 100 && printed > 100);
}

/* ---- Ten lines. ---- */

static const souk_ref shelf = { crooked_kind_number, { 1, 1 } };

static void
buy(souk_flow *flow)
{
    for (uint64_t i = 1; i <= 20; i++)
        SOUK_FLOW_ASK(flow, shelf, crooked_take, .who = souk_kit_id(i), .units = 1, .words = { NULL, 0 });
}

static const char *
ten_of_twenty_are_served(souk_flow *flow)
{
    struct crooked_view v;
    SOUK_FLOW_SHOW(flow, shelf, crooked_show, crooked_view, &v);
    return v.free == 0 ? NULL : "ten units, and not ten of twenty were served";
}

static void
a_flow_takes_ten_lines(void **state SOUK_UNUSED)
{
    struct souk_flow_done done = SOUK_FLOW_RUN(.sim = { .kinds = kinds, .crash_one_in = 50 }, .flow = buy,
                                               .check = ten_of_twenty_are_served);
    assert_false(done.failed);
    assert_true(done.crashes > 20 && done.answers == 21 * 20);
}

/* ---- What is wrong. ---- */

static char said[1000];

static void
keep(const char *file, int line, const char *text)
{
    assert_non_null(strstr(file, "test_flow.c"));
    assert_true(line > 0);
    snprintf(said, sizeof said, "%s", text);
}

#define FAILS(...)                                                     \
    do {                                                               \
        souk_kit_on_failure(keep);                                     \
        struct souk_flow_done done_ = SOUK_FLOW_RUN(__VA_ARGS__);      \
        souk_kit_on_failure(NULL);                                     \
        assert_true(done_.failed);                                     \
    } while (0)

static const char *
seldom(souk_flow *flow)
{
    uint64_t *seen = souk_flow_self(flow);
    *seen = souk_sim_draw(souk_flow_sim(flow), 7);
    return *seen ? NULL : "that was seldom";
}

static void
the_seed_is_told_and_does_it_again(void **state SOUK_UNUSED)
{
    unsigned long long seed;
    uint64_t seen = 1;
    FAILS(.sim = { .kinds = kinds, .seed = 50 }, .seeds = 100, .ports = ports, .flow = sell, .check = seldom,
          .self = &seen);
    assert_int_equal(sscanf(said, "the flow fails, seed %llu: that was seldom\n  again by .sim.seed = ", &seed), 1);
    assert_true(seed >= 50 && seed < 150);
    FAILS(.sim = { .kinds = kinds, .seed = seed }, .seeds = 1, .ports = ports, .flow = sell, .check = seldom,
          .self = &seen);
    assert_non_null(strstr(said, "that was seldom"));
}

static void
add_by_whim(souk_flow *flow)
{
    for (unsigned i = 0; i < 3; i++)
        SOUK_FLOW_ASK(flow, souk_ref(whim, souk_kit_id(1)), whim_add, .amount = 1, .whim = WHIM_DECIDE, .times = 1);
}

static void
oversell(souk_flow *flow)
{
    SOUK_FLOW_ASK(flow, shelf, crooked_take, .who = souk_kit_id(1), .units = 1, .words = { NULL, 0 });
    SOUK_FLOW_ASK(flow, shelf, crooked_sell, .who = souk_kit_id(1));
    SOUK_FLOW_ASK(flow, shelf, crooked_give_back, .who = souk_kit_id(1));
}

static void
wrong_kinds_are_found(void **state SOUK_UNUSED)
{
    FAILS(.sim = { .kinds = kinds, .seed = 1 }, .flow = add_by_whim);
    assert_non_null(strstr(said, "the same seed gives another journal"));
    FAILS(.sim = { .kinds = kinds, .seed = 1 }, .flow = oversell);
    assert_non_null(strstr(said, "a turn has failed"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_holds_under_faults),
        cmocka_unit_test(a_flow_takes_ten_lines),
        cmocka_unit_test(the_seed_is_told_and_does_it_again),
        cmocka_unit_test(wrong_kinds_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
