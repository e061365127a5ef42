/* SPDX-License-Identifier: Apache-2.0 */
/* cell/lift.c -- see lift.h. */
#include "cell/lift.h"

#include "base/panic.h"

const struct souk_row *
souk_event_row(const struct souk_kind *kind, uint32_t tag)
{
    for (const struct souk_row *const *row = kind->rows; *row; row++)
        if ((*row)->tag == tag && ((*row)->class == SOUK_EVENT || (*row)->class == SOUK_LIFTED)) return *row;
    return NULL;
}

void *
souk_lift_scratch(struct souk_scratch *scratch, size_t bytes)
{
    struct souk_reader in = { .scratch = scratch };
    void *at = souk_scratch_take_(&in, 1, bytes);
    souk_assert(at && "a lift function's scratch memory is used up");
    return at;
}

/* From row to row until it is an event of today; into scratch. */
static bool
lift(const struct souk_kind *kind, uint32_t *tag, struct souk_bytes *body, struct souk_scratch *scratch)
{
    const struct souk_row *row = souk_event_row(kind, *tag);
    if (!row || row->class != SOUK_LIFTED) return true;
    const uint8_t *at = body->at;
    struct souk_reader in = { .at = at, .end = at + body->length, .scratch = scratch };
    void *event = souk_lift_scratch(scratch, row->layout->size);
    if (!row->layout->get(&in, event)) return false;
    while (row->class == SOUK_LIFTED) {
        const struct souk_row *next = souk_event_row(kind, row->to);
        void *lifted = souk_lift_scratch(scratch, next->layout->size);
        row->lift(event, lifted, scratch);
        event = lifted;
        row = next;
    }
    size_t length = row->layout->encoded(event);
    uint8_t *out = souk_lift_scratch(scratch, length);
    row->layout->put(out, event);
    *tag = row->tag;
    *body = (struct souk_bytes){ out, length };
    return true;
}

bool
souk_lift(const struct souk_kind *kind, uint32_t *tag, struct souk_bytes *body, struct souk_scratch *scratch)
{
    if (!kind->past) return true;
    struct souk_catch catch;
    volatile bool lifted = false;
    souk_panic_catch(&catch);
    if (!_setjmp(catch.jump)) {
        catch.armed = true;
        lifted = lift(kind, tag, body, scratch);
        catch.armed = false;
    }
    souk_panic_catch(NULL);
    return lifted;
}
