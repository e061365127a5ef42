/* SPDX-License-Identifier: Apache-2.0 */
/* souk/dead.h -- `souk dead`: the dead letters of a running node. */
#ifndef SOUK_DEAD_H
#define SOUK_DEAD_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status, as `souk ask` does. */
int souk_dead_main(int argc, char **argv);

#endif
