/* SPDX-License-Identifier: Apache-2.0 */
/* world/loop.c -- readiness by epoll, level-triggered, and an eventfd as the bell.
 *
 * One thread polls and changes watches; any may ring. Events are fetched in lots; a watch removed while its lot is
 * handed out is struck from the lot, so ready() is never called for memory that its owner may have freed.
 *
 * The kernel reports SOUK_HUNG_UP whether asked for or not, and again at each poll: whoever is told it removes the
 * watch. A peer that only finished sending is not hung up: it is readable, and reads as the end. */
#include "world/loop.h"

#include "base/heap.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LOT = 128 };

struct souk_loop {
    int epoll, bell;
    int lot_at, lot_count; /* what is being handed out; both 0 outside a poll */
    bool coarse;           /* the kernel has no epoll_pwait2(): wait in whole milliseconds */
    struct epoll_event lot[LOT];
};

static souk_err
fault_of(int number)
{
    return number == ENOMEM ? SOUK_ERR_MEMORY : number == EMFILE || number == ENFILE || number == ENOSPC ? SOUK_ERR_BUSY
                                                                                                        : SOUK_ERR_IO;
}

static struct epoll_event
wish_of(struct souk_watch *watch)
{
    struct epoll_event wish = { .data.ptr = watch };
    if (watch->interest & SOUK_READABLE)
        wish.events |= EPOLLIN;
    if (watch->interest & SOUK_WRITABLE)
        wish.events |= EPOLLOUT;
    return wish;
}

souk_err
souk_loop_open(souk_loop **out)
{
    *out = NULL;
    souk_loop *loop = souk_system_alloc(sizeof *loop);
    if (!loop)
        return SOUK_ERR_MEMORY;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->bell = loop->epoll < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wish = { .events = EPOLLIN, .data.ptr = NULL }; /* No watch: the bell. */
    if (loop->bell < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->bell, &wish)) {
        souk_err err = fault_of(errno);
        souk_loop_close(&loop);
        return err;
    }
    *out = loop;
    return SOUK_OK;
}

void
souk_loop_close(souk_loop **loop_p)
{
    souk_loop *loop = *loop_p;
    *loop_p = NULL;
    if (!loop)
        return;
    souk_assert(loop->lot_count == 0); /* Not from inside ready(). */
    if (loop->bell >= 0)
        close(loop->bell);
    if (loop->epoll >= 0)
        close(loop->epoll);
    free(loop);
}

souk_err
souk_loop_add(souk_loop *loop, struct souk_watch *watch)
{
    struct epoll_event wish = wish_of(watch);
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &wish) ? fault_of(errno) : SOUK_OK;
}

void
souk_loop_change(souk_loop *loop, struct souk_watch *watch)
{
    struct epoll_event wish = wish_of(watch);
    int failed = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &wish);
    souk_assert(!failed); /* Only a watch that was never added, or whose descriptor was closed, can fail. */
}

/* Events that were fetched with this lot and not yet handed over. */
static void
drop_fetched(souk_loop *loop, const struct souk_watch *watch)
{
    for (int i = loop->lot_at; i < loop->lot_count; i++)
        if (loop->lot[i].data.ptr == watch) {
            loop->lot[i].data.ptr = NULL;
            loop->lot[i].events = 0;
        }
}

void
souk_loop_remove(souk_loop *loop, struct souk_watch *watch)
{
    int failed = epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    souk_assert(!failed);
    drop_fetched(loop, watch);
}

void
souk_loop_forget(souk_loop *loop, struct souk_watch *watch)
{
    if (epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL))
        souk_assert(errno == EBADF || errno == ENOENT); /* Closed; and taken by another since. */
    drop_fetched(loop, watch);
}

/* Milliseconds for the older call, rounded up so that a short wait does not become a busy loop. */
static int
milliseconds_of(uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    return timeout_ns == UINT64_MAX ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static int
fetch(souk_loop *loop, uint64_t timeout_ns)
{
    if (!loop->coarse && timeout_ns != 0 && timeout_ns != UINT64_MAX) {
        const uint64_t second = UINT64_C(1000000000);
        struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / second), .tv_nsec = (long)(timeout_ns % second) };
        int count = epoll_pwait2(loop->epoll, loop->lot, LOT, &timeout, NULL);
        if (count >= 0 || errno != ENOSYS)
            return count;
        loop->coarse = true; /* Linux before 5.11, or a sandbox. */
    }
    return epoll_wait(loop->epoll, loop->lot, LOT, milliseconds_of(timeout_ns));
}

unsigned
souk_loop_poll(souk_loop *loop, uint64_t timeout_ns)
{
    souk_assert(loop->lot_count == 0); /* Not from inside ready(). */
    int count = fetch(loop, timeout_ns);
    if (count < 0) {
        souk_assert(errno == EINTR); /* A signal ends the wait like a call of the bell. */
        return 0;
    }

    unsigned calls = 0;
    loop->lot_count = count;
    for (loop->lot_at = 0; loop->lot_at < loop->lot_count; loop->lot_at++) {
        struct epoll_event *event = &loop->lot[loop->lot_at];
        struct souk_watch *watch = event->data.ptr;
        if (!watch) {
            uint64_t rings;
            if (event->events && read(loop->bell, &rings, sizeof rings) < 0)
                souk_assert(errno == EAGAIN || errno == EINTR);
            continue;
        }
        unsigned events = (event->events & EPOLLIN ? SOUK_READABLE : 0u) |
                          (event->events & EPOLLOUT ? SOUK_WRITABLE : 0u) |
                          (event->events & (EPOLLHUP | EPOLLERR) ? SOUK_HUNG_UP : 0u);
        events &= watch->interest | SOUK_HUNG_UP; /* An earlier ready() of this lot may have changed it. */
        if (events) {
            watch->ready(watch->arg, events);
            calls++;
        }
    }
    loop->lot_at = loop->lot_count = 0;
    return calls;
}

void
souk_loop_wake(souk_loop *loop)
{
    const uint64_t ring = 1;
    if (write(loop->bell, &ring, sizeof ring) < 0)
        souk_assert(errno == EAGAIN || errno == EINTR); /* EAGAIN: it rings already, 2^64 times. */
}
