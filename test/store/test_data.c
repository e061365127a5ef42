/* SPDX-License-Identifier: Apache-2.0 */
/* test/store/test_data.c -- a data directory on a real disk: what it keeps, whom it lets in, and that no damage passes.
 *
 * Among it are the traps of LevelDB that store/leveldb.c is written around. */
#define _GNU_SOURCE
#include "store/data.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "disk.h"

static uint8_t counter;

static void
fixed_random(void *self, void *out, size_t length)
{
    (void)self;
    memset(out, ++counter, length);
}

static const struct souk_world world = { .random = fixed_random };
static char why[512];

static souk_err
open_at(struct souk_data *data, const char *directory, bool create)
{
    return souk_data_open(data, &world, directory, create, why, sizeof why);
}

/* A directory whose journal holds groups 1-3, 4, 5-9 and whose vault holds "a". */
static char *
make_filled(void)
{
    struct souk_data data;
    char *directory = disk_make();
    assert_int_equal(open_at(&data, directory, true), SOUK_OK);
    data.journal->ops->begin(data.journal, 0);
    assert_int_equal(journal_fill(data.journal, 1, 3), SOUK_OK);
    assert_int_equal(journal_fill(data.journal, 4, 4), SOUK_OK);
    assert_int_equal(journal_fill(data.journal, 5, 9), SOUK_OK);
    struct souk_vault_entry entry = { { "a", 1 }, { "value", 5 } };
    assert_int_equal(data.vault->ops->put(data.vault, &entry, 1), SOUK_OK);
    souk_data_close(&data);
    return directory;
}

static char *
below(const char *directory, const char *name)
{
    char *path;
    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

/* Opens it, expects that error with a sentence that has `word`, and drops the directory. */
static void
assert_refused(char *directory, souk_err err, const char *word)
{
    struct souk_data data;
    assert_int_equal(open_at(&data, directory, false), err);
    if (strstr(why, word) == NULL)
        fail_msg("'%s' is not in: %s", word, why);
    disk_drop(directory);
}

static void
test_round_trip(void **state)
{
    (void)state;
    struct souk_data data;
    uint64_t firsts[8], first, last;
    size_t found;
    char *directory = make_filled();
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    assert_int_equal(data.shards, 256);
    assert_int_equal(data.secret.bytes[15], counter);
    souk_journal *journal = data.journal;
    assert_int_equal(journal_fill(journal, 10, 10), SOUK_ERR_FENCED); /* Nobody said where it ends. */
    journal->ops->begin(journal, 9);
    assert_int_equal(journal_fill(journal, 10, 12), SOUK_OK);
    assert_int_equal(journal->ops->bounds(journal, &first, &last), SOUK_OK);
    assert_int_equal(first, 1);
    assert_int_equal(last, 10);
    static const struct { uint64_t from; size_t found; uint64_t first; } cases[] = {
        { 0, 4, 1 }, { 1, 4, 1 }, { 3, 4, 1 }, { 4, 3, 4 }, { 5, 2, 5 }, { 7, 2, 5 }, { 12, 1, 10 }, { 13, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        firsts[0] = 0;
        assert_int_equal(journal_list(journal, cases[i].from, firsts, 8, &found), SOUK_OK);
        assert_int_equal(found, cases[i].found);
        assert_int_equal(firsts[0], cases[i].first);
    }
    assert_int_equal(journal_fill(journal, 14, 14), SOUK_ERR_FENCED);
    assert_int_equal(journal_fill(journal, 13, 13), SOUK_ERR_FENCED); /* Poisoned. */
    assert_true(strlen(journal->why) > 0);
    souk_data_close(&data);
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    data.journal->ops->begin(data.journal, 11); /* Not where it ends. */
    assert_int_equal(journal_fill(data.journal, 12, 12), SOUK_ERR_FENCED);
    souk_data_close(&data);
    disk_drop(directory);
}

static void
test_trim(void **state)
{
    (void)state;
    struct souk_data data;
    uint64_t first, last, firsts[1];
    size_t found;
    char *directory = make_filled();
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    souk_journal *journal = data.journal;
    journal->ops->begin(journal, 9);
    static const struct { uint64_t below, first; } cases[] = { { 0, 1 }, { 3, 1 }, { 4, 4 }, { 7, 5 }, { 100, 5 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(journal->ops->trim(journal, cases[i].below), SOUK_OK);
        assert_int_equal(journal->ops->bounds(journal, &first, &last), SOUK_OK);
        assert_int_equal(first, cases[i].first);
        assert_int_equal(last, 5);
    }
    for (uint64_t at = 10; at < 2500; at++) /* More deletes than one put takes. */
        assert_int_equal(journal_fill(journal, at, at), SOUK_OK);
    assert_int_equal(journal->ops->trim(journal, 2490), SOUK_OK);
    souk_data_close(&data);
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    assert_int_equal(journal_list(data.journal, 0, firsts, 1, &found), SOUK_OK);
    assert_int_equal(firsts[0], 2490);
    assert_int_equal(found, 10);
    souk_data_close(&data);
    disk_drop(directory);
}

static souk_err
join_names(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    (void)value;
    strncat(arg, name.at, name.length);
    return SOUK_OK;
}

static void
test_vault(void **state)
{
    (void)state;
    struct souk_data data;
    void *value;
    size_t length;
    char order[32] = "";
    char *directory = make_filled();
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    const struct souk_vault_entry many[] = {
        { { "b2", 2 }, { "x", 1 } },
        { { "b1", 2 }, { "", 0 } },
        { { "a", 1 }, { NULL, 0 } },
        { { "c", 1 }, { "y", 1 } },
    };
    assert_int_equal(data.vault->ops->put(data.vault, many, 4), SOUK_OK);
    souk_data_close(&data);
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    souk_vault *vault = data.vault;
    assert_int_equal(vault->ops->get(vault, (struct souk_bytes){ "a", 1 }, &value, &length), SOUK_ERR_MISSING);
    assert_int_equal(vault->ops->get(vault, (struct souk_bytes){ "b1", 2 }, &value, &length), SOUK_OK);
    assert_int_equal(length, 0);
    free(value);
    assert_int_equal(vault->ops->each(vault, (struct souk_bytes){ "b", 1 }, join_names, order), SOUK_OK);
    assert_string_equal(order, "b1b2");
    souk_data_close(&data);
    disk_drop(directory);
}

static void
test_locked(void **state)
{
    (void)state;
    struct souk_data data, second;
    char *directory = make_filled();
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    /* Twice here, then in another process: our lock still holds where LevelDB's own would have been dropped. */
    assert_int_equal(open_at(&second, directory, true), SOUK_ERR_LOCKED);
    pid_t child = fork();
    if (child == 0)
        _exit(open_at(&second, directory, false) != SOUK_ERR_LOCKED || strstr(why, "in use by process") == NULL);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    souk_data_close(&data);
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    souk_data_close(&data);
    disk_drop(directory);
}

static void
test_directory(void **state)
{
    (void)state;
    struct souk_data data;
    char *base = disk_make(), *directory = below(base, "new");
    assert_int_equal(open_at(&data, directory, false), SOUK_ERR_MISSING);
    assert_int_equal(open_at(&data, directory, true), SOUK_OK);
    souk_data_close(&data);
    free(directory);
    assert_int_equal(open_at(&data, base, true), SOUK_ERR_USAGE); /* It holds something else. */
    disk_drop(base);

    /* A start that was cut short before the identity goes on; an identity that was lost does not pass for one. */
    directory = disk_make();
    assert_int_equal(open_at(&data, directory, true), SOUK_OK);
    souk_data_close(&data);
    disk_remove(directory, "identity");
    assert_int_equal(open_at(&data, directory, true), SOUK_OK);
    souk_data_close(&data);
    disk_drop(directory);
    directory = make_filled();
    disk_remove(directory, "identity");
    assert_int_equal(open_at(&data, directory, true), SOUK_ERR_CORRUPT);
    assert_non_null(strstr(why, "identity"));
    disk_drop(directory);
}

static void
test_identity(void **state)
{
    (void)state;
    struct souk_data data;
    char *directory = make_filled(), *path = below(directory, "identity");
    for (long byte = 0; byte < disk_size(path); byte++) {
        disk_flip(path, byte, (unsigned)byte % 8);
        assert_int_equal(open_at(&data, directory, false), SOUK_ERR_CORRUPT);
        disk_flip(path, byte, (unsigned)byte % 8);
    }
    char text[256];
    int n = snprintf(text, sizeof text, "souk data directory\nversion 2\nwhatever\n");
    struct souk_link sum = souk_hash_link((struct souk_link){ 0, 0 }, text, (size_t)n);
    (void)snprintf(text + n, sizeof text - (size_t)n, "check %016llx\n", (unsigned long long)sum.high);
    disk_write(directory, "identity", text);
    free(path);
    assert_refused(directory, SOUK_ERR_VERSION, "identity");
}

/* With paranoid checks LevelDB refuses a flipped byte, but for one that makes the last record look cut short: the tail
 * file finds that one. So every single byte of the log counts. */
static void
test_log_flipped(void **state)
{
    (void)state;
    char *directory = make_filled(), *journal = below(directory, "journal"), *log = disk_find(journal, ".log");
    long size = disk_size(log);
    unsigned by_tail = 0;
    free(log);
    free(journal);
    assert_true(size > 100);
    for (long byte = 0; byte < size; byte++) {
        struct souk_data data;
        char *copy = disk_copy(directory);
        journal = below(copy, "journal");
        log = disk_find(journal, ".log");
        disk_flip(log, byte, (unsigned)byte % 8);
        assert_int_equal(open_at(&data, copy, false), SOUK_ERR_CORRUPT);
        assert_non_null(strstr(why, "journal"));
        by_tail += strstr(why, "tail") != NULL;
        free(log);
        free(journal);
        disk_drop(copy);
    }
    assert_true(by_tail > 0); /* LevelDB alone would have opened. */
    assert_true(by_tail < 10);
    disk_drop(directory);
}

static void
test_log_lost(void **state)
{
    (void)state;
    char *directory = make_filled(), *journal = below(directory, "journal"), *log = disk_find(journal, ".log");
    char *cut = disk_copy(directory);
    assert_int_equal(unlink(log), 0);
    assert_refused(directory, SOUK_ERR_CORRUPT, log); /* LevelDB would have opened it, empty. */
    free(log);
    free(journal);
    journal = below(cut, "journal");
    log = disk_find(journal, ".log");
    assert_int_equal(truncate(log, disk_size(log) - 1), 0);
    free(log);
    free(journal);
    assert_refused(cut, SOUK_ERR_CORRUPT, "tail");
}

/* A bit of a table: the open finds nothing, only reading does. */
static void
test_table_flipped(void **state)
{
    (void)state;
    struct souk_data data;
    size_t found;
    char *directory = make_filled();
    assert_int_equal(open_at(&data, directory, false), SOUK_OK); /* Recovery turns the log into a table. */
    souk_data_close(&data);
    char *journal = below(directory, "journal"), *table = disk_find(journal, ".ldb");
    disk_flip(table, 40, 3);
    free(table);
    free(journal);
    souk_err err = open_at(&data, directory, false);
    if (err == SOUK_OK) {
        err = journal_list(data.journal, 0, NULL, 0, &found);
        assert_true(strlen(data.journal->why) > 0);
        souk_data_close(&data);
    }
    assert_int_equal(err, SOUK_ERR_CORRUPT);
    disk_drop(directory);
}

static void
test_files_lost(void **state)
{
    (void)state;
    char *filled = make_filled(), *directory = disk_copy(filled);
    disk_write(directory, "journal/CURRENT", "MANIFEST-999999\n");
    assert_refused(directory, SOUK_ERR_CORRUPT, "journal");
    directory = disk_copy(filled);
    disk_write(directory, "journal/CURRENT", "rubbish");
    assert_refused(directory, SOUK_ERR_CORRUPT, "journal");
    directory = disk_copy(filled);
    disk_remove(directory, "journal/CURRENT");
    assert_refused(directory, SOUK_ERR_CORRUPT, "journal");
    directory = disk_copy(filled);
    disk_remove(directory, "vault/CURRENT");
    assert_refused(directory, SOUK_ERR_CORRUPT, "vault");
    directory = disk_copy(filled);
    disk_remove(directory, "tail");
    assert_refused(directory, SOUK_ERR_CORRUPT, "tail");
    directory = disk_copy(filled);
    char *tail = below(directory, "tail");
    disk_flip(tail, 12, 1);
    free(tail);
    assert_refused(directory, SOUK_ERR_CORRUPT, "tail");
    disk_drop(filled);
}

/* After kill -9 the tail may be behind, and all that was acknowledged is there. */
static void
test_killed(void **state)
{
    (void)state;
    struct souk_data data;
    uint64_t acked = 0, at, firsts[1];
    size_t found;
    int ends[2], status;
    char *directory = disk_make();
    assert_int_equal(open_at(&data, directory, true), SOUK_OK);
    souk_data_close(&data);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        if (open_at(&data, directory, false) != SOUK_OK)
            _exit(1);
        data.journal->ops->begin(data.journal, 0);
        for (at = 1; journal_fill(data.journal, at, at) == SOUK_OK; at++)
            if (write(ends[1], &at, sizeof at) != sizeof at)
                break;
        _exit(1);
    }
    close(ends[1]);
    while (acked < 50 && read(ends[0], &at, sizeof at) == sizeof at)
        acked = at;
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &at, sizeof at) == sizeof at)
        acked = at;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(acked >= 50);
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    assert_int_equal(journal_list(data.journal, 0, firsts, 1, &found), SOUK_OK);
    assert_true(found >= acked && found <= acked + 1);
    souk_data_close(&data);
    disk_drop(directory);
}

/* Puts 64 KiB groups until the journal says no; gives its error. */
static souk_err
fill_up(souk_journal *journal, uint64_t *at)
{
    static uint8_t block[65536];
    souk_err err;
    do {
        const struct souk_bytes part = { block, sizeof block };
        err = journal->ops->append(journal, *at + 1, *at + 1, &part, 1);
    } while (err == SOUK_OK && ++*at < 4096);
    return err;
}

static souk_err
count_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    (void)first, (void)bytes;
    ++*(uint64_t *)arg;
    return SOUK_OK;
}

/* Somebody else takes what LevelDB gave back of tables that it could not write. */
static void
fill_rest(const char *mounted)
{
    static const uint8_t block[4096];
    char *path = below(mounted, "ballast");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {}
    close(fd);
    free(path);
}

static void
test_full(void **state)
{
    (void)state;
    struct souk_data data;
    uint64_t at = 0, found = 0;
    char *mounted = disk_make();
    if (mount("none", mounted, "tmpfs", 0, "size=32m") != 0) {
        print_message("not permitted to mount a small disk: %s\n", strerror(errno));
        disk_drop(mounted);
        skip();
    }
    char *directory = below(mounted, "data");
    assert_int_equal(open_at(&data, directory, true), SOUK_OK);
    assert_int_equal(data.reserve, (UINT64_C(32) << 20) / 10);
    assert_int_equal(data.reserve_kept, SOUK_RESERVE_HELD);
    uint64_t room = souk_data_room(&data);
    assert_true(room > UINT64_C(16) << 20 && room < UINT64_C(29) << 20);
    data.journal->ops->begin(data.journal, 0);
    assert_int_equal(fill_up(data.journal, &at), SOUK_ERR_FULL);
    uint64_t end = at;
    assert_non_null(strstr(data.journal->why, "No space left"));
    fill_rest(mounted);
    assert_int_equal(souk_data_room(&data), 0);
    assert_int_equal(data.reserve_kept, SOUK_RESERVE_RELEASED); /* There is space again, but the journal stays shut. */
    assert_int_equal(fill_up(data.journal, &at), SOUK_ERR_FULL);
    assert_int_equal(at, end);
    souk_data_close(&data);
    /* Recovery writes the whole log into a table: with the reserve there is room for it, or an error that says so. */
    souk_err err = open_at(&data, directory, false);
    assert_true(err == SOUK_ERR_FULL || err == SOUK_OK); /* Or a log that was begun lately fits into the reserve. */
    if (err == SOUK_OK) souk_data_close(&data);
    assert_int_equal(mount("none", mounted, "tmpfs", MS_REMOUNT, "size=128m"), 0);
    assert_int_equal(open_at(&data, directory, false), SOUK_OK);
    assert_int_equal(data.journal->ops->read(data.journal, 0, count_group, &found), SOUK_OK);
    assert_true(found == end || found == end + 1);
    assert_int_equal(data.reserve_kept, SOUK_RESERVE_HELD);
    souk_data_close(&data);
    free(directory);
    assert_int_equal(umount(mounted), 0);
    disk_drop(mounted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_trim),          cmocka_unit_test(test_vault),
        cmocka_unit_test(test_locked),     cmocka_unit_test(test_directory),     cmocka_unit_test(test_identity),
        cmocka_unit_test(test_log_flipped), cmocka_unit_test(test_log_lost),     cmocka_unit_test(test_table_flipped),
        cmocka_unit_test(test_files_lost), cmocka_unit_test(test_killed),        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
