/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_small.c -- small things that are read: moments, the data directory's identity and tail, an order's
 * public name, the checker's lines. What is read and written again is the same, or says the same; what is damaged is
 * refused.
 *
 * An input is a byte that says what it is, and the bytes. */
#define _GNU_SOURCE /* memfd_create() */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "base/clocktext.h"
#include "souk/check.h"
#include "store/data.h"
#include "store/file.h"
#include "store/tail.h"
#include "world/sim.h"

static void
read_moment(struct souk_text text)
{
    uint64_t ms, again;
    char out[SOUK_CLOCK_TEXT_BYTES];
    if (souk_clock_parse(text, &ms)) return;
    struct souk_text told = souk_clock_format(ms, out);
    souk_assert(told.length == SOUK_CLOCK_TEXT_BYTES - 1 && !out[told.length]);
    souk_assert(!souk_clock_parse(told, &again));
    /* An offset may lead beyond the year 9999, which is written as its end. */
    souk_assert(again == ms || (again < ms && !memcmp(out, "9999-12-31T23:59:59.999Z", told.length)));
}

static void
read_name(struct souk_text text)
{
    souk_key key;
    char out[ADDRESS_NAME_LENGTH];
    if (!address_read_name(text, &key)) return;
    address_write_name(key, out);
    souk_assert(text.length == sizeof out && !memcmp(out, text.at, sizeof out));
}

/* The path of a file with these bytes, until the next call. */
static const char *
file_with(const void *at, size_t length)
{
    static int fd = -1;
    static char path[40];
    if (fd < 0) fd = memfd_create("small", MFD_CLOEXEC);
    souk_assert(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, at, length, 0) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* With its own sum and with one that is right. */
static void
read_tail(struct fuzz_input in)
{
    uint8_t bytes[64], again[64];
    struct souk_tail tail, same;
    int fd = -1;
    size_t length = in.left < sizeof bytes ? in.left : sizeof bytes, got;
    memcpy(bytes, in.at, length);
    if (length >= 40 && bytes[39] & 1) souk_file_put(bytes + 32, souk_file_sum(bytes, 32));
    const char *path = file_with(bytes, length);
    if (souk_tail_open(path, &fd, &tail)) {
        if (fd >= 0) close(fd);
        return;
    }
    souk_assert(length == 40 && !souk_tail_write(fd, &tail) && !souk_file_read(path, again, sizeof again, &got));
    souk_assert(got == length && !memcmp(again, bytes, length));
    close(fd);
    souk_assert(!souk_tail_open(path, &fd, &same) && !memcmp(&same, &tail, sizeof tail));
    close(fd);
}

static void
read_lines(bool ledger, struct fuzz_input in)
{
    static const struct souk_secret secret;
    struct souk_check_effect *effects = NULL;
    struct souk_check_ack *acks = NULL;
    size_t count = 0;
    char why[100] = "";
    const char *path = file_with(in.at, in.left);
    souk_err err = ledger ? souk_check_read_ledger(path, &secret, &effects, &count, why, sizeof why)
                          : souk_check_read_acks(path, &secret, &acks, &count, why, sizeof why);
    souk_assert(!err || (err == SOUK_ERR_MALFORMED && *why && !count && !effects && !acks));
    for (size_t i = 0; effects && i < count; i++) souk_assert(effects[i].op && effects[i].amount >= 0);
    for (size_t i = 0; acks && i < count; i++) souk_assert(acks[i].status >= 100 && acks[i].status <= 599);
    free(effects);
    free(acks);
}

/* ---- The identity: a data directory that has one, and whose journal can't be opened anyway. ---- */

static char directory[300];

static void
remove_directory(void)
{
    static const char *const names[] = { "identity", "journal", "lock", "reserve", "turns" };
    char path[340];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

static void
put_file(const char *name, const void *at, size_t length)
{
    char path[340];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    souk_assert(fd >= 0 && write(fd, at, length) == (ssize_t)length);
    close(fd);
}

static void
read_identity(struct fuzz_input in)
{
    struct souk_sim_world world;
    struct souk_data data;
    char text[300], why[200];
    size_t length = in.left < 250 ? in.left : 250;
    if (!*directory) {
        const char *above = getenv("TMPDIR");
        snprintf(directory, sizeof directory, "%s/souk-fuzz-XXXXXX", above && *above ? above : "/var/tmp");
        souk_assert(mkdtemp(directory) && !atexit(remove_directory));
        put_file("journal", "", 0);
    }
    memcpy(text, in.at, length);
    bool summed = length && in.at[length - 1] & 1;
    if (summed) { /* The sum is right, the rest as it may be. */
        int n = snprintf(text + length, sizeof text - length, "check %016llx\n",
                         (unsigned long long)souk_file_sum(text, length));
        length += (size_t)n;
    }
    put_file("identity", text, length);
    souk_sim_world_init(&world, 1);
    souk_err err = souk_data_open(&data, &world.world, directory, false, why, sizeof why);
    souk_assert(err && *why);
    bool passed = err != SOUK_ERR_VERSION && !strstr(why, "identity");
    if (!passed) return;
    souk_assert(length > 100 && !memcmp(text, "souk data directory\nversion 1\nshards 256\nsecret ", 47));
}

void
fuzz_small(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    uint8_t what = fuzz_byte(&in) % 6;
    char *copy = fuzz_copy(in.at, in.left);
    struct souk_text text = { copy, in.left };
    if (what == 0) read_moment(text);
    else if (what == 1) read_name(text);
    else if (what == 2) read_tail(in);
    else if (what < 5) read_lines(what == 3, in);
    else read_identity(in);
    free(copy);
}

FUZZ_ENTRY(small)
