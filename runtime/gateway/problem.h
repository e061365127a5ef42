/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/problem.h -- every way in which an HTTP request is refused, as application/problem+json (RFC 9457). */
#ifndef SOUK_GATEWAY_PROBLEM_H
#define SOUK_GATEWAY_PROBLEM_H

#include "gateway/json.h"

/* Each problem: its name in the type `urn:souk:problem:NAME`, status, title. */
#define SOUK_PROBLEMS(P)                                                                                               \
    P(BAD_REQUEST, "bad-request", 400, "The request is malformed")                                                     \
    P(KEY_MISSING, "key-missing", 400, "The Idempotency-Key header is missing or malformed")                           \
    P(PAYMENT_DECLINED, "payment-declined", 402, "The payment was declined")                                           \
    P(INSUFFICIENT_CREDIT, "insufficient-credit", 402, "The customer has not enough store credit")                     \
    P(NOT_FOUND, "not-found", 404, "There is no such thing")                                                           \
    P(METHOD, "method", 405, "This method is not allowed here")                                                        \
    P(TIMEOUT, "timeout", 408, "The request did not arrive in time")                                                   \
    P(SOLD_OUT, "sold-out", 409, "There are not enough units left")                                                    \
    P(LIMIT, "limit", 409, "The limit per customer is reached")                                                        \
    P(NOT_OPEN, "not-open", 409, "The sale is not open")                                                               \
    P(CONFLICT, "conflict", 409, "It exists with other content")                                                       \
    P(TOO_LARGE, "too-large", 413, "The body is too large")                                                            \
    P(INVALID_FIELD, "invalid-field", 422, "A field is not valid")                                                     \
    P(KEY_REUSED, "key-reused", 422, "The Idempotency-Key was used for another request")                               \
    P(HEADERS_TOO_LARGE, "headers-too-large", 431, "The headers are too large")                                        \
    P(INTERNAL, "internal", 500, "Something broke on our side")                                                        \
    P(OVERLOADED, "overloaded", 503, "Too much is under way; try again later")                                         \
    P(DISK_FULL, "disk-full", 503, "There is no room to record it; try again later")

#define SOUK_PROBLEM_CODE_(code, name, status, title) SOUK_PROBLEM_##code,
enum souk_problem { SOUK_PROBLEMS(SOUK_PROBLEM_CODE_) SOUK_PROBLEM_COUNT };

/* What every answer with a problem has as its content type. */
#define SOUK_PROBLEM_CONTENT_TYPE "application/problem+json"

/* The part of the type after `urn:souk:problem:`; a static C string. Any thread. */
const char *souk_problem_name(enum souk_problem problem);
/* The HTTP status. Any thread. */
unsigned souk_problem_status(enum souk_problem problem);
/* Seconds for Retry-After; 0 if the header isn't due. Any thread. */
unsigned souk_problem_retry_s(enum souk_problem problem);

/* A further member: a text, or a number if text.at is NULL. */
struct souk_problem_member {
    const char *name;
    struct souk_text text;
    int64_t number;
};

/* Writes the object. `detail` may be empty. Borrows all. */
void souk_problem_write(souk_json_writer *writer, enum souk_problem problem, struct souk_text detail,
                        const struct souk_problem_member *members, size_t count);

#endif
