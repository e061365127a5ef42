/* SPDX-License-Identifier: Apache-2.0 */
/* world/link.h -- simulated links: they carry bytes between any two endpoints; lose, double, delay and reorder them.
 *
 * An endpoint is a number that its user gives a meaning: a node, a client. Between two of them parcels arrive in the
 * order of sending unless one is late or overtaken; what is on its way to an endpoint that dies still arrives, as from
 * a network that knows nothing of it. Chance comes from a seed of the links' own. One thread. Out of memory is a
 * panic. */
#ifndef SOUK_WORLD_LINK_H
#define SOUK_WORLD_LINK_H

#include <souk/sim.h>

/* What travels. Its bytes follow it. */
struct souk_parcel {
    uint64_t due_ns; /* When it arrives; parcels of one moment arrive in the order of sending. */
    uint32_t from, to;
    bool late; /* Others may pass it. */
    size_t length;
    uint8_t bytes[];
};

typedef struct souk_links souk_links;

/* No parcels yet. Chances are as of souk_sim_options. */
souk_links *souk_links_open(uint64_t seed, const struct souk_sim_net *net);
void souk_links_close(souk_links **links_p);
/* Sends bytes, which are copied. */
void souk_links_send(souk_links *links, uint64_t now_ns, uint32_t from, uint32_t to, const void *bytes, size_t length);
/* From now on every parcel arrives, once and in order. */
void souk_links_calm(souk_links *links);
/* When the next parcel arrives; UINT64_MAX: none is on its way. */
uint64_t souk_links_next_ns(const souk_links *links);
/* The next one that has arrived by now and passes: free() it. NULL: none. A parcel that does not pass stays. */
struct souk_parcel *souk_links_take(souk_links *links, uint64_t now_ns,
                                    bool (*passes)(void *arg, const struct souk_parcel *parcel), void *arg);

#endif
