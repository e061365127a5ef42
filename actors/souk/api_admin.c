/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_admin.c -- /admin: what is inside the node, as souk/inspect.h tells it, for `souk top` and for people with a
 * shell. Only on a loopback address: it shows customers' data and sends letters again. */
#include "api_inside.h"

#include "address_parts.h"

#include "codec/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TEXT = 33, STATE_JSON_MAX = 8 * SOUK_LOOK_STATE_MAX, TRACE_MAX = 256 << 10, PARTS = 4 };

/* ---- Asking. ---- */

/* False when the call was answered. A page of another site may make a browser send a POST, but not without saying
 * so. */
bool
api_admin_allowed(struct api_call *call)
{
    struct souk_text origin;
    if (!call->at->api->options.admin) {
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "/admin is served on loopback addresses only", NULL, 0);
        return false;
    }
    if (souk_http_header(call->exchange, SOUK_TEXT("origin"), &origin)) {
        api_problem(call, SOUK_PROBLEM_BAD_REQUEST, "/admin is not for pages of a browser", NULL, 0);
        return false;
    }
    return true;
}

static void
look(struct api_call *call, enum souk_look_at at, void (*done)(struct souk_look *, const struct souk_look_answer *))
{
    call->look.at = at;
    call->look.done = done;
    souk_err err = souk_worker_look(call->at->worker, &call->look);
    if (err) api_problem(call, SOUK_PROBLEM_OVERLOADED, "too many look already", NULL, 0);
    else call->looking = true;
}

static struct api_call *
call_of(struct souk_look *l)
{
    struct api_call *call = (struct api_call *)(void *)((char *)l - offsetof(struct api_call, look));
    call->looking = false;
    return call;
}

/* The value of a number in the query, "deepest=20"; `initial` when it isn't there. */
static uint64_t
number_of(const struct api_call *call, const char *name, uint64_t initial)
{
    struct souk_text q = call->exchange->query;
    size_t length = strlen(name);
    for (const char *at = q.at, *end = q.at + q.length; at < end;) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop) stop = end;
        if ((size_t)(stop - at) > length && memcmp(at, name, length) == 0 && at[length] == '=') {
            uint64_t value = 0;
            for (at += length + 1; at < stop && *at >= '0' && *at <= '9' && value < UINT64_MAX / 20; at++)
                value = 10 * value + (uint64_t)(*at - '0');
            return value;
        }
        at = stop + 1;
    }
    return initial;
}

/* ---- Pieces. ---- */

static void
put_name(souk_json_writer *w, const char *name, const char *text)
{
    souk_json_key(w, name);
    if (text) souk_json_text(w, souk_text_of(text));
    else souk_json_null(w);
}

static void
put_actor(souk_json_writer *w, const struct souk_kind *kind, souk_key key)
{
    char text[KEY_TEXT];
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)key.high, (unsigned long long)key.low);
    put_name(w, "kind", kind ? kind->name : NULL);
    put_name(w, "key", text);
}

static souk_json_writer *
begin(struct api_call *call, const struct souk_look_answer *answer)
{
    souk_json_writer *w = api_writer(call);
    souk_json_object_open(w);
    souk_json_put_u64(w, "now_ms", souk_node_now_ms(call->at->node));
    souk_json_put_u64(w, "silent", answer->silent);
    return w;
}

static void
finish(struct api_call *call, souk_json_writer *w)
{
    souk_json_object_close(w);
    api_answer(call, 200, NULL, false);
}

/* ---- The node. ---- */

static void
show_kinds(struct souk_look *l, const struct souk_look_answer *answer)
{
    struct api_call *call = call_of(l);
    souk_json_writer *w = begin(call, answer);
    souk_json_put_bool(w, "estimated", answer->node->estimated);
    souk_json_key(w, "kinds");
    souk_json_array_open(w);
    for (unsigned i = 0; i < answer->node->kinds_count; i++) {
        const struct souk_look_kind *k = &answer->node->kinds[i];
        souk_json_object_open(w);
        put_name(w, "kind", k->kind->name);
        souk_json_put_bool(w, "volatile", k->kind->policy != NULL);
        souk_json_put_u64(w, "live", k->lives);
        souk_json_put_u64(w, "turns", k->turns);
        souk_json_put_u64(w, "refusals", k->refusals);
        souk_json_put_u64(w, "faults", k->faults);
        souk_json_put_u64(w, "restarts", k->restarts);
        souk_json_put_u64(w, "dead_letters", k->letters);
        souk_json_put_u64(w, "waiting", k->waiting);
        souk_json_put_u64(w, "deepest", k->depth);
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
    finish(call, w);
}

static void
show_workers(struct souk_look *l, const struct souk_look_answer *answer)
{
    struct api_call *call = call_of(l);
    souk_json_writer *w = begin(call, answer);
    souk_json_put_u64(w, "up_ns", answer->node->up_ns);
    souk_json_key(w, "workers");
    souk_json_array_open(w);
    for (unsigned i = 0; i < answer->node->workers_count; i++) {
        const struct souk_look_worker *k = &answer->node->workers[i];
        uint64_t idle = k->idle_ns < answer->node->up_ns ? k->idle_ns : answer->node->up_ns;
        souk_json_object_open(w);
        souk_json_put_u64(w, "worker", k->number);
        souk_json_put_u64(w, "turns", k->turns);
        souk_json_put_u64(w, "steals", k->steals);
        souk_json_put_u64(w, "parks", k->parks);
        souk_json_put_u64(w, "idle_ns", idle);
        souk_json_put_u64(w, "busy_permille", 1000 - 1000 * idle / (answer->node->up_ns + 1));
        put_name(w, "in", k->kind ? k->kind->name : NULL);
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
    finish(call, w);
}

static void
show_actors(struct souk_look *l, const struct souk_look_answer *answer)
{
    struct api_call *call = call_of(l);
    souk_json_writer *w = begin(call, answer);
    souk_json_put_bool(w, "estimated", answer->node->estimated);
    souk_json_key(w, "deepest");
    souk_json_array_open(w);
    for (unsigned i = 0; i < answer->node->queues_count; i++) {
        const struct souk_look_queue *q = &answer->node->queues[i];
        souk_json_object_open(w);
        put_actor(w, q->kind, q->key);
        souk_json_put_u64(w, "depth", q->depth);
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
    finish(call, w);
}

static void
put_notes(souk_json_writer *w, const struct souk_noted *notes, unsigned count, bool faults)
{
    souk_json_array_open(w);
    for (unsigned i = 0; i < count; i++) {
        const struct souk_noted *n = &notes[i];
        souk_json_object_open(w);
        put_actor(w, n->kind, n->key);
        put_name(w, "message", n->message);
        souk_json_put_u64(w, "ms", n->time_ms);
        souk_json_put_u64(w, "worker", n->worker);
        if (faults) {
            put_name(w, "what", n->what ? n->what : "SOUK_FAILED");
            put_name(w, "file", n->file);
            souk_json_put_u64(w, "line", n->line);
        } else {
            souk_json_put_u64(w, "ns", n->ns);
            souk_json_put_bool(w, "stalled", n->stalled);
            souk_json_put_bool(w, "under_way", n->under_way);
        }
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
}

static void
show_turns(struct souk_look *l, const struct souk_look_answer *answer)
{
    struct api_call *call = call_of(l);
    souk_json_writer *w = begin(call, answer);
    souk_json_key(w, "slowest");
    put_notes(w, answer->node->turns, answer->node->turns_count, false);
    souk_json_key(w, "faults");
    put_notes(w, answer->node->faults, answer->node->faults_count, true);
    finish(call, w);
}

static void
look_at_node(struct api_call *call, void (*done)(struct souk_look *, const struct souk_look_answer *))
{
    if (!api_admin_allowed(call)) return;
    uint64_t most = number_of(call, "deepest", 0);
    call->look = (struct souk_look){ .queues = most < SOUK_LOOK_QUEUES ? (unsigned)most : SOUK_LOOK_QUEUES };
    look(call, SOUK_LOOK_AT_NODE, done);
}

void
api_admin_kinds(struct api_call *call)
{
    look_at_node(call, show_kinds);
}

void
api_admin_workers(struct api_call *call)
{
    look_at_node(call, show_workers);
}

void
api_admin_actors(struct api_call *call)
{
    look_at_node(call, show_actors);
}

void
api_admin_turns(struct api_call *call)
{
    look_at_node(call, show_turns);
}

/* ---- One actor. ---- */

/* A %XX in place. */
static size_t
decode(char *at, size_t length)
{
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned byte;
        char digits[3] = "";
        if (at[i] == '%' && i + 2 < length) memcpy(digits, at + i + 1, 2);
        if (strspn(digits, "0123456789abcdefABCDEF") == 2 && sscanf(digits, "%x", &byte) == 1) {
            at[out++] = (char)byte;
            i += 2;
        } else {
            at[out++] = at[i];
        }
    }
    return out;
}

/* KIND/KEY behind a prefix of the path: 32 hexadecimal digits, or the parts of the text id with commas between them.
 * False: the call was answered. */
static bool
read_actor(struct api_call *call, const char *prefix, souk_ref *actor)
{
    struct souk_text path = call->exchange->path, parts[PARTS];
    path.at += strlen(prefix);
    path.length -= strlen(prefix);
    const char *slash = memchr(path.at, '/', path.length);
    size_t name = slash ? (size_t)(slash - path.at) : path.length;
    const struct souk_kind *kind = souk_worker_kind(call->at->worker, (struct souk_text){ path.at, name });
    size_t length = slash ? path.length - name - 1 : 0, count = 0;
    bool found = kind && length && length < API_ROOM;
    if (found) {
        memcpy(call->room, slash + 1, length);
        for (char *at = call->room, *end = at + length; at <= end && count < PARTS; count++) {
            char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
            parts[count] = (struct souk_text){ at, decode(at, (size_t)(stop - at)) };
            at = stop + 1;
        }
        actor->kind = kind->number;
        if (count != 1 || !address_read_name(parts[0], &actor->key))
            actor->key = souk_address_parts(call->at->node, kind, parts, count, &found);
    }
    if (!found) api_problem(call, SOUK_PROBLEM_NOT_FOUND, "no actor can have that kind and key", NULL, 0);
    return found;
}

static void
put_state(souk_json_writer *w, const struct souk_kind *kind, struct souk_bytes state)
{
    uint32_t count;
    size_t length;
    const struct souk_field *fields = kind->state(&count);
    char *json = malloc(STATE_JSON_MAX);
    souk_err err = json ? souk_dump_state(fields, count, state, json, STATE_JSON_MAX, &length) : SOUK_ERR_MEMORY;
    if (err) souk_json_null(w);
    else souk_json_raw(w, (struct souk_text){ json, length });
    free(json);
}

static void
show_actor(struct souk_look *l, const struct souk_look_answer *answer)
{
    struct api_call *call = call_of(l);
    if (answer->err == SOUK_ERR_MISSING) {
        bool asleep = answer->actor && answer->actor->asleep;
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, asleep ? "it is asleep: speak to it first" : "it is not live",
                    NULL, 0);
        return;
    }
    if (answer->err) {
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "the worker that has it says nothing: see /admin/turns", NULL, 0);
        return;
    }
    const struct souk_look_actor *a = answer->actor;
    souk_json_writer *w = begin(call, answer);
    put_actor(w, a->kind, l->actor.key);
    souk_json_put_bool(w, "live", a->live);
    souk_json_put_bool(w, "asleep", a->asleep);
    souk_json_put_bool(w, "traced", a->traced);
    souk_json_put_bool(w, "paused", a->paused);
    souk_json_put_u64(w, "depth", a->depth);
    if (!a->kind->policy) souk_json_put_u64(w, "position", a->position);
    souk_json_put_u64(w, "state_bytes", a->state_size);
    souk_json_key(w, "state");
    if (a->state.length) put_state(w, a->kind, a->state);
    else souk_json_null(w);
    finish(call, w);
}

void
api_admin_actor(struct api_call *call)
{
    souk_ref actor;
    if (!api_admin_allowed(call) || !read_actor(call, "/admin/actor/", &actor)) return;
    call->look = (struct souk_look){ .actor = actor };
    look(call, SOUK_LOOK_AT_ACTOR, show_actor);
}

/* ---- The trace. ---- */

void
api_admin_trace_switch(struct api_call *call)
{
    souk_ref actor;
    if (!api_admin_allowed(call) || !read_actor(call, "/admin/trace/", &actor)) return;
    call->look = (struct souk_look){ .actor = actor, .on = number_of(call, "on", 1) != 0 };
    if (number_of(call, "stderr", 2) < 2)
        souk_worker_trace_aloud(call->at->worker, number_of(call, "stderr", 0) == 1);
    look(call, SOUK_LOOK_TRACE, show_actor);
}

void
api_admin_trace(struct api_call *call)
{
    const struct souk_look_answer whole = { .silent = 0 };
    uint64_t first;
    if (!api_admin_allowed(call)) return;
    char *lines = malloc(TRACE_MAX);
    if (!lines) {
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "there is no memory left", NULL, 0);
        return;
    }
    uint64_t after = number_of(call, "after", 0);
    size_t length = souk_worker_trace(call->at->worker, after, &first, lines, TRACE_MAX);
    souk_json_writer *w = begin(call, &whole);
    souk_json_put_u64(w, "first", first);
    souk_json_key(w, "turns");
    souk_json_array_open(w);
    for (const char *at = lines, *end = lines + length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        souk_json_raw(w, (struct souk_text){ at, (size_t)(stop - at) });
        at = stop + 1;
    }
    souk_json_array_close(w);
    free(lines);
    finish(call, w);
}

/* ---- Dead letters. ---- */

static void
show_dead(struct souk_look *l, const struct souk_look_answer *answer)
{
    static const char *const endings[] = { "done", "refused", "late", "dead" };
    struct api_call *call = call_of(l);
    char *json = malloc(8 * SOUK_LOOK_BODY_MAX);
    souk_json_writer *w = begin(call, answer);
    souk_json_put_u64(w, "ever", answer->letters->ever);
    souk_json_key(w, "letters");
    souk_json_array_open(w);
    for (unsigned i = 0; i < answer->letters->count; i++) {
        const struct souk_look_letter *d = &answer->letters->at[i];
        size_t length = 0;
        souk_json_object_open(w);
        souk_json_put_u64(w, "id", d->id);
        souk_json_put_u64(w, "ms", d->time_ms);
        put_actor(w, d->kind, d->key);
        put_name(w, "message", d->message);
        put_name(w, "ending", d->ending <= SOUK_DEAD ? endings[d->ending] : NULL);
        souk_json_put_bool(w, "asked", d->asked);
        souk_json_put_u64(w, "bytes", d->size);
        souk_json_key(w, "body");
        if (json && d->row && d->body.length &&
            souk_dump(d->row->layout, d->body, json, 8 * SOUK_LOOK_BODY_MAX, &length) == SOUK_OK)
            souk_json_raw(w, (struct souk_text){ json, length });
        else
            souk_json_null(w);
        souk_json_object_close(w);
    }
    souk_json_array_close(w);
    free(json);
    finish(call, w);
}

void
api_admin_dead(struct api_call *call)
{
    if (!api_admin_allowed(call)) return;
    call->look = (struct souk_look){ .on = false };
    look(call, SOUK_LOOK_AT_LETTERS, show_dead);
}

static void
replayed(struct souk_look *l, const struct souk_look_answer *answer)
{
    struct api_call *call = call_of(l);
    if (answer->err == SOUK_ERR_MISSING) {
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "there is no such letter any more", NULL, 0);
    } else if (answer->err == SOUK_ERR_USAGE) {
        api_problem(call, SOUK_PROBLEM_CONFLICT, "nobody waits for the answer of a query", NULL, 0);
    } else if (answer->err) {
        api_problem(call, SOUK_PROBLEM_OVERLOADED, "the worker that has it says nothing: see /admin/turns", NULL, 0);
    } else {
        souk_json_writer *w = begin(call, answer);
        souk_json_put_u64(w, "sent_again", l->letter);
        finish(call, w);
    }
}

void
api_admin_replay(struct api_call *call)
{
    if (!api_admin_allowed(call)) return;
    char *end, text[24] = "";
    if (call->id.length < sizeof text) memcpy(text, call->id.at, call->id.length);
    call->look = (struct souk_look){ .letter = strtoull(text, &end, 10) };
    if (end == text || *end) {
        api_problem(call, SOUK_PROBLEM_NOT_FOUND, "that is not the id of a letter", NULL, 0);
        return;
    }
    look(call, SOUK_LOOK_REPLAY, replayed);
}
