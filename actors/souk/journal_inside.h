/* SPDX-License-Identifier: Apache-2.0 */
/* souk/journal_inside.h -- what the files of `souk journal` share: journal.c has the command line, journal_ask.c asks a
 * running node, api_journal.c is that node's side; journal_cat.c, journal_verify.c, journal_stats.c and journal_state.c
 * do the work, for both; journal_want.c reads what is wanted, journal_out.c writes lines.
 *
 * A node answers with the very text that the tool would print, a line `{"end":{"status":N,"why":TEXT}}` behind it: with
 * what status the tool ends. Without that line the answer is not whole. */
#ifndef SOUK_JOURNAL_INSIDE_H
#define SOUK_JOURNAL_INSIDE_H

#include "cell/batch.h"
#include "codec/scan.h"
#include "gateway/json.h"
#include "store/journal.h"
#include "store/vault.h"

enum journal_word { JOURNAL_CAT, JOURNAL_VERIFY, JOURNAL_STATS, JOURNAL_STATE, JOURNAL_WORDS };
extern const char *const journal_words[JOURNAL_WORDS];

/* ---- What is wanted. ---- */

/* As it was said: texts of the command line or of a query. NULL: not said. */
struct journal_said {
    enum journal_word word;
    const char *kind, *key, *since, *until, *from, *to, *at, *limit, *events_only, *follow, *json;
};
/* Their names ("events-only") and places in it. */
struct journal_option { const char *name; size_t offset; bool is_flag; unsigned words; /* 1 << enum journal_word */ };
enum { JOURNAL_OPTIONS = 11 };
extern const struct journal_option journal_options[JOURNAL_OPTIONS];
/* NULL: the word has no such option. */
const struct journal_option *journal_option_find(enum journal_word word, const char *name);
const char **journal_option_out(struct journal_said *said, const struct journal_option *option);

struct journal_wanted {
    enum journal_word word;
    const struct souk_kind *kind;  /* NULL: all, unless */
    uint32_t kind_number;          /* that is not 0: of a kind that we lack. */
    souk_key key;                  /* None: all. */
    uint64_t since_ms, until_ms;   /* Not before the one, before the other. */
    uint64_t from, to, at, limit;  /* Positions, both included; how many lines. */
    bool events_only, follow, json;
};
/* Reads it; the secret is the journal's, which text ids are hashed with. False: `why` says what makes no sense. */
bool journal_want(const struct journal_said *said, const struct souk_secret *secret, struct journal_wanted *wanted,
                  char *why, size_t why_size);

/* ---- Where it is read, and where the answer goes. ---- */

/* Of a directory that no node uses only the first two are given: all of it may be read, and no more comes. */
struct journal_source {
    souk_journal *journal;
    souk_vault *vault;
    /* How far it may be read now. */
    uint64_t (*durable)(void *arg);
    /* Waits until more is durable than up to there. False: nobody wants it any more. */
    bool (*wait)(void *arg, uint64_t durable);
    bool (*goes_on)(void *arg); /* Whether anybody still wants the answer. */
    void *arg;
};

/* Text on its way out. One for each answer, in memory of its own. */
struct journal_out {
    bool (*write)(void *arg, struct souk_text text); /* False: nobody reads any more. */
    void *arg;
    bool gone;
    souk_json_writer line;
    char *body;             /* Where bodies become JSON. */
    size_t body_room;
    size_t used;
    char text[64 << 10];
};

/* SOUK_ERR_MEMORY as false. */
bool journal_out_open(struct journal_out **out, bool (*write)(void *arg, struct souk_text text), void *arg);
void journal_out_close(struct journal_out **out_p);
/* Writes what has gathered. */
void journal_out_flush(struct journal_out *out);
void journal_out_text(struct journal_out *out, struct souk_text text);
void journal_out_print(struct journal_out *out, const char *format, ...) SOUK_PRINTF(2, 3);
/* A line of JSON: its writer, emptied, with the object begun; and its end. */
souk_json_writer *journal_line(struct journal_out *out);
void journal_line_end(struct journal_out *out);

/* ---- What is in a line. ---- */

/* A kind by its number; NULL: this program lacks it. */
const struct souk_kind *journal_kind(uint32_t number);
/* A refusal's name: that of whichever kind has the code, or the runtime's. NULL: none has. */
const char *journal_refusal(uint32_t code);
/* The row of a kind, which may be NULL; NULL: there is none. */
const struct souk_row *journal_row(const struct souk_kind *kind, enum souk_class class, uint32_t tag);
/* The same for what may stand in a journal as an event. */
const struct souk_row *journal_event(const struct souk_kind *kind, uint32_t tag);
/* A port's operation's layout, or NULL. */
const struct souk_layout *journal_operation(struct souk_text name);
/* Whether a body is one of that layout, and nothing else. `scratch` has SOUK_SCRATCH_BYTES. */
bool journal_body_fits(const struct souk_layout *layout, struct souk_bytes body, uint8_t *scratch);
/* The name and the operation's record of a port call's body. False: it isn't one. */
bool journal_call_open(struct souk_bytes body, struct souk_text *operation, struct souk_bytes *record);
void journal_put_key(souk_json_writer *line, const char *name, souk_key key);
/* A moment as milliseconds and as text: "due" becomes "due_ms" and "due"; NULL "ms" and "time". */
void journal_put_time(souk_json_writer *line, const char *name, uint64_t ms);
/* A kind's name; its number when it is a kind that we lack. */
void journal_put_kind(souk_json_writer *line, const char *name, uint32_t kind);
/* The name of a message; its number when there is no row. */
void journal_put_row(souk_json_writer *line, const char *name, const struct souk_row *row, uint32_t tag);
/* A body by its layout; without one, or when it doesn't fit, as what it is. Then the note, NULL for none, or that it
 * doesn't fit. */
void journal_put_body(struct journal_out *out, const struct souk_layout *layout, struct souk_bytes body,
                      const char *note);

/* ---- The work: the status to exit with, and with any but 0 a sentence. ---- */

enum { JOURNAL_WHY = 400, JOURNAL_NOBODY = 1 /* The status for an actor that isn't there. */ };

int journal_run(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
                char why[JOURNAL_WHY]);
int journal_cat(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
                char why[JOURNAL_WHY]);
int journal_verify(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
                   char why[JOURNAL_WHY]);
int journal_stats(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
                  char why[JOURNAL_WHY]);
int journal_state(const struct journal_wanted *wanted, const struct journal_source *source, struct journal_out *out,
                  char why[JOURNAL_WHY]);

/* Up to which position it may be read: UINT64_MAX for all. */
uint64_t journal_durable(const struct journal_source *source);
bool journal_goes_on(const struct journal_source *source);
struct souk_walk;
/* What came of a read of the journal: EX_OK, also when it was ended with SOUK_ERR_CLOSED, if it still goes on; else the
 * status, and a sentence unless there is one. */
int journal_failed(const struct journal_source *source, souk_err err, const struct souk_walk *walk,
                   char why[JOURNAL_WHY]);
/* Reads the journal from a position on, and says what came of it. */
int journal_read(const struct journal_source *source, uint64_t from, struct souk_walk *walk, char why[JOURNAL_WHY]);

/* ---- journal.c ---- */

/* Standard output could not be written; errno says why. The status. */
int journal_unwritten(const struct journal_said *said);

/* ---- journal_ask.c ---- */

enum { JOURNAL_NO_NODE = -1 };
/* Asks a node over HTTP and prints what it says. The status; JOURNAL_NO_NODE, with a sentence: none is there. */
int journal_ask(const char *host, uint16_t port, const struct journal_said *said);

#endif
