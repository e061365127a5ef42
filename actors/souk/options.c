/* SPDX-License-Identifier: Apache-2.0 */
/* souk/options.c -- see options.h. The only file that knows libyaml.
 *
 * Each source, from the weakest to the strongest, writes over what the one before wrote; each value is checked where it
 * was written, so that a mistake in the file shows even when a flag would hide it. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <yaml.h>

enum { OPTIONS_MAX = 64, NAME_MAX_BYTES = 64 };

struct souk_options_chunk {
    struct souk_options_chunk *next;
    char text[];
};

struct reading {
    struct souk_options_memory *memory;
    const struct souk_options_words *words;
    const struct souk_option *table;
};

/* ---- Memory, messages. ---- */

static char *
keep(struct souk_options_memory *memory, const char *text, size_t length)
{
    struct souk_options_chunk *chunk = malloc(sizeof *chunk + length + 1);
    souk_assert(chunk && "out of memory");
    memcpy(chunk->text, text, length);
    chunk->text[length] = '\0';
    chunk->next = memory->chunks;
    memory->chunks = chunk;
    return chunk->text;
}

void
souk_options_free(struct souk_options_memory *memory)
{
    while (memory->chunks) {
        struct souk_options_chunk *chunk = memory->chunks;
        memory->chunks = chunk->next;
        free(chunk);
    }
}

SOUK_PRINTF(2, 3) static void
complain(const struct reading *r, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "souk %s: ", r->words->command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static const struct souk_option *
find(const struct reading *r, const char *name, size_t length)
{
    for (const struct souk_option *o = r->table; o->name; o++)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
    return NULL;
}

/* ---- Values. ---- */

/* Digits alone, and what follows them. */
static bool
read_digits(const char *text, uint64_t *number, const char **rest)
{
    uint64_t sum = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return false;
    *number = sum;
    *rest = at;
    return at != text;
}

static bool
read_duration(const char *text, uint64_t *ms)
{
    static const struct { const char *suffix; uint64_t worth; } units[] = {
        { "", 1 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
    };
    const char *rest;
    if (!read_digits(text, ms, &rest)) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(rest, units[i].suffix) == 0) return !__builtin_mul_overflow(*ms, units[i].worth, ms);
    return false;
}

static bool
read_bool(const char *text, bool *out)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2;
            return true;
        }
    return false;
}

static bool
read_address(struct souk_options_memory *memory, const char *text, struct souk_option_address *out)
{
    const char *colon = strrchr(text, ':'), *rest;
    uint64_t port;
    if (!colon || colon == text || !read_digits(colon + 1, &port, &rest) || *rest || port > UINT16_MAX) return false;
    size_t length = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    if (!bracketed && memchr(text, ':', length)) return false;
    if (bracketed && length < 4) return false;
    out->host = bracketed ? keep(memory, text + 1, length - 2) : keep(memory, text, length);
    out->port = (uint16_t)port;
    return true;
}

/* Reads a value into its place. NULL, or what is wrong with it. */
static const char *
take(const struct reading *r, const struct souk_option *o, const char *text)
{
    static _Thread_local char why[128];
    const char *rest;
    uint64_t number = 0;
    switch (o->type) {
    case SOUK_OPTION_TEXT:
        if (!*text) return "needs a value";
        *(const char **)o->out = keep(r->memory, text, strlen(text));
        return NULL;
    case SOUK_OPTION_BOOL:
        return read_bool(text, o->out) ? NULL : "is true or false";
    case SOUK_OPTION_ADDRESS:
        return read_address(r->memory, text, o->out) ? NULL : "is not HOST:PORT (an IPv6 address in brackets)";
    case SOUK_OPTION_NUMBER:
        if (!read_digits(text, &number, &rest) || *rest) return "is not a number";
        break;
    case SOUK_OPTION_DURATION:
        if (!read_duration(text, &number)) return "is not a time such as 250ms, 2s or 5m";
        break;
    }
    if (number < o->min || (o->max && number > o->max)) {
        snprintf(why, sizeof why, "is not within %" PRIu64 " and %" PRIu64 "%s", o->min, o->max ? o->max : UINT64_MAX,
                 o->type == SOUK_OPTION_DURATION ? " ms" : "");
        return why;
    }
    *(uint64_t *)o->out = number;
    return NULL;
}

/* ---- The file. ---- */

struct file {
    const struct reading *reading;
    const char *path;
    yaml_parser_t parser;
    yaml_event_t event;
};

static int
file_fault(const struct file *f, const char *what, const char *which)
{
    complain(f->reading, "%s:%zu: %s%s%s", f->path, f->event.start_mark.line + 1, which, *which ? ": " : "", what);
    return EX_CONFIG;
}

/* The next event, in place of the last. */
static int
file_next(struct file *f)
{
    yaml_event_delete(&f->event);
    memset(&f->event, 0, sizeof f->event);
    if (yaml_parser_parse(&f->parser, &f->event)) return SOUK_OPTIONS_GO_ON;
    complain(f->reading, "%s:%zu: this is not YAML: %s", f->path, f->parser.problem_mark.line + 1,
             f->parser.problem ? f->parser.problem : "unreadable");
    return EX_CONFIG;
}

/* One key has been read: its value comes next. */
static int
file_value(struct file *f, bool *seen)
{
    const struct reading *r = f->reading;
    const yaml_event_t *key = &f->event;
    if (key->type != YAML_SCALAR_EVENT) return file_fault(f, "a key must be a plain word", "");
    const char *name = (const char *)key->data.scalar.value;
    const struct souk_option *o = find(r, name, key->data.scalar.length);
    if (!o || strcmp(o->name, "config") == 0) return file_fault(f, "there is no such option", name);
    if (seen[o - r->table]) return file_fault(f, "given twice", o->name);
    seen[o - r->table] = true;
    int status = file_next(f);
    if (status != SOUK_OPTIONS_GO_ON) return status;
    if (f->event.type != YAML_SCALAR_EVENT) return file_fault(f, "needs a single value, not a list or a map", o->name);
    const char *text = (const char *)f->event.data.scalar.value;
    if (strlen(text) != f->event.data.scalar.length) return file_fault(f, "holds a zero byte", o->name);
    const char *why = take(r, o, text);
    return why ? file_fault(f, why, o->name) : SOUK_OPTIONS_GO_ON;
}

static int
file_events(struct file *f)
{
    static const yaml_event_type_t before[] = { YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
                                               YAML_MAPPING_START_EVENT };
    static const yaml_event_type_t after[] = { YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT };
    bool seen[OPTIONS_MAX] = { false };
    int status;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        status = file_next(f);
        if (status != SOUK_OPTIONS_GO_ON) return status;
        if (f->event.type == YAML_STREAM_END_EVENT) return SOUK_OPTIONS_GO_ON; /* Empty, or comments alone. */
        if (f->event.type != before[i]) return file_fault(f, "needs lines of `option: value`", "");
    }
    for (;;) {
        status = file_next(f);
        if (status != SOUK_OPTIONS_GO_ON) return status;
        if (f->event.type == YAML_MAPPING_END_EVENT) break;
        status = file_value(f, seen);
        if (status != SOUK_OPTIONS_GO_ON) return status;
    }
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        status = file_next(f);
        if (status != SOUK_OPTIONS_GO_ON) return status;
        if (f->event.type != after[i]) return file_fault(f, "only one document is allowed", "");
    }
    return SOUK_OPTIONS_GO_ON;
}

static int
read_file(const struct reading *r, const char *path)
{
    struct file f = { .reading = r, .path = path };
    FILE *stream = fopen(path, "re");
    if (!stream) {
        complain(r, "cannot read the configuration %s: %s", path, strerror(errno));
        return EX_CONFIG;
    }
    int status = EX_OSERR;
    if (yaml_parser_initialize(&f.parser)) {
        yaml_parser_set_input_file(&f.parser, stream);
        status = file_events(&f);
        yaml_event_delete(&f.event);
        yaml_parser_delete(&f.parser);
    }
    fclose(stream);
    return status;
}

/* ---- The environment. ---- */

static const char *
variable_name(const struct souk_option *o, char name[NAME_MAX_BYTES])
{
    int length = snprintf(name, NAME_MAX_BYTES, "SOUK_%s", o->name);
    souk_assert(length > 0 && length < NAME_MAX_BYTES);
    for (char *c = name; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return name;
}

static int
read_environment(const struct reading *r)
{
    char name[NAME_MAX_BYTES];
    for (const struct souk_option *o = r->table; o->name; o++) {
        const char *text = getenv(variable_name(o, name));
        const char *why = text && *text ? take(r, o, text) : NULL;
        if (!why) continue;
        complain(r, "%s=%s: %s", name, text, why);
        return EX_CONFIG;
    }
    return SOUK_OPTIONS_GO_ON;
}

/* ---- The command line. ---- */

/* One flag: argv[*at], and perhaps the word after it. With `only` all others are passed over unread. */
static int
read_flag(const struct reading *r, int argc, char **argv, int *at, const struct souk_option *only)
{
    const char *word = argv[*at];
    if (strncmp(word, "--", 2) != 0 || !word[2]) {
        complain(r, "what is \"%s\"? --help says what there is", word);
        return EX_USAGE;
    }
    const char *name = word + 2, *equals = strchr(name, '=');
    const struct souk_option *o = find(r, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!o) {
        complain(r, "there is no option %s; --help says what there is", word);
        return EX_USAGE;
    }
    const char *value = equals ? equals + 1 : o->type == SOUK_OPTION_BOOL ? "true" : NULL;
    if (!value && *at + 1 < argc) value = argv[++*at];
    const char *why = !value ? "needs a value" : only && o != only ? NULL : take(r, o, value);
    if (!why) return SOUK_OPTIONS_GO_ON;
    complain(r, "--%s%s%s: %s", o->name, value ? " " : "", value ? value : "", why);
    return EX_USAGE;
}

static int
read_flags(const struct reading *r, int argc, char **argv, const struct souk_option *only)
{
    for (int at = 1; at < argc; at++) {
        int status = read_flag(r, argc, argv, &at, only);
        if (status != SOUK_OPTIONS_GO_ON) return status;
    }
    return SOUK_OPTIONS_GO_ON;
}

static void
help(const struct reading *r)
{
    printf("usage: souk %s [--OPTION VALUE]...\n\n%s\n", r->words->command, r->words->summary);
    for (const struct souk_option *o = r->table; o->name; o++) {
        char left[64];
        int length = snprintf(left, sizeof left, "--%s%s%s", o->name, o->shown ? " " : "", o->shown ? o->shown : "");
        souk_assert(length > 0 && length < (int)sizeof left);
        printf("  %-30s %s", left, o->help);
        if (o->initial) printf(" (%s)", o->initial);
        putchar('\n');
    }
    if (find(r, "config", 6))
        printf("\nEach option can also be given as a variable of the environment (--ready-file is SOUK_READY_FILE) or\n"
               "in the configuration file (a line `ready-file: F`). A flag wins over the environment, that over the\n"
               "file.\n");
}

int
souk_options_read(struct souk_options_memory *memory, const struct souk_options_words *words,
                  const struct souk_option *table, int argc, char **argv)
{
    const struct reading r = { memory, words, table };
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(&r);
            return EX_OK;
        }
    size_t count = 0;
    for (const struct souk_option *o = table; o->name; o++, count++) {
        const char *why = o->initial ? take(&r, o, o->initial) : NULL;
        souk_assert(!why);
    }
    souk_assert(count <= OPTIONS_MAX);
    const struct souk_option *config = find(&r, "config", 6);
    int status = SOUK_OPTIONS_GO_ON;
    if (config) { /* Which file, before anything of it is read. */
        char name[NAME_MAX_BYTES];
        const char *text = getenv(variable_name(config, name));
        const char *why = text && *text ? take(&r, config, text) : NULL;
        souk_assert(!why);
        status = read_flags(&r, argc, argv, config);
        const char *path = *(const char **)config->out;
        if (status == SOUK_OPTIONS_GO_ON && path) status = read_file(&r, path);
    }
    if (status == SOUK_OPTIONS_GO_ON) status = read_environment(&r);
    return status == SOUK_OPTIONS_GO_ON ? read_flags(&r, argc, argv, NULL) : status;
}
