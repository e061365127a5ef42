/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitagree.c -- what must be the same however often and from wherever it is done: an actor, its twin made from its
 * snapshot, and a new state that all events have been applied to; see kit.h. */
#include "node/kit.h"

#include "codec/dump.h"

#include <stdlib.h>

static struct souk_bytes
encode_state(souk_kit *kit, const struct souk_cell *cell)
{
    size_t length = souk_state_size(cell->kind, cell->state);
    uint8_t *at = souk_heap_alloc(kit->heap, length);
    souk_state_put(cell->kind, at, cell->state);
    return (struct souk_bytes){ at, length };
}

static void
release(souk_kit *kit, struct souk_bytes bytes)
{
    souk_heap_free(kit->heap, (void *)(uintptr_t)bytes.at, bytes.length);
}

static void
write_state(FILE *out, const struct souk_kind *kind, struct souk_bytes state)
{
    uint32_t count;
    size_t length;
    const struct souk_field *fields = kind->state(&count);
    souk_err err = souk_dump_state(fields, count, state, NULL, 0, &length);
    char *text = malloc(length + 1);
    if (text && err == SOUK_ERR_TOO_LARGE) err = souk_dump_state(fields, count, state, text, length + 1, &length);
    fputs(text && !err ? text : "(not readable)", out);
    free(text);
}

void
souk_kit_agree(souk_kit *kit, struct souk_cell *other, const char *what)
{
    struct souk_bytes is = encode_state(kit, kit->cell), ought = encode_state(kit, other);
    if (is.length != ought.length || memcmp(is.at, ought.at, is.length) != 0) {
        struct souk_kit_text text = { NULL, 0 };
        FILE *out = souk_kit_text(&text);
        fputs("\n  the actor  ", out);
        write_state(out, kit->kind, is);
        fputs("\n  the other  ", out);
        write_state(out, kit->kind, ought);
        fclose(out);
        souk_kit_complain(kit, kit->when, what, &text);
    }
    release(kit, is);
    release(kit, ought);
}

static struct souk_bytes
snapshot(souk_kit *kit, const struct souk_cell *cell)
{
    size_t size = souk_snapshot_size(cell);
    uint8_t *at = souk_heap_alloc(kit->heap, size);
    souk_snapshot_write(cell, at, size);
    return (struct souk_bytes){ at, size };
}

static struct souk_kit_twin
twin_new(souk_kit *kit)
{
    struct souk_kit_twin twin = { { .slot = NULL }, NULL };
    twin.cell = souk_cell_new(&twin.directory, &kit->arena, kit->kind, kit->cell->key);
    twin.cell->traced = true;
    return twin;
}

void
souk_kit_twin_free(souk_kit *kit, struct souk_kit_twin *twin)
{
    for (struct souk_message *m; (m = souk_fifo_pop(&twin->cell->waiting));) souk_message_free(kit->heap, m);
    souk_cell_free(&twin->directory, &kit->arena, twin->cell);
    souk_heap_free(kit->heap, twin->directory.slot, twin->directory.slots * sizeof *twin->directory.slot);
}

struct souk_kit_twin
souk_kit_twin(souk_kit *kit)
{
    struct souk_kit_twin twin = twin_new(kit);
    struct souk_bytes bytes = snapshot(kit, kit->cell);
    if (!souk_snapshot_read(twin.cell, bytes, kit->heap))
        souk_kit_complain(kit, kit->when, "the actor's snapshot cannot be read", NULL);
    release(kit, bytes);
    return twin;
}

void
souk_kit_replay(souk_kit *kit, struct souk_cell *cell)
{
    struct souk_slice *slice = &kit->slice;
    slice->scratch = (struct souk_scratch){ slice->scratch_memory, slice->scratch_memory + SOUK_SCRATCH_BYTES };
    for (uint32_t i = 0; i < kit->happened.count; i++) {
        const struct souk_kit_said *event = &kit->happened.at[i];
        slice->catch.what = NULL;
        if (souk_turn_replay_caught(cell, &slice->scratch, event->tag, event->body, &slice->catch)) continue;
        struct souk_kit_text text = { NULL, 0 };
        FILE *out = souk_kit_text(&text);
        fprintf(out, "\n  event %u, %s: %s", i + 1, souk_kit_row(kit->kind, SOUK_EVENT, event->tag)->name,
                slice->catch.what ? slice->catch.what : "unknown");
        fclose(out);
        souk_kit_complain(kit, kit->when, "an event cannot be applied", &text);
        return;
    }
}

void
souk_kit_agree_replayed(souk_kit *kit)
{
    struct souk_kit_twin twin = twin_new(kit);
    souk_kit_replay(kit, twin.cell);
    souk_kit_agree(kit, twin.cell, "all events applied to a new state don't make the actor's state: "
                                   "an apply depends on more than state and event");
    souk_kit_twin_free(kit, &twin);
    twin = souk_kit_twin(kit);
    souk_kit_agree(kit, twin.cell, "the actor's snapshot doesn't hold its state");
    souk_kit_twin_free(kit, &twin);
}

static bool
same_said(const struct souk_kit_said *a, const struct souk_kit_said *b)
{
    return a->verb == b->verb && a->to.kind == b->to.kind && souk_key_equal(a->to.key, b->to.key) && a->tag == b->tag
           && a->reply == b->reply && a->number == b->number && a->ms == b->ms && a->ending == b->ending
           && a->refusal == b->refusal && a->asker.number == b->asker.number
           && souk_text_equal(a->operation, b->operation) && a->body.length == b->body.length
           && memcmp(a->body.at, b->body.at, a->body.length) == 0;
}

static void
complain_said(souk_kit *kit, const struct souk_kit_said *actor, const struct souk_kit_said *twin)
{
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    fputs("\n  the actor  ", out);
    if (actor) souk_kit_say(out, kit, actor, NULL);
    else fputs("nothing", out);
    fputs("\n  its twin   ", out);
    if (twin) souk_kit_say(out, kit, twin, NULL);
    else fputs("nothing", out);
    fclose(out);
    souk_kit_complain(kit, kit->when, "the same turn on the actor's twin does something else: a decide depends on more "
                                      "than state, message and turn", &text);
}

void
souk_kit_agree_said(souk_kit *kit, uint32_t first, const struct souk_kit_list *twin)
{
    uint32_t count = kit->said.count - first, most = count > twin->count ? count : twin->count;
    for (uint32_t i = 0; i < most; i++) {
        const struct souk_kit_said *a = i < count ? &kit->said.at[first + i] : NULL;
        const struct souk_kit_said *b = i < twin->count ? &twin->at[i] : NULL;
        if (a && b && same_said(a, b)) continue;
        complain_said(kit, a, b);
        return;
    }
}

const char *
souk_kit_state(souk_kit *kit)
{
    struct souk_bytes state = encode_state(kit, kit->cell);
    FILE *out = souk_kit_text(&kit->state_text);
    write_state(out, kit->kind, state);
    fclose(out);
    release(kit, state);
    return kit->state_text.at;
}
