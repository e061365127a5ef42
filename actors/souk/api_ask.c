/* SPDX-License-Identifier: Apache-2.0 */
/* souk/api_ask.c -- what every handler of the gateway does: reads a request, asks actors, answers the client. */
#include "api_inside.h"

#include <stdio.h>
#include <string.h>

/* ---- Answers. ---- */

souk_json_writer *
api_writer(struct api_call *call)
{
    souk_json_reset(&call->at->writer);
    return &call->at->writer;
}

static void
count_order(struct api_call *call)
{
    if (call->is_order) souk_histogram_record(&call->at->order_ns, api_now_ns() - call->began_ns);
}

void
api_answer(struct api_call *call, unsigned status, const souk_key *location, bool applied)
{
    struct souk_text body;
    char path[sizeof "/v1/orders/" + ADDRESS_NAME_LENGTH] = "/v1/orders/", wait[32];
    struct souk_http_header extra[2];
    size_t count = 0;
    if (souk_json_done(&call->at->writer, &body)) {
        api_problem(call, SOUK_PROBLEM_INTERNAL, "the answer is too large", NULL, 0);
        return;
    }
    if (location) {
        address_write_name(*location, path + sizeof "/v1/orders/" - 1);
        extra[count++] = (struct souk_http_header){ SOUK_TEXT("Location"), { path, sizeof path - 1 } };
    }
    if (applied) {
        int length = snprintf(wait, sizeof wait, "wait=%u", call->wanted.wait_ms / 1000);
        extra[count++] = (struct souk_http_header){ SOUK_TEXT("Preference-Applied"), { wait, (size_t)length } };
    }
    count_order(call);
    souk_http_answer(api_call_end(call), status, extra, count, SOUK_TEXT("application/json"), body);
}

void
api_problem(struct api_call *call, enum souk_problem problem, const char *detail,
            const struct souk_problem_member *members, size_t count)
{
    struct api_worker *at = call->at;
    struct souk_text body;
    char seconds[16];
    souk_json_writer *writer = api_writer(call);
    souk_problem_write(writer, problem, souk_text_of(detail), members, count);
    souk_err err = souk_json_done(writer, &body);
    if (err) body = SOUK_TEXT(""); /* No memory for it: the status alone says enough. */
    at->counts.problems[problem]++;
    if (call->is_order) {
        at->counts.order_problems[problem]++;
        at->counts.outcomes[call->by_hint ? API_REFUSED_BY_HINT : API_REFUSED]++;
    }
    count_order(call);
    unsigned retry = souk_problem_retry_s(problem);
    int length = snprintf(seconds, sizeof seconds, "%u", retry);
    const struct souk_http_header after = { SOUK_TEXT("Retry-After"), { seconds, (size_t)length } };
    souk_http_answer(api_call_end(call), souk_problem_status(problem), &after, retry > 0,
                     SOUK_TEXT(SOUK_PROBLEM_CONTENT_TYPE), body);
}

void
api_invalid(struct api_call *call, const char *field, const char *why)
{
    const struct souk_problem_member member = { .name = "field", .text = souk_text_of(field) };
    api_problem(call, SOUK_PROBLEM_INVALID_FIELD, why, &member, 1);
}

/* ---- Actors. ---- */

static void
heard(struct souk_request *request, const struct souk_reply *reply)
{
    struct api_ask *ask = (struct api_ask *)(void *)((char *)request - offsetof(struct api_ask, request));
    ask->under_way = false;
    ask->then(ask->call, reply);
}

bool
api_ask(struct api_call *call, unsigned which, souk_ref to, const struct souk_row *row, const void *message,
        uint32_t within_ms, void (*then)(struct api_call *call, const struct souk_reply *reply))
{
    struct api_ask *ask = &call->asks[which];
    souk_assert(which < API_ASKS && !ask->under_way);
    ask->request = (struct souk_request){ .to = to, .row = row, .within_ms = within_ms, .done = heard };
    ask->call = call;
    ask->then = then;
    souk_err err = souk_worker_ask_with(call->at->worker, &ask->request, message);
    ask->under_way = !err;
    if (!err) return true;
    enum souk_problem problem = err == SOUK_ERR_FULL                             ? SOUK_PROBLEM_DISK_FULL
                                : err == SOUK_ERR_BUSY || err == SOUK_ERR_CLOSED ? SOUK_PROBLEM_OVERLOADED
                                                                                 : SOUK_PROBLEM_INTERNAL;
    api_problem(call, problem, souk_err_text(err), NULL, 0);
    return false;
}

/* What refusals are to a client. The others can't come: what they refuse was checked before. */
static const struct { souk_verdict refusal; enum souk_problem problem; const char *field, *detail; } meanings[] = {
    { order_key_reused, SOUK_PROBLEM_KEY_REUSED, NULL, "the key was used with another sale or other fields" },
    { order_unknown, SOUK_PROBLEM_NOT_FOUND, NULL, "there is no such order" },
    { sale_conflict, SOUK_PROBLEM_CONFLICT, NULL, "the sale has been opened with other content" },
    { sale_unknown, SOUK_PROBLEM_NOT_FOUND, NULL, "there is no such sale" },
    { stock_unknown, SOUK_PROBLEM_NOT_FOUND, NULL, "there is no such sale" },
    { account_key_reused, SOUK_PROBLEM_KEY_REUSED, NULL, "the key was used for another amount" },
    { account_unknown, SOUK_PROBLEM_NOT_FOUND, NULL, "there is no such account" },
    { account_overflow, SOUK_PROBLEM_INVALID_FIELD, "amount.amount", "the balance would be too large" },
    { SOUK_OVERLOADED, SOUK_PROBLEM_OVERLOADED, NULL, "too much is under way" },
};

static void
refused(struct api_call *call, souk_verdict refusal)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].refusal != refusal) continue;
        if (meanings[i].field) api_invalid(call, meanings[i].field, meanings[i].detail);
        else api_problem(call, meanings[i].problem, meanings[i].detail, NULL, 0);
        return;
    }
    api_problem(call, SOUK_PROBLEM_INTERNAL, "the request was refused by its actor", NULL, 0);
}

bool
api_read(struct api_call *call, const struct souk_reply *reply, const struct souk_layout *layout, void *out)
{
    switch (reply->ending) {
    case SOUK_DONE:
        if (!out || souk_worker_read(call->at->worker, reply->body, layout, out)) return true;
        api_problem(call, SOUK_PROBLEM_INTERNAL, "an actor's answer can't be read", NULL, 0);
        break;
    case SOUK_REFUSED: refused(call, reply->refusal); break;
    case SOUK_LATE: api_problem(call, SOUK_PROBLEM_OVERLOADED, "no answer came in time", NULL, 0); break;
    case SOUK_DEAD: api_problem(call, SOUK_PROBLEM_INTERNAL, "the actor is out of order", NULL, 0); break;
    }
    return false;
}

/* ---- A request's parts. ---- */

struct souk_text
api_keep(struct api_call *call, struct souk_text text)
{
    souk_assert(text.length <= sizeof call->room - call->room_used);
    char *at = call->room + call->room_used;
    memcpy(at, text.at, text.length);
    call->room_used += text.length;
    return (struct souk_text){ at, text.length };
}

bool
api_id(struct api_call *call)
{
    char name[16] = "";
    if (address_id_valid(call->id)) return true;
    for (size_t i = 0; i < sizeof name - 1 && call->id_name[i] != '}'; i++) name[i] = call->id_name[i];
    api_invalid(call, name, "an id has 1 to 64 bytes of [A-Za-z0-9._:@-]");
    return false;
}

bool
api_key(struct api_call *call, struct souk_text *key)
{
    unsigned times = souk_http_header(call->exchange, SOUK_TEXT("idempotency-key"), key);
    if (times == 1 && address_visible(*key, ADDRESS_ID_MAX)) return true;
    api_problem(call, SOUK_PROBLEM_KEY_MISSING,
                times == 0   ? "the header Idempotency-Key is missing"
                : times == 1 ? "an Idempotency-Key has 1 to 64 visible ASCII bytes"
                             : "more than one Idempotency-Key was given", NULL, 0);
    return false;
}

bool
api_body_read(struct api_call *call, const struct souk_json_field *fields, size_t count, struct souk_json_value *values)
{
    struct souk_json_fault fault = { .why = "" };
    souk_err err = souk_json_read(call->at->reader, call->exchange->body, SOUK_JSON_STRICT, fields, count, values,
                                  &fault);
    if (!err) return true;
    const char *why = fault.why ? fault.why : "";
    if (err == SOUK_ERR_USAGE) {
        char field[sizeof fault.field + 1];
        snprintf(field, sizeof field, "%.*s", (int)fault.field_length, fault.field);
        api_invalid(call, field, why);
        return false;
    }
    api_problem(call, err == SOUK_ERR_TOO_LARGE ? SOUK_PROBLEM_TOO_LARGE
                      : err == SOUK_ERR_MEMORY  ? SOUK_PROBLEM_OVERLOADED
                                                : SOUK_PROBLEM_BAD_REQUEST, why, NULL, 0);
    return false;
}
