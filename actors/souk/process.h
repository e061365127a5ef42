/* SPDX-License-Identifier: Apache-2.0 */
/* souk/process.h -- child processes of a rehearsal: this same program under another subcommand, and the signals that
 * end it all. For one thread.
 *
 * A child gets a process group of its own, so that ^C reaches us alone and we end it in an orderly manner, and is told
 * to end when its parent dies, so that nothing stays behind. A process id is signalled only while we hold it
 * unreaped. */
#ifndef SOUK_PROCESS_H
#define SOUK_PROCESS_H

#include <souk/base.h>
#include <sys/types.h>

/* From now on SIGINT, SIGTERM and SIGHUP only raise the flag below; SIGPIPE is ignored. */
void souk_process_signals(void);
/* Whether somebody asked us to end. Whatever waits looks at it. */
bool souk_process_interrupted(void);
/* Sleeps, at most until interrupted. */
void souk_process_sleep_ms(unsigned ms);
/* The monotonic clock, in nanoseconds. */
uint64_t souk_process_now_ns(void);

/* Forgets our options' variables (SOUK_...), so that children do what their command lines say. */
void souk_process_forget_options(void);

/* A child. All zeros: none. */
struct souk_child {
    pid_t pid; /* 0: none, or it was waited for. */
    int watch; /* Its pidfd. */
    int out;   /* Our end of its standard output when captured, else -1. */
};

/* Starts /proc/self/exe with these arguments (argv[0] is by custom "souk"; NULL at the end). Its output and errors are
 * appended to the file `log`; with `capture` its output comes to us instead. SOUK_ERR_IO: it couldn't; errno says
 * why. */
souk_err souk_child_start(struct souk_child *child, const char *const *argv, const char *log,
                          bool capture) SOUK_MUST_CHECK;
/* Waits for its end; *status is as waitpid gives it. SOUK_ERR_LATE: it still runs. A signal to us does not end it. */
souk_err souk_child_wait(struct souk_child *child, unsigned within_ms, int *status) SOUK_MUST_CHECK;
/* Signals it, waits, and kills it when that lasts longer than within_ms. Its status; 0 when there was none. */
int souk_child_stop(struct souk_child *child, int signal, unsigned within_ms);
/* Reads its captured output to the end and waits for it; keeps the last line without its end. SOUK_ERR_LATE: it was
 * killed. */
souk_err souk_child_last_line(struct souk_child *child, unsigned within_ms, char *line, size_t size,
                              int *status) SOUK_MUST_CHECK;
/* "exit status 70", "killed by signal 9": a status for people. `room` of 64 bytes is enough. Returns `room`. */
const char *souk_child_ending(int status, char *room, size_t size);

/* What a ready file says: where it serves. */
struct souk_ready { char http[128], zmq[256]; };
/* Looks once. False: the file isn't there yet. */
bool souk_ready_read(const char *path, struct souk_ready *ready);
/* Splits HOST:PORT. False: it isn't that. */
bool souk_ready_address(const char *text, char *host, size_t size, uint16_t *port);
/* A TCP port of 127.0.0.1 that was free a moment ago. 0: none. */
uint16_t souk_process_free_port(void);

#endif
