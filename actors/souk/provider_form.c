/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_form.c -- reading forms; called by provider_api.c for each body and query. */
#include "provider_form.h"

#include <string.h>

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char letter = (char)(c | 0x20);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Decodes up to one of the bytes in `stops`; moves *at there. False: a wrong escape, a zero byte, or no room. */
static bool
decode(struct provider_form *form, size_t *used, const char **at, const char *end, const char *stops,
       struct souk_text *out)
{
    char *begin = form->bytes + *used;
    for (; *at < end && strchr(stops, **at) == NULL; (*at)++) {
        char c = **at == '+' ? ' ' : **at;
        if (**at == '%') {
            int high = end - *at > 2 ? hex_digit((*at)[1]) : -1, low = end - *at > 2 ? hex_digit((*at)[2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            *at += 2;
        }
        if (c == '\0' || *used == sizeof form->bytes)
            return false;
        form->bytes[(*used)++] = c;
    }
    *out = (struct souk_text){ begin, (size_t)(form->bytes + *used - begin) };
    return true;
}

bool
souk_provider_form_read(struct provider_form *form, struct souk_text text)
{
    const char *at = text.at, *end = text.at + text.length;
    size_t used = 0;
    form->count = 0;
    if (memchr(text.length > 0 ? text.at : "", '\0', text.length) != NULL)
        return false;
    while (at < end) {
        if (form->count == PROVIDER_FORM_PAIRS)
            return false;
        struct souk_text *name = &form->pairs[form->count].name, *value = &form->pairs[form->count].value;
        *value = SOUK_TEXT("");
        if (!decode(form, &used, &at, end, "=&", name))
            return false;
        if (at < end && *at == '=') {
            at++;
            if (!decode(form, &used, &at, end, "&", value))
                return false;
        }
        at += at < end;
        form->count += name->length > 0;
    }
    return true;
}

const struct souk_text *
souk_provider_form_get(const struct provider_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (souk_text_equal(form->pairs[i].name, souk_text_of(name)))
            return &form->pairs[i].value;
    return NULL;
}

bool
souk_provider_form_integer(const struct souk_text *value, int64_t most, int64_t *out)
{
    *out = 0;
    if (value == NULL || value->length == 0 || value->length > 18)
        return false;
    for (size_t i = 0; i < value->length; i++) {
        if (value->at[i] < '0' || value->at[i] > '9')
            return false;
        *out = *out * 10 + (value->at[i] - '0');
    }
    return *out <= most;
}

bool
souk_provider_form_expands(const struct provider_form *form, const char *suffix)
{
    size_t length = strlen(suffix);
    for (size_t i = 0; i < form->count; i++) {
        struct souk_text name = form->pairs[i].name, value = form->pairs[i].value;
        if (name.length >= 7 && memcmp(name.at, "expand[", 7) == 0 && value.length >= length
            && memcmp(value.at + value.length - length, suffix, length) == 0)
            return true;
    }
    return false;
}
