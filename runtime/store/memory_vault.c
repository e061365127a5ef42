/* SPDX-License-Identifier: Apache-2.0 */
/* store/memory_vault.c -- the vault of memory.h: a sorted array of names, and a second one when what is seen and what
 * survives differ. */
#include "store/memory_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VAULT_NAME_MAX = 64 };

static int
name_compare(const struct entry *entry, struct souk_bytes name)
{
    size_t shorter = entry->name_length < name.length ? entry->name_length : name.length;
    int order = shorter > 0 ? memcmp(entry->name, name.at, shorter) : 0;
    if (order != 0)
        return order;
    return (entry->name_length > name.length) - (entry->name_length < name.length);
}

/* Index of the first entry whose name is >= name. */
static size_t
shelf_find(const struct shelf *shelf, struct souk_bytes name)
{
    size_t low = 0, high = shelf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (name_compare(&shelf->at[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
shelf_holds(const struct shelf *shelf, size_t i, struct souk_bytes name)
{
    return i < shelf->count && name_compare(&shelf->at[i], name) == 0;
}

static void
shelf_remove(struct shelf *shelf, size_t i)
{
    free(shelf->at[i].name);
    free(shelf->at[i].value);
    shelf->count--;
    memmove(shelf->at + i, shelf->at + i + 1, (shelf->count - i) * sizeof *shelf->at);
}

static void
shelf_put(struct shelf *shelf, const struct souk_vault_entry *put)
{
    size_t i = shelf_find(shelf, put->name);
    if (put->value.at == NULL) {
        if (shelf_holds(shelf, i, put->name))
            shelf_remove(shelf, i);
        return;
    }
    if (!shelf_holds(shelf, i, put->name)) {
        if (shelf->count == shelf->room) {
            shelf->room = shelf->room > 0 ? shelf->room * 2 : 64;
            shelf->at = souk_memory_must(reallocarray(shelf->at, shelf->room, sizeof *shelf->at));
        }
        memmove(shelf->at + i + 1, shelf->at + i, (shelf->count - i) * sizeof *shelf->at);
        shelf->count++;
        shelf->at[i] = (struct entry){ souk_memory_copy(put->name.at, put->name.length), NULL, put->name.length, 0 };
    }
    free(shelf->at[i].value);
    shelf->at[i].value = souk_memory_copy(put->value.at, put->value.length);
    shelf->at[i].value_length = put->value.length;
}

void
souk_memory_shelf_clear(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        free(shelf->at[i].name);
        free(shelf->at[i].value);
    }
    free(shelf->at);
    *shelf = (struct shelf){ NULL, 0, 0 };
}

/* From now on what is seen and what survives are two. */
static void
vault_split(souk_memory_store *store)
{
    if (store->split)
        return;
    store->split = true;
    for (size_t i = 0; i < store->seen.count; i++) {
        const struct entry *entry = &store->seen.at[i];
        shelf_put(&store->kept, &(struct souk_vault_entry){ { entry->name, entry->name_length },
                                                            { entry->value, entry->value_length } });
    }
}

void
souk_memory_vault_join(souk_memory_store *store)
{
    if (!store->split)
        return;
    if (store->lied) {
        souk_memory_shelf_clear(&store->before);
        store->before = store->seen;
        store->has_before = true;
    } else {
        souk_memory_shelf_clear(&store->seen);
    }
    store->seen = store->kept;
    store->kept = (struct shelf){ NULL, 0, 0 };
    store->split = false;
}

void
souk_memory_vault_mend(souk_memory_store *store)
{
    if (!store->has_before)
        return;
    souk_memory_shelf_clear(&store->seen);
    store->seen = store->before;
    store->before = (struct shelf){ NULL, 0, 0 };
    store->has_before = false;
}

static souk_err
vault_put(souk_vault *face, const struct souk_vault_entry *entries, size_t count)
{
    struct memory_vault *vault = (struct memory_vault *)face;
    souk_memory_store *store = vault->store;
    if (vault->poison != SOUK_OK)
        return vault->poison;
    if (souk_memory_has_ended(store)) {
        vault->poison = SOUK_ERR_IO;
        return SOUK_ERR_IO;
    }
    enum souk_memory_fault fault = souk_memory_next_fault(store, SOUK_MEMORY_VAULT);
    souk_err err = souk_memory_fault_err(fault);
    bool written = fault != SOUK_MEMORY_IO_ABSENT && fault != SOUK_MEMORY_FULL_ABSENT;
    souk_memory_shelf_clear(&store->before);
    store->has_before = false;
    if (written && fault != SOUK_MEMORY_SOUND)
        vault_split(store);
    if (fault == SOUK_MEMORY_GONE)
        store->vault_sinking = true;
    if (fault == SOUK_MEMORY_GONE || fault == SOUK_MEMORY_HOLE)
        store->lied = true;
    size_t survive = !written || store->vault_sinking || fault == SOUK_MEMORY_HOLE ? 0
                     : fault == SOUK_MEMORY_TORN                                   ? count / 2
                                                                                   : count;
    for (size_t i = 0; i < count; i++) {
        souk_assert(entries[i].name.length <= VAULT_NAME_MAX);
        if (err == SOUK_OK)
            shelf_put(&store->seen, &entries[i]);
        if (store->split && i < survive)
            shelf_put(&store->kept, &entries[i]);
    }
    if (err != SOUK_OK) {
        vault->poison = err;
        (void)snprintf(vault->face.why, sizeof vault->face.why, "the simulated disk failed");
    }
    return err;
}

static souk_err
vault_get(souk_vault *face, struct souk_bytes name, void **out, size_t *length)
{
    souk_memory_store *store = ((struct memory_vault *)face)->store;
    const struct shelf *shelf = &store->seen;
    size_t i = shelf_find(shelf, name);
    *out = NULL;
    *length = 0;
    if (souk_memory_has_ended(store))
        return SOUK_ERR_IO;
    if (!shelf_holds(shelf, i, name))
        return SOUK_ERR_MISSING;
    *length = shelf->at[i].value_length;
    *out = souk_memory_copy(shelf->at[i].value, *length);
    return SOUK_OK;
}

static souk_err
vault_each(souk_vault *face, struct souk_bytes prefix,
           souk_err (*visit)(void *arg, struct souk_bytes name, struct souk_bytes value), void *arg)
{
    souk_memory_store *store = ((struct memory_vault *)face)->store;
    const struct shelf *shelf = &store->seen;
    for (size_t i = shelf_find(shelf, prefix); i < shelf->count; i++) {
        const struct entry *entry = &shelf->at[i];
        if (entry->name_length < prefix.length ||
            (prefix.length > 0 && memcmp(entry->name, prefix.at, prefix.length) != 0))
            break;
        if (souk_memory_has_ended(store))
            return SOUK_ERR_IO;
        souk_err err = visit(arg, (struct souk_bytes){ entry->name, entry->name_length },
                             (struct souk_bytes){ entry->value, entry->value_length });
        if (err != SOUK_OK)
            return err;
    }
    return SOUK_OK;
}

static souk_err
vault_last(souk_vault *face, struct souk_bytes prefix, void *name, size_t room, size_t *length)
{
    souk_memory_store *store = ((struct memory_vault *)face)->store;
    const struct shelf *shelf = &store->seen;
    uint8_t beyond[VAULT_NAME_MAX];
    if (souk_memory_has_ended(store))
        return SOUK_ERR_IO;
    souk_assert(prefix.length > 0 && prefix.length <= sizeof beyond);
    memcpy(beyond, prefix.at, prefix.length);
    souk_assert(beyond[prefix.length - 1]++ < UINT8_MAX); /* Prefixes are letters. */
    size_t i = shelf_find(shelf, (struct souk_bytes){ beyond, prefix.length });
    const struct entry *entry = i > 0 ? &shelf->at[i - 1] : NULL;
    if (entry == NULL || entry->name_length < prefix.length || memcmp(entry->name, prefix.at, prefix.length) != 0)
        return SOUK_ERR_MISSING;
    *length = entry->name_length;
    if (*length > room)
        return SOUK_ERR_TOO_LARGE;
    memcpy(name, entry->name, *length);
    return SOUK_OK;
}

static void
vault_close(souk_vault **face_p)
{
    struct memory_vault *vault = (struct memory_vault *)*face_p;
    *face_p = NULL;
    if (vault == NULL)
        return;
    vault->store->vault = NULL;
    free(vault);
}

const struct souk_vault_ops souk_memory_vault_ops = {
    .put = vault_put, .get = vault_get, .each = vault_each, .last = vault_last,
    .close = vault_close,
};
