/* SPDX-License-Identifier: Apache-2.0 */
/* world/link.c -- see link.h. Parcels stand in one list, by their time of arrival: there are few. */
#include "world/link.h"

#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

struct souk_links {
    struct souk_sim_net net;
    uint64_t chance;
    struct souk_parcel **parcels;
    size_t count, room;
};

static void *
must(void *block)
{
    souk_assert(block != NULL && "out of memory");
    return block;
}

souk_links *
souk_links_open(uint64_t seed, const struct souk_sim_net *net)
{
    souk_links *links = must(calloc(1, sizeof *links));
    links->net = *net;
    links->chance = seed;
    return links;
}

void
souk_links_close(souk_links **links_p)
{
    souk_links *links = *links_p;
    *links_p = NULL;
    if (!links) return;
    for (size_t i = 0; i < links->count; i++) free(links->parcels[i]);
    free(links->parcels);
    free(links);
}

static bool
one_of(souk_links *links, uint32_t one_in)
{
    return one_in && souk_sim_next(&links->chance) % one_in == 0;
}

static uint64_t
up_to(souk_links *links, uint64_t ms)
{
    return ms ? souk_sim_next(&links->chance) % (ms * 1000000) : 0;
}

static void
put(souk_links *links, struct souk_parcel *p)
{
    if (links->count == links->room) {
        links->room = links->room ? 2 * links->room : 64;
        links->parcels = must(reallocarray(links->parcels, links->room, sizeof *links->parcels));
    }
    size_t at = links->count++;
    for (; at > 0 && links->parcels[at - 1]->due_ns > p->due_ns; at--) links->parcels[at] = links->parcels[at - 1];
    links->parcels[at] = p;
}

/* The arrival of the last parcel between the two, which the next one does not overtake of itself. */
static uint64_t
last_ns(const souk_links *links, uint32_t from, uint32_t to)
{
    for (size_t i = links->count; i-- > 0;)
        if (links->parcels[i]->from == from && links->parcels[i]->to == to && !links->parcels[i]->late)
            return links->parcels[i]->due_ns;
    return 0;
}

void
souk_links_send(souk_links *links, uint64_t now, uint32_t from, uint32_t to, const void *bytes, size_t length)
{
    const struct souk_sim_net *net = &links->net;
    if (one_of(links, net->lose_one_in)) return;
    for (unsigned copies = one_of(links, net->double_one_in) ? 2 : 1; copies > 0; copies--) {
        struct souk_parcel *p = must(malloc(sizeof *p + length));
        uint64_t after = last_ns(links, from, to);
        *p = (struct souk_parcel){ .due_ns = now + up_to(links, net->delay_ms), .from = from,
                                   .to = to, .late = one_of(links, net->late_one_in), .length = length };
        if (p->late) p->due_ns += up_to(links, net->late_ms);
        else if (p->due_ns < after && !one_of(links, net->reorder_one_in)) p->due_ns = after;
        if (length) memcpy(p->bytes, bytes, length);
        put(links, p);
    }
}

void
souk_links_calm(souk_links *links)
{
    links->net = (struct souk_sim_net){ 0 };
}

uint64_t
souk_links_next_ns(const souk_links *links)
{
    return links->count ? links->parcels[0]->due_ns : UINT64_MAX;
}

struct souk_parcel *
souk_links_take(souk_links *links, uint64_t now, bool (*passes)(void *arg, const struct souk_parcel *parcel), void *arg)
{
    for (size_t i = 0; i < links->count && links->parcels[i]->due_ns <= now; i++) {
        struct souk_parcel *p = links->parcels[i];
        if (!passes(arg, p)) continue;
        links->count--;
        memmove(links->parcels + i, links->parcels + i + 1, (links->count - i) * sizeof *links->parcels);
        return p;
    }
    return NULL;
}
