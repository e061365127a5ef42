/* SPDX-License-Identifier: Apache-2.0 */
/* souk/sim_run.c -- see sim_run.h.
 *
 * A child takes the seeds of a block one after the other and says in a pipe what came of each. When it ends before it
 * has said so, what it wrote to its standard error is the finding; another child goes on behind that seed. The moments
 * at which nodes died lie in memory that both see, so that they are known whatever the child died of. */
#include "sim_run.h"

#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 64, BLOCK = 50, SEED_CPU_S_MAX = 10, SEED_S_MAX = 300, TELL_MS = 500 };

/* What a child says of one seed; smaller than a pipe's atomic write. */
struct said { uint64_t seed; struct sim_outcome outcome; };

struct child {
    pid_t pid;      /* 0: none. */
    int in;
    FILE *errors;
    uint64_t next, end; /* The seed under way, and where its block ends. */
    struct souk_sim_moments *moments; /* Shared with it. */
};

/* ---- Plans. ---- */

void
souk_sim_given_none(struct sim_given *given)
{
    given->scenario = given->mutant = NULL;
    given->crash_at = NULL;
    for (unsigned i = 0; i < SIM_NUMBERS_MAX; i++) given->numbers[i] = UINT64_MAX;
}

const struct sim_scenario *
souk_sim_given_plan(const struct sim_given *given, uint64_t seed, struct sim_plan *plan)
{
    enum { GLASS_ONE_IN = 4 };
    souk_sim_plan_draw(plan, seed);
    for (unsigned i = 0; souk_sim_numbers[i].name; i++)
        if (given->numbers[i] != UINT64_MAX) *souk_sim_number(plan, &souk_sim_numbers[i]) = (uint32_t)given->numbers[i];
    plan->crash_at = given->crash_at;
    return souk_sim_scenario(given->scenario ? given->scenario : seed % GLASS_ONE_IN ? "shop" : "glass");
}

/* ---- The child. ---- */

static _Noreturn void
child_main(const struct sim_given *given, struct child *c, int out)
{
    const struct itimerval enough = { .it_value = { .tv_sec = SEED_CPU_S_MAX } };
    signal(SIGALRM, SIG_DFL);
    signal(SIGPROF, SIG_DFL);
    if (dup2(fileno(c->errors), STDERR_FILENO) < 0) _exit(2);
    for (; c->next < c->end; c->next++) {
        struct sim_plan plan;
        struct said said = { .seed = c->next };
        alarm(SEED_S_MAX); /* A run that never ends is found, too. */
        (void)setitimer(ITIMER_PROF, &enough, NULL);
        const struct sim_scenario *scenario = souk_sim_given_plan(given, c->next, &plan);
        plan.crashed_at = c->moments;
        scenario->run(&plan, &said.outcome);
        if (write(out, &said, sizeof said) != sizeof said) _exit(2);
        if (said.outcome.complaints) _exit(1); /* The moments are those of this seed. */
        if (ftruncate(STDERR_FILENO, 0) || lseek(STDERR_FILENO, 0, SEEK_SET) < 0) _exit(2);
    }
    _exit(0);
}

static void
child_start(const struct sim_given *given, struct child *c)
{
    int ends[2];
    if (pipe(ends)) abort();
    rewind(c->errors);
    if (ftruncate(fileno(c->errors), 0)) abort();
    c->moments->count = 0;
    fflush(NULL);
    c->pid = fork();
    if (c->pid < 0) abort();
    if (!c->pid) {
        close(ends[0]);
        child_main(given, c, ends[1]);
    }
    close(ends[1]);
    c->in = ends[0];
}

/* ---- The parent. ---- */

/* Whether a line is about turns that fail as they shall. */
static bool
is_meant(const char *line)
{
    return !strncmp(line, "souk: a turn of glass ", 22) || !strncmp(line, "souk: glass ", 12);
}

/* What a child that died has said: of a bug, or in its last line. */
static void
read_errors(struct child *c, int status, char *text)
{
    char line[SIM_TEXT], last[SIM_TEXT] = "";
    rewind(c->errors);
    *text = 0;
    while (fgets(line, sizeof line, c->errors)) {
        line[strcspn(line, "\n")] = 0;
        if (!*line || is_meant(line)) continue;
        bool bug = !strncmp(line, "souk: bug at", 12) || strstr(line, "ERROR: ") || strstr(line, "runtime error: ");
        if (bug && !*text) snprintf(text, SIM_TEXT, "%s", line);
        snprintf(last, sizeof last, "%s", line);
    }
    char ending[64];
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF))
        snprintf(text, SIM_TEXT, "it never ends");
    if (!*text) snprintf(text, SIM_TEXT, "%s", *last ? last : souk_child_ending(status, ending, sizeof ending));
}

static void
find(struct sim_totals *totals, const struct child *c, uint64_t seed, const char *text)
{
    totals->violations++;
    if (totals->findings_count == SIM_FINDINGS_MAX) return;
    struct sim_finding *f = &totals->findings[totals->findings_count++];
    f->seed = seed;
    f->moments = *c->moments;
    snprintf(f->text, sizeof f->text, "%s", text);
}

static void
count(struct sim_totals *totals, const struct souk_sim_counts *counts)
{
    totals->crashes += counts->crashes;
    totals->steps += counts->steps;
    totals->lives += counts->lives;
    totals->stops += counts->stops;
    totals->refusals += counts->refusals;
}

/* The child has said something, or has ended. */
static void
child_heard(const struct sim_given *given, struct child *c, struct sim_totals *totals)
{
    struct said said;
    char text[SIM_TEXT];
    int status;
    ssize_t got = read(c->in, &said, sizeof said);
    if (got < 0 && errno == EINTR) return;
    if (got == sizeof said) {
        totals->seeds++;
        count(totals, &said.outcome.counts);
        c->next = said.seed + 1;
        if (said.outcome.complaints) find(totals, c, said.seed, said.outcome.first);
        return;
    }
    close(c->in);
    while (waitpid(c->pid, &status, 0) != c->pid) {}
    c->pid = 0;
    bool complained = WIFEXITED(status) && WEXITSTATUS(status) == 1;
    if (c->next < c->end && !complained) {
        read_errors(c, status, text);
        find(totals, c, c->next, text);
        totals->seeds++;
        c->next++;
    }
    if (c->next < c->end) child_start(given, c);
}

static void
children_open(struct child *children, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++) {
        children[i].errors = tmpfile();
        children[i].moments = mmap(NULL, sizeof(struct souk_sim_moments), PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (!children[i].errors || children[i].moments == MAP_FAILED) abort();
    }
}

static void
children_close(struct child *children, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++) {
        if (children[i].pid) {
            (void)kill(children[i].pid, SIGKILL);
            while (waitpid(children[i].pid, NULL, 0) != children[i].pid) {}
            close(children[i].in);
        }
        fclose(children[i].errors);
        munmap(children[i].moments, sizeof(struct souk_sim_moments));
    }
}

void
souk_sim_run_seeds(const struct sim_job *job, const struct sim_given *given, struct sim_totals *totals,
                   void (*tell)(const struct sim_totals *totals))
{
    struct child children[JOBS_MAX] = { 0 };
    struct pollfd watched[JOBS_MAX];
    unsigned jobs = job->jobs > JOBS_MAX ? JOBS_MAX : job->jobs ? job->jobs : 1, busy;
    uint64_t next = job->first, end = job->first + job->count;
    memset(totals, 0, sizeof *totals);
    children_open(children, jobs);
    do {
        busy = 0;
        for (unsigned i = 0; i < jobs; i++) {
            struct child *c = &children[i];
            if (!c->pid && next < end) {
                c->next = next;
                c->end = next = end - next > BLOCK ? next + BLOCK : end;
                child_start(given, c);
            }
            watched[i] = (struct pollfd){ .fd = c->pid ? c->in : -1, .events = POLLIN };
            busy += c->pid != 0;
        }
        if (busy && poll(watched, jobs, TELL_MS) > 0)
            for (unsigned i = 0; i < jobs; i++)
                if (children[i].pid && watched[i].revents) child_heard(given, &children[i], totals);
        if (tell) tell(totals);
    } while (busy && !souk_process_interrupted() && !(job->enough && totals->violations >= job->enough));
    children_close(children, jobs);
}
