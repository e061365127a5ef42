/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/piles.c -- a bounded queue that refuses. */
#include "soak/kinds.h"

#define PILE_STATE(F, L, M) F(1, u64, taken) F(2, u64, disorder) M(3, pile_last, senders)
SOUK_STATE(pile, PILE_STATE);

static souk_verdict
on_pile_open(struct pile *p SOUK_UNUSED, const struct pile_open *c SOUK_UNUSED, souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
on_pile_note(struct pile *p, const struct pile_note *c, souk_turn *turn SOUK_UNUSED)
{
    struct pile_last *last = souk_put(p, senders, ((souk_key){ 1, c->sender + 1 }));
    p->disorder += c->sequence <= last->sequence;
    last->sequence = c->sequence;
    p->taken++;
    return SOUK_ACCEPT;
}

static souk_verdict
on_pile_tell(struct pile *p, const struct pile_tell *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, pile_told, .taken = p->taken, .disorder = p->disorder);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(pile, PILE_TABLE, .on_full = SOUK_REFUSE, .queue_max = 128);
