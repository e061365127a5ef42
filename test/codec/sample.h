/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h -- messages with every type and shape of field, and random ones of them. */
#ifndef TEST_CODEC_SAMPLE_H
#define TEST_CODEC_SAMPLE_H

#include <souk/actor.h>

#define SAMPLE_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                          \
    RECORD(sample_part, F(1, key, sku) F(2, u32, units) O(3, text, note))                                             \
    COMMAND(1, sample_all, public,                                                                                    \
        F(1, bool, yes) F(2, u32, small) F(3, u64, big) F(4, i64, money) F(5, key, id) F(6, text, name)               \
        F(7, bytes, blob) F(8, asker, who) F(9, sample_part, part) O(10, u32, maybe) O(11, text, words)               \
        O(12, sample_part, other) L(13, u64, numbers, 8) L(14, text, names, 4) L(15, sample_part, parts, 20))         \
    COMMAND(2, sample_plain, public, F(1, bool, yes) F(2, u32, small) F(3, i64, money) F(4, text, name)               \
        O(5, key, id) O(6, bytes, blob) L(7, u32, numbers, 3) L(8, sample_part, parts, 2) F(9, sample_part, part))     \
    EVENT(1, sample_counted, F(1, u32, by))
SOUK_PROTOCOL(sample, 63, SAMPLE_TABLE);

/* A random number from a seed that it moves on (SplitMix64). */
uint64_t sample_random(uint64_t *seed);
/* A random message. Its texts and lists are in `memory`, of 64 KiB. */
void sample_fill(struct sample_all *message, uint64_t *seed, void *memory);
/* Whether two are the same, in all that is present. */
bool sample_equal(const struct sample_all *a, const struct sample_all *b);

#endif
