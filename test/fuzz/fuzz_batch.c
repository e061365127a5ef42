/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_batch.c -- a batch of the journal, read step by step. What can be read can be written again and reads
 * the same; and a batch whose link is right is not right any more once a bit of it has turned.
 *
 * An input is two bytes that say which bit, and a batch. */
#include "fuzz.h"

#include <stdlib.h>

#include "cell/batch.h"

static bool
same_message(const struct souk_message *a, const struct souk_message *b)
{
    bool asks = a->class == SOUK_ASK || a->class == SOUK_CALL, outcome = a->class == SOUK_OUTCOME;
    return a->class == b->class && a->attempts == b->attempts && a->to.kind == b->to.kind &&
           souk_key_equal(a->to.key, b->to.key) && a->tag == b->tag && a->time_ms == b->time_ms &&
           a->due_ms == b->due_ms && a->length == b->length && a->ending == b->ending &&
           a->refusal == b->refusal && a->id.position == b->id.position && a->id.ordinal == b->id.ordinal &&
           (!(asks || outcome) || a->asker.number == b->asker.number) &&
           (!asks || (a->asker.kind == b->asker.kind && souk_key_equal(a->asker.key, b->asker.key)));
}

static bool
same(const struct souk_step *a, const struct souk_step *b)
{
    return a->class == b->class && a->kind == b->kind && souk_key_equal(a->key, b->key) && a->actor == b->actor &&
           a->cause.position == b->cause.position && a->cause.ordinal == b->cause.ordinal &&
           a->time_ms == b->time_ms && a->tag == b->tag && a->number == b->number && a->due_ms == b->due_ms &&
           a->body.length == b->body.length &&
           (!a->body.length || !memcmp(a->body.at, b->body.at, a->body.length)) && same_message(&a->send, &b->send);
}

static void
write_message(struct souk_batch *b, souk_heap *heap, const struct souk_step *step)
{
    struct souk_message *m = malloc(sizeof *m + step->body.length);
    souk_assert(m && step->send.length == step->body.length);
    *m = step->send;
    if (step->body.length) memcpy(m->body, step->body.at, step->body.length);
    if (step->class == SOUK_STEP_SEND) souk_batch_send(b, heap, m);
    else souk_batch_outstanding(b, heap, m);
    free(m);
}

static void
write_step(struct souk_batch *b, souk_heap *heap, const struct souk_step *step, uint64_t began_ms)
{
    switch (step->class) {
    case SOUK_STEP_ACTOR: souk_batch_actor(b, heap, step->kind, step->key); return;
    case SOUK_STEP_TURN: souk_batch_turn(b, heap, step->actor, step->cause, step->time_ms - began_ms); return;
    case SOUK_STEP_EVENT: {
        uint8_t *body = souk_batch_event(b, heap, step->tag, step->body.length);
        if (step->body.length) memcpy(body, step->body.at, step->body.length);
        return;
    }
    case SOUK_STEP_SEND:
    case SOUK_STEP_OUTSTANDING: write_message(b, heap, step); return;
    case SOUK_STEP_OPENED: souk_batch_opened(b, heap, step->actor, step->number, step->tag, step->due_ms); return;
    case SOUK_STEP_CLOSED: souk_batch_closed(b, heap, step->actor, step->number); return;
    case SOUK_STEP_ATTEMPT: souk_batch_attempt(b, heap, step->cause, step->number); return;
    case SOUK_STEP_DEAD: souk_batch_dead(b, heap, step->number); return;
    case SOUK_STEP_END: return;
    }
}

/* Reads one that was written from another, in step with it. */
static void
compare(struct souk_bytes copy, struct souk_batch_reader original, const struct souk_link *previous)
{
    struct souk_batch_reader reader;
    struct souk_step a, b;
    size_t length;
    souk_assert(!souk_batch_open(&reader, copy, previous, &length) && length == copy.length);
    souk_assert(reader.position == original.position && reader.time_ms == original.time_ms);
    do {
        souk_assert(!souk_batch_next(&original, &a) && !souk_batch_next(&reader, &b));
        souk_assert(same(&a, &b));
    } while (a.class != SOUK_STEP_END);
    souk_assert(reader.sends == original.sends);
}

void
fuzz_batch(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    uint64_t bit = fuzz_number(&in, 2);
    struct souk_bytes bytes = { fuzz_copy(in.at, in.left), in.left };
    struct souk_batch_reader reader, first;
    struct souk_step step;
    souk_err err = souk_batch_open(&reader, bytes, NULL, &length);
    static souk_heap *heap; /* Made once: it costs more than a batch. */
    static struct souk_batch b;
    if (!heap) heap = souk_heap_open(souk_memory_open());
    souk_batch_begin(&b, heap);
    bool whole = false;
    if (!err) first = reader;
    while (!err && !whole && !(err = souk_batch_next(&reader, &step))) {
        souk_assert(step.class <= SOUK_STEP_OUTSTANDING && reader.at <= reader.end);
        whole = step.class == SOUK_STEP_END;
        write_step(&b, heap, &step, first.time_ms);
    }
    if (whole) {
        const struct souk_link previous = { bit, ~bit };
        souk_batch_seal(&b, first.worker, first.position, first.time_ms);
        souk_batch_chain(b.at, previous);
        uint8_t *copy = fuzz_copy(b.at, b.length);
        compare((struct souk_bytes){ copy, b.length }, first, &previous);
        copy[bit / 8 % b.length] ^= (uint8_t)(1 << bit % 8);
        err = souk_batch_open(&reader, (struct souk_bytes){ copy, b.length }, &previous, &length);
        souk_assert(err == SOUK_ERR_CORRUPT || err == SOUK_ERR_VERSION);
        free(copy);
    }
    free((void *)(uintptr_t)bytes.at);
}

FUZZ_ENTRY(batch)
