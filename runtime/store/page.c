/* SPDX-License-Identifier: Apache-2.0 */
/* store/page.c -- see page.h. Called by node.c, which opens it, by the workers, and by recovery.
 *
 * Invariant: outside of opening only souk_page_forget(), before any worker runs, and souk_page_recovered() touch
 * anything but slots. */
#define _GNU_SOURCE
#include "store/page.h"

#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char magic[] = "soukTURNS 1";

/* The file, as it is in memory: no other machine reads it. */
struct image {
    char magic[sizeof magic];
    uint32_t deaths;
    struct souk_page_slot slots[SOUK_PAGE_SLOTS];
    struct souk_page_entry entries[SOUK_PAGE_ENTRIES];
};

struct souk_page { struct image *image; };

/* One more process has died of that message. With no place left, whoever has the fewest gives up his. */
static void
count(struct image *image, const struct souk_page_slot *slot)
{
    struct souk_page_entry *entry = NULL, *least = image->entries;
    for (unsigned i = 0; i < SOUK_PAGE_ENTRIES && !entry; i++) {
        struct souk_page_entry *e = &image->entries[i];
        bool same = e->position == slot->position && e->ordinal == slot->ordinal && e->kind == slot->kind &&
                    souk_key_equal(e->key, slot->key);
        if (!e->aborts || same) entry = e;
        else if (e->aborts < least->aborts) least = e;
    }
    if (!entry) {
        entry = least;
        entry->aborts = 0;
    }
    if (!entry->aborts) *entry = (struct souk_page_entry){ slot->key, slot->position, slot->kind, slot->ordinal, 0 };
    if (entry->aborts < SOUK_PAGE_ABORTS) entry->aborts++;
}

static void
count_all(struct image *image)
{
    bool died = false;
    for (unsigned i = 0; i < SOUK_PAGE_SLOTS; i++) {
        struct souk_page_slot *slot = &image->slots[i];
        if (!slot->busy) continue;
        died = true;
        slot->busy = 0;
        if (slot->position) count(image, slot);
    }
    if (died) image->deaths++;
}

souk_page *
souk_page_open(const char *directory)
{
    char *path = souk_file_path(directory, "turns");
    souk_page *page = calloc(1, sizeof *page);
    int fd = path && page ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    free(path);
    /* All of it must be there: on a full disk a store into a hole would end the process. */
    bool whole = fd >= 0 && !posix_fallocate(fd, 0, sizeof *page->image);
    void *at = whole ? mmap(NULL, sizeof *page->image, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0) (void)close(fd);
    if (at == MAP_FAILED) {
        free(page);
        return NULL;
    }
    page->image = at;
    if (memcmp(page->image->magic, magic, sizeof magic) != 0) {
        memset(page->image, 0, sizeof *page->image);
        memcpy(page->image->magic, magic, sizeof magic);
    }
    count_all(page->image);
    return page;
}

struct souk_page_slot *
souk_page_slot(souk_page *page, unsigned worker)
{
    souk_assert(worker < SOUK_PAGE_SLOTS);
    return &page->image->slots[worker];
}

const struct souk_page_entry *
souk_page_entry(const souk_page *page, unsigned index)
{
    if (index >= SOUK_PAGE_ENTRIES || !page->image->entries[index].aborts) return NULL;
    return &page->image->entries[index];
}

void
souk_page_forget(souk_page *page, unsigned index)
{
    struct souk_page_entry *entries = page->image->entries;
    unsigned last = index;
    while (last + 1 < SOUK_PAGE_ENTRIES && entries[last + 1].aborts) last++;
    entries[index] = entries[last];
    entries[last] = (struct souk_page_entry){ .aborts = 0 };
}

unsigned
souk_page_deaths(const souk_page *page)
{
    return page->image->deaths;
}

void
souk_page_recovered(souk_page *page)
{
    page->image->deaths = 0;
}

void
souk_page_close(souk_page **page_p)
{
    souk_page *page = *page_p;
    *page_p = NULL;
    if (!page) return;
    (void)munmap(page->image, sizeof *page->image);
    free(page);
}
