/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash.h -- `souk crash`: the node is killed in the middle of a rush, or its disk fails, or something else is
 * done to it, again and again, and nothing may be lost. */
#ifndef SOUK_CRASH_H
#define SOUK_CRASH_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status: 0 clean, 1 when an invariant is broken, a buyer
 * got no definite answer, or the node did not do what it must; else of sysexits.h. */
int souk_crash_main(int argc, char **argv);

#endif
