/* SPDX-License-Identifier: Apache-2.0 */
/* work/past.c -- see past.h. */
#include "work/past.h"

void
souk_past_open(struct souk_past *past, souk_heap *heap, const struct souk_kind *kind, souk_key key)
{
    *past = (struct souk_past){ .arena = { heap }, .memory = souk_heap_alloc(heap, SOUK_SCRATCH_BYTES) };
    past->scratch = (struct souk_scratch){ past->memory, past->memory + SOUK_SCRATCH_BYTES };
    past->cell = souk_cell_new(&past->alone, &past->arena, kind, key);
}

void
souk_past_close(struct souk_past *past)
{
    souk_heap *heap = past->arena.heap;
    souk_cell_free(&past->alone, &past->arena, past->cell);
    souk_heap_free(heap, past->alone.slot, past->alone.slots * sizeof *past->alone.slot);
    souk_heap_free(heap, past->memory, SOUK_SCRATCH_BYTES);
}

static void
take_ask(struct souk_past *past, const struct souk_step *step)
{
    struct souk_cell *cell = past->cell;
    struct souk_open_ask *ask = souk_cell_ask(cell, step->number);
    if (step->number > cell->asked) cell->asked = step->number;
    if (step->class == SOUK_STEP_CLOSED && ask) souk_cell_ask_remove(cell, ask);
    if (step->class == SOUK_STEP_OPENED && !ask)
        souk_cell_ask_add(cell, past->arena.heap,
                          (struct souk_open_ask){ step->number, step->tag, step->due_ms, true });
}

souk_err
souk_past_batch(struct souk_past *past, struct souk_batch_reader *batch)
{
    enum { NOBODY = UINT32_MAX };
    struct souk_cell *cell = past->cell;
    uint32_t actors = 0, own = NOBODY, actor = NOBODY;
    for (struct souk_step step;;) {
        souk_err err = souk_batch_next(batch, &step);
        if (err || step.class == SOUK_STEP_END) return err;
        if (step.class == SOUK_STEP_ACTOR) {
            if (step.kind == cell->kind->number && souk_key_equal(step.key, cell->key)) own = actors;
            actors++;
            continue;
        }
        bool asks = step.class == SOUK_STEP_OPENED || step.class == SOUK_STEP_CLOSED;
        if (asks || step.class == SOUK_STEP_TURN) actor = step.actor;
        else if (step.class != SOUK_STEP_EVENT) continue;
        if (actor == NOBODY || actor != own) continue;
        cell->position = batch->position;
        if (step.class == SOUK_STEP_TURN) past->time_ms = step.time_ms;
        if (asks) take_ask(past, &step);
        if (step.class != SOUK_STEP_EVENT) continue;
        if (!souk_turn_replay_caught(cell, &past->scratch, step.tag, step.body, &past->catch)) {
            past->failed = true;
            return SOUK_ERR_CLOSED;
        }
        past->events++;
    }
}
