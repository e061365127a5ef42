/* SPDX-License-Identifier: Apache-2.0 */
/* store/file.h -- small files that must be whole or absent, and sentences on what went wrong. For store/ and
 * node/terms.c. */
#ifndef SOUK_STORE_FILE_H
#define SOUK_STORE_FILE_H

#include <souk/base.h>

/* Writes a sentence into `why` (NULL: nowhere), cut to fit, and returns `err`. */
souk_err souk_file_fault(souk_err err, char *why, size_t why_size, const char *format, ...) SOUK_PRINTF(4, 5);
/* The fault that an errno stands for: SOUK_ERR_FULL, SOUK_ERR_MISSING, SOUK_ERR_MEMORY, else SOUK_ERR_IO. */
souk_err souk_file_err(int number);
/* "directory/name", malloc'ed. NULL when there is no memory. */
char *souk_file_path(const char *directory, const char *name);
/* Makes the names in a directory durable. SOUK_ERR_MISSING; SOUK_ERR_IO. */
souk_err souk_file_sync_directory(const char *directory) SOUK_MUST_CHECK;
/* Makes a file of mode 0600 that holds exactly those bytes, durably and in one step: it is the old one or the new one.
 * Uses the name with ".new" added. SOUK_ERR_FULL; SOUK_ERR_IO. */
souk_err souk_file_replace(const char *directory, const char *name, const void *at, size_t length) SOUK_MUST_CHECK;
/* Writes all bytes to the beginning of an open file, however few of them a call takes, and whatever interrupts it.
 * SOUK_ERR_FULL; SOUK_ERR_IO. */
souk_err souk_file_write(int fd, const void *at, size_t length) SOUK_MUST_CHECK;
/* Reads a file of at most `room` bytes from its beginning. SOUK_ERR_TOO_LARGE; SOUK_ERR_MISSING; SOUK_ERR_IO. */
souk_err souk_file_read(const char *path, void *out, size_t room, size_t *length) SOUK_MUST_CHECK;
/* A checksum for small files: finds damage, not forgery. */
uint64_t souk_file_sum(const void *at, size_t length);
/* A number as 8 bytes, the highest first, as the journal's keys and the tail have it. */
void souk_file_put(uint8_t out[8], uint64_t number);
uint64_t souk_file_get(const uint8_t in[8]);

#endif
