/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_life.c -- volatile actors begin, send in order, are undone when they refuse, and end. */
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

/* ---- Named. ---- */

static souk_verdict
run_count(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->count += value;
    puppet_say(turn, self->count);
    return SOUK_ACCEPT;
}

static void
named_on_demand(souk_sim *sim)
{
    souk_ref a = named(sim, &puppet_kind, 1), b = named(sim, &puppet_kind, 2);
    struct puppet_request r;
    for (uint64_t i = 1; i <= 3; i++) {
        puppet_send(sim, &r, a, run_count, 1, 1000);
        pass(sim, 100);
        assert_true(r.done);
        assert_int_equal(r.reply.ending, SOUK_DONE);
        assert_int_equal(r.said, i); /* Its state is changed directly, and stays. */
    }
    puppet_send(sim, &r, b, run_count, 1, 1000);
    pass(sim, 100);
    assert_int_equal(r.said, 1);
    assert_int_equal(counted(sim, COUNT_LIVES), 2);
    souk_sim_crash(sim); /* A restart of the process forgets it. */
    puppet_send(sim, &r, a, run_count, 1, 1000);
    pass(sim, 100);
    assert_int_equal(r.said, 1);
}

/* ---- Spawned. ---- */

static souk_verdict
run_spawn_both(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    who[0] = puppet_spawn(turn, &puppet_kind, SOUK_NEAR, run_note, value);
    puppet_tell(turn, who[0], run_note, value + 1); /* Its address is good at once. */
    for (unsigned i = 1; i < 5; i++) {
        who[i] = puppet_spawn(turn, &puppet_kind, SOUK_SPREAD, run_note, value + 10 * i);
        puppet_tell(turn, who[i], run_note, value + 10 * i + 1);
    }
    return SOUK_ACCEPT;
}

static void
spawned(souk_sim *sim)
{
    souk_ref parent = named(sim, &puppet_kind, 1);
    puppet_order(sim, parent, run_spawn_both, 100);
    pass(sim, 1000);
    assert_int_equal(notes_count, 10);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t next = 100 + 10 * i;
        for (unsigned n = 0; n < notes_count; n++) {
            if (!is_same(notes[n].who, who[i])) continue;
            assert_int_equal(notes[n].value, next++); /* The first command comes first. */
        }
        assert_int_equal(next, 102 + 10 * i);
    }
    unsigned home = (unsigned)(parent.key.high % SOUK_SHARDS), elsewhere = 0;
    assert_int_equal(who[0].key.high % SOUK_SHARDS, home);
    for (unsigned i = 1; i < 5; i++) {
        elsewhere += who[i].key.high % SOUK_SHARDS != home;
        for (unsigned n = 1; n < i; n++)
            if (elsewhere == i) assert_true(who[i].key.high % SOUK_SHARDS != who[n].key.high % SOUK_SHARDS);
    }
    assert_true(elsewhere >= 1);
    assert_int_equal(counted(sim, COUNT_LIVES), 6);
}

static souk_verdict
run_spawn_and_stop(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    who[value] = puppet_spawn(turn, &puppet_kind, SOUK_NEAR, run_nothing, 0);
    souk_stop(turn, who[value], SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static void
keys_are_never_used_again(souk_sim *sim)
{
    souk_ref parent = named(sim, &puppet_kind, 1);
    for (unsigned i = 0; i < 16; i++) {
        puppet_order(sim, parent, run_spawn_and_stop, i);
        pass(sim, 100);
    }
    for (unsigned i = 0; i < 16; i++)
        for (unsigned n = 0; n < i; n++) assert_memory_not_equal(&who[i].key, &who[n].key, sizeof who[i].key);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
    struct puppet_request r; /* And nobody is there any more. */
    puppet_send(sim, &r, who[3], run_note, 1, 1000);
    pass(sim, 500);
    assert_true(r.done);
    assert_int_equal(r.reply.ending, SOUK_DEAD);
    assert_int_equal(notes_count, 0);
    assert_true(counted(sim, COUNT_LETTERS) >= 1);
}

/* A place whose keys were all used is not used again. */
static void
generations_end(void **state SOUK_UNUSED)
{
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    struct souk_arena arena = { .heap = heap };
    struct souk_population population = { .generation = 7 };
    struct souk_live *live = souk_live_new(&population, &arena, &puppet_kind, (souk_key){ 0, 0 });
    souk_ref first = souk_live_ref(live);
    assert_ptr_equal(souk_live_find(&population, first), live);
    souk_live_free(&population, &arena, live);
    assert_null(souk_live_find(&population, first));
    live = souk_live_new(&population, &arena, &puppet_kind, (souk_key){ 0, 0 });
    assert_int_equal(live->key.low, 8); /* The same place, its next generation. */
    souk_live_free(&population, &arena, live);
    population.berth[0].generation = 6; /* The last one. */
    live = souk_live_new(&population, &arena, &puppet_kind, (souk_key){ 0, 0 });
    assert_int_equal(live->key.low, 6);
    souk_live_free(&population, &arena, live);
    live = souk_live_new(&population, &arena, &puppet_kind, (souk_key){ 0, 0 });
    assert_int_equal(live->key.low >> 32, 1); /* Another place. */
    souk_live_free(&population, &arena, live);
    souk_memory_close(&memory);
}

static souk_verdict
run_spawn_many(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    unsigned made = 0;
    for (uint64_t i = 0; i < value; i++) {
        souk_ref ref = puppet_spawn(turn, &puppet_kind, SOUK_NEAR, run_note, i);
        made += ref.kind != 0;
        if (!ref.kind) puppet_ask(turn, ref, 1000, run_note, 0); /* Nobody is asked: dead at once. */
    }
    puppet_say(turn, made);
    return SOUK_ACCEPT;
}

static void
refused_at_volatile_max(souk_sim *sim)
{
    souk_ref parent = named(sim, &puppet_kind, 1);
    struct puppet_request r;
    puppet_send(sim, &r, parent, run_spawn_many, 12, 1000);
    pass(sim, 500);
    assert_int_equal(r.said, 7); /* Eight with itself. */
    assert_int_equal(counted(sim, COUNT_LIVES), 8);
    assert_int_equal(noted(HEARD(SOUK_DEAD, 0, 0)), 5);
    assert_int_equal(counted(sim, COUNT_LETTERS), 10);
    for (uint64_t n = 2; n < 2000; n++) { /* A named one finds no room there, either. */
        souk_ref other = named(sim, &puppet_kind, n);
        if (other.key.high % SOUK_SHARDS != parent.key.high % SOUK_SHARDS) continue;
        struct souk_reply reply = puppet_order(sim, other, run_nothing, 0);
        assert_int_equal(reply.ending, SOUK_REFUSED);
        assert_int_equal(reply.refusal, SOUK_OVERLOADED);
        break;
    }
}

/* ---- Undone. ---- */

static souk_verdict
run_much_and(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->count += 1; /* Its state is not undone. */
    who[0] = puppet_spawn(turn, &ward_kind, SOUK_NEAR, run_note, 1);
    who[1] = puppet_spawn(turn, &puppet_kind, SOUK_SPREAD, run_note, 2);
    puppet_tell(turn, who[2], run_note, 3);
    puppet_ask(turn, who[2], 1000, run_note, 4);
    puppet_wake(turn, 10, run_note, 5);
    puppet_every(turn, 10, run_note, 6);
    puppet_among(turn, puppet_gather(turn, 1000), who[2], run_note, 7);
    puppet_monitor(turn, who[2]);
    souk_link(turn, who[2]);
    souk_unlink(turn, who[2]);
    souk_link(turn, who[2]);
    souk_stop(turn, who[2], SOUK_END_OWN);
    souk_stop(turn, souk_self(turn), SOUK_END_OWN);
    if (value) return puppet_unwilling;
    return SOUK_FAILED;
}

static souk_verdict
run_say_count(struct puppet_self *self, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    puppet_say(turn, self->count);
    return SOUK_ACCEPT;
}

static void
a_refused_turn_sends_nothing(souk_sim *sim)
{
    souk_ref one = named(sim, &stubborn_kind, 1);
    who[2] = named(sim, &puppet_kind, 2);
    for (uint64_t refuses = 0; refuses < 2; refuses++) {
        struct souk_reply reply = puppet_order(sim, one, run_much_and, refuses);
        assert_int_equal(reply.ending, refuses ? SOUK_REFUSED : SOUK_DEAD);
        if (refuses) assert_int_equal(reply.refusal, puppet_unwilling);
        pass(sim, 5000);
        assert_int_equal(notes_count, 0);
        assert_int_equal(counted(sim, COUNT_LIVES), 1);
    }
    struct puppet_request r;
    puppet_send(sim, &r, one, run_say_count, 0, 1000);
    puppet_order(sim, who[2], run_assert, 9); /* And no link or monitor is left. */
    pass(sim, 500);
    assert_int_equal(r.said, 2);
    assert_int_equal(notes_count, 1);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
}

static souk_verdict
run_link_of(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    souk_link(turn, who[2]);
    return SOUK_ACCEPT;
}

static souk_verdict
run_unlink_and_refuse(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    souk_unlink(turn, who[2]);
    return puppet_unwilling;
}

static void
a_refused_turn_unlinks_nobody(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    who[2] = named(sim, &puppet_kind, 2);
    puppet_order(sim, who[2], run_nothing, 0);
    puppet_order(sim, one, run_link_of, 0);
    puppet_order(sim, one, run_unlink_and_refuse, 0);
    puppet_order(sim, one, run_fail, 1);
    pass(sim, 500);
    assert_int_equal(counted(sim, COUNT_LIVES), 0); /* The other has ended with it. */
}

/* ---- Order. ---- */

enum { PAIRS = 4, EACH = 60 };

static souk_verdict
run_send_some(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned to = 0; to < PAIRS; to++) puppet_tell(turn, who[to], run_note, value << 32 | self->count);
        self->count++;
    }
    if (self->count < EACH) puppet_tell(turn, souk_self(turn), run_send_some, value);
    return SOUK_ACCEPT;
}

static void
messages_in_order(souk_sim *sim)
{
    puppet_order(sim, named(sim, &puppet_kind, 100), run_spawn_both, 900); /* who[0] near, others spread. */
    pass(sim, 100);
    who[1] = named(sim, &puppet_kind, 101);
    notes_count = 0;
    struct puppet_request requests[PAIRS];
    for (unsigned i = 0; i < PAIRS; i++)
        puppet_send(sim, &requests[i], named(sim, &puppet_kind, i), run_send_some, i, 60000);
    pass(sim, 20000);
    assert_int_equal(notes_count, PAIRS * PAIRS * EACH);
    uint64_t next[PAIRS][PAIRS] = { { 0 } };
    for (uint32_t i = 0; i < notes_count; i++) {
        unsigned to = 0;
        while (!is_same(notes[i].who, who[to])) to++;
        assert_int_equal(notes[i].value & UINT32_MAX, next[notes[i].value >> 32][to]++);
    }
}

/* ---- Ending. ---- */

static souk_verdict
run_stop_self(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    if (value == 1) puppet_tell(turn, souk_self(turn), run_note, 2); /* Sent before: it is handled. */
    souk_stop(turn, souk_self(turn), SOUK_END_OWN + 1);
    souk_stop(turn, souk_self(turn), SOUK_END_OWN + 2); /* Does nothing. */
    puppet_tell(turn, souk_self(turn), run_note, 3);    /* Dead. */
    puppet_ask(turn, souk_self(turn), 1000, run_note, 4);
    return SOUK_ACCEPT;
}

static souk_verdict
run_watch(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_monitor(turn, who[value]);
    return SOUK_ACCEPT;
}

static void
stops_itself(souk_sim *sim)
{
    for (uint64_t before = 0; before < 2; before++) {
        notes_count = 0;
        who[0] = named(sim, &puppet_kind, 10 + before);
        puppet_order(sim, who[0], run_nothing, 0);
        puppet_order(sim, named(sim, &puppet_kind, 1), run_watch, 0);
        uint64_t letters = counted(sim, COUNT_LETTERS);
        puppet_order(sim, who[0], run_stop_self, before);
        pass(sim, 2000);
        assert_int_equal(noted(2), before);
        assert_int_equal(noted(3) + noted(4), 0);
        assert_int_equal(noted(HEARD(SOUK_DOWN, SOUK_END_OWN + 1, 0)), 1);
        assert_int_equal(notes_count, 2 + before);
        assert_int_equal(counted(sim, COUNT_LETTERS) - letters, 2);
    }
    puppet_order(sim, who[0], run_note, 5); /* A named one begins anew. */
    assert_int_equal(noted(5), 1);
}

static souk_verdict
run_stop_other(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_tell(turn, who[0], run_note, 1);
    souk_stop(turn, who[0], SOUK_END_OWN + (uint32_t)value);
    souk_stop(turn, who[0], SOUK_END_OWN + 9);
    puppet_ask(turn, who[0], 1000, run_note, 2);
    return SOUK_ACCEPT;
}

static void
stops_another(souk_sim *sim)
{
    puppet_order(sim, named(sim, &puppet_kind, 7), run_spawn_both, 100);
    pass(sim, 100);
    notes_count = 0;
    puppet_order(sim, named(sim, &puppet_kind, 2), run_watch, 0);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_stop_other, 5);
    pass(sim, 2000);
    assert_int_equal(noted(1), 1); /* What was sent to it before; not what came after. */
    assert_int_equal(noted(2), 0);
    assert_int_equal(noted(HEARD(SOUK_DOWN, SOUK_END_OWN + 5, 0)), 1);
    assert_int_equal(noted(HEARD(SOUK_DEAD, 0, 0)), 1); /* Its asker is told at once. */
    assert_int_equal(notes_count, 3);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_stop_other, 5); /* It is gone: all are dead letters. */
    pass(sim, 2000);
    assert_int_equal(notes_count, 4);
}

/* ---- Idle. ---- */

static souk_verdict
run_fail_first(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    note(turn, value);
    return SOUK_FAILED;
}

static void
ends_when_idle(souk_sim *sim)
{
    souk_ref one = named(sim, &idler_kind, 1);
    for (unsigned i = 0; i < 5; i++) {
        puppet_order(sim, one, run_note, i);
        assert_int_equal(counted(sim, COUNT_LIVES), 1);
        pass(sim, IDLE_MS * 3 / 4); /* Not idle long enough. */
        assert_int_equal(counted(sim, COUNT_LIVES), 1);
    }
    pass(sim, 2 * IDLE_MS);
    assert_int_equal(counted(sim, COUNT_LIVES), 0);
    puppet_order(sim, one, run_fail_first, 1); /* Also after it was restarted. */
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
    pass(sim, 4 * IDLE_MS);
    assert_int_equal(counted(sim, COUNT_RESTARTS), 1);
    assert_int_equal(counted(sim, COUNT_LIVES), 0);
    assert_true(souk_sim_run(sim, 100000)); /* No timer is left. */
}

/* A later life of a named actor doesn't get what its former life asked for. */
static puppet_code run_slow, run_slow_end;
static struct { souk_asker asker; uint64_t value; } slow[4];

static souk_verdict
run_slow_end(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t i)
{
    souk_answer_later(turn, slow[i].asker, SOUK_ACCEPT, puppet_said, .value = slow[i].value);
    return SOUK_ACCEPT;
}

static souk_verdict
run_slow(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    uint64_t i = self->count++;
    slow[i].asker = souk_turn_asker(turn);
    slow[i].value = value;
    puppet_wake(turn, 100, run_slow_end, i);
    return SOUK_LATER;
}

static souk_verdict
run_ask_slow(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_ask(turn, who[1], 10000, run_slow, value);
    if (value == 1) souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static void
another_life_is_another(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    who[1] = named(sim, &puppet_kind, 2);
    puppet_order(sim, one, run_ask_slow, 1);
    pass(sim, 10);
    puppet_order(sim, one, run_ask_slow, 2);
    pass(sim, 1000);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 1)), 0);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 2)), 1);
}

/* ---- Misuse. ---- */

static souk_verdict
run_speak_to_the_wrong(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    puppet_tell(turn, souk_nobody, run_note, 1);
    souk_stop(turn, souk_nobody, SOUK_END_NORMAL);
    souk_unlink(turn, souk_nobody);
    souk_cancel(turn, 4711);
    puppet_monitor(turn, souk_nobody);
    puppet_ask(turn, souk_nobody, 1000, run_note, 2);
    /* An event-sourced actor doesn't end, and takes no signals: to these it is nobody. */
    souk_ref ledger = { ledger_kind_number, souk_key_of(turn, SOUK_TEXT("a ledger")) };
    souk_stop(turn, ledger, SOUK_END_OWN);
    puppet_monitor(turn, ledger);
    /* A kind that the node doesn't host. */
    souk_tell_with_(turn, (souk_ref){ 61, { 1, 2 } },
                    &(struct souk_row){ .class = SOUK_COMMAND, .kind = 61, .tag = 1, .is_public = true, .name = "x" },
                    &(struct puppet_run){ 1, 2 }, souk_size_puppet_run, souk_put_puppet_run);
    return SOUK_ACCEPT;
}

static void
speaks_to_the_wrong(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    puppet_order(sim, one, run_speak_to_the_wrong, 0);
    pass(sim, 5000);
    assert_int_equal(noted(HEARD(SOUK_DOWN, SOUK_END_NOBODY, 0)), 2);
    assert_int_equal(noted(HEARD(SOUK_DEAD, 0, 0)), 1);
    assert_int_equal(notes_count, 3);
    assert_int_equal(counted(sim, COUNT_LETTERS), 3);
    assert_int_equal(counted(sim, COUNT_LIVES), 1);
}

static uint8_t part[1 << 15];
static struct puppet_part parts[32];

static souk_verdict
run_send_large(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->count = 7;
    souk_tell(turn, souk_ref(puppet, who[0].key), puppet_load, .parts = { parts, (uint32_t)value });
    return SOUK_ACCEPT;
}

static souk_verdict
run_spawn_large(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    souk_spawn(turn, puppet, SOUK_NEAR, puppet_load, .parts = { parts, (uint32_t)value });
    return SOUK_ACCEPT;
}

static void
bodies_too_large(souk_sim *sim)
{
    for (unsigned i = 0; i < 32; i++) parts[i].part = (struct souk_bytes){ part, sizeof part };
    souk_ref one = named(sim, &stubborn_kind, 1);
    who[0] = named(sim, &puppet_kind, 2);
    assert_int_equal(puppet_order(sim, one, run_send_large, 32).ending, SOUK_DEAD); /* 1 MiB and some: a fault. */
    assert_int_equal(puppet_order(sim, one, run_send_large, 31).ending, SOUK_DONE);
    pass(sim, 100);
    assert_int_equal(noted(31), 1);
    assert_int_equal(notes_count, 1);
    uint64_t lives = counted(sim, COUNT_LIVES);
    assert_int_equal(puppet_order(sim, one, run_spawn_large, 32).ending, SOUK_DEAD);
    assert_int_equal(counted(sim, COUNT_LIVES), lives); /* Nobody who was never spoken to is left. */
    struct souk_sim_request r = { .request = { .to = who[0], .row = &puppet_load_command, .within_ms = 1000 } };
    struct puppet_load load = { .parts = { parts, 32 } };
    assert_int_equal(souk_sim_ask(sim, &r, &load), SOUK_ERR_TOO_LARGE);
    load.parts.count = 30;
    assert_int_equal(souk_sim_tell(sim, who[0], &puppet_load_command, &load, NULL, NULL).ending, SOUK_DONE);
}

static void
rows_that_it_lacks(souk_sim *sim)
{
    souk_ref one = named(sim, &puppet_kind, 1);
    struct puppet_run run = { .code = CODE(run_note), .value = 1 };
    struct souk_row unknown = puppet_run_command, reply = puppet_run_command;
    unknown.tag = 99;
    reply.tag = puppet_heard_tag;
    const struct souk_row *rows[] = { &unknown, &reply, &reborn_run_command };
    for (unsigned i = 0; i < 3; i++) {
        struct souk_reply answer = souk_sim_tell(sim, one, rows[i], &run, NULL, NULL);
        assert_int_equal(answer.ending, SOUK_REFUSED);
        assert_int_equal(answer.refusal, SOUK_UNKNOWN);
    }
    struct puppet_said said = { 5 };
    struct souk_row misfit = puppet_run_command;
    misfit.layout = souk_layout_of_puppet_said;
    struct souk_reply answer = souk_sim_tell(sim, one, &misfit, &said, NULL, NULL);
    assert_int_equal(answer.refusal, SOUK_MALFORMED);
    assert_int_equal(notes_count, 0);
}

#define IN_WORLDS(test) static void test_##test(void **state SOUK_UNUSED) { in_worlds(test); }
IN_WORLDS(named_on_demand)
IN_WORLDS(spawned)
IN_WORLDS(keys_are_never_used_again)
IN_WORLDS(a_refused_turn_sends_nothing)
IN_WORLDS(a_refused_turn_unlinks_nobody)
IN_WORLDS(messages_in_order)
IN_WORLDS(stops_itself)
IN_WORLDS(stops_another)
IN_WORLDS(ends_when_idle)
IN_WORLDS(another_life_is_another)
IN_WORLDS(speaks_to_the_wrong)
IN_WORLDS(bodies_too_large)
IN_WORLDS(rows_that_it_lacks)

static void
test_refused_at_volatile_max(void **state SOUK_UNUSED)
{
    in_worlds_with(&(struct souk_sim_options){ .volatile_max = 8 }, refused_at_volatile_max);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_on_demand), cmocka_unit_test(test_spawned),
        cmocka_unit_test(test_keys_are_never_used_again), cmocka_unit_test(generations_end),
        cmocka_unit_test(test_refused_at_volatile_max), cmocka_unit_test(test_a_refused_turn_sends_nothing),
        cmocka_unit_test(test_a_refused_turn_unlinks_nobody), cmocka_unit_test(test_messages_in_order),
        cmocka_unit_test(test_stops_itself), cmocka_unit_test(test_stops_another),
        cmocka_unit_test(test_ends_when_idle), cmocka_unit_test(test_another_life_is_another),
        cmocka_unit_test(test_speaks_to_the_wrong), cmocka_unit_test(test_bodies_too_large),
        cmocka_unit_test(test_rows_that_it_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
