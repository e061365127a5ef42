/* SPDX-License-Identifier: Apache-2.0 */
/* cell/live.h -- one live volatile actor (souk/volatile.h), and the population of a shard. One thread at a time:
 * whoever runs the shard.
 *
 * An actor is a small head and its state, in one block; what only few have (open asks, bonds, a stash) is in a second
 * one. Each has a queue of its own, so that its depth is known, its policy can be kept, and a hot one doesn't hold up
 * its neighbours: those with something to do stand in a list, and get some turns each, one after the other.
 *
 * An anonymous actor's key says where it is: the shard, the place in the shard's table, and the generation of that
 * place, which tells an actor from a later one in the same place. So it is found by one load, without a hash, and a
 * message to one that has ended finds nobody. */
#ifndef SOUK_CELL_LIVE_H
#define SOUK_CELL_LIVE_H

#include "cell/cell.h"
#include "cell/wheel.h"
#include <souk/volatile.h>

/* What the runtime sends to a volatile actor: the tag of a SOUK_SIGNAL. `asker` is who sends it, `refusal` a reason. */
enum souk_signal {
    SOUK_SIGNAL_STOP = 1,
    SOUK_SIGNAL_LINK,
    SOUK_SIGNAL_UNLINK,
    SOUK_SIGNAL_MONITOR,
    SOUK_SIGNAL_UNMONITOR,
    SOUK_SIGNAL_LINK_DOWN,  /* A linked actor has ended. */
    SOUK_SIGNAL_CHILD_DOWN, /* A child that ends with its parent has ended before. */
    SOUK_SIGNAL_ESCALATE,   /* A child's turn has failed. */
    SOUK_SIGNAL_CANCEL,     /* The ask `asker` is called off. */
    SOUK_SIGNAL_RESTART,    /* Its pause is over. */
    SOUK_SIGNAL_IDLE,       /* Has it been idle for long? */
};

/* Something to come at a time: a message, or the end of an ask. In the wheel of the actor's shard. */
struct souk_alarm {
    struct souk_timer timer;
    struct souk_message *wake; /* NULL: the ask `number` of the actor is late. */
    souk_ref actor;
    uint32_t number, period_ms; /* 0: once. */
};

/* What is under way for an actor, by the number that its verb returned. */
enum souk_open_class { SOUK_OPEN_ASK = 1, SOUK_OPEN_AMONG, SOUK_OPEN_GATHER, SOUK_OPEN_WAKE, SOUK_OPEN_EVERY,
                       SOUK_OPEN_MONITOR, SOUK_OPEN_TOPIC };
struct souk_open {
    uint32_t number;  /* 0: a free place. */
    uint32_t reply;   /* The row that handles it. */
    souk_ref to;      /* Whom it asked or watches. Of a subscription: its id is to.key.high. */
    uint64_t due_ms;  /* Of an ask or a gathering. Its alarm is set when the slice that began it closes: most are */
    union {           /* answered by then. */
        struct souk_alarm *alarm;
        struct souk_feed *feed;            /* Of a subscription. */
        struct { uint32_t group, index; }; /* Of one among many: the gathering's number, and its place there. */
    };
    uint8_t class;    /* enum souk_open_class */
    bool pending;     /* Of a period: its last tick is not handled yet. */
};

/* Asks whose outcomes come together. */
struct souk_gathering {
    struct souk_gathering *next;
    struct souk_message **outcome; /* By index; NULL: not yet. */
    uint32_t number, last; /* Its own, and the last of its asks: all are between. */
    uint32_t asked, answered, room;
    uint64_t due_ms;
};

enum souk_bond_class { SOUK_BOND_LINK = 1, SOUK_BOND_WATCHER, SOUK_BOND_CHILD };
struct souk_bond { souk_ref to; uint32_t number; enum souk_bond_class class; }; /* Class 0: a free place. */

enum { SOUK_LANES = 16 };

/* What only few actors have. */
struct souk_extra {
    struct souk_open *open;     /* Hashed by number. */
    uint32_t open_count, open_room;
    uint32_t bonds_count, bonds_room;
    struct souk_bond *bonds;    /* Hashed by what they are. */
    struct souk_gathering *gatherings;
    struct souk_fifo stash;
    struct souk_fifo waiting;   /* Queries until it has changed. */
    struct souk_message *start; /* The command that it was spawned with, for when it restarts. */
    struct souk_alarm *pause;   /* Until it restarts, or may be idle. */
    souk_ref parent;
    uint32_t trap;              /* The reply that is told of ends. 0: none. */
    uint64_t *restarted_ms;     /* When it was restarted, as far back as its policy looks. */
    uint32_t restarts, restarts_room;
    uint64_t used_ms;
    uint64_t shed_ms;           /* Nothing in its queue expires before. */
    uint32_t stashed;
    uint32_t lane[SOUK_LANES];  /* While it is crowded: how many of its messages are whose. */
};

struct souk_live {
    union {
        struct souk_identity identity;
        struct { const struct souk_kind *kind; souk_key key; };
    };
    struct souk_message *head, *tail; /* Its queue. */
    struct souk_live *after, *before; /* In the list of those that have something to do. */
    struct souk_extra *extra;
    uint32_t depth;            /* Of its queue. */
    uint32_t calm;             /* Below this depth its policy has nothing to say; less what it has stashed. */
    uint32_t asked;            /* The last number that a verb returned. */
    uint16_t visit;            /* The worker's visit of its shard in which it had its turns last. */
    bool queued : 1;           /* It stands in a list. */
    bool awaited : 1;          /* ... of those that somebody waits for, or it is having its turns. */
    bool paused : 1;           /* It failed, and waits to be restarted. */
    bool crowded : 1;          /* Lanes are counted. */
    bool traced : 1;           /* Each turn of it is told. */
    _Alignas(16) uint8_t state[];
};

/* Those with something to do. */
struct souk_lives { struct souk_live *head, *tail; };

static inline void
souk_lives_push(struct souk_lives *lives, struct souk_live *live)
{
    live->after = NULL;
    live->before = lives->tail;
    if (lives->tail) lives->tail->after = live;
    else lives->head = live;
    lives->tail = live;
}

static inline void
souk_lives_push_front(struct souk_lives *lives, struct souk_live *live)
{
    live->before = NULL;
    live->after = lives->head;
    if (lives->head) lives->head->before = live;
    else lives->tail = live;
    lives->head = live;
}

static inline void
souk_lives_remove(struct souk_lives *lives, struct souk_live *live)
{
    if (live->before) live->before->after = live->after;
    else lives->head = live->after;
    if (live->after) live->after->before = live->before;
    else lives->tail = live->before;
}

static inline struct souk_live *
souk_lives_pop(struct souk_lives *lives)
{
    struct souk_live *live = lives->head;
    if (!live) return NULL;
    lives->head = live->after;
    if (lives->head) lives->head->before = NULL;
    else lives->tail = NULL;
    return live;
}

/* ---- The population of a shard. ---- */

struct souk_berth { struct souk_live *live; uint32_t generation, next_free; };

struct souk_population {
    struct souk_berth *berth;         /* Anonymous ones. */
    uint32_t berths, berths_room, free; /* `free`: the first free berth + 1. */
    uint32_t shard, generation;       /* Where generations begin: other in each run of the process. */
    uint32_t asked;                   /* A named actor's numbers go on from there: its last life had those before. */
    uint32_t count;
    struct souk_directory named;
};

/* An anonymous actor's key: bits that no hash is likely to have, the shard, the place and its generation. */
#define SOUK_ANONYMOUS 0xa17e57a17e57ull
static inline bool
souk_key_anonymous(souk_key key)
{
    return key.high >> 16 == SOUK_ANONYMOUS;
}

/* The actor, or NULL when it isn't there. */
static inline struct souk_live *
souk_live_find(const struct souk_population *population, souk_ref ref)
{
    if (!souk_key_anonymous(ref.key))
        return (struct souk_live *)(void *)souk_directory_find(&population->named, ref.kind, ref.key);
    uint32_t place = (uint32_t)(ref.key.low >> 32);
    if (place >= population->berths) return NULL;
    const struct souk_berth *at = &population->berth[place];
    return at->live && at->generation == (uint32_t)ref.key.low && at->live->kind->number == ref.kind ? at->live : NULL;
}

/* A new one with a zeroed state; key none: anonymous. */
struct souk_live *souk_live_new(struct souk_population *population, struct souk_arena *arena,
                                const struct souk_kind *kind, souk_key key);
/* Frees one whose queue is empty, with all that is its own but alarms. */
void souk_live_free(struct souk_population *population, struct souk_arena *arena, struct souk_live *live);
/* Its second block, made when it has none. */
struct souk_extra *souk_live_extra(struct souk_live *live, souk_heap *heap);
/* As new: its state, and what it had under way. Bonds stay. Alarms are the caller's to call off before. */
void souk_live_reset(struct souk_live *live, souk_heap *heap);

static inline souk_ref
souk_live_ref(const struct souk_live *live)
{
    return (souk_ref){ live->kind->number, live->key };
}

/* ---- Its queue. ---- */

static inline void
souk_live_push(struct souk_live *live, struct souk_message *m)
{
    m->next = NULL;
    if (live->tail) live->tail->next = m;
    else live->head = m;
    live->tail = m;
    live->depth++;
}

static inline struct souk_message *
souk_live_pop(struct souk_live *live)
{
    struct souk_message *m = live->head;
    if (!m) return NULL;
    live->head = m->next;
    if (!live->head) live->tail = NULL;
    live->depth--;
    if (live->crowded) live->extra->lane[m->lane % SOUK_LANES]--;
    return m;
}

/* Whether there is room for one more, after the kind's policy. What has to go for it is moved to `dropped`. */
bool souk_live_room(struct souk_live *live, souk_heap *heap, struct souk_message *m, uint64_t now_ms,
                    struct souk_fifo *dropped);
/* Takes the ask out of its queue; NULL when it isn't there. */
struct souk_message *souk_live_take_ask(struct souk_live *live, souk_asker asker);
/* Puts a message aside; all of these in front of its queue. */
void souk_live_stash(struct souk_live *live, souk_heap *heap, struct souk_message *m);
void souk_live_unstash(struct souk_live *live);
/* Takes the signals of that sort out of its queue, and frees them. */
void souk_live_forget(struct souk_live *live, souk_heap *heap, enum souk_signal signal);
/* Puts a chain in front of its queue. */
void souk_live_push_front(struct souk_live *live, struct souk_fifo *chain);

/* ---- What is under way for it. ---- */

/* The entry of a number, or NULL. Good until the next one is added or removed. */
struct souk_open *souk_open_search_(const struct souk_live *live, uint32_t number);
static inline struct souk_open *
souk_open_find(const struct souk_live *live, uint32_t number)
{
    const struct souk_extra *x = live->extra;
    if (!x || !x->open_room || !number) return NULL;
    struct souk_open *own = &x->open[number & (x->open_room - 1)];
    return own->number == number ? own : own->number ? souk_open_search_(live, number) : NULL;
}
/* A new entry under the actor's next number. */
struct souk_open *souk_open_add(struct souk_live *live, souk_heap *heap, enum souk_open_class class);
void souk_open_remove(struct souk_live *live, uint32_t number);
struct souk_gathering *souk_gathering_find(const struct souk_live *live, uint32_t number);
/* Frees it with the outcomes that it has. */
void souk_gathering_free(struct souk_live *live, souk_heap *heap, uint32_t number);

/* ---- Restarts. ---- */

/* Notes a restart: how many there were within its policy's time, with this one. */
uint32_t souk_live_count_restart(struct souk_live *live, souk_heap *heap, uint64_t now_ms);
/* How many milliseconds before the next life: twice as many each time. */
uint64_t souk_live_pause_ms(const struct souk_live *live, uint64_t now_ms);

/* ---- Bonds. ---- */

/* The bond, or NULL. Good until one is added or removed. */
struct souk_bond *souk_bond_find(const struct souk_live *live, enum souk_bond_class class, souk_ref to,
                                 uint32_t number);
/* Adds one; false when it is there already. */
bool souk_bond_add(struct souk_live *live, souk_heap *heap, struct souk_bond bond);
/* False when it isn't there. */
bool souk_bond_remove(struct souk_live *live, enum souk_bond_class class, souk_ref to, uint32_t number);

#endif
