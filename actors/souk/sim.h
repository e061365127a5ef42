/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim.h -- `souk sim`: flash sales and failing turns in the simulator, seed after seed; main.c calls it. */
#ifndef SOUK_PROGRAM_SIM_H
#define SOUK_PROGRAM_SIM_H

/* Runs it; argv[0] is the subcommand's name. 0: nothing was found, or every planted bug was; 1: something was found, or
 * a planted bug was not; 64: usage; 69: this build has no planted bugs. */
int souk_sim_main(int argc, char **argv);

#endif
