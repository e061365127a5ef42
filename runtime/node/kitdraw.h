/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitdraw.h -- messages by chance, made simpler step by step, and written as C: all led by their layouts. One
 * thread. */
#ifndef SOUK_NODE_KITDRAW_H
#define SOUK_NODE_KITDRAW_H

#include "world/sim.h"
#include <souk/protocol.h>

#include <stdio.h>

enum { SOUK_POOL_TEXTS = 32, SOUK_POOL_KEYS = 6, SOUK_POOL_NUMBERS = 16 };

/* What values are drawn from, so that they come back. */
struct souk_kit_pool {
    struct souk_sim_world world;    /* Its chance alone. */
    struct souk_text texts[SOUK_POOL_TEXTS];
    uint32_t texts_count;
    souk_key keys[SOUK_POOL_KEYS];
    uint32_t keys_count;
    uint64_t numbers[SOUK_POOL_NUMBERS];
    uint32_t numbers_count;         /* Drawn so far: the last ones are kept. */
    uint64_t now_ms;
    bool anybody;                   /* It may come from anybody: also keys and texts that no actor would send. */
};

/* A number below `below`, by the pool's chance. */
uint64_t souk_kit_below(struct souk_kit_pool *pool, uint64_t below);
/* Fills a message. Its lists lie in the scratch. */
void souk_kit_draw(struct souk_kit_pool *pool, const struct souk_layout *layout, void *message,
                   struct souk_scratch *scratch);
/* The *n-th simpler number; false when there are fewer, and then *n is less by as many. */
bool souk_kit_simpler(uint64_t v, uint32_t *n, uint64_t *out);
/* Makes one value of a message simpler, in the n-th way of all that there are; false when there are fewer. Its lists
 * must lie in memory of the caller. */
bool souk_kit_simplify(const struct souk_layout *layout, void *message, uint32_t n);
/* What its values come to: the simpler, the less. */
double souk_kit_weight(const struct souk_layout *layout, const void *message);
/* Puts one key in another's place wherever it stands in a message; false: it stands nowhere. */
bool souk_kit_rename(const struct souk_layout *layout, void *message, souk_key from, souk_key to);
/* Writes a message's fields as designated initialisers, `before` before the first one. A key equal to `self` is written
 * as the actor's own. */
void souk_kit_write(FILE *out, const struct souk_layout *layout, const void *message, souk_key self,
                    const char *before);
/* Writes bytes as a string literal of C. */
void souk_kit_write_bytes(FILE *out, const void *at, size_t length);

#endif
