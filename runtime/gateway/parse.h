/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/parse.h -- one HTTP/1.x message read from a buffer that fills bit by bit: requests for the server in http.c,
 * answers for the client in httpclient.c.
 *
 * The caller keeps the whole message in one buffer and calls again whenever more has arrived; what was found is kept
 * as offsets from the message's first byte, so that the buffer may move in between. Nothing is allocated.
 * A message whose end could be read in two ways (both length and chunks, a length twice, folded or bare line ends,
 * any coding but chunked) is malformed, not repaired: that is how requests are smuggled. */
#ifndef SOUK_GATEWAY_PARSE_H
#define SOUK_GATEWAY_PARSE_H

#include <souk/base.h>

enum souk_http_method {
    SOUK_HTTP_OTHER,
    SOUK_HTTP_GET,
    SOUK_HTTP_HEAD,
    SOUK_HTTP_POST,
    SOUK_HTTP_PUT,
    SOUK_HTTP_DELETE
};

enum { SOUK_PARSE_HEADERS_MAX = 48 }; /* More of them are refused like too long a head. */

/* A piece of the message: bytes from its beginning, and how many. */
struct souk_span {
    uint32_t at, length;
};
struct souk_parse_header {
    struct souk_span name, value;
};

enum souk_parse_result {
    SOUK_PARSE_MORE, /* Not yet at its end. */
    SOUK_PARSE_DONE, /* Complete: it ends at `end`. */
    SOUK_PARSE_MALFORMED,
    SOUK_PARSE_METHOD, /* A well-formed method that nobody knows. */
    SOUK_PARSE_HEAD_TOO_LARGE,
    SOUK_PARSE_BODY_TOO_LARGE
};

/* One message. The caller's memory; read what stands above the line once `head_done`, the body once DONE. */
struct souk_parse {
    enum souk_http_method method; /* A request's. */
    unsigned status;              /* An answer's. */
    struct souk_span path, query; /* As they came, not decoded; the query is without its '?'. */
    uint32_t header_count;
    bool http_1_0, keep_alive, expect_continue, chunked, head_done;
    uint32_t head_end;    /* Where the body begins. */
    uint32_t body_length; /* Of a chunked body, without its framing. */
    uint32_t end;
    struct souk_parse_header headers[SOUK_PARSE_HEADERS_MAX];
    /* -- below this line: parse.c's own -- */
    uint64_t engine[4];
    const char *base;
    uint32_t head_max, body_max, fed, framing, line;
    uint64_t wanted;
    uint8_t stage;
    bool answer, no_body, length_given, was_value, too_many, folded;
};

/* Begins a message: a request, or an answer (`no_body`: to HEAD). Limits in bytes, below 2^30. */
void souk_parse_start(struct souk_parse *parse, bool answer, bool no_body, uint32_t head_max, uint32_t body_max);

/* Reads on: `base` holds the *length bytes of the message so far, and perhaps the beginning of the next. The framing
 * of chunks is squeezed out in place, so *length may shrink. After anything but MORE, start anew. */
enum souk_parse_result souk_parse_feed(struct souk_parse *parse, char *base, uint32_t *length);

/* The other side has closed: DONE if that was how the message was to end, else MALFORMED. */
enum souk_parse_result souk_parse_finish(struct souk_parse *parse);

/* How often a header is there, and the value of its first. `name` in lower case; it borrows from `base`. */
unsigned souk_parse_find(const struct souk_parse *parse, const char *base, struct souk_text name,
                         struct souk_text *value);

/* Whether a comma-separated list holds `token` (in lower case), without regard to case. */
bool souk_parse_has_token(struct souk_text list, struct souk_text token);

#endif
