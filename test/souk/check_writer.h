/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/check_writer.h -- writes journals by hand, as no node would, for the tests of the checker. */
#ifndef TEST_SOUK_CHECK_WRITER_H
#define TEST_SOUK_CHECK_WRITER_H

#include "cell/batch.h"
#include "store/journal.h"

enum { WRITER_ACTORS = 64 };

/* A journal being written: batches of turns, each batch a group of its own. Any failure ends the test program. */
struct writer {
    souk_journal *journal; /* Borrowed. */
    struct souk_secret secret;
    souk_memory *memory;
    souk_heap *heap;
    struct souk_batch batch;
    struct souk_link link;
    uint64_t position, began_ms, now_ms;
    souk_ref actors[WRITER_ACTORS];
    uint32_t actors_count, sends;
};

/* Begins a journal that is empty. The clock stands at 1000000 and is moved by hand. */
void writer_open(struct writer *w, souk_journal *journal, struct souk_secret secret);
void writer_close(struct writer *w);

/* A turn of an actor, caused by a message of an earlier batch; position 0: by none. */
void writer_turn(struct writer *w, souk_ref actor, struct souk_id cause);
/* An event of that turn. */
void writer_event(struct writer *w, const struct souk_row *row, const void *body);
#define EVENT(w, event, ...) writer_event((w), &event##_event, &(struct event){ __VA_ARGS__ })
/* A message that stays under way; `m` is its envelope, the body follows the row. Its id. */
struct souk_id writer_send(struct writer *w, struct souk_message m, const struct souk_layout *layout, const void *body);
#define SEND(w, ref, command, ...)                                                                            \
    writer_send((w), (struct souk_message){ .class = SOUK_TELL, .to = (ref), .tag = command##_tag,            \
                                            .time_ms = (w)->now_ms },                                         \
                souk_layout_of_##command, &(struct command){ __VA_ARGS__ })
void writer_opened(struct writer *w, souk_ref actor, uint32_t number, uint32_t reply, uint64_t due_ms);
void writer_closed(struct writer *w, souk_ref actor, uint32_t number);
/* Ends the batch and appends it. */
void writer_commit(struct writer *w);

/* Keys under the journal's secret. */
souk_key writer_key_of(const struct writer *w, struct souk_text id);
souk_key writer_key_pair(const struct writer *w, souk_key first, souk_key second);

#endif
