/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitrandom.h -- a sequence of steps that an actor takes: drawn, run, shrunk and written; see souk/testkit.h. One
 * thread. */
#ifndef SOUK_NODE_KITRANDOM_H
#define SOUK_NODE_KITRANDOM_H

#include "node/kit.h"
#include "node/kitdraw.h"

enum souk_kit_act { SOUK_KIT_SAY, SOUK_KIT_PASS, SOUK_KIT_END };

/* One step: a command or query is said, time passes, or an ask or call ends. */
struct souk_kit_step {
    enum souk_kit_act act;
    const struct souk_row *row;      /* What is said. */
    bool broken;                     /* Its bytes are no body of it. */
    uint64_t ms;
    uint32_t reply;                  /* Of those whose outcome goes there, the ask that has been open longest. */
    enum souk_ending ending;
    souk_verdict refusal;
    const struct souk_layout *layout; /* Of the body; NULL: there is none. */
    struct souk_bytes body;
    bool skipped;                    /* When it was last run: nobody would have said it, or no such ask was open. */
};
struct souk_kit_tape { struct souk_kit_step *step; uint32_t count, room; };

/* Why a sequence failed; what NULL: it didn't. The first three are the same for the same kind of failure. */
struct souk_kit_failure {
    const char *what, *file;
    int line;
    struct souk_kit_text text; /* The caller's to free. */
};

/* What one run of all sequences shares. */
struct souk_kit_runner {
    const struct souk_kit_random *options;
    souk_memory *memory; /* Of the tapes: given back when all is over. */
    souk_heap *heap;
    uint8_t *scratch;    /* For lists of a body that is looked at. */
    souk_key keys[SOUK_POOL_KEYS]; /* What keys are drawn from, the simplest first. */
    uint32_t keys_count;
    bool *seen;          /* Of each row of the kind, in its order. */
    struct souk_kit_done done;
};

/* Runs a step, after which `failure` may be filled. A body that `fit` has changed is changed in the step. */
void souk_kit_step_run(struct souk_kit_runner *runner, souk_kit *kit, struct souk_kit_step *step,
                       struct souk_kit_failure *failure);
/* Runs a tape on a new actor, to its end or the first failure. Steps after that are cut off. */
void souk_kit_tape_run(struct souk_kit_runner *runner, struct souk_kit_tape *tape, struct souk_kit_failure *failure);
/* Makes a failing tape as short and its values as simple as they can be and fail in the same way. */
void souk_kit_tape_shrink(struct souk_kit_runner *runner, struct souk_kit_tape *tape, struct souk_kit_failure *failure);
/* Writes it as lines of C. */
void souk_kit_tape_write(struct souk_kit_runner *runner, FILE *out, const struct souk_kit_tape *tape);
/* Another step at the tape's end, zeroed. */
struct souk_kit_step *souk_kit_tape_add(struct souk_kit_runner *runner, struct souk_kit_tape *tape);

#endif
