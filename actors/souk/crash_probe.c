/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_probe.c -- asks a node that something is wrong with, over a connection of its own: does it answer at all?
 * It waits, so that nothing else happens meanwhile but what the node does. */
#define _GNU_SOURCE
#include "crash_inside.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static char got[512 * 1024];

const char *
souk_crash_got(void)
{
    return got;
}

/* Reads until the server closes, which it is asked to. Each wait is bounded, and their sum. */
static size_t
read_all(int fd, uint64_t end_ns)
{
    size_t length = 0;
    ssize_t n = 1;
    while (n > 0 && length + 1 < sizeof got && souk_process_now_ns() < end_ns) {
        n = recv(fd, got + length, sizeof got - 1 - length, 0);
        length += n > 0 ? (size_t)n : 0;
    }
    got[length] = '\0';
    return length;
}

unsigned
souk_crash_get(const struct crash *crash, const char *path, unsigned within_ms)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(crash->stage->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval wait = { .tv_sec = within_ms / 1000, .tv_usec = (suseconds_t)(within_ms % 1000) * 1000 };
    char request[512];
    unsigned status = 0;
    uint64_t end_ns = souk_process_now_ns() + within_ms * CRASH_MS;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
                          crash->stage->http);
    bool asked = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
                 setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
                 connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 send(fd, request, (size_t)length, MSG_NOSIGNAL) == length;
    got[0] = '\0';
    if (asked && read_all(fd, end_ns) > 0)
        (void)sscanf(got, "HTTP/1.1 %u", &status);
    if (fd >= 0)
        close(fd);
    return status;
}

double
souk_crash_metric(const struct crash *crash, const char *name)
{
    char line[128];
    if (souk_crash_get(crash, "/metrics", 5000) != 200)
        return -1;
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(got, line);
    return at ? strtod(at + strlen(line), NULL) : -1;
}
