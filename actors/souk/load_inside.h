/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_inside.h -- what the files of the load generator share, and nobody else sees.
 *
 * load_engine.c has the loop, the waiting and the arrivals; load_buyer.c what one buyer asks and hears; load_setup.c
 * opens sales, gives credit and looks at sales; load_words.c names things and reads answers; load_acks.c and
 * load_show.c write. */
#ifndef SOUK_LOAD_INSIDE_H
#define SOUK_LOAD_INSIDE_H

#include "load.h"

#include "gateway/httpclient.h"
#include "gateway/json.h"
#include "world/loop.h"

enum {
    LOAD_NAME_MAX = 65, /* a sale's, a customer's, a key's, with a final zero byte */
    LOAD_TARGET_MAX = 128,
    LOAD_BODY_MAX = 512,
    LOAD_ACKS_BUFFER = 64 * 1024,
    LOAD_SETUP_CONNECTIONS = 256
};

enum load_step { LOAD_CREDIT, LOAD_ORDER, LOAD_LOOK };

/* A buyer who came and isn't through. In exactly one place: the heap of those who wait for a time, the queue of those
 * who wait for a connection, or a request. */
struct load_buyer {
    souk_load *load;
    uint64_t number;      /* Names and choices follow from it. */
    uint64_t came_ns;     /* When he meant to ask first. */
    uint64_t intended_ns; /* When he meant to begin this attempt. */
    uint64_t refused_ns;  /* When he was told "sold out"; 0: he wasn't. */
    uint64_t trouble_ns;  /* Since when there is no sensible answer; 0: there was one. */
    uint64_t due_ns;      /* In the heap: when to go on. */
    struct load_buyer *next;
    uint32_t heap_at; /* His place in the heap. */
    uint32_t sale;
    uint16_t tries;    /* In the same trouble, or looks at the same order. */
    uint16_t attempts; /* Keys that he has used up. */
    enum load_step step;
    bool answered; /* His first definite answer is counted. */
    char target[LOAD_TARGET_MAX]; /* Where his order can be looked at. */
};

/* A sale, as far as those who wait to come back need to know it. */
struct load_watch {
    souk_load *load;
    char name[LOAD_NAME_MAX];
    uint64_t asked_ns; /* When the GET under way was sent; 0: none is. */
    uint64_t next_ns;  /* When to send the next. */
    uint64_t none_ns;  /* When the last GET was sent that found neither free units nor held ones. */
    uint64_t turned_away; /* Buyers told "sold out" for good. */
    uint32_t waiting;
    struct load_sale seen;
    bool failed; /* How the last GET ended. */
};

struct load_acks { int fd, fault; size_t length; char *buffer; };

struct souk_load {
    struct load_plan plan;
    struct load_tally tally;
    souk_loop *loop;
    souk_httpclient *client, *side; /* The buyers'; the watches'. */
    souk_json_reader *reader;
    struct load_acks acks;
    struct load_watch *watches;
    double *popularity; /* The first k sales' share of all buyers; NULL: even. */
    char run[9];        /* Begins all names that we make. */
    uint64_t chance;    /* The state of the jitter. */

    uint64_t next_number, prepaid; /* Of buyers; customers of numbers below `prepaid` have their credit. */
    uint64_t came, end_ns;         /* In this run. */
    uint64_t crowd, crowded;       /* Who is to come beside the rate; who has. */
    bool enough, fault;
    uint64_t waiting, troubled; /* Buyers who wait to come back; who repeat themselves. */

    struct load_buyer **heap, *ready, *ready_last, *idle;
    uint32_t heap_count, heap_capacity;
    struct load_buyer **blocks; /* All memory of buyers. */
    uint32_t block_count;
    uint64_t shown_ns, shown_orders, watched_ns, step_ns;
};

/* ---- load_engine.c ---- */

/* Puts the defaults where the plan says nothing. */
void souk_load_fill_in(struct load_plan *plan);
/* He goes on after `delay_ns`. */
void souk_load_later(struct load_buyer *buyer, uint64_t now_ns, uint64_t delay_ns);
/* He goes on as soon as a connection is free, before those who are new. */
void souk_load_soon(struct load_buyer *buyer);
/* He is through; his memory is another's. */
void souk_load_through(struct load_buyer *buyer);
/* Uses the connections that are free. */
void souk_load_pump(souk_load *load, uint64_t now_ns);
/* `delay_ns`, give or take half of it. */
uint64_t souk_load_jitter(souk_load *load, uint64_t delay_ns);
/* Those who wait for this sale go on: when none is left all who were refused before we looked, else as many as there
 * are units for. */
void souk_load_call_back(struct load_watch *watch, bool none, uint64_t now_ns);

/* ---- load_buyer.c ---- */

/* Sends what is next for him. A connection must be free. */
void souk_load_buyer_ask(struct load_buyer *buyer, uint64_t now_ns);
/* His time has come: true when he asks again, false when he is through. */
bool souk_load_buyer_due(struct load_buyer *buyer, uint64_t now_ns);

/* ---- load_setup.c ---- */

/* Looks at the sales that somebody waits for. Returns when to be called next. */
uint64_t souk_load_watch_sales(souk_load *load, uint64_t now_ns);

/* ---- load_words.c ---- */

/* Chooses names and popularity by the plan. SOUK_ERR_MEMORY. */
souk_err souk_load_words_open(souk_load *load) SOUK_MUST_CHECK;
/* The sale that buyer `number` wants. */
uint32_t souk_load_choose(const souk_load *load, uint64_t number);
/* His customer's name, and the key of his nth attempt, from 0. Into `room`. */
struct souk_text souk_load_customer(const souk_load *load, uint64_t number, char room[LOAD_NAME_MAX]);
struct souk_text souk_load_key(const souk_load *load, uint64_t number, unsigned attempt, char room[LOAD_NAME_MAX]);
/* Request bodies. Into `room`. */
struct souk_text souk_load_sale_body(const souk_load *load, unsigned sale, char room[LOAD_BODY_MAX]);
struct souk_text souk_load_order_body(const souk_load *load, uint64_t number, char room[LOAD_BODY_MAX]);
struct souk_text souk_load_credit_body(const souk_load *load, char room[LOAD_BODY_MAX]);
/* The path of something of `name`: "/v1/sales/" NAME "/orders". Into `room`. */
struct souk_text souk_load_path(const char *before, const char *name, const char *after, char room[LOAD_TARGET_MAX]);

/* What an answer's body says, as far as we want to know. Borrows from the answer until the reader's next use. */
struct load_words {
    struct souk_text order, state, type, reason;
    uint64_t opens_at_ms; /* 0: it doesn't say. */
    int64_t units, free, held, sold; /* -1: it doesn't say. */
};
/* False: it isn't JSON as we know it. */
bool souk_load_read(souk_load *load, struct souk_text body, struct load_words *out);
/* Whether a paid order's answer says so, and its id; without reading the rest. */
bool souk_load_read_paid(struct souk_text body, struct souk_text *order);

/* ---- load_acks.c ---- */

/* Opens the plan's file, if it names one. SOUK_ERR_IO, SOUK_ERR_MEMORY. */
souk_err souk_load_acks_open(souk_load *load) SOUK_MUST_CHECK;
/* Notes what a buyer was told. */
void souk_load_ack(souk_load *load, const struct load_buyer *buyer, struct souk_text order, unsigned status);
/* Writes the rest and closes. */
void souk_load_acks_close(souk_load *load);

/* ---- load_show.c ---- */

/* One line of progress, at most ten times a second. */
void souk_load_show(souk_load *load, uint64_t now_ns);
/* Ends that line. */
void souk_load_show_end(souk_load *load);

#endif
