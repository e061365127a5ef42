/* SPDX-License-Identifier: Apache-2.0 */
/* node/terms.c -- see terms.h. Called by node.c when it opens a data directory. */
#include "node/terms.h"

#include "base/heap.h"
#include "codec/contract.h"
#include "store/file.h"
#include "work/dead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TERMS_MAX = 8 << 20 };

/* What the program's kinds and the runtime's own may write. */
static souk_err
our_contract(souk_contract *ours, const struct souk_kind *const *kinds)
{
    static const struct souk_kind *const own[] = { &dead_letters_kind, NULL };
    souk_contract more;
    souk_err err = souk_contract_of(ours, kinds, true);
    if (err) return err;
    err = souk_contract_of(&more, own, true);
    if (!err) err = souk_contract_add(ours, &more);
    if (err) souk_contract_close(ours);
    return err;
}

/* The directory's contract as text; *text is NULL when there is none. */
static souk_err
read_text(const char *directory, char **text, size_t *length, char *why, size_t why_size)
{
    *length = 0;
    *text = NULL;
    char *path = souk_file_path(directory, "contract"), *read = souk_system_alloc(TERMS_MAX);
    souk_err err = path && read ? souk_file_read(path, read, TERMS_MAX, length) : SOUK_ERR_MEMORY;
    free(path);
    if (!err) *text = read;
    else free(read);
    if (err == SOUK_ERR_MISSING) return SOUK_OK;
    if (err == SOUK_ERR_TOO_LARGE) err = SOUK_ERR_CORRUPT;
    if (err) (void)souk_file_fault(err, why, why_size, "%s/contract cannot be read: %s", directory, souk_err_text(err));
    return err;
}

struct judgement { struct souk_contract_change first; unsigned count; };

static void
judge(void *arg, const struct souk_contract_change *change)
{
    struct judgement *j = arg;
    if (change->breaks == SOUK_BREAKS_DATA && !j->count++) j->first = *change;
}

static souk_err
compare(const char *directory, const souk_contract *was, const souk_contract *ours, char *why, size_t why_size)
{
    struct judgement j = { .count = 0 };
    souk_contract_compare(was, ours, judge, &j);
    if (!j.count) return SOUK_OK;
    char more[32] = "";
    if (j.count > 1) snprintf(more, sizeof more, "; and %u more", j.count - 1);
    return souk_file_fault(SOUK_ERR_VERSION, why, why_size,
                           "%s was written by another program than this. Here, %s: %s%s", directory, j.first.where,
                           j.first.why, more);
}

souk_err
souk_terms_check(const char *directory, const struct souk_kind *const *kinds, char *why, size_t why_size)
{
    souk_contract was, ours;
    char *text;
    size_t length;
    uint32_t line;
    souk_err err = read_text(directory, &text, &length, why, why_size);
    if (err || !text) return err;
    err = souk_contract_read(&was, (struct souk_text){ text, length }, &line);
    free(text);
    if (err == SOUK_ERR_VERSION)
        return souk_file_fault(err, why, why_size, "%s/contract is of a later version than this program knows",
                               directory);
    if (err == SOUK_ERR_MALFORMED)
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s/contract is damaged in line %u", directory, line);
    if (err) return err;
    err = our_contract(&ours, kinds);
    if (!err) {
        err = compare(directory, &was, &ours, why, why_size);
        souk_contract_close(&ours);
    }
    souk_contract_close(&was);
    return err;
}

souk_err
souk_terms_keep(const char *directory, const struct souk_kind *const *kinds, char *why, size_t why_size)
{
    souk_contract ours;
    char *is = NULL;
    size_t is_length;
    souk_err err = our_contract(&ours, kinds);
    if (err) return err;
    size_t length = souk_contract_write(&ours, true, NULL, 0);
    char *text = length <= TERMS_MAX ? souk_system_alloc(length) : NULL;
    if (text) souk_contract_write(&ours, true, text, length);
    souk_contract_close(&ours);
    if (!text) return length <= TERMS_MAX ? SOUK_ERR_MEMORY : SOUK_ERR_TOO_LARGE;
    err = read_text(directory, &is, &is_length, why, why_size);
    if (!err && (!is || is_length != length || memcmp(is, text, length) != 0)) {
        err = souk_file_replace(directory, "contract", text, length);
        if (err) err = souk_file_fault(err, why, why_size, "%s/contract cannot be written", directory);
    }
    free(is);
    free(text);
    return err;
}
