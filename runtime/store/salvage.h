/* SPDX-License-Identifier: Apache-2.0 */
/* store/salvage.h -- the groups that a damaged journal still has, taken out of LevelDB's files without LevelDB, which
 * would drop more of them or change the files. For `souk repair` alone: a node never repairs. */
#ifndef SOUK_STORE_SALVAGE_H
#define SOUK_STORE_SALVAGE_H

#include "store/journal.h"

typedef struct souk_salvage souk_salvage;

/* Reads all of a journal's files. What is damaged in them is left out, and told by souk_salvage_damage(). It takes
 * memory for what the logs hold, a memtable or two, and a few words for each group. SOUK_ERR_MISSING: there is no
 * such directory; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
souk_err souk_salvage_open(souk_salvage **out, const char *journal) SOUK_MUST_CHECK;
/* Calls `group` for each group, in the order of their positions, until it returns other than SOUK_OK, which is
 * returned. There may be gaps. The bytes are borrowed for the call. SOUK_ERR_IO; SOUK_ERR_MEMORY. */
souk_err souk_salvage_each(souk_salvage *salvage,
                           souk_err (*group)(void *arg, uint64_t first, uint64_t last, struct souk_bytes bytes),
                           void *arg) SOUK_MUST_CHECK;
/* A sentence on the n-th file that is damaged; NULL: no more. */
const char *souk_salvage_damage(const souk_salvage *salvage, size_t n);
void souk_salvage_close(souk_salvage **salvage_p);

#endif
