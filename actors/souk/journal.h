/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal.h -- `souk journal cat|verify|stats|state`: what is in a journal, and whether it is sound. */
#ifndef SOUK_JOURNAL_TOOL_H
#define SOUK_JOURNAL_TOOL_H

/* Runs the subcommand; the status to exit with. */
int souk_journal_main(int argc, char **argv);

#endif
