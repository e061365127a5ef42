/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_nth.c -- the n-th time that a node asks the system for memory there is none. souk_node_open() says
 * SOUK_ERR_MEMORY and has leaked nothing, or the process says "out of memory" and aborts; and what was acknowledged is
 * there when the node is opened again. And a soft limit, options.memory_max, refuses before that. */
#include "base/heap.h"
#include "purse.h"

#include <setjmp.h>
#include <signal.h>
#include <souk/node.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__)
enum { SPARSE = 8 };
#else
enum { SPARSE = 1 };
#endif

enum { FILLS = 120, OWNER = 16000, WORKERS = 2 };
enum { ENDED = 10, NO_MEMORY = 12, LEAKED = 13, FAULTED = 14, OTHER = 15 };

static char directory[64];

/* ---- The child: fills purses one after the other, and says which are acknowledged. ---- */

struct nth { _Atomic unsigned asked; unsigned fails; };

static bool
may(void *self, size_t size)
{
    struct nth *nth = self;
    (void)size;
    return ++nth->asked != nth->fails;
}

static struct filler {
    struct souk_request r;
    souk_worker *worker;
    int told;
    uint32_t number, last, lost;
    bool look;
    _Atomic bool done;
} filler;

static char owner[OWNER];

static void next(void);

static void
done(struct souk_request *r, const struct souk_reply *reply)
{
    (void)r;
    struct purse_view view;
    if (filler.look) {
        bool there = reply->ending == SOUK_DONE &&
                     souk_worker_read(filler.worker, reply->body, souk_layout_of_purse_view, &view) &&
                     view.balance == filler.number + 1 && view.owner.length == OWNER;
        filler.lost += !there;
    } else if (reply->ending == SOUK_DONE) {
        if (write(filler.told, &filler.number, sizeof filler.number) != sizeof filler.number) _exit(OTHER);
    }
    filler.number++;
    next();
}

static void
next(void)
{
    if (filler.number == filler.last) {
        filler.done = true;
        return;
    }
    char name[24];
    int n = snprintf(name, sizeof name, "purse-%u", filler.number);
    souk_key key = souk_node_key_of(souk_worker_node(filler.worker), (struct souk_text){ name, (size_t)n });
    filler.r = (struct souk_request){ .to = souk_ref(purse, key), .within_ms = 60000, .done = done,
                                      .row = filler.look ? &purse_show_query : &purse_fill_command };
    struct purse_show show = { .paid_min = 0 };
    struct purse_fill fill = { .owner = { owner, OWNER }, .amount = filler.number + 1 };
    souk_err err = souk_worker_ask_with(filler.worker, &filler.r, filler.look ? (void *)&show : (void *)&fill);
    if (err) filler.done = true; /* The node has failed. */
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)loop;
    if (number) return SOUK_OK;
    filler.worker = worker;
    next();
    return SOUK_OK;
}

static bool
idle(void *self, souk_worker *worker, unsigned number)
{
    (void)self;
    (void)worker;
    return number || filler.done;
}

/* Whether anything of ours is lost to sight; without AddressSanitizer nobody knows. */
static bool
leaks(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return __lsan_do_recoverable_leak_check();
#else
    return false;
#endif
}

static int
run(const char *data)
{
    const struct souk_guest guests[] = { { .enter = enter, .idle = idle }, { .enter = NULL } };
    struct souk_options options = { .directory = data, .kinds = purse_kinds, .guests = guests, .workers = WORKERS,
                                    .checkpoint_mib = 1 };
    char why[300];
    souk_node *node = NULL;
    memset(owner, 'o', OWNER);
    souk_err err = souk_node_open(&node, &options, why, sizeof why);
    if (err == SOUK_ERR_MEMORY) return node || leaks() ? LEAKED : NO_MEMORY;
    if (err) {
        fprintf(stderr, "%s\n", why);
        return OTHER;
    }
    souk_node_drain(node, 60000);
    souk_node_close(&node);
    if (leaks()) return LEAKED;
    return filler.done && filler.number == filler.last ? ENDED : FAULTED;
}

/* ---- The parent. ---- */

static int
wait_status(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void
empty(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s/data'", directory);
    assert_int_equal(system(command), 0);
}

/* What the first `count` purses have, in a process with all the memory that it wants. */
static void
check_there(const char *data, uint32_t count)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        filler = (struct filler){ .look = true, .last = count };
        int code = run(data);
        _exit(code == ENDED ? (filler.lost ? LEAKED : ENDED) : OTHER);
    }
    int status = wait_status(child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENDED);
}

/* A run whose n-th request for memory is denied; how it ended, and how often it asked. */
static int
fail_nth(unsigned n, unsigned *asked, uint32_t *acknowledged, char *said, size_t said_size)
{
    char data[80];
    int told[2], words[2], counts[2];
    snprintf(data, sizeof data, "%s/data", directory);
    assert_int_equal(pipe(told) | pipe(words) | pipe(counts), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(told[0]);
        close(words[0]);
        dup2(words[1], STDERR_FILENO);
        static struct nth nth;
        nth.fails = n;
        filler = (struct filler){ .told = told[1], .last = FILLS };
        souk_system_hook(may, &nth);
        int code = run(data);
        unsigned how_often = nth.asked;
        if (write(counts[1], &how_often, sizeof how_often) < 0) code = OTHER;
        _exit(code);
    }
    close(told[1]);
    close(words[1]);
    close(counts[1]);
    uint32_t number;
    *acknowledged = 0;
    while (read(told[0], &number, sizeof number) == sizeof number) *acknowledged = number + 1;
    ssize_t length = read(words[0], said, said_size - 1);
    said[length > 0 ? length : 0] = 0;
    *asked = 0;
    if (read(counts[0], asked, sizeof *asked) < 0) *asked = 0;
    close(told[0]);
    close(words[0]);
    close(counts[0]);
    return wait_status(child);
}

static void
at_each_n_it_says_so_and_what_was_acknowledged_is_there(void **state)
{
    (void)state;
    char data[80], said[1024];
    unsigned total, asked, opens = 0, aborts = 0;
    uint32_t acknowledged;
    snprintf(data, sizeof data, "%s/data", directory);
    int status = fail_nth(0, &total, &acknowledged, said, sizeof said);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENDED);
    assert_int_equal(acknowledged, FILLS);
    unsigned step = (1 + total / 30) * SPARSE; /* Each takes a while, since it opens a data directory twice. */
    for (unsigned n = 1; n <= total; n += n < 24 ? SPARSE : step) {
        empty();
        status = fail_nth(n, &asked, &acknowledged, said, sizeof said);
        if (WIFSIGNALED(status)) {
            if (WTERMSIG(status) != SIGABRT || !strstr(said, "out of memory"))
                fail_msg("at the %uth: signal %d, \"%s\"", n, WTERMSIG(status), said);
            aborts++;
        } else if (WEXITSTATUS(status) == NO_MEMORY) {
            opens++;
        } else if (WEXITSTATUS(status) != ENDED && WEXITSTATUS(status) != FAULTED) {
            fail_msg("at the %uth: exit status %d, \"%s\"", n, WEXITSTATUS(status), said);
        }
        if (acknowledged) check_there(data, acknowledged);
    }
    empty();
    print_message("# %u requests for memory: opening failed at %u, the process ended at %u\n", total, opens, aborts);
    assert_true(opens > 2);
}

int
main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/souk-nth-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(directory)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_each_n_it_says_so_and_what_was_acknowledged_is_there),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) ? 1 : failed;
}
