/* SPDX-License-Identifier: Apache-2.0 */
/* store/examine.c -- see examine.h. Called by leveldb.c, which opens databases, and by salvage.c.
 *
 * What LevelDB doesn't notice when it opens a database: a log that has vanished, though its MANIFEST names it; a
 * MANIFEST that is cut, so that tables count as left over, and are removed; a table of another size than it had; and a
 * part of a log that has become zeros. The MANIFEST is synced whenever it changes, before what it no longer names is
 * removed. So the log that it names and the tables that it adds are there, or something is lost.
 *
 * Invariant: it only reads. */
#define _GNU_SOURCE
#include "store/examine.h"

#include "store/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CURRENT_MAX = 64 };

/* What a MANIFEST says. */
struct manifest {
    struct souk_examined_list tables; /* Their paths are still to be found. */
    uint64_t log; /* Logs from this number on belong to the database; 0: as yet there is none. */
    bool whole;   /* It says which log. */
    bool failed;  /* No memory. */
    bool foreign; /* It holds what it shouldn't. */
};

souk_err
souk_examine_text(const char *text)
{
    if (strstr(text, "No space left on device") || strstr(text, "Disk quota exceeded")) return SOUK_ERR_FULL;
    if (strncmp(text, "Corruption", strlen("Corruption")) == 0 || strstr(text, "No such file or directory") ||
        strstr(text, "create_if_missing is false"))
        return SOUK_ERR_CORRUPT;
    /* Damage may say that a block lies beyond its table's end: LevelDB, which maps files, finds this out itself. */
    if (strstr(text, ".ldb: Invalid argument")) return SOUK_ERR_CORRUPT;
    if (strstr(text, "lock") && (strstr(text, "already held") || strstr(text, "temporarily unavailable")))
        return SOUK_ERR_LOCKED;
    return SOUK_ERR_IO;
}

/* ---- lists ---- */

void
souk_examined_free(struct souk_examined_list *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->at[i].path);
    free(list->at);
    *list = (struct souk_examined_list){ NULL, 0, 0 };
}

/* Takes the path. */
static bool
list_add(struct souk_examined_list *list, struct souk_examined file)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct souk_examined *more = realloc(list->at, room * sizeof *more);
        if (!more) {
            free(file.path);
            return false;
        }
        list->at = more;
        list->room = room;
    }
    list->at[list->count++] = file;
    return true;
}

static int
by_number(const void *a, const void *b)
{
    const struct souk_examined *x = a, *y = b;
    if (x->is_log != y->is_log) return x->is_log ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

/* ---- the MANIFEST ---- */

/* A change of the database, of which tables and the log's number are wanted; the fields' tags are LevelDB's. */
static bool
take_change(void *arg, struct souk_bytes key, struct souk_bytes change, uint64_t at)
{
    enum { COMPARATOR = 1, LOG, NEXT_FILE, LAST_SEQUENCE, COMPACT_POINTER, DELETED, NEW, PREVIOUS_LOG = 9 };
    struct manifest *m = arg;
    const uint8_t *from = change.at, *end = from + change.length;
    uint64_t tag, level, number, size = 0;
    struct souk_bytes text;
    (void)key, (void)at;
    while (from < end && souk_ldbfile_number(&from, end, &tag)) {
        bool good = true;
        if (tag == COMPACT_POINTER || tag == DELETED || tag == NEW) good = souk_ldbfile_number(&from, end, &level);
        if (tag == COMPARATOR || tag == COMPACT_POINTER) good = good && souk_ldbfile_text(&from, end, &text);
        else good = good && souk_ldbfile_number(&from, end, &number);
        if (tag == NEW) good = good && souk_ldbfile_number(&from, end, &size) &&
                               souk_ldbfile_text(&from, end, &text) && souk_ldbfile_text(&from, end, &text);
        if (!good || tag < COMPARATOR || tag > PREVIOUS_LOG) {
            m->foreign = true;
            return false;
        }
        if (tag == LOG) m->log = number, m->whole = true;
        if (tag == NEW) m->failed |= !list_add(&m->tables, (struct souk_examined){ NULL, number, size, false });
        for (size_t i = 0; tag == DELETED && i < m->tables.count; i++)
            if (m->tables.at[i].number == number) m->tables.at[i--] = m->tables.at[--m->tables.count];
    }
    return !m->failed;
}

/* Reads CURRENT and the MANIFEST that it names. */
static souk_err
read_manifest(const char *path, struct manifest *m, char *why, size_t why_size)
{
    char name[CURRENT_MAX + 1];
    size_t length = 0;
    char *current = souk_file_path(path, "CURRENT");
    if (!current) return SOUK_ERR_MEMORY;
    souk_err err = souk_file_read(current, name, CURRENT_MAX, &length);
    free(current);
    if (err == SOUK_ERR_MISSING)
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s%s is missing", path,
                               access(path, F_OK) ? "" : "/CURRENT");
    if (err && err != SOUK_ERR_TOO_LARGE) return souk_file_fault(err, why, why_size, "%s/CURRENT cannot be read", path);
    name[length] = '\0';
    char end = length ? name[length - 1] : '\0';
    if (err || end != '\n' || strncmp(name, "MANIFEST-", 9) != 0 || strcspn(name, "/\n") != length - 1)
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s/CURRENT is damaged", path);
    name[length - 1] = '\0';
    struct souk_bytes file;
    char *manifest = souk_file_path(path, name);
    if (!manifest) return SOUK_ERR_MEMORY;
    err = souk_ldbfile_load(manifest, &file);
    free(manifest);
    if (err == SOUK_ERR_MISSING)
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s/%s is missing", path, name);
    if (err) return souk_file_fault(err, why, why_size, "%s/%s cannot be read", path, name);
    struct souk_ldbfile found = souk_ldbfile_log(file, take_change, m);
    free((void *)(uintptr_t)file.at);
    if (m->failed) return SOUK_ERR_MEMORY;
    if (m->foreign || !m->whole || found.state == SOUK_LDBFILE_DAMAGED)
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s/%s is damaged at byte %" PRIu64 ": %s", path, name,
                               found.at, found.what ? found.what : "it doesn't say what belongs to the database");
    return SOUK_OK;
}

/* The path of a table, which LevelDB has named in two ways, and its size on the disk. */
static souk_err
find_table(const char *path, struct souk_examined *table, char *why, size_t why_size)
{
    struct stat stat_of;
    for (unsigned way = 0; way < 2; way++) {
        free(table->path);
        if (asprintf(&table->path, "%s/%06" PRIu64 ".%s", path, table->number, way ? "sst" : "ldb") < 0) {
            table->path = NULL;
            return SOUK_ERR_MEMORY;
        }
        if (stat(table->path, &stat_of)) continue;
        if ((uint64_t)stat_of.st_size == table->size) return SOUK_OK;
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s has %" PRIu64 " bytes instead of %" PRIu64,
                               table->path, (uint64_t)stat_of.st_size, table->size);
    }
    return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s/%06" PRIu64 ".ldb is missing", path, table->number);
}

/* Adds the logs from number `from` on that are in the directory, and the tables, too, when `tables`. */
static souk_err
list_directory(const char *path, struct souk_examined_list *out, uint64_t from, bool tables)
{
    DIR *listing = opendir(path);
    if (!listing) return souk_file_err(errno);
    souk_err err = SOUK_OK;
    for (const struct dirent *entry; !err && (entry = readdir(listing));) {
        char *end;
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        struct souk_examined file = { NULL, strtoull(entry->d_name, &end, 10), 0, strcmp(end, ".log") == 0 };
        bool table = tables && (strcmp(end, ".ldb") == 0 || strcmp(end, ".sst") == 0);
        if (!table && !(file.is_log && file.number >= from)) continue;
        file.path = souk_file_path(path, entry->d_name);
        if (!file.path || !list_add(out, file)) err = SOUK_ERR_MEMORY;
    }
    (void)closedir(listing);
    if (out->count) qsort(out->at, out->count, sizeof *out->at, by_number);
    return err;
}

/* All that belongs to the database, by its MANIFEST; each of it is there. */
static souk_err
list_database(const char *path, struct souk_examined_list *out, char *why, size_t why_size)
{
    struct manifest m = { .log = 0 };
    souk_err err = read_manifest(path, &m, why, why_size);
    for (size_t i = 0; !err && i < m.tables.count; i++) err = find_table(path, &m.tables.at[i], why, why_size);
    *out = m.tables;
    if (!err) err = list_directory(path, out, m.log, false);
    bool log_there = !m.log;
    for (size_t i = 0; i < out->count; i++) log_there |= out->at[i].is_log && out->at[i].number == m.log;
    if (err || log_there) return err;
    return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s/%06" PRIu64 ".log is missing", path, m.log);
}

souk_err
souk_examine_list(const char *path, struct souk_examined_list *out)
{
    *out = (struct souk_examined_list){ NULL, 0, 0 };
    return list_directory(path, out, 0, true);
}

/* ---- what is in them ---- */

static bool
pass_over(void *arg, struct souk_bytes key, struct souk_bytes value, uint64_t at)
{
    (void)arg, (void)key, (void)value, (void)at;
    return true;
}

/* Whether one file can be read; a log may break off when it is the last. */
static souk_err
examine_file(const struct souk_examined *file, bool last, char *why, size_t why_size)
{
    struct souk_bytes bytes;
    souk_err err = souk_ldbfile_load(file->path, &bytes);
    if (err == SOUK_ERR_MISSING) return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s is missing", file->path);
    if (err) return souk_file_fault(err, why, why_size, "%s cannot be read", file->path);
    struct souk_ldbfile found = file->is_log ? souk_ldbfile_log(bytes, pass_over, NULL)
                                             : souk_ldbfile_table(bytes, pass_over, NULL);
    free((void *)(uintptr_t)bytes.at);
    if (found.state == SOUK_LDBFILE_WHOLE || (found.state == SOUK_LDBFILE_TORN && last)) return SOUK_OK;
    return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s is damaged at byte %" PRIu64 ": %s", file->path,
                           found.at, found.what);
}

souk_err
souk_examine(const char *path, bool logs, char *why, size_t why_size)
{
    struct souk_examined_list list;
    souk_err err = list_database(path, &list, why, why_size);
    for (size_t i = 0; logs && !err && i < list.count; i++)
        if (list.at[i].is_log) err = examine_file(&list.at[i], i + 1 == list.count, why, why_size);
    souk_examined_free(&list);
    return err;
}

bool
souk_examine_all(const char *path, char *why, size_t why_size)
{
    struct souk_examined_list list;
    souk_err err = list_database(path, &list, why, why_size);
    for (size_t i = 0; !err && i < list.count; i++)
        err = examine_file(&list.at[i], i + 1 == list.count, why, why_size);
    souk_examined_free(&list);
    return err == SOUK_ERR_CORRUPT;
}
