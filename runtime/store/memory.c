/* SPDX-License-Identifier: Apache-2.0 */
/* store/memory.c -- see memory.h. Used by the simulated world and by tests.
 *
 * The journal is an array of groups, each marked live (a read sees it) and durable (it survives a crash). A sound put
 * is both, one that reports an error but is there is durable alone, one that a lying disk took is live alone. The
 * vault is a sorted array of names; only when a fault makes what is seen and what survives differ is there a second
 * one.
 *
 * Invariant: a group or a batch of entries is there wholly or not at all, but for SOUK_MEMORY_TORN. */
#define _GNU_SOURCE
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VAULT_NAME_MAX = 64 };

struct group {
    uint64_t first, last;
    uint8_t *bytes;
    size_t length;
    bool live, durable;
};

struct entry {
    uint8_t *name, *value;
    size_t name_length, value_length;
};

/* Entries, in the order of their names. */
struct shelf {
    struct entry *at;
    size_t count, room;
};

struct plan {
    enum souk_memory_fault fault;
    uint64_t skip, puts;
};

struct memory_journal {
    souk_journal face;
    souk_memory_store *store;
    souk_err poison;
    bool begun;
    uint64_t end;
};

struct memory_vault {
    souk_vault face;
    souk_memory_store *store;
    souk_err poison;
};

struct souk_memory_store {
    struct group *groups;           /* In the order of their positions, the dead ones too. */
    size_t count, room;
    bool sinking;                   /* The journal's puts are not durable any more, until a crash. */
    struct shelf seen, kept;        /* `kept` is what survives, when `split`; else `seen` does. */
    bool split, vault_sinking;
    bool lied;                      /* The vault's two differ by a lie, not by an error only. */
    struct plan plans[2];
    struct memory_journal *journal;
    struct memory_vault *vault;
};

static void *
must(void *block)
{
    souk_assert(block != NULL && "out of memory");
    return block;
}

static uint8_t *
copy_of(const void *at, size_t length)
{
    uint8_t *copy = must(malloc(length > 0 ? length : 1));
    if (length > 0)
        memcpy(copy, at, length);
    return copy;
}

/* The fault of the put that begins now. */
static enum souk_memory_fault
next_fault(struct plan *plan)
{
    plan->puts++;
    if (plan->fault == SOUK_MEMORY_SOUND)
        return SOUK_MEMORY_SOUND;
    if (plan->skip > 0) {
        plan->skip--;
        return SOUK_MEMORY_SOUND;
    }
    enum souk_memory_fault fault = plan->fault;
    plan->fault = SOUK_MEMORY_SOUND;
    return fault;
}

static souk_err
fault_err(enum souk_memory_fault fault)
{
    switch (fault) {
    case SOUK_MEMORY_IO_ABSENT:
    case SOUK_MEMORY_IO_PRESENT:
    case SOUK_MEMORY_TORN: return SOUK_ERR_IO;
    case SOUK_MEMORY_FULL_ABSENT:
    case SOUK_MEMORY_FULL_PRESENT: return SOUK_ERR_FULL;
    case SOUK_MEMORY_SOUND:
    case SOUK_MEMORY_GONE:
    case SOUK_MEMORY_HOLE: return SOUK_OK;
    }
    return SOUK_OK;
}

/* ---- the journal ---- */

/* Keeps the first fault and its sentence. */
static souk_err
journal_poison(struct memory_journal *journal, souk_err err, const char *what)
{
    if (journal->poison == SOUK_OK) {
        journal->poison = err;
        (void)snprintf(journal->face.why, sizeof journal->face.why, "%s", what);
    }
    return journal->poison;
}

/* Index of the first group whose last position is >= position. */
static size_t
group_find(const souk_memory_store *store, uint64_t position)
{
    size_t low = 0, high = store->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->groups[middle].last < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The last group that a read sees, or NULL. */
static const struct group *
group_last(const souk_memory_store *store)
{
    for (size_t i = store->count; i-- > 0;)
        if (store->groups[i].live)
            return &store->groups[i];
    return NULL;
}

static struct group *
group_add(souk_memory_store *store, uint64_t first, uint64_t last, const struct souk_bytes *parts, size_t count)
{
    if (store->count == store->room) {
        store->room = store->room > 0 ? store->room * 2 : 64;
        store->groups = must(reallocarray(store->groups, store->room, sizeof *store->groups));
    }
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    struct group *group = &store->groups[store->count++];
    *group = (struct group){ first, last, must(malloc(length > 0 ? length : 1)), length, false, false };
    uint8_t *to = group->bytes;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(to, parts[i].at, parts[i].length);
        to += parts[i].length;
    }
    return group;
}

/* Drops the groups that are neither seen nor durable. */
static void
groups_sweep(souk_memory_store *store)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->count; i++) {
        if (store->groups[i].live || store->groups[i].durable)
            store->groups[kept++] = store->groups[i];
        else
            free(store->groups[i].bytes);
    }
    store->count = kept;
}

static souk_err
journal_append(souk_journal *face, uint64_t first, uint64_t last, const struct souk_bytes *parts, size_t count)
{
    struct memory_journal *journal = (struct memory_journal *)face;
    souk_memory_store *store = journal->store;
    souk_assert(first > 0 && last >= first);
    if (journal->poison != SOUK_OK)
        return journal->poison;
    if (!journal->begun)
        return SOUK_ERR_FENCED;
    if (first != journal->end + 1)
        return journal_poison(journal, SOUK_ERR_FENCED, "the journal does not end where the group begins");

    enum souk_memory_fault fault = next_fault(&store->plans[SOUK_MEMORY_JOURNAL]);
    souk_err err = fault_err(fault);
    if (fault != SOUK_MEMORY_IO_ABSENT && fault != SOUK_MEMORY_FULL_ABSENT) {
        struct group *group = group_add(store, first, last, parts, count);
        if (fault == SOUK_MEMORY_GONE)
            store->sinking = true;
        if (fault == SOUK_MEMORY_TORN)
            group->length /= 2;
        group->live = err == SOUK_OK;
        group->durable = !store->sinking && fault != SOUK_MEMORY_HOLE;
        groups_sweep(store);
    }
    if (err != SOUK_OK)
        return journal_poison(journal, err, "the simulated disk failed");
    journal->end = last;
    return SOUK_OK;
}

/* The place is found again after each call, which may append. */
static souk_err
journal_read(souk_journal *face, uint64_t from, souk_err (*visit)(void *arg, uint64_t first, struct souk_bytes bytes),
             void *arg)
{
    struct memory_journal *journal = (struct memory_journal *)face;
    souk_memory_store *store = journal->store;
    uint64_t before = 0;
    for (size_t i = group_find(store, from); i < store->count; i = group_find(store, from)) {
        struct group group = store->groups[i];
        from = group.last + 1;
        if (!group.live)
            continue;
        if (before > 0 && group.first != before + 1)
            return journal_poison(journal, SOUK_ERR_CORRUPT, "a group is missing in the middle of the journal");
        before = group.last;
        souk_err err = visit(arg, group.first, (struct souk_bytes){ group.bytes, group.length });
        if (err != SOUK_OK)
            return err;
    }
    return SOUK_OK;
}

static souk_err
journal_bounds(souk_journal *face, uint64_t *first_group, uint64_t *last_group)
{
    const souk_memory_store *store = ((struct memory_journal *)face)->store;
    const struct group *last = group_last(store);
    *first_group = 0;
    *last_group = last != NULL ? last->first : 0;
    for (size_t i = 0; last != NULL && *first_group == 0; i++)
        if (store->groups[i].live)
            *first_group = store->groups[i].first;
    return SOUK_OK;
}

static void
journal_begin(souk_journal *face, uint64_t end)
{
    struct memory_journal *journal = (struct memory_journal *)face;
    const struct group *last = group_last(journal->store);
    souk_assert(!journal->begun);
    if (last != NULL && last->last != end) {
        (void)journal_poison(journal, SOUK_ERR_FENCED, "the journal does not end where its reader says");
        return;
    }
    journal->end = end;
    journal->begun = true;
}

static souk_err
journal_trim(souk_journal *face, uint64_t below)
{
    struct memory_journal *journal = (struct memory_journal *)face;
    souk_memory_store *store = journal->store;
    if (journal->poison != SOUK_OK)
        return journal->poison;
    size_t gone = 0;
    while (gone + 1 < store->count && store->groups[gone + 1].first <= below) {
        free(store->groups[gone].bytes);
        gone++;
    }
    if (gone > 0)
        memmove(store->groups, store->groups + gone, (store->count - gone) * sizeof *store->groups);
    store->count -= gone;
    return SOUK_OK;
}

static void
journal_close(souk_journal **face_p)
{
    struct memory_journal *journal = (struct memory_journal *)*face_p;
    *face_p = NULL;
    if (journal == NULL)
        return;
    journal->store->journal = NULL;
    free(journal);
}

static const struct souk_journal_ops journal_ops = {
    .append = journal_append, .read = journal_read, .bounds = journal_bounds,
    .begin = journal_begin, .trim = journal_trim, .close = journal_close,
};

/* ---- the vault ---- */

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
            shelf->at = must(reallocarray(shelf->at, shelf->room, sizeof *shelf->at));
        }
        memmove(shelf->at + i + 1, shelf->at + i, (shelf->count - i) * sizeof *shelf->at);
        shelf->count++;
        shelf->at[i] = (struct entry){ copy_of(put->name.at, put->name.length), NULL, put->name.length, 0 };
    }
    free(shelf->at[i].value);
    shelf->at[i].value = copy_of(put->value.at, put->value.length);
    shelf->at[i].value_length = put->value.length;
}

static void
shelf_clear(struct shelf *shelf)
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

/* What survives is all that there is. */
static void
vault_join(souk_memory_store *store)
{
    if (!store->split)
        return;
    shelf_clear(&store->seen);
    store->seen = store->kept;
    store->kept = (struct shelf){ NULL, 0, 0 };
    store->split = false;
}

static souk_err
vault_put(souk_vault *face, const struct souk_vault_entry *entries, size_t count)
{
    struct memory_vault *vault = (struct memory_vault *)face;
    souk_memory_store *store = vault->store;
    if (vault->poison != SOUK_OK)
        return vault->poison;
    enum souk_memory_fault fault = next_fault(&store->plans[SOUK_MEMORY_VAULT]);
    souk_err err = fault_err(fault);
    bool written = fault != SOUK_MEMORY_IO_ABSENT && fault != SOUK_MEMORY_FULL_ABSENT;
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
    const struct shelf *shelf = &((struct memory_vault *)face)->store->seen;
    size_t i = shelf_find(shelf, name);
    *out = NULL;
    *length = 0;
    if (!shelf_holds(shelf, i, name))
        return SOUK_ERR_MISSING;
    *length = shelf->at[i].value_length;
    *out = copy_of(shelf->at[i].value, *length);
    return SOUK_OK;
}

static souk_err
vault_each(souk_vault *face, struct souk_bytes prefix,
           souk_err (*visit)(void *arg, struct souk_bytes name, struct souk_bytes value), void *arg)
{
    const struct shelf *shelf = &((struct memory_vault *)face)->store->seen;
    for (size_t i = shelf_find(shelf, prefix); i < shelf->count; i++) {
        const struct entry *entry = &shelf->at[i];
        if (entry->name_length < prefix.length ||
            (prefix.length > 0 && memcmp(entry->name, prefix.at, prefix.length) != 0))
            break;
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
    const struct shelf *shelf = &((struct memory_vault *)face)->store->seen;
    uint8_t beyond[VAULT_NAME_MAX];
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

static const struct souk_vault_ops vault_ops = {
    .put = vault_put, .get = vault_get, .each = vault_each, .last = vault_last,
    .close = vault_close,
};

/* ---- the store ---- */

souk_memory_store *
souk_memory_store_open(void)
{
    return must(calloc(1, sizeof(souk_memory_store)));
}

void
souk_memory_store_close(souk_memory_store **store_p)
{
    souk_memory_store *store = *store_p;
    *store_p = NULL;
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->count; i++)
        free(store->groups[i].bytes);
    free(store->groups);
    shelf_clear(&store->seen);
    shelf_clear(&store->kept);
    free(store->journal);
    free(store->vault);
    free(store);
}

souk_err
souk_memory_store_journal(souk_memory_store *store, souk_journal **out)
{
    *out = NULL;
    if (store->journal != NULL)
        return SOUK_ERR_LOCKED;
    /* What was there in spite of an error is found now. */
    for (size_t i = 0; i < store->count; i++)
        store->groups[i].live = true;
    store->journal = must(calloc(1, sizeof *store->journal));
    store->journal->face.ops = &journal_ops;
    store->journal->store = store;
    *out = &store->journal->face;
    return SOUK_OK;
}

souk_err
souk_memory_store_vault(souk_memory_store *store, souk_vault **out)
{
    *out = NULL;
    if (store->vault != NULL)
        return SOUK_ERR_LOCKED;
    if (!store->lied)
        vault_join(store); /* As above. */
    store->vault = must(calloc(1, sizeof *store->vault));
    store->vault->face.ops = &vault_ops;
    store->vault->store = store;
    *out = &store->vault->face;
    return SOUK_OK;
}

void
souk_memory_store_crash(souk_memory_store *store)
{
    free(store->journal);
    free(store->vault);
    store->journal = NULL;
    store->vault = NULL;
    for (size_t i = 0; i < store->count; i++)
        store->groups[i].live = store->groups[i].durable;
    groups_sweep(store);
    vault_join(store);
    store->sinking = store->vault_sinking = store->lied = false;
}

void
souk_memory_store_fault(souk_memory_store *store, enum souk_memory_place place, enum souk_memory_fault fault,
                        uint64_t skip)
{
    store->plans[place].fault = fault;
    store->plans[place].skip = skip;
}

bool
souk_memory_store_flip(souk_memory_store *store, uint64_t position, uint64_t bit)
{
    size_t i = group_find(store, position);
    if (i == store->count || store->groups[i].first > position || store->groups[i].length == 0)
        return false;
    bit %= (uint64_t)store->groups[i].length * 8;
    store->groups[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return true;
}

uint64_t
souk_memory_store_puts(const souk_memory_store *store, enum souk_memory_place place)
{
    return store->plans[place].puts;
}
