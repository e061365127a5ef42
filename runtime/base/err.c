/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.c -- the sentences for faults, the last words before an abort, and helpers for text.
 *
 * Called from everywhere, so it depends on nothing but the C library and keeps no state but a thread's own note. */
#include <souk/base.h>

#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTE_BYTES = 512 };

/* What this thread is at: written before each turn, read only when it panics. */
static _Thread_local char note[NOTE_BYTES];
static _Thread_local void (*teller)(const void *what, char *out, size_t size);
static _Thread_local const void *told;
static _Thread_local struct souk_catch *catching;

const char *
souk_err_text(souk_err err)
{
#define SENTENCE_(code, sentence) [code] = sentence,
    static const char *const sentences[] = { SOUK_ERRORS(SENTENCE_) };
#undef SENTENCE_
    size_t at = (size_t)err;
    return at < sizeof sentences / sizeof *sentences ? sentences[at] : "a fault without a name";
}

void
souk_panic_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(note, sizeof note, format, args) < 0)
        note[0] = '\0';
    va_end(args);
}

void
souk_panic_teller(void (*tell)(const void *what, char *out, size_t size), const void *what)
{
    teller = tell;
    told = what;
}

void
souk_panic_catch(struct souk_catch *catch)
{
    catching = catch;
}

void
souk_panic_note_clear(void)
{
    note[0] = '\0';
}

void
souk_panic(const char *file, int line, const char *what)
{
    if (catching && catching->armed) {
        *(volatile bool *)&catching->armed = false;
        catching->file = file;
        catching->line = line;
        catching->what = what;
        longjmp(catching->jump, 1);
    }
    char text[NOTE_BYTES + 768], place[200] = "";
    if (told) teller(told, place, sizeof place);
    int length = snprintf(text, sizeof text, "souk: bug at %s:%d: %s\n%s%s%s%s%s%s", file, line, what,
                          place[0] ? "souk: " : "", place, place[0] ? "\n" : "", note[0] ? "souk: " : "", note,
                          note[0] ? "\n" : "");
    size_t bytes = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;

    /* One write, so that the words of two threads that panic together do not mix. If it fails nothing is left to do. */
    ssize_t written = write(STDERR_FILENO, text, bytes);
    (void)written;
    abort();
}

struct souk_text
souk_text_of(const char *string)
{
    return (struct souk_text){ string, string ? strlen(string) : 0 };
}

bool
souk_text_equal(struct souk_text a, struct souk_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}
