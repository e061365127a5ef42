/* SPDX-License-Identifier: Apache-2.0 */
/* test/damage/test_truncated.c -- the journal's log ends at each byte of its last groups, beside a tail file that
 * says so or doesn't. It is opened only when no more is gone than the tail knows nothing of: so what was
 * acknowledged before the last time that the tail reached the disk is never missed silently. */
#define _GNU_SOURCE
#include "sale.h"

#include "store/disk.h"
#include "store/ldbfile.h"
#include "store/tail.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the first two above it. */
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 13 };
#else
enum { STEP = 1 };
#endif
enum { GROUPS_MAX = 4096, LAST = 3, RARELY = 17 };

static struct sale sale;
static struct group { struct souk_tail tail; uint64_t end; } groups[GROUPS_MAX];
static size_t count;
static char *log_name;

/* ---- what the log has ---- */

static bool
take_put(void *arg, struct souk_bytes key, struct souk_bytes value, uint64_t at)
{
    (void)arg;
    assert_true(count < GROUPS_MAX && key.length == 8 && at != UINT64_MAX);
    const uint8_t *head = value.at;
    uint64_t number[3] = { 0 };
    for (unsigned i = 0; i < 8; i++) {
        number[0] = number[0] << 8 | ((const uint8_t *)key.at)[i];
        number[1] = number[1] << 8 | head[i];
        number[2] = number[2] << 8 | head[8 + i];
    }
    groups[count++] = (struct group){ { number[0], number[1], number[2] }, at + value.length };
    return true;
}

static bool
take_record(void *arg, struct souk_bytes key, struct souk_bytes record, uint64_t at)
{
    (void)key;
    return souk_ldbfile_puts(record, at, take_put, arg);
}

static int
set_up(void **state)
{
    (void)state;
    struct souk_bytes file;
    if (!sale_disk_mount()) print_message("not permitted to mount a small disk: this takes minutes\n");
    sale_make(&sale, true);
    char *path = sale_file(sale.directory, "journal", ".log");
    log_name = strdup(strrchr(path, '/') + 1);
    assert_int_equal(souk_ldbfile_load(path, &file), SOUK_OK);
    assert_int_equal(souk_ldbfile_log(file, take_record, NULL).state, SOUK_LDBFILE_WHOLE);
    assert_true(count > LAST && groups[count - 1].end == file.length && groups[count - 1].tail.last == sale.end);
    free((void *)(uintptr_t)file.at);
    free(path);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    free(log_name);
    sale_drop(&sale);
    sale_disk_unmount();
    return 0;
}

/* ---- one case ---- */

enum note { AS_IT_WAS, ONE_BEHIND, MISSING, DAMAGED };

static void
change_tail(const char *directory, enum note note, uint64_t chance)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tail", directory);
    if (note == MISSING) disk_remove(directory, "tail");
    if (note == DAMAGED) disk_flip(path, (long)(chance % 40), (unsigned)(chance / 40 % 8));
    if (note != ONE_BEHIND) return;
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(souk_tail_write(fd, &groups[count - 2].tail), SOUK_OK);
    close(fd);
}

/* The log ends after `cut` bytes; says what is left when it is opened, and why not when it is not. */
static void
look(uint64_t cut, enum note note, uint64_t chance, struct seen *seen)
{
    char *directory = disk_copy(sale.directory), path[4096];
    sale_note("the log of %s is cut at byte %" PRIu64 ", the tail is %u", directory, cut, (unsigned)note);
    snprintf(path, sizeof path, "%s/journal/%s", directory, log_name);
    assert_int_equal(truncate(path, (off_t)cut), 0);
    change_tail(directory, note, chance);
    sale_read(directory, seen);
    if (seen->err && !strstr(seen->why, directory)) fail_msg("at %" PRIu64 " no name in: %s", cut, seen->why);
    disk_drop(directory);
}

static void
every_byte_that_the_tail_knows_is_missed(void **state)
{
    (void)state;
    struct seen seen;
    uint64_t size = groups[count - 1].end, from = groups[count - LAST - 1].end;
    for (uint64_t cut = from; cut <= size; cut += cut + STEP > size && cut < size ? size - cut : STEP) {
        look(cut, AS_IT_WAS, 0, &seen);
        if (cut < size) {
            assert_int_equal(seen.err, SOUK_ERR_CORRUPT);
            assert_non_null(strstr(seen.why, "/tail says that it reached"));
        } else {
            assert_int_equal(seen.err, SOUK_OK);
            assert_true(seen.end == sale.end && seen.journal == sale.journal);
        }
    }
}

/* As a power cut may leave it, since it is not synced. Then the log's own sync is all that vouches for the last
 * group. */
static void
only_what_a_tail_that_is_behind_does_not_know_may_be_gone(void **state)
{
    (void)state;
    struct seen seen;
    uint64_t size = groups[count - 1].end, known = groups[count - 2].end;
    for (uint64_t cut = groups[count - LAST - 1].end; cut <= size;
         cut += cut + STEP > size && cut < size ? size - cut : STEP) {
        look(cut, ONE_BEHIND, 0, &seen);
        assert_int_equal(seen.err, cut < known ? SOUK_ERR_CORRUPT : SOUK_OK);
        if (cut >= known) assert_int_equal(seen.end, cut < size ? groups[count - 2].tail.last : sale.end);
    }
}

static void
without_a_sound_tail_nothing_is_opened(void **state)
{
    (void)state;
    struct seen seen;
    uint64_t size = groups[count - 1].end, seed = sale_seed();
    for (uint64_t cut = groups[count - LAST - 1].end; cut <= size; cut += RARELY * STEP) {
        look(cut, MISSING, 0, &seen);
        assert_int_equal(seen.err, SOUK_ERR_CORRUPT);
        assert_non_null(strstr(seen.why, "tail"));
        look(cut, DAMAGED, sale_draw(&seed, 320), &seen);
        assert_int_equal(seen.err, SOUK_ERR_CORRUPT);
        assert_non_null(strstr(seen.why, "tail"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_that_the_tail_knows_is_missed),
        cmocka_unit_test(only_what_a_tail_that_is_behind_does_not_know_may_be_gone),
        cmocka_unit_test(without_a_sound_tail_nothing_is_opened),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
