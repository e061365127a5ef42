/* SPDX-License-Identifier: Apache-2.0 */
/* souk/dead.c -- `souk dead list|replay|drop`: says the same as `souk ask`, in fewer words; main.c calls it. */
#include "dead.h"

#include "ask.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage_text[] =
    "usage: souk dead list [--from NUMBER] WHERE\n"
    "       souk dead replay NUMBER WHERE\n"
    "       souk dead drop NUMBER WHERE\n"
    "Messages of event-sourced actors whose turns failed once too often. A letter that is replayed is told to its\n"
    "actor once more, after what was wrong has been repaired; nobody waits for its answer any more.\n"
    "WHERE is as of souk ask: --data DIR, --ready-file FILE, or --endpoint ENDPOINT with its keys.\n"
    "list prints JSON: how many are kept, and up to 256 of them from that number on.\n"
    "Exits with 0 when done, 1 when there is no such letter, 69 when there is no answer, 64 for what makes no sense.\n";

int
souk_dead_main(int argc, char **argv)
{
    enum { WORDS_MAX = 24 };
    static const struct { const char *word, *message, *field; } verbs[] = {
        { "list", "dead_letters_list", "from" }, { "replay", "dead_letters_replay", "number" },
        { "drop", "dead_letters_drop", "number" },
    };
    char dead[] = "dead", kind[] = "dead_letters", key[] = "dead_letters", message[32], field[64];
    char *words[WORDS_MAX] = { dead };
    const char *number = NULL;
    int verb = -1, count = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return fputs(usage_text, stdout) < 0 ? EX_IOERR : EX_OK;
        bool from = verb == 0 && !strcmp(argv[i], "--from") && i + 1 < argc;
        if (from || (verb > 0 && !number && argv[i][0] != '-')) number = argv[from ? ++i : i];
        else if (argv[i][0] == '-' && count + 6 < WORDS_MAX) {
            words[count++] = argv[i];
            if (!strchr(argv[i], '=') && i + 1 < argc) words[count++] = argv[++i]; /* All of them take a value. */
        } else if (verb < 0) {
            for (int v = 0; v < 3; v++)
                if (!strcmp(argv[i], verbs[v].word)) verb = v;
            if (verb < 0) break;
        } else {
            verb = -1;
            break;
        }
    }
    if (verb < 0 || (verb > 0 && !number)) {
        fputs(usage_text, stderr);
        return EX_USAGE;
    }
    snprintf(message, sizeof message, "%s", verbs[verb].message);
    snprintf(field, sizeof field, "%s=%s", verbs[verb].field, number ? number : "0");
    char *rest[] = { kind, key, message, field, NULL };
    memcpy(words + count, rest, sizeof rest);
    return souk_ask_main(count + 4, words);
}
