/* SPDX-License-Identifier: Apache-2.0 */
/* souk/shim/shim.c -- the fault shim: a shared object for LD_PRELOAD, see shim.h. Never part of the program itself.
 *
 * It stands where a disk would fail: between LevelDB or our own file code and the C library. Which file a descriptor is
 * of it asks the kernel (/proc/self/fd), so that it keeps no table that could be wrong; only calls of an armed rule pay
 * for that. It prints only what is wrong with its own rules. */
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The call of the library below us. */
#define BELOW(name)                                                                                                    \
    ({                                                                                                                 \
        static __typeof__(&name) below;                                                                               \
        if (!below)                                                                                                    \
            below = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                                        \
        below;                                                                                                         \
    })

static struct shim_control own;
static struct shim_control *control = &own;
static size_t memtable; /* Bytes; 0: as LevelDB is told. */

/* ---- rules as text ---- */

static const struct { const char *name; uint32_t call; } calls[] = {
    { "open", SHIM_OPEN },     { "write", SHIM_WRITE },       { "read", SHIM_READ },     { "sync", SHIM_SYNC },
    { "rename", SHIM_RENAME }, { "truncate", SHIM_TRUNCATE }, { "unlink", SHIM_UNLINK },
};

static const struct { const char *name; int number; } errors[] = {
    { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EINTR", EINTR }, { "EDQUOT", EDQUOT }, { "EROFS", EROFS },
};

/* The calls that a word lists; 0: it is no such list. */
static uint32_t
read_calls(const char *word)
{
    uint32_t found = 0;
    while (*word) {
        size_t length = strcspn(word, ",");
        uint32_t call = 0;
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
            if (strlen(calls[i].name) == length && strncmp(word, calls[i].name, length) == 0)
                call = calls[i].call;
        if (!call)
            return 0;
        found |= call;
        word += length + (word[length] == ',');
    }
    return found;
}

static bool
read_error(struct shim_rule *rule, const char *name)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(errors[i].name, name) == 0) {
            rule->act = SHIM_FAIL;
            rule->error = errors[i].number;
            return true;
        }
    return false;
}

/* What stands behind a key's `=`; NULL: it is another word. */
static const char *
value_of(const char *word, const char *key)
{
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool
read_word(struct shim_rule *rule, const char *word)
{
    const char *value;
    uint32_t list = read_calls(word);
    if (list) rule->calls = list;
    else if ((value = value_of(word, "after"))) rule->after = strtoull(value, NULL, 10);
    else if ((value = value_of(word, "times"))) rule->times = strtoull(value, NULL, 10);
    else if ((value = value_of(word, "fail"))) return read_error(rule, value);
    else if ((value = value_of(word, "short"))) {
        rule->bytes = (uint32_t)strtoul(value, NULL, 10);
        rule->act = rule->act == SHIM_KILL_TORN ? rule->act : SHIM_SHORT;
    } else if ((value = value_of(word, "delay"))) {
        rule->delay_ms = (uint32_t)strtoul(value, NULL, 10);
        rule->act = SHIM_DELAY;
    } else if (strcmp(word, "kill=before") == 0) rule->act = SHIM_KILL_BEFORE;
    else if (strcmp(word, "kill=after") == 0) rule->act = SHIM_KILL_AFTER;
    else if (strcmp(word, "kill=torn") == 0) rule->act = SHIM_KILL_TORN;
    else if (strcmp(word, "count") == 0) rule->act = SHIM_COUNT;
    else if (strcmp(word, "main") == 0) rule->threads = SHIM_MAIN;
    else if (strcmp(word, "others") == 0) rule->threads = SHIM_OTHERS;
    else if (strlen(word) < SHIM_PATTERN) strcpy(rule->pattern, word);
    else return false;
    return true;
}

/* A rule that can't be read would be a fault that never comes: the process ends instead. */
static void
read_rules(const char *text)
{
    char room[1024], *more_rules = NULL, *more_words = NULL;
    unsigned count = 0;
    bool good = strlen(text) < sizeof room;
    strcpy(room, good ? text : "");
    for (char *rule = strtok_r(room, ";", &more_rules); rule && good; rule = strtok_r(NULL, ";", &more_rules)) {
        struct shim_place *place = &control->places[count];
        good = count++ < SHIM_RULES;
        if (!good) break;
        place->rule = (struct shim_rule){ .times = 1 };
        for (char *word = strtok_r(rule, " ", &more_words); word && good; word = strtok_r(NULL, " ", &more_words))
            good = read_word(&place->rule, word);
        good = good && place->rule.calls && *place->rule.pattern;
        atomic_store(&place->armed, 1);
        atomic_store(&control->any_armed, 1);
    }
    if (good) return;
    fprintf(stderr, "souk faults: FAULT_SHIM is not a list of rules: %s\n", text);
    _exit(64);
}

__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("FAULT_SHIM_CONTROL"), *rules = getenv("FAULT_SHIM");
    const char *kib = getenv("FAULT_SHIM_MEMTABLE_KIB");
    memtable = kib ? (size_t)strtoul(kib, NULL, 10) * 1024 : 0;
    if (path) {
        int fd = BELOW(open)(path, O_RDWR | O_CLOEXEC);
        void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) {
            fprintf(stderr, "souk faults: %s cannot be mapped: %s\n", path, strerror(errno));
            _exit(66);
        }
        close(fd);
        control = at;
    }
    if (rules) read_rules(rules);
    atomic_store(&control->pid, (uint32_t)getpid());
}

/* ---- what happens ---- */

static bool
fits(const char *pattern, const char *path)
{
    size_t length = strlen(pattern);
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/'))
        if (fnmatch(pattern, slash + (*slash == '/'), 0) == 0) return true;
    return length == 1 && *pattern == '*';
}

/* Whether a rule is about this call, and its turn has come. */
static bool
counts(struct shim_place *place, enum shim_calls call, const char *path)
{
    const struct shim_rule *rule = &place->rule;
    /* acquire: pairs with the release of who armed it */
    if (!atomic_load_explicit(&place->armed, memory_order_acquire) || !(rule->calls & call)) return false;
    bool is_main = syscall(SYS_gettid) == getpid();
    if (rule->threads != SHIM_ANY && is_main != (rule->threads == SHIM_MAIN)) return false;
    if (!fits(rule->pattern, path)) return false;
    uint64_t seen = atomic_fetch_add(&place->seen, 1);
    if (rule->act == SHIM_COUNT || seen < rule->after) return false;
    if (rule->times && seen - rule->after >= rule->times) return false;
    atomic_fetch_add(&place->fired, 1);
    return true;
}

/* The rule that acts on a call, after its delay if that is what it does; NULL: none. Keeps errno. */
static const struct shim_rule *
rule_for(enum shim_calls call, const char *path)
{
    for (unsigned i = 0; i < SHIM_RULES; i++) {
        if (!counts(&control->places[i], call, path)) continue;
        const struct shim_rule *rule = &control->places[i].rule;
        if (rule->act != SHIM_DELAY) return rule;
        (void)poll(NULL, 0, (int)rule->delay_ms);
    }
    return NULL;
}

static _Noreturn void
die(void)
{
    for (;;) kill(getpid(), SIGKILL);
}

static const struct shim_rule *
rule_for_path(enum shim_calls call, const char *path)
{
    /* relaxed: a moment earlier or later is all the same */
    if (!atomic_load_explicit(&control->any_armed, memory_order_relaxed)) return NULL;
    int before = errno;
    const struct shim_rule *rule = rule_for(call, path);
    if (rule && rule->act == SHIM_KILL_BEFORE) die();
    errno = before;
    return rule;
}

static const struct shim_rule *
rule_for_fd(enum shim_calls call, int fd)
{
    char link[32], path[PATH_MAX];
    if (!atomic_load_explicit(&control->any_armed, memory_order_relaxed)) return NULL; /* relaxed: as above */
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0 || path[0] != '/') return NULL; /* A socket, say. */
    path[length] = '\0';
    return rule_for_path(call, path);
}

/* The whole of a call that moves no bytes: its result, after what the rule does. */
static int
end(const struct shim_rule *rule, int result)
{
    if (rule && (rule->act == SHIM_KILL_AFTER || rule->act == SHIM_KILL_TORN)) die();
    return result;
}

static bool
fails(const struct shim_rule *rule)
{
    if (!rule || rule->act != SHIM_FAIL) return false;
    errno = rule->error;
    return true;
}

/* How many of so many bytes are moved. */
static size_t
share(const struct shim_rule *rule, size_t count)
{
    if (!rule || (rule->act != SHIM_SHORT && rule->act != SHIM_KILL_TORN) || count < 2) return count;
    return rule->bytes > 0 && rule->bytes < count ? rule->bytes : count - 1;
}

static ssize_t
moved(const struct shim_rule *rule, ssize_t result)
{
    if (rule && (rule->act == SHIM_KILL_AFTER || rule->act == SHIM_KILL_TORN)) die();
    return result;
}

/* ---- the calls ---- */

#define SHOWN __attribute__((visibility("default")))

static mode_t
mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

SHOWN int
open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    const struct shim_rule *rule = rule_for_path(SHIM_OPEN, path);
    return fails(rule) ? -1 : end(rule, BELOW(open)(path, flags, mode));
}

SHOWN int
open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    const struct shim_rule *rule = rule_for_path(SHIM_OPEN, path);
    return fails(rule) ? -1 : end(rule, BELOW(open64)(path, flags, mode));
}

SHOWN ssize_t
write(int fd, const void *at, size_t count)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_WRITE, fd);
    return fails(rule) ? -1 : moved(rule, BELOW(write)(fd, at, share(rule, count)));
}

SHOWN ssize_t
pwrite(int fd, const void *at, size_t count, off_t place)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_WRITE, fd);
    return fails(rule) ? -1 : moved(rule, BELOW(pwrite)(fd, at, share(rule, count), place));
}

SHOWN ssize_t
pwrite64(int fd, const void *at, size_t count, off64_t place)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_WRITE, fd);
    return fails(rule) ? -1 : moved(rule, BELOW(pwrite64)(fd, at, share(rule, count), place));
}

/* Of a short one the first piece, of which there may be less. */
SHOWN ssize_t
writev(int fd, const struct iovec *pieces, int count)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_WRITE, fd);
    if (fails(rule)) return -1;
    bool part = rule && (rule->act == SHIM_SHORT || rule->act == SHIM_KILL_TORN) && count > 0;
    return moved(rule, part ? BELOW(write)(fd, pieces[0].iov_base, share(rule, pieces[0].iov_len))
                            : BELOW(writev)(fd, pieces, count));
}

SHOWN ssize_t
read(int fd, void *at, size_t count)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_READ, fd);
    return fails(rule) ? -1 : moved(rule, BELOW(read)(fd, at, share(rule, count)));
}

SHOWN ssize_t
pread(int fd, void *at, size_t count, off_t place)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_READ, fd);
    return fails(rule) ? -1 : moved(rule, BELOW(pread)(fd, at, share(rule, count), place));
}

SHOWN ssize_t
pread64(int fd, void *at, size_t count, off64_t place)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_READ, fd);
    return fails(rule) ? -1 : moved(rule, BELOW(pread64)(fd, at, share(rule, count), place));
}

SHOWN int
fsync(int fd)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_SYNC, fd);
    return fails(rule) ? -1 : end(rule, BELOW(fsync)(fd));
}

SHOWN int
fdatasync(int fd)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_SYNC, fd);
    return fails(rule) ? -1 : end(rule, BELOW(fdatasync)(fd));
}

/* A rule's path is the new name. */
SHOWN int
rename(const char *from, const char *to)
{
    const struct shim_rule *rule = rule_for_path(SHIM_RENAME, to);
    return fails(rule) ? -1 : end(rule, BELOW(rename)(from, to));
}

SHOWN int
ftruncate(int fd, off_t length)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_TRUNCATE, fd);
    return fails(rule) ? -1 : end(rule, BELOW(ftruncate)(fd, length));
}

SHOWN int
ftruncate64(int fd, off64_t length)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_TRUNCATE, fd);
    return fails(rule) ? -1 : end(rule, BELOW(ftruncate64)(fd, length));
}

SHOWN int
fallocate(int fd, int mode, off_t from, off_t length)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_TRUNCATE, fd);
    return fails(rule) ? -1 : end(rule, BELOW(fallocate)(fd, mode, from, length));
}

SHOWN int
fallocate64(int fd, int mode, off64_t from, off64_t length)
{
    const struct shim_rule *rule = rule_for_fd(SHIM_TRUNCATE, fd);
    return fails(rule) ? -1 : end(rule, BELOW(fallocate64)(fd, mode, from, length));
}

SHOWN int
unlink(const char *path)
{
    const struct shim_rule *rule = rule_for_path(SHIM_UNLINK, path);
    return fails(rule) ? -1 : end(rule, BELOW(unlink)(path));
}

/* ---- LevelDB's C interface, which this file knows by name alone ---- */

struct leveldb_options_t;
SHOWN void leveldb_options_set_write_buffer_size(struct leveldb_options_t *options, size_t bytes);

SHOWN void
leveldb_options_set_write_buffer_size(struct leveldb_options_t *options, size_t bytes)
{
    BELOW(leveldb_options_set_write_buffer_size)(options, memtable ? memtable : bytes);
}
