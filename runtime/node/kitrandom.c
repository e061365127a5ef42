/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitrandom.c -- random commands: draws sequences and runs them; see kitrandom.h. What fails is kitshrink.c's. */
#include "node/kitrandom.h"

#include "base/panic.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SEQUENCES = 200, STEPS = 30 };

/* ---- Running a step. ---- */

/* Calls a function of the author's, whose assertions count. False when one has failed, or it wouldn't have it. */
static bool
fits(struct souk_kit_runner *r, souk_kit *kit, const struct souk_layout *layout, void *message)
{
    struct souk_catch catch = { .armed = true };
    volatile bool fit = true; /* Across the jump. */
    if (!r->options->fit) return true;
    souk_panic_catch(kit->outer = &catch);
    if (!_setjmp(catch.jump)) fit = r->options->fit(kit, layout, message);
    else kit->fault = (struct souk_kit_fault){ catch.file, catch.what, catch.line };
    souk_panic_catch(kit->outer = NULL);
    return fit && !kit->fault.what;
}

/* The step's body as a message, made to fit and encoded anew; NULL: nobody would send it. In the kit's heap. */
static void *
fitted(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_step *step, bool *malformed)
{
    const uint8_t *at = step->body.at;
    struct souk_scratch scratch = { kit->fit_scratch, kit->fit_scratch + SOUK_SCRATCH_BYTES };
    struct souk_reader in = { .at = at, .end = at + step->body.length, .scratch = &scratch };
    void *message = souk_heap_zalloc(kit->heap, step->layout->size);
    *malformed = !step->layout->get(&in, message);
    if (*malformed || !fits(r, kit, step->layout, message)) return NULL;
    step->body = souk_kit_encode(r->heap, step->layout, message);
    if (!r->options->fit) return message;
    bool same = fits(r, kit, step->layout, message) && step->layout->encoded(message) == step->body.length;
    struct souk_bytes again = souk_kit_encode(kit->heap, step->layout, message);
    if (!same || memcmp(again.at, step->body.at, again.length) != 0)
        souk_kit_complain(kit, kit->when, "fit changes what it has made itself: no sequence could be run again", NULL);
    return message;
}

static void
holds(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_failure *failure)
{
    struct souk_catch catch = { .armed = true };
    if (!r->options->holds) return;
    souk_panic_catch(kit->outer = &catch);
    if (!_setjmp(catch.jump)) failure->what = r->options->holds(kit);
    else *failure = (struct souk_kit_failure){ .what = catch.what, .file = catch.file, .line = catch.line };
    souk_panic_catch(kit->outer = NULL);
}

static void
judge(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_failure *failure)
{
    if (kit->complaint.at) {
        failure->what = kit->complained;
        failure->text = kit->complaint;
        kit->complaint = (struct souk_kit_text){ NULL, 0 };
    } else if (!kit->fault.what) {
        holds(r, kit, failure);
    }
    if (!failure->what && kit->fault.what)
        *failure = (struct souk_kit_failure){ kit->fault.what, kit->fault.file, kit->fault.line, { NULL, 0 } };
}

static void
see(struct souk_kit_runner *r, enum souk_class class, uint32_t tag)
{
    const struct souk_row *const *rows = r->options->kind->rows;
    for (size_t i = 0; rows[i]; i++)
        if (rows[i]->class == class && rows[i]->tag == tag) r->seen[i] = true;
}

/* What has come about. */
static void
count(struct souk_kit_runner *r, const souk_kit *kit, const struct souk_kit_step *step)
{
    bool accepted = kit->verdict == SOUK_ACCEPT || kit->verdict == SOUK_LATER;
    for (uint32_t i = 0; i < kit->said.count; i++)
        if (kit->said.at[i].verb == SOUK_KIT_EVENT) see(r, SOUK_EVENT, kit->said.at[i].tag);
    for (uint32_t tag = 0; tag < 64; tag++)
        if (kit->woken >> tag & 1) see(r, SOUK_COMMAND, tag);
    r->done.steps++;
    if (step->act == SOUK_KIT_END) see(r, SOUK_REPLY, step->reply);
    if (step->act != SOUK_KIT_SAY) return;
    if (accepted) see(r, step->row->class, step->row->tag);
    if (accepted) r->done.accepted++;
    else if (kit->verdict == SOUK_MALFORMED) r->done.malformed++;
    else r->done.refused++;
}

static void
say(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_step *step, struct souk_kit_here_ here)
{
    bool malformed;
    void *message = fitted(r, kit, step, &malformed);
    step->skipped = !message && !malformed;
    step->broken = malformed;
    if (step->skipped) return;
    bool query = step->row->class == SOUK_QUERY;
    souk_kit_when_bytes_(kit, here, query ? SOUK_KIT_REQUESTED : SOUK_KIT_ASKED, step->row, step->body);
    if (malformed && kit->verdict != SOUK_MALFORMED)
        souk_kit_complain(kit, here, "what is no body of its row was not refused as SOUK_MALFORMED", NULL);
}

static void
end(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_step *step, struct souk_kit_here_ here)
{
    bool malformed = false;
    void *record = NULL;
    step->skipped = !souk_kit_open_ask(kit, step->reply);
    if (step->skipped) return;
    if (step->layout) record = fitted(r, kit, step, &malformed);
    step->skipped = step->layout && !record;
    if (step->skipped) return;
    souk_kit_when_ended_(kit, here, step->reply, "", step->ending, step->refusal, step->layout, record);
}

void
souk_kit_step_run(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_step *step,
                  struct souk_kit_failure *failure)
{
    const struct souk_kit_here_ here = { NULL, 0 };
    switch (step->act) {
    case SOUK_KIT_SAY: say(r, kit, step, here); break;
    case SOUK_KIT_PASS: souk_kit_when_passed_(kit, here, step->ms); break;
    case SOUK_KIT_END: end(r, kit, step, here); break;
    }
    if (step->skipped && !kit->fault.what) return;
    judge(r, kit, failure);
    count(r, kit, step);
}

static souk_kit *
open_quietly(struct souk_kit_runner *r)
{
    souk_kit *kit = souk_kit_open(r->options->kind, r->options->id);
    kit->quiet = true;
    if (r->options->begin) r->options->begin(kit);
    return kit;
}

void
souk_kit_tape_run(struct souk_kit_runner *r, struct souk_kit_tape *tape, struct souk_kit_failure *failure)
{
    souk_kit *kit = open_quietly(r);
    for (uint32_t i = 0; i < tape->count && !failure->what; i++) {
        souk_kit_step_run(r, kit, &tape->step[i], failure);
        if (failure->what) tape->count = i + 1;
    }
    souk_kit_close(&kit);
}

struct souk_kit_step *
souk_kit_tape_add(struct souk_kit_runner *r, struct souk_kit_tape *tape)
{
    if (tape->count == tape->room) {
        uint32_t room = tape->room ? 2 * tape->room : 32;
        tape->step = souk_heap_grow(r->heap, tape->step, tape->room * sizeof *tape->step, room * sizeof *tape->step);
        tape->room = room;
    }
    struct souk_kit_step *step = &tape->step[tape->count++];
    *step = (struct souk_kit_step){ .act = SOUK_KIT_PASS };
    return step;
}

/* ---- Drawing a step. ---- */

static struct souk_bytes
draw_body(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_pool *pool, const struct souk_layout *layout)
{
    struct souk_scratch scratch = { kit->fit_scratch, kit->fit_scratch + SOUK_SCRATCH_BYTES };
    void *message = souk_heap_alloc(kit->heap, layout->size);
    souk_kit_draw(pool, layout, message, &scratch);
    struct souk_bytes body = souk_kit_encode(r->heap, layout, message);
    souk_heap_free(kit->heap, message, layout->size);
    return body;
}

/* Cuts a body off, or spoils a byte of it. */
static void
spoil(struct souk_kit_pool *pool, struct souk_bytes *body)
{
    uint8_t *at = (uint8_t *)(uintptr_t)body->at;
    if (souk_kit_below(pool, 2)) body->length = souk_kit_below(pool, body->length);
    else at[souk_kit_below(pool, body->length)] = (uint8_t)souk_kit_below(pool, 256);
}

/* A row of that class by chance; NULL: the kind has none. */
static const struct souk_row *
draw_row(struct souk_kit_runner *r, struct souk_kit_pool *pool, enum souk_class class)
{
    const struct souk_row *const *rows = r->options->kind->rows, *drawn = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; rows[i]; i++)
        if (rows[i]->class == class && souk_kit_below(pool, ++seen) == 0) drawn = rows[i];
    return drawn;
}

static void
draw_say(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_pool *pool, struct souk_kit_step *step,
         const struct souk_row *row)
{
    pool->anybody = row->is_public;
    *step = (struct souk_kit_step){ .act = SOUK_KIT_SAY, .row = row, .layout = row->layout,
                                    .body = draw_body(r, kit, pool, row->layout) };
    if (row->class == SOUK_COMMAND && !souk_kit_below(pool, 25)) spoil(pool, &step->body);
}

static void
draw_pass(souk_kit *kit, struct souk_kit_pool *pool, struct souk_kit_step *step)
{
    static const uint64_t spans[] = { 1, 10, 1000, 60000, 3600000 };
    uint64_t due_ms = souk_kit_due_ms(kit), now = souk_kit_now_ms(kit);
    uint64_t left = due_ms > now ? due_ms - now : 0;
    bool far = due_ms == UINT64_MAX || left > UINT32_MAX;
    step->ms = spans[souk_kit_below(pool, sizeof spans / sizeof *spans)];
    if (far) return;
    switch (souk_kit_below(pool, 6)) {
    case 0: step->ms = left ? left - 1 : 0; break;
    case 1: step->ms = left + 1; break;
    case 2: step->ms = souk_kit_below(pool, 2 * left + 1); break;
    default: step->ms = left; break;
    }
}

static const struct souk_kit_answers *
answers_of(const struct souk_kit_random *options, uint32_t reply)
{
    for (const struct souk_kit_answers *a = options->answers; a && a->reply; a++)
        if (a->reply == reply) return a;
    return NULL;
}

static void
draw_end(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_pool *pool, struct souk_kit_step *step)
{
    uint32_t reply = kit->cell->asks[souk_kit_below(pool, kit->cell->asks_count)].reply, refusals = 0;
    const struct souk_kit_answers *answers = answers_of(r->options, reply);
    *step = (struct souk_kit_step){ .act = SOUK_KIT_END, .reply = reply };
    switch (souk_kit_below(pool, 10)) {
    case 0: step->ending = SOUK_LATE; return;
    case 1: step->ending = SOUK_DEAD; return;
    case 2:
    case 3:
        step->ending = SOUK_REFUSED;
        while (answers && answers->refusals[refusals]) refusals++;
        step->refusal = refusals ? answers->refusals[souk_kit_below(pool, refusals)] : SOUK_OVERLOADED;
        return;
    default:
        step->ending = SOUK_DONE;
        step->layout = answers ? answers->record : NULL;
        pool->anybody = false;
        if (step->layout) step->body = draw_body(r, kit, pool, step->layout);
    }
}

/* A command again, as whoever got no answer sends it. False when none was said. */
static bool
draw_again(struct souk_kit_pool *pool, const struct souk_kit_tape *tape, struct souk_kit_step *step)
{
    if (!tape->count) return false;
    uint64_t at = souk_kit_below(pool, tape->count);
    if (tape->step[at].act != SOUK_KIT_SAY || tape->step[at].skipped || tape->step[at].broken) return false;
    *step = tape->step[at];
    return true;
}

static void
draw(struct souk_kit_runner *r, souk_kit *kit, struct souk_kit_pool *pool, const struct souk_kit_tape *tape,
     struct souk_kit_step *step)
{
    uint64_t way = souk_kit_below(pool, 100);
    const struct souk_row *query = way < 50 ? draw_row(r, pool, SOUK_QUERY) : NULL;
    const struct souk_row *command = draw_row(r, pool, SOUK_COMMAND);
    pool->now_ms = souk_kit_now_ms(kit);
    if (way < 30 && kit->cell->asks_count) draw_end(r, kit, pool, step);
    else if (way < 42 || !command) draw_pass(kit, pool, step);
    else if (way < 50 && query) draw_say(r, kit, pool, step, query);
    else if (way > 60 || !draw_again(pool, tape, step)) draw_say(r, kit, pool, step, command);
}

/* ---- All sequences. ---- */

static void
fill_pool(struct souk_kit_runner *r, const souk_kit *kit, struct souk_kit_pool *pool)
{
    const char *id = r->options->id;
    for (size_t length; pool->texts_count < SOUK_POOL_TEXTS; id += length + 1) {
        length = strcspn(id, ",");
        pool->texts[pool->texts_count++] = (struct souk_text){ id, length };
        if (!id[length]) break;
    }
    for (const char *const *text = r->options->texts; text && *text && pool->texts_count < SOUK_POOL_TEXTS; text++)
        pool->texts[pool->texts_count++] = souk_text_of(*text);
    for (uint64_t i = 1; i <= 3; i++) pool->keys[pool->keys_count++] = souk_kit_id(i);
    pool->keys[pool->keys_count++] = souk_kit_self(kit).key;
    pool->keys[pool->keys_count++] = souk_kit_key_of(kit, pool->texts[0]);
    memcpy(r->keys, pool->keys, sizeof r->keys);
    r->keys_count = pool->keys_count;
}

static void
run_sequence(struct souk_kit_runner *r, uint64_t seed, struct souk_kit_tape *tape, struct souk_kit_failure *failure)
{
    souk_kit *kit = open_quietly(r);
    struct souk_kit_pool pool = { .world.chance = seed };
    uint64_t steps = 1 + souk_kit_below(&pool, r->options->steps ? r->options->steps : STEPS);
    fill_pool(r, kit, &pool);
    while (tape->count < steps && !failure->what) {
        struct souk_kit_step step = { .act = SOUK_KIT_PASS };
        draw(r, kit, &pool, tape, &step);
        souk_kit_step_run(r, kit, &step, failure);
        *souk_kit_tape_add(r, tape) = step;
    }
    souk_kit_close(&kit);
}

static void
tell(struct souk_kit_runner *r, struct souk_kit_here_ here, uint64_t seed, uint32_t before,
     const struct souk_kit_tape *tape, struct souk_kit_failure *failure)
{
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    fprintf(out, "%s fails, seed %" PRIu64 ": ", r->options->kind->name, seed);
    if (failure->file) fprintf(out, "%s at %s:%d", failure->what, failure->file, failure->line);
    else fputs(failure->text.at ? failure->text.at : failure->what, out);
    fprintf(out, "\n  after %" PRIu32 " steps, %" PRIu32 " before shrinking; as a test:\n\n", tape->count, before);
    souk_kit_tape_write(r, out, tape);
    fprintf(out, "\n  and again by .seed = %" PRIu64 ", .sequences = 1", seed);
    fclose(out);
    free(failure->text.at);
    souk_memory_close(&r->memory);
    r->done.failed = true;
    souk_kit_fail(here, text.at);
}

struct souk_kit_done
souk_kit_random_(struct souk_kit_here_ here, const struct souk_kit_random *options)
{
    struct souk_kit_runner r = { .options = options, .memory = souk_memory_open() };
    size_t rows = 0;
    while (options->kind->rows[rows]) rows++;
    souk_assert(r.memory);
    r.heap = souk_heap_open(r.memory);
    r.scratch = souk_heap_alloc(r.heap, SOUK_SCRATCH_BYTES);
    r.seen = souk_heap_zalloc(r.heap, rows + 1);
    uint64_t sequences = options->sequences ? options->sequences : SEQUENCES;
    for (uint64_t i = 0; i < sequences; i++) {
        struct souk_kit_tape tape = { NULL, 0, 0 };
        struct souk_kit_failure failure = { NULL, NULL, 0, { NULL, 0 } };
        run_sequence(&r, options->seed + i, &tape, &failure);
        r.done.sequences++;
        if (failure.what) {
            uint32_t before = tape.count;
            souk_kit_tape_shrink(&r, &tape, &failure);
            tell(&r, here, options->seed + i, before, &tape, &failure);
            return r.done;
        }
    }
    for (size_t i = 0; i < rows && !r.done.never; i++)
        if (!r.seen[i]) r.done.never = options->kind->rows[i]->name;
    souk_memory_close(&r.memory);
    return r.done;
}
