/* SPDX-License-Identifier: Apache-2.0 */
/* test/world/test_loop.c -- who is ready is called, never after removal; the bell wakes from any thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world/loop.h"
#include "world/thread.h"
#include "world/world.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    souk_loop *loop;
    struct souk_watch watch;
    struct end *victims; /* all of these are removed at the first call */
    unsigned count, calls, events;
};

static void
ready(void *arg, unsigned events)
{
    struct end *end = arg;
    end->calls++;
    end->events |= events;
    for (unsigned i = 0; i < end->count; i++)
        souk_loop_remove(end->loop, &end->victims[i].watch);
}

static void
end_open(struct end *end, souk_loop *loop, int fd, unsigned interest)
{
    *end = (struct end){ .loop = loop, .watch = { fd, interest, ready, end } };
    assert_int_equal(souk_loop_add(loop, &end->watch), SOUK_OK);
}

static void
what_is_ready_is_called(void **state)
{
    (void)state;
    souk_loop *loop;
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct end end;
    end_open(&end, loop, pair[0], SOUK_READABLE);
    assert_int_equal(souk_loop_poll(loop, 0), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(souk_loop_poll(loop, UINT64_MAX), 1);
    assert_int_equal(souk_loop_poll(loop, 1000), 1); /* level-triggered: still there */
    assert_int_equal(end.events, SOUK_READABLE);

    end.watch.interest = SOUK_WRITABLE;
    end.events = 0;
    souk_loop_change(loop, &end.watch);
    assert_int_equal(souk_loop_poll(loop, 0), 1);
    assert_int_equal(end.events, SOUK_WRITABLE);

    /* A peer that finished sending is readable, not gone; one that closed is gone, also for who asked nothing. */
    end.watch.interest = SOUK_READABLE;
    end.events = 0;
    souk_loop_change(loop, &end.watch);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    assert_int_equal(souk_loop_poll(loop, 0), 1);
    assert_int_equal(end.events, SOUK_READABLE);
    close(pair[1]);
    end.watch.interest = 0;
    end.events = 0;
    souk_loop_change(loop, &end.watch);
    assert_int_equal(souk_loop_poll(loop, 0), 1);
    assert_int_equal(end.events, SOUK_HUNG_UP);

    souk_loop_remove(loop, &end.watch);
    assert_int_equal(souk_loop_poll(loop, 0), 0);
    close(pair[0]);
    souk_loop_close(&loop);
    assert_null(loop);
}

static void
a_removed_watch_is_not_called(void **state)
{
    (void)state;
    enum { PAIRS = 20 };
    souk_loop *loop;
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    struct end ends[PAIRS];
    int pairs[PAIRS][2];
    for (unsigned i = 0; i < PAIRS; i++) {
        assert_int_equal(pipe(pairs[i]), 0);
        assert_int_equal(write(pairs[i][1], "x", 1), 1);
        end_open(&ends[i], loop, pairs[i][0], SOUK_READABLE);
        ends[i].victims = ends;
        ends[i].count = PAIRS;
    }
    /* All are ready at once; whoever is first removes all, itself included. */
    assert_int_equal(souk_loop_poll(loop, UINT64_MAX), 1);
    assert_int_equal(souk_loop_poll(loop, 0), 0);
    for (unsigned i = 0; i < PAIRS; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    souk_loop_close(&loop);
}

static void
ring(void *arg)
{
    usleep(20000);
    souk_loop_wake(arg);
}

static void
the_bell_wakes(void **state)
{
    (void)state;
    souk_loop *loop;
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    souk_loop_wake(loop); /* before the poll: remembered, and many are one */
    souk_loop_wake(loop);
    assert_int_equal(souk_loop_poll(loop, UINT64_MAX), 0);

    souk_thread *ringer;
    assert_int_equal(souk_thread_start(&ringer, "ringer", ring, loop), SOUK_OK);
    assert_int_equal(souk_loop_poll(loop, UINT64_MAX), 0);
    souk_thread_join(&ringer);

    /* Nobody rang since: the time runs out, and not before. */
    const struct souk_world *os = souk_world_os();
    const uint64_t timeouts[] = { 3000000, 50000 };
    for (unsigned i = 0; i < 2; i++) {
        uint64_t began = os->monotonic_ns(os->self);
        assert_int_equal(souk_loop_poll(loop, timeouts[i]), 0);
        assert_true(os->monotonic_ns(os->self) - began >= timeouts[i]);
    }
    souk_loop_close(&loop);
}

static void
a_bad_descriptor_is_a_fault(void **state)
{
    (void)state;
    souk_loop *loop;
    assert_int_equal(souk_loop_open(&loop), SOUK_OK);
    struct souk_watch watch = { -1, SOUK_READABLE, ready, NULL };
    assert_int_equal(souk_loop_add(loop, &watch), SOUK_ERR_IO);
    souk_loop_close(&loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ready_is_called),
        cmocka_unit_test(a_removed_watch_is_not_called),
        cmocka_unit_test(the_bell_wakes),
        cmocka_unit_test(a_bad_descriptor_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
