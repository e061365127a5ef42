/* SPDX-License-Identifier: Apache-2.0 */
/* codec/contractread.c -- reads what souk_contract_write() has written: its members in its order, any space between
 * them. Nothing here goes deeper than a contract does, whatever the text claims. After the first fault nothing more is
 * read. */
#include "codec/contract.h"
#include "codec/contractmemory.h"

#include <inttypes.h>
#include <stdio.h>

struct reading {
    souk_contract *contract;
    const char *at, *end;
    souk_err err;
};

static void
fail(struct reading *r, souk_err err)
{
    if (!r->err) r->err = err;
}

/* Passes over space. */
static void
space(struct reading *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) r->at++;
}

/* Whether the text goes on with these characters; if so they are taken. */
static bool
take(struct reading *r, const char *wanted)
{
    space(r);
    size_t length = strlen(wanted);
    if (r->err || (size_t)(r->end - r->at) < length || memcmp(r->at, wanted, length) != 0) return false;
    r->at += length;
    return true;
}

static void
want(struct reading *r, const char *wanted)
{
    if (!take(r, wanted)) fail(r, SOUK_ERR_MALFORMED);
}

/* A member's name with its colon; the comma before it, too, unless it is the first. */
static bool
has_member(struct reading *r, const char *name, bool first)
{
    const char *before = r->at;
    if ((first || take(r, ",")) && take(r, "\"") && take(r, name) && take(r, "\"") && take(r, ":")) return true;
    r->at = before;
    return false;
}

static void
member(struct reading *r, const char *name, bool first)
{
    if (!has_member(r, name, first)) fail(r, SOUK_ERR_MALFORMED);
}

static uint32_t
number(struct reading *r)
{
    uint64_t n = 0;
    unsigned digits = 0;
    for (space(r); !r->err && r->at < r->end && *r->at >= '0' && *r->at <= '9' && digits < 11; digits++, r->at++)
        n = 10 * n + (uint64_t)(*r->at - '0');
    if (!digits || n > UINT32_MAX) fail(r, SOUK_ERR_MALFORMED);
    return (uint32_t)n;
}

static bool
truth(struct reading *r)
{
    bool yes = take(r, "true");
    if (!yes) want(r, "false");
    return yes;
}

/* One of the words, in quotation marks; its place. */
static uint32_t
word(struct reading *r, const char *const *words, uint32_t count)
{
    want(r, "\"");
    for (uint32_t i = 0; i < count && !r->err; i++) {
        const char *before = r->at;
        if (words[i] && take(r, words[i]) && take(r, "\"")) return i;
        r->at = before;
    }
    fail(r, SOUK_ERR_MALFORMED);
    return 0;
}

/* What an escape stands for; of these only those that are written: \" \\ and \u0001 to \u001f. */
static char
escaped(struct reading *r, const char *end)
{
    static const char digits[] = "0123456789abcdef";
    const char *low = end - r->at > 4 ? memchr(digits, r->at[4], 16) : NULL;
    if (*r->at == '"' || *r->at == '\\') return *r->at;
    if (*r->at != 'u' || !low || memcmp(r->at + 1, "00", 2) != 0 || (r->at[3] & 0xfe) != '0' ||
        (r->at[3] == '0' && low == digits)) {
        fail(r, SOUK_ERR_MALFORMED);
        return ' ';
    }
    r->at += 4;
    return (char)(16 * (r->at[-1] - '0') + (low - digits));
}

/* A text as a C string. */
static const char *
text(struct reading *r)
{
    want(r, "\"");
    const char *end = r->at;
    while (!r->err && end < r->end && *end != '"') end += *end == '\\' && r->end - end > 1 ? 2 : 1;
    if (r->err || end >= r->end) fail(r, SOUK_ERR_MALFORMED);
    char *out = r->err ? NULL : souk_contract_take(r->contract, (size_t)(end - r->at) + 1), *to = out;
    if (!out) {
        fail(r, SOUK_ERR_MEMORY);
        return "";
    }
    for (; r->at < end; r->at++) {
        if ((unsigned char)*r->at < 0x20) fail(r, SOUK_ERR_MALFORMED);
        if (*r->at != '\\') {
            *to++ = *r->at;
            continue;
        }
        r->at++;
        *to++ = escaped(r, end);
    }
    r->at++;
    return out;
}

/* Whether an array, which `opened` says is new, has another element. */
static bool
another(struct reading *r, bool *opened)
{
    bool first = !*opened;
    if (first) want(r, "[");
    *opened = true;
    if (r->err || take(r, "]")) return false;
    if (!first) want(r, ",");
    return !r->err;
}

/* ---- What a contract consists of. ---- */

static void
fields(struct reading *r, struct souk_term *term)
{
    static const char *const shapes[] = { "one", "optional", "list", "map" };
    for (bool opened = false; another(r, &opened);) {
        struct souk_term_field f = { .cap = 0 }, *list;
        want(r, "{");
        member(r, "number", true);
        if (number(r) != term->count + 1) fail(r, SOUK_ERR_MALFORMED);
        member(r, "name", false);
        f.name = text(r);
        member(r, "type", false);
        f.type = text(r);
        member(r, "shape", false);
        f.shape = (enum souk_shape)word(r, shapes, 4);
        if (has_member(r, "cap", false)) f.cap = number(r);
        if (term->class != SOUK_TERM_STATE) {
            member(r, "required", false);
            if (truth(r) != (f.shape != SOUK_OPTIONAL)) fail(r, SOUK_ERR_MALFORMED);
        }
        want(r, "}");
        list = r->err ? NULL : souk_contract_grow(r->contract, term->fields, term->count, sizeof f);
        if (!list) {
            fail(r, SOUK_ERR_MEMORY);
            return;
        }
        list[term->count++] = f;
        term->fields = list;
    }
}

static void
add_term(struct reading *r, struct souk_contract_kind *kind, struct souk_term term)
{
    struct souk_term *terms = NULL;
    if (!r->err) terms = souk_contract_grow(r->contract, kind->terms, kind->terms_count, sizeof term);
    if (!terms) {
        fail(r, SOUK_ERR_MEMORY);
        return;
    }
    terms[kind->terms_count++] = term;
    kind->terms = terms;
}

static void
record(struct reading *r, struct souk_contract_kind *kind)
{
    struct souk_term term = { .class = SOUK_TERM_RECORD };
    want(r, "{");
    member(r, "name", true);
    term.name = text(r);
    member(r, "fields", false);
    fields(r, &term);
    want(r, "}");
    add_term(r, kind, term);
}

static void
row(struct reading *r, struct souk_contract_kind *kind)
{
    static const char *const classes[] = { [SOUK_TERM_COMMAND] = "command", [SOUK_TERM_REPLY] = "reply",
                                           [SOUK_TERM_QUERY] = "query", [SOUK_TERM_EVENT] = "event",
                                           [SOUK_TERM_LIFTED] = "lifted" };
    struct souk_term term = { .count = 0 };
    want(r, "{");
    member(r, "class", true);
    term.class = (enum souk_term_class)word(r, classes, SOUK_TERM_LIFTED + 1);
    member(r, "number", false);
    term.number = number(r);
    member(r, "name", false);
    term.name = text(r);
    if (term.class == SOUK_TERM_COMMAND) {
        member(r, "public", false);
        term.is_public = truth(r);
    }
    if (term.class == SOUK_TERM_QUERY || term.class == SOUK_TERM_LIFTED) {
        member(r, term.class == SOUK_TERM_QUERY ? "view" : "becomes", false);
        term.other = text(r);
    }
    if (term.class != SOUK_TERM_REPLY) {
        member(r, "fields", false);
        fields(r, &term);
    }
    want(r, "}");
    add_term(r, kind, term);
}

static void
refusal(struct reading *r, struct souk_contract_kind *kind)
{
    struct souk_refusal one;
    want(r, "{");
    member(r, "code", true);
    one.code = number(r);
    member(r, "name", false);
    one.name = text(r);
    member(r, "sentence", false);
    one.sentence = text(r);
    want(r, "}");
    struct souk_refusal *list =
        r->err ? NULL : souk_contract_grow(r->contract, kind->refusals, kind->refusals_count, sizeof one);
    if (!list) {
        fail(r, SOUK_ERR_MEMORY);
        return;
    }
    list[kind->refusals_count++] = one;
    kind->refusals = list;
}

static void
kind(struct reading *r)
{
    struct souk_contract_kind k = { .number = 0 };
    struct souk_term state = { .class = SOUK_TERM_STATE };
    want(r, "{");
    member(r, "kind", true);
    state.name = k.name = text(r);
    member(r, "number", false);
    k.number = number(r);
    member(r, "volatile", false);
    k.is_volatile = truth(r);
    member(r, "state", false);
    fields(r, &state);
    add_term(r, &k, state);
    member(r, "records", false);
    for (bool opened = false; another(r, &opened);) record(r, &k);
    member(r, "refusals", false);
    for (bool opened = false; another(r, &opened);) refusal(r, &k);
    member(r, "rows", false);
    for (bool opened = false; another(r, &opened);) row(r, &k);
    want(r, "}");
    if (r->err) return;
    souk_contract one = { .kinds = &k, .count = 1 };
    souk_err err = souk_contract_add(r->contract, &one);
    fail(r, err == SOUK_ERR_USAGE ? SOUK_ERR_MALFORMED : err);
}

/* A sealed one says at its end what the sum of all before is. */
static void
seal(struct reading *r, const char *begin)
{
    char sum[24];
    size_t length = (size_t)(r->at - begin);
    if (r->err || !has_member(r, "sum", false)) return;
    snprintf(sum, sizeof sum, "\"%016" PRIx64 "\"", souk_contract_sum(begin, length));
    want(r, sum);
}

souk_err
souk_contract_read(souk_contract *out, struct souk_text from, uint32_t *line)
{
    struct reading r = { out, from.at, from.at + from.length, SOUK_OK };
    *out = (souk_contract){ .kinds = NULL };
    want(&r, "{");
    member(&r, "contract", true);
    uint32_t version = number(&r);
    if (version > SOUK_CONTRACT_VERSION) fail(&r, SOUK_ERR_VERSION);
    if (version < 1) fail(&r, SOUK_ERR_MALFORMED);
    member(&r, "kinds", false);
    for (bool opened = false; another(&r, &opened);) kind(&r);
    seal(&r, from.at);
    want(&r, "}");
    space(&r);
    if (r.at != r.end) fail(&r, SOUK_ERR_MALFORMED);
    *line = 1;
    for (const char *at = from.at; at < r.at; at++) *line += *at == '\n';
    if (r.err) souk_contract_close(out);
    return r.err;
}
