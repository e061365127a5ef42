/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_options.h -- the command lines of `souk load`, `souk sale` and `souk crash`: options.h's tables with the
 * types that a load plan has. */
#ifndef SOUK_LOAD_OPTIONS_H
#define SOUK_LOAD_OPTIONS_H

#include "load.h"
#include "options.h"

enum load_option_type {
    LOAD_OPTION_TEXT,   /* const char * */
    LOAD_OPTION_FLAG,   /* bool; takes no value */
    LOAD_OPTION_U32,    /* uint32_t */
    LOAD_OPTION_U64,    /* uint64_t */
    LOAD_OPTION_REAL,   /* double */
    LOAD_OPTION_PAYMENT /* bool: "credit" is true, "card" false */
};

/* One option. What nobody gives stays as it is. */
struct load_option {
    const char *name;
    enum load_option_type type;
    void *into;
    double min, max; /* of a number, both inclusive; max 0: no bound */
    const char *shown, *help;
};

/* Reads a command line by a table that ends with name NULL. SOUK_OPTIONS_GO_ON, or the exit status. The memory is
 * behind the texts. */
int souk_load_options(struct souk_options_memory *memory, const struct souk_options_words *words,
                      const struct load_option *options, int argc, char **argv);

#endif
