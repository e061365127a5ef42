/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitthen.c -- GIVEN, WHEN and THEN of souk/testkit.h: what a test says, held against what the actor does. */
#include "node/kit.h"

#include "base/panic.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- The WHEN before is over. ---- */

static struct souk_kit_said *
next_untold(const souk_kit *kit, enum souk_kit_verb_ verb)
{
    for (uint32_t i = 0; i < kit->said.count; i++)
        if (kit->said.at[i].verb == verb && !kit->said.at[i].told) return &kit->said.at[i];
    return NULL;
}

static void
complain_untold(souk_kit *kit, struct souk_kit_here_ here, const struct souk_kit_said *said, const char *what)
{
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    fputs("\n  untold    ", out);
    souk_kit_say(out, kit, said, NULL);
    fclose(out);
    souk_kit_complain(kit, here, what, &text);
}

static void
complain_fault(souk_kit *kit, struct souk_kit_here_ here)
{
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    fprintf(out, "\n  failed    %s at %s:%d", kit->fault.what, kit->fault.file, kit->fault.line);
    fclose(out);
    souk_kit_complain(kit, here, "the turn has failed", &text);
}

void
souk_kit_begin(souk_kit *kit, struct souk_kit_here_ here)
{
    const struct souk_kit_said *event = next_untold(kit, SOUK_KIT_EVENT);
    if (kit->fault.what && !kit->fault_told) complain_fault(kit, kit->when);
    if (event && kit->events_told)
        complain_untold(kit, kit->when, event, "a WHEN was told in part: it emitted more than the THENs after it say");
    souk_kit_list_clear(kit, &kit->said);
    kit->fault = (struct souk_kit_fault){ NULL, NULL, 0 };
    kit->events_told = kit->fault_told = false;
    kit->verdict = SOUK_ACCEPT;
    kit->when = here;
}

/* ---- GIVEN. ---- */

struct souk_bytes
souk_kit_encode(souk_heap *heap, const struct souk_layout *layout, const void *message)
{
    size_t length = layout->encoded(message);
    uint8_t *at = souk_heap_alloc(heap, length);
    souk_assert(layout->put(at, message) == at + length);
    return (struct souk_bytes){ at, length };
}

static void
release(souk_kit *kit, struct souk_bytes bytes)
{
    souk_heap_free(kit->heap, (void *)(uintptr_t)bytes.at, bytes.length);
}

void
souk_kit_given_(souk_kit *kit, struct souk_kit_here_ here, const struct souk_row *row, const void *body)
{
    souk_kit_begin(kit, here);
    souk_assert(row->kind == kit->kind->number);
    struct souk_bytes bytes = souk_kit_encode(kit->heap, row->layout, body);
    FILE *out = souk_kit_text(&kit->when_text);
    fprintf(out, "given %s ", row->name);
    souk_kit_json(out, row->layout, bytes);
    fclose(out);
    souk_kit_happened(kit, row->tag, bytes);
    release(kit, bytes);
}

/* ---- WHEN. ---- */

static void
say_when(souk_kit *kit, const char *name, const struct souk_layout *layout, struct souk_bytes body)
{
    if (kit->quiet) return;
    FILE *out = souk_kit_text(&kit->when_text);
    fprintf(out, "%s ", name);
    if (layout) souk_kit_json(out, layout, body);
    fclose(out);
}

void
souk_kit_when_bytes_(souk_kit *kit, struct souk_kit_here_ here, enum souk_kit_how_ how, const struct souk_row *row,
                     struct souk_bytes body)
{
    static const enum souk_message_class classes[] = {
        [SOUK_KIT_ASKED] = SOUK_ASK, [SOUK_KIT_TOLD] = SOUK_TELL, [SOUK_KIT_REQUESTED] = SOUK_REQUEST,
    };
    souk_kit_begin(kit, here);
    souk_assert(row->kind == kit->kind->number && (row->class == SOUK_COMMAND || row->class == SOUK_QUERY));
    say_when(kit, row->name, row->layout, body);
    struct souk_message *m = souk_kit_message(kit, classes[how], row->tag, body.length);
    kit->asked++; /* Also when it is told: the last asker is not this one's. */
    if (how == SOUK_KIT_REQUESTED) m->ticket = kit->asked;
    if (how == SOUK_KIT_ASKED) m->asker = souk_kit_asker_of(kit->asked);
    m->is_query = row->class == SOUK_QUERY;
    m->due_ms = how == SOUK_KIT_TOLD ? 0 : UINT64_MAX;
    if (body.length) memcpy(m->body, body.at, body.length);
    souk_kit_take(kit, m);
}

void
souk_kit_when_(souk_kit *kit, struct souk_kit_here_ here, enum souk_kit_how_ how, const struct souk_row *row,
               const void *body)
{
    struct souk_bytes bytes = souk_kit_encode(kit->heap, row->layout, body);
    souk_kit_when_bytes_(kit, here, how, row, bytes);
    release(kit, bytes);
}

void
souk_kit_when_passed_(souk_kit *kit, struct souk_kit_here_ here, uint64_t ms)
{
    souk_kit_begin(kit, here);
    say_when(kit, "time passed", NULL, (struct souk_bytes){ NULL, 0 });
    souk_kit_pass(kit, ms);
}

void
souk_kit_when_ended_(souk_kit *kit, struct souk_kit_here_ here, uint32_t reply, const char *name,
                     enum souk_ending ending, souk_verdict refusal, const struct souk_layout *layout,
                     const void *record)
{
    souk_kit_begin(kit, here);
    const struct souk_open_ask *ask = souk_kit_open_ask(kit, reply);
    struct souk_bytes bytes = { NULL, 0 };
    if (layout) bytes = souk_kit_encode(kit->heap, layout, record);
    say_when(kit, name, layout, bytes);
    if (!ask) {
        souk_kit_complain(kit, here, "no ask or call is open whose outcome goes there", NULL);
        release(kit, bytes);
        return;
    }
    struct souk_message *m = souk_kit_message(kit, SOUK_OUTCOME, 0, bytes.length);
    m->asker = (souk_asker){ kit->cell->key, kit->kind->number, ask->number };
    m->ending = (uint8_t)ending;
    m->refusal = refusal;
    if (bytes.length) memcpy(m->body, bytes.at, bytes.length);
    release(kit, bytes);
    souk_kit_take(kit, m);
}

/* ---- THEN. ---- */

/* What was expected, what came, and why that isn't it. */
static void
mismatch(souk_kit *kit, struct souk_kit_here_ here, const char *what, const struct souk_kit_said *expected,
         const struct souk_kit_said *came, const struct souk_layout *layout)
{
    struct souk_kit_text text = { NULL, 0 };
    FILE *out = souk_kit_text(&text);
    fputs("\n  expected  ", out);
    if (expected) souk_kit_say(out, kit, expected, layout);
    else fputs("nothing more", out);
    fputs("\n  came      ", out);
    bool alike = expected && came && came->tag == expected->tag && came->to.kind == expected->to.kind
                 && souk_text_equal(came->operation, expected->operation);
    if (came) souk_kit_say(out, kit, came, alike ? layout : NULL);
    else if (kit->fault.what) fprintf(out, "%s failed, at %s:%d", kit->fault.what, kit->fault.file, kit->fault.line);
    else if (kit->verdict != SOUK_ACCEPT) fprintf(out, "%s", souk_verdict_name(kit->kind, kit->verdict));
    else fputs("nothing", out);
    for (uint32_t i = 0; i < kit->said.count; i++) {
        if (kit->said.at[i].told || &kit->said.at[i] == came) continue;
        fputs("\n  and       ", out);
        souk_kit_say(out, kit, &kit->said.at[i], NULL);
    }
    fclose(out);
    souk_kit_complain(kit, here, what, &text);
}

static bool
same_body(const struct souk_kit_said *a, const struct souk_kit_said *b)
{
    return a->body.length == b->body.length && (!a->body.length || !memcmp(a->body.at, b->body.at, a->body.length));
}

void
souk_kit_then_(souk_kit *kit, struct souk_kit_here_ here, const struct souk_row *row, const void *body)
{
    struct souk_kit_said *came = next_untold(kit, SOUK_KIT_EVENT);
    struct souk_kit_said expected = { .verb = SOUK_KIT_EVENT, .tag = row->tag, .to = { row->kind, { 0, 0 } },
                                      .body = souk_kit_encode(kit->heap, row->layout, body) };
    souk_assert(row->kind == kit->kind->number);
    kit->events_told = true;
    if (came && came->tag == row->tag && same_body(came, &expected)) came->told = true;
    else mismatch(kit, here, "another event was expected", &expected, came, row->layout);
    release(kit, expected.body);
}

void
souk_kit_then_nothing_(souk_kit *kit, struct souk_kit_here_ here)
{
    kit->events_told = true;
    for (uint32_t i = 0; i < kit->said.count; i++) {
        const struct souk_kit_said *said = &kit->said.at[i];
        bool bare = said->verb == SOUK_KIT_ANSWER && said->ending == SOUK_DONE && !said->body.length;
        if (said->told || bare) continue;
        mismatch(kit, here, "nothing more was expected", NULL, said, NULL);
        return;
    }
    if (kit->fault.what) mismatch(kit, here, "nothing more was expected", NULL, NULL, NULL);
}

/* The answer to that asker that hasn't been told. */
static struct souk_kit_said *
answer_to(const souk_kit *kit, souk_asker asker)
{
    for (uint32_t i = 0; i < kit->said.count; i++) {
        struct souk_kit_said *said = &kit->said.at[i];
        if (said->verb == SOUK_KIT_ANSWER && !said->told && said->asker.number == asker.number) return said;
    }
    return NULL;
}

/* What was told, not asked, is answered by its verdict alone; so is an outcome. */
static bool
bare_verdict(const souk_kit *kit, souk_asker asker, souk_verdict verdict, const struct souk_kit_said *came)
{
    return !came && asker.number == kit->asked && !kit->fault.what && kit->verdict == verdict;
}

void
souk_kit_then_ended_(souk_kit *kit, struct souk_kit_here_ here, souk_asker asker, souk_verdict verdict,
                     const struct souk_layout *layout, const void *record)
{
    struct souk_kit_said *came = answer_to(kit, asker);
    struct souk_kit_said expected = { .verb = SOUK_KIT_ANSWER, .asker = asker, .refusal = verdict,
                                      .ending = verdict ? SOUK_REFUSED : SOUK_DONE };
    if (layout) expected.body = souk_kit_encode(kit->heap, layout, record);
    if (!layout && bare_verdict(kit, asker, verdict, came)) return;
    if (came && came->ending == expected.ending && came->refusal == verdict && same_body(came, &expected))
        came->told = true;
    else mismatch(kit, here, "another answer was expected", &expected, came, layout);
    release(kit, expected.body);
}

void
souk_kit_then_waits_(souk_kit *kit, struct souk_kit_here_ here)
{
    const struct souk_kit_said *came = answer_to(kit, souk_kit_asker(kit));
    if (came || (kit->verdict != SOUK_WAIT && kit->verdict != SOUK_LATER))
        mismatch(kit, here, "no answer was expected yet", NULL, came, NULL);
}

void
souk_kit_then_failed_(souk_kit *kit, struct souk_kit_here_ here)
{
    kit->fault_told = true;
    if (!kit->fault.what) mismatch(kit, here, "the turn was expected to fail", NULL, NULL, NULL);
}

uint32_t
souk_kit_then_sent_(souk_kit *kit, struct souk_kit_here_ here, enum souk_kit_verb_ verb, souk_ref to, uint32_t reply,
                    uint64_t ms, uint32_t tag, const struct souk_layout *layout, const void *body)
{
    struct souk_kit_said *came = next_untold(kit, verb);
    struct souk_kit_said expected = { .verb = verb, .to = to, .tag = tag, .reply = reply, .ms = ms,
                                      .body = souk_kit_encode(kit->heap, layout, body) };
    if (verb == SOUK_KIT_CALL) expected.operation = souk_text_of(layout->name);
    bool same = came && came->tag == tag && came->reply == reply && came->ms == ms && came->to.kind == to.kind
                && souk_key_equal(came->to.key, to.key) && souk_text_equal(came->operation, expected.operation)
                && same_body(came, &expected);
    uint32_t number = came ? came->number : 0;
    if (same) came->told = true;
    else mismatch(kit, here, "something else was expected to be sent", &expected, came, layout);
    release(kit, expected.body);
    return number;
}

/* ---- On the side. ---- */

static void
read_body(souk_kit *kit, struct souk_bytes body, const struct souk_layout *layout, void *out)
{
    struct souk_scratch scratch = { kit->view_scratch, kit->view_scratch + SOUK_SCRATCH_BYTES };
    const uint8_t *at = body.at;
    struct souk_reader in = { .at = at, .end = at + body.length, .scratch = &scratch };
    bool whole = layout->get(&in, out);
    souk_assert(whole);
}

souk_verdict
souk_kit_show_(souk_kit *kit, const struct souk_row *row, const void *query, const struct souk_layout *layout,
               void *view)
{
    struct souk_bytes bytes = souk_kit_encode(kit->heap, row->layout, query);
    struct souk_message *m = souk_kit_message(kit, SOUK_REQUEST, row->tag, bytes.length);
    souk_assert(row->class == SOUK_QUERY && row->kind == kit->kind->number);
    m->is_query = true;
    m->due_ms = UINT64_MAX;
    memcpy(m->body, bytes.at, bytes.length);
    release(kit, bytes);
    souk_verdict verdict = souk_kit_look(kit, m);
    if (verdict != SOUK_ACCEPT) return verdict;
    read_body(kit, kit->shown.at[0].body, layout, view);
    return SOUK_ACCEPT;
}

static bool
is_of(const struct souk_kit_said *said, const struct souk_row *row)
{
    bool command = said->verb != SOUK_KIT_EVENT && said->verb != SOUK_KIT_CALL && said->verb != SOUK_KIT_ANSWER;
    return (row->class == SOUK_EVENT ? said->verb == SOUK_KIT_EVENT : command) && said->tag == row->tag
           && said->to.kind == row->kind;
}

bool
souk_kit_said_(souk_kit *kit, const struct souk_row *row, uint32_t i, souk_ref *to, void *out)
{
    for (uint32_t k = 0; k < kit->said.count; k++) {
        const struct souk_kit_said *said = &kit->said.at[k];
        if (!is_of(said, row) || i--) continue;
        if (to) *to = said->to;
        read_body(kit, said->body, row->layout, out);
        return true;
    }
    return false;
}
