/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/node.c -- starting, asking and ending a node, for the benches.
 *
 * Invariant: a node that could not be started is ended before we return. */
#include "node.h"
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_MS = 60000, STOP_MS = 60000, PAGE_ROOM = 1 << 20, ANSWER_MS = 5000, MORE_MAX = 8 };

const char *
souk_bench_program(const char *given, char *room, size_t size)
{
    char folder[SOUK_BENCH_PATH_MAX];
    if (!given)
        given = getenv("SOUK_BIN");
    if (given && *given)
        return given;
    souk_bench_own_folder(folder, sizeof folder);
    snprintf(room, size, "%s/../souk", folder);
    return room;
}

/* Takes the addresses from the ready file; false: it isn't there yet. It is written atomically. */
static bool
ready_read(struct souk_bench_node *node, const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    line[fread(line, 1, sizeof line - 1, file)] = '\0';
    fclose(file);
    const char *colon = NULL;
    if (souk_bench_field_text(line, "http", node->http, sizeof node->http))
        colon = strrchr(node->http, ':');
    node->port = colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
    if (!souk_bench_field_text(line, "zmq", node->zmq, sizeof node->zmq))
        node->zmq[0] = '\0';
    return true;
}

souk_err
souk_bench_node_start_with(struct souk_bench_node *node, const char *program, const struct souk_bench_dir *dir,
                           bool pin, const char *const *more)
{
    char data[SOUK_BENCH_PATH_MAX + 16], ready[SOUK_BENCH_PATH_MAX + 16], log[SOUK_BENCH_PATH_MAX + 16];
    int status = 0;
    snprintf(data, sizeof data, "%s/data", dir->path);
    snprintf(ready, sizeof ready, "%s/ready", dir->path);
    snprintf(log, sizeof log, "%s/log", dir->path);
    const char *argv[8 + MORE_MAX + 1] = { program,  "serve", "--http",       "127.0.0.1:0",
                                           "--data", data,    "--ready-file", ready };
    for (unsigned i = 0; more && more[i]; i++) {
        souk_assert(i < MORE_MAX);
        argv[8 + i] = more[i];
    }
    const struct souk_bench_start start = { .argv = argv, .log = log, .pin = pin, .stop_signal = SIGTERM };
    *node = (struct souk_bench_node){ .child.out = -1 };
    if (unlink(ready) != 0 && errno != ENOENT)
        return SOUK_ERR_IO;
    uint64_t began = souk_bench_now_ns();
    souk_err err = souk_bench_child_start(&node->child, &start);
    if (err)
        return err;
    while (!souk_bench_interrupted() && souk_bench_child_runs(&node->child, &status)) {
        uint64_t now = souk_bench_now_ns();
        if (ready_read(node, ready) && node->port != 0) {
            node->ready_ms = (double)(now - began) / 1e6;
            return SOUK_OK;
        }
        if (now - began > READY_MS * UINT64_C(1000000))
            break;
        souk_bench_sleep_ms(1);
    }
    if (!souk_bench_interrupted()) {
        fprintf(stderr, "bench: the node did not become ready\n");
        souk_bench_log_show(log);
    }
    souk_bench_child_stop(&node->child, STOP_MS);
    return SOUK_ERR_LATE;
}

souk_err
souk_bench_node_start(struct souk_bench_node *node, const char *program, const struct souk_bench_dir *dir, bool pin)
{
    return souk_bench_node_start_with(node, program, dir, pin, NULL);
}

souk_err
souk_bench_node_stop(struct souk_bench_node *node)
{
    int status = souk_bench_child_stop(&node->child, STOP_MS);
    if (status == 0)
        return SOUK_OK;
    fprintf(stderr, "bench: the node did not end well (status %d)\n", status);
    return SOUK_ERR_CLOSED;
}

void
souk_bench_node_kill(struct souk_bench_node *node)
{
    node->child.stop_signal = SIGKILL;
    souk_bench_child_stop(&node->child, STOP_MS);
}

/* Asks for a page and reads until the node closes, as we ask it to. The length; 0: no answer. */
static size_t
page_read(uint16_t port, const char *path, char *page, size_t size)
{
    char request[256];
    size_t length = 0;
    int fd = souk_bench_connect(port);
    if (fd < 0)
        return 0;
    int count = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n", path);
    if (count > 0 && send(fd, request, (size_t)count, MSG_NOSIGNAL) == count) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        ssize_t got = 1;
        while (got > 0 && length < size - 1 && poll(&wait, 1, ANSWER_MS) > 0) {
            got = recv(fd, page + length, size - 1 - length, 0);
            length += got > 0 ? (size_t)got : 0;
        }
    }
    page[length] = '\0';
    close(fd);
    return length;
}

souk_err
souk_bench_node_metric(const struct souk_bench_node *node, const char *name, double *value)
{
    souk_err err = SOUK_ERR_MISSING;
    size_t length = strlen(name);
    char *page = malloc(PAGE_ROOM);
    if (!page)
        return SOUK_ERR_MEMORY;
    if (page_read(node->port, "/metrics", page, PAGE_ROOM) == 0)
        page[0] = '\0';
    for (const char *line = page; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || line[length] != ' ')
            continue;
        *value = strtod(line + length, NULL);
        err = SOUK_OK;
        break;
    }
    free(page);
    if (err)
        fprintf(stderr, "bench: the node's metrics have no %s\n", name);
    return err;
}

uint64_t
souk_bench_node_resident(const struct souk_bench_node *node)
{
    char path[64];
    uint64_t pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)node->child.pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
