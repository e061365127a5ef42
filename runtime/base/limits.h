/* SPDX-License-Identifier: Apache-2.0 */
/* base/limits.h -- the runtime's fixed limits: how much of a thing there may be, how much is done at a time. Whoever is
 * bounded by one includes it. What an operator or an author chooses is not here but in struct souk_options
 * (souk/node.h) and in the public headers; docs/limits.md lists all of them, and what happens beyond. */
#ifndef SOUK_BASE_LIMITS_H
#define SOUK_BASE_LIMITS_H

enum {
    /* What there is at most. */
    SOUK_SHARDS = 256,            /* Virtual: fixed for a data directory, whatever the number of workers. */
    SOUK_KINDS_MAX = 64,
    SOUK_WORKERS_MAX = 64,
    SOUK_REQUESTS_MAX = 1 << 16,  /* From outside and under way, for each worker. */
    SOUK_LETTERS = 256,           /* Dead letters of volatile actors that are kept, for each worker, */
    SOUK_LETTER_BYTES = 16 << 10, /* ... unless they are larger than that. */
    /* Between the workers and the disk. */
    SOUK_RING = 4096,             /* Batches that are not yet durable: with so many no worker begins another slice. */
    SOUK_GROUP_BYTES = 4 << 20,   /* A group commit takes no further batch after so much. */
    SOUK_CHUNK_BYTES = 256 << 10, /* The same for one put of a checkpoint: a commit waits for it on the disk. */
    SOUK_CHUNK_ENTRIES = 1024,    /* And how many snapshots it has at most. */
    SOUK_CUT_ACTORS = 256,        /* So many actors are cut between two slices. */
    SOUK_UNWRITTEN_MAX = 32 << 20, /* With so much cut and not yet written, no shard is cut for a checkpoint. */
    /* How much is done at a time. */
    SOUK_SLICE_TURNS = 512,       /* A slice takes nothing new after so many turns ... */
    SOUK_SLICE_BYTES = 256 << 10, /* ... or so much of journal, */
    SOUK_SLICE_ENDLESS = 4096,    /* and ends after so many. */
    SOUK_QUANTUM = 16384,         /* Messages that a volatile actor handles before others get their turns. */
    SOUK_AHEAD_MAX = 4096,        /* A worker whose messages lie undrained in another's shard, so many of them, ... */
    SOUK_AHEAD_MS = 10,           /* runs no volatile actors that are only told, for so long at most. */
    /* Memory. */
    SOUK_SPARE_CHUNKS = 24,       /* MiB made ready ahead of need, while a node grows. */
};

#endif
