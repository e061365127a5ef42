/* SPDX-License-Identifier: Apache-2.0 */
/* test/damage/test_flipped.c -- single bits turned, and stretches of zeros, in each kind of file that a data directory
 * has. Whoever opens it and reads it all refuses and names the file, or the damage is one that no reader meets: then
 * everything is there, or the vault lacks only what the journal gives back. Never is anything skipped in silence.
 *
 * Places are sampled; SOUK_TEST_SEED chooses others. */
#define _GNU_SOURCE
#include "sale.h"

#include "store/disk.h"

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
enum { SPARSE = 6 };
#else
enum { SPARSE = 1 };
#endif
enum { FLIPS = 120, STRETCHES = 40, CUTS = 24, CUT = -1, PAGE = 4096, SECTOR = 512, ASKS_MAX = 8 };

static struct sale sale;
static uint64_t seed;
static unsigned asks; /* How often a node was started to see that nothing is missing: that takes long. */

static int
set_up(void **state)
{
    (void)state;
    seed = sale_seed();
    print_message("SOUK_TEST_SEED=%" PRIu64 "\n", seed);
    if (!sale_disk_mount()) print_message("not permitted to mount a small disk: this takes minutes\n");
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

/* ---- one damage ---- */

struct outcome { unsigned named, told, harmless, older; };

static void
zero(const char *path, long at, long length)
{
    static const uint8_t none[PAGE];
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0 && length <= PAGE);
    assert_int_equal(pwrite(fd, none, (size_t)length, at), length);
    close(fd);
}

/* The vault has less than it had: a node must be none the wiser. */
static void
assert_the_journal_gives_it_back(const char *directory)
{
    char said[SAID_MAX];
    if (asks++ >= ASKS_MAX) return;
    assert_int_equal(sale_ask(&sale, directory, said), 0);
    assert_string_equal(said, sale.asked);
}

/* What becomes of a directory whose file `path` is damaged. */
static void
judge(const char *directory, const char *path, bool vault, struct outcome *outcome)
{
    struct seen seen;
    char *again = vault ? disk_copy(directory) : NULL; /* To read it changes it. */
    sale_read(directory, &seen);
    if (seen.err) {
        if (seen.err != SOUK_ERR_CORRUPT && seen.err != SOUK_ERR_VERSION) fail_msg("error %d: %s", seen.err, seen.why);
        if (strstr(seen.why, path)) outcome->named++;
        else if (strstr(seen.why, directory) || strstr(seen.why, "position")) outcome->told++;
        else fail_msg("no place in: %s", seen.why);
    } else {
        assert_int_equal(seen.end, sale.end);
        assert_int_equal(seen.journal, sale.journal);
        if (seen.vault == sale.vault) {
            outcome->harmless++;
        } else {
            assert_true(vault);
            assert_the_journal_gives_it_back(again);
            outcome->older++;
        }
    }
    if (again) disk_drop(again);
}

static void
damage(const char *part, const char *ending, long at, long length, unsigned bit, struct outcome *outcome)
{
    char *directory = disk_copy(sale.directory), *path = sale_file(directory, part, ending);
    const char *how = length == CUT ? "cut" : length ? "zeros" : "bit";
    sale_note("seed %" PRIu64 ": %s at byte %ld, %s %ld", sale_seed(), path, at, how, length ? length : (long)bit);
    if (length == CUT) assert_int_equal(truncate(path, at), 0);
    else if (length) zero(path, at, length);
    else disk_flip(path, at, bit);
    judge(directory, path, strcmp(part, "vault") == 0, outcome);
    free(path);
    disk_drop(directory);
}

/* Samples of single bits, and of zeros: whole pages, sectors, and stretches that begin and end anywhere. */
static struct outcome
damage_all(const char *part, const char *ending, unsigned flips, unsigned stretches)
{
    struct outcome outcome = { 0 };
    char *path = sale_file(sale.directory, part, ending);
    long size = disk_size(path);
    free(path);
    assert_true(size > 0);
    for (unsigned i = 0; i < flips; i += SPARSE)
        damage(part, ending, (long)sale_draw(&seed, (uint64_t)size), 0, (unsigned)sale_draw(&seed, 8), &outcome);
    for (long at = 0; stretches && at < size; at += PAGE)
        damage(part, ending, at, size - at < PAGE ? size - at : PAGE, 0, &outcome);
    for (unsigned i = 0; i < stretches; i += SPARSE) {
        long at = (long)sale_draw(&seed, (uint64_t)size), length = 1 + (long)sale_draw(&seed, SECTOR);
        if (i % 2) at -= at % SECTOR, length = SECTOR;
        damage(part, ending, at, length < size - at ? length : size - at, 0, &outcome);
    }
    print_message("# %s %s, %ld bytes: %u named, %u told otherwise, %u harmless, %u given back by the journal\n", part,
                  ending, size, outcome.named, outcome.told, outcome.harmless, outcome.older);
    return outcome;
}

/* The file ends at sampled bytes. */
static struct outcome
cut_all(const char *part, const char *ending, unsigned cuts)
{
    struct outcome outcome = { 0 };
    char *path = sale_file(sale.directory, part, ending);
    long size = disk_size(path);
    free(path);
    for (unsigned i = 0; i < cuts; i += SPARSE)
        damage(part, ending, (long)sale_draw(&seed, (uint64_t)size), CUT, 0, &outcome);
    print_message("# %s %s cut: %u named, %u told otherwise, %u harmless, %u given back by the journal\n", part, ending,
                  outcome.named, outcome.told, outcome.harmless, outcome.older);
    return outcome;
}

/* ---- the cases ---- */

static void
the_journals_log(void **state)
{
    (void)state;
    struct outcome outcome = damage_all("journal", ".log", FLIPS, STRETCHES);
    assert_true(outcome.named > outcome.told && !outcome.older);
}

static void
the_journals_table(void **state)
{
    (void)state;
    struct outcome outcome = damage_all("journal", ".ldb", FLIPS, STRETCHES);
    assert_true(outcome.named > 9 * outcome.told && !outcome.older);
}

static void
the_vaults_log(void **state)
{
    (void)state;
    struct outcome outcome = damage_all("vault", ".log", FLIPS, STRETCHES);
    assert_true(outcome.named > 9 * outcome.told);
}

static void
the_vaults_table(void **state)
{
    (void)state;
    struct outcome outcome = damage_all("vault", ".ldb", FLIPS, STRETCHES);
    assert_true(outcome.named > 9 * outcome.told && !outcome.older);
}

static void
what_says_which_files_there_are(void **state)
{
    (void)state;
    static const char *const parts[] = { "journal", "vault" };
    for (unsigned i = 0; i < 2; i++) {
        struct outcome outcome = damage_all(parts[i], "CURRENT", FLIPS / 4, 0);
        assert_true(outcome.named && !outcome.harmless && !outcome.older);
        char *path = sale_file(sale.directory, parts[i], "CURRENT"), name[64] = "";
        FILE *file = fopen(path, "re");
        assert_true(file && fscanf(file, "%63s", name) == 1);
        fclose(file);
        free(path);
        outcome = damage_all(parts[i], name, FLIPS / 2, STRETCHES / 4);
        assert_true(outcome.named && !outcome.older);
    }
}

static void
files_that_are_cut(void **state)
{
    (void)state;
    asks = 0;
    struct outcome outcome = cut_all("journal", ".log", CUTS);
    assert_true(outcome.told && !outcome.harmless && !outcome.older); /* `tail` is named. */
    outcome = cut_all("vault", ".log", CUTS);
    assert_true(outcome.older && !outcome.told); /* It lacks its last puts. */
    static const char *const parts[] = { "journal", "vault" };
    for (unsigned i = 0; i < 2; i++) {
        outcome = cut_all(parts[i], ".ldb", CUTS);
        assert_true(outcome.named && !outcome.told && !outcome.harmless && !outcome.older);
        outcome = cut_all(parts[i], "MANIFEST-000004", 4 * CUTS);
        assert_true(outcome.named + outcome.told && !outcome.harmless && !outcome.older);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journals_log), cmocka_unit_test(the_journals_table),
        cmocka_unit_test(the_vaults_log),   cmocka_unit_test(the_vaults_table),
        cmocka_unit_test(what_says_which_files_there_are), cmocka_unit_test(files_that_are_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
