/* SPDX-License-Identifier: Apache-2.0 */
/* base/panic.h -- what a thread is doing, kept for the case that it breaks.
 *
 * The runtime leaves a note before each turn (kind, key, journal position, seed); souk_panic() prints it. */
#ifndef SOUK_BASE_PANIC_H
#define SOUK_BASE_PANIC_H

#include <souk/base.h>

/* Replaces the calling thread's note; what is longer than 511 bytes is cut. It costs a vsnprintf(), so a hot path
 * leaves one per slice or calls this from its own failure path. Any thread. */
void souk_panic_note(const char *format, ...) SOUK_PRINTF(1, 2);
/* Forgets the calling thread's note. Any thread. */
void souk_panic_note_clear(void);

#endif
