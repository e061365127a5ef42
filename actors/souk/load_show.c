/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_show.c -- the load generator's progress: one line on a terminal, drawn over and over. */
#include "load_inside.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_MAX = 24 };
#define MS UINT64_C(1000000)

/* How far it is, from 0 to 1: units sold of those on sale, or buyers through of those who come, or time; whatever is
 * furthest, since that is what will end it. */
static double
progress(const souk_load *load, uint64_t now_ns)
{
    const struct load_tally *tally = &load->tally;
    const struct load_plan *plan = &load->plan;
    double stock = (double)plan->units * plan->skus, done = 0;
    if (!plan->sale)
        done = (double)tally->units / stock;
    if (plan->buyers > 0 && (double)(tally->orders + tally->refused) / (double)plan->buyers > done)
        done = (double)(tally->orders + tally->refused) / (double)plan->buyers;
    if (plan->seconds > 0 && (double)(now_ns - tally->began_ns) / 1e9 / plan->seconds > done)
        done = (double)(now_ns - tally->began_ns) / 1e9 / plan->seconds;
    return done > 1 ? 1 : done;
}

static unsigned
width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40 ? size.ws_col : 80;
}

static void
draw(souk_load *load, uint64_t now_ns)
{
    const struct load_tally *tally = &load->tally;
    char bar[BAR_MAX + 1], line[256];
    unsigned filled = (unsigned)(progress(load, now_ns) * BAR_MAX);
    uint64_t span = now_ns - load->shown_ns;
    bool first = load->shown_ns == 0 || span == 0;
    double rate = first ? 0 : (double)(tally->orders - load->shown_orders) * 1e9 / (double)span;
    for (unsigned i = 0; i < BAR_MAX; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_MAX] = '\0';
    snprintf(line, sizeof line, "[%s] sold %" PRIu64 "  %.0f/s  p50 %.1f p99 %.1f ms  waiting %" PRIu64 "%s", bar,
             tally->units, rate, souk_load_ms(&tally->answered, 0.5), souk_load_ms(&tally->answered, 0.99),
             tally->waiting, tally->errors > 0 ? "  ERRORS" : "");
    fprintf(stderr, "\r%.*s\033[K", (int)width() - 1, line);
    fflush(stderr);
    load->shown_ns = now_ns;
    load->shown_orders = tally->orders;
}

void
souk_load_show(souk_load *load, uint64_t now_ns)
{
    if (now_ns - load->shown_ns >= 100 * MS)
        draw(load, now_ns);
}

void
souk_load_show_end(souk_load *load)
{
    draw(load, load->tally.ended_ns);
    fputc('\n', stderr);
}
