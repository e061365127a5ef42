/* SPDX-License-Identifier: Apache-2.0 */
/* test/store/disk.h -- what the tests of store/ share: directories of their own, damage, and a journal's contents. */
#ifndef SOUK_TEST_STORE_DISK_H
#define SOUK_TEST_STORE_DISK_H

#include "store/journal.h"

/* A new empty directory in TMPDIR, malloc'ed. */
char *disk_make(void);
/* Removes a directory with all in it, and frees its name. */
void disk_drop(char *directory);
/* Copies a directory into a new one, malloc'ed. */
char *disk_copy(const char *directory);
/* The path of the only file in `directory` whose name ends so, malloc'ed; the largest one if there are more. */
char *disk_find(const char *directory, const char *ending);
/* The size of a file; turning a bit of one; writing one; removing one. */
long disk_size(const char *path);
void disk_flip(const char *path, long byte, unsigned bit);
void disk_write(const char *directory, const char *name, const char *text);
void disk_remove(const char *directory, const char *name);

/* Appends a group first..last whose bytes are made from its positions, in two parts. */
souk_err journal_fill(souk_journal *journal, uint64_t first, uint64_t last);
/* Reads from a position and checks each group's bytes as journal_fill() made them; gives the first positions of the
 * groups found, at most `room`, and how many there were. */
souk_err journal_list(souk_journal *journal, uint64_t from, uint64_t *firsts, size_t room, size_t *count);

#endif
