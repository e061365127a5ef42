/* SPDX-License-Identifier: Apache-2.0 */
/* bench/actors/souk/patient.c -- ask-latency: sets tokens going round a ring, and asks its members one by one. */
#include "actors/souk/kinds.h"

#include <stdlib.h>

#define PATIENT_STATE(F, L, M)                                                                                        \
    F(1, u64, n) F(2, u64, asked) F(3, u64, sum) F(4, u64, wanted) F(5, u64, began_ns) F(6, u64, asked_ns)            \
    L(7, key, members) L(8, u64, taken_ns)
SOUK_STATE(patient, PATIENT_STATE);

static void
ask_next(struct patient *self, souk_turn *turn)
{
    uint32_t i = (uint32_t)(self->asked++ % souk_count(self, members));
    self->wanted += i;
    self->asked_ns = bench_now_ns();
    souk_ask(turn, souk_ref(busy, *souk_at(self, members, i)), patient_told, SOUK_WITHIN_MS(BENCH_PATIENCE_MS),
             busy_number);
}

/* Who plays is spawned: a message finds such an actor by its address alone, where a named one must be looked up. */
static souk_verdict
on_patient_start(struct patient *self SOUK_UNUSED, const struct patient_start *c, souk_turn *turn)
{
    souk_spawn(turn, patient, SOUK_NEAR, patient_play, .work = c->work);
    return SOUK_ACCEPT;
}

static souk_verdict
on_patient_play(struct patient *self, const struct patient_play *c, souk_turn *turn)
{
    souk_key next = { 0, 0 };
    for (uint32_t i = 0; i < c->work.actors; i++) {
        next = souk_spawn(turn, busy, bench_place, busy_meet, .next = next, .number = i).key;
        *souk_add(self, members) = next;
    }
    souk_tell(turn, souk_ref(busy, *souk_at(self, members, 0)), busy_meet, .next = next, .number = 0);
    for (uint32_t i = 0; i < c->work.actors; i++)
        souk_tell(turn, souk_ref(busy, *souk_at(self, members, i)), busy_token);
    self->n = c->work.n;
    self->began_ns = bench_now_ns();
    ask_next(self, turn);
    return SOUK_ACCEPT;
}

static int
compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

/* So many of a thousand took no longer than that. */
static uint64_t
quantile(const struct patient *self, uint64_t thousandths)
{
    uint64_t at = self->n * thousandths / 1000;
    return *souk_at(self, taken_ns, at < self->n ? at : self->n - 1);
}

static void
end(struct patient *self, souk_turn *turn)
{
    uint64_t ns = bench_now_ns() - self->began_ns;
    qsort(self->taken_ns.array.at, souk_count(self, taken_ns), sizeof(uint64_t), compare);
    struct bench_result result = {
        .ops = self->n, .ns = ns,
        .p50_ns = quantile(self, 500), .p99_ns = quantile(self, 990), .p999_ns = quantile(self, 999),
    };
    bench_expect(turn, "sum of answers", self->wanted, self->sum);
    souk_tell(turn, souk_ref(referee, BENCH_KEY), referee_end, .result = result);
}

static souk_verdict
on_patient_told(struct patient *self, const struct souk_outcome *outcome, souk_turn *turn)
{
    *souk_add(self, taken_ns) = bench_now_ns() - self->asked_ns;
    struct bench_count number = { .count = 0 };
    if (souk_outcome_read(turn, outcome, bench_count, &number)) self->sum += number.count;
    if (self->asked < self->n) ask_next(self, turn);
    else end(self, turn);
    return SOUK_ACCEPT;
}

SOUK_VOLATILE(patient, PATIENT_TABLE, .on_fault = SOUK_STOP);
