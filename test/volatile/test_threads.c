/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/test_threads.c -- volatile actors on a real node without a data directory, with threads. Under
 * ThreadSanitizer it is the stress test of all that shards hand over. What handlers share is atomic, or is touched by
 * one actor's turns alone. */
#include "ledger.h"
#include "puppet.h"

#include <setjmp.h>
#include <souk/node.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { WORKERS = 2, ACTORS = 12, EACH = 400, BURST = 4 };

/* ---- A node on which each worker gives some orders. ---- */

struct order {
    struct souk_request r;
    puppet_code *code;
    uint64_t value, number;
    const struct souk_kind *kind;
};
static struct order orders[64];
static unsigned orders_count;
static _Atomic unsigned answered;
static _Atomic unsigned endings[4];
static souk_node *node;
static _Atomic(souk_node *) entered;
static _Atomic uint64_t told, failed, summed, ended, closed;

static souk_ref
ref_of(const souk_node *n, const struct souk_kind *kind, uint64_t number)
{
    char name[32];
    int length = snprintf(name, sizeof name, "%s-%llu", kind->name, (unsigned long long)number);
    return (souk_ref){ kind->number, souk_node_key_of(n, (struct souk_text){ name, (size_t)length }) };
}

static void
done(struct souk_request *r SOUK_UNUSED, const struct souk_reply *reply)
{
    endings[reply->ending]++;
    answered++;
}

static souk_err
enter(void *self SOUK_UNUSED, souk_worker *worker, unsigned number, struct souk_loop *loop SOUK_UNUSED)
{
    atomic_store(&entered, (souk_node *)(uintptr_t)souk_worker_node(worker));
    for (unsigned i = number; i < orders_count; i += WORKERS) {
        struct order *o = &orders[i];
        struct puppet_run run = { .code = CODE(o->code), .value = o->value };
        const struct souk_row *const *row = o->kind->rows;
        o->r = (struct souk_request){ .to = ref_of(souk_worker_node(worker), o->kind, o->number), .row = *row,
                                      .within_ms = 60000, .done = done };
        souk_err err = souk_worker_ask_with(worker, &o->r, &run);
        if (err) return err;
    }
    return SOUK_OK;
}

static void
order(const struct souk_kind *kind, uint64_t number, puppet_code *code, uint64_t value)
{
    orders[orders_count++] = (struct order){ .code = code, .value = value, .kind = kind, .number = number };
}

/* Runs until a count is reached, for a minute at most. */
static void
run_until(_Atomic uint64_t *count, uint64_t wanted)
{
    struct souk_guest guests[] = { { .enter = enter }, { .enter = NULL } };
    struct souk_options options = { .directory = NULL, .kinds = puppet_kinds, .guests = guests, .workers = WORKERS };
    char why[200];
    answered = 0;
    memset((void *)endings, 0, sizeof endings);
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err) fail_msg("%s", why);
    for (unsigned i = 0; i < 60000 && (*count < wanted || answered < orders_count); i++) usleep(1000);
    usleep(20000); /* Nothing more comes. */
    souk_node_drain(node, 10000);
    souk_node_close(&node);
    assert_null(node);
    assert_int_equal(answered, orders_count);
    assert_int_equal(*count, wanted);
    orders_count = 0;
}

/* ---- Order between pairs, all to all. ---- */

static uint32_t heard[ACTORS][ACTORS]; /* By receiver and sender; the receiver's alone. */
static souk_key keys[ACTORS];

static souk_verdict
run_hear(struct puppet_self *self, souk_turn *turn SOUK_UNUSED, uint64_t value)
{
    unsigned from = (unsigned)(value >> 32), me = (unsigned)self->x - 1;
    souk_assert(self->x && heard[me][from] == (uint32_t)value);
    heard[me][from]++;
    atomic_fetch_add_explicit(&told, 1, memory_order_relaxed);
    return SOUK_ACCEPT;
}

static souk_verdict
run_be(struct puppet_self *self, souk_turn *turn SOUK_UNUSED, uint64_t value)
{
    self->x = value + 1;
    return SOUK_ACCEPT;
}

static souk_verdict
run_send_all(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    for (unsigned n = 0; n < BURST; n++, self->count++) {
        for (unsigned to = 0; to < ACTORS; to++) {
            souk_ref ref = { stubborn_kind_number, keys[to] };
            if (!self->count) puppet_tell(turn, ref, run_be, to);
            puppet_tell(turn, ref, run_hear, value << 32 | self->count);
        }
    }
    if (self->count < EACH) puppet_tell(turn, souk_self(turn), run_send_all, value);
    return SOUK_ACCEPT;
}

static souk_verdict
run_begin_all(struct puppet_self *self SOUK_UNUSED, souk_turn *turn, uint64_t value SOUK_UNUSED)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "hearer-%u", i);
        keys[i] = souk_key_of(turn, (struct souk_text){ name, (size_t)length });
    }
    for (unsigned i = 0; i < ACTORS; i++) puppet_spawn(turn, &puppet_kind, SOUK_SPREAD, run_send_all, i);
    return SOUK_ACCEPT;
}

static void
all_to_all_in_order(void **state SOUK_UNUSED)
{
    order(&puppet_kind, 1, run_begin_all, 0);
    run_until(&told, (uint64_t)ACTORS * ACTORS * EACH);
}

/* ---- A tree of spawns that ask and gather. ---- */

static souk_verdict
hear_sum(struct puppet_self *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    struct souk_outcome one;
    uint64_t sum = 1;
    souk_assert(outcome->ending == SOUK_DONE);
    for (uint32_t i = 0; souk_gathered(turn, i, &one); i++) sum += puppet_read(turn, &one);
    if (self->y) souk_answer_later(turn, ((souk_asker){ { self->count, self->x }, (uint32_t)(self->y >> 32),
                                                        (uint32_t)self->y }), SOUK_ACCEPT, puppet_said, .value = sum);
    else summed = sum;
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static souk_verdict
run_sum(struct puppet_self *self, souk_turn *turn, uint64_t depth)
{
    souk_asker asker = souk_turn_asker(turn);
    self->heard = CODE(hear_sum);
    self->count = asker.key.high;
    self->x = asker.key.low;
    self->y = (uint64_t)asker.kind << 32 | asker.number;
    uint32_t all = puppet_gather(turn, 60000);
    for (unsigned i = 0; depth && i < 3; i++)
        puppet_among(turn, all, puppet_spawn(turn, &ward_kind, i ? SOUK_SPREAD : SOUK_NEAR, run_nothing, 0), run_sum,
                     depth - 1);
    return SOUK_LATER;
}

static souk_verdict
run_begin_sum(struct puppet_self *self, souk_turn *turn, uint64_t depth)
{
    (void)run_sum(self, turn, depth);
    return SOUK_ACCEPT;
}

static void
tree_of_gatherings(void **state SOUK_UNUSED)
{
    order(&puppet_kind, 1, run_begin_sum, 7);
    run_until(&summed, (2187 * 3 - 1) / 2);
}

/* ---- Failing, restarting, watching. ---- */

static souk_verdict
run_fail_often(struct puppet_self *self SOUK_UNUSED, souk_turn *turn SOUK_UNUSED, uint64_t value SOUK_UNUSED)
{
    failed++;
    souk_assert(failed > UINT64_MAX / 2);
    return SOUK_ACCEPT;
}

static souk_verdict
hear_end(struct puppet_self *self SOUK_UNUSED, const struct souk_outcome *outcome, souk_turn *turn SOUK_UNUSED)
{
    souk_assert(outcome->ending == SOUK_DOWN && outcome->refusal == SOUK_END_RESTARTS);
    ended++;
    return SOUK_ACCEPT;
}

static souk_verdict
run_raise(struct puppet_self *self, souk_turn *turn, uint64_t value)
{
    self->heard = CODE(hear_end);
    for (uint64_t i = 0; i < value; i++)
        puppet_monitor(turn, puppet_spawn(turn, &reborn_kind, SOUK_SPREAD, run_fail_often, i));
    return SOUK_ACCEPT;
}

static void
storm_with_threads(void **state SOUK_UNUSED)
{
    for (unsigned i = 0; i < 4; i++) order(&puppet_kind, i, run_raise, 50);
    run_until(&ended, 200);
    assert_int_equal(failed, 200 * 6);
}

/* ---- Closing the node inside a turn. ---- */

static souk_verdict
run_close(struct puppet_self *self SOUK_UNUSED, souk_turn *turn SOUK_UNUSED, uint64_t value)
{
    closed++;
    souk_node *mine = atomic_load(&entered);
    if (value) souk_node_close(&mine);
    else souk_node_drain(mine, 10);
    closed += 1000;
    return SOUK_ACCEPT;
}

static souk_verdict
run_go_on(struct puppet_self *self SOUK_UNUSED, souk_turn *turn SOUK_UNUSED, uint64_t value SOUK_UNUSED)
{
    closed++;
    return SOUK_ACCEPT;
}

static void
closing_in_a_turn_is_a_fault(void **state SOUK_UNUSED)
{
    order(&puppet_kind, 1, run_close, 1);
    order(&puppet_kind, 2, run_close, 0);
    order(&puppet_kind, 3, run_go_on, 0);
    order(&puppet_kind, 4, run_go_on, 0);
    run_until(&closed, 4);
    assert_int_equal(endings[SOUK_DEAD], 2);
    assert_int_equal(endings[SOUK_DONE], 2);
}

/* Without a data directory no event-sourced kind can be hosted. */
static void
event_sourced_kinds_need_a_directory(void **state SOUK_UNUSED)
{
    struct souk_options options = { .kinds = puppet_kinds_and_ledger };
    char why[200];
    assert_int_equal(souk_node_open(&node, &options, why, sizeof why), SOUK_ERR_USAGE);
    assert_non_null(strstr(why, "ledger"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_to_all_in_order), cmocka_unit_test(tree_of_gatherings),
        cmocka_unit_test(storm_with_threads), cmocka_unit_test(closing_in_a_turn_is_a_fault),
        cmocka_unit_test(event_sourced_kinds_need_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
