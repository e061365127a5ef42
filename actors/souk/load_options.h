/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_options.h -- the command lines of `souk load`, `souk sale` and `souk crash`, which share most options. */
#ifndef SOUK_LOAD_OPTIONS_H
#define SOUK_LOAD_OPTIONS_H

#include "load.h"

enum load_option_type {
    LOAD_OPTION_TEXT,   /* const char *, borrowed from argv */
    LOAD_OPTION_FLAG,   /* bool; takes no value */
    LOAD_OPTION_U32,    /* uint32_t */
    LOAD_OPTION_U64,    /* uint64_t */
    LOAD_OPTION_REAL,   /* double */
    LOAD_OPTION_PAYMENT /* bool: "credit" is true, "card" false */
};

/* One option: --NAME VALUE. */
struct load_option {
    const char *name;
    enum load_option_type type;
    void *into;
    double min, max; /* of a number, both inclusive */
};

/* Reads a command line by a table that ends with name NULL; prints `help` for --help. Returns -1 to go on, else the exit
 * status: 0 after the help, 64 after a message that begins with "souk WORD". */
int souk_load_options(int argc, char **argv, const struct load_option *options, const char *help);

#endif
