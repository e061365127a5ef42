/* SPDX-License-Identifier: Apache-2.0 */
/* test/work/test_checkpoint.c -- what a checkpoint writes reads back, and damage to it is noticed. */
#include "work/checkpoint.h"

#include "work/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above it. */
#include <cmocka.h>

static const struct souk_marker marker = { .number = 3, .position = 4711, .low = 4000, .link = { 1, 2 }, .head = 7,
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
a_head_reads_back(void **state)
{
    (void)state;
    enum { TABLES = 3, ROWS = 2, BYTES = SOUK_HEAD_BYTES + 2 * TABLES + ROWS * SOUK_ROW_BYTES };
    uint8_t value[BYTES];
    const struct souk_index_row rows[ROWS] = { { 1, 2, { 3, { 4, 5 } }, true }, { 6, 7, { 8, { 9, 10 } }, false } };
    const struct souk_head wrote = { .before = 8, .checkpoint = 4, .position = 4711, .link = { 1, 2 }, .tables = TABLES,
                                     .rows = ROWS };
    struct souk_head head;
    uint8_t *p = souk_head_put(value, &wrote);
    for (uint32_t i = 0; i < TABLES; i++) p = souk_head_put_table(p, 100 * i);
    for (uint32_t i = 0; i < ROWS; i++) p = souk_head_put_row(p, &rows[i]);
    assert_ptr_equal(p, value + BYTES);
    assert_true(souk_head_read((struct souk_bytes){ value, BYTES }, &head));
    assert_true(head.before == 8 && head.checkpoint == 4 && head.position == 4711);
    assert_true(head.link.high == 1 && head.link.low == 2 && head.tables == TABLES && head.rows == ROWS);
    for (uint32_t i = 0; i < TABLES; i++) assert_int_equal(souk_head_table(&head, i), 100 * i);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct souk_index_row row = souk_head_row(&head, i);
        assert_true(row.name == rows[i].name && row.position == rows[i].position && row.has_asks == rows[i].has_asks);
        assert_true(row.actor.kind == rows[i].actor.kind && souk_key_equal(row.actor.key, rows[i].actor.key));
        assert_int_equal(souk_index_sum(&row), souk_index_sum(&rows[i]));
    }
    assert_int_not_equal(souk_index_sum(&rows[0]), souk_index_sum(&rows[1]));
    for (size_t length = 0; length < BYTES; length++)
        assert_false(souk_head_read((struct souk_bytes){ value, length }, &head));
    value[0]++;
    assert_false(souk_head_read((struct souk_bytes){ value, BYTES }, &head));
}

/* Later names lie behind earlier ones, whatever they are of, and the fixed ones behind all. */
static void
names_ascend(void **state)
{
    (void)state;
    uint8_t names[5][SOUK_SNAPSHOT_NAME] = { { 0 } };
    souk_snapshot_name(names[0], 7, 63, (souk_key){ UINT64_MAX, UINT64_MAX });
    souk_table_name(names[1], 8, 255);
    souk_head_name(names[2], 8);
    souk_snapshot_name(names[3], 256, 1, (souk_key){ 0, 1 });
    memcpy(names[4], "m", 1);
    for (unsigned i = 1; i < 5; i++) assert_true(memcmp(names[i - 1], names[i], SOUK_SNAPSHOT_NAME) < 0);
    uint64_t number;
    uint32_t kind;
    souk_key key;
    assert_true(souk_snapshot_parse_name((struct souk_bytes){ names[0], SOUK_SNAPSHOT_NAME }, &number, &kind, &key));
    assert_true(number == 7 && kind == 63 && key.low == UINT64_MAX);
    assert_false(souk_snapshot_parse_name((struct souk_bytes){ names[2], SOUK_HEAD_NAME }, &number, &kind, &key));
    assert_true(souk_head_parse_name((struct souk_bytes){ names[2], SOUK_HEAD_NAME }, &number));
    assert_int_equal(number, 8);
    assert_false(souk_head_parse_name((struct souk_bytes){ names[1], SOUK_TABLE_NAME }, &number));
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
        cmocka_unit_test(a_head_reads_back),
        cmocka_unit_test(names_ascend),
        cmocka_unit_test(a_table_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
