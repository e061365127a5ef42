/* SPDX-License-Identifier: Apache-2.0 */
/* souk/top_fetch.c -- asks a node's /admin for `souk top`; see top_inside.h. Four requests at once, each on a
 * connection of its own. What isn't there counts as zero, so that a newer or older node is shown as far as it goes. */
#include "top_inside.h"

#include "gateway/httpclient.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES = 4, ANSWER_MAX = 1 << 20, FIELDS = 12 };
#define SECOND UINT64_C(1000000000)
#define TIMEOUT (3 * SECOND)
#define POLL (50 * UINT64_C(1000000))

struct top_source {
    souk_loop *loop;
    souk_httpclient *client;
    souk_json_reader *reader;
    struct route { bool done; souk_err err; unsigned status; size_t length; char *body; } route[ROUTES];
};

static const char *const targets[ROUTES] = { "/admin/kinds", "/admin/workers", "/admin/actors?deepest=20",
                                             "/admin/turns" };

souk_err
top_source_open(top_source **out, const char *host, uint16_t port)
{
    struct souk_httpclient_options options = { .host = host, .port = port, .connections = ROUTES, .timeout_ns = TIMEOUT,
                                               .answer_max = ANSWER_MAX };
    top_source *s = calloc(1, sizeof *s);
    if (!s) return SOUK_ERR_MEMORY;
    souk_err err = souk_loop_open(&s->loop);
    if (!err) err = souk_httpclient_open(&s->client, s->loop, &options);
    s->reader = souk_json_reader_open();
    if (!err && !s->reader) err = SOUK_ERR_MEMORY;
    for (unsigned i = 0; i < ROUTES && !err; i++) {
        s->route[i].body = malloc(ANSWER_MAX);
        if (!s->route[i].body) err = SOUK_ERR_MEMORY;
    }
    if (err) top_source_close(&s);
    *out = s;
    return err;
}

void
top_source_close(top_source **source_p)
{
    top_source *s = *source_p;
    *source_p = NULL;
    if (!s) return;
    if (s->client) souk_httpclient_close(&s->client);
    if (s->loop) souk_loop_close(&s->loop);
    if (s->reader) souk_json_reader_close(&s->reader);
    for (unsigned i = 0; i < ROUTES; i++) free(s->route[i].body);
    free(s);
}

static void
answered(void *arg, const struct souk_httpclient_answer *answer)
{
    struct route *r = arg;
    r->done = true;
    r->err = answer->fault;
    r->status = answer->status;
    r->length = answer->body.length;
    if (r->length) memcpy(r->body, answer->body.at, r->length);
}

/* ---- Reading. ---- */

/* A field of an object and where its value goes: a number, a truth or a text. */
struct want { const char *name; enum souk_json_type type; void *out; size_t size; };

static bool
read_object(top_source *s, struct souk_text json, const struct want *wants, unsigned count)
{
    struct souk_json_field fields[FIELDS] = { { .path = NULL } };
    struct souk_json_value values[FIELDS];
    struct souk_json_fault fault;
    souk_assert(count <= FIELDS);
    for (unsigned i = 0; i < count; i++)
        fields[i] = (struct souk_json_field){
            .path = wants[i].name, .path_length = (uint32_t)strlen(wants[i].name), .type = wants[i].type,
            .min = 0, .max = INT64_MAX,
        };
    if (souk_json_read(s->reader, json, SOUK_JSON_OPEN, fields, count, values, &fault)) return false;
    for (unsigned i = 0; i < count; i++) {
        if (!values[i].present) continue;
        if (wants[i].type == SOUK_JSON_INTEGER) *(uint64_t *)wants[i].out = (uint64_t)values[i].integer;
        else if (wants[i].type == SOUK_JSON_BOOLEAN) *(bool *)wants[i].out = values[i].boolean;
        else if (wants[i].type == SOUK_JSON_ARRAY) *(struct souk_text *)wants[i].out = values[i].text;
        else (void)snprintf(wants[i].out, wants[i].size, "%.*s", (int)values[i].text.length, values[i].text.at);
    }
    return true;
}

#define NUMBER(name_, place) { name_, SOUK_JSON_INTEGER, &(place), 0 }
#define TRUTH(name_, place) { name_, SOUK_JSON_BOOLEAN, &(place), 0 }
#define LETTERS(name_, place) { name_, SOUK_JSON_TEXT, (place), sizeof(place) }
#define ARRAY(name_, place) { name_, SOUK_JSON_ARRAY, &(place), 0 }
#define READ(source, json, ...) \
    read_object((source), (json), (const struct want[]){ __VA_ARGS__ }, \
                sizeof((const struct want[]){ __VA_ARGS__ }) / sizeof(struct want))

static struct souk_text
body_of(const struct route *r)
{
    return (struct souk_text){ r->body, r->length };
}

static bool
read_kinds(top_source *s, struct top_sample *out)
{
    struct souk_text all = { NULL, 0 }, one;
    bool good = READ(s, body_of(&s->route[0]), NUMBER("now_ms", out->now_ms), NUMBER("silent", out->silent),
                     TRUTH("estimated", out->estimated), ARRAY("kinds", all));
    while (good && out->kinds_count < TOP_KINDS && souk_json_next(&all, &one)) {
        struct top_kind *k = &out->kinds[out->kinds_count++];
        good = READ(s, one, LETTERS("kind", k->kind), TRUTH("volatile", k->is_volatile), NUMBER("live", k->live),
                    NUMBER("turns", k->turns), NUMBER("refusals", k->refusals), NUMBER("faults", k->faults),
                    NUMBER("restarts", k->restarts), NUMBER("dead_letters", k->letters),
                    NUMBER("waiting", k->waiting), NUMBER("deepest", k->deepest));
    }
    return good;
}

static bool
read_workers(top_source *s, struct top_sample *out)
{
    struct souk_text all = { NULL, 0 }, one;
    bool good = READ(s, body_of(&s->route[1]), NUMBER("up_ns", out->up_ns), ARRAY("workers", all));
    while (good && out->workers_count < TOP_WORKERS && souk_json_next(&all, &one)) {
        struct top_worker *w = &out->workers[out->workers_count++];
        good = READ(s, one, NUMBER("worker", w->worker), NUMBER("turns", w->turns), NUMBER("steals", w->steals),
                    NUMBER("parks", w->parks), NUMBER("idle_ns", w->idle_ns), LETTERS("in", w->in));
    }
    return good;
}

static bool
read_queues(top_source *s, struct top_sample *out)
{
    struct souk_text all = { NULL, 0 }, one;
    bool good = READ(s, body_of(&s->route[2]), ARRAY("deepest", all));
    while (good && out->queues_count < TOP_QUEUES && souk_json_next(&all, &one)) {
        struct top_queue *q = &out->queues[out->queues_count++];
        good = READ(s, one, LETTERS("kind", q->kind), LETTERS("key", q->key), NUMBER("depth", q->depth));
    }
    return good;
}

static bool
read_list(top_source *s, struct souk_text all, struct top_turn *list, unsigned most, unsigned *count)
{
    struct souk_text one;
    bool good = true;
    while (good && *count < most && souk_json_next(&all, &one)) {
        struct top_turn *t = &list[(*count)++];
        good = READ(s, one, LETTERS("kind", t->kind), LETTERS("key", t->key), LETTERS("message", t->message),
                    NUMBER("ms", t->ms), NUMBER("ns", t->ns), NUMBER("worker", t->worker),
                    TRUTH("stalled", t->stalled), TRUTH("under_way", t->under_way), LETTERS("what", t->what));
    }
    return good;
}

static bool
read_turns(top_source *s, struct top_sample *out)
{
    struct souk_text slowest = { NULL, 0 }, faults = { NULL, 0 };
    return READ(s, body_of(&s->route[3]), ARRAY("slowest", slowest), ARRAY("faults", faults)) &&
           read_list(s, slowest, out->turns, TOP_TURNS, &out->turns_count) &&
           read_list(s, faults, out->faults, TOP_FAULTS, &out->faults_count);
}

/* ---- Rates. ---- */

static double
rate(uint64_t now, uint64_t before, double seconds)
{
    return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static void
work_out(struct top_sample *now, const struct top_sample *before)
{
    /* A node that was started anew has counts that begin again. */
    bool since = before && before->up_ns && now->up_ns > before->up_ns && now->kinds_count == before->kinds_count &&
                 now->workers_count == before->workers_count;
    double seconds = (double)(now->up_ns - (since ? before->up_ns : 0)) / (double)SECOND;
    for (unsigned i = 0; i < now->kinds_count; i++)
        now->kinds[i].rate = rate(now->kinds[i].turns, since ? before->kinds[i].turns : 0, seconds);
    for (unsigned i = 0; i < now->workers_count; i++) {
        struct top_worker *w = &now->workers[i];
        w->rate = rate(w->turns, since ? before->workers[i].turns : 0, seconds);
        double idle = rate(w->idle_ns, since ? before->workers[i].idle_ns : 0, seconds) / (double)SECOND;
        w->busy = idle < 1 ? 1 - idle : 0;
    }
}

/* ---- Asking. ---- */

bool
top_fetch(top_source *s, struct top_sample *out, const struct top_sample *before, char *why, size_t why_size)
{
    uint64_t began = souk_process_now_ns(), now = began;
    unsigned left = ROUTES;
    memset(out, 0, sizeof *out);
    souk_httpclient_tick(s->client, began);
    for (unsigned i = 0; i < ROUTES; i++) {
        const struct souk_httpclient_request request = {
            .method = SOUK_TEXT("GET"), .target = souk_text_of(targets[i]), .done = answered, .arg = &s->route[i] };
        s->route[i].done = false;
        s->route[i].err = souk_httpclient_send(s->client, &request);
        if (s->route[i].err) s->route[i].done = true;
    }
    while (left && now - began < 2 * TIMEOUT) {
        souk_loop_poll(s->loop, POLL);
        now = souk_process_now_ns();
        souk_httpclient_tick(s->client, now);
        left = 0;
        for (unsigned i = 0; i < ROUTES; i++) left += !s->route[i].done;
    }
    for (unsigned i = 0; i < ROUTES; i++) {
        const struct route *r = &s->route[i];
        if (!r->err && r->status == 200) continue;
        if (r->err) snprintf(why, why_size, "no answer: %s", souk_err_text(r->err));
        else snprintf(why, why_size, "%s was answered with %u", targets[i], r->status);
        return false;
    }
    if (!read_kinds(s, out) || !read_workers(s, out) || !read_queues(s, out) || !read_turns(s, out)) {
        snprintf(why, why_size, "an answer could not be read");
        return false;
    }
    work_out(out, before);
    return true;
}
