/* SPDX-License-Identifier: Apache-2.0 */
/* souk/top_inside.h -- what the files of `souk top` share: top.c has the options and the loop, top_fetch.c asks the
 * node, top_text.c makes lines of what it said, top_screen.c shows them. */
#ifndef SOUK_TOP_INSIDE_H
#define SOUK_TOP_INSIDE_H

#include <souk/base.h>

enum { TOP_NAME = 40, TOP_KEY = 33, TOP_WHAT = 96, TOP_KINDS = 64, TOP_WORKERS = 64, TOP_QUEUES = 20, TOP_TURNS = 20,
       TOP_FAULTS = 10, TOP_COLUMNS = 160, TOP_LINES = 256 };

struct top_kind {
    char kind[TOP_NAME];
    bool is_volatile;
    uint64_t live, turns, refusals, faults, restarts, letters, waiting, deepest;
    double rate; /* Turns a second. */
};
struct top_worker { uint64_t worker, turns, steals, parks, idle_ns; char in[TOP_NAME]; double rate, busy; };
struct top_queue { char kind[TOP_NAME], key[TOP_KEY]; uint64_t depth; };
struct top_turn {
    char kind[TOP_NAME], key[TOP_KEY], message[TOP_NAME], what[TOP_WHAT];
    uint64_t ms, ns, worker;
    bool stalled, under_way;
};

/* What the node said. */
struct top_sample {
    uint64_t now_ms, up_ns, silent;
    bool estimated;
    struct top_kind kinds[TOP_KINDS];
    struct top_worker workers[TOP_WORKERS];
    struct top_queue queues[TOP_QUEUES];
    struct top_turn turns[TOP_TURNS], faults[TOP_FAULTS];
    unsigned kinds_count, workers_count, queues_count, turns_count, faults_count;
};

/* ---- top_fetch.c ---- */

typedef struct top_source top_source;
/* SOUK_ERR_USAGE: no such host. SOUK_ERR_MEMORY. */
souk_err top_source_open(top_source **out, const char *host, uint16_t port) SOUK_MUST_CHECK;
void top_source_close(top_source **source_p);
/* Asks the node, at most some seconds long, and works out rates since the sample before, which may be NULL: then since
 * the node's start. False: `why` says what went wrong. */
bool top_fetch(top_source *source, struct top_sample *out, const struct top_sample *before, char *why, size_t why_size);

/* ---- top_text.c ---- */

enum top_sort { TOP_BY_TURNS, TOP_BY_LIVE, TOP_BY_WAITING, TOP_BY_FAULTS, TOP_BY_NAME, TOP_SORTS };
enum top_style { TOP_PLAIN, TOP_TITLE, TOP_HEAD };
struct top_lines { unsigned count; struct { enum top_style style; char text[TOP_COLUMNS]; } at[TOP_LINES]; };
/* Makes the lines. */
void top_write(struct top_lines *lines, const struct top_sample *sample, enum top_sort sort);

/* ---- top_screen.c: the one file with ncurses. ---- */

enum top_key { TOP_KEY_NONE, TOP_KEY_QUIT, TOP_KEY_SORT_NEXT, TOP_KEY_SORT_BEFORE, TOP_KEY_DRAW };
/* False: this is no terminal that ncurses knows. */
bool top_screen_open(void);
void top_screen_close(void);
/* Draws what fits; the first line stays while the others scroll. */
void top_screen_draw(const struct top_lines *lines);
/* Waits at most so long for a key. Scrolling is done here: TOP_KEY_DRAW asks for a drawing. */
enum top_key top_screen_wait(unsigned ms);

#endif
