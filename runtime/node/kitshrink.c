/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitshrink.c -- makes a sequence that fails short and simple, and writes it as C; see kitrandom.h.
 *
 * A candidate counts only if it fails in the same way: at the same claim, with the same complaint. First whole runs of
 * steps are left out, longer ones before shorter ones (as in delta debugging: Zeller and Hildebrandt, 2002), then each
 * value is made simpler, the most first. Both again until nothing helps, or enough was tried. */
#include "node/kitrandom.h"

#include <inttypes.h>
#include <stdlib.h>

enum { TRIES = 4000 };

struct shrinking {
    struct souk_kit_runner *r;
    struct souk_kit_tape *tape;
    struct souk_kit_failure *failure;
    uint32_t tries;
};

static bool
same_way(const struct souk_kit_failure *a, const struct souk_kit_failure *b)
{
    return a->what && b->what && strcmp(a->what, b->what) == 0 && a->line == b->line
           && strcmp(a->file ? a->file : "", b->file ? b->file : "") == 0;
}

static void
leave_out(struct souk_kit_tape *tape, uint32_t at, uint32_t count)
{
    memmove(tape->step + at, tape->step + at + count, (tape->count - at - count) * sizeof *tape->step);
    tape->count -= count;
}

/* A step's body as a message, whose lists lie in the runner's scratch: the caller's to give back, by put_back() with
 * what shall become of it. NULL: it has none. */
static void *
take_out(struct souk_kit_runner *r, const struct souk_kit_step *step)
{
    if (!step->layout || step->broken) return NULL;
    struct souk_scratch scratch = { r->scratch, r->scratch + SOUK_SCRATCH_BYTES };
    const uint8_t *at = step->body.at;
    struct souk_reader in = { .at = at, .end = at + step->body.length, .scratch = &scratch };
    void *message = souk_heap_alloc(r->heap, step->layout->size);
    bool whole = step->layout->get(&in, message);
    souk_assert(whole);
    return message;
}

static void
put_back(struct souk_kit_runner *r, struct souk_kit_step *step, void *message, bool changed)
{
    if (changed) step->body = souk_kit_encode(r->heap, step->layout, message);
    souk_heap_free(r->heap, message, step->layout->size);
}

static double
weight(struct souk_kit_runner *r, struct souk_kit_tape *tape)
{
    double sum = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        struct souk_kit_step *step = &tape->step[i];
        void *message = take_out(r, step);
        sum += message ? souk_kit_weight(step->layout, message) : (double)step->ms + (double)step->body.length;
        if (message) put_back(r, step, message, false);
    }
    return sum;
}

/* Takes the candidate for the tape when it fails in the same way, and after `fit` is still the simpler one; steps of it
 * that were skipped are left out. */
static bool
try(struct shrinking *s, struct souk_kit_tape *candidate)
{
    struct souk_kit_failure failure = { NULL, NULL, 0, { NULL, 0 } };
    s->tries++;
    souk_kit_tape_run(s->r, candidate, &failure);
    if (!same_way(&failure, s->failure)
        || (candidate->count == s->tape->count && weight(s->r, candidate) >= weight(s->r, s->tape))) {
        free(failure.text.at);
        return false;
    }
    free(s->failure->text.at);
    *s->failure = failure;
    for (uint32_t i = candidate->count; i > 0; i--)
        if (candidate->step[i - 1].skipped) leave_out(candidate, i - 1, 1);
    s->tape->count = candidate->count;
    memcpy(s->tape->step, candidate->step, candidate->count * sizeof *candidate->step);
    return true;
}

static struct souk_kit_tape
copy(const struct shrinking *s)
{
    size_t bytes = s->tape->count * sizeof *s->tape->step;
    struct souk_kit_tape tape = { souk_heap_alloc(s->r->heap, bytes), s->tape->count, s->tape->count };
    memcpy(tape.step, s->tape->step, bytes);
    return tape;
}

static void
put_away(const struct shrinking *s, struct souk_kit_tape *tape)
{
    souk_heap_free(s->r->heap, tape->step, tape->room * sizeof *tape->step);
}

static bool
drop_steps(struct shrinking *s)
{
    bool any = false;
    for (uint32_t run = s->tape->count; run > 0; run /= 2)
        for (uint32_t at = 0; at + run <= s->tape->count && s->tries < TRIES;) {
            struct souk_kit_tape candidate = copy(s);
            leave_out(&candidate, at, run);
            bool shorter = candidate.count && try(s, &candidate);
            put_away(s, &candidate);
            if (shorter) any = true;
            else at++;
        }
    return any;
}

/* The n-th simpler form of a step; false when there are fewer. */
static bool
simpler_step(struct souk_kit_runner *r, struct souk_kit_step *step, uint32_t n)
{
    if (step->act == SOUK_KIT_PASS) return souk_kit_simpler(step->ms, &n, &step->ms);
    if (step->broken) {
        if (n || !step->body.length) return false;
        step->body.length--;
        return true;
    }
    void *message = take_out(r, step);
    if (!message) return false;
    bool simpler = souk_kit_simplify(step->layout, message, n);
    put_back(r, step, message, simpler);
    return simpler;
}

static bool
simplify_step(struct shrinking *s, uint32_t at)
{
    bool any = false;
    for (uint32_t n = 0; s->tries < TRIES && at < s->tape->count;) {
        struct souk_kit_tape candidate = copy(s);
        bool is = simpler_step(s->r, &candidate.step[at], n);
        bool helps = is && try(s, &candidate);
        put_away(s, &candidate);
        if (!is) break;
        if (helps) any = true;
        else n++;
    }
    return any;
}

/* One key in another's place, in all steps at once: what names the same thing goes on naming the same. */
static bool
rename_key(struct shrinking *s, souk_key from, souk_key to)
{
    struct souk_kit_tape candidate = copy(s);
    bool any = false;
    for (uint32_t i = 0; i < candidate.count; i++) {
        struct souk_kit_step *step = &candidate.step[i];
        void *message = take_out(s->r, step);
        if (!message) continue;
        bool named = souk_kit_rename(step->layout, message, from, to);
        put_back(s->r, step, message, named);
        any |= named;
    }
    bool helps = any && try(s, &candidate);
    put_away(s, &candidate);
    return helps;
}

static bool
rename_keys(struct shrinking *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->r->keys_count; i++)
        for (uint64_t id = 1; id <= 3 && s->tries < TRIES; id++) {
            if (souk_key_equal(s->r->keys[i], souk_kit_id(id))) break; /* Only to simpler ones. */
            if (rename_key(s, s->r->keys[i], souk_kit_id(id))) any = true;
        }
    return any;
}

void
souk_kit_tape_shrink(struct souk_kit_runner *r, struct souk_kit_tape *tape, struct souk_kit_failure *failure)
{
    struct shrinking s = { r, tape, failure, 0 };
    for (bool again = true; again && s.tries < TRIES;) {
        again = drop_steps(&s);
        again |= rename_keys(&s);
        for (uint32_t i = 0; i < tape->count; i++) again |= simplify_step(&s, i);
    }
}

/* ---- As C. ---- */

static const char *
refusal_name(const struct souk_kind *kind, souk_verdict refusal)
{
    for (const struct souk_refusal *own = kind->refusals; own->code; own++)
        if (own->code == refusal) return own->name;
    return refusal == SOUK_OVERLOADED ? "SOUK_OVERLOADED" : NULL;
}

static void
write_body(struct souk_kit_runner *r, FILE *out, struct souk_kit_step *step, souk_key self)
{
    void *message = take_out(r, step);
    souk_kit_write(out, step->layout, message, self, ", ");
    put_back(r, step, message, false);
}

static void
write_end(struct souk_kit_runner *r, FILE *out, struct souk_kit_step *step, souk_key self)
{
    static const char *const words[] = { "DONE", "REFUSED", "LATE", "DEAD" };
    const struct souk_kind *kind = r->options->kind;
    fprintf(out, "SOUK_WHEN_%s(kit, %s", step->layout ? "ANSWERED" : words[step->ending],
            souk_kit_row(kind, SOUK_REPLY, step->reply)->name);
    if (step->layout) {
        fprintf(out, ", %s", step->layout->name);
        write_body(r, out, step, self);
    } else if (step->ending == SOUK_REFUSED) {
        const char *name = refusal_name(kind, step->refusal);
        if (name) fprintf(out, ", %s", name);
        else fprintf(out, ", %" PRIu32, step->refusal);
    }
    fputs(");\n", out);
}

void
souk_kit_tape_write(struct souk_kit_runner *r, FILE *out, const struct souk_kit_tape *tape)
{
    souk_kit *kit = souk_kit_open(r->options->kind, r->options->id);
    souk_key self = souk_kit_self(kit).key;
    souk_kit_close(&kit);
    fprintf(out, "    souk_kit *kit = souk_kit_open(&%s_kind, \"%s\");\n", r->options->kind->name, r->options->id);
    if (r->options->begin) fputs("    /* Here comes what .begin does. */\n", out);
    for (uint32_t i = 0; i < tape->count; i++) {
        struct souk_kit_step *step = &tape->step[i];
        fputs("    ", out);
        if (step->act == SOUK_KIT_PASS) {
            fprintf(out, "SOUK_WHEN_PASSED(kit, %" PRIu64 ");\n", step->ms);
        } else if (step->act == SOUK_KIT_END) {
            write_end(r, out, step, self);
        } else if (step->broken) {
            fprintf(out, "SOUK_WHEN_BYTES(kit, %s, ", step->row->name);
            souk_kit_write_bytes(out, step->body.at, step->body.length);
            fprintf(out, ", %zu);\n", step->body.length);
        } else {
            fprintf(out, "SOUK_WHEN%s(kit, %s", step->row->class == SOUK_QUERY ? "_QUERIED" : "", step->row->name);
            write_body(r, out, step, self);
            fputs(");\n", out);
        }
    }
    fputs("    souk_kit_close(&kit);\n", out);
}
