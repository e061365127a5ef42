/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_want.c -- what is wanted of a journal, as text and read; and who does it: see journal_inside.h. */
#include "journal_inside.h"

#include "address.h"
#include "address_parts.h"

#include "base/clocktext.h"
#include "work/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { CAT = 1 << JOURNAL_CAT, VERIFY = 1 << JOURNAL_VERIFY, STATS = 1 << JOURNAL_STATS, STATE = 1 << JOURNAL_STATE };

const char *const journal_words[JOURNAL_WORDS] = { "cat", "verify", "stats", "state" };

#define OPTION(name, member, is_flag, words) { name, offsetof(struct journal_said, member), is_flag, words }
const struct journal_option journal_options[JOURNAL_OPTIONS] = {
    OPTION("kind", kind, false, CAT | STATE), OPTION("key", key, false, CAT | STATE),
    OPTION("since", since, false, CAT), OPTION("until", until, false, CAT),
    OPTION("from", from, false, CAT), OPTION("to", to, false, CAT),
    OPTION("at", at, false, STATE), OPTION("limit", limit, false, CAT),
    OPTION("events-only", events_only, true, CAT), OPTION("follow", follow, true, CAT),
    OPTION("json", json, true, STATS | STATE),
};

const struct journal_option *
journal_option_find(enum journal_word word, const char *name)
{
    for (unsigned i = 0; i < JOURNAL_OPTIONS; i++)
        if (!strcmp(journal_options[i].name, name) && journal_options[i].words & 1u << word) return &journal_options[i];
    return NULL;
}

const char **
journal_option_out(struct journal_said *said, const struct journal_option *option)
{
    return (const char **)(void *)((char *)said + option->offset);
}

/* ---- Reading. ---- */

/* A number of digits alone; `initial` when none is said. */
static bool
read_number(const char *text, uint64_t initial, uint64_t *out)
{
    char *end;
    *out = initial;
    if (!text) return true;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* RFC 3339, or milliseconds since 1970. */
static bool
read_time(const char *text, uint64_t initial, uint64_t *out)
{
    return read_number(text, initial, out) || !souk_clock_parse(souk_text_of(text), out);
}

static bool
read_actor(const struct journal_said *said, const struct souk_secret *secret, struct journal_wanted *w, char *why,
           size_t why_size)
{
    uint64_t number;
    if (said->kind && !(w->kind = souk_address_kind(souk_text_of(said->kind)))) {
        /* One that this program lacks has no name. */
        if (!read_number(said->kind, 0, &number) || !number || number > UINT32_MAX) {
            snprintf(why, why_size, "there is no kind %.100s", said->kind);
            return false;
        }
        w->kind = journal_kind((uint32_t)number);
        w->kind_number = (uint32_t)number;
    } else if (w->kind) {
        w->kind_number = w->kind->number;
    }
    if (!said->key) return true;
    struct souk_text key = souk_text_of(said->key);
    if (address_read_name(key, &w->key) && !souk_key_none(w->key)) return true;
    if (w->kind && souk_address_read(secret, w->kind, key, &w->key)) return true;
    if (!said->kind) snprintf(why, why_size, "a key is 32 hexadecimal digits, or says with its kind who it is");
    else snprintf(why, why_size, "no actor of kind %.100s can have the key %.100s", said->kind, said->key);
    return false;
}

bool
journal_want(const struct journal_said *said, const struct souk_secret *secret, struct journal_wanted *w, char *why,
             size_t why_size)
{
    const char *wrong = NULL;
    *w = (struct journal_wanted){ .word = said->word, .events_only = said->events_only, .follow = said->follow,
                                  .json = said->json };
    if (!read_time(said->since, 0, &w->since_ms) || !read_time(said->until, UINT64_MAX, &w->until_ms))
        wrong = "a time is written 2026-11-27T09:00:00Z, or in milliseconds since 1970";
    if (!read_number(said->from, 1, &w->from) || !read_number(said->to, UINT64_MAX, &w->to) ||
        !read_number(said->at, UINT64_MAX, &w->at) || !w->from || !w->to || !w->at)
        wrong = "a position is a number, from 1 on";
    if (!read_number(said->limit, UINT64_MAX, &w->limit)) wrong = "a limit is a number of lines";
    if (said->word == JOURNAL_STATE && (!said->kind || !said->key)) wrong = "whose state? say a kind and a key";
    if (wrong) snprintf(why, why_size, "%s", wrong);
    if (wrong || !read_actor(said, secret, w, why, why_size)) return false;
    if (said->word != JOURNAL_STATE || w->kind) return true;
    snprintf(why, why_size, "this program has no kind %.100s", said->kind);
    return false;
}

/* ---- Doing. ---- */

int
journal_run(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
            char why[JOURNAL_WHY])
{
    static int (*const run[JOURNAL_WORDS])(const struct journal_wanted *, const struct journal_source *,
                                           struct journal_out *, char *) = {
        [JOURNAL_CAT] = journal_cat, [JOURNAL_VERIFY] = journal_verify, [JOURNAL_STATS] = journal_stats,
        [JOURNAL_STATE] = journal_state,
    };
    *why = 0;
    int status = run[wanted->word](wanted, source, out, why);
    journal_out_flush(out);
    return status;
}

uint64_t
journal_durable(const struct journal_source *source)
{
    return source->durable ? source->durable(source->arg) : UINT64_MAX;
}

bool
journal_goes_on(const struct journal_source *source)
{
    return !source->goes_on || source->goes_on(source->arg);
}

int
journal_failed(const struct journal_source *source, souk_err err, const struct souk_walk *walk, char why[JOURNAL_WHY])
{
    const char *told = source->journal->why;
    uint64_t at = walk->next ? walk->next - 1 : 0;
    if (!journal_goes_on(source)) {
        snprintf(why, JOURNAL_WHY, "this was ended before its end");
        return EX_UNAVAILABLE;
    }
    if (!err || err == SOUK_ERR_CLOSED) return EX_OK;
    if (*why) return EX_DATAERR;
    if (walk->why && err == SOUK_ERR_VERSION)
        snprintf(why, JOURNAL_WHY, "the journal has %s at position %" PRIu64, walk->why, walk->at);
    else if (walk->why)
        snprintf(why, JOURNAL_WHY, "the journal is damaged: %s at position %" PRIu64, walk->why, walk->at);
    else if (*told)
        snprintf(why, JOURNAL_WHY, "the journal cannot be read beyond position %" PRIu64 ": %s", at, told);
    else if (err == SOUK_ERR_CORRUPT)
        snprintf(why, JOURNAL_WHY, "the journal is damaged: a batch that cannot be read at position %" PRIu64, at);
    else
        snprintf(why, JOURNAL_WHY, "%s", souk_err_text(err));
    return err == SOUK_ERR_IO ? EX_IOERR : err == SOUK_ERR_MEMORY ? EX_OSERR : EX_DATAERR;
}

int
journal_read(const struct journal_source *source, uint64_t from, struct souk_walk *walk, char why[JOURNAL_WHY])
{
    souk_journal *journal = source->journal;
    return journal_failed(source, journal->ops->read(journal, from, souk_walk_group, walk), walk, why);
}
