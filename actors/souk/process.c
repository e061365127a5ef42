/* SPDX-License-Identifier: Apache-2.0 */
/* souk/process.c -- the children of `souk sale` and `souk crash`.
 *
 * Invariant: a child that was started is waited for: pid is cleared only by reap(). */
#define _GNU_SOURCE
#include "process.h"

#include "gateway/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void
note_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void
souk_process_signals(void)
{
    struct sigaction action = { .sa_handler = note_signal };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool
souk_process_interrupted(void)
{
    return interrupted != 0;
}

void
souk_process_sleep_ms(unsigned ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    nanosleep(&pause, NULL); /* A signal ends it early, which is what we want. */
}

uint64_t
souk_process_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- starting ---- */

void
souk_process_forget_options(void)
{
    for (char **at = environ; at && *at;) {
        const char *equals = strchr(*at, '=');
        char name[64];
        size_t length = equals ? (size_t)(equals - *at) : 0;
        if (strncmp(*at, "SOUK_", 5) != 0 || length == 0 || length >= sizeof name) {
            at++;
            continue;
        }
        memcpy(name, *at, length);
        name[length] = '\0';
        if (unsetenv(name) != 0) /* It moves the others up. */
            at++;
    }
}

/* Between fork and exec: only what is async-signal-safe. */
static _Noreturn void
become(const char *const *argv, int in, int out, int err, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* It died before we asked to be told. */
        _exit(125);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    execv("/proc/self/exe", (char *const *)argv);
    _exit(127);
}

souk_err
souk_child_start(struct souk_child *child, const char *const *argv, const char *log, bool capture)
{
    int ends[2] = { -1, -1 };
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool ready = null >= 0 && file >= 0 && (!capture || pipe2(ends, O_CLOEXEC) == 0);
    pid_t parent = getpid(), pid = ready ? fork() : -1;
    if (pid == 0)
        become(argv, null, capture ? ends[1] : file, file, parent);
    int fault = errno;
    if (null >= 0)
        close(null);
    if (file >= 0)
        close(file);
    if (ends[1] >= 0)
        close(ends[1]);
    *child = (struct souk_child){ .pid = pid > 0 ? pid : 0, .watch = -1, .out = ends[0] };
    if (pid <= 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        errno = fault;
        return SOUK_ERR_IO;
    }
    child->watch = pidfd_open(pid, 0);
    if (child->watch < 0) { /* A kernel before 5.3, or no descriptors left: we could not watch it. */
        (void)souk_child_stop(child, SIGKILL, 1000);
        return SOUK_ERR_IO;
    }
    (void)fcntl(child->watch, F_SETFD, FD_CLOEXEC);
    return SOUK_OK;
}

/* ---- ending ---- */

static int
reap(struct souk_child *child)
{
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0)
        souk_assert(errno == EINTR);
    if (child->watch >= 0)
        close(child->watch);
    if (child->out >= 0)
        close(child->out);
    *child = (struct souk_child){ .watch = -1, .out = -1 };
    return status;
}

/* How many milliseconds are left until `end_ns`, for poll(). */
static int
left_ms(uint64_t end_ns)
{
    uint64_t now = souk_process_now_ns();
    return now >= end_ns ? 0 : (int)((end_ns - now) / 1000000 + 1);
}

souk_err
souk_child_wait(struct souk_child *child, unsigned within_ms, int *status)
{
    souk_assert(child->pid > 0);
    uint64_t end = souk_process_now_ns() + (uint64_t)within_ms * 1000000;
    struct pollfd watch = { .fd = child->watch, .events = POLLIN };
    for (;;) {
        int left = left_ms(end), ready = poll(&watch, 1, left);
        if (ready > 0) {
            *status = reap(child);
            return SOUK_OK;
        }
        if (ready == 0 && left_ms(end) == 0)
            return SOUK_ERR_LATE;
        souk_assert(ready == 0 || errno == EINTR);
    }
}

int
souk_child_stop(struct souk_child *child, int signal, unsigned within_ms)
{
    int status = 0;
    if (child->pid == 0)
        return 0;
    kill(child->pid, signal);
    if (child->watch >= 0 && signal != SIGKILL && souk_child_wait(child, within_ms, &status) == SOUK_OK)
        return status;
    kill(child->pid, SIGKILL);
    return reap(child);
}

/* Keeps of `text` what may still be the last line: all behind the last line end but one. */
static void
last_line_keep(char *line, size_t *length, const char *text, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (*length > 0 && line[*length - 1] == '\n')
            *length = 0;
        if (*length + 1 < size)
            line[(*length)++] = text[i];
        else
            line[*length - 1] = text[i]; /* Too long to be of use; but its end must show. */
    }
}

souk_err
souk_child_last_line(struct souk_child *child, unsigned within_ms, char *line, size_t size, int *status)
{
    souk_assert(child->pid > 0 && child->out >= 0 && size > 1);
    uint64_t end = souk_process_now_ns() + (uint64_t)within_ms * 1000000;
    struct pollfd out = { .fd = child->out, .events = POLLIN };
    char chunk[4096];
    size_t length = 0;
    ssize_t got = 1;
    while (got != 0 && left_ms(end) > 0) {
        if (poll(&out, 1, left_ms(end)) <= 0)
            continue;
        got = read(child->out, chunk, sizeof chunk);
        if (got > 0)
            last_line_keep(line, &length, chunk, (size_t)got, size);
        else if (got < 0 && errno != EINTR)
            break;
    }
    if (length > 0 && line[length - 1] == '\n')
        length--;
    line[length] = '\0';
    unsigned left = (unsigned)left_ms(end);
    if (got == 0 && souk_child_wait(child, left > 100 ? left : 100, status) == SOUK_OK)
        return SOUK_OK;
    *status = souk_child_stop(child, SIGKILL, 0);
    return SOUK_ERR_LATE;
}

const char *
souk_child_ending(int status, char *room, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(room, size, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(room, size, "exit status %d", WEXITSTATUS(status));
    return room;
}

/* ---- where it serves ---- */

static void
copy(char *to, size_t size, const struct souk_json_value *value)
{
    size_t length = value->present && value->text.length < size ? value->text.length : 0;
    if (length > 0)
        memcpy(to, value->text.at, length);
    to[length] = '\0';
}

bool
souk_ready_read(const char *path, struct souk_ready *ready)
{
    static const struct souk_json_field fields[] = {
        SOUK_JSON_FIELD("http", SOUK_JSON_TEXT, false, 0, sizeof ready->http - 1, NULL),
        SOUK_JSON_FIELD("zmq", SOUK_JSON_TEXT, false, 0, sizeof ready->zmq - 1, NULL),
    };
    struct souk_json_value values[2];
    struct souk_json_fault fault;
    char text[1024];
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    souk_json_reader *reader = souk_json_reader_open();
    bool good = reader && souk_json_read(reader, (struct souk_text){ text, length }, SOUK_JSON_OPEN, fields, 2, values,
                                         &fault) == SOUK_OK;
    if (good) {
        copy(ready->http, sizeof ready->http, &values[0]);
        copy(ready->zmq, sizeof ready->zmq, &values[1]);
    }
    souk_json_reader_close(&reader);
    return good;
}

bool
souk_ready_address(const char *text, char *host, size_t size, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (!colon || colon == text)
        return false;
    unsigned long number = strtoul(colon + 1, &end, 10);
    bool bracket = text[0] == '[' && colon[-1] == ']';
    size_t length = (size_t)(colon - text) - (bracket ? 2 : 0);
    if (colon[1] < '0' || colon[1] > '9' || *end || number == 0 || number > UINT16_MAX || length >= size)
        return false;
    memcpy(host, text + (bracket ? 1 : 0), length);
    host[length] = '\0';
    *port = (uint16_t)number;
    return true;
}

uint16_t
souk_process_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    if (fd >= 0)
        close(fd);
    return found ? ntohs(address.sin_port) : 0;
}
