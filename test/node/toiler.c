/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/toiler.c -- see toiler.h. */
#include "toiler.h"

#include <time.h>

#define TOILER_STATE(F, L, M) F(1, u64, units) F(2, text, name) M(3, toiler_view, by_key)
SOUK_STATE(toiler, TOILER_STATE);

static souk_verdict
on_toiler_add(struct toiler *self, const struct toiler_add *c, souk_turn *turn)
{
    self->units += c->units;
    souk_set_text(self, name, SOUK_TEXT("t\"1\""));
    souk_put(self, by_key, souk_self(turn).key)->units = self->units;
    return SOUK_ACCEPT;
}

/* Holds the worker: what no handler should do. */
static souk_verdict
on_toiler_hold_up(struct toiler *self, const struct toiler_hold_up *c, souk_turn *turn SOUK_UNUSED)
{
    struct timespec pause = { (time_t)(c->ms / 1000), (long)(c->ms % 1000) * 1000000 };
    nanosleep(&pause, NULL);
    self->units++;
    return SOUK_ACCEPT;
}

static souk_verdict
on_toiler_break(struct toiler *self SOUK_UNUSED, const struct toiler_break *c, souk_turn *turn SOUK_UNUSED)
{
    souk_assert(c->times == 0);
    return SOUK_ACCEPT;
}

static souk_verdict
on_toiler_refuse(struct toiler *self SOUK_UNUSED, const struct toiler_refuse *c SOUK_UNUSED,
                 souk_turn *turn SOUK_UNUSED)
{
    return toiler_tired;
}

static souk_verdict
on_toiler_pass_on(struct toiler *self SOUK_UNUSED, const struct toiler_pass_on *c, souk_turn *turn)
{
    for (uint64_t i = 0; i < c->times; i++) souk_tell(turn, souk_ref(toiler, c->to), toiler_add, .units = 1);
    return SOUK_ACCEPT;
}

static souk_verdict
on_toiler_put_aside(struct toiler *self SOUK_UNUSED, const struct toiler_put_aside *c SOUK_UNUSED, souk_turn *turn)
{
    souk_stash(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_toiler_show(const struct toiler *self, const struct toiler_show *q SOUK_UNUSED,
                   const souk_turn *turn SOUK_UNUSED, struct toiler_view *view)
{
    *view = (struct toiler_view){ .units = self->units };
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(toiler, TOILER_TABLE, .on_fault = SOUK_RESTART, .backoff_ms = 60000, .backoff_max_ms = 60000,
              .queue_max = 8);

const struct souk_kind *const toiler_kinds[] = { &toiler_kind, NULL };
