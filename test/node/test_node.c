/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_node.c -- a real node: threads, LevelDB, stealing, restart. Under ThreadSanitizer it is the stress
 * test of everything that workers share. */
#include "base/histogram.h"
#include "purse.h"

#include <setjmp.h>
#include <souk/node.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { WORKERS = 3, PURSES = 32, CLIENTS = 16, EACH = 1500, FUNDS = 100000 };

static char directory[64];

static souk_ref
purse(const souk_node *node, unsigned i)
{
    char name[16];
    int n = snprintf(name, sizeof name, "purse-%u", i);
    return souk_ref(purse, souk_node_key_of(node, (struct souk_text){ name, (size_t)n }));
}

/* Clients that live on a worker: each asks, and asks again when it has its answer. */
struct crowd {
    souk_worker *worker;
    unsigned number;
    _Atomic unsigned busy;
    struct client { struct souk_request r; struct crowd *crowd; unsigned number, asked; } clients[CLIENTS];
};

struct test {
    struct crowd crowds[WORKERS];
    _Atomic uint64_t balance, open, answered, refused;
    bool look; /* Only look at all purses. */
};

static struct test test;

static void next(struct client *c);

static void
done(struct souk_request *r, const struct souk_reply *reply)
{
    struct client *c = (struct client *)(void *)r;
    assert_true(reply->ending == SOUK_DONE || reply->ending == SOUK_REFUSED);
    if (test.look) {
        struct purse_view view;
        assert_true(souk_worker_read(c->crowd->worker, reply->body, souk_layout_of_purse_view, &view));
        test.balance += view.balance;
        test.open += view.open;
    }
    test.answered++;
    test.refused += reply->ending == SOUK_REFUSED;
    next(c);
}

static void
next(struct client *c)
{
    souk_worker *w = c->crowd->worker;
    const souk_node *node = souk_worker_node(w);
    unsigned id = c->crowd->number * CLIENTS + c->number, most = test.look ? 1 : EACH;
    if (c->asked == most || (test.look && id >= PURSES)) {
        c->crowd->busy--;
        return;
    }
    unsigned n = c->asked++;
    c->r = (struct souk_request){ .within_ms = 60000, .done = done, .to = purse(node, (id * 7 + n) % PURSES) };
    souk_err err;
    if (test.look) {
        c->r.row = &purse_show_query;
        c->r.to = purse(node, id);
        err = souk_worker_ask_with(w, &c->r, &(struct purse_show){ .paid_min = 0 });
    } else if (n == 0) {
        c->r.row = &purse_fill_command;
        c->r.to = purse(node, id % PURSES);
        err = souk_worker_ask_with(w, &c->r, &(struct purse_fill){ .owner = SOUK_TEXT("x"), .amount = FUNDS });
    } else {
        c->r.row = &purse_pay_command;
        struct purse_pay pay = { { id + 1, n }, purse(node, (id + n * 13) % PURSES).key, 1 + (id + n) % 50 };
        err = souk_worker_ask_with(w, &c->r, &pay);
    }
    assert_int_equal(err, SOUK_OK);
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)loop;
    struct crowd *crowd = &test.crowds[number];
    crowd->worker = worker;
    crowd->number = number;
    crowd->busy = CLIENTS;
    for (unsigned i = 0; i < CLIENTS; i++) {
        crowd->clients[i] = (struct client){ .crowd = crowd, .number = i };
        next(&crowd->clients[i]);
    }
    return SOUK_OK;
}

static bool
idle(void *self, souk_worker *worker, unsigned number)
{
    (void)self;
    (void)worker;
    return test.crowds[number].busy == 0;
}

static struct souk_stats
run(bool look, unsigned workers, uint32_t checkpoint_mib)
{
    struct souk_guest guests[] = { { .enter = enter, .idle = idle }, { .enter = NULL } };
    struct souk_options options = { .directory = directory, .kinds = purse_kinds, .guests = guests, .workers = workers,
                                    .checkpoint_mib = checkpoint_mib, .actors_max = 256 };
    char why[300];
    souk_node *node;
    memset(&test, 0, sizeof test);
    test.look = look;
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err) fail_msg("%s", why);
    souk_node_drain(node, 100000);
    for (unsigned i = 0; i < workers; i++) assert_int_equal(test.crowds[i].busy, 0);
    struct souk_stats stats;
    souk_node_stats(node, &stats);
    assert_int_equal(stats.position, stats.durable);
    souk_node_close(&node);
    return stats;
}

static void
money_survives_threads_and_restarts(void **state)
{
    (void)state;
    struct souk_stats stats = run(false, WORKERS, 1);
    assert_int_equal(test.answered, WORKERS * CLIENTS * EACH);
    assert_true(stats.batches > 0 && stats.messages_across > 0);
    assert_true(stats.checkpoints > 0);
    for (unsigned i = 0; i < 2; i++) {
        usleep(30000); /* Thinkers' alarms of the last run are due. */
        run(true, WORKERS - i, 0); /* Another number of workers is fine. */
        if (i) assert_int_equal(test.open, 0);
        assert_true(test.open < 500);
        if (!test.open) assert_int_equal(test.balance, (uint64_t)PURSES * FUNDS);
    }
}

int
main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/souk-node-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(directory)) return 1;
    const struct CMUnitTest tests[] = { cmocka_unit_test(money_survives_threads_and_restarts) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) ? 1 : failed;
}
