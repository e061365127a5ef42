/* SPDX-License-Identifier: Apache-2.0 */
/* base/heap.h -- memory of one node: size classes on per-thread freelists, and one call that frees all.
 *
 * A souk_memory belongs to a node, a souk_heap to one thread of it. A block may be freed to any heap of the same
 * memory: it just changes freelists. Blocks have no header, so the caller says their size when freeing. Closing the
 * memory frees every block at once, which makes a simulated crash cheap. Under AddressSanitizer each block is its
 * own malloc, so that misuse is seen. */
#ifndef SOUK_BASE_HEAP_H
#define SOUK_BASE_HEAP_H

#include <souk/base.h>

#include <setjmp.h>

typedef struct souk_memory souk_memory;
typedef struct souk_heap souk_heap;

/* ---- The system's memory. All that souk takes of it comes through here, so that a test can fail any of it. ---- */

/* Zeroed memory of the system, for what belongs to no node's memory; free() gives it back. NULL: none is left. */
void *souk_system_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
/* From now on may() is asked before any is taken, on whatever thread; what it denies counts as none left. NULL: none
 * asks, as it is from the start. For tests, while no node is open. */
void souk_system_hook(bool (*may)(void *self, size_t size), void *self);

/* ---- A node's memory. ---- */

/* Opens the memory of a node. NULL when there is none left. */
souk_memory *souk_memory_open(void);
/* Frees the memory, all its heaps and all their blocks. No other thread may use any of them. */
void souk_memory_close(souk_memory **memory_p);
/* Bytes taken from the system so far. Any thread. */
size_t souk_memory_bytes(const souk_memory *memory);
/* ... and how many of them are in use: not those that lie ready to be used again. Too much by what the heaps keep at
 * hand, at most some MiB for each thread. Any thread. */
size_t souk_memory_used(const souk_memory *memory);
/* While it is being filled: running out jumps there, by longjmp(), instead of ending the process. NULL: no more. */
void souk_memory_catch(souk_memory *memory, jmp_buf *jump);

/* Whether it grows and has few large chunks in stock; and makes some ready, their pages mapped, so that whoever grows
 * it doesn't pay for that: a fresh page costs several times what is written into it. Fewer when there are none. Any
 * thread; one prepares. */
bool souk_memory_wants(const souk_memory *memory);
void souk_memory_prepare(souk_memory *memory);

/* A heap for one thread at a time. Lives as long as its memory. */
souk_heap *souk_heap_open(souk_memory *memory);
/* `size` bytes, aligned to 16, not zeroed; never NULL: with no memory left the process says "out of memory" and aborts
 * (SIGABRT), since what a turn has half done cannot be undone. What was told to anybody outside is on disk. */
static inline void *souk_heap_alloc(souk_heap *heap, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same, zeroed. */
void *souk_heap_zalloc(souk_heap *heap, size_t size) __attribute__((malloc, alloc_size(2)));
/* Gives back a block of exactly that size. NULL with size 0 is allowed. */
static inline void souk_heap_free(souk_heap *heap, void *block, size_t size);
/* A block of `size` bytes that begins with the first `old` bytes of `block`, which is freed. */
void *souk_heap_grow(souk_heap *heap, void *block, size_t old, size_t size);

/* ---- The fast path, which is most of what a message costs: a small block from or to the loaded magazine. ---- */

/* Under AddressSanitizer each block is the system's own. */
#if defined(__SANITIZE_ADDRESS__)
#define SOUK_HEAP_ALONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SOUK_HEAP_ALONE 1
#endif
#endif
#ifndef SOUK_HEAP_ALONE
#define SOUK_HEAP_ALONE 0
#endif

enum {
    SOUK_HEAP_GRAIN = 16,  /* Alignment, and the smallest block. */
    SOUK_HEAP_FINE = 256,  /* Up to here classes are a grain apart. */
};

/* A free block. `chain` links whole magazines in the depot and is used in a magazine's first block only. */
struct souk_block {
    struct souk_block *next;
    struct souk_block *chain;
};
struct souk_magazine {
    struct souk_block *first;
    unsigned count;
    unsigned room; /* Here because a division for each free is measurable. */
};
/* How a heap begins. */
struct souk_heap_head { struct souk_magazine fine[SOUK_HEAP_FINE / SOUK_HEAP_GRAIN]; };

void *souk_heap_alloc_slow_(souk_heap *heap, size_t size);
void souk_heap_free_slow_(souk_heap *heap, void *block, size_t size);

static inline void *
souk_heap_alloc(souk_heap *heap, size_t size)
{
    size_t class = (size - 1) / SOUK_HEAP_GRAIN; /* Of size 0: far too large. */
    if (!SOUK_HEAP_ALONE && class < SOUK_HEAP_FINE / SOUK_HEAP_GRAIN) {
        struct souk_magazine *loaded = &((struct souk_heap_head *)(void *)heap)->fine[class];
        struct souk_block *block = loaded->first;
        if (block) {
            loaded->first = block->next;
            loaded->count--;
            return block;
        }
    }
    return souk_heap_alloc_slow_(heap, size);
}

static inline void
souk_heap_free(souk_heap *heap, void *block, size_t size)
{
    size_t class = (size - 1) / SOUK_HEAP_GRAIN;
    if (!SOUK_HEAP_ALONE && block && class < SOUK_HEAP_FINE / SOUK_HEAP_GRAIN) {
        struct souk_magazine *loaded = &((struct souk_heap_head *)(void *)heap)->fine[class];
        if (loaded->count < loaded->room) {
            struct souk_block *freed = block;
            freed->next = loaded->first;
            loaded->first = freed;
            loaded->count++;
            return;
        }
    }
    souk_heap_free_slow_(heap, block, size);
}

#endif
