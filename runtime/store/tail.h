/* SPDX-License-Identifier: Apache-2.0 */
/* store/tail.h -- a small file beside the journal that says where it ends. For store/ alone.
 *
 * LevelDB takes a log file that has vanished, or whose last record claims more bytes than there are, for the end of its
 * log, and opens without a word. So each group that became durable is noted here, after its sync and without one of
 * its own: the note may be behind the journal, never ahead of it, unless the journal lost its end. */
#ifndef SOUK_STORE_TAIL_H
#define SOUK_STORE_TAIL_H

#include <souk/base.h>

/* The last group: its first and last position, and how many groups were ever appended. All 0: none yet. */
struct souk_tail { uint64_t first, last, groups; };

/* Makes the file, saying "none yet", durably. SOUK_ERR_FULL; SOUK_ERR_IO. */
souk_err souk_tail_create(const char *directory, const char *name) SOUK_MUST_CHECK;
/* Opens and reads it. The descriptor is the caller's to close. SOUK_ERR_MISSING; SOUK_ERR_CORRUPT; SOUK_ERR_IO. */
souk_err souk_tail_open(const char *path, int *fd, struct souk_tail *tail) SOUK_MUST_CHECK;
/* Overwrites it in place: one write inside one sector, so that it is the old note or the new one. SOUK_ERR_IO. */
souk_err souk_tail_write(int fd, const struct souk_tail *tail) SOUK_MUST_CHECK;

#endif
