/* SPDX-License-Identifier: Apache-2.0 */
/* store/file.c -- see file.h. Called by data.c, tail.c and leveldb.c, and by node/terms.c.
 *
 * Invariant: a file that souk_file_replace() made is whole, whenever the process or the machine stopped. */
#define _GNU_SOURCE
#include "store/file.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

souk_err
souk_file_fault(souk_err err, char *why, size_t why_size, const char *format, ...)
{
    if (why != NULL && why_size > 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(why, why_size, format, args);
        va_end(args);
    }
    return err;
}

souk_err
souk_file_err(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT: return SOUK_ERR_FULL;
    case ENOENT: return SOUK_ERR_MISSING;
    case ENOMEM: return SOUK_ERR_MEMORY;
    default: return SOUK_ERR_IO;
    }
}

char *
souk_file_path(const char *directory, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

souk_err
souk_file_sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return souk_file_err(errno);
    souk_err err = fsync(fd) == 0 ? SOUK_OK : souk_file_err(errno);
    (void)close(fd);
    return err;
}

souk_err
souk_file_write(int fd, const void *at, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pwrite(fd, (const uint8_t *)at + done, length - done, (off_t)done);
        if (n < 0 && errno != EINTR)
            return souk_file_err(errno);
        if (n == 0)
            return SOUK_ERR_IO; /* Or it would go on for ever. */
        done += n > 0 ? (size_t)n : 0;
    }
    return SOUK_OK;
}

static souk_err
write_whole(const char *path, const void *at, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return souk_file_err(errno);
    souk_err err = souk_file_write(fd, at, length);
    if (err == SOUK_OK && fsync(fd) != 0)
        err = souk_file_err(errno);
    if (close(fd) != 0 && err == SOUK_OK)
        err = souk_file_err(errno);
    return err;
}

souk_err
souk_file_replace(const char *directory, const char *name, const void *at, size_t length)
{
    char *path = souk_file_path(directory, name);
    char *fresh = NULL;
    souk_err err = SOUK_ERR_MEMORY;
    if (path != NULL && asprintf(&fresh, "%s.new", path) >= 0) {
        err = write_whole(fresh, at, length);
        if (err == SOUK_OK && rename(fresh, path) != 0)
            err = souk_file_err(errno);
        if (err == SOUK_OK)
            err = souk_file_sync_directory(directory);
        free(fresh);
    }
    free(path);
    return err;
}

souk_err
souk_file_read(const char *path, void *out, size_t room, size_t *length)
{
    *length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return souk_file_err(errno);
    souk_err err = SOUK_OK;
    for (;;) {
        uint8_t beyond;
        size_t left = room - *length;
        ssize_t n = left > 0 ? read(fd, (uint8_t *)out + *length, left) : read(fd, &beyond, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = souk_file_err(errno);
        else if (n > 0 && left == 0)
            err = SOUK_ERR_TOO_LARGE;
        if (n <= 0 || err != SOUK_OK)
            break;
        *length += (size_t)n;
    }
    (void)close(fd);
    return err;
}

uint64_t
souk_file_sum(const void *at, size_t length)
{
    return souk_hash_link((struct souk_link){ 0, 0 }, at, length).high;
}

void
souk_file_put(uint8_t out[8], uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        out[i] = (uint8_t)number;
}

uint64_t
souk_file_get(const uint8_t in[8])
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | in[i];
    return number;
}
