/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_options.c -- a load's table of options as one of options.h, and the values back. */
#include "load_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { OPTIONS_MAX = 40 };

/* Where options.h puts a value before it becomes what it shall be. */
union held { const char *text; uint64_t number; bool flag; };

static bool
real_read(const struct load_option *option, const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(value) || value < option->min ||
        (option->max > 0 && value > option->max))
        return false;
    *(double *)option->into = value;
    return true;
}

/* Moves a value to its place. False: it isn't one. */
static bool
settle(const struct load_option *option, const union held *held)
{
    switch (option->type) {
    case LOAD_OPTION_U32:
        *(uint32_t *)option->into = (uint32_t)held->number;
        return true;
    case LOAD_OPTION_PAYMENT:
        if (!held->text)
            return true;
        *(bool *)option->into = strcmp(held->text, "credit") == 0;
        return strcmp(held->text, "credit") == 0 || strcmp(held->text, "card") == 0;
    case LOAD_OPTION_REAL:
        return !held->text || real_read(option, held->text);
    default:
        return true; /* It is there already. */
    }
}

int
souk_load_options(struct souk_options_memory *memory, const struct souk_options_words *words,
                  const struct load_option *options, int argc, char **argv)
{
    struct souk_option table[OPTIONS_MAX + 1] = { { 0 } };
    union held held[OPTIONS_MAX] = { { 0 } };
    size_t count = 0;
    for (; options[count].name; count++) {
        const struct load_option *option = &options[count];
        souk_assert(count < OPTIONS_MAX && option->max <= 1e18);
        bool number = option->type == LOAD_OPTION_U32 || option->type == LOAD_OPTION_U64;
        bool direct = option->type != LOAD_OPTION_U32 && option->type != LOAD_OPTION_REAL &&
                      option->type != LOAD_OPTION_PAYMENT;
        if (option->type == LOAD_OPTION_U32)
            held[count].number = *(uint32_t *)option->into;
        table[count] = (struct souk_option){
            .name = option->name,
            .type = number                              ? SOUK_OPTION_NUMBER
                    : option->type == LOAD_OPTION_FLAG ? SOUK_OPTION_BOOL
                                                        : SOUK_OPTION_TEXT,
            .out = direct ? option->into : (void *)&held[count],
            .min = number ? (uint64_t)option->min : 0,
            .max = number ? (uint64_t)option->max : 0,
            .shown = option->shown,
            .help = option->help,
        };
    }
    int status = souk_options_read(memory, words, table, argc, argv);
    for (size_t i = 0; status == SOUK_OPTIONS_GO_ON && i < count; i++) {
        if (settle(&options[i], &held[i]))
            continue;
        fprintf(stderr, "souk %s: --%s cannot be %s\n", words->command, options[i].name, held[i].text);
        status = EX_USAGE;
    }
    return status;
}
