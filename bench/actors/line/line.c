/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/line/line.c -- what it takes to move a cache line from core to core: the limit of any chat between two.
 *
 * `line line 2 - N`: two threads, each on a CPU of its own, hand one word to and fro, N times one way. Prints a line of
 * JSON as the actor benchmarks do; bench/actors.py runs it beside them. Exits 1 when there is one CPU only. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Alignas(128) _Atomic uint64_t line;
static uint64_t turns;
static int cpus[2];

/* Keeps the calling thread on that CPU. */
static void
stay(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        perror("line: sched_setaffinity");
        exit(1);
    }
}

/* Waits until the line holds each number of one parity, and puts the next there. */
static void
play(uint64_t first)
{
    for (uint64_t at = first; at < turns; at += 2) {
        while (atomic_load_explicit(&line, memory_order_acquire) != at)
            ;
        atomic_store_explicit(&line, at + 1, memory_order_release);
    }
}

static void *
other(void *nothing)
{
    stay(cpus[1]);
    play(1);
    return nothing;
}

int
main(int argc, char **argv)
{
    cpu_set_t set;
    struct timespec began, ended;
    pthread_t thread;
    int found = 0;
    turns = argc == 5 ? strtoull(argv[4], NULL, 10) & ~(uint64_t)1 : 0;
    if (turns == 0) {
        fputs("usage: line line 2 - N\n", stderr);
        return 1;
    }
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
            if (CPU_ISSET((unsigned)cpu, &set))
                cpus[found++] = cpu;
    if (found < 2) {
        fputs("line: there is one CPU only\n", stderr);
        return 1;
    }
    stay(cpus[0]);
    if (pthread_create(&thread, NULL, other, NULL)) {
        fputs("line: no thread\n", stderr);
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    play(0);
    pthread_join(thread, NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("{\"ops\":%llu,\"seconds\":%.9f}\n", (unsigned long long)turns,
           (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9);
    return atomic_load(&line) == turns ? 0 : 1;
}
