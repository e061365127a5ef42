/* SPDX-License-Identifier: Apache-2.0 */
/* codec/contract.c -- contracts made of kinds, and written; see contract.h. */
#include "codec/contract.h"

#include "base/hash.h"
#include "base/heap.h"
#include "codec/contractmemory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Memory. ---- */

struct souk_contract_chunk { struct souk_contract_chunk *next; _Alignas(16) uint8_t at[]; };

void *
souk_contract_take(souk_contract *contract, size_t size)
{
    struct souk_contract_chunk *chunk = souk_system_alloc(sizeof *chunk + size);
    if (!chunk) return NULL;
    chunk->next = contract->chunks;
    contract->chunks = chunk;
    return chunk->at;
}

void *
souk_contract_grow(souk_contract *contract, const void *list, uint32_t count, size_t size)
{
    enum { FIRST = 8 };
    bool full = count ? count >= FIRST && (count & (count - 1)) == 0 : true;
    if (!full) return (void *)(uintptr_t)list; /* It is our own memory, const for whoever reads. */
    void *more = souk_contract_take(contract, (count ? 2 * (size_t)count : FIRST) * size);
    if (more && count) memcpy(more, list, count * size);
    return more;
}

void
souk_contract_close(souk_contract *contract)
{
    for (struct souk_contract_chunk *chunk; (chunk = contract->chunks); free(chunk)) contract->chunks = chunk->next;
    *contract = (souk_contract){ .kinds = NULL };
}

/* ---- Of kinds. ---- */

static const char *const type_words[] = { [SOUK_BOOL] = "bool", [SOUK_U32] = "u32", [SOUK_U64] = "u64",
                                          [SOUK_I64] = "i64", [SOUK_KEY] = "key", [SOUK_STR] = "text",
                                          [SOUK_BIN] = "bytes", [SOUK_ASKER] = "asker" };

/* Takes the term's class and names from `term`, and its fields from those of a table. */
static bool
add_term(souk_contract *c, struct souk_contract_kind *kind, struct souk_term term, const struct souk_field *fields,
         uint32_t count)
{
    struct souk_term_field *list = count ? souk_contract_take(c, count * sizeof *list) : NULL;
    struct souk_term *terms = souk_contract_grow(c, kind->terms, kind->terms_count, sizeof term);
    if (!terms || (count && !list)) return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct souk_field *f = &fields[i];
        list[i] = (struct souk_term_field){ f->name, f->type == SOUK_REC ? f->record->name : type_words[f->type],
                                            f->shape, f->cap };
    }
    term.fields = list;
    term.count = count;
    terms[kind->terms_count++] = term;
    kind->terms = terms;
    return true;
}

static const char *
event_name(const struct souk_kind *kind, uint32_t tag)
{
    for (const struct souk_row *const *row = kind->rows; *row; row++)
        if ((*row)->tag == tag && ((*row)->class == SOUK_EVENT || (*row)->class == SOUK_LIFTED)) return (*row)->name;
    return NULL;
}

static bool
add_row(souk_contract *c, struct souk_contract_kind *out, const struct souk_kind *kind, const struct souk_row *row)
{
    static const enum souk_term_class classes[] = { [SOUK_COMMAND] = SOUK_TERM_COMMAND, [SOUK_REPLY] = SOUK_TERM_REPLY,
                                                    [SOUK_QUERY] = SOUK_TERM_QUERY, [SOUK_EVENT] = SOUK_TERM_EVENT,
                                                    [SOUK_LIFTED] = SOUK_TERM_LIFTED };
    struct souk_term term = { .class = classes[row->class], .number = row->tag, .name = row->name,
                              .is_public = row->class == SOUK_COMMAND && row->is_public };
    if (row->class == SOUK_QUERY) term.other = row->view->name;
    if (row->class == SOUK_LIFTED) term.other = event_name(kind, row->to);
    return add_term(c, out, term, row->layout ? row->layout->fields() : NULL, row->layout ? row->layout->count : 0);
}

static bool
describe(souk_contract *c, struct souk_contract_kind *out, const struct souk_kind *kind)
{
    uint32_t fields;
    const struct souk_field *state = kind->state(&fields);
    *out = (struct souk_contract_kind){ .name = kind->name, .number = kind->number, .refusals = kind->refusals,
                                        .is_volatile = kind->policy != NULL };
    while (kind->refusals[out->refusals_count].code) out->refusals_count++;
    bool good = add_term(c, out, (struct souk_term){ .class = SOUK_TERM_STATE, .name = kind->name }, state, fields);
    for (const struct souk_layout *const *record = kind->records; *record && good; record++)
        good = add_term(c, out, (struct souk_term){ .class = SOUK_TERM_RECORD, .name = (*record)->name },
                        (*record)->fields(), (*record)->count);
    for (const struct souk_row *const *row = kind->rows; *row && good; row++) good = add_row(c, out, kind, *row);
    return good;
}

/* Puts a kind where its number belongs. */
static souk_err
place(souk_contract *c, const struct souk_contract_kind *kind)
{
    struct souk_contract_kind *kinds = souk_contract_grow(c, c->kinds, c->count, sizeof *kinds);
    if (!kinds) return SOUK_ERR_MEMORY;
    uint32_t at = c->count;
    while (at && kinds[at - 1].number >= kind->number) at--;
    c->kinds = kinds;
    if (at < c->count && kinds[at].number == kind->number) return SOUK_ERR_USAGE;
    memmove(&kinds[at + 1], &kinds[at], (c->count - at) * sizeof *kinds);
    kinds[at] = *kind;
    c->count++;
    return SOUK_OK;
}

souk_err
souk_contract_of(souk_contract *out, const struct souk_kind *const *kinds, bool durable_only)
{
    souk_err err = SOUK_OK;
    *out = (souk_contract){ .kinds = NULL };
    for (; *kinds && !err; kinds++) {
        struct souk_contract_kind kind;
        if ((*kinds)->policy && durable_only) continue;
        err = describe(out, &kind, *kinds) ? place(out, &kind) : SOUK_ERR_MEMORY;
    }
    if (err) souk_contract_close(out);
    return err;
}

souk_err
souk_contract_add(souk_contract *contract, souk_contract *more)
{
    souk_err err = SOUK_OK;
    struct souk_contract_chunk **last = &contract->chunks;
    while (*last) last = &(*last)->next;
    *last = more->chunks; /* What the kinds point to. */
    for (uint32_t i = 0; i < more->count && !err; i++) err = place(contract, &more->kinds[i]);
    *more = (souk_contract){ .kinds = NULL };
    return err;
}

/* ---- Writing. The length is counted on after the room has ended. ---- */

struct sink { char *at; size_t room, length; };

static void
put(struct sink *s, char c)
{
    if (s->length < s->room) s->at[s->length] = c;
    s->length++;
}

static void
put_words(struct sink *s, const char *words)
{
    for (; *words; words++) put(s, *words);
}

SOUK_PRINTF(2, 3)
static void
print(struct sink *s, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    souk_assert(length >= 0 && (size_t)length < sizeof text);
    put_words(s, text);
}

/* ,"name":"text" */
static void
put_text(struct sink *s, const char *name, const char *text)
{
    print(s, "\"%.40s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') put(s, '\\');
        if ((unsigned char)*text < 0x20) print(s, "\\u%04x", (unsigned)*text);
        else put(s, *text);
    }
    put(s, '"');
}

static void
put_fields(struct sink *s, const struct souk_term *term, const char *indent)
{
    static const char *const shapes[] = { "one", "optional", "list", "map" };
    bool is_state = term->class == SOUK_TERM_STATE; /* Nothing is required there: what a snapshot lacks is zero. */
    print(s, "\"%s\":[", is_state ? "state" : "fields");
    for (uint32_t i = 0; i < term->count; i++) {
        const struct souk_term_field *f = &term->fields[i];
        print(s, "%s\n%s{\"number\":%u,", i ? "," : "", indent, i + 1);
        put_text(s, "name", f->name);
        put(s, ',');
        put_text(s, "type", f->type);
        print(s, ",\"shape\":\"%s\"", shapes[f->shape]);
        if (f->cap) print(s, ",\"cap\":%u", f->cap);
        if (!is_state) print(s, ",\"required\":%s", f->shape == SOUK_OPTIONAL ? "false" : "true");
        put(s, '}');
    }
    put(s, ']');
}

static void
put_term(struct sink *s, const struct souk_term *term)
{
    static const char *const classes[] = { [SOUK_TERM_COMMAND] = "command", [SOUK_TERM_REPLY] = "reply",
                                           [SOUK_TERM_QUERY] = "query", [SOUK_TERM_EVENT] = "event",
                                           [SOUK_TERM_LIFTED] = "lifted" };
    put_words(s, "\n   {");
    if (term->class != SOUK_TERM_RECORD)
        print(s, "\"class\":\"%s\",\"number\":%u,", classes[term->class], term->number);
    put_text(s, "name", term->name);
    if (term->class == SOUK_TERM_COMMAND) print(s, ",\"public\":%s", term->is_public ? "true" : "false");
    if (term->other) put(s, ',');
    if (term->other) put_text(s, term->class == SOUK_TERM_QUERY ? "view" : "becomes", term->other);
    if (term->class != SOUK_TERM_REPLY) put(s, ',');
    if (term->class != SOUK_TERM_REPLY) put_fields(s, term, "    ");
    put(s, '}');
}

static void
put_kind(struct sink *s, const struct souk_contract_kind *kind)
{
    put_words(s, "\n {");
    put_text(s, "kind", kind->name);
    print(s, ",\"number\":%u,\"volatile\":%s,\n  ", kind->number, kind->is_volatile ? "true" : "false");
    uint32_t at = 1, first = 1;
    put_fields(s, &kind->terms[0], "   ");
    put_words(s, ",\n  \"records\":[");
    for (; at < kind->terms_count && kind->terms[at].class == SOUK_TERM_RECORD; at++) {
        if (at > first) put(s, ',');
        put_term(s, &kind->terms[at]);
    }
    put_words(s, "],\n  \"refusals\":[");
    for (uint32_t i = 0; i < kind->refusals_count; i++) {
        print(s, "%s\n   {\"code\":%u,", i ? "," : "", kind->refusals[i].code);
        put_text(s, "name", kind->refusals[i].name);
        put(s, ',');
        put_text(s, "sentence", kind->refusals[i].sentence);
        put(s, '}');
    }
    put_words(s, "],\n  \"rows\":[");
    for (first = at; at < kind->terms_count; at++) {
        if (at > first) put(s, ',');
        put_term(s, &kind->terms[at]);
    }
    put_words(s, "]}");
}

uint64_t
souk_contract_sum(const char *text, size_t length)
{
    return souk_hash_link((struct souk_link){ 0, 0 }, text, length).high;
}

size_t
souk_contract_write(const souk_contract *contract, bool sealed, char *out, size_t room)
{
    struct sink s = { out, room, 0 };
    print(&s, "{\"contract\":%d,\"kinds\":[", SOUK_CONTRACT_VERSION);
    for (uint32_t i = 0; i < contract->count; i++) {
        if (i) put(&s, ',');
        put_kind(&s, &contract->kinds[i]);
    }
    put_words(&s, "\n]");
    if (sealed)
        print(&s, ",\"sum\":\"%016" PRIx64 "\"", s.length <= room ? souk_contract_sum(out, s.length) : 0);
    put_words(&s, "}\n");
    return s.length;
}
