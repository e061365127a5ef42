/* SPDX-License-Identifier: Apache-2.0 */
/* world/os.c -- the real world's time and chance.
 *
 * A node gets it as a parameter; the simulator gives its own instead. It has no state, so any thread may call it. */
#include "world/world.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static struct timespec
now(clockid_t clock)
{
    struct timespec at;
    int failed = clock_gettime(clock, &at);
    souk_assert(!failed);
    return at;
}

static uint64_t
monotonic_ns(void *self)
{
    (void)self;
    struct timespec at = now(CLOCK_MONOTONIC);
    return (uint64_t)at.tv_sec * UINT64_C(1000000000) + (uint64_t)at.tv_nsec;
}

static uint64_t
wall_ms(void *self)
{
    (void)self;
    struct timespec at = now(CLOCK_REALTIME);
    return at.tv_sec < 0 ? 0 : (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

static void
random_bytes(void *self, void *out, size_t length)
{
    (void)self;
    char *at = out;
    while (length) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0) {
            souk_assert(errno == EINTR); /* A kernel without getrandom() is older than any that we run on. */
            continue;
        }
        at += got;
        length -= (size_t)got;
    }
}

const struct souk_world *
souk_world_os(void)
{
    static const struct souk_world os = { .monotonic_ns = monotonic_ns, .wall_ms = wall_ms, .random = random_bytes };
    return &os;
}
