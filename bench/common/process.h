/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/process.h -- what every bench needs around its measurement: directories and processes of its own.
 *
 * A bench starts servers as children and ends only those, by their ids. It stops early, cleanly, when it is asked to
 * (souk_bench_interrupted), and a child is told to end when its parent dies, so that nothing stays behind. All of it is
 * for one thread. */
#ifndef SOUK_BENCH_PROCESS_H
#define SOUK_BENCH_PROCESS_H

#include <souk/base.h>
#include <sys/types.h>

enum { SOUK_BENCH_PATH_MAX = 512 };

/* From now on SIGINT, SIGTERM and SIGHUP only raise the flag below. SIGPIPE is ignored. */
void souk_bench_signals(void);
/* Whether somebody asked the bench to end. Every loop that waits looks at it. */
bool souk_bench_interrupted(void);

/* The monotonic clock, in nanoseconds. */
uint64_t souk_bench_now_ns(void);
/* Sleeps, at most until interrupted. */
void souk_bench_sleep_ms(unsigned ms);

/* A temporary directory. Its owner may be another user than ours: see souk_bench_user_find. */
struct souk_bench_dir {
    char path[SOUK_BENCH_PATH_MAX];
};
struct souk_bench_user {
    bool other;
    uid_t uid;
    gid_t gid;
};

/* Whom a server that refuses to run as root shall run as: user `name` when we are root, else ourselves.
 * SOUK_ERR_MISSING: we are root and there is no such user. */
souk_err souk_bench_user_find(const char *name, struct souk_bench_user *user) SOUK_MUST_CHECK;

/* Makes a directory of its own below `base` (NULL: $TMPDIR, else /var/tmp, which is rarely in memory). Says so on
 * standard error when it lies in memory, where a sync costs nothing. SOUK_ERR_IO: it cannot be made. */
souk_err souk_bench_dir_open(struct souk_bench_dir *dir, const char *base,
                             const struct souk_bench_user *owner) SOUK_MUST_CHECK;
/* Removes the directory and all in it. An empty path is left alone. */
void souk_bench_dir_close(struct souk_bench_dir *dir);
/* Flushes the file system of the directory, so that setting up isn't written while we measure. */
void souk_bench_dir_settle(const struct souk_bench_dir *dir);

/* The text of a file that is kept beside the benches' sources, such as checkout.lua, found from the program's own
 * place. The caller frees it. NULL after a message: it isn't found. */
char *souk_bench_file_read(const char *name);
/* Where this program lies, without a final slash. */
void souk_bench_own_folder(char *path, size_t size);

/* A TCP port of 127.0.0.1 that was free a moment ago. 0: none. */
uint16_t souk_bench_port_free(void);
/* A connected, non-blocking TCP socket to 127.0.0.1 with Nagle's delay off. -1: refused. */
int souk_bench_connect(uint16_t port);

/* A child process. pid 0: none. */
struct souk_bench_child {
    pid_t pid;
    int out;         /* our end of its standard output when captured, else -1 */
    int stop_signal; /* what ends it in an orderly manner */
};
/* How to start one. */
struct souk_bench_start {
    const char *const *argv;            /* argv[0] is looked up on the path; ends with NULL */
    const struct souk_bench_user *user; /* NULL: ourselves */
    const char *folder;                 /* where it runs; NULL: here */
    const char *log;                    /* file for its output and errors; NULL: both go where ours go */
    bool capture;                       /* we read its standard output through `out` */
    bool pin;                           /* it may run on every CPU but the first, which the load generator takes */
    int stop_signal;                    /* SIGTERM for most */
};

/* Starts it, in a process group of its own so that ^C reaches us alone. SOUK_ERR_IO after a message: it couldn't. */
souk_err souk_bench_child_start(struct souk_bench_child *child, const struct souk_bench_start *start) SOUK_MUST_CHECK;
/* Whether it still runs; *status is as waitpid gives it when not. */
bool souk_bench_child_runs(struct souk_bench_child *child, int *status);
/* Asks it to end, kills it after `within_ms`, and waits. Its status as waitpid gives it; 0 when there was none. */
int souk_bench_child_stop(struct souk_bench_child *child, unsigned within_ms);
/* Runs one to its end within a time limit and gives the last line that it printed (with `capture`; else line may be
 * NULL). SOUK_ERR_LATE: it was stopped. SOUK_ERR_CLOSED: it failed, or we were interrupted. */
souk_err souk_bench_child_run(const struct souk_bench_start *start, unsigned within_ms, char *line,
                              size_t size) SOUK_MUST_CHECK;
/* Copies the last lines of a log file to standard error, for a server that died. */
void souk_bench_log_show(const char *path);

/* Keeps the calling thread on the first CPU. */
void souk_bench_pin_self(void);

/* The machine's CPU time since it started, in ticks: all of it, and what the hypervisor gave to others. */
struct souk_bench_cpu {
    uint64_t all, stolen;
};
void souk_bench_cpu_read(struct souk_bench_cpu *cpu);
/* Bytes that a process (0: ours) has had written to disks; 0 when that cannot be read. */
uint64_t souk_bench_written(pid_t pid);

#endif
