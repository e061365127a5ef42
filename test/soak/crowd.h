/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/crowd.h -- the load from outside: clients on each worker who give jobs and pay between purses, and check
 * every answer. A soak is driven by one thread; what clients count, any may read. */
#ifndef TEST_SOAK_CROWD_H
#define TEST_SOAK_CROWD_H

#include "soak/kinds.h"

#include <souk/node.h>
#include <stdatomic.h>

enum { SOAK_WORKERS_MAX = 8, SOAK_PURSES = 32, SOAK_FUNDS = 1000000, SOAK_BROKEN_MAX = 16 };

enum soak_mode { SOAK_PAUSE, SOAK_LOAD, SOAK_LOOK };

struct soak {
    _Atomic uint32_t mode;      /* enum soak_mode */
    _Atomic uint32_t entered;   /* Workers that serve. */
    _Atomic uint32_t busy;      /* Clients with something under way. */
    _Atomic uint32_t round;     /* Grows with each mode that is set. */
    _Atomic uint32_t looks;     /* Purses looked at since the mode was set. */
    _Atomic uint64_t balance, open; /* What they had. */
    _Atomic uint64_t requests, answers, jobs, payments, outcomes; /* Since the start. */
    _Atomic uint64_t phases[JOB_PHASES];
    uint64_t seed;
    uint32_t size;              /* Of a job, at most. */
    uint32_t clients;           /* On each worker. */
    uint32_t only;              /* Jobs of that phase; JOB_PHASES: of any. */
    bool plant_race;            /* A worker touches shards that it doesn't hold. */
    _Atomic uint32_t broken_count;
    char broken[SOAK_BROKEN_MAX][200];
};
extern struct soak soak;

/* Notes what is broken. Any thread. */
void soak_broken(const char *format, ...) SOUK_PRINTF(1, 2);
/* The guest that a soak's node is opened with. */
extern const struct souk_guest soak_crowd;

#endif
