/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/test_journal.c -- `souk journal` on journals that no node would write: what is unknown is shown with a
 * note, what is damaged is found, and where. test_journal.py has a real one. */
#include "check_story.h"
#include "souk/address_parts.h"
#include "souk/journal_inside.h"

#include "work/checkpoint.h"
#include "work/past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
/* cmocka wants setjmp, stdarg, stddef and stdlib above it. */
#include <cmocka.h>

/* A journal and a vault in memory, and what was said of them. */
struct shelf {
    struct stage stage;
    struct story *story;
    struct journal_source source;
    char said[64 << 10], why[JOURNAL_WHY];
    size_t length;
    uint64_t durable;
};

static int
set_up(void **state)
{
    struct shelf *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->story = stage_begin(&s->stage, 10, 0);
    s->source.journal = s->story->w.journal;
    assert_int_equal(souk_memory_store_vault(s->stage.store, &s->source.vault), SOUK_OK);
    *state = s;
    return 0;
}

static int
tear_down(void **state)
{
    struct shelf *s = *state;
    stage_end(&s->stage);
    free(s);
    return 0;
}

static bool
hear(void *arg, struct souk_text text)
{
    struct shelf *s = arg;
    assert_true(s->length + text.length < sizeof s->said);
    memcpy(s->said + s->length, text.at, text.length);
    s->length += text.length;
    s->said[s->length] = 0;
    return true;
}

static int
say(struct shelf *s, struct journal_said said)
{
    struct journal_wanted wanted;
    struct journal_out *out;
    s->length = 0;
    s->said[0] = 0;
    if (!journal_want(&said, &s->story->w.secret, &wanted, s->why, sizeof s->why)) return EX_USAGE;
    assert_true(journal_out_open(&out, hear, s));
    int status = journal_run(&wanted, &s->source, out, s->why);
    journal_out_close(&out);
    return status;
}
#define SAY(s, word_, ...) say((s), (struct journal_said){ .word = (word_), __VA_ARGS__ })

/* Verify ends so, with these words. */
static void
finds(struct shelf *s, const char *words)
{
    assert_int_equal(SAY(s, JOURNAL_VERIFY), EX_DATAERR);
    if (!strstr(s->why, words)) fail_msg("\"%s\" is not in \"%s\"", words, s->why);
    assert_string_equal(s->said, "");
}

static void
shows(const struct shelf *s, const char *words)
{
    if (strstr(s->said, words)) return;
    fprintf(stderr, "%s", s->said);
    fail_msg("%s is not in it", words);
}

static void
sound(struct shelf *s)
{
    int status = SAY(s, JOURNAL_VERIFY);
    if (status) fail_msg("%s", s->why);
    assert_ptr_equal(strstr(s->said, "sound: "), s->said);
}

/* ---- What is right. ---- */

static void
a_right_one_is_sound(void **state)
{
    struct shelf *s = *state;
    story_buy(s->story, 1, 2, ORDER_CARD);
    story_buy(s->story, 2, 3, ORDER_CREDIT);
    sound(s);
    shows(s, " up to position 3, where the chain's link is ");
    assert_int_equal(SAY(s, JOURNAL_CAT), EX_OK);
    assert_null(strstr(s->said, "\"note\""));
    shows(s, "\"event\":\"stock_reserved\"");
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "stock", .key = "sale,sku", .json = "1"), EX_OK);
    shows(s, "\"units\":10,\"free\":5,\"held\":0,\"sold\":5,");
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "stock", .key = "sale,sku", .at = "2"), EX_OK);
    shows(s, "\n  \"free\":8\n");
}

static void
an_empty_one_too(void **state)
{
    struct shelf *s = *state;
    struct souk_memory_store *store = souk_memory_store_open();
    struct journal_source source = s->source;
    assert_int_equal(souk_memory_store_journal(store, &s->source.journal), SOUK_OK);
    assert_int_equal(SAY(s, JOURNAL_VERIFY), EX_OK);
    assert_string_equal(s->said, "sound: 0 groups, 0 batches, 0 steps, 0 bytes; 0 snapshots\n");
    assert_int_equal(SAY(s, JOURNAL_CAT), EX_OK);
    assert_string_equal(s->said, "");
    assert_int_equal(SAY(s, JOURNAL_STATS), EX_OK);
    assert_string_equal(s->said, "0 bytes in 0 batches and 0 groups, up to position 0\n");
    assert_int_equal(SAY(s, JOURNAL_STATS, .json = "1"), EX_OK);
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "sale", .key = "sale"), JOURNAL_NOBODY);
    s->source = source;
    souk_memory_store_close(&store);
}

/* ---- Messages of each class. ---- */

static void
messages_are_shown(void **state)
{
    struct shelf *s = *state;
    struct writer *w = &s->story->w;
    souk_ref order = story_order(s->story, 1), book = story_book(s->story, BOOK_SALES);
    souk_asker asker = { order.key, order.kind, 7 };
    const struct account_post post = { .amount = -5, .currency = SOUK_TEXT("EUR") };
    const struct order_placed placed = { .customer = SOUK_TEXT("c") };
    writer_turn(w, order, (struct souk_id){ 0 });
    struct souk_message m = { .class = SOUK_ASK, .to = book, .tag = account_post_tag, .time_ms = w->now_ms,
                              .asker = asker };
    struct souk_id asked = writer_send(w, m, souk_layout_of_account_post, &post);
    m = (struct souk_message){ .class = SOUK_OUTCOME, .to = order, .time_ms = w->now_ms, .asker = asker,
                               .ending = SOUK_REFUSED, .refusal = payment_declined };
    writer_send(w, m, NULL, NULL);
    m.refusal = 4242;
    writer_send(w, m, souk_layout_of_account_post, &post);
    m = (struct souk_message){ .class = SOUK_CALL, .to = { 2, { 5, 6 } }, .time_ms = w->now_ms, .asker = asker,
                               .tag = order_entered_tag, .due_ms = 99 };
    writer_send(w, m, souk_layout_of_order_placed, &placed); /* No operation of any port. */
    story_batch(s->story);
    writer_turn(w, book, asked);
    souk_batch_dead(&w->batch, w->heap, 3);
    souk_batch_attempt(&w->batch, w->heap, (struct souk_id){ 2, 1 }, 2);
    story_batch(s->story);
    assert_int_equal(SAY(s, JOURNAL_CAT, .from = "2"), EX_OK);
    shows(s, "\"class\":\"ask\",\"message\":\"account_post\",\"asker\":{\"kind\":\"order\",\"key\":\"");
    shows(s, "\"number\":7,\"ending\":\"refused\",\"refusal\":\"payment_declined\",\"body\":null}");
    shows(s, "\"ending\":\"refused\",\"refusal\":4242,\"body\":[-5,\"EUR\"");
    shows(s, "\"port\":2,\"call\":\"00000000000000050000000000000006\",\"reply\":\"order_entered\",\"due_ms\":99,");
    shows(s, "\"operation\":\"order_placed\",\"body\":[\"c\",");
    shows(s, "\"note\":\"this program lacks the operation\"}");
    shows(s, "\"what\":\"turn\",\"ms\":1000000,\"time\":\"1970-01-01T00:16:40.000Z\",\"kind\":\"account\"");
    shows(s, "\"cause\":{\"position\":2,\"ordinal\":0}}");
    shows(s, "\"kind\":\"account\",\"key\":\"");
    shows(s, "\"attempts\":3}");
    shows(s, "\"what\":\"attempt\",\"ms\":1000000,\"time\":\"1970-01-01T00:16:40.000Z\","
             "\"message\":{\"position\":2,\"ordinal\":1},\"attempt\":2}");
    finds(s, "a port call that doesn't fit its table at position 2");
    assert_int_equal(SAY(s, JOURNAL_STATS, .json = "1"), EX_OK);
    shows(s, "\"attempt\":{\"count\":1,\"bytes\":4},\"dead\":{\"count\":1,\"bytes\":2}");
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "order", .key = "c1,k", .json = "1"), EX_OK);
    shows(s, "\"waiting\":[{\"position\":2,\"ordinal\":1,\"class\":\"outcome\"},{\"position\":2,\"ordinal\":2,");
}

/* ---- What this program doesn't know. ---- */

static void
an_unknown_kind(void **state)
{
    struct shelf *s = *state;
    struct writer *w = &s->story->w;
    const struct sale_numbered body = { .number = 9 };
    writer_turn(w, (souk_ref){ 50, { 1, 2 } }, (struct souk_id){ 0 });
    EVENT(w, sale_numbered, .number = 9);
    writer_send(w, (struct souk_message){ .class = SOUK_TELL, .to = { 51, { 3, 4 } }, .tag = 5, .time_ms = w->now_ms },
                souk_layout_of_sale_numbered, &body);
    writer_opened(w, (souk_ref){ 50, { 1, 2 } }, 1, 8, 99);
    story_batch(s->story);
    assert_int_equal(SAY(s, JOURNAL_CAT, .kind = "50"), EX_OK);
    char line[160];
    snprintf(line, sizeof line, "\"kind\":50,\"key\":\"00000000000000010000000000000002\",\"event\":%u,\"body\":[9],"
             "\"note\":\"this program lacks the kind\"}", sale_numbered_event.tag);
    shows(s, line);
    shows(s, "\"number\":1,\"reply\":8,");
    assert_null(strstr(s->said, "\"kind\":51"));
    assert_int_equal(SAY(s, JOURNAL_CAT, .kind = "51"), EX_OK);
    shows(s, "\"class\":\"command\",\"message\":5,\"body\":[9],\"note\":\"this program lacks the kind\"}");
    finds(s, "the journal has actors of kind 50, which this program lacks, at position 2");
    assert_int_equal(SAY(s, JOURNAL_STATS), EX_OK);
    shows(s, "\n  kind 50 ");
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "50", .key = "00000000000000010000000000000002"), EX_USAGE);
}

static void
an_unknown_message(void **state)
{
    struct shelf *s = *state;
    struct writer *w = &s->story->w;
    const struct sale_numbered body = { .number = 9 };
    struct souk_row row = sale_numbered_event;
    row.tag = 60;
    writer_turn(w, s->story->sale, (struct souk_id){ 0 });
    writer_event(w, &row, &body);
    story_batch(s->story);
    assert_int_equal(SAY(s, JOURNAL_CAT, .from = "2", .events_only = "1"), EX_OK);
    shows(s, "\"event\":60,\"body\":[9],\"note\":\"this program lacks the message\"}");
    finds(s, "the journal has an event 60, which this program lacks, at position 2");
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "sale", .key = "sale"), EX_DATAERR);
    assert_non_null(strstr(s->why, "its events cannot be applied any more at position 2"));
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "sale", .key = "sale", .at = "1"), EX_OK);
}

/* A body that is another's, and bytes that are none. */
static void
bodies_that_do_not_fit(void **state)
{
    struct shelf *s = *state;
    struct writer *w = &s->story->w;
    const struct sale_numbered body = { .number = 9 };
    struct souk_row row = stock_opened_event;
    row.layout = sale_numbered_event.layout;
    writer_turn(w, s->story->stock, (struct souk_id){ 0 });
    writer_event(w, &row, &body);
    memcpy(souk_batch_event(&w->batch, w->heap, stock_opened_event.tag, 2), "\xc1\xff", 2);
    story_batch(s->story);
    assert_int_equal(SAY(s, JOURNAL_CAT, .from = "2"), EX_OK);
    shows(s, "\"event\":\"stock_opened\",\"body\":[9],\"note\":\"the body does not fit its table\"}");
    shows(s, "\"body\":\"c1ff\",\"note\":\"the body does not fit its table\"}");
    finds(s, "an event that doesn't fit its table at position 2");
}

/* ---- What is damaged. ---- */

static void
a_step_that_makes_no_sense(void **state)
{
    struct shelf *s = *state;
    struct writer *w = &s->story->w;
    souk_batch_turn(&w->batch, w->heap, 3, (struct souk_id){ 0 }, 0); /* There is no such actor. */
    story_batch(s->story);
    finds(s, "a turn of nobody at position 2");
    assert_int_equal(SAY(s, JOURNAL_CAT), EX_DATAERR);
    assert_non_null(strstr(s->why, "a batch that cannot be read at position 2"));
    shows(s, "\"position\":1,");
}

static void
a_turn_before_its_cause(void **state)
{
    struct shelf *s = *state;
    writer_turn(&s->story->w, s->story->sale, (struct souk_id){ 7, 0 });
    story_batch(s->story);
    finds(s, "a turn before its cause at position 2");
}

static void
a_chain_that_is_broken(void **state)
{
    struct shelf *s = *state;
    story_buy(s->story, 1, 1, ORDER_CREDIT);
    s->story->w.link.low ^= 1;
    story_buy(s->story, 2, 1, ORDER_CREDIT);
    story_buy(s->story, 3, 1, ORDER_CREDIT);
    finds(s, "the journal is damaged: a broken chain at position 3");
    assert_int_equal(SAY(s, JOURNAL_CAT, .from = "3"), EX_OK); /* What it begins with, it must believe. */
}

static void
any_bit_that_is_flipped(void **state)
{
    struct shelf *s = *state;
    story_buy(s->story, 1, 1, ORDER_CREDIT);
    sound(s);
    for (uint64_t bit = 0; bit < 8 * 600; bit += 7) {
        assert_true(souk_memory_store_flip(s->stage.store, 2, bit));
        assert_int_equal(SAY(s, JOURNAL_VERIFY), EX_DATAERR);
        assert_true(*s->why);
        assert_int_not_equal(SAY(s, JOURNAL_CAT), EX_OK);
        assert_int_not_equal(SAY(s, JOURNAL_STATE, .kind = "sale", .key = "sale"), EX_OK);
        assert_int_not_equal(SAY(s, JOURNAL_STATS), EX_OK);
        assert_true(souk_memory_store_flip(s->stage.store, 2, bit));
    }
    sound(s);
}

/* ---- The vault. ---- */

static void
put(struct shelf *s, const void *name, size_t name_length, const void *value, size_t length)
{
    const struct souk_vault_entry entry = { { name, name_length }, { value, length } };
    assert_int_equal(s->source.vault->ops->put(s->source.vault, &entry, 1), SOUK_OK);
}

static void
put_marker(struct shelf *s, const struct souk_marker *m)
{
    uint8_t marker[SOUK_MARKER_BYTES];
    souk_marker_write(marker, m);
    put(s, "m", 1, marker, sizeof marker);
}

static void
the_marker(void **state)
{
    struct shelf *s = *state;
    story_buy(s->story, 1, 1, ORDER_CREDIT);
    struct souk_marker marker = { .number = 1, .position = 2, .link = s->story->w.link };
    put_marker(s, &marker);
    sound(s);
    shows(s, ", a checkpoint at position 2\n");
    marker.position = 1;
    put_marker(s, &marker);
    finds(s, "another history than the checkpoint's at position 1");
    marker.position = 3;
    put_marker(s, &marker);
    finds(s, "it ends before the checkpoint at position 2");
    put(s, "m", 1, "nothing", 7);
    finds(s, "the checkpoint's marker cannot be read");
    uint8_t old[41] = { 1 }; /* Of an earlier version, which nobody uses any more. */
    souk_store_be64_(old + 33, souk_hash_link((struct souk_link){ 0, 0 }, old, 33).low);
    put(s, "m", 1, old, sizeof old);
    sound(s);
    shows(s, "; 0 snapshots, not looked at: an earlier version's, and no longer used\n");
}

/* The snapshot of a sale without a past, under that number, up to that position. */
static void
put_snapshot(struct shelf *s, uint64_t number, uint32_t kind, uint64_t position, size_t less)
{
    struct souk_past past;
    uint8_t name[SOUK_SNAPSHOT_NAME], value[512];
    souk_past_open(&past, s->story->w.heap, &sale_kind, s->story->sale.key);
    past.cell->position = position;
    size_t length = souk_snapshot_size(past.cell);
    assert_true(length <= sizeof value);
    souk_snapshot_write(past.cell, value, length);
    souk_past_close(&past);
    souk_snapshot_name(name, number, kind, s->story->sale.key);
    put(s, name, sizeof name, value, length - less);
}

static void
remove_snapshot(struct shelf *s, uint64_t number, uint32_t kind)
{
    uint8_t name[SOUK_SNAPSHOT_NAME];
    souk_snapshot_name(name, number, kind, s->story->sale.key);
    put(s, name, sizeof name, NULL, 0);
}

/* The head of a put with one snapshot, of that checkpoint, and with so many tables; its sum. It is the last one. */
static uint64_t
put_head(struct shelf *s, uint64_t number, struct souk_head head, const struct souk_index_row *row)
{
    uint8_t name[SOUK_HEAD_NAME], value[SOUK_HEAD_BYTES + 2 + SOUK_ROW_BYTES], *at;
    head.rows = 1;
    at = souk_head_put(value, &head);
    if (head.tables) at = souk_head_put_table(at, 7);
    at = souk_head_put_row(at, row);
    souk_head_name(name, number);
    put(s, name, sizeof name, value, (size_t)(at - value));
    return souk_index_sum(row);
}

static void
snapshots(void **state)
{
    struct shelf *s = *state;
    struct souk_head head = { .position = 1, .link = s->story->w.link };
    struct souk_index_row row = { .name = 1, .position = 1, .actor = s->story->sale };
    put_head(s, 1, head, &row);
    finds(s, "the vault is damaged: 1 of 1 actors have lost their snapshots");
    put_snapshot(s, 1, sale_kind_number, 1, 0);
    sound(s);
    shows(s, "; 1 snapshots\n");
    put_snapshot(s, 1, sale_kind_number, 2, 0);
    finds(s, "the vault is damaged: the snapshot of sale ");
    assert_non_null(strstr(s->why, " is from beyond the journal's end"));
    put_snapshot(s, 1, sale_kind_number, 1, 3);
    finds(s, " cannot be read");
    put_snapshot(s, 1, sale_kind_number, 1, 0);
    put_snapshot(s, 3, sale_kind_number, 1, 0);
    finds(s, "its last put is not whole");
    head.before = 1;
    put_head(s, 4, head, &row);
    finds(s, " is listed nowhere");
    row.name = 3;
    put_head(s, 4, head, &row);
    sound(s); /* The older one may stay, or go. */
    remove_snapshot(s, 1, sale_kind_number);
    sound(s);
    put_snapshot(s, 2, 50, 1, 0);
    finds(s, "the vault has actors of kind 50, which this program lacks");
    remove_snapshot(s, 2, 50);
    put(s, "c\0\0\0\0\0\0\0", 9, "", 0); /* Before all others. */
    finds(s, "it has a snapshot of nobody");
}

static void
the_heads(void **state)
{
    struct shelf *s = *state;
    struct souk_head head = { .position = 1, .link = s->story->w.link };
    struct souk_index_row row = { .name = 1, .position = 1, .actor = s->story->sale };
    struct souk_marker marker = { .number = 1, .position = 1, .link = head.link, .head = 2, .rows = 1 };
    put_snapshot(s, 1, sale_kind_number, 1, 0);
    put_marker(s, &marker);
    finds(s, "its last put is not whole, or not there");
    marker.sum = put_head(s, 2, head, &row);
    put_marker(s, &marker);
    sound(s);
    marker.rows = 2;
    put_marker(s, &marker);
    finds(s, "it lists 1 of 2 snapshots, or others");
    marker.rows = 1;
    marker.sum++;
    put_marker(s, &marker);
    finds(s, "it lists 1 of 1 snapshots, or others");
    marker.sum--;
    put_marker(s, &marker);
    row.position = 3;
    head.before = 2;
    put_head(s, 4, head, &row);
    finds(s, "put 4 has a snapshot from beyond what was durable");
    row.position = 1;
    head.link.low ^= 1;
    put_head(s, 4, head, &row);
    finds(s, "another history than the checkpoint's at position 1");
    head.link.low ^= 1;
    head.position = 2;
    put_head(s, 4, head, &row);
    finds(s, "it ends before the checkpoint at position 1");
    head.position = 1;
    head.before = 3;
    put_head(s, 4, head, &row);
    finds(s, "the head of put 3 is missing");
    head.before = 4;
    put_head(s, 4, head, &row);
    finds(s, "the head of put 4 cannot be read");
    head.before = 2;
    put_head(s, 4, head, &row);
    sound(s);
}

/* A table of shard 7 in put 2, with one message of that tag and body. */
static void
put_table(struct shelf *s, uint64_t position, const struct souk_row *row, const void *body)
{
    struct writer *w = &s->story->w;
    struct souk_batch batch = { .at = NULL };
    uint8_t name[SOUK_TABLE_NAME];
    size_t length = row->layout->encoded(body);
    struct souk_message *m = souk_message_new(w->heap, SOUK_TELL, length);
    m->to = s->story->sale;
    m->tag = row->tag;
    m->id = (struct souk_id){ 1, 0 };
    row->layout->put(m->body, body);
    souk_batch_begin(&batch, w->heap);
    souk_batch_outstanding(&batch, w->heap, m);
    souk_batch_seal(&batch, 0, position, w->now_ms);
    (void)souk_batch_chain(batch.at, (struct souk_link){ 0, 0 });
    souk_message_free(w->heap, m);
    souk_table_name(name, 2, 7);
    put(s, name, sizeof name, batch.at, batch.length);
}

static void
the_tables(void **state)
{
    struct shelf *s = *state;
    struct souk_head head = { .checkpoint = 1, .position = 1, .link = s->story->w.link, .tables = 1 };
    struct souk_index_row row = { .name = 1, .position = 1, .actor = s->story->sale };
    struct souk_marker marker = { .number = 1, .position = 1, .link = head.link, .head = 2, .rows = 1, .tables = 1 };
    const struct sale_close closing = { 0 };
    const struct sale_numbered event = { .number = 9 };
    put_snapshot(s, 1, sale_kind_number, 1, 0);
    marker.sum = put_head(s, 2, head, &row);
    put_marker(s, &marker);
    finds(s, "the vault is damaged: a table of put 2 is missing");
    put_table(s, 1, &sale_close_command, &closing);
    sound(s);
    put_table(s, 2, &sale_close_command, &closing);
    finds(s, "the table of shard 7 cannot be read");
    struct souk_row open = sale_open_command;
    open.layout = sale_numbered_event.layout;
    put_table(s, 1, &open, &event);
    finds(s, "the table of shard 7 has a message 1.0 that doesn't fit");
    marker.number = 2; /* Now it is another's. */
    put_marker(s, &marker);
    finds(s, "it has 0 of 1 tables");
    marker.tables = 0;
    put_marker(s, &marker);
    sound(s);
}

/* ---- A node that runs. ---- */

static uint64_t
durable(void *arg)
{
    return ((struct shelf *)arg)->durable;
}

static bool
stop(void *arg SOUK_UNUSED)
{
    return false;
}

static void
only_what_is_durable_is_read(void **state)
{
    struct shelf *s = *state;
    story_buy(s->story, 1, 1, ORDER_CREDIT);
    s->story->w.link.low ^= 1;
    story_buy(s->story, 2, 1, ORDER_CREDIT);
    s->source.durable = durable;
    s->source.arg = s;
    s->durable = 2;
    sound(s);
    shows(s, " 2 batches, ");
    assert_int_equal(SAY(s, JOURNAL_STATE, .kind = "order", .key = "c2,k"), JOURNAL_NOBODY);
    s->durable = 3;
    finds(s, "a broken chain at position 3");
    s->source.goes_on = stop;
    for (unsigned word = 0; word < JOURNAL_WORDS; word++) {
        assert_int_equal(SAY(s, (enum journal_word)word, .kind = word == JOURNAL_STATE ? "sale" : NULL,
                             .key = word == JOURNAL_STATE ? "sale" : NULL), EX_UNAVAILABLE);
        assert_string_equal(s->why, "this was ended before its end");
    }
}

/* ---- Keys as people write them. ---- */

static void
keys_are_read(void **state)
{
    struct shelf *s = *state;
    const struct souk_secret *secret = &s->story->w.secret;
    struct souk_text parts[SOUK_ADDRESS_PARTS];
    char room[64];
    souk_key key;
    assert_int_equal(souk_address_split(SOUK_TEXT("a\\,b,c\\\\,\\d"), room, parts), 3);
    assert_true(souk_text_equal(parts[0], SOUK_TEXT("a,b")));
    assert_true(souk_text_equal(parts[1], SOUK_TEXT("c\\")));
    assert_true(souk_text_equal(parts[2], SOUK_TEXT("\\d")));
    assert_int_equal(souk_address_split(SOUK_TEXT(""), room, parts), 1);
    assert_int_equal(parts[0].length, 0);
    assert_int_equal(souk_address_split(SOUK_TEXT("a,b,c,d,e"), room, parts), 0);
    assert_true(souk_address_read(secret, &sale_kind, SOUK_TEXT("sale"), &key));
    assert_true(souk_key_equal(key, s->story->sale.key));
    assert_true(souk_address_read(secret, &order_kind, SOUK_TEXT("c1,k"), &key));
    assert_true(souk_key_equal(key, story_order(s->story, 1).key));
    assert_true(souk_address_read(secret, &stock_kind, SOUK_TEXT("00000000000000010000000000000002"), &key));
    assert_true(souk_key_equal(key, (souk_key){ 1, 2 }));
    assert_false(souk_address_read(secret, &stock_kind, SOUK_TEXT("sale"), &key));
    assert_false(souk_address_read(secret, &sale_kind, SOUK_TEXT("sa le"), &key));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_right_one_is_sound), T(an_empty_one_too), T(messages_are_shown), T(an_unknown_kind), T(an_unknown_message),
        T(bodies_that_do_not_fit), T(a_step_that_makes_no_sense), T(a_turn_before_its_cause),
        T(a_chain_that_is_broken), T(any_bit_that_is_flipped), T(the_marker), T(snapshots), T(the_heads), T(the_tables),
        T(only_what_is_durable_is_read), T(keys_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
