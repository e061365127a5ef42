/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/kinds.h -- what can be said to the actors of `bench actors`; bench/actors.py says what each does.
 *
 * All are volatile: see souk/volatile.h. A benchmark has one actor that main.c starts, under the key BENCH_KEY, with so
 * much work; it spawns the others, checks what they did, and tells the referee. What an actor needs to know of another
 * is his key; his kind is known from what is said. */
#ifndef SOUK_BENCH_ACTORS_KINDS_H
#define SOUK_BENCH_ACTORS_KINDS_H

#include <souk/volatile.h>

/* Where actors are spawned: all in one shard, or over the shards. Set before the node is opened. */
extern enum souk_where bench_place;

/* The keys of the actors that main.c knows: each is the only one of its kind. */
#define BENCH_KEY ((souk_key){ 1, 1 })

/* So long an ask may take that shall never be late. */
enum { BENCH_PATIENCE_MS = 60000 };

/* The monotonic clock. (An actor's own clock, souk_now_ms(), stands still during a slice.) */
uint64_t bench_now_ns(void);
/* The memory of the process that is resident, in bytes. */
uint64_t bench_resident(void);
/* Tells the referee when a benchmark's own result is wrong. In a turn. */
void bench_expect(souk_turn *turn, const char *what, uint64_t wanted, uint64_t got);

/* ---- The referee hears what came of it; its answer is given when all is over. ---- */

#define REFEREE_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    RECORD(bench_work, F(1, u64, n) F(2, u32, actors))                                                                \
    RECORD(bench_count, F(1, u64, count))                                                                             \
    RECORD(bench_result, F(1, u64, ops) F(2, u64, ns) F(3, u64, bytes) F(4, u64, p50_ns) F(5, u64, p99_ns)            \
                         F(6, u64, p999_ns)) /* 0: not measured. */                                                   \
    REFUSAL(1, referee_objects, "the result is wrong")                                                                \
    COMMAND(1, referee_protest, internal, F(1, text, what) F(2, u64, wanted) F(3, u64, got))                          \
    COMMAND(2, referee_end, internal, F(1, bench_result, result))                                                     \
    QUERY(1, referee_result, bench_result)
SOUK_PROTOCOL(referee, 1, REFEREE_TABLE);

/* ---- ping-pong ---- */

#define PING_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                            \
    COMMAND(1, ping_start, public, F(1, bench_work, work))                                                            \
    COMMAND(2, ping_ponged, internal)                                                                                 \
    REPLY(3, ping_counted, pong_count)                                                                                \
    COMMAND(4, ping_play, internal, F(1, bench_work, work))
SOUK_PROTOCOL(ping, 2, PING_TABLE);
#define PONG_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                            \
    COMMAND(1, pong_ping, internal, F(1, key, from))                                                                  \
    COMMAND(2, pong_count, internal)
SOUK_PROTOCOL(pong, 3, PONG_TABLE);

/* ---- counting-1, counting-8 ---- */

#define COUNTING_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                        \
    COMMAND(1, counting_start, public, F(1, bench_work, work))                                                        \
    COMMAND(2, counting_produced, internal)                                                                           \
    REPLY(3, counting_total, counter_total)
SOUK_PROTOCOL(counting, 4, COUNTING_TABLE);
#define PRODUCER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                        \
    COMMAND(1, producer_go, internal, F(1, key, counter) F(2, u64, n))                                                \
    COMMAND(2, producer_more, internal)                                                                               \
    REPLY(3, producer_counted, counter_total)
SOUK_PROTOCOL(producer, 5, PRODUCER_TABLE);
#define COUNTER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    COMMAND(1, counter_add, internal, F(1, u32, amount))                                                              \
    COMMAND(2, counter_total, internal)
SOUK_PROTOCOL(counter, 6, COUNTER_TABLE);

/* ---- ring ---- */

#define RING_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                            \
    COMMAND(1, ring_start, public, F(1, bench_work, work))                                                            \
    COMMAND(2, ring_last, internal)                                                                                   \
    REPLY(3, ring_counted, member_count)
SOUK_PROTOCOL(ring, 7, RING_TABLE);
#define MEMBER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    COMMAND(1, member_meet, internal, F(1, key, next))                                                                \
    COMMAND(2, member_token, internal, F(1, u64, left))                                                               \
    COMMAND(3, member_count, internal)
SOUK_PROTOCOL(member, 8, MEMBER_TABLE);

/* ---- spawn, spawn-idle ---- */

#define SPAWNER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    COMMAND(1, spawner_start, public, F(1, bench_work, work))                                                         \
    COMMAND(2, spawner_settle, public, F(1, bench_work, work))                                                        \
    COMMAND(3, spawner_more, internal)                                                                                \
    COMMAND(4, spawner_collected, internal, F(1, u64, sum))
SOUK_PROTOCOL(spawner, 9, SPAWNER_TABLE);
#define COLLECTOR_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                       \
    COMMAND(1, collector_wait, internal, F(1, u64, n))                                                                \
    COMMAND(2, collector_add, internal, F(1, u32, amount))
SOUK_PROTOCOL(collector, 10, COLLECTOR_TABLE);
#define MAYFLY_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    COMMAND(1, mayfly_fly, internal, F(1, key, collector))                                                            \
    COMMAND(2, mayfly_sit, internal, F(1, key, collector))
SOUK_PROTOCOL(mayfly, 11, MAYFLY_TABLE);

/* ---- big ---- */

#define BIG_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                             \
    COMMAND(1, big_start, public, F(1, bench_work, work))                                                             \
    COMMAND(2, big_finished, internal)                                                                                \
    REPLY(3, big_counted, chatter_count)
SOUK_PROTOCOL(big, 12, BIG_TABLE);
#define CHATTER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    COMMAND(1, chatter_sit, internal, F(1, u64, rounds))                                                              \
    COMMAND(2, chatter_meet, internal, L(1, key, all, 256))                                                           \
    COMMAND(3, chatter_ping, internal, F(1, key, from))                                                               \
    COMMAND(4, chatter_pong, internal)                                                                                \
    COMMAND(5, chatter_count, internal)
SOUK_PROTOCOL(chatter, 13, CHATTER_TABLE);

/* ---- bank ---- */

#define TELLER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    COMMAND(1, teller_start, public, F(1, bench_work, work))                                                          \
    REPLY(2, teller_transferred, account_transfer)                                                                    \
    REPLY(3, teller_audited, account_balance)                                                                         \
    COMMAND(4, teller_play, internal, F(1, bench_work, work))
SOUK_PROTOCOL(teller, 14, TELLER_TABLE);
#define ACCOUNT_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    RECORD(account_transit, F(1, asker, teller))                                                                      \
    COMMAND(1, account_open, internal, F(1, u64, balance))                                                            \
    COMMAND(2, account_transfer, internal, F(1, key, to) F(2, u32, amount))                                           \
    COMMAND(3, account_credit, internal, F(1, u32, amount))                                                           \
    COMMAND(4, account_balance, internal)                                                                             \
    REPLY(5, account_credited, account_credit)
SOUK_PROTOCOL(account, 15, ACCOUNT_TABLE);

/* ---- chameneos ---- */

#define MALL_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                            \
    COMMAND(1, mall_start, public, F(1, bench_work, work))                                                            \
    COMMAND(2, mall_enter, internal, F(1, key, who) F(2, u32, colour))                                                \
    COMMAND(3, mall_met, internal, F(1, u64, meetings))                                                               \
    COMMAND(4, mall_play, internal, F(1, bench_work, work))
SOUK_PROTOCOL(mall, 16, MALL_TABLE);
#define CREATURE_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                        \
    COMMAND(1, creature_live, internal, F(1, u32, colour) F(2, key, mall))                                            \
    COMMAND(2, creature_meet, internal, F(1, key, other) F(2, u32, colour))                                           \
    COMMAND(3, creature_change, internal, F(1, u32, colour))                                                          \
    COMMAND(4, creature_leave, internal)
SOUK_PROTOCOL(creature, 17, CREATURE_TABLE);

/* ---- fib ---- */

#define FIB_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                             \
    COMMAND(1, fib_start, public, F(1, bench_work, work))                                                             \
    COMMAND(2, fib_value, internal, F(1, u64, value))
SOUK_PROTOCOL(fib, 18, FIB_TABLE);
#define BRANCH_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    COMMAND(1, branch_grow, internal, F(1, key, parent) F(2, u32, n) F(3, u32, spread_above))                         \
    COMMAND(2, branch_value, internal, F(1, u64, value))
SOUK_PROTOCOL(branch, 19, BRANCH_TABLE);

/* ---- ask-latency ---- */

#define PATIENT_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    COMMAND(1, patient_start, public, F(1, bench_work, work))                                                         \
    REPLY(2, patient_told, busy_number)                                                                               \
    COMMAND(3, patient_play, internal, F(1, bench_work, work))
SOUK_PROTOCOL(patient, 20, PATIENT_TABLE);
#define BUSY_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                            \
    COMMAND(1, busy_meet, internal, F(1, key, next) F(2, u64, number))                                                \
    COMMAND(2, busy_token, internal)                                                                                  \
    COMMAND(3, busy_number, internal)
SOUK_PROTOCOL(busy, 21, BUSY_TABLE);

/* ---- touch ---- */

#define CROWD_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                           \
    COMMAND(1, crowd_start, public, F(1, bench_work, work))                                                           \
    COMMAND(2, crowd_grow, internal)                                                                                  \
    COMMAND(3, crowd_touch, internal)                                                                                 \
    REPLY(4, crowd_touched, counter_total)
SOUK_PROTOCOL(crowd, 22, CROWD_TABLE);

#endif
