/* SPDX-License-Identifier: Apache-2.0 */
/* souk/base.h -- the few types and the two ways to fail that everything in souk shares.
 *
 * A fault is a souk_err: it comes from outside (a disk, a peer, a caller's input) and must be checked.
 * A bug is a souk_assert: it comes from us, is on in every build, and ends the process. */
#ifndef SOUK_BASE_H
#define SOUK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOUK_MUST_CHECK __attribute__((warn_unused_result))
#define SOUK_UNUSED __attribute__((unused))
#define SOUK_PRINTF(which, first) __attribute__((__format__(__printf__, which, first)))

/* Every fault: its code and the sentence that souk_err_text() gives for it. */
#define SOUK_ERRORS(E)                                                              \
    E(SOUK_OK, "no fault")                                                          \
    E(SOUK_ERR_MEMORY, "out of memory")                                             \
    E(SOUK_ERR_IO, "input or output failed")                                        \
    E(SOUK_ERR_FULL, "the disk is full")                                            \
    E(SOUK_ERR_CORRUPT, "stored data is damaged")                                   \
    E(SOUK_ERR_VERSION, "stored data is of another version")                        \
    E(SOUK_ERR_LOCKED, "another process uses the data directory")                   \
    E(SOUK_ERR_FENCED, "the journal is not at the expected position")               \
    E(SOUK_ERR_MISSING, "there is no such thing")                                   \
    E(SOUK_ERR_MALFORMED, "the input is malformed")                                 \
    E(SOUK_ERR_TOO_LARGE, "the input is too large")                                 \
    E(SOUK_ERR_UNKNOWN, "no kind or message has that name or number")               \
    E(SOUK_ERR_DENIED, "this message is not public")                                \
    E(SOUK_ERR_BUSY, "too much is under way; try again later")                      \
    E(SOUK_ERR_LATE, "no answer came in time")                                      \
    E(SOUK_ERR_CLOSED, "the other side is closing")                                 \
    E(SOUK_ERR_USAGE, "the request makes no sense")

#define SOUK_ERR_CODE_(code, sentence) code,
typedef enum souk_err { SOUK_ERRORS(SOUK_ERR_CODE_) } souk_err;

/* The sentence for a fault. Never NULL. Any thread. */
const char *souk_err_text(souk_err err);

/* Says what broke and where on standard error, with what souk_panic_note() left, and aborts. Any thread. */
_Noreturn void souk_panic(const char *file, int line, const char *what);

/* A claim that only a bug can break. On in every build. */
#define souk_assert(claim) ((claim) ? (void)0 : souk_panic(__FILE__, __LINE__, #claim))

/* Borrowed bytes: whoever hands them out says for how long. Text is UTF-8 with no final zero byte. */
struct souk_bytes { const void *at; size_t length; };
struct souk_text { const char *at; size_t length; };

/* A literal or a C string as text. */
#define SOUK_TEXT(literal) ((struct souk_text){ (literal), sizeof(literal) - 1 })
struct souk_text souk_text_of(const char *string);
bool souk_text_equal(struct souk_text a, struct souk_text b);

/* An actor's address among its kind: 128 bits, spread evenly by a keyed hash of its text id. All zeros is none. */
typedef struct souk_key { uint64_t high, low; } souk_key;

static inline bool
souk_key_equal(souk_key a, souk_key b)
{
    return a.high == b.high && a.low == b.low;
}

static inline bool
souk_key_none(souk_key key)
{
    return (key.high | key.low) == 0;
}

#endif
