/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale_stage.c -- directories and children of `souk sale` and `souk crash`.
 *
 * Invariant: only directories that a stage made are ever removed: a note in the folder beside them says which directory
 * it was, by device and inode. */
#define _GNU_SOURCE
#include "sale_stage.h"

#include "gateway/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { READY_MS = 30000, STOP_MS = 60000, CHECK_MS = 600000, WORDS_MAX = 40 };

static const char note_name[] = "made-by-souk";

/* ---- directories ---- */

static int
complain(const struct stage *stage, int status, const char *what, const char *which)
{
    fprintf(stderr, "souk %s: %s: %s%s%s\n", stage->plan.word, which, what, errno ? ": " : "",
            errno ? strerror(errno) : "");
    return status;
}

/* Into `out`, which has STAGE_PATH + 32 bytes; `name` is short. */
static const char *
path_in(const char *folder, const char *name, char *out)
{
    snprintf(out, STAGE_PATH + 32, "%s/%s", folder, name);
    return out;
}

static bool
file_write(const struct stage *stage, const char *name, const char *text)
{
    char path[STAGE_PATH + 32];
    int fd = open(path_in(stage->folder, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

/* What the note says of a directory. */
static bool
note_of(const char *directory, char *out, size_t size)
{
    struct stat about;
    if (stat(directory, &about) != 0)
        return false;
    snprintf(out, size, "%ju %ju\n", (uintmax_t)about.st_dev, (uintmax_t)about.st_ino);
    return true;
}

/* Whether the data directory is one that a stage made. */
static bool
made_by_stage(const struct stage *stage)
{
    char path[STAGE_PATH + 32], found[64] = "", expected[64];
    int fd = open(path_in(stage->folder, note_name, path), O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, found, sizeof found - 1) : -1;
    if (fd >= 0)
        close(fd);
    return got > 0 && note_of(stage->data, expected, sizeof expected) && strcmp(found, expected) == 0;
}

static int
remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

void
souk_stage_remove(struct stage *stage)
{
    if (!made_by_stage(stage))
        return;
    if (nftw(stage->data, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 ||
        nftw(stage->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        (void)complain(stage, 0, "cannot be removed whole", stage->folder);
}

/* True when it has nothing in it, or isn't there. */
static bool
is_empty(const char *directory)
{
    DIR *open = opendir(directory);
    bool empty = open || errno == ENOENT;
    for (const struct dirent *entry; open && empty && (entry = readdir(open));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (open)
        closedir(open);
    return empty;
}

static bool
make(const char *directory)
{
    return mkdir(directory, 0700) == 0 || errno == EEXIST;
}

static int
folders_chosen(struct stage *stage)
{
    const char *data = stage->plan.data;
    size_t length = strlen(data);
    while (length > 1 && data[length - 1] == '/')
        length--;
    if (length == 0 || length + 8 > sizeof stage->data) {
        errno = 0;
        return complain(stage, EX_USAGE, "no name for a directory", data);
    }
    snprintf(stage->data, sizeof stage->data, "%.*s", (int)length, data);
    snprintf(stage->folder, sizeof stage->folder, "%.*s.rush", (int)length, data);
    souk_stage_remove(stage);
    if (!is_empty(stage->data) || !is_empty(stage->folder)) {
        errno = 0;
        return complain(stage, EX_USAGE, "is not empty, and no rehearsal made it; choose another for --data", data);
    }
    if (!make(stage->data) || !make(stage->folder))
        return complain(stage, EX_CANTCREAT, "cannot be made", stage->data);
    return -1;
}

static int
folders_new(struct stage *stage)
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(stage->folder, sizeof stage->folder - 8, "%s/souk-%s-XXXXXX",
                          base && *base ? base : "/var/tmp", stage->plan.word);
    if (length < 0 || (size_t)length >= sizeof stage->folder - 8 || !mkdtemp(stage->folder))
        return complain(stage, EX_CANTCREAT, "cannot be made", stage->folder);
    snprintf(stage->data, sizeof stage->data, "%.*s/data", (int)length, stage->folder);
    if (!make(stage->data))
        return complain(stage, EX_CANTCREAT, "cannot be made", stage->data);
    return -1;
}

int
souk_stage_open(struct stage *stage, const struct stage_plan *plan)
{
    char note[64];
    *stage = (struct stage){ .plan = *plan };
    souk_process_forget_options();
    int status = plan->data ? folders_chosen(stage) : folders_new(stage);
    if (status >= 0)
        return status;
    path_in(stage->folder, "provider-ledger.jsonl", stage->ledger);
    path_in(stage->folder, "acks.jsonl", stage->acks);
    bool good = note_of(stage->data, note, sizeof note) && file_write(stage, note_name, note) &&
                file_write(stage, "provider-key", "sk_test_rehearsal\n") &&
                file_write(stage, "webhook-secret", "whsec_rehearsal\n") && file_write(stage, "acks.jsonl", "");
    stage->port = souk_process_free_port();
    if (!good || stage->port == 0)
        return complain(stage, EX_CANTCREAT, "cannot be prepared", stage->folder);
    snprintf(stage->http, sizeof stage->http, "127.0.0.1:%u", stage->port);
    return -1;
}

static uint64_t bytes_found;

static int
count_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)path, (void)place;
    bytes_found += kind == FTW_F ? (uint64_t)about->st_size : 0;
    return 0;
}

uint64_t
souk_stage_journal_bytes(const struct stage *stage)
{
    char path[STAGE_PATH + 32];
    bytes_found = 0;
    return nftw(path_in(stage->data, "journal", path), count_entry, 16, FTW_PHYS | FTW_MOUNT) == 0 ? bytes_found : 0;
}

/* ---- children ---- */

/* Copies the end of a child's log to standard error. */
static void
log_show(const struct stage *stage, const char *name)
{
    char path[STAGE_PATH + 32], text[2048];
    FILE *file = fopen(path_in(stage->folder, name, path), "re");
    if (!file)
        return;
    if (fseek(file, -(long)sizeof text, SEEK_END) != 0)
        rewind(file);
    size_t length = fread(text, 1, sizeof text, file);
    fprintf(stderr, "souk %s: the end of %s:\n%.*s", stage->plan.word, path, (int)length, text);
    fclose(file);
}

long
souk_stage_log_end(const struct stage *stage)
{
    char path[STAGE_PATH + 32];
    struct stat about;
    return stat(path_in(stage->folder, "node.log", path), &about) == 0 ? (long)about.st_size : 0;
}

bool
souk_stage_log_says(const struct stage *stage, long from, const char *text)
{
    char path[STAGE_PATH + 32], line[4096];
    FILE *file = fopen(path_in(stage->folder, "node.log", path), "re");
    bool found = false;
    if (file && fseek(file, from, SEEK_SET) == 0)
        while (!found && fgets(line, sizeof line, file))
            found = strstr(line, text) != NULL;
    if (file)
        fclose(file);
    return found;
}

static void
ended_early(const struct stage *stage, const char *who, int status, const char *log)
{
    char room[64];
    fprintf(stderr, "souk %s: the %s ended: %s\n", stage->plan.word, who,
            souk_child_ending(status, room, sizeof room));
    log_show(stage, log);
}

static souk_err
provider_start(struct stage *stage)
{
    char ready[STAGE_PATH + 32], secret[STAGE_PATH + 32], log[STAGE_PATH + 32], hook[96], seed[24];
    const char *argv[WORDS_MAX] = { "souk",         "provider",
                                    "--http",       "127.0.0.1:0",
                                    "--ready-file", path_in(stage->folder, "provider-ready", ready),
                                    "--ledger",     stage->ledger,
                                    "--webhook",    hook,
                                    "--seed",       seed,
                                    "--webhook-secret-file", path_in(stage->folder, "webhook-secret", secret) };
    size_t count = 14;
    snprintf(hook, sizeof hook, "http://%s/v1/webhooks/payment", stage->http);
    snprintf(seed, sizeof seed, "%" PRIu64, stage->plan.seed);
    if (stage->plan.provider_faults) {
        argv[count++] = "--faults";
        argv[count++] = stage->plan.provider_faults;
    }
    souk_err err = souk_child_start(&stage->provider, argv, path_in(stage->folder, "provider.log", log), false);
    if (err)
        return complain(stage, 0, "cannot start the provider", log), err;
    uint64_t end = souk_process_now_ns() + READY_MS * UINT64_C(1000000);
    while (!souk_ready_read(ready, &stage->provider_at)) {
        int status;
        if (souk_child_wait(&stage->provider, 2, &status) == SOUK_OK) {
            ended_early(stage, "provider", status, "provider.log");
            return SOUK_ERR_CLOSED;
        }
        if (souk_process_interrupted() || souk_process_now_ns() > end)
            return SOUK_ERR_LATE;
    }
    return SOUK_OK;
}

/* Sets or takes away variables that only the node is to have. */
static void
environment(const char *const *pairs, bool set)
{
    for (; pairs && pairs[0]; pairs += 2)
        if (set ? setenv(pairs[0], pairs[1], 1) : unsetenv(pairs[0]))
            fprintf(stderr, "souk: no memory for a variable\n");
}

souk_err
souk_stage_node_start(struct stage *stage)
{
    char ready[STAGE_PATH + 32], key[STAGE_PATH + 32], secret[STAGE_PATH + 32], log[STAGE_PATH + 32], url[160],
        workers[16];
    const char *argv[WORDS_MAX] = { "souk",   "serve",     "--http",       stage->http,
                                    "--data", stage->data, "--ready-file", path_in(stage->folder, "ready", ready) };
    size_t count = 8;
    if (stage->plan.workers > 0) {
        snprintf(workers, sizeof workers, "%" PRIu32, stage->plan.workers);
        argv[count++] = "--workers";
        argv[count++] = workers;
    }
    if (stage->plan.card) {
        snprintf(url, sizeof url, "http://%s", stage->provider_at.http);
        argv[count++] = "--provider";
        argv[count++] = url;
        argv[count++] = "--provider-key-file";
        argv[count++] = path_in(stage->folder, "provider-key", key);
        argv[count++] = "--webhook-secret-file";
        argv[count++] = path_in(stage->folder, "webhook-secret", secret);
    }
    for (size_t i = 0; stage->plan.node_words && stage->plan.node_words[i] && count + 1 < WORDS_MAX; i++)
        argv[count++] = stage->plan.node_words[i];
    if (unlink(ready) != 0 && errno != ENOENT)
        return complain(stage, 0, "cannot be removed", ready), SOUK_ERR_IO;
    stage->started_ns = souk_process_now_ns();
    environment(stage->plan.node_environment, true);
    souk_err err = souk_child_start(&stage->node, argv, path_in(stage->folder, "node.log", log), false);
    environment(stage->plan.node_environment, false);
    if (err)
        (void)complain(stage, 0, "cannot start the node", log);
    return err;
}

bool
souk_stage_node_serves(struct stage *stage)
{
    char ready[STAGE_PATH + 32];
    return souk_ready_read(path_in(stage->folder, "ready", ready), &stage->node_at);
}

souk_err
souk_stage_node_ready(struct stage *stage)
{
    int status;
    if (souk_stage_node_serves(stage))
        return SOUK_OK;
    if (souk_child_wait(&stage->node, 0, &status) == SOUK_OK) {
        ended_early(stage, "node", status, "node.log");
        return SOUK_ERR_CLOSED;
    }
    return SOUK_ERR_BUSY;
}

souk_err
souk_stage_start(struct stage *stage)
{
    souk_err err = stage->plan.card ? provider_start(stage) : SOUK_OK;
    if (!err)
        err = souk_stage_node_start(stage);
    uint64_t end = souk_process_now_ns() + READY_MS * UINT64_C(1000000);
    while (!err && (err = souk_stage_node_ready(stage)) == SOUK_ERR_BUSY) {
        err = souk_process_interrupted() || souk_process_now_ns() > end ? SOUK_ERR_LATE : SOUK_OK;
        souk_process_sleep_ms(2);
    }
    if (err == SOUK_ERR_LATE && !souk_process_interrupted()) {
        fprintf(stderr, "souk %s: provider and node were not ready within %d s\n", stage->plan.word, READY_MS / 1000);
        log_show(stage, "node.log");
    }
    return err;
}

souk_err
souk_stage_stop(struct stage *stage)
{
    int node = souk_child_stop(&stage->node, SIGTERM, STOP_MS);
    int provider = souk_child_stop(&stage->provider, SIGTERM, STOP_MS);
    if (node != 0)
        ended_early(stage, "node", node, "node.log");
    if (provider != 0)
        ended_early(stage, "provider", provider, "provider.log");
    return node == 0 && provider == 0 ? SOUK_OK : SOUK_ERR_CLOSED;
}

void
souk_stage_close(struct stage *stage)
{
    (void)souk_child_stop(&stage->node, SIGTERM, STOP_MS);
    (void)souk_child_stop(&stage->provider, SIGTERM, STOP_MS);
}

/* ---- the checker ---- */

static bool
verdict_read(struct stage_verdict *verdict)
{
    static const struct souk_json_field fields[STAGE_INVARIANTS + 1] = {
#define INVARIANT(name) SOUK_JSON_FIELD("invariants." name, SOUK_JSON_INTEGER, false, 0, INT64_MAX, NULL)
        INVARIANT("I1"), INVARIANT("I2"), INVARIANT("I3"), INVARIANT("I4"), INVARIANT("I5"),
        INVARIANT("I6"), INVARIANT("I7"), INVARIANT("I8"), INVARIANT("I9"), INVARIANT("I10"),
#undef INVARIANT
        SOUK_JSON_FIELD("violations", SOUK_JSON_INTEGER, true, 0, INT64_MAX, NULL),
    };
    struct souk_json_value values[STAGE_INVARIANTS + 1];
    struct souk_json_fault fault;
    souk_json_reader *reader = souk_json_reader_open();
    bool good = reader && souk_json_read(reader, souk_text_of(verdict->line), SOUK_JSON_OPEN, fields,
                                         STAGE_INVARIANTS + 1, values, &fault) == SOUK_OK;
    for (unsigned i = 0; good && i < STAGE_INVARIANTS; i++)
        verdict->broken[i] = values[i].present ? (uint64_t)values[i].integer : 0;
    if (good)
        verdict->violations = (uint64_t)values[STAGE_INVARIANTS].integer;
    souk_json_reader_close(&reader);
    return good;
}

void
souk_stage_check(const struct stage *stage, bool settled, struct stage_verdict *verdict)
{
    char log[STAGE_PATH + 32];
    const char *argv[WORDS_MAX] = { "souk", "check", stage->data, "--json", "--acks", stage->acks };
    struct souk_child child = { .out = -1 };
    int status = 0;
    *verdict = (struct stage_verdict){ .status = -1 };
    if (settled && stage->plan.card) {
        argv[6] = "--provider-ledger";
        argv[7] = stage->ledger;
    }
    if (souk_child_start(&child, argv, path_in(stage->folder, "check.log", log), true)) {
        (void)complain(stage, 0, "cannot start the checker", log);
        return;
    }
    souk_err err = souk_child_last_line(&child, CHECK_MS, verdict->line, sizeof verdict->line, &status);
    bool ended = !err && WIFEXITED(status) && WEXITSTATUS(status) <= 1;
    if (ended && verdict_read(verdict))
        verdict->status = WEXITSTATUS(status);
    else
        ended_early(stage, "checker", status, "check.log");
}
