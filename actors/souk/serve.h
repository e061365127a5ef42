/* SPDX-License-Identifier: Apache-2.0 */
/* souk/serve.h -- `souk serve`: the node of a shop, in the foreground. */
#ifndef SOUK_SERVE_H
#define SOUK_SERVE_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status: 0 after SIGTERM or SIGINT, else of sysexits.h. */
int souk_serve_main(int argc, char **argv);

#endif
