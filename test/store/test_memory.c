/* SPDX-License-Identifier: Apache-2.0 */
/* test/store/test_memory.c -- the store in memory keeps what it says, and fails as it is told to. */
#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "disk.h"

static souk_journal *
journal_of(souk_memory_store *store, uint64_t end)
{
    souk_journal *journal;
    assert_int_equal(souk_memory_store_journal(store, &journal), SOUK_OK);
    journal->ops->begin(journal, end);
    return journal;
}

static souk_vault *
vault_of(souk_memory_store *store)
{
    souk_vault *vault;
    assert_int_equal(souk_memory_store_vault(store, &vault), SOUK_OK);
    return vault;
}

static souk_err
put(souk_vault *vault, const char *name, const char *value)
{
    struct souk_vault_entry entry = { { name, strlen(name) }, { value, value != NULL ? strlen(value) : 0 } };
    return vault->ops->put(vault, &entry, 1);
}

static void
assert_value(souk_vault *vault, const char *name, const char *value)
{
    void *found;
    size_t length;
    souk_err err = vault->ops->get(vault, (struct souk_bytes){ name, strlen(name) }, &found, &length);
    assert_int_equal(err, value != NULL ? SOUK_OK : SOUK_ERR_MISSING);
    if (value != NULL) {
        assert_int_equal(length, strlen(value));
        assert_memory_equal(found, value, length);
    }
    free(found);
}

static void
assert_groups(souk_journal *journal, uint64_t from, size_t count, uint64_t first)
{
    uint64_t firsts[32];
    size_t found;
    assert_int_equal(journal_list(journal, from, firsts, 32, &found), SOUK_OK);
    assert_int_equal(found, count);
    if (count > 0)
        assert_int_equal(firsts[0], first);
}

static void
test_round_trip(void **state)
{
    (void)state;
    uint64_t first, last;
    souk_memory_store *store = souk_memory_store_open();
    souk_journal *journal, *second;
    assert_int_equal(souk_memory_store_journal(store, &journal), SOUK_OK);
    assert_int_equal(souk_memory_store_journal(store, &second), SOUK_ERR_LOCKED);
    assert_int_equal(journal_fill(journal, 1, 3), SOUK_ERR_FENCED); /* Nobody said where it ends. */
    journal->ops->begin(journal, 0);
    assert_int_equal(journal_fill(journal, 1, 3), SOUK_OK);
    assert_int_equal(journal_fill(journal, 4, 4), SOUK_OK);
    assert_int_equal(journal_fill(journal, 5, 9), SOUK_OK);
    assert_groups(journal, 0, 3, 1);
    assert_groups(journal, 3, 3, 1);
    assert_groups(journal, 4, 2, 4);
    assert_groups(journal, 7, 1, 5);
    assert_groups(journal, 10, 0, 0);
    assert_int_equal(journal->ops->trim(journal, 6), SOUK_OK);
    assert_int_equal(journal->ops->bounds(journal, &first, &last), SOUK_OK);
    assert_int_equal(first, 5);
    assert_int_equal(journal->ops->trim(journal, 100), SOUK_OK); /* The last group stays. */
    assert_int_equal(journal->ops->bounds(journal, &first, &last), SOUK_OK);
    assert_int_equal(last, 5);
    assert_int_equal(journal_fill(journal, 11, 11), SOUK_ERR_FENCED);
    assert_int_equal(journal_fill(journal, 10, 10), SOUK_ERR_FENCED); /* Poisoned. */
    souk_memory_store_crash(store);
    journal = journal_of(store, 9);
    assert_int_equal(journal_fill(journal, 10, 10), SOUK_OK);
    journal->ops->close(&journal);
    journal = journal_of(store, 11); /* Not where it ends. */
    assert_int_equal(journal_fill(journal, 12, 12), SOUK_ERR_FENCED);
    souk_memory_store_close(&store);
}

/* What each fault answers, how many groups are found after a crash, and whether a read finds a gap. */
static void
test_journal_faults(void **state)
{
    (void)state;
    static const struct { enum souk_memory_fault fault; souk_err err; size_t found; souk_err read; } cases[] = {
        { SOUK_MEMORY_SOUND, SOUK_OK, 3, SOUK_OK },
        { SOUK_MEMORY_IO_ABSENT, SOUK_ERR_IO, 1, SOUK_OK },
        { SOUK_MEMORY_IO_PRESENT, SOUK_ERR_IO, 2, SOUK_OK },
        { SOUK_MEMORY_FULL_ABSENT, SOUK_ERR_FULL, 1, SOUK_OK },
        { SOUK_MEMORY_FULL_PRESENT, SOUK_ERR_FULL, 2, SOUK_OK },
        { SOUK_MEMORY_GONE, SOUK_OK, 1, SOUK_OK },
        { SOUK_MEMORY_HOLE, SOUK_OK, 1, SOUK_ERR_CORRUPT },
        { SOUK_MEMORY_TORN, SOUK_ERR_IO, 1, SOUK_ERR_MALFORMED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t firsts[8];
        size_t found;
        souk_memory_store *store = souk_memory_store_open();
        souk_memory_store_fault(store, SOUK_MEMORY_JOURNAL, cases[i].fault, 1);
        souk_journal *journal = journal_of(store, 0);
        assert_int_equal(journal_fill(journal, 1, 2), SOUK_OK);
        assert_int_equal(journal_fill(journal, 3, 4), cases[i].err);
        assert_int_equal(journal_fill(journal, 5, 6), cases[i].err);
        /* A lie is not seen before the crash, an unknown outcome not before it is opened again. */
        assert_groups(journal, 0, cases[i].err == SOUK_OK ? 3 : 1, 1);
        souk_memory_store_crash(store);
        assert_int_equal(souk_memory_store_journal(store, &journal), SOUK_OK);
        assert_int_equal(journal_list(journal, 0, firsts, 8, &found), cases[i].read);
        assert_int_equal(found, cases[i].found);
        souk_memory_store_close(&store);
    }
}

static void
test_flip(void **state)
{
    (void)state;
    size_t found;
    souk_memory_store *store = souk_memory_store_open();
    souk_journal *journal = journal_of(store, 0);
    assert_false(souk_memory_store_flip(store, 1, 0));
    assert_int_equal(journal_fill(journal, 1, 2), SOUK_OK);
    assert_int_equal(souk_memory_store_puts(store, SOUK_MEMORY_JOURNAL), 1);
    assert_true(souk_memory_store_flip(store, 2, 77));
    assert_int_equal(journal_list(journal, 0, NULL, 0, &found), SOUK_ERR_MALFORMED);
    souk_memory_store_close(&store);
}

static souk_err
count_entry(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    char *order = arg;
    (void)value;
    strncat(order, name.at, name.length);
    return SOUK_OK;
}

static void
test_vault(void **state)
{
    (void)state;
    char order[64] = "";
    souk_memory_store *store = souk_memory_store_open();
    souk_vault *vault = vault_of(store);
    assert_int_equal(put(vault, "b2", "two"), SOUK_OK);
    assert_int_equal(put(vault, "c", "three"), SOUK_OK);
    assert_int_equal(put(vault, "b1", ""), SOUK_OK);
    assert_int_equal(put(vault, "b", "zero"), SOUK_OK);
    assert_value(vault, "b1", "");
    assert_value(vault, "x", NULL);
    assert_int_equal(vault->ops->each(vault, (struct souk_bytes){ "b", 1 }, count_entry, order), SOUK_OK);
    assert_string_equal(order, "bb1b2");
    assert_int_equal(put(vault, "b2", NULL), SOUK_OK);
    assert_int_equal(put(vault, "b", "again"), SOUK_OK);
    souk_memory_store_crash(store);
    vault = vault_of(store);
    assert_value(vault, "b2", NULL);
    assert_value(vault, "b", "again");
    vault->ops->close(&vault);
    souk_memory_store_close(&store);
}

static void
test_vault_faults(void **state)
{
    (void)state;
    static const struct { enum souk_memory_fault fault; souk_err err; const char *first, *second, *later; } cases[] = {
        { SOUK_MEMORY_SOUND, SOUK_OK, "new", "new", "new" },
        { SOUK_MEMORY_IO_ABSENT, SOUK_ERR_IO, "old", NULL, NULL },
        { SOUK_MEMORY_IO_PRESENT, SOUK_ERR_IO, "new", "new", NULL },
        { SOUK_MEMORY_FULL_ABSENT, SOUK_ERR_FULL, "old", NULL, NULL },
        { SOUK_MEMORY_FULL_PRESENT, SOUK_ERR_FULL, "new", "new", NULL },
        { SOUK_MEMORY_GONE, SOUK_OK, "old", NULL, NULL },
        { SOUK_MEMORY_HOLE, SOUK_OK, "old", NULL, "new" },
        { SOUK_MEMORY_TORN, SOUK_ERR_IO, "new", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        souk_memory_store *store = souk_memory_store_open();
        souk_vault *vault = vault_of(store);
        assert_int_equal(put(vault, "1", "old"), SOUK_OK);
        souk_memory_store_fault(store, SOUK_MEMORY_VAULT, cases[i].fault, 0);
        const struct souk_vault_entry both[] = { { { "1", 1 }, { "new", 3 } }, { { "2", 1 }, { "new", 3 } } };
        assert_int_equal(vault->ops->put(vault, both, 2), cases[i].err);
        assert_int_equal(put(vault, "3", "new"), cases[i].err);
        assert_value(vault, "1", cases[i].err == SOUK_OK ? "new" : "old");
        souk_memory_store_crash(store);
        vault = vault_of(store);
        assert_value(vault, "1", cases[i].first);
        assert_value(vault, "2", cases[i].second);
        assert_value(vault, "3", cases[i].later);
        souk_memory_store_close(&store);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_journal_faults), cmocka_unit_test(test_flip),
        cmocka_unit_test(test_vault),      cmocka_unit_test(test_vault_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
