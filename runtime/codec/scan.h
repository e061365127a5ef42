/* SPDX-License-Identifier: Apache-2.0 */
/* codec/scan.h -- one pass over untrusted msgpack before anything reads it: after it, no count lies and no name is told
 * twice. For the wire and the tools. Pure; any thread. */
#ifndef SOUK_CODEC_SCAN_H
#define SOUK_CODEC_SCAN_H

#include <souk/body.h>

enum {
    SOUK_SCAN_DEPTH = 16,   /* Arrays and maps inside each other. */
    SOUK_SCAN_MAP_KEYS = 32, /* Of one map: no table has that many fields in a message. */
};

/* Looks at the first value in `bytes` and says how long it is. It is then whole, at most 16 deep, of at most
 * `objects_max` objects; its maps have distinct text keys; its text is UTF-8. Allocates nothing, never recurses.
 * SOUK_ERR_MALFORMED; SOUK_ERR_TOO_LARGE for what is valid and beyond a limit. */
souk_err souk_scan(struct souk_bytes bytes, uint32_t objects_max, size_t *length) SOUK_MUST_CHECK;
/* The bytes of the next value of a reader over scanned bytes; empty when it is bad. */
struct souk_bytes souk_take_value(struct souk_reader *in);
/* Length of the UTF-8 sequence at `at` (RFC 3629: no surrogates, nothing overlong); 0 if there is none. at < end. */
unsigned souk_utf8_length(const uint8_t *at, const uint8_t *end);

#endif
