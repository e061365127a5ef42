/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_nth.c -- the n-th time that a heap asks the system for memory there is none: for each n. Either
 * whoever asked is told, or the process says so and ends; nothing else. */
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

struct nth { unsigned asked, fails; };

static bool
may(void *self, size_t size)
{
    struct nth *nth = self;
    (void)size;
    return ++nth->asked != nth->fails;
}

/* Takes some blocks of each size, frees them, takes them again. */
static void
use(souk_heap *heap)
{
    enum { BLOCKS = 100 };
    void *block[BLOCKS];
    for (size_t size = 16; size <= 200000; size *= 3) {
        for (unsigned i = 0; i < BLOCKS; i++) memset(block[i] = souk_heap_alloc(heap, size), 0x5a, size);
        for (unsigned i = 0; i < BLOCKS; i++) souk_heap_free(heap, block[i], size);
    }
}

static _Noreturn void
run(unsigned n, bool caught)
{
    static struct nth nth;
    static souk_memory *memory;
    static jmp_buf none_left;
    nth.fails = n;
    souk_system_hook(may, &nth);
    memory = souk_memory_open();
    if (!memory) _exit(11);
    if (caught && _setjmp(none_left)) {
        souk_memory_close(&memory);
        _exit(12);
    }
    if (caught) souk_memory_catch(memory, &none_left);
    souk_heap *heap = souk_heap_open(memory);
    use(heap);
    souk_memory_prepare(memory);
    souk_memory_close(&memory);
    _exit(nth.asked < nth.fails ? 10 : 13); /* 13: what failed was not needed. */
}

static void
ask_for_each_n(bool caught)
{
    for (unsigned n = 1, ends = 0; !ends; n++) {
        int said[2];
        assert_int_equal(pipe(said), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
            dup2(said[1], STDERR_FILENO);
            run(n, caught);
        }
        close(said[1]);
        char text[512] = "";
        ssize_t length = read(said[0], text, sizeof text - 1);
        close(said[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) {
            assert_false(caught);
            assert_int_equal(WTERMSIG(status), SIGABRT);
            assert_true(length > 0 && strstr(text, "out of memory"));
        } else {
            int code = WEXITSTATUS(status);
            assert_true(code == 10 || code == 13 || (n == 1 ? code == 11 : caught && code == 12));
            ends = code == 10;
            if (ends) assert_true(n > 10);
        }
        if (n > 400) ends = 1; /* Where each block is the system's own there are thousands. */
    }
}

static void
without_a_catch_the_process_says_so_and_aborts(void **state)
{
    (void)state;
    ask_for_each_n(false);
}

static void
a_catch_is_jumped_to(void **state)
{
    (void)state;
    ask_for_each_n(true);
}

static void
what_is_freed_is_not_in_use(void **state)
{
    (void)state;
    enum { BLOCKS = 20000, SIZE = 1000 };
    static void *block[BLOCKS];
    souk_memory *memory = souk_memory_open();
    souk_heap *heap = souk_heap_open(memory);
    size_t before = souk_memory_used(memory);
    for (unsigned i = 0; i < BLOCKS; i++) block[i] = souk_heap_alloc(heap, SIZE);
    assert_true(souk_memory_used(memory) >= before + BLOCKS * SIZE);
    size_t bytes = souk_memory_bytes(memory);
    for (unsigned i = 0; i < BLOCKS; i++) souk_heap_free(heap, block[i], SIZE);
    assert_true(souk_memory_used(memory) < before + BLOCKS * SIZE / 8);
    for (unsigned i = 0; i < BLOCKS; i++) block[i] = souk_heap_alloc(heap, SIZE);
    assert_int_equal(souk_memory_bytes(memory), bytes); /* And nothing new is taken. */
    for (unsigned i = 0; i < BLOCKS; i++) souk_heap_free(heap, block[i], SIZE);
    souk_memory_close(&memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_catch_the_process_says_so_and_aborts),
        cmocka_unit_test(a_catch_is_jumped_to),
        cmocka_unit_test(what_is_freed_is_not_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
