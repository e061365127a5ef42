/* SPDX-License-Identifier: Apache-2.0 */
/* test/work/test_checkpoint.c -- what a checkpoint writes reads back, and damage to it is noticed. */
#include "work/checkpoint.h"

#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above it. */
#include <cmocka.h>

static const struct souk_marker marker = { .number = 3, .position = 4711, .low = 4000, .link = { 1, 2 }, .chunk = 7,
                                           .rows = 123, .sum = 456, .tables = 11 };

static void
a_marker_reads_back_and_each_damaged_byte_is_noticed(void **state)
{
    (void)state;
    uint8_t bytes[SOUK_MARKER_BYTES];
    struct souk_marker read = { 0 };
    bool old;
    souk_marker_write(bytes, &marker);
    assert_int_equal(souk_marker_read((struct souk_bytes){ bytes, sizeof bytes }, &read, &old), SOUK_OK);
    assert_false(old);
    assert_memory_equal(&read, &marker, sizeof marker);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        assert_int_equal(souk_marker_read((struct souk_bytes){ bytes, sizeof bytes }, &read, &old), SOUK_ERR_CORRUPT);
        bytes[i] ^= 1;
        assert_int_equal(souk_marker_read((struct souk_bytes){ bytes, i }, &read, &old), SOUK_ERR_CORRUPT);
    }
}

static void
a_chunk_of_the_index_reads_back(void **state)
{
    (void)state;
    uint8_t name[SOUK_CHUNK_NAME], value[SOUK_CHUNK_HEAD + 2 * SOUK_ROW_BYTES];
    const struct souk_index_row rows[] = { { 1, 2, { 3, { 4, 5 } }, true }, { 6, 7, { 8, { 9, 10 } }, false } };
    struct souk_chunk chunk;
    souk_chunk_name(name, 9);
    uint8_t *p = souk_chunk_begin(value, 4711, (struct souk_link){ 1, 2 });
    for (unsigned i = 0; i < 2; i++) p = souk_index_put(p, &rows[i]);
    assert_ptr_equal(p, value + sizeof value);
    struct souk_bytes called = { name, sizeof name };
    assert_true(souk_chunk_open(called, (struct souk_bytes){ value, sizeof value }, &chunk));
    assert_true(chunk.number == 9 && chunk.position == 4711 && chunk.link.high == 1 && chunk.link.low == 2);
    assert_int_equal(chunk.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct souk_index_row row = souk_index_get(&chunk, i);
        assert_true(row.name == rows[i].name && row.position == rows[i].position && row.has_asks == rows[i].has_asks);
        assert_true(row.actor.kind == rows[i].actor.kind && souk_key_equal(row.actor.key, rows[i].actor.key));
        assert_int_equal(souk_index_sum(&row), souk_index_sum(&rows[i]));
    }
    assert_int_not_equal(souk_index_sum(&rows[0]), souk_index_sum(&rows[1]));
    assert_false(souk_chunk_open(called, (struct souk_bytes){ value, sizeof value - 1 }, &chunk));
    value[0]++;
    assert_false(souk_chunk_open(called, (struct souk_bytes){ value, sizeof value }, &chunk));
}

/* All that a message is, in a table and back. */
static void
a_table_reads_back(void **state)
{
    (void)state;
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    struct souk_batch b = { 0 };
    struct souk_batch_reader r;
    struct souk_step step;
    size_t length;
    souk_batch_begin(&b, heap);
    for (uint32_t i = 1; i <= 3; i++) {
        struct souk_message *m = souk_message_new(heap, i == 1 ? SOUK_WAKE : i == 2 ? SOUK_CALL : SOUK_ASK, i);
        memset(m->body, (int)i, i);
        m->to = (souk_ref){ i, { i, i } };
        m->tag = 10 + i;
        m->time_ms = 20 + i;
        m->due_ms = 30 + i;
        m->id = (struct souk_id){ 40 + i, i };
        m->attempts = i & 3;
        m->asker = i == 1 ? (souk_asker){ { 0, 0 }, 0, 0 } : (souk_asker){ { 5, 6 }, 7, i };
        souk_batch_outstanding(&b, heap, m);
    }
    souk_batch_seal(&b, 0, 50, 1000);
    (void)souk_batch_chain(b.at, (struct souk_link){ 0, 0 });
    const struct souk_link none = { 0, 0 };
    assert_int_equal(souk_batch_open(&r, (struct souk_bytes){ b.at, b.length }, &none, &length), SOUK_OK);
    assert_int_equal(length, b.length);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(souk_batch_next(&r, &step), SOUK_OK);
        assert_int_equal(step.class, SOUK_STEP_OUTSTANDING);
        const struct souk_message *m = &step.send;
        assert_true(m->id.position == 40 + i && m->id.ordinal == i && m->attempts == (i & 3));
        assert_true(m->tag == 10 + i && m->time_ms == 20 + i && m->to.kind == i && m->to.key.low == i);
        assert_int_equal(m->due_ms, i < 3 ? 30 + i : 0); /* An ask's asker minds its deadline. */
        assert_int_equal(m->asker.number, i == 1 ? 0 : i);
        assert_int_equal(step.body.length, i);
        assert_int_equal(((const uint8_t *)step.body.at)[0], i);
    }
    assert_int_equal(souk_batch_next(&r, &step), SOUK_OK);
    assert_int_equal(step.class, SOUK_STEP_END);
    b.at[b.length - 1] ^= 1;
    assert_int_equal(souk_batch_open(&r, (struct souk_bytes){ b.at, b.length }, &none, &length), SOUK_ERR_CORRUPT);
    souk_memory_close(&memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_marker_reads_back_and_each_damaged_byte_is_noticed),
        cmocka_unit_test(a_chunk_of_the_index_reads_back),
        cmocka_unit_test(a_table_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
