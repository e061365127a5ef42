/* SPDX-License-Identifier: Apache-2.0 */
/* work/watch.c -- slow, failed and stalled turns, and the trace of an actor: see watch.h.
 *
 * Which turn a worker is in it says with relaxed stores (struct souk_at). The watchdog believes them when it finds the
 * same kind and count of turns twice, `stall_ms` apart: what was stored before that long ago has long been seen. */
#include "work/watch.h"

#include "work/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Notes. ---- */

void
souk_note_write(struct souk_note *note, const struct souk_noted *n)
{
    const uint64_t word[SOUK_NOTE_WORDS] = {
        (uintptr_t)n->kind, n->key.high, n->key.low, (uintptr_t)n->message, n->time_ms, n->ns, (uintptr_t)n->what,
        (uintptr_t)n->file,
        n->line | (uint64_t)n->worker << 32 | (uint64_t)n->stalled << 48 | (uint64_t)n->under_way << 49,
    };
    uint64_t version = atomic_load_explicit(&note->version, memory_order_relaxed);
    atomic_store_explicit(&note->version, version + 1, memory_order_relaxed);
    for (unsigned i = 0; i < SOUK_NOTE_WORDS; i++)
        atomic_store_explicit(&note->word[i], word[i], memory_order_release); /* pairs with the acquire below */
    atomic_store_explicit(&note->version, version + 2, memory_order_release);
}

bool
souk_note_read(const struct souk_note *note, struct souk_noted *n)
{
    uint64_t word[SOUK_NOTE_WORDS];
    uint64_t version = atomic_load_explicit(&note->version, memory_order_acquire);
    if (!version || version & 1) return false;
    for (unsigned i = 0; i < SOUK_NOTE_WORDS; i++)
        word[i] = atomic_load_explicit(&note->word[i], memory_order_acquire);
    if (atomic_load_explicit(&note->version, memory_order_relaxed) != version) return false;
    *n = (struct souk_noted){
        .kind = (const void *)(uintptr_t)word[0], .key = { word[1], word[2] },
        .message = (const char *)(uintptr_t)word[3], .time_ms = word[4], .ns = word[5],
        .what = (const char *)(uintptr_t)word[6], .file = (const char *)(uintptr_t)word[7],
        .line = (uint32_t)word[8], .worker = (uint16_t)(word[8] >> 32), .stalled = word[8] >> 48 & 1,
        .under_way = word[8] >> 49 & 1,
    };
    return true;
}

/* The turn that a worker is in, as it says itself. */
static struct souk_noted
turn_of(const struct souk_worker *w)
{
    const struct souk_at *at = &w->slice.at;
    const struct souk_kind_tally *tally = atomic_load_explicit(&at->tally, memory_order_relaxed);
    const struct souk_kind *kind = tally ? tally->kind : NULL;
    return (struct souk_noted){
        .kind = kind, .worker = (uint16_t)w->number,
        .key = { atomic_load_explicit(&at->high, memory_order_relaxed),
                 atomic_load_explicit(&at->low, memory_order_relaxed) },
        .message = souk_message_name(kind, atomic_load_explicit(&at->tag, memory_order_relaxed)),
    };
}

uint64_t
souk_worker_turns(const struct souk_worker *w)
{
    uint64_t turns = 0;
    for (unsigned k = 0; k < SOUK_KINDS_MAX; k++)
        turns += atomic_load_explicit(&w->slice.tally[k].turns, memory_order_relaxed);
    return turns;
}

void
souk_watch_init(struct souk_worker *w)
{
    w->slice.trace = souk_watch_trace;
    w->slice.tally = souk_partition_lines(w->heap, SOUK_KINDS_MAX * sizeof *w->slice.tally);
    for (unsigned k = 0; k < SOUK_KINDS_MAX; k++) w->slice.tally[k].kind = w->partition->kinds[k];
    w->watch_in = SOUK_TIMED_ONE_IN;
}

/* ---- Slow turns. ---- */

static bool
same_turn(const struct souk_noted *a, const struct souk_noted *b)
{
    return a->kind == b->kind && a->message == b->message && souk_key_equal(a->key, b->key);
}

/* The slowest ones, one for each actor and message: its own former place, else a free or old one, else the quickest. */
void
souk_watch_slow(struct souk_worker *w, uint64_t ns)
{
    uint64_t now_ms = w->slice.now_ms;
    if (ns < SOUK_SLOW_NS || (ns <= w->slow_least_ns && now_ms < w->slow_look_ms)) return;
    struct souk_noted turn = turn_of(w), old;
    turn.ns = ns;
    turn.time_ms = now_ms;
    struct souk_note *place = NULL;
    uint64_t least = UINT64_MAX, second = UINT64_MAX;
    for (unsigned i = 0; i < SOUK_SLOW; i++) {
        uint64_t had = 0;
        if (souk_note_read(&w->slow[i], &old) && old.time_ms + SOUK_SLOW_MS > now_ms) {
            had = old.ns;
            if (same_turn(&old, &turn)) {
                if (ns > had) souk_note_write(&w->slow[i], &turn);
                return;
            }
        }
        if (had < least) {
            second = least;
            least = had;
            place = &w->slow[i];
        } else if (had < second) {
            second = had;
        }
    }
    if (ns > least) {
        souk_note_write(place, &turn);
        least = second < ns ? second : ns;
    }
    w->slow_least_ns = least;
    w->slow_look_ms = now_ms + 1000;
}

static uint64_t
now_ns(const struct souk_worker *w)
{
    return w->partition->world->monotonic_ns(w->partition->world->self);
}

enum souk_live_next
souk_watch_live(struct souk_worker *w, struct souk_live *live, struct souk_message *m)
{
    w->watch_in = SOUK_TIMED_ONE_IN; /* Now, for a turn may be left by a jump. */
    w->slice.turn.verdict = SOUK_ACCEPT;
    uint64_t began = now_ns(w);
    enum souk_live_next next = souk_live_turn(&w->slice, live, m);
    souk_watch_slow(w, now_ns(w) - began);
    if (!live->traced) return next;
    w->watch_in = 1;
    souk_watch_trace(w, next == SOUK_LIVE_FAILS ? SOUK_FAILED : w->slice.turn.verdict);
    return next;
}

bool
souk_watch_cell(struct souk_worker *w, struct souk_cell *cell, struct souk_message *m)
{
    w->watch_in = SOUK_TIMED_ONE_IN;
    uint64_t began = now_ns(w);
    bool good = souk_turn_run(&w->slice, cell, m);
    souk_watch_slow(w, now_ns(w) - began);
    return good;
}

void
souk_watch_fault(struct souk_worker *w)
{
    const struct souk_catch *c = &w->slice.catch;
    struct souk_noted turn = turn_of(w);
    turn.time_ms = w->slice.now_ms;
    turn.what = c->what;
    turn.file = c->file;
    turn.line = (uint32_t)c->line;
    souk_note_write(&w->faults[w->faults_count++ % SOUK_FAULTS], &turn);
}

/* ---- The watchdog. ---- */

static void
tell_stall(const struct souk_noted *turn, const char *what)
{
    fprintf(stderr, "souk: worker %u %s %" PRIu64 " ms in a turn of %s %016" PRIx64 "%016" PRIx64 ", message %s\n",
            turn->worker, what, turn->ns / 1000000, turn->kind->name, turn->key.high, turn->key.low, turn->message);
}

/* The turn that was told has ended, or goes on. */
static void
follow(struct souk_partition *p, unsigned worker, uint64_t ns, bool ended)
{
    struct souk_watchdog *dog = &p->watchdog;
    struct souk_note *note = &dog->stalls[dog->told[worker] - 1];
    struct souk_noted turn;
    bool whole = souk_note_read(note, &turn);
    souk_assert(whole); /* We are the one who writes. */
    if (turn.worker != worker) return; /* So many stalls since that its place has gone to another. */
    turn.ns = ns;
    turn.time_ms = souk_partition_now_ms(p);
    turn.under_way = !ended;
    souk_note_write(note, &turn);
    if (ended) tell_stall(&turn, "was about");
}

static void
look_at(struct souk_partition *p, unsigned i, uint64_t now, uint64_t stall_ms, uint64_t fatal_ms)
{
    struct souk_watchdog *dog = &p->watchdog;
    const struct souk_worker *w = p->workers[i];
    const struct souk_kind_tally *tally = atomic_load_explicit(&w->slice.at.tally, memory_order_relaxed);
    uint64_t turns = tally ? atomic_load_explicit(&tally->turns, memory_order_relaxed) : 0;
    if (!tally || tally != dog->tally[i] || turns != dog->turns[i]) {
        if (dog->told[i]) follow(p, i, now - dog->since_ns[i], true);
        dog->tally[i] = tally;
        dog->turns[i] = turns;
        dog->since_ns[i] = now;
        dog->told[i] = 0;
        return;
    }
    uint64_t ns = now - dog->since_ns[i];
    if (ns < stall_ms * 1000000) return;
    if (!dog->told[i]) {
        struct souk_noted turn = turn_of(w);
        if (turn.kind != tally->kind || atomic_load_explicit(&tally->turns, memory_order_relaxed) != turns) return;
        turn.ns = ns;
        turn.time_ms = souk_partition_now_ms(p);
        turn.stalled = turn.under_way = true;
        uint64_t count = atomic_load_explicit(&dog->count, memory_order_relaxed);
        souk_note_write(&dog->stalls[count % SOUK_STALLS], &turn);
        dog->told[i] = (uint32_t)(count % SOUK_STALLS) + 1;
        atomic_store_explicit(&dog->count, count + 1, memory_order_relaxed);
        tell_stall(&turn, "has been");
    } else {
        follow(p, i, ns, false);
    }
    if (fatal_ms && ns >= fatal_ms * 1000000)
        souk_panic(__FILE__, __LINE__, "a turn doesn't end (stall_fatal_ms), see above");
}

/* Even one that sleeps comes round ten times a second. */
static void
look_round(struct souk_partition *p, unsigned i, uint64_t now, uint64_t stall_ms)
{
    struct souk_watchdog *dog = &p->watchdog;
    const struct souk_worker *w = p->workers[i];
    uint64_t rounds = atomic_load_explicit(&w->counted[SOUK_N_ROUNDS], memory_order_relaxed);
    uint64_t ms = (now - dog->round_ns[i]) / 1000000;
    bool in_turn = atomic_load_explicit(&w->slice.at.tally, memory_order_relaxed) != NULL;
    if (rounds != dog->rounds[i]) {
        if (dog->held[i]) fprintf(stderr, "souk: worker %u came round after %" PRIu64 " ms\n", i, ms);
        dog->rounds[i] = rounds;
        dog->round_ns[i] = now;
        dog->held[i] = false;
    } else if (rounds && ms >= stall_ms && !in_turn && !dog->held[i]) {
        fprintf(stderr, "souk: worker %u has not come round for %" PRIu64 " ms, in no turn: it waits for the disk, or "
                        "its thread for a processor\n", i, ms);
        dog->held[i] = true;
        atomic_store_explicit(&dog->held_count, atomic_load_explicit(&dog->held_count, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    }
}

void
souk_watchdog_step(struct souk_partition *p, uint64_t now, uint64_t stall_ms, uint64_t fatal_ms)
{
    for (unsigned i = 0; i < p->workers_count; i++) {
        look_at(p, i, now, stall_ms, fatal_ms);
        look_round(p, i, now, stall_ms);
    }
}
