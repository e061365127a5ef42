/* SPDX-License-Identifier: Apache-2.0 */
/* work/probe.h -- a question that goes to whoever holds a shard, or to a worker, and its answer's way back: the body of
 * a message of class SOUK_PROBE. Between look.c, which asks, and probe.c, which answers.
 *
 * A probe of a shard is put aside when it arrives and answered when the shard is let go of: then everything that waits
 * in it is in its own queues and no turn is under way. */
#ifndef SOUK_WORK_PROBE_H
#define SOUK_WORK_PROBE_H

#include "mail/message.h"
#include <souk/inspect.h>

struct souk_worker;
struct souk_shard;

enum souk_probe_class {
    SOUK_PROBE_QUEUES = 1, /* To a shard -> struct souk_probe_queues */
    SOUK_PROBE_ACTOR,      /* To a shard -> struct souk_look_actor and the state */
    SOUK_PROBE_TRACE,      /* The same, after it was switched. */
    SOUK_PROBE_LETTERS,    /* To a worker -> struct souk_look_letters, then bodies, whose `at` counts from its start. */
    SOUK_PROBE_REPLAY,     /* To a worker -> nothing but `err` */
};

struct souk_probe {
    enum souk_probe_class class;
    bool answered, on;
    uint16_t origin; /* The worker that asks. */
    souk_err err;
    uint32_t ticket; /* His look. */
    uint32_t most;   /* Of the deepest queues. */
    souk_ref actor;
    uint64_t letter;
    _Alignas(16) uint8_t told[];
};

static inline struct souk_probe *
souk_probe_of(struct souk_message *m)
{
    return (struct souk_probe *)(void *)m->body;
}

/* What waits in a shard. */
struct souk_probe_queues {
    struct { uint64_t waiting, depth; souk_key deepest; } kind[SOUK_LOOK_KINDS];
    struct souk_look_queue queues[SOUK_LOOK_QUEUES];
    uint32_t most, count;
    bool estimated;
};
/* Adds a queue to a list of the deepest. */
void souk_probe_deepest(struct souk_look_queue *list, uint32_t *count, uint32_t most, struct souk_look_queue queue);

/* Answers all probes that wait in a shard. Its holder, when he is about to let go of it. */
void souk_probe_shard(struct souk_worker *worker, struct souk_shard *shard);
/* A probe, or the answer to one, has come to the worker. Takes it. */
void souk_probe_arrived(struct souk_worker *worker, struct souk_message *message);

/* ---- look.c ---- */

/* The answer to a probe of this worker. Takes it. */
void souk_look_hear(struct souk_worker *worker, struct souk_message *answer);
/* Goes on with the looks that are under way; true when it did anything. */
bool souk_look_step(struct souk_worker *worker);

#endif
