/* SPDX-License-Identifier: Apache-2.0 */
/* store/data.h -- a data directory: its identity, its lock, its journal and its vault.
 *
 *     DIR/identity      version, number of virtual shards, the key-hash secret; written once, atomically, last of all
 *     DIR/lock          flock()ed for as long as a process uses the directory; holds that process's number
 *     DIR/tail          where the journal ends: so that a lost end of it is noticed (store/tail.h)
 *     DIR/journal/      LevelDB
 *     DIR/vault/        LevelDB
 *     DIR/turns         whose turns were under way, against crash loops (store/page.h)
 *     DIR/reserve       space put aside, so that a disk that others fill still lets the backlog drain */
#ifndef SOUK_STORE_DATA_H
#define SOUK_STORE_DATA_H

#include "base/hash.h"
#include "store/journal.h"
#include "store/vault.h"
#include "world/world.h"

/* The full reserve: the largest un-synced backlog (16 MiB), one memtable flush (8 MiB), the largest usual compaction
 * of the journal (that table and two of 32 MiB beside it: 72 MiB) and the vault's flush and compaction (28 MiB), and as
 * much again. On a small disk it is a tenth of the disk. */
#define SOUK_DATA_RESERVE (UINT64_C(256) << 20)

/* How the reserve is kept: free for use because the disk ran low; in a preallocated file; or only subtracted from what
 * is free, where the file system cannot preallocate. */
enum souk_data_reserve { SOUK_RESERVE_RELEASED, SOUK_RESERVE_HELD, SOUK_RESERVE_COUNTED };

struct souk_data {
    char *directory;
    struct souk_secret secret;
    uint32_t shards;
    int lock_fd;
    int reserve_fd;
    enum souk_data_reserve reserve_kept;
    uint64_t reserve; /* Bytes: SOUK_DATA_RESERVE, or less on a small disk. */
    souk_journal *journal;
    souk_vault *vault;
};

/* Opens a directory, making it (mode 0700) when `create` and it is missing or empty; fills `data`. The secret comes
 * from the world's randomness. On an error nothing stays open, and `why` (may be NULL) says it in a sentence that
 * names the file. It never repairs. To be called where all signals are blocked, or before any is expected: LevelDB
 * starts a thread. SOUK_ERR_LOCKED; SOUK_ERR_MISSING; SOUK_ERR_VERSION; SOUK_ERR_CORRUPT; SOUK_ERR_FULL; SOUK_ERR_IO;
 * SOUK_ERR_MEMORY; SOUK_ERR_USAGE when the directory holds other files and no identity. */
souk_err souk_data_open(struct souk_data *data, const struct souk_world *world, const char *directory, bool create,
                        char *why, size_t why_size) SOUK_MUST_CHECK;
/* Takes a directory's lock and reads its identity, for whoever mends what souk_data_open() refuses. Errors as above. */
souk_err souk_data_lock(struct souk_data *data, const char *directory, char *why, size_t why_size) SOUK_MUST_CHECK;
/* Closes all and releases the lock. One that was never opened, zeroed, is left alone. */
void souk_data_close(struct souk_data *data);
/* Bytes that new commands may still fill; 0: refuse them until it is more. UINT64_MAX if unknown. Looks at the disk,
 * gives the reserve back to it when it runs low and takes it again when there is room, so call it a few times a
 * second, from one thread at a time, and also while commands are refused. Costs two system calls. */
uint64_t souk_data_room(struct souk_data *data);

#endif
