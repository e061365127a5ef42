/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_asking.c -- asks and how they end, deadlines, gatherings, and what is called off. */
#include "puppet.h"
#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

/* ---- How an ask ends. ---- */

static souk_verdict
run_sleep_on(struct puppet_self *self SOUK_UNUSED, souk_turn *turn SOUK_UNUSED, uint64_t value SOUK_UNUSED)
{
    return SOUK_LATER; /* And never answers. */
}

static souk_verdict
run_ask_all_ways(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    puppet_ask(turn, who[0], 1000, run_say, 1);
    puppet_ask(turn, who[0], 1000, run_refuse, 2);
    puppet_ask(turn, who[0], 100, run_sleep_on, 3);
    puppet_ask(turn, who[1], 1000, run_say, 4); /* An anonymous one that has ended. */
    puppet_ask(turn, who[0], 1000, run_fail, 5);
    return SOUK_ACCEPT;
}

static souk_verdict
run_spawn_and_stop(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    who[value] = puppet_spawn(turn, &puppet_kind, SOUK_SPREAD, run_nothing, 0);
    souk_stop(turn, who[value], SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static void
ways_to_end(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    who[0] = named(sim, &stubborn_kind, 2);
    puppet_order(sim, one, run_spawn_and_stop, 1);
    pass(sim, 50);
    notes_count = 0;
    puppet_order(sim, one, run_ask_all_ways, 0);
    pass(sim, 50);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 1)), 1);
    assert_int_equal(noted(HEARD(SOUK_REFUSED, stubborn_unwilling, 0)), 1);
    assert_int_equal(noted(HEARD(SOUK_DEAD, 0, 0)), 2);
    assert_int_equal(noted(HEARD(SOUK_LATE, 0, 0)), 0);
    pass(sim, 100);
    assert_int_equal(noted(HEARD(SOUK_LATE, 0, 0)), 1);
    pass(sim, 5000);
    assert_int_equal(notes_count, 3 + 5); /* Each has one outcome. */
}

/* ---- Answered later, and passed on. ---- */

static souk_asker askers[4];

static souk_verdict
run_answer_now(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_answer_later(turn, askers[value], value ? SOUK_ACCEPT : puppet_unwilling, puppet_said, .value = 40 + value);
    souk_answer_later(turn, askers[value], SOUK_ACCEPT, puppet_said, .value = 50); /* One too many. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_answer_later(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    askers[value] = souk_turn_asker(turn);
    puppet_wake(turn, 30, run_answer_now, value);
    return SOUK_LATER;
}

static souk_verdict
run_pass_on(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_forward(turn, value ? who[value] : souk_nobody, value == 1 ? run_refuse : run_say, value);
    return SOUK_ACCEPT;
}

static souk_verdict
run_ask_later_ways(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    for (unsigned i = 0; i < 2; i++) puppet_ask(turn, who[0], 1000, run_answer_later, i);
    for (unsigned i = 0; i < 3; i++) puppet_ask(turn, who[0], 1000, run_pass_on, i);
    return SOUK_ACCEPT;
}

static void
later_and_passed_on(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    for (unsigned i = 0; i < 3; i++) who[i] = named(sim, &puppet_kind, 10 + i);
    puppet_order(sim, one, run_ask_later_ways, 0);
    pass(sim, 2000);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 41)), 1);
    assert_int_equal(noted(HEARD(SOUK_REFUSED, puppet_unwilling, 0)), 2);
    assert_int_equal(noted(HEARD(SOUK_DEAD, 0, 0)), 1);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 2)), 1);
    assert_int_equal(notes_count, 5 + 2);
    struct puppet_request r; /* A request from outside is passed on, too. */
    puppet_send(sim, &r, who[0], run_pass_on, 2, 1000);
    pass(sim, 200);
    assert_int_equal(r.said, 2);
}

/* ---- Deadlines. ---- */

static uint64_t due_ms[8];

static souk_verdict
run_ask_with_less(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    due_ms[value] = souk_due_ms(turn);
    if (value < 3) puppet_ask(turn, who[value], 1000000, run_ask_with_less, value + 1);
    return value < 3 ? SOUK_LATER : SOUK_ACCEPT;
}

static souk_verdict
run_ask_from_a_wake(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    assert_int_equal(souk_due_ms(turn), 0);
    puppet_ask(turn, who[0], 100, run_say, value);
    puppet_among(turn, puppet_gather(turn, 100), who[0], run_nothing, 0);
    return SOUK_ACCEPT;
}

static souk_verdict
run_wake_it(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_wake(turn, 50, run_ask_from_a_wake, value);
    return SOUK_ACCEPT;
}

static void
deadlines_travel(souk_sim *sim)
{
    for (unsigned i = 0; i < 3; i++) who[i] = named(sim, &puppet_kind, 10 + i);
    static struct puppet_request r; /* Under way to the end. */
    uint64_t now = souk_sim_now_ms(sim);
    puppet_send(sim, &r, named(sim, &puppet_kind, 1), run_ask_with_less, 0, 700);
    pass(sim, 100);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(due_ms[i] >= now + 699 && due_ms[i] <= now + 701);
        assert_int_equal(due_ms[i], due_ms[0]);
    }
    notes_count = 0;
    puppet_order(sim, named(sim, &puppet_kind, 1), run_wake_it, 9); /* A wake is due to nobody. */
    pass(sim, 500);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 9)), 1);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 0)), 1);
}

/* Work that nobody waits for any more isn't done. */
static souk_verdict
run_ask_in_vain(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_tell(turn, who[0], run_fail, 1); /* It is down for 50 ms at least. */
    puppet_ask(turn, who[0], 20, run_say, value);
    puppet_ask(turn, who[0], 2000, run_say, value + 1);
    return SOUK_ACCEPT;
}

static void
expired_work_is_dropped(souk_sim *sim)
{
    who[0] = named(sim, &phoenix_kind, 2);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_ask_in_vain, 70);
    pass(sim, 1000);
    assert_int_equal(noted(70), 0);
    assert_int_equal(noted(71), 1);
    assert_int_equal(noted(HEARD(SOUK_LATE, 0, 0)), 1);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 71)), 1);
    assert_int_equal(counted(sim, SOUK_N_EXPIRED), 1);
}

/* ---- Gatherings. ---- */

static souk_verdict
hear_gathered(struct puppet_self *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct souk_outcome one;
    note(turn, 5000 + (uint64_t)outcome->ending);
    assert_int_equal(outcome->ask, self->x);
    for (uint32_t i = 0; souk_gathered(turn, i, &one); i++) {
        uint64_t said = puppet_read(turn, &one);
        note(turn, HEARD(one.ending, one.refusal, said == UINT64_MAX ? 0 : said));
    }
    self->count++;
    return self->y ? (souk_verdict)self->y : SOUK_ACCEPT;
}

static souk_verdict
run_gather(struct puppet_self *self, souk_turn *turn, uint64_t mask)
{
    self->heard = CODE(hear_gathered);
    uint32_t all = puppet_gather(turn, 200);
    self->x = all;
    for (unsigned i = 0; i < 8; i++) {
        if (!(mask & 1u << i)) continue;
        if (i == 6) puppet_among(turn, all, who[0], run_sleep_on, 0);
        else if (i == 7) puppet_among(turn, all, souk_nobody, run_say, 0);
        else puppet_among(turn, all, who[i], i == 3 ? run_refuse : run_say, i);
    }
    return SOUK_ACCEPT;
}

static void
gathered(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    for (unsigned i = 0; i < 6; i++) who[i] = named(sim, &puppet_kind, 10 + i);
    static const unsigned masks[] = { 0x37, 0xbf, 0x7f, 0x40, 0 };
    for (unsigned n = 0; n < 5; n++) {
        bool late = masks[n] & 0x40;
        puppet_order(sim, one, run_gather, masks[n]);
        if (late) pass(sim, 150);
        assert_int_equal(noted(5000 + SOUK_LATE), 0); /* Not before its time. */
        notes_count = late ? 0 : notes_count;
        pass(sim, 100);
        uint32_t at = 0;
        while (!is_same(notes[at].who, one)) at++;
        assert_int_equal(notes[at++].value, 5000 + (uint64_t)(late ? SOUK_LATE : SOUK_DONE));
        for (unsigned i = 0; i < 8; i++) { /* In the order of asking. */
            if (!(masks[n] & 1u << i)) continue;
            uint64_t expected = i == 3 ? HEARD(SOUK_REFUSED, puppet_unwilling, 0) : i == 6 ? HEARD(SOUK_LATE, 0, 0)
                              : i == 7 ? HEARD(SOUK_DEAD, 0, 0) : HEARD(SOUK_DONE, 0, i);
            assert_true(is_same(notes[at].who, one));
            assert_int_equal(notes[at++].value, expected);
        }
        pass(sim, 2000);
        assert_int_equal(noted(5000 + SOUK_LATE) + noted(5000 + SOUK_DONE), 1);
        notes_count = 0;
    }
    const struct souk_partition *p = souk_sim_door(sim)->partition;
    struct souk_live *live = souk_live_find(&souk_shard_of(p, one.key)->population, one);
    assert_int_equal(live->extra->open_count, 0);
    assert_null(live->extra->gatherings);
}

static souk_verdict
hear_gathered_and_send(struct puppet_self *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    puppet_tell(turn, who[5], run_note, 123456);
    puppet_ask(turn, who[5], 100, run_note, 123457);
    self->heard = CODE(hear_note); /* Of this ask's outcome. */
    return hear_gathered(self, outcome, turn);
}

static souk_verdict
run_gather_then(struct puppet_self *self, souk_turn *turn, uint64_t verdict)
{
    souk_verdict v = run_gather(self, turn, 3);
    self->heard = CODE(hear_gathered_and_send);
    self->y = verdict;
    return v;
}

/* The turn that hears of all is a turn: refused or failed, it sends nothing. */
static void
gathered_and_undone(souk_sim *sim)
{
    for (unsigned i = 0; i < 6; i++) who[i] = named(sim, &puppet_kind, 10 + i);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_gather_then, puppet_unwilling);
    puppet_order(sim, named(sim, &stubborn_kind, 2), run_gather_then, SOUK_FAILED);
    puppet_order(sim, named(sim, &puppet_kind, 3), run_gather_then, SOUK_FAILED);
    puppet_order(sim, named(sim, &reborn_kind, 4), run_gather_then, SOUK_FAILED);
    pass(sim, 2000);
    assert_int_equal(noted(5000 + SOUK_DONE), 4);
    assert_int_equal(noted(123456), 0);
    assert_int_equal(noted(123457), 0);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_gather_then, SOUK_ACCEPT);
    pass(sim, 2000);
    assert_int_equal(noted(123456), 1);
    assert_int_equal(noted(123457), 1);
}

static uint32_t number, other;

static souk_verdict
run_gather_again(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    puppet_among(turn, number, who[0], run_say, 1); /* Of another turn: a fault. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_gather_only(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    number = puppet_gather(turn, 100);
    if (value) puppet_among(turn, number, who[0], run_sleep_on, 1);
    return SOUK_ACCEPT;
}

static void
gathering_is_of_one_turn(souk_sim *sim)
{
    souk_ref one = named(sim, &stubborn_kind, 1);
    who[0] = named(sim, &puppet_kind, 10);
    puppet_order(sim, one, run_gather_only, 1);
    assert_int_equal(puppet_order(sim, one, run_gather_again, 0).ending, SOUK_DEAD);
    pass(sim, 1000);
    assert_int_equal(noted(HEARD(SOUK_LATE, 0, 0)), 1);
}

/* ---- Called off. ---- */

static souk_verdict
run_cancel(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    souk_cancel(turn, number);
    souk_cancel(turn, number); /* It is over: nothing happens. */
    souk_cancel(turn, other);
    return SOUK_ACCEPT;
}

static souk_verdict
run_begin(struct puppet_self *self, souk_turn *turn, uint64_t what)
{
    self->heard = 0;
    other = 0;
    if (what == 0) number = puppet_wake(turn, 100, run_note, 800);
    if (what == 1) number = puppet_every(turn, 100, run_note, 801);
    if (what == 2) number = puppet_monitor(turn, who[0]);
    if (what >= 3) puppet_tell(turn, who[0], run_fail, 802); /* It is down for 50 ms or more, and what follows waits. */
    if (what == 3) number = puppet_ask(turn, who[0], 1000, run_note, 803);
    if (what == 3) other = puppet_ask(turn, who[0], 1000, run_note, 803);
    if (what != 4) return SOUK_ACCEPT;
    number = puppet_gather(turn, 1000);
    for (unsigned i = 0; i < 5; i++) puppet_among(turn, number, who[0], run_note, 804);
    puppet_tell(turn, who[0], run_note, 805);
    return SOUK_ACCEPT;
}

static souk_verdict
run_stop_other(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_stop(turn, who[value], SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static void
called_off(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    who[0] = named(sim, &phoenix_kind, 2);
    puppet_order(sim, who[0], run_nothing, 0);
    for (uint64_t what = 0; what < 5; what++) {
        notes_count = 0;
        puppet_order(sim, one, run_begin, what);
        if (what == 1) pass(sim, 250);
        assert_int_equal(noted(801), what == 1 ? 2 : 0);
        puppet_order(sim, one, run_cancel, 0);
        if (what == 2) puppet_order(sim, named(sim, &puppet_kind, 3), run_stop_other, 0);
        pass(sim, 3000);
        if (what == 1) assert_int_equal(notes_count, 2);
        else if (what < 3) assert_int_equal(notes_count, 0);
        else assert_int_equal(noted(802), 1);
        assert_int_equal(noted(803) + noted(804), 0); /* Dropped in the queue. */
        assert_int_equal(noted(805), what == 4);
        assert_int_equal(notes_count - noted(801) - noted(802) - noted(805), 0);
    }
    assert_true(souk_sim_run(sim, 100000)); /* No timer is left. */
}

static souk_verdict
run_begin_and_cancel(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    souk_cancel(turn, puppet_wake(turn, 10, run_note, 1));
    souk_cancel(turn, puppet_every(turn, 10, run_note, 2));
    souk_cancel(turn, puppet_monitor(turn, who[0]));
    souk_cancel(turn, puppet_ask(turn, who[0], 100, run_nothing, 3));
    uint32_t all = puppet_gather(turn, 100);
    puppet_among(turn, all, who[0], run_nothing, 4);
    souk_cancel(turn, all);
    souk_cancel(turn, puppet_gather(turn, 100));
    return SOUK_ACCEPT;
}

static void
called_off_at_once(souk_sim *sim)
{
    who[0] = named(sim, &puppet_kind, 2);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_begin_and_cancel, 0);
    puppet_order(sim, who[0], run_fail, 5);
    pass(sim, 1000);
    assert_int_equal(notes_count, 1);
    assert_true(souk_sim_run(sim, 100000));
}

#define IN_WORLDS(test) static void test_##test(void **state SOUK_UNUSED) { in_worlds(test); }
IN_WORLDS(ways_to_end)
IN_WORLDS(later_and_passed_on)
IN_WORLDS(deadlines_travel)
IN_WORLDS(expired_work_is_dropped)
IN_WORLDS(gathered)
IN_WORLDS(gathered_and_undone)
IN_WORLDS(gathering_is_of_one_turn)
IN_WORLDS(called_off)
IN_WORLDS(called_off_at_once)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_to_end), cmocka_unit_test(test_later_and_passed_on),
        cmocka_unit_test(test_deadlines_travel), cmocka_unit_test(test_expired_work_is_dropped),
        cmocka_unit_test(test_gathered), cmocka_unit_test(test_gathered_and_undone),
        cmocka_unit_test(test_gathering_is_of_one_turn), cmocka_unit_test(test_called_off),
        cmocka_unit_test(test_called_off_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
