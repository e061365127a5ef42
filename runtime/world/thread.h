/* SPDX-License-Identifier: Apache-2.0 */
/* world/thread.h -- threads, and a place for one thread to sleep until it is called. Only the real world has them. */
#ifndef SOUK_WORLD_THREAD_H
#define SOUK_WORLD_THREAD_H

#include <souk/base.h>

typedef struct souk_thread souk_thread;

/* Runs body(arg) in a thread of that name (at most 15 bytes), with all signals blocked. */
souk_err souk_thread_start(souk_thread **out, const char *name, void (*body)(void *arg), void *arg) SOUK_MUST_CHECK;
/* Waits for its end and frees it. */
void souk_thread_join(souk_thread **thread_p);

/* One sleeper, any number of callers. A call while nobody sleeps is remembered: the next sleep returns at once. */
struct souk_bed { _Atomic uint32_t state; };
/* Sleeps until called or timeout_ns have passed (UINT64_MAX: for ever). One thread at a time. */
void souk_bed_sleep(struct souk_bed *bed, uint64_t timeout_ns);
/* Wakes the sleeper. Any thread; a system call only when somebody sleeps. */
void souk_bed_call(struct souk_bed *bed);
/* How many cores this process may use. */
unsigned souk_thread_cores(void);

#endif
