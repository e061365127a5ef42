/* SPDX-License-Identifier: Apache-2.0 */
/* test/store/disk.c -- see disk.h. */
#define _GNU_SOURCE
#include "disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *
join(const char *directory, const char *name)
{
    char *path = NULL;
    souk_assert(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

char *
disk_make(void)
{
    const char *base = getenv("TMPDIR");
    char *path = join(base != NULL ? base : "/tmp", "souk-test-XXXXXX");
    souk_assert(mkdtemp(path) != NULL);
    return path;
}

static int
drop_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat, (void)kind, (void)place;
    return remove(path);
}

void
disk_drop(char *directory)
{
    (void)nftw(directory, drop_one, 16, FTW_DEPTH | FTW_PHYS);
    free(directory);
}

static void
copy_file(const char *from, const char *to)
{
    char buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    souk_assert(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, buffer, sizeof buffer)) != 0;)
        souk_assert(n > 0 && write(out, buffer, (size_t)n) == n);
    close(in);
    close(out);
}

static void
copy_into(const char *from, const char *to)
{
    DIR *listing = opendir(from);
    souk_assert(listing != NULL);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        struct stat stat;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "reserve") == 0)
            continue;
        char *source = join(from, entry->d_name), *target = join(to, entry->d_name);
        souk_assert(lstat(source, &stat) == 0);
        if (S_ISDIR(stat.st_mode)) {
            souk_assert(mkdir(target, 0700) == 0);
            copy_into(source, target);
        } else if (S_ISREG(stat.st_mode)) { /* Sockets stay. */
            copy_file(source, target);
        }
        free(source);
        free(target);
    }
    closedir(listing);
}

char *
disk_copy(const char *directory)
{
    char *copy = disk_make();
    copy_into(directory, copy);
    return copy;
}

char *
disk_find(const char *directory, const char *ending)
{
    DIR *listing = opendir(directory);
    souk_assert(listing != NULL);
    char *found = NULL;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        size_t length = strlen(entry->d_name), wanted = strlen(ending);
        if (length < wanted || strcmp(entry->d_name + length - wanted, ending) != 0)
            continue;
        char *path = join(directory, entry->d_name);
        if (found == NULL || disk_size(path) > disk_size(found)) {
            free(found);
            found = path;
        } else {
            free(path);
        }
    }
    closedir(listing);
    souk_assert(found != NULL);
    return found;
}

long
disk_size(const char *path)
{
    struct stat stat_of;
    souk_assert(stat(path, &stat_of) == 0);
    return (long)stat_of.st_size;
}

void
disk_flip(const char *path, long byte, unsigned bit)
{
    uint8_t value;
    int fd = open(path, O_RDWR);
    souk_assert(fd >= 0 && pread(fd, &value, 1, byte) == 1);
    value ^= (uint8_t)(1u << bit);
    souk_assert(pwrite(fd, &value, 1, byte) == 1);
    close(fd);
}

void
disk_write(const char *directory, const char *name, const char *text)
{
    char *path = join(directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    souk_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    free(path);
}

void
disk_remove(const char *directory, const char *name)
{
    char *path = join(directory, name);
    souk_assert(unlink(path) == 0);
    free(path);
}

static size_t
group_text(char out[64], uint64_t first)
{
    return (size_t)snprintf(out, 64, "group that begins at %llu", (unsigned long long)first);
}

souk_err
journal_fill(souk_journal *journal, uint64_t first, uint64_t last)
{
    char text[64];
    size_t length = group_text(text, first);
    const struct souk_bytes parts[] = { { text, 5 }, { NULL, 0 }, { text + 5, length - 5 } };
    return journal->ops->append(journal, first, last, parts, 3);
}

struct list {
    uint64_t *firsts;
    size_t room, count;
};

static souk_err
list_group(void *arg, uint64_t first, struct souk_bytes bytes)
{
    struct list *list = arg;
    char text[64];
    size_t length = group_text(text, first);
    if (length != bytes.length || memcmp(text, bytes.at, length) != 0)
        return SOUK_ERR_MALFORMED;
    if (list->count < list->room)
        list->firsts[list->count] = first;
    list->count++;
    return SOUK_OK;
}

souk_err
journal_list(souk_journal *journal, uint64_t from, uint64_t *firsts, size_t room, size_t *count)
{
    struct list list = { firsts, room, 0 };
    souk_err err = journal->ops->read(journal, from, list_group, &list);
    *count = list.count;
    return err;
}
