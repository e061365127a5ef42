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
#include "store/memory_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
souk_memory_must(void *block)
{
    souk_assert(block != NULL && "out of memory");
    return block;
}

uint8_t *
souk_memory_copy(const void *at, size_t length)
{
    uint8_t *copy = souk_memory_must(malloc(length > 0 ? length : 1));
    if (length > 0)
        memcpy(copy, at, length);
    return copy;
}

enum souk_memory_fault
souk_memory_next_fault(souk_memory_store *store, enum souk_memory_place place)
{
    struct plan *plan = &store->plans[place];
    plan->puts++;
    if (plan->fault == SOUK_MEMORY_SOUND)
        return store->choose != NULL ? store->choose(store->choose_self, place) : SOUK_MEMORY_SOUND;
    if (plan->skip > 0) {
        plan->skip--;
        return SOUK_MEMORY_SOUND;
    }
    enum souk_memory_fault fault = plan->fault;
    plan->fault = SOUK_MEMORY_SOUND;
    return fault;
}

souk_err
souk_memory_fault_err(enum souk_memory_fault fault)
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

bool
souk_memory_has_ended(souk_memory_store *store)
{
    if (store->ends && !store->ended && store->left-- == 0)
        store->ended = true;
    return store->ended;
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
        store->groups = souk_memory_must(reallocarray(store->groups, store->room, sizeof *store->groups));
    }
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    struct group *group = &store->groups[store->count++];
    *group = (struct group){ .first = first, .last = last, .length = length };
    group->bytes = souk_memory_must(malloc(length > 0 ? length : 1));
    uint8_t *to = group->bytes;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(to, parts[i].at, parts[i].length);
        to += parts[i].length;
    }
    return group;
}

/* Drops the groups that are neither seen nor durable; what a disk has lost that said OK is kept, to be mended. */
static void
groups_sweep(souk_memory_store *store)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->count; i++) {
        if (store->groups[i].live || store->groups[i].durable || store->groups[i].lost)
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

    if (souk_memory_has_ended(store))
        return journal_poison(journal, SOUK_ERR_IO, "the simulated machine has stopped");

    enum souk_memory_fault fault = souk_memory_next_fault(store, SOUK_MEMORY_JOURNAL);
    souk_err err = souk_memory_fault_err(fault);
    if (fault != SOUK_MEMORY_IO_ABSENT && fault != SOUK_MEMORY_FULL_ABSENT) {
        struct group *group = group_add(store, first, last, parts, count);
        if (fault == SOUK_MEMORY_GONE)
            store->sinking = true;
        group->torn = fault == SOUK_MEMORY_TORN;
        if (group->torn)
            group->length /= 2;
        group->live = err == SOUK_OK;
        group->durable = !store->sinking && fault != SOUK_MEMORY_HOLE;
        groups_sweep(store);
    }
    if (err != SOUK_OK)
        return journal_poison(journal, err, "the simulated disk failed");
    journal->end = store->tail = last;
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
    for (size_t i = group_find(store, from); i-- > 0 && before == 0;) /* Of the group before, as in leveldb.c. */
        if (store->groups[i].live)
            before = store->groups[i].last;
    for (size_t i = group_find(store, from); i < store->count; i = group_find(store, from)) {
        struct group group = store->groups[i];
        from = group.last + 1;
        if (!group.live)
            continue;
        if (souk_memory_has_ended(store))
            return SOUK_ERR_IO;
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
    struct memory_journal *journal = (struct memory_journal *)face;
    const souk_memory_store *store = journal->store;
    const struct group *last = group_last(store);
    if (store->tail > (last != NULL ? last->last : 0))
        return journal_poison(journal, SOUK_ERR_CORRUPT, "the end of the journal is missing");
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

/* ---- the store ---- */

souk_memory_store *
souk_memory_store_open(void)
{
    return souk_memory_must(calloc(1, sizeof(souk_memory_store)));
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
    souk_memory_shelf_clear(&store->seen);
    souk_memory_shelf_clear(&store->kept);
    souk_memory_shelf_clear(&store->before);
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
        store->groups[i].live = !store->groups[i].lost;
    store->journal = souk_memory_must(calloc(1, sizeof *store->journal));
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
        souk_memory_vault_join(store); /* As above. */
    store->vault = souk_memory_must(calloc(1, sizeof *store->vault));
    store->vault->face.ops = &souk_memory_vault_ops;
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
    for (size_t i = 0; i < store->count; i++) {
        struct group *group = &store->groups[i];
        group->lost = group->lost || (group->live && !group->durable);
        group->live = group->durable;
    }
    groups_sweep(store);
    store->ends = store->ended = false;
    souk_memory_vault_join(store);
    store->sinking = store->vault_sinking = store->lied = false;
}

void
souk_memory_store_end(souk_memory_store *store, uint64_t operations)
{
    store->ends = operations != UINT64_MAX;
    store->left = operations;
}

bool
souk_memory_store_ended(const souk_memory_store *store)
{
    return store->ended;
}

void
souk_memory_store_choose(souk_memory_store *store,
                         enum souk_memory_fault (*choose)(void *self, enum souk_memory_place place), void *self)
{
    store->choose = choose;
    store->choose_self = self;
}

unsigned
souk_memory_store_damage(const souk_memory_store *store, uint64_t from)
{
    unsigned damaged = 0;
    for (size_t i = 0; i < store->count; i++)
        damaged += store->groups[i].last >= from && (store->groups[i].lost || store->groups[i].torn);
    return damaged;
}

bool
souk_memory_store_vault_lost(const souk_memory_store *store)
{
    return store->has_before;
}

void
souk_memory_store_mend(souk_memory_store *store, enum souk_memory_place place)
{
    if (place == SOUK_MEMORY_VAULT) {
        souk_memory_vault_mend(store);
        return;
    }
    for (size_t i = 0; i < store->count; i++) {
        struct group *group = &store->groups[i];
        group->live = group->durable = !group->torn;
        group->lost = group->torn = false;
    }
    groups_sweep(store);
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

bool
souk_memory_store_group(const souk_memory_store *store, uint64_t position, uint64_t *first, uint64_t *last)
{
    size_t i = group_find(store, position);
    if (i == store->count || store->groups[i].first > position)
        return false;
    *first = store->groups[i].first;
    *last = store->groups[i].last;
    return true;
}

uint64_t
souk_memory_store_puts(const souk_memory_store *store, enum souk_memory_place place)
{
    return store->plans[place].puts;
}
