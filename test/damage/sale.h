/* SPDX-License-Identifier: Apache-2.0 */
/* test/damage/sale.h -- a data directory that a real node has left behind after a small sale, and what is in it: made
 * once for a test program, copied for each damage. */
#ifndef TEST_DAMAGE_SALE_H
#define TEST_DAMAGE_SALE_H

#include "store/data.h"

/* Room for what the program says. */
enum { SAID_MAX = 4096 };

/* What must be the same however damage was survived. */
struct sale {
    char *directory;
    uint64_t end;                 /* The last position. */
    uint64_t journal, vault;      /* Sums of all groups, and of all that the vault has. */
    char first[64], second[64];   /* The names of the two sales. */
    char asked[SAID_MAX];         /* What the shop answers, see sale_ask(). */
};

/* From now on directories are made on a small disk in memory, which syncs in no time: thousands of them are opened.
 * Where mounting is not permitted they stay where they were, and it is slow. False, then. */
bool sale_disk_mount(void);
void sale_disk_unmount(void);
/* Makes one: a sale, an orderly end, so that the vault is filled; another sale and a kill (`killed`) or one more
 * orderly end. Both databases have a table, the journal has a log, and so has the vault unless killed. */
void sale_make(struct sale *sale, bool killed);
void sale_drop(struct sale *sale);
/* Starts a node on a directory, asks it for both sales and some accounts, stops it. What it answered, or, when it did
 * not start, what it complained of. Its exit status, or minus the signal that ended it. */
int sale_ask(const struct sale *sale, const char *directory, char said[SAID_MAX]);
/* Runs the program with these words (NULL at the end); its status as above, and all that it said. */
int sale_run(const char *const *words, char said[SAID_MAX]);

/* How somebody who reads all of it finds a directory. */
struct seen {
    souk_err err;
    char why[512];              /* When there was an error. */
    uint64_t end, journal, vault;
};

/* Opens a directory, reads the journal as `souk check` does, and the vault. */
void sale_read(const char *directory, struct seen *seen);
/* The name of the file that ends so in DIR/PART, malloc'ed; the largest. */
char *sale_file(const char *directory, const char *part, const char *ending);
/* A number below `end`, the next of a seed's. */
uint64_t sale_draw(uint64_t *seed, uint64_t end);
/* The seed of this run: SOUK_TEST_SEED, or a fixed one. */
uint64_t sale_seed(void);
/* What is being tried, told if the process dies of it. */
void sale_note(const char *format, ...) SOUK_PRINTF(1, 2);

#endif
