/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_shim.h -- `souk crash` at the other end of the fault shim's control file: see shim/shim.h. One thread. */
#ifndef SOUK_CRASH_SHIM_H
#define SOUK_CRASH_SHIM_H

#include "shim/shim.h"

#include <souk/base.h>

/* All zeros: none. */
struct crash_shim {
    struct shim_control *control;
    char library[4096], file[1200];
    const char *environment[7]; /* Of a node that is to have the shim: for struct stage_plan. */
};

/* Finds the shim beside the program, or where it is installed, and makes a control file in that folder.
 * SOUK_ERR_MISSING: the shim isn't there; SOUK_ERR_IO. After a message. */
souk_err souk_crash_shim_open(struct crash_shim *shim, const char *folder) SOUK_MUST_CHECK;
void souk_crash_shim_close(struct crash_shim *shim);
/* Arms a rule in a place of its own, whose counts begin anew. */
void souk_crash_shim_arm(struct crash_shim *shim, unsigned place, struct shim_rule rule);
/* Nothing happens any more; counts stay. Returns whether any rule was armed that would do more than count. */
bool souk_crash_shim_disarm(struct crash_shim *shim);
/* As if no rule had ever been armed. */
void souk_crash_shim_clear(struct crash_shim *shim);
/* How many calls the rule of a place was about, and on how many it acted; on how many all did. */
uint64_t souk_crash_shim_seen(const struct crash_shim *shim, unsigned place);
uint64_t souk_crash_shim_fired(const struct crash_shim *shim);
/* Whether the process has the shim. */
bool souk_crash_shim_is_in(const struct crash_shim *shim, long pid);

#endif
