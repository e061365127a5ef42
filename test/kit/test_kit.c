/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/test_kit.c -- given, when and then: what they let through, and how they say what they don't. */
#include "till.h"
#include "whim.h"
#include <souk/sim.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

/* ---- Complaints, caught. ---- */

static jmp_buf caught;
static char said[4096];
static int said_line;

static void
catch_it(const char *file, int line, const char *text)
{
    assert_non_null(strstr(file, "test_kit.c"));
    snprintf(said, sizeof said, "%s", text);
    said_line = line;
    longjmp(caught, 1);
}

/* Whether what follows complains; what it said lies in `said`. */
#define COMPLAINS(what)                              \
    ({                                               \
        said[0] = '\0';                              \
        souk_kit_on_failure(catch_it);               \
        if (!setjmp(caught)) { what; }               \
        souk_kit_on_failure(NULL);                   \
        said[0] != '\0';                             \
    })
#define SAYS(words) assert_non_null(strstr(said, words))

static const struct till_line bread = { { 8, 8 }, 2, 150 };

static souk_kit *
open_till(void)
{
    souk_kit *kit = souk_kit_open(&till_kind, "shop,1");
    SOUK_GIVEN(kit, till_opened, .owner = SOUK_TEXT("ann"), .above = souk_kit_id(7), .has_above = true);
    return kit;
}

/* ---- What is so. ---- */

static void
a_sale_in_three_lines(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&till_kind, "shop,1");
    SOUK_GIVEN(kit, till_opened, .owner = SOUK_TEXT("ann"));
    SOUK_WHEN(kit, till_sell, .sale = souk_kit_id(1), .lines = { &bread, 1 });
    SOUK_THEN(kit, till_sold, .sale = souk_kit_id(1), .total = 300);
    SOUK_THEN_CALLS(kit, &till_printer, souk_kit_id(1), till_printed, TILL_PRINT_MS, till_print, .number = 1,
                    .what = SOUK_TEXT("thank you"));
    SOUK_THEN_ANSWERED(kit, till_receipt, .number = 1, .total = 300);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_DONE(kit, till_printed);
    SOUK_THEN(kit, till_receipted, .printed = true);
    souk_kit_close(&kit);
    assert_null(kit);
}

static void
every_verb_is_seen(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&till_kind, "shop,1");
    SOUK_WHEN(kit, till_sell, .sale = souk_kit_id(1), .lines = { NULL, 0 });
    SOUK_THEN_REFUSED(kit, till_closed);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, till_open, .owner = SOUK_TEXT("ann"), .above = souk_kit_id(7), .has_above = true);
    SOUK_THEN(kit, till_opened, .owner = SOUK_TEXT("ann"), .above = souk_kit_id(7), .has_above = true);
    SOUK_THEN_WAKES(kit, TILL_OPEN_MS, till_close, .opening = 1);
    SOUK_THEN_ACCEPTED(kit);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_TOLD(kit, till_sell, .sale = souk_kit_id(1), .lines = { &bread, 1 }, .note = SOUK_TEXT("gift"),
                   .has_note = true);
    SOUK_THEN(kit, till_sold, .sale = souk_kit_id(1), .total = 300, .note = SOUK_TEXT("gift"), .has_note = true);
    SOUK_THEN_TELLS(kit, souk_ref(till, souk_kit_id(7)), till_open, .owner = SOUK_TEXT("ann"));
    SOUK_THEN_CALLS(kit, &till_printer, souk_kit_id(1), till_printed, TILL_PRINT_MS, till_print, .number = 1,
                    .what = SOUK_TEXT("gift"));
    SOUK_THEN_ACCEPTED(kit);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, till_pass, .other = souk_kit_key(kit, "shop,2"));
    SOUK_THEN_FORWARDS(kit, souk_ref(till, souk_kit_key(kit, "shop,2")), till_count);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_REQUESTED(kit, till_pass, .other = souk_kit_id(2));
    SOUK_THEN_FORWARDS(kit, souk_ref(till, souk_kit_id(2)), till_count);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_REQUESTED(kit, till_sell, .sale = souk_kit_id(1), .lines = { NULL, 0 });
    SOUK_THEN_ANSWERED(kit, till_receipt, .number = 2, .total = 300);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_REQUESTED(kit, till_count); /* Nobody outside waits for a later turn. */
    SOUK_THEN(kit, till_counting, .who = { { 0, 0 }, 0, 0 });
    SOUK_THEN_WAITS(kit);
    SOUK_WHEN_LATE(kit, till_counted);
    SOUK_THEN(kit, till_reckoned);
    SOUK_THEN_NOTHING(kit);
    souk_kit_close(&kit);
}

static void
outcomes_come_by_the_reply(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_till();
    SOUK_WHEN(kit, till_count);
    souk_asker who = souk_kit_asker(kit);
    SOUK_THEN(kit, till_counting, .who = who);
    SOUK_THEN_WAITS(kit);
    assert_int_equal(SOUK_THEN_ASKS(kit, souk_ref(till, souk_kit_id(7)), till_counted, TILL_COUNT_MS, till_count), 1);
    SOUK_WHEN_ANSWERED(kit, till_counted, till_receipt, .number = 4, .total = 1000);
    SOUK_THEN(kit, till_reckoned);
    SOUK_THEN_ANSWERED_TO(kit, who, till_receipt, .number = 0, .total = 1000);
    SOUK_THEN_NOTHING(kit);
    for (int i = 0; i < 4; i++) {
        SOUK_WHEN(kit, till_count);
        who = souk_kit_asker(kit);
        if (i == 0) SOUK_WHEN_REFUSED(kit, till_counted, SOUK_OVERLOADED);
        if (i == 1) SOUK_WHEN_LATE(kit, till_counted);
        if (i == 2) SOUK_WHEN_DEAD(kit, till_counted);
        if (i == 3) SOUK_WHEN_PASSED(kit, TILL_COUNT_MS);
        SOUK_THEN(kit, till_reckoned);
        SOUK_THEN_REFUSED_TO(kit, who, till_unsure);
        SOUK_THEN_NOTHING(kit);
    }
    souk_kit_close(&kit);
}

static void
time_passes_by_the_test(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&till_kind, "shop,1");
    uint64_t began = souk_kit_now_ms(kit);
    SOUK_WHEN(kit, till_open, .owner = SOUK_TEXT("ann"));
    SOUK_WHEN_PASSED(kit, TILL_OPEN_MS - 1);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN_PASSED(kit, 1);
    SOUK_THEN(kit, till_shut);
    assert_int_equal(souk_kit_now_ms(kit), began + TILL_OPEN_MS);
    SOUK_WHEN(kit, till_open, .owner = SOUK_TEXT("bob"));
    SOUK_WHEN(kit, till_close, .opening = 1); /* Of the first opening. */
    SOUK_THEN_NOTHING(kit);
    souk_kit_close(&kit);
}

static void
queries_show_and_wait(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_till();
    struct till_view v;
    SOUK_WHEN_QUERIED(kit, till_show, .printed_min = 0);
    SOUK_THEN_ANSWERED(kit, till_view, .total = 0, .sales = 0, .printed = 0, .owner = SOUK_TEXT("ann"));
    SOUK_WHEN_QUERIED(kit, till_show, .printed_min = 1);
    souk_asker who = souk_kit_asker(kit);
    SOUK_THEN_WAITS(kit);
    assert_int_equal(SOUK_KIT_SHOW(kit, till_show, till_view, &v, .printed_min = 1), SOUK_WAIT);
    SOUK_WHEN(kit, till_sell, .sale = souk_kit_id(1), .lines = { &bread, 1 });
    SOUK_WHEN_DONE(kit, till_printed);
    assert_int_equal(SOUK_KIT_SHOW(kit, till_show, till_view, &v, .printed_min = 1), SOUK_ACCEPT);
    assert_true(v.total == 300 && souk_text_equal(v.owner, SOUK_TEXT("ann")));
    SOUK_THEN(kit, till_receipted, .printed = true);
    SOUK_THEN_ANSWERED_TO(kit, who, till_view, .total = 300, .sales = 1, .printed = 1, .owner = SOUK_TEXT("ann"));
    SOUK_THEN_NOTHING(kit);
    souk_kit_close(&kit);
}

static void
what_is_no_body_is_refused(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_till();
    SOUK_WHEN_BYTES(kit, till_sell, "\x91", 1);
    SOUK_THEN_REFUSED(kit, SOUK_MALFORMED);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, till_pass, .other = souk_kit_self(kit).key);
    SOUK_THEN_FAILED(kit);
    SOUK_WHEN(kit, till_sell, .sale = souk_kit_id(1), .lines = { &bread, 1 }); /* It goes on. */
    SOUK_THEN(kit, till_sold, .sale = souk_kit_id(1), .total = 300);
    souk_kit_close(&kit);
}

/* ---- What isn't. ---- */

static void
a_wrong_then_is_told(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_till();
    SOUK_WHEN(kit, till_sell, .sale = souk_kit_id(1), .lines = { &bread, 1 });
    int line = __LINE__ + 1;
    assert_true(COMPLAINS(SOUK_THEN(kit, till_sold, .sale = souk_kit_id(1), .total = 299)));
    assert_int_equal(said_line, line);
    SAYS("another event was expected");
    SAYS("expected  till_sold {\"sale\":\"00000000000000010000000000000001\",\"total\":299,\"note\":null}");
    SAYS("came      till_sold {\"sale\":\"00000000000000010000000000000001\",\"total\":300,\"note\":null}");
    SAYS("when      till_sell {\"sale\":");
    SAYS("state     {\"owner\":\"ann\"");
    souk_kit_close(&kit); /* It has complained once: that is enough. */

    kit = open_till();
    SOUK_WHEN(kit, till_count);
    assert_true(COMPLAINS(SOUK_THEN_ASKS(kit, souk_ref(till, souk_kit_id(8)), till_counted, 2000, till_count)));
    SAYS("expected  asks till_count {} to kind 20, 00000000000000080000000000000008, within 2000 ms, for till_counted");
    SAYS("came      asks till_count {} to kind 20, 0000000000000007");
    souk_kit_close(&kit);

    kit = open_till();
    SOUK_WHEN(kit, till_close, .opening = 5);
    assert_true(COMPLAINS(SOUK_THEN(kit, till_shut)));
    SAYS("expected  till_shut {}\n  came      nothing");
    souk_kit_close(&kit);

    kit = souk_kit_open(&till_kind, "shop");
    SOUK_WHEN(kit, till_count);
    assert_true(COMPLAINS(SOUK_THEN_REFUSED(kit, till_empty)));
    SAYS("expected  refuses till_empty\n  came      refuses till_closed");
    souk_kit_close(&kit);

    kit = open_till();
    assert_true(COMPLAINS(SOUK_WHEN_DONE(kit, till_printed)));
    SAYS("no ask or call is open");
    souk_kit_close(&kit);
}

static void
what_is_left_untold_is_told(void **state SOUK_UNUSED)
{
    souk_kit *kit = open_till();
    SOUK_WHEN_PASSED(kit, 1);
    SOUK_THEN_NOTHING(kit);
    SOUK_WHEN(kit, till_sell, .sale = souk_kit_id(1), .lines = { &bread, 1 });
    assert_true(COMPLAINS(SOUK_THEN_NOTHING(kit)));
    SAYS("expected  nothing more\n  came      till_sold");
    SAYS("and       calls till_print");
    SAYS("and       answers");
    souk_kit_close(&kit);

    /* Two events, one told. */
    kit = souk_kit_open(&whim_kind, "a");
    SOUK_WHEN(kit, whim_add, .amount = 3, .whim = WHIM_NONE, .times = 2);
    SOUK_THEN(kit, whim_added, .amount = 3, .salt = 0);
    int line = __LINE__ - 2;
    assert_true(COMPLAINS(souk_kit_close(&kit)));
    SAYS("a WHEN was told in part");
    SAYS("untold    whim_added {\"amount\":3,\"salt\":0}");
    assert_int_equal(said_line, line);
    assert_null(kit);

    /* A turn that fails may not go by unseen. */
    kit = open_till();
    SOUK_WHEN(kit, till_pass, .other = souk_kit_self(kit).key);
    assert_true(COMPLAINS(souk_kit_close(&kit)));
    SAYS("the turn has failed");
    SAYS("!souk_key_equal(c->other, souk_self(turn).key) at test/kit/till.c:");
}

static void
an_impure_function_is_found(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&whim_kind, "a");
    assert_true(COMPLAINS(SOUK_WHEN(kit, whim_add, .amount = 1, .whim = WHIM_APPLY, .times = 1)));
    SAYS("the same turn on the actor's snapshot makes another state");
    SAYS("\"sum\":");
    souk_kit_close(&kit);

    kit = souk_kit_open(&whim_kind, "a");
    assert_true(COMPLAINS(SOUK_WHEN(kit, whim_add, .amount = 1, .whim = WHIM_DECIDE, .times = 1)));
    SAYS("a decide depends on more than state, message and turn");
    SAYS("its twin   whim_added {\"amount\":1,\"salt\":");
    souk_kit_close(&kit);

    /* Only what is replayed after all else shows this one: an apply that looks at the actor's past elsewhere. */
    kit = souk_kit_open(&whim_kind, "a");
    assert_true(COMPLAINS(SOUK_GIVEN(kit, whim_added, .amount = 1, .salt = WHIM_APPLY)));
    SAYS("an apply depends on more than state and event");
    souk_kit_close(&kit);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sale_in_three_lines),
        cmocka_unit_test(every_verb_is_seen),
        cmocka_unit_test(outcomes_come_by_the_reply),
        cmocka_unit_test(time_passes_by_the_test),
        cmocka_unit_test(queries_show_and_wait),
        cmocka_unit_test(what_is_no_body_is_refused),
        cmocka_unit_test(a_wrong_then_is_told),
        cmocka_unit_test(what_is_left_untold_is_told),
        cmocka_unit_test(an_impure_function_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
