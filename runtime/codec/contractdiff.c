/* SPDX-License-Identifier: Apache-2.0 */
/* codec/contractdiff.c -- one contract held against another; see contract.h.
 *
 * Rows are the same when class and number are, fields when their places are, records when their names are: numbers and
 * places are on disk and on the wire. Two readers may be kept from reading. The new program reads what was written
 * under the old contract: events, snapshots, messages and answers under way. A client speaks to the new program by the
 * old contract: it sends commands and queries, also by the names of their fields, and reads views, answers and
 * refusals. Both take what is missing at the end of a message for absent; a client skips what it doesn't know there. */
#include "codec/contract.h"

#include <stdarg.h>
#include <stdio.h>

struct diff {
    const struct souk_contract_kind *was, *is;
    void (*change)(void *arg, const struct souk_contract_change *change);
    void *arg;
    bool found; /* A change of another kind than "breaks nothing", for who only asks whether there is one. */
};

static const char *const class_words[] = { "state", "record", "command", "reply", "query", "event", "lifted event" };

static bool
same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Tells a change of a term, or of the kind itself; of a field if that is named. What is volatile writes no data. */
SOUK_PRINTF(5, 6)
static void
tell(struct diff *d, enum souk_breaks breaks, const struct souk_term *term, uint32_t field, const char *format, ...)
{
    struct souk_contract_change c = { .breaks = breaks };
    if (breaks == SOUK_BREAKS_DATA && d->was->is_volatile) c.breaks = SOUK_BREAKS_CLIENTS;
    if (c.breaks) d->found = true;
    if (!d->change) return;
    int n = snprintf(c.where, sizeof c.where, "%.60s", d->was->name);
    size_t at = n > 0 ? (size_t)n : 0;
    if (term && term->class == SOUK_TERM_STATE)
        n = snprintf(c.where + at, sizeof c.where - at, ", state");
    else if (term && !term->number)
        n = snprintf(c.where + at, sizeof c.where - at, ", record %.40s", term->name);
    else if (term)
        n = snprintf(c.where + at, sizeof c.where - at, ", %s %u %.40s", class_words[term->class], term->number,
                     term->name);
    at += term && n > 0 ? (size_t)n : 0;
    if (at < sizeof c.where && field && term && field <= term->count)
        snprintf(c.where + at, sizeof c.where - at, ", field %u %.32s", field, term->fields[field - 1].name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c.why, sizeof c.why, format, arguments);
    va_end(arguments);
    d->change(d->arg, &c);
}

/* ---- Finding. ---- */

/* An event and a lifted event share their numbers. */
static bool
same_class(enum souk_term_class a, enum souk_term_class b)
{
    return a == b || (a >= SOUK_TERM_EVENT && b >= SOUK_TERM_EVENT);
}

static const struct souk_term *
numbered(const struct souk_contract_kind *kind, const struct souk_term *like)
{
    const struct souk_term *at = kind->terms;
    for (uint32_t i = 0; i < kind->terms_count; i++, at++)
        if (same_class(at->class, like->class) && at->number == like->number) return at;
    return NULL;
}

static const struct souk_term *
named(const struct souk_contract_kind *kind, enum souk_term_class class, const char *name)
{
    for (uint32_t i = 0; i < kind->terms_count; i++)
        if (same_class(kind->terms[i].class, class) && same(kind->terms[i].name, name)) return &kind->terms[i];
    return NULL;
}

/* ---- Fields. ---- */

static bool compare_fields(const struct diff *d, const struct souk_term *was, const struct souk_term *is);

/* Whether what was written as one type is read as the other: integers are as wide as they must be. */
static bool
widens(const char *was, const char *is)
{
    return same(was, "u32") && (same(is, "u64") || same(is, "i64"));
}

/* Two records that are one, whatever their names. */
static bool
same_record(const struct diff *d, const char *was, const char *is)
{
    const struct souk_term *a = named(d->was, SOUK_TERM_RECORD, was), *b = named(d->is, SOUK_TERM_RECORD, is);
    return a && b && (same(was, is) || compare_fields(d, a, b));
}

/* Whom it breaks when this class of term can be read in one way no more: a query is never stored. */
static enum souk_breaks
breaks_all(const struct souk_term *term)
{
    return term->class == SOUK_TERM_QUERY ? SOUK_BREAKS_CLIENTS : SOUK_BREAKS_DATA;
}

/* Whom it breaks when what is written now cannot be read by the old contract: only records are written to others. */
static enum souk_breaks
breaks_old(const struct souk_term *term)
{
    return term->class == SOUK_TERM_RECORD ? SOUK_BREAKS_CLIENTS : SOUK_BREAKS_NOTHING;
}

static void
compare_shape(struct diff *d, const struct souk_term *was, uint32_t number, const struct souk_term_field *a,
              const struct souk_term_field *b)
{
    static const char *const shapes[] = { "required", "optional", "a list", "a map" };
    if (a->shape == SOUK_ONE && b->shape == SOUK_OPTIONAL)
        tell(d, breaks_old(was), was, number, "it was required and is optional%s",
             breaks_old(was) ? ": who reads it by the old contract takes its absence for damage" : "");
    else if (a->shape == SOUK_OPTIONAL && b->shape == SOUK_ONE)
        tell(d, breaks_all(was), was, number,
             "it was optional and is required: what was written without it cannot be read");
    else if (a->shape != b->shape)
        tell(d, breaks_all(was), was, number, "it was %s and is %s: what was written cannot be read", shapes[a->shape],
             shapes[b->shape]);
    else if (a->cap > b->cap)
        tell(d, breaks_all(was), was, number, "its cap was %u and is %u: longer lists that were written cannot be read",
             a->cap, b->cap);
    else if (a->cap < b->cap)
        tell(d, breaks_old(was), was, number, "its cap was %u and is %u%s", a->cap, b->cap,
             breaks_old(was) ? ": who reads it by the old contract refuses longer lists" : "");
}

static void
compare_field(struct diff *d, const struct souk_term *was, const struct souk_term *is, uint32_t number)
{
    const struct souk_term_field *a = &was->fields[number - 1], *b = &is->fields[number - 1];
    for (uint32_t i = 0; i < is->count && !same(a->name, b->name); i++) {
        if (i + 1 == number || !same(is->fields[i].name, a->name)) continue;
        tell(d, breaks_all(was), was, number, "it is field %u now: numbers are the order on disk and on the wire",
             i + 1);
        return;
    }
    if (!same(a->type, b->type) && !same_record(d, a->type, b->type)) {
        if (widens(a->type, b->type))
            tell(d, breaks_old(was), was, number, "its type was %.32s and is %.32s, which reads both%s", a->type,
                 b->type, breaks_old(was) ? "; who reads it by the old contract doesn't" : "");
        else
            tell(d, breaks_all(was), was, number, "its type was %.32s and is %.32s: what was written cannot be read",
                 a->type, b->type);
    }
    compare_shape(d, was, number, a, b);
    if (same(a->name, b->name)) return;
    bool spoken = was->class == SOUK_TERM_RECORD || was->class == SOUK_TERM_QUERY || was->is_public;
    tell(d, spoken ? SOUK_BREAKS_CLIENTS : SOUK_BREAKS_NOTHING, was, number, "it is called %.40s now%s", b->name,
         spoken ? ": clients may give and read fields by their names" : "");
}

static void
compare_all_fields(struct diff *d, const struct souk_term *was, const struct souk_term *is)
{
    uint32_t both = was->count < is->count ? was->count : is->count;
    for (uint32_t n = 1; n <= both; n++) compare_field(d, was, is, n);
    for (uint32_t n = both + 1; n <= was->count; n++) {
        bool moved = false; /* That has been told where it stands now. */
        for (uint32_t i = 0; i < is->count; i++) moved |= same(is->fields[i].name, was->fields[n - 1].name);
        tell(d, breaks_all(was), was, n, "%s",
             moved ? "it has another number now: numbers are the order on disk and on the wire"
                   : "it is missing: what is in it would be lost");
    }
    for (uint32_t n = both + 1; n <= is->count; n++) {
        bool absent = is->fields[n - 1].shape == SOUK_OPTIONAL || is->class == SOUK_TERM_STATE;
        tell(d, absent ? SOUK_BREAKS_NOTHING : breaks_all(is), is, n, "%s",
             absent ? "it is new" : "it is new and required: what was written before lacks it");
    }
}

/* Whether nothing changed in them that would break anything. One that has grown is the same. */
static bool
compare_fields(const struct diff *d, const struct souk_term *was, const struct souk_term *is)
{
    struct diff quiet = { .was = d->was, .is = d->is };
    compare_all_fields(&quiet, was, is);
    return !quiet.found;
}

/* ---- Rows and records. ---- */

static void
compare_row(struct diff *d, const struct souk_term *was, const struct souk_term *is)
{
    bool stays = is && (is->class == SOUK_TERM_LIFTED || same(is->name, was->name));
    const struct souk_term *elsewhere = stays ? NULL : named(d->is, was->class, was->name);
    bool spoken = was->is_public || was->class == SOUK_TERM_QUERY;
    if (elsewhere) {
        tell(d, breaks_all(was), was, 0, "its number is %u now%s", elsewhere->number,
             was->class == SOUK_TERM_QUERY ? "" : ": what is stored says the old one");
        return;
    }
    if (!is) {
        tell(d, breaks_all(was), was, 0, "it is missing%s",
             was->class == SOUK_TERM_QUERY ? "" : ": what is stored of it cannot be read");
        return;
    }
    if (was->class != is->class && is->class == SOUK_TERM_LIFTED)
        tell(d, SOUK_BREAKS_NOTHING, was, 0, "it is of the past, and becomes %.40s", is->other);
    else if (was->class != is->class)
        tell(d, SOUK_BREAKS_NOTHING, was, 0, "it is of the past no more");
    else if (!same(was->name, is->name))
        tell(d, spoken ? SOUK_BREAKS_CLIENTS : SOUK_BREAKS_NOTHING, was, 0, "it is called %.40s now%s", is->name,
             spoken ? ": clients name what they say" : "");
    if (was->is_public && !is->is_public)
        tell(d, SOUK_BREAKS_CLIENTS, was, 0, "it was public and is internal: clients may not say it any more");
    if (!was->is_public && is->is_public) tell(d, SOUK_BREAKS_NOTHING, was, 0, "it was internal and is public");
    if (was->class == SOUK_TERM_QUERY && !same_record(d, was->other, is->other))
        tell(d, SOUK_BREAKS_CLIENTS, was, 0, "it was answered with %.40s and is with %.40s", was->other, is->other);
    if (was->class == SOUK_TERM_LIFTED && is->class == SOUK_TERM_LIFTED && !same(was->other, is->other))
        tell(d, SOUK_BREAKS_NOTHING, was, 0, "it became %.40s and becomes %.40s", was->other, is->other);
    compare_all_fields(d, was, is);
}

static void
compare_record(struct diff *d, const struct souk_term *was)
{
    const struct souk_term *is = named(d->is, SOUK_TERM_RECORD, was->name);
    if (is) {
        compare_all_fields(d, was, is);
        return;
    }
    for (uint32_t i = 0; i < d->is->terms_count; i++) {
        const struct souk_term *other = &d->is->terms[i];
        if (other->class != SOUK_TERM_RECORD || named(d->was, SOUK_TERM_RECORD, other->name)) continue;
        if (!compare_fields(d, was, other)) continue;
        tell(d, SOUK_BREAKS_NOTHING, was, 0, "it is called %.40s now", other->name);
        return;
    }
    tell(d, SOUK_BREAKS_DATA, was, 0, "it is missing: who was answered with it cannot read the answer");
}

static void
compare_refusals(struct diff *d)
{
    for (uint32_t i = 0; i < d->was->refusals_count; i++) {
        const struct souk_refusal *was = &d->was->refusals[i], *is = NULL, *elsewhere = NULL;
        for (uint32_t n = 0; n < d->is->refusals_count; n++) {
            if (d->is->refusals[n].code == was->code) is = &d->is->refusals[n];
            if (same(d->is->refusals[n].name, was->name)) elsewhere = &d->is->refusals[n];
        }
        if (elsewhere && elsewhere != is)
            tell(d, SOUK_BREAKS_CLIENTS, NULL, 0, "the refusal %.40s had code %u and has %u", was->name, was->code,
                 elsewhere->code);
        else if (is && !same(is->name, was->name))
            tell(d, SOUK_BREAKS_CLIENTS, NULL, 0, "code %u meant %.40s and means %.40s: a code is never used again",
                 was->code, was->name, is->name);
        else if (!is)
            tell(d, SOUK_BREAKS_NOTHING, NULL, 0, "the refusal %u %.40s is missing", was->code, was->name);
        else if (!same(is->sentence, was->sentence))
            tell(d, SOUK_BREAKS_NOTHING, NULL, 0, "the refusal %u %.40s has another sentence", was->code, was->name);
    }
}

/* What there was not before. */
static void
tell_new(struct diff *d)
{
    for (uint32_t i = 1; i < d->is->terms_count; i++) {
        const struct souk_term *is = &d->is->terms[i];
        bool record = is->class == SOUK_TERM_RECORD;
        if (record ? !named(d->was, SOUK_TERM_RECORD, is->name) : !numbered(d->was, is))
            tell(d, SOUK_BREAKS_NOTHING, is, 0, "it is new");
    }
    for (uint32_t i = 0; i < d->is->refusals_count; i++) {
        bool known = false;
        for (uint32_t n = 0; n < d->was->refusals_count; n++)
            known |= d->was->refusals[n].code == d->is->refusals[i].code;
        if (!known)
            tell(d, SOUK_BREAKS_NOTHING, NULL, 0, "the refusal %u %.40s is new", d->is->refusals[i].code,
                 d->is->refusals[i].name);
    }
}

static void
compare_kind(struct diff *d)
{
    if (!same(d->was->name, d->is->name))
        tell(d, SOUK_BREAKS_CLIENTS, NULL, 0, "kind %u is called %.40s now: clients name whom they speak to",
             d->was->number, d->is->name);
    if (!d->was->is_volatile && d->is->is_volatile)
        tell(d, SOUK_BREAKS_DATA, NULL, 0, "it was event-sourced and is volatile: what is stored would be lost");
    if (d->was->is_volatile && !d->is->is_volatile)
        tell(d, SOUK_BREAKS_NOTHING, NULL, 0, "it was volatile and is event-sourced");
    compare_all_fields(d, &d->was->terms[0], &d->is->terms[0]);
    for (uint32_t i = 1; i < d->was->terms_count; i++) {
        const struct souk_term *was = &d->was->terms[i];
        if (was->class == SOUK_TERM_RECORD) compare_record(d, was);
        else compare_row(d, was, numbered(d->is, was));
    }
    compare_refusals(d);
    tell_new(d);
}

void
souk_contract_compare(const souk_contract *was, const souk_contract *is,
                      void (*change)(void *arg, const struct souk_contract_change *change), void *arg)
{
    for (uint32_t i = 0; i < was->count; i++) {
        struct diff d = { .was = &was->kinds[i], .change = change, .arg = arg };
        const struct souk_contract_kind *elsewhere = NULL;
        for (uint32_t n = 0; n < is->count; n++) {
            if (is->kinds[n].number == d.was->number) d.is = &is->kinds[n];
            if (same(is->kinds[n].name, d.was->name)) elsewhere = &is->kinds[n];
        }
        if (elsewhere && elsewhere != d.is)
            tell(&d, SOUK_BREAKS_DATA, NULL, 0, "its number was %u and is %u: actors are found by it", d.was->number,
                 elsewhere->number);
        else if (!d.is)
            tell(&d, SOUK_BREAKS_DATA, NULL, 0, "kind %u is missing", d.was->number);
        else
            compare_kind(&d);
    }
    for (uint32_t n = 0; n < is->count; n++) {
        bool known = false;
        for (uint32_t i = 0; i < was->count; i++)
            known |= was->kinds[i].number == is->kinds[n].number || same(was->kinds[i].name, is->kinds[n].name);
        struct diff d = { .was = &is->kinds[n], .change = change, .arg = arg };
        if (!known) tell(&d, SOUK_BREAKS_NOTHING, NULL, 0, "kind %u is new", is->kinds[n].number);
    }
}
