/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_topics.c -- subscriptions: what subscribers get is what the journal holds, in its order, each event
 * once for a cursor and only durable ones. By seeds with crashes, and in a real node with threads. */
#include "ear.h"

#include "store/data.h"
#include "world/world.h"

#include <setjmp.h>
#include <souk/sim.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { PURSES = 8, FUNDS = 1000000 };

static const struct souk_kind *const kinds[] = { &purse_kind, &ear_kind, NULL };
static const souk_key all = { 0, 0 };
static souk_sim *sim;
static struct souk_cursor expected[EAR_EVENTS];

static uint64_t
seeds(void)
{
    const char *wanted = getenv("SOUK_SEEDS");
    return wanted ? strtoull(wanted, NULL, 10) : 40;
}

static uint64_t
durable(void)
{
    return souk_sim_counts(sim).position;
}

static souk_key
named(const char *what, unsigned i)
{
    char name[16];
    int n = snprintf(name, sizeof name, "%s-%u", what, i);
    return souk_sim_key_of(sim, (struct souk_text){ name, (size_t)n });
}

static void
open_sim(uint64_t seed, uint32_t crash_one_in)
{
    struct souk_sim_options options = { .seed = seed, .kinds = kinds, .crash_one_in = crash_one_in, .buggify = seed % 2,
                                        .checkpoint_one_in = crash_one_in ? 200 : 0 };
    memset(ear_logs, 0, sizeof ear_logs);
    sim = souk_sim_open(&options);
    ear_durable = durable;
    for (unsigned i = 0; i < PURSES; i++) {
        struct purse_fill fill = { .owner = SOUK_TEXT("somebody"), .amount = FUNDS };
        souk_sim_tell(sim, souk_ref(purse, named("purse", i)), &purse_fill_command, &fill, NULL, NULL);
    }
}

static void
start_ear(unsigned id)
{
    struct ear_start start = { id };
    souk_sim_tell(sim, souk_ref(ear, named("ear", id)), &ear_start_command, &start, NULL, NULL);
}

static struct ear_view
look(unsigned id)
{
    struct ear_view view;
    struct souk_reply reply = souk_sim_tell(sim, souk_ref(ear, named("ear", id)), &ear_look_query, &(struct ear_look){},
                                            souk_layout_of_ear_view, &view);
    assert_int_equal(reply.ending, SOUK_DONE);
    return view;
}

static uint32_t paid_count;

static void
pay(void)
{
    unsigned from = (unsigned)souk_sim_draw(sim, PURSES), to = (unsigned)souk_sim_draw(sim, PURSES);
    struct purse_pay c = { { 9, ++paid_count }, named("purse", to), 1 + souk_sim_draw(sim, 50) };
    souk_sim_tell(sim, souk_ref(purse, named("purse", from)), &purse_pay_command, &c, NULL, NULL);
}

/* Runs until nothing is left to do; true when the node crashed on the way. */
static bool
quiet(void)
{
    uint64_t crashes = souk_sim_counts(sim).crashes;
    while (souk_sim_step(sim))
        if (souk_sim_counts(sim).crashes != crashes) return true;
    return false;
}

static void
same(const struct souk_cursor *seen, unsigned count, struct souk_cursor after, souk_key actor)
{
    unsigned wanted = ear_journal(souk_sim_journal(sim), after, actor, expected);
    if (count != wanted) fail_msg("%u events instead of %u", count, wanted);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(seen[i].position, expected[i].position);
        assert_int_equal(seen[i].ordinal, expected[i].ordinal);
    }
}

/* ---- Seeds. ---- */

/* One ear from the beginning, one that begins later, at the beginning, and one that begins then, from then on. After a
 * crash each goes on from where it had got to. */
static unsigned
run_seed(uint64_t seed, uint32_t crash_one_in)
{
    open_sim(seed, crash_one_in);
    uint64_t crashes = souk_sim_counts(sim).crashes;
    unsigned ears = 1;
    struct souk_cursor third = SOUK_FROM_BEGINNING;
    start_ear(0);
    for (unsigned n = 0;; n++) {
        if (n == 30) {
            third = ear_logs[2].cursor = (struct souk_cursor){ durable(), UINT32_MAX };
            ears = 3;
            start_ear(1);
            start_ear(2);
        }
        if (n < 60) pay();
        bool crashed = souk_sim_counts(sim).crashes != crashes;
        if (n >= 60) crashed |= quiet();
        for (unsigned i = 0; i < ears && crashed; i++) {
            crashes = souk_sim_counts(sim).crashes;
            for (unsigned e = 0; e < ears; e++) start_ear(e);
            if (crashes == souk_sim_counts(sim).crashes) break;
            i = 0; /* Once more. */
        }
        if (n >= 60 && !crashed) break;
    }
    same(ear_logs[0].seen, ear_logs[0].count, SOUK_FROM_BEGINNING, all);
    same(ear_logs[1].seen, ear_logs[1].count, SOUK_FROM_BEGINNING, all);
    same(ear_logs[2].seen, ear_logs[2].count, third, all);
    assert_true(ear_logs[0].count > 60 && ear_logs[2].count < ear_logs[0].count);
    unsigned count = (unsigned)souk_sim_counts(sim).crashes;
    souk_sim_close(&sim);
    return count;
}

static void
what_is_published_is_the_journal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) run_seed(seed, 0);
}

static void
also_under_crashes(void **state)
{
    (void)state;
    unsigned crashes = 0;
    for (uint64_t seed = 1; seed <= seeds(); seed++) crashes += run_seed(5000 + seed, 150);
    assert_true(crashes >= seeds());
}

/* ---- Slow ones. ---- */

static void
a_slow_one_fills_no_queue(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        open_sim(seed, 0);
        ear_logs[0].stashes = ear_logs[1].stashes = true;
        start_ear(0);
        quiet();
        for (unsigned n = 0; n < 300; n++) pay();
        quiet();
        start_ear(1);
        quiet();
        unsigned total = ear_journal(souk_sim_journal(sim), SOUK_FROM_BEGINNING, all, expected);
        assert_true(total > 2 * SOUK_NEWS_MAX);
        assert_int_equal(ear_logs[0].stashed, SOUK_NEWS_MAX);
        assert_int_equal(ear_logs[1].stashed, SOUK_NEWS_MAX);
        assert_int_equal(look(0).events, total);
        assert_int_equal(look(1).events, SOUK_NEWS_MAX); /* The rest is the past, not a lag. */
        assert_int_equal(look(1).positions, durable());
        for (unsigned i = 0; i < 2; i++)
            souk_sim_tell(sim, souk_ref(ear, named("ear", i)), &ear_go_command, &(struct ear_go){}, NULL, NULL);
        quiet();
        same(ear_logs[0].seen, ear_logs[0].count, SOUK_FROM_BEGINNING, all);
        same(ear_logs[1].seen, ear_logs[1].count, SOUK_FROM_BEGINNING, all);
        assert_int_equal(look(0).events, 0);
        assert_int_equal(look(0).positions, 0);
        souk_sim_close(&sim);
    }
}

static void
who_lags_too_far_is_told_once_and_skips(void **state)
{
    (void)state;
    open_sim(7, 0);
    ear_logs[0].stashes = true;
    ear_logs[0].max_lag = 100;
    start_ear(0);
    for (unsigned n = 0; n < 300; n++) pay();
    quiet();
    unsigned total = ear_journal(souk_sim_journal(sim), SOUK_FROM_BEGINNING, all, expected);
    assert_int_equal(ear_logs[0].stashed, SOUK_NEWS_MAX);
    assert_true(look(0).events <= SOUK_NEWS_MAX + 100);
    souk_sim_tell(sim, souk_ref(ear, named("ear", 0)), &ear_go_command, &(struct ear_go){}, NULL, NULL);
    quiet();
    assert_int_equal(ear_logs[0].notices, 1);
    assert_int_equal(ear_logs[0].count + ear_logs[0].skipped, total);
    assert_true(ear_logs[0].skipped > 100 && ear_logs[0].count >= SOUK_NEWS_MAX);
    for (unsigned n = 0; n < 20; n++) pay(); /* Up to date again: nothing is left out. */
    quiet();
    assert_int_equal(ear_logs[0].notices, 1);
    total = ear_journal(souk_sim_journal(sim), SOUK_FROM_BEGINNING, all, expected);
    assert_int_equal(ear_logs[0].count + ear_logs[0].skipped, total);
    souk_sim_close(&sim);
}

/* ---- Ending and beginning again. ---- */

static void
unsubscribed_in_mid_stream(void **state)
{
    (void)state;
    open_sim(11, 0);
    ear_logs[0].stops_at = 10;
    start_ear(0);
    for (unsigned n = 0; n < 50; n++) pay();
    quiet();
    assert_true(ear_logs[0].stopped);
    assert_int_equal(ear_logs[0].count, 10);
    assert_int_equal(look(0).events, 0);
    ear_logs[0].stopped = false; /* And on from there. */
    start_ear(0);
    quiet();
    same(ear_logs[0].seen, ear_logs[0].count, SOUK_FROM_BEGINNING, all);
    souk_sim_close(&sim);
}

static void
one_that_fails_subscribes_again(void **state)
{
    (void)state;
    open_sim(13, 0);
    ear_logs[1] = (struct ear_log){ .rewinds = true, .fails_at = 25 };
    ear_logs[2].fails_at = 25;
    for (uint32_t id = 1; id <= 2; id++) {
        struct ear_hatch hatch = { id };
        souk_sim_tell(sim, souk_ref(ear, named("ear", 0)), &ear_hatch_command, &hatch, NULL, NULL);
    }
    for (unsigned n = 0; n < 60; n++) pay();
    quiet();
    assert_int_equal(ear_logs[1].starts, 2);
    assert_int_equal(ear_logs[2].starts, 2);
    same(ear_logs[1].seen, ear_logs[1].count, SOUK_FROM_BEGINNING, all); /* All of it, once more. */
    same(ear_logs[2].seen, ear_logs[2].count, SOUK_FROM_BEGINNING, all); /* On from the one that it failed at. */
    souk_sim_close(&sim);
}

/* ---- Guests. ---- */

struct guest { struct souk_subscription s; struct ear_log log; unsigned most; bool stops; };

static bool
heard(struct souk_subscription *s, souk_worker *w, const struct souk_happened *h)
{
    struct guest *g = (struct guest *)(void *)s;
    struct purse_paying paying;
    if (g->log.count == g->most) return false;
    if (souk_event_is(h, purse_paying)) assert_true(souk_worker_event_read(w, h, purse_paying, &paying));
    assert_true(ear_note(&g->log, h->position, h->ordinal));
    if (g->stops) souk_worker_unsubscribe(w, s);
    return true;
}

static void
guests_say_when_they_can_take_more(void **state)
{
    (void)state;
    static struct guest slow, one, stops;
    open_sim(17, 0);
    souk_worker *w = souk_sim_door(sim);
    souk_key third = named("purse", 3);
    slow = (struct guest){ .s.happened = heard, .most = 20 };
    one = (struct guest){ .s.happened = heard, .most = UINT32_MAX };
    stops = (struct guest){ .s.happened = heard, .most = UINT32_MAX, .stops = true };
    souk_worker_subscribe(w, &slow.s, &(struct souk_topic){ .events = ear_events });
    souk_worker_subscribe(w, &one.s, &(struct souk_topic){ .events = ear_events, .actor = third });
    souk_worker_subscribe(w, &stops.s, &(struct souk_topic){ .events = ear_events });
    for (unsigned n = 0; n < 200; n++) pay();
    quiet();
    unsigned total = ear_journal(souk_sim_journal(sim), SOUK_FROM_BEGINNING, all, expected);
    assert_int_equal(slow.log.count, 20);
    assert_int_equal(stops.log.count, 1);
    assert_int_equal(souk_worker_lag(w, &slow.s).events, total - 20);
    assert_int_equal(souk_worker_cursor(w, &slow.s).position, slow.log.cursor.position);
    assert_int_equal(souk_worker_cursor(w, &one.s).position, durable()); /* Beyond what isn't wanted. */
    for (unsigned most = 40; slow.log.count < total; most += 170) {
        slow.most = most;
        souk_worker_resume(w, &slow.s);
        quiet();
    }
    same(slow.log.seen, slow.log.count, SOUK_FROM_BEGINNING, all);
    same(one.log.seen, one.log.count, SOUK_FROM_BEGINNING, third);
    struct souk_cursor from = slow.log.seen[total / 2]; /* Another begins in the middle. */
    stops = (struct guest){ .s.happened = heard, .most = UINT32_MAX };
    souk_worker_subscribe(w, &stops.s, &(struct souk_topic){ .events = ear_events, .after = from });
    quiet();
    same(stops.log.seen, stops.log.count, from, all);
    souk_worker_unsubscribe(w, &slow.s);
    souk_worker_unsubscribe(w, &one.s);
    souk_worker_unsubscribe(w, &stops.s);
    quiet();
    pay(); /* To nobody. */
    quiet();
    souk_sim_close(&sim);
}

/* ---- A real node. ---- */

enum { WORKERS = 2, CLIENTS = 16, EACH = 300 };

static char directory[64];
static _Atomic unsigned busy;
static unsigned round_number;
static struct place {
    souk_worker *worker;
    unsigned number, left;
    struct guest whole, live;
    struct client { struct souk_request r; struct place *place; unsigned asked; } clients[CLIENTS];
    struct souk_request start, look;
    bool looks, ear_done;  /* The worker's ear is being asked; it has got everything. */
    unsigned known;        /* How many events there were at the last change, */
    uint64_t known_ns, now_ns; /* and when that was; at the last tick. */
} places[WORKERS];

static void
ask_next(struct client *c)
{
    struct place *at = c->place;
    const souk_node *node = souk_worker_node(at->worker);
    unsigned id = at->number * CLIENTS + (unsigned)(c - at->clients), n = c->asked++;
    if (n == EACH) {
        at->left--;
        busy--;
        return;
    }
    char name[16];
    souk_key purses[2];
    for (unsigned i = 0; i < 2; i++) {
        int length = snprintf(name, sizeof name, "purse-%u", (id * 7 + n * (i + 1)) % PURSES);
        purses[i] = souk_node_key_of(node, (struct souk_text){ name, (size_t)length });
    }
    c->r.to = souk_ref(purse, purses[0]);
    struct purse_fill fill = { .owner = SOUK_TEXT("x"), .amount = FUNDS };
    struct purse_pay pays = { { round_number * 1000 + id + 1, n + 1 }, purses[1], 1 + (id + n) % 50 };
    c->r.row = n % 20 ? &purse_pay_command : &purse_fill_command;
    assert_int_equal(souk_worker_ask_with(at->worker, &c->r, n % 20 ? (void *)&pays : (void *)&fill), SOUK_OK);
}

static void
answered(struct souk_request *r, const struct souk_reply *reply)
{
    struct client *c = (struct client *)(void *)r;
    assert_true(reply->ending == SOUK_DONE || reply->ending == SOUK_REFUSED);
    ask_next(c);
}

static void
started(struct souk_request *r, const struct souk_reply *reply)
{
    (void)r;
    assert_int_equal(reply->ending, SOUK_DONE);
}

static void
looked(struct souk_request *r, const struct souk_reply *reply)
{
    struct place *at = (struct place *)(void *)((char *)r - offsetof(struct place, look));
    struct ear_view view;
    assert_true(souk_worker_read(at->worker, reply->body, souk_layout_of_ear_view, &view));
    at->looks = false;
    at->ear_done = !view.positions && !view.events;
}

static souk_err
enter(void *self, souk_worker *w, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)loop;
    struct place *at = &places[number];
    at->worker = w;
    at->number = number;
    at->left = CLIENTS;
    at->whole = (struct guest){ .s.happened = heard, .most = UINT32_MAX };
    at->live = (struct guest){ .s.happened = heard, .most = 100 };
    souk_worker_subscribe(w, &at->whole.s, &(struct souk_topic){ .events = ear_events });
    souk_worker_subscribe(w, &at->live.s, &(struct souk_topic){ .events = ear_events, .after = SOUK_FROM_NOW });
    souk_key key = { 77, number + 1 };
    at->start = (struct souk_request){ .to = souk_ref(ear, key), .row = &ear_start_command, .within_ms = 60000,
                                       .done = started };
    at->look = (struct souk_request){ .to = souk_ref(ear, key), .row = &ear_look_query, .within_ms = 60000,
                                      .done = looked };
    assert_int_equal(souk_worker_ask_with(w, &at->start, &(struct ear_start){ number }), SOUK_OK);
    for (unsigned i = 0; i < CLIENTS; i++) {
        at->clients[i] = (struct client){ .place = at, .r = { .within_ms = 60000, .done = answered } };
        ask_next(&at->clients[i]);
    }
    return SOUK_OK;
}

/* Slow guests take a little more with each tick. */
static void
tick(void *self, souk_worker *w, unsigned number, uint64_t now_ns)
{
    (void)self;
    struct place *at = &places[number];
    at->live.most += 2000;
    souk_worker_resume(w, &at->live.s);
    if (at->known != at->whole.log.count || !at->known_ns) {
        at->known = at->whole.log.count;
        at->known_ns = now_ns;
        at->ear_done = false;
    } else if (!at->looks && !at->ear_done) {
        at->looks = true;
        assert_int_equal(souk_worker_ask_with(w, &at->look, &(struct ear_look){}), SOUK_OK);
    }
    at->now_ns = now_ns;
}

/* Not before all has been handed over, and nothing has happened for a while: thinkers take their time. */
static bool
idle(void *self, souk_worker *w, unsigned number)
{
    (void)self;
    struct place *at = &places[number];
    if (at->left || busy || !at->ear_done || at->now_ns - at->known_ns < 300000000) return false;
    return !souk_worker_lag(w, &at->whole.s).positions && !souk_worker_lag(w, &at->live.s).positions;
}

static void
leave(void *self, souk_worker *w, unsigned number)
{
    (void)self;
    souk_worker_unsubscribe(w, &places[number].whole.s);
    souk_worker_unsubscribe(w, &places[number].live.s);
}

static struct souk_stats
run_node(void)
{
    struct souk_guest guests[] = { { .enter = enter, .idle = idle, .tick = tick, .leave = leave }, { .enter = NULL } };
    struct souk_options options = { .directory = directory, .kinds = kinds, .guests = guests, .workers = WORKERS,
                                    .checkpoint_mib = 1 };
    char why[300];
    souk_node *node;
    memset(ear_logs, 0, sizeof ear_logs);
    memset(places, 0, sizeof places);
    busy = WORKERS * CLIENTS;
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err) fail_msg("%s", why);
    souk_node_drain(node, 100000);
    struct souk_stats stats;
    souk_node_stats(node, &stats);
    souk_node_close(&node);
    return stats;
}

static void
same_as(const struct ear_log *log, unsigned first, unsigned count)
{
    assert_int_equal(log->count, count - first);
    for (unsigned i = first; i < count; i++) {
        assert_int_equal(log->seen[i - first].position, expected[i].position);
        assert_int_equal(log->seen[i - first].ordinal, expected[i].ordinal);
    }
}

static void
threads_change_nothing(void **state)
{
    (void)state;
    unsigned before = 0;
    ear_durable = NULL;
    for (round_number = 0; round_number < 2; round_number++) { /* The second begins with a journal that is there. */
        struct souk_stats stats = run_node();
        assert_true(stats.feeds == 2 * WORKERS + WORKERS && stats.feed_events > 0 && stats.feed_skipped == 0);
        struct souk_data data;
        char why[300];
        souk_err err = souk_data_open(&data, souk_world_os(), directory, false, why, sizeof why);
        if (err) fail_msg("%s", why);
        unsigned total = ear_journal(data.journal, SOUK_FROM_BEGINNING, all, expected);
        assert_true(total > before + WORKERS * CLIENTS * EACH);
        for (unsigned i = 0; i < WORKERS; i++) {
            same_as(&places[i].whole.log, 0, total);
            same_as(&ear_logs[i], 0, total);
            assert_true(places[i].live.log.count <= total - before);
            unsigned first = total - places[i].live.log.count;
            if (i == 0) assert_int_equal(first, before); /* Worker 0 was there before anything happened. */
            same_as(&places[i].live.log, first, total);
        }
        souk_data_close(&data);
        before = total;
    }
}

int
main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/souk-topics-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(directory)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_is_the_journal),
        cmocka_unit_test(also_under_crashes),
        cmocka_unit_test(a_slow_one_fills_no_queue),
        cmocka_unit_test(who_lags_too_far_is_told_once_and_skips),
        cmocka_unit_test(unsubscribed_in_mid_stream),
        cmocka_unit_test(one_that_fails_subscribes_again),
        cmocka_unit_test(guests_say_when_they_can_take_more),
        cmocka_unit_test(threads_change_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) ? 1 : failed;
}
