/* SPDX-License-Identifier: Apache-2.0 */
/* test/damage/test_repair.c -- whatever of a data directory is gone, `souk serve` refuses with a sentence that says
 * what, and what docs/repair.md recommends then mends it: with nothing lost, or with what the command said is lost. */
#define _GNU_SOURCE
#include "sale.h"

#include "store/disk.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants the first two above it. */
#include <cmocka.h>

enum { DATA_ERROR = 65 };

static struct sale sale;

static int
set_up(void **state)
{
    (void)state;
    if (!sale_disk_mount()) print_message("not permitted to mount a small disk: this is slow\n");
    sale_make(&sale, false);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    sale_drop(&sale);
    sale_disk_unmount();
    return 0;
}

/* ---- what an operator does ---- */

static void
remove_file(const char *directory, const char *part, const char *ending)
{
    char *path = sale_file(directory, part, ending);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void
move(const char *directory, const char *from, const char *to)
{
    char old[4096], fresh[4096];
    snprintf(old, sizeof old, "%s/%s", directory, from);
    snprintf(fresh, sizeof fresh, "%s/%s", directory, to);
    assert_int_equal(rename(old, fresh), 0);
}

static bool
is_there(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void
assert_says(const char *said, const char *word)
{
    if (!strstr(said, word)) fail_msg("'%s' is not in: %s", word, said);
}

static void
assert_refused(const char *directory, const char *word)
{
    char said[SAID_MAX];
    assert_int_equal(sale_ask(&sale, directory, said), DATA_ERROR);
    assert_says(said, word);
    assert_says(said, directory);
}

static void
run_repair(const char *directory, const char *option, int status, const char *word)
{
    char said[SAID_MAX];
    const char *const words[] = { "repair", directory, option, NULL };
    int found = sale_run(words, said);
    if (found != status) fail_msg("repair %s ended with %d: %s", option ? option : "", found, said);
    assert_says(said, word);
}

static void
assert_sound(const char *directory)
{
    struct seen seen;
    char *copy = disk_copy(directory);
    sale_read(copy, &seen);
    if (seen.err) fail_msg("%s", seen.why);
    disk_drop(copy);
    run_repair(directory, NULL, 0, "Nothing is damaged.");
}

static void
assert_all_is_there(const char *directory)
{
    char said[SAID_MAX];
    assert_int_equal(sale_ask(&sale, directory, said), 0);
    assert_string_equal(said, sale.asked);
    assert_sound(directory);
}

/* ---- the vault ---- */

static void
mend_vault(char *directory, const char *word)
{
    assert_refused(directory, word);
    run_repair(directory, NULL, DATA_ERROR, "--vault");
    run_repair(directory, "--vault", 0, "the next start fills it");
    assert_all_is_there(directory);
    disk_drop(directory);
}

static void
a_vault_is_made_anew_from_the_journal(void **state)
{
    (void)state;
    char *directory = disk_copy(sale.directory);
    move(directory, "vault", "away");
    mend_vault(directory, "/vault is missing");

    directory = disk_copy(sale.directory);
    remove_file(directory, "vault", ".ldb");
    mend_vault(directory, ".ldb is missing");

    directory = disk_copy(sale.directory);
    remove_file(directory, "vault", ".log"); /* LevelDB would open it. */
    mend_vault(directory, ".log is missing");

    directory = disk_copy(sale.directory);
    remove_file(directory, "vault", "CURRENT");
    mend_vault(directory, "/vault/CURRENT is missing");
}

static void
what_is_replaced_is_kept(void **state)
{
    (void)state;
    char *directory = disk_copy(sale.directory);
    run_repair(directory, "--vault", 0, "vault.lost");
    run_repair(directory, "--vault", 0, "vault.lost-2");
    assert_true(is_there(directory, "vault.lost/CURRENT") && is_there(directory, "vault.lost-2/CURRENT"));
    assert_all_is_there(directory);
    disk_drop(directory);
}

/* ---- the journal ---- */

static void
what_says_what_is_there_can_be_spared(void **state)
{
    (void)state;
    char *directory = disk_copy(sale.directory);
    disk_remove(directory, "tail");
    assert_refused(directory, "/tail is missing");
    run_repair(directory, NULL, DATA_ERROR, "cannot be told");
    run_repair(directory, "--vault", DATA_ERROR, "--accept-loss");
    run_repair(directory, "--accept-loss", 0, "has what is sound of it");
    assert_true(is_there(directory, "journal.lost"));
    assert_all_is_there(directory);
    disk_drop(directory);

    static const char *const names[] = { "CURRENT", "MANIFEST-000004" };
    for (unsigned i = 0; i < 2; i++) {
        directory = disk_copy(sale.directory);
        remove_file(directory, "journal", names[i]);
        assert_refused(directory, " is missing");
        run_repair(directory, "--accept-loss", 0, "has what is sound of it");
        assert_all_is_there(directory);
        disk_drop(directory);
    }
}

/* A MANIFEST that is cut says that there are fewer tables; LevelDB would have removed the others. */
static void
a_manifest_that_is_cut_loses_nothing(void **state)
{
    (void)state;
    for (long cut = 0; cut < 80; cut += 16) {
        char *directory = disk_copy(sale.directory), *path = sale_file(directory, "journal", "MANIFEST-000004");
        assert_int_equal(truncate(path, cut), 0);
        free(path);
        assert_refused(directory, "journal");
        run_repair(directory, "--accept-loss", 0, "has what is sound of it");
        assert_all_is_there(directory);
        disk_drop(directory);
    }
}

/* With its log the second sale is lost, and the command says from where on; the first is as it was. */
static void
the_sound_beginning_goes_on(void **state)
{
    (void)state;
    char said[SAID_MAX], reached[64];
    snprintf(reached, sizeof reached, "it reached position %" PRIu64, sale.end);
    char *directory = disk_copy(sale.directory);
    remove_file(directory, "journal", ".log");
    assert_refused(directory, ".log is missing");
    run_repair(directory, NULL, DATA_ERROR, reached);
    run_repair(directory, "--accept-loss", 0, "batches are lost");
    assert_int_equal(sale_ask(&sale, directory, said), 0);
    const char *second = strstr(sale.asked, sale.second);
    size_t length = (size_t)(second - sale.asked) - strlen("sale ");
    assert_memory_equal(said, sale.asked, length);
    assert_non_null(strstr(said + length, ": 1 ")); /* Refused: there is no such sale. */
    assert_sound(directory);
    disk_drop(directory);

    directory = disk_copy(sale.directory);
    remove_file(directory, "journal", ".ldb");
    assert_refused(directory, ".ldb is missing");
    run_repair(directory, "--accept-loss", 0, "sound up to position 0");
    assert_int_equal(sale_ask(&sale, directory, said), 0);
    assert_sound(directory);
    disk_drop(directory);

    directory = disk_copy(sale.directory);
    move(directory, "journal", "away");
    assert_refused(directory, "/journal is missing");
    run_repair(directory, "--accept-loss", DATA_ERROR, "a backup");
    disk_drop(directory);
}

/* A bit in the middle: all groups before it are there afterwards, and none behind it is taken. */
static void
damage_in_the_middle_ends_the_journal_there(void **state)
{
    (void)state;
    struct seen seen;
    char *directory = disk_copy(sale.directory), *log = sale_file(directory, "journal", ".log");
    disk_flip(log, disk_size(log) / 2, 3);
    assert_refused(directory, log);
    free(log);
    run_repair(directory, NULL, DATA_ERROR, "is damaged at byte");
    run_repair(directory, "--accept-loss", 0, "batches are lost");
    char *copy = disk_copy(directory);
    sale_read(copy, &seen);
    assert_int_equal(seen.err, SOUK_OK);
    assert_true(seen.end > 0 && seen.end < sale.end);
    disk_drop(copy);
    assert_sound(directory);
    disk_drop(directory);
}

/* Killed between two of its renames: the next repair goes on. */
static void
a_repair_that_was_cut_short_is_repeated(void **state)
{
    (void)state;
    char *directory = disk_copy(sale.directory);
    disk_remove(directory, "tail");
    run_repair(directory, "--accept-loss", 0, "has what is sound of it");
    move(directory, "journal", "journal.repaired");
    move(directory, "tail", "tail.repaired");
    run_repair(directory, "--accept-loss", 0, "Nothing is damaged.");
    assert_all_is_there(directory);
    disk_drop(directory);
}

/* ---- the identity ---- */

static void
an_identity_comes_back_from_any_copy(void **state)
{
    (void)state;
    char *directory = disk_copy(sale.directory);
    move(directory, "identity", "../copy");
    assert_refused(directory, "identity");
    move(directory, "../copy", "identity");
    assert_all_is_there(directory);
    disk_drop(directory);
}

/* What a node makes anew by itself. */
static void
what_may_be_deleted_is_made_anew(void **state)
{
    (void)state;
    char *directory = disk_copy(sale.directory);
    disk_remove(directory, "turns");
    disk_remove(directory, "lock");
    assert_all_is_there(directory);
    disk_write(directory, "turns", "what nobody wrote there");
    assert_all_is_there(directory);
    for (int byte = 0; byte < 256; byte += 51) { /* Behind its beginning, which is right. */
        char path[4096], text[6720] = "soukTURNS 1";
        memset(text + sizeof "soukTURNS 1", byte, sizeof text - sizeof "soukTURNS 1");
        snprintf(path, sizeof path, "%s/turns", directory);
        FILE *file = fopen(path, "we");
        assert_true(file && fwrite(text, sizeof text, 1, file) == 1 && fclose(file) == 0);
        assert_all_is_there(directory);
    }
    disk_drop(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vault_is_made_anew_from_the_journal),
        cmocka_unit_test(what_is_replaced_is_kept),
        cmocka_unit_test(what_says_what_is_there_can_be_spared),
        cmocka_unit_test(a_manifest_that_is_cut_loses_nothing),
        cmocka_unit_test(the_sound_beginning_goes_on),
        cmocka_unit_test(damage_in_the_middle_ends_the_journal_there),
        cmocka_unit_test(a_repair_that_was_cut_short_is_repeated),
        cmocka_unit_test(an_identity_comes_back_from_any_copy),
        cmocka_unit_test(what_may_be_deleted_is_made_anew),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
