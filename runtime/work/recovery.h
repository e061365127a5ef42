/* SPDX-License-Identifier: Apache-2.0 */
/* work/recovery.h -- what the parts of a recovery share: restore.c reads the vault, replay.c the journal, and recover.c
 * puts back what was outstanding. One thread, before any other runs. */
#ifndef SOUK_WORK_RECOVERY_H
#define SOUK_WORK_RECOVERY_H

#include "work/checkpoint.h"
#include "work/fault.h"
#include "work/walk.h"

/* An actor of a batch; not woken when its snapshot is newer than the batch. */
struct souk_recovering { souk_ref ref; struct souk_cell *cell; };
/* The journal's link at a position, as a checkpoint saw it. */
struct souk_seen { uint64_t position; struct souk_link link; };

struct souk_recovery {
    struct souk_partition *p;
    char *why;                  /* Where a sentence on what is wrong goes; may be NULL. */
    size_t why_size;
    /* Of the vault. */
    struct souk_marker marker;  /* All zeros: there is none. */
    uint32_t tables;            /* Of the marker's checkpoint, as far as they were found. */
    bool outdated;              /* The vault is an earlier version's: it is not used, and emptied in the end. */
    uint64_t newest;            /* The highest position that a snapshot has. */
    struct souk_seen *seen;     /* Where puts of snapshots saw the journal's end, the last first. */
    size_t seen_count, seen_room;
    souk_ref *asking;           /* Actors with open asks: their deadlines must run. */
    size_t asking_count, asking_room;
    /* Of the journal. */
    struct souk_walk walk;
    uint64_t from, last;        /* Where reading begins, and about where it will end. */
    uint64_t last_ms;
    uint64_t bytes;             /* That were read: they count towards the next checkpoint. */
    uint64_t began_ns, told_ns; /* Of the monotonic clock: when it began, and when it last said how far it is. */
    struct souk_recovering *entries; /* The dictionary of the batch being read. */
    size_t entries_count, entries_room;
    struct souk_scratch scratch;
    struct souk_catch catch;
    /* Outstanding. */
    struct souk_message **sent; /* In the order of their ids; class 0 where consumed. */
    size_t sent_count, sent_room;
    struct souk_message **calls; /* Port calls without outcome. */
    size_t calls_count, calls_room;
};

#define SOUK_RECOVERY_PUSH(r, list, value)                                                                     \
    do {                                                                                                       \
        if ((r)->list##_count == (r)->list##_room) {                                                           \
            size_t room = (r)->list##_room ? 2 * (r)->list##_room : 256;                                       \
            (r)->list = souk_heap_grow((r)->p->heap, (r)->list, (r)->list##_room * sizeof *(r)->list,          \
                                       room * sizeof *(r)->list);                                              \
            (r)->list##_room = room;                                                                           \
        }                                                                                                      \
        (r)->list[(r)->list##_count++] = (value);                                                              \
    } while (0)

/* Says what is wrong, and returns the error. */
souk_err souk_recovery_fault(struct souk_recovery *r, souk_err err, const char *format, ...) SOUK_PRINTF(3, 4);
/* Whether the program has that kind, and as an event-sourced one; says it when not. */
bool souk_recovery_hosts(struct souk_recovery *r, const char *whose, uint32_t kind);
/* The actor, woken from its snapshot or made. */
souk_err souk_recovery_wake(struct souk_recovery *r, uint32_t kind, souk_key key,
                            struct souk_cell **out) SOUK_MUST_CHECK;
/* Keeps a message that is outstanding. */
souk_err souk_recovery_keep(struct souk_recovery *r, const struct souk_step *step) SOUK_MUST_CHECK;
/* The outstanding message of that id, or NULL. */
struct souk_message *souk_recovery_sent(struct souk_recovery *r, struct souk_id id);

/* ---- future.c: what this program cannot know is SOUK_ERR_VERSION. ---- */

/* An event that could not be applied: does its kind have it at all? */
souk_err souk_recovery_knows_event(struct souk_recovery *r, const struct souk_identity *actor, uint32_t tag,
                                   uint64_t position) SOUK_MUST_CHECK;
/* The commands that are outstanding: would any be refused as unknown, and so be lost? */
souk_err souk_recovery_knows_sent(struct souk_recovery *r) SOUK_MUST_CHECK;
/* A snapshot: is it of a later format, or has its state more fields than the kind? */
souk_err souk_recovery_knows_snapshot(struct souk_recovery *r, const struct souk_identity *actor,
                                      struct souk_bytes snapshot) SOUK_MUST_CHECK;

/* ---- restore.c ---- */

/* Reads the marker, who has a snapshot, and what was outstanding at the checkpoint. */
souk_err souk_restore(struct souk_recovery *r) SOUK_MUST_CHECK;
/* Removes what an earlier version left in the vault, once the journal has been read. */
souk_err souk_restore_empty(struct souk_recovery *r) SOUK_MUST_CHECK;

/* ---- replay.c ---- */

/* Reads the journal from the checkpoint on, to its end, which it returns. */
souk_err souk_replay(struct souk_recovery *r, uint64_t *end) SOUK_MUST_CHECK;

#endif
