/* SPDX-License-Identifier: Apache-2.0 */
/* store/leveldb.c -- the journal and the vault on LevelDB; the only file that knows it. Opened by data.c.
 *
 * Every put is a sync put: LevelDB closes a log without syncing it when it turns to the next memtable, so that "many
 * puts, then one sync put" is no barrier. The first failed write poisons the handle, because LevelDB may answer OK to
 * later ones and lose them. Paranoid checks are on: without them a flipped byte silently drops records. Every
 * iteration ends by asking for its error, the only sign of a damaged table; examine.c finds what LevelDB takes for
 * whole. Nothing is ever repaired.
 * A group lies under its first position, 8 bytes with the highest first, so that keys ascend and tables are only moved,
 * not merged. Its value is its last position, its number among all groups ever appended (8 bytes each), then its bytes.
 *
 * Invariant: groups follow each other without a gap, in positions and in numbers, and the tail file is not ahead. */
#define _GNU_SOURCE
#include "store/leveldb.h"

#include "base/heap.h"
#include "store/examine.h"
#include "store/file.h"
#include "store/tail.h"

#include <leveldb/c.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__ /* Its readers run beside its writer by atomics of its own, which the tool doesn't see. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) { return "race:libleveldb.so"; }
#endif
enum {
    KEY_BYTES = 8,
    HEAD_BYTES = 16,
    TRIM_KEYS = 1024,                   /* Deletes in one sync put: small beside a memtable. */
    /* Small memtables: names ascend, so nothing is merged whatever their size. Of 64 MiB each byte is new to the cache,
     * which is a third of a put of 64 KiB; a flush syncs them at once; and all of the log is replayed after a kill. */
    JOURNAL_MEMTABLE = 8 << 20,
    JOURNAL_TABLE = 32 << 20,           /* Bounds what one compaction writes: see SOUK_DATA_RESERVE. */
    VAULT_MEMTABLE = 2 << 20,
    VAULT_TABLE = 2 << 20,
    VAULT_CACHE = 8 << 20,
    VAULT_BLOOM_BITS = 10,
    VAULT_NAME_MAX = 64,
};

/* One LevelDB database with all that its C interface wants to be kept, and its first fault. */
struct database {
    leveldb_t *db;
    char *path;
    leveldb_options_t *options;
    leveldb_filterpolicy_t *bloom;
    leveldb_cache_t *cache;
    leveldb_readoptions_t *get, *scan;
    leveldb_writeoptions_t *sync;
    atomic_flag told;                   /* Whoever sets it writes `why`. */
    _Atomic int poison;                 /* A souk_err. */
    char *why;                          /* The face's, of SOUK_STORE_WHY bytes. */
};

struct leveldb_journal {
    souk_journal face;
    struct database base;
    int tail_fd;
    bool begun;
    _Atomic uint64_t end;               /* The last position stored. Written by append(), read by read(). */
    uint64_t groups;                    /* How many groups were ever appended. */
    uint8_t *scratch;                   /* Where append() joins the parts. */
    size_t scratch_size;
};

struct leveldb_vault {
    souk_vault face;
    struct database base;
};

/* ---- faults ---- */

/* Keeps the first sentence on what went wrong; true for the first. */
static bool
tell(struct database *base, const char *what)
{
    if (atomic_flag_test_and_set(&base->told))
        return false;
    (void)snprintf(base->why, SOUK_STORE_WHY, "%s", what);
    return true;
}

/* Ends all writing with `err`, or with what ended it before. */
static souk_err
poison(struct database *base, souk_err err, const char *what)
{
    int none = SOUK_OK;
    (void)tell(base, what);
    /* release: pairs with the acquire in poisoned(), so that whoever sees the fault sees what it says */
    if (!atomic_compare_exchange_strong_explicit(&base->poison, &none, (int)err, memory_order_acq_rel,
                                                 memory_order_acquire))
        return (souk_err)none;
    return err;
}

/* What LevelDB said, as an error. It says that something is damaged, and not where; so that is looked for. */
static souk_err
fault_of(const struct database *base, char *text, char sentence[SOUK_STORE_WHY])
{
    souk_err err = souk_examine_text(text);
    if (err != SOUK_ERR_CORRUPT || !souk_examine_all(base->path, sentence, SOUK_STORE_WHY))
        (void)snprintf(sentence, SOUK_STORE_WHY, "%s: %s", base->path, text);
    leveldb_free(text);
    return err;
}

static souk_err
poison_text(struct database *base, char *text)
{
    char sentence[SOUK_STORE_WHY];
    souk_err err = fault_of(base, text, sentence);
    return poison(base, err, sentence);
}

/* A failed read of the vault does not poison: one damaged snapshot is no reason to lose the others. */
static souk_err
read_fault(struct database *base, char *text)
{
    char sentence[SOUK_STORE_WHY];
    souk_err err;
    if (*base->why != '\0') { /* The first has been told, and to look for the place reads all. */
        err = souk_examine_text(text);
        leveldb_free(text);
        return err;
    }
    err = fault_of(base, text, sentence);
    (void)tell(base, sentence);
    return err;
}

static souk_err
poisoned(struct database *base)
{
    return (souk_err)atomic_load_explicit(&base->poison, memory_order_acquire);
}

/* ---- opening and closing a database ---- */

static void
database_close(struct database *base)
{
    if (base->db != NULL)
        leveldb_close(base->db);
    leveldb_readoptions_destroy(base->get);
    leveldb_readoptions_destroy(base->scan);
    leveldb_writeoptions_destroy(base->sync);
    leveldb_options_destroy(base->options);
    if (base->cache != NULL)
        leveldb_cache_destroy(base->cache);
    if (base->bloom != NULL)
        leveldb_filterpolicy_destroy(base->bloom);
    free(base->path);
}

static void
database_options(struct database *base, bool create, size_t memtable, size_t table)
{
    base->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(base->options, create);
    leveldb_options_set_paranoid_checks(base->options, 1);
    leveldb_options_set_compression(base->options, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(base->options, memtable);
    leveldb_options_set_max_file_size(base->options, table);
    base->get = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(base->get, 1);
    base->scan = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(base->scan, 1);
    leveldb_readoptions_set_fill_cache(base->scan, 0);
    base->sync = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(base->sync, 1);
}

/* With `logs` what LevelDB lets pass in a log counts as damage, too. */
static souk_err
database_open(struct database *base, const char *path, bool create, bool logs, char *why, size_t why_size)
{
    char *text = NULL;
    base->path = strdup(path);
    if (base->path == NULL)
        return SOUK_ERR_MEMORY;
    souk_err err = create ? SOUK_OK : souk_examine(path, logs, why, why_size);
    if (err != SOUK_OK)
        return err;
    base->db = leveldb_open(base->options, path, &text);
    if (text != NULL) {
        char sentence[SOUK_STORE_WHY];
        err = fault_of(base, text, sentence);
        return souk_file_fault(err, why, why_size, "%s cannot be opened: %s", path, sentence);
    }
    /* LevelDB does not sync the name of a new log, so the one that it just began could be lost with its records. */
    err = souk_file_sync_directory(path);
    if (err != SOUK_OK)
        (void)souk_file_fault(err, why, why_size, "%s cannot be synced", path);
    return err;
}

/* ---- the journal ---- */

/* One group as it is stored. */
struct group {
    uint64_t first, last, number;
    struct souk_bytes bytes;
};

static bool
group_decode(const leveldb_iterator_t *it, struct group *group)
{
    size_t key_length, length;
    const uint8_t *key = (const uint8_t *)leveldb_iter_key(it, &key_length);
    const uint8_t *value = (const uint8_t *)leveldb_iter_value(it, &length);
    if (key_length != KEY_BYTES || length < HEAD_BYTES)
        return false;
    group->first = souk_file_get(key);
    group->last = souk_file_get(value);
    group->number = souk_file_get(value + 8);
    group->bytes = (struct souk_bytes){ value + HEAD_BYTES, length - HEAD_BYTES };
    return group->first > 0 && group->last >= group->first && group->number > 0;
}

/* Ends an iteration: damage shows only here, and `fault` takes it. Keeps an error that there is already. */
static souk_err
scan_end(struct database *base, leveldb_iterator_t *it, souk_err err, souk_err (*fault)(struct database *, char *))
{
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    if (text == NULL)
        return err;
    souk_err found = fault(base, text);
    return err != SOUK_OK ? err : found;
}

static souk_err
journal_append(souk_journal *face, uint64_t first, uint64_t last, const struct souk_bytes *parts, size_t count)
{
    struct leveldb_journal *journal = (struct leveldb_journal *)face;
    struct database *base = &journal->base;
    souk_assert(first > 0 && last >= first);
    if (poisoned(base) != SOUK_OK)
        return poisoned(base);
    if (!journal->begun)
        return SOUK_ERR_FENCED;
    if (first != atomic_load_explicit(&journal->end, memory_order_relaxed) + 1)
        return poison(base, SOUK_ERR_FENCED, "the journal does not end where the group begins");

    size_t length = HEAD_BYTES;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    souk_assert(length < UINT32_MAX / 2); /* LevelDB's lengths are 32 bits. */
    if (length > journal->scratch_size) {
        uint8_t *more = souk_system_alloc(length * 2);
        if (more == NULL)
            return poison(base, SOUK_ERR_MEMORY, "no memory to join a group");
        free(journal->scratch);
        journal->scratch = more;
        journal->scratch_size = length * 2;
    }
    souk_file_put(journal->scratch, last);
    souk_file_put(journal->scratch + 8, journal->groups + 1);
    uint8_t *to = journal->scratch + HEAD_BYTES;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(to, parts[i].at, parts[i].length);
        to += parts[i].length;
    }

    uint8_t key[KEY_BYTES];
    souk_file_put(key, first);
    char *text = NULL;
    leveldb_put(base->db, base->sync, (const char *)key, sizeof key, (const char *)journal->scratch, length, &text);
    if (text != NULL)
        return poison_text(base, text);
    struct souk_tail tail = { first, last, journal->groups + 1 };
    souk_err err = souk_tail_write(journal->tail_fd, &tail);
    if (err != SOUK_OK)
        return poison(base, err, "the file that says where the journal ends cannot be written");
    journal->groups++;
    /* release: pairs with the acquire in journal_read() */
    atomic_store_explicit(&journal->end, last, memory_order_release);
    return SOUK_OK;
}

/* Puts the iterator on the last group whose first position is <= from, or on the first group of all. */
static void
scan_seek(leveldb_iterator_t *it, uint64_t from)
{
    uint8_t key[KEY_BYTES];
    souk_file_put(key, from);
    leveldb_iter_seek(it, (const char *)key, sizeof key);
    if (!leveldb_iter_valid(it)) {
        leveldb_iter_seek_to_last(it);
        return;
    }
    size_t length;
    const char *found = leveldb_iter_key(it, &length);
    if (length == KEY_BYTES && memcmp(found, key, KEY_BYTES) == 0)
        return;
    leveldb_iter_prev(it);
    if (!leveldb_iter_valid(it))
        leveldb_iter_seek_to_first(it);
}

static souk_err
journal_read(souk_journal *face, uint64_t from, souk_err (*visit)(void *arg, uint64_t first, struct souk_bytes bytes),
             void *arg)
{
    struct leveldb_journal *journal = (struct leveldb_journal *)face;
    struct database *base = &journal->base;
    /* acquire: pairs with the release in journal_append(); all up to here must be found */
    uint64_t end = atomic_load_explicit(&journal->end, memory_order_acquire);
    leveldb_iterator_t *it = leveldb_create_iterator(base->db, base->scan);
    struct group before = { 0, 0, 0, { NULL, 0 } }, group;
    const char *what = NULL;
    souk_err err = SOUK_OK;
    for (scan_seek(it, from); leveldb_iter_valid(it); leveldb_iter_next(it)) {
        if (!group_decode(it, &group))
            what = "something that is no group";
        else if (before.number > 0 && (group.first != before.last + 1 || group.number != before.number + 1))
            what = "a group is missing";
        else if (before = group, group.last >= from)
            err = visit(arg, group.first, group.bytes);
        if (what != NULL || err != SOUK_OK)
            break;
    }
    err = scan_end(base, it, err, poison_text); /* Damage that it knows of explains what is missing. */
    if (what == NULL && before.last < end)
        what = "the end is missing";
    if (err != SOUK_OK || what == NULL)
        return err;
    char sentence[SOUK_STORE_WHY];
    (void)snprintf(sentence, sizeof sentence, "%s: %s after position %llu", base->path, what,
                   (unsigned long long)before.last);
    return poison(base, SOUK_ERR_CORRUPT, sentence);
}

/* The first and the last group; numbers are 0 when there is none. Their bytes are gone when it returns. */
static souk_err
journal_ends(struct leveldb_journal *journal, struct group *first, struct group *last)
{
    struct database *base = &journal->base;
    *first = *last = (struct group){ 0, 0, 0, { NULL, 0 } };
    leveldb_iterator_t *it = leveldb_create_iterator(base->db, base->scan);
    bool sound = true;
    leveldb_iter_seek_to_first(it);
    if (leveldb_iter_valid(it)) {
        sound = group_decode(it, first);
        leveldb_iter_seek_to_last(it);
        sound = sound && leveldb_iter_valid(it) && group_decode(it, last);
    }
    souk_err err = scan_end(base, it, SOUK_OK, poison_text);
    if (err == SOUK_OK && !sound)
        err = poison(base, SOUK_ERR_CORRUPT, "the journal holds something that is no group");
    return err;
}

static souk_err
journal_bounds(souk_journal *face, uint64_t *first_group, uint64_t *last_group)
{
    struct group first, last;
    souk_err err = journal_ends((struct leveldb_journal *)face, &first, &last);
    *first_group = first.first;
    *last_group = last.first;
    return err;
}

static void
journal_begin(souk_journal *face, uint64_t end)
{
    struct leveldb_journal *journal = (struct leveldb_journal *)face;
    souk_assert(!journal->begun);
    if (journal->groups > 0 && end != atomic_load(&journal->end)) {
        (void)poison(&journal->base, SOUK_ERR_FENCED, "the journal does not end where its reader says");
        return;
    }
    atomic_store(&journal->end, end);
    journal->begun = true;
}

static souk_err
trim_put(struct database *base, leveldb_writebatch_t *batch)
{
    char *text = NULL;
    leveldb_write(base->db, base->sync, batch, &text);
    leveldb_writebatch_clear(batch);
    return text != NULL ? poison_text(base, text) : SOUK_OK;
}

/* A group goes only when the next one begins at or below `below`: so it holds nothing that is still wanted, and the
 * last one stays. Deletes are put in order and each put is atomic, so that a crash between two leaves no gap. */
static souk_err
journal_trim(souk_journal *face, uint64_t below)
{
    struct leveldb_journal *journal = (struct leveldb_journal *)face;
    struct database *base = &journal->base;
    souk_err err = poisoned(base);
    if (err != SOUK_OK)
        return err;
    leveldb_iterator_t *it = leveldb_create_iterator(base->db, base->scan);
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    uint64_t before = 0;
    unsigned pending = 0;
    for (leveldb_iter_seek_to_first(it); err == SOUK_OK && leveldb_iter_valid(it); leveldb_iter_next(it)) {
        size_t length;
        const uint8_t *key = (const uint8_t *)leveldb_iter_key(it, &length);
        if (length != KEY_BYTES) {
            err = poison(base, SOUK_ERR_CORRUPT, "the journal holds something that is no group");
            break;
        }
        uint64_t first = souk_file_get(key);
        if (first > below)
            break;
        if (before > 0) {
            uint8_t gone[KEY_BYTES];
            souk_file_put(gone, before);
            leveldb_writebatch_delete(batch, (const char *)gone, sizeof gone);
            if (++pending == TRIM_KEYS) {
                err = trim_put(base, batch);
                pending = 0;
            }
        }
        before = first;
    }
    err = scan_end(base, it, err, poison_text);
    if (err == SOUK_OK && pending > 0)
        err = trim_put(base, batch);
    leveldb_writebatch_destroy(batch);
    return err;
}

static void
journal_close(souk_journal **face_p)
{
    struct leveldb_journal *journal = (struct leveldb_journal *)*face_p;
    *face_p = NULL;
    if (journal == NULL)
        return;
    database_close(&journal->base);
    if (journal->tail_fd >= 0)
        (void)close(journal->tail_fd);
    free(journal->scratch);
    free(journal);
}

static const struct souk_journal_ops journal_ops = {
    .append = journal_append, .read = journal_read, .bounds = journal_bounds,
    .begin = journal_begin, .trim = journal_trim, .close = journal_close,
};

/* Holds what LevelDB found against what the tail file says. */
static souk_err
journal_check(struct leveldb_journal *journal, const char *path, const char *tail_path, const struct souk_tail *tail,
              char *why, size_t why_size)
{
    struct group first, last;
    souk_err err = journal_ends(journal, &first, &last);
    if (err != SOUK_OK)
        return souk_file_fault(err, why, why_size, "%s cannot be read: %s", path, journal->face.why);
    if (last.last < tail->last || last.number < tail->groups)
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size,
                               "%s ends at position %llu, but %s says that it reached %llu: "
                               "its last log file is cut, damaged or gone",
                               path, (unsigned long long)last.last, tail_path, (unsigned long long)tail->last);
    if (last.last == tail->last && (last.first != tail->first || last.number != tail->groups))
        return souk_file_fault(SOUK_ERR_CORRUPT, why, why_size, "%s and %s disagree on the last group", path,
                               tail_path);
    atomic_store(&journal->end, last.last);
    journal->groups = last.number;
    return SOUK_OK;
}

souk_err
souk_leveldb_journal_open(souk_journal **out, const char *path, const char *tail_path, bool create, char *why,
                          size_t why_size)
{
    *out = NULL;
    struct leveldb_journal *journal = souk_system_alloc(sizeof *journal);
    if (journal == NULL)
        return souk_file_fault(SOUK_ERR_MEMORY, why, why_size, "no memory to open %s", path);
    journal->face.ops = &journal_ops;
    journal->base.why = journal->face.why;
    journal->tail_fd = -1;
    database_options(&journal->base, create, JOURNAL_MEMTABLE, JOURNAL_TABLE);
    struct souk_tail tail;
    souk_err err = souk_tail_open(tail_path, &journal->tail_fd, &tail);
    if (err == SOUK_ERR_MISSING)
        err = SOUK_ERR_CORRUPT;
    if (err != SOUK_OK)
        (void)souk_file_fault(err, why, why_size, "%s is missing, damaged or cannot be opened", tail_path);
    if (err == SOUK_OK)
        err = database_open(&journal->base, path, create, false, why, why_size);
    if (err == SOUK_OK)
        err = journal_check(journal, path, tail_path, &tail, why, why_size);
    *out = &journal->face;
    if (err != SOUK_OK)
        journal_close(out);
    return err;
}

/* ---- the vault ---- */

static souk_err
vault_put(souk_vault *face, const struct souk_vault_entry *entries, size_t count)
{
    struct database *base = &((struct leveldb_vault *)face)->base;
    souk_err err = poisoned(base);
    if (err != SOUK_OK)
        return err;
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    for (size_t i = 0; i < count; i++) {
        const struct souk_vault_entry *entry = &entries[i];
        souk_assert(entry->name.length <= VAULT_NAME_MAX && entry->value.length < UINT32_MAX / 2);
        if (entry->value.at != NULL)
            leveldb_writebatch_put(batch, entry->name.at, entry->name.length, entry->value.at, entry->value.length);
        else
            leveldb_writebatch_delete(batch, entry->name.at, entry->name.length);
    }
    char *text = NULL;
    leveldb_write(base->db, base->sync, batch, &text);
    leveldb_writebatch_destroy(batch);
    return text != NULL ? poison_text(base, text) : SOUK_OK;
}

static souk_err
vault_get(souk_vault *face, struct souk_bytes name, void **out, size_t *length)
{
    struct database *base = &((struct leveldb_vault *)face)->base;
    char *text = NULL;
    *out = NULL, *length = 0;
    char *value = leveldb_get(base->db, base->get, name.at, name.length, length, &text);
    if (text != NULL)
        return read_fault(base, text);
    if (value == NULL)
        return SOUK_ERR_MISSING;
    /* A copy, because LevelDB's own must go back to it: its allocator need not be ours. */
    *out = souk_system_alloc(*length > 0 ? *length : 1);
    if (*out != NULL)
        memcpy(*out, value, *length);
    leveldb_free(value);
    return *out != NULL ? SOUK_OK : SOUK_ERR_MEMORY;
}

static souk_err
vault_each(souk_vault *face, struct souk_bytes prefix,
           souk_err (*visit)(void *arg, struct souk_bytes name, struct souk_bytes value), void *arg)
{
    struct database *base = &((struct leveldb_vault *)face)->base;
    leveldb_iterator_t *it = leveldb_create_iterator(base->db, base->scan);
    souk_err err = SOUK_OK;
    const char *start = prefix.length > 0 ? prefix.at : "";
    for (leveldb_iter_seek(it, start, prefix.length); leveldb_iter_valid(it); leveldb_iter_next(it)) {
        struct souk_bytes name, value;
        name.at = leveldb_iter_key(it, &name.length);
        if (name.length < prefix.length || memcmp(name.at, start, prefix.length) != 0)
            break;
        value.at = leveldb_iter_value(it, &value.length);
        err = visit(arg, name, value);
        if (err != SOUK_OK)
            break;
    }
    return scan_end(base, it, err, read_fault);
}

static souk_err
vault_last(souk_vault *face, struct souk_bytes prefix, void *name, size_t room, size_t *length)
{
    struct database *base = &((struct leveldb_vault *)face)->base;
    uint8_t beyond[VAULT_NAME_MAX];
    souk_assert(prefix.length > 0 && prefix.length <= sizeof beyond);
    memcpy(beyond, prefix.at, prefix.length);
    souk_assert(beyond[prefix.length - 1]++ < UINT8_MAX); /* Prefixes are letters. */
    leveldb_iterator_t *it = leveldb_create_iterator(base->db, base->scan);
    leveldb_iter_seek(it, (const char *)beyond, prefix.length);
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
    souk_err err = SOUK_ERR_MISSING;
    const char *found = leveldb_iter_valid(it) ? leveldb_iter_key(it, length) : NULL;
    if (found != NULL && *length >= prefix.length && memcmp(found, prefix.at, prefix.length) == 0)
        err = *length <= room ? SOUK_OK : SOUK_ERR_TOO_LARGE;
    if (err == SOUK_OK)
        memcpy(name, found, *length);
    souk_err damage = scan_end(base, it, SOUK_OK, read_fault);
    return damage != SOUK_OK ? damage : err;
}

static void
vault_close(souk_vault **face_p)
{
    struct leveldb_vault *vault = (struct leveldb_vault *)*face_p;
    *face_p = NULL;
    if (vault == NULL)
        return;
    database_close(&vault->base);
    free(vault);
}

static const struct souk_vault_ops vault_ops = {
    .put = vault_put, .get = vault_get, .each = vault_each, .last = vault_last, .close = vault_close,
};

souk_err
souk_leveldb_vault_open(souk_vault **out, const char *path, bool create, char *why, size_t why_size)
{
    *out = NULL;
    struct leveldb_vault *vault = souk_system_alloc(sizeof *vault);
    if (vault == NULL)
        return souk_file_fault(SOUK_ERR_MEMORY, why, why_size, "no memory to open %s", path);
    vault->face.ops = &vault_ops;
    vault->base.why = vault->face.why;
    database_options(&vault->base, create, VAULT_MEMTABLE, VAULT_TABLE);
    vault->base.bloom = leveldb_filterpolicy_create_bloom(VAULT_BLOOM_BITS);
    vault->base.cache = leveldb_cache_create_lru(VAULT_CACHE);
    leveldb_options_set_filter_policy(vault->base.options, vault->base.bloom);
    leveldb_options_set_cache(vault->base.options, vault->base.cache);
    souk_err err = database_open(&vault->base, path, create, true, why, why_size);
    *out = &vault->face;
    if (err != SOUK_OK)
        vault_close(out);
    return err;
}
