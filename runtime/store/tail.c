/* SPDX-License-Identifier: Apache-2.0 */
/* store/tail.c -- see tail.h. Called by data.c, which makes the file, and by leveldb.c, which keeps it.
 *
 * Invariant: what the file says was durable in the journal before it was written. */
#define _GNU_SOURCE
#include "store/tail.h"

#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_BYTES = 40 };
static const char tail_magic[9] = "soukTAIL";

static void
tail_encode(uint8_t out[TAIL_BYTES], const struct souk_tail *tail)
{
    memcpy(out, tail_magic, 8);
    souk_file_put(out + 8, tail->first);
    souk_file_put(out + 16, tail->last);
    souk_file_put(out + 24, tail->groups);
    souk_file_put(out + 32, souk_file_sum(out, 32));
}

souk_err
souk_tail_create(const char *directory, const char *name)
{
    uint8_t bytes[TAIL_BYTES];
    tail_encode(bytes, &(struct souk_tail){ 0, 0, 0 });
    return souk_file_replace(directory, name, bytes, sizeof bytes);
}

souk_err
souk_tail_open(const char *path, int *fd, struct souk_tail *tail)
{
    uint8_t bytes[TAIL_BYTES];
    size_t length;
    souk_err err = souk_file_read(path, bytes, sizeof bytes, &length);
    if (err != SOUK_OK)
        return err == SOUK_ERR_TOO_LARGE ? SOUK_ERR_CORRUPT : err;
    if (length != sizeof bytes || memcmp(bytes, tail_magic, 8) != 0 ||
        souk_file_get(bytes + 32) != souk_file_sum(bytes, 32))
        return SOUK_ERR_CORRUPT;
    *tail = (struct souk_tail){ souk_file_get(bytes + 8), souk_file_get(bytes + 16), souk_file_get(bytes + 24) };
    *fd = open(path, O_WRONLY | O_CLOEXEC);
    return *fd < 0 ? souk_file_err(errno) : SOUK_OK;
}

souk_err
souk_tail_write(int fd, const struct souk_tail *tail)
{
    uint8_t bytes[TAIL_BYTES];
    tail_encode(bytes, tail);
    return souk_file_write(fd, bytes, sizeof bytes);
}
