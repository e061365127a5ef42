/* SPDX-License-Identifier: Apache-2.0 */
/* base/clocktext.h -- moments as people write them: RFC 3339. */
#ifndef SOUK_BASE_CLOCKTEXT_H
#define SOUK_BASE_CLOCKTEXT_H

#include <souk/base.h>

enum { SOUK_CLOCK_TEXT_BYTES = 25 };

/* Reads a moment with its offset (2026-11-27T09:00:00Z, 2026-11-27T10:00:00.250+01:00) as milliseconds since 1970,
 * UTC. Strict: every field has its digits and its range, the day exists, nothing follows. Digits below milliseconds
 * are dropped; a leap second (23:59:60 UTC) is the first moment of the next day. MALFORMED for all else, also for
 * moments before 1970. Any thread. */
souk_err souk_clock_parse(struct souk_text text, uint64_t *wall_ms) SOUK_MUST_CHECK;
/* Writes a moment as 2026-11-27T09:00:00.000Z with a final zero byte. What lies beyond the year 9999 is written as its
 * last moment. Returns the text in `out`. Any thread. */
struct souk_text souk_clock_format(uint64_t wall_ms, char out[SOUK_CLOCK_TEXT_BYTES]);

#endif
