/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_config.c -- a configuration file. What it says can be said as flags alike; and it is refused with a
 * status, never half taken.
 *
 * An input is the file. */
#define _GNU_SOURCE /* memfd_create(), vasprintf() */
#include "fuzz.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "souk/options.h"

struct told {
    const char *text, *config;
    uint64_t number, wait_ms;
    bool flag;
    struct souk_option_address address;
};

static int
read_words(struct souk_options_memory *memory, struct told *told, int argc, char **argv)
{
    const struct souk_option table[] = {
        { "text", SOUK_OPTION_TEXT, &told->text, NULL, 0, 0, "TEXT", "some text" },
        { "number", SOUK_OPTION_NUMBER, &told->number, "7", 1, 100, "N", "a number" },
        { "wait", SOUK_OPTION_DURATION, &told->wait_ms, "2s", 0, 3600000, "TIME", "a time" },
        { "flag", SOUK_OPTION_BOOL, &told->flag, NULL, 0, 0, NULL, "yes or no" },
        { "address", SOUK_OPTION_ADDRESS, &told->address, "127.0.0.1:80", 0, 0, "HOST:PORT", "where" },
        { "config", SOUK_OPTION_TEXT, &told->config, NULL, 0, 0, "FILE", "a file" },
        { .name = NULL },
    };
    *told = (struct told){ 0 };
    return souk_options_read(memory, &(struct souk_options_words){ "test", "Tests.\n" }, table, argc, argv);
}

/* "--name=value", for free(). */
static SOUK_PRINTF(1, 2) char *
word(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    souk_assert(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}

static void
say_as_flags(const struct told *told)
{
    struct souk_options_memory memory = { NULL };
    struct told again;
    bool brackets = strlen(told->address.host) > 1;
    char *argv[] = {
        word("test"), word("--number=%" PRIu64, told->number), word("--wait=%" PRIu64, told->wait_ms),
        word("--flag=%s", told->flag ? "yes" : "no"),
        word("--address=%s%s%s:%u", brackets ? "[" : "", told->address.host, brackets ? "]" : "", told->address.port),
        told->text ? word("--text=%s", told->text) : NULL, NULL,
    };
    souk_assert(read_words(&memory, &again, told->text ? 6 : 5, argv) == SOUK_OPTIONS_GO_ON);
    souk_assert(again.number == told->number && again.wait_ms == told->wait_ms && again.flag == told->flag);
    souk_assert(again.address.port == told->address.port && !strcmp(again.address.host, told->address.host));
    souk_assert(!again.text == !told->text && (!told->text || !strcmp(again.text, told->text)));
    souk_options_free(&memory);
    for (size_t i = 0; i < sizeof argv / sizeof *argv; i++) free(argv[i]);
}

void
fuzz_config(const uint8_t *at, size_t length)
{
    static int fd = -1;
    static char flag[] = "--config", path[40];
    struct souk_options_memory memory = { NULL };
    struct told told;
    char *argv[] = { flag, flag, path, NULL };
    fuzz_quiet();
    if (fd < 0) fd = memfd_create("config", MFD_CLOEXEC);
    souk_assert(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, at, length, 0) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = read_words(&memory, &told, 3, argv);
    souk_assert(status == SOUK_OPTIONS_GO_ON || status == EX_CONFIG);
    if (status == SOUK_OPTIONS_GO_ON) {
        souk_assert(told.number - 1 < 100 && told.wait_ms <= 3600000 && (!told.text || *told.text));
        say_as_flags(&told);
    }
    souk_options_free(&memory);
}

FUZZ_ENTRY(config)
