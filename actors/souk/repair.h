/* SPDX-License-Identifier: Apache-2.0 */
/* souk/repair.h -- `souk repair`. */
#ifndef SOUK_REPAIR_H
#define SOUK_REPAIR_H

/* Runs it; its exit status. */
int souk_repair_main(int argc, char **argv);

#endif
