/* SPDX-License-Identifier: Apache-2.0 */
/* test/world/test_thread.c -- threads run with their name and without signals; no call to a bed is lost. */
#define _GNU_SOURCE /* pthread_getname_np() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world/thread.h"
#include "world/world.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static void
look(void *arg)
{
    char *name = arg;
    sigset_t mask;
    int failed = pthread_getname_np(pthread_self(), name, 16) || pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (failed || !sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGINT))
        strcpy(name, "failed");
}

static void
a_thread_has_its_name_and_no_signals(void **state)
{
    (void)state;
    char name[16] = "";
    souk_thread *thread;
    assert_int_equal(souk_thread_start(&thread, "souk-worker-123", look, name), SOUK_OK);
    souk_thread_join(&thread);
    assert_null(thread);
    assert_string_equal(name, "souk-worker-123");
    sigset_t mask;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGTERM)); /* the caller's own mask is as it was */
    assert_true(souk_thread_cores() >= 1);
}

enum { BALLS = 20000 };

struct court {
    struct souk_bed beds[2];
    unsigned ball; /* plain: the beds alone order it */
};

static void
play(void *arg)
{
    struct court *court = arg;
    for (unsigned i = 0; i < BALLS; i++) {
        souk_bed_sleep(&court->beds[1], UINT64_MAX);
        court->ball++;
        souk_bed_call(&court->beds[0]);
    }
}

static void
no_call_is_lost(void **state)
{
    (void)state;
    struct court court = { .ball = 0 };
    souk_thread *thread;
    assert_int_equal(souk_thread_start(&thread, "player", play, &court), SOUK_OK);
    for (unsigned i = 0; i < BALLS; i++) {
        court.ball++;
        souk_bed_call(&court.beds[1]);
        souk_bed_sleep(&court.beds[0], UINT64_MAX);
        assert_int_equal(court.ball, 2 * (i + 1));
    }
    souk_thread_join(&thread);
}

static void
a_sleep_ends_in_time(void **state)
{
    (void)state;
    const struct souk_world *os = souk_world_os();
    struct souk_bed bed = { 0 };
    uint64_t began = os->monotonic_ns(os->self);
    souk_bed_sleep(&bed, 5000000);
    assert_true(os->monotonic_ns(os->self) - began >= 5000000);

    souk_bed_call(&bed); /* remembered once, however often */
    souk_bed_call(&bed);
    souk_bed_sleep(&bed, UINT64_MAX);
    began = os->monotonic_ns(os->self);
    souk_bed_sleep(&bed, 1000000);
    assert_true(os->monotonic_ns(os->self) - began >= 1000000);
    souk_bed_sleep(&bed, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_name_and_no_signals),
        cmocka_unit_test(no_call_is_lost),
        cmocka_unit_test(a_sleep_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
