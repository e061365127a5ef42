/* SPDX-License-Identifier: Apache-2.0 */
/* test/souk/test_check_data.c -- `souk check` on data directories: its exit statuses, its files, and what it says when
 * the disk was tampered with. Each run is a child process, as the program would be. */
#define _GNU_SOURCE
#include "check_story.h"

#include "store/data.h"
#include "world/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants setjmp, stdarg, stddef and stdlib above it. */
#include <cmocka.h>

enum { OUTPUT_MAX = 16384 };

struct place {
    char directory[256], data[300], ledger[300], acks[300], output[300];
    char said[OUTPUT_MAX];
};

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Runs the command with up to six words; its exit status. What it said is in place->said. */
static int
run(struct place *p, const char *const *words)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        char *argv[8] = { "check" };
        int argc = 1;
        for (; words[argc - 1]; argc++) argv[argc] = (char *)(uintptr_t)words[argc - 1];
        int out = open(p->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(99);
        int status = souk_check_main(argc, argv);
        fflush(NULL);
        _exit(status);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    FILE *file = fopen(p->output, "r");
    assert_non_null(file);
    p->said[fread(p->said, 1, sizeof p->said - 1, file)] = '\0';
    (void)fclose(file);
    return WEXITSTATUS(status);
}
#define RUN(p, ...) run((p), (const char *const[]){ __VA_ARGS__, NULL })

/* A data directory with one order of each kind; what happened at the provider goes to a file, and what buyers heard. */
static void
make(struct place *p, uint32_t units, bool oversell)
{
    struct souk_data data;
    char why[256], order[ADDRESS_NAME_LENGTH], key[ADDRESS_NAME_LENGTH], text[1024];
    struct story s;
    const char *base = getenv("TMPDIR");
    snprintf(p->directory, sizeof p->directory, "%s/souk-check-XXXXXX", base ? base : P_tmpdir);
    assert_non_null(mkdtemp(p->directory));
    snprintf(p->data, sizeof p->data, "%s/data", p->directory);
    snprintf(p->ledger, sizeof p->ledger, "%s/ledger", p->directory);
    snprintf(p->acks, sizeof p->acks, "%s/acks", p->directory);
    snprintf(p->output, sizeof p->output, "%s/output", p->directory);
    assert_int_equal(souk_data_open(&data, souk_world_os(), p->data, true, why, sizeof why), SOUK_OK);
    story_open(&s, data.journal, data.secret, units, 0);
    story_buy(&s, 1, 2, ORDER_CARD);
    if (oversell) story_buy_until_held(&s, 2, units, ORDER_CARD);
    if (oversell) story_batch(&s);
    address_write_name(story_order(&s, 1).key, order);
    size_t length = 0;
    for (unsigned i = 0; i < 2; i++) {
        address_write_name(s.effects[i].key, key);
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "{\"intent\":\"pi_1\",\"key\":\"%.32s\",\"op\":\"%s\",\"amount\":%lld,"
                                   "\"currency\":\"EUR\",\"order\":\"%.32s\",\"at\":5}\n",
                                   key, i ? "capture" : "authorise", (long long)s.effects[i].amount, order);
    }
    write_file(p->ledger, text);
    snprintf(text, sizeof text,
             "{\"order\":\"%.32s\",\"customer\":\"c1\",\"key\":\"k\",\"status\":201}\n{\"order\":\"\",\"cust", order);
    write_file(p->acks, text);
    story_close(&s);
    souk_data_close(&data);
}

static void
drop_tree(const char *path)
{
    DIR *listing = opendir(path);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        char name[1024];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name)) drop_tree(name);
    }
    if (listing) closedir(listing);
    (void)rmdir(path);
}

static void
a_clean_directory_ends_with_0(void **state)
{
    struct place p;
    (void)state;
    make(&p, 10, false);
    assert_int_equal(RUN(&p, p.data), 0);
    assert_non_null(strstr(p.said, "0 violations"));
    assert_int_equal(RUN(&p, p.data, "--provider-ledger", p.ledger, "--acks", p.acks, "--json"), 0);
    assert_non_null(strstr(p.said, "{\"invariants\":{\"I1\":0,\"I2\":0,\"I3\":0,\"I4\":0,\"I5\":0,\"I6\":0,\"I7\":0,"
                                   "\"I8\":0,\"I9\":0,\"I10\":0},\"violations\":0,"));
    assert_non_null(strstr(p.said, "\"paid\":1,"));
    assert_non_null(strstr(p.said, "\"ledger_entries\":2,\"acks\":1,"));
    assert_int_equal(RUN(&p, "--json", "--acks", p.acks, p.data), 0);
    drop_tree(p.directory);
}

static void
a_violation_ends_with_1_and_is_explained(void **state)
{
    struct place p;
    (void)state;
    make(&p, 3, true);
    assert_int_equal(RUN(&p, p.data), 1);
    assert_non_null(strstr(p.said, "VIOLATED"));
    assert_non_null(strstr(p.said, "at position 3: stock "));
    assert_non_null(strstr(p.said, "oversold: 3 units were reserved where 1 were free"));
    assert_int_equal(RUN(&p, p.data, "--json"), 1);
    assert_non_null(strstr(p.said, "\"text\":\"stock "));
    drop_tree(p.directory);
}

static void
a_ledger_that_says_otherwise_ends_with_1(void **state)
{
    struct place p;
    (void)state;
    make(&p, 10, false);
    write_file(p.ledger, "");
    assert_int_equal(RUN(&p, p.data, "--provider-ledger", p.ledger), 1);
    assert_non_null(strstr(p.said, "the provider's have nothing"));
    drop_tree(p.directory);
}

static void
what_cannot_be_read_ends_with_65(void **state)
{
    struct place p;
    (void)state;
    make(&p, 10, false);
    assert_int_equal(RUN(&p, p.directory), 65);
    assert_non_null(strstr(p.said, "is no data directory"));
    assert_int_equal(RUN(&p, p.data, "--acks", "check-no-such-file"), 65);
    assert_non_null(strstr(p.said, "check-no-such-file cannot be read"));
    write_file(p.acks, "{\"order\":\"\",\"customer\":\"c1\",\"key\":\"k\",\"status\":201}\n{\"status\":201}\n");
    assert_int_equal(RUN(&p, p.data, "--acks", p.acks), 65);
    assert_non_null(strstr(p.said, "line 2: not an ack"));
    write_file(p.acks,
               "{\"order\":\"00000000000000000000000000000001\",\"customer\":\"c1\",\"key\":\"k\",\"status\":201}\n");
    assert_int_equal(RUN(&p, p.data, "--acks", p.acks), 65);
    assert_non_null(strstr(p.said, "don't lead to the order"));
    write_file(p.ledger,
               "{\"intent\":\"i\",\"key\":\"k\",\"op\":\"steal\",\"amount\":1,"
               "\"currency\":\"EUR\",\"order\":\"o\",\"at\":1}\n");
    assert_int_equal(RUN(&p, p.data, "--provider-ledger", p.ledger), 65);
    assert_non_null(strstr(p.said, "unknown op"));
    drop_tree(p.directory);
}

static void
a_directory_in_use_ends_with_75(void **state)
{
    struct place p;
    struct souk_data data;
    char why[256];
    (void)state;
    make(&p, 10, false);
    assert_int_equal(souk_data_open(&data, souk_world_os(), p.data, false, why, sizeof why), SOUK_OK);
    assert_int_equal(RUN(&p, p.data), 75);
    assert_non_null(strstr(p.said, "is in use by process"));
    souk_data_close(&data);
    assert_int_equal(RUN(&p, p.data), 0);
    drop_tree(p.directory);
}

static void
no_directory_ends_with_64(void **state)
{
    struct place p;
    (void)state;
    make(&p, 10, false);
    assert_int_equal(RUN(&p, "--json"), 64);
    assert_int_equal(RUN(&p, p.data, "--no-such-option"), 64);
    assert_int_equal(RUN(&p, "--help"), 0);
    drop_tree(p.directory);
}

/* The largest file of the journal: where the batches are. */
static void
find_log(const struct place *p, char out[1024])
{
    char folder[320];
    off_t largest = 0;
    snprintf(folder, sizeof folder, "%s/journal", p->data);
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing));) {
        char name[1024];
        struct stat file;
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        const char *end = strrchr(entry->d_name, '.');
        bool data = end && (!strcmp(end, ".log") || !strcmp(end, ".ldb"));
        if (!data || stat(name, &file) || file.st_size <= largest) continue;
        largest = file.st_size;
        memcpy(out, name, sizeof name);
    }
    closedir(listing);
    assert_true(largest > 0);
}

static void
a_byte_changed_on_the_disk_ends_with_65(void **state)
{
    (void)state;
    for (unsigned part = 1; part < 8; part++) {
        struct place p;
        char log[1024];
        uint8_t byte;
        make(&p, 10, false);
        find_log(&p, log);
        int fd = open(log, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        off_t at = lseek(fd, 0, SEEK_END) * part / 8;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        assert_int_equal(RUN(&p, p.data), 65);
        assert_true(strlen(p.said) > 20);
        drop_tree(p.directory);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_directory_ends_with_0),
        cmocka_unit_test(a_violation_ends_with_1_and_is_explained),
        cmocka_unit_test(a_ledger_that_says_otherwise_ends_with_1),
        cmocka_unit_test(what_cannot_be_read_ends_with_65),
        cmocka_unit_test(a_directory_in_use_ends_with_75),
        cmocka_unit_test(no_directory_ends_with_64),
        cmocka_unit_test(a_byte_changed_on_the_disk_ends_with_65),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
