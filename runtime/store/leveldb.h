/* SPDX-License-Identifier: Apache-2.0 */
/* store/leveldb.h -- the journal and the vault on a disk. data.c opens them, under the directory's lock: never open the
 * same path twice, since a second open that LevelDB refuses drops the first one's own lock. */
#ifndef SOUK_STORE_LEVELDB_H
#define SOUK_STORE_LEVELDB_H

#include "store/journal.h"
#include "store/vault.h"

/* Opens the journal at `path`, and makes it when `create`; `tail` is the file that store/tail.h speaks of and must be
 * there. `why` says what is wrong. SOUK_ERR_CORRUPT, also when it ends before what the tail says or is not there though
 * `create` is false; SOUK_ERR_FULL; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
souk_err souk_leveldb_journal_open(souk_journal **out, const char *path, const char *tail, bool create, char *why,
                                   size_t why_size) SOUK_MUST_CHECK;
/* Opens the vault at `path`, and makes it when `create`. Errors as above. */
souk_err souk_leveldb_vault_open(souk_vault **out, const char *path, bool create, char *why,
                                 size_t why_size) SOUK_MUST_CHECK;

#endif
