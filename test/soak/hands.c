/* SPDX-License-Identifier: Apache-2.0 */
/* test/soak/hands.c -- those whom jobs put to work: hands that serve, grow trees, flood and are bound to each other. */
#include "soak/kinds.h"

enum { SOON_MS = 3, TOO_LATE_MS = 60, NEAR_OF_FOUR = 2 };

#define HAND_STATE(F, L, M) \
    F(1, key, job) F(2, bool, open) F(3, u32, number) F(4, u32, sent) F(5, u32, done) F(6, u32, refused) \
    F(7, u32, left) F(8, u32, awaited) F(9, key, sink) F(10, bool, asks) F(11, u32, burst)
SOUK_STATE(hand, HAND_STATE);

static souk_verdict
on_hand_grow(struct hand *h SOUK_UNUSED, const struct hand_grow *c, souk_turn *turn)
{
    for (uint32_t i = 0; c->depth && i < c->width; i++) {
        enum souk_where where = ((c->seed >> (i % 60)) & 3) < NEAR_OF_FOUR ? SOUK_NEAR : SOUK_SPREAD;
        souk_spawn(turn, hand, where, hand_grow, .job = c->job, .depth = c->depth - 1, .width = c->width,
                   .seed = c->seed * 6364136223846793005u + i);
    }
    souk_tell(turn, souk_ref(job, c->job), job_report, .count = 1, .done = 0, .broken = SOUK_TEXT(""));
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_serve(struct hand *h, const struct hand_serve *c, souk_turn *turn SOUK_UNUSED)
{
    h->job = c->job;
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_do(struct hand *h, const struct hand_do *c, souk_turn *turn)
{
    switch ((enum hand_how)c->how) {
    case HAND_REFUSE:
        souk_tell(turn, souk_self(turn), hand_open, .unused = 0); /* Undone by the refusal. */
        return hand_no;
    case HAND_NEVER:
        return SOUK_LATER;
    case HAND_SOON:
    case HAND_TOO_LATE:
        souk_wake(turn, c->how == HAND_SOON ? SOON_MS : TOO_LATE_MS, hand_later, .who = souk_turn_asker(turn),
                  .value = c->value);
        return SOUK_LATER;
    case HAND_PASS_ON:
        souk_forward(turn, souk_self(turn), hand_do, .how = HAND_ANSWER, .value = c->value);
        return SOUK_ACCEPT;
    case HAND_STASH:
        if (!h->open) {
            souk_stash(turn);
            return SOUK_ACCEPT;
        }
        break;
    case HAND_FAIL:
        souk_spawn(turn, kid, SOUK_SPREAD, kid_live, .fail = 0); /* Undone by the failure. */
        if (c->value % 2) return SOUK_FAILED;
        souk_assert(c->value % 2);
        break;
    case HAND_ANSWER:
    case HAND_CANCELLED:
    case HAND_NOBODY:
    case HAND_HOWS:
        break;
    }
    souk_answer(turn, hand_done, .value = c->value + 1);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_later(struct hand *h SOUK_UNUSED, const struct hand_later *c, souk_turn *turn)
{
    souk_answer_later(turn, c->who, SOUK_ACCEPT, hand_done, .value = c->value + 1);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_open(struct hand *h, const struct hand_open *c SOUK_UNUSED, souk_turn *turn)
{
    h->open = true;
    souk_unstash(turn);
    return SOUK_ACCEPT;
}

static souk_verdict
report_flood(struct hand *h, souk_turn *turn)
{
    if (h->left || h->awaited) return SOUK_ACCEPT;
    struct souk_text broken = SOUK_TEXT("an ask of a flood had neither an answer nor a refusal");
    if (!h->asks || h->done + h->refused == h->sent) broken = SOUK_TEXT("");
    souk_tell(turn, souk_ref(job, h->job), job_report, .count = h->sent, .done = h->done, .broken = broken);
    souk_stop(turn, souk_self(turn), SOUK_END_NORMAL);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_flood(struct hand *h, const struct hand_flood *c, souk_turn *turn)
{
    h->job = c->job;
    h->asks = c->asks;
    h->left = c->left;
    for (uint32_t i = 0; i < c->burst && h->left; i++, h->left--) {
        h->sent++;
        if (c->asks) {
            souk_ask(turn, souk_ref(pile, c->sink), hand_told, SOUK_WITHIN_MS(60000), pile_note, .sender = c->number,
                     .sequence = h->sent);
            h->awaited++;
        } else {
            souk_tell(turn, souk_ref(sink, c->sink), sink_note, .sender = c->number, .sequence = h->sent);
        }
    }
    if (!h->left) return report_flood(h, turn);
    souk_tell(turn, souk_self(turn), hand_flood, .job = c->job, .sink = c->sink, .number = c->number, .left = h->left,
              .burst = c->burst, .asks = c->asks);
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_told(struct hand *h, const struct souk_outcome *outcome, souk_turn *turn)
{
    h->awaited--;
    h->done += outcome->ending == SOUK_DONE;
    h->refused += outcome->ending == SOUK_REFUSED && outcome->refusal == SOUK_OVERLOADED;
    return report_flood(h, turn);
}

static souk_verdict
on_hand_bind(struct hand *h SOUK_UNUSED, const struct hand_bind *c, souk_turn *turn)
{
    if (c->unbind) souk_unlink(turn, souk_ref(hand, c->other));
    else souk_link(turn, souk_ref(hand, c->other));
    return SOUK_ACCEPT;
}

static souk_verdict
on_hand_bear(struct hand *h SOUK_UNUSED, const struct hand_bear *c, souk_turn *turn)
{
    for (uint32_t i = 0; i < c->children; i++)
        souk_spawn(turn, kid, i % 2 ? SOUK_SPREAD : SOUK_NEAR, kid_live, .fail = c->fail && i == 0);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(hand, HAND_TABLE, .on_fault = SOUK_RESTART, .restarts_max = 3, .within_ms = 10000, .backoff_ms = 1,
              .backoff_max_ms = 4);
