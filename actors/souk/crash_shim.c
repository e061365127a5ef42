/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_shim.c -- see crash_shim.h. */
#define _GNU_SOURCE
#include "crash_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where a build leaves it, and where an installation puts it, seen from the program. */
static const char *const places[] = { "libsoukfaults.so", "../lib/souk/libsoukfaults.so" };

static souk_err
find_library(struct crash_shim *shim)
{
    char program[sizeof shim->library - 64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        snprintf(shim->library, sizeof shim->library, "%s/%s", program, places[i]);
        if (access(shim->library, R_OK) == 0)
            return SOUK_OK;
    }
    fprintf(stderr, "souk crash: this fault needs the fault shim, libsoukfaults.so, which is neither beside the\n"
                    "program in %s nor in %s/../lib/souk: build or install souk whole\n", program, program);
    return SOUK_ERR_MISSING;
}

souk_err
souk_crash_shim_open(struct crash_shim *shim, const char *folder)
{
    *shim = (struct crash_shim){ 0 };
    souk_err err = find_library(shim);
    if (err)
        return err;
    snprintf(shim->file, sizeof shim->file, "%s/fault-control", folder);
    int fd = open(shim->file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *at = fd >= 0 && ftruncate(fd, sizeof *shim->control) == 0
                   ? mmap(NULL, sizeof *shim->control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    if (at == MAP_FAILED)
        fprintf(stderr, "souk crash: %s cannot be made: %s\n", shim->file, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (at == MAP_FAILED)
        return SOUK_ERR_IO;
    shim->control = at;
    shim->environment[0] = "LD_PRELOAD";
    shim->environment[1] = shim->library;
    shim->environment[2] = "FAULT_SHIM_CONTROL";
    shim->environment[3] = shim->file;
    shim->environment[4] = "FAULT_SHIM_MEMTABLE_KIB";
    shim->environment[5] = "128";
    return SOUK_OK;
}

void
souk_crash_shim_close(struct crash_shim *shim)
{
    if (shim->control)
        (void)munmap(shim->control, sizeof *shim->control);
    shim->control = NULL;
}

void
souk_crash_shim_arm(struct crash_shim *shim, unsigned place, struct shim_rule rule)
{
    struct shim_place *at = &shim->control->places[place];
    atomic_store(&at->armed, 0);
    at->rule = rule;
    atomic_store(&at->seen, 0);
    atomic_store(&at->fired, 0);
    atomic_store_explicit(&at->armed, 1, memory_order_release); /* pairs with the acquire in shim.c counts() */
    atomic_store(&shim->control->any_armed, 1);
}

bool
souk_crash_shim_disarm(struct crash_shim *shim)
{
    bool any = false;
    atomic_store(&shim->control->any_armed, 0);
    for (unsigned i = 0; i < SHIM_RULES; i++) {
        struct shim_place *at = &shim->control->places[i];
        any |= atomic_exchange(&at->armed, 0) && at->rule.act != SHIM_COUNT;
    }
    return any;
}

void
souk_crash_shim_clear(struct crash_shim *shim)
{
    (void)souk_crash_shim_disarm(shim);
    for (unsigned i = 0; i < SHIM_RULES; i++) {
        atomic_store(&shim->control->places[i].seen, 0);
        atomic_store(&shim->control->places[i].fired, 0);
    }
}

uint64_t
souk_crash_shim_seen(const struct crash_shim *shim, unsigned place)
{
    return atomic_load(&shim->control->places[place].seen);
}

uint64_t
souk_crash_shim_fired(const struct crash_shim *shim)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < SHIM_RULES; i++)
        sum += atomic_load(&shim->control->places[i].fired);
    return sum;
}

bool
souk_crash_shim_is_in(const struct crash_shim *shim, long pid)
{
    return (long)atomic_load(&shim->control->pid) == pid;
}
