/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz.h -- what the fuzz targets share. A target is a function that takes any bytes and claims what must
 * hold whatever they are (souk_assert); fuzz_X.c has target X.
 *
 * ./run fuzz builds each with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer into a program of its own,
 * and searches for bytes that break a claim. test_corpus.c calls all of them on the files kept in corpus/ and
 * crashes/, which needs no clang. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <souk/body.h>

/* All targets. */
#define FUZZ_TARGETS(T)                                                                             \
    T(frame) T(body) T(batch) T(http) T(server) T(client) T(json) T(config) T(snapshot) T(stripe)   \
    T(small) T(journal)

#define FUZZ_DECLARE_(name) void fuzz_##name(const uint8_t *at, size_t length);
FUZZ_TARGETS(FUZZ_DECLARE_)

/* libFuzzer's way in; only in its own variant, since each target's program may have but one. */
#ifdef SOUK_FUZZER
#define FUZZ_ENTRY(name)                                                                            \
    int LLVMFuzzerTestOneInput(const uint8_t *at, size_t length);                                   \
    int LLVMFuzzerTestOneInput(const uint8_t *at, size_t length)                                    \
    {                                                                                               \
        fuzz_##name(at, length);                                                                    \
        return 0;                                                                                   \
    }
#else
#define FUZZ_ENTRY(name)
#endif

/* The bytes of an input that are not yet used. */
struct fuzz_input { const uint8_t *at; size_t left; };

/* Takes the next byte, or a number of so many bytes (most significant first); 0 when there are no more. */
uint8_t fuzz_byte(struct fuzz_input *in);
uint64_t fuzz_number(struct fuzz_input *in, unsigned bytes);
/* Takes up to so many bytes. */
struct souk_bytes fuzz_bytes(struct fuzz_input *in, size_t most);
/* A copy that ends where its memory ends, so that AddressSanitizer sees a byte too many being read. For free(). */
void *fuzz_copy(const void *at, size_t length);
/* A number from a seed that it moves on (SplitMix64): for choices that must not depend on the bytes' places. */
uint64_t fuzz_chance(uint64_t *seed);
/* Whether it is one JSON value and nothing else, by RFC 8259, with at most that many containers inside each other: the
 * tests' own judge. */
bool fuzz_is_json(struct souk_text text, unsigned depth_max);
/* From here on standard error is not written to, but for what souk_panic() says. */
void fuzz_quiet(void);

#endif
