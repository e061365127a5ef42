/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/hoard.c -- see hoard.h. */
#include "hoard.h"

#define HOARD_STATE(F, L, M)                                                                              \
    F(1, text, what) F(2, u64, played) F(3, u32, left) F(4, key, partner) F(5, bool, playing) L(6, key, children)
SOUK_STATE(hoard, HOARD_STATE);

static souk_verdict
on_hoard_spawn(struct hoard *h, const struct hoard_spawn *c, souk_turn *turn)
{
    uint32_t made = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        souk_ref child = souk_spawn(turn, hoard, SOUK_SPREAD, hoard_keep, .what = c->what);
        if (!child.kind) continue;
        *souk_add(h, children) = child.key;
        made++;
    }
    souk_answer(turn, hoard_made, .count = made);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hoard_keep(struct hoard *h, const struct hoard_keep *c, souk_turn *turn SOUK_UNUSED)
{
    souk_set_text(h, what, c->what);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hoard_drop(struct hoard *h, const struct hoard_drop *c SOUK_UNUSED, souk_turn *turn)
{
    for (uint32_t i = 0; i < souk_count(h, children); i++)
        souk_stop(turn, souk_ref(hoard, *souk_at(h, children, i)), SOUK_END_NORMAL);
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

/* The next one to its partner; at the end the partner goes. */
static void
ask_next(struct hoard *h, souk_turn *turn)
{
    if (h->left) {
        h->left--;
        souk_ask(turn, souk_ref(hoard, h->partner), hoard_taken, SOUK_WITHIN_MS(60000), hoard_take, .amount = h->left);
        return;
    }
    h->playing = false;
    souk_stop(turn, souk_ref(hoard, h->partner), SOUK_END_NORMAL);
}

static souk_verdict
on_hoard_play(struct hoard *h, const struct hoard_play *c, souk_turn *turn)
{
    h->playing = true;
    h->partner = souk_spawn(turn, hoard, c->spread ? SOUK_SPREAD : SOUK_NEAR, hoard_keep, .what = SOUK_TEXT("")).key;
    h->left = c->rounds;
    if (c->asks) ask_next(h, turn);
    else souk_tell(turn, souk_ref(hoard, h->partner), hoard_ball, .from = souk_self(turn).key, .left = c->rounds | 1);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hoard_ball(struct hoard *h, const struct hoard_ball *c, souk_turn *turn)
{
    h->played++;
    if (c->left) {
        souk_tell(turn, souk_ref(hoard, c->from), hoard_ball, .from = souk_self(turn).key, .left = c->left - 1);
    } else if (h->playing) {
        h->playing = false;
        souk_stop(turn, souk_ref(hoard, h->partner), SOUK_END_NORMAL);
    }
    return SOUK_ACCEPT;
}

static souk_verdict
on_hoard_take(struct hoard *h, const struct hoard_take *c, souk_turn *turn)
{
    h->played += c->amount > 0;
    souk_answer(turn, hoard_made, .count = 1);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hoard_taken(struct hoard *h, const struct souk_outcome *outcome, souk_turn *turn)
{
    h->played += outcome->ending == SOUK_DONE;
    ask_next(h, turn);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_hoard_show(const struct hoard *h, const struct hoard_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                  struct hoard_view *view)
{
    if (h->playing) return SOUK_WAIT;
    view->played = h->played;
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(hoard, HOARD_TABLE, .on_fault = SOUK_STOP);
const struct souk_kind *const hoard_kinds[] = { &hoard_kind, NULL };
