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

typedef struct souk_memory souk_memory;
typedef struct souk_heap souk_heap;

/* Opens the memory of a node. NULL when there is none left. */
souk_memory *souk_memory_open(void);
/* Frees the memory, all its heaps and all their blocks. No other thread may use any of them. */
void souk_memory_close(souk_memory **memory_p);
/* Bytes taken from the system so far. Any thread. */
size_t souk_memory_bytes(const souk_memory *memory);

/* Whether it grows and has few large chunks in stock; and makes some ready, their pages mapped, so that whoever grows
 * it doesn't pay for that: a fresh page costs several times what is written into it. Any thread; one prepares. */
bool souk_memory_wants(const souk_memory *memory);
void souk_memory_prepare(souk_memory *memory);

/* A heap for one thread at a time. Lives as long as its memory. */
souk_heap *souk_heap_open(souk_memory *memory);
/* `size` bytes, aligned to 16, not zeroed; never NULL: out of memory is a panic that says so. */
void *souk_heap_alloc(souk_heap *heap, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same, zeroed. */
void *souk_heap_zalloc(souk_heap *heap, size_t size) __attribute__((malloc, alloc_size(2)));
/* Gives back a block of exactly that size. NULL with size 0 is allowed. */
void souk_heap_free(souk_heap *heap, void *block, size_t size);
/* A block of `size` bytes that begins with the first `old` bytes of `block`, which is freed. */
void *souk_heap_grow(souk_heap *heap, void *block, size_t old, size_t size);

#endif
