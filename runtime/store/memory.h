/* SPDX-License-Identifier: Apache-2.0 */
/* store/memory.h -- a journal and a vault in memory, for simulations and tests, with the faults of a disk.
 *
 * The store is the disk: it outlives the node that uses it. A crash drops what was not durable and every open handle;
 * then both are opened again on the same store. It reads no clock and takes no chance: its user decides each fault. One
 * thread at a time uses a store and its handles. Out of memory is a panic. */
#ifndef SOUK_STORE_MEMORY_H
#define SOUK_STORE_MEMORY_H

#include "store/journal.h"
#include "store/vault.h"

typedef struct souk_memory_store souk_memory_store;

/* Which of the two a fault is for. */
enum souk_memory_place { SOUK_MEMORY_JOURNAL, SOUK_MEMORY_VAULT };

/* What happens to a put. All but the last are what disks do, under LevelDB or at all; the last is for planted bugs.
 * After an error the handle is poisoned; what was there "all the same" is seen once the place is opened again. */
enum souk_memory_fault {
    SOUK_MEMORY_SOUND,              /* It succeeds. */
    SOUK_MEMORY_IO_ABSENT,          /* SOUK_ERR_IO, and nothing was written. */
    SOUK_MEMORY_IO_PRESENT,         /* SOUK_ERR_IO, and all was written all the same. */
    SOUK_MEMORY_FULL_ABSENT,        /* SOUK_ERR_FULL, and nothing was written. */
    SOUK_MEMORY_FULL_PRESENT,       /* SOUK_ERR_FULL, and all was written all the same. */
    SOUK_MEMORY_GONE,               /* OK, but this put and all after it are lost in the next crash: a lying disk. */
    SOUK_MEMORY_HOLE,               /* OK, but this put alone is lost in the next crash. */
    SOUK_MEMORY_TORN,               /* SOUK_ERR_IO, and half was written: of a group's bytes, of a vault's entries. */
};

/* An empty store, with no fault to come. */
souk_memory_store *souk_memory_store_open(void);
/* Frees it and the handles that are still open on it. */
void souk_memory_store_close(souk_memory_store **store_p);

/* Opens the journal or the vault. The handle is closed by its own close(), or by a crash. SOUK_ERR_LOCKED when one is
 * open. */
souk_err souk_memory_store_journal(souk_memory_store *store, souk_journal **out) SOUK_MUST_CHECK;
souk_err souk_memory_store_vault(souk_memory_store *store, souk_vault **out) SOUK_MUST_CHECK;

/* The machine stops: handles are freed (forget them), and what was not durable is gone. Faults to come stay. */
void souk_memory_store_crash(souk_memory_store *store);
/* The fault of one put to come: the next one when `skip` is 0, the one after it when 1, ... One at a time for each
 * place: it takes the place of one that has not happened yet. SOUK_MEMORY_SOUND takes it back. */
void souk_memory_store_fault(souk_memory_store *store, enum souk_memory_place place, enum souk_memory_fault fault,
                             uint64_t skip);
/* Asks choose() about each put that has no such fault, from now on; NULL: nobody. */
void souk_memory_store_choose(souk_memory_store *store,
                              enum souk_memory_fault (*choose)(void *self, enum souk_memory_place place), void *self);
/* After so many more operations, each group or snapshot read being one, the machine has stopped: whatever is tried
 * fails with SOUK_ERR_IO and changes nothing, until the crash that follows (UINT64_MAX: never). So it can be killed in
 * the middle of what its node does by itself. Has it? */
void souk_memory_store_end(souk_memory_store *store, uint64_t operations);
bool souk_memory_store_ended(const souk_memory_store *store);
/* How many groups at `from` or beyond a crash has found lost, though they were acknowledged, or torn. Whether the vault
 * has lost a put that was acknowledged, and had none since. And what repairs one of them: what was lost is there again,
 * and what was torn is gone. Between a crash and the next put. */
unsigned souk_memory_store_damage(const souk_memory_store *store, uint64_t from);
bool souk_memory_store_vault_lost(const souk_memory_store *store);
void souk_memory_store_mend(souk_memory_store *store, enum souk_memory_place place);
/* Turns one bit of the group that holds `position`, counted from its first byte and wrapping round its length: an
 * edited journal. False when there is no such group or it is empty. */
bool souk_memory_store_flip(souk_memory_store *store, uint64_t position, uint64_t bit);
/* Between which positions the group lies that holds `position`. False when there is none. */
bool souk_memory_store_group(const souk_memory_store *store, uint64_t position, uint64_t *first, uint64_t *last);
/* How many puts were tried since the store was opened, faulted ones included: to place faults by. */
uint64_t souk_memory_store_puts(const souk_memory_store *store, enum souk_memory_place place);

#endif
