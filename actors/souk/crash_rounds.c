/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_rounds.c -- the rounds of `souk crash`: the node serves, it is struck, what must become of it is awaited
 * and asserted, it is started again and serves. The load generator calls between its own steps, so buyers ride through.
 *
 * Invariant: whenever the checker runs no node does; and no rule of the shim is armed but from strike() to settle(). */
#define _GNU_SOURCE
#include "crash_inside.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    RESTART_MAX_MS = 60000,
    STRUCK_MAX_MS = 40000,
    TRIES_MAX = 25,
    BELIEF_ROUNDS = 8,
    PROGRESS = 10, /* So many orders must be sold after a fault before it counts as survived. */
};

const struct crash_fault *
souk_crash_fault(const struct crash *crash)
{
    return &souk_crash_faults[crash->now < crash->end ? crash->now : crash->end - 1];
}

struct crash_result *
souk_crash_result(struct crash *crash)
{
    return &crash->results[crash->now < crash->end ? crash->now : crash->end - 1];
}

uint64_t
souk_crash_draw(struct crash *crash, uint64_t end)
{
    return end == 0 ? 0 : souk_hash_mix(crash->chance += UINT64_C(0x9e3779b97f4a7c15)) % end;
}

bool
souk_crash_fail(struct crash *crash, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "souk crash: fault %s: ", souk_crash_fault(crash)->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    crash->failed = true;
    return false;
}

static bool
all_done(const struct crash *crash)
{
    return crash->now >= crash->end;
}

static uint64_t
wanted(const struct crash *crash)
{
    return crash->asked->times > 0 ? crash->asked->times : souk_crash_fault(crash)->times;
}

/* ---- what follows a strike ---- */

static void
check_now(struct crash *crash)
{
    struct stage_verdict verdict;
    if (souk_load_flush(crash->load))
        souk_crash_fail(crash, "acks are lost");
    souk_stage_check(crash->stage, false, &verdict);
    crash->checks++;
    crash->violations += verdict.violations;
    souk_crash_result(crash)->checks++;
    souk_crash_result(crash)->violations += verdict.violations;
    if (verdict.status != 0)
        souk_crash_fail(crash, "after %" PRIu64 " times the checker says: %s", souk_crash_result(crash)->times,
                        verdict.line);
}

/* Who has died in a turn again and again runs one turn a batch, lest a message be the reason (store/page.h). For some
 * rounds the node is left in that belief; for as many it is told better, so that it dies at full speed, too. */
static void
clear_turns(struct crash *crash)
{
    char path[STAGE_PATH + 32];
    if (crash->kills / BELIEF_ROUNDS % 2 != 0)
        return;
    snprintf(path, sizeof path, "%s/turns", crash->stage->data);
    if (unlink(path) != 0 && errno != ENOENT)
        souk_crash_fail(crash, "%s cannot be removed", path);
}

static void
start_node(struct crash *crash)
{
    clear_turns(crash);
    souk_crash_count_start(crash);
    if (souk_stage_node_start(crash->stage))
        souk_crash_fail(crash, "the node could not be started");
    crash->began_ns = souk_process_now_ns();
}

static void
restart(struct crash *crash)
{
    start_node(crash);
    crash->phase = CRASH_RECOVERS;
    crash->due_ns = UINT64_MAX;
    uint64_t usual = crash->restarts > 0 ? crash->restart_ns[crash->restarts - 1] : 50 * CRASH_MS;
    bool kills = !all_done(crash) && souk_crash_fault(crash) == &souk_crash_faults[0];
    if (kills && souk_crash_draw(crash, 4) == 0) /* The plain fault kills in recovery, too. */
        crash->due_ns = crash->began_ns + souk_crash_draw(crash, usual);
}

/* The node serves, or serves again: when is it struck? */
static void
serve(struct crash *crash)
{
    uint64_t gap = crash->asked->gap_ms * CRASH_MS;
    crash->phase = CRASH_SERVES;
    crash->due_ns = souk_process_now_ns() + gap / 10 + souk_crash_draw(crash, gap * 2);
    if (!all_done(crash))
        return;
    crash->due_ns = UINT64_MAX;
    souk_load_enough(crash->load);
}

/* The fault has been survived once more. `down`: no node runs. */
static void
survived(struct crash *crash, bool down)
{
    struct crash_result *result = souk_crash_result(crash);
    uint64_t every = crash->asked->check_every;
    result->times++;
    crash->kills++;
    bool last = result->times >= wanted(crash);
    bool more = crash->now + 1 < crash->end;
    if (last && more && !down) { /* What was done to this one is looked at before the next. */
        (void)souk_child_stop(&crash->stage->node, SIGKILL, 0);
        down = true;
    }
    if (down && every > 0 && ((last && more) || crash->kills % every == 0))
        check_now(crash);
    crash->now += last;
    crash->tries = 0;
    if (crash->failed)
        return;
    if (down)
        restart(crash);
    else
        serve(crash);
}

/* Nothing is broken any more; whether anything was. */
static bool
settle(struct crash *crash)
{
    uint64_t fired = crash->shim.control ? souk_crash_shim_fired(&crash->shim) : 0;
    bool armed = crash->shim.control && souk_crash_shim_disarm(&crash->shim);
    souk_crash_result(crash)->fired += fired;
    return !armed || fired > 0 || souk_crash_fail(crash, "nothing was broken: no call fitted the rule");
}

static bool
says(struct crash *crash, const char *text)
{
    return !text || souk_stage_log_says(crash->stage, crash->log_from, text) ||
           souk_crash_fail(crash, "the node did not say \"%s\"; see %s/node.log", text, crash->stage->folder);
}

static bool
prove(struct crash *crash)
{
    const struct crash_fault *fault = souk_crash_fault(crash);
    return settle(crash) && says(crash, fault->says) && says(crash, fault->says_too) &&
           (!fault->proof || fault->proof(crash));
}

static bool
ended_as_it_should(enum crash_end end, int status)
{
    switch (end) {
    case CRASH_IS_KILLED: return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    case CRASH_STOPS: return WIFEXITED(status) && WEXITSTATUS(status) == EX_IOERR;
    case CRASH_STOPS_OR_NOT:
        return WIFEXITED(status) && (WEXITSTATUS(status) == EX_IOERR || WEXITSTATUS(status) == EX_CANTCREAT);
    case CRASH_LEAVES: return WIFEXITED(status) && WEXITSTATUS(status) == EX_OK;
    default: return false;
    }
}

static void
ended(struct crash *crash, int status)
{
    const struct crash_fault *fault = souk_crash_fault(crash);
    char room[64];
    souk_crash_let_go(crash);
    if (!ended_as_it_should(fault->end, status))
        souk_crash_fail(crash, "the node ended with %s; see %s/node.log",
                        souk_child_ending(status, room, sizeof room), crash->stage->folder);
    else if (prove(crash) && (!crash->starting || WIFSIGNALED(status) || says(crash, "souk serve: "))) {
        souk_crash_result(crash)->in_recovery += crash->starting;
        crash->in_recovery += crash->starting;
        survived(crash, true);
    }
}

/* ---- striking ---- */

/* Strikes, at a start after ending the node that runs. */
static void
bring(struct crash *crash)
{
    const struct crash_fault *fault = souk_crash_fault(crash);
    if (fault->at_start)
        (void)souk_child_stop(&crash->stage->node, SIGKILL, 0);
    crash->log_from = souk_stage_log_end(crash->stage);
    crash->began_ns = souk_process_now_ns();
    if (crash->shim.control)
        souk_crash_shim_clear(&crash->shim);
    fault->strike(crash);
    crash->starting = fault->at_start;
    if (fault->at_start)
        start_node(crash);
}

static void
strike(struct crash *crash)
{
    const struct load_tally *tally = souk_load_tally(crash->load);
    crash->before = (struct load_tally){ .orders = tally->orders, .busy = tally->busy, .broken = tally->broken };
    crash->probed = false;
    crash->phase = CRASH_STRUCK;
    bring(crash);
}

static void
note_restart(struct crash *crash, uint64_t took_ns)
{
    if (crash->shim.control && !crash->starting) {
        crash->start_calls = souk_crash_shim_seen(&crash->shim, CRASH_COUNT_PLACE);
        (void)souk_crash_shim_disarm(&crash->shim);
    }
    if (crash->restarts == crash->restarts_room) {
        uint64_t room = crash->restarts_room * 2 + 64;
        uint64_t *more = realloc(crash->restart_ns, room * sizeof *more);
        if (!more)
            return; /* A figure of the report. */
        crash->restart_ns = more;
        crash->restarts_room = room;
    }
    crash->restart_ns[crash->restarts++] = took_ns;
}

/* A node that goes on must sell again. */
static void
lifted(struct crash *crash)
{
    if (!prove(crash))
        return;
    crash->phase = CRASH_LIFTED;
    crash->before.orders = souk_load_tally(crash->load)->orders;
    crash->began_ns = souk_process_now_ns();
}

/* It was struck at its start, and serves all the same. */
static void
await_late_strike(struct crash *crash)
{
    const struct crash_fault *fault = souk_crash_fault(crash);
    uint64_t fired = souk_crash_shim_fired(&crash->shim);
    if (fired > 0 && fault->end == CRASH_STOPS_OR_NOT)
        lifted(crash);
    else if (fired == 0 && crash->tries++ >= TRIES_MAX)
        souk_crash_fail(crash, "nothing was broken in %d starts", TRIES_MAX);
    else if (fired == 0)
        bring(crash);
}

static void
await_outcome(struct crash *crash, uint64_t now)
{
    const struct crash_fault *fault = souk_crash_fault(crash);
    uint64_t lasted_ms = (now - crash->began_ns) / CRASH_MS;
    int status;
    if (souk_child_wait(&crash->stage->node, 0, &status) == SOUK_OK)
        ended(crash, status);
    else if (lasted_ms > STRUCK_MAX_MS)
        souk_crash_fail(crash, "nothing came of it in %d s", STRUCK_MAX_MS / 1000);
    else if (crash->starting && souk_stage_node_serves(crash->stage)) {
        note_restart(crash, now - crash->stage->started_ns);
        crash->starting = false;
        crash->began_ns = now;
    } else if (fault->at_start && !crash->starting)
        await_late_strike(crash);
    else if (fault->end == CRASH_GOES_ON && fault->over(crash, lasted_ms)) {
        if (fault->lift)
            fault->lift(crash);
        lifted(crash);
    }
}

/* ---- serving again ---- */

static void
await_progress(struct crash *crash, uint64_t now)
{
    int status;
    char room[64];
    if (souk_child_wait(&crash->stage->node, 0, &status) == SOUK_OK)
        souk_crash_fail(crash, "the node ended afterwards with %s", souk_child_ending(status, room, sizeof room));
    else if (souk_load_tally(crash->load)->orders >= crash->before.orders + PROGRESS)
        survived(crash, false);
    else if (now - crash->began_ns > STRUCK_MAX_MS * CRASH_MS)
        souk_crash_fail(crash, "the node sells nothing afterwards");
}

/* Looks whether the node serves again. */
static void
await_node(struct crash *crash)
{
    souk_err err = souk_stage_node_ready(crash->stage);
    uint64_t took = souk_process_now_ns() - crash->stage->started_ns;
    if (err == SOUK_OK) {
        note_restart(crash, took);
        serve(crash);
    } else if (err != SOUK_ERR_BUSY || took > RESTART_MAX_MS * CRASH_MS) {
        souk_crash_fail(crash, "the node does not serve again");
    }
}

/* The plain fault once more, before the node serves. */
static void
kill_in_recovery(struct crash *crash)
{
    int status = souk_child_stop(&crash->stage->node, SIGKILL, 0);
    crash->starting = true;
    crash->log_from = 0;
    ended(crash, status);
}

static void
await_strike(struct crash *crash, uint64_t now)
{
    int status;
    char room[64];
    if (now >= crash->due_ns)
        strike(crash);
    else if (souk_child_wait(&crash->stage->node, 0, &status) == SOUK_OK)
        souk_crash_fail(crash, "the node ended by itself: %s", souk_child_ending(status, room, sizeof room));
}

void
souk_crash_abandon(struct crash *crash)
{
    souk_crash_let_go(crash);
    if (crash->shim.control)
        (void)souk_crash_shim_disarm(&crash->shim);
    if (crash->stage->node.pid > 0)
        kill(crash->stage->node.pid, SIGCONT);
}

uint64_t
souk_crash_step(void *arg, souk_load *load, uint64_t now_ns)
{
    struct crash *crash = arg;
    if (!crash->failed) {
        if (crash->phase == CRASH_SERVES)
            await_strike(crash, now_ns);
        else if (crash->phase == CRASH_STRUCK)
            await_outcome(crash, souk_process_now_ns());
        else if (crash->phase == CRASH_LIFTED)
            await_progress(crash, now_ns);
        else if (now_ns >= crash->due_ns)
            kill_in_recovery(crash);
        else
            await_node(crash);
    }
    if (crash->failed) {
        souk_crash_abandon(crash);
        souk_load_give_up(load);
        return UINT64_MAX;
    }
    return crash->phase == CRASH_SERVES ? crash->due_ns : now_ns + CRASH_MS;
}
