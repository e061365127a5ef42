/* SPDX-License-Identifier: Apache-2.0 */
/* store/salvage.c -- see salvage.h. Called by `souk repair`, offline, under the directory's lock.
 *
 * A first pass notes where each group stands; the second reads them in the order of positions. What a log has in
 * several fragments is kept from the first. A group that stands in a log and in the table that was made of it is the
 * same. All files that are there are read, since a MANIFEST that is cut names fewer.
 *
 * Invariant: it only reads. */
#define _GNU_SOURCE
#include "store/salvage.h"

#include "base/heap.h"
#include "store/examine.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_BYTES = 8, HEAD_BYTES = 16 };

/* One group: in memory, or at a place of a file. */
struct place { uint64_t first, last, at; size_t file, length; uint8_t *copy; };

struct souk_salvage {
    struct souk_examined_list files;
    struct place *places;
    size_t places_count, places_room;
    char **damage;
    size_t damage_count, file; /* The file that is being read. */
    bool failed;
};

static bool
note_group(void *arg, struct souk_bytes key, struct souk_bytes value, uint64_t at)
{
    souk_salvage *s = arg;
    if (key.length != KEY_BYTES || value.length < HEAD_BYTES) return true;
    struct place place = { .first = souk_file_get(key.at), .last = souk_file_get(value.at), .at = at, .file = s->file,
                           .length = value.length - HEAD_BYTES };
    if (at == UINT64_MAX) {
        place.copy = souk_system_alloc(place.length + 1);
        s->failed |= !place.copy;
        if (place.copy) memcpy(place.copy, (const uint8_t *)value.at + HEAD_BYTES, place.length);
    } else {
        place.at += HEAD_BYTES;
    }
    if (s->places_count == s->places_room) {
        size_t room = s->places_room ? 2 * s->places_room : 256;
        struct place *more = realloc(s->places, room * sizeof *more);
        if (!more) {
            free(place.copy);
            s->failed = true;
            return false;
        }
        s->places = more;
        s->places_room = room;
    }
    s->places[s->places_count++] = place;
    return !s->failed;
}

static bool
note_record(void *arg, struct souk_bytes key, struct souk_bytes record, uint64_t at)
{
    (void)key;
    souk_salvage *s = arg;
    (void)souk_ldbfile_puts(record, at, note_group, s); /* What isn't a write has no groups. */
    return !s->failed;
}

static int
by_position(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static void
note_damage(souk_salvage *s, const char *path, uint64_t at, const char *what)
{
    char **more = realloc(s->damage, (s->damage_count + 1) * sizeof *more);
    if (more) s->damage = more;
    if (!more || asprintf(&s->damage[s->damage_count], "%s is damaged at byte %" PRIu64 ": %s", path, at, what) < 0)
        s->failed = true;
    else
        s->damage_count++;
}

static souk_err
read_file(souk_salvage *s)
{
    const struct souk_examined *file = &s->files.at[s->file];
    struct souk_bytes bytes;
    souk_err err = souk_ldbfile_load(file->path, &bytes);
    if (err == SOUK_ERR_MISSING) {
        note_damage(s, file->path, 0, "it is missing");
        return SOUK_OK;
    }
    if (err) return err;
    struct souk_ldbfile found = file->is_log ? souk_ldbfile_log(bytes, note_record, s)
                                             : souk_ldbfile_table(bytes, note_group, s);
    free((void *)(uintptr_t)bytes.at);
    if (found.state == SOUK_LDBFILE_DAMAGED) note_damage(s, file->path, found.at, found.what);
    return s->failed ? SOUK_ERR_MEMORY : SOUK_OK;
}

souk_err
souk_salvage_open(souk_salvage **out, const char *journal)
{
    souk_salvage *s = *out = souk_system_alloc(sizeof *s);
    if (!s) return SOUK_ERR_MEMORY;
    souk_err err = souk_examine_list(journal, &s->files);
    for (s->file = 0; !err && s->file < s->files.count; s->file++) err = read_file(s);
    if (err) souk_salvage_close(out);
    else if (s->places_count) qsort(s->places, s->places_count, sizeof *s->places, by_position);
    return err;
}

/* The bytes of a group that is still in its file. */
static souk_err
read_place(const souk_salvage *s, const struct place *place, uint8_t *out)
{
    int fd = open(s->files.at[place->file].path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return souk_file_err(errno);
    size_t length = 0;
    souk_err err = SOUK_OK;
    while (!err && length < place->length) {
        ssize_t n = pread(fd, out + length, place->length - length, (off_t)(place->at + length));
        if (n > 0) length += (size_t)n;
        else if (n == 0 || errno != EINTR) err = SOUK_ERR_IO;
    }
    (void)close(fd);
    return err;
}

souk_err
souk_salvage_each(souk_salvage *s, souk_err (*group)(void *arg, uint64_t first, uint64_t last, struct souk_bytes bytes),
                  void *arg)
{
    souk_err err = SOUK_OK;
    for (size_t i = 0; !err && i < s->places_count; i++) {
        const struct place *place = &s->places[i];
        if (i && place->first == place[-1].first) continue;
        uint8_t *own = place->copy ? NULL : souk_system_alloc(place->length + 1);
        if (!place->copy) err = own ? read_place(s, place, own) : SOUK_ERR_MEMORY;
        struct souk_bytes bytes = { own ? own : place->copy, place->length };
        if (!err) err = group(arg, place->first, place->last, bytes);
        free(own);
    }
    return err;
}

const char *
souk_salvage_damage(const souk_salvage *s, size_t n)
{
    return n < s->damage_count ? s->damage[n] : NULL;
}

void
souk_salvage_close(souk_salvage **salvage_p)
{
    souk_salvage *s = *salvage_p;
    *salvage_p = NULL;
    if (!s) return;
    for (size_t i = 0; i < s->places_count; i++) free(s->places[i].copy);
    for (size_t i = 0; i < s->damage_count; i++) free(s->damage[i]);
    free(s->places);
    free(s->damage);
    souk_examined_free(&s->files);
    free(s);
}
