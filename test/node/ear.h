/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/ear.h -- a volatile kind that subscribes to what purses do, and notes what it gets outside of itself, so
 * that a test can compare it with the journal. */
#ifndef TEST_NODE_EAR_H
#define TEST_NODE_EAR_H

#include "purse.h"

#include "cell/batch.h"
#include "store/journal.h"
#include <souk/topic.h>

#define EAR_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                 \
  RECORD(ear_view, F(1, u64, positions) F(2, u64, events) F(3, u32, depth))                               \
  COMMAND(1, ear_start, public, F(1, u32, id))                                                            \
  COMMAND(2, ear_happened, internal, SOUK_HAPPENED(F))                                                    \
  COMMAND(3, ear_go, public, )                                                                            \
  COMMAND(4, ear_hatch, public, F(1, u32, id))                                                            \
  QUERY(1, ear_look, ear_view, )

SOUK_PROTOCOL(ear, 20, EAR_TABLE);

enum { EARS = 8, EAR_EVENTS = 1 << 16 };

/* What one ear has got, and what it shall do. */
struct ear_log {
    struct souk_cursor seen[EAR_EVENTS], cursor; /* `cursor`: where it begins, and how far it has got. */
    unsigned count, notices, starts, stashed;
    uint64_t skipped;
    uint32_t max_lag;
    bool stashes;                     /* Puts all aside until it is told to go. */
    unsigned stops_at, fails_at;      /* Unsubscribes, or fails, at that event; 0: never. */
    bool rewinds;                     /* Forgets what it got when it starts. */
    bool stopped;
};
extern struct ear_log ear_logs[EARS];
/* The position that is durable; events beyond are a failure. UINT64_MAX: not checked. */
extern uint64_t (*ear_durable)(void);

/* Of the purses' events those that ears want. */
extern const struct souk_row *const ear_events[];
/* Notes an event; false when it is out of order, or beyond what is durable. */
bool ear_note(struct ear_log *log, uint64_t position, uint32_t ordinal);
/* All of them that a journal holds beyond a cursor, of one actor or all. Returns how many. */
unsigned ear_journal(souk_journal *journal, struct souk_cursor after, souk_key actor, struct souk_cursor *out);

#endif
