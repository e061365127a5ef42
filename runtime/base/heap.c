/* SPDX-License-Identifier: Apache-2.0 */
/* base/heap.c -- size classes on per-heap magazines, a depot between heaps, and one call that frees all.
 *
 * A heap keeps two magazines (chains of free blocks) per class: one that it takes from and gives to, and a spare. A
 * thread that only frees (the consumer of another's messages) fills both, and hands full ones to the memory's depot,
 * where a thread that only allocates finds them: so one-way traffic neither grows for ever nor locks per block, but
 * once per magazine. Blocks come from chunks that nobody frees before the memory is closed. Blocks above the largest
 * class are the system's own, with a head that lists them; under AddressSanitizer all are.
 *
 * Invariant: a free block's bytes are ours (struct souk_block), a used one's the caller's; a block's class follows from
 * the size that its owner says, so saying another size when freeing is a bug that only the asan build sees. */
#include "base/heap.h"

#include "base/limits.h"
#include "base/panic.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GRAIN = SOUK_HEAP_GRAIN,
    FINE = SOUK_HEAP_FINE, /* up to here classes are GRAIN apart; above, four to a power of two */
    LARGEST = 64 * 1024, /* the largest class */
    CLASSES = FINE / GRAIN + 4 * 8,
    CHUNK_FIRST = 64 * 1024, /* chunks double from here ... */
    CHUNK_LAST = 1024 * 1024, /* ... to here: a small node stays small */
    MAGAZINE_BYTES = 32 * 1024,
    MAGAZINE_MAX = 256,
    MAGAZINE_MIN = 2,
};

struct chunk {
    struct chunk *next;
    size_t pad; /* keeps what follows aligned to 16 */
};

/* The head of a block that is the system's own. */
struct large {
    struct large *next, *previous;
    size_t size;
    size_t pad;
};

struct souk_memory {
    pthread_mutex_t lock; /* guards all but bytes, and depot's emptiness may be peeked at without it */
    struct chunk *chunks;
    struct large *larges;
    souk_heap *heaps;
    struct souk_block *_Atomic depot[CLASSES]; /* full magazines, as chains */
    struct chunk *spares;                 /* chunks of CHUNK_LAST that somebody made ready */
    _Atomic unsigned spares_count;
    _Atomic bool grows;                   /* a large chunk was taken since spares were last made */
    _Atomic size_t bytes;
    _Atomic size_t idle; /* Of these, in the depot or spare. */
    jmp_buf *none_left;  /* Where to go when there is none left; NULL: to the end of the process. */
};

struct souk_heap {
    struct souk_magazine loaded[CLASSES]; /* first: see struct souk_heap_head */
    struct souk_magazine spare[CLASSES];
    souk_memory *memory;
    souk_heap *next;
    char *at, *end; /* what is left of the newest chunk */
    size_t chunk_next;
};

_Static_assert(sizeof(struct souk_block) <= GRAIN, "the smallest block must hold a free block's links");
_Static_assert(sizeof(struct chunk) % GRAIN == 0 && sizeof(struct large) % GRAIN == 0, "heads must keep alignment");
_Static_assert((FINE << 8) == LARGEST, "eight powers of two lie between FINE and LARGEST");

static unsigned
class_of(size_t size)
{
    if (size <= FINE)
        return size == 0 ? 0 : (unsigned)((size - 1) / GRAIN);
    unsigned power = 63u - (unsigned)__builtin_clzll(size - 1); /* 2^power < size <= 2^(power+1), or just above */
    unsigned quarter = (unsigned)((size - 1) >> (power - 2)) & 3u;
    return FINE / GRAIN + (power - 8) * 4 + quarter;
}

static size_t
class_size(unsigned class)
{
    if (class < FINE / GRAIN)
        return (class + 1u) * (size_t)GRAIN;
    unsigned power = 8 + (class - FINE / GRAIN) / 4;
    size_t quarters = 5 + (class - FINE / GRAIN) % 4;
    return quarters << (power - 2);
}

static unsigned
magazine_room(unsigned class)
{
    size_t room = MAGAZINE_BYTES / class_size(class);
    return room > MAGAZINE_MAX ? MAGAZINE_MAX : room < MAGAZINE_MIN ? MAGAZINE_MIN : (unsigned)room;
}

static _Noreturn void
out_of_memory(souk_memory *memory)
{
    if (memory->none_left)
        longjmp(*memory->none_left, 1);
    souk_panic_catch(NULL); /* Not the fault of the turn in which it happens: what it was building is half done. */
    souk_panic(__FILE__, __LINE__, "out of memory");
}

/* Whom to ask, for tests. The process's, not a node's: a node's own first block is asked for, too. */
static bool (*_Atomic hook)(void *self, size_t size);
static void *_Atomic hook_self;

static bool
may_take(size_t size)
{
    /* acquire: pairs with the release in souk_system_hook() */
    bool (*may)(void *, size_t) = atomic_load_explicit(&hook, memory_order_acquire);
    return !may || may(atomic_load_explicit(&hook_self, memory_order_relaxed), size);
}

void
souk_system_hook(bool (*may)(void *self, size_t size), void *self)
{
    atomic_store_explicit(&hook_self, self, memory_order_relaxed);
    atomic_store_explicit(&hook, may, memory_order_release); /* release: pairs with the acquire in may_take() */
}

void *
souk_system_alloc(size_t size)
{
    return may_take(size) ? calloc(1, size) : NULL;
}

/* Memory of the system, counted; NULL: none is left. */
static void *
try_take(souk_memory *memory, size_t size)
{
    void *block = may_take(size) ? malloc(size) : NULL;
    if (block)
        atomic_fetch_add_explicit(&memory->bytes, size, memory_order_relaxed);
    return block;
}

static void *
take(souk_memory *memory, size_t size)
{
    void *block = try_take(memory, size);
    if (!block)
        out_of_memory(memory);
    return block;
}

static void
lock(souk_memory *memory)
{
    int failed = pthread_mutex_lock(&memory->lock);
    souk_assert(!failed);
}

static void
unlock(souk_memory *memory)
{
    int failed = pthread_mutex_unlock(&memory->lock);
    souk_assert(!failed);
}

souk_memory *
souk_memory_open(void)
{
    souk_memory *memory = souk_system_alloc(sizeof *memory);
    if (!memory)
        return NULL;
    if (pthread_mutex_init(&memory->lock, NULL)) {
        free(memory);
        return NULL;
    }
    atomic_store_explicit(&memory->bytes, sizeof *memory, memory_order_relaxed);
    return memory;
}

void
souk_memory_close(souk_memory **memory_p)
{
    souk_memory *memory = *memory_p;
    *memory_p = NULL;
    if (!memory)
        return;
    for (struct large *large = memory->larges, *next; large; large = next) {
        next = large->next;
        free(large);
    }
    for (souk_heap *heap = memory->heaps, *next; heap; heap = next) {
        next = heap->next;
        free(heap);
    }
    for (struct chunk *chunk = memory->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    for (struct chunk *chunk = memory->spares, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

size_t
souk_memory_bytes(const souk_memory *memory)
{
    return atomic_load_explicit(&memory->bytes, memory_order_relaxed);
}

size_t
souk_memory_used(const souk_memory *memory)
{
    /* relaxed: each is a count of its own; between the two loads one may have moved. */
    size_t idle = atomic_load_explicit(&memory->idle, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&memory->bytes, memory_order_relaxed);
    return bytes > idle ? bytes - idle : 0;
}

void
souk_memory_catch(souk_memory *memory, jmp_buf *jump)
{
    memory->none_left = jump;
}

souk_heap *
souk_heap_open(souk_memory *memory)
{
    souk_heap *heap = take(memory, sizeof *heap);
    memset(heap, 0, sizeof *heap);
    heap->memory = memory;
    heap->chunk_next = CHUNK_FIRST;
    for (unsigned class = 0; class < CLASSES; class++)
        heap->loaded[class].room = heap->spare[class].room = magazine_room(class);
    lock(memory);
    heap->next = memory->heaps;
    memory->heaps = heap;
    unlock(memory);
    return heap;
}

static void *
large_alloc(souk_memory *memory, size_t size)
{
    if (size > SIZE_MAX / 2)
        out_of_memory(memory);
    struct large *large = take(memory, sizeof *large + size);
    large->size = size;
    large->previous = NULL;
    lock(memory);
    large->next = memory->larges;
    if (large->next)
        large->next->previous = large;
    memory->larges = large;
    unlock(memory);
    return large + 1;
}

static void
large_free(souk_memory *memory, void *block, size_t size)
{
    struct large *large = (struct large *)block - 1;
    souk_assert(large->size == size);
    lock(memory);
    if (large->next)
        large->next->previous = large->previous;
    if (large->previous)
        large->previous->next = large->next;
    else
        memory->larges = large->next;
    unlock(memory);
    atomic_fetch_sub_explicit(&memory->bytes, sizeof *large + size, memory_order_relaxed);
    free(large);
}

/* Gives a full magazine to whoever runs empty. */
static void
depot_put(souk_memory *memory, unsigned class, struct souk_block *first)
{
    lock(memory);
    first->chain = atomic_load_explicit(&memory->depot[class], memory_order_relaxed);
    atomic_store_explicit(&memory->depot[class], first, memory_order_relaxed);
    atomic_fetch_add_explicit(&memory->idle, magazine_room(class) * class_size(class), memory_order_relaxed);
    unlock(memory);
}

/* A full magazine of another heap, or NULL. */
static struct souk_block *
depot_take(souk_memory *memory, unsigned class)
{
    /* relaxed: a peek that spares the lock; a magazine that it misses is found next time */
    if (!atomic_load_explicit(&memory->depot[class], memory_order_relaxed))
        return NULL;
    lock(memory);
    struct souk_block *first = atomic_load_explicit(&memory->depot[class], memory_order_relaxed);
    if (first) {
        atomic_store_explicit(&memory->depot[class], first->chain, memory_order_relaxed);
        atomic_fetch_sub_explicit(&memory->idle, magazine_room(class) * class_size(class), memory_order_relaxed);
    }
    unlock(memory);
    return first;
}

static void
give(souk_heap *heap, unsigned class, struct souk_block *block)
{
    struct souk_magazine *loaded = &heap->loaded[class];
    if (loaded->count == loaded->room) {
        struct souk_magazine *spare = &heap->spare[class];
        if (spare->count)
            depot_put(heap->memory, class, spare->first);
        *spare = *loaded;
        *loaded = (struct souk_magazine){ NULL, 0, spare->room };
    }
    block->next = loaded->first;
    loaded->first = block;
    loaded->count++;
}

/* Has the kernel map a large chunk's pages at once: a fault for each, later, costs several times as much. Advice. */
static void
populate(char *at, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    enum { PAGE = 4096 };
    const uintptr_t mask = ~(uintptr_t)(PAGE - 1);
    uintptr_t first = ((uintptr_t)at + PAGE - 1) & mask, end = ((uintptr_t)at + size) & mask;
    if (size >= CHUNK_LAST && first < end)
        (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
#else
    (void)at;
    (void)size;
#endif
}

/* A chunk that souk_memory_prepare() made, or NULL. */
static struct chunk *
spare_take(souk_memory *memory)
{
    atomic_store_explicit(&memory->grows, true, memory_order_relaxed); /* relaxed: advice, like all of this */
    if (!atomic_load_explicit(&memory->spares_count, memory_order_relaxed))
        return NULL;
    lock(memory);
    struct chunk *chunk = memory->spares;
    if (chunk) {
        memory->spares = chunk->next;
        atomic_fetch_sub_explicit(&memory->spares_count, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&memory->idle, sizeof *chunk + CHUNK_LAST, memory_order_relaxed);
    }
    unlock(memory);
    return chunk;
}

bool
souk_memory_wants(const souk_memory *memory)
{
    return atomic_load_explicit(&memory->grows, memory_order_relaxed) &&
           atomic_load_explicit(&memory->spares_count, memory_order_relaxed) < SOUK_SPARE_CHUNKS / 2;
}

void
souk_memory_prepare(souk_memory *memory)
{
    if (!atomic_exchange_explicit(&memory->grows, false, memory_order_relaxed))
        return;
    while (atomic_load_explicit(&memory->spares_count, memory_order_relaxed) < SOUK_SPARE_CHUNKS) {
        struct chunk *chunk = try_take(memory, sizeof *chunk + CHUNK_LAST);
        if (!chunk)
            return; /* Nobody needs it yet. */
        populate((char *)(chunk + 1), CHUNK_LAST);
        atomic_fetch_add_explicit(&memory->idle, sizeof *chunk + CHUNK_LAST, memory_order_relaxed);
        lock(memory);
        chunk->next = memory->spares;
        memory->spares = chunk;
        atomic_fetch_add_explicit(&memory->spares_count, 1, memory_order_relaxed);
        unlock(memory);
    }
}

/* Fetches a new chunk, after giving what is left of the old one to the classes that it fits. */
static void
chunk_fetch(souk_heap *heap)
{
    souk_memory *memory = heap->memory;
    for (size_t left; (left = (size_t)(heap->end - heap->at)) >= GRAIN;) {
        unsigned class = class_of(left);
        if (class_size(class) > left)
            class--;
        give(heap, class, (struct souk_block *)(void *)heap->at);
        heap->at += class_size(class);
    }

    size_t size = heap->chunk_next;
    if (heap->chunk_next < CHUNK_LAST)
        heap->chunk_next *= 2;
    struct chunk *chunk = size == CHUNK_LAST ? spare_take(memory) : NULL;
    if (!chunk) {
        chunk = take(memory, sizeof *chunk + size);
        populate((char *)(chunk + 1), size);
    }
    heap->at = (char *)(chunk + 1);
    heap->end = heap->at + size;
    lock(memory);
    chunk->next = memory->chunks;
    memory->chunks = chunk;
    unlock(memory);
}

/* A block when the loaded magazine is empty. */
static void *
refill(souk_heap *heap, unsigned class)
{
    struct souk_magazine *loaded = &heap->loaded[class], *spare = &heap->spare[class];
    if (spare->count) {
        *loaded = *spare;
        *spare = (struct souk_magazine){ NULL, 0, loaded->room };
    } else {
        struct souk_block *first = depot_take(heap->memory, class);
        if (!first) {
            size_t size = class_size(class);
            if ((size_t)(heap->end - heap->at) < size)
                chunk_fetch(heap);
            void *block = heap->at;
            heap->at += size;
            return block;
        }
        *loaded = (struct souk_magazine){ first, loaded->room, loaded->room }; /* only full ones are in the depot */
    }
    struct souk_block *block = loaded->first;
    loaded->first = block->next;
    loaded->count--;
    return block;
}

void *
souk_heap_alloc_slow_(souk_heap *heap, size_t size)
{
    if (SOUK_HEAP_ALONE || size > LARGEST)
        return large_alloc(heap->memory, size);
    unsigned class = class_of(size);
    struct souk_magazine *loaded = &heap->loaded[class];
    struct souk_block *block = loaded->first;
    if (!block)
        return refill(heap, class);
    loaded->first = block->next;
    loaded->count--;
    return block;
}

void *
souk_heap_zalloc(souk_heap *heap, size_t size)
{
    return memset(souk_heap_alloc(heap, size), 0, size);
}

void
souk_heap_free_slow_(souk_heap *heap, void *block, size_t size)
{
    if (!block) {
        souk_assert(size == 0);
        return;
    }
    if (SOUK_HEAP_ALONE || size > LARGEST)
        large_free(heap->memory, block, size);
    else
        give(heap, class_of(size), block);
}

void *
souk_heap_grow(souk_heap *heap, void *block, size_t old, size_t size)
{
    souk_assert(block || old == 0);
    if (!SOUK_HEAP_ALONE && block && old <= LARGEST && size <= LARGEST && class_of(old) == class_of(size))
        return block;
    void *grown = souk_heap_alloc(heap, size);
    size_t kept = old < size ? old : size;
    if (kept)
        memcpy(grown, block, kept);
    souk_heap_free(heap, block, old);
    return grown;
}
