/* SPDX-License-Identifier: Apache-2.0 */
/* test/damage/sale.c -- see sale.h. */
#define _GNU_SOURCE
#include "sale.h"

#include "souk/check.h"
#include "store/disk.h"
#include "world/world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 30000, WORDS_MAX = 24 };

/* ---- the program ---- */

static const char *
program(void)
{
    static char path[4096];
    const char *given = getenv("SOUK_BIN");
    if (given) return given;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 16);
    souk_assert(length > 0);
    path[length] = '\0';
    for (unsigned up = 0; up < 3; up++) *strrchr(path, '/') = '\0'; /* build/VARIANT/test/damage/test_thing */
    return strcat(path, "/souk");
}

static pid_t
start(const char *const *words, int out)
{
    const char *argv[WORDS_MAX] = { program() };
    posix_spawn_file_actions_t actions;
    pid_t pid;
    for (size_t i = 0; words[i]; i++) {
        souk_assert(i + 2 < WORDS_MAX);
        argv[i + 1] = words[i];
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, out, 2);
    int failed = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    souk_assert(!failed);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int
ended(pid_t pid)
{
    int status;
    souk_assert(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
read_all(int fd, char said[SAID_MAX])
{
    size_t length = 0;
    char beyond[512];
    for (ssize_t n = 1; n > 0;) {
        bool room = length < SAID_MAX - 1;
        n = read(fd, room ? said + length : beyond, room ? SAID_MAX - 1 - length : sizeof beyond);
        if (n > 0 && room) length += (size_t)n;
    }
    said[length] = '\0';
    close(fd);
}

int
sale_run(const char *const *words, char said[SAID_MAX])
{
    int ends[2];
    souk_assert(!pipe2(ends, O_CLOEXEC));
    pid_t pid = start(words, ends[1]);
    close(ends[1]);
    read_all(ends[0], said);
    return ended(pid);
}

/* A node on a directory; 0 when it doesn't start, with its status and what it complained of. */
static pid_t
serve(const char *directory, char http[64], int *status, char said[SAID_MAX])
{
    char ready[4096], log[4096];
    snprintf(ready, sizeof ready, "%s.ready", directory);
    snprintf(log, sizeof log, "%s.said", directory);
    unlink(ready);
    int fd = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    souk_assert(fd >= 0);
    const char *const words[] = { "serve", "--http", "127.0.0.1:0", "--data", directory, "--ready-file", ready,
                                  "--workers", "1", NULL };
    pid_t pid = start(words, fd), over = 0;
    int raw = 0;
    for (unsigned ms = 0; access(ready, F_OK) && ms < READY_MS && !over; ms += 2) {
        usleep(2000);
        over = waitpid(pid, &raw, WNOHANG);
    }
    bool serves = !access(ready, F_OK);
    if (serves) {
        FILE *file = fopen(ready, "re");
        souk_assert(file && fscanf(file, "{\"http\":\"%63[^\"]", http) == 1);
        fclose(file);
    } else {
        if (!over) {
            kill(pid, SIGKILL);
            souk_assert(waitpid(pid, &raw, 0) == pid);
        }
        *status = WIFSIGNALED(raw) ? -WTERMSIG(raw) : WEXITSTATUS(raw);
        lseek(fd, 0, SEEK_SET);
        read_all(dup(fd), said);
    }
    close(fd);
    unlink(ready);
    unlink(log);
    return serves ? pid : 0;
}

static void
add_answer(const char *directory, const char *kind, const char *key, const char *query, char said[SAID_MAX])
{
    char answer[SAID_MAX];
    const char *const words[] = { "ask", "--data", directory, kind, key, query, NULL };
    int status = sale_run(words, answer);
    size_t length = strlen(said);
    snprintf(said + length, SAID_MAX - length, "%s %s: %d %s", kind, key, status, answer);
}

int
sale_ask(const struct sale *sale, const char *directory, char said[SAID_MAX])
{
    char http[64], key[96];
    int status = 0;
    said[0] = '\0';
    pid_t pid = serve(directory, http, &status, said);
    if (!pid) return status;
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i ? sale->second : sale->first;
        snprintf(key, sizeof key, "%s,sku-1", name);
        add_answer(directory, "sale", name, "sale_show", said);
        add_answer(directory, "stock", key, "stock_show", said);
        for (unsigned buyer = 0; buyer < 2; buyer++) { /* rush-SEED-1 and its buyer cSEED-0 */
            snprintf(key, sizeof key, "c%.*s-%u", (int)(strrchr(name, '-') - name - 5), name + 5, buyer);
            add_answer(directory, "account", key, "account_show", said);
        }
    }
    kill(pid, SIGTERM);
    return ended(pid);
}

/* ---- making one ---- */

static char *mounted, *base;

bool
sale_disk_mount(void)
{
    char *place = disk_make();
    if (mount("none", place, "tmpfs", 0, "size=24m")) {
        disk_drop(place);
        return false;
    }
    base = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    mounted = place;
    souk_assert(!setenv("TMPDIR", place, 1));
    return true;
}

void
sale_disk_unmount(void)
{
    if (!mounted) return;
    souk_assert(!(base ? setenv("TMPDIR", base, 1) : unsetenv("TMPDIR")));
    souk_assert(!umount(mounted));
    disk_drop(mounted);
    free(base);
    mounted = base = NULL;
}

/* A rush of buyers who pay by credit; the name of its sale. */
static void
rush(const char *http, const char *acks, const char *seed, char name[64])
{
    char said[SAID_MAX];
    const char *const words[] = { "load", "--http", http, "--buyers", "24", "--units", "20", "--payment", "credit",
                                  "--connections", "3", "--seed", seed, "--acks", acks, NULL };
    int status = sale_run(words, said);
    if (status) fprintf(stderr, "%s", said);
    souk_assert(!status);
    FILE *file = fopen(acks, "re");
    char line[1024];
    souk_assert(file && fgets(line, sizeof line, file));
    const char *at = strstr(line, "\"sale\":\"");
    souk_assert(at && sscanf(at, "\"sale\":\"%63[^\"]", name) == 1);
    fclose(file);
    unlink(acks);
}

void
sale_make(struct sale *sale, bool killed)
{
    char http[64], acks[4096], said[SAID_MAX];
    struct seen seen;
    int status;
    *sale = (struct sale){ .directory = disk_make() };
    snprintf(acks, sizeof acks, "%s.acks", sale->directory);
    for (unsigned life = 0; life < 2; life++) {
        pid_t pid = serve(sale->directory, http, &status, said);
        if (!pid) fprintf(stderr, "%s", said);
        souk_assert(pid);
        rush(http, acks, life ? "2" : "1", life ? sale->second : sale->first);
        kill(pid, killed && life ? SIGKILL : SIGTERM);
        (void)ended(pid);
    }
    char *copy = disk_copy(sale->directory); /* To look changes it. */
    sale_read(copy, &seen);
    if (seen.err) fprintf(stderr, "%s\n", seen.why);
    souk_assert(!seen.err);
    sale->end = seen.end;
    sale->journal = seen.journal;
    sale->vault = seen.vault;
    status = sale_ask(sale, copy, sale->asked);
    souk_assert(!status);
    disk_drop(copy);
}

void
sale_drop(struct sale *sale)
{
    disk_drop(sale->directory);
}

/* ---- looking at one ---- */

/* Sums that don't depend on how the journal was cut into groups or the vault into puts. */
static souk_err
sum_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    uint64_t *sum = arg;
    struct souk_link link = souk_hash_link((struct souk_link){ *sum, first }, bytes.at, bytes.length);
    *sum = link.high;
    return SOUK_OK;
}

static souk_err
sum_entry(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    uint64_t *sum = arg;
    struct souk_link link = souk_hash_link((struct souk_link){ *sum, 1 }, name.at, name.length);
    *sum = souk_hash_link(link, value.at, value.length).high;
    return SOUK_OK;
}

static souk_err
note_end(void *arg, uint64_t first, struct souk_bytes bytes)
{
    uint64_t *end = arg;
    uint32_t count;
    memcpy(&count, (const uint8_t *)bytes.at + 4, sizeof count); /* See docs/journal.md, "Groups". */
    *end = first + __builtin_bswap32(count) - 1;
    return SOUK_OK;
}

void
sale_read(const char *directory, struct seen *seen)
{
    static struct souk_check_report report;
    struct souk_data data;
    *seen = (struct seen){ .why = "" };
    seen->err = souk_data_open(&data, souk_world_os(), directory, false, seen->why, sizeof seen->why);
    if (seen->err) return;
    struct souk_check_inputs inputs = { .vault = data.vault };
    seen->err = souk_check_run(data.journal, &data.secret, &inputs, &report);
    if (seen->err) snprintf(seen->why, sizeof seen->why, "%s", report.why);
    if (!seen->err && report.violations) {
        seen->err = SOUK_ERR_CLOSED;
        snprintf(seen->why, sizeof seen->why, "%" PRIu64 " violations", report.violations);
    }
    if (!seen->err) seen->err = data.journal->ops->read(data.journal, 1, sum_group, &seen->journal);
    if (!seen->err) seen->err = data.journal->ops->read(data.journal, 1, note_end, &seen->end);
    struct souk_bytes all = { "", 0 };
    if (!seen->err) seen->err = data.vault->ops->each(data.vault, all, sum_entry, &seen->vault);
    if (seen->err && !*seen->why) snprintf(seen->why, sizeof seen->why, "%s %s", data.journal->why, data.vault->why);
    souk_data_close(&data);
}

char *
sale_file(const char *directory, const char *part, const char *ending)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, part);
    return disk_find(path, ending);
}

uint64_t
sale_draw(uint64_t *seed, uint64_t end)
{
    return souk_hash_mix(*seed += UINT64_C(0x9e3779b97f4a7c15)) % end;
}

/* ---- telling ---- */

static char trying[512];

uint64_t
sale_seed(void)
{
    const char *given = getenv("SOUK_TEST_SEED");
    return given ? strtoull(given, NULL, 10) : 20261127;
}

static void
tell(int number)
{
    ssize_t written = write(STDERR_FILENO, trying, strlen(trying));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

void
sale_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(trying, sizeof trying - 1, format, args);
    va_end(args);
    souk_assert(length > 0 && length < (int)sizeof trying - 1);
    trying[length] = '\n';
    trying[length + 1] = '\0';
    signal(SIGSEGV, tell);
    signal(SIGBUS, tell);
    signal(SIGABRT, tell);
}
