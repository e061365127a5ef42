/* SPDX-License-Identifier: Apache-2.0 */
/* quota.c -- what a quota does; see quota.h.
 *
 * Holds are remembered until their order says its last word about them: confirm or release. An order asks to hold again
 * only while it has no answer, and never after its last word, and messages inside the partition arrive once and in the
 * order of their sending. So a confirm of a hold that is not there is a repeat of one that was obeyed, and accepted as
 * that. A release of a hold that is not there leaves a mark of 0 units, which refuses a hold that comes too late (R10);
 * it is left only by an order that had no answer in time and whose hold was refused, a few per customer at worst. */
#include "quota.h"

#include <souk/actor.h>

#define QUOTA_STATE(F, L, M)                                                                                    \
    F(1, u32, limit) F(2, u32, held) F(3, u32, confirmed) M(4, quota_hold_entry, holds) F(5, bool, known)
SOUK_STATE(quota, QUOTA_STATE);

static souk_verdict
decide_quota_hold(const struct quota *q, const struct quota_hold *c, souk_turn *turn)
{
    const struct quota_hold_entry *hold = souk_find(q, holds, c->reservation);
    if (hold) return hold->units ? SOUK_ACCEPT : quota_released;
    if ((uint64_t)q->held + q->confirmed + c->units > c->limit) return quota_limit;
    souk_emit(turn, quota_held, .reservation = c->reservation, .units = c->units, .limit = c->limit,
              .has_limit = c->limit != q->limit);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_quota_release(const struct quota *q, const struct quota_release *c, souk_turn *turn)
{
    const struct quota_hold_entry *hold = souk_find(q, holds, c->reservation);
    if (!hold || hold->units) souk_emit(turn, quota_released, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_quota_confirm(const struct quota *q, const struct quota_confirm *c, souk_turn *turn)
{
    const struct quota_hold_entry *hold = souk_find(q, holds, c->reservation);
    if (hold && !hold->units) return quota_released;
    if (hold) souk_emit(turn, quota_confirmed, .reservation = c->reservation);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_quota_show(const struct quota *q, const struct quota_show *c SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct quota_view *v)
{
    if (!q->known) return quota_unknown;
    *v = (struct quota_view){ .limit = q->limit, .held = q->held, .confirmed = q->confirmed };
    return SOUK_ACCEPT;
}

static void
apply_quota_held(struct quota *q, const struct quota_held *e)
{
    if (e->has_limit) q->limit = e->limit;
    struct quota_hold_entry *hold = souk_put(q, holds, e->reservation);
    hold->units = e->units;
    q->held += e->units;
    q->known = true;
}

static void
apply_quota_released(struct quota *q, const struct quota_released *e)
{
    const struct quota_hold_entry *hold = souk_find(q, holds, e->reservation);
    q->known = true;
    if (!hold) {
        souk_put(q, holds, e->reservation)->units = 0;
        return;
    }
    q->held -= hold->units;
    souk_remove(q, holds, e->reservation);
}

static void
apply_quota_confirmed(struct quota *q, const struct quota_confirmed *e)
{
    const struct quota_hold_entry *hold = souk_find(q, holds, e->reservation);
    souk_assert(hold);
    q->held -= hold->units;
    q->confirmed += hold->units;
    souk_remove(q, holds, e->reservation);
}

/* I4. The limit is the sale's, which never changes. */
static void
check_quota(const struct quota *q)
{
    souk_assert((uint64_t)q->held + q->confirmed <= q->limit);
}

SOUK_ACTOR(quota, QUOTA_TABLE);
