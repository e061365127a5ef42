/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_hold.c -- one thread of the node is held, wherever it is, while the others run: as a debugger does it.
 *
 * A thread that is traced and ends stays until its tracer has looked, and its process with it: so every hold is let go
 * of before anything else is done to the node. */
#define _GNU_SOURCE
#include "crash_inside.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* The thread of that name; 0: there is none. */
static int
thread_named(pid_t pid, const char *name)
{
    char path[96], found[32];
    int thread = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (const struct dirent *entry; tasks && !thread && (entry = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/comm", (int)pid, entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        if (fgets(found, sizeof found, file) && strncmp(found, name, strlen(name)) == 0 &&
            found[strlen(name)] == '\n')
            thread = atoi(entry->d_name);
        fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return thread;
}

bool
souk_crash_hold(struct crash *crash, unsigned worker)
{
    char name[24];
    int status;
    snprintf(name, sizeof name, "worker-%u", worker);
    int thread = thread_named(crash->stage->node.pid, name);
    if (!thread)
        return souk_crash_fail(crash, "the node has no thread %s", name);
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL))
        return souk_crash_fail(crash, "a thread cannot be held here (ptrace): %s", strerror(errno));
    crash->held = thread;
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) || waitpid(thread, &status, __WALL) != thread ||
        !WIFSTOPPED(status)) {
        souk_crash_let_go(crash);
        return souk_crash_fail(crash, "thread %s could not be held", name);
    }
    return true;
}

void
souk_crash_let_go(struct crash *crash)
{
    if (crash->held)
        (void)ptrace(PTRACE_DETACH, crash->held, NULL, NULL);
    crash->held = 0;
}
