/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_form.h -- application/x-www-form-urlencoded, read: bodies and queries. For the simulated provider. */
#ifndef SOUK_PROVIDER_FORM_H
#define SOUK_PROVIDER_FORM_H

#include <souk/base.h>

enum { PROVIDER_FORM_PAIRS = 24, PROVIDER_FORM_BYTES = 4096 };

/* The pairs in their order, decoded. The caller's memory, and it must not be moved. */
struct provider_form {
    struct { struct souk_text name, value; } pairs[PROVIDER_FORM_PAIRS];
    size_t count;
    char bytes[PROVIDER_FORM_BYTES];
};

/* Reads a form. False: too long, too many pairs, a wrong escape, or a zero byte. */
bool souk_provider_form_read(struct provider_form *form, struct souk_text text);
/* The value of the first pair of that name; NULL: there is none. */
const struct souk_text *souk_provider_form_get(const struct provider_form *form, const char *name);
/* A value that is an integer from 0 to `most`, in plain digits. */
bool souk_provider_form_integer(const struct souk_text *value, int64_t most, int64_t *out);
/* Whether a pair whose name begins with "expand[" asks for something that ends with `suffix`. */
bool souk_provider_form_expands(const struct provider_form *form, const char *suffix);

#endif
