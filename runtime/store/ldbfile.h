/* SPDX-License-Identifier: Apache-2.0 */
/* store/ldbfile.h -- LevelDB's files, read without LevelDB: each record of a log and each block of a table against its
 * checksum. For store/examine.c, which looks whether what LevelDB will not tell is in order, and store/salvage.c, which
 * takes out of a damaged journal what is sound. */
#ifndef SOUK_STORE_LDBFILE_H
#define SOUK_STORE_LDBFILE_H

#include <souk/base.h>

/* How a file is: whole; a log that breaks off in a record, as one does whose writer was stopped; or damaged at `at`. */
enum souk_ldbfile_state { SOUK_LDBFILE_WHOLE, SOUK_LDBFILE_TORN, SOUK_LDBFILE_DAMAGED };

struct souk_ldbfile {
    enum souk_ldbfile_state state;
    uint64_t at;      /* The first byte of the record or block that is torn or damaged. */
    const char *what; /* In a few words, static; NULL when whole. */
};

/* Takes one record of a log, or one entry of a table. The bytes are borrowed for the call. `at` is where the value's
 * bytes stand in the file, or UINT64_MAX when they are not in one piece there. False: read no further. */
typedef bool souk_ldbfile_visit(void *arg, struct souk_bytes key, struct souk_bytes value, uint64_t at);

/* Reads a whole file; the bytes are malloc'ed for the caller to free. SOUK_ERR_MISSING; SOUK_ERR_IO;
 * SOUK_ERR_MEMORY. */
souk_err souk_ldbfile_load(const char *path, struct souk_bytes *out) SOUK_MUST_CHECK;
/* Reads the records of a log, or of a MANIFEST, up to the first that isn't sound; `key` is empty. Stricter than
 * LevelDB, which skips the rest of a block behind zeros, and ends at a length that leads beyond the file. */
struct souk_ldbfile souk_ldbfile_log(struct souk_bytes file, souk_ldbfile_visit *visit, void *arg);
/* Reads the entries of a table, block by block, and those of later blocks when one is damaged. Keys are the user's,
 * without LevelDB's number; deleted ones are left out. */
struct souk_ldbfile souk_ldbfile_table(struct souk_bytes file, souk_ldbfile_visit *visit, void *arg);
/* Takes apart a log's record: the puts of one write, as souk_ldbfile_table() does. False when it isn't one. */
bool souk_ldbfile_puts(struct souk_bytes record, uint64_t at, souk_ldbfile_visit *visit, void *arg);
/* A number of LevelDB's: 7 bits a byte, the lowest first. Moves `at`; false when there is none. */
bool souk_ldbfile_number(const uint8_t **at, const uint8_t *end, uint64_t *number);
/* A length, and so many bytes. */
bool souk_ldbfile_text(const uint8_t **at, const uint8_t *end, struct souk_bytes *text);

#endif
