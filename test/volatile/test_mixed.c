/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_mixed.c -- event-sourced and volatile actors speak with each other, also across crashes: what is
 * durable is consistent, what is volatile is forgotten, nothing happens twice. */
#include "ledger.h"
#include "puppet.h"
#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static struct ledger_view
show(souk_sim *sim, souk_ref ledger)
{
    struct ledger_view view;
    struct ledger_show query = { };
    assert_int_equal(souk_sim_tell(sim, ledger, &ledger_show_query, &query, souk_layout_of_ledger_view, &view).ending,
                     SOUK_DONE);
    return view;
}

static void
inquire(souk_sim *sim, souk_ref ledger, souk_ref of, puppet_code *code, uint64_t value, uint32_t within_ms)
{
    struct ledger_inquire c = { of.key, CODE(code), value, within_ms };
    assert_int_equal(souk_sim_tell(sim, ledger, &ledger_inquire_command, &c, NULL, NULL).ending, SOUK_DONE);
}

/* ---- Without a crash. ---- */

static souk_verdict
run_sleep_on(struct puppet_self *self SOUK_UNUSED, souk_turn *turn SOUK_UNUSED, uint64_t value SOUK_UNUSED)
{
    return SOUK_LATER;
}

static void
durable_asks_volatile(souk_sim *sim)
{
    souk_ref ledger = named(sim, &ledger_kind, 1), puppet = named(sim, &puppet_kind, 1);
    inquire(sim, ledger, puppet, run_say, 5, 1000);
    inquire(sim, ledger, puppet, run_refuse, 6, 1000);
    inquire(sim, ledger, puppet, run_sleep_on, 7, 100);
    inquire(sim, ledger, puppet, run_fail, 8, 1000);
    struct ledger_send send = { puppet.key, CODE(run_note), 9 };
    souk_sim_tell(sim, ledger, &ledger_send_command, &send, NULL, NULL);
    pass(sim, 2000);
    struct ledger_view v = show(sim, ledger);
    assert_int_equal(v.done, 1);
    assert_int_equal(v.refused, 1);
    assert_int_equal(v.late, 1);
    assert_int_equal(v.dead, 1);
    assert_int_equal(v.tells, 1);
    for (uint64_t i = 5; i < 10; i++) assert_int_equal(noted(i), i != 7);
    struct ledger_stray stray = { }; /* To nobody: dead at once, and not on record. */
    souk_sim_tell(sim, ledger, &ledger_stray_command, &stray, NULL, NULL);
    pass(sim, 50);
    assert_int_equal(show(sim, ledger).dead, 2);
}

static souk_verdict
run_use_ledger(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_ref ledger = who[0];
    souk_tell_with_(turn, ledger, &ledger_add_command, &(struct ledger_add){ value }, souk_size_ledger_add,
                    souk_put_ledger_add);
    souk_ask_with_(turn, ledger, puppet_heard_tag, 1000, &ledger_add_command, &(struct ledger_add){ value },
                   souk_size_ledger_add, souk_put_ledger_add);
    souk_ask_with_(turn, ledger, puppet_heard_tag, 1000, &ledger_add_command, &(struct ledger_add){ 13 },
                   souk_size_ledger_add, souk_put_ledger_add);
    uint32_t number = souk_ask_with_(turn, ledger, puppet_heard_tag, 1000, &ledger_hold_command,
                                     &(struct ledger_hold){ }, souk_size_ledger_hold, souk_put_ledger_hold);
    souk_cancel(turn, number); /* Its queue isn't ours: it is handled, and its outcome counts for nothing. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_forward_to_ledger(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_forward(turn, who[0], ledger_add, .value = value);
    return SOUK_ACCEPT;
}

static void
volatile_asks_durable(souk_sim *sim)
{
    who[0] = named(sim, &ledger_kind, 1);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_use_ledger, 100);
    pass(sim, 2000);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 200)), 1);
    assert_int_equal(noted(HEARD(SOUK_REFUSED, ledger_closed, 0)), 1);
    assert_int_equal(notes_count, 2);
    struct puppet_request r;
    puppet_send(sim, &r, named(sim, &puppet_kind, 1), run_forward_to_ledger, 7, 1000);
    pass(sim, 100);
    assert_int_equal(r.said, 207);
    inquire(sim, who[0], named(sim, &puppet_kind, 2), run_forward_to_ledger, 8, 1000); /* And back to itself. */
    pass(sim, 100);
    assert_int_equal(show(sim, who[0]).sum, 215);
    assert_int_equal(show(sim, who[0]).done, 1);
}

/* ---- With crashes. ---- */

static void
late_after_a_crash(souk_sim *sim)
{
    souk_ref ledger = named(sim, &ledger_kind, 1), puppet = named(sim, &puppet_kind, 1);
    inquire(sim, ledger, puppet, run_sleep_on, 1, 5000);
    struct ledger_add add = { 11 };
    assert_int_equal(souk_sim_tell(sim, ledger, &ledger_add_command, &add, NULL, NULL).ending, SOUK_DONE);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
    souk_sim_crash(sim);
    assert_int_equal(counted(sim, COUNT_LIVES), 0);
    pass(sim, 10000);
    struct ledger_view v = show(sim, ledger);
    assert_int_equal(v.sum, 11);
    assert_int_equal(v.asks, 1);
    assert_int_equal(v.late, 1);
}

/* An answer to a life before the crash is not taken for one to a life after it. */
static souk_verdict
run_ask_hold(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    if (value) {
        puppet_ask(turn, who[1], 60000, run_sleep_on, 0);
        return SOUK_ACCEPT;
    }
    souk_ask_with_(turn, who[0], puppet_heard_tag, 60000, &ledger_hold_command, &(struct ledger_hold){ },
                   souk_size_ledger_hold, souk_put_ledger_hold);
    return SOUK_ACCEPT;
}

static void
answer_to_a_former_life(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    who[0] = named(sim, &ledger_kind, 1);
    who[1] = named(sim, &puppet_kind, 2);
    puppet_order(sim, one, run_ask_hold, 0);
    pass(sim, 1000);
    souk_sim_crash(sim);
    puppet_order(sim, one, run_ask_hold, 1); /* Another ask is under way now. */
    pass(sim, 10);
    struct ledger_release release = { };
    souk_sim_tell(sim, who[0], &ledger_release_command, &release, NULL, NULL);
    pass(sim, 1000);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 77)), 0);
    assert_int_equal(notes_count, 0);
}

/* Both ways, at random, with crashes all the time. Each add of a volatile actor happens once or not at all: bits tell.
 * What a volatile actor was told durably answered is there. Each ask of the ledger has one outcome. */
static uint64_t sure; /* The bits that were answered. */
static unsigned crashes;

static souk_verdict
hear_added(struct puppet_self *self, const struct souk_outcome *outcome, souk_turn *turn SOUK_UNUSED)
{
    self->count += outcome->ending == SOUK_DONE;
    return SOUK_ACCEPT;
}

static souk_verdict
run_add_bit(struct puppet_self *self, souk_turn *turn, uint64_t bit)
{
    self->heard = CODE(hear_added);
    if (bit % 2) {
        souk_forward(turn, who[0], ledger_add, .value = UINT64_C(1) << bit);
    } else {
        souk_ask_with_(turn, who[0], puppet_heard_tag, 60000, &ledger_add_command,
                       &(struct ledger_add){ UINT64_C(1) << bit }, souk_size_ledger_add, souk_put_ledger_add);
    }
    return SOUK_ACCEPT;
}

static void
crashing(souk_sim *sim)
{
    enum { BITS = 60 };
    static struct puppet_request r[BITS];
    memset(r, 0, sizeof r);
    who[0] = named(sim, &ledger_kind, 1);
    souk_ref asks = named(sim, &ledger_kind, 2);
    sure = 0;
    for (unsigned i = 0; i < BITS; i++) {
        if (i == 2 || i == 3) continue;
        puppet_send(sim, &r[i], named(sim, &puppet_kind, i % 5), run_add_bit, i, 2000);
        struct ledger_inquire c = { named(sim, &puppet_kind, i % 5).key, CODE(i % 3 ? run_say : run_sleep_on), i, 500 };
        if (i % 4 == 0) souk_sim_tell(sim, asks, &ledger_inquire_command, &c, NULL, NULL);
        for (uint64_t n = souk_sim_draw(sim, 40); n--;) souk_sim_step(sim);
    }
    for (unsigned i = 0; i < 3000; i++) souk_sim_step(sim);
    struct ledger_view before = show(sim, who[0]);
    for (unsigned i = 0; i < BITS; i++)
        if (i % 2 && r[i].done && r[i].reply.ending == SOUK_DONE) sure |= UINT64_C(1) << i;
    assert_int_equal(before.sum & sure, sure);                     /* What was answered has happened, */
    assert_int_equal(__builtin_popcountll(before.sum), before.adds); /* each once, */
    assert_int_equal(before.sum & 0xc, 0);                         /* and nothing else. */
    assert_int_equal(before.sum >> BITS, 0);
    for (unsigned i = 0; i < 200; i++) pass(sim, 100);
    struct ledger_view v = show(sim, asks);
    assert_int_equal(v.done + v.refused + v.late + v.dead, v.asks);
    crashes += (unsigned)souk_sim_counts(sim).crashes;
}

#define IN_WORLDS(test) static void test_##test(void **state SOUK_UNUSED) { in_worlds(test); }
IN_WORLDS(durable_asks_volatile)
IN_WORLDS(volatile_asks_durable)
IN_WORLDS(late_after_a_crash)
IN_WORLDS(answer_to_a_former_life)

static void
test_crashing(void **state SOUK_UNUSED)
{
    in_worlds_with(&(struct souk_sim_options){ .crash_one_in = 400, .checkpoint_one_in = 150 }, crashing);
    assert_true(crashes > 20);
}

/* The same seed does the same. */
static uint64_t traces[2];

static void
test_repeats(void **state SOUK_UNUSED)
{
    for (unsigned i = 0; i < 2; i++) {
        struct souk_sim_options options = { .seed = 5, .workers = 3, .kinds = puppet_kinds_and_ledger,
                                            .crash_one_in = 400 };
        souk_sim *sim = souk_sim_open(&options);
        crashing(sim);
        traces[i] = souk_sim_counts(sim).trace;
        souk_sim_close(&sim);
    }
    assert_int_equal(traces[0], traces[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durable_asks_volatile), cmocka_unit_test(test_volatile_asks_durable),
        cmocka_unit_test(test_late_after_a_crash), cmocka_unit_test(test_answer_to_a_former_life),
        cmocka_unit_test(test_crashing), cmocka_unit_test(test_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
