/* SPDX-License-Identifier: Apache-2.0 */
/* sample.c -- see sample.h. */
#include "sample.h"

#define SAMPLE_STATE(F, L, M) F(1, u32, count)
SOUK_STATE(sample, SAMPLE_STATE);

static souk_verdict
decide_sample_all(const struct sample *s SOUK_UNUSED, const struct sample_all *c SOUK_UNUSED, souk_turn *t SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static souk_verdict
decide_sample_plain(const struct sample *s SOUK_UNUSED, const struct sample_plain *c SOUK_UNUSED,
                    souk_turn *t SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}

static void
apply_sample_counted(struct sample *s, const struct sample_counted *e)
{
    s->count += e->by;
}

static void
check_sample(const struct sample *s SOUK_UNUSED)
{
}

SOUK_ACTOR(sample, SAMPLE_TABLE);

uint64_t
sample_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

struct room { uint8_t *at; uint64_t *seed; };

static uint64_t
wide(uint64_t *seed)
{
    return sample_random(seed) >> (sample_random(seed) % 64); /* Of all sizes. */
}

static const void *
some(struct room *r, size_t *length)
{
    *length = sample_random(r->seed) % 8 ? sample_random(r->seed) % 40 : sample_random(r->seed) % 700;
    uint8_t *at = r->at;
    for (size_t i = 0; i < *length; i++) at[i] = (uint8_t)('a' + sample_random(r->seed) % 26);
    r->at += (*length + 15) & ~(size_t)15;
    return at;
}

static struct souk_text
some_text(struct room *r)
{
    size_t length;
    const char *at = some(r, &length);
    return (struct souk_text){ at, length };
}

static void
fill_part(struct sample_part *part, struct room *r)
{
    part->sku = (souk_key){ sample_random(r->seed), sample_random(r->seed) };
    part->units = (uint32_t)wide(r->seed);
    part->has_note = sample_random(r->seed) & 1;
    if (part->has_note) part->note = some_text(r);
}

void
sample_fill(struct sample_all *m, uint64_t *seed, void *memory)
{
    struct room r = { memory, seed };
    memset(m, 0, sizeof *m);
    m->yes = sample_random(seed) & 1;
    m->small = (uint32_t)wide(seed);
    m->big = wide(seed);
    m->money = (int64_t)wide(seed) * (sample_random(seed) & 1 ? -1 : 1);
    m->id = (souk_key){ sample_random(seed), wide(seed) };
    m->name = some_text(&r);
    m->blob.at = some(&r, &m->blob.length);
    m->who = (souk_asker){ { wide(seed), wide(seed) }, (uint32_t)wide(seed), (uint32_t)wide(seed) };
    fill_part(&m->part, &r);
    m->has_maybe = sample_random(seed) & 1;
    if (m->has_maybe) m->maybe = (uint32_t)wide(seed);
    m->has_words = sample_random(seed) & 1;
    if (m->has_words) m->words = some_text(&r);
    m->has_other = sample_random(seed) & 1;
    if (m->has_other) fill_part(&m->other, &r);
    uint64_t *numbers = (void *)r.at;
    r.at += 8 * sizeof *numbers;
    m->numbers.count = (uint32_t)(sample_random(seed) % 9);
    for (uint32_t i = 0; i < m->numbers.count; i++) numbers[i] = wide(seed);
    m->numbers.at = numbers;
    struct souk_text *names = (void *)r.at;
    r.at += 4 * sizeof *names;
    m->names.count = (uint32_t)(sample_random(seed) % 5);
    for (uint32_t i = 0; i < m->names.count; i++) names[i] = some_text(&r);
    m->names.at = names;
    struct sample_part *parts = (void *)r.at;
    r.at += 20 * sizeof *parts;
    m->parts.count = (uint32_t)(sample_random(seed) % 21);
    memset(parts, 0, 20 * sizeof *parts);
    for (uint32_t i = 0; i < m->parts.count; i++) fill_part(&parts[i], &r);
    m->parts.at = parts;
}

static bool
same_part(const struct sample_part *a, const struct sample_part *b)
{
    return souk_key_equal(a->sku, b->sku) && a->units == b->units && a->has_note == b->has_note &&
           (!a->has_note || souk_text_equal(a->note, b->note));
}

bool
sample_equal(const struct sample_all *a, const struct sample_all *b)
{
    bool same = a->yes == b->yes && a->small == b->small && a->big == b->big && a->money == b->money &&
                souk_key_equal(a->id, b->id) && souk_text_equal(a->name, b->name) && a->blob.length == b->blob.length &&
                (!a->blob.length || !memcmp(a->blob.at, b->blob.at, a->blob.length)) &&
                souk_key_equal(a->who.key, b->who.key) && a->who.kind == b->who.kind &&
                    a->who.number == b->who.number &&
                same_part(&a->part, &b->part) && a->has_maybe == b->has_maybe && a->maybe == b->maybe &&
                a->has_words == b->has_words && (!a->has_words || souk_text_equal(a->words, b->words)) &&
                a->has_other == b->has_other && (!a->has_other || same_part(&a->other, &b->other)) &&
                a->numbers.count == b->numbers.count && a->names.count == b->names.count &&
                a->parts.count == b->parts.count;
    for (uint32_t i = 0; same && i < a->numbers.count; i++) same = a->numbers.at[i] == b->numbers.at[i];
    for (uint32_t i = 0; same && i < a->names.count; i++) same = souk_text_equal(a->names.at[i], b->names.at[i]);
    for (uint32_t i = 0; same && i < a->parts.count; i++) same = same_part(&a->parts.at[i], &b->parts.at[i]);
    return same;
}
