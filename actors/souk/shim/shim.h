/* SPDX-License-Identifier: Apache-2.0 */
/* souk/shim/shim.h -- how the fault shim is told what to break. shim.c is loaded into a node by LD_PRELOAD, below
 * LevelDB and our own file code, and interposes their calls; `souk crash` steers it, or whoever starts a node by hand.
 *
 * A rule says which calls, on which files, from which one on, how often, and what happens instead. Up to four rules
 * stand in a control file, which both sides map: who steers writes a rule into it and arms it, at any moment; the shim
 * counts there what it saw and what it did, so that a test can tell whether its fault really happened. The variable
 * FAULT_SHIM_CONTROL names the file, which begins as zeros; rules of the variable FAULT_SHIM count from the start:
 *
 *     LD_PRELOAD=.../libsoukfaults.so FAULT_SHIM='write tail after=10 times=1 fail=EIO' souk serve ...
 *
 * A rule's words, several rules separated by `;`:
 *
 *     open,write,read,sync,rename,truncate,unlink     the calls, separated by commas: write is also pwrite and writev,
 *                                                     sync is fsync and fdatasync, truncate also fallocate
 *     vault/M*                                        a file's path, or its end, from a / on; * stands for anything
 *     after=N times=N                                 let N calls pass (0), then act on N (1; 0: on all)
 *     main | others                                   only calls of the main thread, or of all but it
 *     fail=EIO | fail=ENOSPC | fail=EINTR             the call isn't made and fails so
 *     short=N                                         at most N bytes are written or read; at least one less than asked
 *     delay=MS                                        the call is made after so many milliseconds
 *     kill=before | kill=after | kill=torn            signal 9, before it, after it, or with `short=N` written of it
 *     count                                           nothing: only the number of calls is of interest
 *
 * FAULT_SHIM_MEMTABLE_KIB makes LevelDB's memtables so small that it turns to new logs, writes tables and compacts them
 * all the time, which it otherwise does once in many thousand orders.
 *
 * It costs one load of a flag for each call while no rule is armed. */
#ifndef SOUK_SHIM_H
#define SOUK_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

enum { SHIM_RULES = 4, SHIM_PATTERN = 128 };

enum shim_calls {
    SHIM_OPEN = 1,
    SHIM_WRITE = 2,
    SHIM_READ = 4,
    SHIM_SYNC = 8,
    SHIM_RENAME = 16,
    SHIM_TRUNCATE = 32,
    SHIM_UNLINK = 64,
    SHIM_ALL = 127
};

enum shim_act { SHIM_COUNT, SHIM_FAIL, SHIM_SHORT, SHIM_DELAY, SHIM_KILL_BEFORE, SHIM_KILL_AFTER, SHIM_KILL_TORN };

enum shim_threads { SHIM_ANY, SHIM_MAIN, SHIM_OTHERS };

/* What is to happen. */
struct shim_rule {
    uint32_t calls; /* enum shim_calls, or'ed */
    enum shim_act act;
    enum shim_threads threads;
    int32_t error;         /* of SHIM_FAIL: an errno */
    uint32_t bytes;        /* of SHIM_SHORT and SHIM_KILL_TORN */
    uint32_t delay_ms;     /* of SHIM_DELAY */
    uint64_t after, times; /* times 0: without end */
    char pattern[SHIM_PATTERN];
};

struct shim_place {
    struct shim_rule rule;        /* Written while it isn't armed. */
    _Atomic uint32_t armed;       /* release by who steers: pairs with the acquire of who looks at the rule */
    _Atomic uint64_t seen, fired; /* Calls that it is about; those of them that it acted on. */
};

struct shim_control {
    _Atomic uint32_t pid;       /* The last process that the shim was loaded into; 0: none. */
    _Atomic uint32_t any_armed; /* Whether it is worth looking. */
    struct shim_place places[SHIM_RULES];
};

#endif
