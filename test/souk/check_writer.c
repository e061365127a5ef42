/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/check_writer.c -- see check_writer.h. */
#include "check_writer.h"

#include "work/partition.h"

void
writer_open(struct writer *w, souk_journal *journal, struct souk_secret secret)
{
    *w = (struct writer){ .journal = journal, .secret = secret, .now_ms = 1000000, .began_ms = 1000000 };
    w->memory = souk_memory_open();
    souk_assert(w->memory);
    w->heap = souk_heap_open(w->memory);
    journal->ops->begin(journal, 0);
    souk_batch_begin(&w->batch, w->heap);
}

void
writer_close(struct writer *w)
{
    souk_memory_close(&w->memory);
}

static uint32_t
entry(struct writer *w, souk_ref actor)
{
    for (uint32_t i = 0; i < w->actors_count; i++)
        if (w->actors[i].kind == actor.kind && souk_key_equal(w->actors[i].key, actor.key)) return i;
    souk_assert(w->actors_count < WRITER_ACTORS);
    souk_batch_actor(&w->batch, w->heap, actor.kind, actor.key);
    w->actors[w->actors_count] = actor;
    return w->actors_count++;
}

void
writer_turn(struct writer *w, souk_ref actor, struct souk_id cause)
{
    uint32_t index = entry(w, actor);
    souk_batch_turn(&w->batch, w->heap, index, cause, w->now_ms - w->began_ms);
}

void
writer_event(struct writer *w, const struct souk_row *row, const void *body)
{
    size_t length = row->layout->encoded(body);
    uint8_t *at = souk_batch_event(&w->batch, w->heap, row->tag, length);
    const uint8_t *end = row->layout->put(at, body);
    souk_assert(end == at + length);
}

struct souk_id
writer_send(struct writer *w, struct souk_message m, const struct souk_layout *layout, const void *body)
{
    size_t length = layout ? layout->encoded(body) : 0;
    struct souk_text name = m.class == SOUK_CALL ? souk_text_of(layout->name) : (struct souk_text){ NULL, 0 };
    size_t head = m.class == SOUK_CALL ? souk_size_text(&name) : 0;
    struct souk_message *sent = souk_message_new(w->heap, SOUK_TELL, head + length);
    *sent = m;
    sent->length = (uint32_t)(head + length);
    if (head) souk_put_text(sent->body, &name);
    if (layout) layout->put(sent->body + head, body);
    souk_batch_send(&w->batch, w->heap, sent);
    souk_message_free(w->heap, sent);
    return (struct souk_id){ w->position + 1, w->sends++ };
}

void
writer_opened(struct writer *w, souk_ref actor, uint32_t number, uint32_t reply, uint64_t due_ms)
{
    uint32_t index = entry(w, actor);
    souk_batch_opened(&w->batch, w->heap, index, number, reply, due_ms);
}

void
writer_closed(struct writer *w, souk_ref actor, uint32_t number)
{
    uint32_t index = entry(w, actor);
    souk_batch_closed(&w->batch, w->heap, index, number);
}

void
writer_commit(struct writer *w)
{
    uint8_t header[SOUK_GROUP_HEADER];
    souk_group_header(header, 1, w->link);
    w->position++;
    souk_batch_seal(&w->batch, 0, w->position, w->began_ms);
    w->link = souk_batch_chain(w->batch.at, w->link);
    struct souk_bytes parts[] = { { header, sizeof header }, { w->batch.at, w->batch.length } };
    souk_err err = w->journal->ops->append(w->journal, w->position, w->position, parts, 2);
    souk_assert(!err);
    souk_batch_begin(&w->batch, w->heap);
    w->actors_count = w->sends = 0;
    w->began_ms = w->now_ms;
}

souk_key
writer_key_of(const struct writer *w, struct souk_text id)
{
    return souk_hash_key(&w->secret, id.at, id.length);
}

souk_key
writer_key_pair(const struct writer *w, souk_key first, souk_key second)
{
    return souk_hash_pair(&w->secret, first, second);
}
