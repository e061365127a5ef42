/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/creature.c -- chameneos: goes to the mall, meets another, takes the third colour, goes again. */
#include "actors/souk/kinds.h"

#define CREATURE_STATE(F, L, M) F(1, u32, colour) F(2, u64, meetings) F(3, key, mall)
SOUK_STATE(creature, CREATURE_STATE);

/* What two colours make: the third, or the one that both have. */
static uint32_t
complement(uint32_t one, uint32_t other)
{
    return one == other ? one : 3 - one - other;
}

static void
enter(struct creature *self, uint32_t colour, souk_turn *turn)
{
    self->colour = colour;
    souk_tell(turn, souk_ref(mall, self->mall), mall_enter, .who = souk_self(turn).key, .colour = colour);
}

static souk_verdict
on_creature_live(struct creature *self, const struct creature_live *c, souk_turn *turn)
{
    self->mall = c->mall;
    enter(self, c->colour, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_creature_meet(struct creature *self, const struct creature_meet *c, souk_turn *turn)
{
    uint32_t colour = complement(self->colour, c->colour);
    self->meetings++;
    souk_tell(turn, souk_ref(creature, c->other), creature_change, .colour = colour);
    enter(self, colour, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_creature_change(struct creature *self, const struct creature_change *c, souk_turn *turn)
{
    self->meetings++;
    enter(self, c->colour, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
on_creature_leave(struct creature *self, const struct creature_leave *c SOUK_UNUSED, souk_turn *turn)
{
    souk_tell(turn, souk_ref(mall, self->mall), mall_met, .meetings = self->meetings);
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(creature, CREATURE_TABLE, .on_fault = SOUK_STOP);
