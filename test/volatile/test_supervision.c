/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_supervision.c -- what follows when a turn fails: policies, restarts, links, monitors, storms. */
#include "puppet.h"
#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { GONE = 900000 };

static souk_verdict
run_watch(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_monitor(turn, who[value]);
    return SOUK_ACCEPT;
}

/* Notes a reason, with how often it was told. */
static uint32_t
downs(uint32_t reason)
{
    return noted(HEARD(SOUK_DOWN, reason, 0));
}

/* ---- The policies. ---- */

static souk_verdict
run_count(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->count += value;
    note(turn, self->count);
    puppet_say(turn, self->count);
    return SOUK_ACCEPT;
}

static puppet_code *failing; /* How it fails. */

static void
policy(souk_sim *sim, const struct souk_kind *kind, uint64_t count_after, uint32_t ends)
{
    notes_count = 0;
    uint64_t letters = counted(sim, COUNT_LETTERS), faults = counted(sim, COUNT_FAULTS);
    who[0] = named(sim, kind, 5);
    puppet_order(sim, who[0], run_count, 10);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_watch, 0);
    struct puppet_request fails, next;
    puppet_send(sim, &fails, who[0], failing, 7, 60000);
    pass(sim, 1000);
    puppet_send(sim, &next, who[0], run_count, 1, 60000);
    pass(sim, 1000);
    assert_int_equal(fails.reply.ending, SOUK_DEAD); /* The asker is told; the message is a dead letter. */
    assert_int_equal(counted(sim, COUNT_LETTERS) - letters, 1);
    assert_int_equal(counted(sim, COUNT_FAULTS) - faults, 1);
    assert_int_equal(next.said, count_after);
    assert_int_equal(noted(7), 1);
    assert_int_equal(downs(SOUK_END_FAULT), ends);
}

static void
policies(souk_sim *sim)
{
    puppet_code *ways[] = { run_fail, run_assert };
    for (unsigned i = 0; i < 2; i++) {
        failing = ways[i];
        policy(sim, &puppet_kind, 1, 1);
        policy(sim, &stubborn_kind, 11, 0);
        puppet_order(sim, who[0], run_count, -11ull);
        policy(sim, &reborn_kind, 1, 0);
        puppet_order(sim, who[0], run_count, -1ull);
        policy(sim, &climber_kind, 1, 1); /* Nobody spawned it. */
        souk_sim_crash(sim);
    }
}

/* ---- Restarts. ---- */

static souk_verdict
run_start(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    note(turn, value + self->count++); /* Anew each time. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_spawn_phoenix(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    who[value] = puppet_spawn(turn, &phoenix_kind, SOUK_SPREAD, run_start, 1000);
    puppet_monitor(turn, who[value]);
    return SOUK_ACCEPT;
}

static souk_verdict
run_many_to(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (uint64_t i = 0; i < value; i++) puppet_tell(turn, who[0], i == 2 ? run_fail : run_note, i);
    return SOUK_ACCEPT;
}

static void
start_comes_again_and_order_is_kept(souk_sim *sim)
{
    souk_ref parent = named(sim, &puppet_kind, 1);
    puppet_order(sim, parent, run_spawn_phoenix, 0);
    pass(sim, 10);
    assert_int_equal(noted(1000), 1);
    puppet_order(sim, parent, run_many_to, 10);
    pass(sim, 20);
    puppet_order(sim, parent, run_many_to, 0);
    assert_int_equal(notes_count, 4); /* It is down, and the rest waits. */
    pass(sim, 200);
    assert_int_equal(notes_count, 12);
    static const uint64_t expected[] = { 1000, 0, 1, 2, 1000, 3, 4, 5, 6, 7, 8, 9 };
    for (unsigned i = 0; i < 12; i++) assert_int_equal(notes[i].value, expected[i]);
    assert_int_equal(downs(SOUK_END_FAULT), 0);
    assert_int_equal(counted(sim, COUNT_RESTARTS), 1);
}

/* A start that fails: it is down longer each time, by chance, until there were too many. */
static souk_verdict
run_spawn_failing(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    who[value] = puppet_spawn(turn, &phoenix_kind, SOUK_NEAR, run_fail, value);
    puppet_monitor(turn, who[value]);
    return SOUK_ACCEPT;
}

static uint64_t pauses[8];
static bool jitter;

static void
backoff_and_intensity(souk_sim *sim)
{
    puppet_order(sim, named(sim, &puppet_kind, 1), run_spawn_failing, 0);
    pass(sim, 20000);
    assert_int_equal(noted(0), 7); /* Its first life and six more. */
    assert_int_equal(counted(sim, COUNT_RESTARTS), 6);
    assert_int_equal(downs(SOUK_END_RESTARTS), 1);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t pause = notes[i + 1].now_ms - notes[i].now_ms, most = 100u << i < 800 ? 100u << i : 800;
        assert_true(pause >= most / 2 && pause <= most + 4);
        jitter = jitter || (pauses[i] && pauses[i] != pause);
        pauses[i] = pause;
    }
    assert_true(souk_sim_run(sim, 100000));
}

/* Six failures in any ten seconds are borne; seven are not, wherever these begin. */
static void
intensity_slides(souk_sim *sim)
{
    souk_ref one = named(sim, &phoenix_kind, 1);
    for (unsigned i = 0; i < 6; i++) { /* All 3 s: at most four within 10 s. */
        puppet_order(sim, one, run_fail, 1);
        pass(sim, 3000);
    }
    assert_int_equal(counted(sim, COUNT_RESTARTS), 6);
    for (unsigned i = 0; i < 4; i++) { /* Those and the two before. */
        puppet_order(sim, one, run_fail, 1);
        pass(sim, 850);
    }
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
    puppet_order(sim, one, run_fail, 1);
    pass(sim, 900);
    assert_int_equal(counted(sim, COUNT_LIVES), 0);
}

/* A restart calls off what the former life had under way; links and monitors stay. */
static souk_verdict
run_begin_much(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_every(turn, 50, run_note, value);
    puppet_wake(turn, 300, run_note, value + 1);
    puppet_ask(turn, who[1], 300, run_nothing, 0);
    puppet_monitor(turn, who[2]);
    souk_link(turn, who[3]);
    who[4] = puppet_spawn(turn, &ward_kind, SOUK_SPREAD, run_nothing, 0);
    puppet_tell(turn, souk_self(turn), run_fail, value + 2);
    return SOUK_ACCEPT;
}

static souk_verdict
run_stop(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_stop(turn, who[value], SOUK_END_OWN);
    return SOUK_ACCEPT;
}

static void
restart_is_anew(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 9), watcher = named(sim, &puppet_kind, 1);
    who[0] = named(sim, &reborn_kind, 1);
    for (unsigned i = 1; i < 4; i++) {
        who[i] = named(sim, &puppet_kind, 10 + i);
        puppet_order(sim, who[i], run_nothing, 0);
    }
    puppet_order(sim, who[0], run_nothing, 0);
    puppet_order(sim, watcher, run_watch, 0);
    puppet_order(sim, who[0], run_begin_much, 500);
    pass(sim, 1000);
    assert_int_equal(counted(sim, COUNT_LIVES), 5); /* The ward has ended. */
    assert_int_equal(noted(500) + noted(501), 0);
    assert_int_equal(noted(502), 1);
    assert_true(noted(HEARD(SOUK_DONE, 0, 0)) <= 1); /* Of the ask: perhaps before it failed. */
    notes_count = 0;
    puppet_order(sim, one, run_stop, 2);
    pass(sim, 100);
    assert_int_equal(notes_count, 0); /* It monitors nobody any more. */
    puppet_order(sim, one, run_stop, 3);
    pass(sim, 100); /* But the link ends it, and whoever monitors it is told. */
    assert_int_equal(downs(SOUK_END_OWN), 1);
    assert_true(is_same(notes[0].who, watcher));
    assert_int_equal(counted(sim, COUNT_LIVES), 3);
}

/* ---- Parents. ---- */

static souk_verdict
run_spawn_wards(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (uint64_t i = 0; i < value; i++)
        puppet_spawn(turn, &ward_kind, i % 2 ? SOUK_NEAR : SOUK_SPREAD, i ? run_nothing : run_watch, 5);
    return SOUK_ACCEPT;
}

static void
wards_end_with_their_parent(souk_sim *sim)
{
    const struct souk_kind *kinds[] = { &puppet_kind, &reborn_kind, &stubborn_kind };
    for (unsigned k = 0; k < 3; k++) {
        souk_ref parent = named(sim, kinds[k], 1);
        puppet_order(sim, parent, run_spawn_wards, 300);
        pass(sim, 100);
        uint64_t before = counted(sim, COUNT_LIVES);
        puppet_order(sim, parent, run_fail, 1);
        pass(sim, 1000);
        uint64_t left = counted(sim, COUNT_LIVES);
        if (k == 0) assert_int_equal(before - left, 301);
        if (k == 1) assert_int_equal(before - left, 300);
        if (k == 2) assert_int_equal(before - left, 0); /* It went on. */
    }
}

static souk_verdict
run_end_self(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static souk_verdict
run_spawn_short(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    for (unsigned i = 0; i < 50; i++) puppet_spawn(turn, &ward_kind, SOUK_SPREAD, run_end_self, 0);
    if (++self->count < value) puppet_tell(turn, souk_self(turn), run_spawn_short, value);
    return SOUK_ACCEPT;
}

/* Wards that have ended leave nothing with their parent. */
static void
ended_wards_are_forgotten(souk_sim *sim)
{
    souk_ref parent = named(sim, &puppet_kind, 1);
    puppet_order(sim, parent, run_spawn_short, 40);
    pass(sim, 1000);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
    const struct souk_partition *p = souk_sim_door(sim)->partition;
    struct souk_live *live = souk_live_find(&souk_shard_of(p, parent.key)->population, parent);
    assert_int_equal(live->extra->bonds_count, 0);
}

/* ---- Escalation. ---- */

static souk_verdict
run_chain(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t depth)
{
    if (depth == 0) return SOUK_FAILED;
    puppet_spawn(turn, &climber_kind, SOUK_SPREAD, run_chain, depth - 1);
    return SOUK_ACCEPT;
}

static void
escalates(souk_sim *sim)
{
    const struct souk_kind *kinds[] = { &puppet_kind, &reborn_kind, &stubborn_kind };
    for (unsigned k = 0; k < 3; k++) {
        notes_count = 0;
        who[0] = named(sim, kinds[k], 2);
        puppet_order(sim, who[0], run_nothing, 0);
        puppet_order(sim, named(sim, &puppet_kind, 1), run_watch, 0);
        uint64_t faults = counted(sim, COUNT_FAULTS), lives = counted(sim, COUNT_LIVES);
        puppet_order(sim, who[0], run_chain, 5);
        pass(sim, 1000);
        assert_int_equal(counted(sim, COUNT_FAULTS) - faults, 6); /* All on the way, and who spawned the first. */
        assert_int_equal(counted(sim, COUNT_LIVES), lives - (k == 0));
        assert_int_equal(downs(SOUK_END_FAULT), k == 0);
    }
}

static souk_verdict
run_brood(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t children)
{
    for (uint64_t i = 0; i < children; i++) puppet_spawn(turn, &climber_kind, SOUK_NEAR, run_chain, 0);
    return SOUK_ACCEPT;
}

/* Children that fail together end one life of their parent, not one each. */
static void
brood_fails(souk_sim *sim)
{
    souk_ref parent = named(sim, &reborn_kind, 1);
    puppet_order(sim, parent, run_brood, 20);
    pass(sim, 20000);
    assert_int_equal(counted(sim, COUNT_FAULTS), 20 + 1);
    assert_int_equal(counted(sim, COUNT_RESTARTS), 1);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
}

/* ---- Links and monitors. ---- */

static souk_verdict
run_link(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_link(turn, who[value]);
    souk_link(turn, who[value]); /* Once. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_unlink(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_unlink(turn, who[value]);
    return SOUK_ACCEPT;
}

static souk_verdict
run_trap_and_link(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_trap(turn);
    souk_link(turn, who[value]);
    return SOUK_ACCEPT;
}

static souk_verdict
run_stop_for(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t reason)
{
    souk_stop(turn, souk_self(turn), (uint32_t)reason);
    return SOUK_ACCEPT;
}

static void
make_actors(souk_sim *sim, unsigned count)
{
    static uint64_t number = 1000;
    for (unsigned i = 0; i < count; i++) {
        who[i] = named(sim, &puppet_kind, number++);
        puppet_order(sim, who[i], run_nothing, 0);
    }
}

static void
links(souk_sim *sim)
{
    for (unsigned from = 0; from < 2; from++) { /* Either way. */
        uint64_t before = counted(sim, COUNT_LIVES);
        make_actors(sim, 4);
        puppet_order(sim, who[0], run_link, 1);
        puppet_order(sim, who[1], run_link, 2);
        puppet_order(sim, who[3], run_link, 2);
        puppet_order(sim, who[3], run_unlink, 2);
        pass(sim, 100);
        puppet_order(sim, who[from ? 0 : 2], run_stop_for, SOUK_END_OWN + 3);
        pass(sim, 500);
        assert_int_equal(counted(sim, COUNT_LIVES) - before, 1); /* Along the chain, but the unlinked one. */
    }
    uint64_t before = counted(sim, COUNT_LIVES);
    make_actors(sim, 2);
    puppet_order(sim, who[0], run_link, 1);
    puppet_order(sim, who[0], run_stop_for, SOUK_END_NORMAL); /* That ends nobody else. */
    pass(sim, 500);
    assert_int_equal(counted(sim, COUNT_LIVES) - before, 1);
    who[5] = named(sim, &puppet_kind, 77777);
    puppet_order(sim, who[1], run_link, 5); /* To nobody. */
    pass(sim, 500);
    assert_int_equal(counted(sim, COUNT_LIVES) - before, 0);
}

static struct souk_outcome heard;

static souk_verdict
hear_down(struct puppet_self *self SOUK_UNUSED, const struct souk_outcome *outcome, souk_turn *turn)
{
    heard = *outcome;
    note(turn, GONE + outcome->refusal);
    return SOUK_ACCEPT;
}

static uint32_t number; /* Of a monitor. */

static souk_verdict
run_watch_well(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->heard = CODE(hear_down);
    number = puppet_monitor(turn, who[value]);
    puppet_say(turn, number);
    return SOUK_ACCEPT;
}

static souk_verdict
run_trap_well(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->heard = CODE(hear_down);
    return run_trap_and_link(self, turn, value);
}

static souk_verdict
run_cancel(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_cancel(turn, (uint32_t)value);
    return SOUK_ACCEPT;
}

static void
traps_and_monitors(souk_sim *sim)
{
    make_actors(sim, 4);
    puppet_order(sim, who[0], run_trap_well, 1);
    puppet_order(sim, who[2], run_watch_well, 1);
    uint32_t monitor = number;
    assert_int_not_equal(monitor, 0);
    puppet_order(sim, who[3], run_watch_well, 1);
    puppet_order(sim, who[3], run_cancel, number); /* Called off. */
    puppet_order(sim, who[1], run_stop_for, SOUK_END_OWN + 8);
    pass(sim, 500);
    assert_int_equal(notes_count, 2);
    assert_int_equal(noted(GONE + SOUK_END_OWN + 8), 2);
    for (unsigned i = 0; i < 2; i++) assert_true(is_same(notes[i].who, who[0]) || is_same(notes[i].who, who[2]));
    assert_int_equal(heard.ending, SOUK_DOWN);
    assert_true(is_same(heard.who, who[1]));
    assert_int_equal(heard.ask, is_same(notes[1].who, who[0]) ? 0 : monitor);
    notes_count = 0;
    puppet_order(sim, who[0], run_trap_well, 1); /* There is nobody any more. */
    puppet_order(sim, who[2], run_watch_well, 1);
    pass(sim, 500);
    assert_int_equal(noted(GONE + SOUK_END_NOBODY), 2);
    assert_int_equal(counted(sim, COUNT_LIVES), 3);
}

/* ---- Storms. ---- */

enum { STORM = 200 };

static souk_verdict
run_storm(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (unsigned i = 0; i < STORM; i++) puppet_spawn(turn, &phoenix_kind, SOUK_SPREAD, run_fail, value);
    return SOUK_ACCEPT;
}

/* Actors that always fail do so a few times and end; others don't notice. Those that are spoken to all the time fail
 * no faster than their pauses allow. */
static void
storm(souk_sim *sim)
{
    souk_ref calm = named(sim, &puppet_kind, 1), flooded = named(sim, &phoenix_kind, 2);
    puppet_order(sim, named(sim, &puppet_kind, 3), run_storm, 0);
    uint64_t began = souk_sim_now_ms(sim), turns = counted(sim, COUNT_TURNS), extra = 0;
    struct puppet_request r;
    for (unsigned i = 0; i < 100; i++) {
        static struct puppet_request flood[100];
        puppet_send(sim, &flood[i], flooded, run_fail, 1, 600000);
        uint64_t before = souk_sim_now_ms(sim);
        puppet_send(sim, &r, calm, run_count, 1, 10000);
        while (!r.done) assert_true(souk_sim_step(sim));
        assert_true(souk_sim_now_ms(sim) - before < 100);
        assert_int_equal(r.said, i + 1);
        extra++;
        pass(sim, 100);
    }
    uint64_t seconds = (souk_sim_now_ms(sim) - began) / 1000 + 1;
    turns = counted(sim, COUNT_TURNS) - turns - extra;
    assert_true(turns <= STORM * 8 + 40 * seconds);
    assert_true(counted(sim, COUNT_FAULTS) <= STORM * 7 + 20 * seconds);
    pass(sim, 20000);
    assert_true(counted(sim, COUNT_LIVES) <= 3);
    assert_true(souk_sim_run(sim, 100000));
}

#define IN_WORLDS(test) static void test_##test(void **state SOUK_UNUSED) { in_worlds(test); }
IN_WORLDS(policies)
IN_WORLDS(start_comes_again_and_order_is_kept)
IN_WORLDS(intensity_slides)
IN_WORLDS(restart_is_anew)
IN_WORLDS(wards_end_with_their_parent)
IN_WORLDS(ended_wards_are_forgotten)
IN_WORLDS(escalates)
IN_WORLDS(brood_fails)
IN_WORLDS(links)
IN_WORLDS(traps_and_monitors)
IN_WORLDS(storm)

static void
test_backoff_and_intensity(void **state SOUK_UNUSED)
{
    in_worlds(backoff_and_intensity);
    assert_true(jitter);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies), cmocka_unit_test(test_start_comes_again_and_order_is_kept),
        cmocka_unit_test(test_backoff_and_intensity), cmocka_unit_test(test_intensity_slides),
        cmocka_unit_test(test_restart_is_anew), cmocka_unit_test(test_wards_end_with_their_parent),
        cmocka_unit_test(test_ended_wards_are_forgotten), cmocka_unit_test(test_escalates),
        cmocka_unit_test(test_brood_fails),
        cmocka_unit_test(test_links), cmocka_unit_test(test_traps_and_monitors), cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
