/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/jsonarray.c -- the elements of a JSON array, one after the other.
 *
 * For arrays that souk_json_read() has found well-formed: here only texts and nesting are told apart. Whoever wants an
 * element's fields reads it in turn. */
#include "gateway/json.h"

static bool
blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ',' || c == '[';
}

/* The end of the text that begins at `at` with its quotation mark. */
static const char *
text_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

bool
souk_json_next(struct souk_text *array, struct souk_text *element)
{
    const char *at = array->at, *end = at + array->length;
    /* The array's own bracket goes with the first element; one of an inner array stays. */
    bool opened = false;
    while (at < end && blank(*at) && !(opened && *at == '[')) {
        opened |= *at == '[' || *at == ',';
        at++;
    }
    const char *begin = at;
    for (unsigned depth = 0; at < end; ) {
        char c = *at;
        if (depth == 0 && (c == ',' || c == ']' || (at > begin && blank(c) && c != '[')))
            break;
        if (c == '"') {
            at = text_end(at, end);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
    }
    *element = (struct souk_text){ begin, (size_t)(at - begin) };
    *array = (struct souk_text){ at, (size_t)(end - at) };
    return element->length > 0;
}
