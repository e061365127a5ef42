/* SPDX-License-Identifier: Apache-2.0 */
/* souk/hint.c -- see hint.h.
 *
 * A table of sets of a few places each. A place that somebody waits at, or whose question is under way, stays; else the
 * one that was used longest ago makes room. A sale that doesn't exist isn't remembered: it may be opened any moment. */
#include "hint.h"

#include "address.h"
#include "sale.h"
#include "stock.h"

#include <stddef.h>
#include <stdlib.h>

SOUK_ADDRESSES(node, souk_node, souk_node_key_of, souk_node_key_pair)

enum { SETS = 512, WAYS = 4, ASK_MS = 2000 };

struct hint {
    struct souk_request request;
    souk_hints *hints;
    souk_key sale, stock;
    bool known, sold_out, asking;
    uint64_t asked_ns, used_ns;
    struct souk_hint_waiter *waiters;
};

struct souk_hints {
    souk_worker *worker;
    struct hint places[SETS][WAYS];
};

souk_err
souk_hints_open(souk_hints **out, souk_worker *worker)
{
    souk_hints *hints = calloc(1, sizeof *hints);
    if (!hints) return SOUK_ERR_MEMORY;
    hints->worker = worker;
    *out = hints;
    return SOUK_OK;
}

void
souk_hints_close(souk_hints **hints_p)
{
    souk_hints *hints = *hints_p;
    *hints_p = NULL;
    if (!hints) return;
    for (unsigned i = 0; i < SETS * WAYS; i++) {
        struct hint *hint = &hints->places[i / WAYS][i % WAYS];
        souk_assert(!hint->waiters);
        if (hint->asking) souk_worker_forget(hints->worker, &hint->request);
    }
    free(hints);
}

static struct hint *
find(souk_hints *hints, souk_key sale)
{
    struct hint *set = hints->places[sale.low % SETS];
    for (unsigned i = 0; i < WAYS; i++)
        if (souk_key_equal(set[i].sale, sale)) return &set[i];
    return NULL;
}

/* A place for a sale that has none; NULL when all of its set are in use. */
static struct hint *
make_room(souk_hints *hints, souk_key sale)
{
    struct hint *set = hints->places[sale.low % SETS], *oldest = NULL;
    for (unsigned i = 0; i < WAYS; i++)
        if (!set[i].asking && !set[i].waiters && (!oldest || set[i].used_ns < oldest->used_ns)) oldest = &set[i];
    if (oldest) *oldest = (struct hint){ .hints = hints, .sale = sale };
    return oldest;
}

static void
leave(struct souk_hint_waiter *waiter)
{
    *waiter->previous = waiter->next;
    if (waiter->next) waiter->next->previous = waiter->previous;
    waiter->next = NULL;
    waiter->previous = NULL;
}

static void
join(struct hint *hint, struct souk_hint_waiter *waiter)
{
    waiter->next = hint->waiters;
    waiter->previous = &hint->waiters;
    if (waiter->next) waiter->next->previous = &waiter->next;
    hint->waiters = waiter;
}

/* Tells those who wait; with `first_only` not those who came when the question was under way. */
static void
tell(struct hint *hint, enum souk_hint_word word, bool first_only)
{
    struct souk_hint_waiter *told = NULL, *next;
    for (struct souk_hint_waiter *w = hint->waiters; w; w = next) { /* told() may make others wait: first choose. */
        next = w->next;
        if (first_only && w->joined) continue;
        leave(w);
        w->next = told;
        w->previous = &told;
        if (told) told->previous = &w->next;
        told = w;
    }
    while (told) {
        struct souk_hint_waiter *w = told;
        leave(w);
        w->told(w, word);
    }
}

static void heard(struct souk_request *request, const struct souk_reply *reply);

/* Asks the sale who it is, or the stock how much it has. */
static bool
look(struct hint *hint, uint64_t now_ns)
{
    souk_worker *worker = hint->hints->worker;
    hint->request = (struct souk_request){
        .to = hint->known ? souk_ref(stock, hint->stock) : souk_ref(sale, hint->sale),
        .row = hint->known ? &stock_show_query : &sale_show_query, .within_ms = ASK_MS, .done = heard,
    };
    static const struct sale_show about_sale;
    static const struct stock_show about_stock;
    const void *question = hint->known ? (const void *)&about_stock : (const void *)&about_sale;
    if (souk_worker_ask_with(worker, &hint->request, question)) return false;
    hint->asking = true;
    hint->asked_ns = now_ns;
    for (struct souk_hint_waiter *w = hint->waiters; w; w = w->next) w->joined = false;
    return true;
}

static void
heard_of_sale(struct hint *hint, const struct souk_reply *reply)
{
    const souk_node *node = souk_worker_node(hint->hints->worker);
    struct sale_view view;
    if (reply->ending == SOUK_DONE
        && souk_worker_read(hint->hints->worker, reply->body, souk_layout_of_sale_view, &view)) {
        hint->known = true;
        hint->stock = node_stock_key(node, view.sale, view.sku);
        tell(hint, SOUK_HINT_GO, false);
        return;
    }
    bool never = reply->ending == SOUK_REFUSED && reply->refusal == sale_unknown;
    hint->asking = true; /* The place stays ours while others are told. */
    tell(hint, never ? SOUK_HINT_NO_SALE : SOUK_HINT_BUSY, never);
    hint->asking = false;
    /* Who came while the question was under way may have come after the sale was opened: a new question, for them. Of a
     * stock a slightly older word is good enough; whether a sale exists is not a thing to be wrong about. */
    if (hint->waiters && !look(hint, hint->asked_ns)) tell(hint, SOUK_HINT_BUSY, false);
    if (!hint->asking && !hint->waiters) *hint = (struct hint){ .hints = hint->hints };
}

static void
heard(struct souk_request *request, const struct souk_reply *reply)
{
    struct hint *hint = (struct hint *)(void *)((char *)request - offsetof(struct hint, request));
    hint->asking = false;
    if (!hint->known) {
        heard_of_sale(hint, reply);
        return;
    }
    struct stock_view view;
    if (reply->ending == SOUK_DONE
        && souk_worker_read(hint->hints->worker, reply->body, souk_layout_of_stock_view, &view)) {
        hint->sold_out = view.free == 0;
        tell(hint, hint->sold_out ? SOUK_HINT_SOLD_OUT : SOUK_HINT_GO, false);
    } else {
        hint->asked_ns = 0;
        tell(hint, SOUK_HINT_BUSY, false);
    }
}

enum souk_hint_word
souk_hint_ask(souk_hints *hints, souk_key sale, uint64_t now_ns, struct souk_hint_waiter *waiter)
{
    struct hint *hint = find(hints, sale);
    if (!hint) hint = make_room(hints, sale);
    if (!hint) return SOUK_HINT_GO; /* The order's own saga finds out. */
    hint->used_ns = now_ns;
    if (hint->known && !hint->sold_out) return SOUK_HINT_GO;
    if (hint->known && hint->asked_ns && now_ns - hint->asked_ns < SOUK_HINT_FRESH_MS * UINT64_C(1000000))
        return SOUK_HINT_SOLD_OUT;
    waiter->joined = hint->asking;
    if (!hint->asking && !look(hint, now_ns)) return SOUK_HINT_BUSY;
    join(hint, waiter);
    return SOUK_HINT_LATER;
}

void
souk_hint_forget(struct souk_hint_waiter *waiter)
{
    if (waiter->previous) leave(waiter);
}

void
souk_hint_note(souk_hints *hints, souk_key sale, bool sold_out, bool sure, uint64_t now_ns)
{
    struct hint *hint = find(hints, sale);
    if (!hint || !hint->known) return;
    hint->sold_out = sold_out;
    hint->asked_ns = sure ? now_ns : 0;
}
