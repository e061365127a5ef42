/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_inside.h -- what the files of `souk crash` share, and nobody else sees.
 *
 * crash.c has options and the whole; crash_rounds.c strikes, waits and restarts; crash_faults.c is the table of faults
 * and crash_starts.c those of a start; crash_hold.c and crash_probe.c hold a thread and ask the node;
 * crash_report.c tells. All on one thread. */
#ifndef SOUK_CRASH_INSIDE_H
#define SOUK_CRASH_INSIDE_H

#include "crash_shim.h"
#include "load.h"
#include "sale_report.h"

enum {
    CRASH_FAULTS_MAX = 32,
    CRASH_BACKLOG_MIB = 1, /* Of a node that is struck, so that small loads reach its limits. */
    CRASH_CROWD = 4000,    /* Buyers who come at once when the disk is slow. */
    CRASH_COUNT_PLACE = SHIM_RULES - 1, /* The control file's place that counts the calls of a start. */
};
#define CRASH_MS UINT64_C(1000000)

struct crash;

/* What becomes of the node. */
enum crash_end {
    CRASH_GOES_ON,
    CRASH_IS_KILLED,     /* by signal 9 */
    CRASH_STOPS,         /* by itself, with status 74, after it has said why */
    CRASH_STOPS_OR_NOT,  /* ... or 73; or it goes on */
    CRASH_LEAVES,        /* with status 0 */
};

/* A fault. What `does` and `outcome` say in words the other members bring about and assert. */
struct crash_fault {
    const char *name, *does, *outcome;
    enum crash_end end;
    unsigned times;       /* How often, when nobody says. */
    bool at_start;        /* strike() comes before the node is started once more; and again if nothing came of it. */
    const char *says, *says_too; /* What the node's standard error must say; NULL: nothing. */
    void (*strike)(struct crash *crash);
    /* Of one that goes on: whether it has lasted, asked again and again; and its end. */
    bool (*over)(struct crash *crash, uint64_t lasted_ms);
    void (*lift)(struct crash *crash);
    /* Whether all was as it must be, when it is over. False after souk_crash_fail(). NULL: nothing more to assert. */
    bool (*proof)(struct crash *crash);
};

/* The table, without an end mark. */
extern const struct crash_fault souk_crash_faults[];
extern const unsigned souk_crash_faults_count;

/* What came of a fault. */
struct crash_result { uint64_t times, in_recovery, checks, violations, fired; };

struct crash_asked {
    struct souk_options_memory *memory;
    struct load_plan plan;
    struct stage_plan stage;
    const char *faults, *fault;
    uint64_t times, check_every, gap_ms; /* times 0: as often as the fault's own number. */
    bool json, discard;
};

enum crash_phase { CRASH_SERVES, CRASH_STRUCK, CRASH_LIFTED, CRASH_RECOVERS };

struct crash {
    const struct crash_asked *asked;
    struct stage *stage;
    struct crash_shim shim;
    souk_load *load;
    uint64_t chance;
    unsigned first, end, now; /* The faults of the table that are to come, and the one under way. */
    struct crash_result results[CRASH_FAULTS_MAX];
    enum crash_phase phase;
    bool starting;     /* Struck at its start, and not yet ready. */
    bool failed;
    unsigned tries;    /* Starts that were struck without anything happening. */
    uint64_t due_ns;   /* When to strike; while it recovers: when to kill it, UINT64_MAX: not. */
    uint64_t began_ns; /* The phase, or when a struck node began to serve. */
    long log_from;     /* Where the log stood at the strike. */
    struct load_tally before; /* The tally at the strike, but for its histograms. */
    uint64_t kills, in_recovery, checks, violations;
    uint64_t *restart_ns, restarts, restarts_room; /* Of the restarts that came to their end. */
    uint64_t start_calls; /* That the last start made in the data directory. */
    bool probed, slower;
    int held;          /* The thread that is held; 0: none. */
    unsigned held_worker;
    double metric;     /* What proof() remembers of before. */
};

/* ---- crash_rounds.c ---- */

/* struct load_plan's step. */
uint64_t souk_crash_step(void *crash, souk_load *load, uint64_t now_ns);
/* Takes back whatever a fault has done to the node that runs, so that it can be ended. */
void souk_crash_abandon(struct crash *crash);
/* The fault under way, and what has come of it. */
const struct crash_fault *souk_crash_fault(const struct crash *crash);
struct crash_result *souk_crash_result(struct crash *crash);
/* A number below `end`; 0 if that is 0. */
uint64_t souk_crash_draw(struct crash *crash, uint64_t end);
/* Says what is not as it must be; the rush comes to its end. Returns false. */
bool souk_crash_fail(struct crash *crash, const char *format, ...) SOUK_PRINTF(2, 3);

/* ---- crash_starts.c ---- */

/* Counts the calls of the coming start. Before each start. */
void souk_crash_count_start(struct crash *crash);
/* Before a call, after it, or in its middle. */
enum shim_act souk_crash_some_kill(struct crash *crash);
/* Strikes of faults that stand in the table with at_start. */
void souk_crash_kill_a_start(struct crash *crash);
void souk_crash_fail_a_start(struct crash *crash);

/* ---- crash_hold.c ---- */

/* Stops one of the node's worker threads; false after souk_crash_fail(). souk_crash_let_go() lets it run on. */
bool souk_crash_hold(struct crash *crash, unsigned worker);
void souk_crash_let_go(struct crash *crash);

/* ---- crash_probe.c ---- */

/* GETs a path over a connection of its own, waiting for it: the status, 0 when there is none in time. What came is in
 * souk_crash_got() until the next. */
unsigned souk_crash_get(const struct crash *crash, const char *path, unsigned within_ms);
const char *souk_crash_got(void);
/* A sample of /metrics; -1: there is none. */
double souk_crash_metric(const struct crash *crash, const char *name);

/* ---- crash_report.c ---- */

/* Prints the table of faults. */
int souk_crash_list(bool json);
void souk_crash_print(const struct crash *crash, const struct load_tally *tally, bool good);
void souk_crash_print_json(const struct crash *crash, const struct load_tally *tally, const struct sale_totals *totals,
                           bool good);

#endif
