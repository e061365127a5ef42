/* SPDX-License-Identifier: Apache-2.0 */
/* store/data.c -- a data directory. Opened by a node when it starts, and by the tools that read offline.
 *
 * Our own lock comes first, and everything else happens under it: LevelDB's own is dropped when the same process tries
 * to open a database twice. The identity is written last, so that a directory without one is new, or half made and
 * empty. An identity that is gone while the journal has entries is damage, and so is whatever else is not as it was
 * left.
 *
 * Invariant: at most one process is past take_lock(), and a directory with an identity has a tail, a journal and a
 * vault. */
#define _GNU_SOURCE
#include "store/data.h"

#include "base/heap.h"
#include "store/file.h"
#include "store/leveldb.h"
#include "store/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { IDENTITY_VERSION = 1, IDENTITY_SHARDS = 256, IDENTITY_ROOM = 256, CHECK_BYTES = 23 };

/* Where a sentence on what went wrong goes, and the directory that it speaks of. */
struct opening {
    struct souk_data *data;
    char *why;
    size_t why_size;
};

/* ---- the identity file ---- */

/* The text of an identity; its last line is a sum of all before it, in every version. */
static size_t
identity_format(char out[IDENTITY_ROOM], unsigned version, unsigned shards, const struct souk_secret *secret)
{
    int n = snprintf(out, IDENTITY_ROOM, "souk data directory\nversion %u\nshards %u\nsecret ", version, shards);
    for (size_t i = 0; i < sizeof secret->bytes; i++)
        n += snprintf(out + n, IDENTITY_ROOM - (size_t)n, "%02x", secret->bytes[i]);
    n += snprintf(out + n, IDENTITY_ROOM - (size_t)n, "\n");
    n += snprintf(out + n, IDENTITY_ROOM - (size_t)n, "check %016" PRIx64 "\n", souk_file_sum(out, (size_t)n));
    souk_assert(n > 0 && n < IDENTITY_ROOM);
    return (size_t)n;
}

/* The sum decides whether the text is damaged; only then is its version looked at, and the rest is taken only when it
 * reads back as the same text. */
static souk_err
identity_parse(const char *text, size_t length, uint32_t *shards, struct souk_secret *secret)
{
    static const char check[] = "check ";
    char sum[CHECK_BYTES + 1], again[IDENTITY_ROOM], hex[33];
    unsigned version, count;
    if (length <= CHECK_BYTES)
        return SOUK_ERR_CORRUPT;
    size_t body = length - CHECK_BYTES;
    (void)snprintf(sum, sizeof sum, "%s%016" PRIx64 "\n", check, souk_file_sum(text, body));
    if (memcmp(text + body, sum, CHECK_BYTES) != 0)
        return SOUK_ERR_CORRUPT;
    if (sscanf(text, "souk data directory version %u", &version) != 1)
        return SOUK_ERR_CORRUPT;
    if (version != IDENTITY_VERSION)
        return SOUK_ERR_VERSION;
    if (sscanf(text, "souk data directory version %*u shards %u secret %32[0-9a-f]", &count, hex) != 2)
        return SOUK_ERR_CORRUPT;
    for (size_t i = 0; i < sizeof secret->bytes; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return SOUK_ERR_CORRUPT;
        secret->bytes[i] = (uint8_t)byte;
    }
    if (identity_format(again, version, count, secret) != length || memcmp(again, text, length) != 0)
        return SOUK_ERR_CORRUPT;
    if (count != IDENTITY_SHARDS)
        return SOUK_ERR_VERSION;
    *shards = count;
    return SOUK_OK;
}

static souk_err
identity_read(struct opening *o)
{
    struct souk_data *data = o->data;
    char text[IDENTITY_ROOM + 1];
    size_t length = 0;
    char *path = souk_file_path(data->directory, "identity");
    if (path == NULL)
        return SOUK_ERR_MEMORY;
    souk_err err = souk_file_read(path, text, IDENTITY_ROOM, &length);
    free(path);
    text[length] = '\0';
    if (err == SOUK_ERR_TOO_LARGE)
        err = SOUK_ERR_CORRUPT;
    if (err == SOUK_OK)
        err = identity_parse(text, length, &data->shards, &data->secret);
    if (err == SOUK_ERR_CORRUPT)
        (void)souk_file_fault(err, o->why, o->why_size, "%s/identity is damaged", data->directory);
    else if (err == SOUK_ERR_VERSION)
        (void)souk_file_fault(err, o->why, o->why_size,
                              "%s/identity is of another version of souk than this (version %d)", data->directory,
                              IDENTITY_VERSION);
    else if (err != SOUK_OK)
        (void)souk_file_fault(err, o->why, o->why_size, "%s/identity cannot be read", data->directory);
    return err;
}

static souk_err
identity_write(struct opening *o, const struct souk_world *world)
{
    struct souk_data *data = o->data;
    char text[IDENTITY_ROOM];
    data->shards = IDENTITY_SHARDS;
    world->random(world->self, data->secret.bytes, sizeof data->secret.bytes);
    size_t length = identity_format(text, IDENTITY_VERSION, data->shards, &data->secret);
    souk_err err = souk_file_sync_directory(data->directory);
    if (err == SOUK_OK)
        err = souk_file_replace(data->directory, "identity", text, length);
    if (err != SOUK_OK)
        (void)souk_file_fault(err, o->why, o->why_size, "%s/identity cannot be written", data->directory);
    return err;
}

/* ---- the directory and its lock ---- */

static bool
exists(const char *directory, const char *name)
{
    char *path = souk_file_path(directory, name);
    bool found = path != NULL && access(path, F_OK) == 0;
    free(path);
    return found;
}

/* A directory without an identity may hold what a start that was cut short left, and nothing of anybody else's. */
static souk_err
check_ours(struct opening *o)
{
    static const char *const ours[] = { ".", "..", "lock", "tail", "tail.new", "journal", "vault", "reserve", "turns",
                                        "identity.new", "lost+found", "contract", "souk.sock", "souk.endpoint",
                                        "souk.http" };
    DIR *listing = opendir(o->data->directory);
    if (listing == NULL)
        return souk_file_fault(souk_file_err(errno), o->why, o->why_size, "%s cannot be listed: %s", o->data->directory,
                               strerror(errno));
    souk_err err = SOUK_OK;
    for (const struct dirent *entry; err == SOUK_OK && (entry = readdir(listing)) != NULL;) {
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            known = known || strcmp(entry->d_name, ours[i]) == 0;
        if (!known)
            err = souk_file_fault(SOUK_ERR_USAGE, o->why, o->why_size,
                                  "%s holds %s but no identity: it is not a data directory, and not empty",
                                  o->data->directory, entry->d_name);
    }
    (void)closedir(listing);
    return err;
}

/* Makes the directory, and its name durable. */
static souk_err
make_directory(struct opening *o)
{
    const char *directory = o->data->directory;
    if (mkdir(directory, 0700) != 0) {
        if (errno == EEXIST)
            return SOUK_OK;
        return souk_file_fault(souk_file_err(errno), o->why, o->why_size, "%s cannot be made: %s", directory,
                               strerror(errno));
    }
    char *parent = souk_file_path(directory, "..");
    if (parent == NULL)
        return SOUK_ERR_MEMORY;
    souk_err err = souk_file_sync_directory(parent);
    free(parent);
    return err;
}

static souk_err
take_lock(struct opening *o)
{
    struct souk_data *data = o->data;
    char *path = souk_file_path(data->directory, "lock");
    if (path == NULL)
        return SOUK_ERR_MEMORY;
    souk_err err = SOUK_OK;
    data->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (data->lock_fd < 0) {
        err = souk_file_fault(souk_file_err(errno), o->why, o->why_size, "%s cannot be opened: %s", path,
                              strerror(errno));
    } else if (flock(data->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        char holder[24] = "";
        ssize_t n = pread(data->lock_fd, holder, sizeof holder - 1, 0);
        long number = n > 0 ? strtol(holder, NULL, 10) : 0;
        err = errno == EWOULDBLOCK ? SOUK_ERR_LOCKED : SOUK_ERR_IO;
        (void)souk_file_fault(err, o->why, o->why_size, "%s is in use by process %ld", data->directory, number);
    } else {
        /* The number is a courtesy to whoever is refused; a full disk may leave it out. */
        char holder[24];
        int n = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
        bool told = ftruncate(data->lock_fd, 0) == 0 && pwrite(data->lock_fd, holder, (size_t)n, 0) == n;
        (void)told;
    }
    free(path);
    return err;
}

/* ---- the reserve ---- */

/* Free bytes of the disk that we may use, and its size. */
static bool
disk_space(const struct souk_data *data, uint64_t *available, uint64_t *size)
{
    struct statvfs disk;
    if (statvfs(data->directory, &disk) != 0)
        return false;
    *available = (uint64_t)disk.f_bavail * disk.f_frsize;
    *size = (uint64_t)disk.f_blocks * disk.f_frsize;
    return true;
}

/* What may be written between two looks at the disk: one backlog and one memtable flush, of the full reserve. */
static uint64_t
reserve_margin(const struct souk_data *data)
{
    return data->reserve / 16 * 5;
}

static void
reserve_release(struct souk_data *data)
{
    if (ftruncate(data->reserve_fd, 0) == 0)
        data->reserve_kept = SOUK_RESERVE_RELEASED;
    /* Some file systems reuse blocks only once the change is synced. */
    (void)fsync(data->reserve_fd);
}

/* Not posix_fallocate(), which writes every block where the file system cannot preallocate. */
static void
reserve_take(struct souk_data *data)
{
    if (fallocate(data->reserve_fd, 0, 0, (off_t)data->reserve) == 0)
        data->reserve_kept = SOUK_RESERVE_HELD;
    else if (errno == EOPNOTSUPP || errno == ENOSYS)
        data->reserve_kept = SOUK_RESERVE_COUNTED;
    else
        reserve_release(data); /* What a full disk gave of it goes back. */
}

/* Before LevelDB opens, whose recovery writes a table: on a disk that ran low the reserve is there for that. */
static souk_err
reserve_open(struct opening *o)
{
    struct souk_data *data = o->data;
    uint64_t available = 0, size = 0;
    struct stat file;
    char *path = souk_file_path(data->directory, "reserve");
    if (path == NULL)
        return SOUK_ERR_MEMORY;
    data->reserve_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    souk_err err = data->reserve_fd < 0 ? souk_file_err(errno) : SOUK_OK;
    if (err == SOUK_OK && fstat(data->reserve_fd, &file) != 0)
        err = souk_file_err(errno);
    if (err != SOUK_OK)
        (void)souk_file_fault(err, o->why, o->why_size, "%s cannot be opened: %s", path, strerror(errno));
    free(path);
    if (err != SOUK_OK)
        return err;
    data->reserve = SOUK_DATA_RESERVE;
    if (disk_space(data, &available, &size) && size / 10 < data->reserve)
        data->reserve = size / 10;
    if ((uint64_t)file.st_blocks * 512 >= data->reserve)
        data->reserve_kept = SOUK_RESERVE_HELD;
    if (available < reserve_margin(data))
        reserve_release(data);
    return SOUK_OK;
}

uint64_t
souk_data_room(struct souk_data *data)
{
    uint64_t available, size, margin = reserve_margin(data);
    if (!disk_space(data, &available, &size))
        return UINT64_MAX;
    if (data->reserve_kept == SOUK_RESERVE_HELD && available < margin) {
        reserve_release(data);
        return 0;
    }
    if (data->reserve_kept == SOUK_RESERVE_RELEASED && available >= data->reserve + 2 * margin) {
        reserve_take(data);
        if (data->reserve_kept == SOUK_RESERVE_HELD)
            available -= data->reserve;
    }
    uint64_t kept = margin + (data->reserve_kept == SOUK_RESERVE_HELD ? 0 : data->reserve);
    return available > kept ? available - kept : 0;
}

/* ---- opening and closing ---- */

/* Before anything is stored there must be a tail, or a lost journal could not be told from a new one. */
static souk_err
make_tail(struct opening *o)
{
    const char *directory = o->data->directory;
    if (exists(directory, "tail"))
        return SOUK_OK;
    if (exists(directory, "journal"))
        return souk_file_fault(SOUK_ERR_CORRUPT, o->why, o->why_size, "%s has a journal but no identity and no tail",
                               directory);
    souk_err err = souk_tail_create(directory, "tail");
    if (err != SOUK_OK)
        (void)souk_file_fault(err, o->why, o->why_size, "%s/tail cannot be written", directory);
    return err;
}

static souk_err
open_databases(struct opening *o, bool fresh)
{
    struct souk_data *data = o->data;
    char *journal = souk_file_path(data->directory, "journal");
    char *vault = souk_file_path(data->directory, "vault");
    char *tail = souk_file_path(data->directory, "tail");
    souk_err err = SOUK_ERR_MEMORY;
    if (journal != NULL && vault != NULL && tail != NULL) {
        err = souk_leveldb_journal_open(&data->journal, journal, tail, fresh, o->why, o->why_size);
        if (err == SOUK_OK)
            err = souk_leveldb_vault_open(&data->vault, vault, fresh, o->why, o->why_size);
    }
    free(journal);
    free(vault);
    free(tail);
    if (err != SOUK_OK || !fresh)
        return err;
    uint64_t first, last;
    err = data->journal->ops->bounds(data->journal, &first, &last);
    if (err == SOUK_OK && last > 0)
        err = souk_file_fault(SOUK_ERR_CORRUPT, o->why, o->why_size,
                              "%s/identity is missing, but the journal beside it has entries", data->directory);
    return err;
}

static souk_err
open_all(struct opening *o, const struct souk_world *world, bool create)
{
    struct souk_data *data = o->data;
    souk_err err = create ? make_directory(o) : SOUK_OK;
    if (err != SOUK_OK)
        return err;
    if (!exists(data->directory, "identity")) {
        if (!create)
            return souk_file_fault(SOUK_ERR_MISSING, o->why, o->why_size, "%s is no data directory: it has no identity",
                                   data->directory);
        err = check_ours(o);
        if (err != SOUK_OK)
            return err;
    }
    err = take_lock(o);
    if (err != SOUK_OK)
        return err;
    bool fresh = !exists(data->directory, "identity"); /* Asked again: another process may have been making it. */
    err = fresh ? make_tail(o) : identity_read(o);
    if (err == SOUK_OK)
        err = reserve_open(o);
    if (err == SOUK_OK)
        err = open_databases(o, fresh);
    if (err == SOUK_OK && fresh)
        err = identity_write(o, world);
    if (err == SOUK_OK)
        (void)souk_data_room(data); /* Takes the reserve if there is room for it. */
    return err;
}

static souk_err
name_directory(struct souk_data *data, const char *directory, char *why, size_t why_size)
{
    memset(data, 0, sizeof *data);
    data->lock_fd = data->reserve_fd = -1;
    if (why != NULL && why_size > 0)
        why[0] = '\0';
    size_t length = strlen(directory);
    data->directory = souk_system_alloc(length + 1);
    if (data->directory != NULL)
        memcpy(data->directory, directory, length);
    return data->directory != NULL ? SOUK_OK : SOUK_ERR_MEMORY;
}

/* Closes what was opened before something failed, which has a sentence then. */
static souk_err
opened(struct opening *o, const char *directory, souk_err err)
{
    if (err == SOUK_OK)
        return err;
    if (o->why != NULL && o->why_size > 0 && o->why[0] == '\0')
        (void)souk_file_fault(err, o->why, o->why_size, "%s: %s", directory, souk_err_text(err));
    souk_data_close(o->data);
    return err;
}

souk_err
souk_data_open(struct souk_data *data, const struct souk_world *world, const char *directory, bool create, char *why,
               size_t why_size)
{
    struct opening o = { data, why, why_size };
    souk_err err = name_directory(data, directory, why, why_size);
    if (err == SOUK_OK)
        err = open_all(&o, world, create);
    return opened(&o, directory, err);
}

souk_err
souk_data_lock(struct souk_data *data, const char *directory, char *why, size_t why_size)
{
    struct opening o = { data, why, why_size };
    souk_err err = name_directory(data, directory, why, why_size);
    if (err == SOUK_OK && !exists(directory, "identity"))
        err = souk_file_fault(SOUK_ERR_MISSING, why, why_size, "%s is no data directory: it has no identity",
                              directory);
    if (err == SOUK_OK)
        err = take_lock(&o);
    if (err == SOUK_OK)
        err = identity_read(&o);
    return opened(&o, directory, err);
}

void
souk_data_close(struct souk_data *data)
{
    if (data->directory == NULL)
        return;
    if (data->vault != NULL)
        data->vault->ops->close(&data->vault);
    if (data->journal != NULL)
        data->journal->ops->close(&data->journal);
    if (data->reserve_fd >= 0)
        (void)close(data->reserve_fd);
    if (data->lock_fd >= 0)
        (void)close(data->lock_fd); /* Last: it is what keeps others out. */
    free(data->directory);
    explicit_bzero(data, sizeof *data);
    data->lock_fd = data->reserve_fd = -1;
}
