/* SPDX-License-Identifier: Apache-2.0 */
/* test/damage/preload/memory.c -- loaded before the C library (LD_PRELOAD): the n-th time that the process asks for
 * memory, by whatever library, it gets none. Compiled by test_memory.py.
 *
 * DAMAGE_NTH is n. DAMAGE_COUNT names a file that gets how often it asked, when it ends. What C++ throws then, and what
 * others do about it, is theirs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Atomic unsigned long asked;
static unsigned long fails;

static int
may(void)
{
    return atomic_fetch_add(&asked, 1) + 1 != fails;
}

static void *
none(void)
{
    errno = ENOMEM;
    return NULL;
}

__attribute__((constructor)) static void
begin(void)
{
    const char *nth = getenv("DAMAGE_NTH");
    atomic_store(&asked, 0); /* What was before main() is not the program's. */
    if (nth) fails = strtoul(nth, NULL, 10);
}

__attribute__((destructor)) static void
tell(void)
{
    char text[32];
    const char *path = getenv("DAMAGE_COUNT");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd < 0) return;
    int length = snprintf(text, sizeof text, "%lu\n", atomic_load(&asked));
    ssize_t written = write(fd, text, (size_t)length);
    (void)written;
    close(fd);
}

void *malloc(size_t size) { return may() ? __libc_malloc(size) : none(); }
void *calloc(size_t count, size_t size) { return may() ? __libc_calloc(count, size) : none(); }
void *realloc(void *block, size_t size) { return may() ? __libc_realloc(block, size) : none(); }
void *memalign(size_t alignment, size_t size) { return may() ? __libc_memalign(alignment, size) : none(); }
void *aligned_alloc(size_t alignment, size_t size) { return may() ? __libc_memalign(alignment, size) : none(); }

int
posix_memalign(void **out, size_t alignment, size_t size)
{
    void *block = may() ? __libc_memalign(alignment, size) : NULL;
    if (block) *out = block;
    return block ? 0 : ENOMEM;
}
