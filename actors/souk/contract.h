/* SPDX-License-Identifier: Apache-2.0 */
/* souk/contract.h -- `souk contract`. */
#ifndef SOUK_CONTRACT_H
#define SOUK_CONTRACT_H

/* Runs the subcommand; its exit status. */
int souk_contract_main(int argc, char **argv);

#endif
