/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider.h -- `souk provider`: a simulated payment provider as a program of its own.
 *
 * It speaks the part of Stripe's PaymentIntents API that souk uses, keeps its own ledger, and breaks on purpose. */
#ifndef SOUK_PROVIDER_H
#define SOUK_PROVIDER_H

/* Runs it; argv[0] is the subcommand's name. Returns the exit status (sysexits.h). */
int souk_provider_main(int argc, char **argv);

#endif
