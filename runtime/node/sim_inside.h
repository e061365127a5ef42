/* SPDX-License-Identifier: Apache-2.0 */
/* node/sim_inside.h -- what the simulator's files share; see souk/sim.h. sim.c takes the steps, sim_life.c begins and
 * ends nodes, sim_ask.c is their clients. */
#ifndef SOUK_NODE_SIM_INSIDE_H
#define SOUK_NODE_SIM_INSIDE_H

#include "store/memory.h"
#include "work/partition.h"
#include "world/link.h"
#include "world/rare.h"
#include "world/sim.h"
#include <souk/sim.h>

enum { SOUK_SIM_BODY_MAX = 64 << 10, SOUK_SIM_WORKERS_MAX = 4 };

/* Who can be stepped beside the workers. */
enum souk_sim_doer { SOUK_SIM_COMMITTER, SOUK_SIM_KEEPER, SOUK_SIM_READER, SOUK_SIM_DOERS };

/* A request that came over a link, at the node. */
struct souk_sim_served {
    struct souk_request request;
    struct souk_sim_node *node;
    struct souk_sim_served *next;
    uint64_t id;
};

/* One node: what of it is lost in a crash, and its disk. */
struct souk_sim_node {
    souk_sim *sim;
    unsigned number;
    souk_memory_store *store;
    souk_journal *journal;
    souk_vault *vault;
    struct souk_partition *partition;
    unsigned workers;
    bool open;             /* It has settled: whoever asks is let in. */
    bool dies;             /* The machine stops within this step. */
    bool failed;           /* Its disk has failed a put, and said so. */
    unsigned running;      /* Doers under way, as bits: workers first. */
    uint64_t noted;        /* Up to this position batches are in the trace. */
    uint64_t crowded_ns;   /* Until then its disk has little room. */
    bool flipped;          /* A bit of its journal is wrong: */
    uint64_t flip_position, flip_bit;
    struct souk_sim_served *served;
};

struct souk_sim {
    struct souk_sim_options options;
    struct souk_sim_world world;
    struct souk_sim_node *nodes;
    unsigned nodes_count;
    struct souk_sim_node *at;     /* Whose step is under way. */
    unsigned depth;               /* Steps within steps. */
    bool calm, still;             /* Nothing goes wrong any more; nothing rare happens just now. */
    /* Each has a sequence of its own: what goes wrong less often changes no other. */
    uint64_t crash_chance, clock_chance, disk_chance, rare_chance;
    uint32_t rare_one_in[SOUK_RARE_COUNT];
    uint64_t moment;              /* See struct souk_sim_moments. */
    souk_links *links;            /* NULL: clients have none. */
    struct souk_secret secret;
    uint64_t expected_ms;         /* When something outside happens; 0: nothing does. */
    struct souk_sim_request *under_way;
    uint64_t asked, client_due_ns; /* Requests ever sent over links; when the first of them is over. */
    struct souk_sim_counts counts;
    uint8_t *scratch, *body;
};

/* One chance in so many, of that sequence. */
static inline bool
souk_sim_one_of(souk_sim *sim, uint64_t *chance, uint32_t one_in)
{
    return one_in && !sim->calm && souk_sim_next(chance) % one_in == 0;
}
/* Puts something that happened into the trace. */
static inline void
souk_sim_note(souk_sim *sim, uint64_t what, uint64_t which)
{
    sim->counts.trace = souk_hash_mix((sim->counts.trace ^ what) + UINT64_C(0x9e3779b97f4a7c15) * (which + 1));
}
void souk_sim_note_bytes(souk_sim *sim, uint64_t what, const void *at, size_t length);

/* ---- sim_life.c. ---- */

/* A moment in which a node may die, as often as one in so many; true when it does. */
bool souk_sim_dies(souk_sim *sim, uint64_t one_in);
/* Brings a node to life; it has yet to settle. */
void souk_sim_start(struct souk_sim_node *node);
/* Ends its life and starts it again. */
void souk_sim_restart(struct souk_sim_node *node);
/* What its disk does with a put; for the store. */
enum souk_memory_fault souk_sim_disk_fault(void *node, enum souk_memory_place place);
/* Turns that failed, of the node's present life. */
uint64_t souk_sim_node_faults(const struct souk_sim_node *node);

/* ---- sim_ask.c. ---- */

/* One parcel is taken in, or requests are over; true when there was any. */
bool souk_sim_links_step(souk_sim *sim);
/* Whoever waited at the door of a node is let in. */
void souk_sim_let_in(struct souk_sim_node *node);
/* What was asked of a node that has died is lost: taken out here, told by souk_sim_tell_lost(). */
struct souk_sim_request *souk_sim_lose(struct souk_sim_node *node);
void souk_sim_tell_lost(struct souk_sim_request *lost);

#endif
