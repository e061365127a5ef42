/* SPDX-License-Identifier: Apache-2.0 */
/* test/base/test_err.c -- each fault has its own sentence; a panic says what, where and with which note. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <souk/base.h>

#include "base/panic.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
each_fault_has_its_sentence(void **state)
{
    (void)state;
    for (int code = SOUK_OK; code <= SOUK_ERR_USAGE; code++) {
        assert_non_null(souk_err_text((souk_err)code));
        for (int other = SOUK_OK; other < code; other++)
            assert_string_not_equal(souk_err_text((souk_err)code), souk_err_text((souk_err)other));
    }
    assert_string_equal(souk_err_text(SOUK_ERR_FULL), "the disk is full");
    assert_string_equal(souk_err_text((souk_err)(SOUK_ERR_USAGE + 1)), "a fault without a name");
}

static void
text_compares_by_content(void **state)
{
    (void)state;
    char buffer[] = "shoe";
    assert_true(souk_text_equal(SOUK_TEXT("shoe"), souk_text_of(buffer)));
    assert_false(souk_text_equal(SOUK_TEXT("shoe"), SOUK_TEXT("shoes")));
    assert_false(souk_text_equal(SOUK_TEXT("shoe"), SOUK_TEXT("show")));
    assert_true(souk_text_equal(SOUK_TEXT(""), souk_text_of(NULL)));
}

/* What a child that breaks says on standard error. */
static size_t
last_words(char *out, size_t room, void (*body)(void))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length + 1 < room && (got = read(ends[0], out + length, room - 1 - length)) > 0;)
        length += (size_t)got;
    out[length] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    return length;
}

static void
break_with_note(void)
{
    souk_panic_note("stock %s at %d.%u, seed %d", "shoe", 7, 42u, 9);
    souk_assert(1 + 1 == 3);
}

static void
break_without_note(void)
{
    souk_panic_note("never seen");
    souk_panic_note_clear();
    souk_assert(sizeof(char) == 2);
}

static void
a_panic_says_where_and_with_what(void **state)
{
    (void)state;
    char said[2048];
    last_words(said, sizeof said, break_with_note);
    assert_non_null(strstr(said, "test_err.c:"));
    assert_non_null(strstr(said, "1 + 1 == 3"));
    assert_non_null(strstr(said, "stock shoe at 7.42, seed 9"));

    last_words(said, sizeof said, break_without_note);
    assert_non_null(strstr(said, "sizeof(char) == 2"));
    assert_null(strstr(said, "never seen"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_has_its_sentence),
        cmocka_unit_test(text_compares_by_content),
        cmocka_unit_test(a_panic_says_where_and_with_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
