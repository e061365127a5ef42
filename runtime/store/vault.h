/* SPDX-License-Identifier: Apache-2.0 */
/* store/vault.h -- snapshots by name: what actors looked like at some position, and the marker of the last checkpoint.
 *
 * Names are byte strings of at most 64 bytes, ordered as by memcmp. A put of many is atomic and durable when it
 * returns. Any thread may get; one at a time puts. After a failed put it is poisoned, as the journal is. */
#ifndef SOUK_STORE_VAULT_H
#define SOUK_STORE_VAULT_H

#include "store/journal.h"

typedef struct souk_vault souk_vault;

struct souk_vault_entry { struct souk_bytes name, value; }; /* A value with at == NULL deletes the name. */

struct souk_vault_ops {
    /* Atomic and durable. SOUK_ERR_FULL; SOUK_ERR_IO; SOUK_ERR_MEMORY. */
    souk_err (*put)(souk_vault *vault, const struct souk_vault_entry *entries, size_t count);
    /* The value, malloc'ed for the caller to free, also when empty. SOUK_ERR_MISSING; SOUK_ERR_CORRUPT; SOUK_ERR_IO. */
    souk_err (*get)(souk_vault *vault, struct souk_bytes name, void **out, size_t *length);
    /* Calls entry() for each name that begins with `prefix`, in order; as journal read() does. */
    souk_err (*each)(souk_vault *vault, struct souk_bytes prefix,
                     souk_err (*entry)(void *arg, struct souk_bytes name, struct souk_bytes value), void *arg);
    /* The last name that begins with `prefix`, of which `room` bytes are enough, and its length. SOUK_ERR_MISSING: there is
     * none; SOUK_ERR_TOO_LARGE; SOUK_ERR_CORRUPT; SOUK_ERR_IO. */
    souk_err (*last)(souk_vault *vault, struct souk_bytes prefix, void *name, size_t room, size_t *length);
    void (*close)(souk_vault **vault_p);
};

/* Every implementation begins with this. `why` is as in struct souk_journal; a read that found damage sets it too. */
struct souk_vault { const struct souk_vault_ops *ops; char why[SOUK_STORE_WHY]; };

#endif
