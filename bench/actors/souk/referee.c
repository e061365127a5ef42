/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/referee.c -- hears what came of a benchmark, and tells main.c once it is over.
 *
 * A query may wait for what is not known yet: it is answered anew whenever the actor has changed. */
#include "actors/souk/kinds.h"

#include <stdio.h>
#include <string.h>

#define REFEREE_STATE(F, L, M) F(1, bool, objects) L(2, bench_result, result)
SOUK_STATE(referee, REFEREE_STATE);

void
bench_expect(souk_turn *turn, const char *what, uint64_t wanted, uint64_t got)
{
    struct souk_text text = { what, (uint32_t)strlen(what) };
    if (got != wanted)
        souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_protest, .what = text, .wanted = wanted, .got = got);
}

static souk_verdict
on_referee_protest(struct referee *self, const struct referee_protest *c, souk_turn *turn SOUK_UNUSED)
{
    self->objects = true;
    fprintf(stderr, "actors_souk: %.*s: %llu instead of %llu\n", (int)c->what.length, c->what.at,
            (unsigned long long)c->got, (unsigned long long)c->wanted);
    return SOUK_ACCEPT;
}

static souk_verdict
on_referee_end(struct referee *self, const struct referee_end *c, souk_turn *turn SOUK_UNUSED)
{
    *souk_add(self, result) = c->result;
    return SOUK_ACCEPT;
}

static souk_verdict
answer_referee_result(const struct referee *self, const struct referee_result *q SOUK_UNUSED,
                      const souk_turn *turn SOUK_UNUSED, struct bench_result *view)
{
    if (!souk_count(self, result)) return SOUK_WAIT;
    *view = *souk_at(self, result, 0);
    return self->objects ? referee_objects : SOUK_ACCEPT;
}

SOUK_VOLATILE(referee, REFEREE_TABLE, .on_fault = SOUK_STOP);
