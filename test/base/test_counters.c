/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_counters.c -- threads count each for itself, and the sum misses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/counters.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, TIMES = 50000 };

struct setting {
    souk_memory *memory;
    souk_counters *counters;
    unsigned turns, depth, lag;
};

static void *
count(void *arg)
{
    struct setting *setting = arg;
    souk_tally *tally = souk_tally_open(setting->counters, souk_heap_open(setting->memory));
    for (int64_t i = 0; i < TIMES; i++) {
        souk_tally_add(tally, setting->turns, 1);
        souk_tally_add(tally, setting->depth, i % 2 ? -1 : 1);
        souk_tally_record(tally, setting->lag, (uint64_t)i);
    }
    souk_tally_set(tally, setting->depth, -3);
    return NULL;
}

static void
no_count_is_lost(void **state)
{
    (void)state;
    struct setting setting = { .memory = souk_memory_open() };
    souk_heap *heap = souk_heap_open(setting.memory);
    setting.counters = souk_counters_open(heap);
    setting.turns = souk_counters_add(setting.counters, &(struct souk_metric){
                                                            .type = SOUK_COUNTER,
                                                            .name = "souk_turns_total",
                                                            .help = "Turns taken.",
                                                            .labels = "kind=\"stock\"",
                                                        });
    setting.depth = souk_counters_add(
        setting.counters, &(struct souk_metric){ .type = SOUK_GAUGE, .name = "souk_depth", .help = "Messages held." });
    setting.lag = souk_counters_add(setting.counters, &(struct souk_metric){ .type = SOUK_HISTOGRAM,
                                                                             .name = "souk_lag_seconds",
                                                                             .help = "Lag.",
                                                                             .unit = 1e-9 });
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &setting), 0);
    int64_t seen = 0;
    for (unsigned i = 0; i < 100; i++) { /* A reader beside the writers never sees a counter fall. */
        int64_t now = souk_counters_sum(setting.counters, setting.turns);
        assert_true(now >= seen);
        seen = now;
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    assert_int_equal(souk_counters_count(setting.counters), 3);
    assert_true(souk_counters_sum(setting.counters, setting.turns) == THREADS * TIMES);
    assert_true(souk_counters_sum(setting.counters, setting.depth) == THREADS * -3);
    struct souk_histogram *lag = souk_heap_zalloc(heap, sizeof *lag);
    souk_counters_merge(setting.counters, setting.lag, lag);
    assert_true(souk_histogram_count(lag) == THREADS * TIMES);
    assert_true(souk_histogram_max(lag) == TIMES - 1);

    assert_string_equal(souk_counters_metric(setting.counters, setting.turns)->labels, "kind=\"stock\"");
    assert_string_equal(souk_counters_metric(setting.counters, setting.depth)->labels, "");
    assert_true(souk_counters_metric(setting.counters, setting.depth)->unit == 1.0);
    souk_memory_close(&setting.memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_count_is_lost) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
