/* SPDX-License-Identifier: Apache-2.0 */
/* world/loop.h -- readiness of file descriptors for one thread (epoll, level-triggered), and a bell to wake it.
 *
 * All calls are for the thread that polls the loop, except souk_loop_wake(), which is for any. */
#ifndef SOUK_WORLD_LOOP_H
#define SOUK_WORLD_LOOP_H

#include <souk/base.h>

enum { SOUK_READABLE = 1, SOUK_WRITABLE = 2, SOUK_HUNG_UP = 4 };

typedef struct souk_loop souk_loop;

/* One watched descriptor. The caller's memory, which outlives the watch. ready() may remove any watch, also its own. */
struct souk_watch {
    int fd;
    unsigned interest; /* SOUK_READABLE | SOUK_WRITABLE */
    void (*ready)(void *arg, unsigned events);
    void *arg;
};

/* A loop that watches nothing but its bell. MEMORY, BUSY (no descriptors left), IO. */
souk_err souk_loop_open(souk_loop **out) SOUK_MUST_CHECK;
/* Frees the loop. Watches and their descriptors stay their owners'. Not from inside ready(). */
void souk_loop_close(souk_loop **loop_p);
/* Begins to watch. BUSY or MEMORY when the system has no room, IO for what cannot be watched. */
souk_err souk_loop_add(souk_loop *loop, struct souk_watch *watch) SOUK_MUST_CHECK;
/* Tells the loop of a changed `interest`. */
void souk_loop_change(souk_loop *loop, struct souk_watch *watch);
/* After this, ready() is not called any more, not even for events already fetched. */
void souk_loop_remove(souk_loop *loop, struct souk_watch *watch);
/* The same for a descriptor that a library may have closed already, which ends its being watched. */
void souk_loop_forget(souk_loop *loop, struct souk_watch *watch);
/* Waits up to timeout_ns (0: looks only; UINT64_MAX: for ever) and calls ready() for what happened.
 * Returns how many calls it made. */
unsigned souk_loop_poll(souk_loop *loop, uint64_t timeout_ns);
/* Makes the poll under way, or the next one, return. Any thread; costs a system call. */
void souk_loop_wake(souk_loop *loop);

#endif
