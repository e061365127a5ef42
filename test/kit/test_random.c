/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/test_random.c -- random commands reach all of a sound kind and find nothing; they find what is planted, and
 * shrink it to what matters. */
#include "crooked.h"
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

static char said[8192];

static void
keep(const char *file, int line, const char *text)
{
    assert_non_null(strstr(file, "test_random.c"));
    assert_true(line > 0);
    snprintf(said, sizeof said, "%s", text);
}

/* Lets a run fail: what it says lies in `said`. */
#define FAILS(...)                                                    \
    do {                                                              \
        souk_kit_on_failure(keep);                                    \
        struct souk_kit_done done_ = SOUK_KIT_RANDOM(__VA_ARGS__);    \
        souk_kit_on_failure(NULL);                                    \
        assert_true(done_.failed);                                    \
    } while (0)

/* ---- A sound kind. ---- */

static const struct souk_kit_answers answers[] = {
    SOUK_KIT_ANSWERS(till_counted, souk_layout_of_till_receipt, till_closed), { 0, NULL, NULL }
};
static const char *const notes[] = { "gift", NULL };

/* A till never passes to itself: it asserts that. */
static bool
fit(souk_kit *kit, const struct souk_layout *layout, void *message)
{
    const struct till_pass *pass = message;
    return layout != souk_layout_of_till_pass || !souk_key_equal(pass->other, souk_kit_self(kit).key);
}

static const char *
printed_at_most_sold(souk_kit *kit)
{
    struct till_view v;
    if (SOUK_KIT_SHOW(kit, till_show, till_view, &v, .printed_min = 0) != SOUK_ACCEPT) return "it shows nothing";
    return v.printed <= v.sales ? NULL : "more receipts than sales";
}

static void
a_sound_kind_holds_and_all_of_it_is_reached(void **state SOUK_UNUSED)
{
    struct souk_kit_done done = SOUK_KIT_RANDOM(.kind = &till_kind, .id = "shop,1", .answers = answers, .fit = fit,
                                                .texts = notes, .holds = printed_at_most_sold, .sequences = 1000);
    assert_false(done.failed);
    assert_null(done.never);
    assert_int_equal(done.sequences, 1000);
    assert_true(done.accepted > 1000 && done.refused > 1000 && done.malformed > 50);
    struct souk_kit_done again = SOUK_KIT_RANDOM(.kind = &till_kind, .id = "shop,1", .answers = answers, .fit = fit,
                                                 .texts = notes, .holds = printed_at_most_sold, .sequences = 1000);
    assert_memory_equal(&done, &again, sizeof done);
    done = SOUK_KIT_RANDOM(.kind = &till_kind, .id = "shop,1", .fit = fit, .sequences = 1, .steps = 1);
    assert_non_null(done.never);
}

/* ---- What is planted. ---- */

static void
a_planted_bug_is_found_and_shrunk(void **state SOUK_UNUSED)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        FAILS(.kind = &crooked_kind, .id = "shelf", .seed = 1000 * seed);
        assert_non_null(strstr(said, "crooked fails, seed "));
        assert_non_null(strstr(said, "s->taken <= CROOKED_UNITS && s->sold <= CROOKED_UNITS at test/kit/crooked.c:"));
        assert_non_null(strstr(said, "after 3 steps, "));
        assert_non_null(strstr(said,
            "    souk_kit *kit = souk_kit_open(&crooked_kind, \"shelf\");\n"
            "    SOUK_WHEN(kit, crooked_take, .who = souk_kit_id(1), .units = 1, .words = { NULL, 0 });\n"
            "    SOUK_WHEN(kit, crooked_sell, .who = souk_kit_id(1));\n"
            "    SOUK_WHEN(kit, crooked_give_back, .who = souk_kit_id(1));\n"
            "    souk_kit_close(&kit);\n"));
    }
    /* What it has printed does it again. */
    souk_kit *kit = souk_kit_open(&crooked_kind, "shelf");
    SOUK_WHEN(kit, crooked_take, .who = souk_kit_id(1), .units = 1, .words = { NULL, 0 });
    SOUK_WHEN(kit, crooked_sell, .who = souk_kit_id(1));
    SOUK_WHEN(kit, crooked_give_back, .who = souk_kit_id(1));
    SOUK_THEN_FAILED(kit);
    souk_kit_close(&kit);
}

static void
the_seed_it_tells_does_it_again(void **state SOUK_UNUSED)
{
    char first[sizeof said];
    FAILS(.kind = &crooked_kind, .id = "shelf", .seed = 77);
    const char *seed = strstr(said, "and again by .seed = ");
    unsigned long long number;
    assert_non_null(seed);
    assert_int_equal(sscanf(seed, "and again by .seed = %llu, .sequences = 1", &number), 1);
    memcpy(first, said, sizeof said);
    FAILS(.kind = &crooked_kind, .id = "shelf", .seed = number, .sequences = 1);
    assert_string_equal(first, said);
}

static const char *
never_three(souk_kit *kit)
{
    struct crooked_view v;
    souk_verdict verdict = SOUK_KIT_SHOW(kit, crooked_show, crooked_view, &v);
    souk_assert(verdict == SOUK_ACCEPT);
    return v.sold < 3 ? NULL : "three are sold";
}

static void
a_property_is_held_against_each_step(void **state SOUK_UNUSED)
{
    FAILS(.kind = &crooked_kind, .id = "shelf", .seed = 5, .holds = never_three);
    assert_non_null(strstr(said, ": three are sold\n  after 2 steps"));
    assert_non_null(strstr(said,
        "    SOUK_WHEN(kit, crooked_take, .who = souk_kit_id(1), .units = 3, .words = { NULL, 0 });\n"
        "    SOUK_WHEN(kit, crooked_sell, .who = souk_kit_id(1));\n"
        "    souk_kit_close(&kit);\n"));
}

/* Looks at what the last step emitted, and remembers. */
static unsigned sold;

static void
begin_open(souk_kit *kit)
{
    sold = 0;
    SOUK_GIVEN(kit, till_opened, .owner = SOUK_TEXT("ann"));
}

static const char *
seldom_sold(souk_kit *kit)
{
    struct till_sold e;
    struct till_receipted printed;
    for (uint32_t i = 0; SOUK_KIT_EMITTED(kit, till_sold, i, &e); i++) sold++;
    souk_assert(sold < 2 || !SOUK_KIT_EMITTED(kit, till_receipted, 0, &printed) || printed.printed);
    return NULL;
}

static void
what_is_remembered_is_forgotten_by_begin(void **state SOUK_UNUSED)
{
    FAILS(.kind = &till_kind, .id = "shop,1", .fit = fit, .begin = begin_open, .holds = seldom_sold, .seed = 1);
    assert_non_null(strstr(said, "sold < 2 || !"));
    assert_non_null(strstr(said, "after 3 steps, "));
    assert_non_null(strstr(said, "    /* Here comes what .begin does. */\n    SOUK_WHEN(kit, till_sell, .sale = "));
}

/* Makes another thing of what it has made itself. */
static bool
fickle(souk_kit *kit SOUK_UNUSED, const struct souk_layout *layout, void *message)
{
    if (layout == souk_layout_of_crooked_take) ((struct crooked_take *)message)->units ^= 1;
    return true;
}

static void
a_fickle_fit_is_found(void **state SOUK_UNUSED)
{
    FAILS(.kind = &crooked_kind, .id = "shelf", .seed = 5, .fit = fickle);
    assert_non_null(strstr(said, "fit changes what it has made itself"));
}

static void
an_impure_apply_is_found(void **state SOUK_UNUSED)
{
    FAILS(.kind = &whim_kind, .id = "a", .seed = 1);
    assert_non_null(strstr(said, "depends on more than state"));
    assert_non_null(strstr(said, "after 1 steps, "));
    assert_non_null(strstr(said, "    SOUK_WHEN(kit, whim_add, .amount = 0, .whim = "));
    assert_non_null(strstr(said, ", .times = 1);\n"));
}

/* An assertion in decide, which only a call that comes from nobody in his senses breaks; here nothing keeps it away. */
static void
what_nobody_would_send_is_found_too(void **state SOUK_UNUSED)
{
    FAILS(.kind = &till_kind, .id = "shop,1", .seed = 1);
    assert_non_null(strstr(said, "    SOUK_WHEN(kit, till_pass, .other = souk_kit_self(kit).key);\n"));
    assert_non_null(strstr(said, "after 1 steps, "));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_kind_holds_and_all_of_it_is_reached),
        cmocka_unit_test(a_planted_bug_is_found_and_shrunk),
        cmocka_unit_test(the_seed_it_tells_does_it_again),
        cmocka_unit_test(a_property_is_held_against_each_step),
        cmocka_unit_test(what_is_remembered_is_forgotten_by_begin),
        cmocka_unit_test(a_fickle_fit_is_found),
        cmocka_unit_test(an_impure_apply_is_found),
        cmocka_unit_test(what_nobody_would_send_is_found_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
