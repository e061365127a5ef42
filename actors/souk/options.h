/* SPDX-License-Identifier: Apache-2.0 */
/* souk/options.h -- what a subcommand can be told, as a table: read from the command line, the environment and a file.
 *
 * A flag of the command line wins over the environment (SOUK_ and the flag's name: --ready-file is SOUK_READY_FILE),
 * that over the YAML file which the flag named "config" gives, and that over the table's default. An empty variable
 * counts as unset. For the main thread, before others start. */
#ifndef SOUK_OPTIONS_H
#define SOUK_OPTIONS_H

#include <souk/base.h>

enum souk_option_type {
    SOUK_OPTION_TEXT,     /* const char * */
    SOUK_OPTION_NUMBER,   /* uint64_t, within bounds */
    SOUK_OPTION_BOOL,     /* bool; as a flag it needs no value */
    SOUK_OPTION_DURATION, /* uint64_t milliseconds, within bounds; written 250, 250ms, 2s, 5m or 1h */
    SOUK_OPTION_ADDRESS,  /* struct souk_option_address; HOST:PORT, an IPv6 address in brackets */
};

struct souk_option_address { const char *host; uint16_t port; };

/* One row; name NULL ends the table. Texts are borrowed for ever. */
struct souk_option {
    const char *name;     /* Of the flag, without dashes. */
    enum souk_option_type type;
    void *out;            /* Where the value goes, by its type; untouched (say, NULL) when nobody gives one. */
    const char *initial;  /* The default, written as a user would; NULL: none. */
    uint64_t min, max;    /* Of numbers and durations; a max of 0: no bound. */
    const char *shown;    /* What stands for the value in the help: "HOST:PORT"; NULL for a bool. */
    const char *help;     /* One sentence without its full stop. */
};

/* Memory behind the values. All zeros to begin with. */
struct souk_options_memory { struct souk_options_chunk *chunks; };

/* A subcommand's words for its help. */
struct souk_options_words {
    const char *command; /* "serve" */
    const char *summary; /* What it does, some lines of at most 120 columns, with a newline at the end. */
};

enum { SOUK_OPTIONS_GO_ON = -1 };

/* Reads everything into the table's outs; argv[0] is skipped. SOUK_OPTIONS_GO_ON, or the status to exit with, after a
 * sentence on standard error: EX_USAGE for the command line, EX_CONFIG for the environment and the file; EX_OK after
 * --help, which goes to standard output. */
int souk_options_read(struct souk_options_memory *memory, const struct souk_options_words *words,
                      const struct souk_option *table, int argc, char **argv);
/* Frees what the values borrow. */
void souk_options_free(struct souk_options_memory *memory);

#endif
