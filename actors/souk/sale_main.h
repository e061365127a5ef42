/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sale_main.h -- `souk sale` (not sale.h, which is the actor's header and would be hidden): a whole flash sale on a fresh data directory, from opening to a checked report. */
#ifndef SOUK_SALE_MAIN_H
#define SOUK_SALE_MAIN_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status: 0 when every invariant holds and no unit was left
 * that a buyer was told is sold out, 1 when not, else of sysexits.h. */
int souk_sale_main(int argc, char **argv);

#endif
