/* SPDX-License-Identifier: Apache-2.0 */
/* base/panic.h -- what a thread is doing, kept for the case that it breaks.
 *
 * A turn says whose it is (kind, key, journal position) by leaving a function that can tell, which costs two stores;
 * the simulator leaves its seed as a note. souk_panic() prints both. */
#ifndef SOUK_BASE_PANIC_H
#define SOUK_BASE_PANIC_H

#include <souk/base.h>

/* Replaces the calling thread's note; what is longer than 511 bytes is cut. It costs a vsnprintf(), so a hot path
 * leaves one per slice or calls this from its own failure path. Any thread. */
void souk_panic_note(const char *format, ...) SOUK_PRINTF(1, 2);
/* Leaves who can tell what the calling thread is at: tell() writes a line into `out` when it panics. `what` is borrowed
 * until the next call; NULL forgets it. Any thread. */
void souk_panic_teller(void (*tell)(const void *what, char *out, size_t size), const void *what);
/* Forgets the calling thread's note. Any thread. */
void souk_panic_note_clear(void);

#endif
