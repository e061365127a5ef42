/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/sinks.c -- a bounded queue that drops its oldest, and children that end with their parent. */
#include "soak/kinds.h"

#define SINK_STATE(F, L, M) F(1, u64, taken) F(2, u64, disorder) M(3, sink_last, senders)
SOUK_STATE(sink, SINK_STATE);

static souk_verdict
on_sink_open(struct sink *s SOUK_UNUSED, const struct sink_open *c SOUK_UNUSED, souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
on_sink_note(struct sink *s, const struct sink_note *c, souk_turn *turn SOUK_UNUSED)
{
    struct sink_last *last = souk_put(s, senders, ((souk_key){ 1, c->sender + 1 }));
    s->disorder += c->sequence <= last->sequence;
    last->sequence = c->sequence;
    s->taken++;
    return SOUK_ACCEPT;
}

static souk_verdict
on_sink_tell(struct sink *s, const struct sink_tell *c SOUK_UNUSED, souk_turn *turn)
{
    souk_answer(turn, sink_told, .taken = s->taken, .disorder = s->disorder);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(sink, SINK_TABLE, .on_full = SOUK_DROP_OLDEST, .queue_max = 64);
