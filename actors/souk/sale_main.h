/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale_main.h -- `souk sale`: a whole flash sale on a fresh data directory, from opening to a checked report.
 * (A sale.h here would hide the actor's.) */
#ifndef SOUK_SALE_MAIN_H
#define SOUK_SALE_MAIN_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status: 0 when every invariant holds and no unit was left
 * that a buyer was told is sold out, 1 when not, else of sysexits.h. */
int souk_sale_main(int argc, char **argv);

#endif
