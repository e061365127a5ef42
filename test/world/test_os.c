/* SPDX-License-Identifier: Apache-2.0 */
/* test/world/test_os.c -- the real clock moves forward, the real randomness differs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world/world.h"

#include <string.h>
#include <time.h>

static void
clocks_go_forward(void **state)
{
    (void)state;
    const struct souk_world *os = souk_world_os();
    uint64_t last = os->monotonic_ns(os->self), first = last;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now = os->monotonic_ns(os->self);
        assert_true(now >= last);
        last = now;
    }
    assert_true(last > first);
    uint64_t wall = os->wall_ms(os->self), libc = (uint64_t)time(NULL);
    assert_in_range(wall / 1000, libc - 2, libc + 2);
}

static void
randomness_differs(void **state)
{
    (void)state;
    const struct souk_world *os = souk_world_os();
    unsigned char a[1000] = { 0 }, b[1000] = { 0 };
    os->random(os->self, a, sizeof a - 1);
    os->random(os->self, b, sizeof b - 1);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(a[999], 0); /* not a byte more than asked for */
    unsigned zeros = 0;
    for (unsigned i = 0; i < 999; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 50);
    os->random(os->self, a, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(clocks_go_forward), cmocka_unit_test(randomness_differs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
