/* SPDX-License-Identifier: Apache-2.0 */
/* souk/top.h -- `souk top`: what a running node is at, on a terminal or as plain text. */
#ifndef SOUK_TOP_H
#define SOUK_TOP_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status, of sysexits.h. */
int souk_top_main(int argc, char **argv);

#endif
