/* SPDX-License-Identifier: Apache-2.0 */
/* test/mutants/test_mutants.c -- is each planted bug found? Linked with a runtime and actors that have them. Tells of
 * each what found it and after how many sales; without a bug, nothing may be found. Each sale is a child process of
 * its own, because a found bug may well be an assertion that ends it. */
#include "base/mutant.h"
#include "sim/glass.h"
#include "sim/shop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the first three of them above it. */
#include <cmocka.h>

#ifndef SOUK_MUTANTS
#error "to be built with SOUK_MUTANTS"
#endif

enum { SALES_MAX = 400, CLEAN_SALES = 40, SALES_A_CHILD = 10 };

enum souk_mutant souk_mutant_on;

static const struct { const char *name, *rule, *what; } mutants[] = {
#define ROW_(name, rule, what) { #name, rule, what },
    { "NONE", "-", "nothing is wrong" }, SOUK_MUTANT_LIST(ROW_)
};

/* Sales of one child; ends with what was wrong with the first bad one. */
static void
child(uint64_t seed, int out)
{
    if (!dup2(out, STDERR_FILENO)) _exit(2);
    for (unsigned n = 0; n < SALES_A_CHILD; n++, seed++) {
        struct shop_options options = {
            .seed = seed, .sales = 2, .units = 15, .buyers = 30, .credit_percent = 50, .limit = 2, .decline = 10,
            .unknown_before = 5, .unknown_after = 15, .webhook_percent = 20,
            .crash_one_in = 60, .checkpoint_one_in = 60,
        };
        struct shop_result result;
        shop_run(&options, &result, NULL, NULL);
        if (result.complaints) {
            dprintf(out, "%s", result.first);
            _exit(1);
        }
        struct glass_result glass;
        glass_run(&(struct glass_options){ .seed = seed, .messages = 40, .crash_one_in = seed % 2 ? 60 : 0,
                                           .checkpoint_one_in = 60 }, &glass);
        if (!glass.complaints) continue;
        dprintf(out, "%s", glass.first);
        _exit(1);
    }
    _exit(0);
}

/* What the child said in its first line but for the turns that fail as they shall. */
static void
listen(int from, char *said, size_t size)
{
    char line[300];
    FILE *in = fdopen(from, "r");
    if (!in) exit(2);
    *said = 0;
    while (fgets(line, sizeof line, in)) {
        bool shall = !strncmp(line, "souk: a turn of glass ", 22);
        if (!*said && !shall) snprintf(said, size, "%.*s", (int)strcspn(line, "\n"), line);
    }
    fclose(in);
}

/* What the child said, in one line. True when it found something. */
static bool
run_child(uint64_t seed, char *said, size_t size)
{
    int ends[2], status;
    if (pipe(ends)) exit(2);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) exit(2);
    if (!pid) {
        close(ends[0]);
        alarm(60); /* A sale that never ends is found, too. */
        child(seed, ends[1]);
    }
    close(ends[1]);
    listen(ends[0], said, size);
    if (waitpid(pid, &status, 0) != pid) exit(2);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) snprintf(said, size, "it never ends");
    return status != 0;
}

static void
is_found(void **state)
{
    unsigned m = (unsigned)(uintptr_t)*state, sales = 0;
    char said[300];
    bool found = false;
    souk_mutant_on = (enum souk_mutant)m;
    while (!found && sales < (m ? SALES_MAX : CLEAN_SALES)) {
        found = run_child(1 + sales, said, sizeof said);
        sales += SALES_A_CHILD;
    }
    if (found != (m != 0)) fail_msg("%s (%s): %s", mutants[m].what, mutants[m].rule, found ? said : "not found");
    print_message("# %s: %s after %u sales\n", mutants[m].name, found ? said : "nothing", sales);
}

int
main(void)
{
    struct CMUnitTest tests[SOUK_MUTANT_COUNT];
    for (unsigned m = 0; m < SOUK_MUTANT_COUNT; m++)
        tests[m] = (struct CMUnitTest){ mutants[m].name, is_found, NULL, NULL, (void *)(uintptr_t)m };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
