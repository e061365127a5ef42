/* SPDX-License-Identifier: Apache-2.0 */
/* test/kit/crooked.c -- see crooked.h. */
#include "crooked.h"

#define CROOKED_STATE(F, L, M) F(1, u32, taken) F(2, u32, sold) M(3, crooked_hold, holds)
SOUK_STATE(crooked, CROOKED_STATE);

static souk_verdict
decide_crooked_take(const struct crooked *s, const struct crooked_take *c, souk_turn *turn)
{
    if (souk_key_none(c->who)) return crooked_unknown;
    if (souk_find(s, holds, c->who)) return SOUK_ACCEPT;
    if ((uint64_t)s->taken + s->sold + c->units > CROOKED_UNITS || !c->units) return crooked_short;
    souk_emit(turn, crooked_taken, .who = c->who, .units = c->units);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_crooked_sell(const struct crooked *s, const struct crooked_sell *c, souk_turn *turn)
{
    const struct crooked_hold *hold = souk_find(s, holds, c->who);
    if (!hold) return crooked_unknown;
    if (!hold->sold) souk_emit(turn, crooked_sold, .who = c->who);
    return SOUK_ACCEPT;
}

/* The bug: it doesn't look whether the hold was sold. */
static souk_verdict
decide_crooked_give_back(const struct crooked *s, const struct crooked_give_back *c, souk_turn *turn)
{
    if (!souk_find(s, holds, c->who)) return crooked_unknown;
    souk_emit(turn, crooked_given_back, .who = c->who);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_crooked_show(const struct crooked *s, const struct crooked_show *q SOUK_UNUSED,
                    const souk_turn *turn SOUK_UNUSED, struct crooked_view *v)
{
    *v = (struct crooked_view){ CROOKED_UNITS - s->taken - s->sold, s->sold };
    return SOUK_ACCEPT;
}

static void
apply_crooked_taken(struct crooked *s, const struct crooked_taken *e)
{
    souk_put(s, holds, e->who)->units = e->units;
    s->taken += e->units;
}

static void
apply_crooked_sold(struct crooked *s, const struct crooked_sold *e)
{
    struct crooked_hold *hold = souk_put(s, holds, e->who);
    hold->sold = true;
    s->taken -= hold->units;
    s->sold += hold->units;
}

static void
apply_crooked_given_back(struct crooked *s, const struct crooked_given_back *e)
{
    s->taken -= souk_find(s, holds, e->who)->units;
    souk_remove(s, holds, e->who);
}

static void
check_crooked(const struct crooked *s)
{
    souk_assert(s->taken <= CROOKED_UNITS && s->sold <= CROOKED_UNITS);
}

SOUK_ACTOR(crooked, CROOKED_TABLE);
