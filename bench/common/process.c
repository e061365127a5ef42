/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/process.c -- directories, children and the machine, for the benches.
 *
 * Invariant: a process id is signalled only while we hold it unreaped, so that it can't be anybody else's. */
#define _GNU_SOURCE
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
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
souk_bench_signals(void)
{
    struct sigaction action = { .sa_handler = note_signal };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool
souk_bench_interrupted(void)
{
    return interrupted != 0;
}

uint64_t
souk_bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
souk_bench_sleep_ms(unsigned ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    nanosleep(&pause, NULL); /* A signal ends it early, which is what we want. */
}

souk_err
souk_bench_user_find(const char *name, struct souk_bench_user *user)
{
    *user = (struct souk_bench_user){ .uid = geteuid(), .gid = getegid() };
    if (user->uid != 0)
        return SOUK_OK;
    const struct passwd *entry = getpwnam(name);
    if (!entry) {
        fprintf(stderr, "bench: there is no user %s to run the server as\n", name);
        return SOUK_ERR_MISSING;
    }
    *user = (struct souk_bench_user){ .other = true, .uid = entry->pw_uid, .gid = entry->pw_gid };
    return SOUK_OK;
}

souk_err
souk_bench_dir_open(struct souk_bench_dir *dir, const char *base, const struct souk_bench_user *owner)
{
    if (!base)
        base = getenv("TMPDIR");
    if (!base || !*base)
        base = "/var/tmp";
    struct statfs system;
    int length = snprintf(dir->path, sizeof dir->path, "%s/souk-bench-XXXXXX", base);
    if (length < 0 || (size_t)length >= sizeof dir->path || !mkdtemp(dir->path)) {
        fprintf(stderr, "bench: cannot make a directory in %s: %s\n", base, strerror(errno));
        dir->path[0] = '\0';
        return SOUK_ERR_IO;
    }
    if (owner && owner->other && chown(dir->path, owner->uid, owner->gid) != 0) {
        fprintf(stderr, "bench: cannot give %s away: %s\n", dir->path, strerror(errno));
        souk_bench_dir_close(dir);
        return SOUK_ERR_IO;
    }
    if (statfs(dir->path, &system) == 0 && system.f_type == TMPFS_MAGIC)
        fprintf(stderr, "bench: %s is in memory: nothing here is durable (choose a disk with --base)\n", base);
    return SOUK_OK;
}

static int
remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

void
souk_bench_dir_close(struct souk_bench_dir *dir)
{
    if (!dir->path[0])
        return;
    if (nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        fprintf(stderr, "bench: cannot remove %s: %s\n", dir->path, strerror(errno));
    dir->path[0] = '\0';
}

void
souk_bench_dir_settle(const struct souk_bench_dir *dir)
{
    int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (syncfs(fd) != 0)
        fprintf(stderr, "bench: syncfs: %s\n", strerror(errno));
    close(fd);
}

void
souk_bench_own_folder(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
}

static char *
read_whole(FILE *file)
{
    size_t room = 1 << 16;
    char *text = malloc(room);
    size_t length = text ? fread(text, 1, room - 1, file) : 0;
    fclose(file);
    if (text)
        text[length] = '\0';
    return text;
}

char *
souk_bench_file_read(const char *name)
{
    /* Beside the program when installed so; at the source when built in build/VARIANT/bench; else from the top. */
    char folder[SOUK_BENCH_PATH_MAX], path[3][SOUK_BENCH_PATH_MAX + 128];
    souk_bench_own_folder(folder, sizeof folder);
    snprintf(path[0], sizeof path[0], "%s/%s", folder, name);
    snprintf(path[1], sizeof path[1], "%s/../../../bench/%s", folder, name);
    snprintf(path[2], sizeof path[2], "bench/%s", name);
    for (int i = 0; i < 3; i++) {
        FILE *file = fopen(path[i], "re");
        if (file)
            return read_whole(file);
    }
    fprintf(stderr, "bench: cannot find %s beside the program or in bench/\n", name);
    return NULL;
}

static struct sockaddr_in
loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

uint16_t
souk_bench_port_free(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    if (fd >= 0)
        close(fd);
    return found ? ntohs(address.sin_port) : 0;
}

int
souk_bench_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void
pin(bool to_first)
{
    cpu_set_t mine, chosen;
    CPU_ZERO(&chosen);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0 || CPU_COUNT(&mine) < 2)
        return;
    bool first = true;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mine))
            continue;
        if (first == to_first)
            CPU_SET(cpu, &chosen);
        first = false;
    }
    sched_setaffinity(0, sizeof chosen, &chosen);
}

void
souk_bench_pin_self(void)
{
    pin(true);
}

/* The child's side of a start: whatever fails here ends it, and the parent sees exit status 127. */
static _Noreturn void
become(const struct souk_bench_start *start, int out, pid_t parent)
{
    const struct souk_bench_user *user = start->user;
    int null = open("/dev/null", O_RDWR);
    int log = start->log ? open(start->log, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (out < 0)
        out = log;
    setpgid(0, 0);
    if (null < 0 || dup2(null, 0) < 0 || (out >= 0 && dup2(out, 1) < 0) || (log >= 0 && dup2(log, 2) < 0))
        _exit(127);
    if (user && user->other && (setgroups(0, NULL) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0))
        _exit(127);
    if (start->folder && chdir(start->folder) != 0)
        _exit(127);
    if (start->pin)
        pin(false);
    /* After the change of user, which would clear it. The second line is for a parent that died before the first. */
    prctl(PR_SET_PDEATHSIG, start->stop_signal);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    execvp(start->argv[0], (char *const *)(uintptr_t)start->argv);
    fprintf(stderr, "bench: cannot run %s: %s\n", start->argv[0], strerror(errno));
    _exit(127);
}

souk_err
souk_bench_child_start(struct souk_bench_child *child, const struct souk_bench_start *start)
{
    int ends[2] = { -1, -1 };
    *child = (struct souk_bench_child){ .out = -1, .stop_signal = start->stop_signal };
    if (start->capture && pipe2(ends, O_CLOEXEC) != 0)
        return SOUK_ERR_IO;
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(start, ends[1], parent);
    if (ends[1] >= 0)
        close(ends[1]);
    if (pid < 0) {
        fprintf(stderr, "bench: cannot start %s: %s\n", start->argv[0], strerror(errno));
        if (ends[0] >= 0)
            close(ends[0]);
        return SOUK_ERR_IO;
    }
    child->pid = pid;
    child->out = ends[0];
    return SOUK_OK;
}

static void
forget(struct souk_bench_child *child)
{
    if (child->out >= 0)
        close(child->out);
    child->out = -1;
    child->pid = 0;
}

bool
souk_bench_child_runs(struct souk_bench_child *child, int *status)
{
    if (child->pid == 0)
        return false;
    if (waitpid(child->pid, status, WNOHANG) == 0)
        return true;
    forget(child);
    return false;
}

int
souk_bench_child_stop(struct souk_bench_child *child, unsigned within_ms)
{
    int status = 0;
    if (!souk_bench_child_runs(child, &status))
        return status;
    kill(child->pid, child->stop_signal);
    uint64_t end = souk_bench_now_ns() + within_ms * UINT64_C(1000000);
    while (souk_bench_child_runs(child, &status)) {
        if (souk_bench_now_ns() > end) {
            fprintf(stderr, "bench: process %d did not end in %u ms: killed\n", (int)child->pid, within_ms);
            kill(child->pid, SIGKILL);
            while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {}
            forget(child);
            break;
        }
        struct timespec pause = { .tv_nsec = 2000000 };
        nanosleep(&pause, NULL);
    }
    return status;
}

/* Keeps in `line` the last full line of what has been read; `part` is the line that is still growing. */
struct tail {
    char *line, *part;
    size_t size, length;
};

static void
tail_add(struct tail *tail, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != '\n') {
            if (tail->length < tail->size - 1)
                tail->part[tail->length++] = bytes[i];
        } else if (tail->length > 0) {
            memcpy(tail->line, tail->part, tail->length);
            tail->line[tail->length] = '\0';
            tail->length = 0;
        }
    }
}

souk_err
souk_bench_child_run(const struct souk_bench_start *start, unsigned within_ms, char *line, size_t size)
{
    struct souk_bench_child child;
    char bytes[4096], part[8192];
    struct tail tail = { .line = line, .part = part, .size = size < sizeof part ? size : sizeof part };
    int status = 0;
    bool late = false;
    souk_assert(!start->capture || (line && size > 1));
    souk_err err = souk_bench_child_start(&child, start);
    if (err)
        return err;
    if (line)
        line[0] = '\0';
    uint64_t end = souk_bench_now_ns() + within_ms * UINT64_C(1000000);
    while (!souk_bench_interrupted() && !late) {
        struct pollfd wait = { .fd = child.out, .events = POLLIN };
        if (poll(&wait, 1, start->capture ? 50 : 5) > 0) {
            ssize_t got = read(child.out, bytes, sizeof bytes);
            if (got > 0)
                tail_add(&tail, bytes, (size_t)got);
            else
                break;
        }
        if (!start->capture && !souk_bench_child_runs(&child, &status))
            break;
        late = souk_bench_now_ns() > end;
    }
    if (child.pid && start->capture && !late && !souk_bench_interrupted()) {
        /* Its output has ended, so it is about to. */
        while (souk_bench_child_runs(&child, &status) && souk_bench_now_ns() < end)
            souk_bench_sleep_ms(2);
    }
    if (child.pid)
        status = souk_bench_child_stop(&child, 15000);
    if (late)
        return SOUK_ERR_LATE;
    return status == 0 && !souk_bench_interrupted() ? SOUK_OK : SOUK_ERR_CLOSED;
}

void
souk_bench_log_show(const char *path)
{
    char bytes[2048];
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fseek(file, -(long)sizeof bytes, SEEK_END) != 0)
        rewind(file);
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fwrite(bytes, 1, count, stderr);
    fclose(file);
}

void
souk_bench_cpu_read(struct souk_bench_cpu *cpu)
{
    unsigned long long t[8] = { 0 };
    *cpu = (struct souk_bench_cpu){ 0 };
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return;
    if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
               &t[7]) == 8) {
        for (int i = 0; i < 8; i++)
            cpu->all += t[i];
        cpu->stolen = t[7];
    }
    fclose(file);
}

uint64_t
souk_bench_written(pid_t pid)
{
    char path[64], line[128];
    unsigned long long bytes = 0;
    snprintf(path, sizeof path, "/proc/%d/io", (int)(pid ? pid : getpid()));
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "write_bytes: %llu", &bytes) == 1)
            break;
    if (file)
        fclose(file);
    return bytes;
}
