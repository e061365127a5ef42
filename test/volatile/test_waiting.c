/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_waiting.c -- wakes and periods, stashes, and queries that wait for a change. */
#include "puppet.h"
#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

/* ---- Wakes and periods. ---- */

static souk_verdict
run_wake_twice(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_wake(turn, value, run_note, 2);
    puppet_wake(turn, value / 2, run_note, 1);
    puppet_wake(turn, 0, run_note, 0);
    return SOUK_ACCEPT;
}

static souk_verdict
run_every(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->x = puppet_every(turn, value, run_note, 600);
    return SOUK_ACCEPT;
}

static souk_verdict
run_every_down(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_every(turn, value, run_fail, 601);
    return SOUK_ACCEPT;
}

static void
wakes_and_periods(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    uint64_t now = souk_sim_now_ms(sim);
    puppet_order(sim, one, run_wake_twice, 1000);
    pass(sim, 2000);
    assert_int_equal(notes_count, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(notes[i].value, i);
        assert_true(notes[i].now_ms >= now + 500 * i && notes[i].now_ms <= now + 500 * i + 50);
    }
    notes_count = 0;
    puppet_order(sim, one, run_every, 100);
    pass(sim, 5050);
    assert_true(noted(600) >= 48 && noted(600) <= 51);
    for (uint32_t i = 1; i < notes_count; i++) {
        uint64_t gap = notes[i].now_ms - notes[i - 1].now_ms;
        assert_true(gap >= 90 && gap <= 115); /* It doesn't drift. */
    }
    assert_true(notes[notes_count - 1].now_ms - notes[0].now_ms <= 100 * notes_count);
    notes_count = 0;
    puppet_order(sim, named(sim, &stubborn_kind, 2), run_every_down, 100); /* It goes on after a fault. */
    pass(sim, 1050);
    assert_true(noted(601) >= 9);
}

/* A tick that would find the former one unhandled is left out. */
static souk_verdict
run_every_and_fail(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    if (self->count++ == 0) puppet_every(turn, value, run_every_and_fail, value);
    note(turn, self->count);
    if (self->count == 3) puppet_wake(turn, 1, run_nothing, 0);
    return SOUK_ACCEPT;
}

static void
ticks_dont_pile_up(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    puppet_order(sim, one, run_every_and_fail, 10);
    pass(sim, 100);
    struct souk_partition *p = souk_sim_door(sim)->partition;
    struct souk_shard *shard = souk_shard_of(p, one.key);
    struct souk_live *live = souk_live_find(&shard->population, one);
    live->paused = true; /* As if it were down. */
    pass(sim, 200);
    assert_int_equal(live->depth, 1);
    live->paused = false;
    puppet_order(sim, one, run_nothing, 0);
    pass(sim, 100);
    assert_int_equal(live->depth, 0);
}

/* ---- Stashes. ---- */

static souk_verdict
run_stash_until(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    if (!self->y) {
        souk_stash(turn);
        return puppet_unwilling; /* Counts for nothing. */
    }
    note(turn, value);
    puppet_say(turn, value);
    return SOUK_ACCEPT;
}

static souk_verdict
run_open(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->y = 1;
    note(turn, value);
    souk_unstash(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
run_stash_a_wake(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_wake(turn, 10, run_stash_until, value);
    puppet_every(turn, 20, run_stash_until, value + 1);
    return SOUK_ACCEPT;
}

static souk_verdict
run_some_to(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (uint64_t i = 0; i < 3; i++) puppet_tell(turn, who[0], run_stash_until, value + i);
    puppet_ask(turn, who[0], 5000, run_stash_until, value + 3);
    puppet_tell(turn, who[0], run_open, value + 4);
    puppet_tell(turn, who[0], run_note, value + 5);
    return SOUK_ACCEPT;
}

static void
stashed(souk_sim *sim)
{
    who[0] = named(sim, &puppet_kind, 2);
    puppet_order(sim, who[0], run_stash_a_wake, 900);
    pass(sim, 50);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_some_to, 100);
    pass(sim, 5);
    static const uint64_t expected[] = { 104, 900, 901, 100, 101, 102, 103, 105 };
    uint32_t at = 0;
    for (unsigned i = 0; i < 8; i++, at++) {
        while (!is_same(notes[at].who, who[0]) || (i > 2 && notes[at].value == 901)) at++;
        assert_int_equal(notes[at].value, expected[i]);
    }
    pass(sim, 100);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 103)), 1);
    assert_true(noted(901) > 3); /* The period goes on. */
}

static souk_verdict
run_stash_and_fail(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    souk_stash(turn);
    return SOUK_FAILED;
}

static void
stashed_and_failed(souk_sim *sim)
{
    who[0] = named(sim, &reborn_kind, 2);
    struct puppet_request r[3];
    puppet_send(sim, &r[0], who[0], run_stash_until, 1, 60000);
    pass(sim, 100);
    puppet_send(sim, &r[1], who[0], run_stash_and_fail, 2, 60000);
    pass(sim, 1000);
    assert_int_equal(noted(2), 1); /* The message that failed is a dead letter, not tried again. */
    assert_int_equal(r[1].reply.ending, SOUK_DEAD);
    puppet_send(sim, &r[2], who[0], run_open, 3, 60000);
    pass(sim, 100);
    assert_int_equal(noted(1), 1); /* What was put aside before is still there. */
    assert_int_equal(r[0].said, 1);
}

static souk_verdict
hear_and_stash(struct puppet_self *self SOUK_UNUSED, const struct souk_outcome *outcome SOUK_UNUSED, souk_turn *turn)
{
    souk_stash(turn); /* An outcome can't be put aside: a fault. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_ask_and_stash(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->heard = CODE(hear_and_stash);
    puppet_ask(turn, who[0], 1000, run_say, value);
    return SOUK_ACCEPT;
}

static void
outcomes_arent_stashed(souk_sim *sim)
{
    who[0] = named(sim, &puppet_kind, 2);
    puppet_order(sim, named(sim, &stubborn_kind, 1), run_ask_and_stash, 1);
    pass(sim, 100);
    assert_int_equal(counted(sim, COUNT_FAULTS), 1);
}

/* ---- Queries. ---- */

static souk_verdict
look_at(const struct puppet_self *self, uint64_t value, uint64_t *told)
{
    if (value > 1000) return puppet_unwilling;
    *told = self->count;
    return self->count < value ? SOUK_WAIT : SOUK_ACCEPT;
}

static souk_verdict
look_and_fail(const struct puppet_self *self SOUK_UNUSED, uint64_t value SOUK_UNUSED, uint64_t *told SOUK_UNUSED)
{
    souk_assert(notes_count == UINT32_MAX); /* A bug on purpose. */
    return SOUK_ACCEPT;
}

static souk_verdict
run_add(struct puppet_self *self, souk_turn *turn SOUK_UNUSED, uint64_t value)
{
    self->count += value;
    return SOUK_ACCEPT;
}

static void
queries_wait(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    struct puppet_request r[5];
    puppet_look(sim, &r[0], one, look_at, 0, 1000);
    puppet_look(sim, &r[1], one, look_at, 2, 1000);
    puppet_look(sim, &r[2], one, look_at, 100, 300);
    puppet_look(sim, &r[3], one, look_at, 2000, 1000);
    pass(sim, 100);
    assert_int_equal(r[0].said, 0);
    assert_false(r[1].done || r[2].done);
    assert_int_equal(r[3].reply.refusal, puppet_unwilling);
    puppet_order(sim, one, run_add, 1);
    pass(sim, 10);
    assert_false(r[1].done);
    puppet_order(sim, one, run_add, 1);
    pass(sim, 10);
    assert_int_equal(r[1].said, 2);
    pass(sim, 500);
    assert_int_equal(r[2].reply.ending, SOUK_LATE);
    puppet_look(sim, &r[4], one, look_at, 100, 5000); /* One that ends tells who waits. */
    pass(sim, 10);
    puppet_look(sim, &r[0], one, look_and_fail, 0, 1000);
    pass(sim, 100);
    assert_int_equal(r[0].reply.ending, SOUK_DEAD);
    assert_int_equal(r[4].reply.ending, SOUK_DEAD);
}

#define IN_WORLDS(test) static void test_##test(void **state SOUK_UNUSED) { in_worlds(test); }
IN_WORLDS(wakes_and_periods)
IN_WORLDS(ticks_dont_pile_up)
IN_WORLDS(stashed)
IN_WORLDS(stashed_and_failed)
IN_WORLDS(outcomes_arent_stashed)
IN_WORLDS(queries_wait)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes_and_periods), cmocka_unit_test(test_ticks_dont_pile_up),
        cmocka_unit_test(test_stashed), cmocka_unit_test(test_stashed_and_failed),
        cmocka_unit_test(test_outcomes_arent_stashed), cmocka_unit_test(test_queries_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
