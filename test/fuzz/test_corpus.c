/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/test_corpus.c -- every target takes every file that is kept for it: its corpus, in corpus/TARGET, and the
 * inputs that once broke a claim, in crashes/TARGET. A target that doesn't like one ends the process and names it. */
#include "fuzz.h"

#include "base/panic.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants setjmp.h and stdarg.h above it. */
#include <cmocka.h>

enum { INPUT_MAX = 1 << 20 };

typedef void fuzz_target(const uint8_t *at, size_t length);

/* All of a file, for free(); the targets want memory that ends where the input does. */
static uint8_t *
file_read(const char *path, size_t *length)
{
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && !fstat(fd, &file) && file.st_size < INPUT_MAX);
    *length = (size_t)file.st_size;
    uint8_t *at = malloc(*length ? *length : 1);
    assert_non_null(at);
    assert_int_equal(read(fd, at, *length), *length);
    close(fd);
    return at;
}

/* How many files there were. */
static unsigned
take_folder(fuzz_target *one, const char *kind, const char *target)
{
    char folder[600], path[900];
    const char *root = getenv("SOUK_ROOT");
    unsigned count = 0;
    snprintf(folder, sizeof folder, "%s/test/fuzz/%s/%s", root && *root ? root : ".", kind, target);
    DIR *listing = opendir(folder);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        if (entry->d_name[0] == '.') continue;
        size_t length;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        uint8_t *at = file_read(path, &length);
        souk_panic_note("%s", path);
        one(at, length);
        souk_panic_note_clear();
        free(at);
        count++;
    }
    if (listing) closedir(listing);
    return count;
}

static void
take_all(fuzz_target *one, const char *target)
{
    assert_true(take_folder(one, "corpus", target) > 0);
    (void)take_folder(one, "crashes", target); /* Most targets have none. */
}

#define CASE_(name)                                                                                 \
    static void name##_takes_its_corpus(void **state)                                               \
    {                                                                                               \
        (void)state;                                                                                \
        take_all(fuzz_##name, #name);                                                               \
    }
FUZZ_TARGETS(CASE_)

#define LISTED_(name) cmocka_unit_test(name##_takes_its_corpus),

int
main(void)
{
    const struct CMUnitTest tests[] = { FUZZ_TARGETS(LISTED_) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
