/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitwords.c -- what the testkit says when an expectation isn't met; see kit.h. */
#include "node/kit.h"

#include "codec/dump.h"

#include <inttypes.h>
#include <stdlib.h>

/* One hook for the process, as a test program has one harness. */
static void (*told)(const char *file, int line, const char *text);

void
souk_kit_on_failure(void (*fail)(const char *file, int line, const char *text))
{
    told = fail;
}

void
souk_kit_fail(struct souk_kit_here_ here, char *text)
{
    static char *last; /* The hook may leave by a jump. */
    free(last);
    last = text;
    if (told) {
        told(here.file, here.line, text);
        return;
    }
    fprintf(stderr, "%s:%d: %s\n", here.file, here.line, text);
    abort();
}

FILE *
souk_kit_text(struct souk_kit_text *text)
{
    free(text->at);
    FILE *out = open_memstream(&text->at, &text->length);
    souk_assert(out);
    return out;
}

const struct souk_row *
souk_kit_row(const struct souk_kind *kind, enum souk_class class, uint32_t tag)
{
    for (const struct souk_row *const *row = kind->rows; *row; row++)
        if ((*row)->class == class && (*row)->tag == tag) return *row;
    return NULL;
}

void
souk_kit_json(FILE *out, const struct souk_layout *layout, struct souk_bytes body)
{
    size_t length;
    char *text = NULL;
    souk_err err = souk_dump(layout, body, NULL, 0, &length);
    if (err == SOUK_ERR_TOO_LARGE && (text = malloc(length + 1)))
        err = souk_dump(layout, body, text, length + 1, &length);
    fputs(text && !err ? text : "(malformed)", out);
    free(text);
}

static void
write_to(FILE *out, souk_ref to)
{
    fprintf(out, " to kind %" PRIu32 ", %016" PRIx64 "%016" PRIx64, to.kind, to.key.high, to.key.low);
}

/* The name and body of a command; of another kind's, without a layout, only their form. */
static void
write_command(FILE *out, const struct souk_kit *kit, const struct souk_kit_said *said, const struct souk_layout *layout)
{
    const struct souk_row *row =
        said->to.kind == kit->kind->number ? souk_kit_row(kit->kind, SOUK_COMMAND, said->tag) : NULL;
    if (!layout && row) layout = row->layout;
    if (layout) fputs(layout->name, out);
    else fprintf(out, "command %" PRIu32, said->tag);
    fputc(' ', out);
    souk_kit_json(out, layout, said->body);
}

static void
write_reply(FILE *out, const struct souk_kit *kit, const struct souk_kit_said *said)
{
    const struct souk_row *row = souk_kit_row(kit->kind, SOUK_REPLY, said->reply);
    fprintf(out, ", within %" PRIu64 " ms, for %s", said->ms, row ? row->name : "nobody");
}

static void
write_answer(FILE *out, const struct souk_kit *kit, const struct souk_kit_said *said, const struct souk_layout *layout)
{
    if (said->ending == SOUK_REFUSED)
        fprintf(out, "refuses %s", souk_verdict_name(kit->kind, said->refusal));
    else if (said->ending == SOUK_DONE && said->body.length)
        fprintf(out, "answers %s", layout ? layout->name : "");
    else fputs(said->ending == SOUK_DONE ? "accepts" : "ends otherwise", out);
    if (said->body.length) souk_kit_json(out, layout, said->body);
    if (said->asker.number != kit->asked) fprintf(out, " (for the WHEN number %" PRIu32 ")", said->asker.number);
}

void
souk_kit_say(FILE *out, const struct souk_kit *kit, const struct souk_kit_said *said, const struct souk_layout *layout)
{
    const struct souk_row *event;
    switch (said->verb) {
    case SOUK_KIT_EVENT:
        event = souk_kit_row(kit->kind, SOUK_EVENT, said->tag);
        fprintf(out, "%s ", event->name);
        souk_kit_json(out, event->layout, said->body);
        return;
    case SOUK_KIT_TELL:
    case SOUK_KIT_FORWARD:
        fputs(said->verb == SOUK_KIT_TELL ? "tells " : "forwards ", out);
        write_command(out, kit, said, layout);
        write_to(out, said->to);
        return;
    case SOUK_KIT_ASK:
        fputs("asks ", out);
        write_command(out, kit, said, layout);
        write_to(out, said->to);
        write_reply(out, kit, said);
        return;
    case SOUK_KIT_WAKE:
        fputs("wakes ", out);
        write_command(out, kit, said, layout);
        fprintf(out, " after %" PRIu64 " ms", said->ms);
        return;
    case SOUK_KIT_CALL:
        fprintf(out, "calls %.*s ", (int)said->operation.length, said->operation.at);
        souk_kit_json(out, layout, said->body);
        fprintf(out, " at port %" PRIu32 ", key %016" PRIx64 "%016" PRIx64, said->to.kind, said->to.key.high,
                said->to.key.low);
        write_reply(out, kit, said);
        return;
    case SOUK_KIT_ANSWER: write_answer(out, kit, said, layout); return;
    }
}

void
souk_kit_complain(struct souk_kit *kit, struct souk_kit_here_ here, const char *what, struct souk_kit_text *rest)
{
    if (kit->complaint.at) return; /* What follows may be but its consequence. */
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    souk_assert(out);
    fprintf(out, "%s%s", what, rest && rest->at ? rest->at : "");
    if (!kit->quiet) {
        if (kit->when_text.at) fprintf(out, "\n  when      %s (line %d)", kit->when_text.at, kit->when.line);
        fprintf(out, "\n  state     %s", souk_kit_state(kit));
    }
    fclose(out);
    if (rest) {
        free(rest->at);
        rest->at = NULL;
    }
    kit->complaint.at = text;
    kit->complained = what;
    if (kit->quiet) return;
    char *copy = strdup(text);
    souk_assert(copy);
    souk_kit_fail(here, copy);
}
