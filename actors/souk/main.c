/* SPDX-License-Identifier: Apache-2.0 */
/* souk/main.c -- the program: finds the subcommand and hands over. Every subcommand explains itself with --help and
 * ends with a status of sysexits.h. */
#include "ask.h"
#include "check.h"
#include "contract.h"
#include "crash.h"
#include "dead.h"
#include "journal.h"
#include "load.h"
#include "provider.h"
#include "repair.h"
#include "sale_main.h"
#include "serve.h"
#include "sim.h"
#include "top.h"

#include <souk/version.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct { const char *name; int (*main)(int argc, char **argv); const char *does; } subcommands[] = {
    { "sale", souk_sale_main, "a whole flash sale on a fresh data directory: provider, node, rush, check, report" },
    { "serve", souk_serve_main, "the node of a shop, in the foreground" },
    { "provider", souk_provider_main, "a simulated payment provider" },
    { "top", souk_top_main, "what a running node is at: workers, kinds, queues, slow turns, faults" },
    { "ask", souk_ask_main, "one command or query to an actor of a running node" },
    { "dead", souk_dead_main, "lists messages that were given up, has them tried again, or drops them" },
    { "load", souk_load_main, "drives a rush of buyers against a running node" },
    { "check", souk_check_main, "proves from its journal that a sale kept its promises" },
    { "journal", souk_journal_main, "what is in a journal, whether it is sound, an actor as it was at any moment" },
    { "contract", souk_contract_main, "what kinds can be told and remember, and which changes of it break readers" },
    { "repair", souk_repair_main, "what is damaged in a data directory, what that costs, and mends it when told to" },
    { "crash", souk_crash_main, "kill -9 or another fault in mid-rush, restart, check; as often as you like" },
    { "sim", souk_sim_main, "sales in the simulator, seed after seed: crashes, faults of disks and links" },
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static void
usage(FILE *to)
{
    fprintf(to, "usage: souk SUBCOMMAND [ARGUMENT]...\n\n");
    for (unsigned i = 0; i < SUBCOMMANDS; i++) fprintf(to, "  %-10s %s\n", subcommands[i].name, subcommands[i].does);
    fprintf(to, "\nsouk SUBCOMMAND --help says more. souk --version says which souk this is.\n");
}

static int
say_version(void)
{
    return printf("souk %s\n", SOUK_VERSION) < 0 || fflush(stdout) ? EX_IOERR : EX_OK;
}

/* Where standard output was closed the next file that is opened would take its place, and get what we print: a log of
 * the database, say. What can only be read takes it instead, so that printing fails as it should. */
static void
hold_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", O_RDONLY); /* The lowest that is free, so this one. */
}

int
main(int argc, char **argv)
{
    hold_standard_files();
    const char *word = argc > 1 ? argv[1] : "";
    for (unsigned i = 0; i < SUBCOMMANDS; i++)
        if (strcmp(word, subcommands[i].name) == 0) return subcommands[i].main(argc - 1, argv + 1);
    if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) return say_version();
    bool asked = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    if (asked && argc > 2) /* souk help serve */
        for (unsigned i = 0; i < SUBCOMMANDS; i++)
            if (strcmp(argv[2], subcommands[i].name) == 0)
                return subcommands[i].main(2, (char *[]){ argv[2], (char[]){ "--help" }, NULL });
    if (*word && !asked) fprintf(stderr, "souk: there is no subcommand \"%s\"\n\n", word);
    usage(asked ? stdout : stderr);
    return asked ? EX_OK : EX_USAGE;
}
