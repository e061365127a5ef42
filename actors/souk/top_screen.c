/* SPDX-License-Identifier: Apache-2.0 */
/* souk/top_screen.c -- the terminal of `souk top`; see top_inside.h. Nothing else knows ncurses. */
#include "top_inside.h"

#include <ncurses.h>
#include <stdio.h>

static SCREEN *screen;
static int scrolled;

bool
top_screen_open(void)
{
    screen = newterm(NULL, stdout, stdin);
    if (!screen) return false;
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    return true;
}

void
top_screen_close(void)
{
    if (!screen) return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

void
top_screen_draw(const struct top_lines *lines)
{
    int most = (int)lines->count - 1;
    if (scrolled > most - LINES + 2) scrolled = most - LINES + 2;
    if (scrolled < 0) scrolled = 0;
    erase();
    for (int row = 0; row < LINES && row < (int)lines->count; row++) {
        int line = row ? row + scrolled : 0;
        if (line >= (int)lines->count) break;
        attr_t style = lines->at[line].style == TOP_TITLE ? A_REVERSE : lines->at[line].style ? A_BOLD : A_NORMAL;
        (void)wattr_set(stdscr, style, 0, NULL);
        mvaddnstr(row, 0, lines->at[line].text, COLS);
        (void)wattr_set(stdscr, A_NORMAL, 0, NULL);
    }
    refresh();
}

enum top_key
top_screen_wait(unsigned ms)
{
    timeout((int)ms);
    switch (getch()) {
    case 'q':
    case 'Q': return TOP_KEY_QUIT;
    case KEY_LEFT: return TOP_KEY_SORT_BEFORE;
    case KEY_RIGHT:
    case 's': return TOP_KEY_SORT_NEXT;
    case KEY_DOWN: scrolled++; return TOP_KEY_DRAW;
    case KEY_UP: scrolled--; return TOP_KEY_DRAW;
    case KEY_NPAGE: scrolled += LINES - 2; return TOP_KEY_DRAW;
    case KEY_PPAGE: scrolled -= LINES - 2; return TOP_KEY_DRAW;
    case KEY_HOME: scrolled = 0; return TOP_KEY_DRAW;
    case KEY_RESIZE: return TOP_KEY_DRAW;
    default: return TOP_KEY_NONE;
    }
}
