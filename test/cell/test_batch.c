/* SPDX-License-Identifier: Apache-2.0 */
/* test/cell/test_batch.c -- batches as they are on disk: what version they say they are, and that old ones are read. */
#include "cell/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above it. */
#include <cmocka.h>

static souk_memory *memory;
static souk_heap *heap;

static int
set_up(void **state)
{
    (void)state;
    memory = souk_memory_open();
    heap = souk_heap_open(memory);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    souk_memory_close(&memory);
    return 0;
}

static struct souk_batch_reader
seal(struct souk_batch *b)
{
    struct souk_batch_reader r;
    struct souk_link none = { 0, 0 };
    size_t length;
    souk_batch_seal(b, 0, 7, 1000);
    souk_batch_chain(b->at, none);
    assert_int_equal(souk_batch_open(&r, (struct souk_bytes){ b->at, b->length }, &none, &length), SOUK_OK);
    assert_int_equal(length, b->length);
    return r;
}

static struct souk_step
next(struct souk_batch_reader *r)
{
    struct souk_step step;
    assert_int_equal(souk_batch_next(r, &step), SOUK_OK);
    return step;
}

/* A batch in which nothing has failed is as it always was, so an older program reads it. */
static void
without_faults_it_is_version_1(void **state)
{
    (void)state;
    struct souk_batch b = { 0 };
    souk_batch_begin(&b, heap);
    souk_batch_actor(&b, heap, 3, (souk_key){ 1, 2 });
    souk_batch_turn(&b, heap, 0, (struct souk_id){ 5, 6 }, 7);
    struct souk_batch_reader r = seal(&b);
    assert_int_equal(b.at[20], 1);
    assert_int_equal(next(&r).class, SOUK_STEP_ACTOR);
    struct souk_step turn = next(&r);
    assert_int_equal(turn.cause.position, 5);
    assert_int_equal(turn.cause.ordinal, 6);
    assert_int_equal(turn.time_ms, 1007);
    assert_int_equal(next(&r).class, SOUK_STEP_END);
}

static void
attempts_are_version_2(void **state)
{
    (void)state;
    struct souk_batch b = { 0 };
    souk_batch_begin(&b, heap);
    souk_batch_attempt(&b, heap, (struct souk_id){ 5, 6 }, 1);
    souk_batch_attempt(&b, heap, (struct souk_id){ 0, 300 }, 2);
    souk_batch_actor(&b, heap, 3, (souk_key){ 1, 2 });
    souk_batch_turn(&b, heap, 0, (struct souk_id){ 4, 0 }, 0);
    souk_batch_dead(&b, heap, 3);
    struct souk_batch_reader r = seal(&b);
    assert_int_equal(b.at[20], 2);
    struct souk_step step = next(&r);
    assert_int_equal(step.class, SOUK_STEP_ATTEMPT);
    assert_int_equal(step.cause.position, 5);
    assert_int_equal(step.cause.ordinal, 6);
    assert_int_equal(step.number, 1);
    step = next(&r);
    assert_int_equal(step.cause.position, 7); /* The batch's own. */
    assert_int_equal(step.cause.ordinal, 300);
    assert_int_equal(step.number, 2);
    assert_int_equal(next(&r).class, SOUK_STEP_ACTOR);
    assert_int_equal(next(&r).class, SOUK_STEP_TURN);
    step = next(&r);
    assert_int_equal(step.class, SOUK_STEP_DEAD);
    assert_int_equal(step.number, 3);
    souk_batch_begin(&b, heap); /* The next one is an old one again. */
    seal(&b);
    assert_int_equal(b.at[20], 1);
}

static void
newer_versions_are_refused(void **state)
{
    (void)state;
    struct souk_batch b = { 0 };
    struct souk_batch_reader r;
    size_t length;
    souk_batch_begin(&b, heap);
    seal(&b);
    b.at[20] = SOUK_BATCH_VERSION + 1;
    assert_int_equal(souk_batch_open(&r, (struct souk_bytes){ b.at, b.length }, NULL, &length), SOUK_ERR_VERSION);
    b.at[20] = 0;
    assert_int_equal(souk_batch_open(&r, (struct souk_bytes){ b.at, b.length }, NULL, &length), SOUK_ERR_VERSION);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_faults_it_is_version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(attempts_are_version_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_versions_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
