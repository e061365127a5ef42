/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_out.c -- lines about a journal: names instead of numbers, bodies by their tables. What this program
 * doesn't know is shown as what it is, with a note: a look never fails for it. See journal_inside.h. */
#include "journal_inside.h"

#include "address_parts.h"
#include "payment.h"

#include "base/clocktext.h"
#include "cell/lift.h"
#include "cell/turn.h"
#include "codec/dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LIMIT = 64 << 20, BODY_ROOM = 4096 };

/* ---- Out. ---- */

bool
journal_out_open(struct journal_out **out, bool (*write)(void *arg, struct souk_text text), void *arg)
{
    struct journal_out *o = malloc(sizeof *o);
    char *body = malloc(BODY_ROOM);
    *out = o;
    if (!o || !body) {
        free(o);
        free(body);
        return false;
    }
    o->write = write;
    o->arg = arg;
    o->gone = false;
    o->used = 0;
    o->body = body;
    o->body_room = BODY_ROOM;
    souk_json_init_growing(&o->line, LINE_LIMIT);
    return true;
}

void
journal_out_close(struct journal_out **out_p)
{
    struct journal_out *o = *out_p;
    *out_p = NULL;
    souk_json_fini(&o->line);
    free(o->body);
    free(o);
}

void
journal_out_flush(struct journal_out *o)
{
    if (o->used && !o->gone) o->gone = !o->write(o->arg, (struct souk_text){ o->text, o->used });
    o->used = 0;
}

void
journal_out_text(struct journal_out *o, struct souk_text text)
{
    if (text.length > sizeof o->text - o->used) journal_out_flush(o);
    if (text.length > sizeof o->text) {
        if (!o->gone) o->gone = !o->write(o->arg, text);
        return;
    }
    memcpy(o->text + o->used, text.at, text.length);
    o->used += text.length;
}

void
journal_out_print(struct journal_out *o, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    souk_assert(length >= 0 && (size_t)length < sizeof text);
    journal_out_text(o, (struct souk_text){ text, (size_t)length });
}

souk_json_writer *
journal_line(struct journal_out *o)
{
    souk_json_reset(&o->line);
    souk_json_object_open(&o->line);
    return &o->line;
}

void
journal_line_end(struct journal_out *o)
{
    struct souk_text text;
    souk_json_object_close(&o->line);
    if (souk_json_done(&o->line, &text)) text = SOUK_TEXT("{\"note\":\"this is too long to be shown\"}");
    journal_out_text(o, text);
    journal_out_text(o, SOUK_TEXT("\n"));
}

/* ---- Names. ---- */

const struct souk_kind *
journal_kind(uint32_t number)
{
    for (const struct souk_kind *const *kind = souk_wire_kinds; *kind; kind++)
        if ((*kind)->number == number) return *kind;
    return NULL;
}

const char *
journal_refusal(uint32_t code)
{
    for (const struct souk_kind *const *kind = souk_wire_kinds; *kind && code; kind++) {
        const char *name = souk_verdict_name(*kind, code);
        if (strcmp(name, "refused")) return name;
    }
    return NULL;
}

const struct souk_row *
journal_row(const struct souk_kind *kind, enum souk_class class, uint32_t tag)
{
    for (const struct souk_row *const *row = kind ? kind->rows : NULL; row && *row; row++)
        if ((*row)->class == class && (*row)->tag == tag) return *row;
    return NULL;
}

const struct souk_row *
journal_event(const struct souk_kind *kind, uint32_t tag)
{
    return kind ? souk_event_row(kind, tag) : NULL;
}

const struct souk_layout *
journal_operation(struct souk_text name)
{
    static const struct souk_layout *const operations[] = {
        souk_layout_of_provider_authorise, souk_layout_of_provider_capture, souk_layout_of_provider_cancel,
        souk_layout_of_provider_refund, souk_layout_of_provider_retrieve,
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (souk_text_equal(souk_text_of(operations[i]->name), name)) return operations[i];
    return NULL;
}

void
journal_put_key(souk_json_writer *w, const char *name, souk_key key)
{
    char text[2 * 16 + 1];
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)key.high, (unsigned long long)key.low);
    souk_json_put_text(w, name, souk_text_of(text));
}

void
journal_put_time(souk_json_writer *w, const char *name, uint64_t ms)
{
    char in_ms[32] = "ms", text[SOUK_CLOCK_TEXT_BYTES];
    if (name) snprintf(in_ms, sizeof in_ms, "%.20s_ms", name);
    souk_json_put_u64(w, in_ms, ms);
    souk_json_put_text(w, name ? name : "time", souk_clock_format(ms, text));
}

void
journal_put_kind(souk_json_writer *w, const char *name, uint32_t number)
{
    const struct souk_kind *kind = journal_kind(number);
    if (kind) souk_json_put_text(w, name, souk_text_of(kind->name));
    else souk_json_put_u64(w, name, number);
}

void
journal_put_row(souk_json_writer *w, const char *name, const struct souk_row *row, uint32_t tag)
{
    if (row) souk_json_put_text(w, name, souk_text_of(row->name));
    else souk_json_put_u64(w, name, tag);
}

/* ---- Bodies. ---- */

bool
journal_body_fits(const struct souk_layout *layout, struct souk_bytes body, uint8_t *scratch)
{
    struct souk_scratch room = { scratch, scratch + SOUK_SCRATCH_BYTES };
    struct souk_reader in = { .at = body.at, .end = (const uint8_t *)body.at + body.length, .scratch = &room };
    if (layout->size > SOUK_SCRATCH_BYTES / 2) return false;
    room.at += (layout->size + 15) & ~(size_t)15; /* The message first, what it borrows behind it. */
    return layout->get(&in, scratch) && in.at == in.end;
}

bool
journal_call_open(struct souk_bytes body, struct souk_text *operation, struct souk_bytes *record)
{
    const uint8_t *at = body.at;
    struct souk_reader in = { .at = at, .end = at + body.length };
    souk_get_text(&in, operation);
    *record = (struct souk_bytes){ in.at, (size_t)(in.end - in.at) };
    return !in.bad;
}

/* The body as JSON into out->body. */
static souk_err
render(struct journal_out *o, const struct souk_layout *layout, struct souk_bytes body, size_t *length)
{
    souk_err err = souk_dump(layout, body, o->body, o->body_room, length);
    if (err != SOUK_ERR_TOO_LARGE || !*length) return err; /* A valid one that is beyond a limit has no length. */
    char *more = realloc(o->body, *length + 1);
    if (!more) return SOUK_ERR_MEMORY;
    o->body = more;
    o->body_room = *length + 1;
    return souk_dump(layout, body, o->body, o->body_room, length);
}

static void
put_hex(souk_json_writer *w, struct souk_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes.at;
    char *text = malloc(2 * bytes.length + 1);
    if (!text) {
        souk_json_null(w);
        return;
    }
    for (size_t i = 0; i < bytes.length; i++) {
        text[2 * i] = digits[at[i] >> 4];
        text[2 * i + 1] = digits[at[i] & 15];
    }
    souk_json_text(w, (struct souk_text){ text, 2 * bytes.length });
    free(text);
}

void
journal_put_body(struct journal_out *o, const struct souk_layout *layout, struct souk_bytes body, const char *note)
{
    souk_json_writer *w = &o->line;
    size_t length = 0;
    souk_json_key(w, "body");
    souk_err err = body.length ? render(o, layout, body, &length) : SOUK_OK;
    if (err && layout) {
        note = "the body does not fit its table";
        err = render(o, NULL, body, &length);
    }
    if (err && !note) note = "the body cannot be read";
    if (err) put_hex(w, body);
    else if (length) souk_json_raw(w, (struct souk_text){ o->body, length });
    else souk_json_null(w);
    if (note) souk_json_put_text(w, "note", souk_text_of(note));
}
