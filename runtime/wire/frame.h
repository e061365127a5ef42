/* SPDX-License-Identifier: Apache-2.0 */
/* wire/frame.h -- the frames between a node and its clients, as docs/wire.md describes them: reading requests, writing
 * answers. For wire/ alone. Pure; any thread. */
#ifndef SOUK_WIRE_FRAME_H
#define SOUK_WIRE_FRAME_H

#include "codec/scan.h"
#include <souk/node.h>

enum {
    SOUK_WIRE_VERSION = 1,
    SOUK_WIRE_REQUESTS_MAX = 4096,    /* In a frame. */
    SOUK_WIRE_OBJECTS_MAX = 1 << 17,  /* msgpack objects in a frame. */
    SOUK_WIRE_BODY_MAX = 64 << 10,    /* Bytes of a request's body. */
    SOUK_WIRE_PARTS_MAX = 4,          /* Of a key. */
    SOUK_WIRE_PART_BYTES = 256,
    SOUK_WIRE_WITHIN_MS = 5000,       /* Of a request that says nothing. */
    SOUK_WIRE_WITHIN_MAX_MS = 600000,
    SOUK_WIRE_WINDOW_MS = 3600000,    /* Of a birth time: older is expired (R11) ... */
    SOUK_WIRE_FUTURE_MS = 60000,      /* ... and so is one that far in the future. */
    SOUK_WIRE_HEAD = 7,               /* Bytes before the requests or answers of a frame that souk writes. */
};

/* What the door itself refuses, or how a request ended without an answer: name and sentence. Names of kinds' own
 * refusals begin with the kind's name, these with souk_. */
#define SOUK_DOOR_WORDS(D)                                                                                            \
    D(MALFORMED, "souk_malformed", "the frame or the request is malformed")                                           \
    D(VERSION, "souk_version", "the frame is of another version")                                                     \
    D(TOO_LARGE, "souk_too_large", "the frame, the request or the answer is too large")                               \
    D(UNKNOWN_KIND, "souk_unknown_kind", "there is no such kind")                                                     \
    D(UNKNOWN, "souk_unknown", "the kind has no such command or query")                                               \
    D(DENIED, "souk_denied", "this command is not public")                                                            \
    D(BAD_KEY, "souk_bad_key", "the key does not name an actor of this kind")                                         \
    D(EXPIRED, "souk_expired", "the request is older than an hour, or from the future")                               \
    D(OVERLOADED, "souk_overloaded", "too much is under way; try again later")                                        \
    D(DISK_FULL, "souk_disk_full", "there is no room to record it; try again later")                                  \
    D(CLOSED, "souk_closed", "the node is closing")                                                                   \
    D(LATE, "souk_late", "no answer came in time; it may still happen")                                               \
    D(DEAD, "souk_dead", "the actor could not handle it")                                                             \
    D(REFUSED, "souk_refused", "refused for a reason that has no name")

#define SOUK_DOOR_CODE_(code, name, sentence) SOUK_DOOR_##code,
enum souk_door { SOUK_DOOR_OK, SOUK_DOOR_WORDS(SOUK_DOOR_CODE_) SOUK_DOOR_COUNT };

/* The name of a word of the door. SOUK_DOOR_OK has none. */
const char *souk_door_name(enum souk_door door);
/* Its sentence. */
const char *souk_door_sentence(enum souk_door door);

/* One request of a scanned frame; all of it borrows from the frame. */
struct souk_wire_request {
    bool has_id;
    uint64_t id;
    const struct souk_kind *kind;
    const struct souk_row *row;
    souk_key key;                                 /* None: the key is the parts. */
    struct souk_text parts[SOUK_WIRE_PARTS_MAX];
    uint32_t parts_count;
    struct souk_bytes body;                       /* One msgpack value: an array, a map or nil. */
    uint32_t within_ms;
    uint64_t born_ms;                             /* 0: it doesn't say. */
};

/* Checks a whole frame and enters its array of requests. */
enum souk_door souk_frame_open(struct souk_bytes frame, struct souk_reader *requests, uint32_t *count);
/* Takes the next request. On a refusal `has_id` and `id` are filled as far as they could be read, and the reader stands
 * at the next request. */
enum souk_door souk_frame_next(struct souk_reader *requests, const struct souk_kind *const *kinds,
                               struct souk_wire_request *request);
/* Whether a birth time is within the window. */
bool souk_frame_fresh(uint64_t born_ms, uint64_t now_ms);

/* One answer. */
struct souk_wire_answer {
    bool has_id;
    uint64_t id;
    enum souk_ending ending;
    struct souk_text refusal, sentence; /* at NULL: nil. */
    struct souk_bytes body;             /* One msgpack value, or empty: nil. */
};

/* The bytes that an answer takes at most, and writing it; returns the end. */
size_t souk_answer_size(const struct souk_wire_answer *answer);
uint8_t *souk_answer_write(uint8_t *at, const struct souk_wire_answer *answer);
/* Writes the first SOUK_WIRE_HEAD bytes of a frame of `count` requests or answers. */
void souk_frame_head(uint8_t at[SOUK_WIRE_HEAD], uint32_t count);

#endif
