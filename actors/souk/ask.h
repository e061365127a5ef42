/* SPDX-License-Identifier: Apache-2.0 */
/* souk/ask.h -- `souk ask`: one command or query to an actor of a running node. */
#ifndef SOUK_ASK_H
#define SOUK_ASK_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status: 0 accepted, 1 refused, else of sysexits.h. */
int souk_ask_main(int argc, char **argv);

#endif
