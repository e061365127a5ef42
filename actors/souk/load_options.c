/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_options.c -- reads the command lines of the load generator and its relatives by a table. */
#include "load_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { OPTIONS_MAX = 40 };

static bool
number_read(const struct load_option *option, const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    bool whole = option->type != LOAD_OPTION_REAL;
    if (end == text || *end || errno || !isfinite(value) || value < option->min || value > option->max ||
        (whole && (strspn(text, "0123456789") != strlen(text))))
        return false;
    if (option->type == LOAD_OPTION_REAL)
        *(double *)option->into = value;
    else if (option->type == LOAD_OPTION_U32)
        *(uint32_t *)option->into = (uint32_t)value;
    else
        *(uint64_t *)option->into = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool
option_take(const struct load_option *option, const char *text)
{
    switch (option->type) {
    case LOAD_OPTION_TEXT:
        *(const char **)option->into = text;
        return true;
    case LOAD_OPTION_FLAG:
        *(bool *)option->into = true;
        return true;
    case LOAD_OPTION_PAYMENT:
        *(bool *)option->into = strcmp(text, "credit") == 0;
        return strcmp(text, "credit") == 0 || strcmp(text, "card") == 0;
    default:
        return number_read(option, text);
    }
}

int
souk_load_options(int argc, char **argv, const struct load_option *options, const char *help)
{
    struct option known[OPTIONS_MAX + 2] = { { 0 } };
    int count = 0;
    for (; options[count].name; count++) {
        souk_assert(count < OPTIONS_MAX);
        int takes = options[count].type == LOAD_OPTION_FLAG ? no_argument : required_argument;
        known[count] = (struct option){ options[count].name, takes, NULL, count };
    }
    known[count] = (struct option){ "help", no_argument, NULL, count };
    optind = 0; /* glibc: begin anew. */
    opterr = 0;
    for (int which; (which = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (which == '?') {
            fprintf(stderr, "souk %s: %s: no such option, or its value is missing or too much\n", argv[0],
                    argv[optind - 1]);
            return EX_USAGE;
        }
        if (which == count) {
            fputs(help, stdout);
            return EX_OK;
        }
        if (!option_take(&options[which], optarg)) {
            fprintf(stderr, "souk %s: --%s cannot be %s\n", argv[0], options[which].name, optarg);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "souk %s: what is %s?\n", argv[0], argv[optind]);
        return EX_USAGE;
    }
    return -1;
}
