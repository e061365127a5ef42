/* SPDX-License-Identifier: Apache-2.0 */
/* souk/top.c -- `souk top`: options and the loop; main.c calls it. */
#include "top.h"

#include "options.h"
#include "process.h"
#include "top_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct settings { struct souk_option_address address; uint64_t interval_ms; bool once; };

/* Too large for a stack. */
struct top { struct top_sample sample[2]; struct top_lines lines; char why[120]; };

static const struct souk_options_words words = {
    "top",
    "What a running node is at: its workers, kinds, deepest queues, slowest turns and last faults. On a terminal q\n"
    "leaves, left and right choose what kinds are sorted by, up and down scroll. Ends with 69 when no node answers.\n",
};

static int
read_options(struct souk_options_memory *memory, struct settings *s, int argc, char **argv)
{
    const struct souk_option table[] = {
        { "address", SOUK_OPTION_ADDRESS, &s->address, "127.0.0.1:8080", 0, 0, "HOST:PORT",
          "where the node serves HTTP" },
        { "interval-ms", SOUK_OPTION_NUMBER, &s->interval_ms, "1000", 50, 3600000, "MS", "how often to look" },
        { "once", SOUK_OPTION_BOOL, &s->once, "false", 0, 0, NULL, "print one look as plain text, and end" },
        { .name = NULL },
    };
    return souk_options_read(memory, &words, table, argc, argv);
}

static int
once(top_source *source, struct top *top)
{
    if (!top_fetch(source, &top->sample[0], NULL, top->why, sizeof top->why)) {
        fprintf(stderr, "souk top: %s\n", top->why);
        return EX_UNAVAILABLE;
    }
    top_write(&top->lines, &top->sample[0], TOP_BY_TURNS);
    for (unsigned i = 1; i < top->lines.count; i++) puts(top->lines.at[i].text); /* The first one is about keys. */
    return fflush(stdout) ? EX_IOERR : EX_OK;
}

static void
show(struct top *top, const struct top_sample *sample, bool fetched, enum top_sort sort)
{
    top_write(&top->lines, sample, sort);
    if (!fetched) {
        top->lines.count = 2;
        top->lines.at[1].style = TOP_PLAIN;
        snprintf(top->lines.at[1].text, sizeof top->lines.at[1].text, "%s; looking again", top->why);
    }
    top_screen_draw(&top->lines);
}

/* Looks and shows until somebody leaves. */
static void
watch(top_source *source, struct top *top, const struct settings *s)
{
    unsigned at = 0, sort = TOP_BY_TURNS;
    bool fetched = false;
    uint64_t next = 0;
    while (!souk_process_interrupted()) {
        uint64_t now = souk_process_now_ns();
        if (now >= next) {
            const struct top_sample *before = fetched ? &top->sample[at] : NULL;
            at = !at;
            fetched = top_fetch(source, &top->sample[at], before, top->why, sizeof top->why);
            show(top, &top->sample[at], fetched, (enum top_sort)sort);
            now = souk_process_now_ns();
            next = now + s->interval_ms * 1000000;
        }
        enum top_key key = top_screen_wait((unsigned)((next - now) / 1000000) + 1);
        if (key == TOP_KEY_QUIT) return;
        if (key == TOP_KEY_SORT_NEXT) sort = (sort + 1) % TOP_SORTS;
        if (key == TOP_KEY_SORT_BEFORE) sort = (sort + TOP_SORTS - 1) % TOP_SORTS;
        if (key != TOP_KEY_NONE) show(top, &top->sample[at], fetched, (enum top_sort)sort);
    }
}

static int
run(const struct settings *s)
{
    top_source *source;
    souk_err err = top_source_open(&source, s->address.host, s->address.port);
    if (err) {
        fprintf(stderr, "souk top: %s: %s\n", s->address.host, souk_err_text(err));
        return err == SOUK_ERR_USAGE ? EX_NOHOST : EX_OSERR;
    }
    struct top *top = calloc(1, sizeof *top);
    int status = EX_OK;
    if (!top) {
        status = EX_OSERR;
    } else if (s->once) {
        status = once(source, top);
    } else {
        souk_process_signals();
        if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && top_screen_open()) {
            watch(source, top, s);
            top_screen_close();
        } else {
            fprintf(stderr, "souk top: this is no terminal that can be drawn on; --once prints plain text\n");
            status = EX_UNAVAILABLE;
        }
    }
    free(top);
    top_source_close(&source);
    return status;
}

int
souk_top_main(int argc, char **argv)
{
    struct settings settings = { .once = false };
    struct souk_options_memory memory = { NULL };
    int status = read_options(&memory, &settings, argc, argv);
    if (status == SOUK_OPTIONS_GO_ON) status = run(&settings);
    souk_options_free(&memory);
    return status;
}
