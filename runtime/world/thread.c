/* SPDX-License-Identifier: Apache-2.0 */
/* world/thread.c -- threads (pthread) and beds (futex).
 *
 * A bed's state is one word. The sleeper goes AWAKE -> ASLEEP before it waits in the kernel, a caller sets CALLED and
 * enters the kernel only if it found ASLEEP. The kernel rechecks the word under its own lock, so a call between the
 * two is never lost. Whatever the caller wrote before the call, the sleeper sees after its sleep. */
#define _GNU_SOURCE /* pthread_setname_np(), sched_getaffinity() */
#include "world/thread.h"

#include "base/heap.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { AWAKE = 0, CALLED = 1, ASLEEP = 2 };

struct souk_thread {
    pthread_t id;
    void (*body)(void *arg);
    void *arg;
    char name[16];
};

static void *
thread_main(void *arg)
{
    souk_thread *thread = arg;
    (void)pthread_setname_np(pthread_self(), thread->name); /* Only for whoever looks: a failure harms nothing. */
    thread->body(thread->arg);
    return NULL;
}

souk_err
souk_thread_start(souk_thread **out, const char *name, void (*body)(void *arg), void *arg)
{
    *out = NULL;
    souk_thread *thread = souk_system_alloc(sizeof *thread);
    if (!thread)
        return SOUK_ERR_MEMORY;
    thread->body = body;
    thread->arg = arg;
    size_t length = strlen(name);
    souk_assert(length < sizeof thread->name);
    memcpy(thread->name, name, length + 1);

    /* The new thread inherits the mask, so that no signal can reach it before it could block them itself. */
    sigset_t all, before;
    sigfillset(&all);
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    souk_assert(!failed);
    int refused = pthread_create(&thread->id, NULL, thread_main, thread);
    failed = pthread_sigmask(SIG_SETMASK, &before, NULL);
    souk_assert(!failed);
    if (refused) {
        free(thread);
        return refused == EAGAIN ? SOUK_ERR_BUSY : SOUK_ERR_IO;
    }
    *out = thread;
    return SOUK_OK;
}

void
souk_thread_join(souk_thread **thread_p)
{
    souk_thread *thread = *thread_p;
    *thread_p = NULL;
    if (!thread)
        return;
    int failed = pthread_join(thread->id, NULL);
    souk_assert(!failed);
    free(thread);
}

/* The moment of CLOCK_MONOTONIC at which a sleep ends. False for one that has no end. */
static bool
deadline_of(uint64_t timeout_ns, struct timespec *out)
{
    const uint64_t second = UINT64_C(1000000000);
    if (timeout_ns / second > INT_MAX) /* 68 years */
        return false;
    int failed = clock_gettime(CLOCK_MONOTONIC, out);
    souk_assert(!failed);
    uint64_t ns = (uint64_t)out->tv_nsec + timeout_ns % second;
    out->tv_sec += (time_t)(timeout_ns / second + ns / second);
    out->tv_nsec = (long)(ns % second);
    return true;
}

void
souk_bed_sleep(struct souk_bed *bed, uint64_t timeout_ns)
{
    /* acquire: pairs with the release in souk_bed_call() */
    uint32_t state = AWAKE;
    if (!atomic_compare_exchange_strong_explicit(&bed->state, &state, ASLEEP, memory_order_acquire,
                                                 memory_order_acquire)) {
        souk_assert(state == CALLED); /* ASLEEP would be a second sleeper. */
        atomic_exchange_explicit(&bed->state, AWAKE, memory_order_acquire);
        return;
    }

    struct timespec deadline;
    bool bounded = deadline_of(timeout_ns, &deadline);
    while (atomic_load_explicit(&bed->state, memory_order_relaxed) == ASLEEP) {
        long woken = syscall(SYS_futex, &bed->state, FUTEX_WAIT_BITSET_PRIVATE, ASLEEP, bounded ? &deadline : NULL,
                             NULL, FUTEX_BITSET_MATCH_ANY);
        if (woken < 0 && errno == ETIMEDOUT)
            break;
        souk_assert(woken == 0 || errno == EAGAIN || errno == EINTR);
    }
    /* Also takes a call that came as the time ran out. acquire: pairs with the release in souk_bed_call() */
    atomic_exchange_explicit(&bed->state, AWAKE, memory_order_acquire);
}

void
souk_bed_call(struct souk_bed *bed)
{
    /* release: pairs with the acquires in souk_bed_sleep() */
    if (atomic_exchange_explicit(&bed->state, CALLED, memory_order_release) == ASLEEP) {
        long woken = syscall(SYS_futex, &bed->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        souk_assert(woken >= 0);
    }
}

unsigned
souk_thread_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        return (unsigned)CPU_COUNT(&cores);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* More cores than the set has room for. */
    return online > 0 ? (unsigned)online : 1;
}
