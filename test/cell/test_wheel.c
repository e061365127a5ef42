/* SPDX-License-Identifier: Apache-2.0 */
/* test/cell/test_wheel.c -- the timing wheel: each promise of its header, and at random against a sorted array. */
#include "cell/wheel.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants setjmp.h, stdarg.h and stddef.h above it. */
#include <cmocka.h>

/* 2026-11-27T09:00:00Z, a moment with nothing round about it in binary. */
#define OPENING UINT64_C(1795770000000)
#define HOUR UINT64_C(3600000)

static uint64_t chance = 42;

static uint64_t
draw(uint64_t below)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 20) % below;
}

/* Takes what is due by `now_ms`, which must be exactly these timers in this order. */
static void
takes(struct souk_wheel *wheel, uint64_t now_ms, size_t count, struct souk_timer *const *expected)
{
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(souk_wheel_take(wheel, now_ms), expected[i]);
        assert_null(expected[i]->link);
    }
    assert_null(souk_wheel_take(wheel, now_ms));
    assert_int_equal(wheel->now_ms, now_ms);
}

#define TAKES(wheel, now_ms, ...)                                                      \
    takes(wheel, now_ms, sizeof((struct souk_timer *[]){ __VA_ARGS__ }) / sizeof(void *), \
          (struct souk_timer *[]){ __VA_ARGS__ })
#define TAKES_NONE(wheel, now_ms) takes(wheel, now_ms, 0, NULL)

static void
an_empty_wheel_gives_nothing(void **state)
{
    (void)state;
    struct souk_wheel wheel;
    souk_wheel_init(&wheel, OPENING);
    assert_int_equal(wheel.count, 0);
    assert_true(souk_wheel_next(&wheel) == UINT64_MAX);
    TAKES_NONE(&wheel, OPENING);
    TAKES_NONE(&wheel, OPENING + 1000 * HOUR);
    TAKES_NONE(&wheel, UINT64_MAX);
    assert_true(souk_wheel_next(&wheel) == UINT64_MAX);
}

/* At every distance that a 64-bit time can have: not a millisecond early, nor late. */
static void
a_timer_is_taken_on_its_millisecond(void **state)
{
    (void)state;
    const uint64_t starts[] = { 0, 1, 63, 64, OPENING, (UINT64_C(1) << 23) - 1, (UINT64_C(1) << 41) - 1 };
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            for (int off = -1; off <= 1; off++) {
                uint64_t due = starts[s] + (UINT64_C(1) << bit) + (uint64_t)(int64_t)off;
                if (due <= starts[s]) continue;
                struct souk_wheel wheel;
                struct souk_timer timer = { 0 };
                souk_wheel_init(&wheel, starts[s]);
                souk_wheel_add(&wheel, &timer, due);
                assert_int_equal(wheel.count, 1);
                TAKES_NONE(&wheel, starts[s] + (due - starts[s]) / 2);
                TAKES_NONE(&wheel, due - 1);
                assert_true(souk_wheel_next(&wheel) == due);
                TAKES(&wheel, due, &timer);
                assert_int_equal(timer.due_ms, due);
                assert_int_equal(wheel.count, 0);
            }
        }
    }
}

static void
the_last_moment_of_all_is_a_time_like_others(void **state)
{
    (void)state;
    struct souk_wheel wheel;
    struct souk_timer a = { 0 }, b = { 0 };
    souk_wheel_init(&wheel, OPENING);
    souk_wheel_add(&wheel, &a, UINT64_MAX);
    souk_wheel_add(&wheel, &b, UINT64_MAX);
    TAKES_NONE(&wheel, UINT64_MAX - 1);
    TAKES(&wheel, UINT64_MAX, &a, &b);
    souk_wheel_add(&wheel, &b, OPENING);
    assert_true(b.due_ms == UINT64_MAX);
    TAKES(&wheel, UINT64_MAX, &b);
}

/* The same due time, added from afar, from near and at the last moment. */
static void
equal_times_come_in_the_order_of_adding(void **state)
{
    (void)state;
    for (unsigned bit = 3; bit < 44; bit++) {
        struct souk_wheel wheel;
        struct souk_timer timers[4 * 64] = { 0 }, *order[4 * 64];
        uint64_t due = (UINT64_C(1) << 44) + 5;
        unsigned count = 0;
        souk_wheel_init(&wheel, due - (UINT64_C(1) << bit));
        for (unsigned left = bit; left < 64; left--) { /* Wraps below zero. */
            TAKES_NONE(&wheel, due - (UINT64_C(1) << left));
            for (int i = 0; i < 4; i++) {
                order[count] = &timers[count];
                souk_wheel_add(&wheel, &timers[count++], due);
            }
        }
        takes(&wheel, due + bit % 2 * HOUR, count, order);
    }
}

static void
what_is_past_is_due_at_once(void **state)
{
    (void)state;
    struct souk_wheel wheel;
    struct souk_timer a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
    souk_wheel_init(&wheel, OPENING);
    souk_wheel_add(&wheel, &a, OPENING + 1);
    souk_wheel_add(&wheel, &b, OPENING);
    souk_wheel_add(&wheel, &c, OPENING - HOUR);
    souk_wheel_add(&wheel, &d, 0);
    assert_true(c.due_ms == OPENING && d.due_ms == OPENING);
    assert_true(souk_wheel_next(&wheel) == OPENING);
    TAKES(&wheel, OPENING, &b, &c, &d);
    TAKES(&wheel, OPENING + 1, &a);
}

static void
time_never_goes_back(void **state)
{
    (void)state;
    struct souk_wheel wheel;
    struct souk_timer a = { 0 }, b = { 0 };
    souk_wheel_init(&wheel, OPENING);
    souk_wheel_add(&wheel, &a, OPENING + 10);
    TAKES_NONE(&wheel, OPENING + 9);
    assert_null(souk_wheel_take(&wheel, OPENING));
    assert_null(souk_wheel_take(&wheel, 0));
    assert_int_equal(wheel.now_ms, OPENING + 9);
    /* An earlier time counts as the present, and at the present this one is due. */
    souk_wheel_add(&wheel, &b, OPENING);
    assert_ptr_equal(souk_wheel_take(&wheel, OPENING), &b);
    assert_null(souk_wheel_take(&wheel, OPENING));
    TAKES(&wheel, OPENING + 10, &a);
}

/* While a series runs the present is the last timer's time, so what its owner adds finds its place in the order. */
static void
a_series_takes_what_is_added_during_it(void **state)
{
    (void)state;
    struct souk_wheel wheel;
    struct souk_timer first = { 0 }, last = { 0 }, between = { 0 }, same = { 0 }, late = { 0 }, next = { 0 };
    uint64_t now = OPENING + HOUR;
    souk_wheel_init(&wheel, OPENING);
    souk_wheel_add(&wheel, &first, OPENING + 100);
    souk_wheel_add(&wheel, &last, now);
    assert_ptr_equal(souk_wheel_take(&wheel, now), &first);
    assert_int_equal(wheel.now_ms, OPENING + 100);
    souk_wheel_add(&wheel, &next, now + 1);
    souk_wheel_add(&wheel, &same, now);
    souk_wheel_add(&wheel, &between, OPENING + 5000);
    souk_wheel_add(&wheel, &late, OPENING + 99);
    TAKES(&wheel, now, &late, &between, &last, &same);
    TAKES(&wheel, now + 1, &next);
}

/* A taken timer that its owner adds again at once: a periodic one. */
static void
a_periodic_timer_keeps_its_beat(void **state)
{
    (void)state;
    struct souk_wheel wheel;
    struct souk_timer timer = { 0 };
    souk_wheel_init(&wheel, OPENING);
    souk_wheel_add(&wheel, &timer, OPENING + 250);
    unsigned beats = 0;
    while (souk_wheel_take(&wheel, OPENING + HOUR) == &timer) {
        assert_int_equal(timer.due_ms, OPENING + 250 * ++beats);
        souk_wheel_add(&wheel, &timer, timer.due_ms + 250);
    }
    assert_int_equal(beats, HOUR / 250);
    assert_int_equal(wheel.count, 1);
}

/* The first, a middle one, the last and all of a list, where lists of one and of several lie on each level. */
static void
a_cancelled_timer_is_never_taken(void **state)
{
    (void)state;
    enum { EACH = 5 };
    for (unsigned bit = 0; bit < 50; bit++) {
        for (unsigned gone = 0; gone < 1u << EACH; gone++) {
            struct souk_wheel wheel;
            struct souk_timer timers[EACH] = { 0 }, *order[EACH];
            uint64_t due = OPENING + (UINT64_C(1) << bit);
            size_t left = 0;
            souk_wheel_init(&wheel, OPENING);
            for (int i = 0; i < EACH; i++) souk_wheel_add(&wheel, &timers[i], due);
            for (int i = 0; i < EACH; i++) {
                int which = bit % 2 ? i : EACH - 1 - i;
                if (gone >> which & 1) souk_wheel_cancel(&wheel, &timers[which]);
            }
            for (int i = 0; i < EACH; i++) {
                if (gone >> i & 1) assert_true(!timers[i].link && timers[i].due_ms == due);
                else order[left++] = &timers[i];
            }
            assert_int_equal(wheel.count, left);
            assert_int_equal(souk_wheel_next(&wheel) == UINT64_MAX, left == 0);
            /* The rest is a whole list still: it takes one more at its end. */
            struct souk_timer more = { 0 };
            souk_wheel_add(&wheel, &more, due);
            for (size_t i = 0; i < left; i++) assert_ptr_equal(souk_wheel_take(&wheel, due), order[i]);
            TAKES(&wheel, due, &more);
        }
    }
}

/* ---- Bugs end the process. ---- */

static void
add_twice(struct souk_wheel *wheel)
{
    struct souk_timer timer = { 0 };
    souk_wheel_add(wheel, &timer, OPENING + 1);
    souk_wheel_add(wheel, &timer, OPENING + 2);
}

static void
cancel_twice(struct souk_wheel *wheel)
{
    struct souk_timer timer = { 0 }, other = { 0 };
    souk_wheel_add(wheel, &timer, OPENING + 1);
    souk_wheel_add(wheel, &other, OPENING + 1);
    souk_wheel_cancel(wheel, &timer);
    souk_wheel_cancel(wheel, &timer);
}

static void
cancel_what_was_taken(struct souk_wheel *wheel)
{
    struct souk_timer timer = { 0 }, other = { 0 };
    souk_wheel_add(wheel, &timer, OPENING);
    souk_wheel_add(wheel, &other, OPENING);
    if (souk_wheel_take(wheel, OPENING) != &timer) return;
    souk_wheel_cancel(wheel, &timer);
}

static void
cancel_in_another_wheel(struct souk_wheel *wheel)
{
    struct souk_wheel another;
    struct souk_timer timer = { 0 }, other = { 0 };
    souk_wheel_init(&another, OPENING);
    souk_wheel_add(&another, &other, OPENING + 1);
    souk_wheel_add(wheel, &timer, OPENING + 2);
    souk_wheel_cancel(&another, &timer);
}

static void
bugs_end_the_process(void **state)
{
    (void)state;
    void (*const bugs[])(struct souk_wheel *) = { add_twice, cancel_twice, cancel_what_was_taken,
                                                  cancel_in_another_wheel };
    for (size_t i = 0; i < sizeof bugs / sizeof *bugs; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct souk_wheel wheel;
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            souk_wheel_init(&wheel, OPENING);
            bugs[i](&wheel);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

/* ---- Who sleeps until next() ---- */

static void
a_sleeper_wakes_a_few_times_for_one_timer(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct souk_wheel wheel;
        struct souk_timer timer = { 0 };
        uint64_t now = OPENING + draw(UINT64_C(1) << 36), due = now + 1 + draw(UINT64_C(1) << (1 + round % 50));
        /* Each 1 of a far time's bits costs a wake at most, from where it differs; so do three of the levels. */
        unsigned wakes = 0, most = 1 + 3;
        for (unsigned bit = SOUK_WHEEL_NEAR_BITS; (due ^ now) >> bit; bit++) most += (unsigned)(due >> bit & 1);
        souk_wheel_init(&wheel, now);
        souk_wheel_add(&wheel, &timer, due);
        struct souk_timer *taken = NULL;
        while (!taken) {
            uint64_t next = souk_wheel_next(&wheel);
            assert_true(next > now && next <= due);
            now = next;
            taken = souk_wheel_take(&wheel, now);
            wakes++;
        }
        assert_true(now == due && wakes <= most);
    }
}

static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* How many distinct spans of 2^bits ms the sorted times lie in. */
static unsigned
spans(const uint64_t *times, unsigned count, unsigned bits)
{
    unsigned distinct = 0;
    for (unsigned i = 0; i < count; i++) distinct += i == 0 || times[i] >> bits != times[i - 1] >> bits;
    return distinct;
}

static void
a_sleeper_wakes_once_for_each_slot(void **state)
{
    (void)state;
    enum { TIMERS = 3000 };
    static struct souk_timer timers[TIMERS];
    static uint64_t times[TIMERS];
    memset(timers, 0, sizeof timers);
    for (unsigned round = 0; round < 10; round++) {
        struct souk_wheel wheel;
        uint64_t now = OPENING + draw(24 * HOUR);
        souk_wheel_init(&wheel, now);
        for (unsigned i = 0; i < TIMERS; i++) {
            times[i] = now + draw(round % 2 ? HOUR : 60000);
            souk_wheel_add(&wheel, &timers[i], times[i]);
        }
        qsort(times, TIMERS, sizeof *times, by_number);
        unsigned wakes = 0, taken = 0;
        for (; wheel.count; wakes++) {
            now = souk_wheel_next(&wheel);
            assert_true(now <= times[taken]);
            while (souk_wheel_take(&wheel, now)) assert_int_equal(times[taken++], now);
        }
        assert_int_equal(taken, TIMERS);
        /* An hour meets the border of the levels' span once at most. */
        assert_true(wakes <= 1 + spans(times, TIMERS, 0) + spans(times, TIMERS, 6) + spans(times, TIMERS, 12) +
                    spans(times, TIMERS, 18));
    }
}

/* Centuries between timers cost nothing: stepping through the milliseconds would never end. */
static void
a_jump_costs_its_timers_not_its_milliseconds(void **state)
{
    (void)state;
    enum { TIMERS = 20000 };
    struct souk_wheel wheel;
    struct souk_timer *timers = calloc(TIMERS, sizeof *timers);
    uint64_t century = 100 * 8766 * HOUR;
    assert_non_null(timers);
    souk_wheel_init(&wheel, OPENING);
    for (unsigned i = TIMERS; i-- > 0;) souk_wheel_add(&wheel, &timers[i], OPENING + 1 + i * century);
    for (unsigned i = 0; i < TIMERS; i++)
        assert_ptr_equal(souk_wheel_take(&wheel, OPENING + TIMERS * century), &timers[i]);
    TAKES_NONE(&wheel, OPENING + TIMERS * century);
    free(timers);
}

/* ---- At random, beside an array in the order in which timers must come. ---- */

enum { TIMERS_MAX = 160, SEEDS = 3000, OPERATIONS = 500 };

struct model {
    uint64_t now;
    unsigned count;
    struct souk_timer *sorted[TIMERS_MAX]; /* By due time, then by adding. */
    uint64_t due[TIMERS_MAX];              /* Of sorted[]; what the wheel itself notes is not believed. */
};

static void
model_remove(struct model *model, unsigned at)
{
    model->count--;
    memmove(&model->sorted[at], &model->sorted[at + 1], (model->count - at) * sizeof *model->sorted);
    memmove(&model->due[at], &model->due[at + 1], (model->count - at) * sizeof *model->due);
}

static void
model_add(struct model *model, struct souk_timer *timer, uint64_t due)
{
    if (due < model->now) due = model->now;
    unsigned at = model->count;
    for (; at && model->due[at - 1] > due; at--) {
        model->sorted[at] = model->sorted[at - 1];
        model->due[at] = model->due[at - 1];
    }
    model->sorted[at] = timer;
    model->due[at] = due;
    model->count++;
}

/* A time about the present: past, the same as another's, close, far, or at a border of spans. */
static uint64_t
draw_time(const struct model *model, unsigned reach)
{
    static const unsigned borders[] = { 6, 12, 18, 23, 24 };
    uint64_t time = model->now + draw(UINT64_C(1) << (1 + draw(reach)));
    switch (draw(8)) {
    case 0: return model->now - draw(100);
    case 1:
    case 2: return model->count ? model->due[draw(model->count)] : model->now;
    case 3:
    case 4: {
        unsigned border = borders[draw(sizeof borders / sizeof *borders)];
        return (((time >> border) + 1) << border) - 1 + draw(3);
    }
    default: return time;
    }
}

static void
agrees(const struct souk_wheel *wheel, const struct model *model)
{
    assert_int_equal(wheel->count, model->count);
    assert_true(wheel->now_ms == model->now);
    uint64_t next = souk_wheel_next(wheel);
    if (!model->count) {
        assert_true(next == UINT64_MAX);
        return;
    }
    assert_true(next <= model->due[0]);
    if (next <= model->now || next >> 6 == model->now >> 6) assert_true(next == model->due[0]);
    if (model->due[0] >> 6 == model->now >> 6) assert_true(next == model->due[0]);
}

/* Takes at most `most` timers that are due by `now`. */
static void
take_some(struct souk_wheel *wheel, struct model *model, uint64_t now, uint64_t most)
{
    if (now < model->now) now = draw(2) ? now : 0;
    uint64_t counts_as = now > model->now ? now : model->now;
    for (uint64_t i = 0; i < most; i++) {
        struct souk_timer *timer = souk_wheel_take(wheel, now);
        if (!model->count || model->due[0] > counts_as) {
            assert_null(timer);
            model->now = counts_as;
            return;
        }
        assert_ptr_equal(timer, model->sorted[0]);
        assert_true(!timer->link && timer->due_ms == model->due[0]);
        model->now = model->due[0];
        model_remove(model, 0);
    }
}

static void
agrees_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        chance = seed;
        struct souk_timer timers[TIMERS_MAX] = { 0 };
        struct souk_wheel wheel;
        struct model model = { .now = seed % 3 ? OPENING + draw(1000 * HOUR) : 100 + draw(1000) };
        unsigned reach = seed % 4 == 0 ? 42 : seed % 4 == 1 ? 8 : seed % 4 == 2 ? 14 : 24;
        souk_wheel_init(&wheel, model.now);
        for (unsigned i = 0; i < OPERATIONS; i++) {
            uint64_t what = draw(100);
            struct souk_timer *timer = &timers[draw(TIMERS_MAX)];
            if (what < 65) {
                uint64_t due = draw_time(&model, reach);
                if (timer->link) continue;
                model_add(&model, timer, due);
                souk_wheel_add(&wheel, timer, due);
            } else if (what < 80) {
                if (!model.count) continue;
                unsigned at = (unsigned)draw(model.count);
                souk_wheel_cancel(&wheel, model.sorted[at]);
                assert_null(model.sorted[at]->link);
                model_remove(&model, at);
            } else if (what < 90) {
                take_some(&wheel, &model, draw_time(&model, reach), 1 + draw(4)); /* Stops amid a series. */
            } else if (what < 95) {
                take_some(&wheel, &model, souk_wheel_next(&wheel), model.count); /* As a sleeper does. */
            } else {
                take_some(&wheel, &model, draw_time(&model, reach / 2), UINT64_MAX);
            }
            agrees(&wheel, &model);
        }
        take_some(&wheel, &model, UINT64_MAX, UINT64_MAX);
        assert_int_equal(model.count, 0);
        agrees(&wheel, &model);
        for (unsigned i = 0; i < TIMERS_MAX; i++) assert_null(timers[i].link);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_wheel_gives_nothing),
        cmocka_unit_test(a_timer_is_taken_on_its_millisecond),
        cmocka_unit_test(the_last_moment_of_all_is_a_time_like_others),
        cmocka_unit_test(equal_times_come_in_the_order_of_adding),
        cmocka_unit_test(what_is_past_is_due_at_once),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(a_series_takes_what_is_added_during_it),
        cmocka_unit_test(a_periodic_timer_keeps_its_beat),
        cmocka_unit_test(a_cancelled_timer_is_never_taken),
        cmocka_unit_test(bugs_end_the_process),
        cmocka_unit_test(a_sleeper_wakes_a_few_times_for_one_timer),
        cmocka_unit_test(a_sleeper_wakes_once_for_each_slot),
        cmocka_unit_test(a_jump_costs_its_timers_not_its_milliseconds),
        cmocka_unit_test(agrees_with_a_sorted_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
