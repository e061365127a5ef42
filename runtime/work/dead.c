/* SPDX-License-Identifier: Apache-2.0 */
/* work/dead.c -- the kind that keeps dead letters; see dead.h. Told by fault.c, asked by `souk dead`. */
#include "work/dead.h"

#include "base/hash.h"
#include "cell/turn.h"
#include "work/fault.h"

#define DEAD_LETTERS_STATE(F, L, M)                                                                          \
    F(1, u64, last) F(2, u64, gone) M(3, dead_letter, letters)                                               \
    F(4, u64, number) F(5, u32, kind) F(6, key, to) F(7, u32, class) F(8, u32, tag) F(9, asker, asker)       \
    F(10, u32, ending) F(11, u32, refusal) F(12, u32, length) L(13, u64, words)
SOUK_STATE(dead_letters, DEAD_LETTERS_STATE);

souk_ref
souk_dead_letters(const struct souk_secret *secret)
{
    static const char name[] = "dead_letters";
    return (souk_ref){ SOUK_DEAD_KIND, souk_hash_key(secret, name, sizeof name - 1) };
}

void
souk_dead_fill(const struct souk_message *m, void *keep)
{
    bool fits = m->length <= SOUK_DEAD_BODY_MAX, asked = m->class == SOUK_ASK || m->class == SOUK_OUTCOME;
    *(struct dead_letters_keep *)keep = (struct dead_letters_keep){
        .letter = { .time_ms = m->time_ms, .kind = m->to.kind, .to = m->to.key, .class = m->class, .tag = m->tag,
                    .attempts = m->attempts, .has_body = fits, .length = m->length },
        .asker = asked ? m->asker : (souk_asker){ { 0, 0 }, 0, 0 }, .ending = m->ending, .refusal = m->refusal,
        .body = { m->body, fits ? m->length : 0 },
    };
}

static souk_key
numbered(uint64_t number)
{
    return (souk_key){ 1, number };
}

/* The actor that has a letter's body. */
static souk_ref
letter_of(const souk_turn *turn, uint64_t number)
{
    return souk_ref(dead_letters, souk_key_pair(turn, souk_self(turn).key, numbered(number)));
}

/* ---- The list. ---- */

static souk_verdict
decide_dead_letters_keep(const struct dead_letters *d, const struct dead_letters_keep *c, souk_turn *turn)
{
    struct dead_letter letter = c->letter;
    letter.number = d->last + 1;
    letter.time_ms = souk_now_ms(turn);
    souk_emit(turn, dead_letters_came, .letter = letter);
    if (letter.has_body)
        souk_tell(turn, letter_of(turn, letter.number), dead_letters_store, .letter = letter, .asker = c->asker,
                  .ending = c->ending, .refusal = c->refusal, .body = c->body);
    uint64_t old = letter.number > SOUK_DEAD_WINDOW ? letter.number - SOUK_DEAD_WINDOW : 0;
    if (old && souk_find(d, letters, numbered(old))) {
        souk_emit(turn, dead_letters_left, .number = old);
        souk_tell(turn, letter_of(turn, old), dead_letters_forget);
    }
    return SOUK_ACCEPT;
}

static souk_verdict
decide_dead_letters_replay(const struct dead_letters *d, const struct dead_letters_replay *c, souk_turn *turn)
{
    const struct dead_letter *letter = c->number ? souk_find(d, letters, numbered(c->number)) : NULL;
    if (!letter) return dead_letters_none;
    if (!letter->has_body) return dead_letters_bare;
    souk_emit(turn, dead_letters_left, .number = c->number);
    souk_tell(turn, letter_of(turn, c->number), dead_letters_send);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_dead_letters_drop(const struct dead_letters *d, const struct dead_letters_drop *c, souk_turn *turn)
{
    if (!c->number || !souk_find(d, letters, numbered(c->number))) return dead_letters_none;
    souk_emit(turn, dead_letters_left, .number = c->number);
    souk_tell(turn, letter_of(turn, c->number), dead_letters_forget);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_dead_letters_list(const struct dead_letters *d, const struct dead_letters_list *q, const souk_turn *turn,
                         struct dead_letters_view *view)
{
    enum { MOST = 256 };
    struct dead_letter *shown = souk_turn_scratch(turn, MOST * sizeof *shown);
    const struct dead_letter *letter;
    uint32_t at = 0, count = 0;
    souk_key key;
    while (count < MOST && (letter = souk_next(d, letters, &at, &key)))
        if (letter->number >= q->from) shown[count++] = *letter;
    *view = (struct dead_letters_view){ souk_size(d, letters), d->gone, { shown, count } };
    return SOUK_ACCEPT;
}

static void
apply_dead_letters_came(struct dead_letters *d, const struct dead_letters_came *e)
{
    d->last = e->letter.number;
    *souk_put(d, letters, numbered(e->letter.number)) = e->letter;
}

static void
apply_dead_letters_left(struct dead_letters *d, const struct dead_letters_left *e)
{
    souk_remove(d, letters, numbered(e->number));
    d->gone++;
}

/* ---- One letter. ---- */

static souk_verdict
decide_dead_letters_store(const struct dead_letters *d SOUK_UNUSED, const struct dead_letters_store *c, souk_turn *turn)
{
    souk_emit(turn, dead_letters_stored, .letter = c->letter, .asker = c->asker, .ending = c->ending,
              .refusal = c->refusal, .body = c->body);
    return SOUK_ACCEPT;
}

/* As it was, but that nobody waits for its answer any more: whoever asked has been told that it is dead. */
static souk_verdict
decide_dead_letters_send(const struct dead_letters *d, const struct dead_letters_send *c SOUK_UNUSED, souk_turn *turn)
{
    if (!d->number) return SOUK_ACCEPT;
    bool outcome = d->class == SOUK_OUTCOME;
    struct souk_message *m = souk_turn_send(turn, outcome ? SOUK_OUTCOME : SOUK_TELL, (souk_ref){ d->kind, d->to },
                                            d->tag, d->length);
    if (outcome) {
        m->asker = d->asker;
        m->ending = (uint8_t)d->ending;
        m->refusal = d->refusal;
    }
    for (uint32_t at = 0; at < d->length; at += 8)
        memcpy(m->body + at, souk_at(d, words, at / 8), d->length - at < 8 ? d->length - at : 8);
    souk_emit(turn, dead_letters_gone, .sent = true);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_dead_letters_forget(const struct dead_letters *d, const struct dead_letters_forget *c SOUK_UNUSED,
                           souk_turn *turn)
{
    if (d->number) souk_emit(turn, dead_letters_gone, .sent = false);
    return SOUK_ACCEPT;
}

static void
apply_dead_letters_stored(struct dead_letters *d, const struct dead_letters_stored *e)
{
    d->number = e->letter.number;
    d->kind = e->letter.kind;
    d->to = e->letter.to;
    d->class = e->letter.class;
    d->tag = e->letter.tag;
    d->asker = e->asker;
    d->ending = e->ending;
    d->refusal = e->refusal;
    d->length = (uint32_t)e->body.length;
    const uint8_t *bytes = e->body.at;
    for (uint32_t at = 0; at < d->length; at += 8)
        memcpy(souk_add(d, words), bytes + at, d->length - at < 8 ? d->length - at : 8);
}

static void
apply_dead_letters_gone(struct dead_letters *d, const struct dead_letters_gone *e SOUK_UNUSED)
{
    d->number = 0;
    d->length = d->words.array.count = 0;
}

static void
check_dead_letters(const struct dead_letters *d)
{
    souk_assert(d->words.array.count == (d->length + 7) / 8);
    souk_assert(souk_size(d, letters) <= SOUK_DEAD_WINDOW);
}

SOUK_ACTOR(dead_letters, DEAD_LETTERS_TABLE);
