/* SPDX-License-Identifier: Apache-2.0 */
/* store/examine.h -- what is wrong with a LevelDB database, by its files: before it is opened, since LevelDB takes some
 * of what is missing for what never was, and afterwards, since it doesn't say which file it could not read. */
#ifndef SOUK_STORE_EXAMINE_H
#define SOUK_STORE_EXAMINE_H

#include "store/ldbfile.h"

/* What a LevelDB error means: it has only texts. A file that is not there, in a database that was, is damage. */
souk_err souk_examine_text(const char *text);

/* A log or a table that belongs to a database. */
struct souk_examined { char *path; uint64_t number, size; bool is_log; };
/* All that belong to it, tables first, each in the order of their numbers. Zeroed: none. */
struct souk_examined_list { struct souk_examined *at; size_t count, room; };

/* Whether all files that the database at `path` consists of are there and have their size; with `logs`, whether
 * each log can be read to its end, too. For a vault: LevelDB skips a part of a log that has become zeros, and
 * nothing else would miss a snapshot. `why` names the file. SOUK_ERR_CORRUPT; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
souk_err souk_examine(const char *path, bool logs, char *why, size_t why_size) SOUK_MUST_CHECK;
/* Looks for damage in each file, which reads all of them, and says in `why` where the first is. False when none is
 * found, also because a file could not be read: `why` is then not to be used. */
bool souk_examine_all(const char *path, char *why, size_t why_size);
/* Lists all tables and logs that are in a directory, whether a MANIFEST names them or not. To be freed with
 * souk_examined_free(). SOUK_ERR_MISSING: there is no such directory; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
souk_err souk_examine_list(const char *path, struct souk_examined_list *out) SOUK_MUST_CHECK;
void souk_examined_free(struct souk_examined_list *list);

#endif
