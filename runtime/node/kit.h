/* SPDX-License-Identifier: Apache-2.0 */
/* node/kit.h -- one actor on its own, as the testkit's files share it; see souk/testkit.h. One thread. */
#ifndef SOUK_NODE_KIT_H
#define SOUK_NODE_KIT_H

#include "cell/turn.h"
#include <souk/testkit.h>

#include <stdio.h>

/* One thing that a turn did: an event, a message, an answer. */
struct souk_kit_said {
    enum souk_kit_verb_ verb;
    souk_ref to;
    uint32_t tag, reply, number; /* The row; of an ask or call, whose outcome goes where, under which number. */
    uint64_t ms;                 /* Within which, or after which. */
    souk_asker asker;            /* Of an answer: for whom, how it ended, why not. */
    enum souk_ending ending;
    souk_verdict refusal;
    struct souk_text operation;  /* Of a call. */
    struct souk_bytes body;
    uint8_t *block;              /* Where both lie. */
    size_t block_size;
    bool told;                   /* By a THEN. */
};
struct souk_kit_list { struct souk_kit_said *at; uint32_t count, room; };

/* A turn that failed: where, and what was claimed there; `what` NULL: none did. */
struct souk_kit_fault { const char *file, *what; int line; };

/* Text that is written into a stream. */
struct souk_kit_text { char *at; size_t length; };

struct souk_kit {
    const struct souk_kind *kind;
    souk_memory *memory;
    souk_heap *heap;
    struct souk_secret secret;
    struct souk_arena arena;
    struct souk_directory directory;
    struct souk_slice slice;
    struct souk_cell *cell;
    struct souk_fifo out;           /* What the turn under way has sent. */
    souk_verdict verdict;           /* What its decide returned. */
    uint64_t now_ms;
    uint32_t asked;                 /* WHENs so far: the number of each one's asker. */
    struct souk_kit_list happened;  /* All events. */
    struct souk_kit_list said;      /* What the last WHEN did, */
    struct souk_kit_fault fault;    /* or that it failed. */
    bool events_told, fault_told;
    struct souk_message **wakes;    /* Not yet due, in the order of setting. */
    uint32_t wakes_count, wakes_room;
    uint64_t woken;                 /* Wakes that were accepted, as bits of their tags. */
    struct souk_kit_here_ when;
    struct souk_kit_text when_text; /* None while quiet. */
    struct souk_kit_text state_text;
    struct souk_kit_list shown;     /* What the last query on the side answered. */
    uint8_t *view_scratch;
    uint8_t *fit_scratch;           /* Of messages that are drawn. */
    struct souk_catch *outer;       /* Whose failures are caught between turns; NULL: nobody's. */
    bool quiet;                     /* Complaints are kept, and not told. */
    struct souk_kit_text complaint; /* The first one; there is no second. */
    const char *complained;         /* Its kind. */
};

/* ---- The machine: kit.c. ---- */

/* Complains of what the last WHEN did and its THENs should have told, and begins another (kitthen.c). */
void souk_kit_begin(souk_kit *kit, struct souk_kit_here_ here);
/* Lets the actor take a message of the kit's heap, twice as testkit.h says. */
void souk_kit_take(souk_kit *kit, struct souk_message *message);
/* Applies an event that a test gives. */
void souk_kit_happened(souk_kit *kit, uint32_t tag, struct souk_bytes body);
/* Lets the actor take a query on the side: its verdict; kit->shown has the view. */
souk_verdict souk_kit_look(souk_kit *kit, struct souk_message *query);
/* A message to the actor, whose body is to be filled in. */
struct souk_message *souk_kit_message(souk_kit *kit, enum souk_message_class class, uint32_t tag, size_t length);
/* The ask or call that has been open longest of those that go to this reply, or NULL. */
struct souk_open_ask *souk_kit_open_ask(const souk_kit *kit, uint32_t reply);
/* When the next wake or deadline comes; UINT64_MAX: none does. */
uint64_t souk_kit_due_ms(const souk_kit *kit);
/* Lets time pass. */
void souk_kit_pass(souk_kit *kit, uint64_t ms);
/* Who asks in the WHEN of that number. */
souk_asker souk_kit_asker_of(uint32_t number);
/* Empties a list. */
void souk_kit_list_clear(souk_kit *kit, struct souk_kit_list *list);

/* ---- What must agree: kitagree.c. ---- */

/* The same actor once more, made from its snapshot, in a directory of its own. */
struct souk_kit_twin { struct souk_directory directory; struct souk_cell *cell; };
struct souk_kit_twin souk_kit_twin(souk_kit *kit);
/* Gives it back. */
void souk_kit_twin_free(souk_kit *kit, struct souk_kit_twin *twin);
/* Applies all that has happened to a zeroed cell. */
void souk_kit_replay(souk_kit *kit, struct souk_cell *cell);
/* Complains so when the other cell's state isn't the actor's. */
void souk_kit_agree(souk_kit *kit, struct souk_cell *other, const char *what);
/* ... when replay or a snapshot don't make it. */
void souk_kit_agree_replayed(souk_kit *kit);
/* ... when the turn that said said[first] and what follows did something else than its twin. */
void souk_kit_agree_said(souk_kit *kit, uint32_t first, const struct souk_kit_list *twin);

/* ---- Words: kitwords.c. ---- */

/* Tells a mistake found at `here` to the hook, or keeps it. `what` is its first line, the same for each mistake of that
 * kind, and static; `rest`, which may be NULL, is freed and begins with a newline. */
void souk_kit_complain(souk_kit *kit, struct souk_kit_here_ here, const char *what, struct souk_kit_text *rest);
/* To the hook; takes the text. */
void souk_kit_fail(struct souk_kit_here_ here, char *text);
/* Writes a body as JSON, by its layout or, without one, as what it is. */
void souk_kit_json(FILE *out, const struct souk_layout *layout, struct souk_bytes body);
/* Writes what was said in words: "tells account_post {...}". `layout` may be NULL. */
void souk_kit_say(FILE *out, const souk_kit *kit, const struct souk_kit_said *said, const struct souk_layout *layout);
/* The row of the kit's kind, or NULL. */
const struct souk_row *souk_kit_row(const struct souk_kind *kind, enum souk_class class, uint32_t tag);
/* A stream into the text, which is complete after fclose(). */
FILE *souk_kit_text(struct souk_kit_text *text);
/* The encoded body of a message, in the kit's heap. */
struct souk_bytes souk_kit_encode(souk_heap *heap, const struct souk_layout *layout, const void *message);

#endif
