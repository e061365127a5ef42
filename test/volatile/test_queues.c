/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_queues.c -- bounded queues: each policy, fairness between senders and between neighbours. */
#include "ledger.h"
#include "puppet.h"
#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static struct souk_live *
live_of(souk_sim *sim, souk_ref ref)
{
    struct souk_partition *p = souk_sim_door(sim)->partition;
    return souk_live_find(&souk_shard_of(p, ref.key)->population, ref);
}

/* Holds it up, as if it were down, so that its queue fills; and lets it go on. */
static void
hold_up(souk_sim *sim, souk_ref ref, bool held)
{
    if (!live_of(sim, ref)) puppet_order(sim, ref, run_nothing, 0);
    live_of(sim, ref)->paused = held;
    if (held) return;
    souk_worker *w = souk_sim_door(sim); /* What it sends itself always fits. */
    struct puppet_run run = { .code = CODE(run_nothing), .value = 0 };
    struct souk_message *m = souk_message_new(w->heap, SOUK_WAKE, souk_size_puppet_run(&run));
    souk_put_puppet_run(m->body, &run);
    m->to = ref;
    m->tag = puppet_run_tag;
    souk_worker_deliver(w, m);
    pass(sim, 1);
}

static souk_verdict
run_flood(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (uint64_t i = 0; i < value % 1000; i++) puppet_tell(turn, who[0], run_note, value / 1000 * 1000 + i);
    return SOUK_ACCEPT;
}

static souk_verdict
run_ask_it(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_ask(turn, who[0], 60000, run_nothing, value);
    return SOUK_ACCEPT;
}

static uint32_t
notes_of(souk_ref ref, uint64_t from, uint64_t to)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < notes_count; i++)
        count += is_same(notes[i].who, ref) && notes[i].value >= from && notes[i].value < to;
    return count;
}

/* ---- Refusing. ---- */

static void
refuses(souk_sim *sim)
{
    who[0] = named(sim, &narrow_kind, 1);
    hold_up(sim, who[0], true);
    uint64_t letters = counted(sim, COUNT_LETTERS);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_flood, 1000 + 100); /* One flooder has half of it. */
    pass(sim, 50);
    assert_int_equal(live_of(sim, who[0])->depth, QUEUE / 2);
    assert_int_equal(counted(sim, COUNT_LETTERS) - letters, 100 - QUEUE / 2);
    for (uint64_t i = 2; i < 12; i++) /* Others find room. */
        puppet_order(sim, named(sim, &puppet_kind, i), run_ask_it, 1);
    pass(sim, 50);
    uint32_t refused = noted(HEARD(SOUK_REFUSED, SOUK_OVERLOADED, 0));
    assert_int_equal(live_of(sim, who[0])->depth, QUEUE / 2 + 10 - refused);
    assert_true(refused <= 5 && live_of(sim, who[0])->depth <= QUEUE); /* Those of the same lanes, or the last ones. */
    hold_up(sim, who[0], false);
    pass(sim, 100);
    assert_int_equal(live_of(sim, who[0])->depth, 0);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 0)), 10 - refused);
    assert_int_equal(notes_of(who[0], 1000, 2000), QUEUE / 2);
    for (uint64_t i = 0; i < QUEUE / 2; i++) assert_int_equal(noted(1000 + i), 1); /* The first ones, in order. */
    puppet_order(sim, named(sim, &puppet_kind, 1), run_flood, 3000 + 5); /* And there is room again. */
    pass(sim, 100);
    assert_int_equal(notes_of(who[0], 3000, 4000), 5);
}

/* A flooder that goes on and on doesn't keep others from being heard. */
static souk_verdict
run_flood_on(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    run_flood(self, turn, 1000 + 30);
    if (self->count++ < value) puppet_wake(turn, 1, run_flood_on, value);
    return SOUK_ACCEPT;
}

static void
flooder_shuts_nobody_out(souk_sim *sim)
{
    who[0] = named(sim, &narrow_kind, 1);
    struct puppet_request r;
    puppet_send(sim, &r, named(sim, &puppet_kind, 1), run_flood_on, 500, 60000);
    unsigned answered = 0, asked = 0;
    for (unsigned i = 0; i < 40; i++) {
        if (live_of(sim, who[0])) live_of(sim, who[0])->paused = true;
        pass(sim, 5); /* It fills up; somebody else speaks; it goes on. */
        puppet_order(sim, named(sim, &puppet_kind, 2 + i % 4), run_ask_it, 1);
        pass(sim, 1);
        asked++;
        if (live_of(sim, who[0])) hold_up(sim, who[0], false);
        pass(sim, 3);
    }
    pass(sim, 200);
    answered = noted(HEARD(SOUK_DONE, 0, 0));
    assert_true(answered >= asked * 3 / 4);
}

/* ---- What always fits. ---- */

static souk_verdict
run_ask_others(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (uint64_t i = 0; i < value; i++) puppet_ask(turn, who[1], 60000, run_nothing, i);
    for (uint64_t i = 0; i < value; i++) puppet_wake(turn, 20, run_note, 77);
    return SOUK_ACCEPT;
}

static void
answers_and_signals_fit(souk_sim *sim)
{
    static const struct souk_kind *const kinds[] = { &narrow_kind, &shedder_kind, &dropper_kind };
    for (unsigned k = 0; k < 3; k++) {
        notes_count = 0;
        who[0] = named(sim, kinds[k], 1);
        who[1] = named(sim, &puppet_kind, 50);
        puppet_order(sim, who[0], run_ask_others, 100);
        live_of(sim, who[0])->paused = true;
        pass(sim, 10);
        puppet_order(sim, named(sim, &puppet_kind, 1), run_flood, 1000 + 200);
        pass(sim, 100);
        /* The wakes, the answers that had not come before it paused, and what of the flood found room. */
        assert_true(live_of(sim, who[0])->depth >= 100 && live_of(sim, who[0])->depth <= 200 + QUEUE);
        hold_up(sim, who[0], false);
        pass(sim, 200);
        assert_int_equal(noted(HEARD(SOUK_DONE, 0, 0)), 100); /* Each answer and wake. */
        assert_int_equal(noted(77), 100);
        assert_int_equal(live_of(sim, who[0])->depth, 0);
    }
}

/* ---- Dropping the oldest, shedding the expired. ---- */

static souk_verdict
run_spawn_dropper(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    who[0] = puppet_spawn(turn, &dropper_kind, SOUK_NEAR, run_note, 555);
    return run_flood(self, turn, value);
}

static void
drops_the_oldest(souk_sim *sim)
{
    who[0] = named(sim, &dropper_kind, 1);
    hold_up(sim, who[0], true);
    struct puppet_request r;
    puppet_send(sim, &r, who[0], run_note, 1, 60000);
    pass(sim, 10);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_flood, 1000 + 100);
    pass(sim, 50);
    assert_int_equal(live_of(sim, who[0])->depth, QUEUE);
    assert_int_equal(r.reply.ending, SOUK_REFUSED); /* The oldest one's asker is told. */
    assert_int_equal(r.reply.refusal, SOUK_OVERLOADED);
    live_of(sim, who[0])->paused = false;
    puppet_order(sim, who[0], run_note, 2); /* Drops one more. */
    pass(sim, 50);
    assert_int_equal(notes_of(who[0], 1000, 2000), QUEUE - 1);
    for (uint64_t i = 0; i < QUEUE - 1; i++) assert_int_equal(notes[i].value, 1100 - QUEUE + 1 + i);
    assert_int_equal(noted(2), 1);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_spawn_dropper, 2000 + 100); /* The first command stays. */
    pass(sim, 50);
    assert_int_equal(noted(555), 1);
    assert_int_equal(notes_of(who[0], 2000, 3000), QUEUE - 1);
}

static souk_verdict
run_ask_many(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    for (uint64_t i = 0; i < QUEUE; i++) puppet_ask(turn, who[0], i % 2 ? 50 : 5000, run_note, value + i);
    return SOUK_ACCEPT;
}

static void
sheds_the_expired(souk_sim *sim)
{
    who[0] = named(sim, &shedder_kind, 1);
    hold_up(sim, who[0], true);
    puppet_order(sim, named(sim, &puppet_kind, 1), run_ask_many, 1000);
    pass(sim, 10);
    assert_int_equal(live_of(sim, who[0])->depth, QUEUE);
    struct puppet_request r[3];
    puppet_send(sim, &r[0], who[0], run_note, 1, 60000);
    pass(sim, 10);
    assert_int_equal(r[0].reply.refusal, SOUK_OVERLOADED); /* Nothing has expired yet. */
    pass(sim, 100);
    puppet_send(sim, &r[1], who[0], run_note, 2, 60000);
    pass(sim, 10);
    assert_int_equal(live_of(sim, who[0])->depth, QUEUE / 2 + 1);
    hold_up(sim, who[0], false);
    pass(sim, 50);
    assert_int_equal(noted(2), 1);
    assert_int_equal(notes_of(who[0], 1000, 2000), QUEUE / 2);
    assert_int_equal(noted(HEARD(SOUK_LATE, 0, 0)), QUEUE / 2);
    assert_int_equal(noted(HEARD(SOUK_DONE, 0, 0)), QUEUE / 2);
}

/* A stash is part of the queue. */
static souk_verdict
run_stash(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    if (self->y) note(turn, value);
    else souk_stash(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
run_open(struct puppet_self *self, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    self->y = 1;
    souk_unstash(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
run_stash_some(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_tell(turn, who[0], run_stash, value);
    return SOUK_ACCEPT;
}

static void
stash_is_of_the_queue(souk_sim *sim)
{
    who[0] = named(sim, &dropper_kind, 1);
    for (uint64_t i = 0; i < 40; i++) {
        puppet_order(sim, named(sim, &puppet_kind, i), run_stash_some, 1000 + i);
        pass(sim, 2);
        uint32_t stashed = live_of(sim, who[0])->extra->stashed;
        assert_int_equal(stashed, i + 1 < QUEUE ? i + 1 : QUEUE);
    }
    assert_int_equal(live_of(sim, who[0])->calm, 0);
}

static void
stash_opens_again(souk_sim *sim)
{
    who[0] = named(sim, &narrow_kind, 1);
    for (uint64_t i = 0; i < QUEUE / 2 - 1; i++) {
        puppet_order(sim, named(sim, &puppet_kind, i), run_stash_some, 1000 + i);
        pass(sim, 2);
    }
    puppet_order(sim, who[0], run_open, 0);
    pass(sim, 10);
    for (uint64_t i = 0; i < QUEUE / 2 - 1; i++) assert_int_equal(notes[i].value, 1000 + i);
    assert_int_equal(live_of(sim, who[0])->calm, QUEUE / 2);
    assert_int_equal(live_of(sim, who[0])->extra->stashed, 0);
}

/* ---- Neighbours. ---- */

static souk_verdict
run_for_ever(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->count++;
    puppet_tell(turn, souk_self(turn), run_for_ever, value);
    return SOUK_ACCEPT;
}

static souk_verdict
run_stop(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

/* One of that kind in the same shard. */
static souk_ref
neighbour(souk_sim *sim, const struct souk_kind *kind, souk_ref of)
{
    for (uint64_t n = 100;; n++) {
        souk_ref ref = named(sim, kind, n);
        if (ref.key.high % SOUK_SHARDS == of.key.high % SOUK_SHARDS) return ref;
    }
}

static void
hot_one_starves_nobody(souk_sim *sim)
{
    souk_ref hot = named(sim, &puppet_kind, 1), calm = neighbour(sim, &stubborn_kind, hot);
    souk_ref ledger = neighbour(sim, &ledger_kind, hot);
    struct puppet_request first;
    puppet_send(sim, &first, hot, run_for_ever, 0, 60000);
    while (!first.done) souk_sim_step(sim);
    struct puppet_request r;
    struct ledger_add add = { 1 };
    for (unsigned i = 0; i < 200; i++) {
        uint64_t turns = counted(sim, COUNT_TURNS);
        puppet_send(sim, &r, calm, run_say, i, 60000);
        while (!r.done) souk_sim_step(sim);
        assert_int_equal(r.said, i);
        assert_int_equal(souk_sim_tell(sim, ledger, &ledger_add_command, &add, NULL, NULL).ending, SOUK_DONE);
        assert_true(counted(sim, COUNT_TURNS) - turns < 4000);
    }
    puppet_order(sim, hot, run_stop, 0);
    assert_true(souk_sim_run(sim, 100000));
}

/* Event-sourced messages that wait in the shard's backlog get their turns, too, however many there are. */
static void
hot_one_and_a_backlog(souk_sim *sim)
{
    souk_ref hot = named(sim, &puppet_kind, 1), ledger = neighbour(sim, &ledger_kind, hot);
    struct puppet_request first;
    puppet_send(sim, &first, hot, run_for_ever, 0, 60000);
    static struct puppet_request r[400];
    struct ledger_add add = { 1 };
    for (unsigned i = 0; i < 400; i++) {
        puppet_send(sim, &r[i], hot, run_nothing, 0, 600000);
        souk_worker *w = souk_sim_door(sim);
        struct souk_message *m = souk_message_new(w->heap, SOUK_TELL, souk_size_ledger_add(&add));
        souk_put_ledger_add(m->body, &add);
        m->to = ledger;
        m->tag = ledger_add_tag;
        souk_worker_deliver(w, m);
    }
    for (unsigned i = 0; i < 20000; i++) souk_sim_step(sim);
    struct ledger_view view;
    struct ledger_show show = { };
    souk_sim_tell(sim, ledger, &ledger_show_query, &show, souk_layout_of_ledger_view, &view);
    assert_int_equal(view.adds, 400);
    puppet_order(sim, hot, run_stop, 0);
    assert_true(souk_sim_run(sim, 100000));
}

/* ---- Depth. ---- */

static uint32_t depth_seen;

static souk_verdict
run_depth(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    uint32_t depth = souk_depth(turn);
    if (value == 1) depth_seen = depth;
    puppet_say(turn, depth);
    return SOUK_ACCEPT;
}

static souk_verdict
run_many_depths(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value)
{
    puppet_tell(turn, who[0], run_depth, 1);
    for (uint64_t i = 0; i < value; i++) puppet_tell(turn, who[0], run_depth, 0);
    return SOUK_ACCEPT;
}

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
depth_is_known(souk_sim *sim)
{
    who[0] = named(sim, &puppet_kind, 1);
    double took[2];
    for (unsigned n = 0; n < 2; n++) {
        uint64_t many = n ? 100000 : 10;
        hold_up(sim, who[0], true);
        puppet_order(sim, named(sim, &puppet_kind, 2), run_many_depths, many);
        pass(sim, 20);
        assert_int_equal(live_of(sim, who[0])->depth, many + 1);
        took[n] = seconds();
        hold_up(sim, who[0], false);
        took[n] = (seconds() - took[n]) / (double)many;
        assert_int_equal(depth_seen, many + 1); /* And the one that lets it go on. */
    }
    assert_true(took[1] < took[0] * 10 + 1e-5); /* Each turn asks. */
}

/* A full queue isn't searched for each message that comes. */
static void
full_queue_is_cheap(void **state SOUK_UNUSED)
{
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    struct souk_arena arena = { .heap = heap };
    struct souk_population population = { .generation = 7 };
    static const struct souk_volatile policy = { .on_full = SOUK_SHED_EXPIRED, .queue_max = 100000 };
    struct souk_kind kind = shedder_kind;
    kind.policy = &policy;
    struct souk_live *live = souk_live_new(&population, &arena, &kind, (souk_key){ 0, 0 });
    struct souk_fifo dropped = { NULL, NULL };
    double began = seconds();
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        struct souk_message *m = souk_message_new(heap, SOUK_ASK, 0);
        m->due_ms = 1000000 + i;
        bool room = live->depth < live->calm || souk_live_room(live, heap, m, i, &dropped);
        if (room) souk_live_push(live, m);
        else souk_message_free(heap, m);
        refused += !room;
    }
    assert_int_equal(refused, 100000);
    assert_int_equal(live->depth, 100000);
    assert_true(seconds() - began < 5);
    struct souk_message *m = souk_message_new(heap, SOUK_ASK, 0);
    assert_true(souk_live_room(live, heap, m, 1000010, &dropped)); /* Eleven have expired. */
    souk_live_push(live, m);
    assert_int_equal(live->depth, 100000 - 11 + 1);
    while ((m = souk_fifo_pop(&dropped))) souk_message_free(heap, m);
    while ((m = souk_live_pop(live))) souk_message_free(heap, m);
    souk_live_free(&population, &arena, live);
    souk_memory_close(&memory);
}

/* Bonds cost the same, however many there are. */
static void
many_bonds(void **state SOUK_UNUSED)
{
    enum { MANY = 200000 };
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    struct souk_arena arena = { .heap = heap };
    struct souk_population population = { .generation = 7 };
    struct souk_live *live = souk_live_new(&population, &arena, &puppet_kind, (souk_key){ 0, 0 });
    double began = seconds();
    for (uint32_t i = 0; i < MANY; i++) {
        struct souk_bond bond = { { 40, { SOUK_ANONYMOUS << 16, (uint64_t)i << 32 } }, 0, SOUK_BOND_CHILD };
        assert_true(souk_bond_add(live, heap, bond));
        assert_false(souk_bond_add(live, heap, bond));
    }
    for (uint32_t i = 0; i < MANY; i += 2) {
        souk_ref to = { 40, { SOUK_ANONYMOUS << 16, (uint64_t)i << 32 } };
        assert_true(souk_bond_remove(live, SOUK_BOND_CHILD, to, 0));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        souk_ref to = { 40, { SOUK_ANONYMOUS << 16, (uint64_t)i << 32 } };
        assert_int_equal(souk_bond_find(live, SOUK_BOND_CHILD, to, 0) != NULL, i % 2);
        assert_null(souk_bond_find(live, SOUK_BOND_LINK, to, 0));
    }
    assert_int_equal(live->extra->bonds_count, MANY / 2);
    assert_true(seconds() - began < 5);
    souk_live_free(&population, &arena, live);
    souk_memory_close(&memory);
}

#define IN_WORLDS(test) static void test_##test(void **state SOUK_UNUSED) { in_worlds(test); }
IN_WORLDS(refuses)
IN_WORLDS(flooder_shuts_nobody_out)
IN_WORLDS(answers_and_signals_fit)
IN_WORLDS(drops_the_oldest)
IN_WORLDS(sheds_the_expired)
IN_WORLDS(stash_is_of_the_queue)
IN_WORLDS(stash_opens_again)
IN_WORLDS(hot_one_starves_nobody)
IN_WORLDS(hot_one_and_a_backlog)
IN_WORLDS(depth_is_known)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_flooder_shuts_nobody_out),
        cmocka_unit_test(test_answers_and_signals_fit), cmocka_unit_test(test_drops_the_oldest),
        cmocka_unit_test(test_sheds_the_expired), cmocka_unit_test(test_stash_is_of_the_queue),
        cmocka_unit_test(test_stash_opens_again), cmocka_unit_test(test_hot_one_starves_nobody),
        cmocka_unit_test(test_hot_one_and_a_backlog), cmocka_unit_test(test_depth_is_known),
        cmocka_unit_test(full_queue_is_cheap), cmocka_unit_test(many_bonds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
