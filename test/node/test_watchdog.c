/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_watchdog.c -- a turn that holds a worker is named, counted and shown while it lasts; and, if told so,
 * ends the process. On a real node without a data directory. */
#include "toiler.h"

#include <setjmp.h>
#include <signal.h>
#include <souk/inspect.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { HELD_MS = 700, STALL_MS = 100, WITHIN_MS = 300 };

static souk_node *node, *_Atomic opened; /* The second for the workers. */
static struct souk_request hold_up, behind;
static struct souk_look look;
static struct souk_look_node seen;
static unsigned silent;
static _Atomic unsigned looks, answers, enters;

static void
answered(struct souk_request *request, const struct souk_reply *reply)
{
    (void)request;
    (void)reply;
    if (++answers < 2) return;
    while (!opened) usleep(1000);
    souk_node_stop_waiting(opened);
}

static void
looked(struct souk_look *l, const struct souk_look_answer *answer)
{
    (void)l;
    seen = *answer->node;
    silent = answer->silent;
    looks++;
}

/* Worker 0 is held up; worker 1 looks meanwhile. */
static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)loop;
    enters++;
    if (number) return SOUK_OK;
    const struct toiler_hold_up command = { HELD_MS };
    hold_up = (struct souk_request){ .to = souk_ref(toiler, ((souk_key){ 7, 9 })), .row = &toiler_hold_up_command,
                                     .within_ms = 10000, .done = answered };
    behind = hold_up;
    behind.row = &toiler_add_command;
    souk_err err = souk_worker_ask_with(worker, &hold_up, &command);
    return err ? err : souk_worker_ask_with(worker, &behind, &(struct toiler_add){ 1 });
}

/* Once it is told, who isn't held up looks. */
static void
tick(void *self, souk_worker *worker, unsigned number, uint64_t now_ns)
{
    static bool asked;
    struct souk_stats stats;
    (void)self;
    (void)number;
    (void)now_ns;
    souk_node_stats(souk_worker_node(worker), &stats);
    if (asked || !stats.stalls) return;
    asked = true;
    look = (struct souk_look){ .at = SOUK_LOOK_AT_NODE, .within_ms = WITHIN_MS, .done = looked };
    souk_err err = souk_worker_look(worker, &look);
    souk_assert(!err);
}

static const struct souk_guest guests[] = { { .enter = enter, .tick = tick }, { 0 } };

static void
a_stall_is_named_while_it_lasts(void **state)
{
    (void)state;
    char why[200], said[4096];
    FILE *log = tmpfile();
    assert_non_null(log);
    int old = dup(STDERR_FILENO);
    assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
    const struct souk_options options = { .kinds = toiler_kinds, .guests = guests, .workers = 2, .stall_ms = STALL_MS };
    assert_int_equal(souk_node_open(&node, &options, why, sizeof why), SOUK_OK);
    opened = node;
    assert_int_equal(souk_node_wait(node), SOUK_OK);
    struct souk_stats stats;
    for (unsigned i = 0; i < 100; i++) { /* Until the watchdog has seen its end, too. */
        souk_node_stats(node, &stats);
        usleep(5000);
    }
    souk_node_close(&node);
    assert_true(dup2(old, STDERR_FILENO) >= 0);
    close(old);
    rewind(log);
    size_t length = fread(said, 1, sizeof said - 1, log);
    said[length] = 0;
    fclose(log);

    assert_true(stats.stalls >= 1); /* That worker's; on a busy machine another may have had to wait, too. */
    assert_int_equal(stats.turns, 2);
    const char *line = strstr(said, "souk: worker 0 has been ");
    assert_non_null(line);
    assert_non_null(strstr(line, " ms in a turn of toiler 00000000000000070000000000000009, message toiler_hold_up\n"));
    assert_null(strstr(line + strlen("souk: worker 0 has been "), "has been")); /* Once. */
    assert_non_null(strstr(said, "souk: worker 0 was about "));
    /* The other worker looked while it lasted, and was told of it although worker 0 said nothing. */
    assert_int_equal(looks, 1);
    assert_int_equal(seen.workers_count, 2);
    assert_ptr_equal(seen.workers[0].kind, &toiler_kind);
    assert_true(seen.turns_count >= 1);
    assert_string_equal(seen.turns[0].message, "toiler_hold_up");
    assert_true(seen.turns[0].stalled && seen.turns[0].under_way);
    assert_true(seen.turns[0].ns >= STALL_MS * 1000000ull);
    assert_int_equal(silent, 1); /* Its shard. */
}

/* Not a turn, but what else a worker's thread does: here a guest's tick; it could be a sync of a slow disk. */
static void
sleepy_tick(void *self, souk_worker *worker, unsigned number, uint64_t now_ns)
{
    static bool slept;
    (void)self;
    (void)worker;
    (void)now_ns;
    if (number || !opened) return;
    if (slept) souk_node_stop_waiting(opened);
    else usleep(HELD_MS * 1000);
    slept = true;
}

static souk_err
enter_only(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)worker;
    (void)number;
    (void)loop;
    return SOUK_OK;
}

static void
a_worker_that_does_not_come_round_is_named(void **state)
{
    static const struct souk_guest sleepy[] = { { .enter = enter_only, .tick = sleepy_tick }, { 0 } };
    (void)state;
    char why[200], said[4096];
    FILE *log = tmpfile();
    assert_non_null(log);
    int old = dup(STDERR_FILENO);
    assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
    const struct souk_options options = { .kinds = toiler_kinds, .guests = sleepy, .workers = 2, .stall_ms = STALL_MS };
    opened = NULL;
    assert_int_equal(souk_node_open(&node, &options, why, sizeof why), SOUK_OK);
    opened = node;
    assert_int_equal(souk_node_wait(node), SOUK_OK);
    usleep(2 * STALL_MS * 1000); /* Until the watchdog has seen its end, too. */
    struct souk_stats stats;
    souk_node_stats(node, &stats);
    souk_node_close(&node);
    assert_true(dup2(old, STDERR_FILENO) >= 0);
    close(old);
    rewind(log);
    size_t length = fread(said, 1, sizeof said - 1, log);
    said[length] = 0;
    fclose(log);

    assert_true(stats.stalls >= 1); /* The other one may have had no processor for so long. */
    assert_non_null(strstr(said, "souk: worker 0 has not come round for "));
    assert_non_null(strstr(said, "souk: worker 0 came round after "));
}

static void
one_that_never_ends_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        char why[200];
        if (!freopen("/dev/null", "w", stderr)) _exit(3);
        const struct souk_options options = { .kinds = toiler_kinds, .guests = guests, .workers = 1, .stall_ms = 50,
                                              .stall_fatal_ms = 150 };
        if (souk_node_open(&node, &options, why, sizeof why)) _exit(1);
        (void)!souk_node_wait(node);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_never_ends_ends_the_process), /* First: it forks, and must find no threads. */
        cmocka_unit_test(a_stall_is_named_while_it_lasts),
        cmocka_unit_test(a_worker_that_does_not_come_round_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
