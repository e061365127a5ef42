/* SPDX-License-Identifier: Apache-2.0 */
/* work/watch.h -- what is noted about turns for those who look into a node: slow ones, failed ones, stalled ones, and
 * the trace.
 *
 * A note is written by one thread and read by any: a version that is odd while it is written, and words of atomics. A
 * word is stored with release and loaded with acquire, so whoever sees one of a newer writing sees that its version has
 * changed as well. (No fences: ThreadSanitizer doesn't know them.) */
#ifndef SOUK_WORK_WATCH_H
#define SOUK_WORK_WATCH_H

#include "cell/turn.h"
#include <pthread.h>
#include <souk/inspect.h>
#include <stdatomic.h>

enum {
    SOUK_NOTE_WORDS = 9,
    SOUK_SLOW = 16,          /* Slow turns that a worker remembers, */
    SOUK_SLOW_MS = 120000,   /* for so long. */
    SOUK_SLOW_NS = 2000,     /* What is quicker is not slow. */
    SOUK_FAULTS = 8,
    SOUK_STALLS = 16,
    SOUK_TIMED_ONE_IN = 64,  /* Turns. */
    SOUK_TRACE_LINES = 1024,
    SOUK_TRACE_LINE = 512,   /* Bytes of one, with its newline. */
    SOUK_WATCHED_MAX = 64,   /* Workers. */
};

struct souk_note { _Atomic uint64_t version, word[SOUK_NOTE_WORDS]; };

/* Its one writer. */
void souk_note_write(struct souk_note *note, const struct souk_noted *noted);
/* False when it is empty, or is being written just now. Any thread. */
bool souk_note_read(const struct souk_note *note, struct souk_noted *noted);

/* The last lines about traced actors. Only who traces waits for the lock. */
struct souk_trace {
    pthread_mutex_t lock;
    char (*line)[SOUK_TRACE_LINE]; /* Made with the first one. */
    uint64_t count;
    _Atomic bool aloud;
};

/* The watchdog's: its thread alone writes. */
struct souk_watchdog {
    const struct souk_kind_tally *tally[SOUK_WATCHED_MAX];
    uint64_t turns[SOUK_WATCHED_MAX], since_ns[SOUK_WATCHED_MAX]; /* Which turn it saw, since when. */
    uint32_t told[SOUK_WATCHED_MAX];                              /* The place of its note + 1; 0: not told. */
    struct souk_note stalls[SOUK_STALLS];
    _Atomic uint64_t count;
    /* Which round of the worker it saw, since when; whether it was told. */
    uint64_t rounds[SOUK_WATCHED_MAX], round_ns[SOUK_WATCHED_MAX];
    bool held[SOUK_WATCHED_MAX];
    _Atomic uint64_t held_count;
};

struct souk_worker;
struct souk_partition;

/* Notes a turn that took that long, if it is among the slowest. The worker's thread. */
void souk_watch_slow(struct souk_worker *worker, uint64_t ns);
/* Readies what a new worker counts and notes. */
void souk_watch_init(struct souk_worker *worker);
/* Notes a turn that failed, as slice.catch has it. */
void souk_watch_fault(struct souk_worker *worker);
/* Runs a turn with the clock in hand, and tells it if the actor is traced. */
enum souk_live_next souk_watch_live(struct souk_worker *worker, struct souk_live *live, struct souk_message *message);
bool souk_watch_cell(struct souk_worker *worker, struct souk_cell *cell, struct souk_message *message);
/* Tells the turn under way to the trace. The slice's hook for cells; lives.c calls it for a volatile actor. */
void souk_watch_trace(void *worker, souk_verdict verdict);

/* One round of the watchdog: who is in the same turn as long as stall_ms is told on standard error, once; as long as
 * fatal_ms, if that isn't 0: the process panics. A worker that is in no turn and hasn't come round for stall_ms is
 * told, too: it waits for the disk, or its thread gets no time. Its thread. */
void souk_watchdog_step(struct souk_partition *partition, uint64_t now_ns, uint64_t stall_ms, uint64_t fatal_ms);

/* A line of the trace. Any thread. */
void souk_trace_line(struct souk_trace *trace, const char *line, size_t length);

#endif
