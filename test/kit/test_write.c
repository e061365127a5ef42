/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/test_write.c -- what the kit prints of a message can be compiled: each text here is also the code that made
 * the message. And that all types are drawn, fit their tables, and end when they are made simpler. */
#include "node/kitrandom.h"
#include "till.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

/* ---- A kind with all types. ---- */

#define MOTLEY_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                              \
    RECORD(motley_pair, F(1, key, who) F(2, u32, units) O(3, text, note))                                 \
    COMMAND(1, motley_take, public, F(1, bool, yes) F(2, u32, small) F(3, u64, large) F(4, i64, money)    \
            F(5, key, who) F(6, text, name) F(7, bytes, raw) F(8, asker, asks) F(9, motley_pair, pair)    \
            L(10, u32, sizes, 8) L(11, key, keys, 2) L(12, text, words, 3) L(13, motley_pair, pairs, 400) \
            O(14, u64, until_ms) O(15, motley_pair, other))                                               \
    EVENT(1, motley_taken, F(1, u32, small))
SOUK_PROTOCOL(motley, 23, MOTLEY_TABLE);

#define MOTLEY_STATE(F, L, M) F(1, u32, small)
SOUK_STATE(motley, MOTLEY_STATE);

static souk_verdict
decide_motley_take(const struct motley *m SOUK_UNUSED, const struct motley_take *c, souk_turn *turn)
{
    souk_emit(turn, motley_taken, .small = c->small);
    return SOUK_ACCEPT;
}

static void
apply_motley_taken(struct motley *m, const struct motley_taken *e)
{
    m->small = e->small;
}

static void
check_motley(const struct motley *m SOUK_UNUSED)
{
}

SOUK_ACTOR(motley, MOTLEY_TABLE);

/* ---- Writing. ---- */

static void
assert_written(souk_kit *kit, const struct motley_take *m, const char *wanted)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    souk_kit_write(out, souk_layout_of_motley_take, m, souk_kit_self(kit).key, "");
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

#define SAME(kit, ...) assert_written((kit), &(struct motley_take){ __VA_ARGS__ }, #__VA_ARGS__)

static void
what_is_written_is_what_it_was_made_of(void **state SOUK_UNUSED)
{
    souk_kit *kit = souk_kit_open(&motley_kind, "m");
    SAME(kit, .yes = true, .small = 4294967295, .large = 18446744073709551615u, .money = INT64_MIN,
         .who = souk_kit_self(kit).key, .name = SOUK_TEXT("a \"b\" \\ \077 \303\251 1"), .raw = { "\000\001\377x", 4 },
         .asks = { { 1u, 2u }, 3, 4 }, .pair = { .who = { 0x0000000000000001, 0xffffffffffffffff }, .units = 1 },
         .sizes = { (const uint32_t[]){ 1, 2 }, 2 }, .keys = { (const souk_key[]){ souk_kit_id(1) }, 1 },
         .words = { (const struct souk_text[]){ SOUK_TEXT("x"), SOUK_TEXT("") }, 2 },
         .pairs = { (const struct motley_pair[]){ { .who = souk_kit_id(2), .units = 0, .note = SOUK_TEXT("n"),
                                                    .has_note = true } }, 1 },
         .until_ms = 9223372036854775807, .has_until_ms = true,
         .other = { .who = souk_kit_id(3), .units = 7 }, .has_other = true);
    SAME(kit, .yes = false, .small = 0, .large = 0, .money = -1, .who = souk_kit_id(0), .name = SOUK_TEXT(""),
         .raw = { "", 0 }, .asks = { { 0u, 0u }, 0, 0 }, .pair = { .who = souk_kit_id(0), .units = 0 },
         .sizes = { NULL, 0 }, .keys = { NULL, 0 }, .words = { NULL, 0 }, .pairs = { NULL, 0 });
    souk_kit_close(&kit);
}

static void
a_sequence_is_written_as_a_test(void **state SOUK_UNUSED)
{
    struct till_count count;
    struct till_show show = { .printed_min = 2 };
    struct till_receipt receipt = { 1, -5 };
    const struct souk_kit_random options = { .kind = &till_kind, .id = "shop,1" };
    struct souk_kit_runner r = { .options = &options, .memory = souk_memory_open() };
    r.heap = souk_heap_open(r.memory);
    r.scratch = souk_heap_alloc(r.heap, SOUK_SCRATCH_BYTES);
    struct souk_kit_step steps[] = {
        { .act = SOUK_KIT_SAY, .row = &till_count_command, .layout = souk_layout_of_till_count,
          .body = souk_kit_encode(r.heap, souk_layout_of_till_count, &count) },
        { .act = SOUK_KIT_SAY, .row = &till_show_query, .layout = souk_layout_of_till_show,
          .body = souk_kit_encode(r.heap, souk_layout_of_till_show, &show) },
        { .act = SOUK_KIT_SAY, .row = &till_sell_command, .broken = true, .layout = souk_layout_of_till_sell,
          .body = { "\x91", 1 } },
        { .act = SOUK_KIT_PASS, .ms = 17 },
        { .act = SOUK_KIT_END, .reply = till_counted_tag, .ending = SOUK_DONE, .layout = souk_layout_of_till_receipt,
          .body = souk_kit_encode(r.heap, souk_layout_of_till_receipt, &receipt) },
        { .act = SOUK_KIT_END, .reply = till_printed_tag, .ending = SOUK_DONE },
        { .act = SOUK_KIT_END, .reply = till_printed_tag, .ending = SOUK_REFUSED, .refusal = SOUK_OVERLOADED },
        { .act = SOUK_KIT_END, .reply = till_counted_tag, .ending = SOUK_REFUSED, .refusal = till_closed },
        { .act = SOUK_KIT_END, .reply = till_counted_tag, .ending = SOUK_LATE },
        { .act = SOUK_KIT_END, .reply = till_counted_tag, .ending = SOUK_DEAD },
    };
    struct souk_kit_tape tape = { steps, sizeof steps / sizeof *steps, 0 };
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    souk_kit_tape_write(&r, out, &tape);
    fclose(out);
    assert_string_equal(text.at, "    souk_kit *kit = souk_kit_open(&till_kind, \"shop,1\");\n"
                                 "    SOUK_WHEN(kit, till_count);\n"
                                 "    SOUK_WHEN_QUERIED(kit, till_show, .printed_min = 2);\n"
                                 "    SOUK_WHEN_BYTES(kit, till_sell, \"\\221\", 1);\n"
                                 "    SOUK_WHEN_PASSED(kit, 17);\n"
                                 "    SOUK_WHEN_ANSWERED(kit, till_counted, till_receipt, .number = 1, .total = -5);\n"
                                 "    SOUK_WHEN_DONE(kit, till_printed);\n"
                                 "    SOUK_WHEN_REFUSED(kit, till_printed, SOUK_OVERLOADED);\n"
                                 "    SOUK_WHEN_REFUSED(kit, till_counted, till_closed);\n"
                                 "    SOUK_WHEN_LATE(kit, till_counted);\n"
                                 "    SOUK_WHEN_DEAD(kit, till_counted);\n"
                                 "    souk_kit_close(&kit);\n");
    free(text.at);
    souk_memory_close(&r.memory);
}

/* ---- Drawing, and the way down. ---- */

static void
all_that_is_drawn_fits_and_can_be_made_nothing(void **state SOUK_UNUSED)
{
    struct souk_kit_pool pool = { .world.chance = 5, .keys = { { 1, 1 }, { 2, 2 } }, .keys_count = 2, .anybody = true };
    static uint8_t scratch_memory[1 << 18], body[1 << 18];
    unsigned capped = 0, none = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct souk_scratch scratch = { scratch_memory, scratch_memory + sizeof scratch_memory };
        struct motley_take m, back;
        souk_kit_draw(&pool, souk_layout_of_motley_take, &m, &scratch);
        capped += m.pairs.count == 400;
        none += souk_key_none(m.who);
        size_t length = souk_layout_of_motley_take->encoded(&m);
        assert_true(length <= sizeof body);
        assert_ptr_equal(souk_layout_of_motley_take->put(body, &m), body + length);
        static uint8_t more_memory[1 << 18];
        struct souk_scratch more = { more_memory, more_memory + sizeof more_memory };
        struct souk_reader in = { .at = body, .end = body + length, .scratch = &more };
        assert_true(souk_layout_of_motley_take->get(&in, &back));
        if (i >= 100) continue;
        unsigned ways = 0;
        for (double weight = souk_kit_weight(souk_layout_of_motley_take, &m), next;
             souk_kit_simplify(souk_layout_of_motley_take, &m, 0); weight = next, ways++) {
            next = souk_kit_weight(souk_layout_of_motley_take, &m);
            assert_true(next < weight || weight > 1e15); /* Beyond, a double doesn't tell. */
            assert_true(ways < 20000);
        }
        assert_true(m.pairs.count == 0 && !m.has_other && !m.money && !m.large && !m.name.length && !m.yes);
    }
    assert_true(capped > 20 && none > 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_it_was_made_of),
        cmocka_unit_test(a_sequence_is_written_as_a_test),
        cmocka_unit_test(all_that_is_drawn_fits_and_can_be_made_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
