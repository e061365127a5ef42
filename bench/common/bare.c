/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/bare.c -- see bare.h. */
#include "bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

souk_err
souk_bench_bare_open(struct souk_bench_bare *bare, const struct souk_bench_dir *dir)
{
    char path[SOUK_BENCH_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/bare", dir->path);
    bare->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (bare->fd >= 0)
        return SOUK_OK;
    fprintf(stderr, "bench: cannot make %s: %s\n", path, strerror(errno));
    return SOUK_ERR_IO;
}

souk_err
souk_bench_bare_append(const struct souk_bench_bare *bare, const void *at, size_t length)
{
    ssize_t done = write(bare->fd, at, length);
    if (done == (ssize_t)length && fdatasync(bare->fd) == 0)
        return SOUK_OK;
    fprintf(stderr, "bench: the bare file cannot be written: %s\n", done < 0 ? strerror(errno) : "cut short");
    return SOUK_ERR_IO;
}

void
souk_bench_bare_close(struct souk_bench_bare *bare)
{
    if (bare->fd >= 0)
        close(bare->fd);
    bare->fd = -1;
}
