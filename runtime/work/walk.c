/* SPDX-License-Identifier: Apache-2.0 */
/* work/walk.c -- see walk.h. */
#include "work/walk.h"

static souk_err
wrong(struct souk_walk *w, souk_err err, const char *why, uint64_t at)
{
    w->why = why;
    w->at = at;
    return err;
}

souk_err
souk_walk_group(void *walk, uint64_t first, struct souk_bytes bytes)
{
    struct souk_walk *w = walk;
    struct souk_link previous;
    uint32_t count;
    if (w->until && first > w->until) return SOUK_ERR_CLOSED;
    if (souk_group_newer(bytes)) return wrong(w, SOUK_ERR_VERSION, "a group of a later format than this", first);
    if (!souk_group_open(bytes, &count, &previous))
        return wrong(w, SOUK_ERR_CORRUPT, "a group without its header", first);
    if (w->next && w->next != first) return wrong(w, SOUK_ERR_CORRUPT, "a gap", w->next);
    if (w->linked && !w->unchained && !souk_link_equal(previous, w->link))
        return wrong(w, SOUK_ERR_CORRUPT, "a broken chain", first);
    w->link = previous;
    w->linked = true;
    w->next = first;
    const uint8_t *at = (const uint8_t *)bytes.at + SOUK_GROUP_HEADER;
    size_t left = bytes.length - SOUK_GROUP_HEADER;
    for (; count; count--) {
        struct souk_batch_reader batch;
        size_t length;
        if (w->until && w->next > w->until) return SOUK_ERR_CLOSED;
        souk_err err = souk_batch_open(&batch, (struct souk_bytes){ at, left }, w->unchained ? NULL : &w->link,
                                       &length);
        if (err == SOUK_ERR_VERSION) return wrong(w, err, "a batch of another version of souk", w->next);
        if (err || batch.position != w->next)
            return wrong(w, SOUK_ERR_CORRUPT, "a batch that doesn't follow", w->next);
        w->link = batch.link;
        w->next++;
        err = w->batch(w->arg, &batch, length);
        if (err) return err;
        at += length;
        left -= length;
    }
    return left ? wrong(w, SOUK_ERR_CORRUPT, "bytes after a group's end", first) : SOUK_OK;
}
