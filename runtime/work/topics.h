/* SPDX-License-Identifier: Apache-2.0 */
/* work/topics.h -- subscriptions to events (souk/topic.h): what workers, the committer and the reader share.
 *
 * The reader (topics.c) is one thread, in a simulation one more thing that is stepped. It alone knows all feeds. It
 * gets each durable group from whoever committed it, keeps the last few MiB of them decoded, and hands each feed what
 * it wants and has credit for. A feed that is further behind is served from the journal. So a worker never reads
 * LevelDB, and a commit costs two loads when nobody subscribes, else a copy of the group.
 *
 * Nothing durable is missed: the committer pushes the group, stores `durable`, then looks whether somebody is `active`
 * and wakes the reader; the reader says that it is active, then reads `durable`, then empties its box: what is durable
 * by then and did not come is read from the journal. All sequentially consistent, so one of them sees the other.
 *
 * A feed belongs to its subscriber's worker (feed.c), who makes it, and to the reader, who frees it: at the end the
 * subscriber lets go and says so. Of an actor's feed the subscriber's side is whoever holds the actor's shard. */
#ifndef SOUK_WORK_TOPICS_H
#define SOUK_WORK_TOPICS_H

#include "base/heap.h"
#include "mail/mailbox.h"
#include "world/thread.h"
#include <souk/topic.h>

enum { SOUK_TAIL_BYTES = 4 << 20 }; /* Of groups kept decoded, and as much on its way to the reader. */

/* The tag of a SOUK_FEED message; the feed is in its ticket. */
enum souk_feed_word { SOUK_FEED_OPEN = 1, SOUK_FEED_CLOSE };

struct souk_feed {
    /* Never changed. */
    uint64_t id;                 /* Tells its messages from those of an older one with the same number. */
    souk_ref subscriber;         /* kind 0: a guest's, on `worker`. */
    struct souk_worker *worker;
    uint32_t number, command;    /* The subscription's; the tag of the row that events come as. */
    uint32_t max_lag;
    uint32_t topics_count;
    struct { uint32_t kind, tag; } topics[SOUK_TOPICS_MAX];
    souk_key actor;
    uint64_t began;              /* What was durable then. */
    /* The subscriber's to write, the reader's to read. */
    _Atomic uint64_t handled;    /* Of what it was given. */
    _Atomic uint64_t at;         /* The position of the last that was handled. */
    /* The reader's to write. */
    _Atomic uint64_t given;
    _Atomic uint64_t behind;     /* Published since it began, and not given. */
    _Atomic uint64_t scanned;    /* All that it wants up to this position was given. */
    _Atomic bool starved;        /* Its credit is used up: the subscriber calls when half of it is there again. */
    /* The reader's own. */
    struct souk_cursor cursor;
    uint64_t live;               /* Events beyond this position are counted in `behind`. */
    uint64_t skipped;
    bool skips;                  /* To be told that some were left out. */
    struct souk_feed *next, *previous;
    /* A guest's worker's own. */
    struct souk_subscription *guest; /* NULL: no longer. */
    struct souk_fifo held;       /* After a "not now". */
    struct souk_cursor last;     /* That it has taken. */
};

struct souk_kept;

struct souk_topics {
    _Atomic bool active;         /* Somebody subscribes. */
    struct souk_mailbox box;     /* SOUK_FEED of workers, SOUK_GROUP of committers. */
    struct souk_bed bed;
    _Atomic uint64_t coming;     /* Bytes of groups in the box. */
    souk_heap *group_heap;       /* The baton's holder's. */
    /* All below is the reader's. */
    souk_heap *heap;
    const struct souk_kind *const *kinds; /* The partition's, by number. */
    uint8_t *scratch;            /* For lifting events of the past. */
    struct souk_feed *feeds;
    uint64_t end;                /* Up to here groups were seen, and are in `kept` unless they were too many. */
    struct souk_kept **kept;     /* A ring, without a gap. */
    uint32_t kept_at, kept_count, kept_room;
    uint64_t kept_bytes;
    struct souk_kept *old;       /* The last one that was read from the journal for who is behind. */
    /* Counted by the reader, read by any. */
    _Atomic uint64_t feeds_count, events, skipped, journal_reads;
};

#endif
