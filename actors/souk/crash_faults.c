/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_faults.c -- the table of faults: how each is brought about, what must become of the node, and what must be
 * true of it meanwhile. What holds for all of them (nothing acknowledged is lost, and so on) is the checker's to say.
 *
 * Journal and vault have one log file each under load, which all puts go to, so a rule for `journal/` and any .log hits
 * the next group commit, and one for the vault's the next put of a checkpoint. */
#include "crash_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { STOPPED_MS = 1500, HELD_MS = 1200, SLOW_MS = 500, SLOW_FOR_MS = 4000, OFTEN = 60 };

static const char journal_log[] = "journal/*.log", vault_log[] = "vault/*.log";

/* ---- signals and threads ---- */

static void
kill_node(struct crash *crash)
{
    kill(crash->stage->node.pid, SIGKILL);
}

static void
end_node(struct crash *crash)
{
    kill(crash->stage->node.pid, SIGTERM);
}

static void
stop_node(struct crash *crash)
{
    kill(crash->stage->node.pid, SIGSTOP);
}

/* It answers nobody, once the signal has reached all its threads; and then it has lasted. */
static bool
node_stood_still(struct crash *crash, uint64_t lasted_ms)
{
    if (!crash->probed && lasted_ms >= STOPPED_MS / 3) {
        crash->probed = true;
        if (souk_crash_get(crash, "/livez", 300) != 0)
            souk_crash_fail(crash, "a stopped node answered");
    }
    return lasted_ms >= STOPPED_MS;
}

static void
continue_node(struct crash *crash)
{
    kill(crash->stage->node.pid, SIGCONT);
}

static void
hold_worker(struct crash *crash)
{
    crash->held_worker = (unsigned)souk_crash_draw(crash, crash->asked->stage.workers);
    (void)souk_crash_hold(crash, crash->held_worker);
}

/* In a turn, or between two rounds: wherever it was. */
static bool
watchdog_named_it(struct crash *crash)
{
    static const char *const words[] = { "has not come round", "has been" };
    char line[64];
    bool named = false;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "souk: worker %u %s", crash->held_worker, words[i]);
        named |= souk_stage_log_says(crash->stage, crash->log_from, line);
    }
    return named || souk_crash_fail(crash, "the watchdog did not name worker %u", crash->held_worker);
}

/* The other worker serves meanwhile: which of them gets a connection is the kernel's choice, so several are tried. */
static bool
worker_was_held(struct crash *crash, uint64_t lasted_ms)
{
    unsigned answered = 0;
    for (unsigned i = 0; i < 30 && !crash->probed && !answered; i++) answered = souk_crash_get(crash, "/livez", 50);
    if (!crash->probed && answered != 200) souk_crash_fail(crash, "no other worker answered while one was held");
    crash->probed = true;
    return lasted_ms >= HELD_MS;
}

/* ---- the journal's and the vault's files ---- */

static void
kill_at_sync(struct crash *crash)
{
    struct shim_rule rule = { .times = 1, .after = souk_crash_draw(crash, 50) };
    rule.act = souk_crash_some_kill(crash);
    rule.calls = rule.act == SHIM_KILL_TORN ? SHIM_WRITE : SHIM_SYNC;
    rule.bytes = 1 + (uint32_t)souk_crash_draw(crash, 600);
    strcpy(rule.pattern, journal_log);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

/* A put of the vault is one write and one sync, and a checkpoint is some puts. */
static void
kill_in_checkpoint(struct crash *crash)
{
    struct shim_rule rule = { .times = 1, .after = souk_crash_draw(crash, 8), .calls = SHIM_WRITE | SHIM_SYNC };
    rule.act = souk_crash_some_kill(crash);
    rule.bytes = 1 + (uint32_t)souk_crash_draw(crash, 600);
    strcpy(rule.pattern, vault_log);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

/* What LevelDB does when a memtable is full, and when there are four tables at the top: it begins a new log, writes a
 * table of the old one, notes in the MANIFEST which tables there are now, and removes what it needs no more. */
static struct shim_rule
housekeeping(struct crash *crash, bool harmful)
{
    static const struct { uint32_t calls; const char *pattern; } steps[] = {
        { SHIM_OPEN, "*.log" },        { SHIM_WRITE, "journal/*.ldb" }, { SHIM_SYNC, "journal/*.ldb" },
        { SHIM_WRITE, "vault/*.ldb" }, { SHIM_SYNC, "vault/*.ldb" },    { SHIM_WRITE, "MANIFEST-*" },
        { SHIM_SYNC, "MANIFEST-*" },   { SHIM_OPEN, "*.ldb" },          { SHIM_UNLINK, "*.log" },
        { SHIM_UNLINK, "*.ldb" },
    };
    uint64_t step = souk_crash_draw(crash, sizeof steps / sizeof *steps - (harmful ? 2 : 0));
    struct shim_rule rule = { .times = 1, .calls = steps[step].calls, .threads = SHIM_OTHERS };
    strcpy(rule.pattern, steps[step].pattern);
    return rule;
}

static void
kill_in_compaction(struct crash *crash)
{
    struct shim_rule rule = housekeeping(crash, false);
    rule.act = souk_crash_some_kill(crash);
    rule.bytes = 1 + (uint32_t)souk_crash_draw(crash, 1000);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

/* A file that can't be removed harms nobody. One that can't be opened may also be wanted by who reads a snapshot. */
static void
fail_compaction(struct crash *crash)
{
    struct shim_rule rule = housekeeping(crash, true);
    rule.act = SHIM_FAIL;
    rule.error = EIO;
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

/* One of the next calls on a file fails. */
static void
fail_call(struct crash *crash, uint32_t calls, const char *pattern, int error, unsigned among)
{
    struct shim_rule rule = { .times = 1, .after = souk_crash_draw(crash, among), .calls = calls, .act = SHIM_FAIL,
                              .error = error };
    strcpy(rule.pattern, pattern);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

static void
fail_sync(struct crash *crash)
{
    fail_call(crash, SHIM_SYNC, journal_log, EIO, 30);
}

static void
fail_write(struct crash *crash)
{
    fail_call(crash, SHIM_WRITE, journal_log, EIO, 30);
}

static void
fail_tail(struct crash *crash)
{
    fail_call(crash, SHIM_WRITE, "tail", EIO, 30);
}

/* As a disk does it: it takes some of a write, nothing of the next; and all after that. */
static void
fill_once(struct crash *crash)
{
    uint64_t after = souk_crash_draw(crash, 30);
    struct shim_rule some = { .times = 1, .after = after, .calls = SHIM_WRITE, .act = SHIM_SHORT,
                              .bytes = 1 + (uint32_t)souk_crash_draw(crash, 600) };
    struct shim_rule none = { .times = 1, .after = after, .calls = SHIM_WRITE, .act = SHIM_FAIL, .error = ENOSPC };
    strcpy(some.pattern, journal_log);
    strcpy(none.pattern, journal_log);
    souk_crash_shim_arm(&crash->shim, 1, none);
    if (souk_crash_draw(crash, 2) == 0)
        souk_crash_shim_arm(&crash->shim, 0, some); /* It comes first, and the other doesn't see the call. */
}

static void
fail_checkpoint_sync(struct crash *crash)
{
    fail_call(crash, SHIM_SYNC, vault_log, EIO, 4);
}

static void
fill_checkpoint(struct crash *crash)
{
    fail_call(crash, SHIM_WRITE, vault_log, ENOSPC, 4);
}

/* The next writes to each. */
static void
disturb_writes(struct crash *crash, struct shim_rule rule)
{
    static const char *const files[] = { "journal/*", "vault/*", "tail" };
    rule.calls = SHIM_WRITE;
    rule.times = OFTEN;
    for (unsigned i = 0; i < 3; i++) {
        strcpy(rule.pattern, files[i]);
        souk_crash_shim_arm(&crash->shim, i, rule);
    }
}

static void
cut_writes(struct crash *crash)
{
    disturb_writes(crash, (struct shim_rule){ .act = SHIM_SHORT,
                                              .bytes = 1 + (uint32_t)souk_crash_draw(crash, 40) });
}

static void
interrupt_writes(struct crash *crash)
{
    disturb_writes(crash, (struct shim_rule){ .act = SHIM_FAIL, .error = EINTR });
}

/* Journal and tail are written all the time, so they have had their share. */
static bool
happened_often(struct crash *crash, uint64_t lasted_ms)
{
    (void)lasted_ms;
    return souk_crash_shim_fired(&crash->shim) >= 2 * OFTEN;
}

/* ---- a slow disk ---- */

/* With a crowd that brings more than may wait for the disk. */
static void
slow_down(struct crash *crash, uint32_t delay_ms)
{
    struct shim_rule rule = { .times = 0, .calls = SHIM_SYNC, .act = SHIM_DELAY, .delay_ms = delay_ms };
    strcpy(rule.pattern, journal_log);
    souk_crash_shim_arm(&crash->shim, 0, rule);
    souk_load_crowd(crash->load, CRASH_CROWD);
}

static void
slow_syncs(struct crash *crash)
{
    crash->slower = false;
    crash->metric = souk_crash_metric(crash, "souk_group_commit_seconds_sum");
    slow_down(crash, SLOW_MS);
}

/* In the middle: the queues have their bounds, the latency shows, and who only reads is answered. */
static void
look_at_slow_node(struct crash *crash)
{
    const double mib = 1 << 20;
    unsigned status;
    double backlog_max = CRASH_BACKLOG_MIB * mib * 2 + crash->asked->stage.workers * mib; /* A slice has no half. */
    double backlog = souk_crash_metric(crash, "souk_backlog_bytes");
    double slow = souk_crash_metric(crash, "souk_group_commit_seconds_sum") - crash->metric;
    if (backlog < 0 || backlog > backlog_max)
        souk_crash_fail(crash, "%.0f bytes are not yet on disk, at most %.0f may be", backlog, backlog_max);
    else if (slow < SLOW_MS / 1e3)
        souk_crash_fail(crash, "the metrics say nothing of slow commits (%.3f s more)", slow);
    else if ((status = souk_crash_get(crash, "/v1/accounts/nobody", 10000)) != 404)
        souk_crash_fail(crash, "who asked for an account that there isn't was told %u while the disk was slow", status);
}

static bool
slow_for_long_enough(struct crash *crash, uint64_t lasted_ms)
{
    bool put_off = souk_load_tally(crash->load)->busy > crash->before.busy;
    if (!crash->probed && lasted_ms >= SLOW_FOR_MS / 2) {
        crash->probed = true;
        look_at_slow_node(crash);
    }
    if (lasted_ms >= SLOW_FOR_MS && !put_off && !crash->slower) { /* The machine can't fill it in so short a time. */
        crash->slower = true;
        slow_down(crash, SLOW_MS * 4);
    }
    return lasted_ms >= SLOW_FOR_MS && (put_off || lasted_ms >= 6 * SLOW_FOR_MS);
}

static bool
some_were_put_off(struct crash *crash)
{
    return souk_load_tally(crash->load)->busy > crash->before.busy ||
           souk_crash_fail(crash, "nobody was told 503, so the backlog's limit was not reached");
}

/* ---- the table ---- */

#define STOPS_AND_SAYS                                                                                                 \
    "stops with status 74 and says why; who had no answer gets it under the same key after the restart"

const struct crash_fault souk_crash_faults[] = {
    { .name = "kill", .does = "kill -9 at random moments, some of them while it recovers",
      .outcome = "serves again after a restart", .end = CRASH_IS_KILLED, .times = 20, .strike = kill_node },
    { .name = "kill-in-recovery", .does = "kill -9 at a random call of a start, before, in or after it",
      .outcome = "the next start finds all; repeating a recovery harms nothing", .end = CRASH_IS_KILLED, .times = 5,
      .at_start = true, .strike = souk_crash_kill_a_start },
    { .name = "kill-in-checkpoint", .does = "kill -9 at a write or sync of the vault's log",
      .outcome = "starts from the checkpoint before, or from this one", .end = CRASH_IS_KILLED, .times = 4,
      .strike = kill_in_checkpoint },
    { .name = "kill-in-compaction", .does = "kill -9 as LevelDB begins a log, writes or removes a table, or notes them",
      .outcome = "it does so again", .end = CRASH_IS_KILLED, .times = 6, .strike = kill_in_compaction },
    { .name = "kill-at-sync", .does = "kill -9 just before or after a sync of the journal, or in the middle of a write",
      .outcome = "a group is there whole or not at all", .end = CRASH_IS_KILLED, .times = 5, .strike = kill_at_sync },
    { .name = "term", .does = "SIGTERM under load", .outcome = "drains, ends with status 0; all acknowledged is there",
      .end = CRASH_LEAVES, .times = 2, .says = "souk: draining", .says_too = "souk: closed", .strike = end_node },
    { .name = "stop", .does = "SIGSTOP of the process for 1.5 s, then SIGCONT",
      .outcome = "goes on as if nothing had been", .end = CRASH_GOES_ON, .times = 1, .strike = stop_node,
      .over = node_stood_still, .lift = continue_node },
    { .name = "stop-worker", .does = "one worker's thread is held for 1.2 s",
      .outcome = "the other worker serves, the watchdog names the held one, all goes on afterwards",
      .end = CRASH_GOES_ON, .times = 2, .strike = hold_worker, .over = worker_was_held, .lift = souk_crash_let_go,
      .proof = watchdog_named_it },
    { .name = "eio-sync", .does = "a sync of the journal fails (EIO)", .outcome = STOPS_AND_SAYS, .end = CRASH_STOPS,
      .times = 3, .says = "souk: stopping: the journal failed: ", .says_too = "Input/output error",
      .strike = fail_sync },
    { .name = "eio-write", .does = "a write to the journal fails (EIO)", .outcome = STOPS_AND_SAYS, .end = CRASH_STOPS,
      .times = 2, .says = "souk: stopping: the journal failed: ", .says_too = "Input/output error",
      .strike = fail_write },
    { .name = "eio-tail", .does = "a write to the file that says where the journal ends fails (EIO)",
      .outcome = STOPS_AND_SAYS, .end = CRASH_STOPS, .times = 2,
      .says = "souk: stopping: the journal failed: the file that says where the journal ends cannot be written",
      .strike = fail_tail },
    { .name = "full-once",
      .does = "a write to the journal finds no room (ENOSPC), at once or after some of it; later ones do",
      .outcome = STOPS_AND_SAYS ", as nothing after a lost write can be trusted", .end = CRASH_STOPS, .times = 4,
      .says = "souk: stopping: the journal failed: ", .says_too = "No space left on device", .strike = fill_once },
    { .name = "eio-checkpoint", .does = "a sync of the vault's log fails (EIO)", .outcome = STOPS_AND_SAYS,
      .end = CRASH_STOPS, .times = 2, .says = "souk: stopping: the vault failed: ", .says_too = "Input/output error",
      .strike = fail_checkpoint_sync },
    { .name = "full-checkpoint", .does = "a write to the vault's log finds no room (ENOSPC)", .outcome = STOPS_AND_SAYS,
      .end = CRASH_STOPS, .times = 2, .says = "souk: stopping: the vault failed: ",
      .says_too = "No space left on device", .strike = fill_checkpoint },
    { .name = "eio-compaction", .does = "a log or table cannot be opened, or a table or the MANIFEST not written (EIO)",
      .outcome = STOPS_AND_SAYS, .end = CRASH_STOPS, .times = 4, .says = "souk: stopping: ",
      .says_too = "Input/output error", .strike = fail_compaction },
    { .name = "eio-start", .does = "a random call of a start fails (EIO)",
      .outcome = "refuses to start with status 74 or 73 and says why, or does without; the next start is clean",
      .end = CRASH_STOPS_OR_NOT, .times = 5, .at_start = true, .strike = souk_crash_fail_a_start },
    { .name = "short-write", .does = "writes to journal, vault and tail take only some bytes", .outcome = "goes on",
      .end = CRASH_GOES_ON, .times = 1, .strike = cut_writes, .over = happened_often },
    { .name = "eintr", .does = "writes to journal, vault and tail are interrupted (EINTR)", .outcome = "goes on",
      .end = CRASH_GOES_ON, .times = 1, .strike = interrupt_writes, .over = happened_often },
    { .name = "slow-sync", .does = "each sync of the journal takes 500 ms for some seconds",
      .outcome = "503 with Retry-After beyond --backlog-mib, never more than that twice; reads go on; metrics tell",
      .end = CRASH_GOES_ON, .times = 1, .strike = slow_syncs, .over = slow_for_long_enough,
      .proof = some_were_put_off },
};

const unsigned souk_crash_faults_count = sizeof souk_crash_faults / sizeof *souk_crash_faults;
_Static_assert(sizeof souk_crash_faults / sizeof *souk_crash_faults <= CRASH_FAULTS_MAX, "a result for each");
