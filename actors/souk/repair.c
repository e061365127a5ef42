/* SPDX-License-Identifier: Apache-2.0 */
/* souk/repair.c -- `souk repair`: says what is damaged in a data directory that no node opens any more, what would be
 * lost, and mends it when told to. main.c calls it; docs/repair.md is the operator's side.
 *
 * Nothing is thrown away: what is replaced stays beside it under a name that ends in ".lost". What replaces the
 * journal is complete and on the disk before the first rename, and whatever a repair that was cut short leaves
 * behind, the next one goes on from. */
#define _GNU_SOURCE
#include "repair.h"

#include "options.h"

#include "base/clocktext.h"
#include "cell/batch.h"
#include "store/data.h"
#include "store/examine.h"
#include "store/file.h"
#include "store/leveldb.h"
#include "store/salvage.h"
#include "store/tail.h"
#include "work/partition.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { ASIDE_MAX = 1000 };

struct repair {
    struct souk_data data;
    char *journal, *fresh, *vault, *tail, *fresh_tail;
    struct souk_tail told;      /* What the tail file says. */
    bool tail_sound, files_sound, vault_sound;
    souk_salvage *salvage;
    uint64_t end, end_ms;       /* The last position of the sound beginning. */
    struct souk_link link;
    bool over;                  /* What follows is behind a gap. */
    uint64_t useless;           /* Groups behind it. */
    souk_journal *into;         /* Where the sound beginning is copied to. */
    char why[512];
};

static int
complain(const struct repair *r, int status, const char *what)
{
    fprintf(stderr, "souk repair: %s%s%s\n", what, *r->why ? ": " : "", r->why);
    return status;
}

/* ---- what is there ---- */

/* Whether a group follows what was sound so far: every batch's link, too. */
static bool
follows(struct repair *r, uint64_t first, uint64_t last, struct souk_bytes bytes)
{
    struct souk_link previous, link = r->link;
    uint32_t count;
    uint64_t next = r->end + 1, time_ms = r->end_ms;
    if (first != next || !souk_group_open(bytes, &count, &previous)) return false;
    if (previous.high != link.high || previous.low != link.low) return false;
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER;
    size_t left = bytes.length - SOUK_GROUP_HEADER;
    for (; count; count--, next++) {
        struct souk_batch_reader batch;
        size_t length;
        if (souk_batch_open(&batch, (struct souk_bytes){ at, left }, &link, &length) || batch.position != next)
            return false;
        link = batch.link;
        time_ms = batch.time_ms;
        at += length;
        left -= length;
    }
    if (left || next != last + 1) return false;
    r->end = last;
    r->end_ms = time_ms;
    r->link = link;
    return true;
}

static souk_err
take_group(void *arg, uint64_t first, uint64_t last, struct souk_bytes bytes)
{
    struct repair *r = arg;
    if (r->over || !follows(r, first, last, bytes)) {
        r->over = true;
        r->useless++;
        return SOUK_OK;
    }
    return r->into ? r->into->ops->append(r->into, first, last, &bytes, 1) : SOUK_OK;
}

/* Reads what there is, from the beginning; copies it when there is somewhere to. */
static souk_err
read_journal(struct repair *r)
{
    r->end = r->end_ms = r->useless = 0;
    r->link = (struct souk_link){ 0, 0 };
    r->over = false;
    return souk_salvage_each(r->salvage, take_group, r);
}

static souk_err
look(struct repair *r)
{
    int fd = -1;
    r->tail_sound = souk_tail_open(r->tail, &fd, &r->told) == SOUK_OK;
    if (fd >= 0) close(fd);
    if (!r->tail_sound) r->told = (struct souk_tail){ 0, 0, 0 };
    souk_err err = souk_salvage_open(&r->salvage, r->journal);
    if (err) return err;
    r->files_sound = souk_examine(r->journal, false, r->why, sizeof r->why) == SOUK_OK;
    if (!r->files_sound) printf("%s\n", r->why);
    r->why[0] = '\0';
    return read_journal(r);
}

/* Whether the journal is as a node wants it, but for the vault. */
static bool
journal_sound(const struct repair *r)
{
    return r->tail_sound && r->files_sound && !r->over && !souk_salvage_damage(r->salvage, 0) && r->end >= r->told.last;
}

static void
print_journal(const struct repair *r)
{
    char time[SOUK_CLOCK_TEXT_BYTES];
    const char *damage;
    for (size_t n = 0; (damage = souk_salvage_damage(r->salvage, n)); n++) printf("%s\n", damage);
    struct souk_text at = souk_clock_format(r->end_ms, time);
    printf("the journal is sound up to position %" PRIu64 "%s%.*s\n", r->end, r->end ? ", of " : "",
           r->end ? (int)at.length : 0, at.at);
    if (!r->tail_sound)
        printf("%s is missing or damaged: what was acknowledged after that, if anything, cannot be told\n", r->tail);
    else if (r->told.last > r->end)
        printf("%s says that it reached position %" PRIu64 ": %" PRIu64 " batches are lost, and all that was "
               "acknowledged in them\n", r->tail, r->told.last, r->told.last - r->end);
    if (r->useless)
        printf("%" PRIu64 " groups behind the gap are of no use without what is missing\n", r->useless);
}

/* ---- mending ---- */

/* Renames to "name.lost", or, where that is taken, to "name.lost-2" and so on. */
static souk_err
set_aside(struct repair *r, const char *name)
{
    char *to = NULL;
    if (access(name, F_OK)) return SOUK_OK;
    for (unsigned n = 1; n < ASIDE_MAX; n++) {
        free(to);
        int length = n > 1 ? asprintf(&to, "%s.lost-%u", name, n) : asprintf(&to, "%s.lost", name);
        if (length < 0) return SOUK_ERR_MEMORY;
        if (!access(to, F_OK)) continue;
        souk_err err = rename(name, to) ? souk_file_err(errno) : SOUK_OK;
        if (err) snprintf(r->why, sizeof r->why, "%s cannot be renamed: %s", name, strerror(errno));
        else printf("%s is now %s\n", name, to);
        free(to);
        return err;
    }
    free(to);
    return SOUK_ERR_USAGE;
}

static souk_err
new_vault(struct repair *r)
{
    souk_vault *vault = NULL;
    souk_err err = set_aside(r, r->vault);
    if (!err) err = souk_leveldb_vault_open(&vault, r->vault, true, r->why, sizeof r->why);
    if (!err) vault->ops->close(&vault);
    if (!err) err = souk_file_sync_directory(r->data.directory);
    if (!err) printf("%s is new; the next start fills it from the journal\n", r->vault);
    return err;
}

static void
remove_flat(const char *path)
{
    DIR *listing = opendir(path);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        char *file = souk_file_path(path, entry->d_name);
        if (file) (void)unlink(file); /* "." and ".." are refused. */
        free(file);
    }
    if (listing) (void)closedir(listing);
    (void)rmdir(path);
}

/* Copies the sound beginning into a journal of its own, with a tail. */
static souk_err
copy_journal(struct repair *r)
{
    remove_flat(r->fresh);
    souk_err err = souk_tail_create(r->data.directory, strrchr(r->fresh_tail, '/') + 1);
    if (!err) err = souk_leveldb_journal_open(&r->into, r->fresh, r->fresh_tail, true, r->why, sizeof r->why);
    if (err) return err;
    r->into->ops->begin(r->into, 0);
    err = read_journal(r);
    if (err) snprintf(r->why, sizeof r->why, "%.*s", SOUK_STORE_WHY, r->into->why);
    r->into->ops->close(&r->into);
    return err;
}

static souk_err
put_in_place(struct repair *r)
{
    souk_err err = set_aside(r, r->journal);
    if (!err && rename(r->fresh, r->journal)) err = souk_file_err(errno);
    if (!err && rename(r->fresh_tail, r->tail)) err = souk_file_err(errno);
    if (!err) err = souk_file_sync_directory(r->data.directory);
    if (!err) printf("%s has what is sound of it\n", r->journal);
    return err;
}

/* ---- the command ---- */

static int
mend_vault(struct repair *r)
{
    if (!journal_sound(r)) {
        print_journal(r);
        return complain(r, EX_DATAERR, "the vault can be made anew only from a journal that is sound; --accept-loss "
                                       "makes one of what is left");
    }
    souk_err err = new_vault(r);
    return err ? complain(r, EX_IOERR, souk_err_text(err)) : EX_OK;
}

static int
mend_journal(struct repair *r)
{
    print_journal(r);
    souk_err err = copy_journal(r);
    if (!err) err = put_in_place(r);
    if (!err) err = new_vault(r);
    return err ? complain(r, EX_IOERR, souk_err_text(err)) : EX_OK;
}

static int
tell(struct repair *r)
{
    bool sound = journal_sound(r);
    print_journal(r);
    if (!r->vault_sound) printf("%s\n", r->why);
    r->why[0] = '\0';
    if (sound && r->vault_sound) {
        printf("Nothing is damaged.\n");
        return EX_OK;
    }
    printf("To mend it: souk repair %s %s\n", r->data.directory, sound ? "--vault" : "--accept-loss");
    return EX_DATAERR;
}

static int
repair(struct repair *r, bool vault, bool accept_loss)
{
    /* One that was cut short between two renames. */
    souk_err err = SOUK_OK;
    if (access(r->journal, F_OK) && !access(r->fresh, F_OK) && accept_loss) err = put_in_place(r);
    if (!err) err = look(r);
    if (err == SOUK_ERR_MISSING)
        return complain(r, EX_DATAERR, "there is no journal, and nothing to make it from but a backup");
    if (err) return complain(r, EX_IOERR, souk_err_text(err));
    if (vault) return mend_vault(r);
    if (accept_loss && !journal_sound(r)) return mend_journal(r);
    souk_err seen = souk_examine(r->vault, true, r->why, sizeof r->why);
    r->vault_sound = !seen && !souk_examine_all(r->vault, r->why, sizeof r->why);
    if (accept_loss && !r->vault_sound) return mend_vault(r);
    return tell(r);
}

static int
open_and_repair(const char *directory, bool vault, bool accept_loss)
{
    struct repair r = { .why = "" };
    souk_err err = souk_data_lock(&r.data, directory, r.why, sizeof r.why);
    if (err) return complain(&r, err == SOUK_ERR_LOCKED ? EX_TEMPFAIL : err == SOUK_ERR_MISSING ? EX_USAGE : EX_DATAERR,
                             souk_err_text(err));
    r.journal = souk_file_path(directory, "journal");
    r.fresh = souk_file_path(directory, "journal.repaired");
    r.vault = souk_file_path(directory, "vault");
    r.tail = souk_file_path(directory, "tail");
    r.fresh_tail = souk_file_path(directory, "tail.repaired");
    int status = EX_OSERR;
    if (r.journal && r.fresh && r.vault && r.tail && r.fresh_tail) status = repair(&r, vault, accept_loss);
    souk_salvage_close(&r.salvage);
    free(r.journal);
    free(r.fresh);
    free(r.vault);
    free(r.tail);
    free(r.fresh_tail);
    souk_data_close(&r.data);
    return fflush(stdout) ? EX_IOERR : status;
}

int
souk_repair_main(int argc, char **argv)
{
    static const struct souk_options_words words = {
        .command = "repair DATA",
        .summary =
            "Says what is damaged in the data directory DATA, which no node may use meanwhile, and what mending it\n"
            "would lose; with an option it mends it. What it replaces stays there under a name that ends in .lost.\n"
            "A backup is better. Ends with 0 if all is well now, 65 if something is damaged.\n",
    };
    bool vault = false, accept_loss = false;
    const struct souk_option table[] = {
        { .name = "vault", .type = SOUK_OPTION_BOOL, .out = &vault,
          .help = "make the vault anew: the next start fills it from the journal, and nothing is lost" },
        { .name = "accept-loss", .type = SOUK_OPTION_BOOL, .out = &accept_loss,
          .help = "keep of the journal what is sound from its beginning on, and lose what comes after it" },
        { .name = NULL },
    };
    struct souk_options_memory memory = { 0 };
    /* The directory may stand before the options or after them. */
    bool first = argc > 1 && argv[1][0] != '-', last = !first && argc > 1 && argv[argc - 1][0] != '-';
    const char *directory = first ? argv[1] : last ? argv[argc - 1] : NULL;
    if (first) argv[1] = argv[0];
    int status = souk_options_read(&memory, &words, table, argc - (first || last), argv + first);
    if (status == SOUK_OPTIONS_GO_ON && !directory) {
        fprintf(stderr, "souk repair: which data directory? See --help\n");
        status = EX_USAGE;
    }
    if (status == SOUK_OPTIONS_GO_ON) status = open_and_repair(directory, vault, accept_loss);
    souk_options_free(&memory);
    return status;
}
