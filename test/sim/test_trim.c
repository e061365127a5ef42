/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/test_trim.c -- a checkpoint holds all that a start needs: with the journal before it trimmed away, crash
 * after crash, everything that was said is still taken once: tells, asks, wakes. */
#include "souk/sim_glass.h"

#include "store/journal.h"
#include "store/vault.h"
#include "work/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { GLASSES = 3, MESSAGES = 60, SEEDS = 60 };

static souk_ref
glass(souk_sim *sim, unsigned i)
{
    char name = (char)('a' + i);
    return souk_ref(glass, souk_sim_key_of(sim, (struct souk_text){ &name, 1 }));
}

/* Forgets all of the journal that the last checkpoint makes superfluous. Whether there was any. */
static bool
trim(souk_sim *sim)
{
    struct souk_journal *journal = souk_sim_journal(sim);
    struct souk_vault *vault = souk_sim_vault(sim);
    struct souk_marker marker;
    uint64_t before, after, last;
    size_t length;
    void *value;
    bool old;
    if (vault->ops->get(vault, (struct souk_bytes){ "m", 1 }, &value, &length)) return false;
    assert_int_equal(souk_marker_read((struct souk_bytes){ value, length }, &marker, &old), SOUK_OK);
    free(value);
    assert_int_equal(journal->ops->bounds(journal, &before, &last), SOUK_OK);
    assert_int_equal(journal->ops->trim(journal, marker.low), SOUK_OK);
    assert_int_equal(journal->ops->bounds(journal, &after, &last), SOUK_OK);
    return after > before;
}

static unsigned
run(uint64_t seed)
{
    struct souk_sim_options options = { .seed = seed, .kinds = glass_kinds, .crash_one_in = 200,
                                        .checkpoint_one_in = 10 };
    souk_sim *sim = souk_sim_open(&options);
    unsigned trimmed = 0, taken = 0, told = 0, asked = 0;
    for (unsigned n = 1; n <= MESSAGES; n++) {
        unsigned from = (unsigned)souk_sim_draw(sim, GLASSES), to = (unsigned)souk_sim_draw(sim, GLASSES);
        struct glass_say say = { .from = from, .to = glass(sim, to).key, .number = n, .how = GLASS_WELL,
                                 .asks = souk_sim_draw(sim, 2) };
        asked += say.asks;
        struct souk_reply reply = souk_sim_tell(sim, glass(sim, from), &glass_say_command, &say, NULL, NULL);
        assert_int_equal(reply.ending, SOUK_DONE);
        for (uint64_t steps = souk_sim_draw(sim, 60); steps > 0; steps--) souk_sim_step(sim);
        trimmed += trim(sim);
        if (souk_sim_draw(sim, 4) == 0) souk_sim_crash(sim);
    }
    assert_true(souk_sim_run(sim, 1000000));
    for (unsigned i = 0; i < GLASSES; i++) {
        static struct glass_view view;
        struct glass_show show = { GLASS_WELL, 0 };
        souk_sim_tell(sim, glass(sim, i), &glass_show_query, &show, souk_layout_of_glass_view, &view);
        taken += view.notes.count;
        told += view.ends.count;
        assert_int_equal(view.open, 0);
    }
    assert_int_equal(taken, MESSAGES);
    assert_int_equal(told, asked);
    assert_true(souk_sim_counts(sim).crashes > 0);
    souk_sim_close(&sim);
    return trimmed;
}

static void
a_checkpoint_is_all_that_a_start_needs(void **state)
{
    (void)state;
    unsigned trimmed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) trimmed += run(seed);
    print_message("# trimmed %u times in %d runs\n", trimmed, SEEDS);
    assert_true(trimmed > SEEDS / 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_checkpoint_is_all_that_a_start_needs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
