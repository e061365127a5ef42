/* SPDX-License-Identifier: Apache-2.0 */
/* souk/contract.c -- `souk contract dump|check`: what this program's kinds can be told and remember, and which changes
 * of that break readers; main.c calls it. Offline: it needs no node and no data directory. */
#include "contract.h"

#include "kinds.h"

#include "base/heap.h"
#include "codec/contract.h"
#include "gateway/json.h"
#include "work/dead.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

enum { BREAKS = 1, FILE_MAX_BYTES = 8 << 20, PATH_MAX_BYTES = 4096 };

static const char usage_text[] =
    "usage: souk contract dump [--kind KIND]\n"
    "       souk contract check OLD [NEW] [--json]\n"
    "dump prints what this program's kinds can be told and what they remember, as JSON: kinds, rows and fields with\n"
    "their numbers and types, refusals, states. check compares two of these and says of each change whether it breaks\n"
    "readers. OLD and NEW are files, or directories whose *.json together are one; NEW may be left out, or -, for\n"
    "this program. A data directory's own is DIR/contract.\n"
    "Exits with 0 when nothing breaks, 1 when something does, 65 for what is no contract, 66 for what isn't there, 64\n"
    "for what makes no sense.\n";

static int
complain(int status, const char *what, const char *which)
{
    fprintf(stderr, "souk contract: %s%s%s\n", what, which ? ": " : "", which ? which : "");
    return status;
}

/* ---- Contracts from here and there. ---- */

/* This program's, or that of the one kind of it. */
static int
ours(souk_contract *out, const char *only)
{
    enum { KINDS_MAX = 64 };
    const struct souk_kind *kinds[KINDS_MAX] = { NULL };
    unsigned count = 0;
    for (const struct souk_kind *const *kind = souk_commerce_kinds; *kind; kind++)
        if (!only || !strcmp((*kind)->name, only)) kinds[count++] = *kind;
    if (!only || !strcmp(dead_letters_kind.name, only)) kinds[count++] = &dead_letters_kind;
    if (!count) return complain(EX_USAGE, "there is no such kind", only);
    souk_err err = souk_contract_of(out, kinds, false);
    return err ? complain(EX_OSERR, souk_err_text(err), NULL) : EX_OK;
}

/* Adds what a file says. */
static int
add_file(souk_contract *out, const char *path)
{
    souk_contract one;
    uint32_t line;
    char where[PATH_MAX_BYTES + 16];
    FILE *file = fopen(path, "re");
    if (!file) return complain(EX_NOINPUT, strerror(errno), path);
    char *text = souk_system_alloc(FILE_MAX_BYTES);
    size_t length = text ? fread(text, 1, FILE_MAX_BYTES, file) : 0;
    bool good = text && !ferror(file) && length < FILE_MAX_BYTES;
    fclose(file);
    souk_err err = good ? souk_contract_read(&one, (struct souk_text){ text, length }, &line) : SOUK_ERR_IO;
    free(text);
    if (!good) return complain(EX_IOERR, "it cannot be read", path);
    snprintf(where, sizeof where, "%s:%u", path, line);
    if (err == SOUK_ERR_VERSION) return complain(EX_DATAERR, "it is of a later version than this program knows", path);
    if (err) return complain(EX_DATAERR, "it is not as souk contract dump writes it", where);
    err = souk_contract_add(out, &one);
    return err ? complain(EX_DATAERR, "the kind is there twice", path) : EX_OK;
}

static int
is_json(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && !strcmp(entry->d_name + length - 5, ".json");
}

static int
add_directory(souk_contract *out, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_json, alphasort), status = EX_OK;
    if (count < 0) return complain(EX_NOINPUT, strerror(errno), path);
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX_BYTES];
        int n = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (status == EX_OK)
            status = n < (int)sizeof file ? add_file(out, file) : complain(EX_NOINPUT, "the path is too long", path);
        free(entries[i]);
    }
    free(entries);
    return status == EX_OK && !count ? complain(EX_NOINPUT, "there is no *.json", path) : status;
}

static int
from(souk_contract *out, const char *path)
{
    struct stat what;
    *out = (souk_contract){ .kinds = NULL };
    if (stat(path, &what)) return complain(EX_NOINPUT, strerror(errno), path);
    return S_ISDIR(what.st_mode) ? add_directory(out, path) : add_file(out, path);
}

/* ---- dump and check. ---- */

static int
dump(const char *only)
{
    souk_contract contract;
    int status = ours(&contract, only);
    if (status != EX_OK) return status;
    size_t length = souk_contract_write(&contract, false, NULL, 0);
    char *text = souk_system_alloc(length);
    if (text) souk_contract_write(&contract, false, text, length);
    bool good = text && fwrite(text, 1, length, stdout) == length && fflush(stdout) == 0;
    free(text);
    souk_contract_close(&contract);
    return good ? EX_OK : complain(EX_IOERR, "it could not be written", NULL);
}

struct report { bool json; uint32_t changes, breaking; souk_json_writer writer; };

static void
tell(void *arg, const struct souk_contract_change *change)
{
    static const char *const words[] = { [SOUK_BREAKS_NOTHING] = "compatible", [SOUK_BREAKS_CLIENTS] = "breaks clients",
                                         [SOUK_BREAKS_DATA] = "breaks data" };
    static const char *const names[] = { [SOUK_BREAKS_NOTHING] = "nothing", [SOUK_BREAKS_CLIENTS] = "clients",
                                         [SOUK_BREAKS_DATA] = "data" };
    struct report *r = arg;
    r->changes++;
    r->breaking += change->breaks != SOUK_BREAKS_NOTHING;
    if (!r->json) {
        printf("%-14s  %s: %s\n", words[change->breaks], change->where, change->why);
        return;
    }
    souk_json_object_open(&r->writer);
    souk_json_put_text(&r->writer, "breaks", souk_text_of(names[change->breaks]));
    souk_json_put_text(&r->writer, "where", souk_text_of(change->where));
    souk_json_put_text(&r->writer, "why", souk_text_of(change->why));
    souk_json_object_close(&r->writer);
}

static int
report(const souk_contract *was, const souk_contract *is, bool json)
{
    struct report r = { .json = json };
    struct souk_text text;
    souk_json_init_growing(&r.writer, FILE_MAX_BYTES);
    souk_json_object_open(&r.writer);
    souk_json_key(&r.writer, "changes");
    souk_json_array_open(&r.writer);
    souk_contract_compare(was, is, tell, &r);
    souk_json_array_close(&r.writer);
    souk_json_put_u64(&r.writer, "breaking", r.breaking);
    souk_json_object_close(&r.writer);
    souk_json_newline(&r.writer);
    bool good = !souk_json_done(&r.writer, &text);
    if (json && good) good = fwrite(text.at, 1, text.length, stdout) == text.length;
    if (!json) printf("%u change%s, %u of which break%s readers\n", r.changes,
                      r.changes == 1 ? "" : "s", r.breaking, r.breaking == 1 ? "s" : "");
    souk_json_fini(&r.writer);
    if (fflush(stdout) || !good) return complain(EX_IOERR, "it could not be written", NULL);
    return r.breaking ? BREAKS : EX_OK;
}

static int
check(const char *old, const char *new, bool json)
{
    souk_contract was, is = { .kinds = NULL };
    int status = from(&was, old);
    if (status == EX_OK) status = new && strcmp(new, "-") ? from(&is, new) : ours(&is, NULL);
    if (status == EX_OK) status = report(&was, &is, json);
    souk_contract_close(&was);
    souk_contract_close(&is);
    return status;
}

static int
usage(void)
{
    fputs(usage_text, stderr);
    return EX_USAGE;
}

int
souk_contract_main(int argc, char **argv)
{
    const char *words[3] = { NULL }, *only = NULL;
    bool json = false;
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return fputs(usage_text, stdout) < 0 ? EX_IOERR : EX_OK;
        if (!strcmp(argv[i], "--json")) json = true;
        else if (!strcmp(argv[i], "--kind") && i + 1 < argc) only = argv[++i];
        else if (!strncmp(argv[i], "--kind=", 7)) only = argv[i] + 7;
        else if ((argv[i][0] == '-' && argv[i][1]) || count == 3) return usage();
        else words[count++] = argv[i];
    }
    if (count == 1 && !strcmp(words[0], "dump") && !json) return dump(only);
    if (count >= 2 && !strcmp(words[0], "check") && !only) return check(words[1], words[2], json);
    return usage();
}
