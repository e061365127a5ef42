/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal.c -- the command line of `souk journal`: reads a data directory that no node uses, or asks the node that
 * does (DURABILITY R14: nobody opens a database beside it); main.c calls it. */
#define _GNU_SOURCE
#include "journal.h"

#include "journal_inside.h"
#include "process.h"

#include "store/data.h"
#include "world/world.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: souk journal cat WHERE [--kind KIND] [--key KEY] [--since TIME] [--until TIME] [--from POSITION]\n"
    "                        [--to POSITION] [--events-only] [--limit LINES] [--follow]\n"
    "       souk journal verify WHERE\n"
    "       souk journal stats WHERE [--json]\n"
    "       souk journal state KIND KEY WHERE [--at POSITION] [--json]\n"
    "What is in a journal. WHERE is DIR or --data DIR, a data directory, or --address HOST:PORT, where a node serves\n"
    "HTTP. A directory that a node uses is read by asking that node.\n"
    "  cat      each batch and step as a line of JSON\n"
    "  verify   reads all of it and its snapshots, and says whether they are sound, or where and how not\n"
    "  stats    counts and bytes of steps, kinds and events, sizes of batches and groups\n"
    "  state    an actor's state, and what was outstanding for it, after the batch at a position\n"
    "  --kind KIND          lines of actors of that kind, a name or a number; see souk ask --list\n"
    "  --key KEY            lines of that actor: 32 hexadecimal digits, or with its kind as souk ask --help says\n"
    "  --since, --until     not before the one, before the other: 2026-11-27T09:00:00Z, or milliseconds since 1970\n"
    "  --from, --to         positions, both included\n"
    "  --events-only        events, and nothing else\n"
    "  --limit LINES        so many lines at most\n"
    "  --follow             goes on with what becomes durable, until interrupted; of a running node\n"
    "  --at POSITION        the end, without it\n"
    "  --json               one line of JSON\n"
    "Exits with 0 when all is well, 1 when no such actor did anything by then, 64 for what makes no sense, 65 when\n"
    "the journal is damaged or of another version, 66 when there is none, 69 when no node answers, 74 when input or\n"
    "output failed, 75 when another process uses the directory.\n";

struct telling { struct journal_said said; const char *data, *address; bool help; };

static int
complain(const struct journal_said *said, int status, const char *why)
{
    fprintf(stderr, "souk journal %s: %s\n", journal_words[said->word], why);
    return status;
}

int
journal_unwritten(const struct journal_said *said)
{
    /* Whoever closes a pipe has seen enough; where SIGPIPE isn't ignored we don't even get here. */
    return errno == EPIPE ? EX_IOERR : complain(said, EX_IOERR, strerror(errno));
}

/* ---- A directory. ---- */

static bool
print(void *arg SOUK_UNUSED, struct souk_text text)
{
    return fwrite(text.at, 1, text.length, stdout) == text.length;
}

static int
read_data(const struct souk_data *data, const struct journal_said *said)
{
    const struct journal_source source = { .journal = data->journal, .vault = data->vault };
    struct journal_wanted wanted;
    struct journal_out *out;
    char why[JOURNAL_WHY];
    if (!journal_want(said, &data->secret, &wanted, why, sizeof why)) return complain(said, EX_USAGE, why);
    if (wanted.follow) return complain(said, EX_USAGE, "--follow is for a node that runs: nobody writes here");
    if (!journal_out_open(&out, print, NULL)) return complain(said, EX_OSERR, souk_err_text(SOUK_ERR_MEMORY));
    int status = journal_run(&wanted, &source, out, why);
    bool unwritten = out->gone || fflush(stdout);
    journal_out_close(&out);
    if (unwritten) return journal_unwritten(said);
    return status ? complain(said, status, why) : EX_OK;
}

/* The node that uses the directory has written down where it serves. */
static int
ask_user(const char *directory, const struct journal_said *said, const char *why)
{
    char text[300] = "", host[256];
    char *path = NULL;
    uint16_t port;
    FILE *file = asprintf(&path, "%s/souk.http", directory) > 0 ? fopen(path, "re") : NULL;
    bool told = file && fgets(text, sizeof text, file);
    if (file) (void)fclose(file);
    free(path);
    text[strcspn(text, "\n")] = 0;
    if (told && souk_ready_address(text, host, sizeof host, &port)) {
        int status = journal_ask(host, port, said);
        if (status != JOURNAL_NO_NODE) return status;
    }
    fprintf(stderr, "souk journal %s: %s; if it is a node, --address HOST:PORT asks it\n", journal_words[said->word],
            why);
    return EX_TEMPFAIL;
}

static int
open_data(const char *directory, const struct journal_said *said)
{
    struct souk_data data;
    char why[SOUK_STORE_WHY];
    souk_err err = souk_data_open(&data, souk_world_os(), directory, false, why, sizeof why);
    if (err == SOUK_ERR_LOCKED) return ask_user(directory, said, why);
    if (err)
        return complain(said,
                        err == SOUK_ERR_MISSING ? EX_NOINPUT
                        : err == SOUK_ERR_IO    ? EX_IOERR
                        : err == SOUK_ERR_MEMORY ? EX_OSERR
                                                 : EX_DATAERR,
                        why);
    int status = read_data(&data, said);
    souk_data_close(&data);
    return status;
}

/* ---- The command line. ---- */

enum { DATA = 256, ADDRESS, FIRST };

/* EX_OK, or the status to exit with. */
static int
read_options(struct telling *t, int argc, char **argv)
{
    struct option options[JOURNAL_OPTIONS + 4] = {
        { "data", required_argument, NULL, DATA }, { "address", required_argument, NULL, ADDRESS },
        { "help", no_argument, NULL, 'h' },
    };
    for (int i = 0; i < JOURNAL_OPTIONS; i++)
        options[3 + i] = (struct option){ journal_options[i].name,
                                          journal_options[i].is_flag ? no_argument : required_argument, NULL,
                                          FIRST + i };
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == DATA) t->data = optarg;
        else if (option == ADDRESS) t->address = optarg;
        else if (option == 'h') t->help = true;
        else if (option < FIRST) return EX_USAGE;
        else {
            const struct journal_option *o = &journal_options[option - FIRST];
            bool twice = t->said.word == JOURNAL_STATE && (o->offset == offsetof(struct journal_said, kind) ||
                                                           o->offset == offsetof(struct journal_said, key));
            if (twice || !journal_option_find(t->said.word, o->name)) {
                fprintf(stderr, "souk journal %s: it takes no --%s\n", journal_words[t->said.word], o->name);
                return EX_USAGE;
            }
            *journal_option_out(&t->said, o) = o->is_flag ? "1" : optarg;
        }
    }
    return EX_OK;
}

/* The words that are no options: KIND and KEY of a state, then where. False: too few or too many. */
static bool
read_words(struct telling *t, int argc, char **argv)
{
    if (t->said.word == JOURNAL_STATE) {
        if (argc < 2) return false;
        t->said.kind = *argv++;
        t->said.key = *argv++;
        argc -= 2;
    }
    if (argc && !t->data) {
        t->data = *argv;
        argc--;
    }
    return !argc && !t->data != !t->address;
}

int
souk_journal_main(int argc, char **argv)
{
    struct telling t = { .data = NULL };
    char host[256];
    uint16_t port;
    const char *word = argc > 1 ? argv[1] : "";
    unsigned at = 0;
    while (at < JOURNAL_WORDS && strcmp(word, journal_words[at])) at++;
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) return fputs(usage_text, stdout) < 0 ? EX_IOERR : EX_OK;
    if (at == JOURNAL_WORDS) {
        fputs(usage_text, stderr);
        return EX_USAGE;
    }
    t.said.word = (enum journal_word)at;
    int status = read_options(&t, argc - 1, argv + 1);
    if (status) return status;
    if (t.help) return fputs(usage_text, stdout) < 0 ? EX_IOERR : EX_OK;
    if (!read_words(&t, argc - 1 - optind, argv + 1 + optind)) {
        fputs(usage_text, stderr);
        return EX_USAGE;
    }
    if (t.data) return open_data(t.data, &t.said);
    if (!souk_ready_address(t.address, host, sizeof host, &port))
        return complain(&t.said, EX_USAGE, "--address takes HOST:PORT");
    status = journal_ask(host, port, &t.said);
    return status == JOURNAL_NO_NODE ? EX_UNAVAILABLE : status;
}
