/* SPDX-License-Identifier: Apache-2.0 */
/* base/panic.h -- what a thread is doing, kept for the case that it breaks.
 *
 * A turn says whose it is (kind, key, journal position) by leaving a function that can tell, which costs two stores;
 * the simulator leaves its seed as a note. souk_panic() prints both. */
#ifndef SOUK_BASE_PANIC_H
#define SOUK_BASE_PANIC_H

#include <souk/base.h>

#include <setjmp.h>

/* Replaces the calling thread's note; what is longer than 511 bytes is cut. It costs a vsnprintf(), so a hot path
 * leaves one per slice or calls this from its own failure path. Any thread. */
void souk_panic_note(const char *format, ...) SOUK_PRINTF(1, 2);
/* Leaves who can tell what the calling thread is at: tell() writes a line into `out` when it panics. `what` is borrowed
 * until the next call; NULL forgets it. Any thread. */
void souk_panic_teller(void (*tell)(const void *what, char *out, size_t size), const void *what);
/* Where a bug in an author's function is caught, so that it costs a turn and not the process. Whoever runs turns sets
 * `jump` with _setjmp(), names the catch to souk_panic_catch(), and arms it while such a function runs: a souk_assert
 * that fails then notes where and what, disarms it, and jumps. What is not armed ends the process as ever. */
struct souk_catch {
    bool armed;
    int line;
    const char *file, *what;
    jmp_buf jump;
};
/* The calling thread's catch from now on; NULL: none. Borrowed. Any thread. */
void souk_panic_catch(struct souk_catch *catch);

/* Forgets the calling thread's note. Any thread. */
void souk_panic_note_clear(void);

#endif
