/* SPDX-License-Identifier: Apache-2.0 */
/* wire/place.c -- see place.h. */
#include "wire/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool
fits(int length, size_t room)
{
    return length > 0 && (size_t)length < room && (size_t)length < sizeof((struct sockaddr_un *)0)->sun_path;
}

static souk_err
find_private(struct souk_place *p)
{
    const char *parents[] = { getenv("XDG_RUNTIME_DIR"), "/run", "/tmp" };
    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        if (!parents[i] || parents[i][0] != '/') continue;
        int length = snprintf(p->private_directory, sizeof p->private_directory, "%s/souk-XXXXXX", parents[i]);
        if (length <= 0 || (size_t)length >= sizeof p->private_directory) continue;
        if (!mkdtemp(p->private_directory)) continue; /* Of mode 0700. */
        length = snprintf(p->socket, sizeof p->socket, "%.110s/souk.sock", p->private_directory);
        if (fits(length, sizeof p->socket)) return SOUK_OK;
        rmdir(p->private_directory);
    }
    p->private_directory[0] = p->socket[0] = 0;
    return SOUK_ERR_IO;
}

souk_err
souk_place_find(struct souk_place *p, const char *directory)
{
    memset(p, 0, sizeof *p);
    char *whole = realpath(directory, NULL); /* Clients may have another working directory. */
    if (!whole) return errno == ENOENT ? SOUK_ERR_MISSING : SOUK_ERR_IO;
    int length = snprintf(p->file, sizeof p->file, "%s/souk.endpoint", whole);
    souk_err err = length > 0 && (size_t)length + sizeof ".new" < sizeof p->file ? SOUK_OK : SOUK_ERR_TOO_LARGE;
    if (!err && !fits(snprintf(p->socket, sizeof p->socket, "%s/souk.sock", whole), sizeof p->socket))
        err = find_private(p);
    free(whole);
    if (!err) snprintf(p->endpoint, sizeof p->endpoint, "ipc://%s", p->socket);
    else p->file[0] = p->socket[0] = 0;
    return err;
}

souk_err
souk_place_tell(const struct souk_place *p)
{
    char fresh[SOUK_PLACE_PATH + 8];
    if (chmod(p->socket, 0600)) return SOUK_ERR_IO;
    snprintf(fresh, sizeof fresh, "%s.new", p->file);
    FILE *file = fopen(fresh, "we");
    if (!file) return SOUK_ERR_IO;
    bool failed = fprintf(file, "%s\n", p->endpoint) < 0;
    failed |= fclose(file) != 0;
    if (!failed && !rename(fresh, p->file)) return SOUK_OK;
    unlink(fresh);
    return SOUK_ERR_IO;
}

void
souk_place_leave(struct souk_place *p)
{
    if (p->file[0]) unlink(p->file);
    if (p->socket[0]) unlink(p->socket);
    if (p->private_directory[0]) rmdir(p->private_directory);
    memset(p, 0, sizeof *p);
}
