/* SPDX-License-Identifier: Apache-2.0 */
/* What a subcommand can be told: every type of value, and which source wins. (Files that are wrong: test_serve.py.) */
#include "souk/options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

struct told {
    const char *text, *config;
    uint64_t number, wait_ms;
    bool flag;
    struct souk_option_address address;
};

static struct souk_options_memory memory;
static struct told told;

/* Reads the words into `told`, with standard error put away; the status. */
static int
read_words(int argc, char **argv)
{
    const struct souk_option table[] = {
        { "text", SOUK_OPTION_TEXT, &told.text, NULL, 0, 0, "TEXT", "some text" },
        { "number", SOUK_OPTION_NUMBER, &told.number, "7", 1, 100, "N", "a number" },
        { "wait-ms", SOUK_OPTION_DURATION, &told.wait_ms, "2s", 0, 3600000, "TIME", "a time" },
        { "flag", SOUK_OPTION_BOOL, &told.flag, NULL, 0, 0, NULL, "yes or no" },
        { "address", SOUK_OPTION_ADDRESS, &told.address, "127.0.0.1:80", 0, 0, "HOST:PORT", "where" },
        { "config", SOUK_OPTION_TEXT, &told.config, NULL, 0, 0, "FILE", "a file" },
        { .name = NULL },
    };
    const struct souk_options_words words = { "test", "Tests.\n" };
    fflush(stderr);
    int kept = dup(2), away = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(kept >= 0 && away >= 0);
    dup2(away, 2);
    souk_options_free(&memory);
    told = (struct told){ 0 };
    int status = souk_options_read(&memory, &words, table, argc, argv);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    close(away);
    return status;
}

#define READ(...)                                                              \
    read_words((int)(sizeof((char *[]){ "test", ##__VA_ARGS__ }) / sizeof(char *)), \
               (char *[]){ "test", ##__VA_ARGS__, NULL })

static void
defaults(void **state)
{
    (void)state;
    assert_int_equal(READ(), SOUK_OPTIONS_GO_ON);
    assert_null(told.text);
    assert_int_equal(told.number, 7);
    assert_int_equal(told.wait_ms, 2000);
    assert_false(told.flag);
    assert_string_equal(told.address.host, "127.0.0.1");
    assert_int_equal(told.address.port, 80);
}

static void
values(void **state)
{
    (void)state;
    assert_int_equal(READ("--text", "--number", "--number=100", "--flag", "--wait-ms", "5m"), SOUK_OPTIONS_GO_ON);
    assert_string_equal(told.text, "--number");
    assert_int_equal(told.number, 100);
    assert_true(told.flag);
    assert_int_equal(told.wait_ms, 300000);
    assert_int_equal(READ("--flag=off", "--number", "1", "--number", "2", "--wait-ms=250", "--text=a=b"),
                     SOUK_OPTIONS_GO_ON);
    assert_false(told.flag);
    assert_int_equal(told.number, 2);
    assert_int_equal(told.wait_ms, 250);
    assert_string_equal(told.text, "a=b");
    assert_int_equal(READ("--address", "[::1]:65535"), SOUK_OPTIONS_GO_ON);
    assert_string_equal(told.address.host, "::1");
    assert_int_equal(told.address.port, 65535);
    assert_int_equal(READ("--address", "shop.example:0", "--wait-ms", "1h"), SOUK_OPTIONS_GO_ON);
    assert_string_equal(told.address.host, "shop.example");
}

static void
nonsense(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "--number", "0" }, { "--number", "101" }, { "--number", "-1" }, { "--number", "" }, { "--number", "1x" },
        { "--number", "0x1" }, { "--number", " 1" }, { "--number", "18446744073709551616" }, { "--wait-ms", "1.5s" },
        { "--wait-ms", "s" }, { "--wait-ms", "2h" }, { "--wait-ms", "99999999999999999999h" },
        { "--wait-ms", "5124095576030h" }, { "--address", "here" }, { "--address", ":1" }, { "--address", "a:" },
        { "--address", "a:b" }, { "--address", "a:65536" }, { "--address", "::1:80" }, { "--address", "[]:80" },
        { "--text", "" }, { "--flag=maybe", "--flag" }, { "--nothing", "1" }, { "text", "1" }, { "-t", "1" },
        { "--", "1" }, { "--flag", "true" }, { "--numbers", "1" }, { "--numbe", "1" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char first[64], second[64];
        snprintf(first, sizeof first, "%s", bad[i][0]);
        snprintf(second, sizeof second, "%s", bad[i][1]);
        if (READ(first, second) != EX_USAGE) fail_msg("%s %s was taken", first, second);
    }
    assert_int_equal(READ("--number"), EX_USAGE);
}

static void
sources(void **state)
{
    (void)state;
    char path[] = "options-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "# a comment\nnumber: 10\n\"wait-ms\": 3s\ntext: 'from the file'\nflag: yes\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    assert_int_equal(READ("--config", path), SOUK_OPTIONS_GO_ON);
    assert_string_equal(told.text, "from the file");
    assert_int_equal(told.number, 10);
    assert_int_equal(told.wait_ms, 3000);
    assert_true(told.flag);
    setenv("SOUK_NUMBER", "20", 1);
    setenv("SOUK_WAIT_MS", "4s", 1);
    setenv("SOUK_FLAG", "", 1); /* As if unset. */
    setenv("SOUK_OTHER", "of somebody else", 1);
    setenv("SOUK_CONFIG", path, 1);
    assert_int_equal(READ("--number", "30"), SOUK_OPTIONS_GO_ON);
    assert_string_equal(told.text, "from the file");
    assert_int_equal(told.number, 30);
    assert_int_equal(told.wait_ms, 4000);
    assert_true(told.flag);
    setenv("SOUK_NUMBER", "many", 1);
    assert_int_equal(READ("--number", "30"), EX_CONFIG); /* Shown, though the flag would hide it. */
    static const char *const names[] = { "SOUK_NUMBER", "SOUK_WAIT_MS", "SOUK_FLAG", "SOUK_OTHER", "SOUK_CONFIG" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
    unlink(path);
    assert_int_equal(READ("--config", path), EX_CONFIG);
}

static int
forget(void **state)
{
    (void)state;
    souk_options_free(&memory);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(values), cmocka_unit_test(nonsense), cmocka_unit_test(sources),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
